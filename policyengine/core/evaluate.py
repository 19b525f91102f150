"""The meaning: one policy, one case, an instant of judgement -> a judgement for every rule and moment.

Plain and complete rather than fast; every other engine is tested against it. Section 5 of docs/language.md is the text,
this is the same in Python. It reads no files and no clock; events after the instant of judgement are not read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any, assert_never

from policyengine.base.calendar import Calendar, OutOfRange, add_to_date, closes, completed_years, start_of
from policyengine.base.instants import Period, local_date, local_time, parse_instant, parse_period, start_of_day
from policyengine.base.record import record
from policyengine.base.source import Span
from policyengine.core import ir, types
from policyengine.core.case import Case, Event, Sources
from policyengine.core.operators import OPERATORS, ORDERINGS, bounded
from policyengine.core.truth import FALSE, SETTLED, TRUE, Truth, all_of, any_of, negation
from policyengine.core.verdict import (
    DividedByZero,
    EventAbsent,
    EventSeen,
    Evidence,
    FactRead,
    FieldRead,
    Incomplete,
    Judgement,
    Missing,
    MissingFact,
    MissingField,
    MissingState,
    Moment,
    NotEmitted,
    ParameterUsed,
    PartDecided,
    Setting,
    Value3,
    ValueComputed,
)

Path = tuple[str | int, ...]
Keys = Mapping[str, Any]


# ---- judging ----------------------------------------------------------------------------------------------------

def judge(policy: ir.Policy, case: Case, setting: Setting, calendar: Calendar, *, sources: Sources | None = None,
          rules: Iterable[str] | None = None, start: int | None = None,
          end: int | None = None) -> tuple[Judgement, ...]:
    """Every rule (or those named) about the service and about each moment from `start` up to, not including, `end`.

    Rules in policy order, moments in the order of the trace. Instants are UTC microseconds. `sources` is what the
    project says its sources emit; None: history is assumed complete. Raises `operators.Overflow` for a number past
    18 digits, which is an error of the case or the policy, never a verdict.
    """
    world = _World.of(policy, case, setting, calendar, sources)
    wanted = None if rules is None else set(rules)
    return tuple(judgement for rule in policy.rules if wanted is None or rule.name in wanted
                 for judgement in _judge_rule(rule, world, start, end))


def _judge_rule(rule: ir.Rule, world: _World, start: int | None, end: int | None) -> Iterator[Judgement]:
    if rule.trigger is None:
        here = _Here(world.as_of, world.as_of, len(world.events), {}, None)
        yield _verdict(rule, None, TRUE, here, world)
        return
    silent = tuple(NotEmitted(event) for event in _trigger_events(rule.trigger, world.policy)
                   if world.sources is not None and event not in world.sources.complete)
    if silent:
        scope = world.policy.scope_of(rule)
        here = _Here(world.as_of, world.as_of, len(world.events), {}, None)
        if scope is not None and _condition(scope, here, world).value is False:
            yield Judgement(rule.name, "not_applicable", None)
        else:
            yield Judgement(rule.name, "undecided", None, missing=silent)
        if not isinstance(rule.trigger, ir.OnEvent):
            return  # its runs are not those that were
    unknown = _unknown_lengths(rule.trigger, world)
    if unknown:
        yield Judgement(rule.name, "undecided", None, missing=unknown)
        return
    for here, moment, triggered in _moments(rule, world):
        if (start is None or moment.time >= start) and (end is None or moment.time < end):
            yield _verdict(rule, moment, triggered, here, world)


def _verdict(rule: ir.Rule, moment: Moment | None, triggered: Truth, here: _Here, world: _World) -> Judgement:
    """The order of the verdicts: not applicable, exempt, undecided, then by what must hold."""
    scope = world.policy.scope_of(rule)
    if triggered.value is False:
        # Most moments of a trace are of no concern to most rules, and need no further question.
        return Judgement(rule.name, "not_applicable", moment, tie=triggered.tie)
    applies = TRUE if scope is None else _condition(scope, here, world)
    asked = [triggered, *(_condition(one, here, world) for one in rule.when)]
    when = all_of([applies, *asked])
    if when.value is False:
        return Judgement(rule.name, "not_applicable", moment, tie=when.tie)
    unless = [_condition(one.condition, here, world) for one in rule.unless]
    for place, exception in enumerate(unless):
        if exception.value:
            return Judgement(rule.name, "exempt", moment, None, exception.evidence, (), place, exception.tie)
    if when.value is None:
        return Judgement(rule.name, "undecided", moment, None, when.evidence, when.missing, tie=when.tie)
    must = all_of([_condition(one.condition, here, world) for one in rule.must])
    # Beside what decided `must`, why the duty was there at all: the category that was flagged, the age that was known.
    must = replace(must, evidence=(*must.evidence, *all_of(asked).evidence))
    if must.settles > world.as_of:
        return Judgement(rule.name, "pending", moment, must.settles, must.evidence, must.missing, tie=must.tie)
    if must.value is None:
        return Judgement(rule.name, "undecided", moment, None, must.evidence, must.missing, tie=must.tie)
    if must.value:
        return Judgement(rule.name, "satisfied", moment, None, must.evidence, (), tie=must.tie)
    excused = [one for one in unless if one.value is None]
    if excused:
        maybe = any_of(excused)
        return Judgement(rule.name, "undecided", moment, None, (*must.evidence, *maybe.evidence), maybe.missing,
                         tie=must.tie or maybe.tie)
    return Judgement(rule.name, "violated", moment, None, must.evidence, (), tie=must.tie)


# ---- where one stands -------------------------------------------------------------------------------------------

@record
class _Here:
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

    def looking_at(self, candidate: Event, position: int) -> _Here:
        """The same place, with a candidate in view."""
        return _Here(self.time, self.known, self.position, self.keys, self.event, candidate, position, self.variables)

    def key(self, name: str) -> Any:
        """The value of a key of the moment: one of its rule's keys, or another field of its trigger."""
        if name in self.keys:
            return self.keys[name]
        return None if self.event is None else self.event.fields.get(name)


@record
class _Run:
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


