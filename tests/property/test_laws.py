"""The laws of docs/language.md section 5, held over generated policies and traces."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policyengine.core import ir
from policyengine.core.case import Case, in_order
from policyengine.core.evaluate import judge
from policyengine.core.verdict import Judgement, Setting
from tests.support.trace_strategies import CALENDAR, FACT_FLAG, cases, conditions, instants, policy, rules


def verdicts(rule: ir.Rule, case: Case, as_of: int) -> list[Judgement]:
    return list(judge(policy(rule), case, Setting(as_of, {}), CALENDAR))


def moment_key(judgement: Judgement) -> Any:
    moment = judgement.moment
    assert moment is not None
    first = moment.run_first
    return moment.time, moment.keys, moment.event and moment.event.row, first and first.row


def answers(judgements: list[Judgement]) -> dict[Any, tuple[str, int | None]]:
    return {moment_key(one): (one.verdict, one.due) for one in judgements}


@given(rules(), cases, instants, instants)
@settings(max_examples=200)
def test_settled_stays_settled(rule: ir.Rule, case: Case, one: int, other: int) -> None:
    """With the same events up to A, a verdict other than pending at A is the verdict at every later as-of."""
    early, late = sorted((one, other))
    before, after = answers(verdicts(rule, case, early)), answers(verdicts(rule, case, late))
    for key, (verdict, due) in before.items():
        if verdict != "pending":
            assert after[key][0] == verdict
        else:
            assert due is not None and due > early


@given(rules(), cases, instants)
@settings(max_examples=200)
def test_pending_is_decided_when_due(rule: ir.Rule, case: Case, as_of: int) -> None:
    """If nothing more comes, a pending verdict is decided at its due time and not a microsecond before."""
    cut = Case(case.facts, tuple(event for event in case.events if event.time <= as_of))
    for judgement in verdicts(rule, cut, as_of):
        if judgement.verdict == "pending":
            assert judgement.due is not None
            key = moment_key(judgement)
            assert answers(verdicts(rule, cut, judgement.due - 1))[key][0] == "pending"
            assert answers(verdicts(rule, cut, judgement.due))[key][0] != "pending"


@given(rules(), cases, instants, st.integers(0, 2 ** 32))
@settings(max_examples=200)
def test_arrival_order_does_not_matter(rule: ir.Rule, case: Case, as_of: int, seed: int) -> None:
    """The same rows in any order give the same verdicts."""
    shuffled = list(case.events)
    Random(seed).shuffle(shuffled)
    again = Case(case.facts, in_order(shuffled))
    # Rows alike in all but their line are interchangeable, so verdicts are compared as a bag without the line.
    def bag(judgements: list[Judgement]) -> list[Any]:
        return sorted(repr((one.moment and (one.moment.time, one.moment.keys), one.verdict, one.due))
                      for one in judgements)
    assert bag(verdicts(rule, case, as_of)) == bag(verdicts(rule, again, as_of))


@given(rules(), cases, instants, st.booleans(), st.integers(0, 2), st.booleans())
@settings(max_examples=200)
def test_supplying_facts(rule: ir.Rule, case: Case, as_of: int, flag: bool, number: int, excused: bool) -> None:
    """Supplying a fact never turns violated into satisfied or back; satisfied may become not applicable or exempt.

    An exception that holds exempts even while it is missing whether the rule applies, so exempt may become not
    applicable; and of `first`, an uncertain candidate may turn out not to be a moment at all.
    """
    rule = replace(rule, unless=(*rule.unless, ir.Unless(FACT_FLAG, ()))) if excused else rule
    filled = Case({"service": {"flag": flag, "number": number, **case.facts["service"]}}, case.events)
    before, after = answers(verdicts(rule, case, as_of)), answers(verdicts(rule, filled, as_of))
    for key, (verdict, _) in before.items():
        if key not in after:
            assert isinstance(rule.trigger, ir.OnEvent)
            assert rule.trigger.first
            assert verdict in ("undecided", "exempt", "not_applicable")
        elif verdict in ("not_applicable", "violated"):
            assert after[key][0] == verdict
        elif verdict == "exempt":
            assert after[key][0] in ("exempt", "not_applicable")
        elif verdict == "satisfied":
            assert after[key][0] in ("satisfied", "exempt", "not_applicable")


@given(rules(), conditions(future=False, depth=1), cases, instants)
@settings(max_examples=200)
def test_exceptions_only_relax(rule: ir.Rule, exception: ir.Expr, case: Case, as_of: int) -> None:
    """With one more `unless`, by what it comes to as a demand of its own: where it is met, exempt; where it is not, the
    verdict stays; where nobody knows, it stays too, but violated becomes undecided."""
    if not isinstance(rule.trigger, ir.OnEvent):
        exception = FACT_FLAG
    relaxed = replace(rule, unless=(*rule.unless, ir.Unless(exception, ())))
    demanded = replace(rule, when=(), must=(ir.Must(exception, False),), unless=())
    before, after, met = (answers(verdicts(one, case, as_of)) for one in (rule, relaxed, demanded))
    for key, (verdict, due) in before.items():
        if verdict in ("not_applicable", "exempt") or met[key][0] == "violated":
            allowed = {(verdict, due)}
        elif met[key][0] == "satisfied":
            allowed = {("exempt", None)}
        elif verdict == "undecided":  # and nobody knows whether the exception is met, or whether it triggers
            allowed = {("undecided", None), ("exempt", None)}
        else:
            allowed = {("undecided", None) if verdict == "violated" else (verdict, due)}
        assert after[key] in allowed


@given(rules(), cases, instants)
@settings(max_examples=200)
def test_must_not_mirrors_must(rule: ir.Rule, case: Case, as_of: int) -> None:
    """`must not X` is satisfied where `must X` is violated, and the other way; the rest is equal."""
    plain = replace(rule, unless=())
    mirrored = replace(plain, must=tuple(ir.Must(ir.Not(one.condition), False) for one in plain.must))
    before, after = answers(verdicts(plain, case, as_of)), answers(verdicts(mirrored, case, as_of))
    swap = {"satisfied": "violated", "violated": "satisfied"}
    for key, (verdict, due) in before.items():
        assert after[key] == (swap.get(verdict, verdict), due)
