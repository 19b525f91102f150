"""`guiju init --from-log`: a project made from an event log, in which the other commands run."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from policyengine.__main__ import main

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
    (folder / "bad.ndjson").write_text('{"type":"a"}\n')
    (folder / "bad.xes").write_text("<log>")
    (folder / "t.parquet").write_text("")
    for name, wanted in (("names.ndjson", "event-name"), ("empty.ndjson", "no-events"),
                         ("bad.ndjson", "missing-column"), ("bad.xes", "error["), ("t.parquet", "unknown-format"),
                         ("none.csv", "missing-file")):
        code, out, err = run(capfd, "init", "--from-log", name, "p")
        assert (code, out) == (2, "") and wanted in err and err.count("error[") == 1, err
    assert not (folder / "p").exists()
    assert "help: call it `log_in` in the log" in run(capfd, "init", "--from-log", "names.ndjson", "p")[2]
    assert run(capfd, "init", "--from-log", "names.ndjson", "--timezone", "Mars/X")[0] == 2
    assert run(capfd, "init", "--timezone", "UTC")[0] == 2
    assert not (folder / "guiju.toml").exists()


def test_nothing_is_overwritten(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows(folder / "e.ndjson", {"type": "a", "time": "2026-01-01T08:00:00Z"})
    (folder / "services").mkdir()
    (folder / "services/e.yaml").write_text("mine")
    code, _, err = run(capfd, "init", "--from-log", "e.ndjson")
    assert code == 2 and "already-there" in err
    assert (folder / "services/e.yaml").read_text() == "mine" and not (folder / "guiju.toml").exists()
