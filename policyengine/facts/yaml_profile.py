"""YAML text to documents, and to the places of their values, by the profile of docs/input.md.

In comes text; out come dict, list, str, bool, None, int and Decimal. The parser is libyaml's event stream (PyYAML's own
where libyaml is absent); scalars are those of YAML 1.2, and what two YAML readers could read differently is refused.
`load` is the fast way and only says that something is unusual; `read` goes over the events again with aliases, tags,
places and complaints. What a document means is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from policyengine.base.diagnostic import Diagnostic, Note, error, shorten
from policyengine.base.json_text import duplicate_key, leading_zero, number_refused, too_deep
from policyengine.base.places import Place
from policyengine.base.scalars import MAX_DEPTH, WHOLE_DIGITS, char_at, number
from policyengine.base.source import Source, Span

_Parser: Callable[[str], Any]
try:
    from yaml._yaml import CParser

    _Parser = CParser  # without the constructor and resolver that a Loader carries
except ImportError:  # PyYAML without libyaml: the same events, about ten times slower
    _Parser = yaml.SafeLoader

_Event = Any  # the stubs let every mark be absent; the parsers set them all

MAX_ALIAS_VALUES = 100_000  # values that aliases add to a document; ten nested aliases can say ten billion


class Unusual(Exception):
    """Something that `load` leaves to `read`: an alias, a tag, or what the profile refuses."""


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One document of a stream; `value` is complete only where `diagnostics` is empty."""

    value: Any
    place: Place
    diagnostics: tuple[Diagnostic, ...]


def load(text: str) -> list[Any]:
    """The documents of an ordinary text, each a mapping.

    Raises Unusual or yaml.YAMLError wherever `read` may have something to say; never takes what `read` refuses.
    """
    if _BREAK.search(text) is not None:
        raise Unusual
    get: Callable[[], Any] = _Parser(text).get_event
    documents = []
    get()  # the start of the stream
    while type(event := get()) is not StreamEndEvent:
        if event.version not in _VERSIONS or type(get()) is not MappingStartEvent:
            raise Unusual
        documents.append(_mapping(get, 1))
        get()  # the end of the document
    if not documents:
        raise Unusual
    return documents


def read(path: str, text: str) -> tuple[list[YamlDocument], tuple[Diagnostic, ...]]:
    """Every document that could be read, and what is wrong with the stream itself, such as its syntax."""
    source = Source(path, text)
    strange = _BREAK.search(text)
    if strange is not None:
        return [], (_line_separator(source, strange),)
    documents: list[YamlDocument] = []
    try:
        get: Callable[[], Any] = _Parser(text).get_event
        get()
        while type(event := get()) is not StreamEndEvent:
            documents.append(_Second(source, get).document(event))
    except yaml.YAMLError as problem:
        return documents, (_syntax(source, problem),)
    except RecursionError:  # only the parser in Python recurses by the depth of the text
        return documents, (too_deep(source.span(0, 0)),)
    return documents, ()


def scalar(text: str) -> str | int | Decimal | bool | None:
    """What a plain scalar says in the core schema of YAML 1.2. Raises ValueError for a number that is refused."""
    if text in _WORDS:
        return _WORDS[text]
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    match match.lastgroup:
        case "decimal":
            return number(text)
        case "based":
            value = int(text, 0) if len(text) <= _LONGEST_BASED else 10**WHOLE_DIGITS
            if value >= 10**WHOLE_DIGITS:
                raise ValueError(f"has more than {WHOLE_DIGITS} digits")
            return value
        case "zero":
            raise ValueError("begins with a zero")
    raise ValueError("is not a finite number")


_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}
# 1_000, 0b1, 12:30:00, 2026-04-10, yes and on are text: YAML 1.1 read them otherwise, 1.2 does not.
_NUMBER = re.compile(
    r"(?P<zero>[-+]?0[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<decimal>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<based>0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<special>[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN)"
)
_LONGEST_BASED = 24  # 10**18 has 20 octal digits; longer ones are not worth converting
_FIRST = frozenset("+-.0123456789~nNtTfF") | {""}  # how a plain scalar that may be no text begins
_VERSIONS = (None, (1, 2))
# libyaml ends lines at these as YAML 1.1 did; YAML 1.2 does not, so a comment could hide a key from one of the two.
_BREAK = re.compile("[\x85\u2028\u2029]")


