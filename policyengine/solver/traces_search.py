"""Looking for small cases in which two versions come out as wanted: first a trigger fires, then one thing at a time.

In come a ground and a pair of verdicts; out come judged cases. Drafts grow goal by goal, the cheapest first and in a
fixed order, so that two searches find the same; the bounds are numbers of steps and of judged cases, never a clock.
Both versions are judged by the reference evaluator, which alone says what a case shows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from policyengine.base.calendar import OutOfRange, closes
from policyengine.base.instants import Period, parse_period
from policyengine.core.case import Case
from policyengine.core.verdict import Judgement
from policyengine.solver.events_draft import Draft, case_of, fits
from policyengine.solver.events_times import HOUR, MINUTE
from policyengine.solver.model import FINE, Side
from policyengine.solver.traces_goals import Goal
from policyengine.solver.traces_ground import Ground, Which
from policyengine.solver.traces_judged import Judged, Outcome, Pair, judge_both
from policyengine.solver.traces_starts import Starts
from policyengine.solver.traces_ways import Ways

STEPS = 1_500
"""How many goals one search looks at."""
LARGE = 50
"""So many events make a case count double."""
LONG = 500
"""A trace of the user's with more events is left alone."""


@dataclass(slots=True)
class Search:
    """One comparison's search: what it has judged so far, and the smallest case for each pair of verdicts; `own` are
    the user's own cases."""

    ground: Ground
    ways: Ways
    sides: tuple[Side, Side]
    best: dict[Pair, tuple[Draft, Judged, Outcome]] = field(default_factory=dict)
    own: dict[Pair, tuple[Judged, Outcome]] = field(default_factory=dict)
    judged: int = 0
    seen: set[Hashable] = field(default_factory=set)
    longest: int = 0

    def look_for(self, wanted: Pair, most: int, *, steps: int = STEPS) -> bool:
        """Judge up to `most` cases made for a pair of verdicts; whether one of them shows it."""
        heap: list[tuple[int, int, Draft, tuple[Goal, ...]]] = []
        number = 0
        for cost, draft, goals in Starts(self.ground, self.ways).of(wanted):
            if self._contradict(goals):
                continue
            number += 1
            heappush(heap, (cost, number, draft, goals))
        until = self.judged + most
        while heap and steps > 0 and self.judged < until:
            cost, _, draft, goals = heappop(heap)
            steps -= 1
            if not goals:
                judged = self.judge(draft, meanwhile="pending" in wanted)
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

    def _contradict(self, goals: Sequence[Goal]) -> bool:
        """Whether one condition is to have two answers."""
        wants: dict[Hashable, bool | None] = {}
        return any(wants.setdefault((self.ground.keys[one.side].of(one.expr), one.at), one.want) is not one.want
                   for one in goals)

    def judge(self, draft: Draft, *, meanwhile: bool = False) -> Judged | None:
        """Judge a draft, and keep it for each pair of verdicts of which it is the smallest example.

        `meanwhile`: also at instants at which an answer may still be open.
        """
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
        self.judged += 1 + len(case.events) // LARGE
        open_at = self._meanwhile(draft, far) if meanwhile else ()
        for judged in (last, *(judge_both(self.sides, case, as_of) for as_of in open_at)):
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
            rule = self.ground.sides[side].rule
            yield self._at(draft, one), tuple(Goal(side, must.condition, True) for must in rule.must)

    def _at(self, draft: Draft, judgement: Judgement) -> Draft:
        """The draft with another moment of its case in view."""
        moment = judgement.moment
        if moment is None:  # about the service: what it asks is asked of the same facts
            return replace(draft, wants={}, values={})
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
            if (known is None or judged.size() < known[1].size()) and all(
                    fits(judged.case, side.vocabulary) for side in self.sides):
                self.best[pair] = (draft, judged, outcome)

    def offer(self, case: Case, as_of: int) -> None:
        """Judge a case of the user's own, at an instant by which everything in it is decided.

        A long trace is no example, nor is what one of the versions cannot read.
        """
        if len(case.events) > LONG or not all(fits(case, side.vocabulary) for side in self.sides):
            return
        last = max([as_of, *(event.time for event in case.events)])
        judged = judge_both(self.sides, case, max([last, *(self._closes(last, one) for one in self.ground.periods)]))
        if judged is not None:
            for pair, outcome in judged.shows():
                self.own.setdefault(pair, (judged, outcome))

    def shown(self) -> set[Pair]:
        """The pairs of verdicts of which there is an example."""
        return {*self.best, *self.own}

    # ---- when to judge -------------------------------------------------------------------------------------------

    def decided(self, draft: Draft) -> int:
        """An instant at which every answer about the draft's moment is in: a full hour soon after."""
        if not self._has_moments():
            return draft.now
        last = max([draft.now, draft.known, *(row.time for row in draft.rows)])
        ends = [self._closes(last, one) for one in self._awaited(draft)]
        return -(-max([last, *ends]) // HOUR) * HOUR

    def _awaited(self, draft: Draft) -> Iterator[Period]:
        """The periods that an answer may take; where one is not known to be among them, all there are."""
        yield from self.ground.awaited
        if self.ground.awaits_more:
            yield from self.ground.periods
            yield from (period for value in draft.facts.values() if isinstance(value, str) for period in _period(value))
            yield Period(40, "day")

    def _meanwhile(self, draft: Draft, far: int) -> Iterator[int]:
        """Instants before the ends of periods, where an answer may be open."""
        ends = sorted({self._closes(draft.known, one) for one in self._awaited(draft)} - {far})
        yield from dict.fromkeys((draft.known + MINUTE // 2, *ends[:2]))

    def _closes(self, start: int, period: Period) -> int:
        try:
            return max(closes(start, period, side.calendar) for side in self.sides)
        except (OutOfRange, ValueError):
            return start

    def _has_moments(self) -> bool:
        return any(side.rule.trigger is not None for side in self.sides)


def _period(text: str) -> tuple[Period, ...]:
    try:
        return (parse_period(text),)
    except ValueError:
        return ()
