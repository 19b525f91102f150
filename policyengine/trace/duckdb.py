"""A plan run by DuckDB in process: verdict counts, and the moments to be reported.

In come a connection whose table `events` holds the trace (`trace.scan`) and plans; out come counts and rows. Which
rules are asked, and how a moment is explained, is not known here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from typing import Any

import duckdb

from policyengine.base.calendar import Calendar
from policyengine.base.instants import Period, period_text
from policyengine.base.record import record
from policyengine.core import types
from policyengine.core.case import Event
from policyengine.core.standing import Reach
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.trace.calendars import Horizon, Lookup, rows
from policyengine.trace.columns import Column
from policyengine.trace.explain import Found, TooManyRows
from policyengine.trace.plan import Plan, TooManyPairs
from policyengine.trace.terms import quoted, text

PAIRS = 200_000_000
"""How many pairs a join may make; beyond, it would run for hours."""

_NAME = re.compile(r"""'[^']*'|"[^"]*"|\b[a-z]+(?:_[a-z]+)*_[0-9]+\b""")
"""The name of a step, wherever it stands; and what is quoted, a text or a column, in which there is none."""

# `add_months` is Spark's word; DuckDB adds months as Spark does, to the month's end at most.
_MACROS = ("CREATE OR REPLACE TEMP MACRO add_months(d, n) AS CAST(d + to_months(n) AS DATE)",)


@record
class Counted:
    """What one rule came to: counts by verdict, how many of them rest on a tie, and a table of the moments found.

    Rows that the evaluator must judge are in no count yet; `hard` says how many they are. `table` is None where
    nothing was found.
    """

    counts: Mapping[Verdict, int]
    ties: int
    hard: int
    table: str


def prepare(con: duckdb.DuckDBPyConnection, lookups: Iterable[Lookup], horizon: Horizon, calendar: Calendar) -> None:
    """The calendar as a table, and the few functions that engines name differently. Raises `calendar.OutOfRange`."""
    for macro in _MACROS:
        con.execute(macro)
    found = list(rows(dict.fromkeys(lookups), horizon, calendar))
    con.execute("CREATE OR REPLACE TEMP TABLE calendar (what VARCHAR, k INTEGER, day BIGINT, instant BIGINT)")
    if found:
        con.execute("INSERT INTO calendar SELECT unnest(?), unnest(?), unnest(?), unnest(?)",
                    [list(column) for column in zip(*found, strict=True)])


def query(plan: Plan, last: str, steps: int | None = None) -> str:
    """The SQL of a plan: its steps, then a last query over them.

    A step that one other reads stands inside that one: DuckDB takes a time that grows with the square of named tables.
    """
    texts = {step.name: step.sql for step in (plan.steps if steps is None else plan.steps[:steps])}
    read = Counter(name for sql in (*texts.values(), last) for name in _NAME.findall(sql) if name in texts)
    named: list[str] = []
    inside: dict[str, str] = {}

    def whole(sql: str) -> str:
        return _NAME.sub(lambda found: f"({inside.pop(found[0])})" if found[0] in inside else found[0], sql)

    for name, sql in texts.items():
        if read[name] == 1:
            inside[name] = whole(sql)
        elif read[name]:
            named.append(f"{name} AS ({whole(sql)})")
    end = whole(last)
    return f"WITH {', '.join(named)} {end}" if named else end


def run(con: duckdb.DuckDBPyConnection, plan: Plan, wanted: Sequence[Verdict]) -> Counted:
    """Judge every moment of a rule. Moments with a verdict of `wanted` are kept in a table. Raises `TooManyPairs`."""
    for guard in plan.guards:
        size = int(_one(con, query(plan, guard.sql, guard.steps)))
        if size > PAIRS:
            raise TooManyPairs(guard, size)
    table = f"found_{plan.rule}"
    kept = ", ".join(str(VERDICTS.index(verdict)) for verdict in wanted) or "-1"
    columns = ", ".join(f'CASE WHEN "keep" THEN "{name}" END AS "{name}"'
                        for name in ("t", "known", "pos", "first", "past", "due"))
    con.execute(f'CREATE OR REPLACE TEMP TABLE "{table}" AS ' + query(plan, (
        f'SELECT "verdict", "tie", "hard", {columns}, count(*) AS "n" FROM (SELECT *, "hard" OR "verdict" IN ({kept}) '
        f'AS "keep" FROM {plan.steps[-1].name}) AS v GROUP BY ALL')))
    counts: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
    ties = hard = 0
    for code, tie, is_hard, n in con.execute(
            f'SELECT "verdict", "tie", "hard", sum("n") FROM "{table}" GROUP BY ALL').fetchall():
        if is_hard:
            hard += int(n)
        else:
            counts[VERDICTS[code]] += int(n)
            ties += int(n) if tie else 0
    if plan.total is not None:
        counts["not_applicable"] += int(_one(con, plan.total)) - sum(counts.values()) - hard
    return Counted(counts, ties, hard, table)


