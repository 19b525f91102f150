"""The main job: services and traces judged by the versions in force -> a report.

Facts are judged by compiled Python, moments of a trace by the evaluator; what is found is explained by the evaluator in
both cases. The version is the one in force at the as-of date for facts, at the moment's own time for a moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policyengine.base.calendar import provisional
from policyengine.base.diagnostic import (
    Diagnostic,
    Severity,
    did_you_mean,
    error,
    has_errors,
    shorten,
)
from policyengine.base.instants import (
    format_instant,
    iso_instant,
    local_date,
    parse_date,
    parse_instant,
    parse_period,
    start_of_day,
)
from policyengine.base.scalars import number
from policyengine.base.source import Source
from policyengine.core import ir, types
from policyengine.core.case import Case, Sources
from policyengine.core.evaluate import judge
from policyengine.core.operators import Overflow
from policyengine.core.verdict import (
    VERDICTS,
    FactRead,
    Judgement,
    MissingFact,
    ParameterUsed,
    Setting,
    Verdict,
)
from policyengine.facts.compiled import load as load_facts
from policyengine.regulation.model import Regulation
from policyengine.regulation.versions import in_force, select
from policyengine.report.evidence import (
    Context,
    event_place,
    evidence_line,
    fact_place,
    last_in_time,
    missing_line,
    shown,
    span_place,
    written,
)
from policyengine.report.model import Judged, MomentLine, Place, Report, Result, RuleCount
from policyengine.workspace.config import Config
from policyengine.workspace.inputs import (
    Service,
    checker,
    misfits,
    read_documents,
    read_trace,
    sources_of,
    with_events,
)
from policyengine.workspace.library import Book, Library, open_book, open_house, open_regulation

FINDINGS: frozenset[Verdict] = frozenset({"violated", "undecided", "pending", "exempt"})
ALL_OF_TIME = 2 ** 62
LONG = 2_000  # characters of a policy quoted whole; formats lay out


@dataclass(frozen=True)
class Request:
    """What one `check` was asked. `now` is the clock (UTC microseconds), handed in. `parameters` are NAME=VALUE texts
    of the command line, which win over the project's."""

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


