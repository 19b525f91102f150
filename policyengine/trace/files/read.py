"""Files of events to a tuple of `Event`: NDJSON and CSV, plain or compressed, by the rules of docs/input.md.

In come a path and the zone for times without an offset; out come the events in the order of the file and diagnostics
with the true line numbers. Which types and fields there may be, and what the text of a CSV field means, is the
vocabulary's to say; rows with one `id`, ties and order are the evaluator's.
"""

from __future__ import annotations

import csv
import gc
import os
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from io import BufferedReader, RawIOBase
from sys import intern
from types import MappingProxyType
from typing import Any, BinaryIO

from policyengine.base import json_text
from policyengine.base.diagnostic import Diagnostic, Note, did_you_mean, error, shorten
from policyengine.base.instants import parse_instant
from policyengine.base.places import Positions
from policyengine.base.scalars import decode, number, start_of
from policyengine.base.source import Source, Span

MAX_ERRORS = 20  # bad lines shown of one file; the rest are counted
ALIKE = 3  # who has seen so many errors of one kind learns nothing from more
MAX_LINE_BYTES = 4 * 1024 * 1024  # a longer line is not an event, and would be read into memory whole

PACKED = (".gz", ".zst")

Problem = Callable[[Diagnostic], None]
Take = Callable[["Event"], None]
Reader = Callable[[BinaryIO, "Context", Take], None]


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it stands in its file.

    `time` is in microseconds since 1970-01-01T00:00:00Z. `fields` holds every other column that is there: plain data as
    in facts, None for an explicit null, or text alone where `text_fields` (CSV, where an empty field is not there),
    until the vocabulary says what each text means; so are the fields that are `given` by the path. `row` is the 1-based
    line of the file on which the event begins.
    """

    type: str
    time: int
    fields: dict[str, Any]
    id: str | None
    sequence: int | Decimal | None
    file: str
    row: int
    text_fields: bool = False
    given: tuple[str, ...] = ()


def read_events(path: str | os.PathLike[str], *, zone: str | None = None) -> tuple[tuple[Event, ...],
                                                                                  tuple[Diagnostic, ...]]:
    """The events of a file, in its order, and what is wrong with it. Every line that can be read is returned.

    `zone` is the IANA name under which times without an offset are read; without it they are errors.
    """
    events: list[Event] = []
    collecting = gc.isenabled()
    gc.disable()  # a million events that all stay: searching them for garbage costs a third of the time
    try:
        found = each_event(path, events.append, zone=zone)
    finally:
        if collecting:
            gc.enable()
    if not events and not found:
        found = (no_events(os.fspath(path)),)
    return tuple(events), found


def no_events(name: str) -> Diagnostic:
    """What is said of a file that holds nothing."""
    return error("no-events", f"`{shorten(name)}` holds no events", start_of(name))


def others_hold(found: Sequence[Diagnostic], files: int) -> list[Diagnostic]:
    """What is wrong with some files; that some hold nothing is a warning where others hold events, as where a cluster
    wrote a part for each of its tasks."""
    empty = [one for one in found if one.name == "no-events"]
    if not empty or len(empty) >= files:
        return list(found)
    first, more = empty[0], len(empty) - 1
    if more and first.span is not None:
        others = f"{more:,} other file{'' if more == 1 else 's'}"
        first = replace(first, message=f"`{shorten(first.span.path)}` and {others} hold no events")
    return [replace(first, severity="warning"), *(one for one in found if one.name != "no-events")]


def suffix_of(name: str) -> str:
    """What a file's name ends with, in lower case and without the suffix of its compression."""
    plain = name.lower()
    for packed in PACKED:
        plain = plain.removesuffix(packed)
    return os.path.splitext(plain)[1]


