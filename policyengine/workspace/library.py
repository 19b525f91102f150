"""The regulations a project can judge by: finds their folders, compiles their policies, and keeps the compiled form.

In come the project's settings and the shipped library; out come `Book`s, one version of one regulation (or one house
policy) ready to judge. A book is compiled once and then read from a cache keyed by the text of everything it was made
from, so that lark and the analysis are imported only after an edit. The cache is JSON; a damaged entry is made anew.
What stands in it is run as Python, so only entries are read that nobody but the user can have written.
"""

from __future__ import annotations

import errno
import hashlib
import json
import marshal
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from decimal import Decimal
from pathlib import Path
from types import CodeType
from typing import Any

from policyengine import __version__
from policyengine.base.calendar import Calendar, WorkingDaysText
from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, has_errors, in_order, shorten
from policyengine.base.record import record
from policyengine.base.resources import PACKAGE, cache_folder, regulations_folder
from policyengine.base.source import Source
from policyengine.core import codec, ir
from policyengine.regulation.model import FILE, Regulation, Version, load_regulation
from policyengine.regulation.versions import effective_range
from policyengine.workspace.config import Config

POLICY = "rules.policy"
TEXT = "text.md"


@record
class Book:
    """One version of a regulation, or a house policy, ready to judge.

    `facts_python` judges the rules named in `fact_rules` (see `facts.compiled_source`); `checker_python` tells whether
    facts fit the vocabulary (see `analysis.conform`), whose JSON Schemas are `facts_schema` and `event_schemas` (in the
    order that ties take). `start` and `end` are the instants from and up to which it is in force (UTC microseconds,
    None: open), `house` is true for a team's own policy, which holds always.
    """

    regulation: Regulation
    version: Version | None
    label: str
    policy: ir.Policy
    facts_python: CodeType
    fact_rules: tuple[str, ...]
    checker_python: CodeType
    facts_schema: Mapping[str, Any]
    event_schemas: Mapping[str, Mapping[str, Any]]
    calendar: Calendar
    house: bool
    path: str
    cached: bool = field(compare=False)

    @property
    def id(self) -> str:
        """`cn/human-like-ai`, or the name a house policy gives itself."""
        return self.policy.regulation

    def force(self) -> tuple[int | None, int | None]:
        """From when, and up to but not including when, it is in force (UTC microseconds)."""
        if self.house or self.version is None:
            return None, None
        return effective_range(self.version, self.regulation.timezone)


@record
class Library:
    """Where regulations stand: id -> folder, and the files of house policies. `shown` turns a path into the name a
    user would write."""

    folders: Mapping[str, Path]
    house: tuple[Path, ...]
    root: Path
    environ: Mapping[str, str]

    def shown(self, path: Path) -> str:
        """A path relative to where the user stands, or to the shipped library, so that output is the same anywhere."""
        for base in (Path.cwd(), self.root):
            if path.is_relative_to(base):
                return path.relative_to(base).as_posix()
        shipped = regulations_folder()
        if path.is_relative_to(shipped):
            return (Path("regulations") / path.relative_to(shipped)).as_posix()
        return str(path)


def find_library(config: Config, environ: Mapping[str, str]) -> tuple[Library, tuple[Diagnostic, ...]]:
    """The shipped regulations, and those and the house policies under the project's `policies`."""
    folders = dict(_regulations_under(regulations_folder()))
    house: list[Path] = []
    diagnostics: list[Diagnostic] = []
    for written in config.policies:
        path = Path(written) if Path(written).is_absolute() else config.root / written
        if not path.exists():
            diagnostics.append(error("missing-file", f"`{shorten(written)}`, named under `policies`, does not exist"))
        elif path.is_dir():
            own = dict(_regulations_under(path))
            folders.update(own)
            inside = tuple(own.values())
            found = sorted(file for file in path.rglob("*.policy")
                           if not any(file.is_relative_to(folder) for folder in inside))
            house += found
            if not own and not found:
                diagnostics.append(error("no-policy", f"`{shorten(written)}`, named under `policies`, holds no policy",
                                         help="a policy is a file that ends in `.policy`"))
        else:
            house.append(path)
    return Library(folders, tuple(house), config.root, environ), tuple(diagnostics)


