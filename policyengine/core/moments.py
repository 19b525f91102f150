"""From a rule's trigger to its moments: which events, marks and starts of runs it is about, in order.

Each moment comes with the place to stand at and whether its trigger held; what the rule asks there is not known here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from heapq import merge
from itertools import count
from typing import Any, assert_never

from policyengine.base.calendar import OutOfRange, closes
from policyengine.base.instants import Period
from policyengine.core import ir
from policyengine.core.conditions import all_missing, condition_of, matching, runs_of, value_of
from policyengine.core.standing import Here, Run, World, at_large
from policyengine.core.truth import FALSE, SETTLED, TRUE, Truth, all_of
from policyengine.core.verdict import (
    Missing,
    Moment,
)


def trigger_events(trigger: ir.Trigger, policy: ir.Policy) -> tuple[str, ...]:
    """The event types without which no moment arises."""
    if isinstance(trigger, ir.OnEvent):
        return trigger.events
    for episode in policy.episodes:
        if episode.name == trigger.run:
            return tuple(pattern.event for pattern in episode.events)
    for state in policy.states:
        if state.name == trigger.run and isinstance(state, ir.BooleanState):
            return tuple(pattern.event for pattern in state.starts)
    raise LookupError(trigger.run)


def unknown_lengths(trigger: ir.Trigger, world: World) -> tuple[Missing, ...]:
    """The facts that are missing for the length of the trigger's period or of its episode's gap: without them nobody
    knows its moments."""
    if isinstance(trigger, ir.OnEvent):
        return ()
    here = at_large(world)
    gap = (world.episodes[trigger.run].gap,) if trigger.run in world.episodes else ()
    period = () if isinstance(trigger, ir.OnStart) else (trigger.period,)
    return all_missing(value_of(one, here, world) for one in (*period, *gap))


def moments_of(rule: ir.Rule, world: World) -> Iterator[tuple[Here, Moment, Truth]]:
    """The moments of a rule in order, each with where it stands and whether its trigger held."""
    match rule.trigger:
        case ir.OnEvent():
            yield from _event_moments(rule, rule.trigger, world)
        case ir.OnEvery():
            yield from sorted(_marks(rule, rule.trigger, world), key=lambda one: (one[1].time, repr(one[1].keys)))
        case ir.OnWithout():
            yield from sorted(_silences(rule, rule.trigger, world), key=lambda one: (one[1].time, repr(one[1].keys)))
        case ir.OnStart():
            for run in runs_of(rule.trigger.run, world):
                position = run.positions[0]
                event = world.events[position]
                keys = _rule_keys(rule, run)
                here = Here(event.time, event.time, position, dict(keys), event)
                yield here, Moment(event.time, event.time, keys, event, event), _uncertain(run.doubts(position))
        case None:
            return
        case _:
            assert_never(rule.trigger)


def _event_moments(rule: ir.Rule, trigger: ir.OnEvent, world: World) -> Iterator[tuple[Here, Moment, Truth]]:
    earlier: dict[tuple[Any, ...], Truth] = {}
    for position in merge(*map(world.of_type, dict.fromkeys(trigger.events))):
        event = world.events[position]
        keys = tuple((key, event.fields.get(key)) for key in rule.keys)
        here = Here(event.time, event.time, position, dict(keys), event)
        held = TRUE if trigger.where is None else condition_of(trigger.where, here.looking_at(event, position), world)
        if trigger.first and held.value is False:
            continue
        if trigger.first:
            # A later match is not the first; after an uncertain one, or in a history with a gap, nobody knows.
            values = tuple(value for _, value in keys)
            before = earlier.get(values, _uncertain(
                tuple(one for name in trigger.events for one in world.gap_in_history(name, None))))
            if before.value is False:
                continue
            earlier[values] = FALSE if held.value else all_of((before, held))
            held = all_of((before, held))
        yield here, Moment(event.time, event.time, keys, event), held


def _marks(rule: ir.Rule, trigger: ir.OnEvery, world: World) -> Iterator[tuple[Here, Moment, Truth]]:
    for run in runs_of(trigger.run, world):
        period = _run_period(trigger.period, run, world)
        for times in (1,) if trigger.once else count(1):
            mark = closes(run.start, period.times(times), world.calendar) - 1
            past = _passes(trigger.run, run, mark, world)
            if past is False:
                break
            yield _mark(rule, run, mark, past, (), world)


def _silences(rule: ir.Rule, trigger: ir.OnWithout, world: World) -> Iterator[tuple[Here, Moment, Truth]]:
    for run in runs_of(trigger.run, world):
        period = _run_period(trigger.period, run, world)
        keys = dict(run.keys)
        nowhere = Here(run.start, run.start, run.positions[0], keys, None)
        heard = list(matching(trigger.pattern, nowhere, world, run.positions[0] + 1, len(world.events), keys,
                              within=(run.start, None)))
        following = [other.start for other in runs_of(trigger.run, world)
                     if other.keys == run.keys and other.start > run.start]
        bases = [(run.start, run.positions[0], TRUE)]
        bases += [(event.time, position, match) for position, event, match in heard
                  if not following or event.time < following[0]]
        for base, position, match in bases:
            mark = closes(base, period, world.calendar) - 1
            past = _passes(trigger.run, run, mark, world)
            inside = [one for place, event, one in heard if place > position and event.time <= mark]
            if past is False or any(one.value for one in inside):
                continue
            unknown = (*match.missing, *(lost for one in inside for lost in one.missing),
                       *world.gap_in_history(trigger.pattern.event, base))
            yield _mark(rule, run, mark, past, unknown, world)


def _run_period(period: ir.Expr, run: Run, world: World) -> Period:
    value = value_of(period, Here(run.start, run.start, run.positions[0], dict(run.keys), None), world).value
    if not isinstance(value, Period) or value.count <= 0:
        raise OutOfRange("the period between two marks is not longer than nothing")
    return value


def _passes(name: str, run: Run, mark: int, world: World) -> int | bool:
    """The place of the event by which an episode passes the mark; True where a state passes it; False if neither."""
    if name in world.episodes:
        return next((place for place in run.positions if world.times[place] > mark), False)
    # A state that expires holds through the last instant before `end`, one that is ended does not reach its end.
    return world.as_of > mark and (run.end is None or run.end - (run.closed is None) > mark)


def _mark(rule: ir.Rule, run: Run, mark: int, past: int | bool, unknown: tuple[Missing, ...], world: World,
          ) -> tuple[Here, Moment, Truth]:
    keys = _rule_keys(rule, run)
    event = None if isinstance(past, bool) else world.events[past]
    known = mark if event is None else event.time
    here = Here(mark, known, bisect_left(world.times, mark), dict(run.keys), None)
    first = world.events[run.positions[0]]
    seen = bisect_right(world.times, mark) - 1 if event is None else int(past)
    return here, Moment(mark, known, keys, None, first, event), _uncertain((*run.doubts(seen), *unknown))


def _rule_keys(rule: ir.Rule, run: Run) -> tuple[tuple[str, Any], ...]:
    keys = dict(run.keys)
    return tuple((key, keys[key]) for key in rule.keys)


def _uncertain(missing: tuple[Missing, ...]) -> Truth:
    return Truth(None, SETTLED, (), missing) if missing else TRUE
