"""Judging by Spark gives the verdicts of the evaluator: generated policies and traces, several in one query.

A smaller sample than DuckDB's, of which `test_columns` makes sure: here it is the translation that is tested.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import reduce
from typing import Any

import pytest

pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')

from hypothesis import HealthCheck, Phase, given, settings

from policyengine.core import ir, types
from policyengine.core.case import Case, Event
from policyengine.core.evaluate import judge
from policyengine.core.verdict import VERDICTS, Setting
from policyengine.trace.engines import spark as engine
from policyengine.trace.plan.calendars import Horizon
from policyengine.trace.plan.plan import Known, plan
from tests.support.spark import load, session
from tests.support.tables import known_of
from tests.support.trace_strategies import CALENDAR, EVENTS, TIMES, cases, compare, instants, policy, rules

EXAMPLES = 36
BATCH = 12
STEPS = 36
"""Longer plans say nothing new of the translation, and Spark takes seconds to think about one."""

Example = tuple[ir.Rule, Case, int]


def examples() -> list[Example]:
    """Rules with short plans, each with a trace and an instant of judgement."""
    found: list[Example] = []

    @settings(max_examples=8 * EXAMPLES, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(rules(), cases, instants)
    def draw(rule: ir.Rule, case: Case, as_of: int) -> None:
        if case.events and len(plan(rule, known_of(policy(rule), case, as_of, CALENDAR)[0]).steps) <= STEPS:
            found.append((rule, case, as_of))

    draw()
    return found[-EXAMPLES:]  # the first that are drawn are the simplest


def expected(rule: ir.Rule, case: Case, as_of: int) -> Counter[Any]:
    """Each moment by the evaluator: instant, places, verdict, due time, tie."""
    places = {id(event): place for place, event in enumerate(case.events)}
    found: Counter[Any] = Counter()
    for one in judge(policy(rule), case, Setting(as_of, {}), CALENDAR):
        moment = one.moment
        assert moment is not None
        first = moment.run_first if moment.event is None or moment.run_first is not None else None
        stands = [None if event is None else places[id(event)] for event in (moment.event, first, moment.run_past)]
        found[moment.time, moment.known, *stands, one.verdict, one.due, one.tie] += 1
    return found


def by_spark(traces: list[tuple[Known, ir.Rule]], first: int) -> list[tuple[Counter[Any], Counter[Any]]]:
    """Of each trace the same rows, and the moments that are hard; all in one query. No event is before `first`."""
    spark = session()
    plans = [plan(rule, known) for known, rule in traces]
    ends = [known.as_of for known, _ in traces]
    whole = Horizon.of(CALENDAR, min(first, *ends), max(ends))
    engine.Cluster(spark).prepare([lookup for made in plans for lookup in made.lookups], whole, CALENDAR)
    parts = [engine.table_of(spark, made.steps, f'SELECT {number} AS trace, t, known, pos, first, past, "verdict", '
                             f'due, tie, hard FROM {made.steps[-1].name}') for number, made in enumerate(plans)]
    found: list[tuple[Counter[Any], Counter[Any]]] = [(Counter(), Counter()) for _ in traces]
    for number, *place, code, due, tie, hard in reduce(lambda a, b: a.unionAll(b), parts).collect():
        if hard:
            found[number][1][tuple(place)] += 1
        else:
            verdict = VERDICTS[code]
            found[number][0][*place, verdict, due if verdict == "pending" else None, tie] += 1
    return found


def test_spark_agrees_with_the_evaluator() -> None:
    """The same moments, verdicts, due times and ties; what is hard is left to the evaluator."""
    found = examples()
    assert len(found) == EXAMPLES
    for start in range(0, EXAMPLES, BATCH):
        agrees(found[start:start + BATCH])


def test_spark_looks_both_ways_and_into_lists() -> None:
    """What is seldom drawn: the same asked before and after a moment, lists that name it, days that many share."""
    named = ir.Apply("contains", (ir.Get(ir.CANDIDATE, ("tags",), types.ListOf(types.Text())),
                                  ir.Get(ir.TRIGGER, ("kind",), types.Text())), types.Bool())
    second = ir.Constant("1 second", types.Period("elapsed"))
    notice, listed = (ir.Pattern("notice", ("user",), where) for where in (None, named))
    number = types.Number(integer=True)
    both = ir.Occurs(notice, ir.WithinLast(second)), ir.Occurs(notice, ir.Within(second))
    asked: list[ir.Expr] = [ir.And(both), ir.Or(both), *(
        compare(ir.CountEvents(listed, range), "=", ir.Constant(1, number)) for range in (ir.Before(), ir.This("day")))]
    rows: list[tuple[str, int, dict[str, Any]]] = [
        ("notice", 0, {"tags": ["p", "p"]}), ("use", 0, {"kind": "p"}), ("notice", 1, {}), ("use", 3, {"kind": "q"}),
        ("notice", 7, {"tags": []}), ("use", 8, {}), ("notice", 9, {"tags": ["q", "p"]}), ("use", 9, {"kind": "q"})]
    events = tuple(Event(kind, TIMES[at], {"user": "u1", **fields}, row=row, place=EVENTS.index(kind))
                   for row, (kind, at, fields) in enumerate(rows, 1))
    agrees([(ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (),
                     (ir.Must(one, False),), (), ""), Case({}, events), TIMES[-1]) for one in asked])


def test_spark_agrees_where_a_clock_is_far_off() -> None:
    """A calendar without the days of decades: marks there are the evaluator's, and dates of the first day right."""
    notice = ir.Pattern("notice", ("user",), None)
    month = ir.Constant("1 month", types.Period("month"))
    asked = ir.Occurs(notice, ir.Within(month)), ir.Occurs(notice, ir.This("week"))
    starts = next(one for one in policy().states if isinstance(one, ir.BooleanState) and one.lasting is None)
    every = ir.OnEvery(ir.Constant("7 months", types.Period("month")), starts.name, False)
    events = tuple(Event(kind, time, {"user": "u1", "flag": True, "number": 1}, row=row, place=EVENTS.index(kind))
                   for row, (kind, time) in enumerate(
                       [(starts.starts[0].event, TIMES[0] - 60 * 366 * 86_400_000_000), ("notice", TIMES[0]),
                        ("use", TIMES[1]), ("use", TIMES[-1])], 1))
    assert agrees([(ir.Rule("rule", "", (), "other", "error", ("user",), trigger, (), (ir.Must(one, False),), (), ""),
                    Case({}, events), TIMES[-1]) for one in asked
                   for trigger in (ir.OnEvent(("use",), False, None), every)]) > 150


def agrees(batch: list[Example]) -> int:
    """How many moments were left to the evaluator."""
    traces = []
    for number, (rule, case, as_of) in enumerate(batch):
        known, events = known_of(policy(rule), case, as_of, CALENDAR)
        traces.append((replace(known, service=str(number)), rule, Case(case.facts, events), as_of))
    load(session(), [(known, case.events) for known, _, case, _ in traces])
    answers = by_spark([(known, rule) for known, rule, _, _ in traces],
                       min([TIMES[0], *(event.time for _, case, _ in batch for event in case.events)]))
    left = sum(hard.total() for _, hard in answers)
    for (_, rule, case, as_of), (rows, hard) in zip(traces, answers, strict=True):
        wanted = expected(rule, case, as_of)
        for row, n in list(wanted.items()):
            spare = min(n, hard[row[:5]])
            wanted[row] -= spare
            hard[row[:5]] -= spare
        missing = Counter({row: n for row, n in (+wanted - rows).items() if row[5] != "not_applicable"})
        assert (missing, rows - wanted) == (Counter(), Counter()), (rule, case, as_of)
    return left
