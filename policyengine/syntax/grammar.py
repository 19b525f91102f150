"""The text of one declaration, or of some clauses of a rule -> syntax nodes, or the place where it broke off.

The only file that knows lark. It does not know how a policy file is cut into declarations, nor how a mistake is worded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive, v_args

from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.base.resources import grammar_text
from policyengine.base.source import Span
from policyengine.syntax import ast

Start = Literal["declaration", "clauses"]

DECLARATIONS = ("policy", "use", "extend", "applies", "param", "define", "state", "episode", "rule", "unchecked",
                "forget")
# In the order in which they stand in a rule.
CLAUSES = ("cites", "family", "severity", "applies", "per", "on", "when", "must", "unless", "fix")
REPEATABLE = frozenset({"when", "must", "unless"})
# The look-ahead of NAME in the grammar; a test holds the two together.
RESERVED = ("and", "or", "not", "in", "is", "contains", "matches", "every", "some", "no", "any", "latest", "where",
            "satisfies", "within", "true", "false", "cites", "per", "on", "when", "must", "unless", "fix")

# Every later pass walks expressions by recursion; the limit keeps them far from Python's.
MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of a rule as it was written; the span holds its keyword and brackets too."""

    keyword: str
    value: Any
    span: Span


@dataclass(frozen=True, slots=True)
class Written:
    """A declaration and where its clauses stood; only a rule has clauses."""

    declaration: ast.Declaration
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Stuck:
    """Nothing could follow at `offset` of the text but the `expected` terminals (names of the grammar)."""

    offset: int
    expected: frozenset[str]


@lru_cache(maxsize=1)
def grammar() -> Lark:
    """The parser of the language, built at its first use (about 0.1 s)."""
    return build()


def build(*, strict: bool = False) -> Lark:
    """A new parser. `strict` refuses every conflict of the grammar and needs the package interegular."""
    return Lark(grammar_text(), parser="lalr", lexer="contextual", start=["declaration", "clauses"],
                propagate_positions=True, maybe_placeholders=True, strict=strict)


def read_declaration(path: str, text: str, line: int) -> Written | Stuck | tuple[Diagnostic, ...]:
    """The one declaration in `text`, whose first line is line `line` of the file.

    Diagnostics come back where the text has the right form but a literal has no value (a 30 February).
    """
    return cast("Written | Stuck | tuple[Diagnostic, ...]", _read(path, text, line, "declaration"))


def read_clauses(path: str, text: str, line: int) -> tuple[Clause, ...] | Stuck | tuple[Diagnostic, ...]:
    """The clauses of a rule in `text`, at least one; otherwise as `read_declaration`."""
    return cast("tuple[Clause, ...] | Stuck | tuple[Diagnostic, ...]", _read(path, text, line, "clauses"))


Wording = tuple[ast.Text | None, ast.Text | None]
"""What a title or a fix says in English and in Chinese."""


def assemble(name: ast.Name, title: Wording, clauses: Sequence[Clause], span: Span) -> ast.Rule:
    """A rule of its clauses, whatever order they stand in; of a clause that may stand only once, the first counts."""
    def only(keyword: str, otherwise: Any) -> Any:
        return next((c.value for c in clauses if c.keyword == keyword), otherwise)

    def all_of(keyword: str) -> tuple[Any, ...]:
        return tuple(c.value for c in clauses if c.keyword == keyword)

    fix: Wording = only("fix", (None, None))
    return ast.Rule(name, title[0], only("cites", ()), only("family", None), only("severity", None), only("per", ()),
                    only("on", None), all_of("when"), all_of("must"), all_of("unless"), fix[0], only("applies", None),
                    title[1], fix[1], span)


