"""The compiled rules about facts mean what the reference says: every verdict, and every error, on drawn policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policyengine.base.calendar import Calendar, WorkingDays
from policyengine.base.instants import parse_instant
from policyengine.core import ir
from policyengine.core.case import Case
from policyengine.core.evaluate import judge
from policyengine.core.operators import ORDERINGS, Overflow
from policyengine.core.types import Bool, Date, ListOf, Number, Record, Text
from policyengine.core.verdict import VERDICTS, Setting
from policyengine.facts.compiled import load
from policyengine.facts.compiled_covers import covers
from policyengine.facts.compiled_source import source
from tests.support.core_strategies import FACTS, fact_cases, parameter_values, policies

CALENDAR = Calendar("Asia/Shanghai", WorkingDays("none", frozenset(), frozenset(), frozenset()))
AS_OF = parse_instant("2026-07-15T08:00:00+08:00")
FLAG = ir.Fact(("flag",), Bool())
USERS = ir.Fact(("users",), Number(integer=True))


def expected(policy: ir.Policy, facts: Mapping[str, Any], parameters: Mapping[str, Any], as_of: int) -> Any:
    """The reference's verdicts of the rules that are compiled, or the kinds of error it raises for some rule."""
    verdicts, errors = [], set()
    for rule in policy.rules:
        if not covers(policy, rule):
            continue
        try:
            (judgement,) = judge(policy, Case(facts), Setting(as_of, parameters), CALENDAR, rules=[rule.name])
            verdicts.append(judgement.verdict)
        except (Overflow, ValueError) as error:
            errors.add(type(error))
    return errors or verdicts


def found(policy: ir.Policy, facts: Mapping[str, Any], parameters: Mapping[str, Any], as_of: int) -> Any:
    text, names = source(policy)
    assert names == tuple(rule.name for rule in policy.rules if covers(policy, rule))
    try:
        return [VERDICTS[code] for code in load(text)(facts, as_of, parameters, CALENDAR)]
    except (Overflow, ValueError) as error:
        return {type(error)}


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(policies(), st.lists(fact_cases(), min_size=1, max_size=4), parameter_values(),
       st.sampled_from([AS_OF, AS_OF - 1, parse_instant("2025-02-28T23:59:59+08:00")]))
def test_compiled_is_reference(policy: ir.Policy, cases: list[dict[str, Any]], parameters: Mapping[str, Any],
                               as_of: int) -> None:
    for facts in cases:
        wanted, got = expected(policy, facts, parameters, as_of), found(policy, facts, parameters, as_of)
        if isinstance(wanted, set):
            # Several rules may fail, each in its way; the compiled function stops at the first.
            assert isinstance(got, set) and got <= wanted, source(policy)[0]
        else:
            assert got == wanted, source(policy)[0]


def policy_of(must: ir.Expr, *, when: tuple[ir.Expr, ...] = (), unless: tuple[ir.Expr, ...] = (),
              trigger: ir.Trigger | None = None, applies: ir.Expr | None = None) -> ir.Policy:
    rule = ir.Rule("rule", "", (), "family", "error", (), trigger, when, (ir.Must(must, False),),
                   tuple(ir.Unless(one, ()) for one in unless), "")
    return ir.Policy("xx/one", "1", "v", None, applies, (), (), (), (rule,), (), ())


ANSWERS = {True: {"flag": True}, False: {"flag": False}, None: {}}


@pytest.mark.parametrize("part", [True, False, None])
@pytest.mark.parametrize("make", [ir.And, ir.Or])
def test_two_hundred_parts(make: Any, part: bool | None) -> None:
    policy = policy_of(make((*(ir.Apply("=", (USERS, ir.Constant(n, Number())), Bool()) for n in range(200)), FLAG)))
    facts = {**ANSWERS[part], "users": 7}
    assert found(policy, facts, {}, AS_OF) == expected(policy, facts, {}, AS_OF)


def nested(inner: ir.Expr, depth: int) -> ir.Expr:
    for n in range(depth):
        other = ir.Apply(">", (USERS, ir.Constant(n, Number())), Bool())
        inner = (ir.And((inner, other)), ir.Or((other, inner)), ir.Not(inner))[n % 3]
    return inner


PARTS = ir.Fact(("parts",), ListOf(Record(())))
SOME_PART = ir.Quantified("some", "x", PARTS, None, FLAG)


@pytest.mark.parametrize("inner", [FLAG, SOME_PART], ids=["flag", "loop"])
@pytest.mark.parametrize("facts", [{"flag": True, "parts": [{}]}, {"users": 3, "parts": [{}]}, {"users": 80}])
def test_nested_fifty_deep(inner: ir.Expr, facts: dict[str, Any]) -> None:
    policy = policy_of(nested(inner, 50), when=(nested(inner, 50),), unless=(ir.Not(nested(inner, 50)),))
    assert found(policy, facts, {}, AS_OF) == expected(policy, facts, {}, AS_OF)


@pytest.mark.parametrize("depth", [70, 71, 72, 73, 74, 75, 76, 90, 300])
def test_the_deepest_is_covered_or_left(depth: int) -> None:
    """At the limit Python still takes the source; past it the rule is left to the reference."""
    for inner in (FLAG, SOME_PART):
        policy = policy_of(nested(inner, depth), when=(nested(inner, depth),), unless=(nested(inner, depth),))
        text, names = source(policy)
        load(text)
        assert bool(names) == covers(policy, policy.rules[0])
        if depth > 75:
            assert not names


