"""Which policy tests there are: the folders of cases beside policies, and the books each is judged by.

In come a library and what the user named; out come `Suite`s. What stands in the files of cases is `casefile`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, shorten
from policyengine.base.source import Source
from policyengine.core import ir
from policyengine.regulation.model import FILE, load_regulation
from policyengine.regulation.versions import select
from policyengine.workspace.config import Config
from policyengine.workspace.library import POLICY, Book, Library, open_book, open_house, open_regulation

FOLDER = "cases"

@dataclass(frozen=True)
class Suite:
    """The policies that the cases of one folder judge by: one version, or a house policy and the version it extends.

    `books` has the house policy first; `values` are, for each book, the raw parameter values to start from.
    """

    name: str
    books: tuple[Book, ...]
    values: tuple[Mapping[str, Any], ...]
    files: tuple[Path, ...]
    config: Config

    @property
    def book(self) -> Book:
        """The policy whose cases these are."""
        return self.books[0]

    @property
    def zone(self) -> str:
        """The IANA zone of times written without an offset."""
        return self.book.calendar.zone

    def rule(self, name: str) -> tuple[int, ir.Rule] | None:
        """The rule of that name and the place of its book; a house policy's rule stands before the law's."""
        for place, book in enumerate(self.books):
            rule = book.policy.rule(name)
            if rule is not None:
                return place, rule
        return None

    def rules(self) -> dict[str, int]:
        """Every rule by name -> the place of its book."""
        found: dict[str, int] = {}
        for place, book in enumerate(self.books):
            for rule in book.policy.rules:
                found.setdefault(rule.name, place)
        return found


def case_folders(library: Library, targets: Sequence[str]) -> tuple[dict[Path, tuple[Path, ...]],
                                                                    tuple[Diagnostic, ...]]:
    """Folder of a policy -> its files of cases, for each file, folder, `ID` or `ID@VERSION` named; without any, the
    project's own policies or, where it has none, the whole library."""
    found: dict[Path, list[Path]] = {}
    problems: list[Diagnostic] = []
    for target in targets or _own(library):
        files, wrong = _files_of(target, library)
        problems += wrong
        for file in files:
            known = found.setdefault(file.parent.parent, [])
            if file not in known:
                known.append(file)
    if not found and not problems:
        problems.append(error("no-cases", "there are no cases to judge", help="write them in `cases/*.yaml` beside "
                              "the policy; `guiju init` makes an example"))
    return {folder: tuple(files) for folder, files in found.items()}, tuple(problems)


def _own(library: Library) -> list[str]:
    own = [str(folder) for folder in library.folders.values() if folder.is_relative_to(library.root)]
    own += [str(file) for file in library.house]
    return own or sorted(library.folders)


def _files_of(target: str, library: Library) -> tuple[list[Path], tuple[Diagnostic, ...]]:
    name, _, version = target.partition("@")
    if name in library.folders:
        folder = library.folders[name]
        if version:
            regulation, problems, _ = open_regulation(library, name)
            if regulation is None:
                return [], problems
            chosen = select(regulation, version)
            if isinstance(chosen, Diagnostic):
                return [], (chosen,)
            folder = folder / chosen.label
        return _under(folder, target)
    path = Path(target).absolute()
    if not path.exists():
        return [], (error("missing-file", f"`{shorten(target)}` is neither a file nor a regulation",
                          help=did_you_mean(target, library.folders)
                          or f"there are {', '.join(sorted(library.folders))}"),)
    if path.is_dir():
        return _under(path, target)
    if path.suffix == ".policy":
        return _under(path.parent, target)
    if path.parent.name != FOLDER:
        return [], (error("not-a-case-file", f"`{shorten(target)}` does not lie in a folder `{FOLDER}` beside a "
                          "policy"),)
    return [path], ()


def _under(folder: Path, target: str) -> tuple[list[Path], tuple[Diagnostic, ...]]:
    if folder.name == FOLDER:
        files = sorted(folder.glob("*.yaml"))
    else:
        files = sorted(file for file in folder.glob(f"**/{FOLDER}/*.yaml"))
    if files:
        return files, ()
    return [], (error("no-cases", f"`{shorten(target)}` has no cases",
                      help=f"write them in `{FOLDER}/*.yaml` beside the policy"),)


def open_suite(library: Library, folder: Path, files: Sequence[Path], config: Config,
               ) -> tuple[Suite | None, tuple[Diagnostic, ...], Mapping[str, Source]]:
    """The policies a folder's cases judge by."""
    if (folder / POLICY).is_file() and (folder.parent / FILE).is_file():
        return _version_suite(library, folder, files, config)
    policies = sorted(folder.glob("*.policy"))
    if len(policies) != 1:
        what = "no policy" if not policies else f"{len(policies)} policies"
        return None, (error("no-policy", f"cases lie in `{library.shown(folder / FOLDER)}`, and beside it "
                            f"{'is' if not policies else 'are'} {what}", help="keep one policy in a folder, and its "
                            f"cases in `{FOLDER}` beside it"),), {}
    return _house_suite(library, policies[0], files, config)


def _version_suite(library: Library, folder: Path, files: Sequence[Path], config: Config,
                   ) -> tuple[Suite | None, tuple[Diagnostic, ...], Mapping[str, Source]]:
    regulation, problems = load_regulation(folder.parent)
    if regulation is None:
        name = str(folder.parent / FILE)
        return None, problems, {name: Source(name, Path(name).read_text("utf-8"))}
    version = select(regulation, folder.name)
    if isinstance(version, Diagnostic):
        return None, (version,), {}
    if library.folders.get(regulation.id) != folder.parent:
        library = replace(library, folders={**library.folders, regulation.id: folder.parent})
    book, problems, sources = open_book(library, regulation, version)
    if book is None:
        return None, problems, sources
    return Suite(f"{book.id} {book.label}", (book,), ({},), tuple(files), Config(config.root)), (), {}


def _house_suite(library: Library, policy: Path, files: Sequence[Path], config: Config,
                 ) -> tuple[Suite | None, tuple[Diagnostic, ...], Mapping[str, Source]]:
    house, problems, sources = open_house(library, policy)
    if house is None or house.policy.extends is None:
        return None, problems, sources
    more: Mapping[str, Source]
    name, label = house.policy.extends
    regulation, problems, more = open_regulation(library, name)
    if regulation is None:
        return None, problems, more
    version = select(regulation, label)
    if isinstance(version, Diagnostic):
        return None, (version,), {}
    base, problems, more = open_book(library, regulation, version)
    if base is None:
        return None, problems, more
    return Suite(house.id, (house, base), ({}, tuned_by(house.policy, base.policy)), tuple(files), config), (), {}


def tuned_by(house: ir.Policy, law: ir.Policy) -> dict[str, Any]:
    """The raw values that a house policy gives to tunable params of the policy it extends, whose rules they judge by
    too."""
    values = {param.name: param.value for param in law.params}
    return {param.name: param.value for param in house.params
            if param.name in values and param.value != values[param.name]}
