"""Reading in bulk is reading row by row: the same events in the same order, the same words for the same mistakes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from policyengine.core import types
from policyengine.core.standing import typed
from policyengine.trace.columns import Column, sql_type
from policyengine.trace.scan.database import open_database
from policyengine.trace.scan.scan import scan
from policyengine.trace.scan.tables import Scan
from policyengine.workspace.inputs import Trace, read_trace

FIELDS: dict[str, dict[str, Any]] = {
    "user": {"type": "string", "minLength": 1},
    "kind": {"type": "string", "enum": ["a", "b", "it's"]},
    "code": {"type": "string", "pattern": "^[A-Z]{2}$"},
    "age": {"type": "integer", "minimum": 0, "maximum": 150},
    "amount": {"type": "number", "minimum": 0},
    "flag": {"type": "boolean"},
    "day": {"type": "string", "format": "date"},
    "at": {"type": "string", "format": "date-time"},
    "limit": {"type": "string", "format": "period", "x-unit": "minute"},
    "term": {"type": "string", "format": "period"},
    "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    "kinds": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "minItems": 1},
    "service": {"type": "string"},
}
ENVELOPE = {"type": {"type": "string"}, "time": {"type": "string", "format": "date-time"}, "id": {"type": "string"},
            "sequence": {"type": "integer"}, "service": {"type": "string"}}


def schema(required: list[str], *names: str, closed: bool = True) -> dict[str, Any]:
    one = {"type": "object", "properties": {**ENVELOPE, **{name: FIELDS[name] for name in names}},
           "required": ["type", "time", *required]}
    return {**one, "additionalProperties": False} if closed else one


SCHEMAS: dict[str, dict[str, Any]] = {
    "first": schema(["user"], "user", "kind", "age", "flag"),
    "second": schema(["user"], "user", "amount", "day", "at", "limit", "term", "code"),
    "third": schema([], "user", "tags", "kinds", "flag"),
    "open": schema([], "user", "age", closed=False),
    "other": {**schema([], "user"), "properties": {**ENVELOPE, "user": FIELDS["user"], "age": FIELDS["kind"]}},
}
TYPES: dict[str, types.Type] = {
    "user": types.Text(), "kind": types.Text(), "code": types.Text(), "age": types.Number(integer=True),
    "amount": types.Number(), "flag": types.Bool(), "day": types.Date(), "at": types.Instant(),
    "limit": types.Period("elapsed"), "term": types.Period(), "tags": types.ListOf(types.Text()),
    "kinds": types.ListOf(types.Text()), "service": types.Text(),
}
NEEDS = {name: tuple(Column((field,), TYPES[field], said=field in ("age", "amount"))
                     for field in one["properties"] if field in TYPES and field != "service" and name != "other")
         for name, one in SCHEMAS.items() if name != "third"}
NEEDS["other"] = (Column(("user",), types.Text()), Column(("age",), types.Text()))

# Each kind of value with its odd and its bad ones; what stands first is what most rows have.
GOOD: dict[str, list[Any]] = {
    "user": ["u1", "u2", "人", "a,b", 'q"q', "back\\slash", "line\nend", "null", "it's", "  ", "x" * 300],
    "kind": ["a", "b", "it's"], "code": ["CN", "EU"], "age": [0, 7, 150, Decimal("18.0")],
    "amount": [0, 3, Decimal("1.5"), Decimal("1.50"), Decimal("100000000.000000001"), Decimal("0.0000001"),
               Decimal("123456789012345.123456789")],
    "flag": [True, False], "day": ["2026-02-28", "0001-01-01", "9999-12-31"],
    "at": ["2026-08-01T12:00:00Z", "2026-08-01T12:00:00.5+08:00"], "limit": ["5 minutes", "1 hour", "1.5 hours"],
    "term": ["15 working days", "1 month", "2  weeks"], "tags": [[], ["a"], ["b", "a,b"], ["it's", "人"]],
    "kinds": [["a"], ["b", "a"]], "service": ["s1", "s2"],
}
BAD: dict[str, list[Any]] = {
    "user": ["", 5, None, True, ["u"]], "kind": ["c", "A", 1], "code": ["cn", "CNN", ""],
    "age": [-1, 151, Decimal("1.5"), "7", True, 10 ** 18, {"a": 1}],
    "amount": [-1, "2", Decimal("0.0000000001"), False],
    "flag": ["true", 1, "yes"], "day": ["2026-02-30", "2026-2-1", "20260201", "0000-01-01", 20260201],
    "at": ["2026-08-01T12:00:00", "tomorrow"], "limit": ["5 days", "5", "-5 minutes"],
    "term": ["soon", "5 dayss", "1e3 days"], "tags": [["a", "a"], [1], "a", [None], {}],
    "kinds": [[], ["c"], ["a", None]],
    "service": [3],
}
TIMES = ["2026-08-01T12:00:00Z", "2026-08-01T12:00:01Z", "2026-08-01T12:00:00.500Z", "2026-08-01T12:00:00.000001Z",
         "2026-08-01T20:00:00+08:00", "2026-08-01 12:00:00Z", "2026-08-01t12:00:00.25z", "2026-03-29T02:59:59Z",
         "2026-08-01T20:00:00+0800", "2026-08-01 12:00:00.25+00", "2026-08-01T04:00:00-08"]
LOCAL = ["2026-08-01T12:00:00", "2026-03-29T01:59:59.999999", "2026-03-29T03:00:00", "2026-12-01 00:00:00.5"]
BAD_TIMES = ["2026-08-01T12:00:60Z", "2026-08-01T24:00:00Z", "2026-08-01T12:00:00.1234567Z", "2026-02-30T12:00:00Z",
             "0000-01-01T00:00:00Z", "2026-08-01T12:00:00+24:00", "2026-08-01T12:00:00+2400", "2026-08-01T12:00:00+8",
             "2026-08-01T12:00:0 Z", "", "now", 5, None]
CLOCK_TIMES = ["2026-03-29T02:30:00", "2026-10-25T02:30:00"]  # in Paris the first never was, the second was twice

Row = dict[str, Any]


@st.composite
def rows(draw: st.DrawFn, wrong: bool) -> Row:
    kind = draw(st.sampled_from(list(SCHEMAS)))
    names = [name for name in SCHEMAS[kind]["properties"] if name not in ("type", "time", "id", "sequence")]
    row: Row = {"type": kind, "time": draw(st.sampled_from(TIMES))}
    for name in names:
        pool = GOOD["kind"] if (kind, name) == ("other", "age") else GOOD[name]
        if name in SCHEMAS[kind]["required"] or draw(st.integers(0, 2)) == 0:
            row[name] = draw(st.sampled_from(pool))
        elif draw(st.integers(0, 5)) == 0:
            row[name] = None
    if draw(st.integers(0, 3)) == 0:
        row["sequence"] = draw(st.sampled_from([1, 2, 3, Decimal("2.5"), -1]))
    if draw(st.integers(0, 5)) == 0:
        row["zz"] = None if kind != "open" else draw(st.sampled_from([None, 5, "x"]))
    if wrong and draw(st.integers(0, 2)) == 0:
        choice = draw(st.integers(0, 5))
        if choice == 0:
            row["type"] = draw(st.sampled_from(["frist", "", None, 5]))
        elif choice == 1:
            row["time"] = draw(st.sampled_from([*BAD_TIMES, *LOCAL, *CLOCK_TIMES]))
        elif choice == 2:
            row["zz"] = 5
        elif choice == 3:
            row["id"] = draw(st.sampled_from([True, Decimal("1.5"), ["x"]]))
        else:
            name = draw(st.sampled_from(names))
            row[name] = draw(st.sampled_from(BAD[name]))
    return row


@st.composite
def files(draw: st.DrawFn, wrong: bool) -> list[Row]:
    found = draw(st.lists(rows(wrong), min_size=1, max_size=12))
    found += [dict(one) for one in draw(st.lists(st.sampled_from(found), max_size=3))]  # exact repeats
    if draw(st.booleans()):
        for number, row in enumerate(found):  # ids, of which some are of one event
            row.setdefault("id", draw(st.sampled_from([f"e{number}", number, str(number)])))
        found += [dict(one) for one in draw(st.lists(st.sampled_from(found), max_size=2))]
        if wrong and draw(st.integers(0, 3)) == 0:
            found[0]["id"] = found[-1]["id"]
    return draw(st.permutations(found))


def as_ndjson(found: list[Row]) -> str:
    return "".join(json.dumps(row, default=_number, ensure_ascii=len(found) % 2 == 0) + "\n" for row in found).replace(
        '"#', "").replace('#"', "")


def _number(value: Any) -> str:
    return f"#{value:f}#"


def as_csv(found: list[Row]) -> str:
    names = list(dict.fromkeys(name for row in found for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in found:
        writer.writerow([_cell(row.get(name)) for name in names])
    return out.getvalue()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database("500MB", 2) as opened:
        yield opened


def same(con: duckdb.DuckDBPyConnection, paths: list[str], zone: str | None = None) -> Scan | None:
    """Both readings of the files agree; the scan, where there is one."""
    trace, wrong = read_trace(paths, SCHEMAS, zone)
    found, told = scan(con, paths, SCHEMAS, NEEDS, zone=zone)
    assert told == wrong
    assert (found is None) == bool(wrong)
    if found is not None:
        compare(con, found, trace)
    return found


def compare(con: duckdb.DuckDBPyConnection, found: Scan, trace: Trace) -> None:
    assert (found.merged, found.repeats, found.total) == (trace.merged, trace.repeats, len(trace.events))
    assert (found.first, found.last) == (trace.events[0].time, trace.events[-1].time)
    counts: dict[str, int] = {}
    for event in trace.events:
        counts[event.type] = counts.get(event.type, 0) + 1
    assert dict(found.counts) == counts
    kept = [event for event in trace.events if event.type in NEEDS]
    columns = {column.name: column for one in NEEDS.values() for column in one}
    chosen = "".join(f', "{name}"' for name in columns) + ', "age:said", "amount:said"'
    read = con.execute(f'SELECT "type", t, file, "row", instant, pos, service{chosen} FROM events '
                       "ORDER BY pos").fetchall()
    assert len(read) == len(kept) == found.rows
    instants: dict[Any, int] = {}
    ties = False
    for event, (place, t, file, row, instant, _, service, *values) in zip(kept, read, strict=True):
        assert (place, t) == (event.place, event.time)
        assert alike(event, found.files[file], row, kept)
        ties = ties or (event.time, event.sequence) in instants
        assert instant == instants.setdefault((event.time, event.sequence), instant)
        assert service == event.fields.get("service")
        own = {column.name for column in NEEDS[event.type]}
        for column, value in zip(columns.values(), values, strict=False):
            if column.name in own:
                assert value == held(event.fields, column), (event, column)
        said = dict(zip(("age", "amount"), values[-2:], strict=True))
        for name, one in said.items():
            if f"{name}:said" in {column.said_name for column in NEEDS[event.type] if column.said}:
                assert one == (name in event.fields)
    assert found.ties == ties
    rising = [row[4] for row in read]
    assert rising == sorted(rising) and len(set(rising)) == len(instants)
    several = {one for one in rising if rising.count(one) > 1}
    assert {one for one, in con.execute("SELECT instant FROM events_shared").fetchall()} == several


def alike(event: Any, file: str, row: int, kept: list[Any]) -> bool:
    """The row is the event's, or that of an exact repeat, which may stand in either order."""
    from policyengine.core.case import content

    return any((one.file, one.row) == (file, row) and (one.time, one.sequence, content(one)) == (
        event.time, event.sequence, content(event)) for one in kept)


