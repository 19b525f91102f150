"""How to bring about what is asked of a trace: events that match, states that hold, runs that last, counts and sums.

In come goals and drafts, out come ways, as in `traces_ways`. A way adds events at the instants at which an answer may
turn; whether it does what it is for, the reference evaluator says in the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from policyengine.base.instants import Period, start_of_day
from policyengine.core import ir, types
from policyengine.core.conditions import earliest_within
from policyengine.core.standing import typed
from policyengine.solver import events_times
from policyengine.solver.events_draft import ABSENT, Draft, Row, raw
from policyengine.solver.events_times import HOUR, MINUTE
from policyengine.solver.traces_goals import OPEN, Goal, Open, Reading, Way, costlier

MOST = 14
"""The most events that one count or sum is built of."""
LONGEST_RUN = 300
"""The most events that a run of an episode is built of."""


class EventWays(Reading):
    """The ways of all that is asked of a trace."""

    def candidate(self, goal: Goal, pattern: ir.Pattern, time: int, want: bool | None, draft: Draft, *,
                   keys: Mapping[str, Any] | None = None) -> Iterator[Way]:
        """A new event for a pattern, that agrees on the keys; its `where` comes out as wanted."""
        if pattern.event not in self.ground.sides[goal.side].vocabulary.events:
            return
        fields: dict[str, Any] = {}
        for name in pattern.keys:
            value, draft = (keys[name], draft) if keys is not None else self.key(name, draft)
            if value is not None:
                fields[name] = value
        place = len(draft.rows)
        draft = draft.with_row(Row(pattern.event, time, fields))
        if pattern.where is None:
            if want:
                yield Way(0, draft)
            return
        yield Way(0, draft, (Goal(goal.side, pattern.where, want, place),))

    def _within(self, goal: Goal, range: ir.Range, draft: Draft) -> tuple[events_times.Times, Draft] | None:
        """Instants inside and outside a range, and the draft with the range's own period decided."""
        calendar = self.ground.sides[goal.side].calendar
        periods = self.ground.periods
        now, known = draft.now, draft.known
        match range:
            case ir.Within() | ir.NoLaterThan() | ir.WithinLast():
                period = self.peek(goal, range.period, draft)
                if period is None:
                    return None
                if isinstance(period, Open):
                    period = self.default(goal, range.period, draft)
                    way = next(self.set(goal, range.period, period, draft), None)
                    if way is None or not isinstance(period, Period):
                        return None
                    draft = way.draft
                if isinstance(range, ir.WithinLast):
                    return events_times.before(now, period, periods, calendar), draft
                inside, outside = events_times.after(now, known, period, periods, calendar)
                if isinstance(range, ir.NoLaterThan):
                    return ((*inside[:-1], now - HOUR, inside[-1]), outside), draft
                return (inside, (*outside, now - HOUR)), draft
            case ir.By():
                end = self.peek(goal, range.deadline, draft)
                if isinstance(end, Open):
                    way = next((way for value in [self.default(goal, range.deadline, draft)] if value is not None
                                for way in self.set(goal, range.deadline, value, draft)), None)
                    if way is None:
                        return None
                    draft, end = way.draft, self.peek(goal, range.deadline, way.draft)
                if isinstance(end, date):
                    end = start_of_day(end + timedelta(days=1), calendar.zone) - 1
                if not isinstance(end, int):
                    return None
                return ((max(end, now), now + MINUTE), (max(end, now) + 1, now - HOUR)), draft
            case ir.Before():
                return (events_times.ever_before(now, periods, calendar), (now + MINUTE,)), draft
            case ir.Since():
                return ((now - 10 * MINUTE,), (now - 2 * HOUR, now + MINUTE)), draft
            case ir.This():
                return events_times.this(now, range.unit, calendar), draft
            case ir.During():
                return ((now - 5 * MINUTE,), (now - 30 * 24 * HOUR,)), draft

    def occurs(self, goal: Goal, expr: ir.Occurs, draft: Draft) -> Iterator[Way]:
        found = self._within(goal, expr.range, draft)
        if goal.want is None and not isinstance(expr.range, ir.Before | ir.Since | ir.This | ir.During | ir.By):
            yield from costlier(1, self.clear(goal, expr.range.period, draft))
        if found is None:
            return
        (inside, outside), draft = found
        pattern = expr.pattern
        if goal.want is None:
            for cost, at in enumerate(inside[:3]):
                yield from costlier(cost, self.candidate(goal, pattern, at, None, draft))
            return
        if goal.want:
            prepared = [*self._prepared(goal, expr.range, draft)]
            for start in prepared:
                for cost, at in enumerate(inside):
                    for way in self.candidate(goal, pattern, at, True, start.draft):
                        yield Way(start.cost + way.cost + cost, way.draft, (*start.goals, *way.goals))
            return
        # What others have put there must not match; or nothing is there; or something too early or too late.
        there = [place for place, row in enumerate(draft.rows)
                 if row.type == pattern.event and not (draft.trigger and place == 0)]
        if there and pattern.where is not None:
            yield Way(0, draft, tuple(Goal(goal.side, pattern.where, False, place) for place in there))
            yield Way(1, draft)
        else:
            yield Way(0, draft)
        for cost, at in enumerate(outside):
            yield from costlier(cost + 1, self.candidate(goal, pattern, at, True, draft))
        for cost, at in enumerate(inside[:1] if pattern.where is not None else ()):
            yield from costlier(cost + 2, self.candidate(goal, pattern, at, False, draft))
        if isinstance(expr.range, ir.Since):
            for way in self.candidate(goal, pattern, draft.now - 40 * MINUTE, True, draft):
                for more in self.candidate(goal, expr.range.pattern, draft.now - 30 * MINUTE, True, way.draft):
                    yield Way(1 + way.cost + more.cost, more.draft, (*way.goals, *more.goals))

    def _prepared(self, goal: Goal, range: ir.Range, draft: Draft) -> Iterator[Way]:
        """What a range needs to be there at all: the run that a moment is in, the event since which is counted."""
        match range:
            case ir.Since():
                yield Way(0, draft)
                yield from costlier(1, self.candidate(goal, range.pattern, draft.now - 30 * MINUTE, True, draft))
            case ir.During():
                for episode in self.ground.sides[goal.side].policy.episodes:
                    if episode.name == range.episode:
                        yield from self._run_up_to(goal, episode, draft.now - 10 * MINUTE, draft.now, draft)
            case _:
                yield Way(0, draft)

    def _run_up_to(self, goal: Goal, episode: ir.Episode, start: int, end: int, draft: Draft) -> Iterator[Way]:
        """A run of an episode from one instant to another, as few events as there may be."""
        gap = self.peek(goal, episode.gap, draft)
        if not isinstance(gap, Period) or not gap.is_elapsed or gap.count <= 0:
            return
        steps = max(1, -(-(end - start) // gap.count))
        if steps > LONGEST_RUN:
            return
        belongs = {one.event for one in episode.events}
        times = [start + place * gap.count for place in range(steps)] + [end]
        for cost, pattern in enumerate(episode.events[:2]):
            for way in self.candidate(goal, pattern, times[0], True, draft):
                first = len(way.draft.rows) - 1
                more = way.draft
                for at in times[1:]:
                    if not (more.trigger and at == more.now and more.rows[0].type in belongs):
                        more = more.with_row(Row(pattern.event, at, {}, first))
                yield Way(cost + way.cost, more, way.goals)

    def in_state(self, goal: Goal, expr: ir.InState, draft: Draft) -> Iterator[Way]:
        side = self.ground.sides[goal.side]
        state = next(one for one in side.policy.states if one.name == expr.state)
        if not isinstance(state, ir.BooleanState):
            return
        asked, draft = self.asked(goal, expr.keys, draft)
        now = draft.rows[goal.at].time if expr.at == ir.CANDIDATE and goal.at >= 0 else draft.now
        starts = [now - HOUR]
        lasting = None if state.lasting is None else self.peek(goal, state.lasting, draft)
        if isinstance(lasting, Period):
            starts += [earliest_within(now, lasting, side.calendar)]
        base = Goal(goal.side, expr, goal.want)
        if goal.want is None:
            for cost, pattern in enumerate(state.starts):
                yield from costlier(cost, self.candidate(base, pattern, starts[0], None, draft, keys=asked))
            for cost, (_, value) in enumerate(expr.keys):
                yield from costlier(1 + cost, self.clear(goal, value, draft))
            return
        begun = [Way(cost + more + way.cost, way.draft, way.goals)
                 for cost, pattern in enumerate(state.starts) for more, at in enumerate(starts)
                 for way in self.candidate(base, pattern, at, True, draft, keys=asked)]
        if goal.want:
            yield from begun
            return
        there = {pattern.event: pattern for pattern in state.starts if pattern.where is not None}
        rows = [(place, there[row.type]) for place, row in enumerate(draft.rows) if row.type in there]
        if rows:
            yield Way(0, draft, tuple(Goal(goal.side, pattern.where, False, place) for place, pattern in rows
                                      if pattern.where is not None))
        yield Way(1 if rows else 0, draft)
        for way in begun[:2]:
            for cost, pattern in enumerate(state.ends):
                for more in self.candidate(base, pattern, now - HOUR // 2, True, way.draft, keys=asked):
                    yield Way(1 + cost + way.cost + more.cost, more.draft, (*way.goals, *more.goals))
        for cost, pattern in enumerate(state.starts):
            if isinstance(lasting, Period):
                at = earliest_within(now, lasting, side.calendar) - 1
                yield from costlier(2 + cost, self.candidate(base, pattern, at, True, draft, keys=asked))
            yield from costlier(3 + cost, self.candidate(base, pattern, starts[0], False, draft, keys=asked))

    def state_value(self, goal: Goal, expr: ir.StateValue, value: Any, draft: Draft) -> Iterator[Way]:
        state = next(one for one in self.ground.sides[goal.side].policy.states if one.name == expr.state)
        if not isinstance(state, ir.ValuedState):
            return
        key = (self.ground.keys[goal.side].of(expr), goal.at)
        asked, draft = self.asked(goal, expr.keys, draft)
        now = draft.rows[goal.at].time if expr.at == ir.CANDIDATE and goal.at >= 0 else draft.now
        draft = replace(draft, values={**draft.values, key: value})
        cost = 0
        for tier in state.tiers:
            for source in tier:
                for way in self.candidate(Goal(goal.side, expr, goal.want), source.pattern, now - 2 * HOUR, True, draft,
                                           keys=asked):
                    yield Way(cost + way.cost, way.draft.with_field(len(way.draft.rows) - 1, ".".join(source.path),
                                                                    raw(value, self.ground.zone)), way.goals)
                cost += 1

    def count(self, goal: Goal, expr: ir.CountEvents, value: Any, draft: Draft) -> Iterator[Way]:
        own = draft.trigger and goal.at < 0 and draft.rows[0].type == expr.pattern.event
        more = value - own if isinstance(value, int) else -1
        if more <= 0 and value >= 0:
            yield from self._not_matching(goal, expr.pattern, draft, from_row=0 if more < 0 else 1)
            if more == 0:
                yield Way(1, draft)
        if not 0 < more <= MOST:
            return
        for cost, times in enumerate(self._spreads(goal, expr.range, more, draft)):
            yield from costlier(cost, self._several(goal, expr.pattern, times, draft))

    def _not_matching(self, goal: Goal, pattern: ir.Pattern, draft: Draft, *, from_row: int = 0) -> Iterator[Way]:
        """What is there of a pattern's type is not to match it; nothing, where it has no condition to fail."""
        there = [place for place, row in enumerate(draft.rows)
                 if row.type == pattern.event and row.like < 0 and place >= from_row]
        if not there:
            yield Way(0, draft)
        elif pattern.where is not None:
            yield Way(0, draft, tuple(Goal(goal.side, pattern.where, False, place) for place in there))

    def _spreads(self, goal: Goal, range_: ir.Range, count: int, draft: Draft) -> Iterator[list[int]]:
        """Instants for several events of the past: all lately, spread over the window, all at its far end, each just
        where another period does not reach."""
        found = self._within(goal, range_, draft)
        if found is None:
            return
        (inside, _), _ = found
        now, first = draft.now, min(inside)
        step = min(MINUTE, max(1, (now - first) // (count + 1)))
        yield [now - step * place for place in range(1, count + 1)]
        for at in inside[:4]:
            if at < now:
                yield [at + step * place for place in range(count)]
        wide = max(1, (now - first) // count)
        yield [first + wide * place for place in range(count)]

    def _several(self, goal: Goal, pattern: ir.Pattern, times: Sequence[int], draft: Draft) -> Iterator[Way]:
        for way in self.candidate(goal, pattern, times[0], True, draft):
            first = len(way.draft.rows) - 1
            more = way.draft
            for at in times[1:]:
                more = more.with_row(Row(pattern.event, at, {}, first))
            yield Way(way.cost, more, way.goals)

    def sum(self, goal: Goal, expr: ir.SumEvents, value: Any, draft: Draft) -> Iterator[Way]:
        name = ".".join(expr.path)
        zone = self.ground.zone
        if draft.trigger and goal.at < 0 and draft.rows[0].type == expr.pattern.event:
            held = draft.rows[0].fields.get(name, OPEN)
            if isinstance(held, Open):
                yield Way(0, draft.with_field(0, name, raw(value, zone)),
                          (Goal(goal.side, expr.pattern.where, True, 0),) if expr.pattern.where is not None else ())
                held = 1
                draft = draft.with_field(0, name, 1)
            value = value - typed(held, types.Number()) if held is not ABSENT else value
        for cost, times in enumerate(self._spreads(goal, expr.range, 1, draft)):
            for way in self._several(goal, expr.pattern, times, draft):
                yield Way(1 + cost + way.cost, way.draft.with_field(len(way.draft.rows) - 1, name, raw(value, zone)),
                          way.goals)

    def duration(self, goal: Goal, expr: ir.EpisodeDuration, value: Any, draft: Draft) -> Iterator[Way]:
        episode = next(one for one in self.ground.sides[goal.side].policy.episodes if one.name == expr.episode)
        if not isinstance(value, Period) or goal.at >= 0:
            return
        if value.count <= 0:
            yield Way(0, draft)
            return
        for back in (0, HOUR * 26):  # lately, or in an earlier unit
            yield from costlier(back // HOUR, self._run_up_to(goal, episode, draft.now - back - value.count,
                                                               draft.now - back, draft))
