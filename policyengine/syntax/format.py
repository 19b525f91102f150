"""A parsed policy file and its text -> the text in the canonical layout, with every comment.

Two spaces before a clause, one clause a line, lines of at most 120 columns where the words allow it; a Chinese letter
takes two. Kept as written: comments, grouping by blank lines, the line breaks of a condition its author spread over
lines, and the whole of a clause that has a comment inside. It knows no meaning; it does not format a file that has
syntax mistakes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from policyengine.base.columns import columns
from policyengine.base.source import Source, Span
from policyengine.syntax import ast
from policyengine.syntax.grammar import CLAUSES, Written
from policyengine.syntax.parser import comments, parse_written

WIDTH = 120


def format_file(text: str, file: ast.File) -> str:
    """The text of `file` laid out anew. A text with syntax mistakes comes back unchanged."""
    written, diagnostics = parse_written(file.path, text)
    if diagnostics:
        return text
    source = Source(file.path, text.removeprefix("\ufeff"))
    units = [unit for w in written for unit in _units(w)]
    return _join(_lines(source, units, comments(file.path, source.text)))


def format_declaration(declaration: ast.Declaration) -> str:
    """One declaration without comments, ending in a line end; its spans are used only to keep line breaks."""
    return "".join(f"{' ' * unit.indent}{render(unit.doc, unit.indent)}\n" for unit in _units(Written(declaration, ())))


def format_expression(expression: ast.Expr) -> str:
    """An expression on one line, as messages and `explain` quote it."""
    return _flat(_expression(expression))


# ---- units: what stands on lines of its own ---------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Unit:
    """A declaration without clauses, the head of a rule, or a clause of one."""

    doc: _Doc
    span: Span
    indent: int
    apart: bool = False     # the head of a rule: a blank line stands before it
    inside: bool = False    # a clause of the rule above


def _units(written: Written) -> list[_Unit]:
    declaration = written.declaration
    if not isinstance(declaration, ast.Rule):
        return [_Unit(_declaration(declaration), declaration.span, 0)]
    rule = declaration
    end = rule.title_zh or rule.title or rule.name
    head = _Unit(_wording(f"rule {rule.name.text}", rule.title, rule.title_zh), rule.span.to(end.span), 0, apart=True)
    docs = _clauses(rule)
    # Without the places of clauses (a rule that was never written) each stands where the rule does.
    spans = [c.span for c in written.clauses] or [rule.span] * len(docs)
    return [head, *(_Unit(d, s, 2, inside=True) for d, s in zip(docs, spans, strict=True))]


def _clauses(rule: ast.Rule) -> list[_Doc]:
    docs: list[_Doc] = []
    for keyword in CLAUSES:
        match keyword:
            case "cites":
                docs += [_cites(rule.citations)] if rule.citations else []
            case "family":
                docs += [f"family {rule.family.text}"] if rule.family else []
            case "severity":
                docs += [f"severity {rule.severity.text}"] if rule.severity else []
            case "applies":
                docs += [_condition("applies when", rule.applies)] if rule.applies else []
            case "per":
                docs += [f"per {_names(rule.keys)}"] if rule.keys else []
            case "on":
                docs += [_cat("on ", _trigger(rule.trigger))] if rule.trigger else []
            case "when":
                docs += [_condition("when", e) for e in rule.when]
            case "must":
                docs += [_must(m) for m in rule.must]
            case "unless":
                docs += [_unless(u) for u in rule.unless]
            case "fix":
                docs += [_wording("fix", rule.fix, rule.fix_zh)] if rule.fix else []
    return docs


def _wording(before: str, english: ast.Text | None, chinese: ast.Text | None) -> _Doc:
    """A title or a fix; the Chinese begins a line where both do not fit on one, and the English where it does not."""
    if english is None:
        return before
    said = _group(before, _nested(LINE, _text(english)))
    return said if chinese is None else _group(said, _nested(LINE, "zh ", _text(chinese)))


def _must(must: ast.Must) -> _Doc:
    if must.condition is None:
        return "must not happen"
    # `must not` and `must not happen` are words of their own, so a condition that begins so needs brackets; and
    # `must not a or b` negates the whole, which a reader sees only with brackets.
    joined = must.negated and isinstance(must.condition, ast.And | ast.Or)
    if joined or _first_word(must.condition) == ("happen" if must.negated else "not"):
        return _cat("must not " if must.negated else "must ", _bracketed(must.condition))
    return _condition("must not" if must.negated else "must", must.condition)


def _unless(unless: ast.Unless) -> _Doc:
    condition = _condition("unless", unless.condition)
    if not unless.under:
        return condition
    return _group(condition, _nested(LINE, "under ", _citations(unless.under)))


def _trigger(trigger: ast.Trigger) -> _Doc:
    match trigger:
        case ast.OnEvent(events=events, first=first, alias=alias, where=where):
            return _cat("first " if first else "", _names(events), _alias(alias), _where(where))
        case ast.OnEvery(period=period, run=run, alias=alias, once=once):
            return _cat("" if once else "every ", _expression(period), f" of {run.text}", _alias(alias))
        case ast.OnWithout(period=period, run=run, pattern=pattern, alias=alias):
            return _cat(_expression(period), f" of {run.text} without ", _pattern(pattern), _alias(alias))
        case ast.OnStart(run=run, alias=alias):
            return _cat(f"start of {run.text}", _alias(alias))
        case _:
            assert_never(trigger)


def _declaration(declaration: ast.Declaration) -> _Doc:
    match declaration:
        case ast.PolicyHeader(regulation=regulation, version=version):
            return f"policy {regulation.text} version {version.text}"
        case ast.UseVocabulary(name=name):
            return f"use vocabulary {name.text}"
        case ast.UseFile(path=path):
            return _cat("use ", _text(path))
        case ast.Extend(regulation=regulation, version=version):
            return f"extend {regulation.text} version {version.text}"
        case ast.Applies(condition=condition, citations=citations):
            cites = (_nested(LINE, _cites(citations)),) if citations else ()
            return _group(_condition("applies when", condition), *cites)
        case ast.Param(name=name, value=value, tunable=tunable, citations=citations):
            cites = (_nested(LINE, _cites(citations)),) if citations else ()
            return _group(f"param {name.text} = ", _expression(value), " tunable" if tunable else "", *cites)
        case ast.Define(name=name, parameters=parameters, value=value):
            arguments = f"({_names(parameters)})" if parameters else ""
            return _condition(f"define {name.text}{arguments} =", value)
        case ast.StateHolds(name=name, keys=keys, starts=starts, ends=ends, lasting=lasting):
            parts: list[_Doc] = [_nested(LINE, "from ", _patterns(starts))]
            parts += [_nested(LINE, "until ", _patterns(ends))] if ends else []
            parts += [_nested(LINE, "lasting ", _expression(lasting))] if lasting else []
            return _group(f"state {name.text}{_per(keys)}", *parts)
        case ast.StateValue(name=name, keys=keys, sources=sources):
            first, *others = (_commas([_event_field(s) for s in some]) for some in sources)
            return _group(f"state {name.text}{_per(keys)} is ", first,
                          *(_nested(LINE, "otherwise ", other) for other in others))
        case ast.Episode(name=name, keys=keys, events=events, gap=gap, ends=ends):
            closing = (_nested(LINE, "ends at ", _patterns(ends)),) if ends else ()
            return _group(f"episode {name.text}{_per(keys)} of ", _patterns(events),
                          _nested(LINE, "gap ", _expression(gap)), *closing)
        case ast.Unchecked(citations=citations, reason=reason):
            return _group("unchecked ", _citations(citations), _nested(LINE, "because ", _text(reason)))
        case ast.Forget(key=key, at=at):
            return _cat(f"forget {key.text} at ", _patterns(at))
        case ast.Rule():
            raise AssertionError("a rule is more than one unit")
        case _:
            assert_never(declaration)


def _event_field(source: ast.EventField) -> _Doc:
    return _cat(_dotted(source.event, source.field), _where(source.where))


def _cites(citations: Sequence[ast.Citation]) -> _Doc:
    return _cat("cites ", _citations(citations))


def _citations(citations: Sequence[ast.Citation]) -> _Doc:
    return _commas([str(c) for c in citations])


def _per(keys: Sequence[ast.Name]) -> str:
    return f" per {_names(keys)}" if keys else ""


def _names(names: Sequence[ast.Name]) -> str:
    return ", ".join(n.text for n in names)


def _alias(alias: ast.Name | None) -> str:
    return f" as {alias.text}" if alias else ""


def _patterns(patterns: Sequence[ast.Pattern]) -> _Doc:
    return _commas([_pattern(p) for p in patterns])


def _pattern(pattern: ast.Pattern) -> _Doc:
    return _cat("any " if pattern.any else "", pattern.event.text, _where(pattern.where))


def _where(where: ast.Expr | None) -> _Doc:
    return "" if where is None else _cat(" where ", _bracketed(where))


def _dotted(head: ast.Name, fields: Sequence[ast.Name]) -> str:
    return ".".join(n.text for n in (head, *fields))


# ---- expressions ------------------------------------------------------------------------------------------------

# How tightly each form holds together; an operand that holds less tightly than its place asks for gets brackets.
JOINED, NEGATED, COMPARED, ADDED, MULTIPLIED, OPERAND = range(1, 7)


def _tightness(e: ast.Expr) -> int:
    match e:
        case ast.Or() | ast.And():
            return JOINED
        case ast.Not():
            return NEGATED
        case ast.Binary(operator="+" | "-"):
            return ADDED
        case ast.Binary(operator="*" | "/"):
            return MULTIPLIED
        case ast.Binary() | ast.IsPresent() | ast.Occurs() | ast.Quantified():
            return COMPARED
        case _:
            return OPERAND


def _condition(keyword: str, e: ast.Expr) -> _Doc:
    """A clause's whole condition; its parts stand below each other, `and` and `or` hang to their left."""
    if isinstance(e, ast.And | ast.Or):
        return _cat(f"{keyword} ", _joined(e, hang=True))
    return _cat(f"{keyword} ", _Align(_expression(e)))


