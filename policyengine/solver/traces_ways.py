"""How to bring a condition about: for an expression and a wanted answer, the smallest additions to a draft that may do.

In come goals (an expression of one side, wanted true, false or missing, at the moment or at a row) and a draft; out come
ways: a cost, a changed draft and further goals. A way is a guess that the reference evaluator judges in the end, so it
need not be complete; it is only to be telling. The first way has no cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time
from fractions import Fraction
from typing import Any

from policyengine.base.calendar import OutOfRange, completed_years
from policyengine.base.instants import Period, local_date, local_time, start_of_day
from policyengine.core import ir, types
from policyengine.core.conditions import earliest_within
from policyengine.core.operators import OPERATORS, ORDERINGS, Overflow
from policyengine.core.standing import typed
from policyengine.solver import events_times
from policyengine.solver.events_draft import ABSENT, Draft, Path, Row, default_of, raw
from policyengine.solver.events_times import HOUR, MINUTE
from policyengine.solver.traces_ground import Ground, Which, candidates, shifted, term_of

MOST = 14
"""The most events that one count, sum or duration is built of."""


@dataclass(frozen=True, slots=True)
class Goal:
    """An expression of one side and the answer it is to have. `at` is the row a candidate stands at (-1: none);
    `variables` are the elements of lists that quantifiers look at, by where they stand in the facts."""

    side: Which
    expr: ir.Expr
    want: bool | None
    at: int = -1
    variables: Mapping[str, Path] = field(default_factory=dict)

    def other(self, expr: ir.Expr, want: bool | None) -> Goal:
        return Goal(self.side, expr, want, self.at, self.variables)

    @property
    def late(self) -> bool:
        """Whether to see first what others put into the trace."""
        return isinstance(self.expr, ir.Occurs | ir.InState) and self.want is False


@dataclass(frozen=True, slots=True)
class Way:
    cost: int
    draft: Draft
    goals: tuple[Goal, ...] = ()


class _Open:
    """A value nothing has been decided about."""


OPEN = _Open()


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways of one comparison."""

    ground: Ground

    # ---- conditions ----------------------------------------------------------------------------------------------

    def of(self, goal: Goal, draft: Draft) -> Sequence[Way]:
        """The ways to a goal; none where the draft has decided otherwise."""
        expr, want = goal.expr, goal.want
        match expr:
            case ir.Constant():
                return [Way(0, draft)] if want is bool(expr.value) else []
            case ir.Not():
                return [Way(0, draft, (goal.other(expr.part, None if want is None else not want),))]
            case ir.And() | ir.Or():
                return list(self._many(goal, expr, draft))
        key = (self.ground.keys[goal.side].of(expr), goal.at, tuple(goal.variables.items()))
        if key in draft.wants:
            return [Way(0, draft)] if draft.wants[key] is want else []
        draft = replace(draft, wants={**draft.wants, key: want})
        return [*self._atom(goal, draft)]

    def _many(self, goal: Goal, expr: ir.And | ir.Or, draft: Draft) -> Iterator[Way]:
        decides = isinstance(expr, ir.Or)  # the answer that one part gives to the whole
        if goal.want is (not decides):
            yield Way(0, draft, tuple(goal.other(part, not decides) for part in expr.parts))
            return
        for place, part in enumerate(expr.parts):
            rest = ()
            if goal.want is None:
                rest = tuple(goal.other(one, not decides) for one in expr.parts if one is not part)
            yield Way(place, draft, (goal.other(part, goal.want), *rest))

    def _atom(self, goal: Goal, draft: Draft) -> Iterator[Way]:
        expr, want = goal.expr, goal.want
        match expr:
            case ir.Present():
                if want is False:
                    yield from self._clear(goal, expr.operand, draft)
                elif want:
                    yield from self._some_value(goal, expr.operand, draft)
            case ir.Occurs():
                yield from self._occurs(goal, expr, draft)
            case ir.InState():
                yield from self._in_state(goal, expr, draft)
            case ir.Quantified():
                yield from self._quantified(goal, expr, draft)
            case ir.Apply():
                yield from self._comparison(goal, expr, draft)
            case _:
                yield from (self._clear(goal, expr, draft) if want is None else self._set(goal, expr, want, draft))

    def _some_value(self, goal: Goal, expr: ir.Expr, draft: Draft) -> Iterator[Way]:
        if not isinstance(self._peek(goal, expr, draft), _Open):
            if self._peek(goal, expr, draft) is not None:
                yield Way(0, draft)
            return
        values = candidates(self.ground, expr)
        default = self._default(goal, expr, draft)
        for cost, value in enumerate([*values[:4], *([] if default is None else [default])]):
            yield from _costlier(cost, self._set(goal, expr, value, draft))

    # ---- comparisons ---------------------------------------------------------------------------------------------

    def _comparison(self, goal: Goal, expr: ir.Apply, draft: Draft) -> Iterator[Way]:
        left, right = expr.arguments
        if goal.want is None:
            yield from self._clear(goal, left, draft)
            yield from _costlier(1, self._clear(goal, right, draft))
            return
        a, b = self._peek(goal, left, draft), self._peek(goal, right, draft)
        if a is None or b is None:
            return
        if not isinstance(a, _Open) and not isinstance(b, _Open):
            if self._holds(goal, expr.operator, a, b) is goal.want:
                yield Way(0, draft)
            elif isinstance(a, tuple):
                yield from self._lengthened(goal, expr, left, a, b, draft)
            elif isinstance(left, ir.Get) and left.path == ("time",):
                yield from self._solved(goal, expr, left, b, draft, left_side=True)
            return
        if isinstance(b, _Open) and isinstance(a, _Open):
            # One of the two first gets some value, and the other is compared with it.
            for cost, value in enumerate(self._starting_values(goal, right, draft)):
                for way in self._set(goal, right, value, draft):
                    yield from (Way(cost + way.cost + more.cost, more.draft, (*way.goals, *more.goals))
                                 for more in self._solved(goal, expr, left, value, way.draft, left_side=True))
            return
        if isinstance(a, _Open):
            yield from self._solved(goal, expr, left, b, draft, left_side=True)
        else:
            yield from self._solved(goal, expr, right, a, draft, left_side=False)

    def _starting_values(self, goal: Goal, expr: ir.Expr, draft: Draft) -> list[Any]:
        default = self._default(goal, expr, draft)
        return [*([] if default is None else [default]), *candidates(self.ground, expr)][:3]

    def _solved(self, goal: Goal, expr: ir.Apply, term: ir.Expr, other: Any, draft: Draft, *, left_side: bool,
                ) -> Iterator[Way]:
        """Ways to give an undecided term a value that makes the comparison come out as wanted."""
        for cost, value in enumerate(self._fitting(goal, expr, term, other, left_side)):
            yield from _costlier(cost, self._set(goal, term, value, draft))

    def _fitting(self, goal: Goal, expr: ir.Apply, term: ir.Expr, other: Any, left_side: bool) -> Iterator[Any]:
        operator = expr.operator
        if isinstance(getattr(term, "type", None), types.ListOf):
            yield from self._lists(goal, operator, term, other)
            return
        near = other[0] if isinstance(other, tuple) and other else other
        if isinstance(near, tuple):
            return
        values = candidates(self.ground, term, near)
        fitting = [one for one in values if self._holds(goal, operator, *((one, other) if left_side else (other, one)))
                   is goal.want]
        if operator in ORDERINGS and not isinstance(other, str | bool):
            fitting.sort(key=lambda one: (_distance(one, other), ))
        yield from fitting[:8]

    def _lists(self, goal: Goal, operator: str, term: ir.Expr, other: Any) -> Iterator[Any]:
        """Lists that hold what is asked for, and lists that lack one thing of it."""
        named = [one for one in self.ground.constants.get(term_of(term), ()) if not isinstance(one, tuple)]
        asked = list(other) if isinstance(other, tuple) else [other]
        seen: dict[tuple[Any, ...], None] = {}
        for one in ([], asked, named, *([item] for item in asked), *([x for x in named if x != item] for item in asked)):
            seen.setdefault(tuple(dict.fromkeys(one)))
        fitting = [one for one in seen if self._holds(goal, operator, one, other) is goal.want]
        yield from sorted(fitting, key=lambda one: (not one, len(one)) if goal.want else (len(one) < len(asked) - 1, len(one)))

    def _lengthened(self, goal: Goal, expr: ir.Apply, term: ir.Expr, held: tuple[Any, ...], other: Any, draft: Draft,
                    ) -> Iterator[Way]:
        """A list that was decided on, with what it lacks besides."""
        more = tuple(dict.fromkeys((*held, *(other if isinstance(other, tuple) else (other,)))))
        if self._holds(goal, expr.operator, more, other) is not goal.want:
            return
        if isinstance(term, ir.Fact):
            yield Way(1, draft.with_fact(term.path, raw(more, self.ground.zone)))
        elif isinstance(term, ir.Get) and term.owner in (ir.TRIGGER, ir.CANDIDATE):
            row = self._row(goal, term)
            if row >= 0:
                yield Way(1, draft.with_field(row, ".".join(term.path), raw(more, self.ground.zone)))

    def _holds(self, goal: Goal, operator: str, left: Any, right: Any) -> bool | None:
        try:
            answer: bool | None = OPERATORS[operator].compute(left, right, self.ground.sides[goal.side].calendar)
        except (TypeError, Overflow, OutOfRange):
            return None
        return answer

    # ---- what has been decided -----------------------------------------------------------------------------------

    def _row(self, goal: Goal, expr: ir.Get) -> int:
        return goal.at if expr.owner == ir.CANDIDATE else 0

    def _peek(self, goal: Goal, expr: ir.Expr, draft: Draft) -> Any:
        """The typed value of a term as far as it is decided: None where it is decided to be missing."""
        calendar = self.ground.sides[goal.side].calendar
        match expr:
            case ir.Constant():
                return typed(expr.value, expr.type)
            case ir.ListValue():
                items = [self._peek(goal, one, draft) for one in expr.items]
                return OPEN if any(isinstance(one, _Open) for one in items) else tuple(items)
            case ir.Fact():
                return self._decided(draft.facts.get(expr.path, OPEN), expr)
            case ir.Get() if expr.owner in goal.variables:
                return self._decided(draft.facts.get((*goal.variables[expr.owner], *expr.path), OPEN), expr)
            case ir.Get(path=("time",)):
                row = self._row(goal, expr)
                return draft.rows[row].time if expr.owner == ir.CANDIDATE and row >= 0 else draft.now
            case ir.Get() if expr.owner == ir.TRIGGER and not draft.trigger:
                return draft.keys.get(expr.path[0], OPEN)
            case ir.Get():
                row = self._row(goal, expr)
                return self._decided(draft.rows[row].fields.get(".".join(expr.path), OPEN), expr) if row >= 0 else OPEN
            case ir.Today():
                return local_date(self._instant(goal, draft), calendar.zone)
            case ir.LocalTime():
                return local_time(self._instant(goal, draft), calendar.zone)
            case ir.CompletedYears():
                birth = self._peek(goal, expr.birth, draft)
                return completed_years(birth, local_date(self._instant(goal, draft), calendar.zone)) if isinstance(
                    birth, date) else birth
            case ir.Apply(operator=operator) if operator not in ORDERINGS:
                parts = [self._peek(goal, one, draft) for one in expr.arguments]
                if any(isinstance(one, _Open) for one in parts):
                    return OPEN
                try:
                    return None if None in parts else OPERATORS[operator].compute(*parts, calendar)
                except (TypeError, Overflow, OutOfRange):
                    return OPEN
            case ir.StateValue():
                return draft.values.get((self.ground.keys[goal.side].of(expr), goal.at), OPEN)
            case _:
                return OPEN

    def _decided(self, value: Any, expr: ir.Fact | ir.Get) -> Any:
        if isinstance(value, _Open):
            return OPEN
        if value is ABSENT:
            return None if expr.default is None else typed(expr.default, expr.type)
        return typed(value, expr.type)

    def _instant(self, goal: Goal, draft: Draft) -> int:
        return draft.rows[goal.at].time if goal.at >= 0 else draft.now

    def _default(self, goal: Goal, expr: ir.Expr, draft: Draft) -> Any:
        """Some typed value for a fact or field, by its schema; None where there is none to be had."""
        schema: Mapping[str, Any] | None = None
        zone = self.ground.zone
        name = ""
        match expr:
            case ir.Fact():
                schema, name = _under(self.ground.sides[goal.side].vocabulary.schema, expr.path), expr.path[-1]
            case ir.Get() if expr.owner in (ir.TRIGGER, ir.CANDIDATE) and self._row(goal, expr) < len(draft.rows):
                row = self._row(goal, expr)
                if row >= 0:
                    declared = self.ground.sides[goal.side].vocabulary.events[draft.rows[row].type].schema
                    schema, name = _under(declared, expr.path), expr.path[-1]
        if schema is None:
            match getattr(expr, "type", None):
                case types.Date():
                    return local_date(draft.now, zone)
                case types.Number():
                    return 1
                case types.Text():
                    return "some"
                case types.Period(unit=unit):
                    return Period(10, "day") if unit == "day" else Period(HOUR, "microsecond")
                case _:
                    return None
        if schema.get("format") == "period":
            return self._period(expr)
        if schema.get("type") in ("array", "object"):
            return None
        return typed(default_of(schema, name, draft.now, zone), expr.type)  # type: ignore[union-attr]

    def _period(self, expr: ir.Expr) -> Period:
        unit = getattr(getattr(expr, "type", None), "unit", None)
        match unit:
            case "elapsed":
                return Period(2 * HOUR, "microsecond")
            case "month":
                return Period(1, "month")
            case "working_day":
                return Period(10, "working_day")
            case _:
                return Period(10, "day")

    # ---- giving a term a value -----------------------------------------------------------------------------------

    def _set(self, goal: Goal, expr: ir.Expr, value: Any, draft: Draft) -> Iterator[Way]:
        """Ways to give a term a typed value."""
        zone = self.ground.zone
        known = self._peek(goal, expr, draft)
        if not isinstance(known, _Open) and not (isinstance(expr, ir.Get) and expr.path == ("time",)):
            if known == value:
                yield Way(0, draft)
            return
        match expr:
            case ir.Fact():
                yield Way(0, draft.with_fact(expr.path, raw(value, zone)))
            case ir.Get() if expr.owner in goal.variables:
                yield Way(0, draft.with_fact((*goal.variables[expr.owner], *expr.path), raw(value, zone)))
            case ir.Get(path=("time",)):
                # The moment stays where it is; a candidate may move.
                if expr.owner == ir.CANDIDATE and goal.at >= 1 and isinstance(value, int):
                    yield Way(0, draft.at(goal.at, value))
                elif known == value:
                    yield Way(0, draft)
            case ir.Get() if expr.owner == ir.CANDIDATE or draft.trigger:
                row = self._row(goal, expr)
                if row >= 0:
                    yield Way(0, draft.with_field(row, ".".join(expr.path), raw(value, zone)))
            case ir.StateValue():
                yield from self._state_value(goal, expr, value, draft)
            case ir.Latest():
                if goal.at < 0:
                    for way in self._candidate(goal, expr.pattern, draft.now - 30 * MINUTE, True, draft):
                        yield Way(way.cost, way.draft.with_field(len(way.draft.rows) - 1, ".".join(expr.path),
                                                                 raw(value, zone)), way.goals)
            case ir.CompletedYears():
                today = local_date(self._instant(goal, draft), zone)
                if isinstance(value, int) and 0 <= value < min(today.year, 150):
                    yield from self._set(goal, expr.birth, _years_before(today, value), draft)
            case ir.CountEvents():
                yield from self._count(goal, expr, value, draft)
            case ir.SumEvents():
                yield from self._sum(goal, expr, value, draft)
            case ir.EpisodeDuration():
                yield from self._duration(goal, expr, value, draft)
            case ir.CountElements():
                yield from self._elements(goal, expr, value, draft)
            case ir.Apply():
                yield from self._computed(goal, expr, value, draft)
            case _:
                return

    def _clear(self, goal: Goal, expr: ir.Expr, draft: Draft) -> Iterator[Way]:
        """Ways to leave a term without a value."""
        known = self._peek(goal, expr, draft)
        if known is None:
            yield Way(0, draft)
        if not isinstance(known, _Open):
            return
        match expr:
            case ir.Fact(default=None):
                yield Way(0, draft.with_fact(expr.path, ABSENT))
            case ir.Get(default=None) if expr.owner in goal.variables:
                yield Way(0, draft.with_fact((*goal.variables[expr.owner], *expr.path), ABSENT))
            case ir.Get(default=None) if expr.owner == ir.CANDIDATE or draft.trigger:
                row = self._row(goal, expr)
                if row >= 0:
                    yield Way(0, draft.with_field(row, ".".join(expr.path), ABSENT))
            case ir.StateValue() | ir.Latest():
                key = (self.ground.keys[goal.side].of(expr), goal.at)
                yield Way(0, replace(draft, values={**draft.values, key: None}))
            case ir.CompletedYears():
                yield from self._clear(goal, expr.birth, draft)
            case ir.SumEvents():
                for way in self._candidate(goal, expr.pattern, draft.now - MINUTE, True, draft):
                    yield Way(way.cost, way.draft.with_field(len(way.draft.rows) - 1, ".".join(expr.path), ABSENT),
                              way.goals)
            case ir.Apply():
                for cost, one in enumerate(expr.arguments):
                    yield from _costlier(cost, self._clear(goal, one, draft))
            case _:
                return

    def _computed(self, goal: Goal, expr: ir.Apply, value: Any, draft: Draft) -> Iterator[Way]:
        """One operand gets the value that makes a sum, difference, product or quotient come out."""
        left, right = expr.arguments
        a, b = self._peek(goal, left, draft), self._peek(goal, right, draft)
        if isinstance(a, _Open) and isinstance(b, _Open):
            for start in self._starting_values(goal, right, draft)[:1]:
                for way in self._set(goal, right, 100 if expr.operator == "/" else start, draft):
                    for more in self._computed(goal, expr, value, way.draft):
                        yield Way(way.cost + more.cost, more.draft, (*way.goals, *more.goals))
            return
        movable_left = isinstance(a, _Open) or (isinstance(left, ir.Get) and left.owner == ir.CANDIDATE
                                                and left.path == ("time",))
        side = self.ground.sides[goal.side]
        try:
            match expr.operator:
                case "+" if movable_left:
                    yield from self._set(goal, left, _less(value, b, side), draft)
                case "+":
                    yield from self._set(goal, right, _less(value, a, side), draft)
                case "-" | "instant -" if movable_left:
                    yield from self._set(goal, left, OPERATORS["+"].compute(b, value, side.calendar), draft)
                case "-":
                    yield from self._set(goal, right, _less(a, value, side), draft)
                case "instant -":
                    yield from self._set(goal, right, a - value.count, draft)
                case "*":
                    known, term = (b, left) if movable_left else (a, right)
                    if known:
                        yield from self._set(goal, term, _plain(Fraction(value) / Fraction(known)), draft)
                case "/" if movable_left:
                    yield from self._set(goal, left, _plain(Fraction(value) * Fraction(b)), draft)
        except (TypeError, OutOfRange, Overflow, AttributeError):
            return

    # ---- the trace -----------------------------------------------------------------------------------------------

    def _candidate(self, goal: Goal, pattern: ir.Pattern, time: int, want: bool | None, draft: Draft, *,
                   keys: Mapping[str, Any] | None = None) -> Iterator[Way]:
        """A new event for a pattern, that agrees on the keys; its `where` comes out as wanted."""
        if pattern.event not in self.ground.sides[goal.side].vocabulary.events:
            return
        fields: dict[str, Any] = {}
        for name in pattern.keys:
            value, draft = (keys[name], draft) if keys is not None else self._key(name, draft)
            if value is not None:
                fields[name] = value
        place = len(draft.rows)
        draft = draft.with_row(Row(pattern.event, time, fields))
        if pattern.where is None:
            if want:
                yield Way(0, draft)
            return
        yield Way(0, draft, (Goal(goal.side, pattern.where, want, place),))

    def _key(self, name: str, draft: Draft) -> tuple[Any, Draft]:
        """The value of a key of the moment, decided on now if it was open."""
        if name in draft.keys:
            return draft.keys[name], draft
        if not draft.trigger:
            return f"{name}-1", replace(draft, keys={**draft.keys, name: f"{name}-1"})
        held = draft.rows[0].fields.get(name, OPEN)
        if not isinstance(held, _Open):
            return (None if held is ABSENT else held), draft
        declared = self.ground.sides[1].vocabulary.events.get(draft.rows[0].type)
        schema = (declared.schema.get("properties", {}) if declared else {}).get(name)
        if schema is None:
            return None, draft
        value = default_of(schema, name, draft.now, self.ground.zone)
        return value, draft.with_field(0, name, value)

    def _within(self, goal: Goal, range: ir.Range, draft: Draft) -> tuple[events_times.Times, Draft] | None:
        """Instants inside and outside a range, and the draft with the range's own period decided."""
        calendar = self.ground.sides[goal.side].calendar
        periods = self.ground.periods
        now, known = draft.now, draft.known
        match range:
            case ir.Within() | ir.NoLaterThan() | ir.WithinLast():
                period = self._peek(goal, range.period, draft)
                if period is None:
                    return None
                if isinstance(period, _Open):
                    period = self._default(goal, range.period, draft)
                    way = next(self._set(goal, range.period, period, draft), None)
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
                end = self._peek(goal, range.deadline, draft)
                if isinstance(end, _Open):
                    way = next((way for value in [self._default(goal, range.deadline, draft)] if value is not None
                                for way in self._set(goal, range.deadline, value, draft)), None)
                    if way is None:
                        return None
                    draft, end = way.draft, self._peek(goal, range.deadline, way.draft)
                if isinstance(end, date):
                    end = start_of_day(shifted(end, Period(1, "day"), self.ground.sides[goal.side], 1), calendar.zone) - 1
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

    def _occurs(self, goal: Goal, expr: ir.Occurs, draft: Draft) -> Iterator[Way]:
        found = self._within(goal, expr.range, draft)
        if goal.want is None and not isinstance(expr.range, ir.Before | ir.Since | ir.This | ir.During | ir.By):
            yield from _costlier(1, self._clear(goal, expr.range.period, draft))
        if found is None:
            return
        (inside, outside), draft = found
        pattern = expr.pattern
        if goal.want is None:
            for cost, at in enumerate(inside[:3]):
                yield from _costlier(cost, self._candidate(goal, pattern, at, None, draft))
            return
        if goal.want:
            prepared = [*self._prepared(goal, expr.range, draft)]
            for start in prepared:
                for cost, at in enumerate(inside):
                    for way in self._candidate(goal, pattern, at, True, start.draft):
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
            yield from _costlier(cost + 1, self._candidate(goal, pattern, at, True, draft))
        for cost, at in enumerate(inside[:1] if pattern.where is not None else ()):
            yield from _costlier(cost + 2, self._candidate(goal, pattern, at, False, draft))
        if isinstance(expr.range, ir.Since):
            for way in self._candidate(goal, pattern, draft.now - 40 * MINUTE, True, draft):
                for more in self._candidate(goal, expr.range.pattern, draft.now - 30 * MINUTE, True, way.draft):
                    yield Way(1 + way.cost + more.cost, more.draft, (*way.goals, *more.goals))

    def _prepared(self, goal: Goal, range: ir.Range, draft: Draft) -> Iterator[Way]:
        """What a range needs to be there at all: the run that a moment is in, the event since which is counted."""
        match range:
            case ir.Since():
                yield Way(0, draft)
                yield from _costlier(1, self._candidate(goal, range.pattern, draft.now - 30 * MINUTE, True, draft))
            case ir.During():
                for episode in self.ground.sides[goal.side].policy.episodes:
                    if episode.name == range.episode:
                        yield from self._run_up_to(goal, episode, draft.now - 10 * MINUTE, draft.now, draft)
            case _:
                yield Way(0, draft)

    def _run_up_to(self, goal: Goal, episode: ir.Episode, start: int, end: int, draft: Draft) -> Iterator[Way]:
        """A run of an episode from one instant to another, as few events as there may be."""
        gap = self._peek(goal, episode.gap, draft)
        if not isinstance(gap, Period) or not gap.is_elapsed or gap.count <= 0:
            return
        steps = max(1, -(-(end - start) // gap.count))
        if steps > 3 * MOST:
            return
        times = [start + place * gap.count for place in range(steps)] + [end]
        for cost, pattern in enumerate(episode.events[:2]):
            for way in self._candidate(goal, pattern, times[0], True, draft):
                first = len(way.draft.rows) - 1
                more = way.draft
                for at in times[1:]:
                    if not (more.trigger and at == more.now and more.rows[0].type == pattern.event):
                        more = more.with_row(Row(pattern.event, at, {}, first))
                yield Way(cost + way.cost, more, way.goals)

    def _in_state(self, goal: Goal, expr: ir.InState, draft: Draft) -> Iterator[Way]:
        side = self.ground.sides[goal.side]
        state = next(one for one in side.policy.states if one.name == expr.state)
        if not isinstance(state, ir.BooleanState):
            return
        asked, draft = self._asked(goal, expr.keys, draft)
        now = draft.rows[goal.at].time if expr.at == ir.CANDIDATE and goal.at >= 0 else draft.now
        starts = [now - HOUR]
        lasting = None if state.lasting is None else self._peek(goal, state.lasting, draft)
        if isinstance(lasting, Period):
            starts += [earliest_within(now, lasting, side.calendar)]
        base = Goal(goal.side, expr, goal.want)
        if goal.want is None:
            for cost, pattern in enumerate(state.starts):
                yield from _costlier(cost, self._candidate(base, pattern, starts[0], None, draft, keys=asked))
            for cost, (name, value) in enumerate(expr.keys):
                yield from _costlier(1 + cost, self._clear(goal, value, draft))
            return
        begun = [Way(cost + more + way.cost, way.draft, way.goals)
                 for cost, pattern in enumerate(state.starts) for more, at in enumerate(starts)
                 for way in self._candidate(base, pattern, at, True, draft, keys=asked)]
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
                for more in self._candidate(base, pattern, now - HOUR // 2, True, way.draft, keys=asked):
                    yield Way(1 + cost + way.cost + more.cost, more.draft, (*way.goals, *more.goals))
        for cost, pattern in enumerate(state.starts):
            if isinstance(lasting, Period):
                at = earliest_within(now, lasting, side.calendar) - 1
                yield from _costlier(2 + cost, self._candidate(base, pattern, at, True, draft, keys=asked))
            yield from _costlier(3 + cost, self._candidate(base, pattern, starts[0], False, draft, keys=asked))

    def _asked(self, goal: Goal, keys: Sequence[tuple[str, ir.Expr]], draft: Draft) -> tuple[dict[str, Any], Draft]:
        """The raw key values a state is asked with, decided on now where they were open."""
        asked: dict[str, Any] = {}
        for name, expr in keys:
            value = self._peek(goal, expr, draft)
            if isinstance(value, _Open):
                if isinstance(expr, ir.Get) and expr.owner == ir.TRIGGER and len(expr.path) == 1:
                    value, draft = self._key(expr.path[0], draft)
                else:
                    value = self._default(goal, expr, draft)
                    way = next(self._set(goal, expr, value, draft), None)
                    draft = way.draft if way is not None else draft
            asked[name] = None if value is None else raw(value, self.ground.zone)
        return asked, draft

    def _state_value(self, goal: Goal, expr: ir.StateValue, value: Any, draft: Draft) -> Iterator[Way]:
        state = next(one for one in self.ground.sides[goal.side].policy.states if one.name == expr.state)
        if not isinstance(state, ir.ValuedState):
            return
        key = (self.ground.keys[goal.side].of(expr), goal.at)
        asked, draft = self._asked(goal, expr.keys, draft)
        now = draft.rows[goal.at].time if expr.at == ir.CANDIDATE and goal.at >= 0 else draft.now
        draft = replace(draft, values={**draft.values, key: value})
        cost = 0
        for tier in state.tiers:
            for source in tier:
                for way in self._candidate(Goal(goal.side, expr, goal.want), source.pattern, now - 2 * HOUR, True, draft,
                                           keys=asked):
                    yield Way(cost + way.cost, way.draft.with_field(len(way.draft.rows) - 1, ".".join(source.path),
                                                                    raw(value, self.ground.zone)), way.goals)
                cost += 1

    def _count(self, goal: Goal, expr: ir.CountEvents, value: Any, draft: Draft) -> Iterator[Way]:
        own = draft.trigger and goal.at < 0 and draft.rows[0].type == expr.pattern.event
        more = value - own if isinstance(value, int) else -1
        if more == 0:
            yield Way(0, draft)
        if not 0 < more <= MOST:
            return
        for cost, times in enumerate(self._spreads(goal, expr.range, more, draft)):
            yield from _costlier(cost, self._several(goal, expr.pattern, times, draft))

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
        for way in self._candidate(goal, pattern, times[0], True, draft):
            first = len(way.draft.rows) - 1
            more = way.draft
            for at in times[1:]:
                more = more.with_row(Row(pattern.event, at, {}, first))
            yield Way(way.cost, more, way.goals)

    def _sum(self, goal: Goal, expr: ir.SumEvents, value: Any, draft: Draft) -> Iterator[Way]:
        name = ".".join(expr.path)
        zone = self.ground.zone
        if draft.trigger and goal.at < 0 and draft.rows[0].type == expr.pattern.event:
            held = draft.rows[0].fields.get(name, OPEN)
            if isinstance(held, _Open):
                yield Way(0, draft.with_field(0, name, raw(value, zone)),
                          (Goal(goal.side, expr.pattern.where, True, 0),) if expr.pattern.where is not None else ())
                held = 1
                draft = draft.with_field(0, name, 1)
            value = value - typed(held, types.Number()) if held is not ABSENT else value
        for cost, times in enumerate(self._spreads(goal, expr.range, 1, draft)):
            for way in self._several(goal, expr.pattern, times, draft):
                yield Way(1 + cost + way.cost, way.draft.with_field(len(way.draft.rows) - 1, name, raw(value, zone)),
                          way.goals)

    def _duration(self, goal: Goal, expr: ir.EpisodeDuration, value: Any, draft: Draft) -> Iterator[Way]:
        episode = next(one for one in self.ground.sides[goal.side].policy.episodes if one.name == expr.episode)
        if not isinstance(value, Period) or goal.at >= 0:
            return
        if value.count <= 0:
            yield Way(0, draft)
            return
        for back in (0, HOUR * 26):  # lately, or in an earlier unit
            yield from _costlier(back // HOUR, self._run_up_to(goal, episode, draft.now - back - value.count,
                                                               draft.now - back, draft))

    # ---- lists of the facts --------------------------------------------------------------------------------------

    def _list_path(self, goal: Goal, domain: ir.Expr) -> Path | None:
        match domain:
            case ir.Fact():
                return domain.path
            case ir.Get() if domain.owner in goal.variables:
                return (*goal.variables[domain.owner], *domain.path)
            case _:
                return None

    def _quantified(self, goal: Goal, expr: ir.Quantified, draft: Draft) -> Iterator[Way]:
        path = self._list_path(goal, expr.domain)
        if path is None or path in draft.facts:
            return
        if goal.want is None:
            yield Way(1, draft.with_fact(path, ABSENT))
        found = {"every": False, "some": True, "no": True}[expr.kind]  # what one element is to say
        empty = expr.kind != "some"
        if goal.want is empty:
            yield Way(0, draft.with_fact(path, []))
            return
        answer = None if goal.want is None else found
        used = sum(1 for one in draft.facts if one[:len(path)] == path and len(one) > len(path) and one[len(path)] == 0)
        inside = {**goal.variables, expr.variable: (*path, 0)}
        if used and (*path, 0) not in draft.facts:
            pass  # another quantifier decided on fields of the same element; both may hold of it
        goals = [Goal(goal.side, expr.condition, answer, goal.at, inside)]
        if expr.where is not None:
            goals.insert(0, Goal(goal.side, expr.where, True, goal.at, inside))
        yield Way(0, draft, tuple(goals))

    def _elements(self, goal: Goal, expr: ir.CountElements, value: Any, draft: Draft) -> Iterator[Way]:
        path = self._list_path(goal, expr.domain)
        if path is None or path in draft.facts or not isinstance(value, int) or not 0 <= value <= MOST:
            return
        if value == 0:
            yield Way(0, draft.with_fact(path, []))
        elif expr.where is not None:
            yield Way(0, draft, tuple(Goal(goal.side, expr.where, True, goal.at,
                                           {**goal.variables, expr.variable: (*path, place)}) for place in range(value)))


def _under(schema: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any] | None:
    for name in path:
        found = schema.get("properties", {}).get(name)
        if found is None:
            return None
        schema = found
    return schema


def _costlier(cost: int, ways: Iterator[Way]) -> Iterator[Way]:
    return (Way(way.cost + cost, way.draft, way.goals) for way in ways)


def _distance(value: Any, other: Any) -> Any:
    match value, other:
        case date(), date():
            return abs((value - other).days)
        case Period(), Period():
            return abs(value.count - other.count)
        case time(), time():
            return 0
        case (int() | Fraction()), (int() | Fraction()):
            return abs(value - other)
        case _:
            return 0


def _less(value: Any, other: Any, side: Any) -> Any:
    """What, added to `other`, gives the value."""
    if isinstance(value, int) and isinstance(other, Period):
        return value - other.count if other.is_elapsed else earliest_within(value, other, side.calendar)
    if isinstance(value, Period) and isinstance(other, Period):
        return replace(value, count=value.count - other.count)
    if isinstance(value, int) and isinstance(other, int) and not isinstance(other, bool):
        return value - other
    return OPERATORS["-"].compute(value, other, side.calendar)


def _plain(value: Fraction) -> int | Fraction:
    return int(value) if value.denominator == 1 else value


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


