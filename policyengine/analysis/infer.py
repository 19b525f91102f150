"""Which types an operator takes and which it gives: one function a family of `core.operators`.

Types in, a type or the fault out. No names, spans or policies are known here. `Unknown` agrees with everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policyengine.core.operators import Family
from policyengine.core.types import (
    Bool,
    Date,
    Instant,
    ListOf,
    Number,
    Period,
    Record,
    Text,
    TimeOfDay,
    Type,
    Unknown,
    describe,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why two operands do not go together; `name` is the diagnostic's."""

    message: str
    help: str = ""
    name: str = "type-mismatch"


def infer(family: Family, operator: str, left: Type, right: Type) -> Type | Fault:
    """What the operator gives for operands of these types."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return _WHEN_UNKNOWN[family]
    return _FAMILIES[family](operator, left, right)


def merge(left: Type, right: Type) -> Type | None:
    """The one type that has the values of both, or None when they are of different kinds."""
    match left, right:
        case (Unknown(), _):
            return right
        case (_, Unknown()):
            return left
        case Text(), Text():
            if left.values is None or right.values is None:
                return Text()
            return Text(tuple(dict.fromkeys(left.values + right.values)))
        case Number(), Number():
            return Number(left.integer and right.integer, left.quotient or right.quotient)
        case Period(), Period():
            return left if left.unit == right.unit else None
        case ListOf(), ListOf():
            item = merge(left.item, right.item)
            return None if item is None else ListOf(item)
        case _:
            return left if left == right else None


def compare(operator: str, left: Type, right: Type) -> Type | Fault:
    """`=` and `!=`: within one type that has single values."""
    if isinstance(left, ListOf) or isinstance(right, ListOf):
        return Fault(f"`{operator}` cannot compare a list", "write `contains`, `contains all` or `in`")
    if isinstance(left, Record) or isinstance(right, Record):
        return Fault(f"`{operator}` cannot compare a record", "compare one of its fields")
    if isinstance(left, Period) and isinstance(right, Period):
        return _periods(left, right) or Bool()
    if merge(left, right) is None:
        return Fault(f"cannot compare {describe(left)} with {describe(right)}", _advice(left, right))
    return Bool()


def _order(operator: str, left: Type, right: Type) -> Type | Fault:
    for one in (left, right):
        if isinstance(one, Text | Bool) and left.__class__ is right.__class__:
            what = "text" if isinstance(one, Text) else "true and false"
            return Fault(f"`{operator}` cannot order {what}", "compare with `=`, or list the values with `in`")
    return compare(operator, left, right)


def _periods(left: Period, right: Period) -> Fault | None:
    if left.unit is None or right.unit is None:
        return Fault("cannot compare a period whose unit only the data knows",
                     "declare its `x-unit` in the vocabulary", "unit-mismatch")
    if left.unit != right.unit:
        return Fault(f"cannot compare a {describe(left)} with a {describe(right)}: which is longer depends on the day "
                     "they start", "write both in one unit", "unit-mismatch")
    return None


def _advice(left: Type, right: Type) -> str:
    kinds = {left.__class__, right.__class__}
    if kinds == {Date, Instant}:
        return "take both as dates, or both as instants; `today` is the date of the moment"
    if kinds == {Date, Period}:
        return "subtract two dates to get a period, such as `today - x <= 30 days`"
    if kinds == {Number, Period}:
        return "write the number with a unit, such as `30 days`"
    return ""


def _item_in_list(operator: str, left: Type, right: Type) -> Type | Fault:
    if not isinstance(right, ListOf):
        help = "write `=` to compare with one value" if merge(left, right) is not None else ""
        return Fault(f"`in` needs a list after it, found {describe(right)}", help)
    return _element(left, right)


def _list_has_item(operator: str, left: Type, right: Type) -> Type | Fault:
    if not isinstance(left, ListOf):
        help = "write `=` for the whole text, or `matches` for a part of it" if isinstance(left, Text) else ""
        return Fault(f"`contains` needs a list before it, found {describe(left)}", help)
    if isinstance(right, ListOf):
        return Fault("`contains` needs one value after it, found a list", "write `contains all` or `contains none of`")
    return _element(right, left)


def _element(item: Type, items: ListOf) -> Type | Fault:
    if isinstance(items.item, Unknown):
        return Bool()
    if isinstance(item, Record | ListOf) or isinstance(items.item, Record | ListOf):
        return Fault("only single values can be looked for in a list", "write `some x in … satisfies (…)`")
    if isinstance(item, Number) and item.quotient:
        return QUOTIENT
    if isinstance(item, Period) and isinstance(items.item, Period):
        return _periods(item, items.item) or Bool()
    if merge(item, items.item) is None:
        return Fault(f"cannot look for {describe(item)} in a {describe(items)}")
    return Bool()


def _list_and_list(operator: str, left: Type, right: Type) -> Type | Fault:
    for side, one in (("before", left), ("after", right)):
        if not isinstance(one, ListOf):
            return Fault(f"`{operator}` needs a list {side} it, found {describe(one)}",
                         "write `contains` to look for one value" if side == "after" else "")
    assert isinstance(left, ListOf) and isinstance(right, ListOf)
    return _element(right.item, left)


def _text_pattern(operator: str, left: Type, right: Type) -> Type | Fault:
    if not isinstance(left, Text):
        return Fault(f"`matches` needs text before it, found {describe(left)}")
    return Bool() if isinstance(right, Text) else Fault(f"`matches` needs a pattern after it, found {describe(right)}")


QUOTIENT = Fault("a quotient may only be compared",
                 "compare it, such as `a / b >= 0.9`; multiply out for anything else", "quotient")


def _sum(operator: str, left: Type, right: Type) -> Type | Fault:
    match left, right:
        case Number(), Number():
            return _number(left, right)
        case (Date(), Period() as period) | (Period() as period, Date()):
            return _date_and_period(operator, period)
        case (Instant(), Period()) | (Period(), Instant()):
            return Instant()
        case Period(), Period():
            return _one_unit(left, right)
        case _:
            return Fault(f"cannot add {describe(left)} and {describe(right)}", _unit_lacking(left, right))


def _difference(operator: str, left: Type, right: Type) -> Type | Fault:
    match left, right:
        case Number(), Number():
            return _number(left, right)
        case Date(), Date():
            return Period("day")
        case Date(), Period():
            return _date_and_period(operator, right)
        case Instant(), Instant():
            return Period("elapsed")
        case Instant(), Period():
            if right.unit == "elapsed":
                return Instant()
            return Fault(f"cannot subtract a {describe(right)} from an instant",
                         "only hours and shorter can be counted back from an instant")
        case Period(), Period():
            return _one_unit(left, right)
        case _:
            return Fault(f"cannot subtract {describe(right)} from {describe(left)}", _unit_lacking(left, right))


def _unit_lacking(left: Type, right: Type) -> str:
    return ("write the number with a unit, such as `30 days`"
            if isinstance(left, Date | Instant | Period) and isinstance(right, Number) else "")


def _date_and_period(operator: str, period: Period) -> Type | Fault:
    way = "added to" if operator == "+" else "subtracted from"
    if period.unit == "elapsed":
        return Fault(f"a duration in hours cannot be {way} a date", "write it in days")
    if period.unit is None:
        return Fault(f"a period whose unit only the data knows cannot be {way} a date",
                     "declare its `x-unit` in the vocabulary", "unit-mismatch")
    return Date()


def _one_unit(left: Period, right: Period) -> Type | Fault:
    if left.unit is None or right.unit is None:
        return Fault("cannot reckon with a period whose unit only the data knows",
                     "declare its `x-unit` in the vocabulary", "unit-mismatch")
    if left.unit != right.unit:
        return Fault(f"cannot reckon with a {describe(left)} and a {describe(right)}", "write both in one unit",
                     "unit-mismatch")
    return left


def _number(left: Number, right: Number) -> Type | Fault:
    if left.quotient or right.quotient:
        return QUOTIENT
    return Number(integer=left.integer and right.integer)


def _product(operator: str, left: Type, right: Type) -> Type | Fault:
    if isinstance(left, Number) and isinstance(right, Number):
        return _number(left, right)
    return Fault(f"cannot multiply {describe(left)} by {describe(right)}", "`*` takes numbers")


def _quotient(operator: str, left: Type, right: Type) -> Type | Fault:
    if not (isinstance(left, Number) and isinstance(right, Number)):
        return Fault(f"cannot divide {describe(left)} by {describe(right)}", "`/` takes numbers")
    result = _number(left, right)
    return Number(quotient=True) if isinstance(result, Number) else result


_FAMILIES: dict[Family, Callable[[str, Type, Type], Type | Fault]] = {
    "equality": compare,
    "order": _order,
    "item in list": _item_in_list,
    "list has item": _list_has_item,
    "list and list": _list_and_list,
    "text pattern": _text_pattern,
    "sum": _sum,
    "difference": _difference,
    "product": _product,
    "quotient": _quotient,
}

_WHEN_UNKNOWN: dict[Family, Type] = {
    "equality": Bool(), "order": Bool(), "item in list": Bool(), "list has item": Bool(), "list and list": Bool(),
    "text pattern": Bool(), "sum": Unknown(), "difference": Unknown(), "product": Unknown(), "quotient": Unknown(),
}

ORDERED = (Number, Date, Instant, TimeOfDay, Period)
"""The kinds of value that have an order."""
