"""XES event logs (IEEE 1849) to events: the bytes of a log in, its events with their line numbers out, case by case.

A log is read as a stream and held one case at a time. Activities and attributes become names that a policy can write
(`identifier`); docs/process-mining.md says what becomes of each part of a log. A document type is refused, so nothing
in a log is expanded or fetched. Which types and fields there may be is the vocabulary's to say.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any
from xml.parsers import expat

from policyengine.base.diagnostic import Note, error, shorten, warning
from policyengine.base.scalars import MAX_DEPTH, start_of
from policyengine.base.source import Span
from policyengine.trace.files.log_names import ENVELOPE, LONGEST, Given, identifier, said_of
from policyengine.trace.files.read import Event, Problem, Take
from policyengine.trace.files.xes_values import FAULTS, KINDS, VALUES, Kind, instant

MAX_TAG_BYTES = 4 * 1024 * 1024  # a longer tag holds no attribute of an event, and would be read into memory whole
HEAD_BYTES = 200  # so many say in which encoding the rest is
MAX_ATTRIBUTES = 10_000  # of one event, or of one case, with those inside others


def read_xes(chunks: Iterable[bytes], path: str, zone: str | None, add: Problem, shape: Shape | None = None,
             given: Given | None = None, only: Container[int] | None = None) -> Iterator[Event]:
    """The events of a log in its order, case by case; `add` is told what is wrong with it, at its line.

    `chunks` are the bytes of the log, cut anywhere; OSError of the system passes through, a damaged archive is an error
    of the log. `zone` is the IANA name under which times without an offset are read; without it they are errors.
    `Event.row` is the line on which the event begins, or, where several begin on one line, the number after the one
    before; `sequence` is its place in its case from 1, and its case is the field `case`. Traces of one name are one
    case, with a warning. An event that cannot be read is left out; after a mistake in the XML nothing more is read.
    `given` are the names that the vocabulary has for texts of the log. Where `only` is given, other rows are passed by.
    `shape`, where there is one, is filled on the way, and two texts that become one name are told apart in it instead
    of refused.
    """
    ready: list[Event] = []
    log = _Log(path, zone, add, ready.append, shape, given or Given())
    parser = _Parser(log, only)
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
    log.end()
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


# ---- what a log holds ----------------------------------------------------------------------------------------------

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
    twins: set[str] = field(default_factory=set)
    twin_types: set[str] = field(default_factory=set)


SAMPLES = 3

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

    def says(self, other: _Node) -> bool:
        """Whether the other is the same attribute with the same value, and both have nothing inside."""
        return (self.tag, self.given) == (other.tag, other.given) and not self.inside and not other.inside


class _Parser:
    """Bytes to elements. Those inside one event, or directly in one case, are held together; the rest is passed by."""

    def __init__(self, log: _Log, only: Container[int] | None) -> None:
        self.log, self.only = log, only
        self.open: list[_Node | None] = []  # None: passed by
        self.held = 0
        self.fed = 0
        self.head = b""
        self.decoder: codecs.IncrementalDecoder | None = None
        self.begin(None)

    def begin(self, encoding: str | None) -> None:
        """A parser for a text in that encoding, or in the one that it declares."""
        self.expat = expat.ParserCreate(encoding)
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self.start
        self.expat.EndElementHandler = self.finish
        self.expat.StartDoctypeDeclHandler = self.doctype

    def feed(self, chunk: bytes) -> None:
        if not self.fed:
            self.head += chunk
            if len(self.head) < HEAD_BYTES:
                return
            chunk = self.head
            self.look(chunk)
        self.fed += len(chunk)
        self.parse(chunk, last=False)
        if self.fed - max(self.expat.CurrentByteIndex, 0) > MAX_TAG_BYTES + len(chunk):
            self.log.tell("event-too-large", f"a tag is longer than {MAX_TAG_BYTES // 1024 // 1024} MB", self.here())
            raise _Stop

    def end(self) -> None:
        if not self.fed:
            self.look(self.head)
        if self.fed or self.head:
            self.parse(b"" if self.fed else self.head, last=True)

    def look(self, head: bytes) -> None:
        """What the first bytes say of the rest."""
        if head.startswith(b"\x1f\x8b"):
            self.log.tell("unreadable-file", "the log is compressed, and its name does not say so", self.here(),
                          help=f"call it `{shorten(self.log.path)}.gz`")
            raise _Stop
        declared = _ENCODING.match(head)
        if declared and declared[1].decode().lower() not in _OF_THE_PARSER:
            name = declared[1].decode()
            try:
                "".encode(name)  # no other encoding of Python's, such as of bytes as bytes
            except LookupError as problem:
                self.log.tell("xes-syntax", f"the encoding `{shorten(name)}` is not known", self.here(),
                              help="save the log as UTF-8")
                raise _Stop from problem
            self.decoder = codecs.getincrementaldecoder(name)()
            self.begin("utf-8")

    def parse(self, chunk: bytes, *, last: bool) -> None:
        if self.decoder is not None:
            try:
                chunk = self.decoder.decode(chunk, last).encode()
            except UnicodeDecodeError as problem:
                self.log.tell("xes-syntax", f"cannot read XML: the text is not {problem.encoding}", self.here())
                raise _Stop from problem
        self.expat.Parse(chunk, last)

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
        parent = self.open[-1] if self.open else None
        if parent is None and self.open:
            self.open.append(None)
            return
        line, column = self.expat.CurrentLineNumber, self.expat.CurrentColumnNumber + 1
        if tag in _ATTRIBUTES and parent is not None and parent.tag == "event" and self.held < MAX_ATTRIBUTES:
            self.held += 1  # as most elements are, which the rest of this would take the same way
            node = _Node(tag, given, line, column)
            parent.put(node)
            self.open.append(node)
            return
        tag = tag.rpartition(":")[2]
        if tag not in _WITHIN.get(None if parent is None else parent.tag, _ATTRIBUTES):
            within = f" in `<{parent.tag}>`" if parent else ", where a log begins with `<log>`"
            self.log.tell("xes-syntax", f"found `<{shorten(tag)}>`{within}", self.here(f"<{tag}"), "not of XES")
            raise _Stop
        if len(self.open) > MAX_DEPTH:
            self.log.tell("too-deep", f"attributes are nested more than {MAX_DEPTH} deep", self.here(f"<{tag}"),
                          "one level too many")
            raise _Stop
        node = _Node(tag, given, line, column)
        if tag == "event":
            self.log.row = max(line, self.log.row + 1)  # no two events of a file have one
            if self.only is not None and self.log.row not in self.only:
                self.log.places += 1
                self.open.append(None)
                return
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
        if node is None or node.tag in _ATTRIBUTES:
            return
        if node.tag == "event":
            self.log.event(node)
        elif node.tag == "trace":
            self.log.finish(node)
        elif node.tag == "global" and node.given.get("scope") == "event":
            self.log.declared(node)


_OF_THE_PARSER = {"utf-8", "utf-16", "iso-8859-1", "us-ascii"}
_ENCODING = re.compile(rb"""<\?xml[^>]{0,100}?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
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

    def __init__(self, path: str, zone: str | None, add: Problem, take: Take, shape: Shape | None,
                 given: Given) -> None:
        self.path, self.zone, self.add, self.hand_out, self.shape, self.given = path, zone, add, take, shape, given
        self.case: list[tuple[str, int, dict[str, Any], int, int]] | None = None  # type, time, fields, place, row
        self.places = 0  # events of the case so far, with those that could not be read
        self.row = 0  # of the event that is being read
        self.cases: dict[str, tuple[Span, int]] = {}  # where each is first, and its events so far
        self.again: dict[str, Span] = {}  # those that more than one trace is of, with the second
        self.prefixes: dict[str, str] = {}
        self.names: dict[tuple[str, str, str], str] = {}
        self.stands_for = given.stands_for

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
                self.emit(kind, time, fields, None, self.row)
            else:
                self.case.append((kind, time, fields, self.places, self.row))

    def finish(self, node: _Node) -> None:
        """Hand out the events of a case, with its name and attributes."""
        own = self.take(node, ("concept:name",))
        shared: dict[str, Any] = {}
        name = own.texts.get("concept:name")
        events, self.case = self.case or [], None
        sound = self.collect(own.rest, "case_", "case:", "", shared) and own.sound
        case = name[0] if name is not None else ""
        if not case:
            case = f"{self.path}:{node.line}"
            case = f"{case}:{node.column}" if case in self.cases else case
        first, before = self.cases.get(case, (self.at(node), 0))
        self.cases[case] = first, before + self.places
        if before and self.places:
            self.again.setdefault(case, self.at(node))
        if sound:
            for kind, time, fields, place, row in events:
                if not shared.keys() & fields.keys():  # else the collision has been told
                    self.emit(kind, time, {"case": case, **fields, **shared}, before + place, row)

    def end(self) -> None:
        """Say which traces were taken for one case."""
        if self.again:
            case, second = next(iter(self.again.items()))
            others = len(self.again) - 1
            more = f", and so with {others:,} other name{'' if others == 1 else 's'}" if others else ""
            self.add(warning("case-twice", f"two traces are named `{shorten(case)}` and judged as one case{more}",
                             second, "second", notes=(Note("the first is here", self.cases[case][0], "first"),),
                             help="where they are two cases, give each a `concept:name` of its own"))

    def emit(self, kind: str, time: int, fields: dict[str, Any], place: int | None, row: int) -> None:
        self.hand_out(Event(kind, time, fields, None, place, self.path, row))
        if self.shape is not None:
            self.shape.events[kind] = self.shape.events.get(kind, 0) + 1
            counts = self.shape.fields.setdefault(kind, {})
            for name in fields:
                counts[name] = counts.get(name, 0) + 1

    def activity(self, node: _Node, given: tuple[str, _Node] | None) -> str:
        """The event type; empty when there is none."""
        if given is None or not given[0]:
            others = ", ".join(f"`{shorten(self.key(one), 40)}`" for one in node.inside[:5])
            self.tell("missing-column", "the event has no `concept:name`", self.at(node), "no `concept:name`",
                      help=f"it has {others}; what happened is said by `concept:name`" if others else "")
            return ""
        text, place = given
        name = self.names.get(("activity", "", text))
        if name is None:
            own = self.given.activities.get(text) or identifier(text)
            if self.shape is not None:
                own = self.apart(own, "activities", "", text, self.shape.twin_types)
                if own:
                    self.shape.activities.setdefault(own, text)
            name = self.names["activity", "", text] = intern(own)
            self.distinct("activities", name, "", text, place)
        if not name:
            self.tell("bad-event-type", f"the activity `{shorten(text)}` has no letter or digit", self.at(place))
        return name

    def time(self, node: _Node, given: tuple[str, _Node] | None) -> int | None:
        if given is None or not given[0].strip():
            self.tell("missing-column", "the event has no `time:timestamp`", self.at(node), "no `time:timestamp`",
                      help="rules ask when events happen; give it a time, or take it out of the log")
            return None
        try:
            return instant(given[0].strip(), self.zone)
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
        key: str = node.given.get("key", "")
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
                if not one.says(taken.texts[key][1]):
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
        sound, before = True, list[_Node]()
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
                if any(one.says(node) for one in before):
                    continue  # the same once more
                if self.stands_for[within, name][:2] == (above, key):  # else the collision has been told
                    self.twice(node, key)
                sound = False
                continue
            before.append(node)
            kind = KINDS[node.tag]
            try:
                value = self.items(node, within + name) if kind == "list" else self.value(node, kind)
            except ValueError as problem:
                fault = next((one for word, one in FAULTS if word in str(problem)),
                             "bad-time" if kind == "instant" else "xes-attribute")
                self.tell(fault, f"`{shorten(key)}`: {problem}", self.at(node))
                sound = False
                continue
            except _Told:
                sound = False
                continue
            if value is not None:
                into[name] = value
            if value is not None or kind == "list":
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
        return VALUES[kind](text, self.zone) if text else None

    def items(self, node: _Node, name: str) -> list[Any] | None:
        """The values of a list. An item with attributes of its own is a record of its key, its value and these. None
        for a list with lists in it, of which a policy can ask nothing."""
        items = [one for part in node.inside for one in (part.inside if part.tag == "values" else (part,))]
        values = []
        for one in items:
            kind = KINDS.get(one.tag)
            if kind is None or kind == "list":
                self.note(f"{name}[]", "list", None)
                return None
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
            if not within:
                own = self.given.attributes.get(said_of(above, key), own)
                if self.shape is not None:
                    own = self.apart(own, within, above, key, self.shape.twins)
            known = self.names[within, above, key] = intern(own)
            if known:
                self.distinct("attributes", known, above, key, node, within)
                if self.shape is not None:
                    self.shape.keys.setdefault(within + known, said_of(above, key))
        return known

    def apart(self, name: str, scope: str, above: str, text: str, twins: set[str]) -> str:
        """The name, or where another text has it, one with a number behind it; both are noted as twins."""
        number = 1
        own = name
        if len(name) > LONGEST:
            own = name = name[:LONGEST].rstrip("_")
            twins.add(own)
        while name and self.stands_for.get((scope, own), (above, text))[:2] != (above, text):
            number += 1
            twins.add(own)
            own = f"{name.removesuffix('_')}_{number}"
            twins.add(own)
        return own

    def distinct(self, what: str, name: str, above: str, text: str, node: _Node, within: str = "") -> None:
        """Two texts that become one name are told once."""
        scope = within if what == "attributes" else what
        *known, first = self.stands_for.setdefault((scope, name), (above, text, self.at(node)))
        if known != [above, text] and name:
            said = said_of(above, text)
            self.tell("name-collision", f"the {what} `{shorten(said_of(*known))}` and `{shorten(said)}` both become "
                      f"`{name}`", self.at(node), "second", notes=(Note("the first is here", first, "first"),),
                      help="rename one of the two in the log" if within else "give one of the two a name of its own in "
                      f"the vocabulary: `title: {json.dumps(shorten(said), ensure_ascii=False)}` under that name")


class _Told(Exception):
    """An attribute cannot be read, and the reason has been told."""


@dataclass(slots=True)
class _Taken:
    texts: dict[str, tuple[str, _Node]]
    rest: list[_Node]
    sound: bool


# Prefixes that the standard's extensions have, whatever a log calls them.
_EXTENSION = re.compile(r"/(concept|time|lifecycle|org|cost|identity|micro|semantic)\.xesext$")
