"""What is judged: the facts of one service and its events in order. Plain data, checked against the vocabulary before.

Raw values: text, bool, int, Decimal, lists and dicts, None. Dates, periods and instants are text; an event's `time` is
UTC microseconds already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from policyengine.base.record import entity, record


@entity
class Event:
    """One row of a trace. Two rows are two events however alike, so events compare by identity.

    `fields` are the event's own columns; a field that is present and None is an explicit null. `row` is the 1-based
    line (NDJSON, CSV) or row of `file`. `place` is the place of the type in the vocabulary, which orders ties.
    """

    type: str
    time: int
    fields: Mapping[str, Any]
    id: str | None = None
    sequence: int | Decimal | None = None
    file: str = ""
    row: int = 0
    place: int = 0


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """The order of the language: time, sequence, place of the type, id or content; whatever order rows arrive in."""
    return tuple(sorted(events, key=_order))


def _order(event: Event) -> tuple[Any, ...]:
    sequence = (0, 0) if event.sequence is None else (1, event.sequence)
    return event.time, sequence, event.place, event.id or "", content(event)


def content(event: Event) -> tuple[Any, ...]:
    """All of an event but where it was read, in a form that sorts and compares."""
    return event.type, tuple((name, type(value).__name__, str(value)) for name, value in sorted(event.fields.items()))


@record
class Case:
    """The facts of one service (raw, as read) and its events, in order."""

    facts: Mapping[str, Any]
    events: tuple[Event, ...] = ()


@record
class Sources:
    """What the project says its sources emit: event type -> instant (UTC microseconds) since when it is complete, or
    None for all of history. A type that is not named is emitted by nobody."""

    complete: Mapping[str, int | None]