@record
class _World:
    """All that does not change from moment to moment; the caches are filled as asked."""

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
    by_key: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], list[int]]] = field(default_factory=dict)
    runs: dict[str, tuple[_Run, ...]] = field(default_factory=dict)

    @staticmethod
    def of(policy: ir.Policy, case: Case, setting: Setting, calendar: Calendar, sources: Sources | None) -> _World:
        events = tuple(event for event in case.events if event.time <= setting.as_of)
        parameters = {param.name: (setting.parameters.get(param.name, param.value), param.type)
                      for param in policy.params}
        return _World(policy, case.facts, events, [event.time for event in events], setting.as_of, parameters, calendar,
                      sources, {state.name: state for state in policy.states},
                      {episode.name: episode for episode in policy.episodes})

    def positions(self, event: str, keys: tuple[str, ...], values: tuple[Any, ...]) -> Sequence[int]:
        """The places, in order, of the events of one type whose keys have these values."""
        index = self.by_key.get((event, keys))
        if index is None:
            index = self.by_key[event, keys] = {}
            for position, one in enumerate(self.events):
                if one.type == event:
                    index.setdefault(tuple(one.fields.get(key) for key in keys), []).append(position)
        return index.get(values, ())

    def gap_in_history(self, event: str, reach: int | None) -> tuple[Missing, ...]:
        """Why the sources do not show every event of the type from `reach` on (None: from the beginning)."""
        if self.sources is None:
            return ()
        if event not in self.sources.complete:
            return (NotEmitted(event),)
        since = self.sources.complete[event]
        return () if since is None or (reach is not None and reach >= since) else (Incomplete(event, since),)


# ---- values -----------------------------------------------------------------------------------------------------

@record
class _Bounds:
    """A number that is known only between two ends; None is open. Comes of counts, and of sums made of counts."""

    low: Any
    high: Any


@record
class _Value:
    """A typed value, None when missing, with what it was read from."""

    value: Any
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()
    tie: bool = False


def typed(raw: Any, type: types.Type) -> Any:
    """A raw value as the language computes with it; the raw value has been checked against the vocabulary."""
    match type:
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
        case types.Bool() | types.Text() | types.Record() | types.Unknown():
            return raw
        case _:
            assert_never(type)


def _value(expr: ir.Expr, here: _Here, world: _World) -> _Value:
    match expr:
        case ir.Constant():
            return _Value(typed(expr.value, expr.type))
        case ir.ListValue():
            items = [_exact(_value(item, here, world)) for item in expr.items]
            lost = _lost(items)
            return lost if lost else _Value(tuple(item.value for item in items), _evidence(items), (), _tie(items))
        case ir.Parameter():
            raw, type = world.parameters[expr.name]
            return _Value(typed(raw, type), (ParameterUsed(expr.name, raw),))
        case ir.Fact():
            raw = _at(world.facts, expr.path)
            raw = expr.default if raw is None else raw
            read = (FactRead(expr.path, raw),)
            return _Value(None, read, (MissingFact(expr.path),)) if raw is None else _Value(typed(raw, expr.type), read)
        case ir.Get():
            return _get(expr, here)
        case ir.Today():
            return _Value(local_date(_instant(here), world.calendar.zone))
        case ir.LocalTime():
            return _Value(local_time(_instant(here), world.calendar.zone))
        case ir.CompletedYears():
            birth = _value(expr.birth, here, world)
            if birth.value is None:
                return birth
            return replace(birth, value=completed_years(birth.value, local_date(_instant(here), world.calendar.zone)))
        case ir.Apply():
            return _apply(expr, [_value(one, here, world) for one in expr.arguments], world.calendar)
        case ir.CountElements():
            return _count_elements(expr, here, world)
        case ir.CountEvents():
            return _count_events(expr, here, world)
        case ir.SumEvents():
            return _sum_events(expr, here, world)
        case ir.EpisodeDuration():
            return _episode_duration(expr, here, world)
        case ir.Latest():
            return _latest(expr, here, world)
        case ir.StateValue():
            return _state_value(expr, here, world)
        case (ir.Not() | ir.And() | ir.Or() | ir.Present() | ir.Quantified() | ir.Occurs() | ir.InState()):
            truth = _condition(expr, here, world)
            return _Value(truth.value, truth.evidence, truth.missing, truth.tie)
        case _:
            assert_never(expr)


def _instant(here: _Here) -> int:
    return here.time if here.candidate is None else here.candidate.time


def _at(raw: Any, path: Iterable[str]) -> Any:
    for name in path:
        if not isinstance(raw, Mapping):
            return None
        raw = raw.get(name)
    return raw


def _get(expr: ir.Get, here: _Here) -> _Value:
    if expr.owner not in (ir.TRIGGER, ir.CANDIDATE):
        element, place = here.variables[expr.owner]
        raw = _at(element, expr.path)
        raw = expr.default if raw is None else raw
        path = (*place, *expr.path)
        if raw is None:
            return _Value(None, (FactRead(path, None),), (MissingFact(path),))
        return _Value(typed(raw, expr.type), (FactRead(path, raw),))
    event = here.candidate if expr.owner == ir.CANDIDATE else here.event
    if expr.path == ("time",):
        return _Value(here.time if event is None else event.time)
    if event is None:
        return _Value(typed(here.keys[expr.path[0]], expr.type))
    raw = _at(event.fields, expr.path)
    raw = expr.default if raw is None else raw
    read = (FieldRead(event, expr.path, raw),)
    return _Value(None, read, (MissingField(event, expr.path),)) if raw is None else _Value(typed(raw, expr.type), read)


def _apply(expr: ir.Apply, operands: Sequence[_Value], calendar: Calendar) -> _Value:
    lost = _lost(operands)
    if lost:
        return lost
    left, right = (operand.value for operand in operands)
    if isinstance(left, _Bounds) or isinstance(right, _Bounds):
        ordering = expr.operator in ORDERINGS
        result = (_between if ordering else _computed_between)(expr.operator, _ends(left), _ends(right))
        if result is None or not ordering:
            return _Value(result, _evidence(operands), _all_missing(operands), _tie(operands))
    else:
        result = OPERATORS[expr.operator].compute(left, right, calendar)
    zero = (DividedByZero(expr.span),) if result is None else ()
    return _Value(result, _evidence(operands), zero, _tie(operands))


def _exact(value: _Value) -> _Value:
    """A number known only between two ends is no item of a list: missing."""
    return replace(value, value=None) if isinstance(value.value, _Bounds) else value


