"""How every benchmark takes its times: each contender once a round, in turn, so that a busy moment of the machine meets
all of them, and the middle one of the rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any


def in_turn(contenders: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Seconds of each, the median of the rounds; one round before them does not count."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            start = perf_counter()
            run()
            if number:
                times[name].append(perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}
