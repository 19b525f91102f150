"""Files of events to a tuple of `Event`: NDJSON and CSV, plain or compressed, by the rules of docs/input.md.

In come a path and the zone for times without an offset; out come the events in the order of the file and diagnostics
with the true line numbers. Which types and fields there may be, and what the text of a CSV field means, is the
vocabulary's to say; rows with one `id`, ties and order are the evaluator's.
"""

from __future__ import annotations

import csv
import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from io import BufferedReader
from sys import intern
from typing import Any, BinaryIO

from policyengine.base import json_text
from policyengine.base.diagnostic import Diagnostic, Note, did_you_mean, error, shorten
from policyengine.base.instants import parse_instant
from policyengine.base.places import Positions
from policyengine.base.scalars import decode, number, start_of
from policyengine.base.source import Source, Span

MAX_ERRORS = 20  # bad lines shown of one file; the rest are counted
MAX_LINE_BYTES = 4 * 1024 * 1024  # a longer line is not an event, and would be read into memory whole

Problem = Callable[[Diagnostic], None]


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it stands in its file.

    `time` is in microseconds since 1970-01-01T00:00:00Z. `fields` holds every other column that is not missing: plain
    data as in facts, or text alone where `text_fields` (CSV), until the vocabulary says what each text means. `row` is
    the 1-based line of the file on which the event begins.
    """

    type: str
    time: int
    fields: dict[str, Any]
    id: str | None
    sequence: int | Decimal | None
    file: str
    row: int
    text_fields: bool = False


def read_events(path: str | os.PathLike[str], *, zone: str | None = None) -> tuple[tuple[Event, ...],
                                                                                  tuple[Diagnostic, ...]]:
    """The events of a file, in its order, and what is wrong with it. Every line that can be read is returned.

    `zone` is the IANA name under which times without an offset are read; without it they are errors.
    """
    name = os.fspath(path)
    plain = name.lower().removesuffix(".gz")
    read = READERS.get(os.path.splitext(plain)[1])
    if read is None:
        return (), (_unknown_suffix(name),)
    problems = _Problems(name)
    events: list[Event] = []
    collecting = gc.isenabled()
    gc.disable()  # a million events that all stay: searching them for garbage costs a third of the time
    try:
        with open(name, "rb") as file:
            read(_lines(_opened(file, name), problems), _Context(name, zone, problems.add), events)
    except FileNotFoundError:
        return (), (error("missing-file", f"`{shorten(name)}` does not exist"),)
    except IsADirectoryError:
        return (), (error("unreadable-file", f"`{shorten(name)}` is a directory, not a file"),)
    except (OSError, ValueError) as problem:
        if not isinstance(problem, OSError) and "null" not in str(problem):
            raise
        reason = (getattr(problem, "strerror", None) or str(problem)).lower()
        problems.add(error("unreadable-file", f"cannot read `{shorten(name)}`: {shorten(reason)}", start_of(name)))
    finally:
        if collecting:
            gc.enable()
    if not events and not problems.count:
        problems.add(error("no-events", f"`{shorten(name)}` holds no events", start_of(name)))
    return tuple(events), problems.all()


@dataclass(frozen=True, slots=True)
class _Context:
    path: str
    zone: str | None
    add: Problem


class _Problems:
    """The first diagnostics of one file and the number of all."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.found: list[Diagnostic] = []
        self.count = 0

    def add(self, problem: Diagnostic) -> None:
        self.count += 1
        if len(self.found) < MAX_ERRORS:
            self.found.append(problem)

    def all(self) -> tuple[Diagnostic, ...]:
        more = self.count - len(self.found)
        if not more:
            return tuple(self.found)
        last = error("more-errors", f"`{shorten(self.path)}` has {more:,} more errors that are not shown",
                     start_of(self.path))
        return (*self.found, last)


def _opened(file: BinaryIO, name: str) -> BinaryIO:
    if not name.lower().endswith(".gz"):
        return file
    import gzip  # only where it is asked for

    return BufferedReader(gzip.GzipFile(fileobj=file), 1 << 18)


