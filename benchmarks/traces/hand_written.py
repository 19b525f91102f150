"""Rules written by hand in SQL, run by DuckDB in a process of its own: counts by rule and verdict, and every finding.

In comes the module that holds the queries and a trace; out comes one JSON object: `counts`, `seconds` of the whole, of
the scan and of each rule, `findings` when asked for. The file is scanned into the tables that all rules read. What is
satisfied or not applicable is counted; the rest is listed with its due time and what was missing, as an engine has to
report it.

    python benchmarks/traces/hand_written.py seven_sql TRACE.parquet [--rules A,B] [--memory 500MB] [--threads 2]
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parent))

# What a query leaves out is null.
EVERY_COLUMN = """SELECT NULL::BIGINT AS t, NULL AS key, NULL::VARCHAR AS verdict, NULL::BIGINT AS due,
                         NULL::VARCHAR AS missing WHERE false"""


def run(module: str, file: str, rules: Sequence[str], *, threads: int, memory: str, findings: bool) -> dict[str, Any]:
    """Judge one trace."""
    written = importlib.import_module(module)
    started = perf_counter()
    seconds: dict[str, float] = {}
    counts: dict[str, dict[str, int]] = {}
    found: list[tuple[Any, ...]] = []
    with tempfile.TemporaryDirectory(prefix="hand-written") as spill, duckdb.connect() as con:
        def timed(name: str, query: str) -> list[tuple[Any, ...]]:
            start = perf_counter()
            rows = con.execute(query).fetchall()
            seconds[name] = round(perf_counter() - start, 3)
            return rows

        con.execute(f"SET temp_directory = '{spill}'")
        con.execute(f"SET threads = {threads}")
        con.execute("SET preserve_insertion_order = false")
        if memory:
            con.execute(f"SET memory_limit = '{memory}'")
        for statement in written.BEFORE:
            con.execute(statement)
        for name, query in written.SCANS.items():
            timed(f"scan of {name}", f"CREATE TEMP TABLE {name} AS {query.format(file=repr(file))}")
        for name, query in written.PREPARE.items():
            timed(name, query)
        count = f"SELECT #1, count(*) FROM ({written.KINDS}) WHERE t >= {written.FORCE} GROUP BY ALL"
        moments = dict(timed("moments", count)) if written.REST else {}
        for rule in rules or written.RULES:
            rows = timed(rule, f"""
                SELECT verdict, count(*), list((t, key, due, missing))
                                          FILTER (verdict NOT IN ('satisfied', 'not_applicable'))
                FROM ({EVERY_COLUMN} UNION ALL BY NAME ({written.RULES[rule]}))
                WHERE t >= {written.FORCE} GROUP BY verdict""")
            counts[rule] = {verdict: number for verdict, number, _ in rows}
            if rule in written.REST:
                kinds, verdict = written.REST[rule]
                told = sum(number for name, number in counts[rule].items() if name != verdict)
                rest = sum(moments.get(kind, 0) for kind in kinds) - told
                counts[rule] |= {verdict: rest} if rest else {}
            if findings:
                found += [(rule, verdict, *one) for verdict, _, some in rows for one in some or ()]
    seconds["total"] = round(perf_counter() - started, 3)
    return {"counts": counts, "seconds": seconds, **({"findings": found} if findings else {})}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("file")
    parser.add_argument("--rules", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="")
    parser.add_argument("--findings", action="store_true")
    a = parser.parse_args()
    print(json.dumps(run(a.module, a.file, [one for one in a.rules.split(",") if one], threads=a.threads,
                         memory=a.memory, findings=a.findings)))


if __name__ == "__main__":
    main()
