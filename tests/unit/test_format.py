"""The canonical layout, pinned on one file with every form of the language."""

from pathlib import Path

import pytest

from policyengine.base.columns import columns
from policyengine.syntax import ast
from policyengine.syntax.format import WIDTH, format_expression, format_file
from policyengine.syntax.parser import parse
from tests.support.golden import check_golden

FOLDER = Path(__file__).parent.parent / "golden" / "fmt"


def formatted(text: str) -> str:
    file, diagnostics = parse("p", text)
    assert diagnostics == ()
    return format_file(text, file)


def test_a_file_with_every_form() -> None:
    text = (FOLDER / "everything.policy").read_text(encoding="utf-8")
    found = formatted(text)
    check_golden(found, FOLDER / "everything.expected.policy")
    assert formatted(found) == found
    assert max(map(columns, found.split("\n"))) <= WIDTH


def test_a_file_with_a_mistake_is_left_alone() -> None:
    text = "rule   r\n  must\n"
    file, diagnostics = parse("p", text)
    assert diagnostics
    assert format_file(text, file) == text


@pytest.mark.parametrize(("text", "expected"), [
    ("", ""),
    ("\n\n# only\n\n\n# words \n", "# only\n\n# words\n"),
    ("param a = 1\n\n\n\nparam b = 2", "param a = 1\n\nparam b = 2\n"),
    ("rule a must x\nrule b must y", "rule a\n  must x\n\nrule b\n  must y\n"),
    ("rule a # one\n  must x # two\n  # three\n# four\nrule b # five\n  must y",
     "rule a  # one\n  must x  # two\n  # three\n\n# four\nrule b  # five\n  must y\n"),
    ("rule a\n    must (x # one\n      or y)", "rule a\n  must (x # one\n    or y)\n"),
    ("rule a must (not x)", "rule a\n  must (not x)\n"),
    ("rule a must (not x and y)", "rule a\n  must (not x and y)\n"),
    ("rule a must not ((x or y))", "rule a\n  must not (x or y)\n"),
    ("rule a must not (happen)", "rule a\n  must not (happen)\n"),
    ("rule a must x and\n y", "rule a\n  must x\n   and y\n"),
    ("rule a must x\n or (y and\n z)", "rule a\n  must x\n    or (y\n        and z)\n"),
    ('rule a "A"\n  zh\n\n "甲" must x fix "B" zh"乙"', 'rule a "A" zh "甲"\n  must x\n  fix "B" zh "乙"\n'),
    ('rule a "A" zh  # why\n "甲"\n must x', 'rule a "A" zh  # why\n  "甲"\n  must x\n'),
])
def test_layout(text: str, expected: str) -> None:
    assert formatted(text) == expected
    assert formatted(expected) == expected


@pytest.mark.parametrize(("english", "chinese", "expected"), [
    (41, 30, "{head} {english} {chinese}"), (42, 30, "{head} {english}\n    {chinese}"),
    (107, 1, "{head} {english}\n    {chinese}"), (108, 1, "{head}\n    {english}\n    {chinese}")])
@pytest.mark.parametrize("head", ["rule abcde", "rule r\n  must x\n  fix"])
def test_english_and_chinese_stand_on_one_line_where_they_fit(head: str, english: int, chinese: int,
                                                              expected: str) -> None:
    """A Chinese letter takes two columns: ten of `head`, a space, the quotes and `zh` besides, 120 in all."""
    before = head.splitlines()[-1]
    english += 10 - len(before)
    said = expected.format(head=head, english=f'"{"e" * english}"', chinese=f'zh "{"字" * chinese}"')
    text = said if "must" in head else f"{said}\n  must x"
    assert formatted(text.replace("\n    ", " ")) == f"{text}\n"
    assert formatted(f"{text}\n") == f"{text}\n"


@pytest.mark.parametrize("text", [
    "(a or b) and not (c and d)", "(a + b) * c", "a + b * c", "a - (b - c)", "a contains (all)", "(a = b) = c",
    "count of x since y where (z) <= 3", "(x by a + 3 days) = true", "latest x.y where (z) is missing",
    'every x in a.b where (x.c = "d") satisfies (x.e or x.f)', "1 minute", "-5 < a"])
def test_brackets_stand_where_meaning_needs_them(text: str) -> None:
    file, diagnostics = parse("p", f"define d = ({text})")
    assert diagnostics == ()
    [declaration] = file.declarations
    assert isinstance(declaration, ast.Define)
    assert format_expression(declaration.value) == text
