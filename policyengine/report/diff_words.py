"""What every format of a diff says, in English and Chinese: labels of kinds, directions and verdicts, and sentences.

In come values of `diff.model` and a language; out comes text of one line without a colour. Names, conditions and words
of the law stay as the diff has them. How a page is laid out, and what it links, is the formats' business.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

from policyengine.base.diagnostic import shorten
from policyengine.core.verdict import Verdict
from policyengine.diff.model import CrossCheck, Diff, Direction, Impact, RuleChange, RuleEdit, TextDiff, Witness
from policyengine.report.words import LANGUAGES, Lang

LONG = 90
"""Columns of a quoted condition in a sentence; a longer one is cut in the middle."""

# group -> word of the model -> (English, Chinese). The order inside a group is the order of plan lines and filters.
LABELS: dict[str, dict[str, tuple[str, str]]] = {
    "kind": {
        "unchanged": ("unchanged", "未变"), "renumbered": ("renumbered", "条号调整"), "moved": ("moved", "移动"),
        "modified": ("modified", "修改"), "split": ("split", "拆分"), "merged": ("merged", "合并"),
        "new": ("new", "新增"), "dropped": ("dropped", "删除"),
    },
    "direction": {
        "stricter": ("stricter", "更严"), "looser": ("looser", "更宽"), "mixed": ("mixed", "有宽有严"),
        "equivalent": ("equivalent", "等效"), "new": ("new", "新增"), "dropped": ("dropped", "删除"),
        "not_analysable": ("not analysable", "无法分析"),
    },
    "verdict": {
        "violated": ("violated", "违反"), "undecided": ("undecided", "未定"), "pending": ("pending", "待履行"),
        "exempt": ("exempt", "豁免"), "satisfied": ("satisfied", "符合"),
        "not_applicable": ("not applicable", "不适用"),
    },
    "highlight": {
        "amount": ("amount", "数额"), "date": ("date", "日期"), "deadline": ("deadline", "期限"),
        "modal": ("modal verb", "情态词"), "negation": ("negation", "否定"), "term": ("defined term", "定义用语"),
        "reference": ("cross-reference", "条文引用"),
    },
    "part": {
        "scope": ("scope", "适用范围"), "trigger": ("trigger", "触发事件"), "when": ("condition", "条件"),
        "must": ("duty", "义务"), "unless": ("exception", "例外"), "deadline": ("deadline", "期限"),
        "param": ("parameter", "参数"), "severity": ("severity", "级别"), "keys": ("judged per", "判断对象"),
        "state": ("state", "状态"), "episode": ("episode", "连续过程"), "title": ("title", "标题"),
        "family": ("family", "类别"), "fix": ("fix", "整改建议"), "citations": ("citations", "条文依据"),
        "title_zh": ("Chinese title", "中文标题"), "fix_zh": ("Chinese fix", "中文整改建议"),
    },
    "check": {
        "text-changed-rule-not": ("text changed, rule did not", "条文已改，规则未改"),
        "rule-changed-text-not": ("rule changed, text did not", "规则已改，条文未改"),
        "number-differs": ("number differs from the text", "数字与条文不符"),
        "cites-changed": ("cites what changed", "所引条文已改"),
        "cites-dropped": ("cites a dropped article", "所引条文已删除"),
        "cites-split": ("cites a split article", "所引条文已拆分"),
        "cites-merged": ("cites a merged article", "所引条文已合并"),
    },
    "proof": {
        "exact": ("exact", "精确"), "bounded": ("bounded", "有界"), "not_analysable": ("not analysable", "无法分析"),
    },
    "impact": {
        "newly_failing": ("newly failing", "新增违反"), "newly_undecided": ("newly undecided", "新增未定"),
        "no_longer_failing": ("no longer failing", "不再违反"), "other": ("other change", "其他变化"),
    },
    "paired": {
        "citation": ("paired by the articles cited", "依所引条文配对"), "name": ("paired by name", "依名称配对"),
        "likeness": ("paired by likeness", "依相似程度配对"), "pin": ("paired by hand", "人工配对"), "": ("", ""),
    },
    "severity": {"error": ("error", "错误"), "warning": ("warning", "警告"), "info": ("info", "提示")},
    "note": {"rewritten": ("rewritten, low confidence", "改写，对应关系不确定"), "": ("", "")},
}

# A sign beside every colour, so that neither a printer nor an eye needs the colour.
SIGNS: dict[str, dict[str, str]] = {
    "kind": {"unchanged": "=", "renumbered": "#", "moved": "↕", "modified": "±", "split": "<", "merged": ">",
             "new": "+", "dropped": "−"},
    "direction": {"stricter": "▲", "looser": "▼", "mixed": "◆", "equivalent": "=", "new": "+", "dropped": "−",
                  "not_analysable": "?"},
    "verdict": {"violated": "✗", "undecided": "?", "pending": "…", "exempt": "○", "satisfied": "✓",
                "not_applicable": "–"},
}

# Sentences; `{}` are values. A pair of English ones is for one and for several.
SAYS: dict[str, tuple[str, str]] = {
    "article": ("{} article", "{} 条"), "article many": ("{} articles", "{} 条"),
    "rule": ("{} rule", "{} 条规则"), "rule many": ("{} rules", "{} 条规则"),
    "service failing": ("{} service newly failing", "{} 项服务新增违反"),
    "service failing many": ("{} services newly failing", "{} 项服务新增违反"),
    "service undecided": ("{} service newly undecided", "{} 项服务新增未定"),
    "service undecided many": ("{} services newly undecided", "{} 项服务新增未定"),
    "no service": ("no service newly failing", "无服务新增违反"),
    "check": ("{} cross-check", "{} 项交叉核对"), "check many": ("{} cross-checks", "{} 项交叉核对"),
    "accepted": ("{} change accepted", "{} 项变化已接受"), "accepted many": ("{} changes accepted", "{} 项变化已接受"),
    "count": ("{1} {0}", "{0} {1}"),
    "list": (": ", "："), "comma": (", ", "，"), "semicolon": ("; ", "；"), "stop": (".", "。"), "gap": (" ", ""),
    "brackets": ("{} ({})", "{}（{}）"),
    "changed": ("{} {} {} {}", "{} {} {} {}"),
    "added": ("{} added: {}", "新增{}：{}"), "removed": ("{} removed: {}", "删除{}：{}"),
    "alone": ("{} {}", "{}：{}"),
    "attribution": ("{} = {}", "{} = {}"),
    "together": ("{}: no edit alone changes a verdict, together they do: {}",
                 "{}：单项修改均不改变结论，合并后改变：{}"),
    "no verdict": ("{}: no verdict changes; {}", "{}：结论均不改变；{}"),
    "same rule": ("{}: the rule did not change", "{}：规则未变"),
    "unknown": ("{}: {}", "{}：{}"), "unknown edits": ("{}: {}; changed: {}", "{}：{}；已改：{}"),
    "common": ("{} where both versions apply, {} over all cases", "在两版均适用的情形中{}，就全部情形而言{}"),
    "members": ("{} {}", "{} {}"),
    "only new": ("{}: the old version has no such rule", "{}：旧版无此规则"),
    "only old": ("{}: the new version has no such rule", "{}：新版无此规则"),
    "before after": ("before: {}; after: {}", "修改前：{}；修改后：{}"),
    "fact": ("{} is {}", "{} = {}"),
    "evenly": ("{} to {}, {} times: {}", "{} 至 {}，共 {} 次：{}"),
    "moment": ("the moment judged: {}", "所判断的时刻：{}"), "as of": ("judged as of {}", "判断截至 {}"),
    "decides": ("turns on {}", "取决于 {}"),
    "text-changed-rule-not": ("the text of old {place} changed, rule {rule} did not",
                              "旧版 {place} 的条文已改，规则 {rule} 未改"),
    "rule-changed-text-not": ("rule {rule} changed, the text of old {place} did not",
                              "规则 {rule} 已改，旧版 {place} 的条文未改"),
    "number-differs": ("{place} says {old}, rule {rule} says {new}", "{place} 为 {old}，规则 {rule} 为 {new}"),
    "cites-changed": ("rule {rule} cites {place}, which changed", "规则 {rule} 所引 {place} 已改"),
    "cites-dropped": ("rule {rule} cited {place}, which was dropped", "规则 {rule} 原引 {place} 已删除"),
    "cites-split": ("rule {rule} cited {place}, which was split into {new}", "规则 {rule} 原引 {place} 已拆分为 {new}"),
    "cites-merged": ("rule {rule} cited {place}, which was merged into {new}",
                     "规则 {rule} 原引 {place} 已并入 {new}"),
    "exact": ("exact: it holds for every case", "精确：对一切情形成立"),
    "exact note": ("exact; {}", "精确；{}"),
    "bounded": ("bounded: a difference beyond the bound is not excluded", "有界：界外不排除差异"),
    "bounded note": ("bounded, {}: a difference beyond it is not excluded", "有界，{}：界外不排除差异"),
    "not_analysable": ("not analysable", "无法分析"), "not_analysable note": ("not analysable: {}", "无法分析：{}"),
    "impact": ("{where}: {rule} {kind}", "{where}：{rule} {kind}"),
    "moment count": ("{} moment", "{} 个时刻"), "moment count many": ("{} moments", "{} 个时刻"),
    "because": ("because: {}", "原因：{}"),
    "nearest": ("nearest change: {}", "最小改动：{}"),
    "no rule": ("no rule", "无规则"),
}


# Heads and standing sentences of the pages made of text.
HEADS: dict[str, tuple[str, str]] = {
    "text": ("Text", "条文"), "rules": ("Rules", "规则"), "checks": ("Cross-checks", "交叉核对"),
    "impact": ("Impact", "影响"), "scope": ("Scope", "适用范围"),
    "more": ("{} more lines (--all)", "另有 {} 行（--all）"),
    "for all": ("{}, for {} rules", "{}，涉及 {} 条规则"), "accepted": ("accepted", "已接受"),
    "renamed": ("`{}` reads `{}` throughout, {} times", "“{}”一律改称“{}”，共 {} 处"),
    "same": ("no verdict changes", "判断结果均无变化"),
    "reworded": ("the words of {1} changed, {0} rules that cite them did not", "{1} 的文字已改，所引规则 {0} 条未改"),
    "left": ("{} still names {}, where {} is meant", "{} 仍引用 {}，似应为 {}"), "legal": (
        "Not legal advice.", "不构成法律意见。"),
}


def head(key: str, lang: Lang, *values: object) -> str:
    """A head or sentence of HEADS with its values."""
    return HEADS[key][LANGUAGES.index(lang)].format(*values)


def label(group: str, word: str, lang: Lang) -> str:
    """The label of a word of the model in a group of LABELS; a word that no table has stays as it is."""
    pair = LABELS[group].get(word)
    return word if pair is None else pair[LANGUAGES.index(lang)]


def say(key: str, lang: Lang, *values: object, **named: object) -> str:
    """A sentence of SAYS with its values."""
    return SAYS[key][LANGUAGES.index(lang)].format(*values, **named)


# ---- the whole --------------------------------------------------------------------------------------------------

def plan_line(diff: Diff, lang: Lang, *, arrow: str = "->") -> str:
    """`32 articles: 4 unchanged, 19 renumbered, 21 modified. 41 rules: 9 stricter. 2 services newly failing.`

    An article of two kinds counts in both, a rule as `shown_direction` has it. Layers that were not compared are left
    out."""
    parts = []
    if diff.text is not None:
        before, after = len(diff.text.old.articles()), len(diff.text.new.articles())
        size = plural("article", after, lang)
        size = size if before == after else f"{before:,} {arrow} {size}"
        parts.append(_counted(size, "kind", article_counts(diff.text), lang))
    if diff.rules is not None:
        counts = Counter[str](shown_direction(change) for change in diff.rules)
        parts.append(_counted(plural("rule", len(diff.rules), lang), "direction", counts, lang))
    if diff.checks:
        parts.append(plural("check", len(diff.checks), lang))
    if diff.impact is not None:
        failing = {one.service for one in diff.impact if one.kind == "newly_failing"}
        undecided = {one.service for one in diff.impact if one.kind == "newly_undecided"} - failing
        services = [plural("service failing", len(failing), lang) if failing else say("no service", lang)]
        services += [plural("service undecided", len(undecided), lang)] if undecided else []
        parts.append(say("comma", lang).join(services))
    if diff.accepted:
        parts.append(plural("accepted", len(diff.accepted), lang))
    stop = say("stop", lang)
    return say("gap", lang).join(part + stop for part in parts)


def article_counts(text: TextDiff) -> Counter[str]:
    """How many changes are of each kind; one may be of several."""
    return Counter(kind for change in text.articles for kind in change.kinds)


def plural(key: str, number: int, lang: Lang) -> str:
    """`1 article`, `2 articles`, `2 services failing`: the sentence of SAYS for this number."""
    return say(key if number == 1 else f"{key} many", lang, f"{number:,}")


def _counted(size: str, group: str, counts: Mapping[str, int], lang: Lang) -> str:
    shown = [say("count", lang, label(group, word, lang), f"{counts[word]:,}") for word in LABELS[group]
             if counts[word]]
    return size + say("list", lang) + say("comma", lang).join(shown) if shown else size


# ---- rules ------------------------------------------------------------------------------------------------------

def shown_direction(change: RuleChange) -> Direction:
    """What a reader wants first: the direction where both versions apply, where the scope changed besides."""
    return change.direction if change.in_common is None else change.in_common


def common_sentence(change: RuleChange, lang: Lang) -> str:
    """`stricter where both versions apply, mixed over all cases`; empty where that is the same."""
    if change.in_common in (None, change.direction):
        return ""
    return say("common", lang, *(label("direction", one, lang) for one in (shown_direction(change), change.direction)))


def edit_sentence(edit: RuleEdit, lang: Lang, *, arrow: str = "->") -> str:
    """`deadline 15 working days -> 10 working days (stricter)`, `exception added: user.age >= 18 (looser)`, and of two
    lists what one alone has: `duty service.systems contains all − audit, + export (mixed)`."""
    text = _edit(edit, lang, arrow)
    return text if edit.direction is None else say("brackets", lang, text, label("direction", edit.direction, lang))


def list_head(edit: RuleEdit) -> str:
    """What stands before the list that an edit changed: `service.systems contains all`; empty where none does."""
    head, opened, _ = (edit.new or edit.old).partition("[")
    return head.strip() if opened else ""


def edit_name(edit: RuleEdit, lang: Lang) -> str:
    """What was edited: the part, or by its name a parameter, a state or an episode."""
    part = label("part", edit.part, lang)
    return part if not edit.name else edit.name if edit.part == "param" else f"{part} {edit.name}"


def _edit(edit: RuleEdit, lang: Lang, arrow: str) -> str:
    old, new, what = shorten(edit.old, LONG), shorten(edit.new, LONG), shorten(edit_name(edit, lang), LONG)
    if edit.only_old or edit.only_new:
        members = [f"{sign} {one}" for sign, side in (("−", edit.only_old), ("+", edit.only_new)) for one in side]
        about = " ".join(part for part in (what, shorten(list_head(edit), LONG)) if part)
        return say("members", lang, about, shorten(say("comma", lang).join(members), 2 * LONG))
    if old and new:
        return say("changed", lang, what, old, arrow, new)
    if new:
        return say("added", lang, what, new)
    return say("removed", lang, what, old) if old else what


def attribution_sentence(change: RuleChange, lang: Lang, *, arrow: str = "->") -> str:
    """Why the rule has its direction: `Mixed = age 14 -> 18 stricter; exception removed: … stricter; … looser`."""
    word = label("direction", change.direction, lang)
    word = word[:1].upper() + word[1:]
    every = say("semicolon", lang).join(_edit(edit, lang, arrow) for edit in change.edits)
    match change.direction:
        case "new":
            return say("only new", lang, word)
        case "dropped":
            return say("only old", lang, word)
        case "not_analysable":
            why = note_text(change.note, lang)
            if why and every:
                return say("unknown edits", lang, word, why, every)
            return say("unknown", lang, word, why or every) if why or every else word
        case "equivalent":
            return say("no verdict", lang, word, every) if every else say("same rule", lang, word)
        case "stricter" | "looser" | "mixed":
            acting = [edit for edit in change.edits if edit.direction not in (None, "equivalent")]
            if not acting:
                return say("together", lang, word, every) if every else word
            return say("attribution", lang, word, say("semicolon", lang).join(_acting(acting, change.direction, lang,
                                                                                     arrow)))
    assert_never(change.direction)


def _acting(edits: Sequence[RuleEdit], whole: Direction, lang: Lang, arrow: str) -> Iterator[str]:
    for edit in edits:
        text = _edit(edit, lang, arrow)
        known = len(edits) == 1 and edit.direction == whole  # said by the first word already
        yield text if known else say("alone", lang, text, label("direction", edit.direction or "", lang))


def proof_sentence(change: RuleChange, lang: Lang) -> str:
    """How far the direction was proved; empty for a rule that only one version has."""
    if change.direction in ("new", "dropped"):
        return ""
    note = note_text(change.note, lang)
    return say(f"{change.proof} note", lang, note) if note else say(change.proof, lang)


def note_text(note: str, lang: Lang) -> str:
    """A proof's note; of it `calendar 2026-2028` has a translation, the rest stays as it is."""
    if lang == "zh" and note.startswith("calendar "):
        return f"日历 {note.removeprefix('calendar ')}"
    return note


