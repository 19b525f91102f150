"""What is made ahead in threads."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from random import Random

import duckdb
import pytest

from policyengine.base import interrupt
from policyengine.base.ahead import ahead


def one(_: int) -> int:
    return 1


def same(number: int) -> int:
    return number


def alone() -> bool:
    """Whether no thread of this kind is at work."""
    return all(thread.name != "ahead" for thread in threading.enumerate())


def until(done: Sequence[object], number: int) -> None:
    deadline = time.monotonic() + 20
    while len(done) < number and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)  # for more than is expected


@pytest.mark.parametrize("ways", [1, 2, 5])
def test_all_of_it_in_its_order(ways: int) -> None:
    for most in (3, 0):
        assert [*ahead(range(2_000), [same] * ways, one, most)] == [*range(2_000)]
        assert [*ahead(range(0), [same] * ways, one, most)] == []
    assert [*ahead([0, 0], [same] * ways, same, 0)] == [0, 0]
    assert alone()


def test_it_is_made_ahead_and_no_further_than_that() -> None:
    made: list[int] = []

    def heavy(number: int) -> int:
        made.append(number)
        return number

    taking = ahead((4, 0, 5, 0, 9, 1, 1), [heavy], same, 8)
    assert next(taking) == 4
    until(made, 5)
    assert made == [4, 0, 5, 0, 9]  # without the 9 it weighs 5
    assert next(taking) == 0 and next(taking) == 5
    until(made, 5)
    assert made == [4, 0, 5, 0, 9]  # the 0 and the 9
    assert [*taking] == [0, 9, 1, 1] and made == [4, 0, 5, 0, 9, 1, 1]
    assert alone()


def test_each_way_takes_the_next_and_is_in_one_thread() -> None:
    """The first waits for the second, which makes all the others meanwhile; they come behind it all the same."""
    made: list[tuple[str, int]] = []
    ends = threading.Event()

    def slow(number: int) -> int:
        made.append(("slow", number))
        ends.wait(20)
        return number

    def quick(number: int) -> int:
        until(made, 1)
        made.append(("quick", number))
        if len(made) == 6:
            ends.set()
        return number

    assert [*ahead(range(6), [slow, quick], one, 100)] == [0, 1, 2, 3, 4, 5]
    assert [way for way, _ in made] == ["slow", *["quick"] * 5] and sorted(number for _, number in made) == [*range(6)]
    assert alone()


def test_what_weighs_too_much_has_all_wait_but_him_who_is_at_work() -> None:
    """Who waits in his turn must not keep another from giving what he has made."""
    chance = Random(7)
    for ways in (2, 3, 4):
        pauses = [chance.random() / 500 for _ in range(60)]

        def made(number: int, pauses: list[float] = pauses) -> int:
            time.sleep(pauses[number])
            return number

        assert [*ahead(range(60), [made] * ways, one, 0)] == [*range(60)]
        assert [*ahead(range(60), [made] * ways, lambda number: number % 7, 5)] == [*range(60)]
    assert alone()


def test_the_thread_need_not_wait_long_for_python() -> None:
    """While it waits, its library is idle; behind the iterator all is as it was."""
    before = sys.getswitchinterval()
    taking = ahead(range(3), [same, same], one, 1)
    assert next(taking) == 0 and sys.getswitchinterval() < before / 5
    taking.close()
    assert sys.getswitchinterval() == before
    with pytest.raises(ZeroDivisionError):
        [*ahead((1, 0), [lambda number: 1 // number], one, 1)]
    assert sys.getswitchinterval() == before


@pytest.mark.parametrize("ways", [1, 3])
def test_what_goes_wrong_comes_in_its_place(ways: int) -> None:
    """However soon it went wrong, and whatever goes wrong behind it."""
    def wrong(number: int) -> int:
        if number >= 4:
            raise ValueError(f"no {number}")
        time.sleep(0.01)
        return number

    seen: list[int] = []
    with pytest.raises(ValueError, match="no 4") as raised:
        for number in ahead(range(1, 9), [wrong] * ways, one, 100):
            seen.append(number)
    assert seen == [1, 2, 3] and raised.traceback[-1].name == "wrong"
    assert alone()


def test_who_leaves_does_not_wait_for_the_end_of_queries() -> None:
    """Nor of those that come after them: they do not begin."""
    con = duckdb.connect()
    cursors = con.cursor(), con.cursor()
    begun: list[int] = []

    def query(con: duckdb.DuckDBPyConnection, number: int) -> int:
        begun.append(number)
        if number > 1:
            con.execute("SELECT count(*) FROM range(1000000) AS a(i) JOIN range(1000000) AS b(j) "
                        "ON i % 100 = j % 100 AND hash(i) < hash(j)")
        return number

    with interrupt.heard(cursors[0].interrupt), interrupt.heard(cursors[1].interrupt):
        taking = ahead(range(6), [partial(query, one) for one in cursors], one, 100)
        assert next(taking) == 0 and next(taking) == 1
        until(begun, 4)
        started = time.monotonic()
        taking.close()
    assert time.monotonic() - started < 10 and sorted(begun) == [0, 1, 2, 3] and alone()
    # What was broken off were the queries, no more.
    assert [one.execute("SELECT 7").fetchall() for one in cursors] == [[(7,)], [(7,)]]


def test_who_leaves_has_no_other_begun() -> None:
    begun: list[int] = []

    def slow(number: int) -> int:
        begun.append(number)
        time.sleep(0.02)
        return number

    taking = ahead(range(1_000), [slow, slow], one, 10_000)
    assert next(taking) == 0
    taking.close()
    assert alone() and len(begun) < 100


def test_told_to_end_between_two_queries_and_twice() -> None:
    """A query that begins when it has been told is told again; a second Ctrl-C does not leave the thread behind."""
    ends, told = threading.Event(), []

    def slow(number: int) -> int:
        if number:
            ends.wait(20)
        return number

    def stop() -> None:
        told.append(1)
        if len(told) == 1:
            raise KeyboardInterrupt
        ends.set()
        for thread in threading.enumerate():  # which a busy machine may not let end before it is told once more
            if thread.name == "ahead":
                thread.join(20)

    with interrupt.heard(stop):
        taking = ahead(range(2), [slow], one, 100)
        assert next(taking) == 0
        taking.close()
    assert len(told) == 2 and alone()
