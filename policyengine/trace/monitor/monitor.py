"""The online monitor: a policy and the facts of one service, events one by one -> verdicts the moment they are final.

It gives what `core.evaluate.judge` gives at one microsecond before the watermark over the events not reported late,
each verdict once, when it is settled; settled stays settled is a law of the language. In come `core.case.Event`s that
have passed the vocabulary; out go plain values. Files, queues, clocks and what a verdict looks like are not known here.

The watermark is the greatest event time (or the clock handed to `advance`) less the lateness. The events of an instant
are judged together once the watermark is beyond it, in the order of the language. An event older than the watermark is
reported as `Late` and not judged. Rows with equal ids are one event: ids are remembered until the watermark has passed
the event's time by the lateness once more; a row that comes again after that is older than the watermark, so `Late`.

A moment that rests on a number or a date past what any engine can hold, at which the evaluator raises, is reported as
`Unjudged`; all others are judged.

Rules without a trigger judge a service, not a moment; they are left to `check`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from itertools import chain
from typing import Any

from policyengine.base.calendar import Calendar
from policyengine.base.diagnostic import Diagnostic, error
from policyengine.core import ir
from policyengine.core.case import Case, Event, Sources
from policyengine.core.standing import World
from policyengine.core.verdict import VERDICTS, Judgement, Setting, Verdict
from policyengine.trace.monitor.arrival import START, Arrival, in_turn
from policyengine.trace.monitor.judge import Judge
from policyengine.trace.monitor.outcomes import Decided, Late, Outcome, Unjudged
from policyengine.trace.monitor.retention import Kept, kept, plans
from policyengine.trace.monitor.runs import NEVER
from policyengine.trace.monitor.state import SNAPSHOT, made_of, packed, unpack

__all__ = ["Decided", "Kept", "Late", "Monitor", "Outcome", "Refused", "Unjudged"]


_NONE = (Event("", NEVER, {}),)
"""After all events: no event of its own."""


class Refused(ValueError):
    """The policy cannot be monitored, or a snapshot is of another monitor; `diagnostics` say why."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(one.message for one in diagnostics))
        self.diagnostics = diagnostics


