"""No table has a row that some reader of it lacks: operators, nodes of the core, formats, commands, lints.

Each question is a function that gives what is missing, in words, so that a planted omission can be asked about too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from policyengine.analysis import conform, vocabulary
from policyengine.analysis.compile import compile_sound
from policyengine.analysis.infer import _FAMILIES, _WHEN_UNKNOWN, Fault, infer
from policyengine.analysis.lint import LINTS
from policyengine.base.calendar import Calendar, WorkingDays
from policyengine.base.instants import parse_instant
from policyengine.cli.main import COMMANDS
from policyengine.core import ir, types
from policyengine.core.case import Case, Event
from policyengine.core.evaluate import judge
from policyengine.core.operators import OPERATORS, Family, Operator
from policyengine.core.verdict import VERDICTS, Setting
from policyengine.facts.compiled import load
from policyengine.facts.compiled_covers import covers
from policyengine.facts.compiled_source import source
from policyengine.report.formats import FORMATS
from policyengine.syntax.parser import parse
from policyengine.trace.columns import Unsupported
from policyengine.trace.engines.duckdb import DuckTables
from policyengine.trace.engines.engine import Engine
from policyengine.trace.plan.plan import plan
from tests.support.core_strategies import policies as drawn_policies
from tests.support.literate import HEADER, policies
from tests.support.tables import known_of
from tests.support.tables import load as load_events
from tests.support.trace_strategies import policy as policy_of
from tests.support.trace_strategies import rules as drawn_rules

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "policyengine"
TESTS = ROOT / "tests"
PAGES = sorted((TESTS / "language").glob("*.md"))

EXPRESSIONS = {one.__name__ for one in get_args(ir.Expr)}

SAMPLES: tuple[tuple[types.Type, Any, Any], ...] = (
    (types.Bool(), True, False),
    (types.Number(integer=True), 2, 3),
    (types.Text(), "a", "b"),
    (types.Date(), "2026-07-15", "2026-02-28"),
    (types.Instant(), "2026-07-15T00:00:00Z", "2026-07-15T08:00:00Z"),
    (types.TimeOfDay(), "08:00", "22:00"),
    (types.Period("elapsed"), "2 hours", "90 minutes"),
    (types.Period("day"), "7 days", "30 days"),
    (types.ListOf(types.Text()), ["a", "b"], ["b"]),
    (types.ListOf(types.Number(integer=True)), [1, 2], [3]),
)
"""A type and two raw values of it."""

CALENDAR = Calendar("Asia/Shanghai", WorkingDays("none", frozenset(), frozenset(), frozenset()))
AS_OF = parse_instant("2026-07-15T08:00:00+08:00")


# ---- operators: typed -------------------------------------------------------------------------------------------

def untyped(operators: Collection[Operator], families: Mapping[Family, Any],
            unknown: Mapping[Family, Any]) -> list[str]:
    """What `analysis.infer` lacks of the families and of the operators."""
    lacking = [f"{table}: no family `{one}`" for table, known in (("_FAMILIES", families), ("_WHEN_UNKNOWN", unknown))
               for one in get_args(Family) if one not in known]
    return lacking + [f"`{row.name}` takes no pair of types" for row in operators
                      if row.family in families and not accepted(row)]


def accepted(row: Operator) -> list[tuple[tuple[types.Type, Any, Any], tuple[types.Type, Any, Any], types.Type]]:
    """The pairs of samples that an operator takes, and what it gives."""
    found = []
    for left in SAMPLES:
        for right in SAMPLES:
            instants = isinstance(left[0], types.Instant) and isinstance(right[0], types.Instant)
            # Two instants are subtracted by a row of their own, which the lowering chooses by their types.
            if row.family == "difference" and instants != row.name.startswith("instant "):
                continue
            given_type = infer(row.family, row.name, left[0], right[0])
            if not isinstance(given_type, Fault):
                found.append((left, right, given_type))
    return found


def test_every_operator_is_typed() -> None:
    assert untyped(OPERATORS.values(), _FAMILIES, _WHEN_UNKNOWN) == []


def test_an_operator_without_types_is_seen() -> None:
    some = {family: rule for family, rule in _FAMILIES.items() if family != "quotient"}
    assert untyped(OPERATORS.values(), some, _WHEN_UNKNOWN) == ["_FAMILIES: no family `quotient`"]
    nowhere = {**_FAMILIES, "product": lambda operator, left, right: Fault("no")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_FAMILIES, "product", nowhere["product"])
        assert untyped(OPERATORS.values(), _FAMILIES, _WHEN_UNKNOWN) == ["`*` takes no pair of types"]


# ---- operators: compiled ----------------------------------------------------------------------------------------

def asked(row: Operator) -> Iterator[tuple[str, ir.Policy, dict[str, Any]]]:
    """Policies that apply an operator to two facts, with facts: all there, and one of them missing."""
    for left, right, given_type in accepted(row):
        if isinstance(right[0], types.Text) and row.family == "text pattern":
            second: ir.Expr = ir.Constant("[ab]", right[0])
        else:
            second = ir.Fact(("right",), right[0])
        applied: ir.Expr = ir.Apply(row.name, (ir.Fact(("left",), left[0]), second), given_type)
        if not isinstance(given_type, types.Bool):
            applied = ir.Apply("=", (applied, applied), types.Bool())
        rule = ir.Rule("r", "", (), "f", "error", (), None, (), (ir.Must(applied, False),), (), "")
        policy = ir.Policy("xx/t", "1", "v", None, None, (), (), (), (rule,), (), ())
        for facts in ({"left": a, "right": b} for a in (*left[1:], None) for b in (*right[1:], None)):
            yield f"`{row.name}` of {types.describe(left[0])} and {types.describe(right[0])}", policy, facts


def miscompiled(operators: Collection[Operator]) -> list[str]:
    """Operators whose compiled form is absent or says something else than the reference."""
    found = {}
    for row in operators:
        for words, policy, facts in asked(row):
            if not covers(policy, policy.rules[0]):
                found[f"{words}: not compiled"] = True
                continue
            (code,) = load(source(policy)[0])(facts, AS_OF, {}, CALENDAR)
            (judgement,) = judge(policy, Case(facts), Setting(AS_OF, {}), CALENDAR)
            if VERDICTS[code] != judgement.verdict:
                found[f"{words}: {VERDICTS[code]}, the reference says {judgement.verdict}"] = True
    return list(found)


def test_every_operator_is_compiled() -> None:
    assert miscompiled(OPERATORS.values()) == []


def test_a_wrong_compilation_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from policyengine.facts import compiled_source

    monkeypatch.setitem(compiled_source._TESTS, "<", ("{0} <= {1}", "{0} > {1}"))
    found = miscompiled([OPERATORS["<"]])
    assert found and all(one.startswith("`<` of ") for one in found)


# ---- operators: in columns --------------------------------------------------------------------------------------

NOT_IN_COLUMNS: frozenset[str] = frozenset()
"""Reasons for which the SQL reading leaves an operator to the reference, and says so; none of these samples has one."""


def misplanned(operators: Collection[Operator]) -> list[str]:
    """Operators whose SQL is absent or says something else than the reference, asked of two fields of an event."""
    con = duckdb.connect(config={"threads": "1"})
    engine = Engine(DuckTables(con))
    found = {}
    for row in operators:
        for left, right, given_type in accepted(row):
            second: ir.Expr = ir.Get(ir.TRIGGER, ("right",), right[0])
            if row.family == "text pattern":
                second = ir.Constant("[ab]", right[0])
            applied: ir.Expr = ir.Apply(row.name, (ir.Get(ir.TRIGGER, ("left",), left[0]), second), given_type)
            if not isinstance(given_type, types.Bool):
                applied = ir.Apply("=", (applied, applied), types.Bool())
            rule = ir.Rule("r", "", (), "f", "error", (), ir.OnEvent(("e",), False, None), (),
                           (ir.Must(applied, False),), (), "")
            policy = ir.Policy("xx/t", "1", "v", None, None, (), (), (), (rule,), (), ())
            pairs = [(a, b) for a in (*left[1:], None) for b in (*right[1:], None)]
            case = Case({}, tuple(Event("e", AS_OF - 100 + n, {"left": a, "right": b}, row=n + 1)
                                  for n, (a, b) in enumerate(pairs)))
            words = f"`{row.name}` of {types.describe(left[0])} and {types.describe(right[0])}"
            known, events = known_of(policy, case, AS_OF, CALENDAR)
            load_events(con, known, events)
            try:
                made = plan(rule, known)
            except Unsupported as reason:
                if str(reason) not in NOT_IN_COLUMNS:
                    found[f"{words}: no SQL, {reason}"] = True
                continue
            engine.prepare(made.lookups, known.horizon, CALENDAR)
            counted = engine.run(made, VERDICTS)
            said = {one.pos: one.verdict for one in engine.found(counted, hard=False)}
            for pos, one in enumerate(judge(policy, case, Setting(AS_OF, {}), CALENDAR)):
                if said.get(pos) != one.verdict:
                    found[f"{words}: {said.get(pos)}, the reference says {one.verdict}"] = True
    return list(found)


def test_every_operator_is_in_columns() -> None:
    assert misplanned(OPERATORS.values()) == []


def test_wrong_sql_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from policyengine.trace.plan import terms

    monkeypatch.setitem(terms.SYMBOLS, "<", "<=")
    found = misplanned([OPERATORS["<"]])
    assert found and all(one.startswith("`<` of ") for one in found)


# ---- operators and nodes: drawn, and on a page ------------------------------------------------------------------

def parts(value: Any) -> Iterator[Any]:
    """Every node of a policy."""
    if isinstance(value, tuple):
        for one in value:
            yield from parts(one)
    elif is_dataclass(value) and type(value).__module__ == ir.__name__:
        yield value
        for one in fields(value):
            yield from parts(getattr(value, one.name))


def names(policy: ir.Policy) -> Iterator[tuple[str, str]]:
    """("operator", its name) and ("node", its class) of everything in a policy."""
    for node in parts(policy):
        yield "node", type(node).__name__
        if isinstance(node, ir.Apply):
            yield "operator", node.operator


def absent(used: Collection[tuple[str, str]], *, operators: Collection[str] = tuple(OPERATORS),
           nodes: Collection[str] = tuple(sorted(EXPRESSIONS))) -> list[str]:
    """The operators and nodes that are not used."""
    return [f"{kind} `{name}`" for kind, wanted in (("operator", operators), ("node", nodes)) for name in wanted
            if (kind, name) not in used]


@pytest.fixture(scope="module")
def on_pages() -> frozenset[tuple[str, str]]:
    return frozenset(one for page in PAGES for policy in compiled_page(page) for one in names(policy))


def compiled_page(page: Path) -> Iterator[ir.Policy]:
    """The policies of a page that compile."""
    for part in policies(page.read_text("utf-8")):
        text = part.vocabulary.text if part.vocabulary else (TESTS / "support" / "vocabulary.yaml").read_text("utf-8")
        known, _ = vocabulary.load_vocabulary("vocabulary.yaml", text)
        assert known is not None
        written = part.policy.text
        if not re.search(r"^(policy|extend) ", written, re.MULTILINE):
            written += HEADER.format(name=known.name)
        included = {block.rest: parse(block.rest, block.text)[0] for block in part.files}
        policy, _ = compile_sound(parse("page.policy", written)[0], known, includes=included)
        if policy is not None:
            yield policy


def test_every_operator_and_node_is_on_a_page(on_pages: frozenset[tuple[str, str]]) -> None:
    assert absent(on_pages) == []


def test_what_is_on_no_page_is_seen(on_pages: frozenset[tuple[str, str]]) -> None:
    assert absent(on_pages, operators=("=", "xor"), nodes=("And", "Xor")) == ["operator `xor`", "node `Xor`"]


def test_every_operator_is_drawn_and_every_node_by_one_of_the_two() -> None:
    drawn: set[tuple[str, str]] = set()

    @settings(max_examples=400, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(drawn_policies(), st.lists(drawn_rules(), min_size=1, max_size=3))
    def draw(about_facts: ir.Policy, about_a_trace: list[ir.Rule]) -> None:
        drawn.update(one for one in names(about_facts) if one[0] == "operator")
        for policy in (about_facts, policy_of(*about_a_trace)):
            drawn.update(one for one in names(policy) if one[0] == "node")

    draw()
    assert absent(drawn) == []
    assert absent(drawn - {("operator", "/")}) == ["operator `/`"]


# ---- nodes: handled ---------------------------------------------------------------------------------------------

def closed(file: Path) -> dict[str, set[str]]:
    """By function: the nodes of the core named in the cases of a `match` that ends in `assert_never`."""
    found: dict[str, set[str]] = {}
    for function in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not isinstance(function, ast.FunctionDef):
            continue
        for match in (one for one in ast.walk(function) if isinstance(one, ast.Match)):
            last = match.cases[-1]
            if not isinstance(last.pattern, ast.MatchAs) or last.pattern.pattern is not None or not any(
                    isinstance(one, ast.Call) and ast.unparse(one.func) == "assert_never" for one in ast.walk(last)):
                continue
            found.setdefault(function.name, set()).update(
                ast.unparse(one.cls).removeprefix("ir.") for case in match.cases for one in ast.walk(case.pattern)
                if isinstance(one, ast.MatchClass) and ast.unparse(one.cls).startswith("ir."))
    return found


def whole(file: Path) -> list[str]:
    """The functions of a file that have a case for every node of an expression."""
    return [name for name, handled in closed(file).items() if handled >= EXPRESSIONS]


def in_part(file: Path) -> list[str]:
    """Functions closed by `assert_never` over most nodes, but not all: a new node was left out somewhere."""
    return [f"{file.name}: {name} lacks {', '.join(sorted(EXPRESSIONS - handled))}"
            for name, handled in closed(file).items() if len(EXPRESSIONS) > len(EXPRESSIONS & handled) > 12]


def test_every_reading_has_a_case_for_every_node() -> None:
    handled = {path.relative_to(ENGINE).as_posix(): whole(path) for path in ENGINE.rglob("*.py") if whole(path)}
    assert {file.split("/")[0] for file in handled} >= {"core", "facts"}, handled
    assert [one for path in ENGINE.rglob("*.py") for one in in_part(path)] == []


def test_a_node_without_a_case_is_seen(tmp_path: Path) -> None:
    cases = "\n".join(f"        case ir.{name}():\n            pass" for name in sorted(EXPRESSIONS - {"Latest"}))
    file = tmp_path / "x.py"
    file.write_text(f"def f(e):\n    match e:\n{cases}\n        case _:\n            assert_never(e)\n", "utf-8")
    assert (whole(file), in_part(file)) == ([], ["x.py: f lacks Latest"])


# ---- formats, commands, lints -----------------------------------------------------------------------------------

def formats_lacking(formats: Collection[str]) -> list[str]:
    """Formats of a report that the README does not list or that no golden report pins."""
    readme = (ROOT / "README.md").read_text("utf-8")
    listed = re.findall(r"\w+", re.search(r"^Formats: ([^;]*);", readme, re.MULTILINE)[1])  # type: ignore[index]
    return ([f"README.md lists no format `{name}`" for name in formats if name not in listed]
            + [f"tests/golden/report has no `{name}`" for name in formats
               if not list((TESTS / "golden" / "report" / name).glob("rich.*"))])


def commands_lacking(commands: Collection[str]) -> list[str]:
    """Commands without a heading in docs/commands.md, or that no test runs."""
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    headings = {word for line in re.findall(r"^## (.*)$", page, re.MULTILINE) for word in line.split(", ")}
    run = {str(case["args"][0]) for case in yaml.safe_load((TESTS / "cli" / "cases.yaml").read_text("utf-8"))}
    for file in TESTS.rglob("test_*.py"):
        if file != Path(__file__):
            run |= _run_in(ast.parse(file.read_text("utf-8")))
    return ([f"docs/commands.md has no `{name}`" for name in commands if name not in headings]
            + [f"no test runs `{name}`" for name in commands if name not in run])


def _run_in(tree: ast.Module) -> set[str]:
    """The texts that open an argument list: `guiju("check", …)`, `main(["check", …])`, `("check", …)`."""
    return {str(first.value) for node in ast.walk(tree)
            for first in (node.args[:1] if isinstance(node, ast.Call) else
                          node.elts[:1] if isinstance(node, ast.List | ast.Tuple) else ())
            if isinstance(first, ast.Constant)}


def lints_lacking(lints: Collection[str]) -> list[str]:
    """Lints without a heading in docs/lints.md, or without a page of what they flag and leave alone."""
    page = (ROOT / "docs" / "lints.md").read_text("utf-8")
    return ([f"docs/lints.md has no `{name}`" for name in lints if f"\n## {name}\n" not in page]
            + [f"tests/lint has no page `{name}`" for name in lints if not (TESTS / "lint" / f"{name}.md").is_file()])


def test_every_format_command_and_lint_is_documented_and_tested() -> None:
    assert formats_lacking(FORMATS) == []
    assert commands_lacking(COMMANDS) == []
    assert lints_lacking([lint.name for lint in LINTS]) == []


def test_an_undocumented_one_is_seen() -> None:
    assert formats_lacking(["text", "pdf"]) == ["README.md lists no format `pdf`", "tests/golden/report has no `pdf`"]
    assert commands_lacking(["check", "sing"]) == ["docs/commands.md has no `sing`", "no test runs `sing`"]
    assert lints_lacking(["no-citation", "haste"]) == ["docs/lints.md has no `haste`",
                                                       "tests/lint has no page `haste`"]


def test_a_vocabulary_and_its_check_know_the_same_formats_and_units() -> None:
    assert set(conform.FORMATS) == set(vocabulary._FORMATS)
    assert set(conform.PERIODS) == set(types.PERIOD_CLASSES)
    assert conform.KEYWORDS <= vocabulary.KEYWORDS
