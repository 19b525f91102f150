"""Facts already parsed: twelve rules compiled from a policy beside the same rules written by hand.

    python benchmarks/facts/run.py [CONFIGURATIONS]
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE)]

from generate import configurations  # noqa: E402
from hand_written import findings  # noqa: E402

from policyengine.analysis.compile import compile_policy  # noqa: E402
from policyengine.analysis.conform import checker_source, load_checker  # noqa: E402
from policyengine.analysis.vocabulary import load_vocabulary  # noqa: E402
from policyengine.base.calendar import Calendar  # noqa: E402
from policyengine.base.diagnostic import concise  # noqa: E402
from policyengine.base.instants import parse_instant  # noqa: E402
from policyengine.core import ir  # noqa: E402
from policyengine.core.case import Case  # noqa: E402
from policyengine.core.evaluate import judge  # noqa: E402
from policyengine.core.verdict import VERDICTS, Setting  # noqa: E402
from policyengine.facts.compiled import load  # noqa: E402
from policyengine.facts.compiled_source import source  # noqa: E402
from policyengine.syntax.parser import parse  # noqa: E402

AS_OF = parse_instant("2026-07-15T12:00:00+08:00")
CALENDAR = Calendar("Asia/Shanghai")
ROUNDS = 5
REFERENCE = 500  # configurations; the reference is some hundred times slower


def main(count: int) -> int:
    """Prints configurations a second, and whether all agree; 1 when they do not."""
    policy, schema = _policy()
    configs = configurations(count)
    start = perf_counter()
    text, names = source(policy)
    compiled = load(text)
    print(f"{len(names)} rules, {count} configurations; compiled in {(perf_counter() - start) * 1e3:.1f} ms")
    fits = load_checker(checker_source(schema))
    engines: dict[str, Callable[[], list[Any]]] = {
        "hand-written": lambda: [findings(config, "2026-07-15") for config in configs],
        "compiled": lambda: [compiled(config, AS_OF, {}, CALENDAR) for config in configs],
        "vocabulary": lambda: [fits(config) for config in configs],
    }
    times: dict[str, list[float]] = {name: [] for name in engines}
    answers = {name: engine() for name, engine in engines.items()}
    for _ in range(ROUNDS):  # in turn, so that a busy moment of the machine meets all of them
        for name, engine in engines.items():
            start = perf_counter()
            engine()
            times[name].append(perf_counter() - start)
    base = statistics.median(times["hand-written"])
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"{name:>14}  {count / middle:>10,.0f} /s  {base / middle:5.2f} of hand-written")
    return _agreement(policy, names, configs, answers)


def _policy() -> tuple[ir.Policy, Any]:
    vocabulary, wrong = load_vocabulary("bench_vocabulary.yaml", (HERE / "bench_vocabulary.yaml").read_text("utf-8"))
    file, syntax = parse("bench.policy", (HERE / "bench.policy").read_text("utf-8"))
    policy, found = (None, ()) if vocabulary is None else compile_policy(file, vocabulary)
    for diagnostic in (*wrong, *syntax, *found):
        print(concise(diagnostic))
    if policy is None or vocabulary is None:
        raise SystemExit(2)
    return policy, vocabulary.schema


def _agreement(policy: ir.Policy, names: tuple[str, ...], configs: list[Any], answers: dict[str, list[Any]]) -> int:
    open_verdicts = {VERDICTS.index("violated"), VERDICTS.index("undecided")}
    same = sum({name for name, code in zip(names, codes, strict=True) if code in open_verdicts} == set(found)
               for codes, found in zip(answers["compiled"], answers["hand-written"], strict=True))
    found = sum(map(len, answers["hand-written"]))
    print(f"{same} of {len(configs)} configurations have the same findings ({found} in all)")
    reference = [[VERDICTS.index(one.verdict) for one in judge(policy, Case(config), Setting(AS_OF, {}), CALENDAR)]
                 for config in configs[:REFERENCE]]
    equal = sum(a == b for a, b in zip(reference, answers["compiled"], strict=False))
    print(f"{equal} of {len(reference)} have the verdicts of the reference")
    return 0 if same == len(configs) and equal == len(reference) and all(answers["vocabulary"]) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
