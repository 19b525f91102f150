"""The core: what a policy means, after names are resolved, definitions put in place and types inferred.

Every reading (the evaluator, compiled Python, SQL, the monitor, Z3) reads these nodes and nothing else. A node carries
its type where it is not implied, and last its span, which comparison leaves out: two layouts of one policy are equal.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from policyengine.base.record import record
from policyengine.base.source import Span
from policyengine.core.types import Type

NOWHERE = Span("", 1, 1, 1, 1)

Owner = str
"""Whose field is read: "trigger", "candidate" (of the pattern one stands in), or a quantifier's variable."""

TRIGGER: Owner = "trigger"
CANDIDATE: Owner = "candidate"


def _span() -> Span:
    return field(default=NOWHERE, compare=False, repr=False)


# ---- values -----------------------------------------------------------------------------------------------------

@record
class Constant:
    """A constant in raw form (int, Decimal, text, bool, ISO date or time text, period text), typed by `type`."""

    value: Any
    type: Type
    span: Span = _span()


@record
class ListValue:
    """A written list."""

    items: tuple[Expr, ...]
    type: Type
    span: Span = _span()


@record
class Parameter:
    """The value in force of a `param`."""

    name: str
    type: Type
    span: Span = _span()


@record
class Fact:
    """A fact of the service; `default` (raw) stands in when it is absent."""

    path: tuple[str, ...]
    type: Type
    default: Any = None
    span: Span = _span()


@record
class Get:
    """A field of the trigger, of the candidate, or of (or the whole of) a quantifier's element when `path` is empty.

    `path == ("time",)` of the trigger or a candidate is the event's instant. For a mark, the trigger's fields are the
    keys of its run and `time`.
    """

    owner: Owner
    path: tuple[str, ...]
    type: Type
    default: Any = None
    span: Span = _span()


@record
class Today:
    """The local date of the moment (of the as-of instant where there is no trigger)."""

    span: Span = _span()


@record
class LocalTime:
    """The clock of the moment in the regulation's zone."""

    span: Span = _span()


@record
class CompletedYears:
    """Completed years from a date to the moment's local date."""

    birth: Expr
    span: Span = _span()


@record
class Apply:
    """A strict operator of `core.operators`: missing when an operand is missing."""

    operator: str
    arguments: tuple[Expr, ...]
    type: Type
    span: Span = _span()


@record
class CountElements:
    """How many elements of a list match."""

    variable: str
    domain: Expr
    where: Expr | None
    span: Span = _span()


# ---- conditions -------------------------------------------------------------------------------------------------

@record
class Not:
    part: Expr
    span: Span = _span()


@record
class And:
    parts: tuple[Expr, ...]
    span: Span = _span()


@record
class Or:
    parts: tuple[Expr, ...]
    span: Span = _span()


@record
class Present:
    """Whether a value is known; itself never missing."""

    operand: Expr
    span: Span = _span()


@record
class Quantified:
    """`every`, `some`, `no` over a list; a missing list makes it missing."""

    kind: Literal["every", "some", "no"]
    variable: str
    domain: Expr
    where: Expr | None
    condition: Expr
    span: Span = _span()


# ---- the trace --------------------------------------------------------------------------------------------------

@record
class Pattern:
    """Candidates: events of one type that agree on `keys` with whatever asks, and for which `where` holds."""

    event: str
    keys: tuple[str, ...]
    where: Expr | None
    span: Span = _span()


@record
class Within:
    """From the moment until the period is over (half-open; `base.calendar.closes`)."""

    period: Expr


@record
class By:
    """From the moment through an instant, or through the end of a local date."""

    deadline: Expr


@record
class Before:
    """Earlier in the order."""


@record
class WithinLast:
    """At or before the moment, the moment lying within the period counted from the candidate."""

    period: Expr


@record
class Since:
    """Earlier in the order and after the latest match of `pattern` (from the beginning when there is none)."""

    pattern: Pattern


@record
class This:
    """In the calendar unit of the moment, up to it."""

    unit: Literal["day", "week", "month", "year"]


@record
class During:
    """In the run of the episode the moment belongs to, up to the moment."""

    episode: str


@record
class NoLaterThan:
    """Before, or within the period."""

    period: Expr


Range = Within | By | Before | WithinLast | Since | This | During | NoLaterThan
FUTURE = (Within, By, NoLaterThan)


@record
class Occurs:
    """Some candidate stands in the range."""

    pattern: Pattern
    range: Range
    span: Span = _span()


@record
class CountEvents:
    """How many candidates stand in a past range, the trigger included where it matches."""

    pattern: Pattern
    range: Range
    span: Span = _span()


@record
class SumEvents:
    """The sum of a field over the candidates in a past range, the trigger included where it matches; `default` (raw)
    stands in where the field is absent."""

    pattern: Pattern
    path: tuple[str, ...]
    range: Range
    type: Type
    default: Any = None
    span: Span = _span()


@record
class EpisodeDuration:
    """Elapsed time of the episode's runs inside a past range, up to the moment."""

    episode: str
    range: Range
    span: Span = _span()


@record
class Latest:
    """A field of the latest candidate before the moment."""

    pattern: Pattern
    path: tuple[str, ...]
    type: Type
    default: Any = None
    span: Span = _span()


@record
class InState:
    """Whether a boolean state holds just before the trigger, or the candidate; `keys` in the state's order."""

    state: str
    at: Owner
    keys: tuple[tuple[str, Expr], ...]
    span: Span = _span()


@record
class StateValue:
    """The value of a valued state just before the trigger, or the candidate."""

    state: str
    at: Owner
    keys: tuple[tuple[str, Expr], ...]
    type: Type
    span: Span = _span()


