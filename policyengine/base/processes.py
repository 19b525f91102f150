"""Work shared among processes that are forked, so that what is at hand need not be sent to them."""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from multiprocessing.pool import Pool
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
        with _pool(min(processes, parts)) as pool:
            yield from pool.imap(_one, range(parts))
    finally:
        _WORK.clear()


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _pool(processes: int) -> Pool:
    """Signals wait until a process is ready for them: until then it has the parent's handlers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        return multiprocessing.get_context("fork").Pool(processes, _ready)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ready() -> None:
    """A process leaves Ctrl-C to the parent, and ends when that says so: a handler in Python, as the parent has one, is
    not called while the process waits for work, if the signal came just before. It lives for seconds and keeps what it
    makes, so that looking for cycles takes a third of its time for nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    gc.disable()


def _one(part: int) -> Any:
    return _WORK[0](part)
