"""The solver means what the evaluator says: on drawn policies a witness separates and a `no` is never seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from typing import Any

import z3
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from policyengine.analysis.conform import problems
from policyengine.analysis.vocabulary import Vocabulary
from policyengine.base.calendar import Calendar, WorkingDays
from policyengine.base.instants import local_date, local_time, parse_instant
from policyengine.core import ir
from policyengine.core.case import Case
from policyengine.core.evaluate import judge
from policyengine.core.operators import Overflow
from policyengine.core.patterns import full_match
from policyengine.core.standing import typed
from policyengine.core.types import Bool, Date, Instant, ListOf, Number, Period, Record, Text, Type
from policyengine.core.verdict import Setting
from policyengine.solver.compare import compare
from policyengine.solver.facts import Place
from policyengine.solver.lists import Elements
from policyengine.solver.model import FINE, NotAnalysable, Options, Side
from policyengine.solver.questions import Question, question_for, verdicts
from policyengine.solver.values import NO, microseconds
from tests.support.core_strategies import FACTS, fact_cases, policies

CALENDAR = Calendar("Asia/Shanghai", WorkingDays("none", frozenset(), frozenset(), frozenset({2025, 2026})))
AS_OF = parse_instant("2026-07-15T08:00:00+08:00")
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # to shrink two policies takes minutes and tells little


def schema_of(type: Type) -> dict[str, Any]:
    """The JSON Schema of a type, as a vocabulary would have it."""
    match type:
        case Bool():
            return {"type": "boolean"}
        case Number(integer=integer):
            return {"type": "integer" if integer else "number"}
        case Text(values):
            return {"type": "string"} if values is None else {"type": "string", "enum": list(values)}
        case Date():
            return {"type": "string", "format": "date"}
        case Instant():
            return {"type": "string", "format": "date-time"}
        case Period():
            return {"type": "string", "format": "period"}
        case ListOf(item):
            return {"type": "array", "items": schema_of(item)}
        case Record(fields):
            return {"type": "object", "properties": {one.name: schema_of(one.type) for one in fields},
                    "required": [one.name for one in fields if one.required]}
    raise AssertionError(type)


VOCABULARY = Vocabulary("drawn", schema_of(FACTS), FACTS, {}, {}, {})


def side(policy: ir.Policy, rule: ir.Rule | None = None, parameters: Mapping[str, Any] | None = None) -> Side:
    return Side(policy, rule or policy.rules[0], CALENDAR, VOCABULARY, parameters or {})


def verdict(one: Side, facts: Mapping[str, Any], as_of: int = AS_OF) -> str | None:
    try:
        (found,) = judge(one.policy, Case(facts), Setting(as_of, one.parameters), one.calendar, rules=[one.rule.name])
    except (Overflow, ValueError):
        return None
    return found.verdict


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(policies(rules=1, depth=3), policies(rules=1, depth=3), st.lists(fact_cases(), min_size=1, max_size=4))
def test_a_comparison_agrees_with_judging(first: ir.Policy, second: ir.Policy, cases: list[dict[str, Any]]) -> None:
    old, new = side(first), side(second)
    found = compare(old, new, Options(as_of=AS_OF))
    event(found.direction)
    if found.direction == "not_analysable":
        event(found.note)
    for one in found.witnesses:
        # Replayed before it was returned; here that it fits the vocabulary and is told apart again.
        assert problems(VOCABULARY.schema, one.facts) == ()
        assert (verdict(old, one.facts, one.as_of), verdict(new, one.facts, one.as_of)) == (one.old, one.new)
    possible = {(cell.old, cell.new): cell.possible for cell in found.cells}
    for facts in cases:
        pair = verdict(old, facts), verdict(new, facts)
        if None in pair:
            continue
        if possible:
            assert possible[pair] != "no", (pair, facts)  # type: ignore[index]
        if found.direction == "equivalent":
            assert (pair[0] == "violated") == (pair[1] == "violated"), facts
        if found.direction == "looser":
            assert not (pair[0] in FINE and pair[1] == "violated"), facts
        if found.direction == "stricter":
            assert not (pair[0] == "violated" and pair[1] in FINE), facts


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(policies(rules=1, depth=3))
def test_another_order_and_other_names_are_equivalent(policy: ir.Policy) -> None:
    found = compare(side(policy), side(turned(policy)), Options(as_of=AS_OF))
    event(found.direction)
    assert found.direction in ("equivalent", "not_analysable")
    assert all(cell.possible != "yes" for cell in found.cells if cell.old != cell.new)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(policies(rules=1, depth=2), st.sampled_from(["tighter", "wider"]))
def test_one_more_condition_goes_one_way(policy: ir.Policy, how: str) -> None:
    more = ir.Apply(">=", (ir.Fact(("users",), Number(integer=True)), ir.Constant(3, Number(integer=True))), Bool())
    rule = policy.rules[0]
    changed = (replace(rule, must=(*rule.must, ir.Must(more, False))) if how == "tighter"
               else replace(rule, unless=(*rule.unless, ir.Unless(more, ()))))
    found = compare(side(policy), side(replace(policy, rules=(changed,))), Options(as_of=AS_OF))
    event(found.direction)
    assert found.direction in ("stricter" if how == "tighter" else "looser", "equivalent", "not_analysable")


def turned(node: Any, names: Mapping[str, str] | None = None) -> Any:
    """The same policy with the parts of every `and` and `or` turned round, and elements named otherwise."""
    names = names or {}
    if isinstance(node, tuple):
        return tuple(turned(one, names) for one in node)
    if isinstance(node, type) or not is_dataclass(node) or type(node).__module__ != ir.__name__:
        return node
    if isinstance(node, ir.Quantified | ir.CountElements):
        names = {**names, node.variable: f"{node.variable}_again"}
    changes: dict[str, Any] = {one.name: turned(getattr(node, one.name), names) for one in fields(node)}
    if isinstance(node, ir.Get):
        changes["owner"] = names.get(node.owner, node.owner)
    if isinstance(node, ir.Quantified | ir.CountElements):
        changes["variable"] = names[node.variable]
        changes["domain"] = turned(node.domain, {**names, node.variable: node.variable})
    if isinstance(node, ir.And | ir.Or):
        changes["parts"] = changes["parts"][::-1]
    if isinstance(node, ir.Rule):
        changes["must"] = changes["must"][::-1]
    made: Any = node
    return replace(made, **changes)


# ---- the encoding, case by case ---------------------------------------------------------------------------------

def number_of(question: Question, type: Type, raw: Any, others: dict[str, int]) -> Any:
    """A raw value as the encoding numbers it."""
    if isinstance(type, Text):
        texts = question.space.texts
        if raw not in texts.places and raw not in others:
            vector = tuple(full_match(pattern, raw) for pattern in texts.patterns)
            kind = next((place for place, one in enumerate(texts.classes) if one.matches == vector), 0)
            count = sum(others[one] % len(texts.classes or "1") == (-1 - kind) % len(texts.classes or "1")
                        for one in others)
            others[raw] = -1 - kind - len(texts.classes or "1") * count
        return z3.IntVal(texts.places.get(raw, others.get(raw)))
    return question.space.constant(typed(raw, type))


def assigned(question: Question, place: Place, raw: Any, outer: list[tuple[Any, Any]],
             others: dict[str, int]) -> list[tuple[Any, Any]]:
    """Each variable of a record with its value in a case."""
    def at(path: tuple[str, ...]) -> Any:
        found = raw
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    made: list[tuple[Any, Any]] = []
    for path, there in place.presences.items():
        if z3.is_const(there) and there.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            made.append((there, z3.BoolVal(at(path) is not None)))
    for path, one in place.fields.items():
        value = at(path)
        if one.parts:
            day = date.fromisoformat(value) if value is not None else date(2026, 1, 1)
            made += zip(one.parts, map(z3.IntVal, (day.year, day.month, day.day)), strict=True)
        elif value is not None:
            found = number_of(question, one.type, value, others)
            made.append((one.term, z3.ToReal(found) if found.sort() == z3.IntSort() != one.term.sort() else found))
        elif isinstance(one.type, Text) and one.type.values:
            made.append((one.term, number_of(question, one.type, one.type.values[0], others)))
        else:
            made.append((one.term, {z3.BoolSort(): z3.BoolVal(False), z3.IntSort(): z3.IntVal(1),
                                    z3.RealSort(): z3.RealVal(1)}[one.term.sort()]))
            if isinstance(one.type, Text):
                made[-1] = (one.term, z3.IntVal(-1))
    for parts, term in place.derived:
        number = z3.simplify(z3.substitute(term, *outer, *made)).as_long()
        day = date.fromordinal(number) if 0 < number < 3_652_060 else date(1, 1, 1)
        made += zip(parts, map(z3.IntVal, (day.year, day.month, day.day)), strict=True)
    waiting, stuck = list(place.lists.items()), 0
    while waiting:
        path, elements = waiting.pop(0)
        try:
            made += counted(question, elements, at(path) or [], [*outer, *made], others)
            stuck = 0
        except Open:
            waiting.append((path, elements))  # its elements are compared with what another list has
            stuck += 1
            if stuck == len(waiting):  # none of these: one further out
                raise
    return made


def counted(question: Question, elements: Elements, value: list[Any], outer: list[tuple[Any, Any]],
            others: dict[str, int]) -> list[tuple[Any, Any]]:
    """Each variable of a list with its value in a case."""
    items = [assigned(question, elements.model, item, outer, others) for item in value]
    made: list[tuple[Any, Any]] = []
    if elements.size is not None:
        made.append((elements.size, z3.IntVal(len(items))))
    for one in elements.conditions:
        answers = [tuple(holds(test, [*outer, *made, *item]) for test in (one.pair.true, one.pair.false))
                   for item in items]
        for variable, answer in ((one.true, (True, False)), (one.false, (False, True)), (one.missing, (False, False))):
            if variable is not NO:
                made.append((variable, z3.BoolVal(answer in answers)))
        for variable, answer in zip(one.counts or (), ((True, False), (False, False)), strict=False):
            if not z3.is_int_value(variable):
                made.append((variable, z3.IntVal(answers.count(answer))))
    for region in elements.regions:
        inside = [item for item in items if holds(region.holds(elements.conditions), [*outer, *made, *item])]
        made.append((region.some, z3.BoolVal(bool(inside))) if region.count is None
                    else (region.count, z3.IntVal(len(inside))))
        for model, copy in region.copies:
            found = next((value for item in inside for variable, value in item if variable.eq(model)), None)
            made.append((copy, z3.Const("any", copy.sort()) if found is None else found))
    return made


class Open(Exception):
    """A condition is about a variable whose value is not known yet."""


def holds(test: Any, values: list[tuple[Any, Any]]) -> bool:
    found = z3.simplify(z3.substitute(test, *values))
    if not (z3.is_true(found) or z3.is_false(found)):
        raise Open(found)
    return bool(z3.is_true(found))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(policies(rules=1, depth=4), st.lists(fact_cases(), min_size=1, max_size=3))
def test_the_encoding_is_the_evaluator(policy: ir.Policy, cases: list[dict[str, Any]]) -> None:
    one = side(policy)
    question = question_for([one])
    try:
        found = verdicts(one, question)
        axioms = question.axioms()
    except NotAnalysable as reason:
        event(str(reason))
        return
    for facts in cases:
        wanted = verdict(one, facts)
        if wanted is None:
            event("an error of the case")
            continue
        day, others = local_date(AS_OF, CALENDAR.zone), dict[str, int]()
        moment: list[tuple[Any, Any]] = []
        if question.today is not None:
            moment += (zip(question.today.parts, map(z3.IntVal, (day.year, day.month, day.day)), strict=True)
                       if question.today.parts else [(question.today.term, z3.IntVal(day.toordinal()))])
        if question.clock is not None:
            moment.append((question.clock.term, z3.IntVal(microseconds(local_time(AS_OF, CALENDAR.zone)))))
        values = [*moment, *assigned(question, question.facts, facts, moment, others)]
        for axiom in axioms:
            inside = z3.simplify(z3.substitute(axiom, *values))
            if z3.is_false(inside):
                event("outside the space")
                break
            assert not z3.is_true(z3.simplify(z3.Not(inside)))
        else:
            event("compared")
            assert [name for name, test in found.items() if holds(test, values)] == [wanted], facts