def found(con: duckdb.DuckDBPyConnection, counted: Counted, *, hard: bool, limit: int | None = None) -> list[Found]:
    """Moments found: those that the evaluator must judge, or the others, the earliest of each verdict (those first
    due, where they are pending), at most `limit` of one."""
    result = []
    order = 'CASE WHEN "verdict" = 2 THEN "due" ELSE "t" END, "t", "pos", "first", "past", "known"'
    cut = "" if limit is None else f' QUALIFY row_number() OVER (PARTITION BY "verdict" ORDER BY {order}) <= {limit}'
    for t, known, pos, first, past, code, due, tie, n in con.execute(
            f'SELECT "t", "known", "pos", "first", "past", "verdict", "due", "tie", "n" FROM "{counted.table}" WHERE '
            f'"t" IS NOT NULL AND "hard" = {hard}{cut} ORDER BY "verdict", {order}').fetchall():
        verdict = None if hard else VERDICTS[code]
        result += [Found(t, known, pos, first, past, verdict, due if verdict == "pending" else None, bool(tie))] * n
    return result


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


class Rows:
    """The events of the table `events` as the evaluator knows them, each made once."""

    def __init__(self, con: duckdb.DuckDBPyConnection, needs: Mapping[str, Sequence[Column]], places: Mapping[str, int],
                 files: Sequence[str], key_types: Mapping[str, types.Type], service: str | None, limit: int) -> None:
        self.con, self.needs, self.files, self.key_types, self.limit = con, needs, files, key_types, limit
        self.names = {place: name for name, place in places.items()}
        self.places = places
        self.service = service
        self.seen: dict[int, Event] = {}
        self.fetched: dict[Reach, list[int]] = {}

    def at(self, positions: Sequence[int]) -> Mapping[int, Event]:
        """The events at these places of the order."""
        missing = [place for place in positions if place not in self.seen]
        if missing:
            # The types first: a row is read with the columns of its own type alone.
            kinds = self.con.execute('SELECT DISTINCT "type" FROM events WHERE "pos" IN (SELECT unnest(?))',
                                     [missing]).fetchall()
            for (kind,) in kinds:
                self._take(kind, 'e."pos" IN (SELECT unnest(?))', [missing])
        return {place: self.seen[place] for place in positions}

    def fetch(self, reaches: Sequence[Reach]) -> Sequence[Event]:
        """The events of these parts of the trace, in order. Raises `TooManyRows`."""
        groups: dict[tuple[str, tuple[str, ...]], list[Reach]] = {}
        for reach in reaches:
            if reach not in self.fetched:
                groups.setdefault((reach.event, tuple(name for name, _ in reach.keys)), []).append(reach)
        for (event, names), asked in groups.items():
            for reach, positions in zip(asked, self._reach(event, names, asked), strict=True):
                self.fetched[reach] = positions
        found = {place for reach in reaches for place in self.fetched[reach]}
        if len(found) > self.limit:
            raise TooManyRows
        return [self.seen[place] for place in sorted(found)]

    def _reach(self, event: str, names: Sequence[str], asked: Sequence[Reach]) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in asked]
        if event not in self.needs:
            return found
        held = {name: Column((name,), self.key_types.get(name, types.Text())).name for name in names}
        columns = [list(range(len(asked))), [-2 ** 62 if one.first is None else one.first for one in asked],
                   [2 ** 62 if one.last is None else one.last for one in asked],
                   *([dict(one.keys)[name] for one in asked] for name in names)]
        given = ", ".join(f"unnest(?) AS a{index}" for index in range(len(columns)))
        on = [f'e."type" = {self.places[event]}', 'e."t" BETWEEN r.a1 AND r.a2',
              *(f'e."{held[name]}" IS NOT DISTINCT FROM r.a{index + 3}' for index, name in enumerate(names))]
        if self.service is not None:
            on.append(f'e."service" = {text(self.service)}')
        pairs = self.con.execute(f'SELECT r.a0, e."pos" FROM events AS e JOIN (SELECT {given}) AS r ON '
                                 f'{" AND ".join(on)} LIMIT {self.limit + 1}', columns).fetchall()
        if len(pairs) > self.limit:
            raise TooManyRows
        for index, place in pairs:
            found[index].append(place)
        self.at([place for _, place in pairs])
        return found

    def _take(self, kind: int, where: str, values: list[Any]) -> None:
        event = self.names[kind]
        wanted = self.needs[event]
        columns = ['e."pos"', 'e."t"', 'e."instant"', 'e."file"', 'e."row"', 'e."service"',
                   *(f"e.{quoted(one.name)}" for one in wanted),
                   *(f"e.{quoted(one.said_name)}" for one in wanted if one.said)]
        for row in self.con.execute(f'SELECT {", ".join(columns)} FROM events AS e WHERE e."type" = {kind} AND {where}',
                                    values).fetchall():
            pos, t, instant, file, line, service, *rest = row
            if pos in self.seen:
                continue
            fields: dict[str, Any] = {} if service is None else {"service": service}
            said = iter(rest[len(wanted):])
            for column, value in zip(wanted, rest, strict=False):
                if (next(said) if column.said else value is not None):
                    _put(fields, column.path, raw(value, column.type))
            # The place among ties is the event's sequence: equal exactly where time and sequence are.
            self.seen[pos] = Event(event, t, fields, None, instant, self.files[file], line, kind)


