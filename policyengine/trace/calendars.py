"""Calendars as a table: for each local day a trace may ask about, when legal periods close and calendar units begin.

In come a regulation's calendar and the instants a trace spans; out come rows for the table `calendar` and the zone's
offset as SQL. Days are counted from 1 January 1970, local; instants are UTC microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from policyengine.base.calendar import Calendar, add_to_date, closes, start_of, subtract_from_date
from policyengine.base.instants import Period, local_date, offsets_between, period_text, start_of_day
from policyengine.base.record import record
from policyengine.core.conditions import earliest_within

_EPOCH = date(1970, 1, 1).toordinal()
_MARGIN = 400  # days before the first event and after the last that rules may count from
_DEADLINES = 60 * 366  # days after that until which a date can be a deadline


@record
class Lookup:
    """What is looked up by local day: `closes` or `earliest` of a period, the day a period `after` or `ago`, `midnight`
    (`due` for days far ahead too), or the start of a calendar unit.

    `repeated`: for every multiple of the period, as marks count them.
    """

    kind: str
    period: Period | None
    repeated: bool

    @property
    def what(self) -> str:
        """Its name in the table."""
        name = self.kind if self.period is None else f"{self.kind} {period_text(self.period)}"
        return f"{name} and on" if self.repeated else name


@record
class Horizon:
    """The local days that the calendar covers, and the zone's offsets in them: from which instant (UTC microseconds),
    how much (microseconds) local time is ahead; the first holds before it too."""

    first: int
    last: int
    end: int
    offsets: tuple[tuple[int, int], ...]

    @staticmethod
    def of(calendar: Calendar, first: int, last: int) -> Horizon:
        """What a trace from `first` to `last` (UTC microseconds) may ask about."""
        zone = calendar.zone
        days = range(local_date(first, zone).toordinal() - _MARGIN, local_date(last, zone).toordinal() + _MARGIN + 1)
        begins = start_of_day(date.fromordinal(days[0]), zone), start_of_day(date.fromordinal(days[-1]), zone)
        return Horizon(days[0] - _EPOCH, days[-1] - _EPOCH, last, tuple(offsets_between(*begins, zone)))

    def offset(self, t: str) -> str:
        """How much local time is ahead at an instant given in SQL."""
        if len(self.offsets) == 1:
            return str(self.offsets[0][1])
        cases = " ".join(f"WHEN {t} >= {since} THEN {ahead}" for since, ahead in reversed(self.offsets[1:]))
        return f"(CASE {cases} ELSE {self.offsets[0][1]} END)"


def rows(lookups: Iterable[Lookup], horizon: Horizon, calendar: Calendar) -> Iterator[tuple[str, int, int, int]]:
    """Rows of the table: what, which multiple, the local day, the instant. Raises `calendar.OutOfRange`."""
    for lookup in lookups:
        # A run begins with an event of the trace, whatever else is counted from; a deadline may be far ahead.
        around = _MARGIN if lookup.repeated else 0
        ahead = _DEADLINES if lookup.kind == "due" else 0
        what = lookup.what
        for day in range(horizon.first + around, horizon.last - around + ahead + 1):
            start = start_of_day(date.fromordinal(day + _EPOCH), calendar.zone)
            k = 1
            while True:
                instant = _instant(lookup, k, start, calendar)
                yield what, k, day, instant
                k += 1
                if not lookup.repeated or instant > horizon.end:
                    break


def _instant(lookup: Lookup, k: int, start: int, calendar: Calendar) -> int:
    period = lookup.period
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
            return start_of_day(move(local_date(start, calendar.zone), period, calendar), calendar.zone)
        case "midnight" | "due":
            return start
        case "day" | "week" | "month" | "year" as unit:
            return start_of(unit, start, calendar)
        case other:
            raise AssertionError(other)
