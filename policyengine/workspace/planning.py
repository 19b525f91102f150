"""One rule as the SQL that engines run, for people who want to see it: `guiju explain RULE --plan`.

In comes a rule of a book; out comes text. No trace is at hand, so what depends on it (which columns lack nothing, which
days the calendar covers) is taken at its most careful. What is printed is what runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyengine.base.record import record
from policyengine.core import ir
from policyengine.trace.columns import Unsupported, needs, sql_type
from policyengine.trace.plan.calendars import Horizon
from policyengine.trace.plan.plan import Known, Plan, plan
from policyengine.workspace.library import Book
from policyengine.workspace.stores import key_types


@record
class Shown:
    """The plan of a rule: the columns that are read by event type, the query, and what is to be known of it. `gap` says
    why there is none."""

    columns: Mapping[str, tuple[str, ...]]
    sql: str
    notes: tuple[str, ...]
    gap: str = ""


def shown_plan(book: Book, rule: ir.Rule, values: Mapping[str, Any], now: int, dialect: str = "duckdb") -> Shown:
    """The plan of a rule about moments, as of an instant (UTC microseconds), for a service without facts."""
    policy = book.policy
    keys = key_types([policy], book.event_schemas)
    read = {event: tuple(f"{column.name} {sql_type(column.type)}" for column in columns)
            for event, columns in needs(policy, [rule], keys).items()}
    if rule.trigger is None:
        return Shown(read, "", (), "a rule without a trigger is judged by the evaluator, once a service")
    places = {name: place for place, name in enumerate(book.event_schemas)}
    year = 366 * 86_400_000_000
    known = Known(policy, {}, values, book.calendar, now, places, Horizon.of(book.calendar, now - year, now),
                  key_types=keys)
    try:
        made = plan(rule, known)
    except Unsupported as gap:
        return Shown(read, "", (), f"no column can answer {gap}; the evaluator judges this rule row by row")
    notes = [f"`calendar` holds {lookup.what}, by local day" for lookup in made.lookups]
    notes += [f"every moment is compared with every {guard.pattern.event} of its keys: refused above a limit of pairs"
              for guard in made.guards]
    return Shown(read, _pretty(made, dialect), (*notes, *made.warnings))


def _pretty(made: Plan, dialect: str) -> str:
    """The steps in order, each under what it is."""
    import sqlglot

    parts = []
    for step in made.steps:
        text = sqlglot.transpile(step.sql, read="duckdb", write=dialect, pretty=True)[0]
        body = "\n".join(f"  {line}" for line in text.split("\n"))
        parts.append(f"-- {step.note}\n{step.name} AS (\n{body}\n)")
    return "WITH\n" + ",\n".join(parts) + f"\nSELECT * FROM {made.steps[-1].name}"
