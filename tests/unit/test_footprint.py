"""What each construct reaches, construct by construct, and how many fetches it takes to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from policyengine.base.calendar import Calendar
from policyengine.base.instants import parse_instant
from policyengine.core import ir, types
from policyengine.core.case import Case, Event
from policyengine.core.evaluate import judge, judge_in, judge_moments
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.standing import Reach
from policyengine.core.verdict import Moment, Setting
from policyengine.trace.engines.footprint import footprint, merge, reaches, select
from tests.support.trace_strategies import compare, get, get_user, in_state, policy

SECOND = 1_000_000
CALENDAR = Calendar("Asia/Shanghai")
REPLIES = ir.Pattern("reply", ("user",), None)
ANYONES = ir.Pattern("reply", (), None)
NUMBER_ONE = ir.Constant(1, types.Number(integer=True))
ONE_DAY = ir.Constant("1 day", types.Period("day"))
FIVE_SECONDS = ir.Constant("5 seconds", types.Period("elapsed"))
U1 = (("user", "u1"),)


def at(text: str) -> int:
    instant = parse_instant(text)
    assert instant is not None
    return instant


NOW = at("2026-06-10T15:00:00+08:00")
MIDNIGHT = at("2026-06-10T00:00:00+08:00")
OVER = at("2026-06-12T00:00:00+08:00")


def rule_of(trigger: ir.Trigger, *must: ir.Expr) -> ir.Rule:
    return ir.Rule("rule", "", (), "other", "error", ("user",), trigger, (), tuple(ir.Must(one, False) for one in must),
                   (), "")


def asked_at(moment: Moment, rule: ir.Rule, *have: Event) -> set[tuple[Any, ...]]:
    found = reaches(replace(policy(), rules=(rule,)), rule, (moment,), Case({}, have), Setting(OVER, {}), CALENDAR)
    return {(one.event, one.keys, one.first, one.last) for one in found}


def use(time: int = NOW, **fields: Any) -> Event:
    return Event("use", time, {"user": "u1", **fields})


@pytest.mark.parametrize("question, reach", [
    (ir.Occurs(REPLIES, ir.Within(ONE_DAY)), [("reply", U1, NOW, OVER - 1)]),
    (ir.Occurs(REPLIES, ir.Within(FIVE_SECONDS)), [("reply", U1, NOW, NOW + 5 * SECOND)]),
    (ir.Occurs(REPLIES, ir.By(ir.Get(TRIGGER, ("due",), types.Date()))), [("reply", U1, NOW, OVER - 1)]),
    (ir.Occurs(REPLIES, ir.NoLaterThan(ONE_DAY)), [("reply", U1, None, OVER - 1)]),
    (ir.Occurs(REPLIES, ir.Before()), [("reply", U1, None, NOW)]),
    (ir.Occurs(ANYONES, ir.Before()), [("reply", (), None, NOW)]),
    (ir.Occurs(REPLIES, ir.WithinLast(FIVE_SECONDS)), [("reply", U1, NOW - 5 * SECOND, NOW)]),
    (ir.Occurs(REPLIES, ir.WithinLast(ONE_DAY)), [("reply", U1, at("2026-06-09T00:00:00+08:00"), NOW)]),
    (ir.Occurs(REPLIES, ir.This("day")), [("reply", U1, MIDNIGHT, NOW)]),
    (ir.Occurs(REPLIES, ir.Since(ir.Pattern("alert", ("user",), None))),
     [("reply", U1, None, NOW), ("alert", U1, None, NOW)]),
    (compare(ir.CountEvents(REPLIES, ir.This("day")), ">", ir.Constant(1, types.Number())),
     [("reply", U1, MIDNIGHT, NOW)]),
    (compare(ir.SumEvents(REPLIES, ("number",), ir.This("day"), types.Number(integer=True)), ">", NUMBER_ONE),
     [("reply", U1, MIDNIGHT, NOW)]),
    (ir.Present(ir.Latest(REPLIES, ("number",), types.Number())), [("reply", U1, None, NOW)]),
    (in_state(TRIGGER), [("reply", U1, None, NOW), ("alert", U1, None, NOW)]),
    (ir.InState("consent", TRIGGER, (("user", get(TRIGGER, "peer")),)),
     [("reply", (("user", "u2"),), None, NOW), ("alert", (("user", "u2"),), None, NOW)]),
    (ir.Present(ir.StateValue("level", TRIGGER, (("user", get_user(TRIGGER)),), types.Number())),
     [("notice", U1, None, NOW), ("use", U1, None, NOW)]),
    (ir.Occurs(ir.Pattern("notice", ("user",), None), ir.During("session")),
     [(name, U1, NOW - 2 * SECOND, NOW) for name in ("alert", "reply", "use")]),
])
def test_reach_of_a_question(question: ir.Expr, reach: list[tuple[Any, ...]]) -> None:
    """At a `use` of u1 with nothing fetched yet. Sessions have a gap of two seconds."""
    event = use(due="2026-06-11", peer="u2")
    moment = Moment(NOW, NOW, U1, event)
    own = {("use", U1, NOW, NOW)} if not any(one[0] == "use" for one in reach) else set()
    asked = asked_at(moment, rule_of(ir.OnEvent(("use",), False, None), question))
    assert {one for one in asked if one[0] != "notice" or one in reach} == own | set(reach)


def test_first_reaches_what_may_have_come_before() -> None:
    """All earlier rows of the trigger's types for the rule's keys."""
    asked = asked_at(Moment(NOW, NOW, U1, use()), rule_of(ir.OnEvent(("use", "alert"), True, None)))
    assert asked == {("use", U1, None, NOW), ("alert", U1, None, NOW)}


def test_first_seeks_what_one_of_its_own_instant_asks() -> None:
    """The use before it may have been the first: nobody knows whether the consent that it asks for ended."""
    where = ir.InState("consent", CANDIDATE, (("user", get(CANDIDATE, "peer")),))
    rule = rule_of(ir.OnEvent(("use",), True, where), ir.Occurs(REPLIES, ir.Before()))
    consents = [Event("reply", NOW - 2 * SECOND, {"user": peer}) for peer in ("u8", "u9")]
    alert = Event("alert", NOW - SECOND, {"user": "u9"})
    rows, _ = agree(rule, [*consents, alert, use(peer="u9"), use(peer="u8")], OVER)
    assert alert in rows


@pytest.mark.parametrize("after", [0, 2], ids=["at the start", "at the mark"])
def test_a_silence_seeks_what_one_at_its_bounds_asks(after: int) -> None:
    """Whether the use of that instant is one depends on a consent that is not the moment's."""
    of_peer = ir.InState("consent", CANDIDATE, (("user", get(CANDIDATE, "peer")),))
    without = ir.OnWithout(ir.Constant("2 seconds", types.Period("elapsed")), "consent",
                           ir.Pattern("use", ("user",), of_peer))
    consent = Event("reply", NOW, {"user": "u1"})
    moment = Moment(NOW + 2 * SECOND, NOW + 2 * SECOND, U1, None, consent)
    asked = asked_at(moment, rule_of(without), consent, use(NOW + after * SECOND, peer="u9"))
    assert ("reply", (("user", "u9"),), None, NOW + after * SECOND) in asked


