"""Expressions as written to expressions of the core: names resolved, definitions put in place, types checked.

In: a syntax node and the `Scope` it stands in. Out: a core node and its type; mistakes go to `scope.found`. What failed
becomes `NOTHING` of type unknown, which agrees with everything, so that one mistake is one message. Declarations and
rules are `declare`'s; this module knows single expressions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from policyengine.analysis.infer import QUOTIENT, Fault, compare, infer, merge
from policyengine.analysis.names import BUILTIN_FUNCTIONS, BUILTIN_VALUES, State, missing_key, unknown_event
from policyengine.analysis.scope import (
    NOTHING,
    Fields,
    Scope,
    Typed,
    an,
    declared_at,
    is_a,
    period_text,
    written,
)
from policyengine.base.diagnostic import Diagnostic, Note, did_you_mean, shorten
from policyengine.base.instants import UNITS, parse_date, parse_period
from policyengine.base.scalars import PART_DIGITS, WHOLE_DIGITS
from policyengine.base.source import Span
from policyengine.core import ir
from policyengine.core.operators import OPERATORS
from policyengine.core.patterns import fault as pattern_fault
from policyengine.core.types import (
    PERIOD_CLASSES,
    Bool,
    Date,
    Instant,
    ListOf,
    Number,
    Period,
    Record,
    Text,
    TimeOfDay,
    Type,
    Unknown,
    describe,
)
from policyengine.syntax import ast


def condition(expr: ast.Expr, scope: Scope) -> ir.Expr:
    """An expression that must be true or false."""
    lowered, type = value(expr, scope)
    if not isinstance(type, Bool | Unknown):
        scope.fault("not-a-condition", f"expected a condition, found {an(describe(type))}", expr.span,
                    is_a(expr, type, "this"), help=_as_condition(expr, type))
    return lowered


def _as_condition(expr: ast.Expr, type: Type) -> str:
    text = written(expr)
    if not isinstance(expr, ast.Path):
        return ""
    match type:
        case ListOf():
            return (f"ask about its items, such as `some x in {text} satisfies (…)`" if isinstance(type.item, Record)
                    else f"compare it, such as `{text} contains …`")
        case Number() | Text() | Date():
            return f"compare it, such as `{text} = …`, or ask `{text} is present`"
        case _:
            return ""


def value(expr: ast.Expr, scope: Scope) -> Typed:
    """Any expression, with its type."""
    match expr:
        case ast.Number() | ast.Text() | ast.Boolean() | ast.DateLiteral() | ast.TimeLiteral() | ast.Duration():
            return literal(expr, scope)
        case ast.ListLiteral():
            return _list(expr, scope)
        case ast.Path():
            return _path(expr, scope)
        case ast.Call():
            return _call(expr, scope)
        case ast.Or():
            return ir.Or(_parts(expr, scope), expr.span), Bool()
        case ast.And():
            return ir.And(_parts(expr, scope), expr.span), Bool()
        case ast.Not():
            return ir.Not(condition(expr.part, scope), expr.span), Bool()
        case ast.Binary():
            return _binary(expr, scope)
        case ast.IsPresent():
            return _is_present(expr, scope)
        case ast.Quantified():
            return _quantified(expr, scope)
        case ast.CountElements():
            name, domain, where, _ = _elements(expr, "`count`", scope)
            return ir.CountElements(name, domain, where, expr.span), Number(integer=True)
        case ast.Occurs():
            return _occurs(expr, scope)
        case ast.CountEvents():
            return _count_events(expr, scope)
        case ast.SumEvents():
            return _sum_events(expr, scope)
        case ast.EpisodeDuration():
            return _episode_duration(expr, scope)
        case ast.Latest():
            return _latest(expr, scope)
        case _:
            assert_never(expr)


# ---- literals -----------------------------------------------------------------------------------------------------

def literal(expr: ast.Number | ast.Text | ast.Boolean | ast.DateLiteral | ast.TimeLiteral | ast.Duration,
            scope: Scope) -> Typed:
    """A constant in raw form."""
    match expr:
        case ast.Number():
            return _number(expr, scope)
        case ast.Text():
            text = Text((expr.value,))
            return ir.Constant(expr.value, text, expr.span), text
        case ast.Boolean():
            return ir.Constant(expr.value, Bool(), expr.span), Bool()
        case ast.DateLiteral():
            try:
                parse_date(expr.value)
            except ValueError as reason:
                return scope.fault("bad-literal", str(reason), expr.span)
            return ir.Constant(expr.value, Date(), expr.span), Date()
        case ast.TimeLiteral():
            return ir.Constant(expr.value, TimeOfDay(), expr.span), TimeOfDay()
        case ast.Duration():
            return _duration(expr, scope)
        case _:
            assert_never(expr)


def _number(expr: ast.Number, scope: Scope) -> Typed:
    whole = expr.value == expr.value.to_integral_value()
    exponent = expr.value.normalize().as_tuple().exponent
    if expr.value.adjusted() >= WHOLE_DIGITS or (isinstance(exponent, int) and exponent < -PART_DIGITS):
        return scope.fault("bad-literal", f"`{shorten(expr.written)}` has more than {WHOLE_DIGITS} digits before the "
                           f"point or {PART_DIGITS} after it", expr.span)
    number = Number(integer=whole)
    return ir.Constant(int(expr.value) if whole else Decimal(expr.value), number, expr.span), number


def _duration(expr: ast.Duration, scope: Scope) -> Typed:
    text = period_text(expr)
    try:
        period = parse_period(text)
    except ValueError as reason:
        return scope.fault("bad-literal", str(reason), expr.span)
    type = Period(PERIOD_CLASSES[UNITS[expr.unit][1]])
    if type.unit == "working_day" and not scope.has_calendar:
        scope.fault("no-calendar", "working days need a calendar, and the regulation names none", expr.span,
                    help="name one under `calendar` in regulation.yaml")
    if period.count == 0:
        return scope.fault("bad-literal", f"`{text}` is no length of time", expr.span)
    return ir.Constant(text, type, expr.span), type


def _list(expr: ast.ListLiteral, scope: Scope) -> Typed:
    if not expr.items:
        return scope.fault("empty-list", "a list needs at least one item", expr.span, "nothing in it")
    items: list[ir.Expr] = []
    item_type: Type = Unknown()
    for item in expr.items:
        lowered, type = value(item, scope)
        merged = merge(item_type, type)
        if isinstance(type, Record | ListOf):
            scope.fault("type-mismatch", f"an item of a list is a single value, found {an(describe(type))}", item.span)
        elif merged is None:
            scope.fault("type-mismatch", "the items of a list are of one type", item.span,
                        f"{describe(type)}, and before it {describe(item_type)}")
        elif isinstance(type, Number) and type.quotient:
            scope.fault(QUOTIENT.name, QUOTIENT.message, item.span, help=QUOTIENT.help)
        else:
            item_type = merged
        if lowered in items and isinstance(lowered, ir.Constant) and lowered.value is not None:
            scope.fault("duplicate-item", f"`{written(item)}` stands twice in the list", item.span)
        items.append(lowered)
    return ir.ListValue(tuple(items), ListOf(item_type), expr.span), ListOf(item_type)


# ---- paths --------------------------------------------------------------------------------------------------------

def _path(expr: ast.Path, scope: Scope, *, whole: bool = False) -> Typed:
    """`whole`: a moment or element may be named without a field, as the argument of a definition."""
    head = expr.head.text
    if head in scope.variables:
        lowered, type = scope.variables[head]
        return _project(replace_span(lowered, expr.span), type, head, expr.fields, scope)
    if head == scope.alias and scope.trigger is None:
        return NOTHING  # the trigger has been reported
    inner = _field(expr, scope)
    outer = _outer_kind(expr, scope)
    if inner is None and scope.fields is not None and outer != "fact" and _carried_by_some(head, scope.fields, scope):
        moment = ir.Get(scope.fields.owner, (), scope.fields.record)
        return _project(moment, scope.fields.record, "the trigger", (expr.head,), scope)
    if inner is not None and outer is not None:
        return _ambiguous(expr, outer, scope)
    if inner is not None:
        owner, type = inner
        return _project(owner, type, head, expr.fields, scope)
    match outer:
        case "alias":
            assert scope.trigger is not None
            moment = ir.Get(scope.trigger.owner, (), scope.trigger.record, None, expr.span)
            if not expr.fields and not whole:
                what = "event" if scope.trigger.events else "mark"
                return scope.fault("type-mismatch", f"`{head}` is the whole {what}; name a field of it", expr.span,
                                   help=_such_as(head, scope.trigger.record))
            return _project(moment, scope.trigger.record, head, expr.fields, scope)
        case "fact":
            return _project(ir.Fact((), scope.names.vocabulary.facts, None, expr.span), scope.names.vocabulary.facts,
                            "", (expr.head, *expr.fields), scope)
        case "built-in":
            built: Typed = (ir.Today(expr.span), Date()) if head == "today" else (ir.LocalTime(expr.span), TimeOfDay())
            return _project(*built, head, expr.fields, scope)
        case "param":
            if head not in scope.params:
                return NOTHING  # its declaration was refused
            lowered, type = scope.params[head]
            return _project(replace_span(lowered, expr.span), type, head, expr.fields, scope)
        case "definition":
            return _project(*_inline(expr.head, (), expr.span, scope), head, expr.fields, scope)
        case "state":
            state = scope.names.states[head]
            return _project(*_state(state, (), expr.span, scope), head, expr.fields, scope)
        case _:
            return _unknown_name(expr, scope)


def _field(expr: ast.Path, scope: Scope) -> Typed | None:
    """The candidate's field that a bare name means. A path into a value that has no fields is not one of these:
    `service.name` is the fact even where every event carries the text `service`."""
    if scope.fields is None:
        return None
    one = scope.fields.record.field(expr.head.text)
    if one is None or (expr.fields and not isinstance(one.type, Record) and _outer_kind(expr, scope) is not None):
        return None
    return ir.Get(scope.fields.owner, (one.name,), one.type, one.default, expr.span), one.type


def _carried_by_some(name: str, fields: Fields, scope: Scope) -> bool:
    """Whether some, but not all, of several trigger events have a field; it must not mean something else unnoticed."""
    events = scope.names.vocabulary.events
    return fields.record.field(name) is None and any(events[event].record.field(name) for event in fields.events)


def _outer_kind(expr: ast.Path, scope: Scope) -> str | None:
    head, names = expr.head.text, scope.names
    if head == scope.alias:
        return None if scope.fields is not None and not expr.fields else "alias"
    fact = names.vocabulary.facts.field(head)
    if fact is not None:
        whole_record = isinstance(fact.type, Record) and not expr.fields and scope.fields is not None
        return None if whole_record else "fact"
    if head in BUILTIN_VALUES:
        return "built-in"
    if head in names.params or head in names.base_params:
        return "param"
    if head in names.defines:
        return "definition"
    return "state" if head in names.states else None


def _ambiguous(expr: ast.Path, kind: str, scope: Scope) -> Typed:
    assert scope.fields is not None
    head = expr.head.text
    place = scope.names.place(head)
    notes = (Note(f"the {kind} is declared here", place),) if place and kind not in ("alias", "built-in") else ()
    match kind:
        case "state":
            other = f"write the state with its keys, such as `{head}({_keys(scope.names.states[head])})`"
        case "param" | "definition":
            other = f"give the {kind} another name, such as `the_{head}`"
        case _:
            other = f"write the {kind} outside `where`, in a `define`"
    return scope.fault("ambiguous-name", f"`{head}` could be the {kind} or the field of {scope.fields.words}",
                       expr.span, "could be either", notes=notes,
                       help=f"{other}; a bare name in `where` is meant for the field")


def _keys(state: State) -> str:
    return ", ".join(f"{key}: …" for key in state.keys)


def _unknown_name(expr: ast.Path, scope: Scope) -> Typed:
    head = expr.head.text
    names = scope.names
    if head in names.episodes:
        return scope.fault("unknown-name", f"`{head}` is an episode, not a value", expr.head.span, "an episode",
                           help=f"ask `duration of {head} this day`, or `… during {head}`")
    if head in names.vocabulary.events:
        return scope.fault("unknown-name", f"`{head}` is an event, not a value", expr.head.span, "an event",
                           help=f"say when, such as `{head} before`, or write `latest {head}.…` for a field of it")
    if head in names.rules:
        return scope.fault("unknown-name", f"`{head}` is a rule, and rules do not refer to one another", expr.head.span,
                           "a rule")
    if head in BUILTIN_FUNCTIONS:
        return scope.fault("unknown-name", f"`{head}` takes an argument", expr.head.span, help=f"write `{head}(…)`")
    field_of_trigger = scope.trigger is not None and scope.trigger.record.field(head) is not None
    if field_of_trigger and scope.trigger is not None:
        path = ".".join((head, *(one.text for one in expr.fields)))
        alias = scope.alias or "x"
        named = "" if scope.alias else f", with `as {alias}` after the trigger"
        return scope.fault("unknown-name", f"`{head}` is a field of {scope.trigger.words}, not a name of its own",
                           expr.head.span, "a field of the trigger", help=f"write `{alias}.{path}`{named}")
    known = [*scope.variables, *names.values()]
    if scope.alias:
        known.append(scope.alias)
    if scope.fields is not None:
        known += [one.name for one in scope.fields.record.fields]
        if not expr.fields:
            return scope.fault("unknown-name", f"`{head}` is neither a field of {scope.fields.words} nor a name of the "
                               "policy", expr.head.span, "unknown name", help=did_you_mean(head, known))
    return scope.fault("unknown-name", f"nothing is called `{head}`", expr.head.span, "unknown name",
                       help=did_you_mean(head, known))


def _project(lowered: ir.Expr, type: Type, owner: str, path: Sequence[ast.Name], scope: Scope) -> Typed:
    """A field of a field of … a value."""
    for name in path:
        match type:
            case Unknown():
                return NOTHING
            case Record():
                one = type.field(name.text)
                if one is None:
                    known = [known.name for known in type.fields]
                    notes = _why_not_shared(lowered, name.text, scope)
                    what = f"`{owner}` has no field" if owner else "the vocabulary has no fact"
                    return scope.fault("unknown-field", "not every event of the trigger has the field "
                                       f"`{name.text}`" if notes else f"{what} `{name.text}`", name.span,
                                       "not a field of all" if notes else "unknown field", notes=notes,
                                       help="" if notes else did_you_mean(name.text, known))
                match lowered:
                    case ir.Fact():
                        lowered = ir.Fact((*lowered.path, one.name), one.type, one.default, lowered.span)
                    case ir.Get():
                        lowered = ir.Get(lowered.owner, (*lowered.path, one.name), one.type, one.default, lowered.span)
                    case _:
                        return scope.fault("type-mismatch", f"the fields of `{owner}` cannot be read here", name.span)
                type, owner = one.type, f"{owner}.{name.text}" if owner else name.text
            case ListOf():
                return scope.fault("type-mismatch", f"`{owner}` is a list; only its items can have fields", name.span,
                                   "no such field", help=f"write `some x in {owner} satisfies (x.{name.text} …)`")
            case _:
                return scope.fault("type-mismatch", f"`{owner}` is {an(describe(type))} and has no fields", name.span,
                                   "no such field")
    return lowered, type


def _why_not_shared(lowered: ir.Expr, name: str, scope: Scope) -> tuple[Note, ...]:
    """Where a field is carried by some of several trigger events only, say by which it is not."""
    if not isinstance(lowered, ir.Get) or lowered.path or lowered.owner != ir.TRIGGER or scope.trigger is None:
        return ()
    events = scope.names.vocabulary.events
    carried = [event for event in scope.trigger.events if events[event].record.field(name)]
    if not carried or len(scope.trigger.events) < 2:
        return ()
    lacking = [event for event in scope.trigger.events if event not in carried]
    if lacking:
        return (Note(f"`{lacking[0]}` has no field `{name}`", events[lacking[0]].span),)
    return (Note(f"the trigger's events declare `{name}` differently", events[carried[0]].span),)


def _such_as(alias: str, record: Record) -> str:
    return f"such as `{alias}.{record.fields[-1].name}`" if record.fields else ""


def replace_span(lowered: ir.Expr, span: Span) -> ir.Expr:
    """The same node at the place where it is used."""
    return replace(lowered, span=span) if isinstance(lowered, ir.Get | ir.Parameter) else lowered


# ---- calls: functions, definitions, states ------------------------------------------------------------------------

def _call(expr: ast.Call, scope: Scope) -> Typed:
    name = expr.name.text
    if name in BUILTIN_FUNCTIONS:
        return _completed_years(expr, scope)
    if name in scope.names.defines:
        return _inline(expr.name, expr.arguments, expr.span, scope)
    if name in scope.names.states:
        return _state(scope.names.states[name], expr.arguments, expr.span, scope)
    if name in scope.variables or name in scope.names.values():
        return scope.fault("wrong-arguments", f"`{name}` takes no arguments", expr.name.span, help=f"write `{name}`")
    known = (*BUILTIN_FUNCTIONS, *scope.names.defines, *scope.names.states)
    return scope.fault("unknown-name", f"nothing called `{name}` takes arguments", expr.name.span, "unknown name",
                       help=did_you_mean(name, known))


def _completed_years(expr: ast.Call, scope: Scope) -> Typed:
    if len(expr.arguments) != 1 or expr.arguments[0].name is not None:
        return scope.fault("wrong-arguments", "`completed_years` takes one date", expr.span,
                           help="write `completed_years(x)`")
    argument = expr.arguments[0].value
    birth, type = value(argument, scope)
    if not isinstance(type, Date | Unknown):
        return scope.fault("type-mismatch", f"`completed_years` takes a date, found {an(describe(type))}",
                           argument.span, is_a(argument, type, "this"), notes=declared_at(birth, scope))
    return ir.CompletedYears(birth, expr.span), Number(integer=True)


def _inline(name: ast.Name, arguments: Sequence[ast.Argument], span: Span, scope: Scope) -> Typed:
    """A definition put in place of its use. It sees its own arguments, not the names around the use."""
    define = scope.names.defines[name.text]
    parameters = [one.text for one in define.parameters]
    declared = Note("it is defined here", define.name.span)
    if name.text in scope.inlined or name.text in scope.names.broken:
        return NOTHING  # reported where definitions are checked
    if any(one.name is not None for one in arguments):
        return scope.fault("wrong-arguments", f"the arguments of `{name.text}` have no names", span, notes=(declared,),
                           help=f"write `{name.text}({', '.join(parameters)})`")
    if len(arguments) != len(parameters):
        count = "no arguments" if not parameters else f"{len(parameters)} argument{'s' * (len(parameters) > 1)}"
        form = f"{name.text}({', '.join(parameters)})" if parameters else name.text
        return scope.fault("wrong-arguments", f"`{name.text}` takes {count}, found {len(arguments)}", span,
                           notes=(declared,), help=f"write `{form}`")
    bound: dict[str, Typed] = {}
    for parameter, argument in zip(parameters, arguments, strict=True):
        whole = isinstance(argument.value, ast.Path)
        bound[parameter] = (_path(argument.value, scope, whole=True) if isinstance(argument.value, ast.Path) and whole
                            else value(argument.value, scope))
    found: list[Diagnostic] = []
    inner = replace(scope, found=found, variables=bound, alias=None, fields=None, inlined=(*scope.inlined, name.text))
    lowered = value(define.value, inner)
    if found and not scope.loose:  # a definition that uses another does not report the other's mistakes
        used = Note(f"`{name.text}` is used here", span)
        scope.found.extend(replace(one, notes=(*one.notes, used)) for one in found)
    return lowered


def _state(state: State, arguments: Sequence[ast.Argument], span: Span, scope: Scope) -> Typed:
    if scope.states is not None:
        return scope.fault("misplaced", f"{scope.states}, and `{state.name}` is a state", span, "a state")
    given: dict[str, ir.Expr] = {}
    declared = (Note(f"`{state.name}` is declared here", state.span),)
    for argument in arguments:
        if argument.name is None:
            return scope.fault("wrong-arguments", f"the keys of `{state.name}` are given by name", argument.span,
                               notes=declared, help=f"write `{state.name}({_keys(state)})`" if state.keys else "")
        key = argument.name.text
        if key not in state.keys:
            return scope.fault("wrong-arguments", f"the state `{state.name}` has no key `{key}`", argument.name.span,
                               "unknown key", notes=declared, help=did_you_mean(key, state.keys))
        if key in given:
            scope.fault("wrong-arguments", f"the key `{key}` is given twice", argument.name.span)
        given[key], type = value(argument.value, scope)
        result = compare("=", state.keys[key], type)
        if isinstance(result, Fault) and not isinstance(type, Unknown):
            scope.fault("type-mismatch", f"the key `{key}` is {describe(state.keys[key])}, found {describe(type)}",
                        argument.value.span, notes=declared)
        else:
            _known_value(argument.value, given[key], type, f"the key `{key}`", state.keys[key], scope)
    keys = tuple((key, given[key] if key in given else _own_key(key, type, state, span, scope))
                 for key, type in state.keys.items())
    if any(_mentions(one, scope.owners) for _, one in keys):
        return scope.fault("misplaced", f"a key of `{state.name}` depends on an element of a list", span,
                           help="write a rule for each value, or list the values with `or`")
    at = scope.at.owner if scope.at is not None else ir.TRIGGER
    if state.valued:
        return ir.StateValue(state.name, at, keys, state.type, span), state.type
    return ir.InState(state.name, at, keys, span), Bool()


def _own_key(key: str, type: Type, state: State, span: Span, scope: Scope) -> ir.Expr:
    """A key that is not given is the field of that name of the moment at which the state is read."""
    if scope.loose:
        return NOTHING[0]
    declared = (Note(f"`{state.name}` is declared here", state.span),)
    if scope.at is None:
        return scope.fault("missing-key", f"`{state.name}` is kept per `{key}`, and a rule without `on` has none", span,
                           f"whose `{key}` is not said", notes=declared, help=f"write `{state.name}({key}: …)`")[0]
    one = scope.at.record.field(key)
    if one is None:
        return scope.fault("missing-key", f"`{state.name}` is kept per `{key}`, and {scope.at.words} has no field "
                           f"`{key}`", span, f"whose `{key}` is not said", notes=declared,
                           help=f"write `{state.name}({key}: …)`")[0]
    if merge(one.type, type) is None:
        return scope.fault("type-mismatch", f"the key `{key}` of `{state.name}` is {describe(type)}, the field of "
                           f"{scope.at.words} {describe(one.type)}", span, notes=declared)[0]
    return ir.Get(scope.at.owner, (key,), one.type, one.default, span)


def _mentions(expr: ir.Expr, owners: frozenset[str]) -> bool:
    match expr:
        case ir.Get():
            return expr.owner in owners
        case ir.Apply():
            return any(_mentions(one, owners) for one in expr.arguments)
        case ir.CompletedYears():
            return _mentions(expr.birth, owners)
        case _:
            return False


# ---- operators ----------------------------------------------------------------------------------------------------

def _parts(expr: ast.Or | ast.And, scope: Scope) -> tuple[ir.Expr, ...]:
    """The parts of `and` or `or`, those of the same word in brackets among them."""
    kind = ir.Or if isinstance(expr, ast.Or) else ir.And
    parts: list[ir.Expr] = []
    for part in expr.parts:
        lowered = condition(part, scope)
        parts.extend(lowered.parts if isinstance(lowered, kind) else (lowered,))
    return tuple(parts)


def _binary(expr: ast.Binary, scope: Scope) -> Typed:
    left, left_type = value(expr.left, scope)
    right, right_type = value(expr.right, scope)
    family = OPERATORS[expr.operator].family
    result = infer(family, expr.operator, left_type, right_type)
    if isinstance(result, Fault):
        label = f"{is_a(expr.left, left_type, 'the left side')}, {is_a(expr.right, right_type, 'the right side')}"
        return scope.fault(result.name, result.message, expr.span, label,
                           notes=(*declared_at(left, scope), *declared_at(right, scope)), help=result.help)
    if family == "text pattern":
        _pattern_text(expr.right, scope)
    elif family in ("equality", "item in list", "list has item", "list and list"):
        _same_values(expr, left, left_type, right, right_type, scope)
    between = isinstance(left_type, Instant) and isinstance(right_type, Instant)
    operator = "instant -" if expr.operator == "-" and between else expr.operator
    return ir.Apply(operator, (left, right), result, expr.span), result


def _pattern_text(expr: ast.Expr, scope: Scope) -> None:
    if not isinstance(expr, ast.Text):
        scope.fault("bad-pattern", "the pattern of `matches` is written out", expr.span, "not a text in quotes")
        return
    reason = pattern_fault(expr.value)
    if reason is not None:
        scope.fault("bad-pattern", f"RE2 refuses the pattern: {shorten(reason)}", expr.span)


def _same_values(expr: ast.Binary, left: ir.Expr, left_type: Type, right: ir.Expr, right_type: Type,
                 scope: Scope) -> None:
    """Texts that are compared must be able to be equal: a literal is one of the values the other side can have."""
    sides = ((expr.left, left, left_type, right, right_type, expr.right),
             (expr.right, right, right_type, left, left_type, expr.left))
    for written_here, here, here_type, there, there_type, written_there in sides:
        if isinstance(there, ir.Constant | ir.ListValue):
            continue
        owner = written(written_there)
        words = f"`{owner}`" if owner else "the other side"
        known = there_type.item if isinstance(there_type, ListOf) else there_type
        if isinstance(here, ir.ListValue) and isinstance(written_here, ast.ListLiteral):
            for item, lowered in zip(written_here.items, here.items, strict=True):
                if isinstance(lowered, ir.Constant):
                    _known_value(item, lowered, lowered.type, words, known, scope, there)
        elif isinstance(here, ir.Constant):
            _known_value(written_here, here, here_type, words, known, scope, there)
        elif isinstance(known, Text) and here is left:
            own = here_type.item if isinstance(here_type, ListOf) else here_type
            if isinstance(own, Text) and own.values and known.values and not set(own.values) & set(known.values):
                scope.fault("unknown-value", "the two sides have no value in common", expr.span, "never equal",
                            notes=(*declared_at(left, scope), *declared_at(right, scope)))


def _known_value(expr: ast.Expr, lowered: ir.Expr, type: Type, owner: str, known: Type, scope: Scope,
                 declared: ir.Expr | None = None) -> None:
    if not isinstance(lowered, ir.Constant) or not isinstance(lowered.value, str) or not isinstance(type, Text):
        return
    if isinstance(known, Text) and known.values is not None and lowered.value not in known.values:
        values = ", ".join(f'"{one}"' for one in known.values[:6]) + (", …" if len(known.values) > 6 else "")
        near = did_you_mean(lowered.value, known.values).replace("`", '`"', 1).replace("`?", '"`?', 1)
        scope.fault("unknown-value", f'{owner} is never `"{shorten(lowered.value)}"`', expr.span,
                    "not one of its values", notes=declared_at(declared, scope) if declared is not None else (),
                    help=near or f"its values are {values}")


def _is_present(expr: ast.IsPresent, scope: Scope) -> Typed:
    operand, type = value(expr.operand, scope)
    word = "missing" if expr.negated else "present"
    if isinstance(expr.operand, ast.Occurs | ast.Quantified | ast.And | ast.Or | ast.Not) or isinstance(
            operand, ir.InState | ir.Occurs | ir.Quantified | ir.And | ir.Or | ir.Not | ir.Present):
        return scope.fault("type-mismatch", f"`is {word}` asks about a value, found a condition", expr.operand.span,
                           "a condition", help="write the condition, or `not (…)`")
    if isinstance(type, Number) and type.quotient:
        return scope.fault(QUOTIENT.name, QUOTIENT.message, expr.operand.span, help=QUOTIENT.help)
    present = ir.Present(operand, expr.span)
    return (ir.Not(present, expr.span) if expr.negated else present), Bool()


# ---- lists --------------------------------------------------------------------------------------------------------

def _quantified(expr: ast.Quantified, scope: Scope) -> Typed:
    name, domain, where, inner = _elements(expr, f"`{expr.kind}`", scope)
    return ir.Quantified(expr.kind, name, domain, where, condition(expr.condition, inner), expr.span), Bool()


def _elements(expr: ast.Quantified | ast.CountElements, words: str,
              scope: Scope) -> tuple[str, ir.Expr, ir.Expr | None, Scope]:
    """The core's name of the variable, the list, the `where`, and the scope in which the variable is known."""
    domain, type = value(expr.domain, scope)
    item: Type = Unknown()
    if isinstance(type, ListOf):
        item = type.item
    elif not isinstance(type, Unknown):
        scope.fault("type-mismatch", f"{words} needs a list, found {an(describe(type))}", expr.domain.span,
                    is_a(expr.domain, type, "this"), notes=declared_at(domain, scope))
    # Inlined definitions may use a variable's name again, and a variable may be called as an owner is; in the core
    # every name in reach is another one.
    name = expr.variable.text
    while name in scope.owners or name in (ir.TRIGGER, ir.CANDIDATE):
        name += "_2"
    element: Typed = (ir.Get(name, (), item, None, expr.variable.span), item)
    inner = replace(
        scope, variables={**scope.variables, expr.variable.text: element}, owners=scope.owners | {name},
        questions=scope.questions or f"{words} is about a list, and cannot ask about the trace",
        questions_help=scope.questions_help or "ask the question outside, and join the two with `and`")
    where = None if expr.where is None else condition(expr.where, replace(inner, place="`where`"))
    return name, domain, where, inner


