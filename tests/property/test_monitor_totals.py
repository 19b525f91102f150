"""The online monitor against the reference where one key has many rows: what ranges hold is told by running totals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from policyengine.core import ir, types
from policyengine.core.case import Case, Event, Sources, in_order
from policyengine.core.evaluate import judge, judge_moments
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.operators import LIMIT, Overflow
from policyengine.core.verdict import Judgement, Setting
from policyengine.trace.monitor.monitor import Decided, Late, Monitor, Outcome, Refused, Unjudged
from policyengine.trace.monitor.totals import FEW
from tests.property.test_monitor import ELAPSED, MIDNIGHT, NEVER, alike, bare
from tests.property.test_monitor_unjudged import known
from tests.support.trace_strategies import (
    CALENDAR,
    EPISODE,
    EVENTS,
    SECOND,
    START,
    STATES,
    compare,
    get,
    get_user,
    policy,
)

NUMBER = types.Number(integer=False)
AMOUNTS: tuple[tuple[Any, ...], ...] = (
    (0, 1, 2), (1, -1, 5, -7), (Decimal("0.1"), Decimal("0.20"), Decimal("1E+1"), 3), (1, 10 ** 9, Decimal("-0.05")),
    (LIMIT - 1, 1 - LIMIT, 1, -1))
NEVER_FORGOTTEN = ir.Forget("user", (ir.Pattern("alert", (), NEVER),))


class Hot:
    """A rule with questions about ranges, and a trace that gives most rows to one user, from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.mark = self.random.random() < 0.25

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def period(self) -> ir.Constant:
        lengths = ("5 seconds", "12 seconds", "30 seconds", "2 minutes")
        return self.one(*(ir.Constant(text, ELAPSED) for text in lengths), ir.Constant("1 day", types.Period("day")))

    def own(self) -> ir.Expr | None:
        held, flag = ir.InState("consent", CANDIDATE, (("user", get_user(CANDIDATE)),)), get(CANDIDATE, "flag")
        small = compare(get(CANDIDATE, "number"), self.one("<", ">="), ir.Constant(1, NUMBER))
        found: ir.Expr | None = self.one(None, None, flag, ir.Not(flag), small, held)
        return found

    def pattern(self) -> ir.Pattern:
        where = self.own()
        if not self.mark and self.random.random() < 0.4:
            equal = self.one(compare(get(CANDIDATE, "kind"), "=", get(TRIGGER, "kind")), ir.Apply(
                "contains", (ir.Get(CANDIDATE, ("kinds",), types.ListOf(types.Text())), get(TRIGGER, "kind")),
                types.Bool()), compare(get(CANDIDATE, "number"), "<=", get(TRIGGER, "number")))
            where = equal if where is None else ir.And((where, equal))
        return ir.Pattern(self.one("notice", "notice", "use"), self.one(("user",), ("user",), ()), where)

    def range(self) -> ir.Range:
        rare = compare(get(CANDIDATE, "kind"), "=", ir.Constant("q", types.Text()))
        since = ir.Since(self.one(ir.Pattern("reply", self.one(("user",), ()), self.one(
            None, None, get(CANDIDATE, "flag"))), ir.Pattern("notice", ("user",), rare)))
        found: ir.Range = self.one(ir.WithinLast(self.period()), ir.WithinLast(self.period()), ir.This("day"),
                                   ir.This("month"), ir.During("session"), since, since, ir.Before())
        return found

    def later(self) -> ir.Range:
        length = self.period()
        found: ir.Range = self.one(ir.Within(length), ir.Within(length), ir.NoLaterThan(length), ir.By(ir.Apply(
            "+", (ir.Get(TRIGGER, ("time",), types.Instant()), length), types.Instant())))
        return found

    def question(self) -> ir.Expr:
        limit = ir.Constant(self.random.randint(0, 30), NUMBER)
        asked: tuple[ir.Expr, ...] = (
            ir.CountEvents(self.pattern(), self.range()),
            ir.SumEvents(self.pattern(), ("number",), self.range(), NUMBER, self.one(None, None, 1)))
        if self.random.random() < 0.3:  # of which all rows would be looked at
            sure = ir.Since(ir.Pattern(self.one("reply", "use"), ("user",), get(CANDIDATE, "flag")))
            return ir.Occurs(self.pattern(), self.one(sure, sure, ir.During("session"), self.range()))
        return compare(self.one(*asked), self.one("<=", ">", "="), limit)

    def policy(self) -> ir.Policy:
        trigger: ir.Trigger = ir.OnEvent((self.one("notice", "notice", "use"),), self.random.random() < 0.1, self.one(
            None, None, get(CANDIDATE, "flag")))
        if self.mark:
            run = self.one("session", "consent")
            trigger = self.one(ir.OnEvery(ir.Constant("7 seconds", ELAPSED), run), ir.OnStart(run), ir.OnWithout(
                ir.Constant("7 seconds", ELAPSED), run, ir.Pattern("use", ("user",), None)))
        asked, answer = self.question(), ir.Occurs(ir.Pattern("reply", ("user",), self.one(
            None, get(CANDIDATE, "flag"))), ir.Within(self.one(*(ir.Constant(text, ELAPSED) for text in (
                "3 seconds", "20 seconds")))))
        must = self.one(asked, asked, ir.Not(asked), ir.And((asked, self.question())), ir.And((asked, answer)),
                        ir.Or((answer, asked)))
        when = self.one((), (), (), (self.question(),), (ir.Or((get(TRIGGER, "flag"), self.question())),))
        unless = self.one((), (), (ir.Unless(self.question(), ()),))
        rule = ir.Rule("rule", "", (), "other", "error", ("user",), trigger, when if not self.mark else (),
                       (ir.Must(must, False),), unless, "")
        consent = ir.BooleanState("consent", ("user",), (ir.Pattern("reply", ("user",), self.one(
            None, get(CANDIDATE, "flag"))),), (ir.Pattern("alert", ("user",), None),), None)
        began = ir.Pattern("notice", ("user",), self.one(None, None, get(CANDIDATE, "flag")))
        session = replace(EPISODE, events=(began, EPISODE.events[1]), gap=ir.Constant("4 seconds", ELAPSED))
        return replace(policy(rule), forgets=self.one((NEVER_FORGOTTEN,), ()), states=(consent, STATES[1]),
                       episodes=(session,))

    def case(self) -> Case:
        full, amounts = self.one(1.0, 1.0, 0.95, 0.7), self.one(*AMOUNTS)
        rare, steps = self.one(0.1, 0.3), self.one((0, 1), (0, 1, 1, 3), (1,), (0, 0, 0, 0, 0, 2), (0, 0, 0, 1))
        rows, time = [], self.one(START, MIDNIGHT - 10 * SECOND)
        for row in range(self.random.randint(FEW + 2, 6 * FEW)):
            time += SECOND * self.one(*steps)
            kind = self.one("use", "reply", "alert") if self.random.random() < rare else "notice"
            fields: dict[str, Any] = {"user": "u2" if self.random.random() < 0.1 else "u1", "n": row}
            for name, values in (("flag", (True, True, False)), ("number", amounts), ("kind", ("p",) * 7 + ("q",)),
                                 ("kinds", (["p"], ["p", "q", "p"], ["q"], []))):
                if self.random.random() < full:
                    fields[name] = self.one(*values)
                elif self.random.random() < 0.3:
                    fields[name] = None
            rows.append(Event(kind, time, fields, None, self.one(None, 1, 2), "t", row + 1, EVENTS.index(kind)))
        return Case({"service": {"flag": True, "number": 1}}, in_order(rows))

    def sources(self) -> Sources | None:
        if self.random.random() < 0.7:
            return None
        since = self.one(START - SECOND, START + 10 * SECOND)
        return Sources({name: self.one(None, None, since) for name in EVENTS})


