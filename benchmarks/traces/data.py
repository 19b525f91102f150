"""The traces of the benchmarks, made once and kept in a folder: Parquet, and NDJSON made from it.

In comes a name and a size; out comes a path. The folder is `$BENCH_DATA`, else `guiju-bench` in the system's folder
for temporary files; delete it to make everything anew. Needs DuckDB, which is what the engine runs on, and nothing
else.

    python benchmarks/traces/data.py chat|companion EVENTS
    python benchmarks/traces/data.py convert TRACE.parquet
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import duckdb

FOLDER = Path(os.environ.get("BENCH_DATA") or Path(tempfile.gettempdir()) / "guiju-bench")
HERE = Path(__file__).resolve().parent
EVENTS_OF_A_USER = {"chat": 20, "companion": 200}


def trace(name: str, events: int, users: int = 0) -> Path:
    """The Parquet file of a trace of `NAME_trace.sql`; made when missing. `users` 0: in proportion to the events."""
    path = FOLDER / f"{name}-{events}{f'-users-{users}' if users else ''}.parquet"
    if not path.exists():
        tables = path.with_suffix(".tables")  # on disk: the largest trace does not fit into memory
        tables.unlink(missing_ok=True)
        with connection(tables) as con:
            con.execute(f"SET VARIABLE events = {events}")
            con.execute(f"SET VARIABLE users = {users or max(50, events // EVENTS_OF_A_USER[name])}")
            con.execute((HERE / f"{name}_trace.sql").read_text("utf-8"))
            _write(con, "FROM trace", path)
        tables.unlink()
    return path


def ndjson(parquet: Path) -> Path:
    """The same events, one object a line, without the fields that are null."""
    path = parquet.with_suffix(".ndjson")
    if not path.exists():
        con = connection()
        columns = con.sql(f"DESCRIBE FROM '{parquet}'").fetchall()
        parts = [f"coalesce(',\"{name}\":' || {_json(name, kind)}, '')" for name, kind, *_ in columns
                 if name not in ("type", "time")]
        time = "strftime(time AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
        line = f"""'{{"type":"' || type || '","time":"' || {time} || '"' || {' || '.join(parts)} || '}}'"""
        part = path.with_suffix(".part")
        con.execute(f"COPY (SELECT {line} FROM '{parquet}') TO '{part}' "
                    "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')")
        part.rename(path)
    return path


def part(whole: Path, users: Iterable[str], path: Path) -> Path:
    """Of a trace, all of these users, the events of no user, and the last event: it ends when the trace does."""
    names = ", ".join(repr(user) for user in sorted(users))
    _write(connection(), f"""SELECT * FROM '{whole}' WHERE "user" IS NULL OR "user"::VARCHAR IN ({names})
                             OR time = (SELECT max(time) FROM '{whole}') ORDER BY time""", path)
    return path


def of_rare_types(whole: Path, each: int) -> set[str]:
    """Up to so many users of each event type that less than one event in a hundred is of."""
    return {name for name, in duckdb.sql(f"""
        WITH kinds AS (SELECT type FROM '{whole}' GROUP BY type
                       HAVING count(*) * 100 < (SELECT count(*) FROM '{whole}'))
        SELECT "user"::VARCHAR FROM (SELECT DISTINCT type, "user" FROM '{whole}' SEMI JOIN kinds USING (type)
                                     WHERE "user" IS NOT NULL)
        QUALIFY row_number() OVER (PARTITION BY type ORDER BY hash("user"), "user") <= {each}""").fetchall()}


def convert(theirs: Path) -> Path:
    """A trace with columns seq, ts (seconds since 1970), user_id, session_id, type, actor, target and minor, in the
    columns of `chat_vocabulary.yaml`."""
    path = FOLDER / f"{theirs.stem}-converted.parquet"
    _write(connection(), f"""
        SELECT type, make_timestamptz(ts * 1000000) AS time, seq AS sequence, user_id AS user, session_id AS session,
               actor, target, minor
        FROM '{theirs}' ORDER BY seq""", path)
    return path


def connection(tables: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB that knows `r(number, word)`, chance from 0 up to 1, and keeps the order of rows when it writes. Its
    tables stand in a file, or in memory."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(":memory:" if tables is None else tables)
    con.execute(f"SET temp_directory = '{FOLDER / 'spill'}'")
    con.execute("SET TimeZone = 'UTC'")
    con.execute("CREATE MACRO r(number, word) AS hash(hash(number, word)) / 18446744073709551616.0")
    return con


def _json(name: str, kind: str) -> str:
    """SQL for a column's value in JSON; the texts of these traces need no escapes."""
    if kind in ("VARCHAR", "DATE"):
        return f"'\"' || \"{name}\" || '\"'"
    return f"to_json(\"{name}\")" if kind.endswith("[]") else f"\"{name}\"::VARCHAR"


def _write(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    part = path.with_suffix(".part")
    con.execute(f"COPY ({query}) TO '{part}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 250000)")
    part.rename(path)


if __name__ == "__main__":
    what, argument = sys.argv[1:]
    made = convert(Path(argument)) if what == "convert" else trace(what, int(argument.replace("_", "")))
    types = duckdb.sql(f"SELECT type, count(*) FROM '{made}' GROUP BY ALL ORDER BY 2 DESC").fetchall()
    print(made, json.dumps(dict(types)))
