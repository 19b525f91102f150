"""What can be proven of rules: that one can never apply, that two contradict each other, that one implies another.

In come sides and how to ask; out come findings, each proven of every case or shown by a case the evaluator was asked
about. A rule with a trigger is looked at with all it asks of a trace left open, so that what is found of it holds
whatever happens, and something may go unfound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Literal

import z3

from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.case import Case
from policyengine.core.walk import nodes
from policyengine.solver.compare import DEFAULT, compare, judged, shown_by
from policyengine.solver.facts import Place
from policyengine.solver.model import OPEN, Disagreement, NotAnalysable, Options, Proof, Side, Witness
from policyengine.solver.questions import Asker, Question, Verdicts, outcome, parts, question_for, verdicts
from policyengine.solver.terms import Encoder, Standing, Temporal
from policyengine.solver.values import Pair, Value, all_of, conj, disj, neg

Kind = Literal["never-applies", "never-violated", "always-violated"]


@record
class Finding:
    """Something that holds of a rule in every case.

    `never-applies`: no case is satisfied, violated or exempt. `never-violated`: it applies to some, and none violates
    it. `always-violated`: it applies to some, and of those none satisfies it or is exempt. `note` bounds the proof,
    such as `calendar 2025-2027`; empty where it holds without bounds.
    """

    rule: str
    kind: Kind
    note: str = ""


@record
class Contradiction:
    """Two rules that some case must both follow, and none can. `case` is such a case; `note` bounds the proof."""

    first: str
    second: str
    case: Case
    as_of: int
    note: str = ""


@record
class Implication:
    """Whether keeping one rule is keeping another. `counterexample` is a case that keeps the first (its verdict `old`)
    and violates the second (`new`)."""

    holds: Literal["yes", "no", "not_analysable"]
    proof: Proof
    note: str = ""
    counterexample: Witness | None = None


def prove(sides: Iterable[Side], options: Options = DEFAULT) -> tuple[Finding, ...]:
    """What holds of each rule alone; a rule that cannot be put to the solver has no finding."""
    found: list[Finding] = []
    for side in sides:
        try:
            found += prove_rule(side, options)
        except NotAnalysable:
            continue
    return tuple(found)


def prove_rule(side: Side, options: Options = DEFAULT) -> tuple[Finding, ...]:
    """What holds of one rule. Raises NotAnalysable where it cannot be put to the solver."""
    return tuple(_of_rule(side, options))


def implies(first: Side, second: Side, options: Options = DEFAULT) -> Implication:
    """Whether no case is fine under the first rule and violates the second.

    Fine is satisfied, exempt or not applicable; so the first must reach wherever the second does. A case that is
    undecided or pending under the first keeps nothing and is no counterexample.
    """
    found = compare(first, second, options.direction_alone())
    if found.direction == "not_analysable":
        return Implication("not_analysable", "not_analysable", found.note)
    shown = next((one for one in found.witnesses if one.new == "violated" and one.old not in OPEN), None)
    return Implication("yes" if shown is None else "no", found.proof, found.note if shown is None else "", shown)


def contradictions(sides: Iterable[Side], options: Options = DEFAULT) -> tuple[Contradiction, ...]:
    """Pairs of rules about facts that ask for what cannot both be, wherever both apply."""
    plain = [side for side in sides if side.rule.trigger is None]
    found: list[Contradiction] = []
    for first, second in combinations(plain, 2):
        if _facts(first) & _facts(second):
            try:
                found += _of_pair(first, second, options)
            except NotAnalysable:
                continue
    return tuple(found)


# ---- one rule ---------------------------------------------------------------------------------------------------

def _of_rule(side: Side, options: Options) -> Iterator[Finding]:
    question = question_for([side])
    found = verdicts(side, question) if side.rule.trigger is None else _left_open(side, question)
    asker = Asker(question.axioms(), options)
    note = "; ".join(sorted(question.space.notes))
    possible = {verdict: asker.ask(found[verdict]) if verdict in found else "no"
                for verdict in ("violated", "satisfied", "exempt")}
    if set(possible.values()) == {"no"}:
        yield Finding(side.rule.name, "never-applies", note)
    elif possible["violated"] == "no":
        yield Finding(side.rule.name, "never-violated", note)
    elif possible["violated"] == "yes" and possible["satisfied"] == possible["exempt"] == "no" \
            and not any(one.never for one in side.rule.must):
        yield Finding(side.rule.name, "always-violated", note)


def _left_open(side: Side, question: Question) -> Verdicts:
    """The verdicts of a rule with a trigger, where all that it asks of a trace may come out in any way."""
    trigger = side.rule.trigger
    events = trigger.events if isinstance(trigger, ir.OnEvent) else ()
    # Of several types, or of a mark, nothing is known of a field but its type.
    declared = side.vocabulary.events.get(events[0]) if len(events) == 1 else None
    moment = Place(question.space, "event.", () if declared is None else (declared.schema,), question.facts)
    moment.time = moment.fresh("time", z3.IntSort())
    at = question.here.with_owner(ir.TRIGGER, moment).with_owner(ir.CANDIDATE, moment)
    at = Standing(at.facts, at.owners, at.today, at.clock, question.facts)
    encoder = Encoder(side, question.space, _anything(question))
    applies, unless, must = parts(side, encoder, at)
    where = trigger.where if isinstance(trigger, ir.OnEvent) else None
    if where is not None:
        applies = all_of([applies, encoder.condition(where, at)])
    found = outcome(applies, unless, must)
    question.facts.axioms += moment.axioms
    return found


def _anything(question: Question) -> Temporal:
    """An answer to each question about a trace that may be anything, but the same to the same question."""
    known: dict[str, Pair | Value] = {}

    def answer(expr: ir.Expr, at: Standing) -> Pair | Value:
        key = repr(expr)
        if key not in known:
            place = question.facts
            if isinstance(expr, ir.Occurs | ir.InState):
                true, false = (place.fresh("asked", z3.BoolSort()) for _ in range(2))
                place.axioms.append(neg(conj((true, false))))
                known[key] = Pair(true, false)
            else:
                type = getattr(expr, "type", types.Number(integer=True))
                if isinstance(type, types.ListOf | types.Record | types.Unknown):
                    raise NotAnalysable("a list is read from events")
                made = place.single((f"asked{len(known)}",), type, place.fresh("asked", z3.BoolSort()))
                known[key] = Value(made.there, made.term, day=made.parts or None)
        return known[key]

    return answer


# ---- two rules --------------------------------------------------------------------------------------------------

def _facts(side: Side) -> set[tuple[str, ...]]:
    return {node.path for one in side.rule.must for node in nodes(one.condition) if isinstance(node, ir.Fact)}


def _of_pair(first: Side, second: Side, options: Options) -> Iterator[Contradiction]:
    question = question_for([first, second])
    one, other = (verdicts(side, question) for side in (first, second))
    asker = Asker(question.axioms(), options)
    both = [disj(test for verdict, test in each.items() if verdict in ("satisfied", "violated"))
            for each in (one, other)]
    if asker.ask(*both) != "yes" or "satisfied" not in one or "satisfied" not in other:
        return
    if asker.ask(one["satisfied"], both[1]) != "yes" or asker.ask(other["satisfied"], both[0]) != "yes":
        return  # one of them is broken wherever both apply, which is a finding of its own
    if asker.ask(one["satisfied"], other["satisfied"]) != "no":
        return
    facts, as_of, _ = shown_by(question, asker, tuple(both), options, first.calendar)
    case = Case(facts)
    shown = judged(first, second, case, as_of)
    if shown is None or not {judgement.verdict for judgement in shown} <= {"satisfied", "violated"}:
        raise Disagreement(f"{first.rule.name} and {second.rule.name} do not both apply to {facts} at {as_of}")
    yield Contradiction(first.rule.name, second.rule.name, case, as_of, "; ".join(sorted(question.space.notes)))

