"""The settings of a project as values: a `Config` that knows where each came from.

Where they are found is in project.py, how a file or a variable is read in settings.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Literal

from policyengine.base.diagnostic import Severity
from policyengine.base.record import record
from policyengine.base.source import Span

Lang = Literal["en", "zh"]
FORMATS = ("text", "concise", "json", "sarif", "junit", "github", "gitlab", "html", "ndjson", "csv", "auto")
TABLES = ("ndjson", "csv")
"""Of the formats those that are a row a finding, of all there are, and not a report."""
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
