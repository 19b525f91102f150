"""Which columns of which event types a policy's rules read, and how each is held in a table of events.

In come a core policy and the rules asked for; out come names and types of columns. Every relational engine reads the
same table; where its rows come from and what is asked of it is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from operator import is_
from typing import Any, assert_never

from policyengine.base.record import record
from policyengine.base.source import Span
from policyengine.core import ir, types
from policyengine.core.walk import below

ORDER_COLUMNS = {"type": "SMALLINT", "t": "BIGINT", "pos": "BIGINT", "instant": "BIGINT", "file": "INTEGER",
                 "row": "BIGINT"}
"""The columns every table of events has: the place of the type in the vocabulary; the time in UTC microseconds; the
place in the language's order (`pos`, distinct, rising with time, sequence, place of the type, id or content); a number
that events of one time and sequence share, and no others (`instant`: only the place of their type, their id or what
they say puts such in order), which rises within a time; and where the row was read. The view `events_shared` has the
instants that several events share."""


NO_TYPES: Mapping[str, types.Type] = {}


class Unsupported(Exception):
    """A construct that no table of events can answer; the text says which."""


@record
class Column:
    """A field as a column. `said`: whether the row says anything about it, if only that it is null, must be known."""

    path: tuple[str, ...]
    type: types.Type
    said: bool = False

    @property
    def name(self) -> str:
        """The column's name: the path and its type, since two event types may differ in it; no column that a plan or an
        engine adds has such a name."""
        return f"{'.'.join(self.path)}:{type_tag(self.type)}"

    @property
    def said_name(self) -> str:
        """The name of the boolean column beside it."""
        return ".".join(self.path) + ":said"


def type_tag(type: types.Type) -> str:
    """The word for how values of a type are held; equal for types held alike."""
    match type:
        case types.Bool():
            return "bool"
        case types.Number():
            return "integer" if type.integer else "number"
        case types.Text():
            return "text"
        case types.Date():
            return "date"
        case types.Instant():
            return "instant"
        case types.TimeOfDay():
            return "clock"
        case types.Period():
            return type.unit or "period"
        case types.ListOf():
            return f"list of {type_tag(type.item)}"
        case types.Record() | types.Unknown():
            raise Unsupported(f"a {types.describe(type)} in an event")
        case _:
            assert_never(type)


def sql_type(type: types.Type) -> str:
    """The SQL type (of DuckDB) that holds values of a type.

    Numbers have 18 digits before the point and 9 after. An instant is UTC microseconds, a time of day microseconds
    since midnight, a period with a known unit its count (microseconds where elapsed), any other period its text.
    """
    match type:
        case types.Bool():
            return "BOOLEAN"
        case types.Number():
            return "BIGINT" if type.integer else "DECIMAL(27,9)"
        case types.Text():
            return "VARCHAR"
        case types.Date():
            return "DATE"
        case types.Instant() | types.TimeOfDay():
            return "BIGINT"
        case types.Period():
            return "BIGINT" if type.unit else "VARCHAR"
        case types.ListOf():
            return f"{sql_type(type.item)}[]"
        case types.Record() | types.Unknown():
            raise Unsupported(f"a {types.describe(type)} in an event")
        case _:
            assert_never(type)


def each_once(every: Iterable[Iterable[Column]]) -> tuple[Column, ...]:
    """Each column once, `said` where one of them asks for it."""
    found: dict[str, Column] = {}
    for columns in every:
        for one in columns:
            if one.said or one.name not in found:
                found[one.name] = one
    return tuple(found.values())


def key_columns(keys: Iterable[str], key_types: Mapping[str, types.Type]) -> tuple[Column, ...]:
    """The columns of keys; `key_types` has the types that are not text."""
    return tuple(Column((key,), key_types.get(key, types.Text())) for key in keys)


def by_columns(node: Any, key_types: Mapping[str, types.Type]) -> Any:
    """The same part of a policy, whose keys go by their columns."""
    if isinstance(node, tuple):
        made = tuple([by_columns(one, key_types) for one in node])
        return node if all(map(is_, made, node)) else made
    changed: dict[str, Any] = {}
    for name in below(node.__class__) or ():
        value = getattr(node, name)
        if name == "keys" and value:
            own = key_columns([key if isinstance(key, str) else key[0] for key in value], key_types)
            changed["keys"] = tuple([column.name if isinstance(key, str) else
                                     (column.name, by_columns(key[1], key_types))
                                     for column, key in zip(own, value, strict=True)])
        elif (found := by_columns(value, key_types)) is not value:
            changed[name] = found
    return replace(node, **changed) if changed else node


def needs(policy: ir.Policy, rules: Iterable[ir.Rule], key_types: Mapping[str, types.Type] = NO_TYPES,
          ) -> dict[str, tuple[Column, ...]]:
    """The event types that the rules name, through states and episodes too, and the columns of each that are read.

    The core names keys without their types; `key_types` has those that are not text.
    """
    found: dict[str, tuple[Column, ...]] = {}
    states = {state.name: state for state in policy.states}
    episodes = {episode.name: episode for episode in policy.episodes}
    done: set[str] = set()

    def add(event: str, path: tuple[str, ...], type: types.Type, said: bool = False) -> None:
        known = found.setdefault(event, ())
        if path != ("time",):
            found[event] = each_once((known, (Column(path, type, said),)))

    def keyed(event: str, keys: Iterable[str]) -> None:
        found.setdefault(event, ())
        for key in keys:
            add(event, (key,), key_types.get(key, types.Text()))

    def pattern(one: ir.Pattern, trigger: tuple[str, ...]) -> None:
        keyed(one.event, one.keys)
        for event in trigger:
            keyed(event, one.keys)
        if one.where is not None:
            visit(one.where, trigger, (one.event,))

    def named(name: str) -> None:
        if name in done:
            return
        done.add(name)
        if name in episodes:
            episode = episodes[name]
            members = [*episode.events, *episode.ends]
            visit(episode.gap, (), ())
        else:
            state = states[name]
            if isinstance(state, ir.BooleanState):
                members = [*state.starts, *state.ends]
                if state.lasting is not None:
                    visit(state.lasting, (), ())
            else:
                members = [source.pattern for tier in state.tiers for source in tier]
                for tier in state.tiers:
                    for source in tier:
                        add(source.pattern.event, source.path, state.type, said=True)
        for one in members:
            pattern(one, ())

    def visit(node: Any, trigger: tuple[str, ...], candidate: tuple[str, ...]) -> None:
        match node:
            case ir.Pattern():
                pattern(node, trigger)
                return
            case ir.Get(owner=ir.TRIGGER):
                for event in trigger:
                    add(event, node.path, node.type)
            case ir.Get(owner=ir.CANDIDATE):
                for event in candidate:
                    add(event, node.path, node.type)
            case ir.SumEvents() | ir.Latest():
                add(node.pattern.event, node.path, node.type)
            case ir.InState() | ir.StateValue():
                named(node.state)
            case ir.EpisodeDuration():
                named(node.episode)
                for event in trigger:
                    keyed(event, episodes[node.episode].keys)
            case ir.During():
                named(node.episode)
                for event in trigger:
                    keyed(event, episodes[node.episode].keys)
            case _:
                pass
        for one in _children(node):
            visit(one, trigger, candidate)

    for rule in rules:
        trigger = rule.trigger
        own: tuple[str, ...] = ()
        match trigger:
            case None:
                pass
            case ir.OnEvent():
                own = trigger.events
                for event in own:
                    keyed(event, rule.keys)
                if trigger.where is not None:
                    visit(trigger.where, own, own)
            case ir.OnStart():
                named(trigger.run)
                own = run_events(policy, trigger.run)
            case ir.OnEvery():
                named(trigger.run)
                visit(trigger.period, (), ())
            case ir.OnWithout():
                named(trigger.run)
                visit(trigger.period, (), ())
                pattern(trigger.pattern, ())
            case _:
                assert_never(trigger)
        scope = policy.scope_of(rule)
        asked = [*rule.when, *(one.condition for one in rule.must), *(one.condition for one in rule.unless)]
        for one in (asked if scope is None else [scope, *asked]):
            visit(one, own, ())
    return found


def run_events(policy: ir.Policy, run: str) -> tuple[str, ...]:
    """The event types that begin a run of an episode or of a boolean state."""
    for episode in policy.episodes:
        if episode.name == run:
            return tuple(dict.fromkeys(pattern.event for pattern in episode.events))
    for state in policy.states:
        if state.name == run and isinstance(state, ir.BooleanState):
            return tuple(dict.fromkeys(pattern.event for pattern in state.starts))
    raise LookupError(run)


def _children(node: Any) -> Iterator[Any]:
    """The nodes directly inside a node of the core."""
    if not is_dataclass(node):
        return
    for one in fields(node):
        value = getattr(node, one.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, tuple):  # the keys of a state: name and expression
                yield from (part for part in item if is_dataclass(part))
            elif is_dataclass(item) and not isinstance(item, Span | Mapping) and not _is_type(item):
                yield item


def _is_type(value: Any) -> bool:
    return type(value).__module__ == types.__name__