def about(judgements: Iterable[Judgement]) -> Counter[Any]:
    return Counter((one.moment, one.verdict) for one in judgements)


@given(st.integers(0, 2 ** 48))
@settings(max_examples=400, deadline=None)
def test_totals(seed: int) -> None:
    """Fed in order, what becomes final at an event is what the reference says, with evidence and due times. Fed out of
    order within the lateness, some too late, stopped and swept now and then, a monitor gives the same, under the same
    ids, over what was in time."""
    hot = Hot(seed)
    held(hot, hot.policy())


@given(st.integers(0, 2 ** 48))
@settings(max_examples=300, deadline=None)
def test_duties_that_see_many_rows(seed: int) -> None:
    """The same for duties that wait for several things, and are shown row after row: only the first that matches for
    certain answers, and those that do not match are not kept."""
    hot = Hot(seed)
    judged = hot.policy()
    waits = [ir.Occurs(hot.pattern(), hot.later()) for _ in range(hot.one(1, 2, 2, 3))]
    must = hot.one(ir.And(tuple(waits)), ir.And(tuple(waits)), ir.Or(tuple(waits)), ir.And((waits[0], hot.question())))
    held(hot, replace(judged, rules=(replace(judged.rules[0], must=(ir.Must(must, False),)),)))


def held(hot: Hot, judged: ir.Policy) -> None:
    case, emitted = hot.case(), hot.sources()
    try:
        in_turn = Monitor(judged, case.facts, {}, CALENDAR, sources=emitted)
    except Refused:
        event("refused")
        return
    taken: list[Event] = []
    found = shuffled(judged, case, emitted, hot, taken)
    in_time = in_order(taken)
    if any(isinstance(one, Unjudged) for one in found):
        event("past what can be computed")
        each_alone(judged, replace(case, events=in_time), emitted, found)
        again = [one for row in in_time for one in in_turn.feed(row)] + in_turn.finish()
        assert {one.id for one in again if isinstance(one, Decided | Unjudged)} == {one.id for one in found}
        return
    event(f"{'late, ' if len(in_time) < len(case.events) else ''}{'settled' if found else 'nothing'}")
    again = []
    for row in (*in_time, None):
        outcomes = [one for one in (in_turn.finish() if row is None else in_turn.feed(row)) if isinstance(one, Decided)]
        again += outcomes
        if row is None or hot.random.random() < 0.1:
            assert in_turn.watermark is not None
            whole = judge(judged, replace(case, events=in_time), Setting(in_turn.watermark - 1, {}), CALENDAR,
                          sources=emitted)
            final = [one for one in whole if one.verdict != "pending"]
            assert about(one.judgement for one in again) == about(final)
            assert bare((one.judgement for one in outcomes), loose(judged)) <= bare(final, loose(judged))
            assert bare(in_turn.pending(), loose(judged)) == bare(
                (one for one in whole if one.verdict == "pending"), loose(judged))
    assert len({one.id for one in again}) == len(again)
    assert told(again, loose(judged)) == told(found, loose(judged))


