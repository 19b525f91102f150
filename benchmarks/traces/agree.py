"""A small trace judged by the reference evaluator and by hand: whether every count and every finding is the same.

    python benchmarks/traces/agree.py seven|final [EVENTS] [EACH] [ENGINE]

With EACH, only some users are judged, whole: so many of each rare event type, and of each rule and verdict found by
hand. A million events are then a small trace in which everything happens. With an ENGINE its counts and findings are
held to the reference's too. Ends with 1 and tells where two differ.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import data
from contenders import Ran, by_guiju, by_hand, final, seven


def differences(name: str, theirs: Ran, reference: Ran) -> list[str]:
    """Every rule whose counts differ, and the first findings only one of the two has."""
    told = []
    for rule in sorted({*reference.counts, *theirs.counts}):
        if rule in theirs.counts and theirs.counts[rule] != reference.counts.get(rule):
            told.append(f"{rule}: {name} {theirs.counts[rule]}, reference {reference.counts.get(rule)}")
    ours, others = set(reference.findings), set(theirs.findings)
    told += [f"reference alone: {one}" for one in sorted(ours - others, key=repr)[:20]]
    told += [f"{name} alone: {one}" for one in sorted(others - ours, key=repr)[:20]]
    return told


def _users(ran: Ran, each: int) -> set[str]:
    found: dict[tuple[str, str], set[str]] = {}
    for rule, verdict, _, key, _ in ran.findings:
        some = found.setdefault((rule, verdict), set())
        if key and len(some) < each:
            some.add(key.split()[0])
    return set().union(*found.values())


def main(which: str, events: int, each: int, engine: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        task = seven(Path(folder)) if which == "seven" else final()
        name = "chat" if which == "seven" else "companion"
        parquet = data.trace(name, events)
        if each:
            users = _users(by_hand(task, parquet, findings=True), each) | data.of_rare_types(parquet, each)
            parquet = data.part(parquet, users, Path(folder) / "part.parquet")
        reference = by_guiju(task, data.ndjson(parquet), findings=True)
        others = {"by hand": by_hand(task, parquet, findings=True)}
        if engine:
            others[engine] = by_guiju(task, parquet, engine=engine, findings=True)
    wrong = 0
    for rule in others["by hand"].counts:
        print(f"{rule:<42}{reference.counts.get(rule)}")
    for name, ran in others.items():
        told = differences(name, ran, reference)
        wrong += len(told)
        print(f"{name}: {len(told)} differences in {len(reference.findings):,} findings", *told, sep="\n  ")
    return 1 if wrong else 0


if __name__ == "__main__":
    which, events, each, engine, *_ = [*sys.argv[1:], *["20000", "0", ""][len(sys.argv) - 2:]]
    sys.exit(main(which, int(events.replace("_", "")), int(each), engine))
