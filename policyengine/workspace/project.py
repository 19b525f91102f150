"""The settings that hold in a folder: `[tool.guiju]` in pyproject.toml or guiju.toml; variables and flags win over it.

In come a folder, the environment and the flags; out come a `Config` and what is wrong. How a value is read is in
settings.py, which is imported only when there is one to read: most runs in CI have no project file, and reading TOML
costs as much as starting click.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from policyengine.base.diagnostic import Diagnostic, error, warning
from policyengine.base.source import Source
from policyengine.workspace.config import OTHER_VARIABLES, Config


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
