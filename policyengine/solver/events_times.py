"""The instants at which an answer about a trace may turn: the ends of periods, seen from a moment.

In come a moment, the periods that two rules name and a calendar; out come instants just inside and just outside a
period, in the order in which a search should try them, and days on which two periods end in one order or the other.
Instants are UTC microseconds. Which rule asks, and what for, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Literal

from policyengine.base.calendar import Calendar, CalendarUnit, closes, start_of
from policyengine.base.instants import Period, local_date, start_of_day
from policyengine.base.record import record
from policyengine.core.conditions import earliest_within

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

FIRST_YEAR, LAST_YEAR = 2026, 2028
"""The years over which periods of different kinds are compared day by day."""
CALENDAR_NOTE = f"calendar {FIRST_YEAR}-{LAST_YEAR}"

Times = tuple[tuple[int, ...], tuple[int, ...]]
"""Instants inside a window and instants outside it, the most telling first."""


def noon(day: date, calendar: Calendar) -> int:
    """Twelve o'clock, or near it on a day the clocks change."""
    return start_of_day(day, calendar.zone) + 12 * HOUR


def first_workday(instant: int, calendar: Calendar) -> date:
    """The first Monday on or after the day of an instant: a day on which nothing in particular happens."""
    day = local_date(instant, calendar.zone)
    return day + timedelta(days=-day.weekday() % 7)


def after(now: int, known: int, period: Period, others: Iterable[Period], calendar: Calendar) -> Times:
    """For what is due within a period: its last instant first, then those at which other periods have just ended."""
    end = closes(known, period, calendar)
    edges = sorted({closes(known, other, calendar) for other in others})
    inside = [end - 1, *(edge for edge in reversed(edges) if now < edge < end), now + min(MINUTE, (end - now) // 2)]
    outside = [end, *(edge - 1 for edge in edges if edge > end)]
    return _once(inside), _once(outside)


def before(now: int, period: Period, others: Iterable[Period], calendar: Calendar) -> Times:
    """For what was within the last period: its first instant, then those that other periods just do not reach."""
    first = earliest_within(now, period, calendar)
    edges = sorted({earliest_within(now, other, calendar) for other in others}, reverse=True)
    inside = [first, *(edge - 1 for edge in reversed(edges) if first < edge <= now),
              now - min(MINUTE, (now - first) // 2)]
    outside = [first - 1, *(edge for edge in edges if edge < first)]
    return _once(inside), _once(outside)


def ever_before(now: int, periods: Iterable[Period], calendar: Calendar) -> tuple[int, ...]:
    """For what was at any time before: lately, and longer ago than each period reaches."""
    return _once([now - 20 * MINUTE, *(earliest_within(now, one, calendar) - 1 for one in periods)])


def this(now: int, unit: CalendarUnit, calendar: Calendar) -> Times:
    """For what was in the calendar unit of the moment: lately, at its start, at the starts of smaller units."""
    starts = {one: start_of(one, now, calendar) for one in ("day", "week", "month", "year")}
    first = starts[unit]
    inside = [first, *sorted({one - 1 for one in starts.values() if first < one}), max(first, now - 10 * MINUTE)]
    outside = [first - 1, *sorted({one for one in starts.values() if one < first}, reverse=True)]
    return _once(inside), _once(outside)


def _once(times: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(times))


# ---- two periods ------------------------------------------------------------------------------------------------

@record
class Order:
    """Which of two periods ends first. `always` is `<=`, `>=` or `=` where that holds from every start, None where it
    depends on the day; `earlier` and `later` are days on which the left one ends strictly first, strictly last.
    `by_table`: known from the days of `CALENDAR_NOTE` alone."""

    always: Literal["<=", ">=", "="] | None
    earlier: date | None = None
    later: date | None = None
    by_table: bool = False


def order_of(left: Period, right: Period, calendar: Calendar) -> Order:
    """How the ends of two periods from one start compare."""
    if left.unit == right.unit:
        return Order("=" if left.count == right.count else "<=" if left.count < right.count else ">=")
    earlier: date | None = None
    later: date | None = None
    for day in table_days():
        starts: Sequence[int] = (start_of_day(day, calendar.zone),)
        if left.is_elapsed or right.is_elapsed:
            starts = (starts[0], start_of_day(day + timedelta(days=1), calendar.zone) - 1)
        for start in starts:
            difference = closes(start, left, calendar) - closes(start, right, calendar)
            if difference < 0:
                earlier = earlier or day
            elif difference > 0:
                later = later or day
        if earlier and later:
            break
    return Order("=" if not earlier and not later else "<=" if not later else ">=" if not earlier else None,
                 earlier, later, True)


def table_days() -> Iterator[date]:
    """The days of the table."""
    first = date(FIRST_YEAR, 1, 1)
    return (first + timedelta(days=number) for number in range((date(LAST_YEAR + 1, 1, 1) - first).days))


def telling_days(pairs: Iterable[tuple[Period, Period]], calendar: Calendar) -> tuple[date, ...]:
    """For each two periods: a day from which the one ends first, and one from which the other does."""
    found: dict[date, None] = {}
    for left, right in pairs:
        if left.is_elapsed or right.is_elapsed:
            continue
        try:
            order = order_of(left, right, calendar)
        except ValueError:
            continue  # past the end of the calendar
        found.update((day, None) for day in (order.earlier, order.later) if day is not None)
    return tuple(found)
