"""Comparing values and reckoning with numbers, as terms, also where only the ends of a number are known.

The same meaning as `core.operators` and `core.intervals`. A product or a quotient of two values that are not fixed is
not analysable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import z3

from policyengine.solver.model import NotAnalysable
from policyengine.solver.values import (
    NO,
    YES,
    Ratio,
    Value,
    conj,
    disj,
    earlier,
    either,
    neg,
    same_day,
)


def equal(left: Value, right: Value) -> Any:
    if left.constant and right.constant:
        return YES if left.known == right.known else NO
    return compared("=", left, right)[0]


def compared(operator: str, left: Value, right: Value) -> tuple[Any, Any]:
    """Where a comparison of two values that are there holds, and where it fails; neither where only the ends of a
    number are known and they disagree."""
    if left.day is not None and right.day is not None:
        return _days_compared(operator, left.day, right.day)
    if not left.uncertain and not right.uncertain:
        test = _ORDERS[operator](left.term, right.term)
        return test, neg(test)
    lows, highs = left.least(), left.greatest()
    others_low, others_high = right.least(), right.greatest()
    match operator:
        case "<":
            return _all_below(highs, others_low, strictly=True), _all_below(others_high, lows, strictly=False)
        case "<=":
            return _all_below(highs, others_low, strictly=False), _all_below(others_high, lows, strictly=True)
        case ">" | ">=":
            return compared("<" if operator == ">" else "<=", right, left)
        case _:
            apart = disj((_all_below(highs, others_low, strictly=True), _all_below(others_high, lows, strictly=True)))
            same = conj((_all_below(highs, others_low, strictly=False), _all_below(others_high, lows, strictly=False)))
            return (same, apart) if operator == "=" else (apart, same)


def _days_compared(operator: str, left: tuple[Any, Any, Any], right: tuple[Any, Any, Any]) -> tuple[Any, Any]:
    match operator:
        case "<" | "<=":
            test = earlier(left, right, strictly=operator == "<")
        case ">" | ">=":
            test = earlier(right, left, strictly=operator == ">")
        case _:
            test = same_day(left, right)
    return (neg(test), test) if operator == "!=" else (test, neg(test))


_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}


def _all_below(left: Sequence[Ratio], right: Sequence[Ratio], *, strictly: bool) -> Any:
    return conj(_below(a, b, strictly) for a in left for b in right)


def _below(a: Ratio, b: Ratio, strictly: bool) -> Any:
    """a < b, or a <= b, of quotients whose divisors are not 0."""
    if a.below is None and b.below is None:
        return a.above < b.above if strictly else a.above <= b.above
    if a.below is not None and b.below is not None:
        raise NotAnalysable("two quotients are compared with each other")
    quotient, other = (a, b) if a.below is not None else (b, a)
    times = _times(quotient.below, other.above)
    left, right = (quotient.above, times) if quotient is a else (times, quotient.above)
    up = left < right if strictly else left <= right
    down = left > right if strictly else left >= right
    return disj((conj((quotient.below > 0, up)), conj((quotient.below < 0, down))))


def _literal(term: Any) -> bool:
    return bool(z3.is_int_value(term) or z3.is_rational_value(term))


def _times(left: Any, right: Any) -> Any:
    if not _literal(left) and not _literal(right):
        raise NotAnalysable("two values that are not fixed are multiplied, or one is divided by another and compared "
                            "with a third")
    return left * right


def _ends(value: Value) -> tuple[Any, Any]:
    if value.lows:
        raise NotAnalysable("a quotient is computed with")
    return value.term, value.term if value.high is None else value.high


def added(operator: str, left: Value, right: Value, there: Any) -> Value:
    (low, high), (other_low, other_high) = _ends(left), _ends(right)
    if operator == "-":
        other_low, other_high = -other_high, -other_low
    exact = left.high is None and right.high is None
    return Value(there, low + other_low, high=None if exact else high + other_high)


def multiplied(left: Value, right: Value, there: Any) -> Value:
    (low, high), (other_low, other_high) = _ends(left), _ends(right)
    if left.high is None and right.high is None:
        return Value(there, _times(low, other_low))
    corners = [_times(a, b) for a in (low, high) for b in (other_low, other_high)]
    least = greatest = corners[0]
    for one in corners[1:]:
        least, greatest = either(one < least, one, least), either(one > greatest, one, greatest)
    return Value(there, least, high=greatest)


def divided(left: Value, right: Value, there: Any) -> Value:
    """Missing where the divisor is, or may be, 0."""
    (low, high), (other_low, other_high) = _ends(left), _ends(right)
    nonzero = (right.term != 0 if right.high is None
               else z3.Or(z3.And(other_low > 0, other_high > 0), z3.And(other_low < 0, other_high < 0)))
    above = (low,) if left.high is None else (low, high)
    below = (other_low,) if right.high is None else (other_low, other_high)
    corners = tuple(Ratio(a, b) for a in above for b in below)
    return Value(conj((there, nonzero)), None, lows=corners, highs=corners)
