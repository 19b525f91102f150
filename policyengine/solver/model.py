"""What the solver is asked and what it answers, as plain values. Z3 is not known here.

In come two rules, each with all it is judged with; out comes which way they differ, how far that is proven, and
cases that show it, each of which the reference evaluator was asked about. Instants are UTC microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Literal

from policyengine.analysis.vocabulary import Vocabulary
from policyengine.base.calendar import Calendar
from policyengine.base.record import record
from policyengine.core import ir
from policyengine.core.case import Case, Event
from policyengine.core.verdict import Verdict

Direction = Literal["stricter", "looser", "mixed", "equivalent", "not_analysable"]
"""`stricter`: some case is fine under the old version and violated under the new; `looser`: the reverse; `mixed`: both;
`equivalent`: neither. Fine is satisfied, exempt or not applicable (`FINE`); undecided and pending are neither fine nor
violated. Only where no case goes between fine and violated do cases count that go between undecided or pending and
violated, and the note says so. Two equivalent rules may still differ within what is fine, or in what they need to be
told: the matrix shows it."""

Proof = Literal["exact", "bounded", "not_analysable"]
Possible = Literal["yes", "no", "unknown"]

FINE: frozenset[Verdict] = frozenset({"satisfied", "exempt", "not_applicable"})
OPEN: frozenset[Verdict] = frozenset({"undecided", "pending"})


class NotAnalysable(Exception):
    """What was asked cannot be put to the solver; the text says why, in words for a reader: lower case, no stop."""


class Disagreement(AssertionError):
    """The reference evaluator judges a witness otherwise than the solver expected: a bug of ours, with the case."""


@record
class Side:
    """A rule of one version and all it is judged with. `parameters` are raw values by name, the policy's own where
    absent."""

    policy: ir.Policy
    rule: ir.Rule
    calendar: Calendar
    vocabulary: Vocabulary
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def parameter(self, name: str) -> Any:
        """The raw value that judges."""
        if name in self.parameters:
            return self.parameters[name]
        return next(one.value for one in self.policy.params if one.name == name)


@record
class Options:
    """How to ask.

    `as_of` is the instant of judgement a witness takes when any will do. `cases` are the user's own, preferred as
    witnesses. `effort` bounds one query in Z3's own unit of work, so that what is cut off is the same on every machine
    (about facts a tenth of it, some tenths of a second); `seconds` bounds a query about traces besides. `matrix` and
    `table` can be left out; `rows` bounds the table.
    """

    as_of: int = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
    cases: tuple[Case, ...] = ()
    effort: int = 4_000_000
    seconds: float = 2.0
    matrix: bool = True
    table: bool = True
    rows: int = 8

    def direction_alone(self) -> Options:
        """Asked for the direction and nothing beside it."""
        return replace(self, matrix=False, table=False)


@record
class Witness:
    """A case that both versions were asked about, by the reference evaluator.

    `facts` are raw and fit the vocabulary, `events` stand in order. `moment` is the instant of the moment the verdicts
    are about (None for a rule without a trigger). `decides` names the facts, events and numbers on which they turn.
    """

    old: Verdict
    new: Verdict
    facts: Mapping[str, Any] = field(hash=False)
    events: tuple[Event, ...]
    as_of: int
    moment: int | None = None
    decides: tuple[str, ...] = ()


@record
class Cell:
    """Can a case come out `old` before and `new` after? `witness` is the place in the list of witnesses."""

    old: Verdict
    new: Verdict
    possible: Possible
    witness: int | None = None


@record
class Region:
    """Where all `conditions` hold (each in a reader's words), the old version says `old` and the new one `new`."""

    conditions: tuple[str, ...]
    old: Verdict
    new: Verdict


@record
class Comparison:
    """What became of the behaviour.

    `note` says how far the proof reaches, or why there is none; empty where there is nothing to add. The first witness
    is the one that shows `direction` best; of a mixed one, the first shows stricter and the second looser. `cells` is
    empty where the matrix was not asked for or says nothing (two rules whose core is the same).
    """

    direction: Direction
    proof: Proof
    note: str = ""
    witnesses: tuple[Witness, ...] = ()
    cells: tuple[Cell, ...] = ()
    table: tuple[Region, ...] = ()
    seconds: float = field(default=0.0, compare=False)
