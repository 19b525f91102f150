"""`guiju diff`: what changed between two versions, or two texts, and what it means for a service.

Decides what a run means for a shell: 0, or 1 when a change of a kind named by `--fail-on` exists that was not accepted,
or 2 when nothing could be compared. What a diff is, and how it reads, is not known here.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from policyengine.base.diagnostic import error, has_errors, shorten
from policyengine.cli.check import named_inputs, read_params
from policyengine.cli.common import (
    FINDINGS,
    Output,
    fail,
    keep_inputs,
    note,
    paint,
    read_outputs,
    settings,
    show,
    write_files,
)
from policyengine.diff.model import Diff
from policyengine.report.diff_formats import BINARY, FORMATS, render
from policyengine.workspace.check import ENGINES, EngineName
from policyengine.workspace.comparing import LAYERS, Layer, Request, compare_sides
from policyengine.workspace.config import LANGS
from policyengine.workspace.library import find_library

KINDS: Final = ("any", "stricter", "looser", "mixed", "not-analysable", "new", "dropped", "modified", "split", "merged",
                "moved", "renumbered", "check", "newly-failing", "newly-undecided", "no-longer-failing")

# What counts as a kind asked for, besides itself: a mixed rule is stricter for some case, and one that could not be
# analysed may be anything.
ALSO: Final = {"stricter": frozenset({"mixed", "not-analysable"}), "looser": frozenset({"mixed", "not-analysable"})}

EXAMPLES = """
\b
Examples:
  guiju diff cn/human-like-ai@draft cn/human-like-ai@final
  guiju diff cn/human-like-ai@draft final --service service.yaml --events events.ndjson
  guiju diff draft.docx final.docx --output docx=changes.docx --output html=changes.html
  guiju diff main:regulations/cn/human-like-ai@final regulations/cn/human-like-ai@final --fail-on stricter

