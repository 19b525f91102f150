"""Steps that several plans have: made once, kept until the last of the plans was run, and the same answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb

from policyengine.core import ir, types
from policyengine.core.case import Case, Event, in_order
from policyengine.core.verdict import VERDICTS
from policyengine.trace.engines.duckdb import DuckTables
from policyengine.trace.engines.engine import Engine
from policyengine.trace.plan.plan import Plan, plan
from policyengine.trace.plan.shared import shared
from tests.support.tables import known_of, load
from tests.support.trace_strategies import CALENDAR, EVENTS, SECOND, START, policy

USER = (("user", ir.Get(ir.TRIGGER, ("user",), types.Text())),)


class Counting(DuckTables):
    """The tables of a connection; `kept` are the names of those that were made, one by one."""

    def __init__(self, con: duckdb.DuckDBPyConnection, *, common: bool = False, pause: float = 0) -> None:
        super().__init__(con, common=common)
        self.kept: list[str] = []
        self.pause = pause

    def keep(self, name: str, sql: str, steps: Sequence[Any]) -> None:
        self.kept.append(name)
        time.sleep(self.pause)
        super().keep(name, sql, steps)


def rule(name: str, when: ir.Expr, must: ir.Expr) -> ir.Rule:
    return ir.Rule(name, "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (when,),
                   (ir.Must(must, False),), (), "")


def replied(seconds: int) -> ir.Expr:
    return ir.Occurs(ir.Pattern("reply", ("user",), None), ir.Within(
        ir.Constant(f"{seconds} seconds", types.Period("elapsed"))))


CONSENT = ir.InState("consent", ir.TRIGGER, USER)
EVERY = (rule("soon", CONSENT, replied(5)), rule("late", CONSENT, replied(50)),
         rule("other", ir.Not(CONSENT), ir.Not(replied(5))))


def prepared(beside: int = 0) -> tuple[Engine, Counting, list[Plan]]:
    """An engine with a few events and so many more connections, and the plans of `EVERY`."""
    told = [("alert", 0, "u1"), ("use", 1, "u1"), ("reply", 9, "u1"), ("use", 20, "u2"), ("reply", 21, "u2"),
            ("notice", 30, "u1"), ("use", 40, "u1")]
    events = in_order([Event(kind, START + at * SECOND, {"user": user}, None, None, "trace", row + 1,
                             EVENTS.index(kind)) for row, (kind, at, user) in enumerate(told)])
    known, events = known_of(policy(*EVERY), Case({"service": {}}, events), START + 100 * SECOND, CALENDAR)
    con = duckdb.connect()
    load(con, known, events)
    tables = Counting(con, common=beside > 0, pause=0.01 * beside)
    others = [Counting(con.cursor(), common=True, pause=0.01 * beside) for _ in range(beside)]
    return Engine(tables, None, others), tables, [plan(one, known) for one in EVERY]


def test_made_once() -> None:
    """What two rules ask is kept for both, and gone when both were judged; what one asks alone is not kept."""
    engine, tables, plans = prepared()
    together = shared(plans)
    [name] = together[0].shared
    assert together[1].shared == {name: 2}
    assert not together[2].shared
    assert tables.con.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (1,)
    engine.done(engine.run(together[0], VERDICTS))
    assert tables.con.execute(f"SELECT count(*) FROM {name}").fetchone() is not None
    engine.done(engine.run(together[2], VERDICTS))
    engine.done(engine.run(together[1], VERDICTS))
    assert tables.kept.count(name) == 1
    assert tables.con.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (1,)


def test_the_same_answers() -> None:
    """A rule that shares its steps comes to what it does alone."""
    engine, _, plans = prepared()
    for alone, with_others in zip(plans, shared(plans), strict=True):
        found = [(one.counts, engine.found(one, hard=False)) for one in
                 (engine.run(alone, VERDICTS), engine.run(with_others, VERDICTS))]
        assert found[0] == found[1]
        assert sum(found[0][0].values()) == 3


def test_side_by_side() -> None:
    """Of plans that are run at once, one makes what they share and the others wait for it; the last takes it away."""
    engine, tables, plans = prepared(beside=2)
    together = shared(plans)
    expected = [{verdict: n for verdict, n in engine.run(one, VERDICTS).counts.items() if n} for one in plans]
    engines = engine.each()
    assert [one.tables for one in engines] == [engine.tables, *engine.beside]
    for _ in range(5):
        for one in (tables, *engine.beside):
            assert isinstance(one, Counting)
            one.kept.clear()
        with ThreadPoolExecutor(3) as threads:
            found = [*threads.map(lambda one: one[0].run(one[1], VERDICTS), zip(engines, together, strict=True))]
        assert [{verdict: n for verdict, n in one.counts.items() if n} for one in found] == expected
        [name] = together[0].shared
        assert sum(one.kept.count(name) for one in (tables, *engine.beside) if isinstance(one, Counting)) == 1
        assert not tables.con.execute(f"SELECT 1 FROM duckdb_tables() WHERE table_name = '{name}'").fetchall()