def _joined(e: ast.And | ast.Or, *, hang: bool = False) -> _Doc:
    word = "and " if isinstance(e, ast.And) else "or "
    first, *others = e.parts
    docs: list[_Doc] = [_at_least(first, NEGATED)]
    docs += [_cat(LINE, word, _Align(_at_least(part, NEGATED))) for part in others]
    spread = e.parts[0].span.line != e.parts[-1].span.line
    return _Align(_Group(_cat(*docs), spread or any(_breaks(d) for d in docs)), -len(word) if hang else 0)


def _bracketed(e: ast.Expr) -> _Doc:
    return _cat("(", _Align(_expression(e)), ")")


def _at_least(e: ast.Expr, tightness: int) -> _Doc:
    return _expression(e) if _tightness(e) >= tightness else _bracketed(e)


def _expression(e: ast.Expr) -> _Doc:
    match e:
        case ast.Number(written=written):
            return written
        case ast.Text():
            return _text(e)
        case ast.Boolean(value=value):
            return "true" if value else "false"
        case ast.DateLiteral(value=value) | ast.TimeLiteral(value=value):
            return value
        case ast.Duration(count=count, unit=unit):
            return f"{count:f} {unit}" + ("" if count == Decimal(1) else "s")
        case ast.ListLiteral(items=items):
            return _cat("[", _filled([_expression(i) for i in items]), "]")
        case ast.Path(head=head, fields=fields):
            return _dotted(head, fields)
        case ast.Call(name=name, arguments=arguments):
            return _cat(f"{name.text}(", _commas([_argument(a) for a in arguments]), ")")
        case ast.Or() | ast.And():
            return _joined(e)
        case ast.Not(part=part):
            return _cat("not ", _at_least(part, NEGATED))
        case ast.Binary():
            return _binary(e)
        case ast.IsPresent(operand=operand, negated=negated):
            return _cat(_at_least(operand, ADDED), " is missing" if negated else " is present")
        case ast.Quantified(kind=kind, variable=variable, domain=domain, where=where, condition=condition):
            spread = condition.span.line > domain.span.end_line if where is None else \
                condition.span.line > where.span.end_line
            return _group(f"{kind} {variable.text} in ", _expression(domain), _where(where), LINE, "satisfies ",
                          _bracketed(condition), spread=spread)
        case ast.CountElements(variable=variable, domain=domain, where=where):
            return _cat(f"count({variable.text} in ", _expression(domain), _where(where), ")")
        case ast.Occurs(pattern=pattern, range=range_, negated=negated):
            return _cat("no " if negated else "", _pattern(pattern), " ", _range(range_))
        case ast.CountEvents(pattern=pattern, range=range_):
            return _cat("count of ", _pattern(pattern), " ", _range(range_))
        case ast.SumEvents(pattern=pattern, field=fields, range=range_):
            return _cat("sum of ", _pattern_field(pattern, fields), " ", _range(range_))
        case ast.EpisodeDuration(episode=episode, range=range_):
            return _cat(f"duration of {episode.text} ", _range(range_))
        case ast.Latest(pattern=pattern, field=fields):
            return _cat("latest ", _pattern_field(pattern, fields))
        case _:
            assert_never(e)


