"""The rows of a log as another tool wrote them: the names of its columns, then each row as values by their place.

In comes a path. Tables (CSV, TSV, Parquet) hold texts alone; lines of JSON hold numbers, lists and nulls too. What
stands inside an object, or a struct of Parquet, is a column behind it (`user.id`). Numbers are as they were written, of
any length. What columns and values mean is not known here.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from io import BufferedReader, RawIOBase
from itertools import islice
from json import JSONDecoder
from typing import Any, BinaryIO

import duckdb

from policyengine.base import json_text
from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.base.places import Positions
from policyengine.base.scalars import start_of
from policyengine.base.source import Source, Span
from policyengine.trace.files.read import Context, Problem, Records, lines, no_object, opened, refused, suffix_of
from policyengine.trace.logs import otlp as log_otlp
from policyengine.trace.scan.database import fault
from policyengine.trace.scan.forms import named, struct_fields
from policyengine.trace.scan.parquet import INSTANT, columns_of, table

LINES = (".ndjson", ".jsonl")
TEXTS = (".csv", ".tsv", ".txt")
SUFFIXES = (*TEXTS, ".parquet", *LINES)

HEAD_BYTES = 1 << 16  # so many say how the lines of a table end
HEAD_LINES = 1000  # so many say whether lines of JSON are events as they are

Row = tuple[int, Mapping[int, Any]]
"""A line, or a row of Parquet, and the values by the place of their column; an empty field is not there."""


def is_table(path: str) -> bool:
    """Whether no events can be read from a file as it is, for want of `type` and `time`: from a CSV file without these
    columns, from lines of JSON none of which has both, from another kind of table. OSError passes through."""
    suffix = suffix_of(path)
    if suffix in LINES:
        with _objects(path, lambda _: None) as objects:
            first = [value for _, value in islice(objects, HEAD_LINES)]
        return bool(first) and not any({"type", "time"} <= one.keys() for one in first)
    if suffix != ".csv":
        return suffix in SUFFIXES
    with rows(path, lambda _: None) as (_, names, _):
        return bool(names) and not {"type", "time"} <= set(names)


@contextmanager
def rows(path: str, add: Problem, known: Sequence[str] = (), encoding: str | None = None,
         ) -> Iterator[tuple[int, tuple[str, ...], Iterator[Row]]]:
    """The line on which the names of the columns stand, the names, and the rows of a table; `add` is told which rows
    are none. Lines of JSON are read for their names first, unless these are `known`. `encoding` is that of a table of
    text, as Python calls it; without it, UTF-8, or UTF-16 where a mark says so. OSError passes through."""
    suffix = suffix_of(path)
    if suffix == ".parquet":
        yield _parquet(path, add)
    elif suffix in LINES:
        with _objects(path, lambda _: None) as objects:
            names = tuple(known) or tuple(dict.fromkeys(name for _, value in objects for name, _ in _flat(value)))
        places = {name: place for place, name in enumerate(names)}
        with _objects(path, add) as objects:
            yield 1, names, (_placed(path, row, value, places, add) for row, value in objects)
    else:
        with open(path, "rb") as file:
            yield _records(file, Context(path, None, add), encoding)


# ---- text ---------------------------------------------------------------------------------------------------------

def _records(file: BinaryIO, context: Context, encoding: str | None) -> tuple[int, tuple[str, ...], Iterator[Row]]:
    try:
        data, head = _recoded(opened(file, context.path), context, encoding)
    except EOFError:
        context.add(error("cut-off", "the compressed file is cut off", start_of(context.path)))
        return 1, (), iter(())
    whole = _Joined(head, data)
    old = b"\r" in head and b"\n" not in head  # as spreadsheets on the older Macs wrote lines
    text = _split(whole) if old else lines(BufferedReader(whole, HEAD_BYTES), context)
    first = next(text, b"")
    said = _SEPARATOR.fullmatch(first)  # a line for spreadsheets alone, which is kept for the count of lines
    delimiter = said[1].decode() if said else _delimiter(first.decode(errors="replace"))
    records = Records(_again(b"\n" if said else first, text), context, delimiter)
    each = records.read()
    names = tuple(one.strip() for one in next(each, ()))

    def rest() -> Iterator[Row]:
        for values in each:
            if len(values) == len(names):
                yield records.row, {place: value for place, value in enumerate(values) if value.strip()}
            elif any(values):
                context.add(error("uneven-row", f"the row has {len(values)} fields, the header has {len(names)}",
                                  Span(context.path, records.row, 1, records.row, 1)))

    return records.row, names, rest()


_SEPARATOR = re.compile(rb"(?:\xef\xbb\xbf)?sep=([,;\t|])[\r\n]*", re.IGNORECASE)


def _recoded(file: BinaryIO, context: Context, encoding: str | None) -> tuple[BinaryIO, bytes]:
    """The bytes of a table in UTF-8, and the first of them, which are read. EOFError as `opened` has it."""
    head = file.read(HEAD_BYTES)
    encoding = encoding or ("utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else None)
    if encoding is None:
        return file, head
    recoded = BufferedReader(_Recoded(_Joined(head, file), context, encoding), HEAD_BYTES)
    return recoded, recoded.read(HEAD_BYTES)


class _Recoded(RawIOBase):
    """A text of some encoding in UTF-8. The first byte that is none of it is told."""

    def __init__(self, file: RawIOBase, context: Context, encoding: str) -> None:
        self.file, self.context, self.encoding = file, context, encoding
        self.decoder = codecs.getincrementaldecoder(encoding)()
        self.left, self.row, self.whole = b"", 1, False

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self.left and not self.whole:
            chunk = self.file.read(HEAD_BYTES) or b""
            self.whole = not chunk
            try:
                text = self.decoder.decode(chunk, self.whole)
            except UnicodeDecodeError as problem:
                row = self.row + chunk.count(b"\n", 0, problem.start)
                self.context.add(error("other-encoding", f"byte 0x{problem.object[problem.start]:02x} is not of "
                                       f"{self.encoding}", Span(self.context.path, row, 1, row, 1),
                                       help="say another `--encoding`, or save the file as UTF-8"))
                self.decoder = codecs.getincrementaldecoder(self.encoding)("replace")  # so that it is told once
                text = self.decoder.decode(chunk, self.whole)
            self.row += text.count("\n")
            self.left = text.encode("utf-8", "replace")
        part, self.left = self.left[:len(into)], self.left[len(into):]
        into[:len(part)] = part
        return len(part)


class _Joined(RawIOBase):
    """The first bytes of a file and the rest, once more from the beginning."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self.head, self.rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        part = self.head[:len(into)] or self.rest.read(len(into))
        self.head = self.head[len(part):]
        into[:len(part)] = part
        return len(part)


