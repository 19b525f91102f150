"""Well-typed core policies about a small vocabulary, and cases for them, drawn by hypothesis.

`policies()` and `fact_cases()` are what a property of an engine needs. Expressions are drawn by type: `expression(draw,
type, scope, depth)` chooses a form from `FORMS[kind of type]`, and the operators come from `core.operators`, so that
a new row is drawn without a change here. What a trace adds is one more function in `FORMS["Bool"]` or `FORMS["Number"]`
that looks at `scope.trace`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from policyengine.core import ir
from policyengine.core.operators import OPERATORS, Family
from policyengine.core.types import (
    Bool,
    Date,
    Field,
    Instant,
    ListOf,
    Number,
    Period,
    Record,
    Text,
    TimeOfDay,
    Type,
)

Draw = Callable[..., Any]

INTEGER = Number(integer=True)
NUMBER = Number()
HOURS, DAYS, MONTHS = Period("elapsed"), Period("day"), Period("month")
KIND = Text(("text", "image", "video"))

PART = Record((
    Field("kind", KIND, required=True),
    Field("size", INTEGER),
    Field("share", NUMBER, default=Decimal("0.5")),
    Field("enabled", Bool()),
    Field("on", Date()),
    Field("at", Instant()),
    Field("length", HOURS),
    Field("tags", ListOf(Text())),
    Field("label", Record((Field("text", Text()), Field("depth", Record((Field("level", INTEGER),)))))),
    Field("pieces", ListOf(Record((Field("level", NUMBER), Field("enabled", Bool()), Field("on", Date()))))),
))
FACTS = Record((
    Field("flag", Bool()),
    Field("open", Bool(), default=False),
    Field("users", INTEGER),
    Field("limit", INTEGER, default=3),
    Field("rate", NUMBER),
    Field("kind", KIND),
    Field("name", Text()),
    Field("since", Date()),
    Field("until", Date(), default="2026-03-31"),
    Field("at", Instant()),
    Field("length", HOURS),
    Field("term", DAYS),
    Field("months", MONTHS, default="1 month"),
    Field("service", Record((
        Field("notice", Record((Field("kind", KIND), Field("shown", Bool()), Field("users", INTEGER)))),
        Field("regions", ListOf(Text())),
        Field("parts", ListOf(PART)),
    ))),
    Field("parts", ListOf(PART)),
    Field("amounts", ListOf(NUMBER)),
    Field("holidays", ListOf(Date())),
    Field("terms", ListOf(DAYS)),
    Field("kinds", ListOf(KIND), default=["text"]),
))

SINGLE: tuple[Type, ...] = (Bool(), INTEGER, NUMBER, Text(), KIND, Date(), Instant(), TimeOfDay(), HOURS, DAYS, MONTHS)
ORDERED: tuple[Type, ...] = (INTEGER, NUMBER, Date(), Instant(), TimeOfDay(), HOURS, DAYS, MONTHS)
LISTED: tuple[Type, ...] = (Text(), KIND, NUMBER, Date(), DAYS)
PATTERNS = ("a+", "(text|image)", "[a-c]{2,3}", ".*", "名.")


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may name: the vocabulary of facts, parameters, and the variables of the quantifiers around."""

    facts: Record = FACTS
    params: tuple[tuple[str, Type], ...] = ()
    variables: tuple[tuple[str, Type], ...] = ()
    trace: Any = None


# ---- raw values -------------------------------------------------------------------------------------------------

_RAW: dict[str, st.SearchStrategy[Any]] = {
    "Bool": st.booleans(),
    "Text": st.sampled_from(("", "a", "aa", "ab", "text", "名字", "it's \"so\"\n)", "\\")),
    "Date": st.sampled_from(("2026-02-28", "2024-02-29", "2025-03-01", "2026-07-15", "2026-03-31", "2008-07-15",
                             "0001-01-01", "9999-12-31")),
    "Instant": st.sampled_from(("2026-07-15T00:00:00Z", "2026-07-15T08:00:00+08:00", "2026-07-15T00:00:00.000001Z",
                                "2025-12-31T23:59:59+08:00")),
    "TimeOfDay": st.sampled_from(("00:00", "08:00", "22:00", "23:59")),
}
_PERIODS = {
    "elapsed": ("1 hour", "90 minutes", "1.5 hours", "2 hours"),
    "day": ("1 day", "7 days", "1 week", "30 days"),
    "month": ("1 month", "12 months", "1 year"),
    "working_day": ("1 working day", "15 working days"),
}
_INTEGERS = st.one_of(st.integers(-3, 6), st.sampled_from((10**17, 10**18 - 1, -(10**18) + 1)))
_NUMBERS = st.one_of(_INTEGERS, st.sampled_from(tuple(map(Decimal, (
    "0.5", "0.1", "-2.5", "2.0", "3.00", "0.000000001", "999999999999999999.999999999")))))


