"""The monitor on the seven rules of `traces/`: events a second from NDJSON, and what it holds in memory.

    python benchmarks/monitor/run.py [--events 1_000_000] [--rounds 3]

Speed: `guiju monitor` with a state kept every minute and its verdicts in a file, against a state machine written by
hand in Python and against reading the lines alone, each a process of its own, in turn, medians; and the monitor again
on the same lines with times to the millisecond, and on these as they come up to two minutes late. Memory: each rule
alone on a quarter of the events and on all of them, by the same users, beside what `--retention` says it keeps; then
all seven on growing traces, drawn into `docs/`. Fails when the monitor and the hand-written rules do not find the same
violations.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from collections import Counter
from datetime import datetime
from itertools import groupby
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "traces")]

import data  # noqa: E402
import plot  # noqa: E402
from contenders import Failed, Task, Used, process, seven  # noqa: E402
from project import GUIJU, environment  # noqa: E402
from seven_sql import RULES  # noqa: E402

USERS = 10_000


def _time(line: str) -> str:
    return line.split('"', 8)[7]


def in_milliseconds(trace: Path) -> Path:
    """The trace with times to the millisecond, by chance within the second, in the same order."""
    path = trace.with_name(f"{trace.stem}-ms.ndjson")
    if not path.exists():
        chance = random.Random(1)
        with trace.open() as lines, path.with_suffix(".part").open("w") as out:
            for _, some in groupby(lines, key=_time):
                same = list(some)
                parts = sorted(chance.randrange(1000) for _ in same)
                out.writelines(line.replace(".000000Z", f".{part:03}Z", 1)
                               for line, part in zip(same, parts, strict=True))
        path.with_suffix(".part").rename(path)
    return path


def out_of_order(trace: Path) -> Path:
    """The trace as its lines come when each takes up to two minutes."""
    path = trace.with_name(f"{trace.stem}-late.ndjson")
    if not path.exists():
        chance = random.Random(1)
        lines = trace.read_text().splitlines(keepends=True)
        came = [datetime.fromisoformat(_time(line)).timestamp() + 120 * chance.random() for line in lines]
        with path.with_suffix(".part").open("w") as out:
            out.writelines(lines[at] for at in sorted(range(len(lines)), key=came.__getitem__))
        path.with_suffix(".part").rename(path)
    return path


def monitored(task: Task, trace: Path, cache: Path, *rules: str, lateness: str = "0s") -> tuple[Used, dict[str, int]]:
    """What a run took, and the violated moments by rule."""
    with tempfile.TemporaryDirectory() as name:
        verdicts, state = Path(name) / "verdicts.ndjson", Path(name) / "state"
        used, _ = process([*GUIJU, "monitor", *task.arguments, "--events", str(trace), "--state", str(state),
                           "--snapshot-every", "1 minute", "--output", str(verdicts), "--lateness", lateness,
                           *(part for rule in rules for part in ("--rule", rule))],
                          task.folder, environment(cache), (0, 1))
        with verdicts.open("rb") as lines:
            found = [json.loads(line) for line in lines]
    return used, dict(Counter(one["rule"] for one in found if one.get("verdict") == "violated"))


def by_hand(trace: Path, *options: str) -> tuple[Used, dict[str, int]]:
    command = [sys.executable, str(HERE / "hand_written.py"), str(trace), *options]
    used, out = process(command, HERE, dict(os.environ), (0,))
    return used, json.loads(out)


def speed(task: Task, trace: Path, events: int, cache: Path, rounds: int) -> None:
    fine = in_milliseconds(trace)
    late = out_of_order(fine)
    contenders = {"reading the lines": lambda: by_hand(trace, "--parse"), "by hand, Python": lambda: by_hand(trace),
                  "guiju monitor": lambda: monitored(task, trace, cache),
                  "`--lateness 5m`, in order": lambda: monitored(task, trace, cache, lateness="5m"),
                  "times to the millisecond": lambda: monitored(task, fine, cache),
                  "these up to two minutes late, `--lateness 5m`": lambda: monitored(task, late, cache, lateness="5m")}
    ran: dict[str, list[tuple[Used, dict[str, int]]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            ran[name].append(run())
    wanted = {rule: count for rule, count in ran["by hand, Python"][0][1].items() if count}
    for name, other in (("guiju monitor", wanted), ("`--lateness 5m`, in order", wanted), (
            "these up to two minutes late, `--lateness 5m`", ran["times to the millisecond"][0][1])):
        if ran[name][0][1] != other:
            raise Failed(f"{name} found {ran[name][0][1]}, not {other}")
    print(f"| seven rules, {events:,} lines | s | processor s | events/s | events a processor second | MB |\n"
          "|---|---|---|---|---|---|")
    for name, runs in ran.items():
        seconds = statistics.median(used.seconds for used, _ in runs)
        spent = statistics.median(used.processor for used, _ in runs)
        held = max(used.memory for used, _ in runs)
        print(f"| {name} | {seconds:.2f} | {spent:.2f} | {events / seconds:,.0f} | {events / spent:,.0f} | "
              f"{held:,} |", flush=True)


def memory(task: Task, events: int, cache: Path) -> None:
    sizes = [events // 4, events // 2, events]
    traces = {size: data.ndjson(data.trace("chat", size, USERS)) for size in sizes}
    print(f"\n| rule, {USERS:,} users | MB, {sizes[0]:,} events | MB, {sizes[-1]:,} events |\n|---|---|---|")
    for rule in RULES:
        first, last = (monitored(task, traces[size], cache, rule)[0].memory for size in (sizes[0], sizes[-1]))
        print(f"| {rule} | {first:,} | {last:,} |", flush=True)
    held = [(size / 1e6, monitored(task, traces[size], cache)[0].memory) for size in sizes]
    print(f"| all seven | {held[0][1]:,} | {held[-1][1]:,} |\n")
    print(process([*GUIJU, "monitor", *task.arguments, "--retention"], task.folder, environment(cache), (0,))[1])
    plot.lines("monitor-memory", f"Memory of the monitor, seven rules, {USERS:,} users", "million events", "MB",
               {"guiju monitor": held})


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        task, cache = seven(Path(name) / "project"), Path(name) / "cache"
        monitored(task, data.ndjson(data.trace("chat", 20_000)), cache)  # compiles the policy
        speed(task, data.ndjson(data.trace("chat", a.events)), a.events, cache, a.rounds)
        memory(task, a.events, cache)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as problem:
        sys.exit(str(problem))
