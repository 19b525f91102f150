"""The command `guiju`: finds the command asked for, runs it, and turns whatever happens into an exit code.

A command's module is imported only when that command runs, so that `guiju check` does not pay for the others. A command
returns its exit code: 0 clean, 1 findings at or above `--fail-on`, 2 no verdict; 130 is Ctrl-C, 143 `kill`. What the
commands do is not known here.
"""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from policyengine import __version__
from policyengine.base import interrupt
from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, shorten
from policyengine.base.resources import PACKAGE
from policyengine.cli.common import GLOBAL_OPTIONS, NO_VERDICT, Stop, say, show

if TYPE_CHECKING:  # its module takes 10 ms to import, and only a completing shell needs it
    from click.shell_completion import CompletionItem

# name -> (where it is, what it does); `guiju --help` lists them in this order
COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("policyengine.cli.check:command", "Judge services, and their events, by the regulations."),
    "monitor": ("policyengine.cli.monitor:command", "Judge events as they come, each verdict a line of JSON."),
    "diff": ("policyengine.cli.diff:command", "Show what changed between two versions or texts, and what it means."),
    "rules": ("policyengine.cli.rules:command", "List the rules of a regulation."),
    "explain": ("policyengine.cli.explain:command", "Show a rule: its article, its reading, examples, parameters."),
    "coverage": ("policyengine.cli.coverage:command", "Show each article's rules, or why none can check it."),
    "test": ("policyengine.cli.test:command", "Judge the cases of a policy and compare the verdicts."),
    "fmt": ("policyengine.cli.fmt:command", "Lay out policies in the one way."),
    "lint": ("policyengine.cli.lint:command", "Find mistakes in policies before any case is read."),
    "prove": ("policyengine.cli.prove:command", "Prove that keeping one rule is keeping another."),
    "schema": ("policyengine.cli.schema:command", "Print the JSON Schema an editor needs to complete a service file."),
    "init": ("policyengine.cli.init:command", "Start a project with a team's own policy over a regulation."),
    "config": ("policyengine.cli.config:command", "Show every setting and where it comes from."),
    "doctor": ("policyengine.cli.doctor:command", "Look for what is wrong with this installation."),
    "completion": ("policyengine.cli.completion:command", "Print the completion script of a shell."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and summaries without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return _with_global_options(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str],
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise Stop((error("unknown-command", f"no command `{shorten(args[0])}`",
                              help=did_you_mean(args[0], COMMANDS) or "`guiju --help` lists the commands"),))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem
        commands = [CompletionItem(name, help=summary) for name, (_, summary) in COMMANDS.items()
                    if name.startswith(incomplete)]
        return commands + click.Command.shell_complete(self, ctx, incomplete)


def _with_global_options(command: click.Command) -> click.Command:
    """`guiju check --color never` means what `guiju --color never check` does; a command's own option wins."""
    taken = {name for parameter in command.params for name in parameter.opts}
    command.params += [option for option in GLOBAL_OPTIONS if not taken & set(option.opts)]
    return command


def _print_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"guiju {__version__}")
        ctx.exit(0)


