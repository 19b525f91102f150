"""What reports say, in English and Chinese: sentences that are kept as which one it is and what stands in it, and told
in a language where they are laid out.

In come a sentence and a language; out comes text of one line. Names, values, conditions and times stay as they are in
the policy, the service and the trace. Sentences that reports of a diff alone say stand in `diff_words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from policyengine.base.record import record

Lang = Literal["en", "zh"]
LANGUAGES: tuple[Lang, ...] = ("en", "zh")


@record
class Said:
    """A sentence of WORDS, or a part of one, by its key, with the values that stand in it: text as it is, or more that
    is said. With a key of BETWEEN it is its values with that between them; without a key, its one value as it is."""

    key: str
    values: tuple[Said | str, ...] = ()

    def told(self, lang: Lang = "en") -> str:
        """The sentence in a language."""
        values = [one if isinstance(one, str) else one.told(lang) for one in self.values]
        if not self.key:
            return values[0]
        language = LANGUAGES.index(lang)
        between = BETWEEN.get(self.key)
        return WORDS[self.key][language].format(*values) if between is None else between[language].join(values)


def as_is(text: str) -> Said:
    """What reads the same in every language."""
    return Said("", (text,))


def either(english: str, chinese: str, lang: Lang) -> str:
    """What is written in two languages; the English where there is no Chinese."""
    return chinese if lang == "zh" and chinese else english


_ARTICLE = re.compile(r"Art\. (\d+)(?:\((\d+)\))?(?:\((\d+)\))?")


def citation(text: str) -> Said:
    """What a rule cites: `Art. 8(1)(2)` is article 8, paragraph 1, item 2, `第8条第1款第2项`. Others are as is."""
    found = _ARTICLE.fullmatch(text)
    numbers = [] if found is None else [number for number in found.groups() if number]
    return Said(("article", "paragraph", "item")[len(numbers) - 1], tuple(numbers)) if numbers else as_is(text)


def counted(key: str, number: int, *more: Said | str) -> Said:
    """A sentence about so many, of which there are two in languages that have a plural: `key` and `key many`."""
    return Said(key if number == 1 else f"{key} many", (f"{number:,}", *more))


def joined(key: str, parts: Iterable[Said | str]) -> Said:
    """Several with what BETWEEN says."""
    return Said(key, tuple(parts))


# What stands between several: (English, Chinese).
BETWEEN: dict[str, tuple[str, str]] = {
    "comma": (", ", "，"), "and": (", ", "、"), "or": (" or ", " 或 "), "then": ("; ", "；"),
}

# key -> (English, Chinese). `{}` are values. `x many` is `x` of several.
WORDS: dict[str, tuple[str, str]] = {
    # verdicts and severities
    "violated": ("violated", "违反"), "undecided": ("undecided", "未定"), "pending": ("pending", "待履行"),
    "exempt": ("exempt", "豁免"), "satisfied": ("satisfied", "符合"), "not_applicable": ("not applicable", "不适用"),
    "n/a": ("n/a", "不适用"), "error": ("", ""), "warning": (" (warning)", "（警告）"), "info": (" (info)", "（提示）"),

    # what puts parts together
    "of": ("{}: {}", "{}：{}"), "brackets": ("{} ({})", "{}（{}）"),
    "sentence": ("{}.", "{}。"), "sentences": ("{} {}", "{}{}"),

    # times and places
    "end of day": ("the end of {}", "{} 日终"), "row": ("{} row {}", "{} 第 {} 行"),
    "event at": ("{} at {}", "{1} {0}"), "provisional": ("{} (provisional)", "{}（暂定）"),
    "due": ("due by {}", "期限 {}"),

    # citations
    "article": ("Art. {}", "第{}条"), "paragraph": ("Art. {}({})", "第{}条第{}款"),
    "item": ("Art. {}({})({})", "第{}条第{}款第{}项"),

    # versions
    "in force": ("in force since {}", "自 {} 起施行"), "was in force": ("in force from {} to {}", "自 {} 至 {} 施行"),
    "not yet": ("not in force until {}", "尚未施行，自 {} 起施行"),
    "draft": ("a draft, never in force", "草案，未施行"),
    "always": ("always", "一直适用"), "house": ("house policy over {}", "{}之上的内部规则"),

    # values
    "value unknown": ("unknown", "未知"), "at least": ("at least {}", "至少 {}"),
    "between": ("between {} and {}", "{} 至 {} 之间"), "a record": ("a record", "一条记录"),

    # evidence
    "is": ("{} is {}", "{} 为 {}"), "is at": ("{} is {} at {}", "{} 为 {}（{}）"),
    "not stated": ("{} is not stated", "{} 未填写"), "not stated at": ("{} is not stated at {}", "{} 未填写（{}）"),
    "param": ("{} = {}", "{} = {}"),
    "part true": ("`{}` is true", "`{}` 成立"), "part false": ("`{}` is false", "`{}` 不成立"),
    "part missing": ("`{}` is missing", "`{}` 无法确定"),
    "match": ("{} at {}", "{1} {0}"), "state value": ("{} at {}", "{1} {0}"),
    "state start": ("began {} at {}", "始于 {1} 的 {0}"), "state end": ("ended {} at {}", "止于 {1} 的 {0}"),
    "latest": ("latest {} at {}", "最近一次为 {1} 的 {0}"), "counted": ("counted {} at {}", "计入 {1} 的 {0}"),
    "more match": ("{} earlier {}", "此前另有 {} 个 {}"), "more state value": ("{} earlier {}", "此前另有 {} 个 {}"),
    "more state start": ("began {} earlier {}", "此前另有 {} 个起始 {}"),
    "more state end": ("ended {} earlier {}", "此前另有 {} 个终止 {}"),
    "more latest": ("latest {} earlier {}", "此前另有 {} 个 {}"),
    "more counted": ("counted {} earlier {}", "此前另计入 {} 个 {}"),
    "none before": ("no {} before", "此前无 {}"), "none since": ("no {} since {}", "自 {1} 起无 {0}"),
    "none before time": ("no {} before {}", "{1} 前无 {0}"), "none at": ("no {} at {}", "{1} 无 {0}"),
    "none between": ("no {} from {} to {}", "{1} 至 {2} 无 {0}"),
    "none in time": ("no {} by {}, a deadline that had passed already at {}", "{1} 前无 {0}，而该期限在 {2} 时已过"),

    # what was missing
    "missing": ("`{}` is missing", "缺少 `{}`"), "are missing": ("{} and `{}` are missing", "缺少 {} 和 `{}`"),
    "listed": ("`{}`", "`{}`"),
    "state unknown": ("{} unknown: no {} before the moment", "{} 未知：该时刻之前无 {}"),
    "not emitted": ("no source emits `{}`", "没有来源记录 `{}`"),
    "incomplete": ("`{}` is complete only since {}", "`{}` 的记录自 {} 起才完整"),
    "divides": ("`{}` divides by zero", "`{}` 以零为除数"), "not known": ("{} is not known", "{} 未知"),

    # what is wanted: as the policy writes it, and of the value that was found
    "must": ("must {}", "须满足：{}"), "must not": ("must not {}", "不得：{}"),
    "never": ("must not happen", "不得发生"),
    "exempt under": ("{} under {}", "{}（依据：{}）"),
    "be": ("must be {}", "须为 {}"), "not be": ("must not be {}", "不得为 {}"),
    "state": ("must be stated", "须填写"), "not state": ("must not be stated", "不得填写"),
    "less": ("must be less than {}", "须小于 {}"), "not less": ("must not be less than {}", "不得小于 {}"),
    "at most": ("must be at most {}", "不得大于 {}"), "not at most": ("must not be at most {}", "须大于 {}"),
    "more than": ("must be more than {}", "须大于 {}"), "not more than": ("must not be more than {}", "不得大于 {}"),
    "least": ("must be at least {}", "不得小于 {}"), "not least": ("must not be at least {}", "须小于 {}"),
    "one of": ("must be one of {}", "须为下列之一：{}"),
    "not one of": ("must not be one of {}", "不得为下列任何一项：{}"),
    "contain": ("must contain {}", "须包含 {}"), "not contain": ("must not contain {}", "不得包含 {}"),
    "contain all": ("must contain all of {}", "须全部包含：{}"),
    "not contain all": ("must not contain all of {}", "不得全部包含：{}"),
    "contain none": ("must contain none of {}", "不得包含下列任何一项：{}"),
    "not contain none": ("must not contain none of {}", "须至少包含下列之一：{}"),
    "matching": ("must match {}", "须匹配 {}"), "not matching": ("must not match {}", "不得匹配 {}"),
    "lacks": ("lacks {}", "缺少 {}"),

    # the page
    "head": ("{} {} ({}), as of {}", "{} {}（{}），截至 {}"),
    "moment": ("1 moment", "1 个时刻"), "moments": ("{} of {} moments", "{} / {} 个时刻"),
    "keyed": ("{} of {} moments, {} {}s", "{} / {} 个时刻，{} 个 {}"),
    "services": ("{} of {} services", "{} / {} 项服务"),
    "more": ("and {} more (--max-findings)", "另有 {} 项（--max-findings）"),
    "more rules": ("and {} more", "另有 {} 项"),
    "also": ("and {} (--max-findings)", "另有 {}（--max-findings）"),
    "names and": ("{} {}", "{}，{}"), "pending more": ("and {} more (--pending)", "另有 {} 项（--pending）"),
    "rules undecided": ("{} rules undecided: {}", "{} 条规则未定：{}"),
    "rules moments": ("{} rules undecided at {} moments: {}", "{} 条规则在 {} 个时刻未定：{}"),
    "open": ("{} open; {} {}, the first for {}", "{} 项待履行；{} 项{}，最先为 {}"),
    "open one": ("1 open; {} for {}", "1 项待履行；{}，{}"), "open bare": ("{} open", "{} 项待履行"),
    "to do": ("1 open duty", "1 项待履行"), "to do many": ("{} open duties, by due date", "{} 项待履行，按期限排列"),
    "to do until": ("1 open duty due by {1}", "期限不晚于 {1}：1 项待履行"),
    "to do until many": ("{} open duties due by {}, by due date", "期限不晚于 {1}：{0} 项待履行，按期限排列"),
    "to do none": ("no open duty is due by {}", "期限不晚于 {}：无待履行事项"),
    "no due": ("no date", "无期限"), "later": ("{}; {} later", "{}；另有 {} 项期限更晚"),
    "fix": ("fix: {}", "整改：{}"), "cites": ("cites {}", "依据：{}"), "note": ("note: {}", "注：{}"),
    "tie": ("rests on the order of events of one instant", "结论取决于同一时刻事件的先后顺序"),
    "rules": ("1 rule", "1 条规则"), "rules many": ("{} rules", "{} 条规则"),
    "no trigger": ("{} without a trigger", "{} 未触发"), "count": ("{} {}", "{} {}"),
    "inputs": ("{}, {}.", "{}，{}。"),
    "service": ("{} service", "{} 项服务"), "service many": ("{} services", "{} 项服务"),
    "event": ("{} event", "{} 个事件"), "event many": ("{} events", "{} 个事件"),
    "nothing": ("nothing to report", "无需报告"),

    # notes
    "silent": ("{} rule saw no trigger", "{} 条规则未触发"),
    "silent many": ("{} rules saw no trigger", "{} 条规则未触发"),
    "assumed": ("{}; history assumed complete", "{}；假定事件记录完整"),
    "outside": ("{} event lies outside the time any version is in force, not judged",
                "{} 个事件不在任何版本的施行期间，未作判断"),
    "outside many": ("{} events lie outside the time any version is in force, not judged",
                     "{} 个事件不在任何版本的施行期间，未作判断"),
    "after": ("{} event lies after the instant of judgement, not read", "{} 个事件晚于判断时刻，未读取"),
    "after many": ("{} events lie after the instant of judgement, not read", "{} 个事件晚于判断时刻，未读取"),
    "same id": ("{} row repeats an event's id and counts once with it", "{} 行与已有事件编号相同，与其合计一次"),
    "same id many": ("{} rows repeat an event's id and count once with it", "{} 行与已有事件编号相同，与其合计一次"),
    "repeats": ("{} event repeats another exactly; without an id each counts",
                "{} 个事件与另一事件完全相同；无编号者分别计算"),
    "repeats many": ("{} events repeat another exactly; without an id each counts",
                     "{} 个事件与另一事件完全相同；无编号者分别计算"),
    "two instants": ("the events are judged as of the last of them, the facts as of {}",
                     "事件截至其中最后一个作判断，事实截至 {} 作判断"),
    "ahead": ("the last event is ahead of the clock, at {}: what was due by then counts as missed; `--as-of` says "
              "another instant", "最后一个事件的时间 {} 晚于当前时间，届时到期者按逾期计；可用 `--as-of` 另定时刻"),
    "gap": ("`{}` asks for {}, which no column can answer; the evaluator judged it row by row",
            "`{}` 所问（{}）无法按列计算，已由参考求值器逐行判断"),
    "results listed": ("{} of {} results are listed, the earliest of each rule; counts are of all",
                       "{1} 项结果中列出 {0} 项，为各规则最早者；计数包含全部"),
    "unsorted": ("of the open duties of `{}` that are not listed some may be due in that time; a larger "
                 "`--max-findings` lists them",
                 "`{}` 未列出的待履行事项中，可能也有在此期间到期者；用更大的 `--max-findings` 可列出"),
    "ties": ("{} verdict rests on the order of events of one instant", "{} 项结论取决于同一时刻事件的先后顺序"),
    "ties many": ("{} verdicts rest on the order of events of one instant", "{} 项结论取决于同一时刻事件的先后顺序"),
    "some provisional": ("some due times are provisional: they count working days of a year whose days off the "
                         "calendar does not list", "部分期限为暂定：其所含年度的休假安排未列入工作日历"),
}
