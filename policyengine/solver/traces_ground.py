"""What two rules are compared on: both sides with their parameters put in, and the values at which an answer may turn.

In come two sides; out come their keys, the constants each fact and field is compared with, the periods both name, and
the instants a moment may be tried at. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from fractions import Fraction
from typing import Any, Literal

from policyengine.base.instants import Period, parse_period
from policyengine.core import ir, types
from policyengine.core.standing import typed
from policyengine.core.walk import nodes
from policyengine.solver.events_times import HOUR, first_workday, noon, telling_days
from policyengine.solver.model import Options, Side
from policyengine.solver.traces_closed import Keys, closed

Which = Literal[0, 1]
"""The old side and the new one."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The two sides, closed, with their keys; the constants by what they are compared with, and the sets they stand in;
    the periods of both rules; pairs of periods of different kinds of which one stands in the old rule alone and the
    other in the new; the periods an answer may take (`awaits_more`: and others, that only a case knows); the instants
    at which to try a moment."""

    sides: tuple[Side, Side]
    keys: tuple[Keys, Keys]
    constants: dict[Hashable, list[Any]]
    sets: dict[Hashable, list[frozenset[Any]]]
    periods: tuple[Period, ...]
    replaced: tuple[tuple[Period, Period], ...]
    awaited: tuple[Period, ...]
    awaits_more: bool
    bases: tuple[int, ...]

    @property
    def zone(self) -> str:
        return self.sides[1].calendar.zone


def ground_of(old: Side, new: Side, options: Options) -> Ground:
    sides = (closed(old), closed(new))
    apart = old.calendar != new.calendar
    keys = (Keys(sides[0], "old" if apart else None), Keys(sides[1], "new" if apart else None))
    constants: dict[Hashable, list[Any]] = {}
    sets: dict[Hashable, list[frozenset[Any]]] = {}
    periods: tuple[dict[Period, None], dict[Period, None]] = ({}, {})
    clocks: dict[time, None] = {}
    dates: dict[date, None] = {}
    for side, own in zip(sides, periods, strict=True):
        for node in _nodes_of(side):
            if isinstance(node, ir.Constant):
                value = typed(node.value, node.type)
                if isinstance(value, Period):
                    own.setdefault(value)
                elif isinstance(value, time):
                    clocks.setdefault(value)
            if isinstance(node, ir.Apply):
                left, right = node.arguments
                for term, other in ((left, right), (right, left)):
                    found = _written(other)
                    if found and not _written(term):
                        kept = constants.setdefault(term_of(term), [])
                        kept += [one for one in found if one not in kept]
                        sets.setdefault(term_of(term), []).append(frozenset(found))
                        if any(isinstance(inner, ir.Today) for inner in nodes(term)):
                            dates.update((one, None) for one in found if isinstance(one, date))
    replaced = tuple((left, right) for left in periods[0] if left not in periods[1]
                     for right in periods[1] if right not in periods[0] and right.unit != left.unit)
    awaited = [one for side in sides for one in _awaited(side)]
    return Ground(sides, keys, constants, sets, tuple({**periods[0], **periods[1]}), replaced,
                  tuple(dict.fromkeys(one for one in awaited if one is not None)), None in awaited,
                  _bases(sides[1], options, replaced, clocks, dates))


def _bases(side: Side, options: Options, replaced: Iterable[tuple[Period, Period]], clocks: Iterable[time],
           dates: Iterable[date]) -> tuple[int, ...]:
    calendar = side.calendar
    first = noon(first_workday(options.as_of, calendar), calendar)
    tried = [first]
    tried += [noon(day, calendar) for day in telling_days(replaced, calendar)]
    for clock in clocks:
        at = first - 12 * HOUR + ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 1_000_000
        tried += [at, at - 60_000_000, at + 60_000_000]
    tried += [noon(day + timedelta(days=shift), calendar) for day in dates for shift in (-1, 0, 1)
              if date.min < day < date(9000, 1, 1)]
    return tuple(dict.fromkeys(tried))


def _nodes_of(side: Side) -> Iterator[Any]:
    """All nodes that a rule rests on, those of the states and episodes it names included."""
    declared: dict[str, Any] = {one.name: one for one in (*side.policy.states, *side.policy.episodes)}
    rule = side.rule
    waiting: list[Any] = [rule.trigger, rule.when, rule.must, rule.unless, side.policy.scope_of(rule)]
    while waiting:
        for node in nodes(waiting.pop(0)):
            yield node
            name = (node.state if isinstance(node, ir.InState | ir.StateValue)
                    else node.run if isinstance(node, ir.OnEvery | ir.OnWithout | ir.OnStart)
                    else node.episode if isinstance(node, ir.During | ir.EpisodeDuration) else "")
            if name in declared:
                waiting.append(declared.pop(name))


def _written(expr: ir.Expr) -> tuple[Any, ...]:
    """The constants an expression is made of, if it is made of nothing else."""
    match expr:
        case ir.Constant():
            return (typed(expr.value, expr.type),)
        case ir.ListValue():
            return tuple(one for item in expr.items for one in _written(item))
        case _:
            return ()


def term_of(expr: ir.Expr) -> Hashable:
    """What the constants for an expression are collected under: a fact, a field's name, or a kind of term."""
    match expr:
        case ir.Fact():
            return ("fact", expr.path)
        case ir.Get():
            return ("field", expr.path)
        case ir.StateValue():
            return ("state", expr.type.__class__.__name__)
        case ir.Latest():
            return ("field", expr.path)
        case _:
            return ("term", type(expr).__name__)


