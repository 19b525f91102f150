"""Events read one by one, in Python: held against the vocabulary, explained, and handed on to the table of events.

In come files, or some rows of them; out come events of the vocabulary and every reason why a row is none. This is the
meaning of all reading of events: what `scan` reads in bulk it reads as this does, and what it is not sure of it leaves
to this. What is judged is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import unquote

from policyengine.analysis.conform import checker_source, convert_text, load_checker, problems
from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, shorten
from policyengine.base.instants import Period
from policyengine.base.record import record
from policyengine.base.source import Span
from policyengine.core.case import Event, content
from policyengine.core.standing import typed
from policyengine.trace.columns import Column, sql_type
from policyengine.trace.files import read
from policyengine.trace.files.log_names import Given, given_names
from policyengine.trace.files.xes import read_xes
from policyengine.trace.scan.forms import file_named

MAX_ERRORS = 50
"""Of one file, so many events that do not fit are described, few of them alike, the others counted."""

MAX_TYPES = 1 << 15
"""So many event types have a place that the column `type` can hold."""

ENVELOPE = frozenset({"type", "time", "id", "sequence"})
"""The columns every row has, which the reader takes out of `fields`."""

Schemas = Mapping[str, Mapping[str, Any]]


# ---- files --------------------------------------------------------------------------------------------------------

def suffixes() -> tuple[str, ...]:
    """All that the name of a file of events may end with."""
    line_by_line = (*read.READERS, ".xes")
    return (*(form + packed for form in line_by_line for packed in ("", *read.PACKED)), ".parquet")


def too_many(schemas: Schemas) -> tuple[Diagnostic, ...]:
    """Why a vocabulary is too large for columns, where it is."""
    if len(schemas) <= MAX_TYPES:
        return ()
    return (error("too-many-types", f"the vocabulary has {len(schemas):,} event types, and columns hold {MAX_TYPES:,}",
                  help="what differs from event to event, such as an address, is a field and no type; or judge with "
                  "`--engine evaluator`"),)


def path_fields(name: str, schemas: Schemas) -> dict[str, str]:
    """What the folders of a file say of its events: `type=login/…`, for fields that the vocabulary knows."""
    known = {"type", *(field for schema in schemas.values() for field in schema["properties"])} - {"time", "sequence"}
    pairs = (folder.partition("=") for folder in name.replace("\\", "/").split("/")[:-1])
    return {key: unquote(value) for key, equals, value in pairs
            if equals and key in known and value not in ("", "__HIVE_DEFAULT_PARTITION__")}


def each_row(name: str, take: read.Take, schemas: Schemas, zone: str | None, only: Container[int] | None = None,
             names: Given | None = None) -> tuple[Diagnostic, ...]:
    """Hands the rows of a file, as they are read, to `take`; gives back what is wrong with the file. `names` are the
    vocabulary's for event logs, for several that are read together."""
    reader = partial(_xes, names or given_names(schemas)) if read.suffix_of(name) == ".xes" else None
    return read.each_event(name, take, zone=zone, only=only, given=path_fields(name, schemas), read=reader)


def _xes(given: Given, file: BinaryIO, context: read.Context, take: read.Take) -> None:
    chunks = iter(partial(file.read, 1 << 16), b"")
    for event in read_xes(chunks, context.path, context.zone, context.add, given=given, only=context.only):
        take(event)


# ---- held against the vocabulary ----------------------------------------------------------------------------------

