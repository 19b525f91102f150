"""Looking at expressions before they are answered: what they read, what they compare, what type they have.

In come expressions of the core and terms; out come parts and plain answers. Tables are not known here.
"""

from __future__ import annotations

from policyengine.core import ir, types
from policyengine.core.walk import nodes
from policyengine.trace.plan.frames import Frame
from policyengine.trace.plan.terms import (
    Term,
    missing,
)

OF_THE_TRACE = (ir.Occurs, ir.CountEvents, ir.SumEvents, ir.EpisodeDuration, ir.Latest, ir.InState, ir.StateValue)
OF_THE_MOMENT = (*OF_THE_TRACE, ir.Today, ir.LocalTime, ir.CompletedYears)


def bound_variables(frame: Frame) -> list[str]:
    """The variables that stand for something of an event."""
    return [name for name, one in frame.variables.items() if isinstance(one, Term)]


def whole_list(term: Term) -> Term:
    """A written list as one value."""
    if term.items is None:
        return term
    value = f"[{', '.join(one.sql for one in term.items)}]"
    lost = " OR ".join(missing(one) for one in term.items if one.nullable)
    return Term(f"(CASE WHEN NOT ({lost}) THEN {value} END)" if lost else value, bool(lost), None, term.tie)


def exact(term: Term) -> Term:
    """A number known only between two ends is no item of a list: missing."""
    if term.high is None:
        return term
    return Term(f"CASE WHEN {term.high} = {term.sql} THEN {term.sql} END", True, None, term.tie)


def asks_trace(expr: ir.Expr) -> bool:
    return any(isinstance(node, OF_THE_TRACE) for node in nodes(expr))


def reads_trigger(expr: ir.Expr) -> bool:
    return any((isinstance(node, ir.Get) and node.owner == ir.TRIGGER)
               or (isinstance(node, ir.InState | ir.StateValue) and node.at == ir.TRIGGER) for node in nodes(expr))


def scale_of(type: types.Type) -> int:
    """How many digits after the point a number that was read may have."""
    return 9 if isinstance(type, types.Number) and not type.integer else 0
