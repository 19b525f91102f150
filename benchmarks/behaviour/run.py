"""What became of rules between two versions: the shipped pair of texts, and 400 generated rules against 400.

    python benchmarks/behaviour/run.py [RULES]

Of the generated rules every other one is changed: a number, a comparison, a list, an exception. Rules are paired by
name. The solver is loaded before the clock starts.
"""

from __future__ import annotations

import os
import random
import re
import statistics
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE.parent / "policy")]



from run import policy_text  # noqa: E402

from policyengine.analysis.compile import compile_policy  # noqa: E402
from policyengine.analysis.vocabulary import load_vocabulary  # noqa: E402
from policyengine.base.calendar import Calendar  # noqa: E402
from policyengine.core import ir  # noqa: E402
from policyengine.solver.compare import compare  # noqa: E402
from policyengine.solver.model import Options, Side  # noqa: E402
from policyengine.solver.prove import contradictions, prove  # noqa: E402
from policyengine.syntax.parser import parse  # noqa: E402
from policyengine.workspace.library import (  # noqa: E402
    Library,
    calendar_of,
    compile_version,
    open_regulation,
)

Pairs = list[tuple[Side, Side]]


def main() -> None:
    rules = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    shipped = shipped_pairs("cn/human-like-ai")
    told("cn/human-like-ai, rules about facts", [pair for pair in shipped if pair[0].rule.trigger is None])
    told("cn/human-like-ai, rules about events", [pair for pair in shipped if pair[0].rule.trigger is not None])
    told(f"{rules} generated rules against {rules}", generated_pairs(rules))
    sides = [new for _, new in shipped]
    start = perf_counter()
    found = len(prove(sides)) + len(contradictions(sides))
    print(f"lint --prove of {len(sides)} rules: {perf_counter() - start:.2f} s, {found} findings")


def told(name: str, pairs: Pairs) -> None:
    """Compares all pairs and prints what that took."""
    start = perf_counter()
    found = [compare(old, new, Options()) for old, new in pairs]
    whole = perf_counter() - start
    times = sorted(one.seconds for one in found)
    directions = ", ".join(f"{count} {word}" for word, count in Counter(one.direction for one in found).most_common())
    solved = [one.seconds for one in found if one.cells]
    middle = statistics.median(solved) if solved else 0.0
    print(f"{name}: {len(pairs)} pairs in {whole:.2f} s; median {statistics.median(times) * 1000:.0f} ms "
          f"({middle * 1000:.0f} ms of the {len(solved)} that differ in writing), longest {times[-1] * 1000:.0f} ms")
    print(f"    {directions}")
    for (old, _), one in zip(pairs, found, strict=True):
        if one.direction == "not_analysable":
            print(f"    not analysable: {old.rule.name}: {one.note}")


def shipped_pairs(name: str) -> Pairs:
    """The rules of the first and the last version that have the same name."""
    library = Library({name: ROOT / "regulations" / name}, (), ROOT, os.environ)
    regulation, _, _ = open_regulation(library, name)
    assert regulation is not None
    calendar = calendar_of(library, regulation)
    compiled = [compile_version(library, regulation, version)
                for version in (regulation.versions[0], regulation.versions[-1])]
    old, new = (one.policy for one in compiled)
    assert old is not None and new is not None
    words = [one.vocabulary for one in compiled]
    return [(Side(old, rule, calendar, words[0]), Side(new, other, calendar, words[1]))
            for rule in old.rules for other in new.rules if rule.name == other.name]


def generated_pairs(rules: int) -> Pairs:
    vocabulary, _ = load_vocabulary("bench_vocabulary.yaml",
                                    (HERE.parent / "facts" / "bench_vocabulary.yaml").read_text("utf-8"))
    assert vocabulary is not None
    text = policy_text(rules)
    calendar = Calendar("Asia/Shanghai")

    def compiled(source: str) -> ir.Policy:
        file, _ = parse("bench.policy", source)
        policy, found = compile_policy(file, vocabulary)
        assert policy is not None, found
        return policy

    old, new = compiled(text), compiled(changed(text))
    return [(Side(old, one, calendar, vocabulary), Side(new, other, calendar, vocabulary))
            for one, other in zip(old.rules, new.rules, strict=True)]


def changed(text: str) -> str:
    """The same policy with every other rule changed, the same for the same text."""
    dice = random.Random(len(text))
    parts = text.split("\n\n")
    for place in range(2, len(parts), 2):
        part = parts[place]
        if dice.random() < 0.3:
            part = part.replace("\n  fix", "\n  unless training.opt_in\n  fix")
        numbers = list(re.finditer(r"(?<=[<>=] )\d+", part))
        if numbers and dice.random() < 0.7:
            one = dice.choice(numbers)
            part = f"{part[:one.start()]}{int(one.group()) + dice.choice((-1, 1))}{part[one.end():]}"
        elif "<" in part:
            part = part.replace("<", ">", 1)
        parts[place] = part
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