def _binary(e: ast.Binary) -> _Doc:
    match e.operator:
        case "+" | "-":
            left, right = ADDED, MULTIPLIED
        case "*" | "/":
            left, right = MULTIPLIED, OPERAND
        case _:
            left, right = ADDED, ADDED
    after = _at_least(e.right, right)
    if e.operator == "contains" and _first_word(e.right) in ("all", "none"):
        after = _bracketed(e.right)
    return _cat(_at_least(e.left, left), f" {e.operator} ", after)


def _pattern_field(pattern: ast.Pattern, fields: Sequence[ast.Name]) -> _Doc:
    return _cat("any " if pattern.any else "", _dotted(pattern.event, fields), _where(pattern.where))


def _argument(argument: ast.Argument) -> _Doc:
    return _cat(f"{argument.name.text}: " if argument.name else "", _expression(argument.value))


def _range(range_: ast.Range) -> _Doc:
    match range_:
        case ast.Within(period=period):
            return _cat("within ", _expression(period))
        case ast.By(deadline=deadline):
            return _cat("by ", _at_least(deadline, ADDED))
        case ast.Before():
            return "before"
        case ast.WithinLast(period=period):
            return _cat("within the last ", _expression(period))
        case ast.Since(pattern=pattern):
            return _cat("since ", _pattern(pattern))
        case ast.This(unit=unit):
            return f"this {unit}"
        case ast.During(episode=episode):
            return f"during {episode.text}"
        case ast.NoLaterThan(period=period):
            return _cat("no later than ", _expression(period))
        case _:
            assert_never(range_)


