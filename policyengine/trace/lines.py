"""Lines of NDJSON to events of the vocabulary, fast: what a monitor does with each line before it judges.

It takes exactly what `trace.read` and the vocabulary together take, and gives the same events; anything it is not sure
of it hands to `refuse`, whose second and slower reading says what is wrong. So it is right as long as it takes nothing
that they refuse; tests/unit/test_lines.py holds it to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from decimal import Decimal
from typing import Any

import msgspec

from policyengine.analysis.conform import checker_source, load_checker
from policyengine.base import json_text
from policyengine.base.scalars import MAX_DEPTH, WHOLE_DIGITS, number
from policyengine.core.case import Event
from policyengine.trace.feeds import Chunk
from policyengine.trace.lines_typed import line_types
from policyengine.trace.read import MAX_LINE_BYTES, instants
from policyengine.trace.scan_rows import own_fields


class Draft:
    """An event before it is frozen. `Event` is a frozen dataclass, whose constructor takes five times as long as
    assignments; for a monitor that is a third of all it does with an event. The two have the same slots in the same
    order, so that one can become the other."""

    __slots__ = tuple(field.name for field in fields_of(Event))


Refuse = Callable[[bytes, str, int], Event | None]
"""A line, its file and its row -> the event after all, or None once the reasons have been told."""

DAY = 86_400_000_000
FIRST = -62_135_596_800_000_000 + 3 * DAY
LAST = 253_402_300_799_999_999 - 3 * DAY
"""Every event lies between: in any zone it then falls into the years 1 to 9999, and a day comes after it."""

_LIMIT = 10 ** WHOLE_DIGITS
_MANY_DIGITS = re.compile(rb"[0-9]{%d}" % (WHOLE_DIGITS + 1)).search
MOST = 63  # chunks that are read line by line before the types are tried again
_SHORT = 2 * MAX_DEPTH  # a line no longer than that cannot be nested too deep


def event_reader(schemas: Mapping[str, Mapping[str, Any]], zone: str | None, refuse: Refuse,
                 ) -> Callable[[Chunk], list[Event]]:
    """A reader of chunks. `schemas` are those of the event types, in the order that ties take; `zone` is that of times
    without an offset."""
    own_of = {name: own_fields(schema) for name, schema in schemas.items()}
    types = {name: (name, load_checker(checker_source(own)), place, _asked(own), frozenset(own["properties"]))
             for place, (name, own) in enumerate(own_of.items())}
    decode = msgspec.json.Decoder(float_hook=number).decode
    decode_typed, shapes = line_types(own_of)
    typed = {line: (*types[shape.name][:4], shape.fields, shape.rest) for line, shape in shapes.items()}
    scan, instant = json_text.scan, instants(zone)
    skip = misses = 0

    def read(chunk: Chunk) -> list[Event]:
        """The events of a chunk: all at once by their types where each line fits, else line by line."""
        nonlocal skip, misses
        if skip:
            skip -= 1
        else:
            try:
                events = read_typed(chunk)
                misses = 0
                return events
            except _NO_EVENT:
                skip, misses = misses, min(2 * misses + 1, MOST)  # the next chunks will be like this one
        return read_each(chunk)

    def read_typed(chunk: Chunk) -> list[Event]:
        """The events of a chunk; one of `_NO_EVENT` where it has to be read line by line."""
        lines, text = chunk.lines, b"".join(chunk.lines)
        if text.count(b"[") + text.count(b"{") >= len(lines) + MAX_DEPTH or max(map(len, lines)) >= MAX_LINE_BYTES:
            raise ValueError
        events: list[Event] = []
        append, new, keys, long = events.append, object.__new__, 2 * len(lines), False
        for line, file, row in zip(map(decode_typed, lines), chunk.files, chunk.rows, strict=False):
            name, fits, place, asked, fields_of, rest = typed[line.__class__]
            fields = fields_of(line)
            keys += len(fields)
            time, given, sequence = instant(line.time), line.id, line.sequence
            if given is not None:
                keys += 1
                if type(given) is not str:
                    given = _whole(given)
            if sequence is not None:
                keys += 1
                if not (type(sequence) is int and -_LIMIT < sequence < _LIMIT):
                    sequence = _number(sequence)
            if not FIRST < time < LAST:
                raise ValueError
            if rest:
                if not fits(fields):
                    raise ValueError
                long = long or not fields.keys() <= asked
            event: Any = new(Draft)
            event.type = name
            event.time = time
            event.fields = fields
            event.id = given
            event.sequence = sequence
            event.file = file
            event.row = row
            event.place = place
            event.__class__ = Event
            append(event)
        # With one comma less than there are keys no key stands twice, which the decoder does not see.
        if text.count(b",") != keys - len(lines) or (long and any(map(_MANY_DIGITS, lines))):
            raise ValueError
        return events

    def read_each(chunk: Chunk) -> list[Event]:
        """The events of a chunk, the lines that are none handed to `refuse`."""
        events: list[Event] = []
        append = events.append
        for line, file, row in zip(chunk.lines, chunk.files, chunk.rows, strict=False):
            try:
                fields = decode(line)
                if line.count(b",") != len(fields) - 1 or (len(line) > _SHORT and _deep(line)):
                    fields = scan(line.strip(b" \t\r\n").decode())
                kind, when = fields.pop("type"), fields.pop("time")
                given = fields.pop("id", None)
                sequence = fields.pop("sequence", None)
                name, fits, place, asked, own = types[kind]
                if None in fields.values():  # of a field that the event has not got, null says nothing
                    fields = {key: value for key, value in fields.items() if value is not None or key in own}
                time = instant(when)
                if given is not None and type(given) is not str:
                    given = _whole(given)
                if sequence is not None:
                    sequence = _number(sequence)
                if not (fits(fields) and FIRST < time < LAST and len(line) < MAX_LINE_BYTES):
                    raise ValueError
                if not fields.keys() <= asked and _MANY_DIGITS(line):
                    raise ValueError
            except _NO_EVENT:
                if line.strip(b" \t\r\n"):
                    known = refuse(line, file, row)
                    if known is not None:
                        append(known)
            else:
                append(_event(name, time, fields, given, sequence, file, row, place))
        return events

    return read


_NO_EVENT = (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def _event(type: str, time: int, fields: Mapping[str, Any], id: str | None, sequence: int | Decimal | None, file: str,
           row: int, place: int) -> Event:
    event: Any = Draft()
    event.type, event.time, event.fields, event.id = type, time, fields, id
    event.sequence, event.file, event.row, event.place = sequence, file, row, place
    event.__class__ = Event
    frozen: Event = event
    return frozen


def _asked(schema: Mapping[str, Any]) -> frozenset[str]:
    """The fields of which the check looks at every number, and so sees one that is too long."""
    return frozenset(name for name, one in schema["properties"].items()
                     if _type(schema, one) in ("string", "integer", "number", "boolean"))


def _type(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    if "type" not in schema and "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return _type(root, found)
    return schema.get("type")


def _whole(given: Any) -> str:
    """An `id` that is a whole number, as text."""
    if type(given) is not int or not -_LIMIT < given < _LIMIT:
        raise ValueError
    return str(given)


def _number(sequence: Any) -> int | Decimal:
    if type(sequence) is Decimal or (type(sequence) is int and -_LIMIT < sequence < _LIMIT):
        return sequence
    raise ValueError


def _deep(line: bytes) -> bool:
    return line.count(b"[") + line.count(b"{") > MAX_DEPTH
