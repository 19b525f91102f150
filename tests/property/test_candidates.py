"""Candidates that are looked up, and conditions on them that are answered once, change nothing the evaluator says.

Nor do running totals. Beside it the evaluator as its definition reads: every candidate in turn, all of its conditions
each time, and each count and sum anew.
"""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policyengine.base.calendar import OutOfRange
from policyengine.core import conditions, ir, standing
from policyengine.core.candidates import Filter, filter_of
from policyengine.core.case import Case, Event
from policyengine.core.evaluate import judge
from policyengine.core.operators import Overflow
from policyengine.core.verdict import EventSeen, Judgement, Setting
from tests.support import wide_strategies as wide


def judged(rule: ir.Rule, trial: wide.Trial) -> tuple[Judgement, ...]:
    return judge(wide.policy(rule), trial.case, Setting(trial.as_of, trial.parameters), trial.place.calendar,
                 sources=trial.sources, start=trial.start, end=trial.end)


@given(st.one_of(wide.rules(), wide.rules(), wide.rules(), wide.rules_at_large()), wide.trials())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_looked_up_or_in_turn(rule: ir.Rule, trial: wide.Trial) -> None:
    """The same judgements, to the last piece of evidence."""
    try:
        with (patch.object(standing, "filter_of", lambda pattern: Filter(pattern, None, False, ())),
              patch.object(conditions, "_running", lambda *asked, counting: None)):
            in_turn = judged(rule, trial)
    except (Overflow, OutOfRange):
        return  # of a candidate, perhaps, that no lookup comes to
    assert judged(rule, trial) == in_turn


def test_lists_that_contain_something_of_the_moment() -> None:
    """One that does, one that does not, and one that is not there: drawn conditions seldom look into lists."""
    where = wide.compare(wide.get(ir.CANDIDATE, "tags"), "contains", wide.get(ir.TRIGGER, "name"))
    must = ir.Must(ir.Occurs(ir.Pattern("reply", (), where), ir.Before()), False)
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (must,), (), "")
    rows = [("reply", {"tags": ["a"]}), ("reply", {"tags": ["b", "b"]}), ("use", {"name": "a"}), ("use", {"name": "c"}),
            ("reply", {}), ("use", {"name": "b"}), ("use", {"name": "c"}), ("use", {})]
    place = wide.PLACES[0]
    events = tuple(Event(kind, place.start + n, {"user": "u1", **fields}, row=n + 1, place=wide.EVENTS.index(kind))
                   for n, (kind, fields) in enumerate(rows))
    found = judged(rule, wide.Trial(Case({}, events), place, place.start + 100, None))
    assert [one.verdict for one in found] == ["satisfied", "violated", "satisfied", "undecided", "undecided"]


EVENT_TAGS, TRIGGER_NAME = wide.get(ir.CANDIDATE, "tags"), wide.get(ir.TRIGGER, "name")
FLAG = wide.get(ir.CANDIDATE, "flag")
EARLIER = ir.InState("on", ir.TRIGGER, ())


@pytest.mark.parametrize(("where", "own", "whole", "links"), [
    (FLAG, FLAG, True, 0),
    (wide.compare(EVENT_TAGS, "contains", TRIGGER_NAME), None, False, 1),
    (ir.And((FLAG, wide.compare(wide.get(ir.CANDIDATE, "name"), "=", TRIGGER_NAME))), FLAG, False, 1),
    (ir.And((FLAG, EARLIER)), FLAG, False, 0),
    (wide.compare(wide.get(ir.CANDIDATE, "number"), "=", wide.constant(1, wide.INTEGER)), "itself", True, 0),
    (wide.compare(TRIGGER_NAME, "in", EVENT_TAGS), None, False, 1),
    (wide.compare(wide.get(ir.CANDIDATE, "name"), "=", wide.get(ir.CANDIDATE, "kind")), "itself", True, 0),
    (ir.Not(wide.compare(wide.get(ir.CANDIDATE, "name"), "=", TRIGGER_NAME)), None, False, 0),
], ids=["of the candidate", "contains", "equal", "a state at the moment", "written", "in", "two fields", "not equal"])
def test_what_is_looked_up(where: ir.Expr, own: ir.Expr | str | None, whole: bool, links: int) -> None:
    """Only what is equal to, or contained for, the moment is looked up; only what is of the candidate is kept."""
    found = filter_of(ir.Pattern("one", (), where))
    assert (found.own, found.whole, len(found.links)) == (where if own == "itself" else own, whole, links)


