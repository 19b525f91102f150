"""How far a run is: told on a terminal, and nowhere else."""

from __future__ import annotations

import io

from policyengine.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO) -> str:
    with Progress(stream) as progress:
        progress("events", 0, 0)
        progress("events", 2_000_000, 2_000_000)
        progress("rules", 3, 48)
    return stream.getvalue()


def test_a_terminal_hears_of_events_and_rules_and_is_left_clean() -> None:
    lines = [line.removesuffix("\x1b[K") for line in told(Terminal()).split("\r")[1:]]
    assert lines[0] == "reading events"
    assert lines[1].startswith("2,000,000 events read, ")
    assert lines[1].endswith(" events/s")
    assert lines[2].startswith("3 of 48 rules over 2,000,000 events, ")
    assert lines[-1] == ""


def test_a_file_hears_nothing() -> None:
    assert told(io.StringIO()) == ""
