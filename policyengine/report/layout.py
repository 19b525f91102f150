"""Text in columns of a terminal: how wide it is, padded, broken into lines. Wide characters take two columns."""

from __future__ import annotations

from collections.abc import Iterable

from policyengine.base.columns import columns

__all__ = ["columns", "pad", "wrap"]


def pad(text: str, width: int) -> str:
    """The text with spaces up to a width in columns."""
    return text + " " * (width - columns(text))


def wrap(text: str, width: int, hang: int) -> list[str]:
    """Lines of at most `width` columns, those after the first `hang` narrower: broken at spaces and beside wide
    characters. A word that is longer than a line, such as a path, stays whole."""
    lines: list[str] = []
    line, size, limit = "", 0, width
    for piece in _pieces(text):
        wide = columns(piece.rstrip())
        if line and size + wide > limit:
            lines.append(line.rstrip())
            line, size, limit = "", 0, width - hang
            piece = piece.lstrip()
        line += piece
        size += columns(piece)
    return [*lines, line.rstrip()] if line.rstrip() or not lines else lines


_NO_LINE_START = frozenset("，。；：、）」』》？！％,.;:)")


def _pieces(text: str) -> Iterable[str]:
    """The text cut where a line may be broken; a Chinese stop never begins a line."""
    piece = ""
    for before, char in zip(" " + text, text, strict=False):
        breaks = before == " " or (char not in _NO_LINE_START and char != " "
                                   and (columns(char) == 2 or (columns(before) == 2 and before not in "（「『《")))
        if piece and breaks:
            yield piece
            piece = ""
        piece += char
    if piece:
        yield piece