def held(fields: Mapping[str, Any], column: Column) -> Any:
    raw = fields.get(column.path[0])
    if raw is None:
        return None
    value = typed(raw, column.type)
    match column.type:
        case types.Number():
            return int(raw) if column.type.integer else Decimal(raw)
        case types.Period():
            return value.count if sql_type(column.type) == "BIGINT" else raw
        case types.ListOf():
            return list(value)
    return value


# A generated file takes a tenth of a second, and a shrunk one is not worth hundreds of them.
quick = settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.generate),
                 suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@quick
@given(found=files(wrong=False))
def test_good_ndjson(con: duckdb.DuckDBPyConnection, tmp_path: Path, found: list[Row]) -> None:
    path = tmp_path / "e.ndjson"
    path.write_text(as_ndjson(found), "utf-8")
    assert same(con, [str(path)]) is not None or len({row.get("id") for row in found}) < len(found)


@quick
@given(found=files(wrong=True), zone=st.sampled_from([None, "Europe/Paris"]))
def test_bad_ndjson(con: duckdb.DuckDBPyConnection, tmp_path: Path, found: list[Row], zone: str | None) -> None:
    path = tmp_path / "e.ndjson"
    path.write_text(as_ndjson(found), "utf-8")
    same(con, [str(path)], zone)