Exit codes: 0 compared, 1 a change that --fail-on names and --accept does not, 2 nothing was compared.
"""


@click.command("diff", epilog=EXAMPLES)
@click.argument("sides", nargs=-1, metavar="OLD NEW", required=True)
@click.option("--only", multiple=True, type=click.Choice(LAYERS), help="Compare this layer only; may be repeated.")
@click.option("--rule", "rules", multiple=True, metavar="NAME", help="Compare only this rule; may be repeated.")
@click.option("--service", "services", multiple=True, metavar="FILE",
              help="Judge this service under both versions; may be repeated.")
@click.option("--events", multiple=True, metavar="FILE", help="Judge these events too; may be repeated.")
@click.option("--as-of", metavar="INSTANT", help="Judge the service as of this instant, or the end of this date.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", callback=read_params,
              help="Set a tunable parameter in the versions that have it; may be repeated.")
@click.option("--pins", metavar="FILE", help="A file of article links that are known; see docs/diff.md.")
@click.option("--accept", "accepted", multiple=True, metavar="FINGERPRINT|FILE",
              help="A change that is known, or a file of such, one a line; may be repeated.")
@click.option("--fail-on", "fail_on", multiple=True, type=click.Choice(KINDS),
              help="Exit with 1 when such a change exists; may be repeated.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever was found; never hides exit code 2.")
@click.option("--save-witnesses", metavar="DIR", help="Write the cases that prove a change as case files.")
@click.option("--format", "format", type=click.Choice(tuple(FORMATS)), default="text", show_default=True,
              help="How to print the diff.")
@click.option("--output", "outputs", metavar="FORMAT=FILE", multiple=True,
              callback=lambda _ctx, _parameter, texts: read_outputs(texts, tuple(FORMATS)),
              help="Also write the diff to a file; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Also show what did not change, every line and every case.")
@click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True, help="What judges the events.")
@click.option("--lang", type=click.Choice(LANGS), default=None, help="Language of the labels (env GUIJU_LANG).")
def command(sides: tuple[str, ...], only: tuple[Layer, ...], rules: tuple[str, ...], services: tuple[str, ...],
            events: tuple[str, ...], as_of: str | None, params: tuple[str, ...], pins: str | None,
            accepted: tuple[str, ...], fail_on: tuple[str, ...], exit_zero: bool, save_witnesses: str | None,
            format: str, outputs: tuple[Output, ...], everything: bool, engine: EngineName, lang: str | None) -> int:
    """Show what changed between two versions: the text, the rules, the behaviour, and what it does to a service.

    A side is a version (`cn/human-like-ai@draft`), a folder of a regulation or of a version, a text (Markdown, plain
    text, Word, HTML, PDF), or any of them in git as `REF:PATH`. More than two, or `A..B..C`, are compared in turn and
    as a whole.
    """
    started = time.perf_counter()
    config = settings(lang=lang)
    if format in BINARY and sys.stdout.isatty():
        fail((error("usage", f"`--format {format}` cannot be shown on a terminal",
                    help=f"write it to a file with `--output {format}=FILE`"),))
    keep_inputs(outputs, (*_sides(sides), *services), events)
    library, diagnostics = find_library(config, os.environ)
    if has_errors(diagnostics):
        fail(diagnostics)
    request = Request(_sides(sides), only, rules, named_inputs(services, (), config), named_inputs(events, (), config),
                      params, as_of, pins, _accepted(accepted), engine, int(time.time()) * 1_000_000)
    compared, diagnostics, sources = compare_sides(request, config, library)
    if compared is None or has_errors(diagnostics):
        fail(diagnostics, sources)
    show(diagnostics, sources)
    whole, steps = compared.whole, compared.steps if len(compared.steps) > 1 else ()
    layout = {"lang": config.lang, "everything": everything}
    cases = [] if save_witnesses is None else _cases(whole, Path(save_witnesses))
    write_files([*((one.file, render(one.format, whole, steps, **layout)) for one in outputs), *cases])
    page = render(format, whole, steps, paint=partial(paint, stream=sys.stdout), **layout)
    click.echo(page if format in BINARY else page.decode("utf-8"), nl=False)
    found = sorted({kind for one in (*steps, whole) for kind in kinds_of(one) if kind in _asked(fail_on)})
    code = FINDINGS if found and not exit_zero else 0
    why = f": there is {', '.join(found)}" if found else ""
    note(f"exit {code}{' by --exit-zero' if found and exit_zero else ''}{why}; {time.perf_counter() - started:.1f} s")
    return code


def _cases(diff: Diff, folder: Path) -> list[tuple[str, str]]:
    """The files of cases that prove the diff, in folders that are there."""
    from policyengine.workspace.witness_files import witness_files

    files = [(folder / name, text) for name, text in witness_files(diff)]
    try:
        for parent in {file.parent for file, _ in files}:
            parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        fail((error("cannot-write", f"cannot make the folder `{shorten(str(problem.filename or folder))}`: "
                    f"{(problem.strerror or str(problem)).lower()}"),))
    note(f"{len(files)} case files in {folder}")
    return [(str(file), text) for file, text in files]


def kinds_of(diff: Diff) -> Iterator[str]:
    """The kind of every change that was not accepted."""
    accepted = set(diff.accepted)
    for article in diff.text.articles if diff.text else ():
        if article.fingerprint not in accepted:
            yield from (kind for kind in article.kinds if kind != "unchanged")
    for rule in diff.rules or ():
        weighty = {edit.fingerprint for edit in rule.edits if edit.direction not in (None, "equivalent")}
        if rule.fingerprint in accepted or (weighty and weighty <= accepted):
            continue
        for direction in {rule.direction, rule.in_common or rule.direction} - {"equivalent"}:
            yield direction.replace("_", "-")
    yield from ("check" for one in diff.checks if one.fingerprint not in accepted)
    for impact in diff.impact or ():
        if impact.kind != "other" and not (impact.because and set(impact.because) <= accepted):
            yield impact.kind.replace("_", "-")


def _asked(fail_on: Sequence[str]) -> set[str]:
    """The kinds that give exit code 1."""
    if "any" in fail_on:
        return set(KINDS)
    return {kind for one in fail_on for kind in (one, *ALSO.get(one, ()))}


def _sides(given: Sequence[str]) -> list[str]:
    """`A..B..C` as three sides; two dots that are part of a path stay."""
    if len(given) != 1 or Path(given[0]).exists():
        return list(given)
    return [one for one in re.split(r"(?<![./])\.\.(?![./])", given[0]) if one]


def _accepted(given: Sequence[str]) -> list[str]:
    """Fingerprints as named, and those in files; a `#` begins a remark."""
    found: list[str] = []
    for one in given:
        if re.fullmatch("[0-9a-f]{12}", one):
            found.append(one)
            continue
        try:
            lines = Path(one).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            fail((error("usage", f"`{shorten(one)}` is neither a fingerprint nor a file of them",
                        help="`--format json` shows the fingerprint of every change"),))
        for number, line in enumerate(lines, 1):
            word = line.partition("#")[0].strip()
            if word and not re.fullmatch("[0-9a-f]{12}", word):
                fail((error("usage", f"line {number} of `{shorten(one)}` is no fingerprint: `{shorten(word)}`"),))
            found += [word] if word else []
    return found
