"""Files of events to a table: what is read fast, what is read with care, and what is refused, at some size."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

from policyengine.core import types
from policyengine.trace.columns import Column
from policyengine.trace.files import read
from policyengine.trace.scan import parquet as scan_parquet
from policyengine.trace.scan import reading as scan_reading
from policyengine.trace.scan import rising as scan_rising
from policyengine.trace.scan import tables as scan_tables
from policyengine.trace.scan import text as scan_text
from policyengine.trace.scan.database import open_database, temp_folder
from policyengine.trace.scan.rows import Fitter, Held, each_row, fit_events
from policyengine.trace.scan.scan import scan
from policyengine.trace.scan.sources import Asked
from policyengine.trace.scan.tables import Scan

TEXT, INTEGER, NUMBER = types.Text(), types.Number(integer=True), types.Number()
SCHEMAS: dict[str, dict[str, Any]] = {
    "used": {"type": "object", "required": ["type", "time", "user"], "additionalProperties": False, "properties": {
        "user": {"type": "string"}, "age": {"type": "integer"}, "amount": {"type": "number"},
        "place": {"type": "object", "additionalProperties": False, "required": ["city"],
                  "properties": {"city": {"type": "string"}, "floor": {"type": "integer"}}},
        "day": {"type": "string", "format": "date"}}},
    "seen": {"type": "object", "required": ["type", "time"], "additionalProperties": False,
             "properties": {"user": {"type": "string"}, "service": {"type": "string"}}},
}
USER, AGE, AMOUNT = Column(("user",), TEXT), Column(("age",), INTEGER, said=True), Column(("amount",), NUMBER)
CITY = Column(("place", "city"), TEXT)
NEEDS = {"used": (USER, AGE, AMOUNT, CITY), "seen": (USER,)}
NOON = 1_785_585_600_000_000


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database("500MB", 2) as opened:
        yield opened


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "used", "time": f"2026-08-01T12:{number // 60 % 60:02d}:{number % 60:02d}Z", "sequence": number,
            "user": f"u{number % 7}", **more}


def ndjson(path: Path, lines: list[dict[str, Any] | str]) -> str:
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines), "utf-8")
    return str(path)


def good(con: duckdb.DuckDBPyConnection, *paths: str, **more: Any) -> Scan:
    found, wrong = scan(con, paths, SCHEMAS, NEEDS, **more)
    assert wrong == () and found is not None
    return found


def bad(con: duckdb.DuckDBPyConnection, *paths: str, **more: Any) -> list[str]:
    """`name file:line message` of what a scan refuses."""
    found, wrong = scan(con, paths, SCHEMAS, NEEDS, **more)
    assert found is None
    return [f"{one.name} {Path(one.span.path).name}:{one.span.line} {one.message}" if one.span else
            f"{one.name} {one.message}" for one in wrong]


def events(con: duckdb.DuckDBPyConnection, columns: str) -> list[Any]:
    return con.execute(f"SELECT {columns} FROM events ORDER BY pos").fetchall()


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ways in which files were read in bulk, in their order."""
    taken: list[str] = []

    def noted(name: str, own: Any) -> Any:
        def call(*args: Any) -> Any:
            taken.append(name)
            return own(*args)

        return call

    for name in ("_strict", "_strict_over_all", "_careful", "_csv"):
        monkeypatch.setattr(scan_text, name, noted(name, getattr(scan_text, name)))
    return taken


# ---- NDJSON in bulk

def test_plain_lines_are_read_by_duckdb_alone(con: duckdb.DuckDBPyConnection, tmp_path: Path, ways: list[str],
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_reading, "each_row", None)
    found = good(con, ndjson(tmp_path / "e.ndjson", [row(number, age=number) for number in range(2000)]))
    assert (found.rows, found.ties, ways) == (2000, False, ["_strict"])
    assert events(con, 'pos, "row", "user:text", "age:integer"')[-1] == (2000, 2000, "u4", 1999)


def test_a_key_that_no_sample_shows(con: duckdb.DuckDBPyConnection, tmp_path: Path, ways: list[str]) -> None:
    lines: list[dict[str, Any] | str] = [row(number) for number in range(30_000)]
    lines[25_000] = row(25_000, age=7)
    good(con, ndjson(tmp_path / "e.ndjson", lines))
    assert ways[:2] == ["_strict", "_strict_over_all"]
    assert con.execute('SELECT "row" FROM events WHERE "age:integer" = 7').fetchall() == [(25_001,)]
    lines[25_001] = row(25_001, agee=7)
    assert bad(con, ndjson(tmp_path / "e.ndjson", lines)) == [
        "event-unknown-key e.ndjson:25002 used: there is no field `agee`"]


def test_a_bad_line_among_many(con: duckdb.DuckDBPyConnection, tmp_path: Path, ways: list[str]) -> None:
    lines: list[dict[str, Any] | str] = [row(number) for number in range(30_000)]
    lines[25_000] = '{"type": "used", '
    assert bad(con, ndjson(tmp_path / "e.ndjson", lines)) == [
        "json-syntax e.ndjson:25001 expected a key in double quotes, found the end of the text"]
    assert ways == ["_strict", "_careful"]


def test_nulls_and_decimals_are_read_with_care(con: duckdb.DuckDBPyConnection, tmp_path: Path, ways: list[str],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_reading, "each_row", None)
    lines = [row(number, age=None if number % 3 == 0 else 5) if number % 2 else row(number)
             for number in range(3000)]
    good(con, ndjson(tmp_path / "e.ndjson", lines))  # type: ignore[arg-type]
    assert ways == ["_strict", "_careful"]
    assert events(con, '"age:integer", "age:said"')[:4] == [(None, False), (5, True), (None, False), (None, True)]
    ways.clear()
    good(con, ndjson(tmp_path / "e.ndjson", [row(number, amount=number + 0.25) for number in range(2000)]))
    assert ways == ["_strict", "_careful"]
    assert events(con, '"amount:number"')[1999] == (Decimal("1999.25"),)


