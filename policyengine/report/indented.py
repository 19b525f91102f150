"""Plain values -> indented JSON text, as reports are written.

In come dicts, lists, texts, whole numbers and truth values. What they say, and where they are written, is not known
here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

MANY = 200
"""Python indents by Python, a tenth as fast as a library that has to be imported; so many results are worth that."""


def indented(value: Any, results: int) -> str:
    """JSON text, two spaces a level, with a line end; it tells of so many `results`. A lone surrogate, for which UTF-8
    has no bytes, is escaped."""
    if results >= MANY:
        import msgspec

        with suppress(UnicodeEncodeError):  # it takes no lone surrogates
            return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace").decode() + "\n"