# ---- questions about the trace ------------------------------------------------------------------------------------

def pattern(expr: ast.Pattern, scope: Scope, *, keys: Sequence[str] | None = None,
            required: bool = True) -> ir.Pattern | None:
    """The candidates. They agree on the rule's keys, or on `keys`; None when the event is unknown (reported)."""
    vocabulary = scope.names.vocabulary
    event = vocabulary.events.get(expr.event.text)
    if event is None:
        if required:
            scope.found.append(unknown_event(expr.event, vocabulary))
        return None
    wanted = () if expr.any else scope.keys if keys is None else tuple(keys)
    if keys is None:
        for key in wanted:
            fault = missing_key(key, expr.event, "a key of the rule", vocabulary,
                                help=f"write `any {expr.event.text}` if it need not share the `{key}`")
            one = event.record.field(key)
            if fault is not None:
                scope.found.append(fault)
            elif one is not None and merge(one.type, scope.key_types.get(key, Unknown())) is None:
                scope.fault("type-mismatch", f"`{key}` of `{expr.event.text}` is {describe(one.type)}, the key of the "
                            f"rule is {describe(scope.key_types[key])}", expr.event.span)
    where = None if expr.where is None else condition(expr.where, candidate_scope(expr.event.text, scope))
    return ir.Pattern(event.name, wanted, where, expr.span)


