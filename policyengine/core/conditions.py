"""The meaning of conditions and values: an expression, a place and a case -> an answer with what decided it.

Expressions, candidates and their ranges, states, runs of episodes. One room, since each asks the others: a condition
looks at candidates, a candidate at states, a state at conditions. Section 5 of docs/language.md is the text.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, assert_never

from policyengine.base.calendar import Calendar, add_to_date, closes, completed_years, start_of
from policyengine.base.instants import Period, local_date, local_time, start_of_day
from policyengine.base.record import record
from policyengine.base.source import Span
from policyengine.core import ir
from policyengine.core.candidates import Link
from policyengine.core.case import Event
from policyengine.core.intervals import Bounds, between, computed_between, ends_of
from policyengine.core.operators import OPERATORS, ORDERINGS
from policyengine.core.standing import Filtered, Here, Keys, Path, Run, Value, World, as_key, at_large, typed
from policyengine.core.tally import Number, Tally
from policyengine.core.truth import FALSE, SETTLED, TRUE, Truth, all_of, any_of, negation
from policyengine.core.verdict import (
    DividedByZero,
    EventAbsent,
    EventSeen,
    Evidence,
    FactRead,
    FieldRead,
    Incomplete,
    Missing,
    MissingFact,
    MissingField,
    MissingState,
    MoreSeen,
    NotEmitted,
    ParameterUsed,
    PartDecided,
    Value3,
    ValueComputed,
)
from policyengine.core.walk import is_still

# ---- values -----------------------------------------------------------------------------------------------------

def value_of(expr: ir.Expr, here: Here, world: World) -> Value:
    match expr:  # what is met most comes first, here and in `condition_of`
        case ir.Get():
            return _get(expr, here)
        case ir.Apply():
            return _apply(expr, [value_of(one, here, world) for one in expr.arguments], world.calendar)
        case ir.Constant():
            return Value(typed(expr.value, expr.type))
        case ir.Fact():
            raw = _at(world.facts, expr.path)
            raw = expr.default if raw is None else raw
            read = (FactRead(expr.path, raw),)
            return Value(None, read, (MissingFact(expr.path),)) if raw is None else Value(typed(raw, expr.type), read)
        case ir.StateValue():
            return _state_value(expr, here, world)
        case ir.Parameter():
            raw, type = world.parameters[expr.name]
            return Value(typed(raw, type), (ParameterUsed(expr.name, raw),))
        case ir.ListValue():
            items = [_exact(value_of(item, here, world)) for item in expr.items]
            lost = _lost(items)
            return lost if lost else Value(tuple(item.value for item in items), _evidence(items), (), _tie(items))
        case ir.Today():
            return Value(local_date(_instant(here), world.calendar.zone))
        case ir.LocalTime():
            return Value(local_time(_instant(here), world.calendar.zone))
        case ir.CompletedYears():
            birth = value_of(expr.birth, here, world)
            if birth.value is None:
                return birth
            return replace(birth, value=completed_years(birth.value, local_date(_instant(here), world.calendar.zone)))
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
        case (ir.Not() | ir.And() | ir.Or() | ir.Present() | ir.Quantified() | ir.Occurs() | ir.InState()):
            truth = condition_of(expr, here, world)
            return Value(truth.value, truth.evidence, truth.missing, truth.tie)
        case _:
            assert_never(expr)


def _instant(here: Here) -> int:
    return here.time if here.candidate is None else here.candidate.time


def _at(raw: Any, path: Iterable[str]) -> Any:
    for name in path:
        if raw.__class__ is not dict and not isinstance(raw, Mapping):  # the second is asked in Python
            return None
        raw = raw.get(name)
    return raw


def _get(expr: ir.Get, here: Here) -> Value:
    if expr.owner not in (ir.TRIGGER, ir.CANDIDATE):
        element, place = here.variables[expr.owner]
        raw = _at(element, expr.path)
        raw = expr.default if raw is None else raw
        path = (*place, *expr.path)
        if raw is None:
            return Value(None, (FactRead(path, None),), (MissingFact(path),))
        return Value(typed(raw, expr.type), (FactRead(path, raw),))
    event = here.candidate if expr.owner == ir.CANDIDATE else here.event
    if expr.path == ("time",):
        return Value(here.time if event is None else event.time)
    if event is None:
        return Value(typed(here.keys[expr.path[0]], expr.type))
    raw = _at(event.fields, expr.path)
    raw = expr.default if raw is None else raw
    read = (FieldRead(event, expr.path, raw),)
    return Value(None, read, (MissingField(event, expr.path),)) if raw is None else Value(typed(raw, expr.type), read)


def _apply(expr: ir.Apply, operands: Sequence[Value], calendar: Calendar) -> Value:
    first, second = operands
    left, right = first.value, second.value
    if left is None or right is None:
        return _unknown([operand for operand in operands if operand.value is None])
    evidence, tie = first.evidence + second.evidence, first.tie or second.tie
    if isinstance(left, Bounds) or isinstance(right, Bounds):
        ordering = expr.operator in ORDERINGS
        result = (between if ordering else computed_between)(expr.operator, ends_of(left), ends_of(right))
        if result is None or not ordering:
            return Value(result, evidence, first.missing + second.missing, tie)
    else:
        result = OPERATORS[expr.operator].compute(left, right, calendar)
    return Value(result, evidence, (DividedByZero(expr.span),) if result is None else (), tie)


def _exact(value: Value) -> Value:
    """A number known only between two ends is no item of a list: missing."""
    return replace(value, value=None) if isinstance(value.value, Bounds) else value


def _lost(operands: Sequence[Value]) -> Value | None:
    """The missing value that a strict operation gives when an operand is missing."""
    gone = [operand for operand in operands if operand.value is None]
    return _unknown(gone) if gone else None


def _unknown(gone: Sequence[Value]) -> Value:
    return Value(None, _evidence(gone), all_missing(gone), _tie(gone))


def _evidence(parts: Iterable[Value]) -> tuple[Evidence, ...]:
    return tuple(one for part in parts for one in part.evidence)


def all_missing(parts: Iterable[Value]) -> tuple[Missing, ...]:
    return tuple(one for part in parts for one in part.missing)


def _tie(parts: Iterable[Value]) -> bool:
    return any(part.tie for part in parts)


def _count_elements(expr: ir.CountElements, here: Here, world: World) -> Value:
    elements = _elements(expr.variable, expr.domain, here, world)
    if isinstance(elements, Value):
        return elements
    matches = [TRUE if expr.where is None else condition_of(expr.where, one, world) for one in elements]
    unsure = [match for match in matches if match.value is None]
    counted = _counted(sum(1 for match in matches if match.value), unsure, (), expr.span)
    return replace(counted, tie=any(match.tie for match in matches))


def _counted(low: int, unsure: Sequence[Truth], gap: tuple[Missing, ...], span: Span, named: int | None = None,
             ) -> Value:
    """How many of the candidates match, of which `low` do and some may: a number, or bounds where there are such or
    history has a gap. What was missing is said of so many of the last, None: of all."""
    if not unsure and not gap:
        return Value(low, (ValueComputed(span, low),))
    high = None if gap else low + len(unsure)
    latest = unsure if named is None else unsure[-named:]
    missing = tuple(dict.fromkeys((*gap, *(one for match in latest for one in match.missing))))
    return Value(Bounds(low, high), (ValueComputed(span, (low, high)),), missing)


def _elements(variable: str, domain: ir.Expr, here: Here, world: World) -> list[Here] | Value:
    """One place to stand at for each element of a list, or the missing list."""
    read = _raw_list(domain, here, world)
    if isinstance(read, Value):
        return read
    raw, place = read
    return [replace(here, variables={**here.variables, variable: (element, (*place, index))})
            for index, element in enumerate(raw)]


def _raw_list(domain: ir.Expr, here: Here, world: World) -> tuple[Any, Path] | Value:
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
            found = value_of(domain, here, world)
            return found if found.value is None else (found.value, ())
    return (raw, place) if raw is not None else Value(None, (FactRead(place, None),), (MissingFact(place),))


# ---- conditions -------------------------------------------------------------------------------------------------

def condition_of(expr: ir.Expr, here: Here, world: World) -> Truth:
    known = world.still.get(id(expr)) or _if_still(expr, here, world)
    if known[1] is not None:
        return known[1]
    match expr:
        case ir.And():
            return all_of([condition_of(part, here, world) for part in expr.parts])
        case ir.Or():
            return any_of([condition_of(part, here, world) for part in expr.parts])
        case ir.Present():
            value = value_of(expr.operand, here, world)
            there = value.value is not None
            return Truth(there, SETTLED, (_answer(there, expr.span), *value.evidence), (), value.tie)
        case ir.InState():
            return _part(_in_state(expr, here, world), expr.span)
        case ir.Not():
            return _negated(expr, condition_of(expr.part, here, world))
        case ir.Occurs():
            return _part(_occurs(expr, here, world), expr.span)
        case (ir.Apply() | ir.Fact() | ir.Get() | ir.ListValue() | ir.Parameter() | ir.Today() | ir.LocalTime()
              | ir.CompletedYears() | ir.CountElements() | ir.CountEvents() | ir.SumEvents() | ir.EpisodeDuration()
              | ir.Latest() | ir.StateValue()):
            value = value_of(expr, here, world)
            told = (_answer(value.value, expr.span), *value.evidence)
            return Truth(value.value, SETTLED, told, value.missing, value.tie)
        case ir.Quantified():
            return _quantified(expr, here, world)
        case ir.Constant():
            return TRUE if expr.value else FALSE
        case _:
            assert_never(expr)


def _if_still(expr: ir.Expr, here: Here, world: World) -> tuple[ir.Expr, Truth | None]:
    """A condition's answer if it is the same at every moment. The condition is kept, so that no other has its
    identity."""
    world.still[id(expr)] = expr, None
    if is_still(expr):
        world.still[id(expr)] = expr, condition_of(expr, here, world)
    return world.still[id(expr)]


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
    return Truth(truth.value, truth.settles, (_answer(truth.value, span), *truth.evidence), truth.missing, truth.tie)


def _answer(value: Any, span: Span) -> PartDecided:
    return PartDecided(span, "missing" if value is None else "true" if value else "false")


def _quantified(expr: ir.Quantified, here: Here, world: World) -> Truth:
    elements = _elements(expr.variable, expr.domain, here, world)
    if isinstance(elements, Value):
        return _part(Truth(None, SETTLED, elements.evidence, elements.missing), expr.span)
    answers = []
    for one in elements:
        chosen = TRUE if expr.where is None else condition_of(expr.where, one, world)
        answer = condition_of(expr.condition, one, world)
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
    `over`: the first instant too late, where that is not after the moment and nothing can be inside.
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
    over: int | None = None


NO_RANGE = _Window(0, -1, None)
"""No place is in it, whatever events there are."""


def _window(range: ir.Range, here: Here, world: World) -> _Window:
    times = world.times
    now, position = here.time, here.position
    past = bisect_right(times, now)
    match range:
        case ir.Within() | ir.NoLaterThan():
            period = value_of(range.period, here, world)
            if period.value is None:
                return replace(NO_RANGE, missing=period.missing)
            end = closes(here.known, period.value, world.calendar)
            first, start = (bisect_left(times, now), now) if isinstance(range, ir.Within) else (0, None)
            return _Window(first, bisect_left(times, end), start, end, evidence=period.evidence)
        case ir.By():
            deadline = value_of(range.deadline, here, world)
            if deadline.value is None:
                return replace(NO_RANGE, missing=deadline.missing, evidence=deadline.evidence)
            end = _after(deadline.value, world.calendar)
            return _Window(bisect_left(times, now), bisect_left(times, end), now, max(end, now),
                           evidence=deadline.evidence, over=end if end <= now else None)
        case ir.Before():
            return _Window(0, position, None, own_last=position, ordered=True)
        case ir.WithinLast():
            period = value_of(range.period, here, world)
            if period.value is None:
                return replace(NO_RANGE, missing=period.missing)
            first = bisect_right(times, now, key=lambda x: closes(x, period.value, world.calendar)) if times else 0
            return _Window(first, past, earliest_within(now, period.value, world.calendar), own_last=position,
                           evidence=period.evidence)
        case ir.Since():
            return _since(range, here, world)
        case ir.This():
            start = start_of(range.unit, now, world.calendar)
            return _Window(bisect_left(times, start), past, start, own_last=position)
        case ir.During():
            gap = value_of(world.episodes[range.episode].gap, here, world)
            if gap.value is None:
                return replace(NO_RANGE, missing=gap.missing)
            run = _run_of(range.episode, here, world)
            if run is None:
                return replace(NO_RANGE, start=now,
                               missing=gaps_of(world.episodes[range.episode].events, now - gap.value.count, world))
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


def earliest_within(now: int, period: Period, calendar: Calendar) -> int:
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


def _since(range: ir.Since, here: Here, world: World) -> _Window:
    first, unsure, reach = 0, 0, None
    missing: list[Missing] = []
    for position, _, match in matching(range.pattern, here, world, 0, here.position, within=(None, here.time)):
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


def matching(pattern: ir.Pattern, here: Here, world: World, first: int, last: int,
             values: Mapping[str, Any] | None = None, *,
             within: tuple[int | None, int | None]) -> list[tuple[int, Event, Truth]]:
    """The candidates of a pattern from place `first` up to, not including, `last`, whose `where` is not false.

    `within` are the instants between which these places lie whatever other events there are, both included.
    """
    asked = _keys(pattern, here, values)
    world.ask(pattern.event, pattern.keys, asked, *within)
    return _candidates(pattern, asked, here, world, first, last)


def _keys(pattern: ir.Pattern, here: Here, values: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """The values of the pattern's keys: those given, or the moment's."""
    return tuple([here.key(key) if values is None else values[key] for key in pattern.keys])


def _candidates(pattern: ir.Pattern, asked: tuple[Any, ...], here: Here, world: World, first: int, last: int,
                ) -> list[tuple[int, Event, Truth]]:
    positions, where = world.positions(pattern.event, pattern.keys, asked), pattern.where
    if where is None or not positions:
        return [(place, world.events[place], TRUE) for place in _among(positions, first, last)]
    looked = _lookup(pattern, asked, positions, here, world)
    found = []
    for place in _among(looked.places, first, last):
        match = _match(where, place, looked, here, world)
        if match.value is not False:
            found.append((place, world.events[place], match))
    return found


def _among(places: Sequence[int], first: int, last: int) -> Sequence[int]:
    return places[bisect_left(places, first):bisect_left(places, last)]


@record
class _Looked:
    """The places of candidates, in order, and whether they come to the same at every moment, or at every one that looks
    them up `by` this value: where a link is all there is of the moment in the pattern. It holds then for all but those
    that `lack` its field."""

    known: Filtered
    places: Sequence[int]
    alike: bool
    by: Any = None
    lack: frozenset[int] = frozenset()


def _lookup(pattern: ir.Pattern, asked: tuple[Any, ...], positions: Sequence[int], here: Here, world: World) -> _Looked:
    """Of the positions of its type and keys those that a pattern's `where` may hold for."""
    known = world.filtered(pattern)
    for number, link in enumerate(known.filter.links):
        value = value_of(link.asked, here, world).value
        if value is not None and not isinstance(value, Bounds):
            index = known.linked.get((number, asked))
            if index is None:
                index = known.linked[number, asked] = _by_value(link, positions, world)
            found = index.get(value, ())
            lack = frozenset(index.get(None, ())).difference(found)
            places = sorted((*found, *lack)) if lack else found
            return _Looked(known, places, True, value, lack) if known.filter.but_linked else _Looked(known, places,
                                                                                                    False)
    return _Looked(known, positions, known.filter.whole)