def test_mark_reaches_its_run() -> None:
    """From the silence before the run through the event past the mark, ends included."""
    begun, past = use(NOW - 3 * SECOND), use(NOW + SECOND)
    moment = Moment(NOW, NOW + SECOND, U1, None, begun, past)
    asked = asked_at(moment, rule_of(ir.OnEvery(FIVE_SECONDS, "session")))
    assert asked == {(name, U1, NOW - 5 * SECOND, NOW + SECOND) for name in ("use", "reply", "alert")}


def test_duration_at_a_mark_reaches_what_is_known_there() -> None:
    """A run that passes the mark has lasted up to it, and the event that shows it may come when the mark is known."""
    begun, past = use(NOW - 3 * SECOND), use(NOW + 2 * SECOND)
    moment = Moment(NOW, NOW + 2 * SECOND, U1, None, begun, past)
    duration = ir.EpisodeDuration("long", ir.WithinLast(FIVE_SECONDS))
    rule = rule_of(ir.OnEvery(FIVE_SECONDS, "session"), compare(duration, ">", FIVE_SECONDS))
    long = ir.Episode("long", ("user",), (ir.Pattern("notice", ("user",), None),),
                      ir.Constant("1 minute", types.Period("elapsed")), ())
    whole = replace(policy(), rules=(rule,), episodes=(*policy().episodes, long))
    asked = reaches(whole, rule, (moment,), Case({}), Setting(OVER, {}), CALENDAR)
    assert Reach("notice", U1, NOW - 65 * SECOND, NOW + 2 * SECOND) in asked
    # A run that is seen to begin before the window may have begun earlier still.
    notices = [Event("notice", NOW + seconds * SECOND, {"user": "u1"}) for seconds in (-35, -1)]
    asked = reaches(whole, rule, (moment,), Case({}, tuple(notices)), Setting(OVER, {}), CALENDAR)
    assert Reach("notice", U1, NOW - (35 + 60 + 3 * 30) * SECOND, NOW + 2 * SECOND) in asked


