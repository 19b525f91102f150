"""Plain values -> indented JSON text, as reports are written.

In come dicts, lists, texts, numbers and truth values. What they say, and where they are written, is not known here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

LONG = 1_000_000
"""Python indents by Python, a fifth as fast as it writes one line; so many characters of a line are worth importing a
library that indents it."""


def indented(value: Any) -> str:
    """JSON text, two spaces a level, with a line end. A lone surrogate, for which UTF-8 has no bytes, is escaped."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) > LONG:
        import msgspec

        with suppress(UnicodeEncodeError):  # it takes no lone surrogates
            return msgspec.json.format(line.encode(), indent=2).decode() + "\n"
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace").decode() + "\n"
