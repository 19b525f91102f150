"""Events of a generated case as the table that relational engines read, without a file between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import duckdb

from policyengine.base.calendar import Calendar
from policyengine.base.instants import period_text
from policyengine.core import ir, types
from policyengine.core.case import Case, Event, Sources
from policyengine.core.standing import typed
from policyengine.trace.columns import Column, each_once, needs, sql_type
from policyengine.trace.plan.calendars import Horizon
from policyengine.trace.plan.plan import Known


def known_of(policy: ir.Policy, case: Case, as_of: int, calendar: Calendar, sources: Sources | None = None,
             ) -> tuple[Known, tuple[Event, ...]]:
    """What a plan is made with, and the events up to the as-of instant."""
    events = tuple(event for event in case.events if event.time <= as_of)
    places = {event.type: event.place for event in case.events}
    for name in needs(policy, policy.rules):
        places.setdefault(name, 1000 + len(places))
    first = min((event.time for event in events), default=as_of)
    horizon = Horizon.of(calendar, first, as_of)
    return Known(policy, case.facts, {}, calendar, as_of, places, horizon, sources), events


def load(con: duckdb.DuckDBPyConnection, known: Known, events: Sequence[Event]) -> None:
    """The table `events`: one row an event, `pos` its place; and what of it stands by itself too."""
    wanted = needs(known.policy, known.policy.rules)
    columns = each_once(wanted.values())
    said = [one for one in columns if one.said]
    declared = ["type SMALLINT", "t BIGINT", "pos BIGINT", "instant BIGINT", "file INTEGER", '"row" BIGINT',
                "service VARCHAR", *(f'"{one.name}" {sql_type(one.type)}' for one in columns),
                *(f'"{one.said_name}" BOOLEAN' for one in said)]
    con.execute(f"CREATE OR REPLACE TABLE events ({', '.join(declared)})")
    instants: dict[Any, int] = {}
    timely = all(event.sequence is None for event in events)  # then an instant may be a time, as a scan has it
    rows = []
    for pos, event in enumerate(events):
        instant = instants.setdefault((event.time, event.sequence), event.time if timely else pos)
        row = [event.place, event.time, pos, instant, 0, event.row, event.fields.get("service")]
        row += [held(event, one) for one in columns]
        row += [_said(event, one) for one in said]
        rows.append(row)
    if rows:
        # Column by column: row by row takes ten times as long.
        lists = (f"unnest(CAST(? AS {one.rsplit(' ', 1)[1]}[]))" for one in declared)
        con.execute(f"INSERT INTO events SELECT {', '.join(lists)}", list(map(list, zip(*rows, strict=True))))
    con.execute("CREATE OR REPLACE VIEW events_shared AS SELECT instant FROM events GROUP BY 1 HAVING count(*) > 1")
    for table in dict.fromkeys(known.tables.values()):
        kinds = ", ".join(str(known.places[event]) for event, stands in known.tables.items() if stands == table)
        con.execute(f'CREATE OR REPLACE VIEW {table} AS SELECT * FROM events WHERE "type" IN ({kinds})')


def _said(event: Event, column: Column) -> bool:
    owner: Any = event.fields
    for name in column.path[:-1]:
        owner = owner.get(name) if isinstance(owner, Mapping) else None
    return isinstance(owner, Mapping) and column.path[-1] in owner


def held(event: Event, column: Column) -> Any:
    """What a table holds of an event in a column."""
    raw: Any = event.fields
    for name in column.path:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return None if raw is None else _value(raw, column.type)


def _value(raw: Any, type: types.Type) -> Any:
    """A raw value as a table holds it."""
    value = typed(raw, type)
    match type:
        case types.Number():
            return raw if type.integer else Decimal(str(raw))
        case types.TimeOfDay():
            return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
        case types.Period():
            return value.count if type.unit else period_text(value)
        case types.ListOf():
            return [_value(one, type.item) for one in raw]
        case _:
            return value