@dataclass
class _Found:
    """What went wrong, with the texts to show it in."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)

    def add(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, Source] | None = None) -> None:
        self.diagnostics += diagnostics
        self.sources.update(sources or {})

    @property
    def failed(self) -> bool:
        return has_errors(self.diagnostics)


def check(request: Request, config: Config, library: Library) -> tuple[Report | None, tuple[Diagnostic, ...],
                                                                      Mapping[str, Source]]:
    """The report, or None with every reason why nothing was judged."""
    found = _Found()
    regulations = _regulations(request, config, library, found)
    if found.failed:
        return None, tuple(found.diagnostics), found.sources
    books: dict[tuple[str, str], Book] = {}
    zone = regulations[0].timezone
    reference = next((book for book in _books_to_read(regulations, request, library, books, found)), None)
    if reference is None:
        return None, tuple(found.diagnostics), found.sources
    services, trace_size, last_event, notes = _services(request, config, reference, found)
    as_of = None if request.as_of is None else _as_of(request.as_of, zone, found)
    if found.failed:
        found.sources.update(sources_of(found.diagnostics))
        return None, tuple(found.diagnostics), found.sources
    facts_as_of = as_of if as_of is not None else request.now
    trace_as_of = as_of if as_of is not None else last_event if last_event is not None else request.now
    run = _Run(request, config, library, found, books, facts_as_of, trace_as_of, services)
    for regulation in regulations:
        run.judge(regulation)
    run.judge_house()
    if found.failed:
        return None, tuple(found.diagnostics), found.sources
    return run.report(trace_size, notes, zone), tuple(found.diagnostics), found.sources


def _regulations(request: Request, config: Config, library: Library, found: _Found) -> list[Regulation]:
    wanted = request.regulations or config.regulations or sorted(library.folders)
    regulations = []
    for name in dict.fromkeys(wanted):
        regulation, diagnostics, sources = open_regulation(library, name)
        found.add(diagnostics, sources)
        if regulation is not None:
            regulations.append(regulation)
    if not wanted:
        found.add((error("no-regulation", "there is no regulation to judge by"),))
    return regulations


def _books_to_read(regulations: Sequence[Regulation], request: Request, library: Library,
                   books: dict[tuple[str, str], Book], found: _Found) -> Iterator[Book]:
    """Some book, for the vocabulary the inputs must fit; all regulations of a run share one."""
    words = {regulation.vocabulary for regulation in regulations}
    if len(words) > 1:
        found.add((error("two-vocabularies", f"the regulations speak of different vocabularies: "
                         f"{', '.join(sorted(words))}", help="judge by one with `--regulation`"),))
        return
    for regulation in regulations:
        chosen = _chosen(regulation, request, library, found)
        for version in ([chosen] if chosen else regulation.versions[::-1]):
            book = _book(regulation, version, library, books, found)
            if book is not None:
                yield book


def _chosen(regulation: Regulation, request: Request, library: Library, found: _Found) -> Any:
    if request.version is None:
        return None
    version = select(regulation, request.version)
    if isinstance(version, Diagnostic):
        found.add((version,))
        return None
    return version


def _book(regulation: Regulation, version: Any, library: Library, books: dict[tuple[str, str], Book], found: _Found,
          ) -> Book | None:
    key = (regulation.id, version.label)
    if key not in books:
        book, diagnostics, sources = open_book(library, regulation, version)
        found.add([one for one in diagnostics if one.severity == "error"], sources)
        if book is None:
            return None
        books[key] = book
    return books[key]


def _services(request: Request, config: Config, book: Book, found: _Found) -> tuple[tuple[Service, ...], int,
                                                                                   int | None, list[str]]:
    """The services with their events, how many events there were, the time of the last, and what was noticed."""
    asked = request.services or [str(config.root / one) for one in config.services]
    documents, diagnostics = read_documents(asked, stdin_filename=request.stdin_filename)
    found.add(diagnostics)
    fits = checker(book.checker_python)
    for document in documents:
        found.add(misfits(document, book.facts_schema, fits))
    notes: list[str] = []
    trace = None
    traces = request.events or [str(config.root / one) for one in config.events]
    if traces:
        trace, diagnostics = read_trace(traces, book.event_schemas, config.timezone)
        found.add(diagnostics)
        if trace.merged:
            notes.append(f"{trace.merged:,} rows repeat an event's id and were merged")
        if trace.repeats:
            notes.append(f"{trace.repeats:,} events repeat another exactly; without an id each counts")
    if found.failed:
        return (), 0, None, notes
    services, diagnostics = with_events(documents, trace)
    found.add(diagnostics)
    last = trace.events[-1].time if trace and trace.events else None
    return services, len(trace.events) if trace else 0, last, notes


def _as_of(text: str, zone: str, found: _Found) -> int:
    """An instant, or the last instant of a local date."""
    try:
        if len(text) == 10:
            day = parse_date(text)
            return start_of_day(day.fromordinal(day.toordinal() + 1), zone) - 1
        return parse_instant(text, zone)
    except ValueError as problem:
        found.add((error("usage", f"`--as-of {shorten(text)}`: {problem}",
                         help="write a date such as 2026-11-20 or an instant such as 2026-11-20T12:00:00+08:00"),))
        return 0


def parameter_values(policy: ir.Policy, regulation: str, config: Config, given: Sequence[str],
                     ) -> tuple[dict[str, Any], tuple[Diagnostic, ...], frozenset[str]]:
    """The raw values the operator chose for this policy's tunable parameters; the names from `given` that fitted.

    The command line wins over the project file. A parameter the law fixes cannot be set.
    """
    known = {param.name: param for param in policy.params}
    wanted: list[tuple[str, str, Any]] = [(one.name, one.value, one.span) for one in config.params
                                          if one.regulation in (None, regulation) and one.name in known]
    used = set()
    for text in given:
        name, _, value = text.partition("=")
        if name in known:
            used.add(name)
            wanted.append((name, value, None))
    values: dict[str, Any] = {}
    found: list[Diagnostic] = []
    for name, value, span in wanted:
        param = known[name]
        if not param.tunable:
            found.append(error("fixed-param", f"`{name}` is fixed by {regulation} and cannot be set", span,
                               help="a param that an operator may choose is declared `tunable`"))
            continue
        try:
            values[name] = _raw(value, param.type)
        except ValueError as problem:
            found.append(error("param-value", f"`{name} = {shorten(value)}`: {problem}", span,
                               help=f"write it as in the policy, such as `{shown(param.value).strip(chr(34))}`"))
    return values, tuple(found), frozenset(used)


def _raw(text: str, type: types.Type) -> Any:
    text = text.strip()
    match type:
        case types.Period():
            period = parse_period(text)
            unit = {"elapsed": "microsecond"}.get(type.unit or "", type.unit)
            if unit is not None and period.unit != unit:
                raise ValueError(f"expected a {types.describe(type)}")
            if period.count <= 0:
                raise ValueError("expected a period longer than nothing")
            return text
        case types.Number():
            value = number(text)
            if type.integer and not isinstance(value, int):
                raise ValueError("expected an integer")
            return value
        case types.Bool():
            if text not in ("true", "false"):
                raise ValueError("expected true or false")
            return text == "true"
        case types.Date():
            return parse_date(text).isoformat()
        case _:
            return text.strip('"')


@dataclass
class _Run:
    """One run as it goes: what was asked, and what has come out so far."""

    request: Request
    config: Config
    library: Library
    found: _Found
    books: dict[tuple[str, str], Book]
    facts_as_of: int
    trace_as_of: int
    services: tuple[Service, ...]
    judged: list[Judged] = field(default_factory=list)
    counts: list[RuleCount] = field(default_factory=list)
    findings: list[Result] = field(default_factory=list)
    others: list[Result] = field(default_factory=list)
    unjudged: int = 0
    provisional: bool = False
    ties: int = 0
    used_parameters: set[str] = field(default_factory=set)
    known_rules: set[str] = field(default_factory=set)

    def judge(self, regulation: Regulation) -> None:
        """By the version asked for, or by those in force."""
        chosen = _chosen(regulation, self.request, self.library, self.found)
        if self.found.failed:
            return
        events = [event.time for service in self.services for event in service.events]
        if chosen is not None:
            versions: list[tuple[Any, bool, tuple[int | None, int | None]]] = [(chosen, True, (None, None))]
        else:
            at = in_force(regulation, local_date(self.facts_as_of, regulation.timezone))
            versions = []
            outside = len(events)
            for version in regulation.versions:
                book = _book(regulation, version, self.library, self.books, self.found) \
                    if version.effective_from is not None else None
                if book is None:
                    continue
                start, end = book.force()
                inside = sum(1 for time in events if (start is None or time >= start) and (end is None or time < end))
                outside -= inside
                if version is at or inside:
                    versions.append((version, version is at, (start, end)))
            self.unjudged = max(self.unjudged, outside)
            if not versions:
                day = local_date(self.facts_as_of, regulation.timezone).isoformat()
                self.found.add((error("no-version-in-force", f"no version of `{regulation.id}` is in force on {day}",
                                      help="choose one with `--version`, such as `--version "
                                      f"{regulation.versions[-1].label}`"),))
        for version, for_facts, force in versions:
            book = _book(regulation, version, self.library, self.books, self.found)
            if book is not None:
                self.judge_book(book, for_facts=for_facts, force=force)

    def judge_house(self) -> None:
        """By the team's own policies."""
        for path in self.library.house:
            book, diagnostics, sources = open_house(self.library, path)
            self.found.add([one for one in diagnostics if one.severity == "error"], sources)
            if book is not None:
                self.judge_book(book, for_facts=True, force=(None, None))

    def judge_book(self, book: Book, *, for_facts: bool, force: tuple[int | None, int | None]) -> None:
        """Every service by one version; `for_facts`: its rules without a trigger judge too."""
        policy = book.policy
        values, diagnostics, used = parameter_values(policy, book.id, self.config, self.request.parameters)
        self.found.add(diagnostics)
        self.used_parameters |= used
        self.known_rules |= {rule.name for rule in policy.rules}
        wanted = [rule for rule in policy.rules if not self.request.rules or rule.name in self.request.rules]
        if self.found.failed or not wanted:
            return
        sources = self._sources()
        compiled = load_facts(book.facts_python) if book.fact_rules else None
        fact_rules = set(book.fact_rules)
        texts = _Texts(self.library, book)
        totals: dict[str, dict[Verdict, int]] = {rule.name: dict.fromkeys(VERDICTS, 0) for rule in wanted}
        for service in self.services:
            facts = service.document.value
            plain = Case(facts)
            quiet = self._setting(self.facts_as_of, values)
            explain: set[str] = set()
            if for_facts and compiled is not None:
                codes = compiled(facts, self.facts_as_of, self._parameters(policy, values), book.calendar)
                for name, code in zip(book.fact_rules, codes, strict=True):
                    if name in totals:
                        totals[name][VERDICTS[code]] += 1
                        if VERDICTS[code] in FINDINGS or self.request.everything:
                            explain.add(name)
            try:
                if explain:
                    for judgement in judge(policy, plain, quiet, book.calendar, rules=explain):
                        self._add(judgement, book, service, texts, values)
                rest = [rule.name for rule in wanted if rule.name not in fact_rules
                        and (rule.trigger is not None or for_facts)]
                if rest:
                    case = Case(facts, service.events)
                    for judgement in judge(policy, case, self._setting(self.trace_as_of, values), book.calendar,
                                           sources=sources, rules=rest, start=force[0], end=force[1]):
                        totals[judgement.rule][judgement.verdict] += 1
                        if judgement.verdict in FINDINGS or self.request.everything:
                            self._add(judgement, book, service, texts, values)
                        self.ties += judgement.tie
            except Overflow:
                self.found.add((error("number-too-large", f"a number computed for `{service.name}` has more than 18 "
                                      "digits before the point"),))
                return
        self.judged.append(_judged(book, self.facts_as_of, len(wanted)))
        self.counts += [RuleCount(book.id, book.label, rule.name, tuple(map(str, rule.citations)),
                                  self._severity(book, rule), totals[rule.name]) for rule in wanted]

    def _setting(self, as_of: int, values: Mapping[str, Any]) -> Setting:
        return Setting(as_of, values)

    @staticmethod
    def _parameters(policy: ir.Policy, values: Mapping[str, Any]) -> dict[str, Any]:
        return {param.name: values.get(param.name, param.value) for param in policy.params}

    def _sources(self) -> Sources | None:
        """What the project's sources emit, when it says so."""
        if not self.config.sources:
            return None
        complete: dict[str, int | None] = {}
        for source in self.config.sources:
            since = None if source.complete is None else self._complete_since(source.complete)
            for event in source.emits:
                known = complete.get(event, since)
                complete[event] = since if known is None or since is None else min(since, known)
        return Sources(complete)

    def _complete_since(self, text: str) -> int:
        zone = self.config.timezone or "UTC"
        return start_of_day(parse_date(text), zone) if len(text) == 10 else parse_instant(text, zone)

    def _severity(self, book: Book, rule: ir.Rule) -> Severity:
        for override in self.config.severity:
            if override.rule == rule.name and override.regulation in (None, book.id):
                return override.severity
        return rule.severity

    def _add(self, judgement: Judgement, book: Book, service: Service, texts: _Texts,
             values: Mapping[str, Any]) -> None:
        rule = book.policy.rule(judgement.rule)
        assert rule is not None
        context = Context(book.calendar, service.positions(), texts.sources())
        result = _result(judgement, rule, book, service, context, self._severity(book, rule), values)
        self.provisional = self.provisional or result.provisional
        (self.findings if judgement.verdict in FINDINGS else self.others).append(result)

    def report(self, events: int, notes: list[str], zone: str) -> Report:
        """What came out, in the order of reading."""
        unknown = [name for name in self.request.rules if name not in self.known_rules]
        if unknown:
            self.found.add(tuple(error("unknown-rule", f"no rule `{shorten(name)}`",
                                       help=did_you_mean(name, self.known_rules)) for name in unknown))
        for text in self.request.parameters:
            name = text.partition("=")[0]
            if name not in self.used_parameters:
                self.found.add((error("unknown-param", f"no parameter `{shorten(name)}`"),))
        counts: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
        for count in self.counts:
            if count.worst is not None:
                counts[count.worst] += 1
        silent = sum(1 for count in self.counts if count.worst is None)
        if silent:
            assumed = "" if self.config.sources else "; history assumed complete"
            notes.append(f"{silent:,} rule{'' if silent == 1 else 's'} saw no trigger{assumed}")
        if self.unjudged:
            notes.append(f"{self.unjudged:,} events lie before any version is in force and were not judged")
        if self.ties:
            notes.append(f"{self.ties:,} verdicts rest on the order of events of one instant")
        if self.provisional:
            notes.append("some due times are provisional: they count working days of a year not yet announced")
        as_of = format_instant(self.trace_as_of if events else self.facts_as_of, zone)
        return Report(as_of, tuple(self.judged), tuple(service.name for service in self.services), events,
                      tuple(self.counts), tuple(sorted(self.findings, key=_reading_order)),
                      tuple(sorted(self.others, key=_reading_order)), tuple(notes), counts)