def each_alone(judged: ir.Policy, case: Case, emitted: Sources | None, found: Iterable[Decided | Unjudged]) -> None:
    """The evaluator raises at the moments that could not be judged, and at no other."""
    (rule,) = judged.rules
    for one in found:
        of = known(rule.name, one.moment if isinstance(one, Unjudged) else one.judgement.moment)
        try:
            said = judge_moments(judged, rule, case, Setting(case.events[-1].time, {}), CALENDAR,
                                 lambda moment: known(rule.name, moment) == of, sources=emitted)  # noqa: B023
            assert isinstance(one, Decided) and one.judgement.verdict in {two.verdict for two in said}
        except Overflow:
            assert isinstance(one, Unjudged)


def shuffled(judged: ir.Policy, case: Case, emitted: Sources | None, hot: Hot,
             taken: list[Event]) -> list[Decided | Unjudged]:
    """The verdicts over rows as they may come, of which those are `taken` that did not come too late."""
    lateness, far = hot.one((0, 0), (0, 2 * SECOND), (3 * SECOND, 3 * SECOND), (20 * SECOND, 30 * SECOND))
    monitor = Monitor(judged, case.facts, {}, CALENDAR, sources=emitted, lateness=lateness)
    found: list[Decided | Unjudged] = []
    for row in sorted(case.events, key=lambda one: one.time + far * hot.random.random()):
        taken.append(row)
        outcomes = monitor.feed(row)
        found += [one for one in outcomes if isinstance(one, Decided | Unjudged)]
        if any(isinstance(one, Late) for one in outcomes):
            taken.pop()
        chance = hot.random.random()
        if chance < 0.08:
            state = json.dumps(monitor.snapshot())
            monitor = Monitor.restore(json.loads(state), judged, case.facts, {}, CALENDAR, sources=emitted,
                                      lateness=lateness)
            assert json.dumps(monitor.snapshot()) == state
        elif chance < 0.2:
            monitor.compact()
    return found + [one for one in monitor.finish() if isinstance(one, Decided | Unjudged)]


def told(found: Iterable[Outcome], loosely: bool) -> Counter[Any]:
    """All of it as text, since rows that were restored are other objects."""
    return Counter((outcome.id, alike(one)) for outcome in found if isinstance(outcome, Decided)
                   for one in bare([outcome.judgement], loosely))


def loose(judged: ir.Policy) -> bool:
    """Where the trigger lacks what candidates are compared with, the monitor names as evidence only those that it kept.
    """
    return any(f"owner='trigger', path=('{name}',)" in repr(judged.rules) for name in ("kind", "number"))
