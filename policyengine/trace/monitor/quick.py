"""Conditions as Python source over one row, for the moments that end well and of which no evidence is asked.

In comes an expression, out goes source of what it comes to by the kept rows alone: true, false, or None, which means
"ask the evaluator" and is always right. Only what most rules are made of is covered: comparisons with what is written,
`in`, `and`, `or`, `not`, states without a length, something `before` or `within the last D`. A property test holds each
answer to that of `core.conditions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from policyengine.base.calendar import closes
from policyengine.base.instants import Period
from policyengine.core import ir, types
from policyengine.core.case import Event
from policyengine.core.conditions import condition_of, value_of
from policyengine.core.operators import TOO_LARGE
from policyengine.core.standing import World, at_large
from policyengine.core.walk import nodes
from policyengine.trace.monitor.keys import Key
from policyengine.trace.monitor.retention import Length, Need, mixed, state_needs
from policyengine.trace.monitor.rows import Shelf
from policyengine.trace.monitor.runs import NEVER
from policyengine.trace.monitor.source import Source
from policyengine.trace.monitor.totals import DECIDES, Entry

Written = Callable[[Source], str]
"""In the function of a row `event` at a `place`: what the condition comes to there, as a Python expression."""

Quick = Written | bool | None

Read = Callable[[Source], str]
"""A field of a row as it compares, as a Python expression; None when it is missing."""

Answer = Callable[[int, Event], bool | None]
"""Of the place of a row and the row: what the condition comes to there."""

Owners = Callable[[ir.Get], bool]
"""Whether what is read is a field of the row itself."""

DAY = 86_400_000_000
END = 253_402_300_800_000_000
"""The first instant after the year 9999, in microseconds UTC."""

_COMPARED = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_DEEPEST = 20  # so that no source is too deep for Python
_SIMPLE = (types.Bool, types.Number, types.Text)
_ASKED = (ir.Get, ir.Today, ir.LocalTime, ir.CompletedYears, ir.Occurs, ir.CountEvents, ir.SumEvents,
          ir.EpisodeDuration, ir.Latest, ir.InState, ir.StateValue)


def settled(expr: ir.Expr, world: World) -> bool | None:
    """The answer of a condition that only asks facts and parameters; None when it asks more, or is missing."""
    if any(isinstance(node, _ASKED) for node in nodes(expr)):
        return None
    try:
        return condition_of(expr, at_large(world), world).value
    except TOO_LARGE:
        return None


def quick(expr: ir.Expr, shelf: Shelf, owners: Owners, depth: int = 0) -> Quick:
    """The source of a condition, or its answer where that is always the same."""
    match expr:
        case ir.And() | ir.Or() | ir.Not() if depth >= _DEEPEST:
            return None
        case ir.And() | ir.Or():
            return _joined([(quick(part, shelf, owners, depth + 1), _may_fail(part, shelf.blank))
                            for part in expr.parts], isinstance(expr, ir.Or))
        case ir.Not():
            return _negated(quick(expr.part, shelf, owners, depth + 1))
        case ir.Get() if isinstance(expr.type, types.Bool):
            return reader(expr, owners)
        case ir.Present(ir.Get() as operand):
            given = reader(operand, owners)
            return None if given is None else lambda source: f"({given(source)} is not None)"
        case ir.Apply():
            found = _compared(expr, shelf.blank, owners)
        case ir.InState() if not expr.keys or shelf.blank.sources is None:
            found = _in_state(expr, shelf, owners)
        case ir.Occurs() if shelf.blank.sources is None:
            found = _occurs(expr, shelf)
        case _:
            found = None
    return settled(expr, shelf.blank) if found is None else found


def _may_fail(expr: Any, world: World) -> bool:
    """Whether a number or a date may come of it that nobody can hold, but for what the year 9999 is too near for."""
    for node in nodes(expr):
        match node:
            case ir.SumEvents() | ir.Apply("+" | "-" | "*"):
                return True
            case ir.InState() | ir.StateValue() if _may_fail(world.states[node.state], world):
                return True
            case ir.EpisodeDuration() | ir.During() if _may_fail(world.episodes[node.episode], world):
                return True
            case _:
                pass
    return False


def written(condition: Quick, source: Source) -> str:
    """The source of a condition, also where it is always the same."""
    return condition(source) if callable(condition) else repr(condition)


def answer(condition: Quick) -> Answer | bool | None:
    """A condition as a function of any row, or its answer."""
    if not callable(condition):
        return condition
    source = Source("any")
    source.add(f"return {condition(source)}")
    made: Answer = source.function("place, event")
    return made


def _joined(parts: Sequence[tuple[Quick, bool]], deciding: bool) -> Quick:
    """`or` where true decides, `and` where false does. With each part whether it may fail: the evaluator asks all, and
    where one fails there is no answer, so such a part is looked at whatever the others say."""
    if any(part is None and fails for part, fails in parts):
        return None
    risky = [part for part, fails in parts if fails and callable(part)]
    open_ones = [part for part, fails in parts if callable(part) and not fails]
    known = {part for part, _ in parts if not callable(part)}
    if deciding in known and not risky:
        return deciding
    if not open_ones and not risky:
        return None if None in known else not deciding

    def joined(source: Source) -> str:
        values = [source.variable() for _ in risky]
        looked = [f"({value} := {part(source)}) is None" for value, part in zip(values, risky, strict=True)]
        asked = [*values, *(part(source) for part in open_ones), *sorted(map(repr, known - {not deciding}))]
        # Where one of `and` is missing the evaluator is asked, whatever comes after it.
        found = f"({' and '.join(asked)})" if not deciding else f"{source.name(_either)}(({', '.join(asked)}, ))"
        return f"(None if {' or '.join(looked)} else {found})" if looked else found
    return joined


def _either(parts: Sequence[bool | None]) -> bool | None:
    return True if True in parts else None if None in parts else False


def _negated(part: Quick) -> Quick:
    if not callable(part):
        return None if part is None else not part
    inner = part

    def negated(source: Source) -> str:
        value = source.variable()
        return f"(None if ({value} := {inner(source)}) is None else not {value})"
    return negated


def reader(expr: ir.Expr, owners: Owners) -> Read | None:
    """How to read a field of the row, where it is one that compares as it is written."""
    if not isinstance(expr, ir.Get) or not owners(expr) or expr.path == ("time",) or not isinstance(expr.type, _SIMPLE):
        return None
    default, path, numeric = _exact(expr.default), expr.path, isinstance(expr.type, types.Number)

    def read(source: Source) -> str:
        raw = source.field(path[0]) if len(path) == 1 else f"{source.name(_inner(path))}(event)"
        if default is None and not numeric:
            return raw
        value = source.variable()
        exact = f"({value} if {value}.__class__ is int else {source.name(_exact)}({value}))" if numeric else value
        return f"({source.name(default)} if ({value} := {raw}) is None else {exact})"
    return read


def _inner(path: Sequence[str]) -> Callable[[Event], Any]:
    def inner(event: Event) -> Any:
        raw: Any = event.fields
        for step in path:
            raw = raw.get(step) if isinstance(raw, Mapping) else None
        return raw
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
        among, one = frozenset(items), read
        return lambda source: _unless_missing(source, one, lambda value: f"{value} in {source.name(among)}")
    compare = _COMPARED.get(expr.operator)
    if compare is None:
        return None
    first, second = reader(left, owners), reader(right, owners)
    if first is not None and second is not None:
        one, other = first, second
        return lambda source: _unless_missing(source, one, lambda left: _unless_missing(
            source, other, lambda right: f"{left} {compare} {right}"))
    if first is not None and (value := _written(right, world)) is not None:
        one = first
        return lambda source: _unless_missing(source, one, lambda left: f"{left} {compare} {source.name(value)}")
    if second is not None and (value := _written(left, world)) is not None:
        one = second
        return lambda source: _unless_missing(source, one, lambda right: f"{source.name(value)} {compare} {right}")
    return None


def _unless_missing(source: Source, read: Read, then: Callable[[str], str]) -> str:
    value = source.variable()
    return f"(None if ({value} := {read(source)}) is None else {then(value)})"


def _written(expr: ir.Expr, world: World) -> Any:
    """A value that is the same at every moment, if it compares as it is."""
    if any(isinstance(node, _ASKED) for node in nodes(expr)):
        return None
    try:
        value = value_of(expr, at_large(world), world).value
    except TOO_LARGE:
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
    asked = [(store.buckets, place < len(state.starts), len(store.keys) != 1)
             for place, store in enumerate(stores) if store is not None]

    def holds(place: int, keys: Sequence[Key]) -> bool | None:
        started = ended = -1
        for (buckets, starts, several), own in zip(asked, keys, strict=True):
            if own is None or (several and None in own):
                return None
            bucket = buckets.get(own)
            if bucket is not None:
                last = _last(bucket, place)
                if last is None:
                    return None
                if starts:
                    started = max(started, last)
                else:
                    ended = max(ended, last)
        return started >= ended and started >= 0

    def in_state(source: Source) -> str:
        own = [_key(source, [reads[key] for key in store.keys]) for store in stores if store is not None]
        return f"{source.name(holds)}(place, ({''.join(f'{one}, ' for one in own)}))"
    return in_state


def _key(source: Source, reads: Sequence[Read | None]) -> str:
    """What stands for the values of keys that are read so."""
    own = [read(source) for read in reads if read is not None]
    return own[0] if len(own) == 1 else _tuple(own)


def _tuple(values: Sequence[str]) -> str:
    return f"({''.join(f'{one}, ' for one in values)})"


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
            if any(isinstance(node, _ASKED) for node in nodes(period)):
                return None
            try:
                length = value_of(period, at_large(shelf.blank), shelf.blank).value
            except TOO_LARGE:
                return None
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
    if length is None and store.plain() and not store.equal:
        rows, own = store.buckets, store.keys  # each row decides, the earliest that is kept of a key stands first

        def before_it(source: Source) -> str:
            some = source.variable()
            return f"(({some} := {source.name(rows)}.get({source.key(own)})) is not None and {some}[0][0] < place)"
        return before_it
    keys, buckets, equal, kind = store.keys, store.buckets, bool(store.equal), pattern.event

    # So near the last year the evaluator may raise; a working day comes at least every third week.
    near = NEVER if length is None or length.is_elapsed else END - (31 * length.count + 60) * DAY

    def occurred(place: int, event: Event, key: Key, same: tuple[Any, ...]) -> bool | None:
        if event.time >= near:
            return None
        if equal:
            if None in same or (key, ()) in buckets:
                return None
            key = key, same
        # Ranges compare instants: of its instant, only rows of the trigger's own type have to stand before it.
        before = place if length is None or event.type == kind else None
        for at, row, weight in reversed(buckets.get(key, ())):
            if before is not None and at >= before:
                continue
            if length is not None and closes(row.time, length, calendar) <= event.time:
                return False
            return True if weight == DECIDES else None
        return False
    return lambda source: (f"{source.name(occurred)}(place, event, {source.key(keys)}, "
                           f"{_tuple([read(source) for read in compared if read is not None])})")
