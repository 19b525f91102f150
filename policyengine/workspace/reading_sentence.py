"""A rule as one sentence, in English or in Chinese.

It is made from the rule as written, not from the core, in which definitions are put in place: a reader of `when minor`
wants the word, and its definition stands beside the sentence. One walk finds what is said; how it is said are the rows
of `_SAID`, whose places bear names, for what comes last in English comes first in Chinese. Facts, events, definitions
and texts stay as written, a param has its value behind it. Nothing is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from string import Formatter
from typing import Literal, assert_never

from policyengine.core.walk import nodes
from policyengine.report.words import citation
from policyengine.syntax import ast
from policyengine.syntax.format import format_expression
from policyengine.workspace.config import Lang


def sentence(rule: ast.Rule, params: Mapping[str, str], lang: Lang = "en") -> str:
    """The rule as one sentence (in Chinese its exceptions are a second one, as in a statute). `params` has the value in
    force of each param, as text."""
    words = _Words(params, lang, tuple(key.text for key in rule.keys))
    text = words.rule(rule)
    if lang == "zh":
        return f"{text}。"
    first = text.partition(" ")[0]
    # A name of the policy keeps its letters.
    return (text if "." in first or "_" in first else text[:1].upper() + text[1:]) + "."


def value_in_words(text: str, lang: Lang) -> str:
    """A value as a policy writes it, such as `10 minutes` or `true`, in the reader's language."""
    if lang == "en":
        return text
    period = re.fullmatch(rf"(\S+) ({'|'.join(_UNITS)})s?", text)
    return _beside(period[1], _UNITS[period[2]]) if period else {"true": "真", "false": "假"}.get(text, text)


# ---- the words --------------------------------------------------------------------------------------------------

_UNITS = {"second": "秒", "minute": "分钟", "hour": "小时", "day": "日", "week": "周", "month": "个月", "year": "年",
          "working day": "个工作日"}

