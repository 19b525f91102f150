"""Where the layers of a diff disagree: text that changed under a rule that did not, numbers that differ, lost articles.

In come the text's diff and the rules' changes; out come `CrossCheck`s, each a question to whoever wrote the policy. It
decides nothing: a summary may be reworded without a change of meaning, and a rule may have been wrong before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from policyengine.core import ir
from policyengine.diff.edits import NO_VERDICT, fingerprint
from policyengine.diff.model import ArticleChange, CrossCheck, Highlight, PartLink, RuleChange, RuleSide, TextDiff
from policyengine.diff.pairing import article_of
from policyengine.documents.numbering import integer

WORDS: Final = frozenset({"term", "reference"})
"""Kinds of highlight that change words and not a duty."""

NUMBERS: Final = frozenset({"amount", "deadline", "date"})


def cross_checks(text: TextDiff | None, rules: Sequence[RuleChange] | None) -> tuple[CrossCheck, ...]:
    """Every disagreement, in the order of the rules."""
    if text is None or rules is None:
        return ()
    return tuple(dict.fromkeys(one for change in rules for one in _of_rule(change, _Map(text))))


def affected(text: TextDiff | None, policy: ir.Policy) -> tuple[CrossCheck, ...]:
    """Where the new side has no rules: the rules of the old one that cite what changed, in their order."""
    if text is None:
        return ()
    places = _Map(text)
    found = []
    for rule in policy.rules:
        for citation in rule.citations:
            place = citation.place
            if citation.instrument is not None or not places.changed(place):
                continue
            article = places.articles[article_of(place)]
            kind = "cites-changed" if article.new else "cites-dropped"
            found.append(_check(kind, rule.name, place, *_words(places, place)))
    return tuple(found)


class _Map:
    """What became of a cited place, by old and by new citation."""

    def __init__(self, text: TextDiff) -> None:
        self.articles: dict[str, ArticleChange] = {}
        self.by_new: dict[str, ArticleChange] = {}
        self.parts: dict[str, PartLink] = {}
        for article in text.articles:
            self.articles.update(dict.fromkeys(article.old, article))
            self.by_new.update(dict.fromkeys(article.new, article))
            self.parts.update({place: part for part in article.parts for place in part.old})

    def changed(self, place: str) -> bool | None:
        """Whether the words of an old place changed; None where it is not known."""
        if place in self.parts:
            return bool({"modified", "split", "merged", "dropped"} & set(self.parts[place].kinds))
        article = self.articles.get(article_of(place))
        return None if article is None else bool({"modified", "split", "merged", "dropped"} & set(article.kinds))


def _of_rule(change: RuleChange, places: _Map) -> Iterator[CrossCheck]:
    if change.old is None or change.new is None:
        return
    own = [one for one in change.old.citations if not _foreign(one)]
    weighty = [one for one in change.edits if one.part not in NO_VERDICT and one.part != "scope"]
    changed = [places.changed(one) for one in own]
    if not weighty and any(changed):
        for place in (one for one, was in zip(own, changed, strict=True) if was):
            yield _check("text-changed-rule-not", change.new.name, place, *_words(places, place))
    if weighty and changed and not any(one is None or one for one in changed):
        yield _check("rule-changed-text-not", change.new.name, own[0])
    for place in own:
        article = places.articles.get(article_of(place))
        if article is None:
            continue
        yield from _numbers(change, place, article)
        if not article.new:
            yield _check("cites-dropped", change.new.name, place)
        elif "split" in article.kinds and not set(article.new) <= _articles(change.new):
            yield _check("cites-split", change.new.name, article_of(place), "", ", ".join(article.new))
        elif "merged" in article.kinds and not set(article.new) & _articles(change.new):
            yield _check("cites-merged", change.new.name, article_of(place), "", ", ".join(article.new))


def _numbers(change: RuleChange, place: str, article: ArticleChange) -> Iterator[CrossCheck]:
    """A number that the text changed, and that the new rule still has as it was."""
    assert change.old is not None and change.new is not None
    for light in article.highlights:
        if light.kind not in NUMBERS or not light.old or not light.new or not _concerns(light, place):
            continue
        old, new = _digits(light.old), _digits(light.new)
        before, after = _digits(_all_words(change.old, change)), _digits(_all_words(change.new, change))
        if old and new and old - new and (old - new) <= before and (old - new) <= after and not (new - old) <= after:
            yield _check("number-differs", change.new.name, light.new_place or place, light.new, light.old)


def _all_words(side: RuleSide, change: RuleChange) -> str:
    """The rule's own text and the values that its edits name on this side."""
    values = [edit.old if side is change.old else edit.new for edit in change.edits]
    return " ".join((side.source, *values))


def _concerns(light: Highlight, place: str) -> bool:
    """Whether a change lies in a place, or in what the place is part of."""
    where = light.old_place
    return bool(where) and (_within(where, place) or _within(place, where))


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}(")


def _digits(text: str) -> set[int]:
    """The whole numbers in a text, Chinese numerals too."""
    written = re.findall("[0-9][0-9,_]*|[零〇一二两三四五六七八九十百千万]+", text)
    numbers = (integer(re.sub("[,_]", "", one)) for one in written)
    return {number for number in numbers if number is not None}


def _foreign(citation: str) -> bool:
    return not citation.startswith(("Art. ", "§"))


def _articles(side: RuleSide) -> set[str]:
    return {article_of(one) for one in side.citations}


def _words(places: _Map, place: str) -> tuple[str, str]:
    """The first change in a place that tends to change a duty, for a reader who wants to know what it was."""
    article = places.articles.get(article_of(place))
    lights: Iterable[Highlight] = () if article is None else article.highlights
    return next(((one.old, one.new) for one in lights if one.kind not in WORDS and _concerns(one, place)), ("", ""))


def _check(kind: str, rule: str, place: str, old: str = "", new: str = "") -> CrossCheck:
    return CrossCheck(kind, rule, place, old, new, fingerprint(kind, rule, place, old, new))
