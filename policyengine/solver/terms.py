"""The core as Z3: a condition and where it stands in, a pair out; a value in, a term with where it is there out.

The same meaning as `core.conditions`, node for node. What is asked of a trace is not known here: it is handed to
`temporal`, which gives a pair for `Occurs` and `InState` and a value for the others. What cannot be said exactly raises
`NotAnalysable` with a reason in a reader's words; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, assert_never

import z3

from policyengine.base.calendar import Calendar
from policyengine.core import ir, types
from policyengine.core.operators import OPERATORS, ORDERINGS, Overflow
from policyengine.core.standing import typed
from policyengine.core.walk import nodes, type_of
from policyengine.solver import calendars, values_patterns
from policyengine.solver.facts import Place, Space
from policyengine.solver.lists import Elements, elements_of, variables_of
from policyengine.solver.model import NotAnalysable, Side
from policyengine.solver.terms_numbers import added, compared, divided, equal, multiplied
from policyengine.solver.values import (
    ALWAYS,
    LIMIT,
    MISSING,
    NEVER,
    NO,
    YES,
    Pair,
    Value,
    all_of,
    any_of,
    conj,
    disj,
    either,
    implies,
    neg,
    negation,
    parts_of,
    where,
)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Raw data that is known: an element of a written or default list."""

    raw: Any


