"""A case out of an answer: the same one on every run, with as few facts as will do and values where the answer turns.

In come the variables of a case and a solver that knows what the case must show; out come raw facts that fit the
vocabulary, and the instant of judgement. Every choice is the first of a fixed list that the solver finds possible, so
nothing depends on which case the solver happened to find. Whether the case shows what it should, the evaluator is asked
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, assert_never

import z3

from policyengine.base.calendar import Calendar
from policyengine.base.instants import (
    Period,
    iso_instant,
    local_date,
    local_time,
    parse_instant,
    parse_period,
    period_text,
    start_of_day,
)
from policyengine.core import types
from policyengine.core.standing import typed
from policyengine.solver.facts import Field, Place, exact, fits_text
from policyengine.solver.lists import Elements, Region
from policyengine.solver.model import NotAnalysable, Options
from policyengine.solver.questions import Asker, Question
from policyengine.solver.values import (
    clock_of,
    date_number,
    date_of,
    microseconds,
    neg,
    number,
    parts_of,
    same_day,
)

Mapped = Callable[[Any], Any]
"""A model element's term -> the term it stands for: its own, or that of a region's copy."""

_UNITS = {"elapsed": "microsecond", "day": "day", "month": "month", "working_day": "working_day"}


@dataclass
class Builder:
    """Makes one case. The solver has been told what the case must show."""

    question: Question
    asker: Asker
    options: Options
    calendar: Calendar
    today: date | None = None

    def case(self) -> tuple[dict[str, Any], int]:
        """The facts, and the instant of judgement (UTC microseconds)."""
        as_of = self.moment()
        self.today = local_date(as_of, self.calendar.zone)
        return self.record(self.question.facts, _itself), as_of

    def moment(self) -> int:
        """The instant of judgement: the usual one if it will do."""
        usual, zone = self.options.as_of, self.calendar.zone
        day, clock = local_date(usual, zone), local_time(usual, zone)
        self.today = day
        if self.question.today is not None:
            day = self.date(self.question.today, _itself)
        if self.question.clock is not None:
            clock = self.clock(self.question.clock, _itself, (clock,))
        if day == local_date(usual, zone) and clock == local_time(usual, zone):
            return usual
        return start_of_day(day, zone) + (0 if self.question.clock is None else microseconds(clock))

    # -- choosing -------------------------------------------------------------------------------------------------

    def choose(self, test: Any) -> bool:
        """Whether a condition can hold besides all that was chosen; it then does."""
        return self.asker.choose(test)

    def least(self, term: Any, low: int = 0) -> int:
        """The least value of an integer term from `low` up, where it has one."""
        if self.choose(term == low):
            return low
        high, step = low + 1, 1
        while not self.choose(z3.And(term > low, term <= high)):
            if step > 1 << 64:
                raise NotAnalysable("no value was found in time")
            low, high, step = high, high + 2 * step, step * 2
        while low + 1 < high:
            middle = (low + high) // 2
            if self.choose(term <= middle):
                high = middle
            else:
                low = middle
        return high

    # -- records --------------------------------------------------------------------------------------------------

    def record(self, place: Place, mapped: Mapped) -> dict[str, Any]:
        """The fields of a record that were asked for and those that must be there, as few as will do."""
        made: dict[str, Any] = {}
        present = [path for path in sorted(place.presences, key=lambda path: (len(path), path))
                   if not self.choose(neg(mapped(place.presences[path])))]
        for path in sorted(present):
            self.put(made, place, path, mapped)
        _complete(made, place.schemas)
        return made

    def put(self, made: dict[str, Any], place: Place, path: tuple[str, ...], mapped: Mapped) -> None:
        into = made
        for name in path[:-1]:
            into = into.setdefault(name, {})
        if path in place.lists:
            into[path[-1]] = self.items(place.lists[path], mapped)
        elif path in place.fields:
            into[path[-1]] = self.single(place.fields[path], mapped)
        elif path[-1] not in into:
            schemas = place.schemas_at(path)
            into[path[-1]] = filler(schemas) if _is_single(schemas) else {}

    # -- lists ----------------------------------------------------------------------------------------------------

    def items(self, elements: Elements, mapped: Mapped) -> list[Any]:
        if elements.counting:
            self.least(mapped(z3.Sum([z3.IntVal(0), *(region.count for region in elements.regions)])), elements.least)
        counts = [self.many(region, mapped) for region in reversed(elements.regions)]
        made: list[Any] = []
        for region, count in zip(elements.regions, reversed(counts), strict=True):
            if count:
                made += self.of_region(elements, region, count, mapped, made)
        return made

    def many(self, region: Region, mapped: Mapped) -> int:
        """How many elements of a region there are: as few as will do."""
        if self.choose(neg(mapped(region.some))):
            return 0
        return 1 if region.count is None else self.least(mapped(region.count), 1)

    def of_region(self, elements: Elements, region: Region, count: int, mapped: Mapped,
                  before: list[Any]) -> Iterator[Any]:
        """So many elements of a region, alike but for what tells them apart where each must be there once."""
        texts = self.question.space.texts
        if elements.by_text:
            if region.text is not None:
                yield from [texts.named()[region.text]] * count
                return
            taken = {one.text for one in elements.regions}
            listed = [text for schema in elements.model.schemas for text in schema.get("enum", ())]
            free = [text for text in listed if texts.places[text] not in taken]
            yield from (free[place % len(free)] if listed else texts.other(place, elements.model.schemas)
                        for place in range(count))
            return
        single = elements.model.fields.get(())
        apart = elements.unique and single is not None
        taken_before = list(before)
        one: Any = None
        for place in range(count):
            if place and not apart:
                one = deepcopy(one)  # the elements of a region may be alike
            elif region.copies and place:
                raise NotAnalysable("no second element was found beside one that must be there once")
            elif region.copies:
                one = self.element(elements, _copied(region, mapped), self)
            else:
                asker = Asker((*elements.model.axioms, region.holds(elements.conditions)), self.options)
                if single is not None and apart:
                    asker.add(*(single.term != self.as_term(single.type, other) for other in taken_before))
                alone = Builder(self.question, asker, self.options, self.calendar, self.today)
                one = alone.element(elements, _itself, alone)
            if apart:
                taken_before.append(one)
            yield _told_apart(one, elements, len(before) + place)

    def element(self, elements: Elements, mapped: Mapped, builder: Builder) -> Any:
        model = elements.model
        if isinstance(elements.type.item, types.Record):
            return builder.record(model, mapped)
        single = model.fields.get(())
        if single is None:
            return filler(model.schemas) if model.schemas else _any_value(elements.type.item)
        return builder.single(single, mapped)

    # -- single values --------------------------------------------------------------------------------------------

    def as_term(self, type: types.Type, raw: Any) -> Any:
        return self.question.space.constant(typed(raw, type))

    def single(self, one: Field, mapped: Mapped) -> Any:
        """The raw value of a field that is there."""
        term = mapped(one.term)
        match one.type:
            case types.Bool():
                return self.choose(term)
            case types.Text():
                return self.text(one, term)
            case types.Number():
                return self.number(one, term)
            case types.Date():
                return self.date(one, mapped).isoformat()
            case types.Instant():
                return iso_instant(self.instant(term), self.calendar.zone)
            case types.TimeOfDay():
                return self.clock(one, mapped, ()).isoformat()
            case types.Period():
                return self.period(one.type, term)
            case types.ListOf() | types.Record() | types.Unknown():
                raise AssertionError(f"no single value: {one.path}")
            case _:
                assert_never(one.type)

    def text(self, one: Field, term: Any) -> str:
        texts = self.question.space.texts
        order = [text for schema in one.schemas for text in schema.get("enum", ())] or texts.named()
        for text in order:
            if text in texts.places and self.choose(term == texts.places[text]):
                return str(text)
        place = -self.least(-term, 1)
        return texts.other(-place - 1, one.schemas)

    def number(self, one: Field, term: Any) -> int | Decimal:
        whole = term.sort() == z3.IntSort()
        for value in _critical_numbers(self.question.critical.get("Number", ()), whole):
            if self.choose(term == number(value)):
                return _raw(value)
        for digits in (0,) if whole else (0, 1, 2, 3, 6, 9):
            scaled = term * 10 ** digits
            if whole or self.choose(z3.IsInt(scaled)):
                if self.choose(term >= 0):
                    count = self.least(scaled)
                else:
                    count = -self.least(-scaled)
                return _raw(Fraction(count, 10 ** digits)) if digits else count
        raise NotAnalysable("no number of so few digits was found")

    def date(self, one: Field, mapped: Mapped) -> date:
        mode = self.question.space.dates
        term = mapped(one.term)
        parts = tuple(mapped(part) for part in one.parts)
        assert self.today is not None
        for day in _critical_days(self.question.critical, self.today):
            if self.choose(same_day(parts, parts_of(day)) if parts else term == day.toordinal()):
                return day
        usual = date_number(self.today, mode)
        if self.choose(term >= usual):
            return date_of(self.least(term, usual), mode)
        return date_of(-self.least(-term, -usual), mode)

    def instant(self, term: Any) -> int:
        for value in (self.options.as_of, *self.around("Instant", parse_instant, (1,))):
            if self.choose(term == value):
                return value
        if self.choose(term >= self.options.as_of):
            return self.least(term, self.options.as_of)
        return -self.least(-term, -self.options.as_of)

    def clock(self, one: Field, mapped: Mapped, first: Iterable[time]) -> time:
        term = mapped(one.term)
        for count in (*(microseconds(clock) for clock in first),
                      *self.around("TimeOfDay", lambda raw: microseconds(time.fromisoformat(raw)), (60_000_000, 1))):
            if self.choose(term == count):
                return clock_of(count)
        return clock_of(self.least(term))

    def period(self, type: types.Period, term: Any) -> str:
        unit = _UNITS[type.unit or "day"]
        counts = [period.count for raw in self.question.critical.get("Period", ())
                  for period in (parse_period(raw),) if period.unit == unit]
        for count in sorted({each for one in counts for each in (one, one - 1, one + 1) if each >= 0}):
            if self.choose(term == count):
                return period_text(Period(count, unit))  # type: ignore[arg-type]
        return period_text(Period(self.least(term), unit))  # type: ignore[arg-type]

    def around(self, kind: str, parse: Callable[[Any], int], steps: tuple[int, ...]) -> list[int]:
        """Critical values and those just beside them."""
        found = [parse(raw) if isinstance(raw, str) else raw for raw in self.question.critical.get(kind, ())]
        return list(dict.fromkeys([*found, *(one + sign * step for one in found for step in steps
                                             for sign in (-1, 1))]))


def _itself(term: Any) -> Any:
    return term


def _copied(region: Region, mapped: Mapped) -> Mapped:
    return lambda term: mapped(z3.substitute(term, *region.copies))


def _raw(value: int | Fraction) -> int | Decimal:
    if isinstance(value, int) or value.denominator == 1:
        return int(value)
    return Decimal(value.numerator) / Decimal(value.denominator)


def raw_value(type: types.Type, value: Any) -> Any:
    """A raw value as data writes it, by what the solver reckons with: numbers, dates, counts."""
    match type:
        case types.Date():
            return value.isoformat()
        case types.Instant():
            return iso_instant(value, "UTC")
        case types.TimeOfDay():
            return clock_of(value).isoformat()
        case types.Period(unit):
            return period_text(Period(value, _UNITS[unit or "day"]))  # type: ignore[arg-type]
        case _:
            return _raw(value)


def _critical_numbers(constants: Iterable[Any], whole: bool) -> list[int | Fraction]:
    """The numbers a policy names and their neighbours, small ones first."""
    found: set[int | Fraction] = {0, 1}
    for one in constants:
        value = exact(one)
        found.add(value)
        if whole:
            found |= {int(value) - 1, int(value), int(value) + 1}
        else:
            step = Fraction(1) if Fraction(value).denominator == 1 else Fraction(1, 100)
            found |= {value - step, value + step}
    kept = {Fraction(one) for one in found if not whole or Fraction(one).denominator == 1}
    ordered = sorted(kept, key=lambda one: (_length(one), one < 0, abs(one)))
    return [int(one) if whole else one for one in ordered]


def _length(value: Fraction) -> int:
    return len(str(abs(value.numerator))) + len(str(value.denominator))


def _critical_days(critical: Mapping[str, tuple[Any, ...]], today: date) -> list[date]:
    """The day of judgement, the days a policy names, the birthdays its ages turn on, and the days beside them."""
    named = [date.fromisoformat(raw) if isinstance(raw, str) else raw for raw in critical.get("Date", ())]
    ages = sorted({int(exact(raw)) for raw in critical.get("Number", ()) if 0 < exact(raw) <= 150})
    born = [_years_before(today, age) for age in ages]
    found = [today, *named, *born]
    for one in list(found):
        for days in (1, -1):
            if date.min < one < date.max:
                found.append(one + timedelta(days=days))
    return list(dict.fromkeys(found))


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 3, 1) if day.year > years else date.min


# ---- what is not asked but must be there ------------------------------------------------------------------------

def _is_single(schemas: tuple[Mapping[str, Any], ...]) -> bool:
    return bool(schemas) and schemas[0].get("type") != "object"


def _complete(made: dict[str, Any], schemas: tuple[Mapping[str, Any], ...]) -> None:
    """Puts in what a record must have."""
    for schema in schemas:
        declared = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in made:
                made[name] = filler((declared.get(name, {}),))
        for name, value in made.items():
            if isinstance(value, dict) and name in declared:
                _complete(value, (declared[name],))


def filler(schemas: tuple[Mapping[str, Any], ...]) -> Any:
    """The simplest value that fits a schema."""
    schema = schemas[0] if schemas else {}
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            made: dict[str, Any] = {}
            _complete(made, (schema,))
            return made
        case "array":
            return [filler((schema.get("items", {}),)) for _ in range(schema.get("minItems", 0))]
        case "boolean":
            return False
        case "integer" | "number":
            low, high = schema.get("minimum", 0), schema.get("maximum", 0)
            return max(0, low) if "maximum" not in schema or high >= max(0, low) else high
        case _:
            form = schema.get("format")
            if form == "date":
                return "2026-01-01"
            if form == "date-time":
                return "2026-01-01T00:00:00Z"
            if form == "period":
                return f"1 {schema.get('x-unit', 'day')}"
            return next((text for text in ("x", "x" * schema.get("minLength", 0)) if fits_text(schema, text)), "x")


def _any_value(type: types.Type) -> Any:
    match type:
        case types.Text(values) if values:
            return values[0]
        case types.Text():
            return "x"
        case types.Bool():
            return False
        case types.Date():
            return "2026-01-01"
        case types.Instant():
            return "2026-01-01T00:00:00Z"
        case types.Period(unit):
            return period_text(Period(1, _UNITS[unit or "day"]))  # type: ignore[arg-type]
        case _:
            return 0


def _told_apart(one: Any, elements: Elements, before: int) -> Any:
    """Gives a record a name of its own where nobody asks for it: a required text, such as `name`."""
    if not isinstance(one, dict):
        return one
    for schema in elements.model.schemas:
        for name in schema.get("required", ()):
            declared = schema.get("properties", {}).get(name, {})
            if (name,) not in elements.model.fields and declared.get("type") == "string" and not (
                    {"enum", "format", "pattern"} & declared.keys()):
                one[name] = f"{name} {before + 1}"
    return one
