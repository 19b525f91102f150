"""Who has to be told when a run is interrupted: libraries at work that would go on to the end of what they do first.

In come functions that may be called from a signal's handler; whoever hears of the signal calls `tell`. What the signal
was and how a run ends is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_waiting: list[Callable[[], None]] = []


@contextmanager
def heard(stop: Callable[[], None]) -> Iterator[None]:
    """While it lasts, `stop` is called when the run is interrupted."""
    _waiting.append(stop)
    try:
        yield
    finally:
        _waiting.remove(stop)


def tell() -> None:
    """The run is interrupted."""
    for stop in list(_waiting):
        stop()
