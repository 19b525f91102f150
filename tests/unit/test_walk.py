"""What expressions look at, and what follows for the answers that are kept."""

from __future__ import annotations

from random import Random

import pytest

from policyengine.core import ir, types
from policyengine.core.case import Case
from policyengine.core.conditions import condition_of
from policyengine.core.standing import World, at_large
from policyengine.core.verdict import Setting
from policyengine.core.walk import is_still
from tests.support.trace_strategies import CALENDAR

FACT = ir.Fact(("service", "name"), types.Text(), None)
LIMIT = ir.Parameter("limit", types.Number())
FIELD = ir.Get(ir.TRIGGER, ("user",), types.Text())
NAME = ir.Constant("x", types.Text())


def equal(*operands: ir.Expr) -> ir.Expr:
    return ir.Apply("=", operands, types.Bool())


@pytest.mark.parametrize(("expr", "still"), [
    (FACT, True), (LIMIT, True), (NAME, True), (FIELD, False), (ir.Today(), False), (ir.LocalTime(), False),
    (equal(FACT, NAME), True), (equal(FACT, FIELD), False), (ir.Not(equal(FACT, NAME)), True),
    (ir.Not(equal(FIELD, NAME)), False), (ir.Present(FACT), True), (ir.Present(FIELD), False),
    (ir.And((equal(FACT, NAME), ir.Present(FACT))), True), (ir.Or((equal(FACT, NAME), ir.Present(FIELD))), False),
    (ir.ListValue((NAME, FACT), types.ListOf(types.Text())), True),
    (ir.ListValue((NAME, FIELD), types.ListOf(types.Text())), False), (ir.CompletedYears(FACT), False),
    (ir.InState("on", ir.TRIGGER, ()), False), (ir.Occurs(ir.Pattern("use", (), None), ir.Before()), False),
    (ir.Quantified("every", "one", FACT, None, equal(FACT, NAME)), False),
])
def test_what_is_the_same_at_every_moment(expr: ir.Expr, still: bool) -> None:
    assert is_still(expr) is still


def test_an_answer_is_of_its_condition_alone() -> None:
    """Conditions that are made and thrown away follow each other in one place of memory."""
    policy = ir.Policy("test", "1", "test", None, None, (), (), (), (), (), ())
    world = World.of(policy, Case({"service": {"name": "x"}}), Setting(0, {}), CALENDAR, None)
    for text in Random(7).choices("xyz", k=200):
        condition = equal(FACT, ir.Constant(text, types.Text()))
        for _ in range(2):
            assert condition_of(condition, at_large(world), world).value is (text == "x")
        del condition