def _text(text: ast.Text) -> str:
    return json.dumps(text.value, ensure_ascii=False)


def _first_word(e: ast.Expr) -> str:
    return _flat(_expression(e)).replace(".", " ").partition(" ")[0]


# ---- comments and blank lines -----------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Laid:
    """A run of lines of the result, and which lines of the source it came from."""

    text: str
    first: int
    last: int
    apart: bool = False
    inside: bool = False


def _lines(source: Source, units: Sequence[_Unit], notes: Sequence[ast.Comment]) -> list[_Laid]:
    """Units and comments in order. A comment behind a unit on its last line stays there; one inside keeps the unit as
    it was written; any other stands on its own line."""
    laid: list[_Laid] = []
    waiting = list(notes)
    for index, unit in enumerate(units):
        above: list[ast.Comment] = []
        while waiting and _start(waiting[0].span) < _start(unit.span):
            above.append(waiting.pop(0))
        laid += _own_lines(above, units[index - 1] if index else None, unit)
        has_inner = False
        while waiting and _start(waiting[0].span) < _end(unit.span):
            has_inner = True
            waiting.pop(0)
        text = " " * unit.indent + (_as_written(source, unit) if has_inner else render(unit.doc, unit.indent))
        following = units[index + 1] if index + 1 < len(units) else None
        if waiting and waiting[0].span.line == unit.span.end_line and (
                following is None or _start(waiting[0].span) < _start(following.span)):
            text += f"  {waiting.pop(0).text}"
        laid.append(_Laid(text, unit.span.line, unit.span.end_line, unit.apart, unit.inside))
    return laid + _own_lines(waiting, units[-1] if units else None, None)


