"""Options and profiles of the whole test run; fixtures stand beside the tests that use them."""

from __future__ import annotations

import os
from typing import Any

import hypothesis
import pytest

from tests.support import golden

SPARK = ("tests/property/test_spark.py", "tests/workspace/test_spark.py", "tests/unit/test_spark.py",
         "tests/unit/test_spark_scan.py")
"""One process runs these, so that one Java is started."""

FIRST = (*SPARK, *(f"tests/{name}.py" for name in (
    "property/test_monitor", "property/test_laws", "property/test_columns", "cli/test_monitor", "property/test_scan",
    "workspace/test_faults_engines", "property/test_solver", "property/test_footprint", "property/test_roundtrip",
    "property/test_compiled", "workspace/test_engines", "project/test_tables", "project/test_regulations",
    "cli/test_faults", "property/test_candidates")))
"""The files that take longest: one of them at the end, and the other processes have nothing to do."""

# A slow machine is no bug; and where nobody looks at the seed, the same run must give the same result.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; read the diff before commit")
    parser.addoption("--no-skips", action="store_true", help="a skipped test makes the run fail")


def pytest_configure(config: pytest.Config) -> None:
    golden.update = config.getoption("--update-golden")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {file: number for number, file in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files side by side (`--dist loadfile`), all of `SPARK` as if they were one."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return SPARK[0] if file in SPARK else file

    return Files(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--no-skips") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if config.getoption("--no-skips") and skipped:
        terminalreporter.write_line(f"{len(skipped)} skipped, and --no-skips was given: the run fails", red=True)
