"""A monitor inside a service: `open_monitor(...)`, then `feed` with each event as a dict -> verdicts as dicts.

The same judging, words and shape as `guiju monitor` writes, without files: events are handed in, and the state is
handed out by `snapshot` for the service to keep. Times are RFC 3339 texts or aware `datetime`s, in UTC or any offset.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from policyengine.base.diagnostic import Diagnostic, concise, error, has_errors
from policyengine.base.instants import parse_period
from policyengine.facts.read import read_bytes
from policyengine.trace.monitor.retention import Kept
from policyengine.trace.stream.feeds import Chunk
from policyengine.workspace.check import Request
from policyengine.workspace.inputs import Service
from policyengine.workspace.library import find_library
from policyengine.workspace.monitoring import Asked, Watch, open_watch
from policyengine.workspace.project import load_config

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Refused(ValueError):
    """What was handed in cannot be judged; `diagnostics` say why, and the text is one line for each."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("\n".join(map(concise, diagnostics)))
        self.diagnostics = tuple(diagnostics)


def open_monitor(service: Mapping[str, Any], *, regulation: str | Sequence[str] = (), version: str | None = None,
                 rules: str | Sequence[str] = (), parameters: Mapping[str, str] | None = None,
                 lateness: str = "0 seconds", everything: bool = False, folder: str | os.PathLike[str] | None = None,
                 state: Mapping[str, Any] | None = None) -> ServiceMonitor:
    """A monitor of one service.

    `service` is what a service file says (`{"service": {"id": …}}`). `regulation` is one id or several, by default the
    project's; `rules` is one name or several, by default all; `version` as for `guiju check`. `parameters` are texts as
    a policy writes them (`"10 minutes"`). `lateness` is how long events out of order are waited for. `everything`: also
    verdicts satisfied and not applicable. `folder` is where the project file is looked for, by default the working
    directory. `state` is what `snapshot` of an earlier monitor gave.

    Raises `Refused` when the service does not fit the vocabulary, when nothing can be monitored, and when the state is
    none, or that of another monitor.
    """
    config, wrong, _ = load_config(Path(folder or Path.cwd()).absolute(), os.environ, {})
    _stop_on(wrong)
    library, wrong = find_library(config, os.environ)
    _stop_on(wrong)
    documents, wrong = read_bytes("<service>", _written(service), format="json")
    _stop_on(wrong)
    request = Request(
        (), (), _several(regulation), version, None, _several(rules),
        tuple(f"{name}={value}" for name, value in (parameters or {}).items()), _now(), everything)
    services = tuple(map(Service, documents))
    watch, found, _ = open_watch(Asked(request, _length(lateness)), config, library, _now, services)
    if watch is None:
        raise Refused(found)
    if state is not None:
        try:
            _stop_on(watch.restore(state))
        except (LookupError, TypeError, AttributeError):
            raise Refused((error("bad-state", "`state` is not the state of a monitor"),)) from None
    return ServiceMonitor(watch, tuple(found))


class ServiceMonitor:
    """The monitor of one service. `warnings` say which rules are left to `guiju check`.

    Threads may share it: a call waits for the one before.
    """

    def __init__(self, watch: Watch, warnings: tuple[Diagnostic, ...]) -> None:
        self.warnings = warnings
        self._watch = watch
        self._alone = Lock()
        self._row = watch.events + watch.refused

    def feed(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Take one event (`{"type": …, "time": …, …}`); what became known through it, in the shape that
        `guiju monitor` writes: `kind` is `verdict`, `late` where the event came too late to be judged, or `unjudged`
        where a rule meets a number or a date that no engine can hold; all others are judged.

        Raises `Refused` when the event does not fit the vocabulary, and TypeError for a value that JSON has no form
        for, both of which change nothing; numbers are exact, so a float is taken as the decimal that Python prints for
        it.
        """
        line = _written(event)
        with self._alone:
            self._row += 1
            lines = _decoded(self._watch.take(Chunk((line,), ("<event>",), (self._row,))))
            problems = [*self._watch.problems]
            self._watch.problems.clear()
            self._watch.told = 0  # each is raised, however many there are
        _stop_on(problems)
        return lines

    def advance(self, instant: datetime | None = None) -> list[dict[str, Any]]:
        """Time has passed up to an instant, by default now: what became known without an event, such as a deadline."""
        until = _now() if instant is None else _microseconds(instant)
        with self._alone:
            return _decoded(self._watch.advance(until))

    def finish(self, as_of: datetime | None = None) -> list[dict[str, Any]]:
        """What can be said as of an instant, by default the latest event's time. Events up to it are late from then."""
        until = None if as_of is None else _microseconds(as_of)
        with self._alone:
            return _decoded(self._watch.finish(until))

    def pending(self) -> list[dict[str, Any]]:
        """The open duties by due time, `kind` is `pending`."""
        with self._alone:
            return _decoded(self._watch.pending())

    def retention(self) -> tuple[tuple[str, Kept], ...]:
        """What each rule has the monitor keep, each with the regulation and version it is of."""
        return self._watch.retention()

    def size(self) -> int:
        """How many things are kept now: events, runs, open duties."""
        with self._alone:
            return self._watch.size()

    def snapshot(self) -> dict[str, Any]:
        """All of it as JSON values, for `open_monitor(state=…)`. It holds fields of events: keep it as safe as them."""
        with self._alone:
            state: dict[str, Any] = msgspec.to_builtins(self._watch.snapshot())
            return state

    def __reduce__(self) -> Any:
        raise TypeError("a monitor is not pickled or copied: keep its `snapshot()`, and go on from it with "
                        "`open_monitor(…, state=…)`")


def _decoded(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in lines]


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _written(value: Any) -> bytes:
    """A value as JSON; raises `Refused` for numbers and texts that JSON cannot say, TypeError for what is neither."""
    _sayable(value)
    try:
        return _encode(value)
    except UnicodeEncodeError:
        raise Refused((error("lone-surrogate", "found half of a pair, which stands for no character"),)) from None


def _sayable(value: Any) -> None:
    """Left alone, these would be written as something else: null, and base64."""
    match value:
        case float() if not math.isfinite(value):
            raise Refused((error("number-not-finite", f"the number `{value}` is not a finite number"),))
        case bytes() | bytearray() | memoryview():
            raise TypeError(f"{type(value).__name__} are no text; decode them")
        case Mapping():
            for one in value.values():
                _sayable(one)
        case list() | tuple():
            for one in value:
                _sayable(one)
        case _:
            pass


def _length(text: str) -> int:
    """A lateness in microseconds."""
    try:
        period = parse_period(text)
    except ValueError as problem:
        raise Refused((error("usage", f"`lateness`: {problem}"),)) from None
    if not period.is_elapsed:
        raise Refused((error("usage", f"`lateness={text}` does not run by the clock; count hours, minutes or "
                             "seconds"),))
    return period.count


def _stop_on(problems: Sequence[Diagnostic]) -> None:
    if has_errors(problems):
        raise Refused([one for one in problems if one.severity == "error"])


def _now() -> int:
    return time.time_ns() // 1000


def _microseconds(instant: datetime) -> int:
    if not isinstance(instant, datetime):
        raise TypeError(f"an instant is an aware datetime, not {type(instant).__name__}")
    if instant.tzinfo is None:
        raise ValueError("a time without a zone is no instant; give an aware datetime")
    return (instant - _EPOCH) // _MICROSECOND
