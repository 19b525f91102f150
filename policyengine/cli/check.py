"""`guiju check`: services and their events judged by the regulations in force, and the report in the formats asked for.

Decides what a run means for a shell: 0 when no finding is at or above `--fail-on`, 1 when one is, 2 when nothing was
judged. A finding is a violated or an undecided result, since what is unknown is not compliant; an open duty and an
exemption are none.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from policyengine.base.diagnostic import error, has_errors, shorten
from policyengine.base.instants import Period
from policyengine.cli.common import (
    Output,
    Text,
    echo,
    exit_code,
    exit_zero_option,
    fail,
    fail_on_option,
    keep_inputs,
    note,
    output_option,
    paint,
    read_period,
    settings,
    show,
    write_files,
)
from policyengine.cli.progress import Progress
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.report.entries import NAMED
from policyengine.report.formats import render
from policyengine.report.model import Report, Result
from policyengine.report.words import Said
from policyengine.workspace.check import ENGINES, EngineName, Request, check
from policyengine.workspace.config import FORMATS, LANGS, TABLES, Config
from policyengine.workspace.extent import ALL, Extent
from policyengine.workspace.library import find_library

if TYPE_CHECKING:  # few runs want one
    from policyengine.trace.engines.findings import Table

# What says only that there is no input; `--allow-empty` forgives it.
EMPTY = frozenset({"empty-glob", "no-input-files", "no-input"})

TOLD = 100
"""Of what an engine finds, at least so many of a rule and verdict are told where a format shows all."""

SHORT = frozenset({"text", *TABLES})
"""The formats that give the evidence of so many findings of a rule and verdict as `--max-findings` says, or none."""

NOTED = frozenset({"text", "json", "sarif", "html"})
"""The formats that have room for what a report says of itself; beside the others it is said on stderr."""

OPEN = 100_000
"""With `--pending`, so many open duties of a rule are listed."""

EXAMPLES = """
\b
Examples:
  guiju check service.yaml
  guiju check services/ --events logs/october.ndjson --as-of 2026-11-20
  guiju check services/ --events logs/ --due-within 7d
  guiju check service.yaml --regulation cn/human-like-ai --version draft
  guiju check service.yaml --output sarif=guiju.sarif --output junit=guiju.xml
  guiju check services/ --events logs/october.ndjson --output html=report.html

