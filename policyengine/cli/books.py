"""What the commands about policies share: the library, the regulation and version a user names, tables that fit.

A version is named as `check` names it; a command that gets none shows the latest published.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

from policyengine.base.diagnostic import Diagnostic, error, has_errors, shorten
from policyengine.cli.common import F, fail, show
from policyengine.regulation.model import Regulation, Version
from policyengine.regulation.versions import select
from policyengine.report.layout import wrap
from policyengine.workspace.config import Config
from policyengine.workspace.library import Book, Library, find_library, open_book, open_house, open_regulation

WIDTH = 100


def regulation_option(function: F) -> F:
    """`--regulation ID`, passed as regulation."""
    return click.option("--regulation", metavar="ID", help="The regulation. Default: the project's, or the only one.",
                        )(function)


def version_option(function: F) -> F:
    """`--version draft|final|LABEL|DATE`, passed as version."""
    return click.option("--version", metavar="VERSION", help="draft, final, a label or a date. Default: the latest "
                        "published.")(function)


def open_library(config: Config) -> Library:
    """Every regulation and house policy of the project. Ends the command when one of those it names is not there."""
    library, diagnostics = find_library(config, os.environ)
    if has_errors(diagnostics):
        fail(diagnostics)
    show(diagnostics, {})
    return library


def named_regulation(library: Library, config: Config, wanted: str | None, version: str | None,
                     ) -> tuple[Regulation, Version]:
    """The regulation of an id, or of `ID@VERSION`; without one the project's, or the only one there is."""
    if wanted is not None and "@" in wanted:
        wanted, _, behind = wanted.partition("@")
        if version is not None and version != behind:
            fail((error("usage", f"two versions are named: `{shorten(behind)}` and `{shorten(version)}`"),))
        version = behind
    if wanted is None:
        known = config.regulations or tuple(sorted(library.folders))
        if len(known) != 1:
            fail((error("usage", "say which regulation", help=f"there are {', '.join(known)}" if known else ""),))
        wanted = known[0]
    regulation, diagnostics, sources = open_regulation(library, wanted)
    if regulation is None:
        fail(diagnostics, sources)
    chosen = regulation.versions[-1] if version is None else select(regulation, version)
    if isinstance(chosen, Diagnostic):
        fail((chosen,))
    return regulation, chosen


def opened(library: Library, regulation: Regulation, version: Version) -> Book:
    """A version ready to read. Ends the command when its policy does not compile."""
    book, diagnostics, sources = open_book(library, regulation, version)
    if book is None:
        fail([one for one in diagnostics if one.severity == "error"], sources)
    return book


def opened_house(library: Library, path: Path) -> tuple[Book, Regulation, Version]:
    """A house policy ready to read, and the version it extends. Ends the command when it does not compile."""
    book, diagnostics, sources = open_house(library, path)
    if book is None or book.policy.extends is None:
        fail([one for one in diagnostics if one.severity == "error"], sources)
    version = select(book.regulation, book.policy.extends[1])
    assert not isinstance(version, Diagnostic)  # or it would not have compiled
    return book, book.regulation, version


def article_order(citation: str) -> tuple[int, ...]:
    """`Art. 9(2)` before `Art. 18(1)`; what cites another instrument, or nothing, comes last."""
    digits = "".join(c if c.isdigit() else " " for c in citation).split()
    return tuple(int(one) for one in digits) if citation.startswith("Art.") else (10 ** 6,)


def wrapped(text: str, indent: int, *, width: int = WIDTH) -> list[str]:
    """Lines of at most `width` columns, each indented. Chinese has no spaces and is broken between its letters."""
    space = " " * indent
    if not text.isascii():
        return [space + line for line in wrap(" ".join(text.splitlines()), width - indent, 0)]
    return textwrap.wrap(text, width, initial_indent=space, subsequent_indent=space, break_long_words=False,
                         break_on_hyphens=False) or [space.rstrip()]


def cells(*columns: tuple[str, int]) -> str:
    """Texts side by side, each padded to its width and never cut: one that is too long pushes the next."""
    return "  ".join(f"{text:<{width}}" for text, width in columns).rstrip()


def counted(number: int, word: str, plural: str = "") -> str:
    """`1 rule`, `2 rules`."""
    return f"{number:,} {word if number == 1 else plural or word + 's'}"


def listed(words: Sequence[str], most: int = 8) -> str:
    """The words in a row; of many, the first and how many more."""
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")


def policy_files(library: Library, paths: Sequence[str]) -> list[tuple[str, Path]]:
    """(name as shown, file) of every policy file named, or under a folder named; without any, the project's policies
    or, where it has none, the library's. Ends the command when there is none."""
    found: dict[Path, None] = {}
    problems: list[Diagnostic] = []
    own = [str(folder) for folder in library.folders.values() if folder.is_relative_to(library.root)]
    own += [str(file) for file in library.house]
    for name in paths or own or [str(folder) for folder in library.folders.values()]:
        path = Path(name).absolute()
        files = sorted(path.rglob("*.policy")) if path.is_dir() else [path] if path.is_file() else []
        if not files:
            what = "holds no policy" if path.is_dir() else "does not exist"
            problems.append(error("missing-file", f"`{shorten(name)}` {what}"))
        found.update(dict.fromkeys(files))
    if problems:
        fail(problems)
    return [(library.shown(path), path) for path in found]