def candidate_scope(event: str, scope: Scope) -> Scope:
    """Inside `where (…)`: bare names are the candidate's fields, and states are read at the candidate."""
    record = scope.names.vocabulary.events[event].record
    fields = Fields(ir.CANDIDATE, record, (event,), f"`{event}`")
    return replace(scope, fields=fields, at=fields, place="`where`", loose=False,
                   questions="`where` looks at one event, and cannot ask about others",
                   questions_help="keep what happened in a `state`, and ask the state in `where`")


def _may_ask(span: Span, scope: Scope) -> bool:
    if scope.questions is not None:
        scope.fault("misplaced", scope.questions, span, "a question about the trace", help=scope.questions_help)
        return False
    return True


def _occurs(expr: ast.Occurs, scope: Scope) -> Typed:
    if not _may_ask(expr.span, scope):
        return NOTHING[0], Bool()
    asked = pattern(expr.pattern, scope)
    window = _range(expr.range, scope)
    if scope.future is not None and isinstance(expr.range, ast.Within | ast.By | ast.NoLaterThan):
        word = {ast.Within: "within", ast.By: "by", ast.NoLaterThan: "no later than"}[expr.range.__class__]
        scope.fault("future", scope.future, expr.range.span, f"`{word}` looks past the moment",
                    help=f"ask about the past, such as `within the last …` or `before`, {scope.future_help}")
    if asked is None or window is None:
        return NOTHING[0], Bool()
    occurs = ir.Occurs(asked, window, expr.span)
    return (ir.Not(occurs, expr.span) if expr.negated else occurs), Bool()


