"""Which passage became which: links between two lists, in order where they can be.

In: two lists of passages and the links a user has pinned. Out: links of one to one, one to up to three and up to three
to one; what is in no link is new or dropped. First the heaviest chain of links in order, then moves for what is left,
then what stands between the same neighbours at a low threshold. The same serves articles, and the lines inside them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from policyengine.base.record import record
from policyengine.diff.likeness import Likeness, Passage

IN_ORDER: Final = 0.34
"""The least likeness of two passages that neighbours support."""
OUT_OF_ORDER: Final = 0.5
"""The least of a move, which nothing supports."""
BETWEEN: Final = 0.16
"""The least of what stands between the same neighbours: little in common, linked by its place."""

GROWN: Final = 0.3
"""The least of a move in which the one passage contains the other."""
MOSTLY: Final = 0.55
"""The share of a passage's weight that has to stand in the one that contains it."""

_MOST_IN_GAP = 400  # pairs between two anchors that are all looked at


@record
class Link:
    """A group of passages and what it became. `how`: in order, moved, by its place between neighbours, or pinned."""

    old: tuple[int, ...]
    new: tuple[int, ...]
    likeness: float
    how: Literal["chain", "moved", "between", "pinned"]


@record
class Alignment:
    """The links by their place in the old list, and every pair that was thought of with its likeness."""

    links: tuple[Link, ...]
    pairs: dict[tuple[int, int], float]


def align(old: Sequence[Passage], new: Sequence[Passage],
          pinned: Sequence[tuple[tuple[int, ...], tuple[int, ...]]] = (), *, apart: bool = False) -> Alignment:
    """The links between two lists; `pinned` ones are taken as they are, and nothing else touches what they name.

    `apart`: the pieces of a split or a merger may stand apart; else they are neighbours.

    Exchanging the lists exchanges the sides of every link: ties are broken on the lists in one fixed order.
    """
    if [(one.text, one.number) for one in old] > [(one.text, one.number) for one in new]:
        return mirrored(_align(new, old, [(right, left) for left, right in pinned], apart))
    return _align(old, new, pinned, apart)


def mirrored(alignment: Alignment) -> Alignment:
    """The same with the sides exchanged."""
    links = [Link(link.new, link.old, link.likeness, link.how) for link in alignment.links]
    return Alignment(_sorted(links), {(new, old): value for (old, new), value in alignment.pairs.items()})


def _sorted(links: Iterable[Link]) -> tuple[Link, ...]:
    return tuple(sorted(links, key=lambda link: (link.old or (-1,), link.new)))


def _align(old: Sequence[Passage], new: Sequence[Passage],
           pinned: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], apart: bool) -> Alignment:
    alike = Likeness(old, new)
    fixed = [Link(left, right, 1.0, "pinned") for left, right in pinned]
    taken_old = {number for link in fixed for number in link.old}
    taken_new = {number for link in fixed for number in link.new}

    def free(link: Link) -> bool:
        return taken_old.isdisjoint(link.old) and taken_new.isdisjoint(link.new)

    def take(links: Iterable[Link]) -> None:
        for link in links:
            if free(link):
                fixed.append(link)
                taken_old.update(link.old)
                taken_new.update(link.new)

    possible = [link for link in _possible(alike) if free(link)]
    take(chain([link for link in possible if link.likeness >= IN_ORDER], old, new))
    take(Link(link.old, link.new, link.likeness, "moved") for link in
         sorted((link for link in possible if link.likeness >= OUT_OF_ORDER),
                key=lambda link: (-link.likeness, link.old, link.new)))
    take(_grown(alike, taken_old, taken_new))
    if apart:
        fixed = _with_pieces(fixed, alike, taken_old, taken_new)
    likely: defaultdict[int, list[int]] = defaultdict(list)
    for one, other in alike.pairs:
        likely[one].append(other)
    for olds, news in _gaps(fixed, len(old), len(new), taken_old, taken_new):
        take(chain(_between(alike, likely, olds, news), old, new))
    return Alignment(_sorted(fixed), alike.pairs)


