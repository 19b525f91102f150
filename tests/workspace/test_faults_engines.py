"""What goes wrong while an engine is at work: told in one message, and nothing left that is half done."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from policyengine.core.verdict import Judgement
from tests.support.listening import listening
from tests.workspace.shop import Project, event
from tests.workspace.test_engines import CROSSING

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]

ENDLESS = """
import sys
from policyengine.cli.main import main
from policyengine.trace.engines.duckdb import DuckTables
from policyengine.trace.scan.database import another

def keep(self, name, sql, steps):
    print("at work", file=sys.stderr, flush=True)
    {con}.execute("SELECT count(*) FROM range(1000000) AS a(i) JOIN range(1000000) AS b(j) "
                  "ON i % 100 = j % 100 AND hash(i) < hash(j)")  # a thread is long at each part of it

DuckTables.keep = keep
raise SystemExit(main(sys.argv[1:]))
"""


def begun(project: Project, code: str, *args: str, **env: str) -> subprocess.Popen[str]:
    """A process of its own, which a signal can be sent to."""
    temporary = project.folder / "temporary"
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", code, *args], cwd=project.folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), **env})


def finished(run: subprocess.Popen[str], seconds: int) -> tuple[str, str]:
    """What a process says until its end, which comes within so many seconds."""
    try:
        return run.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        run.kill()
        raise


@pytest.mark.parametrize("con", ["self.con", "another(self.con)"])
@pytest.mark.parametrize(("number", "code"), INTERRUPTS)
def test_interrupted_while_duckdb_works(shop: Project, cache: Path, number: int, code: int, con: str) -> None:
    """DuckDB says so as an error of its own, in the middle of a query, whichever connection it is of."""
    shop.trace(*CROSSING)
    run = begun(shop, ENDLESS.format(con=con), "check", shop.good, "--events", shop.events_file, "--engine", "duckdb",
                "--output", "json=report.json", GUIJU_CACHE_DIR=str(cache))
    assert run.stderr is not None
    while (line := run.stderr.readline()) and line != "at work\n":
        pass
    assert list((shop.folder / "temporary").iterdir())
    time.sleep(0.3)  # so that the query runs
    run.send_signal(number)
    stdout, stderr = finished(run, 20)
    assert (run.returncode, stdout, stderr) == (code, "", "\ninterrupted; nothing was judged\n")
    assert not list((shop.folder / "temporary").iterdir()) and not (shop.folder / "report.json").exists()


EXPLAINING = """
import sys, time
from policyengine.cli.main import main
from policyengine.trace.engines.duckdb import DuckTables
from policyengine.workspace import judging, tracing

begun, keep = [], DuckTables.keep

def endless(self, name, sql, steps):
    begun.extend([name] if name.startswith("found_") else [])
    if len(begun) > 1:
        sql = ("SELECT count(*) FROM range(1000000) AS a(i) JOIN range(1000000) AS b(j) "
               "ON i % 100 = j % 100 AND hash(i) < hash(j)")
    keep(self, name, sql, steps)

def explains(*_):
    while len(begun) < 2:
        time.sleep(0.01)
    print("at work", file=sys.stderr, flush=True)
    {explains}

