"""Evidence and what was missing, in words: from the values of `core.verdict` to the lines a reader sees.

One function a kind of evidence, in the order of reading. The places come from the positions of the service file and
from the rows of the trace; nothing is looked up again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, assert_never

from policyengine.base.calendar import Calendar
from policyengine.base.diagnostic import shorten
from policyengine.base.instants import OutOfRange, Period, format_instant, local_date, period_text, start_of_day
from policyengine.base.places import Positions, dotted
from policyengine.base.record import record
from policyengine.base.source import Source, Span
from policyengine.core.case import Event
from policyengine.core.verdict import (
    DividedByZero,
    EventAbsent,
    EventSeen,
    Evidence,
    FactRead,
    FieldRead,
    Incomplete,
    Missing,
    MissingFact,
    MissingField,
    MissingState,
    MoreSeen,
    NotEmitted,
    ParameterUsed,
    PartDecided,
    Uncomputed,
    ValueComputed,
)
from policyengine.report.model import Line, Place

ROLES = {"match": "", "state start": "began ", "state end": "ended ", "state value": "", "latest": "latest ",
         "counted": "counted "}


@record
class Context:
    """What the words are made with: the regulation's clock, where facts stand, and the text of the policy; of this what
    was quoted before, by span and limit."""

    calendar: Calendar
    positions: Positions | None
    policies: Mapping[str, Source]
    quoted: dict[tuple[Span, int], str] = field(default_factory=dict)


def evidence_line(evidence: Evidence, context: Context) -> Line:
    """One piece of evidence in words."""
    zone = context.calendar.zone
    match evidence:
        case FactRead():
            name = dotted(evidence.path)
            text = f"{name} is {shown(evidence.value)}" if evidence.value is not None else f"{name} is not stated"
            return Line("fact", name, text, fact_place(evidence.path, context))
        case FieldRead():
            name = f"{evidence.event.type}.{'.'.join(evidence.path)}"
            text = f"{name} is {shown(evidence.value)}" if evidence.value is not None else f"{name} is not stated"
            return Line("field", name, f"{text} at {format_instant(evidence.event.time, zone)}",
                        event_place(evidence.event))
        case EventSeen():
            event = evidence.event
            seen = f"{ROLES[evidence.role]}{event.type} at {format_instant(event.time, zone)}"
            return Line("event", event.type, seen, event_place(event))
        case MoreSeen():
            return Line("events", evidence.event, f"{ROLES[evidence.role]}{evidence.number:,} earlier {evidence.event}")
        case EventAbsent():
            return Line("no-event", evidence.event, f"no {evidence.event}{_window(evidence, zone)}")
        case ValueComputed():
            name = written(evidence.span, context)
            return Line("number", name, f"{name} is {shown(evidence.value)}", span_place(evidence.span))
        case ParameterUsed():
            # A period is text in raw data; a tuple is a list here, where `shown` takes one for bounds.
            value = shown(list(evidence.value) if isinstance(evidence.value, tuple) else evidence.value).strip('"')
            return Line("parameter", evidence.name, f"{evidence.name} = {value}")
        case PartDecided():
            name = written(evidence.span, context)
            return Line("part", name, f"`{name}` is {evidence.value}", span_place(evidence.span))
        case _:
            assert_never(evidence)


def missing_line(missing: Missing, context: Context) -> Line:
    """One thing that was missing, in words; `name` groups the same thing over many moments."""
    zone = context.calendar.zone
    match missing:
        case MissingFact():
            name = dotted(missing.path)
            return Line("fact", name, f"`{name}` is missing", fact_place(missing.path, context))
        case MissingField():
            name = f"{missing.event.type}.{'.'.join(missing.path)}"
            return Line("field", name, f"`{name}` is missing", event_place(missing.event))
        case MissingState():
            sources = " or ".join(missing.sources)
            return Line("state", missing.state, f"{missing.state} unknown: no {sources} before the moment")
        case NotEmitted():
            return Line("not-emitted", missing.event, f"no source emits `{missing.event}`")
        case Incomplete():
            return Line("incomplete", missing.event,
                        f"`{missing.event}` is complete only since {format_instant(missing.since, zone)}")
        case DividedByZero():
            name = written(missing.span, context)
            return Line("division", name, f"`{name}` divides by zero", span_place(missing.span))
        case Uncomputed():
            return Line("uncomputed", missing.name, missing.text)
        case _:
            assert_never(missing)


def _window(absent: EventAbsent, zone: str) -> str:
    start, closes = absent.start, absent.end
    if closes is None:
        return " before" if start is None else f" since {format_instant(start, zone)}"
    if start is None:
        return f" before {last_in_time(closes, zone)}"
    begins = format_instant(start, zone)
    if closes <= start:
        return f" by {_deadline(closes, zone)}, a deadline that had passed already at {begins}"
    return f" at {begins}" if closes == start + 1 else f" from {begins} to {last_in_time(closes, zone)}"


def _deadline(closes: int, zone: str) -> str:
    """The last instant before a moment that came too late, be it of a clock that is far off."""
    try:
        return _day_ended(closes, zone) or format_instant(closes - 1, zone)
    except OutOfRange:  # `0001-01-01T00:00:00Z`, which clocks west of there never showed
        return format_instant(closes - 1, "UTC")


def last_in_time(closes: int, zone: str) -> str:
    """The last instant before a half-open window closes, which is what a reader wants: `2026-08-01 10:12:00 +08:00`,
    or `the end of 2026-08-24` for a legal period."""
    if closes % 1_000 == 1:  # behind an instant to the second or millisecond, as most logs have them
        return format_instant(closes - 1, zone)
    return _day_ended(closes, zone) or format_instant(closes, zone)


def _day_ended(closes: int, zone: str) -> str:
    """`the end of` the local day that is over then; "" where none is."""
    day = local_date(closes - 1, zone)
    return f"the end of {day.isoformat()}" if start_of_day(day.fromordinal(day.toordinal() + 1), zone) == closes else ""


DIGITS = 18
"""As many as a number has before the point, and at most as many behind it."""


def shown(value: Any) -> str:
    """A value as a policy would write it; long text is shortened."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{shorten(value)}"'
        case Period():
            return period_text(value)
        case date():
            return value.isoformat()
        case Fraction():
            with localcontext(prec=2 * DIGITS):
                exact = Decimal(value.numerator) / value.denominator
            return f"{exact:,f}" if exact == value else f"{float(value):.6g}"
        case int() | Decimal():
            return f"{value:,}"
        case (low, high) if isinstance(value, tuple):
            return f"at least {low:,}" if high is None else f"between {low:,} and {high:,}"
        case list() | tuple():
            return shorten("[" + ", ".join(shown(item) for item in value) + "]", 400)
        case Mapping():
            return "a record"
        case _:
            return shorten(str(value))


def written(span: Span, context: Context, limit: int = 400) -> str:
    """The text of the policy at a span, on one line; its place when the text is not at hand."""
    found = context.quoted.get((span, limit))
    if found is None:
        source = context.policies.get(span.path)
        if source is None:
            return str(span)
        text = source.text[source.offset(span.line, span.column):source.offset(span.end_line, span.end_column)]
        found = context.quoted[span, limit] = shorten(" ".join(text.split()), limit)
    return found


def fact_place(path: tuple[str | int, ...], context: Context) -> Place | None:
    """Where a fact stands, or where it would have to: the nearest parent that is there."""
    return None if context.positions is None else span_place(context.positions.nearest(path))


def event_place(event: Event) -> Place:
    """The row of an event."""
    return Place(event.file, row=event.row)


def span_place(span: Span) -> Place:
    """The line and column of a span."""
    return Place(span.path, span.line, span.column)
