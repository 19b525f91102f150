"""The main job: services and traces judged by the versions in force -> a report.

Facts are judged by compiled Python, moments of a trace by the evaluator; what is found is explained by the evaluator in
both cases. The version is the one in force at the as-of date for facts, at the moment's own time for a moment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from policyengine.base.calendar import Calendar, last_instant
from policyengine.base.diagnostic import (
    Diagnostic,
    Severity,
    did_you_mean,
    error,
    has_errors,
    shorten,
)
from policyengine.base.instants import (
    Period,
    format_instant,
    iso_instant,
    local_date,
    parse_date,
    parse_instant,
    period_text,
    start_of_day,
)
from policyengine.base.progress import Progress, silent
from policyengine.base.source import Source, Span
from policyengine.core import ir
from policyengine.core.case import Sources
from policyengine.core.verdict import FINDINGS, VERDICTS, Verdict
from policyengine.regulation.model import Regulation, Version
from policyengine.regulation.versions import effective_range, in_force, select
from policyengine.report.evidence import last_in_time
from policyengine.report.model import Report, RuleCount, Until
from policyengine.report.words import Said, as_is, counted
from policyengine.workspace.config import Config, EventSource
from policyengine.workspace.extent import Extent
from policyengine.workspace.inputs import (
    Seen,
    Service,
    Trace,
    checker,
    misfits,
    name_documents,
    one_clock,
    read_documents,
    read_trace,
    sources_of,
    with_events,
    with_stored,
)
from policyengine.workspace.judging import Outcome, Sitting, Terms, judge_services
from policyengine.workspace.library import Book, Library, open_book, open_house, open_regulation
from policyengine.workspace.parameters import parameter_values
from policyengine.workspace.results import judged_by, reading_order

if TYPE_CHECKING:  # engines are loaded by runs that judge in columns
    from policyengine.trace.engines.findings import Table
    from policyengine.workspace.stores import Held

MANY = 400
"""From so many files on, without events, they are shared among processes; below, starting one costs more."""


EngineName = Literal["auto", "evaluator", "duckdb", "spark"]
ENGINES: tuple[EngineName, ...] = ("auto", "evaluator", "duckdb", "spark")


@dataclass(frozen=True)
class Request:
    """What one `check` was asked. `now` is the clock (UTC microseconds), handed in. `parameters` are NAME=VALUE texts
    of the command line, which win over the project's. `processes` 0: as many as there are processors. `engine` judges
    traces within `memory`, or on the cluster of `master`, which writes all moments found to the folder `findings`; what
    an engine finds is told to the extent of `told`, else all. Open duties are told that are due within `due_within` of
    the instant of judgement, None: all. All that is found is put into the `table`, if one is given. `progress` hears
    how far the run is."""

    services: Sequence[str]
    events: Sequence[str] = ()
    regulations: Sequence[str] = ()
    version: str | None = None
    as_of: str | None = None
    rules: Sequence[str] = ()
    parameters: Sequence[str] = ()
    now: int = 0
    everything: bool = False
    stdin_filename: str = "<stdin>"
    processes: int = 0
    engine: EngineName = "auto"
    memory: str | None = None
    master: str | None = None
    findings: str | None = None
    told: Mapping[Verdict, Extent] = field(default_factory=dict)
    due_within: Period | None = None
    table: Table | None = None
    progress: Progress = silent


@dataclass
class Found:
    """What went wrong, with the texts to show it in."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)

    def add(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, Source] | None = None) -> None:
        self.diagnostics += diagnostics
        self.sources.update(sources or {})

    @property
    def failed(self) -> bool:
        return has_errors(self.diagnostics)

    def stop_if_failed(self) -> None:
        """Raises NothingJudged when an error was found."""
        if self.failed:
            raise NothingJudged

    def stop(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, Source] | None = None) -> None:
        """Add these, and give up if any of it all is an error."""
        self.add(diagnostics, sources)
        self.stop_if_failed()


ZONE = "say where the clock stood that wrote it, at the top of `guiju.toml`: `timezone = \"Asia/Shanghai\"`"

SMALL = 1_000_000
"""Up to so many bytes of text the evaluator takes about as long as an engine: over 7 rules less up to twice as many,
over 48 more from three quarters on."""


