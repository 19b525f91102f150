"""The rows that a query names, for a reader that asks of each row in turn whether it is one of them.

In comes a query of rows; the reader asks in rising order. What a row says is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from policyengine.trace.scan.database import another

UNREAD = 100_000
"""Of a file with more errors than are shown, so many doubtful rows are read one by one, the others counted."""


class Rising:
    """Where some of the first UNREAD rows were no events, the others count as left out."""

    def __init__(self, con: duckdb.DuckDBPyConnection, sql: str) -> None:
        self.cursor = another(con)
        self.cursor.execute(f'SELECT DISTINCT "row" FROM ({sql}) ORDER BY 1')
        self.given = self.good = 0
        self.rows = self.each()
        self.next: int | None = next(self.rows, None)

    def each(self) -> Iterator[int]:
        """The rows, as long as they are to be read."""
        while batch := self.cursor.fetchmany(10_000):
            for place, (row,) in enumerate(batch):
                if self.given >= UNREAD and self.good < self.given:
                    self.skipped = len(batch) - place
                    return
                yield row

    skipped = 0

    def __contains__(self, row: object) -> bool:
        if row != self.next:
            return False
        self.given += 1
        self.next = next(self.rows, None)
        return True

    def left(self) -> int:
        """How many rows nobody read, and the end of the query."""
        more = self.skipped
        while self.skipped and (batch := self.cursor.fetchmany(100_000)):
            more += len(batch)
        self.cursor.close()
        return more
