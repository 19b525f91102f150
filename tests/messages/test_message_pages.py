"""Every message of the analysis is written out once as users see it, and every name of an error stands on a page."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.literate import check_page

FOLDER = Path(__file__).parent
PAGES = sorted(FOLDER.glob("*.md"))
ANALYSIS = Path(__file__).resolve().parents[2] / "policyengine" / "analysis"

# Reported where a page cannot show them: with an article text, a base policy, no calendar, no header, or a tree that
# the parser refuses to build. tests/unit/test_lower.py has them.
ELSEWHERE = {"unknown-citation", "not-tunable", "no-calendar", "no-vocabulary", "no-header", "no-must"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path) -> None:
    check_page(page)


def test_every_error_name_stands_on_a_page() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    names = {name for file in ("names.py", "infer.py", "lower.py", "declare.py", "compile.py")
             for name in _names(ast.parse((ANALYSIS / file).read_text("utf-8")))}
    assert len(names) > 15
    assert {name for name in names - ELSEWHERE if f"[{name}]" not in text} == set()


def _names(tree: ast.Module) -> set[str]:
    """The first arguments of the calls that make diagnostics."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            made = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if made in ("error", "fault") and isinstance(node.args[0].value, str):
                found.add(node.args[0].value)
    return found
