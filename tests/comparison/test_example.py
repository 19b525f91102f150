"""examples/process-mining: its log, its vocabulary and its policy give what its README says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from policyengine.base.instants import parse_instant
from policyengine.cli.main import main
from policyengine.trace.files.xes import Shape, read_xes
from policyengine.trace.logs.vocabulary import vocabulary_text

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "process-mining"


@pytest.fixture(autouse=True)
def there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GUIJU_CACHE_DIR", str(tmp_path))
    monkeypatch.chdir(EXAMPLE)


def results(capsys: pytest.CaptureFixture[str], *options: str) -> set[tuple[str, str, str]]:
    """(rule, case, verdict) of every result."""
    main(["--color", "never", "check", "--events", "tickets.xes", "--all", "--format", "json", *options])
    report = json.loads(capsys.readouterr().out)
    return {(one["rule"], one["moment"]["keys"]["case"], one["verdict"])
            for one in report["results"] if one["verdict"] != "not_applicable"}


def test_the_table_of_the_page_is_so(capsys: pytest.CaptureFixture[str]) -> None:
    found = results(capsys)
    case, told = "", set()
    for row in re.findall(r"^\|(.*)\|$", (EXAMPLE / "README.md").read_text("utf-8"), re.MULTILINE)[2:]:
        first, _, rule, verdict = (field.strip() for field in row.split("|"))
        case = first or case
        if rule != "all":
            told.add((rule.strip("`"), case, verdict.split()[0]))
    assert told <= found
    assert {one for one in found if one[2] != "satisfied"} == {one for one in told if one[2] != "satisfied"}
    assert {verdict for _, one, verdict in found if one == "T-1001"} == {"satisfied"}


def test_what_was_pending_is_violated_later(capsys: pytest.CaptureFixture[str]) -> None:
    pending = {(rule, case) for rule, case, verdict in results(capsys) if verdict == "pending"}
    later = results(capsys, "--as-of", "2026-03-20")
    assert len(pending) == 2
    assert {(rule, case, "violated") for rule, case in pending} <= later


def test_the_commands_of_the_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    commands = re.findall(r"^    guiju (.*)$", (EXAMPLE / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert main(["--color", "never", *command.split()]) == (0 if command.startswith("lint") else 1)
        assert "error[" not in capsys.readouterr().err


def test_the_vocabulary_came_from_the_log() -> None:
    """But for the two values that were closed."""
    shape = Shape()
    events = list(read_xes([(EXAMPLE / "tickets.xes").read_bytes()], "tickets.xes", None, lambda one: None, shape))
    assert parse_instant("2026-03-02T12:00:00.001+01:00") in {one.time for one in events}
    kept = (EXAMPLE / "regulations" / "vocabulary" / "tickets.yaml").read_text("utf-8")
    assert re.sub(r"enum: \[[a-z, ]*\], ", "", kept) == vocabulary_text(shape, "tickets", "tickets.xes")