def _match(where: ir.Expr, position: int, looked: _Looked, here: Here, world: World) -> Truth:
    """How far a candidate matches; of its evidence nothing is told."""
    known = looked.known
    event = world.events[position]
    own = TRUE
    if known.filter.own is not None:
        answered = known.own.get(position)
        if answered is None:
            answered = known.own[position] = condition_of(known.filter.own, here.looking_at(event, position), world)
        own = answered
        if own.value is False or known.filter.whole:
            return own
    if looked.by is None:
        return condition_of(where, here.looking_at(event, position), world)
    if position not in looked.lack:
        return own  # the link holds, else it would not have been found
    if position not in known.lacking:
        known.lacking[position] = condition_of(where, here.looking_at(event, position), world)
    return known.lacking[position]


def _by_value(link: Link, positions: Sequence[int], world: World) -> dict[Any, list[int]]:
    """The candidates at these positions by what their field says, those that say nothing under None."""
    index: dict[Any, list[int]] = {}
    for position in positions:
        raw = _at(world.events[position].fields, link.field.path)
        raw = link.field.default if raw is None else raw
        value = None if raw is None else typed(raw, link.field.type)
        for one in dict.fromkeys(value) if link.listed and value is not None else (value,):
            index.setdefault(one, []).append(position)
    return index


