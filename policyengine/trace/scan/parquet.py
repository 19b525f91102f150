"""Parquet: what columns files have, and their rows read one by one where the bulk reading is not sure of them.

In come paths; out come groups of files with the same columns, or rows as `files.read` gives them. What fits the
vocabulary is not known here.
"""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from typing import Any

import duckdb

from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, shorten
from policyengine.base.instants import iso_instant, parse_instant
from policyengine.base.scalars import start_of
from policyengine.base.source import Span
from policyengine.trace.files.read import COUNTED, FINER, FOREIGN, MAX_ERRORS, Event, Take
from policyengine.trace.scan.database import another, fault
from policyengine.trace.scan.forms import BINARY, FIRST, LAST, STAMPS, ZONED, Form, file_named, held_as, named

Columns = tuple[tuple[str, str], ...]

INSTANT = "TIMESTAMP WITH TIME ZONE"


def columns_of(con: duckdb.DuckDBPyConnection, name: str) -> tuple[Columns, tuple[Diagnostic, ...]]:
    """The columns of a file with their types in DuckDB's words. A timestamp of twelve bytes (INT96), as Spark and Hive
    write it, is an instant, as it is to these; DuckDB has it as a time without a zone, in which it shows UTC."""
    if not os.path.exists(name):
        return (), (error("missing-file", f"`{shorten(name)}` does not exist"),)
    try:
        found = con.execute(f"DESCRIBE SELECT * FROM {table([name])}").fetchall()
        old = set()
        if any(type in STAMPS for _, type, *_ in found):
            old = {one for (one,) in con.execute(f"SELECT name FROM parquet_schema({file_named(name)}) "
                                                 "WHERE type = 'INT96'").fetchall()}
    except (duckdb.Error, OSError) as problem:
        said = fault(problem, name)
        if said is None:
            raise
        return (), (said,)
    return tuple((column, INSTANT if type in STAMPS and column in old else type) for column, type, *_ in found), ()


def bad_columns(name: str, columns: Columns, given: Mapping[str, str], numbers: frozenset[str],
                ) -> tuple[Diagnostic, ...]:
    """Why no row of a file can be an event: a column that is not there, or numbers in binary where the vocabulary has a
    number (`numbers` are its fields)."""
    types = dict(columns)
    missing = [needed for needed in ("type", "time") if needed not in types and needed not in given]
    found = [error("missing-column", f"`{shorten(name)}` has no column `{needed}`", start_of(name),
                   help=did_you_mean(needed, types) if len(missing) == 1 else FOREIGN) for needed in missing]
    if held_as(Form("native", types.get("time", ""))) in ("integer", "number") or types.get("time") in BINARY:
        found.append(error("bad-time", "the column `time` holds numbers, and no times", start_of(name), help=COUNTED))
    found += [error("binary-numbers", f"the column `{shorten(column)}` holds binary floating point numbers",
                    start_of(name), help=f"write it as `DECIMAL(18,2)`, or with the decimals that `{column}` has")
              for column, type in columns if type in BINARY and column in numbers]
    return tuple(found)


def table(names: Sequence[str]) -> str:
    """SQL of the rows of some files; `file_index` and `file_row_number` say where each stands, from 0."""
    return f"read_parquet([{', '.join(map(file_named, names))}], hive_partitioning = false, union_by_name = false)"


def each_row(con: duckdb.DuckDBPyConnection, name: str, columns: Columns, take: Take, zone: str | None,
             given: Mapping[str, str], rows: str, only: Container[int]) -> tuple[Diagnostic, ...]:
    """Hands rows of a file to `take`, in order: those whose places, from 1, the query `rows` gives, as far as they are
    in `only`; gives back what is wrong with them."""
    shown = ", ".join(f"{_shown(column, type)} AS {named(column)}" for column, type in columns)
    found: list[Diagnostic] = []
    own = {column for column, _ in columns}
    more = {field: value for field, value in given.items() if field not in own}  # as in CSV, an empty field is none
    cursor = another(con)
    try:
        cursor.execute(f"SELECT file_row_number + 1, {shown} FROM {table([name])} "
                       f"WHERE file_row_number + 1 IN ({rows}) ORDER BY file_row_number")
        while batch := cursor.fetchmany(10_000):
            for row, *values in batch:
                if row in only:
                    fields = {column: _raw(value, type)
                              for (column, type), value in zip(columns, values, strict=True) if value is not None}
                    take_row({**more, **fields}, name, row, zone, take, found, tuple(more))
    finally:
        cursor.close()
    return _first(name, found)