def candidates(ground: Ground, expr: ir.Expr, near: Any = None) -> list[Any]:
    """Typed values worth giving a term, the most telling first; `near` is what it is compared with."""
    kind = getattr(expr, "type", None)
    known = list(ground.constants.get(term_of(expr), ()))
    if near is not None and near not in known:
        known.insert(0, near)
    match kind:
        case types.Bool():
            return [True, False]
        case types.Text(values=values) if values is not None:
            return _one_a_region(ground, expr, values)
        case types.Text():
            return [*(one for one in known if isinstance(one, str)), "other"]
    spread: dict[Any, None] = {}
    if isinstance(expr, ir.CountEvents | ir.CountElements):
        known = [0, 1, *known]
    elif isinstance(expr, ir.EpisodeDuration):
        known = [Period(0, "microsecond"), *known]
    for one in ([near] if near is not None else []) + known:
        for value in (one, *_beside(one)):
            spread.setdefault(value)
    return list(spread)


def _one_a_region(ground: Ground, expr: ir.Expr, values: Iterable[str]) -> list[Any]:
    """One text for each way of standing in the written sets: texts that no condition tells apart are one."""
    regions: dict[Hashable, str] = {}
    sets = ground.sets.get(term_of(expr), ())
    for value in values:
        regions.setdefault(tuple(value in one for one in sets), value)
    return list(regions.values())


def _beside(value: Any) -> Iterator[Any]:
    """The values just below and just above."""
    match value:
        case bool() | str():
            return
        case int():
            yield value - 1
            yield value + 1
        case Fraction():
            yield value - Fraction(1, 100)
            yield value + Fraction(1, 100)
        case date():
            if date.min < value < date.max:
                yield value - timedelta(days=1)
                yield value + timedelta(days=1)
        case Period():
            step = 1_000_000 if value.is_elapsed else 1
            if value.count >= step:
                yield replace(value, count=value.count - step)
            yield replace(value, count=value.count + step)


def _awaited(side: Side) -> Iterator[Period | None]:
    """The periods that an answer of the rule may take; None for one that only a case knows."""
    for node in nodes(side.rule.must):
        match node:
            case ir.Within(period=ir.Constant(value=text)) | ir.NoLaterThan(period=ir.Constant(value=text)):
                yield parse_period(text)
            case ir.Within() | ir.NoLaterThan() | ir.By():
                yield None


def waits(side: Side) -> bool:
    """Whether an answer of the rule may be open for a while."""
    return any(True for _ in _awaited(side))