def _lines(file: BinaryIO, problems: _Problems) -> Iterator[bytes]:
    """The lines with their ends. What a damaged archive still gave is read; the damage is an error."""
    number_of = 0
    try:
        for line in iter(partial(file.readline, MAX_LINE_BYTES), b""):
            number_of += 1
            if len(line) >= MAX_LINE_BYTES:
                problems.add(error("line-too-long", f"the line is longer than {MAX_LINE_BYTES // 1024 // 1024} MB",
                                   Span(problems.path, number_of, 1, number_of, 1)))
                return
            if number_of == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
                if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    problems.add(decode(problems.path, line)[1][0])
                    return
            yield line
    except EOFError:
        problems.add(error("cut-off", "the compressed file is cut off", Span(problems.path, number_of + 1, 1,
                                                                             number_of + 1, 1)))
    except OSError as problem:
        if problem.errno is not None:  # the file system's, not the archive's
            raise
        problems.add(error("unreadable-file", f"cannot decompress: {shorten(str(problem).lower())}",
                           start_of(problems.path)))
    except Exception as problem:
        if type(problem).__module__ != "zlib":  # zlib.error, without importing zlib for every plain file
            raise
        problems.add(error("unreadable-file", f"cannot decompress: {shorten(str(problem).lower())}",
                           start_of(problems.path)))


def _ndjson(lines: Iterator[bytes], context: _Context, events: list[Event]) -> None:
    path, zone = context.path, context.zone
    scan, append, instant = json_text.scan, events.append, _instants(zone)
    row = 0
    for line in lines:
        row += 1
        try:
            text = line.strip(b" \t\r\n").decode()
            if not text:
                continue
            fields = scan(text)
            kind, when = fields.pop("type"), fields.pop("time")
            if "null" in text:
                fields = {key: value for key, value in fields.items() if value is not None}
            given, sequence = fields.pop("id", None), fields.pop("sequence", None)
            if type(kind) is not str or not kind:
                raise ValueError
            if given is not None and type(given) is not str:
                if type(given) is not int:
                    raise ValueError
                given = str(given)  # as in CSV, where every id is text
            if sequence is not None and type(sequence) is not int and type(sequence) is not Decimal:
                raise ValueError
            time = instant(when)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError, IndexError):
            _explain(line, row, context)
        else:
            append(Event(intern(kind), time, fields, given, sequence, path, row))


def _instants(zone: str | None) -> Callable[[str], int]:
    """`parse_instant`, remembering minutes: the times of a trace lie close together, and most have whole seconds."""
    minutes: dict[str, int] = {}

    def instant(text: str) -> int:
        second = _SECONDS.get(text[17:19])
        if second is None or text[19:20] not in _OFFSETS:
            return parse_instant(text, zone)
        minute = text[:17] + "00" + text[19:]
        start = minutes.get(minute)
        if start is None:
            if len(minutes) >= _MINUTES:
                minutes.clear()
            start = minutes[minute] = parse_instant(minute, zone)
        return start + second

    return instant


_SECONDS = {f"{second:02d}": second * 1_000_000 for second in range(60)}
_OFFSETS = frozenset("Zz+-")  # a local time without one may be skipped or doubled at any second, so is read whole
_MINUTES = 100_000


def _explain(line: bytes, row: int, context: _Context) -> None:
    """What is wrong with a line that could not be taken, by a second and slower reading."""
    ended = line.endswith(b"\n")
    text, found = decode(context.path, line.rstrip(b"\r\n"))
    if text is not None:
        found = _bad_event(text, context)
        if not ended and any(one.name == "json-syntax" for one in found):
            cut = Source(context.path, text).span(len(text), len(text))
            found = (error("cut-off", "the last line is cut off", cut, "the file ends here", notes=tuple(
                Note(one.message, one.span) for one in found)),)
    assert found, "a line was refused without a reason"
    for one in found:
        context.add(_on_line(one, row))


def _on_line(problem: Diagnostic, row: int) -> Diagnostic:
    """A diagnostic made for one line alone, moved to that line of its file."""
    def moved(span: Span | None) -> Span | None:
        return span and replace(span, line=span.line + row - 1, end_line=span.end_line + row - 1)

    notes = tuple(replace(note, span=moved(note.span)) for note in problem.notes)
    return replace(problem, span=moved(problem.span), notes=notes)


