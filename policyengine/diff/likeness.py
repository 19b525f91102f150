"""How alike two passages are, from 0 to 1: words and characters in common, and their order.

In: the passages of both sides, amounts and references already masked. Out: the likely pairs with their likeness, and
answers about groups of neighbours. 0.7 of it is the cosine of TF-IDF weights (Chinese by 1 to 3 characters, Latin by
words and pairs of them), 0.3 the share of characters in common order; a heading counts where both sides have one. It
knows no documents. numpy and rapidfuzz are imported here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from rapidfuzz.fuzz import ratio

from policyengine.base.record import record

_WORD: Final = re.compile(r"[^\W\d_㐀-鿿]+|[㐀-鿿§#]|\d+")
_CANDIDATES = 8  # kept for each passage on either side
_LEAST = 0.08  # a cosine below this is chance
PARTS: Final = ((0.45, 0.02), (0.25, 0.05))
"""The share of a part's weight that has to stand in the passage it is a part of, and what the parts together have to be
more like it than the likest alone."""
_LONGEST = 6000  # characters of a passage whose order is compared

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


@record
class Passage:
    """What is compared: a masked text, its heading, and its number, which only decides between equals."""

    text: str
    heading: str = ""
    number: str = ""


@dataclass(slots=True)
class Likeness:
    """Answers about two lists of passages. Rows 0 to n-1 are the old ones, n and on the new."""

    old: Sequence[Passage]
    new: Sequence[Passage]
    starts: Ints = field(init=False)
    grams: Ints = field(init=False)
    weights: Floats = field(init=False)
    norms: Floats = field(init=False)
    pairs: dict[tuple[int, int], float] = field(init=False)
    known: dict[tuple[int, int], float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.weigh([passage.text for passage in (*self.old, *self.new)])
        self.pairs = self.candidates()

    # ---- weights -------------------------------------------------------------------------------------------------

    def weigh(self, texts: list[str]) -> None:
        """TF-IDF weights of every text, as rows of (gram, weight) sorted by gram."""
        ids: dict[str, int] = {}
        words: list[int] = []
        lengths: list[int] = []
        for text in texts:
            found = [ids.setdefault(word, len(ids)) for word in _WORD.findall(text.lower())]
            words += found
            lengths.append(len(found))
        row_of = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
        flat = np.array(words, dtype=np.int64)
        base = len(ids) + 1
        han = np.array([len(word) == 1 and word > "㐀" for word in ids], dtype=bool) if ids else np.zeros(0, dtype=bool)
        codes, rows = [flat], [row_of]
        if len(flat) > 1:
            near = row_of[1:] == row_of[:-1]
            codes.append((flat[:-1] * base + flat[1:] + base)[near])
            rows.append(row_of[1:][near])
        if len(flat) > 2 and base < 2_000_000:
            wide = han[flat]
            near = (row_of[2:] == row_of[:-2]) & wide[2:] & wide[1:-1] & wide[:-2]
            codes.append(((flat[:-2] * base + flat[1:-1]) * base + flat[2:] + base * base + base)[near])
            rows.append(row_of[2:][near])
        _, gram = np.unique(np.concatenate(codes), return_inverse=True)
        kinds = int(gram.max()) + 1 if len(gram) else 1
        cells, counts = np.unique(np.concatenate(rows) * kinds + gram, return_counts=True)
        row, self.grams = cells // kinds, cells % kinds
        spread = np.bincount(self.grams, minlength=kinds)
        # What stands in a fifth of all passages tells none from another, and costs the most.
        idf = np.log((len(texts) + 1) / (spread + 1)) + 0.5
        idf[spread > max(40, len(texts) // 5)] = 0.0
        self.weights = np.sqrt(counts) * idf[self.grams]
        keep = self.weights > 0
        row, self.grams, self.weights = row[keep], self.grams[keep], self.weights[keep]
        self.starts = np.searchsorted(row, np.arange(len(texts) + 1))
        self.norms = np.sqrt(np.bincount(row, weights=self.weights ** 2, minlength=len(texts)))

    def row(self, number: int) -> tuple[Ints, Floats]:
        start, end = self.starts[number], self.starts[number + 1]
        return self.grams[start:end], self.weights[start:end]

    # ---- likely pairs --------------------------------------------------------------------------------------------

    def candidates(self) -> dict[tuple[int, int], float]:
        """The likely pairs (old, new) and their likeness: the best of each row and column, and equal texts."""
        n, m = len(self.old), len(self.new)
        if not n or not m:
            return {}
        chosen = self.equal_texts()
        cosines: dict[tuple[int, int], float] = {}
        best_in_column: Floats = np.zeros((_CANDIDATES, m))
        row_in_column: Ints = np.full((_CANDIDATES, m), -1, dtype=np.int64)
        docs, starts, weights = self.postings()
        step = max(1, 2_000_000 // max(m, 1))
        for first in range(0, n, min(step, 128)):
            last = min(n, first + min(step, 128))
            block = self.cosine_block(first, last, docs, starts, weights)
            keep = min(_CANDIDATES, m)
            top = np.argpartition(-block, keep - 1, axis=1)[:, :keep]
            for offset in range(last - first):
                for column in top[offset]:
                    if block[offset, column] >= _LEAST:
                        cosines[first + offset, int(column)] = float(block[offset, column])
            both = np.concatenate([best_in_column, block])
            numbers = np.concatenate([row_in_column, np.repeat(np.arange(first, last)[:, None], m, axis=1)])
            order = np.argsort(-both, axis=0, kind="stable")[:_CANDIDATES]
            best_in_column = np.take_along_axis(both, order, axis=0)
            row_in_column = np.take_along_axis(numbers, order, axis=0)
        for rank in range(_CANDIDATES):
            for column in range(m):
                if best_in_column[rank, column] >= _LEAST:
                    cosines[int(row_in_column[rank, column]), column] = float(best_in_column[rank, column])
        result = {pair: self.combine(*pair, cosine) for pair, cosine in sorted(cosines.items())}
        for pair in chosen:
            result[pair] = 1.0
        return result

    def equal_texts(self) -> list[tuple[int, int]]:
        """Equal passages, the first with the first and the last with the last, so that many equal ones stay few."""
        places: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for side, passages in enumerate((self.old, self.new)):
            for number, passage in enumerate(passages):
                places[passage.heading + "\n" + passage.text][side].append(number)
        found: dict[tuple[int, int], None] = {}
        for old, new in places.values():
            found.update(dict.fromkeys(zip(old, new, strict=False)))
            found.update(dict.fromkeys(zip(reversed(old), reversed(new), strict=False)))
        return list(found)

    def postings(self) -> tuple[Ints, Ints, Floats]:
        """For each gram the new passages it stands in, as slices of `docs` and `weights`."""
        start = self.starts[len(self.old)]
        grams, weights = self.grams[start:], self.weights[start:]
        docs = np.repeat(np.arange(len(self.new)), np.diff(self.starts[len(self.old):]))
        order = np.argsort(grams, kind="stable")
        kinds = int(self.grams.max()) + 1 if len(self.grams) else 1
        return docs[order], np.searchsorted(grams[order], np.arange(kinds + 1)), weights[order]

    def cosine_block(self, first: int, last: int, docs: Ints, starts: Ints, weights: Floats) -> Floats:
        m = len(self.new)
        begin, end = self.starts[first], self.starts[last]
        grams = self.grams[begin:end]
        rows = np.repeat(np.arange(last - first), np.diff(self.starts[first: last + 1]))
        counts = starts[grams + 1] - starts[grams]
        before = np.cumsum(counts) - counts
        places = np.repeat(starts[grams] - before, counts) + np.arange(int(counts.sum()))
        cells = np.repeat(rows, counts) * m + docs[places]
        products = np.repeat(self.weights[begin:end], counts) * weights[places]
        counted = np.bincount(cells, weights=products, minlength=(last - first) * m)
        block: Floats = counted.astype(np.float64).reshape(last - first, m)  # without any product it comes as integers
        scale = np.outer(self.norms[first:last], self.norms[len(self.old):])
        return np.divide(block, scale, out=np.zeros_like(block), where=scale > 0)

    # ---- one pair, one group -------------------------------------------------------------------------------------

    def pair(self, old: int, new: int) -> float:
        """The likeness of one pair, also of one that was not likely."""
        if (old, new) in self.pairs:
            return self.pairs[old, new]
        if (old, new) not in self.known:
            scale = self.norms[old] * self.norms[len(self.old) + new]
            cosine = self.dot(old, len(self.old) + new) / scale if scale else 0.0
            self.known[old, new] = self.combine(old, new, cosine)
        return self.known[old, new]

    def combine(self, old: int, new: int, cosine: float) -> float:
        one, other = self.old[old], self.new[new]
        if one.text == other.text:
            cosine = 1.0
        alike = 0.7 * min(1.0, float(cosine)) + 0.3 * _order(one.text, other.text)
        if one.heading and other.heading:
            alike = 0.85 * alike + 0.15 * ratio(one.heading, other.heading) / 100
        return alike

    def dot(self, one: int, other: int) -> float:
        places, both = self.shared(one, other)
        return float(self.row(one)[1][both] @ self.row(other)[1][places[both]])

    def shared(self, one: int, other: int) -> tuple[Ints, Bools]:
        """For each gram of `one` its place in the row of `other`, and whether it stands there."""
        grams, others = self.row(one)[0], self.row(other)[0]
        if not len(others):
            return np.zeros(len(grams), dtype=np.int64), np.zeros(len(grams), dtype=bool)
        places = np.minimum(np.searchsorted(others, grams), len(others) - 1)
        return places, others[places] == grams

    def group(self, one: int, parts: Sequence[int], *, split: bool) -> float:
        """The likeness of one passage to several neighbours of the other side taken together, or 0.0 where one of the
        parts is not in it or does not add to it. `split`: the one is old."""
        shift = len(self.old)
        one_side, other_side = (self.old, self.new) if split else (self.new, self.old)
        length = len(one_side[one].text)
        lengths = [len(other_side[part].text) for part in parts]
        if max(lengths) > 1.2 * length or not 0.5 * length < sum(lengths) < 2 * length:
            return 0.0
        whole = one if split else one + shift
        rows = [part + shift if split else part for part in parts]
        least = min(self.inside(row, whole) for row in rows)
        gain = next((gain for share, gain in PARTS if least >= share), None)
        if gain is None:
            return 0.0
        squares = sum(self.norms[row] ** 2 for row in rows)
        squares += 2 * sum(self.dot(rows[i], rows[j]) for i in range(len(rows)) for j in range(i))
        dots = [self.dot(whole, row) for row in rows]
        scale = self.norms[whole] * float(np.sqrt(squares))
        if not scale:
            return 0.0
        texts = [other_side[part].text for part in parts]
        order = max(_order(one_side[one].text, "".join(texts)), _order(one_side[one].text, "".join(reversed(texts))))
        alike = 0.7 * min(1.0, float(sum(dots) / scale)) + 0.3 * order
        singles = [self.pair(one, part) if split else self.pair(part, one) for part in parts]
        return alike if alike > max(singles) + gain else 0.0

    def inside(self, part: int, whole: int) -> float:
        """How much of a passage's weight stands in another one."""
        weights = self.row(part)[1]
        total = float(weights.sum())
        return float(weights[self.shared(part, whole)[1]].sum()) / total if total else 0.0

    def overlap(self, old: int, new: int) -> float:
        """How much of the shorter of two passages stands in the longer."""
        other = len(self.old) + new
        return self.inside(old, other) if self.norms[old] <= self.norms[other] else self.inside(other, old)


def _order(one: str, other: str) -> float:
    return ratio(one[:_LONGEST], other[:_LONGEST]) / 100 if one and other else float(one == other)
