"""What a condition is asked with: the case as a whole, the place one stands at, a value with what it was read from.

Plain values and their caches; nothing here judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from typing import Any, NamedTuple, assert_never

from policyengine.base.calendar import Calendar
from policyengine.base.instants import parse_instant, parse_period
from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.candidates import Filter, filter_of
from policyengine.core.case import Case, Event, Sources
from policyengine.core.tally import Tally, Total
from policyengine.core.truth import Truth
from policyengine.core.verdict import (
    Evidence,
    Incomplete,
    Missing,
    NotEmitted,
    Setting,
)

Path = tuple[str | int, ...]
Keys = Mapping[str, Any]


@record
class Here:
    """The place a condition is asked at.

    `position` is the place in the order of events: what has a smaller index stands before. `known` is from when the
    time of a response runs. `event` is the trigger, None for marks and for the service itself.
    """

    time: int
    known: int
    position: int
    keys: Keys
    event: Event | None
    candidate: Event | None = None
    candidate_position: int = -1
    variables: Mapping[str, tuple[Any, Path]] = field(default_factory=dict)

    def looking_at(self, candidate: Event, position: int) -> Here:
        """The same place, with a candidate in view."""
        return Here(self.time, self.known, self.position, self.keys, self.event, candidate, position, self.variables)

    def key(self, name: str) -> Any:
        """The value of a key of the moment: one of its rule's keys, or another field of its trigger."""
        if name in self.keys:
            return self.keys[name]
        return None if self.event is None else self.event.fields.get(name)


@record
class Run:
    """One run of an episode or state. `positions` are its events; `end` is the first instant at which a state no longer
    holds (None: still); `closed` the position of the event that ended an episode. `unknown`: what was missing when it
    was put together and at which position, so that nothing about it is certain from there on."""

    keys: tuple[tuple[str, Any], ...]
    start: int
    positions: tuple[int, ...]
    end: int | None = None
    closed: int | None = None
    unknown: tuple[tuple[int, Missing], ...] = ()

    def doubts(self, last: int) -> tuple[Missing, ...]:
        """What was missing at positions up to and including `last`."""
        return tuple(missing for position, missing in self.unknown if position <= last)


class Reach(NamedTuple):
    """A part of a trace: the events of one type that have these values under `keys` (None: absent or null), from the
    instant `first` through `last` (UTC microseconds, both included; None: open)."""

    event: str
    keys: tuple[tuple[str, Any], ...]
    first: int | None
    last: int | None


@record
class Filtered:
    """How a pattern's candidates are told apart; what is known of them already, by position; and for each link, by
    the values of the pattern's keys, the candidates of each value, with those that lack one under None. `lacking`: what
    those come to that lack all there is of the moment: the same at every moment that does not."""

    filter: Filter
    own: dict[int, Truth] = field(default_factory=dict)
    lacking: dict[int, Truth] = field(default_factory=dict)
    linked: dict[tuple[int, tuple[Any, ...]], dict[Any, list[int]]] = field(default_factory=dict)


