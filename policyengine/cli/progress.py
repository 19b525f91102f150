"""How far a run is, on one line of a terminal that is gone when the run ends. Elsewhere nothing is written."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from policyengine.cli.common import verbosity


class Progress:
    """Called with what is done, how much of it, and of how much (0: not known); a context that takes the line away."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty() and verbosity() >= 0
        self.started = time.perf_counter()
        self.events = 0

    def __call__(self, what: str, done: int, of: int) -> None:
        elapsed = max(time.perf_counter() - self.started, 1e-9)
        match what:
            case "events" if not of:
                text = "reading events"
            case "events":
                self.events = done
                text = f"{done:,} events read, {done / elapsed:,.0f} events/s"
                self.started = time.perf_counter()
            case _:
                text = f"{done:,} of {of:,} rules over {self.events:,} events"
                text += f", {self.events * done / elapsed:,.0f} events/s a rule" if done else ""
        if self.live:
            self.stream.write(f"\r{text}\x1b[K")
            self.stream.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
