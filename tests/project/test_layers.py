"""Imports point down: never up, never sideways on a row, and inside functions only where that is stated here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "policyengine"

# The highest row first. A package may import itself and every row below its own.
ROWS: tuple[tuple[str, ...], ...] = (
    ("cli",),
    ("workspace",),
    ("report",),
    ("diff",),
    ("facts", "trace", "solver"),
    ("analysis",),
    ("core", "syntax", "regulation", "documents"),
    ("base",),
)
ROW = {package: number for number, row in enumerate(ROWS) for package in row}

# The rooms inside a package, where it has them, in the same way; a file beside them is a room of its own.
ROOMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "trace": (
        ("monitor",),
        ("engines", "stream", "logs"),
        ("plan", "scan"),
        ("files",),
        ("columns",),
    ),
}
ROOM = {package: {room: number for number, row in enumerate(rows) for room in row} for package, rows in ROOMS.items()}

# Here imports inside functions are the design: a command is imported when invoked, an engine when a case needs it.
LATE_PACKAGES = frozenset({"cli", "workspace"})

# Elsewhere only these, each because most runs do not need what it loads.
LATE: dict[str, frozenset[str]] = {
    # RE2 is for policies that use `matches`
    "core/operators.py": frozenset({"policyengine.core.patterns"}),
    "analysis/vocabulary.py": frozenset({"policyengine.core.patterns"}),
    "facts/compiled.py": frozenset({"policyengine.core.patterns"}),
    "analysis/conform.py": frozenset({"policyengine.core.patterns"}),
    # a run reads one format, seldom all
    "documents/read.py": frozenset(f"policyengine.documents.{name}"
                                   for name in ("docx", "html", "markdown", "pdf", "plain")),
    "facts/read.py": frozenset({"policyengine.facts.toml_text", "policyengine.facts.yaml_profile"}),
}


def imports(root: Path, file: str) -> Iterator[tuple[int, str, bool]]:
    """(line, module imported, whether inside a function) for each import of ours in `file`, relative to `root`."""
    tree = ast.parse((root / file).read_text(encoding="utf-8"))
    module = file.removesuffix(".py").split("/")
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    late = {id(inner) for function in functions for inner in ast.walk(function)}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(("policyengine", *module)[: -node.level]) + "." if node.level else ""
            source = (start + (node.module or "")).strip(".")
            # `from policyengine.core import ir` imports a module, `from policyengine.core.ir import Rule` a name of one
            folder = root.joinpath(*source.split(".")[1:])
            names = [f"{source}.{alias.name}" if source == "policyengine" or (folder / f"{alias.name}.py").is_file()
                     else source for alias in node.names]
        for name in dict.fromkeys(names):
            if name.split(".")[0] == "policyengine":
                yield node.lineno, name, id(node) in late


def violations(root: Path, late_allowed: dict[str, frozenset[str]] = LATE) -> list[str]:
    """Every import below `root` that the layers forbid, as `file:line: what`."""
    found = []
    for file in sorted(root.rglob("*.py")):
        relative = file.relative_to(root)
        # what stands at the top (__main__.py) starts the command, so it is of the highest row
        package = relative.parts[0] if len(relative.parts) > 1 else ROWS[0][0]
        if package not in ROW:
            found.append(f"{relative}:1: the package {package} has no row; give it one in {Path(__file__).name}")
            continue
        for line, name, late in imports(root, relative.as_posix()):
            target = name.split(".")[1] if "." in name else ""
            if target in ROW and target != package and ROW[target] <= ROW[package]:
                how = "sideways" if ROW[target] == ROW[package] else "up"
                found.append(f"{relative}:{line}: imports {how}: {package} -> {target} ({name})")
            elif target and target not in ROW and target != "__version__":
                found.append(f"{relative}:{line}: imports {name}, which has no row")
            if target == package and package in ROOM:
                found += inside(relative, name, line)
            if late and package not in LATE_PACKAGES and name not in late_allowed.get(relative.as_posix(), ()):
                found.append(f"{relative}:{line}: imports {name} inside a function")
    return found


def inside(file: Path, name: str, line: int) -> list[str]:
    """What the rooms of a package forbid of a file's import of this module of it."""
    package, here = file.parts[0], file.parts[1].removesuffix(".py")
    there = [*name.split(".")[2:], ""][0]
    rows = ROOM[package]
    for room in (here, there):
        if room not in rows:
            return [f"{file}:{line}: {package} has no room {room}; give it a row in {Path(__file__).name}"]
    if here == there or rows[there] > rows[here]:
        return []
    how = "sideways" if rows[there] == rows[here] else "up"
    return [f"{file}:{line}: imports {how}: {package}/{here} -> {package}/{there} ({name})"]