def each_event(path: str | os.PathLike[str], take: Take, *, zone: str | None = None, only: Container[int] | None = None,
               given: Mapping[str, str] = MappingProxyType({}), read: Reader | None = None, alike: int = MAX_ERRORS,
               ) -> tuple[Diagnostic, ...]:
    """Hands the events of a file to `take`, in its order; gives back what is wrong with it.

    Where `only` is given, rows (lines) that are not in it are passed over. `given` are fields that the path says of
    every event that does not say them itself. `read` reads a format that is not known here. `alike` is how many errors
    of one name are given back at most.
    """
    name = os.fspath(path)
    read = read or READERS.get(suffix_of(name))
    if read is None:
        return (_unknown_suffix(name),)
    problems = Problems(name, alike)
    try:
        with open(name, "rb") as file:
            read(opened(file, name), Context(name, zone, problems.add, only, given), take)
    except FileNotFoundError:
        return (error("missing-file", f"`{shorten(name)}` does not exist"),)
    except IsADirectoryError:
        return (error("unreadable-file", f"`{shorten(name)}` is a directory, not a file"),)
    except EOFError:
        problems.add(error("cut-off", "the compressed file is cut off", start_of(name)))
    except (OSError, ValueError) as problem:
        if not isinstance(problem, OSError) and "null" not in str(problem):
            raise
        reason = (getattr(problem, "strerror", None) or str(problem)).lower()
        problems.add(error("unreadable-file", f"cannot read `{shorten(name)}`: {shorten(reason)}", start_of(name)))
    return problems.all()


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader of a format is told: the file's name, the zone of times without an offset, whom to tell what is
    wrong, the rows that are asked for (None for all), and what the path says of each event."""

    path: str
    zone: str | None
    add: Problem
    only: Container[int] | None = None
    given: Mapping[str, str] = field(default_factory=dict)


class Problems:
    """The first diagnostics of one file, at most so many `alike` (of one name), and the number of all."""

    def __init__(self, path: str, alike: int = MAX_ERRORS) -> None:
        self.path, self.alike = path, alike
        self.names: Counter[str] = Counter()
        self.found: list[Diagnostic] = []
        self.count = 0
        self.next: Span | None = None  # where the first stands that is not shown

    def add(self, problem: Diagnostic) -> None:
        self.count += 1
        self.names[problem.name] += 1
        if len(self.found) < MAX_ERRORS and self.names[problem.name] <= self.alike:
            self.found.append(problem)
        else:
            self.next = self.next or problem.span

    def all(self) -> tuple[Diagnostic, ...]:
        more = self.count - len(self.found)
        if not more:
            return tuple(self.found)
        last = error("more-errors", f"`{shorten(self.path)}` has {more:,} more errors that are not shown",
                     self.next or start_of(self.path))
        return (*self.found, last)


def opened(file: BinaryIO, name: str) -> BinaryIO:
    """The bytes of a file, unpacked as its name says. In reading, EOFError where they are cut off, and OSError without
    a number where they are damaged."""
    if name.lower().endswith(".gz"):
        import gzip  # only where it is asked for
        from zlib import error as damaged

        return BufferedReader(_Gunzipped(gzip.GzipFile(fileobj=file), damaged), 1 << 18)
    if name.lower().endswith(".zst"):
        import zstandard

        return BufferedReader(_Unpacked(file, zstandard), 1 << 18)
    return file


class _Gunzipped(RawIOBase):
    """The bytes of a file compressed with gzip, damage told as an OSError whatever part of it is damaged."""

    def __init__(self, file: Any, damaged: type[Exception]) -> None:
        self.file, self.damaged = file, damaged

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        try:
            part = self.file.read(len(into))
        except self.damaged as problem:
            raise OSError(str(problem)) from problem
        into[:len(part)] = part
        return len(part)


class _Unpacked(RawIOBase):
    """The bytes of a file compressed with Zstandard. Unlike the library's own reader it tells when the file is cut."""

    def __init__(self, file: BinaryIO, library: Any) -> None:
        self.file, self.new = file, library.ZstdDecompressor().decompressobj
        self.library_error = library.ZstdError
        self.frame: Any = None
        self.left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self.left:
            packed = self.frame.unused_data if self.frame is not None and self.frame.eof else b""
            packed = packed or self.file.read(1 << 17)
            if not packed:
                if self.frame is not None and not self.frame.eof:
                    raise EOFError
                return 0
            if self.frame is None or self.frame.eof:
                self.frame = self.new()
            try:
                self.left = self.frame.decompress(packed)
            except self.library_error as problem:
                raise OSError(str(problem)) from problem
        part, self.left = self.left[:len(into)], self.left[len(into):]
        into[:len(part)] = part
        return len(part)


