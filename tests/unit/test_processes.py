"""Work shared among processes that are forked."""

from __future__ import annotations

import signal

from policyengine.base.processes import shared


def test_parts_come_in_their_order() -> None:
    assert [*shared(lambda part: part * part, 20, 2)] == [part * part for part in range(20)]
    assert [*shared(lambda part: part * part, 3, 1)] == [0, 1, 4]


def test_processes_end_when_the_parent_says_so() -> None:
    """Whatever handler the parent has: one in Python is not called while a process waits for a lock, and the parent
    would wait for it for ever."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for _ in range(20):  # now and then one is told before it is ready
            assert {*shared(ready, 4, 2)} == {True}
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    finally:
        signal.signal(signal.SIGTERM, before)


def ready(_: int) -> bool:
    return (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == (signal.SIG_IGN, signal.SIG_DFL) \
        and not signal.pthread_sigmask(signal.SIG_BLOCK, ())
