"""The example service: its trace is the one that its program writes, and the check says what its README says."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from policyengine.cli.main import main
from tests.support.golden import check_golden

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "companion"
README = (EXAMPLE / "README.md").read_text("utf-8")
GOLDEN = ROOT / "tests" / "golden" / "example"
# The last event of the trace. Facts are judged as of today otherwise, and golden files are to hold next year too.
AS_OF = "2026-08-31T23:06:00+08:00"
VERSIONS = {"final": (), "draft": ("--version", "draft")}

Check = Callable[..., str]


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Runs `guiju check` on a copy of the example, as of the last event; gives what it prints. Each run once."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "examples" / "companion")
    (folder / ".git").mkdir()  # the project ends here, wherever the temporary folder lies
    printed: dict[tuple[str, ...], str] = {}

    def run(capsys: pytest.CaptureFixture[str], *args: str) -> str:
        if args not in printed:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("GUIJU_CACHE_DIR", str(folder / "cache"))
                patch.setenv("COLUMNS", "100")
                patch.chdir(folder)
                code = main(["--color", "never", "check", "examples/companion/service.yaml", "--events",
                             "examples/companion/events.ndjson", "--as-of", AS_OF, *args])
            told = capsys.readouterr()
            assert code == 1, told.err
            printed[args] = told.out
        return printed[args]
    return run


def report(check: Check, capsys: pytest.CaptureFixture[str], version: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(check(capsys, "--format", "json", *VERSIONS[version]))
    return found


def test_the_program_writes_the_trace_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("generate", EXAMPLE / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.OUTPUT == EXAMPLE / "events.ndjson"
    monkeypatch.setattr(module, "OUTPUT", tmp_path / "events.ndjson")
    module.main()
    assert (tmp_path / "events.ndjson").read_bytes() == (EXAMPLE / "events.ndjson").read_bytes()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_rule_comes_out_as_written_down(version: str, check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(check, capsys, version)
    rules = {one["rule"]: {verdict: count for verdict, count in one["counts"].items() if count}
             for one in found["rules"]}
    check_golden(json.dumps({"summary": found["summary"], "rules": rules}, indent=1) + "\n", GOLDEN / f"{version}.json")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_counts_of_the_readme(version: str, check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    summary = report(check, capsys, version)["summary"]
    worst = {**summary["rules_by_worst_verdict"], "without_trigger": summary["rules_without_trigger"]}
    said = {name.replace(" ", "_").replace("without_a_", "without_"): int(count)
            for count, name in re.findall(r"(\d+) ([a-z ]+)", row("rules by their worst verdict", version))}
    assert said == {name: count for name, count in worst.items() if count}
    for words, verdict in (("violated moments and facts", "violated"), ("undecided", "undecided"),
                           ("pending", "pending"), ("exempt", "exempt")):
        counted = int(re.match(r"\d+", row(words, version))[0])  # type: ignore[index]
        assert (words, counted) == (words, summary["results_by_verdict"][verdict])


def row(words: str, version: str) -> str:
    """The cell of the first table of the README, in the column of a version."""
    line = next(one for one in README.splitlines() if one.startswith(f"| {words} |"))
    return [cell.strip() for cell in line.split("|")][2 if version == "final" else 3]


def test_the_numbers_of_the_trace_in_the_readme() -> None:
    events = [json.loads(line) for line in (EXAMPLE / "events.ndjson").read_text("utf-8").splitlines()]
    rows, users = re.search(r"([\d,]+) rows, (\d+) users", README).groups()  # type: ignore[union-attr]
    assert int(rows.replace(",", "")) == len(events)
    assert int(users) == len({one["user"] for one in events if "user" in one})
    early = re.search(r"so the (\d+) events before that day", README)
    before = {one["id"] for one in events if one["time"] < "2026-07-15"}  # a row that is there twice is one event
    assert early is not None and int(early[1]) == len(before)


def test_every_rule_that_the_readme_names_exists(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    known = {one["rule"] for version in VERSIONS for one in report(check, capsys, version)["rules"]}
    tables = README[README.index("## In service.yaml"):]
    named = {name for line in tables.splitlines() if line.startswith("| ") for cell in line.split("|")[2:4]
             for name in re.findall(r"`([a-z_]+_[a-z_]+)`", cell)}
    assert len(named) > 30
    assert {name for name in named if name not in known} - {"ethics_review"} == set()


def test_the_demo_shows_all_that_a_report_is_for(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    shown = check(capsys, "--pending")
    violated = block(shown, "violated", "management_systems")
    assert 'lacks "ethics_review"' in violated and "examples/companion/service.yaml:23:7" in violated
    listed = shown[shown.index("6 open duties"):].split("\n\n")[0].splitlines()[1:]
    due = [re.split("  +", line.strip()) for line in listed if "2026-" in line]  # a long path breaks the line
    assert [row[0][-10:] for row in due[1:]] == [f"2026-09-{day}" for day in ("03", "14", "15", "17", "18")]
    assert due[0][:3] == ["2026-08-31 23:13:00 +08:00", "u107", "reminder_every_two_hours"]
    assert due[3] == ["the end of 2026-09-15", "u015", "delete_on_request", "Art. 16(3)"]
    assert "`service.elderly.help_response` is missing" in block(shown, "undecided", "elderly_guidance")


def block(text: str, verdict: str, rule: str) -> str:
    """A finding of the text report, in one line."""
    found = next(one for one in text.split("\n\n") if one.startswith(verdict) and rule in one.splitlines()[0])
    return " ".join(found.split())
