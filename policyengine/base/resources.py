"""Where the grammar and the shipped regulations are, in a checkout or in an installed wheel, and where to cache.

What comes out are paths and the grammar's text. What they hold is for others to know.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def grammar_text() -> str:
    """The lark grammar of the policy language. Raises FileNotFoundError when the installation is broken."""
    return grammar_file().read_text(encoding="utf-8")


def grammar_file() -> Path:
    """The file `policy.lark`. Raises FileNotFoundError when the installation is broken."""
    return shipped("grammar", PACKAGE) / "policy.lark"


def regulations_folder() -> Path:
    """The library of regulations and vocabularies. Raises FileNotFoundError when the installation is broken."""
    return shipped("regulations", PACKAGE)


def shipped(name: str, package: Path) -> Path:
    """The folder `name` inside `package` (a wheel) or beside it (a checkout)."""
    for folder in (package / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder `{name}` is neither in {package} nor beside it; guiju is not wholly installed")


def cache_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """The folder for compiled policies, which need not exist yet; `GUIJU_CACHE_DIR` wins over the system's custom.

    None for a user without a home (some containers): nothing is cached then, rather than in a folder shared by all.
    """
    if chosen := environ.get("GUIJU_CACHE_DIR"):
        return Path(chosen)
    if platform == "win32":
        return Path(environ["LOCALAPPDATA"], "guiju", "cache") if environ.get("LOCALAPPDATA") else None
    home = environ.get("HOME")
    if platform == "darwin":
        return Path(home, "Library", "Caches", "guiju") if home else None
    xdg = environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(xdg):  # the XDG specification has relative ones ignored
        return Path(xdg, "guiju")
    return Path(home, ".cache", "guiju") if home else None