def wants_engine(arguments: Sequence[str], engine: EngineName) -> bool:
    """Whether these event files are judged in columns."""
    if engine != "auto":
        return engine != "evaluator"
    size = 0
    for argument in arguments:
        path = Path(argument)
        if not path.is_file() or path.suffix.lower() not in (".ndjson", ".jsonl", ".csv"):
            return True
        size += path.stat().st_size
    return size > SMALL


class NothingJudged(Exception):
    """Nothing can be judged; the reasons have been found."""


def check(request: Request, config: Config, library: Library) -> tuple[Report | None, tuple[Diagnostic, ...],
                                                                      Mapping[str, Source]]:
    """The report, or None with every reason why nothing was judged."""
    found = Found()
    try:
        report = Run(request, config, library, found).report()
    except NothingJudged:
        report = None
        found.sources.update(sources_of(found.diagnostics))
    return report, tuple(found.diagnostics), found.sources


class Run:
    """One run: the regulations and inputs asked for, in the order in which they are needed. What is wrong is put in
    `found`; where nothing can be judged for it, `NothingJudged` is raised."""

    def __init__(self, request: Request, config: Config, library: Library, found: Found) -> None:
        self.request, self.config, self.library, self.found = request, config, library, found
        self.books: dict[tuple[str, str], Book] = {}
        self.notes: list[Said] = []
        self.unjudged = 0

    def stop_if_failed(self) -> None:
        self.found.stop_if_failed()

    def report(self) -> Report:
        """Judge all that was asked for."""
        regulations = self.regulations()
        zone = regulations[0].timezone
        reference = self.reference(regulations)
        paths = self.service_paths()
        as_of = None if self.request.as_of is None else _as_of(self.request.as_of, zone, self.found)
        asked = self.request.events or [str(self.config.root / one) for one in self.config.events]
        if asked and wants_engine(asked, self.request.engine):
            policies = self.policies(regulations)
            if policies:  # before hours are spent on reading; else no version is in force, which is told below
                self.names_known(policies)
            self.stop_if_failed()
            from policyengine.workspace.stores import Broken, open_cluster, open_store

            self.request.progress("events", 0, 0)
            zone_of, schemas = self.config.timezone, reference.event_schemas
            opened = (open_cluster(asked, policies, schemas, zone=zone_of, as_of=as_of, master=self.request.master,
                                   findings=self.request.findings)
                      if self.request.engine == "spark" else
                      open_store(asked, policies, schemas, zone=zone_of, as_of=as_of, memory=self.request.memory,
                                 table=self.request.table))
            try:
                with opened as (held, problems):
                    self.found.add(one_clock(problems, ZONE))
                    self.stop_if_failed()
                    assert held is not None
                    for time in (held.store.first, held.last):
                        if as_of is None or time <= as_of:
                            self.in_calendar(reference, time)
                    self.stop_if_failed()
                    self.request.progress("events", held.total, held.total)
                    self.remark(held.merged, held.repeats, held.later)
                    return self.judged(regulations, reference, paths, held, as_of)
            except Broken as broken:
                self.found.stop((broken.diagnostic,))
        return self.judged(regulations, reference, paths, self.trace(reference, asked, as_of), as_of)

    def judged(self, regulations: Sequence[Regulation], reference: Book, paths: Sequence[Path],
               trace: Trace | Held | None, as_of: int | None) -> Report:
        """The services, and the trace if there is one, by every version that has something to say."""
        self.stop_if_failed()
        zone = regulations[0].timezone
        now = self.request.now
        facts_as_of = now if as_of is None else as_of
        trace_as_of = as_of if as_of is not None else now if trace is None else trace.last
        terms = Terms(facts_as_of, trace_as_of, self.sources(reference), self.request.everything, self.library,
                      None if trace is None else trace.store, self.request.told,
                      self.until(trace_as_of, reference.calendar), self.request.table is not None,
                      self.request.progress)
        if self.request.table is not None:
            self.request.table.until = terms.until
        seen = None if trace is None else trace.until(terms.trace_as_of)
        sittings = self.sittings(regulations, terms, seen)
        self.settings_fit(sittings)
        self.stop_if_failed()
        processes = self.request.processes or os.cpu_count() or 1
        if trace is None and len(paths) >= MANY and processes > 1 and Path("-") not in paths:
            outcome = _shared(paths, sittings, terms, reference, processes)
        else:
            outcome = _judged(paths, trace, sittings, terms, reference, self.request.stdin_filename)
        self.found.add(outcome.diagnostics, outcome.sources)
        self.stop_if_failed()
        if self.request.table is not None:
            self.request.table.judged(outcome.rows)
        return self.put_together(sittings, outcome, terms, None if seen is None else seen.total, zone)

    def until(self, as_of: int, calendar: Calendar) -> int | None:
        """The last instant within the period asked about, which is counted from the instant of judgement as a policy
        counts; but it ends on its last day, worked or not."""
        if self.request.due_within is None:
            return None
        try:
            until = last_instant(as_of, self.request.due_within, replace(calendar, moves_to_working_day=False))
            _day_after(until, calendar.zone)
        except ValueError as problem:
            self.found.add((error("usage", f"`--due-within`: {problem}"),))
            raise NothingJudged from None
        return until

    def policies(self, regulations: Sequence[Regulation]) -> list[ir.Policy]:
        """Every policy that may have something to say about a trace, so that what it reads is read."""
        books = []
        for regulation in regulations:
            chosen = self.chosen(regulation)
            in_time = [one for one in regulation.versions if one.effective_from is not None]
            versions = in_time if chosen is None else [chosen]
            books += [self.book(regulation, version) for version in versions]
        return [book.policy for book in (*books, *self.houses(regulations))]

    # ---- what to judge by

    def regulations(self) -> list[Regulation]:
        """Those asked for, of the project, or all there are."""
        wanted = self.request.regulations or self.config.regulations or sorted(self.library.folders)
        regulations = []
        for name in dict.fromkeys(wanted):
            regulation, diagnostics, sources = open_regulation(self.library, name)
            self.found.add(diagnostics, sources)
            if regulation is not None:
                regulations.append(regulation)
        if not wanted:
            self.found.add((error("no-regulation", "there is no regulation to judge by"),))
        words = {regulation.vocabulary for regulation in regulations}
        if len(words) > 1:
            self.found.add((error("two-vocabularies", f"the regulations speak of different vocabularies: "
                                  f"{', '.join(sorted(words))}", help="judge by one with `--regulation`"),))
        self.stop_if_failed()
        return regulations

    def chosen(self, regulation: Regulation) -> Version | None:
        """The version asked for with `--version`; None without."""
        if self.request.version is None:
            return None
        version = select(regulation, self.request.version)
        if isinstance(version, Diagnostic):
            self.found.add((version,))
            raise NothingJudged
        return version

    def book(self, regulation: Regulation, version: Version) -> Book:
        """A version, compiled; once in a run."""
        key = (regulation.id, version.label)
        if key not in self.books:
            book, diagnostics, sources = open_book(self.library, regulation, version)
            self.found.add([one for one in diagnostics if one.severity == "error"], sources)
            if book is None:
                raise NothingJudged
            self.books[key] = book
        return self.books[key]

    def reference(self, regulations: Sequence[Regulation]) -> Book:
        """Some book, for the vocabulary that the inputs must fit: all of a run share one."""
        first = regulations[0]
        today = local_date(self.request.now, first.timezone)
        return self.book(first, self.chosen(first) or in_force(first, today) or first.versions[-1])

    def sittings(self, regulations: Sequence[Regulation], terms: Terms, seen: Seen | None) -> list[Sitting]:
        """Each version that has something to judge, and the house policies."""
        houses = self.houses(regulations)
        tuned = {(book.policy.extends[0], param.name): param.value for book in houses if book.policy.extends
                 for param in book.policy.params}
        judging: list[ir.Policy] = []
        sittings: list[Sitting] = []

        def sit(book: Book, for_facts: bool, force: tuple[int | None, int | None]) -> None:
            policy = book.policy
            house = {param.name: tuned[book.id, param.name] for param in policy.params
                     if param.tunable and (book.id, param.name) in tuned}
            values, diagnostics, _ = parameter_values(policy, book.id, self.config, self.request.parameters, house)
            self.found.add(diagnostics)
            judging.append(policy)
            rules = tuple(rule for rule in policy.rules if not self.request.rules or rule.name in self.request.rules)
            if rules:
                sittings.append(Sitting(book, rules, values, self.severities(book), for_facts, force))

        for regulation in regulations:
            for version, for_facts, force in self.versions(regulation, terms, seen):
                sit(self.book(regulation, version), for_facts, force)
        for book in houses:
            sit(book, True, (None, None))
        self.names_known(judging)
        return sittings

    def names_known(self, policies: Sequence[ir.Policy]) -> None:
        """Every rule and parameter that the command line names is one of these policies."""
        known = {rule.name for policy in policies for rule in policy.rules}
        self.found.add([error("unknown-rule", f"no rule `{shorten(name)}`",
                              help=did_you_mean(name, known) or "`guiju rules` lists them")
                        for name in self.request.rules if name not in known])
        params = [param for policy in policies for param in policy.params]
        tunable = {param.name for param in params if param.tunable}
        for name in (text.partition("=")[0] for text in self.request.parameters):
            if name not in {param.name for param in params}:
                self.found.add((error("unknown-param", f"no parameter `{shorten(name)}`",
                                      help=did_you_mean(name, tunable)
                                      or f"there are {', '.join(sorted(tunable)) or 'none that can be set'}"),))

    def versions(self, regulation: Regulation, terms: Terms, seen: Seen | None,
                 ) -> list[tuple[Version, bool, tuple[int | None, int | None]]]:
        """The version asked for; else the one in force for the facts, and those in force at some time between the
        first event and the instant of judgement, since a mark or a silence may end where no event is."""
        chosen = self.chosen(regulation)
        if chosen is not None:
            return [(chosen, True, (None, None))]
        at = in_force(regulation, local_date(terms.facts_as_of, regulation.timezone))
        versions = []
        ranges = []
        for version in regulation.versions:
            if version.effective_from is None:
                continue
            start, end = effective_range(version, regulation.timezone)
            ranges.append((start, end))
            reached = (seen is not None and seen.total > 0 and (start is None or start <= terms.trace_as_of)
                       and (end is None or seen.first < end))
            if version is at or reached:
                versions.append((version, version is at, (start, end)))
        if seen is not None:
            self.unjudged = max(self.unjudged, seen.outside(ranges))
        if not versions:
            day = local_date(terms.facts_as_of, regulation.timezone).isoformat()
            self.found.add((error("no-version-in-force", f"no version of `{regulation.id}` is in force on {day}",
                                  help=f"choose one with `--version`, such as `--version "
                                  f"{regulation.versions[-1].label}`"),))
        return versions

    def houses(self, regulations: Sequence[Regulation]) -> list[Book]:
        """The team's own policies, compiled; under `--regulation` only those that extend one of these."""
        books = []
        for path in self.library.house:
            book, diagnostics, sources = open_house(self.library, path)
            self.found.add([one for one in diagnostics if one.severity == "error"], sources)
            if book is None:
                continue
            base = book.regulation
            if self.request.regulations and base.id not in {one.id for one in regulations}:
                continue
            if base.vocabulary != regulations[0].vocabulary:
                self.found.add((error("two-vocabularies", f"`{book.path}` extends {base.id}, which speaks of another "
                                      "vocabulary", help=f"judge by `--regulation {regulations[0].id}` alone"),))
            books.append(book)
        self.stop_if_failed()
        return books

    def severities(self, book: Book) -> dict[str, Severity]:
        """The project's severities for the rules of a book."""
        return {one.rule: one.severity for one in self.config.severity if one.regulation in (None, book.id)}

    def sources(self, book: Book) -> Sources | None:
        """What the project's sources emit, when it says so. What several emit is complete when all of them are."""
        if not self.config.sources:
            return None
        complete: dict[str, int | None] = {}
        for source in self.config.sources:
            since = self.complete_since(source, book)
            for event in source.emits:
                if event not in book.event_schemas:
                    self.found.add((error("unknown-event", f"the source `{shorten(source.name)}` emits "
                                          f"`{shorten(event)}`, which is no event of the vocabulary", source.span,
                                          help=did_you_mean(event, book.event_schemas)),))
                known = complete.get(event)
                complete[event] = known if since is None else since if known is None else max(since, known)
        return Sources(complete)

    def complete_since(self, source: EventSource, book: Book) -> int | None:
        """The instant from which a source has all of its events; None where it has all there ever were."""
        text = source.complete
        if text is None:
            return None
        try:
            if len(text) == 10:
                return start_of_day(parse_date(text), self.config.timezone or book.calendar.zone)
            return parse_instant(text, self.config.timezone)
        except ValueError as problem:
            self.found.add((error("setting-value", f"`complete` of the source `{shorten(source.name)}`: {problem}",
                                  source.span),))
            return None

    def settings_fit(self, sittings: Sequence[Sitting]) -> None:
        """Every parameter and rule that the project file names is one of some policy, or the setting does nothing.

        Policies that do not judge in this run are looked into only for a name that those which do have not got.
        """
        named = [("param", "parameter", one.name, one.regulation, one.span) for one in self.config.params]
        named += [("rule", "rule", one.rule, one.regulation, one.span) for one in self.config.severity]
        for kind, word, name, of, span in named:
            known: set[str] = set()
            for book in self.all_books(sittings):
                if of in (None, book.id):
                    known.update(one.name for one in (book.policy.params if kind == "param" else book.policy.rules))
                    if name in known:
                        break
            else:
                if of is not None and not known:
                    kind, word, name, known = "regulation", "regulation", of, set(self.library.folders)
                self.found.add((error(f"unknown-{kind}", f"no {word} `{shorten(name)}`", span,
                                      help=did_you_mean(name, known)),))

    def all_books(self, sittings: Sequence[Sitting]) -> Iterator[Book]:
        """Those that judge in this run, then every other one there is."""
        yield from (one.book for one in sittings)
        for path in self.library.house:
            book, _, _ = open_house(self.library, path)
            if book is not None:
                yield book
        for name in sorted(self.library.folders):
            regulation, _, _ = open_regulation(self.library, name)
            if regulation is None:
                continue
            for version in regulation.versions:
                book, _, _ = open_book(self.library, regulation, version)
                if book is not None:
                    yield book

    # ---- what to judge

    def service_paths(self) -> tuple[Path, ...]:
        """The service files asked for, or the project's."""
        asked = self.request.services or [str(self.config.root / one) for one in self.config.services]
        paths, diagnostics = name_documents(asked)
        self.found.add(diagnostics)
        return paths

    def trace(self, book: Book, asked: Sequence[str], as_of: int | None) -> Trace | None:
        """The events of these files in order, up to the instant asked for; None when there are none to read."""
        if not asked:
            return None
        trace, diagnostics = read_trace(asked, book.event_schemas, self.config.timezone)
        self.found.add(one_clock(diagnostics, ZONE))
        seen = trace.events if as_of is None else tuple(takewhile(lambda event: event.time <= as_of, trace.events))
        for event in (*seen[:1], *seen[-1:]):
            self.in_calendar(book, event.time, Span(event.file, event.row, 1, event.row, 1))
        self.remark(trace.merged, trace.repeats, len(trace.events) - len(seen))
        return replace(trace, events=seen)

    def in_calendar(self, book: Book, time: int, span: Span | None = None) -> None:
        """An event's time (UTC microseconds) is on a day that has one after it, or it is an error."""
        try:
            _day_after(time, book.calendar.zone)
        except ValueError:
            self.found.add((error("date-out-of-range", f"the time of an event, `{iso_instant(time, 'UTC')}`, is not "
                                  f"between 0001-01-01 and 9999-12-30 in {book.calendar.zone}", span),))

    def remark(self, merged: int, repeats: int, later: int) -> None:
        """Say what was noticed in reading the events."""
        for key, number in (("same id", merged), ("repeats", repeats), ("after", later)):
            if number:
                self.notes.append(counted(key, number))

    # ---- the report

    def put_together(self, sittings: Sequence[Sitting], outcome: Outcome, terms: Terms, events: int | None,
                     zone: str) -> Report:
        """What came out, in the order of reading; `events` were read up to the instant of judgement, None without any
        trace."""
        counts = [RuleCount(sitting.book.id, sitting.book.label, rule.name, tuple(map(str, rule.citations)),
                            sitting.severity_of(rule), outcome.totals[place, rule.name],
                            outcome.later[place, rule.name])
                  for place, sitting in enumerate(sittings) for rule in sitting.rules]
        worst: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
        for count in counts:
            if count.worst is not None:
                worst[count.worst] += 1
        notes = [*self.notes, *self._remarks(sittings, outcome, counts)]
        if events is not None and terms.facts_as_of != terms.trace_as_of:
            notes.insert(0, Said("two instants", (format_instant(terms.facts_as_of, zone),)))
        if events is not None and self.request.as_of is None and terms.trace_as_of > self.request.now:
            notes.insert(0, Said("ahead", (format_instant(terms.trace_as_of, zone),)))
        as_of = terms.facts_as_of if events is None else terms.trace_as_of
        until = None if terms.until is None or self.request.due_within is None else Until(
            period_text(self.request.due_within), last_in_time(terms.until + 1, zone), iso_instant(terms.until, "UTC"))
        return Report(_as_of_text(as_of, zone),
                      tuple(judged_by(one.book, terms.facts_as_of, len(one.rules)) for one in sittings),
                      tuple(outcome.services), events or 0, tuple(counts),
                      tuple(sorted(outcome.findings, key=reading_order)),
                      tuple(sorted(outcome.others, key=reading_order)), tuple(notes), worst, iso_instant(as_of, "UTC"),
                      until)

    def _remarks(self, sittings: Sequence[Sitting], outcome: Outcome, counts: Sequence[RuleCount]) -> list[Said]:
        notes = []
        triggered = {(one.book.id, one.book.label, rule.name) for one in sittings for rule in one.rules
                     if rule.trigger is not None}
        silent = sum(1 for count in counts
                     if count.worst is None and (count.regulation, count.version, count.rule) in triggered)
        if silent:
            said = counted("silent", silent)
            notes.append(said if self.config.sources else Said("assumed", (said,)))
        if self.unjudged:
            notes.append(counted("outside", self.unjudged))
        notes += [Said("gap", (rule, gap)) for rule, gap in outcome.gaps.items()]
        told = len(outcome.findings) + len(outcome.others)
        wanted = VERDICTS if self.request.everything else FINDINGS
        all_told = sum(count.counts[verdict] for count in counts for verdict in wanted) - sum(outcome.later.values())
        if all_told > told:
            notes.append(Said("results listed", (f"{told:,}", f"{all_told:,}")))
        notes += [Said("unsorted", (name,)) for name in dict.fromkeys(outcome.unsorted)]
        if outcome.ties:
            notes.append(counted("ties", outcome.ties))
        if any(one.provisional for one in (*outcome.findings, *outcome.others)):
            notes.append(Said("some provisional"))
        return notes


