"""Looking for small cases in which two versions come out as wanted: first what fires a trigger, then one thing at a time.

In come a ground and a pair of verdicts; out come judged cases. Drafts grow goal by goal, the cheapest first and in a
fixed order, so that two searches find the same; the bounds are numbers of steps and of judged cases, never a clock. Both
versions are judged by the reference evaluator, which alone says what a case shows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import Any

from policyengine.base.calendar import OutOfRange, closes
from policyengine.base.instants import Period
from policyengine.core import ir
from policyengine.core.case import Case
from policyengine.core.evaluate import judge
from policyengine.core.operators import Overflow
from policyengine.core.verdict import VERDICTS, Judgement, Setting, Verdict
from policyengine.solver.events_draft import Draft, Row, case_of, default_of
from policyengine.solver.events_times import DAY, HOUR, MINUTE
from policyengine.solver.model import FINE, Side
from policyengine.solver.traces_ground import Ground, Which
from policyengine.solver.traces_ways import MOST, Goal, Ways

STEPS = 1_500
"""How many goals one search looks at."""

Pair = tuple[Verdict, Verdict]
"""What comes out under the old version and under the new one."""


# ---- judging ----------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Outcome:
    """What both versions say about one moment (None: about the service); `old` or `new` is None where the moment is
    not one of that version's, and it is not applicable there."""

    time: int | None
    old: Judgement | None
    new: Judgement | None

    @property
    def pair(self) -> Pair:
        return (self.old.verdict if self.old else "not_applicable", self.new.verdict if self.new else "not_applicable")


@dataclass(frozen=True, slots=True)
class Judged:
    """A case and all that both versions say about it."""

    case: Case
    as_of: int
    outcomes: tuple[Outcome, ...]

    def shows(self) -> list[tuple[Pair, Outcome]]:
        """The pairs of verdicts this case is an example of.

        A moment that goes from fine to violated counts only where the whole case is fine under that version: nothing is
        violated, undecided or pending at any moment. `3 in 24 hours` and `6 in 48 hours` differ at many a moment, and
        yet whoever keeps the first keeps the second.
        """
        whole = [all((one.pair[side] in FINE) for one in self.outcomes) for side in (0, 1)]
        found = []
        for one in self.outcomes:
            old, new = one.pair
            spoilt = (new == "violated" and old in FINE and not whole[0]) or (
                old == "violated" and new in FINE and not whole[1])
            if not spoilt:
                found.append((one.pair, one))
        return found

    def size(self) -> tuple[int, int]:
        return len(self.case.events), sum(len(one.fields) for one in self.case.events)


def judge_both(sides: Sequence[Side], case: Case, as_of: int) -> Judged | None:
    """What both versions say; None where a number or a date of the case is past what can be judged."""
    found: dict[Hashable, list[Judgement | None]] = {}
    for place, side in enumerate(sides):
        try:
            judgements = judge(side.policy, case, Setting(as_of, side.parameters), side.calendar,
                               rules=(side.rule.name,))
        except (Overflow, OutOfRange):
            return None
        for one in judgements:
            held = found.setdefault(_moment(one), [None, None])
            before = held[place]
            if before is None or VERDICTS.index(one.verdict) < VERDICTS.index(before.verdict):
                held[place] = one
    return Judged(case, as_of, tuple(
        Outcome(None if not isinstance(key, tuple) else key[0], old, new) for key, (old, new) in found.items()))


def _moment(one: Judgement) -> Hashable:
    """What tells a moment from others in both versions: its event; its time and keys where there is none."""
    if one.moment is None:
        return None
    if one.moment.event is not None:
        return one.moment.time, id(one.moment.event)
    return one.moment.time, frozenset((name, str(value)) for name, value in one.moment.keys)


# ---- searching --------------------------------------------------------------------------------------------------

