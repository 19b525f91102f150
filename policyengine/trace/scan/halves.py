"""Files of Parquet in two halves: rows of the types that few rows have, and all others.

Most types are rare and have most of the fields. In come a source and which types are few; out come two sources: the
rows of these types, which are read first and held against the vocabulary where they stand then, and the others, of
which those columns are not read in which they were found to say nothing. Where rows are kept is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import duckdb

from policyengine.base.record import record
from policyengine.trace.scan.forms import Form, file_named, named
from policyengine.trace.scan.rows import ENVELOPE
from policyengine.trace.scan.sources import Asked, Source, fields_of, misfits, part, value_of, with_fields

SPARED = 8
"""With fewer columns that need not be read of most rows, to read twice takes more time than it saves."""


@record
class Apart:
    """What sets the rows of the `few` types of some files apart: `source` has them, `fields` are all its fields, with
    the name each has in a table of these rows, `raw` those names that stand for a value as it was read (type, SQL).

    Of the columns of which other types have no field, files say how many values they have (`told`); the others are
    looked at in every row, if all other types are closed (a row with a value is put with the few, where it is odd),
    else they are read of all (`rest`).
    """

    few: frozenset[int]
    source: Source
    fields: Mapping[str, tuple[Form, str]]
    raw: Mapping[str, tuple[str, str]]
    told: Mapping[str, int]
    rest: frozenset[str]


def set_apart(con: duckdb.DuckDBPyConnection, source: Source, names: Sequence[str], asked: Asked,
              few: frozenset[int], held: Collection[str]) -> Apart | None:
    """The rows of the few types, for a table that holds these columns; None where little is spared."""
    others = asked.present - few
    own = ENVELOPE | {name for name, field in asked.fields.items() if field.declared & others}
    strange = source.columns.keys() - own
    if len(strange) < SPARED:
        return None
    values = _values(con, names)
    told = {name: values[name] for name in sorted(strange) if name in values}
    rest = frozenset(strange - told.keys())
    seen = sorted(rest) if others <= asked.closed else []
    rows = part(source, asked, few, " OR ".join(f"{source.columns[name][1]} IS NOT NULL" for name in seen))
    stands = {value_of(one, source): f"c{number}" for number, one in enumerate(asked.held.columns)}
    fields: dict[str, tuple[Form, str]] = {}
    raw: dict[str, tuple[str, str]] = {}
    many: Counter[str] = Counter()
    for name, (form, x) in fields_of(source).items():
        at = stands.get(x)
        if at is None or at not in held:
            type = form.column or "VARCHAR"
            many[type] += 1
            at = named(f"{type} {many[type]}")  # several parts may share it
            raw[at] = (type, x)
        fields[name] = (form, at)
    return Apart(few, replace(source, table=rows, place="place"), fields, raw, told, rest - set(seen))


def odd_apart(apart: Apart, asked: Asked) -> str:
    """Which rows of such a table do not fit; SQL."""
    return f"NOT {asked.among(apart.few)} OR {misfits(apart.fields, asked.of(apart.few))}"


def of_others(source: Source, asked: Asked, apart: Apart, had: Mapping[str, int]) -> Source:
    """The rows of the other types, where those of the few were found to have so many values by field: a column that
    has no more need not be read."""
    more = {name for name, count in apart.told.items() if had[name] != count}
    return with_fields(source, asked, asked.present - apart.few, more | apart.rest)


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
