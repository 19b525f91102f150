"""Those who judge a trace, each as a process of its own: what they found, how long they took, how much memory they
held.

In comes a task (which rules, which service) and a trace; out comes a `Ran`. How `guiju` is asked for one of its
engines stands in `by_guiju` and nowhere else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from project import GUIJU, environment, make  # noqa: E402

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
FACTLESS = "service: {id: chat}\n"

Finding = tuple[str, str, int, str, int | None]
"""Rule, verdict, instant, key, and the first instant too late; instants are UTC microseconds, a due time None unless
pending."""


class Failed(Exception):
    """A contender did not end as it should; the text is what it said."""


@dataclass(frozen=True)
class Task:
    """Where to run `check` and with what arguments; `module` holds the same rules by hand (None: nobody wrote them)."""

    folder: Path
    arguments: tuple[str, ...]
    module: str | None


@dataclass(frozen=True)
class Used:
    """What a process took: seconds by the clock, seconds of all processors, the most memory it held in MB."""

    seconds: float
    processor: float
    memory: int


@dataclass(frozen=True)
class Ran:
    """Counts by rule and verdict, without zeros, None where they are not to be had. `parts`: seconds by part, where the
    contender tells."""

    counts: dict[str, dict[str, int]] | None
    used: Used
    parts: dict[str, float]
    findings: tuple[Finding, ...] = ()


def seven(folder: Path) -> Task:
    """The rules of `seven.policy`, in a project made anew in the folder."""
    make(folder, (HERE / "seven.policy").read_text("utf-8"), HERE / "chat_vocabulary.yaml")
    (folder / "service.yaml").write_text(FACTLESS, "utf-8")
    return Task(folder, ("service.yaml",), "seven_sql")


def final() -> Task:
    """The rules of the final measures, about the service of the example."""
    return Task(HERE.parents[1] / "examples" / "companion",
                ("service.yaml", "--regulation", "cn/human-like-ai"), "final_sql")


def by_guiju(task: Task, trace: Path, *, engine: str = "evaluator", rules: Sequence[str] = (), memory: str = "",
             findings: bool = False, cache: Path | None = None) -> Ran:
    """`guiju check` with one of its engines, the reference evaluator unless another is named: a report as JSON, with
    the evidence of a hundred findings of each rule and verdict."""
    options = ["--engine", engine, *(("--memory", memory) if memory else ()),
               *(("--max-findings", "1000000") if findings else ()),
               *(part for rule in rules for part in ("--rule", rule))]
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report.json"
        used, _ = process([*GUIJU, "check", *task.arguments, "--events", str(trace), *options, "--quiet",
                           "--format", "concise", "--output", f"json={report}"], task.folder,
                          environment(cache or Path(name) / "cache"), (0, 1))
        read = json.loads(report.read_text("utf-8"))
    counts = {rule["rule"]: {verdict: n for verdict, n in rule["counts"].items() if n} for rule in read["rules"]}
    return Ran(counts, used, {}, tuple(sorted(_finding(one) for one in read["results"] if one["moment"]))
               if findings else ())


def by_text(task: Task, trace: Path, *, engine: str = "evaluator", rules: Sequence[str] = (),
            cache: Path | None = None) -> Ran:
    """`guiju check` as one types it: a report as text, with the evidence of three findings of each rule and verdict."""
    options = ["--engine", engine, *(part for rule in rules for part in ("--rule", rule))]
    with tempfile.TemporaryDirectory() as name:
        used, out = process([*GUIJU, "check", *task.arguments, "--events", str(trace), *options, "--quiet"],
                            task.folder, environment(cache or Path(name) / "cache"), (0, 1))
    if not out:
        raise Failed("no report was printed")
    return Ran(None, used, {})


def by_hand(task: Task, trace: Path, *, rules: Sequence[str] = (), memory: str = "", findings: bool = False) -> Ran:
    """The queries of the task's module."""
    assert task.module is not None
    options = [*(("--memory", memory) if memory else ()), *(("--rules", ",".join(rules)) if rules else ()),
               *(("--findings",) if findings else ())]
    command = [sys.executable, str(HERE / "hand_written.py"), task.module, str(trace), *options]
    used, out = process(command, HERE, dict(os.environ), (0,))
    read = json.loads(out)
    return Ran(read["counts"], used, read["seconds"],
               tuple(sorted((rule, verdict, t, "" if key is None else str(key), due) for rule, verdict, t, key, due, _
                            in read.get("findings", ()))))


def cold(trace: Path) -> None:
    """Drop the file's pages from the system's memory, so that it is read from the disk again."""
    with trace.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def process(command: Sequence[str], folder: Path, environ: Mapping[str, str],
            good: tuple[int, ...]) -> tuple[Used, str]:
    """Run a command to its end: what it took, what it printed. Raises Failed unless its exit code is a good one."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = perf_counter()
        running = subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=err, text=True)
        held: list[int] = [0]
        watch = Thread(target=_watch, args=(running.pid, held), daemon=True)
        watch.start()
        _, status, used = os.wait4(running.pid, 0)
        seconds = perf_counter() - start
        watch.join()
        running.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if running.returncode not in good:
            raise Failed(f"{' '.join(command)} ended with {running.returncode}\n{err.read()[-3000:]}")
        return Used(seconds, used.ru_utime + used.ru_stime, held[0] // 1024), out.read()


def _watch(pid: int, held: list[int]) -> None:
    """Keep the most memory (KB) a process held; what the system tells at its end begins with what its parent held."""
    while True:
        try:
            text = Path(f"/proc/{pid}/status").read_text("utf-8")
        except OSError:
            return
        if "VmHWM" not in text:
            return
        held[0] = int(text.split("VmHWM:")[1].split()[0])
        sleep(0.01)


def _finding(result: dict[str, Any]) -> Finding:
    moment = result["moment"]
    due = None if result["due"] is None else _instant(result["due"]["instant"]) + 1
    return (result["rule"], result["verdict"], _instant(moment["instant"]), " ".join(moment["keys"].values()), due)


def _instant(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
