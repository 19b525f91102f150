"""Marks of long runs in columns, held to the evaluator where runs are just long enough, or just too short."""

from __future__ import annotations

import random
from dataclasses import replace

import duckdb
import pytest

from policyengine.core import ir, types
from policyengine.core.case import Case, Event, in_order
from policyengine.core.evaluate import judge
from policyengine.core.verdict import VERDICTS, Setting
from policyengine.trace.engines.duckdb import DuckTables
from policyengine.trace.engines.engine import Engine
from policyengine.trace.plan.plan import plan
from tests.support.tables import known_of, load
from tests.support.trace_strategies import CALENDAR, EPISODE, EVENTS, SECOND, START, policy

USE = replace(EPISODE, ends=())
"""Goes on for as long as no two seconds pass without an event, and has no other end."""


def seconds(count: int) -> ir.Constant:
    return ir.Constant(f"{count} seconds", types.Period("elapsed"))


def every(count: int) -> ir.Rule:
    return ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvery(seconds(count), "session"), (),
                   (ir.Must(ir.Occurs(ir.Pattern("notice", ("user",), None), ir.Within(seconds(1))), False),), (), "")


@pytest.mark.parametrize("count", [3, 4, 8, 9, 12, 20])
def test_every_mark_of_a_long_run_is_found(count: int) -> None:
    """Of runs of one user each, that begin at any instant and last about as long as a mark needs."""
    told: list[tuple[str, int, str]] = []
    for run in range(120):
        # Two seconds without an event are a gap that a run survives, and a little more is not.
        draw = random.Random(count * 1000 + run)
        at = START + draw.randrange(100 * SECOND)
        end = at + count * SECOND * draw.choice([1, 1, 1, 2]) + draw.choice([-1, 0, 1, 2 * SECOND, SECOND])
        while at < end:
            told.append((draw.choice(["use", "reply"]), at, f"u{run}"))
            at += draw.choice([2 * SECOND, 2 * SECOND, 2 * SECOND, SECOND, 1])
        told += [("reply", end, f"u{run}"), ("notice", end + draw.randrange(2 * SECOND), f"u{run}")]
    events = in_order([Event(kind, at, {"user": user}, None, None, "trace", row + 1, EVENTS.index(kind))
                       for row, (kind, at, user) in enumerate(told)])
    laws = replace(policy(every(count)), episodes=(USE,))
    case, as_of = Case({"service": {}}, events), START + 10 ** 6 * SECOND
    known, events = known_of(laws, case, as_of, CALENDAR)
    con = duckdb.connect()
    load(con, known, events)
    made = plan(laws.rules[0], known)
    assert any(step.note == "runs that pass a mark" for step in made.steps)
    counted = Engine(DuckTables(con)).run(made, VERDICTS)
    found = judge(laws, case, Setting(as_of, {}), CALENDAR)
    assert {verdict: n for verdict, n in counted.counts.items() if n} == {
        verdict: n for verdict in VERDICTS if (n := sum(one.verdict == verdict for one in found))}
    assert len(found) > 20