Exit codes: 0 clean, 1 a violated or undecided rule at or above --fail-on, 2 nothing was judged.
"""


def read_params(_ctx: click.Context, _parameter: click.Parameter, texts: Sequence[str]) -> tuple[str, ...]:
    """What `--param` says; ends the command when one is no NAME=VALUE."""
    given = []
    for text in texts:
        name, equals, value = text.partition("=")
        given.append(f"{name.strip()}={value.strip()}")
        if not equals or not name.strip() or not value.strip():
            fail((error("usage", f"`--param` takes NAME=VALUE, found `{shorten(text)}`",
                        help="write, for example, `--param 'promptly=5 minutes'`"),))
    return tuple(given)


def read_due(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> Period | None:
    """What `--due-within` says; ends the command when it is no period."""
    try:
        return None if text is None else read_period(text)
    except ValueError as problem:
        fail((error("usage", f"`--due-within`: {problem}",
                    help="write, for example, `7d`, `24h` or `5 working days`"),))


@click.command("check", epilog=EXAMPLES)
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@click.option("--events", multiple=True, metavar="FILE",
              help="A trace: a file of NDJSON, CSV, Parquet or XES, a folder or a glob; may be repeated. Default: the "
                   "project's.")
@click.option("--regulation", "regulations", multiple=True, metavar="ID",
              help="Judge by this regulation only; may be repeated. Default: the project's, else all.")
@click.option("--version", "version", metavar="VERSION",
              help="draft, final, a label or a date, for what-if. Default: the version in force.")
@click.option("--as-of", metavar="INSTANT",
              help="Judge as of this instant, or the end of this date. Default: the last event's time for traces, now "
                   "for facts.")
@click.option("--rule", "rules", multiple=True, metavar="NAME", help="Judge only this rule; may be repeated.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", callback=read_params,
              help="Set a tunable parameter; may be repeated.")
@fail_on_option
@click.option("--allow-undecided", is_flag=True, help="Undecided rules are told but give no exit code 1.")
@exit_zero_option
@click.option("--allow-empty", is_flag=True, help="No service to judge is no error.")
@click.option("--format", "format", type=click.Choice(FORMATS), default=None,
              help="How to print results (env GUIJU_FORMAT); auto is github in GitHub Actions, else text. "
                   "Default: text.")
@output_option
@click.option("--all", "everything", is_flag=True, help="Also show what is satisfied or not applicable.")
@click.option("--pending", is_flag=True, help="List every open duty, the first due first.")
@click.option("--due-within", "due_within", metavar="PERIOD", callback=read_due,
              help="List the open duties due within this period of the instant of judgement, such as 7d, 24h or '5 "
                   "working days', and count the later ones; implies --pending.")
@click.option("--max-findings", type=click.IntRange(min=1), default=3, show_default=True, metavar="N",
              help="Show this many moments or services of one rule; of a large trace the other formats list at least a "
                   "hundred of a rule and verdict, ndjson and csv all.")
@click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True,
              help="What judges the events: the evaluator, row by row; DuckDB, in columns; Spark, on a cluster.")
@click.option("--memory", metavar="SIZE", help="How much memory DuckDB may use, such as 500MB. Default: most of it.")
@click.option("--master", metavar="URL", help="The cluster for `--engine spark`, such as yarn. Default: Spark's own.")
@click.option("--findings", metavar="FOLDER",
              help="With `--engine spark`: write every moment found to a new folder, as Parquet, or as NDJSON where "
                   "its name ends in .ndjson.")
@click.option("--lang", type=click.Choice(LANGS), default=None,
              help="Language of a text report, and the one a page starts in (env GUIJU_LANG).")
@click.option("--stdin-filename", default="<stdin>", metavar="NAME",
              help="The name of the service read from `-`; its ending says the format.")
def command(services: tuple[str, ...], events: tuple[str, ...], regulations: tuple[str, ...], version: str | None,
            as_of: str | None, rules: tuple[str, ...], params: tuple[str, ...], fail_on: str | None,
            allow_undecided: bool, exit_zero: bool, allow_empty: bool, format: str | None,
            outputs: tuple[Output, ...], everything: bool, pending: bool, due_within: Period | None,
            max_findings: int, engine: EngineName, memory: str | None, master: str | None, findings: str | None,
            lang: str | None, stdin_filename: str) -> int:
    """Judge services, and their events, by the regulations.

    SERVICE is a YAML, JSON or TOML file, a folder, a glob, or `-`. Without one, the project's services are judged.
    """
    started = time.perf_counter()
    gc.set_threshold(1_000_000)  # what is found is kept to the end: much to look through for cycles, and hardly any
    pending = pending or due_within is not None
    config = settings(fail_on=fail_on, format=format, lang=lang)
    if findings is not None and engine != "spark":
        fail((error("usage", "`--findings` goes with `--engine spark`",
                    help="elsewhere `--output ndjson=FILE` writes the same columns"),))
    formats = dict.fromkeys(map(_concrete, (config.format, *(output.format for output in outputs))))
    tables = [one for one in formats if one in TABLES]
    if tables and engine == "spark":
        fail((error("usage", f"`{tables[0]}` does not go with `--engine spark`",
                    help="`--findings FOLDER` has the cluster write what is found, as Parquet or NDJSON"),))
    if master is not None and engine != "spark":
        fail((error("usage", "`--master` goes with `--engine spark`"),))
    if memory is not None and engine in ("evaluator", "spark"):
        fail((error("usage", f"`--memory` is how much DuckDB may use, and does not go with `--engine {engine}`",
                    help="say it in Spark's settings: `spark.executor.memory`" if engine == "spark" else ""),))
    library, diagnostics = find_library(config, os.environ)
    if has_errors(diagnostics):
        fail(diagnostics)
    named, traces = named_inputs(services, config.services, config), named_inputs(events, config.events, config)
    keep_inputs(outputs, named, traces)
    with Progress() as progress:
        request = Request(
            named, traces, regulations, version, as_of, rules, params, int(time.time()) * 1_000_000, everything,
            stdin_filename, engine=engine, memory=memory, master=master, findings=findings,
            told=_told(formats, max_findings, pending),
            due_within=due_within, table=open_table() if tables else None, progress=progress)
        report, diagnostics, sources = check(request, config, library)
    if report is None and allow_empty and diagnostics and {one.name for one in diagnostics} <= EMPTY:
        note("0 services; nothing was judged")
        return 0
    if report is None or has_errors(diagnostics):
        fail(diagnostics, sources)
    if not report.judged:
        fail((error("nothing-judged", "no rule judged any service"),))
    show(diagnostics, sources)
    layout = {"lang": config.lang, "max_findings": max_findings, "pending": pending}

    def written(format: str, **more: object) -> Text:
        if request.table is not None and format in TABLES:
            return request.table.csv() if format == "csv" else request.table.ndjson()
        return render(_concrete(format), report, **layout, **more)

    write_files([(output.file, written(output.format)) for output in outputs])
    echo(written(config.format, paint=partial(paint, stream=sys.stdout)))
    if _concrete(config.format) not in NOTED:
        for one in report.notes:
            note(Said("note", (one,)).told())
    code = exit_code((one.severity for one in _counting(report, allow_undecided)), config.fail_on, exit_zero=exit_zero)
    note(f"{_meaning(report, code, config, allow_undecided)}; {time.perf_counter() - started:.1f} s")
    return code


def _told(formats: Collection[str], most: int, pending: bool) -> dict[Verdict, Extent]:
    """How much of what an engine finds the formats tell; with `pending` all open duties."""
    listed = max(most, TOLD)
    short = SHORT.issuperset(formats)
    whys, duties = most if short else ALL, OPEN if pending else listed
    told = dict.fromkeys(VERDICTS, Extent(listed, min(listed, most + NAMED) if short else listed, whys))
    return told | {"pending": Extent(duties, duties, whys)}


def open_table() -> Table:
    """Where rows are kept aside until the command ends."""
    from policyengine.trace.engines.findings import Table

    table = Table()
    click.get_current_context().call_on_close(table.close)
    return table


def named_inputs(given: Sequence[str], configured: Sequence[str], config: Config) -> list[str]:
    """The inputs as someone in this folder would write them, so that a report reads the same on every machine."""
    return [_near(one) for one in given] or [
        one if os.path.isabs(one) else os.path.relpath(config.root / one) for one in configured]


def _near(path: str) -> str:
    if path == "-" or not os.path.isabs(path):
        return path
    folder, parents = Path.cwd(), Path(path)
    if parents.is_relative_to(folder):
        return str(parents.relative_to(folder))
    return path


def _concrete(format: str) -> str:
    if format == "auto":
        return "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text"
    return format


def _counting(report: Report, allow_undecided: bool) -> Iterator[Result]:
    """The results that can give exit code 1."""
    verdicts = {"violated"} if allow_undecided else {"violated", "undecided"}
    return (result for result in report.findings if result.verdict in verdicts)


def _meaning(report: Report, code: int, config: Config, allow_undecided: bool) -> str:
    """What the exit code says, in words."""
    verdicts: tuple[Verdict, ...] = ("violated",) if allow_undecided else ("violated", "undecided")
    counted = {rule.severity: 0 for rule in report.rules}
    for rule in report.rules:
        counted[rule.severity] += sum(rule.counts[verdict] for verdict in verdicts)
    every = sum(counted.values())
    if not every:
        return "exit 0: no findings"
    at = sum(number for severity, number in counted.items() if exit_code((severity,), config.fail_on))
    if not at:
        return f"exit 0: {every:,} of {every:,} findings are below `{config.fail_on}`"
    if code == 0:
        return f"exit 0 by --exit-zero: {at:,} of {every:,} findings are at or above `{config.fail_on}`"
    return f"exit {code}: {at:,} of {every:,} findings are at or above `{config.fail_on}`"
