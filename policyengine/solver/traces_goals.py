"""Goals and ways to them, and what a draft has decided already.

In come an expression of one side and a draft; out comes its value as far as the draft has one. How a condition is
brought about is for `traces_ways` and `traces_events`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from policyengine.base.calendar import OutOfRange, completed_years
from policyengine.base.instants import Period, local_date, local_time
from policyengine.core import ir, types
from policyengine.core.operators import OPERATORS, ORDERINGS, Overflow
from policyengine.core.standing import typed
from policyengine.solver.events_draft import ABSENT, Draft, Path, default_of, raw
from policyengine.solver.events_times import HOUR
from policyengine.solver.traces_ground import Ground, Which, candidates


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
        """Whether to see first what others put there: where little or nothing is to be found in the trace, or where any
        value will do."""
        match self.expr:
            case ir.Present():
                return self.want is True
            case ir.Occurs() | ir.InState():
                return self.want is False
            case ir.Apply(operator=operator, arguments=(left, right)) if operator in ORDERINGS:
                few = (operator in ("<", "<=")) == (self.want is True)
                return few if isinstance(left, _MEASURES) else not few if isinstance(right, _MEASURES) else False
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Way:
    """A draft changed for a goal, with the goals that it leaves and what it costs."""

    cost: int
    draft: Draft
    goals: tuple[Goal, ...] = ()


_MEASURES = (ir.CountEvents, ir.SumEvents, ir.EpisodeDuration)


class Open:
    """A value nothing has been decided about."""


OPEN = Open()


class Reading(ABC):
    """What a draft has decided, read by the expressions of both sides."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    @abstractmethod
    def set(self, goal: Goal, expr: ir.Expr, value: Any, draft: Draft) -> Iterator[Way]:
        """Ways to give a term a typed value."""

    @abstractmethod
    def clear(self, goal: Goal, expr: ir.Expr, draft: Draft) -> Iterator[Way]:
        """Ways to leave a term without a value."""

    def row(self, goal: Goal, expr: ir.Get) -> int:
        return goal.at if expr.owner == ir.CANDIDATE else 0

    def peek(self, goal: Goal, expr: ir.Expr, draft: Draft) -> Any:
        """The typed value of a term as far as it is decided: None where it is decided to be missing."""
        calendar = self.ground.sides[goal.side].calendar
        match expr:
            case ir.Constant():
                return typed(expr.value, expr.type)
            case ir.ListValue():
                items = [self.peek(goal, one, draft) for one in expr.items]
                return OPEN if any(isinstance(one, Open) for one in items) else tuple(items)
            case ir.Fact():
                return self._decided(draft.facts.get(expr.path, OPEN), expr)
            case ir.Get() if expr.owner in goal.variables:
                return self._decided(draft.facts.get((*goal.variables[expr.owner], *expr.path), OPEN), expr)
            case ir.Get(path=("time",)):
                row = self.row(goal, expr)
                return draft.rows[row].time if expr.owner == ir.CANDIDATE and row >= 0 else draft.now
            case ir.Get() if expr.owner == ir.TRIGGER and not draft.trigger:
                return draft.keys.get(expr.path[0], OPEN)
            case ir.Get():
                row = self.row(goal, expr)
                return self._decided(draft.rows[row].fields.get(".".join(expr.path), OPEN), expr) if row >= 0 else OPEN
            case ir.Today():
                return local_date(self.instant(goal, draft), calendar.zone)
            case ir.LocalTime():
                return local_time(self.instant(goal, draft), calendar.zone)
            case ir.CompletedYears():
                birth = self.peek(goal, expr.birth, draft)
                return completed_years(birth, local_date(self.instant(goal, draft), calendar.zone)) if isinstance(
                    birth, date) else birth
            case ir.Apply(operator=operator) if operator not in ORDERINGS:
                parts = [self.peek(goal, one, draft) for one in expr.arguments]
                if any(isinstance(one, Open) for one in parts):
                    return OPEN
                try:
                    left, right = parts
                    return None if None in parts else OPERATORS[operator].compute(left, right, calendar)
                except (TypeError, Overflow, OutOfRange):
                    return OPEN
            case ir.StateValue():
                return draft.values.get((self.ground.keys[goal.side].of(expr), goal.at), OPEN)
            case _:
                return OPEN

    def _decided(self, value: Any, expr: ir.Fact | ir.Get) -> Any:
        if isinstance(value, Open):
            return OPEN
        if value is ABSENT:
            return None if expr.default is None else typed(expr.default, expr.type)
        return typed(value, expr.type)

    def instant(self, goal: Goal, draft: Draft) -> int:
        return draft.rows[goal.at].time if goal.at >= 0 else draft.now

    def default(self, goal: Goal, expr: ir.Expr, draft: Draft) -> Any:
        """Some typed value for a fact or field, by its schema; None where there is none to be had."""
        schema: Mapping[str, Any] | None = None
        zone = self.ground.zone
        name = ""
        match expr:
            case ir.Fact():
                schema, name = under(self.ground.sides[goal.side].vocabulary.schema, expr.path), expr.path[-1]
            case ir.Get() if expr.owner in (ir.TRIGGER, ir.CANDIDATE) and self.row(goal, expr) < len(draft.rows):
                row = self.row(goal, expr)
                if row >= 0:
                    declared = self.ground.sides[goal.side].vocabulary.events[draft.rows[row].type].schema
                    schema, name = under(declared, expr.path), expr.path[-1]
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

    def starting_values(self, goal: Goal, expr: ir.Expr, draft: Draft) -> list[Any]:
        default = self.default(goal, expr, draft)
        return [*([] if default is None else [default]), *candidates(self.ground, expr)][:3]

    def key(self, name: str, draft: Draft) -> tuple[Any, Draft]:
        """The value of a key of the moment, decided on now if it was open."""
        if name in draft.keys:
            return draft.keys[name], draft
        if not draft.trigger:
            return f"{name}-1", replace(draft, keys={**draft.keys, name: f"{name}-1"})
        held = draft.rows[0].fields.get(name, OPEN)
        if not isinstance(held, Open):
            return (None if held is ABSENT else held), draft
        declared = self.ground.sides[1].vocabulary.events.get(draft.rows[0].type)
        schema = (declared.schema.get("properties", {}) if declared else {}).get(name)
        if schema is None:
            return None, draft
        value = default_of(schema, name, draft.now, self.ground.zone)
        return value, draft.with_field(0, name, value)

    def asked(self, goal: Goal, keys: Sequence[tuple[str, ir.Expr]], draft: Draft) -> tuple[dict[str, Any], Draft]:
        """The raw key values a state is asked with, decided on now where they were open."""
        asked: dict[str, Any] = {}
        for name, expr in keys:
            value = self.peek(goal, expr, draft)
            if isinstance(value, Open):
                if isinstance(expr, ir.Get) and expr.owner == ir.TRIGGER and len(expr.path) == 1:
                    value, draft = self.key(expr.path[0], draft)
                else:
                    value = self.default(goal, expr, draft)
                    way = next(self.set(goal, expr, value, draft), None)
                    draft = way.draft if way is not None else draft
            asked[name] = None if value is None else raw(value, self.ground.zone)
        return asked, draft


def under(schema: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any] | None:
    for name in path:
        found = schema.get("properties", {}).get(name)
        if found is None:
            return None
        schema = found
    return schema

def costlier(cost: int, ways: Iterator[Way]) -> Iterator[Way]:
    return (Way(way.cost + cost, way.draft, way.goals) for way in ways)
