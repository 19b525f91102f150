"""The editor's grammar knows every word of the language, and its patterns are regular expressions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policyengine.syntax.grammar import CLAUSES, DECLARATIONS, RESERVED

FOLDER = Path(__file__).parents[2] / "editors" / "vscode"
GRAMMAR = json.loads((FOLDER / "syntaxes" / "guiju.tmLanguage.json").read_text("utf-8"))


def rules(part: Any) -> Iterator[tuple[str, str]]:
    """Every pattern of the grammar, with the name it gives to what it matches."""
    if isinstance(part, list):
        for one in part:
            yield from rules(one)
    elif isinstance(part, dict):
        for key in ("match", "begin", "end"):
            if key in part:
                yield str(part.get("name", "")), part[key]
        for one in part.values():
            yield from rules(one)


def named(line: str, word: str) -> set[str]:
    """The names of the patterns that match the word where it stands in the line."""
    at = line.index(word)
    return {name for name, pattern in rules(GRAMMAR) for found in re.finditer(pattern, line)
            if name and found.start() <= at and found.end() >= at + len(word)}


def test_patterns_compile() -> None:
    patterns = [pattern for _, pattern in rules(GRAMMAR)]
    assert len(patterns) > 10
    for pattern in patterns:
        re.compile(pattern)


@pytest.mark.parametrize("word", DECLARATIONS)
def test_declarations_are_coloured(word: str) -> None:
    assert "keyword.declaration.guiju" in named(f"{word} x", word)


@pytest.mark.parametrize("word", CLAUSES)
def test_clauses_are_coloured(word: str) -> None:
    assert "keyword.control.clause.guiju" in named(f"  {word} x", word)


@pytest.mark.parametrize("word", RESERVED)
def test_reserved_words_are_coloured(word: str) -> None:
    assert any(name.startswith(("keyword", "constant.language")) for name in named(f"  must a {word} b", word))


def test_a_name_that_only_begins_like_a_word_is_not_coloured() -> None:
    assert not named("  must notice", "notice") and not named("  must x.information", "information")


def test_zh_is_coloured_before_a_text_and_not_as_a_name() -> None:
    assert "keyword.operator.word.guiju" in named('rule r "A title" zh "标题"', "zh")
    assert not named("  must zh before", "zh") and not named('  must x.zh_cn = "zh"', "zh")


def test_the_manifest_names_files_that_exist() -> None:
    manifest = json.loads((FOLDER / "package.json").read_text("utf-8"))["contributes"]
    for path in (manifest["grammars"][0]["path"], manifest["languages"][0]["configuration"]):
        assert (FOLDER / path).is_file()