def _put(fields: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        fields = fields.setdefault(name, {})
    fields[path[-1]] = value


def raw(value: Any, type: types.Type) -> Any:
    """A value of a column as the evaluator has it."""
    match type:
        case types.Date() if isinstance(value, date):
            return value.isoformat()
        case types.TimeOfDay() if isinstance(value, int):
            seconds, micro = divmod(value, 1_000_000)
            return time(seconds // 3600, seconds // 60 % 60, seconds % 60, micro)
        case types.Period() if isinstance(value, int):
            assert type.unit is not None
            return period_text(Period(value, "microsecond" if type.unit == "elapsed" else type.unit))
        case types.ListOf() if isinstance(value, list):
            return [raw(one, type.item) for one in value]
        case types.Number() if not type.integer and value is not None:
            return int(value) if value == value.to_integral_value() else value
        case _:
            return value


class Database:
    """DuckDB as an engine: the table `events` of a connection, judged by plans."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con

    def prepare(self, lookups: Iterable[Lookup], horizon: Horizon, calendar: Calendar) -> None:
        """See `prepare`."""
        prepare(self.con, lookups, horizon, calendar)

    def run(self, plan: Plan, wanted: Sequence[Verdict]) -> Counted:
        """See `run`."""
        return run(self.con, plan, wanted)

    def found(self, counted: Counted, *, hard: bool, limit: int | None) -> list[Found]:
        """See `found`."""
        return found(self.con, counted, hard=hard, limit=limit)

    def rows(self, needs: Mapping[str, Sequence[Column]], places: Mapping[str, int], files: Sequence[str],
             key_types: Mapping[str, types.Type], service: str | None, limit: int) -> Rows:
        """See `Rows`."""
        return Rows(self.con, needs, places, files, key_types, service, limit)

    def done(self, counted: Counted) -> None:
        """The moments found are no longer wanted."""
        self.con.execute(f'DROP TABLE "{counted.table}"')

    def filled(self, needs: Mapping[str, Sequence[Column]], places: Mapping[str, int]) -> dict[str, frozenset[str]]:
        """Event type -> columns that no row of it lacks."""
        names = list(dict.fromkeys(one.name for columns in needs.values() for one in columns))
        if not names:
            return {}
        counts = ", ".join(f"count({quoted(name)}) = count(*)" for name in names)
        by_place = {place: name for name, place in places.items()}
        return {by_place[kind]: frozenset(name for name, full in zip(names, flags, strict=True) if full)
                for kind, *flags in self.con.execute(f'SELECT "type", {counts} FROM events GROUP BY 1').fetchall()}

    def outside(self, ranges: Sequence[tuple[int | None, int | None]]) -> int:
        """How many events lie in none of these ranges of time (from, up to but not including; None: open)."""
        inside = [f'("t" >= {-2 ** 62 if start is None else start} AND "t" < {2 ** 62 if end is None else end})'
                  for start, end in ranges]
        return _one(self.con, f"SELECT count(*) FROM events WHERE NOT ({' OR '.join(inside) or 'FALSE'})")

    def services(self) -> list[tuple[str | None, int]]:
        """The services that events name, each with the place of an event that does."""
        return [(name, int(pos)) for name, pos in self.con.execute(
            'SELECT "service", min("pos") FROM events GROUP BY 1').fetchall()]
