"""When legal periods end: days, months and working days in a regulation's zone, by its calendar of working days.

In come instants (microseconds UTC), dates and periods with the regulation's `Calendar`; out come instants, dates, and
whether an answer rests on working days nobody has announced yet. Which rule asks, and why, is not known here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import MAXYEAR, date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal, assert_never

import yaml

from policyengine.base.instants import OutOfRange as OutOfRange
from policyengine.base.instants import Period, local_date, period_text, start_of_day
from policyengine.base.record import record

CalendarUnit = Literal["day", "week", "month", "year"]

_DAY = timedelta(days=1)
_SATURDAY = 5
# The standard library has them too, in a module that takes 10 ms to import.
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# A notice for a year may give a day off in the last week of the year before and have its weekend worked, as the one
# for 2019 did with 31 and 29 December 2018. Until it is out, that week is as open as the year itself.
_LAST_WEEK = (12, 25)


@record
class Notice:
    """The official text that arranged a year's days off."""

    year: int
    number: str
    date: date
    title: str


@record
class WorkingDays:
    """Which days are worked: Monday to Friday, but for days off, and the weekend days worked in return.

    A year without a notice follows plain weekdays; that answer is provisional.
    """

    name: str
    days_off: frozenset[date]
    days_worked: frozenset[date]
    years: frozenset[int]
    notices: tuple[Notice, ...] = field(default=(), hash=False)

    def is_working_day(self, day: date) -> bool:
        """True when work is done on that day, as far as it is announced."""
        return day in self.days_worked or (day.weekday() < _SATURDAY and day not in self.days_off)

    def announced(self, year: int) -> bool:
        """True when the notice for that year is known here."""
        return year in self.years

    def settled(self, day: date) -> bool:
        """True when no notice still to come is expected to change that day."""
        return self.announced(day.year) and ((day.month, day.day) < _LAST_WEEK or self.announced(day.year + 1))


@record
class WorkingDaysText:
    """The text of a file of working days, not yet taken apart: few runs count any, and reading dates costs 4 ms."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """How a regulation counts: its time zone, its working days, and whether a period's end moves off a day off.

    The move concerns days, weeks, months and years; working days end on a working day anyway, and hours never move.
    """

    zone: str
    working_days: WorkingDays | WorkingDaysText | None = None
    moves_to_working_day: bool = False

    def __post_init__(self) -> None:
        if self.moves_to_working_day and self.working_days is None:
            raise ValueError("a calendar that moves the end of a period to a working day names no working days")


def closes(start: int, period: Period, calendar: Calendar) -> int:
    """The first instant too late for what is due within `period` of `start`; all in microseconds UTC.

    Elapsed time is still in time at `start` + D. A legal period does not count the day of its start, and ends with the
    end of its last day in the calendar's zone. ValueError when working days are counted and the calendar has none, or
    past the year 9999.
    """
    if period.is_elapsed:
        return start + period.count + 1
    return start_of_day(_shift(_last_day(local_date(start, calendar.zone), period, calendar), 1), calendar.zone)


def last_instant(start: int, period: Period, calendar: Calendar) -> int:
    """The last instant in time: a microsecond before it `closes`."""
    return closes(start, period, calendar) - 1


def provisional(start: int, period: Period, calendar: Calendar) -> bool:
    """True when the end of that period rests on a day whose working or not is yet to be announced.

    Elapsed periods never do, working days do with each day they count or pass over, other legal periods only where
    their end moves to a working day, and then with the days from the nominal end to the one it moves to.
    """
    if period.unit == "microsecond" or (period.unit != "working_day" and not calendar.moves_to_working_day):
        return False
    return _rests_on_open_days(local_date(start, calendar.zone), period, calendar)


@lru_cache(maxsize=65_536)
def _rests_on_open_days(first: date, period: Period, calendar: Calendar) -> bool:
    counted_from = _shift(first, 1) if period.unit == "working_day" else add_to_date(first, period, calendar)
    working_days = _working_days(calendar, period)
    return not all(working_days.settled(day) for day in _days(counted_from, _last_day(first, period, calendar)))


@lru_cache(maxsize=65_536)
def _last_day(first: date, period: Period, calendar: Calendar) -> date:
    day = add_to_date(first, period, calendar)
    if calendar.moves_to_working_day:
        working_days = _working_days(calendar, period)
        while not working_days.is_working_day(day):
            day = _shift(day, 1)
    return day


def add_to_date(day: date, period: Period, calendar: Calendar) -> date:
    """The day `period` after `day`. Months clamp to the month's end: 31 January and 1 month is 28 or 29 February.

    This is arithmetic on dates, so the result stays where it falls, on a day off too. ValueError for hours and
    shorter, for working days where the calendar has none, and past the year 9999.
    """
    return _moved(day, period, calendar, 1)


def subtract_from_date(day: date, period: Period, calendar: Calendar) -> date:
    """The day `period` before `day`; otherwise as `add_to_date`."""
    return _moved(day, period, calendar, -1)


def _moved(day: date, period: Period, calendar: Calendar, sign: Literal[1, -1]) -> date:
    match period.unit:
        case "microsecond":
            raise ValueError(f"a date cannot be moved by `{period_text(period)}`; it has no time of day")
        case "day":
            return _shift(day, sign * period.count)
        case "month":
            return _shift_months(day, sign * period.count)
        case "working_day":
            working_days, left = _working_days(calendar, period), abs(period.count)
            step = sign if period.count > 0 else -sign
            odd = _odd_days(working_days)
            while left > 0:
                if left > 5:
                    # Each week that no notice changes has five; the last ones are counted day by day, to end on one.
                    place = bisect_right(odd, day) if step > 0 else bisect_left(odd, day) - 1
                    free = abs((odd[place] - day).days) - 1 if 0 <= place < len(odd) else 7 * left
                    weeks = min((left - 1) // 5, free // 7)
                    day, left = _shift(day, step * 7 * weeks), left - 5 * weeks
                day = _shift(day, step)
                left -= working_days.is_working_day(day)
            return day
        case _:
            assert_never(period.unit)


@lru_cache(maxsize=16)
def _odd_days(working_days: WorkingDays) -> list[date]:
    """The days that are not as in a plain week, in order."""
    return sorted(working_days.days_off | working_days.days_worked)


def _working_days(calendar: Calendar, period: Period) -> WorkingDays:
    match calendar.working_days:
        case WorkingDays() as known:
            return known
        case WorkingDaysText(name, text):
            return read_working_days(name, text)
        case None:
            raise ValueError(f"`{period_text(period)}` cannot be counted, as the regulation names no working days")
        case _:
            assert_never(calendar.working_days)


def _shift(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise OutOfRange("a period ends outside the years 1 to 9999") from None


def _shift_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= MAXYEAR:
        raise OutOfRange("a period ends outside the years 1 to 9999")
    leap = month == 1 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return date(year, month + 1, min(day.day, _MONTH_DAYS[month] + leap))


def start_of(unit: CalendarUnit, us: int, calendar: Calendar) -> int:
    """The first instant of the day, week (from Monday), month or year around an instant, in the calendar's zone."""
    day = local_date(us, calendar.zone)
    match unit:
        case "day":
            first = day
        case "week":
            first = _shift(day, -day.weekday())
        case "month":
            first = day.replace(day=1)
        case "year":
            first = day.replace(month=1, day=1)
        case _:
            assert_never(unit)
    return start_of_day(first, calendar.zone)


