"""A web page to lines: its bytes in, headings, paragraphs, list items and table rows as they read out.

Numbers that a browser puts before list items are written out. A row of a table is one line, cells divided by ` | `;
where its first cell is a label alone ((a), 一、) the row is read as that item, and a table that lays out a page as what
stands in it. Left out is what is no text of the page: scripts, styles, forms' controls, navigation, footers, what is
hidden, and, where the page marks its main part, all else. Nothing is fetched. It does not know which lines are units.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from lxml import etree, html

from policyengine.base.diagnostic import Diagnostic, error, warning
from policyengine.base.source import Span
from policyengine.documents.encoding import decode
from policyengine.documents.model import Line
from policyengine.documents.numbering import read_heading, read_mark
from policyengine.documents.numerals import numeral
from policyengine.documents.plain import clean, is_wide

BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "html", "legend", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "ul"
})

HEADINGS = {f"h{level}": level for level in range(1, 7)}

# What is not read, by tag, by role, and by a name among the classes or as the id.
NO_TEXT = frozenset({
    "head", "script", "style", "noscript", "template", "nav", "footer", "aside", "button", "input", "select",
    "textarea", "iframe", "object", "audio", "video", "canvas", "svg", "map", "datalist", "dialog", "del", "rt", "rp"
})
NO_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "menu", "menubar"})
NO_NAMES = frozenset({"nav", "navbar", "navigation", "breadcrumb", "breadcrumbs", "sidebar", "menu", "footer",
                      "copyright"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)

# How a list counts: HTML's `type` or CSS's `list-style-type` -> the way to count and what follows the number.
COUNTS: dict[str, tuple[str, str]] = {
    "1": ("decimal", ". "), "a": ("lowerLetter", ". "), "A": ("upperLetter", ". "), "i": ("lowerRoman", ". "),
    "I": ("upperRoman", ". "), "decimal": ("decimal", ". "), "decimal-leading-zero": ("decimalZero", ". "),
    "lower-alpha": ("lowerLetter", ". "), "lower-latin": ("lowerLetter", ". "), "upper-alpha": ("upperLetter", ". "),
    "upper-latin": ("upperLetter", ". "), "lower-roman": ("lowerRoman", ". "), "upper-roman": ("upperRoman", ". "),
    "cjk-ideographic": ("chineseCounting", "、"), "simp-chinese-informal": ("chineseCounting", "、"),
    "trad-chinese-informal": ("chineseCounting", "、"), "cjk-decimal": ("ideographDigital", "、"),
}


def read_html(path: str, data: bytes) -> tuple[tuple[Line, ...] | None, tuple[Diagnostic, ...]]:
    """The lines of a web page; `path` is the name used in spans, which hold the line where a paragraph begins.

    The encoding is that of a byte order mark, else what the page declares, else UTF-8 or, where the text is Chinese,
    GB18030. None with an error where it has another, or the page has no text."""
    text, found = _text(path, data)
    if text is None:
        return None, found
    root = _tree(text)
    lines = _Reader(path).read(root) if root is not None else ()
    if not lines:
        return None, (*found, error("empty-document", "the page has no text", Span(path, 1, 1, 1, 1),
                                    help="save the page from a browser once it shows its text"))
    return lines, found


# ---- bytes to a tree --------------------------------------------------------------------------------------------

_DECLARED = re.compile(rb"""<meta[^>]{1,300}?charset\s*=\s*["']?\s*([\w.:-]{1,40})"""
                       rb"""|<\?xml[^>]{1,200}?encoding\s*=\s*["']([\w.:-]{1,40})""", re.IGNORECASE)

# Names that pages use for more than they say.
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "ascii": "cp1252",
          "utf-16": "utf-8", "utf-16-le": "utf-8", "utf-16-be": "utf-8"}  # who could read the name was not in UTF-16


