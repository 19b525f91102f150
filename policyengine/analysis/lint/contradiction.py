"""Conditions joined by `and` that no value can meet together.

Why: a `when` that is never true makes a rule that never applies and never says so; a `must` of that kind is never met.

Example: `when service.kind = "companion" and service.kind = "customer_service"`.

Instead: `or`, or `service.kind in ["companion", "customer_service"]`.

Fine: never. (This sees the plain cases, equalities with values that are written out; the prover sees the rest.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from policyengine.analysis.lint.subject import Finding, Subject, conditions, walk
from policyengine.base.instants import parse_period
from policyengine.core import ir
from policyengine.core.types import Period


def check(subject: Subject) -> Iterator[Finding]:
    """Each `and`, and all `when` of a rule with what the policy applies to."""
    if subject.policy is None:
        return
    applies = subject.policy.applies
    for rule in subject.policy.rules:
        together = [part for one in ((applies,) if applies is not None else ()) + rule.when for part in _parts(one)]
        reported = set()
        for found in _clash(together):
            reported.add(found.span)
            yield found
        for node in walk(tuple(conditions(rule))):
            if isinstance(node, ir.And):
                yield from (found for found in _clash(node.parts) if found.span not in reported)


def _parts(expr: ir.Expr) -> tuple[ir.Expr, ...]:
    return expr.parts if isinstance(expr, ir.And) else (expr,)


def _clash(parts: Sequence[ir.Expr]) -> Iterator[Finding]:
    """Narrow what each operand can be, part by part, and report the part that leaves nothing."""
    left: list[tuple[ir.Expr, set[Any], ir.Expr]] = []
    for part in parts:
        one = _allowed(part)
        if one is None:
            continue
        operand, values = one
        place = next((place for place, (other, _, _) in enumerate(left) if other == operand), None)
        if place is None:
            left.append((operand, values, part))
            continue
        _, before, first = left[place]
        if before & values:
            left[place] = (operand, before & values, part)
        elif before:
            yield Finding("these conditions are never true together", part.span, "cannot hold as well",
                          (("this must hold too", first.span),), "write `or`, or list the values with `in`")
            left[place] = (operand, set(), part)
    denied = [part for part in parts if isinstance(part, ir.Not)]
    for part in denied:
        for other in parts:
            if other == part.part:
                yield Finding("these conditions are never true together", part.span, "cannot hold as well",
                              (("this must hold too", other.span),))
    for part in parts:
        if not (isinstance(part, ir.Apply) and part.operator == "!="):
            continue
        for operand, values, other in left:
            if part.arguments[0] == operand and isinstance(part.arguments[1], ir.Constant) \
                    and values == {_comparable(part.arguments[1])}:
                yield Finding("these conditions are never true together", part.span, "cannot hold as well",
                              (("this must hold too", other.span),))


def _allowed(part: ir.Expr) -> tuple[ir.Expr, set[Any]] | None:
    """What an operand can be when the part is true: `x = "a"`, `x in ["a", "b"]`."""
    if not isinstance(part, ir.Apply) or part.operator not in ("=", "in"):
        return None
    operand, other = part.arguments
    if isinstance(operand, ir.Constant) and part.operator == "=":
        operand, other = other, operand
    if isinstance(operand, ir.Constant):
        return None
    match other:
        case ir.Constant():
            return operand, {_comparable(other)}
        case ir.ListValue() if all(isinstance(item, ir.Constant) for item in other.items):
            return operand, {_comparable(item) for item in other.items if isinstance(item, ir.Constant)}
        case _:
            return None


def _comparable(constant: ir.Constant) -> Any:
    """Equal for equal values: `1 year` and `12 months` are one period."""
    return parse_period(constant.value) if isinstance(constant.type, Period) else constant.value
