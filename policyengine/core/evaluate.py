"""The meaning: one policy, one case, an instant of judgement -> a judgement for every rule and moment.

Plain and complete rather than fast; every other engine is tested against it. Section 5 of docs/language.md is the text,
this is the same in Python: here the verdicts, in `moments` what they are about, in `conditions` what is asked. It reads
no files and no clock; events after the instant of judgement are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from policyengine.base.calendar import Calendar
from policyengine.core import ir
from policyengine.core.case import Case, Sources
from policyengine.core.conditions import condition_of
from policyengine.core.moments import moments_of, trigger_events, unknown_lengths
from policyengine.core.standing import Here, World, at_large
from policyengine.core.truth import TRUE, Truth, all_of, any_of
from policyengine.core.verdict import (
    Judgement,
    Moment,
    NotEmitted,
    Setting,
)

Ask = Callable[[ir.Expr, Here, World], Truth]
"""What answers a condition: `condition_of`, or one who has its answers at hand."""


def judge(policy: ir.Policy, case: Case, setting: Setting, calendar: Calendar, *, sources: Sources | None = None,
          rules: Iterable[str] | None = None, start: int | None = None,
          end: int | None = None) -> tuple[Judgement, ...]:
    """Every rule (or those named) about the service and about each moment from `start` up to, not including, `end`.

    Rules in policy order, moments in the order of the trace. Instants are UTC microseconds. `sources` is what the
    project says its sources emit; None: history is assumed complete. Raises `operators.Overflow` for a number past
    18 digits, which is an error of the case or the policy, never a verdict.
    """
    def within(moment: Moment | None) -> bool:
        return moment is None or ((start is None or moment.time >= start) and (end is None or moment.time < end))

    world = World.of(policy, case, setting, calendar, sources)
    named = None if rules is None else set(rules)
    return tuple(judgement for rule in policy.rules if named is None or rule.name in named
                 for judgement in judge_in(rule, world, within))


def judge_moments(policy: ir.Policy, rule: ir.Rule, case: Case, setting: Setting, calendar: Calendar,
                  wanted: Callable[[Moment | None], bool], *,
                  sources: Sources | None = None) -> tuple[Judgement, ...]:
    """One rule about the moments that are `wanted`, and nothing is asked at the others; otherwise as `judge`.

    None is asked for where a judgement is about no moment: a rule without a trigger, a trigger nobody emits.
    """
    return tuple(judge_in(rule, World.of(policy, case, setting, calendar, sources), wanted))


def judge_in(rule: ir.Rule, world: World, wanted: Callable[[Moment | None], bool],
             ask: Ask = condition_of) -> Iterator[Judgement]:
    """The same in a world that is at hand, by one's own answers."""
    if rule.trigger is None:
        if wanted(None):
            yield verdict_at(rule, None, TRUE, at_large(world), world, ask)
        return
    silent = tuple(NotEmitted(event) for event in trigger_events(rule.trigger, world.policy)
                   if world.sources is not None and event not in world.sources.complete)
    if silent:
        scope = world.policy.scope_of(rule)
        if not wanted(None):
            pass
        elif scope is not None and condition_of(scope, at_large(world), world).value is False:
            yield Judgement(rule.name, "not_applicable", None)
        else:
            yield Judgement(rule.name, "undecided", None, missing=silent)
        if not isinstance(rule.trigger, ir.OnEvent):
            return  # its runs are not those that were
    unknown = unknown_lengths(rule.trigger, world)
    if unknown:
        if wanted(None):
            yield Judgement(rule.name, "undecided", None, missing=unknown)
        return
    for here, moment, triggered in moments_of(rule, world):
        if wanted(moment):
            yield verdict_at(rule, moment, triggered, here, world, ask)


def verdict_at(rule: ir.Rule, moment: Moment | None, triggered: Truth, here: Here, world: World,
               ask: Ask = condition_of) -> Judgement:
    """The order of the verdicts: not applicable, exempt, undecided, then by what must hold."""
    scope = world.policy.scope_of(rule)
    if triggered.value is False:
        # Most moments of a trace are of no concern to most rules, and need no further question.
        return Judgement(rule.name, "not_applicable", moment, tie=triggered.tie)
    applies = TRUE if scope is None else ask(scope, here, world)
    asked = [triggered, *(ask(one, here, world) for one in rule.when)]
    when = all_of([applies, *asked])
    if when.value is False:
        return Judgement(rule.name, "not_applicable", moment, tie=when.tie)
    unless = [ask(one.condition, here, world) for one in rule.unless]
    for place, exception in enumerate(unless):
        if exception.value:
            return Judgement(rule.name, "exempt", moment, None, exception.evidence, (), place, exception.tie)
    if when.value is None:
        return Judgement(rule.name, "undecided", moment, None, when.evidence, when.missing, tie=when.tie)
    must = all_of([ask(one.condition, here, world) for one in rule.must])
    # Beside what decided `must`, why the duty was there at all: the category that was flagged, the age that was known.
    evidence = (*must.evidence, *all_of(asked).evidence)
    if must.settles > world.as_of:
        return Judgement(rule.name, "pending", moment, must.settles, evidence, must.missing, tie=must.tie)
    if must.value is None:
        return Judgement(rule.name, "undecided", moment, None, evidence, must.missing, tie=must.tie)
    if must.value:
        return Judgement(rule.name, "satisfied", moment, None, evidence, (), tie=must.tie)
    excused = [one for one in unless if one.value is None]
    if excused:
        maybe = any_of(excused)
        return Judgement(rule.name, "undecided", moment, None, (*evidence, *maybe.evidence), maybe.missing,
                         tie=must.tie or maybe.tie)
    return Judgement(rule.name, "violated", moment, None, evidence, (), tie=must.tie)