@pytest.mark.parametrize("loops", [2, 10, 16, 17, 30])
def test_loops_inside_loops(loops: int) -> None:
    inner: ir.Expr = FLAG
    for n in range(loops):
        inner = ir.Quantified("every", f"x{n}", PARTS, FLAG, inner)
    policy = policy_of(inner)
    text, names = source(policy)
    assert bool(names) == (loops <= 16)
    got = load(text)({"flag": False, "parts": [{}]}, AS_OF, {}, CALENDAR)
    assert [VERDICTS[code] for code in got] == (["satisfied"] if names else [])


@pytest.mark.parametrize("operator", sorted(ORDERINGS))
@pytest.mark.parametrize("certain", [0, 1, 2])
@pytest.mark.parametrize("unsure", [0, 1, 2])
def test_counts_between_two_ends(operator: str, certain: int, unsure: int) -> None:
    integer = Number(integer=True)
    facts = {"parts": [{"enabled": True}] * certain + [{}] * unsure + [{"enabled": False}], "users": 1}
    # A list that cannot be missing was once taken for a count that cannot be either.
    for domain in (PARTS, replace(PARTS, default=[])):
        counted = ir.CountElements("x", domain, ir.Get("x", ("enabled",), Bool()))
        for other in (*(ir.Constant(n, integer) for n in range(5)), USERS, counted, ir.Fact(("gone",), integer)):
            for operands in ((counted, other), (other, counted)):
                policy = policy_of(ir.Apply(operator, operands, Bool()))
                assert found(policy, facts, {}, AS_OF) == expected(policy, facts, {}, AS_OF), other


def test_what_asks_a_trace_is_left() -> None:
    pattern = ir.Pattern("seen", (), None)
    occurs = ir.Occurs(pattern, ir.Before())
    for policy in (policy_of(occurs), policy_of(FLAG, when=(ir.Not(occurs),)), policy_of(FLAG, applies=occurs),
                   policy_of(FLAG, trigger=ir.OnEvent(("seen",), False, None)),
                   policy_of(ir.Quantified("some", "x", PARTS, occurs, FLAG)),
                   policy_of(ir.Get(ir.TRIGGER, ("flag",), Bool()))):
        assert source(policy)[1] == ()
        assert load(source(policy)[0])({}, AS_OF, {}, CALENDAR) == []


@pytest.mark.parametrize(("facts", "verdict"), [
    ({"flag": True}, "satisfied"), ({"flag": False}, "violated"), ({}, "undecided"), ({"flag": None}, "undecided"),
])
def test_verdicts_of_one_fact(facts: dict[str, Any], verdict: str) -> None:
    assert found(policy_of(FLAG), facts, {}, AS_OF) == [verdict]


def test_the_order_of_verdicts() -> None:
    """Not applicable before exempt, exempt before undecided, whatever `must` says."""
    a, b, c = (ir.Fact((name,), Bool()) for name in "abc")
    policy = policy_of(c, when=(a,), unless=(b,))
    for facts, verdict in (({"a": False, "b": True}, "not_applicable"), ({"b": True, "c": False}, "exempt"),
                           ({"b": False, "c": False}, "undecided"), ({"a": True, "c": False}, "undecided"),
                           ({"a": True, "c": True}, "satisfied"), ({"a": True, "b": False, "c": False}, "violated")):
        assert found(policy, facts, {}, AS_OF) == [verdict], facts
        assert expected(policy, facts, {}, AS_OF) == [verdict], facts


def test_a_scope_of_its_own_stands_in_place_of_the_policys() -> None:
    b, c = (ir.Fact((name,), Bool()) for name in "bc")
    policy = policy_of(c, applies=FLAG)
    rules = (policy.rules[0], replace(policy.rules[0], name="other", applies=b))
    for facts in ({"flag": False, "b": True, "c": True}, {"flag": True, "b": False, "c": True}, {"b": True, "c": False},
                  {"flag": False, "b": False}, {"flag": True}):
        for chosen in (rules, rules[:1], rules[1:]):
            one = replace(policy, rules=chosen)
            assert found(one, facts, {}, AS_OF) == expected(one, facts, {}, AS_OF), facts


def test_what_was_found_stays_found_where_all_elements_are_computed() -> None:
    """A sum may overflow, so no element is passed over; a later one about which nothing is known changes nothing."""
    total = ir.Apply("+", (ir.Get("x", ("size",), Number()), ir.Constant(1, Number())), Number())
    large = ir.Apply(">", (total, ir.Constant(5, Number())), Bool())
    for kind in ("every", "some", "no"):
        policy = policy_of(ir.Quantified(kind, "x", PARTS, None, large))
        for sizes in ((9, None), (1, None), (None, 9), (None, 1), (9, 1, None), (1, 9, None)):
            facts = {"parts": [{"size": size} for size in sizes]}
            assert found(policy, facts, {}, AS_OF) == expected(policy, facts, {}, AS_OF), (kind, sizes)


def test_a_list_as_default_and_dates_in_a_list() -> None:
    days = ir.Fact(("holidays",), ListOf(Date()))
    asked = ir.Apply("contains", (days, ir.Apply("+", (ir.Today(), ir.Constant("1 day", FACTS.field("term").type)),
                                                 Date())), Bool())
    kinds = ir.Apply("contains", (ir.Fact(("kinds",), ListOf(Text()), ["text"]), ir.Constant("text", Text())), Bool())
    assert found(policy_of(asked), {"holidays": ["2026-07-16"]}, {}, AS_OF) == ["satisfied"]
    assert found(policy_of(asked), {"holidays": ["2026-07-15"]}, {}, AS_OF) == ["violated"]
    assert found(policy_of(kinds), {}, {}, AS_OF) == ["satisfied"]
