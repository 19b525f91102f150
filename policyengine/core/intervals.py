"""Numbers known only between two ends: how they compare, and what comes of reckoning with them.

In come ends and an operator; out come true, false, or None for what is not decided, and other ends. Where such numbers
come from, counts over uncertain candidates, is not known here.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from policyengine.base.record import record
from policyengine.core.operators import bounded


@record
class Bounds:
    """A number that is known only between two ends; None is open. Comes of counts, and of sums made of counts."""

    low: Any
    high: Any


def ends_of(value: Any) -> tuple[Any, Any]:
    return (value.low, value.high) if isinstance(value, Bounds) else (value, value)


def between(operator: str, left: tuple[Any, Any], right: tuple[Any, Any]) -> bool | None:
    """A comparison of two intervals, when every pair of values in them agrees; None otherwise."""
    def under(a: Any, b: Any) -> bool:  # every a in the first is smaller than every b in the second
        return a is not None and b is not None and a < b

    def at_most(a: Any, b: Any) -> bool:
        return a is not None and b is not None and a <= b

    match operator:
        case "<":
            return True if under(left[1], right[0]) else False if at_most(right[1], left[0]) else None
        case "<=":
            return True if at_most(left[1], right[0]) else False if under(right[1], left[0]) else None
        case ">":
            return between("<", right, left)
        case ">=":
            return between("<=", right, left)
        case "=":
            apart = under(left[1], right[0]) or under(right[1], left[0])
            same = None not in (*left, *right) and left[0] == left[1] == right[0] == right[1]
            return False if apart else True if same else None
        case _:
            equal = between("=", left, right)
            return None if equal is None else not equal


def computed_between(operator: str, left: tuple[Any, Any], right: tuple[Any, Any]) -> Bounds | None:
    """Arithmetic on intervals: the ends of the result, or None where nothing is known of it.

    Each operator goes one way in each operand (a quotient where the divisor keeps its sign), so that the ends come of
    the ends. Two counts of the same events are taken as if they had nothing to do with each other, which may leave a
    comparison undecided and never decides it wrongly.
    """
    if operator == "-":
        return computed_between("+", left, (None if right[1] is None else -right[1],
                                             None if right[0] is None else -right[0]))
    if operator == "+":
        return Bounds(*(None if a is None or b is None else bounded(a + b)
                         for a, b in zip(left, right, strict=True)))
    open_ended = None in (*left, *right)
    if operator not in ("*", "/") or open_ended or (operator == "/" and right[0] <= 0 <= right[1]):
        return None
    corners = [a * b if operator == "*" else Fraction(a) / Fraction(b) for a in left for b in right]
    return Bounds(bounded(min(corners)), bounded(max(corners)))
