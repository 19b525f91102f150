"""A rule in words: an English sentence, what it reads, what it rests on, and what two versions say otherwise.

The sentence is made from the rule as written, not from the core, in which definitions are put in place: a reader of
`when minor` wants the word, and the definition below it. Values of params are handed in. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

from policyengine.core import ir
from policyengine.core.walk import grounds_of, nodes
from policyengine.syntax import ast
from policyengine.syntax.format import format_declaration, format_expression

# ---- what a rule reads ------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Reads:
    """What a rule reads: facts by dotted path, event types, params by name; each sorted."""

    facts: tuple[str, ...]
    events: tuple[str, ...]
    params: tuple[str, ...]

    @property
    def where(self) -> str:
        """`facts`, `trace` or `both`."""
        return "both" if self.facts and self.events else "trace" if self.events else "facts"


def reads(rule: ir.Rule, policy: ir.Policy) -> Reads:
    """What a rule reads, by itself and through the states and episodes it names; a policy's `applies when` is left out,
    a rule's own is not."""
    rests = grounds_of(policy, rule, scope=rule.applies is not None)
    return Reads(tuple(sorted(".".join(path) for path in rests.facts)), tuple(sorted(rests.events)),
                 tuple(sorted(rests.params)))


# ---- the sentence -----------------------------------------------------------------------------------------------

def sentence(rule: ast.Rule, params: Mapping[str, str]) -> str:
    """The rule as one English sentence. `params` has the value in force of each param, as text."""
    words = _Words(params)
    start = _start(rule, words)
    condition = f"if {' and '.join(words.holds(one) for one in rule.when)}" if rule.when else ""
    if any(must.condition is None for must in rule.must):
        head = f"{_keys(rule)}{words.forbidden(rule.trigger)}"
        body = [head + (f" {condition}" if condition else "")]
    else:
        duty = ", and ".join(words.must(must) for must in rule.must)
        body = [one for one in (start, condition, duty) if one]
    text = ", ".join(body)
    for unless in rule.unless:
        under = f" (under {', '.join(map(str, unless.under))})" if unless.under else ""
        text += f", unless {words.holds(unless.condition)}{under}"
    first = text.partition(" ")[0]
    # A name of the policy keeps its letters.
    return (text if "." in first or "_" in first else text[:1].upper() + text[1:]) + "."


def _keys(rule: ast.Rule) -> str:
    return f"for each {' and '.join(key.text for key in rule.keys)}, " if rule.keys else ""


def _start(rule: ast.Rule, words: _Words) -> str:
    return (_keys(rule) + words.trigger(rule.trigger)).removesuffix(", ")


_HOLDS = {"=": "is", "!=": "is not", "<": "is less than", "<=": "is at most", ">": "is more than", ">=": "is at least",
          "in": "is", "contains": "contains", "contains all": "contains all of", "contains none of": "contains none of",
          "matches": "matches"}
_MUST = {"=": "must be", "!=": "must not be", "<": "must be less than", "<=": "must be at most",
         ">": "must be more than", ">=": "must be at least", "in": "must be", "contains": "must contain",
         "contains all": "must contain all of", "contains none of": "must contain none of", "matches": "must match"}
# For dates and times "less" would not be said.
_EARLIER = {"<": "before", "<=": "no later than", ">": "after", ">=": "no earlier than"}


