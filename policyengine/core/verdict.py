"""What judging gives: verdicts, the moment each is about, and the evidence that decided it. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import Any, Literal

from policyengine.base.record import record
from policyengine.base.source import Span
from policyengine.core.case import Event

Verdict = Literal["violated", "undecided", "pending", "exempt", "satisfied", "not_applicable"]
VERDICTS: tuple[Verdict, ...] = ("violated", "undecided", "pending", "exempt", "satisfied", "not_applicable")
"""In the order reports use."""

FINDINGS: frozenset[Verdict] = frozenset({"violated", "undecided", "pending", "exempt"})
"""The verdicts of which each result is told, not only their number."""

Value3 = Literal["true", "false", "missing"]


@record
class Moment:
    """What a trigger gave: its instant, the keys it is about, and the event (or run) behind it.

    `known`: from when a response's time runs (for a mark of an episode, the first event past it). Instants are UTC
    microseconds. For marks, `run_first` is the event that began the run and `run_past` the one that passed the mark
    (None where time itself did, for a state).
    """

    time: int
    known: int
    keys: tuple[tuple[str, Any], ...]
    event: Event | None = None
    run_first: Event | None = None
    run_past: Event | None = None


def key_text(value: Any) -> str:
    """The value of a key as reports write it: a text as it is, a number without zeros behind, `true` or `false`."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{(value + 0).normalize():f}"
        case _:
            return str(value)


# ---- evidence ---------------------------------------------------------------------------------------------------

@record
class FactRead:
    """A fact that decided; integers in `path` are list positions. None: absent."""

    path: tuple[str | int, ...]
    value: Any = field(hash=False)


@record
class FieldRead:
    """A field of an event that decided. None: absent."""

    event: Event
    path: tuple[str, ...]
    value: Any = field(hash=False)


@record
class EventSeen:
    """An event that decided; `role` says as what: `match`, `state start`, `state end`, `state value`, `latest`,
    `counted`."""

    event: Event
    role: str


@record
class MoreSeen:
    """So many events of the type were seen besides in one role, before the first of those that are named."""

    event: str
    number: int
    role: str


@record
class EventAbsent:
    """No event of the type was found from `start` up to, not including, `end` (None: open, the whole trace); an `end`
    that is not after `start` was the first instant too late for a deadline, which had passed by then."""

    event: str
    start: int | None
    end: int | None


@record
class ValueComputed:
    """A number that decided: what was counted, summed or measured, as written, and what came out (None: missing;
    a pair when only bounds are known, the upper one None when open)."""

    span: Span
    value: Any


@record
class ParameterUsed:
    """A parameter's value (raw) that judged."""

    name: str
    value: Any


@record
class PartDecided:
    """A smallest condition of the rule that decided, and how it came out."""

    span: Span
    value: Value3


Evidence = FactRead | FieldRead | EventSeen | MoreSeen | EventAbsent | ValueComputed | ParameterUsed | PartDecided


# ---- what was missing -------------------------------------------------------------------------------------------

@record
class MissingFact:
    """The service file says nothing about it."""

    path: tuple[str | int, ...]


@record
class MissingField:
    """An event does not carry it."""

    event: Event
    path: tuple[str, ...]


@record
class MissingState:
    """A valued state had no known value before the moment; `sources` are the event fields that would give it."""

    state: str
    keys: tuple[tuple[str, Any], ...]
    sources: tuple[str, ...]


@record
class NotEmitted:
    """No source of the project emits the event type."""

    event: str


@record
class Incomplete:
    """The answer may lie before the instant (UTC microseconds) since when the sources are complete."""

    event: str
    since: int


@record
class DividedByZero:
    """A quotient by zero."""

    span: Span


@record
class Uncomputed:
    """A number or a date past what any engine can hold: the `name` of the message, and what it says. The evaluator
    raises it and judges nothing; a monitor notes it at what rests on it, and judges the rest."""

    name: str
    text: str


Missing = MissingFact | MissingField | MissingState | NotEmitted | Incomplete | DividedByZero | Uncomputed


@record
class Judgement:
    """One rule about one moment (or, without a trigger, about the service).

    `due` (UTC microseconds) is when a pending verdict will be decided if nothing more comes. `exemption` is the place
    in the rule's `unless` list of the exception that held. `tie`: it rests on the order of events of one instant.
    """

    rule: str
    verdict: Verdict
    moment: Moment | None
    due: int | None = None
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()
    exemption: int | None = None
    tie: bool = False


@record
class Setting:
    """How to judge: the instant of judgement (UTC microseconds), the operator's parameter values (raw, by name; the
    policy's own where absent)."""

    as_of: int
    parameters: Mapping[str, Any]
