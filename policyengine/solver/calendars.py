"""Dates, instants and periods as terms: completed years, a date moved by a period, the day of an instant.

Days and elapsed times are sums of integers, months are reckoned with year, month and day. Working days are a table of
the years whose days off are announced; asking for one keeps cases within these years and notes it in the space, as the
proof then holds for them alone.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import z3

from policyengine.base.calendar import Calendar, WorkingDaysText, add_to_date, read_working_days
from policyengine.base.instants import Period, local_date, start_of_day
from policyengine.core import ir, types
from policyengine.solver.facts import DAY, Place, Space
from policyengine.solver.lists import variables_of
from policyengine.solver.model import NotAnalysable
from policyengine.solver.values import (
    Value,
    conj,
    days_in_month,
    earlier,
    implies,
    is_day,
    number_of_day,
    ordinal,
    parts_of,
)

FIRST, LAST = date(1, 1, 1).toordinal(), date(9999, 12, 31).toordinal()
EPOCH = date(1970, 1, 1).toordinal()


def years(birth: Value, today: Value, space: Space, place: Place) -> Value:
    """Completed years from a date to a day."""
    then, now = (civil_parts(one, space, place) for one in (birth, today))
    not_yet = earlier(now[1:], then[1:], strictly=True)
    return Value(conj((birth.there, today.there)), now[0] - then[0] - z3.If(not_yet, 1, 0))


def civil_parts(value: Value, space: Space, place: Place) -> tuple[Any, Any, Any]:
    """Year, month and day of a date."""
    if isinstance(value.known, date):
        return parts_of(value.known)
    if value.day is not None:
        return value.day
    term = value.term
    if space.dates == "civil":
        return term / 10_000, term / 100 % 100, term % 100
    owners = [space.owners[id] for id in variables_of(term)]
    while place.outer is not None and all(place.outer.within(owner) for owner in owners):
        place = place.outer
    found = space.civil.get(term.get_id())
    if found is None:
        year, month, day = (place.fresh(f"/{part}", z3.IntSort()) for part in ("year", "month", "day"))
        found = year, month, day
        place.axioms += [is_day(*found), implies(value.there, ordinal(*found) == term)]
        place.derived.append((found, term))
        space.civil[term.get_id()] = found
        space.kept.append(term)
    return found


def moved(expr: ir.Apply, left: Value, right: Value, there: Any, space: Space, place: Place,
          calendar: Calendar) -> Value:
    """A sum or difference in which a date or an instant takes part."""
    one, other = (_kind(argument) for argument in expr.arguments)
    if expr.operator == "instant -" or (isinstance(one, types.Date) and isinstance(other, types.Date)):
        return Value(there, left.term - right.term)
    start, period, unit = (left, right, _unit(other)) if isinstance(other, types.Period) else (right, left, _unit(one))
    sign = -1 if expr.operator == "-" else 1
    if types.Instant in (type(one), type(other)):
        if unit == "elapsed":
            return Value(there, start.term + sign * period.term)
        return _last_instant(start, period, unit, there, space, place, calendar)
    return _date_moved(start, period, unit, sign, there, space, place, calendar)


def _date_moved(start: Value, period: Value, unit: str | None, sign: int, there: Any, space: Space, place: Place,
                calendar: Calendar) -> Value:
    match unit:
        case "day":
            moved_to = start.term + sign * period.term
            place.axioms.append(implies(there, z3.And(moved_to >= FIRST, moved_to <= LAST)))
            return Value(there, moved_to)
        case "month":
            return _months(start, period, sign, there, space, place)
        case "working_day":
            if not isinstance(period.known, Period):
                raise NotAnalysable("working days are counted whose number is read from the service")
            return Value(there, _by_table(start.term, period.known.count * sign, there, space, place, calendar))
        case _:
            raise NotAnalysable("a period is added whose unit only the data knows")


def _kind(expr: ir.Expr) -> types.Type:
    match expr:
        case ir.Today():
            return types.Date()
        case ir.EpisodeDuration():
            return types.Period("elapsed")
        case ir.Constant() | ir.Parameter() | ir.Fact() | ir.Get() | ir.Apply() | ir.Latest() | ir.StateValue():
            return expr.type
        case _:
            raise NotAnalysable("a sum of dates or periods of a kind that is not followed")


def _unit(type: types.Type) -> str | None:
    return type.unit if isinstance(type, types.Period) else None


def _months(start: Value, period: Value, sign: int, there: Any, space: Space, place: Place) -> Value:
    year, month, day = civil_parts(start, space, place)
    if isinstance(period.known, Period):
        more_years, more = divmod(sign * period.known.count, 12)
        over = month + more > 12
        new_year = year + more_years + (z3.If(over, 1, 0) if more else 0)
        new_month = z3.If(over, month + (more - 12), month + more) if more else month
    else:
        count = year * 12 + month - 1 + sign * period.term
        new_year, new_month = count / 12, count % 12 + 1
    longest = days_in_month(new_year, new_month)
    parts = new_year, new_month, z3.If(z3.And(day > 28, day > longest), longest, day)
    place.axioms.append(implies(there, z3.And(new_year >= 1, new_year <= 9999)))
    return Value(there, number_of_day(parts, space.dates), day=parts)


# ---- tables of working days -------------------------------------------------------------------------------------

def _by_table(day: Any, count: int | None, there: Any, space: Space, place: Place, calendar: Calendar) -> Any:
    """The day so many working days away (None: the next working day, or the day itself if it is one), for days of the
    years whose days off are known."""
    first, last, runs = _table(count, calendar)
    space.notes.add(f"calendar {date.fromordinal(first).year}-{date.fromordinal(last).year}")
    place.axioms.append(implies(there, z3.And(day >= first, day <= last)))
    found: Any = day + runs[-1][1]
    for end, shift in reversed(runs[:-1]):
        found = z3.If(day <= end, day + shift, found)
    return found


@lru_cache(maxsize=64)
def _table(count: int | None, calendar: Calendar) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    """From, to, and runs (last day of the run, by how much its days move)."""
    working_days = working_years(calendar)
    first, last = date(working_days[0], 1, 1), date(working_days[-1], 12, 31)
    runs: list[tuple[int, int]] = []
    day = first
    while day <= last:
        if count is None:
            moved_to = add_to_date(day - timedelta(days=1), Period(1, "working_day"), calendar)
        else:
            moved_to = add_to_date(day, Period(count, "working_day"), calendar)
        shift = (moved_to - day).days
        if runs and runs[-1][1] == shift:
            runs[-1] = (day.toordinal(), shift)
        else:
            runs.append((day.toordinal(), shift))
        day += timedelta(days=1)
    return first.toordinal(), runs[-1][0], tuple(runs)


def working_years(calendar: Calendar) -> tuple[int, ...]:
    """The last years whose days off are announced, three at most; this decade's first where there is no calendar."""
    named = calendar.working_days
    if isinstance(named, WorkingDaysText):
        named = read_working_days(named.name, named.text)
    if named is None:
        raise NotAnalysable("working days are counted, and the regulation names none")
    return tuple(sorted(named.years)[-3:]) or (2026,)