def _bad_event(text: str, context: _Context) -> tuple[Diagnostic, ...]:
    path = context.path
    source = Source(path, text)
    try:
        value = json_text.parse(text)
    except (ValueError, RecursionError):
        return json_text.diagnose(path, text)
    positions = Positions(source, json_text.places(text))
    if type(value) is not dict:
        return (error("not-an-event", "the line is not a JSON object", positions.nearest(()), "no `{…}`"),)
    found = [*_required(value, positions.nearest(()))]
    if "type" in value and (type(value["type"]) is not str or not value["type"]):
        found.append(error("bad-event-type", "the `type` of an event is text", positions.value(("type",)),
                           "not a name"))
    if "time" in value:
        bad = _bad_time(value["time"], positions.nearest(("time",)), context.zone)
        found += [bad] if bad else []
    if value.get("id") is not None and type(value["id"]) not in (str, int):
        found.append(error("bad-event-id", "the `id` of an event is text or a whole number", positions.value(("id",)),
                           "not an id"))
    if value.get("sequence") is not None and type(value["sequence"]) not in (int, Decimal):
        found.append(error("bad-sequence", "the `sequence` of an event is a number", positions.value(("sequence",)),
                           "not a number"))
    return tuple(found)


def _required(value: dict[str, Any], span: Span) -> Iterator[Diagnostic]:
    for name in ("type", "time"):
        if name not in value:
            yield error("missing-column", f"the event has no `{name}`", span, f"no `{name}`",
                        help=did_you_mean(name, value))


def _bad_time(when: Any, span: Span, zone: str | None) -> Diagnostic | None:
    if type(when) is not str:
        return error("bad-time", "the `time` of an event is text such as `2026-08-01T09:30:00Z`", span, "not a time")
    try:
        parse_instant(when, zone)
    except ValueError as problem:
        return error("bad-time", str(problem), span, "not an instant")
    return None


def _csv(lines: Iterator[bytes], context: _Context, events: list[Event]) -> None:
    records = _Records(lines, context)
    header = next(records.read(), None)
    if header is None:
        return
    names = [intern(name) for name in header]
    if _bad_header(names, records, context):
        return
    instant = _instants(context.zone)
    kind_at, time_at = names.index("type"), names.index("time")
    for record in records.read():
        if len(record) != len(names):
            shown = f"the row has {len(record)} fields, the header has {len(names)}"
            context.add(error("uneven-row", shown, records.whole(), "this row"))
            continue
        fields = {name: value for name, value in zip(names, record, strict=True) if value}
        kind, when = fields.pop("type", ""), fields.pop("time", "")
        given, sequence_text = fields.pop("id", None), fields.pop("sequence", None)
        sequence = _sequence(sequence_text)
        try:
            time = instant(when)
        except ValueError as problem:
            message = str(problem) if when else "the event has no `time`"
            context.add(error("bad-time" if when else "missing-column", message, records.field(time_at),
                              "not an instant" if when else "empty"))
            continue
        if not kind:
            context.add(error("missing-column", "the event has no `type`", records.field(kind_at), "empty"))
        elif sequence is None and sequence_text is not None:
            span = records.field(names.index("sequence"))
            context.add(error("bad-sequence", "the `sequence` of an event is a number", span, "not a number"))
        else:
            events.append(Event(intern(kind), time, fields, given, sequence, context.path, records.row, True))


def _sequence(text: str | None) -> int | Decimal | None:
    """The number of a text field; None for none and for text that is no number."""
    if text is None or not text.isascii() or "_" in text or text != text.strip():
        return None
    try:
        return number(text)
    except ValueError:
        return None


