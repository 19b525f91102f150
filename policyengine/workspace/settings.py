"""Reads one project file, or the environment, into a `Config`: each setting's type, place and origin.

In come a text and variables; out come a `Config` and what is wrong, with the smallest place that can be found. What a
regulation, a rule or a parameter is called elsewhere is not known here, so a parameter that no regulation has is found
later, by whoever judges.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from policyengine.base.diagnostic import SEVERITIES, Diagnostic, Severity, did_you_mean, error, shorten, warning
from policyengine.base.instants import zone_info
from policyengine.base.source import Source, Span
from policyengine.workspace.config import (
    FORMATS,
    LANGS,
    OTHER_VARIABLES,
    Config,
    EventSource,
    Param,
    SeverityOverride,
)


def parse_config(source: Source, root: Path) -> tuple[Config, tuple[Diagnostic, ...]]:
    """The settings a project file's text makes, over the defaults; a wrong one is reported and left at its default."""
    try:
        document = tomllib.loads(source.text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as problem:
        return Config(root, source.path), (_toml_error(source, problem),)
    prefix = ("tool", "guiju") if Path(source.path).name == "pyproject.toml" else ()
    table: Any = document
    for key in prefix:
        table = table.get(key, {}) if isinstance(table, dict) else table
    reading = _Reading(places(source), prefix)
    if not isinstance(table, dict):
        reading.wrong(("",), f"`tool.guiju` must be a table, found {_kind(table)}")
        table = {}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key, raw in table.items():
        if key not in SETTINGS:
            reading.unknown((key,), "setting", SETTINGS)
            continue
        value = SETTINGS[key].read(reading, (key,), raw)
        if value is not None:
            values[key] = value
            place = reading.key_place((key,))
            origins[key] = f"{source.path}:{place.line}" if place else source.path
    return Config(root, source.path, **values, origins=origins), tuple(reading.diagnostics)


def with_environment(config: Config, environ: Mapping[str, str]) -> tuple[Config, tuple[Diagnostic, ...]]:
    """`config` under the GUIJU_* variables that are set and not empty; LC_ALL only suggests a language."""
    reading = _Reading({}, ())
    values: dict[str, Any] = {}
    origins = dict(config.origins)
    if environ.get("LC_ALL", "").lower().startswith("zh") and "lang" not in origins:
        values["lang"], origins["lang"] = "zh", "LC_ALL"
    for name, setting in SETTINGS.items():
        variable = f"GUIJU_{name.upper()}"
        if setting.from_text and environ.get(variable):
            value = setting.read(reading, (variable,), environ[variable])
            if value is not None:
                values[name], origins[name] = value, variable
    known = [f"GUIJU_{name.upper()}" for name, setting in SETTINGS.items() if setting.from_text]
    for variable in sorted(environ):
        if variable.startswith("GUIJU_") and variable not in (*known, *OTHER_VARIABLES):
            # a warning only, since the environment may hold what another program reads
            reading.diagnostics.append(warning("unknown-variable", f"no setting is named by `{variable}`",
                                               help=did_you_mean(variable, known)))
    return replace(config, **values, origins=origins), tuple(reading.diagnostics)


def has_our_table(text: str) -> bool:
    """True when the text of a pyproject.toml has `[tool.guiju]`, or is not TOML but has a line that says so."""
    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError:
        return re.search(r"^\s*\[\s*tool\s*\.\s*guiju\b", text, re.MULTILINE) is not None
    return isinstance(tool, dict) and "guiju" in tool


# Reading one value. A reader returns None after it has reported what is wrong.

Path_ = tuple[str | int, ...]


@dataclass
class _Reading:
    """What is wrong so far, and where each key of the file stands."""

    places: Mapping[Path_, tuple[Span, Span]]
    prefix: tuple[str, ...]
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def _place(self, path: Path_) -> tuple[Span, Span] | None:
        """(key, value) of the path, else of the nearest path around it that has a line of its own."""
        whole = (*self.prefix, *path)
        for length in range(len(whole), 0, -1):
            if whole[:length] in self.places:
                return self.places[whole[:length]]
        return None

    def key_place(self, path: Path_) -> Span | None:
        place = self._place(path)
        return place[0] if place else None

    def wrong(self, path: Path_, message: str, *, help: str = "") -> None:
        place = self._place(path)
        self.diagnostics.append(error("setting-value", message, place[1] if place else None, help=help))

    def unknown(self, path: Path_, what: str, known: Mapping[str, object] | tuple[str, ...]) -> None:
        self.diagnostics.append(error(
            "unknown-setting", f"no {what} `{shorten(str(path[-1]))}`", self.key_place(path), "unknown",
            help=did_you_mean(str(path[-1]), known) or "there are " + ", ".join(f"`{name}`" for name in known)))


def _texts(reading: _Reading, path: Path_, raw: object) -> tuple[str, ...] | None:
    if isinstance(raw, list) and all(isinstance(item, str) for item in raw):
        return tuple(raw)
    found = _kind(raw)
    if isinstance(raw, list):
        found = "a list with " + _kind(next(item for item in raw if not isinstance(item, str)))
    help = f"write `[{shorten(repr_toml(raw))}]`" if isinstance(raw, str) else ""
    reading.wrong(path, f"`{path[-1]}` must be a list of texts, found {found}", help=help)
    return None


def _choice(choices: tuple[str, ...]) -> Callable[[_Reading, Path_, object], str | None]:
    def read(reading: _Reading, path: Path_, raw: object) -> str | None:
        if isinstance(raw, str) and raw in choices:
            return raw
        found = f"`{shorten(raw)}`" if isinstance(raw, str) else _kind(raw)
        reading.wrong(path, f"`{path[-1]}` must be one of {', '.join(choices)}, found {found}",
                      help=did_you_mean(raw, choices) if isinstance(raw, str) else "")
        return None
    return read


def _zone(reading: _Reading, path: Path_, raw: object) -> str | None:
    if not isinstance(raw, str):
        reading.wrong(path, f"`{path[-1]}` must be the name of a time zone, found {_kind(raw)}")
        return None
    try:
        zone_info(raw)
    except ValueError:
        reading.wrong(path, f"no time zone `{shorten(raw)}`", help="zones are named as in `Asia/Shanghai` and `UTC`")
        return None
    return raw


def _params(reading: _Reading, path: Path_, raw: object) -> tuple[Param, ...] | None:
    return _by_regulation(reading, path, raw, _param)


def _param(reading: _Reading, path: Path_, raw: object, regulation: str | None) -> Param | None:
    if isinstance(raw, bool):
        text = "true" if raw else "false"
    elif isinstance(raw, str | int | Decimal):
        text = str(raw)
    elif isinstance(raw, datetime | date):
        text = raw.isoformat()
    else:
        reading.wrong(path, f"`{path[-1]}` must be text such as \"10 minutes\", a number, true or false; "
                            f"found {_kind(raw)}")
        return None
    return Param(str(path[-1]), text, regulation, reading.key_place(path))


def _severities(reading: _Reading, path: Path_, raw: object) -> tuple[SeverityOverride, ...] | None:
    return _by_regulation(reading, path, raw, _severity)


def _severity(reading: _Reading, path: Path_, raw: object, regulation: str | None) -> SeverityOverride | None:
    value = _choice(SEVERITIES)(reading, path, raw)
    if value is None:
        return None
    return SeverityOverride(str(path[-1]), cast(Severity, value), regulation, reading.key_place(path))


def _by_regulation(reading: _Reading, path: Path_, raw: object,
                   one: Callable[[_Reading, Path_, object, str | None], Any]) -> tuple[Any, ...] | None:
    """A table of name -> value, or of regulation -> such a table; a regulation's id has a slash, a name has none."""
    if not isinstance(raw, dict):
        reading.wrong(path, f"`{path[-1]}` must be a table, found {_kind(raw)}")
        return None
    values = []
    for key, value in raw.items():
        if isinstance(value, dict):
            values += [one(reading, (*path, key, name), inner, key) for name, inner in value.items()]
        else:
            values.append(one(reading, (*path, key), value, None))
    return tuple(value for value in values if value is not None)


def _sources(reading: _Reading, path: Path_, raw: object) -> tuple[EventSource, ...] | None:
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        reading.wrong(path, f"`{path[-1]}` must be a list of tables, found {_kind(raw)}",
                      help='such as `sources = [{ name = "chat", emits = ["user_message"], complete = "2026-07-15" }]`')
        return None
    found = [_source(reading, (*path, index), item) for index, item in enumerate(raw)]
    return tuple(source for source in found if source is not None)


def _source(reading: _Reading, path: Path_, raw: dict[str, object]) -> EventSource | None:
    before = len(reading.diagnostics)
    for key in raw:
        if key not in ("name", "emits", "complete"):
            reading.unknown((*path, key), "key of a source", ("name", "emits", "complete"))
    name = raw.get("name")
    if not isinstance(name, str) or not name:
        reading.wrong((*path, "name"), "a source needs a `name`")
    emits = _texts(reading, (*path, "emits"), raw["emits"]) if "emits" in raw else None
    if "emits" not in raw:
        reading.wrong(path, "a source needs `emits`, the event types it writes")
    complete = raw.get("complete")
    if isinstance(complete, datetime | date):
        complete = complete.isoformat()
    if not (complete is None or (isinstance(complete, str) and _is_moment(complete))):
        reading.wrong((*path, "complete"), "`complete` must be a date or an instant, such as \"2026-07-15\"")
    if len(reading.diagnostics) > before:
        return None
    return EventSource(cast(str, name), cast(tuple[str, ...], emits), cast("str | None", complete),
                       reading.key_place(path))


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Setting:
    """How a setting is read, whether an environment variable may give it, and what it is for."""

    read: Callable[[_Reading, Path_, object], Any]
    meaning: str
    from_text: bool = False


SETTINGS: dict[str, Setting] = {
    "regulations": Setting(_texts, "regulations to judge by, such as cn/human-like-ai"),
    "policies": Setting(_texts, "files and folders of the team's own policies"),
    "services": Setting(_texts, "service files judged when none is named"),
    "events": Setting(_texts, "event files judged when none is named"),
    "fail_on": Setting(_choice(SEVERITIES), "the least severity that gives exit code 1", from_text=True),
    "format": Setting(_choice(FORMATS), "how results are printed", from_text=True),
    "lang": Setting(_choice(LANGS), "the language of titles and descriptions", from_text=True),
    "timezone": Setting(_zone, "the zone of times written without an offset", from_text=True),
    "params": Setting(_params, "values for tunable parameters"),
    "sources": Setting(_sources, "which events each source emits, and from when it is complete"),
    "severity": Setting(_severities, "the severity of a rule's findings"),
}

# Places. tomllib gives none, so keys are found again by line. What this misses (a key inside an inline table or a
# multi-line value) is reported at the nearest key around it.

_KEY = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]\]?[ \t]*(?:#.*)?$")
_PAIR = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=[ \t]*")
_VALUE = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^#"'])*""")


def places(source: Source) -> dict[Path_, tuple[Span, Span]]:
    """Path of a key -> the spans of the key and of what stands on its line as its value (for a table: its header)."""
    found: dict[Path_, tuple[Span, Span]] = {}
    table: Path_ = ()
    counts: dict[Path_, int] = {}
    open_quotes = ""
    for number in range(1, len(source.starts) + 1):
        line = source.line(number)
        inside = open_quotes
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2 and open_quotes in ("", quotes):
                open_quotes = "" if open_quotes else quotes
        if inside:
            continue
        if header := _HEADER.match(line):
            table = _keys(header[2])
            if header[1] == "[[":
                index = counts[table] = counts.get(table, -1) + 1
                span = _on_line(source, number, *header.span(2))
                found.setdefault(table, (span, span))
                table = (*table, index)
            span = _on_line(source, number, *header.span(2))
            found.setdefault(table, (span, span))
        elif pair := _PAIR.match(line):
            value = _VALUE.match(line, pair.end())
            end = pair.end() + len(value[0].rstrip()) if value else len(line)
            key = _on_line(source, number, *pair.span(1))
            keys = _keys(pair[1])
            for length in range(1, len(keys)):
                found.setdefault((*table, *keys[:length]), (key, key))
            found.setdefault((*table, *keys), (key, _on_line(source, number, pair.end(), end)))
    return found


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple(_unquote(key) for key in re.findall(_KEY, dotted))


def _unquote(key: str) -> str:
    if key.startswith('"'):
        return str(tomllib.loads(f"k = {key}")["k"])
    return key.strip("'")


def _on_line(source: Source, line: int, start: int, end: int) -> Span:
    return Span(source.path, line, start + 1, line, end + 1)


# In small

def _toml_error(source: Source, problem: tomllib.TOMLDecodeError) -> Diagnostic:
    message, _, place = str(problem).rpartition(" (at ")
    message = (message or str(problem)).rstrip(".")
    numbers = re.findall(r"\d+", place)
    if len(numbers) == 2:
        line, column = int(numbers[0]), int(numbers[1])
    else:  # "at end of document"
        line, column = source.place(max(0, len(source.text.rstrip()) - 1))
    return error("toml-syntax", f"not TOML: {message[:1].lower()}{message[1:]}",
                 Span(source.path, line, column, line, column + 1))


def _kind(raw: object) -> str:
    """What a TOML value is, in words."""
    match raw:
        case bool():
            return "true" if raw else "false"
        case str():
            return f"the text `{shorten(raw)}`"
        case int() | Decimal():
            return f"the number {raw}"
        case datetime() | date():
            return f"the date {raw}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"`{shorten(str(raw))}`"


def repr_toml(text: str) -> str:
    """A text as TOML writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
