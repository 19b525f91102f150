"""Instants, dates and periods: text in, plain numbers out, and back to text for reports.

An instant is an int, microseconds since 1970-01-01T00:00:00Z. A period is a count of one of four units. A time zone
is named by its IANA name. A user's mistake is a ValueError whose text can stand in a diagnostic as it is. When a legal
period ends is not known here but in `calendar`; nothing here reads the clock or the machine's own zone.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo  # 2 ms, but every run that reads a regulation has a zone to look up

from policyengine.base.diagnostic import shorten
from policyengine.base.record import record

Unit = Literal["microsecond", "day", "month", "working_day"]

SECOND = 1_000_000  # microseconds

# A unit's name in the singular -> how many of which normalised unit it is. Weeks and years lose nothing: a week is
# always seven days, a year always twelve months. Days are not hours, and months not days.
UNITS: dict[str, tuple[int, Unit]] = {
    "microsecond": (1, "microsecond"),
    "millisecond": (1_000, "microsecond"),
    "second": (SECOND, "microsecond"),
    "minute": (60 * SECOND, "microsecond"),
    "hour": (3_600 * SECOND, "microsecond"),
    "day": (1, "day"),
    "week": (7, "day"),
    "month": (1, "month"),
    "year": (12, "month"),
    "working day": (1, "working_day"),
}

# No period outlasts the calendar that dates are counted in (years 1 to 9999).
_LONGEST: dict[Unit, int] = {
    "microsecond": 3_652_059 * 86_400 * SECOND, "day": 3_652_059, "month": 9_999 * 12, "working_day": 3_652_059,
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_FIRST_CHANGE = (datetime(1800, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_RULE_ALONE = (datetime(2100, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND

_PERIOD = re.compile(r"\s*([0-9]{1,20})(?:\.([0-9]{1,20}))?\s*([A-Za-z][A-Za-z\s]*?)\s*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# RFC 3339, and besides the space before the offset that `format_instant` writes, so that a printed time can be pasted;
# and an offset without its colon or its minutes (`+0800`, `+08`), as strftime and PostgreSQL write it.
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:([0-9]{2})(?:\.([0-9]+))?"
    r"( ?(?:[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?"
)


class OutOfRange(ValueError):
    """What cannot be counted: it lies outside the years 1 to 9999, or marks would follow at no distance."""


@record
class Period:
    """A length of time: elapsed (`microsecond`) or legal (`day`, `month`, `working_day`). A difference may be negative.

    Ordered only within one unit: whether 180 days are shorter than 6 months depends on where they start, so
    comparing the two is a TypeError (the type checker reports it to users before it can come to that).
    """

    count: int
    unit: Unit

    def times(self, k: int) -> Period:
        """k periods on end. Months stay months, so a multiple counts from its start and never chains."""
        return Period(self.count * k, self.unit)

    @property
    def is_elapsed(self) -> bool:
        """True for hours and shorter, which run by the clock; false for days and longer, which end with a day."""
        return self.unit == "microsecond"

    def __lt__(self, other: Period) -> bool:
        return self.count < self._comparable(other)

    def __le__(self, other: Period) -> bool:
        return self.count <= self._comparable(other)

    def _comparable(self, other: Period) -> int:
        if self.unit != other.unit:
            raise TypeError(f"cannot order {period_text(self)} and {period_text(other)}")
        return other.count


@lru_cache(4_096)
def parse_period(text: str) -> Period:
    """`15 working days`, `2 hours`, `1 month`, `1.5 hours`. ValueError when it is none."""
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise ValueError(f"`{shorten(text)}` is not a period such as `2 hours` or `15 working days`")
    whole, fraction, word = found.groups(default="")
    unit_name = " ".join(word.lower().split())
    known = UNITS.get(unit_name) or UNITS.get(unit_name.removesuffix("s"))
    if known is None:
        raise ValueError(f"`{shorten(unit_name)}` is not a unit of time; a period counts {_unit_names()}")
    size, unit = known
    if fraction and unit != "microsecond":
        raise ValueError(f"`{shorten(text.strip())}` is not a whole number; only hours and shorter may have a fraction")
    count, finer = divmod(int(whole + fraction) * size, 10 ** len(fraction))
    if count > _LONGEST[unit]:
        raise ValueError(f"`{shorten(text.strip())}` is longer than 9999 years")
    if finer:
        raise ValueError(f"`{shorten(text.strip())}` is finer than a microsecond")
    return Period(count, unit)


def _unit_names() -> str:
    names = [f"{name}s" for name in UNITS]
    return ", ".join(names[:-1]) + " or " + names[-1]


# Largest first. Days are never written as weeks, nor hours as days: the law counts days, and 24 hours are no day.
_SPELLINGS: dict[Unit, tuple[str, ...]] = {
    "microsecond": ("hour", "minute", "second", "millisecond", "microsecond"),
    "day": ("day",),
    "month": ("year", "month"),
    "working_day": ("working day",),
}


def period_text(period: Period) -> str:
    """The shortest natural spelling: `2 hours`, `90 minutes`, `15 working days`, `1 year`."""
    names = _SPELLINGS[period.unit]
    name = next(n for n in names if period.count % UNITS[n][0] == 0) if period.count else names[-1]
    count = period.count // UNITS[name][0]
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def parse_instant(text: str, zone: str | None = None) -> int:
    """A time in RFC 3339, also with an offset such as `+0800` or `+08`, in microseconds UTC.

    A time without an offset is read in `zone`, when one is given. ValueError for anything that is not exactly one
    instant: no offset and no zone, more than six digits after the second, a leap second, a local time that the zone's
    clocks skip or show twice.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError(f"`{shorten(text)}` is not a time such as `2026-11-20T23:59:59+08:00`")
    second, fraction, offset = found.groups()
    if second == "60":
        raise ValueError(f"`{text}` is a leap second, which has no place on the time line used here")
    if fraction is not None and len(fraction) > 6:
        raise ValueError(f"`{shorten(text)}` is finer than a microsecond")
    try:
        moment = datetime.fromisoformat(text if offset is None else text[: found.start(3)] + offset.lstrip().upper())
    except ValueError:
        raise ValueError(f"`{text}` names a day or a time of day that does not exist") from None
    if offset is not None:
        us = (moment - _EPOCH) // _MICROSECOND
    elif zone is not None:
        us = _local_instant(text, moment, zone)
    else:
        raise ValueError(f"`{text}` has no offset such as `+08:00` or `Z`, and the project file names no zone for it")
    if not _FIRST <= us <= _LAST:
        raise ValueError(f"`{text}` falls outside the years 1 to 9999")
    return us


