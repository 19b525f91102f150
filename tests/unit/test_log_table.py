"""`logs.table`: tables of other tools become events, and what is open is asked for."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

from policyengine.base.diagnostic import Diagnostic
from policyengine.base.instants import parse_instant
from policyengine.trace.files.read import Event
from policyengine.trace.logs.rows import is_table
from policyengine.trace.logs.table import Asked, Order, Table, instant, table_events, table_of

HEAD = "Case ID,Activity,Complete Timestamp"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.csv"


@dataclass
class Read:
    table: Table | None
    events: list[Event]
    activities: dict[str, str]
    problems: tuple[Diagnostic, ...]


def read(path: Path, zone: str | None, asked: Asked) -> Read:
    columns, problems = table_of(str(path), asked)
    got = Read(columns, [], {}, problems)
    if columns is not None:
        got.problems = table_events(str(path), columns, zone, got.activities, got.events.append)
    return got


def table(path: Path, zone: str | None = "UTC", **asked: Any) -> Read:
    got = read(path, zone, Asked(**asked))
    assert got.problems == ()
    return got


def refused(path: Path, zone: str | None = "UTC", **asked: Any) -> list[tuple[str, str, int, str]]:
    return [(one.name, one.message, one.span.line if one.span else 0, one.help)
            for one in read(path, zone, Asked(**asked)).problems]


@pytest.mark.parametrize(("text", "order", "same"), [
    ("2011/01/02 13:45:00.000", None, "2011-01-02T13:45:00Z"),
    ("2012-10-09T14:50:17.123456", None, "2012-10-09T14:50:17.123456Z"),
    ("2010-12-30 14:32:00+01:00", None, "2010-12-30T13:32:00Z"),
    ("2011-10-11 13:45:40.276+02", None, "2011-10-11T11:45:40.276Z"),
    ("2006-08-02 09:00", None, "2006-08-02T09:00:00Z"),
    ("2006-08-02", None, "2006-08-02T00:00:00Z"),
    ("2023-02-09T08:00:00.5000000Z", None, "2023-02-09T08:00:00.5Z"),
    ("02.01.2011 13:45", None, "2011-01-02T13:45:00Z"),
    ("9.3.10 8:05", None, "2010-03-09T08:05:00Z"),
    ("1.1.69", None, "2069-01-01T00:00:00Z"), ("1.1.70", None, "1970-01-01T00:00:00Z"),
    ("1/2/2011 1:45 PM", "day-first", "2011-02-01T13:45:00Z"),
    ("1/2/2011 1:45 PM", "month-first", "2011-01-02T13:45:00Z"),
    ("1/2/2011 12:45:10 a.m.", "month-first", "2011-01-02T00:45:10Z"),
    ("30-12-2010:11.02", "day-first", "2010-12-30T11:02:00Z"),
    # finer than a microsecond is cut
    ("2011-01-01T10:00:00.123456999Z", None, "2011-01-01T10:00:00.123456Z"),
    # seconds since 1970, and parts of them
    ("1419292800", None, "2014-12-23T00:00:00Z"), ("1419292800.5", None, "2014-12-23T00:00:00.5Z"),
    ("1419292800123", None, "2014-12-23T00:00:00.123Z"), ("1419292800123.25", None, "2014-12-23T00:00:00.12325Z"),
    ("1419292800123456", None, "2014-12-23T00:00:00.123456Z"),
    ("1419292800123456789", None, "2014-12-23T00:00:00.123456Z"),
    # numbers without marks between them
    ("20260131", None, "2026-01-31T00:00:00Z"), ("20260131235958", None, "2026-01-31T23:59:58Z"),
    ("20260131T2359", None, "2026-01-31T23:59:00Z"), ("20260131T235958.5+0200", None, "2026-01-31T21:59:58.5Z"),
    # months as words, as web servers, mail, `date` and spreadsheets write them; the zone as a word
    ("31/Jan/2026:23:59:58 +0100", None, "2026-01-31T22:59:58Z"), ("31-Jan-2026 23:59", None, "2026-01-31T23:59:00Z"),
    ("Sat, 31 Jan 2026 23:59:58 GMT", None, "2026-01-31T23:59:58Z"), ("1 June 2026", None, "2026-06-01T00:00:00Z"),
    ("Sat Jan  3 23:59:58 2026", None, "2026-01-03T23:59:58Z"),
    ("Sat Jan 31 23:59:58 +0100 2026", None, "2026-01-31T22:59:58Z"),
    ("Sat Jan 31 23:59:58 UTC 2026", None, "2026-01-31T23:59:58Z"),
    ("Thursday, Sept 3, 2026 7:03 am", None, "2026-09-03T07:03:00Z"),
    ("Sep 3, 2026, 11:59:58 PM UTC", None, "2026-09-03T23:59:58Z"),
    ("2026-01-31 23:59:58.123456 UTC", None, "2026-01-31T23:59:58.123456Z"),
    # a zone by its name where the offset has said it, and Oracle's
    ("2026-01-31T23:59:58.5+01:00[Europe/Berlin]", None, "2026-01-31T22:59:58.5Z"),
    ("2026-01-31T23:59:58Z[UTC]", None, "2026-01-31T23:59:58Z"),
    ("31-JAN-26 11.59.58.123000000 PM", None, "2026-01-31T23:59:58.123Z"),
    ("31-JAN-99 11.59.58 AM +01:00", None, "1999-01-31T10:59:58Z"),
    # as in China
    ("2026年1月31日 23:59:58", None, "2026-01-31T23:59:58Z"), ("2026年01月31日", None, "2026-01-31T00:00:00Z"),
    ("2026年1月31日下午3点4分5秒", None, "2026-01-31T15:04:05Z"),
    ("2026/1/31 上午 12:04", None, "2026-01-31T00:04:00Z"),
    ("2026年1月31日 15时04分", None, "2026-01-31T15:04:00Z"),
    ("20260131 9:15", None, "2026-01-31T09:15:00Z"), ("31.01.2026 091500", None, "2026-01-31T09:15:00Z"),
])
def test_a_time_as_tools_write_it(text: str, order: Order | None, same: str) -> None:
    assert instant(text, "UTC", order) == parse_instant(same)


@pytest.mark.parametrize(("text", "zone", "message"), [
    ("1/2/2011 1:45", "UTC", "`1/2/2011 1:45` may be of two days"),
    ("2011-02-30", "UTC", "`2011-02-30` names a day"), ("31.02.2011", "UTC", "`31.02.2011` names a day"),
    ("1.2.2011 13:00 PM", "UTC", "`1.2.2011 13:00 PM` names a time of day"),
    ("1.2.2011 0:00 AM", "UTC", "`1.2.2011 0:00 AM` names a time of day"),
    ("2011/01/01 10:00", None, "`2011/01/01 10:00` has no offset"),
    ("2015-10-25T02:47:50", "Europe/Amsterdam", "`2015-10-25T02:47:50` was shown twice"),
    ("0419292800", "UTC", "`0419292800` is not a time such as"), ("14192928000", "UTC", "`14192928000` is not a time"),
    ("2026013", "UTC", "`2026013` is not a time"), ("20260231", "UTC", "`20260231` names a day"),
    ("1/2.2011", "UTC", "`1/2.2011` is not a time"),
    ("31 Janitor 2026", "UTC", "`31 Janitor 2026` is not a time"), ("31-Feb-2026", "UTC", "`31-Feb-2026` names a day"),
    ("Sat Jan 31 23:59:58 PST 2026", "UTC", "`Sat Jan 31 23:59:58 PST 2026` is not a time"),
    ("31-Jan-2026 23:59", None, "`31-Jan-2026 23:59` has no offset"),
    ("١٢.٠١.٢٠١١", "UTC", "`١٢.٠١.٢٠١١` is not a time"),
    ("13/2/2011", "UTC", "`13/2/2011` does not say day and month in the order of others"),
    ("2026-01-31T23:59:58[Asia/Tokyo]", "UTC", r"`2026-01-31T23:59:58\[Asia/Tokyo\]` is not a time"),
    ("2026年2月31日", "UTC", "`2026年2月31日` names a day"),
    ("2026年1月31日下午13点", "UTC", "`2026年1月31日下午13点` names a time"),
])
def test_what_is_not_one_instant(text: str, zone: str | None, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace(".", r"\.")):
        instant(text, zone, None)


@pytest.mark.parametrize("head", [
    HEAD, "case:concept:name,concept:name,time:timestamp", "CaseID;ActivityID;CompleteTimestamp", '"case"\tTask\tDate',
    "case_id|activity|timestamp", "案例编号,活动,发生时间", "会话 ID;操作;时间",
])
def test_the_columns_by_the_names_that_tools_give_them(file: Path, head: str) -> None:
    mark = next(one for one in ",;\t|" if one in head)
    rows = (head, mark.join(("7", "Send, fine" if mark != "," else '"Send, fine"', "2026-01-01 10:00")))
    file.write_text("\ufeff" + "\n".join(rows) + "\n", "utf-8")
    assert is_table(str(file))
    [event] = table(file).events
    assert (event.type, event.time, event.fields, event.sequence, event.row) == (
        "send_fine", parse_instant("2026-01-01T10:00:00Z"), {"case": "7"}, 1, 2)


@pytest.mark.parametrize(("data", "encoding"), [
    ("案例,活动,时间\n7,付款,2026-01-01\n".encode("gb18030"), "gb18030"),
    ("Case;Activity;Time\n7;Prüfung;2026-01-01\n".encode("latin-1"), "latin-1"),
    ("Case\tActivity\tTime\r\n7\tPrüfung\t2026-01-01\r\n".encode("utf-16"), None),
    ("\ufeffCase\tActivity\tTime\n7\tPrüfung\t2026-01-01\n".encode("utf-16-be"), "utf-16-be"),
    (b"\xef\xbb\xbfsep=;\r\nCase;Activity;Time\r\n7;\"a;b\";2026-01-01\r\n", None),
])
def test_a_table_of_another_encoding(file: Path, data: bytes, encoding: str | None) -> None:
    file.write_bytes(data)
    [event] = table(file, encoding=encoding).events
    assert (event.type, event.row) in {("u4ed8_u6b3e", 2), ("prufung", 2), ("a_b", 3)}
    packed = file.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(data))
    assert [one.type for one in table(packed, encoding=encoding).events] == [event.type]


def test_a_table_that_is_not_of_its_encoding(file: Path) -> None:
    rows = "7,ok,2026-01-01\n" * 20_000
    file.write_bytes(f"case,activity,time\n{rows}".encode() + b"7,ok\xff\xff,2026-01-01\n" * 9)
    assert refused(file, encoding="gb18030") == [("other-encoding", "byte 0xff is not of gb18030", 20_002,
                                                  "say another `--encoding`, or save the file as UTF-8")]


def test_an_archive_that_is_cut_off(file: Path) -> None:
    """One so short that the first reading comes to its end."""
    text = "".join(f"{one},a,2026-01-01T00:00:00Z\n" for one in range(500)).encode()
    for end, packed in ((".gz", gzip.compress(text)), (".zst", zstandard.compress(text))):
        for name in ("log.tsv", "log.csv"):
            path = file.with_name(name + end)
            path.write_bytes(packed[:len(packed) // 2])
            assert [one[0] for one in refused(path, case="case")] == ["cut-off"]


def test_errors_that_are_alike_are_counted(file: Path) -> None:
    file.write_text("case,activity,time\n" + "1,a,\n" * 9 + ",a,45293.5\n1,a,45293.5\n", "utf-8")
    told = refused(file)
    assert [(name, row) for name, _, row, _ in told] == [
        ("missing-column", 2), ("missing-column", 3), ("missing-column", 4), ("bad-time", 12), ("more-errors", 5)]
    assert "spreadsheets count days so" in told[3][3] and "has 7 more errors" in told[4][1]
    file.write_text("Export\n1\n", "utf-8")
    assert refused(file)[0][3] == "the first line names the columns, with `,`, `;`, tab or `|` between them"


def test_of_a_start_and_an_end_the_end_is_the_time(file: Path) -> None:
    file.write_text("case,event,Start Timestamp,End Timestamp\n1,a,2026-01-01,2026-01-02\n")
    found = table(file)
    assert found.table is not None
    assert {role: found.table.names[place] for role, place in found.table.places.items()} == {
        "case": "case", "activity": "event", "time": "End Timestamp"}
    assert found.events[0].fields == {"case": "1", "start_timestamp": "2026-01-01"}
    assert table(file, time="Start Timestamp").events[0].fields == {"case": "1", "end_timestamp": "2026-01-02"}


def test_every_other_column_is_a_field(file: Path) -> None:
    file.write_text(f",{HEAD},Net worth,net-worth,time,,org:role,case:creator\n"
                    '0,1,Pay,2026-01-01,5,"two\nlines",x,y,,Ann\n1,1,pay,2026-01-01,,,,,Clerk,\n')
    found = table(file)
    assert [(one.type, one.row, one.sequence, one.fields) for one in found.events] == [
        ("pay", 2, 1, {"case": "1", "column_1": "0", "net_worth": "5", "net_worth_2": "two\nlines", "event_time": "x",
                       "column_8": "y", "case_creator": "Ann"}),
        ("pay_2", 4, 2, {"case": "1", "column_1": "1", "org_role": "Clerk"})]
    assert found.activities == {"pay": "Pay", "pay_2": "pay"}
    assert found.table is not None
    assert found.table.keys()["net_worth_2"] == "net-worth"


def test_the_column_says_which_is_the_day(file: Path) -> None:
    file.write_text(f"{HEAD}\n1,a,1/2/2026 10:00\n1,b,1/13/2026 10:00\n")
    assert table(file).events[0].time == parse_instant("2026-01-02T10:00:00Z")
    file.write_text(f"{HEAD}\n1,a,1/2/2026 10:00\n1,b,13/1/2026 10:00\n")
    assert table(file).events[0].time == parse_instant("2026-02-01T10:00:00Z")
    file.write_text(f"{HEAD}\n1,a,1/2/2026 10:00\n")
    [(name, message, line, help)] = refused(file)
    assert (name, message, line) == ("bad-time", "`1/2/2026 10:00` may be of two days", 2)
    assert "--dates day-first" in help
    assert table(file, dates="day-first").events[0].time == parse_instant("2026-02-01T10:00:00Z")
    file.write_text(f"{HEAD}\n1,a,13/2/2026 10:00\n1,b,2/13/2026 10:00\n")
    other = "does not say day and month in the order of others in its column"
    assert [one[:3] for one in refused(file)] == [("bad-time", f"`13/2/2026 10:00` {other}", 2),
                                                  ("bad-time", f"`2/13/2026 10:00` {other}", 3)]


def test_no_row_is_lost_unsaid(file: Path) -> None:
    file.write_text(f"{HEAD}\n1,a,2026-01-01\n,a,2026-01-01\n1,,2026-01-01\n1,a,\n1,a\n1,?!,2026-01-01\n1,a,soon\n\n,,\n")
    assert [one[:3] for one in refused(file)] == [
        ("missing-column", "the event has no case", 3), ("missing-column", "the event has no activity", 4),
        ("missing-column", "the event has no time", 5), ("uneven-row", "the row has 2 fields, the header has 3", 6),
        ("bad-event-type", "the activity `?!` has no letter or digit", 7),
        ("bad-time", "`soon` is not a time such as `2026-11-20 23:59:59`, `20.11.2026 23:59` or `11/20/2026 11:59 PM`",
         8)]


def test_rows_of_no_case_are_left_out_and_counted(file: Path) -> None:
    """What is wrong with them otherwise is no matter; a case that is no text is not none."""
    file.write_text(f"{HEAD}\n1,a,2026-01-01\n,a,soon\n  ,,soon\n2,b,2026-01-02\n")
    got = read(file, "UTC", Asked(skip_without_case=True))
    assert [(one.fields["case"], one.type, one.sequence, one.row) for one in got.events] == [("1", "a", 1, 2),
                                                                                             ("2", "b", 4, 5)]
    [one] = got.problems
    assert (one.name, one.severity, one.span and one.span.line) == ("rows-left-out", "warning", 3)
    assert one.message == "2 rows are of no case and left out, of 4"
    lines = file.with_suffix(".ndjson")
    lines.write_text('{"case": null, "event": "a", "time": "2026-01-01"}\n{"event": "a", "time": "2026-01-01"}\n'
                     '{"case": ["1"], "event": "a", "time": "2026-01-01"}\n'
                     '{"case": 0, "event": "a", "time": "2026-01-01"}\n')
    got = read(lines, "UTC", Asked(skip_without_case=True))
    assert [(one.fields["case"], one.row) for one in got.events] == [("0", 4)]
    assert [(one.name, one.span and one.span.line) for one in got.problems] == [("missing-column", 3),
                                                                               ("rows-left-out", 1)]


def test_each_row_is_what_no_column_says(file: Path) -> None:
    file.write_text("Case ID,Event,Paid at,Amount\n1,x,2026-01-01,5\n2,,2026-01-02,7\n")
    got = table(file, activity_name="Payment received", time="Paid at")
    assert [(one.type, one.fields) for one in got.events] == [
        ("payment_received", {"case": "1", "event": "x", "amount": "5"}),
        ("payment_received", {"case": "2", "amount": "7"})]
    assert got.activities == {"payment_received": "Payment received"}


def test_a_column_that_is_not_known_is_asked_for(file: Path) -> None:
    file.write_text("handling,patient,time\nTriage,1,2026-01-01\n")
    assert refused(file) == [
        ("missing-column", "no column is known to say the case or the activity", 1,
         "say it with `--case COLUMN`, `--activity COLUMN`, or `--activity-name NAME` where each row is of one kind; "
         "there are `handling`, `patient`, `time`")]
    assert [one.type for one in table(file, case="patient", activity="handling").events] == ["triage"]
    assert refused(file, case="pacient", activity="handling") == [
        ("missing-column", "there is no column `pacient`", 1, "did you mean `patient`?")]
    file.write_text("ocel:eid,ocel:timestamp,ocel:activity\n1,2026-01-01,a\n")
    [(name, message, _, _)] = refused(file)
    assert name == "unknown-format"
    assert "object-centric" in message


def test_lines_that_end_with_a_carriage_return(file: Path) -> None:
    rows = "".join(f"{n},a,1.2.2026 10:00\r" for n in range(9000))
    for end in ("", "\r"):
        file.write_bytes(f"{HEAD}\r{rows}9000,b,2.2.2026{end}".encode())
        found = table(file).events
        assert [one.fields["case"] for one in found] == [str(n) for n in range(9001)]
        assert (found[-1].type, found[-1].row) == ("b", 9002)


def test_what_is_read_as_it_is(file: Path) -> None:
    file.write_text("type,time,case\n")
    assert not is_table(str(file))
    file.write_text("")
    assert not is_table(str(file))


def test_compressed_and_parquet(tmp_path: Path) -> None:
    packed = tmp_path / "log.tsv.gz"
    with gzip.open(packed, "wt", encoding="utf-8") as out:
        out.write("case\tactivity\ttime\n1\ta\t2026-01-01T00:00:00Z\n")
    assert is_table(str(packed))
    assert [one.type for one in table(packed, None).events] == ["a"]
    columns = tmp_path / "log.parquet"
    duckdb.execute("COPY (SELECT * FROM (VALUES ('1', 'Pay', TIMESTAMPTZ '2026-01-01 10:00:00.5+08', 1.5, "
                   "'NaN'::DOUBLE, true, NULL)) AS t(\"case:concept:name\", \"concept:name\", \"time:timestamp\", "
                   f"cost, rest, ok, \"no\")) TO '{columns}'")
    [event] = table(columns, None).events
    assert (event.type, event.time, event.fields) == (
        "pay", parse_instant("2026-01-01T02:00:00.5Z"), {"case": "1", "cost": "1.5", "ok": "true"})


def test_a_struct_of_parquet_is_columns_and_damage_is_told(tmp_path: Path) -> None:
    log = tmp_path / "case=7" / "log[1].parquet"  # neither a pattern nor a column
    log.parent.mkdir()
    duckdb.execute("COPY (SELECT i::VARCHAR AS case_id, 'Pay' AS activity, TIMESTAMPTZ '2026-01-01 10:00:00+08' AS "
                   "time, {'model': md5(i::VARCHAR), 'Usage': {'in put': 5}} AS attributes, [1, 2] AS list "
                   f"FROM range(5000) AS r(i)) TO '{log}'")
    got = table(log)
    assert got.table is not None and got.table.names[3:] == ("attributes.model", "attributes.Usage.in put", "list")
    assert len(got.events) == 5000
    assert got.events[1].fields == {"case": "1", "attributes_model": "c4ca4238a0b923820dcc509a6f75849b",
                                    "attributes_usage_in_put": "5", "list": "[1, 2]"}
    whole, said = log.read_bytes(), set[str]()
    for start in range(4, len(whole) - 8, len(whole) // 30):
        log.write_bytes(whole[:start] + bytes((one * 7 + 3) % 256 for one in range(50)) + whole[start + 50:])
        said |= {one.name for one in read(log, "UTC", Asked()).problems}
    assert "unreadable-file" in said
    assert [one[0] for one in refused(tmp_path / "none.parquet")] == ["missing-file"]


# ---- lines of JSON ------------------------------------------------------------------------------------------------

def lines(path: Path, *rows: Any) -> Path:
    path = path.with_suffix(".ndjson")
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows), "utf-8")
    return path


def test_what_stands_inside_an_object_is_a_column_behind_it(file: Path) -> None:
    first = {"caseId": 7, "activity": {"name": "Pay bill", "n": 1}, "timestamp": 1419292800123,
             "user": {"id": "u", "tags": [], "more": {}}}
    third = {"caseId": "8", "activity": {"name": "pay"}, "timestamp": "2026-01-01T00:00:00Z", "user": None}
    found = table(lines(file, first, "", third), activity="activity.name")
    assert found.table is not None
    assert found.table.names == ("caseId", "activity.name", "activity.n", "timestamp", "user.id", "user.tags", "user")
    assert [(one.type, one.time, one.row, one.sequence, one.fields, one.text_fields) for one in found.events] == [
        ("pay_bill", parse_instant("2014-12-23T00:00:00.123Z"), 1, 1,
         {"case": "7", "activity_n": 1, "user_id": "u", "user_tags": []}, False),
        ("pay", parse_instant("2026-01-01T00:00:00Z"), 3, 2, {"case": "8", "user": None}, False)]


def test_values_of_json_are_kept_as_they_are_written(file: Path) -> None:
    """Numbers are exact, or text where they are too long for one; only what tools write in a way of their own, and
    means one thing, is written anew."""
    row = """{"case": 1, "task": true, "date": 1419292800.25, "id": 9007199254740993, "flake": 1234567890123456789,
        "ratio": 0.1, "sum": 0.30000000000000004, "huge": 1e300, "nan": NaN, "ok": false, "none": null, "empty": "",
        "started": "2026-04-23T13:42:43.000+0200", "day": "2026-04-23",
        "rows": [{"rowId": 1, "in": {"x-y": [1.5]}, "row id": 2}, null, "a"]}"""
    [event] = table(lines(file, row.replace("\n", " "))).events
    assert (event.type, event.time) == ("true_", parse_instant("2014-12-23T00:00:00.25Z"))
    assert event.fields == {
        "case": "1", "event_id": 9007199254740993, "flake": "1234567890123456789", "ratio": Decimal("0.1"),
        "sum": Decimal("0.3"), "huge": "1E+300", "nan": None, "ok": False, "none": None, "empty": "",
        "started": "2026-04-23T13:42:43.000+02:00", "day": "2026-04-23",
        "rows": [{"row_id": 1, "in_": {"x_y": [Decimal("1.5")]}, "row_id_2": 2}, None, "a"]}


def test_a_day_and_a_clock_apart(file: Path) -> None:
    rows = {"OBJECTID": "45", "TCODE": "ME21N", "UDATE": 20260131, "UTIME": "091500"}
    path = lines(file, rows, rows | {"UDATE": "20260201", "UTIME": "10:15:00"})
    asked = {"case": "OBJECTID", "activity": "TCODE"}
    found = table(path, "Asia/Shanghai", **asked, time="UDATE+UTIME")
    assert [one.time for one in found.events] == [parse_instant(f"2026-0{day}+08:00")
                                                  for day in ("1-31T09:15:00", "2-01T10:15:00")]
    assert [one.fields for one in found.events] == [{"case": "45"}] * 2
    assert [one[1:] for one in refused(path, **asked, time="UDATE+CLOCK")] == [
        ("there is no column `CLOCK`", 1, "there are `OBJECTID`, `TCODE`, `UDATE`, `UTIME`")]
    path = lines(file, rows | {"UTIME": ""})
    assert [one[:2] for one in refused(path, **asked, time="UDATE+UTIME")] == [
        ("missing-column", "the event has no clock")]
    file.write_text("case,event,a+b\n1,x,2026-01-01\n")  # a column may be called so
    assert table(file, time="a+b").events[0].time == parse_instant("2026-01-01T00:00:00Z")


def test_times_that_are_cut_are_told_once(file: Path) -> None:
    fine = [{"case": 1, "event": "a", "time": one} for one in ("2026-01-01T00:00:00.123456Z", "1419292800123456789",
                                                               "2026-01-01T00:00:00.1234567Z", 1419292800123456000)]
    [one] = read(lines(file, *fine), None, Asked()).problems
    assert (one.name, one.severity, one.span and one.span.line) == ("time-cut", "warning", 2)
    assert one.message.startswith("2 times are finer than a microsecond and cut to it")


def test_a_bad_line_of_json_is_told_with_its_line(file: Path) -> None:
    good = {"case": 1, "event": "a", "time": "2026-01-01T00:00:00Z"}
    path = lines(file, good, '{"a": 1, "a": 2}', "[1]", '{"a": 1', '{"n": Infinity, "m": 12345678901234567890}',
                 good | {"a": {"b": 1}, "a.b": 2}, good | {"case": None}, good | {"event": ["x"]},
                 good | {"time": True})
    assert [one[:3] for one in refused(path)] == [
        ("duplicate-key", "the key `a` occurs twice in one mapping", 2),
        ("not-an-event", "the line is not a JSON object", 3),
        ("json-syntax", "expected `,` or the end of the collection, found the end of the text", 4),
        ("number-not-finite", "the number `Infinity` is not a finite number", 5),
        ("duplicate-key", "`a.b` is said twice, once inside an object", 6),
        ("missing-column", "the event has no case", 7),
        ("missing-column", "the event has no activity", 8), ("bad-time", "`true` is not a time such as `2026-11-20 "
         "23:59:59`, `20.11.2026 23:59` or `11/20/2026 11:59 PM`", 9)]


@pytest.mark.parametrize(("rows", "known"), [
    ([{"type": "a", "time": "x"}], False), ([{"eventName": "a"}, {"type": "a", "time": "x"}], False),
    ([{"type": "a", "at": "x"}], True), ([{"eventName": "a"}, "{"], True), (["{"], False), ([], False),
])
def test_lines_that_are_no_events_as_they_are(file: Path, rows: list[Any], known: bool) -> None:
    assert is_table(str(lines(file, *rows))) is known


@pytest.mark.parametrize(("row", "case", "activity", "time"), [
    ({"processInstanceId": "1", "activityId": "t", "activityName": "Approve", "startTime": "x", "endTime": "y"},
     "processInstanceId", "activityName", "endTime"),
    ({"_CASE_KEY": "1", "ACTIVITY_EN": "a", "EVENTTIME": "x", "_SORTING": 1}, "_CASE_KEY", "ACTIVITY_EN", "EVENTTIME"),
    ({"TraceId": "1", "EventName": "a", "Timestamp": "x", "SpanId": "1"}, "TraceId", "EventName", "Timestamp"),
    ({"@timestamp": "x", "trace_id": "1", "event": "a"}, "trace_id", "event", "@timestamp"),
    ({"caseId": "1", "eventType": "a", "occurredAt": "x"}, "caseId", "eventType", "occurredAt"),
    ({"type": "user", "timestamp": "x", "sessionId": "1", "uuid": "2"}, "sessionId", "type", "timestamp"),
    ({"conversation_id": "1", "event": "a", "created_at": "x", "session_id": "2"}, "conversation_id", "event",
     "created_at"),
])
def test_fields_by_the_names_that_tools_give_them(file: Path, row: dict[str, Any], case: str, activity: str,
                                                  time: str) -> None:
    found, problems = table_of(str(lines(file, row)), Asked())
    assert found is not None, problems
    assert {role: found.names[place] for role, place in found.places.items()} == {
        "case": case, "activity": activity, "time": time}