def _first(name: str, found: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    if len(found) <= MAX_ERRORS:
        return tuple(found)
    more = f"`{shorten(name)}` has {len(found) - MAX_ERRORS:,} more errors that are not shown"
    return (*found[:MAX_ERRORS], error("more-errors", more, start_of(name)))


def _shown(column: str, type: str) -> str:
    x = named(column)
    if type in ZONED:
        count = f"epoch_ns({x})" if "_NS" in type else f"epoch_us({x})"
        # What no year from 1 to 9999 has stands in DuckDB's words, which are no time.
        return (f"CASE WHEN epoch_us({x}) BETWEEN {FIRST} AND {LAST} THEN CAST({count} AS VARCHAR) "
                f"ELSE CAST({x} AS VARCHAR) END")
    if type in STAMPS or type == "DATE":
        return f"CAST({x} AS VARCHAR)"
    return x


def _raw(value: Any, type: str) -> Any:
    if type in ZONED and isinstance(value, str):
        if not value.removeprefix("-").isdigit():
            return value
        count = int(value)
        if "_NS" in type:
            return iso_instant(count // 1000, "UTC") if count % 1000 == 0 else _nanoseconds(count)
        return iso_instant(count, "UTC")
    if type in STAMPS and isinstance(value, str):
        return value.replace(" ", "T")
    if isinstance(value, Mapping):
        return {name: _raw(one, "") for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_raw(one, "") for one in value]
    if isinstance(value, Decimal | str | int | None):
        return value
    return str(value) if held_as(Form("native", type)) else value


def _nanoseconds(value: int) -> str:
    return iso_instant(value // 1_000_000_000 * 1_000_000, "UTC").replace("Z", f".{value % 1_000_000_000:09d}Z")


def take_row(fields: dict[str, Any], name: str, row: int, zone: str | None, take: Take, found: list[Diagnostic],
             given: tuple[str, ...] = ()) -> None:
    """Hands a row with these fields, of which the path has `given` some, to `take`, or adds what is wrong with it."""
    span = Span(name, row, 1, row, 1)
    kind, when = fields.pop("type", None), fields.pop("time", None)
    id, sequence = fields.pop("id", None), fields.pop("sequence", None)
    wrong: list[Diagnostic] = []
    time = 0
    if kind is None or when is None:
        wrong += [error("missing-column", f"the event has no `{field}`", span)
                  for field, value in (("type", kind), ("time", when)) if value is None]
    if kind is not None and (not isinstance(kind, str) or not kind):
        wrong.append(error("bad-event-type", "the `type` of an event is text", span))
    if when is not None:
        try:
            if not isinstance(when, str):
                raise ValueError("the `time` of an event is a timestamp, or text such as `2026-08-01T09:30:00Z`")
            time = parse_instant(when, zone)
        except ValueError as problem:
            wrong.append(error("bad-time", str(problem), span, help=FINER if "finer than" in str(problem) else ""))
    if id is not None and (isinstance(id, bool) or not isinstance(id, str | int)):
        wrong.append(error("bad-event-id", "the `id` of an event is text or a whole number", span))
    if sequence is not None and (isinstance(sequence, bool) or not isinstance(sequence, int | Decimal)):
        wrong.append(error("bad-sequence", "the `sequence` of an event is a number", span))
    if wrong:
        found += wrong
    else:
        assert isinstance(kind, str)
        take(Event(kind, time, fields, None if id is None else str(id), sequence, name, row, False,
                   tuple([field for field in given if field in fields])))
