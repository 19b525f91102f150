"""Which rules stand for which article, and which articles nothing stands for.

In: the articles of a version, the citations each rule makes, and the reasons why a place is not checked, all as plain
text. Out: one row for every article, paragraph and item. It does not know what a rule is, nor where citations and
reasons were written; a citation that names no place is passed over, for it is an error of the policy and told there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from policyengine.regulation.text import Article, Text, cite, numbers_of

State = Literal["rules", "reason", "partial", "gap"]


@dataclass(frozen=True, slots=True)
class Row:
    """One place of the text and what stands for it.

    `rules` cite the place itself, a place inside it, or the place it is in; sorted. `reason` is why it is not checked,
    its own or that of the place it is in. `state` is

    - `rules`: a rule cites the place or a place around it, or each of its parts has a rule or reason, one at least a
      rule;
    - `reason`: no rule, and it or every part of it has a reason;
    - `partial`: some of its parts have a rule or reason, others have neither;
    - `gap`: nothing stands for it.

    `level` is 0 for an article, 1 for a paragraph, 2 and more for items. `heading_en` and `heading_zh` are the
    article's and empty for its parts; `text` and `grade` are empty for an article.
    """

    citation: str
    level: int
    heading_en: str
    heading_zh: str
    text: str
    grade: str
    rules: tuple[str, ...]
    reason: str
    state: State


def coverage(text: Text, citations: Mapping[str, tuple[str, ...]], unchecked: Mapping[str, str]) -> tuple[Row, ...]:
    """One row a place, in the order of the text: each article, then its paragraphs, each followed by its items.

    `citations` gives for each rule name the citations it makes, such as `Art. 18(2)`; `unchecked` gives for a citation
    the reason why no rule checks it. Those that name no place here, as in another instrument, are passed over.
    """
    keys = {numbers_of(citation) or (): place for citation, place in text.places()}
    rules = [(numbers, rule) for rule, places in citations.items() for place in places
             if (numbers := numbers_of(place)) in keys and numbers is not None]
    reasons = {numbers: reason for place, reason in unchecked.items()
               if (numbers := numbers_of(place)) in keys and numbers is not None}
    states: dict[tuple[int, ...], State] = {}
    rows: dict[tuple[int, ...], Row] = {}
    for numbers, place in reversed(keys.items()):  # parts before the whole
        own = sorted({rule for cited, rule in rules if _within(numbers, cited) or _within(cited, numbers)})
        reason = next((reasons[numbers[:n]] for n in range(len(numbers), 0, -1) if numbers[:n] in reasons), "")
        parts = [state for key, state in states.items() if len(key) == len(numbers) + 1 and _within(key, numbers)]
        whole = any(_within(numbers, cited) for cited, _ in rules)
        states[numbers] = _state(whole, reason, parts)
        article = place if isinstance(place, Article) else None
        rows[numbers] = Row(
            cite(numbers), len(numbers) - 1,
            article.heading_en if article else "", article.heading_zh if article else "",
            "" if isinstance(place, Article) else place.text, "" if isinstance(place, Article) else place.grade,
            tuple(own), reason, states[numbers])
    return tuple(rows[numbers] for numbers in keys)


def gaps(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The places nothing stands for: a gap inside a wider gap is named once, by the widest."""
    found: list[Row] = []
    widest: tuple[int, ...] | None = None
    for row in rows:  # the whole stands before its parts
        numbers = numbers_of(row.citation) or ()
        if row.state == "gap" and (widest is None or not _within(numbers, widest)):
            widest = numbers
            found.append(row)
    return tuple(found)


def _state(whole: bool, reason: str, parts: list[State]) -> State:
    if whole:
        return "rules"
    if reason:  # it stands for every part that no rule cites
        return "rules" if "rules" in parts or "partial" in parts else "reason"
    if not parts or all(part == "gap" for part in parts):
        return "gap"
    if "gap" in parts or "partial" in parts:
        return "partial"
    return "rules" if "rules" in parts else "reason"


def _within(inner: tuple[int, ...], outer: tuple[int, ...]) -> bool:
    """True when `inner` is `outer` or a place inside it."""
    return inner[: len(outer)] == outer
