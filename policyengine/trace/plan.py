"""One rule as one relational plan: from the table of events to a verdict for each of its moments.

In come a rule and all that is known before the trace is read (facts, parameters, calendar, the instant of judgement);
out come named steps of SQL, each a table made of the ones before, and what they look up. Where the events stand and
which engine runs the steps is not known here. `core.conditions` and `core.moments` are the meaning.

A question about the trace is a *sweep*: the rows that ask and the rows that may answer are put in one order, and each
asking row takes what has been, or will be, seen first. Only where a candidate must be compared with the moment by more
than equality are they joined in pairs. What no column can say is `hard`: the row is judged by the evaluator itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, assert_never

from policyengine.base.calendar import Calendar, OutOfRange
from policyengine.base.instants import Period, parse_period
from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.case import Case, Sources
from policyengine.core.conditions import condition_of, value_of
from policyengine.core.operators import LIMIT, Overflow
from policyengine.core.standing import Here, World, typed
from policyengine.core.verdict import Setting
from policyengine.trace.calendars import Horizon, Lookup
from policyengine.trace.columns import Column, Unsupported, needs
from policyengine.trace.terms import (
    DAY,
    FALSE,
    MISSING,
    SETTLED,
    SYMBOLS,
    TRUE,
    Term,
    all_of,
    any_of,
    any_tie,
    arithmetic,
    compare,
    floor_div,
    is_true,
    listed,
    literal,
    member,
    missing,
    negation,
    present,
    quoted,
    quotient_too_large,
    strict_tie,
    text,
)

CODES = {"violated": 0, "undecided": 1, "pending": 2, "exempt": 3, "satisfied": 4, "not_applicable": 5}
EARLIEST = "-4000000000000000000"
"""Earlier than every event, and small enough to be doubled."""

LATEST = "4000000000000000000"
"""Later than every event."""

WHOLE = "whole"
"""The key, always 0, of runs that have none."""
HARD = 9
"""The code of a moment that the evaluator must judge."""


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
class Plan:
    """The steps of one rule. The last has the columns t, known, pos, first, past, verdict, due, tie, hard.

    `total`: a query for how many moments there are, where the steps leave out those that are not applicable; None where
    they hold every moment. `warnings` say what will be slow.
    """

    rule: str
    steps: tuple[Step, ...]
    total: str | None
    lookups: tuple[Lookup, ...]
    guards: tuple[Guard, ...]
    warnings: tuple[str, ...] = ()


class TooManyPairs(Exception):
    """A join that was refused: the guard, and how many pairs it would have made."""

    def __init__(self, guard: Guard, pairs: int) -> None:
        super().__init__(f"{pairs:,} pairs")
        self.guard, self.pairs = guard, pairs


@record
class Known:
    """What is known before the trace is read.

    `places` are the event types by their place in the vocabulary. `parameters` are raw, by name. `service`: the rows of
    one service alone (None: all rows are its own). `ties`: whether any two events share a time and sequence. `filled`:
    event type -> columns that no row of it lacks.
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


def plan(rule: ir.Rule, known: Known) -> Plan:
    """The plan of a rule with a trigger. Raises `columns.Unsupported` for what no column can answer."""
    return _Planner(rule, known).plan()


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
    new columns, as what is asked stands inside a lambda.
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

    @property
    def now(self) -> str:
        """The instant that `today` is about."""
        return self.at[ir.CANDIDATE if ir.CANDIDATE in self.at else ir.TRIGGER][0]


@record
class Candidates:
    """The rows of a pattern, those left out that cannot match. `sure` says of a row that it matches, "TRUE" if all do.

    `equal`: columns that must equal something of the moment, `lacking`: some of them may be missing; `outer`: what else
    is asked of both together. `beyond`: of which rows no column can say whether they match.
    """

    frame: Frame
    keys: tuple[str, ...]
    sure: str
    equal: tuple[tuple[str, ir.Expr], ...]
    outer: tuple[ir.Expr, ...]
    lacking: bool
    beyond: str | None


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