def test_imports_point_down() -> None:
    assert violations(ROOT) == []


def test_every_package_is_there() -> None:
    missing = [package for package in ROW if not (ROOT / package / "__init__.py").is_file()]
    missing += [f"{package}/{room}" for package, rooms in ROOM.items() for room in rooms if not any(
        (ROOT / package / file).is_file() for file in (f"{room}/__init__.py", f"{room}.py"))]
    assert missing == []


def test_late_imports_listed_are_still_made() -> None:
    made = {file: {name for _, name, late in imports(ROOT, file) if late} for file in LATE}
    assert made == {file: set(names) for file, names in LATE.items()}


@pytest.mark.parametrize(("file", "text", "expected"), [
    ("core/x.py", "from policyengine.syntax.ast import Rule", "core/x.py:1: imports sideways: core -> syntax"),
    ("facts/x.py", "\nimport policyengine.trace.plan.plan", "facts/x.py:2: imports sideways: facts -> trace"),
    ("base/x.py", "from policyengine.core import ir", "base/x.py:1: imports up: base -> core"),
    ("core/x.py", "from policyengine import cli", "core/x.py:1: imports up: core -> cli"),
    ("core/x.py", "from ..analysis import infer", "core/x.py:1: imports up: core -> analysis"),
    ("core/x.py", "from .. import syntax", "core/x.py:1: imports sideways: core -> syntax"),
    ("analysis/lint/x.py", "from ...facts.read import read", "analysis/lint/x.py:1: imports up: analysis -> facts"),
    ("core/x.py", "if TYPE_CHECKING:\n    import policyengine.report", "core/x.py:2: imports up: core -> report"),
    ("facts/x.py", "def f():\n    from policyengine.core import ir", "facts/x.py:2: imports policyengine.core inside"),
    ("report/x.py", "async def g():\n    if x:\n        import policyengine.core", "report/x.py:3: imports"),
    ("cli/x.py", "import policyengine.misc", "cli/x.py:1: imports policyengine.misc, which has no row"),
    ("misc/x.py", "", "misc/x.py:1: the package misc has no row"),
    ("trace/scan/x.py", "from policyengine.trace.engines.spark import x",
     "trace/scan/x.py:1: imports up: trace/scan -> trace/engines"),
    ("trace/plan/x.py", "import policyengine.trace.scan.rows",
     "trace/plan/x.py:1: imports sideways: trace/plan -> trace/scan"),
    ("trace/columns.py", "import policyengine.trace.files.read", "trace/columns.py:1: imports up: trace/columns"),
    ("trace/x.py", "from policyengine.trace.columns import x", "trace/x.py:1: trace has no room x"),
])
def test_a_planted_violation_is_reported(tmp_path: Path, file: str, text: str, expected: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert [line[: len(expected)] for line in violations(tmp_path, {})] == [expected]


@pytest.mark.parametrize(("file", "text"), [
    ("core/x.py", "from policyengine.core.ir import Rule\nfrom .types import T\nfrom policyengine.base import source"),
    ("cli/x.py", "from policyengine import __version__\nimport policyengine.base.source, json"),
    ("__main__.py", "from policyengine.cli.main import main"),
    ("core/x.py", "def f():\n    import json\n    import lark"),
    ("cli/x.py", "def f():\n    from policyengine.facts import read"),
    ("analysis/lint/x.py", "from policyengine.analysis.infer import infer"),
    ("trace/monitor/x.py", "import policyengine.trace.stream.lines_typed, policyengine.trace.monitor.y"),
])
def test_what_is_allowed_is_not_reported(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert violations(tmp_path, {}) == []
