"""Traces judged: by an engine of `guiju check`, and by hand in SQL, side by side.

    python benchmarks/traces/run.py [--events 10_000_000] [--rounds 3] [--engine duckdb] [--engine none]
                                    [--only seven|final]

Two tasks: the seven rules of `seven.policy` about a chat service, and the 48 rules of the final measures about events,
on a companion service. Each contender is a process of its own, and they take turns; what is told is the median. Before
each run the trace's pages are dropped from the system's memory; the policy has been compiled once. A last part judges
the example's own trace by the reference evaluator. Fails when two contenders do not count the same verdicts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import data  # noqa: E402
from contenders import Failed, Ran, Task, Used, by_guiju, by_hand, by_text, cold, final, seven  # noqa: E402
from project import GUIJU, environment  # noqa: E402
from timing import in_turn  # noqa: E402

SESSION = "reminded_every_two_hours"
EXAMPLE = HERE.parents[1] / "examples" / "companion"


def side_by_side(contenders: Mapping[str, Callable[[], Ran]], trace: Path, rounds: int) -> dict[str, Used]:
    """The median of what each took. Raises Failed when two of them count verdicts differently."""
    ran: dict[str, list[Ran]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            cold(trace)
            ran[name].append(run())
    first, *others = ran
    for name in others:
        told, counts = ran[first][0].counts, ran[name][0].counts
        for rule in told if told is not None and counts is not None else ():
            if told[rule] != counts.get(rule):
                raise Failed(f"{rule}: {first} counts {told[rule]}, {name} {counts.get(rule)}")
    return {name: Used(statistics.median(one.used.seconds for one in runs),
                       statistics.median(one.used.processor for one in runs),
                       max(one.used.memory for one in runs)) for name, runs in ran.items()}


def table(title: str, events: int, took: Mapping[str, Used]) -> None:
    """A Markdown table; the first contender is the measure of the others."""
    measure = next(iter(took.values()))
    print(f"\n| {title}, {events:,} events | s | processor s | events/s | MB | of the first |")
    print("|---|---|---|---|---|---|")
    for name, one in took.items():
        print(f"| {name} | {one.seconds:.2f} | {one.processor:.2f} | {events / one.seconds:,.0f} | {one.memory:,} | "
              f"{one.seconds / measure.seconds:.2f} |")


def compare(title: str, task: Task, trace: Path, events: int, engines: list[str], rounds: int, cache: Path,
            rules: tuple[str, ...] = ()) -> None:
    """By hand against each engine."""
    contenders: dict[str, Callable[[], Ran]] = {"by hand, SQL": lambda: by_hand(task, trace, rules=rules)}
    for engine in engines:
        contenders[f"check --engine {engine}"] = lambda engine=engine: by_text(  # type: ignore[misc]
            task, trace, engine=engine, rules=rules, cache=cache)
        contenders[f"check --engine {engine} --output json"] = lambda engine=engine: by_guiju(  # type: ignore[misc]
            task, trace, engine=engine, rules=rules, cache=cache)
    table(title, events, side_by_side(contenders, trace, rounds))


def by_reference(rounds: int) -> None:
    """The example's trace by all 85 rules."""
    lines = (EXAMPLE / "events.ndjson").read_text("utf-8").splitlines()
    with tempfile.TemporaryDirectory() as name:
        environ = environment(Path(name) / "cache")

        def check(*args: str) -> None:
            done = subprocess.run([*GUIJU, "check", "service.yaml", "--regulation", "cn/human-like-ai", *args],
                                  cwd=EXAMPLE, env=environ, capture_output=True, text=True, check=False)
            if done.returncode not in (0, 1):
                raise Failed(done.stderr)

        times = in_turn({"json.loads of every line": lambda: [json.loads(line) for line in lines],
                         "check, facts alone": check,
                         "check, with the trace": lambda: check("--engine", "evaluator", "--events", "events.ndjson")},
                        rounds)
    print("\n| the example, 85 rules, reference evaluator | s |\n|---|---|")
    for label, taken in times.items():
        print(f"| {label} | {taken:.3f} |")
    judging = times["check, with the trace"] - times["check, facts alone"]
    print(f"\n{len(lines):,} events in {judging:.2f} s of reading and judging: {len(lines) / judging:,.0f} events/s")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", action="append", default=[])
    parser.add_argument("--only", choices=("seven", "final"))
    a = parser.parse_args()
    engines = [one for one in a.engine or ["duckdb"] if one != "none"]
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name), Path(name) / "cache"
        for task, trace in ((seven(folder / "seven"), "chat"), (final(), "companion")):
            for engine in engines:  # compiles the policy
                by_guiju(task, data.trace(trace, 20_000), engine=engine, cache=cache)
        chat, companion = data.trace("chat", a.events), data.trace("companion", a.events)
        rules = seven(folder / "seven")
        from seven_sql import RULES

        if a.only != "final":
            compare("seven rules", rules, chat, a.events, engines, a.rounds, cache)
            compare("six of them, without the session rule", rules, chat, a.events, engines, a.rounds, cache,
                    tuple(rule for rule in RULES if rule != SESSION))
            compare("the session rule", rules, chat, a.events, engines, a.rounds, cache, (SESSION,))
        if a.only != "seven":
            compare("48 rules of the final measures", final(), companion, a.events, engines, a.rounds, cache)
    if a.only is None:
        by_reference(a.rounds)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as problem:
        sys.exit(str(problem))