def completed_years(birth: date, on: date) -> int:
    """The age on a day. Who is born on 29 February completes a year on 1 March where there is no 29 February.

    Negative when `on` is before `birth`.
    """
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def load_working_days(source: Path | Mapping[str, object]) -> WorkingDays:
    """The working days of a file such as `regulations/calendars/cn.yaml`, or of what such a file holds.

    ValueError when they are not in order; OSError when there is no such file.
    """
    if isinstance(source, Path):
        return read_working_days(source.stem, source.read_text(encoding="utf-8"))
    return _from_mapping(source)


@lru_cache(maxsize=16)
def read_working_days(name: str, text: str) -> WorkingDays:
    """The working days a YAML text lists. `name` stands in messages. ValueError when they are not in order."""
    try:
        data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as problem:
        raise ValueError(f"the working days `{name}` are not YAML: {' '.join(str(problem).split())}") from None
    if not isinstance(data, Mapping):
        raise ValueError(f"the working days `{name}` are not a mapping with `name` and `years`")
    return _from_mapping(data)


def _from_mapping(data: Mapping[str, object]) -> WorkingDays:
    match data:
        case {"name": str(name), "years": {**years}}:
            pass
        case _:
            raise ValueError("working days need a `name` and `years`")
    notices: list[Notice] = []
    off: set[date] = set()
    worked: set[date] = set()
    for year, arrangement in years.items():
        match year, arrangement:
            case int(), {"notices": [_, *_] as texts, "holidays": [*rows]}:
                notices += [_notice(name, year, text) for text in texts]
            case _:
                raise ValueError(f"working days `{name}`: `{year}` is not a year with `notices` and `holidays`")
        for row in rows:
            row_off, row_worked = _row(name, year, row)
            off.update(row_off)
            worked.update(row_worked)
    if both := off & worked:
        raise ValueError(f"working days `{name}`: {min(both)} is both off and worked")
    return WorkingDays(name, frozenset(off), frozenset(worked), frozenset(n.year for n in notices), tuple(notices))


def _notice(name: str, year: int, data: object) -> Notice:
    match data:
        case {"number": str(number), "date": date() as published, "title": str(title)}:
            return Notice(year, number, published, title)
        case _:
            raise ValueError(f"working days `{name}`: a notice for {year} needs `number`, `date` and `title`")


def _row(name: str, year: int, data: object) -> tuple[list[date], list[date]]:
    """The days off and the days worked in return of one line of a notice."""
    match data:
        # A YAML time is a datetime, which is a date to isinstance.
        case {"from": date() as first, "to": date() as last, "worked": [*worked]} if type(first) is type(last) is date:
            off = list(_days(first, last))
        case _:
            raise ValueError(f"working days `{name}`: a row of {year} needs the days `from` and `to`, and `worked`")
    if not off:
        raise ValueError(f"working days `{name}`: {last} comes before {first}")
    for day in worked:
        if type(day) is not date or day.weekday() < _SATURDAY:
            raise ValueError(f"working days `{name}`: {day} is no Saturday or Sunday, so it needs no making up")
    for day in off + worked:
        if day.year != year and not (day.year == year - 1 and (day.month, day.day) >= _LAST_WEEK):
            raise ValueError(f"working days `{name}`: {day} stands in the arrangement for {year}")
    return off, worked


def _days(first: date, last: date) -> Iterator[date]:
    """Each day from first to last, both included; none when last is before first."""
    return (first + n * _DAY for n in range((last - first).days + 1))
