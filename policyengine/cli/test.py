"""`guiju test`: judges the cases beside policies, compares verdicts, and says what no case reaches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from policyengine.base.diagnostic import Diagnostic, concise, has_errors, in_order
from policyengine.base.source import Source
from policyengine.cli.books import counted, open_library, wrapped
from policyengine.cli.common import FINDINGS, NO_VERDICT, fail, format_option, paint, say, settings, show
from policyengine.report.evidence import Context, evidence_line, missing_line, written
from policyengine.workspace.casefile import read_suite
from policyengine.workspace.cases import Failure, Outcome, run_case
from policyengine.workspace.library import Library
from policyengine.workspace.reach import Goal, Reach
from policyengine.workspace.suites import Suite, case_folders, open_suite

MOST_MOMENTS = 3  # of one failure, shown with their evidence
MOST_LINES = 6    # of evidence, for each


@dataclass(frozen=True)
class Tested:
    """A suite, what came out of its cases, and what they reached."""

    suite: Suite
    outcomes: tuple[Outcome, ...]
    reach: Reach
    policies: Mapping[str, Source]

    @property
    def failed(self) -> int:
        """How many cases came out otherwise."""
        return sum(bool(one.failures) for one in self.outcomes)


@click.command("test")
@click.argument("targets", nargs=-1, metavar="[PATH|REGULATION]...")
@click.option("--threshold", type=click.FloatRange(0, 100), metavar="PERCENT",
              help="Exit with 1 when the cases of a policy reach less of it.")
@click.option("--missed", "show_missed", is_flag=True, help="Name everything that no case reaches.")
@format_option
def command(targets: tuple[str, ...], threshold: float | None, show_missed: bool, format: str | None) -> int:
    """Judge the cases of policies and compare the verdicts.

    Cases stand in `cases/*.yaml` beside a policy; docs/commands.md describes them. A target is a file of cases, a
    folder, a policy, or a regulation (ID or ID@VERSION); without any, the project's own policies or, where it has none,
    the whole library.

    Exit codes: 0 every case came out as expected, 1 one did not or the threshold was missed, 2 some case could not be
    read (the others are judged all the same).
    """
    config = settings(format=format)
    library = open_library(config)
    folders, problems = case_folders(library, targets)
    if has_errors(problems):
        fail(problems)
    found: list[Diagnostic] = []
    sources: dict[str, Source] = {}
    tested: list[Tested] = []
    for folder, files in sorted(folders.items()):
        suite, wrong, more = open_suite(library, folder, files, config)
        found += [one for one in wrong if one.severity == "error"]
        sources.update(more)
        if suite is not None:
            tested.append(_test(suite, library, found, sources))
    files_judged = sum(len(one.suite.files) for one in tested)
    if config.format == "json":
        click.echo(to_json(tested, threshold, found))
    elif any(one.outcomes for one in tested):
        click.echo(to_text(tested, files_judged, threshold, show_missed=show_missed))
    show(found, sources)
    if found:
        say(f"{counted(len(in_order(found)), 'error')}; what they concern was not judged"
            if any(one.outcomes for one in tested) else "nothing was judged")
        return NO_VERDICT
    below = threshold is not None and any(one.reach.percent < threshold for one in tested)
    return FINDINGS if below or any(one.failed for one in tested) else 0


def _test(suite: Suite, library: Library, found: list[Diagnostic], sources: dict[str, Source]) -> Tested:
    cases, problems, more = read_suite(suite, {file: library.shown(file) for file in suite.files})
    found += problems
    sources.update(more)
    reach = Reach(suite.book.policy)
    outcomes = []
    for case in cases:
        outcome, problems = run_case(case, suite, reach)
        found += problems
        if not problems:
            outcomes.append(outcome)
    return Tested(suite, tuple(outcomes), reach, _policies(suite, library))


def _policies(suite: Suite, library: Library) -> dict[str, Source]:
    """The texts that evidence and missed conditions are quoted from."""
    files: set[Path] = set()
    for book in suite.books:
        folder = library.folders.get(book.regulation.id)
        files |= set(folder.rglob("*.policy")) if folder is not None else set()
    files |= {file for file in suite.files[0].parent.parent.glob("*.policy")}
    files |= set(suite.files[0].parent.parent.parent.glob("*.policy"))
    return {library.shown(file): Source(library.shown(file), file.read_text("utf-8")) for file in sorted(files)}


# ---- text -------------------------------------------------------------------------------------------------------

def to_text(tested: Sequence[Tested], files: int, threshold: float | None, *, show_missed: bool) -> str:
    """Failures first, then what each policy's cases reach, then the sum."""
    lines: list[str] = []
    for one in tested:
        for outcome in one.outcomes:
            if outcome.failures:
                lines += [*_failed(one, outcome), ""]
    for one in tested:
        lines += [*_reached(one, threshold, show_missed=show_missed), ""]
    cases = sum(len(one.outcomes) for one in tested)
    failed = sum(one.failed for one in tested)
    end = f"{failed} failed, {cases - failed} passed" if failed else "all passed"
    lines.append(f"{counted(files, 'file')}, {counted(cases, 'case')}: {paint(end, 'bad' if failed else 'good')}")
    return "\n".join(lines)


def _failed(tested: Tested, outcome: Outcome) -> list[str]:
    case = outcome.case
    lines = [f"{paint('failed', 'bad')}  {case.name}", f"        {case.span.path}:{case.span.line}"]
    shown: set[str] = set()  # a wrong verdict and a wrong due time have the same evidence
    for failure in outcome.failures:
        lines.append(f"        {failure.rule}: expected {failure.expected}, found {failure.found}")
        lines += _evidence(tested, failure) if failure.rule not in shown else []
        shown.add(failure.rule)
    return lines


