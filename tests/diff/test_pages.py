"""Each page of this folder says what a diff says of two small policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.diff_pages import check_page

PAGES = sorted(Path(__file__).parent.glob("*.md"))


def test_there_are_pages() -> None:
    assert len(PAGES) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path) -> None:
    check_page(page)
