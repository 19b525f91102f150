"""How the end of a window is written for people."""

from __future__ import annotations

import pytest

from policyengine.base.instants import parse_instant
from policyengine.report.evidence import last_in_time


@pytest.mark.parametrize(("closes", "shown"), [
    ("2026-08-01T10:12:00.000001Z", "2026-08-01 10:12:00 +00:00"),
    ("2026-08-01T10:12:00.617001Z", "2026-08-01 10:12:00.617 +00:00"),
    ("2026-08-02T00:00:00Z", "the end of 2026-08-01"),
    ("2026-08-01T10:12:00Z", "2026-08-01 10:12:00 +00:00"),
])
def test_the_last_instant_in_time(closes: str, shown: str) -> None:
    """Of logs with milliseconds too."""
    assert last_in_time(parse_instant(closes), "UTC") == shown
