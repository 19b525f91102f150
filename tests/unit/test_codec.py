"""A policy written as JSON comes back equal: every class, every span, every kind of raw value."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyengine.base.source import Span
from policyengine.core import ir
from policyengine.core.codec import CLASSES, decode, encode
from policyengine.core.types import Bool, Field, ListOf, Number, Record, Text, Type
from tests.support.core_strategies import policies


def everything(value: Any) -> Any:
    """A value with all its spans and the Python type of each part: what `==` of two policies leaves out."""
    if dataclasses.is_dataclass(value):
        return type(value).__name__, [everything(getattr(value, one.name)) for one in dataclasses.fields(value)]
    if isinstance(value, tuple | list):
        return type(value).__name__, [everything(item) for item in value]
    if isinstance(value, dict):
        return "dict", [(everything(key), everything(item)) for key, item in value.items()]
    return type(value).__name__, str(value)


_SPANS = st.builds(Span, st.sampled_from(("a.policy", "名.policy", "")), *[st.integers(1, 300)] * 4)
_PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.sampled_from((
    Decimal("0.50"), Decimal("-1E+3"), Bool(), Text(("a", "b")), Number(integer=True),
    ListOf(Record((Field("x", Bool(), True, 1), Field("y", Bool(), True, True)))),
    Record((Field("x", Text(), False, ["a", None]), Field("z", Number(), False, Decimal("1.0")))))))


@st.composite
def nodes(draw: Callable[..., Any], inner: st.SearchStrategy[Any]) -> Any:
    """An instance of any class of the core. The codec does not look at what a field is for, so anything may stand."""
    cls = CLASSES[draw(st.sampled_from(sorted(CLASSES)))]
    return cls(*[draw(_SPANS if one.name == "span" else inner) for one in dataclasses.fields(cls)])


_VALUES = st.recursive(_PLAIN, lambda inner: st.one_of(
    nodes(inner), nodes(inner), st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple),
    st.dictionaries(st.text(max_size=3), inner, max_size=2)), max_leaves=20)


def through_json(policy: ir.Policy) -> ir.Policy:
    return decode(json.loads(json.dumps(encode(policy), ensure_ascii=False)))


def holding(values: list[Any], span: Span) -> ir.Policy:
    fields = len(dataclasses.fields(ir.Policy)) - 1
    return ir.Policy(*(values + [None] * fields)[:fields], span)


@settings(max_examples=400)
@given(st.lists(_VALUES, max_size=11), _SPANS)
def test_anything_comes_back(values: list[Any], span: Span) -> None:
    policy = holding(values, span)
    back = through_json(policy)
    assert back == policy
    assert everything(back) == everything(policy)


@settings(max_examples=50)
@given(policies())
def test_drawn_policies_come_back(policy: ir.Policy) -> None:
    assert everything(through_json(policy)) == everything(policy)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_class_has_its_place(name: str) -> None:
    cls = CLASSES[name]
    node = cls(*[Span("f", 1, 2, 3, 4) if one.name == "span" else "x" for one in dataclasses.fields(cls)])
    assert everything(through_json(holding([node], Span("f", 1, 1, 1, 1)))) == everything(
        holding([node], Span("f", 1, 1, 1, 1)))


def test_types_are_told_apart_by_more_than_equality() -> None:
    """`1` and `true` are equal in Python and were once one default."""
    types: list[Type] = [Record((Field("x", Bool(), default=one),)) for one in (1, True)]
    back = through_json(holding(list(types), Span("f", 1, 1, 1, 1)))
    assert everything(back.regulation) != everything(back.version)


@pytest.mark.parametrize("data", [
    None, [], {}, {"classes": ["Policy"], "paths": [], "types": [], "policy": [0, 1]}, {"policy": "text"},
    {"classes": ["Nothing"], "paths": [], "types": [], "policy": [0]},
    {"classes": ["Bool"], "paths": [], "types": [], "policy": [0]},
    {"classes": [], "paths": [], "types": [], "policy": [-9]},
    {"classes": [], "paths": [], "types": [], "policy": [-2, "x"]},
    {"classes": [], "paths": [], "types": [], "policy": []},
])
def test_what_was_not_encoded_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="not an encoded policy"):
        decode(data)


def test_a_float_is_no_value_of_a_policy() -> None:
    with pytest.raises(TypeError, match=r"cannot hold 0\.5"):
        encode(holding([0.5], Span("f", 1, 1, 1, 1)))


def test_decoding_sixty_rules_is_quick() -> None:
    """The start of every run: 10 ms is the aim on a quiet machine, and a busy one is given five times that."""
    fact = ir.Fact(("service", "disclosure", "ai_notice"), Text(("a", "b", "c")), None, Span("f", 3, 4, 3, 30))
    test = ir.Apply("in", (fact, ir.ListValue((ir.Constant("a", Text()), ir.Constant("b", Text())), ListOf(Text()))),
                    Bool())
    rule = ir.Rule("name", "title", (ir.Citation(None, "Art. 1"),), "family", "error", (), None, (test,),
                   (ir.Must(ir.And((test, ir.Not(test), test)), False),), (), "Do this.")
    policy = ir.Policy("cn/x", "1", "v", None, test, (), (), (), (rule,) * 60, (), ())
    data = json.loads(json.dumps(encode(policy)))
    times = []
    for _ in range(5):
        start = perf_counter()
        decode(data)
        times.append(perf_counter() - start)
    assert min(times) < 0.05