def raw(type: Type) -> st.SearchStrategy[Any]:
    """Raw values of a type, of which few are different, so that comparisons come out both ways. No record."""
    match type:
        case Text(values) if values is not None:
            return st.sampled_from(values)
        case Number(integer=integer):
            return _INTEGERS if integer else _NUMBERS
        case Period(unit):
            return st.sampled_from(_PERIODS[unit or "day"])
        case ListOf(item):
            return st.lists(record(item) if isinstance(item, Record) else raw(item), max_size=3)
        case _:
            return _RAW[type.__class__.__name__]


@st.composite
def record(draw: Draw, type: Record) -> dict[str, Any]:
    """A mapping that fits a record; what is not required is often absent, and sometimes null."""
    found: dict[str, Any] = {}
    for one in type.fields:
        there = "here" if one.required else draw(st.sampled_from(("here", "here", "here", "here", "absent", "null")))
        if there == "here":
            found[one.name] = draw(record(one.type) if isinstance(one.type, Record) else raw(one.type))
        elif there == "null":
            found[one.name] = None
    return found


# ---- expressions ------------------------------------------------------------------------------------------------

def _paths(type: Record, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Field]]:
    for one in type.fields:
        yield (*before, one.name), one
        if isinstance(one.type, Record):
            yield from _paths(one.type, (*before, one.name))


def readable(scope: Scope, wanted: Callable[[Type], bool]) -> list[ir.Expr]:
    """All facts and fields of elements in reach whose type is wanted."""
    found: list[ir.Expr] = [ir.Fact(path, one.type, one.default)
                            for path, one in _paths(scope.facts) if wanted(one.type)]
    for name, type in scope.variables:
        if wanted(type):
            found.append(ir.Get(name, (), type))
        if isinstance(type, Record):
            found += [ir.Get(name, path, one.type, one.default) for path, one in _paths(type) if wanted(one.type)]
    return found


def _same(wanted: Type) -> Callable[[Type], bool]:
    def fits(type: Type) -> bool:
        if isinstance(wanted, Number) and isinstance(type, Number):
            return type.integer or not wanted.integer
        if isinstance(wanted, Text) and isinstance(type, Text):
            return True
        if isinstance(wanted, ListOf) and isinstance(type, ListOf):
            return _same(wanted.item)(type.item)
        return wanted == type
    return fits


def leaf(draw: Draw, type: Type, scope: Scope, *, constant: bool = True) -> ir.Expr:
    """A fact, a field, a parameter or a constant."""
    choices = readable(scope, _same(type)) + [ir.Parameter(name, own) for name, own in scope.params if _same(type)(own)]
    if isinstance(type, Date):
        choices.append(ir.Today())
    if isinstance(type, TimeOfDay):
        choices.append(ir.LocalTime())
    if constant and not isinstance(type, ListOf) and (not choices or draw(st.integers(0, 3)) == 0):
        return ir.Constant(draw(raw(type)), type)
    of_elements: list[ir.Expr] = [one for one in choices if isinstance(one, ir.Get)]
    if of_elements and draw(st.integers(0, 3)):
        choices = of_elements  # what stands under a quantifier is mostly about its element
    if not choices:
        return _written_list(draw, type, scope, 0)
    return draw(st.sampled_from(choices))  # type: ignore[no-any-return]