def lines(file: BinaryIO, context: Context) -> Iterator[bytes]:
    """The lines with their ends. What a damaged archive still gave is read; the damage is an error."""
    number_of = 0
    try:
        for line in iter(partial(file.readline, MAX_LINE_BYTES), b""):
            number_of += 1
            if len(line) >= MAX_LINE_BYTES:
                context.add(error("line-too-long", f"the line is longer than {MAX_LINE_BYTES // 1024 // 1024} MB",
                                   Span(context.path, number_of, 1, number_of, 1)))
                return
            line = line.removeprefix(b"\xef\xbb\xbf")  # also where files were put one behind another
            if number_of == 1:
                if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    context.add(decode(context.path, line)[1][0])
                    return
                if other := next((one for mark, *one in _OTHERS if line.startswith(mark)), None):
                    context.add(error("unreadable-file", f"the file is no text: it begins as {other[0]} does",
                                      start_of(context.path), help=other[1]))
                    return
            yield line
    except EOFError:
        context.add(error("cut-off", "the compressed file is cut off", Span(context.path, number_of + 1, 1,
                                                                             number_of + 1, 1)))
    except OSError as problem:
        if problem.errno is not None:  # the file system's, not the archive's
            raise
        context.add(error("unreadable-file", f"cannot decompress: {shorten(str(problem).lower())}",
                           start_of(context.path)))


_OTHERS = ((b"\x1f\x8b", "one that gzip has compressed", "let its name end in `.gz`"),
           (b"\x28\xb5\x2f\xfd", "one that zstd has compressed", "let its name end in `.zst`"),
           (b"PK\x03\x04", "a spreadsheet or a zip archive", "save the sheet as CSV, or unpack the archive"),
           (b"PAR1", "Parquet", "let its name end in `.parquet`"))
"""What other files begin with, what they are, and what to do with them."""


def _ndjson(file: BinaryIO, context: Context, take: Take) -> None:
    path, zone, only, given = context.path, context.zone, context.only, context.given
    scan, instant = json_text.scan, instants(zone)
    row, told = 0, tuple[str, ...]()
    for line in lines(file, context):
        row += 1
        if only is not None and row not in only:
            continue
        try:
            text = line.strip(b" \t\r\n").decode()
            if not text:
                continue
            fields = scan(text)
            if given:
                told = tuple([name for name in given if name not in fields and name not in ("type", "id")])
                fields = {**given, **fields}
            kind, when = fields.pop("type"), fields.pop("time")
            id, sequence = fields.pop("id", None), fields.pop("sequence", None)
            if type(kind) is not str or not kind:
                raise ValueError
            if id is not None and type(id) is not str:
                if type(id) is not int:
                    raise ValueError
                id = str(id)  # as in CSV, where every id is text
            if sequence is not None and type(sequence) is not int and type(sequence) is not Decimal:
                raise ValueError
            time = instant(when)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError, IndexError):
            refused(line, row, context, _bad_event)
        else:
            take(Event(intern(kind), time, fields, id, sequence, path, row, False, told))


def instants(zone: str | None) -> Callable[[str], int]:
    """`parse_instant`, remembering hours and what stands behind the seconds: the times of a trace lie close together,
    and most are written alike."""
    ends: dict[str, tuple[int, dict[str, int]]] = {}  # the fraction, and the hours with that offset
    hours_of: dict[str, dict[str, int]] = {}

    def instant(text: str) -> int:
        behind = text[19:]
        clock, end = _CLOCK.get(text[14:19]), ends.get(behind)
        if end is not None:
            fraction, hours = end
        else:
            if behind[7:8] in _OFFSETS and (part := behind[1:7]).isdigit() and part.isascii() and behind[0] == ".":
                fraction, offset = int(part), behind[7:]
            elif behind[4:5] in _OFFSETS and (part := behind[1:4]).isdigit() and part.isascii() and behind[0] == ".":
                fraction, offset = int(part) * 1000, behind[4:]
            elif behind[:1] in _OFFSETS:
                fraction, offset = 0, behind
            else:
                return parse_instant(text, zone)
            hours = hours_of.get(offset, {})
            if len(ends) < _ENDS:
                ends[behind] = fraction, hours
        start = hours.get(text[:14])
        if start is None or clock is None:
            whole = parse_instant(text, zone)  # which says what is wrong, where something is
            if clock is None:
                return whole
            if len(hours) >= _HOURS:
                hours.clear()
            start = hours[text[:14]] = whole - clock - fraction
            if end is None:
                hours_of.setdefault(offset, hours)
        return start + clock + fraction

    return instant


