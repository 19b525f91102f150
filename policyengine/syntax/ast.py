"""What was written: one frozen node per form of the language, spans last and outside comparison.

Two layouts of the same policy compare equal. Names are not resolved and nothing has a type here; that is `analysis`.
Numbers and durations keep the text they were written in, so that the formatter changes nothing but layout.
"""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal
from typing import Literal

from policyengine.base.record import record
from policyengine.base.source import Span

NOWHERE = Span("", 1, 1, 1, 1)


def _span() -> Span:
    return field(default=NOWHERE, compare=False, repr=False)


@record
class Name:
    """A word that names something."""

    text: str
    span: Span = _span()


# ---- literals ---------------------------------------------------------------------------------------------------

@record
class Number:
    """`1_000_000`, `0.05`, `96%` (value 0.96)."""

    value: Decimal
    written: str = field(compare=False)
    span: Span = _span()


@record
class Text:
    """`"persistent"`; escapes are those of JSON."""

    value: str
    span: Span = _span()


@record
class Boolean:
    """`true`, `false`."""

    value: bool
    span: Span = _span()


@record
class DateLiteral:
    """`2026-07-15`, a local date; the text is checked by the parser."""

    value: str
    span: Span = _span()


@record
class TimeLiteral:
    """`22:00`, a time of day."""

    value: str
    span: Span = _span()


@record
class Duration:
    """`15 working days`; `unit` is singular: second minute hour day week month year, or `working day`."""

    count: Decimal
    unit: str
    span: Span = _span()


@record
class ListLiteral:
    """`["persistent", "session_start"]`."""

    items: tuple[Expr, ...]
    span: Span = _span()


# ---- expressions ------------------------------------------------------------------------------------------------

@record
class Path:
    """`service.disclosure.ai_notice`, or a bare name; what it names is found by `analysis.resolve`."""

    head: Name
    fields: tuple[Name, ...] = ()
    span: Span = _span()


@record
class Argument:
    """`purpose: "training"`, or without a name."""

    name: Name | None
    value: Expr
    span: Span = _span()


@record
class Call:
    """`completed_years(x)`, `consent_in_force(purpose: "training")`, a definition with arguments."""

    name: Name
    arguments: tuple[Argument, ...]
    span: Span = _span()


@record
class Or:
    parts: tuple[Expr, ...]
    span: Span = _span()


@record
class And:
    parts: tuple[Expr, ...]
    span: Span = _span()


@record
class Not:
    part: Expr
    span: Span = _span()


BinaryOperator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "contains", "contains all", "contains none of",
                         "matches", "+", "-", "*", "/"]


@record
class Binary:
    """Two operands and the sign between them; which types it takes is a row of `core.operators`."""

    operator: BinaryOperator
    left: Expr
    right: Expr
    span: Span = _span()


@record
class IsPresent:
    """`x is present`; `negated` for `x is missing`."""

    operand: Expr
    negated: bool
    span: Span = _span()


@record
class Quantified:
    """`every x in LIST where (…) satisfies (…)`."""

    kind: Literal["every", "some", "no"]
    variable: Name
    domain: Expr
    where: Expr | None
    condition: Expr
    span: Span = _span()


@record
class CountElements:
    """`count(x in LIST where (…))`."""

    variable: Name
    domain: Expr
    where: Expr | None
    span: Span = _span()


# ---- questions about the trace ----------------------------------------------------------------------------------

@record
class Pattern:
    """`any EVENT where (…)`: which events are candidates."""

    event: Name
    any: bool
    where: Expr | None
    span: Span = _span()


@record
class Within:
    """`within D`: from the moment until D is over."""

    period: Expr
    span: Span = _span()


@record
class By:
    """`by INSTANT`: from the moment until an instant (or the end of a date) that is data."""

    deadline: Expr
    span: Span = _span()


@record
class Before:
    """`before`: anywhere earlier in the order."""

    span: Span = _span()


@record
class WithinLast:
    """`within the last D`: the moment is within D of the candidate."""

    period: Expr
    span: Span = _span()


@record
class Since:
    """`since EVENT2`: after the latest EVENT2; with none, from the beginning."""

    pattern: Pattern
    span: Span = _span()


@record
class This:
    """`this day`: the calendar unit of the moment, up to the moment."""

    unit: Literal["day", "week", "month", "year"]
    span: Span = _span()


@record
class During:
    """`during EPISODE`: the run the moment belongs to, up to the moment."""

    episode: Name
    span: Span = _span()


@record
class NoLaterThan:
    """`no later than D`: before, or within D."""

    period: Expr
    span: Span = _span()


Range = Within | By | Before | WithinLast | Since | This | During | NoLaterThan


@record
class Occurs:
    """`EVENT where (…) within D`; `negated` for `no EVENT …`."""

    pattern: Pattern
    range: Range
    negated: bool
    span: Span = _span()


@record
class CountEvents:
    """`count of EVENT where (…) RANGE`, a past range."""

    pattern: Pattern
    range: Range
    span: Span = _span()


@record
class SumEvents:
    """`sum of EVENT.FIELD where (…) RANGE`, a past range."""

    pattern: Pattern
    field: tuple[Name, ...]
    range: Range
    span: Span = _span()


@record
class EpisodeDuration:
    """`duration of EPISODE this day`: the elapsed time of its runs inside a past range, up to the moment."""

    episode: Name
    range: Range
    span: Span = _span()


@record
class Latest:
    """`latest EVENT.FIELD where (…)`: of the latest candidate before the moment."""

    pattern: Pattern
    field: tuple[Name, ...]
    span: Span = _span()


