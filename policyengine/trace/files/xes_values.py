"""The values of an XES log: the texts of its attributes to plain data, ValueError for a text of another kind.

A time without an offset is read in the zone given; numbers are integers and decimals. Elements are not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal

from policyengine.base.diagnostic import shorten
from policyengine.base.instants import iso_instant, parse_instant
from policyengine.base.scalars import PART_DIGITS, WHOLE_DIGITS, number

Kind = Literal["text", "instant", "integer", "number", "boolean", "list", "record"]
"""What values an attribute has; `record` is an item of a list that has attributes of its own."""

KINDS: Mapping[str, Kind] = {"string": "text", "id": "text", "date": "instant", "int": "integer", "float": "number",
                             "boolean": "boolean", "list": "list", "container": "list"}

_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OFFSET = re.compile(r"[+-][0-9]{4}$")
_PLAIN_INSTANT = re.compile(r"[^./]{19}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_FRACTION = re.compile(r"(\.[0-9]{6})0+(?![0-9])")


def instant(text: str, zone: str | None) -> int:
    """A time in RFC 3339, or in one of the ways that tools write it and that mean one thing: with zeros past the
    microsecond, with the offset `+0200`, with `/` behind year and month."""
    if len(text) > 26:
        text = _FRACTION.sub(r"\1", text)
    if text[4:8:3] == "//":
        text = text.replace("/", "-", 2)
    if _OFFSET.search(text, 19):
        text = f"{text[:-2]}:{text[-2:]}"
    return parse_instant(text, zone)


def _instant_text(text: str, zone: str | None) -> str:
    """A time as a field has it, with its offset; in UTC where the log has none or writes it in a way of its own."""
    us = instant(text, zone)
    return text if _PLAIN_INSTANT.fullmatch(text) else iso_instant(us, "UTC")


def _integer(text: str, _: str | None) -> int | Decimal:
    if not _INT.fullmatch(text):
        raise ValueError(f"`{shorten(text)}` is not a whole number")
    return _capped(text)


def _decimal(text: str, _: str | None) -> int | Decimal | None:
    """The decimal that the text says. A float often has more digits than were ever measured: past the ninth place
    after the point it is rounded, half to even. `NaN` is how tools write that there is none."""
    if text.lower() == "nan":
        return None
    if not _FLOAT.fullmatch(text):
        raise ValueError(f"`{shorten(text)}` is not a finite number")
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -PART_DIGITS and value.adjusted() < WHOLE_DIGITS:
        return number(str(value.quantize(Decimal((0, (1,), -PART_DIGITS)), ROUND_HALF_EVEN)))
    return _capped(text)


def _capped(text: str) -> int | Decimal:
    try:
        return number(text)
    except ValueError as problem:
        raise ValueError(f"`{shorten(text)}` {problem}") from None


def _boolean(text: str, _: str | None) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(f"`{shorten(text)}` is neither `true` nor `false`")
    return _TRUTH[text.lower()]


_TRUTH = {"true": True, "false": False, "1": True, "0": False}
VALUES: Mapping[Kind, Callable[[str, str | None], Any]] = {
    "instant": _instant_text, "integer": _integer, "number": _decimal, "boolean": _boolean,
}
FAULTS = (("digits", "number-too-long"), ("finite", "number-not-finite"))
