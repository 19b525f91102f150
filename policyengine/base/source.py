"""Where a text stands in a file: spans (1-based lines and columns in code points) and the text they point into.

Nothing here reads files; a `Source` is handed the text someone else read.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The smallest text that is meant: from (line, column) up to, not including, (end_line, end_column)."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of `other`."""
        return Span(self.path, self.line, self.column, other.end_line, other.end_column)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Source:
    """One file's name (as the user would write it) and text."""

    path: str
    text: str
    starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lengths = [len(line) + 1 for line in self.text.split("\n")]
        object.__setattr__(self, "starts", (0, *accumulate(lengths[:-1])))

    def line(self, number: int) -> str:
        """The text of a 1-based line without its line end; empty past the end of the file."""
        if not 1 <= number <= len(self.starts):
            return ""
        start = self.starts[number - 1]
        end = self.starts[number] - 1 if number < len(self.starts) else len(self.text)
        return self.text[start:end].rstrip("\r")

    def place(self, offset: int) -> tuple[int, int]:
        """The 1-based (line, column) of a code point offset."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The code point offset of a 1-based (line, column)."""
        return self.starts[line - 1] + column - 1

    def span(self, start: int, end: int) -> Span:
        """The span from offset `start` up to, not including, `end`."""
        return Span(self.path, *self.place(start), *self.place(end))
