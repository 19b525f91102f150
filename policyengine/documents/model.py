"""A legal text as plain data: its lines as they read, and the tree of numbered units they make up.

A reader of one format gives the lines; `structure` finds the units in them. Neither knows policies or other versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal

from policyengine.base.record import record
from policyengine.base.source import Span

Language = Literal["en", "zh"]

Kind = Literal["part", "chapter", "section", "article", "paragraph", "item"]
"""What a unit is, from the widest. `section` divides a chapter (节); what an American code calls a section (§ 22602) is
an `article`. Items hold items."""


@record
class Line:
    """One paragraph of a text as a reader of it sees it: no markup, no line break inside, no spaces at its ends.

    `level` is the heading's depth (1 the title) or 0. What a word processor numbers by itself is written out in `text`.
    `span` is where it stands: lines of a text file; of a word processor's file, line N is its Nth paragraph; of a PDF,
    line N of its text and `column` 1.
    """

    text: str
    level: int = 0
    span: Span = field(default=Span("", 1, 1, 1, 1), compare=False)


@record
class Unit:
    """One unit of the tree.

    `number` is canonical and its own alone: `18` of 第十八条 and of Article 18, `3` of （三）, `c` of (c), `ii` of
    (ii), `22602` of § 22602, `18-1` of 第十八条之一; the place among its siblings where it carries none (the second
    paragraph of an article is `2`), and empty for a heading without number. `label` is the number as written, empty
    where there is none. `place` is the citation: `Art. 18(2)(3)`, `Ch. 2` for a chapter, `§ 22602(c)(2)`. `text` is its
    own, without label, heading and children. `lines` is the half-open range of the document's lines it covers with
    all its children.
    """

    kind: Kind
    number: str
    label: str
    place: str
    heading: str
    text: str
    children: tuple[Unit, ...]
    lines: tuple[int, int]

    def walk(self) -> Iterator[Unit]:
        """Itself and everything below it, in the order written."""
        yield self
        for child in self.children:
            yield from child.walk()


@record
class Document:
    """One text: `path` as the user named it, its title, the language most of it is in, its lines, its units.

    Lines before the first unit (title, dates, a preamble) belong to no unit.
    """

    path: str
    title: str
    language: Language
    lines: tuple[Line, ...]
    units: tuple[Unit, ...]

    def articles(self) -> tuple[Unit, ...]:
        """The articles in the order written, wherever in the tree they stand."""
        return tuple(unit for root in self.units for unit in root.walk() if unit.kind == "article")