@dataclass
class _Texts:
    """The policy's text, read only when a finding is to be explained."""

    library: Library
    book: Book
    read: dict[str, Source] = field(default_factory=dict)

    def sources(self) -> Mapping[str, Source]:
        if not self.read:
            folder = self.library.folders.get(self.book.regulation.id)
            files = [*(folder.rglob("*.policy") if folder and not self.book.house else ()),
                     *(self.library.house if self.book.house else ())]
            for file in files:
                name = self.library.shown(file)
                self.read[name] = Source(name, file.read_text("utf-8"))
        return self.read


def _judged(book: Book, as_of: int, rules: int) -> Judged:
    regulation, version = book.regulation, book.version
    if version is None:
        return Judged(book.id, book.label, f"house policy over {regulation.title.en}", "", "house", "always",
                      "", "", rules, regulation.timezone)
    today = local_date(as_of, regulation.timezone)
    start = version.effective_from
    if start is None:
        force = "a draft, never in force"
    elif start > today:
        force = f"not in force until {start.isoformat()}"
    elif version.effective_to is not None and version.effective_to < today:
        force = f"in force from {start.isoformat()} to {version.effective_to.isoformat()}"
    else:
        force = f"in force since {start.isoformat()}"
    return Judged(book.id, book.label, version.title.en, version.title.zh, version.status, force,
                  regulation.confidence.en, regulation.confidence.zh, rules, regulation.timezone, version.sources)


