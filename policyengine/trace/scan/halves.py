"""Files of Parquet in two halves: rows of the types that few rows have, and all others.

Most types are rare and have most of the fields. In comes a source and which types are few; out come two, of which the
first is a table, read once in full, and the second lacks the columns in which its rows say nothing; where that spares
little, both are the source. Where rows are kept, and what becomes of those that do not fit, is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from policyengine.trace.scan.forms import file_named
from policyengine.trace.scan.rows import ENVELOPE
from policyengine.trace.scan.sources import Asked, Source, part, with_fields

SPARED = 8
"""With fewer columns that need not be read of most rows, to put the others aside takes more time than it saves."""


def halve(con: duckdb.DuckDBPyConnection, source: Source, names: Sequence[str], table: str, asked: Asked,
          few: frozenset[int]) -> tuple[Source, Source]:
    """The rows of the types that are `few`, as they were read, in this table, which is made then; and the other rows.

    Of the others a column need not be read of which they have no field, if all its values stand in rows of the few;
    how many it has is what files say. Where they do not, rows of closed types with such a value are put with the few,
    where they are odd.
    """
    others = asked.present - few
    own = ENVELOPE | {name for name, field in asked.fields.items() if field.declared & others}
    strange = {name: x for name, (_, x) in source.columns.items() if name not in own}
    if len(strange) < SPARED:
        return source, source
    values = _values(con, names)
    untold = {name: x for name, x in strange.items() if name not in values and others <= asked.closed}
    con.execute("SET preserve_insertion_order = false")  # each row says where it stands
    try:
        con.execute(f"CREATE TABLE {table} AS "
                    + part(source, asked, few, " OR ".join(f"{x} IS NOT NULL" for x in untold.values())))
    finally:
        con.execute("SET preserve_insertion_order = true")
    asked_for = ", ".join(["count(*)", *(f"count({x})" for x in strange.values())])
    counts = con.execute(f"SELECT {asked_for} FROM {table}").fetchone()
    assert counts is not None
    more = {name for name, count in zip(strange, counts[1:], strict=True)
            if name not in untold and values.get(name) != count}
    return (replace(source, table=f"SELECT * FROM {table}", place="place", more=(f"NOT {asked.among(few)}",)),
            with_fields(source, asked, others, more))


def _values(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> dict[str, int]:
    """How many values each column of some files has, nulls aside, as they say themselves; without columns of lists and
    records, and those of which a file does not say it."""
    found: dict[str, int] = {}
    files = ", ".join(map(file_named, names))
    for column, rows, nulls, told in con.execute(
            "SELECT path_in_schema, sum(num_values), sum(stats_null_count), count(*) = count(stats_null_count) FROM "
            f"parquet_metadata([{files}]) WHERE num_values > 0 GROUP BY path_in_schema").fetchall():
        if told:
            found[column] = int(rows) - int(nulls)
    return found
