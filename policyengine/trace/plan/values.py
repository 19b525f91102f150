"""Conditions and values of the core as terms of SQL: one case for every node, one rule for every operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from policyengine.core import ir, types
from policyengine.core.conditions import condition_of, value_of
from policyengine.core.standing import typed
from policyengine.core.walk import type_of
from policyengine.trace.columns import Column, Unsupported, key_columns
from policyengine.trace.plan.builder import Builder
from policyengine.trace.plan.expressions import bound_variables, exact, scale_of, whole_list
from policyengine.trace.plan.frames import Frame
from policyengine.trace.plan.questions import beside, count_events, episode_duration, latest_of, occurs, sum_events
from policyengine.trace.plan.states import ahead, in_state, state_value
from policyengine.trace.plan.terms import (
    DAY,
    MISSING,
    SYMBOLS,
    TRUE,
    Term,
    all_of,
    any_of,
    any_tie,
    arithmetic,
    compare,
    listed,
    literal,
    member,
    missing,
    negation,
    not_compared,
    present,
    quoted,
    strict_tie,
    text,
)


def answer_condition(build: Builder, frame: Frame, expr: ir.Expr) -> Term:
    """A condition, three-valued."""
    if not build.dynamic(expr, bound_variables(frame)):
        return literal(build.reckoned(condition_of, expr, build.standing_with(frame)), types.Bool())
    match expr:
        case ir.Not():
            return negation(build.condition(frame, expr.part))
        case ir.And():
            beside(build, frame, expr.parts)
            ahead(build, frame, expr)
            return all_of([build.kept(frame, build.condition(frame, part), "part") for part in expr.parts])
        case ir.Or():
            beside(build, frame, expr.parts)
            ahead(build, frame, expr)
            return any_of([build.kept(frame, build.condition(frame, part), "part") for part in expr.parts])
        case ir.Quantified():
            return quantified(build, frame, expr)
        case ir.Present():
            return present(build.value(frame, expr.operand))
        case ir.Occurs():
            return build.answered(frame, expr, lambda: occurs(build, frame, expr), "occurs")
        case ir.InState():
            return build.answered(frame, expr, lambda: in_state(build, frame, expr), "in_state")
        case _:
            return build.value(frame, expr)


def answer_value(build: Builder, frame: Frame, expr: ir.Expr) -> Term:
    """A value, NULL when missing."""
    if not build.dynamic(expr, bound_variables(frame)):
        return literal(build.reckoned(value_of, expr, build.standing_with(frame)), type_of(expr))
    match expr:
        case ir.Get():
            return field_of(build, frame, expr)
        case ir.ListValue():
            return listed([exact(build.kept(frame, build.value(frame, item), "item")) for item in expr.items])
        case ir.Today():
            return Term(build.today(frame), False)
        case ir.LocalTime():
            local = f"({frame.now} + {build.known.horizon.offset(frame.now)})"
            return Term(f"((({local} % {DAY}) + {DAY}) % {DAY})", False)
        case ir.CompletedYears():
            birth = build.kept(frame, build.value(frame, expr.birth), "birth")
            if birth.sql == "NULL":
                return MISSING
            today = build.extend(frame, build.today(frame), "today", "the local date")
            day = [f"date_part('month', {one}) * 100 + date_part('day', {one})" for one in (today, birth.sql)]
            return Term(f"(date_part('year', {today}) - date_part('year', {birth.sql}) - CASE WHEN {day[0]} < "
                        f"{day[1]} THEN 1 ELSE 0 END)", birth.nullable, None, birth.tie)
        case ir.Apply():
            return apply_operator(build, frame, expr)
        case ir.CountElements():
            return count_elements(build, frame, expr)
        case ir.CountEvents():
            return build.answered(frame, expr, lambda: count_events(build, frame, expr), "count_events")
        case ir.SumEvents():
            return build.answered(frame, expr, lambda: sum_events(build, frame, expr), "sum_events")
        case ir.EpisodeDuration():
            return build.answered(frame, expr, lambda: episode_duration(build, frame, expr), "duration")
        case ir.Latest():
            return build.answered(frame, expr, lambda: latest_of(build, frame, expr), "latest")
        case ir.StateValue():
            return build.answered(frame, expr, lambda: state_value(build, frame, expr), "state_value")
        case _:
            return build.condition(frame, expr)


def field_of(build: Builder, frame: Frame, expr: ir.Get) -> Term:
    """A field of the trigger or a candidate, or of what a quantifier has in view."""
    if expr.owner in frame.variables:
        bound = frame.variables[expr.owner]
        if not isinstance(bound, Term) or expr.path:
            raise Unsupported("a list of records in an event")
        return bound
    if expr.owner not in frame.fields:
        raise Unsupported("a field of an event that is not in view")
    if expr.path == ("time",):
        return Term(frame.at[expr.owner][0], False)
    column = Column(expr.path, expr.type)
    name = frame.fields[expr.owner] + column.name
    of_key = key_columns(expr.path, build.known.key_types)[0].name if len(expr.path) == 1 else ""
    if name not in frame.columns and frame.fields[expr.owner] + of_key in frame.columns:
        name = frame.fields[expr.owner] + of_key  # a key of a mark
    if name not in frame.columns:
        raise Unsupported(f"the field `{'.'.join(expr.path)}`, which no event here has")
    events = frame.events
    filled = bool(events) and all(column.name in build.known.filled.get(event, frozenset()) for event in events)
    key = of_key in build.rule.keys and expr.owner == ir.TRIGGER
    both = ir.TRIGGER in frame.fields and ir.CANDIDATE in frame.fields and expr.owner == ir.CANDIDATE \
        and frame.fields[ir.CANDIDATE] != frame.fields[ir.TRIGGER]
    if expr.default is not None:
        stand_in = literal(typed(expr.default, expr.type), expr.type)
        return Term(f"coalesce({quoted(name)}, {stand_in.sql})", False, scale=max(stand_in.scale, scale_of(expr.type)))
    return Term(quoted(name), not ((filled and not both) or key), scale=scale_of(expr.type))


def apply_operator(build: Builder, frame: Frame, expr: ir.Apply) -> Term:
    """A strict operator."""
    left, right = (build.kept(frame, build.value(frame, one), "value") for one in expr.arguments)
    found = MISSING if "NULL" in (left.sql, right.sql) else applied(build, frame, expr, left, right)
    return replace(found, tie=strict_tie((left, right)))


def applied(build: Builder, frame: Frame, expr: ir.Apply, left: Term, right: Term) -> Term:
    """The same, of values that are there; whether it rests on a tie is not said."""
    kinds = tuple(type_of(one) for one in expr.arguments)
    if expr.operator in SYMBOLS:
        left, right = whole_list(left), whole_list(right)
        if any(isinstance(kind, types.Period) and kind.unit is None for kind in kinds):
            raise Unsupported("a comparison of periods whose unit only the data knows")
        hard = not_compared(left, right)
        frame.hard += [hard] if hard else []
        return compare(expr.operator, left, right)
    if expr.operator not in ("+", "-", "*", "/"):
        left, right = exact(left), exact(right)
    elif left.high is not None or right.high is not None:
        term, hard = arithmetic(expr.operator, left, right)
        frame.hard += [hard] if hard else []
        return term
    tie, nullable = any_tie((left, right)), left.nullable or right.nullable
    match expr.operator:
        case "in":
            return member(left, right)
        case "contains":
            return member(right, left)
        case "contains all" | "contains none of":
            if right.items is None:
                want = "NOT " if expr.operator == "contains all" else ""
                has = member(Term("y", False), left)
                value = f"(array_length(list_filter({right.sql}, lambda y: {want}{has.sql})) = 0)"
            else:
                every = [member(item, left) for item in right.items]
                value = (all_of(every) if expr.operator == "contains all" else negation(any_of(every))).sql
            lost = " OR ".join(missing(one) for side in (left, right) for one in side.items or (side,) if one.nullable)
            return Term(f"(CASE WHEN NOT ({lost}) THEN {value} END)" if lost else value, bool(lost), None, tie)
        case "matches":
            if not (right.sql.startswith("'")):
                raise Unsupported("`matches` a pattern that an event names")
            pattern = right.sql[1:-1].replace("''", "'")
            return Term(f"regexp_matches({left.sql}, {text(f'^(?:{pattern})' + chr(92) + 'z')})", left.nullable, None,
                        tie)
        case "instant -":
            return Term(f"({left.sql} - {right.sql})", nullable, None, tie)
        case "+" | "-":
            return shifted(build, frame, expr, left, right, kinds)
        case _:
            term, hard = arithmetic(expr.operator, left, right)
            frame.hard += [hard] if hard else []
            return term


def shifted(build: Builder, frame: Frame, expr: ir.Apply, left: Term, right: Term,
            kinds: tuple[types.Type, ...]) -> Term:
    """`+` and `-` on dates, instants, periods and numbers."""
    tie, nullable = any_tie((left, right)), left.nullable or right.nullable
    sign = expr.operator
    match kinds:
        case types.Number(), types.Number():
            term, hard = arithmetic(sign, left, right)
            frame.hard += [hard] if hard else []
            return term
        case types.Date(), types.Date():
            return Term(f"date_diff('day', {right.sql}, {left.sql})", nullable, None, tie)
        case types.Period(), types.Period():
            return Term(f"({left.sql} {sign} {right.sql})", nullable, None, tie)
        case (types.Period(), types.Date() | types.Instant()):
            swapped = ir.Apply(sign, (expr.arguments[1], expr.arguments[0]), expr.type)
            return shifted(build, frame, swapped, right, left, (kinds[1], kinds[0]))
        case types.Instant(), types.Period(unit=unit):
            if unit == "elapsed":
                return Term(f"({left.sql} {sign} {right.sql})", nullable, None, tie)
            if unit is None or sign == "-":
                raise Unsupported("an instant moved by a period whose unit only the data knows")
            closes = build.edge_of(frame, left.sql, expr.arguments[1])
            if closes.sql == "NULL":
                return MISSING
            lost = f" AND {right.sql} IS NOT NULL" if closes.nullable else ""
            frame.hard.append(f"({left.sql} IS NOT NULL{lost} AND {closes.sql} IS NULL)")
            return Term(f"({closes.sql} - 1)", nullable or closes.nullable, None, tie)
        case types.Date(), types.Period(unit=unit):
            if unit == "day":
                moved = f"({left.sql} {sign} CAST({right.sql} AS INTEGER))"
            elif unit == "month":
                count = right.sql if sign == "+" else f"(-({right.sql}))"
                moved = f"add_months({left.sql}, CAST({count} AS INTEGER))"
            elif unit == "working_day" and not build.dynamic(expr.arguments[1]):
                length = build.static(expr.arguments[1])
                if length is None:
                    return MISSING
                found = build.look_up(frame, "after" if sign == "+" else "ago", length, build.days(left.sql))
                frame.hard.append(f"({left.sql} IS NOT NULL AND {found} IS NULL)")
                return Term(build.on_day(found), nullable, None, tie)
            else:
                raise Unsupported("a date moved by working days that an event names")
            frame.hard.append(f"(date_part('year', {moved}) NOT BETWEEN 1 AND 9999)")
            return Term(moved, nullable, None, tie)
        case _:
            raise Unsupported(f"`{sign}` on {types.describe(kinds[0])} and {types.describe(kinds[1])}")


def elements_of(build: Builder, frame: Frame, variable: str,
                domain: ir.Expr) -> list[tuple[Any, tuple[Any, ...]]] | None:
    """The raw elements of a list of facts with their places; None for a list that an event has."""
    if build.dynamic(domain, bound_variables(frame)):
        return None
    place: tuple[Any, ...] = ()
    if isinstance(domain, ir.Fact):
        raw: Any = build.known.facts
        for name in domain.path:
            raw = raw.get(name) if isinstance(raw, Mapping) else None
        raw, place = (domain.default if raw is None else raw), domain.path
    elif isinstance(domain, ir.Get):
        raw, place = frame.variables[domain.owner]
        for name in domain.path:
            raw = raw.get(name) if isinstance(raw, Mapping) else None
        raw, place = (domain.default if raw is None else raw), (*place, *domain.path)
    else:
        raw = build.reckoned(value_of, domain, build.standing_with(frame))
    return [] if raw is None else [(one, (*place, index)) for index, one in enumerate(raw)]


def lost_list(build: Builder, frame: Frame, domain: ir.Expr) -> bool:
    """Whether a list of facts is missing."""
    return not build.dynamic(domain, bound_variables(frame)) and build.reckoned(
        value_of, domain, build.standing_with(frame)) is None


def quantified(build: Builder, frame: Frame, expr: ir.Quantified) -> Term:
    """`every`, `some`, `no`: one condition an element of a list of facts, a count over a list that an event has."""
    if lost_list(build, frame, expr.domain):
        return MISSING
    elements, unknown = elements_of(build, frame, expr.variable, expr.domain), ""
    if elements is None and isinstance(expr.domain, ir.ListValue):
        elements, unknown = items_of(build, frame, expr.domain)
    if elements is None:
        return quantified_in_event(build, frame, expr)
    answers = []
    for element in elements:
        frame.variables[expr.variable] = element
        chosen = TRUE if expr.where is None else build.condition(frame, expr.where)
        answer = build.condition(frame, expr.condition)
        answers.append(any_of((negation(chosen), answer)) if expr.kind == "every" else all_of((chosen, answer)))
    frame.variables.pop(expr.variable, None)
    answer = all_of(answers) if expr.kind == "every" else any_of(answers)
    if unknown:
        answer = Term(f"CASE WHEN NOT ({unknown}) THEN {answer.sql} END", True, answer.settles, answer.tie)
    return negation(answer) if expr.kind == "no" else answer


def items_of(build: Builder, frame: Frame, domain: ir.ListValue) -> tuple[list[Any], str]:
    """The items of a written list as terms, and when one of them is missing."""
    items = [build.kept(frame, build.value(frame, one), "item") for one in domain.items]
    items = [exact(one) for one in items]
    return items, " OR ".join(f"{one.sql} IS NULL" for one in items if one.nullable)


def quantified_in_event(build: Builder, frame: Frame, expr: ir.Quantified) -> Term:
    asked = (ir.Or((ir.Not(expr.where), expr.condition)) if expr.kind == "every" else
             ir.And((expr.where, expr.condition))) if expr.where is not None else expr.condition
    held, domain = each_of(build, frame, expr.variable, expr.domain, asked)
    by, other = ("FALSE", "TRUE") if expr.kind == "every" else ("TRUE", "FALSE")

    def some(what: str) -> str:
        return f"array_length(list_filter({domain.sql}, {held} {what})) > 0"

    value = (f"CASE WHEN {domain.sql} IS NULL THEN NULL WHEN {some(by)} THEN {by} WHEN {some('NULL')} THEN NULL "
             f"ELSE {other} END")
    answer = build.kept(frame, Term(value), "each")
    return negation(answer) if expr.kind == "no" else answer


def each_of(build: Builder, frame: Frame, variable: str, domain: ir.Expr, asked: ir.Expr) -> tuple[str, Term]:
    """A condition on the elements of a list that an event has, as the body of a lambda."""
    found = build.kept(frame, build.value(frame, domain), "list")
    item, inline, hard = type_of(domain), frame.inline, len(frame.hard)
    name = f"x{len(frame.variables)}"
    frame.variables[variable] = Term(name, False, scale=scale_of(item.item) if isinstance(item, types.ListOf) else 0)
    frame.inline = True
    held = build.condition(frame, asked)
    frame.inline = inline
    del frame.variables[variable]
    if held.tie is not None or any(name in one for one in frame.hard[hard:]):
        raise Unsupported("so much asked of each element of a list")
    return f"lambda {name}: {held.sql} IS", found


def count_elements(build: Builder, frame: Frame, expr: ir.CountElements) -> Term:
    """How many elements of a list match."""
    if lost_list(build, frame, expr.domain):
        return MISSING
    elements, unknown = elements_of(build, frame, expr.variable, expr.domain), ""
    if elements is None and isinstance(expr.domain, ir.ListValue):
        elements, unknown = items_of(build, frame, expr.domain)
    if elements is None:
        held, domain = each_of(build, frame, expr.variable, expr.domain, expr.where or ir.Constant(True, types.Bool()))
        sure = f"array_length(list_filter({domain.sql}, {held} TRUE))"
        maybe = f"array_length(list_filter({domain.sql}, {held} NOT FALSE))"
        return build.kept(frame, Term(sure, True, None, None, maybe if expr.where is not None else None), "count")
    low, high, ties = [], [], []
    for element in elements:
        frame.variables[expr.variable] = element
        held_one = TRUE if expr.where is None else build.kept(frame, build.condition(frame, expr.where), "held")
        low.append(f"CASE WHEN {held_one.sql} THEN 1 ELSE 0 END")
        high.append(f"CASE WHEN {held_one.sql} IS NOT FALSE THEN 1 ELSE 0 END")
        ties.append(held_one)
    frame.variables.pop(expr.variable, None)
    counts = [f"({' + '.join(one) or '0'})" for one in (low, high)]
    if unknown:
        counts = [f"CASE WHEN NOT ({unknown}) THEN {one} END" for one in counts]
    return build.kept(frame, Term(counts[0], bool(unknown), None, any_tie(ties), counts[1]), "count")
