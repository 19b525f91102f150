"""What was counted or summed up, as evidence: the latest events by name, the others by their number."""

from __future__ import annotations

import pytest

from policyengine.core import ir
from policyengine.core.case import Case, Event
from policyengine.core.conditions import NAMED
from policyengine.core.evaluate import judge
from policyengine.core.verdict import EventSeen, Evidence, MoreCounted, Setting
from policyengine.report.evidence import Context, evidence_line
from tests.support import wide_strategies as wide

NOTICES = ir.Pattern("notice", (), None)


def told(asked: ir.Expr, notices: int) -> list[Evidence]:
    """What a use rests on that comes after so many notices, of those that were counted."""
    must = ir.Must(wide.compare(asked, "<", wide.constant(0, wide.INTEGER)), False)
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (must,), (), "")
    place = wide.PLACES[0]
    rows = [*(("notice", {"number": 1}),) * notices, ("use", {"user": "u1"})]
    events = tuple(Event(kind, place.start + n, fields, row=n + 1, place=wide.EVENTS.index(kind))
                   for n, (kind, fields) in enumerate(rows))
    [found] = judge(wide.policy(rule), Case({}, events), Setting(place.start + notices, {}), place.calendar)
    assert found.verdict == "violated"
    return [one for one in found.evidence if isinstance(one, MoreCounted)
            or (isinstance(one, EventSeen) and one.role == "counted")]


@pytest.mark.parametrize("asked", [
    ir.CountEvents(NOTICES, ir.Before()), ir.SumEvents(NOTICES, ("number",), ir.Before(), wide.INTEGER)],
    ids=["counted", "summed up"])
def test_the_latest_are_named(asked: ir.Expr) -> None:
    more, *named = told(asked, NAMED + 4_000)
    assert more == MoreCounted("notice", 4_000)
    assert [one.event.row for one in named if isinstance(one, EventSeen)] == list(range(4_001, 4_001 + NAMED))
    line = evidence_line(more, Context(wide.PLACES[0].calendar, None, {}))
    assert (line.kind, line.name, line.text) == ("events", "notice", "counted 4,000 earlier notice")


@pytest.mark.parametrize("notices", [1, NAMED])
def test_few_are_all_named(notices: int) -> None:
    assert [type(one) for one in told(ir.CountEvents(NOTICES, ir.Before()), notices)] == [EventSeen] * notices