# ---- reading and judging, in this process or shared among several -------------------------------------------------

def _judged(paths: Sequence[Path], trace: Trace | Held | None, sittings: Sequence[Sitting], terms: Terms, book: Book,
            stdin_filename: str = "<stdin>") -> Outcome:
    """Read the services, hold them against the vocabulary, and judge them if all fit."""
    documents, problems = read_documents(paths, stdin_filename=stdin_filename)
    found = list(problems)
    fits = checker(book.checker_python)
    for document in documents:
        found += misfits(document, book.facts_schema, fits)
    services: tuple[Service, ...] = ()
    if not found:
        services, strangers = (with_events(documents, trace) if trace is None or trace.store is None
                               else with_stored(documents, trace.services()))
        found += strangers
    if found:
        return Outcome(diagnostics=found)
    return judge_services(sittings, services, terms)


def _shared(paths: Sequence[Path], sittings: Sequence[Sitting], terms: Terms, book: Book, processes: int) -> Outcome:
    """The same, in several processes."""
    from policyengine.base.processes import shared

    share = -(-len(paths) // processes)
    parts = [paths[start:start + share] for start in range(0, len(paths), share)]
    whole = Outcome()
    for outcome in shared(lambda part: _judged(parts[part], None, sittings, terms, book), len(parts), processes):
        whole.add(outcome)
    return whole


# ---- instants -----------------------------------------------------------------------------------------------------

def _as_of(text: str, zone: str, found: Found) -> int:
    """An instant, or the last instant of a local date."""
    try:
        if len(text) == 10:
            day = parse_date(text)
            return start_of_day(day.fromordinal(day.toordinal() + 1), zone) - 1
        as_of = parse_instant(text, zone)
        _day_after(as_of, zone)
        return as_of
    except ValueError as problem:
        found.add((error("usage", f"`--as-of {shorten(text)}`: {problem}",
                         help="write a date such as 2026-11-20 or an instant such as 2026-11-20T12:00:00+08:00"),))
        return 0


def _as_of_text(as_of: int, zone: str) -> Said:
    """`the end of 2026-11-20` where a date was asked for, else the time."""
    ends = _day_after(as_of, zone) == as_of + 1
    return Said("end of day", (local_date(as_of, zone).isoformat(),)) if ends else as_is(format_instant(as_of, zone))


def _day_after(instant: int, zone: str) -> int:
    """When the local day after an instant's begins. ValueError outside the years 1 to 9999, and in the last day."""
    day = local_date(instant, zone)
    return start_of_day(day.fromordinal(day.toordinal() + 1), zone)
