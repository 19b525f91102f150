"""Which changes are worth a lawyer's eye, and which are none: amounts, deadlines, duties, terms, numbers that follow.

In: the changes of linked articles. Out: highlights, terms renamed throughout, and the question whether a change says
anything at all. It knows no alignment.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from policyengine.diff.model import Highlight, HighlightKind, TermRenamed
from policyengine.diff.script import Change
from policyengine.diff.tokens import Token

_PAIRED: Final[tuple[HighlightKind, ...]] = ("amount", "date", "deadline", "reference", "modal")
_ALWAYS: Final[tuple[HighlightKind, ...]] = ("amount", "date", "deadline")
_SHORT: Final = 14
"""Characters of an insertion or deletion in which a single modal verb or negation is its point."""

_PASSAGE = 8
"""Characters from which on the same words elsewhere are the same passage."""
_MOST = 20_000
"""Characters of changes in one article among which passages are looked for."""

_SIGNS: Final = "，。；：、,.;:()“”\"'"
_FUNCTION_WORDS: Final = frozenset((
    "的", "了", "和", "或", "及", "与", "在", "对", "为", "由", "向", "the", "a", "an", "of", "and", "or", "in", "to",
    "for", "by", "with"))


def says_nothing(change: Change) -> bool:
    """True for labels, ends of lines, spaces, the width of signs, and the sign that ends a list's item."""
    if change.same:
        return True
    old, new = _words(change.old), _words(change.new)
    return old == new or (old in _SIGNS and new in _SIGNS and len(old) <= 1 and len(new) <= 1)


def _words(part: Sequence[Token]) -> str:
    text = "".join(token.text for token in part if token.kind not in ("label", "end"))
    return "".join(unicodedata.normalize("NFKC", text).split()).replace("。", ".").replace("、", ",")


def highlights(changes: Sequence[Change], places: Callable[[Change], tuple[str, str]],
               silent: Callable[[Change], bool]) -> tuple[Highlight, ...]:
    """The highlights of one article, in the order of its changes; what is deleted here and inserted there is none.

    `places` cites both sides of a change, `silent` says that a reference only follows.
    """
    found: list[Highlight] = []
    elsewhere = _elsewhere(changes)
    alone: tuple[int, int] = (-1, -1)  # the last highlight with one side, and the change it is of
    for number, change in enumerate(changes):
        if change.same:
            continue
        old, new = _typed(change.old), _typed(change.new)
        if len(change.old) == len(change.new) == 1 and old and new and old[0].kind == new[0].kind:
            if not silent(change) and _words(change.old) != _words(change.new):
                found.append(Highlight(_kind(old[0]), old[0].text, new[0].text, *places(change)))
            continue
        short = len("".join(token.text for token in change.old)) <= _SHORT \
            and len("".join(token.text for token in change.new)) <= _SHORT
        for tokens, other, is_old in ((old, new, True), (new, old, False)):
            if not tokens or elsewhere(change, is_old):
                continue
            texts = {token.text for token in other}
            for token in tokens:
                if token.text in texts or not (
                        token.kind in _ALWAYS or (short and token.kind in ("modal", "negation"))):
                    continue
                one = Highlight(_kind(token), token.text if is_old else "", "" if is_old else token.text,
                                *places(change))
                if alone[0] == len(found) - 1 and (both := _partner(found, one)) and _near(changes, alone[1], number):
                    found[-1] = both
                    alone = (-1, -1)
                else:
                    alone = (len(found), number)
                    found.append(one)
    return tuple(found)


def _partner(found: Sequence[Highlight], one: Highlight) -> Highlight | None:
    """The last highlight and this one as one, where the one lacks what the other has."""
    last = found[-1] if found else one
    if last.kind != one.kind or bool(last.old) == bool(one.old) or one.kind not in _PAIRED \
            or (last.old_place, last.new_place) != (one.old_place, one.new_place):
        return None
    return Highlight(one.kind, last.old or one.old, last.new or one.new, one.old_place, one.new_place)


def _near(changes: Sequence[Change], first: int, second: int) -> bool:
    """True when few words that stayed stand between two changes: `[应当由]当事人[可以]` is one change of a duty."""
    return second - first <= 4 and \
        sum(len(token.text) for change in changes[first + 1:second] if change.same for token in change.old) <= 14


def _elsewhere(changes: Sequence[Change]) -> Callable[[Change, bool], bool]:
    """Was a passage deleted here inserted there, as it stands? Then nothing in it changed."""
    sides = ["\0".join(_words(part) for change in changes if not change.same
                       for part in ((change.new,) if is_old else (change.old,)) if part) for is_old in (False, True)]

    def found(change: Change, is_old: bool) -> bool:
        words = _words(change.old if is_old else change.new)
        return len(words) >= _PASSAGE and len(sides[is_old]) <= _MOST and words in sides[is_old]

    return found


def _typed(part: Sequence[Token]) -> list[Token]:
    return [token for token in part if token.kind not in (None, "label", "end")]


def _kind(token: Token) -> HighlightKind:
    assert token.kind not in (None, "label", "end")
    return token.kind  # type: ignore[return-value]


def renamed_terms(changes: Sequence[Change], old_text: str, new_text: str) -> tuple[TermRenamed, ...]:
    """Words that were replaced by the same words again and again, and of which hardly any are left."""
    counts = Counter(pair for change in changes if (pair := term_of(change)) is not None)
    found: list[TermRenamed] = []
    for (old, new), times in counts.items():
        if times < 3:
            continue
        before, after = old_text.count(old), new_text.count(old) - (new_text.count(new) if old in new else 0)
        back = old_text.count(new) - (old_text.count(old) if new in old else 0)
        if times * 2 >= before and after * 4 <= before and back * 4 <= max(new_text.count(new), 1):
            found.append(TermRenamed(old, new, times))
    # 县级以上人民政府环境保护 for 环境保护 is the same term with words around it
    kept: dict[tuple[str, str], int] = {}
    for term in sorted(found, key=lambda term: (len(term.old) + len(term.new), term.old, term.new)):
        shorter = next((pair for pair in kept if pair[0] in term.old and pair[1] in term.new), None)
        kept[shorter or (term.old, term.new)] = kept.get(shorter or (term.old, term.new), 0) + term.times
    return tuple(sorted((TermRenamed(*pair, times) for pair, times in kept.items()),
                        key=lambda term: (-term.times, term.old, term.new)))


def term_of(change: Change) -> tuple[str, str] | None:
    """The two words of a change that may be a term renamed."""
    if change.same or not change.old or not change.new or _typed(change.old) or _typed(change.new):
        return None
    if any(token.kind is not None for token in change.old + change.new):
        return None
    old, new = ("".join(token.text for token in part).strip() for part in (change.old, change.new))
    good = all(2 <= len(text) <= 40 and not any(sign in text for sign in _SIGNS) and text.lower() not in _FUNCTION_WORDS
               for text in (old, new))
    return (old, new) if good else None