# What is said -> (English, Chinese). A space where Chinese meets a name or a number is put in when a row is filled.
_SAID: Mapping[str, tuple[str, str]] = {
    # the clauses of a rule
    "for each": ("for each {keys}, {duty}", "对每个{keys}，{duty}"),
    "at": ("{moment}, {duty}", "{moment}，{duty}"),
    "if": ("if {condition}, {duty}", "如果{condition}，则{duty}"),
    "must not happen if": ("{duty} if {condition}", "如果{condition}，则{duty}"),
    "unless": ("{duty}, unless {excuse}", "{duty}。但是，{excuse}的除外"),
    "unless under": ("{duty}, unless {excuse} (under {under})", "{duty}。但是，依据{under}，{excuse}的除外"),
    "or unless": ("{duty}, unless {excuse}", "{duty}；{excuse}的，也除外"),
    "or unless under": ("{duty}, unless {excuse} (under {under})", "{duty}；依据{under}，{excuse}的，也除外"),

    # when it is judged
    "on: event": ("on each {event}", "每当发生{event}时"),
    "on: first": ("on the first {event}", "首次发生{event}时"),
    "on: every": ("on every {each} of {run}", "{run}每超过{period}"),
    "on: once": ("whenever {run} has run {period}", "{run}超过{period}的"),
    "on: without": ("whenever {run} has run {period} without {event}", "每当在{run}期间连续{period}未发生{event}时"),
    "on: start": ("at each start of {run}", "每次{run}开始时"),
    "must not: event": ("each {event} must not happen", "不得发生{event}"),
    "must not: first": ("the first {event} must not happen", "不得首次发生{event}"),
    "must not: every": ("{run} must not run {period}", "{run}不得超过{period}"),
    "must not: once": ("{run} must not run {period}", "{run}不得超过{period}"),
    "must not: without": ("{run} must not run {period} without {event}", "在{run}期间不得连续{period}未发生{event}"),
    "must not: start": ("{run} must not start", "{run}不得开始"),
    "must not: this": ("this must not happen", "不得发生此情形"),

    # an event with its `where`, and in Chinese with the name by which the rest of the rule speaks of it
    "one of": ("{events}", "{events}之一"),
    "where": (" where {condition}", "（其中{condition}）"),
    "named": ("", "（以下称{name}）"),
    "named, where": (" where {condition}", "（以下称{name}，其中{condition}）"),
    "named above": ("", "（即{name}）"),
    "named above, where": (" where {condition}", "（即{name}，其中{condition}）"),
    "moment named": ("", "（该时点称{name}）"),

    # conditions, as they hold and as they must
    "not": ("not {part}", "并非（{whole}）"),
    "must not": ("it must not be that {whole}", "不得出现“{whole}”的情形"),
    "true": ("{it} is true", "{it}为真"),
    "true, not": ("not {it} is true", "{it}不为真"),
    "true, must": ("{it} must be true", "{it}应当为真"),
    "true, must not": ("{it} must not be true", "{it}不得为真"),
    "holds": ("{it}", "{it}成立"),
    "holds, not": ("not {it}", "{it}不成立"),
    "holds, must": ("{it} must hold", "{it}应当成立"),
    "holds, must not": ("{it} must not hold", "{it}不得成立"),
    "stated": ("{it} is stated", "{it}已填写"),
    "stated, must": ("{it} must be stated", "{it}应当填写"),
    "missing": ("{it} is missing", "{it}未填写"),
    "missing, must": ("{it} must be missing", "{it}不得填写"),
    "either": ("either {demanded}", "应当符合下列条件之一：{listed}"),
    "all of": ("{demanded}", "应当同时符合下列要求：{listed}"),

    # comparisons; `list` is one written out, `one` a list of one
    "=": ("{left} is {right}", "{left}为{right}"),
    "=, must": ("{left} must be {right}", "{left}应当为{right}"),
    "!=": ("{left} is not {right}", "{left}不为{right}"),
    "!=, must": ("{left} must not be {right}", "{left}不得为{right}"),
    "<": ("{left} is less than {right}", "{left}小于{right}"),
    "<, must": ("{left} must be less than {right}", "{left}应当小于{right}"),
    "<=": ("{left} is at most {right}", "{left}不超过{right}"),
    "<=, must": ("{left} must be at most {right}", "{left}不得超过{right}"),
    ">": ("{left} is more than {right}", "{left}超过{right}"),
    ">, must": ("{left} must be more than {right}", "{left}应当超过{right}"),
    ">=": ("{left} is at least {right}", "{left}至少为{right}"),
    ">=, must": ("{left} must be at least {right}", "{left}应当至少为{right}"),
    "time <": ("{left} is before {right}", "{left}早于{right}"),
    "time <, must": ("{left} must be before {right}", "{left}应当早于{right}"),
    "time <=": ("{left} is no later than {right}", "{left}不晚于{right}"),
    "time <=, must": ("{left} must be no later than {right}", "{left}不得晚于{right}"),
    "time >": ("{left} is after {right}", "{left}晚于{right}"),
    "time >, must": ("{left} must be after {right}", "{left}应当晚于{right}"),
    "time >=": ("{left} is no earlier than {right}", "{left}不早于{right}"),
    "time >=, must": ("{left} must be no earlier than {right}", "{left}不得早于{right}"),
    "in": ("{left} is in {right}", "{left}属于{right}"),
    "in, must": ("{left} must be in {right}", "{left}应当属于{right}"),
    "in list": ("{left} is {right}", "{left}为{right}"),
    "in list, must": ("{left} must be {right}", "{left}应当为{right}"),
    "contains": ("{left} contains {right}", "{left}包含{right}"),
    "contains, must": ("{left} must contain {right}", "{left}应当包含{right}"),
    "contains all": ("{left} contains all of {right}", "{left}包含{right}中的每一项"),
    "contains all, must": ("{left} must contain all of {right}", "{left}应当包含{right}中的每一项"),
    "contains all list": ("{left} contains all of {right}", "{left}同时包含{right}"),
    "contains all list, must": ("{left} must contain all of {right}", "{left}应当同时包含{right}"),
    "contains all one": ("{left} contains all of {right}", "{left}包含{right}"),
    "contains all one, must": ("{left} must contain all of {right}", "{left}应当包含{right}"),
    "contains none of": ("{left} contains none of {right}", "{left}不包含{right}中的任何一项"),
    "contains none of, must": ("{left} must contain none of {right}", "{left}不得包含{right}中的任何一项"),
    "contains none of one": ("{left} contains none of {right}", "{left}不包含{right}"),
    "contains none of one, must": ("{left} must contain none of {right}", "{left}不得包含{right}"),
    "matches": ("{left} matches {right}", "{left}匹配{right}"),
    "matches, must": ("{left} must match {right}", "{left}应当匹配{right}"),

    # lists
    "every": ("every {one} in {domain}{where} is such that {condition}",
              "{domain}中的每个{one}{where}都满足{condition}"),
    "every, must": ("for every {one} in {domain}{where}, {demanded}", "对{domain}中的每个{one}{where}，{demanded}"),
    "some": ("some {one} in {domain}{where} is such that {condition}",
             "{domain}中至少有一个{one}{where}满足{condition}"),
    "some, must": ("some {one} in {domain}{where} must be such that {condition}",
                   "{domain}中应当至少有一个{one}{where}满足{condition}"),
    "no": ("no {one} in {domain}{where} is such that {condition}", "{domain}中没有任何{one}{where}满足{condition}"),
    "no, must": ("no {one} in {domain}{where} may be such that {condition}",
                 "{domain}中不得有任何{one}{where}满足{condition}"),
    "count of elements": ("the number of {one} in {domain}{where}", "{domain}中的{one}{where}的个数"),

    # the trace
    "any": ("any {event}", "任何{keys}的{event}"),
    "any, no key": ("any {event}", "任何{event}"),
    "occurs": ("there is {event}{comma} {range}", "{range}发生{event}"),
    "occurs, must": ("there must be {event}{comma} {range}", "应当{range}发生{event}"),
    "occurs, no": ("there is no {event}{comma} {range}", "{range}未发生{event}"),
    "occurs, must no": ("there must be no {event}{comma} {range}", "不得{range}发生{event}"),
    "occurred": ("there is {event}{comma} {range}", "{range}已发生{event}"),
    "occurred, must": ("there must be {event}{comma} {range}", "{range}应当已发生{event}"),
    "occurred, no": ("there is no {event}{comma} {range}", "{range}未发生过{event}"),
    "occurred, must no": ("there must be no {event}{comma} {range}", "{range}不得发生过{event}"),
    "within": ("within {period}", "在{period}内"),
    "by": ("by {deadline}", "在{deadline}前（含该时点）"),
    "by sum": ("by {deadline}", "在（{deadline}）前（含该时点）"),
    "before": ("before", "在此之前"),
    "within last": ("within the last {period}", "在此前{period}内"),
    "since": ("since {event}", "自最近一次{event}以来"),
    "this day": ("in the same day", "在当日内"),
    "this week": ("in the same week", "在当周内"),
    "this month": ("in the same month", "在当月内"),
    "this year": ("in the same year", "在当年内"),
    "during": ("during {run}", "在本次{run}期间"),
    "no later than": ("no later than {period} after", "事先或者在此后{period}内"),
    "no later than, no": ("no later than {period} after", "事先以及在此后{period}内均"),
    "count": ("the number of {event} {range}", "{range}发生的{event}的次数"),
    "sum": ("the sum of {field} of {event} {range}", "{range}发生的{event}的{field}之和"),
    "duration so far": ("the duration of {run} so far", "本次{run}至今的时长"),
    "duration": ("the duration of {run} {range}", "{run}{range}的累计时长"),
    "latest": ("the latest {named}", "最近一次{event}的{field}"),

    # values
    "param": ("{name} ({value})", "{name}（{value}）"),
    "today": ("today", "当日"),
    "local_time": ("local_time", "当地时间"),
    "completed years": ("completed_years({given})", "{given}至今的周年数"),
    "call": ("{name} for {given}", "{given}的{name}"),
    "given": ("{name} {value}", "{name}为{value}"),
    "brackets": ("({whole})", "（{whole}）"),
}

