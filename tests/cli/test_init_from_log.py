"""`guiju init --from-log`: a project made from an event log, in which the other commands run."""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import zstandard

from policyengine.__main__ import main
from policyengine.trace.scan import rows as scan_rows

TICKETS = Path(__file__).parents[2] / "examples" / "process-mining" / "tickets.xes"


def run(capfd: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(list(args))
    said = capfd.readouterr()
    return code, said.out, said.err


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GUIJU_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def rows(path: Path, *events: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in events), "utf-8")


def checked(capfd: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `check` finds in the project; nothing in it is a mistake."""
    monkeypatch.chdir(folder)
    assert run(capfd, "fmt", "--check")[0] == 0
    assert run(capfd, "lint")[0] == 0
    code, out, err = run(capfd, "check", "--format", "json", "--all")
    assert code in (0, 1), err
    read: dict[str, Any] = json.loads(out)
    return read


def verdicts(report: dict[str, Any]) -> dict[str, int]:
    (rule,) = report["rules"]
    return {verdict: count for verdict, count in rule["counts"].items() if count}


def test_a_log_of_cases(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(TICKETS, folder / "tickets.xes")
    code, out, err = run(capfd, "init", "--from-log", "tickets.xes", "desk")
    assert code == 0, err
    assert out.split() == sorted(one.as_posix() for one in Path("desk").rglob("*") if one.is_file())
    assert "cd desk && guiju check" in err
    report = checked(capfd, folder / "desk", monkeypatch)
    # T-1005 begins without a ticket, as the example says.
    assert verdicts(report)["violated"] == 1
    assert [one["moment"]["keys"] for one in report["results"] if one["verdict"] == "violated"] == [{"case": "T-1005"}]


def test_a_log_in_one_line(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the rows tells apart events of one instant and one place in their cases."""
    case = ('<trace><string key="concept:name" value="{}"/>' + "".join(
        f'<event><string key="concept:name" value="{name}"/><date key="time:timestamp" value="2026-01-01T00:00:00Z"/>'
        "</event>" for name in ("open", "close", "open")) + "</trace>")
    (folder / "l.xes").write_text(f"<log>{''.join(case.format(one) for one in range(40))}</log>")
    assert run(capfd, "init", "--from-log", "l.xes")[0] == 0
    rules = folder / "policies/house/l/1/rules.policy"
    rules.write_text(rules.read_text("utf-8") + "\nrule once\n  cites Art. 9\n  per case\n  on open\n"
                     '  must no open before\n  fix "Open it once."\n', "utf-8")
    found = {engine: json.loads(run(capfd, "check", "--engine", engine, "--format", "json", "--all")[1])
             for engine in ("duckdb", "evaluator")}
    assert found["duckdb"]["results"] == found["evaluator"]["results"]
    assert {one["rule"]: (one["counts"]["violated"], one["counts"]["satisfied"]) for one in found["duckdb"]["rules"]} \
        == {"the_beginning": (0, 40), "once": (40, 40)}


def test_cases_begin_with_what_stands_first(folder: Path, capfd: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the log has days alone, in which all of a case is of one instant."""
    day = '<date key="time:timestamp" value="2026-01-01T00:00:00Z"/>'
    events = "".join(f'<event><string key="concept:name" value="{one}"/>{day}</event>\n' for one in ("start", "act"))
    (folder / "d.xes").write_text("<log>" + "".join(
        f'<trace><string key="concept:name" value="{case}"/>{events}</trace>' for case in range(3)) + "</log>")
    assert run(capfd, "init", "--from-log", "d.xes")[0] == 0
    assert verdicts(checked(capfd, folder, monkeypatch)) == {"satisfied": 3}
    assert run(capfd, "test")[0] == 0


@pytest.mark.parametrize("types", [3, 14, 40])
def test_the_first_rule_finds_every_case_that_begins_otherwise(
        types: int, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Twelve types stood in it, whichever: a case that began with another passed."""
    def case(name: str, *events: str) -> str:
        return f'<trace><string key="concept:name" value="{name}"/>' + "".join(
            f'<event><string key="concept:name" value="{one}"/><date key="time:timestamp" '
            f'value="2026-01-01T00:00:0{at}Z"/></event>\n' for at, one in enumerate(events)) + "</trace>"

    kinds = [f"t{one}" for one in range(types)]
    cases = [case(f"good {one}", "t0", one) for one in kinds[1:]]
    late = kinds[types // 2:]
    cases += [case(f"bad {one}", one, "t0", "t1") for one in late]
    (folder / "l.xes").write_text(f"<log>{''.join(cases)}</log>")
    assert run(capfd, "init", "--from-log", "l.xes")[0] == 0
    policy = (folder / "policies/house/l/1/rules.policy").read_text("utf-8")
    assert ("# Of 40 types 21 are named" in policy) == (types == 40)
    assert verdicts(checked(capfd, folder, monkeypatch))["violated"] == len(late)
    assert run(capfd, "test")[0] == 0


def test_events_of_a_log_that_are_in_no_case(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A log of nothing else was an internal error; of others, a project that could not judge them was written."""
    event = ('<event><string key="concept:name" value="a"/><date key="time:timestamp" value="2026-01-01T00:00:00Z"/>'
             "</event>\n")
    case = '<trace><string key="concept:name" value="1"/>\n' + event + "</trace>\n"
    for log, place, more in ((event, 2, ""), (case + event * 2, 5, ", as does 1 more"),
                             (event * 3, 2, ", as do 2 more")):
        (folder / "l.xes").write_text(f"<log>\n{log}</log>")
        code, out, err = run(capfd, "init", "--from-log", "l.xes")
        assert (code, out) == (2, "")
        assert err == (f"error[missing-column]: the event stands in no `<trace>`, and so in no case{more}\n"
                       f" --> l.xes:{place}:1\nhelp: put it into the `<trace>` of its case, or leave it out\n\n"
                       "nothing was written\n")


def test_services_that_are_no_names(folder: Path, capfd: pytest.CaptureFixture[str],
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """A project was written that could not be judged, or none, since no file can have so long a name."""
    def log(*services: Any) -> None:
        rows(folder / "e.ndjson", *({"type": "a", "time": f"2026-01-01T00:00:0{at}Z", "user": "u", "service": one}
                                    for at, one in enumerate(services)))

    for bad in (5, "", True, ["x"], {"name": "x"}):
        log("x", bad, bad)
        code, _, err = run(capfd, "init", "--from-log", "e.ndjson")
        assert code == 2 and err.count("error[") == 1
        assert err.startswith("error[event-type]: the `service` of an event is text, and names whose event it is\n"
                              " --> e.ndjson:2:1\n")
    log("x" * 400, "y" * 400, "x" * 399)
    assert run(capfd, "init", "--from-log", "e.ndjson")[0] == 0
    assert len(list((folder / "services").iterdir())) == 3
    assert checked(capfd, folder, monkeypatch)["summary"]["services"] == 3
    for bad in (5, ["x"], {"name": "x"}):  # a later log, of which the vocabulary does not say what `service` is
        log(bad)
        for command in (("check", "--engine", "evaluator"), ("check", "--engine", "duckdb"),
                        ("monitor", "--events", "e.ndjson")):
            code, _, err = run(capfd, *command)
            assert code == 2 and err.startswith("error[unknown-service]: no service file has the id `"), err


def test_texts_that_become_one_name(folder: Path, capfd: pytest.CaptureFixture[str],
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """The vocabulary keeps them apart, also for the reading that follows."""
    event = ('<event><string key="concept:name" value="{}"/><date key="time:timestamp" value="2026-01-0{}T00:00:00Z"/>'
             '<string key="Permit ID" value="x"/><string key="Permit id" value="y"/></event>\n')
    (folder / "p.xes").write_text('<log><trace><string key="concept:name" value="1"/>\n'
                                  f"{event.format('Send e-mail', 1)}{event.format('send E mail', 2)}</trace></log>")
    assert run(capfd, "init", "--from-log", "p.xes")[0] == 0
    words = (folder / "policies/vocabulary/p.yaml").read_text("utf-8")
    assert 'title: "Send e-mail"' in words and 'title: "send E mail"' in words
    assert 'permit_id_2: {type: string, description: "`Permit id`", title: "Permit id", examples: ["y"]}' in words
    assert "  on first send_e_mail_2\n  must send_e_mail before\n" in (
        folder / "policies/house/p/1/rules.policy").read_text("utf-8")
    assert verdicts(checked(capfd, folder, monkeypatch)) == {"satisfied": 1}
    assert run(capfd, "test")[0] == 0


def test_traces_of_one_name(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """They are one case in every engine, and every command that reads them says so."""
    event = ('<event><string key="concept:name" value="{}"/><date key="time:timestamp" value="2026-01-01T00:00:00Z"/>'
             "</event>\n")
    case = '<trace><string key="concept:name" value="{}"/>\n{}</trace>\n'
    (folder / "l.xes").write_text("<log>" + "".join(
        case.format(*one) for one in (("1", event.format("open")), ("2", event.format("open")),
                                      ("1", event.format("close")))) + "</log>")
    said = "warning[case-twice]: two traces are named `1` and judged as one case\n --> "
    assert said in run(capfd, "init", "--from-log", "l.xes", "p")[2]
    assert verdicts(checked(capfd, folder / "p", monkeypatch)) == {"satisfied": 1}
    for engine in ("duckdb", "evaluator"):
        code, out, err = run(capfd, "check", "--engine", engine, "--format", "json")
        assert (code, err.count(said)) == (0, 1), err
        assert verdicts(json.loads(out)) == {"satisfied": 1}


def test_a_table_of_another_tool(folder: Path, capfd: pytest.CaptureFixture[str],
                                 monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "Export 1.csv").write_text(
        "\ufeffCase ID;Activity;Complete Timestamp;Costs;Note\r\n"
        '1;Register;13.1.2026 10:00;5;"a\n""b"""\r\n1;Pay bill;13.1.2026 10:00;;\r\n2;Pay bill;14.1.2026 11:30;7;\r\n'
        "3;Register;15.1.2026 0:00;1;\r\n", "utf-8", newline="")
    code, _, err = run(capfd, "init", "--from-log", "Export 1.csv", "p")
    assert code == 2 and err.count("error[") == 1 and "--timezone" in err, err
    code, _, err = run(capfd, "init", "--from-log", "Export 1.csv", "p", "--timezone", "Asia/Shanghai")
    assert code == 0 and "the case is `Case ID`, the activity is `Activity`, the time is `Complete Timestamp`" in err
    assert (folder / "p/events/export_1.csv").read_text("utf-8") == (
        "type,time,sequence,case,costs,note\n"
        'register,2026-01-13T10:00:00+08:00,1,1,5,"a\n""b"""\npay_bill,2026-01-13T10:00:00+08:00,2,1,,\n'
        "pay_bill,2026-01-14T11:30:00+08:00,3,2,7,\nregister,2026-01-15T00:00:00+08:00,4,3,1,\n")
    words = (folder / "p/policies/vocabulary/export_1.yaml").read_text("utf-8")
    assert 'costs: {type: integer, description: "`Costs`"}' in words and '"Pay bill (2 events)"' in words
    assert 'events = ["events/export_1.csv"]' in (folder / "p/guiju.toml").read_text("utf-8")
    assert verdicts(checked(capfd, folder / "p", monkeypatch)) == {"satisfied": 1, "violated": 1}
    assert run(capfd, "test")[0] == 0


CLOUD = [
    {"eventTime": "2026-11-20T23:59:59Z", "eventName": "ConsoleLogin", "eventID": "e1", "readOnly": False,
     "userIdentity": {"type": "IAMUser", "arn": "arn:1", "sessionContext": {"mfaAuthenticated": "false"}},
     "requestParameters": None, "responseElements": {"ConsoleLogin": "Success"}, "type": "x",
     "resources": [{"ARN": "arn:b", "accountId": "007"}], "eventType": "AwsConsoleSignIn"},
    {"eventTime": "2026-11-21T00:10:00Z", "eventName": "DeleteBucket", "eventID": "e2", "readOnly": False,
     "userIdentity": {"type": "IAMUser", "arn": "arn:1"}, "requestParameters": {"bucketName": "b", "n": 1.50}},
    {"eventTime": "2026-11-21T00:10:00Z", "eventName": "DeleteBucket", "eventID": "e3", "readOnly": True,
     "userIdentity": {"type": "IAMUser", "arn": "arn:2"}},
]


@pytest.mark.parametrize("name", ["trail.ndjson", "trail.jsonl", "trail.ndjson.gz", "trail.jsonl.zst"])
def test_lines_of_json_of_another_tool(folder: Path, capfd: pytest.CaptureFixture[str],
                                       monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    text = "".join(json.dumps(one) + "\n" for one in CLOUD).encode()
    (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else
                                zstandard.compress(text) if name.endswith(".zst") else text)
    code, _, err = run(capfd, "init", "--from-log", name, "p")
    assert code == 2 and err.count("error[") == 1 and "say it with `--case COLUMN`; there are `eventTime`" in err, err
    code, _, err = run(capfd, "init", "--from-log", name, "p", "--case", "userIdentity.arn")
    assert code == 0 and "the activity is `eventName`, the time is `eventTime`" in err, err
    assert (folder / "p/events/trail.ndjson").read_text("utf-8").splitlines()[1] == (
        '{"type":"delete_bucket","time":"2026-11-21T00:10:00Z","sequence":2,"case":"arn:1","event_id":"e2",'
        '"read_only":false,"user_identity_type":"IAMUser","request_parameters_bucket_name":"b",'
        '"request_parameters_n":1.5}')
    words = (folder / "p/policies/vocabulary/trail.yaml").read_text("utf-8")
    for line in ('user_identity_session_context_mfa_authenticated: {type: string, description: "`userIdentity.session',
                 "request_parameters_n: {type: number,", "read_only: {type: boolean,", '"DeleteBucket (2 events)"',
                 "resources: {type: array, items: {type: object, properties: {arn: {type: string}, account_id: {type: "
                 "string}}}"):
        assert line in words, words
    assert 'events = ["events/trail.ndjson"]' in (folder / "p/guiju.toml").read_text("utf-8")
    assert verdicts(checked(capfd, folder / "p", monkeypatch)) == {"satisfied": 1, "violated": 1}
    assert run(capfd, "test")[0] == 0
    for engine in ("duckdb", "evaluator"):
        code, out, err = run(capfd, "check", "--engine", engine, "--format", "json")
        assert verdicts(json.loads(out)) == {"satisfied": 1, "violated": 1}, err
    code, _, err = run(capfd, "check", "--events", f"../{name}")
    assert code == 2 and "`guiju init --from-log` makes a project of the log of another tool" in err, err


@pytest.mark.parametrize(("file", "name"), [("订单 日志", "log"), ("订单-2026", "log_2026"), ("审批 Log", "log"),
                                            ("Prüfung", "prufung"), ("заявки", "zayavki"), ("01", "log_01")])
def test_what_a_project_is_called(folder: Path, capfd: pytest.CaptureFixture[str], file: str, name: str) -> None:
    rows(folder / f"{file}.ndjson", {"caseId": "1", "activity": "审批", "timestamp": 1767607200000})
    assert run(capfd, "init", "--from-log", f"{file}.ndjson", "p")[0] == 0
    assert [one.name for one in (folder / "p/events").iterdir()] == [f"{name}.ndjson"]
    house = folder / "p/policies/house" / name.replace("_", "-")
    assert f'zh: "{file} 规则"' in (house / "regulation.yaml").read_text("utf-8")
    assert '"u5ba1_u6279"' in (folder / f"p/events/{name}.ndjson").read_text("utf-8")


def test_events_whose_types_are_no_names(folder: Path, capfd: pytest.CaptureFixture[str],
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudEvents have `type` and `time`, and a type that no policy can write."""
    rows(folder / "c.ndjson", *({"specversion": "1.0", "type": f"org.shop.{one}", "source": "/x", "id": one,
                                 "time": "2026-01-01T08:00:00Z", "subject": "7", "data": {"sum": 1}}
                                for one in ("order.made", "order.paid")))
    code, _, err = run(capfd, "init", "--from-log", "c.ndjson", "p")
    assert code == 2 and "`--case COLUMN --activity type --time time`" in err, err
    assert run(capfd, "init", "--from-log", "c.ndjson", "p", "--case", "subject", "--activity", "type", "--time",
               "time")[0] == 0
    assert '"type":"org_shop_order_made"' in (folder / "p/events/c.ndjson").read_text("utf-8")
    assert verdicts(checked(capfd, folder / "p", monkeypatch)) == {"satisfied": 1}


def test_a_log_whose_columns_have_other_names_says_what_reads_it(
        folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(TICKETS, folder / "t.xes")
    assert run(capfd, "init", "--from-log", "t.xes", "p")[0] == 0
    (folder / "p/log.csv").write_text("Case ID,Activity,Start,Stop\n1,a,2026-01-01,2026-01-02\n")
    monkeypatch.chdir(folder / "p")
    code, _, err = run(capfd, "check", "--events", "log.csv")
    assert code == 2 and err.count("`guiju init --from-log` makes a project of the log of another tool") == 2, err


def test_what_goes_with_a_table(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copy(TICKETS, folder / "t.xes")
    inside = '<string key="concept:name" value="a"/><date key="time:timestamp" value="2026-01-01T00:00:00"/>'
    (folder / "z.xes").write_text(f"<log><trace>{f'<event>{inside}</event>' * 40}</trace></log>")
    code, _, err = run(capfd, "init", "--from-log", "z.xes")
    assert code == 2 and err.count("error[") == 1, err
    assert "has no offset such as `+08:00` or `Z`\n" in err and "`--timezone Europe/Amsterdam`" in err
    code, _, err = run(capfd, "init", "--from-log", "t.xes", "--case", "x")
    assert code == 2 and "an XES log has no columns to be named" in err
    code, _, err = run(capfd, "init", "--dates", "day-first")
    assert code == 2 and "`--dates` goes with `--from-log`" in err
    (folder / "c.csv").write_text("type,time,patient\na,2026-01-01T00:00:00Z,1\n")
    assert run(capfd, "init", "--from-log", "c.csv", "one")[0] == 0
    assert not (folder / "one/events").exists()
    assert run(capfd, "init", "--from-log", "c.csv", "two", "--case", "patient")[0] == 0
    assert "a,2026-01-01T00:00:00Z,1,1\n" in (folder / "two/events/c.csv").read_text("utf-8")


def test_rows_of_json(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rows(folder / "Chat log.ndjson",
         {"type": "late", "time": "2026-01-01T08:00:00Z", "user": "z"},
         {"type": "signed_up", "time": "2026-01-01T09:00:00Z", "user": "a", "age": 20, "tags": ["x"], "id": "1"},
         {"type": "signed_up", "time": "2026-01-01T09:30:00Z", "user": "b", "age": None, "inner": {"n": 1.5, "N": 1}},
         {"type": "null", "time": "2026-01-02T09:00:00Z", "user": "a", "at": "2026-01-01T00:00:00Z", "User": 1},
         {"type": "null", "time": "2026-01-03T09:00:00Z", "user": "c", "age": "x", "at": "2026-01-01T00:00:00Z"})
    assert run(capfd, "init", "--from-log", "Chat log.ndjson")[0] == 0
    words = (folder / "policies/vocabulary/chat_log.yaml").read_text("utf-8")
    assert "required: [type, time, user]" in words
    assert '"User": left out, since no policy can write its name' in words
    assert "at: {type: string, format: date-time" in words and "tags: {type: array, items: {type: string}" in words
    assert "inner: {type: object, properties: {n: {type: number}}" in words
    assert "# age: left out, since its values are of no one kind (integer, text)" in words
    policy = (folder / "policies/house/chat-log/1/rules.policy").read_text("utf-8")
    assert "  per user\n  on first late, null\n  must signed_up before\n" in policy  # with it most users begin
    assert verdicts(checked(capfd, folder, monkeypatch)) == {"violated": 2, "satisfied": 1}
    settings = (folder / "guiju.toml").read_text("utf-8")
    assert 'events = ["Chat log.ndjson"]' in settings


def test_objects_inside_objects_of_a_list(folder: Path, capfd: pytest.CaptureFixture[str],
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name of the vocabulary is a name, and what is deeper stands where it is."""
    rows(folder / "c.ndjson", *({
        "eventSource": "ec2", "eventName": name, "eventTime": f"2026-01-01T00:00:0{at}Z",
        "instances": [{"state": {"code": 1, "reason": {"text": "x"}}, "tags": {"items": [{"key": {"name": "k"}}]}}]}
        for at, name in enumerate(("StartInstances", "StopInstances"))))
    assert run(capfd, "init", "--from-log", "c.ndjson", "--case", "eventSource")[0] == 0
    words = (folder / "policies/vocabulary/c.yaml").read_text("utf-8")
    assert ("instances: {type: array, items: {type: object, properties: {state: {type: object, properties: {code: "
            "{type: integer}, reason: {type: object, properties: {text: {type: string}}}}}, tags: {type: object, "
            "properties: {items: {type: array, items: {type: object, properties: {key: {type: object, properties: "
            "{name: {type: string}}}}}}}}}}") in words
    assert verdicts(checked(capfd, folder, monkeypatch)) == {"satisfied": 1}
    assert run(capfd, "lint")[0] == 0 and run(capfd, "test")[0] == 0


def test_the_first_tests_of_a_log_hold_whatever_its_types_are_in_order(
        folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What cases mostly begin with need not be what the log begins with."""
    (folder / "l.csv").write_text("case,activity,time\n1,late,2026-01-01T00:00:00Z\n" + "".join(
        f"{case},{name},2026-01-0{case}T00:00:00Z\n" for case in (2, 3) for name in ("start", "late")))
    assert run(capfd, "init", "--from-log", "l.csv")[0] == 0
    assert "must start before" in (folder / "policies/house/l/1/rules.policy").read_text("utf-8")
    code, out, err = run(capfd, "test")
    assert code == 0, out + err


def test_rows_without_a_case_and_clocks_without_a_day_say_what_to_do(
        folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows(folder / "a.ndjson", {"case": "1", "event": "a", "timestamp": "2026-01-01T00:00:00Z"},
         {"event": "a", "timestamp": "2026-01-01T00:00:00Z"})
    code, _, err = run(capfd, "init", "--from-log", "a.ndjson", "p")
    assert code == 2 and "a.ndjson:2:1" in err and "help: `--skip-without-case` leaves such rows out" in err
    code, _, err = run(capfd, "init", "--from-log", "a.ndjson", "p", "--skip-without-case")
    assert code == 0 and "warning[rows-left-out]: one row is of no case and left out, of 2" in err
    assert len((folder / "p/events/a.ndjson").read_text("utf-8").splitlines()) == 1
    (folder / "b.csv").write_text("case,activity,date,time\n1,a,2026-01-01,23:59:58.5\n")
    shutil.rmtree(folder / "p")
    code, _, err = run(capfd, "init", "--from-log", "b.csv", "p", "--timezone", "UTC")
    assert code == 2 and "in which columns day and clock stand: `--time DAY+CLOCK`" in err
    assert run(capfd, "init", "--from-log", "b.csv", "p", "--timezone", "UTC", "--time", "date+time")[0] == 0


def test_a_log_of_one_activity(folder: Path, capfd: pytest.CaptureFixture[str],
                               monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row is a payment, and no column says so."""
    (folder / "paid.csv").write_text("customer,paid_at,amount\n1,2026-01-01,5\n1,2026-01-03,7\n2,2026-01-02,7\n")
    asked = ("init", "--from-log", "paid.csv", "p", "--timezone", "UTC", "--case", "customer", "--time", "paid_at")
    code, _, err = run(capfd, *asked)
    assert code == 2 and "no column is known to say the activity" in err and "`--activity-name NAME`" in err, err
    for wrong in (("--activity-name", "?!"), ("--activity-name", ""), ("--activity-name", "x", "--activity", "amount")):
        code, _, err = run(capfd, *asked, *wrong)
        assert code == 2 and "error[usage]: `--activity" in err and not (folder / "p").exists(), err
    code, _, err = run(capfd, *asked, "--activity-name", "Payment")
    assert code == 0 and "the case is `customer`, the time is `paid_at`, each row is `Payment`" in err, err
    assert (folder / "p/events/paid.csv").read_text("utf-8").splitlines()[:2] == [
        "type,time,sequence,case,amount", "payment,2026-01-01T00:00:00Z,1,1,5"]
    assert verdicts(checked(capfd, folder / "p", monkeypatch)) == {"satisfied": 3}
    assert run(capfd, "test")[0] == 0


def test_options_of_a_table_go_with_a_table(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copy(TICKETS, folder / "t.xes")
    for option in (("--skip-without-case",), ("--activity-name", "x")):
        code, _, err = run(capfd, "init", "--from-log", "t.xes", *option)
        assert code == 2 and "an XES log has no columns" in err, err
        code, _, err = run(capfd, "init", *option)
        assert code == 2 and f"`{option[0]}` goes with `--from-log`" in err, err


def test_a_file_without_one_row_says_why_also_where_its_columns_are_named(
        folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = gzip.compress("".join(f'{{"case": "{at}"}}\n' for at in range(2000)).encode())
    (folder / "cut.ndjson.gz").write_bytes(whole[:30])
    (folder / "bad.ndjson.gz").write_bytes(whole[:12] + b"\xff" * 40 + whole[52:])
    (folder / "wide.ndjson").write_text('{"case": 1}\n', encoding="utf-16")
    (folder / "none.csv").write_text("")
    for name, wanted in (("cut.ndjson.gz", "cut-off"), ("bad.ndjson.gz", "cannot decompress"),
                         ("wide.ndjson", "is UTF-16, not UTF-8"), ("none.csv", "no-events")):
        code, out, err = run(capfd, "init", "--from-log", name, "p", "--case", "case")
        assert (code, out) == (2, "") and wanted in err and err.count("error[") == 1, err


def test_what_stands_behind_a_mark_is_a_policy_too(folder: Path, capfd: pytest.CaptureFixture[str],
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    rows(folder / "e.ndjson", {"type": "a", "time": "2026-01-01T08:00:00Z", "user": "z"},
         {"type": "b", "time": "2026-01-01T08:00:01Z", "user": "z"})
    assert run(capfd, "init", "--from-log", "e.ndjson")[0] == 0
    file = folder / "policies/house/e/1/rules.policy"
    head, mark, rest = file.read_text("utf-8").partition("# A deadline")
    file.write_text(head + re.sub(r"(?m)^# ?", "", rest.partition("\n#\n")[2]), "utf-8")
    monkeypatch.chdir(folder)
    code, out, err = run(capfd, "check", "--format", "json")
    assert mark and code == 0, err
    assert [one["rule"] for one in json.loads(out)["rules"]] == ["the_beginning", "b_in_time", "b_once"]


def test_an_activity_that_is_too_long_for_a_name(folder: Path, capfd: pytest.CaptureFixture[str],
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """It was a key that no parser of YAML reads."""
    texts = ["very long " * 500 + one for one in ("a", "b")]
    day = '<date key="time:timestamp" value="2026-01-0{}T00:00:00Z"/>'
    (folder / "l.xes").write_text('<log><trace><string key="concept:name" value="1"/>' + "".join(
        f'<event><string key="concept:name" value="{one}"/><string key="{"k" * 900}" value="x"/>{day.format(at)}'
        "</event>\n" for at, one in enumerate(texts, 1)) + "</trace></log>")
    (folder / "l.csv").write_text("case,activity,time\n" + "".join(
        f"1,{one},2026-01-0{at}T00:00:00Z\n" for at, one in enumerate(texts, 1)))
    for name in ("l.xes", "l.csv"):
        assert run(capfd, "init", "--from-log", f"../here/{name}", f"../{name}-p")[0] == 0
        assert verdicts(checked(capfd, folder.parent / f"{name}-p", monkeypatch)) == {"satisfied": 1}
        assert run(capfd, "test")[0] == 0


def test_activities_that_say_more_than_what_happened(folder: Path, capfd: pytest.CaptureFixture[str],
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """More types than a column of small numbers holds were an internal error."""
    (folder / "g.csv").write_text("case,activity,time\n" + "".join(
        f"1,GET /users/{one},2026-01-01T00:00:00Z\n" for one in range(1_200)))
    code, _, err = run(capfd, "init", "--from-log", "g.csv", "p")
    assert code == 0 and "warning[many-types]: the log has 1,200 activities in 1,200 events" in err
    monkeypatch.chdir(folder / "p")
    monkeypatch.setattr(scan_rows, "MAX_TYPES", 1_199)
    code, _, err = run(capfd, "check", "--engine", "duckdb")
    assert code == 2 and "error[too-many-types]: the vocabulary has 1,200 event types, and columns hold 1,199" in err
    assert run(capfd, "check", "--engine", "evaluator")[0] in (0, 1)


def test_spans_of_opentelemetry(folder: Path, capfd: pytest.CaptureFixture[str],
                                monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of its files holds many spans, and an attribute is a key with a typed value."""
    def span(name: str, start: int, *attributes: tuple[str, str, Any]) -> dict[str, Any]:
        return {"traceId": "t1", "spanId": f"s{start}", "name": name, "startTimeUnixNano": str(start * 10 ** 9),
                "endTimeUnixNano": str((start + 1) * 10 ** 9 + 321), "status": {}, "events": [
                    {"name": "e", "attributes": [{"key": "content", "value": {"stringValue": "hi"}}]}],
                "attributes": [{"key": key, "value": {kind: value}} for key, kind, value in attributes]}

    chat = span("chat gpt-4", 1_767_225_600, ("gen_ai.usage.input_tokens", "intValue", "52"), ("ok", "boolValue", True),
                ("gen_ai.response.finish_reasons", "arrayValue", {"values": [{"stringValue": "stop"}]}))
    tool = span("execute_tool weather", 1_767_225_700)
    (folder / "s.jsonl").write_text(json.dumps({"resourceSpans": [
        {"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "chat"}}]},
         "scopeSpans": [{"scope": {"name": "x"}, "spans": [chat, tool]}]}, {"scopeSpans": []}]}) + "\n")
    code, _, err = run(capfd, "init", "--from-log", "s.jsonl", "p")
    assert code == 0 and "the case is `traceId`, the activity is `name`, the time is `endTimeUnixNano`" in err, err
    first, second = map(json.loads, (folder / "p/events/s.ndjson").read_text("utf-8").splitlines())
    assert (first["type"], first["time"], first["case"]) == ("chat_gpt_4", "2026-01-01T00:00:01Z", "t1")
    assert (first["attributes_gen_ai_usage_input_tokens"], first["attributes_ok"]) == (52, True)
    assert first["attributes_gen_ai_response_finish_reasons"] == ["stop"]
    assert first["events"] == [{"name": "e", "attributes": {"content": "hi"}}]
    assert (second["type"], second["resource_attributes_service_name"], second["scope_name"]) == (
        "execute_tool_weather", "chat", "x")
    assert verdicts(checked(capfd, folder / "p", monkeypatch)) == {"satisfied": 1}


@pytest.mark.parametrize("line", [
    {"resourceSpans": [7, {"scopeSpans": 7}, {"scopeSpans": [7, {"spans": [7]}]}]}, {"resourceLogs": []},
])
def test_lines_of_opentelemetry_without_a_span(folder: Path, capfd: pytest.CaptureFixture[str],
                                               line: dict[str, Any]) -> None:
    (folder / "s.jsonl").write_text(json.dumps(line) + "\n")
    code, out, err = run(capfd, "init", "--from-log", "s.jsonl", "p", "--activity", "name")
    assert (code, out) == (2, "") and "no-events" in err, err


def test_rows_of_csv(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with gzip.open(folder / "s.csv.gz", "wt", encoding="utf-8") as file:
        file.write("type,time,order_id,amount,ok,zip,seen_at,mixed\n"
                   "buy,2026-01-01T10:00:00,7,1.5,true,12,2026-01-01T10:00:00Z,1\n"
                   "pay,2026-01-02T10:00:00,8,2,,007,,x\n")
    code, _, err = run(capfd, "init", "--from-log", "s.csv.gz")
    assert code == 2 and "bad-time" in err and list(folder.iterdir()) == [folder / "s.csv.gz"]
    assert run(capfd, "init", "--from-log", "s.csv.gz", "--timezone", "Asia/Shanghai")[0] == 0
    words = (folder / "policies/vocabulary/s.yaml").read_text("utf-8")
    for line in ("order_id: {type: integer,", "amount: {type: number,", "ok: {type: boolean,", "zip: {type: string,",
                 "seen_at: {type: string, format: date-time,", "mixed: {type: string, desc"):
        assert line in words, line
    assert "timezone: Asia/Shanghai" in (folder / "policies/house/s/regulation.yaml").read_text("utf-8")
    assert verdicts(checked(capfd, folder, monkeypatch)) == {"violated": 1}


def test_services_that_a_log_names(folder: Path, capfd: pytest.CaptureFixture[str],
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    rows(folder / "e.ndjson",
         *({"type": "a", "time": "2026-01-01T08:00:00Z", "service": one} for one in ("X", "x", "y")))
    assert run(capfd, "init", "--from-log", "e.ndjson", "p")[0] == 0
    assert sorted(one.name for one in (folder / "p/services").iterdir()) == ["x-1.yaml", "x.yaml", "y-2.yaml"]
    report = checked(capfd, folder / "p", monkeypatch)
    assert verdicts(report) == {"satisfied": 3}


def test_what_cannot_be_made_a_project_of(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows(folder / "names.ndjson", *({"type": "Log in", "time": "2026-01-01T08:00:00Z"} for _ in range(2)))
    (folder / "empty.ndjson").write_text("")
    (folder / "bad.ndjson").write_text('{"type":"a","time":"2026-01-01T00:00:00Z"}\n{"type":"a","tme":1}\n')
    (folder / "o.json").write_text('{"objectTypes": [], "eventTypes": [], "objects": [], "events": []}')
    (folder / "trail.json.gz").write_bytes(gzip.compress(b'{"Records": [{"eventName": "x"}]}'))
    (folder / "list.json").write_text('[\n {}\n]')
    (folder / "list.ndjson").write_text("[{}, {}]")
    (folder / "bad.xes").write_text("<log>")
    (folder / "t.parquet").write_text("")
    (folder / "folder").mkdir()
    for name, wanted in (("names.ndjson", "event-name"), ("empty.ndjson", "no-events"),
                         ("bad.ndjson", "did you mean `tme`"), ("bad.xes", "error["),
                         ("t.parquet", "is cut off, or is no Parquet"),
                         ("o.jsonocel", "flatten it to one type of object"),
                         ("o.xlsx", "save it as XES or CSV"), ("none.csv", "missing-file"),
                         ("o.json", "flatten it to one type of object"),
                         ("trail.json.gz", "as `jq -c '.Records[]'` does"), ("list.json", "as `jq -c '.[]'` does"),
                         ("none.json", "a name that ends in .xes"), ("folder", "is a directory, not a file"),
                         ("list.ndjson", "as `jq -c '.[]'` does")):
        code, out, err = run(capfd, "init", "--from-log", name, "p")
        assert (code, out) == (2, "") and wanted in err and err.count("error[") == 1, err
    assert not (folder / "p").exists()
    assert "help: call it `log_in` in the log, or " in run(capfd, "init", "--from-log", "names.ndjson", "p")[2]
    assert run(capfd, "init", "--from-log", "names.ndjson", "--timezone", "Mars/X")[0] == 2
    assert run(capfd, "init", "--timezone", "UTC")[0] == 2
    assert not (folder / "guiju.toml").exists()


def test_a_full_disk_leaves_nothing(folder: Path, capfd: pytest.CaptureFixture[str],
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither files nor the folders that they would lie in; what was there before stays."""
    (folder / "c.csv").write_text("type,time,user\na,2026-01-01T00:00:00Z,1\n")
    (folder / "mine").mkdir()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    for name in ("mine", "other/deeper"):
        code, out, err = run(capfd, "init", "--from-log", "c.csv", name)
        assert (code, out) == (2, "") and "no space left on device" in err
    assert sorted(one.name for one in folder.rglob("*")) == ["c.csv", "mine"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "p.ndjson")
    code, _, err = run(capfd, "init", "--from-log", "p.ndjson", "p")
    assert code == 2 and "`p.ndjson` is a pipe or a device" in err
    rows(folder / "e.ndjson", {"type": "a", "time": "2026-01-01T08:00:00Z", "user": "z"})
    assert run(capfd, "init", "--from-log", "e.ndjson")[0] == 0
    for engine in ("evaluator", "duckdb"):
        code, _, err = run(capfd, "check", "--events", "p.ndjson", "--engine", engine)
        assert code == 2 and "help: write them to a file" in err
        (folder / "logs").mkdir(exist_ok=True)
        if not (folder / "logs/p.ndjson").exists():
            os.mkfifo(folder / "logs/p.ndjson")
            shutil.copy(folder / "e.ndjson", folder / "logs/e.ndjson")
        assert run(capfd, "check", "--events", "logs", "--engine", engine)[0] in (0, 1)


def test_nothing_is_overwritten(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows(folder / "e.ndjson", {"type": "a", "time": "2026-01-01T08:00:00Z"})
    (folder / "services").mkdir()
    (folder / "services/e.yaml").write_text("mine")
    code, _, err = run(capfd, "init", "--from-log", "e.ndjson")
    assert code == 2 and "already-there" in err
    assert (folder / "services/e.yaml").read_text() == "mine" and not (folder / "guiju.toml").exists()
