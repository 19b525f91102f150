"""Conditions of the core in the words of the language, for the rows of a table: `user.age from 14 to 17`.

In come expressions of the core and raw constants; out comes one line of text for a reader. It is close to what a policy
says, but no source: definitions are put in place, and layout is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, assert_never

from policyengine.core import ir

_MADE_OF_PARTS = (ir.Apply, ir.And, ir.Or, ir.Not, ir.Present, ir.Quantified, ir.CountElements)
_BARE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]+ [a-z ]+")  # dates and periods

def said(expr: ir.Expr, value_of: Callable[[str], Any] | None = None) -> str:
    """An expression on one line; `value_of` gives the (raw) value of a parameter to write in its place."""
    def inside(one: ir.Expr) -> str:
        return said(one, value_of)

    def inner(one: ir.Expr) -> str:
        return f"({inside(one)})" if isinstance(one, _MADE_OF_PARTS) else inside(one)

    def chosen(where: ir.Expr | None) -> str:
        return "" if where is None else f" where ({inside(where)})"

    match expr:
        case ir.Constant():
            return constant(expr.value)
        case ir.ListValue():
            return f"[{', '.join(map(inside, expr.items))}]"
        case ir.Parameter():
            return expr.name if value_of is None else constant(value_of(expr.name))
        case ir.Fact():
            return ".".join(expr.path)
        case ir.Get():
            return ".".join((expr.owner, *expr.path) if expr.owner not in (ir.TRIGGER, ir.CANDIDATE) else expr.path)
        case ir.Today():
            return "today"
        case ir.LocalTime():
            return "local time"
        case ir.CompletedYears():
            return f"completed_years({inside(expr.birth)})"
        case ir.Apply():
            left, right = (inner(one) for one in expr.arguments)
            return f"{left} {expr.operator.removeprefix('instant ')} {right}"
        case ir.CountElements():
            return f"count of {expr.variable} in {inside(expr.domain)}{chosen(expr.where)}"
        case ir.Not():
            return f"{inside(expr.part.operand)} is missing" if isinstance(expr.part, ir.Present) else (
                f"not {inner(expr.part)}")
        case ir.And():
            return " and ".join(map(inner, expr.parts))
        case ir.Or():
            return " or ".join(map(inner, expr.parts))
        case ir.Present():
            return f"{inside(expr.operand)} is present"
        case ir.Quantified():
            return (f"{expr.kind} {expr.variable} in {inside(expr.domain)}{chosen(expr.where)} "
                    f"satisfies ({inside(expr.condition)})")
        case ir.Occurs():
            return f"{expr.pattern.event}{chosen(expr.pattern.where)}"
        case ir.CountEvents():
            return f"count of {expr.pattern.event}{chosen(expr.pattern.where)}"
        case ir.SumEvents():
            return f"sum of {'.'.join((expr.pattern.event, *expr.path))}"
        case ir.Latest():
            return f"latest {'.'.join((expr.pattern.event, *expr.path))}"
        case ir.EpisodeDuration():
            return f"duration of {expr.episode}"
        case ir.InState() | ir.StateValue():
            return expr.state
        case _:
            assert_never(expr)


def constant(raw: Any) -> str:
    """A raw constant as a policy writes it."""
    match raw:
        case bool():
            return "true" if raw else "false"
        case int():
            return f"{raw:_}" if abs(raw) >= 10_000 else str(raw)
        case Decimal():
            return f"{raw:f}"
        case str():
            return raw if _BARE.fullmatch(raw) else f'"{raw}"'
        case list() | tuple():
            return f"[{', '.join(map(constant, raw))}]"
        case _:
            return str(raw)

