"""DuckDB in process as an engine: plans run over the table `events` of a connection.

In come steps and queries of `plan`; out come rows and tables, and what was found row by row. What
they ask is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import duckdb

from policyengine.core import ir, types
from policyengine.core.verdict import VERDICTS, Judgement, key_text
from policyengine.trace.columns import NO_TYPES, key_columns
from policyengine.trace.engines.engine import FOUND, Counted, Engine
from policyengine.trace.engines.findings import Heading, Row, Table, headings, row_of
from policyengine.trace.plan.frames import STEP, needed, readers
from policyengine.trace.plan.plan import Step
from policyengine.trace.plan.terms import quoted

# `add_months` is Spark's word; DuckDB adds months as Spark does, to the month's end at most.
_MACROS = ("CREATE OR REPLACE TEMP MACRO add_months(d, n) AS CAST(d + to_months(n) AS DATE)",)

# Before it sums up rows, this pass follows each expression of a plan back to where it comes from, every way there is:
# of 3 s that one rule's planning took it took 2.5.
_PLANNING = "SET disabled_optimizers = 'partial_aggregate_pushdown'"


BATCH = 10_000
"""So many rows at a time are fetched of those that may be very many."""


class DuckTables:
    """The tables of a connection; see `engine.Tables`. Those that are `common` other connections see too."""

    def __init__(self, con: duckdb.DuckDBPyConnection, *, common: bool = False) -> None:
        self.con, self.kind = con, "TABLE" if common else "TEMP TABLE"
        for macro in _MACROS:
            con.execute(macro)
        con.execute("SET preserve_insertion_order = false")  # what has a place has it in a column
        with suppress(duckdb.Error):  # versions that have no such pass need not be told
            con.execute(_PLANNING)

    def ask(self, sql: str, steps: Sequence[Step] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query over the steps of a plan."""
        return self.con.execute(query(steps, sql)).fetchall()

    def keep(self, name: str, sql: str, steps: Sequence[Step]) -> int | None:
        """The rows of a query as a table; how many they are."""
        made = self.con.execute(f"CREATE OR REPLACE {self.kind} {quoted(name)} AS {query(steps, sql)}").fetchone()
        return None if made is None else int(made[0])

    def give(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """A small table of columns and rows."""
        declared = ", ".join(f"{quoted(column)} {type}" for column, type in columns.items())
        self.con.execute(f"CREATE OR REPLACE {self.kind} {quoted(name)} ({declared})")
        if rows:
            # Column by column as a text of JSON, which takes half the time of lists of Python.
            chosen = ", ".join(f"unnest(from_json_strict(?, '[\"{type}\"]'))" for type in columns.values())
            self.con.execute(f"INSERT INTO {quoted(name)} SELECT {chosen}",
                             [json.dumps(values, default=str) for values in zip(*rows, strict=True)])

    def drop(self, name: str) -> None:
        """A table is no longer wanted."""
        self.con.execute(f"DROP TABLE IF EXISTS {quoted(name)}")


class Listing(Engine):
    """DuckDB as an engine that puts all moments found into a table, not only those that are told; `files` are those of
    the table `events`, `key_types` the types of keys that are not text."""

    def __init__(self, tables: DuckTables, aside: DuckTables, files: Sequence[str], table: Table,
                 key_types: Mapping[str, types.Type] = NO_TYPES) -> None:
        super().__init__(tables, aside)
        self.con, self.files, self.table, self.key_types = tables.con, files, table, key_types

    def tell(self, policy: ir.Policy, counted: Counted) -> None:
        """The moments found of a rule, but those that are hard, are listed."""
        self.table.found(self._found(headings(policy)[counted.table.removeprefix(FOUND)], counted))

    def tell_judged(self, policy: ir.Policy, judged: Sequence[Judgement]) -> None:
        """The same of moments that the evaluator judged."""
        of = headings(policy)
        self.table.judged(row_of(of[one.rule], one) for one in judged)

    def _found(self, of: Heading, counted: Counted) -> Iterator[Row]:
        """The moments found of one rule, but those that are hard, in order of time."""
        pending = VERDICTS.index("pending")
        keys = "".join(f", e.{quoted(one.name)}" for one in key_columns(of.keys, self.key_types))
        self.con.execute(
            f'SELECT f."verdict", f."t", CASE WHEN f."verdict" = {pending} THEN f."due" - 1 END, f."tie", e."service", '
            f'e."file", e."row", f."n"{keys} FROM {quoted(counted.table)} AS f LEFT JOIN events AS e ON e."pos" = '
            'coalesce(f."pos", f."first") WHERE f."t" IS NOT NULL AND NOT f."hard" ORDER BY f."t", f."pos", f."first", '
            'f."past", f."known", f."verdict"')
        while rows := self.con.fetchmany(BATCH):
            for code, time, due, tie, service, file, number, alike, *values in rows:
                name = None if file is None else self.files[file]
                said = tuple(map(key_text, values))
                for _ in range(alike):
                    yield of, VERDICTS[code], time, due, bool(tie), said, service, name, number


def query(steps: Sequence[Step], last: str) -> str:
    """The SQL of some steps and a last query over them.

    A step that one other reads stands inside that one: DuckDB takes a time that grows with the square of named tables.
    """
    steps = needed(steps, last)
    read = readers(steps, last)
    named: list[str] = []
    inside: dict[str, str] = {}

    def whole(sql: str) -> str:
        return STEP.sub(lambda found: f"({inside.pop(found[0])})" if found[0] in inside else found[0], sql)

    for step in steps:
        if read[step.name] == 1:
            inside[step.name] = whole(step.sql)
        else:
            named.append(f"{step.name} AS ({whole(step.sql)})")
    end = whole(last)
    return f"WITH {', '.join(named)} {end}" if named else end
