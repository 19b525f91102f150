"""Ten thousand drawn services judged by the draft and the final measures: what a direction says of all cases holds of
them, by another engine than the one that found it."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policyengine.analysis.vocabulary import Vocabulary
from policyengine.core import ir, types
from policyengine.core.verdict import VERDICTS
from policyengine.core.walk import nodes
from policyengine.facts.compiled import load
from policyengine.regulation.versions import select
from policyengine.solver.compare import compare
from policyengine.solver.model import FINE, Options, Side
from policyengine.workspace.library import Library, calendar_of, compile_version, open_book, open_regulation

ROOT = Path(__file__).resolve().parents[2]
NAME = "cn/human-like-ai"
CASES = 10_000
NOON = 1_785_556_800_000_000  # 2026-08-01T04:00:00Z

LIBRARY = Library({NAME: ROOT / "regulations" / NAME}, (), ROOT, os.environ)


class Drawing:
    """Draws services that fit a vocabulary, near the values that policies name."""

    def __init__(self, vocabulary: Vocabulary, *policies: ir.Policy) -> None:
        self.record = vocabulary.facts
        constants = [node.value for policy in policies for node in nodes((policy.rules, policy.applies, policy.params))
                     if isinstance(node, ir.Constant | ir.Param)]
        self.numbers = sorted({int(one) + by for one in constants for by in (-1, 0, 1)
                               if isinstance(one, int) and not isinstance(one, bool) and one > 0})
        self.words = sorted({one for one in constants if isinstance(one, str)})
        self.dice = random.Random(7)

    def service(self) -> dict[str, Any]:
        made = self.of(self.record)
        service = made.setdefault("service", {})
        if self.dice.random() < 0.9:  # within the scope of one version or of both, most of the time
            service |= {"offered_in": ["CN"], "offered_to_public": True, "simulates_natural_person": True}
            service["sustained_emotional_interaction"] = self.dice.random() < 0.8
        return made

    def of(self, type: types.Type) -> Any:
        dice = self.dice
        match type:
            case types.Record():
                return {one.name: self.of(one.type) for one in type.fields if one.required or dice.random() < 0.75}
            case types.ListOf(item=types.Text(values=tuple() as values)):
                # often all of it, since duties ask for all of a list
                return list(values) if dice.random() < 0.5 else [one for one in values if dice.random() < 0.8]
            case types.ListOf():
                return [self.of(type.item) for _ in range(dice.randrange(3))]
            case types.Bool():
                return dice.random() < 0.7
            case types.Text():
                return dice.choice(type.values or self.words)
            case types.Number():
                return dice.choice(self.numbers)
            case types.Date():
                return f"202{dice.randrange(3, 7)}-0{dice.randrange(1, 9)}-1{dice.randrange(9)}"
            case types.Instant():
                return f"202{dice.randrange(3, 7)}-0{dice.randrange(1, 9)}-11T10:00:00+08:00"
            case types.Period():
                return {"day": "10 days", "month": "3 months", "working_day": "10 working days"}.get(
                    type.unit or "", "2 hours")
            case _:
                return "10:00"


def test_ten_thousand_services_agree_with_every_direction() -> None:
    regulation, _, _ = open_regulation(LIBRARY, NAME)
    assert regulation is not None
    calendar = calendar_of(LIBRARY, regulation)
    sides: list[tuple[ir.Policy, Vocabulary]] = []
    judges: list[tuple[Any, tuple[str, ...], Mapping[str, Any]]] = []
    for label in ("draft", "final"):
        version = select(regulation, label)
        compiled = compile_version(LIBRARY, regulation, version)  # type: ignore[arg-type]
        book, _, _ = open_book(LIBRARY, regulation, version)  # type: ignore[arg-type]
        assert compiled.policy is not None and book is not None
        sides.append((compiled.policy, compiled.vocabulary))
        judges.append((load(book.facts_python), book.fact_rules, {one.name: one.value for one in book.policy.params}))
    (old, words), (new, _) = sides
    both = [name for name in judges[0][1] if name in judges[1][1]]
    found = {name: compare(*(Side(policy, rule, calendar, words) for policy in (old, new)
                             for rule in policy.rules if rule.name == name), Options(matrix=False, table=False))
             for name in both}
    assert len(both) > 25
    assert {one.proof for one in found.values()} == {"exact"}

    drawing = Drawing(words, old, new)
    seen: dict[str, Counter[str]] = {name: Counter() for name in both}
    for _ in range(CASES):
        facts = drawing.service()
        before, after = (dict(zip(names, judge(facts, NOON, params, calendar), strict=True))
                         for judge, names, params in judges)
        for name in both:
            was, becomes = VERDICTS[before[name]], VERDICTS[after[name]]
            if was in FINE and becomes == "violated":
                seen[name]["stricter"] += 1
            if was == "violated" and becomes in FINE:
                seen[name]["looser"] += 1
    for name, counts in seen.items():
        allowed = {"mixed": {"stricter", "looser"}}.get(found[name].direction, {found[name].direction})
        assert set(counts) <= allowed, (name, found[name].direction, counts)
    # and most directions are seen, or the draw is blind
    assert sum(1 for name in both if counts_of(found[name].direction) <= set(seen[name])) > len(both) * 0.8


def counts_of(direction: str) -> set[str]:
    """What is to be seen of a direction."""
    return {"mixed": {"stricter", "looser"}, "equivalent": set()}.get(direction, {direction})
