"""The manual of the language is true: every page is judged by the reference evaluator."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.literate import blocks, check_page

FOLDER = Path(__file__).parent
PAGES = sorted(FOLDER.glob("*.md"))
REFERENCE = FOLDER.parents[1] / "docs" / "language.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path) -> None:
    check_page(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_says_what_comes_out(page: Path) -> None:
    """A page whose blocks say nothing about verdicts or messages could not fail."""
    said = [block for _, block in blocks(page.read_text("utf-8"))
            if block.text.strip() and (block.kind in ("verdicts", "evidence", "diagnostics")
                                       or (block.kind == "policy" and re.search(r"# (error|warning): \[", block.text)))]
    assert said


def test_the_reference_links_every_page() -> None:
    linked = set(re.findall(r"\(\.\./tests/language/([\w-]+\.md)\)", REFERENCE.read_text("utf-8")))
    manual = {page.name for page in PAGES if page.name[0].isdigit()}
    assert linked >= manual
    assert {name for name in linked if not (FOLDER / name).exists()} == set()
