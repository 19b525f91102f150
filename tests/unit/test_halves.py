"""Parquet in two halves: rows of rare types kept and checked first, of the others only the columns that they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from policyengine.trace.columns import Column
from policyengine.trace.scan import tables as scan_tables
from policyengine.trace.scan.halves import SPARED, of_others
from policyengine.trace.scan.scan import scan
from policyengine.trace.scan.tables import Scan
from tests.unit.test_scan import INTEGER, NOON, NUMBER, TEXT, USER, con, events, parquet

__all__ = ["con"]

LIST = {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize("type, value", [("VARCHAR", "'x'"), ("VARCHAR[]", "['x']"), ("VARCHAR[]", "[]"),
                                         ("VARCHAR[]", "[NULL]"), ("STRUCT(a VARCHAR)", "{'a': 'x'}"),
                                         ("STRUCT(a VARCHAR)", "{'a': NULL}")])
@pytest.mark.parametrize("sequence", ["", ", i AS sequence"])
def test_fields_of_rare_types_are_missed_in_no_row(con: duckdb.DuckDBPyConnection, tmp_path: Path, type: str,
                                                   value: str, sequence: str) -> None:
    """Columns that only rare types have are read of rare rows alone, as far as files say that no more is in them."""
    field = {"VARCHAR": {"type": "string"}, "VARCHAR[]": {"type": "array", "items": {"type": "string"}},
             "STRUCT(a VARCHAR)": {"type": "object", "properties": {"a": {"type": "string"}}}}[type]
    envelope = {"type": "object", "required": ["type", "time"]}
    more = {f"more{number}": {"type": "string"} for number in range(SPARED)}
    schemas = {"rare": {**envelope, "additionalProperties": False, "properties": {"extra": field, **more}},
               "seen": {**envelope, "additionalProperties": False, "properties": {}}}
    needs = {"rare": (), "seen": ()}
    columns = ", ".join(f"CASE WHEN i % 50 = 5 THEN 'x' END AS {name}" for name in more)

    def found(where: str) -> tuple[Scan | None, list[str]]:
        path = parquet(con, tmp_path / "e.parquet", "SELECT CASE WHEN i % 50 = 5 THEN 'rare' ELSE 'seen' END AS type, "
                       f"TIMESTAMPTZ '2026-08-01 12:00:00Z' + to_seconds(i) AS time, CASE WHEN {where} THEN {value} END"
                       f"::{type} AS extra{sequence}, {columns} FROM range(100) AS r(i)")
        got, wrong = scan(con, [path], schemas, needs)
        return got, [f"{one.name} {one.span.line if one.span else ''}" for one in wrong]

    if value not in ("[NULL]", "{'a': NULL}"):
        got, wrong = found("i % 50 = 5")
        assert (got and got.counts, wrong) == ({"rare": 2, "seen": 98}, [])
    assert found("i % 50 = 5 AND i > 50 OR i = 7")[0] is None
    assert "event-unknown-key 8" in found("i = 7")[1]
    schemas["seen"]["additionalProperties"] = True
    assert found("i = 7")[1] == [] or value == "[NULL]"


def halved(con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, paths: list[str], *, few: int = SPARED,
           ) -> tuple[Scan | None, list[str], set[str]]:
    """A scan of files with a rare type that has so `few` fields of its own and two lists, and two others, of which one
    may say anything; what is wrong, and the columns that are read of the others."""
    columns = ALL  # unless it is halved

    def noted(*asked: Any) -> Any:
        nonlocal columns
        found = of_others(*asked)
        columns = set(found.columns)
        return found

    envelope: dict[str, Any] = {"type": "object", "required": ["type", "time"], "additionalProperties": False}
    user, more = {"user": {"type": "string"}}, {f"more{number}": {"type": "string"} for number in range(few - 2)}
    schemas = {"rare": {**envelope, "properties": {**user, **more, "list": LIST, "other": LIST}},
               "seen": {**envelope, "properties": {**user, "note": {"type": "string"}}},
               "free": {**envelope, "properties": user, "additionalProperties": True}}
    needs = {"rare": (USER, *(Column((name,), TEXT) for name in more)), "seen": (USER, Column(("note",), TEXT)),
             "free": (USER,)}
    monkeypatch.setattr(scan_tables, "of_others", noted)
    found, wrong = scan(con, paths, schemas, needs)
    monkeypatch.undo()
    return found, [f"{one.name} {Path(one.span.path).name}:{one.span.line}" for one in wrong if one.span], columns


def of_halves(con: duckdb.DuckDBPyConnection, path: Path, few: int = SPARED, free: str = "false", **said: str) -> str:
    """A file in which of 100 rows those at 5 and 55 are rare; `said` is where, by rows, columns say something besides,
    `free` where rows are of the type of that name."""
    def values(name: str, where: str, value: str) -> str:
        return f'CASE WHEN {where} OR {said.get(name, "false")} THEN {value} END AS "{name}"'

    rare = "i IN (5, 55)"
    names = [*(values(f"more{number}", rare, "'m' || i") for number in range(few - 2)),
             *(values(name, rare, "['x']") for name in ("list", "other")), values("note", f"NOT {rare}", "'n' || i")]
    kind = f"CASE WHEN {rare} THEN 'rare' WHEN {free} THEN 'free' ELSE 'seen' END"
    return parquet(con, path, f"SELECT {kind} AS type, TIMESTAMPTZ '2026-08-01 12:00:00Z' + to_seconds(i) AS time, "
                   f"'u' || i AS \"user\", {', '.join(names)} FROM range(100) AS r(i)")


ALL = {"type", "time", "user", "note", "list", "other", *(f"more{number}" for number in range(SPARED - 2))}


def test_rows_in_two_halves_say_what_they_said(con: duckdb.DuckDBPyConnection, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """The half of the frequent types lacks the columns of the rare one, where those are many."""
    path = of_halves(con, tmp_path / "e.parquet")
    found, wrong, columns = halved(con, monkeypatch, [path])
    assert (found and found.counts, wrong) == ({"rare": 2, "seen": 98}, [])
    assert columns == {"type", "time", "user", "note"}
    assert events(con, '"row", "user:text", "note:text", "more0:text"') == [
        (i + 1, f"u{i}", None if i in (5, 55) else f"n{i}", f"m{i}" if i in (5, 55) else None) for i in range(100)]
    assert con.execute("SELECT current_setting('preserve_insertion_order')").fetchone() == (True,)
    path = of_halves(con, tmp_path / "e.parquet", few=SPARED - 1)
    assert halved(con, monkeypatch, [path], few=SPARED - 1)[2] == ALL


@pytest.mark.parametrize("free", ["false", "i % 3 = 0"])
@pytest.mark.parametrize("name", ["more0", "list", "other"])
def test_what_a_frequent_type_says_in_a_field_of_a_rare_one(con: duckdb.DuckDBPyConnection, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch, name: str, free: str,
                                                            ) -> None:
    """How many values a column has is that of all files; for a list none says it. A type that may say anything may."""
    def first(where: str) -> str:
        return of_halves(con, tmp_path / "a.parquet", free=free, **{name: where})

    paths = [first("i IN (7, 8)"), of_halves(con, tmp_path / "b.parquet")]
    assert halved(con, monkeypatch, paths)[:2] == (None, ["event-unknown-key a.parquet:8",
                                                          "event-unknown-key a.parquet:9"])
    first("i = 9")
    assert halved(con, monkeypatch, paths)[1] == ([] if free != "false" else ["event-unknown-key a.parquet:10"])


# ---- values that the table holds in another form

RECORD = {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "string"}}}
FORMS = {**{f"more{number}": {"type": "string"} for number in range(SPARED)}, "amount": {"type": "number"},
         "term": {"type": "string", "x-type": "elapsed"}, "asked": {"type": "integer", "maximum": 60}, "place": RECORD}
WIDE = {"rare": {"type": "object", "required": ["type", "time"], "additionalProperties": False, "properties": FORMS},
        "seen": {"type": "object", "required": ["type", "time"], "additionalProperties": False, "properties": {}}}
OF_WIDE = {"rare": (Column(("amount",), NUMBER), Column(("asked",), INTEGER), Column(("place", "a"), TEXT)), "seen": ()}


def wide(con: duckdb.DuckDBPyConnection, path: Path, **odd: str) -> str:
    """Of 60 rows a second apart those whose number is a multiple of ten are rare; `odd` is SQL of a column."""
    said = {**{name: "'x'" for name in FORMS if name.startswith("more")}, "amount": "i * 1.5", "asked": "i",
            "term": "'5 minutes'", "place": "{'a': 'p' || i}", **odd}
    values = ", ".join(f'CASE WHEN i % 10 = 0 THEN {x} END AS "{name}"' for name, x in said.items())
    return parquet(con, path, "SELECT CASE WHEN i % 10 = 0 THEN 'rare' ELSE 'seen' END AS type, TIMESTAMPTZ "
                   f"'2026-08-01 12:00:00Z' + to_seconds(i) AS time, {values} FROM range(60) AS r(i)")


def told(con: duckdb.DuckDBPyConnection, *paths: str, as_of: int | None = None) -> tuple[Scan | None, list[str]]:
    found, wrong = scan(con, paths, WIDE, OF_WIDE, as_of=as_of)
    return found, [f"{one.name} {Path(one.span.path).name}:{one.span.line}" for one in wrong if one.span]


def test_rare_rows_in_other_forms(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """What a rule reads, in the type that a table holds; nothing that was kept only to be checked is left of it."""
    found, wrong = told(con, wide(con, tmp_path / "a.parquet"))
    assert (found and (found.counts, found.tables), wrong) == (
        ({"rare": 6, "seen": 54}, {"rare": "events_rare", "seen": "events_frequent"}), [])
    assert con.execute('SELECT "row", "amount:number", "asked:integer", "place.a:text" FROM events_rare ORDER BY pos'
                       ).fetchall() == [(i + 1, i * 1.5, i, f"p{i}") for i in range(0, 60, 10)]
    names = [name for name, *_ in con.execute("DESCRIBE scan_rare").fetchall()]
    assert names[:5] == ["type", "t", "pos", "file", "row"] and {one[0] for one in names[5:]} == {"c"}


@pytest.mark.parametrize("as_of", [None, NOON + 25_000_000])
@pytest.mark.parametrize("column, odd, name", [
    ("amount", "CASE i WHEN 30 THEN CAST(10 AS DECIMAL(38,0)) ** 20 ELSE 1 END::DECIMAL(38,0)", "event-digits"),
    ("asked", "CASE i WHEN 30 THEN 61 ELSE 1 END", "event-maximum"),
    ("more0", "CASE i WHEN 30 THEN '' ELSE 'x' END", ""),
    ("more1", "i", "event-type"), ("place", "{'b': 'x'}", "event-unknown-key")])
def test_rare_rows_that_do_not_fit(con: duckdb.DuckDBPyConnection, tmp_path: Path, as_of: int | None, column: str,
                                   odd: str, name: str) -> None:
    """Also what no rule reads, and after the time asked for; and rows that Python has to look at, and takes."""
    found, wrong = told(con, wide(con, tmp_path / "a.parquet", **{column: odd}), as_of=as_of)
    if name:
        assert found is None
        assert wrong[0] == f"{name} a.parquet:{1 if column in ('more1', 'place') else 31}"
    else:
        assert found is not None and (found.counts["rare"], found.rows) == ((6, 60) if as_of is None else (3, 26))


def test_rare_rows_after_the_time_asked_for(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """They are kept with the others, to be checked, and are in no view."""
    found, _ = told(con, wide(con, tmp_path / "a.parquet"), as_of=NOON + 25_000_000)
    assert found is not None
    assert (found.counts, found.rows, found.later) == ({"rare": 3, "seen": 23}, 26, 34)
    assert con.execute("SELECT (SELECT count(*) FROM events_rare), count(*), max(pos) FROM events").fetchone() == (
        3, 26, 26)


def test_rare_rows_of_files_with_other_columns(con: duckdb.DuckDBPyConnection, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each file, what it has, which is all that it says it has; and an odd row of the second is told as its own."""
    read: list[set[str]] = []

    def noted(*asked: Any) -> Any:
        found = of_others(*asked)
        read.append(set(found.columns))
        return found

    monkeypatch.setattr(scan_tables, "of_others", noted)
    paths = [wide(con, tmp_path / "a.parquet"), wide(con, tmp_path / "b.parquet", amount="CAST(i AS SMALLINT)"),
             wide(con, tmp_path / "c.parquet", amount="CAST(i AS DECIMAL(9,2))", asked="CAST(i AS TINYINT)")]
    found, wrong = told(con, *paths)
    assert (found and found.counts, wrong) == ({"rare": 18, "seen": 162}, [])
    assert read == [{"type", "time"}] * 3
    assert con.execute('SELECT file, sum("amount:number"), sum("asked:integer") FROM events_rare GROUP BY 1 ORDER BY 1'
                       ).fetchall() == [(0, 225, 150), (1, 150, 150), (2, 150, 150)]
    wide(con, tmp_path / "b.parquet", amount="CAST(i AS SMALLINT)", asked="i + 20")
    assert told(con, *paths)[1] == ["event-maximum b.parquet:51"]


