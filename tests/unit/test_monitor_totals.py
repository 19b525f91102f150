"""Running totals of the online monitor where chance seldom looks: each held to the reference after every event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from policyengine.core import ir, types
from policyengine.core.case import Case, Event, Sources, in_order
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.operators import LIMIT, Overflow
from policyengine.trace.monitor import totals as monitor_totals
from policyengine.trace.monitor.monitor import Monitor
from policyengine.trace.monitor.totals import FEW
from tests.property.test_monitor import Follower, alike
from tests.support.trace_strategies import CALENDAR, EPISODE, EVENTS, SECOND, START, compare, get, policy

USER = ("user",)
INTEGER = types.Number(integer=True)
ELAPSED = types.Period("elapsed")
MANY = 3 * FEW
NOTICES, USES = ir.Pattern("notice", USER, None), ir.OnEvent(("use",), False, None)


def lasting(text: str) -> ir.Constant:
    return ir.Constant(text, ELAPSED)


def counted(range: ir.Range, pattern: ir.Pattern = NOTICES) -> ir.Expr:
    return compare(ir.CountEvents(pattern, range), "<", ir.Constant(MANY // 2, INTEGER))


def summed(range: ir.Range, pattern: ir.Pattern = NOTICES) -> ir.Expr:
    return compare(ir.SumEvents(pattern, ("number",), range, INTEGER), "<", ir.Constant(MANY // 2, INTEGER))


def rule(must: ir.Expr, trigger: ir.Trigger = USES) -> ir.Rule:
    return ir.Rule("rule", "", (), "other", "error", USER, trigger, (), (ir.Must(must, False),), (), "")


def row(second: float, type: str, **fields: Any) -> Event:
    return Event(type, START + round(second * SECOND), {"user": "u1", **fields}, None, None, "t", 1, EVENTS.index(type))


def notices(many: int = MANY, first: float = 0, step: float = 1, **fields: Any) -> list[Event]:
    return [row(first + step * number, "notice", number=1, **fields) for number in range(many)]


def agree(must: ir.Expr, events: Sequence[Event], *, trigger: ir.Trigger = USES,
          sources: Sources | None = None) -> list[str]:
    """The verdicts, which are those of the reference after every event, with their evidence; and the same where the
    monitor is stopped after each."""
    judged = replace(policy(rule(must, trigger)), episodes=(replace(EPISODE, gap=lasting("3 seconds")),))
    case = Case({"service": {}}, in_order(events))
    follower = Follower(judged, case, sources, Monitor(judged, case.facts, {}, CALENDAR, sources=sources))
    stopped = Monitor(judged, case.facts, {}, CALENDAR, sources=sources)
    for event in (*case.events, None):
        outcomes, same = ([one.finish() if event is None else one.feed(event)
                           for one in (follower.monitor, stopped)])
        follower.took(outcomes)
        assert [alike(one) for one in same] == [alike(one) for one in outcomes]
        state = json.dumps(stopped.snapshot())
        stopped = Monitor.restore(json.loads(state), judged, case.facts, {}, CALENDAR, sources=sources)
    return [one.verdict for one in follower.given]


# ---- where ranges begin and end ---------------------------------------------------------------------------------

def test_a_moment_in_no_run_counts_nothing_of_its_instant() -> None:
    """`notice` begins no session here, so many of one instant are in none."""
    assert agree(counted(ir.During("session")), [*notices(step=0), row(0, "alert")],
                 trigger=ir.OnEvent(("alert",), False, None)) == ["satisfied"]


def test_a_mark_stands_before_the_events_of_its_instant() -> None:
    """By order they are behind it, by instants they are in its range."""
    uses = [row(second, "use", number=1) for second in (0, 2, 4, 6)]
    since = ir.Since(ir.Pattern("reply", USER, None))
    every = ir.OnEvery(lasting("5 seconds"), "session")
    assert agree(counted(since), [*uses, *notices(first=5, step=0)], trigger=every) == ["satisfied"]
    assert agree(counted(ir.This("day")), [*uses, *notices(first=5, step=0)], trigger=every) == ["violated"]


@pytest.mark.parametrize("asked", [counted, summed])
def test_what_stands_before_history_is_complete_is_uncertain(asked: Any) -> None:
    """Where the event after `since` may have been missed, all before may be outside."""
    sources = Sources({"notice": None, "use": None, "reply": START + MANY * SECOND // 2})
    events = [*notices(), row(MANY, "use"), row(MANY + 1, "reply"), *notices(MANY, MANY + 2), row(3 * MANY, "use")]
    assert agree(asked(ir.Since(ir.Pattern("reply", USER, None))), events, sources=sources) == [
        "violated" if asked is counted else "undecided", "violated"]


@pytest.mark.parametrize("range", [ir.WithinLast(lasting("4 seconds")), ir.Since(ir.Pattern("reply", USER, None)),
                                   ir.This("day")], ids=["length", "since", "day"])
@pytest.mark.parametrize("asked", [counted, summed])
def test_rows_of_the_instant_of_a_trigger(asked: Any, range: ir.Range) -> None:
    """Of its own type those up to it are counted, of another by order or by instant."""
    own = ir.OnEvent(("notice",), False, None)
    assert "violated" in agree(asked(range), [row(0, "reply"), *notices(step=0, first=1)], trigger=own)
    alerts = ir.OnEvent(("alert",), False, None)  # stands before the notices of its instant
    events = [row(0, "reply"), *notices(FEW + 1, step=0, first=1), *notices(step=0, first=2), row(2, "alert")]
    assert agree(asked(range), events, trigger=alerts) == [
        "satisfied" if isinstance(range, ir.Since) else "violated"]


def test_what_begins_a_range_is_not_in_it() -> None:
    since = ir.Since(ir.Pattern("notice", USER, get(CANDIDATE, "flag")))
    assert agree(counted(since), [*notices(flag=False), row(MANY, "notice", flag=True), row(MANY, "use"), *notices(
        first=MANY + 1, flag=False), row(3 * MANY, "use")]) == ["satisfied", "violated"]


def test_a_trigger_is_not_what_happened_before_it() -> None:
    during = ir.Occurs(ir.Pattern("use", USER, None), ir.During("session"))
    assert agree(during, [row(one, "use") for one in range(MANY)]) == ["violated", *["satisfied"] * (MANY - 1)]


def test_where_none_is_certain_all_that_may_be_are_looked_at() -> None:
    during = ir.Occurs(ir.Pattern("use", USER, get(CANDIDATE, "flag")), ir.During("session"))
    events = [row(0, "use", flag=True), *(row(one, "use", **({"flag": False} if one % 3 == 0 else {}))
                                          for one in range(5, MANY)), row(MANY, "notice")]
    assert agree(during, events, trigger=ir.OnEvent(("notice",), False, None)) == ["undecided"]


def test_it_is_told_that_an_event_shares_the_instant() -> None:
    """Also where it is not among the latest."""
    since = ir.Since(ir.Pattern("reply", USER, None))
    agree(counted(since), [row(0, "reply"), *notices(), *notices(1, first=MANY), row(MANY, "use"),
                           *(replace(one, sequence=7) for one in notices(FEW + 2, first=MANY, step=0))])


@pytest.mark.parametrize("least", [">=", ">"])
def test_a_row_is_old_enough_at_an_instant(least: str) -> None:
    now, then = (ir.Get(owner, ("time",), types.Instant()) for owner in (TRIGGER, CANDIDATE))
    age = ir.Apply("instant -", (now, then), ELAPSED)
    where = ir.And((get(CANDIDATE, "flag"), compare(age, least, lasting("10 seconds"))))
    events = [row(one, "notice", **({} if one % 7 == 0 else {"flag": one % 5 < 3})) for one in range(MANY)]
    found = agree(ir.Occurs(ir.Pattern("notice", USER, where), ir.Before()),
                  [*events, *(row(one, "use") for one in range(5, MANY))])
    assert found[:7] == ["violated"] * 5 + (["undecided", "satisfied"] if least == ">=" else ["violated", "undecided"])


# ---- what is uncertain ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("where", [None, get(CANDIDATE, "flag"), compare(get(CANDIDATE, "kind"), "=", get(
    TRIGGER, "kind"))], ids=["all", "flag", "kind of the trigger"])
def test_uncertain_rows_among_certain_ones(where: ir.Expr | None) -> None:
    events: list[Event] = []
    for one in range(2 * MANY):
        fields = {"flag": one % 3 != 0, "kind": "pq"[one % 4 == 0], "number": Decimal(one) / 10}
        gone = [None, "flag", "kind", "number"][(one % 11 == 5) * (1 + one % 3)]
        events.append(row(one, "notice", **{name: value for name, value in fields.items() if name != gone}))
        if one % 7 == 6:
            events.append(row(one + 0.5, "use", **({"kind": "p"} if one % 2 else {})))
    pattern = ir.Pattern("notice", USER, where)
    for range_ in (ir.WithinLast(lasting("25 seconds")), ir.This("day")):
        for asked in (counted, summed):
            agree(asked(range_, pattern), events)


def test_sums_that_would_leave_18_digits_on_the_way_are_added_one_by_one() -> None:
    """As the reference adds them: past the limit is past it, and back again is not."""
    high = [row(MANY + 1, "notice", number=LIMIT - 1 - 2 * MANY), row(MANY + 2, "notice", number=MANY - LIMIT)]
    assert agree(summed(ir.This("day")), [*notices(), *high, row(MANY + 3, "use")]) == ["satisfied"]
    with pytest.raises(Overflow):
        agree(summed(ir.This("day")), [*notices(), row(MANY, "notice", number=LIMIT - 1), row(MANY + 3, "use")])


# ---- what it costs ----------------------------------------------------------------------------------------------

def hot(must: ir.Expr, **options: Any) -> Monitor:
    return Monitor(policy(rule(must, ir.OnEvent(("notice",), False, None))), {"service": {}}, {}, CALENDAR, **options)


def test_each_row_is_added_once() -> None:
    """Not once a moment: a month of 4,000 payments has 4,000 moments."""
    one = hot(summed(ir.This("month")))
    amounts = monitor_totals.amount_of
    with patch.object(monitor_totals, "amount_of", side_effect=amounts) as asked:
        for event in notices(20 * FEW):
            one.feed(event)
        one.finish()
    assert asked.call_count == 20 * FEW


@pytest.mark.parametrize("must", [
    counted(ir.This("month")), summed(ir.This("month")), counted(ir.Since(ir.Pattern("reply", USER, None)))],
    ids=["counted", "summed up", "since"])
def test_an_open_duty_holds_few_rows(must: ir.Expr) -> None:
    """It waits for an answer, and what it counted is a number."""
    one = hot(ir.And((ir.Not(must), ir.Occurs(ir.Pattern("reply", USER, None), ir.Within(lasting("1 hour"))))))
    for event in notices(20 * FEW):
        one.feed(event)
    assert one.open > 5 * FEW
    assert max(len(duty.rows) for duty in one._judge.duties.values()) <= FEW + 1


def test_an_open_duty_keeps_the_answers_that_may_be_its_own() -> None:
    """And of those that are, the first, however long it waits for something else."""
    number = compare(get(CANDIDATE, "number"), "<=", get(TRIGGER, "number"))
    answered = [ir.Occurs(ir.Pattern(name, USER, where), ir.Within(lasting("1 hour")))
                for name, where in (("reply", number), ("alert", None), ("use", None))]
    one = hot(ir.And(tuple(answered)))
    for second in range(MANY):
        one.feed(row(second, "notice", number=second))
        one.feed(row(second, "reply", number=MANY - second))
        one.feed(row(second, "alert"))
    assert one.open == MANY - 1  # the last instant is not over
    # The trigger, the reply of its instant, the first that is its own, the first alert.
    assert max(len(duty.rows) for duty in one._judge.duties.values()) == 4


def test_runs_that_nobody_asks_about_are_gone() -> None:
    """A moment looks at all that are kept of its key, however many there were."""
    one = Monitor(policy(rule(counted(ir.During("session")))), {"service": {}}, {}, CALENDAR)
    for second in range(0, 10 * MANY, 5):
        one.feed(row(second, "use"))
    assert one._judge.shelf.runs["session"].size() <= 2


def test_totals_go_with_the_rows() -> None:
    one = hot(summed(ir.WithinLast(lasting("20 seconds"))))
    for event in notices(20 * FEW):
        one.feed(event)
    one.compact()
    [store] = one._judge.shelf.stores.values()
    [tally] = [tally for totals in store.totals.values() for tally in totals.tallies.values()]
    assert len(tally.places) <= 21
    one.advance(START + 3600 * SECOND)
    one.compact()
    assert not any(totals.tallies for totals in store.totals.values())
