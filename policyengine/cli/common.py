"""What the commands share: options, colour, messages on stderr, output files, the exit code.

Results go to stdout, everything else to stderr. How a report is laid out is not known here.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

import click

from policyengine.base.diagnostic import (
    SEVERITIES,
    Diagnostic,
    Severity,
    did_you_mean,
    error,
    in_order,
    render,
    shorten,
)
from policyengine.base.instants import Period, parse_period
from policyengine.base.record import record
from policyengine.base.source import Source
from policyengine.workspace.config import FORMATS, Config
from policyengine.workspace.files import expand_inputs
from policyengine.workspace.project import load_config

FINDINGS = 1
NO_VERDICT = 2

Text = str | bytes | Iterable[bytes]
"""What a file is to hold; lines of bytes where it is too long for one text."""

F = TypeVar("F", bound=Callable[..., Any])
_VERBOSITY = "guiju.verbosity"

# A colour only repeats what a word says already.
STYLES = {"error": "31;1", "warning": "33;1", "info": "36;1", "note": "36", "help": "32", "good": "32", "bad": "31;1",
          "open": "33", "strong": "1", "faint": "2"}


class Stop(Exception):
    """Ends a command without a verdict: the diagnostics are shown and the exit code is 2."""

    def __init__(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, Source] | None = None) -> None:
        super().__init__("; ".join(d.message for d in diagnostics))
        self.diagnostics = tuple(diagnostics)
        self.sources = sources or {}


def fail(diagnostics: Sequence[Diagnostic], sources: Mapping[str, Source] | None = None) -> NoReturn:
    """Show the diagnostics on stderr, end with "nothing was judged" or what the command says instead, exit with 2."""
    raise Stop(diagnostics, sources)


# Colour

def colour_wanted(choice: str, environ: Mapping[str, str]) -> bool | None:
    """True or False when the flag or the environment decides; None leaves it to whether the stream is a terminal.

    The order: `--color`, NO_COLOR, FORCE_COLOR (either counts when not empty), TERM=dumb. click obeys none of them.
    """
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return False if environ.get("TERM") == "dumb" else None


def colour_on(stream: TextIO) -> bool:
    """True when text written to `stream` in this run may carry colours."""
    ctx = click.get_current_context(silent=True)
    wanted = ctx.color if ctx else colour_wanted("auto", os.environ)
    return stream.isatty() if wanted is None else wanted


def paint(text: str, style: str, *, stream: TextIO | None = None) -> str:
    """`text` in a style of STYLES (or ANSI numbers) where `stream` (by default stdout) shows colours, else as it is."""
    if not text or not colour_on(stream or sys.stdout):
        return text
    return f"\x1b[{STYLES.get(style, style)}m{text}\x1b[0m"


# Messages

def say(message: str, *, style: str = "") -> None:
    """One message on stderr, whatever `-q` says."""
    click.echo(paint(message, style, stream=sys.stderr) if style else message, err=True)


def note(message: str) -> None:
    """A message on stderr that `-q` silences."""
    if verbosity() >= 0:
        say(message)


def detail(message: str) -> None:
    """A message on stderr that only `-v` asks for."""
    if verbosity() > 0:
        say(message)


def verbosity() -> int:
    """Below 0 under `-q`, above 0 under `-v`."""
    ctx = click.get_current_context(silent=True)
    return ctx.meta.get(_VERBOSITY, 0) if ctx else 0


def show(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> None:
    """Diagnostics on stderr in source order, a blank line between them; `-q` leaves only the errors."""
    for diagnostic in in_order(diagnostics):
        if diagnostic.severity != "error" and verbosity() < 0:
            continue
        first, _, rest = render(diagnostic, sources).partition("\n")
        head, _, message = first.partition(": ")
        say(f"{paint(head, diagnostic.severity, stream=sys.stderr)}: {message}" + (f"\n{rest}" if rest else "") + "\n")


def echo(text: Text) -> None:
    """Results on stdout, as they are."""
    for one in (text,) if isinstance(text, str | bytes) else text:
        click.echo(one, nl=False)


# Options

def _set_colour(ctx: click.Context, _parameter: click.Parameter, choice: str | None) -> None:
    if choice is not None or ctx.parent is None:
        # at the root too, which is what messages after the command's end still see
        ctx.color = ctx.find_root().color = colour_wanted(choice or "auto", os.environ)


def _add_verbosity(ctx: click.Context, parameter: click.Parameter, count: int) -> None:
    ctx.meta[_VERBOSITY] = ctx.meta.get(_VERBOSITY, 0) + (count if parameter.name == "verbose" else -count)


GLOBAL_OPTIONS: tuple[click.Option, ...] = (
    click.Option(["--color"], type=click.Choice(["auto", "always", "never"]), expose_value=False, is_eager=True,
                 callback=_set_colour, help="When to colour; NO_COLOR and FORCE_COLOR are obeyed. Default: auto."),
    click.Option(["-q", "--quiet"], count=True, expose_value=False, callback=_add_verbosity,
                 help="Only results and errors."),
    click.Option(["-v", "--verbose"], count=True, expose_value=False, callback=_add_verbosity,
                 help="Say what is read and how long it takes."),
)


@record
class Output:
    """One `--output FORMAT=FILE`."""

    format: str
    file: str


def read_outputs(texts: Sequence[str], formats: Collection[str] = FORMATS) -> tuple[Output, ...]:
    """What `--output` says, of the formats a command has; ends the command when it is no FORMAT=FILE."""
    outputs: list[Output] = []
    for text in texts:
        format, equals, file = text.partition("=")
        if not equals or not file:
            fail((error("usage", f"`--output` takes FORMAT=FILE, found `{shorten(text)}`",
                        help="write, for example, `--output json=report.json`"),))
        if format not in formats:
            fail((error("usage", f"no format `{shorten(format)}`",
                        help=did_you_mean(format, formats) or f"there are {', '.join(formats)}"),))
        if any(os.path.realpath(output.file) == os.path.realpath(file) for output in outputs):
            fail((error("usage", f"two outputs are to be written to `{shorten(file)}`"),))
        outputs.append(Output(format, file))
    return tuple(outputs)


_SHORT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|min|h|d)")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


def read_period(text: str) -> Period:
    """`30s`, `7d`, or a period as a policy writes it, `5 working days`. ValueError when it is none."""
    short = _SHORT.fullmatch(text.strip())
    return parse_period(f"{short[1]} {_UNITS[short[2]]}" if short else text)


# None stands for "not given", so that the environment and the project file can answer.
format_option = click.option("--format", "format", type=click.Choice(("text", "json")), default=None,
                             help="How to print results (env GUIJU_FORMAT). Default: text.")
output_option = click.option("--output", "outputs", metavar="FORMAT=FILE", multiple=True,
                             callback=lambda _ctx, _parameter, texts: read_outputs(texts),
                             help="Also write a report to a file; may be repeated.")
fail_on_option = click.option("--fail-on", "fail_on", type=click.Choice(SEVERITIES), default=None,
                              help="The least severity that gives exit code 1 (env GUIJU_FAIL_ON). Default: error.")
exit_zero_option = click.option("--exit-zero", is_flag=True,
                                help="Exit with 0 although there are findings; never hides exit code 2.")


def result_options(function: F) -> F:
    """`--format`, `--output`, `--fail-on` and `--exit-zero`; passed as format, outputs, fail_on, exit_zero."""
    for option in (exit_zero_option, fail_on_option, output_option, format_option):
        function = option(function)
    return function


def settings(**flags: object) -> Config:
    """The settings that hold in this folder: flags that are not None, then environment, then project file.

    Ends the command when the project file or the environment is wrong; shows warnings.
    """
    config, diagnostics, sources = load_config(Path.cwd(), os.environ, flags)
    if any(d.severity == "error" for d in diagnostics):
        fail(diagnostics, sources)
    show(diagnostics, sources)
    return config


# Results

def exit_code(severities: Iterable[Severity], fail_on: Severity, *, exit_zero: bool = False) -> int:
    """1 when a finding is at or above `fail_on`, else 0."""
    limit = SEVERITIES.index(fail_on)
    found = any(SEVERITIES.index(severity) <= limit for severity in severities)
    return FINDINGS if found and not exit_zero else 0


def keep_inputs(outputs: Sequence[Output], documents: Sequence[str], events: Sequence[str]) -> None:
    """End the command where an output would overwrite a file that these arguments have it read."""
    there = [one for one in outputs if os.path.isfile(one.file)]
    if not there:
        return
    from policyengine.trace.scan.rows import suffixes  # few runs write over a file

    files = (*expand_inputs(documents)[0], *expand_inputs(events, suffixes=suffixes())[0])
    read = {os.path.realpath(file) for file in files}
    for one in there:
        if os.path.realpath(one.file) in read:
            fail((error("usage", f"`--output {one.format}={shorten(one.file)}` would overwrite a file that is read",
                        help="write the report to a file of its own, outside the folders that are read"),))


def write_files(texts: Sequence[tuple[str, Text]]) -> None:
    """Write (file, text) pairs as UTF-8, bytes as they are: each appears whole or stays as it was, none before all
    could be written.

    Ends the command when one cannot be written.
    """
    ready: list[tuple[str, str]] = []
    try:
        devices = [(file, text) for file, text in texts if _is_device(file)]
        for file, text in texts:
            if not _is_device(file):
                ready.append((_write_beside(file, text), file))
        while ready:
            os.replace(*ready[0])
            ready.pop(0)
        for file, text in devices:
            with Path(file).open("wb") as stream:
                stream.writelines(_bytes(text))
    except OSError as problem:
        fail((error("cannot-write", f"cannot write `{file}`: {(problem.strerror or str(problem)).lower()}"),))
    finally:
        for temporary, _ in ready:
            Path(temporary).unlink(missing_ok=True)


def _is_device(file: str) -> bool:
    """Something to write into, such as /dev/stdout or a pipe, that a file must not take the place of."""
    return os.path.exists(file) and not os.path.isfile(file) and not os.path.isdir(file)


def _bytes(text: Text) -> Iterable[bytes]:
    match text:
        case str():
            return (text.encode("utf-8"),)
        case bytes():
            return (text,)
        case _:
            return text


def _write_beside(file: str, text: Text) -> str:
    # In the same folder, since a rename is whole only within one file system.
    target = Path(file)
    if target.is_dir():
        raise IsADirectoryError(None, "is a folder", file)
    temporary = str(target.with_name(f".{target.name}.{os.getpid()}"))
    # never through a link or into a file that is there already
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(_bytes(text))
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o777)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return temporary
