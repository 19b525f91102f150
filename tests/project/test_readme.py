"""Every command that a page shows runs, and what a page shows as output comes out.

A synopsis of docs/commands.md is run twice: without what may be left out, and with all of it.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from policyengine.cli.main import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/commands.md", "docs/diff.md", "docs/traces.md", "examples/companion/README.md",
         "policyengine/workspace/starter/README.md")

# What stands for what a reader puts in, in the project that `guiju init` writes. Longer words first.
VALUES = {
    "PATH|REGULATION": "policies", "LINT|DIAGNOSTIC": "unknown-field", "REGULATION": "cn/human-like-ai",
    "VERSION": "final", "NAME": "disclosure", "RULE": "reminder_every_two_hours", "LINT": "no-citation",
    "PERCENT": "1", "PATH": "policies", "DIR": "fresh", "ID": "cn/human-like-ai",
}


# ---- the commands -----------------------------------------------------------------------------------------------

def shown(page: str) -> Iterator[str]:
    """The lines of a page's code blocks, indented or fenced, that begin with `guiju`; remarks behind them left out."""
    for line in page.splitlines():
        if re.match(r"(    )?guiju ", line) and (line.startswith("    ") or _fenced(page, line)):
            yield re.split(r"\s{2,}", line.strip().split("  #")[0])[0]


def _fenced(page: str, line: str) -> bool:
    return page[:page.index("\n" + line + "\n")].count("\n```") % 2 == 1 if "\n" + line + "\n" in page else False


def forms(line: str) -> list[str]:
    """The command lines that a synopsis stands for: the shortest, and the one with everything in it."""
    shortest = re.sub(r"\[[^\]]*\](\.\.\.)?", "", line)
    longest = re.sub(r"\[([^\]]*)\](\.\.\.)?", r"\1", line)
    return list(dict.fromkeys(_filled(one) for one in (shortest, longest)))


def _filled(line: str) -> str:
    for word, value in VALUES.items():
        line = re.sub(rf"(?<![\w|]){re.escape(word)}(?![\w|])", value, line)
    line = re.sub(r"(\S+?)\|\S+", r"\1", line)  # `error|warning|info`: the first
    return " ".join(line.split())


EXAMPLES = [(page, line, form) for page in PAGES for line in shown((ROOT / page).read_text("utf-8"))
            for form in forms(line)]


def test_commands_are_found_and_filled_in() -> None:
    page = ("Say `guiju check`.\n\n    guiju rules [REGULATION] [--family NAME]  # all\n    make test\n\n"
            "```\nguiju fmt [PATH]... [--check]\n```\nguiju is a tool\n    guiju explain RULE  the article\n")
    assert list(shown(page)) == ["guiju rules [REGULATION] [--family NAME]", "guiju fmt [PATH]... [--check]",
                                 "guiju explain RULE"]
    assert forms("guiju lint [PATH|REGULATION]... [--fail-on error|warning]") == [
        "guiju lint", "guiju lint policies --fail-on error"]
    assert {form.split()[1] for _, _, form in EXAMPLES} >= set(COMMANDS) - {"config", "doctor", "completion"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the commands run: a copy of the example, also under the names of the pages; and what `init` writes."""
    bare, project = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "examples", bare / "examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        assert main(["init"]) == 0
    for folder, name in (("services", "service.yaml"), ("logs", "events.ndjson")):
        (bare / folder).mkdir()
        shutil.copy(bare / "examples" / "companion" / name, bare / folder / f"companion{Path(name).suffix}")
    shutil.copy(bare / "services" / "companion.yaml", bare / "service.yaml")
    (bare / "logs" / "2026-10").mkdir()
    event = "SELECT 'user_message' AS type, TIMESTAMPTZ '2026-10-01 10:00:00+08' AS time, 'u' AS user"
    with duckdb.connect() as con:
        con.execute(f"COPY ({event}) TO '{bare / 'logs' / '2026-10' / 'part-0.parquet'}'")
    for folder in (bare, project):
        (folder / ".git").mkdir()  # the project ends here, wherever the temporary folder lies
    return {"bare": bare, "project": project, "empty": tmp_path_factory.mktemp("empty"),
            "cache": tmp_path_factory.mktemp("cache")}


@pytest.fixture
def run(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
        ) -> Callable[[str], tuple[int, str, str]]:
    def go(line: str) -> tuple[int, str, str]:
        command, _, read = line.partition(" < ")
        line = command.split(" > ")[0]
        words = shlex.split(line)
        assert words[0] == "guiju"
        monkeypatch.setenv("GUIJU_CACHE_DIR", str(folders["cache"]))
        monkeypatch.setenv("COLUMNS", "100")
        named = re.search(r" (examples|services)/| service\.yaml", line) is not None
        monkeypatch.chdir(folders["bare" if named else "empty" if line == "guiju init" else "project"])
        text = next(Path("policies").glob("*.policy")).read_bytes() if read else b""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text), "utf-8"))
        code = main(["--color", "never", *words[1:]])
        told = capsys.readouterr()
        return code, told.out, told.err
    return go


@pytest.mark.parametrize(("page", "line", "form"), EXAMPLES, ids=[f"{page}: {form}" for page, _, form in EXAMPLES])
def test_a_shown_command_runs(page: str, line: str, form: str, run: Callable[[str], tuple[int, str, str]]) -> None:
    code, out, errors = run(form)
    assert code in (0, 1), f"{page}: {line}\n{errors}"
    assert out or errors


def test_a_command_that_does_not_run_is_seen(run: Callable[[str], tuple[int, str, str]]) -> None:
    assert run("guiju rules cn/human-like-ai --famly disclosure")[0] == 2
    assert run("guiju check no/such.yaml")[0] == 2


# ---- what comes out ---------------------------------------------------------------------------------------------

def test_the_readme_shows_what_comes_out(run: Callable[[str], tuple[int, str, str]]) -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    command = next(shown(page))
    excerpts = [block for block in re.findall(r"```text\n(.*?)```", page, re.DOTALL) if block.startswith("violated ")]
    assert len(excerpts) == 1
    assert excerpts[0] in run(command)[1]


def test_the_rule_in_the_readme_is_the_shipped_one() -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    (written,) = [block for block in re.findall(r"```text\n(.*?)```", page, re.DOTALL) if "\nrule " in block]
    folder = ROOT / "regulations" / "cn" / "human-like-ai"
    shipped = "".join(file.read_text("utf-8") for file in (folder / "common.policy",
                                                           folder / "2026-04-10-final" / "rules.policy"))
    parts = [part for part in written.strip().split("\n\n") if part.split()[0] != "#"]
    assert parts and [part for part in parts if part not in shipped] == []
