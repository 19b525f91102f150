"""The footprint of moments: the few rows of a trace on which the evaluator judges them as it would on all.

In come a rule, its moments and the rows fetched so far; out come the parts of the trace (`Reach`) to fetch. The
evaluator itself is run, and what it seeks is noted. When all it seeks has been fetched, it finds the same in these
rows, in the whole trace and in whatever lies between, so it takes the same way and gives the same judgement; what it
answered then is kept for the one who judges. How rows are fetched, and how many may be, is not known here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, assert_never

from policyengine.base.calendar import Calendar
from policyengine.base.instants import Period
from policyengine.base.record import record
from policyengine.core import ir
from policyengine.core.case import Case, Event, Sources
from policyengine.core.conditions import ask_run, condition_of, look_back, matching, runs_of, value_of
from policyengine.core.operators import TOO_LARGE
from policyengine.core.standing import Here, Reach, World, at_large
from policyengine.core.truth import Truth
from policyengine.core.verdict import Moment, Setting
from policyengine.core.walk import nodes

Fetch = Callable[[tuple[Reach, ...]], Sequence[Event]]
"""The rows of these parts of the trace, each once and in the order of the trace; a row is the same object every time,
and the one its moment names."""

Spans = list[tuple[int, int]]
"""Stretches of time in order that neither meet nor adjoin, ends included."""

OPEN = 2 ** 63
"""Past every instant; in the negative, before every instant."""

_SO_FAR = suppress(*TOO_LARGE)
"""What some of the rows come to may be out of range though what all of them come to is not; else judging raises it."""


class Answers:
    """What conditions came to in a world, by the place they were asked at; what is not known is asked now."""

    def __init__(self) -> None:
        self.known: dict[tuple[Any, ...], Truth] = {}

    def __call__(self, condition: ir.Expr, here: Here, world: World) -> Truth:
        found = self.known.get(_asked_as(condition, here))
        return condition_of(condition, here, world) if found is None else found

    def note(self, condition: ir.Expr, here: Here, world: World) -> None:
        """Ask a condition and keep what it came to, unless that cannot be said."""
        with _SO_FAR:
            self.known[_asked_as(condition, here)] = condition_of(condition, here, world)


def _asked_as(condition: ir.Expr, here: Here) -> tuple[Any, ...]:
    return (id(condition), here.time, here.known, here.position, id(here.event), *here.keys.values())


@record
class Footprint:
    """The rows on which moments of a rule are judged, in the order of the trace; the world of these rows, and what
    conditions of the rule came to in it: what `core.evaluate.judge_in` judges by."""

    rows: Sequence[Event]
    world: World
    answers: Answers


def footprint(policy: ir.Policy, rule: ir.Rule, moments: Iterable[Moment | None], facts: Mapping[str, Any],
              setting: Setting, calendar: Calendar, fetch: Fetch, *, sources: Sources | None = None) -> Footprint:
    """The rows by which `core.evaluate.judge_moments` judges these moments as by the whole trace.

    A moment None is the judgement that is about no moment. `fetch` is called with more each time, seldom more than four
    times: a state read at a candidate is sought when the candidate is known, the start of a run from its last event.
    """
    search = seek(policy, rule, moments, facts, setting, calendar, sources=sources)
    try:
        asked = next(search)
        while True:
            asked = search.send(fetch(asked))
    except StopIteration as end:
        found: Footprint = end.value
        return found


def seek(policy: ir.Policy, rule: ir.Rule, moments: Iterable[Moment | None], facts: Mapping[str, Any],
         setting: Setting, calendar: Calendar, *, sources: Sources | None = None,
         ) -> Generator[tuple[Reach, ...], Sequence[Event], Footprint]:
    """The same, for one who fetches for several at once: yields what to fetch and is sent the rows."""
    moments = tuple(moments)
    conditions = _conditions(policy, rule)
    # While there are no rows, nothing that conditions come to is worth having but what they ask for.
    sought = _asked(policy, rule, _questions(conditions), moments, Case(facts), setting, calendar, sources).world.asked
    assert sought is not None
    asked = merge(sought)
    have = (yield asked) if asked else ()
    while True:
        found = _asked(policy, rule, conditions, moments, Case(facts, tuple(have)), setting, calendar, sources)
        assert found.world.asked is not None
        more = found.world.asked - sought
        if not more:
            return found
        sought |= more
        merged = merge((*asked, *more))
        if merged == asked:
            return found
        asked = merged
        have = yield asked


def reaches(policy: ir.Policy, rule: ir.Rule, moments: Iterable[Moment | None], have: Case, setting: Setting,
            calendar: Calendar, *, sources: Sources | None = None) -> tuple[Reach, ...]:
    """The parts of the trace that are sought to judge these moments, as far as the events of `have` show.

    To be called again with what they hold, together with what was fetched before, until they ask for nothing more.
    """
    conditions = _conditions(policy, rule)
    return merge(_asked(policy, rule, conditions, moments, have, setting, calendar, sources).world.asked or ())


@record
class _Conditions:
    """Those of a rule that ask for events: what its trigger asks of an event, and the others, among which its scope,
    which asks facts alone, never is."""

    where: Sequence[ir.Expr]
    rest: Sequence[ir.Expr]


def _conditions(policy: ir.Policy, rule: ir.Rule) -> _Conditions:
    where = rule.trigger.where if isinstance(rule.trigger, ir.OnEvent) else None
    rest = (*rule.when, *(one.condition for one in rule.unless), *(one.condition for one in rule.must))
    # What asks for no events can be answered by the one who judges.
    asked, others = ([one for one in some if one is not None and _seeks(one)] for some in ((where,), rest))
    return _Conditions(asked, others)


def _questions(conditions: _Conditions) -> _Conditions:
    """Of the conditions the parts that ask for events, each once: together they ask for the same."""
    return _Conditions(_parts(conditions.where), _parts(conditions.rest))


def _parts(conditions: Iterable[ir.Expr]) -> list[ir.Expr]:
    found: list[ir.Expr] = []
    for condition in conditions:
        match condition:
            case ir.And() | ir.Or():
                found += _parts(condition.parts)
            case ir.Apply():
                found += _parts(condition.arguments)
            case ir.ListValue():
                found += _parts(condition.items)
            case ir.Not():
                found += _parts((condition.part,))
            case ir.Present():
                found += _parts((condition.operand,))
            case ir.CompletedYears():
                found += _parts((condition.birth,))
            case _ if _seeks(condition):
                found.append(condition)
    return [one for place, one in enumerate(found) if one not in found[:place]]


def _asked(policy: ir.Policy, rule: ir.Rule, conditions: _Conditions, moments: Iterable[Moment | None], have: Case,
           setting: Setting, calendar: Calendar, sources: Sources | None) -> Footprint:
    """The conditions asked at the rule's moments, as far as these rows show; what they seek is in the world's `asked`,
    with many alike, overlapping or within another."""
    world = World.of(policy, have, setting, calendar, sources, set())
    answers = Answers()
    places = {id(event): place for place, event in enumerate(world.events)}
    for moment in moments:
        if moment is None:
            here, now = at_large(world), conditions.rest if rule.trigger is None else ()
        else:
            here, now = _stand(rule, moment, world, places), conditions.rest
            _ask_trigger(rule, conditions.where, moment, here, world)
        # All conditions at once, though one may settle it: what is not asked now would be asked a fetch later.
        for condition in now:
            answers.note(condition, here, world)
    return Footprint(have.events, world, answers)


def _seeks(condition: ir.Expr) -> bool:
    """Whether a condition asks for events but the moment's own."""
    return any(isinstance(node, ir.Occurs | ir.CountEvents | ir.SumEvents | ir.Latest | ir.EpisodeDuration | ir.InState
                          | ir.StateValue) for node in nodes(condition))


