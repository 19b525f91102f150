"""Events as they arrive -> the instants that are over, each whole and in order; the events that came too late.

The watermark is the greatest event time, or what the clock showed, less the lateness. An instant is over when the
watermark is beyond it. Which events matter, and what is made of them, is not known here. Instants and the lateness are
microseconds (UTC).
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Literal

from policyengine.core.case import Event, in_order

START = -(2 ** 63)
"""The watermark before the first event."""


class Arrival:
    """What has arrived and is not over yet.

    `straight`: there is no lateness, so that one instant waits at most, since any later event ends it. `memory`: the
    ids of the events whose time the watermark has not passed by the lateness once more, by time.
    """

    __slots__ = ("events", "ids", "lateness", "memory", "straight", "times", "watermark")

    def __init__(self, lateness: int) -> None:
        if lateness < 0:
            raise ValueError("the lateness is not negative")
        self.lateness = lateness
        self.straight = lateness == 0
        self.watermark = START
        self.events: dict[int, list[Event]] = {}
        self.times: list[int] = []  # a heap of the keys of `events`, where more than one may wait
        self.ids: set[str] = set()
        self.memory: list[tuple[int, str]] = []  # a heap of the ids

    def put(self, event: Event) -> Literal["kept", "late", "repeat"]:
        """Take an event; one that is late, or a repeat of one with its id, is not kept."""
        time = event.time
        if event.id is not None:
            if event.id in self.ids:
                return "repeat"
            if time >= self.watermark:
                self.ids.add(event.id)
                heappush(self.memory, (time, event.id))
        if time < self.watermark:
            return "late"
        waiting = self.events.get(time)
        if waiting is None:
            self.events[time] = [event]
            if not self.straight:
                heappush(self.times, time)
        else:
            waiting.append(event)
        if time - self.lateness > self.watermark:
            self._raise(time - self.lateness)
        return "kept"

    def stand(self, events: list[Event]) -> None:
        """Where there is no lateness: these, of one instant, came later than all others, and those have been judged."""
        self.watermark = events[0].time
        self.events = {self.watermark: events}
        self.memory[:] = [(self.watermark, event.id) for event in events if event.id is not None]
        self.ids = {id for _, id in self.memory}

    def clock(self, instant: int) -> None:
        """The clock shows an instant."""
        if instant - self.lateness > self.watermark:
            self._raise(instant - self.lateness)

    def settle(self, as_of: int) -> None:
        """All instants up to and including `as_of` are over."""
        if as_of + 1 > self.watermark:
            self._raise(as_of + 1)

    def over(self) -> tuple[int, list[Event]] | None:
        """The next instant that is over and its events in order; None when there is none."""
        if not self.straight:
            if not self.times or self.times[0] >= self.watermark:
                return None
            time = heappop(self.times)
        else:
            time = min(self.events, default=self.watermark)
            if time >= self.watermark:
                return None
        return time, in_turn(self.events.pop(time))

    def last(self) -> int | None:
        """The greatest time among the events that are kept."""
        return max(self.events, default=None)

    def restore(self, watermark: int, events: dict[int, list[Event]], memory: list[tuple[int, str]]) -> None:
        """Go on where another left off."""
        self.watermark, self.events, self.memory = watermark, events, memory
        self.straight = self.lateness == 0 and len(events) <= 1
        self.times = [] if self.straight else sorted(events)
        self.ids = {id for _, id in memory}

    def _raise(self, watermark: int) -> None:
        self.watermark = watermark
        memory = self.memory
        while memory and memory[0][0] + self.lateness < watermark:
            self.ids.discard(heappop(memory)[1])


def in_turn(events: list[Event]) -> list[Event]:
    """The events of an instant in order; most traces number theirs, and give them so."""
    if len(events) > 1:
        before = events[0].sequence
        for event in events[1:]:
            sequence = event.sequence
            if before is None or sequence is None or sequence <= before:
                return list(in_order(events))
            before = sequence
    return events