def _own_lines(notes: Sequence[ast.Comment], above: _Unit | None, below: _Unit | None) -> list[_Laid]:
    """Comments between two units: indented ones below a declaration belong to it, from the first in column 1 on they
    belong to the next one; between clauses all are indented."""
    laid = []
    inside = above is not None
    for note in notes:
        inside = inside and (note.span.column > 1 or (below is not None and below.inside))
        laid.append(_Laid(("  " if inside else "") + note.text, note.span.line, note.span.line, inside=inside))
    return laid


def _as_written(source: Source, unit: _Unit) -> str:
    """The unit's own text, moved to its place; lines that go on stay indented, so that they open no declaration."""
    span = unit.span
    written = source.text[source.offset(span.line, span.column):source.offset(span.end_line, span.end_column)]
    first, *others = written.split("\n")
    shift = unit.indent + 1 - span.column
    lines = [first.rstrip()]
    for line in others:
        body = line.strip()
        indent = len(line[:len(line) - len(line.lstrip())].expandtabs(4))
        lines.append(" " * max(unit.indent + 2, indent + shift) + body if body else "")
    return "\n".join(lines)


def _join(laid: Sequence[_Laid]) -> str:
    """One blank line where the author left one or more, and one around every rule."""
    blank = [False] * len(laid)
    for index in range(1, len(laid)):
        blank[index] = laid[index].first > laid[index - 1].last + 1
    for start, end in _gaps(laid):
        if not any(blank[start:end + 1]):
            blank[start] = True
    return "".join(("\n" if gap else "") + item.text + "\n" for gap, item in zip(blank, laid, strict=True))


def _gaps(laid: Sequence[_Laid]) -> list[tuple[int, int]]:
    """From the first comment of a declaration to its first line, where a rule stands above or below."""
    gaps = []
    start: int | None = None
    below_rule = False
    for index, item in enumerate(laid):
        is_comment = item.text.lstrip().startswith("#")
        if item.inside:
            start = None
        elif is_comment:
            start = index if start is None else start
        else:
            if (item.apart or below_rule) and index:
                begin = index if start is None else start
                if begin:
                    gaps.append((begin, index))
            below_rule, start = item.apart, None
    return gaps


def _start(span: Span) -> tuple[int, int]:
    return span.line, span.column


def _end(span: Span) -> tuple[int, int]:
    return span.end_line, span.end_column


# ---- breaking lines (after Wadler, "A prettier printer") --------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Line:
    """A space, or a line end where the group around it does not fit."""

    flat: str = " "


@dataclass(frozen=True, slots=True)
class _Cat:
    parts: tuple[_Doc, ...]


@dataclass(frozen=True, slots=True)
class _Align:
    """Lines inside begin in the column where this stands, moved by `by`."""

    doc: _Doc
    by: int = 0


@dataclass(frozen=True, slots=True)
class _Nest:
    """Lines inside are indented two columns more."""

    doc: _Doc


