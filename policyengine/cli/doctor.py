"""`guiju doctor`: looks at the installation, the project file and the cache, and says what is wrong and what to do.

Each look is a function in LOOKS that returns a line; nothing is changed and nothing is fetched.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import zoneinfo
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
import yaml

from policyengine import __version__
from policyengine.base.calendar import load_working_days
from policyengine.base.diagnostic import concise
from policyengine.base.resources import PACKAGE, cache_folder, grammar_file, regulations_folder
from policyengine.cli.common import FINDINGS, format_option, paint
from policyengine.workspace.project import load_config

LIBRARIES = ("click", "google-re2", "lark", "markdown-it-py", "pathspec", "pyyaml", "tzdata")


@dataclass(frozen=True, slots=True)
class Look:
    """One thing looked at. `help` says what to do; it is empty when nothing is wrong."""

    name: str
    ok: bool
    found: str
    help: str = ""


@click.command("doctor")
@format_option
def command(format: str | None) -> int:
    """Look for what is wrong with this installation. Exit codes: 0 nothing, 1 something."""
    looks = [look() for look in LOOKS]
    if format == "json":
        click.echo(json.dumps({"schema_version": 1, "looks": [asdict(look) for look in looks]}, ensure_ascii=False,
                              indent=2))
    else:
        click.echo(to_text(looks))
    return 0 if all(look.ok for look in looks) else FINDINGS


def to_text(looks: list[Look]) -> str:
    """A line a look, what to do under those that are wrong, and the sum."""
    width = max(len(look.name) for look in looks)
    lines = []
    for look in looks:
        mark = paint("ok   ", "good") if look.ok else paint("wrong", "bad")
        lines.append(f"{mark}  {look.name:<{width}}  {look.found}")
        if look.help:
            lines.append(f"{'':7}{'':<{width}}  {paint('help', 'help')}: {look.help}")
    wrong = sum(not look.ok for look in looks)
    lines.append(f"{len(looks)} looked at, {wrong} wrong" if wrong else f"{len(looks)} looked at, nothing wrong")
    return "\n".join(lines)


def _guiju() -> Look:
    return Look("guiju", True, f"{__version__} in {PACKAGE}")


def _python() -> Look:
    return Look("python", sys.version_info >= (3, 11), f"{platform.python_version()} at {sys.executable}",
                "" if sys.version_info >= (3, 11) else "guiju needs Python 3.11 or newer")


def _libraries() -> Look:
    found, missing = [], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    return Look("libraries", not missing, ", ".join(found + [f"{name} missing" for name in missing]),
                f"pip install {' '.join(missing)}" if missing else "")


def _yaml() -> Look:
    fast = hasattr(yaml, "CSafeLoader")
    return Look("yaml parser", fast, "libyaml" if fast else "pure Python",
                "" if fast else "reading YAML is ten times slower; install a PyYAML wheel, which brings libyaml")


def _grammar() -> Look:
    try:
        file = grammar_file()
    except FileNotFoundError as problem:
        return Look("grammar", False, str(problem), "install guiju again")
    return Look("grammar", file.is_file(), str(file), "" if file.is_file() else "install guiju again")


def _regulations() -> Look:
    try:
        folder = regulations_folder()
    except FileNotFoundError as problem:
        return Look("regulations", False, str(problem), "install guiju again")
    count = sum(1 for _ in folder.rglob("regulation.yaml"))
    return Look("regulations", count > 0, f"{count} in {folder}", "" if count else "install guiju again")


def _cache() -> Look:
    folder = cache_folder(os.environ)
    if folder is None:
        return Look("cache", False, "there is no home folder",
                    "set GUIJU_CACHE_DIR to a folder, or every run compiles the policies anew")
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as problem:
        return Look("cache", False, f"{folder} cannot be written: {(problem.strerror or str(problem)).lower()}",
                    "set GUIJU_CACHE_DIR to a folder that can, or every run compiles the policies anew")
    return Look("cache", True, str(folder) if folder.exists() else f"{folder} (made at first use)")


def _namesake() -> Look:
    try:
        other = version("policyengine")
    except PackageNotFoundError:
        return Look("namesake", True, "no other package named policyengine")
    return Look("namesake", False, f"policyengine {other} is installed too and has a folder of the same name",
                "pip uninstall policyengine guiju && pip install guiju, or keep them in two environments")


def _calendar() -> Look:
    """A year nobody has announced is judged by plain weekdays, so the current one should be known."""
    try:
        files = sorted((regulations_folder() / "calendars").glob("*.yaml"))
        calendars = [(file.stem, load_working_days(file)) for file in files]
    except (OSError, ValueError) as problem:
        return Look("working days", False, str(problem), "install guiju again")
    this_year = date.today().year
    found = [f"{name} announced for {min(days.years)} to {max(days.years)}" for name, days in calendars if days.years]
    late = [name for name, days in calendars if not days.announced(this_year)]
    return Look("working days", bool(found) and not late, "; ".join(found) or "no calendar",
                f"{this_year} counts as provisional for {', '.join(late)}; a newer guiju may know it" if late else "")


def _zones() -> Look:
    try:
        zoneinfo.ZoneInfo("Asia/Shanghai")
    except zoneinfo.ZoneInfoNotFoundError:
        return Look("time zones", False, "Asia/Shanghai is not known", "pip install tzdata")
    systems = [path for path in zoneinfo.TZPATH if Path(path, "Asia", "Shanghai").is_file()]
    try:
        package = f"tzdata {version('tzdata')}"
    except PackageNotFoundError:
        package = "no tzdata package"
    # the system's own files are read first, so they are what judges
    return Look("time zones", True, f"{_system_zones(systems[0])} before {package}" if systems else package)


def _system_zones(folder: str) -> str:
    for name in ("tzdata.zi", "+VERSION", "version"):
        file = Path(folder, name)
        if file.is_file():
            with file.open(encoding="utf-8", errors="replace") as stream:
                return f"{folder} ({stream.readline().removeprefix('# version').strip()})"
    return folder


def _project() -> Look:
    config, diagnostics, _ = load_config(Path.cwd(), os.environ, {})
    if diagnostics:
        return Look("project file", False, "; ".join(concise(d) for d in diagnostics), "`guiju config` shows the place")
    return Look("project file", True, config.file or "none")


LOOKS: tuple[Callable[[], Look], ...] = (
    _guiju, _python, _libraries, _yaml, _grammar, _regulations, _cache, _namesake, _calendar, _zones, _project,
)
