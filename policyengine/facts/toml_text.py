"""TOML text to values, and to the places of those values.

In comes text; out come dict, list, str, bool, int and Decimal, with TOML's own dates and times as ISO 8601 text: the
vocabulary says what is a date, in every format alike. tomllib reads; the places are found by a scanner of our own, over
a text that tomllib took. What the values mean is not known here.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.base.json_text import duplicate_key, leading_zero, number_refused, too_deep
from policyengine.base.places import Path, Place, Positions
from policyengine.base.scalars import MAX_DEPTH, WHOLE_DIGITS, char_at, number
from policyengine.base.source import Source, Span


def read(path: str, text: str) -> tuple[dict[str, Any] | None, tuple[Diagnostic, ...]]:
    """The value of a TOML text, or what is wrong with it: syntax, duplicate keys, numbers and depth beyond the caps."""
    try:
        value = tomllib.loads(text, parse_float=_float)
    except RecursionError:
        return None, (too_deep(Source(path, text).span(0, 0)),)
    except ValueError as problem:
        return None, (_syntax(Source(path, text), str(problem)),)
    refused: list[Path] = []
    plain = _plain(value, (), refused)
    if not refused:
        return plain, ()
    positions = Positions(Source(path, text), places(text))
    return None, tuple(_refusal(positions, one) for one in refused)


def places(text: str) -> Place:
    """The places of the values of a text that tomllib took."""
    return _Scanner(text).read()


_BAD = Decimal("NaN")  # stands for a float that `number` refuses, until its path is known


def _float(text: str) -> Any:
    try:
        return number(text.replace("_", ""))
    except ValueError:
        return _BAD


def _plain(value: Any, path: Path, refused: list[Path]) -> Any:
    match value:
        case dict() | list() if len(path) >= MAX_DEPTH:
            refused.append(path)
        case dict():
            return {key: _plain(item, (*path, key), refused) for key, item in value.items()}
        case list():
            return [_plain(item, (*path, index), refused) for index, item in enumerate(value)]
        case bool() | str():
            return value
        case int() if abs(value) >= 10**WHOLE_DIGITS:
            refused.append(path)
        case Decimal() if value.is_nan():
            refused.append(path)
        case datetime() | date() | time():
            return value.isoformat()
    return value


def _refusal(positions: Positions, path: Path) -> Diagnostic:
    span = positions.nearest(path)
    source = positions.source
    text = source.text[source.offset(span.line, span.column):source.offset(span.end_line, span.end_column)]
    if len(path) >= MAX_DEPTH and text[:1] in ("{", "[", ""):
        return too_deep(span)
    finite = "inf" not in text and "nan" not in text
    return number_refused(text, f"has more than {WHOLE_DIGITS} digits before the point or 9 after it" if finite
                          else "is not a finite number", span)


_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_DUPLICATE = ("Cannot overwrite a value", "Cannot declare", "Duplicate inline table key", "Cannot mutate")


def _syntax(source: Source, problem: str) -> Diagnostic:
    match = _AT.search(problem)
    words = _AT.sub("", problem)
    text = source.text
    at = len(text)
    if match and match.group(1):
        line = min(int(match.group(1)), len(source.starts))
        at = min(source.offset(line, int(match.group(2))), len(text))
    if "integer string conversion" in problem:
        longest = max(re.finditer(r"[0-9_]+", text), key=lambda one: len(one.group()))
        return number_refused(longest.group(), f"has more than {WHOLE_DIGITS} digits", source.span(*longest.span()))
    if words.startswith(_DUPLICATE):
        twice = _first_duplicate(text)
        if twice is not None:
            key, first, second = twice
            return duplicate_key(key, _span(source, first), _span(source, second))
    # tomllib takes the `0` of `012` for the value and stumbles over the rest.
    zero = _LEADING_ZERO.match(text, at - 1) if at else None
    if zero and words.startswith("Expected newline"):
        sign = 1 if at > 1 and text[at - 2] in "+-" else 0
        return leading_zero(source.span(at - 1 - sign, zero.end()), text[at - 1 - sign:zero.end()])
    return error("toml-syntax", f"cannot read TOML: {shorten(words[:1].lower() + words[1:], 100)}",
                 char_at(source, at), "here" if at < len(text) else "the text ends here")


def _span(source: Source, key: tuple[int, int]) -> Span:
    return source.span(*key)


def _first_duplicate(text: str) -> tuple[str, tuple[int, int], tuple[int, int]] | None:
    scanner = _Scanner(text)
    with suppress(IndexError, _Lost):  # the text is not TOML, so the scanner may lose its way after the duplicate
        scanner.read()
    return scanner.duplicates[0] if scanner.duplicates else None


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{1,2}(?!"))?'
    r"|'''.*?'''(?:'{1,2}(?!'))?"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'", re.DOTALL)
_WORD = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}[^,\]}#\s]*"  # a date and time with a space between
    r"|[^,\]}#\s]+")


class _Lost(Exception):
    """The scanner met what it does not know; never in a text that tomllib took."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.duplicates: list[tuple[str, tuple[int, int], tuple[int, int]]] = []
        self.declared: set[int] = set()

    def read(self) -> Place:
        root = Place(0, len(self.text))
        table = root
        at = self._skip(_BLANK, 0)
        while at < len(self.text):
            if self.text.startswith("[[", at):
                keys, at = self._keys(self._skip(_SPACE, at + 2))
                at += 2
                table = self._append(self._walk(root, keys[:-1]), keys[-1], at)
            elif self.text[at] == "[":
                keys, at = self._keys(self._skip(_SPACE, at + 1))
                at += 1
                table = self._walk(root, keys, header=True)
            else:
                at = self._entry(table, at)
            at = self._skip(_BLANK, at)
        return root

    def _entry(self, table: Place, at: int) -> int:
        keys, at = self._keys(at)
        if self.text[at] != "=":
            raise _Lost
        value = self._value(self._skip(_SPACE, at + 1))
        parent = self._walk(table, keys[:-1])
        key, start, end = keys[-1]
        first = parent.children.get(key)
        if first is not None:
            self.duplicates.append((key, (first.key_start, first.key_end), (start, end)))
        value.key_start, value.key_end = start, end
        parent.children[key] = value
        self._widen(table, keys[:-1], value.end)
        return value.end

    def _widen(self, place: Place, keys: list[tuple[str, int, int]], end: int) -> None:
        """A table made by headers or dotted keys reaches to its last entry."""
        for key, _, _ in keys:
            place.end = max(place.end, end)
            place = self._last(place.children[key])
        place.end = max(place.end, end)

    def _walk(self, place: Place, keys: list[tuple[str, int, int]], *, header: bool = False) -> Place:
        for index, (key, start, end) in enumerate(keys):
            child = place.children.get(key)
            if child is None:
                child = Place(start, end, start, end)
                place.children[key] = child
            place = self._last(child)
            if header and index == len(keys) - 1:
                # `[a.b]` makes `a` without declaring it, so `[a]` may still follow, once.
                if id(place) in self.declared:
                    self.duplicates.append((key, (place.key_start, place.key_end), (start, end)))
                self.declared.add(id(place))
        return place

    def _last(self, place: Place) -> Place:
        """The latest table of an array of tables; other values are themselves."""
        return place.children[len(place.children) - 1] if 0 in place.children else place

    def _append(self, parent: Place, key: tuple[str, int, int], at: int) -> Place:
        name, start, end = key
        array = parent.children.setdefault(name, Place(start, end, start, end))
        table = Place(start, end)
        array.children[len(array.children)] = table
        array.end = max(array.end, end)
        return table

    def _keys(self, at: int) -> tuple[list[tuple[str, int, int]], int]:
        keys = []
        while True:
            match = _STRING.match(self.text, at) or _BARE.match(self.text, at)
            if match is None:
                raise _Lost
            raw = match.group()
            name = raw if raw[0] not in "\"'" else tomllib.loads(f"k = {raw}")["k"]
            keys.append((name, at, match.end()))
            at = self._skip(_SPACE, match.end())
            if self.text[at] != ".":
                return keys, at
            at = self._skip(_SPACE, at + 1)

    def _value(self, at: int) -> Place:
        place = Place(at, at)
        if self.text[at] == "[":
            at = self._skip(_BLANK, at + 1)
            while self.text[at] != "]":
                item = self._value(at)
                place.children[len(place.children)] = item
                at = self._skip_comma(item.end)
            place.end = at + 1
        elif self.text[at] == "{":
            at = self._skip(_BLANK, at + 1)
            while self.text[at] != "}":
                at = self._skip_comma(self._entry(place, at))
            place.end = at + 1
        else:
            match = _STRING.match(self.text, at) or _WORD.match(self.text, at)
            if match is None:
                raise _Lost
            place.end = match.end()
        return place

    def _skip_comma(self, at: int) -> int:
        at = self._skip(_BLANK, at)
        return self._skip(_BLANK, at + 1) if self.text[at] == "," else at

    def _skip(self, pattern: re.Pattern[str], at: int) -> int:
        match = pattern.match(self.text, at)
        return match.end() if match else at
