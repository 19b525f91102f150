"""The diff of two legal texts: which article became which, what changed, and the whole as one script of edits.

In: two documents and the links a user has pinned. Out: a `TextDiff`. It knows no rules. The laws it holds to: accepting
the script gives the new lines and rejecting it the old ones; a text compared with itself has no change; comparing the
other way round gives the same links with their sides exchanged.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from policyengine.diff.align import Alignment, Link, align, heaviest
from policyengine.diff.highlights import highlights, renamed_terms, says_nothing
from policyengine.diff.likeness import Passage
from policyengine.diff.model import (
    Alternative,
    ArticleChange,
    ArticleKind,
    EditedLine,
    PartLink,
    ReferenceLeft,
    Run,
    TermRenamed,
    TextDiff,
)
from policyengine.diff.pins import Pin, pinned_links
from policyengine.diff.references import base, became, cited, follows, references
from policyengine.diff.script import Change, Laid, Piece, lay, whole_lines
from policyengine.diff.tokens import masked, without_references
from policyengine.documents.model import Document, Unit

_REWRITTEN: Final = 0.34
"""Below this likeness an article linked by its place counts as rewritten."""
_WORTH_NAMING: Final = 0.3
"""The least likeness of a link that was not taken and is told."""

_ORDER: Final[tuple[ArticleKind, ...]] = ("unchanged", "renumbered", "moved", "split", "merged", "modified", "new",
                                          "dropped")


def diff_texts(old: Document, new: Document, pins: Sequence[Pin] = ()) -> TextDiff:
    """What became of each article of `old` in `new`. A pin that names no place of its text is passed over; `read_pins`
    reports it."""
    left, right = _Text(old), _Text(new)
    alignment = align(left.passages, right.passages, pinned_links(pins, old, new), apart=True)
    return _Diff(left, right, alignment).result()


@dataclass(slots=True)
class _Text:
    """One side: its articles, and for each line its label and the innermost unit that has text there."""

    document: Document
    articles: tuple[Unit, ...] = field(init=False)
    pieces: list[Piece] = field(init=False)
    units: dict[int, Unit] = field(init=False)
    chapters: dict[int, str] = field(init=False)
    article_of: dict[int, int] = field(init=False)
    said: list[str] = field(init=False)
    passages: list[Passage] = field(init=False)

    def __post_init__(self) -> None:
        self.articles = self.document.articles()
        self.units, self.chapters = {}, {}
        labels: dict[int, int] = {}
        for root in self.document.units:
            self.place(root, "", labels)
        self.pieces = [Piece(number, line.text, labels.get(number, 0))
                       for number, line in enumerate(self.document.lines)]
        self.article_of = {line: number for number, article in enumerate(self.articles)
                           for line in range(*article.lines)}
        self.said = [self.words(article) for article in self.articles]
        self.passages = [Passage(masked(words), article.heading, article.number)
                         for words, article in zip(self.said, self.articles, strict=True)]

    def place(self, unit: Unit, chapter: str, labels: dict[int, int]) -> None:
        start = unit.lines[0]
        text = self.document.lines[start].text if start < len(self.document.lines) else ""
        if unit.kind in ("part", "chapter", "section") and (unit.kind != "part" or not chapter):
            chapter = f"{unit.label} {unit.heading}".strip()
        if unit.label and text.startswith(unit.label, labels.get(start, 0)):
            end = labels.get(start, 0) + len(unit.label)
            while end < len(text) and text[end] in " \u3000\u00a0\t":
                end += 1
            labels[start] = end
        if unit.kind == "article":
            self.chapters[start] = chapter
        if unit.kind in ("article", "paragraph", "item") and (
                unit.text or not unit.children or start not in self.units):
            self.units[start] = unit
        for child in unit.children:
            self.place(child, chapter, labels)

    def words(self, article: Unit) -> str:
        """What the article says: its lines without labels and heading."""
        first, last = article.lines
        lines = [self.pieces[number].bare() for number in range(first, last)]
        if article.heading and lines and article.heading in lines[0]:
            lines[0] = lines[0].replace(article.heading, "", 1).strip()
        elif article.heading and len(lines) > 1 and lines[1] == article.heading:
            del lines[1]
        return "\n".join(line for line in lines if line)

    def lines_of(self, articles: Sequence[int]) -> list[Piece]:
        return [self.pieces[line] for number in articles for line in range(*self.articles[number].lines)]

    def place_of(self, line: int | None) -> str:
        """The citation of a line: its own unit's, or that of the article around."""
        if line is None:
            return ""
        if line in self.units:
            return self.units[line].place
        article = self.article_of.get(line)
        return "" if article is None else self.articles[article].place

    def article_place(self, line: int | None) -> str:
        article = self.article_of.get(line) if line is not None else None
        return "" if article is None else self.articles[article].place


