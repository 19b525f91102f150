"""`guiju config`: every setting that holds in this folder, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import click

from policyengine.cli.common import format_option, paint, settings
from policyengine.workspace.config import Config, EventSource, Param, SeverityOverride
from policyengine.workspace.settings import SETTINGS


@click.command("config")
@click.option("--show", is_flag=True, help="What it does anyway; for those who know the option from elsewhere.")
@format_option
def command(show: bool, format: str | None) -> int:
    """Show every setting and where it comes from."""
    config = settings(format=format)
    click.echo(to_json(config) if config.format == "json" else to_text(config))
    return 0


def to_text(config: Config) -> str:
    """A line a setting: name, value, origin."""
    rows = [(name, _shown(getattr(config, name)), config.origin(name)) for name in SETTINGS]
    width = max(len(name) for name, _, _ in rows)
    lines = [f"project file: {config.file or 'none'}"]
    for name, values, origin in rows:
        lines.append(f"{name:<{width}}  {values[0]}  {paint(f'({origin})', 'faint')}")
        lines += [f"{'':<{width}}  {value}" for value in values[1:]]
    return "\n".join(lines)


def to_json(config: Config) -> str:
    """The same for programs; `schema_version` counts incompatible changes."""
    found = {name: {"value": _plain(getattr(config, name)), "origin": config.origin(name),
                    "meaning": SETTINGS[name].meaning} for name in SETTINGS}
    return json.dumps({"schema_version": 1, "file": config.file, "settings": found}, ensure_ascii=False, indent=2)


def _shown(value: object) -> list[str]:
    if value is None or value == ():
        return ["-"]
    if isinstance(value, tuple):
        return [_one(item) for item in value]
    return [_one(value)]


def _one(value: object) -> str:
    match value:
        case Param(name, text, regulation):
            return f"{regulation + ' ' if regulation else ''}{name} = {text}"
        case SeverityOverride(rule, severity, regulation):
            return f"{regulation + ' ' if regulation else ''}{rule} = {severity}"
        case EventSource(name, emits, complete):
            return f"{name}: {', '.join(emits)}" + (f", complete from {complete}" if complete else "")
        case _:
            return str(value)


def _plain(value: Any) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: item for name, item in asdict(value).items() if name != "span"}
    return value
