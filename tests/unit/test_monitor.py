"""The online monitor where the property tests do not look: what it keeps, refuses, forgets and is restored from."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from policyengine.base.calendar import Calendar
from policyengine.core import ir, types
from policyengine.core.case import Case, Event, Sources, in_order
from policyengine.core.evaluate import judge
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.verdict import Setting
from policyengine.trace.monitor.monitor import Decided, Late, Monitor, Refused
from policyengine.trace.monitor.rows import Shelf
from tests.support.trace_strategies import CALENDAR, EPISODE, SECOND, START, STATES, compare, get, policy

USER = ("user",)
ELAPSED = types.Period("elapsed")
TEN_SECONDS = ir.Constant("10 seconds", ELAPSED)
ONE_SECOND = ir.Constant("1 second", ELAPSED)


def rule(must: ir.Expr, trigger: ir.Trigger | None = None, keys: tuple[str, ...] = USER, name: str = "rule") -> ir.Rule:
    return ir.Rule(name, "", (), "other", "error", keys, trigger or ir.OnEvent(("use",), False, None), (),
                   (ir.Must(must, False),), (), "")


def occurs(event: str, range: ir.Range, where: ir.Expr | None = None, keys: tuple[str, ...] = USER) -> ir.Occurs:
    return ir.Occurs(ir.Pattern(event, keys, where), range)


def monitor(*rules: ir.Rule, forgets: tuple[ir.Forget, ...] = (), **options: Any) -> Monitor:
    return Monitor(replace(policy(*rules), forgets=forgets), {"service": {}}, {}, CALENDAR, **options)


def row(second: float, type: str, user: str = "u1", id: str | None = None, **fields: Any) -> Event:
    return Event(type, START + round(second * SECOND), {"user": user, **fields}, id, None, "t", 1,
                 ("alert", "notice", "reply", "use").index(type))


def verdicts(outcomes: list[Any]) -> list[str]:
    return [one.judgement.verdict for one in outcomes if isinstance(one, Decided)]


ONE = ir.Constant(1, types.Number(integer=True))
LEVEL = ir.StateValue("level", TRIGGER, (("user", get(TRIGGER, "user")),), types.Number(integer=True))
ANSWER = rule(occurs("reply", ir.Within(TEN_SECONDS)))
NOTICE = rule(occurs("notice", ir.Before()))


# ---- deadlines --------------------------------------------------------------------------------------------------

def test_a_deadline_fires_when_time_passes_it() -> None:
    one = monitor(ANSWER)
    assert one.feed(row(0, "use")) == []
    assert one.pending() == []
    assert one.advance(START + 1) == []
    assert [duty.due for duty in one.pending()] == [START + 10 * SECOND + 1]
    assert one.advance(START + 10 * SECOND + 1) == []
    assert verdicts(one.advance(START + 10 * SECOND + 2)) == ["violated"]
    assert one.pending() == []
    assert one.counts["rule"]["violated"] == 1


@pytest.mark.parametrize("report", [("violated",), ("violated", "satisfied")])
def test_an_answer_at_the_last_instant_is_in_time(report: tuple[Any, ...]) -> None:
    one = monitor(ANSWER, report=report)
    one.feed(row(0, "use"))
    one.feed(row(10, "reply"))
    outcomes = one.finish() + one.advance(START + 100 * SECOND)
    assert verdicts(outcomes) == (["satisfied"] if "satisfied" in report else [])
    assert one.counts["rule"]["satisfied"] == 1


def test_an_answer_too_late_by_a_microsecond_is_none() -> None:
    one = monitor(ANSWER, report=("violated",))
    one.feed(row(0, "use"))
    assert verdicts(one.feed(row(10.000001, "reply")) + one.finish()) == ["violated"]


@pytest.mark.parametrize("report", [("violated",), ("violated", "satisfied")])
def test_the_time_of_an_answer_to_a_mark_runs_from_when_it_is_known(report: tuple[Any, ...]) -> None:
    """The mark of 1 s is known at 2 s: an answer at the first instant too late for the mark itself is in time."""
    asked = rule(occurs("notice", ir.Within(ir.Constant("3 seconds", ELAPSED))), ir.OnEvery(ir.Constant(
        "1 second", ELAPSED), "session"))
    one = monitor(asked, report=report)
    one.feed_all([row(0, "use"), row(2, "use"), row(4.000001, "notice")])
    one.finish(START + 60 * SECOND)
    assert (one.counts["rule"]["satisfied"], one.counts["rule"]["violated"]) == (1, 0)


def test_a_deadline_comes_before_the_moments_of_its_instant() -> None:
    one = monitor(ANSWER, replace(NOTICE, name="other"), report=("violated",))
    found = one.feed_all([row(0, "use"), row(10.000001, "use", "u2"), row(11, "alert")])
    assert [(two.judgement.rule, two.judgement.moment.known) for two in found] == [
        ("other", START), ("rule", START), ("other", START + 10 * SECOND + 1)]


def test_a_start_when_a_state_has_just_expired_begins_another_run() -> None:
    begun = rule(ir.Present(get(TRIGGER, "user")), ir.OnStart("consent"))
    judged = replace(policy(begun), states=(replace(STATES[0], lasting=TEN_SECONDS), STATES[1]))
    one = Monitor(judged, {"service": {}}, {}, CALENDAR)
    one.feed_all([row(0, "reply"), row(10, "reply"), row(20.000001, "reply")])
    one.finish()
    assert one.counts["rule"]["satisfied"] == 2


def test_a_key_is_not_forgotten_while_a_duty_is_open() -> None:
    first = rule(occurs("reply", ir.Within(TEN_SECONDS)), ir.OnEvent(("use",), True, None))
    one = monitor(first, forgets=(ir.Forget("user", (ir.Pattern("alert", USER, None),)),))
    one.feed_all([row(0, "use"), row(1, "alert"), row(2, "use")])
    one.finish(START + 60 * SECOND)
    assert one.counts["rule"]["violated"] == 1


# ---- what is only counted ---------------------------------------------------------------------------------------

def counted(judged: ir.Rule, *events: Event) -> dict[str, int]:
    one = monitor(judged, report=("violated",))
    for event in events:
        one.feed(event)
    one.finish()
    one.advance(START + 1000 * SECOND)
    return {verdict: number for verdict, number in one.counts["rule"].items() if number}


@pytest.mark.parametrize("second", [0, 1])
@pytest.mark.parametrize("asked, said", [("p", None), (None, "p"), (None, None)])
def test_an_answer_of_which_nobody_knows_whether_it_is_one(second: int, asked: str | None, said: str | None) -> None:
    """In the instant of the moment too, what may be an answer is none for certain."""
    same = compare(get(CANDIDATE, "kind"), "=", get(TRIGGER, "kind"))
    begun, reply = row(0, "alert", kind=asked), row(second, "reply", kind=said)
    answered = rule(occurs("reply", ir.Within(TEN_SECONDS), same), ir.OnEvent(("alert",), False, None))
    assert counted(answered, begun, reply) == {"undecided": 1}
    assert counted(answered, begun, reply, row(second, "reply", kind="p")) == {
        "satisfied" if asked == "p" else "undecided": 1}


def test_a_range_takes_in_what_stands_later_at_its_instant() -> None:
    asked = rule(ir.Not(occurs("use", ir.WithinLast(TEN_SECONDS))), ir.OnEvent(("notice",), False, None))
    assert counted(asked, row(0, "notice"), row(0, "use")) == {"violated": 1}
    # Of the trigger's own type only what stands before it.
    asked = rule(ir.Not(occurs("notice", ir.WithinLast(TEN_SECONDS))), ir.OnEvent(("notice",), False, None))
    assert counted(asked, row(0, "notice"), row(0, "notice")) == {"violated": 1, "satisfied": 1}


def test_a_range_takes_in_its_first_instant_and_no_earlier_one() -> None:
    asked = rule(occurs("notice", ir.WithinLast(TEN_SECONDS)))
    assert counted(asked, row(0, "notice"), row(10, "use"), row(10.000001, "use")) == {"satisfied": 1, "violated": 1}


def test_a_condition_may_be_deeper_than_python_reads() -> None:
    asked: ir.Expr = get(TRIGGER, "flag")
    for _ in range(100):
        asked = ir.Not(ir.And((asked, ir.Not(ir.Present(get(TRIGGER, "kind"))))))
    assert counted(rule(asked), row(0, "use", flag=True), row(1, "use", kind="p")) == {"satisfied": 2}


def test_an_answer_of_the_triggers_own_type_stands_after_it() -> None:
    asked = rule(occurs("use", ir.Within(TEN_SECONDS)))
    assert counted(asked, row(0, "use"), row(0, "use")) == {"violated": 1, "satisfied": 1}


def test_rows_of_one_instant_are_all_kept_while_it_is_judged() -> None:
    asked = rule(occurs("notice", ir.Before()), ir.OnEvent(("notice",), False, None))
    assert counted(asked, *(row(0, "notice") for _ in range(4))) == {"violated": 1, "satisfied": 3}


def test_an_exception_comes_before_what_must_hold() -> None:
    asked = replace(ANSWER, unless=(ir.Unless(get(TRIGGER, "flag"), ()),))
    assert counted(asked, row(0, "use", flag=True), row(1, "use", flag=False), row(2, "reply")) == {
        "exempt": 1, "satisfied": 1}


# ---- arrival ----------------------------------------------------------------------------------------------------

def test_late_events_are_reported_and_not_judged() -> None:
    one = monitor(NOTICE, lateness=5 * SECOND)
    one.feed(row(20, "use"))
    late = row(14, "notice")
    assert one.feed(late) == [Late(late, START + 15 * SECOND)]
    assert one.feed(row(15, "notice")) == []
    assert (one.late, one.watermark) == (1, START + 15 * SECOND)
    assert verdicts(one.finish()) == ["satisfied"]


def test_a_repeat_is_counted_once() -> None:
    one = monitor(NOTICE)
    outcomes = [outcome for id in "abab" for outcome in one.feed(row(0, "use", id=id))] + one.finish()
    assert verdicts(outcomes) == ["violated", "violated"]
    assert one.repeats == 2


def test_ids_of_verdicts_are_those_of_every_run() -> None:
    def ids(user: str = "u1", second: float = 0) -> list[str]:
        one = monitor(NOTICE)
        return [outcome.id for outcome in one.feed(row(second, "use", user)) + one.feed(row(second, "use", user))
                + one.finish() if isinstance(outcome, Decided)]
    assert ids() == ids()
    assert len({*ids(), *ids("u2"), *ids(second=1)}) == 6
    assert all(len(one) == 32 for one in ids())


@pytest.mark.parametrize("sequence", [None, 2])
def test_of_rows_that_are_alike_each_has_a_verdict_of_its_own(sequence: int | None) -> None:
    one = monitor(NOTICE)
    alike = [replace(row(0, "use"), sequence=sequence, row=number) for number in (1, 2)]
    outcomes = [outcome for event in alike for outcome in one.feed(event)] + one.finish()
    assert len({outcome.id for outcome in outcomes if isinstance(outcome, Decided)}) == 2


@pytest.mark.parametrize("report", [("violated",), ("violated", "satisfied")])
def test_moments_outside_the_force_are_seen_and_not_judged(report: tuple[Any, ...]) -> None:
    one = monitor(rule(ir.Not(occurs("notice", ir.Before())), ir.OnEvent(("use",), True, None)), report=report,
                  force=(START + 5 * SECOND, START + 20 * SECOND))
    outcomes = [outcome for event in (row(0, "use"), row(5, "use"), row(5, "use", "u2"), row(7, "use", "u2"),
                                      row(19.999999, "use", "u3"), row(20, "use", "u4"))
                for outcome in one.feed(event)] + one.finish()
    assert one.counts["rule"]["satisfied"] == 2
    assert [outcome.judgement.moment.keys for outcome in outcomes] == [  # type: ignore[union-attr]
        (("user", user),) for user in ("u2", "u3") if "satisfied" in report]


def test_a_rule_nobody_triggers_is_undecided_at_once() -> None:
    one = monitor(NOTICE, ANSWER, sources=Sources({"notice": None}))
    assert verdicts(one.advance(START)) == ["undecided", "undecided"]
    assert one.advance(START + 1) == []


# ---- what is kept -----------------------------------------------------------------------------------------------

def held(state: str) -> ir.Expr:
    """The state, at a candidate."""
    return ir.InState(state, CANDIDATE, (("user", get(CANDIDATE, "user")),))


FIRST = ir.OnEvent(("use",), True, None)
EQUAL = compare(get(CANDIDATE, "kind"), "=", get(TRIGGER, "kind"))


@pytest.mark.parametrize(("asked", "how_much"), [
    (occurs("notice", ir.Before()), "constant"),
    (occurs("notice", ir.Before(), EQUAL), "values of kind"),
    (occurs("notice", ir.Before(), compare(get(CANDIDATE, "kind"), "!=", get(TRIGGER, "user"))), "constant"),
    (ir.InState("consent", TRIGGER, (("user", get(TRIGGER, "user")),)), "constant"),
    (compare(ir.CountEvents(ir.Pattern("notice", USER, None), ir.WithinLast(TEN_SECONDS)), ">", ir.Constant(
        1, types.Number(integer=True))), "events in 10 seconds"),
    (compare(ir.CountEvents(ir.Pattern("notice", USER, None), ir.This("month")), ">", ir.Constant(
        1, types.Number(integer=True))), "events of the month"),
    (compare(ir.CountEvents(ir.Pattern("notice", USER, None), ir.Since(ir.Pattern("reply", USER, None))), ">",
             ir.Constant(1, types.Number(integer=True))), "events since the latest reply"),
    (occurs("notice", ir.WithinLast(TEN_SECONDS), compare(get(CANDIDATE, "number"), "<", get(TRIGGER, "number"))),
     "events in 10 seconds"),
    (occurs("notice", ir.During("session")), "events of the run of session"),
    (occurs("notice", ir.Within(TEN_SECONDS)), "while open"),
])
def test_retention_is_told(asked: ir.Expr, how_much: str) -> None:
    kept = monitor(rule(asked)).retention()
    assert how_much in {one.how_much for one in kept}
    assert {one.for_each for one in kept} == {USER}


COUNT_ALL = compare(ir.CountEvents(ir.Pattern("notice", USER, None), ir.Before()), ">", ir.Constant(
    1, types.Number(integer=True)))
UNBOUNDED = [
    COUNT_ALL,
    occurs("notice", ir.Before(), compare(get(CANDIDATE, "number"), "<", get(TRIGGER, "number"))),
    compare(ir.EpisodeDuration("session", ir.Before()), ">", TEN_SECONDS),
    # What is asked of the row alone bounds nothing; nor does its instant, a period, or a state at the moment.
    occurs("notice", ir.Before(), ir.And((compare(get(CANDIDATE, "kind"), "=", ir.Constant("p", types.Text())), compare(
        get(CANDIDATE, "number"), "<", get(TRIGGER, "number"))))),
    *(occurs("notice", ir.Before(), compare(ir.Get(CANDIDATE, (name,), type), "=", ir.Get(TRIGGER, ("other",), type)))
      for name, type in (("time", types.Instant()), ("term", types.Period()))),
    occurs("notice", ir.Before(), ir.InState("consent", TRIGGER, (("user", get(TRIGGER, "user")),))),
]


@pytest.mark.parametrize("asked", UNBOUNDED)
def test_what_would_be_kept_for_ever_is_refused(asked: ir.Expr) -> None:
    with pytest.raises(Refused) as refused:
        monitor(rule(asked))
    (problem,) = refused.value.diagnostics
    assert problem.name == "unbounded-retention"
    assert "`rule`" in problem.message
    assert "for ever" in problem.message


@pytest.mark.parametrize(("asked", "sources", "said"), [
    (occurs("notice", ir.WithinLast(ir.Get(TRIGGER, ("length",), ELAPSED))), None, "for a time that each moment gives"),
    (occurs("notice", ir.Since(ir.Pattern("reply", USER, EQUAL))), None, "compares the event after `since`"),
    (occurs("notice", ir.Since(ir.Pattern("reply", USER, None))), {"notice": None, "use": None},
     "the latest `reply`, which no source emits"),
    (occurs("notice", ir.During("session")), {"notice": None, "use": None, "reply": None}, "no source emits `alert`"),
    (compare(ir.EpisodeDuration("session", ir.Since(ir.Pattern("notice", USER, None))), ">", TEN_SECONDS),
     {"notice": START, "use": None, "reply": None, "alert": None}, "since a `notice`, of which not all are seen"),
    (compare(ir.EpisodeDuration("session", ir.Since(ir.Pattern("notice", ("user", "kind"), None))), ">", TEN_SECONDS),
     None, "since a `notice` of another key"),
    (occurs("notice", ir.Before(), ir.InState("consent", CANDIDATE, (("user", get(TRIGGER, "kind")),))), None,
     "reads a state of the moment's key"),
])
def test_a_range_of_which_nobody_knows_the_start_is_refused(asked: ir.Expr, sources: Any, said: str) -> None:
    keys = ("user", "kind") if "another key" in said else USER
    with pytest.raises(Refused, match=said):
        monitor(rule(asked, keys=keys), sources=None if sources is None else Sources(sources))


@pytest.mark.parametrize(("asked", "trigger", "told"), [
    (occurs("notice", ir.Within(TEN_SECONDS)), None, [("open duties, until notice", "while open")]),
    (occurs("notice", ir.Within(TEN_SECONDS)), ir.OnEvery(TEN_SECONDS, "session"), [
        ("runs of session", "constant"), ("notice", "events of one instant"),
        ("open duties, until notice", "while open")]),
    (occurs("notice", ir.During("session")), None, [("notice", "events of the run of session"),
                                                    ("runs of session", "constant")]),
    (occurs("notice", ir.Before(), held("consent")), None, [("notice", "constant")]),
])
def test_no_more_than_that_is_kept(asked: ir.Expr, trigger: ir.Trigger | None, told: list[tuple[str, str]]) -> None:
    assert [(one.what, one.how_much) for one in monitor(rule(asked, trigger)).retention()] == told


def test_a_key_that_is_forgotten_bounds_it() -> None:
    forget = ir.Forget("user", (ir.Pattern("alert", (), None),))
    one = monitor(rule(COUNT_ALL), forgets=(forget,))
    for second, type in enumerate(("notice", "notice", "use", "alert", "notice", "use")):
        one.feed(row(second, type))
    one.finish()
    assert one.counts["rule"]["satisfied"] == 1  # two before the first use; the second sees one notice
    assert one.counts["rule"]["violated"] == 1


def test_nothing_is_forgotten_while_a_duty_is_open() -> None:
    forget = ir.Forget("user", (ir.Pattern("alert", (), None),))
    both = ir.Or((occurs("reply", ir.Within(TEN_SECONDS)), COUNT_ALL))
    one = monitor(ANSWER, rule(both, ir.OnEvent(("reply",), False, None), name="other"), forgets=(forget,))
    for second, type in enumerate(("notice", "notice", "use", "alert", "reply", "reply")):
        one.feed(row(second, type))
    one.finish()
    # At the first reply the use is still open, so the notices are there; it closes the duty, and they go.
    assert one.counts["other"]["satisfied"] == 1
    assert one.size() <= 4


def test_many_closed_keys_leave_little() -> None:
    """Duties that are over, runs that are silent, rows out of reach: 40,000 users pass and few rows stay."""
    asked = ir.And((occurs("reply", ir.Within(TEN_SECONDS)), ir.Not(occurs("alert", ir.WithinLast(TEN_SECONDS)))))
    one = monitor(rule(asked), rule(occurs("notice", ir.Within(TEN_SECONDS)), ir.OnEvery(TEN_SECONDS, "session"),
                                    name="marks"), report=("violated",))
    largest = 0
    for number in range(40_000):
        for part, type in ((0.0, "alert"), (0.1, "use"), (0.2, "reply")):
            one.feed(row(number + part, type, f"u{number}"))
        largest = max(largest, one.size())
    assert largest < 5_000
    assert one.counts["rule"]["violated"] == 40_000
    assert len(one._judge.times) < 5_000


def test_what_is_still_due_is_not_thrown_away_with_what_is_over() -> None:
    """Of 3,000 duties 30 are not answered, and as many users have a state: each is asked in turn, when it is time."""
    hour, known = ir.Constant("1 hour", ELAPSED), ir.Present(get(TRIGGER, "user"))
    one = monitor(rule(occurs("notice", ir.Within(hour))), rule(known, ir.OnEvery(hour, "consent", True), name="mark"))
    for number in range(3_000):
        one.feed(row(number, "use", f"u{number}"))
        one.feed(row(number + 0.5, "notice" if number % 100 else "reply", f"u{number}"))
    one.advance(START + 3_000 * SECOND)
    assert len(one._judge.times) < 2_500
    found = [outcome.judgement for outcome in one.advance(START + 10_000 * SECOND) if isinstance(outcome, Decided)]
    assert [(judged.rule, judged.moment.time - START) for judged in found if judged.moment] == [
        found for number in range(0, 3_000, 100) for found in (("rule", number * SECOND), (
            "mark", number * SECOND + 3_600_500_000))]


def test_only_the_latest_row_of_a_key_is_kept() -> None:
    """Of rows that do not say what is asked for, none is."""
    one = monitor(rule(occurs("notice", ir.Before())), rule(occurs("notice", ir.Before(), EQUAL), name="equal"),
                  rule(compare(LEVEL, "=", ONE), name="level"), rule(compare(ir.Latest(
                      ir.Pattern("notice", USER, get(CANDIDATE, "flag")), ("number",), types.Number(integer=True)), "=",
                      ONE), name="latest"))
    for second in range(5_000):
        one.feed(row(second, "notice", kind="p"))
    assert one.size() < 10


def one_of(event: str, range: ir.Range) -> ir.Expr:
    return compare(ir.CountEvents(ir.Pattern(event, USER, None), range), "=", ONE)


RATED = ir.ValuedState("rated", USER, ((ir.StateSource(ir.Pattern("notice", USER, None), ("number",), 1),),),
                       types.Number(integer=True))
GUARDED = ir.BooleanState("guarded", USER, (ir.Pattern("use", USER, held("consent")),), (), None)
AT_NOTICE = ir.OnEvent(("notice",), False, None)


@pytest.mark.parametrize(("judged", "events"), [
    # That nothing is known any more has to be known.
    (rule(ir.Present(LEVEL)), [row(0, "notice", number=1), row(1, "notice", number=None), row(2, "notice"),
                               row(3, "use")]),
    # The state that the trigger asks for.
    (rule(ir.Present(get(TRIGGER, "user")), ir.OnEvent(("use",), False, held("consent"))), [
        row(0, "reply"), row(1, "notice"), row(2, "use")]),
    # Where a range may begin later, all that it may hold; where nobody knows how long it is, what was before.
    (rule(occurs("notice", ir.Since(ir.Pattern("reply", USER, get(CANDIDATE, "flag")))), ir.OnEvent(
        ("alert",), False, None)), [row(0, "notice"), row(1, "notice"), row(2, "reply"), row(3, "alert", flag=False)]),
    (rule(occurs("notice", ir.NoLaterThan(ir.Fact(("service", "length"), ELAPSED)))), [
        row(0, "notice"), row(1, "notice"), row(2, "notice"), row(3, "use")]),
    # What says nothing says what is taken for that.
    (rule(compare(replace(LEVEL, state="rated"), "=", ONE)), [row(0, "notice", number=2), row(1, "notice"),
                                                              row(2, "alert"), row(3, "use")]),
    # How states stood at a row that an open duty saw, when both the row and what says so have given way to others;
    (rule(ir.And((occurs("notice", ir.Before(), held("consent")), occurs("alert", ir.Within(TEN_SECONDS))))),
     [row(0, "reply"), row(1, "notice"), row(2, "use"), row(4, "reply"), row(5, "notice"),
      row(6, "alert", flag=False)]),
    # at a row that is no match, and is looked at since it is of a run;
    (rule(ir.And((ir.Not(occurs("use", ir.Before(), ir.Not(held("consent")))), compare(ir.EpisodeDuration(
        "session", ir.WithinLast(TEN_SECONDS)), ">", ir.Constant("0 seconds", ELAPSED)))), AT_NOTICE),
     [row(0, "reply"), row(25, "use"), row(26, "use"), row(27, "notice")]),
    # at a row that says how another state stood;
    (rule(occurs("alert", ir.Before(), held("guarded")), AT_NOTICE),
     [row(0, "reply"), row(1, "use"), row(2, "alert", flag=False), row(3, "use"), row(4, "reply"),
      row(5, "notice")]),
    # and two states at one row.
    (rule(ir.And((occurs("alert", ir.Before(), held("consent")), occurs("alert", ir.Before(), compare(
        replace(LEVEL, at=CANDIDATE, keys=(("user", get(CANDIDATE, "user")),)), "=", ONE))))),
     [row(0, "reply"), row(1, "notice", number=1), row(2, "alert", flag=False), row(3, "reply"),
      row(4, "notice", number=2), row(5, "use")]),
    # What ends a run at the last instant of its gap stands in it.
    (rule(one_of("use", ir.During("session")), ir.OnEvent(("alert",), False, None)), [
        row(0, "reply"), row(1, "use"), row(2, "reply"), row(4, "alert")]),
    # What stands at the first instant of a day, and what follows at once on what begins a range.
    (rule(one_of("notice", ir.This("day"))), [row(70_400, "notice"), row(70_401, "use")]),
    (rule(one_of("use", ir.Since(ir.Pattern("reply", USER, None))), AT_NOTICE), [row(0, "reply"), row(0, "use"),
                                                                                  row(1, "notice")]),
    # What stands at the first instant of a length of time, and is asked for at its last.
    (rule(occurs("notice", ir.WithinLast(TEN_SECONDS))), [row(0, "notice"), row(10, "alert"), row(10, "use")]),
    (rule(one_of("notice", ir.WithinLast(TEN_SECONDS))), [row(0, "notice"), row(10, "alert"), row(10, "use")]),
    # What stood before a mark that is found a whole gap later, with what came at the mark and when it is found.
    (rule(occurs("notice", ir.Before()), ir.OnEvery(ONE_SECOND, "session")), [
        row(0, "use"), row(0.5, "notice"), row(1, "notice"), row(1, "use"), row(3, "notice"), row(3, "use")]),
    (rule(one_of("notice", ir.WithinLast(ONE_SECOND)), ir.OnEvery(ONE_SECOND, "session")), [
        row(0, "use"), row(0, "notice"), row(1, "use"), row(2.5, "notice", "u2"), row(3, "use")]),
    (rule(one_of("notice", ir.Since(ir.Pattern("reply", (), None))), ir.OnEvery(ONE_SECOND, "session")), [
        row(0, "notice"), row(0.2, "reply"), row(0.5, "notice"), row(1.5, "reply", "u2"), row(1.7, "notice", "u2"),
        row(2, "reply")]),
    (rule(compare(ir.EpisodeDuration("session", ir.WithinLast(ir.Constant("1.5 seconds", ELAPSED))), ">", ir.Constant(
        "1.2 seconds", ELAPSED)), ir.OnEvery(ONE_SECOND, "session")), [
        row(0, "use"), row(0.9, "use"), row(0.95, "alert"), row(1, "use"), row(2, "use"), row(3.5, "notice", "u2"),
        row(4, "use")]),
    (rule(occurs("notice", ir.Within(ONE_SECOND)), ir.OnEvery(ONE_SECOND, "session")), [
        row(0, "use"), row(1, "notice"), row(1, "use"), row(3, "notice", "u2"), row(3, "use"), row(9, "notice", "u2")]),
    (rule(occurs("notice", ir.Before()), ir.OnEvery(ONE_SECOND, "consent")), [
        row(0, "reply"), row(0.5, "notice"), row(1, "notice"), row(1.000001, "notice"), row(1.000002, "alert")]),
])
def test_what_is_thrown_away_changes_nothing(judged: ir.Rule, events: list[Event]) -> None:
    as_on_the_whole_trace(judged, events, None)


def as_on_the_whole_trace(judged: ir.Rule, events: list[Event], sources: Sources | None) -> None:
    """All is thrown away that can be, after each event."""
    whole = replace(policy(judged), states=(*STATES, GUARDED, RATED))
    one, given = Monitor(whole, {"service": {}}, {}, CALENDAR, sources=sources), []
    for event in events:
        given += one.feed(event)
        one.compact()
    given += one.finish()
    end = Setting(events[-1].time, {})
    expected = judge(whole, Case({"service": {}}, tuple(events)), end, CALENDAR, sources=sources)
    assert [outcome.judgement for outcome in given if isinstance(outcome, Decided)] == list(expected)


# ---- histories with a gap ---------------------------------------------------------------------------------------

@pytest.mark.parametrize(("judged", "events"), [
    # Before the replies are complete one may have come after either notice, so both are named.
    (rule(occurs("notice", ir.Since(ir.Pattern("reply", USER, None))), ir.OnEvent(("alert",), False, None)),
     [row(0, "notice"), row(1, "notice"), row(3, "alert", flag=False)]),
    # An end that is seen after that shows that the state did not hold, so its next start is certain.
    (rule(occurs("notice", ir.Before()), ir.OnStart("consent")), [row(6, "alert", flag=True), row(7, "reply")]),
    (rule(occurs("notice", ir.Before()), ir.OnStart("consent")), [row(4, "alert", flag=True), row(7, "reply")]),
])
def test_what_may_have_been_unseen_is_judged_as_on_the_whole_trace(judged: ir.Rule, events: list[Event]) -> None:
    sources = Sources({"notice": None, "use": None, "alert": None, "reply": START + 5 * SECOND})
    as_on_the_whole_trace(judged, events, sources)


# ---- rows that have to be old enough ----------------------------------------------------------------------------

def older(than: ir.Expr, operator: str = ">=") -> ir.Apply:
    """The candidate is so much older than the moment."""
    instants = tuple(ir.Get(owner, ("time",), types.Instant()) for owner in (TRIGGER, CANDIDATE))
    return compare(ir.Apply("instant -", instants, ELAPSED), operator, than)


@pytest.mark.parametrize("operator", [">=", ">"])
@pytest.mark.parametrize("more", [(), (get(CANDIDATE, "flag"),), (compare(get(CANDIDATE, "kind"), "=",
                                                                          get(TRIGGER, "kind")),)])
def test_of_rows_that_have_to_be_old_the_young_and_the_latest_are_kept(operator: str,
                                                                        more: tuple[ir.Expr, ...]) -> None:
    random = Random(operator + repr(more))
    judged = rule(occurs("notice", ir.Before(), ir.And((older(TEN_SECONDS, operator), *more))))
    one = monitor(judged)
    assert [kept.how_much for kept in one.retention()] == ["events in 10 seconds, and the latest before"]
    events, given, second, most = [], [], 0, 0
    for number in range(800):
        second += random.choice((0, 0, 1, 5, 10))
        events.append(replace(row(second, random.choice(("notice", "notice", "use")), flag=random.random() < .5,
                                  kind=random.choice("ab")), sequence=number))
        given += one.feed(events[-1])
        if number % 7 == 0:
            one.compact()
        if second > 1000:
            most = max(most, one.size())
    given += one.finish()
    expected = judge(policy(judged), Case({"service": {}}, in_order(events)), Setting(events[-1].time, {}), CALENDAR)
    assert [outcome.judgement for outcome in given if isinstance(outcome, Decided)] == list(expected)
    assert {one.verdict for one in expected} == {"violated", "satisfied"}
    assert most < 40


@pytest.mark.parametrize("where", [
    older(TEN_SECONDS, "<="), ir.Or((older(TEN_SECONDS), get(CANDIDATE, "flag"))),
    ir.And((older(TEN_SECONDS), compare(get(CANDIDATE, "number"), "<", get(TRIGGER, "number")))),
    ir.And((older(TEN_SECONDS), compare(ir.Apply("+", (get(CANDIDATE, "number"), ONE), types.Number(integer=True)), "=",
                                        get(TRIGGER, "number")))),
    older(ir.Get(TRIGGER, ("length",), ELAPSED))])
def test_rows_that_may_not_be_old_are_kept_for_ever(where: ir.Expr) -> None:
    with pytest.raises(Refused, match="for ever"):
        monitor(rule(occurs("notice", ir.Before(), where)))


def test_of_two_ages_the_greater_is_kept() -> None:
    both = ir.And((older(TEN_SECONDS), older(ONE_SECOND)))
    assert [kept.how_much for kept in monitor(rule(occurs("notice", ir.Before(), both))).retention()] == [
        "events in 10 seconds, and the latest before"]


def test_rows_of_runs_are_told_apart_by_states_without_the_evaluator(monkeypatch: pytest.MonkeyPatch) -> None:
    held = ir.InState("consent", CANDIDATE, (("user", get(CANDIDATE, "user")),))
    session = replace(EPISODE, events=(ir.Pattern("use", USER, held),), ends=())
    judged = replace(policy(rule(occurs("reply", ir.Within(TEN_SECONDS)), ir.OnStart("session"))), states=(
        ir.BooleanState("consent", USER, (ir.Pattern("notice", USER, None),), (ir.Pattern("alert", USER, None),), None),
        STATES[1]), episodes=(session,))
    monkeypatch.setattr(Shelf, "candidate", lambda *_: pytest.fail("asked"))
    one = Monitor(judged, {"service": {}}, {}, CALENDAR)
    events = [row(0, "use"), row(1, "notice"), row(2, "use"), row(3, "use"), row(4, "alert"), row(5, "use"),
              row(60, "notice"), row(61, "use", "u2")]
    given = [outcome for event in events for outcome in one.feed(event)] + one.advance(START + 90 * SECOND)
    assert [outcome.judgement.moment.time for outcome in given  # type: ignore[union-attr]
            if isinstance(outcome, Decided)] == [START + 2 * SECOND]


# ---- snapshots --------------------------------------------------------------------------------------------------

def test_a_snapshot_of_another_monitor_is_refused() -> None:
    text = json.dumps(monitor(ANSWER).snapshot())

    def restored(*, made: ir.Policy | None = None, facts: Any = None, parameters: Any = None,
                 calendar: Calendar = CALENDAR, **options: Any) -> Monitor:
        return Monitor.restore(json.loads(text), made or policy(ANSWER), facts or {"service": {}}, parameters or {},
                               calendar, **options)

    restored(lateness=SECOND, report=("violated",))
    for options, name in (({"made": policy(NOTICE)}, "policy"), ({"facts": {"service": {"flag": True}}}, "service"),
                          ({"parameters": {"x": 1}}, "parameters"),
                          ({"calendar": Calendar("Europe/Berlin")}, "calendar"),
                          ({"sources": Sources({"use": None, "reply": None})}, "sources"),
                          ({"force": (START, None)}, "choice of rules")):
        with pytest.raises(Refused) as refused:
            restored(**options)
        assert [one.name for one in refused.value.diagnostics] == ["other-snapshot"]
        assert name in str(refused.value)


@pytest.mark.parametrize("words", [{"title_zh": "标题"}, {"fix_zh": "整改"}, {"title": "Title", "fix": "Do it."}])
def test_a_snapshot_goes_on_where_titles_and_advice_are_worded_otherwise(words: dict[str, str]) -> None:
    one = monitor(ANSWER)
    one.feed(row(0, "use"))
    again = Monitor.restore(json.loads(json.dumps(one.snapshot())), policy(replace(ANSWER, **words)), {"service": {}},
                            {}, CALENDAR)
    assert verdicts([*again.feed(row(3, "reply")), *again.finish()]) == ["satisfied"]
    with pytest.raises(Refused, match="another policy"):
        Monitor.restore(json.loads(json.dumps(one.snapshot())), policy(replace(ANSWER, severity="info", **words)),
                        {"service": {}}, {}, CALENDAR)


def test_a_snapshot_of_another_version_is_refused() -> None:
    snapshot = {**monitor(ANSWER).snapshot(), "version": 0}
    with pytest.raises(Refused, match="another version"):
        Monitor.restore(snapshot, policy(ANSWER), {"service": {}}, {}, CALENDAR)


def test_values_json_has_no_form_for_come_back() -> None:
    one = monitor(NOTICE)
    one.feed(row(0, "notice", number=Decimal("1.50"), kind=["a", {"b": Decimal(2)}]))
    one.feed(row(1, "use"))
    again = Monitor.restore(json.loads(json.dumps(one.snapshot())), policy(NOTICE), {"service": {}}, {}, CALENDAR)
    assert repr(again.finish()) == repr(one.finish())
