"""`guiju fmt`: lays out policy files in the one way, without changing what they say."""

from __future__ import annotations

import difflib
import json
import sys
from dataclasses import dataclass

import click

from policyengine.base.diagnostic import Diagnostic, error, has_errors
from policyengine.base.scalars import decode
from policyengine.base.source import Source
from policyengine.cli.books import counted, open_library, policy_files
from policyengine.cli.common import FINDINGS, fail, format_option, note, paint, settings, write_files
from policyengine.syntax.format import format_file
from policyengine.syntax.parser import parse

STDIN = "-"


@dataclass(frozen=True)
class Layout:
    """One file: its name, its text and the text laid out anew."""

    name: str
    path: str
    text: str
    laid_out: str

    @property
    def changed(self) -> bool:
        """Whether the file would change."""
        return self.text != self.laid_out


@click.command("fmt")
@click.argument("paths", nargs=-1, metavar="[PATH|-]...")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit with 1 when a file would change.")
@click.option("--diff", "show_diff", is_flag=True, help="Write nothing; print what would change.")
@click.option("--stdin-filename", metavar="NAME", default="<stdin>", help="What to call standard input in messages.")
@format_option
def command(paths: tuple[str, ...], only_check: bool, show_diff: bool, stdin_filename: str, format: str | None) -> int:
    """Lay out policy files in the one way; `-` reads standard input and prints the result.

    Without a path, the project's policies or, where it has none, the library's. Files with a syntax error are not
    written, nor then any other.

    Exit codes: 0 laid out, 1 (--check) a file would change, 2 some file has a syntax error.
    """
    config = settings(format=format)
    if STDIN in paths and len(paths) > 1:
        fail((error("usage", "`-` stands alone"),))
    files: list[tuple[str, str, bytes]] = []
    if STDIN in paths:
        files.append((stdin_filename, STDIN, sys.stdin.buffer.read()))
    else:
        library = open_library(config)
        files += [(name, str(path), path.read_bytes()) for name, path in policy_files(library, paths)]
    layouts, problems, sources = _laid_out(files)
    if has_errors(problems):
        fail(problems, sources)
    changed = [one for one in layouts if one.changed]
    if config.format == "json":
        click.echo(json.dumps({"schema_version": "1.0", "written": not (only_check or show_diff) and STDIN not in paths,
                               "files": [{"file": one.name, "changed": one.changed} for one in layouts]},
                              ensure_ascii=False, indent=2))
    elif show_diff:
        for one in changed:
            _print_diff(one)
    elif only_check:
        for one in changed:
            click.echo(f"would change {one.name}")
    elif STDIN in paths:
        click.echo(layouts[0].laid_out, nl=False)
    if not (only_check or show_diff) and STDIN not in paths:
        write_files([(one.path, one.laid_out) for one in changed])
        if config.format != "json":
            for one in changed:
                click.echo(f"laid out {one.name}")
    if STDIN not in paths:
        note(_sum(len(layouts), len(changed), only_check or show_diff))
    return FINDINGS if only_check and changed else 0


def _laid_out(files: list[tuple[str, str, bytes]]) -> tuple[list[Layout], list[Diagnostic], dict[str, Source]]:
    layouts: list[Layout] = []
    problems: list[Diagnostic] = []
    sources: dict[str, Source] = {}
    for name, path, data in files:
        text, wrong = decode(name, data)
        problems += wrong
        if text is None:
            continue
        sources[name] = Source(name, text)
        file, wrong = parse(name, text)
        problems += wrong
        if not has_errors(wrong):
            layouts.append(Layout(name, path, text, format_file(text, file)))
    return layouts, problems, sources


def _print_diff(layout: Layout) -> None:
    lines = difflib.unified_diff(layout.text.splitlines(), layout.laid_out.splitlines(), layout.name,
                                 f"{layout.name} (laid out)", lineterm="")
    for line in lines:
        style = {"+": "good", "-": "bad", "@": "note"}.get(line[:1], "")
        click.echo(paint(line, style) if style else line)


def _sum(files: int, changed: int, only_looked: bool) -> str:
    if not changed:
        return f"{counted(files, 'file')}, nothing to change"
    return f"{counted(files, 'file')}, {changed} {'would change' if only_looked else 'changed'}"
