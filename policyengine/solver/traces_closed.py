"""A rule with all its meaning in one place, so that parts of two versions can be compared by what they ask.

In comes a side; out come the same side with the values of its parameters written in, and for every expression a key:
two expressions with one key have one answer in every case, whatever their parameters, states and episodes are called
and in whatever order their parts stand. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from policyengine.core import ir, types
from policyengine.core.standing import typed
from policyengine.core.walk import grounds_of
from policyengine.solver.model import Side

Key = Hashable
Change = Callable[[Any], Any]


def rebuilt(node: Any, change: Change) -> Any:
    """A tree of the core with `change` applied to every node, the innermost first."""
    if isinstance(node, tuple):
        return tuple(rebuilt(one, change) for one in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    own: dict[str, Any] = {}
    for one in fields(node):
        before = getattr(node, one.name)
        if one.name not in ("span", "type") and (isinstance(before, tuple) or is_dataclass(before)):
            after = rebuilt(before, change)
            if after is not before:
                own[one.name] = after
    return change(replace(node, **own) if own else node)


def closed(side: Side) -> Side:
    """The side with every parameter put in as a constant: its rule, its scope, and the states and episodes it names."""
    kinds = {one.name: one.type for one in side.policy.params}

    def put_in(node: Any) -> Any:
        if isinstance(node, ir.Parameter):
            return ir.Constant(side.parameter(node.name), kinds.get(node.name, node.type))
        return node

    policy = side.policy
    rule = rebuilt(side.rule, put_in)
    applies = rebuilt(policy.applies, put_in) if policy.applies is not None else None
    named = grounds_of(policy, side.rule)
    states = tuple(rebuilt(one, put_in) for one in policy.states if one.name in named.states)
    episodes = tuple(rebuilt(one, put_in) for one in policy.episodes if one.name in named.episodes)
    return replace(side, rule=rule, policy=replace(policy, applies=applies, states=states, episodes=episodes,
                                                   rules=(rule,)))


class Keys:
    """The keys of one closed side. `calendar` is put into the key of all that the calendar decides: nothing where both
    sides count by one calendar, else something that tells them apart."""

    def __init__(self, side: Side, calendar: Key = None) -> None:
        self.side = side
        self.calendar = calendar
        self.declared: dict[str, Any] = {one.name: one for one in (*side.policy.states, *side.policy.episodes)}
        self._known: dict[int, tuple[Any, Key]] = {}

    def of(self, node: Any) -> Key:
        """The key of an expression, a pattern, a range or a trigger."""
        kept = self._known.get(id(node))
        if kept is None:
            # The node is kept with its key, so that no other takes its place in memory.
            kept = self._known[id(node)] = (node, self._key(node, {}))
        return kept[1]

    def run(self, name: str) -> Key:
        """The key of a state or episode, by its declaration."""
        return self.of(self.declared[name])

    def rule(self) -> Key:
        """The key of the whole rule: what decides its verdicts and which moments it has."""
        rule = self.side.rule
        scope = self.side.policy.scope_of(rule)
        return (frozenset(rule.keys), self.of(rule.trigger),
                self._conjunction([*rule.when, *([scope] if scope else [])]),
                self._conjunction([one.condition for one in rule.must]),
                frozenset(self.of(one.condition) for one in rule.unless))

    def _conjunction(self, parts: Iterable[ir.Expr]) -> Key:
        return self.of(ir.And(tuple(parts)))

    def _key(self, node: Any, bound: dict[str, int]) -> Key:
        match node:
            case ir.Constant():
                return ("=", type(node.type).__name__, self._dated(node.type), typed(node.value, node.type))
            case ir.And() | ir.Or():
                parts = frozenset(self._parts(node, type(node), bound))
                return next(iter(parts)) if len(parts) == 1 else (type(node).__name__, parts)
            case ir.Not(part=ir.Not(part=inner)):
                return self._key(inner, bound)
            case ir.Apply(operator=operator, arguments=(left, ir.ListValue(items=items))) if operator in (
                    "in", "contains all", "contains none of"):
                return ("apply", operator, self._key(left, bound), frozenset(self._key(one, bound) for one in items))
            case ir.Today() | ir.LocalTime():
                return (type(node).__name__, self.calendar)
            case ir.CompletedYears():
                return ("years", self.calendar, self._key(node.birth, bound))
            case ir.Fact():
                return ("fact", node.path, repr(node.default), self._dated(node.type))
            case ir.Get():
                return ("get", bound.get(node.owner, node.owner), node.path, repr(node.default), self._dated(node.type))
            case ir.Quantified() | ir.CountElements():
                inside = {**bound, node.variable: len(bound)}
                answer = self._key(node.condition, inside) if isinstance(node, ir.Quantified) else None
                kind = node.kind if isinstance(node, ir.Quantified) else "count"
                return (kind, self._key(node.domain, bound), self._key(node.where, inside), answer)
            case ir.InState() | ir.StateValue():
                return (type(node).__name__, self.run(node.state), node.at,
                        tuple((name, self._key(one, bound)) for name, one in node.keys))
            case ir.During() | ir.EpisodeDuration():
                more = self._key(node.range, bound) if isinstance(node, ir.EpisodeDuration) else None
                return (type(node).__name__, self.run(node.episode), more)
            case ir.This():
                return ("this", node.unit, self.calendar)
            case ir.OnEvery() | ir.OnWithout() | ir.OnStart():
                rest = tuple(self._key(getattr(node, one.name), bound) for one in fields(node)
                             if one.name not in ("run", "span"))
                return (type(node).__name__, self.run(node.run), rest)
            case ir.OnEvent():
                return ("on", frozenset(node.events), node.first, self._key(node.where, bound))
            case ir.Pattern():
                return ("pattern", node.event, frozenset(node.keys), self._key(node.where, bound))
            case ir.BooleanState():
                return ("state", frozenset(node.keys), frozenset(self._key(one, bound) for one in node.starts),
                        frozenset(self._key(one, bound) for one in node.ends), self._key(node.lasting, bound))
            case ir.ValuedState():
                return ("value", frozenset(node.keys), tuple(
                    tuple((self._key(one.pattern, bound), one.path, repr(one.default)) for one in tier)
                    for tier in node.tiers))
            case ir.Episode():
                return ("episode", frozenset(node.keys), frozenset(self._key(one, bound) for one in node.events),
                        self._key(node.gap, bound), frozenset(self._key(one, bound) for one in node.ends))
            case tuple():
                return tuple(self._key(one, bound) for one in node)
            case _ if is_dataclass(node) and not isinstance(node, type):
                return (type(node).__name__, *(self._key(getattr(node, one.name), bound) for one in fields(node)
                                               if one.name not in ("span", "type")))
            case _:
                return (type(node).__name__, node)

    def _parts(self, node: ir.And | ir.Or, kind: type, bound: dict[str, int]) -> list[Key]:
        found: list[Key] = []
        for part in node.parts:
            if isinstance(part, ir.And | ir.Or) and isinstance(part, kind):
                found += self._parts(part, kind, bound)
            else:
                found.append(self._key(part, bound))
        return found

    def _dated(self, type: types.Type) -> Key:
        """The calendar, for a period that it counts."""
        return self.calendar if isinstance(type, types.Period) and type.unit != "elapsed" else None