def _local_instant(text: str, moment: datetime, zone: str) -> int:
    clocks = zone_info(zone)
    before, after = clocks.utcoffset(moment), clocks.utcoffset(moment.replace(fold=1))
    assert before is not None and after is not None  # a zone of the tz database knows each local time's offset
    if before != after:
        # PEP 495: with fold 0 the offset in force before the change, with fold 1 the one after it.
        what = "was skipped by" if before < after else "was shown twice by"
        raise ValueError(f"`{text}` {what} the clocks of {zone}; it needs an offset such as `+08:00`")
    return (moment - _LOCAL_EPOCH - before) // _MICROSECOND


@cache
def zone_info(zone: str) -> ZoneInfo:
    """The zone of an IANA name such as `Asia/Shanghai`. ValueError, naming it, when there is none."""
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # unknown; not a relative path; a folder such as `Asia`
        raise ValueError(f"`{shorten(zone)}` is not a time zone such as `Asia/Shanghai`") from None


def format_instant(us: int, zone: str) -> str:
    """For people: `2026-11-20 23:59:59 +08:00`, with a fraction only where there is one."""
    day, clock, offset = _written(us, zone)
    return f"{day} {clock} {offset}"


def iso_instant(us: int, zone: str) -> str:
    """For programs: RFC 3339 in the zone's offset, in `Z` for UTC, with a fraction only where there is one.

    Also in `Z` where the zone kept local mean time, whose offsets have seconds that RFC 3339 cannot write.
    """
    day, clock, offset = _written(us, zone)
    if zone == "UTC" or len(offset) > len("+08:00"):
        day, clock, offset = (*_written(us, "UTC")[:2], "Z")
    return f"{day}T{clock}{offset}"


