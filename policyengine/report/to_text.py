"""A report as text for people: what is wrong and where the law says so, the evidence, what to do.

In come a `Report`, a function that colours and the width of the page; out comes the text, the same for the same report.
Colours only repeat what a word says. Labels are English or Chinese; titles of rules, evidence and fixes stay as the
policy has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from policyengine.base.diagnostic import shorten
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.report.entries import (
    Entry,
    by_version,
    clean,
    due,
    entries,
    in_time,
    keys_text,
    near,
    place_of,
    reasons,
    total,
)
from policyengine.report.layout import columns, pad, wrap
from policyengine.report.model import Judged, Report, Result

Paint = Callable[[str, str], str]

INDENT = 11
MAX_NAME = 48  # columns of a rule's name in the first line, and of them those that push the place to the right
NAMES = 40
TO_DO = (26, 12, 29, 18)  # columns of due date, whom, rule and articles in the list of open duties; longer ones push
MAX_RULES = 60  # names listed when one missing fact leaves very many rules undecided

COLOURS: dict[Verdict, str] = {"violated": "bad", "undecided": "open", "pending": "note", "exempt": "faint",
                               "satisfied": "good", "not_applicable": "faint"}

# What each label is in the two languages. `{}` are numbers and names.
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "violated": "violated", "undecided": "undecided", "pending": "pending", "exempt": "exempt",
        "satisfied": "satisfied", "not_applicable": "not applicable", "n/a": "n/a",
        "head": "{} {} ({}), as of {}", "warning": " (warning)", "info": " (info)",
        "moment": "1 moment", "moments": "{} of {} moments", "keyed": "{} of {} moments, {} {}s",
        "services": "{} of {} services", "more": "and {} more (--max-findings)", "also": "and {} (--max-findings)",
       
        "rules undecided": "{} rules undecided: {}", "rules moments": "{} rules undecided at {} moments: {}",
         "open": "{} open; {} {}, the first for {}",
        "open one": "1 open; {} for {}", "open bare": "{} open", "at least": "at least {}",
        "pending more": "and {} more (--pending)",
        "to do": "{} open duties, by due date", "to do one": "1 open duty", "no due": "no date",
        "to do until": "{} open duties due by {}, by due date", "to do until one": "1 open duty due by {}",
        "to do none": "no open duty is due by {}", "later": "; {} later",
        "provisional": " (provisional)",
        "fix": "fix: {}", "cites": "cites {}", "param": "{} = {}", "at": "at {}", "tie": "rests on the order of events "
        "of one instant", "note": "note: {}", "comma": ", ", "stop": ".",
        "rules": "{} rules", "rule": "1 rule", "no trigger": "{} without a trigger", "count": "{} {}",
        "inputs": "{} service{}, {} event{}.", "colon": ": ", "nothing": "nothing to report",
    },
    "zh": {
        "violated": "违反", "undecided": "未定", "pending": "待履行", "exempt": "豁免", "satisfied": "符合",
        "not_applicable": "不适用", "n/a": "不适用",
        "head": "{} {}（{}），截至 {}", "warning": "（警告）", "info": "（提示）",
        "moment": "1 个时刻", "moments": "{} / {} 个时刻", "keyed": "{} / {} 个时刻，{} 个 {}",
        "services": "{} / {} 项服务", "more": "另有 {} 项（--max-findings）",
        "also": "另有 {}（--max-findings）",
        "rules undecided": "{} 条规则未定：{}", "rules moments": "{} 条规则在 {} 个时刻未定：{}",
         "open": "{} 项待履行；{} 项{}，最先为 {}",
        "open one": "1 项待履行；{}，{}", "open bare": "{} 项待履行", "at least": "至少 {}",
        "pending more": "另有 {} 项（--pending）",
        "to do": "{} 项待履行，按期限排列", "to do one": "1 项待履行", "no due": "无期限", "provisional": "（暂定）",
        "to do until": "期限不晚于 {1}：{0} 项待履行，按期限排列", "to do until one": "期限不晚于 {}：1 项待履行",
        "to do none": "期限不晚于 {}：无待履行事项", "later": "；另有 {} 项期限更晚",
        "fix": "整改：{}", "cites": "依据 {}", "param": "{} = {}", "at": "于 {}",
        "tie": "结论取决于同一时刻事件的先后顺序",
        "note": "注：{}", "comma": "，", "stop": "。",
        "rules": "{} 条规则", "rule": "1 条规则", "no trigger": "{} 未触发", "count": "{} {}",
        "inputs": "{0} 项服务，{2} 个事件。", "colon": "：", "nothing": "无需报告",
    },
}

# How the standing sentences of a report read in Chinese; what is not here stays as it is.
IN_CHINESE: tuple[tuple[str, str], ...] = (
    (r"in force since (\S+)", r"自 \1 起施行"),
    (r"in force from (\S+) to (\S+)", r"自 \1 至 \2 施行"),
    (r"not in force until (\S+)", r"尚未施行，自 \1 起施行"),
    (r"a draft, never in force", "草案，未施行"),
    (r"always", "一直适用"),
    (r"the end of (\S+)", r"\1 日终"),
    (r"due by the end of (\S+)", r"期限 \1 日终"),
    (r"due by (\S+ \S+ \S+)", r"期限 \1"),
    (r"(\S+) rules? saw no trigger", r"\1 条规则未触发"),
    (r"(\S+) rules? saw no trigger; history assumed complete", r"\1 条规则未触发；假定事件记录完整"),
    (r"(\S+) events? lies? outside the time any version is in force, not judged",
     r"\1 个事件不在任何版本的施行期间，未作判断"),
    (r"(\S+) events? lies? after the instant of judgement, not read", r"\1 个事件晚于判断时刻，未读取"),
    (r"the events are judged as of the last of them, the facts as of (.+)",
     r"事件截至其中最后一个作判断，事实截至 \1 作判断"),
    (r"the last event is ahead of the clock, at (.+): what was due by then counts as missed; `--as-of` says another "
     "instant", r"最后一个事件的时间 \1 晚于当前时间，届时到期者按逾期计；可用 `--as-of` 另定时刻"),
    (r"(`.+`) asks for (.+), which no column can answer; the evaluator judged it row by row",
     r"\1 所问（\2）无法按列计算，已由参考求值器逐行判断"),
    (r"(\S+) of (\S+) results are listed, the earliest of each rule; counts are of all",
     r"\2 项结果中列出 \1 项，为各规则最早者；计数包含全部"),
    (r"of the open duties of (`.+`) that are not listed some may be due in that time; .+",
     r"\1 未列出的待履行事项中，可能也有在此期间到期者；用更大的 `--max-findings` 可列出"),
    (r"(\S+) verdicts? rests? on the order of events of one instant", r"\1 项结论取决于同一时刻事件的先后顺序"),
    (r"some due times are provisional: .*", "部分期限为暂定：其所含年度的休假安排未列入工作日历"),
    (r"(\S+) rows? repeats? an event's id and counts? once with it", r"\1 行与已有事件编号相同，与其合计一次"),
    (r"(\S+) events? repeats? another exactly; without an id each counts",
     r"\1 个事件与另一事件完全相同；无编号者分别计算"),
)


def plain(text: str, style: str) -> str:
    """A page without colours."""
    return text


def to_text(report: Report, paint: Paint = plain, *, width: int = 100, lang: str = "en", max_findings: int = 3,
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

    def __init__(self, report: Report, paint: Paint, width: int, lang: str, limit: int, pending: bool) -> None:
        self.report = report
        self.paint = paint
        self.width = width
        self.lang = lang
        self.words = WORDS[lang]
        self.limit = limit
        self.pending = pending or report.until is not None
        self.lines: list[str] = []

    def say(self, key: str, *values: object) -> str:
        return self.words[key].format(*values)

    def in_language(self, text: str) -> str:
        if self.lang == "en":
            return text
        if text.endswith(" (provisional)"):
            return self.in_language(text.removesuffix(" (provisional)")) + "（暂定）"
        for pattern, chinese in IN_CHINESE:
            found = re.fullmatch(pattern, text)
            if found:
                return found.expand(chinese)
        return text

    def put(self, text: str, style: str = "", *, indent: int = INDENT, hang: int = 0) -> None:
        """Text of any length, wrapped; the lines after the first are indented further by `hang`."""
        for number, line in enumerate(wrap(clean(text), self.width - indent, hang)):
            inner = " " * (indent + (hang if number else 0))
            self.lines.append(inner + (self.paint(line, style) if style else line))

    # one version

    def version(self, judged: Judged, results: Sequence[Result]) -> None:
        head = self.say("head", judged.regulation, judged.version, self.in_language(judged.in_force),
                        self.in_language(self.report.as_of))
        self.put(head, "strong", indent=0, hang=2)
        title = judged.title_zh if self.lang == "zh" and judged.title_zh else judged.title_en
        self.put(title, indent=0)
        self.lines.append("")
        every = entries(self.report, results)
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
            later = sum(count.later for count in self.report.rules
                        if (count.regulation, count.version) == (judged.regulation, judged.version))
            self.to_do(waiting, later)

    def to_do(self, found: Sequence[Entry], later: int) -> None:
        """The open duties of all rules, the first due first: until when, for whom, which rule, which article; and how
        many are due after the time asked about."""
        rows = [(self.in_language(first.due or self.words["no due"])
                 + (self.words["provisional"] if first.provisional else ""), self.whom(first), self._name(entry),
                 _articles(entry, self.lang))
                for _, _, _, entry, first in sorted(
                    ((in_time(result.due_instant), result.rule, keys_text(result), entry, result)
                     for entry in found for result in entry.results), key=lambda row: row[:3])]
        number = sum(entry.number for entry in found)
        word = self.paint(pad(self.words["pending"], INDENT - 1), COLOURS["pending"]) + " "
        rest = self.say("later", f"{later:,}") if later else ""
        self.lines.append(word + self.to_do_head(number, len(rows)) + rest)
        wide = [min(most, max((columns(row[place]) for row in rows), default=0)) for place, most in enumerate(TO_DO)]
        for row in rows:
            self.put("  ".join(pad(text, width) for text, width in zip(row, wide, strict=True)).rstrip(), hang=2)
        if number > len(rows):
            self.put(self.say("more", f"{number - len(rows):,}"))
        self.lines.append("")

    def to_do_head(self, number: int, listed: int) -> str:
        """How many there are, or how many are due by the time asked about: those that are known to be are listed."""
        if self.report.until is None:
            return self.words["to do one"] if number == 1 else self.say("to do", f"{number:,}")
        text = self.in_language(self.report.until.text)
        if listed < 2:
            return self.say("to do until one" if listed else "to do none", text)
        return self.say("to do until", f"{listed:,}", text)

    def _is_short(self, entry: Entry) -> bool:
        return entry.verdict in ("satisfied", "not_applicable")

    def _name(self, entry: Entry) -> str:
        severity = entry.first.severity
        return shorten(entry.first.rule, MAX_NAME) + ("" if severity == "error" else self.words[severity])

    def entry(self, entry: Entry, articles: int, names: int) -> None:
        label = self.words["n/a" if entry.verdict == "not_applicable" else entry.verdict]
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
        text = self.say("rules moments", f"{len(entry.rules):,}", f"{moments:,}", entry.missing.text) if moments \
            else self.say("rules undecided", f"{len(entry.rules):,}", entry.missing.text)
        self.lines += [word + line if not number else " " * INDENT + line
                       for number, line in enumerate(wrap(clean(text), self.width - INDENT, 0))]
        names = list(map(clean, entry.rules[:MAX_RULES]))
        if len(entry.rules) > MAX_RULES:
            names.append(self.say("more", f"{len(entry.rules) - MAX_RULES:,}").replace(" (--max-findings)", ""))
        self.put(", ".join(names), "faint")
        places = list(dict.fromkeys(str(line.place) for result in entry.results for line in result.missing
                                    if line.place is not None))
        if places:
            self.put(self.some(places), "faint")

    def where(self, entry: Entry) -> str:
        """The right end of the first line: one place, or how many moments or services."""
        results, first, number = entry.results, entry.first, entry.number
        if entry.verdict == "pending":
            return self.open(entry)
        judged = max(total(self.report, first), number)
        if number == 1:
            return clean(str(place_of(first)))
        moments = [result.moment for result in results if result.moment]
        if not moments:
            return self.say("services", f"{number:,}", f"{judged:,}")
        whole = len(results) - len(moments)  # beside them something is said of the service
        number, judged = number - whole, judged - whole
        keys = {tuple(moment.keys.items()) for moment in moments}
        if len(moments[0].keys) == 1 and 1 < len(keys) < len(moments) == number:
            return self.say("keyed", f"{number:,}", f"{judged:,}", f"{len(keys):,}", next(iter(moments[0].keys)))
        return self.say("moments", f"{number:,}", f"{judged:,}")

    def open(self, entry: Entry) -> str:
        timed = [result for result in entry.results if result.due_instant]
        if not timed:
            return self.say("open bare", f"{entry.number:,}")
        earliest = min(timed, key=lambda result: in_time(result.due_instant))
        when, whom = self.in_language(due(earliest)), self.whom(earliest)
        if entry.number == 1:
            return self.say("open one", when, whom)
        alike = sum(1 for result in timed if result.due == earliest.due)
        return self.say("open", f"{entry.number:,}", self.at_least(alike, entry.left_out and alike == len(timed)), when,
                        whom)

    def at_least(self, number: int, unsure: object) -> str:
        return self.say("at least", f"{number:,}") if unsure else f"{number:,}"

    def whom(self, result: Result) -> str:
        """Whom a duty is about; where no key tells, what gave rise to it, of a service that is named if there are
        several."""
        service, moment = clean(result.service), result.moment
        if moment is None or moment.keys:
            return keys_text(result) or service
        when = f"{clean(moment.event)} {self.say('at', moment.time)}".strip()
        return when if len(self.report.services) == 1 else f"{service}{self.words['colon']}{when}"

    # what was found

    def services(self, entry: Entry) -> None:
        for result in entry.results[:self.limit]:
            why = reasons(result)
            for text in why.found:
                self.put(text if entry.number == 1 else f"{place_of(result)}{self.words['colon']}{text}", hang=2)
        names = [clean(result.service) for result in entry.results[self.limit:]]
        self.more(names, len(names) + entry.left_out)

    def moments(self, entry: Entry) -> None:
        alone = entry.number == 1
        if not alone and self.same_reason(entry):
            return
        for result in entry.results[:self.limit]:
            moment = result.moment
            if moment is None:
                self.put(f"{place_of(result)}{self.words['colon']}{'; '.join(reasons(result).found)}", hang=2)
                continue
            when = f"{moment.event} {self.say('at', moment.time)}" if moment.event else moment.time
            head = when + ("" if alone else f" ({place_of(result)})")
            found = [near(text, moment.time) for text in reasons(result).found]
            who = keys_text(result)
            text = "; ".join([head, *found, *([self.words["tie"]] if result.tie else [])])
            self.put(f"{who}{self.words['colon']}{text}" if who else text, hang=2)
        whom = [keys_text(result) or (result.moment.time if result.moment else clean(result.service))
                for result in entry.results[self.limit:]]
        self.more(list(dict.fromkeys(whom)), len(whom) + entry.left_out)

    def same_reason(self, entry: Entry) -> bool:
        """What many undecided moments all miss is said once, and then for whom."""
        said = {reasons(result).found for result in entry.results}
        if entry.verdict != "undecided" or entry.left_out or len(said) > 1:
            return False
        for text in next(iter(said)):
            self.put(text, hang=2)
        whom = dict.fromkeys(f"{keys_text(result) or result.service} ({place_of(result)})" for result in entry.results)
        self.put(self.some(list(whom)), hang=2)
        return True

    def due_dates(self, entry: Entry) -> None:
        """The next due dates, each with those it is for."""
        timed = sorted((result for result in entry.results if result.due),
                       key=lambda result: (in_time(result.due_instant), keys_text(result)))
        if entry.number > 1:
            dates: dict[str, list[Result]] = {}
            for result in timed:
                dates.setdefault(due(result), []).append(result)
            shown = list(dates.items())[:self.limit]
            for when, results in shown:
                kept = [self.whom(result) for result in results[:self.limit]]
                if moment := results[0].moment:
                    kept[1:] = [near(text, moment.time) for text in kept[1:]]
                text = f"{self.in_language(when)}{self.words['colon']}{', '.join(kept)}"
                if len(results) > len(kept):  # of those that are left out some may be due like the last
                    text += " " + self.say("pending more", self.at_least(
                        len(results) - len(kept), entry.left_out and results[-1] is timed[-1]))
                self.put(text, hang=2)
            rest = sum(len(results) for results in dates.values()) - sum(len(results) for _, results in shown)
            rest += entry.left_out
            if rest:
                self.put(self.say("pending more", f"{rest:,}"))
        elif entry.results[0].moment is not None:
            moment = entry.results[0].moment
            self.put(f"{clean(moment.event)} {self.say('at', moment.time)}, {place_of(entry.results[0])}".strip(),
                     hang=2)
        self.params(entry)

    def duty(self, entry: Entry) -> None:
        """What the law wants, by which numbers, and what to do."""
        first = entry.first
        for text in dict.fromkeys(text for result in entry.results[:self.limit] for text in reasons(result).required):
            self.put(text, hang=2)
        if first.title:
            self.put(clean(first.title).rstrip(".") + ".")
        self.params(entry)
        whole = ", ".join(_cited(first.citations, self.lang))
        if _articles(entry, self.lang) != whole:
            self.put(self.say("cites", whole), hang=2)
        if first.fix:
            self.put(self.say("fix", clean(first.fix)), "help", hang=2)

    def params(self, entry: Entry) -> None:
        used = {name: value for result in entry.results for name, value in result.params.items()}
        if used:
            self.put(self.words["comma"].join(self.say("param", name, value) for name, value in used.items()), hang=2)

    def more(self, names: Sequence[str], number: int | None = None) -> None:
        rest = len(names) if number is None else number
        if not rest:
            return
        shown = list(names[:2])
        if rest > len(shown):
            self.put(", ".join(shown) + " " + self.say("more", f"{rest - len(shown):,}"))
        else:
            self.put(self.say("also", ", ".join(shown)))

    def some(self, names: Sequence[str]) -> str:
        shown = list(map(clean, names[:self.limit]))
        rest = len(names) - len(shown)
        return ", ".join(shown) + (" " + self.say("more", f"{rest:,}") if rest else "")

    # the end

    def closing(self) -> None:
        report, rules = self.report, len(self.report.rules)
        counts = [self.say("count", f"{report.counts[verdict]:,}", self.words[verdict]) for verdict in VERDICTS
                  if report.counts.get(verdict)]
        silent = sum(1 for count in report.rules if count.worst is None)
        if silent:
            counts.append(self.say("no trigger", f"{silent:,}"))
        inputs = self.say("inputs", f"{len(report.services):,}", "" if len(report.services) == 1 else "s",
                          f"{report.events:,}", "" if report.events == 1 else "s")
        head = self.words["rule"] if rules == 1 else self.say("rules", f"{rules:,}")
        text = head + self.words["colon"] + (self.words["comma"].join(counts) or self.words["nothing"])
        self.put(text + self.words["stop"] + (" " if self.lang == "en" else "") + inputs, "strong", indent=0, hang=2)
        for note in report.notes:
            self.put(self.say("note", self.in_language(note)), indent=0, hang=2)
        said = [judged.confidence_zh if self.lang == "zh" and judged.confidence_zh else judged.confidence_en
                for judged in report.judged]
        for text in dict.fromkeys(filter(None, said)):
            self.put(text, "faint", indent=0)


_ARTICLE = re.compile(r"Art\. (\d+)(?:\((\d+)\))?(?:\((\d+)\))?")


def _cited(citations: Sequence[str], lang: str) -> list[str]:
    """`Art. 8(1)(2)` is article 8, paragraph 1, item 2: `第8条第1款第2项`."""
    def chinese(found: re.Match[str]) -> str:
        return "".join(f"第{number}{unit}" for number, unit in zip(found.groups(), "条款项", strict=True) if number)
    return [_ARTICLE.sub(chinese, clean(one)) if lang == "zh" else clean(one) for one in citations]


def _articles(entry: Entry, lang: str) -> str:
    """The articles cited, or the first and how many more."""
    cited = _cited(entry.first.citations, lang)
    whole = ", ".join(cited)
    if columns(whole) <= 24:
        return whole
    return shorten(cited[0], 24) + (f" +{len(cited) - 1}" if cited[1:] else "")