# ---- witnesses --------------------------------------------------------------------------------------------------

def witness_lines(witness: Witness, lang: Lang) -> list[str]:
    """The case in lines: both verdicts, facts, events in order, when it was judged, and what the answers turn on."""
    lines = [verdicts_sentence(witness.old, witness.new, lang)]
    lines += [say("fact", lang, shorten(path, LONG), shorten(value, LONG)) for path, value in flat(witness.facts)]
    lines += [events_text(same, lang) for same in _evenly(witness.events)]
    lines += [say("moment", lang, instant_text(witness.moment))] if witness.moment else []
    lines += [say("as of", lang, instant_text(witness.as_of))] if witness.as_of else []
    if witness.decides:
        lines.append(say("decides", lang, say("comma", lang).join(shorten(one, LONG) for one in witness.decides)))
    return lines


def verdicts_sentence(old: Verdict, new: Verdict, lang: Lang) -> str:
    """`before: satisfied; after: violated`."""
    return say("before after", lang, label("verdict", old, lang), label("verdict", new, lang))


def event_text(event: Mapping[str, Any]) -> str:
    """`2026-11-03 12:00:00 +08:00 session_started {user: "u1", age: 16}`."""
    head = " ".join(instant_text(str(event[name])) for name in ("time", "type") if name in event)
    fields = ", ".join(f"{name}: {value}" for name, value in event_fields(event))
    return shorten(f"{head} {{{fields}}}" if fields else head, 4 * LONG)