# ---- the day of an instant --------------------------------------------------------------------------------------

def local_day(instant: Any, calendar: Calendar) -> Any:
    """The day number of an instant (microseconds UTC) in the regulation's zone, as a term.

    Exact where the zone's clocks do not change between 2020 and 2040; else not analysable.
    """
    return (instant + offset(calendar.zone)) / DAY + EPOCH


@lru_cache(maxsize=64)
def offset(zone: str) -> int:
    """How far (microseconds) the zone is before UTC, where that is the same from 2020 to 2040."""
    offsets = {(day.toordinal() - EPOCH) * DAY - start_of_day(day, zone)
               for year in range(2020, 2041) for month in range(1, 13) for day in (date(year, month, 1),)}
    if len(offsets) != 1:
        raise NotAnalysable(f"the clocks of {zone} change, and a day is taken from an instant that is not fixed")
    return offsets.pop()


def _last_instant(start: Value, period: Value, unit: str | None, there: Any, space: Space, place: Place,
                  calendar: Calendar) -> Value:
    """The last instant of the day that a period in days, months or working days ends with."""
    day = Value(there, local_day(start.term, calendar))
    if isinstance(start.known, int):
        day = Value(there, z3.IntVal(local_date(start.known, calendar.zone).toordinal()))
    last = _date_moved(day, period, unit, 1, there, space, place, calendar).term
    if calendar.moves_to_working_day and unit != "working_day":
        last = _by_table(last, None, there, space, place, calendar)
    return Value(there, (last + 1 - EPOCH) * DAY - offset(calendar.zone) - 1)