@dataclass
class _Words:
    """The words for expressions; a param gets its value behind its name."""

    params: Mapping[str, str]

    # -- when it is judged

    def trigger(self, trigger: ast.Trigger | None) -> str:
        match trigger:
            case None:
                return ""
            case ast.OnEvent():
                return f"on {self.happening(trigger)}"
            case ast.OnEvery():
                return f"on every {self.value(trigger.period).removeprefix('1 ')} of {trigger.run.text}"
            case ast.OnWithout():
                return (f"whenever {trigger.run.text} has run {self.value(trigger.period)} without "
                        f"{self.pattern(trigger.pattern)}")
            case ast.OnStart():
                return f"at each start of {trigger.run.text}"
            case _:
                assert_never(trigger)

    def happening(self, trigger: ast.Trigger | None) -> str:
        """What must not happen, or what the rule is about."""
        match trigger:
            case ast.OnEvent():
                events = " or ".join(event.text for event in trigger.events)
                where = f" where {self.holds(trigger.where)}" if trigger.where is not None else ""
                return f"{'the first' if trigger.first else 'each'} {events}{where}"
            case None:
                return "this"
            case _:
                return self.trigger(trigger).removeprefix("on ")

    def forbidden(self, trigger: ast.Trigger | None) -> str:
        """A trigger that must not happen."""
        match trigger:
            case ast.OnWithout():
                return (f"{trigger.run.text} must not run {self.value(trigger.period)} without "
                        f"{self.pattern(trigger.pattern)}")
            case ast.OnEvery():
                return f"{trigger.run.text} must not run {self.value(trigger.period)}"
            case ast.OnStart():
                return f"{trigger.run.text} must not start"
            case _:
                return f"{self.happening(trigger)} must not happen"

    # -- what must hold

    def must(self, must: ast.Must) -> str:
        assert must.condition is not None
        return self.denied(must.condition) if must.negated else self.demanded(must.condition)

    def denied(self, expr: ast.Expr) -> str:
        """That the condition must not hold."""
        match expr:
            case ast.Path():
                return f"{self.value(expr)} must not {'be true' if expr.fields else 'hold'}"
            case ast.Call():
                return f"{self.value(expr)} must not hold"
            case _:
                return f"it must not be that {self.holds(expr)}"

    def demanded(self, expr: ast.Expr) -> str:
        """The condition with "must" in it."""
        match expr:
            case ast.And():
                return " and ".join(self._demanded_inner(part) for part in expr.parts)
            case ast.Or():
                return "either " + " or ".join(self._demanded_inner(part) for part in expr.parts)
            case ast.Not():
                return self.denied(expr.part)
            case ast.Binary() if expr.operator in _MUST:
                return self._compared(expr, _MUST, "must be ")
            case ast.IsPresent():
                return f"{self.value(expr.operand)} must be {'missing' if expr.negated else 'stated'}"
            case ast.Occurs():
                return f"there must be {'no ' if expr.negated else ''}{self.pattern(expr.pattern)}{self.range(expr)}"
            case ast.Quantified():
                head = f"{expr.kind} {expr.variable.text} in {self.value(expr.domain)}{self._where(expr.where)}"
                if expr.kind == "every":
                    return f"for {head}, {self.demanded(expr.condition)}"
                verb = "may be such that" if expr.kind == "no" else "must be such that"
                return f"{head} {verb} {self.holds(expr.condition)}"
            case ast.Call():
                return f"{self.value(expr)} must hold"
            case ast.Path():
                return f"{self.value(expr)} must {'be true' if expr.fields else 'hold'}"
            case _:
                return f"{self.value(expr)} must hold"

    def _demanded_inner(self, expr: ast.Expr) -> str:
        text = self.demanded(expr)
        return f"({text})" if isinstance(expr, ast.And | ast.Or) else text

    def holds(self, expr: ast.Expr) -> str:
        """The condition as a statement."""
        match expr:
            case ast.And():
                return " and ".join(self._inner(part) for part in expr.parts)
            case ast.Or():
                return " or ".join(self._inner(part) for part in expr.parts)
            case ast.Not():
                return f"not {self._inner(expr.part)}"
            case ast.Binary() if expr.operator in _HOLDS:
                return self._compared(expr, _HOLDS, "is ")
            case ast.IsPresent():
                return f"{self.value(expr.operand)} is {'missing' if expr.negated else 'stated'}"
            case ast.Occurs():
                return f"there {'is no' if expr.negated else 'is'} {self.pattern(expr.pattern)}{self.range(expr)}"
            case ast.Quantified():
                head = f"{expr.kind} {expr.variable.text} in {self.value(expr.domain)}{self._where(expr.where)}"
                return f"{head} is such that {self.holds(expr.condition)}"
            case ast.Path() if expr.fields:
                return f"{self.value(expr)} is true"
            case _:
                return self.value(expr)

    def _inner(self, expr: ast.Expr) -> str:
        text = self.holds(expr)
        return f"({text})" if isinstance(expr, ast.And | ast.Or) else text

    def _compared(self, expr: ast.Binary, verbs: Mapping[str, str], be: str) -> str:
        verb = verbs[expr.operator]
        if expr.operator in _EARLIER and any(_is_time(side) for side in (expr.left, expr.right)):
            verb = be + _EARLIER[expr.operator]
        if expr.operator == "in" and isinstance(expr.right, ast.ListLiteral):
            return f"{self.value(expr.left)} {verb} {_series((self.value(one) for one in expr.right.items), 'or')}"
        if isinstance(expr.right, ast.ListLiteral):
            return f"{self.value(expr.left)} {verb} {_series((self.value(one) for one in expr.right.items), 'and')}"
        verb += " in" if expr.operator == "in" else ""
        return f"{self.value(expr.left)} {verb} {self.value(expr.right)}"

    # -- the trace

    def pattern(self, pattern: ast.Pattern) -> str:
        who = "any " if pattern.any else ""
        return f"{who}{pattern.event.text}{self._where(pattern.where)}"

    def _where(self, where: ast.Expr | None) -> str:
        return f" where {self.holds(where)}" if where is not None else ""

    def range(self, expr: ast.Occurs) -> str:
        """Where the event must lie; set off by a comma behind a `where`, so that it is not read as part of it."""
        comma = "," if expr.pattern.where is not None else ""
        return f"{comma} {self._range(expr.range)}"

    def _range(self, range: ast.Range) -> str:
        match range:
            case ast.Within():
                return f"within {self.value(range.period)}"
            case ast.By():
                return f"by {self.value(range.deadline)}"
            case ast.Before():
                return "before"
            case ast.WithinLast():
                return f"within the last {self.value(range.period)}"
            case ast.Since():
                return f"since {self.pattern(range.pattern)}"
            case ast.This():
                return f"in the same {range.unit}"
            case ast.During():
                return f"during {range.episode.text}"
            case ast.NoLaterThan():
                return f"no later than {self.value(range.period)} after"
            case _:
                assert_never(range)

    # -- values

    def value(self, expr: ast.Expr) -> str:
        match expr:
            case ast.Path() if not expr.fields and expr.head.text in self.params:
                return f"{expr.head.text} ({self.params[expr.head.text]})"
            case ast.Binary():
                return f"{self.value(expr.left)} {expr.operator} {self.value(expr.right)}"
            case ast.Call():
                given = [(f"{one.name.text} " if one.name else "") + self.value(one.value) for one in expr.arguments]
                if all(one.name for one in expr.arguments):
                    return f"{expr.name.text} for {' and '.join(given)}"
                return f"{expr.name.text}({', '.join(given)})"
            case ast.CountEvents():
                return f"the number of {self.pattern(expr.pattern)} {self._range(expr.range)}"
            case ast.SumEvents():
                field = ".".join(name.text for name in expr.field)
                return f"the sum of {field} of {self.pattern(expr.pattern)} {self._range(expr.range)}"
            case ast.EpisodeDuration(range=ast.During(episode=name)) if name.text == expr.episode.text:
                return f"the duration of {expr.episode.text} so far"
            case ast.EpisodeDuration():
                return f"the duration of {expr.episode.text} {self._range(expr.range)}"
            case ast.Latest():
                field = ".".join(name.text for name in expr.field)
                return f"the latest {expr.pattern.event.text}.{field}{self._where(expr.pattern.where)}"
            case ast.CountElements():
                return f"the number of {expr.variable.text} in {self.value(expr.domain)}{self._where(expr.where)}"
            case ast.And() | ast.Or() | ast.Not() | ast.Occurs() | ast.Quantified() | ast.IsPresent():
                return f"({self.holds(expr)})"
            case (ast.Number() | ast.Text() | ast.Boolean() | ast.DateLiteral() | ast.TimeLiteral() | ast.Duration()
                  | ast.ListLiteral() | ast.Path()):
                return format_expression(expr)
            case _:
                assert_never(expr)