def _result(judgement: Judgement, rule: ir.Rule, book: Book, service: Service, context: Context, severity: Severity,
            values: Mapping[str, Any]) -> Result:
    calendar = book.calendar
    zone = calendar.zone
    moment = judgement.moment
    evidence = tuple(dict.fromkeys(evidence_line(one, context) for one in judgement.evidence))
    missing = tuple(dict.fromkeys(missing_line(one, context) for one in judgement.missing))
    used = {one.name for one in judgement.evidence if isinstance(one, ParameterUsed)}
    params = {param.name: shown(values.get(param.name, param.value)).strip('"') for param in book.policy.params
              if param.name in used}
    exemption = None
    if judgement.exemption is not None:
        unless = rule.unless[judgement.exemption]
        under = f" under {', '.join(map(str, unless.under))}" if unless.under else ""
        exemption = f"{written(unless.condition.span, context)}{under}"
    return Result(
        book.id, book.label, rule.name, rule.title, tuple(map(str, rule.citations)), rule.family, severity,
        judgement.verdict, service.name, _first_place(judgement, context, service),
        None if moment is None else MomentLine(
            format_instant(moment.time, zone), iso_instant(moment.time, "UTC"),
            {key: str(value) for key, value in moment.keys},
            moment.event.type if moment.event else "", _moment_place(judgement)),
        None if judgement.due is None else last_in_time(judgement.due, zone),
        None if judgement.due is None else iso_instant(judgement.due - 1, "UTC"),
        _provisional(judgement, rule, book, values), _requirement(rule, context),
        evidence, missing, params, exemption, rule.fix,
        judgement.tie, span_place(rule.span))