@pytest.mark.parametrize("moved", [False, True])
def test_rare_rows_that_repeat_an_id(con: duckdb.DuckDBPyConnection, tmp_path: Path, moved: bool) -> None:
    """They are left out also where rows have a sequence, and none, or one, does not stand in order."""
    path = wide(con, tmp_path / "a.parquet")
    number = "CAST(CASE row WHEN 0 THEN 1.5 ELSE row END AS DECIMAL(9,1)) AS sequence" if moved else "row AS sequence"
    rows = f"FROM (SELECT * RENAME file_row_number AS row FROM read_parquet('{path}', file_row_number = true))"
    twice = parquet(con, tmp_path / "twice.parquet", f"SELECT * EXCLUDE row, {number}, 'e' || row AS id {rows} UNION "
                    f"ALL SELECT * EXCLUDE row, {number}, 'e10' AS id {rows} WHERE row = 10")
    found, wrong = told(con, twice)
    assert (found and (found.merged, found.counts), wrong) == ((1, {"rare": 6, "seen": 54}), [])
    assert con.execute('SELECT "row" FROM events_rare ORDER BY pos').fetchall() == [(i + 1,) for i in range(0, 60, 10)]


@pytest.mark.parametrize("more", ["", "CAST(row AS INTEGER) AS sequence,"])
def test_an_odd_row_that_repeats_an_id(con: duckdb.DuckDBPyConnection, tmp_path: Path, more: str) -> None:
    """It is told, though it would be left out."""
    path = wide(con, tmp_path / "a.parquet", asked="CASE i WHEN 20 THEN 61 ELSE 1 END")
    twice = parquet(con, tmp_path / "twice.parquet", f"SELECT * EXCLUDE row, {more} 'e' || CASE row WHEN 20 THEN 10 "
                    f"ELSE row END AS id FROM (SELECT * RENAME file_row_number AS row FROM read_parquet('{path}', "
                    "file_row_number = true))")
    assert told(con, twice) == (None, ["event-maximum twice.parquet:21"])
