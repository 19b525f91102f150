"""Which rows a plan puts in order: all together, or few alone. That the answers are the same, `test_columns` says."""

from __future__ import annotations

from dataclasses import replace

from policyengine.core import ir
from policyengine.core.case import Case, Event
from policyengine.trace.plan.frames import RARE
from policyengine.trace.plan.plan import Known, plan
from policyengine.trace.scan.tables import TABLES
from tests.support.tables import known_of
from tests.support.trace_strategies import CALENDAR, START, in_state, policy

EVENTS = tuple(Event(kind, START + n, {"user": "u1"}, row=n + 1, place=n) for n, kind in enumerate(
    ("use", "reply", "alert")))
RULE = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (),
               (ir.Must(in_state(ir.TRIGGER), False),), (), "")


def steps(tables: dict[str, str]) -> set[str]:
    """What the steps of the rule's plan are called, where types stand in these tables."""
    known: Known = known_of(policy(RULE), Case({}, EVENTS), START + 9, CALENDAR)[0]
    return {step.name.rstrip("_0123456789") for step in plan(RULE, replace(known, tables=tables)).steps}


def test_few_rows_alone_are_put_in_order() -> None:
    """The state's events are rare and the rule's are not; so they are not the other way round, nor alike."""
    assert "spans" in steps({"use": "events_frequent", "reply": RARE, "alert": RARE})
    for tables in ({}, {"use": RARE, "reply": RARE, "alert": RARE},
                   {"use": RARE, "reply": "events_frequent", "alert": RARE},
                   {"use": "events_frequent", "reply": "events_frequent", "alert": RARE}):
        assert "spans" not in steps(tables)


def test_many_rows_are_read_for_keys_that_are_asked_for() -> None:
    """The rule's events are rare and some of the state's are not."""
    assert "near" in steps({"use": RARE, "reply": "events_frequent", "alert": RARE})
    assert "near" not in steps({"use": "events_frequent", "reply": "events_frequent", "alert": RARE})


def test_rare_types_stand_where_the_plan_takes_them_to() -> None:
    assert TABLES[0].replace("scan_", "events_") == RARE
