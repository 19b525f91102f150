"""Moments that were judged in columns -> judgements with their evidence, by the evaluator on the rows that matter.

In come moments as an engine found them and a way to fetch rows; out come judgements. An engine and the evaluator that
disagree are a bug, and raise `Disagreement`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from policyengine.base.calendar import Calendar
from policyengine.base.record import record
from policyengine.core import ir
from policyengine.core.case import Event, Sources
from policyengine.core.evaluate import judge_in
from policyengine.core.moments import trigger_events
from policyengine.core.standing import Reach
from policyengine.core.verdict import Judgement, Moment, Setting, Verdict
from policyengine.trace.engines.footprint import Footprint, seek

TOGETHER = 4_000
"""So many moments are explained at once: their rows are fetched together."""

OF_A_RULE = 200
"""So many of them stand before the evaluator at once, if they are of one rule."""


class Disagreement(AssertionError):
    """An engine said otherwise than the evaluator."""


class TooManyRows(Exception):
    """More rows would have to be read to explain a moment than `limit`."""


@record
class Found:
    """A moment to be reported or judged anew: instants are UTC microseconds, `pos`, `first` and `past` places of
    events in the order (None where there is no such event); `verdict` None where only the evaluator can say. Without
    `why` nobody asks for its evidence."""

    t: int
    known: int
    pos: int | None
    first: int | None
    past: int | None
    verdict: Verdict | None
    due: int | None
    tie: bool
    why: bool = True


class Rows(Protocol):
    """Where an engine keeps its events. The same event is the same object each time."""

    def fetch(self, reaches: Sequence[Reach]) -> Sequence[Event]:
        """The events of these parts of the trace, in order. Raises `TooManyRows`."""

    def at(self, positions: Sequence[int], among: Collection[str] | None = None) -> Mapping[int, Event]:
        """The events at these places of the order, all of which are of the types `among` (None: of any)."""


@record
class About:
    """What moments are explained with: a service's facts, and all that does not change from moment to moment."""

    policy: ir.Policy
    facts: Mapping[str, Any]
    setting: Setting
    calendar: Calendar
    sources: Sources | None


def explain(about: About, found: Sequence[tuple[ir.Rule, Found]], rows: Rows,
            ) -> Iterator[tuple[Found, Judgement]]:
    """A judgement for each moment, in no order; without evidence where nobody asks why, or where a moment rests on more
    rows than can be read: one that only the evaluator can judge is then an error, `TooManyRows`."""
    for start in range(0, len(found), TOGETHER):
        yield from _explain(about, found[start:start + TOGETHER], rows)


def _explain(about: About, found: Sequence[tuple[ir.Rule, Found]], rows: Rows,
             ) -> Iterator[tuple[Found, Judgement]]:
    """The moments of several rules at once, whose rows are fetched together."""
    by_rule: dict[str, tuple[ir.Rule, list[Found]]] = {}
    for rule, one in found:
        by_rule.setdefault(rule.name, (rule, []))[1].append(one)
    parts = [(rule, whys[start:start + OF_A_RULE]) for rule, ones in by_rule.values()
             for whys in [[one for one in ones if one.why]] for start in range(0, len(whys), OF_A_RULE)]
    places = {place for _, one in found for place in (one.pos, one.first, one.past) if place is not None}
    among = {event for rule, _ in by_rule.values() if rule.trigger is not None
             for event in trigger_events(rule.trigger, about.policy)}
    events = rows.at(sorted(places), among)
    yield from (_told(rule, one, _moment(rule, one, events)) for rule, one in found if not one.why)
    asked = [(rule, [(one, _moment(rule, one, events)) for one in ones]) for rule, ones in parts]
    try:
        have = _footprints(about, [(rule, [moment for _, moment in ones]) for rule, ones in asked], rows)
    except TooManyRows:
        if len(whys := [of for of in found if of[1].why]) > 1:
            half = len(whys) // 2
            for part in (whys[:half], whys[half:]):
                yield from _explain(about, part, rows)
            return
        [(rule, [(one, moment)])] = asked
        if one.verdict is None:
            raise
        yield _told(rule, one, moment)
        return
    for (rule, ones), rests_on in zip(asked, have, strict=True):
        yield from _judged(rule, ones, rests_on)


def _told(rule: ir.Rule, found: Found, moment: Moment) -> tuple[Found, Judgement]:
    """What columns say of a moment, without evidence."""
    assert found.verdict is not None
    return found, Judgement(rule.name, found.verdict, moment, found.due, tie=found.tie)


def _footprints(about: About, asked: Sequence[tuple[ir.Rule, Sequence[Moment]]], rows: Rows) -> list[Footprint]:
    """What the moments of each rule are judged by; all searches take their steps together."""
    searches = [seek(about.policy, rule, moments, about.facts, about.setting, about.calendar, sources=about.sources)
                for rule, moments in asked]
    have: dict[int, Footprint] = {}
    wants = {number: next(search) for number, search in enumerate(searches)}
    while wants:
        rows.fetch([reach for reaches in wants.values() for reach in reaches])
        for number, reaches in list(wants.items()):
            try:
                wants[number] = searches[number].send(rows.fetch(reaches))
            except StopIteration as end:
                have[number] = end.value
                del wants[number]
    return [have[number] for number in range(len(searches))]


def _judged(rule: ir.Rule, asked: Sequence[tuple[Found, Moment]], have: Footprint) -> Iterator[tuple[Found, Judgement]]:
    wanted: dict[Any, list[Found]] = {}
    for one, moment in asked:
        wanted.setdefault(_identity(moment), []).append(one)
    for judgement in judge_in(rule, have.world, lambda moment: moment is not None and _identity(moment) in wanted,
                              have.answers):
        assert judgement.moment is not None
        said = wanted[_identity(judgement.moment)]
        if not said:
            raise Disagreement(f"{rule.name}: one moment more than was found")
        one = said.pop()
        if one.verdict is not None and (one.verdict, one.due) != (judgement.verdict, judgement.due):
            raise Disagreement(f"{rule.name} at {one.t}: {one.verdict} due {one.due} in columns, {judgement.verdict} "
                               f"due {judgement.due} by the evaluator")
        yield one, judgement
    if left := [one for said in wanted.values() for one in said]:
        raise Disagreement(f"{rule.name} at {left[0].t}: a moment in columns that the evaluator does not see")


def _moment(rule: ir.Rule, found: Found, events: Mapping[int, Event]) -> Moment:
    event = None if found.pos is None else events[found.pos]
    first = None if found.first is None else events[found.first]
    past = None if found.past is None else events[found.past]
    of = event or first
    assert of is not None
    keys = tuple((key, of.fields.get(key)) for key in rule.keys)
    return Moment(found.t, found.known, keys, event, first, past)


def _identity(moment: Moment) -> tuple[Any, ...]:
    """What tells two moments of a rule apart."""
    return (moment.time, moment.known, id(moment.event), id(moment.run_first), id(moment.run_past))
