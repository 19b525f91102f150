"""A condition that is the same whatever the case is.

Why: it decides nothing, so the rule says less, or more, than it seems to. `x is present` is one where the vocabulary
gives `x` a default.

Example: `when service.kind = service.kind`, `must 3 < 5`, `unless service.flag is missing` where `flag` has a default.

Instead: the condition that was meant, or none.

Fine: in a draft, `when false` switches a rule off; suppress it with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyengine.analysis.lint.subject import Finding, Subject, conditions, walk
from policyengine.core import ir
from policyengine.core.types import Bool


def check(subject: Subject) -> Iterator[Finding]:
    """Constants and comparisons of constants where a condition stands."""
    if subject.policy is None:
        return
    applies = () if subject.policy.applies is None else (subject.policy.applies,)
    for condition in (*applies, *(one for rule in subject.policy.rules for one in conditions(rule))):
        compared = {id(argument) for node in walk(condition) if isinstance(node, ir.Apply | ir.InState | ir.StateValue)
                    for argument in walk(node) if argument is not node}
        for node in walk(condition):
            if isinstance(node, ir.Constant) and node.type == Bool() and id(node) not in compared:
                yield _finding(node, f"this condition is always {'true' if node.value else 'false'}")
            elif isinstance(node, ir.Apply) and isinstance(node.type, Bool):
                yield from _comparison(node)
            elif isinstance(node, ir.Present):
                yield from _present(node)


def _comparison(node: ir.Apply) -> Iterator[Finding]:
    if all(_constant(argument) for argument in node.arguments):
        yield _finding(node, "both sides are written out, so the comparison never changes")
    elif node.arguments[0] == node.arguments[1]:
        yield _finding(node, "both sides are the same")


def _constant(expr: ir.Expr) -> bool:
    return isinstance(expr, ir.Constant) or (isinstance(expr, ir.ListValue) and all(map(_constant, expr.items)))


def _present(node: ir.Present) -> Iterator[Finding]:
    operand = node.operand
    if isinstance(operand, ir.Fact | ir.Get) and operand.default is not None:
        yield _finding(node, f"`{operand.path[-1]}` has a default in the vocabulary, so it is always present")
    elif isinstance(operand, ir.Constant | ir.Parameter | ir.Today | ir.LocalTime | ir.CountEvents):
        yield _finding(node, "this is always present")


def _finding(node: ir.Expr, message: str) -> Finding:
    return Finding(message, node.span, "decides nothing", help="write the condition that was meant, or leave it out")
