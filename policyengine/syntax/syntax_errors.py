"""Where a text broke off, and what could have followed -> a message in the words of the policy.

`explain` tries the common mistakes first (`syntax_mistakes`), and else says what was expected after which word
(`syntax_expected`). It sees one declaration or one clause; it does not know lark, nor the rest of the file.
"""

from __future__ import annotations

import re

from policyengine.base.diagnostic import Diagnostic, error, nearest, shorten
from policyengine.base.source import Span
from policyengine.syntax.grammar import CLAUSES, DECLARATIONS, Stuck
from policyengine.syntax.syntax_expected import expected_at
from policyengine.syntax.syntax_mistakes import FOREIGN_DECLARATIONS, FULL_WIDTH, MISTAKES
from policyengine.syntax.syntax_place import place_of


def explain(path: str, text: str, line: int, stuck: Stuck) -> Diagnostic:
    """The message for the place where `text`, whose first line is line `line` of the file, broke off."""
    place = place_of(path, text, line, stuck)
    return next((said for mistake in MISTAKES if (said := mistake(place)) is not None), None) or expected_at(place)


def unknown_declaration(path: str, line: str, number: int) -> Diagnostic:
    """A line whose first word, in column 1, opens no declaration."""
    match = re.match(r"\w+|\S", line)
    word = match[0] if match else line
    span = Span(path, number, 1, number, 1 + len(word))
    if word in FULL_WIDTH or not word.isprintable():
        return error("syntax", f"expected a declaration, found `{shorten(word)}`", span, "not a declaration")
    meant = nearest(word.lower(), DECLARATIONS) or FOREIGN_DECLARATIONS.get(word.lower())
    help = f"did you mean `{meant}`?" if meant else (
        f"in column 1 stands one of {', '.join(DECLARATIONS)}; a line that goes on is indented")
    if line.startswith(("//", "--", "/*")):
        help = "a comment begins with `#`"
    return error("syntax", f"expected a declaration, found `{shorten(word)}`", span, "not a declaration", help=help)


def not_indented(path: str, word: str, number: int) -> Diagnostic:
    """A clause or an operator in column 1, below a declaration."""
    what = "a clause of a rule" if word in CLAUSES else "the middle of a sentence"
    return error("syntax", f"`{word}` stands in column 1, where declarations begin",
                 Span(path, number, 1, number, 1 + len(word)), what, help="put two spaces before it")


def no_declaration(path: str, line: str, number: int) -> Diagnostic:
    """Indented text above the first declaration."""
    written = line.strip()
    if not line[0].isspace():
        return not_indented(path, re.split(r"\W", written)[0] or written[0], number)
    column = len(line) - len(line.lstrip()) + 1
    word = re.split(r"\s", written)[0]
    help = "begin the line in column 1" if word in DECLARATIONS else "indented lines belong to a declaration above them"
    return error("syntax", f"expected a declaration, found indented text `{shorten(word)}`",
                 Span(path, number, column, number, column + len(word)), "belongs to no declaration", help=help)