@pytest.mark.parametrize(("where", "but_linked"), [
    (wide.compare(EVENT_TAGS, "contains", TRIGGER_NAME), True),
    (ir.And((FLAG, wide.compare(wide.get(ir.CANDIDATE, "name"), "=", TRIGGER_NAME))), True),
    (ir.And((wide.compare(EVENT_TAGS, "contains", TRIGGER_NAME),
             wide.compare(wide.get(ir.CANDIDATE, "name"), "=", TRIGGER_NAME))), False),
    (ir.And((EARLIER, wide.compare(wide.get(ir.CANDIDATE, "name"), "=", TRIGGER_NAME))), False),
    (FLAG, False),
], ids=["alone", "beside what is of the candidate", "two links", "beside a state at the moment", "no link"])
def test_what_a_candidate_that_is_looked_up_comes_to(where: ir.Expr, but_linked: bool) -> None:
    """The same at every moment, if nothing else there is of the moment."""
    assert filter_of(ir.Pattern("one", (), where)).but_linked == but_linked


def test_candidates_come_to_the_same_where_they_are_looked_up_only() -> None:
    """A moment that lacks what is asked looks none up, and misses that too."""
    where = ir.And((FLAG, wide.compare(EVENT_TAGS, "contains", TRIGGER_NAME)))
    must = ir.Must(ir.Occurs(ir.Pattern("reply", (), where), ir.Before()), False)
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (must,), (), "")
    rows = [("reply", {"flag": True}), ("use", {"name": "a"}), ("use", {}), ("use", {"name": "b"}),
            ("reply", {"flag": True, "tags": ["a", "b"]}), ("reply", {"tags": ["c"]}), ("reply", {"flag": False}),
            ("use", {"name": "a"}), ("use", {"name": "b"}), ("use", {"name": "c"}), ("use", {})]
    place = wide.PLACES[0]
    events = tuple(Event(kind, place.start + n, {"user": "u1", **fields}, row=n + 1, place=wide.EVENTS.index(kind))
                   for n, (kind, fields) in enumerate(rows))
    trial = wide.Trial(Case({}, events), place, place.start + 100, None)
    found = judged(rule, trial)
    with patch.object(standing, "filter_of", lambda pattern: Filter(pattern, None, False, ())):
        assert judged(rule, trial) == found
    assert [(one.verdict, len(one.missing)) for one in found] == [
        ("undecided", 1), ("undecided", 2), ("undecided", 1), ("satisfied", 0), ("satisfied", 0), ("undecided", 2),
        ("undecided", 3)]


def test_a_list_with_a_null_comes_to_one_thing_for_what_it_holds_and_to_another_for_the_rest() -> None:
    must = ir.Must(ir.Occurs(ir.Pattern("reply", (), wide.compare(EVENT_TAGS, "contains", TRIGGER_NAME)), ir.Before()),
                   False)
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (must,), (), "")
    place = wide.PLACES[0]
    rows: list[tuple[str, dict[str, object]]] = [
        ("reply", {"tags": ["a", None]}), ("use", {"name": "a"}), ("use", {"name": "b"}), ("use", {"name": "a"})]
    events = tuple(Event(kind, place.start + n, {"user": "u1", **fields}, row=n + 1, place=wide.EVENTS.index(kind))
                   for n, (kind, fields) in enumerate(rows))
    trial = wide.Trial(Case({}, events), place, place.start + 100, None)
    assert [one.verdict for one in judged(rule, trial)] == ["satisfied", "violated", "satisfied"]
    once = wide.compare(ir.CountEvents(must.condition.pattern, ir.Before()), "<=", wide.constant(1, wide.INTEGER))
    counting = replace(rule, must=(ir.Must(once, False),))
    assert [one.verdict for one in judged(counting, trial)] == ["satisfied"] * 3, "found, and lacking: one candidate"


