"""The online monitor at numbers past what can be held: it judges all that does not rest on them, and tells the rest.

The evaluator is the measure twice. Where the monitor could not judge a moment, the evaluator raises there. Where it
gives a verdict, that is the evaluator's over the same trace with these numbers left out: whatever they had said, it
would be the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from policyengine.core import ir, types
from policyengine.core.case import Case
from policyengine.core.evaluate import judge, judge_moments
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.operators import Overflow
from policyengine.core.verdict import Moment, Setting
from policyengine.trace.monitor.monitor import Decided, Monitor, Outcome, Refused, Unjudged
from tests.property.test_monitor import CALENDAR, EVENTS, SECOND, Draw, compare, get

HUGE = 10 ** 12
"""A number that is one; its square is none."""

INTEGER = types.Number(integer=True)
QUIET = ("violated", "undecided", "exempt")


def squared(owner: str) -> ir.Expr:
    """The square of an event's `large`."""
    large = ir.Get(owner, ("large",), INTEGER)
    return ir.Apply("*", (large, large), INTEGER)


class Large(Draw):
    """As `Draw`, with events that have a `large`, of which policies ask the square: of the moment's event, and with
    `spread` of candidates and triggers, and of what states and episodes are made of; or many times a sum."""

    def __init__(self, seed: int, *, spread: bool) -> None:
        super().__init__(seed)
        self.spread = spread
        self.often = self.one(0.1, 0.2, 0.4)

    def small(self) -> ir.Constant:
        return ir.Constant(self.one(0, 1, 2), INTEGER)

    def least(self, owner: str) -> ir.Expr:
        return compare(squared(owner), self.one(">=", "<", "="), self.small())

    def summed(self) -> ir.Expr:
        """What a range comes to, many times over."""
        pattern = ir.Pattern(self.one(*EVENTS), ("user",), self.one(None, get(CANDIDATE, "flag")))
        total = ir.SumEvents(pattern, ("large",), self.past(), INTEGER)
        many = ir.Apply("*", (total, ir.Constant(10 ** 7, INTEGER)), INTEGER)
        return compare(many, self.one(">", "<="), self.small())

    def where(self, depth: int = 1) -> ir.Expr | None:
        found = super().where(depth)
        if not self.spread or self.random.random() < 0.6:
            return found
        least = self.least(CANDIDATE)
        return least if found is None or self.random.random() < 0.5 else self.one(ir.And, ir.Or)((found, least))

    def policy(self) -> ir.Policy:
        made = super().policy()
        rule = made.rules[0]
        plain = isinstance(rule.trigger, ir.OnEvent)
        found, large = self.question(), self.least(TRIGGER) if plain and self.random.random() < 0.5 else self.summed()
        more = self.one([], *([ir.Must(one, False)] for one in (
            large, ir.And((found, large)), ir.Or((found, large)), ir.Or((found, ir.Not(large))))))
        rule = replace(rule, must=(*rule.must, *more))
        if isinstance(rule.trigger, ir.OnEvent):
            when = (self.least(TRIGGER),) if self.random.random() < 0.2 else ()
            trigger = replace(rule.trigger, where=self.least(CANDIDATE)) if (
                self.spread and self.random.random() < 0.3) else rule.trigger
            rule = replace(rule, when=when, trigger=trigger)
        if not self.spread:
            return replace(made, rules=(rule,))
        consent, level = made.states
        assert isinstance(consent, ir.BooleanState) and isinstance(level, ir.ValuedState)
        consent = replace(consent, starts=tuple(map(self.asking, consent.starts)),
                          ends=tuple(map(self.asking, consent.ends)))
        level = replace(level, tiers=tuple(tuple(replace(one, pattern=self.asking(one.pattern)) for one in tier)
                                           for tier in level.tiers))
        (session,) = made.episodes
        session = replace(session, events=tuple(map(self.asking, session.events)),
                          ends=tuple(map(self.asking, session.ends)))
        return replace(made, rules=(rule,), states=(consent, level), episodes=(session,))

    def asking(self, pattern: ir.Pattern) -> ir.Pattern:
        return replace(pattern, where=self.least(CANDIDATE)) if self.random.random() < 0.3 else pattern

    def case(self) -> Case:
        case = super().case()  # numbered, since what events say may not put them in another order
        return replace(case, events=tuple(replace(one, sequence=place, fields={**one.fields, **self.large()})
                                          for place, one in enumerate(case.events)))

    def large(self) -> Mapping[str, Any]:
        return {"large": HUGE} if self.random.random() < self.often else self.one({}, *({"large": n} for n in range(3)))


def without(case: Case) -> Case:
    """The case with what is too large to be squared left out."""
    return replace(case, events=tuple(replace(one, fields={
        name: value for name, value in one.fields.items() if value != HUGE}) for one in case.events))


Known = tuple[Any, ...]


def known(rule: str, moment: Moment | None) -> Known:
    """What tells moments apart, whatever their events say."""
    return (rule,) if moment is None else (
        rule, moment.time, moment.known, moment.keys,
        *(one and one.row for one in (moment.event, moment.run_first, moment.run_past)))


