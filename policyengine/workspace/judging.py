"""Services judged by one or more versions -> what came out, as plain values that can be added up.

A `Sitting` is one version and how it judges in this run; an `Outcome` is what sittings found about some services. The
outcomes of two parts of the services add up to the outcome of all, so that many files can be shared among processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from policyengine.base.calendar import OutOfRange
from policyengine.base.diagnostic import Diagnostic, Severity, error
from policyengine.base.progress import Progress, silent
from policyengine.base.record import record
from policyengine.base.source import Source
from policyengine.core import ir
from policyengine.core.case import Case, Sources
from policyengine.core.evaluate import judge
from policyengine.core.operators import Overflow
from policyengine.core.verdict import FINDINGS, VERDICTS, Judgement, Setting, Verdict
from policyengine.facts.compiled import load as load_facts
from policyengine.report.evidence import Context
from policyengine.report.model import Result
from policyengine.workspace.extent import Extent
from policyengine.workspace.inputs import Service, service_id
from policyengine.workspace.library import Book, Library
from policyengine.workspace.results import result_of

if TYPE_CHECKING:
    from policyengine.trace.engines.findings import Heading, Row
    from policyengine.workspace.tracing import Judged, Store


@record
class Sitting:
    """One version, or house policy, in one run.

    `rules` are the ones asked for; those without a trigger judge only `for_facts`; moments from `force[0]` up to, not
    including, `force[1]` are judged. `severity` has the project's overrides by rule.
    """

    book: Book
    rules: tuple[ir.Rule, ...]
    values: Mapping[str, Any]
    severity: Mapping[str, Severity]
    for_facts: bool
    force: tuple[int | None, int | None]

    def severity_of(self, rule: ir.Rule) -> Severity:
        """The project's word on a rule, else the policy's."""
        return self.severity.get(rule.name, rule.severity)


@record
class Terms:
    """What holds for all sittings of a run. Instants are UTC microseconds; `everything`: also results that are
    satisfied or not applicable are wanted. `store`: where the events are, if not with the services; what it finds
    is told to the extent of `told`, else all. Duties that are due after
    `until`, or without a date, are counted and not told; None: all are. `listed`: what is found is also wanted as rows.
    `progress` hears how far the run is."""

    facts_as_of: int
    trace_as_of: int
    sources: Sources | None
    everything: bool
    library: Library
    store: Store | None = None
    told: Mapping[Verdict, Extent] = field(default_factory=dict)
    until: int | None = None
    listed: bool = False
    progress: Progress = silent


@dataclass
class Outcome:
    """What came out: counts by sitting (its place), rule and verdict, and the results in no order. `later` counts the
    open duties due after the time asked about, by sitting and rule; `unsorted` names the rules with more duties than
    are looked at one by one, of which some may be due before its end; `rows` are of what no engine lists itself."""

    services: list[str] = field(default_factory=list)
    totals: dict[tuple[int, str], dict[Verdict, int]] = field(default_factory=dict)
    findings: list[Result] = field(default_factory=list)
    others: list[Result] = field(default_factory=list)
    ties: int = 0
    gaps: dict[str, str] = field(default_factory=dict)
    later: Counter[tuple[int, str]] = field(default_factory=Counter)
    unsorted: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)

    def add(self, other: Outcome) -> None:
        """Take over what came out for other services."""
        self.services += other.services
        for key, counts in other.totals.items():
            mine = self.totals.setdefault(key, dict.fromkeys(VERDICTS, 0))
            for verdict, number in counts.items():
                mine[verdict] += number
        self.findings += other.findings
        self.others += other.others
        self.ties += other.ties
        self.gaps.update(other.gaps)
        self.later += other.later
        self.unsorted += other.unsorted
        self.rows += other.rows
        self.diagnostics += other.diagnostics
        self.sources.update(other.sources)


def judge_services(sittings: Sequence[Sitting], services: Iterable[Service], terms: Terms) -> Outcome:
    """Every service by every sitting. A number or date that no engine can hold ends it, with a diagnostic."""
    outcome = Outcome()
    benches = [_Bench(place, sitting, terms, outcome) for place, sitting in enumerate(sittings)]
    for service in services:
        outcome.services.append(service.name)
        for bench in benches:
            try:
                bench.judge(service)
            except Overflow:
                outcome.diagnostics.append(error(
                    "number-too-large", f"a number computed for `{service.name}` has more than 18 digits before the "
                    "point"))
            except OutOfRange as problem:
                outcome.diagnostics.append(error("date-out-of-range", f"for `{service.name}`, {problem}"))
    return outcome


class _Bench:
    """One sitting at work: what is the same for every service is made ready once."""

    def __init__(self, place: int, sitting: Sitting, terms: Terms, outcome: Outcome) -> None:
        self.place, self.sitting, self.terms, self.outcome = place, sitting, terms, outcome
        book, policy = sitting.book, sitting.book.policy
        compiled = set(book.fact_rules)
        self.totals = {rule.name: dict.fromkeys(VERDICTS, 0) for rule in sitting.rules}
        outcome.totals.update({(place, name): counts for name, counts in self.totals.items()})
        self.compiled = load_facts(book.facts_python) if compiled and sitting.for_facts else None
        self.parameters = {param.name: sitting.values.get(param.name, param.value) for param in policy.params}
        rest = [rule for rule in sitting.rules if rule.name not in compiled]
        self.once = [rule.name for rule in rest if rule.trigger is None and sitting.for_facts]
        self.moments = [rule.name for rule in rest if rule.trigger is not None]
        self.headings: Mapping[str, Heading] = {}  # made when the first row is
        self.policies: dict[str, Source] = {}
        self.about: tuple[Service, Context] | None = None

    def judge(self, service: Service) -> None:
        """Count every verdict on one service, and explain what is found."""
        terms, book, values = self.terms, self.sitting.book, self.sitting.values
        facts = service.document.value
        if self.compiled is not None:
            explain = []
            codes = self.compiled(facts, terms.facts_as_of, self.parameters, book.calendar)
            for name, code in zip(book.fact_rules, codes, strict=True):
                counts = self.totals.get(name)
                if counts is not None:
                    counts[VERDICTS[code]] += 1
                    if VERDICTS[code] in FINDINGS or terms.everything:
                        explain.append(name)
            if explain:
                for judgement in judge(book.policy, Case(facts), Setting(terms.facts_as_of, values), book.calendar,
                                       rules=explain):
                    self.explain(judgement, service)
        if terms.store is not None:
            self.judge_stored(service, terms.store)
            return
        # Without events a trigger gives no moment; only a project that says what its sources emit hears of it.
        rules = self.once + (self.moments if service.events or terms.sources is not None else [])
        if not rules:
            return
        start, end = self.sitting.force
        for judgement in judge(book.policy, Case(facts, service.events), Setting(terms.trace_as_of, values),
                               book.calendar, sources=terms.sources, rules=rules, start=start, end=end):
            self.totals[judgement.rule][judgement.verdict] += 1
            self.outcome.ties += judgement.tie
            if judgement.verdict in FINDINGS or terms.everything:
                self.explain(judgement, service)

    def judge_stored(self, service: Service, store: Store) -> None:
        """The same over the events of a store, which are too many to be at hand."""
        from policyengine.workspace.tracing import Question, judge_stored

        terms, book = self.terms, self.sitting.book
        wanted = VERDICTS if terms.everything else tuple(one for one in VERDICTS if one in FINDINGS)
        asked = Question(book.policy, service.document.value, service.filter, Setting(terms.trace_as_of,
                         self.sitting.values), book.calendar, terms.sources, self.sitting.force, wanted, terms.told)
        rules = {rule.name: rule for rule in book.policy.rules}
        every = judge_stored(store, asked, [rules[name] for name in self.once], [rules[name] for name in self.moments],
                             terms.progress)
        with closing(every):  # it has a thread at work
            for judged in every:
                self.take(judged, service)

    def take(self, judged: Judged, service: Service) -> None:
        """Count the verdicts of one rule and explain what is found, or say why it was not judged."""
        name = judged.rule.name
        if judged.refused is not None:
            self.outcome.diagnostics.append(error(
                "too-many-pairs", f"the rule `{name}` would compare {judged.size:,} pairs of a moment and an event",
                judged.refused.pattern.span, help="compare by equality alone, or name a key that the events share"))
            return
        if judged.gap and not judged.counts:
            self.outcome.diagnostics.append(error(
                "no-plan", f"the rule `{name}` asks for {judged.gap}, which only the evaluator can judge, and "
                f"there are more than {judged.size:,} events", judged.rule.span,
                help="judge fewer events, or reword the rule"))
            return
        if judged.gap:
            self.outcome.gaps[name] = judged.gap
        for verdict, number in judged.counts.items():
            self.totals[name][verdict] += number
        self.outcome.ties += judged.ties
        for judgement in judged.judgements:
            self.explain(judgement, service)
        if self.terms.until is not None:
            self.sort_rest(judged)

    def sort_rest(self, judged: Judged) -> None:
        """Of the open duties of a rule the earliest are told; where the last of these is due later, so are the rest."""
        told = [one for one in judged.judgements if one.verdict == "pending"]
        rest = judged.counts.get("pending", 0) - len(told)
        if not rest:
            return
        if told and told[-1].due is not None and self.is_later(told[-1]):
            self.outcome.later[self.place, judged.rule.name] += rest
        else:
            self.outcome.unsorted.append(judged.rule.name)

    def is_later(self, judgement: Judgement) -> bool:
        """Whether it is an open duty that is not due in the time asked about."""
        until = self.terms.until
        return until is not None and judgement.verdict == "pending" and (judgement.due is None
                                                                         or judgement.due - 1 > until)

    def list(self, judgement: Judgement, service: Service) -> None:
        """Put one judgement into a row."""
        from policyengine.trace.engines.findings import headings, row_of

        self.headings = self.headings or headings(self.sitting.book.policy)
        self.outcome.rows.append(row_of(self.headings[judgement.rule], judgement, service_id(service.document),
                                        service.document.path))

    def explain(self, judgement: Judgement, service: Service) -> None:
        """Put one judgement into words."""
        if self.terms.listed and (self.terms.store is None or judgement.moment is None):
            self.list(judgement, service)
        if self.is_later(judgement):
            self.outcome.later[self.place, judgement.rule] += 1
            return
        book = self.sitting.book
        rule = book.policy.rule(judgement.rule)
        assert rule is not None
        result = result_of(judgement, rule, book, service.name, self.context(service), self.sitting.severity_of(rule),
                           self.sitting.values)
        (self.outcome.findings if judgement.verdict in FINDINGS else self.outcome.others).append(result)

    def context(self, service: Service) -> Context:
        """What the words about a service are made with, made when it has its first finding."""
        if self.about is None or self.about[0] is not service:
            quoted = {} if self.about is None else self.about[1].quoted
            self.about = service, Context(self.sitting.book.calendar, service.positions(), self.texts(), quoted)
        return self.about[1]

    def texts(self) -> Mapping[str, Source]:
        """The policy's text, read only when a finding is to be explained."""
        if not self.policies:
            library, book = self.terms.library, self.sitting.book
            folder = library.folders.get(book.regulation.id)
            files = library.house if book.house else folder.rglob("*.policy") if folder else ()
            for file in files:
                name = library.shown(file)
                self.policies[name] = Source(name, file.read_text("utf-8"))
        return self.policies
