"""The arguments of a command to the files they name: of facts, of events or of policies.

In come files, directories and globs as the user wrote them; out come paths, each file once, in the order of the
arguments and sorted inside each, or diagnostics. A file that is named is always taken; a directory is searched for
names with the suffixes asked for. What stands in the files is not known here.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING

from policyengine.base.diagnostic import Diagnostic, error, shorten, warning
from policyengine.facts.read import SUFFIXES

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

# Settings of this and other tools that lie beside services; a walk leaves them, as it leaves names that begin with `.`.
NOT_FACTS = frozenset({"guiju.toml", "waivers.toml", "pyproject.toml"})


def expand_inputs(arguments: Sequence[str], *, suffixes: Collection[str] = SUFFIXES, include: Sequence[str] = (),
                  exclude: Sequence[str] = (), base: str = ".", events: bool = False,
                  ) -> tuple[tuple[Path, ...], tuple[Diagnostic, ...]]:
    """The files that the arguments name.

    A directory is searched for files whose names end in one of `suffixes`. `include` and `exclude` are patterns as in
    .gitignore, relative to the directory `base`, and hold only for what such a walk finds. `-` (standard input) passes
    through. Missing files, globs without a match and directories without a readable file are errors. Of `events`, which
    may be read twice, a pipe is one too, and what .gitignore leaves out of a directory that has others is a warning.
    """
    found: dict[str, Path] = {}  # by real path, so that one file under two names is judged once
    problems: list[Diagnostic] = []
    for argument in arguments:
        if argument == "-":
            found.setdefault(argument, Path(argument))
            continue
        names = [argument]
        if not os.path.lexists(argument) and has_magic(argument):
            names = sorted(glob(argument, recursive=True))
            if not names:
                problems.append(error("empty-glob", f"the pattern `{shorten(argument)}` matches no file"))
        for name in names:
            if os.path.isdir(name):
                walk = _Walk(tuple(suffixes), include, exclude, base)
                files = list(walk.search(name))
                for real, path in files:
                    found.setdefault(real, Path(path))
                problems += walk.problems
                if not files:
                    problems.append(_no_files(name, walk))
                elif events and walk.left:
                    problems.append(_left_out(name, sum(walk.left.values())))
            elif events and once_only(name):
                problems.append(no_file(name))
            elif os.path.exists(name):
                found.setdefault(os.path.realpath(name), Path(name))
            else:
                problems.append(_missing(name))
    return tuple(found.values()), tuple(problems)


def once_only(name: str) -> bool:
    """Whether it is a pipe or a device: what it gives is gone when it was read, and reading may never end."""
    return os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)


def no_file(name: str) -> Diagnostic:
    """What is said of events in a pipe or a device."""
    return error("unreadable-file", f"`{shorten(name)}` is a pipe or a device, and events are read from files, some of "
                 "them twice", help="write them to a file, or judge them as they come: `guiju monitor`")


def _missing(name: str) -> Diagnostic:
    if os.path.islink(name):
        return error("missing-file", f"`{shorten(name)}` is a link to a file that does not exist")
    return error("missing-file", f"`{shorten(name)}` does not exist",
                 help="events that are not on this machine are read with `--engine spark`" if "://" in name else "")


def _no_files(name: str, walk: _Walk) -> Diagnostic:
    left = [f"{count} {why}" for why, count in sorted(walk.left.items())]
    help = f"left out: {', '.join(left)}; a file that is named itself is always read" if left else ""
    plain = [one for one in walk.suffixes if one.count(".") == 1]
    packed = sorted({os.path.splitext(one)[1] for one in walk.suffixes if one.count(".") > 1})
    also = f", plain, {' or '.join(packed)}" if packed else ""
    return error("no-input-files", f"the directory `{shorten(name)}` has no {', '.join(plain)} file to read{also}",
                 help=help)


def _left_out(name: str, many: int) -> Diagnostic:
    places = "1 file or folder is" if many == 1 else f"{many:,} files or folders are"
    return warning("left-out", f"of `{shorten(name)}` {places} not read, as .gitignore says",
                   help="a file that is named itself is always read")


@dataclass
class _Walk:
    """One walk through a directory; `left` counts what it left out, by the reason."""

    suffixes: tuple[str, ...]
    include: Sequence[str]
    exclude: Sequence[str]
    base: str
    problems: list[Diagnostic] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    _include: GitIgnoreSpec | None = None
    _exclude: GitIgnoreSpec | None = None

    def search(self, top: str) -> Iterator[tuple[str, str]]:
        """(real path, path as it follows from `top`) of every file to read, sorted."""
        self._include = _spec(self.include) if self.include else None
        self._exclude = _spec(self.exclude) if self.exclude else None
        real = os.path.realpath(top)
        yield from self._directory(top, real, _parents(real))

    def _directory(self, path: str, real: str, ignores: list[tuple[str, GitIgnoreSpec]]) -> Iterator[tuple[str, str]]:
        own = _ignore_file(real)
        if own is not None:
            ignores = [*ignores, (real, own)]
        try:
            with os.scandir(path) as entries:
                listed = sorted(entries, key=lambda one: one.name)
        except OSError as problem:
            reason = (problem.strerror or str(problem)).lower()
            self.problems.append(error("unreadable-file", f"cannot read `{shorten(path)}`: {reason}"))
            return
        for entry in listed:
            here, there = os.path.join(path, entry.name), os.path.join(real, entry.name)
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and not self._left_out(there, ignores, "/"):
                    yield from self._directory(here, there, ignores)
            elif entry.name.lower().endswith(self.suffixes) and self._wanted(entry.name, there, ignores):
                if entry.is_symlink():
                    there = os.path.realpath(there)
                    if os.path.isdir(there):
                        continue  # directories behind links are not searched: they may lead back
                if not once_only(here):
                    yield there, here

    def _wanted(self, name: str, real: str, ignores: list[tuple[str, GitIgnoreSpec]]) -> bool:
        if name in NOT_FACTS or name.startswith("."):
            return False
        if self._include is not None and not self._include.match_file(self._relative(real)):
            return self._leave("not among the included")
        return not self._left_out(real, ignores, "")

    def _left_out(self, real: str, ignores: list[tuple[str, GitIgnoreSpec]], slash: str) -> bool:
        if self._exclude is not None and self._exclude.match_file(self._relative(real) + slash):
            return not self._leave("excluded")
        for directory, spec in reversed(ignores):  # the nearest .gitignore that says something decides
            ignored = spec.check_file(os.path.relpath(real, directory) + slash).include
            if ignored is not None:
                return ignored and not self._leave("ignored by .gitignore")
        return False

    def _leave(self, why: str) -> bool:
        self.left[why] = self.left.get(why, 0) + 1
        return False

    def _relative(self, real: str) -> str:
        return os.path.relpath(real, os.path.realpath(self.base))


def _parents(real: str) -> list[tuple[str, GitIgnoreSpec]]:
    """The .gitignore files above a directory, as far up as its repository goes; none outside a repository."""
    found: list[tuple[str, GitIgnoreSpec]] = []
    here = real
    while not os.path.exists(os.path.join(here, ".git")):
        parent = os.path.dirname(here)
        if parent == here:
            return []
        here = parent
        spec = _ignore_file(here)
        if spec is not None:
            found.insert(0, (here, spec))
    return found


def _ignore_file(directory: str) -> GitIgnoreSpec | None:
    try:
        with open(os.path.join(directory, ".gitignore"), encoding="utf-8", errors="replace") as file:
            return _spec(file.read().splitlines())
    except OSError:
        return None


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # 33 ms, and most runs name their files

    return GitIgnoreSpec.from_lines(lines)
