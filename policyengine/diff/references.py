"""Cross-references: which article a text names, and whether it still names the same one after renumbering.

In: lines of text, and which places became which. Out: citations, and those that did not follow. A reference into
another law is none of ours. It knows no alignment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from policyengine.base.record import record
from policyengine.diff.tokens import referred
from policyengine.documents.numbering import integer, plain, read_citation

_OTHER_LAW: Final = re.compile(
    r"(?:》|(?<![本依违合执司办])法|(?<!本)(?:条例|办法|规定|细则|法典|公约|议定书))\s*$")
_LIST: Final = re.compile(r"\s*(?:[、，]|和|或者?|及|以及|至|与|, | and | or | to )\s*$")
_OF_ANOTHER: Final = re.compile(
    r"(?:,? (?:and|or|to) [0-9]+[a-z]?)? of (?:the )?(?!this\b|the present\b|these\b)"
    r"(?:[A-Z][A-Za-z]*|Regulation|Directive|Act|Law|Code|Constitution|Treaty|Charter)\b")
_INNER_CHINESE: Final = re.compile(
    r"(?:第([0-9零一二三四五六七八九十百]+)款)?(?:第\(?([0-9零一二三四五六七八九十百]+)\)?项)?")
_INNER_ENGLISH: Final = re.compile(
    r"(?:paragraphs?|subparagraphs?|subdivisions?|subsections?|points?)[ \u00a0]([0-9a-z]{1,4})?"
    r"((?:\([0-9A-Za-z]{1,4}\))*)", re.IGNORECASE)


@record
class Reference:
    """One reference of a line: its words, its offset, and the citation it stands for within this text."""

    text: str
    start: int
    place: str


def references(text: str, label: int, article: str) -> list[Reference]:
    """The references of a line to places of its own text; `article` is the one the line stands in."""
    found: list[Reference] = []
    external, end = False, -1
    for start, named in referred(text, label):
        listed = end >= 0 and _LIST.fullmatch(text[end:start]) is not None
        external = external if listed else _OTHER_LAW.search(text[max(0, start - 12):start]) is not None
        end = start + len(named)
        if external or _OF_ANOTHER.match(text[end: end + 60]):
            continue
        place = cited(named, article)
        if place:
            found.append(Reference(named, start, place))
    return found


def cited(text: str, article: str) -> str | None:
    """The citation a reference stands for: 第二款 inside Art. 18 is `Art. 18(2)`; None for 前款 and the like."""
    place = read_citation(text)
    if place is not None:
        return place
    head = plain(text)
    if (read := _INNER_CHINESE.fullmatch(head)) and read[1]:
        return article + "".join(f"({integer(inner)})" for inner in read.groups() if inner)
    if (english := _INNER_ENGLISH.fullmatch(head)) and (english[1] or english[2]):
        return article + (f"({english[1]})" if english[1] else "") + re.sub(r"\s", "", english[2])
    return None


def base(place: str) -> str:
    """The article of a citation: `Art. 18` of `Art. 18(2)`."""
    return place.partition("(")[0].strip()


def became(place: str, places: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """What a place of the old text is called in the new one: its own entry, or its article's with the rest kept."""
    if place in places:
        return places[place]
    article = base(place)
    return frozenset(new + place[len(article):] for new in places.get(article, ()))


def follows(old: str, new: str, old_article: str, new_article: str, places: Mapping[str, frozenset[str]]) -> bool:
    """True when a changed reference names what its old target has become."""
    before, after = cited(old, old_article), cited(new, new_article)
    if before is None or after is None:
        return False
    return after in became(before, places)