def _possible(alike: Likeness) -> list[Link]:
    """Every likely link: the likely pairs, and the groups that likely pairs suggest."""
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], float] = {
        ((old,), (new,)): value for (old, new), value in alike.pairs.items()}
    best_new: dict[int, list[tuple[float, int]]] = defaultdict(list)
    best_old: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for (old, new), value in alike.pairs.items():
        best_new[old].append((value, new))
        best_old[new].append((value, old))
    for split, best, size in ((True, best_new, len(alike.new)), (False, best_old, len(alike.old))):
        for one, values in best.items():
            values.sort(key=lambda value: (-value[0], value[1]))
            if values[0][0] > 0.97:
                continue  # nothing is missing that a second part could bring
            for parts in _neighbours([part for _, part in values[:3]], size):
                value = alike.group(one, parts, split=split)
                if value >= IN_ORDER:
                    found[((one,), parts) if split else (parts, (one,))] = value
    return [Link(old, new, value, "chain") for (old, new), value in sorted(found.items())]


def _neighbours(seeds: list[int], size: int) -> list[tuple[int, ...]]:
    """Runs of two and three around the likeliest."""
    runs = {tuple(range(start, start + length)) for seed in seeds for length in (2, 3)
            for start in range(seed - length + 1, seed + 1)}
    return sorted(run for run in runs if run[0] >= 0 and run[-1] < size)


def _weight(link: Link, old: Sequence[Passage], new: Sequence[Passage]) -> float:
    """What a link adds to a chain. The number decides between equals only, and so does being near."""
    same_number = bool(old[link.old[0]].number) and old[link.old[0]].number == new[link.new[0]].number
    return link.likeness - 0.1 + (0.004 if same_number else 0.0)


def chain(links: Sequence[Link], old: Sequence[Passage], new: Sequence[Passage]) -> list[Link]:
    """The heaviest links that follow each other on both sides without sharing a passage."""
    weighted = [(link, _weight(link, old, new)) for link in links]
    return heaviest([(link.old[0], link.old[-1] + 1, link.new[0], link.new[-1] + 1, weight, link)
                     for link, weight in weighted])


def heaviest(blocks: Sequence[tuple[int, int, int, int, float, Link]]) -> list[Link]:
    """Of blocks (old from, old to, new from, new to, weight, link) the heaviest that stand in the same order on both
    sides. n log n in their number."""
    if not blocks:
        return []
    ordered = sorted(range(len(blocks)), key=lambda number: blocks[number][:4])
    ending: dict[int, list[int]] = defaultdict(list)
    width = max(block[3] for block in blocks) + 1
    tree: list[tuple[float, int]] = [(0.0, -1)] * (width + 1)  # best chain that ends at or before a place of the new
    totals = [0.0] * len(blocks)
    previous = [-1] * len(blocks)
    waiting = sorted({block[1] for block in blocks})
    position = 0
    for number in ordered:
        old_from, old_to, new_from, _, weight, _ = blocks[number]
        while position < len(waiting) and waiting[position] <= old_from:
            for ended in ending[waiting[position]]:
                _raise(tree, blocks[ended][3], (totals[ended], ended))
            position += 1
        before, previous[number] = _best(tree, new_from)
        totals[number] = before + weight
        ending[old_to].append(number)
    last = max(ordered, key=lambda number: totals[number])
    found: list[Link] = []
    while last >= 0:
        found.append(blocks[last][5])
        last = previous[last]
    return found[::-1]


def _raise(tree: list[tuple[float, int]], place: int, value: tuple[float, int]) -> None:
    place += 1
    while place < len(tree):
        if value[0] > tree[place][0]:
            tree[place] = value
        place += place & -place


