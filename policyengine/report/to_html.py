"""A report as one HTML page: no network, a strict content policy, both languages inside, whole without JavaScript.

In come a `Report` and the language to start in; out comes the page, the same for the same report: what is wrong, under
which article and what to do, then each finding with what was found. The folder `check_page` holds its templates and its
own style; what all pages have is in `pages`. Attributes hold only our own words, hashes, and where official texts are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from policyengine.base.record import record
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.report.entries import (
    Entry,
    by_version,
    clean,
    due_date,
    duties,
    duties_head,
    entries,
    entry_fingerprints,
    fingerprints,
    how_many,
    keys_text,
    later_of,
    near,
    place_of,
    reasons,
    total,
    whom,
)
from policyengine.report.model import Judged, Place, Report, Result
from policyengine.report.pages import asset, both, environment, write_page
from policyengine.report.words import Lang, Said, citation, counted, either, joined

FOLDER = Path(__file__).resolve().parent / "check_page"
STAND_OPEN = 3
"""Moments or services of a finding that stand open; the others are folded."""
LISTED = 100
"""Moments or services of a finding that the page lists."""
FINE: tuple[Verdict, ...] = ("satisfied", "not_applicable")
"""What is told in one line, and only where it was asked for."""
DUTIES = 10
"""Open duties that stand open."""

# The page's own words, English and Chinese; `{}` are values.
PAGE: dict[str, tuple[str, str]] = {
    "eyebrow": ("Report of a check", "检查报告"), "several": ("{} sets of rules", "{} 套规则"),
    "legal": ("This report is not legal advice.", "本报告不构成法律意见。"),
    "skip": ("Skip to the findings", "跳至检查结果"),
    "services": ("Services", "服务"), "as of": ("As of", "截至"), "version": ("Version", "版本"),
    "in force": ("In force", "施行"), "sources": ("Official text", "官方文本"),
    "verdicts": ("Rules", "规则"), "findings": ("Findings", "检查结果"), "duties": ("Open duties", "待履行事项"),
    "notes": ("Notes", "说明"), "glance": ("At a glance", "一览"),
    "verdict": ("Verdict", "结论"), "article": ("Article", "条文"),
    "fix": ("What to do", "如何整改"), "how many": ("How many", "数量"),
    "state it": ("State what is missing and check again; what is unknown does not count as compliant.",
                 "补充所缺内容后重新检查；未知不视为符合。"),
    "by worst": ("Each rule counts once, by its worst verdict.", "每条规则按最差结论计一次。"),
    "in part": ("at some moments or all", "全部或部分时刻"),
    "nothing found": ("Nothing was found violated or undecided.", "未发现违反或未定的事项。"),
    "list": ("Which rules", "具体规则"), "required": ("Required", "要求"), "parameters": ("Parameters", "参数"),
    "missing at": ("To be stated in", "应填写于"),
    "found": ("What was found", "查明情况"), "not stated": ("What is missing", "所缺内容"),
    "excused": ("Why it is exempt", "豁免原因"),
    "row": ("row {}", "第 {} 行"), "link": ("link", "链接"), "rules here": ("Rules", "规则"),
    "more": ("{} more, each with the first thing found", "另有 {} 项，各列首要情况"),
    "more rows": ("{} more", "另有 {} 项"),
    "left": ("{} more are not listed here; `--output csv=FILE` lists all.",
             "另有 {} 项未在此列出；`--output csv=FILE` 可列出全部。"),
    "due": ("Due", "期限"), "whom": ("For whom", "对象"), "duty": ("Duty", "义务"),
    "key j": ("next finding", "下一项"), "key k": ("previous finding", "上一项"),
}


def to_html(report: Report, lang: Lang = "en") -> str:
    """The whole page, UTF-8 text without lone surrogates. `lang` is where the interface starts; the page switches."""
    return write_page(_environment(), asset(FOLDER / "check.css"), lang, report=report, page=_Page(report))


@cache
def _environment() -> Environment:
    return environment(FOLDER, PAGE, told=told, tie=told(Said("tie")), title=title, fix=fix_of, articles=articles,
                       rules=rules, address=address, clean=clean, due_date=due_date, open_duties=DUTIES)


# ---- text in both languages -------------------------------------------------------------------------------------

def told(said: Said | str, time: str = "") -> Markup:
    """A sentence, in which times leave out the day and the offset that they share with `time`."""
    if isinstance(said, str):
        return both(clean(said), clean(said))
    english, chinese = (near(clean(said.told(lang)), time) if time else clean(said.told(lang))
                        for lang in ("en", "zh"))
    return both(english, chinese)


def title(result: Result) -> Markup:
    """What a rule is called; its name where it has no title."""
    english = clean(result.title).rstrip(".。") or clean(result.rule)
    return both(english, either(english, clean(result.title_zh).rstrip(".。"), "zh"))


def fix_of(result: Result) -> Markup:
    """What to do, as the policy says it."""
    return both(clean(result.fix), clean(either(result.fix, result.fix_zh, "zh")))


def articles(citations: Sequence[str]) -> Markup:
    """The places of the text that a rule cites."""
    return told(joined("and", map(citation, citations)))


def rules(number: int) -> Markup:
    """So many rules."""
    return told(counted("rules", number))


def address(text: str) -> str:
    """An address that a page may link to; empty for what is none, which is shown as text."""
    return text if text.startswith(("https://", "http://")) and text.isascii() and clean(text) == text else ""


# ---- what stands on the page ------------------------------------------------------------------------------------

@record
class Row:
    """One moment or service of a finding: its anchor, whom it is about, and what was found there. A folded row has the
    first thing found alone; `found` is empty where all rows of a card have found the same."""

    id: str
    result: Result
    whom: str
    place: Place
    found: tuple[Said, ...]


@record
class Card:
    """A finding: one entry of the report. `same`: what was found for every row; `file`: where all rows stand, if it is
    one file; `left`: how many the page does not list."""

    id: str
    entry: Entry
    many: Said | None
    same: tuple[Said, ...]
    file: str
    rows: tuple[Row, ...]
    rest: tuple[Row, ...]
    left: int
    required: tuple[Said, ...]
    params: tuple[Said, ...]


@record
class Group:
    """Results of one rule in an entry that speaks of several."""

    id: str
    result: Result
    number: int


@record
class Duty:
    """An open duty: its anchor, the result, whom it is about."""

    id: str
    result: Result
    whom: Said


@record
class Version:
    """What one version of a regulation said, in the order of reading. `head`: how many duties are open, if any are;
    `left`: how many of them are not listed."""

    judged: Judged
    cards: tuple[Card, ...]
    head: Said | None
    duties: tuple[Duty, ...]
    left: int
    others: tuple[tuple[Verdict, tuple[Card, ...]], ...]

    def of(self, *verdicts: Verdict) -> list[Card]:
        """The cards of these verdicts."""
        return [card for card in self.cards if card.entry.verdict in verdicts]


class _Page:
    """The report as the template needs it."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.several = len(report.services) > 1
        self.ids = {id(result): f"m{one}" for result, one in zip(report.findings, fingerprints(report.findings),
                                                                 strict=True)}
        every = [entries(report, results) for results in by_version(report)]
        anchors = iter(entry_fingerprints([entry for found in every for entry in found]))
        self.versions = [self._version(judged, found, anchors)
                         for judged, found in zip(report.judged, every, strict=True)]
        silent = sum(1 for count in report.rules if count.worst is None)
        self.judged = Said("sentence", (joined("comma", (
            counted("rules", len(report.rules)), *((Said("no trigger", (f"{silent:,}",)),) if silent else ()),
            counted("service", len(report.services)), counted("event", report.events))),))
        self.confidence = list(dict.fromkeys(
            (one.confidence_en, one.confidence_zh or one.confidence_en) for one in report.judged if one.confidence_en))

    def counts(self) -> list[tuple[Verdict, str]]:
        """The verdicts to filter by: those the page has cards of, each with the rules whose worst it is."""
        shown = {verdict for version in self.versions
                 for verdict in (*(card.entry.verdict for card in version.cards), *(one for one, _ in version.others),
                                 *(("pending",) if version.head else ()))}
        return [(verdict, f"{number:,}" if (number := self.report.counts.get(verdict)) else "")
                for verdict in VERDICTS if verdict in shown]

    def counts_of(self, judged: Judged) -> Counter[Verdict]:
        """How many rules of a version came out how, each by its worst."""
        return Counter(count.worst for count in self.report.rules if count.worst is not None
                       and (count.regulation, count.version) == (judged.regulation, judged.version))

    def _version(self, judged: Judged, found: Sequence[Entry], anchors: Iterator[str]) -> Version:
        named = [(entry, f"e{next(anchors)}") for entry in found]
        cards = tuple(self._card(entry, anchor) for entry, anchor in named if entry.verdict not in (*FINE, "pending"))
        waiting = [entry for entry in found if entry.verdict == "pending"]
        rows = tuple(Duty(self.ids[id(result)], result, whom(self.report, result)) for _, result in duties(waiting))
        number = sum(entry.number for entry in waiting)
        head = duties_head(self.report, number, len(rows), later_of(self.report, judged)) \
            if waiting or self.report.until is not None else None
        others = tuple((verdict, several) for verdict in FINE if (several := tuple(
            self._card(entry, anchor) for entry, anchor in named if entry.verdict == verdict)))
        return Version(judged, cards, head, rows, number - len(rows), others)

    def _card(self, entry: Entry, anchor: str) -> Card:
        listed = entry.results[:LISTED] if entry.verdict not in FINE else ()
        why = [reasons(result) for result in listed]
        every = {one.found for one in why}
        same = why[0].found if len(why) > 1 and len(every) == 1 else ()
        files = {place_of(result).file for result in listed if place_of(result).row is not None}
        file = files.pop() if len(files) == 1 and all(place_of(one).row is not None for one in listed) else ""
        rows = tuple(Row(self.ids.get(id(result), ""), result, self._whom(result), place_of(result),
                         () if same else one.found[:None if number < STAND_OPEN else 1])
                     for number, (result, one) in enumerate(zip(listed, why, strict=True)))
        shown = () if entry.missing else why[:STAND_OPEN]
        judged = max(total(self.report, entry.first), entry.number)
        params = {name: value for result in listed for name, value in result.params.items()}
        many = how_many(self.report, entry) if judged > 1 and not entry.missing else None
        return Card(anchor, entry, many, same, file, rows[:STAND_OPEN], rows[STAND_OPEN:], entry.number - len(listed),
                    tuple(dict.fromkeys(said for one in shown for said in one.required)),
                    tuple(Said("param", one) for one in params.items()))

    def _whom(self, result: Result) -> str:
        """Whom a row is about: keys, and of which service where there are several and the place does not say it."""
        named = self.several and place_of(result).file != result.service
        return ", ".join(filter(None, (clean(result.service) if named else "", keys_text(result))))

    def groups(self, card: Card) -> list[Group]:
        """The rules of an entry that speaks of several, each with its number of results."""
        found: dict[str, list[Result]] = {}
        for result in card.entry.results:
            found.setdefault(result.rule, []).append(result)
        return [Group(self.ids[id(results[0])], results[0], len(results)) for results in found.values()]

    def lost(self, card: Card) -> Said | None:
        """The first thing that is missing of an undecided rule."""
        return next(iter(card.same or card.rows[0].found), None)

    def places(self, card: Card) -> list[Place]:
        """Where what several rules miss would stand."""
        return list(dict.fromkeys(line.place for result in card.entry.results for line in result.missing if line.place))
