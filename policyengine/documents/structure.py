"""Lines to the tree of numbered units: parts, chapters, sections, articles, paragraphs and items.

In: the lines of any text, from any reader. Out: a `Document`. Any text may come in; what is no unit stays a line. It
takes one pass, so that a hostile text costs no more than its length. It knows no format and no other version.

Which word names the article is the document's own choice: a European text divides chapters into sections and has
articles, an American code divides articles into sections and cites those. The more frequent of the two is the article.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from policyengine.documents.model import Document, Kind, Language, Line, Unit
from policyengine.documents.numbering import Label, Reading, article_place, read_heading, read_mark

_RANKS: Final = {"part": 0, "annex": 0, "chapter": 1, "section": 2}
_DIVISION_PLACES: Final = {"part": "Part", "annex": "Annex", "chapter": "Ch.", "section": "Sec."}

_CONTENTS: Final = frozenset({"目录", "目次", "contents", "tableofcontents", "arrangementofsections",
                              "arrangementofclauses", "arrangementofarticles"})
_LEADERS: Final = re.compile(r"(?:\.{3,}|…+|·{3,}|\t|_{3,}| {3,})\s*[0-9]{1,4}$")
_LONGEST_HEADING = 120
_TERMINAL: Final = tuple("。；：，、.;:,")
_MENTIONED: Final = re.compile(r"第|规定|所列|所称|的|、|和|或者?|至|与|及|，|。|；|）|》|”|之一|情形|中")
_LATIN: Final = re.compile(r"[a-z]+")
_HAN: Final = re.compile(r"[一-鿿]+")
_BRACKETED: Final = re.compile(r"[【〔\[]([^】〕\]]{1,60})[】〕\]]\s*|[（(]([^）)]{2,30})[）)]\s*")
_ENGLISH_HEADING: Final = re.compile(r"([A-Z][^.]{2,80})\.(?:\s*[—–-]{1,2}\s*|\s+(?=[A-Z(“\"]))")
_VERBS: Final = re.compile(r"\b(?:shall|must|may|is|are|was|were|has|have|be|not|will|means)\b", re.IGNORECASE)


def structure(path: str, lines: Sequence[Line]) -> Document:
    """The document that `lines` make up; `path` is the name the user gave it.

    A text without any article has units only for its parts and headings, and `Document.articles` is empty.
    """
    language = language_of(lines)
    return _Walk(path, tuple(lines), language).document()


def language_of(lines: Sequence[Line]) -> Language:
    """The language most of the text is in, by its letters; English for a text without any."""
    chinese = latin = 0
    for line in lines:
        latin += sum(map(len, _LATIN.findall(line.text)))
        chinese += 0 if line.text.isascii() else sum(map(len, _HAN.findall(line.text)))
    return "zh" if chinese * 4 > latin else "en"  # a Chinese character says as much as an English word's four letters


@dataclass(slots=True)
class _Node:
    """A unit in the making. `written_number` is empty where the place among the siblings is its number."""

    kind: Kind
    label: str
    number: str
    place: str
    start: int
    end: int
    heading: str = ""
    text: list[str] = field(default_factory=list)
    children: list[_Node] = field(default_factory=list)


@dataclass(slots=True)
class _Division:
    """An open part, chapter or section; `rank` orders them, `level` is that of its heading."""

    node: _Node
    rank: tuple[int, int]
    level: int
    annex: bool


@dataclass(slots=True)
class _Walk:
    """One pass over the lines."""

    path: str
    lines: tuple[Line, ...]
    language: Language
    labels: list[Label | None] = field(default_factory=list)
    articles_by: str = ""
    words: dict[str, int] = field(default_factory=dict)
    roots: list[_Node] = field(default_factory=list)
    divisions: list[_Division] = field(default_factory=list)
    article: _Node | None = None
    article_level: int = 0
    marks: list[tuple[Reading, _Node]] = field(default_factory=list)
    last_number: int = 0

    def document(self) -> Document:
        self.labels = [self.heading_label(number) for number in range(len(self.lines))]
        self.articles_by = self.choose_article_word()
        contents = self.contents()
        number = 0
        while number < len(self.lines):
            number += 1 if number in contents else self.line(number)
        title = self.title()
        return Document(self.path, title, self.language, self.lines, tuple(self.freeze(node) for node in self.roots))

    # ---- which lines carry a label ------------------------------------------------------------------------------

    def heading_label(self, number: int) -> Label | None:
        """The label of a line that opens a unit with a word; None for a sentence that only mentions one."""
        line = self.lines[number]
        label = read_heading(line.text)
        if label is None:
            return None
        rest = line.text[label.end:]
        if label.kind != "article" and label.word != "section" and not line.level and (
                len(line.text) > (40 if line.text[0] in "第附" else 120) or rest.rstrip().endswith(_TERMINAL)):
            return None
        if line.level or not rest.strip():
            return label
        if line.text[0] in "第附":
            follows = rest.lstrip()
            if label.kind == "article":
                return None if _MENTIONED.match(follows) and not self.spaced(rest) else label
            return None if re.match(r"第|规定|的|、|和|至", follows) else label
        if rest[0] in ".:—–-\t" or rest[:2] == "  ":
            return label
        if rest[0] == "(":
            closing = rest.find(")")
            after = rest[closing + 1:].lstrip()
            return label if closing > 0 and after[:1].isupper() else None
        return label if rest[0] == " " and not rest.lstrip()[:1].islower() and rest.lstrip()[:1] not in "(,;)" else None

    @staticmethod
    def spaced(rest: str) -> bool:
        return rest[:1] in " \u3000\u00a0\t【（" and not re.match(r"\s*(?:规定|第|、)", rest)

    def choose_article_word(self) -> str:
        """The word that names the articles of this text: `条`, `article`, `section`, `§`, or a mark's style."""
        counts = Counter(label.word for label in self.labels if label is not None)
        words = [word for word in ("条", "§", "article", "section") if counts[word]]
        if words:
            return max(words, key=lambda word: (counts[word], word == "article"))
        styles: Counter[str] = Counter()
        first = ""
        for line in self.lines:
            mark = read_mark(line.text)
            if mark is not None and mark.readings[0].style in ("1.", "一、"):
                first = first or mark.readings[0].style
                styles[mark.readings[0].style] += 1
        return first if styles[first] > 1 else ""

    def contents(self) -> set[int]:
        """The lines of a table of contents: they name units and are none."""
        found = {number for number, label in enumerate(self.labels)
                 if label is not None and len(text := self.lines[number].text) <= 2 * _LONGEST_HEADING
                 and _LEADERS.search(text)}
        last = {self.key(number): number for number in range(len(self.lines))}
        number = 0
        while number < len(self.lines):
            text = self.lines[number].text
            if len(text) < 40 and re.sub(r"\s", "", text).lower() in _CONTENTS:
                end = self.end_of_contents(number + 1, last)
                found.update(range(number, end))
                number = end
                continue
            end = number
            if not self.is_bare(number):
                number += 1
                continue
            while end < len(self.lines) and self.is_bare(end):
                end += 1
            again = sum(1 for one in range(number, end) if last[self.key(one)] >= end)
            if end - number >= 3 and again * 5 >= (end - number) * 4:
                # the run may take in the first headings of the body, which do not come again
                while end > number and last[self.key(end - 1)] < end:
                    end -= 1
                found.update(range(number, end))
            number = max(end, number + 1)
        return found

    def end_of_contents(self, start: int, last: dict[str, int]) -> int:
        """Where the contents that begin here end: at their first entry's number once more, or at a line of text."""
        seen: set[str] = set()
        first: tuple[str, str] | None = None
        number = start
        while number < len(self.lines):
            key, label = self.key(number), self.labels[number]
            named = (label.word, label.number) if label is not None else None
            if named is not None and named == first:
                return number
            if key in seen or (not self.is_bare(number) and last[key] == number and len(key) > 40):
                break
            first = first or named
            seen.add(key)
            number += 1
        return number if any(last[key] >= number for key in seen) else start

    def key(self, number: int) -> str:
        """What a line of the contents and the heading it announces have in common; long lines are neither."""
        if len(self.lines[number].text) > _LONGEST_HEADING:
            return str(number)
        return re.sub(r"[\s•]", "", _LEADERS.sub("", self.lines[number].text)).lower()

    def is_bare(self, number: int) -> bool:
        """A label with at most a heading behind it."""
        label = self.labels[number]
        return label is not None and len(self.lines[number].text) <= _LONGEST_HEADING \
            and not self.lines[number].text.endswith(("。", "；", ";"))

    # ---- the tree ------------------------------------------------------------------------------------------------

    def line(self, number: int) -> int:
        """Takes one line, or two where a heading stands on its own line; says how many."""
        line, label = self.lines[number], self.labels[number]
        if label is not None and label.kind == "annex":
            if self.annex_has_articles(number):
                return self.division(number, label)
            return self.open_article(number, label, f"Annex {label.number}".strip())
        if label is not None and label.word == self.articles_by:
            return self.open_article(number, label, self.prefix() + article_place(label.word, label.number))
        if label is not None:
            return self.division(number, label)
        mark = read_mark(line.text)
        if mark is not None and self.opens_article(mark):
            shown = "§ " if mark.readings[0].ordinal > 999 else "Art. "
            self.last_number = mark.readings[0].ordinal
            return self.open_article(number, mark, self.prefix() + shown + mark.number)
        if line.level and not (self.article is not None and 0 < self.article_level < line.level):
            return self.unnumbered_heading(number)
        if self.article is not None:
            self.feed(number, line.text)
        return 1

    def opens_article(self, mark: Label) -> bool:
        """In a text whose articles are plain numbers: does this one go on counting?"""
        reading = mark.readings[0]
        return reading.style == self.articles_by and (
            reading.ordinal > self.last_number or (reading.ordinal == 1 and not self.marks))

    def prefix(self) -> str:
        return f"{self.divisions[0].node.place} " if self.divisions and self.divisions[0].annex else ""

    def annex_has_articles(self, number: int) -> bool:
        for later in range(number + 1, min(len(self.lines), number + 40)):
            label = self.labels[later]
            if label is not None:
                return label.kind != "annex"
        return False

    def division(self, number: int, label: Label) -> int:
        kind = "section" if label.kind == "article" else label.kind
        rank = (_RANKS[kind], self.words.setdefault(label.word, len(self.words)))
        if kind == "annex":
            rank = (0, -1)  # an annex ends whatever stands before it
        line = self.lines[number]
        heading = line.text[label.end:].strip(" \u3000\u00a0\t.:—–-")
        taken = 1
        if not heading and self.is_heading_text(number + 1):
            heading, taken = self.lines[number + 1].text, 2
        while self.divisions and self.divisions[-1].rank >= rank:
            self.divisions.pop()
        place = f"{_DIVISION_PLACES[kind]} {label.number}".strip()
        if kind == "section" and self.divisions and self.divisions[-1].node.kind == "chapter":
            place = f"{self.divisions[-1].node.place} {place}"
        unit: Kind = kind if kind in ("chapter", "section") else "part"
        self.open_division(_Node(unit, label.written, label.number, place, number, number + taken, heading), rank,
                           line.level, annex=kind == "annex")
        return taken

    def unnumbered_heading(self, number: int) -> int:
        line = self.lines[number]
        first = next((one for one in range(len(self.lines)) if self.lines[one].text), number)
        if not self.roots and (line.level == 1 or number == first):
            return 1  # the title
        while self.divisions and (self.divisions[-1].level >= line.level or not self.divisions[-1].level):
            self.divisions.pop()
        inside = bool(self.divisions) and self.divisions[-1].node.kind in ("chapter", "section")
        node = _Node("section" if inside else "chapter", "", "", line.text, number, number + 1, line.text)
        self.open_division(node, (2 if inside else 1, len(self.words)), line.level, annex=False)
        return 1

    def open_division(self, node: _Node, rank: tuple[int, int], level: int, *, annex: bool) -> None:
        (self.divisions[-1].node.children if self.divisions else self.roots).append(node)
        self.divisions.append(_Division(node, rank, level, annex))
        self.article, self.marks = None, []

    def open_article(self, number: int, label: Label, place: str) -> int:
        line = self.lines[number]
        if label.kind == "annex":
            self.divisions.clear()
        node = _Node("article", label.written, label.number, place, number, number + 1)
        (self.divisions[-1].node.children if self.divisions else self.roots).append(node)
        self.article, self.article_level, self.marks = node, line.level, []
        node.heading, rest = self.split_heading(number, line.text[label.end:].lstrip(" \u3000\u00a0\t.:—–"))
        taken = 1
        if not rest and not node.heading and self.is_heading_text(number + 1) and self.goes_on(number + 2):
            node.heading, taken = self.lines[number + 1].text, 2
            node.end = number + 2
        if rest:
            self.feed(number, rest)
        self.touch(number + taken)
        return taken

    def split_heading(self, number: int, rest: str) -> tuple[str, str]:
        """The article's heading on its own line, and the text behind it."""
        if not rest:
            return "", ""
        mark = read_mark(rest)
        bracketed = _BRACKETED.match(rest)
        if bracketed and mark is None:
            return (bracketed[1] or bracketed[2]).strip(), rest[bracketed.end():]
        line = self.lines[number]
        if mark is not None:
            return "", rest
        if line.level and not rest.endswith(("。", "；")) and len(rest) < 200:
            return rest, ""
        if self.language == "zh":
            short = len(rest) <= 20 and not rest.endswith(_TERMINAL) and " " not in rest
            return (rest, "") if short and self.goes_on(number + 1) else ("", rest)
        if (read := _ENGLISH_HEADING.match(rest)) and len(read[1].split()) <= 12 and not _VERBS.search(read[1]):
            return read[1], rest[read.end():]
        words = rest.rstrip(".").split()
        if words and len(words) <= 14 and words[0][0].isupper() and not _VERBS.search(rest) \
                and not rest.endswith((";", ":", ",")) and self.goes_on(number + 1):
            return rest.rstrip("."), ""
        return "", rest

    def is_heading_text(self, number: int) -> bool:
        """A short line without label and end of sentence, which may be the heading of the label above."""
        if number >= len(self.lines):
            return False
        line = self.lines[number]
        if self.labels[number] is not None or not line.text or read_mark(line.text) is not None:
            return False
        limit = 30 if self.language == "zh" else 150
        return len(line.text) <= limit and not line.text.endswith(_TERMINAL) and not line.text[0].islower()

    def goes_on(self, number: int) -> bool:
        """True when the unit above has text of its own on this line."""
        return number < len(self.lines) and self.labels[number] is None and bool(self.lines[number].text) \
            and not self.lines[number].level

    # ---- paragraphs and items ------------------------------------------------------------------------------------

    def feed(self, number: int, text: str) -> None:
        """A line of the open article: a numbered paragraph, an item, or a paragraph without number."""
        rest = text
        mark = read_mark(rest)
        if mark is None:
            self.paragraph(number, text)
        while mark is not None:
            rest = rest[mark.end:].lstrip(" \u3000\u00a0\t")
            following = read_mark(rest) if rest[:1] in "(（" else None  # `(a) (1) Text`: two units on one line
            self.marked(number, mark, "" if following is not None else rest)
            mark = following
        self.touch(number + 1)

    def paragraph(self, number: int, text: str) -> None:
        assert self.article is not None
        parent = self.article
        if self.marks and self.marks[0][1] in self.article.children[-1:]:
            parent = self.marks[0][1]  # text below a numbered paragraph belongs to it
            del self.marks[1:]
        else:
            self.marks.clear()
        parent.children.append(_Node("paragraph", "", "", "", number, number + 1, text=[text]))

    def marked(self, number: int, mark: Label, text: str) -> None:
        assert self.article is not None
        reading = self.choose(number, mark)
        while any(reading.style == open_reading.style for open_reading, _ in self.marks):
            if self.marks.pop()[0].style == reading.style:
                break
        last = self.article.children[-1] if self.article.children else None
        if self.marks:
            parent, kind = self.marks[-1][1], "item"
        elif last is not None and not last.label:
            parent, kind = last, "item"
        else:
            parent, kind = self.article, "paragraph"
        node = _Node("item" if kind == "item" else "paragraph", mark.written, reading.number, "", number, number + 1,
                     text=[text] if text else [])
        parent.children.append(node)
        self.marks.append((reading, node))

    def choose(self, number: int, mark: Label) -> Reading:
        """`(i)` after `(h)` is a letter, unless `(ii)` follows."""
        if len(mark.readings) == 1:
            return mark.readings[0]
        open_at = {reading.style: reading.ordinal for reading, _ in self.marks}
        going_on = [one for one in mark.readings if open_at.get(one.style, -1) + 1 == one.ordinal]
        starting = [one for one in mark.readings if one.ordinal == 1 and one.style not in open_at]
        if going_on and starting:
            return starting[0] if self.follows(number, starting[0], going_on[0]) else going_on[0]
        if going_on or starting:
            return (going_on or starting)[0]
        later = [one for one in mark.readings if open_at.get(one.style, one.ordinal) < one.ordinal]
        return (later or list(mark.readings))[0]

    def follows(self, number: int, wanted: Reading, other: Reading) -> bool:
        """True when the next mark of either series is the second of `wanted`."""
        for later in range(number + 1, min(len(self.lines), number + 30)):
            if self.labels[later] is not None:
                return False
            mark = read_mark(self.lines[later].text)
            for reading in mark.readings if mark else ():
                if reading.style == wanted.style and reading.ordinal == 2:
                    return True
                if (reading.style, reading.ordinal) in ((other.style, other.ordinal + 1), (wanted.style, 1)):
                    return False
        return False

    def touch(self, end: int) -> None:
        """The open article reaches to here, with the units that are open in it."""
        if self.article is not None:
            self.article.end = max(self.article.end, end)

    # ---- values --------------------------------------------------------------------------------------------------

    def freeze(self, node: _Node) -> Unit:
        if node.kind == "article":
            return self.freeze_part(node, node.place, node.number)
        children = tuple(self.freeze(child) for child in node.children)
        end = max([node.end, *(child.lines[1] for child in children)])
        return Unit(node.kind, node.number, node.label, node.place, node.heading, "".join(node.text), children,
                    (node.start, end))

    def freeze_part(self, node: _Node, place: str, number: str) -> Unit:
        children: list[Unit] = []
        for position, child in enumerate(node.children, 1):
            inner = child.number or str(position)
            inner_place = f"{place}({inner})"
            if not child.label and (node.kind != "article" or (self.language == "en" and position == 1
                                    and any(one.label for one in child.children))):
                # English citations pass over the words that introduce a list, and over what stands below a paragraph
                inner_place = place
            children.append(self.freeze_part(child, inner_place, inner))
        end = max([node.end, *(child.lines[1] for child in children)])
        return Unit(node.kind, number, node.label, place, node.heading, " ".join(node.text), tuple(children),
                    (node.start, end))

    def title(self) -> str:
        first = min((node.start for node in self.roots), default=len(self.lines))
        before = [line for line in self.lines[:first] if line.text]
        headings = [line for line in before if line.level]
        return min(headings, key=lambda line: line.level).text if headings else before[0].text[:200] if before else ""
