"""The articles of one version, from `text.md`: what a citation such as `Art. 18(2)` names.

In: the Markdown of one `text.md`. Out: a `Text` of articles, paragraphs (款) and items (项) with their grades of
certainty and places, and a diagnostic for everything that would make a citation doubtful: a number given twice or left
out, a heading or a sentence that belongs to no article, a paragraph without a grade. It knows no rules; `coverage.py`
joins the two.

The layout is described in regulations/README.md. This is the only module that imports markdown-it-py, which takes
longer to import than a check takes to run, so a check does not import this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from policyengine.base.diagnostic import Diagnostic, Note, did_you_mean, error, in_order, shorten
from policyengine.base.source import Source, Span

GRADES: Final = ("A", "A-", "B", "C", "U")
"""How sure a paragraph is, the surest first. regulations/README.md says what each means."""


@dataclass(frozen=True, slots=True)
class Item:
    """A numbered point inside a paragraph, `Art. 23(1)(3)`; may hold items. `grade` is its own or the paragraph's."""

    number: int
    text: str
    grade: str
    items: tuple[Item, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A numbered paragraph of an article, `Art. 18(2)`; `text` is one line without the grade."""

    number: int
    text: str
    grade: str
    items: tuple[Item, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Article:
    """`Art. 18` with its headings in English and Chinese (empty where there is none) and its notes, which are ours and
    not the regulation's. `span` is the heading's line."""

    number: int
    heading_en: str
    heading_zh: str
    chapter: str
    paragraphs: tuple[Paragraph, ...]
    notes: tuple[str, ...]
    span: Span = field(compare=False)


Place = Article | Paragraph | Item


@dataclass(frozen=True)
class Text:
    """All articles of one version, in the order written."""

    title_en: str
    title_zh: str
    articles: tuple[Article, ...]

    @cached_property
    def _places(self) -> dict[tuple[int, ...], Place]:
        # reversed, so that of two articles with one number the first is meant; the second is already reported
        return {numbers: place for article in reversed(self.articles) for numbers, place in _inside(article)}

    def places(self) -> tuple[tuple[str, Place], ...]:
        """Every place with its citation, in the order written: each article, its paragraphs, each with its items."""
        return tuple((cite(numbers), place) for article in self.articles for numbers, place in _inside(article))

    def find(self, citation: str) -> Place | None:
        """What `Art. 18`, `Art. 18(2)` or `Art. 23(1)(3)` names; None when there is no such place."""
        numbers = numbers_of(citation)
        return None if numbers is None else self._places.get(numbers)

    def nearest(self, citation: str) -> str | None:
        """The citation that may have been meant by one that names nothing; None when there are no articles.

        `Art. 18(3)` of an article with two paragraphs gives `Art. 18(2)`, and `Art. 99` the article nearest in number.
        """
        numbers = numbers_of(citation)
        if numbers is None or not self.articles:
            return None
        article = min((a.number for a in self.articles), key=lambda n: (abs(n - numbers[0]), n))
        near: tuple[int, ...] = (article,)
        if article != numbers[0]:
            return cite(near)
        for number in numbers[1:]:
            children = _children(self._places[near])
            if not children:
                break
            close = min((c.number for c in children), key=lambda n: (abs(n - number), n))
            near = (*near, close)
            if close != number:
                break
        return cite(near)

    def why_absent(self, citation: str) -> str:
        """What a citation ran into, for a message: "`Art. 18` has 2 paragraphs"; empty when it names a place."""
        numbers = numbers_of(citation)
        if numbers is None:
            return "a citation reads `Art. 18`, `Art. 18(2)` or `Art. 23(1)(3)`"
        for length in range(1, len(numbers) + 1):
            if numbers[:length] in self._places:
                continue
            if length == 1:
                return f"the text has {_count(len(self.articles), 'article')}"
            parts = _count(len(_children(self._places[numbers[: length - 1]])), "paragraph" if length == 2 else "item")
            return f"`{cite(numbers[: length - 1])}` has {parts}"
        return ""


_CITATION: Final = re.compile(r"Art\.[ ]?([0-9]{1,6})((?:[ ]?\([0-9]{1,6}\))*)")
_HEADING: Final = re.compile(r"Art\. ([1-9][0-9]{0,5}) ([^|]*[^| ])(?: \| ([^|]*[^| ]))?")


def numbers_of(citation: str) -> tuple[int, ...] | None:
    """`Art. 18(2)` as (18, 2); None when the text is no citation of this form."""
    read = _CITATION.fullmatch(citation.strip())
    return None if read is None else (int(read[1]), *(int(n) for n in re.findall(r"[0-9]+", read[2])))


def cite(numbers: Sequence[int]) -> str:
    """(18, 2) as `Art. 18(2)`, the one spelling used in reports."""
    return f"Art. {numbers[0]}" + "".join(f"({n})" for n in numbers[1:])


def read_text(path: str, text: str) -> tuple[Text, tuple[Diagnostic, ...]]:
    """The articles of a `text.md`; `path` is only the name used in spans. What could be read is returned."""
    # The whole is CommonMark without the extensions, so that every Markdown reader shows the same numbers.
    root = SyntaxTreeNode(MarkdownIt("commonmark").parse(text))
    reader = _Reader(Source(path, text))
    result = reader.text(root)
    return result, in_order(reader.found)


def _children(place: Place) -> tuple[Paragraph, ...] | tuple[Item, ...]:
    match place:
        case Article():
            return place.paragraphs
        case _:
            return place.items


def _inside(place: Place, above: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Place]]:
    numbers = (*above, place.number)
    yield numbers, place
    for child in _children(place):
        yield from _inside(child, numbers)


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


@dataclass(slots=True)
class _Reader:
    """Turns Markdown blocks into articles and collects what was wrong."""

    source: Source
    found: list[Diagnostic] = field(default_factory=list)

    def span(self, node: SyntaxTreeNode, *, first_line: bool = False) -> Span:
        start, end = node.map or (0, 1)
        if first_line:
            end = start + 1
        while end > start + 1 and not self.source.line(end).strip():
            end -= 1  # a list item's block runs on over the empty lines behind it
        line = self.source.line(start + 1)
        column = len(line) - len(line.lstrip()) + 1
        return Span(self.source.path, start + 1, column, end, len(self.source.line(end)) + 1)

    def wrong(self, name: str, message: str, node: SyntaxTreeNode, label: str = "", *, notes: tuple[Note, ...] = (),
              help: str = "") -> None:
        self.found.append(error(name, message, self.span(node, first_line=True), label, notes=notes, help=help))

    def text(self, root: SyntaxTreeNode) -> Text:
        title, chapter = ("", ""), ""
        # Before the first chapter or article anything may stand: what the text is and how sure. Below a heading that is
        # neither nothing is read, so that one mistake is one message.
        loose = False
        articles: list[Article | None] = []  # None: one that could not be read
        blocks: list[SyntaxTreeNode] = []
        head: SyntaxTreeNode | None = None
        for node in (*root.children, None):
            if node is not None and node.type != "heading":
                if head is not None:
                    blocks.append(node)
                elif loose:
                    self.wrong("loose-text", "this text belongs to no article", node)
                continue
            if head is not None:
                articles.append(self.article(head, blocks, chapter))
            head, blocks = None, []
            match node:
                case None:
                    pass
                case SyntaxTreeNode(tag="h1") if title == ("", "") and not loose and not articles:
                    title = self.pair(node)
                case SyntaxTreeNode(tag="h2"):
                    loose, chapter = True, _plain(node)
                case SyntaxTreeNode(tag="h3"):
                    loose, head = True, node
                case _:
                    loose = False
                    articles.append(None)
                    self.wrong("not-an-article", f"the heading `{shorten(_plain(node))}` is no chapter and no article",
                               node, help="write a chapter with `##` and an article with `###`")
        if not articles and not self.found:
            self.found.append(error("no-articles", "the text has no article", Span(self.source.path, 1, 1, 1, 1)))
        self.check_numbers(articles)
        return Text(*title, tuple(article for article in articles if article is not None))

    def pair(self, heading: SyntaxTreeNode) -> tuple[str, str]:
        english, _, chinese = _plain(heading).partition("|")
        return english.strip(), chinese.strip()

    def article(self, heading: SyntaxTreeNode, blocks: list[SyntaxTreeNode], chapter: str) -> Article | None:
        read = _HEADING.fullmatch(_plain(heading))
        if read is None:
            self.wrong("not-an-article", f"the heading `{shorten(_plain(heading))}` names no article", heading,
                       help="write it as `### Art. 18 Labels and reminders | 标识与提醒`")
            return None
        paragraphs: list[Paragraph] = []
        notes: list[str] = []
        for block in blocks:
            match block.type:
                case "ordered_list":
                    for node in block.children:
                        number, text, grade, items = self.point(node, len(paragraphs) + 1, f"Art. {read[1]}", "")
                        paragraphs.append(Paragraph(number, text, grade, items, self.span(node)))
                case "blockquote":
                    notes.append(_plain(block))
                case _:
                    self.wrong("loose-text", f"this text is in no numbered paragraph of `Art. {read[1]}`", block,
                               help="number it, or make it a note of ours with `>`")
        if not paragraphs:
            self.wrong("empty-article", f"`Art. {read[1]}` has no paragraph", heading)
        return Article(int(read[1]), read[2], read[3] or "", chapter, tuple(paragraphs), tuple(notes),
                       self.span(heading))

    def point(self, node: SyntaxTreeNode, number: int, above: str, grade_above: str) \
            -> tuple[int, str, str, tuple[Item, ...]]:
        """A paragraph or an item: its number, text, grade and items. Markdown shows list items by their position, so
        the position is the number, and a written number that differs is reported."""
        name = f"{above}({number})"
        if node.info != str(number):
            self.wrong("wrong-number", f"`{name}` is written as number {node.info}", node,
                       help=f"number it {number}, or add what is missing before it")
        texts: list[str] = []
        lists: list[SyntaxTreeNode] = []
        for block in node.children:
            match block.type:
                case "paragraph" if not lists:
                    texts.append(_plain(block))
                case "ordered_list":
                    lists.append(block)
                case _:
                    self.wrong("loose-text", f"this text of `{name}` is neither its sentence nor an item", block)
        text, grade = self.graded(node, " ".join(texts), name, grade_above)
        items: list[Item] = []
        for child in (child for one in lists for child in one.children):
            item_number, item_text, item_grade, inner = self.point(child, len(items) + 1, name, grade)
            items.append(Item(item_number, item_text, item_grade, inner, self.span(child)))
        return number, text, grade, tuple(items)

    def graded(self, node: SyntaxTreeNode, text: str, name: str, grade_above: str) -> tuple[str, str]:
        """The text without its grade, and the grade, or that of the paragraph above."""
        read = re.fullmatch(r"(.*?)\s*`([^`]*)`", text)
        if read and read[2] in GRADES:
            if not read[1]:
                self.wrong("empty-paragraph", f"`{name}` has a grade and no text", node)
            return read[1], read[2]
        if read and len(read[2]) <= 2:
            known = ", ".join(f"`{grade}`" for grade in GRADES)
            self.wrong("unknown-grade", f"`{name}` has the grade `{read[2]}`, which does not exist", node,
                       notes=(Note(f"grades are {known}"),), help=did_you_mean(read[2].upper(), GRADES))
            return read[1], grade_above
        if not grade_above:
            self.wrong("no-grade", f"`{name}` does not say how sure it is", node,
                       help="end it with one of " + ", ".join(f"`{grade}`" for grade in GRADES))
        return text, grade_above

    def check_numbers(self, articles: list[Article | None]) -> None:
        first: dict[int, Article] = {}
        expected: int | None = 1
        for article in articles:
            if article is None:
                expected = None  # whatever follows may be right
                continue
            if (earlier := first.setdefault(article.number, article)) is not article:
                self.found.append(error("duplicate-article", f"`Art. {article.number}` stands twice", article.span,
                                        notes=(Note("the first stands here", earlier.span),)))
                expected = None
                continue
            if expected is not None and article.number != expected:
                self.found.append(error("article-gap", f"expected `Art. {expected}`, found `Art. {article.number}`",
                                        article.span))
            expected = article.number + 1


def _plain(node: SyntaxTreeNode) -> str:
    """The text of a block on one line, inline code kept in its backticks and other marks dropped."""
    parts: list[str] = []
    for part in node.walk():
        match part.type:
            case "text":
                parts.append(part.content)
            case "code_inline":
                parts.append(f"`{part.content}`")
            case "softbreak" | "hardbreak":
                parts.append(" ")
            case "paragraph" if parts:
                parts.append(" ")
            case _:
                pass
    return "".join(parts).strip()
