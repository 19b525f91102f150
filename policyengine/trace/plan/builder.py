"""A plan as it grows: steps, columns, the calendar, and what is known before the trace is read.

Every room of the plan adds steps through one `Builder`. What is asked, and in which order, is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from policyengine.base.instants import Period
from policyengine.core import ir, types
from policyengine.core.case import Case
from policyengine.core.conditions import value_of
from policyengine.core.operators import TOO_LARGE
from policyengine.core.standing import Here, World
from policyengine.core.verdict import Setting
from policyengine.core.walk import grounds_of, nodes, type_of
from policyengine.trace.columns import Column, Unsupported, by_columns, key_columns, needs
from policyengine.trace.plan.calendars import OF_MOMENTS, Lookup
from policyengine.trace.plan.expressions import OF_THE_MOMENT
from policyengine.trace.plan.frames import Bound, Frame, Guard, Known, Step, Total, any_holds
from policyengine.trace.plan.terms import (
    MISSING,
    SETTLED,
    Term,
    quoted,
    text,
)


class Builder:
    """One rule at work: its steps so far, and what they look up.

    `answers` are those that answer a condition and a value, which every room asks and which ask every room; `narrow`
    leaves out rows before a condition of theirs is asked. In the rule and in what it names keys go by their columns.
    """

    def __init__(self, rule: ir.Rule, known: Known, answers: tuple[Answer, Answer], narrow: Narrow) -> None:
        self.rule: ir.Rule = by_columns(rule, known.key_types)
        self.known = replace(known, tied={
            column.name: pairs for column, pairs in zip(key_columns(known.tied, known.key_types), known.tied.values(),
                                                        strict=True)})
        grounds = grounds_of(known.policy, rule, scope=False)
        self.answers, self.narrow_by = answers, narrow
        self.steps: list[Step] = []
        self.lookups: dict[Lookup, None] = {}
        self.guards: list[Guard] = []
        self.warnings: list[str] = []
        self.total: Total | None = None
        self.count = 0
        self.needed: dict[str, dict[str, Column]] = {
            event: {one.name: one for one in columns}
            for event, columns in needs(known.policy, [rule], known.key_types).items()}
        self.states: dict[str, ir.BooleanState | ir.ValuedState] = {
            one.name: by_columns(one, known.key_types) for one in known.policy.states if one.name in grounds.states}
        self.episodes: dict[str, ir.Episode] = {
            one.name: by_columns(one, known.key_types) for one in known.policy.episodes if one.name in grounds.episodes}
        self.world = World.of(known.policy, Case(known.facts), Setting(known.as_of, known.parameters), known.calendar,
                              known.sources)
        self.here = Here(known.as_of, known.as_of, 0, {}, None)
        self.made: dict[Any, Any] = {}
        self.known_of: dict[tuple[int, str, str, str], tuple[Frame, Term]] = {}  # answers, with the frame they stand in
        self.told: dict[tuple[int, str, str, str], list[list[str]]] = {}  # of a frame and state: columns, tier by tier
        self.beside: dict[tuple[int, str], list[tuple[str, str | None]]] = {}  # of a frame and pattern: before, after
        self.growing: dict[str, tuple[str, list[str]]] = {}  # tables that only add columns to another

    def step(self, prefix: str, sql: str, note: str) -> str:
        """A new table; its name."""
        self.count += 1
        name = f"{prefix}_{self.count}"
        self.steps.append(Step(name, sql, note))
        return name

    def extend(self, frame: Frame, sql: str, hint: str, note: str) -> str:
        """A column of a frame, new unless it has one of the same, or the expression is as short as a name."""
        if sql in ("TRUE", "FALSE", "NULL") or (sql.startswith('"') and sql.count('"') == 2):
            return sql
        if frame.inline:
            return f"({sql})"
        if frame.same.get(sql) in frame.columns:
            return quoted(frame.same[sql])
        column = frame.same[sql] = f"{hint}.{frame.number()}"
        last = self.steps[-1] if self.steps else None
        source, fresh = self.growing.get(frame.name, ("", []))
        if last is not None and last.name == frame.name and source and not any(one in sql for one in fresh):
            # One table with many new columns, since engines take their time over many tables; a column that uses
            # another stands in the next, or the other would be computed twice.
            begun = last.sql.removesuffix(f" FROM {source}")
            fresh.append(quoted(column))
            self.steps[-1] = Step(last.name, f"{begun}, {sql} AS {quoted(column)} FROM {source}",
                                  f"{last.note}; {note}")
        else:
            source = frame.name
            frame.name = self.step(hint, f"SELECT *, {sql} AS {quoted(column)} FROM {source}", note)
            self.growing[frame.name] = source, [quoted(column)]
        frame.columns.append(column)
        return quoted(column)

    def answered(self, frame: Frame, expr: ir.Expr, ask: Callable[[], Term], hint: str) -> Term:
        """The answer to a question about the trace, which is asked once of the same rows, and without the columns that
        were only needed to find it: each would be carried through every question that follows."""
        asked = (id(frame), repr(expr), repr(frame.at), repr(frame.variables))
        if asked not in self.known_of:
            self.known_of[asked] = frame, self._asked(frame, ask, hint)
        return self.known_of[asked][1]

    def _asked(self, frame: Frame, ask: Callable[[], Term], hint: str) -> Term:
        before, hard = len(frame.columns), len(frame.hard)
        inline, frame.inline = frame.inline, False  # no such question reads the element of a list
        term = self.kept(frame, ask(), hint)
        frame.hard[hard:] = [self.extend(frame, one, "hard", "what only the evaluator can say")
                             for one in frame.hard[hard:]]
        used = " ".join((*term.texts, *frame.hard[hard:]))
        gone = [quoted(one) for one in frame.columns[before:] if quoted(one) not in used]
        frame.columns[before:] = [one for one in frame.columns[before:] if quoted(one) in used]
        for key, (of, known) in list(self.known_of.items()):
            if of is frame and any(one in text for one in gone for text in known.texts):
                del self.known_of[key]
        frame.inline = inline
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

    def drop(self, frame: Frame, condition: str, note: str) -> None:
        """Only the rows for which a condition holds, and those of which no column can say whether it does."""
        if condition not in ("TRUE IS NOT FALSE", "TRUE"):
            hard = f" OR {any_holds(frame.hard)}" if frame.hard else ""
            frame.name = self.step("kept", f"SELECT * FROM {frame.name} WHERE {condition}{hard}", note)
            frame.thinned = True

    def key(self, frame: Frame, name: str) -> str:
        """The column of a key of the moment."""
        prefix = frame.fields.get(ir.TRIGGER, frame.fields.get(ir.CANDIDATE, ""))
        column = f"{prefix}{name}"
        if column not in frame.columns:
            raise Unsupported(f"the key `{name.partition(':')[0]}`, which is not text")
        return column

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
        return self.known.horizon.day(t)

    def days(self, date: str) -> str:
        """A date as the number of its day."""
        return f"date_diff('day', CAST('1970-01-01' AS DATE), {date})"

    def lookup(self, kind: str, period: Period | None, *, carries: int = 0) -> str:
        """The name, as a literal, under which the calendar has what is looked up."""
        found = Lookup(kind, period, carries)
        self.lookups[found] = None
        return text(found.what)

    def look_up(self, frame: Frame, kind: str, period: Period | None, day: str) -> str:
        """An instant of the calendar, by local day; for `after` and `ago` the number of a day."""
        what = self.lookup(kind, period)
        column = f"{kind}.{frame.number()}"
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
        if kind in OF_MOMENTS and frame.at.get(ir.TRIGGER, ("", "", None))[1] is None:
            # A mark may stand on a day far from every event, which the calendar leaves out.
            frame.hard.append(f"({asked} IS NOT NULL AND {quoted(column)} IS NULL)")
        return quoted(column)

    def closes(self, frame: Frame, t: str, period: Period) -> str:
        """The first instant too late."""
        if period.is_elapsed:
            return f"({t} + {period.count + 1})"
        return self.look_up(frame, "closes", period, self.local_day(t))

    def earliest(self, frame: Frame, t: str, period: Period) -> str:
        """The first instant within whose period the moment lies."""
        if period.is_elapsed:
            return f"({t} - {period.count})"
        return self.look_up(frame, "earliest", period, self.local_day(t))

    def edge_of(self, frame: Frame, t: str, period: ir.Expr, *, back: bool = False) -> Term:
        """The same for a period that the policy or an event names: when it closes or, `back`, the earliest."""
        if not self.dynamic(period):
            value = self.static(period)
            if value is None:
                return MISSING
            return Term((self.earliest if back else self.closes)(frame, t, value), False)
        count = self.kept(frame, self.value(frame, period), "period")
        kind = type_of(period)
        moved = f"- {count.sql}" if back else f"+ {count.sql} + 1"
        if isinstance(kind, types.Period) and kind.unit == "elapsed":
            return Term(f"({t} {moved})", count.nullable)
        if kind == types.Period("day") and not self.known.calendar.moves_to_working_day:
            day = self.extend(frame, f"({self.local_day(t)} {moved})", "day",
                              "the first day" if back else "the day after the last")
            found = self.look_up(frame, "midnight", None, day)
            frame.hard.append(f"({day} IS NOT NULL AND {found} IS NULL)")
            return Term(found, count.nullable)
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
        except TOO_LARGE as problem:
            # An error where it is asked, and nothing where no event makes it asked: the evaluator knows.
            raise Unsupported(str(problem) or "a number with more than 18 digits before the point") from None
        return value

    def dynamic(self, expr: Any, variables: Iterable[str] = ()) -> bool:
        """Whether an event or the moment has a part in an expression."""
        return any(isinstance(node, OF_THE_MOMENT) or (isinstance(node, ir.Get) and (
            node.owner in (ir.TRIGGER, ir.CANDIDATE) or node.owner in variables)) for node in nodes(expr))

    def standing_with(self, frame: Frame) -> Here:
        """Nowhere in the trace, with the elements that quantifiers have in view."""
        seen = {name: one for name, one in frame.variables.items() if not isinstance(one, Term)}
        return Here(self.here.time, self.here.known, 0, {}, None, variables=seen)

    def today(self, frame: Frame) -> str:
        """The local date of the moment."""
        return self.date(frame.now)

    def date(self, t: str) -> str:
        """The local date of an instant."""
        return self.on_day(self.local_day(t))

    def on_day(self, day: str) -> str:
        """The date of a day given by its number."""
        return f"(CAST('1970-01-01' AS DATE) + CAST({day} AS INTEGER))"

    # ---- what every room asks, and what asks every room

    def condition(self, frame: Frame, expr: ir.Expr) -> Term:
        """A condition, three-valued."""
        return self.answers[0](self, frame, expr)

    def value(self, frame: Frame, expr: ir.Expr) -> Term:
        """A value, NULL when missing."""
        return self.answers[1](self, frame, expr)


    def narrow(self, frame: Frame, expr: ir.Expr) -> None:
        """Without rows for which a condition surely does not hold, as far as that is known before it is asked."""
        self.narrow_by(self, frame, expr)


Answer = Callable[[Builder, Frame, ir.Expr], Term]
Narrow = Callable[[Builder, Frame, ir.Expr], None]
