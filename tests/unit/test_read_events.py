"""Events from NDJSON and CSV: values, true line numbers, and every refusal with its exact place."""

from __future__ import annotations

import gc
import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from policyengine.base.diagnostic import Diagnostic
from policyengine.base.instants import parse_instant
from policyengine.trace.files import read
from policyengine.trace.files.read import MAX_ERRORS, Event, read_events

NOON = 1_785_585_600_000_000  # 2026-08-01T12:00:00Z
OK = '{"type":"x","time":"2026-08-01T12:00:00Z"}'


def places(problems: tuple[Diagnostic, ...]) -> list[str]:
    """`name line:column-end` of each, and `<- line:column` for each note with a place."""
    shown = []
    for one in problems:
        span = one.span
        assert span is not None
        end = f"{span.end_column}" if span.end_line == span.line else f"{span.end_line}:{span.end_column}"
        notes = "".join(f" <- {note.span.line}:{note.span.column}" for note in one.notes if note.span)
        shown.append(f"{one.name} {span.line}:{span.column}-{end}{notes}")
    return shown


def read_as(folder: Path, name: str, content: str | bytes, zone: str | None = None) -> tuple[
        tuple[Event, ...], tuple[Diagnostic, ...]]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_events(path, zone=zone)


def test_ndjson(tmp_path: Path) -> None:
    text = ('\ufeff\n{"time": "2026-08-01T20:00:00.5+08:00", "type": "b", "id": 7, "sequence": 2, "n": 1.50,'
            ' "gone": null, "tags": [null, {"a": 1}]}\r\n\n'
            '  {"type": "a", "time": "2026-08-01T12:00:00Z", "id": "x", "sequence": 1.5}  ')
    events, problems = read_as(tmp_path, "e.ndjson", text)
    assert problems == ()
    path = str(tmp_path / "e.ndjson")
    assert events == (
        Event("b", NOON + 500_000, {"n": Decimal("1.50"), "gone": None, "tags": [None, {"a": 1}]}, "7", 2, path, 2),
        Event("a", NOON, {}, "x", Decimal("1.5"), path, 4),
    )


def test_csv(tmp_path: Path) -> None:
    text = ('\ufefftime,type,id,user,note,sequence\r\n2026-08-01T12:00:00Z,a,7,u1,"two\nlines, ""quoted""",1\r\n\r\n'
            '2026-08-01T12:00:01Z,b,,"",012,\r\n')
    events, problems = read_as(tmp_path, "e.csv", text)
    assert problems == ()
    path = str(tmp_path / "e.csv")
    assert events == (
        Event("a", NOON, {"user": "u1", "note": 'two\nlines, "quoted"'}, "7", 1, path, 2, True),
        Event("b", NOON + 1_000_000, {"note": "012"}, None, None, path, 5, True),
    )


def test_times_are_read_in_the_zone_of_the_project(tmp_path: Path) -> None:
    line = '{"type": "x", "time": "2026-08-01T20:00:00"}\n'
    (event,), problems = read_as(tmp_path, "e.jsonl", line, "Asia/Shanghai")
    assert problems == () and event.time == NOON
    assert places(read_as(tmp_path, "e.jsonl", line)[1]) == ["bad-time 1:23-44"]


def test_remembered_minutes_give_what_parse_instant_gives(tmp_path: Path) -> None:
    offsets = ("Z", "z", "+08:00", "-03:30", ".25Z", ".000001+01:00")
    times = [f"2026-08-01T12:0{minute}:{second:02d}{offset}" for minute in (0, 1) for second in (0, 1, 59)
             for offset in offsets]
    text = "".join(f'{{"type":"x","time":"{time}"}}\n' for time in times)
    events, problems = read_as(tmp_path, "e.ndjson", text)
    assert problems == ()
    assert [event.time for event in events] == [parse_instant(time) for time in times]


