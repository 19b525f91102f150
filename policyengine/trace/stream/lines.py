"""Lines of NDJSON to events of the vocabulary, fast: what a monitor does with each line before it judges.

It takes exactly what `files.read` and the vocabulary together take, and gives the same events; anything it is not sure
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
from policyengine.base.instants import parse_instant
from policyengine.base.scalars import MAX_DEPTH, WHOLE_DIGITS, number
from policyengine.core.case import Event
from policyengine.trace.files.read import MAX_LINE_BYTES, instants
from policyengine.trace.scan.rows import own_fields
from policyengine.trace.stream.feeds import Chunk
from policyengine.trace.stream.lines_typed import OURS, Line, line_types


class Draft:
    """An event before it is frozen. `Event` is a frozen dataclass, whose constructor takes five times as long as
    assignments. The two have the same slots in the same order, so that one can become the other."""

    __slots__ = tuple(field.name for field in fields_of(Event))


Refuse = Callable[[bytes, str, int], Event | None]
"""A line, its file and its row -> the event after all, or None once the reasons have been told."""

DAY = 86_400_000_000
FIRST = -62_135_596_800_000_000 + 3 * DAY
LAST = 253_402_300_799_999_999 - 3 * DAY
"""Every event lies between: in any zone it then falls into the years 1 to 9999, and a day comes after it."""

_LIMIT = 10 ** WHOLE_DIGITS
_MANY_DIGITS = re.compile(rb"[0-9]{%d}" % (WHOLE_DIGITS + 1)).search
MOST = 63  # chunks of which every line is read alone before the types are tried again
_SHORT = 2 * MAX_DEPTH  # a line no longer than that cannot be nested too deep
_MILLENNIUM = parse_instant("2000-01-01T00:00:00Z", None)
_APART = frozenset({"service", *OURS})
"""Fields that no schema names and that say more than a field does: lines with these are read another way."""
# Parts of a time; made once, as they are used for each line.
_HOUR, _MINUTE, _UP_TO_MINUTE = slice(0, 13), slice(13, 17), slice(0, 17)
_SECOND, _BEHIND = slice(17, 19), slice(17, None)
_HEAD, _TAIL = slice(17, 22), slice(22, None)
_MINUTES = {f":{one:02}:": one * 60_000_000 for one in range(60)}
_SECONDS = {f"{one:02}": one * 1_000_000 for one in range(60)}
_is_fine = re.compile(r"[0-9]{2}\.[0-9]{2}").match  # behind the minute; cut there, both tables stay small
_has_offset = re.compile("[Zz+-]").search  # behind the second; without one a minute may be skipped or doubled
_HELD = 10_000  # hours, and ways to write what stands behind them or the minute, that are remembered
_FEW = 500  # ways to write what stands behind the minute, for which one table is faster


def event_reader(schemas: Mapping[str, Mapping[str, Any]], zone: str | None, refuse: Refuse,
                 ) -> Callable[[Chunk], list[Event]]:
    """A reader of chunks. `schemas` are those of the event types, in the order that ties take; `zone` is that of times
    without an offset. What it gives is an `Event`, or a `Line`, which is one but for its class."""
    own_of = {name: own_fields(schema) for name, schema in schemas.items()}
    types = {name: (name, load_checker(checker_source(own)), place, _asked(own), frozenset(own["properties"]))
             for place, (name, own) in enumerate(own_of.items())}
    decode = msgspec.json.Decoder(float_hook=number).decode
    decode_typed, count = line_types(own_of)
    nests = count.rest  # whether a field may hold more than one value, and so be too deep
    scan, instant = json_text.scan, instants(zone)
    hours: dict[str, int] = {}  # by their text, in UTC
    # By the text behind the minute, with its offset: what has to be added to it. Of many fractions, in two parts.
    behind: dict[str, int] = {}
    heads: dict[str, int] = {}
    tails: dict[str, int] = {}
    skip = misses = keys = ids = 0

    def read(chunk: Chunk) -> list[Event]:
        """The events of a chunk; what is no event is handed to `refuse`, in the order of the lines."""
        nonlocal skip, misses
        lines = chunk.lines
        text = b"".join(lines)
        found: list[Any] = [None] * len(lines)
        others = True
        if skip:
            skip -= 1
        # Else one of the lines may be too long or too deep.
        elif len(text) < MAX_LINE_BYTES and not (nests and text.count(b"[") + text.count(b"{")
                                                 >= len(lines) + MAX_DEPTH):
            found, others = read_typed(chunk, text.count(b","))
            if others and 2 * sum(one is None for one in found) > len(lines):
                skip, misses = misses, min(2 * misses + 1, MOST)  # the next chunks will be like this one
            else:
                misses = 0
        if others:
            for at, (event, line, file, row) in enumerate(zip(found, lines, chunk.files, chunk.rows, strict=False)):
                if event is None:
                    found[at] = read_one(line, file, row)
            found = [event for event in found if event is not None]
        return found

    def read_typed(chunk: Chunk, commas: int) -> tuple[list[Line | None], bool]:
        """The lines of a chunk, None for those that have to be read another way, and whether there are such."""
        nonlocal keys, ids
        lines = chunk.lines
        found: list[Line | None]
        try:
            found, doubtful = list(map(decode_typed, lines)), False
        except _NO_EVENT:
            found, doubtful = [typed_or_none(line) for line in lines], True
        places: Any = zip(found, chunk.files, chunk.rows, strict=False)
        known, minute = "", 0  # the text up to the minute
        for line, file, row in (one for one in places if one[0] is not None) if doubtful else places:
            time = line.time
            try:
                if time[_UP_TO_MINUTE] != known:
                    minute, known = hours[time[_HOUR]] + _MINUTES[time[_MINUTE]], time[_UP_TO_MINUTE]
                part = behind.get(time[_BEHIND])
                line.time = minute + (heads[time[_HEAD]] + tails[time[_TAIL]] if part is None else part)
            except KeyError:
                line.time = time_of(time)
                doubtful = doubtful or line.time is None
            line.file = file
            line.row = row
        # With one comma less than there are keys no key stands twice, which the decoder does not see, and none is there
        # that no schema names.
        before, keys = keys, count.keys()
        doubtful = others = doubtful or commas != keys - before - len(found)
        if doubtful or nests:
            for at, (one, raw) in enumerate(zip(found, lines, strict=True)):
                if one is not None and not (one.time is not None and (not doubtful or whole(one, raw))
                                            and (not one.rest or in_order(one, raw))):
                    found[at] = None
            others = None in found
        before, ids = ids, count.ids()
        if ids > before:
            for line in found:
                if line is not None and line.id.__class__ is int:
                    line.id = str(line.id)
        return found, others

    def whole(line: Any, raw: bytes) -> bool:
        """Whether the line says what was decoded, and nothing twice; what no schema names is added to it."""
        commas = raw.count(b",")
        if commas == line.keys(line) - 1:
            return True
        try:
            fields = decode(raw)
        except _NO_EVENT:
            return False
        # Where there are more commas than between keys: two quotes stand around each text and each key.
        if commas != len(fields) - 1 and (
                b"\\\\" in raw or raw.count(b'"') - raw.count(b'\\"') != 2 * _texts(fields)):
            return False
        extra = {name: value for name, value in fields.items() if name not in line.names and value is not None}
        if not extra:
            return True
        for value in extra.values():
            if not (value.__class__ is str or value.__class__ is bool
                    or (value.__class__ is int and -_LIMIT < value < _LIMIT)):
                return False
        line.extra = extra
        return not line.closed and _APART.isdisjoint(extra)

    def typed_or_none(line: bytes) -> Line | None:
        try:
            return decode_typed(line)
        except _NO_EVENT:
            return None

    def in_order(line: Line, raw: bytes) -> bool:
        """Whether the rest of the check is passed too."""
        _, fits, _, asked, _ = types[line.type]
        fields = line.__class__.made(line)
        return fits(fields) and (fields.keys() <= asked or not _MANY_DIGITS(raw))

    def time_of(text: str) -> int | None:
        """The instant of a time, None where it is none; its parts are remembered where they come to the same whatever
        the others are."""
        time, minute, second = instant_of(text), _MINUTES.get(text[_MINUTE]), _SECONDS.get(text[_SECOND])
        if time is None or minute is None or second is None or not _has_offset(text, 19):
            return time
        hour, head, tail = text[_HOUR], text[_HEAD], text[_TAIL]
        part = second + instant(f"2000-01-01T00:00:00{text[19:]}") - _MILLENNIUM
        if len(behind) < _FEW or (len(behind) < _HELD and not _is_fine(text, 17)):
            behind[text[_BEHIND]] = part
        elif _is_fine(text, 17) and (len(tails) < _HELD or tail in tails):
            heads[head] = second + int(head[3:]) * 10_000
            tails[tail] = part - heads[head]
        if hour not in hours and FIRST + 2 * DAY < time < LAST - 2 * DAY:
            if len(hours) >= _HELD:
                hours.clear()
            hours[hour] = time - minute - part
        return time

    def instant_of(text: str) -> int | None:
        try:
            time = instant(text)
        except ValueError:
            return None
        return time if FIRST < time < LAST else None

    def read_one(line: bytes, file: str, row: int) -> Event | None:
        """The event of a line; None where `refuse` knows none either, or it is empty."""
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
            return refuse(line, file, row) if line.strip(b" \t\r\n") else None
        event: Any = Draft()
        event.type, event.time, event.fields, event.id = name, time, fields, given
        event.sequence, event.file, event.row, event.place = sequence, file, row, place
        event.__class__ = Event
        frozen: Event = event
        return frozen

    return read


_NO_EVENT = (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


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


def _texts(value: Any) -> int:
    """How many texts stand in a value, keys among them."""
    if value.__class__ is str:
        return 1
    if value.__class__ is dict:
        return len(value) + sum(map(_texts, value.values()))
    return sum(map(_texts, value)) if value.__class__ is list else 0


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
