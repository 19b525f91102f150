"""Files read by Spark are the table that DuckDB makes of them, row for row, and wrong rows are told alike."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')

from policyengine.core import types
from policyengine.trace.columns import Column
from policyengine.trace.engines import spark_scan as by_spark
from policyengine.trace.logs.table import Asked, table_events, table_of
from policyengine.trace.scan import scan as by_duckdb
from policyengine.trace.scan.database import open_database
from tests.support.spark import session

OWN: dict[str, Any] = {
    "user": {"type": "string", "minLength": 1}, "count": {"type": "integer", "minimum": 0},
    "amount": {"type": "number"},
    "ok": {"type": "boolean"}, "day": {"type": "string", "format": "date"},
    "until": {"type": "string", "format": "date-time"}, "kind": {"type": "string", "enum": ["p", "q"]},
    "tags": {"type": "array", "items": {"type": "string"}}, "wait": {"type": "string", "format": "period"}}


def schema(*names: str) -> dict[str, Any]:
    """An event type with these fields, of which `user` is required."""
    return {"type": "object", "required": ["user"], "additionalProperties": False,
            "properties": {name: OWN[name] for name in names}}


SCHEMAS = {"login": schema("user", "count", "ok", "tags", "until"), "pay": schema("user", "amount", "kind", "day"),
           "logout": schema("user", "count", "wait")}
NEEDS = {"login": (Column(("user",), types.Text()), Column(("count",), types.Number(integer=True), True),
                   Column(("ok",), types.Bool()), Column(("tags",), types.ListOf(types.Text())),
                   Column(("until",), types.Instant())),
         "pay": (Column(("user",), types.Text()), Column(("amount",), types.Number()),
                 Column(("kind",), types.Text()), Column(("day",), types.Date())),
         "logout": (Column(("user",), types.Text()), Column(("count",), types.Number(integer=True), True),)}


def rows(seed: int, size: int) -> list[dict[str, Any]]:
    """Events with many ties, in no order."""
    chance = random.Random(seed)
    made = []
    for number in range(size):
        kind = chance.choice(list(SCHEMAS))
        time = f"2026-08-01T0{chance.randint(0, 2)}:{chance.choice(['00', '30'])}:00"
        time += chance.choice(["", ".5", ".123456"]) + chance.choice(["Z", "+08:00"])
        row: dict[str, Any] = {"type": kind, "time": time, "user": chance.choice(["u1", "用户", 'a"b', "x\\y", "c,d"])}
        if chance.random() < 0.3:
            row["sequence"] = chance.randint(1, 3)
        if chance.random() < 0.3:
            row["id"] = f"{seed}-{number}"
        values = {"count": chance.randint(0, 3), "ok": chance.random() < 0.5, "amount": chance.choice([1, 2.5, 0.25]),
                  "kind": chance.choice(["p", "q"]), "day": "2026-08-01", "until": "2026-08-02T00:00:00+08:00",
                  "tags": chance.choice([[], ["a"], ["a", "b c"]]), "wait": chance.choice(["2 hours", "1 day"])}
        row |= {name: value for name, value in values.items()
                if name in SCHEMAS[kind]["properties"] and chance.random() < 0.7}
        made.append(row)
    # of one instant, in order by their content alone, that is by how their numbers are written
    made += [{"type": "pay", "time": "2026-08-01T03:00:00Z", "user": "u", "amount": amount}
             for amount in chance.sample([12, 12.0, 3.0, -7.0, 0.5, 2.5, 100.0, 100, 20.0, 0.001], 8)]
    return [*made, *(row for row in made[:9] if "id" in row), made[0]]


def ndjson(path: Path, made: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), encoding="utf-8")
    return path


def csv(path: Path, made: list[dict[str, Any]]) -> Path:
    names = ["type", "time", "id", "sequence", *(name for name in OWN if name != "tags")]

    def text(value: Any) -> str:
        said = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        return '"' + said.replace('"', '""') + '"' if set(said) & set('",') else said

    lines = [",".join(names), *(",".join(text(row.get(name)) for name in names) for row in made)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def parquet(path: Path, made: list[dict[str, Any]]) -> Path:
    source = ndjson(path.with_suffix(".source"), made)
    columns = {"type": "VARCHAR", "time": "TIMESTAMPTZ", "id": "VARCHAR", "sequence": "BIGINT", "user": "VARCHAR",
               "count": "BIGINT", "amount": "DECIMAL(18,2)", "ok": "BOOLEAN", "day": "DATE", "until": "TIMESTAMPTZ",
               "kind": "VARCHAR", "tags": "VARCHAR[]", "wait": "VARCHAR"}
    wanted = ", ".join(f"'{name}': '{type}'" for name, type in columns.items())
    read = f"read_json('{source}', format='newline_delimited', columns={{{wanted}}})"
    duckdb.connect().execute(f"COPY (SELECT * FROM {read}) TO '{path}' (FORMAT parquet)")
    return path


def both(paths: list[Path], **more: Any) -> tuple[Any, Any]:
    """What either engine makes of files: the record, the table and the diagnostics."""
    names = ["type", "t", "instant", "file", "row", "service",
             *dict.fromkeys(one.name for columns in NEEDS.values() for one in columns), "count:said"]
    chosen = ", ".join(f'"{one}"' for one in names)
    with open_database() as con:
        found, wrong = by_duckdb.scan(con, paths, SCHEMAS, NEEDS, **more)
        rows = con.execute(f"SELECT {chosen} FROM events ORDER BY pos").fetchall() if found else []
        ours = found, table(rows), wrong
    spark = session()
    found, wrong = by_spark.scan(spark, paths, SCHEMAS, NEEDS, **more)
    if found:
        rows = spark.table("events").orderBy("pos").select(*(f"`{one}`" for one in names)).collect()
    return ours, (found, table(rows if found else []), wrong)


def table(found: Any) -> list[Any]:
    """Rows to compare: which of them share an instant, not by what number."""
    seen: dict[Any, int] = {}
    return [(*row[:2], seen.setdefault(row[2], place), *row[3:]) for place, row in enumerate(map(tuple, found))]


@pytest.mark.parametrize(("write", "as_of"), [(ndjson, None), (csv, None), (parquet, 1_785_549_600_000_000)])
def test_the_same_table(tmp_path: Path, write: Any, as_of: int | None) -> None:
    """Two files, with ties that only content puts in order, and an instant after which nothing counts."""
    paths = [write(tmp_path / f"{name}.{write.__name__}", rows(seed, 120)) for seed, name in enumerate(["a", "b c"])]
    ours, theirs = both(paths, as_of=as_of)
    assert ours[2] == theirs[2] == ()
    assert theirs[1] == ours[1]
    assert ours[0].ties and ours[0].merged and bool(ours[0].later) == (as_of is not None)
    # Where the events of a type stand is an engine's own; of repeats after the instant Spark says nothing.
    repeats = theirs[0].repeats if as_of is None else ours[0].repeats
    assert replace(theirs[0], tables=ours[0].tables, repeats=repeats) == ours[0]


def test_timestamps_of_twelve_bytes_are_instants(tmp_path: Path) -> None:
    """As Spark writes them, whatever the zone of the project: DuckDB has them as times without one."""
    spark = session()
    before = spark.conf.get("spark.sql.parquet.outputTimestampType")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "INT96")
    try:
        rows = spark.sql("SELECT 'login' AS type, timestamp_seconds(1785549600) AS time, 'u' AS user, "
                         "timestamp_seconds(1785549601) AS until, 7L AS count")
        rows.coalesce(1).write.parquet(str(tmp_path / "old"))
    finally:
        spark.conf.set("spark.sql.parquet.outputTimestampType", before)
    paths = list((tmp_path / "old").glob("*.parquet"))
    for zone in (None, "Asia/Shanghai"):
        ours, theirs = both(paths, zone=zone)
        assert ours[2] == theirs[2] == ()
        assert theirs[1] == ours[1] and ours[0].first == 1_785_549_600_000_000
    known, wrong = table_of(str(paths[0]), Asked(case="user", activity="type", time="time"))
    assert wrong == () and known is not None
    events: list[Any] = []
    assert table_events(str(paths[0]), known, "Asia/Shanghai", {}, events.append) == ()
    assert [one.time for one in events] == [1_785_549_600_000_000]


def test_files_without_events(tmp_path: Path) -> None:
    """Of Parquet no rows, of CSV only the line of names."""
    for path in (parquet(tmp_path / "none.parquet", []), csv(tmp_path / "none.csv", [])):
        ours, theirs = both([path])
        assert theirs == ours and [one.name for one in theirs[2]] == ["no-events"]


def test_instants_are_instants_to_others(tmp_path: Path) -> None:
    """Findings in Parquet: what reads them knows that times are UTC."""
    session().sql("SELECT timestamp_micros(0) AS time").write.parquet(str(tmp_path / "found"))
    [(_, type, *_)] = duckdb.connect().execute(f"DESCRIBE FROM '{tmp_path}/found/*.parquet'").fetchall()
    assert type == "TIMESTAMP WITH TIME ZONE"


GOOD = {"type": "login", "time": "2026-08-01T00:00:00Z", "user": "u"}


def test_doubtful_rows_are_read_by_python(tmp_path: Path) -> None:
    """Other writings of good values are taken, and every wrong row is told as DuckDB's scan tells it."""
    good = [GOOD, {**GOOD, "time": "2026-08-01t00:00:01z"}, {**GOOD, "type": "pay", "amount": 1e2}]
    file = ndjson(tmp_path / "good.ndjson", good)
    with file.open("a") as out:
        out.write('{"type":"login","time":"2026-08-01T00:00:02Z","user":"u","count":2E1}\n\n')
    ours, theirs = both([file])
    assert ours[2] == theirs[2] == ()
    assert theirs[1] == ours[1] and len(ours[1]) == 4
    bad = [GOOD, {**GOOD, "type": "logn"}, {**GOOD, "time": "2026-08-01"}, {**GOOD, "user": 3}, {**GOOD, "usr": "x"},
           {"type": "login", "time": GOOD["time"]}, {**GOOD, "count": -1}, {**GOOD, "id": True}]
    file = ndjson(tmp_path / "bad.ndjson", bad)
    with file.open("a") as out:
        out.write('{"type":"login"\n')
    ours, theirs = both([file])
    assert ours[0] is theirs[0] is None

    def told(found: Any) -> list[Any]:
        return sorted((one.span.line, one.name, one.message, one.help) for one in found)

    assert told(theirs[2]) == told(ours[2])
    assert [line for line, *_ in told(theirs[2])] == [2, 3, 4, 5, 6, 7, 8, 9]


