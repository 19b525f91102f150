"""The rows a monitor keeps, by what they are kept for, and the small worlds the evaluator is asked in.

In come rows in the order of the language, each with its place (an integer that only grows); out comes, for a moment,
every kept row its rule has to look at, and what those ranges come to of which it has not all. On these the evaluator
says what it would say on the whole trace: `retention` tells which rows those are. What a rule demands and when it is
asked is not known here.

Where a number or date is past what can be held, nothing is raised here: a row is kept as one that may match, and what
it would be found by is missing, so that the moments that look at it ask the evaluator, which raises it for them alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from operator import itemgetter
from typing import Any, assert_never

from policyengine.core import ir, types
from policyengine.core.case import Event
from policyengine.core.conditions import condition_of, stretch_of, value_of
from policyengine.core.operators import TOO_LARGE
from policyengine.core.standing import Here, Run, World, as_key, typed
from policyengine.core.tally import Total
from policyengine.core.truth import TRUE, Truth, all_of
from policyengine.core.walk import nodes
from policyengine.trace.monitor.keys import Key, Values, key_of, named, part_reader, reader, values_of
from policyengine.trace.monitor.outcomes import uncomputed
from policyengine.trace.monitor.retention import (
    After,
    Inside,
    Length,
    Need,
    Plan,
    State,
    Unit,
    apart,
    endless,
    own_conditions,
    state_needs,
    states_in,
    states_read,
)
from policyengine.trace.monitor.runs import Runs, begins, ends
from policyengine.trace.monitor.totals import BESIDE, DECIDES, POSSIBLE, Asked, Entry, Totals, aged, in_short

Rows = dict[int, Event]
"""Rows by their place."""

Reachable = Callable[[int, int], bool]
"""Whether the row of a place and an instant can still be reached."""

Limit = Callable[[Key, int], Reachable]
"""For the key of a need, what moments from an instant on can reach."""


class Store:
    """The rows of one need. `totals`: beside them, what they come to, for each that asks."""

    __slots__ = ("asked", "buckets", "equal", "forgotten", "groups", "key", "keys", "lag", "limit", "lists", "mixed",
                 "need", "of_value", "own", "rows", "totals")

    def __init__(self, need: Need, limit: Limit, forgotten: Collection[str]) -> None:
        pattern = need.pattern
        self.need, self.keys, self.limit = need, pattern.keys, limit
        self.own = own_conditions(pattern)
        self.equal = apart(pattern)
        self.lists = any(isinstance(field.type, types.ListOf) for field, _ in self.equal)
        self.mixed = endless(pattern) and need.age is None
        self.lag = need.lag + (need.age or 0)
        self.asked = states_read(pattern.where)
        self.key = reader(self.keys)
        self.buckets: dict[Key, list[Entry]] = {}
        self.groups: dict[Key, dict[Values, None]] = {}  # where rows are told apart by `equal`
        self.forgotten = [at for at, key in enumerate(self.keys) if key in forgotten]
        self.of_value: dict[tuple[int, Any], dict[Key, None]] = {}
        self.rows = 0
        self.totals: dict[Any, Totals] = {}

    def put(self, place: int, event: Event, match: Truth) -> None:
        """Keep a row whose own conditions are not false."""
        need = self.need
        for group in self._groups(event) if self.lists else (self._group(event),):
            weight = DECIDES if (match.value or need.unsure) and not self.mixed else POSSIBLE
            if self.equal and not group[1] and not need.unsure:
                weight = POSSIBLE  # whether it is the one nobody can say
            if need.carries is not None and not carries(event, need.carries):
                weight = BESIDE
            bucket = self._add(group, (place, event, weight))
            length = len(bucket)
            few = need.which != "every" and need.age is None
            if length > 1 and (few or (length >= 8 and length & (length - 1) == 0)):
                self._prune(group, bucket, event.time)

    def plain(self) -> bool:
        """Whether each row decides, and the latest alone is kept."""
        need = self.need
        return (need.which == "latest" and need.reach is None and not need.lag and need.carries is None
                and need.pattern.where is None and not self.forgotten)

    def _group(self, event: Event) -> Key:
        """By what a row is kept: its key, and what it is told apart by, where it is by anything."""
        key = self.key(event.fields)
        if not self.equal:
            return key
        same = tuple([field_of(event, field) for field, _ in self.equal])
        return key, () if None in same else same

    def _groups(self, event: Event) -> Iterable[Key]:
        """`_group` for each item of the lists by which rows are told apart; `()` is that of an empty list, which may
        contain what is missing."""
        key, same = self._group(event)
        items = [dict.fromkeys(one or ((),)) if isinstance(one, tuple) else (one,) for one in same]
        return [(key, one) for one in product(*items)]

    def _add(self, group: Key, entry: Entry) -> list[Entry]:
        self.rows += 1
        bucket = self.buckets.get(group)
        if bucket is None:
            bucket = self.buckets[group] = []
            if self.equal:
                self.groups.setdefault(group[0], {})[group[1]] = None
            for at, value in self._forgettable(group):
                self.of_value.setdefault((at, value), {})[group] = None
        bucket.append(entry)
        return bucket

    def _forgettable(self, group: Key) -> list[tuple[int, Any]]:
        """The values of keys that may be forgotten, with their places among the keys."""
        if not self.forgotten:
            return []
        values = values_of(group[0] if self.equal else group, self.keys)
        return [(at, values[at]) for at in self.forgotten]

    def find(self, key: Key, same: tuple[Any, ...] | None, into: Rows, now: int, *, exact: bool = False) -> None:
        """Add the rows of this key and, where rows are told apart by it, of `equal` (None among them: all), that may
        matter to a moment at the instant `now`; `exact`: none of those that might have been thrown away by then."""
        for group, bucket in self.found(key, same):
            some: Iterable[Entry] = (aged(bucket, now - self.need.age) if self.need.age is not None else
                                     self._needed(group, bucket, now) if exact else bucket)
            for place, event, _ in some:
                into[place] = event

    def found(self, key: Key, same: tuple[Any, ...] | None) -> list[tuple[Key, list[Entry]]]:
        """The same rows by the groups they are kept in."""
        groups: Iterable[Key] = (key,)
        if self.equal:
            every = same is None or None in same
            groups = [(key, one) for one in (self.groups.get(key, ()) if every else (same, ()))]
        return [(group, self.buckets[group]) for group in groups if group in self.buckets]

    def totals_of(self, asked: Asked) -> Totals:
        """What adds up the rows for a question."""
        summed = asked if isinstance(asked, ir.SumEvents) else None
        what = None if summed is None else (summed.path, repr(summed.default), repr(summed.type))
        return self.totals.setdefault(what, Totals(summed))

    def decided(self, key: Key, before: int) -> tuple[int, Event] | None:
        """The latest row before an instant that decides."""
        return next(((entry[0], entry[1]) for entry in reversed(self.buckets.get(key, ()))
                     if entry[2] == DECIDES and entry[1].time < before), None)

    def sweep(self, now: int) -> None:
        """Throw away what no moment from `now` on can reach."""
        if self.rows == len(self.buckets) and self.plain():
            return  # the latest of each key
        waiting = self.need.reach is not None
        for group in [group for group, bucket in self.buckets.items()
                      if waiting or len(bucket) > 1 or bucket[0][2] == BESIDE]:
            bucket = self.buckets[group]
            self._prune(group, bucket, now)
            if not bucket:
                self._drop(group)

    def forget(self, place: int, value: Any) -> None:
        """Throw away all rows whose key at that place of the keys has the value."""
        for group in list(self.of_value.pop((place, value), ())):
            if group in self.buckets:
                self.rows -= len(self.buckets[group])
                self._drop(group)

    def entries(self) -> list[Entry]:
        """All that is kept, for `restore`."""
        every = [entry for bucket in self.buckets.values() for entry in bucket]
        # A row with several items stands in several places.
        return sorted({entry[0]: entry for entry in every}.values(), key=itemgetter(0)) if self.lists else every

    def restore(self, entries: Iterable[Entry]) -> None:
        """Keep what another store of the same need kept."""
        for entry in entries:
            for group in self._groups(entry[1]) if self.lists else (self._group(entry[1]),):
                self._add(group, entry)

    def _drop(self, group: Key) -> None:
        del self.buckets[group]
        for totals in self.totals.values():
            totals.forget(group)
        for one in self._forgettable(group):
            some = self.of_value.get(one, {})
            some.pop(group, None)
            if not some:
                self.of_value.pop(one, None)
        if self.equal:
            groups = self.groups[group[0]]
            del groups[group[1]]
            if not groups:
                del self.groups[group[0]]

    def _prune(self, group: Key, bucket: list[Entry], now: int) -> None:
        past = now - self.lag  # rows before it stand before every moment still to be judged, and are old enough
        if self.need.which != "every":
            kept = self._needed(group, bucket, past)
            self.rows -= len(bucket) - len(kept)
            bucket[:] = kept
        elif gone := self._reached(group, bucket, past):
            self.rows -= gone
            del bucket[:gone]
            for totals in self.totals.values():
                totals.drop(group, gone)

    def _needed(self, group: Key, bucket: list[Entry], past: int) -> list[Entry]:
        """Of the rows of a group those that moments from the instant `past` on can reach."""
        first, only = 0, False
        if self.need.which == "every":
            return bucket[self._reached(group, bucket, past):]
        if self.need.which == "latest":
            for index in range(len(bucket) - 1, 0, -1):
                if bucket[index][2] == DECIDES and bucket[index][1].time < past:
                    first = index
                    break
        elif self.need.which == "first":
            for index, entry in enumerate(bucket):
                if entry[2] == DECIDES and entry[1].time < past:
                    first, only = index, True
                    break
        reachable = self.limit(group[0] if self.equal else group, past)
        return bucket[first:first + 1] if only else [
            entry for entry in bucket[first:]
            if entry[1].time >= past or (entry[2] != BESIDE and reachable(entry[0], entry[1].time))]

    def _reached(self, group: Key, bucket: list[Entry], past: int) -> int:
        """Where every row is kept that can be reached, the first such: from it on all can."""
        reachable = self.limit(group[0] if self.equal else group, past)
        return next((index for index, (place, event, _) in enumerate(bucket)
                     if event.time >= past or reachable(place, event.time)), len(bucket))


def carries(event: Event, path: tuple[str, ...]) -> bool:
    """Whether an event says anything about a field, if only that it is null."""
    owner: Any = event.fields
    for name in path[:-1]:
        owner = owner.get(name) if isinstance(owner, Mapping) else None
    return isinstance(owner, Mapping) and path[-1] in owner


def field_of(event: Event, field: ir.Get) -> Any:
    """The typed value of a candidate's field; None when it is missing."""
    raw: Any = event.fields
    for name in field.path:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    raw = field.default if raw is None else raw
    return None if raw is None else typed(raw, field.type)