def test_a_number_keeps_its_last_digit(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    line = json.dumps(row(1)).replace("}", ', "amount": 100000000.000000001}')
    good(con, ndjson(tmp_path / "e.ndjson", [line]))
    assert events(con, '"amount:number"') == [(Decimal("100000000.000000001"),)]


@pytest.mark.parametrize(("number", "name"), [("1000000000000000000", "number-too-long"), ("1.5", "event-type"),
                                              ("-0", ""), ("1e2", ""), ("999999999999999999", ""),
                                              ("1e-7", "event-type"), ("-0.0000002", "event-type")])
def test_whole_numbers(con: duckdb.DuckDBPyConnection, tmp_path: Path, number: str, name: str) -> None:
    path = ndjson(tmp_path / "e.ndjson", [json.dumps(row(1)).replace("}", f', "age": {number}}}')])
    if name:
        assert [one.split(" ")[0] for one in bad(con, path)] == [name]
    else:
        good(con, path)
        assert events(con, '"age:integer"') == [(int(float(number)) if "e" in number else int(number),)]


def test_records_inside_events(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    good(con, ndjson(tmp_path / "e.ndjson", [row(1, place={"city": "Jinan", "floor": 2}), row(2)]))
    assert events(con, '"place.city:text"') == [("Jinan",), (None,)]
    assert bad(con, ndjson(tmp_path / "e.ndjson", [row(1, place={"floor": "2"})])) == [
        "event-type e.ndjson:1 used: expected an integer for `place.floor`, found text `2`",
        "event-required e.ndjson:1 used: `place.city` is missing, and it is required"]


@pytest.mark.parametrize(("worth", "by_python"), [(1 << 30, True), (0, False)])
def test_few_rows_of_many_fields(con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                 worth: int, by_python: bool) -> None:
    """Where the query is long and the file is not, Python reads it; the rows are the same."""
    monkeypatch.setattr(scan_text, "LONG", 100)
    monkeypatch.setattr(scan_text, "WORTH", worth)
    read = []

    def each(name: str, *asked: Any, **more: Any) -> Any:
        read.append(name)
        return each_row(name, *asked, **more)

    monkeypatch.setattr(scan_reading, "each_row", each)
    found = good(con, ndjson(tmp_path / "a.ndjson", [row(n, age=n) for n in range(20)]))
    assert found.rows == 20 and bool(read) == by_python
    assert events(con, '"row", "age:integer"') == [(n + 1, n) for n in range(20)]


def test_blank_lines_count(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    good(con, ndjson(tmp_path / "e.ndjson", ["", row(1), "  ", row(2), ""]))
    assert events(con, '"row"') == [(2,), (4,)]
    good(con, ndjson(tmp_path / "e.ndjson", [row(1), row(2), "", " "]))
    assert events(con, '"row"') == [(1,), (2,)]


def test_compressed_files(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = "".join(json.dumps(row(number)) + "\n" for number in range(500)).encode()
    for name, packed in (("e.ndjson.gz", gzip.compress(text)), ("e.ndjson.zst", zstandard.compress(text))):
        (tmp_path / name).write_bytes(packed)
        assert good(con, str(tmp_path / name)).rows == 500
        (tmp_path / name).write_bytes(packed[:-9])
        assert [one.split(" ")[0] for one in bad(con, str(tmp_path / name))] == ["cut-off"]
    (tmp_path / "e.ndjson.zst").write_bytes(text)
    assert [one.split(" ")[0] for one in bad(con, str(tmp_path / "e.ndjson.zst"))] == ["unreadable-file"]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_a_line_that_is_too_long(con: duckdb.DuckDBPyConnection, tmp_path: Path, form: str, compressed: bool) -> None:
    """DuckDB takes lines of NDJSON that are longer than it is told; Python took no field of CSV over 128 KB."""
    for length, said in ((read.MAX_LINE_BYTES - 200, []), (2_500_000, []), (read.MAX_LINE_BYTES, ["line-too-long"]),
                         (10_000_000, ["line-too-long"])):
        texts = {"csv": ["type,time,user", "used,2026-08-01T12:00:00Z,u", f"used,2026-08-01T12:00:01Z,{'u' * length}"],
                 "ndjson": [json.dumps(row(1)), json.dumps(row(2, user="u" * length))]}[form]
        text = "".join(one + "\n" for one in texts).encode()
        path = tmp_path / f"e.{form}{'.gz' if compressed else ''}"
        path.write_bytes(gzip.compress(text, 1) if compressed else text)
        assert [one.name for one in scan(con, [str(path)], SCHEMAS, NEEDS)[1]] == said, length
        assert [one.name for one in each_row(str(path), lambda _: None, SCHEMAS, None)] == said, length


def test_a_field_of_many_lines_that_is_too_long(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    many_lines = ("u" * 999 + "\n") * 5_000
    path.write_text(f'type,time,user\nused,2026-08-01T12:00:00Z,"{many_lines}"\n')
    assert bad(con, str(path)) == ["line-too-long e.csv:2 a field is longer than 4 MB"]


# ---- CSV in bulk

def test_csv_with_quotes_and_line_ends(con: duckdb.DuckDBPyConnection, tmp_path: Path, ways: list[str]) -> None:
    path = tmp_path / "e.csv"
    path.write_text('type,time,user,age\r\nused,2026-08-01T12:00:00Z,"a,""b""",\r\nused,2026-08-01T12:00:01Z,u,7\r\n',
                    newline="")
    good(con, str(path))
    assert (ways, events(con, '"row", "user:text", "age:integer", "age:said"')) == (
        ["_csv"], [(2, 'a,"b"', None, False), (3, "u", 7, True)])
    path.write_text('type,time,user\nused,2026-08-01T12:00:00Z,"a\nb"\n\nused,2026-08-01T12:00:01Z,u\n')
    good(con, str(path))
    assert events(con, '"row", "user:text"') == [(2, "a\nb"), (5, "u")]
    path.write_text('type,time,user\nused,2026-08-01T12:00:00Z, "a"\n')
    good(con, str(path))
    assert events(con, '"user:text"') == [(' "a"',)]
    path.write_text('type,time,user\nused,2026-08-01T12:00:00Z,"a" \n')
    assert bad(con, str(path)) == ["csv-syntax e.csv:2 found text after the closing quote of a field"]
    path.write_text("type,time,user\nused,2026-08-01T12:00:00Z\n")
    assert bad(con, str(path)) == ["uneven-row e.csv:2 the row has 2 fields, the header has 3"]


# ---- Parquet

def parquet(con: duckdb.DuckDBPyConnection, path: Path, select: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    con.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return str(path)


@pytest.mark.parametrize(("time", "zone", "said"), [
    ("TIMESTAMP '2026-08-01 20:00:00'", "Asia/Shanghai", None),
    ("TIMESTAMP_S '2026-08-01 20:00:00'", "Asia/Shanghai", None),
    ("TIMESTAMP_MS '2026-08-01 20:00:00'", "Asia/Shanghai", None),
    ("TIMESTAMP_NS '2026-08-01 20:00:00'", "Asia/Shanghai", None),
    ("TIMESTAMPTZ '2026-08-01 12:00:00Z'", None, None),
    ("'2026-08-01T14:00:00+02:00'", None, None),
    ("TIMESTAMP '2026-08-01 20:00:00'", None, "bad-time e.parquet:1 `2026-08-01T20:00:00` has no offset such as "
     "`+08:00` or `Z`, and the project file names no zone for it"),
    ("TIMESTAMP_NS '2026-08-01 20:00:00.000000001'", "Asia/Shanghai",
     "bad-time e.parquet:1 `2026-08-01T20:00:00.000000001` is finer than a microsecond"),
    ("TIMESTAMP '2026-03-29 02:30:00'", "Europe/Paris", "bad-time e.parquet:1 `2026-03-29T02:30:00` was skipped by the "
     "clocks of Europe/Paris; it needs an offset such as `+08:00`"),
    ("CAST(NULL AS TIMESTAMPTZ)", None, "missing-column e.parquet:1 the event has no `time`"),
    ("DATE '2026-08-01'", None, "bad-time e.parquet:1 `2026-08-01` is not a time such as `2026-11-20T23:59:59+08:00`"),
    ("1785585600", None, "bad-time e.parquet:1 the column `time` holds numbers, and no times"),
    ("1785585600.5::DOUBLE", None, "bad-time e.parquet:1 the column `time` holds numbers, and no times"),
])
def test_times_of_parquet(con: duckdb.DuckDBPyConnection, tmp_path: Path, time: str, zone: str | None,
                          said: str | None) -> None:
    path = parquet(con, tmp_path / "e.parquet", f"SELECT 'used' AS type, {time} AS time, 'u' AS \"user\"")
    if said is None:
        assert good(con, path, zone=zone).first == NOON
    else:
        assert bad(con, path, zone=zone) == [said]


@pytest.mark.parametrize(("column", "said"), [
    ("5 AS \"user\"", "event-type e.parquet:1 used: expected text for `user`, found the number 5"),
    ("'u' AS \"user\", 1.5::DOUBLE AS amount", "binary-numbers e.parquet:1 the column `amount` holds binary floating "
     "point numbers"),
    ("'u' AS \"user\", 'x' AS agee", "event-unknown-key e.parquet:1 used: there is no field `agee`"),
    ("NULL::VARCHAR AS \"user\"", "event-required e.parquet:1 used: `user` is missing, and it is required"),
    ("'u' AS \"user\", 1.5 AS age", "event-type e.parquet:1 used: expected an integer for `age`, found the number 1.5"),
    ("'u' AS \"user\", DATE '2026-08-01' AS age", "event-type e.parquet:1 used: expected an integer for `age`, found "
     "text `2026-08-01`"),
    ("'u' AS \"user\", 1000000000000000000 AS amount", "event-digits e.parquet:1 used: expected at most 18 digits "
     "before the point and 9 after it for `amount`, found the number 1000000000000000000"),
    ("'u' AS \"user\", true AS id", "bad-event-id e.parquet:1 the `id` of an event is text or a whole number"),
    ("'u' AS \"user\", 'x' AS sequence", "bad-sequence e.parquet:1 the `sequence` of an event is a number"),
    ("'u' AS \"user\", {'city': NULL::VARCHAR, 'floor': 2} AS place", "event-required e.parquet:1 used: `place.city` "
     "is missing, and it is required"),
])
def test_columns_of_parquet_that_do_not_fit(con: duckdb.DuckDBPyConnection, tmp_path: Path, column: str, said: str,
                                            ) -> None:
    path = parquet(con, tmp_path / "e.parquet",
                   f"SELECT 'used' AS type, TIMESTAMPTZ '2026-08-01 12:00:00Z' AS time, {column}")
    assert bad(con, path) == [said]


@pytest.mark.parametrize("time", ["10000-01-01 00:00:00Z", "0001-01-01 (BC) 00:00:00Z", "infinity", "-infinity"])
def test_times_of_parquet_that_no_calendar_has(con: duckdb.DuckDBPyConnection, tmp_path: Path, time: str) -> None:
    path = parquet(con, tmp_path / "e.parquet", f"SELECT 'used' AS type, TIMESTAMPTZ '{time}' AS time, 'u' AS \"user\"")
    """They were an internal error, and what is endless was said not to be there."""
    (said,) = bad(con, path)
    assert said.startswith("bad-time e.parquet:1 ") and time[:8] in said
    schemas = {"free": {"type": "object", "required": ["type", "time"], "properties": {
        "at": {"type": "string", "format": "date-time"}}}}
    parquet(con, tmp_path / "e.parquet", "SELECT 'free' AS type, TIMESTAMPTZ '2026-08-01 12:00:00Z' AS time, "
            f"TIMESTAMPTZ '{time}' AS at")
    assert [one.name for one in scan(con, [path], schemas, {"free": ()})[1]] == ["event-format"]


@pytest.mark.parametrize("lacks", "abcde")
def test_what_most_types_require(con: duckdb.DuckDBPyConnection, tmp_path: Path, lacks: str) -> None:
    envelope = {"type": "object", "additionalProperties": False, "properties": {"user": {"type": "string"}}}
    schemas = {name: {**envelope, "required": ["type", "time", *(["user"] if name in "abc" else [])]}
               for name in "abcde"}
    path = parquet(con, tmp_path / "e.parquet", "SELECT type, TIMESTAMPTZ '2026-08-01 12:00:00Z' AS time, "
                   f"CASE WHEN type <> '{lacks}' THEN 'u' END AS \"user\" FROM "
                   "(SELECT unnest(['a', 'b', 'c', 'd', 'e']) AS type)")
    found, wrong = scan(con, [path], schemas, dict.fromkeys("abcde", (USER,)))
    assert [one.name for one in wrong] == (["event-required"] if lacks in "abc" else [])
    assert (found is None) == bool(wrong)


def test_a_field_of_which_each_type_says_another_unit(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    envelope = {"type": "object", "required": ["type", "time"], "additionalProperties": False}
    limit = {"type": "string", "format": "period"}
    schemas = {kind: {**envelope, "properties": {"limit": {**limit, "x-unit": unit}}}
               for kind, unit in (("used", "day"), ("seen", "minute"))}
    for kind, said in (("used", []), ("seen", ["event-format"])):
        path = ndjson(tmp_path / "e.ndjson", [{"type": kind, "time": "2026-08-01T12:00:00Z", "limit": "5 days"}])
        assert [one.name for one in scan(con, [path], schemas, dict.fromkeys(schemas, ()))[1]] == said


@pytest.mark.parametrize("types", [1, 3, 5, 7, 9])
def test_which_types_a_row_is_among(con: duckdb.DuckDBPyConnection, types: int) -> None:
    """However many are asked for, of however many there are."""
    none = Asked(tuple(f"t{one}" for one in range(types)), {}, frozenset(), Held(()), None, frozenset(range(types)))
    for some in range(2 ** types):
        places = frozenset(one for one in range(types) if some >> one & 1)
        found = con.execute(f'SELECT "type" FROM (SELECT unnest(range({types})) AS "type") WHERE {none.among(places)}')
        assert {one for one, in found.fetchall()} == places


OPEN = {"free": {"type": "object", "required": ["type", "time"], "properties": {}}}


def test_what_a_type_may_say_besides_puts_its_rows_in_order(con: duckdb.DuckDBPyConnection, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_parquet, "each_row", None)
    path = parquet(con, tmp_path / "e.parquet", "SELECT 'free' AS type, TIMESTAMPTZ '2026-08-01 12:00:00Z' AS time, "
                   "unnest(['c', 'a', 'b']) AS zz")
    found, wrong = scan(con, [path], OPEN, {"free": ()})
    assert found is not None and wrong == ()
    assert events(con, '"row"') == [(2,), (3,), (1,)]


@pytest.mark.parametrize("value", ["1000000000000000000", "1e999", "0.00000000001", "1.5", "false", '"x"', "[1]", "{}",
                                   '{"a": 1, "a": 2}', "-0"])
@pytest.mark.parametrize("name", ["zz", "id", "sequence"])
def test_any_value_is_read_in_bulk_as_by_itself(con: duckdb.DuckDBPyConnection, tmp_path: Path, name: str, value: str,
                                                ) -> None:
    path = ndjson(tmp_path / "e.ndjson", [f'{{"type": "free", "time": "2026-08-01T12:00:00Z", "{name}": {value}}}'])
    fitter, rows = Fitter(OPEN), []
    wrong = each_row(path, rows.append, OPEN, None)
    fitted = [fitter.event(one) for one in rows]
    found, told = scan(con, [path], OPEN, {"free": ()})
    assert [one.name for one in told] == [one.name for one in (*wrong, *fitter.problems(0, None))]
    assert (found is None) == bool(told) and bool(fitted) != bool(wrong)


def test_columns_of_parquet_that_fit(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = parquet(con, tmp_path / "e.parquet", "SELECT 'used' AS type, TIMESTAMPTZ '2026-08-01 12:00:00Z' AS time, "
                   "'u' AS \"user\", 7::DECIMAL(10,2) AS age, 1.5::DECIMAL(30,12) AS amount, 3::UTINYINT AS sequence, "
                   "{'city': 'Jinan', 'floor': 2} AS place, DATE '2026-08-01' AS day, 12 AS id")
    found = good(con, path)
    assert (found.first, found.counts, found.as_of) == (NOON, {"used": 1}, NOON)
    shown = 't, file, "row", "user:text", "age:integer", "age:said", "amount:number", "place.city:text", service'
    assert events(con, shown) == [
        (NOON, 0, 1, "u", 7, True, Decimal("1.5"), "Jinan", None)]


def test_rows_of_parquet_that_fit_on_a_closer_look(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A time that DuckDB is not sure of, among many it is: the rows of all types stand where they belong."""
    def rows(third: str) -> str:
        return (f"SELECT CASE WHEN i = 5 THEN 'used' ELSE 'seen' END AS type, CASE WHEN i = 3 THEN '{third}' ELSE "
                "strftime(TIMESTAMP '2026-08-01 12:00:00' + to_seconds(i), '%Y-%m-%dT%H:%M:%SZ') END AS time, 'u' || i "
                "AS \"user\", CASE WHEN i = 5 THEN 7 END AS age FROM range(20) AS r(i)")
    good(con, parquet(con, tmp_path / "e.parquet", rows("2026-08-01T12:00:03Z")))
    shown = 'pos, instant, "type", t, "row", "user:text", "age:integer"'
    expected = events(con, shown)
    found = good(con, parquet(con, tmp_path / "e.parquet", rows("2026-08-01t12:00:03z")))
    assert (events(con, shown), found.counts) == (expected, {"used": 1, "seen": 19})


@pytest.mark.parametrize(("odd", "as_of", "said"), [
    ("CASE WHEN i = 7 THEN 7 END", None, "event-unknown-key e.parquet:8 seen: there is no field `age`"),
    ("CASE WHEN i = 7 THEN 7 END", NOON, "event-unknown-key e.parquet:8 seen: there is no field `age`"),
    ("CASE WHEN i = 5 THEN -1000000000000000000 END", NOON, "event-digits e.parquet:6 used: expected at most 18 digits "
     "before the point and 9 after it for `age`, found the number -1000000000000000000"),
])
def test_every_row_of_parquet_is_checked(con: duckdb.DuckDBPyConnection, tmp_path: Path, odd: str, as_of: int | None,
                                         said: str) -> None:
    """Also what one of a frequent type says in a field of a rare one, and rows after the time asked for."""
    path = parquet(con, tmp_path / "e.parquet", "SELECT CASE WHEN i = 5 THEN 'used' ELSE 'seen' END AS type, "
                   f"TIMESTAMPTZ '2026-08-01 12:00:00Z' + to_seconds(i) AS time, 'u' AS \"user\", {odd} AS age FROM "
                   "range(20) AS r(i)")
    assert bad(con, path, as_of=as_of) == [said]
    assert scan(con, [path], SCHEMAS, {"used": ()}, as_of=as_of)[0] is None


def test_parquet_without_its_columns_or_its_end(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = parquet(con, tmp_path / "e.parquet", "SELECT 1 AS tpye")
    assert bad(con, path) == ["missing-column e.parquet:1 `" + path[:29] + "…" + path[-30:] + "` has no column `type`",
                              "missing-column e.parquet:1 `" + path[:29] + "…" + path[-30:] + "` has no column `time`"]
    _, wrong = scan(con, [path], SCHEMAS, {"used": ()})
    assert ["guiju init --from-log" in one.help for one in wrong] == [True, True]
    path = parquet(con, tmp_path / "e.parquet", "SELECT 'used' AS type, now() AS time, 'u' AS \"user\" LIMIT 0")
    assert bad(con, path)[0].startswith("no-events")
    path = parquet(con, tmp_path / "e.parquet", "SELECT 'used' AS type, now() AS time, i::VARCHAR AS \"user\" "
                   "FROM range(5000) AS r(i)")
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:len(whole) // 2])
    assert [one.split(" ")[0] for one in bad(con, path)] == ["cut-off"]
    Path(path).write_bytes(whole[:1000] + bytes(2000) + whole[3000:])
    assert [one.split(" ")[0] for one in bad(con, path)] == ["unreadable-file"]
    assert [one.split(" ")[0] for one in bad(con, str(tmp_path / "none.parquet"))] == ["missing-file"]


def test_damaged_parquet_is_told_wherever_the_damage_is(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """DuckDB raises other exceptions for the head of a page than for what is in it."""
    path = parquet(con, tmp_path / "e.parquet", "SELECT 'used' AS type, TIMESTAMPTZ '2026-08-01 12:00:00Z' + "
                   "to_seconds(i) AS time, md5(i::VARCHAR) AS \"user\" FROM range(5000) AS r(i)")
    whole, said = Path(path).read_bytes(), set()
    for start in range(4, len(whole) - 8, len(whole) // 40):
        damage = bytes((one * 7 + 3) % 256 for one in range(50))[:len(whole) - 8 - start]
        Path(path).write_bytes(whole[:start] + damage + whole[start + len(damage):])
        found, wrong = scan(con, [path], SCHEMAS, NEEDS)
        said |= {one.name for one in wrong}
        assert (found is None) == bool(wrong)
    assert "unreadable-file" in said


def test_folders_that_say_nothing(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """An empty name, and a number that orders nothing, were internal errors where Python reads the lines."""
    for folder in ("type=", "sequence=3", "type=used/user="):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        path = tmp_path / folder / "e.ndjson"
        path.write_text('{"time": "2026-08-01T12:00:00Z"}\n')
        found: list[Any] = []
        wrong = each_row(str(path), found.append, SCHEMAS, None)
        assert [one.split(" ")[0] for one in bad(con, str(path))] == [
            "missing-column" if folder != "type=used/user=" else "event-required"]
        assert [one.name for one in wrong] == (["missing-column"] if not found else [])


def test_folders_that_say_fields(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    time = "TIMESTAMPTZ '2026-08-01 12:00:00Z' + i * INTERVAL 1 SECOND AS time"
    for kind in ("used", "seen"):
        for day in (1, 2):
            parquet(con, tmp_path / f"type={kind}" / f"date=2026-08-0{day}" / "e.parquet",
                    f"SELECT {time}, '{kind}{day}' AS \"user\" FROM range(3) AS r(i)")
    paths = sorted(map(str, tmp_path.rglob("*.parquet")))
    found = good(con, *paths)
    assert found.counts == {"used": 6, "seen": 6}
    assert {(place, user) for place, user in events(con, '"type", "user:text"')} == {
        (0, "used1"), (0, "used2"), (1, "seen1"), (1, "seen2")}
    for name, text in (("e.ndjson", '{"time":"2026-08-01T12:00:00Z"}\n'), ("e.csv", "time\n2026-08-01T12:00:00Z\n")):
        folder = tmp_path / "text" / "type=used" / "user=u%201"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        good(con, str(folder / name))
        assert events(con, '"type", "user:text"') == [(0, "u 1")]


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("many", [1, 400])
def test_what_folders_say_is_text_and_the_row_comes_first(con: duckdb.DuckDBPyConnection, tmp_path: Path, many: int,
                                                          nulls: bool) -> None:
    """As a cell of CSV, it is a number where the vocabulary has one; a null of the row's own is no gap to be filled."""
    folder = tmp_path / "type=used" / "age=7" / "amount=1.50" / "user=u%22%5C1"
    folder.mkdir(parents=True)
    times = [{"time": f"2026-08-01T12:{number // 60:02d}:{number % 60:02d}Z"} for number in range(many * 3)]
    own: list[dict[str, Any]] = [{}, {"age": 8, "amount": 2}, {"user": "v", **({"age": None} if nulls else {})}]
    path = ndjson(folder / "e.ndjson", [{**time, **own[number % 3]} for number, time in enumerate(times)])
    found: list[Any] = []
    assert each_row(path, found.append, SCHEMAS, None) == ()
    fitted, wrong = fit_events(found, SCHEMAS)
    assert wrong == ()
    assert fitted[0].fields == {"age": 7, "amount": Decimal("1.50"), "user": 'u"\\1'}
    assert fitted[1].fields == {"age": 8, "amount": 2, "user": 'u"\\1'} and fitted[2].fields["user"] == "v"
    assert fitted[2].fields["age"] == (None if nulls else 7)
    good(con, path)
    assert events(con, '"age:integer", "age:said", "amount:number", "user:text"') == [
        (one.fields["age"], True, one.fields["amount"], one.fields["user"]) for one in fitted]


def test_folders_of_parquet_say_what_no_column_says(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """The same whether a row is read in bulk or, since its time is written in another way, by itself."""
    folder = tmp_path / "type=used" / "age=7" / "user=u1"
    time = "'2026-08-01T12:00:0' || i || CASE i WHEN 1 THEN '.0+0000' ELSE 'Z' END AS time"
    path = parquet(con, folder / "e.parquet", f"SELECT {time}, CASE i WHEN 2 THEN 'v' END AS \"user\" "
                   "FROM range(3) AS r(i)")
    assert {one.split(" ")[0] for one in bad(con, path)} == {"event-required"}, "a column's null is a null"
    path = parquet(con, folder / "e.parquet", f"SELECT {time} FROM range(3) AS r(i)")
    good(con, path)
    assert events(con, '"age:integer", "age:said", "user:text"') == [(7, True, "u1")] * 3


# ---- order, ids, as of

def test_unsorted_files_are_put_in_order(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    lines = [row(number % 50, sequence=number % 3 or None) for number in range(300)]
    for one in lines:
        if one["sequence"] is None:
            del one["sequence"]
    found = good(con, ndjson(tmp_path / "e.ndjson", lines))  # type: ignore[arg-type]
    times = [one for one, in events(con, "t")]
    assert times == sorted(times) and found.ties
    assert con.execute("SELECT count(DISTINCT pos), count(DISTINCT instant) FROM events").fetchone() == (300, 150)


def test_equal_sequences_are_ordered_by_content(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    lines = [row(1, user=user, age=7) for user in ("c", "a", "b", "a")]
    good(con, ndjson(tmp_path / "e.ndjson", lines))  # type: ignore[arg-type]
    assert events(con, '"user:text"') == [("a",), ("a",), ("b",), ("c",)]


def test_small_numbers_are_ordered_as_they_are_written(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    rows = [f"used,2026-08-01T12:00:00Z,u,{amount}" for amount in ("0.5", "0.0000001", "-0.0", "-1")]
    path.write_text("\n".join(["type,time,user,amount", *rows]) + "\n")
    good(con, str(path))
    # as decimals of Python, in the order of their text: 0.0, 0.5, 1E-7; whole numbers behind them
    assert [float(one) for one, in events(con, '"amount:number"')] == [0.0, 0.5, 0.0000001, -1.0]


def test_events_after_the_as_of_are_not_read(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    lines = [row(number) for number in range(10)] + [{"type": "seen", "time": "2031-01-01T00:00:00Z"}]
    found = good(con, ndjson(tmp_path / "e.ndjson", lines), as_of=NOON + 4_000_000)  # type: ignore[arg-type]
    assert (found.rows, found.total, found.later, found.counts) == (5, 5, 6, {"used": 5})
    assert found.last == 1_924_992_000_000_000
    found = good(con, str(tmp_path / "e.ndjson"))
    assert (found.rows, found.later, found.as_of) == (11, 0, 1_924_992_000_000_000)


def test_only_types_that_are_needed_are_kept(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    lines: list[dict[str, Any] | str] = [row(1), {"type": "seen", "time": "2026-08-02T12:00:00Z", "service": "s"}]
    path = ndjson(tmp_path / "e.ndjson", lines)
    found, _ = scan(con, [path], SCHEMAS, {"seen": (USER,)})
    assert found is not None and (found.rows, found.total, found.counts) == (1, 2, {"used": 1, "seen": 1})
    assert events(con, '"type", service, "user:text"') == [(1, "s", None)]
    found, _ = scan(con, [path], SCHEMAS, {})
    assert found is not None and (found.rows, found.total) == (0, 2)


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
def test_events_stand_once_in_one_view(con: duckdb.DuckDBPyConnection, tmp_path: Path, form: str) -> None:
    """Rows of frequent types in the table that put all rows in order; in it are a rare type, one that nobody asks for,
    and later events too."""
    kinds = ["used"] * 30 + ["seen"] * 3 + ["odd"] * 2
    name = ndjson(tmp_path / "a.ndjson", [row(n) | {"type": kinds[n * 11 % 35]} for n in range(35)])
    if form == "parquet":
        name = parquet(con, tmp_path / "a.parquet", f"SELECT * FROM read_json('{name}')")
    schemas = {**SCHEMAS, "odd": {**SCHEMAS["seen"]}}
    early = [kinds[n * 11 % 35] for n in range(30)]
    for as_of, types_read in ((None, kinds), (NOON + 29_000_000, early)):
        found, wrong = scan(con, [name], schemas, NEEDS, as_of=as_of)
        assert found is not None and wrong == ()
        assert found.tables == {"used": "events_frequent", "seen": "events_rare"}
        for view, place, kind in (("events_frequent", 0, "used"), ("events_rare", 1, "seen")):
            assert con.execute(f'SELECT "type", count(DISTINCT pos) FROM {view} GROUP BY 1').fetchall() == [
                (place, types_read.count(kind))]
        assert events(con, "pos, \"row\", \"user:text\"") == [
            (n + 1, n + 1, f"u{n % 7}") for n in range(len(types_read)) if kinds[n * 11 % 35] != "odd"]


def test_rows_of_one_time_behind_a_file_without_events(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """What a row says is asked of the file that has it."""
    def file(name: str, *users: str) -> str:
        rows = ", ".join(f"({n}, '{user}')" for n, user in enumerate(users)) or "(0, '')"
        return parquet(con, tmp_path / name, "SELECT 'used' AS type, TIMESTAMPTZ '2026-08-01 12:00:00Z' AS time, "
                       f"\"user\" FROM (VALUES {rows}) AS r(n, \"user\") WHERE \"user\" <> '' ORDER BY n")

    found, wrong = scan(con, [file("a.parquet"), file("b.parquet", "v", "u", "w"), file("c.parquet"),
                              file("d.parquet", "t")], SCHEMAS, NEEDS)
    assert found is not None and {one.name for one in wrong} == {"no-events"}
    assert events(con, 'file, "row", "user:text"') == [(3, 1, "t"), (1, 2, "u"), (1, 1, "v"), (1, 3, "w")]


def test_a_file_that_begins_with_the_end_of_another(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Of rows with one id the first stands, though both have a sequence and none moves."""
    names = [ndjson(tmp_path / f"{first}.ndjson", [row(n, id=f"e{n}") for n in range(first, first + 10)])
             for first in (0, 8)]
    found = good(con, *names)
    assert (found.merged, found.rows, found.ties) == (2, 18, False)
    assert events(con, 'file, "row"') == [*((0, n) for n in range(1, 11)), *((1, n) for n in range(3, 11))]


def test_many_rows_with_one_id(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = parquet(con, tmp_path / "e.parquet", "SELECT 'used' AS type, TIMESTAMPTZ '2026-08-01 12:00:00Z' AS time, "
                   "'u' AS \"user\", 'e' || (i % 9000) AS id FROM range(10000) AS r(i)")
    found = good(con, path)
    assert (found.merged, found.rows, found.total) == (1000, 9000, 9000)
    assert con.execute('SELECT max("row") FROM events').fetchone() == (9000,)
    path = parquet(con, tmp_path / "e.parquet", "SELECT 'used' AS type, TIMESTAMPTZ '2026-08-01 12:00:00Z' AS time, "
                   "'u' || i AS \"user\", 'e' || (i % 9999) AS id FROM range(10000) AS r(i)")
    assert bad(con, path) == [f"id-twice e.parquet:10000 two different events have the id `e0`; the other is {path}:1"]


def test_a_file_of_which_no_row_fits(con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                     ) -> None:
    monkeypatch.setattr(scan_rising, "UNREAD", 1000)
    path = parquet(con, tmp_path / "e.parquet", "SELECT 'used' AS type, now() AS time, 'x' AS usr "
                   "FROM range(30000) AS r(i)")
    said = bad(con, path)
    assert said[:2] == ["event-unknown-key e.parquet:1 used: there is no field `usr`",
                        "event-required e.parquet:1 used: `user` is missing, and it is required"]
    assert said[-2:] == ["more-errors e.parquet:4 1,994 more errors in events are not shown",
                         "more-errors e.parquet:1 29,000 more rows that may not fit were not looked at"]


def test_a_type_that_is_not_known_is_told_three_times(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """So that another that is not known either is not lost behind it."""
    lines: list[dict[str, Any] | str] = [row(number, type="usedd") for number in range(100)]
    path = ndjson(tmp_path / "e.ndjson", [*lines, row(100, type="sene")])
    fitter = Fitter(SCHEMAS)
    each_row(path, fitter.event, SCHEMAS, None)
    expected = [f"unknown-event e.ndjson:{at} no event type `{kind}` in the vocabulary"
                for at, kind in ((1, "usedd"), (2, "usedd"), (3, "usedd"), (101, "sene"))]
    assert bad(con, path) == [*expected, "more-errors e.ndjson:4 97 more errors in events are not shown"]
    assert [(one.message, one.help) for one in fitter.problems()[2:4]] == [
        ("no event type `usedd` in the vocabulary", "did you mean `used`?"),
        ("no event type `sene` in the vocabulary", "did you mean `seen`?")]


# ---- the database

def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with open_database("100MB", 1, folder=str(tmp_path)) as con:
        folder = temp_folder(con)
        assert Path(folder).parent == tmp_path
        con.execute("CREATE TABLE big AS SELECT i, hash(i) AS h, md5(i::VARCHAR) AS m FROM range(3000000) AS r(i)")
        con.execute("SELECT count(*) FROM (SELECT m FROM big ORDER BY m)")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), open_database(folder=str(tmp_path)):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_table_leaves_memory_that_has_a_limit(tmp_path: Path) -> None:
    columns = ", ".join(f"{n} AS a{n}, i % {n + 2} AS b{n}" for n in range(20))
    with open_database("100MB", 2, folder=str(tmp_path)) as con:
        con.execute(f"CREATE TABLE big AS SELECT i, {columns} FROM range(2000000) AS r(i)")
        con.execute("SET memory_limit = '12MB'")  # an error while more is held


def test_events_that_find_room_stand_in_memory(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    large = parquet(con, tmp_path / "a.parquet", "SELECT i AS n FROM range(100000) AS r(i)")
    small = ndjson(tmp_path / "b.ndjson", [row(number) for number in range(100)])
    packed = tmp_path / "c.ndjson.gz"
    packed.write_bytes(gzip.compress(Path(small).read_bytes() * 1000))
    damaged = tmp_path / "d.parquet"
    damaged.write_bytes(b"PAR1")

    def in_memory(memory: str | None, *files: str | Path) -> bool:
        with open_database(memory, 1, folder=str(tmp_path), files=[str(one) for one in files]) as opened:
            found = opened.execute("SELECT path FROM duckdb_databases() WHERE database_name = 'trace'").fetchone()
        return found == (None,)

    assert in_memory("14MB", large) and not in_memory("12MB", large)
    assert in_memory("1MB", small) and not in_memory("13MB", large, small, packed)
    assert not in_memory("100MB", small, damaged) and not in_memory("100MB") and in_memory(None, large, damaged)


def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path) -> None:
    code = ("import os, signal, sys\nfrom policyengine.trace.scan.database import open_database, temp_folder\n"
            "with open_database(folder=sys.argv[1]) as con:\n    temp_folder(con)\n    os.kill(os.getpid(), 9)\n")
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    (left,) = tmp_path.iterdir()
    (tmp_path / f"guiju-trace-{os.getpid()}-own").mkdir()
    with open_database(folder=str(tmp_path)):
        assert not left.exists()
    assert [one.name for one in tmp_path.iterdir()] == [f"guiju-trace-{os.getpid()}-own"]


def test_limits_that_are_none() -> None:
    for amount in ("many", "-1", " -5GB"):
        with pytest.raises(ValueError, match=f"`{amount}` is not an amount of memory"), open_database(amount):
            pass


def test_too_little_memory_is_a_diagnostic(tmp_path: Path) -> None:
    path = ndjson(tmp_path / "e.ndjson", [row(number % 60) for number in range(100_000)])
    with open_database("2MB", 2, folder=str(tmp_path)) as con:
        found, wrong = scan(con, [path], SCHEMAS, NEEDS)
    assert found is None and [one.name for one in wrong] == ["out-of-memory"]


def test_a_full_disk_is_a_diagnostic(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = parquet(con, tmp_path / "e.parquet", "SELECT 'used' AS type, md5(i::VARCHAR) AS \"user\", "
                   "TIMESTAMPTZ '2026-08-01 12:00:00Z' AS time, i AS sequence FROM range(1000000) AS r(i)")
    with open_database(None, 2, folder=str(tmp_path)) as small:
        small.execute("SET memory_limit = '40MB'")
        small.execute("SET max_temp_directory_size = '1MB'")
        found, wrong = scan(small, [path], SCHEMAS, NEEDS)
    assert found is None and [one.name for one in wrong] == ["disk-full"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))  # the file of a run under a limit of memory
    try:
        with open_database("40MB", 2, folder=str(tmp_path)) as small:
            found, wrong = scan(small, [path], SCHEMAS, NEEDS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert found is None and [one.name for one in wrong] == ["disk-full"]
    assert [one.name for one in tmp_path.iterdir()] == ["e.parquet"]


def test_rows_are_put_in_order_however_they_are_handed_over(con: duckdb.DuckDBPyConnection, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB reads several files of Parquet side by side, and now and then hands the later one over first."""
    names = []
    for name in "ab":
        source = ndjson(tmp_path / f"{name}.ndjson", [row(number * 7 % 30, user=name) for number in range(30)])
        names.append(str(tmp_path / f"{name}.parquet"))
        duckdb.connect().execute(f"COPY (SELECT type, time::TIMESTAMPTZ AS time, sequence, user FROM "
                                 f"read_json('{source}')) TO '{names[-1]}'")
    good(con, *names)
    expected = events(con, 't, file, "row"')
    for room, name in ((scan_reading, "placed"), (scan_tables, "select")):
        handed = getattr(room, name)
        monkeypatch.setattr(room, name, lambda *asked, handed=handed, **more:
                            f'SELECT * FROM ({handed(*asked, **more)}) ORDER BY file DESC, "row"')
    good(con, *names)
    told = events(con, 't, file, "row"')
    assert told == expected == sorted(told)
