"""`trace.log_table`: tables of other tools become events, and what is open is asked for."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from policyengine.base.diagnostic import Diagnostic
from policyengine.base.instants import parse_instant
from policyengine.trace.log_table import Asked, Order, Table, instant, is_table, table_events, table_of
from policyengine.trace.read import Event

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
])
def test_a_time_as_tools_write_it(text: str, order: Order | None, same: str) -> None:
    assert instant(text, "UTC", order) == parse_instant(same)


@pytest.mark.parametrize(("text", "zone", "message"), [
    ("1/2/2011 1:45", "UTC", "`1/2/2011 1:45` may be of two days"),
    ("2011-02-30", "UTC", "`2011-02-30` names a day"), ("31.02.2011", "UTC", "`31.02.2011` names a day"),
    ("1.2.2011 13:00 PM", "UTC", "`1.2.2011 13:00 PM` names a time of day"),
    ("1.2.2011 0:00 AM", "UTC", "`1.2.2011 0:00 AM` names a time of day"),
    ("2011-01-01 10:00:00.1234567", "UTC", "`2011-01-01 10:00:00.1234567` is finer"),
    ("2011/01/01 10:00", None, "`2011/01/01 10:00` has no offset"),
    ("2015-10-25T02:47:50", "Europe/Amsterdam", "`2015-10-25T02:47:50` was shown twice"),
    ("1419292800", "UTC", "`1419292800` is not a time such as"), ("1/2.2011", "UTC", "`1/2.2011` is not a time"),
    ("١٢.٠١.٢٠١١", "UTC", "`١٢.٠١.٢٠١١` is not a time"),
])
def test_what_is_not_one_instant(text: str, zone: str | None, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace(".", r"\.")):
        instant(text, zone, None)


@pytest.mark.parametrize("head", [
    HEAD, "case:concept:name,concept:name,time:timestamp", "CaseID;ActivityID;CompleteTimestamp", '"case"\tTask\tDate',
    "case_id|activity|timestamp",
])
def test_the_columns_by_the_names_that_tools_give_them(file: Path, head: str) -> None:
    mark = next(one for one in ",;\t|" if one in head)
    rows = (head, mark.join(("7", "Send, fine" if mark != "," else '"Send, fine"', "2026-01-01 10:00")))
    file.write_text("\ufeff" + "\n".join(rows) + "\n", "utf-8")
    assert is_table(str(file))
    [event] = table(file).events
    assert (event.type, event.time, event.fields, event.sequence, event.row) == (
        "send_fine", parse_instant("2026-01-01T10:00:00Z"), {"case": "7"}, 1, 2)


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
    assert [one[:3] for one in refused(file)] == [("bad-time", "`13/2/2026 10:00` may be of two days", 2),
                                                  ("bad-time", "`2/13/2026 10:00` may be of two days", 3)]


def test_no_row_is_lost_unsaid(file: Path) -> None:
    file.write_text(f"{HEAD}\n1,a,2026-01-01\n,a,2026-01-01\n1,,2026-01-01\n1,a,\n1,a\n1,?!,2026-01-01\n1,a,soon\n\n,,\n")
    assert [one[:3] for one in refused(file)] == [
        ("missing-column", "the event has no case", 3), ("missing-column", "the event has no activity", 4),
        ("missing-column", "the event has no time", 5), ("uneven-row", "the row has 2 fields, the header has 3", 6),
        ("bad-event-type", "the activity `?!` has no letter or digit", 7),
        ("bad-time", "`soon` is not a time such as `2026-11-20 23:59:59`, `20.11.2026 23:59` or `11/20/2026 11:59 PM`",
         8)]


def test_a_column_that_is_not_known_is_asked_for(file: Path) -> None:
    file.write_text("handling,patient,time\nTriage,1,2026-01-01\n")
    assert refused(file) == [
        ("missing-column", "no column is known to say the case", 1,
         "name it with `--case COLUMN`; there are `handling`, `patient`, `time`"),
        ("missing-column", "no column is known to say the activity", 1,
         "name it with `--activity COLUMN`; there are `handling`, `patient`, `time`")]
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