def _stand(rule: ir.Rule, moment: Moment, world: World, places: Mapping[int, int]) -> Here:
    """Where `core.moments` stands at a moment; between the rows so far if its own is not among them yet."""
    if moment.event is not None:
        place = places.get(id(moment.event), bisect_left(world.times, moment.time))
        return Here(moment.time, moment.known, place, dict(moment.keys), moment.event)
    return Here(moment.time, moment.known, bisect_left(world.times, moment.time), _run_keys(rule, moment, world), None)


def _run_keys(rule: ir.Rule, moment: Moment, world: World) -> dict[str, Any]:
    assert moment.run_first is not None and not isinstance(rule.trigger, ir.OnEvent | None)
    run = world.episodes.get(rule.trigger.run) or world.states[rule.trigger.run]
    return {key: moment.run_first.fields.get(key) for key in run.keys}


# ---- what gives a moment ----------------------------------------------------------------------------------------

def _ask_trigger(rule: ir.Rule, where: Sequence[ir.Expr], moment: Moment, here: Here, world: World) -> None:
    match rule.trigger:
        case ir.OnEvent():
            _ask_event(rule, rule.trigger, where, moment, here, world)
        case ir.OnEvery() | ir.OnStart():
            _ask_run(rule.trigger.run, moment, _run_keys(rule, moment, world), world)
        case ir.OnWithout():
            keys = _run_keys(rule, moment, world)
            _ask_run(rule.trigger.run, moment, keys, world)
            assert moment.run_first is not None
            start = moment.run_first.time
            first, last = bisect_left(world.times, start), bisect_right(world.times, moment.time)
            nowhere = Here(start, start, first, keys, None)
            with _SO_FAR:
                matching(rule.trigger.pattern, nowhere, world, first, last, keys, within=(start, moment.time))
        case None:
            return
        case _:
            assert_never(rule.trigger)