NDJSON: list[tuple[str, list[str]]] = [
    ('{"type": "x", "time": }', ["json-syntax 3:23-24"]),
    ('{"type": "x", "type": "y", "time": "2026-08-01T12:00:00Z"}', ["duplicate-key 3:15-21 <- 3:2"]),
    ('{"type": "x"}', ["missing-column 3:1-14"]),
    ('{"tpye": "x"}', ["missing-column 3:1-14", "missing-column 3:1-14"]),
    ('{"type": null, "time": "2026-08-01T12:00:00Z"}', ["bad-event-type 3:10-14"]),
    ('{"type": "", "time": "2026-08-01T12:00:00Z"}', ["bad-event-type 3:10-12"]),
    ('{"type": "x", "time": 1785585600}', ["bad-time 3:23-33"]),
    ('{"type": "x", "time": null}', ["bad-time 3:23-27"]),
    ('  {"type": "人", "time": "2026-08-01T12:00:00"}', ["bad-time 3:25-46"]),
    ('{"type": "x", "time": "2026-02-30T12:00:00Z"}', ["bad-time 3:23-45"]),
    ('{"type": "x", "time": "2026-08-01T12:00:60Z"}', ["bad-time 3:23-45"]),
    ('{"type": "x", "time": "2026-08-01T12:00:00Z", "id": true}', ["bad-event-id 3:53-57"]),
    ('{"type": "x", "time": "2026-08-01T12:00:00Z", "sequence": "1"}', ["bad-sequence 3:59-62"]),
    ('{"type": "x", "time": "2026-08-01T12:00:00Z", "sequence": true}', ["bad-sequence 3:59-63"]),
    ('{"type": "x", "time": "2026-08-01T12:00:00Z", "n": NaN}', ["number-not-finite 3:52-55"]),
    ('{"type": "x", "time": "2026-08-01T12:00:00Z", "n": 1e18}', ["number-too-long 3:52-56"]),
    ('{"type": "x", "time": "2026-08-01T12:00:00Z", "n": "\\ud800"}', ["lone-surrogate 3:52-60"]),
    ("[1]", ["not-an-event 3:1-4"]),
    ("3", ["not-an-event 3:1-2"]),
    ("[" * 2000, ["too-deep 3:101-102"]),
    (OK + OK, [f"json-syntax 3:{len(OK) + 1}-{len(OK) + 2}"]),
    (OK + "\0", [f"nul-character 3:{len(OK) + 1}-{len(OK) + 2}"]),
]


@pytest.mark.parametrize(("line", "wanted"), NDJSON)
def test_bad_lines_of_ndjson(tmp_path: Path, line: str, wanted: list[str]) -> None:
    events, problems = read_as(tmp_path, "e.ndjson", f"{OK}\n\n{line}\n{OK}\n")
    assert places(problems) == wanted
    assert [event.row for event in events] == [1, 4]


def test_a_line_that_is_no_utf8_does_not_hide_the_others(tmp_path: Path) -> None:
    events, problems = read_as(tmp_path, "e.ndjson", OK.encode() + b'\n{"a": "\xff"}\n' + OK.encode())
    assert places(problems) == ["not-utf8 2:8-9"]
    assert [event.row for event in events] == [1, 3]


def test_a_last_line_that_is_cut_off(tmp_path: Path) -> None:
    events, problems = read_as(tmp_path, "e.ndjson", f"{OK}\n{OK[:20]}")
    assert places(problems) == ["cut-off 2:21-21 <- 2:20"]
    assert len(events) == 1


CSV: list[tuple[str, list[str]]] = [
    ("a,2026-08-01T12:00:00Z", ["uneven-row 4:1-23"]),
    ("a,2026-08-01T12:00:00Z,1,2,3", ["uneven-row 4:1-29"]),
    ("a,2026-08-01T12:00:00,u,1", ["bad-time 4:3-22"]),
    ("a,,u,1", ["missing-column 4:3-3"]),
    (",2026-08-01T12:00:00Z,u,1", ["missing-column 4:1-1"]),
    ('"a,""b",tomorrow,u,1', ["bad-time 4:9-17"]),
    ('"a\nb",tomorrow,u,1', ["bad-time 5:4-12"]),
    ("a,2026-08-01T12:00:00Z,u,one", ["bad-sequence 4:26-29"]),
    ("a,2026-08-01T12:00:00Z,u,nan", ["bad-sequence 4:26-29"]),
    ('a,2026-08-01T12:00:00Z,"u"x,1', ["csv-syntax 4:1-30"]),
    ("a,2026-08-01T12:00:00Z,\0,1", ["nul-character 4:24-25"]),
]


@pytest.mark.parametrize(("row", "wanted"), CSV)
def test_bad_rows_of_csv(tmp_path: Path, row: str, wanted: list[str]) -> None:
    good = "x,2026-08-01T12:00:00Z,"
    events, problems = read_as(tmp_path, "e.csv", f'type,time,user,sequence\n{good}"two\nlines",1\n{row}\n{good}u,2\n')
    assert places(problems) == wanted
    assert [event.row for event in events] == [2, 5 + row.count("\n")]


@pytest.mark.parametrize(("header", "wanted"), [
    ("type,user,time,user", ["duplicate-column 1:16-20 <- 1:6"]),
    ("type,when", ["missing-column 1:1-10"]),
    ("type;time", ["missing-column 1:1-10", "missing-column 1:1-10"]),
    ("type,time,", ["missing-column 1:11-11"]),
])
def test_bad_headers(tmp_path: Path, header: str, wanted: list[str]) -> None:
    events, problems = read_as(tmp_path, "e.csv", f"{header}\nx,2026-08-01T12:00:00Z\n")
    assert (events, places(problems)) == ((), wanted)


def test_csv_that_is_no_utf8_or_is_cut_off(tmp_path: Path) -> None:
    events, problems = read_as(tmp_path, "e.csv", b"type,time,u\n\xff,2026-08-01T12:00:00Z,1\nx,2026-08-01T12:00:00Z,"
                                                  b'"abc\ndef')
    assert (events, places(problems)) == ((), ["not-utf8 2:1-2", "cut-off 3:1-28"])


