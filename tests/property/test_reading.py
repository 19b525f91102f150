"""Every rule can be said in both languages; in Chinese nothing is left in English but what the policy calls so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings

from policyengine.core.walk import nodes
from policyengine.syntax import ast
from policyengine.syntax.format import format_expression
from policyengine.syntax.parser import parse
from policyengine.workspace.reading_sentence import sentence
from tests.support.ast_strategies import rules

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(path.relative_to(ROOT).as_posix() for folder in ("regulations", "examples", "policyengine", "tests")
                 for path in (ROOT / folder).rglob("*.policy") if "golden" not in path.parts)

PARAMS = {"age": "10 minutes", "x1": "14", "_y": "true"}
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORD = re.compile(r"(?<![0-9A-Za-z_])[A-Za-z_][0-9A-Za-z_]*")
_CHINESE = re.compile("[\u3000-\u9fff\uff00-\uffef]")


def left_over(rule: ast.Rule, said: str) -> set[str]:
    """English words of a Chinese sentence that are neither names nor texts of the rule."""
    named = {word for one in nodes(rule) if isinstance(one, ast.Name) for word in _WORD.findall(one.text)}
    cited = {word for one in nodes(rule.unless) if isinstance(one, ast.Citation) for word in _WORD.findall(str(one))}
    return set(_WORD.findall(_TEXT.sub("", said))) - named - cited


@given(rules)
@settings(max_examples=300)
def test_a_rule_is_said_in_chinese_without_english(rule: ast.Rule) -> None:
    said = sentence(rule, PARAMS, "zh")
    assert said.endswith("。")
    assert left_over(rule, said) == set()
    assert "\n" not in _TEXT.sub("", said)


@given(rules)
def test_a_rule_is_said_in_english_without_chinese(rule: ast.Rule) -> None:
    assert not _CHINESE.search(_TEXT.sub("", sentence(rule, PARAMS)))


@pytest.mark.parametrize("path", SHIPPED)
def test_shipped_rules_are_said_in_chinese_without_english(path: str) -> None:
    file, wrong = parse(path, (ROOT / path).read_text("utf-8"))
    assert not wrong
    params = {one.name.text: format_expression(one.value) for one in file.declarations if isinstance(one, ast.Param)}
    for rule in file.declarations:
        if isinstance(rule, ast.Rule):
            said = sentence(rule, params, "zh")
            assert said.endswith("。")
            assert left_over(rule, said) == set()