def test_mark_of_a_state_reaches_all_its_past() -> None:
    """And a wait without an event reaches the events waited for from the start of the run."""
    begun = Event("reply", NOW - 9 * SECOND, {"user": "u1"})
    trigger = ir.OnWithout(FIVE_SECONDS, "consent", ir.Pattern("use", ("user",), None))
    asked = asked_at(Moment(NOW, NOW, U1, None, begun), rule_of(trigger))
    assert asked == {("reply", U1, None, NOW), ("alert", U1, None, NOW), ("use", U1, NOW - 9 * SECOND, NOW)}


def test_parts_that_adjoin_are_one() -> None:
    """So that one that lies across both is no part of its own."""
    two = [Reach("use", U1, NOW, NOW + 4), Reach("use", U1, NOW + 5, NOW + 9), Reach("use", U1, NOW + 11, None)]
    assert merge(two) == (Reach("use", U1, NOW, NOW + 9), Reach("use", U1, NOW + 11, None))


def test_state_at_a_candidate_is_sought_when_the_candidate_is_known() -> None:
    """Its keys are the candidate's."""
    state = ir.InState("consent", CANDIDATE, (("user", get(CANDIDATE, "peer")),))
    rule = rule_of(ir.OnEvent(("use",), False, None), ir.Occurs(ir.Pattern("notice", ("user",), state), ir.Before()))
    moment = Moment(NOW, NOW, U1, use())
    before = asked_at(moment, rule)
    notice = Event("notice", NOW - SECOND, {"user": "u1", "peer": "u9"})
    assert asked_at(moment, rule, notice) - before == {
        (name, (("user", "u9"),), None, NOW - SECOND) for name in ("reply", "alert")}


def agree(rule: ir.Rule, events: Sequence[Event], as_of: int) -> tuple[Sequence[Event], int]:
    """The footprint of the last moment and how many fetches found it; its judgement is that of the whole."""
    whole, setting = replace(policy(), rules=(rule,)), Setting(as_of, {})
    expected = judge(whole, Case({}, tuple(events)), setting, CALENDAR)[-1]
    fetches = []

    def fetch(asked: tuple[Reach, ...]) -> tuple[Event, ...]:
        fetches.append(asked)
        return select(asked, events)

    rows = footprint(whole, rule, (expected.moment,), {}, setting, CALENDAR, fetch).rows
    judged = judge_moments(whole, rule, Case({}, tuple(rows)), setting, CALENDAR, lambda one: one == expected.moment)
    assert judged == (expected,)
    return rows, len(fetches)


