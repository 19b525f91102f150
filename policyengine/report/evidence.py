"""Evidence and what was missing, as sentences: from the values of `core.verdict` to the lines a reader sees.

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
from policyengine.report.words import Said, as_is, joined


@record
class Context:
    """What the words are made with: the regulation's clock, where facts stand, and the text of the policy; of this what
    was quoted before, by span and limit."""

    calendar: Calendar
    positions: Positions | None
    policies: Mapping[str, Source]
    quoted: dict[tuple[Span, int], str] = field(default_factory=dict)


def evidence_line(evidence: Evidence, context: Context) -> Line:
    """One piece of evidence as a sentence."""
    zone = context.calendar.zone
    match evidence:
        case FactRead():
            name = dotted(evidence.path)
            said = _given(name, evidence.value) if evidence.value is not None else Said("not stated", (name,))
            return Line("fact", name, said, fact_place(evidence.path, context))
        case FieldRead():
            name, time = f"{evidence.event.type}.{'.'.join(evidence.path)}", format_instant(evidence.event.time, zone)
            said = Said("is at", (name, said_value(evidence.value), time)) if evidence.value is not None \
                else Said("not stated at", (name, time))
            return Line("field", name, said, event_place(evidence.event))
        case EventSeen():
            event = evidence.event
            return Line("event", event.type, Said(evidence.role, (event.type, format_instant(event.time, zone))),
                        event_place(event))
        case MoreSeen():
            return Line("events", evidence.event,
                        Said(f"more {evidence.role}", (f"{evidence.number:,}", evidence.event)))
        case EventAbsent():
            return Line("no-event", evidence.event, _absent(evidence, zone))
        case ValueComputed():
            name = written(evidence.span, context)
            return Line("number", name, _given(name, evidence.value), span_place(evidence.span))
        case ParameterUsed():
            # A period is text in raw data; a tuple is a list here, where `shown` takes one for bounds.
            value = shown(list(evidence.value) if isinstance(evidence.value, tuple) else evidence.value).strip('"')
            return Line("parameter", evidence.name, Said("param", (evidence.name, value)))
        case PartDecided():
            name = written(evidence.span, context)
            return Line("part", name, Said(f"part {evidence.value}", (name,)), span_place(evidence.span))
        case _:
            assert_never(evidence)


def _given(name: str, value: Any) -> Said:
    return Said("is", (name, said_value(value)))


def missing_line(missing: Missing, context: Context) -> Line:
    """One thing that was missing, as a sentence; `name` groups the same thing over many moments."""
    zone = context.calendar.zone
    match missing:
        case MissingFact():
            name = dotted(missing.path)
            return Line("fact", name, Said("missing", (name,)), fact_place(missing.path, context))
        case MissingField():
            name = f"{missing.event.type}.{'.'.join(missing.path)}"
            return Line("field", name, Said("missing", (name,)), event_place(missing.event))
        case MissingState():
            return Line("state", missing.state,
                        Said("state unknown", (missing.state, joined("or", missing.sources))))
        case NotEmitted():
            return Line("not-emitted", missing.event, Said("not emitted", (missing.event,)))
        case Incomplete():
            return Line("incomplete", missing.event,
                        Said("incomplete", (missing.event, format_instant(missing.since, zone))))
        case DividedByZero():
            name = written(missing.span, context)
            return Line("division", name, Said("divides", (name,)), span_place(missing.span))
        case Uncomputed():
            return Line("uncomputed", missing.name, as_is(missing.text))
        case _:
            assert_never(missing)


def _absent(absent: EventAbsent, zone: str) -> Said:
    event, start, closes = absent.event, absent.start, absent.end
    if closes is None:
        return Said("none before", (event,)) if start is None else Said("none since", (event,
                                                                                       format_instant(start, zone)))
    if start is None:
        return Said("none before time", (event, last_in_time(closes, zone)))
    begins = format_instant(start, zone)
    if closes <= start:
        return Said("none in time", (event, _deadline(closes, zone), begins))
    if closes == start + 1:
        return Said("none at", (event, begins))
    return Said("none between", (event, begins, last_in_time(closes, zone)))


def _deadline(closes: int, zone: str) -> Said:
    """The last instant before a moment that came too late, be it of a clock that is far off."""
    try:
        return _day_ended(closes, zone) or as_is(format_instant(closes - 1, zone))
    except OutOfRange:  # `0001-01-01T00:00:00Z`, which clocks west of there never showed
        return as_is(format_instant(closes - 1, "UTC"))


def last_in_time(closes: int, zone: str) -> Said:
    """The last instant before a half-open window closes, which is what a reader wants: `2026-08-01 10:12:00 +08:00`,
    or `the end of 2026-08-24` for a legal period."""
    if closes % 1_000 == 1:  # behind an instant to the second or millisecond, as most logs have them
        return as_is(format_instant(closes - 1, zone))
    return _day_ended(closes, zone) or as_is(format_instant(closes, zone))


def _day_ended(closes: int, zone: str) -> Said | None:
    """`the end of` the local day that is over then; None where none is."""
    day = local_date(closes - 1, zone)
    over = start_of_day(day.fromordinal(day.toordinal() + 1), zone) == closes
    return Said("end of day", (day.isoformat(),)) if over else None


DIGITS = 18
"""As many as a number has before the point, and at most as many behind it."""


def shown(value: Any) -> str:
    """A value as a policy would write it; long text is shortened."""
    said = said_value(value)
    return said if isinstance(said, str) else said.told()


def said_value(value: Any) -> Said | str:
    """The same; what policies cannot write is a sentence."""
    match value:
        case None:
            return Said("value unknown")
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
            return Said("at least", (f"{low:,}",)) if high is None else Said("between", (f"{low:,}", f"{high:,}"))
        case list() | tuple():
            return shorten("[" + ", ".join(shown(item) for item in value) + "]", 400)
        case Mapping():
            return Said("a record")
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