def _ask_event(rule: ir.Rule, trigger: ir.OnEvent, where: Sequence[ir.Expr], moment: Moment, here: Here, world: World,
               ) -> None:
    """The trigger's own row and, for the first of its keys, whatever might have come before it."""
    assert moment.event is not None
    values = tuple(value for _, value in moment.keys)
    world.ask(moment.event.type, rule.keys, values, moment.time, moment.time)
    _ask_of(where, here.looking_at(moment.event, here.position), world)
    if not trigger.first:
        return
    for name in trigger.events:
        world.ask(name, rule.keys, values, None, moment.time)
        for place in world.positions(name, rule.keys, values) if where else ():
            event = world.events[place]
            if event.time <= moment.time:
                there = Here(event.time, event.time, place, dict(moment.keys), event)
                _ask_of(where, there.looking_at(event, place), world)


def _ask_of(where: Sequence[ir.Expr], here: Here, world: World) -> None:
    for condition in where:
        with _SO_FAR:
            condition_of(condition, here, world)


def _ask_run(name: str, moment: Moment, keys: Mapping[str, Any], world: World) -> None:
    """The run behind a mark or a start: all of it up to there, and what separates it from the run before."""
    assert moment.run_first is not None
    last = moment.time if moment.run_past is None else moment.run_past.time
    if name in world.episodes:
        gap = value_of(world.episodes[name].gap, at_large(world), world).value
        assert isinstance(gap, Period), "an episode whose gap is not known has no runs"
        start = moment.run_first.time
        ask_run(name, keys, look_back(start, start, gap), last, world)
    else:
        # A state may hold from any start before; only its ends show that it did not.
        ask_run(name, keys, None, last, world)
    with _SO_FAR:
        runs_of(name, world)  # for what the conditions of its patterns seek


# ---- reaches as sets --------------------------------------------------------------------------------------------

def merge(asked: Iterable[Reach]) -> tuple[Reach, ...]:
    """The same parts of the trace with no two alike, overlapping or within another, in an order of their own."""
    table = _Table(asked)
    kept = []
    for event, names in sorted(table.spans):
        wider = [fewer for fewer in table.names[event] if set(fewer) < set(names)]
        for values, spans in sorted(table.spans[event, names].items(), key=repr):
            keys = tuple(zip(names, values, strict=True))
            kept += [Reach(event, keys, None if first == -OPEN else first, None if last == OPEN else last)
                     for first, last in spans if not (wider and table.elsewhere(event, wider, dict(keys), first, last))]
    return tuple(kept)


def select(asked: Iterable[Reach], events: Iterable[Event]) -> tuple[Event, ...]:
    """Those of the events that lie in one of these parts of a trace, in the order they come in."""
    table = _Table(asked)
    return tuple(event for event in events if table.holds(event))


class _Table:
    """Stretches of time by event type, names of keys and their values."""

    def __init__(self, asked: Iterable[Reach]) -> None:
        found: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], Spans]] = defaultdict(lambda: defaultdict(list))
        for event, keys, start, end in asked:
            first, last = -OPEN if start is None else start, OPEN if end is None else end
            if first <= last:
                names, values = zip(*keys, strict=True) if keys else ((), ())
                found[event, names][values].append((first, last))
        self.spans = {asked_by: {values: _joined(spans) for values, spans in by_value.items()}
                      for asked_by, by_value in found.items()}
        self.names: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for event, names in self.spans:
            self.names[event].append(names)

    def holds(self, event: Event) -> bool:
        return any(self._covers(event.type, names, tuple(event.fields.get(name) for name in names),
                                event.time, event.time) for names in self.names.get(event.type, ()))

    def elsewhere(self, event: str, wider: Iterable[tuple[str, ...]], keys: Mapping[str, Any], first: int, last: int,
                  ) -> bool:
        """Whether a part of the trace that goes by fewer keys, one of the `wider`, holds all of this one."""
        return any(self._covers(event, fewer, tuple(keys[name] for name in fewer), first, last) for fewer in wider)

    def _covers(self, event: str, names: tuple[str, ...], values: tuple[Any, ...], first: int, last: int) -> bool:
        spans = self.spans[event, names].get(values, [])
        place = bisect_right(spans, (first, OPEN)) - 1
        return place >= 0 and spans[place][1] >= last


def _joined(spans: Spans) -> Spans:
    if len(spans) == 1:
        return spans
    joined: Spans = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined
