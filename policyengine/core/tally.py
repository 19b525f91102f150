"""Running totals of candidates in order, so that what moments count and sum up is not added up anew for each.

In come places with amounts; out comes what those between two places come to. What a candidate is, and which of them a
moment looks at, is not known here.
"""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction

from policyengine.core.operators import LIMIT

Number = int | Fraction


class Tally:
    """Candidates `low` up to, not including, `high` of a list have been looked at; of those that match, the places, and
    of the first n of them the sum, the sum without signs, and how many are uncertain."""

    __slots__ = ("high", "low", "places", "sizes", "sums", "unsure")

    def __init__(self, low: int) -> None:
        self.low = self.high = low
        self.places: list[int] = []
        self.sums: list[Number] = [0]
        self.sizes: list[Number] = [0]
        self.unsure = [0]

    def add(self, place: int, amount: Number | None) -> None:
        """The next one that matches; None where nobody knows whether it does, or by how much it counts."""
        number = 0 if amount is None else amount
        self.places.append(place)
        self.sums.append(self.sums[-1] + number)
        self.sizes.append(self.sizes[-1] + (number if number >= 0 else -number))
        self.unsure.append(self.unsure[-1] + (amount is None))

    def between(self, first: int, last: int) -> tuple[int, int, Number] | None:
        """Of the places from `first` up to, not including, `last`: which of `places` they are, from and up to, and
        their sum. None where one is uncertain, or adding them one by one might leave 18 digits on the way."""
        low, high = bisect_left(self.places, first), bisect_left(self.places, last)
        if self.unsure[low] != self.unsure[high] or self.sizes[high] - self.sizes[low] >= LIMIT:
            return None
        return low, high, self.sums[high] - self.sums[low]
