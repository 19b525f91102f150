"""What the ranges of a moment come to, with few looks at rows: running totals beside those that a monitor keeps.

In come the rows of a store by the group they are kept in, in order, a question, and where its range lies; out come what
the certain rows come to and those that have to be looked at all the same: the uncertain, the latest, and who shares the
trigger's instant. What a row is to its need, and how long it is kept, is not known here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter

from policyengine.core import ir
from policyengine.core.case import Event
from policyengine.core.conditions import NAMED, Stretch, amount_of
from policyengine.core.tally import Number, Tally, Total
from policyengine.trace.monitor.keys import Key

DECIDES, POSSIBLE, BESIDE = 2, 1, 0
"""What a row is to its need: it makes those before it needless; it may match; it only shares an instant with others."""

Entry = tuple[int, Event, int]
"""A row with its place, and what it is to the need."""

Asked = ir.Occurs | ir.CountEvents | ir.SumEvents

FEW = NAMED
"""So many rows are looked at one by one, and have no totals."""

ZERO: Number = 0

_place = itemgetter(0)


def _time(entry: Entry) -> int:
    return entry[1].time


class Totals:
    """What the rows of a store come to, by their group, for those who count them, or (`summed`) who sum that up. A
    group has a tally from when it is asked for, of all its rows in order."""

    __slots__ = ("summed", "tallies")

    def __init__(self, summed: ir.SumEvents | None) -> None:
        self.summed = summed
        self.tallies: dict[Key, Tally] = {}

    def between(self, group: Key, bucket: Sequence[Entry], low: int, high: int) -> tuple[Total, list[Entry]] | None:
        """Of the rows of a group from `low` up to, not including, `high`: what the certain come to, and the uncertain.
        None where adding one by one might leave 18 digits on the way."""
        if low == high:
            return Total(0, 0), []
        tally, summed = self.tallies.setdefault(group, Tally(0)), self.summed
        for place, event, weight in bucket[len(tally.places):]:
            tally.add(place, None if weight != DECIDES else 0 if summed is None else amount_of(summed, event))
        found = tally.between(bucket[low][0], bucket[high - 1][0] + 1)
        if found is None:
            return None
        _, _, doubts, total = found
        unsure = [bucket[bisect_left(bucket, place, low, high, key=_place)] for place in doubts]
        return Total(high - low - len(unsure), total), unsure

    def drop(self, group: Key, number: int) -> None:
        """So many of the first rows of a group are thrown away."""
        tally = self.tallies.get(group)
        if tally is not None:
            tally.drop(number)

    def forget(self, group: Key) -> None:
        """A group is thrown away."""
        self.tallies.pop(group, None)


def in_short(asked: Asked, totals: Totals, groups: Sequence[tuple[Key, Sequence[Entry]]], stretch: Stretch,
             trigger: tuple[int, Event] | None, places: Sequence[int]) -> tuple[Total | None, list[Entry]] | None:
    """What the rows of these groups come to in a range, None where all are given that have to be looked at, and these
    rows. None where all have to be that there are. `trigger`: of the moment, with its place; `places`: of the events
    among which the positions of `stretch` are."""
    parts = [(group, bucket, *_part(bucket, stretch, trigger, places)) for group, bucket in groups]
    beside = []
    if trigger is not None and isinstance(asked.range, ir.Since | ir.Before):  # by order, so ties are told
        beside = [entry for _, bucket in groups for entry in _tied(bucket, *trigger)]
    if sum(high - low for _, _, low, high in parts) <= FEW:
        return None, beside + [entry for _, bucket, low, high in parts for entry in bucket[low:high]]
    if isinstance(asked, ir.Occurs):
        return None, beside + _deciding(parts)
    number, total = 0, ZERO
    for group, bucket, low, high in parts:
        found = totals.between(group, bucket, low, high)
        if found is None:
            return None
        some, unsure = found
        number, total = number + some.number, total + some.total
        beside += [*unsure, *bucket[max(low, high - NAMED):high]]
    return Total(number, total), beside


def aged(bucket: Sequence[Entry], until: int) -> Iterator[Entry]:
    """Of rows that match once they are old enough, the latest that does for certain where all up to the instant `until`
    may be, and those behind it."""
    for at in range(bisect_right(bucket, until, key=_time) - 1, -1, -1):
        yield bucket[at]
        if bucket[at][2] == DECIDES and bucket[at][1].time < until:
            return


def _part(bucket: Sequence[Entry], stretch: Stretch, trigger: tuple[int, Event] | None,
          places: Sequence[int]) -> tuple[int, int]:
    """Which rows of a group a range holds, from and up to."""
    low = 0
    if stretch.start is not None:
        low = bisect_left(bucket, stretch.start, key=_time)
    elif stretch.after is not None:
        low = bisect_right(bucket, places[stretch.after], key=_place)
    high = bisect_right(bucket, stretch.end, key=_time)
    if trigger is not None and stretch.trigger is not None:
        high = min(high, (bisect_right if stretch.trigger else bisect_left)(bucket, trigger[0], key=_place))
    return low, max(low, high)


def _tied(bucket: Sequence[Entry], place: int, event: Event) -> Iterator[Entry]:
    """A row that shares the instant and the sequence of the trigger, if there is one."""
    for at in range(bisect_left(bucket, event.time, key=_time), bisect_right(bucket, event.time, key=_time)):
        if bucket[at][0] != place and bucket[at][1].sequence == event.sequence:
            yield bucket[at]
            return


def _deciding(parts: Sequence[tuple[Key, Sequence[Entry], int, int]]) -> list[Entry]:
    """The latest row that matches for certain; where there is none, all that may."""
    unsure: list[Entry] = []
    certain: list[Entry] = []
    for _, bucket, low, high in parts:
        for at in range(high - 1, low - 1, -1):
            if bucket[at][2] == DECIDES:
                certain.append(bucket[at])
                break
            unsure.append(bucket[at])
    return [max(certain, key=_place)] if certain else unsure
