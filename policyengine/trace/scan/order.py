"""The place of every row in the order of the language: time, sequence, place of the type, id, content.

In comes the table `scan_keys`, the rows as they were read; out come the places of those that do not stand where they
were read, and what was noticed. Files that stand in order already, as most do, are looked through once; of others the
times are sorted, and whatever else decides only among rows of one time. What else rows say is not known here, and is
asked only of those that nothing else puts in order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import duckdb

from policyengine.trace.scan.database import any_order, number_of

OF_FILES, SHARED = "scan_files", "scan_shared"
"""Where each file that has rows begins (file, start); and the times that several rows have, without a sequence (t)."""

SAID = 'CREATE TABLE scan_said (file INTEGER, "row" BIGINT, said VARCHAR)'
"""The table of what rows say, each as one text that sorts as what it says does."""


def order(con: duckdb.DuckDBPyConnection, there: Collection[str], wanted: str, contents: Callable[[], None],
          ) -> tuple[bool, int, int]:
    """Whether two of the rows that are `wanted` (SQL) have one time and one sequence; how many rows `scan_moved` has;
    and how many of all rows repeat another, where these have neither id nor sequence.

    `scan_moved` (was, pos, instant) has the place in the order of each row that was read at another, `was`. With a
    sequence it has also the place of the first event of a row's instant, and the rows of which that is not their own;
    without, an instant is a time, and `SHARED` has those of several rows. `there` are those of the columns `seq` and
    `id` that `scan_keys` has. `contents` fills the table `scan_said` with what the rows in `scan_ties` say.
    """
    ordered = "seq" in there
    seq, id = ("seq" if ordered else "NULL::BIGINT"), ("coalesce(id, '')" if "id" in there else "''")
    free = " AND ".join(f"{name} IS NULL" for name in there) or "true"
    rises = "coalesce(q > q0, q IS NOT NULL)" if ordered else "k > k0"
    looked = f"t < t0 OR t = t0 AND NOT {rises}" if ordered else "t <= t0"
    read = (f'SELECT t, {seq} AS q, "type" AS k, {id} AS i, {free} AS free, pos AS was, pos AS own FROM scan_keys '
            f"WHERE {wanted}")
    sorted = _look(con, read, rises, looked)
    if sorted:
        # The row that is the m-th by time has the place of that which was read as the m-th.
        by = "t, own" if ordered else "t, k, own"
        con.execute(f"CREATE TABLE scan_sorted AS SELECT s.* EXCLUDE own, r.own FROM ({read} ORDER BY {by}) AS s "
                    f"POSITIONAL JOIN (SELECT own FROM ({read})) AS r")
        read = "SELECT * FROM scan_sorted"
        _look(con, read, rises, looked)
    with any_order(con):
        crossed = f"(SELECT t FROM {SHARED} WHERE crossed)"
        con.execute(f"CREATE TABLE scan_few AS SELECT * FROM ({read}) WHERE t IN {crossed}")
        # Those of one time, sequence, type and id; and of rows that are not wanted those that may repeat another.
        others = f'SELECT pos AS was, t, "type" AS k, true AS free FROM scan_keys WHERE NOT ({wanted}) AND {free}'
        con.execute("CREATE TABLE scan_ties AS " + in_files(
            "SELECT was, t, k, free FROM scan_few QUALIFY count(*) OVER (PARTITION BY t, q, k, i) > 1 UNION ALL "
            f'{others} AND (t, "type") IN (SELECT (t, k) FROM ({others}) GROUP BY t, k HAVING count(*) > 1)'))
        con.execute(SAID)
        if number_of(con, "SELECT count(*) FROM scan_ties"):
            contents()
        said = 'SELECT was, t, k, free, said FROM scan_ties JOIN scan_said USING (file, "row")'
        repeats = number_of(con, f"SELECT count(*) - count(DISTINCT (t, k, said)) FROM ({said}) WHERE free")
        # Rows of one time share their places out anew, from the lowest on: what was read between them is not wanted.
        rows = "PARTITION BY t ORDER BY q NULLS FIRST, k, i, said, was"
        head = "min(nth) OVER (PARTITION BY t, q)" if ordered else "nth"
        con.execute(
            f"CREATE TABLE scan_placed AS SELECT was, nth, {head} AS head, lowest + nth - 1 AS pos, lowest + head - 1 "
            f"AS instant FROM (SELECT f.*, row_number() OVER ({rows}) AS nth, min(own) OVER ({rows} ROWS BETWEEN "
            "UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS lowest FROM scan_few AS f LEFT JOIN (SELECT was, said "
            f"FROM ({said})) USING (was))")
        alone = (f"UNION ALL SELECT was, own, own FROM scan_sorted WHERE own <> was AND t NOT IN {crossed}" if sorted
                 else "")
        first = " OR instant <> was" if ordered else ""
        con.execute("CREATE TABLE scan_moved AS SELECT was, pos, instant FROM scan_placed WHERE pos <> was"
                    f"{first} {alone}")
    ties = number_of(con, "SELECT count(*) FROM scan_placed WHERE head <> nth" if ordered else
                     f"SELECT count(*) FROM {SHARED}")
    moved = number_of(con, "SELECT count(*) FROM scan_moved")
    for table in ("scan_sorted", "scan_few", "scan_ties", "scan_said", "scan_placed"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    return ties > 0, moved, repeats


def in_files(rows: str) -> str:
    """Rows with the place `was` among all as they were read, with `file` and `row` besides."""
    return (f'SELECT r.*, f.file, r.was - f.start AS "row" FROM ({rows}) AS r ASOF JOIN {OF_FILES} AS f ON r.was > '
            "f.start")


def _look(con: duckdb.DuckDBPyConnection, rows: str, rises: str, looked: str) -> bool:
    """Whether times fall; else the table `SHARED` has those at which a row is `looked` at beside the one before it, and
    whether rows cross there: do not stand in rising order. Most files have but few such times."""
    con.execute(f"CREATE OR REPLACE TABLE {SHARED} AS SELECT t, bool_or(t < t0) AS falls, bool_or(NOT {rises}) AS "
                "crossed FROM (SELECT t, q, k, lag(t) OVER () AS t0, lag(q) OVER () AS q0, lag(k) OVER () AS k0 FROM "
                f"({rows})) WHERE {looked} GROUP BY t")
    return bool(number_of(con, f"SELECT count(*) FROM {SHARED} WHERE falls"))