# Between the parts of a series: (the others, the last) in English and in Chinese.
_SERIES: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "and": ((", ", " and "), ("、", "和")),
    "or": ((", ", " or "), ("、", "或者")),
    "given": ((" and ", " and "), ("、", "、")),
    "names": ((", ", ", "), ("、", "、")),
    "keys": ((" and ", " and "), ("、", "和")),
    "events": ((" or ", " or "), ("、", "或者")),
    "all hold": ((" and ", " and "), ("且", "且")),
    "one holds": ((" or ", " or "), ("或者", "或者")),
    "musts": ((", and ", ", and "), ("，", "，并且")),
    "demanded": ((" and ", " and "), ("，", "，并且")),
}


def _filled(template: str, places: Mapping[str, str]) -> str:
    """A row with its places filled in."""
    pieces: list[str] = []
    for literal, place, _, _ in Formatter().parse(template):
        pieces += [literal, places[place] if place is not None else ""]
    return reduce(_beside, pieces, "")


def _beside(before: str, after: str) -> str:
    """Both, with a space where a Chinese word meets a name, a number or a quoted text."""
    left, right = before[-1:], after[:1]
    apart = (_is_chinese(left) and _is_latin(right)) or (_is_latin(left) and _is_chinese(right))
    return f"{before} {after}" if apart else before + after