def _in_window(pattern: ir.Pattern, window: _Window, here: Here, world: World, *, counting: bool = False,
               ) -> list[tuple[int, Event, Truth]]:
    """The candidates in a window; a count includes the trigger itself."""
    first, last = _places(pattern, window, here, counting)
    own = here.event is not None and here.event.type == pattern.event and not counting
    found = []
    for position, event, match in matching(pattern, here, world, first, last, within=_between(window, here)):
        if own and position == here.position:
            continue
        if position < window.certain:
            match = replace(match, value=None, missing=(*match.missing, *window.missing))
        found.append((position, event, match))
    return found


def _between(window: _Window, here: Here) -> tuple[int | None, int]:
    """The instants between which a window lies, both included."""
    return window.start, here.time if window.closes is None else window.closes - 1


def _places(pattern: ir.Pattern, window: _Window, here: Here, counting: bool) -> tuple[int, int]:
    """The places of a window, from and up to: of the trigger's own type, only those after it (future) or before it
    (past), and its own if they are counted, or stand around it."""
    first, last = window.first, window.last
    if here.event is None or here.event.type != pattern.event:
        return first, last
    own = here.position + counting
    if window.own_last is None:
        return max(first, here.position + (not counting)) if window.start == here.time else first, last
    return first, max(last, own) if window.ordered and counting else min(last, own)


