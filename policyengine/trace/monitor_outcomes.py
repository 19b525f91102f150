"""What an online monitor hands out: verdicts that became final, under an id, and events that came too late.

Plain values; who makes them and who reads them is not known here.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from policyengine.base.record import record
from policyengine.core import ir
from policyengine.core.case import Event, content
from policyengine.core.verdict import Judgement


@record
class Decided:
    """A verdict that became final. `id`: 32 hexadecimal digits that are the same in every run over the same events,
    also after a restart; two rows alike in everything still have two. It covers the regulation, its version, the rule,
    the moment and the verdict."""

    id: str
    judgement: Judgement


@record
class Late:
    """An event that came when the watermark (UTC microseconds) had passed its time. It was not judged."""

    event: Event
    watermark: int


Outcome = Decided | Late


def verdict_id(policy: ir.Policy, judgement: Judgement, twin: int) -> str:
    """The id of a verdict; `twin` tells moments apart that are alike in everything."""
    moment = judgement.moment
    what: tuple[Any, ...] = (policy.regulation, policy.version, judgement.rule, judgement.verdict, twin)
    if moment is not None:
        what = (*what, moment.time, moment.known, moment.keys, _event(moment.event), _event(moment.run_first))
    return sha256(repr(what).encode()).hexdigest()[:32]


def _event(event: Event | None) -> Any:
    """What an event is known by: its id, else all it says."""
    return event and (event.id or (event.time, event.sequence, content(event)))
