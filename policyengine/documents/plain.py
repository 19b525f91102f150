"""Plain text to lines: wrapped lines are joined to the paragraph they make up.

In: the text of a file. Out: its paragraphs as `Line`s. Empty lines end a paragraph; so does a line that begins with a
number or a letter as units have, and a short line. It knows no units beyond that.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from policyengine.base.diagnostic import Diagnostic
from policyengine.base.source import Span
from policyengine.documents.model import Line
from policyengine.documents.numbering import read_heading, read_mark

INVISIBLE: Final = str.maketrans(dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f"))
"""Characters without width that copies of official pages are full of; they are no text."""

_ENDS: Final = tuple("。；：！？.;:!?”’\"…")


def clean(text: str) -> str:
    """One line of text as it is read: no invisible characters, no line break, no spaces at the ends."""
    return text.translate(INVISIBLE).replace("\n", " ").replace("\r", " ").strip()


def split_lines(text: str) -> list[str]:
    """The physical lines of a file; only real line ends divide, so that numbers agree with an editor's."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").split("\n")


def read_plain(path: str, text: str) -> tuple[tuple[Line, ...], tuple[Diagnostic, ...]]:
    """The paragraphs of a plain text; `path` is the name used in spans."""
    lines = [(number, clean(line), line) for number, line in enumerate(split_lines(text), 1)]
    return join_wrapped(path, lines), ()


def join_wrapped(path: str, numbered: Sequence[tuple[int, str, str]]) -> tuple[Line, ...]:
    """Lines of (number, clean text, text as it stands) joined to paragraphs; an empty one ends a paragraph."""
    width = _wrap_width([text for _, text, _ in numbered])
    joined: list[Line] = []
    parts: list[tuple[int, str, str]] = []
    for one in (*numbered, (0, "", "")):
        if parts and (not one[1] or not _goes_on(parts[-1][1], one[1], width)):
            joined.append(_line(path, parts))
            parts = []
        if one[1]:
            parts.append(one)
    return tuple(joined)


def glue(parts: Sequence[str]) -> str:
    """The words of wrapped lines as one text: a space between them, none between Chinese characters."""
    if len(parts) == 1:
        return parts[0]
    pieces = [parts[0]]
    for before, after in pairwise(parts):
        pieces.append(after if is_wide(before[-1:]) or is_wide(after[:1]) else f" {after}")
    return "".join(pieces)


def is_wide(char: str) -> bool:
    """True for Chinese characters and their punctuation."""
    return bool(char) and unicodedata.east_asian_width(char) in "WF"


def continues(before: str, after: str) -> bool:
    """Does a line that begins with a label only go on with the sentence above? `…under paragraph` / `(a) of this…`"""
    label = read_heading(after)
    if label is not None:
        rest = after[label.end:].lstrip()
        return not before.endswith(_ENDS) and (rest[:1].islower() or rest[:1] in tuple(",;)的规第、和或"))
    mark = read_mark(after)
    if mark is None:
        return True
    words = before.lower().rsplit(None, 1)
    last = words[-1] if words else ""
    return last in ("paragraph", "paragraphs", "subparagraph", "point", "points", "article", "articles", "section",
                    "sections", "subdivision", "subsection", "clause", "under", "in", "of", "no.", "§", "§§")


def _line(path: str, parts: list[tuple[int, str, str]]) -> Line:
    first, last = parts[0], parts[-1]
    column = len(first[2]) - len(first[2].lstrip()) + 1
    return Line(glue([text for _, text, _ in parts]), 0,
                Span(path, first[0], column, last[0], len(last[2].rstrip()) + 1))


def _wrap_width(texts: Sequence[str]) -> int:
    """The columns at which the text is wrapped; 0 when it is not, because its longest lines are too long for that."""
    widths = sorted(width for text in texts if (width := _width(text)))
    if not widths or widths[-1] > 130:
        return 0
    return widths[int(len(widths) * 0.9)]


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(2 if is_wide(char) else 1 for char in text)


def _goes_on(before: str, after: str, width: int) -> bool:
    if read_heading(after) or read_mark(after):
        return bool(width) and continues(before, after)
    if not width:
        return after[:1].islower() and not before.endswith(_ENDS) and (len(before) > 40 or not read_heading(before))
    if read_heading(before) is not None and _width(before) < width * 0.7:
        return False  # a heading, however it ends
    if before.endswith(_ENDS) and _width(before) < width * 0.8:
        return False
    return _width(before) >= width * 0.65 or after[:1].islower()
