"""Every diagnostic has a row in the table that `guiju explain NAME` and docs/diagnostics.md show, and a test.

The names are read from the source: the literals that reach `error`, `warning`, `Diagnostic` or `Fault`, also through
functions that hand a `name` on. A name that is put together (`facts-…`) is one for each of its ends.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from policyengine.analysis.conform import Kind
from policyengine.analysis.lint import LINTS
from policyengine.cli.diagnostics import DIAGNOSTICS, GROUPS
from policyengine.cli.main import main
from policyengine.workspace.settings import SETTINGS
from tests.support.golden import check_golden

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "policyengine"
PAGE = ROOT / "docs" / "diagnostics.md"

# What makes a diagnostic, and the place of the name among its arguments.
MAKERS = {"error": 0, "warning": 0, "Diagnostic": 0, "Fault": 2}

# How a name that is put together may end.
ENDS: dict[str, tuple[str, ...]] = {"facts-": get_args(Kind), "event-": get_args(Kind),
                                    "unknown-": ("param", "rule", "regulation")}

HEAD = """# Diagnostics

Every name that stands in `error[…]` or `warning[…]`, what it says and what to do. `guiju explain NAME` prints a row;
[lints](lints.md) have a page of their own, and [how messages read](messages.md) says what their parts mean.
"""

# No test makes these happen: why.
UNTESTED: dict[str, str] = {
    "no-completion": "the supported versions of click have all three shells",
    "unsupported-by-spark": "the scan's word for a column that the tests of the Spark engine refuse by its text",
}

# The readers refuse such numbers as `number-too-long` before a vocabulary is asked; tests/unit/test_conform.py has it.
NOT_FROM_FILES = ("facts-digits", "event-digits")


# ---- the names --------------------------------------------------------------------------------------------------

def made(trees: Iterable[ast.Module]) -> set[str]:
    """Every name of a diagnostic that the sources make."""
    trees = list(trees)
    makers = dict(MAKERS)
    while handed_on := {name: place for tree in trees for name, place in _handing_on(tree, makers)
                        if name not in makers}:
        makers |= handed_on
    found: set[str] = set()
    for tree in trees:
        assigned = _assigned(tree)
        for call in ast.walk(tree):
            if isinstance(call, ast.Call):
                found.update(_texts(_name_argument(call, makers), assigned))
    return found


def _handing_on(tree: ast.Module, makers: dict[str, int]) -> Iterator[tuple[str, int]]:
    """The functions that give their parameter `name` to a maker, with its place."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        parameters = [one.arg for one in function.args.args if one.arg != "self"]
        for call in ast.walk(function):
            given = _name_argument(call, makers) if isinstance(call, ast.Call) else None
            if isinstance(given, ast.Name) and given.id == "name" and "name" in parameters:
                yield function.name, parameters.index("name")


def _name_argument(call: ast.Call, makers: dict[str, int]) -> ast.expr | None:
    called = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if called not in makers:
        return None
    by_word = next((one.value for one in call.keywords if one.arg == "name"), None)
    return by_word or (call.args[makers[called]] if len(call.args) > makers[called] else None)


def _assigned(tree: ast.Module) -> list[ast.expr]:
    """What is assigned to a variable `name`, where it is chosen between texts."""
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.IfExp) and ast.unparse(node.targets[0]) == "name"]


def _texts(given: ast.expr | None, assigned: Collection[ast.expr]) -> Iterator[str]:
    match given:
        case ast.Constant(value=str(text)) if re.fullmatch(r"[a-z0-9-]+", text):
            yield text
        case ast.IfExp():
            yield from _texts(given.body, assigned)
            yield from _texts(given.orelse, assigned)
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), ast.FormattedValue()]):
            yield from (start + end for end in ENDS[start])
        case ast.Name(id="name"):
            for one in assigned:
                yield from _texts(one, ())
        case _:
            pass


def names() -> set[str]:
    """Those of the engine."""
    return made(ast.parse(file.read_text("utf-8")) for file in sorted(ENGINE.rglob("*.py")))


def test_names_are_found_wherever_they_are_made() -> None:
    source = """
def refuse(text, name, place): return error(name, text, place)
def deeper(name): refuse("x", name, None)
class C:
    def fault(self, name): self.found.append(Diagnostic(name, "error"))
def f(problem, scope):
    warning("one")
    refuse("x", "two", None)
    deeper("three")
    scope.fault("four" if problem else "five")
    Fault("some words", "help", "six")
    error(f"unknown-{problem}", "x")
    name = "seven" if problem else "eight"
    error(name, "x")
    other("nine")
"""
    assert made([ast.parse(source)]) == {"one", "two", "three", "four", "five", "six", "seven", "eight",
                                         "unknown-param", "unknown-rule", "unknown-regulation"}


