"""Services and traces as the user names them -> cases that fit the vocabulary, or every reason why they do not.

Reads files. Nothing that does not fit is judged: an unknown key, a value of the wrong type, an event nobody declared or
a row without its keys is an error with file, line and column (or row), and the command ends without a verdict.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from types import CodeType
from typing import Any

from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, shorten
from policyengine.base.places import Positions
from policyengine.base.record import record
from policyengine.base.source import Source, Span
from policyengine.core.case import Event, content, in_order
from policyengine.facts.read import Document, positions, read_bytes, read_file
from policyengine.workspace.files import expand_inputs

MAX_ERRORS = 50

Fits = Callable[[Any], bool]


@record
class Service:
    """One service file (or one document of one) and the events that name it."""

    document: Document
    events: tuple[Event, ...] = ()
    places: list[Positions] = field(default_factory=list, compare=False)

    @property
    def name(self) -> str:
        """The file as written, with `#2` for the second document of several."""
        return self.document.path + (f"#{self.document.index + 1}" if self.document.index else "")

    def positions(self) -> Positions:
        """Where its facts stand; found once, when first asked."""
        if not self.places:
            self.places.append(positions(self.document))
        return self.places[0]


@record
class Trace:
    """All events of a run, in order, and what was noticed on the way."""

    events: tuple[Event, ...]
    merged: int = 0
    repeats: int = 0


def name_documents(arguments: Sequence[str]) -> tuple[tuple[Path, ...], tuple[Diagnostic, ...]]:
    """Every file, directory and glob named, as files; none at all is an error."""
    paths, problems = expand_inputs(arguments)
    if not paths and not problems:
        return (), (error("no-input", "no service file was given",
                          help="name one, such as `guiju check service.yaml`"),)
    return paths, problems


def read_documents(paths: Iterable[Path], *, stdin_filename: str = "<stdin>") -> tuple[tuple[Document, ...],
                                                                                     tuple[Diagnostic, ...]]:
    """The documents of these files; `-` is standard input, YAML unless its name says else."""
    found: list[Diagnostic] = []
    documents: list[Document] = []
    for path in paths:
        if str(path) == "-":
            known = Path(stdin_filename).suffix.lower() in (".json", ".toml", ".yaml", ".yml")
            read, wrong = read_bytes(stdin_filename, sys.stdin.buffer.read(), format=None if known else "yaml")
        else:
            read, wrong = read_file(path)
        documents += read
        found += wrong
    return tuple(documents), tuple(found)


def checker(python: str | CodeType) -> Fits:
    """The predicate that `analysis.conform.checker_source` wrote, compiled or not."""
    from policyengine.analysis.conform import load_checker

    return load_checker(python)


def misfits(document: Document, schema: Mapping[str, Any], fits: Fits) -> tuple[Diagnostic, ...]:
    """Where the facts of a service do not match the vocabulary. The slow, complete reading only runs on a misfit."""
    if fits(document.value):
        return ()
    from policyengine.analysis.conform import problems

    where = positions(document)
    return tuple(error(f"facts-{problem.kind}", problem.message, _problem_span(problem.path, problem.kind, where),
                       help=_perhaps(problem.near)) for problem in problems(schema, document.value))


def _perhaps(near: str | None) -> str:
    return f"did you mean `{near}`?" if near else ""


def _problem_span(path: tuple[str | int, ...], kind: str, where: Positions) -> Span:
    return (where.key(path) if kind == "unknown-key" else None) or where.nearest(path)


def read_trace(arguments: Sequence[str], schemas: Mapping[str, Mapping[str, Any]], zone: str | None,
               ) -> tuple[Trace, tuple[Diagnostic, ...]]:
    """Every event of the files named, checked against the vocabulary, equal ids merged, in order."""
    from policyengine.trace.read import READERS, read_events

    paths, problems = expand_inputs(arguments, suffixes=[form + packed for form in READERS for packed in ("", ".gz")])
    found = list(problems)
    rows: list[Event] = []
    for path in paths:
        read, wrong = read_events(path, zone=zone)
        found += wrong
        events, wrong = fit_events(read, schemas)
        rows += events
        found += wrong
    if found:
        return Trace(()), tuple(found)
    return _merged(rows)


def fit_events(rows: Iterable[Any], schemas: Mapping[str, Mapping[str, Any]]) -> tuple[list[Event],
                                                                                   tuple[Diagnostic, ...]]:
    """Rows as read -> events of the vocabulary; `schemas` is in the order that ties take. At most MAX_ERRORS are
    described, the rest counted."""
    from policyengine.analysis.conform import checker_source, convert_text, problems

    own = {name: _own_fields(schema) for name, schema in schemas.items()}
    fits: dict[str, Fits] = {}
    places = {name: place for place, name in enumerate(schemas)}
    events: list[Event] = []
    found: list[Diagnostic] = []
    wrong = 0
    for row in rows:
        schema = own.get(row.type)
        span = Span(row.file, row.row, 1, row.row, 1)
        if schema is None:
            wrong += 1
            if wrong <= MAX_ERRORS:
                found.append(error("unknown-event", f"no event type `{shorten(row.type)}` in the vocabulary", span,
                                   help=did_you_mean(row.type, schemas)))
            continue
        fields = convert_text(schema, row.fields) if row.text_fields else row.fields
        if row.type not in fits:
            fits[row.type] = checker(checker_source(schema))
        if not fits[row.type](fields):
            for problem in problems(schema, fields):
                wrong += 1
                if wrong <= MAX_ERRORS:
                    found.append(error(f"event-{problem.kind}", f"{row.type}: {problem.message}", span,
                                       help=_perhaps(problem.near)))
            continue
        events.append(Event(row.type, row.time, fields, row.id, row.sequence, row.file, row.row, places[row.type]))
    if wrong > MAX_ERRORS:
        found.append(error("more-errors", f"{wrong - MAX_ERRORS:,} more errors in events are not shown"))
    return events, tuple(found)


ENVELOPE = frozenset({"type", "time", "id", "sequence"})
"""The columns every row has, which the reader takes out of `fields`."""


def _own_fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = {name: one for name, one in schema["properties"].items() if name not in ENVELOPE}
    required = [name for name in schema.get("required", ()) if name not in ENVELOPE]
    return {**schema, "properties": properties, "required": required}


def _merged(rows: list[Event]) -> tuple[Trace, tuple[Diagnostic, ...]]:
    """Rows with one id are one event, and must then say the same; other exact repeats all count."""
    by_id: dict[str, Event] = {}
    kept: list[Event] = []
    found: list[Diagnostic] = []
    for row in rows:
        first = by_id.setdefault(row.id, row) if row.id is not None else row
        if first is row:
            kept.append(row)
        elif (first.time, first.sequence, content(first)) != (row.time, row.sequence, content(row)):
            found.append(error("id-twice", f"two different events have the id `{shorten(str(row.id))}`; the other is "
                               f"{first.file}:{first.row}", Span(row.file, row.row, 1, row.row, 1)))
    seen: set[tuple[Any, ...]] = set()
    repeats = 0
    for row in kept:
        if row.id is None and row.sequence is None:
            alike = (row.time, content(row))
            repeats += alike in seen
            seen.add(alike)
    return Trace(in_order(kept), len(rows) - len(kept), repeats), tuple(found)


def with_events(documents: Sequence[Document], trace: Trace | None) -> tuple[tuple[Service, ...],
                                                                            tuple[Diagnostic, ...]]:
    """Each service with its events: those that carry `service` go to the one whose `service.id` that is; events
    without it belong to the only service there is."""
    if trace is None:
        return tuple(Service(document) for document in documents), ()
    by_id: dict[Any, list[int]] = {}
    for index, document in enumerate(documents):
        by_id.setdefault(_service_id(document), []).append(index)
    events: list[list[Event]] = [[] for _ in documents]
    nowhere: dict[str | None, Event] = {}
    for event in trace.events:
        named = event.fields.get("service")
        owners = by_id.get(named, []) if named is not None else range(len(documents))
        if len(owners) == 1:
            events[owners[0]].append(event)
        else:
            nowhere.setdefault(named, event)
    known = [str(one) for one in by_id if one is not None]
    found = tuple(_homeless(named, event, [Service(documents[one]).name for one in by_id.get(named, [])], known,
                            len(documents)) for named, event in nowhere.items())
    return tuple(Service(document, tuple(own)) for document, own in zip(documents, events, strict=True)), found


def _homeless(named: str | None, event: Event, owners: Sequence[str], known: Sequence[str], services: int,
              ) -> Diagnostic:
    """Why an event belongs to no one service: it names none, one that is not there, or one that is there twice."""
    span = Span(event.file, event.row, 1, event.row, 1)
    if named is None:
        return error("unknown-service", f"an event does not say which service it belongs to, and there are {services} "
                     "services", span, help="give each event the `service` whose `service.id` it is, or judge the "
                     "services one by one")
    if owners:
        return error("service-twice", f"{len(owners)} services have the id `{shorten(named)}` that an event names",
                     span, help="judge them one by one, or give each an id of its own: "
                     + ", ".join(f"`{shorten(one)}`" for one in owners[:3]))
    return error("unknown-service", f"no service file has the id `{shorten(named)}` that an event names", span,
                 help=did_you_mean(named, known) or "give the service's file too, or leave its events out")


def _service_id(document: Document) -> Any:
    service = document.value.get("service")
    return service.get("id") if isinstance(service, Mapping) else None


def sources_of(diagnostics: Iterable[Diagnostic]) -> dict[str, Source]:
    """The text of the small files that diagnostics point into, for excerpts. A trace is not read again."""
    found: dict[str, Source] = {}
    for path in {diagnostic.span.path for diagnostic in diagnostics if diagnostic.span}:
        if Path(path).suffix.lower() in (".yaml", ".yml", ".json", ".toml") and Path(path).is_file():
            found[path] = Source(path, Path(path).read_text("utf-8-sig", errors="replace"))
    return found