def _past(expr: ast.Range, words: str, scope: Scope) -> ir.Range | None:
    window = _range(expr, scope)
    if isinstance(expr, ast.Within | ast.By | ast.NoLaterThan):
        scope.fault("future", f"{words} looks at the past only", expr.span, "not over at the moment",
                    help="write `within the last …`, `this day`, `since …` or `before`")
    return window


def _range(expr: ast.Range, scope: Scope) -> ir.Range | None:
    match expr:
        case ast.Within():
            return ir.Within(period(expr.period, "`within`", scope))
        case ast.WithinLast():
            return ir.WithinLast(period(expr.period, "`within the last`", scope))
        case ast.NoLaterThan():
            return ir.NoLaterThan(period(expr.period, "`no later than`", scope))
        case ast.By():
            return ir.By(_deadline(expr.deadline, scope))
        case ast.Before():
            return ir.Before()
        case ast.This():
            return ir.This(expr.unit)
        case ast.Since():
            since = pattern(expr.pattern, scope)
            return None if since is None else ir.Since(since)
        case ast.During():
            return ir.During(expr.episode.text) if _episode(expr.episode, "`during`", scope) else None
        case _:
            assert_never(expr)


def period(expr: ast.Expr, words: str, scope: Scope, *, elapsed: bool = False) -> ir.Expr:
    """A length of time; `elapsed`: in hours or shorter."""
    lowered, type = value(expr, scope)
    if not isinstance(type, Period | Unknown):
        text = written(expr)
        help = f"write it with a unit, such as `{text} hours`" if isinstance(expr, ast.Number) else ""
        scope.fault("type-mismatch", f"{words} needs a duration, found {an(describe(type))}", expr.span,
                    is_a(expr, type, "this"), notes=declared_at(lowered, scope), help=help)
    elif elapsed and isinstance(type, Period) and type.unit != "elapsed":
        scope.fault("unit-mismatch", f"{words} needs a duration in hours or shorter, found {an(describe(type))}",
                    expr.span, is_a(expr, type, "this"), help="a day is not 24 hours; write the hours that are meant")
    return lowered


