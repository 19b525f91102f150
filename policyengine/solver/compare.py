"""Two versions of a rule: stricter, looser, mixed or equivalent, with cases that show it, each asked of the evaluator.

In come two sides and how to ask; out comes a `Comparison`. Rules with a trigger are compared in `traces`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from policyengine.base.calendar import Calendar
from policyengine.core.case import Case
from policyengine.core.evaluate import judge_moments
from policyengine.core.operators import Overflow
from policyengine.core.verdict import VERDICTS, FactRead, Judgement, Setting, Verdict
from policyengine.core.walk import grounds_of
from policyengine.solver.compare_table import Literal, literals_of, row
from policyengine.solver.facts import decimals_fit
from policyengine.solver.model import (
    FINE,
    OPEN,
    Cell,
    Comparison,
    Direction,
    Disagreement,
    NotAnalysable,
    Options,
    Region,
    Side,
    Witness,
)
from policyengine.solver.questions import Asker, Question, Verdicts, question_for, verdicts
from policyengine.solver.traces import about_traces, compare_traces
from policyengine.solver.values import conj, neg
from policyengine.solver.witness import Builder

DEFAULT = Options()


def compare(old: Side, new: Side, options: Options = DEFAULT) -> Comparison:
    """What became of a rule's behaviour."""
    start = perf_counter()
    if same_meaning(old, new):
        found = Comparison("equivalent", "exact")
    else:
        try:
            about = about_traces(old) or about_traces(new)
            found = (compare_traces if about else compare_facts)(old, new, options)
        except NotAnalysable as reason:
            found = Comparison("not_analysable", "not_analysable", str(reason))
    return replace(found, seconds=perf_counter() - start)


def same_meaning(old: Side, new: Side) -> bool:
    """Whether both sides are judged alike because they are written alike, whatever the words around them."""
    return meaning(old) == meaning(new)


def meaning(side: Side) -> tuple[Any, ...]:
    """All that a rule's verdicts depend on."""
    rule, policy = side.rule, side.policy
    grounds = grounds_of(policy, rule)
    named = {*grounds.states, *grounds.episodes}
    return (rule.trigger, rule.keys, policy.scope_of(rule), rule.when, tuple(one.condition for one in rule.must),
            tuple(one.condition for one in rule.unless),
            tuple((name, repr(side.parameter(name))) for name in sorted(grounds.params)),
            tuple(one for one in (*policy.states, *policy.episodes) if one.name in named),
            # Events of one instant are taken in the order of the vocabulary.
            tuple(name for name in side.vocabulary.events if name in grounds.events), side.calendar)


# ---- rules about facts ------------------------------------------------------------------------------------------

TELLING: tuple[Verdict, ...] = ("satisfied", "violated", "exempt", "not_applicable", "undecided", "pending")
"""In the order in which a reader wants to see them."""


def compare_facts(old: Side, new: Side, options: Options) -> Comparison:
    question = question_for((old, new))
    olds, news = verdicts(old, question), verdicts(new, question)
    asker = Asker(question.axioms(), options)
    cells = matrix(asker, olds, news)
    return concluded(old, new, question, asker, olds, news, cells, options)


def matrix(asker: Asker, olds: Verdicts, news: Verdicts) -> dict[tuple[Verdict, Verdict], str]:
    """Which pairs of verdicts some case has: each question finds one not seen before, until there are none."""
    found: dict[tuple[Verdict, Verdict], str] = {}
    asker.push()
    while asker.look():
        old = next(one for one, test in olds.items() if asker.holds(test))
        new = next(one for one, test in news.items() if asker.holds(test))
        if (old, new) in found:
            raise AssertionError("a pair of verdicts was found twice")
        found[old, new] = "yes"
        asker.add(_neither(olds[old], news[new]))
    answer = "unknown" if asker.cut_off else "no"
    asker.pop()
    for old in olds:
        for new in news:
            if (old, new) in found:
                continue
            telling = (old == "violated") != (new == "violated")
            found[old, new] = "no" if answer == "no" else asker.ask(olds[old], news[new]) if telling else "unknown"
    return found


def _neither(old: Any, new: Any) -> Any:
    return neg(conj((old, new)))


def concluded(old: Side, new: Side, question: Question, asker: Asker, olds: Verdicts, news: Verdicts,
              cells: Mapping[tuple[Verdict, Verdict], str], options: Options) -> Comparison:
    """The direction, the witnesses, the matrix and the table."""
    direction, note, first = direction_of(cells)
    order = [*first, *((one, other) for one in TELLING for other in TELLING
                       if one != other and cells.get((one, other)) == "yes" and (one, other) not in first)]
    witnesses: list[Witness] = []
    shown: dict[tuple[Verdict, Verdict], int] = {}
    rows: list[Region] = []
    for pair in order if options.matrix else first:
        tests = olds[pair[0]], news[pair[1]]
        try:
            facts, as_of, literals = shown_by(question, asker, tests, options, new.calendar)
        except NotAnalysable:
            # Perhaps only numbers of more digits than data can have would show it.
            answer = asker.ask(*tests, *decimals_fit(question.space))
            return concluded(old, new, question, asker, olds, news,
                             {**cells, pair: "no" if answer == "no" else "unknown"}, options)
        shown[pair] = len(witnesses)
        witnesses.append(witness(old, new, pair, facts, as_of, options))
        # Where a version cannot decide, the matrix has a case; rows of what is missing would crowd out the others.
        if options.table and len(rows) < options.rows and (pair in first or "undecided" not in pair):
            rows += table_rows(question, asker, pair, tests, literals, options, new.calendar, 2 if pair in first else 1)
    notes = [note, *sorted(question.space.notes)]
    proof = "bounded" if question.space.notes else "exact"
    made = tuple(Cell(one, other, cells.get((one, other), "no"), shown.get((one, other)))  # type: ignore[arg-type]
                 for one in VERDICTS for other in VERDICTS) if options.matrix else ()
    return Comparison(direction, "not_analysable" if direction == "not_analysable" else proof,  # type: ignore[arg-type]
                      "; ".join(one for one in notes if one), tuple(witnesses), made, tuple(rows))


