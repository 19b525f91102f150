"""Two versions of a rule -> the parts in which they differ, each with the old rule changed in that part alone.

In come two policies in the core with the texts of their files, out come `Edit`s. What an edit does to verdicts is not
asked here; the changed policies are what `rules` asks the solver about. Texts are the policy's own words at a part's
span; where a definition makes the difference, the words inside the definition.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from policyengine.base.record import record
from policyengine.base.source import Source, Span
from policyengine.core import ir, types
from policyengine.core.walk import conjuncts, grounds_of, nodes
from policyengine.diff.model import EditPart, RuleEdit
from policyengine.solver.words import constant

ALIKE: Final = 0.5
"""From this share of common nodes on, two conditions are one that changed, below it one dropped and one added."""

NO_VERDICT: Final[frozenset[EditPart]] = frozenset({
    "title", "title_zh", "family", "fix", "fix_zh", "citations", "severity"})
"""Parts that no verdict depends on."""


@record
class Written:
    """A rule of one version: its policy, and the policy's files by the name spans carry."""

    policy: ir.Policy
    rule: ir.Rule
    sources: Mapping[str, Source]

    def words(self, span: Span) -> str:
        """The policy's text at a span, on one line."""
        source = self.sources.get(span.path)
        if source is None:
            return ""
        text = source.text[source.offset(span.line, span.column):source.offset(span.end_line, span.end_column)]
        return " ".join(" ".join(line.partition("#")[0] for line in text.split("\n")).split())


@record
class Edit:
    """One changed part: as a reader would name it, and the old policy and rule with this part alone as it is new."""

    change: RuleEdit
    policy: ir.Policy
    rule: ir.Rule


