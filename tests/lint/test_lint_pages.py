"""Every lint has a page, and every page is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policyengine.analysis.lint import LINTS
from tests.support.literate import check_page, policies

FOLDER = Path(__file__).parent
PAGES = sorted(FOLDER.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path) -> None:
    check_page(page, lints=["unused-definition"] if page.stem == "ignores" else [page.stem])


def test_every_lint_has_a_page_and_every_page_a_lint() -> None:
    assert {page.stem for page in PAGES} == {lint.name for lint in LINTS} | {"ignores"}


@pytest.mark.parametrize("lint", LINTS, ids=lambda lint: lint.name)
def test_a_page_has_loud_and_silent_policies(lint) -> None:
    pages = policies((FOLDER / f"{lint.name}.md").read_text("utf-8"))
    loud = [page for page in pages if f"[{lint.name}]" in page.policy.text]
    assert loud and len(loud) < len(pages)


@pytest.mark.parametrize("lint", LINTS, ids=lambda lint: lint.name)
def test_the_explanation_has_its_five_parts(lint) -> None:
    parts = [part for part in re.split(r"\n\n", lint.explanation.strip()) if part]
    assert [part.split(":")[0] for part in parts[1:]] == ["Why", "Example", "Instead", "Fine"]
