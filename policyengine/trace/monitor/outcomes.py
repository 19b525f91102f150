"""What an online monitor hands out: verdicts that became final, moments that could not be judged, late events.

Plain values; who makes them and who reads them is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from policyengine.base.record import record
from policyengine.core import ir
from policyengine.core.case import Event, content
from policyengine.core.operators import Overflow
from policyengine.core.verdict import Judgement, Missing, Moment, Uncomputed


@record
class Decided:
    """A verdict that became final. `id`: 32 hexadecimal digits that are the same in every run over the same events,
    also after a restart; two rows alike in everything still have two. It covers the regulation, its version, the rule,
    the moment and the verdict."""

    id: str
    judgement: Judgement


@record
class Unjudged:
    """A moment of which nobody can say the verdict, or whether it is one: a number or a date that it rests on is past
    what any engine can hold, `reason` says which. `id` as of a verdict. `moment`: None where it is the whole rule."""

    id: str
    rule: str
    moment: Moment | None
    reason: Uncomputed


@record
class Late:
    """An event that came when the watermark (UTC microseconds) had passed its time. It was not judged."""

    event: Event
    watermark: int


Outcome = Decided | Unjudged | Late


def uncomputed(problem: ArithmeticError | ValueError) -> Uncomputed:
    """One of `TOO_LARGE` as what is missing by it."""
    if isinstance(problem, Overflow):
        return Uncomputed("number-too-large", "a number has more than 18 digits before the point")
    return Uncomputed("date-out-of-range", str(problem))


def uncomputed_in(missing: Iterable[Missing]) -> Uncomputed | None:
    """The first that could not be computed, if any."""
    return next((one for one in missing if isinstance(one, Uncomputed)), None)


def outcome_of(policy: ir.Policy, judgement: Judgement, twin: int) -> Decided | Unjudged:
    """A final judgement under its id; `twin` tells moments apart that are alike in everything."""
    lost = uncomputed_in(judgement.missing)
    moment = judgement.moment
    what: tuple[Any, ...] = (policy.regulation, policy.version, judgement.rule,
                             "unjudged" if lost else judgement.verdict, twin)
    if moment is not None:
        what = (*what, moment.time, moment.known, moment.keys, _event(moment.event), _event(moment.run_first))
    id = sha256(repr(what).encode()).hexdigest()[:32]
    return Unjudged(id, judgement.rule, moment, lost) if lost else Decided(id, judgement)


def _event(event: Event | None) -> Any:
    """What an event is known by: its id, else all it says."""
    return event and (event.id or (event.time, event.sequence, content(event)))
