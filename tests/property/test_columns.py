"""Judging in columns gives the verdicts of the evaluator: generated policies and traces, by DuckDB."""

from __future__ import annotations

from collections import Counter
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings

from policyengine.core import ir
from policyengine.core.case import Case
from policyengine.core.evaluate import judge
from policyengine.core.verdict import VERDICTS, Judgement, Setting
from policyengine.trace import duckdb as engine
from policyengine.trace.columns import Unsupported
from policyengine.trace.plan import plan
from tests.support.tables import known_of, load
from tests.support.trace_strategies import CALENDAR, cases, instants, policy, rules


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """One database for all examples."""
    return duckdb.connect(config={"threads": "1"})


def in_columns(con: duckdb.DuckDBPyConnection, rule: ir.Rule, case: Case, as_of: int) -> tuple[Counter[Any], int]:
    """Each moment of a rule by the plan: instant, places, verdict, due time, tie; and how many are hard."""
    known, events = known_of(policy(rule), case, as_of, CALENDAR)
    load(con, known, events)
    made = plan(rule, known)
    engine.prepare(con, made.lookups, known.horizon, CALENDAR)
    counted = engine.run(con, made, VERDICTS)
    rows = Counter((one.t, one.known, one.pos, one.first, one.past, one.verdict, one.due, one.tie)
                   for one in engine.found(con, counted, hard=False))
    assert sum(rows.values()) == sum(counted.counts.values()) - (
        counted.counts["not_applicable"] - sum(n for key, n in rows.items() if key[5] == "not_applicable"))
    hard = Counter((one.t, one.known, one.pos, one.first, one.past) for one in engine.found(con, counted, hard=True))
    return rows, hard, counted


def key_of(judgement: Judgement, places: dict[int, int]) -> Any:
    moment = judgement.moment
    assert moment is not None
    def place(event: Any) -> int | None:
        return None if event is None else places[id(event)]
    first = moment.run_first if moment.event is None or moment.run_first is not None else None
    return (moment.time, moment.known, place(moment.event), place(first), place(moment.run_past))


@given(rules(), cases, instants)
@settings(max_examples=2000, deadline=None)
def test_columns_agree_with_the_evaluator(con: duckdb.DuckDBPyConnection, rule: ir.Rule, case: Case, as_of: int) -> None:
    """The same moments, verdicts, due times and ties; what is hard is left to the evaluator."""
    case = Case(case.facts, tuple(event for event in case.events if event.time <= as_of))
    places = {id(event): place for place, event in enumerate(case.events)}
    expected = judge(policy(rule), case, Setting(as_of, {}), CALENDAR)
    try:
        rows, hard, counted = in_columns(con, rule, case, as_of)
    except Unsupported as gap:
        raise AssertionError(f"a gap: {gap}") from None
    wanted = Counter((*key_of(one, places), one.verdict, one.due, one.tie) for one in expected)
    known = Counter()
    for row, n in wanted.items():
        spare = min(n, hard.get(row[:5], 0))
        hard[row[:5]] = hard.get(row[:5], 0) - spare
        if n - spare:
            known[row] = n - spare
    missing = known - rows
    extra = rows - known
    not_applicable = sum(n for row, n in missing.items() if row[5] == "not_applicable")
    missing = Counter({row: n for row, n in missing.items() if row[5] != "not_applicable"})
    assert (missing, extra) == (Counter(), Counter())
    assert counted.counts["not_applicable"] == not_applicable + sum(
        n for row, n in rows.items() if row[5] == "not_applicable")
