"""Random policies, as syntax nodes: every form of the language, every nesting the grammar allows.

They need not make sense (names name nothing, types agree with nothing); they can all be written and read back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from policyengine.syntax import ast
from policyengine.syntax.grammar import RESERVED

Strategy = st.SearchStrategy[Any]

# Words with a meaning in some places only are names in most others; these few cannot be in the places tried here.
_NOT_NAMES = frozenset({*RESERVED, "first", "start", "the", "happen", "all", "none"})
_WORDS = st.sampled_from(["age", "user", "service", "severity", "count", "sum", "duration", "state", "rule", "of", "by",
                          "before", "gap", "channel", "x1", "_y", "family", "version", "vocabulary", "last", "today",
                          "zh"])
_FIELDS = st.sampled_from(["age", "not", "must", "all", "the", "kind", "within", "true", "of"])
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)

names: Strategy = (_WORDS | st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)).filter(
    lambda w: w not in _NOT_NAMES).map(ast.Name)
field_names: Strategy = _FIELDS.map(ast.Name)
some_names: Strategy = st.lists(names, min_size=1, max_size=3).map(tuple)
fields: Strategy = st.lists(field_names, min_size=1, max_size=2).map(tuple)
texts: Strategy = _TEXTS.map(ast.Text)
paths: Strategy = st.builds(ast.Path, names, st.lists(field_names, max_size=2).map(tuple))
_UNITS = ["second", "minute", "hour", "day", "week", "month", "year", "working day"]
durations: Strategy = st.builds(ast.Duration, st.integers(0, 400).map(Decimal) | st.just(Decimal("1.5")),
                                st.sampled_from(_UNITS))
periods: Strategy = durations | paths
citations: Strategy = st.builds(ast.Citation, st.none() | st.just("cn/personal-information"), st.sampled_from(
    ["Art. 18(2)", "Art. 23(1)(3)", "§ 22602(c)(2)", "Sec. 6-1-1702", "Clause 5.4", "Annex E", "App. A.1"]))
some_citations: Strategy = st.lists(citations, min_size=1, max_size=3).map(tuple)


@st.composite
def numbers(draw: st.DrawFn) -> ast.Number:
    """Whole, decimal, negative and per cent, with the text they would be written in."""
    value = draw(st.decimals(-10**6, 10**6, places=3) | st.integers(-10**9, 10**9).map(Decimal))
    if draw(st.booleans()):
        return ast.Number(value.scaleb(-2), f"{value:f}%")
    return ast.Number(value, f"{value:f}")


literals: Strategy = (
    numbers() | texts | st.booleans().map(ast.Boolean) | durations
    | st.dates().map(lambda d: ast.DateLiteral(d.isoformat()))
    | st.times().map(lambda t: ast.TimeLiteral(f"{t.hour:02}:{t.minute:02}")))


def _patterns(inner: Strategy, *, may_be_any: bool = True) -> Strategy:
    return st.builds(ast.Pattern, names, st.booleans() if may_be_any else st.just(False), st.none() | inner)


def _past(inner: Strategy) -> Strategy:
    return (st.builds(ast.Within, periods) | st.builds(ast.WithinLast, periods) | st.builds(ast.NoLaterThan, periods)
            | st.just(ast.Before()) | st.builds(ast.Since, _patterns(inner)) | st.builds(ast.During, names)
            | st.builds(ast.This, st.sampled_from(["day", "week", "month", "year"])))


def _several(kind: Callable[..., Any], inner: Strategy) -> Strategy:
    return st.lists(inner, min_size=2, max_size=4).map(lambda parts: kind(tuple(parts)))


def _larger(inner: Strategy) -> Strategy:
    past, pattern, maybe = _past(inner), _patterns(inner), st.none() | inner
    lists = st.lists(inner, max_size=3).map(lambda items: ast.ListLiteral(tuple(items)))
    domain = paths | lists
    operators = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "in", "contains", "contains all", "contains none of",
                                 "matches", "+", "-", "*", "/"])
    arguments = st.lists(st.builds(ast.Argument, st.none() | names, inner), max_size=2).map(tuple)
    return (
        _several(ast.Or, inner) | _several(ast.And, inner) | st.builds(ast.Not, inner) | lists
        | st.builds(ast.Binary, operators, inner, inner) | st.builds(ast.IsPresent, inner, st.booleans())
        | st.builds(ast.Call, names.filter(lambda n: n.text != "count"), arguments)
        | st.builds(ast.Quantified, st.sampled_from(["every", "some", "no"]), names, domain, maybe, inner)
        | st.builds(ast.CountElements, names, domain, maybe)
        | st.builds(ast.Occurs, pattern, past | st.builds(ast.By, inner), st.booleans())
        | st.builds(ast.CountEvents, pattern, past) | st.builds(ast.SumEvents, pattern, fields, past)
        | st.builds(ast.EpisodeDuration, names, past) | st.builds(ast.Latest, pattern, fields))


expressions: Strategy = st.recursive(paths | literals, _larger, max_leaves=12)

_conditions = expressions
_aliases = st.none() | names
_events = st.lists(_patterns(_conditions, may_be_any=False), min_size=1, max_size=3).map(tuple)
_source = st.builds(ast.EventField, names, fields, st.none() | _conditions)
_sources = st.lists(_source, min_size=1, max_size=2).map(tuple)
_keys = st.lists(names, max_size=2).map(tuple)
_ids = st.sampled_from(["cn/human-like-ai", "house", "gb-45438"]).map(ast.Name)
_labels = st.sampled_from(["2026-04-10-final", "draft", "1"]).map(ast.Name)

triggers: Strategy = (
    st.builds(ast.OnEvent, some_names, st.booleans(), _aliases, st.none() | _conditions)
    | st.builds(ast.OnEvery, periods, names, _aliases)
    | st.builds(ast.OnWithout, periods, names, _patterns(_conditions), _aliases)
    | st.builds(ast.OnStart, names, _aliases))
_musts = st.builds(ast.Must, _conditions, st.booleans()) | st.just(ast.Must(None, True))


def _few(of: Strategy, at_least: int = 0) -> Strategy:
    return st.lists(of, min_size=at_least, max_size=2).map(tuple)


# A title or a fix: nothing, English, or both, some of them longer than a line.
_wordings = st.just((None, None)) | st.tuples(*[texts | st.text("字 a", min_size=30, max_size=90).map(ast.Text)] * 2) \
    | texts.map(lambda text: (text, None))


def _worded(rule: ast.Rule, title: tuple[Any, Any], fix: tuple[Any, Any]) -> ast.Rule:
    return replace(rule, title=title[0], title_zh=title[1], fix=fix[0], fix_zh=fix[1])


rules: Strategy = st.builds(_worded, st.builds(
    ast.Rule, names, st.none(), st.just(()) | some_citations, st.none() | names, st.none() | names, _keys,
    st.none() | triggers, _few(_conditions), _few(_musts, 1),
    _few(st.builds(ast.Unless, _conditions, st.just(()) | some_citations)), st.none()), _wordings, _wordings)

declarations: Strategy = (
    rules
    | st.builds(ast.PolicyHeader, _ids, _labels) | st.builds(ast.UseVocabulary, names) | st.builds(ast.UseFile, texts)
    | st.builds(ast.Extend, _ids, _labels) | st.builds(ast.Applies, _conditions)
    | st.builds(ast.Param, names, expressions, st.booleans(), st.just(()) | some_citations)
    | st.builds(ast.Define, names, _keys, expressions)
    | st.builds(ast.StateHolds, names, _keys, _events, _events, st.none() | periods)
    | st.builds(ast.StateHolds, names, _keys, _events, st.just(()), periods)
    | st.builds(ast.StateValue, names, _keys, st.lists(_sources, min_size=1, max_size=2).map(tuple))
    | st.builds(ast.Episode, names, _keys, _events, periods, st.just(()) | _events)
    | st.builds(ast.Unchecked, some_citations, texts) | st.builds(ast.Forget, names, _events))

files: Strategy = st.lists(declarations, max_size=4).map(tuple)
