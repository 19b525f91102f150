"""A regulation's own `text.md` as a document to compare: articles, paragraphs and items as rules cite them.

In: what `regulation.text` read. Out: a `Document`. The grades of certainty and the notes are ours and no text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from policyengine.base.source import Span
from policyengine.documents.model import Document, Kind, Line, Unit
from policyengine.documents.numbering import read_heading
from policyengine.documents.structure import language_of
from policyengine.regulation.text import Article, Item, Paragraph, Text, cite


def document_of(path: str, text: Text) -> Document:
    """The document of a version's text; `path` is the name the user gave it."""
    writer = _Writer(path)
    title = _both(text.title_en, text.title_zh)
    writer.line(title, 1, Span(path, 1, 1, 1, 1))
    units: list[Unit] = []
    chapter, start = "", 0
    inside: list[Unit] = []

    def close() -> None:
        if inside and chapter:
            units.append(_chapter(chapter, tuple(inside), (start, len(writer.lines))))
        else:
            units.extend(inside)
        inside.clear()

    for article in text.articles:
        if article.chapter != chapter:
            close()
            chapter, start = article.chapter, len(writer.lines)
            if chapter:
                writer.line(chapter, 2, article.span)
        inside.append(writer.article(article))
    close()
    lines = tuple(writer.lines)
    return Document(path, title, language_of(lines), lines, tuple(units))


@dataclass(slots=True)
class _Writer:
    path: str
    lines: list[Line] = field(default_factory=list)

    def line(self, text: str, level: int, span: Span) -> int:
        """The number of the line that is added."""
        self.lines.append(Line(text, level, span))
        return len(self.lines) - 1

    def article(self, article: Article) -> Unit:
        heading = _both(article.heading_en, article.heading_zh)
        label = cite((article.number,))
        start = self.line(f"{label} {heading}".strip(), 3, article.span)
        children = tuple(self.point("paragraph", paragraph, (article.number,)) for paragraph in article.paragraphs)
        return Unit("article", str(article.number), label, label, heading, "", children, (start, len(self.lines)))

    def point(self, kind: Kind, point: Paragraph | Item, above: tuple[int, ...]) -> Unit:
        label = f"{point.number}." if kind == "paragraph" else f"({point.number})"
        start = self.line(f"{label} {point.text}", 0, point.span)
        numbers = (*above, point.number)
        children = tuple(self.point("item", item, numbers) for item in point.items)
        return Unit(kind, str(point.number), label, cite(numbers), "", point.text, children, (start, len(self.lines)))


def _chapter(heading: str, articles: tuple[Unit, ...], lines: tuple[int, int]) -> Unit:
    label = read_heading(heading)
    if label is None:
        return Unit("chapter", "", "", heading, heading, "", articles, lines)
    return Unit("chapter", label.number, label.written, f"Ch. {label.number}", heading[label.end:].strip(), "",
                articles, lines)


def _both(english: str, chinese: str) -> str:
    return " | ".join(part for part in (english, chinese) if part)
