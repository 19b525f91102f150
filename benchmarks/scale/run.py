"""What judging a trace costs: against events, against rules, and under caps of memory; drawn into `docs/`.

    python benchmarks/scale/run.py [--largest 100_000_000] [--engine duckdb|none] [--only events|rules|memory]

Events: 1, 10 and 100 million of both tasks of `traces/`, by the engine and by hand. Rules: 5, 20 and 80 about ten
million events. Memory: both tasks with ten million events under caps from 200 MB to 2 GB, the most that the process
held beside what it was allowed; and both with the largest trace under 500 MB. One run each after the policy has been
compiled; a trace once made is kept, the largest takes a while.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "traces")]

import data  # noqa: E402
import plot  # noqa: E402
from contenders import Failed, Ran, Task, by_guiju, by_hand, cold, final, seven  # noqa: E402
from many_rules import MEASURES, policy  # noqa: E402
from project import make  # noqa: E402

RULES = (5, 20, 80)
CAPS = (200, 300, 500, 1000, 2000)  # MB
EVENTS = (20_000, 1_000_000, 10_000_000, 100_000_000)
CAP = 500  # MB, for the largest trace

Contender = Callable[..., Ran]


def against_events(tasks: dict[str, tuple[Task, str]], contenders: dict[str, Contender], sizes: list[int]) -> None:
    """Seconds, and events a second."""
    series: dict[str, list[tuple[float, float]]] = {}
    for title, (task, name) in tasks.items():
        for size in sizes:
            trace = data.trace(name, size)
            for label, run in contenders.items():
                cold(trace)
                ran = run(task, trace)
                series.setdefault(f"{title}, {label}", []).append((size / 1e6, ran.used.seconds))
                print(f"| {title} | {label} | {size:,} | {ran.used.seconds:.{1 if size > 1e6 else 2}f} | "
                      f"{size / ran.used.seconds:,.0f} | {ran.used.memory:,} |", flush=True)
    plot.lines("trace-events", "Cost against events", "million events", "seconds", series, wide=True)


def capped(run: Contender, task: Task, trace: Path) -> str:
    """What a run took under `CAP`, or that it was not enough."""
    try:
        used = run(task, trace, memory=f"{CAP}MB").used
    except Failed as problem:
        if "out of memory" not in str(problem).lower():
            raise
        return "out of memory | |"
    return f"{used.seconds:.1f} s | {used.processor:.1f} processor s | {used.memory:,} MB"


def against_rules(task: Task, rules: tuple[str, ...], contenders: dict[str, Contender], size: int) -> None:
    """Seconds for the first so many of the rules."""
    trace = data.trace("companion", size)
    series: dict[str, list[tuple[float, float]]] = {}
    for label, run in contenders.items():
        for count in RULES:
            cold(trace)
            ran = run(task, trace, rules=rules[:count])
            series.setdefault(label, []).append((count, ran.used.seconds))
            print(f"| {count} rules | {label} | {size:,} | {ran.used.seconds:.1f} | {size / ran.used.seconds:,.0f} | "
                  f"{ran.used.memory:,} |", flush=True)
    if series:
        plot.lines("trace-rules", f"Cost against rules, {size / 1e6:g} million events", "rules", "seconds", series)


def against_memory(tasks: dict[str, tuple[Task, str]], contenders: dict[str, Contender], size: int) -> None:
    """Seconds under a cap, and what was held."""
    took: dict[str, list[tuple[float, float]]] = {}
    held: dict[str, list[tuple[float, float]]] = {}
    for title, (task, name) in tasks.items():
        trace = data.trace(name, size)
        for cap in CAPS:
            for label, run in contenders.items():
                cold(trace)
                try:
                    ran = run(task, trace, memory=f"{cap}MB")
                except Failed as problem:
                    reason = str(problem).strip().splitlines()[-1][:90]
                    print(f"| {title} | {label} | {cap} MB | failed: {reason} |", flush=True)
                    continue
                took.setdefault(f"{title}, {label}", []).append((cap, ran.used.seconds))
                held.setdefault(f"{title}, {label}", []).append((cap, ran.used.memory))
                print(f"| {title} | {label} | {cap} MB | {ran.used.seconds:.1f} s | {ran.used.memory:,} MB |",
                      flush=True)
    size_text = f"{size / 1e6:g} million events"
    plot.lines("trace-memory-seconds", f"Cost under a cap of memory, {size_text}", "cap, MB", "seconds", took)
    plot.lines("trace-memory-held", f"Memory held under a cap, {size_text}", "cap, MB", "MB held", held,
               limit=[(cap, cap) for cap in CAPS])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--largest", type=int, default=100_000_000)
    parser.add_argument("--engine", action="append", default=[])
    parser.add_argument("--only", choices=("events", "rules", "memory"))
    a = parser.parse_args()
    engines = [one for one in a.engine or ["duckdb"] if one != "none"]
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name), Path(name) / "cache"
        text, rules = policy(max(RULES))
        make(folder / "many", text, MEASURES.parents[1] / "vocabulary" / "ai_service.yaml")
        (folder / "many" / "service.yaml").write_text(
            (HERE.parents[1] / "examples" / "companion" / "service.yaml").read_text("utf-8"), "utf-8")
        many = Task(folder / "many", ("service.yaml",), None)
        tasks = {"seven rules": (seven(folder / "seven"), "chat"), "final measures": (final(), "companion")}
        ours: dict[str, Contender] = {
            f"check --engine {engine}": lambda task, trace, engine=engine, **how: by_guiju(
                task, trace, engine=engine, cache=cache, **how) for engine in engines}
        for task, trace in (*tasks.values(), (many, "companion")):
            for run in ours.values():  # compiles the policy
                run(task, data.trace(trace, 20_000))
        every: dict[str, Contender] = {"by hand, SQL": by_hand, **ours}
        ten = min(10_000_000, a.largest)
        if a.only in (None, "events"):
            against_events(tasks, every, [size for size in EVENTS if size <= a.largest])
        if a.only in (None, "rules"):
            against_rules(many, rules, ours, ten)
        if a.only in (None, "memory"):
            against_memory(tasks, every, ten)
            if a.largest > ten:
                for title, (task, name) in tasks.items():
                    for label, run in every.items():
                        print(f"| {title} | {label} | {a.largest:,} | {CAP} MB | "
                              f"{capped(run, task, data.trace(name, a.largest))} |", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as problem:
        sys.exit(str(problem))