def _mapping(get: Callable[[], Any], depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise Unusual
    result: dict[str, Any] = {}
    while True:
        event = get()
        if type(event) is not ScalarEvent:
            if type(event) is MappingEndEvent:
                return result
            raise Unusual
        key = event.value
        if event.implicit[0]:
            if event.tag is not None or key == "<<" or (key[:1] in _FIRST and type(_ordinary(key)) is not str):
                raise Unusual
        elif event.tag is not None:
            raise Unusual
        if key in result:
            raise Unusual
        event = get()
        kind = type(event)
        if kind is ScalarEvent:
            if event.tag is not None:
                raise Unusual
            value = event.value
            result[key] = _ordinary(value) if event.implicit[0] and value[:1] in _FIRST else value
        elif kind is MappingStartEvent and event.tag is None:
            result[key] = _mapping(get, depth + 1)
        elif kind is SequenceStartEvent and event.tag is None:
            result[key] = _sequence(get, depth + 1)
        else:
            raise Unusual


def _sequence(get: Callable[[], Any], depth: int) -> list[Any]:
    if depth > MAX_DEPTH:
        raise Unusual
    result: list[Any] = []
    while True:
        event = get()
        kind = type(event)
        if kind is ScalarEvent:
            if event.tag is not None:
                raise Unusual
            value = event.value
            result.append(_ordinary(value) if event.implicit[0] and value[:1] in _FIRST else value)
        elif kind is SequenceEndEvent:
            return result
        elif kind is MappingStartEvent and event.tag is None:
            result.append(_mapping(get, depth + 1))
        elif kind is SequenceStartEvent and event.tag is None:
            result.append(_sequence(get, depth + 1))
        else:
            raise Unusual


def _ordinary(text: str) -> Any:
    try:
        return scalar(text)
    except ValueError as problem:
        raise Unusual from problem


_CORE = "tag:yaml.org,2002:"
# The tags of the core schema, and what their values must be; others have no meaning in a service's facts.
_TAGS: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (Decimal, int), "bool": (bool,), "null": (type(None),),
}
_PROPERTIES = re.compile(r"(?:[&!]\S*\s*)*")
_TAG = re.compile(r"(?:&\S+\s+)?(!\S*)")


class _Stop(Exception):
    """The rest of a document cannot be read; its complaint is made."""


@dataclass(slots=True)
class _Node:
    """A value as read: where it stands, how many values it holds once aliases are expanded, how deep it goes."""

    value: Any
    place: Place
    size: int = 1
    height: int = 0