@record
class World:
    """All that does not change from moment to moment; the caches are filled as asked.

    `still` has of each condition, by its identity, the answer if it is the same at every moment, else None.
    `asked`, where it is kept, collects every part of the trace that an answer was sought in, found or not. `totals`, by
    the identity of a count or sum, where not all that it counts is among the events: the uncertain have to be, and the
    latest `conditions.NAMED`.
    """

    policy: ir.Policy
    facts: Mapping[str, Any]
    events: tuple[Event, ...]
    times: list[int]
    as_of: int
    parameters: Mapping[str, tuple[Any, types.Type]]
    calendar: Calendar
    sources: Sources | None
    states: Mapping[str, ir.BooleanState | ir.ValuedState]
    episodes: Mapping[str, ir.Episode]
    by_type: dict[str, list[int]] = field(default_factory=dict)
    by_key: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], list[int]]] = field(default_factory=dict)
    runs: dict[str, tuple[Run, ...]] = field(default_factory=dict)
    filters: dict[int, Filtered] = field(default_factory=dict)
    tallies: dict[tuple[Any, ...], Tally] = field(default_factory=dict)
    held: dict[tuple[Any, ...], Truth] = field(default_factory=dict)
    values: dict[tuple[Any, ...], Value] = field(default_factory=dict)
    still: dict[int, tuple[ir.Expr, Truth | None]] = field(default_factory=dict)
    asked: set[Reach] | None = None
    totals: Mapping[int, Total] = field(default_factory=dict)

    @staticmethod
    def of(policy: ir.Policy, case: Case, setting: Setting, calendar: Calendar, sources: Sources | None,
           asked: set[Reach] | None = None) -> World:
        events = tuple(event for event in case.events if event.time <= setting.as_of)
        parameters = {param.name: (setting.parameters.get(param.name, param.value), param.type)
                      for param in policy.params}
        return World(policy, case.facts, events, [event.time for event in events], setting.as_of, parameters, calendar,
                      sources, {state.name: state for state in policy.states},
                      {episode.name: episode for episode in policy.episodes}, asked=asked)

    def ask(self, event: str, keys: tuple[str, ...], values: Iterable[Any], first: int | None,
            last: int | None) -> None:
        """Note that an answer is sought among these events."""
        if self.asked is not None:
            named = tuple(zip(keys, values, strict=True))
            if len(named) > 1:
                named = tuple(sorted(named, key=itemgetter(0)))
            self.asked.add(Reach(event, named, first, last))

    def of_type(self, event: str) -> Sequence[int]:
        """The places, in order, of the events of one type."""
        if not self.by_type:
            for position, one in enumerate(self.events):
                self.by_type.setdefault(one.type, []).append(position)
        return self.by_type.get(event, ())

    def positions(self, event: str, keys: tuple[str, ...], values: tuple[Any, ...]) -> Sequence[int]:
        """The places, in order, of the events of one type whose keys have these values."""
        index = self.by_key.get((event, keys))
        if index is None:
            index = self.by_key[event, keys] = {}
            for position in self.of_type(event):
                fields = self.events[position].fields
                index.setdefault(tuple([fields.get(key) for key in keys]), []).append(position)
        return index.get(values, ())

    def filtered(self, pattern: ir.Pattern) -> Filtered:
        """What is known of a pattern's candidates."""
        found = self.filters.get(id(pattern))
        if found is None:
            found = self.filters[id(pattern)] = Filtered(filter_of(pattern))
        return found

    def gap_in_history(self, event: str, reach: int | None) -> tuple[Missing, ...]:
        """Why the sources do not show every event of the type from `reach` on (None: from the beginning)."""
        if self.sources is None:
            return ()
        if event not in self.sources.complete:
            return (NotEmitted(event),)
        since = self.sources.complete[event]
        return () if since is None or (reach is not None and reach >= since) else (Incomplete(event, since),)


def at_large(world: World) -> Here:
    """Where nothing is in view: behind the last event, at the instant of judgement."""
    return Here(world.as_of, world.as_of, len(world.events), {}, None)


@record
class Value:
    """A typed value, None when missing, with what it was read from."""

    value: Any
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()
    tie: bool = False


def as_key(value: Any) -> Any:
    """A value as rows have it under a key: text, a number, a boolean, and a date as it is written."""
    return value.isoformat() if isinstance(value, date) else value


def typed(raw: Any, type: types.Type) -> Any:
    """A raw value as the language computes with it; the raw value has been checked against the vocabulary."""
    match type:
        case types.Text() | types.Bool() | types.Record() | types.Unknown():
            return raw
        case types.Number():
            return Fraction(raw) if isinstance(raw, Decimal) else raw
        case types.Date():
            return date.fromisoformat(raw) if isinstance(raw, str) else raw
        case types.Instant():
            return parse_instant(raw) if isinstance(raw, str) else raw
        case types.TimeOfDay():
            return time.fromisoformat(raw) if isinstance(raw, str) else raw
        case types.Period():
            return parse_period(raw) if isinstance(raw, str) else raw
        case types.ListOf():
            return tuple(typed(item, type.item) for item in raw)
        case _:
            assert_never(type)
