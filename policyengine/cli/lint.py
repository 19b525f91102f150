"""`guiju lint`: compiles policies and looks for likely mistakes, before any case is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from policyengine.base.diagnostic import Diagnostic, concise, error, in_order, render
from policyengine.base.source import Source
from policyengine.cli.books import counted, open_library
from policyengine.cli.common import (
    exit_code,
    exit_zero_option,
    fail,
    fail_on_option,
    paint,
    settings,
)
from policyengine.workspace.linting import Linted, lint_targets

FORMATS = ("text", "concise", "json")


@click.command("lint")
@click.argument("targets", nargs=-1, metavar="[PATH|REGULATION]...")
@click.option("--format", "format", type=click.Choice(FORMATS), default=None,
              help="How to print findings (env GUIJU_FORMAT). Default: text.")
@fail_on_option
@exit_zero_option
@click.option("--prove", is_flag=True, help="Also ask the solver: rules that can never apply, never be violated or "
              "never hold, and rules that contradict each other.")
def command(targets: tuple[str, ...], format: str | None, fail_on: str | None, exit_zero: bool,
            prove: bool) -> int:
    """Compile policies and find likely mistakes in them.

    A target is a policy file, a folder, or a regulation (ID or ID@VERSION); without any, the project's own policies or,
    where it has none, the whole library. `guiju explain LINT` says why a lint matters and when it is fine; `# guiju:
    ignore[LINT] reason="…"` on the line, or alone above it, keeps a finding back.

    Exit codes: 0 nothing at or above --fail-on, 1 something, 2 a target could not be read. A policy that does not
    compile is a finding of severity error.
    """
    config = settings(format=format, fail_on=fail_on)
    library = open_library(config)
    linted, problems = lint_targets(library, targets, prove=prove)
    if problems:
        fail(problems)
    if not linted:
        fail((error("no-policy", "there is no policy to look at"),))
    found = in_order(one for each in linted for one in each.diagnostics)
    sources = {name: source for each in linted for name, source in each.sources.items()}
    files = len({each.file for each in linted})
    rules = sum(each.rules for each in linted)
    if config.format == "json":
        click.echo(to_json(found, files, rules))
    else:
        click.echo(to_text(found, sources, linted, files, rules, short=config.format == "concise"))
    return exit_code((one.severity for one in found), config.fail_on, exit_zero=exit_zero)


def to_text(found: Sequence[Diagnostic], sources: Mapping[str, Source], linted: Sequence[Linted], files: int,
            rules: int, *, short: bool) -> str:
    """Each finding, with its excerpt or on one line, and the sum."""
    lines: list[str] = []
    for one in found:
        if short:
            lines.append(concise(one))
            continue
        head, _, rest = render(one, sources).partition(": ")
        lines += [f"{paint(head, one.severity)}: {rest}", ""]
    counts = [counted(sum(one.severity == severity for one in found), severity, plural)
              for severity, plural in (("error", "errors"), ("warning", "warnings"), ("info", "infos"))
              if any(one.severity == severity for one in found)]
    broken = sum(not each.compiled for each in linted)
    end = ", ".join(counts) or "nothing found"
    if broken:
        end += f"; {counted(broken, 'policy', 'policies')} did not compile"
    lines.append(f"{counted(files, 'file')}, {counted(rules, 'rule')}: {end}")
    return "\n".join(lines)


def to_json(found: Sequence[Diagnostic], files: int, rules: int) -> str:
    """For programs; places are 1-based, columns count code points, ends are exclusive."""
    return json.dumps({"schema_version": "1.0", "summary": {"files": files, "rules": rules, "findings": len(found)},
                       "findings": [_finding(one) for one in found]}, ensure_ascii=False, indent=2)


def _finding(one: Diagnostic) -> dict[str, Any]:
    found: dict[str, Any] = {"name": one.name, "severity": one.severity, "message": one.message}
    if one.span is not None:
        found |= {"file": one.span.path, "line": one.span.line, "column": one.span.column,
                  "end_line": one.span.end_line, "end_column": one.span.end_column}
    if one.label:
        found["label"] = one.label
    if one.help:
        found["help"] = one.help
    if one.notes:
        found["notes"] = [{"message": note.message} | ({"file": note.span.path, "line": note.span.line,
                                                        "column": note.span.column} if note.span else {})
                          for note in one.notes]
    return found