def _read(path: str, text: str, line: int, start: Start) -> Any:
    try:
        tree = grammar().parse(text, start=start)
    except UnexpectedInput as stuck:
        return _stuck(text, stuck)
    if (deep := _too_deep(tree)) is not None:
        return (too_deep(_span(path, line, deep)),)
    builder = _Builder(path, line)
    try:
        built = builder.transform(tree)
    except VisitError as fault:
        raise fault.orig_exc from fault
    return tuple(builder.refused) or built


def too_deep(span: Span) -> Diagnostic:
    """The one message for expressions no pass should walk."""
    return error("syntax", f"an expression is nested more than {MAX_DEPTH} deep", span, "too deep",
                 help="name a part of it with `define`")


def _stuck(text: str, stuck: UnexpectedInput) -> Stuck:
    interactive = getattr(stuck, "interactive_parser", None)
    expected = frozenset(interactive.accepts()) if interactive else frozenset()
    match stuck:
        case UnexpectedToken(token=Token(type="$END")):
            return Stuck(len(text), expected)
        case UnexpectedToken(token=Token(start_pos=int(offset))):
            return Stuck(offset, expected)
        case UnexpectedCharacters(pos_in_stream=int(offset)):
            return Stuck(offset, expected)
    return Stuck(len(text), expected)