# ---- documented -------------------------------------------------------------------------------------------------

def undocumented(found: Collection[str], rows: Collection[str]) -> list[str]:
    """Names without a row, and rows without a name."""
    return ([f"policyengine/cli/diagnostics.py has no row `{name}`" for name in sorted(set(found) - set(rows))]
            + [f"nothing reports `{name}`" for name in sorted(set(rows) - set(found))])


def test_every_setting_has_a_row() -> None:
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    table = page[page.index("| setting | is |"):page.index("# Policy tests")]
    rows = {name for row in table.strip().splitlines()[2:] for name in re.findall(r"`\[*(\w+)\]*`", row.split("|")[1])}
    assert rows == set(SETTINGS)
    assert set(re.findall(r"GUIJU_(\w+)", table)) == {name.upper() for name, one in SETTINGS.items() if one.from_text}


def test_every_diagnostic_has_a_row() -> None:
    assert undocumented(names(), DIAGNOSTICS) == []
    assert len(DIAGNOSTICS) == sum(len(rows) for _, rows in GROUPS)  # each in one group
    assert not set(DIAGNOSTICS) & {lint.name for lint in LINTS}


def test_a_diagnostic_without_a_row_is_seen() -> None:
    assert undocumented({"syntax", "fresh"}, {"syntax", "stale"}) == [
        "policyengine/cli/diagnostics.py has no row `fresh`", "nothing reports `stale`"]


def test_a_row_is_two_short_sentences() -> None:
    assert [text for row in DIAGNOSTICS.values() for text in row
            if not re.fullmatch(r"[A-Z`\[][^\n|]{5,120}\.", text)] == []


def test_the_page_is_that_of_the_table() -> None:
    parts = [HEAD]
    for title, rows in GROUPS:
        parts.append(f"\n## {title}\n\n| name | what it says | what to do |\n|---|---|---|\n")
        parts += [f"| `{name}` | {says} | {do} |\n" for name, (says, do) in rows.items()]
    check_golden("".join(parts), PAGE)


@pytest.mark.parametrize("name", ["unknown-field", "syntax"])
def test_explain_prints_the_row(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
                                tmp_path: Path) -> None:
    monkeypatch.setenv("GUIJU_CACHE_DIR", str(tmp_path))
    monkeypatch.chdir(ROOT)
    assert main(["--color", "never", "explain", name, "--format", "text"]) == 0
    says, do = DIAGNOSTICS[name]
    assert capsys.readouterr().out == f"{name}  diagnostic\n\n{says}\n{do}\n"


# ---- tested -----------------------------------------------------------------------------------------------------

def untested(wanted: Collection[str], texts: Iterable[str]) -> list[str]:
    """The names that stand in none of the texts. One that is an ordinary word must stand as a name: `[syntax]`."""
    whole = "\n".join(texts)
    return [name for name in wanted if not re.search(
        rf"(?<![\w-]){name}(?![\w-])" if "-" in name else rf"[\[\"']{name}[\]\"' ]", whole)]


def test_every_diagnostic_stands_in_a_test_or_a_golden_file() -> None:
    files = [file for file in (ROOT / "tests").rglob("*") if file.suffix in (".py", ".md", ".txt", ".yaml", ".json")
             and file.name != Path(__file__).name and "__pycache__" not in file.parts]
    wanted = sorted(set(DIAGNOSTICS) - {name for names in HAPPEN.values() for name in names} - set(NOT_FROM_FILES))
    assert untested(wanted, [file.read_text("utf-8") for file in files]) == sorted(UNTESTED)


def test_an_untested_diagnostic_is_seen() -> None:
    assert untested(["future", "bad-time", "no-cases"], ["in future", "a bad-time-zone", "error[no-cases]"]) == [
        "future", "bad-time"]


# ---- those that only stand here ---------------------------------------------------------------------------------

TINY = ROOT / "tests" / "cli" / "projects" / "tiny"
FINAL = "regulations/xx/tiny/2-final"
CASE = "start: 2026-08-01\ncases:\n  - name: x\n    expect: {prices_shown: satisfied}\n"

