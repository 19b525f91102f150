"""The place of every row in the order of the language: time, sequence, place of the type, id, content.

In comes the table `scan_keys`, the rows as they were read; out come the places of those that do not stand where they
were read, and what was noticed. Files that stand in order already, as most do, are looked through once; of others the
times are sorted, and whatever else decides only among rows of one time. What else rows say is not known here, and is
asked only of those that nothing else puts in order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import duckdb


def order(con: duckdb.DuckDBPyConnection, there: Collection[str], wanted: str, place: str,
          contents: Callable[[], None]) -> tuple[bool, bool, int]:
    """Whether two of the `wanted` rows have one time and one sequence; whether `scan_moved` was made; and how many of
    all rows repeat another, where these have neither id nor sequence.

    `scan_moved` (file, row, pos, instant) has the place in the order, and that of the first event of its instant, of
    each row for which either is not `place`: SQL of a row's place among all as they were read. `there` are those of the
    columns `seq` and `id` that `scan_keys` has. `contents` makes the table `scan_said` (file, row, said) of the rows in
    `scan_ties`.
    """
    seq = "coalesce(seq, CAST(-1000000000000000000 AS DECIMAL(28,9)))" if "seq" in there else "0"
    id = "coalesce(id, '')" if "id" in there else "''"
    free = " AND ".join(f"{name} IS NULL" for name in there) or "true"
    read = (f'SELECT file, "row", t, {seq} AS q, "type" AS k, {id} AS i, {free} AS free, {place} AS own, '
            f"row_number() OVER () AS n FROM scan_keys WHERE {wanted}")
    in_time = read
    broken = _one(con, f"SELECT count(*) FROM (SELECT t, lag(t) OVER () AS t0 FROM scan_keys WHERE {wanted}) WHERE "
                       "t < t0")
    if broken:
        con.execute(f"CREATE TABLE scan_sorted AS {read} ORDER BY t, n")
        in_time = "SELECT * FROM scan_sorted"
    # The times at which rows do not stand in rising sequence, which is all there is to see of most files.
    con.execute("CREATE TABLE scan_crowded AS SELECT DISTINCT t FROM (SELECT t, q, lag(t) OVER () AS t0, lag(q) OVER "
                f"() AS q0 FROM ({in_time})) WHERE t = t0 AND q <= q0")
    # `m` says which in time a row is, `n` which was read, `beside` whether more has to be seen of its time.
    con.execute("CREATE TABLE scan_few AS SELECT * FROM (SELECT *, t IN (SELECT t FROM scan_crowded) AS beside FROM "
                f"(SELECT *, row_number() OVER () AS m FROM ({in_time}))) WHERE beside OR n <> m")
    # Those of one time, sequence, type and id; and of rows that are not wanted those that may repeat another.
    others = f'SELECT file, "row", t, "type" AS k, true AS free FROM scan_keys WHERE NOT ({wanted}) AND {free}'
    con.execute(
        'CREATE TABLE scan_ties AS SELECT file, "row", t, k, free FROM scan_few WHERE beside QUALIFY count(*) OVER '
        f"(PARTITION BY t, q, k, i) > 1 UNION ALL {others} AND (t, \"type\") IN (SELECT (t, k) FROM ({others}) GROUP "
        "BY t, k HAVING count(*) > 1)")
    if _one(con, "SELECT count(*) FROM scan_ties"):
        contents()
    else:
        con.execute('CREATE TABLE scan_said (file INTEGER, "row" BIGINT, said VARCHAR)')
    repeats = _one(con, 'SELECT count(*) - count(DISTINCT (t, k, said)) FROM scan_ties JOIN scan_said USING (file, '
                        '"row") WHERE free')
    # The row that is the m-th in order has the place of that which was read as the m-th.
    place_in = 'row_number() OVER (PARTITION BY t ORDER BY q, k, i, said, file, "row") - 1'
    con.execute(
        "CREATE TABLE scan_placed AS SELECT *, CASE WHEN beside THEN min(nth) OVER (PARTITION BY t, q) ELSE nth END AS "
        f"head FROM (SELECT f.*, CASE WHEN beside THEN min(m) OVER (PARTITION BY t) + {place_in} ELSE m END AS nth "
        'FROM scan_few AS f LEFT JOIN scan_said USING (file, "row"))')
    # A row that leaves its place takes that of another which leaves its own, so both are among the few.
    con.execute(
        'CREATE TABLE scan_moved AS SELECT s.file, s."row", a.own AS pos, b.own AS instant FROM scan_placed AS s JOIN '
        "scan_few AS a ON a.n = s.nth JOIN scan_few AS b ON b.n = s.head WHERE a.own <> s.own OR b.own <> s.own")
    ties = _one(con, "SELECT count(*) FROM scan_placed WHERE head <> nth")
    moved = _one(con, "SELECT count(*) FROM scan_moved")
    for table in ("scan_sorted", "scan_crowded", "scan_few", "scan_ties", "scan_said", "scan_placed"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    return ties > 0, moved > 0, repeats


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    assert row is not None
    return int(row[0])