def _lost(operands: Sequence[_Value]) -> _Value | None:
    """The missing value that a strict operation gives when an operand is missing."""
    gone = [operand for operand in operands if operand.value is None]
    return _Value(None, _evidence(gone), _all_missing(gone), _tie(gone)) if gone else None


def _evidence(parts: Iterable[_Value]) -> tuple[Evidence, ...]:
    return tuple(one for part in parts for one in part.evidence)


def _all_missing(parts: Iterable[_Value]) -> tuple[Missing, ...]:
    return tuple(one for part in parts for one in part.missing)


def _tie(parts: Iterable[_Value]) -> bool:
    return any(part.tie for part in parts)


def _ends(value: Any) -> tuple[Any, Any]:
    return (value.low, value.high) if isinstance(value, _Bounds) else (value, value)


def _between(operator: str, left: tuple[Any, Any], right: tuple[Any, Any]) -> bool | None:
    """A comparison of two intervals, when every pair of values in them agrees; None otherwise."""
    def under(a: Any, b: Any) -> bool:  # every a in the first is smaller than every b in the second
        return a is not None and b is not None and a < b

    def at_most(a: Any, b: Any) -> bool:
        return a is not None and b is not None and a <= b

    match operator:
        case "<":
            return True if under(left[1], right[0]) else False if at_most(right[1], left[0]) else None
        case "<=":
            return True if at_most(left[1], right[0]) else False if under(right[1], left[0]) else None
        case ">":
            return _between("<", right, left)
        case ">=":
            return _between("<=", right, left)
        case "=":
            apart = under(left[1], right[0]) or under(right[1], left[0])
            same = None not in (*left, *right) and left[0] == left[1] == right[0] == right[1]
            return False if apart else True if same else None
        case _:
            equal = _between("=", left, right)
            return None if equal is None else not equal


def _computed_between(operator: str, left: tuple[Any, Any], right: tuple[Any, Any]) -> _Bounds | None:
    """Arithmetic on intervals: the ends of the result, or None where nothing is known of it.

    Each operator goes one way in each operand (a quotient where the divisor keeps its sign), so that the ends come of
    the ends. Two counts of the same events are taken as if they had nothing to do with each other, which may leave a
    comparison undecided and never decides it wrongly.
    """
    if operator == "-":
        return _computed_between("+", left, (None if right[1] is None else -right[1],
                                             None if right[0] is None else -right[0]))
    if operator == "+":
        return _Bounds(*(None if a is None or b is None else bounded(a + b)
                         for a, b in zip(left, right, strict=True)))
    open_ended = None in (*left, *right)
    if operator not in ("*", "/") or open_ended or (operator == "/" and right[0] <= 0 <= right[1]):
        return None
    corners = [a * b if operator == "*" else Fraction(a) / Fraction(b) for a in left for b in right]
    return _Bounds(bounded(min(corners)), bounded(max(corners)))


def _count_elements(expr: ir.CountElements, here: _Here, world: _World) -> _Value:
    elements = _elements(expr.variable, expr.domain, here, world)
    if isinstance(elements, _Value):
        return elements
    matches = [TRUE if expr.where is None else _condition(expr.where, one, world) for one in elements]
    return _counted(matches, (), expr.span)


def _counted(matches: Sequence[Truth], gap: tuple[Missing, ...], span: Span) -> _Value:
    """How many of the candidates match: a number, or bounds when some are uncertain or history has a gap."""
    low = sum(1 for match in matches if match.value)
    unsure = [match for match in matches if match.value is None]
    tie = any(match.tie for match in matches)
    if not unsure and not gap:
        return _Value(low, (ValueComputed(span, low),), (), tie)
    high = None if gap else low + len(unsure)
    missing = tuple(dict.fromkeys((*gap, *(one for match in unsure for one in match.missing))))
    return _Value(_Bounds(low, high), (ValueComputed(span, (low, high)),), missing, tie)


def _elements(variable: str, domain: ir.Expr, here: _Here, world: _World) -> list[_Here] | _Value:
    """One place to stand at for each element of a list, or the missing list."""
    read = _raw_list(domain, here, world)
    if isinstance(read, _Value):
        return read
    raw, place = read
    return [replace(here, variables={**here.variables, variable: (element, (*place, index))})
            for index, element in enumerate(raw)]


def _raw_list(domain: ir.Expr, here: _Here, world: _World) -> tuple[Any, Path] | _Value:
    """The raw items of a list and where they stand in the case, so that evidence can name the element."""
    match domain:
        case ir.Fact():
            raw = _at(world.facts, domain.path)
            raw = domain.default if raw is None else raw
            place: Path = domain.path
        case ir.Get() if domain.owner in here.variables:
            element, base = here.variables[domain.owner]
            raw = _at(element, domain.path)
            raw = domain.default if raw is None else raw
            place = (*base, *domain.path)
        case _:
            found = _value(domain, here, world)
            return found if found.value is None else (found.value, ())
    return (raw, place) if raw is not None else _Value(None, (FactRead(place, None),), (MissingFact(place),))


# ---- conditions -------------------------------------------------------------------------------------------------

def _condition(expr: ir.Expr, here: _Here, world: _World) -> Truth:
    match expr:
        case ir.Constant():
            return TRUE if expr.value else FALSE
        case ir.Not():
            return _negated(expr, _condition(expr.part, here, world))
        case ir.And():
            return all_of([_condition(part, here, world) for part in expr.parts])
        case ir.Or():
            return any_of([_condition(part, here, world) for part in expr.parts])
        case ir.Quantified():
            return _quantified(expr, here, world)
        case ir.Present():
            value = _value(expr.operand, here, world)
            return _part(Truth(value.value is not None, SETTLED, value.evidence, (), value.tie), expr.span)
        case ir.Occurs():
            return _part(_occurs(expr, here, world), expr.span)
        case ir.InState():
            return _part(_in_state(expr, here, world), expr.span)
        case (ir.ListValue() | ir.Parameter() | ir.Fact() | ir.Get() | ir.Today() | ir.LocalTime()
              | ir.CompletedYears() | ir.Apply() | ir.CountElements() | ir.CountEvents() | ir.SumEvents()
              | ir.EpisodeDuration() | ir.Latest() | ir.StateValue()):
            value = _value(expr, here, world)
            return _part(Truth(value.value, SETTLED, value.evidence, value.missing, value.tie), expr.span)
        case _:
            assert_never(expr)


