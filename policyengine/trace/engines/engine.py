"""A plan run by an engine: verdict counts, and the moments to be reported with the events they rest on.

In come plans and the few things that an engine does itself (`Tables`); out come counts, moments and events. All SQL
here is DuckDB's; which engine answers it is not known, nor which rules are asked or how a moment is explained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from datetime import date, time
from threading import Lock
from typing import Any, Protocol, Self

from policyengine.base.calendar import Calendar
from policyengine.base.instants import Period, period_text
from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.case import Event
from policyengine.core.standing import Reach
from policyengine.core.verdict import VERDICTS, Judgement, Verdict
from policyengine.trace.columns import Column, Unsupported, each_once, key_columns, sql_type
from policyengine.trace.engines.explain import Found, TooManyRows
from policyengine.trace.plan.calendars import Horizon, Lookup, calendar_rows, of_busy_days
from policyengine.trace.plan.plan import Plan, Step, TooManyPairs
from policyengine.trace.plan.terms import quoted, text

PAIRS = 200_000_000
"""How many pairs a join may make; beyond, it would run for hours."""

PLACE = ("t", "known", "pos", "first", "past", "due")
"""What a plan says of where a moment stands and when it is due."""

OWN = ("type", "pos", "t", "instant", "file", "row", "service")
"""What every event has, as columns."""

NOWHERE: Mapping[str, str] = {}
"""No type has a table of its own."""

OPEN = 2 ** 62
"""Past every instant, as columns have them."""

ALL: Mapping[Verdict, int] = {}
"""Of no verdict are only so many moments wanted."""

CALENDAR = {"what": "VARCHAR", "k": "INTEGER", "day": "BIGINT", "instant": "BIGINT"}
"""The columns of the table `calendar`."""

FEW = 5_000
"""So few moments found are read at once; of more it is asked what they come to, and for those that are told."""

FOUND = "found_"
"""Before the name of a rule: the table of its moments found."""


class Tables(Protocol):
    """What an engine does itself. Steps and queries are in DuckDB's words; the table `events` is there."""

    def ask(self, sql: str, steps: Sequence[Step] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query over the steps of a plan."""

    def keep(self, name: str, sql: str, steps: Sequence[Step]) -> int | None:
        """The rows of a query as a table, until `drop`; one of that name before is gone. How many they are, or None
        where that would have to be asked."""

    def give(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """A small table of these columns, with their types, and rows; one of that name before is gone."""

    def drop(self, name: str) -> None:
        """A table that was kept is no longer wanted."""


@record
class Counted:
    """What one rule came to: counts by verdict, how many of them rest on a tie, and a table of the moments found, with
    its `rows` if they are few.

    Rows that the evaluator must judge are in no count yet; `hard` says how many they are.
    """

    counts: Mapping[Verdict, int]
    ties: int
    hard: int
    table: str
    rows: Sequence[tuple[Any, ...]] | None = None


class Engine:
    """The table `events`, judged by plans; it stays the same.

    `aside` are the same tables for a thread that reads rows while another runs plans; None: they wait for each other.
    `beside` are the same for more threads that run plans.
    """

    def __init__(self, tables: Tables, aside: Tables | None = None, beside: Sequence[Tables] = ()) -> None:
        self.tables, self.aside, self.beside = tables, aside, beside
        self.shared: dict[str, int] = {}  # tables of steps -> how many plans that have them are still to be run
        self.totals: dict[str, dict[int, int]] = {}  # queries for how many events there are of each type -> the answer
        self.making: dict[str, Lock] = {}  # who makes one of these has others wait for it
        self.leaving = Lock()
        self.days: dict[str, list[int]] = {}  # local days that have events, by how the day is told
        self.lost: frozenset[Lookup] = frozenset()  # what is asked of the calendar that it cannot hold

    def each(self) -> list[Self]:
        """This engine, once for each thread that may run plans; to be asked for when all is prepared."""
        every = [self, *(copy(self) for _ in self.beside)]
        for one, tables in zip(every, (self.tables, *self.beside), strict=True):
            one.tables = tables
        return every

    def prepare(self, lookups: Sequence[Lookup], horizon: Horizon, calendar: Calendar) -> None:
        """Makes the table `calendar`."""
        day = horizon.day('"t"')
        if lookups and day not in self.days and of_busy_days(lookups, horizon):
            self.days[day] = [int(one) for one, in self.tables.ask(f'SELECT DISTINCT {day} AS "day" FROM events')]
        rows, self.lost = calendar_rows(lookups, horizon, calendar, self.days.get(day, [horizon.begins]))
        self.tables.give("calendar", CALENDAR, rows)

    def run(self, plan: Plan, wanted: Sequence[Verdict]) -> Counted:
        """Judges every moment of a rule. Moments with a verdict of `wanted` are kept in a table, until `done`.

        Steps that other plans have too are kept in tables until the last of these plans was run. Raises `TooManyPairs`,
        and `columns.Unsupported` for what this engine would answer in another way.
        """
        try:
            return self._run(plan, wanted)
        finally:
            with self.leaving:
                for name in [name for name in plan.shared if name in self.shared]:
                    self.shared[name] -= 1
                    if not self.shared[name]:
                        del self.shared[name]
                        self.tables.drop(name)

    def _run(self, plan: Plan, wanted: Sequence[Verdict]) -> Counted:
        if not self.lost.isdisjoint(plan.lookups):
            raise Unsupported("a period that ends outside the years 1 to 9999")
        for guard in plan.guards:
            size = self._number(guard.sql, self._left(plan.steps[:guard.steps]))
            if size > PAIRS:
                raise TooManyPairs(guard, size)
        table = f"{FOUND}{plan.rule}"
        for step in plan.steps:
            if step.name in plan.shared:
                with self.making.setdefault(step.name, Lock()):
                    if step.name not in self.shared:
                        self.tables.keep(step.name, f"SELECT * FROM {step.name}", self._left(plan.steps))
                        self.shared[step.name] = plan.shared[step.name]
        many = self.tables.keep(table, _kept(plan, wanted), self._left(plan.steps))
        rows = None if many is None or many > FEW else self.tables.ask(f"SELECT {_COLUMNS} FROM {quoted(table)}")
        counts: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
        ties = hard = 0
        for code, tie, is_hard, n, *_ in self.tables.ask(
                f'SELECT "verdict", "tie", "hard", sum("n") FROM {quoted(table)} GROUP BY ALL'
                ) if rows is None else rows:
            if is_hard:
                hard += int(n)
            else:
                counts[VERDICTS[code]] += int(n)
                ties += int(n) if tie else 0
        if plan.total is not None:
            with self.making.setdefault(plan.total.each, Lock()):
                if plan.total.each not in self.totals:
                    self.totals[plan.total.each] = {int(place): int(n) for place, n in self.tables.ask(plan.total.each)}
            total = sum(self.totals[plan.total.each].get(place, 0) for place in plan.total.places)
            counts["not_applicable"] += total - sum(counts.values()) - hard
        return Counted(counts, ties, hard, table, rows)

    def found(self, counted: Counted, *, hard: bool, most: Mapping[Verdict, int] = ALL) -> list[Found]:
        """Moments found: those that the evaluator must judge, or the others, the earliest of each verdict (those first
        due, where they are pending), at most so many of it."""
        rows = counted.rows
        if rows is None:
            few = " ".join(f"WHEN {VERDICTS.index(verdict)} THEN {number}" for verdict, number in most.items()
                           if counted.counts[verdict] > number)
            cut = (f' QUALIFY row_number() OVER (PARTITION BY "verdict" ORDER BY CASE WHEN "verdict" = {_PENDING} THEN '
                   f'"due" ELSE "t" END, "t", "pos", "first", "past", "known") <= CASE "verdict" {few} ELSE {OPEN} END'
                   if few else "")
            rows = self.tables.ask(f'SELECT {_COLUMNS} FROM {quoted(counted.table)} WHERE "t" IS NOT NULL AND "hard" = '
                                   f"{hard}{cut}")
        result: list[Found] = []
        had: Counter[int] = Counter()
        for code, tie, is_hard, n, t, known, pos, first, past, due in sorted(rows, key=_order):
            if t is None or is_hard != hard or had[code] == most.get(VERDICTS[code], OPEN):
                continue
            had[code] += 1
            verdict = None if hard else VERDICTS[code]
            result += [Found(t, known, pos, first, past, verdict, due if verdict == "pending" else None,
                             bool(tie))] * n
        return result

    def done(self, counted: Counted) -> None:
        """The moments found are no longer wanted."""
        self.tables.drop(counted.table)

    def tell(self, policy: ir.Policy, counted: Counted) -> None:
        """The moments found of a rule, but those that are hard, for an engine that writes down what is found."""

    def tell_judged(self, policy: ir.Policy, judged: Sequence[Judgement]) -> None:
        """The same of moments that the evaluator judged."""

    def rows(self, needs: Mapping[str, Sequence[Column]], places: Mapping[str, int], files: Sequence[str],
             key_types: Mapping[str, types.Type], service: str | None, limit: int,
             stand: Mapping[str, str] = NOWHERE) -> Rows:
        """See `Rows`."""
        return Rows(self.aside or self.tables, needs, places, files, key_types, service, limit, stand)

    def filled(self, needs: Mapping[str, Sequence[Column]], places: Mapping[str, int],
               stand: Mapping[str, str] = NOWHERE) -> dict[str, frozenset[str]]:
        """Event type -> those of its columns that no row of it lacks; `stand` as `Rows` has it."""
        # One row that lacks it is enough, and most columns of which some rows lack the value have one soon.
        asked = [f'(SELECT {places[event]} AS "type", {text(one.name)} AS "name" FROM {table} WHERE "type" = '
                 f"{places[event]} AND {quoted(one.name)} IS NULL LIMIT 1)"
                 for table, of_types in by_table(needs, stand).items()
                 for event, columns in of_types.items() for one in columns]
        lacking = set(self.tables.ask(" UNION ALL ".join(asked))) if asked else set()
        return {event: frozenset(one.name for one in columns if (places[event], one.name) not in lacking)
                for event, columns in needs.items()}

    def tied(self, keys: Sequence[Column], places: Mapping[str, int]) -> dict[str, frozenset[tuple[str, str]]]:
        """Of each key, the pairs of types (both ways round) of which two events with one value of it share time and
        sequence."""
        names = ", ".join(quoted(one.name) for one in keys)
        self.tables.keep("tied", f'SELECT "instant", "type", {names} FROM events WHERE "instant" IN (SELECT "instant" '
                         "FROM events_shared)", ())
        by_place = {place: name for name, place in places.items()}
        found = {}
        for key in keys:
            name = quoted(key.name)
            # Most are two: then it is these.
            beside = Step("beside_1", f'SELECT "instant", {name} AS "key", min("type") AS "one", max("type") AS '
                          f'"other", count(*) AS "n" FROM tied WHERE {name} IS NOT NULL GROUP BY "instant", {name} '
                          "HAVING count(*) > 1", "what shares an instant")
            of_one = Step("of_one_2", f'SELECT b."instant", m."type", b."key", count(*) AS "n" FROM tied AS m JOIN '
                          f'(SELECT * FROM beside_1 WHERE "n" > 2) AS b ON m."instant" = b."instant" AND m.{name} = '
                          'b."key" GROUP BY b."instant", m."type", b."key"', "how many of one type share an instant")
            rows = self.tables.ask(
                'SELECT DISTINCT "one", "other" FROM beside_1 WHERE "n" = 2 UNION SELECT a."type", b."type" FROM '
                'of_one_2 AS a JOIN of_one_2 AS b ON a."instant" = b."instant" AND a."key" = b."key" '
                'WHERE a."type" <> b."type" OR a."n" > 1', [beside, of_one])
            pairs = {(by_place[one], by_place[other]) for one, other in rows}
            found[key.path[0]] = frozenset({*pairs, *((other, one) for one, other in pairs)})
        self.tables.drop("tied")
        return found

    def outside(self, ranges: Sequence[tuple[int | None, int | None]]) -> int:
        """How many events lie in none of these ranges of time (from, up to but not including; None: open)."""
        inside = [f'("t" >= {-OPEN if start is None else start} AND "t" < {OPEN if end is None else end})'
                  for start, end in ranges]
        return self._number(f"SELECT count(*) FROM events WHERE NOT ({' OR '.join(inside) or 'FALSE'})")

    def services(self) -> list[str | None]:
        """The services that events name, in order; None where events name none."""
        return [name for name, in self.tables.ask('SELECT DISTINCT "service" FROM events ORDER BY "service"')]

    def first_of(self, service: str | None) -> int:
        """The place of the first event of a service, or of those that name none."""
        own = "IS NULL" if service is None else f"= {text(service)}"
        return self._number(f'SELECT min("pos") FROM events WHERE "service" {own}')

    def _left(self, steps: Sequence[Step]) -> list[Step]:
        """The steps that are no tables yet."""
        return [step for step in steps if step.name not in self.shared]

    def _number(self, sql: str, steps: Sequence[Step] = ()) -> int:
        [(number,)] = self.tables.ask(sql, steps)
        return int(number or 0)


_COLUMNS = ", ".join(map(quoted, ("verdict", "tie", "hard", "n", *PLACE)))
_PENDING = VERDICTS.index("pending")


def _order(row: Sequence[Any]) -> tuple[Any, ...]:
    """By verdict, and then as moments stand, or are due where they are pending; what is not there is last."""
    code, _, _, _, t, known, pos, first, past, due = row
    return tuple(OPEN if one is None else one
                 for one in (code, due if code == _PENDING else t, t, pos, first, past, known))


def _kept(plan: Plan, wanted: Sequence[Verdict]) -> str:
    """The last query of a plan: moments that are wanted or hard in full, the others by their verdict alone, and how
    many there are alike (`n`)."""
    codes = ", ".join(str(VERDICTS.index(verdict)) for verdict in wanted) or "-1"
    columns = ", ".join(f"CASE WHEN \"keep\" THEN {quoted(name)} END AS {quoted(name)}" for name in PLACE)
    return (f'SELECT "verdict", "tie", "hard", {columns}, count(*) AS "n" FROM (SELECT *, "hard" OR "verdict" IN '
            f'({codes}) AS "keep" FROM {plan.steps[-1].name}) AS v GROUP BY ALL')


# ---- events one by one ----------------------------------------------------------------------------------------------

class Rows:
    """The events of the table `events` as the evaluator knows them, each made once.

    `needs` are the columns of each type, `places` the types' places, `service` whose rows are read (None: all), `stand`
    in which table the rows of a type are (empty: in `events`; else there are none of a type that it does not name).
    """

    def __init__(self, tables: Tables, needs: Mapping[str, Sequence[Column]], places: Mapping[str, int],
                 files: Sequence[str], key_types: Mapping[str, types.Type], service: str | None, limit: int,
                 stand: Mapping[str, str] = NOWHERE) -> None:
        self.tables, self.places, self.files = tables, places, files
        self.key_types, self.service, self.limit = key_types, service, limit
        self.names = {place: name for name, place in places.items()}
        self.columns = by_table(needs, stand)
        self.stand = {event: table for table, of_types in self.columns.items() for event in of_types}
        self.seen: dict[int, Event] = {}
        self.fetched: dict[Reach, list[int]] = {}

    def at(self, positions: Sequence[int], among: Collection[str] | None = None) -> Mapping[int, Event]:
        """The events at these places of the order, all of which are of the types `among` (None: of any)."""
        missing = [(place,) for place in dict.fromkeys(positions) if place not in self.seen]
        if missing:
            self.tables.give("asked", {"place": "BIGINT"}, missing)
            # A table at a time: in a view over several, DuckDB does not pass by the rows that are not asked for.
            for table, of_types in self.columns.items():
                chosen = {event: columns for event, columns in of_types.items() if among is None or event in among}
                if chosen:
                    self._make(table, chosen)
        return {place: self.seen[place] for place in positions}

    def _make(self, table: str, of_types: Mapping[str, Sequence[Column]]) -> None:
        """The events asked for that stand in this table; no columns are read but of these types."""
        names = [name for one in each_once(of_types.values())
                 for name in (one.name, *([one.said_name] if one.said else []))]
        at = {name: n for n, name in enumerate(names)}
        # Of each type's fields: where the value stands among the columns, and where, whether the row says it.
        fields = {event: [(at[one.name], at[one.said_name] if one.said else None, one.path, one.type)
                          for one in columns] for event, columns in of_types.items()}
        chosen = ", ".join(f"e.{quoted(one)}" for one in (*OWN, *names))
        for type, pos, t, instant, file, row, service, *values in self.tables.ask(
                f'SELECT {chosen} FROM {table} AS e JOIN asked AS r ON e."pos" = r."place"'):
            event = self.names[type]
            # The place among ties is the event's sequence: equal exactly where time and sequence are.
            self.seen[pos] = Event(event, t, _fields(fields[event], service, values), None, instant, self.files[file],
                                   row, type)

    def fetch(self, reaches: Sequence[Reach]) -> Sequence[Event]:
        """The events of these parts of the trace, in order. Raises `TooManyRows`."""
        groups: dict[tuple[tuple[str, ...], str], list[Reach]] = {}
        for reach in dict.fromkeys(reaches):
            if reach.event not in self.stand:
                self.fetched[reach] = []
            elif reach not in self.fetched:
                names = tuple(name for name, _ in reach.keys)
                groups.setdefault((names, self.stand[reach.event]), []).append(reach)
        for (names, table), asked in groups.items():
            self.fetched.update(zip(asked, self._reach(names, table, asked), strict=True))
        places = sorted(set().union(*[self.fetched[reach] for reach in reaches]))
        if len(places) > self.limit:
            raise TooManyRows
        return list(self.at(places, {one.event for one in reaches if self.fetched[one]}).values())

    def _reach(self, names: Sequence[str], table: str, asked: Sequence[Reach]) -> list[list[int]]:
        """The places of the events of each part, all of which name these keys and are of one table."""
        found: list[list[int]] = [[] for _ in asked]
        keys = key_columns(names, self.key_types)
        given = [(n, self.places[one.event], -OPEN if one.first is None else one.first,
                  OPEN if one.last is None else one.last, *(value for _, value in one.keys))
                 for n, one in enumerate(asked)]
        # The stretch that holds all of them is said apart: what lies outside need not be read. Where no key is null,
        # `=` does, which is a quicker join.
        alike = ["=" if all(row[4 + n] is not None for row in given) else "IS NOT DISTINCT FROM"
                 for n in range(len(keys))]
        on = ['e."type" = r."type"', 'e."t" BETWEEN r."low" AND r."high"',
              f'e."t" BETWEEN {min(low for _, _, low, *_ in given)} AND {max(high for _, _, _, high, *_ in given)}',
              *(f'e.{quoted(one.name)} {alike[n]} r."k{n}"' for n, one in enumerate(keys))]
        if self.service is not None:
            on.append(f'e."service" = {text(self.service)}')
        self.tables.give("asked", {"n": "BIGINT", "type": "SMALLINT", "low": "BIGINT", "high": "BIGINT", **{
            f"k{n}": sql_type(one.type) for n, one in enumerate(keys)}}, given)
        rows = self.tables.ask(f'SELECT r."n", e."pos" FROM {table} AS e JOIN asked AS r ON {" AND ".join(on)} '
                               f"LIMIT {self.limit + 1}")
        if len(rows) > self.limit:
            raise TooManyRows
        for n, place in rows:
            found[n].append(place)
        return found


def by_table(needs: Mapping[str, Sequence[Column]], stand: Mapping[str, str],
             ) -> dict[str, dict[str, Sequence[Column]]]:
    """The columns of each type, by the table that its rows are in; see `Rows`."""
    found: dict[str, dict[str, Sequence[Column]]] = {}
    for event, columns in needs.items():
        if not stand or event in stand:
            found.setdefault(stand.get(event, "events"), {})[event] = columns
    return found


def _fields(columns: Sequence[tuple[int, int | None, tuple[str, ...], types.Type]], service: str | None,
            values: Sequence[Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {} if service is None else {"service": service}
    for at, said, path, type in columns:
        value = values[at]
        if (value is not None) if said is None else values[said]:
            owner = fields
            for name in path[:-1]:
                owner = owner.setdefault(name, {})
            owner[path[-1]] = raw(value, type)
    return fields


def raw(value: Any, type: types.Type) -> Any:
    """A value of a column as the evaluator has it."""
    match type:
        case types.Text() | types.Bool():
            return value
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
