"""Options and profiles of the whole test run; fixtures stand beside the tests that use them."""

from __future__ import annotations

import os

import hypothesis
import pytest

from tests.support import golden

# A slow machine is no bug; and where nobody looks at the seed, the same run must give the same result.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; read the diff before commit")
    parser.addoption("--no-skips", action="store_true", help="a skipped test makes the run fail")


def pytest_configure(config: pytest.Config) -> None:
    golden.update = config.getoption("--update-golden")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--no-skips") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if config.getoption("--no-skips") and skipped:
        terminalreporter.write_line(f"{len(skipped)} skipped, and --no-skips was given: the run fails", red=True)