def _negated(expr: ir.Not, truth: Truth) -> Truth:
    """`not`. `no EVENT …` and `is missing` are one condition in the text, so their evidence is of the whole."""
    match truth.evidence:
        case (PartDecided(span, answer), *rest) if span == expr.span:
            swapped: Value3 = "false" if answer == "true" else "true" if answer == "false" else "missing"
            return negation(replace(truth, evidence=(PartDecided(span, swapped), *rest)))
        case _:
            return negation(truth)


def _part(truth: Truth, span: Span) -> Truth:
    """The answer of a smallest condition, with the condition itself as the first evidence."""
    answer: Value3 = "missing" if truth.value is None else "true" if truth.value else "false"
    return Truth(truth.value, truth.settles, (PartDecided(span, answer), *truth.evidence), truth.missing, truth.tie)


def _quantified(expr: ir.Quantified, here: _Here, world: _World) -> Truth:
    elements = _elements(expr.variable, expr.domain, here, world)
    if isinstance(elements, _Value):
        return _part(Truth(None, SETTLED, elements.evidence, elements.missing), expr.span)
    answers = []
    for one in elements:
        chosen = TRUE if expr.where is None else _condition(expr.where, one, world)
        answer = _condition(expr.condition, one, world)
        answers.append(any_of((negation(chosen), answer)) if expr.kind == "every" else all_of((chosen, answer)))
    if expr.kind == "every":
        return all_of(answers)
    return any_of(answers) if expr.kind == "some" else negation(any_of(answers))


# ---- candidates and ranges --------------------------------------------------------------------------------------

@record
class _Window:
    """A range as places in the order: [first, last), for candidates of the trigger's own type without its own place
    and, for the past, everything after it. Candidates before `certain` may or may not be inside.

    `start` is the instant the range reaches back to (None: the beginning), `closes` the first instant too late (None:
    a past range, settled at once). `ordered`: the range goes by order, so events of the moment's own instant are ties.
    """

    first: int
    last: int
    start: int | None
    closes: int | None = None
    certain: int = 0
    own_last: int | None = None
    ordered: bool = False
    missing: tuple[Missing, ...] = ()
    evidence: tuple[Evidence, ...] = ()


NO_RANGE = _Window(0, 0, None)


def _window(range: ir.Range, here: _Here, world: _World) -> _Window:
    times = world.times
    now, position = here.time, here.position
    past = bisect_right(times, now)
    match range:
        case ir.Within() | ir.NoLaterThan():
            period = _value(range.period, here, world)
            if period.value is None:
                return replace(NO_RANGE, missing=period.missing)
            end = closes(here.known, period.value, world.calendar)
            first, start = (bisect_left(times, now), now) if isinstance(range, ir.Within) else (0, None)
            return _Window(first, bisect_left(times, end), start, end, evidence=period.evidence)
        case ir.By():
            deadline = _value(range.deadline, here, world)
            if deadline.value is None:
                return replace(NO_RANGE, missing=deadline.missing, evidence=deadline.evidence)
            end = _after(deadline.value, world.calendar)
            return _Window(bisect_left(times, now), bisect_left(times, end), now, max(end, now),
                           evidence=deadline.evidence)
        case ir.Before():
            return _Window(0, position, None, own_last=position, ordered=True)
        case ir.WithinLast():
            period = _value(range.period, here, world)
            if period.value is None:
                return replace(NO_RANGE, missing=period.missing)
            first = bisect_right(times, now, key=lambda x: closes(x, period.value, world.calendar)) if times else 0
            return _Window(first, past, _earliest(now, period.value, world.calendar), own_last=position,
                           evidence=period.evidence)
        case ir.Since():
            return _since(range, here, world)
        case ir.This():
            start = start_of(range.unit, now, world.calendar)
            return _Window(bisect_left(times, start), past, start, own_last=position)
        case ir.During():
            gap = _value(world.episodes[range.episode].gap, here, world)
            if gap.value is None:
                return replace(NO_RANGE, missing=gap.missing)
            run = _run_of(range.episode, here, world)
            if run is None:
                return replace(NO_RANGE, start=now,
                               missing=_gaps(world.episodes[range.episode].events, now - gap.value.count, world))
            doubts = run.doubts(past - 1)
            # Where the run may have begun unseen, all that was before it may be inside.
            unseen = any(isinstance(one, NotEmitted | Incomplete) for one in doubts)
            return _Window(0 if unseen else bisect_left(times, run.start), past, None if unseen else run.start,
                           own_last=position, certain=len(times) if doubts else 0, missing=doubts)
        case _:
            assert_never(range)


def _after(deadline: Any, calendar: Calendar) -> int:
    """The first instant too late for a deadline that is an instant, or a whole local date."""
    if isinstance(deadline, date):
        return start_of_day(add_to_date(deadline, Period(1, "day"), calendar), calendar.zone)
    return int(deadline) + 1


def _earliest(now: int, period: Period, calendar: Calendar) -> int:
    """The first instant within whose `period` the moment lies. Legal periods begin with a local day."""
    if period.unit == "microsecond":
        return now - period.count
    today = local_date(now, calendar.zone).toordinal()
    # Long enough for any period: a working day comes at least every third week, a month has at most 31 days.
    oldest = max(1, today - 31 * period.count - 60)
    days = range(oldest, today + 1)
    place = bisect_right(days, now, key=lambda day: closes(
        start_of_day(date.fromordinal(day), calendar.zone), period, calendar))
    return start_of_day(date.fromordinal(oldest + place), calendar.zone)


def _since(range: ir.Since, here: _Here, world: _World) -> _Window:
    first, unsure, reach = 0, 0, None
    missing: list[Missing] = []
    for position, _, match in _matches(range.pattern, here, world, 0, here.position):
        if match.value:
            first, unsure, missing, reach = position + 1, 0, [], world.times[position]
        elif match.value is None:
            unsure = position + 1
            missing += match.missing
    for gap in world.gap_in_history(range.pattern.event, reach):
        # One that is not seen may stand anywhere up to where the history is complete.
        seen_from = bisect_left(world.times, gap.since) if isinstance(gap, Incomplete) else here.position
        unsure, missing = max(unsure, min(seen_from, here.position)), [*missing, gap]
    return _Window(first, here.position, reach, certain=unsure, own_last=here.position, ordered=True,
                   evidence=(), missing=tuple(missing) if unsure > first else ())


