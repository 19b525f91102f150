"""XES event logs (IEEE 1849) to events: the bytes of a log in, its events with their line numbers out, case by case.

A log is read as a stream and held one case at a time. Activities and attributes become names that a policy can write
(`identifier`); docs/process-mining.md says what becomes of each part of a log. A document type is refused, so nothing
in a log is expanded or fetched. Which types and fields there may be is the vocabulary's to say.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from sys import intern
from typing import Any, Literal
from xml.parsers import expat

from policyengine.base.diagnostic import Note, error, shorten
from policyengine.base.instants import iso_instant, parse_instant
from policyengine.base.scalars import MAX_DEPTH, PART_DIGITS, WHOLE_DIGITS, number, start_of
from policyengine.base.source import Span
from policyengine.trace.read import Event, Problem, Take

MAX_TAG_BYTES = 4 * 1024 * 1024  # a longer tag holds no attribute of an event, and would be read into memory whole
MAX_ATTRIBUTES = 10_000  # of one event, or of one case, with those inside others

Kind = Literal["text", "instant", "integer", "number", "boolean", "list", "record"]
"""What values an attribute has; `record` is an item of a list that has attributes of its own."""

KINDS: Mapping[str, Kind] = {"string": "text", "id": "text", "date": "instant", "int": "integer", "float": "number",
                             "boolean": "boolean", "list": "list", "container": "list"}

ENVELOPE = frozenset({"type", "time", "id", "sequence", "case", "service"})
"""Fields that have a meaning of their own; an attribute of such a name becomes `event_…`."""

RESERVED = frozenset({
    # the grammar's, which a test holds these to
    "and", "or", "not", "in", "is", "contains", "matches", "every", "some", "no", "any", "latest", "where", "satisfies",
    "within", "true", "false", "cites", "per", "on", "when", "must", "unless", "fix",
    # `on first`, what an expression may call, and the facts
    "first", "today", "local_time", "completed_years", "service",
})
"""Names that a policy would take for something else; an activity or attribute of such a name gets a `_` behind it."""


def read_xes(chunks: Iterable[bytes], path: str, zone: str | None, add: Problem,
             shape: Shape | None = None) -> Iterator[Event]:
    """The events of a log in its order, case by case; `add` is told what is wrong with it, at its line.

    `chunks` are the bytes of the log, cut anywhere; OSError of the system passes through, a damaged archive is an error
    of the log. `zone` is the IANA name under which times without an offset are read; without it they are errors.
    `Event.row` is the line on which the event begins, `sequence` its place in its case from 1, and its case is the
    field `case`. An event that cannot be read is left out; after a mistake in the XML nothing more is read. `shape`,
    where given, is filled on the way.
    """
    ready: list[Event] = []
    parser = _Parser(_Log(path, zone, add, ready.append, shape))
    try:
        for chunk in _undamaged(chunks, path, add):
            parser.feed(chunk)
            yield from ready
            ready.clear()
        parser.end()
    except _Stop:
        pass
    except expat.ExpatError as problem:
        parser.broken(problem)
    yield from ready


def _undamaged(chunks: Iterable[bytes], path: str, add: Problem) -> Iterator[bytes]:
    """The bytes of a log. What a damaged archive still gave is read."""
    try:
        yield from chunks
    except EOFError:
        return  # the log is cut off too, and at a line
    except (OSError, zlib.error) as problem:
        if isinstance(problem, OSError) and problem.errno is not None:  # the file system's, not the archive's
            raise
        add(error("unreadable-file", f"cannot decompress: {shorten(str(problem).lower())}", start_of(path)))
        raise _Stop from problem


# ---- names --------------------------------------------------------------------------------------------------------

def identifier(text: str) -> str:
    """The name a policy writes for an activity or attribute; empty when the text has neither letter nor digit.

    `Take in charge ticket` is `take_in_charge_ticket`, `OfferID` `offer_id`, `org:resource` `org_resource`, `Prüfung`
    `prufung`, `01_HOOFD_010` `x01_hoofd_010`, `fix` `fix_`, and `审` `u5ba1`: a letter of another alphabet is written
    as its number. A text has one name, always; two texts may share theirs.
    """
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    plain = _HUMPS.sub(" ", plain).lower().translate(_LETTERS)
    if not plain.isascii():
        plain = "".join(one if one.isascii() else f" u{ord(one):04x} " if one.isalnum() else " " for one in plain)
    name = _BREAKS.sub("_", plain).strip("_")
    if name[:1].isdigit():
        name = f"x{name}"
    return f"{name}_" if name in RESERVED else name


_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BREAKS = re.compile(r"[^a-z0-9]+")
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i"})


@dataclass(slots=True)
class Shape:
    """What a log turned out to hold, for the vocabulary that is written from it.

    A field goes by its name; the items of a list `x` by `x[]`, what is in these by `x[].y`. `activities`: event type ->
    the activity as the log has it. `fields`: event type -> field -> how many events have it; `events`: event type ->
    how many there are. `keys`: field -> the attribute as the log has it. `declared`: the fields that the log says every
    event has. `samples`: field -> some of its texts.
    """

    activities: dict[str, str] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    fields: dict[str, dict[str, int]] = field(default_factory=dict)
    kinds: dict[str, set[Kind]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    samples: dict[str, list[str]] = field(default_factory=dict)


SAMPLES = 3

# ---- values -------------------------------------------------------------------------------------------------------

_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OFFSET = re.compile(r"[+-][0-9]{4}$")
_PLAIN_INSTANT = re.compile(r"[^.]{19}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_FRACTION = re.compile(r"(\.[0-9]{6})0+(?![0-9])")


def _instant(text: str, zone: str | None) -> int:
    """A time in RFC 3339, or in one of the ways that tools write it and that mean one thing: with zeros past the
    microsecond, with the offset `+0200`."""
    if len(text) > 26:
        text = _FRACTION.sub(r"\1", text)
    if _OFFSET.search(text, 19):
        text = f"{text[:-2]}:{text[-2:]}"
    return parse_instant(text, zone)


def _instant_text(text: str, zone: str | None) -> str:
    """A time as a field has it, with its offset; in UTC where the log has none or writes it in a way of its own."""
    us = _instant(text, zone)
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
_VALUES: Mapping[Kind, Callable[[str, str | None], Any]] = {
    "instant": _instant_text, "integer": _integer, "number": _decimal, "boolean": _boolean,
}
_NAMES_OF_FAULTS = (("digits", "number-too-long"), ("finite", "number-not-finite"))


# ---- XML ----------------------------------------------------------------------------------------------------------

class _Stop(Exception):
    """Nothing more of the log is read; the reason has been told."""


@dataclass(slots=True)
class _Node:
    """An element: its tag without a namespace, where it begins, and the attributes (elements, in XES) inside it."""

    tag: str
    given: Mapping[str, str]
    line: int
    column: int
    inside: Sequence[_Node] = ()

    def put(self, node: _Node) -> None:
        if isinstance(self.inside, list):
            self.inside.append(node)
        else:
            self.inside = [node]


class _Parser:
    """Bytes to elements. Those inside one event, or directly in one case, are held together; the rest is passed by."""

    def __init__(self, log: _Log) -> None:
        self.log = log
        self.open: list[_Node | None] = []  # None: passed by
        self.held = 0
        self.fed = 0
        self.expat = expat.ParserCreate()
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self.start
        self.expat.EndElementHandler = self.finish
        self.expat.StartDoctypeDeclHandler = self.doctype

    def feed(self, chunk: bytes) -> None:
        self.fed += len(chunk)
        self.expat.Parse(chunk, False)
        if self.fed - max(self.expat.CurrentByteIndex, 0) > MAX_TAG_BYTES + len(chunk):
            self.log.tell("event-too-large", f"a tag is longer than {MAX_TAG_BYTES // 1024 // 1024} MB", self.here())
            raise _Stop

    def end(self) -> None:
        if self.fed:
            self.expat.Parse(b"", True)

    def broken(self, problem: expat.ExpatError) -> None:
        """The parser refused the text: it is cut off, or no XML."""
        span = Span(self.log.path, problem.lineno, problem.offset + 1, problem.lineno, problem.offset + 1)
        words = expat.errors.messages.get(problem.code, "not well-formed (invalid token)")
        if words in _CUT_OFF:
            inside = next((f" inside `<{one.tag}>`" for one in reversed(self.open) if one is not None), "")
            self.log.tell("cut-off", f"the log ends{inside}", span, "the file ends here")
        else:
            self.log.tell("xes-syntax", f"cannot read XML: {shorten(words)}", span)

    def doctype(self, *_: Any) -> None:
        self.log.tell("xes-syntax", "a log has no document type declaration", self.here("<!DOCTYPE"), "not read",
                      help="take it away; XES needs none")
        raise _Stop

    def here(self, tag: str = "") -> Span:
        """The place of the tag that is being read."""
        line, column = self.expat.CurrentLineNumber, self.expat.CurrentColumnNumber + 1
        return Span(self.log.path, line, column, line, column + len(tag))

    def start(self, tag: str, given: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        parent = self.open[-1] if self.open else None
        if self.open and parent is None:
            self.open.append(None)
            return
        if tag not in _WITHIN.get(None if parent is None else parent.tag, _ATTRIBUTES):
            within = f" in `<{parent.tag}>`" if parent else ", where a log begins with `<log>`"
            self.log.tell("xes-syntax", f"found `<{shorten(tag)}>`{within}", self.here(f"<{tag}"), "not of XES")
            raise _Stop
        if len(self.open) > MAX_DEPTH:
            self.log.tell("too-deep", f"attributes are nested more than {MAX_DEPTH} deep", self.here(f"<{tag}"),
                          "one level too many")
            raise _Stop
        node = _Node(tag, given, self.expat.CurrentLineNumber, self.expat.CurrentColumnNumber + 1)
        if tag == "extension":
            self.log.extension(given)
        elif tag == "trace":
            self.log.begin()
        if tag in ("trace", "event"):
            self.held = 0
        elif parent is not None and parent.tag == "log" and tag != "global":
            self.open.append(None)  # a remark on the whole log
            return
        elif parent is not None:
            self.held += 1
            if self.held > MAX_ATTRIBUTES:
                self.log.tell("event-too-large", f"an event or case has more than {MAX_ATTRIBUTES:,} attributes",
                              self.here(f"<{tag}"))
                raise _Stop
            parent.put(node)
        self.open.append(node)

    def finish(self, _: str) -> None:
        node = self.open.pop()
        if node is None:
            return
        if node.tag == "event":
            self.log.event(node)
        elif node.tag == "trace":
            self.log.finish(node)
        elif node.tag == "global" and node.given.get("scope") == "event":
            self.log.declared(node)


_CUT_OFF = {expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN,
            expat.errors.XML_ERROR_PARTIAL_CHAR, expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION}
_ATTRIBUTES = frozenset(KINDS)
# What may stand in what; in an attribute stand attributes. `values` is how the newer standard writes a list.
_WITHIN: Mapping[str | None, frozenset[str]] = {
    None: frozenset({"log"}), "log": _ATTRIBUTES | {"trace", "event", "global", "extension", "classifier"},
    "trace": _ATTRIBUTES | {"event"}, "list": _ATTRIBUTES | {"values"}, "container": _ATTRIBUTES | {"values"},
}


# ---- the log ------------------------------------------------------------------------------------------------------

class _Log:
    """Elements to events; remembers what each name stands for, so that two never become one unnoticed."""

    def __init__(self, path: str, zone: str | None, add: Problem, take: Take, shape: Shape | None) -> None:
        self.path, self.zone, self.add, self.hand_out, self.shape = path, zone, add, take, shape
        self.case: list[tuple[str, int, dict[str, Any], int, int]] | None = None  # type, time, fields, place, line
        self.places = 0  # events of the case so far, with those that could not be read
        self.cases: dict[str, Span] = {}
        self.prefixes: dict[str, str] = {}
        self.names: dict[tuple[str, str, str], str] = {}
        self.stands_for: dict[tuple[str, str], tuple[str, str, Span]] = {}  # (above, text, where it is first)

    def tell(self, name: str, message: str, span: Span, label: str = "", *, notes: tuple[Note, ...] = (),
             help: str = "") -> None:
        self.add(error(name, message, span, label, notes=notes, help=help))

    def at(self, node: _Node) -> Span:
        return Span(self.path, node.line, node.column, node.line, node.column + len(node.tag) + 1)

    # ---- cases and events

    def begin(self) -> None:
        self.case, self.places = [], 0

    def event(self, node: _Node) -> None:
        """Keep an event for the end of its case; one without a case is handed out."""
        self.places += 1
        own = self.take(node, ("concept:name", "time:timestamp"))
        fields: dict[str, Any] = {}
        sound = self.collect(own.rest, "", "", "", fields)
        kind = self.activity(node, own.texts.get("concept:name"))
        time = self.time(node, own.texts.get("time:timestamp"))
        if kind and time is not None and sound and own.sound:
            if self.case is None:
                self.emit(kind, time, fields, None, node.line)
            else:
                self.case.append((kind, time, fields, self.places, node.line))

    def finish(self, node: _Node) -> None:
        """Hand out the events of a case, with its name and attributes."""
        own = self.take(node, ("concept:name",))
        shared: dict[str, Any] = {}
        name = own.texts.get("concept:name")
        events, self.case = self.case or [], None
        sound = self.collect(own.rest, "case_", "case:", "", shared) and own.sound
        if name is None or not name[0]:
            self.tell("missing-column", "the case has no `concept:name`", self.at(node), "no `concept:name`")
            return
        first = self.cases.setdefault(name[0], self.at(node))
        if first != self.at(node):
            self.tell("case-twice", f"two cases are named `{shorten(name[0])}`", self.at(node), "second",
                      notes=(Note("the first is here", first, "first"),),
                      help="put the events of one case into one `<trace>`, or name them apart")
        elif sound:
            for kind, time, fields, place, line in events:
                if not shared.keys() & fields.keys():  # else the collision has been told
                    self.emit(kind, time, {"case": name[0], **fields, **shared}, place, line)

    def emit(self, kind: str, time: int, fields: dict[str, Any], place: int | None, line: int) -> None:
        self.hand_out(Event(kind, time, fields, None, place, self.path, line))
        if self.shape is not None:
            self.shape.events[kind] = self.shape.events.get(kind, 0) + 1
            counts = self.shape.fields.setdefault(kind, {})
            for name in fields:
                counts[name] = counts.get(name, 0) + 1

    def activity(self, node: _Node, given: tuple[str, _Node] | None) -> str:
        """The event type; empty when there is none."""
        if given is None or not given[0]:
            self.tell("missing-column", "the event has no `concept:name`", self.at(node), "no `concept:name`")
            return ""
        text, place = given
        name = self.names.get(("activity", "", text))
        if name is None:
            name = self.names["activity", "", text] = intern(identifier(text))
            self.distinct("activities", name, "", text, place)
            if self.shape is not None and name:
                self.shape.activities.setdefault(name, text)
        if not name:
            self.tell("bad-event-type", f"the activity `{shorten(text)}` has no letter or digit", self.at(place))
        return name

    def time(self, node: _Node, given: tuple[str, _Node] | None) -> int | None:
        if given is None or not given[0].strip():
            self.tell("missing-column", "the event has no `time:timestamp`", self.at(node), "no `time:timestamp`")
            return None
        try:
            return _instant(given[0].strip(), self.zone)
        except ValueError as problem:
            self.tell("bad-time", str(problem), self.at(given[1]), "not an instant")
            return None

    def extension(self, given: Mapping[str, str]) -> None:
        """A standard extension may stand under a prefix of the log's own."""
        known = _EXTENSION.search(given.get("uri", ""))
        prefix = given.get("prefix", "")
        if known and prefix and prefix != known[1]:
            self.prefixes[prefix] = known[1]

    def declared(self, node: _Node) -> None:
        """What the log says every event has. The values written there are examples, never values of an event."""
        if self.shape is not None:
            self.shape.declared |= {self.name(self.key(one), one, "", "", "") for one in node.inside}

    # ---- attributes

    def key(self, node: _Node) -> str:
        key = node.given.get("key", "")
        if not self.prefixes:
            return key
        prefix, colon, rest = key.partition(":")
        return f"{self.prefixes[prefix]}:{rest}" if colon and prefix in self.prefixes else key

    def take(self, node: _Node, wanted: Sequence[str]) -> _Taken:
        """The attributes that say what an event or case is, and the others."""
        taken = _Taken({}, [], True)
        for one in node.inside:
            key = self.key(one)
            if key not in wanted:
                taken.rest.append(one)
            elif key in taken.texts:
                self.twice(one, key)
                taken.sound = False
            else:
                taken.texts[key] = one.given.get("value", ""), one
        return taken

    def twice(self, node: _Node, key: str) -> None:
        self.tell("duplicate-key", f"the attribute `{shorten(key)}` occurs twice in one element", self.at(node),
                  "second", help="remove one of the two")

    def collect(self, nodes: Iterable[_Node], prefix: str, above: str, within: str, into: dict[str, Any]) -> bool:
        """Put attributes into fields, those inside others behind them. False when one cannot be read.

        `prefix` begins their names, `above` says where they are in the log, `within` in which list.
        """
        sound = True
        for node in nodes:
            key = self.key(node)
            name = self.name(key, node, prefix, above, within)
            if not name:
                what = f"the key `{shorten(key)}` has no letter or digit" if key else \
                    f"an attribute `<{node.tag}>` has no `key`"
                self.tell("xes-attribute", what, self.at(node))
                sound = False
                continue
            if name in into:
                if self.stands_for[within, name][:2] == (above, key):  # else the collision has been told
                    self.twice(node, key)
                sound = False
                continue
            kind = KINDS[node.tag]
            try:
                value = self.items(node, within + name) if kind == "list" else self.value(node, kind)
            except ValueError as problem:
                fault = next((one for word, one in _NAMES_OF_FAULTS if word in str(problem)),
                             "bad-time" if kind == "instant" else "xes-attribute")
                self.tell(fault, f"`{shorten(key)}`: {problem}", self.at(node))
                sound = False
                continue
            except _Told:
                sound = False
                continue
            if value is not None:
                into[name] = value
                self.note(within + name, kind, value)
            if kind != "list" and node.inside:
                sound = self.collect(node.inside, f"{name}_", f"{above}{key}:", within, into) and sound
        return sound

    def value(self, node: _Node, kind: Kind) -> Any:
        """The value of an attribute; None where it has none. ValueError for a text of another kind."""
        text = node.given.get("value")
        if kind == "text" or text is None:
            return text
        text = text.strip()
        return _VALUES[kind](text, self.zone) if text else None

    def items(self, node: _Node, name: str) -> list[Any]:
        """The values of a list. An item with attributes of its own is a record of its key, its value and these."""
        items = [one for part in node.inside for one in (part.inside if part.tag == "values" else (part,))]
        values = []
        for one in items:
            kind = KINDS.get(one.tag)
            if kind is None or kind == "list":
                raise ValueError("a list inside a list is nothing a policy can ask about")
            value = self.value(one, kind)
            if one.inside:
                record = {"key": self.key(one)} | ({} if value is None else {"value": value})
                if not self.collect(one.inside, "", f"{name}:", f"{name}[].", record):
                    raise _Told
                self.note(f"{name}[].key", "text", record["key"])
                if value is not None:
                    self.note(f"{name}[].value", kind, value)
                kind, value = "record", record
            if value is not None:
                values.append(value)
                self.note(f"{name}[]", kind, value)
        return values

    def note(self, name: str, kind: Kind, value: Any) -> None:
        if self.shape is None:
            return
        self.shape.kinds.setdefault(name, set()).add(kind)
        if kind == "text":
            samples = self.shape.samples.setdefault(name, [])
            if len(samples) < SAMPLES and value and value not in samples and len(value) <= 60:
                samples.append(value)

    # ---- names

    def name(self, key: str, node: _Node, prefix: str, above: str, within: str) -> str:
        """The field that an attribute becomes; empty when its key has neither letter nor digit."""
        known = self.names.get((within, above, key))
        if known is None:
            own = identifier(key)
            if own and prefix:
                own = prefix + own.removesuffix("_")
            elif own in ENVELOPE or own.removesuffix("_") in ENVELOPE:
                own = own if within else f"event_{own.removesuffix('_')}"
            known = self.names[within, above, key] = intern(own)
            if known:
                self.distinct("attributes", known, above, key, node, within)
                if self.shape is not None:
                    self.shape.keys.setdefault(within + known, above + key)
        return known

    def distinct(self, what: str, name: str, above: str, text: str, node: _Node, within: str = "") -> None:
        """Two texts that become one name are told once."""
        scope = within if what == "attributes" else what
        *known, first = self.stands_for.setdefault((scope, name), (above, text, self.at(node)))
        if known != [above, text] and name:
            self.tell("name-collision", f"the {what} `{shorten(''.join(known))}` and `{shorten(above + text)}` both "
                      f"become `{name}`", self.at(node), "second", notes=(Note("the first is here", first, "first"),),
                      help="rename one of the two in the log")


class _Told(Exception):
    """An attribute cannot be read, and the reason has been told."""


@dataclass(slots=True)
class _Taken:
    texts: dict[str, tuple[str, _Node]]
    rest: list[_Node]
    sound: bool


# Prefixes that the standard's extensions have, whatever a log calls them.
_EXTENSION = re.compile(r"/(concept|time|lifecycle|org|cost|identity|micro|semantic)\.xesext$")
