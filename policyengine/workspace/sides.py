"""What a user names to compare -> a text, a policy, or both: a version, a folder, a file, any of them as git has it.

In comes one word of the command line; out comes a `Side` with all that could be read, or diagnostics. What stands in
git is laid out in a folder that the caller hands in and removes. Nothing is compared here.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from policyengine.analysis.vocabulary import Vocabulary
from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, has_errors, shorten
from policyengine.base.record import record
from policyengine.base.source import Source
from policyengine.core import ir
from policyengine.documents.model import Document
from policyengine.documents.read import read_document
from policyengine.regulation.model import FILE, Regulation, Version
from policyengine.regulation.text import read_text
from policyengine.regulation.versions import select
from policyengine.workspace.library import POLICY, TEXT, Book, Library, open_book, open_regulation, vocabulary_of

Found = tuple[tuple[Diagnostic, ...], Mapping[str, Source]]


@record
class Side:
    """One of two things to compare. `library` is where its regulation stands; a text alone has no regulation, a version
    without a policy no book."""

    name: str
    library: Library
    document: Document | None
    regulation: Regulation | None = None
    version: Version | None = None
    book: Book | None = None
    vocabulary: Vocabulary | None = None
    sources: Mapping[str, Source] = field(default_factory=dict, hash=False)

    @property
    def policy(self) -> ir.Policy | None:
        """The version's rules."""
        return None if self.book is None else self.book.policy


def open_side(wanted: str, library: Library, spare: Path, beside: str = "") -> tuple[Side | None, Found]:
    """What `wanted` names: `cn/x@draft`, a folder, a file, `REF:PATH` of git; `beside` is the regulation of the side
    before, so that `final` alone is its final. `spare` is an empty folder for what git has."""
    path, at, label = wanted.rpartition("@")
    if not at:
        path, label = wanted, ""
    if path in library.folders:
        return _regulation(wanted, path, label, library)
    if Path(wanted).exists():
        path, label = wanted, ""
    if Path(path).is_dir():
        return _folder(wanted, Path(path), label, library)
    if Path(path).is_file() and not label:
        return _file(wanted, Path(path), library)
    if ":" in path:
        laid, problems = _from_git(path, spare)
        if laid is None:
            return None, (problems, {})
        inner = Library(library.folders, library.house, spare, library.environ)
        return _folder(wanted, laid, label, inner) if laid.is_dir() else _file(wanted, laid, inner)
    if not at and beside and "/" not in wanted and wanted:
        return _regulation(wanted, beside, wanted, library)
    known = [*library.folders, *(f"{name}@draft" for name in library.folders)]
    return None, ((error("unknown-side", f"`{shorten(wanted)}` is no version, folder or file",
                         help=did_you_mean(wanted, known)
                         or "name a version such as `cn/human-like-ai@draft`, a folder, a text, or `REF:PATH` of git"),
                   ), {})


def _regulation(wanted: str, name: str, label: str, library: Library) -> tuple[Side | None, Found]:
    regulation, problems, sources = open_regulation(library, name)
    if regulation is None:
        return None, (problems, sources)
    if not label and len(regulation.versions) > 1:
        labels = ", ".join(f"`{name}@{one.label}`" for one in regulation.versions)
        return None, ((error("no-version-named", f"`{shorten(wanted)}` has {len(regulation.versions)} versions",
                             help=f"name one: {labels}"),), {})
    version = select(regulation, label) if label else regulation.versions[0]
    if isinstance(version, Diagnostic):
        return None, ((version,), {})
    return _version(wanted, regulation, version, library)


def _folder(wanted: str, folder: Path, label: str, library: Library) -> tuple[Side | None, Found]:
    """A folder of a regulation, or of one version of it."""
    folder = folder.resolve()
    family = folder if (folder / FILE).is_file() else folder.parent
    if not (family / FILE).is_file():
        return None, ((error("no-regulation", f"`{shorten(wanted)}` is no folder of a regulation: there is no `{FILE}` "
                             "in it or above it", help="two texts are compared by naming the files"),), {})
    own = Library({"": family}, (), library.root, library.environ)
    regulation, problems, sources = open_regulation(own, "")
    if regulation is None:
        return None, (problems, sources)
    own = Library({regulation.id: family}, (), library.root, library.environ)
    if family == folder:
        return _regulation(wanted, regulation.id, label, own)
    version = next((one for one in regulation.versions if one.label == folder.name), None)
    if version is None:
        labels = ", ".join(f"`{one.label}`" for one in regulation.versions)
        return None, ((error("unknown-version", f"`{FILE}` beside `{shorten(wanted)}` names no version "
                             f"`{shorten(folder.name)}`", help=f"it names {labels}"),), {})
    return _version(wanted, regulation, version, own)


