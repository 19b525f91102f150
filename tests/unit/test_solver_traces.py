"""Comparing rules about a trace: the shapes a legal text takes, each with the answer a lawyer would give."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import pytest

from policyengine.analysis.compile import compile_policy
from policyengine.analysis.vocabulary import Vocabulary, load_vocabulary
from policyengine.base.calendar import Calendar, load_working_days
from policyengine.base.diagnostic import concise
from policyengine.base.instants import local_date
from policyengine.core.case import Case, content
from policyengine.solver.events_draft import fits
from policyengine.solver.model import Comparison, Options, Side, Witness
from policyengine.solver.traces import about_traces, compare_traces
from policyengine.solver.traces_judged import judge_both
from policyengine.syntax.parser import parse

HEADER = "policy test/one version 1\nuse vocabulary words\n"
WORDS = """
type: object
additionalProperties: false
required: [service]
properties:
  service:
    type: object
    required: [id]
    additionalProperties: false
    properties:
      id: {type: string, minLength: 1}
      public: {type: boolean}
      regions: {type: array, uniqueItems: true, items: {type: string, pattern: "[A-Z]{2}"}}
      users: {type: integer, minimum: 0}
      answer_time: {type: string, format: period, x-unit: day}
$defs:
  envelope:
    type: object
    required: [type, time]
    properties:
      type: {type: string}
      time: {type: string, format: date-time}
      id: {type: string}
      sequence: {type: integer}
  events:
    registered:
      type: object
      required: [user]
      properties:
        user: {type: string, minLength: 1}
        birth_date: {type: string, format: date}
        age: {type: integer, minimum: 0}
    requested: {type: object, required: [user], properties: {user: {type: string}, scope: {type: string}}}
    deleted: {type: object, required: [user], properties: {user: {type: string}, scope: {type: string}}}
    message: {type: object, required: [user], properties: {user: {type: string}, length: {type: integer, minimum: 0}}}
    reminder:
      type: object
      required: [user]
      properties:
        user: {type: string}
        channel: {type: string, enum: [dialogue, popup, mail]}
        prominent: {type: boolean}
    flagged:
      type: object
      required: [user]
      properties: {user: {type: string}, kind: {type: string, enum: [a, b, c, d]}}
    paid: {type: object, required: [user], properties: {user: {type: string}, amount: {type: number, minimum: 0}}}
    consented: {type: object, required: [user], properties: {user: {type: string}, explicit: {type: boolean}}}
    withdrawn: {type: object, required: [user], properties: {user: {type: string}}}
    closed: {type: object, required: [user], properties: {user: {type: string}}}
    launched: {type: object, properties: {product: {type: string}}}
    ended: {type: object, properties: {product: {type: string}}}
    audited: {type: object, properties: {product: {type: string}}}
