"""Markdown to lines: what a reader of the rendered page sees, each paragraph with its place in the file.

In: Markdown (CommonMark and tables). Out: its headings, paragraphs, list items and table rows as `Line`s. Comments,
front matter, link targets and other marks are no text. A list item begins with its number as written, since in law that
is its name. markdown-it-py is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from policyengine.base.diagnostic import Diagnostic
from policyengine.base.source import Span
from policyengine.documents.model import Line
from policyengine.documents.numbering import read_heading, read_mark
from policyengine.documents.plain import clean, continues, glue, read_plain, split_lines

_TAG: Final = re.compile(r"</?([A-Za-z][A-Za-z0-9]{0,20})[^<>]{0,2000}>")
_BLOCK_TAGS: Final = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "table"})
_DEEPEST = 60
"""Levels of lists and quotations that are read; the parser takes some frames of the stack for each."""
_UNREAD: Final = ("script", "style")


def read_markdown(path: str, text: str) -> tuple[tuple[Line, ...], tuple[Diagnostic, ...]]:
    """The lines of a Markdown text; `path` is the name used in spans."""
    source = split_lines(text)
    # Indented text is text: statutes are indented, programs seldom stand in them.
    markdown = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable("table").disable("code")
    tokens = markdown.parse("\n".join(_without_front_matter(source)))
    if any(token.level >= _DEEPEST - 1 for token in tokens):
        return read_plain(path, text)  # what is nested deeper would be left out
    walk = _Walk(path, source)
    walk.read(tokens)
    return tuple(walk.lines), ()


def _without_front_matter(source: list[str]) -> list[str]:
    if source and source[0].rstrip() == "---":
        for end in range(1, min(len(source), 200)):
            if source[end].rstrip() in ("---", "..."):
                return [""] * (end + 1) + source[end + 1:]
    return source


@dataclass(slots=True)
class _Walk:
    path: str
    source: list[str]
    lines: list[Line] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)  # of list items whose first line has not come yet
    row: list[str] = field(default_factory=list)
    level: int = 0

    def read(self, tokens: list[Token]) -> None:
        in_table = False
        place = (0, 1)
        for token in tokens:
            place = (token.map[0], token.map[1]) if token.map else place
            match token.type:
                case "heading_open":
                    self.level = int(token.tag[1:])
                case "heading_close":
                    self.level = 0
                case "list_item_open":
                    self.marks.append(f"{token.info}{token.markup}" if token.info else "•")
                case "list_item_close":
                    self.marks.clear()
                case "table_open" | "table_close":
                    in_table = token.type == "table_open"
                case "tr_close":
                    self.add(" | ".join(self.row).strip(" |"), *place)
                    self.row = []
                case "inline" if in_table:
                    self.row.append(" ".join(text for text, _ in _inline(token)))
                case "inline":
                    self.paragraph(token, *place)
                case "fence" | "html_block":
                    content = token.content if token.type == "fence" else _without_tags(token.content)
                    for offset, line in enumerate(content.split("\n")):
                        self.add(clean(line), place[0] + offset, place[0] + offset + 1)
                case _:
                    pass

    def paragraph(self, token: Token, start: int, end: int) -> None:
        """One paragraph of Markdown: a new line begins where a unit does, and at a hard break."""
        parts: list[str] = []
        first = start
        for number, (text, hard) in enumerate(_inline(token)):
            if not text:
                continue
            labelled = (read_heading(text) or read_mark(text)) is not None
            if parts and (hard or (labelled and not continues(parts[-1], text))):
                self.add(glue(parts), first, min(end, start + number))
                parts = []
            if not parts:
                first = min(start + number, max(start, end - 1))
            parts.append(text)
        if parts:
            self.add(glue(parts), first, end)

    def add(self, text: str, start: int, end: int) -> None:
        if not text:
            return
        if self.marks:
            text, self.marks = " ".join([*self.marks, text]), []
        end = max(start + 1, min(end, len(self.source)))
        while end > start + 1 and not self.source[end - 1].strip():
            end -= 1
        head = self.source[start] if start < len(self.source) else ""
        last = self.source[end - 1] if end <= len(self.source) else ""
        self.lines.append(Line(text, self.level, Span(self.path, start + 1, len(head) - len(head.lstrip()) + 1, end,
                                                      len(last.rstrip()) + 1)))


def _inline(token: Token) -> Iterator[tuple[str, bool]]:
    """The physical lines of inline content without marks, and whether a hard break stands before each."""
    parts: list[str] = []
    hard = False
    for child in token.children or ():
        match child.type:
            case "softbreak" | "hardbreak":
                yield clean("".join(parts)), hard
                parts, hard = [], child.type == "hardbreak"
            case "text" | "code_inline":
                parts.append(child.content)
            case "image":
                parts.append(child.content)
            case "html_inline" if (tag := _TAG.fullmatch(child.content)) and tag[1].lower() == "br":
                yield clean("".join(parts)), hard
                parts, hard = [], True
            case _:
                pass
    yield clean("".join(parts)), hard


def _without_tags(html: str) -> str:
    """The text of a block of HTML inside Markdown; found without searching twice, however many comments are open."""
    kept: list[str] = []
    position = 0
    lower = html.lower()
    while position < len(html):
        start = html.find("<", position)
        if start < 0:
            kept.append(html[position:])
            break
        kept.append(html[position:start])
        if html.startswith("<!--", start):
            end = html.find("-->", start)
            position = len(html) if end < 0 else end + 3
            continue
        tag = _TAG.match(html, start)
        if tag is None:
            kept.append("<")
            position = start + 1
            continue
        name, position = tag[1].lower(), tag.end()
        if name in _UNREAD and not tag[0].startswith("</"):
            end = lower.find(f"</{name}", position)
            position = len(html) if end < 0 else end
        elif name in _BLOCK_TAGS:
            kept.append("\n")
    return "".join(kept)