def _regulations_under(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.glob(f"**/{FILE}")):
        yield file.parent.relative_to(folder).as_posix(), file.parent


def open_regulation(library: Library, wanted: str) -> tuple[Regulation | None, tuple[Diagnostic, ...],
                                                             dict[str, Source]]:
    """What `regulation.yaml` of a regulation says."""
    folder = library.folders.get(wanted)
    if folder is None:
        return None, (error("unknown-regulation", f"no regulation `{shorten(wanted)}`",
                            help=did_you_mean(wanted, library.folders)
                            or f"there are {', '.join(sorted(library.folders))}"),), {}
    regulation, diagnostics = load_regulation(folder)
    name = str(folder / FILE)
    return regulation, diagnostics, {name: Source(name, (folder / FILE).read_text("utf-8"))} if diagnostics else {}


@record
class Compiled:
    """A policy compiled afresh, with all that was found and read on the way; for `lint`, `test` and the editor."""

    policy: ir.Policy | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, Source]
    file: Any = None
    vocabulary: Any = None
    text: Any = None


def open_book(library: Library, regulation: Regulation, version: Version, ) -> tuple[Book | None,
                                                                                   tuple[Diagnostic, ...],
                                                                                   Mapping[str, Source]]:
    """A version ready to judge, from the cache when nothing it was made from has changed."""
    path = library.folders[regulation.id] / version.label / POLICY
    return _open(library, regulation, version, path, None)


def open_house(library: Library, path: Path) -> tuple[Book | None, tuple[Diagnostic, ...], Mapping[str, Source]]:
    """A team's own policy file, ready to judge beside the regulation it extends."""
    compiled, base = compile_house(library, path)
    if compiled.policy is None or base is None:
        return None, compiled.diagnostics, compiled.sources
    # A house policy is small and changes often: it is compiled each time, its base comes from the cache.
    return _book(library, base.regulation, None, path, compiled.policy, compiled.vocabulary, house=True), \
        compiled.diagnostics, compiled.sources


def _open(library: Library, regulation: Regulation, version: Version, path: Path, base: Book | None,
          ) -> tuple[Book | None, tuple[Diagnostic, ...], Mapping[str, Source]]:
    entry = cache_entry(library, path, regulation)
    cached = _cached_book(entry)
    if cached is not None:
        return Book(regulation, version, version.label, **cached, calendar=calendar_of(library, regulation),
                    house=False, path=library.shown(path), cached=True), (), {}
    compiled = compile_version(library, regulation, version)
    if compiled.policy is None:
        return None, compiled.diagnostics, compiled.sources
    book = _book(library, regulation, version, path, compiled.policy, compiled.vocabulary, house=False)
    write_cache(entry, {
        "policy": codec.encode(book.policy), "facts_python": marshal.dumps(book.facts_python).hex(),
        "fact_rules": list(book.fact_rules), "checker_python": marshal.dumps(book.checker_python).hex(),
        "facts_schema": book.facts_schema, "event_schemas": book.event_schemas})
    return book, compiled.diagnostics, compiled.sources


def _book(library: Library, regulation: Regulation, version: Version | None, path: Path, policy: ir.Policy,
          vocabulary: Any, *, house: bool) -> Book:
    from policyengine.analysis.conform import checker_source
    from policyengine.facts.compiled_source import source

    text, covered = source(policy)
    schema = vocabulary.schema
    return Book(regulation, version, version.label if version else policy.version, policy,
                compile(text, "<compiled rules>", "exec"), tuple(covered),
                compile(checker_source(schema), "<vocabulary>", "exec"), schema,
                {name: one.schema for name, one in vocabulary.events.items()},
                calendar_of(library, regulation), house, library.shown(path), False)


def calendar_of(library: Library, regulation: Regulation) -> Calendar:
    """The regulation's clock and working days."""
    moves = regulation.period_end_on_day_off == "moves"
    if not regulation.calendar:
        return Calendar(regulation.timezone, None, moves)
    file = _beside(library, regulation, f"calendars/{regulation.calendar}.yaml")
    return Calendar(regulation.timezone, WorkingDaysText(regulation.calendar, file.read_text("utf-8")), moves)