def _is_time(expr: ast.Expr) -> bool:
    return any(isinstance(one, ast.DateLiteral | ast.TimeLiteral)
               or (isinstance(one, ast.Path) and one.head.text in ("today", "local_time")) for one in nodes(expr))


def _series(words: Iterable[str], link: str) -> str:
    *most, last = words
    return f"{', '.join(most)} {link} {last}" if most else last


# ---- what it rests on -------------------------------------------------------------------------------------------

def rests_on(rule: ast.Rule, files: Iterable[ast.File]) -> tuple[ast.Declaration, ...]:
    """The definitions, states, episodes and params that a rule names, and those they name, in the order written."""
    known: dict[str, ast.Declaration] = {}
    order: list[str] = []
    for file in files:
        for one in file.declarations:
            if isinstance(one, ast.Define | ast.StateHolds | ast.StateValue | ast.Episode | ast.Param):
                known.setdefault(one.name.text, one)
                order.append(one.name.text)
    wanted: set[str] = set()
    waiting: list[Any] = [rule]
    while waiting:
        for name in _names(waiting.pop()):
            if name in known and name not in wanted:
                wanted.add(name)
                waiting.append(known[name])
    return tuple(known[name] for name in dict.fromkeys(order) if name in wanted)


def _names(node: Any) -> Iterator[str]:
    for one in nodes(node):
        match one:
            case ast.Path():
                yield one.head.text
            case ast.Call():
                yield one.name.text
            case ast.OnEvery() | ast.OnWithout() | ast.OnStart():
                yield one.run.text
            case ast.During() | ast.EpisodeDuration():
                yield one.episode.text