def _evidence(tested: Tested, failure: Failure) -> list[str]:
    """Why the rule came out as it did, for the first moments that are not as expected."""
    context = Context(failure.book.calendar, None, tested.policies)
    lines: list[str] = []
    odd = [one for one in failure.judgements if one.verdict != failure.expected] or list(failure.judgements)
    for judgement in odd[:MOST_MOMENTS]:
        if judgement.moment is not None and judgement.moment.event is not None:
            event = judgement.moment.event
            lines.append(f"          {judgement.verdict} for {event.type} in line {event.row}")
        said = [evidence_line(one, context).text for one in judgement.evidence]
        said += [missing_line(one, context).text for one in judgement.missing]
        if judgement.exemption is not None:
            rule = failure.book.policy.rule(failure.rule)
            assert rule is not None
            said.insert(0, f"excused: {written(rule.unless[judgement.exemption].condition.span, context)}")
        said = list(dict.fromkeys(said))
        for text in said[:MOST_LINES]:
            lines += wrapped(text, 12)
        if len(said) > MOST_LINES:
            lines.append(f"            and {len(said) - MOST_LINES} more")
    if len(odd) > MOST_MOMENTS:
        lines.append(f"          and {counted(len(odd) - MOST_MOMENTS, 'moment')} more")
    return lines


def _reached(tested: Tested, threshold: float | None, *, show_missed: bool) -> list[str]:
    reach = tested.reach
    total = len(reach.goals)
    below = threshold is not None and reach.percent < threshold
    line = (f"{tested.suite.name}: cases reach {reach.reached} of {total} outcomes, {_percent(reach.percent)}")
    if below:
        line += f", below the threshold of {_percent(threshold or 0)}"
    lines = [paint(line, "bad") if below else line]
    missed = reach.missed()
    for word, said in (("violated", "no case violates"), ("satisfied", "no case satisfies")):
        rules = [goal.rule for goal in missed if goal.what == word]
        if rules:
            lines += _hanging(f"  {said} {counted(len(rules), 'rule')}: ", rules, whole=show_missed)
    rest = [goal for goal in missed if goal.what not in ("violated", "satisfied")]
    if rest and show_missed:
        lines += [f"  {line}" for line in _named(rest, tested)]
    elif rest:
        lines.append(f"  {counted(len(rest), 'other outcome')} no case reaches (--missed names "
                     f"{'it' if len(rest) == 1 else 'them'})")
    return lines


def _hanging(head: str, words: Sequence[str], *, whole: bool, most: int = 12) -> list[str]:
    more = 0 if whole else max(0, len(words) - most)
    text = ", ".join(words[:len(words) - more]) + (f" and {more} more" if more else "")
    return [*wrapped(head.strip(), 2), *wrapped(text, 6)] if len(head) + len(text) > 100 else [head + text]


def _percent(number: float) -> str:
    """Rounded down, so that 99.96 is not called 100."""
    return f"{int(number * 10) / 10:g}%"


def _named(goals: Sequence[Goal], tested: Tested) -> list[str]:
    """`common.policy:61:3: `age < 18` is never false`; a line a condition, though neither answer may be reached."""
    context = Context(tested.suite.book.calendar, None, tested.policies)
    lines: dict[tuple[str, str], list[str]] = {}
    for goal in goals:
        if goal.span is None:
            lines.setdefault((goal.rule, "is never"), []).append(goal.what)
        else:
            place = f"{goal.span.path}:{goal.span.line}:{goal.span.column}: `{written(goal.span, context)}`"
            word, what = ("never", "excuses") if goal.what == "excused" else ("is never", goal.what)
            lines.setdefault((place, word), []).append(what)
    return [f"{place} {word} {' or '.join(sorted(what, reverse=True))}" for (place, word), what in lines.items()]


# ---- json -------------------------------------------------------------------------------------------------------

def to_json(tested: Sequence[Tested], threshold: float | None, errors: Sequence[Diagnostic]) -> str:
    """Every case, and every outcome that none reaches, for programs."""
    suites: list[dict[str, Any]] = []
    for one in tested:
        suites.append({
            "policy": one.suite.book.id, "version": one.suite.book.label,
            "cases": [{"name": outcome.case.name, "file": outcome.case.span.path, "line": outcome.case.span.line,
                       "about": list(outcome.case.about), "passed": not outcome.failures, "failures": [
                           {"rule": failure.rule, "expected": failure.expected, "found": failure.found,
                            "evidence": [line.strip() for line in _evidence(one, failure)]}
                           for failure in outcome.failures]} for outcome in one.outcomes],
            "reached": one.reach.reached, "outcomes": len(one.reach.goals), "percent": round(one.reach.percent, 2),
            "missed": [_goal(goal, one) for goal in one.reach.missed()]})
    cases = sum(len(one.outcomes) for one in tested)
    failed = sum(one.failed for one in tested)
    return json.dumps({
        "schema_version": "1.0", "threshold": threshold,
        "summary": {"cases": cases, "passed": cases - failed, "failed": failed, "errors": len(errors)},
        "policies": suites, "errors": [concise(one) for one in errors]}, ensure_ascii=False, indent=2)


def _goal(goal: Goal, tested: Tested) -> dict[str, Any]:
    found: dict[str, Any] = {"rule": goal.rule or None, "outcome": goal.what}
    if goal.span is not None:
        context = Context(tested.suite.book.calendar, None, tested.policies)
        found |= {"condition": written(goal.span, context), "file": goal.span.path, "line": goal.span.line,
                  "column": goal.span.column}
    return found