def _best(tree: list[tuple[float, int]], place: int) -> tuple[float, int]:
    best = (0.0, -1)
    place += 1
    while place > 0:
        if tree[place][0] > best[0]:
            best = tree[place]
        place -= place & -place
    return best


def _grown(alike: Likeness, taken_old: set[int], taken_new: set[int]) -> list[Link]:
    """Moves of what is left where the shorter stands for the most part in the longer, and each is the other's best."""
    free = [(value, pair) for pair, value in alike.pairs.items()
            if value >= GROWN and pair[0] not in taken_old and pair[1] not in taken_new]
    found: list[Link] = []
    best_old: dict[int, float] = {}
    best_new: dict[int, float] = {}
    for value, (old, new) in sorted(free, key=lambda one: (-one[0], one[1])):
        clear = best_old.get(old, 0.0) == best_new.get(new, 0.0) == 0.0
        best_old.setdefault(old, value)
        best_new.setdefault(new, value)
        if clear and alike.overlap(old, new) >= MOSTLY:
            found.append(Link((old,), (new,), value, "moved"))
    return found


def _with_pieces(links: list[Link], alike: Likeness, taken_old: set[int], taken_new: set[int]) -> list[Link]:
    """Pieces of a split or merger that stand apart join the link of the rest: what is left on one side, and stands for
    the most part in a passage that is linked already."""
    by_old = {link.old[0]: number for number, link in enumerate(links) if len(link.old) == 1 and link.how != "pinned"}
    by_new = {link.new[0]: number for number, link in enumerate(links) if len(link.new) == 1 and link.how != "pinned"}
    found = list(links)
    for (old, new), _ in sorted(alike.pairs.items(), key=lambda item: (-item[1], item[0])):
        if old not in taken_old and new in taken_new and new in by_new:
            link = found[by_new[new]]
            parts = tuple(sorted((*link.old, old)))
            value = alike.group(new, parts, split=False) if len(parts) <= 3 else 0.0
            if value > link.likeness + 0.02:
                found[by_new[new]] = Link(parts, link.new, value, link.how)
                taken_old.add(old)
                by_old.pop(link.old[0], None)
        elif new not in taken_new and old in taken_old and old in by_old:
            link = found[by_old[old]]
            parts = tuple(sorted((*link.new, new)))
            value = alike.group(old, parts, split=True) if len(parts) <= 3 else 0.0
            if value > link.likeness + 0.02:
                found[by_old[old]] = Link(link.old, parts, value, link.how)
                taken_new.add(new)
                by_new.pop(link.new[0], None)
    return found


def _gaps(links: Sequence[Link], n: int, m: int, taken_old: set[int], taken_new: set[int]) \
        -> list[tuple[list[int], list[int]]]:
    """What is left between neighbours of the chain, old and new."""
    in_order = sorted((link for link in links if link.how == "chain"), key=lambda link: link.old)
    found: list[tuple[list[int], list[int]]] = []
    old_from = new_from = 0
    ends = [(link.old[0], link.old[-1] + 1, link.new[0], link.new[-1] + 1) for link in in_order]
    for old_to, old_next, new_to, new_next in (*ends, (n, n, m, m)):
        olds = [number for number in range(old_from, old_to) if number not in taken_old]
        news = [number for number in range(new_from, new_to) if number not in taken_new]
        if olds and news:
            found.append((olds, news))
        old_from, new_from = old_next, new_next
    return found


def _between(alike: Likeness, likely: Mapping[int, list[int]], olds: list[int], news: list[int]) -> list[Link]:
    """The links that are possible in one gap."""
    inside = set(news)
    wanted = [(old, new) for old in olds for new in news] if len(olds) * len(news) <= _MOST_IN_GAP else \
        [(old, new) for old in olds for new in likely.get(old, ()) if new in inside]
    return [Link((old,), (new,), value, "between") for old, new in wanted
            if (value := alike.pair(old, new)) >= BETWEEN]
