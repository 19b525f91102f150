"""The shipped encodings: they compile, say what they rest on, leave no article out, and their cases come out right.

What a rule must say is known only to the cases, which were written from the same readings of the text as the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from policyengine.core import ir
from policyengine.regulation.coverage import coverage, gaps
from policyengine.regulation.model import Version
from policyengine.regulation.text import GRADES, Article, Text, numbers_of
from policyengine.regulation.versions import select
from policyengine.workspace.casefile import read_suite
from policyengine.workspace.cases import Outcome, run_case
from policyengine.workspace.config import Config
from policyengine.workspace.library import Compiled, Library, compile_version, find_library, open_regulation
from policyengine.workspace.linting import lint_targets
from policyengine.workspace.reach import Goal, Reach
from policyengine.workspace.suites import case_folders, open_suite

ROOT = Path(__file__).resolve().parents[2]
REGULATION = "cn/human-like-ai"
FOLDER = ROOT / "regulations" / REGULATION
DRAFT, FINAL = "2025-12-27-draft", "2026-04-10-final"
VERSIONS = (DRAFT, FINAL)
FILES = sorted(file.relative_to(FOLDER).as_posix() for file in FOLDER.glob("*/cases/*.yaml"))

# What the readings of each text found, one id a statement. Each rule names above itself those it encodes.
FACTS: Mapping[str, tuple[str, ...]] = {
    DRAFT: ("D-1", "D-2", "D-3", "D-4", "D-5", "D-6", "D-7.0", "D-7.1", "D-7.2", "D-7.3", "D-7.4", "D-7.5", "D-7.6",
            "D-7.7", "D-7.8", "D-8", "D-9.1", "D-9.2", "D-9.3", "D-10", "D-11.1", "D-11.2", "D-11.3", "D-11.4",
            "D-12.1", "D-12.2", "D-12.3", "D-12.4", "D-13.1", "D-13.2", "D-13.3", "D-14.1", "D-14.2", "D-14.3",
            "D-14.4", "D-14.5", "D-15.1", "D-15.2", "D-16.1", "D-16.2", "D-17", "D-18", "D-19", "D-20", "D-21", "D-22",
            "D-23", "D-24", "D-25", "D-26", "D-27", "D-28", "D-29", "D-30", "D-31", "D-32"),
    FINAL: ("F-1", "F-2.1", "F-2.2", "F-2.3", "F-3", "F-4", "F-5", "F-6", "F-7", "F-8.1", "F-8.2", "F-8.3", "F-8.4",
            "F-8.5", "F-8.6", "F-8.7", "F-9", "F-10.1", "F-10.2", "F-10.3", "F-11.1", "F-11.2", "F-11.3", "F-11.4",
            "F-11.5", "F-11.6", "F-12.1", "F-12.2", "F-13.1", "F-13.2", "F-13.3", "F-13.4", "F-14.1", "F-14.2",
            "F-14.3", "F-14.4", "F-14.5", "F-14.6", "F-15", "F-16.1", "F-16.2", "F-16.3", "F-16.4", "F-17.1", "F-17.2",
            "F-18.1", "F-18.2", "F-18.3", "F-18.4", "F-19.1", "F-19.2", "F-19.3", "F-20", "F-21", "F-22.1", "F-22.2",
            "F-22.3", "F-22.4", "F-22.5", "F-22.6", "F-23", "F-24", "F-25", "F-26.1", "F-26.2", "F-27", "F-28", "F-29",
            "F-30.1", "F-30.2", "F-30.3", "F-31", "F-32"),
}

# No rule: purposes, principles, supervision and penalties bind no provider (1 to 6, or 7; 26, or 27, to 30), a closing
# clause names nothing to look for (7.8, 8.7), a judgement is no fact of a file (22.4, 22.5), the words were not seen
# (14.3), and the last article is a date. What `applies when` encodes (2, and the draft's 30) is no rule either.
NO_RULE: Mapping[str, frozenset[str]] = {
    DRAFT: frozenset({"D-1", "D-2", "D-3", "D-4", "D-5", "D-6", "D-7.0", "D-7.8", "D-14.3", "D-26", "D-27", "D-28",
                      "D-29", "D-30", "D-32"}),
    FINAL: frozenset({"F-1", "F-2.1", "F-2.2", "F-2.3", "F-3", "F-4", "F-5", "F-6", "F-7", "F-8.7", "F-22.4", "F-22.5",
                      "F-27", "F-28", "F-29", "F-30.1", "F-30.2", "F-30.3", "F-32"}),
}

# (version, lint, line it stands for) -> why the finding is right and the policy stays as it is.
LINTS_ALLOWED: Mapping[tuple[str, str, str], str] = {}


@dataclass(frozen=True)
class Encoded:
    """One version: compiled afresh, and its cases judged. `outcomes` are by file of cases."""

    label: str
    library: Library
    compiled: Compiled
    policy: ir.Policy
    text: Text
    outcomes: Mapping[str, tuple[Outcome, ...]]
    problems: Mapping[str, tuple[str, ...]]
    reach: Reach


@pytest.fixture(scope="module", params=VERSIONS)
def encoded(request: pytest.FixtureRequest) -> Encoded:
    return _encoded(request.param)


_SEEN: dict[str, Encoded] = {}


def _encoded(label: str) -> Encoded:
    # judged once, though tests of files and tests of versions both need it
    if label not in _SEEN:
        _SEEN[label] = _judge(label)
    return _SEEN[label]


def _judge(label: str) -> Encoded:
    config = Config(ROOT)
    library, wrong = find_library(config, {})  # without an environment nothing is cached
    regulation, problems, _ = open_regulation(library, REGULATION)
    assert regulation is not None and not wrong and not problems
    version = select(regulation, label)
    assert isinstance(version, Version)
    compiled = compile_version(library, regulation, version)
    assert compiled.policy is not None, [one.message for one in compiled.diagnostics]
    folders, wrong = case_folders(library, (f"{REGULATION}@{label}",))
    assert not wrong and len(folders) == 1
    [(folder, files)] = folders.items()
    suite, wrong, _ = open_suite(library, folder, files, config)
    assert suite is not None, wrong
    names = {file: file.relative_to(FOLDER).as_posix() for file in files}
    cases, found, _ = read_suite(suite, names)
    reach = Reach(suite.book.policy)
    outcomes: dict[str, list[Outcome]] = {name: [] for name in names.values()}
    said: dict[str, list[str]] = {name: [] for name in names.values()}
    for one in found:
        said[one.span.path if one.span else label].append(f"{one.span.line if one.span else ''}: {one.message}")
    for case in cases:
        outcome, found = run_case(case, suite, reach)
        outcomes[case.file].append(outcome)
        said[case.file] += [f"{case.name}: {one.message}" for one in found]
    return Encoded(label, library, compiled, suite.book.policy, compiled.text,
                   {name: tuple(list_) for name, list_ in outcomes.items()},
                   {name: tuple(list_) for name, list_ in said.items()}, reach)


@pytest.mark.parametrize("file", FILES)
def test_cases_come_out_as_expected(file: str) -> None:
    encoded = _encoded(file.partition("/")[0])
    assert encoded.problems[file] == ()
    assert encoded.outcomes[file]
    failed = [f"{outcome.case.name}: {one.rule}: expected {one.expected}, found {one.found}"
              for outcome in encoded.outcomes[file] for one in outcome.failures]
    assert failed == []


def test_every_version_has_cases() -> None:
    assert {file.partition("/")[0] for file in FILES} == set(VERSIONS)


def test_compiles_without_diagnostics(encoded: Encoded) -> None:
    assert [(one.name, one.message) for one in encoded.compiled.diagnostics] == []


def test_lints_find_nothing_but_what_is_allowed(encoded: Encoded) -> None:
    linted, problems = lint_targets(encoded.library, (f"{REGULATION}@{encoded.label}",))
    assert problems == ()
    [one] = linted
    found = {(encoded.label, each.name, _line(one.sources[each.span.path].text, each.span.line))
             for each in one.diagnostics if each.span is not None and each.severity != "info"}
    assert found == {key for key in LINTS_ALLOWED if key[0] == encoded.label}


def _line(text: str, number: int) -> str:
    return text.splitlines()[number - 1].strip()


def test_every_rule_is_violated_by_a_case(encoded: Encoded) -> None:
    assert [rule.name for rule in encoded.policy.rules if not encoded.reach.goals[Goal(rule.name, "violated")]] == []


def test_every_rule_is_satisfied_by_a_case(encoded: Encoded) -> None:
    """A rule that something `must not happen` is never satisfied: each of its moments is a violation, and without one
    there is nothing to judge. For it a case must show what is no such moment."""
    lacking = []
    for rule in encoded.policy.rules:
        if all(must.never for must in rule.must):
            shown = any(_shows_nothing(outcome, rule.name) for outcome in _outcomes(encoded))
        else:
            shown = encoded.reach.goals[Goal(rule.name, "satisfied")]
        if not shown:
            lacking.append(rule.name)
    assert lacking == []


def _outcomes(encoded: Encoded) -> Iterator[Outcome]:
    for outcomes in encoded.outcomes.values():
        yield from outcomes


def _shows_nothing(outcome: Outcome, rule: str) -> bool:
    expected = outcome.case.expect.get(rule)
    return expected is not None and (expected.listed == () or "not_applicable" in expected.verdicts)


def test_cases_reach_nearly_everything(encoded: Encoded) -> None:
    assert encoded.reach.percent >= 95, [f"{one.rule}: {one.what}" for one in encoded.reach.missed()]


def test_no_place_lacks_both_a_rule_and_a_reason(encoded: Encoded) -> None:
    rows = coverage(encoded.text, encoded.policy.cited(), encoded.policy.reasons())
    assert [row.citation for row in gaps(rows)] == []
    assert [row.citation for row in rows if row.state == "partial"] == []


def _own(rule: ir.Rule) -> tuple[ir.Citation, ...]:
    return tuple(one for one in rule.citations if one.instrument is None)


def test_every_rule_says_which_facts_it_encodes(encoded: Encoded) -> None:
    """They are known, they are those of the articles it cites, and no fact that a rule can check is left out."""
    known = FACTS[encoded.label]
    named: set[str] = set()
    for rule in encoded.policy.rules:
        ids = _ids(_comment(encoded, rule))
        assert ids and ids <= set(known), rule.name
        articles = {(numbers_of(str(one)) or (0,))[0] for one in _own(rule)}
        assert {int(id.partition("-")[2].partition(".")[0]) for id in ids} == articles, rule.name
        named |= ids
    assert set(known) - named == NO_RULE[encoded.label]


def test_no_rule_claims_to_be_surer_than_its_article(encoded: Encoded) -> None:
    for rule in encoded.policy.rules:
        said = re.search(r"\((A-|A|B|C|U)(?![\w-])", _comment(encoded, rule))
        assert said, f"{rule.name} does not say how sure it is"
        for grade in _grades(encoded.text, rule):
            assert GRADES.index(said[1]) >= GRADES.index(grade), rule.name


def test_nothing_cites_a_place_that_is_uncertain(encoded: Encoded) -> None:
    assert [rule.name for rule in encoded.policy.rules if "U" in _grades(encoded.text, rule)] == []


def _comment(encoded: Encoded, rule: ir.Rule) -> str:
    """The lines of comment right above a rule."""
    lines = encoded.compiled.sources[rule.span.path].text.splitlines()[:rule.span.line - 1]
    found: list[str] = []
    while lines and lines[-1].startswith("#"):
        found.insert(0, lines.pop().lstrip("# "))
    return " ".join(found)


def _ids(comment: str) -> set[str]:
    return set(re.findall(r"\b[DF]-[0-9]+(?:\.[0-9]+)?\b", comment))


def _grades(text: Text, rule: ir.Rule) -> Iterator[str]:
    for citation in _own(rule):
        place = text.find(str(citation))
        assert place is not None
        yield from (part.grade for part in place.paragraphs) if isinstance(place, Article) else (place.grade,)