Expr = (Number | Text | Boolean | DateLiteral | TimeLiteral | Duration | ListLiteral | Path | Call | Or | And | Not
        | Binary | IsPresent | Quantified | CountElements | Occurs | CountEvents | SumEvents | EpisodeDuration | Latest)


# ---- triggers and clauses ---------------------------------------------------------------------------------------

@record
class Citation:
    """`Art. 18(2)`, or of another instrument `cn/personal-information Art. 28`; `place` has one space after the dot."""

    instrument: str | None
    place: str
    span: Span = _span()

    def __str__(self) -> str:
        return f"{self.instrument} {self.place}" if self.instrument else self.place


@record
class OnEvent:
    """`on [first] EVENT, EVENT as x where (…)`."""

    events: tuple[Name, ...]
    first: bool
    alias: Name | None
    where: Expr | None
    span: Span = _span()


@record
class OnEvery:
    """`on every D of EPISODE|STATE as x`; `once` for `on D of EPISODE|STATE`, the first mark alone."""

    period: Expr
    run: Name
    alias: Name | None
    once: bool = False
    span: Span = _span()


@record
class OnWithout:
    """`on D of EPISODE|STATE without EVENT where (…) as x`."""

    period: Expr
    run: Name
    pattern: Pattern
    alias: Name | None
    span: Span = _span()


@record
class OnStart:
    """`on start of EPISODE|STATE as x`."""

    run: Name
    alias: Name | None
    span: Span = _span()


Trigger = OnEvent | OnEvery | OnWithout | OnStart


@record
class Must:
    """`must X`, `must not X`; `condition` is None for `must not happen`."""

    condition: Expr | None
    negated: bool
    span: Span = _span()


@record
class Unless:
    """`unless X under Art. 16(4)`."""

    condition: Expr
    under: tuple[Citation, ...]
    span: Span = _span()


# ---- declarations -----------------------------------------------------------------------------------------------

@record
class PolicyHeader:
    """`policy cn/human-like-ai version 2026-04-10-final`."""

    regulation: Name
    version: Name
    span: Span = _span()


@record
class UseVocabulary:
    """`use vocabulary ai_service`."""

    name: Name
    span: Span = _span()


@record
class UseFile:
    """`use "../common.policy"`, relative to this file."""

    path: Text
    span: Span = _span()


@record
class Extend:
    """`extend cn/human-like-ai version final`: a house policy takes over a regulation's rules."""

    regulation: Name
    version: Name
    span: Span = _span()


@record
class Applies:
    """`applies when X cites Art. 2` for the whole policy."""

    condition: Expr
    citations: tuple[Citation, ...] = ()
    span: Span = _span()


@record
class Param:
    """`param NAME = VALUE [tunable] [cites …]`."""

    name: Name
    value: Expr
    tunable: bool
    citations: tuple[Citation, ...]
    span: Span = _span()


@record
class Define:
    """`define NAME(args) = X`."""

    name: Name
    parameters: tuple[Name, ...]
    value: Expr
    span: Span = _span()


@record
class StateHolds:
    """`state NAME per KEYS from EVENTS until EVENTS lasting D`."""

    name: Name
    keys: tuple[Name, ...]
    starts: tuple[Pattern, ...]
    ends: tuple[Pattern, ...]
    lasting: Expr | None
    span: Span = _span()


@record
class EventField:
    """`age_verified.age where (…)` as a source of a valued state."""

    event: Name
    field: tuple[Name, ...]
    where: Expr | None
    span: Span = _span()


@record
class StateValue:
    """`state NAME per KEYS is EVENT.FIELD, … otherwise EVENT.FIELD, …`."""

    name: Name
    keys: tuple[Name, ...]
    sources: tuple[tuple[EventField, ...], ...]
    span: Span = _span()


@record
class Episode:
    """`episode NAME per KEYS of EVENTS gap D ends at EVENT`."""

    name: Name
    keys: tuple[Name, ...]
    events: tuple[Pattern, ...]
    gap: Expr
    ends: tuple[Pattern, ...]
    span: Span = _span()


@record
class Rule:
    """One duty. `applies` is its own scope, in place of the policy's; in the text it stands before `per`. `title_zh`
    and `fix_zh` are what stands behind `zh`; only with the English text can they be there."""

    name: Name
    title: Text | None
    citations: tuple[Citation, ...]
    family: Name | None
    severity: Name | None
    keys: tuple[Name, ...]
    trigger: Trigger | None
    when: tuple[Expr, ...]
    must: tuple[Must, ...]
    unless: tuple[Unless, ...]
    fix: Text | None
    applies: Expr | None = None
    title_zh: Text | None = None
    fix_zh: Text | None = None
    span: Span = _span()


@record
class Unchecked:
    """`unchecked Art. 3 because "…"`."""

    citations: tuple[Citation, ...]
    reason: Text
    span: Span = _span()


@record
class Forget:
    """`forget user at account_closed`: the online monitor may drop what it keeps for that key."""

    key: Name
    at: tuple[Pattern, ...]
    span: Span = _span()


Declaration = (PolicyHeader | UseVocabulary | UseFile | Extend | Applies | Param | Define | StateHolds | StateValue
               | Episode | Rule | Unchecked | Forget)


@record
class Comment:
    """`# …` from its sign to the end of the line."""

    text: str
    span: Span = _span()


@record
class File:
    """One policy file: its declarations in order, and its comments (kept for the formatter)."""

    path: str
    declarations: tuple[Declaration, ...]
    comments: tuple[Comment, ...] = field(default=(), compare=False)
