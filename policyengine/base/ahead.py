"""What becomes of a sequence, made ahead in threads while what is there already is made use of.

It pays where the making is a library's work that leaves Python to others meanwhile, as a query of DuckDB does. What is
made and what becomes of it is not known here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TypeVar

from policyengine.base import interrupt

S = TypeVar("S")
T = TypeVar("T")

TURN = 0.0005
"""So many seconds at most one thread keeps Python to itself while another wants it. Of Python's own 5 ms some go by
before each query of the other and behind it, and nothing is queried meanwhile."""


def ahead(asked: Sequence[S], ways: Sequence[Callable[[S], T]], weight: Callable[[T], int],
          most: int) -> Generator[T, None, None]:
    """What becomes of each of these, in their order: a thread for each way to make it takes the next that is left. Once
    what is made and not yet asked for weighs more than `most`, none begins another.

    What the making raises is raised where its value would have come. The threads end with the iterator: to be closed by
    whoever does not take all of it. What a library is at is then broken off, as by an interrupt.
    """
    # Queues of this kind alone may be left by an interrupt at any place.
    given: SimpleQueue[tuple[int, tuple[T] | BaseException]] = SimpleQueue()
    taken: SimpleQueue[int | None] = SimpleQueue()
    left = iter(enumerate(asked))
    turn, waiting = Lock(), 0

    def following() -> tuple[int, S] | None:
        nonlocal waiting
        with turn:
            while waiting > most or not taken.empty():
                lighter = taken.get()
                if lighter is None:
                    taken.put(None)  # for the others
                    return None
                waiting -= lighter
            return next(left, None)

    def work(way: Callable[[S], T]) -> None:
        nonlocal waiting
        while (one := following()) is not None:
            number, what = one
            try:
                made = way(what)
            except BaseException as problem:
                given.put((number, problem))
                return
            given.put((number, (made,)))  # first, for another may wait in its turn until this is taken
            with turn:
                waiting += weight(made)

    threads = [Thread(target=work, args=(way,), name="ahead") for way in ways]
    before = sys.getswitchinterval()
    came: dict[int, tuple[T] | BaseException] = {}
    try:
        sys.setswitchinterval(TURN)
        for thread in threads:
            thread.start()
        for place in range(len(asked)):
            while place not in came:
                number, made = given.get()
                came[number] = made
            one = came.pop(place)
            if isinstance(one, BaseException):
                raise one
            taken.put(weight(one[0]))
            yield one[0]
    finally:
        taken.put(None)
        for thread in threads:
            while thread.is_alive():
                # Between two queries nobody hears of it; and told twice to end, a run must still wait for its threads.
                with suppress(KeyboardInterrupt):
                    thread.join(0.01)
                    if thread.is_alive():
                        interrupt.tell()
        sys.setswitchinterval(before)
