"""A vocabulary: what a policy may ask about. Text of a JSON Schema in YAML in, types of facts and events out.

The document is JSON Schema 2020-12 with a closed set of keywords. Its root describes the facts of one service,
`$defs.envelope` the fields that all events share, `$defs.events` the own fields of each event type, in the order in
which events of the same instant are taken. Data is not checked here, and no policy is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from policyengine.base.diagnostic import Diagnostic, Note, did_you_mean, error, shorten
from policyengine.base.instants import UNITS
from policyengine.base.source import Span
from policyengine.core.types import (
    PERIOD_CLASSES,
    Bool,
    Date,
    Field,
    Instant,
    ListOf,
    Number,
    Period,
    Record,
    Text,
    Type,
    Unknown,
)

_NAME = re.compile(r"[a-z][a-z0-9_]*")

_ANY = frozenset({"type", "$ref", "description", "title", "default", "examples", "x-description-zh", "x-title-zh"})
_ROOT = frozenset({"$schema", "$id", "$defs"})
# Keyword -> the types of value it says something about. JSON Schema ignores a keyword on other types, and a limit that
# is ignored is a limit the author believes in; so here it is an error.
_OF_TYPE: dict[str, frozenset[str]] = {
    "properties": frozenset({"object"}),
    "required": frozenset({"object"}),
    "additionalProperties": frozenset({"object"}),
    "items": frozenset({"array"}),
    "minItems": frozenset({"array"}),
    "uniqueItems": frozenset({"array"}),
    "enum": frozenset({"string", "integer"}),
    "format": frozenset({"string"}),
    "pattern": frozenset({"string"}),
    "minLength": frozenset({"string"}),
    "x-unit": frozenset({"string"}),
    "minimum": frozenset({"number", "integer"}),
    "maximum": frozenset({"number", "integer"}),
}
KEYWORDS = _ANY | _ROOT | frozenset(_OF_TYPE)
"""All keywords a vocabulary may use."""

_TYPES = ("object", "array", "string", "number", "integer", "boolean")
_FORMATS: dict[str, Type] = {"date": Date(), "date-time": Instant(), "period": Period()}
_ENVELOPE_OF_THE_ROW = "type"  # a pattern already says which type it wants, so no policy reads this field


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type. `place` orders events of one instant; `record` has the envelope's fields too, but `type`.

    `required` are the names of required fields; `schema` is the JSON Schema of a whole row.
    """

    name: str
    place: int
    record: Record
    required: frozenset[str]
    description: str
    description_zh: str
    schema: Mapping[str, Any] = field(compare=False, repr=False, hash=False)
    span: Span | None = None


@dataclass(frozen=True)
class Vocabulary:
    """What policies may name. `schema` is the document with every `$ref` put in place.

    `descriptions` and `places` go by dotted path (`service.disclosure`, `user_message.channel`): the English and
    Chinese description, and where it is declared.
    """

    name: str
    schema: Mapping[str, Any]
    facts: Record
    events: Mapping[str, EventType]
    descriptions: Mapping[str, tuple[str, str]]
    places: Mapping[str, Span]


def load_vocabulary(path: str, text: str) -> tuple[Vocabulary | None, tuple[Diagnostic, ...]]:
    """The vocabulary in a file; its name is the file's without folder and ending. None when there is any error."""
    document, found = _read(path, text)
    if document is None or found:
        return None, tuple(found)
    reading = _Reading(document, found)
    name = path.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    facts, schema = reading.record(document, "", root=True)
    events, event_schemas = reading.events(facts)
    if found:
        return None, tuple(found)
    definitions = {**schema.get("$defs", {}), "events": event_schemas}
    return Vocabulary(name, {**schema, "$defs": definitions}, facts, events, reading.descriptions, reading.places), ()


# ---- YAML with places ---------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Node:
    """A value of the document and where it stands; `keys` has the places of a mapping's keys."""

    value: Any  # dict[str, _Node], list[_Node], or a scalar
    span: Span
    keys: Mapping[str, Span] = field(default_factory=dict)

    def plain(self) -> Any:
        match self.value:
            case dict():
                return {key: node.plain() for key, node in self.value.items()}
            case list():
                return [node.plain() for node in self.value]
            case _:
                return self.value

    def get(self, key: str) -> _Node | None:
        return self.value.get(key) if isinstance(self.value, dict) else None


def _read(path: str, text: str) -> tuple[_Node | None, list[Diagnostic]]:
    try:
        root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as reason:
        mark = reason.problem_mark
        span = Span(path, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2) if mark else None
        return None, [error("yaml-syntax", f"cannot read YAML: {shorten(reason.problem or str(reason))}", span)]
    except yaml.YAMLError as reason:
        return None, [error("yaml-syntax", f"cannot read YAML: {shorten(str(reason))}")]
    found: list[Diagnostic] = []
    if not isinstance(root, yaml.MappingNode):
        span = Span(path, 1, 1, 1, 1) if root is None else _span(path, root)
        return None, [error("bad-vocabulary", "expected a JSON Schema, found no mapping", span)]
    return _node(path, root, found, ()), found


