"""Events as they arrive: when an instant is over, what is late, what is a repeat."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from policyengine.core.case import Event, in_order
from policyengine.trace.monitor.arrival import LEAST, START, Arrival, in_turn


def row(time: int, id: str | None = None, sequence: int | None = None, place: int = 0, user: str = "") -> Event:
    return Event("use", time, {"user": user}, id, sequence, "t", 1, place)


def put(arrival: Arrival, *events: Event) -> list[tuple[list[int], int | None]]:
    """The times of what is over up to each event that is late, and the time of that."""
    return [([one.time for one in over], None if late is None else late.time) for over, late in arrival.put(events)]


def test_an_instant_is_over_when_the_watermark_is_beyond_it() -> None:
    arrival = Arrival(10)
    assert arrival.watermark == START
    assert put(arrival, *map(row, (100, 105, 110, 100))) == [([], None)]
    assert arrival.watermark == 100
    assert put(arrival, row(111)) == [([100, 100], None)]


def test_what_is_older_than_the_watermark_is_late() -> None:
    arrival = Arrival(10)
    assert put(arrival, row(100), row(90), row(89), row(101), row(110), row(70), row(112)) == [
        ([], 89), ([90], 70), ([100, 101], None)]
    assert arrival.late == 2
    arrival.clock(150)
    assert arrival.watermark == 140
    assert put(arrival, row(139)) == [([110, 112], 139), ([], None)]
    arrival.clock(120)
    assert arrival.watermark == 140


def test_all_up_to_an_instant_can_be_declared_over() -> None:
    arrival = Arrival(1000)
    put(arrival, row(5), row(7))
    assert arrival.last() == 7
    arrival.settle(5)
    assert [one.time for one in arrival.over()] == [5]
    assert put(arrival, row(5)) == [([], 5), ([], None)]
    arrival.settle(7)
    assert len(arrival.over()) == 1 and arrival.last() is None


@pytest.mark.parametrize("lateness", [0, 10])
def test_rows_with_one_id_are_one_event(lateness: int) -> None:
    """Ids are remembered until the watermark has passed the event's time by the lateness once more."""
    arrival = Arrival(lateness)
    put(arrival, row(100, "a"), row(100, "a"), row(100 + 2 * lateness, "b"), row(100, "a"))
    assert (arrival.repeats, arrival.late) == (2, 0)
    put(arrival, row(101 + 2 * lateness, "c"), row(100, "a"))
    assert (arrival.repeats, arrival.late) == (2, 1)
    arrival.forget()
    assert arrival.ids.keys() == ({"b", "c"} if lateness else {"c"})


def test_ids_that_say_no_more_are_not_kept() -> None:
    arrival = Arrival(10)
    for time in range(10 * LEAST):
        put(arrival, row(time, str(time)))
        assert len(arrival.ids) <= LEAST + 1


@pytest.mark.parametrize("seed", range(20))
def test_all_come_out_in_order_and_those_of_an_instant_as_they_came(seed: int) -> None:
    """In whatever portions they are put; and those that wait can be handed to another."""
    chance = Random(seed)
    lateness = chance.choice((0, 5, 50, 500))
    events = [row(max(0, at // 3 - chance.randrange(chance.choice((1, 8, 60)))), sequence=at) for at in range(600)]
    arrival, over, late = Arrival(lateness), [], []
    marks = {}  # how many came before the watermark passed an instant
    rest: Iterable[Event] = iter(events)
    while portion := [one for _, one in zip(range(chance.choice((1, 2, 40, 300))), rest, strict=False)]:
        for some, one in arrival.put(portion):
            over += some
            late += [one] if one is not None else []
        assert all(one.time < arrival.watermark for one in over) and len(arrival.runs) < 12
        if chance.random() < 0.3:
            waiting, ids = arrival.waiting(), arrival.ids
            assert all(one.time >= arrival.watermark for one in waiting)
            mark, arrival = arrival.watermark, Arrival(lateness)
            arrival.restore(mark, waiting, ids)
    over += arrival.waiting()
    greatest = 0
    for one in events:
        marks[id(one)] = one.time < greatest - lateness
        greatest = max(greatest, one.time)
    assert late == [one for one in events if marks[id(one)]]
    assert over == sorted((one for one in events if not marks[id(one)]), key=lambda one: one.time)


@pytest.mark.parametrize("events", [
    [row(1, sequence=1), row(1, sequence=2), row(1, sequence=3)],
    [row(1, sequence=2), row(1)], [row(1, place=1), row(1, place=0)], [row(1, "b"), row(1, "a"), row(1)],
    [row(1, user="b"), row(1, user="a")], [row(1, sequence=1, user="b"), row(1, sequence=1, user="a")],
    [row(1, sequence=0), row(1, place=1), row(1, place=0)]])
def test_events_of_an_instant_are_in_the_order_of_the_language(events: list[Event]) -> None:
    for some in (events, events[::-1]):
        assert in_turn(some) == list(in_order(some))


def test_a_lateness_is_not_negative() -> None:
    with pytest.raises(ValueError, match="not negative"):
        Arrival(-1)


def test_restored_with_another_lateness_all_that_waits_is_kept() -> None:
    before, after = Arrival(100), Arrival(0)
    put(before, row(10), row(20), row(30))
    after.restore(before.watermark, before.waiting(), before.ids)
    assert put(after, row(40)) == [([10, 20, 30], None)]