@lru_cache(maxsize=16_384)  # one finding after another rests on the same events
def _written(us: int, zone: str) -> tuple[str, str, str]:
    """The day, the time of day and the offset, as `isoformat` has them; a fraction loses its last zeros."""
    text = _local(us, zone).isoformat()
    fraction = text[19:26].rstrip("0") if us % SECOND else ""
    return text[:10], text[11:19] + fraction, text[26 if fraction else 19:]


def _local(us: int, zone: str) -> datetime:
    try:
        return (_EPOCH + timedelta(microseconds=us)).astimezone(zone_info(zone))
    except OverflowError:
        raise OutOfRange(f"an instant falls outside the years 1 to 9999 in {zone}") from None


def local_date(us: int, zone: str) -> date:
    """The day the zone's calendar shows at that instant."""
    return _local(us, zone).date()


def local_time(us: int, zone: str) -> time:
    """The time of day the zone's clocks show at that instant."""
    return _local(us, zone).time()


def offsets_between(first: int, last: int, zone: str) -> list[tuple[int, int]]:
    """How far a zone's clocks were ahead of UTC between two instants: from which instant on, and by how much; the
    first holds at `first`. All in microseconds; at the edges of the calendar a day less."""
    day = timedelta(days=1) // _MICROSECOND
    low, end = max(first, _FIRST + day), min(last, _LAST - day)
    found = [(low, _ahead(low, zone))]
    while low < end:
        # Clocks were first set by law in the 19th century; a century ahead they follow a rule, and keep it for weeks.
        step = max(day, _FIRST_CHANGE - low) if low < _RULE_ALONE else 7 * day
        high = min(low + step, end)
        while _ahead(high, zone) != found[-1][1]:
            left, right = low, high
            while left + 1 < right:
                middle = (left + right) // 2
                left, right = (middle, right) if _ahead(middle, zone) == found[-1][1] else (left, middle)
            found.append((right, _ahead(right, zone)))
            low = right
        low = high
    return found


def _ahead(us: int, zone: str) -> int:
    offset = _local(us, zone).utcoffset()
    assert offset is not None
    return offset // _MICROSECOND


@lru_cache(maxsize=65_536)
def start_of_day(day: date, zone: str) -> int:
    """The first instant whose local date is that day: midnight, or what follows it where the clocks skip midnight.

    Where a zone skips the whole day (Samoa, 30 December 2011), the first instant of the next one.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone_info(zone))
    first = (midnight - _EPOCH) // _MICROSECOND
    skipped_from = (midnight.replace(fold=1) - _EPOCH) // _MICROSECOND
    # A midnight that is shown twice has fold 0 first. For one that is skipped fold 1 lies before the change and fold 0
    # on or after it, and the day begins at the change itself.
    low, high = min(skipped_from, first), first
    while low < high:
        middle = (low + high) // 2
        if local_date(middle, zone) < day:
            low = middle + 1
        else:
            high = middle
    return high


def parse_date(text: str) -> date:
    """A day written YYYY-MM-DD. ValueError when it is none."""
    if _DATE.fullmatch(text) is None:
        raise ValueError(f"`{shorten(text)}` is not a date such as `2026-11-20`")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{text}` is not a day of the calendar") from None
