"""The place of every row in the order of the language: time, sequence, place of the type, id, content.

In comes the table `scan_keys`, the rows as they were read; out come the places of those that do not stand where they
were read, and what was noticed. Files that stand in order already, as most do, are looked through once; of others the
times are sorted, and whatever else decides only among rows of one time. What else rows say is not known here, and is
asked only of those that nothing else puts in order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import duckdb


def order(con: duckdb.DuckDBPyConnection, there: Collection[str], contents: Callable[[], None],
          ) -> tuple[bool, bool, int]:
    """Whether two of the rows that are `wanted` have one time and one sequence; whether `scan_moved` was made; and how
    many of all rows repeat another, where these have neither id nor sequence.

    `scan_moved` (file, row, pos, instant) has the place in the order, and that of the first event of its instant, of
    each row for which either is not `pos`, its place among all as they were read. `there` are those of the columns
    `seq` and `id` that `scan_keys` has. `contents` makes the table `scan_said` (file, row, said) of the rows in
    `scan_ties`.
    """
    seq, id = ("seq" if "seq" in there else "NULL::BIGINT"), ("coalesce(id, '')" if "id" in there else "''")
    free = " AND ".join(f"{name} IS NULL" for name in there) or "true"
    read = (f'SELECT file, "row", t, {seq} AS q, "type" AS k, {id} AS i, {free} AS free, pos AS own FROM scan_keys '
            "WHERE wanted")
    sorted = _crowded(con, read)
    if sorted:
        # The row that is the m-th by time has the place of that which was read as the m-th.
        con.execute(f"CREATE TABLE scan_sorted AS SELECT s.* EXCLUDE own, s.own AS was, r.own FROM ({read} ORDER BY t, "
                    f"own) AS s POSITIONAL JOIN (SELECT own FROM ({read})) AS r")
        read = "SELECT * FROM scan_sorted"
        _crowded(con, read)
    con.execute(f"CREATE TABLE scan_few AS SELECT * FROM ({read}) WHERE t IN (SELECT t FROM scan_crowded)")
    # Those of one time, sequence, type and id; and of rows that are not wanted those that may repeat another.
    others = f'SELECT file, "row", t, "type" AS k, true AS free FROM scan_keys WHERE NOT wanted AND {free}'
    con.execute(
        'CREATE TABLE scan_ties AS SELECT file, "row", t, k, free FROM scan_few QUALIFY count(*) OVER '
        f"(PARTITION BY t, q, k, i) > 1 UNION ALL {others} AND (t, \"type\") IN (SELECT (t, k) FROM ({others}) GROUP "
        "BY t, k HAVING count(*) > 1)")
    if _one(con, "SELECT count(*) FROM scan_ties"):
        contents()
    else:
        con.execute('CREATE TABLE scan_said (file INTEGER, "row" BIGINT, said VARCHAR)')
    repeats = _one(con, 'SELECT count(*) - count(DISTINCT (t, k, said)) FROM scan_ties JOIN scan_said USING (file, '
                        '"row") WHERE free')
    # Rows of one time share their places out anew, from the lowest on: what was read between them is not wanted.
    by = 'PARTITION BY t ORDER BY q NULLS FIRST, k, i, said, file, "row"'
    head = "min(nth) OVER (PARTITION BY t, q)" if "seq" in there else "1"
    con.execute(
        f'CREATE TABLE scan_placed AS SELECT file, "row", {"was" if sorted else "own"} AS was, nth, {head} AS head, '
        f"lowest + nth - 1 AS pos, lowest + head - 1 AS instant FROM (SELECT f.*, row_number() OVER ({by}) AS nth, "
        f"min(own) OVER ({by} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS lowest FROM scan_few AS f "
        'LEFT JOIN scan_said USING (file, "row"))')
    alone = ('UNION ALL SELECT file, "row", own, own FROM scan_sorted WHERE own <> was AND t NOT IN '
             "(SELECT t FROM scan_crowded)" if sorted else "")
    con.execute('CREATE TABLE scan_moved AS SELECT file, "row", pos, instant FROM scan_placed WHERE pos <> was OR '
                f"instant <> was {alone}")
    ties = _one(con, "SELECT count(*) FROM scan_placed WHERE head <> nth")
    moved = _one(con, "SELECT count(*) FROM scan_moved")
    for table in ("scan_sorted", "scan_crowded", "scan_few", "scan_ties", "scan_said", "scan_placed"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    return ties > 0, moved > 0, repeats


def _crowded(con: duckdb.DuckDBPyConnection, rows: str) -> bool:
    """Whether times fall; else the table `scan_crowded` has those at which rows do not stand in rising sequence, which
    is all there is to see of most files."""
    con.execute("CREATE OR REPLACE TABLE scan_crowded AS SELECT DISTINCT t, t < t0 AS falls FROM (SELECT t, q, "
                f"lag(t) OVER () AS t0, lag(q) OVER () AS q0 FROM ({rows})) WHERE t < t0 OR (t = t0 AND NOT coalesce("
                "q > q0, q IS NOT NULL))")
    return bool(_one(con, "SELECT count(*) FROM scan_crowded WHERE falls"))


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    assert row is not None
    return int(row[0])
