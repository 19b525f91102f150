"""`guiju monitor`: events judged as they come, each verdict a line of JSON the moment it is known.

Decides what a run means for a shell: 2 when a line was refused or something could not be judged, 1 when a rule is
violated or undecided at or above `--fail-on` or an event came too late to be judged, 0 otherwise, 129, 130 and 143 when
it was told to stop. Counts go on over the runs that share a state.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from policyengine.base.diagnostic import Diagnostic, error, has_errors, shorten, warning
from policyengine.base.instants import SECOND, format_instant
from policyengine.cli.books import cells, counted
from policyengine.cli.check import named_inputs, read_params
from policyengine.cli.common import (
    FINDINGS,
    NO_VERDICT,
    detail,
    exit_code,
    exit_zero_option,
    fail,
    fail_on_option,
    note,
    read_period,
    settings,
    show,
)
from policyengine.workspace.check import Request
from policyengine.workspace.config import Config
from policyengine.workspace.library import find_library

if TYPE_CHECKING:  # they import msgspec, which `--help` does not need
    from policyengine.trace.stream.feeds import Feed
    from policyengine.trace.stream.ledger import Sink, StateFile
    from policyengine.workspace.monitoring import Tally, Watch

T = TypeVar("T")

KAFKA = "kafka://"

EXAMPLES = """
\b
Examples:
  tail -F events.ndjson | guiju monitor service.yaml
  guiju monitor service.yaml --events events.ndjson --follow --state monitor.state --output verdicts.ndjson
  guiju monitor service.yaml --events kafka://broker:9092/events --state monitor.state --clock wall --lateness 30s
  guiju monitor service.yaml --retention

