"""Each page of this folder says what a diff says of two small policies; and what holds of every diff holds of these."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyengine.diff.model import RuleChange
from tests.support.diff_pages import changes, check_page, pairs

PAGES = sorted(Path(__file__).parent.glob("*.md"))
MIRROR = {"stricter": "looser", "looser": "stricter", "new": "dropped", "dropped": "new"}
EACH = [pytest.param(old, new, id=f"{page.stem}-{number}") for page in PAGES
        for number, (old, new) in enumerate(pairs(page), 1)]


def test_there_are_pages() -> None:
    assert len(PAGES) >= 3
    assert len(EACH) >= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path) -> None:
    check_page(page)


@pytest.mark.parametrize(("old", "new"), EACH)
def test_the_other_way_round_is_the_mirror(old: str, new: str) -> None:
    there, back = _directions(changes(old, new)), _directions(changes(new, old))
    assert {names[::-1]: MIRROR.get(word, word) for names, word in there.items()} == back


@pytest.mark.parametrize(("old", "new"), EACH)
def test_a_version_with_itself_is_equivalent(old: str, new: str) -> None:
    for one in (old, new):
        assert {change.direction for change in changes(one, one)} == {"equivalent"}
        assert all(not change.edits for change in changes(one, one))


@pytest.mark.parametrize(("old", "new"), EACH)
def test_every_witness_separates(old: str, new: str) -> None:
    for change in changes(old, new):
        if change.direction in ("stricter", "mixed"):
            assert any(one.new == "violated" != one.old for one in change.witnesses)
        if change.direction in ("looser", "mixed"):
            assert any(one.old == "violated" != one.new for one in change.witnesses)
        assert all(one.old != one.new for one in change.witnesses)


def _directions(found: tuple[RuleChange, ...]) -> dict[tuple[str, str], str]:
    return {(one.old.name if one.old else "", one.new.name if one.new else ""): one.direction for one in found}