def _first_place(judgement: Judgement, context: Context, service: Service) -> Place | None:
    """Where to look first: the moment's event, else the first fact that decided or is missing."""
    if judgement.moment is not None:
        return _moment_place(judgement)
    for evidence in judgement.evidence:
        if isinstance(evidence, FactRead):
            return fact_place(evidence.path, context)
    for missing in judgement.missing:
        if isinstance(missing, MissingFact):
            return fact_place(missing.path, context)
    return fact_place((), context)


def _moment_place(judgement: Judgement) -> Place | None:
    moment = judgement.moment
    if moment is None:
        return None
    event = moment.event or moment.run_past or moment.run_first
    return event_place(event) if event is not None else None


def _requirement(rule: ir.Rule, context: Context) -> str:
    def said(must: ir.Must) -> str:
        # the span of a `must not X` holds the words itself
        return written(must.condition.span, context, LONG).removeprefix("must ")

    return " and ".join("must not happen" if must.never else f"must {said(must)}" for must in rule.must)


def _provisional(judgement: Judgement, rule: ir.Rule, book: Book, values: Mapping[str, Any]) -> bool:
    """Whether the due time counts working days of a year not yet announced."""
    if judgement.due is None or judgement.moment is None:
        return False
    start = judgement.moment.known
    for expr in _periods(rule.must):
        raw = expr.value if isinstance(expr, ir.Constant) else next(
            (values.get(param.name, param.value) for param in book.policy.params
             if isinstance(expr, ir.Parameter) and param.name == expr.name), None)
        if isinstance(raw, str) and provisional(start, parse_period(raw), book.calendar):
            return True
    return False


