"""Work shared among processes that are forked, so that what is at hand need not be sent to them."""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

_WORK: list[Callable[[int], Any]] = []


def shared(work: Callable[[int], T], parts: int, processes: int) -> Iterator[T]:
    """What the work gives for 0, 1, … up to, not including, `parts`, in that order; each part by the next process that
    is free. Here alone where the system cannot fork. What is given must be picklable, the work need not be."""
    if processes < 2 or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(work, range(parts))
        return
    _WORK[:] = [work]
    try:
        with multiprocessing.get_context("fork").Pool(min(processes, parts), _ready) as pool:
            yield from pool.imap(_one, range(parts))
    finally:
        _WORK.clear()


def _ready() -> None:
    """A process leaves Ctrl-C to the parent, and ends when that says so: a handler in Python, as the parent has one, is
    not called while the process waits for work, if the signal came just before. It lives for seconds and keeps what it
    makes, so that looking for cycles takes a third of its time for nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.disable()


def _one(part: int) -> Any:
    return _WORK[0](part)
