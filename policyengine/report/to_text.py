"""A report as text for people: what is wrong and where the law says so, the evidence, what to do.

In come a `Report`, a function that colours and the width of the page; out comes the text, the same for the same report.
Colours only repeat what a word says. It is in English or Chinese; what a policy says in one language alone stays in
that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from policyengine.base.diagnostic import shorten
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.report.entries import (
    NAMED,
    Entry,
    by_version,
    clean,
    due,
    due_date,
    duties,
    duties_head,
    entries,
    how_many,
    in_time,
    keys_text,
    later_of,
    near,
    place_of,
    reasons,
    whom,
)
from policyengine.report.layout import columns, pad, wrap
from policyengine.report.model import Judged, Place, Report, Result
from policyengine.report.words import Lang, Said, citation, counted, either, joined

Paint = Callable[[str, str], str]

INDENT = 11
MAX_NAME = 48  # columns of a rule's name in the first line, and of them those that push the place to the right
NAMES = 40
TO_DO = (26, 12, 29, 18)  # columns of due date, whom, rule and articles in the list of open duties; longer ones push
MAX_RULES = 60  # names listed when one missing fact leaves very many rules undecided

COLOURS: dict[Verdict, str] = {"violated": "bad", "undecided": "open", "pending": "note", "exempt": "faint",
                               "satisfied": "good", "not_applicable": "faint"}


def plain(text: str, style: str) -> str:
    """A page without colours."""
    return text


def to_text(report: Report, paint: Paint = plain, *, width: int = 100, lang: Lang = "en", max_findings: int = 3,
            pending: bool = False) -> str:
    """The whole report, with a line end. `max_findings` limits the moments or services shown of one rule; `pending`
    lists every open duty of all rules by its due date, whatever that limit, as a report until some time always does."""
    page = _Page(report, paint, width, lang, max(1, max_findings), pending)
    for judged, results in zip(report.judged, by_version(report), strict=True):
        page.version(judged, results)
    page.closing()
    return "\n".join(page.lines) + "\n"


class _Page:
    """The lines written so far, and how they are laid out."""

    def __init__(self, report: Report, paint: Paint, width: int, lang: Lang, limit: int, pending: bool) -> None:
        self.report = report
        self.paint = paint
        self.width = width
        self.lang = lang
        self.limit = limit
        self.pending = pending or report.until is not None
        self.lines: list[str] = []

    def say(self, key: str, *values: Said | str) -> str:
        """A sentence of `words` in the language of the page."""
        return Said(key, values).told(self.lang)

    def told(self, said: Said) -> str:
        return clean(said.told(self.lang))

    def place(self, place: Place) -> str:
        return str(place) if place.row is None else self.say("row", place.file, f"{place.row:,}")

    def put(self, text: str, style: str = "", *, indent: int = INDENT, hang: int = 0) -> None:
        """Text of any length, wrapped; the lines after the first are indented further by `hang`."""
        for number, line in enumerate(wrap(clean(text), self.width - indent, hang)):
            inner = " " * (indent + (hang if number else 0))
            self.lines.append(inner + (self.paint(line, style) if style else line))

    # one version

    def version(self, judged: Judged, results: Sequence[Result]) -> None:
        head = self.say("head", judged.regulation, judged.version, judged.in_force, self.report.as_of)
        self.put(head, "strong", indent=0, hang=2)
        self.put(either(judged.title_en, judged.title_zh, self.lang), indent=0)
        self.lines.append("")
        every = [self.shortened(entry) for entry in entries(self.report, results)]
        listed = "pending" if self.pending else None  # of all rules together, below the others
        found = [entry for entry in every if entry.verdict != listed]
        own = [entry for entry in found if entry.missing is None]
        articles = min(16, max((columns(_articles(entry, self.lang)) for entry in own), default=0))
        names = min(NAMES, max((columns(self._name(entry)) for entry in own), default=0))
        short = False  # entries of one line each stand together
        for entry in found:
            if short and not self._is_short(entry):
                self.lines.append("")
            self.entry(entry, articles, names)
            short = self._is_short(entry)
            if not short:
                self.lines.append("")
        if short:
            self.lines.append("")
        waiting = [entry for entry in every if entry.verdict == listed]
        if waiting or self.report.until is not None:
            self.to_do(waiting, later_of(self.report, judged))

    def shortened(self, entry: Entry) -> Entry:
        """An entry of which a long report leaves out some, so that it reads the same whatever other formats list."""
        if entry.verdict == "pending" or not entry.left_out:
            return entry
        return replace(entry, results=entry.results[:self.limit + NAMED])

    def to_do(self, found: Sequence[Entry], later: int) -> None:
        """The open duties of all rules, the first due first: until when, for whom, which rule, which article; and how
        many are due after the time asked about."""
        rows = [(self.told(due_date(first)), self.whom(first), self._name(entry), _articles(entry, self.lang))
                for entry, first in duties(found)]
        number = sum(entry.number for entry in found)
        word = self.paint(pad(self.say("pending"), INDENT - 1), COLOURS["pending"]) + " "
        self.lines.append(word + duties_head(self.report, number, len(rows), later).told(self.lang))
        wide = [min(most, max((columns(row[place]) for row in rows), default=0)) for place, most in enumerate(TO_DO)]
        for row in rows:
            self.put("  ".join(pad(text, width) for text, width in zip(row, wide, strict=True)).rstrip(), hang=2)
        if number > len(rows):
            self.put(self.say("more", f"{number - len(rows):,}"))
        self.lines.append("")

    def _is_short(self, entry: Entry) -> bool:
        return entry.verdict in ("satisfied", "not_applicable")

    def _name(self, entry: Entry) -> str:
        severity = entry.first.severity
        return shorten(entry.first.rule, MAX_NAME) + self.say(severity)

    def entry(self, entry: Entry, articles: int, names: int) -> None:
        label = self.say("n/a" if entry.verdict == "not_applicable" else entry.verdict)
        word = self.paint(pad(label, INDENT - 1), COLOURS[entry.verdict]) + " "
        if entry.missing is not None:
            self.shared(entry, word)
            return
        self.first_line(word, _articles(entry, self.lang), articles, self._name(entry), names, self.where(entry))
        if self._is_short(entry):
            return
        if entry.verdict == "pending":
            self.due_dates(entry)
        elif any(result.moment for result in entry.results):
            self.moments(entry)
        else:
            self.services(entry)
        if entry.verdict == "violated":
            self.duty(entry)

    def first_line(self, word: str, article: str, articles: int, name: str, names: int, where: str) -> None:
        text = f"{pad(article, articles)}  {name}"
        gap = max(2, articles + 2 + names + 2 - columns(text))
        free = self.width - INDENT - columns(text) - columns(where)
        if free >= 2:
            gap = min(gap, free)
            self.lines.append((word + self.strong_name(text, name) + " " * gap + where).rstrip())
        else:
            self.lines.append(word + self.strong_name(text, name))
            self.put(where)

    def strong_name(self, text: str, name: str) -> str:
        return text[: len(text) - len(name)] + self.paint(name, "strong")

    def shared(self, entry: Entry, word: str) -> None:
        """Several rules that miss the same thing: said once, with their names."""
        assert entry.missing is not None
        moments = sum(1 for result in entry.results if result.moment is not None)
        text = self.say("rules moments", f"{len(entry.rules):,}", f"{moments:,}", entry.missing.said) if moments \
            else self.say("rules undecided", f"{len(entry.rules):,}", entry.missing.said)
        self.lines += [word + line if not number else " " * INDENT + line
                       for number, line in enumerate(wrap(clean(text), self.width - INDENT, 0))]
        names = list(map(clean, entry.rules[:MAX_RULES]))
        if len(entry.rules) > MAX_RULES:
            names.append(self.say("more rules", f"{len(entry.rules) - MAX_RULES:,}"))
        self.put(", ".join(names), "faint")
        places = list(dict.fromkeys(self.place(line.place) for result in entry.results for line in result.missing
                                    if line.place is not None))
        if places:
            self.put(self.some(places), "faint")

    def where(self, entry: Entry) -> str:
        """The right end of the first line: one place, or how many moments or services."""
        if entry.verdict == "pending":
            return self.open(entry)
        if entry.number == 1:
            return clean(self.place(place_of(entry.first)))
        return how_many(self.report, entry).told(self.lang)

    def open(self, entry: Entry) -> str:
        timed = [result for result in entry.results if result.due_instant]
        if not timed:
            return self.say("open bare", f"{entry.number:,}")
        earliest = min(timed, key=lambda result: in_time(result.due_instant))
        when, whom = self.told(due(earliest)), self.whom(earliest)
        if entry.number == 1:
            return self.say("open one", when, whom)
        alike = sum(1 for result in timed if result.due == earliest.due)
        return self.say("open", f"{entry.number:,}", self.at_least(alike, entry.left_out and alike == len(timed)), when,
                        whom)

    def at_least(self, number: int, unsure: object) -> str:
        return self.say("at least", f"{number:,}") if unsure else f"{number:,}"

    def whom(self, result: Result) -> str:
        return self.told(whom(self.report, result))

    # what was found

    def services(self, entry: Entry) -> None:
        for result in entry.results[:self.limit]:
            for said in reasons(result).found:
                self.put(self.told(said if entry.number == 1 else Said("of", (self.place(place_of(result)), said))),
                         hang=2)
        names = [clean(result.service) for result in entry.results[self.limit:]]
        self.more(names, len(names) + entry.left_out)

    def moments(self, entry: Entry) -> None:
        alone = entry.number == 1
        if not alone and self.same_reason(entry):
            return
        for result in entry.results[:self.limit]:
            moment = result.moment
            if moment is None:
                self.put(self.say("of", self.place(place_of(result)), reasons(result).sentence(self.lang)), hang=2)
                continue
            head = self.say("event at", moment.event, moment.time) if moment.event else moment.time
            if not alone:
                head = self.say("brackets", head, self.place(place_of(result)))
            found = [near(self.told(said), moment.time) for said in reasons(result).found]
            who, tie = keys_text(result), (Said("tie"),) if result.tie else ()
            every = joined("then", (head, *found, *tie))
            self.put(self.told(Said("of", (who, every)) if who else every), hang=2)
        whom = [keys_text(result) or (result.moment.time if result.moment else clean(result.service))
                for result in entry.results[self.limit:]]
        self.more(list(dict.fromkeys(whom)), len(whom) + entry.left_out)

    def same_reason(self, entry: Entry) -> bool:
        """What many undecided moments all miss is said once, and then for whom."""
        said = {reasons(result).found for result in entry.results}
        if entry.verdict != "undecided" or entry.left_out or len(said) > 1:
            return False
        for one in next(iter(said)):
            self.put(self.told(one), hang=2)
        whom = dict.fromkeys(self.say("brackets", keys_text(result) or result.service, self.place(place_of(result)))
                             for result in entry.results)
        self.put(self.some(list(whom)), hang=2)
        return True

    def due_dates(self, entry: Entry) -> None:
        """The next due dates, each with those it is for."""
        timed = sorted((result for result in entry.results if result.due),
                       key=lambda result: (in_time(result.due_instant), keys_text(result)))
        if entry.number > 1:
            dates: dict[Said, list[Result]] = {}
            for result in timed:
                dates.setdefault(due(result), []).append(result)
            shown = list(dates.items())[:self.limit]
            for when, results in shown:
                kept = [self.whom(result) for result in results[:self.limit]]
                if moment := results[0].moment:
                    kept[1:] = [near(text, moment.time) for text in kept[1:]]
                text = self.say("of", when, joined("and", kept))
                if len(results) > len(kept):  # of those that are left out some may be due like the last
                    left = self.at_least(len(results) - len(kept), entry.left_out and results[-1] is timed[-1])
                    text = self.say("names and", text, Said("pending more", (left,)))
                self.put(text, hang=2)
            rest = sum(len(results) for results in dates.values()) - sum(len(results) for _, results in shown)
            rest += entry.left_out
            if rest:
                self.put(self.say("pending more", f"{rest:,}"))
        elif entry.results[0].moment is not None:
            moment = entry.results[0].moment
            arose = self.say("event at", moment.event, moment.time).strip()
            self.put(self.say("comma", arose, self.place(place_of(entry.results[0]))), hang=2)
        self.params(entry)

    def duty(self, entry: Entry) -> None:
        """What the law wants, by which numbers, and what to do."""
        first = entry.first
        for said in dict.fromkeys(said for result in entry.results[:self.limit] for said in reasons(result).required):
            self.put(self.told(said), hang=2)
        if title := either(first.title, first.title_zh, self.lang).rstrip(".。"):
            self.put(Said("sentence", (title,)).told(self.lang if first.title_zh else "en"))
        self.params(entry)
        whole = joined("and", map(citation, first.citations)).told(self.lang)
        if _articles(entry, self.lang) != whole:
            self.put(self.say("cites", whole), hang=2)
        if first.fix:
            self.put(self.say("fix", clean(either(first.fix, first.fix_zh, self.lang))), "help", hang=2)

    def params(self, entry: Entry) -> None:
        used = {name: value for result in entry.results[:self.limit] for name, value in result.params.items()}
        if used:
            self.put(self.told(joined("comma", (Said("param", one) for one in used.items()))), hang=2)

    def more(self, names: Sequence[str], number: int | None = None) -> None:
        rest = len(names) if number is None else number
        if not rest:
            return
        shown = list(names[:2])
        if rest > len(shown):
            self.put(self.with_more(shown, rest - len(shown)))
        else:
            self.put(self.say("also", joined("and", shown)))

    def with_more(self, names: Sequence[str], rest: int) -> str:
        """Some names, and how many more there are."""
        told = joined("and", names).told(self.lang)
        return self.say("names and", told, Said("more", (f"{rest:,}",))) if rest else told

    def some(self, names: Sequence[str]) -> str:
        shown = list(map(clean, names[:self.limit]))
        return self.with_more(shown, len(names) - len(shown))

    # the end

    def closing(self) -> None:
        report, rules = self.report, len(self.report.rules)
        counts = [Said("count", (f"{report.counts[verdict]:,}", Said(verdict))) for verdict in VERDICTS
                  if report.counts.get(verdict)]
        silent = sum(1 for count in report.rules if count.worst is None)
        if silent:
            counts.append(Said("no trigger", (f"{silent:,}",)))
        found = Said("of", (counted("rules", rules), joined("comma", counts) if counts else Said("nothing")))
        inputs = Said("inputs", (counted("service", len(report.services)), counted("event", report.events)))
        self.put(self.say("sentences", Said("sentence", (found,)), inputs), "strong", indent=0, hang=2)
        for note in report.notes:
            self.put(self.say("note", note), indent=0, hang=2)
        said = [either(judged.confidence_en, judged.confidence_zh, self.lang) for judged in report.judged]
        for text in dict.fromkeys(filter(None, said)):
            self.put(text, "faint", indent=0)


def _cited(citations: Sequence[str], lang: Lang) -> list[str]:
    return [clean(citation(one).told(lang)) for one in citations]


def _articles(entry: Entry, lang: Lang) -> str:
    """The articles cited, or the first and how many more."""
    cited = _cited(entry.first.citations, lang)
    whole = joined("and", cited).told(lang)
    if columns(whole) <= 24:
        return whole
    return shorten(cited[0], 24) + (f" +{len(cited) - 1}" if cited[1:] else "")