def _too_deep(tree: Tree[Token]) -> Meta | None:
    """The first place deeper than the limit. A chain `a + b + c` becomes as deep as it is long."""
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        inside = depth + (len(node.children) // 2 if node.data == "chain" else 1)
        if inside > MAX_DEPTH and not node.meta.empty:
            return node.meta
        waiting += [(child, inside) for child in node.children if isinstance(child, Tree)]
    return None


def _span(path: str, line: int, meta: Any) -> Span:
    """The span of a lark tree or token; both carry the same four numbers."""
    return Span(path, meta.line + line - 1, meta.column, meta.end_line + line - 1, meta.end_column)


@v_args(meta=True)
class _Builder(Transformer_NonRecursive[Token, Any]):
    """Tree -> nodes, bottom up; methods bear the names of the grammar's rules and aliases, helpers begin with `_`."""

    def __init__(self, path: str, line: int) -> None:
        super().__init__(visit_tokens=False)
        self._path = path
        self._line = line
        self.refused: list[Diagnostic] = []
        self._clauses: list[Clause] = []

    def _at(self, meta: Any) -> Span:
        return _span(self._path, self._line, meta)

    def _name(self, token: Token) -> ast.Name:
        return ast.Name(str(token), self._at(token))

    def _maybe_name(self, token: Token | None) -> ast.Name | None:
        return None if token is None else self._name(token)

    def _names_of(self, tokens: Sequence[Token]) -> tuple[ast.Name, ...]:
        return tuple(self._name(t) for t in tokens)

    def _field_of(self, tokens: Sequence[Token]) -> tuple[ast.Name, ...]:
        """Names of FIELD tokens; the span leaves out the dot and what may stand behind it."""
        names = []
        for token in tokens:
            word = _last_word(token)
            end = self._at(token)
            names.append(ast.Name(word, Span(self._path, end.end_line, end.end_column - len(word), end.end_line,
                                             end.end_column)))
        return tuple(names)

    def _string(self, token: Token) -> ast.Text:
        span = self._at(token)
        try:
            value = json.loads(str(token))
            value.encode("utf-8")
        except ValueError:
            self.refused.append(error("syntax", f"the text `{shorten(str(token))}` has an unknown escape", span,
                                      "not as in JSON",
                                      help='write `\\"`, `\\\\`, `\\n`, `\\t` or `\\u4f60`; a tab is written `\\t`'))
            value = ""
        return ast.Text(value, span)

    # ---- declarations

    def _written(self, declaration: ast.Declaration) -> Written:
        return Written(declaration, tuple(self._clauses))

    def policy_header(self, meta: Meta, parts: list[Any]) -> Written:
        return self._written(ast.PolicyHeader(self._name(parts[0]), self._name(parts[1]), self._at(meta)))

    def extend(self, meta: Meta, parts: list[Any]) -> Written:
        return self._written(ast.Extend(self._name(parts[0]), self._name(parts[1]), self._at(meta)))

    def use_vocabulary(self, meta: Meta, parts: list[Any]) -> Written:
        return self._written(ast.UseVocabulary(self._name(parts[0]), self._at(meta)))

    def use_file(self, meta: Meta, parts: list[Any]) -> Written:
        return self._written(ast.UseFile(self._string(parts[0]), self._at(meta)))

    def applies(self, meta: Meta, parts: list[Any]) -> Written:
        return self._written(ast.Applies(parts[0], parts[1] or (), self._at(meta)))

    def param(self, meta: Meta, parts: list[Any]) -> Written:
        name, value, tunable, citations = parts
        return self._written(ast.Param(self._name(name), value, tunable is not None, citations or (), self._at(meta)))

    def define(self, meta: Meta, parts: list[Any]) -> Written:
        name, parameters, value = parts
        return self._written(ast.Define(self._name(name), parameters or (), value, self._at(meta)))

    def state_holds(self, meta: Meta, parts: list[Any]) -> Written:
        name, keys, starts, ends, lasting = parts
        if ends is None and lasting is None:
            self.refused.append(error("syntax", f"the state `{name}` has no end", self._at(name), "holds for ever",
                                      help="write `until EVENT`, `lasting 30 days`, or both"))
        return self._written(ast.StateHolds(self._name(name), keys or (), starts, ends or (), lasting, self._at(meta)))

    def state_value(self, meta: Meta, parts: list[Any]) -> Written:
        name, keys, *sources = parts
        return self._written(ast.StateValue(self._name(name), keys or (), tuple(sources), self._at(meta)))

    def episode(self, meta: Meta, parts: list[Any]) -> Written:
        name, keys, events, gap, ends = parts
        return self._written(ast.Episode(self._name(name), keys or (), events, gap, ends or (), self._at(meta)))

    def rule(self, meta: Meta, parts: list[Any]) -> Written:
        name, title, *_ = parts
        return self._written(assemble(self._name(name), title or (None, None), self._clauses, self._at(meta)))

    def unchecked(self, meta: Meta, parts: list[Any]) -> Written:
        return self._written(ast.Unchecked(parts[0], self._string(parts[1]), self._at(meta)))

    def forget(self, meta: Meta, parts: list[Any]) -> Written:
        return self._written(ast.Forget(self._name(parts[0]), parts[1], self._at(meta)))

    def parameters(self, meta: Meta, parts: list[Any]) -> tuple[ast.Name, ...]:
        return self._names_of(parts)

    def events(self, meta: Meta, parts: list[Any]) -> tuple[ast.Pattern, ...]:
        return tuple(parts)

    def event(self, meta: Meta, parts: list[Any]) -> ast.Pattern:
        return ast.Pattern(self._name(parts[0]), False, parts[1], self._at(meta))

    def sources(self, meta: Meta, parts: list[Any]) -> tuple[ast.EventField, ...]:
        return tuple(parts)

    def source(self, meta: Meta, parts: list[Any]) -> ast.EventField:
        name, *fields, where = parts
        return ast.EventField(self._name(name), self._field_of(fields), where, self._at(meta))

    # ---- clauses

    def clauses(self, meta: Meta, parts: list[Any]) -> tuple[Clause, ...]:
        return tuple(parts)

    def _clause(self, keyword: str, value: Any, meta: Meta) -> Clause:
        clause = Clause(keyword, value, self._at(meta))
        self._clauses.append(clause)
        return clause

    def clause_cites(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("cites", parts[0], meta)

    def clause_family(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("family", self._name(parts[0]), meta)

    def clause_severity(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("severity", self._name(parts[0]), meta)

    def clause_applies(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("applies", parts[0], meta)

    def clause_per(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("per", parts[0], meta)

    def clause_on(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("on", parts[0], meta)

    def clause_when(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("when", parts[0], meta)

    def must(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("must", ast.Must(parts[0], False, self._at(meta)), meta)

    def must_not(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("must", ast.Must(parts[0], True, self._at(meta)), meta)

    def must_not_happen(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("must", ast.Must(None, True, self._at(meta)), meta)

    def unless(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("unless", ast.Unless(parts[0], parts[1] or (), self._at(meta)), meta)

    def clause_fix(self, meta: Meta, parts: list[Any]) -> Clause:
        return self._clause("fix", parts[0], meta)

    def wording(self, meta: Meta, parts: list[Any]) -> Wording:
        english, chinese = parts
        return self._string(english), None if chinese is None else self._string(chinese)

    def cites(self, meta: Meta, parts: list[Any]) -> tuple[ast.Citation, ...]:
        return cast("tuple[ast.Citation, ...]", parts[0])

    def citations(self, meta: Meta, parts: list[Any]) -> tuple[ast.Citation, ...]:
        return tuple(parts)

    def citation(self, meta: Meta, parts: list[Any]) -> ast.Citation:
        instrument, place = parts
        return ast.Citation(None if instrument is None else str(instrument), _one_space(str(place)), self._at(meta))

    def per(self, meta: Meta, parts: list[Any]) -> tuple[ast.Name, ...]:
        return self._names_of(parts)

    def names(self, meta: Meta, parts: list[Any]) -> tuple[ast.Name, ...]:
        return self._names_of(parts)

    def alias(self, meta: Meta, parts: list[Any]) -> ast.Name | None:
        return self._maybe_name(parts[0])

    def on_event(self, meta: Meta, parts: list[Any]) -> ast.OnEvent:
        events, alias, where = parts
        return ast.OnEvent(events, False, alias, where, self._at(meta))

    def on_first(self, meta: Meta, parts: list[Any]) -> ast.OnEvent:
        events, alias, where = parts
        return ast.OnEvent(events, True, alias, where, self._at(meta))

    def on_every(self, meta: Meta, parts: list[Any]) -> ast.OnEvery:
        _, period, run, alias = parts
        return ast.OnEvery(period, self._name(run), alias, False, self._at(meta))

    def on_once(self, meta: Meta, parts: list[Any]) -> ast.OnEvery:
        period, run, alias = parts
        return ast.OnEvery(period, self._name(run), alias, True, self._at(meta))

    def on_without(self, meta: Meta, parts: list[Any]) -> ast.OnWithout:
        period, run, pattern, alias = parts
        return ast.OnWithout(period, self._name(run), pattern, alias, self._at(meta))

    def on_start(self, meta: Meta, parts: list[Any]) -> ast.OnStart:
        return ast.OnStart(self._name(parts[0]), parts[1], self._at(meta))

    # ---- expressions

    def or_(self, meta: Meta, parts: list[Any]) -> ast.Or:
        return ast.Or(tuple(parts), self._at(meta))

    def and_(self, meta: Meta, parts: list[Any]) -> ast.And:
        return ast.And(tuple(parts), self._at(meta))

    def not_(self, meta: Meta, parts: list[Any]) -> ast.Not:
        return ast.Not(parts[0], self._at(meta))

    def binary(self, meta: Meta, parts: list[Any]) -> ast.Binary:
        left, operator, right = parts
        return ast.Binary(cast(ast.BinaryOperator, str(operator)), left, right, self._at(meta))

    def contains_all(self, meta: Meta, parts: list[Any]) -> ast.Binary:
        return ast.Binary("contains all", parts[0], parts[2], self._at(meta))

    def contains_none(self, meta: Meta, parts: list[Any]) -> ast.Binary:
        return ast.Binary("contains none of", parts[0], parts[2], self._at(meta))

    def chain(self, meta: Meta, parts: list[Any]) -> ast.Expr:
        """`a - b + c` is `(a - b) + c`."""
        left: ast.Expr = parts[0]
        whole = self._at(meta)
        for operator, right in zip(parts[1::2], parts[2::2], strict=True):
            span = whole if right is parts[-1] else left.span.to(right.span)
            left = ast.Binary(cast(ast.BinaryOperator, str(operator)), left, right, span)
        return left

    def is_present(self, meta: Meta, parts: list[Any]) -> ast.IsPresent:
        return ast.IsPresent(parts[0], False, self._at(meta))

    def is_missing(self, meta: Meta, parts: list[Any]) -> ast.IsPresent:
        return ast.IsPresent(parts[0], True, self._at(meta))

    def occurs(self, meta: Meta, parts: list[Any]) -> ast.Occurs:
        return ast.Occurs(parts[0], parts[1], False, self._at(meta))

    def occurs_not(self, meta: Meta, parts: list[Any]) -> ast.Occurs:
        return ast.Occurs(parts[1], parts[2], True, self._at(meta))

    def quantified(self, meta: Meta, parts: list[Any]) -> ast.Quantified:
        kind, variable, _, domain, where, condition = parts
        return ast.Quantified(cast(Literal["every", "some", "no"], str(kind)), self._name(variable), domain, where,
                              condition, self._at(meta))

    def count_elements(self, meta: Meta, parts: list[Any]) -> ast.CountElements:
        variable, _, domain, where = parts
        return ast.CountElements(self._name(variable), domain, where, self._at(meta))

    def count_events(self, meta: Meta, parts: list[Any]) -> ast.CountEvents:
        return ast.CountEvents(parts[0], parts[1], self._at(meta))

    def sum_events(self, meta: Meta, parts: list[Any]) -> ast.SumEvents:
        any_, event, *fields, where, span = parts
        return ast.SumEvents(self._pattern_of(any_, event, where, meta), self._field_of(fields), span, self._at(meta))

    def episode_duration(self, meta: Meta, parts: list[Any]) -> ast.EpisodeDuration:
        return ast.EpisodeDuration(self._name(parts[0]), parts[1], self._at(meta))

    def latest(self, meta: Meta, parts: list[Any]) -> ast.Latest:
        _, any_, event, *fields, where = parts
        return ast.Latest(self._pattern_of(any_, event, where, meta), self._field_of(fields), self._at(meta))

    def _pattern_of(self, any_: Token | None, event: Token, where: ast.Expr | None, meta: Meta) -> ast.Pattern:
        return ast.Pattern(self._name(event), any_ is not None, where, self._at(meta))

    def pattern(self, meta: Meta, parts: list[Any]) -> ast.Pattern:
        any_, event, where = parts
        return self._pattern_of(any_, event, where, meta)

    def path(self, meta: Meta, parts: list[Any]) -> ast.Path:
        return ast.Path(self._name(parts[0]), self._field_of(parts[1:]), self._at(meta))

    def call(self, meta: Meta, parts: list[Any]) -> ast.Call:
        return ast.Call(self._name(parts[0]), tuple(parts[1:]), self._at(meta))

    def argument(self, meta: Meta, parts: list[Any]) -> ast.Argument:
        return ast.Argument(self._maybe_name(parts[0]), parts[1], self._at(meta))

    def list_literal(self, meta: Meta, parts: list[Any]) -> ast.ListLiteral:
        return ast.ListLiteral(tuple(parts), self._at(meta))

    # ---- literals

    def text(self, meta: Meta, parts: list[Any]) -> ast.Text:
        return self._string(parts[0])

    def boolean(self, meta: Meta, parts: list[Any]) -> ast.Boolean:
        return ast.Boolean(parts[0] == "true", self._at(meta))

    def number(self, meta: Meta, parts: list[Any]) -> ast.Number:
        return self._number_of(str(parts[0]), self._at(meta))

    def signed(self, meta: Meta, parts: list[Any]) -> ast.Number:
        sign, digits = parts
        if sign == "+":
            self.refused.append(error("syntax", f"a number above zero has no sign, found `+{digits}`", self._at(sign),
                                      "sign not needed", help=f"write `{digits}`"))
        return self._number_of(f"{sign}{digits}", self._at(meta))

    def _number_of(self, written: str, span: Span) -> ast.Number:
        value = Decimal(written.rstrip("%").replace("_", ""))
        if written.endswith("%"):
            value = value.scaleb(-2)
        whole, _, fraction = f"{abs(value):f}".partition(".")
        if len(whole.lstrip("0")) > 18 or len(fraction.rstrip("0")) > 9:
            self.refused.append(error("syntax", f"the number `{shorten(written, 40)}` has too many digits", span,
                                      "too long", help="at most 18 digits stand before the point and 9 after it"))
        return ast.Number(value, written, span)

    def duration(self, meta: Meta, parts: list[Any]) -> ast.Duration:
        written = str(parts[0])
        digits, *unit = _words(written)
        singular = [*unit[:-1], unit[-1].removesuffix("s")]
        count = self._number_of(digits, self._at(meta)).value
        return ast.Duration(count, " ".join(singular), self._at(meta))

    def date(self, meta: Meta, parts: list[Any]) -> ast.DateLiteral:
        written = str(parts[0])
        try:
            date.fromisoformat(written)
        except ValueError:
            self.refused.append(error("syntax", f"there is no date `{written}`", self._at(meta), "no such day",
                                      help="a date is written `2026-07-15`: year, month, day"))
        return ast.DateLiteral(written, self._at(meta))

    def time(self, meta: Meta, parts: list[Any]) -> ast.TimeLiteral:
        written = str(parts[0])
        try:
            time.fromisoformat(written)
        except ValueError:
            self.refused.append(error("syntax", f"there is no time of day `{written}`", self._at(meta), "no such time",
                                      help="a time is written `09:00` or `22:30:15`, from `00:00` to `23:59:59`"))
        return ast.TimeLiteral(written, self._at(meta))

    # ---- ranges

    def within(self, meta: Meta, parts: list[Any]) -> ast.Within:
        return ast.Within(parts[0], self._at(meta))

    def within_last(self, meta: Meta, parts: list[Any]) -> ast.WithinLast:
        return ast.WithinLast(parts[0], self._at(meta))

    def by(self, meta: Meta, parts: list[Any]) -> ast.By:
        return ast.By(parts[0], self._at(meta))

    def before(self, meta: Meta, parts: list[Any]) -> ast.Before:
        return ast.Before(self._at(meta))

    def since(self, meta: Meta, parts: list[Any]) -> ast.Since:
        return ast.Since(parts[0], self._at(meta))

    def this(self, meta: Meta, parts: list[Any]) -> ast.This:
        return ast.This(cast(Literal["day", "week", "month", "year"], str(parts[0])), self._at(meta))

    def during(self, meta: Meta, parts: list[Any]) -> ast.During:
        return ast.During(self._name(parts[0]), self._at(meta))

    def no_later_than(self, meta: Meta, parts: list[Any]) -> ast.NoLaterThan:
        return ast.NoLaterThan(parts[1], self._at(meta))


def _last_word(token: str) -> str:
    """The name at the end of a FIELD token, which may hold white space and comments behind its dot."""
    return _words(token[1:])[-1]


def _words(token: str) -> list[str]:
    """The words of a token that may hold white space and comments."""
    return [word for line in token.split("\n") for word in line.partition("#")[0].split()]


def _one_space(place: str) -> str:
    """`Art.18 (2)` -> `Art. 18(2)`."""
    word = next(w for w in ("Art.", "Sec.", "App.", "§", "Clause", "Annex") if place.startswith(w))
    return f"{word} {''.join(place.removeprefix(word).split())}"