def _text(path: str, data: bytes) -> tuple[str | None, tuple[Diagnostic, ...]]:
    declared = _DECLARED.search(data[:4096])
    marked = data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))
    if marked or declared is None:
        return decode(path, data)
    try:
        codec = codecs.lookup((declared[1] or declared[2]).decode("ascii", "replace")).name
        codec = _WIDER.get(codec, codec)
        return data.decode(codec), ()
    except (LookupError, UnicodeError):  # no such encoding, or the page was saved in another than it says
        text, found = decode(path, data)
    if text is not None:
        return text, ()
    try:
        text = data.decode(codec, "replace")
    except (LookupError, UnicodeError, NameError):
        return None, found
    wrong = text.count("\ufffd")
    return text, (warning("unknown-encoding", f"{wrong:,} character{'s' if wrong > 1 else ''} of the page "
                          f"{'are' if wrong > 1 else 'is'} not text in {codec.upper()}, which it declares",
                          Span(path, 1, 1, 1, 1), help="save the page as UTF-8"),)


def _tree(text: str) -> Any:
    """The part of the page that is read; None where the parser finds no element."""
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text.replace("\x00", "\ufffd"))
    parser = html.HTMLParser(remove_comments=True, remove_pis=True, no_network=True, huge_tree=True)
    try:
        root = html.document_fromstring(text, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None
    main = root.findall(".//main")
    return main[0] if len(main) == 1 and any(str(part).strip() for part in main[0].itertext()) else root


# ---- the walk ---------------------------------------------------------------------------------------------------

@dataclass(slots=True)
class _List:
    """An ordered list that is open: how it counts, and the next number."""

    format: str
    after: str
    next: int
    step: int


@dataclass(slots=True)
class _Reader:
    """Collects text until a block begins or ends. `number` waits for the first text of its item."""

    path: str
    lines: list[Line] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    number: str = ""
    level: int = 0
    line: int = 1
    pre: int = 0
    row: Any = None
    lists: list[_List | None] = field(default_factory=list)

    def read(self, root: Any) -> tuple[Line, ...]:
        """All lines below `root`. A walk without recursion, since a page may nest as deep as it likes."""
        walker = etree.iterwalk(root, events=("start", "end"))
        skipped: Any = None
        for event, element in walker:
            if not isinstance(element.tag, str):
                continue
            tag = element.tag.lower().rpartition(":")[2]
            if event == "start" and skipped is None:
                if _no_text(element, tag) and element is not root:
                    skipped = element
                    walker.skip_subtree()
                    continue
                skipped = element if self.start(element, tag) else None
                if skipped is not None:
                    walker.skip_subtree()
                    continue
                self.put(element.text)
            elif event == "end":
                if skipped is element:
                    skipped = None
                elif skipped is None:
                    self.end(element, tag)
                if skipped is None and element is not root:
                    self.put(element.tail)
        self.flush()
        return tuple(self.lines)

    def put(self, text: str | None) -> None:
        if not text:
            return
        if self.pre and self.row is None:
            for place, part in enumerate(text.replace("\r\n", "\n").split("\n")):
                if place:
                    self.flush()
                self.text.append(part)
        else:
            self.text.append(text)

    def start(self, element: Any, tag: str) -> bool:
        """Begins an element; true when all of it has been taken care of."""
        if tag == "br":
            self.text.append(" ") if self.level or self.row is not None else self.flush()
        if tag not in BLOCKS:
            return False
        if self.row is not None:
            if tag in ("td", "th") and "".join(self.text).strip():
                self.text.append(" | ")
            return False
        self.flush()
        self.line = element.sourceline or self.line
        if tag in HEADINGS:
            self.level = HEADINGS[tag]
        elif tag == "pre":
            self.pre += 1
        elif tag in ("ol", "ul"):
            self.lists.append(_counting(element) if tag == "ol" else None)
        elif tag == "li":
            self.item(element)
        elif tag == "tr" and _is_data(element):
            self.row = element
        elif tag in ("td", "th") and _has_label(element):
            self.number = _short_text(element) + " "
            return True
        return False

    def end(self, element: Any, tag: str) -> None:
        """Ends an element."""
        if tag not in BLOCKS or (self.row is not None and element is not self.row):
            return
        self.row = None
        self.flush()
        if tag in HEADINGS:
            self.level = 0
        elif tag == "pre":
            self.pre = max(0, self.pre - 1)
        elif tag in ("ol", "ul") and self.lists:
            self.lists.pop()

    def item(self, element: Any) -> None:
        """Takes the number of a list item."""
        current = self.lists[-1] if self.lists else None
        if current is None:
            return
        value = _whole(element.get("value"))
        number = current.next if value is None else value
        current.next = number + current.step
        self.number = numeral(number, current.format) + current.after

    def flush(self) -> None:
        """Ends the line that is open."""
        if not self.text:
            return
        raw, self.text = "".join(self.text), []
        text = clean(_joined(raw))
        if text:
            number, self.number = self.number, ""
            self.lines.append(Line(number + text, self.level, Span(self.path, self.line, 1, self.line, 1)))


def _joined(text: str) -> str:
    """Text as a browser sets it: white space is one space, and none where a line was broken between Chinese ones. After
    a label alone it is one: programs break lines where a space was."""
    parts = [part.strip() for part in re.split(r"[ \t\xa0]*[\r\n]\s*", _spaces(text))]
    joined = ""
    for part in filter(None, parts):
        tight = is_wide(joined[-1:]) and is_wide(part[0]) and not _is_label(joined)
        joined += part if tight or not joined else f" {part}"
    return joined


def _is_label(text: str) -> bool:
    label = read_heading(text) or read_mark(f"{text} x")
    return label is not None and label.end >= len(text)


def _spaces(text: str) -> str:
    return re.sub(r"[ \t\f\xa0]+", " ", text)


def _no_text(element: Any, tag: str) -> bool:
    if tag in NO_TEXT:
        return True
    if not element.attrib:
        return False
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    if (element.get("role") or "").lower() in NO_ROLES or _HIDDEN.search(element.get("style") or ""):
        return True
    names = f"{element.get('class') or ''} {element.get('id') or ''}".lower().split()
    return tag != "body" and not NO_NAMES.isdisjoint(names)


def _counting(element: Any) -> _List | None:
    """How an ordered list counts; None for one that shows no numbers."""
    style = re.search(r"list-style(?:-type)?\s*:\s*([\w-]+)", element.get("style") or "", re.IGNORECASE)
    kind = style[1].lower() if style else element.get("type") or "1"
    if kind not in COUNTS:
        return None
    form, after = COUNTS[kind]
    step = -1 if element.get("reversed") is not None else 1
    start = _whole(element.get("start"))
    if start is None:
        start = 1 if step == 1 else sum(one.tag == "li" for one in element)
    return _List(form, after, start, step)


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\s*-?\d{1,7}\s*", text, re.ASCII) else None


def _cells(row: Any) -> list[Any]:
    return [one for one in row if isinstance(one.tag, str) and one.tag in ("td", "th")]


def _is_data(row: Any) -> bool:
    """True when a row is a line of a table: two cells or more, each with one piece of text, none of them a label."""
    cells = _cells(row)
    if len(cells) < 2 or any(_has_label(cell) for cell in cells[:1]):
        return False
    return all(len(list(islice(_blocks(cell), 2))) < 2 for cell in cells)


def _has_label(cell: Any) -> bool:
    """True for the first cell of a row that holds the label of an item and nothing else."""
    row = cell.getparent()
    cells = _cells(row) if row is not None else []
    if len(cells) < 2 or cells[0] is not cell:
        return False
    text = _short_text(cell)
    return bool(text) and _is_label(text)


def _short_text(cell: Any) -> str:
    """The text of a cell, empty where it is too long for a label."""
    text = ""
    for part in cell.itertext():
        text = clean(text + _spaces(part.replace("\n", " ")))
        if len(text) > 8:
            return ""
    return text


def _blocks(cell: Any) -> Iterator[Any]:
    return (one for one in cell.iterdescendants() if one.tag in BLOCKS or one.tag == "br")