def _matches(pattern: ir.Pattern, here: _Here, world: _World, first: int, last: int,
             values: Mapping[str, Any] | None = None) -> Iterator[tuple[int, Event, Truth]]:
    """The candidates of a pattern from place `first` up to, not including, `last`, whose `where` is not false."""
    asked = tuple(here.key(key) if values is None else values[key] for key in pattern.keys)
    positions = world.positions(pattern.event, pattern.keys, asked)
    for place in range(bisect_left(positions, first), bisect_left(positions, last)):
        position = positions[place]
        event = world.events[position]
        match = TRUE
        if pattern.where is not None:
            match = _condition(pattern.where, here.looking_at(event, position), world)
        if match.value is not False:
            yield position, event, match


def _in_window(pattern: ir.Pattern, window: _Window, here: _Here, world: _World, *, counting: bool = False,
               ) -> list[tuple[int, Event, Truth]]:
    """The candidates in a window. Of the trigger's own type, only those after it (future) or before it (past); a count
    includes the trigger itself."""
    own = here.event is not None and here.event.type == pattern.event
    found = []
    last = window.last
    if own and counting and window.ordered:
        last = max(last, here.position + 1)
    for position, event, match in _matches(pattern, here, world, window.first, last):
        if own:
            if position == here.position and not counting:
                continue
            if window.own_last is not None and position > here.position:
                continue
            if window.own_last is None and position < here.position and window.start == here.time:
                continue
        if position < window.certain:
            match = replace(match, value=None, missing=(*match.missing, *window.missing))
        found.append((position, event, match))
    return found


def _tied(pattern: ir.Pattern, here: _Here, world: _World, values: Mapping[str, Any] | None = None,
          at: ir.Owner = ir.TRIGGER) -> bool:
    """Whether a candidate shares the instant and the sequence of the event that asks, so that only the place of its
    type (or its id) put it before or after."""
    asking = here.candidate if at == ir.CANDIDATE else here.event
    if asking is None:
        return False
    first, last = bisect_left(world.times, asking.time), bisect_right(world.times, asking.time)
    return any(event is not asking and event.sequence == asking.sequence
               for _, event, _ in _matches(pattern, here, world, first, last, values))


def _occurs(expr: ir.Occurs, here: _Here, world: _World) -> Truth:
    window = _window(expr.range, here, world)
    if window.missing and not window.certain:
        unknown = Truth(None, SETTLED, window.evidence, window.missing)
        if isinstance(expr.range, ir.NoLaterThan):
            return any_of((_occurs(replace(expr, range=ir.Before()), here, world), unknown))
        return unknown
    tie = window.ordered and (_tied(expr.pattern, here, world) or (
        isinstance(expr.range, ir.Since) and _tied(expr.range.pattern, here, world)))
    found = _in_window(expr.pattern, window, here, world)
    settled = SETTLED if window.closes is None else window.closes
    certain = [(position, event) for position, event, match in found if match.value]
    if certain:
        # The first match answers; what stood before the moment answered at once.
        _, event = min(certain) if window.closes is not None else max(certain)
        answered = event.time if window.closes is not None and event.time > here.time else SETTLED
        return Truth(True, answered, (EventSeen(event, "match"), *window.evidence), (), tie)
    absent = EventAbsent(expr.pattern.event, window.start, window.closes)
    unsure = [(event, match) for _, event, match in found]
    gap = world.gap_in_history(expr.pattern.event, window.start)
    if unsure or gap:
        missing = tuple(dict.fromkeys((*gap, *(one for _, match in unsure for one in match.missing))))
        seen = tuple(EventSeen(event, "match") for event, _ in unsure)
        return Truth(None, settled, (*seen, absent, *window.evidence), missing, tie)
    return Truth(False, settled, (absent, *window.evidence), (), tie)


def _count_events(expr: ir.CountEvents, here: _Here, world: _World) -> _Value:
    window = _window(expr.range, here, world)
    if window.missing and not window.certain:
        return _Value(None, window.evidence, window.missing)
    found = _in_window(expr.pattern, window, here, world, counting=True)
    counted = _counted([match for _, _, match in found], world.gap_in_history(expr.pattern.event, window.start),
                       expr.span)
    return replace(counted, evidence=(*counted.evidence, *window.evidence,
                                      *(EventSeen(event, "counted") for _, event, _ in found)),
                   tie=window.ordered and _tied(expr.pattern, here, world))


def _sum_events(expr: ir.SumEvents, here: _Here, world: _World) -> _Value:
    window = _window(expr.range, here, world)
    if window.missing and not window.certain:
        return _Value(None, window.evidence, window.missing)
    found = _in_window(expr.pattern, window, here, world, counting=True)
    tie = window.ordered and _tied(expr.pattern, here, world)
    missing = [*world.gap_in_history(expr.pattern.event, window.start)]
    total: Any = 0
    for _, event, match in found:
        missing += match.missing
        raw = _at(event.fields, expr.path)
        raw = expr.default if raw is None else raw
        if raw is None:
            missing.append(MissingField(event, expr.path))
        elif match.value:
            total = OPERATORS["+"].compute(total, typed(raw, expr.type), world.calendar)
    seen = tuple(EventSeen(event, "counted") for _, event, _ in found)
    if missing or any(match.value is None for _, _, match in found):
        return _Value(None, seen, tuple(dict.fromkeys(missing)), tie)
    return _Value(total, (ValueComputed(expr.span, total), *window.evidence, *seen), (), tie)


