"""Policies named by a user -> each compiled afresh, with all that is wrong with it and all that its lints say.

A policy with errors is linted too, as far as it is sound. What a finding looks like is not known here.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policyengine.base.diagnostic import Diagnostic, Note, did_you_mean, error, has_errors, in_order, shorten
from policyengine.base.source import Source, Span
from policyengine.core import ir
from policyengine.regulation.model import FILE, Regulation, load_regulation
from policyengine.regulation.versions import select
from policyengine.workspace.library import (
    POLICY,
    Compiled,
    Library,
    cache_entry,
    calendar_of,
    compile_house,
    compile_version,
    open_regulation,
    read_cache,
    write_cache,
)

if TYPE_CHECKING:
    from policyengine.syntax import ast


@dataclass(frozen=True)
class Linted:
    """One policy: its file as shown, how many rules it has, whether it compiled, what was found."""

    file: str
    rules: int
    compiled: bool
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, Source]


def lint_targets(library: Library, targets: Sequence[str], *, prove: bool = False,
                 ) -> tuple[tuple[Linted, ...], tuple[Diagnostic, ...]]:
    """Every policy that the targets name, once; a target is a file, a folder, `ID` or `ID@VERSION`. Without any, the
    project's own or, where it has none, the whole library. `prove`: the solver is asked too."""
    policies: dict[Path, None] = {}
    problems: list[Diagnostic] = []
    for target in targets or _own(library):
        found, wrong = policies_of(library, target)
        policies.update(dict.fromkeys(found))
        problems += wrong
    if problems:
        return (), tuple(problems)
    return tuple(_lint(library, path, prove) for path in policies), ()


def _own(library: Library) -> list[str]:
    own = [str(folder) for folder in library.folders.values() if folder.is_relative_to(library.root)]
    return [*own, *(str(file) for file in library.house)] or sorted(library.folders)


def policies_of(library: Library, target: str) -> tuple[list[Path], tuple[Diagnostic, ...]]:
    """The policy files a target names. A file that others use is looked at through them."""
    name, _, version = target.partition("@")
    if name in library.folders:
        regulation, problems, _ = open_regulation(library, name)
        if regulation is None:
            return [], problems
        chosen = select(regulation, version) if version else None
        if isinstance(chosen, Diagnostic):
            return [], (chosen,)
        return [library.folders[name] / one.label / POLICY
                for one in ((chosen,) if chosen else regulation.versions)], ()
    path = Path(target).absolute()
    if path.is_file():
        return [path], ()
    if not path.is_dir():
        return [], (error("missing-file", f"`{shorten(target)}` is neither a file nor a regulation",
                          help=did_you_mean(target, library.folders)
                          or f"there are {', '.join(sorted(library.folders))}"),)
    found = sorted(file for file in path.rglob("*.policy") if not _is_used_by_others(file))
    return found, () if found else (error("no-policy", f"`{shorten(target)}` holds no policy",
                                          help="a policy is a file that ends in `.policy`"),)


def _is_used_by_others(file: Path) -> bool:
    """True for a common file of a regulation, which has no header of its own and is compiled with those that use it."""
    return (file.parent / FILE).is_file()


def _lint(library: Library, path: Path, prove: bool) -> Linted:
    """A version's policy is looked at once, and what was found is kept until a file it is made from changes."""
    regulation = _regulation(path)
    if regulation is None or path.name != POLICY:
        return _looked_at(library, path, None, prove)
    if library.folders.get(regulation.id) != path.parent.parent:
        library = replace(library, folders={**library.folders, regulation.id: path.parent.parent})
    entry = cache_entry(library, path, regulation, "lint --prove" if prove else "lint")
    kept = read_cache(entry)
    if kept is not None:
        return _restored(kept)
    linted = _looked_at(library, path, regulation, prove)
    write_cache(entry, {"file": linted.file, "rules": linted.rules, "compiled": linted.compiled,
                        "diagnostics": [asdict(one) for one in linted.diagnostics],
                        "sources": {name: source.text for name, source in linted.sources.items()}})
    return linted


def _restored(kept: Mapping[str, Any]) -> Linted:
    def span(values: Any) -> Span | None:
        return None if values is None else Span(**values)

    found = tuple(
        Diagnostic(**{**one, "span": span(one["span"]), "notes": tuple(
            Note(**{**note, "span": span(note["span"])}) for note in one["notes"])}) for one in kept["diagnostics"])
    return Linted(kept["file"], kept["rules"], kept["compiled"], found,
                  {name: Source(name, text) for name, text in kept["sources"].items()})


def _looked_at(library: Library, path: Path, regulation: Regulation | None, prove: bool) -> Linted:
    from policyengine.analysis.lint import lint
    from policyengine.syntax import ast

    base: ir.Policy | None = None
    if regulation is not None:
        version = select(regulation, path.parent.name)
        compiled = Compiled(None, (version,), {}) if isinstance(version, Diagnostic) \
            else compile_version(library, regulation, version)
    else:
        compiled, book = compile_house(library, path)
        if book is not None:
            regulation, base = book.regulation, book.policy
    name = library.shown(path)
    rules = 0
    found = compiled.diagnostics
    if compiled.file is not None:
        rules = sum(isinstance(one, ast.Rule) for one in compiled.file.declarations)
    if compiled.file is not None and compiled.vocabulary is not None:
        proved: list[Diagnostic] = []
        if prove and compiled.policy is not None and regulation is not None:
            from policyengine.workspace.proving import findings  # brings the solver

            proved += findings(compiled.policy, calendar_of(library, regulation), compiled.vocabulary, base)
        found += lint(compiled.policy, compiled.file, compiled.vocabulary, includes=dict(_includes(compiled)),
                      proved=proved)
    return Linted(name, rules, not has_errors(compiled.diagnostics), in_order(found), compiled.sources)


def _regulation(path: Path) -> Regulation | None:
    """The regulation a version's policy belongs to; what is wrong with it is said when it is opened."""
    return load_regulation(path.parent.parent)[0] if (path.parent.parent / FILE).is_file() else None


def _includes(compiled: Compiled) -> Iterator[tuple[str, ast.File]]:
    """The other policy files that were read, by the path under which `use` finds them."""
    from policyengine.syntax.parser import parse

    for name, source in compiled.sources.items():
        if name.endswith(".policy") and name != compiled.file.path:
            yield posixpath.normpath(name), parse(name, source.text)[0]