# One field for each way not to fit, and a value that does not.
FIELDS = {
    "needed": "{type: string}", "few": "{type: integer, minimum: 1}", "most": "{type: integer, maximum: 3}",
    "code": '{type: string, pattern: "^[a-z]+$"}', "long": "{type: string, minLength: 3}",
    "any": "{type: array, items: {type: string}, minItems: 1}", "set": "{type: array, items: {type: string}, "
    "uniqueItems: true}", "sort": "{type: string, enum: [a, b]}", "day": "{type: string, format: date}",
    "size": "{type: number}", "flag": "{type: boolean}",
}
WRONG = ('"few": 0, "most": 9, "code": "A", "long": "a", "any": [], "set": ["a", "a"], "sort": "c", "day": "soon", '
         '"flag": "yes", "sizes": 1')
KINDS = tuple(kind for kind in get_args(Kind) if kind != "digits")

# (files over the tiny project, the command line) -> what it says.
HAPPEN: dict[tuple[tuple[tuple[str, str], ...], str], tuple[str, ...]] = {
    ((("s.yaml", f'shop: {{"id": "x", {WRONG}}}'),), "check s.yaml"): tuple(f"facts-{kind}" for kind in KINDS),
    ((("s.yaml", "shop: {id: x, needed: y}"), ("e.ndjson", '{"type": "bought", "time": "2026-08-01T10:00:00Z", '
                                               f'"user": "u", {WRONG}}}\n')),
     "check s.yaml --events e.ndjson"): tuple(f"event-{kind}" for kind in KINDS),
    ((("s.yaml", "shop: {id: x, needed: y, size: 900000000000}"),
      (f"{FINAL}/rules.policy", "policy xx/tiny version 2-final\nuse vocabulary tiny\nrule large \"Large\"\n"
       "  cites Art. 1(1)\n  family prices\n  must shop.size * shop.size > 1\n  fix \"x\"\n")),
     "check s.yaml"): ("number-too-large",),
    ((("regulations/xx/other.policy", ""), (f"{FINAL}/rules.policy", "policy xx/tiny version 2-final\n"
                                            'use vocabulary tiny\nuse "../../other.policy"\n')),
     "lint xx/tiny"): ("file-elsewhere",),
    ((("notes/x.txt", ""),), "lint notes"): ("no-policy",),
    ((), "test regulations/xx/tiny/regulation.yaml"): ("not-a-case-file",),
    (((f"{FINAL}/cases/shop.yaml", CASE),), "test"): ("no-facts",),
    (((f"{FINAL}/cases/shop.yaml", CASE.replace("name: x", "about: prices_shown")),), "test"): ("case-shape",),
    (((f"{FINAL}/cases/shop.yaml", CASE + "    events: [5]\n"),), "test"): ("case-event",),
    (((f"{FINAL}/cases/shop.yaml", "base: facts/good.yaml\n" + CASE + "    unset: [shop.nothing]\n"),),
     "test"): ("case-path",),
    (((f"{FINAL}/cases/shop.yaml", CASE + "    events:\n" + "      - +0m to +9000m every 1m billed\n" * 2),),
     "test"): ("too-many-events",),
}


@pytest.mark.parametrize("case", HAPPEN, ids=[names[0] for names in HAPPEN.values()])
def test_what_only_stands_here_happens(case: tuple[tuple[tuple[str, str], ...], str], tmp_path: Path,
                                       capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(TINY, tmp_path, dirs_exist_ok=True)
    (tmp_path / ".git").mkdir()
    files, command = case
    words = tmp_path / "regulations" / "vocabulary" / "tiny.yaml"
    text = words.read_text("utf-8")
    for key, indent in (("id", 6), ("user", 8)) if command.startswith("check") else ():
        shop = re.search(rf"required: \[{key}\]\n.*?properties:\n", text, re.DOTALL)
        assert shop is not None
        more = "".join(f"{' ' * indent}{name}: {schema}\n" for name, schema in FIELDS.items())
        text = text[:shop.start()] + shop[0].replace(f"[{key}]", f"[{key}, needed]") + more + text[shop.end():]
    words.write_text(text, "utf-8")
    for name, content in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, "utf-8")
    monkeypatch.setenv("GUIJU_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    code = main(["--color", "never", *command.split()])
    told = capsys.readouterr()
    said = set(re.findall(r"error\[([\w-]+)\]", told.out + told.err))
    assert (code > 0, set(HAPPEN[case]) - said) == (True, set()), told