def _split(file: RawIOBase) -> Iterator[bytes]:
    """The lines of a file that ends them with a carriage return alone."""
    left = b""
    for chunk in iter(partial(file.read, HEAD_BYTES), b""):
        *whole, left = (left + (chunk or b"")).split(b"\r")
        yield from (one + b"\n" for one in whole)
    if left:
        yield left


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _delimiter(header: str) -> str:
    """What stands between the names of the header most often, outside quotes."""
    plain = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=plain.count)


# ---- Parquet ------------------------------------------------------------------------------------------------------

def _parquet(path: str, add: Problem) -> tuple[int, tuple[str, ...], Iterator[Row]]:
    def told(problem: duckdb.Error) -> None:
        said = fault(problem, path)
        if said is None:
            raise problem
        add(said)

    def rest() -> Iterator[Row]:
        row = 0
        with con:
            try:
                for values in iter(partial(found.fetchmany, 10_000), []):
                    for one in values:
                        row += 1
                        yield row, {place: value for place, value in enumerate(one)
                                    if value is not None and value != "nan" and value.strip()}
            except duckdb.Error as problem:
                told(problem)

    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    described, wrong = columns_of(con, path)
    for one in wrong:
        add(one)
    columns = [one for name, type in described for one in _inside(name, type, named(name))]
    if not columns:
        return 1, (), iter(())
    try:
        found = con.execute(f"SELECT {', '.join(x for _, x in columns)} FROM {table([path])}")
    except duckdb.Error as problem:
        told(problem)
        return 1, (), iter(())
    return 1, tuple(name.strip() for name, _ in columns), rest()


def _inside(name: str, type: str, x: str) -> Iterator[tuple[str, str]]:
    """A column and its text in SQL, or those of the fields inside it, as of an object of JSON."""
    if type.startswith("STRUCT(") and type.endswith(")"):
        for field, inner in struct_fields(type).items():
            yield from _inside(f"{name}.{field}", inner, f"{x}.{named(field)}")
    else:
        yield name, f"CAST({f'CAST({x} AS {type})' if type == INSTANT else x} AS VARCHAR)"


# ---- lines of JSON ------------------------------------------------------------------------------------------------

@contextmanager
def _objects(path: str, add: Problem) -> Iterator[Iterator[tuple[int, dict[str, Any]]]]:
    """Each object with its line, of which OpenTelemetry writes many on one; `add` is told of lines that are none."""
    with open(path, "rb") as file:
        yield _each_object(file, Context(path, None, add))


def _each_object(file: BinaryIO, context: Context) -> Iterator[tuple[int, dict[str, Any]]]:
    for row, line in enumerate(lines(opened(file, context.path), context), 1):
        try:
            text = line.strip(b" \t\r\n").decode()
            if not text:
                continue
            value = _DECODER.decode(text)
            json_text.check(text, value)
            if type(value) is not dict:
                raise ValueError
        except (ValueError, RecursionError):
            refused(line, row, context, _why)
        else:
            yield from ((row, one) for one in (log_otlp.each(value) if _OTLP.search(text) else (value,)))


_OTLP = re.compile('"(?:attributes|resourceSpans|resourceLogs)"')


def _why(text: str, context: Context) -> tuple[Diagnostic, ...]:
    """What is wrong with a line; that its numbers are long is not."""
    found = json_text.diagnose(context.path, text)
    if found:
        return tuple(one for one in found if one.name != "number-too-long") or found
    return (no_object(Positions(Source(context.path, text), json_text.places(text))),)


def _flat(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The values of an object by name, those of objects inside it behind theirs."""
    for key, one in value.items():
        if type(one) is dict:
            yield from _flat(one, f"{above}{key}.")
        else:
            yield above + key, one


def _placed(path: str, row: int, value: Mapping[str, Any], places: Mapping[str, int], add: Problem) -> Row:
    placed: dict[int, Any] = {}
    for name, one in _flat(value):
        place = places.get(name)
        if place is None:  # written since the names were read
            continue
        if place in placed:
            add(error("duplicate-key", f"`{shorten(name)}` is said twice, once inside an object",
                      Span(path, row, 1, row, 1)))
        placed[place] = one
    return row, placed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise json_text.Refused
    return value


def _constant(text: str) -> None:
    """`NaN` is how tools write that there is none."""
    if text != "NaN":
        raise json_text.Refused(text)


_DECODER = JSONDecoder(object_pairs_hook=_object, parse_float=Decimal, parse_constant=_constant)
