"""`guiju coverage`: each article and paragraph of a regulation with its rules, or why no machine checks it."""

from __future__ import annotations

import json

import click

from policyengine.base.diagnostic import error, has_errors
from policyengine.base.source import Source
from policyengine.cli.books import counted, named_regulation, open_library, opened, version_option, wrapped
from policyengine.cli.common import FINDINGS, fail, format_option, paint, settings
from policyengine.regulation.coverage import Row, coverage, gaps
from policyengine.regulation.text import read_text
from policyengine.workspace.library import TEXT, Book

SHOWN = {"rules": "", "reason": "", "partial": "in part: some of its parts have neither a rule nor a reason",
         "gap": "nothing: neither a rule nor a reason"}


@click.command("coverage")
@click.argument("regulation", required=False)
@version_option
@click.option("--gaps", "only_gaps", is_flag=True, help="Only places that nothing stands for.")
@format_option
def command(regulation: str | None, version: str | None, only_gaps: bool, format: str | None) -> int:
    """Show which rules stand for each article of REGULATION (ID or ID@VERSION), or why no machine checks it.

    Exit codes: 0 every article has a rule or a reason, 1 some place has neither, 2 it could not be read.
    """
    config = settings(format=format)
    library = open_library(config)
    law, chosen = named_regulation(library, config, regulation, version)
    book = opened(library, law, chosen)
    file = library.folders[law.id] / chosen.label / TEXT
    name = library.shown(file)
    if not file.is_file():
        fail((error("missing-file", f"`{name}` does not exist", help="it holds the articles, in our own words"),))
    source = Source(name, file.read_text("utf-8"))
    text, diagnostics = read_text(name, source.text)
    if has_errors(diagnostics) or text is None:
        fail(diagnostics, {name: source})
    rows = coverage(text, book.policy.cited(), book.policy.reasons())
    missing = gaps(rows)
    if config.format == "json":
        click.echo(to_json(book, rows, missing))
    else:
        click.echo(to_text(book, rows, missing, only_gaps=only_gaps))
    return FINDINGS if missing else 0


def to_text(book: Book, rows: tuple[Row, ...], missing: tuple[Row, ...], *, only_gaps: bool = False) -> str:
    """A heading an article; under it each place that has rules, a reason or nothing of its own."""
    lines = [f"{book.id} {book.label}", ""]
    if not only_gaps:
        for index, row in enumerate(rows):
            lines += _place(row, rows[index - 1] if index else None, rows[index + 1:])
    elif missing:
        for row in missing:
            lines += [f"{row.citation:<15}{row.heading_en or row.text}"[:100]]
        lines.append("")
    articles = [row for row in rows if row.level == 0]
    lines += [] if lines[-1] == "" else [""]
    ruled = sum(row.state in ("rules", "partial") for row in articles)
    reason = sum(row.state == "reason" for row in articles)
    gap = f"{counted(len(missing), 'place')} without either" if missing else "none without either"
    lines.append(f"{counted(len(articles), 'article')}: {ruled} with rules, {reason} with a reason why no machine can "
                 f"check them, {gap}")
    return "\n".join(lines)


def _place(row: Row, above: Row | None, below: tuple[Row, ...]) -> list[str]:
    if row.level == 0:
        heading = paint(f"{row.citation:<9}{row.heading_en}", "strong")
        if row.heading_zh:
            heading += f"  {row.heading_zh}"
        lines = ["", heading] if above is not None else [heading]
        parts = bool(below) and below[0].level > 0
        # What the parts say is not said twice.
        if not parts or row.state == "reason":
            lines += _said(row)
        return lines
    if above is not None and row.state == "reason" and above.state == "reason" and above.reason == row.reason:
        return []
    if below and below[0].level > row.level and row.state in ("rules", "partial"):
        return [f"  {_numbers(row)}"]
    return _said(row)


def _said(row: Row) -> list[str]:
    head = f"  {_numbers(row):<12}" if row.level else " " * 14
    said = SHOWN[row.state] if row.state in ("gap", "partial") else ", ".join(row.rules)
    if row.reason and not row.rules:
        said = f"not checked: {row.reason}"
    lines = wrapped(said or f"not checked: {row.reason}", 14)
    first = head + lines[0][14:]
    return [paint(first, "bad") if row.state == "gap" else first, *lines[1:]]


def _numbers(row: Row) -> str:
    """`(1)(3)`: a part is named under its article."""
    return row.citation[row.citation.index("("):] if "(" in row.citation else row.citation


def to_json(book: Book, rows: tuple[Row, ...], missing: tuple[Row, ...]) -> str:
    """Every place, for programs; `state` is `rules`, `reason`, `partial` or `gap`."""
    return json.dumps({"schema_version": "1.0", "regulation": book.id, "version": book.label,
                       "gaps": [row.citation for row in missing], "places": [
        {"citation": row.citation, "level": row.level, "heading": {"en": row.heading_en, "zh": row.heading_zh},
         "text": row.text, "grade": row.grade, "state": row.state, "rules": list(row.rules), "reason": row.reason}
        for row in rows]}, ensure_ascii=False, indent=2)