def _latest(expr: ir.Latest, here: _Here, world: _World) -> _Value:
    tie = _tied(expr.pattern, here, world)
    found = list(_matches(expr.pattern, here, world, 0, here.position))
    if not found:
        gap = world.gap_in_history(expr.pattern.event, None)
        source = f"{expr.pattern.event}.{'.'.join(expr.path)}"
        keys = tuple((key, here.key(key)) for key in expr.pattern.keys)
        return _Value(None, (EventAbsent(expr.pattern.event, None, here.time),),
                      gap or (MissingState(f"latest {source}", keys, (source,)),), tie)
    _, event, match = found[-1]
    gap = world.gap_in_history(expr.pattern.event, event.time)
    if match.value is None or gap:
        return _Value(None, (EventSeen(event, "latest"),), (*match.missing, *gap), tie)
    raw = _at(event.fields, expr.path)
    raw = expr.default if raw is None else raw
    if raw is None:
        return _Value(None, (EventSeen(event, "latest"),), (MissingField(event, expr.path),), tie)
    return _Value(typed(raw, expr.type), (FieldRead(event, expr.path, raw),), (), tie)


# ---- states -----------------------------------------------------------------------------------------------------

def _asked(keys: tuple[tuple[str, ir.Expr], ...], here: _Here, world: _World) -> dict[str, Any] | _Value:
    values = {name: _value(expr, here, world) for name, expr in keys}
    lost = _lost(list(values.values()))
    return lost if lost else {name: one.value for name, one in values.items()}


def _stands(at: ir.Owner, here: _Here) -> tuple[int, int]:
    """The place and instant a state is read at."""
    if at == ir.CANDIDATE and here.candidate is not None:
        return here.candidate_position, here.candidate.time
    return here.position, here.time


def _in_state(expr: ir.InState, here: _Here, world: _World) -> Truth:
    state = world.states[expr.state]
    assert isinstance(state, ir.BooleanState)
    values = _asked(expr.keys, here, world)
    if isinstance(values, _Value):
        return Truth(None, SETTLED, values.evidence, values.missing, values.tie)
    position, now = _stands(expr.at, here)
    lasting = None if state.lasting is None else _value(state.lasting, here, world)
    changes = sorted(((place, event, match, starting)
                      for patterns, starting in ((state.starts, True), (state.ends, False)) for pattern in patterns
                      for place, event, match in _matches(pattern, here, world, 0, position, values)),
                     key=lambda change: (change[0], change[3]))
    # Every start that may be the one in force, None for "not in force"; an uncertain change adds a possibility.
    possible: set[Event | None] = {None}
    missing: list[Missing] = []
    since: int | None = None
    decided: tuple[Evidence, ...] = ()
    for _, event, match, starting in changes:
        after = event if starting else None
        if match.value:
            possible, missing, since = {after}, [], event.time
            decided = (EventSeen(event, "state start" if starting else "state end"),)
        else:
            possible = possible | {after}
            missing += match.missing
            decided = (*decided, EventSeen(event, "state start" if starting else "state end"))
    expired = {one for one in possible if one is not None and lasting is not None and lasting.value is not None
               and now >= closes(one.time, lasting.value, world.calendar)}
    answers = {one is not None and one not in expired for one in possible}
    tie = any(_tied(pattern, here, world, values, expr.at)
              for pattern in (*state.starts, *state.ends))
    if not decided:
        decided = tuple(EventAbsent(pattern.event, None, now) for pattern in state.starts)
    evidence = (*decided, *(lasting.evidence if lasting else ()))
    if len(answers) > 1 or (lasting is not None and lasting.value is None and True in answers):
        return Truth(None, SETTLED, evidence, tuple(dict.fromkeys((*missing, *(lasting.missing if lasting else ())))),
                     tie)
    answer = answers.pop()
    if answer:
        lost = _gaps(state.ends, since, world)
    else:
        # A start that is not seen matters only if it would still hold.
        holds = None if lasting is None or lasting.value is None else _earliest(now, lasting.value, world.calendar)
        lost = _gaps(state.starts, max((one for one in (since, holds) if one is not None), default=None), world)
    if lost:
        return Truth(None, SETTLED, evidence, lost, tie)
    return Truth(answer, SETTLED, evidence, (), tie)


def _state_value(expr: ir.StateValue, here: _Here, world: _World) -> _Value:
    state = world.states[expr.state]
    assert isinstance(state, ir.ValuedState)
    values = _asked(expr.keys, here, world)
    if isinstance(values, _Value):
        return values
    position, _ = _stands(expr.at, here)
    tie = any(_tied(source.pattern, here, world, values, expr.at)
              for tier in state.tiers for source in tier)
    for tier in state.tiers:
        known = sorted(((place, event, match, source) for source in tier
                        for place, event, match in _matches(source.pattern, here, world, 0, position, values)),
                       key=lambda one: one[0], reverse=True)
        for _, event, match, source in known:
            if not _carried(event, source.path) and source.default is None:
                continue
            gap = _gaps((one.pattern for one in tier), event.time, world)
            if match.value is None or gap:
                return _Value(None, (EventSeen(event, "state value"),), (*match.missing, *gap), tie)
            raw = _at(event.fields, source.path)
            raw = source.default if raw is None else raw
            if raw is None:
                break  # an explicit null clears this tier
            return _Value(typed(raw, expr.type), (FieldRead(event, source.path, raw),), (), tie)
        else:
            gap = _gaps((source.pattern for source in tier), None, world)
            if gap:
                return _Value(None, (), gap, tie)
    sources = tuple(f"{source.pattern.event}.{'.'.join(source.path)}" for tier in state.tiers for source in tier)
    return _Value(None, (), (MissingState(expr.state, tuple(values.items()), sources),), tie)


def _gaps(patterns: Iterable[ir.Pattern], reach: int | None, world: _World) -> tuple[Missing, ...]:
    """Why events of these patterns may have happened unseen from `reach` on."""
    return tuple(dict.fromkeys(one for pattern in patterns for one in world.gap_in_history(pattern.event, reach)))


def _carried(event: Event, path: tuple[str, ...]) -> bool:
    """Whether an event says anything about a field, if only that it is null."""
    owner = _at(event.fields, path[:-1])
    return isinstance(owner, Mapping) and path[-1] in owner


# ---- runs of episodes and states --------------------------------------------------------------------------------

def _runs(name: str, world: _World) -> tuple[_Run, ...]:
    """All runs of an episode, or of a boolean state, in the order of their starts."""
    if name not in world.runs:
        runs = _episode_runs(world.episodes[name], world) if name in world.episodes else _state_runs(name, world)
        world.runs[name] = tuple(sorted(runs, key=lambda run: run.positions[0]))
    return world.runs[name]