def fingerprint(*parts: str) -> str:
    """Twelve hexadecimal digits that stand for what changed."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def edits_between(old: Written, new: Written) -> tuple[Edit, ...]:
    """Every part that differs, in the order in which a rule is written; what it rests on last."""
    found = [
        *_scope(old, new), *_keys(old, new), *_trigger(old, new), *_conditions("when", old, new),
        *_musts(old, new), *_unless(old, new), *_declared(old, new),
    ]
    for part, before, after in _plain(old, new):
        found.append(_edit(part, before, after, old, old.rule))
    return tuple(found)


def _edit(part: EditPart, before: str, after: str, old: Written, rule: ir.Rule, policy: ir.Policy | None = None,
          name: str = "") -> Edit:
    print_of = fingerprint(old.rule.name, part, name, before, after)
    return Edit(RuleEdit(part, before, after, name, None, print_of), policy or old.policy, rule)


# ---- the parts --------------------------------------------------------------------------------------------------

def _plain(old: Written, new: Written) -> Iterator[tuple[EditPart, str, str]]:
    before, after = old.rule, new.rule
    table: tuple[tuple[EditPart, str, str], ...] = (
        ("severity", before.severity, after.severity), ("family", before.family, after.family),
        ("title", before.title, after.title), ("title_zh", before.title_zh, after.title_zh),
        ("fix", before.fix, after.fix), ("fix_zh", before.fix_zh, after.fix_zh),
        ("citations", ", ".join(map(str, before.citations)), ", ".join(map(str, after.citations))))
    yield from (row for row in table if row[1] != row[2])


def _scope(old: Written, new: Written) -> Iterator[Edit]:
    before, after = old.policy.scope_of(old.rule), new.policy.scope_of(new.rule)
    if before == after:
        return
    if before is None or after is None:
        text = ("" if before is None else old.words(before.span), "" if after is None else new.words(after.span))
        yield _edit("scope", *text, old, replace(old.rule, applies=ir.And(()) if after is None else after),
                    with_missing(old.policy, new.policy))
        return
    yield from _changed_list("scope", tuple(conjuncts(before)), tuple(conjuncts(after)), old, new,
                             lambda parts: replace(old.rule, applies=_all(parts)))


def _keys(old: Written, new: Written) -> Iterator[Edit]:
    if set(old.rule.keys) != set(new.rule.keys):
        yield _edit("keys", ", ".join(old.rule.keys), ", ".join(new.rule.keys), old,
                    replace(old.rule, keys=new.rule.keys))


def _trigger(old: Written, new: Written) -> Iterator[Edit]:
    before, after = old.rule.trigger, new.rule.trigger
    if before == after:
        return
    match before, after:
        case ir.OnEvent(), ir.OnEvent():
            if set(before.events) != set(after.events) or before.first != after.first:
                text = ["on " + ("first " if one.first else "") + ", ".join(one.events) for one in (before, after)]
                yield _edit("trigger", text[0], text[1], old,
                            replace(old.rule, trigger=replace(before, events=after.events, first=after.first)))
            yield from _changed_list(
                "trigger", tuple(conjuncts(before.where)), tuple(conjuncts(after.where)), old, new,
                lambda parts: replace(old.rule, trigger=replace(before, where=_all(parts) if parts else None)))
        case _:
            period = _lone_period(before, after)
            part: EditPart = "trigger"
            texts = _shown_trigger(old, before), _shown_trigger(new, after)
            if period is not None:
                part, texts = "deadline", (_period_text(old, period[0]), _period_text(new, period[1]))
            yield _edit(part, *texts, old, replace(old.rule, trigger=after), with_missing(old.policy, new.policy))


def _shown_trigger(side: Written, trigger: ir.Trigger | None) -> str:
    return "" if trigger is None else side.words(trigger.span)


def _conditions(part: EditPart, old: Written, new: Written) -> Iterator[Edit]:
    yield from _changed_list(part, tuple(_conjuncts_of(old.rule.when)), tuple(_conjuncts_of(new.rule.when)), old, new,
                             lambda parts: replace(old.rule, when=parts))


def _musts(old: Written, new: Written) -> Iterator[Edit]:
    def rebuilt(parts: tuple[ir.Expr, ...]) -> ir.Rule:
        nevers = {must.condition for must in (*old.rule.must, *new.rule.must) if must.never}
        return replace(old.rule, must=tuple(ir.Must(one, one in nevers) for one in parts))

    yield from _changed_list("must", tuple(_conjuncts_of(must.condition for must in old.rule.must)),
                             tuple(_conjuncts_of(must.condition for must in new.rule.must)), old, new, rebuilt)


def _unless(old: Written, new: Written) -> Iterator[Edit]:
    under = {one.condition: one for one in (*new.rule.unless, *old.rule.unless)}
    yield from _changed_list("unless", tuple(one.condition for one in old.rule.unless),
                             tuple(one.condition for one in new.rule.unless), old, new,
                             lambda parts: replace(old.rule, unless=tuple(under[one] for one in parts)))


def _declared(old: Written, new: Written) -> Iterator[Edit]:
    """Params, states and episodes that both versions of the rule rest on and that are not the same in both."""
    before, after = grounds_of(old.policy, old.rule), grounds_of(new.policy, new.rule)

    def changed(kind: str) -> Iterator[tuple[Any, Any, ir.Policy]]:
        """A declaration in both versions, and the old policy with it as it is new."""
        shared = set(getattr(before, kind)) & set(getattr(after, kind))
        known = {one.name: one for one in getattr(new.policy, kind)}
        lent = with_missing(old.policy, new.policy)
        for one in getattr(old.policy, kind):
            other = known.get(one.name)
            if one.name in shared and other is not None and one != other:
                swapped: dict[str, Any] = {kind: tuple(
                    other if each.name == one.name else each for each in getattr(lent, kind))}
                yield one, other, replace(lent, **swapped)

    for param, other, policy in changed("params"):
        if param.value != other.value:
            part: EditPart = "deadline" if param.name in _deadlines(old.rule) else "param"
            yield _edit(part, value_text(param.value), value_text(other.value), old, old.rule, policy, param.name)
    for state, other, policy in changed("states"):
        yield _edit("state", *_runs_words(old, state, new, other), old, old.rule, policy, state.name)
    for episode, other, policy in changed("episodes"):
        yield _edit("episode", *_runs_words(old, episode, new, other), old, old.rule, policy, episode.name)


def _deadlines(rule: ir.Rule) -> set[str]:
    """The params that say until when, or how long."""
    ranges = (node for node in nodes((rule.must, rule.trigger))
              if isinstance(node, ir.Within | ir.NoLaterThan | ir.By | ir.OnEvery | ir.OnWithout))
    periods = (one.deadline if isinstance(one, ir.By) else one.period for one in ranges)
    return {inner.name for period in periods for inner in nodes(period) if isinstance(inner, ir.Parameter)}


def _runs_words(old: Written, before: Any, new: Written, after: Any) -> tuple[str, str]:
    """A state or an episode in both versions: the clauses that are not the same."""
    first, second = dict(_clauses(old, before)), dict(_clauses(new, after))
    changed = [word for word in dict.fromkeys((*first, *second)) if first.get(word) != second.get(word)]
    was, becomes = ("; ".join(f"{word} {one[word]}" for word in changed if word in one) for one in (first, second))
    return was, becomes


def _clauses(side: Written, run: ir.BooleanState | ir.ValuedState | ir.Episode) -> Iterator[tuple[str, str]]:
    def listed(patterns: Sequence[ir.Pattern]) -> str:
        return ", ".join(side.words(one.span) or one.event for one in patterns)

    yield "per", ", ".join(run.keys)
    match run:
        case ir.BooleanState():
            yield "from", listed(run.starts)
            if run.ends:
                yield "until", listed(run.ends)
            if run.lasting is not None:
                yield "lasting", _period_text(side, run.lasting)
        case ir.ValuedState():
            yield "of", " else ".join(", ".join(
                ".".join((side.words(one.pattern.span) or one.pattern.event, *one.path)) for one in tier)
                for tier in run.tiers)
        case ir.Episode():
            yield "of", listed(run.events)
            yield "gap", _period_text(side, run.gap)
            if run.ends:
                yield "ends at", listed(run.ends)


# ---- lists of conditions ----------------------------------------------------------------------------------------

def _changed_list(part: EditPart, before: tuple[ir.Expr, ...], after: tuple[ir.Expr, ...], old: Written, new: Written,
                  rebuilt: Callable[[tuple[ir.Expr, ...]], ir.Rule]) -> Iterator[Edit]:
    """Conditions that changed, were dropped, were added; equal ones, in whatever order, are no change."""
    gone = _without(before, after)
    come = _without(after, before)
    for first, second in _matched(gone, come):
        parts = tuple(second if one is first else one for one in before)
        period = _lone_period(first, second)
        texts = _texts(old, first, new, second)
        if period is not None:
            texts = (_period_text(old, period[0]), _period_text(new, period[1]))
        gone = [one for one in gone if one is not first]
        come = [one for one in come if one is not second]
        made = _edit("deadline" if period is not None else part, *texts, old, rebuilt(parts),
                     with_missing(old.policy, new.policy))
        gone_items, new_items = _members(first, second)
        yield replace(made, change=replace(made.change, only_old=gone_items, only_new=new_items))
    for first in gone:
        yield _edit(part, _text_alone(old, first), "", old, rebuilt(tuple(one for one in before if one is not first)))
    for second in come:
        yield _edit(part, "", _text_alone(new, second), old, rebuilt((*before, second)),
                    with_missing(old.policy, new.policy))


def _without(some: Sequence[ir.Expr], others: Sequence[ir.Expr]) -> list[ir.Expr]:
    rest = list(others)
    left = []
    for one in some:
        if one in rest:
            rest.remove(one)
        else:
            left.append(one)
    return left


def _matched(gone: Sequence[ir.Expr], come: Sequence[ir.Expr]) -> list[tuple[ir.Expr, ir.Expr]]:
    """The likest first, each once, in the order of the old."""
    ranked = sorted(((-_one_subject(one, other), i, j) for i, one in enumerate(gone) for j, other in enumerate(come)))
    taken: dict[int, int] = {}
    for likeness, i, j in ranked:
        if -likeness >= ALIKE and i not in taken and j not in taken.values():
            taken[i] = j
    return [(gone[i], come[j]) for i, j in sorted(taken.items())]


def _one_subject(one: ir.Expr, other: ir.Expr) -> float:
    """Likeness; conditions that read the same fields and facts, and no others, are about one thing."""
    likeness = alike(one, other)
    read = [{node.path for node in nodes(side) if isinstance(node, ir.Get | ir.Fact) and node.path}
            for side in (one, other)]
    return max(likeness, ALIKE) if read[0] and read[0] == read[1] else likeness


def alike(one: Any, other: Any) -> float:
    """How much of two trees is common, from 0 to 1, by what their nodes say and not by where they stand."""
    return common(signatures(one), signatures(other))


def common(first: Counter[tuple[str, ...]], second: Counter[tuple[str, ...]]) -> float:
    """`alike` for trees whose signatures are at hand."""
    total = sum(first.values()) + sum(second.values())
    return 2 * sum((first & second).values()) / total if total else 1.0


def signatures(tree: Any) -> Counter[tuple[str, ...]]:
    """What the nodes of a tree say, each with how often."""
    return Counter(_said(tree))


def _said(tree: Any) -> Iterator[tuple[str, ...]]:
    for node in nodes(tree):
        kind = type(node).__name__
        yield (kind,)
        for one in fields(node):
            value = getattr(node, one.name)
            if one.name not in ("span", "type") and not is_dataclass(value) and value not in (None, (), False):
                if not (isinstance(value, tuple) and any(is_dataclass(item) for item in value)):
                    yield kind, one.name, str(value)


def _conjuncts_of(exprs: Any) -> Iterator[ir.Expr]:
    for one in exprs:
        yield from conjuncts(one)


def _all(parts: tuple[ir.Expr, ...]) -> ir.Expr:
    return parts[0] if len(parts) == 1 else ir.And(parts)


# ---- in words ---------------------------------------------------------------------------------------------------

def _text_alone(side: Written, expr: ir.Expr) -> str:
    text = side.words(expr.span)
    return text or type(expr).__name__


def _texts(old: Written, first: Any, new: Written, second: Any) -> tuple[str, str]:
    """Both in words; where they are the same words, those of the smallest parts that differ."""
    before, after = old.words(first.span), new.words(second.span)
    if before != after:
        return before, after
    for one, other in _differences(first, second):
        if is_dataclass(one) and is_dataclass(other) and hasattr(one, "span") and hasattr(other, "span"):
            inner = old.words(one.span), new.words(other.span)
            if inner[0] != inner[1]:
                return inner
        elif one != other and not is_dataclass(one) and not is_dataclass(other):
            return value_text(one), value_text(other)
    return before, after


def _differences(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """The smallest pairs of parts that differ."""
    if one == other:
        return
    if type(one) is type(other) and is_dataclass(one) and not isinstance(one, ir.ListValue):
        inner = [pair for name in fields(one) if name.name not in ("span", "type")
                 for pair in _differences(getattr(one, name.name), getattr(other, name.name))]
        yield from inner if all(is_dataclass(pair[0]) for pair in inner) else ((one, other),)
    elif isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        for first, second in zip(one, other, strict=True):
            yield from _differences(first, second)
    else:
        yield one, other


def _members(first: Any, second: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What only one of two written lists has, where the lists are all that differs."""
    match list(_differences(first, second)):
        case [(ir.ListValue() as one, ir.ListValue() as other)]:
            had, has = ([value_text(item.value) for item in side.items if isinstance(item, ir.Constant)]
                        for side in (one, other))
        case [(ir.Constant(value=tuple() as one), ir.Constant(value=tuple() as other))]:
            had, has = ([value_text(item) for item in side] for side in (one, other))
        case _:
            return (), ()
    return tuple(item for item in had if item not in has), tuple(item for item in has if item not in had)


