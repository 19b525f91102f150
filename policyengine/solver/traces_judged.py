"""One case under two versions, moment by moment, and what it is an example of.

In come two sides and a case; out comes what the reference evaluator says of each moment under both. How the case was
found is not known here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from policyengine.base.instants import parse_period
from policyengine.core import ir
from policyengine.core.case import Case
from policyengine.core.evaluate import judge
from policyengine.core.operators import TOO_LARGE
from policyengine.core.verdict import VERDICTS, Judgement, Setting, Verdict
from policyengine.solver.model import FINE, Side

MOST_MARKS = 500
"""A case with more marks is not judged."""

Pair = tuple[Verdict, Verdict]
"""What comes out under the old version and under the new one."""

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
    """What both versions say; None where a number or a date of the case is past what can be judged, or where a state
    that goes on has more marks than are worth judging."""
    if any(_marks(side, case, as_of) > MOST_MARKS for side in sides):
        return None
    found: dict[Hashable, list[Judgement | None]] = {}
    for place, side in enumerate(sides):
        try:
            judgements = judge(side.policy, case, Setting(as_of, side.parameters), side.calendar,
                               rules=(side.rule.name,))
        except TOO_LARGE:
            return None
        for one in judgements:
            held = found.setdefault(_moment(one), [None, None])
            before = held[place]
            if before is None or VERDICTS.index(one.verdict) < VERDICTS.index(before.verdict):
                held[place] = one
    return Judged(case, as_of, tuple(
        Outcome(None if not isinstance(key, tuple) else key[0], old, new) for key, (old, new) in found.items()))


def _marks(side: Side, case: Case, as_of: int) -> int:
    """How many marks a state may have from the first event to the instant of judgement, by the clock."""
    trigger = side.rule.trigger
    if not isinstance(trigger, ir.OnEvery) or trigger.once or not case.events:
        return 0
    match trigger.period:
        case ir.Constant(value=text):
            period = parse_period(text)
        case ir.Parameter(name=name):
            period = parse_period(side.parameter(name))
        case _:
            return 0
    return (as_of - case.events[0].time) // max(1, period.count) if period.is_elapsed else 0


def _moment(one: Judgement) -> Hashable:
    """What tells a moment from others in both versions: its time and its event, or the first event of its run."""
    if one.moment is None:
        return None
    return one.moment.time, id(one.moment.event or one.moment.run_first)
