"""Four real statutes in two versions: the links a lawyer draws, held by number; the texts are not part of the project.

    STATUTES=FOLDER make test TESTS=tests/comparison

The folder holds files such as `ozone-2018-03-19.md`, the official texts in Markdown.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from policyengine.diff.script import accept, reject
from policyengine.diff.text import diff_texts
from policyengine.documents.model import Document
from policyengine.documents.read import read_document

Links = set[tuple[int, int]]


def shifted(first: int, last: int, by: int) -> Links:
    """Articles that kept their order: each became the one `by` further on."""
    return {(number, number + by) for number in range(first, last + 1)}


LINKS: dict[tuple[str, str], Links] = {
    ("public-holidays-2013-12-11", "public-holidays-2024-11-10"): shifted(1, 6, 0) | {(7, 8)},
    ("ozone-2018-03-19", "ozone-2023-12-29"):
        shifted(1, 16, 0) | {(17, 17), (19, 17), (18, 18)} | shifted(20, 38, -1) | {(39, 40), (40, 39), (41, 42)},
    ("sme-payments-2020-07-05", "sme-payments-2025-03-17"):
        shifted(1, 3, 0) | shifted(4, 13, 1) | {(14, 16), (15, 17), (16, 18), (17, 24), (17, 25), (18, 20), (19, 26)}
        | {(20, 27), (21, 23), (27, 33), (27, 34)} | shifted(22, 26, 6) | shifted(28, 29, 8),
    ("civil-procedure-2021-12-24", "civil-procedure-2023-09-01"):
        shifted(1, 193, 0) | shifted(194, 272, 4) | {(273, 279), (274, 283)} | shifted(275, 289, 10) | {(290, 304),
                                                                                                        (291, 306)},
}


def statute(name: str) -> Document:
    path = Path(os.environ["STATUTES"]) / f"{name}.md"
    read, found = read_document(str(path), path.read_bytes())
    assert read is not None, found
    return read


@pytest.mark.parametrize("pair", LINKS, ids=lambda pair: str(pair[1]))
def test_links_a_lawyer_draws(pair: tuple[str, str]) -> None:
    old, new = statute(pair[0]), statute(pair[1])
    diff = diff_texts(old, new)
    found = {(number(left), number(right)) for change in diff.articles for left in change.old for right in change.new}
    wanted = LINKS[pair]
    assert 2 * len(found & wanted) / (len(found) + len(wanted)) >= 0.97, (found - wanted, wanted - found)
    assert not found - wanted, "no link that a lawyer would not draw"
    assert accept(diff.script) == tuple(line.text for line in new.lines)
    assert reject(diff.script) == tuple(line.text for line in old.lines)


def number(place: str) -> int:
    return int(place.removeprefix("Art. "))