class Monitor:
    """One version of a policy over one service, for ever. Not safe for use by several threads at once.

    `parameters`: the operator's values, raw, by name. `lateness` in microseconds. `rules`: names, None for all.
    `force`: moments from the first up to, not including, the second instant are judged. `report`: the verdicts that are
    handed out; the others are counted only, which is faster. Raises `Refused` when a rule would have to keep everything
    (see `retention`).
    """

    def __init__(self, policy: ir.Policy, facts: Mapping[str, Any], parameters: Mapping[str, Any],
                 calendar: Calendar, *, lateness: int = 0, sources: Sources | None = None,
                 rules: Iterable[str] | None = None, force: tuple[int | None, int | None] = (None, None),
                 report: Collection[Verdict] = VERDICTS) -> None:
        named = None if rules is None else set(rules)
        judged = [rule for rule in policy.rules if rule.trigger is not None and (named is None or rule.name in named)]
        self._plans, refused = plans(policy, judged, facts, parameters, calendar, sources)
        if refused:
            raise Refused(refused)
        self._made_of = partial(made_of, policy, facts, parameters, calendar, sources, [one.name for one in judged],
                                force)
        self._policy = policy
        self._arrival = Arrival(lateness)
        blank = World.of(policy, Case(facts), Setting(0, parameters), calendar, sources)
        self._judge = Judge(blank, self._plans, force, report)
        self.counts = self._judge.counts
        """How many final verdicts of each kind each rule has given, reported or not."""
        self.unjudged = self._judge.unjudged
        """How many moments of each rule could not be judged; all are reported."""

    # ---- in and out ---------------------------------------------------------------------------------------------

    @property
    def watermark(self) -> int | None:
        """UTC microseconds; None before the first event."""
        return None if self._arrival.watermark == START else self._arrival.watermark

    @property
    def late(self) -> int:
        """How many events were reported late."""
        return self._arrival.late

    @property
    def repeats(self) -> int:
        """How many rows were dropped because their id was known already."""
        return self._arrival.repeats

    def feed(self, event: Event) -> list[Outcome]:
        """Take one event; what became final through it, in a fixed order, or that it is late."""
        return self.feed_all((event,))

    def feed_all(self, events: Iterable[Event]) -> list[Outcome]:
        """As `feed` of each event in turn, all outcomes together."""
        out: list[Outcome] = []
        arrival, judge = self._arrival, self._judge
        for over, late in arrival.put(events):
            if over or judge.soonest < arrival.watermark or judge.opening:
                self._pass(over, out)
            if late is not None:
                out.append(Late(late, arrival.watermark))
        return out

    def advance(self, instant: int) -> list[Outcome]:
        """The clock shows `instant` (UTC microseconds), so the watermark is at least that less the lateness: deadlines
        fire without an event. An instant before the greatest so far changes nothing."""
        self._arrival.clock(instant)
        return self._released()

    def finish(self, as_of: int | None = None) -> list[Outcome]:
        """Judge all events up to and including `as_of` (None: all that came), as the evaluator does at that instant.
        What is still open is then `pending`. Events may follow; those up to `as_of` are late."""
        last = self._arrival.last() if as_of is None else as_of
        if last is not None:
            self._arrival.settle(last)
        return self._released()

    def pending(self) -> list[Judgement]:
        """The open duties as of one microsecond before the watermark, by due time."""
        return self._judge.pending(self._arrival.watermark - 1)

    @property
    def open(self) -> int:
        """How many duties are open."""
        return len(self._judge.duties)

    def retention(self) -> tuple[Kept, ...]:
        """What is kept for each rule, in policy order."""
        return tuple(row for plan in self._plans for row in kept(plan, self._policy))

    def size(self) -> int:
        """How many things are kept now: events, runs, open duties, keys whose first match was seen."""
        return self._judge.size()

    def compact(self) -> None:
        """Throw away what no moment to come can reach. Done by itself whenever what is kept has doubled."""
        self._judge.compact(self._arrival.watermark)

    def _released(self) -> list[Outcome]:
        out: list[Outcome] = []
        self._pass(self._arrival.over(), out)
        return out

    def _pass(self, events: list[Event], out: list[Outcome]) -> None:
        """Judge events by time, all of each instant among them, and let time pass up to the watermark."""
        judge, watermark = self._judge, self._arrival.watermark
        alone, single = judge.alone, not judge.whole
        if judge.opening:
            judge.begun(watermark - 1, out)
        if events:
            rest = iter(events)
            event, others = next(rest), list[Event]()  # an event, and the others of its instant
            time = event.time
            for following in chain(rest, _NONE):
                after = following.time
                if after == time:
                    others.append(following)
                    continue
                if single and not others and judge.soonest > time:
                    try:
                        judged = alone[type(event)]
                    except KeyError:
                        judged = judge.by_itself
                    judged(event, out)
                else:
                    if judge.soonest <= time:
                        judge.fire(time, out)
                    judge.instant(time, in_turn([event, *others]), out)
                    others.clear()
                event, time = following, after
        judge.fire(watermark, out)
        judge.tidy(watermark)

    # ---- snapshots ----------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """All of it as values of which msgspec makes JSON, for `restore`, which takes them as they come back from any
        JSON library. Holds what the monitor was made of as hashes. What it holds changes when the monitor goes on."""
        return {"version": SNAPSHOT, "made_of": self._made_of(), **packed(self._judge, self._arrival)}

    @staticmethod
    def restore(snapshot: Mapping[str, Any], policy: ir.Policy, facts: Mapping[str, Any], parameters: Mapping[str, Any],
                calendar: Calendar, *, lateness: int = 0, sources: Sources | None = None,
                rules: Iterable[str] | None = None, force: tuple[int | None, int | None] = (None, None),
                report: Collection[Verdict] = VERDICTS) -> Monitor:
        """The monitor that wrote the snapshot, to go on with the next event; the other arguments as it was made with.
        Raises `Refused` (`other-snapshot`) when policy, facts, parameters, calendar, time zone data, sources or rules
        are not those of the snapshot. `lateness` and `report` may differ."""
        monitor = Monitor(policy, facts, parameters, calendar, lateness=lateness, sources=sources, rules=rules,
                          force=force, report=report)
        if snapshot.get("version") != SNAPSHOT:
            raise Refused((error("other-snapshot", "the state was written by another version of guiju"),))
        was = snapshot["made_of"]
        other = [name for name, value in monitor._made_of().items() if was.get(name) != value]
        if other:
            wrong = f"the state was written with another {' and another '.join(other)}"
            raise Refused((error("other-snapshot", wrong),))
        unpack(snapshot, monitor._judge, monitor._arrival)
        return monitor