# ---- versions ---------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Change:
    """A clause, or a declaration the rule rests on, that is not the same in two versions; empty text: absent."""

    clause: str
    before: str
    after: str


def changes(before: ast.Rule, after: ast.Rule, rests_before: Iterable[ast.Declaration],
            rests_after: Iterable[ast.Declaration]) -> tuple[Change, ...]:
    """Clause by clause how a rule reads otherwise; title and fix are ours, not the law's, and left out."""
    first, second = _clauses(before), _clauses(after)
    found = [Change(name, first.get(name, ""), second.get(name, ""))
             for name in ("cites", "severity", "per", "on", "when", "must", "unless")
             if first.get(name, "") != second.get(name, "")]
    # What only one of them names shows in its clauses already.
    old = {_name(one): _flat(one) for one in rests_before}
    new = {_name(one): _flat(one) for one in rests_after}
    found += [Change(name, old[name], new[name]) for name in old if name in new and old[name] != new[name]]
    return tuple(found)


def _clauses(rule: ast.Rule) -> dict[str, str]:
    """Keyword -> the clauses of that kind, each on one line."""
    found: dict[str, str] = {}
    keyword = ""
    for line in format_declaration(replace(rule, title=None, title_zh=None)).splitlines()[1:]:
        word, _, rest = line.strip().partition(" ")
        if line[:2] == "  " and line[2:3] != " ":
            keyword = word
            found[keyword] = f"{found[keyword]}; {rest}" if keyword in found else rest
        else:
            found[keyword] += f" {line.strip()}"
    return {"severity": "error", **found}


def _name(one: ast.Declaration) -> str:
    assert isinstance(one, ast.Define | ast.StateHolds | ast.StateValue | ast.Episode | ast.Param)
    return one.name.text


def _flat(one: ast.Declaration) -> str:
    return " ".join(format_declaration(one).split())