Expr = (Constant | ListValue | Parameter | Fact | Get | Today | LocalTime | CompletedYears | Apply | CountElements
        | Not | And | Or | Present | Quantified | Occurs | CountEvents | SumEvents | EpisodeDuration | Latest
        | InState | StateValue)


# ---- triggers ---------------------------------------------------------------------------------------------------

@record
class OnEvent:
    """Each event of these types; `first`: only the first match for its keys in the whole trace."""

    events: tuple[str, ...]
    first: bool
    where: Expr | None
    span: Span = _span()


@record
class OnEvery:
    """Each mark start + k * period that the run of an episode or state passes; `once`: only the first of a run."""

    period: Expr
    run: str
    once: bool = False
    span: Span = _span()


@record
class OnWithout:
    """Wherever a run has lasted `period` since its start, or since the last match, without another match."""

    period: Expr
    run: str
    pattern: Pattern
    span: Span = _span()


@record
class OnStart:
    """The start of each run."""

    run: str
    span: Span = _span()


Trigger = OnEvent | OnEvery | OnWithout | OnStart


# ---- declarations -----------------------------------------------------------------------------------------------

@record
class Citation:
    """A place of the regulation (`Art. 18(2)`), or of another instrument."""

    instrument: str | None
    place: str
    span: Span = _span()

    def __str__(self) -> str:
        return f"{self.instrument} {self.place}" if self.instrument else self.place


@record
class Param:
    """A number the law gives, or one it leaves open (`tunable`); `value` is raw, typed by `type`."""

    name: str
    value: Any
    type: Type
    tunable: bool
    citations: tuple[Citation, ...]
    span: Span = _span()


@record
class BooleanState:
    """True from the latest start until an end or, with `lasting`, until that period is over.

    The keys of a start pattern are all of `keys`; those of an end pattern are the ones its event carries.
    """

    name: str
    keys: tuple[str, ...]
    starts: tuple[Pattern, ...]
    ends: tuple[Pattern, ...]
    lasting: Expr | None
    span: Span = _span()


@record
class StateSource:
    """One event field that feeds a valued state; `default` (raw) stands in when it is absent."""

    pattern: Pattern
    path: tuple[str, ...]
    default: Any = None
    span: Span = _span()


@record
class ValuedState:
    """The latest known value; `tiers` from the most trusted, a later one used while the earlier have none."""

    name: str
    keys: tuple[str, ...]
    tiers: tuple[tuple[StateSource, ...], ...]
    type: Type
    span: Span = _span()


@record
class Episode:
    """Runs of events with no silence longer than `gap`."""

    name: str
    keys: tuple[str, ...]
    events: tuple[Pattern, ...]
    gap: Expr
    ends: tuple[Pattern, ...]
    span: Span = _span()


@record
class Unless:
    """An exception and the places it rests on."""

    condition: Expr
    under: tuple[Citation, ...]
    span: Span = _span()


@record
class Must:
    """One requirement; `never` for `must not happen`, whose condition is the literal false."""

    condition: Expr
    never: bool
    span: Span = _span()


@record
class Rule:
    """One duty. `when` does not repeat the policy's scope, in whose place stands `applies` if the rule has one.
    `title_zh` and `fix_zh` say the title and the fix in Chinese, empty where the policy does not; no verdict rests on
    them."""

    name: str
    title: str
    citations: tuple[Citation, ...]
    family: str
    severity: Literal["error", "warning", "info"]
    keys: tuple[str, ...]
    trigger: Trigger | None
    when: tuple[Expr, ...]
    must: tuple[Must, ...]
    unless: tuple[Unless, ...]
    fix: str
    applies: Expr | None = None
    title_zh: str = ""
    fix_zh: str = ""
    span: Span = _span()


@record
class Unchecked:
    """A place no machine can check, and why."""

    citation: Citation
    reason: str
    span: Span = _span()


@record
class Forget:
    """An event after which nothing of a key need be kept."""

    key: str
    at: tuple[Pattern, ...]
    span: Span = _span()


@record
class Policy:
    """One version of a regulation (or a house policy that extends one), ready to judge.

    `extends` is the (regulation, version label) a house policy takes over; its rules are judged beside these.
    `scope` are the places that say what the policy applies to.
    """

    regulation: str
    version: str
    vocabulary: str
    extends: tuple[str, str] | None
    applies: Expr | None
    params: tuple[Param, ...]
    states: tuple[BooleanState | ValuedState, ...]
    episodes: tuple[Episode, ...]
    rules: tuple[Rule, ...]
    unchecked: tuple[Unchecked, ...]
    forgets: tuple[Forget, ...]
    scope: tuple[Citation, ...] = ()
    span: Span = _span()

    def scope_of(self, rule: Rule) -> Expr | None:
        """What a rule applies to: its own scope, else the policy's."""
        return self.applies if rule.applies is None else rule.applies

    def cited(self) -> dict[str, tuple[str, ...]]:
        """The places of the own regulation that each rule cites; those of the scope stand under `applies when`."""
        by_name = {rule.name: rule.citations for rule in self.rules}
        named = {"applies when": self.scope, **by_name} if self.scope else by_name
        return {name: tuple(one.place for one in places if one.instrument is None) for name, places in named.items()}

    def reasons(self) -> dict[str, str]:
        """Why no machine can check a place, by place of the own regulation."""
        return {one.citation.place: one.reason for one in self.unchecked if one.citation.instrument is None}

    def rule(self, name: str) -> Rule | None:
        """The rule of that name."""
        return next((rule for rule in self.rules if rule.name == name), None)
