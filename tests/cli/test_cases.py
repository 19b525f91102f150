"""Each command as a user runs it: the cases of cases.yaml, each in a folder of its own.

A case has `name`, `args`, and as wanted `project` (a folder of tests/cli/projects, copied; `starter` is what `guiju
init` writes), `files` (name: text, written over it), `stdin`, `env`, `exit_code` (0), `stdout` and `stderr` (exactly;
absent: not compared) and `has`, `has_not` (texts somewhere in either).
`--update-golden` writes `stdout` and `stderr` anew where a case has them.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from policyengine.cli.main import main
from tests.support import golden

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILE = HERE / "cases.yaml"
CASES: list[dict[str, Any]] = yaml.safe_load(FILE.read_text("utf-8"))
KEYS = {"name", "project", "args", "files", "stdin", "env", "exit_code", "stdout", "stderr", "has", "has_not"}
WIDE_ENOUGH = 140  # a quoted line is as wide as it is


@dataclass(frozen=True)
class Ran:
    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def guiju(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cache: Path) -> Callable[..., Ran]:
    """Runs a command line in a folder, with a bare environment. In this process: starting one takes longer than the
    command; test_group.py has those that need their own."""
    def run(args: list[str], folder: Path, *, stdin: str = "", env: Mapping[str, str] = MappingProxyType({})) -> Ran:
        for key in list(os.environ):
            if key in ("NO_COLOR", "FORCE_COLOR", "LC_ALL") or key.startswith("GUIJU_"):
                monkeypatch.delenv(key)
        for key, value in {"GUIJU_CACHE_DIR": str(cache), "COLUMNS": "100", **env}.items():
            monkeypatch.setenv(key, value)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
        code = main(args)
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)
    return run


@pytest.fixture
def starter(tmp_path_factory: pytest.TempPathFactory, guiju: Callable[..., Ran]) -> Path:
    folder = tmp_path_factory.mktemp("starter")
    ran = guiju(["init"], folder)
    assert ran.exit_code == 0, ran.stderr
    return folder


def prepare(case: dict[str, Any], folder: Path, starter: Path) -> None:
    project = case.get("project")
    if project is not None:
        shutil.copytree(starter if project == "starter" else HERE / "projects" / project, folder, dirs_exist_ok=True)
    for name, text in case.get("files", {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_command(case: dict[str, Any], tmp_path: Path, guiju: Callable[..., Ran],
                 request: pytest.FixtureRequest) -> None:
    assert set(case) <= KEYS
    (tmp_path / ".git").mkdir()  # the project ends here, wherever the temporary folder lies
    starter = request.getfixturevalue("starter") if case.get("project") == "starter" else HERE
    prepare(case, tmp_path, starter)
    ran = guiju([str(arg) for arg in case["args"]], tmp_path, stdin=case.get("stdin", ""), env=case.get("env", {}))
    told = ran.stdout + ran.stderr
    assert ran.exit_code == case.get("exit_code", 0), told
    if golden.update:
        update(case["name"], {"stdout": ran.stdout, "stderr": ran.stderr})
    else:
        for stream, text in (("stdout", ran.stdout), ("stderr", ran.stderr)):
            if stream in case:
                assert text == case[stream], told
    for text in case.get("has", ()):
        assert text in told
    for text in case.get("has_not", ()):
        assert text not in told
    if "json" not in case["args"] and case["args"][0] != "schema":
        assert max(map(len, ran.stdout.splitlines() or [""])) <= WIDE_ENOUGH
    assert str(tmp_path) not in told


def update(name: str, found: dict[str, str]) -> None:
    cases = yaml.safe_load(FILE.read_text("utf-8"))
    for case in cases:
        if case["name"] == name:
            case.update({stream: text for stream, text in found.items() if stream in case})
    write(cases)


class _Literal(yaml.SafeDumper):
    """Texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Literal.add_representer(str, _text)


def write(cases: list[dict[str, Any]]) -> None:
    blocks = [yaml.dump([case], Dumper=_Literal, allow_unicode=True, sort_keys=False, width=110) for case in cases]
    FILE.write_text("# Written by test_cases.py --update-golden too, which keeps no other comments.\n\n"
                    + "\n".join(blocks), "utf-8")


def test_names_are_unique() -> None:
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names))


def test_the_sample_of_the_docs_runs(tmp_path: Path, starter: Path, guiju: Callable[..., Ran]) -> None:
    """The file of cases that docs/commands.md shows, with the facts of the starter."""
    lines = (ROOT / "docs" / "commands.md").read_text("utf-8").splitlines()
    first = lines.index("    # Everything above `cases` may be left out, and holds for all cases of the file.")
    sample = []
    for line in lines[first:]:
        if line and not line.startswith("    "):
            break
        sample.append(line[4:])
    shutil.copytree(starter, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "policies" / "cases")
    (tmp_path / "policies" / "cases" / "facts").mkdir(parents=True)
    shutil.copy(tmp_path / "services" / "example.yaml", tmp_path / "policies" / "cases" / "facts" / "good.yaml")
    text = (tmp_path / "guiju.toml").read_text("utf-8").replace('deletion_deadline = "10', 'deletion_deadline = "15')
    (tmp_path / "guiju.toml").write_text(text, "utf-8")
    (tmp_path / "policies" / "cases" / "sample.yaml").write_text("\n".join(sample), "utf-8")
    ran = guiju(["test"], tmp_path)
    assert (ran.exit_code, ran.stdout.splitlines()[-1]) == (0, "1 file, 3 cases: all passed"), ran.stdout + ran.stderr