def _deadline(expr: ast.Expr, scope: Scope) -> ir.Expr:
    lowered, type = value(expr, scope)
    if not isinstance(type, Instant | Date | Unknown):
        help = f"write `within {written(expr)}`" if isinstance(type, Period) and written(expr) else ""
        scope.fault("type-mismatch", f"`by` needs a date or an instant, found {an(describe(type))}", expr.span,
                    is_a(expr, type, "this"), notes=declared_at(lowered, scope), help=help)
    return lowered


def _episode(name: ast.Name, words: str, scope: Scope) -> bool:
    """Whether the episode exists and the moment has its keys."""
    episode = scope.names.episodes.get(name.text)
    if episode is None:
        if name.text in scope.names.states:
            scope.fault("unknown-name", f"`{name.text}` is a state, and {words} needs an episode", name.span, "a state")
        else:
            scope.fault("unknown-name", f"there is no episode `{name.text}`", name.span, "unknown episode",
                        help=did_you_mean(name.text, scope.names.episodes))
        return False
    if scope.loose:
        return True
    declared = (Note(f"`{name.text}` is declared here", episode.span),)
    if scope.trigger is None:
        if words == "`during`":
            scope.fault("misplaced", "`during` asks for the run a moment belongs to, and a rule without `on` has no "
                        "moment", name.span, notes=declared)
        elif episode.keys:
            scope.fault("missing-key", f"`{name.text}` is kept per `{next(iter(episode.keys))}`, and a rule without "
                        "`on` has none", name.span, notes=declared)
        return not episode.keys and words != "`during`"
    for key, type in episode.keys.items():
        one = scope.trigger.record.field(key)
        if one is None:
            scope.fault("missing-key", f"`{name.text}` is kept per `{key}`, and {scope.trigger.words} has no field "
                        f"`{key}`", name.span, notes=declared)
            return False
        if merge(one.type, type) is None:
            scope.fault("type-mismatch", f"the key `{key}` of `{name.text}` is {describe(type)}, the field of "
                        f"{scope.trigger.words} {describe(one.type)}", name.span, notes=declared)
            return False
    return True


