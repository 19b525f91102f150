"""How the end of a window is written for people."""

from __future__ import annotations

import pytest

from policyengine.base.calendar import Calendar
from policyengine.base.instants import parse_instant
from policyengine.core.verdict import EventAbsent
from policyengine.report.evidence import Context, evidence_line, last_in_time


@pytest.mark.parametrize(("closes", "shown"), [
    ("2026-08-01T10:12:00.000001Z", "2026-08-01 10:12:00 +00:00"),
    ("2026-08-01T10:12:00.617001Z", "2026-08-01 10:12:00.617 +00:00"),
    ("2026-08-02T00:00:00Z", "the end of 2026-08-01"),
    ("2026-08-01T10:12:00Z", "2026-08-01 10:12:00 +00:00"),
])
def test_the_last_instant_in_time(closes: str, shown: str) -> None:
    """Of logs with milliseconds too."""
    assert last_in_time(parse_instant(closes), "UTC").told() == shown


@pytest.mark.parametrize(("zone", "start", "end", "shown"), [
    ("UTC", "2026-08-01T10:00:00Z", "2026-08-01T10:12:00.000001Z",
     "no reply from 2026-08-01 10:00:00 +00:00 to 2026-08-01 10:12:00 +00:00"),
    ("UTC", "2026-08-01T10:00:00Z", "2026-08-01T10:00:00.000001Z", "no reply at 2026-08-01 10:00:00 +00:00"),
    ("UTC", "2026-08-01T10:00:00Z", "2026-08-01T10:00:00Z",
     "no reply by 2026-08-01 09:59:59.999999 +00:00, a deadline that had passed already at 2026-08-01 10:00:00 +00:00"),
    ("Asia/Shanghai", "2026-08-01T10:00:00Z", "2026-08-01T09:00:00.000001Z",
     "no reply by 2026-08-01 17:00:00 +08:00, a deadline that had passed already at 2026-08-01 18:00:00 +08:00"),
    ("Asia/Shanghai", "2026-08-01T10:00:00Z", "2026-07-30T16:00:00Z",
     "no reply by the end of 2026-07-30, a deadline that had passed already at 2026-08-01 18:00:00 +08:00"),
    ("America/New_York", "2026-08-01T10:00:00Z", "0001-01-01T00:00:00.000001Z",
     "no reply by 0001-01-01 00:00:00 +00:00, a deadline that had passed already at 2026-08-01 06:00:00 -04:00"),
])
def test_the_time_in_which_nothing_came(zone: str, start: str, end: str, shown: str) -> None:
    """Up to its last instant; a deadline that was over before is named."""
    absent = EventAbsent("reply", parse_instant(start), parse_instant(end))
    assert evidence_line(absent, Context(Calendar(zone), None, {})).text == shown
