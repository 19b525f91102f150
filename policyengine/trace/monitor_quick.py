"""Conditions as Python functions of one row, for the moments that end well and of which no evidence is asked.

In comes an expression, out goes what it comes to by the kept rows alone: true, false, or None, which means "ask the
evaluator" and is always right. Only what most rules are made of is covered: comparisons with what is written, `in`,
`and`, `or`, `not`, states without a length, something `before` or `within the last D`. A property test holds each
answer to that of `core.conditions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from policyengine.base.calendar import OutOfRange, closes
from policyengine.base.instants import Period
from policyengine.core import ir, types
from policyengine.core.case import Event
from policyengine.core.conditions import condition_of, value_of
from policyengine.core.operators import Overflow
from policyengine.core.standing import World, at_large
from policyengine.trace.monitor_rows import DECIDES, Entry, Shelf
from policyengine.trace.retention import Length, Need, mixed, state_needs, within

Answer = Callable[[int, Event], "bool | None"]
"""Of the place of a row and the row: what the condition comes to there."""

Quick = Answer | bool | None

Read = Callable[[Event], Any]
"""A field of a row as it compares; None when it is missing."""

Owners = Callable[[ir.Get], bool]
"""Whether what is read is a field of the row itself."""

_COMPARED = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_SIMPLE = (types.Bool, types.Number, types.Text)
_ASKED = (ir.Get, ir.Today, ir.LocalTime, ir.CompletedYears, ir.Occurs, ir.CountEvents, ir.SumEvents,
          ir.EpisodeDuration, ir.Latest, ir.InState, ir.StateValue)


def settled(expr: ir.Expr, world: World) -> bool | None:
    """The answer of a condition that only asks facts and parameters; None when it asks more, or is missing."""
    if any(isinstance(node, _ASKED) for node in within(expr)):
        return None
    try:
        return condition_of(expr, at_large(world), world).value
    except (Overflow, OutOfRange):
        return None


def quick(expr: ir.Expr, shelf: Shelf, owners: Owners) -> Quick:
    """The function of a condition, or its answer where that is always the same."""
    match expr:
        case ir.And():
            return _joined([quick(part, shelf, owners) for part in expr.parts], False)
        case ir.Or():
            return _joined([quick(part, shelf, owners) for part in expr.parts], True)
        case ir.Not():
            return _negated(quick(expr.part, shelf, owners))
        case ir.Get() if isinstance(expr.type, types.Bool):
            return _told(reader(expr, owners))
        case ir.Present(ir.Get() as operand):
            given = reader(operand, owners)
            return None if given is None else lambda place, event: given(event) is not None
        case ir.Apply():
            found = _compared(expr, shelf.blank, owners)
        case ir.InState() if not expr.keys or shelf.blank.sources is None:
            found = _in_state(expr, shelf, owners)
        case ir.Occurs() if shelf.blank.sources is None:
            found = _occurs(expr, shelf)
        case _:
            found = None
    return settled(expr, shelf.blank) if found is None else found


def _told(read: Read | None) -> Quick:
    return None if read is None else lambda place, event: read(event)


def _joined(parts: Sequence[Quick], deciding: bool) -> Quick:
    """`or` where true decides, `and` where false does."""
    if any(part is deciding for part in parts):
        return deciding
    open_ones = [part for part in parts if callable(part)]
    unknown = any(part is None for part in parts)
    if not open_ones:
        return None if unknown else not deciding
    otherwise = None if unknown else not deciding
    if len(open_ones) == 1 and not unknown:
        return open_ones[0]

    def answer(place: int, event: Event) -> bool | None:
        result = otherwise
        for part in open_ones:
            one = part(place, event)
            if one is deciding:
                return deciding
            if one is None:
                result = None
        return result
    return answer


def _negated(part: Quick) -> Quick:
    if part is None or isinstance(part, bool):
        return None if part is None else not part

    def answer(place: int, event: Event) -> bool | None:
        one = part(place, event)
        return None if one is None else not one
    return answer


def reader(expr: ir.Expr, owners: Owners) -> Read | None:
    """How to read a field of the row, where it is one that compares as it is written."""
    if not isinstance(expr, ir.Get) or not owners(expr) or expr.path == ("time",) or not isinstance(expr.type, _SIMPLE):
        return None
    default = _exact(expr.default)
    if len(expr.path) == 1:
        (name,) = expr.path

        def field(event: Event) -> Any:
            raw = event.fields.get(name)
            return default if raw is None else Fraction(raw) if raw.__class__ is Decimal else raw
        return field
    path = expr.path

    def inner(event: Event) -> Any:
        raw: Any = event.fields
        for step in path:
            raw = raw.get(step) if isinstance(raw, Mapping) else None
        return default if raw is None else _exact(raw)
    return inner


def _exact(raw: Any) -> Any:
    return Fraction(raw) if isinstance(raw, Decimal) else raw


def _compared(expr: ir.Apply, world: World, owners: Owners) -> Quick:
    if len(expr.arguments) != 2:
        return None
    left, right = expr.arguments
    if expr.operator == "in":
        read, items = reader(left, owners), _written(right, world)
        if read is None or not isinstance(items, tuple):
            return None
        among = frozenset(items)
        return lambda place, event: None if (one := read(event)) is None else one in among
    compare = _COMPARED.get(expr.operator)
    if compare is None:
        return None
    first, second = reader(left, owners), reader(right, owners)
    if first is not None and second is not None:
        return lambda place, event: None if (one := first(event)) is None or (other := second(event)) is None \
            else compare(one, other)
    if first is not None and (value := _written(right, world)) is not None:
        return lambda place, event: None if (one := first(event)) is None else compare(one, value)
    if second is not None and (value := _written(left, world)) is not None:
        return lambda place, event: None if (one := second(event)) is None else compare(value, one)
    return None


def _written(expr: ir.Expr, world: World) -> Any:
    """A value that is the same at every moment, if it compares as it is."""
    if any(isinstance(node, _ASKED) for node in within(expr)):
        return None
    try:
        value = value_of(expr, at_large(world), world).value
    except (Overflow, OutOfRange):
        return None
    items = value if isinstance(value, tuple) else (value,)
    return value if all(isinstance(one, bool | int | str | Fraction) for one in items) else None


# ---- what was kept ----------------------------------------------------------------------------------------------

def _in_state(expr: ir.InState, shelf: Shelf, owners: Owners) -> Quick:
    state = shelf.blank.states[expr.state]
    reads = {name: reader(key, owners) for name, key in expr.keys}
    if not isinstance(state, ir.BooleanState) or state.lasting is not None or None in reads.values():
        return None
    stores = [shelf.find_store(need) for need in state_needs(state, 0)]
    if None in stores or shelf.blank.sources is not None:
        return None
    asked = [(store.buckets, [reads[key] for key in store.keys], place < len(state.starts))
             for place, store in enumerate(stores) if store is not None]

    def answer(place: int, event: Event) -> bool | None:
        started = ended = -1
        for buckets, keys, starts in asked:
            values = tuple([read(event) for read in keys])  # type: ignore[misc]
            if None in values:
                return None
            bucket = buckets.get(values)
            if bucket is not None:
                last = _last(bucket, place)
                if last is None:
                    return None
                if starts:
                    started = max(started, last)
                else:
                    ended = max(ended, last)
        return started >= ended and started >= 0
    return answer


def _last(bucket: list[Entry], before: int) -> int | None:
    """The place of the latest row before a place; -1 where there is none, None where it may be no match."""
    for entry in reversed(bucket):
        if entry[0] < before:
            return entry[0] if entry[2] == DECIDES else None
    return -1


def _occurs(expr: ir.Occurs, shelf: Shelf) -> Quick:
    pattern, length, calendar = expr.pattern, None, shelf.blank.calendar
    match expr.range:
        case ir.Before():
            store = shelf.find_store(Need(pattern, "latest", None, 0))
        case ir.WithinLast(period):
            if any(isinstance(node, _ASKED) for node in within(period)):
                return None
            length = value_of(period, at_large(shelf.blank), shelf.blank).value
            store = shelf.find_store(Need(pattern, "latest", Length(length), 0))
            if not isinstance(length, Period):
                return None
        case _:
            return None
    if store is None or mixed(pattern):
        return None
    compared = [reader(value, lambda get: get.owner == ir.TRIGGER) for _, value in store.equal]
    if None in compared:
        return None
    keys, buckets, equal, kind = store.keys, store.buckets, bool(store.equal), pattern.event

    def answer(place: int, event: Event) -> bool | None:
        values: tuple[Any, ...] = tuple(map(event.fields.get, keys))
        if equal:
            same = tuple([read(event) for read in compared])  # type: ignore[misc]
            if None in same or (*values, ()) in buckets:
                return None
            values = (*values, same)
        # Ranges compare instants: of its instant, only rows of the trigger's own type have to stand before it.
        before = place if length is None or event.type == kind else None
        for at, row, weight in reversed(buckets.get(values, ())):
            if before is not None and at >= before:
                continue
            if length is not None and closes(row.time, length, calendar) <= event.time:
                return False
            return True if weight == DECIDES else None
        return False
    return answer