"""
DAYS = {"name": "test", "years": {2026: {
    "notices": [{"number": "1", "date": date(2025, 11, 1), "title": "days off"}],
    "holidays": [{"from": date(2026, 10, 1), "to": date(2026, 10, 8),
                  "worked": []}]}}}
CALENDAR = Calendar("Asia/Shanghai", load_working_days(DAYS))


@cache
def words() -> Vocabulary:
    found, problems = load_vocabulary("words.yaml", WORDS)
    assert found is not None, problems
    return found


def side(text: str) -> Side:
    policy, found = compile_policy(parse("one.policy", HEADER + text)[0], words())
    assert [concise(one) for one in found] == []
    assert policy is not None
    return Side(policy, policy.rules[0], CALENDAR, words())


def rule(body: str, before: str = "", per: str = "  per user\n") -> str:
    return f"{before}\nrule r\n{per}{body}"


def compared(old: str, new: str, options: Options | None = None) -> Comparison:
    sides = side(old), side(new)
    found = compare_traces(*sides, options)
    for witness in found.witnesses:
        checked(sides, witness)
    return found


def checked(sides: tuple[Side, Side], witness: Witness) -> None:
    """A witness is judged as it says, and fits the vocabulary."""
    case = Case(witness.facts, witness.events)
    assert fits(case, words())
    judged = judge_both(sides, case, witness.as_of)
    assert judged is not None
    assert any(pair == (witness.old, witness.new) and one.time == witness.moment for pair, one in judged.shows())


def answer(found: Comparison) -> tuple[str, str, str]:
    return found.direction, found.proof, found.note


DELETE = "  on requested\n  must deleted within {}\n"


@pytest.mark.parametrize(("old", "new", "expected"), [
    pytest.param("15 working days", "10 working days", ("stricter", "exact", ""), id="fewer working days"),
    pytest.param("10 days", "15 days", ("looser", "exact", ""), id="more days"),
    pytest.param("2 hours", "120 minutes", ("equivalent", "exact", ""), id="another spelling"),
    pytest.param("24 hours", "1 day", ("looser", "bounded", "calendar 2026-2028"), id="a day ends with the day"),
    pytest.param("30 days", "1 month", ("mixed", "exact", "depends on the calendar"), id="thirty days or a month"),
    pytest.param("31 days", "1 month", ("stricter", "bounded", "calendar 2026-2028"), id="never more than a month"),
    pytest.param("18 days", "15 working days", ("looser", "bounded", "calendar 2026-2028"), id="three weeks or so"),
])
def test_a_deadline(old: str, new: str, expected: tuple[str, str, str]) -> None:
    found = compared(rule(DELETE.format(old)), rule(DELETE.format(new)))
    assert answer(found) == expected


def test_thirty_days_and_a_month_are_shown_on_two_dates() -> None:
    found = compared(rule(DELETE.format("30 days")), rule(DELETE.format("1 month")))
    assert [(one.old, one.new) for one in found.witnesses[:2]] == [("satisfied", "violated"), ("violated", "satisfied")]
    months = [local_date(one.moment or 0, CALENDAR.zone).month for one in found.witnesses[:2]]
    assert months == [1, 3] or months[0] in (1, 2)


def test_an_answer_is_shown_rather_than_a_pending_one() -> None:
    found = compared(rule(DELETE.format("15 days")), rule(DELETE.format("10 days")))
    first = found.witnesses[0]
    assert (first.old, first.new) == ("satisfied", "violated")
    assert [event.type for event in first.events] == ["requested", "deleted"]
    shown = {(cell.old, cell.new) for cell in found.cells if cell.possible == "yes"}
    assert ("pending", "violated") in shown


def test_a_count_in_a_longer_window_only_the_whole_trace_tells() -> None:
    body = "  on message\n  must count of message within the last {} <= {}\n"
    found = compared(rule(body.format("24 hours", 3)), rule(body.format("48 hours", 6)))
    assert found.direction == "looser"
    assert found.proof == "bounded"
    assert found.note.startswith("traces of up to ")


@pytest.mark.parametrize(("old", "new", "expected"), [
    ("count of message within the last 24 hours <= 3", "count of message within the last 24 hours <= 2", "stricter"),
    ("count of message within the last 24 hours <= 3", "count of message within the last 48 hours <= 3", "stricter"),
    ("count of message where (length > 5) this day <= 3", "count of message this day <= 3", "stricter"),
    ("count of message this day <= 3", "count of message this month <= 3", "stricter"),
])
def test_a_count(old: str, new: str, expected: str) -> None:
    found = compared(rule(f"  on message\n  must {old}\n"), rule(f"  on message\n  must {new}\n"))
    assert answer(found) == (expected, "exact", "")


@pytest.mark.parametrize(("old", "new", "expected"), [
    pytest.param('flagged where (kind = "a")', 'flagged where (kind in ["a", "c"])', "stricter", id="wider"),
    pytest.param('flagged where (kind in ["a", "b"])', 'flagged where (kind in ["b", "a"])', "equivalent", id="order"),
    pytest.param('flagged where (kind in ["a", "b"])', 'flagged where (kind in ["b", "c"])', "mixed", id="other"),
    pytest.param('flagged where (kind != "d")', 'flagged where (kind in ["a", "b", "c"])', "equivalent", id="the rest"),
    pytest.param("flagged", "flagged, paid", "stricter", id="one more event"),
])
def test_a_trigger(old: str, new: str, expected: str) -> None:
    found = compared(rule(f"  on {old}\n  must not happen\n"), rule(f"  on {new}\n  must not happen\n"))
    assert (found.direction, found.proof) == (expected, "exact")


def test_the_first_time_only() -> None:
    duty = "  on {}\n  must reminder within 1 hour\n"
    assert answer(compared(rule(duty.format("flagged")), rule(duty.format("first flagged")))) == ("looser", "exact", "")


RUN = "episode use per user of message gap 10 minutes\n"
REMIND = '  on {} of use\n  must reminder where ({}) within 10 minutes\n'


def test_a_reminder_once_becomes_one_every_two_hours() -> None:
    old = rule(REMIND.format("2 hours", 'channel = "popup"'), RUN)
    new = rule(REMIND.format("every 2 hours", 'channel = "popup"'), RUN)
    found = compared(old, new)
    assert answer(found) == ("stricter", "exact", "")
    assert (found.witnesses[0].old, found.witnesses[0].new) == ("not_applicable", "violated")
    assert any(event.type == "reminder" for event in found.witnesses[0].events), "the first reminder was shown"


def test_a_longer_gap_is_found_though_not_proven() -> None:
    body = REMIND.format("every 1 hour", "prominent")
    found = compared(rule(body, RUN), rule(body, RUN.replace("10 minutes", "15 minutes")))
    assert found.direction in ("stricter", "mixed")


def test_a_long_run_of_short_steps() -> None:
    run = RUN.replace("10 minutes", "1 minute")
    found = compared(rule(REMIND.format("2 hours", "prominent"), run), rule(REMIND.format("3 hours", "prominent"), run))
    assert (found.direction, found.proof) == ("mixed", "exact")


def test_silence() -> None:
    body = "  on {} of open without audited\n  must not happen\n"
    state = "state open from launched until ended\n"
    found = compared(rule(body.format("1 year"), state, ""), rule(body.format("6 months"), state, ""))
    assert found.direction in ("stricter", "mixed")
    assert found.witnesses[0].new == "violated"


def test_marks_at_a_distance_that_the_service_sets() -> None:
    body = "  on service.answer_time of open without audited\n  {}must not happen\n"
    state = "state open from launched until ended\n"
    found = compared(rule(body.format(""), state, ""), rule(body.format("when service.public\n  "), state, ""))
    assert answer(found) == ("looser", "exact", "")


STATE = "state agreed per user from {} until {}\n"
ASK = "  on paid\n  must agreed\n"


@pytest.mark.parametrize(("old", "new", "expected"), [
    pytest.param(("consented", "withdrawn"), ("consented", "withdrawn, closed"), "stricter", id="one more end"),
    pytest.param(("consented where (explicit)", "closed"), ("consented", "closed"), "looser", id="any consent"),
    pytest.param(("consented", "closed"), ("consented, registered", "closed"), "looser", id="one more start"),
    pytest.param(("consented", "withdrawn"), ("consented", "closed"), "mixed", id="another end"),
])
def test_a_state(old: tuple[str, str], new: tuple[str, str], expected: str) -> None:
    found = compared(rule(ASK, STATE.format(*old)), rule(ASK, STATE.format(*new)))
    assert (found.direction, found.proof) == (expected, "exact")


def test_a_state_that_expires() -> None:
    text = "state agreed per user from consented until withdrawn lasting {}\n"
    found = compared(rule(ASK, text.format("30 days")), rule(ASK, text.format("60 days")))
    assert answer(found) == ("looser", "exact", "")


AGE = "state born per user is registered.birth_date\n"


@pytest.mark.parametrize(("old", "new", "expected"), [
    ("completed_years(born) < 18", "completed_years(born) < 14", "looser"),
    ("completed_years(born) < 14", "completed_years(born) <= 13", "equivalent"),
    ("completed_years(born) < 14", "completed_years(born) < 14 or born is missing", "stricter"),
])
def test_an_age(old: str, new: str, expected: str) -> None:
    found = compared(rule(f"  on paid\n  when {old}\n  must not happen\n", AGE),
                     rule(f"  on paid\n  when {new}\n  must not happen\n", AGE))
    assert (found.direction, found.proof) == (expected, "exact")


@pytest.mark.parametrize(("old", "new", "expected"), [
    ('reminder where (channel = "popup") within 1 hour', "reminder within 1 hour", "looser"),
    ("reminder within 1 hour", "reminder within the last 1 hour or reminder within 1 hour", "looser"),
    ("reminder before", "reminder no later than 1 hour", "looser"),
    ("reminder within 1 hour and deleted within 1 hour", "reminder within 1 hour", "looser"),
    ('reminder where (channel = "popup") within 1 hour', 'reminder where (channel = "mail") within 1 hour', "mixed"),
    ("no reminder within the last 1 hour", "no reminder within the last 2 hours", "stricter"),
    ("sum of paid.amount this month <= 100", "sum of paid.amount this month <= 200", "looser"),
    ("paid.amount <= 100", "paid.amount < 100", "stricter"),
])
def test_a_duty(old: str, new: str, expected: str) -> None:
    found = compared(rule(f"  on paid as paid\n  must {old}\n"), rule(f"  on paid as paid\n  must {new}\n"))
    assert (found.direction, found.proof) == (expected, "exact")


def test_a_scope_and_an_exception() -> None:
    duty = "  on paid\n  must reminder within 1 hour\n"
    wide = 'applies when service.regions contains "CN"\n'
    narrow = 'applies when service.regions contains "CN" and service.public\n'
    assert compared(rule(duty, wide), rule(duty, narrow)).direction == "looser"
    found = compared(rule(duty), rule(duty + "  unless service.public\n"))
    assert answer(found) == ("looser", "exact", "")
    assert (found.witnesses[0].old, found.witnesses[0].new) == ("violated", "exempt")


def test_a_period_that_the_service_sets() -> None:
    found = compared(rule("  on paid\n  must reminder within service.answer_time\n"),
                     rule("  on requested\n  must reminder within service.answer_time\n"))
    assert found.direction == "mixed"


def test_a_duty_without_a_trigger() -> None:
    body = "  must audited within the last {}\n"
    found = compared(rule(body.format("6 months"), per=""), rule(body.format("1 year"), per=""))
    assert answer(found) == ("looser", "exact", "")
    assert found.witnesses[0].moment is None


def test_a_time_of_day() -> None:
    duty = "  on message\n  when {}\n  must not happen\n"
    found = compared(rule(duty.format("local_time >= 22:00")), rule(duty.format("local_time >= 21:00")))
    assert answer(found) == ("stricter", "exact", "")


def test_a_date() -> None:
    duty = "  on message\n  when today >= {}\n  must not happen\n"
    found = compared(rule(duty.format("2026-07-15")), rule(duty.format("2026-09-01")))
    assert answer(found) == ("looser", "exact", "")
    assert local_date(found.witnesses[0].moment or 0, CALENDAR.zone) < date(2026, 9, 1)


def test_names_and_order_are_no_difference() -> None:
    old = rule("  on paid\n  when a and service.public\n  must reminder before\n  must b <= 3\n  must deleted before\n",
               "state a per user from consented until withdrawn, closed\ndefine b = count of message this day\n")
    new = rule("  on paid\n  when service.public and c\n  must deleted before\n  must reminder before\n  must d <= 3\n",
               "state c per user from consented until closed, withdrawn\ndefine d = count of message this day\n")
    assert compared(old, new) == Comparison("equivalent", "exact")


def test_two_runs_say_the_same() -> None:
    old, new = rule(DELETE.format("30 days")), rule(DELETE.format("1 month"))
    runs = [compare_traces(side(old), side(new)) for _ in range(2)]
    assert [replace(one, witnesses=()) for one in runs] == [replace(runs[0], witnesses=())] * 2
    shown = [[(one.facts, one.as_of, [(event.time, content(event)) for event in one.events]) for one in run.witnesses]
             for run in runs]
    assert shown[0] == shown[1]


def test_what_is_undecided_counts_where_nothing_else_tells() -> None:
    found = compared(rule("  on paid as it\n  must it.amount > 0\n"),
                     rule("  on paid as it\n  must it.amount > 0 and it.amount is present\n"))
    assert answer(found) == ("stricter", "exact", "only cases that are undecided or pending in one version tell them "
                             "apart")


def test_the_users_own_case_is_the_witness() -> None:
    old, new = rule(DELETE.format("15 days")), rule(DELETE.format("10 days"))
    shown = compared(old, new).witnesses[0]
    own = Case({"service": {"id": "mine", "users": 5}}, shown.events)
    found = compared(old, new, Options(cases=(own,)))
    assert (found.witnesses[0].facts, found.witnesses[0].events) == (own.facts, own.events)
    over = compared(old, new, Options(cases=(Case({"service": {"id": "mine", "users": 7}}),)))
    assert over.witnesses[0].facts == {"service": {"id": "mine", "users": 7}}


def test_which_rules_are_about_traces() -> None:
    assert about_traces(side(rule("  on paid\n  must not happen\n")))
    assert about_traces(side(rule("  must paid before\n", per="")))
    assert not about_traces(side(rule("  must service.public\n", per="")))