@dataclass(frozen=True, slots=True)
class _Group:
    """Wholly on one line, or every line of it broken; `broken` where the author broke it."""

    doc: _Doc
    broken: bool


_Doc = str | _Line | _Cat | _Align | _Nest | _Group
LINE = _Line()


def _cat(*parts: _Doc) -> _Doc:
    return _Cat(tuple(p for p in parts if p != ""))


def _group(*parts: _Doc, spread: bool = False) -> _Doc:
    doc = _cat(*parts)
    return _Group(_Align(doc), spread)


def _nested(*parts: _Doc) -> _Doc:
    return _Nest(_cat(*parts))


def _commas(docs: Sequence[_Doc]) -> _Doc:
    """A list; where it does not fit, one element a line, below the first."""
    parts: list[_Doc] = []
    for index, doc in enumerate(docs):
        parts += [doc] if index == 0 else [",", LINE, doc]
    return _Group(_Align(_cat(*parts)), False)


def _filled(docs: Sequence[_Doc]) -> _Doc:
    """A list; where it does not fit, as many elements a line as do."""
    parts: list[_Doc] = []
    for index, doc in enumerate(docs):
        parts += [doc] if index == 0 else [",", _Group(_cat(LINE, doc), False)]
    return _Align(_cat(*parts))


def _breaks(doc: _Doc) -> bool:
    """True when a group somewhere inside was broken by the author."""
    match doc:
        case str() | _Line():
            return False
        case _Cat(parts=parts):
            return any(_breaks(p) for p in parts)
        case _Align(doc=inner) | _Nest(doc=inner):
            return _breaks(inner)
        case _Group(doc=inner, broken=broken):
            return broken or _breaks(inner)


def _flat(doc: _Doc) -> str:
    match doc:
        case str():
            return doc
        case _Line(flat=flat):
            return flat
        case _Cat(parts=parts):
            return "".join(_flat(p) for p in parts)
        case _Align(doc=inner) | _Nest(doc=inner) | _Group(doc=inner):
            return _flat(inner)


def render(doc: _Doc, column: int) -> str:
    """The lines of a document whose first line begins behind `column` columns; those are not in the result."""
    out: list[str] = []
    waiting: list[tuple[int, bool, _Doc]] = [(column, True, doc)]
    while waiting:
        indent, broken, part = waiting.pop()
        match part:
            case str():
                out.append(part)
                column += columns(part)
            case _Line(flat=flat):
                out.append("\n" + " " * indent if broken else flat)
                column = indent if broken else column + len(flat)
            case _Cat(parts=parts):
                waiting += [(indent, broken, p) for p in reversed(parts)]
            case _Align(doc=inner, by=by):
                waiting.append((max(2, column + by), broken, inner))
            case _Nest(doc=inner):
                waiting.append((indent + 2, broken, inner))
            case _Group(doc=inner, broken=by_author):
                breaks = by_author or column + _rest(inner, waiting) > WIDTH
                waiting.append((indent, breaks, inner))
            case _:
                assert_never(part)
    return "".join(out)


def _rest(doc: _Doc, waiting: Sequence[tuple[int, bool, _Doc]]) -> int:
    """The columns up to the next line end if `doc` stood on one line."""
    width = columns(_flat(doc))
    for _, broken, part in reversed(waiting):
        head, ends = _before_break(part, broken)
        width += head
        if ends:
            break
    return width


def _before_break(doc: _Doc, broken: bool) -> tuple[int, bool]:
    """The columns of `doc` before its first line end, and whether it has one."""
    match doc:
        case str():
            return columns(doc), False
        case _Line(flat=flat):
            return (0, True) if broken else (len(flat), False)
        case _Cat(parts=parts):
            width = 0
            for part in parts:
                more, ends = _before_break(part, broken)
                width += more
                if ends:
                    return width, True
            return width, False
        case _Align(doc=inner) | _Nest(doc=inner):
            return _before_break(inner, broken)
        case _Group(doc=inner):
            return _before_break(inner, True)
