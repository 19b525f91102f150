"""What a run imports: a command pays only for what it uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "examples" / "companion" / "service.yaml"

HEAVY = ("asyncio", "docx", "duckdb", "hypothesis", "importlib.metadata", "jinja2", "jsonschema", "lark", "lsprotocol",
         "markdown_it", "msgspec", "numpy", "pandas", "polars", "pyarrow", "pygls", "pypdfium2", "pyspark", "rich",
         "sqlglot", "watchfiles", "z3")

# Runs a command line and writes the names of all modules it left behind to a file, since stdout is the command's.
_RUN = """
import sys
from policyengine.cli.main import main
code = main(sys.argv[2:])
with open(sys.argv[1], "w", encoding="utf-8") as stream:
    stream.write("\\n".join(sys.modules))
sys.exit(code)
"""


def run(tmp_path: Path, *args: str) -> tuple[int, str, set[str]]:
    """(exit code, stderr, modules imported) of `guiju ARGS…` in a process of its own."""
    names = tmp_path / "modules.txt"
    environ = {**os.environ, "GUIJU_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    for variable in ("COVERAGE_PROCESS_START", "GUIJU_FAIL_ON", "GUIJU_FORMAT"):
        environ.pop(variable, None)
    done = subprocess.run([sys.executable, "-c", _RUN, str(names), *args], env=environ, cwd=tmp_path, text=True,
                          encoding="utf-8", capture_output=True, timeout=120, check=False)
    return done.returncode, done.stderr, set(names.read_text(encoding="utf-8").split())


def heavy(modules: set[str]) -> list[str]:
    return [name for name in HEAVY if name in modules]


@pytest.mark.parametrize("args", [("--version",), ("--help",), ("config",), ("completion", "bash")])
def test_small_commands_import_nothing_heavy(tmp_path: Path, args: tuple[str, ...]) -> None:
    code, errors, modules = run(tmp_path, *args)
    assert (code, errors) == (0, "")
    assert heavy(modules) == []


def test_help_imports_no_command(tmp_path: Path) -> None:
    _, _, modules = run(tmp_path, "--help")
    assert {name for name in modules if name.startswith("policyengine.cli.")} == {
        "policyengine.cli.main", "policyengine.cli.common"}


@pytest.mark.parametrize("format", ["text", "json"])
def test_check_of_one_yaml_file_with_compiled_policies_imports_nothing_heavy(tmp_path: Path, format: str) -> None:
    args = ("check", str(SERVICE), "--regulation", "cn/human-like-ai", "--version", "final", "--format", format)
    first, errors, _ = run(tmp_path, *args)
    assert first in (0, 1), errors
    code, errors, modules = run(tmp_path, *args)
    assert code == first, errors
    assert heavy(modules) == []


def test_a_heavy_import_is_seen(tmp_path: Path) -> None:
    names = tmp_path / "modules.txt"
    subprocess.run([sys.executable, "-c", "import lark\n" + _RUN, str(names), "--version"], cwd=ROOT, check=True,
                   capture_output=True)
    assert "lark" in heavy(set(names.read_text(encoding="utf-8").split()))


def test_the_json_of_config_is_json(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "policyengine", "config", "--format", "json"], cwd=ROOT, text=True,
                          capture_output=True, check=True)
    assert json.loads(done.stdout)["schema_version"] == 1