def vocabulary_file(library: Library, regulation: Regulation) -> Path:
    """The vocabulary that a regulation's rules speak."""
    return _beside(library, regulation, f"vocabulary/{regulation.vocabulary}.yaml")


def vocabulary_of(library: Library, regulation: Regulation) -> Any:
    """That vocabulary, of a regulation whose rules have compiled."""
    from policyengine.analysis.vocabulary import load_vocabulary

    file = vocabulary_file(library, regulation)
    vocabulary, _ = load_vocabulary(library.shown(file), file.read_text("utf-8"))
    assert vocabulary is not None  # or its rules would not have compiled
    return vocabulary


def _beside(library: Library, regulation: Regulation, name: str) -> Path:
    """A shared file of the library: the project's own beside the regulation's folders wins over the shipped one."""
    folder = library.folders.get(regulation.id)
    if folder is not None:
        own = folder.parents[len(Path(regulation.id).parts) - 1] / name
        if own.is_file():
            return own
    return regulations_folder() / name


# ---- compiling --------------------------------------------------------------------------------------------------

def compile_version(library: Library, regulation: Regulation, version: Version) -> Compiled:
    """Parse and analyse one version from its files, without the cache."""
    folder = library.folders[regulation.id] / version.label
    return compile_file(library, regulation, folder / POLICY, article_text=folder / TEXT)


def compile_house(library: Library, path: Path) -> tuple[Compiled, Book | None]:
    """Parse and analyse a house policy over the version it extends; also that version's book."""
    from policyengine.syntax import ast
    from policyengine.syntax.parser import parse

    name = library.shown(path)
    source = Source(name, _text(path, name))
    file, found = parse(name, source.text)
    extend = next((one for one in file.declarations if isinstance(one, ast.Extend)), None)
    if extend is None:
        wrong = error("extends-nothing", f"`{name}` extends no regulation", help="begin it with a line such as "
                      "`extend cn/human-like-ai version final`, or give its folder a `regulation.yaml`")
        return Compiled(None, (*found, wrong), {name: source}), None
    regulation, problems, sources = open_regulation(library, extend.regulation.text)
    if regulation is None:
        return Compiled(None, (*found, *(replace(one, span=one.span or extend.regulation.span) for one in problems)),
                        {name: source, **sources}), None
    from policyengine.regulation.versions import select

    version = select(regulation, extend.version.text)
    if isinstance(version, Diagnostic):
        return Compiled(None, (*found, replace(version, span=extend.version.span)), {name: source}), None
    base, problems, more = open_book(library, regulation, version)
    if base is None:
        return Compiled(None, (*found, *problems), {name: source, **more}), None
    text = library.folders[regulation.id] / version.label / TEXT
    return compile_file(library, regulation, path, article_text=text, base=base.policy), base


def _text(file: Path, name: str) -> str:
    """The text of a file of the library. OSError, naming it, also where it is not UTF-8."""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as problem:
        raise OSError(errno.EILSEQ, f"is not UTF-8 text: byte {problem.start + 1:,}", name) from None


