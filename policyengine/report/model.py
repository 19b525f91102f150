"""A report as plain data, the same for every format: what was judged, each finding with its evidence, the counts.

Names, values and times are text already, times in the regulation's zone; sentences are told in a language where they
are laid out (`words`). It knows neither how a verdict came about nor where a report goes.
"""

from __future__ import annotations

from dataclasses import field

from policyengine.base.diagnostic import Severity
from policyengine.base.record import record
from policyengine.core.verdict import Verdict
from policyengine.report.words import Said

SCHEMA_VERSION = "1.0"


@record
class Place:
    """Where something stands: 1-based line and column (code points) of a text file, or 1-based row of a trace file."""

    file: str
    line: int | None = None
    column: int | None = None
    row: int | None = None

    def __str__(self) -> str:
        if self.row is not None:
            return f"{self.file} row {self.row:,}"
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n is not None)])


@record
class Line:
    """One piece of evidence, or one thing missing. `kind` is stable words (`fact`, `event`, `events`, `no-event`,
    `field`, `parameter`, `part`, `number`; for missing: `fact`, `field`, `state`, `not-emitted`, `incomplete`,
    `division`; in a monitor also `uncomputed`). `name` groups lines about one thing over many moments: the dotted fact,
    the field of an event type, the state."""

    kind: str
    name: str
    said: Said
    place: Place | None = None

    @property
    def text(self) -> str:
        """What it says in English."""
        return self.said.told()


@record
class MomentLine:
    """The moment a result is about: local time text with offset, the same instant in UTC, the keys."""

    time: str
    instant: str
    keys: dict[str, str]
    event: str
    place: Place | None


@record
class Result:
    """One verdict of one rule about one service or moment of it.

    `place` is where to look first: the fact or the event that decided. `due` is the last instant in time in
    words (`2026-08-01 10:12:00 +08:00`, `the end of 2026-08-24`), `due_instant` the same in UTC. `provisional`: the due
    time rests on working days not yet announced. `requirements` are what the rule demands as the policy writes it, each
    with its `must`. `tie`: the verdict rests on the order of events of one instant.
    """

    regulation: str
    version: str
    rule: str
    title: str
    citations: tuple[str, ...]
    family: str
    severity: Severity
    verdict: Verdict
    service: str
    place: Place | None
    moment: MomentLine | None
    due: Said | None
    due_instant: str | None
    provisional: bool
    requirements: tuple[Said, ...]
    evidence: tuple[Line, ...]
    missing: tuple[Line, ...]
    params: dict[str, str]
    exemption: Said | None
    fix: str
    tie: bool
    rule_place: Place
    title_zh: str = ""
    fix_zh: str = ""


@record
class RuleCount:
    """How often a rule came out how, over all services and moments; all zero: it saw no trigger. `later`: so many of
    the pending ones are not listed, since they are due after the report's `until`."""

    regulation: str
    version: str
    rule: str
    citations: tuple[str, ...]
    severity: Severity
    counts: dict[Verdict, int]
    later: int = 0

    @property
    def worst(self) -> Verdict | None:
        """The verdict a reader wants first: violated, undecided, pending, exempt, satisfied, not applicable."""
        return next((verdict for verdict, number in self.counts.items() if number), None)


@record
class Judged:
    """One version of a regulation that judged. `in_force` says since when or that it is not, in words; `sources` are
    the addresses of the official text."""

    regulation: str
    version: str
    title_en: str
    title_zh: str
    status: str
    in_force: Said
    confidence_en: str
    confidence_zh: str
    rules: int
    timezone: str
    sources: tuple[str, ...] = ()


@record
class Until:
    """The end of the time whose open duties are listed: the `period` from the instant of judgement on, as a policy
    writes it (`7 days`), its last instant in words and in UTC."""

    period: str
    text: Said
    instant: str


@record
class Report:
    """All that one run of `check` says. `as_of` is the instant of judgement in words (local time, or `the end of
    2026-11-20`), `as_of_instant` the same in UTC. `findings` are the results that are not satisfied
    or not applicable, in the order of reading; `others` the rest, only where they were asked for. With `until`, pending
    ones are those due by then."""

    as_of: Said
    judged: tuple[Judged, ...]
    services: tuple[str, ...]
    events: int
    rules: tuple[RuleCount, ...]
    findings: tuple[Result, ...]
    others: tuple[Result, ...] = ()
    notes: tuple[Said, ...] = ()
    counts: dict[Verdict, int] = field(default_factory=dict)
    as_of_instant: str = ""
    until: Until | None = None
