"""Text to instants, dates and periods, and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyengine.base.instants import (
    UNITS,
    Period,
    Unit,
    format_instant,
    iso_instant,
    local_date,
    local_time,
    offsets_between,
    parse_date,
    parse_instant,
    parse_period,
    period_text,
    start_of_day,
    zone_info,
)

SHANGHAI, BERLIN, NEW_YORK, SAO_PAULO = "Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/Sao_Paulo"
ZONES = st.sampled_from(["UTC", SHANGHAI, BERLIN, NEW_YORK, SAO_PAULO, "America/Havana", "Pacific/Apia"])
# 1800 to 2200: local mean times, every change of rule, and the future by rule.
INSTANTS = st.integers(-5_364_662_400_000_000, 7_258_118_400_000_000)
DAYS = st.dates(date(1800, 1, 1), date(2200, 1, 1))


@pytest.mark.parametrize(("text", "count", "unit"), [
    ("15 working days", 15, "working_day"),
    ("1 working day", 1, "working_day"),
    ("2 hours", 7_200_000_000, "microsecond"),
    ("1.5 hours", 5_400_000_000, "microsecond"),
    ("0.000001 seconds", 1, "microsecond"),
    ("250 milliseconds", 250_000, "microsecond"),
    ("10 minutes", 600_000_000, "microsecond"),
    ("24 hours", 86_400_000_000, "microsecond"),
    ("0 days", 0, "day"),
    ("1 day", 1, "day"),
    ("2 weeks", 14, "day"),
    ("1 month", 1, "month"),
    ("3 years", 36, "month"),
    (" 15   Working  Days ", 15, "working_day"),
])
def test_parse_period(text: str, count: int, unit: Unit) -> None:
    assert parse_period(text) == Period(count, unit)


@pytest.mark.parametrize(("text", "message"), [
    ("soon", "`soon` is not a period such as `2 hours` or `15 working days`"),
    ("", "`` is not a period such as"),
    ("-1 day", "`-1 day` is not a period such as"),
    ("2", "`2` is not a period such as"),
    ("1e3 hours", "`1e3 hours` is not a period such as"),
    ("٣ days", "`٣ days` is not a period such as"),
    ("3 fortnights", "`fortnights` is not a unit of time; a period counts microseconds, "),
    ("1.5 days", "`1.5 days` is not a whole number; only hours and shorter may have a fraction"),
    ("1.0 months", "`1.0 months` is not a whole number"),
    ("0.5 working days", "`0.5 working days` is not a whole number"),
    ("0.0000001 seconds", "`0.0000001 seconds` is finer than a microsecond"),
    ("99999999999999999999 hours", "is longer than 9999 years"),
    ("10000 years", "`10000 years` is longer than 9999 years"),
])
def test_what_is_no_period(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_period(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(("period", "text"), [
    (Period(7_200_000_000, "microsecond"), "2 hours"),
    (Period(5_400_000_000, "microsecond"), "90 minutes"),
    (Period(86_400_000_000, "microsecond"), "24 hours"),
    (Period(1_500_000, "microsecond"), "1500 milliseconds"),
    (Period(1, "microsecond"), "1 microsecond"),
    (Period(0, "microsecond"), "0 microseconds"),
    (Period(7, "day"), "7 days"),
    (Period(1, "month"), "1 month"),
    (Period(12, "month"), "1 year"),
    (Period(18, "month"), "18 months"),
    (Period(1, "working_day"), "1 working day"),
    (Period(15, "working_day"), "15 working days"),
    (Period(-3, "day"), "-3 days"),
])
def test_period_text(period: Period, text: str) -> None:
    assert period_text(period) == text


@given(st.builds(Period, st.integers(0, 100_000), st.sampled_from(["microsecond", "day", "month", "working_day"])))
def test_a_period_survives_its_text(period: Period) -> None:
    assert parse_period(period_text(period)) == period


@given(st.integers(0, 3_000), st.sampled_from(sorted(UNITS)))
def test_every_unit_is_read_in_singular_and_plural(count: int, unit: str) -> None:
    size, normal = UNITS[unit]
    assert parse_period(f"{count} {unit}") == parse_period(f"{count} {unit}s") == Period(count * size, normal)


def test_periods_are_ordered_within_one_unit_only() -> None:
    assert Period(3, "day") < Period(4, "day") <= Period(4, "day")
    assert Period(4, "day") > Period(3, "day") >= Period(3, "day")
    with pytest.raises(TypeError, match="cannot order 180 days and 6 months"):
        _ = Period(180, "day") < Period(6, "month")
    assert Period(30, "day") != Period(1, "month")


def test_a_multiple_keeps_its_unit() -> None:
    assert Period(1, "month").times(3) == Period(3, "month")


@pytest.mark.parametrize(("text", "zone", "utc"), [
    ("1970-01-01T00:00:00Z", None, "1970-01-01T00:00:00"),
    ("2026-11-20T23:59:59+08:00", None, "2026-11-20T15:59:59"),
    ("2026-11-20T23:59:59.5-05:30", None, "2026-11-21T05:29:59.500000"),
    ("2026-11-20t23:59:59.000001z", None, "2026-11-20T23:59:59.000001"),
    ("2026-11-20 23:59:59 +08:00", None, "2026-11-20T15:59:59"),
    ("2026-11-20T23:59:59-00:00", None, "2026-11-20T23:59:59"),
    ("2026-11-20T23:59:59.5-0530", None, "2026-11-21T05:29:59.500000"),
    ("2026-11-20 15:59:59.123+00", None, "2026-11-20T15:59:59.123000"),
    ("2026-11-20 23:59:59 +08", SHANGHAI, "2026-11-20T15:59:59"),
    ("2026-11-20T23:59:59", SHANGHAI, "2026-11-20T15:59:59"),
    ("2026-11-20T23:59:59+00:00", SHANGHAI, "2026-11-20T23:59:59"),
    ("2026-03-29T01:59:59.999999", BERLIN, "2026-03-29T00:59:59.999999"),
    ("2026-03-29T03:00:00", BERLIN, "2026-03-29T01:00:00"),
    ("2026-10-25T03:00:00", BERLIN, "2026-10-25T02:00:00"),
    ("1900-01-01T00:00:00", SHANGHAI, "1899-12-31T15:54:17"),
])
def test_parse_instant(text: str, zone: str | None, utc: str) -> None:
    since = datetime.fromisoformat(utc).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_instant(text, zone) == since // timedelta(microseconds=1)


@pytest.mark.parametrize(("text", "zone", "message"), [
    ("2026-11-20", None, "`2026-11-20` is not a time such as `2026-11-20T23:59:59+08:00`"),
    ("2026-11-20T23:59+08:00", None, "is not a time such as"),
    ("20261120T235959Z", None, "is not a time such as"),
    ("2026-W47-5T00:00:00Z", None, "is not a time such as"),
    ("2026-11-20T23:59:59,5Z", None, "is not a time such as"),
    ("2026-11-20T23:59:59+080", None, "is not a time such as"),
    ("2026-11-20T23:59:59+0860", None, "is not a time such as"),
    ("2026-11-20T23:59:59+24", None, "is not a time such as"),
    ("2026-11-20T23:59:59+8", None, "is not a time such as"),
    ("2026-11-20T23:59:59+08:60", None, "is not a time such as"),
    ("2026-11-20T24:00:00Z", None, "is not a time such as"),
    ("2026-11-20T23:59:59Z\n", None, "is not a time such as"),
    ("1795190399", None, "is not a time such as"),
    ("2026-11-20T23:59:59.1234567Z", None, "is finer than a microsecond"),
    ("2016-12-31T23:59:60Z", None, "is a leap second"),
    ("2026-02-30T00:00:00Z", None, "names a day or a time of day that does not exist"),
    ("2026-11-20T23:61:00Z", None, "names a day or a time of day that does not exist"),
    ("0001-01-01T00:00:00+08:00", None, "falls outside the years 1 to 9999"),
    ("9999-12-31T23:59:59-08:00", None, "falls outside the years 1 to 9999"),
    ("2026-11-20T23:59:59", None, "has no offset such as `+08:00` or `Z`, and the project file names no zone for it"),
    ("2026-11-20T23:59:59", "Asia/Shangai", "`Asia/Shangai` is not a time zone such as `Asia/Shanghai`"),
    ("2026-03-29T02:00:00", BERLIN, "was skipped by the clocks of Europe/Berlin"),
    ("2026-03-29T02:59:59.999999", BERLIN, "was skipped by the clocks of Europe/Berlin"),
    ("2026-10-25T02:00:00", BERLIN, "was shown twice by the clocks of Europe/Berlin"),
    ("2026-11-01T01:30:00", NEW_YORK, "was shown twice by the clocks of America/New_York"),
    ("2018-11-04T00:00:00", SAO_PAULO, "was skipped by the clocks of America/Sao_Paulo"),
])
def test_what_is_no_instant(text: str, zone: str | None, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_instant(text, zone)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["", "Asia", "../etc/passwd", "/etc/passwd", "Asia/Shangai", "a\0b", "x" * 5_000])
def test_an_unknown_zone_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone such as `Asia/Shanghai`"):
        zone_info(name)


@given(INSTANTS, ZONES)
def test_an_instant_survives_its_text(us: int, zone: str) -> None:
    assert parse_instant(iso_instant(us, zone)) == us


@given(st.integers(0, 7_258_118_400_000_000), ZONES)
def test_a_printed_time_can_be_pasted(us: int, zone: str) -> None:
    assert parse_instant(format_instant(us, zone)) == us


@given(INSTANTS, ZONES)
def test_a_local_time_is_that_instant_or_refused(us: int, zone: str) -> None:
    text = f"{local_date(us, zone)}T{local_time(us, zone)}"
    try:
        read = parse_instant(text, zone)
    except ValueError as refused:
        assert "was shown twice" in str(refused)
    else:
        assert read == us


def test_how_instants_are_written() -> None:
    us = parse_instant("2026-11-20T15:59:59Z")
    assert format_instant(us, SHANGHAI) == "2026-11-20 23:59:59 +08:00"
    assert format_instant(us + 250_000, SHANGHAI) == "2026-11-20 23:59:59.25 +08:00"
    assert format_instant(us - 1, NEW_YORK) == "2026-11-20 10:59:58.999999 -05:00"
    assert iso_instant(us, SHANGHAI) == "2026-11-20T23:59:59+08:00"
    assert iso_instant(us + 1, "UTC") == "2026-11-20T15:59:59.000001Z"


def test_local_mean_time_is_written_in_utc() -> None:
    us = parse_instant("1875-01-01T00:00:00Z")
    assert format_instant(us, SHANGHAI) == "1875-01-01 08:05:43 +08:05:43"
    assert iso_instant(us, SHANGHAI) == "1875-01-01T00:00:00Z"


def test_an_instant_past_the_calendar_is_an_error() -> None:
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        format_instant(parse_instant("9999-12-31T23:00:00Z"), SHANGHAI)


def test_local_date_and_time() -> None:
    us = parse_instant("2026-11-20T16:00:00Z")
    assert local_date(us - 1, SHANGHAI) == date(2026, 11, 20)
    assert local_date(us, SHANGHAI) == date(2026, 11, 21)
    assert local_time(us, SHANGHAI) == time(0, 0)
    assert local_time(us - 1, SHANGHAI) == time(23, 59, 59, 999_999)


@pytest.mark.parametrize(("day", "zone", "first"), [
    (date(2026, 11, 20), SHANGHAI, "2026-11-20T00:00:00+08:00"),
    (date(2026, 3, 29), BERLIN, "2026-03-29T00:00:00+01:00"),
    (date(2026, 3, 30), BERLIN, "2026-03-30T00:00:00+02:00"),
    (date(2018, 11, 4), SAO_PAULO, "2018-11-04T01:00:00-02:00"),  # 00:00 to 01:00 skipped
    (date(2018, 2, 18), SAO_PAULO, "2018-02-18T00:00:00-03:00"),  # 23:00 to 00:00 of the 17th shown twice
    (date(2024, 11, 3), "America/Havana", "2024-11-03T00:00:00-04:00"),  # 00:00 to 01:00 shown twice
    (date(1919, 3, 31), "America/Toronto", "1919-03-31T00:30:00-04:00"),  # 23:30 to 00:30 skipped
    (date(2011, 12, 30), "Pacific/Apia", "2011-12-31T00:00:00+14:00"),  # the day skipped
])
def test_start_of_day(day: date, zone: str, first: str) -> None:
    assert start_of_day(day, zone) == parse_instant(first)


@given(DAYS, ZONES)
def test_a_day_starts_where_the_one_before_ends(day: date, zone: str) -> None:
    first = start_of_day(day, zone)
    assert local_date(first, zone) >= day
    assert local_date(first - 1, zone) < day


@pytest.mark.parametrize("text", ["2026-2-3", "20260203", "2026-02-30", "2026-W01-1", "2026-02-03 ", "", "0000-01-01",
                                  "２０２６-02-03", "2025-02-29"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="is not a d"):
        parse_date(text)


@given(st.dates())
def test_a_date_survives_its_text(day: date) -> None:
    assert parse_date(day.isoformat()) == day


@given(ZONES, INSTANTS, st.integers(0, 3 * 366 * 86_400_000_000), st.data())
def test_offsets_between(zone: str, first: int, length: int, data: st.DataObject) -> None:
    """At any instant between the two the offset listed is the one that the zone's clocks have."""
    found = offsets_between(first, first + length, zone)
    assert found[0][0] == first and [at for at, _ in found] == sorted({at for at, _ in found})
    changes = [at + step for at, _ in found[1:] for step in (-1, 0)]
    for instant in (first, first + length, data.draw(st.integers(first, first + length)), *changes):
        ahead = [offset for at, offset in found if at <= instant][-1]
        there = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
        assert there.astimezone(zone_info(zone)).utcoffset() == timedelta(microseconds=ahead)