class _Planner:
    """One rule at work: its steps so far."""

    def __init__(self, rule: ir.Rule, known: Known) -> None:
        self.rule, self.known = rule, known
        self.steps: list[Step] = []
        self.lookups: dict[Lookup, None] = {}
        self.guards: list[Guard] = []
        self.warnings: list[str] = []
        self.total: str | None = None
        self.count = 0
        self.needed: dict[str, dict[str, Column]] = {
            event: {one.name: one for one in columns}
            for event, columns in needs(known.policy, [rule], known.key_types).items()}
        self.states = {state.name: state for state in known.policy.states}
        self.episodes = {episode.name: episode for episode in known.policy.episodes}
        self.world = World.of(known.policy, Case(known.facts), Setting(known.as_of, known.parameters), known.calendar,
                              known.sources)
        self.here = Here(known.as_of, known.as_of, 0, {}, None)
        self.made: dict[Any, Any] = {}
        self.growing: dict[str, tuple[str, list[str]]] = {}  # tables that only add columns to another

    # ---- steps

    def step(self, prefix: str, sql: str, note: str) -> str:
        """A new table; its name."""
        self.count += 1
        name = f"{prefix}_{self.count}"
        self.steps.append(Step(name, sql, note))
        return name

    def extend(self, frame: Frame, sql: str, hint: str, note: str) -> str:
        """A new column of a frame, unless the expression is as short as its name."""
        if sql in ("TRUE", "FALSE", "NULL") or (sql.startswith('"') and sql.count('"') == 2):
            return sql
        if frame.inline:
            return f"({sql})"
        self.count += 1
        column = f"{hint}.{self.count}"
        last = self.steps[-1] if self.steps else None
        source, fresh = self.growing.get(frame.name, ("", []))
        if last is not None and last.name == frame.name and source and not any(one in sql for one in fresh):
            # One table with many new columns, since engines take their time over many tables; a column that uses
            # another stands in the next, or the other would be computed twice.
            begun = last.sql.removesuffix(f" FROM {source}")
            fresh.append(quoted(column))
            self.steps[-1] = Step(last.name, f"{begun}, {sql} AS {quoted(column)} FROM {source}", f"{last.note}; {note}")
        else:
            source = frame.name
            frame.name = self.step(hint, f"SELECT *, {sql} AS {quoted(column)} FROM {source}", note)
            self.growing[frame.name] = source, [quoted(column)]
        frame.columns.append(column)
        return quoted(column)

    def answered(self, frame: Frame, ask: Callable[[], Term], hint: str) -> Term:
        """The answer to a question about the trace, without the columns that were only needed to find it: each would
        be carried through every question that follows."""
        before, hard = len(frame.columns), len(frame.hard)
        term = self.kept(frame, ask(), hint)
        frame.hard[hard:] = [self.extend(frame, one, "hard", "what only the evaluator can say")
                             for one in frame.hard[hard:]]
        used = " ".join(filter(None, (term.sql, term.settles, term.tie, term.high, term.den, *frame.hard[hard:])))
        frame.columns[before:] = [one for one in frame.columns[before:] if quoted(one) in used]
        return term

    def kept(self, frame: Frame, term: Term, hint: str) -> Term:
        """The same term with its texts as columns, so that it can be used more than once."""
        if term.items is not None or frame.inline:
            return term

        def short(sql: str | None, what: str) -> str | None:
            return sql if sql is None or len(sql) < 48 else self.extend(frame, sql, what, f"{what} of {hint}")

        return Term(short(term.sql, hint) or "", term.nullable, short(term.settles, f"{hint}_settles"),
                    short(term.tie, f"{hint}_tie"), short(term.high, f"{hint}_high"), short(term.den, f"{hint}_den"),
                    scale=term.scale, den_scale=term.den_scale)

    # ---- the whole rule

    def plan(self) -> Plan:
        """Moments, then the questions in the order in which they can end a moment's judging, then the verdict."""
        rule, policy = self.rule, self.known.policy
        frame, triggered, dropping = self.moments()
        scope = policy.scope_of(rule)
        asked = [] if scope is None else [scope]
        asked = [part for one in (*asked, *rule.when) for part in _conjuncts(one)]
        if dropping and triggered.tie is None:
            # What the row alone says comes first: most rows of a trace are of no concern to most rules.
            asked.sort(key=lambda one: _asks_trace(one))
        when: list[Term] = [triggered]
        for one in asked:
            answer = self.kept(frame, self.condition(frame, one), "when")
            when.append(answer)
            if dropping and triggered.tie is None:
                # What is false but for a tie may be told to rest on one.
                tied = f" OR {answer.tie}" if answer.tie is not None else ""
                self.drop(frame, f"{answer.sql} IS NOT FALSE{tied}", "without those that it does not concern")
        concerned = self.kept(frame, all_of(when), "concerned")
        unless = [self.kept(frame, self.condition(frame, one.condition), "unless") for one in rule.unless]
        must = self.kept(frame, all_of([self.condition(frame, one.condition) for one in rule.must]), "must")
        self.verdict(frame, triggered, concerned, unless, must)
        return Plan(rule.name, tuple(self.steps), self.total if dropping else None, tuple(self.lookups),
                    tuple(self.guards), tuple(dict.fromkeys(self.warnings)))

    def drop(self, frame: Frame, condition: str, note: str) -> None:
        """Only the rows for which a condition holds, and those of which no column can say whether it does."""
        if condition not in ("TRUE IS NOT FALSE", "TRUE"):
            hard = f" OR {_any(frame.hard)}" if frame.hard else ""
            frame.name = self.step("kept", f"SELECT * FROM {frame.name} WHERE {condition}{hard}", note)

    def verdict(self, frame: Frame, triggered: Term, when: Term, unless: Sequence[Term], must: Term) -> None:
        """The order of the verdicts: not applicable, exempt, undecided, then by what must hold."""
        excused = any_of(unless) if unless else FALSE
        maybe = " OR ".join(f"{one.sql} IS NULL" for one in unless if one.nullable)
        pending = f"{must.settles} > {self.known.as_of}" if must.settles else None
        rows: list[tuple[str, str, str]] = [
            (f"{triggered.sql} IS FALSE", "not_applicable", triggered.tie or "FALSE"),
            (f"{when.sql} IS FALSE", "not_applicable", when.tie or "FALSE")]
        rows += [(f"{one.sql} IS TRUE", "exempt", one.tie or "FALSE") for one in unless]
        rows += [(f"{when.sql} IS NULL", "undecided", when.tie or "FALSE")]
        rows += [(pending, "pending", must.tie or "FALSE")] if pending else []
        rows += [(f"{must.sql} IS NULL", "undecided", must.tie or "FALSE"), (must.sql, "satisfied", must.tie or "FALSE")]
        if maybe:
            unknown = any_tie([Term("", tie=f"({one.sql} IS NULL AND {one.tie})") for one in unless
                               if one.nullable and one.tie])
            rows += [(maybe, "undecided", " OR ".join(one for one in (must.tie, unknown) if one) or "FALSE")]
        assert excused is not None
        code = " ".join(f"WHEN {condition} THEN {CODES[verdict]}" for condition, verdict, _ in rows)
        tie = " ".join(f"WHEN {condition} THEN {one}" for condition, _, one in rows)
        ties = any(one != "FALSE" for *_, one in rows) or must.tie
        resting = f"CASE {tie} ELSE {must.tie or 'FALSE'} END" if ties else "FALSE"
        hard = " OR ".join(f"coalesce({one}, FALSE)" for one in dict.fromkeys(frame.hard)) or "FALSE"
        place = {one: quoted(one) if one in frame.columns else "CAST(NULL AS BIGINT)" for one in ("pos", "first", "past")}
        known = '"known"' if "known" in frame.columns else '"t"'
        inside = [f'"t" >= {self.known.start}' if self.known.start is not None else "",
                  f'"t" < {self.known.end}' if self.known.end is not None else ""]
        force = " AND ".join(one for one in inside if one)
        self.step("verdicts", f'SELECT "t", {known} AS "known", {place["pos"]} AS "pos", {place["first"]} AS "first", '
                  f'{place["past"]} AS "past", CASE {code} ELSE {CODES["violated"]} END AS "verdict", '
                  f'{must.settles or "CAST(NULL AS BIGINT)"} AS "due", '
                  f'{resting} AS "tie", {hard} AS "hard" '
                  f'FROM {frame.name}{f" WHERE {force}" if force else ""}', "the verdict of each moment")

    # ---- moments

    def moments(self) -> tuple[Frame, Term, bool]:
        """The rows a rule is about, whether their trigger held, and whether rows of no concern may be left out."""
        trigger = self.rule.trigger
        match trigger:
            case ir.OnEvent():
                return self.event_moments(trigger)
            case ir.OnEvery():
                return self.marks(trigger)
            case ir.OnWithout():
                return self.silences(trigger)
            case ir.OnStart():
                return self.starts(trigger)
            case None:
                raise Unsupported("a rule without a trigger")
            case _:
                assert_never(trigger)

    def from_events(self, events: Sequence[str]) -> tuple[str, list[str]]:
        """The clauses that choose rows of these types, and the columns of them that the rule reads."""
        names = dict.fromkeys(name for event in events for name in self.needed.get(event, ()))
        said = [column.said_name for event in events for column in self.needed.get(event, {}).values() if column.said]
        places = ", ".join(str(self.known.places[event]) for event in events)
        service = "" if self.known.service is None else f' AND "service" = {text(self.known.service)}'
        chosen = f'"type" = {places}' if len(events) == 1 else f'"type" IN ({places})'
        # Keys are known by their plain names here, whatever they are held as.
        keys = {name: Column((name,), type).name for name, type in self.known.key_types.items()
                if not isinstance(type, types.Text)}
        plain = [f"{quoted(held)} AS {quoted(name)}" for name, held in keys.items() if held in names]
        source = f"(SELECT *{''.join(f', {one}' for one in plain)} FROM events)" if plain else "events"
        aliases = [name for name, held in keys.items() if held in names]
        return f"FROM {source} WHERE {chosen}{service}", [*names, *aliases, *dict.fromkeys(said)]

    def event_moments(self, trigger: ir.OnEvent) -> tuple[Frame, Term, bool]:
        """Each event of the types, or the first match for its keys."""
        source, names = self.from_events(trigger.events)
        inside = [f'"t" >= {self.known.start}' if self.known.start is not None else "",
                  f'"t" < {self.known.end}' if self.known.end is not None else ""]
        force = "".join(f" AND {one}" for one in inside if one and not trigger.first)
        columns = ["t", "pos", "instant", "type", *names]
        frame = self.frame(self.step("moments", f"SELECT {', '.join(map(quoted, columns))} {source}{force}",
                                     f"each {' or '.join(trigger.events)}"), columns, trigger.events)
        frame.fields[ir.CANDIDATE] = ""
        frame.at[ir.CANDIDATE] = frame.at[ir.TRIGGER]
        held = TRUE if trigger.where is None else self.kept(frame, self.condition(frame, trigger.where), "held")
        del frame.fields[ir.CANDIDATE], frame.at[ir.CANDIDATE]
        if not trigger.first:
            self.total = f"SELECT count(*) {source}{force}"
            if held.tie is None:
                self.drop(frame, f"{held.sql} IS NOT FALSE", "without those whose trigger does not hold")
            return frame, held, True
        self.drop(frame, f"{held.sql} IS NOT FALSE", "without those whose trigger does not hold")
        keys = [quoted(self.key(frame, key)) for key in self.rule.keys]
        by = f"PARTITION BY {', '.join(keys)} " if keys else ""
        if frame.hard:
            # Whether one is the first rests on those before it.
            hard = self.extend(frame, _any(frame.hard), "hard", "what no column can say")
            frame.name = self.step("murky", f'SELECT *, max(CASE WHEN {hard} THEN 1 ELSE 0 END) OVER ({by}ORDER BY "pos" ROWS '
                                   f'BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) = 1 AS "murky" FROM {frame.name}',
                                   "whether that is so of one before")
            frame.columns.append("murky")
            frame.hard = ['"murky"']
        if not held.nullable and not frame.hard:
            self.only_first(frame, [key.strip('"') for key in keys])
            unsure = FALSE
        else:
            before = f'OVER ({by}ORDER BY "pos" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)'
            frame.name = self.step(
                "earlier", f'SELECT *, coalesce(max(CASE WHEN {held.sql} THEN 1 ELSE 0 END) {before}, 0) AS "met", '
                f'coalesce(max(CASE WHEN {held.sql} IS NULL THEN 1 ELSE 0 END) {before}, 0) AS "unsure", '
                f'coalesce(max(CASE WHEN {held.sql} IS NULL AND {held.tie or "FALSE"} THEN 1 ELSE 0 END) {before}, 0) = 1 AS '
                f'"unsure_tie" FROM {frame.name}', "whether an earlier one held, or may have")
            frame.columns += ["met", "unsure", "unsure_tie"]
            self.drop(frame, '"met" = 0', "the first of each key")
            unsure = Term('("unsure" = 1)', False)
        gap = any(self.gap(event, None) == "TRUE" for event in trigger.events)
        doubt = "TRUE" if gap else unsure.sql
        if doubt == "FALSE":
            return frame, held, False
        alone = Term(f"CASE WHEN NOT {doubt} THEN TRUE END", True, None, '"unsure_tie"' if held.tie else None)
        return frame, self.kept(frame, all_of([self.kept(frame, alone, "alone"), held]), "held"), False

    def only_first(self, frame: Frame, keys: Sequence[str]) -> None:
        """The first row of each key. Rows come in the order of their places, so the least of each column that follows
        the order is the first row's; what does not is looked up."""
        group = ", ".join(map(quoted, keys))
        held = {Column((key,), self.known.key_types[key]).name for key in keys if key in self.known.key_types}
        rising = {"t", "pos", "instant", *keys, *held}
        if set(frame.columns) - {"type"} <= rising and len(frame.events) == 1:
            least = [quoted(one) if one in keys else f"min({quoted(one)}) AS {quoted(one)}" for one in frame.columns
                     if one != "type"]
            frame.name = self.step("first", f"SELECT {', '.join(least)} FROM {frame.name}"
                                   f"{f' GROUP BY {group}' if keys else ' HAVING count(*) > 0'}", "the first of each key")
            frame.columns = [one for one in frame.columns if one != "type"]
            return
        frame.name = self.step("first", f'SELECT * FROM {frame.name} WHERE "pos" IN (SELECT min("pos") FROM {frame.name}'
                               f"{f' GROUP BY {group}' if keys else ''})", "the first of each key")

    def frame(self, name: str, columns: Sequence[str], events: tuple[str, ...]) -> Frame:
        """A frame of events that trigger."""
        return Frame(name, list(columns), {ir.TRIGGER: ""}, {ir.TRIGGER: ('"t"', '"pos"', '"instant"')}, events)

    def mark_frame(self, name: str, keys: Sequence[str]) -> Frame:
        """A frame of marks: instants of a run, which no event stands at."""
        columns = ["t", "known", "first", "past", "base", "doubt", *keys]
        return Frame(name, columns, {ir.TRIGGER: ""}, {ir.TRIGGER: ('"t"', None, None)})

    def marks(self, trigger: ir.OnEvery) -> tuple[Frame, Term, bool]:
        """Each mark start + k * period that a run passes."""
        period = self.static_period(trigger.period)
        if trigger.run in self.states or not period.is_elapsed:
            return self.run_marks(trigger, period)
        keys = self.members(trigger.run)[0]
        names = ", ".join(map(quoted, keys))
        n = period.count
        rows = self.long_runs(trigger.run, n) or self.runs(trigger.run)[1]
        low = f'greatest(1, ("prev_t" - "run_t" + {n - 1}) // {n})'
        high = f'("t" - "run_t" - 1) // {n}' if not trigger.once else f'least(1, ("t" - "run_t" - 1) // {n})'
        passing = self.step("passing", f'SELECT "t", "pos", "run_t", "run_pos", "doubt_pos", {low} AS "low", {high} AS '
                            f'"high", {names} FROM {rows} WHERE "going" AND NOT "new" AND "t" > "run_t" AND {high} >= '
                            f"{low}", "events of a run that pass a mark")
        spread = self.step("spread", f'SELECT "t", "pos", "run_t", "run_pos", "doubt_pos", {names}, '
                           f'unnest(range("low", "high" + 1)) AS "k" FROM {passing}', "each mark they pass")
        name = self.step("marks", f'SELECT "run_t" + "k" * {n} AS "t", "t" AS "known", "run_pos" AS "first", "pos" AS '
                         f'"past", "run_pos" AS "base", coalesce("doubt_pos" >= "run_pos", FALSE) AS "doubt", {names} '
                         f"FROM {spread}", "the marks")
        return self.mark_frame(name, keys), self.doubted(), False

    def doubted(self) -> Term:
        """Whether a mark is one: missing where its run is not certain."""
        return Term('CASE WHEN NOT "doubt" THEN TRUE END')

    def run_marks(self, trigger: ir.OnEvery, period: Period) -> tuple[Frame, Term, bool]:
        """The marks of a state, or at legal periods: from the runs as a whole."""
        keys, runs = self.whole_runs(trigger.run)
        names = ", ".join(quoted(key) for key in keys)
        state = trigger.run in self.states
        limit = f'least({self.known.as_of}, coalesce("ended", {self.known.as_of}))' if state else '"last_t"'
        if period.is_elapsed:
            high = f'({limit} - "run_t" - 1) // {period.count}'
            high = f"least(1, {high})" if trigger.once else high
            inner = self.step("spread", f'SELECT *, unnest(range(1, greatest({high}, 0) + 1)) AS "k" FROM {runs}',
                              "each mark they pass")
            marks = f'SELECT *, "run_t" + "k" * {period.count} AS "mark" FROM {inner}'
        else:
            what = self.lookup("closes", period, repeated=True)
            once = ' AND c."k" = 1' if trigger.once else ""
            day = self.local_day('r."run_t"')
            marks = (f'SELECT r.*, c."instant" - 1 AS "mark" FROM {runs} AS r JOIN calendar AS c ON c."what" = {what} '
                     f'AND c."day" = {day}{once} AND c."instant" - 1 < {limit}')
        spread = self.step("marked", marks, "each mark they pass")
        if state:
            name = self.step("marks", f'SELECT "mark" AS "t", "mark" AS "known", "run_pos" AS "first", CAST(NULL AS '
                             f'BIGINT) AS "past", "run_pos" AS "base", coalesce("doubt_t" <= "mark", FALSE) AS "doubt", '
                             f"{names} FROM {spread}", "the marks")
            return self.mark_frame(name, keys), self.doubted(), False
        return self.passed(spread, trigger.run, keys, '"run_pos"', "FALSE"), self.doubted(), False

    def passed(self, marked: str, run: str, keys: Sequence[str], base: str, doubt: str) -> Frame:
        """Marks of an episode with the event that passes each; marks that none passes are left out."""
        _, rows = self.runs(run)
        frame = Frame(marked, ["mark", "run_t", "run_pos", "doubt_t", "base", "doubted", *keys], {}, {})
        names = ", ".join(map(quoted, keys))
        frame.name = self.step("asking", f'SELECT "mark", "run_t", "run_pos", "doubt_t", {base} AS "base", {doubt} AS '
                               f'"doubted", {names} FROM {marked}', "marks that may be passed")
        going = self.step("members", f'SELECT * FROM {rows} WHERE "going"', "events of the run")
        self.sweep(frame, going, [(quoted(key), key) for key in keys], Bound('("mark" + 1)'),
                   [("past_t", '"t"', "first"), ("past_pos", '"pos"', "first"), ("past_run", '"run_pos"', "first"),
                    ("past_doubt", 'coalesce("doubt_pos", -1)', "first")])
        name = self.step("marks", f'SELECT "mark" AS "t", "past_t" AS "known", "run_pos" AS "first", "past_pos" AS '
                         f'"past", "base", "doubted" OR coalesce("past_doubt" >= "run_pos", FALSE) AS "doubt", {names} '
                         f'FROM {frame.name} WHERE "past_run" = "run_pos"', "the marks that are passed")
        return self.mark_frame(name, keys)

    def silences(self, trigger: ir.OnWithout) -> tuple[Frame, Term, bool]:
        """Wherever a run has lasted a period since its start, or since the last match, without another."""
        period = self.static_period(trigger.period)
        keys, runs = self.whole_runs(trigger.run)
        names = ", ".join(map(quoted, keys))
        heard = self.spread_over(self.candidates(trigger.pattern), keys, runs)
        equal = [(quoted(key), key) for key in keys]
        frame = Frame(heard, ["t", "pos", "sure", *keys], {}, {})
        self.sweep(frame, self.step("begun", f'SELECT *, "run_t" AS "t", "run_pos" AS "pos" FROM {runs}', "runs"),
                   equal, Bound(None, '"pos"'), [(one, f"coalesce({quoted(one)}, {LATEST})", "last") for one in
                                                 ("run_t", "run_pos", "next_t", "ended", "last_t", "doubt_t")])
        bases = self.step(
            "bases", f'SELECT "run_t" AS "base_t", "run_pos" AS "base", TRUE AS "sure", "run_t", "run_pos", "ended", '
            f'"last_t", "doubt_t", {names} FROM {runs} UNION ALL SELECT "t", "pos", "sure", "run_t", "run_pos", '
            f'"ended", "last_t", "doubt_t", {names} FROM {frame.name} WHERE "run_pos" IS NOT NULL AND ("next_t" IS NULL '
            f'OR "t" < "next_t")', "from where silence is counted")
        frame = Frame(bases, ["base_t", "base", "sure", "run_t", "run_pos", "ended", "last_t", "doubt_t", *keys], {}, {})
        closes = self.closes(frame, '"base_t"', period)
        mark = self.extend(frame, f"{closes} - 1", "mark", "when silence has lasted")
        self.sweep(frame, heard, equal, Bound(None, '("base" + 1)'),
                   [("next_sure", 'CASE WHEN "sure" THEN "t" END', "first"),
                    ("next_unsure", 'CASE WHEN NOT "sure" THEN "t" END', "first")])
        gap = self.gap(trigger.pattern.event, '"base_t"')
        unknown = f'(NOT "sure" OR coalesce("next_unsure" <= {mark}, FALSE) OR {gap})'
        silent = self.step("silent", f'SELECT *, {mark} AS "mark", {unknown} AS "unknown" FROM {frame.name} WHERE '
                           f'"next_sure" IS NULL OR "next_sure" > {mark}', "where nothing was heard in time")
        if trigger.run in self.states:
            limit = f'least({self.known.as_of}, coalesce("ended", {self.known.as_of}))'
            name = self.step("marks", f'SELECT "mark" AS "t", "mark" AS "known", "run_pos" AS "first", CAST(NULL AS '
                             f'BIGINT) AS "past", "base", "unknown" OR coalesce("doubt_t" <= "mark", FALSE) AS "doubt", '
                             f'{names} FROM {silent} WHERE "mark" < {limit}', "the marks that are passed")
            return self.mark_frame(name, keys), self.doubted(), False
        return self.passed(silent, trigger.run, keys, '"base"', '"unknown"'), self.doubted(), False

    def starts(self, trigger: ir.OnStart) -> tuple[Frame, Term, bool]:
        """The first event of each run."""
        _, rows = self.runs(trigger.run)
        declared = self.episodes.get(trigger.run) or self.states[trigger.run]
        members = declared.events if isinstance(declared, ir.Episode) else (
            declared.starts if isinstance(declared, ir.BooleanState) else ())
        events = tuple(dict.fromkeys(pattern.event for pattern in members))
        source, names = self.from_events(events)
        columns = ["t", "pos", "instant", "type", *names]
        chosen = ", ".join(f"e.{quoted(one)}" for one in columns)
        inner = self.step("members", f"SELECT {', '.join(map(quoted, columns))} {source}", "events that may begin one")
        name = self.step("moments", f'SELECT {chosen}, r."pos" AS "first", r."doubt" FROM {inner} AS e JOIN {rows} AS r '
                         'ON r."pos" = e."pos" WHERE r."new"', "the start of each run")
        frame = self.frame(name, [*columns, "first", "doubt"], events)
        return frame, self.doubted(), False

    # ---- sweeping and joining

    def sweep(self, frame: Frame, rows: str, keys: Sequence[tuple[str, str]], bound: Bound,
              measures: Sequence[tuple[str, str, str]]) -> None:
        """Each asking row takes, of the rows with its keys that stand before the bound, the `last` known, the `max` or
        the `sum` of a measure; of those at or after it, the `first` known. The measures become columns."""
        asking = [quoted(one) for one in frame.columns]
        order, row_order = bound.key(), bound.row_key()
        if bound.p is None and any(how in ("last", "first") and not sql.endswith(('"t"', '"t" END')) for _, sql, how in
                                   measures):
            # Of several at one instant the order decides, unless it is the instant that is asked for.
            order, row_order = [*order, "0"], [*row_order, '"pos"']
        ks = [f"k{index}" for index in range(len(keys))]
        os = [f"o{index}" for index in range(len(order))]
        ms = [f"m{index}" for index in range(len(measures))]
        ask = [*asking, *(f"{sql} AS {quoted(k)}" for (sql, _), k in zip(keys, ks, strict=True)),
               *(f"{sql} AS {quoted(o)}" for sql, o in zip(order, os, strict=True)), 'TRUE AS "asks"',
               *(f"NULL AS {quoted(m)}" for m in ms)]
        give = [*(f"NULL AS {one}" for one in asking), *(quoted(column) for _, column in keys), *row_order,
                "FALSE", *(sql for _, sql, _ in measures)]
        both = self.step("both", f"SELECT {', '.join(ask)} FROM {frame.name} UNION ALL SELECT {', '.join(give)} FROM "
                         f"{rows}", "rows that ask, and rows that may answer")
        by = f"PARTITION BY {', '.join(map(quoted, ks))} " if ks else ""
        if not ks:
            self.warnings.append("a pattern without keys puts all its rows in one order, on one processor")
        over = f"{by}ORDER BY {', '.join(map(quoted, os))}"
        before = f"OVER ({over} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        after = f"OVER ({over} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"
        taken = {"last": lambda m: f"last_value({m} IGNORE NULLS) {before}", "max": lambda m: f"max({m}) {before}",
                 "sum": lambda m: f"coalesce(sum({m}) {before}, 0)",
                 "first": lambda m: f"first_value({m} IGNORE NULLS) {after}"}
        seen = [f"{taken[how](quoted(m))} AS {quoted(alias)}" for (alias, _, how), m in zip(measures, ms, strict=True)]
        swept = self.step("swept", f'SELECT {", ".join([*asking, *seen])}, "asks" FROM {both}', "in one order")
        names = [*asking, *(quoted(alias) for alias, _, _ in measures)]
        frame.name = self.step("answered", f'SELECT {", ".join(names)} FROM {swept} WHERE "asks"', "rows that asked")
        frame.columns += [alias for alias, _, _ in measures]

    def candidates(self, pattern: ir.Pattern, values: Sequence[tuple[str, str]] = ()) -> Candidates:
        """The rows of a pattern; `values` are further columns wanted, as path and column name are needed already."""
        key = ("candidates", repr(pattern))
        if key in self.made:
            found = self.made[key]
            assert isinstance(found, Candidates)
            return found
        source, names = self.from_events((pattern.event,))
        columns = ["t", "pos", "instant", *names]
        name = self.step("rows", f"SELECT {', '.join(map(quoted, columns))} {source}", f"each {pattern.event}")
        frame = Frame(name, columns, {ir.CANDIDATE: ""}, {ir.CANDIDATE: ('"t"', '"pos"', '"instant"')}, (pattern.event,),
                      ties=False)
        local, equal, outer = [], [], []
        for part in _conjuncts(pattern.where):
            if not _reads_trigger(part):
                local.append(part)
            elif (pair := _equality(part)) is not None:
                equal.append(pair)
            else:
                outer.append(part)
        sure, lacking = "TRUE", False
        if local:
            held = all_of([self.condition(frame, part) for part in local])
            held = self.kept(frame, held, "held")
            self.drop(frame, f"{held.sql} IS NOT FALSE", "without those that cannot match")
            sure = is_true(held) if held.nullable else "TRUE"
        pairs = []
        for get, other in equal:
            term = self.value(frame, get)
            lacking = lacking or term.nullable
            pairs.append((self.extend(frame, term.sql, "equal", "what must be equal").strip('"'), other))
        if sure != "TRUE":
            sure = self.extend(frame, sure, "sure", "whether it matches for certain")
        beyond = self.extend(frame, _any(frame.hard), "beyond", "what no column can say") if frame.hard else None
        found = Candidates(frame, pattern.keys, sure, tuple(pairs), tuple(outer), lacking, beyond)
        self.made[key] = found
        return found

    def spread_over(self, rows: Candidates, keys: Sequence[str], runs: str) -> str:
        """The rows of a pattern under all the keys of runs: those that do not carry a key stand under each value."""
        if rows.equal or rows.outer:
            raise Unsupported("a pattern of a run that reads the trigger")
        columns = f'"t", "pos", {rows.sure} AS "sure"'
        if set(rows.keys) == set(keys):
            return self.step("heard", f"SELECT {columns}, {', '.join(map(quoted, keys))} FROM {rows.frame.name}",
                             "events that count")
        names = ", ".join(map(quoted, keys))
        on = " AND ".join(f"c.{quoted(key)} = v.{quoted(key)}" for key in rows.keys) or "TRUE"
        return self.step("heard", f'SELECT c."t", c."pos", {_prefixed(rows.sure, "c")} AS "sure", '
                         f"{', '.join(f'v.{quoted(key)}' for key in keys)} FROM {rows.frame.name} AS c JOIN (SELECT "
                         f"DISTINCT {names} FROM {runs}) AS v ON {on}", "events that count, under every key")

    def key(self, frame: Frame, name: str) -> str:
        """The column of a key of the moment."""
        prefix = frame.fields.get(ir.TRIGGER, frame.fields.get(ir.CANDIDATE, ""))
        column = f"{prefix}{name}"
        if column not in frame.columns:
            raise Unsupported(f"the key `{name}`, which is not text")
        return column

    def keyed(self, frame: Frame, rows: Candidates) -> list[tuple[str, str]]:
        """The keys that must be equal for a row to be a candidate; what is beyond columns makes all of a key hard."""
        keys = [(quoted(self.key(frame, key)), key) for key in rows.keys]
        if rows.beyond is not None:
            names = ", ".join(quoted(key) for key in rows.keys)
            some = self.step("beyond", f'SELECT {f"{names}, " if names else ""}count(*) AS "n" FROM {rows.frame.name} WHERE '
                             f"{rows.beyond}{f' GROUP BY {names}' if names else ''}", "keys of such rows")
            self.count += 1
            column = f"beyond.{self.count}"
            on = " AND ".join(f"m.{sql} = b.{quoted(key)}" for sql, key in keys) or "TRUE"
            frame.name = self.step("answered", f'SELECT m.*, coalesce(b."n" > 0, FALSE) AS {quoted(column)} FROM '
                                   f"{frame.name} AS m LEFT JOIN {some} AS b ON {on}", "whether the evaluator must judge")
            frame.columns.append(column)
            frame.hard.append(quoted(column))
        return keys

    def ask(self, frame: Frame, rows: Candidates, bound: Bound, measures: Sequence[tuple[str, str, str]],
            also: Sequence[tuple[str, str, str]] = ()) -> list[tuple[str, str | None]]:
        """A sweep over candidates: of each measure over those that match for certain, and over those that may (None
        where there are none). Of `also`, the former alone, by the names that are given."""
        keys = self.keyed(frame, rows)
        equal = [(column, self.kept(frame, self.value(frame, other), "equal")) for column, other in rows.equal]
        if any(asked.high is not None or asked.den is not None or asked.items is not None for _, asked in equal):
            raise Unsupported("an equality with what is no plain value")
        self.count += 1
        n, sure, source = self.count, rows.sure, rows.frame.name
        unknown = " OR ".join(f"{asked.sql} IS NULL" for _, asked in equal if asked.nullable)
        gone = " OR ".join(f"{quoted(column)} IS NULL" for column, _ in equal)
        if rows.lacking:
            source = self.step("saying", f"SELECT * FROM {source} WHERE NOT ({gone})", "candidates that lack no field")

        def of(which: str, sql: str) -> str:
            return sql if which == "TRUE" else f"CASE WHEN {which} THEN {sql} END"

        def named(kind: str, name: str) -> str:
            return f"{name}_{kind}.{n}"

        wanted = [(named("sure", name), of(sure, sql), how) for name, sql, how in measures]
        if sure != "TRUE":
            wanted += [(named("unsure", name), of(f"NOT {sure}", sql), how) for name, sql, how in measures]
        wanted += [(name, of(sure, sql), how) for name, sql, how in also]
        self.sweep(frame, source, [*keys, *((asked.sql, column) for column, asked in equal)], bound, wanted)
        certain = [quoted(named("sure", name)) for name, *_ in measures]
        perhaps = [[quoted(named("unsure", name))] if sure != "TRUE" else [] for name, *_ in measures]
        if len(equal) > 1 and (rows.lacking or unknown):
            # Which of several comparisons fails is not looked into: where one side is missing, the evaluator judges.
            if rows.lacking:
                self.sweep(frame, self.step("lacking", f"SELECT * FROM {rows.frame.name} WHERE {gone}",
                                            "candidates that lack a field"), keys, bound,
                           [(named("lacking", name), sql, how) for name, sql, how in measures])
                frame.hard += [f"({_some(quoted(named('lacking', name)), how)})" for name, _, how in measures]
            frame.hard += [f"({unknown})"] if unknown else []
        elif rows.lacking or unknown:
            wide = [(named("lacking", name), of(gone, sql), how) for name, sql, how in measures] if rows.lacking else []
            wide += [(named("any", name), sql, how) for name, sql, how in measures] if unknown else []
            self.sweep(frame, rows.frame.name, keys, bound, wide)
            perhaps = [[*one, *([quoted(named("lacking", name))] if rows.lacking else [])]
                       for one, (name, *_) in zip(perhaps, measures, strict=True)]
        found: list[tuple[str, str | None]] = []
        for one, may, (name, _, how) in zip(certain, perhaps, measures, strict=True):
            joined = {"last": "greatest({})", "first": "least({})", "sum": "({})"}[how]
            maybe = (None if not may else may[0] if len(may) == 1 else
                     joined.format((" + " if how == "sum" else ", ").join(may)))
            if unknown and len(equal) == 1:
                nothing = "0" if how == "sum" else "NULL"
                whole = quoted(named("any", name))
                maybe = f"CASE WHEN {unknown} THEN {whole} ELSE {maybe or nothing} END"
            found.append((one, None if maybe is None else self.extend(frame, maybe, "maybe", "of those that may match")))
        return found

    def own(self, frame: Frame, event: str) -> str:
        """Whether the trigger is of the type: TRUE, FALSE or a condition."""
        at = frame.at.get(ir.TRIGGER)
        if at is None or at[1] is None or event not in frame.events:
            return "FALSE"
        return "TRUE" if len(frame.events) == 1 else f'("type" = {self.known.places[event]})'

    def standing(self, frame: Frame) -> Bound:
        """Where the moment stands in the order."""
        t, pos, _ = frame.at[ir.TRIGGER]
        return Bound(t) if pos is None else Bound(None, pos)

    def upto(self, frame: Frame, event: str, *, ordered: bool, counting: bool) -> Bound:
        """The end of a range of the past: the moment's place, or the end of its instant; a count takes in the trigger,
        anything else leaves out the trigger itself and what of its own type comes after."""
        t, pos, _ = frame.at[ir.TRIGGER]
        own = self.own(frame, event)
        mine = Bound(None, f"({pos} + 1)" if counting else pos)
        others = self.standing(frame) if ordered else Bound(f"({t} + 1)")
        if own == "FALSE":
            return others
        if own == "TRUE":
            return mine
        if others.t is None:
            return Bound(None, f"(CASE WHEN {own} THEN {mine.p} ELSE {others.p} END)")
        return Bound(f"(CASE WHEN {own} THEN {t} ELSE {others.t} END)", f"(CASE WHEN {own} THEN {mine.p} ELSE -1 END)")

    def window(self, frame: Frame, range: ir.Range, event: str, *, counting: bool = False) -> Window:
        """Where the candidates of a range stand."""
        t = frame.at[ir.TRIGGER][0]
        match range:
            case ir.Within() | ir.NoLaterThan():
                known = '"known"' if "known" in frame.columns else t
                ends = self.closes_of(frame, known, range.period)
                end = self.extend(frame, ends.sql, "closes", "the first instant too late")
                lost = f"({end} IS NULL)" if ends.nullable else None
                return Window(self.from_moment(frame, event), Bound(end), t, lost, closes=end)
            case ir.By():
                due = self.kept(frame, self.value(frame, range.deadline), "deadline")
                deadline = _type(range.deadline)
                late = f"{due.sql} + 1"
                if isinstance(deadline, types.Date):
                    day = self.extend(frame, f"({self.days(due.sql)} + 1)", "day", "the day after the deadline")
                    found = self.look_up(frame, "due", None, day)
                    late = f"CASE WHEN {day} < {self.known.horizon.first} THEN {EARLIEST} ELSE {found} END"
                    frame.hard.append(f"({day} >= {self.known.horizon.first} AND {found} IS NULL)")
                end = self.extend(frame, f"greatest({late}, {t})", "closes", "the first instant too late")
                until = self.extend(frame, late, "until", "the end of the range")
                return Window(self.from_moment(frame, event), Bound(until), t,
                              f"({due.sql} IS NULL)" if due.nullable else None, closes=end)
            case ir.Before():
                return Window(None, self.upto(frame, event, ordered=True, counting=counting), None, ordered=True)
            case ir.WithinLast():
                low = self.earliest_of(frame, t, range.period)
                start = self.extend(frame, low.sql, "since", "how far the range reaches back")
                return Window(Bound(start), self.upto(frame, event, ordered=False, counting=counting), start,
                              f"({start} IS NULL)" if low.nullable else None)
            case ir.This():
                start = self.extend(frame, self.look_up(frame, range.unit, None, self.local_day(t)), "since",
                                    f"the start of the {range.unit}")
                return Window(Bound(start), self.upto(frame, event, ordered=False, counting=counting), start)
            case ir.Since():
                return self.since(frame, range, event, counting)
            case ir.During():
                if self.static(self.episodes[range.episode].gap) is None:
                    return Window(Bound(t), Bound(t), t, missing="TRUE")
                start, doubt = self.run_of(frame, range.episode)
                gap = self.gaps([one.event for one in self.episodes[range.episode].events],
                                f"({t} - {self.static_period(self.episodes[range.episode].gap).count})")
                lost = f"({start} IS NULL AND {gap})" if gap != "FALSE" else None
                # Without a run the range is empty: it begins after all it could hold.
                begin = self.extend(frame, f"coalesce({start}, {t} + 2)", "since", "the start of the run")
                return Window(Bound(begin), self.upto(frame, event, ordered=False, counting=counting),
                              f"coalesce({start}, {t})", lost, unsure=doubt, empty=f"({start} IS NULL)")
            case _:
                assert_never(range)

    def from_moment(self, frame: Frame, event: str) -> Bound:
        """The start of a range into the future: the moment's instant; of the trigger's own type, what follows it."""
        t, pos, _ = frame.at[ir.TRIGGER]
        own = self.own(frame, event)
        if own == "FALSE":
            return Bound(t)
        if own == "TRUE":
            return Bound(None, f"({pos} + 1)")
        return Bound(t, f"(CASE WHEN {own} THEN {pos} + 1 ELSE -1 END)")

    def since(self, frame: Frame, range: ir.Since, event: str, counting: bool) -> Window:
        """After the latest match of another pattern; what may have been a later match leaves doubt."""
        rows = self.candidates(range.pattern)
        if rows.outer:
            n = self.paired(frame, range.pattern, rows, None, self.standing(frame))
            last, reach = quoted(f"last.{n}"), quoted(f"last_t.{n}")
            maybe: str | None = quoted(f"last_maybe.{n}")
        else:
            since = f"since_t.{self.count}"
            (last, maybe), = self.ask(frame, rows, self.standing(frame), [("since", '"pos"', "last")],
                                      [(since, '"t"', "last")])
            reach = quoted(since)
        low = self.extend(frame, f"coalesce({last} + 1, 0)", "from", "the place after it")
        surely = [] if maybe is None else [Bound(None, f"greatest({low}, coalesce({maybe} + 1, 0))")]
        gap = self.gap(range.pattern.event, reach)
        t, pos, _ = frame.at[ir.TRIGGER]
        if gap == "TRUE":
            surely.append(self.standing(frame))
        elif gap != "FALSE":
            # One that is not seen may stand anywhere up to where the history is complete.
            assert self.known.sources is not None
            since_t = self.known.sources.complete[range.pattern.event]
            surely.append(Bound(f"CASE WHEN {gap} AND {t} >= {since_t} THEN {since_t} ELSE {EARLIEST} END"))
            surely.append(Bound(f"CASE WHEN {gap} AND {t} < {since_t} THEN {t} ELSE {EARLIEST} END") if pos is None else
                          Bound(None, f"CASE WHEN {gap} AND {t} < {since_t} THEN {pos} ELSE 0 END"))
        surely = [Bound(one.t and self.extend(frame, one.t, "surely", "from when on it is certain"),
                        one.p and self.extend(frame, one.p, "surely", "from where on it is certain")) for one in surely]
        return Window(Bound(None, low), self.upto(frame, event, ordered=True, counting=counting), reach, ordered=True,
                      surely=tuple(surely), gap=gap)

    # ---- questions about events

    def occurs(self, frame: Frame, expr: ir.Occurs) -> Term:
        """Whether some candidate stands in the range."""
        pattern, rows = expr.pattern, self.candidates(expr.pattern)
        window = self.window(frame, expr.range, pattern.event)
        if rows.outer:
            return self.occurs_joined(frame, expr, rows, window)
        answers: list[str] = []
        doubts: list[str] = []
        settles = None
        gap = self.gap(pattern.event, None if isinstance(expr.range, ir.NoLaterThan) else window.reach)
        if window.closes is None or isinstance(expr.range, ir.NoLaterThan):
            past = window if window.closes is None else Window(
                None, self.upto(frame, pattern.event, ordered=True, counting=False), None)
            bounds = [*([past.low] if past.low else []), *past.surely]
            wanted = [(name, f'"{column}"', "last") for name, column, asked in (
                ("seen", "pos", any(one.p is not None for one in bounds)),
                ("seen_t", "t", not bounds or any(one.t is not None for one in bounds))) if asked]
            found = dict(zip((name for name, *_ in wanted), self.ask(frame, rows, past.high, wanted), strict=True))
            seen = [one for one, _ in found.values()]
            maybe = [one for _, one in found.values() if one is not None]

            def inside(columns: Sequence[str], bounds: Iterable[Bound]) -> str:
                place = dict(zip(found, columns, strict=True))
                held = [one.follows(place.get("seen_t", "NULL"), place.get("seen", "NULL")) for one in bounds]
                return f"coalesce({' AND '.join(held)}, FALSE)" if held else f"({columns[0]} IS NOT NULL)"

            met = inside(seen, bounds)
            answers.append(f"({met} AND NOT {past.unsure})" if past.unsure else met)
            low = [past.low] if past.low else []
            doubts += [inside(seen, low)] if past.unsure or past.surely else []
            doubts += [inside(maybe, low)] if maybe else []
        if window.closes is not None:
            assert window.low is not None
            (after, later), = self.ask(frame, rows, window.low, [("next", '"t"', "first")])
            met = f"coalesce({after} < {window.high.t}, FALSE)"
            doubts += [f"coalesce({later} < {window.high.t}, FALSE)"] if later is not None else []
            t = frame.at[ir.TRIGGER][0]
            settles = f"CASE WHEN {met} AND {after} > {t} THEN {after} WHEN {met} THEN {SETTLED} ELSE {window.closes} END"
            if answers:
                settles = f"CASE WHEN {answers[0]} THEN {SETTLED} ELSE {settles} END"
            answers.append(met)
        return self.answer(frame, expr, rows, window, f"({' OR '.join(answers)})", doubts, gap, settles)

    def answer(self, frame: Frame, expr: ir.Occurs, rows: Candidates, window: Window, met: str, doubts: Sequence[str],
               gap: str, settles: str | None) -> Term:
        """True, missing or false, by what was met, what may have matched, and where history has gaps."""
        unknown = [*doubts, *([gap] if gap != "FALSE" else [])]
        value = met if not unknown else f"CASE WHEN {met} THEN TRUE WHEN {' OR '.join(unknown)} THEN NULL ELSE FALSE END"
        if window.missing is not None:
            value = f"CASE WHEN {window.missing} THEN NULL ELSE {value} END"
            settles = f"CASE WHEN {window.missing} THEN {SETTLED} ELSE {settles} END" if settles else None
            if isinstance(expr.range, ir.NoLaterThan):
                frame.hard.append(window.missing)
        tie = self.tied(frame, [expr.pattern]) if window.ordered else None
        if isinstance(expr.range, ir.Since):
            more = self.tied(frame, [expr.range.pattern])
            tie = any_tie([Term("", tie=tie), Term("", tie=more)])
        return self.kept(frame, Term(value, bool(unknown) or window.missing is not None, settles, tie), "occurs")

    def occurs_joined(self, frame: Frame, expr: ir.Occurs, rows: Candidates, window: Window) -> Term:
        """The same, where candidates must be compared with the moment one by one."""
        t = frame.at[ir.TRIGGER][0]
        low = window.low
        both = isinstance(expr.range, ir.NoLaterThan)
        n = self.paired(frame, expr.pattern, rows, None if both else low, window.high, not_self=both, window=window)
        met = f"(coalesce({quoted(f'sure.{n}')}, 0) > 0)"
        doubts = [f"coalesce({quoted(f'maybe.{n}')}, 0) > 0"]
        gap = self.gap(expr.pattern.event, None if isinstance(expr.range, ir.NoLaterThan) else window.reach)
        settles = None
        if window.closes is not None:
            first = quoted(f"first.{n}")
            settles = f"CASE WHEN {met} AND {first} > {t} THEN {first} WHEN {met} THEN {SETTLED} ELSE {window.closes} END"
        return self.answer(frame, expr, rows, window, met, doubts, gap, settles)

    def paired(self, frame: Frame, pattern: ir.Pattern, rows: Candidates, low: Bound | None, high: Bound,
               *, not_self: bool = False, window: Window | None = None, value: str | None = None) -> int:
        """Every moment with every candidate of its keys in the range, counted: the number by which the columns
        sure.N, maybe.N, first.N, last.N, last_t.N, last_maybe.N and, of a value, sum.N and unknown.N are named."""
        self.keyed(frame, rows)
        self.count += 1
        n = self.count
        identity = self.identity(frame)
        mine = [f"m.{quoted(one)} AS {quoted(f'm:{one}')}" for one in frame.columns]
        theirs = [f"c.{quoted(one)} AS {quoted(f'c:{one}')}" for one in rows.frame.columns]
        on = [f"m.{quoted(self.key(frame, key))} = c.{quoted(key)}" for key in rows.keys]
        keyed = " AND ".join(on) or "TRUE"
        if low is not None:
            on.append(_prefixed_bound(low, "m").follows('c."t"', 'c."pos"'))
        on.append("NOT " + _prefixed_bound(high, "m").follows('c."t"', 'c."pos"'))
        own = self.own(frame, pattern.event)
        if not_self and own != "FALSE":
            on.append('c."pos" <> m."pos"')
        by = ", ".join(f"c.{quoted(key)}" for key in rows.keys)
        left = ", ".join(quoted(self.key(frame, key)) for key in rows.keys)
        if rows.keys:
            sql = (f"SELECT coalesce(sum(CAST(m.n AS DECIMAL(38,0)) * c.n), 0) FROM (SELECT {left}, count(*) AS n FROM "
                   f"{frame.name} GROUP BY {left}) AS m JOIN (SELECT {by.replace('c.', '')}, count(*) AS n FROM "
                   f"{rows.frame.name} GROUP BY {by.replace('c.', '')}) AS c ON {keyed}")
        else:
            sql = (f"SELECT (SELECT CAST(count(*) AS DECIMAL(38,0)) FROM {frame.name}) * (SELECT count(*) FROM "
                   f"{rows.frame.name})")
        self.guards.append(Guard(pattern, len(self.steps), sql))
        pairs = self.step("pairs", f"SELECT {', '.join([*mine, *theirs])} FROM {frame.name} AS m JOIN "
                          f"{rows.frame.name} AS c ON {' AND '.join(on)}", f"each moment with each {pattern.event}")
        at = frame.at[ir.TRIGGER]
        both = Frame(pairs, [*(f"m:{one}" for one in frame.columns), *(f"c:{one}" for one in rows.frame.columns)],
                     {ir.TRIGGER: "m:", ir.CANDIDATE: "c:"},
                     {ir.TRIGGER: (_moved(at[0], "m"), at[1] and _moved(at[1], "m"), at[2] and _moved(at[2], "m")),
                      ir.CANDIDATE: ('"c:t"', '"c:pos"', '"c:instant"')}, frame.events, dict(frame.variables), ties=False)
        asked = [self.condition(both, part) for part in rows.outer]
        for column, other in rows.equal:
            asked.append(compare("=", Term(quoted(f"c:{column}")), self.value(both, other)))
        if rows.sure != "TRUE":
            asked.append(Term(f"CASE WHEN {_moved(rows.sure, 'c')} THEN TRUE END"))
        if window is not None:
            asked += [Term(f"CASE WHEN {_moved_bound(one, 'm').follows(quoted('c:t'), quoted('c:pos'))} THEN TRUE END")
                      for one in window.surely]
            asked += [Term(f"CASE WHEN NOT {_moved(window.unsure, 'm')} THEN TRUE END")] if window.unsure else []
        held = self.kept(both, all_of(asked), "held")
        self.drop(both, f"{held.sql} IS NOT FALSE", "pairs that may match")
        group = [quoted(f"m:{one}") for one in identity]
        sums = [f"count(*) FILTER (WHERE {held.sql} IS TRUE) AS {quoted(f'sure.{n}')}",
                f"count(*) FILTER (WHERE {held.sql} IS NULL) AS {quoted(f'maybe.{n}')}",
                f"min({quoted('c:t')}) FILTER (WHERE {held.sql} IS TRUE) AS {quoted(f'first.{n}')}",
                f"max({quoted('c:pos')}) FILTER (WHERE {held.sql} IS TRUE) AS {quoted(f'last.{n}')}",
                f"max({quoted('c:t')}) FILTER (WHERE {held.sql} IS TRUE) AS {quoted(f'last_t.{n}')}",
                f"max({quoted('c:pos')}) FILTER (WHERE {held.sql} IS NULL) AS {quoted(f'last_maybe.{n}')}"]
        if value is not None:
            moved = _moved(value, "c")
            sums += [f"sum(CASE WHEN {held.sql} THEN {moved} END) AS {quoted(f'sum.{n}')}",
                     f"count(*) FILTER (WHERE {held.sql} IS NULL OR {moved} IS NULL) AS {quoted(f'unknown.{n}')}"]
        if both.hard:
            hard = " OR ".join(f"coalesce({one}, FALSE)" for one in both.hard)
            sums.append(f"bool_or({hard}) AS {quoted(f'hard.{n}')}")
        summed = self.step("summed", f"SELECT {', '.join(group)}, {', '.join(sums)} FROM {both.name} GROUP BY "
                           f"{', '.join(group)}", "what each moment met")
        aliases = [*(f"{one}.{n}" for one in ("sure", "maybe", "first", "last", "last_t", "last_maybe")), *([f"sum.{n}", f"unknown.{n}"] if value else []),
                   *([f"hard.{n}"] if both.hard else [])]
        back = " AND ".join(f"m.{quoted(one)} = s.{quoted(f'm:{one}')}" for one in identity)
        frame.name = self.step("answered", f"SELECT m.*, {', '.join(f's.{quoted(one)}' for one in aliases)} FROM "
                               f"{frame.name} AS m LEFT JOIN {summed} AS s ON {back}", "moments with what they met")
        frame.columns += aliases
        if both.hard:
            frame.hard.append(quoted(f"hard.{n}"))
        return n

    def identity(self, frame: Frame) -> list[str]:
        """The columns by which a row is known."""
        return ["pos"] if "pos" in frame.columns else ["first", "t", "base"]

    def tied(self, frame: Frame, patterns: Sequence[ir.Pattern], keys: Sequence[tuple[str, Term]] = (),
             owner: ir.Owner = ir.TRIGGER) -> str | None:
        """Whether a candidate shares the instant and sequence of the event that asks."""
        _, pos, instant = frame.at[owner] if owner in frame.at else frame.at[ir.TRIGGER]
        if not self.known.ties or not frame.ties or pos is None or instant is None:
            return None
        given = dict(keys)
        found = []
        for pattern in patterns:
            rows = self.candidates(pattern)
            self.count += 1
            n = self.count
            names = [quoted(key) for key in pattern.keys]
            pairs = [(given[key].sql if key in given else quoted(self.key(frame, key)), key) for key in pattern.keys]
            group = ", ".join(['"instant"', *names])
            on = " AND ".join([f'm.{instant} = r."instant"', *(f"{_prefixed(sql, 'm')} = r.{quoted(key)}"
                                                                for sql, key in pairs)])
            summed = self.step("ties", f'SELECT {group}, count(*) AS "n", min("pos") AS "p" FROM {rows.frame.name} '
                               f"GROUP BY {group}", f"each {pattern.event} by its instant")
            column = f"tie.{n}"
            frame.name = self.step("answered", f'SELECT m.*, coalesce(r."n" > 1 OR r."p" <> m.{pos}, FALSE) AS '
                                   f"{quoted(column)} FROM {frame.name} AS m LEFT JOIN {summed} AS r ON {on}",
                                   "whether another shares the instant")
            frame.columns.append(column)
            if rows.outer or rows.equal:
                frame.hard.append(quoted(column))
            else:
                found.append(Term("", tie=quoted(column)))
        return any_tie(found)

    def tally(self, frame: Frame, expr: ir.CountEvents | ir.SumEvents) -> tuple[str, str, str, str, Window]:
        """Of the candidates in a past range: how many match for certain, how many may, the sum of a field over those
        that match, how many say nothing about it or may not match."""
        rows = self.candidates(expr.pattern)
        window = self.window(frame, expr.range, expr.pattern.event, counting=True)
        value = None
        if isinstance(expr, ir.SumEvents):
            raw = self.value(rows.frame, ir.Get(ir.CANDIDATE, expr.path, expr.type, expr.default))
            wide = f"DECIMAL(38,{_scale(expr.type)})"
            value = self.extend(rows.frame, f"CAST({raw.sql} AS {wide})", "value", "what is summed")
        if rows.outer:
            n = self.paired(frame, expr.pattern, rows, window.low, window.high, window=window, value=value)
            sure, maybe, total, unknown = (f"coalesce({quoted(f'{one}.{n}')}, 0)" for one in
                                           ("sure", "maybe", "sum", "unknown"))
            return sure, maybe, total, unknown, window
        also = {} if value is None else {"sum": value, "unknown": f"CASE WHEN {value} IS NULL THEN 1 END"}

        def before(bound: Bound) -> tuple[str, str | None, list[str]]:
            """Those that match, those that may, and the sums, of all that stands before."""
            n = self.count
            (sure, maybe), = self.ask(frame, rows, bound, [("n", "1", "sum")],
                                      [(f"{one}_of.{n}", sql, "sum") for one, sql in also.items()])
            return sure, maybe, [quoted(f"{one}_of.{n}") for one in also]

        whole, perhaps, sums = before(window.high)
        sure = whole
        if window.low is not None:
            sure_low, maybe_low, sums_low = before(window.low)
            sure, perhaps = f"({whole} - {sure_low})", perhaps and f"({perhaps} - {maybe_low})"
            sums = [f"({one} - {low})" for one, low in zip(sums, sums_low, strict=True)]
        if window.surely or window.unsure:
            inside = self.extend(frame, sure, "inside", "all in the range")
            kept = [inside, *(f"({whole} - {before(bound)[0]})" for bound in window.surely)]
            sure = kept[0] if len(kept) == 1 else f"least({', '.join(kept)})"
            sure = f"(CASE WHEN {window.unsure} THEN 0 ELSE {sure} END)" if window.unsure else sure
            sure = self.extend(frame, sure, "surely", "of those, certainly")
            perhaps = f"({inside} - {sure}{f' + {perhaps}' if perhaps else ''})"
        if window.empty is not None:
            sure, *sums = (f"(CASE WHEN {window.empty} THEN 0 ELSE {one} END)" for one in (sure, *sums))
            perhaps = perhaps and f"(CASE WHEN {window.empty} THEN 0 ELSE {perhaps} END)"
        total, unknown = sums or ("0", "0")
        return sure, perhaps or "0", total, f"({unknown} + {perhaps})" if perhaps else unknown, window

    def count_events(self, frame: Frame, expr: ir.CountEvents) -> Term:
        """A number, or its ends where some are uncertain or history has a gap."""
        sure, maybe, _, _, window = self.tally(frame, expr)
        gap = self.gap(expr.pattern.event, window.reach)
        tie = self.tied(frame, [expr.pattern]) if window.ordered else None
        low = sure if window.missing is None else f"CASE WHEN NOT {window.missing} THEN {sure} END"
        high = None
        if maybe != "0" or gap != "FALSE":
            unknown = " OR ".join(one for one in (gap, window.missing) if one not in (None, "FALSE"))
            high = f"CASE WHEN NOT ({unknown}) THEN {sure} + {maybe} END" if unknown else f"({sure} + {maybe})"
        return self.kept(frame, Term(low, window.missing is not None, None, tie, high), "count")

    def sum_events(self, frame: Frame, expr: ir.SumEvents) -> Term:
        """The sum, missing where a candidate is uncertain or says nothing about the field."""
        _, _, total, unknown, window = self.tally(frame, expr)
        gap = self.gap(expr.pattern.event, window.reach)
        tie = self.tied(frame, [expr.pattern]) if window.ordered else None
        lost = [f"{unknown} > 0", *([gap] if gap != "FALSE" else []),
                *([window.missing] if window.missing is not None else [])]
        scale = _scale(expr.type)
        value = self.extend(frame, f"CASE WHEN NOT ({' OR '.join(lost)}) THEN {total} END", "sum", "the sum")
        frame.hard.append(f"(abs({value}) >= {LIMIT})")
        small = f"CAST(CASE WHEN abs({value}) < {LIMIT} THEN {value} END AS {f'DECIMAL({18 + scale},{scale})' if scale else 'BIGINT'})"
        return self.kept(frame, Term(small, True, None, tie, scale=scale), "sum")

    def latest(self, frame: Frame, expr: ir.Latest) -> Term:
        """A field of the latest candidate before the moment."""
        rows = self.candidates(expr.pattern)
        raw = self.value(rows.frame, ir.Get(ir.CANDIDATE, expr.path, expr.type, expr.default))
        n = self.count
        latest_t, known, latest = (f"{one}.{n}" for one in ("latest_t", "known_pos", "latest"))
        if rows.outer:
            held = self.extend(rows.frame, raw.sql, "value", "what is asked")
            n = self.paired(frame, expr.pattern, rows, None, self.standing(frame))
            last, maybe, latest_t = quoted(f"last.{n}"), quoted(f"last_maybe.{n}"), f"last_t.{n}"
            frame.name = self.step("answered", f"SELECT m.*, r.{held} AS {quoted(latest)} FROM {frame.name} AS m LEFT JOIN "
                                   f'{rows.frame.name} AS r ON r."pos" = m.{last}', "the field of the latest")
            frame.columns.append(latest)
            value = f"CASE WHEN {last} > coalesce({maybe}, -1) THEN {quoted(latest)} END"
        else:
            (last, perhaps), = self.ask(frame, rows, self.standing(frame), [("latest_pos", '"pos"', "last")], [
                (latest_t, '"t"', "last"), (known, f'CASE WHEN {raw.sql} IS NOT NULL THEN "pos" END', "last"),
                (latest, raw.sql, "last")])
            last = last if perhaps is None else f"greatest({last}, {perhaps})"
            value = f"CASE WHEN {quoted(known)} = {last} THEN {quoted(latest)} END"
        gap = self.gap(expr.pattern.event, quoted(latest_t))
        if gap != "FALSE":
            value = f"CASE WHEN NOT {gap} THEN {value} END"
        tie = self.tied(frame, [expr.pattern])
        return self.kept(frame, Term(value, True, None, tie, scale=_scale(expr.type)), "latest")

    # ---- states

    def keys_of(self, frame: Frame, keys: tuple[tuple[str, ir.Expr], ...]) -> list[tuple[str, Term]]:
        """The values a state is asked with."""
        return [(name, self.kept(frame, self.value(frame, expr), "key")) for name, expr in keys]

    def stands(self, frame: Frame, at: ir.Owner) -> tuple[str, Bound]:
        """The instant and place a state is read at."""
        owner = at if at in frame.at else ir.TRIGGER if ir.TRIGGER in frame.at else ir.CANDIDATE
        t, pos, _ = frame.at[owner]
        return t, Bound(t) if pos is None else Bound(None, pos)

    def in_state(self, frame: Frame, expr: ir.InState) -> Term:
        """Whether a boolean state holds just before the trigger, or the candidate."""
        state = self.states[expr.state]
        assert isinstance(state, ir.BooleanState)
        asked = self.keys_of(frame, expr.keys)
        now, bound = self.stands(frame, expr.at)
        lasting = None if state.lasting is None else self.static(state.lasting)
        lost = state.lasting is not None and lasting is None
        n = self.count
        groups: dict[tuple[str, ...], list[tuple[ir.Pattern, bool]]] = {}
        for patterns, going in ((state.starts, True), (state.ends, False)):
            for pattern in patterns:
                groups.setdefault(tuple(sorted(pattern.keys)), []).append((pattern, going))
        life = unsure_life = None
        given = dict(asked)
        found: dict[str, list[str]] = {"change": [], "changed": [], "started": [], "ended": []}
        for index, (keys, patterns_of) in enumerate(groups.items()):
            starting = any(going for _, going in patterns_of)
            rows, doubtful = self.changes(patterns_of, keys, lasting if starting else None)
            measures = {"change": 'CASE WHEN "sure" THEN "pos" * 2 + "start" END', "changed": 'CASE WHEN "sure" THEN "t" END'}
            if doubtful:
                measures["ended"] = 'CASE WHEN NOT "sure" AND "start" = 0 THEN "pos" * 2 END'
            if doubtful and starting:
                measures["started"] = 'CASE WHEN NOT "sure" AND "start" = 1 THEN "pos" * 2 + 1 END'
            for name, ones in found.items():
                ones += [quoted(f"{name}.{n}.{index}")] if name in measures else []
            if starting and isinstance(lasting, Period):
                life = quoted(f"life.{n}.{index}")
                measures["life"] = 'CASE WHEN "sure" THEN "life" END'
                if doubtful:
                    unsure_life = quoted(f"unsure_life.{n}.{index}")
                    measures["unsure_life"] = 'CASE WHEN NOT "sure" THEN "life" END'
            # An event that ends and starts it comes twice, first as an end.
            self.sweep(frame, rows, [(given[key].sql, key) for key in keys], bound,
                       [(f"{name}.{n}.{index}", sql, "max" if name == "change" else "last") for name, sql in
                        measures.items()])
        last, since, started, perhaps_ended = (
            "" if not ones else ones[0] if len(ones) == 1 else
            self.extend(frame, f"greatest({', '.join(ones)})", name, "the latest change") for name, ones in found.items())
        holds = f"coalesce({last} % 2 = 1{f' AND {now} < {life}' if life else ''}, FALSE)"
        # Every change that may be one after the last that is adds a possibility: the state holds, or does not.
        standing = f" AND {now} < {unsure_life}" if unsure_life else ""
        may_hold = [holds, *([f"coalesce({started} > coalesce({last}, -1){standing}, FALSE)"] if started else [])]
        may_not = [f"NOT {holds}", *([f"coalesce({perhaps_ended} > coalesce({last}, -1), FALSE)"] if perhaps_ended else [])]
        value = holds
        if lost or started or perhaps_ended:
            true = "" if lost else f" WHEN NOT ({' OR '.join(may_not)}) THEN TRUE"
            value = f"CASE WHEN NOT ({' OR '.join(may_hold)}) THEN FALSE{true} END"
        ended = self.gaps([one.event for one in state.ends], since)
        reach = since
        if isinstance(lasting, Period):
            reach = f"greatest({since}, {self.earliest(frame, now, lasting)})"
        begun = self.gaps([one.event for one in state.starts], reach)
        if ended != "FALSE" or begun != "FALSE":
            value = (f"CASE WHEN ({value}) THEN CASE WHEN NOT ({ended}) THEN TRUE END "
                     f"WHEN NOT ({value}) THEN CASE WHEN NOT ({begun}) THEN FALSE END END")
        nullable = value != holds
        unknown = [f"{one.sql} IS NULL" for _, one in asked if one.nullable]
        if unknown:
            value, nullable = f"CASE WHEN NOT ({' OR '.join(unknown)}) THEN {value} END", True
        tie = self.tied(frame, [*state.starts, *state.ends], asked, expr.at)
        return self.kept(frame, Term(value, nullable, None, self.asked_tie(asked, tie)), "state")

    def asked_tie(self, asked: Sequence[tuple[str, Term]], tie: str | None) -> str | None:
        """Whether a state rests on a tie; where a key is missing, whether that key does."""
        lost = [one for _, one in asked if one.nullable]
        lost_tie = any_tie(Term("", tie=f"({missing(one)} AND {one.tie})") for one in lost if one.tie is not None)
        if not lost or (tie is None and lost_tie is None):
            return tie
        return f"(CASE WHEN {' OR '.join(map(missing, lost))} THEN {lost_tie or 'FALSE'} ELSE {tie or 'FALSE'} END)"

    def changes(self, patterns: Sequence[tuple[ir.Pattern, bool]], keys: Sequence[str], lasting: Any,
                ) -> tuple[str, bool]:
        """The events that start and end a state, as one table; whether any of them is uncertain."""
        made = ("changes", repr(patterns), tuple(keys), repr(lasting))
        if made in self.made:
            found: tuple[str, bool] = self.made[made]
            return found
        parts = []
        doubtful = False
        for pattern, going in patterns:
            rows = self.candidates(pattern)
            if rows.equal or rows.outer:
                raise Unsupported("a state whose events are compared with the trigger")
            doubtful = doubtful or rows.sure != "TRUE"
            life = "CAST(NULL AS BIGINT)"
            name = rows.frame.name
            if going and isinstance(lasting, Period):
                copy = Frame(name, list(rows.frame.columns), {}, {})
                life = self.closes(copy, '"t"', lasting)
                name = copy.name
            names = ", ".join(f"0 AS {quoted(key)}" if key == WHOLE else quoted(key) for key in keys)
            parts.append(f'SELECT "t", "pos", {int(going)} AS "start", {rows.sure} AS "sure", {life} AS "life"'
                         f"{f', {names}' if names else ''} FROM {name}")
        result = self.step("changes", " UNION ALL ".join(parts), "starts and ends"), doubtful
        self.made[made] = result
        return result

    def state_value(self, frame: Frame, expr: ir.StateValue) -> Term:
        """The value of a valued state: the latest known of its first tier that has one."""
        state = self.states[expr.state]
        assert isinstance(state, ir.ValuedState)
        asked = self.keys_of(frame, expr.keys)
        given = dict(asked)
        _, bound = self.stands(frame, expr.at)
        cases = []
        for place, tier in enumerate(state.tiers):
            parts: list[str] = []
            doubtful = False
            for source in tier:
                rows = self.candidates(source.pattern)
                if rows.equal or rows.outer:
                    raise Unsupported("a state whose events are compared with the trigger")
                doubtful = doubtful or rows.sure != "TRUE"
                raw = self.value(rows.frame, ir.Get(ir.CANDIDATE, source.path, state.type, source.default))
                said = Column(source.path, state.type, True).said_name
                carried = "" if source.default is not None else f" WHERE {quoted(said)}"
                names = ", ".join(map(quoted, sorted(dict(expr.keys))))
                parts.append(f'SELECT "t", "pos", {len(parts)} AS "rank", {rows.sure} AS "sure", {raw.sql} AS "value"'
                             f"{f', {names}' if names else ''} FROM {rows.frame.name}{carried}")
            told = self.step("told", " UNION ALL ".join(parts), f"what tells the {state.name}")
            if len({source.pattern.event for source in tier}) < len(tier):
                names = ", ".join(map(quoted, sorted(dict(expr.keys))))
                first = (f'row_number() OVER (PARTITION BY "pos"{f", {names}" if names else ""} ORDER BY "rank")')
                told = self.step("told", f'SELECT * FROM (SELECT *, {first} AS "n" FROM {told}) AS r WHERE "n" = 1',
                                 "of one event, the source that is named first")
            self.count += 1
            n = self.count
            keys = [(given[key].sql, key) for key in sorted(given)]
            measures = [(f"told_pos.{n}", '"pos"', "last"), (f"told_t.{n}", '"t"', "last"),
                        (f"known_pos.{n}", 'CASE WHEN "value" IS NOT NULL THEN "pos" END', "last"),
                        (f"value.{n}", '"value"', "last")]
            if doubtful:
                measures.append((f"unsure_pos.{n}", 'CASE WHEN NOT "sure" THEN "pos" END', "last"))
            self.sweep(frame, told, keys, bound, measures)
            latest, known = quoted(f"told_pos.{n}"), quoted(f"known_pos.{n}")
            if doubtful:
                cases.append(f"WHEN {quoted(f'unsure_pos.{n}')} = {latest} THEN NULL")
            gap = self.gaps([one.pattern.event for one in tier], quoted(f"told_t.{n}"))
            if gap != "FALSE":
                cases.append(f"WHEN {gap} THEN NULL")
            cases.append(f"WHEN {known} = {latest} THEN {quoted(f'value.{n}')}")
            assert place < len(state.tiers)
        value = f"CASE {' '.join(cases)} END"
        unknown = [f"{one.sql} IS NULL" for _, one in asked if one.nullable]
        if unknown:
            value = f"CASE WHEN NOT ({' OR '.join(unknown)}) THEN {value} END"
        sources = [source.pattern for tier in state.tiers for source in tier]
        tie = self.asked_tie(asked, self.tied(frame, sources, asked, expr.at))
        return self.kept(frame, Term(value, True, None, tie, scale=_scale(expr.type)), "state")

    # ---- runs

    def members(self, name: str) -> tuple[tuple[str, ...], Sequence[ir.Pattern], Sequence[ir.Pattern], Any, bool]:
        """Of an episode or state: its keys, the patterns that begin or continue it, those that end it, how long one of
        the former carries, and whether nobody knows how long."""
        if name in self.episodes:
            episode = self.episodes[name]
            return episode.keys or (WHOLE,), episode.events, episode.ends, self.static_period(episode.gap), False
        state = self.states[name]
        assert isinstance(state, ir.BooleanState)
        lasting = None if state.lasting is None else self.static(state.lasting)
        return state.keys or (WHOLE,), state.starts, state.ends, lasting, state.lasting is not None and lasting is None

    def asked_runs(self, frame: Frame, keys: Sequence[str]) -> list[tuple[str, str]]:
        """What of the moment must be equal for a run to be its own."""
        return [("0" if key == WHOLE else quoted(self.key(frame, key)), key) for key in keys]

    def runs(self, name: str) -> tuple[tuple[str, ...], str]:
        """The keys of an episode or state, and a row for each event that begins, continues or ends a run of it: `run_t`
        and `run_pos` are the start of its run, `prev_t` the event before it, `new` where it begins one, `closing`
        where it ends one, `doubt_pos` the latest event that left doubt."""
        made = ("runs", name)
        if made in self.made:
            found: tuple[tuple[str, ...], str] = self.made[made]
            return found
        keys, starts, ends, lasting, lost = self.members(name)
        names = ", ".join(map(quoted, keys))
        begin, _ = self.changes([(pattern, True) for pattern in starts], keys, lasting)
        if len({pattern.event for pattern in starts}) < len(starts):
            begin = self.step("changes", f'SELECT "t", "pos", 1 AS "start", bool_and("sure") AS "sure", max("life") AS '
                              f'"life", {names} FROM {begin} GROUP BY "t", "pos", {names}', "each event once")
        parts = [f'SELECT "t", "pos", "start", "sure", "life", {names} FROM {begin}']
        for pattern in ends:
            rows = self.candidates(pattern)
            heard = self.spread_over(rows, keys, begin)
            parts.append(f'SELECT "t", "pos", 0, "sure", CAST(NULL AS BIGINT), {names} FROM {heard}')
        changes = self.step("changes", " UNION ALL ".join(parts), f"events of {name}")
        by = f'PARTITION BY {names} ORDER BY "pos" * 2 + "start"'
        prior = f"OVER ({by} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        upto = f"OVER ({by} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        ended = (f', max(CASE WHEN "start" = 0 AND "sure" THEN "pos" END) {prior} AS "end_pos", '
                 f'max(CASE WHEN "start" = 0 AND "sure" THEN "t" END) {prior} AS "end_t"' if ends else
                 ', CAST(NULL AS BIGINT) AS "end_pos", CAST(NULL AS BIGINT) AS "end_t"')
        looked = self.step("looked", f'SELECT *, max(CASE WHEN "start" = 1 THEN "t" END) {prior} AS "prev_t", '
                           f'max(CASE WHEN "start" = 1 THEN "pos" END) {prior} AS "prev_pos", max("life") {prior} AS '
                           f'"prev_life"{ended} FROM {changes}', "each with the one before")
        still = 'coalesce("t" < "prev_life", TRUE) AND coalesce("end_pos" <= "prev_pos", TRUE)'
        joined = self.step("joined", f'SELECT *, "start" = 1 AS "going", "start" = 1 AND NOT coalesce("prev_pos" IS NOT '
                           f'NULL AND {still}, FALSE) AS "new", "start" = 0 AND "prev_pos" IS NOT NULL AND {still} AS '
                           f'"closing" FROM {looked}', "where a run begins, and where it may end")
        doubts = ['("going" AND NOT "sure")', '("closing" AND NOT "sure")']
        if lost:
            doubts.append('"going"')
        else:
            reach = '"t"'
            if name in self.episodes:
                reach = f'("t" - {lasting.count})'
            else:
                reach = '"end_t"'
                if isinstance(lasting, Period):
                    copy = Frame(joined, [], {}, {})
                    holds = self.earliest(copy, '"t"', lasting)
                    joined = copy.name
                    reach = f'greatest("end_t", {holds})'
            for patterns, back in ((starts, reach), (ends, '"t"')):
                gap = self.gaps([pattern.event for pattern in patterns], back)
                if gap != "FALSE":
                    doubts.append(f'("new" AND {gap})')
        doubted = self.step("doubted", f'SELECT *, {" OR ".join(doubts)} AS "doubt" FROM {joined}', "where doubt arises")
        result = keys, self.step(
            "runs", f'SELECT *, max(CASE WHEN "new" THEN "t" END) {upto} AS "run_t", max(CASE WHEN "new" THEN "pos" END) '
            f'{upto} AS "run_pos", max(CASE WHEN "doubt" THEN "pos" END) {upto} AS "doubt_pos" FROM {doubted}',
            "each with the start of its run")
        self.made[made] = result
        return result

    def long_runs(self, name: str, longer: int) -> str | None:
        """The rows of `runs`, of those runs alone that last longer than so many microseconds, which are few: the start
        of a run is not carried along every event. None where the episode has ends, or members that are uncertain."""
        keys, starts, ends, gap, _ = self.members(name)
        events = [pattern.event for pattern in starts]
        if ends or name not in self.episodes or self.gaps(events, '"t"') != "FALSE" or not keys:
            return None
        rows, doubtful = self.changes([(pattern, True) for pattern in starts], keys, None)
        if doubtful or len(set(events)) < len(events):
            return None
        names = ", ".join(map(quoted, keys))
        on = " AND ".join(f"m.{quoted(key)} = r.{quoted(key)}" for key in keys)
        followed = self.step("followed", f'SELECT "t", "pos", {names}, lag("t") OVER (PARTITION BY {names} ORDER BY "pos") '
                             f'AS "prev_t" FROM {rows}', f"events of {name}, each with the one before")
        begun = self.step("begun", f'SELECT "t" AS "run_t", "pos" AS "run_pos", {names}, lead("prev_t") OVER (PARTITION BY '
                          f'{names} ORDER BY "pos") AS "last_t" FROM {followed} WHERE "prev_t" IS NULL OR "t" - "prev_t" > '
                          f"{gap.count}", "where a run begins")
        ends_at = self.step("last", f'SELECT {names}, max("t") AS "end_t" FROM {rows} GROUP BY {names}',
                            "the last event of each key")
        long = self.step("long", f'SELECT r."run_t", r."run_pos", {", ".join(f"r.{quoted(key)}" for key in keys)}, '
                         f'coalesce(r."last_t", m."end_t") AS "last_t" FROM {begun} AS r JOIN {ends_at} AS m ON {on} WHERE '
                         f'coalesce(r."last_t", m."end_t") - r."run_t" > {longer}', "runs that pass a mark")
        return self.step("members", f'SELECT m."t", m."pos", m."prev_t", r."run_t", r."run_pos", TRUE AS "going", FALSE AS '
                         f'"new", CAST(NULL AS BIGINT) AS "doubt_pos", {", ".join(f"r.{quoted(key)}" for key in keys)} FROM '
                         f'{followed} AS m JOIN {long} AS r ON {on} AND m."t" > r."run_t" AND m."t" <= r."last_t"',
                         "their events")

    def whole_runs(self, name: str) -> tuple[tuple[str, ...], str]:
        """One row a run: its start, its last event, `ended` the first instant at which a mark is no longer passed, the
        first event that left doubt, and when the next run begins."""
        made = ("whole runs", name)
        if made in self.made:
            found: tuple[tuple[str, ...], str] = self.made[made]
            return found
        keys, rows = self.runs(name)
        names = ", ".join(map(quoted, keys))
        summed = self.step(
            "whole", f'SELECT {names}, "run_t", "run_pos", max("t") FILTER (WHERE "going") AS "last_t", coalesce(min("t") '
            f'FILTER (WHERE "closing" AND "sure"), max("life") - 1) AS "ended", min("t") FILTER (WHERE "doubt") AS '
            f'"doubt_t" FROM {rows} WHERE "run_pos" IS NOT NULL GROUP BY {names}, "run_t", "run_pos"', "one row a run")
        result = keys, self.step(
            "whole", f'SELECT *, min("run_t") OVER (PARTITION BY {names} ORDER BY "run_t" RANGE BETWEEN 1 FOLLOWING AND '
            f'UNBOUNDED FOLLOWING) AS "next_t" FROM {summed}', "each with the start of the next")
        self.made[made] = result
        return result

    def run_of(self, frame: Frame, name: str) -> tuple[str, str]:
        """The start of the run a moment belongs to, by the events up to its instant, NULL where it belongs to none; and
        whether it is uncertain."""
        keys, rows = self.runs(name)
        t, pos, _ = frame.at[ir.TRIGGER]
        asked = self.asked_runs(frame, keys)
        self.count += 1
        n = self.count
        self.sweep(frame, self.step("members", f'SELECT * FROM {rows} WHERE "going"', "events of the run"), asked,
                   Bound(f"({t} + 1)"), [(f"run_t.{n}", '"run_t"', "last"), (f"run_pos.{n}", '"run_pos"', "last"),
                                         (f"last_t.{n}", '"t"', "last")])
        self.sweep(frame, self.step("doubts", f'SELECT * FROM {rows} WHERE "doubt"', "what left doubt"), asked,
                   Bound(f"({t} + 1)"), [(f"doubt.{n}", '"pos"', "last")])
        closed = "FALSE"
        if self.episodes[name].ends:
            self.sweep(frame, self.step("ends", f'SELECT * FROM {rows} WHERE "closing" AND "sure"', "ends of runs"), asked,
                       Bound(t) if pos is None else Bound(None, pos), [(f"closed.{n}", '"pos"', "last")])
            closed = f"coalesce({quoted(f'closed.{n}')} > {quoted(f'run_pos.{n}')}, FALSE)"
        gap = self.static_period(self.episodes[name].gap).count
        inside = f"NOT {closed} AND {t} - {quoted(f'last_t.{n}')} <= {gap}"
        start = self.extend(frame, f"CASE WHEN {inside} THEN {quoted(f'run_t.{n}')} END", "run", f"the {name} it is in")
        doubt = f"coalesce({start} IS NOT NULL AND {quoted(f'doubt.{n}')} >= {quoted(f'run_pos.{n}')}, FALSE)"
        if self.known.sources is not None:
            # Where a run may have begun unseen, it may hold what was before it.
            frame.hard.append(doubt)
        return start, self.extend(frame, doubt, "doubt", "whether the run is uncertain")

    def episode_duration(self, frame: Frame, expr: ir.EpisodeDuration) -> Term:
        """Elapsed time of the runs inside a past range, up to the moment."""
        if self.static(self.episodes[expr.episode].gap) is None:
            return MISSING
        keys, rows = self.runs(expr.episode)
        episode = self.episodes[expr.episode]
        window = self.window(frame, expr.range, "")
        # After the latest of none is from the beginning.
        back = window.reach if not isinstance(expr.range, ir.Since) else f"coalesce({window.reach}, {EARLIEST})"
        t = frame.at[ir.TRIGGER][0]
        known = '"known"' if "known" in frame.columns else t
        going = self.step("lasting", f'SELECT *, CASE WHEN "new" THEN 0 ELSE "t" - "prev_t" END AS "lasted" FROM {rows} '
                          'WHERE "going"', "how long each event made the run")
        asked = self.asked_runs(frame, keys)

        def until(instant: str) -> str:
            """All there was up to an instant, the stretch that it cuts included as far as its end is known."""
            self.count += 1
            n = self.count
            self.sweep(frame, going, asked, Bound(f"({instant} + 1)"), [(f"lasted.{n}", '"lasted"', "sum"),
                                                                       (f"last_t.{n}", '"t"', "last")])
            self.sweep(frame, going, asked, Bound(f"({instant} + 1)"), [
                (f"next_t.{n}", '"t"', "first"),
                (f"next_new.{n}", 'CASE WHEN "new" THEN 1 ELSE 0 END', "first")])
            return (f"({quoted(f'lasted.{n}')} + CASE WHEN {quoted(f'next_new.{n}')} = 0 AND {quoted(f'next_t.{n}')} <= "
                    f"{known} THEN {instant} - {quoted(f'last_t.{n}')} ELSE 0 END)")

        total = self.extend(frame, until(t), "lasted", f"how long {expr.episode} lasted up to the moment")
        if back is not None:
            total = self.extend(frame, f"({total} - {until(back)})", "lasted", "of that, inside the range")
        self.count += 1
        n = self.count
        doubted = self.step("doubts", f'SELECT *, CASE WHEN "going" THEN "t" ELSE "prev_t" END AS "upto" FROM {rows} WHERE '
                            '"doubt" OR ("going" AND "doubt_pos" >= "run_pos")', "what is uncertain of runs")
        self.sweep(frame, doubted, asked, Bound(f"({known} + 1)"), [(f"doubt.{n}", '"upto"', "last"),
                                                                    (f"doubt_run.{n}", '"run_t"', "last")])
        doubt, run = quoted(f"doubt.{n}"), quoted(f"doubt_run.{n}")
        # Of a run that begins after the moment nothing counts, and one before it may be uncertain too.
        frame.hard.append(f"({run} > {t})")
        uncertain = f"coalesce({doubt} >= {back or EARLIEST}, FALSE)"
        unsure = [f"({one.p} > {window.low.p})" for one in window.surely if one.p and window.low and window.low.p]
        unsure += [window.unsure] if window.unsure else []
        frame.hard += [window.gap] if window.gap != "FALSE" else []
        reach = None if back is None else f"({back} - {self.static_period(episode.gap).count})"
        gap = self.gaps([pattern.event for pattern in episode.events], reach)
        lost = [one for one in (gap, window.missing, uncertain, *unsure) if one not in (None, "FALSE")]
        value = total if not lost else f"CASE WHEN NOT ({' OR '.join(map(str, lost))}) THEN {total} END"
        return Term(value, bool(lost))

    # ---- history and calendars

    def gap(self, event: str, reach: str | None) -> str:
        """Whether the sources may not show every event of the type from `reach` on (None: from the beginning)."""
        sources = self.known.sources
        if sources is None:
            return "FALSE"
        if event not in sources.complete:
            return "TRUE"
        since = sources.complete[event]
        if since is None:
            return "FALSE"
        return "TRUE" if reach is None else f"(coalesce({reach}, {SETTLED}) < {since})"

    def gaps(self, events: Iterable[str], reach: str | None) -> str:
        """The same of any of several types."""
        found = list(dict.fromkeys(self.gap(event, reach) for event in events))
        if "TRUE" in found:
            return "TRUE"
        kept = [one for one in found if one != "FALSE"]
        return "FALSE" if not kept else f"({' OR '.join(kept)})"

    def local_day(self, t: str) -> str:
        """The local day of an instant, counted from 1 January 1970."""
        return floor_div(f"({t} + {self.known.horizon.offset(t)})", DAY)

    def days(self, date: str) -> str:
        """A date as the number of its day."""
        return f"date_diff('day', CAST('1970-01-01' AS DATE), {date})"

    def lookup(self, kind: str, period: Period | None, *, repeated: bool = False) -> str:
        """The name, as a literal, under which the calendar has what is looked up."""
        found = Lookup.of(kind, period, repeated)
        self.lookups[found] = None
        return text(found.what)

    def look_up(self, frame: Frame, kind: str, period: Period | None, day: str) -> str:
        """An instant of the calendar, by local day."""
        what = self.lookup(kind, period)
        self.count += 1
        column = f"{kind}.{self.count}"
        if frame.inline and any(re.search(rf"\b{one.sql}\b", day) for one in frame.variables.values() if isinstance(
                one, Term)):
            raise Unsupported("so much asked of each element of a list")
        inline, frame.inline = frame.inline, False
        asked = self.extend(frame, day, "day", "the local day")
        frame.inline = inline
        frame.name = self.step("dated", f'SELECT m.*, c."instant" AS {quoted(column)} FROM {frame.name} AS m LEFT JOIN '
                               f'calendar AS c ON c."what" = {what} AND c."k" = 1 AND c."day" = m.{asked}',
                               "by the calendar")
        frame.columns.append(column)
        return quoted(column)

    def closes(self, frame: Frame, t: str, period: Period) -> str:
        """The first instant too late."""
        if period.is_elapsed:
            return f"({t} + {period.count + 1})"
        return self.look_up(frame, "closes", period, self.local_day(t))

    def closes_of(self, frame: Frame, t: str, period: ir.Expr) -> Term:
        """The same for a period that the policy or an event names."""
        if not self.dynamic(period):
            value = self.static(period)
            return MISSING if value is None else Term(self.closes(frame, t, value), False)
        count = self.kept(frame, self.value(frame, period), "period")
        kind = _type(period)
        if isinstance(kind, types.Period) and kind.unit == "elapsed":
            return Term(f"({t} + {count.sql} + 1)", count.nullable)
        if kind == types.Period("day") and not self.known.calendar.moves_to_working_day:
            ends = self.look_up(frame, "midnight", None, f"({self.local_day(t)} + {count.sql} + 1)")
            frame.hard.append(f"({count.sql} IS NOT NULL AND {ends} IS NULL)")
            return Term(ends, count.nullable)
        raise Unsupported("a legal period that an event names")

    def earliest(self, frame: Frame, t: str, period: Period) -> str:
        """The first instant within whose period the moment lies."""
        if period.is_elapsed:
            return f"({t} - {period.count})"
        return self.look_up(frame, "earliest", period, self.local_day(t))

    def earliest_of(self, frame: Frame, t: str, period: ir.Expr) -> Term:
        """The same for a period that the policy or an event names."""
        if not self.dynamic(period):
            value = self.static(period)
            return MISSING if value is None else Term(self.earliest(frame, t, value), False)
        count = self.kept(frame, self.value(frame, period), "period")
        kind = _type(period)
        if isinstance(kind, types.Period) and kind.unit == "elapsed":
            return Term(f"({t} - {count.sql})", count.nullable)
        if kind == types.Period("day") and not self.known.calendar.moves_to_working_day:
            begins = self.look_up(frame, "midnight", None, f"({self.local_day(t)} - {count.sql})")
            frame.hard.append(f"({count.sql} IS NOT NULL AND {begins} IS NULL)")
            return Term(begins, count.nullable)
        raise Unsupported("a legal period that an event names")

    def static_period(self, expr: ir.Expr) -> Period:
        """A period that the trace does not decide."""
        value = self.static(expr)
        if not isinstance(value, Period) or value.count <= 0:
            raise Unsupported("a period that is not known before the trace is read")
        return value

    def static(self, expr: ir.Expr) -> Any:
        """The value of an expression that neither an event nor a moment decides."""
        if self.dynamic(expr):
            raise Unsupported("a length that an event decides")
        return self.reckoned(value_of, expr, self.here)

    def reckoned(self, by: Callable[[ir.Expr, Here, World], Any], expr: ir.Expr, here: Here) -> Any:
        """What the evaluator says of an expression that neither an event nor a moment decides."""
        try:
            value = by(expr, here, self.world).value
        except (Overflow, OutOfRange) as problem:
            # An error where it is asked, and nothing where no event makes it asked: the evaluator knows.
            raise Unsupported(str(problem) or "a number with more than 18 digits before the point") from None
        return value

    def dynamic(self, expr: Any, variables: Iterable[str] = ()) -> bool:
        """Whether an event or the moment has a part in an expression."""
        return any(isinstance(node, _OF_THE_MOMENT) or (isinstance(node, ir.Get) and (
            node.owner in (ir.TRIGGER, ir.CANDIDATE) or node.owner in variables)) for node in _nodes(expr))

    # ---- expressions

    def condition(self, frame: Frame, expr: ir.Expr) -> Term:
        """A condition, three-valued."""
        if not self.dynamic(expr, _bound(frame)):
            return literal(self.reckoned(condition_of, expr, self.standing_with(frame)), types.Bool())
        match expr:
            case ir.Not():
                return negation(self.condition(frame, expr.part))
            case ir.And():
                return all_of([self.kept(frame, self.condition(frame, part), "part") for part in expr.parts])
            case ir.Or():
                return any_of([self.kept(frame, self.condition(frame, part), "part") for part in expr.parts])
            case ir.Quantified():
                return self.quantified(frame, expr)
            case ir.Present():
                return present(self.value(frame, expr.operand))
            case ir.Occurs():
                return self.answered(frame, lambda: self.occurs(frame, expr), "occurs")
            case ir.InState():
                return self.answered(frame, lambda: self.in_state(frame, expr), "in_state")
            case _:
                return self.value(frame, expr)

    def standing_with(self, frame: Frame) -> Here:
        """Nowhere in the trace, with the elements that quantifiers have in view."""
        seen = {name: one for name, one in frame.variables.items() if not isinstance(one, Term)}
        return Here(self.here.time, self.here.known, 0, {}, None, variables=seen)

    def value(self, frame: Frame, expr: ir.Expr) -> Term:
        """A value, NULL when missing."""
        if not self.dynamic(expr, _bound(frame)):
            return literal(self.reckoned(value_of, expr, self.standing_with(frame)), _type(expr))
        match expr:
            case ir.Get():
                return self.get(frame, expr)
            case ir.ListValue():
                return listed([_exact(self.kept(frame, self.value(frame, item), "item")) for item in expr.items])
            case ir.Today():
                return Term(self.today(frame), False)
            case ir.LocalTime():
                local = f"({frame.now} + {self.known.horizon.offset(frame.now)})"
                return Term(f"((({local} % {DAY}) + {DAY}) % {DAY})", False)
            case ir.CompletedYears():
                birth = self.kept(frame, self.value(frame, expr.birth), "birth")
                if birth.sql == "NULL":
                    return MISSING
                today = self.extend(frame, self.today(frame), "today", "the local date")
                day = [f"date_part('month', {one}) * 100 + date_part('day', {one})" for one in (today, birth.sql)]
                return Term(f"(date_part('year', {today}) - date_part('year', {birth.sql}) - CASE WHEN {day[0]} < "
                            f"{day[1]} THEN 1 ELSE 0 END)", birth.nullable, None, birth.tie)
            case ir.Apply():
                return self.apply(frame, expr)
            case ir.CountElements():
                return self.count_elements(frame, expr)
            case ir.CountEvents():
                return self.answered(frame, lambda: self.count_events(frame, expr), "count_events")
            case ir.SumEvents():
                return self.answered(frame, lambda: self.sum_events(frame, expr), "sum_events")
            case ir.EpisodeDuration():
                return self.answered(frame, lambda: self.episode_duration(frame, expr), "duration")
            case ir.Latest():
                return self.answered(frame, lambda: self.latest(frame, expr), "latest")
            case ir.StateValue():
                return self.answered(frame, lambda: self.state_value(frame, expr), "state_value")
            case _:
                return self.condition(frame, expr)

    def today(self, frame: Frame) -> str:
        """The local date of the moment."""
        return self.date(frame.now)

    def date(self, t: str) -> str:
        """The local date of an instant."""
        return f"(CAST('1970-01-01' AS DATE) + CAST({self.local_day(t)} AS INTEGER))"

    def get(self, frame: Frame, expr: ir.Get) -> Term:
        """A field of the trigger or a candidate, or of what a quantifier has in view."""
        if expr.owner in frame.variables:
            bound = frame.variables[expr.owner]
            if not isinstance(bound, Term) or expr.path:
                raise Unsupported("a list of records in an event")
            return bound
        if expr.owner not in frame.fields:
            raise Unsupported("a field of an event that is not in view")
        if expr.path == ("time",):
            return Term(frame.at[expr.owner][0], False)
        column = Column(expr.path, expr.type)
        name = frame.fields[expr.owner] + column.name
        if name not in frame.columns and frame.fields[expr.owner] + expr.path[0] in frame.columns:
            name = frame.fields[expr.owner] + expr.path[0]  # a key of a mark, by its plain name
        if name not in frame.columns:
            raise Unsupported(f"the field `{'.'.join(expr.path)}`, which no event here has")
        events = frame.events
        filled = bool(events) and all(column.name in self.known.filled.get(event, frozenset()) for event in events)
        key = expr.path[0] in self.rule.keys and len(expr.path) == 1 and expr.owner == ir.TRIGGER
        both = ir.TRIGGER in frame.fields and ir.CANDIDATE in frame.fields and expr.owner == ir.CANDIDATE \
            and frame.fields[ir.CANDIDATE] != frame.fields[ir.TRIGGER]
        if expr.default is not None:
            stand_in = literal(typed(expr.default, expr.type), expr.type)
            return Term(f"coalesce({quoted(name)}, {stand_in.sql})", False, scale=max(stand_in.scale, _scale(expr.type)))
        return Term(quoted(name), not ((filled and not both) or key), scale=_scale(expr.type))

    def apply(self, frame: Frame, expr: ir.Apply) -> Term:
        """A strict operator."""
        left, right = (self.kept(frame, self.value(frame, one), "value") for one in expr.arguments)
        found = MISSING if "NULL" in (left.sql, right.sql) else self.applied(frame, expr, left, right)
        return replace(found, tie=strict_tie((left, right)))

    def applied(self, frame: Frame, expr: ir.Apply, left: Term, right: Term) -> Term:
        """The same, of values that are there; whether it rests on a tie is not said."""
        kinds = tuple(_type(one) for one in expr.arguments)
        if expr.operator in SYMBOLS:
            left, right = _whole(left), _whole(right)
            if any(isinstance(kind, types.Period) and kind.unit is None for kind in kinds):
                raise Unsupported("a comparison of periods whose unit only the data knows")
            hard = quotient_too_large(left, right)
            frame.hard += [hard] if hard else []
            return compare(expr.operator, left, right)
        if expr.operator not in ("+", "-", "*", "/"):
            left, right = _exact(left), _exact(right)
        elif left.high is not None or right.high is not None:
            term, hard = arithmetic(expr.operator, left, right)
            frame.hard += [hard] if hard else []
            return term
        tie, nullable = any_tie((left, right)), left.nullable or right.nullable
        match expr.operator:
            case "in":
                return member(left, right)
            case "contains":
                return member(right, left)
            case "contains all" | "contains none of":
                if right.items is None:
                    want = "NOT " if expr.operator == "contains all" else ""
                    has = member(Term("y", False), left)
                    value = f"(array_length(list_filter({right.sql}, lambda y: {want}{has.sql})) = 0)"
                else:
                    every = [member(item, left) for item in right.items]
                    value = (all_of(every) if expr.operator == "contains all" else negation(any_of(every))).sql
                lost = " OR ".join(missing(one) for side in (left, right) for one in side.items or (side,) if one.nullable)
                return Term(f"(CASE WHEN NOT ({lost}) THEN {value} END)" if lost else value, bool(lost), None, tie)
            case "matches":
                if not (right.sql.startswith("'")):
                    raise Unsupported("`matches` a pattern that an event names")
                pattern = right.sql[1:-1].replace("''", "'")
                return Term(f"regexp_matches({left.sql}, {text(f'^(?:{pattern})' + chr(92) + 'z')})", left.nullable, None,
                            tie)
            case "instant -":
                return Term(f"({left.sql} - {right.sql})", nullable, None, tie)
            case "+" | "-":
                return self.shifted(frame, expr, left, right, kinds)
            case _:
                term, hard = arithmetic(expr.operator, left, right)
                frame.hard += [hard] if hard else []
                return term

    def shifted(self, frame: Frame, expr: ir.Apply, left: Term, right: Term, kinds: tuple[types.Type, ...]) -> Term:
        """`+` and `-` on dates, instants, periods and numbers."""
        tie, nullable = any_tie((left, right)), left.nullable or right.nullable
        sign = expr.operator
        match kinds:
            case types.Number(), types.Number():
                term, hard = arithmetic(sign, left, right)
                frame.hard += [hard] if hard else []
                return term
            case types.Date(), types.Date():
                return Term(f"date_diff('day', {right.sql}, {left.sql})", nullable, None, tie)
            case types.Period(), types.Period():
                return Term(f"({left.sql} {sign} {right.sql})", nullable, None, tie)
            case (types.Period(), types.Date() | types.Instant()):
                swapped = ir.Apply(sign, (expr.arguments[1], expr.arguments[0]), expr.type)
                return self.shifted(frame, swapped, right, left, (kinds[1], kinds[0]))
            case types.Instant(), types.Period(unit=unit):
                if unit == "elapsed":
                    return Term(f"({left.sql} {sign} {right.sql})", nullable, None, tie)
                if unit is None or self.dynamic(expr.arguments[1]) or sign == "-":
                    raise Unsupported("an instant moved by a legal period that an event names")
                length = self.static(expr.arguments[1])
                if length is None:
                    return MISSING
                closes = self.look_up(frame, "closes", length, self.local_day(left.sql))
                frame.hard.append(f"({left.sql} IS NOT NULL AND {closes} IS NULL)")
                return Term(f"({closes} - 1)", nullable, None, tie)
            case types.Date(), types.Period(unit=unit):
                if unit == "day":
                    moved = f"({left.sql} {sign} CAST({right.sql} AS INTEGER))"
                elif unit == "month":
                    count = right.sql if sign == "+" else f"(-({right.sql}))"
                    moved = f"add_months({left.sql}, CAST({count} AS INTEGER))"
                elif unit == "working_day" and not self.dynamic(expr.arguments[1]):
                    length = self.static(expr.arguments[1])
                    if length is None:
                        return MISSING
                    found = self.look_up(frame, "after" if sign == "+" else "ago", length, self.days(left.sql))
                    frame.hard.append(f"({left.sql} IS NOT NULL AND {found} IS NULL)")
                    return Term(self.date(found), nullable, None, tie)
                else:
                    raise Unsupported("a date moved by working days that an event names")
                frame.hard.append(f"(date_part('year', {moved}) NOT BETWEEN 1 AND 9999)")
                return Term(moved, nullable, None, tie)
            case _:
                raise Unsupported(f"`{sign}` on {types.describe(kinds[0])} and {types.describe(kinds[1])}")

    def elements(self, frame: Frame, variable: str, domain: ir.Expr) -> list[tuple[Any, tuple[Any, ...]]] | None:
        """The raw elements of a list of facts with their places; None for a list that an event has."""
        if self.dynamic(domain, _bound(frame)):
            return None
        place: tuple[Any, ...] = ()
        if isinstance(domain, ir.Fact):
            raw: Any = self.known.facts
            for name in domain.path:
                raw = raw.get(name) if isinstance(raw, Mapping) else None
            raw, place = (domain.default if raw is None else raw), domain.path
        elif isinstance(domain, ir.Get):
            raw, place = frame.variables[domain.owner]
            for name in domain.path:
                raw = raw.get(name) if isinstance(raw, Mapping) else None
            raw, place = (domain.default if raw is None else raw), (*place, *domain.path)
        else:
            raw = self.reckoned(value_of, domain, self.standing_with(frame))
        return [] if raw is None else [(one, (*place, index)) for index, one in enumerate(raw)]

    def lost_list(self, frame: Frame, domain: ir.Expr) -> bool:
        """Whether a list of facts is missing."""
        return not self.dynamic(domain, _bound(frame)) and self.reckoned(
            value_of, domain, self.standing_with(frame)) is None

    def quantified(self, frame: Frame, expr: ir.Quantified) -> Term:
        """`every`, `some`, `no`: one condition an element of a list of facts, a count over a list that an event has."""
        if self.lost_list(frame, expr.domain):
            return MISSING
        elements, unknown = self.elements(frame, expr.variable, expr.domain), ""
        if elements is None and isinstance(expr.domain, ir.ListValue):
            elements, unknown = self.items(frame, expr.domain)
        if elements is None:
            return self.quantified_in_event(frame, expr)
        answers = []
        for element in elements:
            frame.variables[expr.variable] = element
            chosen = TRUE if expr.where is None else self.condition(frame, expr.where)
            answer = self.condition(frame, expr.condition)
            answers.append(any_of((negation(chosen), answer)) if expr.kind == "every" else all_of((chosen, answer)))
        frame.variables.pop(expr.variable, None)
        answer = all_of(answers) if expr.kind == "every" else any_of(answers)
        if unknown:
            answer = Term(f"CASE WHEN NOT ({unknown}) THEN {answer.sql} END", True, answer.settles, answer.tie)
        return negation(answer) if expr.kind == "no" else answer

    def items(self, frame: Frame, domain: ir.ListValue) -> tuple[list[Any], str]:
        """The items of a written list as terms, and when one of them is missing."""
        items = [self.kept(frame, self.value(frame, one), "item") for one in domain.items]
        items = [_exact(one) for one in items]
        return items, " OR ".join(f"{one.sql} IS NULL" for one in items if one.nullable)

    def quantified_in_event(self, frame: Frame, expr: ir.Quantified) -> Term:
        asked = (ir.Or((ir.Not(expr.where), expr.condition)) if expr.kind == "every" else
                 ir.And((expr.where, expr.condition))) if expr.where is not None else expr.condition
        held, domain = self.each(frame, expr.variable, expr.domain, asked)
        by, other = ("FALSE", "TRUE") if expr.kind == "every" else ("TRUE", "FALSE")

        def some(what: str) -> str:
            return f"array_length(list_filter({domain.sql}, {held} {what})) > 0"

        value = (f"CASE WHEN {domain.sql} IS NULL THEN NULL WHEN {some(by)} THEN {by} WHEN {some('NULL')} THEN NULL "
                 f"ELSE {other} END")
        answer = self.kept(frame, Term(value), "each")
        return negation(answer) if expr.kind == "no" else answer

    def each(self, frame: Frame, variable: str, domain: ir.Expr, asked: ir.Expr) -> tuple[str, Term]:
        """A condition on the elements of a list that an event has, as the body of a lambda."""
        found = self.kept(frame, self.value(frame, domain), "list")
        item, inline, hard = _type(domain), frame.inline, len(frame.hard)
        name = f"x{len(frame.variables)}"
        frame.variables[variable] = Term(name, False, scale=_scale(item.item) if isinstance(item, types.ListOf) else 0)
        frame.inline = True
        held = self.condition(frame, asked)
        frame.inline = inline
        del frame.variables[variable]
        if held.tie is not None or any(name in one for one in frame.hard[hard:]):
            raise Unsupported("so much asked of each element of a list")
        return f"lambda {name}: {held.sql} IS", found

    def count_elements(self, frame: Frame, expr: ir.CountElements) -> Term:
        """How many elements of a list match."""
        if self.lost_list(frame, expr.domain):
            return MISSING
        elements, unknown = self.elements(frame, expr.variable, expr.domain), ""
        if elements is None and isinstance(expr.domain, ir.ListValue):
            elements, unknown = self.items(frame, expr.domain)
        if elements is None:
            held, domain = self.each(frame, expr.variable, expr.domain, expr.where or ir.Constant(True, types.Bool()))
            sure = f"array_length(list_filter({domain.sql}, {held} TRUE))"
            maybe = f"array_length(list_filter({domain.sql}, {held} NOT FALSE))"
            return self.kept(frame, Term(sure, True, None, None, maybe if expr.where is not None else None), "count")
        low, high, ties = [], [], []
        for element in elements:
            frame.variables[expr.variable] = element
            held_one = TRUE if expr.where is None else self.kept(frame, self.condition(frame, expr.where), "held")
            low.append(f"CASE WHEN {held_one.sql} THEN 1 ELSE 0 END")
            high.append(f"CASE WHEN {held_one.sql} IS NOT FALSE THEN 1 ELSE 0 END")
            ties.append(held_one)
        frame.variables.pop(expr.variable, None)
        counts = [f"({' + '.join(one) or '0'})" for one in (low, high)]
        if unknown:
            counts = [f"CASE WHEN NOT ({unknown}) THEN {one} END" for one in counts]
        return self.kept(frame, Term(counts[0], bool(unknown), None, any_tie(ties), counts[1]), "count")


# ---- looking at expressions -------------------------------------------------------------------------------------

_OF_THE_TRACE = (ir.Occurs, ir.CountEvents, ir.SumEvents, ir.EpisodeDuration, ir.Latest, ir.InState, ir.StateValue)
_OF_THE_MOMENT = (*_OF_THE_TRACE, ir.Today, ir.LocalTime, ir.CompletedYears)


def _bound(frame: Frame) -> list[str]:
    """The variables that stand for something of an event."""
    return [name for name, one in frame.variables.items() if isinstance(one, Term)]


def _whole(term: Term) -> Term:
    """A written list as one value."""
    if term.items is None:
        return term
    value = f"[{', '.join(one.sql for one in term.items)}]"
    lost = " OR ".join(missing(one) for one in term.items if one.nullable)
    return Term(f"(CASE WHEN NOT ({lost}) THEN {value} END)" if lost else value, bool(lost), None, term.tie)


def _exact(term: Term) -> Term:
    """A number known only between two ends is no item of a list: missing."""
    if term.high is None:
        return term
    return Term(f"CASE WHEN {term.high} = {term.sql} THEN {term.sql} END", True, None, term.tie)


def _nodes(node: Any) -> Iterator[Any]:
    """A node and all below it."""
    if isinstance(node, tuple):
        for one in node:
            yield from _nodes(one)
    elif is_dataclass(node):
        yield node
        for one in fields(node):
            if one.name not in ("span", "type"):
                yield from _nodes(getattr(node, one.name))


def _asks_trace(expr: ir.Expr) -> bool:
    return any(isinstance(node, _OF_THE_TRACE) for node in _nodes(expr))


def _reads_trigger(expr: ir.Expr) -> bool:
    return any((isinstance(node, ir.Get) and node.owner == ir.TRIGGER)
               or (isinstance(node, ir.InState | ir.StateValue) and node.at == ir.TRIGGER) for node in _nodes(expr))


def _conjuncts(expr: ir.Expr | None) -> Iterator[ir.Expr]:
    if isinstance(expr, ir.And):
        for part in expr.parts:
            yield from _conjuncts(part)
    elif expr is not None:
        yield expr


def _equality(expr: ir.Expr) -> tuple[ir.Get, ir.Expr] | None:
    """A candidate's field and what of the moment it must equal."""
    match expr:
        case ir.Apply(operator="=", arguments=(ir.Get(owner=ir.CANDIDATE) as get, other)) if not _of_candidate(other):
            return get, other
        case ir.Apply(operator="=", arguments=(other, ir.Get(owner=ir.CANDIDATE) as get)) if not _of_candidate(other):
            return get, other
        case _:
            return None


def _of_candidate(expr: ir.Expr) -> bool:
    """Whether a candidate has a part in an expression; the clock and the date are the candidate's too."""
    return any((isinstance(node, ir.Get | ir.InState | ir.StateValue)
                and (node.owner if isinstance(node, ir.Get) else node.at) == ir.CANDIDATE)
               or isinstance(node, ir.Today | ir.LocalTime | ir.CompletedYears) for node in _nodes(expr))


def _scale(type: types.Type) -> int:
    """How many digits after the point a number that was read may have."""
    return 9 if isinstance(type, types.Number) and not type.integer else 0


def _type(expr: ir.Expr) -> types.Type:
    """The type of an expression."""
    match expr:
        case (ir.Constant() | ir.ListValue() | ir.Parameter() | ir.Fact() | ir.Get() | ir.Apply() | ir.SumEvents()
              | ir.Latest() | ir.StateValue()):
            return expr.type
        case ir.Today():
            return types.Date()
        case ir.LocalTime():
            return types.TimeOfDay()
        case ir.CompletedYears() | ir.CountElements() | ir.CountEvents():
            return types.Number(integer=True)
        case ir.EpisodeDuration():
            return types.Period("elapsed")
        case _:
            return types.Bool()


def _prefixed(sql: str, alias: str) -> str:
    """Column names of a small expression under a table's alias."""
    out, inside = [], False
    for part in sql.split('"'):
        out.append(f'{alias}."{part}"' if inside else part)
        inside = not inside
    return "".join(out)


def _prefixed_bound(bound: Bound, alias: str) -> Bound:
    return Bound(bound.t and _prefixed(bound.t, alias), bound.p and _prefixed(bound.p, alias))


def _moved_bound(bound: Bound, alias: str) -> Bound:
    return Bound(bound.t and _moved(bound.t, alias), bound.p and _moved(bound.p, alias))


def _any(conditions: Iterable[str]) -> str:
    """Whether any of them holds for certain."""
    return " OR ".join(f"coalesce({one}, FALSE)" for one in dict.fromkeys(conditions)) or "FALSE"


def _some(column: str, how: str) -> str:
    """Whether a sweep found anything."""
    return f"{column} > 0" if how == "sum" else f"{column} IS NOT NULL"


def _moved(sql: str, alias: str) -> str:
    """Column names of a small expression as they are named in a table of pairs."""
    out, inside = [], False
    for part in sql.split('"'):
        out.append(f'"{alias}:{part}"' if inside else part)
        inside = not inside
    return "".join(out)


__all__ = ["CODES", "HARD", "Guard", "Known", "Plan", "Step", "parse_period", "plan"]
