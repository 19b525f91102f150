"""The rows of `scan_events` in the order of the language: time, sequence, place of the type, id, content.

In comes a table whose rows stand as they were read; out comes the same table in order, with the place of the first
event of each instant where two share one. Files that stand in order already, as most do, are looked through once and
left as they are. What the columns mean beyond that is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import duckdb

_LOWEST = "CAST(-1000000000000000000 AS DECIMAL(28,9))"  # below every sequence: rows without one stand first
_NOTHING = {"seq": "CAST(NULL AS BIGINT)", "id": "CAST(NULL AS VARCHAR)", "content": "CAST(NULL AS VARCHAR)"}


def order(con: duckdb.DuckDBPyConnection, there: Collection[str], contents: Callable[[], str]) -> bool:
    """Puts the table in order, and says whether two of its rows have one time and one sequence; then it has a column
    `instant`. `there` are the columns it has. `contents` gives SQL of the content of the rows in a table `scan_ties`,
    for those that nothing else puts in order."""
    have = {name: name if name in there else nothing for name, nothing in _NOTHING.items()}
    broken, equal, ties = _looked_through(con, have)
    if broken or equal:
        _sort(con, have)
        _, equal, ties = _looked_through(con, have)
        if equal and _note_ties(con, have):
            said = contents()
            _replace(con, f'SELECT e.* FROM scan_events AS e LEFT JOIN ({said}) AS k ON e.file = k.file '
                     f'AND e."row" = k."row" ORDER BY {_keys(have)}, {have["content"]}, k.said, e.file, e."row"')
        con.execute("DROP TABLE IF EXISTS scan_ties")
    if "content" in there:
        con.execute("ALTER TABLE scan_events DROP COLUMN content")
    if ties:
        seq = have["seq"]
        _replace(con, "SELECT * EXCLUDE (fresh, n), max(CASE WHEN fresh THEN n END) OVER (ROWS BETWEEN UNBOUNDED "
                      "PRECEDING AND CURRENT ROW) AS instant FROM (SELECT *, row_number() OVER () AS n, "
                      f"lag(t) OVER () IS DISTINCT FROM t OR lag({seq}) OVER () IS DISTINCT FROM {seq} AS fresh "
                      "FROM scan_events)")
    return ties > 0


def _keys(have: Mapping[str, str]) -> str:
    return f't, {have["seq"]} NULLS FIRST, "type", coalesce({have["id"]}, \'\')'


def _looked_through(con: duckdb.DuckDBPyConnection, have: Mapping[str, str]) -> tuple[int, int, int]:
    """How many rows stand before the one above them; are its equal in all but content; share its time and sequence."""
    seq = have["seq"]
    rises = con.execute(f"SELECT count(*) FROM (SELECT t, {seq} AS q, lag(t) OVER () AS t0, lag({seq}) OVER () AS q0 "
                        "FROM scan_events) WHERE t < t0 OR (t = t0 AND coalesce(q <= q0, true))").fetchone()
    if rises is not None and not rises[0]:
        return 0, 0, 0
    found = con.execute(
        "SELECT count(*) FILTER (WHERE t < t0 OR (t = t0 AND (q < q0 OR (q = q0 AND (k < k0 OR (k = k0 "
        "AND i < i0)))))), count(*) FILTER (WHERE t = t0 AND q = q0 AND k = k0 AND i = i0), "
        "count(*) FILTER (WHERE t = t0 AND q = q0) FROM (SELECT t, q, k, i, lag(t) OVER () AS t0, "
        "lag(q) OVER () AS q0, lag(k) OVER () AS k0, lag(i) OVER () AS i0 FROM (SELECT t, "
        f"coalesce({seq}, -{10 ** 18}) AS q, \"type\" AS k, coalesce({have['id']}, '') AS i FROM scan_events))"
    ).fetchone()
    assert found is not None
    return found[0], found[1], found[2]


def _sort(con: duckdb.DuckDBPyConnection, have: Mapping[str, str]) -> None:
    _replace(con, f'SELECT * FROM scan_events ORDER BY {_keys(have)}, {have["content"]} NULLS FIRST, file, "row"')


def _note_ties(con: duckdb.DuckDBPyConnection, have: Mapping[str, str]) -> bool:
    """The rows that nothing but their content puts in order, where that has not been read."""
    con.execute(f'CREATE TABLE scan_ties AS SELECT file, "row" FROM scan_events WHERE {have["content"]} IS NULL '
                f'QUALIFY count(*) OVER (PARTITION BY t, {have["seq"]}, "type", {have["id"]}) > 1')
    found = con.execute("SELECT count(*) FROM scan_ties").fetchone()
    return found is not None and found[0] > 0


def _replace(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    con.execute(f"CREATE TABLE scan_sorted AS {sql}")
    con.execute("DROP TABLE scan_events")
    con.execute("ALTER TABLE scan_sorted RENAME TO scan_events")