def compile_file(library: Library, regulation: Regulation, path: Path, *, article_text: Path,
                 base: ir.Policy | None = None) -> Compiled:
    """Parse and analyse one policy file against its vocabulary and the articles it cites."""
    from policyengine.analysis.compile import compile_policy
    from policyengine.analysis.names import included_path
    from policyengine.analysis.vocabulary import load_vocabulary
    from policyengine.regulation.text import read_text
    from policyengine.syntax import ast
    from policyengine.syntax.parser import parse

    sources: dict[str, Source] = {}
    found: list[Diagnostic] = []

    def read(file: Path) -> Source:
        source = Source(library.shown(file), _text(file, library.shown(file)))
        sources[source.path] = source
        return source

    if not path.is_file():
        name = library.shown(path)
        return Compiled(None, (error("missing-file", f"`{name}` does not exist"),), {})
    source = read(path)
    file, problems = parse(source.path, source.text)
    found += problems
    includes: dict[str, ast.File] = {}
    family = library.folders[regulation.id]
    waiting = [(path, file)]
    while waiting:
        user, declared = waiting.pop()
        for use in declared.declarations:
            if not isinstance(use, ast.UseFile):
                continue
            used = Path(os.path.normpath(user.parent / use.path.value))
            key = included_path(declared.path, use.path.value)
            if key in includes or not used.is_file():
                continue  # the analysis reports a file that is not there, with its place
            if path.is_relative_to(family) and not used.is_relative_to(family):
                # The cache knows a policy by the files of its regulation's folder.
                found.append(error("file-elsewhere", f"`{use.path.value}` lies outside the folder of {regulation.id}",
                                   use.path.span, "another folder", help="copy what is shared into that folder"))
                continue
            common = read(used)
            includes[key], problems = parse(common.path, common.text)
            found += problems
            waiting.append((used, includes[key]))
    words = read(vocabulary_file(library, regulation))
    vocabulary, problems = load_vocabulary(words.path, words.text)
    found += problems
    text = None
    if article_text.is_file():
        articles = read(article_text)
        text, problems = read_text(articles.path, articles.text)
        found += problems
    if vocabulary is None:
        return Compiled(None, in_order(found), sources, file, None, text)
    policy, problems = compile_policy(file, vocabulary, includes=includes, text=text,
                                      has_calendar=bool(regulation.calendar), base=base)
    found += problems
    wrong = has_errors(found)
    return Compiled(None if wrong else policy, in_order(found), sources, file, vocabulary, text)


# ---- cache ------------------------------------------------------------------------------------------------------

def cache_entry(library: Library, path: Path, regulation: Regulation, of: str = "book") -> Path | None:
    """The file that holds what was made `of` a version's policy; its name is the hash of all it is made from."""
    folder = cache_folder(library.environ)
    if folder is None:
        return None
    # Compiled Python is of use to the Python that made it alone.
    digest = hashlib.sha256(f"{of} {__version__} {sys.hexversion:x} {_own_code()} {library.shown(path)}".encode())
    family = library.folders[regulation.id]
    files = [*sorted(family.rglob("*.policy")), path.parent / TEXT, family / FILE, vocabulary_file(library, regulation)]
    for file in files:
        if file.is_file():
            digest.update(file.read_bytes())
            digest.update(b"\0")
    return folder / f"{digest.hexdigest()[:32]}.json"


def _own_code() -> int:
    """In a checkout, when our own code last changed; an installed version never changes."""
    if not (PACKAGE.parent / "pyproject.toml").is_file():
        return 0
    return max(file.stat().st_mtime_ns for file in _own_files())


def _own_files() -> Iterable[Path]:
    yield PACKAGE.parent / "grammar" / "policy.lark"
    for part in ("base", "syntax", "core", "analysis", "facts"):
        yield from (PACKAGE / part).rglob("*.py")


def _cached_book(entry: Path | None) -> dict[str, Any] | None:
    data = read_cache(entry)
    if data is None:
        return None
    try:
        return {"policy": codec.decode(data["policy"]), "fact_rules": tuple(data["fact_rules"]),
                "facts_schema": data["facts_schema"], "event_schemas": data["event_schemas"],
                **{name: marshal.loads(bytes.fromhex(data[name])) for name in ("facts_python", "checker_python")}}
    except (ValueError, EOFError, TypeError, LookupError):
        return None


def read_cache(entry: Path | None) -> dict[str, Any] | None:
    """What `write_cache` kept there; None where nothing, or nothing sound, is to be had."""
    if entry is None:
        return None
    try:
        with entry.open("rb") as file:
            status = os.fstat(file.fileno())
            if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
                return None
            data = json.loads(file.read(), parse_float=Decimal)
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and data.pop("whole", None) is True else None


KEPT = 100
"""Entries of the cache that are kept, the newest; each edit of a policy makes one."""


def write_cache(entry: Path | None, data: Mapping[str, Any]) -> None:
    """Written beside and renamed, so that a reader sees all of it or nothing; a folder that cannot be written is no
    fault, only slower."""
    if entry is None:
        return
    import tempfile  # 4 ms, after an edit only

    try:
        entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=entry.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump({**data, "whole": True}, stream, ensure_ascii=False, separators=(",", ":"), default=float)
        os.replace(name, entry)
        entries = sorted(entry.parent.glob("*.json"), key=lambda one: one.stat().st_mtime)
        for old in entries[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return
