"""What is written can be read, laying out changes nothing but layout, and no text makes the parser raise."""

import random
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from policyengine.syntax import ast
from policyengine.syntax.format import format_declaration, format_expression, format_file
from policyengine.syntax.grammar import CLAUSES, DECLARATIONS, RESERVED
from policyengine.syntax.parser import parse
from tests.support.ast_strategies import declarations, expressions, files

GOOD = (Path(__file__).parent.parent / "golden" / "fmt" / "everything.policy").read_text(encoding="utf-8")
PIECES = [*RESERVED, *CLAUSES, *DECLARATIONS, "zh", "x", "a.b", "(", ")", "[", "]", ",", "=", "<", "#", '"', "3 days",
          "5%", "Art. 1", "\n", "\n  ", " ", "must not", "happen", "of", "gap", "，", "\u3000", "'", "\\", "-", ":",
          "\r\n", "within the last", "2026-02-30", "25:00", "since", "before", "count of", "é", "\x00", "\ud800"]


@given(declarations)
@settings(max_examples=200)
def test_what_is_written_is_read_back(declaration: ast.Declaration) -> None:
    text = format_declaration(declaration)
    file, diagnostics = parse("p", text)
    assert diagnostics == ()
    assert file.declarations == (declaration,)


@given(expressions)
def test_an_expression_fits_on_one_line_and_is_read_back(expression: ast.Expr) -> None:
    text = format_expression(expression)
    assert "\n" not in text
    file, diagnostics = parse("p", f"define x = {text}")
    assert diagnostics == ()
    assert file.declarations == (ast.Define(ast.Name("x"), (), expression),)


@given(files, st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_layout_changes_nothing_and_settles(written: tuple[ast.Declaration, ...], rnd: random.Random) -> None:
    text = _disturbed("".join(map(format_declaration, written)), rnd)
    file, diagnostics = parse("p", text)
    assert diagnostics == ()
    assert file.declarations == written

    formatted = format_file(text, file)
    again, diagnostics = parse("p", formatted)
    assert diagnostics == ()
    assert again.declarations == file.declarations
    assert [c.text for c in again.comments] == [c.text for c in file.comments]
    assert format_file(formatted, again) == formatted


def _disturbed(text: str, rnd: random.Random) -> str:
    """The same policy with other white space and with comments, wherever white space stands outside texts."""
    def other(match: re.Match[str]) -> str:
        space = match["space"]
        if not space:
            return match[0]
        top = space.endswith("\n")      # the next word opens a declaration
        made = rnd.choice([space, space, space, " " if not top else space, "\n    ", f"  # note {rnd.randrange(99)}\n ",
                           "\n\n\n   ", f"\n# left {rnd.randrange(99)}\n  # right\n ", "\t", "\r\n  "])
        return made.rstrip(" \t") + ("" if made.rstrip(" \t").endswith("\n") else "\n") if top else made
    return re.sub(r'"(?:[^"\\\n]|\\[^\n])*"|(?:Art\.|Sec\.|App\.|§|Clause|Annex) |(?P<space>\s+)', other, text)


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join))
@settings(max_examples=300)
def test_no_text_makes_the_parser_raise(text: str) -> None:
    _sane(text)


@given(st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_no_damage_to_a_good_file_makes_the_parser_raise(rnd: random.Random) -> None:
    text = GOOD
    for _ in range(rnd.randint(1, 3)):
        at = rnd.randrange(len(text))
        end = at + rnd.choice([0, 1, 1, 5, 40])
        text = text[:at] + rnd.choice(["", rnd.choice(PIECES), rnd.choice(PIECES), rnd.choice(text)]) + text[end:]
    _sane(text)


def _sane(text: str) -> None:
    file, diagnostics = parse("p", text)
    lines = text.split("\n")
    for diagnostic in diagnostics:
        span = diagnostic.span
        assert span is not None
        assert 1 <= span.line <= span.end_line <= len(lines)
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1
        assert (span.line, span.column) < (span.end_line, span.end_column)
        assert diagnostic.message[0] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        assert "\n" not in diagnostic.message
        assert not re.search(r"\b_?[A-Z]{3,}\b", re.sub("`[^`]*`", "", diagnostic.message).replace("ASCII", ""))
    if not diagnostics:
        formatted = format_file(text, file)
        again, more = parse("p", formatted)
        assert more == ()
        assert again.declarations == file.declarations
        assert [c.text for c in again.comments] == [c.text for c in file.comments]
        assert format_file(formatted, again) == formatted
