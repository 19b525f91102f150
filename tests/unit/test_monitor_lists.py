"""Earlier rows with a list that contains a value of the moment: kept for each item, judged as on the whole trace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from policyengine.base.calendar import Calendar
from policyengine.core import ir, types
from policyengine.core.case import Case, Event, in_order
from policyengine.core.evaluate import judge
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.verdict import Judgement, Setting
from policyengine.trace.monitor.monitor import Decided, Monitor, Outcome, Refused
from tests.support.trace_strategies import CALENDAR, compare, get, policy
from tests.unit.test_monitor import TEN_SECONDS, monitor, occurs, older, row, rule

KINDS = ir.Get(CANDIDATE, ("kinds",), types.ListOf(types.Text()))
HAS = ir.Apply("contains", (KINDS, get(TRIGGER, "kind")), types.Bool())
AMONG = ir.Apply("in", (get(TRIGGER, "kind"), KINDS), types.Bool())
EQUAL = compare(get(CANDIDATE, "number"), "=", get(TRIGGER, "number"))
OWN = ir.Apply("contains", (KINDS, ir.Constant("a", types.Text())), types.Bool())


def trace_of(seed: int, rows: int = 120) -> Sequence[Event]:
    """Lists with several items; if the seed is not 1, also with none, the same twice, a null among them, and rows
    without."""
    random = Random(seed)
    lists: Any = (["a"], ["a", "b"], ["b", "c", "b"], [], None, ["c", None], ["b"], ["c"], ["a", "b", "c"])
    events, second = [], 0.0
    for number in range(rows):
        second += random.choice((0, 0, 1, 5, 10))
        common = seed == 1 or random.random() < 0.97
        events.append(replace(row(
            second, random.choice(("notice", "notice", "use", "use", "reply")), random.choice(("u1", "u2")),
            kinds=random.choice(lists[6:] if common else lists), kind=random.choice("abcd") if common else None,
            number=random.choice((1, 2)), flag=True), sequence=number))
    return in_order(events)


def judged(made: ir.Policy, events: Sequence[Event]) -> tuple[list[Judgement], int]:
    """What a monitor says, whose state is written and read again now and then, and the most it kept."""
    about: tuple[ir.Policy, Any, Any, Calendar] = (made, {"service": {}}, {}, CALENDAR)
    one = Monitor(*about)
    given: list[Outcome] = []
    most = 0
    for number, event in enumerate(events):
        given += one.feed(event)
        if number % 20 == 19:
            one.compact()
            one = Monitor.restore(json.loads(json.dumps(one.snapshot())), *about)
        most = max(most, one.size())
    given += one.finish()
    return [outcome.judgement for outcome in given if isinstance(outcome, Decided)], most


def said(judgements: Sequence[Judgement]) -> list[str]:
    """All of it; where the moment lacks the value, the monitor names as evidence only those rows that it kept."""
    return sorted(repr(replace(one, evidence=(), missing=()) if one.verdict == "undecided" else one)
                  for one in judgements)


@pytest.mark.parametrize(("range", "where"), [
    (ir.Before(), HAS), (ir.Before(), AMONG), (ir.Before(), ir.And((OWN, HAS))), (ir.Before(), ir.And((HAS, EQUAL))),
    (ir.Before(), ir.And((older(TEN_SECONDS), HAS))), (ir.NoLaterThan(TEN_SECONDS), ir.And((OWN, HAS))),
    (ir.NoLaterThan(TEN_SECONDS), HAS), (ir.WithinLast(TEN_SECONDS), HAS),
    (ir.Since(ir.Pattern("reply", (), None)), HAS),
], ids=["contains", "in", "and its own", "and equal", "and its age", "no later, and its own", "no later", "within",
        "since"])
def test_a_list_that_contains_a_value_of_the_moment(range: ir.Range, where: ir.Expr) -> None:
    made = policy(rule(occurs("notice", range, where)), rule(occurs("notice", range, where), keys=(), name="all"))
    seen: set[str] = set()
    for seed in (1, 2, 3):
        events = trace_of(seed)
        given, _ = judged(made, events)
        expected = judge(made, Case({"service": {}}, tuple(events)), Setting(events[-1].time, {}), CALENDAR)
        assert said(given) == said([one for one in expected if one.verdict != "pending"])
        seen |= {one.verdict for one in given}
    assert seen == {"violated", "satisfied", "undecided"}


@pytest.mark.parametrize(("kinds", "kind", "verdict"), [
    ([], None, "undecided"), ([], "a", "violated"), (["c", None], "a", "violated"), (["c", None], "c", "satisfied"),
    (None, "a", "undecided"), (["a"], None, "undecided"), (["b", "a"], "a", "satisfied"), (["b"], "a", "violated"),
])
def test_what_may_be_in_a_list(kinds: list[str | None] | None, kind: str | None, verdict: str) -> None:
    made = policy(rule(occurs("notice", ir.Before(), HAS)))
    events = [row(0, "notice", kinds=kinds), row(1, "notice", "u2", kinds=["a", "b", "c"]), row(2, "use", kind=kind)]
    expected = judge(made, Case({"service": {}}, tuple(events)), Setting(events[-1].time, {}), CALENDAR)
    assert [one.verdict for one in expected] == [one.verdict for one in judged(made, events)[0]] == [verdict]


def test_one_row_is_kept_for_each_item() -> None:
    """However many come; a row with three items for three."""
    made = policy(rule(occurs("notice", ir.Before(), HAS)))
    assert [one.how_much for one in Monitor(made, {"service": {}}, {}, CALENDAR).retention()] == ["values of kinds"]
    events = [row(second, "notice", kinds=["a", "b", "c"] if second % 2 else ["b"]) for second in range(2_000)]
    assert judged(made, events)[1] <= 10


@pytest.mark.parametrize("where", [
    ir.Not(HAS), ir.Or((HAS, EQUAL)), ir.Apply("contains", (ir.Get(TRIGGER, ("kinds",), types.ListOf(types.Text())),
                                                            get(CANDIDATE, "kind")), types.Bool())])
def test_what_no_item_tells_apart_is_kept_for_ever(where: ir.Expr) -> None:
    with pytest.raises(Refused, match="`contains`, which a monitor would have to keep for ever"):
        monitor(rule(occurs("notice", ir.Before(), where)))