def _is_chinese(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def _is_latin(char: str) -> bool:
    return "!" <= char <= "~"


# ---- the walk ---------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class _Words:
    """The words for expressions; a param gets its value behind its name. `keys` are those of the rule; `inside` a
    `where` of events a bare name is a field as a rule, and is true or not, where elsewhere it holds or not."""

    params: Mapping[str, str]
    lang: Lang
    keys: tuple[str, ...]
    inside: bool = False

    def say(self, row: str, **places: str) -> str:
        return _filled(_SAID[row][self.lang == "zh"], places)

    def series(self, kind: str, parts: Iterable[str]) -> str:
        others, last = _SERIES[kind][self.lang == "zh"]
        text, *more = parts
        for left, part in zip(range(len(more), 0, -1), more, strict=True):
            text = _beside(_beside(text, last if left == 1 else others), part)
        return text

    def rule(self, rule: ast.Rule) -> str:
        name = _name_used(rule)
        forbidden = any(must.condition is None for must in rule.must)
        duty = self.moment("must not", rule.trigger, name, bool(rule.when)) if forbidden else self.musts(rule.must)
        if rule.when:
            parts = tuple(part for one in rule.when for part in (one.parts if isinstance(one, ast.And) else (one,)))
            condition = self.holds(ast.And(parts) if len(parts) > 1 else parts[0])
            duty = self.say("must not happen if" if forbidden else "if", condition=condition, duty=duty)
        if rule.trigger is not None and not forbidden:
            duty = self.say("at", moment=self.moment("on", rule.trigger, name, False), duty=duty)
        if self.keys:
            duty = self.say("for each", keys=self.series("keys", self.keys), duty=duty)
        for number, unless in enumerate(rule.unless):
            under = self.series("names", map(self.cited, unless.under)) if unless.under else ""
            duty = self.say(("or unless" if number else "unless") + (" under" if under else ""), duty=duty,
                            excuse=self.holds(unless.condition), under=under)
        return duty

    def cited(self, place: ast.Citation) -> str:
        return citation(str(place)).told(self.lang)

    def moment(self, how: Literal["on", "must not"], trigger: ast.Trigger | None, name: str, above: bool) -> str:
        """When the rule is judged, or what must not happen. `name` is that of the trigger, empty where nothing speaks
        of it; `above`: what was said already does."""
        match trigger:
            case None:
                return self.say("must not: this")
            case ast.OnEvent():
                return self.say(f"{how}: {'first' if trigger.first else 'event'}",
                                event=self.event(trigger, name, above))
            case ast.OnEvery():
                period = self.value(trigger.period)
                text = self.say(f"{how}: {'once' if trigger.once else 'every'}", run=trigger.run.text, period=period,
                                each=period.removeprefix("1 "))
            case ast.OnWithout():
                text = self.say(f"{how}: without", run=trigger.run.text, period=self.value(trigger.period),
                                event=self.pattern(trigger.pattern))
            case ast.OnStart():
                text = self.say(f"{how}: start", run=trigger.run.text)
            case _:
                assert_never(trigger)
        return text + (self.say("moment named", name=name) if name else "")

    def event(self, trigger: ast.OnEvent, name: str, above: bool) -> str:
        events = self.series("events", (event.text for event in trigger.events))
        if len(trigger.events) > 1 and (trigger.where is not None or name):
            events = self.say("one of", events=events)  # what follows is not said of the last of them alone
        named = ("named above" if above else "named") if name else ""
        if trigger.where is None:
            return events + (self.say(named, name=name) if named else "")
        row = f"{named}, where" if named else "where"
        return events + self.say(row, name=name, condition=replace(self, inside=True).holds(trigger.where))

    # -- what must hold

    def musts(self, musts: Sequence[ast.Must]) -> str:
        """All of them; where one is a list of its own, Chinese numbers them."""
        conditions = [must.condition for must in musts if must.condition is not None]
        said = [self.denied(one.condition) if one.negated else self.demanded(one.condition)
                for one in musts if one.condition is not None]
        if self.lang == "zh" and len(said) > 1 and any(map(_is_open, conditions)):
            return self.say("all of", listed="；".join(_beside(f"（{at}）", one) for at, one in enumerate(said, 1)))
        return self.series("musts", said)

    def denied(self, expr: ast.Expr) -> str:
        """That the condition must not hold."""
        match expr:
            case ast.Path() | ast.Call():
                return self.say(f"{self.truth(expr)}, must not", it=self.value(expr))
            case ast.Occurs(negated=False) if self.lang == "zh":
                return self.occurs(expr, "must no")
            case _:
                return self.say("must not", whole=self.holds(expr))

    def demanded(self, expr: ast.Expr) -> str:
        """The condition with "must" in it."""
        match expr:
            case ast.And():
                return self.series("demanded", map(self.demanded_inner, expr.parts))
            case ast.Or():
                return self.say("either", demanded=self.series("one holds", map(self.demanded_inner, expr.parts)),
                                listed="；".join(f"{_circled(at)}{self.holds(one)}"
                                                for at, one in enumerate(expr.parts)))
            case ast.Not():
                return self.denied(expr.part)
            case ast.Binary() if expr.operator in _COMPARISONS:
                return self.compared(expr, ", must")
            case ast.IsPresent():
                return self.say("missing, must" if expr.negated else "stated, must", it=self.value(expr.operand))
            case ast.Occurs():
                return self.occurs(expr, "must no" if expr.negated else "must")
            case ast.Quantified():
                return self.quantified(expr, ", must")
            case _:
                return self.say(f"{self.truth(expr)}, must", it=self.value(expr))

    def demanded_inner(self, expr: ast.Expr) -> str:
        text = self.demanded(expr)
        return self.say("brackets", whole=text) if self.needs_brackets(expr) else text

    def holds(self, expr: ast.Expr) -> str:
        """The condition as a statement."""
        match expr:
            case ast.And():
                return self.series("all hold", map(self.inner, expr.parts))
            case ast.Or():
                return self.series("one holds", map(self.inner, expr.parts))
            case ast.Not(part=ast.Path() | ast.Call() as part):
                return self.say(f"{self.truth(part)}, not", it=self.value(part))
            case ast.Not():
                return self.say("not", part=self.inner(expr.part), whole=self.holds(expr.part))
            case ast.Binary() if expr.operator in _COMPARISONS:
                return self.compared(expr, "")
            case ast.IsPresent():
                return self.say("missing" if expr.negated else "stated", it=self.value(expr.operand))
            case ast.Occurs():
                return self.occurs(expr, "no" if expr.negated else "")
            case ast.Quantified():
                return self.quantified(expr, "")
            case _:
                return self.say(self.truth(expr), it=self.value(expr))

    def inner(self, expr: ast.Expr) -> str:
        text = self.holds(expr)
        return self.say("brackets", whole=text) if self.needs_brackets(expr) else text

    def needs_brackets(self, expr: ast.Expr) -> bool:
        return isinstance(expr, ast.And | ast.Or) or (self.lang == "zh" and isinstance(expr, ast.Quantified))

    def truth(self, expr: ast.Expr) -> str:
        """What is said of it: a field is true, a state or a definition holds."""
        is_field = isinstance(expr, ast.Path) and (expr.fields or (self.inside and self.lang == "zh"))
        return "true" if is_field else "holds"

    def compared(self, expr: ast.Binary, must: str) -> str:
        row: str = expr.operator
        right = self.value(expr.right)
        if row in ("<", "<=", ">", ">=") and (_is_time(expr.left) or _is_time(expr.right)):
            row = f"time {row}"  # of dates and times "less" would not be said
        if isinstance(expr.right, ast.ListLiteral) and expr.right.items:
            shape = f"{row} one" if len(expr.right.items) == 1 and f"{row} one" in _SAID else f"{row} list"
            row = shape if shape in _SAID else row
            right = self.series("or" if expr.operator == "in" else "and", map(self.value, expr.right.items))
        return self.say(row + must, left=self.value(expr.left), right=right)

    def quantified(self, expr: ast.Quantified, must: str) -> str:
        return self.say(expr.kind + must, one=expr.variable.text, domain=self.value(expr.domain),
                        where=self.where(expr.where), condition=self.holds(expr.condition),
                        demanded=self.demanded(expr.condition) if expr.kind == "every" else "")

    # -- the trace

    def pattern(self, pattern: ast.Pattern) -> str:
        event = pattern.event.text
        if pattern.any:
            event = self.say("any" if self.keys else "any, no key", event=event,
                             keys=self.series("or", self.keys) if self.keys else "")
        return event + self.where(pattern.where, of_events=True)

    def where(self, where: ast.Expr | None, *, of_events: bool = False) -> str:
        words = replace(self, inside=True) if of_events else self
        return "" if where is None else self.say("where", condition=words.holds(where))

    def occurs(self, expr: ast.Occurs, how: str) -> str:
        """In English the range is set off by a comma behind a `where`, so that it is not read as part of it."""
        row = "occurs" if isinstance(expr.range, ast.Within | ast.By | ast.NoLaterThan) else "occurred"
        return self.say(f"{row}, {how}" if how else row, event=self.pattern(expr.pattern),
                        comma="," if expr.pattern.where is not None else "",
                        range=self.range(expr.range, ", no" if how == "no" else ""))

    def range(self, range: ast.Range, none: Literal["", ", no"] = "") -> str:
        """Where the event must lie, or where there is none."""
        match range:
            case ast.Within():
                return self.say("within", period=self.value(range.period))
            case ast.By():
                row = "by sum" if isinstance(range.deadline, ast.Binary) else "by"  # `3 日前` is three days ago
                return self.say(row, deadline=self.value(range.deadline))
            case ast.Before():
                return self.say("before")
            case ast.WithinLast():
                return self.say("within last", period=self.value(range.period))
            case ast.Since():
                return self.say("since", event=self.pattern(range.pattern))
            case ast.This():
                return self.say(f"this {range.unit}")
            case ast.During():
                return self.say("during", run=range.episode.text)
            case ast.NoLaterThan():
                return self.say(f"no later than{none}", period=self.value(range.period))
            case _:
                assert_never(range)

    # -- values

    def value(self, expr: ast.Expr) -> str:
        match expr:
            case ast.Path() if not expr.fields and expr.head.text in self.params:
                name = expr.head.text
                return self.say("param", name=name, value=value_in_words(self.params[name], self.lang))
            case ast.Path() if not expr.fields and expr.head.text in ("today", "local_time"):
                return self.say(expr.head.text)
            case ast.Binary() if expr.operator in _COMPARISONS:
                return self.say("brackets", whole=self.holds(expr))
            case ast.Binary():
                binds = _BINDS[expr.operator]
                return f"{self.operand(expr.left, binds)} {expr.operator} {self.operand(expr.right, binds + 1)}"
            case ast.Call():
                return self.call(expr)
            case ast.CountEvents():
                return self.say("count", event=self.pattern(expr.pattern), range=self.range(expr.range))
            case ast.SumEvents():
                return self.say("sum", field=_dotted(expr.field), event=self.pattern(expr.pattern),
                                range=self.range(expr.range))
            case ast.EpisodeDuration(range=ast.During(episode=name)) if name.text == expr.episode.text:
                return self.say("duration so far", run=expr.episode.text)
            case ast.EpisodeDuration():
                return self.say("duration", run=expr.episode.text, range=self.range(expr.range))
            case ast.Latest():
                field = _dotted(expr.field)
                return self.say("latest", event=self.pattern(expr.pattern), field=field,
                                named=f"{expr.pattern.event.text}.{field}{self.where(expr.pattern.where)}")
            case ast.CountElements():
                return self.say("count of elements", one=expr.variable.text, domain=self.value(expr.domain),
                                where=self.where(expr.where))
            case ast.And() | ast.Or() | ast.Not() | ast.Occurs() | ast.Quantified() | ast.IsPresent():
                return self.say("brackets", whole=self.holds(expr))
            case ast.Boolean() | ast.Duration():
                return value_in_words(format_expression(expr), self.lang)
            case ast.ListLiteral():
                return f"[{', '.join(map(self.value, expr.items))}]"
            case ast.Number() | ast.Text() | ast.DateLiteral() | ast.TimeLiteral() | ast.Path():
                return format_expression(expr)
            case _:
                assert_never(expr)

    def operand(self, expr: ast.Expr, binds: int) -> str:
        """A side of a calculation, in brackets where it would fall apart without them."""
        loose = isinstance(expr, ast.Binary) and _BINDS.get(expr.operator, binds) < binds
        return f"({self.value(expr)})" if loose else self.value(expr)

    def call(self, expr: ast.Call) -> str:
        given = [self.say("given", name=one.name.text, value=self.value(one.value)) if one.name else
                 self.value(one.value) for one in expr.arguments]
        if given and all(one.name for one in expr.arguments):
            return self.say("call", name=expr.name.text, given=self.series("given", given))
        if given and expr.name.text == "completed_years":
            return self.say("completed years", given=", ".join(given))
        return f"{expr.name.text}({', '.join(given)})"


_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">=", "in", "contains", "contains all", "contains none of",
                          "matches"})

