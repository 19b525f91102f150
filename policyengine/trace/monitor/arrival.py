"""Events as they arrive -> those whose instants are over, in order; the events that came too late.

The watermark is the greatest event time, or what the clock showed, less the lateness. An instant is over when the
watermark is beyond it. Which events matter, and what is made of them, is not known here. Instants and the lateness are
microseconds (UTC).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import attrgetter

from policyengine.core.case import Event, in_order

START = -(2 ** 63)
"""The watermark before the first event."""

LEAST = 1024
"""So many ids are remembered before it is looked whether any can be forgotten."""

_time = attrgetter("time")


class Arrival:
    """What has arrived and is not over yet. `late`: how many events came too late; `repeats`: how many were dropped
    because their id was known.

    `runs`: the events that wait, as lists that came one after the other, each backwards by time, so that what is over
    is cut off its end, and each more than twice as long as the next, so that there are few. `ids`: the time of the
    event with an id, until the watermark has passed it by the lateness once more.
    """

    __slots__ = ("_many", "ids", "late", "lateness", "repeats", "runs", "watermark")

    def __init__(self, lateness: int) -> None:
        if lateness < 0:
            raise ValueError("the lateness is not negative")
        self.lateness = lateness
        self.watermark = START
        self.late = self.repeats = 0
        self.runs: list[list[Event]] = []
        self.ids: dict[str, int] = {}
        self._many = LEAST

    def put(self, events: Iterable[Event]) -> Iterator[tuple[list[Event], Event | None]]:
        """Take events: up to each that is late what is over by then, and it; at last what is over, and None."""
        lateness, ids = self.lateness, self.ids
        end, ordered = self.watermark + lateness, True  # an event after `end` raises the watermark
        kept: list[Event] = []
        for event in events:
            time = event.time
            if event.id is not None:
                known = ids.get(event.id)
                if known is not None and known + lateness >= end - lateness:
                    self.repeats += 1
                    continue
                if time >= end - lateness:
                    ids[event.id] = time
            if time > end:
                end = time
            elif time < end:
                if time < end - lateness:
                    self.late += 1
                    self.watermark = end - lateness
                    self._keep(kept, ordered)
                    yield self.over(), event
                    kept, ordered = [], True
                    continue
                ordered = False
            kept.append(event)
        self.watermark = end - lateness
        self._keep(kept, ordered)
        if len(ids) > self._many:
            self.forget()
            self._many = max(LEAST, 2 * len(self.ids))
        yield self.over(), None

    def _keep(self, events: list[Event], ordered: bool) -> None:
        """These came after all others, and `ordered` are not before any of them."""
        runs = self.runs
        events.reverse()  # backwards, and what came later before what came earlier of the same instant
        joined = 1
        while runs and len(runs[-1]) <= 2 * len(events):
            events += runs.pop()
            joined += 1
        if events:
            if not ordered or joined > 2:
                events.sort(key=_time, reverse=True)
            runs.append(events)

    def over(self) -> list[Event]:
        """The events whose instants are over, by time, those of one instant as they came; they wait no longer."""
        watermark = self.watermark
        parts: list[list[Event]] = []
        for run in self.runs:
            if run[-1].time < watermark:
                first = bisect_right(run, -watermark, key=_backwards)
                parts.append(run[:first - 1:-1] if first else run[::-1])
                del run[first:]
        self.runs = [run for run in self.runs if run]
        return parts[0] if len(parts) == 1 else sorted(chain.from_iterable(parts), key=_time)

    def clock(self, instant: int) -> None:
        """The clock shows an instant."""
        self.watermark = max(self.watermark, instant - self.lateness)

    def settle(self, as_of: int) -> None:
        """All instants up to and including `as_of` are over."""
        self.watermark = max(self.watermark, as_of + 1)

    def last(self) -> int | None:
        """The greatest time among the events that wait."""
        return max((run[0].time for run in self.runs), default=None)

    def waiting(self) -> list[Event]:
        """The events that wait, as they are put back."""
        return sorted(chain.from_iterable(map(reversed, self.runs)), key=_time)

    def forget(self) -> None:
        """Keep no id longer than it says."""
        passed = self.watermark - self.lateness
        self.ids = {id: time for id, time in self.ids.items() if time >= passed}

    def restore(self, watermark: int, waiting: list[Event], ids: dict[str, int]) -> None:
        """Go on where another left off, which may have had more lateness."""
        self.watermark, self.ids = watermark, ids
        if waiting:
            self.clock(waiting[-1].time)
            self._keep(waiting, True)


def _backwards(event: Event) -> int:
    return -event.time


def in_turn(events: list[Event]) -> list[Event]:
    """The events of an instant in order. Most traces number theirs, and give them so; most of the others can be told
    apart without a look at what they say."""
    before = None
    for event in events:
        sequence = event.sequence
        if sequence is None or (before is not None and sequence <= before):
            break
        before = sequence
    else:
        return events
    places = [(event.sequence is not None, event.sequence or 0, event.place, event.id or "") for event in events]
    if len(set(places)) < len(events):
        return list(in_order(events))
    return [event for _, event in sorted(zip(places, events, strict=True))]
