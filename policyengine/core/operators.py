"""The strict operators, one row each: what they take and give, and what they compute.

"Strict": missing when an operand is missing; `and`, `or`, `not`, quantifiers and questions about the trace are nodes
of their own. Operands arrive as evaluated values: int or Fraction, str, bool, date, time, Period, int microseconds,
tuples for lists. Every other reading of the core has one rule per row; `tests/project/test_tables.py` holds it to that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Any, Literal

from policyengine.base.calendar import Calendar, add_to_date, last_instant, subtract_from_date
from policyengine.base.instants import OutOfRange, Period
from policyengine.base.record import record

Family = Literal["equality", "order", "item in list", "list has item", "list and list", "text pattern",
                 "sum", "difference", "product", "quotient"]
"""Which operand types an operator takes; `analysis.infer` has the table of types by family."""

LIMIT = 10 ** 18
"""Numbers have at most 18 digits before the point; a larger result is an error, never a wrap."""


class Overflow(ArithmeticError):
    """A result with more than 18 digits before the point."""


TOO_LARGE = (Overflow, OutOfRange)
"""What the evaluator raises at a number or a date past what any engine can hold."""


@record
class Operator:
    """One row. `compute` gets the operands and the calendar of the regulation; None means missing."""

    name: str
    family: Family
    compute: Callable[[Any, Any, Calendar], Any]


def _matches(text: str, pattern: str, calendar: Calendar) -> bool:
    from policyengine.core.patterns import full_match  # RE2 is loaded by policies that use `matches`, not by all

    return full_match(pattern, text)


def _add(left: Any, right: Any, calendar: Calendar) -> Any:
    match left, right:
        case date(), Period():
            return add_to_date(left, right, calendar)
        case Period(), date():
            return add_to_date(right, left, calendar)
        case Period(), Period():
            return Period(left.count + right.count, left.unit)
        case int(), Period():
            # An instant and an elapsed time give the instant so much later; with a legal period, the last instant
            # of its last day, so that `by x + 1 month` and `within 1 month` of x are the same bound.
            return last_instant(left, right, calendar)
        case Period(), int():
            return last_instant(right, left, calendar)
        case _:
            return bounded(left + right)


def _subtract(left: Any, right: Any, calendar: Calendar) -> Any:
    match left, right:
        case date(), date():
            return Period((left - right).days, "day")
        case date(), Period():
            return subtract_from_date(left, right, calendar)
        case Period(), Period():
            return Period(left.count - right.count, left.unit)
        case int(), Period():
            return left - right.count
        case _:
            return bounded(left - right)


def _divide(left: Any, right: Any, calendar: Calendar) -> Any:
    return None if right == 0 else Fraction(left) / Fraction(right)


def bounded(value: Any) -> Any:
    """The number, unless it has more than 18 digits before the point: then Overflow."""
    if abs(value) >= LIMIT:
        raise Overflow
    return value


def _before(value: Any) -> Any:
    return value.count if isinstance(value, Period) else value


OPERATORS: dict[str, Operator] = {row.name: row for row in (
    Operator("=", "equality", lambda a, b, c: a == b),
    Operator("!=", "equality", lambda a, b, c: a != b),
    Operator("<", "order", lambda a, b, c: _before(a) < _before(b)),
    Operator("<=", "order", lambda a, b, c: _before(a) <= _before(b)),
    Operator(">", "order", lambda a, b, c: _before(a) > _before(b)),
    Operator(">=", "order", lambda a, b, c: _before(a) >= _before(b)),
    Operator("in", "item in list", lambda a, b, c: a in b),
    Operator("contains", "list has item", lambda a, b, c: b in a),
    Operator("contains all", "list and list", lambda a, b, c: all(x in a for x in b)),
    Operator("contains none of", "list and list", lambda a, b, c: not any(x in a for x in b)),
    Operator("matches", "text pattern", _matches),
    Operator("+", "sum", _add),
    Operator("-", "difference", _subtract),
    # Instants are integers like other numbers, so that their difference is a row of its own, which gives a period.
    Operator("instant -", "difference", lambda a, b, c: Period(a - b, "microsecond")),
    Operator("*", "product", lambda a, b, c: bounded(a * b)),
    Operator("/", "quotient", _divide),
)}

ORDERINGS = frozenset({"=", "!=", "<", "<=", ">", ">="})
"""The operators a count over uncertain candidates may stand under: they are decided when both ends agree."""
