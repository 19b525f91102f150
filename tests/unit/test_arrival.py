"""Events as they arrive: when an instant is over, what is late, what is a repeat."""

from __future__ import annotations

import pytest

from policyengine.core.case import Event
from policyengine.trace.arrival import START, Arrival, in_turn


def row(time: int, id: str | None = None, sequence: int | None = None, type: str = "use") -> Event:
    return Event(type, time, {}, id, sequence, "t", 1)


def over(arrival: Arrival) -> list[tuple[int, int]]:
    """The instants that are over, with how many events each has."""
    found = []
    while (one := arrival.over()) is not None:
        found.append((one[0], len(one[1])))
    return found


def test_an_instant_is_over_when_the_watermark_is_beyond_it() -> None:
    arrival = Arrival(10)
    assert arrival.watermark == START
    for time in (100, 105, 110, 100):
        assert arrival.put(row(time)) == "kept"
    assert arrival.watermark == 100
    assert over(arrival) == []
    arrival.put(row(111))
    assert over(arrival) == [(100, 2)]


def test_what_is_older_than_the_watermark_is_late() -> None:
    arrival = Arrival(10)
    arrival.put(row(100))
    assert arrival.put(row(90)) == "kept"
    assert arrival.put(row(89)) == "late"
    arrival.clock(150)
    assert arrival.watermark == 140
    assert arrival.put(row(139)) == "late"
    arrival.clock(120)
    assert arrival.watermark == 140


def test_all_up_to_an_instant_can_be_declared_over() -> None:
    arrival = Arrival(1000)
    arrival.put(row(5))
    arrival.put(row(7))
    assert arrival.last() == 7
    arrival.settle(5)
    assert over(arrival) == [(5, 1)]
    assert arrival.put(row(5)) == "late"


@pytest.mark.parametrize("lateness", [0, 10])
def test_rows_with_one_id_are_one_event(lateness: int) -> None:
    """Ids are remembered until the watermark has passed the event's time by the lateness once more."""
    arrival = Arrival(lateness)
    assert arrival.put(row(100, "a")) == "kept"
    assert arrival.put(row(100, "a")) == "repeat"
    arrival.put(row(100 + 2 * lateness, "b"))
    assert arrival.put(row(100, "a")) == "repeat"
    arrival.put(row(101 + 2 * lateness, "c"))
    assert arrival.put(row(100, "a")) == "late"
    assert arrival.ids == ({"b", "c"} if lateness else {"c"})


def test_events_of_an_instant_are_in_the_order_of_the_language() -> None:
    numbered = [row(1, sequence=1), row(1, sequence=2)]
    assert in_turn(numbered) == numbered
    assert in_turn(numbered[::-1]) == numbered
    unnumbered = row(1)
    assert in_turn([numbered[0], unnumbered]) == [unnumbered, numbered[0]]


def test_a_lateness_is_not_negative() -> None:
    with pytest.raises(ValueError, match="not negative"):
        Arrival(-1)


def test_restored_with_another_lateness_all_that_waits_is_kept() -> None:
    before, after = Arrival(100), Arrival(0)
    for time in (10, 20, 30):
        before.put(row(time))
    after.restore(before.watermark, before.events, before.memory)
    after.put(row(40))
    assert over(after) == [(10, 1), (20, 1), (30, 1)]