def occurs(pattern: ir.Pattern, range: ir.Range) -> ir.Rule:
    return ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (),
                   (ir.Must(ir.Occurs(pattern, range), False),), (), "")


def test_what_answers_is_found_among_those_that_may() -> None:
    """The first after the moment, or the last before it; not the moment's own event, nor one that may not match."""
    place = wide.PLACES[0]
    minute = wide.constant("1 minute", wide.HOURS)
    rows: list[tuple[str, dict[str, object]]] = [
        ("use", {"flag": True}), ("use", {}), ("use", {"flag": True}), ("use", {"flag": False}), ("use", {})]
    events = tuple(Event(kind, place.start + n, {"user": "u1", **fields}, row=n + 1, place=wide.EVENTS.index(kind))
                   for n, (kind, fields) in enumerate(rows))
    trial = wide.Trial(Case({}, events), place, place.start + 100_000_000, None)
    for range, verdicts, answers in (
            (ir.Before(), ["violated", "satisfied", "satisfied", "satisfied", "satisfied"], [1, 1, 3, 3]),
            (ir.Within(minute), ["satisfied", "satisfied", "undecided", "undecided", "violated"], [3, 3]),
            (ir.NoLaterThan(minute), ["satisfied"] * 5, [3, 1, 1, 1, 1])):
        found = judged(occurs(ir.Pattern("use", ("user",), FLAG), range), trial)
        assert [one.verdict for one in found] == verdicts, range
        assert [seen.event.row for one in found if one.verdict == "satisfied" for seen in one.evidence
                if isinstance(seen, EventSeen)] == answers, range


@pytest.mark.parametrize("sought", [ir.Before(), ir.NoLaterThan(wide.constant("1 minute", wide.HOURS))],
                         ids=["before", "no later than"])
def test_each_candidate_is_asked_once(sought: ir.Range) -> None:
    """Every moment went through all of them."""
    place = wide.PLACES[0]
    rows: list[tuple[str, dict[str, object]]] = [("reply", {"flag": n == 7}) if n % 2 else ("use", {})
                                                 for n in range(80)]
    events = tuple(Event(kind, place.start + n, {"user": "u1", **fields}, row=n + 1, place=wide.EVENTS.index(kind))
                   for n, (kind, fields) in enumerate(rows))
    trial = wide.Trial(Case({}, events), place, place.start + 100_000_000, None)
    with patch.object(conditions, "_match", wraps=conditions._match) as asked:
        found = judged(occurs(ir.Pattern("reply", (), FLAG), sought), trial)
    assert len(found) == 40
    assert 39 <= asked.call_count <= 40


def test_what_else_is_of_the_moment_is_asked_each_time() -> None:
    """Of a candidate that two moments look up by one field, which compare another of its fields."""
    where = ir.And((wide.compare(wide.get(ir.CANDIDATE, "name"), "=", TRIGGER_NAME),
                    wide.compare(wide.get(ir.CANDIDATE, "number"), "<", wide.get(ir.TRIGGER, "number"))))
    must = ir.Must(ir.Occurs(ir.Pattern("reply", (), where), ir.Before()), False)
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (must,), (), "")
    place = wide.PLACES[0]
    rows = [("reply", 1), ("use", 1), ("use", 2), ("use", 0)]
    events = tuple(Event(kind, place.start + n, {"user": "u1", "name": "a", "number": number}, row=n + 1,
                         place=wide.EVENTS.index(kind)) for n, (kind, number) in enumerate(rows))
    found = judged(rule, wide.Trial(Case({}, events), place, place.start + 100, None))
    assert [one.verdict for one in found] == ["violated", "satisfied", "violated"]