_CLOCK = {f"{minute:02d}:{second:02d}": (minute * 60 + second) * 1_000_000
          for minute in range(60) for second in range(60)}
_OFFSETS = ("Z", "z", "+", "-")  # a local time without one may be skipped or doubled at any second, so is read whole
_HOURS = 100_000
_ENDS = 10_000


def refused(line: bytes, row: int, context: Context, why: Callable[[str, Context], tuple[Diagnostic, ...]]) -> None:
    """Tell what is wrong with a line of JSON that could not be taken: `why` reads it a second time, and slower."""
    ended = line.endswith(b"\n")
    text, found = decode(context.path, line.rstrip(b"\r\n"))
    if text is not None:
        found = why(text, context)
        if not ended and any(one.name == "json-syntax" for one in found):
            cut = Source(context.path, text).span(len(text), len(text))
            found = (error("cut-off", "the last line is cut off", cut, "the file ends here", notes=tuple(
                Note(one.message, one.span) for one in found)),)
    assert found, "a line was refused without a reason"
    for one in found:
        if one.name == "json-syntax" and not one.help and row == 1 and text is not None:
            one = replace(one, help=ONE_A_LINE if text.lstrip()[:1] == "[" else
                          "write each event on one line, as `jq -c .` does" if text.strip() == "{" else "")
        if one.name == "number-too-long":
            one = replace(one, help=one.help or ROUNDED)
        context.add(_on_line(one, row))


def _on_line(problem: Diagnostic, row: int) -> Diagnostic:
    """A diagnostic made for one line alone, moved to that line of its file."""
    def moved(span: Span | None) -> Span | None:
        return span and replace(span, line=span.line + row - 1, end_line=span.end_line + row - 1)

    notes = tuple(replace(note, span=moved(note.span)) for note in problem.notes)
    return replace(problem, span=moved(problem.span), notes=notes)


_ANEW = "`guiju init --from-log FILE --case COLUMN --activity type --time time`, which writes the events anew"
FINER = f"cut it to microseconds, as does {_ANEW}"
ROUNDED = f"round it, as does {_ANEW}"
COUNTED = f"a count since 1970 is read by {_ANEW}"
FOREIGN = "`guiju init --from-log` makes a project of the log of another tool, whose columns have other names"


def _bad_event(text: str, context: Context) -> tuple[Diagnostic, ...]:
    path = context.path
    source = Source(path, text)
    try:
        value = json_text.parse(text)
    except (ValueError, RecursionError):
        return json_text.diagnose(path, text)
    positions = Positions(source, json_text.places(text))
    if type(value) is not dict:
        return (no_object(positions),)
    found = [*_required({**context.given, **value}, positions.nearest(()))]
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


def no_object(positions: Positions) -> Diagnostic:
    """What is said of a line of JSON that is something else."""
    listed = positions.source.text[positions.root.start] == "["
    return error("not-an-event", "the line is not a JSON object", positions.nearest(()), "no `{…}`",
                 help=ONE_A_LINE if listed else "")


def _required(value: dict[str, Any], span: Span) -> Iterator[Diagnostic]:
    neither = "type" not in value and "time" not in value
    for name in ("type", "time"):
        if name not in value:
            yield error("missing-column", f"the event has no `{name}`", span, f"no `{name}`",
                        help=FOREIGN if neither else did_you_mean(name, value))


def _bad_time(when: Any, span: Span, zone: str | None) -> Diagnostic | None:
    if type(when) is not str:
        return error("bad-time", "the `time` of an event is text such as `2026-08-01T09:30:00Z`", span, "not a time",
                     help=COUNTED if type(when) in (int, Decimal) else "")
    try:
        parse_instant(when, zone)
    except ValueError as problem:
        help = COUNTED if when.isdigit() else FINER if "finer than" in str(problem) else ""
        return error("bad-time", str(problem), span, "not an instant", help=help)
    return None