def _periods(musts: Sequence[ir.Must]) -> Iterator[ir.Expr]:
    pending: list[Any] = [must.condition for must in musts]
    while pending:
        expr = pending.pop()
        match expr:
            case ir.Not():
                pending.append(expr.part)
            case ir.And() | ir.Or():
                pending += expr.parts
            case ir.Occurs(range=ir.Within(period)) | ir.Occurs(range=ir.NoLaterThan(period)):
                yield period
            case _:
                continue


_SEVERITY_ORDER: dict[str, int] = {"error": 0, "warning": 1, "info": 2}


def _reading_order(result: Result) -> tuple[Any, ...]:
    """Violated, undecided, pending, exempt; inside by severity, article, rule, service, moment."""
    return (VERDICTS.index(result.verdict), _SEVERITY_ORDER[result.severity], result.regulation, result.version,
            _article(result.citations), result.rule, result.service,
            result.due_instant or "", result.moment.instant if result.moment else "",
            result.place.row or 0 if result.place else 0, tuple((result.moment.keys if result.moment else {}).values()))


def _article(citations: tuple[str, ...]) -> tuple[Any, ...]:
    """`Art. 9(2)` before `Art. 18(1)`."""
    if not citations:
        return ()
    digits = "".join(c if c.isdigit() else " " for c in citations[0]).split()
    return tuple(int(one) for one in digits)


