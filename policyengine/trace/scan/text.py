"""Files of text read in bulk by DuckDB: NDJSON and CSV, plain or compressed, into the table where rows are staged.

In come a file and what is asked of it; its rows go into the table, in the order of the file. A file of which DuckDB
would not know the line of each row, or that it reads otherwise than RFC 4180 has it, is refused: then Python reads it
whole. What fits the vocabulary is not known here.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import TextIOWrapper

import duckdb

from policyengine.trace.files import read
from policyengine.trace.scan.database import fault
from policyengine.trace.scan.forms import JSON, TEXT, Form, file_named, named, quoted
from policyengine.trace.scan.rows import ENVELOPE
from policyengine.trace.scan.sources import Asked, Source, select

FEW = 1_000
SHARE = 50
"""Of a file, so many rows or one in so many may be left to Python before it is read again with more care."""

LONG = 500_000
WORTH = 8
"""DuckDB takes seconds to begin with a query of so many characters, as a vocabulary of hundreds of fields makes. A file
that has not this many times as many bytes is sooner read by Python."""

_CHUNK = 1 << 20
_SPACED_QUOTE = re.compile(rb'(?:^|,)[ \t]+"|"[ \t]+(?:,|\r|$)', re.MULTILINE)

Way = Callable[[duckdb.DuckDBPyConnection, str, Asked], tuple[str, dict[str, tuple[Form, str]], str, tuple[str, ...]]]


class _Refused(Exception):
    """DuckDB cannot read the file in that way."""


def stage(con: duckdb.DuckDBPyConnection, table: str, name: str, file: int, asked: Asked, given: Mapping[str, str],
          ) -> int | None:
    """Puts the rows of a file into the table, `row` null; gives back what to add to a `rowid` for the line. None, with
    no row in the table, where Python must read the file."""
    text = read.suffix_of(name) == ".csv"
    with ThreadPoolExecutor(1) as beside:
        counting = beside.submit(_counted, name, text)
        nulls = not text and _begins_with_null(name)
        found = _staged(con, table, name, file, asked, given, nulls)
        counted = counting.result()
    if counted is not None and counted[1] and not nulls and found is not None:
        con.execute(f"DELETE FROM {table} WHERE file = {file}")
        found = _staged(con, table, name, file, asked, given, True)
    if counted is None or found is None or found[0] != counted[0] - text:
        con.execute(f"DELETE FROM {table} WHERE file = {file}")
        return None
    return 1 + text - found[1]


def _staged(con: duckdb.DuckDBPyConnection, table: str, name: str, file: int, asked: Asked, given: Mapping[str, str],
            nulls: bool) -> tuple[int, int] | None:
    """How many rows of the file are in the table now, and the `rowid` of the first; None where there is none."""
    said = {field: quoted(value) for field, value in given.items()}
    ways: list[Way] = [_csv] if read.suffix_of(name) == ".csv" else [_strict, _careful]
    while ways:
        way = ways.pop(0)
        try:
            source, columns, keys, more = way(con, name, asked)
            rows = select(
                Source(source, columns, str(file), "CAST(NULL AS BIGINT)", said, keys, nulls and not keys, more), asked)
            if len(rows) > LONG and os.path.getsize(name) < WORTH * len(rows):
                return None
            con.execute(f"INSERT INTO {table} {rows}")
        except _Refused:
            continue
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException) as problem:
            if fault(problem) is not None:  # the disk, not the file
                raise
            if way is _strict and "unknown key" in str(problem):
                ways.insert(0, _strict_over_all)
            continue
        found = con.execute(f"SELECT count(*), count(*) FILTER (WHERE odd), min(rowid) FROM {table} "
                            f"WHERE file = {file}").fetchone()
        assert found is not None
        count, odd, first = found
        if count and (not ways or odd <= max(FEW, count // SHARE)):
            return count, first
        con.execute(f"DELETE FROM {table} WHERE file = {file}")
    return None


def _begins_with_null(name: str) -> bool:
    """A first guess at whether a file has nulls: if one has any, most rows have some."""
    try:
        return b"null" in next(_chunks(name), b"")
    except (OSError, EOFError):
        return False


def _counted(name: str, text: bool) -> tuple[int, bool] | None:
    """How many lines a file has, without blank ones at its end, and whether NDJSON may have a null; None where it
    cannot be read to its end, where a line is too long (DuckDB takes some that are), or where DuckDB takes a quote of
    CSV for one that Python does not."""
    total = trailing = long = 0
    some = nulls = False
    left = b""
    try:
        for chunk in _chunks(name):
            whole = chunk.rstrip(b" \t\r\n")
            total += chunk.count(b"\n")
            end = chunk.find(b"\n")
            if long + (end + 1 or len(chunk)) >= read.MAX_LINE_BYTES:
                return None
            long = long + len(chunk) if end < 0 else len(chunk) - 1 - chunk.rfind(b"\n")
            trailing = (0 if whole else trailing) + chunk.count(b"\n", len(whole))
            some = some or bool(whole)
            if text:
                if b"\0" in chunk or (b'"' in chunk and _SPACED_QUOTE.search(left + chunk)):
                    return None
            elif not nulls:
                nulls = b"null" in chunk or b"null" in left[-3:] + chunk[:3]
            left = chunk[-1024:]
    except (OSError, EOFError):
        return None
    return total - trailing + some, nulls


def _chunks(name: str) -> Iterator[bytes]:
    with open(name, "rb") as file:
        opened = read.opened(file, name)
        while chunk := opened.read(_CHUNK):
            yield chunk


# ---- NDJSON -------------------------------------------------------------------------------------------------------

def _strict(con: duckdb.DuckDBPyConnection, name: str, asked: Asked,
            ) -> tuple[str, dict[str, tuple[Form, str]], str, tuple[str, ...]]:
    """As fast as DuckDB reads columns it is told: it finds the keys in a sample, and fails at a key that is not there.

    Null and absent are one, and a number with a fraction is not known to its last digit; such rows are odd where that
    matters.
    """
    del asked
    source = _records(name, _DETECTED)
    return _of_keys(source, _keys(con, source))


def _strict_over_all(con: duckdb.DuckDBPyConnection, name: str, asked: Asked,
                     ) -> tuple[str, dict[str, tuple[Form, str]], str, tuple[str, ...]]:
    """The same, with a first reading of the whole file for its keys."""
    del asked
    names = _keys(con, _records(name, f"sample_size = -1, {_DETECTED}"))
    told = ", ".join(f"{quoted(one)}: 'JSON'" for one in names)
    return _of_keys(_records(name, f"columns = {{{told}}}"), names)


# field_appearance_threshold 0 and no map inference: every key becomes a column, however rare.
_DETECTED = "maximum_depth = 1, field_appearance_threshold = 0, map_inference_threshold = -1"


def _records(name: str, more: str) -> str:
    return (f"read_json({file_named(name)}, format = 'newline_delimited', records = true, maximum_object_size = "
            f"{read.MAX_LINE_BYTES}, hive_partitioning = false, {more})")


def _keys(con: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    try:
        names = [column for column, *_ in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    except duckdb.BinderException:  # a line of the sample is no object
        raise _Refused from None
    if len({re.sub("_[0-9]+$", "", one).lower() for one in names}) < len(names):
        raise _Refused  # keys that differ in case alone, which DuckDB has renamed
    return names


def _of_keys(source: str, names: Sequence[str]) -> tuple[str, dict[str, tuple[Form, str]], str, tuple[str, ...]]:
    chosen = ", ".join(f"CAST({named(one)} AS VARCHAR) AS r{number}" for number, one in enumerate(names))
    columns = {one: (JSON, f"r{number}") for number, one in enumerate(names)}
    return f"SELECT {chosen} FROM {source}", _with_envelope(columns), "", ()


def _careful(con: duckdb.DuckDBPyConnection, name: str, asked: Asked,
             ) -> tuple[str, dict[str, tuple[Form, str]], str, tuple[str, ...]]:
    """Line by line, at a third of the speed: knows the keys of each line and the digits of each number, and goes on
    after a line that is no JSON."""
    del con
    names = [*sorted(ENVELOPE), *(one for one in asked.fields if one not in ENVELOPE)]
    shape = "{" + ", ".join(f'"{one}": "JSON"' for one in names) + "}"
    lines = (f"read_json_objects({file_named(name)}, format = 'newline_delimited', ignore_errors = true, "
             f"maximum_object_size = {read.MAX_LINE_BYTES}, hive_partitioning = false)")
    chosen = ", ".join(f"CAST(values.{named(one)} AS VARCHAR) AS r{number}" for number, one in enumerate(names))
    source = (f"SELECT line, keys, {chosen} FROM (SELECT CAST(json AS VARCHAR) AS line, json_keys(json) AS keys, "
              f"json_transform(json, {quoted(shape)}) AS values FROM {lines})")
    form = Form("json", "line")
    known = ", ".join(map(quoted, names))
    more = ("line IS NULL", f"NOT coalesce(list_has_all([{known}], keys), false)",
            "len(list_distinct(keys)) <> len(keys)")
    return source, {one: (form, f"r{number}") for number, one in enumerate(names)}, "keys", more


def _with_envelope(columns: dict[str, tuple[Form, str]]) -> dict[str, tuple[Form, str]]:
    nothing = (JSON, "CAST(NULL AS VARCHAR)")
    return {"type": nothing, "time": nothing, **columns}


# ---- CSV ----------------------------------------------------------------------------------------------------------

def _csv(con: duckdb.DuckDBPyConnection, name: str, asked: Asked,
         ) -> tuple[str, dict[str, tuple[Form, str]], str, tuple[str, ...]]:
    """All fields as text. A file whose first line does not name its columns is Python's to explain."""
    del con, asked
    with open(name, "rb") as file:
        try:
            header = next(csv.reader(TextIOWrapper(read.opened(file, name), "utf-8-sig", newline=""), strict=True), [])
        except (csv.Error, UnicodeDecodeError):
            raise _Refused from None
    if len(set(header)) < len(header) or "" in header:
        raise _Refused
    wanted = ", ".join(f"'r{number}': 'VARCHAR'" for number in range(len(header)))
    source = (f"SELECT * FROM read_csv({file_named(name)}, columns = {{{wanted}}}, header = true, auto_detect = false, "
              "delim = ',', quote = '\"', escape = '\"', strict_mode = true, nullstr = '', allow_quoted_nulls = true, "
              f"max_line_size = {read.MAX_LINE_BYTES}, hive_partitioning = false)")
    columns = {one: (TEXT, f"r{number}") for number, one in enumerate(header)}
    if "time" not in columns or "type" not in columns:
        raise _Refused
    return source, columns, "", ()
