"""The online monitor at numbers and days past what can be held, where the property tests do not look: days, lengths
that no moment has a part in, marks, first matches."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from policyengine.base.instants import OutOfRange, parse_instant
from policyengine.core import ir, types
from policyengine.core.case import Case, Event, Sources
from policyengine.core.evaluate import judge
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.operators import Overflow
from policyengine.core.verdict import Setting
from policyengine.trace.monitor.monitor import Decided, Monitor, Outcome, Unjudged
from tests.support.trace_strategies import (
    CALENDAR,
    EPISODE,
    FACT_FLAG,
    SECOND,
    START,
    STATES,
    compare,
    get,
    policy,
)
from tests.unit.test_monitor import NOTICE, TEN_SECONDS, USER, monitor, occurs, row, rule

INTEGER = types.Number(integer=True)
MONTH = ir.Constant("1 month", types.Period("month"))
LAST = parse_instant("9999-12-20T00:00:00Z") - START
"""From which on a month has no end; the monitor takes no event after the 27th."""

HUGE = 10 ** 12

OTHER = replace(NOTICE, name="other")
"""A rule that nothing keeps from being judged."""


def squared(owner: str) -> ir.Expr:
    number = get(owner, "number")
    return compare(ir.Apply("*", (number, number), INTEGER), ">=", ir.Constant(1, INTEGER))


def at_last(second: float, type: str, user: str = "u1", **fields: Any) -> Event:
    return row(LAST // SECOND + second, type, user, **fields)


def fed(one: Monitor, *events: Event) -> list[str]:
    """What it says: `user verdict` of each moment, `user unjudged name` of those it cannot judge."""
    outcomes = [outcome for event in events for outcome in one.feed(event)] + one.finish()
    assert len({outcome.id for outcome in outcomes if not hasattr(outcome, "watermark")}) == len(outcomes)
    return [said(outcome) for outcome in outcomes]


def said(outcome: Outcome) -> str:
    if isinstance(outcome, Unjudged):
        keys = dict(outcome.moment.keys) if outcome.moment else {}
        return f"{keys.get('user', 'all')} unjudged {outcome.reason.name}"
    assert isinstance(outcome, Decided)
    moment = outcome.judgement.moment
    return f"{dict(moment.keys)['user'] if moment else 'all'} {outcome.judgement.verdict}"


def refused(judged: ir.Policy, *events: Event, facts: Any = None) -> None:
    """The evaluator says nothing at all."""
    with pytest.raises((Overflow, OutOfRange)):
        judge(judged, Case(facts or {"service": {}}, events), Setting(events[-1].time, {}), CALENDAR)


# ---- days that no calendar has ----------------------------------------------------------------------------------

@pytest.mark.parametrize("report", [("violated",), ("violated", "satisfied")])
def test_a_period_without_an_end(report: tuple[Any, ...]) -> None:
    judged = rule(occurs("reply", ir.Within(MONTH)))
    events = row(0, "use"), at_last(0, "use"), at_last(1, "use", "u2")
    refused(policy(judged), *events)
    one = monitor(judged, OTHER, report=report)
    found = fed(one, *events)
    assert [text for text in found if "unjudged" in text] == [
        "u1 unjudged date-out-of-range", "u2 unjudged date-out-of-range"]
    assert one.unjudged == {"rule": 2, "other": 0} and one.open == 0
    assert one.counts["rule"]["violated"] == 1 and one.counts["other"]["violated"] == 3


@pytest.mark.parametrize("asked", [occurs("notice", ir.WithinLast(MONTH)), occurs("notice", ir.This("month")),
                                   occurs("notice", ir.WithinLast(MONTH), get(CANDIDATE, "flag"))])
@pytest.mark.parametrize("report", [("violated",), ("violated", "satisfied")])
def test_rows_of_the_last_month_are_kept_and_swept(asked: ir.Occurs, report: tuple[Any, ...]) -> None:
    """To throw away what is no longer needed, it has to be known when a month ends: that was an internal error."""
    one = monitor(rule(asked), report=report)
    for number in range(300):
        one.feed(at_last(number, "notice", f"u{number}", flag=True))
        one.feed(at_last(number, "notice", f"u{number}", flag=True))
    one.compact()
    assert one.size() >= 299
    found = fed(one, at_last(400, "use", "u1"), at_last(400, "use", "u999"))
    known = isinstance(asked.range, ir.This)
    assert sorted(found) == ["u1 satisfied"] * (known and "satisfied" in report) + ["u999 violated"] if known else [
        "u1 unjudged date-out-of-range", "u999 unjudged date-out-of-range"]
    one.advance(parse_instant("9999-12-31T23:00:00Z"))  # which is of the year 10000 in Shanghai
    one.compact()
    assert one.size() >= 299


@pytest.mark.parametrize("deadline", ["9999-12-31", "2026-06-30"])
def test_a_deadline_that_stands_for_never(deadline: str) -> None:
    asked = rule(occurs("reply", ir.By(ir.Get(TRIGGER, ("until",), types.Date()))))
    one = monitor(asked, OTHER)
    found = fed(one, row(0, "use", until=deadline), row(1, "use", "u2", until="2026-05-01"))
    assert one.unjudged["rule"] == ("u1 unjudged date-out-of-range" in found) == (deadline == "9999-12-31")
    assert one.counts["rule"]["violated"] == 1 and one.counts["other"]["violated"] == 2
    assert one.open == (deadline == "2026-06-30")


# ---- marks and runs ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("run", ["session", "consent"])
@pytest.mark.parametrize("kind", ["every", "without"])
def test_a_mark_that_no_calendar_has(run: str, kind: str) -> None:
    """It is told once for each run, where the run begins; other runs and rules go on."""
    trigger = ir.OnEvery(MONTH, run) if kind == "every" else ir.OnWithout(MONTH, run, ir.Pattern("notice", USER, None))
    judged = rule(occurs("alert", ir.Before()), trigger)
    events = [at_last(second / 2, "reply", user) for second in range(4) for user in ("u1", "u2")]
    refused(policy(judged), *events)
    one = monitor(judged, OTHER)
    assert fed(one, *events) == ["u1 unjudged date-out-of-range", "u2 unjudged date-out-of-range"]
    again = Monitor.restore(json.loads(json.dumps(one.snapshot())), policy(judged, OTHER), {"service": {}}, {},
                            CALENDAR)
    assert again.unjudged == {"rule": 2, "other": 0} and fed(again, at_last(2, "reply")) == []


@pytest.mark.parametrize(("force", "told"), [((None, None), 1), ((START + LAST + 5 * SECOND, None), 1),
                                             ((None, START + LAST), 0)])
def test_a_mark_without_a_date_is_told_unless_the_version_ended_before(force: Any, told: int) -> None:
    one = monitor(rule(occurs("alert", ir.Before()), ir.OnEvery(MONTH, "session")), force=force)
    assert len(fed(one, at_last(0, "use"))) == told


def test_a_second_mark_that_no_calendar_has() -> None:
    """The first one is judged."""
    asked = rule(occurs("alert", ir.Before()), ir.OnEvery(ir.Constant("3 days", types.Period("day")), "consent"))
    one = monitor(asked)
    assert fed(one, at_last(0, "reply")) == []
    assert [said(outcome) for outcome in one.advance(START + LAST + 11 * 86_400 * SECOND)] == [
        "u1 violated", "u1 violated", "u1 violated", "u1 unjudged date-out-of-range"]
    assert one.advance(START + LAST + 12 * 86_400 * SECOND) == []


def test_a_mark_without_a_date_is_told_once_whatever_else_follows_the_run() -> None:
    every = rule(occurs("alert", ir.Before()), ir.OnEvery(MONTH, "session"))
    heard = rule(occurs("alert", ir.Before()), ir.OnWithout(TEN_SECONDS, "session", ir.Pattern("notice", USER, None)),
                 name="heard")
    one = monitor(every, heard)
    assert fed(one, *(at_last(second, type) for second in range(9) for type in ("use", "notice"))) == [
        "u1 unjudged date-out-of-range"]
    held = monitor(replace(every, trigger=ir.OnEvery(MONTH, "consent")))
    assert fed(held, at_last(0, "reply")) == ["u1 unjudged date-out-of-range"]
    assert held.size() == 1, "the state; nobody looks whether it passes a mark"


@pytest.mark.parametrize("reach", [ir.This("month"), ir.This("week"), ir.WithinLast(MONTH)])
def test_the_first_days_of_the_first_year(reach: ir.Range) -> None:
    first = (parse_instant("0001-01-05T00:00:00Z") - START) // SECOND
    one = monitor(rule(occurs("notice", reach)), OTHER)
    found = fed(one, row(first, "notice"), row(first + 1, "notice"), row(first + 2, "use"))
    one.compact()
    assert found[1:] == ["u1 satisfied"] and found[0] in ("u1 satisfied", "u1 unjudged date-out-of-range")


@pytest.mark.parametrize("sources", [None, Sources(dict.fromkeys(("reply", "alert", "notice", "use")))])
def test_a_state_that_no_calendar_lets_expire(sources: Sources | None) -> None:
    held = rule(ir.InState("consent", TRIGGER, (("user", get(TRIGGER, "user")),)))
    begun = rule(occurs("notice", ir.Before()), ir.OnStart("consent"), name="begun")
    judged = replace(policy(held, begun), states=(replace(STATES[0], lasting=ir.Constant(
        "6 months", types.Period("month"))), STATES[1]))
    one = Monitor(judged, {"service": {}}, {}, CALENDAR, sources=sources)
    found = fed(one, row(0, "reply", "u2"), row(1, "use", "u2"), at_last(0, "reply"), at_last(1, "use"))
    assert found == ["u2 violated", "u2 satisfied", "u1 unjudged date-out-of-range", "u1 unjudged date-out-of-range"]


def test_of_a_run_only_what_comes_after_is_in_doubt() -> None:
    """A match that cannot be computed is one that may be: the marks before it are judged, and the runs after it."""
    session = replace(EPISODE, events=(ir.Pattern("use", USER, None), ir.Pattern("reply", USER, squared(CANDIDATE))))
    asked = rule(occurs("notice", ir.Before()), ir.OnEvery(ir.Constant("1 second", types.Period("elapsed")), "session"))
    judged = replace(policy(asked), episodes=(session,))
    one = Monitor(judged, {"service": {}}, {}, CALENDAR)
    events = [row(0, "use"), row(1.5, "use"), row(2.7, "reply", number=HUGE), row(3.5, "use"), row(3.5, "use", "u2"),
              row(9, "use"), row(10.5, "use")]
    refused(judged, *events)
    assert fed(one, *events) == ["u1 violated", "u1 unjudged number-too-large", "u1 unjudged number-too-large",
                                 "u1 violated"]


def test_after_an_end_that_cannot_be_computed_nobody_knows_the_next_start() -> None:
    """The event after it may begin a run or go on with the one before: what a start asks of it is not judged."""
    session = replace(EPISODE, ends=(ir.Pattern("alert", USER, squared(CANDIDATE)),))
    judged = replace(policy(rule(occurs("notice", ir.Before()), ir.OnStart("session"))), episodes=(session,))
    one = Monitor(judged, {"service": {}}, {}, CALENDAR)
    events = (row(0, "use"), row(1, "alert", number=HUGE), row(2, "use"), row(3, "alert", number=1), row(4, "use"),
              row(5, "alert", "u2", number=HUGE))
    refused(judged, *events)
    assert fed(one, *events) == ["u1 violated", "u1 unjudged number-too-large", "u1 violated"]


# ---- triggers and states ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("report", [("violated",), ("violated", "satisfied")])
def test_after_a_first_match_that_cannot_be_computed_nobody_knows_the_first(report: tuple[Any, ...]) -> None:
    first = rule(occurs("notice", ir.Before()), ir.OnEvent(("use",), True, squared(CANDIDATE)))
    one = monitor(first, report=report)
    found = fed(one, row(0, "use", number=0), row(1, "use", number=HUGE), row(2, "use", "u2", number=1),
                row(3, "use", number=0), row(4, "use", number=1), row(5, "use", number=1))
    assert found == ["u1 unjudged number-too-large", "u2 violated", "u1 unjudged number-too-large"]


def test_a_trigger_of_which_nobody_knows() -> None:
    """What its rule would have said of it is not asked, as the evaluator does not ask it."""
    judged = replace(rule(ir.Constant(True, types.Bool()), ir.OnEvent(("use",), False, squared(CANDIDATE))),
                     when=(get(TRIGGER, "flag"),))
    assert fed(monitor(judged), row(0, "use", number=HUGE, flag=False), row(1, "use", number=1, flag=True)) == [
        "u1 unjudged number-too-large", "u1 satisfied"]


@pytest.mark.parametrize("report", [("violated",), ("violated", "satisfied")])
@pytest.mark.parametrize("asked", [
    squared(TRIGGER), ir.InState("consent", TRIGGER, (("user", get(TRIGGER, "user")),)),
    compare(ir.EpisodeDuration("session", ir.Before()), ">", TEN_SECONDS)])
@pytest.mark.parametrize("decided", [get(TRIGGER, "flag"), FACT_FLAG])
def test_what_is_only_counted_is_asked_as_the_evaluator_does(decided: ir.Expr, asked: ir.Expr,
                                                             report: tuple[Any, ...]) -> None:
    """All parts, though one of them decides, and be it for every row."""
    judged = replace(
        policy(rule(ir.Or((decided, asked))), replace(rule(ir.And((ir.Not(decided), asked))), name="other")),
        states=(replace(STATES[0], starts=(ir.Pattern("reply", USER, squared(CANDIDATE)),)), STATES[1]),
        episodes=(replace(EPISODE, events=(ir.Pattern("reply", USER, squared(CANDIDATE)),)),),
        forgets=(ir.Forget("user", (ir.Pattern("alert", USER, None),)),))
    facts = {"service": {"flag": True}}
    one = Monitor(judged, facts, {}, CALENDAR, report=report)
    events = row(0, "reply", number=HUGE), row(1, "use", number=HUGE, flag=True), row(2, "use", "u2", flag=True)
    refused(judged, *events, facts=facts)
    own = "EpisodeDuration" not in repr(asked)  # a run that may be is only missing
    assert [text for text in fed(one, *events) if "unjudged" in text] == ["u1 unjudged number-too-large"] * 2 * own
    assert one.counts["rule"]["satisfied"] == 2 - own and one.counts["other"]["violated"] == 2 - own


@pytest.mark.parametrize("report", [("violated",), ("violated", "satisfied")])
def test_a_sum_past_what_can_be_held_is_asked_though_another_part_decides(report: tuple[Any, ...]) -> None:
    total = ir.SumEvents(ir.Pattern("reply", USER, None), ("number",), ir.This("day"), INTEGER)
    asked = ir.Or((get(TRIGGER, "flag"), compare(total, ">", ir.Constant(1, INTEGER))))
    events = *(row(second, "reply", number=9 * 10 ** 17) for second in (0, 1)), row(2, "use", flag=True)
    refused(policy(rule(asked)), *events)
    assert fed(monitor(rule(asked), report=report), *events) == ["u1 unjudged number-too-large"]


def test_a_state_is_known_again_by_what_comes_later() -> None:
    held = rule(ir.InState("consent", TRIGGER, (("user", get(TRIGGER, "user")),)))
    asked = ir.BooleanState("consent", USER, (ir.Pattern("reply", USER, squared(CANDIDATE)),),
                            (ir.Pattern("alert", USER, None),), None)
    judged = replace(policy(held), states=(asked, STATES[1]))
    one = Monitor(judged, {"service": {}}, {}, CALENDAR)
    assert fed(one, row(0, "reply", number=HUGE), row(1, "use"), row(1, "use", "u2"), row(2, "reply", number=1),
               row(3, "use"), row(4, "alert"), row(5, "use")) == [
        "u1 unjudged number-too-large", "u2 violated", "u1 satisfied", "u1 violated"]


def test_a_key_of_a_state_that_cannot_be_computed() -> None:
    number = get(TRIGGER, "number")
    level = ir.BooleanState("level", ("number",), (ir.Pattern("reply", ("number",), None),), (), None)
    held = ir.InState("level", TRIGGER, (("number", ir.Apply("*", (number, number), INTEGER)),))
    judged = replace(policy(rule(held)), states=(STATES[0], level))
    one = Monitor(judged, {"service": {}}, {}, CALENDAR)
    assert fed(one, row(0, "reply", number=4), row(1, "use", number=2), row(2, "use", number=HUGE),
               row(3, "use", number=1)) == ["u1 satisfied", "u1 unjudged number-too-large", "u1 violated"]


def test_the_id_tells_it_from_a_verdict_on_the_moment() -> None:
    asked = monitor(rule(squared(TRIGGER)))
    lost, = [*asked.feed(row(0, "use", id="a", number=HUGE)), *asked.finish()]
    said, = [*(again := monitor(rule(squared(TRIGGER)))).feed(row(0, "use", id="a")), *again.finish()]
    assert isinstance(lost, Unjudged) and isinstance(said, Decided) and lost.id != said.id


@pytest.mark.parametrize("keeps", ["all", "what is needed", "what was restored"])
def test_what_is_needless_is_not_looked_at_wherever_it_lies(keeps: str) -> None:
    """The first `use` says nothing of the level, which nobody can compute of it, and its run is over. Whether it is
    still kept, since nobody swept, is nothing to the moment a minute later."""
    level = ir.ValuedState("level", USER, ((ir.StateSource(ir.Pattern("use", USER, squared(CANDIDATE)), ("kind",)),),),
                           types.Text())
    known = ir.Present(ir.StateValue("level", TRIGGER, (("user", get(TRIGGER, "user")),), types.Text()))
    short = compare(ir.EpisodeDuration("session", ir.WithinLast(TEN_SECONDS)), "<", TEN_SECONDS)
    judged = replace(policy(rule(ir.And((ir.Not(known), short)), ir.OnEvent(("notice",), False, None))),
                     states=(STATES[0], level))
    one = Monitor(judged, {"service": {}}, {}, CALENDAR)
    found: list[Outcome] = []
    for event in (row(0, "use", number=HUGE), row(60, "notice"), row(61, "alert")):
        found += one.feed(event)
        if keeps == "what is needed":
            one.compact()
        if keeps == "what was restored":
            one = Monitor.restore(json.loads(json.dumps(one.snapshot())), judged, {"service": {}}, {}, CALENDAR)
    assert [said(outcome) for outcome in found] == ["u1 satisfied"]


def test_an_answer_that_cannot_be_computed() -> None:
    """It may be one, so the duty is neither kept nor broken; that of another user is."""
    judged = rule(occurs("reply", ir.Within(TEN_SECONDS), squared(CANDIDATE)))
    one = monitor(judged)
    assert fed(one, row(0, "use"), row(0, "use", "u2"), row(1, "reply", number=HUGE), row(2, "reply", number=1)) == [
        "u1 unjudged number-too-large"]
    assert [said(outcome) for outcome in one.advance(START + 60 * SECOND)] == ["u2 violated"]


# ---- what no moment has a part in -------------------------------------------------------------------------------

FACT = ir.Fact(("service", "number"), INTEGER)
MANY = compare(ir.Apply("*", (FACT, FACT), INTEGER), ">", ir.Constant(0, INTEGER))
DATE = ir.Fact(("service", "date"), types.Date())
FAR = ir.Apply("-", (ir.Apply("+", (DATE, MONTH), types.Date()), DATE), types.Period("day"))
"""A length of days that begins in the last month."""

WHOLE = {"service": {"number": HUGE, "date": "9999-12-20"}}


@pytest.mark.parametrize("judged", [
    rule(occurs("notice", ir.WithinLast(FAR))), rule(occurs("notice", ir.Within(FAR))), rule(MANY),
    rule(ir.Or((get(TRIGGER, "flag"), MANY))), replace(NOTICE, when=(MANY,)),
    replace(NOTICE, unless=(ir.Unless(MANY, ()),)),
    rule(compare(ir.CountEvents(ir.Pattern("notice", USER, None), ir.WithinLast(FAR)), ">", ir.Constant(1, INTEGER)))])
@pytest.mark.parametrize("report", [("violated",), ("violated", "satisfied")])
def test_a_fact_past_what_can_be_held(judged: ir.Rule, report: tuple[Any, ...]) -> None:
    """Each moment of the rule is told, and the other rule goes on."""
    events = row(0, "notice"), row(1, "use", flag=True), row(2, "use", "u2", flag=True)
    refused(policy(judged), *events, facts=WHOLE)
    one = Monitor(policy(judged, OTHER), WHOLE, {}, CALENDAR, report=report)
    found = fed(one, *events)
    assert [text.split(" unj")[0] for text in found if "unjudged" in text] == ["u1", "u2"]
    assert one.counts["other"]["violated"] == one.counts["other"]["satisfied"] == 1
    assert not any(one.counts["rule"].values()) and one.unjudged == {"rule": 2, "other": 0}


def test_a_period_between_marks_past_what_can_be_held() -> None:
    """Its moments are not known: it is told once, at the beginning."""
    judged = rule(occurs("notice", ir.Before()), ir.OnEvery(FAR, "session"))
    one = Monitor(policy(judged), WHOLE, {}, CALENDAR)
    again = Monitor.restore(json.loads(json.dumps(one.snapshot())), policy(judged), WHOLE, {}, CALENDAR)
    assert fed(again, row(0, "use"), row(1, "use")) == ["all unjudged date-out-of-range"]
    assert fed(again, row(2, "use")) == []


def test_what_a_rule_applies_to_that_nobody_triggers() -> None:
    one = Monitor(policy(replace(NOTICE, applies=MANY)), WHOLE, {}, CALENDAR, sources=Sources({"notice": None}))
    assert [said(outcome) for outcome in one.advance(START)] == ["all unjudged number-too-large"]


def test_an_episode_whose_gap_is_past_what_can_be_held() -> None:
    judged = replace(policy(rule(occurs("notice", ir.During("session"))), OTHER),
                     episodes=(replace(EPISODE, gap=FAR),))
    one = Monitor(judged, WHOLE, {}, CALENDAR)
    assert fed(one, row(0, "use")) == ["u1 unjudged date-out-of-range", "u1 violated"]