Owner = Place | Value | Known


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Where a condition is asked: the facts, and whose fields `ir.Get` reads by owner.

    For a trace, `owners` has the trigger and the candidate as records (`Place`, with `time` as an event's instant).
    `today` and `clock` are the local date and time of the moment or candidate, `inner` the record whose elements are
    looked through, else the facts: axioms that come of a condition are noted there.
    """

    facts: Place
    owners: Mapping[str, Owner]
    today: Value
    clock: Value
    inner: Place

    def with_owner(self, name: str, owner: Owner) -> Standing:
        """The same, with one more owner."""
        inner = owner if isinstance(owner, Place) else self.inner
        return replace(self, owners={**self.owners, name: owner}, inner=inner)

    def looking_at(self, variable: str, element: Owner, asked: tuple[ir.Expr | None, ...]) -> Standing:
        """The same, with an element in view that some conditions are asked of."""
        # One model stands for every element of a list, so two of them cannot be told apart.
        same = {name for name, owner in self.owners.items() if owner is element and isinstance(element, Place)}
        if any(isinstance(node, ir.Get) and node.owner in same - {variable} for node in nodes(asked)):
            raise NotAnalysable("the elements of a list are compared with one another")
        return self.with_owner(variable, element)


Temporal = Callable[[ir.Expr, Standing], Pair | Value]


def nothing_temporal(expr: ir.Expr, standing: Standing) -> Pair | Value:
    """For rules about facts alone."""
    raise NotAnalysable("the rule asks about events")


@dataclass(frozen=True, slots=True, eq=False)
class _List:
    """A list of the language: a list of a record where it is there, else what is known; or written items."""

    there: Any
    elements: Elements | None = None
    items: tuple[Owner, ...] | None = None


@dataclass
class Encoder:
    """One version's reading: its parameters and calendar, over a space that both versions share."""

    side: Side
    space: Space
    temporal: Temporal = nothing_temporal
    parameters: dict[str, Value] = field(default_factory=dict)

    @property
    def calendar(self) -> Calendar:
        return self.side.calendar

    # -- conditions -----------------------------------------------------------------------------------------------

    def condition(self, expr: ir.Expr, at: Standing) -> Pair:
        """Where the condition is true and where it is false."""
        pair = self.encoded(expr, at)
        if at.inner is at.facts and not isinstance(expr, ir.Constant | ir.Not | ir.And | ir.Or):
            self.space.smallest.append((expr, self.side, pair))
        return pair

    def encoded(self, expr: ir.Expr, at: Standing) -> Pair:
        match expr:
            case ir.Constant():
                return ALWAYS if expr.value else NEVER
            case ir.Not():
                return negation(self.condition(expr.part, at))
            case ir.And():
                return all_of([self.condition(part, at) for part in expr.parts])
            case ir.Or():
                return any_of([self.condition(part, at) for part in expr.parts])
            case ir.Quantified():
                return self.quantified(expr, at)
            case ir.Present():
                there = self.present(expr.operand, at)
                return Pair(there, neg(there))
            case ir.Occurs() | ir.InState():
                found = self.temporal(expr, at)
                assert isinstance(found, Pair)
                return found
            case ir.Apply() if expr.operator in _CONDITIONS:
                return self.applied(expr, at)
            case (ir.ListValue() | ir.Parameter() | ir.Fact() | ir.Get() | ir.Today() | ir.LocalTime()
                  | ir.CompletedYears() | ir.Apply() | ir.CountElements() | ir.CountEvents() | ir.SumEvents()
                  | ir.EpisodeDuration() | ir.Latest() | ir.StateValue()):
                value = self.value(expr, at)
                if value.constant:
                    return Pair(NO, NO) if value.known is None else ALWAYS if value.known else NEVER
                return where(value.there, value.term)
            case _:
                assert_never(expr)

    def quantified(self, expr: ir.Quantified, at: Standing) -> Pair:
        def asked(owner: Owner) -> Pair:
            inside = at.looking_at(expr.variable, owner, (expr.where, expr.condition))
            picked = ALWAYS if expr.where is None else self.condition(expr.where, inside)
            answer = self.condition(expr.condition, inside)
            return any_of((negation(picked), answer)) if expr.kind == "every" else all_of((picked, answer))

        every = expr.kind == "every"
        found: list[Pair] = []
        for one in self.lists(expr.domain, at):
            if one.elements is not None:
                of = one.elements.asked(asked(one.elements.model))
                some = Pair(of.true, conj((neg(of.true), neg(of.missing))))
                whole = Pair(conj((neg(of.false), neg(of.missing))), of.false)
                answer = whole if every else some
            else:
                pairs = [asked(item) for item in one.items or ()]
                answer = all_of(pairs) if every else any_of(pairs)
            answer = negation(answer) if expr.kind == "no" else answer
            found.append(Pair(conj((one.there, answer.true)), conj((one.there, answer.false))))
        return Pair(disj(pair.true for pair in found), disj(pair.false for pair in found))

    def present(self, operand: ir.Expr, at: Standing) -> Any:
        """Where a value is not missing."""
        match operand:
            case ir.Fact(type=types.ListOf() | types.Record()) | ir.Get(type=types.ListOf() | types.Record()):
                if operand.default is not None:
                    return YES
                owner, path = self.owner(operand, at)
                if isinstance(owner, Place):
                    return owner.there(path)
                assert isinstance(owner, Known)
                return YES if _at(owner.raw, path) is not None else NO
            case ir.ListValue() | ir.Parameter(type=types.ListOf()):
                return disj(one.there for one in self.lists(operand, at))
            case ir.Not() | ir.And() | ir.Or() | ir.Quantified() | ir.Occurs() | ir.InState():
                pair = self.condition(operand, at)
                return disj((pair.true, pair.false))
            case ir.Present():
                return YES
            case _:
                return self.value(operand, at).there

    def applied(self, expr: ir.Apply, at: Standing) -> Pair:
        """A strict operator that gives a condition."""
        left, right = expr.arguments
        match expr.operator:
            case "in":
                return self.contained(left, right, at)
            case "contains":
                return self.contained(right, left, at)
            case "contains all":
                return self.contains_every(left, right, at)
            case "contains none of":
                return self.contains_none(left, right, at)
            case "matches":
                return self.matched(self.value(left, at), self.value(right, at), at)
        values = self.value(left, at), self.value(right, at)
        if all(one.constant for one in values):
            return self.folded_condition(expr, values)
        there = conj(one.there for one in values)
        if there is NO:
            return Pair(NO, NO)
        holds, fails = compared(expr.operator, *values)
        return Pair(conj((there, holds)), conj((there, fails)))

    def folded_condition(self, expr: ir.Apply, values: Sequence[Value]) -> Pair:
        known = self.folded(expr, values)
        return Pair(NO, NO) if known is None else ALWAYS if known else NEVER

    # -- lists ----------------------------------------------------------------------------------------------------

    def lists(self, expr: ir.Expr, at: Standing) -> list[_List]:
        """What a list may be: alternatives that exclude one another; where none is there it is missing."""
        match expr:
            case ir.Fact() | ir.Get():
                owner, path = self.owner(expr, at)
                assert isinstance(expr.type, types.ListOf)
                fallback = () if expr.default is None else tuple(self.items(expr.default, expr.type))
                if isinstance(owner, Place):
                    elements = elements_of(owner, path, expr.type)
                    found = [_List(elements.there, elements)]
                    return found if expr.default is None else [*found, _List(neg(elements.there), None, fallback)]
                assert isinstance(owner, Known)
                raw = _at(owner.raw, path)
                raw = expr.default if raw is None else raw
                return [] if raw is None else [_List(YES, None, tuple(self.items(raw, expr.type)))]
            case ir.Parameter():
                assert isinstance(expr.type, types.ListOf)
                return [_List(YES, None, tuple(self.items(self.side.parameter(expr.name), expr.type)))]
            case ir.Constant():
                assert isinstance(expr.type, types.ListOf)
                return [_List(YES, None, tuple(self.items(expr.value, expr.type)))]
            case ir.ListValue():
                items = [self.value(item, at) for item in expr.items]
                for item in items:
                    if item.uncertain:
                        raise NotAnalysable("a count stands in a written list")
                return [_List(conj(item.there for item in items), None, tuple(items))]
            case _:
                raise NotAnalysable("a list of a kind that is not followed")

    def items(self, raw: Sequence[Any], type: types.ListOf) -> list[Owner]:
        if isinstance(type.item, types.Record | types.ListOf):
            return [Known(one) for one in raw]
        return [self.known(typed(one, type.item)) for one in raw]

    def contained(self, item: ir.Expr, items: ir.Expr, at: Standing) -> Pair:
        """Whether a list has an item."""
        value = self.value(item, at)
        if value.uncertain:
            raise NotAnalysable("a count is looked for in a list")
        found = []
        for one in self.lists(items, at):
            holds = self.has(one, value)
            there = conj((one.there, value.there))
            found.append(Pair(conj((there, holds)), conj((there, neg(holds)))))
        return Pair(disj(pair.true for pair in found), disj(pair.false for pair in found))

    def has(self, one: _List, value: Value) -> Any:
        """That a list which is there has a value which is there."""
        if one.elements is None:
            return disj(equal(item, value) for item in one.items or () if isinstance(item, Value))
        model = one.elements.model
        item = model.read((), one.elements.type.item, None)
        if not value.constant and any(self.space.owners[id] is model for id in variables_of(value.term)):
            raise NotAnalysable("the elements of a list are compared with one another")
        same = equal(item, value)
        text = self.space.texts.places[value.known] if isinstance(value.known, str) else None
        return one.elements.asked(Pair(same, neg(same)), text).true

    def contains_every(self, whole: ir.Expr, part: ir.Expr, at: Standing) -> Pair:
        return self.members(whole, part, at, wanted=True)

    def contains_none(self, whole: ir.Expr, part: ir.Expr, at: Standing) -> Pair:
        return self.members(whole, part, at, wanted=False)

    def members(self, whole: ir.Expr, part: ir.Expr, at: Standing, *, wanted: bool) -> Pair:
        """That every item of `part` is in `whole`, or that none is."""
        found = []
        for one in self.lists(whole, at):
            for other in self.lists(part, at):
                there = conj((one.there, other.there))
                holds = self.all_in(one, other, wanted)
                found.append(Pair(conj((there, holds)), conj((there, neg(holds)))))
        return Pair(disj(pair.true for pair in found), disj(pair.false for pair in found))

    def all_in(self, one: _List, other: _List, wanted: bool) -> Any:
        if other.elements is None:
            found = [self.has(one, item) for item in other.items or () if isinstance(item, Value)]
            return conj(found) if wanted else conj(neg(each) for each in found)
        model = other.elements.model.read((), other.elements.type.item, None)
        if one.elements is None:
            inside = self.has(one, model)
            asked = other.elements.asked(Pair(inside, neg(inside)))
            return neg(asked.false if wanted else asked.true)
        return self.both_lists(one.elements, other.elements, wanted)

    def both_lists(self, one: Elements, other: Elements, wanted: bool) -> Any:
        """Two lists of the data: by each value the vocabulary allows, which must be few."""
        values = other.type.item.values if isinstance(other.type.item, types.Text) else None
        if values is None:
            raise NotAnalysable("two lists of the service are compared, whose values the vocabulary does not list")
        parts = []
        for text in values:
            has, also = (self.has(_List(YES, each), self.known(text)) for each in (other, one))
            parts.append(implies(has, also if wanted else neg(also)))
        return conj(parts)

    # -- values ---------------------------------------------------------------------------------------------------

    def known(self, value: Any) -> Value:
        """A constant, by its typed Python value."""
        if value is None:
            return MISSING
        day = parts_of(value) if isinstance(value, date) and self.space.dates != "days" else None
        return Value(YES, None if isinstance(value, tuple) else self.space.constant(value), value, day=day)

    def value(self, expr: ir.Expr, at: Standing) -> Value:
        """A single value."""
        match expr:
            case ir.Constant():
                return self.known(typed(expr.value, expr.type))
            case ir.Parameter():
                if expr.name not in self.parameters:
                    self.parameters[expr.name] = self.known(typed(self.side.parameter(expr.name), expr.type))
                return self.parameters[expr.name]
            case ir.Fact() | ir.Get():
                return self.read(expr, at)
            case ir.Today():
                return at.today
            case ir.LocalTime():
                return at.clock
            case ir.CompletedYears():
                return calendars.years(self.value(expr.birth, at), at.today, self.space, at.inner)
            case ir.Apply() if expr.operator in _CONDITIONS:
                return _as_value(self.applied(expr, at))
            case ir.Apply():
                return self.computed(expr, [self.value(one, at) for one in expr.arguments], at)
            case ir.CountElements():
                return self.counted(expr, at)
            case ir.CountEvents() | ir.SumEvents() | ir.EpisodeDuration() | ir.Latest() | ir.StateValue():
                found = self.temporal(expr, at)
                assert isinstance(found, Value)
                return found
            case ir.Not() | ir.And() | ir.Or() | ir.Present() | ir.Quantified() | ir.Occurs() | ir.InState():
                return _as_value(self.condition(expr, at))
            case ir.ListValue():
                raise NotAnalysable("a list stands where a single value is needed")
            case _:
                assert_never(expr)

    def owner(self, expr: ir.Fact | ir.Get, at: Standing) -> tuple[Owner, tuple[str, ...]]:
        if isinstance(expr, ir.Fact):
            return at.facts, expr.path
        if expr.owner not in at.owners:
            raise NotAnalysable("the rule asks about events")
        return at.owners[expr.owner], expr.path

    def read(self, expr: ir.Fact | ir.Get, at: Standing) -> Value:
        owner, path = self.owner(expr, at)
        match owner:
            case Place():
                if path == ("time",) and owner.time is not None:
                    return Value(YES, owner.time)
                return owner.read(path, expr.type, expr.default)
            case Known():
                raw = _at(owner.raw, path)
                raw = expr.default if raw is None else raw
                return MISSING if raw is None else self.known(typed(raw, expr.type))
            case _:
                return owner

    def counted(self, expr: ir.CountElements, at: Standing) -> Value:
        found: Value | None = None
        for one in self.lists(expr.domain, at):
            if one.elements is None:
                value = self.counted_items(expr, one, at)
            elif expr.where is None:
                value = Value(one.there, one.elements.total())
            else:
                inside = at.looking_at(expr.variable, one.elements.model, (expr.where,))
                pair = self.condition(expr.where, inside)
                true, missing = one.elements.counted(pair)
                value = Value(one.there, true, high=None if z3.is_int_value(missing) else true + missing)
            found = value if found is None else _merged(value, found)
        return MISSING if found is None else found

    def counted_items(self, expr: ir.CountElements, one: _List, at: Standing) -> Value:
        items = one.items or ()
        pairs = [ALWAYS if expr.where is None else self.condition(expr.where, at.with_owner(expr.variable, item))
                 for item in items]
        low = z3.Sum([z3.IntVal(0), *(either(pair.true, z3.IntVal(1), z3.IntVal(0)) for pair in pairs)])
        if all(pair is ALWAYS or pair is NEVER for pair in pairs) and one.there is YES:
            return self.known(sum(pair is ALWAYS for pair in pairs))
        high = z3.Sum([z3.IntVal(0), *(either(neg(pair.false), z3.IntVal(1), z3.IntVal(0)) for pair in pairs)])
        return Value(one.there, low, high=high)

    # -- operators that give a value ------------------------------------------------------------------------------

    def folded(self, expr: ir.Apply, values: Sequence[Value]) -> Any:
        """What an operator gives for constants; None when missing."""
        if any(one.known is None for one in values):
            return None
        try:
            return OPERATORS[expr.operator].compute(values[0].known, values[1].known, self.calendar)
        except Overflow:
            raise NotAnalysable("a number of more than 18 digits is computed") from None
        except ValueError as reason:
            raise NotAnalysable(str(reason)) from None

    def computed(self, expr: ir.Apply, values: list[Value], at: Standing) -> Value:
        if all(one.constant for one in values):
            return self.known(self.folded(expr, values))
        left, right = values
        there = conj((left.there, right.there))
        if there is NO:
            return MISSING
        kinds = tuple(type(type_of(one)) for one in expr.arguments)
        if types.Date in kinds or types.Instant in kinds:
            return calendars.moved(expr, left, right, there, self.space, at.inner, self.calendar)
        match expr.operator:
            case "+" | "-":
                found = added(expr.operator, left, right, there)
            case "*":
                found = multiplied(left, right, there)
            case "/":
                return divided(left, right, there)
            case _:
                raise NotAnalysable(f"`{expr.operator}` is not followed")
        if kinds[0] is types.Number:
            for end in (found.term, found.high):
                if end is not None:
                    at.inner.axioms.append(implies(there, z3.And(end > -LIMIT, end < LIMIT)))
        return found

    def matched(self, text: Value, pattern: Value, at: Standing) -> Pair:
        if not pattern.constant:
            raise NotAnalysable("a pattern is read from the service")
        if pattern.known is None:
            return Pair(NO, NO)
        if text.constant:
            there = text.known is not None
            holds = there and OPERATORS["matches"].compute(text.known, pattern.known, self.calendar)
            return ALWAYS if holds else NEVER if there else Pair(NO, NO)
        return where(text.there, values_patterns.holds(text.term, pattern.known, self.space.texts))


_CONDITIONS = frozenset({*ORDERINGS, "in", "contains", "contains all", "contains none of", "matches"})


def _at(raw: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw



def _as_value(pair: Pair) -> Value:
    if pair is ALWAYS or pair is NEVER:
        return Value(YES, pair.true, pair is ALWAYS)
    return Value(disj((pair.true, pair.false)), pair.true)


def _merged(value: Value, other: Value) -> Value:
    """One of two values that are never both there."""
    high = None if value.high is None and other.high is None else either(
        value.there, value.term if value.high is None else value.high, other.term if other.high is None else other.high)
    return Value(disj((value.there, other.there)), either(value.there, value.term, other.term), high=high)