def events_text(same: Sequence[Mapping[str, Any]], lang: Lang) -> str:
    """One event, or several that are alike and evenly apart: `… to …, 14 times: user_message {user: "u1"}`."""
    if len(same) == 1:
        return event_text(same[0])
    first, last = (instant_text(str(one["time"])) for one in (same[0], same[-1]))
    alike = event_text({name: value for name, value in same[0].items() if name != "time"})
    return say("evenly", lang, first, last, len(same), alike)


def _evenly(events: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The events in order, four or more side by side that differ in nothing but even steps of time taken together."""
    at = 0
    while at < len(events):
        end = at + 1
        step = None
        while end < len(events) and _but_time(events[end]) == _but_time(events[at]):
            apart = _time(events[end]) - _time(events[end - 1])
            if step is not None and apart != step:
                break
            step, end = apart, end + 1
        end = end if end - at >= 4 else at + 1
        yield events[at:end]
        at = end


def _but_time(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "time"}


def _time(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(event["time"]))


_ISO = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?")


def instant_text(iso: str) -> str:
    """`2026-11-03T14:00:00+08:00` as reports write it: `2026-11-03 14:00:00 +08:00`; other text as it is."""
    found = _ISO.fullmatch(iso)
    return " ".join(part for part in found.groups() if part) if found else iso


def event_fields(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields of an event beside its time and type, nested ones by their dotted name."""
    return list(flat({name: value for name, value in event.items() if name not in ("time", "type")}))


def flat(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value below, by its dotted path and as a reader would write it: `service.roles[0].age_gate`, `18`."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple) and any(isinstance(inner, Mapping | list | tuple) for inner in value):
        for number, inner in enumerate(value):
            yield from flat(inner, f"{path}[{number}]")
    elif path:
        yield path, value_text(value)


def value_text(value: object) -> str:
    """A value as a service file has it: text in quotes, `true`, a number, `[1, 2]`; a date as it reads."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if value is None or isinstance(value, bool | str | Mapping):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


# ---- cross-checks and impact ------------------------------------------------------------------------------------

def check_sentence(check: CrossCheck, lang: Lang, *, arrow: str = "->") -> str:
    """`Art. 18(4) says 2 hours, rule two_hours says 3 hours`.

    For `number-differs`, `place` is of the new text, `old` its number and `new` the rule's; for the others `place` is
    of the old text, and for `cites-split` and `cites-merged`, `new` is what became of the article."""
    named = {"rule": check.rule, "place": check.place, "old": check.old, "new": check.new}
    if check.kind not in LABELS["check"]:
        return say("list", lang).join([check.kind, *(one for one in (check.rule, check.place) if one)])
    text = say(check.kind, lang, **named)
    if check.kind in ("text-changed-rule-not", "rule-changed-text-not", "cites-changed") and (check.old or check.new):
        text += say("list", lang) + f"{shorten(check.old, LONG)} {arrow} {shorten(check.new, LONG)}".strip()
    return text


def impact_sentence(impact: Impact, lang: Lang, *, arrow: str = "->") -> str:
    """`services/companion.yaml:31: no_intimacy newly failing: satisfied -> violated, 3 moments; nearest change: …`."""
    names = [one for one in dict.fromkeys((impact.old_rule, impact.new_rule)) if one]
    before, after = (label("verdict", one, lang) if one else say("no rule", lang) for one in (impact.old, impact.new))
    text = say("impact", lang, where=impact.place or impact.service, rule=f" {arrow} ".join(names),
               kind=label("impact", impact.kind, lang))
    text += say("list", lang) + f"{before} {arrow} {after}"
    if impact.count != 1:
        text += say("comma", lang) + plural("moment count", impact.count, lang)
    elif impact.moment:
        text += say("comma", lang) + instant_text(impact.moment)
    if impact.nearest:
        text += say("semicolon", lang) + say("nearest", lang, say("semicolon", lang).join(impact.nearest))
    return text


def reasons(diff: Diff, lang: Lang, *, arrow: str = "->") -> dict[str, str]:
    """Fingerprint of an edit, or of a rule that only one version has -> what changed, for the causes of an impact."""
    edits = {edit.fingerprint: edit_sentence(edit, lang, arrow=arrow)
             for rule in diff.rules or () for edit in rule.edits}
    alone = {rule.fingerprint: attribution_sentence(rule, lang) for rule in diff.rules or ()
             if rule.old is None or rule.new is None}
    return {**edits, **alone}


IMPACT_ORDER = {kind: place for place, kind in enumerate(LABELS["impact"])}


def by_urgency(impact: Iterable[Impact]) -> list[Impact]:
    """Newly failing first, then newly undecided; inside, as they came."""
    return sorted(impact, key=lambda one: IMPACT_ORDER[one.kind])
