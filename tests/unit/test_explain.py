"""Moments found in columns, judged anew: whatever an engine says wrong is noticed, and what is too long to read is not
lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from policyengine.core import ir, types
from policyengine.core.case import Case, Event, in_order
from policyengine.core.evaluate import judge
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.standing import Reach
from policyengine.core.verdict import Judgement, Setting
from policyengine.trace.engines import explain as explaining
from policyengine.trace.engines.explain import About, Disagreement, Found, TooManyRows, explain
from policyengine.trace.engines.footprint import select
from tests.support.trace_strategies import CALENDAR, EVENTS, SECOND, START, get, in_state, policy

REPLIED = ir.Occurs(ir.Pattern("reply", ("user",), None), ir.Before())
A_DAY = ir.Constant("1 day", types.Period("day"))
NOTICED = ir.Occurs(ir.Pattern("notice", ("user",), None), ir.Within(A_DAY))
ON_USE = ir.OnEvent(("use",), False, None)


def elapsed(text: str) -> ir.Constant:
    return ir.Constant(text, types.Period("elapsed"))


def rule_of(trigger: ir.Trigger, *must: ir.Expr, name: str = "rule") -> ir.Rule:
    return ir.Rule(name, "", (), "other", "error", ("user",), trigger, (), tuple(ir.Must(one, False) for one in must),
                   (), "")


class Kept:
    """A trace of which at most so many rows are read at once."""

    def __init__(self, events: Sequence[Event], limit: int = 1_000) -> None:
        self.events, self.limit = events, limit

    def fetch(self, reaches: Sequence[Reach]) -> Sequence[Event]:
        found = select(reaches, self.events)
        if len(found) > self.limit:
            raise TooManyRows
        return found

    def at(self, positions: Sequence[int], among: Collection[str] | None = None) -> Mapping[int, Event]:
        return {place: self.events[place] for place in positions}


def trace(*rows: tuple[str, int, str]) -> tuple[Event, ...]:
    """Of events and the seconds and users they are of."""
    return in_order(Event(kind, START + second * SECOND, {"user": user}, None, None, "trace", row,
                          EVENTS.index(kind)) for row, (kind, second, user) in enumerate(rows, 1))


def asked(events: Sequence[Event], *rules: ir.Rule, after: int = 0,
          ) -> tuple[About, list[tuple[ir.Rule, Found]], tuple[Judgement, ...]]:
    """What an engine finds that agrees with the evaluator, so many seconds after the last event; and what that says."""
    whole, setting = policy(*rules), Setting(events[-1].time + after * SECOND, {})
    place = {id(event): number for number, event in enumerate(events)}
    judged = judge(whole, Case({}, tuple(events)), setting, CALENDAR)
    found = []
    for one in judged:
        moment = one.moment
        assert moment is not None
        pos, first, past = (None if event is None else place[id(event)]
                            for event in (moment.event, moment.run_first, moment.run_past))
        found.append((next(rule for rule in rules if rule.name == one.rule), Found(
            moment.time, moment.known, pos, first, past, one.verdict, one.due, one.tie)))
    return About(whole, {}, setting, CALENDAR, None), found, judged


def told(about: About, found: Sequence[tuple[ir.Rule, Found]], rows: Kept) -> Counter[Judgement]:
    return Counter(judgement for _, judgement in explain(about, found, rows))


REPLIES = trace(*[("reply", second, "u1") for second in range(20)], ("reply", 0, "u2"), ("use", 19, "u1"),
                ("use", 21, "u2"), ("use", 22, "u2"), ("use", 23, "u1"))


def test_many_rules_and_moments_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "TOGETHER", 5)
    monkeypatch.setattr(explaining, "OF_A_RULE", 2)
    about, found, judged = asked(REPLIES, rule_of(ON_USE, REPLIED, name="one"), rule_of(
        ir.OnEvent(("reply",), False, None), NOTICED, name="other"))
    assert len(found) == 25
    assert told(about, found, Kept(REPLIES)) == Counter(judged)


def test_a_moment_with_too_many_rows_is_told_without_evidence() -> None:
    """As columns have it, when it is due and whether it rests on a tie; those beside it with all there is."""
    about, found, judged = asked(REPLIES, rule_of(ON_USE, ir.Or((ir.Not(in_state(TRIGGER)), NOTICED))))
    assert [(one.verdict, one.tie) for one in judged] == [("pending", True), *[("pending", False)] * 3]
    few = Counter(one if one.moment is not None and dict(one.moment.keys)["user"] == "u2"
                  else replace(one, evidence=(), missing=()) for one in judged)
    assert len(few) == 4 and told(about, found, Kept(REPLIES, 5)) == few


def test_a_moment_that_columns_cannot_judge_is_refused_where_it_has_too_many_rows() -> None:
    about, found, judged = asked(REPLIES, rule_of(ON_USE, REPLIED))
    hard = [(rule, replace(one, verdict=None, due=None)) for rule, one in found]
    assert told(about, hard, Kept(REPLIES)) == Counter(judged)
    with pytest.raises(TooManyRows):
        told(about, hard, Kept(REPLIES, 5))


@pytest.mark.parametrize(("must", "wrong"), [
    (REPLIED, {"verdict": "violated"}), (NOTICED, {"due": START}), (NOTICED, {"due": None}),
    (NOTICED, {"verdict": "violated", "due": None}),
], ids=["verdict", "due", "not due", "both"])
def test_another_verdict_than_the_evaluator_s_is_no_verdict(must: ir.Expr, wrong: dict[str, Any]) -> None:
    about, found, _ = asked(REPLIES, rule_of(ON_USE, must))
    (rule, one), *others = found
    with pytest.raises(Disagreement, match=r"in columns, (satisfied|pending) due"):
        told(about, [(rule, replace(one, **wrong)), *others], Kept(REPLIES))


def test_a_moment_that_is_none_is_told_of() -> None:
    """One twice, and a mark that the run does not pass."""
    about, found, _ = asked(REPLIES, rule_of(ON_USE, REPLIED))
    with pytest.raises(Disagreement, match="a moment in columns that the evaluator does not see"):
        told(about, [*found, found[0]], Kept(REPLIES))
    events = trace(("use", 0, "u1"), ("use", 1, "u1"), ("use", 3, "u1"))
    about, [(rule, mark)], _ = asked(events, rule_of(ir.OnEvery(elapsed("2 seconds"), "session")))
    with pytest.raises(Disagreement, match="a moment in columns that the evaluator does not see"):
        told(about, [(rule, replace(mark, t=mark.t - 1))], Kept(events))


def test_a_moment_that_columns_have_once_too_little_is_told_of() -> None:
    """Two silences that end with the same day, from a start on and from what may have been heard."""
    heard = ir.Pattern("notice", ("user",), get(CANDIDATE, "flag"))
    events = trace(("reply", 0, "u1"), ("notice", 3600, "u1"), ("use", 3600 * 24 * 3, "u1"))
    about, found, judged = asked(events, rule_of(ir.OnWithout(A_DAY, "consent", heard)), after=1)
    assert len(found) == 2 and told(about, found, Kept(events)) == Counter(judged)
    with pytest.raises(Disagreement, match="one moment more than was found"):
        told(about, found[1:], Kept(events))


EARLY_NOTICE = ir.Occurs(ir.Pattern("notice", ("user",), None), ir.Before())
LATELY = ir.Occurs(ir.Pattern("use", ("user",), None), ir.WithinLast(elapsed("1 second")))


@pytest.mark.parametrize(("trigger", "must", "rows", "verdicts"), [
    (ON_USE, REPLIED, [("reply", 0, "u1"), ("use", 1, "u1"), ("use", 1, "u2")], ["satisfied", "violated"]),
    (ir.OnEvery(elapsed("2 seconds"), "consent", True), EARLY_NOTICE,
     [("notice", 0, "u1"), ("reply", 0, "u1"), ("reply", 0, "u2")], ["satisfied", "violated"]),
    (ir.OnEvery(elapsed("0.5 seconds"), "session"), LATELY,
     [("use", 0, "u1"), ("use", 2, "u1")], ["satisfied", "satisfied", "violated"]),
], ids=["events of one instant", "runs of one instant", "marks of one run"])
def test_moments_are_told_apart(trigger: ir.Trigger, must: ir.Expr, rows: list[tuple[str, int, str]],
                                verdicts: list[str]) -> None:
    """By their events, by the first of their runs, by their time."""
    events = trace(*rows)
    about, found, judged = asked(events, rule_of(trigger, must), after=5)
    assert [one.verdict for one in judged] == verdicts
    for order in (found, found[::-1]):
        assert told(about, order, Kept(events)) == Counter(judged)
