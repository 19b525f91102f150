"""Files of events of any size into tables of DuckDB, held against the vocabulary in bulk.

In come a connection, files, the vocabulary and the columns that rules read; out come the view `events`, in the order of
the language, and what was noticed, or every reason why there is none. Which rules are asked is not known here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import duckdb

from policyengine.base.diagnostic import Diagnostic
from policyengine.trace.columns import Column
from policyengine.trace.scan.database import fault
from policyengine.trace.scan.reading import Reading
from policyengine.trace.scan.rows import Schemas, too_many
from policyengine.trace.scan.tables import Scan, Tables


def scan(con: duckdb.DuckDBPyConnection, paths: Sequence[str | os.PathLike[str]], schemas: Schemas,
         needs: Mapping[str, Sequence[Column]], *, zone: str | None = None, as_of: int | None = None,
         ) -> tuple[Scan | None, tuple[Diagnostic, ...]]:
    """Makes the view `events`: `columns.ORDER_COLUMNS`, `service`, and the columns needed, null where a row has none.

    `schemas` are those of the event types, in the order that ties take; `needs` the types to keep, each with its
    columns. `zone` is that of times without an offset, which are errors without it. Events after `as_of` (UTC
    microseconds; without it, none) are left out. Defaults of the vocabulary are not applied.
    """
    if wrong := too_many(schemas):
        return None, wrong
    reading = Reading(con, [os.fspath(path) for path in paths], schemas, needs, zone)
    tables = Tables(reading, needs)
    try:
        reading.take_in()
        found = tables.kept(as_of) if reading.sound else None
        if found is None:  # what is wrong with each row is said before what is wrong with several
            tables.found.clear()
            reading.look()
            found = tables.kept(as_of) if reading.sound else None
        con.execute("DROP TABLE scan_stage")
        return found, (*reading.found, *tables.found)
    except (duckdb.Error, OSError) as problem:
        return None, (*tables.found, fault(problem) or reading.unreadable(sorted(reading.parquet), problem))
