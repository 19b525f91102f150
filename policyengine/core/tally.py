"""Running totals of candidates in order, so that what moments count and sum up is not added up anew for each.

In come places with amounts; out comes what those between two places come to. What a candidate is, and which of them a
moment looks at, is not known here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction

from policyengine.base.record import record
from policyengine.core.operators import LIMIT

Number = int | Fraction


@record
class Total:
    """What a count or a sum comes to, but for the uncertain: of how many events, and what they add up to."""

    number: int
    total: Number


class Tally:
    """Candidates `low` up to, not including, `high` of a list have been looked at; of those that match, the places, and
    of the first n of them the sum and the sum without signs, which are one list until there is a sign. `doubts`: the
    places of those that are uncertain."""

    __slots__ = ("doubts", "high", "low", "places", "sizes", "sums")

    def __init__(self, low: int) -> None:
        self.low = self.high = low
        self.places: list[int] = []
        self.sums: list[Number] = [0]
        self.sizes = self.sums
        self.doubts: list[int] = []

    def add(self, place: int, amount: Number | None) -> None:
        """The next one that matches, and what it adds; None where nobody knows whether it does, or what it adds."""
        number = 0 if amount is None else amount
        if amount is None:
            self.doubts.append(place)
        if number < 0 and self.sizes is self.sums:
            self.sizes = self.sums[:]
        self.places.append(place)
        if self.sizes is not self.sums:
            self.sizes.append(self.sizes[-1] + (number if number >= 0 else -number))
        self.sums.append(self.sums[-1] + number)

    def between(self, first: int, last: int) -> tuple[int, int, Sequence[int], Number] | None:
        """Of the places from `first` up to, not including, `last`: which of `places` they are, from and up to, which of
        them are uncertain, and the sum of the others. None where adding them one by one might leave 18 digits on the
        way."""
        low, high = bisect_left(self.places, first), bisect_left(self.places, last)
        if self.sizes[high] - self.sizes[low] >= LIMIT:
            return None
        doubts = self.doubts[bisect_left(self.doubts, first):bisect_left(self.doubts, last)]
        return low, high, doubts, self.sums[high] - self.sums[low]

    def drop(self, number: int) -> None:
        """Forget so many of the first places, or all that there are."""
        number = min(number, len(self.places))
        del self.places[:number], self.sums[:number]
        if self.sizes is not self.sums:
            del self.sizes[:number]
        del self.doubts[:bisect_left(self.doubts, self.places[0]) if self.places else len(self.doubts)]
