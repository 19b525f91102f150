"""JSON text to values, and to the places of those values.

In comes text; out come dict, list, str, bool, None, int and Decimal. Stricter than the standard library: duplicate
keys, `NaN`, lone surrogates, numbers beyond the caps and nesting beyond MAX_DEPTH are refused. `parse` is the fast way
and only says that something is wrong; `diagnose` reads again and says what and where. What the values mean, and whether
one document or one line of a trace is read, is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json import JSONDecodeError, JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]  # in no stub, but what the decoder itself uses
from typing import Any

from policyengine.base.diagnostic import Diagnostic, Note, error, shorten
from policyengine.base.places import Place
from policyengine.base.scalars import MAX_DEPTH, WHOLE_DIGITS, char_at, number
from policyengine.base.source import Source, Span


class Refused(ValueError):
    """The text is JSON, but says something this reader does not take; `diagnose` knows what."""


def parse(text: str) -> Any:
    """The value of a JSON text. Raises ValueError or RecursionError exactly where `diagnose` has something to say."""
    value = _DECODER.decode(text)
    check(text, value)
    return value


def scan(text: str) -> Any:
    """As `parse`, for a short text without space around it, such as one line of a trace."""
    try:
        value, end = _scan_once(text, 0)
    except StopIteration as problem:
        raise Refused(text) from problem
    if end != len(text):
        raise Refused(text)
    check(text, value)
    return value


def check(text: str, value: Any) -> None:
    """Raises Refused for what the decoder's hooks do not see: lone surrogates and depth."""
    if "\\u" in text and _SURROGATE.search(text) and not _encodable(value):
        raise Refused(text)
    if len(text) > 2 * MAX_DEPTH and text.count("[") + text.count("{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise Refused(text)


def diagnose(path: str, text: str) -> tuple[Diagnostic, ...]:
    """Everything wrong with a text that `parse` refused; a syntax error hides the rest."""
    source = Source(path, text)
    try:
        _LENIENT.decode(text)
    except JSONDecodeError as problem:
        return (_syntax(source, problem),)
    except RecursionError:
        pass  # the second reading stops where it becomes too deep
    return tuple(_Second(source).read()[1])


def places(text: str) -> Place:
    """The places of the values of a text that `parse` took; those inside a value are found when one is asked for."""
    return _Unread(text, _end(_SPACE, text, 0), len(text.rstrip(" \t\n\r")))


def duplicate_key(key: str, first: Span, second: Span) -> Diagnostic:
    """The same words in every format: both places, since either may be the one that was meant."""
    return error("duplicate-key", f"the key `{shorten(key)}` occurs twice in one mapping", second, "second",
                 notes=(Note("it occurs here first", first, "first"),), help="remove one of the two")


def too_deep(span: Span) -> Diagnostic:
    """The same words in every format."""
    return error("too-deep", f"values are nested more than {MAX_DEPTH} deep", span, "one level too many")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Refused
    return result


def _int(text: str) -> int:
    if len(text) > WHOLE_DIGITS:  # longer by the sign at most, which `number` counts
        return int(number(text))
    return int(text)


def _constant(text: str) -> Any:
    raise Refused(text)


def _nothing(_: Any) -> None:
    return None


_DECODER = JSONDecoder(object_pairs_hook=_object, parse_float=number, parse_int=_int, parse_constant=_constant)
_LENIENT = JSONDecoder(parse_float=_nothing, parse_int=_nothing, parse_constant=_nothing)
_step_over: Callable[[str, int], tuple[Any, int]] = _LENIENT.scan_once  # type: ignore[attr-defined]
_scan_once: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _encodable(value: Any) -> bool:
    match value:
        case str():
            return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
        case dict():
            return all(_encodable(key) and _encodable(item) for key, item in value.items())
        case list():
            return all(map(_encodable, value))
    return True


def _deeper_than(value: Any, limit: int) -> bool:
    """Level by level, so that no input can exhaust the stack."""
    level = [value] if type(value) in (dict, list) else []
    while level and limit:
        limit -= 1
        level = [item for one in level for item in (one.values() if type(one) is dict else one)
                 if type(item) is dict or type(item) is list]
    return bool(level)


# The library's words -> ours; the second is the label. Those not listed are shown as the library has them.
_WORDS = {
    "Expecting value": ("expected a value", "no JSON value"),
    "Expecting property name enclosed in double quotes": ("expected a key in double quotes", "no key"),
    "Expecting ':' delimiter": ("expected `:` after the key", "`:` missing"),
    "Expecting ',' delimiter": ("expected `,` or the end of the collection", "`,` missing"),
    "Illegal trailing comma before end of object": ("found a comma after the last entry", "one comma too many"),
    "Illegal trailing comma before end of array": ("found a comma after the last item", "one comma too many"),
    "Extra data": ("found more text after the end of the value", "one file holds one value"),
    "Unterminated string starting at": ("the text that begins here is not closed", "`\"` missing at its end"),
    "Invalid control character at": ("found a control character inside a text", "write it as an escape"),
    "Invalid control character": ("found a control character inside a text", "write it as an escape"),
    "Invalid \\escape": ("found an unknown escape", "not an escape of JSON"),
    "Invalid \\uXXXX escape": ("found an incomplete `\\u` escape", "four hexadecimal digits follow `\\u`"),
}
_LEADING_ZERO = re.compile(r"-?0[0-9]+[0-9.eE]*")


def _syntax(source: Source, problem: JSONDecodeError) -> Diagnostic:
    text, at = source.text, min(problem.pos, len(source.text))
    before = max(text.rfind(char, 0, at) for char in ",[{: \t\r\n") + 1
    zero = _LEADING_ZERO.match(text, before)
    if zero and zero.end() >= at:
        return leading_zero(source.span(*zero.span()), zero.group())
    message, label = _WORDS.get(problem.msg.rstrip(": "), (problem.msg.rstrip(": ").lower(), ""))
    if at == len(text) and message.startswith("expected"):
        return error("json-syntax", f"{message}, found the end of the text", source.span(at, at), "the text ends here")
    return error("json-syntax", message, char_at(source, at), label)


def leading_zero(span: Span, text: str) -> Diagnostic:
    """The same words in every format. Readers differ on `012` (12, or octal 10), so it is not guessed."""
    plain = re.sub(r"^([-+]?)0+(?=[0-9])", r"\1", text)
    return error("leading-zero", f"the number `{shorten(text)}` begins with a zero", span, "decimal or octal?",
                 help=f'write `{shorten(plain)}`, or `"{shorten(text)}"` for text')


_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
_COMMA = re.compile(r"[ \t\n\r]*,?[ \t\n\r]*")
_WORD = re.compile(r"-?[A-Za-z]+")


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


class _Unread(Place):
    """A value of a sound text, whose members the decoder steps over until one is asked for: of a file with a finding
    the way to one fact is read, not the file."""

    __slots__ = ("_text",)

    def __init__(self, text: str, start: int, end: int, key_start: int = -1, key_end: int = -1) -> None:
        super().__init__(start, end, key_start, key_end)
        self._text: str | None = text if text[start] in "{[" else None

    def child(self, step: str | int) -> Place | None:
        if self._text is not None:
            self._read(self._text)
            self._text = None
        return self.children.get(step)

    def _read(self, text: str) -> None:
        record = text[self.start] == "{"
        at = _end(_SPACE, text, self.start + 1)
        while at < self.end - 1:
            if record:
                key, key_end = scanstring(text, at + 1, True)
                start = _end(_COLON, text, key_end)
                end = _step_over(text, start)[1]
                self.children[key] = _Unread(text, start, end, at, key_end)
            else:
                end = _step_over(text, at)[1]
                self.children[len(self.children)] = _Unread(text, at, end)
            at = _end(_COMMA, text, end)


class _TooDeep(Exception):
    pass


class _Second:
    """The second reading: places and complaints, over a text whose syntax is known to be right."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.found: list[Diagnostic] = []

    def read(self) -> tuple[Place, list[Diagnostic]]:
        try:
            return self._value(self._space(0), 1), self.found
        except _TooDeep:
            return Place(0, 0), self.found

    def _space(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def _value(self, at: int, depth: int) -> Place:
        match self.text[at]:
            case "{":
                return self._collection(at, depth, "}", self._entry)
            case "[":
                return self._collection(at, depth, "]", self._item)
            case '"':
                return Place(at, self._string(at)[1])
        return self._scalar(at)

    def _collection(self, at: int, depth: int, close: str, part: Callable[[Place, int, int], int]) -> Place:
        if depth > MAX_DEPTH:
            self.found.append(too_deep(self.source.span(at, at + 1)))
            raise _TooDeep
        place = Place(at, at)
        at = self._space(at + 1)
        while self.text[at] != close:
            at = self._space(part(place, at, depth + 1))
            if self.text[at] == ",":
                at = self._space(at + 1)
        place.end = at + 1
        return place

    def _entry(self, place: Place, at: int, depth: int) -> int:
        key, key_end = self._string(at)
        first = place.children.get(key)
        if first is not None:
            span = self.source.span
            self.found.append(duplicate_key(key, span(first.key_start, first.key_end), span(at, key_end)))
        value = self._value(self._space(self._space(key_end) + 1), depth)
        value.key_start, value.key_end = at, key_end
        place.children[key] = value
        return value.end

    def _item(self, place: Place, at: int, depth: int) -> int:
        value = self._value(at, depth)
        place.children[len(place.children)] = value
        return value.end

    def _string(self, at: int) -> tuple[str, int]:
        value, end = scanstring(self.text, at + 1, True)
        if not _encodable(value):
            self.found.append(error("lone-surrogate", "a `\\u` escape is half of a pair and stands for no character",
                                    self.source.span(at, end), "not a text"))
        return value, end

    def _scalar(self, at: int) -> Place:
        match = _NUMBER.match(self.text, at)
        if match:
            try:
                number(match.group())
            except ValueError as problem:
                self.found.append(number_refused(match.group(), str(problem), self.source.span(*match.span())))
            return Place(*match.span())
        word = _WORD.match(self.text, at)
        end = word.end() if word else at + 1
        if self.text[at:end] not in ("true", "false", "null"):
            self.found.append(number_refused(self.text[at:end], "is not a finite number", self.source.span(at, end)))
        return Place(at, end)


def number_refused(text: str, reason: str, span: Span) -> Diagnostic:
    """The same words in every format; `reason` is what `number` raised."""
    name = "number-not-finite" if "finite" in reason else "number-too-long"
    return error(name, f"the number `{shorten(text)}` {reason}", span, "not a number a rule can compare"
                 if "finite" in reason else "too many digits")