def _lone_period(first: Any, second: Any) -> tuple[ir.Expr, ir.Expr] | None:
    """The two periods, where they are all that differs."""
    found = list(_differences(first, second))
    match found:
        case [(ir.Constant() | ir.Parameter() as one, ir.Constant() | ir.Parameter() as other)] if (
                isinstance(one.type, types.Period) and isinstance(other.type, types.Period)):
            return one, other
        case _:
            return None


def _period_text(side: Written, period: ir.Expr) -> str:
    match period:
        case ir.Parameter():
            value = next((one.value for one in side.policy.params if one.name == period.name), "")
            return f"{value_text(value)} ({period.name})"
        case ir.Constant():
            return value_text(period.value)
        case _:
            return side.words(period.span)


def value_text(value: Any) -> str:
    """A raw value as a policy would write it, a text without its quotes."""
    return value if isinstance(value, str) else constant(value)


# ---- policies with one part changed -----------------------------------------------------------------------------

def with_missing(policy: ir.Policy, other: ir.Policy) -> ir.Policy:
    """A policy with the declarations that only another has, so that what comes from there finds what it names."""
    def added(own: tuple[Any, ...], others: tuple[Any, ...]) -> tuple[Any, ...]:
        known = {one.name for one in own}
        return (*own, *(one for one in others if one.name not in known))

    return replace(policy, params=added(policy.params, other.params), states=added(policy.states, other.states),
                   episodes=added(policy.episodes, other.episodes))
