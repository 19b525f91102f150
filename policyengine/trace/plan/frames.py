"""What a plan is made of: steps, the rows that ask, the rows that may answer, places and ranges in the order.

Plain values and SQL text; nothing here knows the core's questions or how they are answered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policyengine.base.calendar import Calendar
from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.case import Sources
from policyengine.trace.plan.calendars import Horizon, Lookup

EARLIEST = "-4000000000000000000"
"""Earlier than every event, and small enough to be doubled."""

LATEST = "4000000000000000000"
"""Later than every event."""

RARE = "events_rare"
"""The table of types that few events are of, where these are kept apart."""

WHOLE = "whole"
"""The key, always 0, of runs that have none."""


@record
class Step:
    """A named table, made of the ones before; `note` says what it is, for people."""

    name: str
    sql: str
    note: str


@record
class Guard:
    """How many pairs a join would make, asked before it is run: the steps it needs, and a query of one number."""

    pattern: ir.Pattern
    steps: int
    sql: str


@record
class Total:
    """How many events of some types there are: a query for how many there are of each type, which many rules ask alike,
    and the places of the types in the vocabulary."""

    each: str
    places: tuple[int, ...]


@record
class Plan:
    """The steps of one rule. The last has the columns t, known, pos, first, past, verdict, due, tie, hard.

    `total`: how many moments there are, where the steps leave out those that are not applicable; None where they hold
    every moment. `warnings` say what will be slow. `shared`: of steps that other plans have too, by the same
    name, how many plans have them.
    """

    rule: str
    steps: tuple[Step, ...]
    total: Total | None
    lookups: tuple[Lookup, ...]
    guards: tuple[Guard, ...]
    warnings: tuple[str, ...] = ()
    shared: Mapping[str, int] = field(default_factory=dict)


class TooManyPairs(Exception):
    """A join that was refused: the guard, and how many pairs it would have made."""

    def __init__(self, guard: Guard, pairs: int) -> None:
        super().__init__(f"{pairs:,} pairs")
        self.guard, self.pairs = guard, pairs


@record
class Known:
    """What is known before the trace is read.

    `places` are the event types by their place in the vocabulary. `parameters` are raw, by name. `service`: the rows of
    one service alone (None: all rows are its own). `ties`: whether any two events share a time and sequence; `tied`: of
    a key, the pairs of types (both ways round) of which two events do that have one value of it. `filled`: event type
    -> columns that no row of it lacks. `tables`: event type -> the table that has its rows, with those of others;
    `events` has all, and where tables are known there are no events of a type without one.
    """

    policy: ir.Policy
    facts: Mapping[str, Any]
    parameters: Mapping[str, Any]
    calendar: Calendar
    as_of: int
    places: Mapping[str, int]
    horizon: Horizon
    sources: Sources | None = None
    service: str | None = None
    ties: bool = True
    filled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    start: int | None = None
    end: int | None = None
    key_types: Mapping[str, types.Type] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    tied: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)


@record
class Bound:
    """A place in the order: before every event at or after instant `t` (`p` None), before the event at place `p`
    (`t` None), or before place `p` of instant `t`."""

    t: str | None
    p: str | None = None

    def key(self) -> list[str]:
        """What the asking row is ordered by."""
        if self.p is None:
            return [f"{self.t} * 2"]
        return [f"{self.p} * 2"] if self.t is None else [str(self.t), f"{self.p} * 2"]

    def row_key(self) -> list[str]:
        """What a row that may answer is ordered by beside it: never equal, and before it when it stands before."""
        if self.p is None:
            return ['"t" * 2 + 1']
        return ['"pos" * 2 + 1'] if self.t is None else ['"t"', '"pos" * 2 + 1']

    def follows(self, t: str, pos: str) -> str:
        """Whether a row stands at or after the place, for a join."""
        if self.p is None:
            return f"{t} >= {self.t}"
        if self.t is None:
            return f"{pos} >= {self.p}"
        return f"({t} > {self.t} OR ({t} = {self.t} AND {pos} >= {self.p}))"


@dataclass
class Frame:
    """Rows that ask: a table and its columns, growing as questions are answered.

    `fields`: whose fields are columns here, with the prefix of their names. `at`: where a trigger or candidate stands
    (its instant, its place and its group of ties; None for a mark). `events`: the types a row may be of. `inline`: no
    new columns, as what is asked stands inside a lambda. `count`: the last number in the name of a column. `same`: what
    was asked for as a column -> its name. `thinned`: whether some rows were left out.
    """

    name: str
    columns: list[str]
    fields: dict[str, str]
    at: dict[str, tuple[str, str | None, str | None]]
    events: tuple[str, ...] = ()
    variables: dict[str, Any] = field(default_factory=dict)
    hard: list[str] = field(default_factory=list)
    ties: bool = True
    inline: bool = False
    count: int = 0
    same: dict[str, str] = field(default_factory=dict)
    thinned: bool = False

    def number(self) -> int:
        """For the names of new columns: the same in every rule that has asked the same so far."""
        self.count += 1
        return self.count

    @property
    def now(self) -> str:
        """The instant that `today` is about."""
        return self.at[ir.CANDIDATE if ir.CANDIDATE in self.at else ir.TRIGGER][0]


@record
class Candidates:
    """The rows of a pattern, those left out that cannot match. `sure` says of a row that it matches, "TRUE" if all do.

    `equal`: columns that must equal something of the moment, `lacking`: some of them may be missing, `listed`: the one
    there is, a list, must contain it; `outer`: what else is asked of both together. `beyond`: of which rows no column
    can say whether they match.
    """

    frame: Frame
    keys: tuple[str, ...]
    sure: str
    equal: tuple[tuple[str, ir.Expr], ...]
    outer: tuple[ir.Expr, ...]
    lacking: bool
    beyond: str | None
    listed: bool = False


@record
class Window:
    """A range of the order. `reach`: the instant it reaches back to, as SQL (None: the beginning). `missing`: when
    nobody knows where it lies. `surely`: rows before one of these may or may not be inside; `unsure`: when that goes
    for all of them. `empty`: when it holds nothing. `gap`: when what begins it may not have been seen. `closes`: the
    first instant too late, for a range into the future."""

    low: Bound | None
    high: Bound
    reach: str | None
    missing: str | None = None
    surely: tuple[Bound, ...] = ()
    unsure: str | None = None
    empty: str | None = None
    gap: str = "FALSE"
    closes: str | None = None
    ordered: bool = False


STEP = re.compile(r"""'[^']*'|"[^"]*"|\b[a-z]+(?:_[a-z]+)*_[0-9]+\b""")
"""The name of a step, wherever it stands; and what is quoted, a text or a column, in which there is none."""