def test_start_of_a_long_run_takes_few_fetches() -> None:
    """A thousand events a second apart after a silence, and as many before it that are not fetched."""
    early = [use(NOW + place * SECOND) for place in range(1000)]
    late = [use(NOW + (50_000 + place) * SECOND) for place in range(1000)]
    rule = rule_of(ir.OnEvent(("use",), False, None), compare(
        ir.CountEvents(ir.Pattern("use", ("user",), None), ir.During("session")), ">=",
        ir.Constant(1000, types.Number(integer=True))))
    rows, fetches = agree(rule, [*early, *late], OVER)
    assert list(rows) == late
    assert fetches <= 8


WHOLE = types.Number(integer=True)
REPLIED, COUNTED = ir.Occurs(REPLIES, ir.Before()), ir.CountEvents(REPLIES, ir.Before())


@pytest.mark.parametrize("condition", [
    REPLIED, ir.Not(REPLIED), ir.And((get(TRIGGER, "flag"), REPLIED)), ir.Or((get(TRIGGER, "flag"), REPLIED)),
    compare(NUMBER_ONE, "<=", COUNTED), compare(NUMBER_ONE, "in", ir.ListValue((COUNTED,), types.ListOf(WHOLE))),
    ir.Present(ir.Latest(REPLIES, ("number",), WHOLE)),
    compare(ir.CompletedYears(ir.Latest(REPLIES, ("born",), types.Date())), ">=", NUMBER_ONE),
], ids=["alone", "not", "and", "or", "compared", "in a list", "present", "years"])
def test_what_stands_within_a_condition_is_fetched_at_once(condition: ir.Expr) -> None:
    """With the moment's own row, before any row is known."""
    reply = Event("reply", NOW - SECOND, {"user": "u1", "number": 1, "born": "2000-01-01"})
    rows, fetches = agree(rule_of(ir.OnEvent(("use",), False, None), condition), [reply, use()], OVER)
    assert (rows[0], fetches) == (reply, 1)


def test_some_rows_may_be_out_of_range_where_all_are_not() -> None:
    """Before the consents are fetched the sum of uses without one is past eighteen digits."""
    without = ir.Not(in_state(CANDIDATE))
    rule = rule_of(ir.OnEvent(("notice",), False, None), compare(
        ir.SumEvents(ir.Pattern("use", ("user",), without), ("number",), ir.Before(), types.Number(integer=True)), "=",
        ir.Constant(0, types.Number(integer=True))))
    consent = Event("reply", NOW, {"user": "u1"})
    huge = [use(NOW + place * SECOND, number=10 ** 18 - 1) for place in (1, 2)]
    rows, _ = agree(rule, [consent, *huge, Event("notice", NOW + 3 * SECOND, {"user": "u1"})], OVER)
    assert len(rows) == 4


def test_answers_are_told_apart_by_their_place() -> None:
    """Two users at one instant, and two events of one user there: each has its own answer, and is judged by it."""
    rule = rule_of(ir.OnEvent(("use",), False, None), compare(get(TRIGGER, "number"), "=", NUMBER_ONE),
                   ir.Occurs(ANYONES, ir.Before()))
    numbers = [("u1", 1), ("u2", 2), ("u1", 3)]
    events = [Event("use", NOW, {"user": user, "number": number}) for user, number in numbers]
    events.insert(1, Event("reply", NOW, {"user": "u1"}))
    whole, setting = replace(policy(), rules=(rule,)), Setting(OVER, {})
    expected = judge(whole, Case({}, tuple(events)), setting, CALENDAR)
    found = footprint(whole, rule, [one.moment for one in expected], {}, setting, CALENDAR,
                      lambda asked: select(asked, events))
    assert tuple(judge_in(rule, found.world, lambda _: True, found.answers)) == expected
    assert len(found.answers.known) == len(expected)  # what asks for no events is left to the one who judges


