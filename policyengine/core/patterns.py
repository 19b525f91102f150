"""Regular expressions in linear time: RE2, the whole text, compiled once each."""

from __future__ import annotations

from functools import cache

import re2


@cache
def compiled(pattern: str) -> re2._Regexp:
    """The pattern, compiled; raises `re2.error` with RE2's own reason."""
    options = re2.Options()
    options.log_errors = False  # RE2 would write to the standard error stream besides
    return re2.compile(pattern, options=options)


def full_match(pattern: str, text: str) -> bool:
    """True when the whole text matches."""
    return compiled(pattern).fullmatch(text) is not None


def fault(pattern: str) -> str | None:
    """Why RE2 refuses the pattern, or None."""
    try:
        compiled(pattern)
    except re2.error as reason:
        said = reason.args[0] if reason.args else reason
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return None