def _changes(keys: tuple[str, ...], starts: tuple[ir.Pattern, ...], ends: tuple[ir.Pattern, ...], world: _World,
             ) -> Iterator[tuple[tuple[Any, ...], list[tuple[int, Truth, bool]]]]:
    """For each value of the keys: the events that start or continue (True), and those that end (False), in order."""
    nowhere = _Here(world.as_of, world.as_of, len(world.events), {}, None)
    seen: dict[tuple[Any, ...], None] = {}
    for pattern in starts:
        for event in world.events:
            if event.type == pattern.event:
                seen[tuple(event.fields.get(key) for key in keys)] = None
    for values in seen:
        asked = dict(zip(keys, values, strict=True))
        yield values, sorted(((place, match, starting)
                              for patterns, starting in ((starts, True), (ends, False)) for pattern in patterns
                              for place, _, match in _matches(pattern, nowhere, world, 0, len(world.events), asked)),
                             key=lambda change: (change[0], change[2]))


def _episode_runs(episode: ir.Episode, world: _World) -> Iterator[_Run]:
    here = _Here(world.as_of, world.as_of, len(world.events), {}, None)
    gap = _value(episode.gap, here, world).value
    for values, changes in _changes(episode.keys, episode.events, episode.ends, world):
        keys = tuple(zip(episode.keys, values, strict=True))
        places: list[int] = []
        unknown: list[tuple[int, Missing]] = []
        for place, match, going in changes:
            silence = places and world.times[place] - world.times[places[-1]] > gap.count
            if places and (silence or not going):
                closed = None if silence or match.value is None else place
                if silence or match.value:
                    yield _Run(keys, world.times[places[0]], tuple(places), None, closed, tuple(unknown))
                    places, unknown = [], []
            if going and not places:
                # Events that are not seen may have begun the run before, or ended it since.
                unknown = [(place, one) for one in (*_gaps(episode.events, world.times[place] - gap.count, world),
                                                    *_gaps(episode.ends, world.times[place], world))]
            if going and (not places or places[-1] != place):
                places.append(place)
            if match.value is None:
                # Counted as if it belonged, and all that follows from the run is uncertain.
                unknown += ((place, one) for one in match.missing)
        if places:
            yield _Run(keys, world.times[places[0]], tuple(places), None, None, tuple(unknown))


def _state_runs(name: str, world: _World) -> Iterator[_Run]:
    state = world.states[name]
    assert isinstance(state, ir.BooleanState)
    here = _Here(world.as_of, world.as_of, len(world.events), {}, None)
    lasting = _Value(None) if state.lasting is None else _value(state.lasting, here, world)
    for values, changes in _changes(state.keys, state.starts, state.ends, world):
        keys = tuple(zip(state.keys, values, strict=True))
        places: list[int] = []
        unknown: list[tuple[int, Missing]] = []
        expires: int | None = None
        ended: int | None = None
        for place, match, starting in changes:
            now = world.times[place]
            if places and expires is not None and now >= expires:
                yield _Run(keys, world.times[places[0]], tuple(places), expires, None, tuple(unknown))
                places, unknown = [], []
            if match.value is None and (places or starting):
                unknown += ((place, one) for one in match.missing)
            if starting and not places:
                # Events that are not seen may have begun the state before, or ended it since.
                holds = None if lasting.value is None else _earliest(now, lasting.value, world.calendar)
                reach = max((one for one in (ended, holds) if one is not None), default=None)
                unknown += ((place, one) for one in (*_gaps(state.starts, reach, world),
                                                     *_gaps(state.ends, now, world)))
            if not starting and match.value:
                ended = now
            if starting:
                places.append(place)
                unknown += ((place, one) for one in lasting.missing)
                expires = None if lasting.value is None else closes(now, lasting.value, world.calendar)
            elif places and match.value:
                yield _Run(keys, world.times[places[0]], tuple(places), now, place, tuple(unknown))
                places, unknown = [], []
        if places:
            yield _Run(keys, world.times[places[0]], tuple(places), expires, None, tuple(unknown))


def _run_of(episode: str, here: _Here, world: _World) -> _Run | None:
    """The run a moment belongs to, by the events up to its instant: no silence and no end since the run's last."""
    declared = world.episodes[episode]
    gap = _value(declared.gap, here, world).value
    asked = tuple((key, here.key(key)) for key in declared.keys)
    for run in reversed(_runs(episode, world)):
        if run.keys != asked or run.start > here.time:
            continue
        last = max(world.times[place] for place in run.positions if world.times[place] <= here.time)
        ended = run.closed is not None and run.closed < here.position
        return None if ended or here.time - last > gap.count else run
    return None


def _episode_duration(expr: ir.EpisodeDuration, here: _Here, world: _World) -> _Value:
    window = _window(expr.range, here, world)
    if window.missing:
        return _Value(None, window.evidence, window.missing)
    declared = world.episodes[expr.episode]
    gap = _value(declared.gap, here, world)
    if gap.value is None:
        return gap
    asked = tuple((key, here.key(key)) for key in declared.keys)
    total = 0
    reach = None if window.start is None else window.start - gap.value.count
    missing = [*_gaps(declared.events, reach, world)]
    for run in _runs(expr.episode, world):
        if run.keys != asked or run.start > here.time:
            continue
        # At a mark the event past it is known, so a run that passes the mark has lasted up to it.
        known = max(world.times[place] for place in run.positions if world.times[place] <= here.known)
        last = min(known, here.time)
        first = run.start if window.start is None else max(run.start, window.start)
        if last >= first:
            total += last - first
            missing += run.doubts(bisect_right(world.times, here.known) - 1)
    if missing:
        return _Value(None, (), tuple(dict.fromkeys(missing)))
    value = Period(total, "microsecond")
    return _Value(value, (ValueComputed(expr.span, value), *window.evidence))


# ---- moments ----------------------------------------------------------------------------------------------------

def _trigger_events(trigger: ir.Trigger, policy: ir.Policy) -> tuple[str, ...]:
    """The event types without which no moment arises."""
    if isinstance(trigger, ir.OnEvent):
        return trigger.events
    for episode in policy.episodes:
        if episode.name == trigger.run:
            return tuple(pattern.event for pattern in episode.events)
    for state in policy.states:
        if state.name == trigger.run and isinstance(state, ir.BooleanState):
            return tuple(pattern.event for pattern in state.starts)
    raise LookupError(trigger.run)


