"""What was counted or summed up, as evidence: the latest events by name, the others by their number."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import pytest

from policyengine.base.instants import Period
from policyengine.core import conditions, ir, types
from policyengine.core.case import Case, Event
from policyengine.core.conditions import NAMED, value_of
from policyengine.core.evaluate import judge
from policyengine.core.operators import Overflow
from policyengine.core.standing import Here, World
from policyengine.core.verdict import EventSeen, Evidence, Judgement, MissingField, MoreSeen, Setting
from policyengine.report.evidence import Context, evidence_line, shown
from tests.support import wide_strategies as wide

NOTICES = ir.Pattern("notice", (), None)


def after(must: ir.Expr, notices: int, fields: dict[str, Any]) -> Judgement:
    """A use that comes after so many notices of these fields."""
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (),
                   (ir.Must(must, False),), (), "")
    place = wide.PLACES[0]
    rows = [*(("notice", fields),) * notices, ("use", {"user": "u1"})]
    events = tuple(Event(kind, place.start + n, said, row=n + 1, place=wide.EVENTS.index(kind))
                   for n, (kind, said) in enumerate(rows))
    [found] = judge(wide.policy(rule), Case({}, events), Setting(place.start + notices, {}), place.calendar)
    return found


def told(asked: ir.Expr, notices: int) -> list[Evidence]:
    """What a use rests on that comes after so many notices, of those that were counted."""
    found = after(wide.compare(asked, "<", wide.constant(0, wide.INTEGER)), notices, {"number": 1})
    assert found.verdict == "violated"
    return [one for one in found.evidence if isinstance(one, MoreSeen)
            or (isinstance(one, EventSeen) and one.role == "counted")]


@pytest.mark.parametrize("asked", [
    ir.CountEvents(NOTICES, ir.Before()), ir.SumEvents(NOTICES, ("number",), ir.Before(), wide.INTEGER)],
    ids=["counted", "summed up"])
def test_the_latest_are_named(asked: ir.Expr) -> None:
    more, *named = told(asked, NAMED + 4_000)
    assert more == MoreSeen("notice", 4_000, "counted")
    assert [one.event.row for one in named if isinstance(one, EventSeen)] == list(range(4_001, 4_001 + NAMED))
    line = evidence_line(more, Context(wide.PLACES[0].calendar, None, {}))
    assert (line.kind, line.name, line.text) == ("events", "notice", "counted 4,000 earlier notice")


@pytest.mark.parametrize("notices", [1, NAMED])
def test_few_are_all_named(notices: int) -> None:
    assert [type(one) for one in told(ir.CountEvents(NOTICES, ir.Before()), notices)] == [EventSeen] * notices


NUMBERED = ir.Pattern("notice", (), wide.compare(ir.Get(ir.CANDIDATE, ("number",), wide.INTEGER), ">",
                                                 wide.constant(1, wide.INTEGER)))


@pytest.mark.parametrize("must", [
    ir.Occurs(NUMBERED, ir.Before()),
    wide.compare(ir.CountEvents(NUMBERED, ir.Before()), ">", wide.constant(4_000, wide.INTEGER)),
    wide.compare(ir.SumEvents(NOTICES, ("number",), ir.Before(), wide.INTEGER), ">", wide.constant(0, wide.INTEGER))],
    ids=["one is asked for", "counted", "summed up"])
def test_of_many_that_lack_a_field_the_latest_are_named(must: ir.Expr) -> None:
    """A rule about the whole service may have as many for each of its moments."""
    found = after(must, NAMED + 4_000, {})
    latest = list(range(4_001, 4_001 + NAMED))
    assert found.verdict == "undecided"
    assert [one.event.row for one in found.evidence if isinstance(one, EventSeen)] == latest
    assert [(one.event, one.number) for one in found.evidence if isinstance(one, MoreSeen)] == [("notice", 4_000)]
    assert [one.event.row for one in found.missing if isinstance(one, MissingField)] == latest


LAST_TWO = ir.WithinLast(wide.constant(Period(2, "microsecond"), types.Period()))


def notices(numbers: Sequence[Any]) -> tuple[Event, ...]:
    """Events of one type, an instant apart."""
    return tuple(Event("notice", wide.PLACES[0].start + n, {"number": number}, row=n + 1,
                       place=wide.EVENTS.index("notice")) for n, number in enumerate(numbers))


def judged(asked: ir.Expr, events: tuple[Event, ...], limit: int) -> tuple[Judgement, ...]:
    """Each held to what it and those before it come to."""
    must = ir.Must(wide.compare(asked, "<", wide.constant(limit, wide.INTEGER)), False)
    rule = ir.Rule("rule", "", (), "other", "error", (), ir.OnEvent(("notice",), False, None), (), (must,), (), "")
    return judge(wide.policy(rule), Case({}, events), Setting(events[-1].time, {}), wide.PLACES[0].calendar)


@pytest.mark.parametrize("range", [ir.Before(), LAST_TWO], ids=["all", "the last two"])
@pytest.mark.parametrize("numbers", [
    [1, 2, 3, 4, 5], [5, -3, 2, -8, 9, 1], [1, None, 2, 3, 4, 5], [Decimal("0.1"), Decimal("0.2"), 3, 0, 0, 1],
    [1, 10 ** 18 - 1, 0, 1 - 10 ** 18, 1, 2]], ids=["whole", "negative", "one missing", "tenths", "large"])
@pytest.mark.parametrize("count", [True, False], ids=["counted", "summed up"])
def test_running_totals_are_what_is_added_one_by_one(count: bool, numbers: list[Any], range: ir.Range) -> None:
    events = notices(numbers)
    asked = ir.CountEvents(NOTICES, range) if count else ir.SumEvents(NOTICES, ("number",), range, wide.INTEGER)
    try:
        with patch.object(conditions, "_tallied", lambda *asked: None):
            one_by_one = judged(asked, events, 4)
    except Overflow:
        with pytest.raises(Overflow):
            judged(asked, events, 4)
    else:
        assert judged(asked, events, 4) == one_by_one


def test_moments_may_come_in_any_order() -> None:
    """A window before all that were added up, one behind them with events in between, and one that holds all."""
    events = notices([1, 2, 4, 8, 16, 32, 64, 128])
    world = World.of(wide.policy(), Case({}, events), Setting(events[-1].time, {}), wide.PLACES[0].calendar, None)
    asked = ir.SumEvents(NOTICES, ("number",), LAST_TWO, wide.INTEGER)
    every = ir.SumEvents(NOTICES, ("number",), ir.Before(), wide.INTEGER)
    at = {place: Here(event.time, event.time, place, {}, event) for place, event in enumerate(events)}
    assert [value_of(asked, at[place], world).value for place in (3, 1, 7, 2, 5)] == [14, 3, 224, 7, 56]
    assert [value_of(every, at[place], world).value for place in (7, 0)] == [255, 1]


def test_each_event_is_added_once() -> None:
    """Not once a moment: a month of 80,000 payments has 80,000 moments."""
    amounts = conditions.amount_of
    with patch.object(conditions, "amount_of", side_effect=amounts) as asked:
        judged(ir.SumEvents(NOTICES, ("number",), ir.Before(), wide.INTEGER), notices([1] * 100), 50)
    assert asked.call_count == 100


@pytest.mark.parametrize(("value", "text"), [
    (Fraction("123456.78"), "123,456.78"), (Fraction(79_000), "79,000"), (Fraction("100000.01"), "100,000.01"),
    (Fraction("0.000001"), "0.000001"), (Fraction(1, 3), "0.333333")], ids=str)
def test_a_sum_is_shown_as_it_is(value: Fraction, text: str) -> None:
    """Rounded, 100,000.01 would not be more than 100,000."""
    assert shown(value) == text