def test_many_errors_are_counted(tmp_path: Path) -> None:
    _, problems = read_as(tmp_path, "e.ndjson", "x\n" * 1500)
    assert len(problems) == MAX_ERRORS + 1
    assert places(problems)[MAX_ERRORS - 1] == "json-syntax 20:1-2"
    assert (problems[-1].name, "1,480 more" in problems[-1].message) == ("more-errors", True)


def test_what_is_counted_stands_where_it_begins(tmp_path: Path) -> None:
    _, problems = read_as(tmp_path, "e.ndjson", (OK + "\n") * 3 + "{}\n" * 30)
    assert places(problems[-1:]) == ["more-errors 14:1-3"]


def test_lines_that_are_one_value_of_json_together(tmp_path: Path) -> None:
    _, problems = read_as(tmp_path, "e.ndjson", f"[{OK},\n{OK}]\n")
    assert "`jq -c '.[]'`" in problems[0].help and not problems[1].help
    _, problems = read_as(tmp_path, "e.ndjson", '{\n"type": "x"\n}\n')
    assert "`jq -c .`" in problems[0].help


def test_a_count_since_1970_says_what_reads_it(tmp_path: Path) -> None:
    for time in ("1767225600000", '"1767225600"'):
        _, problems = read_as(tmp_path, "e.ndjson", f'{{"type": "x", "time": {time}}}')
        assert [one.name for one in problems] == ["bad-time"] and "guiju init --from-log" in problems[0].help


def test_a_damaged_archive_is_told_wherever_the_damage_is(tmp_path: Path) -> None:
    """Also by who reads its bytes alone, as the scan of large files does."""
    whole = gzip.compress("".join(f'{{"type":"x","time":"2026-01-01T00:00:00Z","n":{at}}}\n'
                                  for at in range(3000)).encode())
    for at in (0, 12, len(whole) // 2, len(whole) - 6):
        path = tmp_path / "e.ndjson.gz"
        path.write_bytes(whole[:at] + bytes(one ^ 0xFF for one in whole[at:at + 4]) + whole[at + 4:])
        with path.open("rb") as file, pytest.raises(OSError) as told:
            read.opened(file, str(path)).read()
        assert told.value.errno is None
        assert any("cannot decompress" in one.message for one in read_events(path)[1])


def test_compressed(tmp_path: Path) -> None:
    whole = gzip.compress(f"{OK}\n\n{OK}\n".encode())
    events, problems = read_as(tmp_path, "e.ndjson.gz", whole)
    assert problems == () and [event.row for event in events] == [1, 3]
    header = gzip.compress(b"type,time\nx,2026-08-01T12:00:00Z\n")
    assert len(read_as(tmp_path, "e.CSV.GZ", header)[0]) == 1
    assert [one.name for one in read_as(tmp_path, "e.ndjson.gz", whole[:-4])[1]] == ["cut-off"]
    assert [one.name for one in read_as(tmp_path, "e.ndjson.gz", OK)[1]] == ["unreadable-file"]
    damaged = whole[:20] + b"\xff\xff\xff\xff" + whole[24:]
    assert read_as(tmp_path, "e.ndjson.gz", damaged)[1]


@pytest.mark.parametrize(("name", "content", "wanted"), [
    ("e.ndjson", "", "no-events"), ("e.ndjson", "\n\n", "no-events"), ("e.csv", "type,time\n", "no-events"),
    ("e.csv", "", "no-events"), ("e.parquet", "PAR1", "unknown-format"), ("e.txt", OK, "unknown-format"),
    ("e", OK, "unknown-format"), ("e.ndjson", OK.encode("utf-16"), "not-utf8"),
    ("e.csv", gzip.compress(OK.encode(), mtime=0), "unreadable-file"),
    ("e.csv", b"PK\x03\x04" + bytes(99), "unreadable-file"),
    ("e.ndjson", b"PAR1\x15\x04\n\xff\n", "unreadable-file"),
])
def test_files_without_events(tmp_path: Path, name: str, content: str | bytes, wanted: str) -> None:
    events, problems = read_as(tmp_path, name, content)
    assert (events, [one.name for one in problems]) == ((), [wanted])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert [one.name for one in read_events(tmp_path / "absent.csv")[1]] == ["missing-file"]
    (tmp_path / "folder.csv").mkdir()
    assert [one.name for one in read_events(tmp_path / "folder.csv")[1]] == ["unreadable-file"]
    assert [one.name for one in read_events("a\0.csv")[1]] == ["unreadable-file"]


def test_a_line_without_end_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MAX_LINE_BYTES", 100)
    events, problems = read_as(tmp_path, "e.ndjson", f'{OK}\n{{"type": "{"x" * 200}\n{OK}\n')
    assert places(problems) == ["line-too-long 2:1-1"]
    assert len(events) == 1


def test_the_garbage_collector_is_left_as_it_was(tmp_path: Path) -> None:
    assert gc.isenabled()
    read_as(tmp_path, "e.ndjson", "x\n")
    assert gc.isenabled()