@record
class Stretch:
    """Where the candidates of a past range stand, whatever other events there are: from the instant `start` on (None:
    the beginning) and behind the event at position `after` (None: any), through the instant `end`, and (None: anywhere)
    before the trigger, or with `trigger` through it."""

    start: int | None
    after: int | None
    end: int
    trigger: bool | None


def stretch_of(expr: ir.Occurs | ir.CountEvents | ir.SumEvents, here: Here, world: World) -> Stretch | None:
    """Of a question about the past, of the events alone that say how far back it asks; None where that is missing or
    uncertain."""
    window = _window(expr.range, here, world)
    own = here.event is not None and here.event.type == expr.pattern.event
    if window.first < window.certain or (window.missing and not window.certain):
        return None
    if isinstance(expr.range, ir.Since) and world.gap_in_history(expr.range.pattern.event, window.start):
        return None  # of the candidates, those before the history is complete are uncertain
    if window.last < window.first:
        return Stretch(here.time, None, here.time - 1, None)
    trigger = None if here.event is None or not (own or window.ordered) else own and not isinstance(expr, ir.Occurs)
    if not window.ordered:
        return Stretch(window.start, None, here.time, trigger)
    # A mark stands before the events of its instant.
    return Stretch(None, window.first - 1 if window.first else None, here.time - (here.event is None), trigger)


def _tied(patterns: Iterable[ir.Pattern], here: Here, world: World, values: Mapping[str, Any] | None = None,
          at: ir.Owner = ir.TRIGGER) -> bool:
    """Whether a candidate shares the instant and the sequence of the event that asks, so that only the place of its
    type (or its id) put it before or after. Whoever wants to know seeks candidates up to that instant anyway."""
    asking = here.candidate if at == ir.CANDIDATE else here.event
    if asking is None:
        return False
    first = bisect_left(world.times, asking.time)
    last = bisect_right(world.times, asking.time, first)
    if last - first < 2 and (first == last or world.events[first] is asking):
        return False
    beside = [one for one in world.events[first:last] if one is not asking and one.sequence == asking.sequence]
    return bool(beside) and any(event in beside for pattern in patterns for _, event, _ in _candidates(
        pattern, _keys(pattern, here, values), here, world, first, last))


