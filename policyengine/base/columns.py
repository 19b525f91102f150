"""How many columns a terminal gives a text."""

from __future__ import annotations

import unicodedata


def columns(text: str) -> int:
    """Two for each wide (Chinese) character, none for one that joins the one before it."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