@dataclass(slots=True)
class _Second:
    """The second reading of one document."""

    source: Source
    get: Callable[[], Any]
    found: list[Diagnostic] = field(default_factory=list)
    anchors: dict[str, _Node | None] = field(default_factory=dict)  # None while the value is being read
    aliased: int = 0

    def document(self, start: _Event) -> YamlDocument:
        if start.version not in _VERSIONS:
            number_text = ".".join(map(str, start.version or ()))
            self._add("yaml-version", f"the document says it is YAML {number_text}, which reads `no` as false",
                      self._line(start.start_mark.index), "not YAML 1.2", help="remove the line, or write `%YAML 1.2`")
        try:
            node = self._node(self.get(), 1)
            self.get()
            self._top(node)
        except _Stop:
            node = _Node(None, Place(start.end_mark.index, start.end_mark.index))
            while type(self.get()).__name__ != "DocumentEndEvent":
                pass
        return YamlDocument(node.value, node.place, tuple(self.found))

    def _top(self, node: _Node) -> None:
        place = node.place
        match node.value:
            case dict():
                return
            case None if place.start == place.end:
                self._add("empty-document", "the document is empty", self.source.span(place.start, place.end),
                          "nothing here", help="write the facts of one service, or remove the `---`")
            case list():
                self._add("not-a-mapping", "the document is a list, not a mapping of facts", self._line(place.start),
                          "a list", help="write one document a service, with `---` between them")
            case value:
                self._add("not-a-mapping", f"the document is {_kind(value)}, not a mapping of facts",
                          self._line(place.start), _kind(value), help="write `key: value`")

    def _node(self, event: Any, depth: int) -> _Node:
        if type(event) is AliasEvent:
            return self._alias(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        match event:
            case ScalarEvent():
                node = self._scalar(event)
            case MappingStartEvent():
                node = self._collection(event, depth, "map", self._entries)
            case _:
                node = self._collection(event, depth, "seq", self._items)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _alias(self, event: _Event, depth: int) -> _Node:
        span = self._span(event)
        name = event.anchor
        if name not in self.anchors:
            self._add("unknown-alias", f"`*{name}` names no anchor before it", span, "no such anchor")
            return _Node(None, self._place(event))
        node = self.anchors[name]
        if node is None:
            self._add("alias-loop", f"`*{name}` stands inside the value it names", span, "would never end")
            return _Node(None, self._place(event))
        self.aliased += node.size
        if self.aliased > MAX_ALIAS_VALUES:
            self._add("alias-expansion", f"aliases add more than {MAX_ALIAS_VALUES:,} values to the document", span,
                      "one alias too many")
            raise _Stop
        if node.height + depth - 1 > MAX_DEPTH:
            self.found.append(too_deep(span))
            raise _Stop
        place = Place(event.start_mark.index, event.end_mark.index, children=node.place.children)
        return _Node(node.value, place, node.size, node.height)

    def _scalar(self, event: _Event) -> _Node:
        place = self._place(event)
        text = event.value
        tag = event.tag
        if tag == "!":
            return _Node(text, place)
        if tag is None:
            return _Node(self._resolve(text, place) if event.implicit[0] else text, place)
        wanted = _TAGS.get(tag.removeprefix(_CORE)) if tag.startswith(_CORE) else None
        if wanted is None:
            self._unknown_tag(event)
            return _Node(None, place)
        if wanted == (str,):
            return _Node(text, place)
        value = self._resolve(text, place)
        if type(value) not in wanted:
            self._add("tag-mismatch", f"`{shorten(text)}` is not {_TAG_WORDS[tag.removeprefix(_CORE)]}",
                      self._span_of(place), f"tagged `!!{tag.removeprefix(_CORE)}`")
        elif tag == _CORE + "float" and type(value) is int:
            value = Decimal(value)
        return _Node(value, place)

    def _resolve(self, text: str, place: Place) -> Any:
        try:
            return scalar(text)
        except ValueError as problem:
            reason = str(problem)
            span = self._span_of(place)
            self.found.append(leading_zero(span, text) if "zero" in reason else number_refused(text, reason, span))
            return None

    def _collection(self, event: _Event, depth: int, tag: str,
                    parts: Callable[[_Node, int], Any]) -> _Node:
        if depth > MAX_DEPTH:
            self.found.append(too_deep(self._span(event)))
            raise _Stop
        if event.tag not in (None, "!", _CORE + tag):
            self._unknown_tag(event)
        place = self._place(event)
        node = _Node({} if tag == "map" else [], place)
        end = parts(node, depth + 1)
        if event.flow_style:
            place.end = end.end_mark.index
        elif place.children:  # a block's end mark stands at the next token, behind comments and blank lines
            place.end = max(child.end for child in place.children.values())
        node.height += 1
        return node

    def _entries(self, node: _Node, depth: int) -> Any:
        while type(event := self.get()) is not MappingEndEvent:
            key = self._key(node, event, depth)
            first = node.place.children.get(key.value) if isinstance(key.value, str) else None
            if first is not None:
                self.found.append(duplicate_key(key.value, self.source.span(first.key_start, first.key_end),
                                                self._span_of(key.place)))
            child = self._node(self.get(), depth)
            self._take(node, child)
            if isinstance(key.value, str):
                child.place.key_start, child.place.key_end = key.place.start, key.place.end
                node.place.children[key.value] = child.place
                node.value[key.value] = child.value
        return event

    def _key(self, node: _Node, event: Any, depth: int) -> _Node:
        before = len(self.found)
        key = self._node(event, depth)
        self._take(node, key)
        if len(self.found) > before:
            key.value = None
        elif type(event) is ScalarEvent and event.value == "<<" and event.implicit[0] and event.tag is None:
            self._add("merge-key", "merge keys (`<<`) are not read", self._span_of(key.place), "merge key",
                      help="write the keys out, or use an alias as the whole value of a key")
            key.value = None
        elif not isinstance(key.value, str):
            shown = shorten(event.value) if type(event) is ScalarEvent else ""
            what = f"the key `{shown}`" if shown else "a key"
            self._add("key-not-text", f"{what} is {_kind(key.value)}, not text", self._span_of(key.place),
                      _kind(key.value), help=f'quote it: `"{shown}"`' if shown else "write a text as the key")
        return key

    def _items(self, node: _Node, depth: int) -> Any:
        while type(event := self.get()) is not SequenceEndEvent:
            child = self._node(event, depth)
            self._take(node, child)
            node.place.children[len(node.value)] = child.place
            node.value.append(child.value)
        return event

    def _take(self, node: _Node, child: _Node) -> None:
        node.size += child.size
        node.height = max(node.height, child.height)

    def _unknown_tag(self, event: _Event) -> None:
        text, start = self.source.text, event.start_mark.index
        match = _TAG.match(text, start)
        span = self.source.span(*match.span(1)) if match else self._span(event)
        shown = match.group(1) if match else str(getattr(event, "tag", ""))
        self._add("unknown-tag", f"the tag `{shorten(shown)}` is not read", span, "tag", help="remove the tag")

    def _place(self, event: _Event) -> Place:
        """The node without its anchor and tag, and without the line ends after a block text."""
        text, start, end = self.source.text, event.start_mark.index, event.end_mark.index
        of_scalar = type(event) is ScalarEvent
        if text[start:start + 1] in ("&", "!"):
            # An empty scalar ends with its properties; a collection's first event may end before them.
            match = _PROPERTIES.match(text, start, end if of_scalar else len(text))
            start = match.end() if match else start
        if of_scalar and event.style in ("|", ">"):
            end = start + len(text[start:end].rstrip())
        return Place(start, max(start, end))

    def _span(self, event: _Event) -> Span:
        start, end = event.start_mark.index, event.end_mark.index
        return self.source.span(start, max(end, min(start + 1, len(self.source.text))))

    def _span_of(self, place: Place) -> Span:
        return self.source.span(place.start, place.end)

    def _line(self, start: int) -> Span:
        """From `start` to the end of its line, for what is wrong with a whole document."""
        end = self.source.text.find("\n", start)
        return self.source.span(start, len(self.source.text) if end < 0 else end)

    def _add(self, name: str, message: str, span: Span, label: str, *, help: str = "") -> None:
        self.found.append(error(name, message, span, label, help=help))


_TAG_WORDS = {"int": "a whole number", "float": "a number", "bool": "`true` or `false`", "null": "null"}


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | Decimal():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "a mapping"


def _line_separator(source: Source, match: re.Match[str]) -> Diagnostic:
    name = f"U+{ord(match.group()):04X}"
    escape = {"\x85": "\\N", "\u2028": "\\L", "\u2029": "\\P"}[match.group()]
    return error("line-separator", f"found the character {name}, which YAML 1.1 and 1.2 read differently",
                 source.span(*match.span()), name, help=f'write it as `"{escape}"` inside double quotes')


# libyaml's words -> ours, label, help. PyYAML's own parser says some things otherwise; those are shown as they are.
_PROBLEMS = {
    "mapping values are not allowed in this context": (
        "found `:` where no key can stand", "no key before it",
        "quote a text that contains `: `, and align the keys of one mapping"),
    "could not find expected ':'": ("expected `:` after a key", "`:` missing", ""),
    "did not find expected key": ("expected a key, or the keys of this mapping are not aligned", "no key", ""),
    "did not find expected '-' indicator": (
        "expected `-`, or the items of this list are not aligned", "no item of the list", ""),
    "did not find expected ',' or ']'": ("expected `,` or `]`", "the list is not closed", ""),
    "did not find expected ',' or '}'": ("expected `,` or `}`", "the mapping is not closed", ""),
    "did not find expected <document start>": (
        "found more text after the end of the document", "not part of it", "write `---` before another document"),
    "found unexpected end of stream": ("a quoted text is not closed", "the text ends here", ""),
    "found undefined tag handle": ("the tag has a prefix that is not declared", "tag", "remove the tag"),
    "found incompatible YAML document": ("the document says it is a YAML this reader does not know", "not YAML 1.2",
                                         "remove the line, or write `%YAML 1.2`"),
    "found a tab character that violates indentation": ("found a tab in the indentation", "tab", "indent with spaces"),
    "found duplicate %YAML directive": ("found `%YAML` twice", "second", ""),
}


def _syntax(source: Source, problem: yaml.YAMLError) -> Diagnostic:
    text = source.text
    mark = getattr(problem, "problem_mark", None)
    if mark is None:
        return _control_character(source, problem)
    words = str(getattr(problem, "problem", "") or "this cannot be read")
    at = min(mark.index, len(text))
    if words.startswith("found character") and "cannot start any token" in words and at < len(text):
        shown, help = ("a tab", "indent with spaces") if text[at] == "\t" else (f"`{text[at]}`", "quote the text")
        return error("yaml-syntax", f"found {shown}, which cannot begin a value", source.span(at, at + 1), "here",
                     help=help)
    message, label, help = _PROBLEMS.get(words, (f"cannot read YAML: {words}", "", ""))
    context = getattr(problem, "context_mark", None)
    notes: tuple[Note, ...] = ()
    if context is not None and context.index < at:
        notes = (Note("it begins here", char_at(source, context.index), "begin"),)
    return error("yaml-syntax", message, char_at(source, at), label, notes=notes, help=help)


# What libyaml calls printable; the rest it refuses, with an offset in bytes that is of no use here.
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _control_character(source: Source, problem: yaml.YAMLError) -> Diagnostic:
    match = _CONTROL.search(source.text)
    if match is None:
        return error("yaml-syntax", f"cannot read YAML: {shorten(str(problem))}", source.span(0, 0))
    return error("control-character", f"found the character U+{ord(match.group()):04X}, which YAML does not allow",
                 source.span(*match.span()), "control character", help="write it as an escape inside double quotes")
