"""The settings of a project: `[tool.guiju]` in pyproject.toml, else guiju.toml; environment and flags win over it.

In come a folder, the environment and the flags; out come a `Config` that knows where each value came from, and what is
wrong. How a value is read is in settings.py, which is imported only when there is one to read: most runs in CI have
no project file, and reading TOML costs as much as starting click.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Literal, cast

from policyengine.base.diagnostic import Diagnostic, Severity, error, warning
from policyengine.base.record import record
from policyengine.base.source import Source, Span

Lang = Literal["en", "zh"]
FORMATS = ("text", "concise", "json", "sarif", "junit", "github", "gitlab", "auto")
LANGS = ("en", "zh")
DEFAULT = "default"

# read elsewhere: see base/resources.py and cli/main.py
OTHER_VARIABLES = ("GUIJU_CACHE_DIR", "GUIJU_DEBUG")


@record
class Param:
    """A value the operator chose for a tunable parameter, as text of the policy language (`10 minutes`)."""

    name: str
    value: str
    regulation: str | None = None
    """The regulation meant; None means every regulation that has such a parameter."""
    span: Span | None = field(default=None, compare=False)


@record
class EventSource:
    """What one source of events can show: the types it emits, and from when it has all of them."""

    name: str
    emits: tuple[str, ...]
    complete: str | None = None
    """A date, or an instant, as text; None: for all of history."""
    span: Span | None = field(default=None, compare=False)


@record
class SeverityOverride:
    """The severity the operator gives a rule's findings."""

    rule: str
    severity: Severity
    regulation: str | None = None
    span: Span | None = field(default=None, compare=False)


@record
class Config:
    """All settings. Files and folders are as written, relative to `root`."""

    root: Path
    file: str | None = None
    regulations: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    fail_on: Severity = "error"
    format: str = "text"
    lang: Lang = "en"
    timezone: str | None = None
    """The IANA zone of times written without an offset; None makes such a time an error."""
    params: tuple[Param, ...] = ()
    sources: tuple[EventSource, ...] = ()
    severity: tuple[SeverityOverride, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Setting -> `guiju.toml:3`, `GUIJU_FAIL_ON` or `--fail-on`; absent means the default."""

    def origin(self, setting: str) -> str:
        """Where the value of a setting came from."""
        return self.origins.get(setting, DEFAULT)


def load_config(
    start: Path, environ: Mapping[str, str], flags: Mapping[str, object],
) -> tuple[Config, tuple[Diagnostic, ...], dict[str, Source]]:
    """The settings that hold in the folder `start`. Flags that are None or empty were not given.

    Reads files; an unreadable one is an OSError.
    """
    config = Config(start)
    diagnostics: tuple[Diagnostic, ...] = ()
    sources: dict[str, Source] = {}
    found, ambiguous = find_config(start)
    if found is not None:
        name = _as_written(found, start)
        try:
            source = Source(name, found.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            return config, (error("not-utf8", f"`{name}` is not UTF-8 text"),), {}
        sources[name] = source
        from policyengine.workspace.settings import parse_config

        config, diagnostics = parse_config(source, found.parent)
        if ambiguous:
            diagnostics += (warning("two-project-files", f"`guiju.toml` beside `{name}` is not read",
                                    help="keep the settings in one of them"),)
    if _says_something(environ):
        from policyengine.workspace.settings import with_environment

        config, wrong = with_environment(config, environ)
        diagnostics += wrong
    return with_flags(config, flags), diagnostics, sources


def find_config(start: Path) -> tuple[Path | None, bool]:
    """The nearest project file at or above `start`, but not above a `.git`; and whether another stands beside it."""
    for folder in (start, *start.parents):
        project, own = folder / "pyproject.toml", folder / "guiju.toml"
        if _names_us(project):
            return project, own.is_file()
        if own.is_file():
            return own, False
        if (folder / ".git").exists():
            return None, False
    return None, False


def with_flags(config: Config, flags: Mapping[str, object]) -> Config:
    """`config` under the flags given; their values were checked when the command line was read."""
    given = {name: tuple(value) if isinstance(value, list) else value
             for name, value in flags.items() if value is not None and value != () and value != []}
    origins = {**config.origins, **{name: f"--{name.replace('_', '-')}" for name in given}}
    return replace(config, **cast(Any, given), origins=origins)


def _says_something(environ: Mapping[str, str]) -> bool:
    """True when a variable may be a setting; settings.py decides which."""
    return environ.get("LC_ALL", "").lower().startswith("zh") or any(
        variable.startswith("GUIJU_") and variable not in OTHER_VARIABLES for variable in environ)


def _names_us(file: Path) -> bool:
    """True when a pyproject.toml has our table, or seems to and cannot be parsed (which is then reported)."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    if "guiju" not in text:
        return False
    from policyengine.workspace.settings import has_our_table

    return has_our_table(text)


def _as_written(file: Path, start: Path) -> str:
    """The file's name as someone in `start` would write it."""
    if file.parent == start:
        return file.name
    depth = start.parts[len(file.parent.parts):]
    return str(Path(*[".."] * len(depth), file.name))
