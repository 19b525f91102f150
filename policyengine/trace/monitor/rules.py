"""A rule at work in an online monitor: whose first match was seen, and what can be said of a moment without evidence.

In come the plan of a rule and the stores; out come its conditions as functions of a row, where they have such a form,
and so do those of patterns that nobody asks but the row itself.
What is done with a moment is not known here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from policyengine.base.calendar import OutOfRange, closes
from policyengine.base.instants import Period
from policyengine.core import ir
from policyengine.core.case import Event
from policyengine.core.conditions import value_of
from policyengine.core.operators import TOO_LARGE
from policyengine.core.standing import at_large
from policyengine.core.truth import FALSE, TRUE, Truth
from policyengine.core.verdict import Verdict
from policyengine.core.walk import conjuncts, nodes
from policyengine.trace.monitor.duties import Wait
from policyengine.trace.monitor.keys import Key
from policyengine.trace.monitor.quick import Quick, answer, quick, settled
from policyengine.trace.monitor.retention import Plan, asks_trigger, states_in
from policyengine.trace.monitor.rows import Shelf
from policyengine.trace.monitor.runs import Match


class Work:
    """A rule. `seen`: the keys whose first match has been; `unsure`: those of which one may have been.

    `where`, `when`, `now`: its trigger's condition, what it applies to, what it demands of the past and the present, as
    source over the trigger; None where only the evaluator can say. `later`: the one thing it demands within `period` of
    the moment, which is too late `elapsed` after it, where that is the same for all. `quiet`: the verdicts that are
    only counted.
    """

    def __init__(self, place: int, plan: Plan, quiet: Collection[Verdict]) -> None:
        assert plan.rule.trigger is not None
        self.place, self.plan, self.rule, self.name, self.quiet = place, plan, plan.rule, plan.rule.name, quiet
        self.trigger, self.keys = plan.rule.trigger, plan.rule.keys
        self.run = "" if isinstance(self.trigger, ir.OnEvent) else self.trigger.run
        self.active = True
        self.waits: list[Wait] = []
        self.seen: dict[Key, None] = {}
        self.unsure: dict[Key, Truth] = {}
        self.asks_past = bool(plan.past or plan.states or plan.runs)
        self.where: Quick = None
        self.when: Quick = None
        self.now: Quick = None
        self.later: Wait | None = None
        self.period: Period | None = None
        self.elapsed: int | None = None

    def prepare(self, shelf: Shelf) -> None:
        """Find the functions; `waits` are known."""
        trigger, rule, blank = self.trigger, self.rule, shelf.blank
        if isinstance(trigger, ir.OnEvent):
            if any(blank.gap_in_history(name, None) for name in trigger.events) and trigger.first:
                return
            self.where = True if trigger.where is None else quick(trigger.where, shelf, _own)
        scope = blank.policy.scope_of(rule)
        applies = True if scope is None else settled(scope, blank)
        excused = [quick(one.condition, shelf, _own) for one in rule.unless]
        if applies is None or any(one is not False for one in excused):
            return
        self.when = False if not applies else quick(ir.And(rule.when), shelf, _own)
        demands = [part for one in rule.must for part in conjuncts(one.condition)]
        later = [one for one in demands if any(isinstance(node, ir.FUTURE) for node in nodes(one))]
        self.now = quick(ir.And(tuple(one for one in demands if one not in later)), shelf, _own)
        if later:
            self._wait(later, shelf)

    def _wait(self, later: list[ir.Expr], shelf: Shelf) -> None:
        (first, *more) = later
        self_kept = not isinstance(self.trigger, ir.OnEvent) or not states_in(self.trigger.where)
        if more or not self_kept or not isinstance(first, ir.Occurs) or not isinstance(first.range, ir.Within) \
                or asks_trigger(first.range.period, ()) or len(self.waits) != 1 or not self.waits[0].sure:
            self.now = None
            return
        period = None
        with suppress(*TOO_LARGE):
            period = value_of(first.range.period, at_large(shelf.blank), shelf.blank).value
        if not isinstance(period, Period):
            self.now = None
            return
        self.later, self.period = self.waits[0], period
        if period.is_elapsed:
            self.elapsed = closes(0, period, shelf.blank.calendar)

    def due(self, time: int, shelf: Shelf) -> int | None:
        """When what is demanded later is too late; None where no calendar has that day."""
        assert self.period is not None
        try:
            return closes(time, self.period, shelf.blank.calendar)
        except OutOfRange:
            return None

    def only_waits(self) -> bool:
        """Whether a mark that is certain leaves nothing to ask but `later`, and is only counted once that has come."""
        return self.later is not None and self.when is True and self.now is True and "satisfied" in self.quiet

    def forget(self, key: str, value: Any) -> None:
        """Forget whether a first match has been."""
        if key in self.keys:
            at = self.keys.index(key)
            for some in (self.seen, self.unsure):
                for one in [value] if len(self.keys) == 1 else [one for one in some if one[at] == value]:
                    some.pop(one, None)


def matcher(patterns: Iterable[ir.Pattern], shelf: Shelf) -> Match:
    """As `Shelf.match` of these patterns, without evidence where none is needed."""
    asked = {id(one): answer(quick(one.where, shelf, _own)) for one in patterns if one.where is not None}

    def match(pattern: ir.Pattern, place: int, event: Event) -> Truth:
        some = asked.get(id(pattern))
        found = some(place, event) if callable(some) else some
        return shelf.match(pattern, place, event) if found is None else TRUE if found else FALSE
    return match


def _own(get: ir.Get) -> bool:
    return get.owner in (ir.TRIGGER, ir.CANDIDATE)