def _span(path: str, node: yaml.Node) -> Span:
    start, end = node.start_mark, node.end_mark
    return Span(path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _node(path: str, node: yaml.Node, found: list[Diagnostic], above: tuple[int, ...]) -> _Node:
    span = _span(path, node)
    if id(node) in above:
        found.append(error("yaml-syntax", "an alias stands inside what it repeats", span))
        return _Node(None, span)
    above = (*above, id(node))
    match node:
        case yaml.MappingNode():
            values: dict[str, _Node] = {}
            keys: dict[str, Span] = {}
            for key_node, value_node in node.value:
                key = str(key_node.value)
                place = _span(path, key_node)
                if key in values:
                    first = Note("the first is here", keys[key])
                    found.append(error("duplicate-key", f"`{shorten(key)}` stands twice", place, notes=(first,)))
                    continue
                keys[key] = place
                values[key] = _node(path, value_node, found, above)
            return _Node(values, span, keys)
        case yaml.SequenceNode():
            return _Node([_node(path, item, found, above) for item in node.value], span)
        case _:
            return _Node(_scalar(node), span)


def _scalar(node: yaml.Node) -> Any:
    """Numbers stay exact: a decimal is a Decimal of its text. Dates stay text."""
    text = str(node.value)
    match node.tag.rsplit(":", 1)[-1]:
        case "int":
            try:
                return int(text.replace("_", ""), 10)
            except ValueError:
                return text
        case "float":
            try:
                return Decimal(text.replace("_", ""))
            except ArithmeticError:
                return text
        case "bool":
            return text.lower() in ("true", "yes", "on")
        case "null":
            return None
        case _:
            return text


# ---- schemas to types ---------------------------------------------------------------------------------------------

class _Reading:
    """The document being read: collects mistakes, descriptions and places on the way."""

    def __init__(self, document: _Node, found: list[Diagnostic]) -> None:
        self.found = found
        self.definitions = document.get("$defs")
        self.descriptions: dict[str, tuple[str, str]] = {}
        self.places: dict[str, Span] = {}

    def events(self, facts: Record) -> tuple[dict[str, EventType], dict[str, Any]]:
        """The event types in their order, and the JSON Schema of each whole row."""
        declared = self.definitions.get("events") if self.definitions else None
        if declared is None:
            return {}, {}
        if not isinstance(declared.value, dict):
            self.fault("bad-vocabulary", "`$defs.events` maps each event type to its schema", declared.span)
            return {}, {}
        envelope, shared = self.envelope()
        events: dict[str, EventType] = {}
        schemas: dict[str, Any] = {}
        for place, (name, node) in enumerate(declared.value.items()):
            span = declared.keys[name]
            if not _NAME.fullmatch(name):
                self.fault("bad-name", f"`{shorten(name)}` is not a name of lower-case letters, digits and `_`", span)
            if facts.field(name):
                self.fault("duplicate-name", f"`{name}` is a fact and an event type", span,
                           notes=(Note("the fact is here", self.places.get(name)),))
            self.places[name] = span
            own, schema = self.record(node, name)
            for one in own.fields:
                if envelope.field(one.name) or one.name == _ENVELOPE_OF_THE_ROW:
                    self.fault("duplicate-name", f"`{one.name}` is a field of every event already",
                               self.places.get(f"{name}.{one.name}"))
            for one in envelope.fields:
                if f"envelope.{one.name}" in self.places:
                    self.places.setdefault(f"{name}.{one.name}", self.places[f"envelope.{one.name}"])
            record = Record((*envelope.fields, *own.fields), own.closed)
            merged = {**schema, "properties": {**shared.get("properties", {}), **schema.get("properties", {})},
                      "required": [*shared.get("required", []), *schema.get("required", [])]}
            description, chinese = self.descriptions.get(name, ("", ""))
            required = frozenset(one.name for one in record.fields if one.required)
            events[name] = EventType(name, place, record, required, description, chinese, merged, span)
            schemas[name] = merged
        return events, schemas

    def envelope(self) -> tuple[Record, dict[str, Any]]:
        """The fields all events share; `time` is there whether it is declared or not."""
        node = self.definitions.get("envelope") if self.definitions else None
        shared: dict[str, Any] = {}
        fields: tuple[Field, ...] = ()
        if node is not None:
            record, shared = self.record(node, "envelope")
            time = record.field("time")
            if time is not None and time.type != Instant():
                self.fault("bad-vocabulary", "`time` of an event has `format: date-time`",
                           self.places.get("envelope.time"))
            fields = tuple(one for one in record.fields if one.name not in ("time", _ENVELOPE_OF_THE_ROW))
        return Record((Field("time", Instant(), required=True), *fields)), shared

    def record(self, node: _Node, path: str, *, root: bool = False) -> tuple[Record, dict[str, Any]]:
        """The record of an object schema and its plain form."""
        type, plain = self.type(node, path, (), root=root)
        if isinstance(type, Record):
            return type, plain
        if not isinstance(type, Unknown):
            what = "the root" if root else f"`{path}`"
            self.fault("bad-vocabulary", f"{what} must have `type: object`", node.span)
        return Record(()), plain

    def type(self, node: _Node, path: str, refs: tuple[str, ...], *, root: bool = False) -> tuple[Type, dict[str, Any]]:
        """The type of a schema and its plain form without `$ref`."""
        if not isinstance(node.value, dict):
            self.fault("bad-vocabulary", "expected a schema, found no mapping", node.span)
            return Unknown(), {}
        reference = node.get("$ref")
        if reference is not None:
            return self.referred(node, reference, path, refs)
        self.keywords(node, root=root)
        described = tuple(self.text(node, keyword) for keyword in ("description", "x-description-zh"))
        if any(described) and path:
            self.descriptions[path] = (described[0], described[1])
        plain = {key: value.plain() for key, value in node.value.items() if key not in ("properties", "items", "$defs")}
        if root:
            plain["$defs"] = {}
        kind = node.get("type")
        name = kind.value if kind else None
        match name:
            case "object":
                return self.object(node, plain, path, refs)
            case "array":
                items = node.get("items")
                if items is None:
                    self.fault("bad-vocabulary", "a list says what its `items` are", node.span)
                    return Unknown(), plain
                item, plain["items"] = self.type(items, path, refs)
                return ListOf(item), plain
            case "string":
                return self.string(node), plain
            case "number" | "integer":
                return Number(integer=name == "integer"), plain
            case "boolean":
                return Bool(), plain
            case None:
                self.fault("bad-vocabulary", "a schema has a `type` or a `$ref`", node.span)
            case list():
                self.fault("bad-vocabulary", "a value has one type; null stands for a missing value and needs none",
                           kind.span if kind else node.span)
            case _:
                self.fault("bad-vocabulary", f"there is no type `{shorten(str(name))}`",
                           kind.span if kind else node.span,
                           help=did_you_mean(str(name), _TYPES) or f"one of {', '.join(_TYPES)}")
        return Unknown(), plain

    def object(self, node: _Node, plain: dict[str, Any], path: str,
               refs: tuple[str, ...]) -> tuple[Type, dict[str, Any]]:
        properties, required = node.get("properties"), node.get("required")
        names = [item.value for item in required.value] if required and isinstance(required.value, list) else []
        fields, plain["properties"] = [], {}
        declared = properties.value if properties and isinstance(properties.value, dict) else {}
        for name, schema in declared.items():
            place = f"{path}.{name}" if path else name
            span = properties.keys[name] if properties else schema.span
            if not _NAME.fullmatch(name):
                self.fault("bad-name", f"`{shorten(name)}` is not a name of lower-case letters, digits and `_`", span)
            self.places[place] = span
            type, plain["properties"][name] = self.type(schema, place, refs)
            default = plain["properties"][name].get("default")
            if default is not None:
                self.default(type, default, schema)
            fields.append(Field(name, type, name in names, default))
        for item in required.value if required and isinstance(required.value, list) else []:
            if item.value not in declared:
                self.fault("unknown-field", f"`{shorten(str(item.value))}` is required but is no property", item.span,
                           help=did_you_mean(str(item.value), declared))
        extra = node.get("additionalProperties")
        if extra is not None and not isinstance(extra.value, bool):
            self.fault("bad-vocabulary", "`additionalProperties` is true or false", extra.span)
        return Record(tuple(fields), closed=extra is not None and extra.value is False), plain

    def string(self, node: _Node) -> Type:
        values, form, unit = node.get("enum"), node.get("format"), node.get("x-unit")
        pattern = node.get("pattern")
        if pattern is not None:
            self.pattern(pattern)
        if form is None:
            if unit is not None:
                self.fault("bad-vocabulary", "`x-unit` stands with `format: period`", unit.span)
            return Text(tuple(str(item.value) for item in values.value) if values else None)
        if form.value not in _FORMATS:
            self.fault("bad-vocabulary", f"there is no format `{shorten(str(form.value))}`", form.span,
                       help=did_you_mean(str(form.value), _FORMATS) or f"one of {', '.join(_FORMATS)}")
            return Unknown()
        if form.value == "period" and unit is not None:
            if unit.value not in UNITS:
                self.fault("bad-vocabulary", f"there is no unit `{shorten(str(unit.value))}`", unit.span,
                           help=did_you_mean(str(unit.value), UNITS) or f"one of {', '.join(UNITS)}")
                return Unknown()
            return Period(PERIOD_CLASSES[UNITS[unit.value][1]])
        return _FORMATS[form.value]

    def referred(self, node: _Node, reference: _Node, path: str,
                 refs: tuple[str, ...]) -> tuple[Type, dict[str, Any]]:
        """The schema referred to; what stands beside `$ref` (a description, a default) goes before it."""
        written = str(reference.value)
        name = written.removeprefix("#/$defs/")
        known = self.definitions.value if self.definitions and isinstance(self.definitions.value, dict) else {}
        target = known.get(name)
        if written == name or target is None:
            self.fault("unknown-name", f"`$ref` names `{shorten(written)}`, which is not in `$defs`", reference.span,
                       help=did_you_mean(name, known))
            return Unknown(), {}
        if name in refs:
            self.fault("recursion", f"`{name}` is defined by itself: {' -> '.join((*refs, name))}", reference.span)
            return Unknown(), {}
        beside = {key: value for key, value in node.value.items() if key != "$ref"}
        merged = _Node({**target.value, **beside} if isinstance(target.value, dict) else target.value, node.span,
                       {**target.keys, **node.keys})
        return self.type(merged, path, (*refs, name))

    def keywords(self, node: _Node, *, root: bool) -> None:
        kind = node.get("type")
        for keyword, value in node.value.items():
            span = node.keys[keyword]
            if keyword not in KEYWORDS:
                self.fault("unknown-keyword", f"a vocabulary has no keyword `{shorten(keyword)}`", span,
                           help=did_you_mean(keyword, KEYWORDS))
            elif keyword in _ROOT and not root:
                self.fault("unknown-keyword", f"`{keyword}` stands at the root of the document only", span)
            elif keyword in _OF_TYPE and kind is not None and kind.value in _TYPES \
                    and kind.value not in _OF_TYPE[keyword]:
                self.fault("unknown-keyword", f"`{keyword}` says nothing about a value of type {kind.value}", span)
            elif not _well_formed(keyword, value):
                self.fault("bad-vocabulary", f"`{keyword}` must be {_FORMS[keyword][1]}", value.span)

    def default(self, type: Type, default: Any, schema: _Node) -> None:
        node = schema.get("default")
        span = node.span if node else schema.span
        fits = {"Bool": isinstance(default, bool), "ListOf": isinstance(default, list),
                "Number": isinstance(default, int | Decimal) and not isinstance(default, bool)}
        if not fits.get(type.__class__.__name__, isinstance(default, str)):
            self.fault("bad-vocabulary", "the default is not of the value's own type", span)
        elif isinstance(type, Text) and type.values and default not in type.values:
            self.fault("unknown-value", f"the default `{shorten(default)}` is not among the values", span,
                       help=did_you_mean(default, type.values))

    def pattern(self, node: _Node) -> None:
        from policyengine.core.patterns import fault  # RE2 is loaded for vocabularies with a pattern, not for all

        reason = fault(str(node.value))
        if reason is not None:
            self.fault("bad-pattern", f"RE2 refuses the pattern: {shorten(reason)}", node.span)

    def text(self, node: _Node, keyword: str) -> str:
        value = node.get(keyword)
        return value.value if value is not None and isinstance(value.value, str) else ""

    def fault(self, name: str, message: str, span: Span | None, *, help: str = "",
              notes: tuple[Note, ...] = ()) -> None:
        fresh = error(name, message, span, notes=notes, help=help)
        if fresh not in self.found:  # a definition used twice is read twice
            self.found.append(fresh)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item.value, str) for item in value)


def _number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "properties": (lambda v: isinstance(v, dict), "a mapping of names to schemas"),
    "required": (_texts, "a list of names"),
    "enum": (lambda v: isinstance(v, list) and bool(v) and (_texts(v) or all(_number(i.value) for i in v)),
             "a list of texts, or of numbers"),
    "minItems": (lambda v: _number(v) and v >= 0, "a number"),
    "minLength": (lambda v: _number(v) and v >= 0, "a number"),
    "minimum": (_number, "a number"),
    "maximum": (_number, "a number"),
    "uniqueItems": (lambda v: isinstance(v, bool), "true or false"),
    "description": (lambda v: isinstance(v, str), "text"),
    "x-description-zh": (lambda v: isinstance(v, str), "text"),
    "title": (lambda v: isinstance(v, str), "text"),
    "x-title-zh": (lambda v: isinstance(v, str), "text"),
    "pattern": (lambda v: isinstance(v, str), "text"),
}


def _well_formed(keyword: str, value: _Node) -> bool:
    return keyword not in _FORMS or _FORMS[keyword][0](value.value)