class Fitter:
    """Turns rows as read into events of the vocabulary, and keeps the first reasons why some are none.

    `schemas` are in the order that ties take.
    """

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self.own = {name: own_fields(schema) for name, schema in schemas.items()}
        self.places = {name: place for place, name in enumerate(schemas)}
        self.fits: dict[str, Callable[[Any], bool]] = {}
        self.found: list[Diagnostic] = []
        self.wrong = 0
        self.next: Span | None = None  # where the first stands that is not shown

    def event(self, row: Any) -> Event | None:
        """The event of a row; None where it does not fit."""
        schema = self.own.get(row.type)
        if schema is None:
            message = f"no event type `{shorten(row.type)}` in the vocabulary"
            self.tell(error("unknown-event", message, self.span(row),
                            help=did_you_mean(row.type, self.schemas) if self.is_news(message) else ""))
            return None
        fields = convert_text(schema, row.fields) if row.text_fields else row.fields
        if row.given:
            fields = fields | convert_text(schema, {name: fields[name] for name in row.given})
        if None in fields.values():  # of a field that the event has not got, null says nothing
            fields = {name: value for name, value in fields.items()
                      if value is not None or name in schema["properties"]}
        fits = self.fits.get(row.type)
        if fits is None:
            fits = self.fits[row.type] = load_checker(checker_source(schema))
        if not fits(fields):
            for problem in problems(schema, fields):
                self.tell(error(f"event-{problem.kind}", f"{row.type}: {problem.message}", self.span(row),
                                help=f"did you mean `{problem.near}`?" if problem.near else ""))
            return None
        return Event(row.type, row.time, fields, row.id, row.sequence, row.file, row.row, self.places[row.type])

    def tell(self, problem: Diagnostic) -> None:
        """Count a problem, and keep it if it is among the first, and the first that say this."""
        self.wrong += 1
        if self.is_news(problem.message):
            self.found.append(problem)
        else:
            self.next = self.next or problem.span

    def is_news(self, message: str) -> bool:
        """Whether a problem that says this would be kept."""
        return len(self.found) < MAX_ERRORS and sum(one.message == message for one in self.found) < read.ALIKE

    @staticmethod
    def span(row: Any) -> Span:
        """Where a row stands."""
        return Span(row.file, row.row, 1, row.row, 1)

    def problems(self, unread: int = 0, place: Span | None = None) -> tuple[Diagnostic, ...]:
        """What was found; of `unread` rows, the first at `place`, nobody knows whether they fit."""
        more = self.wrong - len(self.found)
        said = []
        if more:
            said.append(error("more-errors", f"{more:,} more errors in events are not shown", self.next))
        if unread:
            said.append(error("more-errors", f"{unread:,} more rows that may not fit were not looked at", place))
        return (*self.found, *said)


def fit_events(rows: Iterable[Any], schemas: Schemas) -> tuple[list[Event], tuple[Diagnostic, ...]]:
    """Rows as read -> events of the vocabulary. At most MAX_ERRORS are described, the rest counted."""
    fitter = Fitter(schemas)
    events = [event for row in rows if (event := fitter.event(row)) is not None]
    return events, fitter.problems()


def own_fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an event's own columns, without those that every row has."""
    properties = {name: one for name, one in schema["properties"].items() if name not in ENVELOPE}
    required = [name for name in schema.get("required", ()) if name not in ENVELOPE]
    return {**schema, "properties": properties, "required": required}


# ---- rows that are one event --------------------------------------------------------------------------------------

def merged(rows: Iterable[Event]) -> tuple[list[Event], tuple[Diagnostic, ...]]:
    """The first of all rows with one id; that the others say the same, or what is wrong with them."""
    first: dict[str, tuple[Any, ...]] = {}
    kept: list[Event] = []
    found: list[Diagnostic] = []
    for row in rows:
        if row.id is None:
            kept.append(row)
            continue
        said = (hash((row.time, row.sequence, content(row))), row.file, row.row)
        before = first.setdefault(row.id, said)
        if before is said:
            kept.append(row)
        elif before[0] != said[0]:
            found.append(id_twice(row.id, row.file, row.row, f"{before[1]}:{before[2]}"))
    return kept, tuple(found)


def id_twice(id: str, file: str, row: int, other: str) -> Diagnostic:
    """What is said of a row whose id another event has, which stands at `other`."""
    return error("id-twice", f"two different events have the id `{shorten(id)}`; the other is {other}",
                 Span(file, row, 1, row, 1))


