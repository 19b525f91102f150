"""Which rules a compiled function judges, and what it must know of their expressions before it is written.

In comes a policy; out come answers about its rules and expressions. How the source is written is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields

from policyengine.core import ir
from policyengine.core.operators import ORDERINGS


def covers(policy: ir.Policy, rule: ir.Rule) -> bool:
    """True when the compiled function judges the rule: it has no trigger and asks nothing of a trace."""
    return rule.trigger is None and all(
        _plain(one, frozenset(), 0) and _depth(one) <= _LEVELS for one in conditions_of(policy, rule))


def conditions_of(policy: ir.Policy, rule: ir.Rule) -> list[ir.Expr]:
    """The conditions that a rule about facts asks, that of its scope first."""
    scope = policy.scope_of(rule)
    return [*([] if scope is None else [scope]), *rule.when,
            *(one.condition for one in rule.unless), *(one.condition for one in rule.must)]


_ON_A_TRACE = (ir.Occurs, ir.CountEvents, ir.SumEvents, ir.EpisodeDuration, ir.Latest, ir.InState, ir.StateValue)

# Python allows 20 loops inside one another and 100 levels of indentation. A loop takes two levels here, what contains
# one takes one, and the rule around it three.
_LOOPS = 16
_LEVELS = 75


def _plain(expr: ir.Expr, variables: frozenset[str], loops: int) -> bool:
    if isinstance(expr, _ON_A_TRACE) or loops > _LOOPS:
        return False
    match expr:
        case ir.Get():
            return expr.owner in variables
        case ir.ListValue():
            # A count in a written list may be an interval, and no list of values can hold one.
            return all(_plain(item, variables, loops) and not isinstance(item, ir.CountElements) for item in expr.items)
        case ir.Apply() if expr.operator not in ORDERINGS and any(any_part(one, _uncertain) for one in expr.arguments):
            return False  # arithmetic on intervals is left to the evaluator
        case ir.Quantified() | ir.CountElements():
            inside = [expr.where] if expr.where is not None else []
            if isinstance(expr, ir.Quantified):
                inside.append(expr.condition)
            return _plain(expr.domain, variables, loops) and all(
                _plain(part, variables | {expr.variable}, loops + 1) for part in inside)
        case _:
            return all(_plain(part, variables, loops) for part in parts_of(expr))


def _uncertain(expr: ir.Expr) -> bool:
    """A count that may be an interval."""
    return isinstance(expr, ir.CountElements) and expr.where is not None


def parts_of(expr: ir.Expr) -> Iterator[ir.Expr]:
    """The expressions directly inside one."""
    for one in fields(expr):
        value = getattr(expr, one.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, ir.Expr):
                yield part


def _depth(expr: ir.Expr) -> int:
    return 1 + max((_depth(part) for part in parts_of(expr)), default=0)


def any_part(expr: ir.Expr | None, test: Callable[[ir.Expr], bool]) -> bool:
    """Whether the test is true of an expression or of any inside it."""
    return expr is not None and (test(expr) or any(any_part(part, test) for part in parts_of(expr)))


def all_parts(expr: ir.Expr) -> Iterator[ir.Expr]:
    """An expression and all that are inside it."""
    yield expr
    for part in parts_of(expr):
        yield from all_parts(part)
