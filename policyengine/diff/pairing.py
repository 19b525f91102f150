"""Which rule of the old version became which of the new: through the articles they cite, their names, their likeness.

In come two policies and the text's map of places (none where there is no text); out come pairs. A rule has at most one
partner. Pairs are looked for from the surest to the weakest, so that a name that moved to another duty loses against
the duty that kept its article and its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from rapidfuzz import fuzz

from policyengine.base.record import record
from policyengine.core import ir
from policyengine.diff.edits import common, signatures
from policyengine.diff.model import TextDiff

PAIRED: Final = 0.5
"""From this score on two rules are one that changed."""

LINKED: Final = 0.6
"""A link of two paragraphs counts at least so much, however much was reworded; one of their articles half of it."""

By = Literal["citation", "name", "likeness", "pin"]


@record
class Pair:
    """A rule in both versions, or in one; `by` is the strongest of what links the two."""

    old: ir.Rule | None
    new: ir.Rule | None
    by: By | None = None


@record
class Places:
    """What became of each cited place: old citation -> new citations with how sure (0 to 1)."""

    links: Mapping[str, Mapping[str, float]]

    def became(self, place: str) -> Mapping[str, float]:
        """The places an old one became; those of its article where the place itself has no link."""
        return self.links.get(place) or self.links.get(article_of(place), {})


def article_of(place: str) -> str:
    """`Art. 18` of `Art. 18(2)`."""
    return place.partition("(")[0].strip()


def places_of(text: TextDiff | None) -> Places:
    """The map of places that a text's alignment gives."""
    links: dict[str, dict[str, float]] = {}
    for article in () if text is None else text.articles:
        linked = [(article.old, article.new, article.confidence),
                  *((part.old, part.new, part.confidence) for part in article.parts)]
        for old, new, sure in ((old, new, sure) for olds, news, sure in linked for old in olds for new in news):
            known = links.setdefault(old, {})
            known[new] = max(known.get(new, 0.0), sure)
    return Places(links)


def paired(old: Sequence[ir.Rule], new: Sequence[ir.Rule], places: Places,
           pins: Iterable[tuple[str, str]] = ()) -> tuple[Pair, ...]:
    """Every rule of both, in the order of the new version; a dropped one stands behind the rule it used to follow."""
    partners: dict[str, tuple[str, By]] = {}
    olds, news = {one.name: one for one in old}, {one.name: one for one in new}
    taken: set[str] = set()
    for before, after in pins:
        if before in olds and after in news and before not in partners and after not in taken:
            partners[before] = after, "pin"
            taken.add(after)
    scores = sorted(_scores(old, new, places))
    for _, i, j, by in scores:
        before, after = old[i].name, new[j].name
        if before not in partners and after not in taken:
            partners[before] = after, by
            taken.add(after)
    return _in_order(old, new, partners)


def _scores(old: Sequence[ir.Rule], new: Sequence[ir.Rule], places: Places) -> Iterator[tuple[float, int, int, By]]:
    """Every two rules that may be one, with how much speaks for it, negated so that the surest sort first."""
    before, after = ([signatures((one.trigger, one.when, one.must, one.unless)) for one in side] for side in (old, new))
    for i, first in enumerate(old):
        for j, second in enumerate(new):
            named = first.name == second.name
            cited = max((_link(one.place, other.place, places) for one in first.citations if one.instrument is None
                         for other in second.citations if other.instrument is None), default=0.0)
            title = fuzz.token_set_ratio(first.title, second.title) / 100
            if not named and not cited and (first.family != second.family or title < 0.5):
                continue
            duty = common(before[i], after[j])
            name = 1.0 if named else fuzz.ratio(first.name, second.name) / 200
            score = 0.35 * cited + 0.3 * name + 0.1 * title + 0.25 * duty
            if not cited and not any(places.became(one.place) for one in first.citations if one.instrument is None):
                score /= 0.65  # what the text would have said is left out of the reckoning where it says nothing
            # One name is one duty unless all else speaks against it; so is a duty kept word for word under its article.
            if (named and (cited >= 0.5 or duty >= 0.5 or title >= 0.8)) or (duty >= 0.95 and cited >= 0.5):
                score = max(score, PAIRED)
            if score >= PAIRED:
                yield -score, i, j, "citation" if cited >= 0.5 else "name" if named else "likeness"


def _link(old: str, new: str, places: Places) -> float:
    became = places.became(old)
    if new in became:
        return max(became[new], LINKED)
    if article_of(new) in {article_of(place) for place in became}:
        return LINKED / 2
    return 0.0


def _in_order(old: Sequence[ir.Rule], new: Sequence[ir.Rule],
              partners: Mapping[str, tuple[str, By]]) -> tuple[Pair, ...]:
    olds = {one.name: one for one in old}
    back = {after: (before, by) for before, (after, by) in partners.items()}
    behind: dict[str, list[ir.Rule]] = {}
    last = ""
    for rule in old:
        if rule.name in partners:
            last = partners[rule.name][0]
        else:
            behind.setdefault(last, []).append(rule)
    pairs = [Pair(rule, None) for rule in behind.get("", ())]
    for rule in new:
        if rule.name in back:
            before, by = back[rule.name]
            pairs.append(Pair(olds[before], rule, by))
        else:
            pairs.append(Pair(None, rule))
        pairs += [Pair(one, None) for one in behind.get(rule.name, ())]
    return tuple(pairs)