def _version(wanted: str, regulation: Regulation, version: Version, library: Library) -> tuple[Side | None, Found]:
    family = library.folders[regulation.id]
    folder = family / version.label
    document, book, vocabulary = None, None, None
    found: list[Diagnostic] = []
    sources: dict[str, Source] = {}
    if (folder / TEXT).is_file():
        from policyengine.diff.regulation_text import document_of

        source = _source(folder / TEXT, library)
        sources[source.path] = source
        text, problems = read_text(source.path, source.text)
        found += [one for one in problems if one.severity == "error"]
        document = document_of(source.path, text)
    if (folder / POLICY).is_file():
        book, problems, more = open_book(library, regulation, version)
        found += [one for one in problems if one.severity == "error"]
        sources.update(more)
        for file in sorted(family.rglob("*.policy")):
            source = _source(file, library)
            sources.setdefault(source.path, source)
        vocabulary = None if book is None else vocabulary_of(library, regulation)
    if document is None and book is None and not found:
        return None, ((error("no-policy", f"`{shorten(wanted)}` has neither `{TEXT}` nor `{POLICY}`"),), {})
    if has_errors(found):
        return None, (tuple(found), sources)
    return Side(wanted, library, document, regulation, version, book, vocabulary, sources), ((), sources)


def _source(file: Path, library: Library) -> Source:
    return Source(library.shown(file), file.read_text("utf-8"))


def _file(wanted: str, file: Path, library: Library) -> tuple[Side | None, Found]:
    document, problems = read_document(wanted, file.read_bytes())
    return (None if document is None else Side(wanted, library, document)), (problems, {})


# ---- git --------------------------------------------------------------------------------------------------------

def _from_git(wanted: str, spare: Path) -> tuple[Path | None, tuple[Diagnostic, ...]]:
    """What `REF:PATH` names, laid out under `spare` at the path it has in the repository, with the vocabulary and the
    calendars it needs."""
    ref, _, path = wanted.partition(":")
    path = path.strip("/")
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if commit is None:
        return None, (error("unknown-side", f"`{shorten(wanted)}` is no file, and `{shorten(ref)}` is no commit here",
                            help="`REF:PATH` is a branch, tag or commit, and a path from the top of the repository"),)
    listed = _git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.decode().strip())
    files = [] if listed is None else [name for name in listed.decode("utf-8", "replace").split("\0") if name]
    if path in files:
        roots = [path]
    elif any(name.startswith(f"{path}/") for name in files):
        roots = [_top(path, files)]
    else:
        return None, (error("unknown-side", f"commit `{shorten(ref)}` has no `{shorten(path)}`",
                            help=did_you_mean(path, {str(Path(name).parent) for name in files})
                            or "a path counts from the top of the repository"),)
    packed = _git("archive", "--format=tar", commit.decode().strip(), "--", *roots, top=True)
    if packed is None:
        return None, (error("unknown-side", f"git cannot give `{shorten(wanted)}`"),)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(spare, filter="data")
    return spare / path, ()


def _top(path: str, files: list[str]) -> str:
    """The nearest folder at or above `path` that holds vocabularies; without one, the one above `path`."""
    above = [path, *(parent.as_posix() for parent in Path(path).parents if parent.as_posix() != ".")]
    for folder in above:
        if any(name.startswith(f"{folder}/vocabulary/") for name in files):
            return folder
    return above[min(1, len(above) - 1)]


def _git(*arguments: str, top: bool = False) -> bytes | None:
    """What git says; None where it fails or is not there."""
    folder = None
    if top:
        root = _git("rev-parse", "--show-toplevel")
        folder = None if root is None else root.decode().strip()
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