class Trial:
    """A policy, a trace, what sources emit, and an instant long after."""

    def __init__(self, seed: int, *, spread: bool) -> None:
        draw = Large(seed, spread=spread)
        self.judged, self.case, self.sources, self.random = draw.policy(), draw.case(), draw.sources(), draw.random
        self.far = self.case.events[-1].time + 60 * SECOND
        silent = judge(self.judged, replace(self.case, events=()), Setting(0, {}), CALENDAR, sources=self.sources)
        assume(not silent)  # about the rule as a whole, which has no moment

    def monitor(self, **more: Any) -> Monitor:
        try:
            return Monitor(self.judged, self.case.facts, {}, CALENDAR, sources=self.sources, **more)
        except Refused:
            event("refused")
            assume(False)
            raise

    def expected(self) -> dict[Known, list[str]]:
        """The evaluator's verdicts where the numbers are left out. There may be several moments that are alike."""
        found: dict[Known, list[str]] = {}
        for one in judge(self.judged, without(self.case), Setting(self.far, {}), CALENDAR, sources=self.sources):
            found.setdefault(known(one.rule, one.moment), []).append(one.verdict)
        return found

    def raises(self, of: Known) -> bool:
        """Whether the evaluator comes upon a number too large where it judges that moment."""
        (rule,) = self.judged.rules
        try:
            judge_moments(self.judged, rule, self.case, Setting(self.far, {}), CALENDAR,
                          lambda moment: known(rule.name, moment) == of, sources=self.sources)
        except Overflow:
            return True
        return False


class Told:
    """What a monitor says of a trial, step by step."""

    def __init__(self, trial: Trial, monitor: Monitor) -> None:
        self.trial, self.monitor = trial, monitor
        self.said: dict[Known, list[str]] = {}
        self.ids: dict[str, tuple[Known, str]] = {}

    def take(self, outcomes: Iterable[Outcome]) -> None:
        for one in outcomes:
            assert isinstance(one, Decided | Unjudged)
            said, of = (one.judgement.verdict, known(one.judgement.rule, one.judgement.moment)) if isinstance(
                one, Decided) else ("unjudged", known(one.rule, one.moment))
            assert one.id not in self.ids, "each under an id of its own"
            self.said.setdefault(of, []).append(said)
            self.ids[one.id] = of, said

    def whole(self, *, compacting: bool = False, restarting: bool = False) -> Told:
        trial = self.trial
        for one in trial.case.events:
            self.take(self.monitor.feed(one))
            if compacting and trial.random.random() < 0.7:
                self.monitor.compact()
            if restarting and trial.random.random() < 0.4:
                self.monitor = Monitor.restore(
                    json.loads(json.dumps(self.monitor.snapshot())), trial.judged, trial.case.facts, {}, CALENDAR,
                    sources=trial.sources)
        self.take(self.monitor.finish())
        self.take(self.monitor.advance(trial.far + 1))
        return self

    def finished(self) -> Told:
        """With what is still open."""
        for one in self.monitor.pending():
            self.said.setdefault(known(one.rule, one.moment), []).append(one.verdict)
        return self

    def number(self) -> int:
        """How many moments were not judged."""
        return sum(some.count("unjudged") for some in self.said.values())

    def of_kinds(self, kinds: Collection[str]) -> dict[str, tuple[Known, str]]:
        return {id: told for id, told in self.ids.items() if told[1] in kinds}


@given(st.integers(0, 2 ** 48))
@settings(max_examples=250, deadline=None)
def test_just_the_moments_at_which_the_evaluator_raises(seed: int) -> None:
    """Where only what is asked of the moment's own event, or a sum, can be too large; also where the well are only
    counted."""
    trial = Trial(seed, spread=False)
    told = Told(trial, trial.monitor()).whole().finished()
    expected = trial.expected()
    assert told.said.keys() == expected.keys()
    for of, some in told.said.items():
        wanted = ["unjudged"] * len(some) if trial.raises(of) else expected[of]
        assert sorted(some) == sorted(wanted)
    event(f"{min(3, told.number())} unjudged")
    quiet = Told(trial, trial.monitor(report=QUIET)).whole()
    assert quiet.ids == told.of_kinds((*QUIET, "unjudged"))
    assert (quiet.monitor.counts, quiet.monitor.unjudged) == (told.monitor.counts, told.monitor.unjudged)
    assert sum(told.monitor.unjudged.values()) == told.number()


@given(st.integers(0, 2 ** 48))
@example(2291)  # where only what stands before it is asked, its own row was too large
@settings(max_examples=300, deadline=None)
def test_no_verdict_rests_on_it(seed: int) -> None:
    """Also where candidates, triggers, states and episodes are asked. A moment that the monitor does not come upon is
    of a run of which it says that it cannot be judged. Rows that can decide nothing any more it does not look at, and
    goes on, whenever they were thrown away, and wherever it was restarted."""
    trial = Trial(seed, spread=True)
    told = Told(trial, trial.monitor()).whole().finished()
    expected = trial.expected()
    lost = {of[3] for of, some in told.said.items() if "unjudged" in some}
    for of, some in told.said.items():
        judged, wanted = Counter(one for one in some if one != "unjudged"), Counter(expected.get(of, ()))
        assert judged <= wanted and (of[3] in lost or judged == wanted)
        assert judged.total() == len(some) or trial.raises(of)
    of_runs = not isinstance(trial.judged.rules[0].trigger, ir.OnEvent)
    assert told.said.keys() == expected.keys() or of_runs
    assert all(of[3] in lost for of in expected.keys() - told.said.keys())
    event(f"{min(3, told.number())} unjudged")
    event(f"{len({one for some in told.said.values() for one in some} - {'unjudged'})} other verdicts")
    swept = Told(trial, trial.monitor()).whole(compacting=True)
    restarted = Told(trial, trial.monitor()).whole(compacting=True, restarting=True)
    assert told.ids == swept.ids
    assert told.ids == restarted.ids
    assert restarted.monitor.unjudged == told.monitor.unjudged
    quiet = Told(trial, trial.monitor(report=QUIET)).whole(compacting=trial.random.random() < 0.5)
    assert quiet.ids == told.of_kinds((*QUIET, "unjudged"))
    assert (quiet.monitor.counts, quiet.monitor.unjudged) == (told.monitor.counts, told.monitor.unjudged)
