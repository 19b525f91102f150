"""What an iterator gives, made ahead in a thread of its own while what is there already is made use of.

It pays where the making is a library's work that leaves Python to others meanwhile, as a query of DuckDB does. What is
made and what becomes of it is not known here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from policyengine.base import interrupt

T = TypeVar("T")

TURN = 0.0005
"""So many seconds at most one thread keeps Python to itself while another wants it. Of Python's own 5 ms some go by
before each query of the other and behind it, and nothing is queried meanwhile."""


def ahead(made: Iterable[T], weight: Callable[[T], int], most: int) -> Generator[T, None, None]:
    """The same, in the same order. Once what is made and not yet asked for weighs more than `most`, the making
    waits.

    What the making raises is raised where its next value would have come. The thread ends with the iterator: to be
    closed by whoever does not take all of it. What a library is at is then broken off, as by an interrupt.
    """
    # Queues of this kind alone may be left by an interrupt at any place.
    given: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()
    taken: SimpleQueue[int | None] = SimpleQueue()

    def work() -> None:
        try:
            waiting = 0
            for one in made:
                given.put((one,))
                waiting += weight(one)
                while waiting > most or not taken.empty():
                    lighter = taken.get()
                    if lighter is None:
                        return
                    waiting -= lighter
            given.put(None)
        except BaseException as problem:
            given.put(problem)

    thread = Thread(target=work, name="ahead")
    turn = sys.getswitchinterval()
    try:
        sys.setswitchinterval(TURN)
        thread.start()
        while (came := given.get()) is not None:
            if isinstance(came, BaseException):
                raise came
            taken.put(weight(came[0]))
            yield came[0]
    finally:
        taken.put(None)
        while thread.is_alive():
            # Between two queries nobody hears of it; and told twice to end, a run must still wait for its thread.
            with suppress(KeyboardInterrupt):
                thread.join(0.01)
                if thread.is_alive():
                    interrupt.tell()
        sys.setswitchinterval(turn)
