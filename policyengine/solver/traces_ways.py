"""How to bring a condition about: for an expression and a wanted answer, the smallest additions to a draft that may do.

In come goals (an expression of one side, wanted true, false or missing, at the moment or at a row) and a draft; out
come ways: a cost, a changed draft and further goals. A way is a guess that the reference evaluator judges in the end,
so it need not be complete; it is only to be telling. The first way has no cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, time
from fractions import Fraction
from typing import Any

from policyengine.base.calendar import OutOfRange
from policyengine.base.instants import Period, local_date
from policyengine.core import ir, types
from policyengine.core.conditions import earliest_within
from policyengine.core.operators import OPERATORS, ORDERINGS, Overflow
from policyengine.solver.events_draft import ABSENT, Draft, Path, raw
from policyengine.solver.events_times import MINUTE
from policyengine.solver.traces_events import MOST, EventWays
from policyengine.solver.traces_goals import Goal, Open, Way, costlier
from policyengine.solver.traces_ground import candidates, term_of


class Ways(EventWays):
    """The ways of one comparison."""

    def of(self, goal: Goal, draft: Draft) -> Sequence[Way]:
        """The ways to a goal; none where the draft has decided otherwise."""
        expr, want = goal.expr, goal.want
        match expr:
            case ir.Constant():
                return [Way(0, draft)] if want is bool(expr.value) else []
            case ir.Not():
                return [Way(0, draft, (goal.other(expr.part, None if want is None else not want),))]
        key = (self.ground.keys[goal.side].of(expr), goal.at, tuple(goal.variables.items()))
        if key in draft.wants:
            return [Way(0, draft)] if draft.wants[key] is want else []
        draft = draft.wanting(key, want)
        if isinstance(expr, ir.And | ir.Or):
            return list(self._many(goal, expr, draft))
        return list(self._atom(goal, draft))

    def _many(self, goal: Goal, expr: ir.And | ir.Or, draft: Draft) -> Iterator[Way]:
        decides = isinstance(expr, ir.Or)  # the answer that one part gives to the whole
        if goal.want is (not decides):
            yield Way(0, draft, tuple(goal.other(part, not decides) for part in expr.parts))
            return
        for place, part in enumerate(expr.parts):
            rest: tuple[Goal, ...] = ()
            if goal.want is None:
                rest = tuple(goal.other(one, not decides) for one in expr.parts if one is not part)
            yield Way(place, draft, (goal.other(part, goal.want), *rest))

    def _atom(self, goal: Goal, draft: Draft) -> Iterator[Way]:
        expr, want = goal.expr, goal.want
        match expr:
            case ir.Present():
                if want is False:
                    yield from self.clear(goal, expr.operand, draft)
                elif want:
                    yield from self._some_value(goal, expr.operand, draft)
            case ir.Occurs():
                yield from self.occurs(goal, expr, draft)
            case ir.InState():
                yield from self.in_state(goal, expr, draft)
            case ir.Quantified():
                yield from self._quantified(goal, expr, draft)
            case ir.Apply():
                yield from self._comparison(goal, expr, draft)
            case _:
                yield from (self.clear(goal, expr, draft) if want is None else self.set(goal, expr, want, draft))

    def _some_value(self, goal: Goal, expr: ir.Expr, draft: Draft) -> Iterator[Way]:
        if not isinstance(self.peek(goal, expr, draft), Open):
            if self.peek(goal, expr, draft) is not None:
                yield Way(0, draft)
            return
        values = candidates(self.ground, expr)
        default = self.default(goal, expr, draft)
        for cost, value in enumerate([*values[:4], *([] if default is None else [default])]):
            yield from costlier(cost, self.set(goal, expr, value, draft))

    def _comparison(self, goal: Goal, expr: ir.Apply, draft: Draft) -> Iterator[Way]:
        left, right = expr.arguments
        if goal.want is None:
            yield from self.clear(goal, left, draft)
            yield from costlier(1, self.clear(goal, right, draft))
            return
        a, b = self.peek(goal, left, draft), self.peek(goal, right, draft)
        if a is None or b is None:
            return
        if not isinstance(a, Open) and not isinstance(b, Open):
            if self._holds(goal, expr.operator, a, b) is goal.want:
                yield Way(0, draft)
            elif isinstance(a, tuple):
                yield from self._lengthened(goal, expr, left, a, b, draft)
            elif isinstance(left, ir.Get) and left.path == ("time",):
                yield from self._solved(goal, expr, left, b, draft, left_side=True)
            return
        if isinstance(b, Open) and isinstance(a, Open):
            # One of the two first gets some value, and the other is compared with it.
            for cost, value in enumerate(self.starting_values(goal, right, draft)):
                for way in self.set(goal, right, value, draft):
                    yield from (Way(cost + way.cost + more.cost, more.draft, (*way.goals, *more.goals))
                                 for more in self._solved(goal, expr, left, value, way.draft, left_side=True))
            return
        if isinstance(a, Open):
            yield from self._solved(goal, expr, left, b, draft, left_side=True)
        else:
            yield from self._solved(goal, expr, right, a, draft, left_side=False)

    def _solved(self, goal: Goal, expr: ir.Apply, term: ir.Expr, other: Any, draft: Draft, *, left_side: bool,
                ) -> Iterator[Way]:
        """Ways to give an undecided term a value that makes the comparison come out as wanted."""
        for cost, value in enumerate(self._fitting(goal, expr, term, other, left_side)):
            yield from costlier(cost, self.set(goal, term, value, draft))

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
        if isinstance(term, ir.CountEvents | ir.EpisodeDuration):
            fitting.sort(key=_amount)  # the fewest events first
        elif operator in ORDERINGS and not isinstance(other, str | bool):
            fitting.sort(key=lambda one: _distance(one, other))
        yield from fitting[:8]

    def _lists(self, goal: Goal, operator: str, term: ir.Expr, other: Any) -> Iterator[Any]:
        """Lists that hold what is asked for, and lists that lack one thing of it."""
        named = [one for one in self.ground.constants.get(term_of(term), ()) if not isinstance(one, tuple)]
        asked = list(other) if isinstance(other, tuple) else [other]
        seen: dict[tuple[Any, ...], None] = {}
        alone, others = ([item] for item in asked), ([one for one in named if one != item] for item in asked)
        for one in ([], asked, named, *alone, *others):
            seen.setdefault(tuple(dict.fromkeys(one)))
        fitting = [one for one in seen if self._holds(goal, operator, one, other) is goal.want]
        lacking = len(asked) - 1
        yield from sorted(fitting, key=lambda one: (not one if goal.want else len(one) < lacking, len(one)))

    def _lengthened(self, goal: Goal, expr: ir.Apply, term: ir.Expr, held: tuple[Any, ...], other: Any, draft: Draft,
                    ) -> Iterator[Way]:
        """A list that was decided on, with what it lacks besides."""
        more = tuple(dict.fromkeys((*held, *(other if isinstance(other, tuple) else (other,)))))
        if self._holds(goal, expr.operator, more, other) is not goal.want:
            return
        if isinstance(term, ir.Fact):
            yield Way(1, draft.with_fact(term.path, raw(more, self.ground.zone)))
        elif isinstance(term, ir.Get) and term.owner in (ir.TRIGGER, ir.CANDIDATE):
            row = self.row(goal, term)
            if row >= 0:
                yield Way(1, draft.with_field(row, ".".join(term.path), raw(more, self.ground.zone)))

    def _holds(self, goal: Goal, operator: str, left: Any, right: Any) -> bool | None:
        try:
            answer: bool | None = OPERATORS[operator].compute(left, right, self.ground.sides[goal.side].calendar)
        except (TypeError, Overflow, OutOfRange):
            return None
        return answer

    def set(self, goal: Goal, expr: ir.Expr, value: Any, draft: Draft) -> Iterator[Way]:
        """Ways to give a term a typed value."""
        zone = self.ground.zone
        known = self.peek(goal, expr, draft)
        if not isinstance(known, Open) and not (isinstance(expr, ir.Get) and expr.path == ("time",)):
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
                row = self.row(goal, expr)
                if row >= 0:
                    yield Way(0, draft.with_field(row, ".".join(expr.path), raw(value, zone)))
            case ir.StateValue():
                yield from self.state_value(goal, expr, value, draft)
            case ir.Latest():
                if goal.at < 0:
                    for way in self.candidate(goal, expr.pattern, draft.now - 30 * MINUTE, True, draft):
                        yield Way(way.cost, way.draft.with_field(len(way.draft.rows) - 1, ".".join(expr.path),
                                                                 raw(value, zone)), way.goals)
            case ir.CompletedYears():
                today = local_date(self.instant(goal, draft), zone)
                if isinstance(value, int) and 0 <= value < min(today.year, 150):
                    yield from self.set(goal, expr.birth, _years_before(today, value), draft)
            case ir.CountEvents():
                yield from self.count(goal, expr, value, draft)
            case ir.SumEvents():
                yield from self.sum(goal, expr, value, draft)
            case ir.EpisodeDuration():
                yield from self.duration(goal, expr, value, draft)
            case ir.CountElements():
                yield from self._elements(goal, expr, value, draft)
            case ir.Apply():
                yield from self._computed(goal, expr, value, draft)
            case _:
                return

    def clear(self, goal: Goal, expr: ir.Expr, draft: Draft) -> Iterator[Way]:
        """Ways to leave a term without a value."""
        known = self.peek(goal, expr, draft)
        if known is None:
            yield Way(0, draft)
        if not isinstance(known, Open):
            return
        match expr:
            case ir.Fact(default=None):
                yield Way(0, draft.with_fact(expr.path, ABSENT))
            case ir.Get(default=None) if expr.owner in goal.variables:
                yield Way(0, draft.with_fact((*goal.variables[expr.owner], *expr.path), ABSENT))
            case ir.Get(default=None) if expr.owner == ir.CANDIDATE or draft.trigger:
                row = self.row(goal, expr)
                if row >= 0:
                    yield Way(0, draft.with_field(row, ".".join(expr.path), ABSENT))
            case ir.StateValue() | ir.Latest():
                key = (self.ground.keys[goal.side].of(expr), goal.at)
                yield Way(0, replace(draft, values={**draft.values, key: None}))
            case ir.CompletedYears():
                yield from self.clear(goal, expr.birth, draft)
            case ir.SumEvents():
                for way in self.candidate(goal, expr.pattern, draft.now - MINUTE, True, draft):
                    yield Way(way.cost, way.draft.with_field(len(way.draft.rows) - 1, ".".join(expr.path), ABSENT),
                              way.goals)
            case ir.Apply():
                for cost, one in enumerate(expr.arguments):
                    yield from costlier(cost, self.clear(goal, one, draft))
            case _:
                return

    def _computed(self, goal: Goal, expr: ir.Apply, value: Any, draft: Draft) -> Iterator[Way]:
        """One operand gets the value that makes a sum, difference, product or quotient come out."""
        left, right = expr.arguments
        a, b = self.peek(goal, left, draft), self.peek(goal, right, draft)
        if isinstance(a, Open) and isinstance(b, Open):
            for start in self.starting_values(goal, right, draft)[:1]:
                for way in self.set(goal, right, 100 if expr.operator == "/" else start, draft):
                    for more in self._computed(goal, expr, value, way.draft):
                        yield Way(way.cost + more.cost, more.draft, (*way.goals, *more.goals))
            return
        movable_left = isinstance(a, Open) or (isinstance(left, ir.Get) and left.owner == ir.CANDIDATE
                                                and left.path == ("time",))
        side = self.ground.sides[goal.side]
        try:
            match expr.operator:
                case "+" if movable_left:
                    yield from self.set(goal, left, _less(value, b, side), draft)
                case "+":
                    yield from self.set(goal, right, _less(value, a, side), draft)
                case "-" | "instant -" if movable_left:
                    yield from self.set(goal, left, OPERATORS["+"].compute(b, value, side.calendar), draft)
                case "-":
                    yield from self.set(goal, right, _less(a, value, side), draft)
                case "instant -":
                    yield from self.set(goal, right, a - value.count, draft)
                case "*":
                    known, term = (b, left) if movable_left else (a, right)
                    if known:
                        yield from self.set(goal, term, _plain(Fraction(value) / Fraction(known)), draft)
                case "/" if movable_left:
                    yield from self.set(goal, left, _plain(Fraction(value) * Fraction(b)), draft)
        except (TypeError, OutOfRange, Overflow, AttributeError):
            return

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
        inside = {**goal.variables, expr.variable: (*path, 0)}
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
            each = ({**goal.variables, expr.variable: (*path, place)} for place in range(value))
            yield Way(0, draft, tuple(Goal(goal.side, expr.where, True, goal.at, inside) for inside in each))


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

def _amount(value: Any) -> int:
    return value.count if isinstance(value, Period) else int(value)

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
