"""What is made ahead in a thread of its own."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import duckdb
import pytest

from policyengine.base import interrupt
from policyengine.base.ahead import ahead


def one(_: int) -> int:
    return 1


def alone() -> bool:
    """Whether no thread of this kind is at work."""
    return all(thread.name != "ahead" for thread in threading.enumerate())


def until(done: list[int], number: int) -> None:
    deadline = time.monotonic() + 20
    while len(done) < number and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)  # for more than is expected


def test_all_of_it_in_its_order() -> None:
    for most in (3, 0):
        assert [*ahead(range(2_000), one, most)] == [*range(2_000)] and [*ahead(range(0), one, most)] == []
    assert [*ahead([0, 0], int, 0)] == [0, 0]
    assert alone()


def test_it_is_made_ahead_and_no_further_than_that() -> None:
    made: list[int] = []

    def heavy() -> Iterator[int]:
        for number in (4, 0, 5, 0, 9, 1, 1):
            made.append(number)
            yield number

    taking = ahead(heavy(), int, 8)
    assert next(taking) == 4
    until(made, 5)
    assert made == [4, 0, 5, 0, 9]  # without the 9 it weighs 5
    assert next(taking) == 0 and next(taking) == 5
    until(made, 5)
    assert made == [4, 0, 5, 0, 9]  # the 0 and the 9
    assert [*taking] == [0, 9, 1, 1] and made == [4, 0, 5, 0, 9, 1, 1]
    assert alone()


def test_the_thread_need_not_wait_long_for_python() -> None:
    """While it waits, its library is idle; behind the iterator all is as it was."""
    before = sys.getswitchinterval()
    taking = ahead(range(3), one, 1)
    assert next(taking) == 0 and sys.getswitchinterval() < before / 5
    taking.close()
    assert sys.getswitchinterval() == before
    with pytest.raises(ZeroDivisionError):
        [*ahead((1 // number for number in (1, 0)), one, 1)]
    assert sys.getswitchinterval() == before


def test_what_goes_wrong_comes_after_what_was_made() -> None:
    def wrong() -> Iterator[int]:
        yield from (1, 2, 3)
        raise ValueError("no fourth")

    seen: list[int] = []
    with pytest.raises(ValueError, match="no fourth") as raised:
        for number in ahead(wrong(), one, 100):
            seen.append(number)
    assert seen == [1, 2, 3] and raised.traceback[-1].name == "wrong"
    assert alone()


def test_who_leaves_does_not_wait_for_the_end_of_a_query() -> None:
    """Nor of those that come after it: they do not begin."""
    con = duckdb.connect()
    begun: list[int] = []

    def endless() -> Iterator[int]:
        for number in range(3):
            begun.append(number)
            if number:
                con.execute("SELECT count(*) FROM range(1000000) AS a(i) JOIN range(1000000) AS b(j) "
                            "ON i % 100 = j % 100 AND hash(i) < hash(j)")
            yield number

    with interrupt.heard(con.interrupt):
        taking = ahead(endless(), one, 100)
        assert next(taking) == 0
        until(begun, 2)
        started = time.monotonic()
        taking.close()
    assert time.monotonic() - started < 10 and begun == [0, 1] and alone()
    assert con.execute("SELECT 7").fetchall() == [(7,)]  # what was broken off was the query, no more


def test_told_to_end_between_two_queries_and_twice() -> None:
    """A query that begins when it has been told is told again; a second Ctrl-C does not leave the thread behind."""
    ends, told = threading.Event(), []

    def slow() -> Iterator[int]:
        yield 0
        ends.wait(20)
        yield 1

    def stop() -> None:
        told.append(1)
        if len(told) == 1:
            raise KeyboardInterrupt
        ends.set()
        for thread in threading.enumerate():  # which a busy machine may not let end before it is told once more
            if thread.name == "ahead":
                thread.join(20)

    with interrupt.heard(stop):
        taking = ahead(slow(), one, 100)
        assert next(taking) == 0
        taking.close()
    assert len(told) == 2 and alone()