def _bad_header(names: list[str], records: _Records, context: _Context) -> bool:
    bad = False
    for index, name in enumerate(names):
        if name in names[:index]:
            bad = True
            first = records.field(names.index(name))
            context.add(error("duplicate-column", f"the column `{shorten(name)}` occurs twice", records.field(index),
                              "second", notes=(Note("it occurs here first", first, "first"),)))
        if not name:
            bad = True
            context.add(error("missing-column", "a column has no name", records.field(index), "empty"))
    for needed in ("type", "time"):
        if needed not in names:
            bad = True
            help = did_you_mean(needed, names) or "the first line of a CSV file names its columns, separated by commas"
            context.add(error("missing-column", f"the header has no column `{needed}`", records.whole(),
                              "the header", help=help))
    return bad


class _Records:
    """CSV records (RFC 4180) with the lines they stand on; `row` is the line on which the latest begins."""

    def __init__(self, lines: Iterator[bytes], context: _Context) -> None:
        self.context = context
        self.row = 1
        self.bad = False  # a line of the latest record is no text
        self.taken: list[str] = []  # the lines of the latest record
        self._reader = csv.reader(self._texts(lines), strict=True)

    def read(self) -> Iterator[list[str]]:
        """The records that could be read, without blank lines; what is wrong with the others is reported."""
        reader = self._reader
        while True:
            self.taken = []
            self.row = reader.line_num + 1
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as problem:
                if not self.bad:
                    self._broken(str(problem))
                self.bad = False
                continue
            if self.bad:
                self.bad = False
            elif record:
                yield record

    def _texts(self, lines: Iterator[bytes]) -> Iterator[str]:
        for line in lines:
            try:
                text = line.decode()
                if "\0" in text:
                    raise ValueError
            except ValueError:
                _, found = decode(self.context.path, line)
                for one in found:
                    self.context.add(_on_line(one, self.row + len(self.taken)))
                self.bad = True
                text = line.decode(errors="replace").replace("\0", "")
            self.taken.append(text)
            yield text

    def _broken(self, problem: str) -> None:
        whole = self.whole()
        if "unexpected end of data" in problem:
            self.context.add(error("cut-off", "the last record is cut off inside a quoted field", whole,
                                   "begins here, never ends", help="a `\"` inside a quoted field is written twice"))
        elif "expected after" in problem:
            self.context.add(error("csv-syntax", "found text after the closing quote of a field", whole, "this row",
                                   help="a `\"` inside a quoted field is written twice"))
        elif "new-line character" in problem:
            self.context.add(error("csv-syntax", "found a carriage return without a line feed", whole, "this row",
                                   help="save the file with LF or CRLF line ends"))
        else:
            self.context.add(error("csv-syntax", f"cannot read the row: {problem}", whole, "this row"))

    def whole(self) -> Span:
        """The first line of the latest record."""
        text = self.taken[0].rstrip("\r\n") if self.taken else ""
        return Span(self.context.path, self.row, 1, self.row, len(text) + 1)

    def field(self, index: int) -> Span:
        """The text of a field of the latest record, with its quotes."""
        text = "".join(self.taken)
        at = start = 0
        for _ in range(index + 1):
            start = at
            if text[at:at + 1] == '"':
                at += 1
                while at < len(text) and (text[at] != '"' or text[at:at + 2] == '""'):
                    at += 2 if text[at] == '"' else 1
                at += 1
            while at < len(text) and text[at] not in ",\r\n":
                at += 1
            end, at = at, at + 1
        inner = Source(self.context.path, text).span(start, min(end, len(text)))
        return replace(inner, line=inner.line + self.row - 1, end_line=inner.end_line + self.row - 1)


READERS: dict[str, Callable[[Iterator[bytes], _Context, list[Event]], None]] = {
    ".ndjson": _ndjson, ".jsonl": _ndjson, ".csv": _csv,
}


def _unknown_suffix(name: str) -> Diagnostic:
    suffix = os.path.splitext(name)[1]
    known = ", ".join(f"`{one}`" for one in READERS)
    if suffix.lower() == ".parquet":
        return error("unknown-format", f"`{shorten(name)}` is Parquet, which comes with the trace engine",
                     start_of(name), help=f"events are read from {known}, plain or with `.gz`")
    what = f"the suffix `{shorten(suffix)}`" if suffix else "no suffix"
    return error("unknown-format", f"`{shorten(name)}` has {what}; events are read from {known}, plain or with `.gz`",
                 start_of(name))