group = LazyGroup(
    "guiju",
    help="Judge AI services by rules written once: configurations and event traces, with verdicts that lead to the "
         "article and to the line.",
    epilog="Exit codes: 0 clean, 1 findings at or above --fail-on, 2 nothing was judged, 130 and 143 interrupted.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    params=[*GLOBAL_OPTIONS, click.Option(["--version"], is_flag=True, expose_value=False, is_eager=True,
                                          callback=_print_version, help="Print the version.")],
)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line (by default the process's) and return the exit code."""
    argv = list(sys.argv[1:] if args is None else args)
    gc.set_threshold(100_000)  # a run makes trees and few cycles: Python's 700 has it look for them a third of the time
    if args is None:
        atexit.register(_end)
    _buffer_output()
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show a character is no reason to lose a verdict
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if "_GUIJU_COMPLETE" in os.environ:
        group.main(argv, prog_name="guiju")  # answers the shell and exits
    with _Told() as told:
        try:
            return _run(argv, told)
        except BrokenPipeError:  # the reader (`| head`) left
            _drop_output()
            return NO_VERDICT
        except (KeyboardInterrupt, click.Abort):
            say("\ninterrupted; nothing was judged")
            return 128 + (told.number or signal.SIGINT)


def _end() -> None:
    """Python need not look for cycles several times as it ends, a seventh of a short command. Only DuckDB's library
    tells the user of leaks if it does not."""
    if "duckdb" not in sys.modules:
        gc.freeze()


def _drop_output() -> None:
    """What could not be written goes nowhere; Python would complain once more when it closes stdout."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _buffer_output() -> None:
    """Under PYTHONUNBUFFERED, which containers like to set, a write may end half-way, at a full disk or a signal, and
    Python says nothing. What is written is flushed at once all the same."""
    stream = sys.stdout
    if stream is sys.__stdout__ and isinstance(stream, io.TextIOWrapper) and isinstance(stream.buffer, io.RawIOBase):
        encoding = stream.encoding
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(stream.detach()), encoding)


_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG, errno.EIO)
"""What a write says that cannot be done; without the name of a file it was to standard output."""


class _Told:
    """While it lasts, Ctrl-C and `kill` both end a command by KeyboardInterrupt, so that it clears up behind itself;
    `number` is the signal that came. One that is ignored (by `nohup`, say) stays so."""

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Told:
        if threading.current_thread() is threading.main_thread():  # no other may
            for one in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(one) is not signal.SIG_IGN:
                    self._before[one] = signal.signal(one, self._tell)
        return self

    def __exit__(self, *_: object) -> None:
        for one, before in self._before.items():
            signal.signal(one, before)

    def _tell(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        interrupt.tell()
        raise KeyboardInterrupt


def _run(argv: Sequence[str], told: _Told) -> int:
    with ExitStack() as stack:  # messages are written before the context ends, since it knows about colour and -q
        ctx = None
        try:
            ctx = stack.enter_context(group.make_context("guiju", list(argv)))
            code = group.invoke(ctx)
            sys.stdout.flush()
            return code if isinstance(code, int) else 0
        except click.exceptions.Exit as ended:
            return ended.exit_code
        except click.exceptions.NoArgsIsHelpError as no_args:
            say(no_args.format_message())
            return NO_VERDICT
        except Stop as stop:
            show(stop.diagnostics, stop.sources)
        except click.ClickException as usage:
            show((_usage_error(usage),), {})
        except (BrokenPipeError, click.Abort):
            raise
        except Exception as fault:
            if told.number:  # DuckDB and Spark say in their own words that they were interrupted
                raise KeyboardInterrupt from None
            if isinstance(fault, OSError) and fault.errno in _NO_ROOM and fault.filename is None:
                show((error("cannot-write", f"cannot write the output: {(fault.strerror or str(fault)).lower()}"),), {})
                _drop_output()
            elif isinstance(fault, OSError) and fault.filename is not None:
                show((error("input-output", f"`{fault.filename}`: {(fault.strerror or str(fault)).lower()}"),), {})
            else:
                _show_internal_error(fault, argv, os.environ)
        say(_NOTHING.get(None if ctx is None else ctx.invoked_subcommand, "nothing was judged"))
        return NO_VERDICT


_NOTHING: Mapping[str | None, str] = {"init": "nothing was written", "schema": "nothing was written",
                                      "fmt": "nothing was formatted", "explain": "nothing was explained"}
"""How a command that judges nothing ends when it cannot do its work."""


def _usage_error(usage: click.ClickException) -> Diagnostic:
    """What click says, in our manner: lower-case, no final stop, where to read on."""
    message = usage.format_message().strip()
    ctx = usage.ctx if isinstance(usage, click.UsageError) else None
    return error("usage", (message[:1].lower() + message[1:]).rstrip("."),
                 help=f"`{ctx.command_path} --help` lists what it takes" if ctx else "")


def _show_internal_error(fault: Exception, argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """Our own fault: what was processed (lower layers say so by `add_note`), and where it happened."""
    import shlex
    import traceback

    if environ.get("GUIJU_DEBUG"):
        traceback.print_exception(fault)
    place, trace = "", fault.__traceback__
    while trace is not None:  # the innermost line of ours; what a library did there matters less
        file = os.path.realpath(trace.tb_frame.f_code.co_filename)
        if file.startswith(f"{PACKAGE}{os.sep}"):
            place = f" at {os.path.relpath(file, PACKAGE.parent)}:{trace.tb_lineno}"
        trace = trace.tb_next
    say(f"internal error: {type(fault).__name__}: {fault}{place}", style="error")
    for note in getattr(fault, "__notes__", ()):
        say(f"  {note}")
    say(f"  command: {shlex.join(['guiju', *argv])}")
    say(f"  guiju {__version__}, Python {sys.version.split()[0]}, {sys.platform}")
    say("this is a mistake in guiju, not in your files; please report it with these lines"
        + ("" if environ.get("GUIJU_DEBUG") else " (GUIJU_DEBUG=1 adds where it happened in full)"))
