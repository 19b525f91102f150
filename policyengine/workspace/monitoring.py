"""What is monitored: services, the versions that bind them, and what each verdict looks like as a line of JSON.

Puts together what `check` puts together, with a `trace.monitor.Monitor` for each service and version in place of the
evaluator. In come chunks of lines and instants; out come lines, in an order that does not depend on how the input was
cut into chunks. Where lines come from and go to, and when a state is kept, is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import msgspec

from policyengine.base.calendar import OutOfRange
from policyengine.base.diagnostic import Diagnostic, Severity, error, shorten
from policyengine.base.instants import Period as Length
from policyengine.base.instants import format_instant, iso_instant, period_text
from policyengine.base.record import record
from policyengine.base.source import Source, Span
from policyengine.core.case import Event, content
from policyengine.core.verdict import VERDICTS, Judgement, Verdict
from policyengine.report.entries import fingerprints
from policyengine.report.evidence import Context
from policyengine.report.model import Result
from policyengine.report.to_json import plain_result
from policyengine.trace.files.read import READERS
from policyengine.trace.files.read import Context as Reading
from policyengine.trace.monitor.monitor import Late, Monitor, Outcome, Refused, Unjudged
from policyengine.trace.monitor.retention import Kept, plans
from policyengine.trace.scan.rows import Fitter
from policyengine.trace.stream.feeds import Chunk
from policyengine.trace.stream.lines import FIRST, LAST, event_reader
from policyengine.trace.stream.lines_typed import Line
from policyengine.workspace.check import Found, NothingJudged, Request, Run
from policyengine.workspace.config import Config
from policyengine.workspace.inputs import (
    Seen,
    Service,
    checker,
    homeless,
    misfits,
    read_documents,
    service_of,
    sources_of,
)
from policyengine.workspace.judging import Sitting, Terms
from policyengine.workspace.library import Book, Library
from policyengine.workspace.results import result_of

LINE_VERSION = 1
"""The `v` of every line. Additions keep it."""

TOLD: tuple[Verdict, ...] = ("violated", "undecided", "exempt")
MAX_TOLD = 50
"""Refused lines that are described, and moments that could not be judged; the others are counted."""


@record
class Asked:
    """What one monitor was asked: the `Request` of a check, and `lateness` and `ahead` in microseconds (`ahead` None:
    an event may lie as far in the future as it likes)."""

    request: Request
    lateness: int = 0
    ahead: int | None = None


@record
class Tally:
    """How it stands: verdicts by severity and kind, and what was not judged. `watermark` is UTC microseconds."""

    events: int
    refused: int
    late: int
    unjudged: int
    repeats: int
    verdicts: Mapping[Verdict, int]
    severities: tuple[Severity, ...]
    pending: int
    watermark: int | None


def open_watch(asked: Asked, config: Config, library: Library, clock: Callable[[], int],
               services: Sequence[Service] = ()) -> tuple[Watch | None, tuple[Diagnostic, ...], Mapping[str, Source]]:
    """The monitors of a project's services, or None with every reason why there are none.

    `services` are taken in place of the files that were asked for; `clock` gives the instant it is (UTC microseconds).
    """
    found = Found()
    try:
        watch = _set_up(asked, config, library, clock, services, found)
    except NothingJudged:
        watch = None
        found.sources.update(sources_of(found.diagnostics))
    return watch, tuple(found.diagnostics), found.sources


def _set_up(asked: Asked, config: Config, library: Library, clock: Callable[[], int], given: Sequence[Service],
            found: Found) -> Watch:
    request = asked.request
    run = Run(request, config, library, found)
    regulations = run.regulations()
    reference = run.reference(regulations)
    services = tuple(given)
    if not services:
        documents, wrong = read_documents(run.service_paths(), stdin_filename=request.stdin_filename)
        found.add(wrong)
        services = tuple(map(Service, documents))
    fits = checker(reference.checker_python)
    for service in services:
        found.add(misfits(service.document, reference.facts_schema, fits))
    # Nobody knows what will come: every version that ever is in force has to see all of it.
    terms = Terms(request.now, LAST, run.sources(reference), request.everything, library)
    sittings = run.sittings(regulations, terms, Seen(1, FIRST, lambda _: 0))
    run.settings_fit(sittings)
    run.stop_if_failed()
    sittings = [one for one in sittings if _triggered(one)]
    if not sittings:
        found.add((error("nothing-judged", "no rule asked for is about events",
                         help="`guiju check` judges the rules about facts alone"),))
    run.stop_if_failed()
    sittings = [_bounded(one, services[0], terms, bool(request.rules), found) for one in sittings]
    run.stop_if_failed()
    benches = [[_Bench(sitting, service, terms, asked.lateness) for sitting in sittings] for service in services]
    return Watch(benches, reference, config.timezone, asked.ahead, clock)


def _triggered(sitting: Sitting) -> tuple[str, ...]:
    return tuple(rule.name for rule in sitting.rules if rule.trigger is not None)


def _bounded(sitting: Sitting, service: Service, terms: Terms, named: bool, found: Found) -> Sitting:
    """A sitting with the rules alone that need not keep everything; the others are told, as errors where the rules to
    judge were named."""
    kept = []
    book, facts = sitting.book, service.document.value
    for rule in sitting.rules:
        refused: tuple[Diagnostic, ...] = ()
        if rule.trigger is not None:
            refused = plans(book.policy, [rule], facts, sitting.values, book.calendar, terms.sources)[1]
        if named:
            found.add(refused)
        else:
            found.add([replace(one, severity="warning", message=f"{one.message}; it is left to `guiju check`")
                       for one in refused])
        if not refused:
            kept.append(rule)
    return replace(sitting, rules=tuple(kept))


class Watch:
    """All monitors of one run. `refused` lines are told in `problems`, and moments that could not be judged, besides
    their lines, in `lost`; the caller empties both."""

    def __init__(self, benches: Sequence[Sequence[_Bench]], reference: Book, zone: str | None, ahead: int | None,
                 clock: Callable[[], int]) -> None:
        self.benches = [one for own in benches for one in own]
        self.problems: list[Diagnostic] = []
        self.lost: list[Diagnostic] = []
        self._lost = 0
        for bench in self.benches:
            bench.tell = self._lose
        self.events = 0
        self.refused = 0
        self.told = 0
        """Of the refused lines those of this run, which are described until there are too many."""
        self.zone = reference.calendar.zone
        self._by_service = benches
        self._owners: dict[Any, list[int]] = {}
        for place, own in enumerate(benches):
            self._owners.setdefault(own[0].service_id, []).append(place)
        self._fitter = Fitter(reference.event_schemas)
        self._times_zone = zone
        self._read = event_reader(reference.event_schemas, zone, self._read_slowly)
        self._ahead = ahead
        self._clock = clock
        self._greatest = FIRST

    # ---- events

    def take(self, chunk: Chunk) -> list[bytes]:
        """Judge the events of a chunk; the lines of what became known."""
        events = self._read(chunk)
        if self._ahead is not None:
            events = self._not_too_far(events, self._clock() + self._ahead)
        self.events += len(events)
        if len(self.benches) == 1:
            (bench,) = self.benches
            if any(map(_may_name_service, set(map(type, events)))):
                events = [event for event in events if self._owner(event) is not None]
            return bench.take(events)
        return [line for event in events if (owner := self._owner(event)) is not None
                for line in self._take_one(event, owner)]

    def _owner(self, event: Event) -> int | None:
        """Whose event it is; None where that is told to be unknown."""
        service = service_of(event)
        owners = range(len(self._by_service)) if service is None else self._owners.get(service, ())
        if len(owners) == 1:
            return owners[0]
        self._belongs_nowhere(service, event, owners)
        return None

    def _take_one(self, event: Event, owner: int) -> list[bytes]:
        lines: list[bytes] = []
        if len(self._by_service) > 1 and event.time > self._greatest:
            # One clock for all services, as `check` has one instant of judgement for all.
            self._greatest = event.time
            for place, own in enumerate(self._by_service):
                if place != owner:
                    for bench in own:
                        lines += bench.advance(event.time)
        for place, bench in enumerate(self._by_service[owner]):
            lines += bench.take((event,), place == 0)
        return lines

    def _not_too_far(self, events: list[Event], limit: int) -> list[Event]:
        if max((event.time for event in events), default=limit) <= limit:
            return events
        for event in events:
            if event.time > limit:
                self._refuse([error(
                    "event-ahead", f"the event's time {format_instant(event.time, self.zone)} is further ahead of the "
                    "clock than `--max-ahead` allows", _row(event))])
        return [event for event in events if event.time <= limit]

    def _belongs_nowhere(self, service: str | None, event: Event, owners: Sequence[int]) -> None:
        self.events -= 1
        known = [str(one) for one in self._owners if one is not None]
        names = [self._by_service[place][0].service.name for place in owners] if service is not None else []
        self._refuse([homeless(service, event, names, known, len(self._by_service))])

    def _read_slowly(self, line: bytes, file: str, row: int) -> Event | None:
        """The event of a line by the readers that `check` has, or their reasons why it is none."""
        found: list[Diagnostic] = []
        rows: list[Any] = []
        READERS[".ndjson"](BytesIO(line + b"\n"), Reading(file, self._times_zone, found.append), rows.append)
        fitter = self._fitter
        fitter.found, fitter.wrong, fitter.next = [], 0, None
        event = fitter.event(replace(rows[0], row=row)) if rows else None
        problems = [*(_on_row(one, row) for one in found), *fitter.problems()]
        if event is not None and not FIRST < event.time < LAST:
            problems.append(error("date-out-of-range", "the time of an event is not between 0001-01-04 and 9999-12-28 "
                                  "in UTC", _row(event)))
        if problems:
            self._refuse(problems)
            return None
        return event

    def _refuse(self, problems: Sequence[Diagnostic]) -> None:
        self.refused += 1
        self.told += 1
        if self.told <= MAX_TOLD:
            self.problems += problems
        elif self.told == MAX_TOLD + 1:
            self.problems.append(error("more-errors", "further lines that are refused are counted, not shown",
                                       problems[0].span))

    def _lose(self, problem: Diagnostic) -> None:
        self._lost += 1
        if self._lost <= MAX_TOLD:
            self.lost.append(problem)
        elif self._lost == MAX_TOLD + 1:
            self.lost.append(error("more-errors", "what else cannot be judged is written, not told here",
                                   problem.span))

    # ---- time

    def advance(self, instant: int) -> list[bytes]:
        """The clock shows `instant` (UTC microseconds): what became known by that."""
        return [line for bench in self.benches for line in bench.advance(instant)]

    def finish(self, as_of: int | None = None) -> list[bytes]:
        """All that can be known as of an instant, by default the latest event's time."""
        if as_of is None and len(self._by_service) > 1 and self._greatest > FIRST:
            as_of = self._greatest
        return [line for bench in self.benches for line in bench.finish(as_of)]

    def pending(self) -> list[bytes]:
        """A line for each open duty, by due time."""
        duties = [duty for bench in self.benches for duty in bench.pending()]
        return [line for _, line in sorted(duties, key=lambda one: one[0])]

    # ---- how it stands

    def tally(self) -> Tally:
        """The counts of all monitors, since the first event of the state."""
        verdicts: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
        severities: set[Severity] = set()
        for bench in self.benches:
            for name, counts in bench.monitor.counts.items():
                for verdict, number in counts.items():
                    verdicts[verdict] += number
                if counts.get("violated") or counts.get("undecided"):
                    severities.add(bench.severity(name))
        firsts = [own[0].monitor for own in self._by_service]
        return Tally(self.events, self.refused, sum(one.late for one in firsts),
                     sum(sum(one.monitor.unjudged.values()) for one in self.benches),
                     sum(one.repeats for one in firsts), verdicts, tuple(sorted(severities)),
                     sum(one.monitor.open for one in self.benches),
                     max((one.watermark for one in firsts if one.watermark is not None), default=None))

    def retention(self) -> tuple[tuple[str, Kept], ...]:
        """What each rule has a monitor keep, with the version it is of; for one service."""
        return tuple((f"{one.book.id}@{one.book.label}", kept) for one in self._by_service[0]
                     for kept in one.monitor.retention())

    def size(self) -> int:
        """How many things all monitors keep now."""
        return sum(one.monitor.size() for one in self.benches)

    # ---- the state

    def snapshot(self) -> dict[str, Any]:
        """All of it as JSON values, for `restore`."""
        return {"events": self.events, "refused": self.refused, "greatest": self._greatest,
                "monitors": [{**one.named(), "snapshot": one.monitor.snapshot()} for one in self.benches]}

    def restore(self, state: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
        """Go on from a snapshot; or say why it is that of another watch."""
        kept = state["monitors"]
        mine = [one.named() for one in self.benches]
        theirs = [{name: one[name] for name in ("regulation", "version", "service")} for one in kept]
        if mine != theirs:
            return (error("other-snapshot", f"the state is of {_listed(theirs)}; now judges {_listed(mine)}",
                          help=BEGIN_ANEW),)
        found: list[Diagnostic] = []
        for bench, one in zip(self.benches, kept, strict=True):
            try:
                bench.restore(one["snapshot"])
            except Refused as refused:
                found += [replace(problem, help=BEGIN_ANEW) for problem in refused.diagnostics]
        self.events, self.refused, self._greatest = state["events"], state["refused"], state["greatest"]
        return tuple(dict.fromkeys(found))


BEGIN_ANEW = "go on with what it was made with, or begin anew with `--fresh` and feed the history again"


class _Bench:
    """One version at work on one service, and the words for what it finds."""

    def __init__(self, sitting: Sitting, service: Service, terms: Terms, lateness: int) -> None:
        self.sitting, self.service, self.terms = sitting, service, terms
        self.book = sitting.book
        self._made_with = (self.book.policy, service.document.value, sitting.values, self.book.calendar)
        self._options: dict[str, Any] = {
            "lateness": lateness, "sources": terms.sources, "rules": _triggered(sitting), "force": sitting.force,
            "report": VERDICTS if terms.everything else TOLD}
        self.monitor = Monitor(*self._made_with, **self._options)
        self._context: Context | None = None
        self.tell: Callable[[Diagnostic], None] = lambda problem: None
        """Told of each moment that could not be judged."""

    @property
    def service_id(self) -> Any:
        service = self.service.document.value.get("service")
        return service.get("id") if isinstance(service, Mapping) else None

    def named(self) -> dict[str, str]:
        """Which of several this is."""
        return {"regulation": self.book.id, "version": self.book.label, "service": self.service.name}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on from a snapshot. Raises `Refused` when it is another's."""
        self.monitor = Monitor.restore(snapshot, *self._made_with, **self._options)

    def severity(self, name: str) -> Severity:
        """How much a violation of the rule matters, by the project's word first."""
        rule = self.book.policy.rule(name)
        assert rule is not None
        return self.sitting.severity_of(rule)

    def advance(self, instant: int) -> list[bytes]:
        """As `Monitor.advance`, in lines."""
        return self.lines(self.monitor.advance(instant))

    def finish(self, as_of: int | None) -> list[bytes]:
        """As `Monitor.finish`, in lines."""
        return self.lines(self.monitor.finish(as_of))

    def take(self, events: Iterable[Event], first: bool = True) -> list[bytes]:
        """As `Monitor.feed_all`, in lines."""
        return self.lines(self.monitor.feed_all(events), first)

    def lines(self, outcomes: Sequence[Outcome], first: bool = True) -> list[bytes]:
        """Outcomes as lines of JSON. An event that is late is so for every version; only the `first` says it."""
        lines = []
        for outcome in outcomes:
            if isinstance(outcome, Unjudged):
                lines.append(_json(self._unjudged(outcome)))
                self.tell(self._why(outcome))
            elif not isinstance(outcome, Late):
                lines.append(_json({"v": LINE_VERSION, "kind": "verdict", "id": outcome.id,
                                    **self.plain(outcome.judgement)}))
            elif first:
                lines.append(_json(self._late(outcome)))
        return lines

    def pending(self) -> list[tuple[tuple[Any, ...], bytes]]:
        """The open duties as lines, each with what it is sorted by."""
        found = []
        seen: dict[str, int] = {}
        for judgement in self.monitor.pending():
            said = repr((self.book.id, self.book.label, self.service.name, judgement.rule, judgement.due,
                         *_moment(judgement)))
            seen[said] = seen.get(said, 0) + 1
            line = {"v": LINE_VERSION, "kind": "pending", "id": _digest(f"pending {seen[said]} {said}"),
                    **self.plain(judgement)}
            found.append(((judgement.due, self.book.id, judgement.rule, said), _json(line)))
        return found

    def plain(self, judgement: Judgement) -> dict[str, Any]:
        """A judgement in the words and the shape of `check --format json`."""
        try:
            result = self._result(judgement)
        except OutOfRange:  # it is due when no calendar has a day
            result = self._result(replace(judgement, due=None, evidence=()))
        return plain_result(result, fingerprints((result,))[0])

    def _unjudged(self, outcome: Unjudged) -> dict[str, Any]:
        said = self.plain(Judgement(outcome.rule, "undecided", outcome.moment, missing=(outcome.reason,)))
        return {"v": LINE_VERSION, "kind": "unjudged", "id": outcome.id, **said, "verdict": "unjudged"}

    def _why(self, outcome: Unjudged) -> Diagnostic:
        moment, rule = outcome.moment, self.book.policy.rule(outcome.rule)
        event = moment and (moment.event or moment.run_past or moment.run_first)
        assert rule is not None
        return error(outcome.reason.name, f"`{outcome.rule}` cannot be judged for `{shorten(self.service.name)}` here: "
                     f"{outcome.reason.text}", _row(event) if event else rule.span)

    def _result(self, judgement: Judgement) -> Result:
        if self._context is None:
            self._context = Context(self.book.calendar, self.service.positions(), self._texts())
        rule = self.book.policy.rule(judgement.rule)
        assert rule is not None
        return result_of(judgement, rule, self.book, self.service.name, self._context, self.sitting.severity_of(rule),
                         self.sitting.values)

    def _texts(self) -> Mapping[str, Source]:
        library = self.terms.library
        folder = library.folders.get(self.book.regulation.id)
        files = library.house if self.book.house else folder.rglob("*.policy") if folder else ()
        return {library.shown(file): Source(library.shown(file), file.read_text("utf-8")) for file in files}

    def _late(self, late: Late) -> dict[str, Any]:
        event, zone = late.event, self.book.calendar.zone
        return {
            "v": LINE_VERSION, "kind": "late",
            "id": _digest(repr(("late", self.service.name, event.id or (event.time, event.sequence, content(event))))),
            "service": self.service.name,
            "event": {"type": event.type, "id": event.id, "time": format_instant(event.time, zone),
                      "instant": iso_instant(event.time, "UTC"),
                      "place": {"file": event.file, "line": None, "column": None, "row": event.row}},
            "watermark": iso_instant(late.watermark, "UTC"),
            "behind": period_text(Length(late.watermark - event.time, "microsecond"))}


_json = msgspec.json.Encoder().encode


def _moment(judgement: Judgement) -> tuple[Any, ...]:
    """What tells one moment from another wherever its event was read."""
    moment = judgement.moment
    if moment is None:
        return ()
    event = moment.event or moment.run_first
    return moment.time, moment.keys, event and (event.id or (event.time, event.sequence, content(event)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _on_row(problem: Diagnostic, row: int) -> Diagnostic:
    """A diagnostic made for one line alone, moved to its row."""
    def moved(span: Span | None) -> Span | None:
        return span and replace(span, line=row, end_line=row)

    return replace(problem, span=moved(problem.span),
                   notes=tuple(replace(one, span=moved(one.span)) for one in problem.notes))


def _may_name_service(rows: type[Any]) -> bool:
    return not issubclass(rows, Line) or "service" in rows.attributes


def _row(event: Event) -> Span:
    return Span(event.file, event.row, 1, event.row, 1)


def _listed(benches: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(f"{one['regulation']}@{one['version']} over `{shorten(one['service'])}`" for one in benches)