@dataclass(slots=True)
class Search:
    """One comparison's search: what it has judged so far, and the smallest case for each pair of verdicts."""

    ground: Ground
    ways: Ways
    sides: tuple[Side, Side]
    best: dict[Pair, tuple[Draft, Judged, Outcome]] = field(default_factory=dict)
    judged: int = 0
    seen: set[Hashable] = field(default_factory=set)
    longest: int = 0

    def look_for(self, wanted: Pair, most: int, *, steps: int = STEPS) -> bool:
        """Judge up to `most` cases made for a pair of verdicts; whether one of them shows it."""
        heap: list[tuple[int, int, Draft, tuple[Goal, ...]]] = []
        number = 0
        for cost, draft, goals in self._starts(wanted):
            number += 1
            heappush(heap, (cost, number, draft, goals))
        until = self.judged + most
        while heap and steps > 0 and self.judged < until:
            cost, _, draft, goals = heappop(heap)
            steps -= 1
            if not goals:
                judged = self.judge(draft)
                if wanted in self.best:
                    return True
                for mended, more in self._mended(draft, judged, wanted):
                    number += 1
                    heappush(heap, (cost + 1, -number, mended, more))
                continue
            place = next((place for place, one in enumerate(goals) if not one.late), 0)
            goal, rest = goals[place], (*goals[:place], *goals[place + 1:])
            for way in self.ways.of(goal, draft):
                number += 1
                # Of what costs the same, what was begun last comes first, so that one case after another is whole.
                heappush(heap, (cost + way.cost, -number, way.draft, (*way.goals, *rest)))
        return wanted in self.best

    def judge(self, draft: Draft) -> Judged | None:
        """Judge a draft, and keep it for each pair of verdicts of which it is the smallest example."""
        key = draft.fingerprint()
        if key in self.seen:
            return None
        self.seen.add(key)
        try:
            case = case_of(draft, self.sides[1].vocabulary, self.ground.zone)
        except KeyError:
            return None  # an event type that only the other version's vocabulary has
        far = self.decided(draft)
        last = judge_both(self.sides, case, far)
        self.judged += 1
        for judged in (last, *(judge_both(self.sides, case, as_of) for as_of in self._meanwhile(draft, far))):
            if judged is not None:
                self.keep(draft, judged)
        return last

    def _mended(self, draft: Draft, judged: Judged | None, wanted: Pair) -> Iterator[tuple[Draft, tuple[Goal, ...]]]:
        """Where a moment shows the pair and another spoils the case: the draft, to be mended at that other moment."""
        if judged is None or "violated" not in wanted or all(one.pair != wanted for one in judged.outcomes):
            return
        side: Which = 0 if wanted[1] == "violated" else 1
        spoiling = [one for both in judged.outcomes if both.pair != wanted
                    for one in [both.new if side else both.old] if one is not None and one.verdict not in FINE]
        for one in spoiling[:1]:
            there = self._at(draft, one)
            if there is not None:
                rule = self.ground.sides[side].rule
                yield there, tuple(Goal(side, must.condition, True) for must in rule.must)

    def _at(self, draft: Draft, judgement: Judgement) -> Draft | None:
        """The draft with another moment of its case in view."""
        moment = judgement.moment
        if moment is None:
            return None
        rows = draft.rows
        if moment.event is not None:
            first = moment.event.row - 1
            order = [first, *(place for place in range(len(rows)) if place != first)]
            places = {before: after for after, before in enumerate(order)}
            rows = tuple(replace(rows[place], like=places.get(rows[place].like, -1)) for place in order)
        return replace(draft, now=moment.time, known=moment.known, rows=rows, trigger=moment.event is not None,
                       wants={}, values={})

    def keep(self, draft: Draft, judged: Judged) -> None:
        self.longest = max(self.longest, len(judged.case.events))
        for pair, outcome in judged.shows():
            known = self.best.get(pair)
            if known is None or judged.size() < known[1].size():
                self.best[pair] = (draft, judged, outcome)

    def offer(self, case: Case, as_of: int) -> None:
        """A case of the user's own."""

    # ---- when to judge -------------------------------------------------------------------------------------------

    def decided(self, draft: Draft) -> int:
        """An instant at which every answer about the draft's moment is in."""
        if not self._has_moments():
            return draft.now
        last = max([draft.now, draft.known, *(row.time for row in draft.rows)])
        return max([last, *(self._closes(last, one) for one in self.ground.periods)]) + DAY

    def _meanwhile(self, draft: Draft, far: int) -> Iterator[int]:
        """For the first few drafts: instants between the ends of two periods, where an answer may be open."""
        if not self._waits() or self.judged > 12:
            return
        ends = sorted({self._closes(draft.known, one) for one in self.ground.periods} - {far})
        yield from dict.fromkeys((draft.known + MINUTE // 2, *ends[:2]))

    def _closes(self, start: int, period: Period) -> int:
        try:
            return max(closes(start, period, side.calendar) for side in self.sides)
        except (OutOfRange, ValueError):
            return start

    def _has_moments(self) -> bool:
        return any(side.rule.trigger is not None for side in self.sides)

    def _waits(self) -> bool:
        return any(waits(side) for side in self.ground.sides)

    # ---- where to begin ------------------------------------------------------------------------------------------

    def _starts(self, wanted: Pair) -> Iterator[tuple[int, Draft, tuple[Goal, ...]]]:
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

    def _fired(self, side: Which, base: int) -> Iterator[tuple[int, Draft, tuple[Goal, ...]]]:
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
                ) -> Iterator[tuple[int, Draft, tuple[Goal, ...]]]:
        """Drafts in which a run begins at `base` and passes the trigger's mark."""
        policy = self.ground.sides[side].policy
        calendar = self.ground.sides[side].calendar
        episode = next((one for one in policy.episodes if one.name == trigger.run), None)
        state = next((one for one in policy.states if one.name == trigger.run), None)
        begins: Sequence[ir.Pattern] = episode.events if episode else state.starts if isinstance(
            state, ir.BooleanState) else ()
        keys = {name: self._key_value(side, begins, name) for name in (episode or state).keys} if episode or state else {}
        gap = None if episode is None else self.ways._peek(Goal(side, episode.gap, True), episode.gap, Draft(base, base))
        period = None if isinstance(trigger, ir.OnStart) else self.ways._peek(
            Goal(side, trigger.period, True), trigger.period, Draft(base, base))
        for cost, pattern in enumerate(begins[:2]):
            first = Row(pattern.event, base, {name: keys[name] for name in pattern.keys})
            where = _where(side, pattern.where)
            if isinstance(trigger, ir.OnStart):
                yield cost, Draft(base, base, (first,), True, keys), where
                continue
            if not isinstance(period, Period) or period.count <= 0:
                return
            for times in (1,) if isinstance(trigger, ir.OnWithout) or trigger.once else (1, 2):
                mark = closes(base, period.times(times), calendar) - 1
                rows = [first]
                known = mark
                if isinstance(gap, Period):
                    step = max(1, gap.count)
                    if (mark - base) // step > 6 * MOST:
                        break
                    at = base
                    while rows[-1].time <= mark:
                        at = at + step if at + step <= mark else min(at + step, mark + MINUTE)
                        rows.append(Row(pattern.event, at, {}, 0))
                    known = rows[-1].time
                yield cost + times - 1, Draft(mark, known, tuple(rows), False, keys), where
                if isinstance(trigger, ir.OnWithout) and mark - base > 2:
                    # Heard once on the way, and then a whole period of silence.
                    yield from self._silent_after(side, trigger, rows, keys, period, gap, where, cost + 2)

    def _silent_after(self, side: Which, trigger: ir.OnWithout, rows: Sequence[Row], keys: Mapping[str, Any],
                      period: Period, gap: Any, where: tuple[Goal, ...], cost: int,
                      ) -> Iterator[tuple[int, Draft, tuple[Goal, ...]]]:
        heard_at = rows[0].time + (closes(rows[0].time, period, self.ground.sides[side].calendar) - rows[0].time) // 2
        mark = closes(heard_at, period, self.ground.sides[side].calendar) - 1
        more = list(rows)
        if isinstance(gap, Period):
            at = more[-1].time
            while more[-1].time <= mark:
                at = at + gap.count if at + gap.count <= mark else min(at + gap.count, mark + MINUTE)
                more.append(Row(rows[0].type, at, {}, 0))
        heard = Row(trigger.pattern.event, heard_at, {name: keys[name] for name in trigger.pattern.keys if name in keys})
        known = more[-1].time if isinstance(gap, Period) else mark
        yield cost, Draft(mark, known, (*more, heard), False, keys), (*where, *_where(side, trigger.pattern.where,
                                                                                    len(more)))

    def _key_value(self, side: Which, patterns: Sequence[ir.Pattern], name: str) -> Any:
        vocabulary = self.ground.sides[side].vocabulary
        for pattern in patterns:
            schema = vocabulary.events[pattern.event].schema.get("properties", {}).get(name)
            if schema is not None:
                return default_of(schema, name, 0, self.ground.zone)
        return f"{name}-1"

    # ---- what a verdict asks for ---------------------------------------------------------------------------------

    def _asked(self, side: Which, verdict: Verdict, draft: Draft, *, own: bool) -> Iterator[tuple[int, tuple[Goal, ...]]]:
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

    def _fires(self, side: Which, draft: Draft) -> tuple[Goal, ...] | None:
        """What makes the draft's moment one of this side's too; None where nothing can."""
        trigger = self.ground.sides[side].rule.trigger
        match trigger:
            case None:
                return None if draft.trigger or draft.keys else ()
            case ir.OnEvent():
                if not draft.trigger or draft.rows[0].type not in trigger.events:
                    return None
                return _where(side, trigger.where)
            case _:
                return () if draft.keys else None

    def _silent(self, side: Which, draft: Draft, cost: int) -> Iterator[tuple[int, tuple[Goal, ...]]]:
        """What keeps this side's trigger from firing at the draft's moment."""
        trigger = self.ground.sides[side].rule.trigger
        if isinstance(trigger, ir.OnEvent):
            if trigger.where is not None:
                yield 0, (Goal(side, trigger.where, False, 0),)
            if trigger.first:
                pattern = ir.Pattern(draft.rows[0].type, self.ground.sides[side].rule.keys, trigger.where)
                yield 1, (Goal(side, ir.Occurs(pattern, ir.Before()), True),)
        elif trigger is not None and self.ground.keys[0].of(self.ground.sides[0].rule.trigger) != self.ground.keys[1].of(
                self.ground.sides[1].rule.trigger):
            yield cost, ()


def _where(side: Which, where: ir.Expr | None, row: int = 0) -> tuple[Goal, ...]:
    return () if where is None else (Goal(side, where, True, row),)


def waits(side: Side) -> bool:
    """Whether an answer of the rule may be open for a while."""
    from policyengine.core.walk import nodes

    return any(isinstance(node, ir.Within | ir.By | ir.NoLaterThan) for one in side.rule.must
               for node in nodes(one.condition))


