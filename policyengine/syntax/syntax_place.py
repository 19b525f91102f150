"""Where a text broke off, as a reader sees it: the words before, the word found, the words behind.

In comes what the parser said of the place; out comes a `Place`, which also words what is said of it. What was meant or
expected there is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from policyengine.base.diagnostic import Diagnostic, Note, error, shorten
from policyengine.base.source import Source, Span
from policyengine.syntax.grammar import CLAUSES, Stuck


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a sign as it was written, with where it begins and ends (characters of the text)."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Place:
    """The words before the mistake, the word it was found at (None at the end), the words behind it."""

    source: Source
    line: int
    before: tuple[Word, ...]
    found: Word | None
    after: tuple[Word, ...]
    expected: frozenset[str]

    @property
    def word(self) -> str:
        return self.found.text if self.found else ""

    @property
    def previous(self) -> str:
        return self.before[-1].text if self.before else ""

    @property
    def next(self) -> str:
        return self.after[0].text if self.after else ""

    @property
    def end(self) -> str:
        first = self.before[0].text if self.before else self.word
        kind = "clause" if first in CLAUSES else "rule" if first == "rule" else "declaration"
        return f"the end of the {kind}"

    @property
    def found_said(self) -> str:
        return f"`{shorten(self.word, 40)}`" if self.found else self.end

    @property
    def first_on_line(self) -> bool:
        if self.found is None:
            return True
        start = self.source.text.rfind("\n", 0, self.found.start) + 1
        return not self.source.text[start:self.found.start].strip()

    def span_of(self, first: Word, last: Word | None = None) -> Span:
        span = self.source.span(first.start, (last or first).end)
        lines = self.line - 1
        return Span(span.path, span.line + lines, span.column, span.end_line + lines, span.end_column)

    @property
    def span(self) -> Span:
        """The word found, or the column behind the last word."""
        if self.found:
            return self.span_of(self.found)
        end = self.before[-1].end if self.before else 0
        return self.span_of(Word("", end, end + 1))

    def say(self, message: str, label: str = "", help: str = "", *, span: Span | None = None,
            notes: tuple[Note, ...] = ()) -> Diagnostic:
        return error("syntax", message, span or self.span, label, notes=notes, help=help)


CITATION = r"(?:(?:Art\.|Sec\.|App\.|§)[ \t]*|(?:Clause|Annex)[ \t]+)\w+(?:[.-]\w+)*(?:[ \t]*\(\w+\))*"
_UNIT = r"(?:(?:second|minute|hour|day|week|month|year)s?|working\s+days?)\b"
_SCAN = re.compile(
    rf"""(?P<skip>\s+|\#[^\n]*)
    | "(?:[^"\\\n]|\\[^\n])*"
    | "[^\n]*
    | '[^'\n]*'
    | {CITATION}
    | \d[\d_]*(?:\.\d+)?\s+{_UNIT}
    | \d{{1,4}}(?:[-:]\d{{1,2}})+
    | \d[\d_]*(?:\.\d+)?%?
    | [^\W\d]\w*(?:\.[^\W\d]\w*)*
    | must\s+not\b
    | == | != | <= | >= | => | =< | <> | && | \|\| | := | -> | // | /\* | --
    | .
    """, re.VERBOSE)


def place_of(path: str, text: str, line: int, stuck: Stuck) -> Place:
    """The place where `text`, whose first line is line `line` of the file, broke off."""
    words = [Word(m[0], m.start(), m.end()) for m in _SCAN.finditer(text) if m["skip"] is None]
    before = [w for w in words if w.end <= stuck.offset]
    after = [w for w in words if w.end > stuck.offset]
    if after and after[0].start < stuck.offset and (head := text[after[0].start:stuck.offset].strip(". \t")):
        # The scan above joins what is one thing to a reader; where the sentence broke inside, both parts are said.
        whole = after[0]
        if not re.match(r"\W", whole.text):
            before.append(Word(head, whole.start, stuck.offset))
            after[0] = Word(text[stuck.offset:whole.end], stuck.offset, whole.end)
    found = after[0] if after else None
    return Place(Source(path, text), line, tuple(before), found, tuple(after[1:]), stuck.expected)
