"""Calendars as a table: for each local day a trace may ask about, when legal periods close and calendar units begin.

In come a regulation's calendar, the instants a trace spans and the days on which it has events; out come rows for the
table `calendar` and the zone's offset as SQL. Days are counted from 1 January 1970, local; instants are UTC
microseconds.

A day that nobody asks about costs as much as any other, and one event whose clock is off may lie centuries from the
rest. So long stretches without events are left out: who asks about a day in one finds no row, and leaves the moment to
the evaluator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import count, pairwise

from policyengine.base.calendar import (
    Calendar,
    OutOfRange,
    add_to_date,
    closes,
    start_of,
    subtract_from_date,
)
from policyengine.base.instants import Period, local_date, offsets_between, period_text, start_of_day
from policyengine.base.record import record
from policyengine.core.conditions import earliest_within
from policyengine.trace.plan.terms import DAY

_EPOCH = date(1970, 1, 1).toordinal()
# The first and the last day that begin within the years 1 to 9999 in every zone.
_FIRST, _LAST = date.min.toordinal() + 1 - _EPOCH, date.max.toordinal() - 1 - _EPOCH
_BEFORE = 1_000_000  # more days than from the year 1 to 1970: no instant is negative then, and to divide rounds down
_MARGIN = 400  # days before the first event and after the last that rules may count from
_DEADLINES = 60 * 366  # days after that until which a date can be a deadline
_STRETCH = 40 * 366  # days without events that are left out only if there are more

OF_MOMENTS = ("closes", "earliest", "day", "week", "month", "year")
"""The kinds of lookup that moments ask about their own day, not about a date that an event names."""

FOREVER = _LAST - _FIRST
"""More days than any run lasts."""


@record
class Lookup:
    """What is looked up by local day: `closes` or `earliest` of a period, the day a period `after` or `ago`, `midnight`
    (`due` for days far ahead too), or the start of a calendar unit.

    `carries`: for every multiple of the period, as marks count them along a run whose events each carry it for so many
    days at most; 0: of the period alone.
    """

    kind: str
    period: Period | None
    carries: int = 0

    @property
    def what(self) -> str:
        """Its name in the table."""
        name = self.kind if self.period is None else f"{self.kind} {period_text(self.period)}"
        if not self.carries:
            return name
        return f"{name} and on" if self.carries >= FOREVER else f"{name} and on ({self.carries} days)"


@record
class Horizon:
    """The local days that the calendar may cover, and the zone's offsets in them: from which instant (UTC
    microseconds), how much (microseconds) local time is ahead; the first holds before it too."""

    first: int
    last: int
    end: int
    offsets: tuple[tuple[int, int], ...]

    @staticmethod
    def of(calendar: Calendar, first: int, last: int) -> Horizon:
        """What a trace from `first` to `last` (UTC microseconds) may ask about."""
        zone = calendar.zone
        days = (max(_day(local_date(first, zone)) - _MARGIN, _FIRST),
                min(_day(local_date(last, zone)) + _MARGIN, _LAST))
        begins = [start_of_day(_date(day), zone) for day in days]
        return Horizon(*days, last, tuple(offsets_between(begins[0], begins[1], zone)))

    @property
    def rising(self) -> bool:
        """Whether no local day comes twice, as one does where clocks are set back past midnight."""
        return all((at - 1 + before) // DAY <= (at + after) // DAY
                   for (_, before), (at, after) in pairwise(self.offsets))

    @property
    def begins(self) -> int:
        """The local day of the first event."""
        return self.first + _MARGIN

    def offset(self, t: str) -> str:
        """How much local time is ahead at an instant given in SQL."""
        return _halved(t, self.offsets)

    def day(self, t: str) -> str:
        """The local day of an instant given in SQL."""
        return f"(({t} + {self.offset(t)} + {_BEFORE * DAY}) // {DAY} - {_BEFORE})"


def _halved(t: str, offsets: Sequence[tuple[int, int]]) -> str:
    """The offset by halves: of a thousand changes of the clocks each row passes ten."""
    if len(offsets) == 1:
        return str(offsets[0][1])
    half = len(offsets) // 2
    return (f"(CASE WHEN {t} < {offsets[half][0]} THEN {_halved(t, offsets[:half])} "
            f"ELSE {_halved(t, offsets[half:])} END)")


def of_busy_days(lookups: Iterable[Lookup], horizon: Horizon) -> bool:
    """Whether `calendar_rows` must know which days have events; else the first of them is enough."""
    return (horizon.first == _FIRST or horizon.last - horizon.first > _STRETCH
            or any(lookup.carries for lookup in lookups))


def longest(period: Period) -> int:
    """More days than a period ever takes: a working day comes at least every third week."""
    return min(period.count // DAY + 2 if period.is_elapsed else 31 * period.count + 60, FOREVER)


def calendar_rows(lookups: Iterable[Lookup], horizon: Horizon, calendar: Calendar, days: Iterable[int],
          ) -> tuple[list[tuple[str, int, int, int]], frozenset[Lookup]]:
    """Rows of the table: what, which multiple, the local day, the answer; and the lookups that have none, since the
    answer for a day that may be asked about lies outside the years 1 to 9999. `days` are those that have events."""
    busy = sorted({*days, _day(local_date(horizon.end, calendar.zone))})
    found: list[tuple[str, int, int, int]] = []
    lost = set()
    for lookup in dict.fromkeys(lookups):
        try:
            if lookup.kind in OF_MOMENTS and (busy[0] < _FIRST or busy[-1] > _LAST):
                raise OutOfRange(f"a day begins outside the years 1 to 9999 in {calendar.zone}")
            found += [*(_along(lookup, horizon, calendar, busy) if lookup.carries else _each(lookup, calendar, busy))]
        except OutOfRange:
            lost.add(lookup)
    return found, frozenset(lost)


def _each(lookup: Lookup, calendar: Calendar, busy: Sequence[int]) -> Iterator[tuple[str, int, int, int]]:
    """The days with events, those around them, and those between where there are not too many."""
    ahead = _DEADLINES if lookup.kind == "due" else 0
    ends = [(one, other) for one, other in pairwise(busy) if other - one > _STRETCH + ahead]
    firsts, lasts = (busy[0], *(other for _, other in ends)), (*(one for one, _ in ends), busy[-1])
    for first, last in zip(firsts, lasts, strict=True):
        for day in range(max(first - _MARGIN, _FIRST), min(last + _MARGIN + ahead, _LAST) + 1):
            try:
                yield lookup.what, 1, day, _answer(lookup, 1, day, calendar)
            except OutOfRange:
                # A moment has its day among these, for sure; who asks about another hears that there is no row.
                if lookup.kind in OF_MOMENTS and first <= day <= last:
                    raise


def _along(lookup: Lookup, horizon: Horizon, calendar: Calendar, busy: Sequence[int],
           ) -> Iterator[tuple[str, int, int, int]]:
    """The days on which a run may begin, each with the marks that one may pass."""
    following, until = busy[-1], busy[-1] + lookup.carries
    for day in reversed(busy):
        # A run goes on with the next day that has events, or is over before it.
        until = day + lookup.carries if day + lookup.carries < following else until
        following = day
        end = horizon.end if until >= _LAST else min(horizon.end, _start(until + 1, calendar))
        for k in count(1):
            instant = _answer(lookup, k, day, calendar)
            yield lookup.what, k, day, instant
            if instant > end:
                break


def _start(day: int, calendar: Calendar) -> int:
    return start_of_day(_date(day), calendar.zone)


def _date(day: int) -> date:
    return date.fromordinal(day + _EPOCH)


def _day(date: date) -> int:
    return date.toordinal() - _EPOCH


def _answer(lookup: Lookup, k: int, day: int, calendar: Calendar) -> int:
    """The instant that is looked up; of a day `after` or `ago` its number."""
    period, start = lookup.period, _start(day, calendar)
    match lookup.kind:
        case "closes":
            assert period is not None
            return closes(start, period.times(k), calendar)
        case "earliest":
            assert period is not None
            return earliest_within(start, period, calendar)
        case "after" | "ago":
            assert period is not None
            move = add_to_date if lookup.kind == "after" else subtract_from_date
            return _day(move(_date(day), period, calendar))
        case "midnight" | "due":
            return start
        case "day" | "week" | "month" | "year" as unit:
            return start_of(unit, start, calendar)
        case other:
            raise AssertionError(other)
