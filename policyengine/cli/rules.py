"""`guiju rules`: the rules of one version of a regulation, in the order of its articles."""

from __future__ import annotations

import json
from pathlib import Path

import click

from policyengine.base.diagnostic import SEVERITIES, did_you_mean, error, shorten
from policyengine.cli.books import (
    article_order,
    cells,
    counted,
    named_regulation,
    open_library,
    opened,
    opened_house,
    version_option,
    wrapped,
)
from policyengine.cli.common import fail, format_option, paint, settings
from policyengine.core import ir
from policyengine.report.words import either
from policyengine.workspace.config import Lang
from policyengine.workspace.library import Book
from policyengine.workspace.reading import Reads, reads


@click.command("rules")
@click.argument("regulation", required=False)
@version_option
@click.option("--family", metavar="NAME", help="Only rules of this family.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Only rules of this severity.")
@click.option("--lang", type=click.Choice(["en", "zh"]), help="Language of titles (env GUIJU_LANG). Default: en.")
@format_option
def command(regulation: str | None, version: str | None, family: str | None, severity: str | None,
            lang: str | None, format: str | None) -> int:
    """List the rules of REGULATION (ID or ID@VERSION, or the file of a house policy), by article.

    READS says what a rule needs: the facts of a service, its trace of events, or both.
    """
    config = settings(lang=lang, format=format)
    library = open_library(config)
    if regulation is not None and regulation.endswith(".policy") and Path(regulation).is_file():
        book = opened_house(library, Path(regulation).absolute())[0]
    else:
        book = opened(library, *named_regulation(library, config, regulation, version))
    families = sorted({rule.family for rule in book.policy.rules})
    if family is not None and family not in families:
        fail((error("usage", f"no family `{shorten(family)}` in {book.id} {book.label}",
                    help=did_you_mean(family, families) or f"there are {', '.join(families)}"),))
    rules = sorted((rule for rule in book.policy.rules if (family is None or rule.family == family)
                    and (severity is None or rule.severity == severity)),
                   key=lambda rule: article_order(str(rule.citations[0]) if rule.citations else ""))
    found = [(rule, reads(rule, book.policy)) for rule in rules]
    click.echo(to_json(book, found) if config.format == "json" else to_text(book, found, config.lang))
    return 0


def to_text(book: Book, rules: list[tuple[ir.Rule, Reads]], lang: Lang) -> str:
    """Two lines a rule: what one looks for, and its title."""
    widths = (max([12, *(len(_cited(rule)) for rule, _ in rules)]), max([4, *(len(rule.name) for rule, _ in rules)]),
              max([6, *(len(rule.family) for rule, _ in rules)]))
    article, name, family = widths
    lines = [f"{book.id} {book.label}", "",
             paint(cells(("ARTICLE", article), ("RULE", name), ("FAMILY", family), ("SEVERITY", 8), ("READS", 5)),
                   "faint")]
    for rule, read in rules:
        lines.append(cells((_cited(rule), article), (rule.name, name), (rule.family, family), (rule.severity, 8),
                           (read.where, 5)))
        title = either(rule.title, rule.title_zh, lang) or "(no title)"
        lines += [paint(line, "faint") for line in wrapped(title, article + 2)]
    severities = ", ".join(f"{sum(rule.severity == one for rule, _ in rules)} {one}" for one in SEVERITIES
                           if any(rule.severity == one for rule, _ in rules))
    lines += ["", f"{counted(len(rules), 'rule')}" + (f": {severities}" if severities else "")]
    return "\n".join(lines)


def _cited(rule: ir.Rule) -> str:
    """The first citation, and how many more there are."""
    if not rule.citations:
        return "-"
    more = len(rule.citations) - 1
    return f"{rule.citations[0]}" + (f" +{more}" if more else "")


def to_json(book: Book, rules: list[tuple[ir.Rule, Reads]]) -> str:
    """The same for programs, with every citation and everything read."""
    return json.dumps({"schema_version": "1.0", "regulation": book.id, "version": book.label, "rules": [
        {"rule": rule.name, "title": rule.title, "title_zh": rule.title_zh,
         "citations": [str(one) for one in rule.citations], "family": rule.family, "severity": rule.severity,
         "keys": list(rule.keys), "reads": read.where,
         "facts": list(read.facts), "events": list(read.events), "params": list(read.params), "fix": rule.fix,
         "fix_zh": rule.fix_zh, "file": rule.span.path, "line": rule.span.line}
        for rule, read in rules]}, ensure_ascii=False, indent=2)