def repeats(rows: Iterable[Event]) -> int:
    """How many rows without id and sequence repeat another exactly."""
    seen: set[tuple[Any, ...]] = set()
    count = 0
    for row in rows:
        if row.id is None and row.sequence is None:
            alike = (row.time, content(row))
            count += alike in seen
            seen.add(alike)
    return count


# ---- to the table -------------------------------------------------------------------------------------------------

@record
class Held:
    """The columns that the rules read, of all event types, each once."""

    columns: tuple[Column, ...]

    @property
    def said(self) -> tuple[Column, ...]:
        """Those of which it must be known whether the row says them."""
        return tuple(one for one in self.columns if one.said)


def content_text(event: Event) -> str:
    """`core.case.content` as one text that sorts as it does."""
    return "".join(f"{name}\0{kind}\0{said}\0" for name, kind, said in content(event)[1])


def as_json(event: Event, file: int, held: Held) -> str:
    """One line of NDJSON that `from_json` reads: all that the table holds of an event."""
    row: dict[str, Any] = {"file": file, "row": event.row, "type": event.place, "t": event.time,
                           "seq": None if event.sequence is None else str(event.sequence), "id": event.id,
                           "service": event.fields.get("service"),
                           "content": content_text(event) if event.id is None and event.sequence is None else None}
    for number, column in enumerate(held.columns):
        row[f"c{number}"] = _held(event, column)
        if column.said:
            row[f"s{number}"] = _says(event, column.path)
    return json.dumps(row) + "\n"


def from_json(held: Held, path: str) -> str:
    """SQL that reads such lines."""
    columns = {"file": "INTEGER", "row": "BIGINT", "type": "SMALLINT", "t": "BIGINT", "seq": "VARCHAR",
               "id": "VARCHAR", "service": "VARCHAR", "content": "VARCHAR"}
    chosen = ['file, "row", "type", t, false AS local, CAST(seq AS DECIMAL(27,9)) AS seq, id, service, content, '
              "false AS odd"]
    for number, column in enumerate(held.columns):
        into = sql_type(column.type)
        columns[f"c{number}"] = ("VARCHAR" if into in ("DATE", "DECIMAL(27,9)") else
                                 "VARCHAR[]" if into.endswith("[]") else into)
        chosen.append(f"CAST(c{number} AS {into}) AS c{number}")
        if column.said:
            columns[f"s{number}"] = "BOOLEAN"
            chosen.append(f"s{number}")
    wanted = ", ".join(f"\"{name}\": '{type}'" for name, type in columns.items())
    return (f"SELECT {', '.join(chosen)} FROM read_json({file_named(path)}, "
            f"format = 'newline_delimited', hive_partitioning = false, columns = {{{wanted}}})")


def _held(event: Event, column: Column) -> Any:
    raw: Any = event.fields
    for name in column.path:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return None if raw is None else _plain(raw, column)


def _plain(raw: Any, column: Column) -> Any:
    try:
        value = typed(raw, column.type)
    except (ValueError, TypeError, AttributeError):
        return None  # the column belongs to another event type, whose field of that name is of another type
    into = sql_type(column.type)
    if into.endswith("[]"):
        return [_plain(item, Column(column.path, column.type.item)) for item in raw]  # type: ignore[union-attr]
    match value:
        case Period():
            return value.count if into == "BIGINT" else raw
        case date():
            return value.isoformat()
        case bool():
            return value if into == "BOOLEAN" else None
        case str():
            return value if into == "VARCHAR" else None
        case int() if into == "BIGINT":
            return value
        case _:
            return str(raw) if into.startswith("DECIMAL") and isinstance(raw, int | Decimal) else (
                int(raw) if into == "BIGINT" and isinstance(raw, Decimal) and raw == int(raw) else None)


def _says(event: Event, path: tuple[str, ...]) -> bool:
    owner: Any = event.fields
    for name in path[:-1]:
        owner = owner.get(name) if isinstance(owner, Mapping) else None
    return isinstance(owner, Mapping) and path[-1] in owner