def _occurs(expr: ir.Occurs, here: Here, world: World) -> Truth:
    window = _window(expr.range, here, world)
    if window.missing and not window.certain:
        unknown = Truth(None, SETTLED, window.evidence, window.missing)
        if isinstance(expr.range, ir.NoLaterThan):
            return any_of((_occurs(replace(expr, range=ir.Before()), here, world), unknown))
        return unknown
    since = (expr.range.pattern,) if isinstance(expr.range, ir.Since) else ()
    tie = window.ordered and _tied((expr.pattern, *since), here, world)
    settled = SETTLED if window.closes is None else window.closes
    place, found = _answering(expr, window, here, world)
    if place is not None:
        event = world.events[place]
        answered = event.time if window.closes is not None and event.time > here.time else SETTLED
        return Truth(True, answered, (EventSeen(event, "match"), *window.evidence), (), tie)
    absent = EventAbsent(expr.pattern.event, window.start, window.closes if window.over is None else window.over)
    gap = world.gap_in_history(expr.pattern.event, window.start)
    if found or gap:
        latest = found[-NAMED:]
        missing = tuple(dict.fromkeys((*gap, *(one for *_, match in latest for one in match.missing))))
        seen = _named([position for position, *_ in latest], len(found), world, "match")
        return Truth(None, settled, (*seen, absent, *window.evidence), missing, tie)
    return Truth(False, settled, (absent, *window.evidence), (), tie)


def _answering(expr: ir.Occurs, window: _Window, here: Here, world: World,
               ) -> tuple[int | None, Sequence[tuple[int, Event, Truth]]]:
    """The place of the match that answers: the first of a future range (what stood before the moment answered at once),
    else the last. Where nothing matches, those that may."""
    ahead = window.closes is not None
    running = _running(expr, window, here, world, counting=False)
    if running is not None:
        own = here.position if here.event is not None and here.event.type == expr.pattern.event else None
        order = range(running.begin, running.end) if ahead else reversed(range(running.begin, running.end))
        passed = {own, *running.doubts}
        place = next((running.places[n] for n in order if running.places[n] not in passed), None)
        if place is not None or not running.doubts:
            return place, ()
    found = _in_window(expr.pattern, window, here, world)
    certain = [position for position, _, match in found if match.value]
    return (min(certain) if ahead else max(certain)) if certain else None, found


NAMED = 10
"""Of events that were counted or summed up, or may be what was asked for, so many are evidence each."""


def _count_events(expr: ir.CountEvents, here: Here, world: World) -> Value:
    window = _window(expr.range, here, world)
    if window.missing and not window.certain:
        return Value(None, window.evidence, window.missing)
    tie = window.ordered and _tied((expr.pattern,), here, world)
    gap = world.gap_in_history(expr.pattern.event, window.start)
    known = world.totals.get(id(expr))
    tallied = None if gap or known is not None else _tallied(expr, window, here, world)
    if tallied is not None:
        seen, number, _ = tallied
        return Value(number, (ValueComputed(expr.span, number), *window.evidence, *seen), (), tie)
    found = _in_window(expr.pattern, window, here, world, counting=True)
    unsure = [match for _, _, match in found if match.value is None]
    low = len(found) - len(unsure) if known is None else known.number
    counted = _counted(low, unsure, gap, expr.span, NAMED)
    seen = _named([position for position, _, _ in found[-NAMED:]], low + len(unsure), world, "counted")
    return replace(counted, evidence=(*counted.evidence, *window.evidence, *seen), tie=tie)


def _named(latest: Sequence[int], number: int, world: World, role: str) -> tuple[Evidence, ...]:
    """So many events that were counted or may match, of which the latest are named: a month may have 80,000, and as
    many findings."""
    named = [EventSeen(world.events[place], role) for place in latest]
    return (MoreSeen(named[0].event.type, number - NAMED, role), *named) if number > NAMED else tuple(named)


def _sum_events(expr: ir.SumEvents, here: Here, world: World) -> Value:
    window = _window(expr.range, here, world)
    if window.missing and not window.certain:
        return Value(None, window.evidence, window.missing)
    tie = window.ordered and _tied((expr.pattern,), here, world)
    gap = world.gap_in_history(expr.pattern.event, window.start)
    known = world.totals.get(id(expr))
    tallied = None if gap or known is not None else _tallied(expr, window, here, world)
    if tallied is not None:
        seen, _, total = tallied
        return Value(total, (ValueComputed(expr.span, total), *window.evidence, *seen), (), tie)
    found = _in_window(expr.pattern, window, here, world, counting=True)
    number, total = (0, 0) if known is None else (known.number, known.total)
    unsure: list[tuple[Missing, ...]] = []
    for _, event, match in found:
        amount = amount_of(expr, event)
        if amount is None:
            unsure.append((*match.missing, MissingField(event, expr.path)))
        elif match.value is None:
            unsure.append(match.missing)
        elif known is None:
            number, total = number + 1, OPERATORS["+"].compute(total, amount, world.calendar)
    seen = _named([position for position, _, _ in found[-NAMED:]], number + len(unsure), world, "counted")
    if gap or unsure:
        lacks = (one for missing in unsure[-NAMED:] for one in missing)
        return Value(None, seen, tuple(dict.fromkeys((*gap, *lacks))), tie)
    return Value(total, (ValueComputed(expr.span, total), *window.evidence, *seen), (), tie)


def amount_of(expr: ir.SumEvents, event: Event) -> Any:
    """What an event adds to a sum, None when that is missing."""
    raw = _at(event.fields, expr.path)
    raw = expr.default if raw is None else raw
    return None if raw is None else typed(raw, expr.type)


def _tallied(expr: ir.CountEvents | ir.SumEvents, window: _Window, here: Here, world: World,
             ) -> tuple[tuple[Evidence, ...], int, Number] | None:
    """What is counted or summed up in a window: the events as evidence, how many, and their sum. None where something
    is uncertain, or all must be looked at anew."""
    running = _running(expr, window, here, world, counting=True)
    if running is None or running.doubts:
        return None
    begin, end = running.begin, running.end
    seen = _named(running.places[max(begin, end - NAMED):end], end - begin, world, "counted")
    return seen, end - begin, running.total


