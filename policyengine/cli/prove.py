"""`guiju prove A implies B`: whether keeping one rule is keeping another, proved of every case or shown by one."""

from __future__ import annotations

import json

import click

from policyengine.base.diagnostic import did_you_mean, error, shorten
from policyengine.cli.books import (
    named_regulation,
    open_library,
    opened,
    opened_house,
    regulation_option,
    version_option,
)
from policyengine.cli.common import FINDINGS, NO_VERDICT, fail, format_option, paint, say, settings
from policyengine.workspace.config import Config
from policyengine.workspace.library import Book, Library

EXAMPLES = """
\b
Examples:
  guiju prove training_data_source@draft implies training_data_source@final --regulation cn/human-like-ai
  guiju prove our_faster_deletion implies delete_on_request

Exit codes: 0 proved, 1 a case that keeps A and violates B, or no proof without bounds, 2 nothing could be asked.
"""


@click.command("prove", epilog=EXAMPLES)
@click.argument("first", metavar="A")
@click.argument("word", metavar="implies", type=click.Choice(["implies"]))
@click.argument("second", metavar="B")
@regulation_option
@version_option
@format_option
def command(first: str, word: str, second: str, regulation: str | None, version: str | None,
            format: str | None) -> int:
    """Prove that every case which keeps rule A keeps rule B, or show one that does not.

    A rule is named as it is, or with a version of its own behind an `@`. Rules of the team's own policies are found
    too. Kept is satisfied, exempt or not applicable, so A must apply wherever B does. A service that follows a stricter
    house rule then follows the law's.
    """
    from policyengine.diff.rules import shown as case_of
    from policyengine.solver.prove import implies
    from policyengine.workspace.proving import side_of

    config = settings(format=format)
    library = open_library(config)
    left, right = (side_of(library, *_found(one, library, config, regulation, version)) for one in (first, second))
    answer = implies(left, right)
    shown = None if answer.counterexample is None else case_of(answer.counterexample, left.calendar.zone)
    proved = answer.holds == "yes" and answer.proof == "exact"
    if config.format == "json":
        from policyengine.report.diff_to_json import value

        click.echo(json.dumps({"schema_version": "1.0", "first": first, "second": second, "holds": answer.holds,
                               "proof": answer.proof, "note": answer.note, "counterexample": value(shown)},
                              ensure_ascii=False, indent=2))
    elif shown is not None:
        from policyengine.report.diff_words import witness_lines

        click.echo(paint(f"no: a case keeps {first} and violates {second}", "bad"))
        for line in witness_lines(shown, config.lang)[1:]:
            click.echo(f"  {line}")
    elif answer.holds == "yes":
        bounds = f" ({answer.note})" if answer.note else ""
        click.echo(paint(f"proved: {first} implies {second}{bounds}", "good") if proved else
                   paint(f"not refuted, and not proved: {answer.note}", "open"))
    else:
        say(f"nothing could be asked: {answer.note}", style="error")
    return NO_VERDICT if answer.holds == "not_analysable" else 0 if proved else FINDINGS


def _found(wanted: str, library: Library, config: Config, regulation: str | None, version: str | None,
           ) -> tuple[Book, str]:
    """The version, or house policy, that has the rule, and the rule's name. Ends the command when there is none."""
    name, _, own = wanted.partition("@")
    known: list[str] = []
    if not own:
        for path in library.house:
            book, _, _ = opened_house(library, path)
            known += [rule.name for rule in book.policy.rules]
            if book.policy.rule(name) is not None:
                return book, name
    of, chosen = named_regulation(library, config, regulation, own or version)
    book = opened(library, of, chosen)
    known += [rule.name for rule in book.policy.rules]
    if book.policy.rule(name) is None:
        fail((error("unknown-rule", f"no rule `{shorten(name)}` in {of.id} {chosen.label}",
                    help=did_you_mean(name, known) or "`guiju rules` lists them"),))
    return book, name