@quick
@given(found=files(wrong=True), zone=st.sampled_from([None, "Europe/Paris"]))
def test_csv(con: duckdb.DuckDBPyConnection, tmp_path: Path, found: list[Row], zone: str | None) -> None:
    path = tmp_path / "e.csv"
    path.write_text(as_csv(found), "utf-8")
    same(con, [str(path)], zone)


@quick
@given(found=files(wrong=True), more=files(wrong=False), spoil=st.sampled_from(
    ["", "\n", "  \n", "x\n", "[1]\n", "\ufeff", '{"type": "first"}\n', '{"a": 1, "a": 2}\n', '{"type": "first"',
     '{"type": "open", "time": "2026-08-01T12:00:00Z", "x": NaN}\n', '{"type":"open","Type":1}\n']))
def test_several_files_and_broken_lines(con: duckdb.DuckDBPyConnection, tmp_path: Path, found: list[Row],
                                        more: list[Row], spoil: str) -> None:
    lines = as_ndjson(found).splitlines(keepends=True)
    lines.insert(len(lines) // 2 if not spoil.startswith('{"type": "first"') else len(lines), spoil)
    (tmp_path / "a.ndjson").write_text("".join(lines), "utf-8")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(as_ndjson(more).encode()))
    (tmp_path / "c.csv").write_text(as_csv(more[:2]), "utf-8")
    same(con, [str(tmp_path / name) for name in ("a.ndjson", "b.jsonl.gz", "c.csv")])