Exit codes: 0 clean, 1 a violated or undecided rule at or above --fail-on or an event too late, 2 a line was refused or
something could not be judged, 129, 130 and 143 stopped.
"""


def _read_length(_ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """`30s` or `10 minutes`, in microseconds."""
    if text is None:
        return None
    try:
        period = read_period(text)
        if not period.is_elapsed:
            raise ValueError(f"`{text}` does not run by the clock; count hours, minutes or seconds")
    except ValueError as problem:
        fail((error("usage", f"`{parameter.opts[0]}`: {problem}", help="write, for example, `30s` or `10 minutes`"),))
    return period.count


def _one_source(_ctx: click.Context, _parameter: click.Parameter, names: tuple[str, ...]) -> str:
    """Where events come from; `guiju check` takes several, and here all but the last would be left out."""
    if len(names) > 1:
        fail((error("usage", f"`--events` is given {len(names)} times; a monitor reads one file, topic or stream",
                    help="put the lines in the order of their times and pipe them in, or judge by `guiju check`"),))
    return names[0]


@click.command("monitor", epilog=EXAMPLES)
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@click.option("--events", multiple=True, default=("-",), metavar="FILE|URL", show_default=True, callback=_one_source,
              help="Lines of JSON: a file, `-` for standard input, or kafka://BROKERS/TOPIC.")
@click.option("--follow/--no-follow", "follow", default=None,
              help="Wait for more at the end of a file or topic. Default: a topic is followed, a file is not.")
@click.option("--regulation", "regulations", multiple=True, metavar="ID",
              help="Judge by this regulation only; may be repeated. Default: the project's, else all.")
@click.option("--version", "version", metavar="VERSION",
              help="draft, final, a label or a date, for what-if. Default: those in force at each moment.")
@click.option("--rule", "rules", multiple=True, metavar="NAME", help="Judge only this rule; may be repeated.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", callback=read_params,
              help="Set a tunable parameter; may be repeated.")
@click.option("--lateness", default="0s", metavar="D", show_default=True, callback=_read_length,
              help="How long to wait for events that come out of order; later ones are reported, not judged.")
@click.option("--max-ahead", metavar="D", callback=_read_length,
              help="Refuse events whose time is further ahead of the clock. Default: take them.")
@click.option("--clock", type=click.Choice(("event", "wall")), default="event", show_default=True,
              help="What lets deadlines pass: the times of events alone, or also the clock while nothing comes.")
@click.option("--state", metavar="FILE", help="Keep a state here, and go on from it.")
@click.option("--fresh", is_flag=True, help="Begin anew: forget the state, overwrite the output.")
@click.option("--snapshot-every", default="1 minute", metavar="D", show_default=True, callback=_read_length,
              help="How often the state is kept.")
@click.option("--output", metavar="FILE|URL", help="Write verdicts here, a file or a topic. Default: standard output.")
@click.option("--kafka-settings", metavar="FILE", help="Settings of librdkafka, NAME=VALUE a line.")
@click.option("--strict", is_flag=True, help="Stop at the first line that is refused, or moment that cannot be judged.")
@click.option("--all", "everything", is_flag=True, help="Also write what is satisfied or not applicable.")
@click.option("--pending", is_flag=True, help="At the end, also write every open duty.")
@click.option("--retention", is_flag=True, help="Print what each rule has the monitor keep, and judge nothing.")
@fail_on_option
@exit_zero_option
def command(services: tuple[str, ...], regulations: tuple[str, ...], version: str | None, rules: tuple[str, ...],
            params: tuple[str, ...], lateness: int, max_ahead: int | None, everything: bool, retention: bool,
            fail_on: str | None, exit_zero: bool, **run: Any) -> int:
    """Judge events as they come, by the regulations in force at each moment.

    SERVICE is a YAML, JSON or TOML file, a folder, or a glob. Without one, the project's services are monitored. Rules
    about facts alone are left to `guiju check`.
    """
    config = settings(fail_on=fail_on)
    library, diagnostics = find_library(config, os.environ)
    if has_errors(diagnostics):
        fail(diagnostics)
    _need("msgspec", "msgspec", "monitor")
    from policyengine.workspace.monitoring import Asked, open_watch

    request = Request(named_inputs(services, config.services, config), (), regulations, version, None, rules, params,
                      _now(), everything)
    watch, diagnostics, sources = open_watch(Asked(request, lateness, max_ahead), config, library, _now)
    if watch is None or has_errors(diagnostics):
        fail(diagnostics, sources)
    show(diagnostics, sources)
    if retention:
        _print_retention(watch)
        return 0
    if run["clock"] == "wall" and not lateness:
        show((warning("no-lateness", "by `--clock wall` without a lateness, an event is late that comes after the "
                      "clock has shown its time",
                      help="give `--lateness` the time that an event takes to come, such as `10s`"),), {})
    with ExitStack() as stack:
        stopped = _run(watch, config, stack, **run)
    if stopped is None:
        return NO_VERDICT
    tally = watch.tally()
    code = _code(tally, config, exit_zero)
    note(f"{_summary(tally, watch)}; exit {128 + stopped if stopped else code}")
    return 128 + stopped if stopped else code


def _run(watch: Watch, config: Config, stack: ExitStack, *, events: str, follow: bool | None, clock: str,
         state: str | None, fresh: bool, snapshot_every: int, output: str | None, kafka_settings: str | None,
         strict: bool, pending: bool) -> int | None:
    """Judge until the input ends (0) or a signal stops it (its number); None when something failed, which is told."""
    from policyengine.workspace.watching import Clocks, conclude, work

    _apart({"--events": events, "--state": state, "--output": output})
    if kafka_settings is not None and not any(name.startswith(KAFKA) for name in (events, output or "")):
        fail((error("usage", "`--kafka-settings` is of a topic, and neither `--events` nor `--output` names one"),))
    every = snapshot_every / SECOND
    kafka = _kafka_settings(kafka_settings) if KAFKA in f"{events} {output}" else {}
    kept, sink, body = _open_output(output, state, fresh, kafka, every, stack)
    feed = _open_input(events, follow, clock == "wall", kept is not None, body, kafka, config.timezone, stack)
    if body is not None:
        wrong = watch.restore(body["watch"])
        if wrong:
            fail(wrong)
        note(f"going on from {counted(body['watch']['events'], 'event')}{_where(feed)}")
    elif events == "-" and sys.stdin is not None and sys.stdin.isatty():
        note("reading events from the terminal, a line of JSON each; Ctrl-D ends them")
    clocks = Clocks(_now, time.monotonic, every, clock == "wall")
    stop = _Signals(stack)

    def tell(problems: Sequence[Diagnostic]) -> None:
        show(problems, {})
        if strict and has_errors(problems):
            raise _Strict

    try:
        ended = work(feed, watch, sink, kept, clocks, stop.came, tell, number=body["number"] if body else 0,
                     kept=lambda: detail(_summary(watch.tally(), watch)))
        if ended:
            conclude(watch, sink, clocks, pending=pending)
            tell(watch.lost)
        return stop.number
    except BrokenPipeError:
        show((error("output-closed", "whoever read the verdicts has left"),), {})
        raise
    except OSError as problem:
        where = f"`{shorten(str(problem.filename))}`: " if problem.filename is not None else ""
        show((error("input-output", f"{where}{(problem.strerror or str(problem)).lower()}"),), {})
    except _Strict:
        pass  # what was refused has been told
    note(f"stopped; the state in `{state}` stands where it was last kept" if state else "stopped")
    return None


class _Strict(Exception):
    """A line was refused, or something could not be judged, and that was to end the run."""


# ---- what is read and written -------------------------------------------------------------------------------------

def _apart(named: dict[str, str | None]) -> None:
    """One file read and written, or written twice, would be lost."""
    seen: dict[str, str] = {}
    for option, name in named.items():
        if name is None or name == "-" or name.startswith(KAFKA) or (os.path.exists(name) and not os.path.isfile(name)):
            continue
        path = os.path.realpath(name)
        if path in seen:
            fail((error("usage", f"`{seen[path]}` and `{option}` name the same file, `{shorten(name)}`",
                        help="give each a file of its own"),))
        seen[path] = option


def _open_output(output: str | None, state: str | None, fresh: bool, kafka: dict[str, str], every: float,
                 stack: ExitStack) -> tuple[StateFile | None, Sink, dict[str, Any] | None]:
    """The state file, the output, and the state to go on from."""
    from policyengine.trace.stream.ledger import StreamSink, open_output, open_state, resume

    kept = None if state is None else _sound(open_state(state, fresh=fresh))
    if kept is not None:
        stack.callback(kept.close)
    sink: Sink
    if output is not None and output.startswith(KAFKA):
        from policyengine.trace.stream.kafka import KafkaSink, parse_address

        sink = KafkaSink(_sound(parse_address(output)), kafka, state=None if state is None else os.path.abspath(state),
                         every=every)
        stack.callback(sink.close)
        return kept, sink, None if kept is None or fresh else _sound(resume(kept, sink.confirmed()))
    body = None if kept is None or fresh else _sound(resume(kept, None))
    if output is None:
        return kept, StreamSink(_standard(sys.stdout, "standard output").buffer), body
    mark = body["output"] if body is not None and body["output"]["kind"] == "file" else None
    opened = open_output(output, mark, fresh=fresh)
    if isinstance(opened, Diagnostic):
        fail((opened,))
    stack.callback(opened.close)
    return kept, opened, body


def _open_input(events: str, follow: bool | None, wall: bool, again: bool, body: dict[str, Any] | None,
                kafka: dict[str, str], zone: str | None, stack: ExitStack) -> Feed:
    """Where lines come from, at the place that the state says; `again`: a state is kept."""
    from policyengine.trace.stream.feeds import StreamFeed, open_file

    position = body["input"] if body is not None else None
    feed: Feed
    if events.startswith(KAFKA):
        from policyengine.trace.stream.kafka import KafkaFeed, parse_address

        address = _sound(parse_address(events))
        _same_input(position, "kafka", events, topic=address.topic)
        feed = KafkaFeed(address, kafka, zone, follow=follow is not False, wall=wall, position=position)
    elif events == "-":
        _same_input(position, "stream", events)
        feed = StreamFeed(_standard(sys.stdin, "standard input").buffer, "<stdin>", position)
    else:
        _same_input(position, "stream" if _is_pipe(events) else "file", events)
        opened = open_file(events, follow=follow is True, again=again, position=position)
        if isinstance(opened, Diagnostic):
            fail((opened,))
        feed = opened
    stack.callback(feed.close)
    return feed


def _standard(stream: TextIO | None, name: str) -> TextIO:
    if stream is None:
        fail((error("input-output", f"{name} is closed", help="name a file with `--events` or `--output`"),))
    return stream


def _same_input(position: dict[str, Any] | None, kind: str, name: str, **more: str) -> None:
    if position is not None and any(position.get(key) != value for key, value in {"kind": kind, **more}.items()):
        was = position.get("path") or position.get("topic") or "standard input"
        fail((error("input-changed", f"the state is of events from `{shorten(was)}`, not from `{shorten(name)}`",
                    help="read on where it stopped, or begin anew with `--fresh`"),))


def _is_pipe(name: str) -> bool:
    return os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)


def _kafka_settings(file: str | None) -> dict[str, str]:
    _need("confluent_kafka", "confluent-kafka", "kafka")
    from policyengine.trace.stream.kafka import read_settings

    return {} if file is None else _sound(read_settings(file, Path(file).read_text("utf-8")))


def _need(module: str, package: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        fail((error("missing-package", f"the package `{package}` is not installed",
                    help=f"install it with `pip install 'guiju[{extra}]'`"),))


def _sound(found: T | Diagnostic) -> T:
    if isinstance(found, Diagnostic):
        fail((found,))
    return found


# ---- signals, counts ----------------------------------------------------------------------------------------------

class _Signals:
    """Ctrl-C, `kill` and a terminal that closes ask a monitor to keep its state and end; a second one ends it at once.
    One that is ignored (by `nohup`, say) stays so."""

    def __init__(self, stack: ExitStack) -> None:
        self.number = 0
        self._before: dict[int, Any] = {}
        for one in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):  # Windows has no third
            if one not in self._before and signal.getsignal(one) is not signal.SIG_IGN:
                self._before[one] = signal.signal(one, self._note)
                stack.callback(signal.signal, one, self._before[one])

    def _note(self, number: int, frame: FrameType | None) -> None:
        before = self._before[number]
        if self.number and callable(before):
            before(number, frame)
        self.number = number

    def came(self) -> bool:
        """Whether one has come."""
        return self.number != 0


def _now() -> int:
    return time.time_ns() // 1000


def _code(tally: Tally, config: Config, exit_zero: bool) -> int:
    if tally.refused or tally.unjudged:
        return NO_VERDICT
    code = exit_code(tally.severities, config.fail_on, exit_zero=exit_zero)
    return FINDINGS if tally.late and not exit_zero else code


def _summary(tally: Tally, watch: Watch) -> str:
    """`4,760 events, 1 late, 54 violated, 11 undecided, …, judged up to 2026-08-31 23:06:00 +08:00`."""
    parts = [counted(tally.events, "event")]
    parts += [f"{number:,} {word}" for word, number in (
        ("refused", tally.refused), ("late", tally.late), ("unjudged", tally.unjudged), ("repeated", tally.repeats),
    ) if number]
    parts += [f"{number:,} {verdict.replace('_', ' ')}" for verdict, number in tally.verdicts.items()
              if number and verdict != "pending"]
    parts += [f"{tally.pending:,} pending"] if tally.pending else []
    if tally.watermark is not None:
        parts.append(f"judged up to {format_instant(tally.watermark - 1, watch.zone)}")
    return ", ".join(parts)


def _where(feed: Feed) -> str:
    row = feed.position().get("row")
    return "" if row is None else f"; the next is row {row + 1:,} of `{shorten(feed.name)}`"


def _print_retention(watch: Watch) -> None:
    rows = [(version, kept.rule, kept.what, ", ".join(kept.for_each) or "the service", kept.how_much)
            for version, kept in watch.retention()]
    heads = ("RULE", "KEEPS", "FOR EACH", "HOW MUCH")
    widths = [max(len(one) for one in column) for column in zip(heads, *(row[1:] for row in rows), strict=True)]
    for version in dict.fromkeys(row[0] for row in rows):
        click.echo(version)
        click.echo("  " + cells(*zip(heads, widths, strict=True)))
        for row in rows:
            if row[0] == version:
                click.echo("  " + cells(*zip(row[1:], widths, strict=True)))
