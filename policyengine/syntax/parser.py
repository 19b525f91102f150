"""The text of a policy file -> its declarations, comments and every syntax mistake, whatever the text is.

A file is cut where a word stands in column 1, so that one broken declaration neither hides nor swallows the next; a
broken rule is read again clause by clause, so that mistakes in two clauses are two messages. What failed is left out
of the result and reported. Names are not resolved here, and no file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policyengine.base.diagnostic import Diagnostic, Note, error, in_order
from policyengine.base.source import Span
from policyengine.syntax import ast, syntax_errors
from policyengine.syntax.grammar import (
    CLAUSES,
    DECLARATIONS,
    MAX_DEPTH,
    REPEATABLE,
    RESERVED,
    Clause,
    Stuck,
    Written,
    read_clauses,
    read_declaration,
    too_deep,
)

_COMMENT = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"|(?P<comment>#[^\n]*)')
_BRACKET = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"|#[^\n]*|(?P<open>[(\[])|(?P<close>[)\]])')
_WORD = re.compile(r"\w+")
_GOES_ON = frozenset({*CLAUSES, *RESERVED, "zh"})
"""Words that begin no declaration but stand inside one."""
# `family` and `severity` are no reserved words, so only a name behind them makes a clause of them.
_CLAUSE_LINE = re.compile(r"\s*(?:must|cites|per|on|when|unless|fix"
                          r"|(?:family|severity)(?=\s+[A-Za-z_]\w*\s*(?:#.*)?$))\b")


def parse(path: str, text: str) -> tuple[ast.File, tuple[Diagnostic, ...]]:
    """The file as far as it could be read, and what could not be, in source order. Never raises, whatever the text."""
    text = text.removeprefix("\ufeff")
    written, diagnostics = parse_written(path, text)
    return ast.File(path, tuple(w.declaration for w in written), comments(path, text)), diagnostics


def parse_written(path: str, text: str) -> tuple[tuple[Written, ...], tuple[Diagnostic, ...]]:
    """As `parse`, with the places of the clauses, which the formatter needs."""
    declarations: list[Written] = []
    diagnostics: list[Diagnostic] = []
    for piece in _cut(path, text.removeprefix("\ufeff")):
        found = piece.refused or _read(path, piece)
        if isinstance(found, Written):
            declarations.append(found)
        else:
            diagnostics += found
    return tuple(declarations), in_order(diagnostics)


def comments(path: str, text: str) -> tuple[ast.Comment, ...]:
    """Every comment of the text, in order, without the white space at its end."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        for match in _COMMENT.finditer(line):
            if match["comment"]:
                written = match["comment"].rstrip()
                column = match.start() + 1
                found.append(ast.Comment(written, Span(path, number, column, number, column + len(written))))
    return tuple(found)


# ---- cutting ----------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Piece:
    """Some whole lines of a file; `line` is the number of the first. `refused` when they need not be read at all."""

    line: int
    text: str
    refused: tuple[Diagnostic, ...] = ()


def _cut(path: str, text: str) -> Iterator[_Piece]:
    """The declarations of a file, each with the lines that belong to it."""
    piece: list[str] = []
    start = 1
    refused: list[Diagnostic] = []
    for number, line in enumerate(text.split("\n"), 1):
        opens = bool(line) and not line[0].isspace() and line[0] != "#"
        word = match[0] if opens and (match := _WORD.match(line)) else ""
        closes = bool(piece) and not word and line[:1] in (")", "]")
        if opens and (word in DECLARATIONS or not (closes or word in _GOES_ON)):
            if piece:
                yield _Piece(start, "\n".join(piece), tuple(refused))
            piece, start, refused = [line], number, []
            if word not in DECLARATIONS:
                refused = [syntax_errors.unknown_declaration(path, line, number)]
        elif piece:
            piece.append(line)
            if word and not refused:
                refused = [syntax_errors.not_indented(path, word, number)]
        elif line.strip() and not line.lstrip().startswith("#"):
            piece, start = [line], number
            refused = [syntax_errors.no_declaration(path, line, number)]
    if piece:
        yield _Piece(start, "\n".join(piece), tuple(refused))


# ---- one declaration --------------------------------------------------------------------------------------------

def _read(path: str, piece: _Piece) -> Written | tuple[Diagnostic, ...]:
    if deep := _too_many_brackets(path, piece):
        return deep
    found = read_declaration(path, piece.text, piece.line)
    match found:
        case Written(declaration=ast.Rule() as rule, clauses=clauses):
            return _misplaced(clauses) or _without_must(rule) or found
        case Written():
            return found
        case Stuck():
            return _clause_by_clause(path, piece) or (syntax_errors.explain(path, piece.text, piece.line, found),)
        case _:
            return found


def _too_many_brackets(path: str, piece: _Piece) -> tuple[Diagnostic, ...]:
    depth = 0
    for number, line in enumerate(piece.text.split("\n"), piece.line):
        for match in _BRACKET.finditer(line):
            depth += 1 if match["open"] else -1 if match["close"] else 0
            if depth > MAX_DEPTH:
                column = match.start() + 1
                return (too_deep(Span(path, number, column, number, column + 1)),)
    return ()


def _clause_by_clause(path: str, piece: _Piece) -> tuple[Diagnostic, ...]:
    """The mistakes of a broken rule, one a clause; none when its clauses do not stand on lines of their own."""
    lines = piece.text.split("\n")
    if _first_word(lines[0]) != "rule":
        return ()
    starts = [0, *(n for n, line in enumerate(lines) if n and _CLAUSE_LINE.match(line))]
    found: list[Diagnostic] = []
    clauses: list[Clause] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        text = "\n".join(lines[start:end])
        read = read_declaration(path, text, piece.line) if start == 0 else read_clauses(path, text, piece.line + start)
        match read:
            case Stuck():
                found.append(syntax_errors.explain(path, text, piece.line + start, read))
            case Written(clauses=some):
                clauses += some
            case (Clause(), *_):
                clauses += (c for c in read if isinstance(c, Clause))
            case _:
                found += (d for d in read if isinstance(d, Diagnostic))
    return (*found, *_misplaced(clauses)) if found else ()


def _first_word(line: str) -> str:
    match = _WORD.match(line)
    return match[0] if match else ""


def _misplaced(clauses: Sequence[Clause]) -> tuple[Diagnostic, ...]:
    """Clauses written twice, or after one they should stand before."""
    found = []
    seen: dict[str, Clause] = {}
    for clause in clauses:
        keyword = Span(clause.span.path, clause.span.line, clause.span.column, clause.span.line,
                       clause.span.column + len(clause.keyword))
        later = [k for k in seen if CLAUSES.index(k) > CLAUSES.index(clause.keyword)]
        if clause.keyword in seen and clause.keyword not in REPEATABLE:
            found.append(error("syntax", f"the rule has a second `{clause.keyword}`", keyword, "only one may stand",
                               notes=(Note("the first is here", seen[clause.keyword].span),),
                               help="separate several by commas" if clause.keyword in ("cites", "per", "on") else ""))
        elif later:
            found.append(error("syntax", f"`{clause.keyword}` stands after `{later[0]}`", keyword, "out of order",
                               help=f"the order of clauses is {', '.join(CLAUSES)}"))
        seen.setdefault(clause.keyword, clause)
    return tuple(found)


def _without_must(rule: ast.Rule) -> tuple[Diagnostic, ...]:
    if rule.must:
        return ()
    return (error("syntax", f"the rule `{rule.name.text}` has no `must`", rule.name.span, "demands nothing",
                  help="add a line such as `must service.disclosure.ai_notice`, or `must not happen` after `on`"),)