def needed(steps: Sequence[Step], last: str) -> list[Step]:
    """The steps that a last query rests on."""
    found: list[Step] = []
    read = set(STEP.findall(last))
    for step in reversed(steps):
        if step.name in read:
            found.append(step)
            read.update(STEP.findall(step.sql))
    return found[::-1]


def readers(steps: Sequence[Step], last: str) -> Counter[str]:
    """How often each step is read, by the others and by a last query."""
    names = {step.name for step in steps}
    return Counter(name for sql in (*(step.sql for step in steps), last) for name in STEP.findall(sql) if name in names)


_NAMED = re.compile(r"""'(?:[^']|'')*'|"((?:[^"]|"")*)\"""")
"""A text, or the name of a column."""


def prefixed(sql: str, alias: str) -> str:
    """Column names of a small expression under a table's alias."""
    return _NAMED.sub(lambda found: found[0] if found[1] is None else f"{alias}.{found[0]}", sql)


def prefixed_bound(bound: Bound, alias: str) -> Bound:
    return Bound(bound.t and prefixed(bound.t, alias), bound.p and prefixed(bound.p, alias))


def in_pairs(sql: str, alias: str) -> str:
    """Column names of a small expression as they are named in a table of pairs."""
    return _NAMED.sub(lambda found: found[0] if found[1] is None else f'"{alias}:{found[1]}"', sql)


def bound_in_pairs(bound: Bound, alias: str) -> Bound:
    return Bound(bound.t and in_pairs(bound.t, alias), bound.p and in_pairs(bound.p, alias))


def any_holds(conditions: Iterable[str]) -> str:
    """Whether any of them holds for certain."""
    return " OR ".join(f"coalesce({one}, FALSE)" for one in dict.fromkeys(conditions)) or "FALSE"


def found_some(column: str, how: str) -> str:
    """Whether a sweep found anything."""
    return f"{column} > 0" if how == "sum" else f"{column} IS NOT NULL"