def table_rows(question: Question, asker: Asker, pair: tuple[Verdict, Verdict], tests: tuple[Any, Any],
               literals: list[Literal], options: Options, calendar: Calendar, most: int) -> list[Region]:
    """Rows of one cell, from that of its witness on; the next is about a case that no row before it covers."""
    found: list[Region] = []
    covered: list[Any] = []
    while True:
        made = row(asker, literals, conj(tests))
        if made is None:
            return found
        found.append(Region(made[0], *pair))
        covered.append(neg(made[1]))
        if len(found) == most or asker.ask(*tests, *covered) != "yes":
            return found
        try:
            _, _, literals = shown_by(question, asker, (*tests, *covered), options, calendar)
        except NotAnalysable:
            return found


def direction_of(cells: Mapping[tuple[Verdict, Verdict], str]) -> tuple[Direction, str, list[tuple[Verdict, Verdict]]]:
    """The word, what is to be said with it, and the cells that show it, most telling first."""
    def best(old: frozenset[Verdict] | set[Verdict], new: frozenset[Verdict] | set[Verdict],
             answer: str) -> list[tuple[Verdict, Verdict]]:
        return [(one, other) for one in TELLING for other in TELLING
                if one in old and other in new and cells.get((one, other)) == answer]

    violated: set[Verdict] = {"violated"}
    for fine, note in ((FINE, ""), (OPEN, "only cases that are undecided or pending in one version tell them apart")):
        stricter, looser = best(fine, violated, "yes"), best(violated, fine, "yes")
        unsure = best(fine, violated, "unknown"), best(violated, fine, "unknown")
        if stricter or looser:
            direction: Direction = "mixed" if stricter and looser else "stricter" if stricter else "looser"
            if direction == "stricter" and unsure[1]:
                return "not_analysable", "stricter; whether also looser was not found in time", stricter[:1]
            if direction == "looser" and unsure[0]:
                return "not_analysable", "looser; whether also stricter was not found in time", looser[:1]
            return direction, note, [*stricter[:1], *looser[:1]]
        if any(unsure):
            return "not_analysable", "whether they differ was not found in time", []
    if any(answer == "yes" and old != new for (old, new), answer in cells.items()):
        return "equivalent", "nothing becomes violated or stops being so, but other verdicts differ", []
    return "equivalent", "", []


# ---- witnesses --------------------------------------------------------------------------------------------------

def witness(old: Side, new: Side, pair: tuple[Verdict, Verdict], facts: dict[str, Any], as_of: int,
            options: Options) -> Witness:
    """A case for one cell, asked of the evaluator: the user's own if one shows it, else the one that was made."""
    for case in options.cases:
        shown = judged(old, new, case, options.as_of)
        if shown is not None and (shown[0].verdict, shown[1].verdict) == pair:
            return _witness(shown, case, options.as_of)
    case = Case(facts)
    shown = judged(old, new, case, as_of)
    if shown is None or (shown[0].verdict, shown[1].verdict) != pair:
        raise Disagreement(f"{old.rule.name}: the solver says {pair}, the evaluator "
                           f"{shown and (shown[0].verdict, shown[1].verdict)} of {facts} at {as_of}")
    return _witness(shown, case, as_of)


def shown_by(question: Question, asker: Asker, tests: tuple[Any, ...], options: Options,
             calendar: Calendar) -> tuple[dict[str, Any], int, list[Literal]]:
    """The canonical case for which the tests hold, its instant of judgement, and what holds of it; any such case where
    the canonical one takes too long."""
    for fixed in (False, True):
        asker.push()
        asker.add(*tests)
        try:
            if fixed and not asker.look():
                break
            asker.fixed = fixed
            facts, as_of = Builder(question, asker, options, calendar).case()
            return facts, as_of, list(literals_of(question, asker)) if options.table and asker.look() else []
        except NotAnalysable:
            asker.cut_off = 0
        finally:
            asker.fixed = False
            asker.pop()
    raise NotAnalysable("no case was found in time")


def judged(old: Side, new: Side, case: Case, as_of: int) -> tuple[Judgement, Judgement] | None:
    """What the reference evaluator says of a case under both versions; None when it raises an error of the case."""
    try:
        found = [judge_moments(side.policy, side.rule, case, Setting(as_of, side.parameters), side.calendar,
                               lambda moment: True) for side in (old, new)]
    except (Overflow, ValueError):
        return None
    return found[0][0], found[1][0]


def _witness(shown: Sequence[Judgement], case: Case, as_of: int) -> Witness:
    read = {".".join(str(one) for one in evidence.path if isinstance(one, str)): None
            for judgement in shown for evidence in judgement.evidence if isinstance(evidence, FactRead)}
    return Witness(shown[0].verdict, shown[1].verdict, case.facts, case.events, as_of, None, tuple(read))