def test_numbers_as_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with zeros behind are good rows, of which Python need read none; the order goes by how they are written."""
    monkeypatch.setattr(by_spark, "UNREAD", 2)
    plain = '{"type":"pay","time":"2026-08-01T00:00:00Z","user":"%s","amount": %s}\n'
    amounts = ["2.50", "2.5", "100.00", "-7.0", "12.0", "12", "3.10"]
    file = tmp_path / "good.ndjson"
    odd = plain % (r'\"amount\":6.0,', "5.0")
    file.write_text("".join(plain % ("u", one) for one in amounts) + odd)
    ours, theirs = both([file])
    assert ours[2] == theirs[2] == ()
    # Where no row of a type can have a field, what is said of it is an engine's own.
    assert [row[:-1] for row in theirs[1]] == [row[:-1] for row in ours[1]] and len(ours[1]) == len(amounts) + 1


def test_folders_say_what_rows_do_not(tmp_path: Path) -> None:
    """`type=…` of a folder is a field of its rows, wherever the files lie."""
    for kind in ("login", "logout"):
        (tmp_path / f"type={kind}").mkdir()
        parquet(tmp_path / f"type={kind}" / "part.parquet", [{"time": GOOD["time"], "user": "u", "count": 1}] * 2)
        source = tmp_path / f"type={kind}" / "part.parquet"
        duckdb.connect().execute(f"COPY (SELECT time, \"user\", count FROM read_parquet('{source}', "
                                 f"hive_partitioning = false)) TO '{source}' (FORMAT parquet)")
        (tmp_path / f"type={kind}" / "part.source").unlink()
    found, wrong = by_spark.scan(session(), [f"{tmp_path}/*/part.parquet"], SCHEMAS, NEEDS)
    assert wrong == ()
    assert found is not None and found.counts == {"login": 2, "logout": 2}
    assert found.repeats == 2


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """A file that is not there, one that is cut off, and numbers in binary."""
    cut = parquet(tmp_path / "cut.parquet", rows(1, 20))
    cut.write_bytes(cut.read_bytes()[:-30])
    binary = tmp_path / "binary.parquet"
    duckdb.connect().execute("COPY (SELECT 'pay' AS type, now() AS time, 'u' AS \"user\", 0.1::DOUBLE AS amount) TO "
                             f"'{binary}' (FORMAT parquet)")
    for path, name in ((tmp_path / "none.parquet", "missing-file"), (cut, "unreadable-file"),
                       (binary, "binary-numbers"), (tmp_path / "log.xes.gz", "unknown-format")):
        found, wrong = by_spark.scan(session(), [path], SCHEMAS, NEEDS)
        assert found is None and [one.name for one in wrong] == [name]
