"""What cannot be, proven over an abstraction of the trace: pairs of verdicts that no case has.

In comes a ground; out come the pairs of verdicts that are shut out, and what bounds the proof. Every question about the
trace becomes a variable with the answers true, false and missing; equal questions share one, and questions that differ
only in a period, in what they count or in what starts and ends a state are tied by what follows from that. What is
impossible there is impossible for every trace; what is possible there need not be.

A moment is looked at with all answers in. A case that is fine under one version and violated under the other stays so
when nothing more happens, so that nothing is lost by it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, time
from fractions import Fraction
from typing import Any

import z3

from policyengine.base.calendar import OutOfRange
from policyengine.base.instants import Period
from policyengine.core import ir, types
from policyengine.core.operators import ORDERINGS
from policyengine.core.standing import typed
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.solver.events_times import CALENDAR_NOTE, order_of
from policyengine.solver.model import Options
from policyengine.solver.traces_ground import Ground, Which, waits
from policyengine.solver.traces_judged import Pair as Verdicts
from policyengine.solver.values import NEVER, NO, YES, Pair, all_of, any_of, conj, disj, neg, negation, where

BOTH: tuple[Which, Which] = (0, 1)


@dataclass(frozen=True, slots=True)
class Shut:
    """Pairs of verdicts that no case has. `note` says what bounds that, empty for nothing; `cut_off`: the solver was
    stopped at some pair, which is then not among them."""

    pairs: frozenset[Verdicts]
    note: str = ""
    cut_off: bool = False


@dataclass(slots=True)
class Notes:
    """What a proof rested on."""

    table: bool = False


def shut_out(ground: Ground, options: Options) -> Shut:
    """The pairs that are impossible."""
    if _marks_apart(ground):
        return Shut(frozenset(pair for pair in _pairs() for side in BOTH
                              if pair[side] == "pending" and not waits(ground.sides[side])))
    notes = Notes()
    solver = z3.SimpleSolver()
    solver.set("rlimit", options.effort)
    solver.set("timeout", max(1, int(options.seconds * 1000)))
    scene = Scene(ground, notes)
    olds, news = (_verdicts(scene, side) for side in BOTH)
    solver.add(*scene.ties())
    shut: set[Verdicts] = set()
    cut_off = False
    for old, new in _pairs():
        if olds[old] is NO or news[new] is NO:
            shut.add((old, new))
            continue
        answer = solver.check(olds[old], news[new])
        if answer == z3.unsat:
            shut.add((old, new))
        cut_off |= answer == z3.unknown
    return Shut(frozenset(shut), CALENDAR_NOTE if notes.table else "", cut_off)


def _pairs() -> Iterable[Verdicts]:
    return ((old, new) for old in VERDICTS for new in VERDICTS)


def _marks_apart(ground: Ground) -> bool:
    """Whether both have marks, of different runs: two marks of one instant then need not see the same trace."""
    runs = []
    for side in BOTH:
        trigger = ground.sides[side].rule.trigger
        if isinstance(trigger, ir.OnEvery | ir.OnWithout):
            runs.append(ground.keys[side].run(trigger.run))
    return len(runs) == 2 and runs[0] != runs[1]


def _verdicts(scene: Scene, side: Which) -> dict[Verdict, Any]:
    """Where each verdict comes out, in the order of `core.evaluate.verdict_at`; pending wherever a duty may wait."""
    whole = scene.ground.sides[side]
    rule = whole.rule
    scope = whole.policy.scope_of(rule)
    fired = scene.trigger(side)
    when = all_of([fired, *(scene.condition(side, one) for one in ([] if scope is None else [scope])),
                   *(scene.condition(side, one) for one in rule.when)])
    unless = [scene.condition(side, one.condition) for one in rule.unless]
    must = all_of([scene.condition(side, one.condition) for one in rule.must])
    exempt = conj((neg(when.false), disj(one.true for one in unless)))
    asked = conj((when.true, neg(disj(one.true for one in unless))))
    excused = disj(one.missing for one in unless)
    violated = conj((asked, must.false, neg(excused)))
    satisfied = conj((asked, must.true))
    return {"not_applicable": when.false, "exempt": exempt, "satisfied": satisfied, "violated": violated,
            "undecided": conj((neg(when.false), neg(exempt), neg(satisfied), neg(violated))),
            "pending": asked if waits(whole) else NO}


@dataclass(slots=True)
class Scene:
    """The variables of one moment, or of one candidate of a pattern (`event`)."""

    ground: Ground
    notes: Notes
    event: str = ""
    moment: Any = field(default_factory=lambda: z3.Int("moment"))
    pairs: dict[Hashable, Pair] = field(default_factory=dict)
    terms: dict[Hashable, Any] = field(default_factory=dict)
    presences: dict[Hashable, Any] = field(default_factory=dict)
    codes: dict[Hashable, int] = field(default_factory=dict)
    axioms: list[Any] = field(default_factory=list)
    occurs: list[tuple[Which, ir.Occurs, Pair]] = field(default_factory=list)
    counts: list[tuple[Which, ir.CountEvents, Any, Any]] = field(default_factory=list)
    states: list[tuple[Which, ir.InState, Pair]] = field(default_factory=list)
    marks: list[tuple[Which, ir.OnEvery, Pair]] = field(default_factory=list)
    sums: list[tuple[Which, ir.Apply, Any]] = field(default_factory=list)

    # ---- triggers ------------------------------------------------------------------------------------------------

    def trigger(self, side: Which) -> Pair:
        """Where the moment is one of the rule's and its trigger held."""
        rule = self.ground.sides[side].rule
        trigger = rule.trigger
        match trigger:
            case None:
                return where(YES, self.moment == self.code("no moment"))
            case ir.OnEvent():
                parts = [where(YES, disj(self.moment == self.code(("event", one)) for one in trigger.events))]
                if trigger.where is not None:
                    parts.append(self.condition(side, at_trigger(trigger.where)))
                if trigger.first:
                    key = ("first", frozenset(trigger.events), frozenset(rule.keys),
                           self.ground.keys[side].of(trigger.where) if trigger.where is not None else None)
                    parts.append(self.opaque(key))
                return all_of(parts)
            case ir.OnEvery() | ir.OnWithout():
                seen = "mark", self.ground.keys[side].of(trigger)
                known = seen in self.pairs
                pair = self.opaque(seen)
                if isinstance(trigger, ir.OnEvery) and not known:
                    self.marks.append((side, trigger, pair))
                return all_of([where(YES, self.moment == self.code("mark")), pair])
            case ir.OnStart():
                return self.opaque(("start", self.ground.keys[side].of(trigger)))

    def code(self, what: Hashable) -> int:
        return self.codes.setdefault(what, len(self.codes))

    # ---- conditions ----------------------------------------------------------------------------------------------

    def opaque(self, key: Hashable) -> Pair:
        """A condition of which nothing is known but that it is itself."""
        if key not in self.pairs:
            number = len(self.pairs)
            true, false = z3.Bool(f"{self.event}t{number}"), z3.Bool(f"{self.event}f{number}")
            self.axioms.append(z3.Not(z3.And(true, false)))
            self.pairs[key] = Pair(true, false)
        return self.pairs[key]

    def condition(self, side: Which, expr: ir.Expr) -> Pair:
        match expr:
            case ir.Constant():
                return Pair(YES, NO) if expr.value else NEVER
            case ir.Not():
                return negation(self.condition(side, expr.part))
            case ir.And():
                return all_of([self.condition(side, one) for one in expr.parts])
            case ir.Or():
                return any_of([self.condition(side, one) for one in expr.parts])
            case ir.Present():
                return where(YES, self.there(side, expr.operand))
            case ir.Apply():
                return self.comparison(side, expr)
        key = self.ground.keys[side].of(expr)
        known = key in self.pairs
        pair = self.opaque(key)
        if known:
            return pair
        match expr:
            case ir.Occurs():
                self.occurs.append((side, expr, pair))
            case ir.InState():
                self.states.append((side, expr, pair))
            case ir.Fact() | ir.Get() | ir.StateValue() | ir.Latest():
                self.axioms.append(disj((pair.true, pair.false)) == self.there(side, expr))
        return pair

    def comparison(self, side: Which, expr: ir.Apply) -> Pair:
        left, right = expr.arguments
        operator = expr.operator
        if operator in ORDERINGS:
            found = self.ordering(side, operator, left, right)
        elif operator == "in" and isinstance(right, ir.ListValue):
            found = any_of([one for one in (self.ordering(side, "=", left, item) for item in right.items)
                            if one is not None]) if all(isinstance(item, ir.Constant) for item in right.items) else None
        elif operator in ("contains", "contains all", "contains none of"):
            found = self.contains(side, operator, left, right)
        else:
            found = None
        return self.opaque(self.ground.keys[side].of(expr)) if found is None else found

    def contains(self, side: Which, operator: str, left: ir.Expr, right: ir.Expr) -> Pair | None:
        items = right.items if isinstance(right, ir.ListValue) else (right,)
        if operator != "contains" and not isinstance(right, ir.ListValue):
            return None
        if not all(isinstance(one, ir.Constant) for one in items):
            return None
        base = self.ground.keys[side].of(left)
        held = [self.boolean(("has", base, typed(one.value, one.type)))
                for one in items if isinstance(one, ir.Constant)]
        there = self.there(side, left)
        if operator == "contains none of":
            return where(there, neg(disj(held)))
        return where(there, conj(held))

    def ordering(self, side: Which, operator: str, left: ir.Expr, right: ir.Expr) -> Pair | None:
        first, second = self.term(side, left), self.term(side, right)
        if first is None or second is None:
            return None
        (low, high), (least, most) = first, second
        there = conj((self.there(side, left), self.there(side, right)))
        match operator:
            case "=" | "!=":
                same = conj((low == least, *(() if low is high and least is most else (low == high, least == most))))
                apart = z3.Or(high < least, low > most)
                true, false = (same, apart) if operator == "=" else (apart, same)
            case "<":
                true, false = high < least, low >= most
            case "<=":
                true, false = high <= least, low > most
            case ">":
                true, false = low > most, high <= least
            case _:
                true, false = low >= most, high < least
        return Pair(conj((there, true)), conj((there, false)))

    # ---- terms ---------------------------------------------------------------------------------------------------

    def boolean(self, key: Hashable) -> Any:
        if key not in self.terms:
            self.terms[key] = z3.Bool(f"{self.event}b{len(self.terms)}")
        return self.terms[key]

    def there(self, side: Which, expr: ir.Expr) -> Any:
        """Where a term has a value."""
        match expr:
            case ir.Constant() | ir.Today() | ir.LocalTime() | ir.ListValue():
                return YES
            case ir.Fact() | ir.Get() if expr.default is not None or self.always(expr):
                return YES
            case ir.CompletedYears():
                return self.there(side, expr.birth)
            case ir.Apply(operator="+" | "-" | "*" | "instant -"):
                return conj(self.there(side, one) for one in expr.arguments)
            case ir.CountEvents(range=ir.Before() | ir.Since() | ir.This()):
                return YES
            case ir.CountEvents(range=ir.WithinLast(period=ir.Constant())):
                return YES
            case (ir.Occurs() | ir.InState() | ir.And() | ir.Or() | ir.Not() | ir.Quantified()):
                pair = self.condition(side, expr)
                return disj((pair.true, pair.false))
        key = self.ground.keys[side].of(expr)
        if key not in self.presences:
            self.presences[key] = z3.Bool(f"{self.event}p{len(self.presences)}")
        return self.presences[key]

    def always(self, expr: ir.Fact | ir.Get) -> bool:
        """Whether the vocabularies require a field of the event that is looked at."""
        if not isinstance(expr, ir.Get):
            return False
        if expr.path == ("time",):
            return True
        if len(expr.path) != 1:
            return False
        if expr.owner == ir.CANDIDATE and self.event:
            kinds: list[tuple[str, ...]] = [(self.event,)] * 2
        elif expr.owner == ir.TRIGGER:
            triggers = [side.rule.trigger for side in self.ground.sides]
            if not all(isinstance(one, ir.OnEvent) for one in triggers):
                return False
            kinds = [one.events for one in triggers if isinstance(one, ir.OnEvent)]
        else:
            return False
        return all(name in side.vocabulary.events and expr.path[0] in side.vocabulary.events[name].required
                   for side, names in zip(self.ground.sides, kinds, strict=True) for name in names)

    def term(self, side: Which, expr: ir.Expr) -> tuple[Any, Any] | None:
        """The least and the greatest a value may be, for what has an order; None for what has none here."""
        match expr:
            case ir.Constant():
                value = self.number(typed(expr.value, expr.type))
                return None if value is None else (value, value)
            case ir.Apply(operator="+" | "-" | "instant -"):
                return self.sum(side, expr)
        if not isinstance(expr, _TERMS):
            return None
        kind = getattr(expr, "type", types.Number(integer=True))
        if isinstance(kind, types.Bool | types.ListOf | types.Record | types.Unknown):
            return None
        if isinstance(kind, types.Period) and kind.unit is None:
            return None
        key = self.ground.keys[side].of(expr)
        if isinstance(expr, ir.CountEvents | ir.CountElements):
            if key not in self.terms:
                low, high = (z3.Int(f"{self.event}{name}{len(self.terms)}") for name in ("l", "h"))
                self.axioms += [low >= 0, low <= high]
                self.terms[key] = (low, high)
                if isinstance(expr, ir.CountEvents):
                    self.counts.append((side, expr, low, high))
            found: tuple[Any, Any] = self.terms[key]
            return found
        value = self.variable(key, kind)
        return value, value

    def variable(self, key: Hashable, kind: types.Type) -> Any:
        if key not in self.terms:
            real = isinstance(kind, types.Number) and not kind.integer
            value = self.terms[key] = (z3.Real if real else z3.Int)(f"{self.event}v{len(self.terms)}")
            if isinstance(kind, types.Text) and kind.values is not None:
                self.axioms.append(disj(value == self.code(("text", one)) for one in kind.values))
        return self.terms[key]

    def sum(self, side: Which, expr: ir.Apply) -> tuple[Any, Any] | None:
        """A sum or difference: linear where it is one, else of its own."""
        left, right = expr.arguments
        kinds = [getattr(one, "type", None) for one in expr.arguments]
        exact = any(all(isinstance(one, point) or one == step for one in kinds) for point, step in _LINEAR)
        first, second = self.term(side, left), self.term(side, right)
        if first is None or second is None or first[0] is not first[1] or second[0] is not second[1]:
            return None
        if exact:
            value = first[0] + second[0] if expr.operator == "+" else first[0] - second[0]
            return value, value
        value = self.variable(self.ground.keys[side].of(expr), expr.type)
        self.sums.append((side, expr, value))
        return value, value

    def number(self, value: Any) -> Any:
        """The number a typed value is; None for what is none."""
        match value:
            case bool():
                return None
            case int():
                return z3.IntVal(value)
            case Fraction():
                return z3.RealVal(f"{value.numerator}/{value.denominator}")
            case str():
                return z3.IntVal(self.code(("text", value)))
            case date():
                return z3.IntVal(value.toordinal())
            case time():
                return z3.IntVal(((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond)
            case Period():
                return z3.IntVal(value.count)
            case _:
                return None

    # ---- what follows from what ----------------------------------------------------------------------------------

    def ties(self) -> list[Any]:
        """All that is known of the variables."""
        tied = []
        for side, one, pair in self.occurs:
            for other_side, other, more in self.occurs:
                if pair is not more and self.narrower(side, one.pattern, other_side, other.pattern) and self.inside(
                        side, one.range, other_side, other.range):
                    tied += implied(pair, more)
            for other_side, counted, low, _ in self.counts:
                if self.narrower(side, one.pattern, other_side, counted.pattern) and self.inside(
                        side, one.range, other_side, counted.range):
                    tied.append(z3.Implies(pair.true, low >= 1))
        for side, counted, low, high in self.counts:
            for other_side, more_counted, least, most in self.counts:
                if low is not least and self.narrower(side, counted.pattern, other_side, more_counted.pattern) and (
                        self.inside(side, counted.range, other_side, more_counted.range)):
                    tied += [low <= least, high <= most]
        for side, state, pair in self.states:
            for other_side, other_state, more in self.states:
                if pair is not more and self.shorter(side, state, other_side, other_state):
                    tied += implied(pair, more)
        for side, mark, pair in self.marks:
            for other_side, other_mark, more in self.marks:
                if pair is not more and self.fewer(side, mark, other_side, other_mark):
                    tied += implied(pair, more)
        for side, apply, value in self.sums:
            for other_side, other_apply, more_value in self.sums:
                if value is not more_value and self.sooner(side, apply, other_side, other_apply):
                    tied.append(value <= more_value)
        return [*self.axioms, *tied]

    def narrower(self, side: Which, one: ir.Pattern, other_side: Which, other: ir.Pattern) -> bool:
        """Whether every event that matches the one pattern matches the other."""
        if one.event != other.event or not set(one.keys) >= set(other.keys):
            return False
        if other.where is None:
            return True
        keys = self.ground.keys
        if one.where is not None and keys[side].of(one.where) == keys[other_side].of(other.where):
            return True
        inner = Scene(self.ground, self.notes, one.event)
        first = Pair(YES, NO) if one.where is None else inner.condition(side, one.where)
        second = inner.condition(other_side, other.where)
        solver = z3.Solver()
        solver.set("rlimit", 400_000)
        solver.add(*inner.ties(), disj((conj((first.true, neg(second.true))), conj((second.false, neg(first.false))))))
        return bool(solver.check() == z3.unsat)

    def inside(self, side: Which, one: ir.Range, other_side: Which, other: ir.Range) -> bool:
        """Whether the one range lies within the other, wherever one stands."""
        keys = self.ground.keys
        if keys[side].of(one) == keys[other_side].of(other):
            return True
        match one, other:
            case ((ir.Within(period=left), ir.Within(period=right) | ir.NoLaterThan(period=right))
                  | (ir.NoLaterThan(period=left), ir.NoLaterThan(period=right))
                  | (ir.WithinLast(period=left), ir.WithinLast(period=right))):
                return self.sooner_ends(side, left, other_side, right)
            case (ir.Before() | ir.Since(), ir.NoLaterThan() | ir.Before()):
                return True
            case (ir.This(unit=unit), ir.This(unit=more)):
                return (unit, more) in (("day", "week"), ("day", "month"), ("day", "year"), ("month", "year"))
            case _:
                return False

    def sooner_ends(self, side: Which, one: ir.Expr, other_side: Which, other: ir.Expr) -> bool:
        """Whether the one period never ends after the other."""
        keys = self.ground.keys
        if keys[side].of(one) == keys[other_side].of(other):
            return True
        if not isinstance(one, ir.Constant) or not isinstance(other, ir.Constant):
            return False
        left, right = typed(one.value, one.type), typed(other.value, other.type)
        if not isinstance(left, Period) or not isinstance(right, Period):
            return False
        calendars = [self.ground.sides[place].calendar for place in (side, other_side)]
        if calendars[0] != calendars[1] and not (left.is_elapsed and right.is_elapsed):
            return False
        try:
            order = order_of(left, right, calendars[0])
        except (OutOfRange, ValueError):
            return False
        if order.always not in ("<=", "="):
            return False
        self.notes.table |= order.by_table
        return True

    def shorter(self, side: Which, one: ir.InState, other_side: Which, other: ir.InState) -> bool:
        """Whether the other state holds wherever the one does."""
        states = [next(state for state in self.ground.sides[place].policy.states if state.name == asked.state)
                  for place, asked in ((side, one), (other_side, other))]
        first, second = states
        if not isinstance(first, ir.BooleanState) or not isinstance(second, ir.BooleanState):
            return False
        keys = self.ground.keys
        asked = [{name: keys[place].of(expr) for name, expr in state.keys}
                 for place, state in ((side, one), (other_side, other))]
        if one.at != other.at or asked[0] != asked[1]:
            return False
        if second.lasting is not None and (first.lasting is None or not self.sooner_ends(
                side, first.lasting, other_side, second.lasting)):
            return False
        return all(any(self.narrower(side, start, other_side, more) for more in second.starts)
                   for start in first.starts) and all(
            any(self.narrower(other_side, end, side, more) for more in first.ends) for end in second.ends)

    def fewer(self, side: Which, one: ir.OnEvery, other_side: Which, other: ir.OnEvery) -> bool:
        """Whether every mark of the one is a mark of the other."""
        keys = self.ground.keys
        if keys[side].run(one.run) != keys[other_side].run(other.run):
            return False
        if not isinstance(one.period, ir.Constant) or not isinstance(other.period, ir.Constant):
            return keys[side].of(one.period) == keys[other_side].of(other.period) and (one.once or not other.once)
        left, right = typed(one.period.value, one.period.type), typed(other.period.value, other.period.type)
        if left == right:
            return (one.once or not other.once) and (
                left.is_elapsed or self.ground.sides[0].calendar == self.ground.sides[1].calendar)
        return (not other.once and left.is_elapsed and right.is_elapsed and right.count > 0
                and left.count % right.count == 0)

    def sooner(self, side: Which, one: ir.Apply, other_side: Which, other: ir.Apply) -> bool:
        """Whether a date or instant moved by the one period never lies after the same moved by the other."""
        if one.operator != "+" or other.operator != "+":
            return False
        keys = self.ground.keys
        if keys[side].of(one.arguments[0]) != keys[other_side].of(other.arguments[0]):
            return False
        periods = [typed(apply.arguments[1].value, apply.arguments[1].type) for apply in (one, other)
                   if isinstance(apply.arguments[1], ir.Constant)]
        if len(periods) != 2 or not all(isinstance(period, Period) for period in periods):
            return False
        return bool(periods[0].unit == periods[1].unit and periods[0].count <= periods[1].count
                    and self.ground.sides[0].calendar == self.ground.sides[1].calendar)


_TERMS = (ir.Fact, ir.Get, ir.Today, ir.LocalTime, ir.CompletedYears, ir.CountEvents, ir.CountElements, ir.SumEvents,
          ir.EpisodeDuration, ir.Latest, ir.StateValue, ir.Apply)


_LINEAR = ((types.Number, None), (types.Date, types.Period("day")), (types.Instant, types.Period("elapsed")))


def implied(one: Pair, other: Pair) -> list[Any]:
    """Where the one is true, so is the other; where the other is false, so is the one."""
    return [z3.Implies(one.true, other.true), z3.Implies(other.false, one.false)]


def at_trigger(expr: Any) -> Any:
    """A condition on the trigger's own event, as one about the trigger."""
    match expr:
        case ir.Get(owner=ir.CANDIDATE):
            return replace(expr, owner=ir.TRIGGER)
        case ir.InState(at=ir.CANDIDATE) | ir.StateValue(at=ir.CANDIDATE):
            return replace(expr, at=ir.TRIGGER, keys=tuple((name, at_trigger(one)) for name, one in expr.keys))
        case ir.Not():
            return replace(expr, part=at_trigger(expr.part))
        case ir.And() | ir.Or():
            return replace(expr, parts=tuple(at_trigger(one) for one in expr.parts))
        case ir.Apply():
            return replace(expr, arguments=tuple(at_trigger(one) for one in expr.arguments))
        case ir.Present():
            return replace(expr, operand=at_trigger(expr.operand))
        case ir.CompletedYears():
            return replace(expr, birth=at_trigger(expr.birth))
        case ir.ListValue():
            return replace(expr, items=tuple(at_trigger(one) for one in expr.items))
        case _:
            return expr