@dataclass(slots=True)
class _Diff:
    """The comparison in the making. Links are by the numbers of articles, laid lines by link."""

    old: _Text
    new: _Text
    alignment: Alignment
    laid: dict[Link, Laid] = field(init=False)
    moved: set[Link] = field(init=False)
    places: dict[str, frozenset[str]] = field(init=False)
    renamed: tuple[TermRenamed, ...] = field(init=False)
    pairs_of_old: defaultdict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    pairs_of_new: defaultdict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def result(self) -> TextDiff:
        for pair in self.alignment.pairs:
            self.pairs_of_old[pair[0]].append(pair)
            self.pairs_of_new[pair[1]].append(pair)
        links = self.alignment.links
        paired = [link for link in links if link.old and link.new]
        self.moved = self.out_of_order(paired)
        self.places = self.became_articles(paired)
        self.laid = {link: lay(self.old.lines_of(link.old), self.new.lines_of(link.new), linked=True, name=self.named)
                     for link in paired}
        self.places = self.became_places(paired)
        changes = [change for laid in self.laid.values() for change in laid.changes]
        self.renamed = renamed_terms(changes, _text_of(self.old), _text_of(self.new))
        articles = self.ordered([*(self.changed(link) for link in paired), *self.unlinked()])
        return TextDiff(self.old.document, self.new.document, tuple(articles), tuple(self.script(paired)), self.renamed,
                        self.references_left(paired))

    # ---- links ---------------------------------------------------------------------------------------------------

    def out_of_order(self, links: Sequence[Link]) -> set[Link]:
        """The links that are not in the heaviest sequence in order: the least text is said to have moved."""
        def weight(link: Link) -> float:
            old = sum(len(self.old.passages[number].text) for number in link.old)
            new = sum(len(self.new.passages[number].text) for number in link.new)
            return (1 + min(old, new)) * link.likeness ** 3

        blocks = [(min(link.old), min(link.old) + 1, min(link.new), min(link.new) + 1, weight(link), link)
                  for link in links]
        swapped = [passage.text for passage in self.old.passages] > [passage.text for passage in self.new.passages]
        if swapped:
            blocks = [(new, new_end, old, old_end, size, link) for old, old_end, new, new_end, size, link in blocks]
        kept = set(heaviest(blocks))
        return {link for link in links if link not in kept}

    def became_articles(self, links: Sequence[Link]) -> dict[str, frozenset[str]]:
        """What each article of the old text is called in the new one."""
        return {self.old.articles[old].place: frozenset(self.new.articles[new].place for new in link.new)
                for link in links for old in link.old}

    def named(self, reference: str, line: int, is_old: bool) -> str:
        """What a reference names, in the words of the new text; its own words where that is not one place."""
        place = cited(reference, (self.old if is_old else self.new).article_place(line))
        if place is None:
            return reference
        names = became(place, self.places) if is_old else {place}
        return min(names) if len(names) == 1 else reference

    def became_places(self, links: Sequence[Link]) -> dict[str, frozenset[str]]:
        """What each place of the old text is called in the new one: articles, and the units inside them."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for link in links:
            for part in self.laid[link].links:
                for line in part.old:
                    found[self.old.place_of(line)].update(self.new.place_of(other) for other in part.new)
        # the articles last: the first paragraph of an article may be cited as the article
        return {place: frozenset(names) for place, names in found.items()} | self.became_articles(links)

    # ---- one link ------------------------------------------------------------------------------------------------

    def changed(self, link: Link) -> ArticleChange:
        laid = self.laid[link]
        olds, news = [self.old.articles[n] for n in link.old], [self.new.articles[n] for n in link.new]
        modified = any(not self.is_silent(change) for change in laid.changes)
        kinds = self.kinds(link, olds, news, modified)
        rewritten = link.how == "between" and link.likeness < _REWRITTEN
        first = news[0]
        return ArticleChange(
            tuple(unit.place for unit in olds), tuple(unit.place for unit in news),
            " / ".join(unit.heading for unit in olds if unit.heading),
            " / ".join(unit.heading for unit in news if unit.heading), kinds, self.confidence(link, modified),
            self.termed(laid), self.parts(laid),
            highlights(laid.changes, lambda change: (self.old.place_of(change.old_line),
                                                     self.new.place_of(change.new_line)), self.is_silent),
            self.alternatives(link), link.how == "pinned", "rewritten" if rewritten else "",
            self.new.chapters.get(first.lines[0], ""), self.fingerprint(kinds, link.old, link.new))

    def is_silent(self, change: Change) -> bool:
        """A change that changes nothing: spaces, signs of another width, numbers, references that follow."""
        if says_nothing(change):
            return True
        return len(change.old) == len(change.new) == 1 and change.old[0].kind == change.new[0].kind == "reference" \
            and follows(change.old[0].text, change.new[0].text, self.old.article_place(change.old_line),
                        self.new.article_place(change.new_line), self.places)

    def kinds(self, link: Link, olds: Sequence[Unit], news: Sequence[Unit], modified: bool) -> tuple[ArticleKind, ...]:
        found: set[ArticleKind] = set()
        if len(news) > 1:
            found.add("split")
        if len(olds) > 1:
            found.add("merged")
        if modified:
            found.add("modified")
        if link in self.moved:
            found.add("moved")
        elif not {unit.number for unit in olds} & {unit.number for unit in news}:
            found.add("renumbered")
        return tuple(kind for kind in _ORDER if kind in found) or ("unchanged",)

    def confidence(self, link: Link, modified: bool) -> float:
        """From the likeness, what neighbours say, and how near the next best comes."""
        if link.how == "pinned" or (
                not modified and len(link.old) == len(link.new) == 1 and link not in self.moved):
            return 1.0
        rivals = [value for _, value in self.near(link)]
        doubt = (1 - link.likeness) * (0.45 if link.how == "chain" and link not in self.moved else 0.8)
        nearness = max(0.0, max(rivals, default=0.0) - link.likeness + 0.25)
        sure = max(0.05, 1 - doubt - 0.4 * nearness)
        return round(min(sure, 0.4) if link.how == "between" and link.likeness < _REWRITTEN else min(sure, 0.99), 2)

    def alternatives(self, link: Link) -> tuple[Alternative, ...]:
        """Other pairs of these articles that came near, at most three."""
        found = []
        for (old, new), value in self.near(link):
            found.append(Alternative(self.old.articles[old].place, self.new.articles[new].place, round(value, 2)))
        return tuple(sorted(found, key=lambda one: (-one.confidence, one.old, one.new))[:3])

    def near(self, link: Link) -> list[tuple[tuple[int, int], float]]:
        least = max(_WORTH_NAMING, 0.5 * link.likeness)
        pairs = self.alignment.pairs
        return [(pair, pairs[pair]) for old in link.old for pair in self.pairs_of_old[old]
                if pair[1] not in link.new and pairs[pair] >= least] + \
            [(pair, pairs[pair]) for new in link.new for pair in self.pairs_of_new[new]
             if pair[0] not in link.old and pairs[pair] >= least]

    def parts(self, laid: Laid) -> tuple[PartLink, ...]:
        """Paragraphs and items: which became which, in the order of the new text."""
        changed: defaultdict[int, bool] = defaultdict(bool)
        for change in laid.changes:
            if not self.is_silent(change):
                for line, side in ((change.old_line, 0), (change.new_line, 1)):
                    if line is not None:
                        changed[line * 2 + side] = True
        found: list[tuple[int, int, PartLink]] = []
        seen_old: set[int] = set()
        seen_new: set[int] = set()
        for link in laid.links:
            seen_old.update(link.old)
            seen_new.update(link.new)
            olds, news = self.part_units(self.old, link.old), self.part_units(self.new, link.new)
            if not olds or not news:
                continue
            kinds: set[ArticleKind] = set()
            if len(olds) < len(news):
                kinds.add("split")
            elif len(olds) > len(news):
                kinds.add("merged")
            if link.how == "moved":
                kinds.add("moved")
                apart = lay([self.old.pieces[line] for line in link.old], [self.new.pieces[line] for line in link.new],
                            linked=True, name=self.named)
                if not all(self.is_silent(change) for change in apart.changes):
                    kinds.add("modified")
            elif any(changed[line * 2] for line in link.old) or any(changed[line * 2 + 1] for line in link.new):
                kinds.add("modified")
            if "moved" not in kinds and _inner(olds[0].place) != _inner(news[0].place):
                kinds.add("renumbered")
            found.append((link.new[0], link.old[0], PartLink(
                tuple(unit.place for unit in olds), tuple(unit.place for unit in news),
                tuple(kind for kind in _ORDER if kind in kinds) or ("unchanged",), round(min(1.0, link.likeness), 2))))
        for change in laid.changes:
            if not change.new and change.old_line is not None and change.new_line is None \
                    and change.old_line not in seen_old and (units := self.part_units(self.old, (change.old_line,))):
                found.append((found[-1][0] if found else -1, change.old_line,
                              PartLink((units[0].place,), (), ("dropped",), 1.0)))
            if not change.old and change.new_line is not None and change.old_line is None \
                    and change.new_line not in seen_new and (units := self.part_units(self.new, (change.new_line,))):
                found.append((change.new_line, -1, PartLink((), (units[0].place,), ("new",), 1.0)))
        return tuple(link for _, _, link in sorted(found, key=lambda one: one[:2]))

    @staticmethod
    def part_units(side: _Text, lines: Sequence[int]) -> list[Unit]:
        return [side.units[line] for line in lines if line in side.units and side.units[line].kind != "article"]

    def termed(self, laid: Laid) -> tuple[EditedLine, ...]:
        """The lines with terms that are renamed throughout marked as such."""
        return tuple(self.termed_line(line) for line in laid.lines) if self.renamed else laid.lines

    def termed_line(self, line: EditedLine) -> EditedLine:
        runs: list[Run] = []
        for run in line.runs:
            before = runs[-1] if runs else None
            if before is not None and before.op == "deleted" and run.op == "inserted" and run.group == before.group > 0:
                runs[-1:] = self.term_apart(before, run)
            else:
                runs.append(run)
        return replace(line, runs=tuple(runs))

    def term_apart(self, old: Run, new: Run) -> list[Run]:
        """A replaced passage with the term in it as runs of their own."""
        for term in self.renamed:
            before, after = old.text.find(term.old), new.text.find(term.new)
            if before < 0 or after < 0:
                continue
            pieces = [Run("deleted", old.text[:before]), Run("inserted", new.text[:after]),
                      Run("deleted", term.old, "term", old.group), Run("inserted", term.new, "term", new.group),
                      Run("deleted", old.text[before + len(term.old):]),
                      Run("inserted", new.text[after + len(term.new):])]
            return [piece for piece in pieces if piece.text]
        return [old, new]

    # ---- articles without a partner ------------------------------------------------------------------------------

    def unlinked(self) -> list[ArticleChange]:
        olds = {number for link in self.alignment.links for number in link.old if link.new}
        news = {number for link in self.alignment.links for number in link.new if link.old}
        pinned_old = {number for link in self.alignment.links for number in link.old if not link.new}
        pinned_new = {number for link in self.alignment.links for number in link.new if not link.old}
        found: list[ArticleChange] = []
        for side, taken, pinned, kind in ((self.old, olds, pinned_old, "dropped"), (self.new, news, pinned_new, "new")):
            for number, unit in enumerate(side.articles):
                if number in taken:
                    continue
                old, new = ((number,), ()) if kind == "dropped" else ((), (number,))
                lines = whole_lines(side.lines_of((number,)), "deleted" if kind == "dropped" else "inserted")
                link = Link(old, new, 0.0, "chain")
                near = self.alternatives(link)
                kinds: tuple[ArticleKind, ...] = ("dropped",) if kind == "dropped" else ("new",)
                found.append(ArticleChange(
                    (unit.place,) if old else (), (unit.place,) if new else (), unit.heading if old else "",
                    unit.heading if new else "", kinds,
                    1.0 if number in pinned else round(1 - max((one.confidence for one in near), default=0.0) / 2, 2),
                    tuple(lines), (), (), near, number in pinned, "", side.chapters.get(unit.lines[0], ""),
                    self.fingerprint(kinds, old, new)))
        return found

    def ordered(self, changes: list[ArticleChange]) -> list[ArticleChange]:
        """In the order of the new text, a dropped one behind what stood before it."""
        first_new = {id(change): line for change in changes
                     if (line := next((one.new for one in change.lines if one.new is not None), None)) is not None}
        first_old = {id(change): line for change in changes
                     if (line := next((one.old for one in change.lines if one.old is not None), None)) is not None}
        anchors = sorted((first_old[id(change)], first_new[id(change)]) for change in changes
                         if id(change) in first_old and id(change) in first_new and "moved" not in change.kinds)
        olds = [old for old, _ in anchors]

        def key(change: ArticleChange) -> tuple[int, int, int]:
            if id(change) in first_new:
                return first_new[id(change)], 0, 0
            old = first_old.get(id(change), 0)
            before = bisect_right(olds, old)
            return (anchors[before - 1][1] if before else -1), 1, old

        return sorted(changes, key=key)

    def fingerprint(self, kinds: Sequence[ArticleKind], old: Sequence[int], new: Sequence[int]) -> str:
        """Twelve digits of what both sides say and what became of it, without labels and the numbers in references."""
        sides = ["\n".join(without_references(text.said[number]) for number in numbers)
                 for text, numbers in ((self.old, old), (self.new, new))]
        said = "\0".join([*(kind for kind in kinds if kind != "renumbered"), *sides])
        return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    # ---- references ----------------------------------------------------------------------------------------------

    def references_left(self, links: Sequence[Link]) -> tuple[ReferenceLeft, ...]:
        """References that read as before although what they named has another number now."""
        found: dict[ReferenceLeft, None] = {}
        for link in links:
            before = {(ref.text, ref.place) for piece in self.old.lines_of(link.old) for ref in
                      references(piece.text, piece.label, self.old.article_place(piece.number))}
            fresh = Counter((change.new_line, token.text) for change in self.laid[link].changes if not change.same
                            for token in change.new if token.kind == "reference")
            for piece in self.new.lines_of(link.new):
                article = self.new.article_place(piece.number)
                for ref in references(piece.text, piece.label, article):
                    if fresh[piece.number, ref.text]:
                        fresh[piece.number, ref.text] -= 1
                        continue
                    if (ref.text, ref.place) not in before:
                        continue
                    now = self.places.get(base(ref.place), frozenset())
                    if now and base(ref.place) not in now:
                        first = next(unit.place for unit in self.new.articles if unit.place in now)
                        names = became(ref.place, self.places)
                        expected = min((one for one in names if base(one) == first), default=min(names))
                        found[ReferenceLeft(self.new.place_of(piece.number), ref.place, expected)] = None
        return tuple(found)

    # ---- the whole -----------------------------------------------------------------------------------------------

    def script(self, links: Sequence[Link]) -> list[EditedLine]:
        """The whole text. Between articles that stand in order: headings laid over each other, the rest as it is."""
        kept = sorted((link for link in links if link not in self.moved), key=lambda link: min(link.old))
        moves = {link: f"m{number}" for number, link in enumerate(
            sorted(self.moved, key=lambda link: min(link.old)), 1)}
        gone = {old: moves[link] for link in self.moved for old in link.old}
        come = {new: moves[link] for link in self.moved for new in link.new}
        out: list[EditedLine] = []
        old_at = new_at = 0
        for link in kept:
            old_from, old_to = self.range_of(self.old, link.old)
            new_from, new_to = self.range_of(self.new, link.new)
            out += self.between(old_at, old_from, new_at, new_from, gone, come)
            whole = old_to - old_from == sum(len(range(*self.old.articles[n].lines)) for n in link.old) and \
                new_to - new_from == sum(len(range(*self.new.articles[n].lines)) for n in link.new) and \
                len(self.run(link.old)) == len(link.old) and len(self.run(link.new)) == len(link.new)
            laid = self.laid[link] if whole else lay(self.old.pieces[old_from:old_to], self.new.pieces[new_from:new_to],
                                                     linked=True, name=self.named)
            out += self.termed(laid)
            old_at, new_at = old_to, new_to
        return out + self.between(old_at, len(self.old.pieces), new_at, len(self.new.pieces), gone, come)

    @staticmethod
    def run(numbers: Sequence[int]) -> Sequence[int]:
        """The leading neighbours of a link; a pinned one may name articles that stand apart."""
        end = 1
        while end < len(numbers) and numbers[end] == numbers[end - 1] + 1:
            end += 1
        return numbers[:end]

    def range_of(self, side: _Text, numbers: Sequence[int]) -> tuple[int, int]:
        run = self.run(sorted(numbers))
        return side.articles[run[0]].lines[0], side.articles[run[-1]].lines[1]

    def between(self, old_from: int, old_to: int, new_from: int, new_to: int, gone: dict[int, str],
                come: dict[int, str]) -> list[EditedLine]:
        """Lines between two linked articles: those in no article may match; articles here are dropped, new or moved."""
        free_old = [piece for piece in self.old.pieces[old_from:old_to] if piece.number not in self.old.article_of]
        free_new = [piece for piece in self.new.pieces[new_from:new_to] if piece.number not in self.new.article_of]
        laid = lay(free_old, free_new, linked=False)
        pending_old = [piece for piece in self.old.pieces[old_from:old_to] if piece.number in self.old.article_of]
        pending_new = [piece for piece in self.new.pieces[new_from:new_to] if piece.number in self.new.article_of]
        out: list[EditedLine] = []

        def flush(old_limit: int | None, new_limit: int | None) -> None:
            while pending_old and (old_limit is None or pending_old[0].number < old_limit):
                piece = pending_old.pop(0)
                out.extend(whole_lines([piece], "deleted", gone.get(self.old.article_of[piece.number], "")))
            while pending_new and (new_limit is None or pending_new[0].number < new_limit):
                piece = pending_new.pop(0)
                out.extend(whole_lines([piece], "inserted", come.get(self.new.article_of[piece.number], "")))

        for line in laid.lines:
            flush(line.old if line.old is not None else -1, line.new if line.new is not None else -1)
            out.append(line)
        flush(None, None)
        return out


def _inner(place: str) -> str:
    """A place without its article: `(2)(1)` of `Art. 18(2)(1)`."""
    return place[len(base(place)):].strip()


def _text_of(side: _Text) -> str:
    return "\n".join(line.text for line in side.document.lines)