def one_by_one(pools: Mapping[str, list[Any]]) -> Iterator[Row]:
    """A row for every value, each at a time of its own."""
    number = 0
    for kind, one in SCHEMAS.items():
        for name in one["properties"]:
            for value in pools.get(name, ()):
                number += 1
                yield {"type": kind, "time": f"2026-08-01T12:{number // 60:02d}:{number % 60:02d}Z", "user": "u",
                       name: value}


WRITERS = {"e.ndjson": as_ndjson, "e.csv": as_csv}
EVERY_TIME = [{"type": "first", "user": "u", "time": time} for time in [*TIMES, *LOCAL, *BAD_TIMES, *CLOCK_TIMES]]


@pytest.mark.parametrize("name", WRITERS)
def test_every_value(con: duckdb.DuckDBPyConnection, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    right = [row for row in one_by_one(GOOD) if (row["type"], "age" in row) != ("other", True)]
    if name == "e.csv":
        right = [row for row in right if not any(isinstance(value, list) for value in row.values())]
    path.write_text(WRITERS[name](right), "utf-8")
    assert same(con, [str(path)]) is not None
    for row in [*one_by_one(BAD), *EVERY_TIME]:  # one by one, so that no error hides that one is missed
        path.write_text(WRITERS[name]([row]), "utf-8")
        same(con, [str(path)], "Europe/Paris" if row in EVERY_TIME else None)
        if row in EVERY_TIME:
            same(con, [str(path)])


COLUMNS = {"type": "VARCHAR", "time": "TIMESTAMPTZ", "id": "VARCHAR", "sequence": "BIGINT", "user": "VARCHAR",
           "kind": "ENUM('a', 'b', 'c', 'it''s')", "code": "VARCHAR", "age": "INTEGER", "amount": "DECIMAL(18,3)",
           "flag": "BOOLEAN", "day": "DATE", "at": "TIMESTAMPTZ", "limit": "VARCHAR", "term": "VARCHAR",
           "tags": "VARCHAR[]", "kinds": "VARCHAR[]", "service": "VARCHAR", "zz": "BIGINT"}


@st.composite
def columnar(draw: st.DrawFn) -> list[Row]:
    """Rows of a Parquet file: each column has its type, but a value may be wrong."""
    found = []
    often = draw(st.lists(st.sampled_from(["first", "second", "third"]), min_size=1, max_size=3))
    for number in range(draw(st.integers(1, 12)) + (len(often) == 1) * 8):
        kind = draw(st.sampled_from(["first", "second", "third", "frist"] if number % 3 == 2 else
                                    [*often * 3, "first", "second", "third"]))
        row: Row = {"type": kind, "time": draw(st.sampled_from(TIMES[:5]))}
        for name in SCHEMAS.get(kind, SCHEMAS["first"])["properties"]:
            pool = [one for one in [*GOOD.get(name, ()), *(BAD.get(name, ()) if draw(st.integers(0, 9)) == 0 else ())]
                    if fits(name, one)]
            if pool and (name == "user" or draw(st.booleans())):
                row[name] = draw(st.sampled_from(pool))
        if draw(st.booleans()):
            row["sequence"] = draw(st.integers(1, 3))
        if draw(st.integers(0, 9)) == 0:
            row["zz"] = 5
        if draw(st.integers(0, 3)) == 0:
            row["id"] = f"e{draw(st.integers(0, 5))}"
        found.append(row)
    return found


def fits(name: str, value: Any) -> bool:
    """A value that its column can hold."""
    match COLUMNS[name]:
        case "VARCHAR":
            return isinstance(value, str)
        case "INTEGER":
            return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10 ** 9
        case "DECIMAL(18,3)":
            known = isinstance(value, Decimal | int) and not isinstance(value, bool)
            return known and abs(Decimal(value)) < 1000 and value == round(Decimal(value), 3)
        case "BOOLEAN":
            return isinstance(value, bool)
        case "DATE" | "TIMESTAMPTZ":
            return isinstance(value, str) and value in GOOD[name]
        case "VARCHAR[]":
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case _:
            return value in ("a", "b", "c", "it's")


def write_parquet(con: duckdb.DuckDBPyConnection, path: Path, found: list[Row], columns: Mapping[str, str]) -> None:
    listed = ", ".join(f'"{name}" {type}' for name, type in columns.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE made ({listed})")
    marks = ", ".join("?" for _ in columns)
    con.executemany(f"INSERT INTO made VALUES ({marks})", [[row.get(name) for name in columns] for row in found])
    con.execute(f"COPY made TO '{path}' (FORMAT parquet)")


@quick
@given(found=columnar(), more=columnar(), split=st.booleans())
@example(found=[{"type": "second", "time": TIMES[0], "user": "u", "limit": "-5 minutes", "code": "CNN"}], more=[],
         split=False)
def test_parquet(con: duckdb.DuckDBPyConnection, tmp_path: Path, found: list[Row], more: list[Row], split: bool,
                 ) -> None:
    """As the same events in NDJSON, but that a null of Parquet is absent and a decimal has the digits of its column."""
    used = {name: type for name, type in COLUMNS.items()
            if any(name in row for row in found) or name in ("type", "time")}
    # What is wrong with a row is told in the order of its fields, which in Parquet is that of the columns.
    found, more = ([{name: row[name] for name in COLUMNS if name in row} for row in rows] for rows in (found, more))
    write_parquet(con, tmp_path / "a.parquet", found, used)
    (tmp_path / "a.ndjson").write_text(as_ndjson(found), "utf-8")
    names = ["a"]
    if split:
        write_parquet(con, tmp_path / "b.parquet", more, COLUMNS)
        (tmp_path / "b.ndjson").write_text(as_ndjson(more), "utf-8")
        names.append("b")
    trace, wrong = read_trace([str(tmp_path / f"{name}.ndjson") for name in names], SCHEMAS, None)
    got, told = scan(con, [str(tmp_path / f"{name}.parquet") for name in names], SCHEMAS, NEEDS)
    assert [shown(one) for one in told] == [shown(one) for one in wrong]
    if got is None:
        return
    assert (got.merged, got.total) == (trace.merged, len(trace.events))
    kept = [event for event in trace.events if event.type in NEEDS]
    read = con.execute('SELECT t, "type", file, "row", "user:text", "age:integer", "amount:number" FROM events '
                       "ORDER BY pos")
    rows = [(t, place, Path(got.files[file]).stem, row, *values) for t, place, file, row, *values in read.fetchall()]
    assert [row[:2] for row in rows] == [(event.time, event.place) for event in kept]
    assert sorted(rows, key=str) == sorted([
        (event.time, event.place, Path(event.file).stem, event.row, event.fields.get("user"),
         event.fields.get("age") and int(event.fields["age"]) if event.type == "first" else None,
         event.fields.get("amount") if event.type == "second" else None) for event in kept], key=str) or got.repeats


def shown(problem: Any) -> tuple[Any, ...]:
    """What a message says, but for the file's suffix and the digits that a column of decimals adds."""
    file = Path(problem.span.path).stem if problem.span else ""
    said = "" if problem.name == "id-twice" else problem.message.replace(".000", "")
    return problem.name, file, problem.span and problem.span.line, said
