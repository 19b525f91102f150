"""Declarations and rules as written to those of the core, one function a kind.

In: syntax nodes and a `Context` of all names; out: core nodes, and mistakes in `Context.found`. A rule with a mistake
gives no core rule; a state or an episode with one still has its name, so that what uses it is not reported too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, assert_never

from policyengine.analysis.infer import merge
from policyengine.analysis.lower import condition, pattern, period, value
from policyengine.analysis.names import Names, Run, key_type, key_types, run_record, shared_record, unknown_event
from policyengine.analysis.scope import NOTHING, Fields, Scope, Typed
from policyengine.base.diagnostic import SEVERITIES, Diagnostic, Note, did_you_mean, error, has_errors
from policyengine.core import ir
from policyengine.core.types import Bool, Field, ListOf, Number, Record, Text, Type, Unknown, describe
from policyengine.syntax import ast

_T = TypeVar("_T")
_FAMILY = re.compile(r"[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*")
NO_FAMILY = "general"
"""The family of a rule that names none."""


@dataclass(frozen=True)
class Context:
    """What every declaration is read in; `params` grows as they are read."""

    names: Names
    has_calendar: bool
    params: dict[str, Typed] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)

    def scope(self, place: str, **more: Any) -> Scope:
        """The widest scope, narrowed by `more`."""
        return Scope(self.names, self.params, self.has_calendar, self.found, place, **more)


# ---- params and definitions ---------------------------------------------------------------------------------------

def params(context: Context) -> tuple[ir.Param, ...]:
    """The params of the regulation taken over, set anew where the policy does, and then its own."""
    names, found = context.names, context.found
    own: dict[str, ir.Param] = {}
    for declared in names.params.values():
        param = _param(declared, context)
        if param is None:
            context.params[declared.name.text] = NOTHING
            continue
        base = names.base_params.get(param.name)
        if base is not None and merge(base.type, param.type) is None:
            found.append(error("type-mismatch", f"`{param.name}` is {describe(base.type)} in the regulation, found "
                               f"{describe(param.type)}", declared.value.span,
                               notes=(Note("the regulation declares it here", base.span),)))
        if base is not None:
            param = replace(param, tunable=base.tunable, citations=param.citations or base.citations)
        own[param.name] = param
    for name, base in names.base_params.items():
        context.params.setdefault(name, (ir.Parameter(name, base.type), base.type))
    taken_over = tuple(own.get(name, base) for name, base in names.base_params.items())
    return taken_over + tuple(param for name, param in own.items() if name not in names.base_params)


def _param(declared: ast.Param, context: Context) -> ir.Param | None:
    if not isinstance(declared.value, ast.Number | ast.Text | ast.Boolean | ast.DateLiteral | ast.TimeLiteral
                      | ast.Duration | ast.ListLiteral):
        context.found.append(error("not-a-literal", "the value of a param is written out", declared.value.span,
                                   "not a literal", help=f"write `define {declared.name.text} = …` for a value that "
                                   "is computed"))
        return None
    before = len(context.found)
    lowered, type = value(declared.value, context.scope("`param`"))
    if isinstance(lowered, ir.ListValue) and not all(isinstance(item, ir.Constant) for item in lowered.items):
        context.found.append(error("not-a-literal", "the items of a param are written out", declared.value.span))
    if has_errors(context.found[before:]):
        return None
    raw = ([item.value for item in lowered.items if isinstance(item, ir.Constant)]
           if isinstance(lowered, ir.ListValue) else lowered.value if isinstance(lowered, ir.Constant) else None)
    # A tunable param can be set to other texts, or from a whole number to a fraction; one that is not stays as written.
    open_type = _open(type, declared.tunable)
    name = declared.name.text
    context.params[name] = (ir.Parameter(name, open_type), open_type if declared.tunable else type)
    return ir.Param(name, tuple(raw) if isinstance(raw, list) else raw, open_type, declared.tunable,
                    citations(declared.citations), declared.name.span)


def _open(type: Type, tunable: bool) -> Type:
    match type:
        case Text():
            return Text()
        case Number() if tunable:
            return Number()
        case ListOf():
            return ListOf(_open(type.item, tunable))
        case _:
            return type


def definitions(context: Context) -> None:
    """Each definition on its own, so that one nobody uses is checked too; then cycles."""
    for define in context.names.defines.values():
        seen: set[str] = set()
        for parameter in define.parameters:
            if parameter.text in seen:
                context.found.append(error("duplicate-name", f"the argument `{parameter.text}` stands twice",
                                           parameter.span))
            seen.add(parameter.text)
        before = len(context.found)
        value(define.value, context.scope(f"the definition `{define.name.text}`", loose=True,
                                          variables=dict.fromkeys(seen, NOTHING), inlined=(define.name.text,)))
        if has_errors(context.found[before:]):
            context.names.broken.add(define.name.text)
    uses = {name: [one for one in _names_in(define.value) if one in context.names.defines]
            for name, define in context.names.defines.items()}
    for cycle in _cycles(uses):
        _report_cycle(cycle, context.names.defines[cycle[0]].name, "definition", context)


def _names_in(node: Any) -> Iterator[str]:
    """The heads of all paths and calls below a syntax node, in order."""
    if isinstance(node, ast.Path):
        yield node.head.text
    elif isinstance(node, ast.Call):
        yield node.name.text
    if isinstance(node, tuple):
        for item in node:
            yield from _names_in(item)
    elif hasattr(node, "__dataclass_fields__") and not isinstance(node, ast.Name):
        for name in node.__dataclass_fields__:
            if name != "span":
                yield from _names_in(getattr(node, name))


def _cycles(uses: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Each set of names that use one another once, from the one declared first."""
    reported: set[frozenset[str]] = set()

    def search(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name in uses[path[-1]]:
            if name == path[0]:
                if frozenset(path) not in reported:
                    reported.add(frozenset(path))
                    yield path
            elif name not in path and order[name] > order[path[0]]:
                yield from search((*path, name))

    order = {name: place for place, name in enumerate(uses)}
    for start in uses:
        yield from search((start,))


def _report_cycle(cycle: tuple[str, ...], name: ast.Name, what: str, context: Context) -> None:
    ring = " -> ".join(f"`{one}`" for one in (*cycle, cycle[0]))
    context.found.append(error("recursion", f"the {what} `{cycle[0]}` rests on itself", name.span, "starts here",
                               notes=(Note(ring),)))


# ---- states and episodes ------------------------------------------------------------------------------------------

def _still(context: Context, what: str) -> Scope:
    """What a declaration may name outside its events: facts, params, definitions of those."""
    reason = f"{_a(what)} has no moment of its own"
    return context.scope(f"the {what}", questions=f"{reason}, and cannot ask about the trace", states=reason)


def _a(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


def _inside(scope: Scope) -> Scope:
    """For patterns of a declaration: states can be asked in their `where`, at the candidate."""
    return replace(scope, states=None)


def _own(one: ast.Pattern, keys: Sequence[str], scope: Scope) -> ir.Pattern | None:
    return pattern(one, _inside(scope), keys=keys, required=False)


def _carried(one: ast.Pattern, keys: Sequence[str], names: Names) -> list[str]:
    event = names.vocabulary.events.get(one.event.text)
    return [key for key in keys if event is not None and event.record.field(key) is not None]


def state(declared: ast.StateHolds | ast.StateValue, context: Context) -> ir.BooleanState | ir.ValuedState:
    """A state; its events and keys have been checked with the names."""
    scope = _still(context, "state")
    keys = tuple(dict.fromkeys(key.text for key in declared.keys))
    match declared:
        case ast.StateHolds():
            starts = _known(_own(one, keys, scope) for one in declared.starts)
            ends = _known(_own(one, _carried(one, keys, context.names), scope) for one in declared.ends)
            lasting = None if declared.lasting is None else period(declared.lasting, "`lasting`", scope)
            return ir.BooleanState(declared.name.text, keys, starts, ends, lasting, declared.name.span)
        case ast.StateValue():
            tiers = tuple(_known(_source(one, keys, scope) for one in tier) for tier in declared.sources)
            type = context.names.states[declared.name.text].type
            return ir.ValuedState(declared.name.text, keys, tiers, type, declared.name.span)
        case _:
            assert_never(declared)


def _source(one: ast.EventField, keys: Sequence[str], scope: Scope) -> ir.StateSource | None:
    asked = _own(ast.Pattern(one.event, False, one.where, one.span), keys, scope)
    if asked is None:
        return None
    declared: Field | None = None
    record: Type = scope.names.vocabulary.events[one.event.text].record
    for name in one.field:
        declared = record.field(name.text) if isinstance(record, Record) else None
        record = declared.type if declared else Unknown()
    return ir.StateSource(asked, tuple(name.text for name in one.field), declared.default if declared else None,
                          one.span)


def _known(items: Iterable[_T | None]) -> tuple[_T, ...]:
    return tuple(item for item in items if item is not None)


def episode(declared: ast.Episode, context: Context) -> ir.Episode:
    """An episode; its gap is an elapsed time."""
    scope = _still(context, "episode")
    keys = tuple(dict.fromkeys(key.text for key in declared.keys))
    events = _known(_own(one, keys, scope) for one in declared.events)
    ends = _known(_own(one, _carried(one, keys, context.names), scope) for one in declared.ends)
    gap = period(declared.gap, "`gap`", scope, elapsed=True)
    return ir.Episode(declared.name.text, keys, events, gap, ends, declared.name.span)


def state_cycles(states: Sequence[ir.BooleanState | ir.ValuedState], episodes: Sequence[ir.Episode],
                 context: Context) -> None:
    """States may ask states in `where`; never, by any way round, themselves."""
    uses = {state.name: [name for name in _states_in(state) if name in context.names.states] for state in states}
    uses = {name: [one for one in used if one in uses] for name, used in uses.items()}
    for cycle in _cycles(uses):
        start = next(state for state in states if state.name == cycle[0])
        context.found.append(error("recursion", f"the state `{cycle[0]}` rests on itself", start.span, "starts here",
                                   notes=(Note(" -> ".join(f"`{one}`" for one in (*cycle, cycle[0]))),)))


def _states_in(node: Any) -> Iterator[str]:
    if isinstance(node, ir.InState | ir.StateValue):
        yield node.state
    if isinstance(node, tuple):
        for item in node:
            yield from _states_in(item)
    elif hasattr(node, "__dataclass_fields__"):
        for name in node.__dataclass_fields__:
            if name not in ("span", "type"):
                yield from _states_in(getattr(node, name))


# ---- rules --------------------------------------------------------------------------------------------------------

def rule(declared: ast.Rule, context: Context) -> ir.Rule | None:
    """A rule, or None when anything in it is wrong."""
    found: list[Diagnostic] = []
    here = replace(context, found=found)
    basis = str(declared.citations[0]) if declared.citations else ""
    result = _rule(declared, here)
    context.found.extend(replace(one, basis=one.basis or basis) for one in found)
    return None if has_errors(found) else result


def _rule(declared: ast.Rule, context: Context) -> ir.Rule:
    found = context.found
    keys = tuple(dict.fromkeys(key.text for key in declared.keys))
    trigger, moment, types = _trigger(declared, keys, context)
    alias = getattr(declared.trigger, "alias", None)
    scope = context.scope("the rule", keys=tuple(key for key in keys if key in types), key_types=types,
                          trigger=moment, at=moment,
                          alias=alias.text if alias else None,
                          loose=declared.trigger is not None and moment is None)
    past = {word: replace(scope, place=f"`{word}`", future=f"`{word}` does not look into the future")
            for word in ("when", "unless")}
    must_scope = scope
    if declared.trigger is None:
        reason = "a rule without `on` judges the service as it is, and does not look into the future"
        must_scope = replace(scope, future=reason, future_help="or say `on` what the time runs")
    when = tuple(condition(one, past["when"]) for one in declared.when)
    must = tuple(_must(one, must_scope) for one in declared.must)
    unless = tuple(ir.Unless(condition(one.condition, past["unless"]), citations(one.under), one.span)
                   for one in declared.unless)
    if not declared.must:
        found.append(error("no-must", f"the rule `{declared.name.text}` requires nothing", declared.name.span,
                           help="write what must hold, or `must not happen`"))
    for one in declared.must:
        if one.condition is None and declared.trigger is None:
            found.append(error("no-moment", "`must not happen` needs something that happens", one.span,
                               help="name it with `on`, or write what must not hold"))
    return ir.Rule(declared.name.text, declared.title.value if declared.title else _title(declared.name.text),
                   citations(declared.citations), _family(declared.family, found), _severity(declared.severity, found),
                   keys, trigger, when, must, unless, declared.fix.value if declared.fix else "",
                   None if declared.applies is None else _applies(declared.applies, context),
                   declared.title_zh.value if declared.title_zh else "",
                   declared.fix_zh.value if declared.fix_zh else "", declared.name.span)


def _title(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _must(one: ast.Must, scope: Scope) -> ir.Must:
    if one.condition is None:
        return ir.Must(ir.Constant(False, Bool(), one.span), True, one.span)
    held = condition(one.condition, scope)
    return ir.Must(ir.Not(held, one.span) if one.negated else held, False, one.span)


def _family(name: ast.Name | None, found: list[Diagnostic]) -> str:
    if name is not None and not _FAMILY.fullmatch(name.text):
        found.append(error("bad-name", f"the family `{name.text}` is not a word in lower case", name.span))
    return name.text if name else NO_FAMILY


def _severity(name: ast.Name | None, found: list[Diagnostic]) -> Literal["error", "warning", "info"]:
    for severity in SEVERITIES:
        if name is not None and name.text == severity:
            return severity
    if name is not None:
        found.append(error("unknown-name", f"there is no severity `{name.text}`", name.span,
                           help=did_you_mean(name.text, SEVERITIES) or "`error`, `warning` or `info`"))
    return "error"


def citations(written: Sequence[ast.Citation]) -> tuple[ir.Citation, ...]:
    """The same places, in the core."""
    return tuple(ir.Citation(one.instrument, one.place, one.span) for one in written)


# ---- triggers -----------------------------------------------------------------------------------------------------

_Trigger = tuple[ir.Trigger | None, Fields | None, Mapping[str, Type]]


def _trigger(declared: ast.Rule, keys: tuple[str, ...], context: Context) -> _Trigger:
    """The trigger, the moment it gives (None without one, or when it is wrong) and the types of the rule's keys."""
    trigger = declared.trigger
    match trigger:
        case None:
            if declared.keys:
                context.found.append(error("no-moment", "a rule without `on` judges the service once, and is not `per` "
                                           "anything", declared.keys[0].span, help="leave out `per`, or say `on` what"))
            return None, None, {}
        case ast.OnEvent():
            return _on_event(trigger, declared.keys, context)
        case ast.OnEvery() | ast.OnWithout() | ast.OnStart():
            return _on_run(trigger, declared.keys, keys, context)
        case _:
            assert_never(trigger)


def _on_event(trigger: ast.OnEvent, keys: Sequence[ast.Name], context: Context) -> _Trigger:
    vocabulary, found = context.names.vocabulary, context.found
    known: list[str] = []
    for event in trigger.events:
        if event.text not in vocabulary.events:
            found.append(unknown_event(event, vocabulary))
        elif event.text in known:
            found.append(error("duplicate-name", f"the event `{event.text}` stands twice", event.span))
        else:
            known.append(event.text)
    types: dict[str, Type] = {}
    record = shared_record(known, vocabulary)
    for key in keys:
        if key.text in types:
            found.append(error("duplicate-name", f"the key `{key.text}` stands twice", key.span))
        faults: list[Diagnostic] = []
        types[key.text] = key_type(key.text, trigger.events, "rule", vocabulary, faults)
        found += [replace(one, notes=(*one.notes, Note("the rule is `per` it here", key.span))) for one in faults]
    if len(known) < len(trigger.events):
        return None, None, types
    words = f"`{known[0]}`" if len(known) == 1 else "the trigger"
    moment = Fields(ir.TRIGGER, record, tuple(known), words)
    scope = context.scope("`where`", keys=tuple(types), key_types=types, trigger=moment, fields=moment, at=moment,
                          alias=trigger.alias.text if trigger.alias else None,
                          questions="`where` looks at one event, and cannot ask about others",
                          questions_help="write the question in `when`")
    where = None if trigger.where is None else condition(trigger.where, scope)
    return ir.OnEvent(tuple(known), trigger.first, where, trigger.span), moment, types


def _on_run(trigger: ast.OnEvery | ast.OnWithout | ast.OnStart, declared: Sequence[ast.Name], keys: tuple[str, ...],
            context: Context) -> _Trigger:
    run = _run(trigger.run, context)
    scope = _still(context, "trigger")
    moment: Fields | None = None
    types: dict[str, Type] = {} if run is not None else dict.fromkeys(keys, Unknown())
    if run is not None:
        moment = Fields(ir.TRIGGER, run_record(run), (), f"a mark of `{run.name}`")
        for key in declared:
            if key.text in run.keys:
                types[key.text] = run.keys[key.text]
            else:
                here = f"`{run.name}` is kept per {', '.join(run.keys)}" if run.keys else f"`{run.name}` has no keys"
                context.found.append(error("missing-key", f"`{key.text}` is no key of `{run.name}`", key.span,
                                           notes=(Note(here, run.span),), help=did_you_mean(key.text, run.keys)))
    result: ir.Trigger | None
    match trigger:
        case ast.OnEvery():
            length = period(trigger.period, "`on`" if trigger.once else "`every`", scope)
            result = ir.OnEvery(length, trigger.run.text, trigger.once, trigger.span)
        case ast.OnStart():
            result = ir.OnStart(trigger.run.text, trigger.span)
        case ast.OnWithout():
            # The marks depend on these events, so their `where` cannot speak of a mark.
            asked = pattern(trigger.pattern, replace(_inside(scope), questions=None, keys=tuple(types),
                                                     key_types=types))
            length = period(trigger.period, "`on`", scope)
            result = None if asked is None else ir.OnWithout(length, trigger.run.text, asked, trigger.span)
        case _:
            assert_never(trigger)
    return (None if run is None else result), moment, types


def _run(name: ast.Name, context: Context) -> Run | None:
    names = context.names
    run = names.run(name.text)
    if run is not None:
        return run
    if name.text in names.states:
        context.found.append(error("type-mismatch", f"`{name.text}` is a value; only an episode or a state that holds "
                                   "has runs", name.span, "a value",
                                   notes=(Note("it is declared here", names.states[name.text].span),)))
        return None
    known = (*names.episodes, *(one.name for one in names.states.values() if not one.valued))
    help = did_you_mean(name.text, known)
    if name.text in names.vocabulary.events and not help:
        help = f"make runs of the event: `episode NAME of {name.text} gap …`"
    context.found.append(error("unknown-name", f"there is no episode or state `{name.text}`", name.span,
                               "unknown name", help=help))
    return None


# ---- the rest -----------------------------------------------------------------------------------------------------

def applies(declared: ast.Applies, context: Context) -> ir.Expr:
    """The condition of the whole policy: facts only."""
    return _applies(declared.condition, context)


def _applies(declared: ast.Expr, context: Context) -> ir.Expr:
    reason = "`applies when` is about the service as a whole"
    return condition(declared, context.scope("`applies when`", questions=f"{reason}, not about its trace",
                                                       questions_help="ask in the `when` of a rule", states=reason))


def forget(declared: ast.Forget, context: Context) -> ir.Forget:
    """What the monitor may drop, and when."""
    found = context.found
    key_types([declared.key], [one.event for one in declared.at], "`forget`", context.names.vocabulary, found)
    scope = _still(context, "`forget`")
    at = _known(_own(one, (declared.key.text,), scope) for one in declared.at)
    return ir.Forget(declared.key.text, at, declared.key.span)


def unchecked(declared: ast.Unchecked) -> Iterator[ir.Unchecked]:
    """One entry a place."""
    for one in citations(declared.citations):
        yield ir.Unchecked(one, declared.reason.value, one.span)