def expression(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    """An expression of a type; `depth` bounds how many nodes stand inside one another."""
    forms = FORMS.get(type.__class__.__name__, ())
    if depth <= 0 or not forms or draw(st.integers(0, 3)) == 0:
        return leaf(draw, type, scope)
    return draw(st.sampled_from(forms))(draw, type, scope, depth - 1)  # type: ignore[no-any-return]


def _written_list(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    assert isinstance(type, ListOf)
    count = draw(st.integers(1, 3))
    if draw(st.booleans()):
        return ir.ListValue(tuple(ir.Constant(draw(raw(type.item)), type.item) for _ in range(count)), type)
    return ir.ListValue(tuple(_never_a_count(expression(draw, type.item, scope, depth)) for _ in range(count)), type)


def _never_a_count(expr: ir.Expr) -> ir.Expr:
    # An interval is no value, so a list cannot hold a count.
    return ir.Constant(2, INTEGER) if isinstance(expr, ir.CountElements) else expr


def _signature(draw: Draw, family: Family) -> tuple[Type, Type]:
    """Operand types of a family that gives a condition."""
    if family in ("item in list", "list has item", "list and list"):
        item = draw(st.sampled_from(LISTED))
        left: Type = ListOf(item) if family != "item in list" else item
        right: Type = ListOf(item) if family != "list has item" else item
        return left, right
    if family == "text pattern":
        return Text(), Text()
    one = draw(st.sampled_from(SINGLE if family == "equality" else ORDERED))
    return one, one


_TO_CONDITION: frozenset[Family] = frozenset(
    {"equality", "order", "item in list", "list has item", "list and list", "text pattern"})
_TO_NUMBER: frozenset[Family] = frozenset({"sum", "difference", "product"})
_CONDITIONS = tuple(row for row in OPERATORS.values() if row.family in _TO_CONDITION)
# Rows for one pair of types only, which their families' other types must not meet.
_OF_INSTANTS = tuple(row for row in OPERATORS.values() if row.name.startswith("instant "))
_NUMBERS_OF = tuple(row for row in OPERATORS.values() if row.family in _TO_NUMBER and row not in _OF_INSTANTS)
_QUOTIENTS = tuple(row for row in OPERATORS.values() if row.family == "quotient")
_SUMS = tuple(row for row in OPERATORS.values() if row.family in ("sum", "difference") and row not in _OF_INSTANTS)


def _comparison(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    row = draw(st.sampled_from(_CONDITIONS))
    left, right = _signature(draw, row.family)
    second = (ir.Constant(draw(st.sampled_from(PATTERNS)), Text()) if row.family == "text pattern"
              else expression(draw, right, scope, depth))
    return ir.Apply(row.name, (expression(draw, left, scope, depth), second), Bool())


def _quotient(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    row = draw(st.sampled_from(_QUOTIENTS))
    operands = tuple(expression(draw, NUMBER, scope, depth) for _ in range(2))
    bound = draw(st.sampled_from([row.name for row in OPERATORS.values() if row.family in ("equality", "order")]))
    return ir.Apply(bound, (ir.Apply(row.name, operands, Number(quotient=True)), leaf(draw, NUMBER, scope)), Bool())


def _many(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    parts = tuple(expression(draw, Bool(), scope, depth) for _ in range(draw(st.integers(2, 3))))
    return ir.And(parts) if draw(st.booleans()) else ir.Or(parts)


def _negation(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    return ir.Not(expression(draw, Bool(), scope, depth))


def _presence(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    if draw(st.booleans()):
        return ir.Present(draw(st.sampled_from(readable(scope, lambda type: True))))
    return ir.Present(expression(draw, draw(st.sampled_from(SINGLE)), scope, depth))


def _domain(draw: Draw, scope: Scope) -> tuple[ir.Expr, Type]:
    """A list to look through, and the type of its items: mostly records."""
    records = readable(scope, lambda type: isinstance(type, ListOf) and isinstance(type.item, Record))
    others = readable(scope, lambda type: isinstance(type, ListOf) and not isinstance(type.item, Record))
    if draw(st.integers(0, 4)) == 0:
        item = draw(st.sampled_from(LISTED))
        return _written_list(draw, ListOf(item), scope, 1), item
    domain = draw(st.sampled_from(records * 3 + others))
    return domain, domain.type.item


def _quantified(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    domain, variable, where, inside = _bound(draw, scope, depth)
    return ir.Quantified(draw(st.sampled_from(("every", "some", "no"))), variable, domain, where,
                         expression(draw, Bool(), inside, depth))


def _counted(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    domain, variable, where, _ = _bound(draw, scope, depth)
    return ir.CountElements(variable, domain, where)


def _bound(draw: Draw, scope: Scope, depth: int) -> tuple[ir.Expr, str, ir.Expr | None, Scope]:
    domain, item = _domain(draw, scope)
    variable = f"x{len(scope.variables)}"
    inside = replace(scope, variables=(*scope.variables, (variable, item)))
    # A simple one is right or missing for this element and not for that, which a deep one seldom is.
    asked = draw(st.sampled_from((None, 1, depth)))
    where = None if asked is None else expression(draw, Bool(), inside, asked)
    return domain, variable, where, inside


def _count_compared(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    row = draw(st.sampled_from([row for row in OPERATORS.values() if row.family in ("equality", "order")]))
    operands = [_counted(draw, INTEGER, scope, depth), ir.Constant(draw(st.integers(0, 3)), INTEGER)]
    if draw(st.integers(0, 3)) == 0:
        operands[1] = expression(draw, INTEGER, scope, depth)
    if draw(st.booleans()):
        operands.reverse()
    return ir.Apply(row.name, tuple(operands), Bool())


def _arithmetic(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    row = draw(st.sampled_from(_NUMBERS_OF))
    return ir.Apply(row.name, tuple(expression(draw, type, scope, depth) for _ in range(2)), type)


def _age(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    return ir.CompletedYears(expression(draw, Date(), scope, depth))


def _moved(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    """A date or an instant and a period."""
    row = draw(st.sampled_from(_SUMS))
    units = (DAYS, MONTHS, Period("working_day")) if isinstance(type, Date) else (HOURS,)
    if isinstance(type, Instant) and row.family == "sum":
        units = (HOURS, DAYS, MONTHS)
    operands = expression(draw, type, scope, depth), leaf(draw, draw(st.sampled_from(units)), scope)
    if row.family == "sum" and draw(st.booleans()):
        operands = operands[1], operands[0]
    return ir.Apply(row.name, operands, type)


def _length(draw: Draw, type: Type, scope: Scope, depth: int) -> ir.Expr:
    if type == HOURS and draw(st.booleans()):
        instants = tuple(expression(draw, Instant(), scope, depth) for _ in range(2))
        return ir.Apply(draw(st.sampled_from(_OF_INSTANTS)).name, instants, type)
    row = draw(st.sampled_from(_SUMS))
    between = type == DAYS and row.family == "difference" and draw(st.booleans())
    operand = Date() if between else type
    return ir.Apply(row.name, tuple(expression(draw, operand, scope, depth) for _ in range(2)), type)


FORMS: dict[str, tuple[Callable[[Draw, Any, Scope, int], ir.Expr], ...]] = {
    "Bool": (_comparison, _comparison, _comparison, _quotient, _many, _many, _negation, _presence, _quantified,
             _quantified, _count_compared),
    "Number": (_arithmetic, _counted, _age),
    "Date": (_moved,),
    "Instant": (_moved,),
    "Period": (_length,),
    "ListOf": (_written_list,),
}


# ---- policies and cases -----------------------------------------------------------------------------------------

_PARAMS: tuple[tuple[str, Type, Any], ...] = (
    ("most", INTEGER, 2), ("least_share", NUMBER, Decimal("0.25")), ("soon", DAYS, "7 days"),
    ("cut_off", Date(), "2026-01-01"), ("allowed", ListOf(Text()), ["text", "a"]), ("strict", Bool(), True),
)


@st.composite
def policies(draw: Draw, *, rules: int = 3, depth: int = 4, trace: Any = None) -> ir.Policy:
    """A policy of rules about facts."""
    scope = Scope(params=tuple((name, type) for name, type, _ in _PARAMS), trace=trace)
    params = tuple(ir.Param(name, value, type, True, ()) for name, type, value in _PARAMS)

    def conditions(most: int) -> list[ir.Expr]:
        return [expression(draw, Bool(), scope, depth) for _ in range(draw(st.integers(0, most)))]

    applies = expression(draw, Bool(), scope, 1) if draw(st.booleans()) else None
    made = tuple(
        ir.Rule(f"rule_{n}", "", (), "family", "error", (), None, tuple(conditions(2)),
                tuple(ir.Must(one, False) for one in [expression(draw, Bool(), scope, depth), *conditions(1)]),
                tuple(ir.Unless(one, ()) for one in conditions(2)), "",
                expression(draw, Bool(), scope, 1) if draw(st.integers(0, 5)) == 0 else None)
        for n in range(draw(st.integers(1, rules))))
    return ir.Policy("xx/drawn", "1", "drawn", None, applies, params, (), (), made, (), ())


def fact_cases() -> st.SearchStrategy[dict[str, Any]]:
    """The facts of a service that fit `FACTS`."""
    return record(FACTS)


@st.composite
def parameter_values(draw: Draw) -> Mapping[str, Any]:
    """What an operator may set: values for some of the parameters of `policies()`."""
    return {name: draw(raw(type)) for name, type, _ in _PARAMS if draw(st.integers(0, 3)) == 0}
