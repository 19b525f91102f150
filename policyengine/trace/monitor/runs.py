"""Runs of an episode or a boolean state put together row by row, and the marks they pass.

In come the rows of its patterns in order, with how far each matches; out come runs as they begin, the marks that events
pass, and the instants at which a state has to be looked at again. The runs are those `core.conditions.runs_of` finds in
the whole trace, the marks those of `core.moments`; but for what is still asked of them, their rows are not kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, assert_never

from policyengine.base.calendar import Calendar, CalendarUnit, OutOfRange, closes, start_of
from policyengine.base.instants import Period
from policyengine.core import ir
from policyengine.core.case import Event
from policyengine.core.conditions import earliest_within, gaps_of, value_of
from policyengine.core.operators import TOO_LARGE
from policyengine.core.standing import Here, Value, World, at_large
from policyengine.core.standing import Run as Whole
from policyengine.core.truth import TRUE, Truth
from policyengine.core.verdict import Incomplete, Missing, NotEmitted
from policyengine.core.walk import nodes
from policyengine.trace.monitor.keys import Key, named, part_reader, reader, values_of
from policyengine.trace.monitor.outcomes import uncomputed, uncomputed_in
from policyengine.trace.monitor.retention import After, Inside, Length, RunsAsked, Unit

NEVER = 2 ** 63  # past every instant
Reachable = Callable[[int, int], bool]
Placed = tuple[int, Event]
"""A row with its place."""


def ends(start: int, period: Period, calendar: Calendar) -> int:
    """As `closes`; `NEVER` where no calendar has that day."""
    try:
        return closes(start, period, calendar)
    except OutOfRange:
        return NEVER


def begins(unit: CalendarUnit, instant: int, calendar: Calendar) -> int:
    """As `start_of`; before every instant where no calendar has that day."""
    try:
        return start_of(unit, instant, calendar)
    except OutOfRange:
        return -NEVER


def _length_of(expr: ir.Expr, blank: World) -> Value:
    """A length that no moment has a part in."""
    try:
        return value_of(expr, at_large(blank), blank)
    except TOO_LARGE as problem:
        return Value(None, missing=(uncomputed(problem),))


class Base:
    """From where a silence is measured: the start of a run or a match of what should be heard. `mark`: how far it has
    to reach. `missing`: why it may not have been a silence."""

    __slots__ = ("mark", "missing", "place", "time")

    def __init__(self, place: int, time: int, mark: int, missing: tuple[Missing, ...]) -> None:
        self.place, self.time, self.mark, self.missing = place, time, mark, missing


NO_BASES: dict[int, list[Base]] = {}
NO_ROWS: list[Placed] = []


class Run:
    """One run so far. `last`: the instant of its latest row; `recent`: its latest rows, as many as are asked for;
    `end`, `closed` as in `standing.Run`; `passed`, by the place of the watcher: how many marks were passed, shared
    among runs until the first one is; `bases`: the silences that may be."""

    __slots__ = (
        "bases",
        "closed",
        "end",
        "first",
        "gone",
        "key",
        "last",
        "next",
        "passed",
        "recent",
        "start",
        "unknown",
    )

    def __init__(self, key: Key, first: Placed, time: int, next: int, passed: dict[int, int]) -> None:
        self.key, self.first, self.start, self.last, self.next, self.passed = key, first, time, time, next, passed
        self.recent: list[Placed] = NO_ROWS
        self.end: int | None = None
        self.closed: Placed | None = None
        self.unknown: tuple[tuple[int, Event, Missing], ...] = ()
        self.bases: dict[int, list[Base]] = NO_BASES
        self.gone = False

    def doubt(self, place: int, event: Event, missing: Iterable[Missing]) -> None:
        """Note what was missing when a row was taken."""
        self.unknown += tuple([(place, event, one) for one in missing])

    def doubts(self, place: int | None, time: int) -> tuple[Missing, ...]:
        """What was missing up to a place, or (None) through an instant."""
        return tuple(missing for at, event, missing in self.unknown
                     if (event.time <= time if place is None else at <= place))

    def seen(self) -> Seen:
        """The run as it stands now."""
        placed = [self.first, *self.recent, *([] if self.closed is None else [self.closed]),
                  *((place, event) for place, event, _ in self.unknown)]
        return Seen(self.key, self.start, tuple(dict.fromkeys(place for place, _ in (self.first, *self.recent))),
                    self.end, None if self.closed is None else self.closed[0],
                    tuple((place, missing) for place, _, missing in self.unknown), dict(placed))


class Seen:
    """A run as a moment sees it, its rows by their places."""

    __slots__ = ("closed", "end", "key", "places", "rows", "start", "unknown")

    def __init__(self, key: Key, start: int, places: tuple[int, ...], end: int | None, closed: int | None,
                 unknown: tuple[tuple[int, Missing], ...], rows: Mapping[int, Event]) -> None:
        self.key, self.start, self.places, self.end = key, start, places, end
        self.closed, self.unknown, self.rows = closed, unknown, rows

    def whole(self, keys: Sequence[str], places: Sequence[int]) -> Whole:
        """As the evaluator takes it, in a world whose rows have these places."""
        return Whole(tuple(named(self.key, keys).items()), self.start,
                     tuple(bisect_left(places, place) for place in self.places), self.end,
                     None if self.closed is None else bisect_left(places, self.closed),
                     tuple((bisect_left(places, place), missing) for place, missing in self.unknown))


Watched = ir.OnEvery | ir.OnWithout | ir.OnStart


class Found:
    """A moment: the place of its rule, the run, the mark (None: the start), the row that passed it, what was missing.
    `undated`: when the mark is, or whether a run begins, is not known; `mark` is the instant from which on that is so.
    """

    __slots__ = ("mark", "missing", "passed", "run", "undated", "watcher")

    def __init__(self, watcher: int, run: Run, mark: int | None, passed: Placed | None,
                 missing: tuple[Missing, ...] = (), *, undated: bool = False) -> None:
        self.watcher, self.run, self.mark, self.passed, self.missing = watcher, run, mark, passed, missing
        self.undated = undated


class Look:
    """When to look at a state again: the instant, the state, the place of the rule, the run, the silence in question.
    """

    __slots__ = ("base", "run", "state", "watcher", "when")

    def __init__(self, when: int, state: str, watcher: int, run: Run, base: Base | None) -> None:
        self.when, self.state, self.watcher, self.run, self.base = when, state, watcher, run, base


Match = Callable[[ir.Pattern, int, Event], Truth]


class Runs:
    """All runs of one episode or state."""

    def __init__(self, declared: ir.Episode | ir.BooleanState, blank: World, match: Match,
                 watchers: Mapping[int, Watched], asked: Sequence[RunsAsked],
                 decided: Callable[[ir.Pattern, int, Key, int], int | None],
                 news: list[Found | Look]) -> None:
        """`watchers`: triggers by their place among the rules. `decided`: of a pattern after `since`, the instant of
        its latest match (lag, its key, before an instant). `news`: where moments, and when to
        look again, are put."""
        self.declared, self.blank, self.match, self.asked, self.decided = declared, blank, match, asked, decided
        self.watchers = watchers
        self.keys = declared.keys
        self.episode = isinstance(declared, ir.Episode)
        self.starts = declared.events if isinstance(declared, ir.Episode) else declared.starts
        self.ends = declared.ends
        gap = _length_of(declared.gap, blank).value if isinstance(declared, ir.Episode) else None
        self.gap = gap.count if isinstance(gap, Period) else 0
        lasting = None if isinstance(declared, ir.Episode) or declared.lasting is None else declared.lasting
        self.lasts = None if lasting is None else _length_of(lasting, blank)
        self.heard = {place: one.pattern for place, one in watchers.items() if isinstance(one, ir.OnWithout)}
        self.types = frozenset(one.event for one in (*self.starts, *self.ends, *self.heard.values()))
        self.key = reader(self.keys)
        self.current: dict[Key, Run] = {}
        self.past: dict[Key, list[Run]] = {}
        self.ended: dict[tuple[int, Key], int] = {}
        # Runs by part of their keys, for ends and notices that do not carry all of them.
        parts = {one.keys for one in (*self.ends, *self.heard.values()) if one.keys != self.keys}
        self.parts: dict[tuple[str, ...], dict[Key, dict[Key, None]]] = {keys: {} for keys in parts}
        self.part = {keys: part_reader(self.keys, keys) for keys in parts}
        self.readers = {one.keys: reader(one.keys) for one in (*self.ends, *self.heard.values())}
        self.lag = max((one.lag for one in asked), default=0)
        self.news = news
        self.lengths: dict[int, Period] = {}
        self.first = self._first_mark() if self.episode else None
        self.unpassed = {place: 0 for place, one in watchers.items() if isinstance(one, ir.OnEvery)}

    def follows(self, type: str) -> bool:
        """Whether all that a row of the type does is to begin a run, or to continue one: see `begun`."""
        starts = [one for one in self.starts if one.event == type]
        others = [one for one in (*self.ends, *self.heard.values()) if one.event == type]
        return self.episode and not self.lag and not others and len(starts) == 1 and starts[0].where is None

    def begun(self, key: Key, place: int, event: Event) -> None:
        """`step` of a row that begins a run and does nothing else."""
        if self.blank.sources is not None:
            self.step(place, event)
            return
        run = self.current.get(key)
        if run is not None:
            self._close(run, event.time)
        run = self._begin(key, place, event)
        if self.first is None:
            self._watch(run, place, event, True)
        else:
            run.next = event.time + self.first

    def simple(self) -> bool:
        """Whether `begun` does nothing but enter a run in `current`, with when it passes its first mark."""
        return self.blank.sources is None and self.first is not None and not self.asked and not self.parts

    # ---- rows ---------------------------------------------------------------------------------------------------

    def step(self, place: int, event: Event) -> None:
        """Take a row of one of `types`; what it leads to is added to `news`."""
        changes: dict[Key, list[tuple[Truth, bool]]] = {}
        for at, pattern in enumerate(self.ends):
            if pattern.event == event.type:
                match = self.match(pattern, place, event)
                if match.value is False:
                    continue
                part = self.readers[pattern.keys](event.fields)
                if match.value and self.blank.sources is not None:
                    self.ended[at, part] = event.time
                for key in self._alike(pattern.keys, part):
                    changes.setdefault(key, []).append((match, False))
        own = self.key(event.fields)
        for pattern in self.starts:
            if pattern.event == event.type:
                match = self.match(pattern, place, event)
                if match.value is not False:
                    changes.setdefault(own, []).append((match, True))
        for key, some in changes.items():
            (self._episode if self.episode else self._state)(key, place, event, some)
        for watcher, pattern in self.heard.items():
            if pattern.event == event.type:
                match = self.match(pattern, place, event)
                if match.value is not False:
                    for key in self._alike(pattern.keys, self.readers[pattern.keys](event.fields)):
                        run = self.current.get(key)
                        if run is not None and run.first[0] < place:
                            self._hear(watcher, run, place, event, match)

    def _alike(self, keys: tuple[str, ...], key: Key) -> list[Key]:
        """The keys of the runs that agree with these."""
        return [key] if keys == self.keys else list(self.parts[keys].get(key, ()))

    def _episode(self, key: Key, place: int, event: Event, changes: list[tuple[Truth, bool]]) -> None:
        run = self.current.get(key)
        began = taken = False  # `taken`: the row is the run's latest
        for match, going in changes:
            silence = run is not None and event.time - run.last > self.gap
            if run is not None and (silence or not going) and (silence or match.value):
                run.closed = None if silence else (place, event)
                self._close(run, event.time)
                run = None
            if going and run is None:
                run = self._begin(key, place, event)
                began = taken = True
                # Events that are not seen may have begun the run before, or ended it since.
                if self.blank.sources is not None:
                    run.doubt(place, event, (*gaps_of(self.starts, event.time - self.gap, self.blank),
                                             *gaps_of(self.ends, event.time, self.blank)))
            if going and run is not None and not taken:
                self._go_on(run, place, event)
                taken = True
            if match.value is None and run is not None:
                run.doubt(place, event, match.missing)
        if run is not None and run.unknown and not began:
            self._doubted(run, place, event)
        if run is not None and taken:
            self._watch(run, place, event, began)

    def _state(self, key: Key, place: int, event: Event, changes: list[tuple[Truth, bool]]) -> None:
        run = self.current.get(key)
        began = taken = False  # `taken`: the row is the run's latest
        for match, starting in changes:
            if run is not None and run.end is not None and event.time >= run.end:
                self._close(run, event.time)
                run = None
            begins = starting and run is None
            if begins:
                run = self._begin(key, place, event)
                began = taken = True
            if run is None:
                continue
            if match.value is None:
                run.doubt(place, event, match.missing)
            if begins:
                # Events that are not seen may have begun the state before, or ended it since.
                try:
                    run.doubt(place, event, (*gaps_of(self.starts, self._reach(key, event.time), self.blank),
                                             *gaps_of(self.ends, event.time, self.blank)))
                except OutOfRange as problem:
                    run.doubt(place, event, (uncomputed(problem),))
            if starting:
                if not taken:
                    self._go_on(run, place, event)
                    taken = True
                if self.lasts is not None:
                    run.doubt(place, event, self.lasts.missing)
                    try:
                        run.end = (None if self.lasts.value is None else
                                   closes(event.time, self.lasts.value, self.blank.calendar))
                    except OutOfRange as problem:
                        run.end = None
                        run.doubt(place, event, (uncomputed(problem),))
            elif match.value:
                run.end, run.closed = event.time, (place, event)
                self._close(run, event.time)
                run = None
        if run is not None and run.unknown and not began:
            self._doubted(run, place, event)
        if run is not None and began:
            self._watch(run, place, event, began)

    def _doubted(self, run: Run, place: int, event: Event) -> None:
        """Where it cannot be computed whether a row ends a run, or goes on with it, nobody knows when the next begins:
        who waits for that hears so now."""
        lost = uncomputed_in(missing for at, _, missing in run.unknown if at == place)
        if lost is not None:
            self.news += [Found(watcher, run, event.time, None, (lost,), undated=True)
                          for watcher, trigger in self.watchers.items() if isinstance(trigger, ir.OnStart)]

    def _reach(self, key: Key, now: int) -> int | None:
        """From when on an unseen start would have made the state hold before one that is seen."""
        if self.blank.sources is None:
            return None
        ends = [self.ended.get((at, self._part(pattern.keys, key))) for at, pattern in enumerate(self.ends)]
        holds = None
        if self.lasts is not None and self.lasts.value is not None:
            holds = earliest_within(now, self.lasts.value, self.blank.calendar)
        return max((one for one in (*ends, holds) if one is not None), default=None)

    def _part(self, keys: tuple[str, ...], key: Key) -> Key:
        """Of the key of a run that of some of its keys."""
        return key if keys == self.keys else self.part[keys](key)

    def _begin(self, key: Key, place: int, event: Event) -> Run:
        run = Run(key, (place, event), event.time, NEVER, self.unpassed)
        if self.asked:
            run.recent = [run.first]
        self._enter(run)
        return run

    def _enter(self, run: Run) -> None:
        self.current[run.key] = run
        for keys, some in self.parts.items():
            some.setdefault(self.part[keys](run.key), {})[run.key] = None

    def _go_on(self, run: Run, place: int, event: Event) -> None:
        run.last = event.time
        if not self.asked:
            return
        run.recent.append((place, event))
        if not self.lag:
            del run.recent[0]
            return
        while len(run.recent) > 1 and run.recent[1][1].time < event.time - self.lag:
            del run.recent[0]

    def _close(self, run: Run, now: int) -> None:
        """A run is over, and those of its key that nobody asks about from `now` on are forgotten."""
        self._leave(run)
        if self.asked:
            some = self.past.setdefault(run.key, [])
            some.append(run)
            kept = next((at for at, one in enumerate(some) if self._wanted(one, now)), len(some))
            del some[:kept]
            if not some:
                del self.past[run.key]

    def _leave(self, run: Run) -> None:
        del self.current[run.key]
        for keys, some in self.parts.items():
            part = self.part[keys](run.key)
            del some[part][run.key]
            if not some[part]:
                del some[part]

    # ---- marks --------------------------------------------------------------------------------------------------

    def _watch(self, run: Run, place: int, event: Event, began: bool) -> None:
        if began:
            for watcher, trigger in self.watchers.items():
                match trigger:
                    case ir.OnStart():
                        self.news.append(Found(watcher, run, None, None))
                    case ir.OnEvery():
                        if not self.episode:
                            self._again(self._mark(watcher, trigger, run, 1), watcher, run, None)
                    case ir.OnWithout():
                        self._base(watcher, trigger, run, place, event, TRUE)
                    case _:
                        assert_never(trigger)
            self._next(run)
        if event.time > run.next:
            self.passed(run, place, event)

    def passed(self, run: Run, place: int, event: Event) -> None:
        """An event of an episode came after one of its marks."""
        self._apart(run)
        for watcher, trigger in self.watchers.items():
            if isinstance(trigger, ir.OnEvery):
                while watcher in run.passed:
                    mark = self._mark(watcher, trigger, run, run.passed[watcher] + 1)
                    if mark >= event.time:
                        break
                    self.news.append(Found(watcher, run, mark, (place, event)))
                    run.passed[watcher] += 1
                    if trigger.once:
                        del run.passed[watcher]
            for base in run.bases.get(watcher, ()):
                if base.mark < event.time:
                    self.news.append(Found(watcher, run, base.mark, (place, event), self._unheard(watcher, base)))
            if watcher in run.bases:
                run.bases[watcher] = [base for base in run.bases[watcher] if base.mark >= event.time]
        self._next(run)

    def _apart(self, run: Run) -> None:
        if run.passed is self.unpassed:
            run.passed = dict(self.unpassed)

    def _next(self, run: Run) -> None:
        if self.episode:
            run.next = NEVER
            for watcher, passed in [*run.passed.items()]:
                trigger = self.watchers[watcher]
                assert isinstance(trigger, ir.OnEvery)
                run.next = min(run.next, self._mark(watcher, trigger, run, passed + 1))
            for bases in run.bases.values():
                run.next = min(run.next, *(base.mark for base in bases)) if bases else run.next

    def look(self, look: Look) -> None:
        """Time has passed a mark of a state, one microsecond ago."""
        mark, watcher, run, base = look.when - 1, look.watcher, look.run, look.base
        # A state that expires holds through the last instant before `end`, one that is ended does not reach its end.
        if run.gone or not (run.end is None or run.end - (run.closed is None) > mark):
            return
        trigger = self.watchers[watcher]
        if base is not None:
            if base in run.bases[watcher]:
                run.bases[watcher].remove(base)
                self.news.append(Found(watcher, run, mark, None, self._unheard(watcher, base)))
        elif isinstance(trigger, ir.OnEvery):
            self.news.append(Found(watcher, run, mark, None))
            if not trigger.once:
                self._apart(run)
                run.passed[watcher] += 1
                self._again(self._mark(watcher, trigger, run, run.passed[watcher] + 1), watcher, run, None)

    def _again(self, mark: int, watcher: int, run: Run, base: Base | None) -> None:
        """A state passes a mark by holding after it."""
        if mark != NEVER:
            self.news.append(Look(mark + 1, self.declared.name, watcher, run, base))

    def _mark(self, watcher: int, trigger: ir.OnEvery, run: Run, times: int) -> int:
        """When a run passes a mark; `NEVER`, and no more of them, where that cannot be said, which is."""
        try:
            period = self._period(trigger.period, run)
            if period.is_elapsed:
                return run.start + period.count * times
            return closes(run.start, period.times(times), self.blank.calendar) - 1
        except TOO_LARGE as problem:
            self._apart(run)
            run.passed.pop(watcher, None)
            self.news.append(Found(watcher, run, run.start, None, (uncomputed(problem),), undated=True))
            return NEVER

    def _first_mark(self) -> int | None:
        """How long after its start a run passes its first mark, where that is the same for all and there is no other
        kind of mark."""
        lengths = [self._length(one.period) for one in self.watchers.values()
                   if isinstance(one, ir.OnEvery)]
        if len(lengths) < len(self.watchers) or any(one is None or not one.is_elapsed for one in lengths):
            return None
        return min((one.count for one in lengths if one is not None), default=NEVER)

    def _length(self, period: ir.Expr) -> Period | None:
        """A period that is the same for every run, if it is one."""
        if any(isinstance(node, ir.Get) for node in nodes(period)):
            return None
        value = value_of(period, at_large(self.blank), self.blank).value
        return value if isinstance(value, Period) and value.count > 0 else None

    def _period(self, period: ir.Expr, run: Run) -> Period:
        length = self.lengths.get(id(period))
        if length is None:
            keys = named(run.key, self.keys)
            length = value_of(period, Here(run.start, run.start, 0, keys, None), self.blank).value
            if not isinstance(length, Period) or length.count <= 0:
                raise OutOfRange("the period between two marks is not longer than nothing")
            if self._length(period) is not None:
                self.lengths[id(period)] = length
        return length

    def _base(self, watcher: int, trigger: ir.OnWithout, run: Run, place: int, event: Event, match: Truth) -> None:
        try:
            mark = closes(event.time, self._period(trigger.period, run), self.blank.calendar) - 1
        except TOO_LARGE as problem:
            self.news.append(Found(watcher, run, event.time, None, (uncomputed(problem),), undated=True))
            return
        base = Base(place, event.time, mark, match.missing)
        if run.bases is NO_BASES:
            run.bases = {}
        run.bases.setdefault(watcher, []).append(base)
        if not self.episode:
            self._again(mark, watcher, run, base)

    def _hear(self, watcher: int, run: Run, place: int, event: Event, match: Truth) -> None:
        """What should be heard was: no silence before it reaches its mark, and it may begin one."""
        waiting = run.bases.get(watcher, [])
        if match.value:
            waiting[:] = [base for base in waiting if base.mark < event.time]
        else:
            for base in waiting:
                if base.mark >= event.time:
                    base.missing += match.missing
        trigger = self.watchers[watcher]
        assert isinstance(trigger, ir.OnWithout)
        self._base(watcher, trigger, run, place, event, match)
        self._next(run)

    def _unheard(self, watcher: int, base: Base) -> tuple[Missing, ...]:
        return (*base.missing, *self.blank.gap_in_history(self.heard[watcher].event, base.time))

    # ---- what is asked of runs ----------------------------------------------------------------------------------

    def of(self, key: Key, now: int | None = None) -> list[Run]:
        """The runs of this key that are kept, in order; those that a moment at the instant `now` asks about, None: all.
        """
        run = self.current.get(key)
        runs = [*self.past.get(key, ()), *([] if run is None else [run])]
        return runs if now is None else [one for one in runs if any(self._asked(two, one, now) for two in self.asked)]

    def reachable(self, known: Mapping[str, Any], past: int) -> Reachable:
        """Which rows are in a run that a moment from `past` on may belong to. `known`: the keys they agree on."""
        if set(self.keys) <= set(known):
            runs = self.of(self.key(known))
        else:
            runs = [*(run for some in self.past.values() for run in some), *self.current.values()]
        if self._unseen(past) or any(isinstance(one, NotEmitted | Incomplete)
                                     for run in runs for _, _, one in run.unknown):
            return lambda place, time: True  # the run may have begun at any time before
        start = min((run.start for run in runs if run.last + self.gap >= past), default=NEVER)
        return lambda place, time: time >= start

    def _unseen(self, past: int) -> bool:
        """Whether a run that begins from now on may have begun before its events are complete."""
        return bool(gaps_of(self.starts, past - self.gap, self.blank) or gaps_of(self.ends, past, self.blank))

    def sweep(self, now: int) -> None:
        """Forget the runs that no moment from `now` on asks about."""
        for run in list(self.current.values()):
            over = run.last + self.gap < now if self.episode else run.end is not None and run.end <= now
            if over:
                self._close(run, now)
        for key, runs in list(self.past.items()):
            runs[:] = [run for run in runs if self._wanted(run, now)]
            if not runs:
                del self.past[key]

    def _wanted(self, run: Run, now: int) -> bool:
        return any(self._asked(one, run, now - one.lag) for one in self.asked)

    def _asked(self, asked: RunsAsked, run: Run, past: int) -> bool:
        last = run.last
        match asked.reach:
            case None:
                return True
            case Inside():
                return last + self.gap >= past
            case Length(period):
                return period is not None and ends(last, period, self.blank.calendar) > past
            case Unit(unit):
                return last >= begins(unit, past, self.blank.calendar)
            case After(pattern):
                part = part_reader(self.keys, pattern.keys)(run.key)
                start = self.decided(pattern, asked.lag, part, past)
                return start is None or last >= start
            case _:
                assert_never(asked.reach)

    def forget(self, key: str, value: Any) -> None:
        """Forget the runs of a key."""
        if key not in self.keys:
            return
        at = self.keys.index(key)
        for run in [run for run in self.current.values() if values_of(run.key, self.keys)[at] == value]:
            run.gone = True
            self._leave(run)
        for own in [own for own in self.past if values_of(own, self.keys)[at] == value]:
            del self.past[own]

    def fresh(self, run: Run) -> bool:
        """Whether `again` makes the run anew."""
        return (run.passed is self.unpassed and run.recent is NO_ROWS and run.bases is NO_BASES and run.end is None
                and run.closed is None and not run.unknown and not run.gone)

    def again(self, place: int, event: Event, key: Key, last: int, next: int) -> Run:
        """A run that has passed no mark and of which nothing else is known."""
        run = Run(key, (place, event), event.time, next, self.unpassed)
        run.last = last
        return run

    def restore(self, current: list[Run], past: dict[Key, list[Run]], ended: dict[tuple[int, Key], int]) -> None:
        """Go on where another left off."""
        self.past, self.ended = past, ended
        for run in current:
            self._enter(run)

    def places(self) -> Iterator[int]:
        """The rows that are kept of runs that are asked about."""
        if self.asked:
            for run in (*self.current.values(), *(one for some in self.past.values() for one in some)):
                yield from run.seen().rows

    def size(self) -> int:
        """How many runs are kept."""
        return len(self.current) + sum(map(len, self.past.values()))
