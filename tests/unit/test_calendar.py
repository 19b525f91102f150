"""When legal periods end, and which days China works; `chinesecalendar` is the oracle for the latter."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policyengine.base.calendar import (
    Calendar,
    CalendarUnit,
    WorkingDays,
    WorkingDaysText,
    add_to_date,
    closes,
    completed_years,
    last_instant,
    load_working_days,
    provisional,
    start_of,
    subtract_from_date,
)
from policyengine.base.instants import (
    Period,
    format_instant,
    local_date,
    offsets_between,
    parse_instant,
    parse_period,
    start_of_day,
)
from policyengine.core.conditions import earliest_within
from policyengine.trace.plan.calendars import FOREVER, Horizon, Lookup, calendar_rows, longest, of_busy_days

SHANGHAI, BERLIN, NEW_YORK, SAO_PAULO = "Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/Sao_Paulo"
CN_FILE = Path(__file__).parents[2] / "regulations" / "calendars" / "cn.yaml"
CN = load_working_days(CN_FILE)
CHINA = Calendar(SHANGHAI, CN)
CHINA_MOVING = Calendar(SHANGHAI, CN, moves_to_working_day=True)
DAY = 24 * 60 * 60 * 1_000_000


def closes_text(start: str, period: str, calendar: Calendar) -> str:
    return format_instant(closes(parse_instant(start, calendar.zone), parse_period(period), calendar), calendar.zone)


@pytest.mark.parametrize(("start", "period", "calendar", "closing"), [
    # Elapsed: still in time at the very microsecond, and by the clock, not the calendar.
    ("2026-03-02T10:00:00", "2 hours", CHINA, "2026-03-02 12:00:00.000001 +08:00"),
    ("2026-03-02T10:00:00", "24 hours", CHINA, "2026-03-03 10:00:00.000001 +08:00"),
    ("2026-03-28T12:00:00", "24 hours", Calendar(BERLIN), "2026-03-29 13:00:00.000001 +02:00"),
    # Legal: the day of the start is not counted, the last one is whole.
    ("2026-03-02T00:00:00", "1 day", CHINA, "2026-03-04 00:00:00 +08:00"),
    ("2026-03-02T23:59:59.999999", "1 day", CHINA, "2026-03-04 00:00:00 +08:00"),
    ("2026-03-03T00:00:00", "1 day", CHINA, "2026-03-05 00:00:00 +08:00"),
    ("2026-03-02T10:00:00", "0 days", CHINA, "2026-03-03 00:00:00 +08:00"),
    ("2026-03-02T10:00:00", "1 week", CHINA, "2026-03-10 00:00:00 +08:00"),
    # The day is the regulation's: 20:00 UTC is already the next one in Shanghai.
    ("2026-03-02T20:00:00Z", "1 day", CHINA, "2026-03-05 00:00:00 +08:00"),
    # Month ends clamp, and count from the start.
    ("2026-01-31T10:00:00", "1 month", CHINA, "2026-03-01 00:00:00 +08:00"),
    ("2028-01-31T10:00:00", "1 month", CHINA, "2028-03-01 00:00:00 +08:00"),
    ("2026-01-31T10:00:00", "2 months", CHINA, "2026-04-01 00:00:00 +08:00"),
    ("2028-02-29T10:00:00", "1 year", CHINA, "2029-03-01 00:00:00 +08:00"),
    ("2028-02-29T10:00:00", "4 years", CHINA, "2032-03-01 00:00:00 +08:00"),
    ("2026-12-31T10:00:00", "6 months", CHINA, "2027-07-01 00:00:00 +08:00"),
    # Days of 23 and 25 hours are days.
    ("2026-03-28T12:00:00", "1 day", Calendar(BERLIN), "2026-03-30 00:00:00 +02:00"),
    ("2026-10-24T12:00:00", "1 day", Calendar(BERLIN), "2026-10-26 00:00:00 +01:00"),
    ("2026-03-07T12:00:00", "1 day", Calendar(NEW_YORK), "2026-03-09 00:00:00 -04:00"),
    ("2026-10-31T12:00:00", "1 day", Calendar(NEW_YORK), "2026-11-02 00:00:00 -05:00"),
    # The last day ends where the next begins, also when that has no midnight.
    ("2018-11-02T12:00:00", "1 day", Calendar(SAO_PAULO), "2018-11-04 01:00:00 -02:00"),
    # Spring Festival 2026: 14 and 28 February, Saturdays, are worked; 15 to 23 February are off.
    ("2026-02-13T10:00:00", "1 working day", CHINA, "2026-02-15 00:00:00 +08:00"),
    ("2026-02-14T10:00:00", "1 working day", CHINA, "2026-02-25 00:00:00 +08:00"),
    ("2026-02-18T10:00:00", "5 working days", CHINA, "2026-03-01 00:00:00 +08:00"),
    ("2026-02-18T10:00:00", "6 working days", CHINA, "2026-03-03 00:00:00 +08:00"),
    ("2026-03-02T10:00:00", "15 working days", CHINA, "2026-03-24 00:00:00 +08:00"),
    ("2026-03-02T10:00:00", "15 working days", CHINA_MOVING, "2026-03-24 00:00:00 +08:00"),
    # National Day: the seventh day of a week from 28 September is 5 October, a day off.
    ("2026-09-28T10:00:00", "1 week", CHINA, "2026-10-06 00:00:00 +08:00"),
    ("2026-09-28T10:00:00", "1 week", CHINA_MOVING, "2026-10-09 00:00:00 +08:00"),
    ("2026-09-03T10:00:00", "1 month", CHINA_MOVING, "2026-10-09 00:00:00 +08:00"),
    # A worked Saturday holds the end where it is; a Saturday that is not does not.
    ("2026-10-09T10:00:00", "1 day", CHINA_MOVING, "2026-10-11 00:00:00 +08:00"),
    ("2026-10-16T10:00:00", "1 day", CHINA_MOVING, "2026-10-20 00:00:00 +08:00"),
    ("2026-10-16T10:00:00", "24 hours", CHINA_MOVING, "2026-10-17 10:00:00.000001 +08:00"),
])
def test_closes(start: str, period: str, calendar: Calendar, closing: str) -> None:
    assert closes_text(start, period, calendar) == closing


def test_the_last_instant_is_in_time() -> None:
    start = parse_instant("2026-03-02T10:00:00+08:00")
    assert last_instant(start, parse_period("2 hours"), CHINA) == parse_instant("2026-03-02T12:00:00+08:00")
    assert last_instant(start, parse_period("1 day"), CHINA) == parse_instant("2026-03-03T23:59:59.999999+08:00")


def test_working_days_need_a_calendar_of_them() -> None:
    with pytest.raises(ValueError, match="`15 working days` cannot be counted, as the regulation names no"):
        closes(0, parse_period("15 working days"), Calendar(SHANGHAI))
    with pytest.raises(ValueError, match="names no working days"):
        Calendar(SHANGHAI, None, moves_to_working_day=True)


def test_a_period_past_the_calendar_is_an_error() -> None:
    for period in ("9000 years", "3000000 days", "3000000 working days"):
        with pytest.raises(ValueError, match="outside the years 1 to 9999"):
            closes(0, parse_period(period), CHINA)


STARTS = st.integers(parse_instant("2015-01-01T00:00:00Z"), parse_instant("2030-01-01T00:00:00Z"))
CALENDARS = st.sampled_from([CHINA, CHINA_MOVING, *(Calendar(z, CN, m) for z in (BERLIN, NEW_YORK, SAO_PAULO)
                                                   for m in (False, True))])
UNITS = st.sampled_from(["microsecond", "day", "month", "working_day"])
PERIODS = st.builds(Period, st.integers(0, 60), UNITS)


@given(STARTS, STARTS, PERIODS, CALENDARS)
def test_a_later_start_never_closes_earlier(one: int, other: int, period: Period, calendar: Calendar) -> None:
    first, second = sorted((one, other))
    assert closes(first, period, calendar) <= closes(second, period, calendar)


@given(STARTS, PERIODS, st.integers(0, 10), CALENDARS)
def test_a_longer_period_never_closes_earlier(start: int, period: Period, more: int, calendar: Calendar) -> None:
    longer = Period(period.count + more, period.unit)
    assert start < closes(start, period, calendar) <= closes(start, longer, calendar)


@given(STARTS, PERIODS.filter(lambda p: not p.is_elapsed), CALENDARS)
def test_a_legal_period_ends_with_the_day_that_adding_gives(start: int, period: Period, calendar: Calendar) -> None:
    still = Calendar(calendar.zone, calendar.working_days)
    day = local_date(start, calendar.zone)
    assert local_date(last_instant(start, period, still), calendar.zone) == add_to_date(day, period, still)
    assert local_date(last_instant(start, period, calendar), calendar.zone) >= add_to_date(day, period, calendar)


DAYS = st.dates(date(2015, 1, 1), date(2030, 1, 1))


@given(DAYS, st.integers(-400, 400))
def test_adding_and_subtracting_days_undo_each_other(day: date, count: int) -> None:
    assert subtract_from_date(add_to_date(day, Period(count, "day"), CHINA), Period(count, "day"), CHINA) == day


@given(st.dates(), st.integers(-2_000, 2_000), st.sets(st.dates(), max_size=12), st.sampled_from([0, 1, 7, 40]))
def test_working_days_are_counted_one_by_one(day: date, count: int, odd: set[date], near: int) -> None:
    """However many weeks are passed at once."""
    assume(date.min + timedelta(3_500) < day < date.max - timedelta(3_500))
    beside = {day + timedelta(near * n + n % 3) for n in range(-3, 4)} if near else set()
    off = {one for one in odd | beside if one.weekday() < 5}
    plain = WorkingDays("w", frozenset(off), frozenset((odd | beside) - off), frozenset())
    assert add_to_date(day, Period(count, "working_day"), Calendar(SHANGHAI, plain)) == one_by_one(day, count, plain)


@given(DAYS, st.integers(-700, 700))
def test_working_days_of_china_are_counted_one_by_one(day: date, count: int) -> None:
    assert add_to_date(day, Period(count, "working_day"), CHINA) == one_by_one(day, count, CN)


def one_by_one(day: date, count: int, working_days: WorkingDays) -> date:
    left, step = abs(count), timedelta(1 if count > 0 else -1)
    while left:
        day += step
        left -= working_days.is_working_day(day)
    return day


@given(DAYS.filter(CN.is_working_day), st.integers(-60, 60))
def test_working_days_undo_each_other_from_a_working_day(day: date, count: int) -> None:
    period = Period(count, "working_day")
    moved = add_to_date(day, period, CHINA)
    assert subtract_from_date(moved, period, CHINA) == day
    first, last = sorted((day, moved))
    between = (first + timedelta(days=n) for n in range((last - first).days))
    assert sum(CN.is_working_day(d) for d in between) == abs(count)


@pytest.mark.parametrize(("act", "day", "period", "result"), [
    (add_to_date, date(2026, 1, 31), "1 month", date(2026, 2, 28)),
    (add_to_date, date(2028, 1, 31), "1 month", date(2028, 2, 29)),
    (add_to_date, date(2026, 11, 30), "3 months", date(2027, 2, 28)),
    (add_to_date, date(2000, 1, 31), "1 month", date(2000, 2, 29)),
    (add_to_date, date(2100, 1, 31), "1 month", date(2100, 2, 28)),
    (add_to_date, date(2012, 2, 29), "14 years", date(2026, 2, 28)),
    (subtract_from_date, date(2026, 3, 31), "1 month", date(2026, 2, 28)),
    (subtract_from_date, date(2026, 1, 15), "1 month", date(2025, 12, 15)),
    (subtract_from_date, date(2026, 3, 1), "1 working day", date(2026, 2, 28)),
    (subtract_from_date, date(2026, 2, 24), "1 working day", date(2026, 2, 14)),
    (add_to_date, date(2026, 10, 1), "1 day", date(2026, 10, 2)),  # arithmetic stays where it falls
])
def test_moving_dates(act: Callable[[date, Period, Calendar], date], day: date, period: str, result: date) -> None:
    assert act(day, parse_period(period), CHINA_MOVING) == result


def test_a_negative_period_moves_the_other_way() -> None:
    assert add_to_date(date(2026, 2, 24), Period(-1, "working_day"), CHINA) == date(2026, 2, 14)
    assert subtract_from_date(date(2026, 2, 14), Period(-1, "working_day"), CHINA) == date(2026, 2, 24)
    assert add_to_date(date(2026, 3, 31), Period(-1, "month"), CHINA) == date(2026, 2, 28)


@given(st.dates(date(1, 1, 1), date(9000, 12, 31)), st.integers(0, 5_000))
def test_months_end_with_the_day_before_the_next(day: date, count: int) -> None:
    moved = add_to_date(day, Period(count, "month"), CHINA)
    assert (moved.year - day.year) * 12 + moved.month - day.month == count
    assert moved.day == day.day or (moved.day < day.day and (moved + timedelta(days=1)).day == 1)


def test_a_date_is_not_moved_by_hours() -> None:
    with pytest.raises(ValueError, match="a date cannot be moved by `2 hours`; it has no time of day"):
        add_to_date(date(2026, 1, 1), parse_period("2 hours"), CHINA)


@pytest.mark.parametrize(("unit", "calendar", "first"), [
    ("day", CHINA, "2026-11-20 00:00:00 +08:00"),
    ("week", CHINA, "2026-11-16 00:00:00 +08:00"),
    ("month", CHINA, "2026-11-01 00:00:00 +08:00"),
    ("year", CHINA, "2026-01-01 00:00:00 +08:00"),
    ("month", Calendar(NEW_YORK), "2026-11-01 00:00:00 -04:00"),
    ("week", Calendar(NEW_YORK), "2026-11-16 00:00:00 -05:00"),
])
def test_start_of(unit: CalendarUnit, calendar: Calendar, first: str) -> None:
    us = parse_instant("2026-11-20T12:00:00", calendar.zone)
    assert format_instant(start_of(unit, us, calendar), calendar.zone) == first


def test_a_monday_starts_its_own_week_and_sunday_ends_it() -> None:
    monday = parse_instant("2026-11-16T00:00:00+08:00")
    assert start_of("week", monday, CHINA) == monday
    assert start_of("week", monday - 1, CHINA) == parse_instant("2026-11-09T00:00:00+08:00")


@pytest.mark.parametrize(("birth", "on", "years"), [
    (date(2012, 5, 1), date(2026, 4, 30), 13),
    (date(2012, 5, 1), date(2026, 5, 1), 14),
    (date(2012, 2, 29), date(2026, 2, 28), 13),
    (date(2012, 2, 29), date(2026, 3, 1), 14),
    (date(2012, 2, 29), date(2028, 2, 28), 15),
    (date(2012, 2, 29), date(2028, 2, 29), 16),
    (date(2026, 5, 1), date(2026, 5, 1), 0),
    (date(2026, 5, 1), date(2026, 4, 30), -1),
])
def test_completed_years(birth: date, on: date, years: int) -> None:
    assert completed_years(birth, on) == years


@pytest.mark.parametrize("period", ["2 hours", "1 day", "1 month", "24 months", "15 working days"])
def test_the_earliest_instant_within_whose_period_a_moment_lies(period: str) -> None:
    now, length = parse_instant("2026-03-31T10:00:00", SHANGHAI), parse_period(period)
    earliest = earliest_within(now, length, CHINA)
    assert closes(earliest - 1, length, CHINA) <= now < closes(earliest, length, CHINA)


@pytest.mark.parametrize(("start", "period", "calendar", "expected"), [
    ("2026-03-02T10:00:00", "15 working days", CHINA, False),
    ("2026-12-24T10:00:00", "0 working days", CHINA, False),
    ("2026-12-23T10:00:00", "1 working day", CHINA, False),
    ("2026-12-24T10:00:00", "1 working day", CHINA, True),  # the notice for 2027 may reach into that week
    ("2026-12-20T10:00:00", "15 working days", CHINA, True),
    ("2025-12-24T10:00:00", "15 working days", CHINA, False),  # the notice for 2026 is out
    ("2019-12-31T10:00:00", "5 working days", CHINA, False),  # the day of the start is not counted
    ("2019-12-30T10:00:00", "5 working days", CHINA, True),
    ("2026-12-20T10:00:00", "1 month", CHINA, False),
    ("2026-12-20T10:00:00", "1 month", CHINA_MOVING, True),
    ("2026-11-20T10:00:00", "1 month", CHINA_MOVING, False),
    ("2027-12-20T10:00:00", "24 hours", CHINA_MOVING, False),
    ("2026-12-20T10:00:00", "1 month", Calendar(SHANGHAI), False),
])
def test_provisional(start: str, period: str, calendar: Calendar, expected: bool) -> None:
    assert provisional(parse_instant(start, SHANGHAI), parse_period(period), calendar) is expected


def test_china_works_the_days_the_oracle_says() -> None:
    try:
        oracle = importlib.import_module("chinese_calendar")
    except ImportError:
        pytest.fail("the oracle for working days is not installed; run `pip install chinesecalendar`")
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range((date(2027, 1, 1) - date(2020, 1, 1)).days)]
    assert [d for d in days if CN.is_working_day(d) != oracle.is_workday(d)] == []


def test_every_year_has_its_notice_and_2027_has_none() -> None:
    assert sorted(CN.years) == list(range(2020, 2027))
    assert [n.year for n in CN.notices] == [2020, *range(2020, 2027)]
    assert all(n.number.startswith("国办发明电〔") and str(n.year) in n.title for n in CN.notices)
    assert not CN.announced(2027)
    assert CN.is_working_day(date(2027, 1, 1))  # a plain Friday until there is a notice


def test_a_calendar_is_a_plain_value_that_reads_its_text_when_asked() -> None:
    text = CN_FILE.read_text(encoding="utf-8")
    one, other = (Calendar(SHANGHAI, WorkingDaysText("cn", text)) for _ in range(2))
    assert one == other == pickle.loads(pickle.dumps(one)) and hash(one) == hash(other)
    start, period = parse_instant("2026-02-14T10:00:00+08:00"), parse_period("1 working day")
    assert closes(start, period, one) == closes(start, period, CHINA)
    broken = Calendar(SHANGHAI, WorkingDaysText("cn", "years: 3"))
    assert closes(start, parse_period("1 day"), broken) == closes(start, parse_period("1 day"), CHINA)
    with pytest.raises(ValueError, match="need a `name` and `years`"):
        closes(start, period, broken)


def arrangement(**row: object) -> dict[str, object]:
    notice = {"number": "1", "date": date(2025, 1, 1), "title": "t"}
    return {"name": "x", "years": {2026: {"notices": [notice], "holidays": [row]}}}


def test_working_days_from_a_mapping() -> None:
    days = load_working_days(arrangement(**{"from": date(2025, 12, 31), "to": date(2026, 1, 1),
                                            "worked": [date(2026, 1, 4)]}))
    assert (days.name, days.years, days.notices[0].year) == ("x", frozenset({2026}), 2026)
    assert days == WorkingDays("x", frozenset({date(2025, 12, 31), date(2026, 1, 1)}), frozenset({date(2026, 1, 4)}),
                               frozenset({2026}), days.notices)


@pytest.mark.parametrize(("data", "message"), [
    ({}, "working days need a `name` and `years`"),
    ({"name": "x", "years": {2026: {"holidays": []}}}, "`2026` is not a year with `notices` and `holidays`"),
    ({"name": "x", "years": {"2026": {"notices": [{}], "holidays": []}}}, "`2026` is not a year with"),
    ({"name": "x", "years": {2026: {"notices": [{}], "holidays": []}}}, "a notice for 2026 needs"),
    (arrangement(), "a row of 2026 needs the days `from` and `to`, and `worked`"),
    (arrangement(**{"from": date(2026, 1, 3), "to": date(2026, 1, 1), "worked": []}),
     "2026-01-01 comes before 2026-01-03"),
    (arrangement(**{"from": date(2026, 1, 1), "to": date(2026, 1, 1), "worked": [date(2026, 1, 5)]}),
     "2026-01-05 is no Saturday or Sunday"),
    (arrangement(**{"from": date(2026, 1, 1), "to": date(2026, 1, 4), "worked": [date(2026, 1, 4)]}),
     "2026-01-04 is both off and worked"),
    (arrangement(**{"from": date(2025, 10, 1), "to": date(2025, 10, 7), "worked": []}),
     "2025-10-01 stands in the arrangement for 2026"),
])
def test_working_days_out_of_order(data: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        load_working_days(data)
    assert message in str(caught.value)


def test_a_file_that_is_not_yaml(tmp_path: Path) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text("years: [", encoding="utf-8")
    with pytest.raises(ValueError, match="the working days `odd` are not YAML"):
        load_working_days(file)


@pytest.mark.parametrize("odd", ["0001-06-01T00:00:00Z", "1026-05-05T00:00:00Z", "1970-01-01T00:00:00Z",
                                 "2936-05-05T00:00:00Z", "9999-06-01T00:00:00Z"])
def test_the_table_has_no_days_that_nobody_asks_about(odd: str) -> None:
    """One clock that is off by centuries costs the days around its event, and a run no marks that no event carries."""
    usual = [parse_instant(f"2026-{month:02}-01T00:00:00Z") for month in range(1, 13)]
    times = [*usual, parse_instant(odd)]
    horizon = Horizon.of(CHINA, min(times), max(times))
    days = [number_of(local_date(one, SHANGHAI)) for one in times]
    kinds = [Lookup(kind, Period(15, "working_day")) for kind in ("closes", "earliest", "after", "ago")]
    kinds += [Lookup(kind, None) for kind in ("midnight", "day", "week", "month", "year")]
    kinds.append(Lookup("closes", Period(1, "month"), 40))
    rows, lost = calendar_rows(kinds, horizon, CHINA, days)
    assert not lost
    around = {*days, *(day + n for day in days[:12] for n in (-400, 400))}
    assert {day for what, _, day, _ in rows if what == "week"} >= around
    assert max(sum(one == kind.what for one, *_ in rows) for kind in kinds) < 2 * (366 + 2 * 400)
    endless, _ = calendar_rows([Lookup("closes", Period(1, "month"), FOREVER)], horizon, CHINA, days[:0])
    assert [day for _, _, day, _ in endless] == [number_of(local_date(max(times), SHANGHAI))]


@pytest.mark.parametrize(("year", "years", "carries"), [
    (2000, 1, 0), (2000, 30, 0), (2000, 1, 3), (2000, 41, 0), (2000, 90, 0), (1, 1, 0)])
def test_which_days_have_events_is_asked_where_it_matters(year: int, years: int, carries: int) -> None:
    """Not of a short time, in which no day is left out; but of every time that runs count in, and of one at whose
    beginning a period may reach back before the year 1."""
    times = [parse_instant(f"{one:04}-03-01T00:00:00Z") for one in (year, year + years)]
    horizon = Horizon.of(CHINA, *times)
    first, last = (number_of(local_date(one, SHANGHAI)) for one in times)
    lookups = [Lookup("closes", Period(15, "working_day")), Lookup("due", None),
               Lookup("closes", Period(1, "day"), carries), Lookup("earliest", Period(3, "month"))]
    asked = of_busy_days(lookups, horizon)
    assert asked is (carries > 0 or years > 40 or year == 1)
    told = calendar_rows(lookups, horizon, CHINA, [first, first + 200, last])
    assert (calendar_rows(lookups, horizon, CHINA, [horizon.begins]) == told) is not asked


def number_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def test_lookups_have_names_of_their_own() -> None:
    """By which the rows of one are told from those of another."""
    lookups = {Lookup(kind, Period(count, "month"), carries) for kind in ("closes", "earliest") for count in (1, 2)
               for carries in (0, 3, 4, FOREVER)}
    assert len({one.what for one in lookups}) == len(lookups) == 16


def test_a_lookup_that_no_calendar_holds_is_told() -> None:
    """A day past the year 9999 in one of them leaves the others as they are: those that other days answer, and those
    of dates, of which no event need be one."""
    last = parse_instant("9999-12-25T00:00:00Z")
    day = number_of(local_date(last, SHANGHAI))
    month, week, after = Lookup("closes", Period(1, "month")), Lookup("week", None), Lookup("after", Period(1, "month"))
    rows, lost = calendar_rows([month, week, after], Horizon.of(CHINA, last, last), CHINA, [day])
    assert lost == {month} and (week.what, 1, day) in {one[:3] for one in rows}
    assert max(one[2] for one in rows if one[0] == after.what) == number_of(date(9999, 11, 30))


@pytest.mark.parametrize("edge", [date.min, date.max])
def test_the_first_and_the_last_day_are_in_no_calendar(edge: date) -> None:
    """The one beside them is, and so is what is asked of a date."""
    day, after = Lookup("day", None), Lookup("after", Period(1, "day"))
    within = edge + timedelta(days=1) if edge == date.min else edge - timedelta(days=1)
    for one, lost in ((edge, {day}), (within, set())):
        noon = parse_instant("2026-06-01T12:00:00", SHANGHAI) + (one - date(2026, 6, 1)).days * DAY
        rows, without = calendar_rows([day, after], Horizon.of(CHINA, noon, noon), CHINA, [number_of(one)])
        assert without == lost
        assert ((day.what, 1, number_of(one)) in {row[:3] for row in rows}) is (not lost)
        assert after.what in {row[0] for row in rows}


def test_a_date_can_be_a_deadline_for_sixty_years() -> None:
    """And only a date: nobody asks when a period that begins so late closes."""
    now = parse_instant("2026-06-01T00:00:00Z")
    lookups = [Lookup("due", None), Lookup("midnight", None)]
    rows, _ = calendar_rows(lookups, Horizon.of(CHINA, now, now), CHINA, [number_of(date(2026, 6, 1))])
    latest = {what: date(1970, 1, 1) + timedelta(days=max(day for name, _, day, _ in rows if name == what))
              for what in ("due", "midnight")}
    assert latest["due"] > date(2087, 1, 1) and latest["midnight"] < date(2028, 1, 1)


def test_marks_that_close_together_at_the_end_of_the_trace() -> None:
    """Three days of which two are a weekend close at one instant, and no mark of it is lost."""
    thursday, end = date(2026, 3, 5), parse_instant("2026-03-10T00:00:00", SHANGHAI)
    daily = Lookup("closes", Period(1, "day"), FOREVER)
    rows, _ = calendar_rows([daily], Horizon.of(CHINA_MOVING, end - 4 * DAY, end), CHINA_MOVING, [number_of(thursday)])
    closing = [instant for _, _, day, instant in rows if day == number_of(thursday)]
    assert closing == [end - 3 * DAY, end, end, end, end + DAY]


@pytest.mark.parametrize(("start", "period", "calendar"), [
    ("2026-03-07T23:30:00", "2874 minutes", Calendar(NEW_YORK)),  # over a day of 23 hours
    ("2026-03-07T23:30:00", "1 minute", Calendar(NEW_YORK)),
    ("2026-03-07T23:30:00", "31 minutes", Calendar(NEW_YORK)),
    ("2026-07-01T10:00:00", "1 month", CHINA_MOVING),  # to a Saturday
    ("2026-01-30T10:00:00", "13 months", CHINA_MOVING),
    ("2026-02-13T10:00:00", "1 working day", CHINA),
    ("2026-02-13T10:00:00", "2 days", CHINA_MOVING),  # into the longest holidays
])
def test_no_period_takes_longer_than_is_thought(start: str, period: str, calendar: Calendar) -> None:
    """A run that an event carries on for so long is looked for on all of these days."""
    begun, length = parse_instant(start, calendar.zone), parse_period(period)
    over = closes(begun, length, calendar) - 1
    days = (local_date(over, calendar.zone) - local_date(begun, calendar.zone)).days
    assert days <= longest(length)


@pytest.mark.parametrize(("zone", "year"), [
    ("Asia/Beirut", 2026), ("America/Havana", 2026), ("Africa/Cairo", 2026), ("Australia/Lord_Howe", 2026),
    ("Pacific/Apia", 2011), (SHANGHAI, 2026), (NEW_YORK, 2150)])
def test_the_local_day_of_an_instant_in_a_query(zone: str, year: int) -> None:
    """To the microsecond at which clocks change: in Beirut the last hour of a day comes twice, Apia left out a day."""
    first, last = (parse_instant(f"{year + n}-01-01T12:00:00Z") for n in (0, 1))
    days = [start_of_day(date(year, 1, 2) + timedelta(days=n), zone) for n in range(365)]
    instants = [at + n for at in (*days, *(at for at, _ in offsets_between(first, last, zone))) for n in (-1, 0, 1)]
    day = Horizon.of(Calendar(zone), first, last).day("t")
    found = duckdb.execute(f"SELECT {day} FROM (SELECT unnest($1::BIGINT[]) AS t)", [instants]).fetchall()
    assert [one for one, in found] == [number_of(local_date(at, zone)) for at in instants]


def test_the_local_day_of_the_last_event() -> None:
    """Clocks are set back early on it: by the offset of its midnight an hour before its end is the next day."""
    last = parse_instant("2026-10-25T22:30:00Z")
    [(day,)] = duckdb.execute(f"SELECT {Horizon.of(Calendar(BERLIN), last, last).day(str(last))}").fetchall()
    assert day == number_of(date(2026, 10, 25))