DuckTables.keep, {where}, tracing.MEANWHILE = endless, explains, 0
raise SystemExit(main(sys.argv[1:]))
"""
EXPLAINED = ["tracing.explain", "judging._Bench.take"]
"""By rows, and in words."""


@pytest.mark.parametrize(("number", "code", "where"), [(*INTERRUPTS[0], EXPLAINED[0]), (*INTERRUPTS[1], EXPLAINED[1])])
def test_interrupted_while_findings_are_explained(shop: Project, cache: Path, number: int, code: int,
                                                  where: str) -> None:
    """DuckDB is at the next rule then, in another thread, which hears of it too."""
    shop.trace(*CROSSING)
    run = begun(shop, EXPLAINING.format(where=where, explains="time.sleep(60)"), "check", shop.good, "--events",
                shop.events_file, "--engine", "duckdb", GUIJU_CACHE_DIR=str(cache))
    assert run.stderr is not None and run.stderr.readline() == "at work\n"
    time.sleep(0.3)
    run.send_signal(number)
    stdout, stderr = finished(run, 20)
    assert (run.returncode, stdout, stderr) == (code, "", "\ninterrupted; nothing was judged\n")
    assert not list((shop.folder / "temporary").iterdir())


@pytest.mark.parametrize("where", EXPLAINED)
def test_a_fault_while_findings_are_explained(shop: Project, cache: Path, where: str) -> None:
    """What DuckDB is at meanwhile is broken off; nobody would hear what it comes to."""
    shop.trace(*CROSSING)
    run = begun(shop, EXPLAINING.format(where=where, explains="raise AssertionError('of ours')"), "check",
                shop.good, "--events", shop.events_file, "--engine", "duckdb", GUIJU_CACHE_DIR=str(cache))
    stdout, stderr = finished(run, 60)
    assert (run.returncode, stdout) == (2, "") and "internal error: AssertionError: of ours" in stderr, stderr
    assert not list((shop.folder / "temporary").iterdir())


@pytest.mark.parametrize(("problem", "name"), [
    (duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate data of size 16.0 MiB"), "out-of-memory"),
    (duckdb.IOException('IO Error: Could not write file "x.tmp": No space left on device'), "disk-full"),
], ids=["memory", "disk"])
def test_no_room_while_judging(shop: Project, monkeypatch: pytest.MonkeyPatch, problem: Exception, name: str) -> None:
    """After the events have been read; while they are is in test_scan."""
    shop.trace(*CROSSING)

    def keep(*_: Any) -> None:
        raise problem
    monkeypatch.setattr("policyengine.trace.engines.duckdb.DuckTables.keep", keep)
    told = shop.refused(shop.good, "--events", shop.events_file, "--engine", "duckdb")
    assert told.startswith(f"error[{name}]"), told


@pytest.mark.parametrize(("rule", "said"), [
    ("must count of billed within the last 30 days >= 3", "the past of the whole service"),
    ("per user\n  on bought as sale\n  must bought where (amount = sale.amount and gift = sale.gift) before",
     "what no column can say of some moment"),
], ids=["without a trigger", "two equalities"])
def test_what_the_evaluator_alone_can_judge_on_too_many_rows(shop: Project, monkeypatch: pytest.MonkeyPatch, rule: str,
                                                             said: str) -> None:
    """A rule without a trigger, and two comparisons of which either side may be missing."""
    shop.house(f"rule many\n  cites Art. 2(2)\n  family bills\n  {rule}\n")
    shop.trace(*[row for n in range(20) for row in (event("billed", f"07-16 10:{n:02}"),
                                                    event("bought", f"07-16 10:{n:02}", amount=n))])
    args = (shop.good, "--events", shop.events_file, "--rule", "many")
    assert shop.judge(*args, "--engine", "duckdb") == shop.judge(*args, "--engine", "evaluator")
    monkeypatch.setattr("policyengine.workspace.tracing.MOST_ROWS", 5)
    told = shop.refused(*args, "--engine", "duckdb")
    assert "no-plan" in told and "`many`" in told and said in told, told


def test_what_the_evaluator_judged_is_told_to_who_writes_findings(shop: Project,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """Moments that columns leave to it; those of a rule that no column can answer are in test_spark."""
    shop.house("rule same\n  cites Art. 2(2)\n  family bills\n  per user\n  on bought as sale\n"
               "  must bought where (amount = sale.amount and gift = sale.gift) before\n")
    shop.trace(*[event("bought", f"07-16 10:{n:02}", amount=n % 3) for n in range(20)])
    told: list[Judgement] = []
    monkeypatch.setattr("policyengine.trace.engines.engine.Engine.tell_judged",
                        lambda _, policy, judged: told.extend(judged))
    counted = shop.judge(shop.good, "--events", shop.events_file, "--rule", "same", "--engine", "duckdb")
    assert Counter(one.verdict for one in told) == counted["1 same"] == {"violated": 3, "undecided": 17}


# ---- Spark ----------------------------------------------------------------------------------------------------------

def java(folder: Path, script: str) -> str:
    """A Java that does what a script says; its home."""
    program = folder / "java" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(folder / "java")


SPARK = "import sys\nfrom policyengine.cli.main import main\nraise SystemExit(main(sys.argv[1:]))"


@pytest.mark.parametrize(("number", "code"), INTERRUPTS)
def test_interrupted_while_spark_starts(shop: Project, cache: Path, number: int, code: int) -> None:
    """The Java that was begun has ended; broken off there, it would go on for ever."""
    pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')
    shop.trace(*CROSSING)
    began, ended = shop.folder / "began", shop.folder / "ended"
    home = java(shop.folder, f"touch {began}; sleep 1; touch {ended}; exit 1")
    run = begun(shop, SPARK, "check", shop.good, "--events", shop.events_file, "--engine", "spark",
                GUIJU_CACHE_DIR=str(cache), JAVA_HOME=home)
    deadline = time.monotonic() + 30
    while not began.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    run.send_signal(number)
    stdout, stderr = finished(run, 30)
    assert (run.returncode, stdout) == (code, "") and stderr.endswith("\ninterrupted; nothing was judged\n"), stderr
    assert ended.exists() and "Traceback" not in stderr


def test_a_java_that_spark_cannot_use(shop: Project, cache: Path) -> None:
    pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')
    shop.trace(*CROSSING)
    for home, said in ((java(shop.folder, "echo too old >&2; exit 1"), "Spark needs Java 17 or newer"),
                       (str(shop.folder), "Java 17 or newer is not installed")):
        run = begun(shop, SPARK, "check", shop.good, "--events", shop.events_file, "--engine", "spark",
                    GUIJU_CACHE_DIR=str(cache), JAVA_HOME=home)
        stdout, stderr = finished(run, 60)
        assert (run.returncode, stdout) == (2, "") and "error[no-spark]" in stderr and said in stderr, stderr
        assert "internal error" not in stderr


def test_a_log_that_spark_does_not_read(shop: Project, cache: Path) -> None:
    """Told before Java is begun."""
    pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')
    run = begun(shop, SPARK, "check", shop.good, "--events", "log.xes.gz", "--engine", "spark",
                GUIJU_CACHE_DIR=str(cache), JAVA_HOME=str(shop.folder))
    stdout, stderr = finished(run, 60)
    assert (run.returncode, stdout) == (2, "") and stderr.startswith(
        "error[unknown-format]: `log.xes.gz` is XES, which Spark does not read\nhelp: judge it with `--engine duckdb`")


def test_a_master_that_does_not_answer(shop: Project, cache: Path) -> None:
    """Told at once, before Java is begun; so is a port at which something else listens."""
    pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')
    shop.trace(*CROSSING)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed = f"127.0.0.1:{gone.getsockname()[1]}"
    with listening(b"SSH-2.0-OpenSSH_9.6\r\n") as other:
        for place, said in ((closed, f"nothing answers at `spark://{closed}`: connection refused"),
                            (other, f"what answers at `spark://{other}` is no Spark master: it says "
                                    "`SSH-2.0-OpenSSH_9.6`")):
            run = begun(shop, SPARK, "check", shop.good, "--events", shop.events_file, "--engine", "spark", "--master",
                        f"spark://{place}", GUIJU_CACHE_DIR=str(cache))
            stdout, stderr = finished(run, 20)
            assert (run.returncode, stdout) == (2, "") and stderr.startswith(
                f"error[no-spark]: Spark does not start: {said}\nhelp: take the address that the master's own page "
                "shows"), stderr