@record
class _Running:
    """Places of events that match, or may, and which of them lie in a window, from and up to; of these the places of
    those that may, and what the others add up to."""

    places: Sequence[int]
    begin: int
    end: int
    doubts: Sequence[int]
    total: Number


def _running(expr: ir.Occurs | ir.CountEvents | ir.SumEvents, window: _Window, here: Here, world: World, *,
             counting: bool) -> _Running | None:
    """What matches in a window, by a list that all moments share. None where that is uncertain of the window, or
    whether a candidate matches depends on the moment."""
    pattern, where = expr.pattern, expr.pattern.where
    first, last = _places(pattern, window, here, counting)
    last = max(first, last)
    asked = _keys(pattern, here, None)
    some = world.positions(pattern.event, pattern.keys, asked)
    looked = _lookup(pattern, asked, some, here, world) if where is not None and some else None
    if first < window.certain or (looked is not None and not looked.alike):
        return None
    world.ask(pattern.event, pattern.keys, asked, *_between(window, here))
    by = None
    if looked is not None:
        some, by = looked.places, looked.by
    low, high = bisect_left(some, first), bisect_left(some, last)
    kept = (id(expr if isinstance(expr, ir.SumEvents) else pattern), asked, by)
    tally = world.tallies.get(kept)
    if tally is None or not tally.low <= low <= tally.high:
        # Those in between may never be asked for, and then nothing of them may be.
        tally = world.tallies[kept] = Tally(low)
    for position in some[tally.high:high]:
        match = TRUE if where is None or looked is None else _match(where, position, looked, here, world)
        if match.value is not False:
            amount = amount_of(expr, world.events[position]) if isinstance(expr, ir.SumEvents) else 0
            tally.add(position, amount if match.value else None)
        tally.high += 1  # after each, since the next may be past what can be computed
    found = tally.between(first, last)
    return None if found is None else _Running(tally.places, *found)


def _latest(expr: ir.Latest, here: Here, world: World) -> Value:
    tie = _tied((expr.pattern,), here, world)
    found = list(matching(expr.pattern, here, world, 0, here.position, within=(None, here.time)))
    if not found:
        gap = world.gap_in_history(expr.pattern.event, None)
        source = f"{expr.pattern.event}.{'.'.join(expr.path)}"
        keys = tuple((key, here.key(key)) for key in expr.pattern.keys)
        return Value(None, (EventAbsent(expr.pattern.event, None, here.time),),
                      gap or (MissingState(f"latest {source}", keys, (source,)),), tie)
    _, event, match = found[-1]
    gap = world.gap_in_history(expr.pattern.event, event.time)
    if match.value is None or gap:
        return Value(None, (EventSeen(event, "latest"),), (*match.missing, *gap), tie)
    raw = _at(event.fields, expr.path)
    raw = expr.default if raw is None else raw
    if raw is None:
        return Value(None, (EventSeen(event, "latest"),), (MissingField(event, expr.path),), tie)
    return Value(typed(raw, expr.type), (FieldRead(event, expr.path, raw),), (), tie)


# ---- states -----------------------------------------------------------------------------------------------------

def _asked(keys: tuple[tuple[str, ir.Expr], ...], here: Here, world: World) -> dict[str, Any] | Value:
    values = [value_of(expr, here, world) for _, expr in keys]
    found = {name: as_key(one.value) for (name, _), one in zip(keys, values, strict=True)}
    return _lost(values) or found if None in found.values() else found


def _stands(at: ir.Owner, here: Here) -> tuple[int, int]:
    """The place and instant a state is read at."""
    if at == ir.CANDIDATE and here.candidate is not None:
        return here.candidate_position, here.candidate.time
    return here.position, here.time


def _asked_as(expr: ir.InState | ir.StateValue, values: Keys, here: Here) -> tuple[Any, ...]:
    """All that what a state says depends on, of the one who asks."""
    asking = here.candidate if expr.at == ir.CANDIDATE else here.event
    return (expr.state, *values.values(), *_stands(expr.at, here), id(asking))


def _in_state(expr: ir.InState, here: Here, world: World) -> Truth:
    state = world.states[expr.state]
    assert isinstance(state, ir.BooleanState)
    values = _asked(expr.keys, here, world)
    if isinstance(values, Value):
        return Truth(None, SETTLED, values.evidence, values.missing, values.tie)
    known = _asked_as(expr, values, here)
    found = world.held.get(known)
    if found is None:
        found = world.held[known] = _held(state, expr.at, values, here, world)
    return found


