"""Two runs of tokens to what stayed and what changed, in phrases rather than crumbs.

In: the tokens of both sides. Out: segments in order. The longest common subsequence comes first; then an insertion is
slid to where a phrase ends, small islands between changes are given up, and inside a change amounts, dates and the like
are paired. Exchanging the sides exchanges the sides of every segment. It knows no lines and no articles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from rapidfuzz.distance import LCSseq

from policyengine.diff.tokens import Token


class Segment(NamedTuple):
    """Tokens of both sides: the same ones where `same`, else those that were replaced (one side may be empty)."""

    old: tuple[Token, ...]
    new: tuple[Token, ...]
    same: bool


_MOST_CELLS = 60_000_000  # product of two lengths up to which the exact comparison is made
_LITTLE: Final = 0.22
"""Two passages with a smaller share in common are shown as one replaced by the other."""

_TYPED: Final = frozenset({"amount", "date", "deadline", "reference", "modal", "negation", "label", "end"})
_PAIRED: Final = frozenset({"amount", "date", "deadline", "reference", "modal"})


def compare(old: Sequence[Token], new: Sequence[Token], *, whole: bool = True) -> list[Segment]:
    """The segments of two runs of tokens; those of the one side make it up again.

    `whole`: the runs are one passage each, so that where little is in common the one replaced the other.
    """
    if old == new:
        return [Segment(tuple(old), tuple(new), True)] if old else []
    if [token.text for token in old] > [token.text for token in new]:
        return [Segment(one.new, one.old, one.same) for one in _compare(new, old, whole)]
    return _compare(old, new, whole)


def _compare(old: Sequence[Token], new: Sequence[Token], whole: bool) -> list[Segment]:
    segments = _slid(_common(list(old), list(new)))
    segments = _without_islands(segments)
    if whole and _little_in_common(segments, old, new):
        segments = _replaced(old, new)
    return [inner for segment in segments for inner in ([segment] if segment.same else _paired(segment))]


def _common(old: list[Token], new: list[Token]) -> list[Segment]:
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    middle_old, middle_new = old[start: len(old) - end], new[start: len(new) - end]
    segments: list[Segment] = []
    if start:
        segments.append(Segment(tuple(old[:start]), tuple(new[:start]), True))
    if len(middle_old) * len(middle_new) > _MOST_CELLS:
        segments.append(Segment(tuple(middle_old), tuple(middle_new), False))
    elif middle_old or middle_new:
        for step in LCSseq.opcodes(_keys(middle_old), _keys(middle_new)):
            before, after = middle_old[step.src_start: step.src_end], middle_new[step.dest_start: step.dest_end]
            segments.append(Segment(tuple(before), tuple(after), step.tag == "equal"))
    if end:
        segments.append(Segment(tuple(old[len(old) - end:]), tuple(new[len(new) - end:]), True))
    return _joined(segments)


def _keys(part: Sequence[Token]) -> list[str]:
    return ["\0end" if token.kind == "end" else token.text for token in part]


def _joined(segments: Sequence[Segment]) -> list[Segment]:
    """Neighbours of one sort as one, and no empty ones."""
    found: list[Segment] = []
    for one in segments:
        if not one.old and not one.new:
            continue
        if found and found[-1].same == one.same:
            found[-1] = Segment(found[-1].old + one.old, found[-1].new + one.new, one.same)
        else:
            found.append(one)
    return found


# ---- where a phrase ends ----------------------------------------------------------------------------------------

def _slid(segments: list[Segment]) -> list[Segment]:
    """An insertion or deletion moved to the best of its equal places: `[甲、]乙、丙` and not `甲[、乙]、丙`."""
    found = list(segments)
    for number in range(1, len(found) - 1):
        before, one, after = found[number - 1: number + 2]
        if one.same or not before.same or not after.same or (one.old and one.new):
            continue
        moved = one.old or one.new
        shift = _best_shift(before.old, moved, after.old)
        if shift:
            line = before.old + moved + after.old
            start = len(before.old) + shift
            cut, rest = line[:start], line[start + len(moved):]
            moved = line[start: start + len(moved)]
            found[number - 1] = Segment(cut, cut, True)
            found[number] = Segment(moved, (), False) if one.old else Segment((), moved, False)
            found[number + 1] = Segment(rest, rest, True)
    return _joined(found)


def _best_shift(before: tuple[Token, ...], moved: tuple[Token, ...], after: tuple[Token, ...]) -> int:
    line = before + moved + after
    size = len(moved)
    lowest = highest = len(before)
    limit = 100
    while lowest > 0 and highest - lowest < limit and line[lowest - 1] == line[lowest + size - 1]:
        lowest -= 1
    while highest + size < len(line) and highest - len(before) < limit and line[highest] == line[highest + size]:
        highest += 1
    if lowest == highest:
        return 0

    def score(start: int) -> tuple[int, int]:
        cuts = _cut(line, start) + _cut(line, start + size)
        return cuts, -abs(start - len(before))

    return max(range(lowest, highest + 1), key=score) - len(before)


def _cut(line: tuple[Token, ...], place: int) -> int:
    """How well a text may be cut before this token."""
    if place == 0 or place == len(line):
        return 5
    before, after = line[place - 1], line[place]
    if before.kind in ("end", "label") or after.kind == "end":
        return 5
    if before.text in "。；：;:" or before.text == "." :
        return 4
    if before.text in "，、,（(“":
        return 3
    if after.text in "，、。；,.;）)”":
        return 2
    return 1 if before.text.isspace() else 0


# ---- phrases, not crumbs ----------------------------------------------------------------------------------------

def _size(part: Sequence[Token]) -> int:
    """How much a reader holds on to: a Chinese character 1, a word 2, an amount 4, a space nothing."""
    return sum(4 if token.kind in _TYPED else 0 if token.text.isspace() else 2 if token.text[0] < "\u2000" and
               token.text[0].isalpha() else 1 for token in part)


def _without_islands(segments: list[Segment]) -> list[Segment]:
    """What stayed between two larger changes, and is small, changes with them."""
    for _ in range(4):
        found: list[Segment] = []
        for number, one in enumerate(segments):
            if one.same and found and number + 1 < len(segments) and _given_up(found[-1], one, segments[number + 1]):
                one = Segment(one.old, one.new, False)
            if found and found[-1].same == one.same:
                found[-1] = Segment(found[-1].old + one.old, found[-1].new + one.new, one.same)
            else:
                found.append(one)
        if len(found) == len(segments):
            return found
        segments = found
    return segments


def _given_up(before: Segment, island: Segment, after: Segment) -> bool:
    if before.same or after.same or _plain_kinds(before) or _plain_kinds(after) \
            or any(token.kind in ("label", "end") for token in island.old):
        return False
    size = _size(island.old)
    left, right = max(_size(before.old), _size(before.new)), max(_size(after.old), _size(after.new))
    if not (before.old or after.old) or not (before.new or after.new):
        # only insertions, or only deletions: the text between them stayed
        return size <= 1 and left >= 3 and right >= 3
    return size <= min(left, right, 3) or size * 4 <= min(left, right)


def _plain_kinds(change: Segment) -> bool:
    """An amount for an amount: it stands alone, whatever is near."""
    return all(token.kind in _TYPED for token in change.old + change.new)


def _little_in_common(segments: Sequence[Segment], old: Sequence[Token], new: Sequence[Token]) -> bool:
    """Nothing but crumbs stayed."""
    kept = sum(_size([token for token in segment.old if token.kind not in ("label", "end")])
               for segment in segments if segment.same)
    least = min(_size(old), _size(new))
    return least > 6 and kept < _LITTLE * least


def _replaced(old: Sequence[Token], new: Sequence[Token]) -> list[Segment]:
    """The one for the other, the label and the end of the line apart."""
    first = 1 if old and new and old[0].kind == new[0].kind == "label" else 0
    last = 1 if old and new and old[-1].kind == new[-1].kind == "end" else 0
    middle = Segment(tuple(old[first: len(old) - last]), tuple(new[first: len(new) - last]), False)
    ends = [Segment(tuple(old[:first]), tuple(new[:first]), old[:first] == new[:first]), middle,
            Segment(tuple(old[len(old) - last:]), tuple(new[len(new) - last:]), True)]
    return [one for one in ends if one.old or one.new]


# ---- inside a change --------------------------------------------------------------------------------------------

def _paired(change: Segment) -> list[Segment]:
    """The change cut so that an amount stands beside the amount that took its place; likewise dates and the rest."""
    pairs: list[tuple[int, int]] = []
    start = 0
    for number, token in enumerate(change.old):
        if token.kind not in _PAIRED and token.kind != "label":
            continue
        for other in range(start, len(change.new)):
            if change.new[other].kind == token.kind:
                pairs.append((number, other))
                start = other + 1
                break
    found: list[Segment] = []
    old_from = new_from = 0
    for old_at, new_at in (*pairs, (len(change.old), len(change.new))):
        found.append(Segment(change.old[old_from:old_at], change.new[new_from:new_at], False))
        pair = Segment(change.old[old_at: old_at + 1], change.new[new_at: new_at + 1], False)
        if pair.old and pair.new:
            found.append(Segment(pair.old, pair.new, pair.old == pair.new))
        old_from, new_from = old_at + 1, new_at + 1
    return [one for one in found if one.old or one.new]