def _count_events(expr: ast.CountEvents, scope: Scope) -> Typed:
    number = Number(integer=True)
    if not _may_ask(expr.span, scope):
        return NOTHING[0], number
    asked, window = pattern(expr.pattern, scope), _past(expr.range, "`count of`", scope)
    if asked is None or window is None:
        return NOTHING[0], number
    return ir.CountEvents(asked, window, expr.span), number


def _sum_events(expr: ast.SumEvents, scope: Scope) -> Typed:
    if not _may_ask(expr.span, scope):
        return NOTHING
    asked, window = pattern(expr.pattern, scope), _past(expr.range, "`sum of`", scope)
    if asked is None or window is None:
        return NOTHING
    lowered, type = _event_field(expr.pattern.event, expr.field, scope)
    if not isinstance(type, Number | Unknown):
        return scope.fault("type-mismatch", f"`sum of` needs a number, found {an(describe(type))}",
                           expr.field[0].span.to(expr.field[-1].span), notes=declared_at(lowered, scope))
    path = tuple(one.text for one in expr.field)
    default = lowered.default if isinstance(lowered, ir.Get) else None
    return ir.SumEvents(asked, path, window, type, default, expr.span), type


def _episode_duration(expr: ast.EpisodeDuration, scope: Scope) -> Typed:
    elapsed = Period("elapsed")
    if not _may_ask(expr.span, scope):
        return NOTHING[0], elapsed
    known, window = _episode(expr.episode, "`duration of`", scope), _past(expr.range, "`duration of`", scope)
    if not known or window is None:
        return NOTHING[0], elapsed
    return ir.EpisodeDuration(expr.episode.text, window, expr.span), elapsed


def _latest(expr: ast.Latest, scope: Scope) -> Typed:
    if not _may_ask(expr.span, scope):
        return NOTHING
    asked = pattern(expr.pattern, scope)
    if asked is None:
        return NOTHING
    lowered, type = _event_field(expr.pattern.event, expr.field, scope)
    if isinstance(type, Unknown):
        return NOTHING
    if isinstance(type, Record):
        return scope.fault("type-mismatch", "`latest` gives one value, not a record", expr.span,
                           help="name a field of it")
    default = lowered.default if isinstance(lowered, ir.Get) else None
    return ir.Latest(asked, tuple(one.text for one in expr.field), type, default, expr.span), type


def _event_field(event: ast.Name, path: Sequence[ast.Name], scope: Scope) -> Typed:
    record = scope.names.vocabulary.events[event.text].record
    return _project(ir.Get(ir.CANDIDATE, (), record, None, event.span), record, event.text, path, scope)
