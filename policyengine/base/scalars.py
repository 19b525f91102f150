"""Bytes to text, and the text of a number to the number: what every input format shares.

In come bytes or the characters of one number; out come text, `int` or `Decimal`, or what is wrong with them. Nothing
here knows a format's syntax: whoever calls has already found where the number begins and ends.
"""

from __future__ import annotations

from decimal import Decimal

from policyengine.base.diagnostic import Diagnostic, error
from policyengine.base.source import Source, Span

WHOLE_DIGITS = 18  # before the point: the engines compute with 64-bit and 128-bit integers
PART_DIGITS = 9  # after the point
MAX_DEPTH = 100  # collections inside one another; deeper ones are an attack or a mistake, not a service

_ENCODINGS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"\x00\x00\xfe\xff", "UTF-32"))
_UTF8_BOM = b"\xef\xbb\xbf"
_BOM = "\ufeff"
_TOO_LONG = f"has more than {WHOLE_DIGITS} digits before the point or {PART_DIGITS} after it"


def number(text: str) -> int | Decimal:
    """The number a decimal text says, exactly: `int` without point and exponent, else `Decimal`.

    Raises ValueError, with words that continue "`1e99` …", for a number beyond the caps and for `inf` and `nan`.
    `1e3` becomes `Decimal(1000)`; zeros that end the fraction do not count.
    """
    if text.lstrip("+-").isdecimal():
        if len(text.lstrip("+-")) > WHOLE_DIGITS:
            raise ValueError(_TOO_LONG)
        return int(text)
    try:
        value = Decimal(text)
    except ArithmeticError as problem:  # an exponent of more digits than the decimal library holds
        raise ValueError(_TOO_LONG) from problem
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("is not a finite number")
    if not value:
        return Decimal((0, (0,), max(exponent, -PART_DIGITS) if exponent < 0 else 0))
    if value.adjusted() >= WHOLE_DIGITS:
        raise ValueError(_TOO_LONG)
    if exponent < -PART_DIGITS:
        extra = -PART_DIGITS - exponent
        if extra >= len(digits) or any(digits[-extra:]):
            raise ValueError(_TOO_LONG)
        return Decimal((sign, digits[:-extra], -PART_DIGITS))
    return Decimal(int(value)) if exponent > 0 else value


def decode(path: str, data: bytes) -> tuple[str | None, tuple[Diagnostic, ...]]:
    """The text of a file: UTF-8, with or without a byte order mark; another encoding or a NUL is an error."""
    for mark, name in _ENCODINGS:
        if data.startswith(mark):
            return None, (error("not-utf8", f"`{path}` is {name}, not UTF-8", start_of(path),
                                help="save the file as UTF-8"),)
    try:
        text = data.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as problem:
        before = data[:problem.start].removeprefix(_UTF8_BOM).decode("utf-8")
        message = f"byte 0x{data[problem.start]:02x} is not UTF-8"
        return None, (error("not-utf8", message, char_span(path, before + "?", len(before)), "not UTF-8",
                            help="save the file as UTF-8"),)
    if "\0" in text:
        return None, (nul(path, text),)
    return text, ()


def nul(path: str, text: str) -> Diagnostic:
    """The diagnostic for the first NUL of a text that has one."""
    span = char_span(path, text, text.index("\0"))
    return error("nul-character", "found a NUL character, which no text file has", span, "NUL")


def start_of(path: str) -> Span:
    """The place for what is wrong with a file as a whole."""
    return Span(path, 1, 1, 1, 1)


def char_span(path: str, text: str, offset: int) -> Span:
    """The span of the one character at `offset`."""
    return Source(path, text).span(offset, offset + 1)


def char_at(source: Source, offset: int) -> Span:
    """The span of the character at `offset`; empty at the end of a line or of the text."""
    text = source.text
    return source.span(offset, offset + (offset < len(text) and text[offset] not in "\r\n"))
