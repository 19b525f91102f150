"""Where a search begins: drafts in which a trigger fires, with the goals that a pair of verdicts asks for.

In come a ground and a pair of verdicts; out come drafts with goals and a cost, in a fixed order. How the goals are
brought about is for `traces_ways`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from policyengine.base.calendar import closes
from policyengine.base.instants import Period
from policyengine.core import ir
from policyengine.core.verdict import Verdict
from policyengine.solver.events_draft import Draft, Row, default_of
from policyengine.solver.events_times import MINUTE
from policyengine.solver.traces_events import LONGEST_RUN
from policyengine.solver.traces_goals import Goal, Open
from policyengine.solver.traces_ground import Ground, Which
from policyengine.solver.traces_judged import Pair
from policyengine.solver.traces_ways import Ways

Goals = tuple[Goal, ...]


@dataclass(frozen=True, slots=True)
class Starts:
    """The beginnings of one comparison."""

    ground: Ground
    ways: Ways

    def of(self, wanted: Pair) -> Iterator[tuple[int, Draft, Goals]]:
        """Drafts in which a trigger fires, with the goals that the pair of verdicts asks for."""
        lead: Which = 0 if wanted[1] == "not_applicable" else 1
        other: Which = 1 if lead == 0 else 0
        for base_cost, base in enumerate(self.ground.bases):
            for cost, draft, fired in self._fired(lead, base):
                for lead_cost, first in self._asked(lead, wanted[lead], draft, own=True):
                    for other_cost, second in self._asked(other, wanted[other], draft, own=False):
                        # What makes the one fine comes before what makes the other violated, which can then avoid it.
                        goals = (*fired, *second, *first) if wanted[lead] == "violated" else (*fired, *first, *second)
                        yield 2 * base_cost + cost + lead_cost + other_cost, draft, goals

    def _fired(self, side: Which, base: int) -> Iterator[tuple[int, Draft, Goals]]:
        """Drafts of which one moment is the trigger's."""
        rule = self.ground.sides[side].rule
        match rule.trigger:
            case None:
                yield 0, Draft(base, base), ()
            case ir.OnEvent():
                for cost, event in enumerate(rule.trigger.events):
                    draft = self._with_keys(side, Draft(base, base, (Row(event, base, {}),), True))
                    yield cost, draft, _where(side, rule.trigger.where)
            case _:
                yield from self._marked(side, rule.trigger, base)

    def _with_keys(self, side: Which, draft: Draft) -> Draft:
        declared = self.ground.sides[side].vocabulary.events.get(draft.rows[0].type)
        for name in self.ground.sides[side].rule.keys:
            schema = (declared.schema.get("properties", {}) if declared else {}).get(name)
            if schema is not None:
                draft = draft.with_field(0, name, default_of(schema, name, draft.now, self.ground.zone))
        return draft

    def _marked(self, side: Which, trigger: ir.OnEvery | ir.OnWithout | ir.OnStart, base: int,
                ) -> Iterator[tuple[int, Draft, Goals]]:
        """Drafts in which a run begins at `base` and passes the trigger's mark."""
        policy = self.ground.sides[side].policy
        calendar = self.ground.sides[side].calendar
        episode = next((one for one in policy.episodes if one.name == trigger.run), None)
        state = next((one for one in policy.states if one.name == trigger.run), None)
        begins: Sequence[ir.Pattern] = episode.events if episode else state.starts if isinstance(
            state, ir.BooleanState) else ()
        run = episode or state
        keys = {name: self._key_value(side, begins, name) for name in run.keys} if run is not None else {}
        draft = Draft(base, base, keys=keys)
        gap, draft = (None, draft) if episode is None else self._length(side, episode.gap, draft)
        period, draft = (None, draft) if isinstance(trigger, ir.OnStart) else self._length(side, trigger.period, draft)
        for cost, pattern in enumerate(begins[:2]):
            first = Row(pattern.event, base, {name: keys[name] for name in pattern.keys})
            where = _where(side, pattern.where)
            if isinstance(trigger, ir.OnStart):
                yield cost, replace(draft, rows=(first,), trigger=True), where
                continue
            if period is None or period.count <= 0:
                return
            for times in (1,) if isinstance(trigger, ir.OnWithout) or trigger.once else (1, 2):
                mark = closes(base, period.times(times), calendar) - 1
                rows = [first]
                known = mark
                if gap is not None:
                    step = max(1, gap.count)
                    if (mark - base) // step > LONGEST_RUN:
                        break
                    at = base
                    while rows[-1].time <= mark:
                        at = at + step if at + step <= mark else min(at + step, mark + MINUTE)
                        rows.append(Row(pattern.event, at, {}, 0))
                    known = rows[-1].time
                yield cost + times - 1, replace(draft, now=mark, known=known, rows=tuple(rows)), where
                if isinstance(trigger, ir.OnWithout) and mark - base > 2:
                    # Heard once on the way, and then a whole period of silence.
                    yield from self._silent_after(side, trigger, replace(draft, rows=tuple(rows)), period, gap, where,
                                                  cost + 2)

    def _length(self, side: Which, expr: ir.Expr, draft: Draft) -> tuple[Period | None, Draft]:
        """How long a period or gap is, decided on now if it is a fact that was open."""
        goal = Goal(side, expr, True)
        value = self.ways.peek(goal, expr, draft)
        if isinstance(value, Open):
            value = self.ways.default(goal, expr, draft)
            draft = next((way.draft for way in self.ways.set(goal, expr, value, draft)), draft)
        return (value if isinstance(value, Period) else None), draft

    def _silent_after(self, side: Which, trigger: ir.OnWithout, draft: Draft, period: Period, gap: Period | None,
                      where: Goals, cost: int) -> Iterator[tuple[int, Draft, Goals]]:
        rows, keys = draft.rows, draft.keys
        heard_at = rows[0].time + (closes(rows[0].time, period, self.ground.sides[side].calendar) - rows[0].time) // 2
        mark = closes(heard_at, period, self.ground.sides[side].calendar) - 1
        more = list(rows)
        if gap is not None:
            at = more[-1].time
            while more[-1].time <= mark:
                step = max(1, gap.count)
                at = at + step if at + step <= mark else min(at + step, mark + MINUTE)
                more.append(Row(rows[0].type, at, {}, 0))
        fields = {name: keys[name] for name in trigger.pattern.keys if name in keys}
        heard = Row(trigger.pattern.event, heard_at, fields)
        known = mark if gap is None else more[-1].time
        goals = (*where, *_where(side, trigger.pattern.where, len(more)))
        yield cost, replace(draft, now=mark, known=known, rows=(*more, heard)), goals

    def _key_value(self, side: Which, patterns: Sequence[ir.Pattern], name: str) -> Any:
        vocabulary = self.ground.sides[side].vocabulary
        for pattern in patterns:
            schema = vocabulary.events[pattern.event].schema.get("properties", {}).get(name)
            if schema is not None:
                return default_of(schema, name, 0, self.ground.zone)
        return f"{name}-1"

    # ---- what a verdict asks for ---------------------------------------------------------------------------------

    def _asked(self, side: Which, verdict: Verdict, draft: Draft, *, own: bool) -> Iterator[tuple[int, Goals]]:
        """For a verdict of one side: the goals of each way to it. `own`: the draft fires this side's trigger."""
        whole = self.ground.sides[side]
        rule = whole.rule
        scope = whole.policy.scope_of(rule)
        when = [*([scope] if scope is not None else []), *rule.when]
        fires = () if own else self._fires(side, draft)
        must = [one.condition for one in rule.must]
        unless = [one.condition for one in rule.unless]
        applies = (*(fires or ()), *(Goal(side, one, True) for one in when))
        spared = tuple(Goal(side, one, False) for one in unless)
        if verdict == "not_applicable":
            if fires is None:
                yield 0, ()
                return
            for cost, one in enumerate([*rule.when, *([scope] if scope is not None else [])]):
                yield cost, (Goal(side, one, False),)
            if not own:
                yield from self._silent(side, draft, len(when))
            return
        if fires is None:
            return
        match verdict:
            case "violated" | "pending":
                for cost, one in enumerate(must):
                    yield cost, (*applies, *spared, Goal(side, one, False))
            case "satisfied":
                yield 0, (*applies, *spared, *(Goal(side, one, True) for one in must))
            case "exempt":
                for cost, one in enumerate(unless):
                    yield cost, (*applies, Goal(side, one, True))
            case "undecided":
                for cost, one in enumerate(must):
                    rest = tuple(Goal(side, more, True) for more in must if more is not one)
                    yield cost, (*applies, *spared, Goal(side, one, None), *rest)
                for cost, one in enumerate(when):
                    rest = tuple(Goal(side, more, True) for more in when if more is not one)
                    yield cost + 1, (*(fires or ()), *rest, *spared, Goal(side, one, None))
                for one in unless:
                    yield 2, (*applies, Goal(side, one, None), *(Goal(side, more, False) for more in must))

    def _fires(self, side: Which, draft: Draft) -> Goals | None:
        """What makes the draft's moment one of this side's too; None where nothing can."""
        trigger = self.ground.sides[side].rule.trigger
        match trigger:
            case None:
                return None if draft.rows else ()
            case ir.OnEvent():
                if not draft.trigger or draft.rows[0].type not in trigger.events:
                    return None
                return _where(side, trigger.where)
            case ir.OnStart():
                return () if draft.trigger else None
            case _:
                return () if draft.rows and not draft.trigger else None

    def _silent(self, side: Which, draft: Draft, cost: int) -> Iterator[tuple[int, Goals]]:
        """What keeps this side's trigger from firing at the draft's moment."""
        trigger = self.ground.sides[side].rule.trigger
        if isinstance(trigger, ir.OnEvent):
            if trigger.where is not None:
                yield 0, (Goal(side, trigger.where, False, 0),)
            if trigger.first:
                pattern = ir.Pattern(draft.rows[0].type, self.ground.sides[side].rule.keys, trigger.where)
                yield 1, (Goal(side, ir.Occurs(pattern, ir.Before()), True),)
        elif trigger is not None:
            first, second = (keys.of(one.rule.trigger) for keys, one in zip(self.ground.keys, self.ground.sides,
                                                                            strict=True))
            if first != second:
                yield cost, ()  # a mark of the one need not be one of the other


def _where(side: Which, where: ir.Expr | None, row: int = 0) -> Goals:
    return () if where is None else (Goal(side, where, True, row),)
