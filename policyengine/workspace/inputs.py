"""Services and traces as the user names them -> cases that fit the vocabulary, or every reason why they do not.

Reads files. Nothing that does not fit is judged: an unknown key, a value of the wrong type, an event nobody declared or
a row without its keys is an error with file, line and column (or row), and the command ends without a verdict.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from types import CodeType
from typing import Any

from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, has_errors, shorten
from policyengine.base.places import Positions
from policyengine.base.record import record
from policyengine.base.source import Source, Span
from policyengine.core.case import Event, in_order
from policyengine.facts.read import Document, positions, read_bytes, read_file
from policyengine.workspace.files import expand_inputs

Fits = Callable[[Any], bool]


@record
class Service:
    """One service file (or one document of one) and the events that name it; `filter` is that name where the events of
    a store are of several services."""

    document: Document
    events: tuple[Event, ...] = ()
    filter: str | None = None
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
    store: None = None

    @property
    def last(self) -> int:
        """The time of the last event (UTC microseconds)."""
        return self.events[-1].time

    def until(self, as_of: int) -> Seen:
        """What lies up to an instant."""
        times = [event.time for event in self.events if event.time <= as_of]
        return Seen(len(times), times[0] if times else as_of, lambda ranges: sum(
            1 for time in times if not any((start is None or time >= start) and (end is None or time < end)
                                           for start, end in ranges)))


@record
class Seen:
    """The events that are judged: how many, the time of the first (UTC microseconds), and how many of them lie in none
    of some ranges of time (from, up to but not including; None: open)."""

    total: int
    first: int
    outside: Callable[[Sequence[tuple[int | None, int | None]]], int]


def name_documents(arguments: Sequence[str]) -> tuple[tuple[Path, ...], tuple[Diagnostic, ...]]:
    """Every file, directory and glob named, as files; none at all is an error."""
    paths, problems = expand_inputs(arguments)
    if not paths and not problems:
        return (), (error("no-input", "no service file was given",
                          help="name one, such as `guiju check service.yaml`"),)
    events = [str(path) for path in paths if path.name.lower().endswith(_OF_EVENTS)]
    if events:
        more = f", and so {'is' if len(events) == 2 else 'are'} {len(events) - 1:,} more" if len(events) > 1 else ""
        problems = (*problems, error(
            "unknown-format", f"`{shorten(events[0])}` is a file of events, not of a service{more}",
            help="name it behind `--events`, a pattern in quotes, so that it stays one: `--events 'logs/*.csv'`"))
    return tuple(path for path in paths if str(path) not in events), problems


_OF_EVENTS = (".parquet", *(form + packed for form in (".ndjson", ".jsonl", ".csv", ".xes")
                            for packed in ("", ".gz", ".zst")))


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
    """Every event of the files named, checked against the vocabulary, equal ids merged, in order; none where any of
    what was found is an error."""
    from policyengine.trace.files.log_names import given_names
    from policyengine.trace.files.read import no_events, others_hold
    from policyengine.trace.scan.rows import Fitter, each_row, suffixes

    paths, problems = expand_inputs(arguments, suffixes=suffixes(), events=True)
    found, called = list(problems), given_names(schemas)
    rows: list[Event] = []
    for path in paths:
        fitter = Fitter(schemas)
        events: list[Event] = []

        def take(row: Any, fitter: Fitter = fitter, events: list[Event] = events) -> None:
            event = fitter.event(row)
            if event is not None:
                events.append(event)

        wrong = [*each_row(str(path), take, schemas, zone, names=called), *fitter.problems()]
        found += wrong or ([] if events else [no_events(str(path))])
        rows += events
    found = others_hold(found, len(paths))
    if has_errors(found):
        return Trace(()), tuple(found)
    trace, twice = _merged(rows)
    return trace, (*found, *twice)


def one_clock(found: Iterable[Diagnostic], help: str) -> list[Diagnostic]:
    """What is wrong with events, where a clock without a zone is one mistake, not one for each of its times."""
    kept: list[Diagnostic] = []
    zoneless = False
    for one in found:
        if one.name != "bad-time" or _NO_ZONE not in one.message:
            kept.append(one)
        elif not zoneless:
            zoneless = True
            kept.append(replace(one, message=one.message.replace(_NO_ZONE, ""), help=help))
    return [one for one in kept if one.name != "more-errors" or not zoneless]


_NO_ZONE = ", and the project file names no zone for it"


def fit_events(rows: Iterable[Any], schemas: Mapping[str, Mapping[str, Any]]) -> tuple[list[Event],
                                                                                   tuple[Diagnostic, ...]]:
    """Rows as read -> events of the vocabulary; `schemas` is in the order that ties take. Some of the errors are
    described, the rest counted."""
    from policyengine.trace.scan import rows as scan_rows

    return scan_rows.fit_events(rows, schemas)


def _merged(rows: list[Event]) -> tuple[Trace, tuple[Diagnostic, ...]]:
    """Rows with one id are one event, and must then say the same; other exact repeats all count."""
    from policyengine.trace.scan import rows as scan_rows

    kept, found = scan_rows.merged(rows)
    return Trace(in_order(kept), len(rows) - len(kept), scan_rows.repeats(kept)), found


def with_events(documents: Sequence[Document], trace: Trace | None) -> tuple[tuple[Service, ...],
                                                                            tuple[Diagnostic, ...]]:
    """Each service with its events: those that carry `service` go to the one whose `service.id` that is; events
    without it belong to the only service there is."""
    if trace is None:
        return tuple(Service(document) for document in documents), ()
    by_id: dict[Any, list[int]] = {}
    for index, document in enumerate(documents):
        by_id.setdefault(service_id(document), []).append(index)
    events: list[list[Event]] = [[] for _ in documents]
    nowhere: dict[str | None, Event] = {}
    for event in trace.events:
        named = service_of(event)
        owners = by_id.get(named, []) if named is not None else range(len(documents))
        if len(owners) == 1:
            events[owners[0]].append(event)
        else:
            nowhere.setdefault(named, event)
    known = [str(one) for one in by_id if one is not None]
    found = tuple(homeless(named, event, [Service(documents[one]).name for one in by_id.get(named, [])], known,
                            len(documents)) for named, event in nowhere.items())
    return tuple(Service(document, tuple(own)) for document, own in zip(documents, events, strict=True)), found


def with_stored(documents: Sequence[Document], named: Mapping[str | None, Callable[[], Event]],
                ) -> tuple[tuple[Service, ...], tuple[Diagnostic, ...]]:
    """The same for events in a store: `named` are the services that they name, each with an event that does."""
    by_id: dict[Any, list[int]] = {}
    for index, document in enumerate(documents):
        by_id.setdefault(service_id(document), []).append(index)
    known = [str(one) for one in by_id if one is not None]
    found = []
    for name, event in named.items():
        owners = by_id.get(name, []) if name is not None else range(len(documents))
        if len(owners) != 1:
            found.append(homeless(name, event(), [Service(documents[one]).name for one in by_id.get(name, [])], known,
                                   len(documents)))
    one = len(documents) == 1
    return tuple(Service(document, (), None if one else str(service_id(document))) for document in documents), \
        tuple(found)


def service_of(event: Event) -> str | None:
    """The service that an event names, if it names one. Where the vocabulary does not say what `service` is, it may be
    no text: it is then taken as it is written in JSON, as columns do."""
    named = event.fields.get("service")
    return named if named is None or isinstance(named, str) else json.dumps(named, default=str)


def homeless(named: str | None, event: Event, owners: Sequence[str], known: Sequence[str], services: int,
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


def service_id(document: Document) -> Any:
    """What a document says its service is called; None where it does not."""
    service = document.value.get("service")
    return service.get("id") if isinstance(service, Mapping) else None


def sources_of(diagnostics: Iterable[Diagnostic]) -> dict[str, Source]:
    """The text of the small files that diagnostics point into, for excerpts. A trace is not read again."""
    found: dict[str, Source] = {}
    for path in {diagnostic.span.path for diagnostic in diagnostics if diagnostic.span}:
        if Path(path).suffix.lower() in (".yaml", ".yml", ".json", ".toml") and Path(path).is_file():
            found[path] = Source(path, Path(path).read_text("utf-8-sig", errors="replace"))
    return found