def _held(state: ir.BooleanState, at: ir.Owner, values: Keys, here: Here, world: World) -> Truth:
    position, now = _stands(at, here)
    lasting = None if state.lasting is None else value_of(state.lasting, here, world)
    changes = sorted(((place, event, match, starting)
                      for patterns, starting in ((state.starts, True), (state.ends, False)) for pattern in patterns
                      for place, event, match in matching(pattern, here, world, 0, position, values,
                                                          within=(None, now))),
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
    tie = _tied((*state.starts, *state.ends), here, world, values, at)
    if not decided:
        decided = tuple(EventAbsent(pattern.event, None, now) for pattern in state.starts)
    evidence = (*decided, *(lasting.evidence if lasting else ()))
    if len(answers) > 1 or (lasting is not None and lasting.value is None and True in answers):
        return Truth(None, SETTLED, evidence, tuple(dict.fromkeys((*missing, *(lasting.missing if lasting else ())))),
                     tie)
    answer = answers.pop()
    if answer:
        lost = gaps_of(state.ends, since, world)
    else:
        # A start that is not seen matters only if it would still hold.
        long = None if lasting is None else lasting.value
        holds = None if long is None else earliest_within(now, long, world.calendar)
        lost = gaps_of(state.starts, max((one for one in (since, holds) if one is not None), default=None), world)
    if lost:
        return Truth(None, SETTLED, evidence, lost, tie)
    return Truth(answer, SETTLED, evidence, (), tie)


def _state_value(expr: ir.StateValue, here: Here, world: World) -> Value:
    state = world.states[expr.state]
    assert isinstance(state, ir.ValuedState)
    values = _asked(expr.keys, here, world)
    if isinstance(values, Value):
        return values
    known = _asked_as(expr, values, here)
    found = world.values.get(known)
    if found is None:
        found = world.values[known] = _valued(expr, state, values, here, world)
    return found


def _valued(expr: ir.StateValue, state: ir.ValuedState, values: Keys, here: Here, world: World) -> Value:
    position, now = _stands(expr.at, here)
    patterns = [source.pattern for tier in state.tiers for source in tier]
    for pattern in patterns[len(state.tiers[0]):]:  # for a tie with what no tier before it leaves to be sought
        world.ask(pattern.event, pattern.keys, _keys(pattern, here, values), now, now)
    tie = _tied(patterns, here, world, values, expr.at)
    for tier in state.tiers:
        known = sorted(((place, event, match, source) for source in tier
                        for place, event, match in matching(source.pattern, here, world, 0, position, values,
                                                            within=(None, now))),
                       key=lambda one: one[0], reverse=True)
        for _, event, match, source in known:
            if not _carried(event, source.path) and source.default is None:
                continue
            gap = gaps_of((one.pattern for one in tier), event.time, world)
            if match.value is None or gap:
                return Value(None, (EventSeen(event, "state value"),), (*match.missing, *gap), tie)
            raw = _at(event.fields, source.path)
            raw = source.default if raw is None else raw
            if raw is None:
                break  # an explicit null clears this tier
            return Value(typed(raw, expr.type), (FieldRead(event, source.path, raw),), (), tie)
        else:
            gap = gaps_of((source.pattern for source in tier), None, world)
            if gap:
                return Value(None, (), gap, tie)
    sources = tuple(f"{source.pattern.event}.{'.'.join(source.path)}" for tier in state.tiers for source in tier)
    return Value(None, (), (MissingState(expr.state, tuple(values.items()), sources),), tie)


def gaps_of(patterns: Iterable[ir.Pattern], reach: int | None, world: World) -> tuple[Missing, ...]:
    """Why events of these patterns may have happened unseen from `reach` on."""
    if world.sources is None:
        return ()
    return tuple(dict.fromkeys(one for pattern in patterns for one in world.gap_in_history(pattern.event, reach)))


def _carried(event: Event, path: tuple[str, ...]) -> bool:
    """Whether an event says anything about a field, if only that it is null."""
    owner = _at(event.fields, path[:-1])
    return isinstance(owner, Mapping) and path[-1] in owner


# ---- runs of episodes and states --------------------------------------------------------------------------------

def runs_of(name: str, world: World) -> tuple[Run, ...]:
    """All runs of an episode, or of a boolean state, in the order of their starts."""
    if name not in world.runs:
        runs = _episode_runs(world.episodes[name], world) if name in world.episodes else _state_runs(name, world)
        world.runs[name] = tuple(sorted(runs, key=lambda run: run.positions[0]))
    return world.runs[name]


def _changes(keys: tuple[str, ...], starts: tuple[ir.Pattern, ...], ends: tuple[ir.Pattern, ...], world: World,
             ) -> Iterator[tuple[tuple[Any, ...], list[tuple[int, Truth, bool]]]]:
    """For each value of the keys: the events that start or continue (True), and those that end (False), in order."""
    nowhere = at_large(world)
    seen: dict[tuple[Any, ...], None] = {}
    for pattern in starts:
        for event in world.events:
            if event.type == pattern.event:
                seen[tuple(event.fields.get(key) for key in keys)] = None
    for values in seen:
        asked = dict(zip(keys, values, strict=True))
        yield values, sorted(((place, match, starting)
                              for patterns, starting in ((starts, True), (ends, False)) for pattern in patterns
                              for place, _, match in _candidates(pattern, tuple(asked[key] for key in pattern.keys),
                                                                 nowhere, world, 0, len(world.events))),
                             key=lambda change: (change[0], change[2]))


def _episode_runs(episode: ir.Episode, world: World) -> Iterator[Run]:
    here = at_large(world)
    gap = value_of(episode.gap, here, world).value
    for values, changes in _changes(episode.keys, episode.events, episode.ends, world):
        keys = tuple(zip(episode.keys, values, strict=True))
        places: list[int] = []
        unknown: list[tuple[int, Missing]] = []
        for place, match, going in changes:
            silence = places and world.times[place] - world.times[places[-1]] > gap.count
            if places and (silence or not going):
                closed = None if silence or match.value is None else place
                if silence or match.value:
                    yield Run(keys, world.times[places[0]], tuple(places), None, closed, tuple(unknown))
                    places, unknown = [], []
            if going and not places:
                # Events that are not seen may have begun the run before, or ended it since.
                unknown = [(place, one) for one in (*gaps_of(episode.events, world.times[place] - gap.count, world),
                                                    *gaps_of(episode.ends, world.times[place], world))]
            if going and (not places or places[-1] != place):
                places.append(place)
            if match.value is None:
                # Counted as if it belonged, and all that follows from the run is uncertain.
                unknown += ((place, one) for one in match.missing)
        if places:
            yield Run(keys, world.times[places[0]], tuple(places), None, None, tuple(unknown))


def _state_runs(name: str, world: World) -> Iterator[Run]:
    state = world.states[name]
    assert isinstance(state, ir.BooleanState)
    here = at_large(world)
    lasting = Value(None) if state.lasting is None else value_of(state.lasting, here, world)
    for values, changes in _changes(state.keys, state.starts, state.ends, world):
        keys = tuple(zip(state.keys, values, strict=True))
        places: list[int] = []
        unknown: list[tuple[int, Missing]] = []
        expires: int | None = None
        ended: int | None = None
        for place, match, starting in changes:
            now = world.times[place]
            if places and expires is not None and now >= expires:
                yield Run(keys, world.times[places[0]], tuple(places), expires, None, tuple(unknown))
                places, unknown = [], []
            if match.value is None and (places or starting):
                unknown += ((place, one) for one in match.missing)
            if starting and not places:
                # Events that are not seen may have begun the state before, or ended it since.
                holds = None if lasting.value is None else earliest_within(now, lasting.value, world.calendar)
                reach = max((one for one in (ended, holds) if one is not None), default=None)
                unknown += ((place, one) for one in (*gaps_of(state.starts, reach, world),
                                                     *gaps_of(state.ends, now, world)))
            if not starting and match.value:
                ended = now
            if starting:
                places.append(place)
                unknown += ((place, one) for one in lasting.missing)
                expires = None if lasting.value is None else closes(now, lasting.value, world.calendar)
            elif places and match.value:
                yield Run(keys, world.times[places[0]], tuple(places), now, place, tuple(unknown))
                places, unknown = [], []
        if places:
            yield Run(keys, world.times[places[0]], tuple(places), expires, None, tuple(unknown))


def ask_run(name: str, keys: Mapping[str, Any], first: int | None, last: int, world: World) -> None:
    """Note that a run of an episode or state is put together from the events of these keys between two instants."""
    declared = world.episodes.get(name) or world.states[name]
    assert not isinstance(declared, ir.ValuedState)
    starts = declared.events if isinstance(declared, ir.Episode) else declared.starts
    for pattern in (*starts, *declared.ends):
        world.ask(pattern.event, pattern.keys, (keys[key] for key in pattern.keys), first, last)


def look_back(start: int, now: int, gap: Period) -> int:
    """From when on to ask for the events of an episode's run that is seen to reach from `start` to `now`.

    The events within the gap before its start, and the ends among them, show that it began there whatever came before.
    While only its last part is seen, asking farther back by its length finds the start of a long run in a few steps.
    """
    return start - gap.count - 3 * (now - start)


def _run_of(episode: str, here: Here, world: World) -> Run | None:
    """The run a moment belongs to, by the events up to its instant: no silence and no end since the run's last."""
    declared = world.episodes[episode]
    gap = value_of(declared.gap, here, world).value
    asked = tuple((key, here.key(key)) for key in declared.keys)
    found: Run | None = None
    for run in reversed(runs_of(episode, world)):
        if run.keys != asked or run.start > here.time:
            continue
        last = max(world.times[place] for place in run.positions if world.times[place] <= here.time)
        ended = run.closed is not None and run.closed < here.position
        found = None if ended or here.time - last > gap.count else run
        break
    start = here.time if found is None else found.start
    ask_run(episode, dict(asked), look_back(start, here.time, gap), here.time, world)
    return found


def _episode_duration(expr: ir.EpisodeDuration, here: Here, world: World) -> Value:
    window = _window(expr.range, here, world)
    if window.missing:
        return Value(None, window.evidence, window.missing)
    declared = world.episodes[expr.episode]
    gap = value_of(declared.gap, here, world)
    if gap.value is None:
        return gap
    asked = tuple((key, here.key(key)) for key in declared.keys)
    total = 0
    earliest = window.start
    reach = None if window.start is None else window.start - gap.value.count
    missing = [*gaps_of(declared.events, reach, world)]
    for run in runs_of(expr.episode, world):
        if run.keys != asked or run.start > here.time:
            continue
        # At a mark the event past it is known, so a run that passes the mark has lasted up to it.
        known = max(world.times[place] for place in run.positions if world.times[place] <= here.known)
        last = min(known, here.time)
        first = run.start if window.start is None else max(run.start, window.start)
        if last >= first:
            earliest = None if earliest is None else min(earliest, run.start)
            total += last - first
            missing += run.doubts(bisect_right(world.times, here.known) - 1)
    back = None if earliest is None or window.start is None else look_back(earliest, window.start, gap.value)
    ask_run(expr.episode, dict(asked), back, here.known, world)
    if missing:
        return Value(None, (), tuple(dict.fromkeys(missing)))
    value = Period(total, "microsecond")
    return Value(value, (ValueComputed(expr.span, value), *window.evidence))
