"""A diff as one HTML page: no network, a strict content policy, both languages inside, whole without JavaScript.

In come a `Diff` and the language to start in; out comes the page. The folder `diff_page` holds its templates and its
own style; what all pages have is in `pages`. Attributes hold only our own words and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from policyengine.base.record import record
from policyengine.core.verdict import Verdict
from policyengine.diff.model import ArticleChange, Cell, CrossCheck, Diff, EditedLine, RuleChange, RuleEdit, TextDiff
from policyengine.documents.model import Document, Unit
from policyengine.report import diff_words as words
from policyengine.report.diff_words import LABELS
from policyengine.report.pages import KEYS, asset, both, environment, write_page
from policyengine.report.words import Lang
from policyengine.solver.model import FINE

FOLDER = Path(__file__).resolve().parent / "diff_page"
ARROW = "→"
OPENING = 48
"""Characters of an article that stand for its heading where it has none."""
CASES = 2
"""Cases of a rule that stand open; the others are folded."""

# The page's own words, English and Chinese.
PAGE: dict[str, tuple[str, str]] = {
    "eyebrow": ("Comparison of two versions", "版本对比"),
    "before": ("Before", "旧版"), "after": ("After", "新版"),
    "status": ("Status", "状态"), "published": ("Published", "公布"), "in force": ("In force", "施行"),
    "draft": ("draft", "草案"), "final": ("final", "正式文本"),
    "legal": ("This comparison is not legal advice.", "本对比不构成法律意见。"),
    "skip": ("Skip to the changes", "跳至变化内容"),
    "impact": ("Impact on your services", "对服务的影响"), "articles": ("Articles", "条文"),
    "overview": ("Table of articles", "条文对照表"), "rules": ("Rules", "规则"), "checks": ("Cross-checks", "交叉核对"),
    "kinds": ("Text", "条文"), "directions": ("Rules", "规则"),
    "side": ("Side by side", "并列"), "inline": ("Inline", "合并"),
    "key j": ("next change", "下一处变化"), "key k": ("previous change", "上一处变化"),
    "key t": ("side by side or inline", "切换并列与合并"),
    "heading": ("Heading", "标题"), "change": ("Change", "变化"),
    "outside": ("Outside the articles", "条文以外"),
    "outside note": ("title, preamble and headings of chapters", "标题、序言与章节标题"),
    "throughout": ("Throughout the text", "全文"),
    "times": ("times", "处"),
    "reference": ("names", "所引"), "expected": ("the renumbering makes that", "依新条号应为"),
    "stale": ("cross-references that did not follow the renumbering", "未随条号调整的引用"),
    "terms": ("terms renamed", "用语更名"),
    "confidence": ("confidence", "可信度"), "pinned": ("linked by hand", "人工指定"),
    "alternatives": ("Also considered", "其他可能对应"), "parts": ("Paragraphs and items", "款项对应"),
    "noted": ("Worth a look", "重点变化"), "rules here": ("Rules", "规则"),
    "accepted": ("accepted", "已接受"), "fingerprint": ("Fingerprint", "指纹"),
    "edits": ("What changed in the rule", "规则的修改"), "part": ("Part", "部分"), "alone": ("Alone", "单独效果"),
    "no effect": ("no verdict", "不影响结论"),
    "case": ("Case", "实例"), "more cases": ("More cases", "更多实例"), "judged at": ("Judged as of", "判断截至"),
    "facts": ("Facts", "事实"), "events": ("Events", "事件"), "judged": ("judged here", "判断时刻"),
    "as of": ("judged as of this moment", "判断截至此刻"), "decides": ("Turns on", "取决于"),
    "matrix": ("Which outcomes are possible", "可能的结果"), "matrix row": ("before ↓ after →", "旧版 ↓ 新版 →"),
    "yes": ("possible", "可能"), "no": ("impossible", "不可能"), "unknown": ("not decided", "未判定"),
    "matrix note": ("Rows: the outcome before. Columns: the outcome after. A number is a case shown above.",
                    "行为旧版结果，列为新版结果；数字为上方实例编号。"),
    "in": ("The same in", "同一修改涉及"),
    "table": ("Where the two versions differ", "两版不同之处"), "when": ("When", "情形"), "and": ("and", "且"),
    "source": ("Source of the rule", "规则原文"), "no rule": ("no such rule", "无此规则"),
    "nearest": ("Nearest change", "最小改动"), "because": ("Because", "原因"), "moments": ("moments", "个时刻"),
    "no impact": ("None of your cases comes out differently.", "各项结果均无变化。"),
}


def to_html(diff: Diff, lang: Lang = "en") -> str:
    """The whole page, UTF-8 text without lone surrogates. `lang` is where the interface starts; the page switches."""
    return write_page(_environment(), asset(FOLDER / "diff.css"), lang, diff=diff, page=_Page(diff))


def sentence(make: Callable[..., str], value: object) -> Markup:
    """A sentence of `diff_words` about a value."""
    return both(make(value, "en"), make(value, "zh"))


def arrowed(make: Callable[..., str], value: object) -> Markup:
    """The same where the sentence has an arrow."""
    return both(make(value, "en", arrow=ARROW), make(value, "zh", arrow=ARROW))


def turns(path: str, decides: Sequence[str]) -> bool:
    """Whether the answers turn on this fact."""
    return any(one == path or one.startswith(f"{path} ") for one in decides)


@cache
def _environment() -> Environment:
    return environment(FOLDER, PAGE, sentence=sentence, arrowed=arrowed, words=words, LABELS=LABELS, percent=percent,
                       size=size_of, events=event_rows, cells=cells_of, way_of=way_of, turns=turns, CASES=CASES,
                       keys=(*KEYS[:3], "t", *KEYS[3:]))


def percent(share: float) -> str:
    """`93 %`, of a share from 0 to 1; only what is certain is 100."""
    return f"{min(99, round(share * 100)) if share < 1 else 100} %"


# ---- where things stand in the page -----------------------------------------------------------------------------

@record
class Row:
    """A line of both texts. `id` and `old_id` are its anchors (empty where another row has them); `old_mark` and
    `new_mark` its number inside the article where a unit begins on it; `depth` how far it is indented; `whole` the side
    that has all of it, empty for a line of both; `plain`: nothing in it changed."""

    line: EditedLine
    id: str
    old_id: str
    old_mark: str
    new_mark: str
    depth: int
    heading: bool
    whole: str
    plain: bool


@record
class Text:
    """One document as the page needs it: the unit that begins on a line, the line of a citation, the depth of items,
    the articles by citation."""

    units: dict[int, Unit]
    places: dict[str, int]
    depths: dict[int, int]
    articles: dict[str, Unit]
    language: str


def _text(document: Document) -> Text:
    units: dict[int, Unit] = {}
    places: dict[str, int] = {}
    depths: dict[int, int] = {}

    def walk(unit: Unit, depth: int) -> None:
        depth += unit.kind == "item"
        first = unit.lines[0]
        units[first] = unit  # the innermost of those that begin there, as it comes last
        places.setdefault(unit.place, first)
        depths.update(dict.fromkeys(range(*unit.lines), depth))
        for child in unit.children:
            walk(child, depth)

    for root in document.units:
        walk(root, 0)
    articles = {unit.place: unit for unit in document.articles()}
    return Text(units, places, depths, articles, "zh-Hans" if document.language == "zh" else "en")


class _Page:
    """What the template asks: rows of an article, links of a citation, rules of an article. Anchors are numbers."""

    def __init__(self, diff: Diff) -> None:
        self.diff = diff
        self.ids: set[str] = set()
        self.articles_at: dict[tuple[str, str], int] = {}  # side and citation -> place in the list of articles
        self.rules_at: dict[str, int] = {}  # name of a rule on the new side, else the old -> place in the list
        self.edits = {edit.fingerprint: edit for change in diff.rules or () for edit in change.edits
                      if edit.fingerprint}
        self.old, self.new = (_text(diff.text.old), _text(diff.text.new)) if diff.text else (_NO_TEXT, _NO_TEXT)
        self.scopes = _scopes(diff.rules or ())
        self.rows: list[list[Row]] = []
        self.outside: list[Row] = []
        self.rules_of: dict[int, list[int]] = {}
        if diff.text:
            self._lay_out(diff.text)
        for number, change in enumerate(diff.rules or ()):
            for side in (change.old, change.new):
                if side:
                    self.rules_at[side.name] = number
            for article in self.articles_of(change):
                self.rules_of.setdefault(article, []).append(number)

    def _lay_out(self, text: TextDiff) -> None:
        for number, change in enumerate(text.articles):
            for side, places in (("old", change.old), ("new", change.new)):
                for place in places:
                    self.articles_at.setdefault((side, place), number)
            self.rows.append([self._row(line) for line in change.lines])
        self.outside = [self._row(line) for line in _outside(text)]

    def _row(self, line: EditedLine) -> Row:
        old_unit = self.old.units.get(line.old) if line.old is not None else None
        new_unit = self.new.units.get(line.new) if line.new is not None else None
        depth = self.new.depths.get(line.new, 0) if line.new is not None else (
            self.old.depths.get(line.old, 0) if line.old is not None else 0)
        sides = {run.op for run in line.runs} | {line.end}
        whole = sides.pop() if len(sides) == 1 else ""
        level = any(document.lines[at].level for document, at in self._lines(line) if at < len(document.lines))
        return Row(line, self._once("n", line.new), self._once("o", line.old), _mark(old_unit), _mark(new_unit),
                   min(depth, 4), level, "" if whole == "same" else whole, whole == "same")

    def _lines(self, line: EditedLine) -> Iterator[tuple[Document, int]]:
        assert self.diff.text is not None
        if line.old is not None:
            yield self.diff.text.old, line.old
        if line.new is not None:
            yield self.diff.text.new, line.new

    def _once(self, side: str, line: int | None) -> str:
        """The anchor of a line for the first row that shows it."""
        name = f"{side}{line}"
        if line is None or name in self.ids:
            return ""
        self.ids.add(name)
        return name

    def target(self, side: str, citation: str) -> str:
        """The anchor of what a citation names, or of the nearest unit around it; empty where the page has none."""
        text = self.old if side == "old" else self.new
        for place in _around(citation):
            if (side, place) in self.articles_at:
                return f"a{self.articles_at[side, place]}"
            name = f"{side[0]}{text.places.get(place)}"
            if name in self.ids:
                return name
        return ""

    def checked(self, check: CrossCheck) -> str:
        """The anchor of the place that a cross-check is about."""
        return self.target("new" if check.kind == "number-differs" else "old", check.place)

    def opening(self, change: ArticleChange) -> str:
        """The first words of an article, for one without a heading."""
        side, places = (self.new, change.new) if change.new else (self.old, change.old)
        units = (unit for place in places if place in side.articles for unit in side.articles[place].walk())
        text = next((unit.text for unit in units if unit.text), "")
        return text if len(text) <= OPENING else text[:OPENING].rstrip() + "…"

    def articles_of(self, change: RuleChange) -> list[int]:
        """The articles that a rule cites on either side."""
        found = []
        for name, side in (("old", change.old), ("new", change.new)):
            for citation in side.citations if side else ():
                found += [self.articles_at[name, place] for place in _around(citation)
                          if (name, place) in self.articles_at]
        return list(dict.fromkeys(found))

    def kinds_of(self, change: RuleChange) -> str:
        """The kinds of the articles of a rule, for filters."""
        text = self.diff.text
        return " ".join(dict.fromkeys(kind for number in self.articles_of(change) if text
                                      for kind in text.articles[number].kinds))

    def directions_of(self, article: int) -> str:
        """The directions of the rules of an article, for filters."""
        rules = self.diff.rules or ()
        shown = (words.shown_direction(rules[number]) for number in self.rules_of.get(article, ()))
        return " ".join(dict.fromkeys(shown))

    def by_direction(self, article: int) -> list[tuple[str, list[int]]]:
        """The rules of an article by direction, in the order of LABELS."""
        found: dict[str, list[int]] = {word: [] for word in LABELS["direction"]}
        for number in self.rules_of.get(article, ()):
            found[words.shown_direction((self.diff.rules or ())[number])].append(number)
        return [(word, numbers) for word, numbers in found.items() if numbers]

    def rule_named(self, *names: str) -> int | None:
        """The place of the first of these rules that the page shows."""
        return next((self.rules_at[name] for name in names if name in self.rules_at), None)

    def is_accepted(self, fingerprint: str) -> bool:
        return bool(fingerprint) and fingerprint in self.diff.accepted

    def counts(self, group: str) -> list[tuple[str, int]]:
        """The words of a group of labels that occur, with how often, for the filters."""
        if group == "kind":
            counted = words.article_counts(self.diff.text) if self.diff.text else {}
            return [(word, counted[word]) for word in LABELS[group] if counted.get(word)]
        directions = [words.shown_direction(change) for change in self.diff.rules or ()]
        return [(word, count) for word in LABELS[group] if (count := sum(one == word for one in directions))]


def _scopes(rules: Sequence[RuleChange]) -> list[tuple[RuleEdit, int]]:
    """The changes of scope that several rules share, each with how many."""
    found: dict[tuple[str, str], list[RuleEdit]] = {}
    for edit in (edit for change in rules for edit in change.edits if edit.part == "scope"):
        found.setdefault((edit.old, edit.new), []).append(edit)
    return [(replace(edits[0], direction=None), len(edits)) for edits in found.values() if len(edits) > 1]


_NO_TEXT = Text({}, {}, {}, {}, "en")


def _outside(text: TextDiff) -> Sequence[EditedLine]:
    """The lines of no article, if any of them changed: nothing that changed may be missing from the page."""
    inside = [{line for unit in document.articles() for line in range(*unit.lines)}
              for document in (text.old, text.new)]
    lines = [line for line in text.script
             if (line.old is None or line.old not in inside[0]) and (line.new is None or line.new not in inside[1])]
    changed = any(line.end != "same" or any(run.op != "same" for run in line.runs) for line in lines)
    return lines if changed else ()


def _around(citation: str) -> Iterable[str]:
    """A citation and those of the units around it: `Art. 18(2)(3)`, `Art. 18(2)`, `Art. 18`."""
    while citation:
        yield citation
        citation, opened, _ = citation.rpartition("(")
        if not opened:
            return


def _mark(unit: Unit | None) -> str:
    """What stands in the margin beside a paragraph that is written without its number."""
    return f"({unit.number})" if unit and unit.kind == "paragraph" and unit.number and not unit.label else ""


def size_of(change: ArticleChange) -> str:
    """About how high an article's card will be, so that a page that is not laid out yet has its length."""
    letters = sum(len(run.text) * (1 + (run.op == "same")) for line in change.lines for run in line.runs)
    return next((name for limit, name in _SIZES if letters <= limit), "h4")


_SIZES: tuple[tuple[int, str], ...] = ((400, "h1"), (1200, "h2"), (4000, "h3"))


def event_rows(events: Sequence[dict[str, Any]], moment: str) -> list[tuple[str, str, list[tuple[str, str]], bool]]:
    """Time, type, fields of each event, and whether it is at the moment that is judged."""
    return [(words.instant_text(str(event.get("time", ""))), str(event.get("type", "")), words.event_fields(event),
             bool(moment) and str(event.get("time", "")) == moment) for event in events]


def way_of(old: Verdict, new: Verdict) -> str:
    """Whether a case that comes out so makes a rule `stricter` or `looser`; empty where neither."""
    return "stricter" if old in FINE and new == "violated" else "looser" if old == "violated" and new in FINE else ""


def cells_of(change: RuleChange) -> dict[tuple[Verdict, Verdict], Cell]:
    """The matrix by row and column."""
    return {(cell.old, cell.new): cell for cell in change.matrix}
