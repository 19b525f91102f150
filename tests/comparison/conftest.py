"""Says aloud when only the samples of the event logs were judged, and no whole statutes were compared."""

from __future__ import annotations

import os

import pytest

WHOLE = """only the samples of the event logs were judged; for the whole logs put into a folder
  helpdesk.xes.gz  https://data.mendeley.com/datasets/39bp3vv62t/1
  receipt.xes.gz   https://doi.org/10.4121/uuid:a07386a5-7be3-4367-9535-70bc9e77dbe6
and run EVENT_LOGS=FOLDER make test TESTS=tests/comparison"""

STATUTES = """no whole statutes were compared; put their texts (https://github.com/LawRefBook/Laws) into a folder as
  ozone-2018-03-19.md and so on, and run STATUTES=FOLDER make test TESTS=tests/comparison"""

collect_ignore = [] if os.environ.get("STATUTES") else ["test_statutes.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not os.environ.get("STATUTES"):
        terminalreporter.write_line(STATUTES, yellow=True)
    if not os.environ.get("EVENT_LOGS"):
        terminalreporter.write_line(WHOLE, yellow=True)