def _csv(file: BinaryIO, context: Context, take: Take) -> None:
    only = context.only
    records = Records(lines(file, context), context)
    header = next(records.read(), None)
    if header is None:
        return
    names = [intern(name) for name in header]
    more = {name: value for name, value in context.given.items() if name not in names}
    if _bad_header(names, more, records, context):
        return
    instant = instants(context.zone)
    kind_at, time_at = (names.index(name) if name in names else 0 for name in ("type", "time"))
    for record in records.read():
        if only is not None and records.row not in only:
            continue
        if len(record) != len(names):
            shown = f"the row has {len(record)} fields, the header has {len(names)}"
            context.add(error("uneven-row", shown, records.whole(), "this row"))
            continue
        fields = {name: value for name, value in zip(names, record, strict=True) if value}
        fields.update(more)
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
            take(Event(intern(kind), time, fields, given, sequence, context.path, records.row, True))


def _sequence(text: str | None) -> int | Decimal | None:
    """The number of a text field; None for none and for text that is no number."""
    if text is None or not text.isascii() or "_" in text or text != text.strip():
        return None
    try:
        return number(text)
    except ValueError:
        return None


def _bad_header(names: list[str], more: Container[str], records: Records, context: Context) -> bool:
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
        if needed not in names and needed not in more:
            bad = True
            help = did_you_mean(needed, names) or (
                "the first line of a CSV file names its columns, separated by commas" if len(names) == 1 else
                FOREIGN)
            context.add(error("missing-column", f"the header has no column `{needed}`", records.whole(),
                              "the header", help=help))
    return bad


class Records:
    """CSV records (RFC 4180) with the lines they stand on; `row` is the line on which the latest begins. `delimiter` is
    what stands between fields."""

    def __init__(self, lines: Iterator[bytes], context: Context, delimiter: str = ",") -> None:
        self.context = context
        self.delimiter = delimiter
        self.row = 1
        self.bad = False  # a line of the latest record is no text
        self.taken: list[str] = []  # the lines of the latest record
        csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))  # of the process; it was 128 KB
        self._reader = csv.reader(self._texts(lines), strict=True, delimiter=delimiter)

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
                if _TOO_LONG in str(problem):
                    return  # as after a line that is too long
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
        elif _TOO_LONG in problem:
            self.context.add(error("line-too-long", f"a field is longer than {MAX_LINE_BYTES // 1024 // 1024} MB",
                                   whole, "this row"))
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
            while at < len(text) and text[at] not in (self.delimiter, "\r", "\n"):
                at += 1
            end, at = at, at + 1
        inner = Source(self.context.path, text).span(start, min(end, len(text)))
        return replace(inner, line=inner.line + self.row - 1, end_line=inner.end_line + self.row - 1)


_TOO_LONG = "larger than field limit"

READERS: dict[str, Reader] = {".ndjson": _ndjson, ".jsonl": _ndjson, ".csv": _csv}


def _unknown_suffix(name: str) -> Diagnostic:
    if name == "-":
        return error("unknown-format", "events are read from files, some of them twice, and not from standard input",
                     help="write them to a file, or judge them as they come: `guiju monitor`")
    suffix = suffix_of(name)
    if suffix == ".parquet":
        return error("unknown-format", f"`{shorten(name)}` is read by DuckDB or Spark, not row by row", start_of(name),
                     help="take another `--engine`")
    known = ", ".join(f"`{one}`" for one in (*READERS, ".parquet", ".xes"))
    what = f"the suffix `{shorten(suffix)}`" if suffix else "no suffix"
    return error("unknown-format", f"`{shorten(name)}` has {what}; events are read from {known}, text also with "
                 "`.gz` or `.zst`", start_of(name), help=_ELSEWHERE.get(suffix, ""))


ONE_A_LINE = "write one event a line, as `jq -c '.[]'` does"
_ELSEWHERE = {".json": ONE_A_LINE, ".tsv": FOREIGN, ".txt": FOREIGN}