# How closely a sign binds.
_BINDS: Mapping[str, int] = {"+": 1, "-": 1, "*": 2, "/": 2}


def _is_time(expr: ast.Expr) -> bool:
    return any(isinstance(one, ast.DateLiteral | ast.TimeLiteral)
               or (isinstance(one, ast.Path) and one.head.text in ("today", "local_time")) for one in nodes(expr))


def _name_used(rule: ast.Rule) -> str:
    """The name of the trigger, where the rest of the rule speaks of it."""
    name = rule.trigger.alias.text if rule.trigger is not None and rule.trigger.alias is not None else ""
    rest = (*rule.when, *rule.must, *rule.unless)
    return name if any(isinstance(one, ast.Path) and one.head.text == name for one in nodes(rest)) else ""


def _is_open(expr: ast.Expr) -> bool:
    """Whether what is demanded is a list, or of each of a list, so that what follows could be read as part of it."""
    return isinstance(expr, ast.And | ast.Or) or (isinstance(expr, ast.Quantified) and expr.kind == "every")


def _circled(index: int) -> str:
    """①, ② up to ⑳, and then numbers in brackets."""
    return chr(ord("①") + index) if index < 20 else f"（{index + 1}）"


def _dotted(names: Iterable[ast.Name]) -> str:
    return ".".join(name.text for name in names)
