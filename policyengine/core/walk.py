"""Going through a tree of the core or of the syntax: its nodes, their types, what `and` joins, what a rule rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, assert_never

from policyengine.base.record import record
from policyengine.core import ir, types


def nodes(node: Any) -> Iterator[Any]:
    """A node and every node below it, types left out, in the order of their fields."""
    if isinstance(node, tuple):
        for one in node:
            yield from nodes(one)
    elif (names := below(node.__class__)) is not None:
        yield node
        for name in names:
            yield from nodes(getattr(node, name))


@cache
def below(kind: type) -> tuple[str, ...] | None:
    """The fields of nodes of this class in which others stand, types left out; None: it is no class of nodes."""
    return tuple(one.name for one in fields(kind) if one.name not in ("span", "type")) if is_dataclass(kind) else None


def conjuncts(expr: ir.Expr | None) -> Iterator[ir.Expr]:
    """The conditions that `and` joins, however nested; none where there is no condition."""
    if isinstance(expr, ir.And):
        for part in expr.parts:
            yield from conjuncts(part)
    elif expr is not None:
        yield expr


def is_still(expr: ir.Expr) -> bool:
    """Whether a node looks at nothing of its moment: at facts and parameters alone."""
    match expr:
        case ir.Fact() | ir.Parameter() | ir.Constant():
            return True
        case ir.And() | ir.Or():
            return all(map(is_still, expr.parts))
        case ir.Apply():
            return all(map(is_still, expr.arguments))
        case ir.ListValue():
            return all(map(is_still, expr.items))
        case ir.Not():
            return is_still(expr.part)
        case ir.Present():
            return is_still(expr.operand)
        case _:
            return False


def type_of(expr: ir.Expr) -> types.Type:
    """The type of what a node gives."""
    match expr:
        case ir.Today():
            return types.Date()
        case ir.LocalTime():
            return types.TimeOfDay()
        case ir.CompletedYears() | ir.CountElements() | ir.CountEvents():
            return types.Number(integer=True)
        case ir.EpisodeDuration():
            return types.Period("elapsed")
        case (ir.Constant() | ir.ListValue() | ir.Parameter() | ir.Fact() | ir.Get() | ir.Apply() | ir.SumEvents()
              | ir.Latest() | ir.StateValue()):
            return expr.type
        case ir.Not() | ir.And() | ir.Or() | ir.Present() | ir.Quantified() | ir.Occurs() | ir.InState():
            return types.Bool()
        case _:
            assert_never(expr)


@record
class Grounds:
    """What a rule's meaning rests on, by name: declarations in the policy's order, facts as paths, event types, in
    the order met."""

    params: tuple[str, ...]
    states: tuple[str, ...]
    episodes: tuple[str, ...]
    facts: tuple[tuple[str, ...], ...]
    events: tuple[str, ...]


def grounds_of(policy: ir.Policy, rule: ir.Rule, *, scope: bool = True) -> Grounds:
    """What a rule names, and what the states and episodes that it names do; with what it applies to, if `scope`."""
    declared: dict[str, Any] = {one.name: one for one in (*policy.states, *policy.episodes)}
    named: set[str] = set()
    params: set[str] = set()
    facts: dict[tuple[str, ...], None] = {}
    events: dict[str, None] = {}
    waiting: list[Any] = [rule.trigger, rule.when, rule.must, rule.unless, policy.scope_of(rule) if scope else ()]
    while waiting:
        for node in nodes(waiting.pop(0)):
            run = ""
            match node:
                case ir.Parameter():
                    params.add(node.name)
                case ir.Fact():
                    facts.setdefault(node.path)
                case ir.Pattern():
                    events.setdefault(node.event)
                case ir.OnEvent():
                    events.update(dict.fromkeys(node.events))
                case ir.InState() | ir.StateValue():
                    run = node.state
                case ir.OnEvery() | ir.OnWithout() | ir.OnStart():
                    run = node.run
                case ir.During() | ir.EpisodeDuration():
                    run = node.episode
            if run and run not in named:
                named.add(run)
                waiting.append(declared.get(run, ()))
    return Grounds(tuple(one.name for one in policy.params if one.name in params),
                 tuple(one.name for one in policy.states if one.name in named),
                 tuple(one.name for one in policy.episodes if one.name in named), tuple(facts), tuple(events))