class Shelf:
    """All the stores, and small worlds of what is in them to ask the evaluator in."""

    def __init__(self, blank: World, plans: Sequence[Plan], wheres: Iterable[ir.Expr | None]) -> None:
        """`blank`: the world without events. `wheres`: conditions on single rows that are asked besides the plans'."""
        self.blank = blank
        self.runs: dict[str, Runs] = {}
        self.stores: dict[str, Store] = {}
        self._read: dict[tuple[str, int], tuple[Store, ...]] = {}  # by a state and a lag, what says how it stands
        self._states: dict[int, tuple[State, ...]] = {}  # by the identity of a condition, those it reads
        self.supports: dict[int, Rows] = {}
        """By place of a row whose match depends on a state: the rows that say how the states stood at it. The row may
        be looked at for another reason too, and then has to be found no match again."""
        self.exact = False
        """Whether a row was kept of which something could not be computed. From then on a moment is given no row that
        it does not need, so that which moments cannot be judged does not depend on when rows were thrown away."""
        for need in (need for plan in plans for need in plan.past):
            self._store(need)
        self.of_plan = {plan.rule.name: [self._store(need) for need in plan.whole] for plan in plans}
        self.ranged = {plan.rule.name: [(one.asked, self._store(one.need)) for one in plan.ranged] for plan in plans}
        for where in (*wheres, *(pattern.where for plan in plans for pattern in plan.waits)):
            for state in states_read(where):
                self._of_state(state.state, 0)
        self.of_state = {(state.state, lag): self._of_state(state.state, lag)
                         for plan in plans for state in plan.states for lag in (plan.lag,)}
        self.plain: dict[str, list[Store]] = {}
        self.asking: dict[str, list[Store]] = {}
        for store in self.stores.values():
            (self.asking if store.asked else self.plain).setdefault(store.need.pattern.event, []).append(store)
        # A state may ask another state, never itself: what is asked is kept before it is asked.
        self.in_turn = sorted((one for some in self.asking.values() for one in some), key=lambda one: self._depth(one))

    def _store(self, need: Need) -> Store:
        key = repr(need)
        if key not in self.stores:
            forgotten = {one.key for one in self.blank.policy.forgets}
            self.stores[key] = Store(need, self._limit(need), forgotten)
            for state in states_read(need.pattern.where):
                self._of_state(state.state, 0)
        return self.stores[key]

    def find_store(self, need: Need) -> Store | None:
        """The store of a need, where there is one."""
        return self.stores.get(repr(need))

    def _of_state(self, name: str, lag: int) -> tuple[Store, ...]:
        found = self._read.get((name, lag))
        if found is None:
            found = self._read[name, lag] = tuple(
                self._store(need) for need in state_needs(self.blank.states[name], lag))
        return found

    def _depth(self, store: Store) -> int:
        return 1 + max((self._depth(one) for state in store.asked for one in self._of_state(state.state, 0)), default=0)

    def _limit(self, need: Need) -> Limit:
        calendar = self.blank.calendar
        match need.reach:
            case None:
                return lambda key, past: _everything
            case Length(period):
                if period is None:
                    return lambda key, past: _nothing
                length = period
                return lambda key, past: lambda place, time: ends(time, length, calendar) > past
            case Unit(unit):
                def of_unit(key: Key, past: int) -> Reachable:
                    start = begins(unit, past, calendar)
                    return lambda place, time: time >= start
                return of_unit
            case After(pattern):
                part = part_reader(need.pattern.keys, pattern.keys)
                latest = self._store(Need(pattern, "latest", None, need.lag))

                def after(key: Key, past: int) -> Reachable:
                    start = latest.decided(part(key), past)
                    return _everything if start is None else lambda place, time: place > start[0]
                return after
            case Inside(episode):
                return lambda key, past: self.runs[episode].reachable(named(key, need.pattern.keys), past)
            case _:
                assert_never(need.reach)

    # ---- keeping ------------------------------------------------------------------------------------------------

    def putter(self, store: Store) -> Callable[[int, Event], None]:
        """What keeps a row where it is needed; after all rows of its instant, `settle`."""
        return partial(self._put, store)

    def _put(self, store: Store, place: int, event: Event) -> None:
        match = self._own(store, place, event, {}) if store.own else TRUE
        if match.value is not False:
            store.put(place, event, match)

    def settle(self, rows: Sequence[tuple[int, Event]]) -> None:
        """Keep the rows of an instant where whether they match depends on a state."""
        for store in self.in_turn:
            for place, event in rows:
                if event.type == store.need.pattern.event:
                    beside = self.beside(place, event, store.asked, self._alone(store.keys, event))
                    self.supports.setdefault(place, {}).update(beside)
                    match = self._own(store, place, event, beside) if store.own else TRUE
                    if match.value is not False:
                        store.put(place, event, match)

    def _alone(self, keys: Sequence[str], event: Event) -> Here:
        """A candidate with nobody who asks, but that they would agree on the keys."""
        return Here(event.time, event.time, 0, {key: event.fields.get(key) for key in keys}, None)

    def _own(self, store: Store, place: int, event: Event, support: Rows) -> Truth:
        return self.answer(store.own, place, event, support, self._alone(store.keys, event))

    def answer(self, conditions: Sequence[ir.Expr], place: int, event: Event, support: Rows, here: Here) -> Truth:
        """Conditions on a row as a candidate; `support` are the rows of the states they ask. Uncertain, for what is
        `Uncomputed`, where the evaluator raises."""
        world, position = self.blank, 0
        if support:
            world, places = self.world({**support, place: event}, event.time)
            position = bisect_left(places, place)
            here = replace(here, position=position)
        asked = here.looking_at(event, position)
        try:
            return all_of([condition_of(one, asked, world) for one in conditions])
        except TOO_LARGE as problem:
            self.exact = True
            return Truth(None, missing=(uncomputed(problem),))

    def beside(self, place: int, event: Event, states: Sequence[State], here: Here) -> Rows:
        """The rows that say how these states stand at a candidate, for whoever asks from `here`."""
        rows: Rows = {}
        asked = here.looking_at(event, 0)
        for state in states:
            self._state(state, self._of_state(state.state, 0), asked, rows)
        return rows

    def match(self, pattern: ir.Pattern, place: int, event: Event) -> Truth:
        """Whether a row matches a pattern that nobody asks but itself: of a run, or of what is forgotten."""
        if pattern.where is None:
            return TRUE
        return self.candidate(pattern.where, place, event, Here(event.time, event.time, 0, {}, None))

    def candidate(self, where: ir.Expr, place: int, event: Event, here: Here) -> Truth:
        """A condition on a row as it is: the `where` of a trigger, of a run."""
        states = self._states.get(id(where))
        if states is None:
            states = self._states[id(where)] = states_in(where)
        rows = self.beside(place, event, states, here) if states else {}
        return self.answer((where,), place, event, rows, here)

    def latest(self, pattern: ir.Pattern, lag: int, key: Key, before: int) -> int | None:
        """The instant of the latest certain match of a pattern that `since` names."""
        found = self._store(Need(pattern, "latest", None, lag)).decided(key, before)
        return None if found is None else found[1].time

    # ---- finding ------------------------------------------------------------------------------------------------

    def gather(self, plan: Plan, here: Here, place: int | None, rows: Rows) -> None:
        """Add all rows that the rule may look at from a moment, but those it waits for and those of its ranges. `here`
        needs no position; `place` is that of its trigger, None at a mark."""
        at_trigger = here if here.event is None else here.looking_at(here.event, 0)
        for state in plan.states:
            self._state(state, self.of_state[state.state, plan.lag],
                        here if state.at == ir.TRIGGER else at_trigger, rows)
        for store in self.of_plan[plan.rule.name]:
            store.find(key_of([here.key(key) for key in store.keys]), self.same(store.equal, here, place, rows), rows,
                       here.time, exact=self.exact)

    def ranges(self, plan: Plan, here: Here, place: int | None, rows: Rows, world: World,
               places: Sequence[int]) -> tuple[Total | None, ...]:
        """For each of the rule's ranges: add the rows that have to be looked at, and give what all that are certain
        come to, None where all have to be. `here` is in `world`, whose rows have these places."""
        return tuple([self._range(asked, store, here, place, rows, world, places)
                      for asked, store in self.ranged[plan.rule.name]])

    def _range(self, asked: Asked, store: Store, here: Here, place: int | None, rows: Rows, world: World,
               places: Sequence[int]) -> Total | None:
        key = key_of([here.key(key) for key in store.keys])
        same = self.same(store.equal, here, place, rows)
        stretch = None
        if None not in same:
            with suppress(*TOO_LARGE):
                stretch = stretch_of(asked, here, world)
        trigger = None if place is None or here.event is None else (place, here.event)
        short = None if stretch is None else in_short(asked, store.totals_of(asked), store.found(key, same), stretch,
                                                      trigger, places)
        if short is None:
            store.find(key, same, rows, here.time, exact=self.exact)
            return None
        total, some = short
        rows.update((place, event) for place, event, _ in some)
        return total

    def same(self, equal: Sequence[tuple[ir.Get, ir.Expr]], here: Here, place: int | None,
             rows: Rows) -> tuple[Any, ...]:
        """What candidates are compared with, None where it is missing. `rows` say how states stand at the moment."""
        if not equal:
            return ()
        world = self.blank
        if any(isinstance(node, ir.InState | ir.StateValue) for _, value in equal for node in nodes(value)):
            world, places = self.world(rows, here.time)
            here = replace(here, position=bisect_left(world.times, here.time) if place is None else
                           bisect_left(places, place))
        try:
            return tuple([value_of(value, here, world).value for _, value in equal])
        except TOO_LARGE:
            return (None,) * len(equal)

    def _state(self, state: State, stores: Sequence[Store], here: Here, rows: Rows) -> None:
        try:
            values = {key: as_key(value_of(expr, here, self.blank).value) for key, expr in state.keys}
        except TOO_LARGE:
            return
        if None in values.values():
            return
        for store in stores:
            store.find(key_of([values[key] for key in store.keys]), None, rows, here.time, exact=self.exact)

    def world(self, rows: Rows, as_of: int, runs: dict[str, tuple[Run, ...]] | None = None,
              totals: Mapping[int, Total] | None = None) -> tuple[World, list[int]]:
        """A world of these rows, and their places in its order. What rests on facts alone is the same in all."""
        if self.supports:
            rows = self._supported(rows)
        places = sorted(rows)
        events = tuple([rows[place] for place in places])
        blank = self.blank
        world = World(blank.policy, blank.facts, events, [one.time for one in events], as_of, blank.parameters,
                      blank.calendar, blank.sources, blank.states, blank.episodes, runs={} if runs is None else runs,
                      still=blank.still, totals={} if totals is None else totals)
        return world, places

    def _supported(self, rows: Rows) -> Rows:
        """The rows with those that say how states stood at them, and at these in turn."""
        every, new = dict(rows), list(rows)
        while new:
            for place, event in self.supports.get(new.pop(), {}).items():
                if place not in every:
                    every[place] = event
                    new.append(place)
        return every

    # ---- throwing away ------------------------------------------------------------------------------------------

    def rows(self) -> int:
        """How many rows are kept, one that is kept for two needs twice."""
        return sum(store.rows for store in self.stores.values()) + sum(map(len, self.supports.values()))

    def sweep(self, now: int) -> None:
        """Throw away what no moment from `now` on can reach."""
        for store in self.stores.values():
            store.sweep(now)

    def drop_supports(self, named: Iterable[int]) -> None:
        """Keep what says how states stood at the rows in the stores and those `named`, and at these in turn."""
        new = [*named, *(entry[0] for store in self.stores.values() for entry in store.entries())]
        kept: dict[int, Rows] = {}
        while new:
            place = new.pop()
            if place in self.supports and place not in kept:
                kept[place] = self.supports[place]
                new += kept[place]
        self.supports = kept

    def forget(self, key: str, value: Any) -> None:
        """Throw away all that is kept for a key."""
        for store in self.stores.values():
            if key in store.keys:
                store.forget(store.keys.index(key), value)


def _everything(place: int, time: int) -> bool:
    return True


def _nothing(place: int, time: int) -> bool:
    return False
