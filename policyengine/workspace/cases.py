"""A policy test judged: what came out otherwise than its case expects, and why.

The evaluator judges, never compiled Python, so that a case says what the policy means. How results are printed is not
known here; the format of a case is `casefile`'s, what all cases together reach is `reach`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policyengine.base.diagnostic import Diagnostic, error
from policyengine.base.instants import format_instant, local_date
from policyengine.core.case import Case
from policyengine.core.evaluate import judge
from policyengine.core.operators import Overflow
from policyengine.core.verdict import (
    VERDICTS,
    Judgement,
    Missing,
    MissingFact,
    MissingField,
    MissingState,
    Setting,
    Verdict,
)
from policyengine.workspace.casefile import EVERY_RULE, Expected, PolicyCase, path_text
from policyengine.workspace.library import Book
from policyengine.workspace.parameters import parameter_values
from policyengine.workspace.reach import Reach
from policyengine.workspace.suites import Suite


@dataclass(frozen=True)
class Failure:
    """One rule of a case that came out otherwise: what was expected and found, in words, and the judgements."""

    rule: str
    expected: str
    found: str
    judgements: tuple[Judgement, ...]
    book: Book


@dataclass(frozen=True)
class Outcome:
    """A case that was judged; it passed when there are no failures."""

    case: PolicyCase
    failures: tuple[Failure, ...]
    rules: int


def run_case(case: PolicyCase, suite: Suite, reach: Reach) -> tuple[Outcome, tuple[Diagnostic, ...]]:
    """Judge a case, and note in `reach` what it reached."""
    places = suite.rules()
    wanted = set(case.expect) - {EVERY_RULE} | set(case.due) | set(case.missing)
    if EVERY_RULE in case.expect:
        wanted = set(places)
    judgements: dict[str, list[Judgement]] = {name: [] for name in sorted(wanted)}
    whole = Case(case.facts, case.events)
    for place, book in enumerate(suite.books):
        rules = [name for name in judgements if places[name] == place]
        if not rules:
            continue
        given = [f"{name}={value}" for name, value in case.params.items()]
        values, problems, _ = parameter_values(book.policy, book.id, suite.config, given)
        if problems:
            return Outcome(case, (), 0), problems
        setting = Setting(case.as_of, {**suite.values[place], **values})
        try:
            for judgement in judge(book.policy, whole, setting, book.calendar, rules=rules):
                judgements[judgement.rule].append(judgement)
            reach.note(book, whole, setting, rules, judgements)
        except Overflow:
            return Outcome(case, (), 0), (error("number-too-large", "a number computed for the case has more than 18 "
                                                "digits before the point", case.span),)
    failures = [failure for name, found in judgements.items()
                for failure in _failures(case, name, found, suite.books[places[name]])]
    return Outcome(case, tuple(failures), len(judgements)), ()


def _failures(case: PolicyCase, name: str, found: Sequence[Judgement], book: Book) -> Iterator[Failure]:
    zone = book.calendar.zone
    expected = case.expect.get(name)
    if expected is not None:
        came = _got(found, expected)
        if came is not None:
            yield Failure(name, str(expected), came, tuple(found), book)
    elif EVERY_RULE in case.expect:
        every = case.expect[EVERY_RULE]
        applied = [one for one in found if one.verdict != "not_applicable"]
        came = _got(found, every) if applied or (found and every.one == "not_applicable") else None
        if came is not None:
            yield Failure(name, str(every), came, tuple(found), book)
    if name in case.due:
        pending = [one for one in found if one.verdict == "pending" and one.due is not None]
        wanted = case.due[name]
        said = wanted if isinstance(wanted, str) else format_instant(wanted, zone)
        got = {_last_day(one, zone) if isinstance(wanted, str) else format_instant((one.due or 0) - 1, zone)
               for one in pending}
        if got != {said}:
            yield Failure(name, f"due {said}", f"due {', '.join(sorted(got))}" if got else "nothing pending",
                          tuple(found), book)
    if name in case.missing:
        named = {said for one in found if one.verdict == "undecided" for lost in one.missing for said in _lost(lost)}
        absent = [one for one in case.missing[name] if one not in named]
        if absent:
            yield Failure(name, f"missing {', '.join(absent)}", f"missing {', '.join(sorted(named)) or 'nothing'}",
                          tuple(found), book)


def _last_day(judgement: Judgement, zone: str) -> str:
    """The last local day on which the duty can still be met."""
    return local_date((judgement.due or 0) - 1, zone).isoformat()


def _lost(missing: Missing) -> tuple[str, ...]:
    match missing:
        case MissingFact():
            return (path_text(missing.path),)
        case MissingField():
            return (f"{missing.event.type}.{path_text(missing.path)}",)
        case MissingState():
            return (missing.state, *missing.sources)
        case _:
            return ()


def _got(found: Sequence[Judgement], expected: Expected) -> str | None:
    """What came out, in words, when it is not what was expected; None when it is."""
    verdicts: list[Verdict] = [one.verdict for one in found]
    if "not_applicable" not in expected.verdicts:
        verdicts = [one for one in verdicts if one != "not_applicable"]
    left = len(found) - len(verdicts)
    if expected.one is not None:
        good = bool(verdicts) and all(one == expected.one for one in verdicts)
    elif expected.listed is not None:
        good = tuple(verdicts) == expected.listed
    else:
        good = Counter(verdicts) == Counter({k: v for k, v in (expected.counted or {}).items() if v})
    if good:
        return None
    if not verdicts:
        return "not_applicable" if left else "no moment"
    if len(verdicts) == 1:
        return verdicts[0]
    if expected.listed is not None and len(verdicts) <= 12:
        return ", ".join(verdicts)
    counts = Counter(verdicts)
    return ", ".join(f"{counts[one]} {one}" for one in VERDICTS if counts[one])