def test_marks_of_two_users_at_one_instant_have_their_own_answers() -> None:
    """They have no event to be told apart by, but their keys."""
    begun = [Event("use", NOW, {"user": user}) for user in ("u1", "u2")]
    past = [Event("use", NOW + 2 * SECOND, {"user": user}) for user in ("u1", "u2")]
    alert = Event("reply", NOW - SECOND, {"user": "u2"})
    rule = rule_of(ir.OnEvery(ir.Constant("1 second", types.Period("elapsed")), "session"),
                   ir.Occurs(REPLIES, ir.Before()))
    events = [alert, *begun, *past]
    whole, setting = replace(policy(), rules=(rule,)), Setting(OVER, {})
    expected = judge(whole, Case({}, tuple(events)), setting, CALENDAR)
    found = footprint(whole, rule, [one.moment for one in expected], {}, setting, CALENDAR,
                      lambda asked: select(asked, events))
    assert {one.verdict for one in expected} == {"satisfied", "violated"}
    assert tuple(judge_in(rule, found.world, lambda _: True, found.answers)) == expected


def test_what_depends_on_the_day_is_asked_on_each() -> None:
    """It asks for no event, but is not the same at every moment."""
    on_the_tenth = compare(ir.Today(), "=", ir.Constant("2026-06-10", types.Date()))
    rule = rule_of(ir.OnEvent(("use",), False, None), on_the_tenth)
    events = [use(NOW), use(NOW + 24 * 3600 * SECOND)]
    whole, setting = replace(policy(), rules=(rule,)), Setting(OVER, {})
    expected = judge(whole, Case({}, tuple(events)), setting, CALENDAR)
    found = footprint(whole, rule, [one.moment for one in expected], {}, setting, CALENDAR,
                      lambda asked: select(asked, events))
    assert [one.verdict for one in expected] == ["satisfied", "violated"]
    assert tuple(judge_in(rule, found.world, lambda _: True, found.answers)) == expected


def test_marks_that_one_event_passes_have_their_own_answers() -> None:
    """No event stands between them, and they are known at one instant; but each looks back on a time of its own."""
    events = [use(NOW), Event("reply", NOW + SECOND // 5, {"user": "u1"}), use(NOW + 2 * SECOND)]
    half = ir.Constant("0.5 seconds", types.Period("elapsed"))
    rule = rule_of(ir.OnEvery(half, "session"), ir.Occurs(REPLIES, ir.WithinLast(half)))
    whole, setting = replace(policy(), rules=(rule,)), Setting(OVER, {})
    expected = judge(whole, Case({}, tuple(events)), setting, CALENDAR)
    found = footprint(whole, rule, [one.moment for one in expected], {}, setting, CALENDAR,
                      lambda asked: select(asked, events))
    assert [one.verdict for one in expected] == ["satisfied", "violated", "violated"]
    assert tuple(judge_in(rule, found.world, lambda _: True, found.answers)) == expected


def test_a_tie_with_what_is_not_read_is_sought() -> None:
    """The first place where a state is kept has its value; an event of the second may share the moment's instant."""
    level = ir.StateValue("level", TRIGGER, (("user", get_user(TRIGGER)),), types.Number(integer=True))
    rule = rule_of(ir.OnEvent(("reply",), False, None), compare(level, "=", NUMBER_ONE))
    known, reply = Event("notice", NOW - SECOND, {"user": "u1", "number": 1}), Event("reply", NOW, {"user": "u1"})
    asked = asked_at(Moment(NOW, NOW, U1, reply), rule, known, reply)
    assert asked == {("notice", U1, None, NOW), ("reply", U1, NOW, NOW), ("use", U1, NOW, NOW)}
    whole, case = replace(policy(), rules=(rule,)), Case({}, (known, use(number=2), reply))
    [judged] = judge(whole, case, Setting(OVER, {}), CALENDAR)
    assert (judged.verdict, judged.tie) == ("satisfied", True)
