"""The work of a monitor: lines in, verdicts out, and a state kept in step with both, until the input ends.

Knows the order in which things have to happen for nothing to be lost or told twice, and nothing of what they are. The
clocks are handed in.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from policyengine import __version__
from policyengine.base.diagnostic import Diagnostic
from policyengine.base.record import record
from policyengine.trace.stream.feeds import NOTHING, Feed
from policyengine.trace.stream.ledger import Sink, StateFile, commit
from policyengine.workspace.monitoring import Watch

WAIT = 0.2  # seconds for which the input is waited for before clocks and signals are looked at again


@record
class Clocks:
    """`now`: the instant it is (UTC microseconds). `ticks`: seconds that only go forward. `every`: seconds between two
    states. `wall`: whether time passes by `now` also where no event comes."""

    now: Callable[[], int]
    ticks: Callable[[], float]
    every: float
    wall: bool = False


def work(feed: Feed, watch: Watch, sink: Sink, state: StateFile | None, clocks: Clocks, stop: Callable[[], bool],
         tell: Callable[[Sequence[Diagnostic]], None], *, number: int = 0,
         kept: Callable[[], None] = lambda: None) -> bool:
    """Judge all that the feed gives; true when it has ended, false when `stop` said so. What was written then counts.

    `number` is that of the state gone on from; `kept` is called after each state. OSError where something cannot be
    read or written; the state then is the last that was kept, and so is the output once a later run has cut it.
    """
    latest, changed = 0.0, False

    def keep() -> None:
        nonlocal latest, changed, number
        number += 1
        commit(state, sink, body_of(number, feed, watch))
        latest, changed = clocks.ticks(), False
        kept()

    keep()  # before anything is written, so that a later run knows the output as ours
    ended = False
    with _seldom_collecting():
        while not ended and not stop():
            chunk = feed.read(WAIT)
            if chunk is None:
                ended = True
            elif chunk is not NOTHING:
                sink.write(watch.take(chunk))
                changed = True
            elif clocks.wall:
                # Only when there is nothing to read: a backlog would be late by the clock, and its own times pass too.
                sink.write(watch.advance(clocks.now()))
                changed = True
            told = (*watch.problems, *watch.lost, *feed.notices())
            if told:
                watch.problems.clear()
                watch.lost.clear()
                tell(told)
            if changed and clocks.ticks() - latest >= clocks.every:
                keep()
                gc.collect()
                gc.freeze()
    keep()
    return ended


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Python does not look for garbage of its own accord: next to nothing of a monitor's names itself, and looking
    through all that is kept, again and again, takes a fifth of the time and makes a state three times as slow."""
    collecting = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()


def conclude(watch: Watch, sink: Sink, clocks: Clocks, *, pending: bool) -> None:
    """What can be said once no more will come, and the open duties where they are asked for.

    It stands behind what the state knows of: a later run that is given more events takes it back.
    """
    sink.write(watch.finish(clocks.now() if clocks.wall else None))
    if pending:
        sink.write(watch.pending())
    sink.secure()


def body_of(number: int, feed: Feed, watch: Watch) -> dict[str, Any]:
    """What a state holds; the output's mark is added when it is kept."""
    return {"tool": __version__, "number": number, "input": feed.position(), "watch": watch.snapshot()}