def _unknown_lengths(trigger: ir.Trigger, world: _World) -> tuple[Missing, ...]:
    """The facts that are missing for the length of the trigger's period or of its episode's gap: without them nobody
    knows its moments."""
    if isinstance(trigger, ir.OnEvent):
        return ()
    here = _Here(world.as_of, world.as_of, len(world.events), {}, None)
    gap = (world.episodes[trigger.run].gap,) if trigger.run in world.episodes else ()
    period = () if isinstance(trigger, ir.OnStart) else (trigger.period,)
    return _all_missing(_value(one, here, world) for one in (*period, *gap))


def _moments(rule: ir.Rule, world: _World) -> Iterator[tuple[_Here, Moment, Truth]]:
    """The moments of a rule in order, each with where it stands and whether its trigger held."""
    match rule.trigger:
        case ir.OnEvent():
            yield from _event_moments(rule, rule.trigger, world)
        case ir.OnEvery():
            yield from sorted(_marks(rule, rule.trigger, world), key=lambda one: (one[1].time, repr(one[1].keys)))
        case ir.OnWithout():
            yield from sorted(_silences(rule, rule.trigger, world), key=lambda one: (one[1].time, repr(one[1].keys)))
        case ir.OnStart():
            for run in _runs(rule.trigger.run, world):
                position = run.positions[0]
                event = world.events[position]
                keys = _rule_keys(rule, run)
                here = _Here(event.time, event.time, position, dict(keys), event)
                yield here, Moment(event.time, event.time, keys, event, event), _uncertain(run.doubts(position))
        case None:
            return
        case _:
            assert_never(rule.trigger)


def _event_moments(rule: ir.Rule, trigger: ir.OnEvent, world: _World) -> Iterator[tuple[_Here, Moment, Truth]]:
    earlier: dict[tuple[Any, ...], Truth] = {}
    for position, event in enumerate(world.events):
        if event.type not in trigger.events:
            continue
        keys = tuple((key, event.fields.get(key)) for key in rule.keys)
        here = _Here(event.time, event.time, position, dict(keys), event)
        asked = here.looking_at(event, position)
        held = TRUE if trigger.where is None else _condition(trigger.where, asked, world)
        if trigger.first and held.value is False:
            continue
        if trigger.first:
            # A later match is not the first; after an uncertain one, or in a history with a gap, nobody knows.
            values = tuple(value for _, value in keys)
            before = earlier.get(values, _uncertain(
                tuple(one for name in trigger.events for one in world.gap_in_history(name, None))))
            if before.value is False:
                continue
            earlier[values] = FALSE if held.value else all_of((before, held))
            held = all_of((before, held))
        yield here, Moment(event.time, event.time, keys, event), held


def _marks(rule: ir.Rule, trigger: ir.OnEvery, world: _World) -> Iterator[tuple[_Here, Moment, Truth]]:
    for run in _runs(trigger.run, world):
        period = _run_period(trigger.period, run, world)
        for times in (1,) if trigger.once else count(1):
            mark = closes(run.start, period.times(times), world.calendar) - 1
            past = _passes(trigger.run, run, mark, world)
            if past is False:
                break
            yield _mark(rule, run, mark, past, (), world)


def _silences(rule: ir.Rule, trigger: ir.OnWithout, world: _World) -> Iterator[tuple[_Here, Moment, Truth]]:
    for run in _runs(trigger.run, world):
        period = _run_period(trigger.period, run, world)
        keys = dict(run.keys)
        nowhere = _Here(run.start, run.start, run.positions[0], keys, None)
        heard = list(_matches(trigger.pattern, nowhere, world, run.positions[0] + 1, len(world.events), keys))
        following = [other.start for other in _runs(trigger.run, world)
                     if other.keys == run.keys and other.start > run.start]
        bases = [(run.start, run.positions[0], TRUE)]
        bases += [(event.time, position, match) for position, event, match in heard
                  if not following or event.time < following[0]]
        for base, position, match in bases:
            mark = closes(base, period, world.calendar) - 1
            past = _passes(trigger.run, run, mark, world)
            inside = [one for place, event, one in heard if place > position and event.time <= mark]
            if past is False or any(one.value for one in inside):
                continue
            unknown = (*match.missing, *(lost for one in inside for lost in one.missing),
                       *world.gap_in_history(trigger.pattern.event, base))
            yield _mark(rule, run, mark, past, unknown, world)


def _run_period(period: ir.Expr, run: _Run, world: _World) -> Period:
    value = _value(period, _Here(run.start, run.start, run.positions[0], dict(run.keys), None), world).value
    if not isinstance(value, Period) or value.count <= 0:
        raise OutOfRange("the period between two marks is not longer than nothing")
    return value


def _passes(name: str, run: _Run, mark: int, world: _World) -> int | bool:
    """The place of the event by which an episode passes the mark; True where a state passes it; False if neither."""
    if name in world.episodes:
        return next((place for place in run.positions if world.times[place] > mark), False)
    # A state that expires holds through the last instant before `end`, one that is ended does not reach its end.
    return world.as_of > mark and (run.end is None or run.end - (run.closed is None) > mark)


def _mark(rule: ir.Rule, run: _Run, mark: int, past: int | bool, unknown: tuple[Missing, ...], world: _World,
          ) -> tuple[_Here, Moment, Truth]:
    keys = _rule_keys(rule, run)
    event = None if isinstance(past, bool) else world.events[past]
    known = mark if event is None else event.time
    here = _Here(mark, known, bisect_left(world.times, mark), dict(run.keys), None)
    first = world.events[run.positions[0]]
    seen = bisect_right(world.times, mark) - 1 if event is None else int(past)
    return here, Moment(mark, known, keys, None, first, event), _uncertain((*run.doubts(seen), *unknown))


def _rule_keys(rule: ir.Rule, run: _Run) -> tuple[tuple[str, Any], ...]:
    keys = dict(run.keys)
    return tuple((key, keys[key]) for key in rule.keys)


def _uncertain(missing: tuple[Missing, ...]) -> Truth:
    return Truth(None, SETTLED, (), tuple(dict.fromkeys(missing))) if missing else TRUE
