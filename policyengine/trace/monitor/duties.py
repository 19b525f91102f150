"""Open duties of an online monitor: what each has seen, what it waits for, and when it is asked again.

A duty holds all the rows its verdict rests on, so it is judged by the evaluator whatever else is thrown away. Which
moments there are, and what becomes of a verdict, is not known here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any

from policyengine.core import ir
from policyengine.core.case import Event
from policyengine.core.evaluate import verdict_at
from policyengine.core.operators import TOO_LARGE
from policyengine.core.standing import Here, World
from policyengine.core.standing import Run as Whole
from policyengine.core.tally import Total
from policyengine.core.truth import TRUE
from policyengine.core.verdict import Judgement, Moment
from policyengine.trace.monitor.keys import Key, Values, key_of, named, reader
from policyengine.trace.monitor.outcomes import uncomputed, uncomputed_in
from policyengine.trace.monitor.quick import answer, quick
from policyengine.trace.monitor.retention import Plan, equalities, mixed, own_conditions, states_in, states_read
from policyengine.trace.monitor.rows import Rows, Shelf, field_of
from policyengine.trace.monitor.runs import Seen

NO_RUNS: Mapping[str, tuple[Seen, ...]] = {}


class Duty:
    """One rule at one moment. `place` is the trigger's, None at a mark; `twin` tells moments apart that are alike.

    `plain`: nothing but one event in time can settle it before it is due, so it is judged only when asked for, and its
    moment, of an `event` with this `key` of the rule's `names`, is put together only then. `keys`: of a mark, all of
    its run; None: those of the moment. `totals`: what its ranges come to whose rows it has not all.
    """

    __slots__ = ("due", "event", "judgement", "key", "keys", "moment", "names", "number", "place", "plain", "rows",
                 "rule", "runs", "totals", "triggered", "twin")

    def __init__(self, rule: int, number: int, names: tuple[str, ...], key: Key, place: int | None,
                 event: Event | None, twin: int) -> None:
        self.rule, self.number, self.names, self.key, self.place = rule, number, names, key, place
        self.event, self.twin, self.plain, self.due = event, twin, False, 0
        self.moment: Moment | None = None
        self.keys: Mapping[str, Any] | None = None
        self.triggered = TRUE
        self.judgement: Judgement | None = None
        self.rows: Rows = {}
        self.runs: Mapping[str, tuple[Seen, ...]] = NO_RUNS
        self.totals: tuple[Total | None, ...] = ()

    def about(self) -> Moment:
        """Its moment."""
        if self.moment is None:
            assert self.event is not None
            time = self.event.time
            self.moment = Moment(time, time, tuple(named(self.key, self.names).items()), self.event)
        return self.moment

    def here(self, position: int = 0) -> Here:
        """The place it is asked at."""
        moment = self.about()
        return Here(moment.time, moment.known, position, dict(moment.keys) if self.keys is None else self.keys,
                    None if self.place is None else moment.event)

    def gather(self, plan: Plan, shelf: Shelf) -> None:
        """Take all that is kept and may matter; to be called when the instant it arises at is known whole."""
        here = self.here()
        shelf.gather(plan, here, self.place, self.rows)
        event = self.about().event
        if self.place is not None and event is not None:
            self.rows[self.place] = event
        if plan.runs:
            asked = {one.episode: shelf.runs[one.episode] for one in plan.runs}
            self.runs = {name: tuple(run.seen() for run in runs.of(key_of([here.key(key) for key in runs.keys]),
                                                                   here.time if shelf.exact else None))
                         for name, runs in asked.items()}
            for some in self.runs.values():
                for one in some:
                    self.rows.update(one.rows)
        if plan.ranged:
            here, world, places = self._seen(plan, shelf, here.time)
            self.totals = shelf.ranges(plan, here, self.place, self.rows, world, places)

    def judge(self, plan: Plan, shelf: Shelf, as_of: int) -> Judgement:
        """The verdict by what it has seen; undecided, for what is `Uncomputed`, where the evaluator raises that, here
        or where it finds out whether this is a moment."""
        lost = uncomputed_in(self.triggered.missing)
        if lost is None:
            try:
                here, world, _ = self._seen(plan, shelf, as_of)
                return verdict_at(plan.rule, self.about(), self.triggered, here, world)
            except TOO_LARGE as problem:
                lost = uncomputed(problem)
        return Judgement(plan.rule.name, "undecided", self.about(), missing=(lost,))

    def _seen(self, plan: Plan, shelf: Shelf, as_of: int) -> tuple[Here, World, list[int]]:
        """The place it is asked at, a world of what it has seen, and the places of the rows in it."""
        runs: dict[str, tuple[Whole, ...]] = {}
        totals = {id(one.asked): total for one, total in zip(plan.ranged, self.totals, strict=False)
                  if total is not None}
        world, places = shelf.world(self.rows, as_of, runs, totals)
        for name, some in self.runs.items():
            runs[name] = tuple([one.whole(shelf.runs[name].keys, places) for one in some])
        place, time = self.place, self.about().time
        position = bisect_left(world.times, time) if place is None else bisect_left(places, place)
        return self.here(position), world, places


class Wait:
    """Duties that wait for one pattern, found by the values a row must have.

    `touched`: where duties are put that have to be judged again. `done`: told of a plain duty that a row settles.
    `sure`: whether a row matches, for all that wait with its values.
    """

    def __init__(self, pattern: ir.Pattern, shelf: Shelf, touched: dict[int, Duty],
                 done: Callable[[Duty], None]) -> None:
        self.pattern, self.shelf, self.keys, self.touched, self.done = pattern, shelf, pattern.keys, touched, done
        self.equal = equalities(pattern)
        self.own = tuple(one for one in own_conditions(pattern) if not states_read(one))
        self.asked = states_read(pattern.where)
        self.sure = None if mixed(pattern) or self.asked else answer(quick(ir.And(self.own), shelf, self._owns))
        self.key = reader(self.keys)
        self.duties: dict[Key, dict[int, Duty]] = {}
        self.groups: dict[Key, dict[Values, None]] = {}  # where duties are told apart by `equal`
        self.stateless = not states_in(pattern.where)

    def _owns(self, get: ir.Get) -> bool:
        own_key = len(get.path) == 1 and get.path[0] in self.keys
        return get.owner == ir.CANDIDATE or (get.owner == ir.TRIGGER and own_key)

    def _group(self, duty: Duty) -> Key:
        """By what a duty is found: the key of the rows it waits for, and what it is told apart by, if by anything."""
        if duty.names == self.keys and not self.equal:
            return duty.key
        here = duty.here()
        key = key_of([here.key(key) for key in self.keys])
        if not self.equal:
            return key
        same = self.shelf.same(self.equal, here, duty.place, duty.rows)
        return key, () if None in same else same

    def add(self, duty: Duty) -> None:
        """A duty waits, until a row matches for certain: the first answers, and no later one matters."""
        if not duty.plain and self._met(duty):
            return
        group = self._group(duty)
        some = self.duties.get(group)
        if some is not None:
            some[duty.number] = duty
            return
        self.duties[group] = {duty.number: duty}
        if self.equal:
            self.groups.setdefault(group[0], {})[group[1]] = None

    def remove(self, duty: Duty) -> None:
        """It waits no longer."""
        group = self._group(duty)
        some = self.duties.get(group, {})
        if duty.number not in some:
            return  # it was answered before
        if len(some) > 1:
            del some[duty.number]
            return
        del self.duties[group]
        if self.equal:
            groups = self.groups[group[0]]
            del groups[group[1]]
            if not groups:
                del self.groups[group[0]]

    def answer(self, duties: Mapping[int, Duty], place: int, event: Event) -> None:
        """A row came that has the values for which these wait."""
        self._reached(list(duties.values()), place, event, True)

    def reached(self, place: int, event: Event) -> None:
        """A row came that may matter to some, where they are told apart by `equal`."""
        key = self.key(event.fields)
        if key in self.groups:
            same = tuple([field_of(event, field) for field, _ in self.equal])
            for one in list(self.groups[key]) if None in same else (same, ()):
                if (key, one) in self.duties:
                    self._reached(list(self.duties[key, one].values()), place, event, one == same)

    def _reached(self, duties: list[Duty], place: int, event: Event, equal: bool) -> None:
        sure = self.sure(place, event) if callable(self.sure) else self.sure
        if sure is False or (sure is None and self.excluded(place, event)):
            return
        for duty in duties:
            if duty.plain and sure and equal:
                if event.time < duty.due:
                    self.done(duty)
            else:
                self._shown(duty, place, event, bool(sure and equal))

    def offer(self, duty: Duty, place: int, event: Event) -> bool:
        """A row of the instant at which a plain duty arose; True when it settles it."""
        theirs = tuple([field_of(event, field) for field, _ in self.equal])
        group = self._group(duty)
        key, same = group if self.equal else (group, ())
        if key != self.key(event.fields) or (None not in theirs and same not in (theirs, ())):
            return False
        sure = self.sure(place, event) if callable(self.sure) else self.sure
        if sure and same == theirs:
            self.done(duty)
            return True
        if sure is not False:
            self._shown(duty, place, event, False)
        return False

    def _shown(self, duty: Duty, place: int, event: Event, certain: bool) -> None:
        match = certain or self._match(duty, event)
        if match is False:
            return
        self.show(duty, place, event)
        if not duty.plain:
            self.touched[duty.number] = duty
            if match:
                self.remove(duty)

    def _match(self, duty: Duty, event: Event) -> bool | None:
        """Whether a row with its keys matches for a duty; None where it is uncertain or a state has to be asked."""
        where = self.pattern.where
        if where is None:
            return True
        if not self.stateless:
            return None
        return self.shelf.answer((where,), 0, event, {}, duty.here()).value

    def _met(self, duty: Duty) -> bool:
        """Whether a duty has seen a row that answers it."""
        if not self.stateless:
            return False
        here, kind = duty.here(), self.pattern.event
        own = here.event is not None and here.event.type == kind
        return any(event.type == kind and event.time >= here.time
                   and not (own and duty.place is not None and place <= duty.place)
                   and all(event.fields.get(key) == here.key(key) for key in self.keys)
                   and self._match(duty, event) for place, event in duty.rows.items())

    def excluded(self, place: int, event: Event) -> bool:
        """Whether a row is no match, whoever waits."""
        if not self.own:
            return False
        here = Here(event.time, event.time, 0, {key: event.fields.get(key) for key in self.keys}, None)
        return self.shelf.answer(self.own, place, event, {}, here).value is False

    def show(self, duty: Duty, place: int, event: Event) -> None:
        """A duty sees a row, and how the states stand that are asked at it."""
        duty.rows[place] = event
        if self.asked:
            duty.rows.update(self.shelf.beside(place, event, self.asked, duty.here()))
