"""Lints: what is allowed and still likely a mistake. A policy in both forms in, diagnostics out.

One file a lint, with what it finds, why, an example, what to write instead, and when it is fine, in its docstring; and
one line in `LINTS`. `# guiju: ignore[lint-name] reason="…"` on the line, or alone on the line above, keeps a finding
back. An ignore that keeps nothing back, or gives no reason, is itself reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from policyengine.analysis.lint import (
    any_without_equality,
    constant_condition,
    contradiction,
    duplicate_condition,
    empty_text,
    missing_fix,
    missing_translation,
    no_citation,
    reminder_in_silence,
    shadowed_name,
    unchecked_but_cited,
    unused_definition,
)
from policyengine.analysis.lint.subject import Finding, Subject, walk
from policyengine.analysis.names import declarations
from policyengine.analysis.vocabulary import Vocabulary
from policyengine.base.diagnostic import Diagnostic, Note, Severity, did_you_mean, in_order, warning
from policyengine.core import ir
from policyengine.syntax import ast


@dataclass(frozen=True)
class Lint:
    """A lint: its name, how much it matters, what it does and its explanation (Markdown-like text)."""

    name: str
    severity: Severity
    check: Callable[[Subject], Iterator[Finding]]
    explanation: str


def _lint(module: ModuleType, severity: Severity) -> Lint:
    return Lint(module.__name__.rsplit(".", 1)[-1].replace("_", "-"), severity, module.check, module.__doc__ or "")


LINTS: tuple[Lint, ...] = (
    _lint(any_without_equality, "warning"),
    _lint(constant_condition, "warning"),
    _lint(contradiction, "warning"),
    _lint(duplicate_condition, "warning"),
    _lint(empty_text, "warning"),
    _lint(missing_fix, "info"),
    _lint(missing_translation, "info"),
    _lint(no_citation, "warning"),
    _lint(reminder_in_silence, "warning"),
    _lint(shadowed_name, "warning"),
    _lint(unchecked_but_cited, "warning"),
    _lint(unused_definition, "warning"),
)

PROVED = ("never-applies", "never-violated", "always-violated", "contradictory-rules", "not-proved")
"""What `lint --prove` finds besides; comments keep it back like a lint."""

_IGNORE = re.compile(r'#\s*guiju:\s*ignore\[([^\]]*)\]\s*(?:reason\s*=\s*"([^"]*)")?')


def lint(policy: ir.Policy | None, file: ast.File, vocabulary: Vocabulary, *,
         includes: Mapping[str, ast.File] | None = None, lints: Sequence[Lint] = LINTS,
         proved: Sequence[Diagnostic] = ()) -> tuple[Diagnostic, ...]:
    """All findings about the file itself, in source order. `policy` may be what is sound of one with errors; `proved`
    is what was found of it elsewhere."""
    declared, _ = declarations(file, includes or {})
    # A core policy has the rules of included files too; what is said of them is theirs.
    subject = Subject(policy, file.declarations, declared, vocabulary)
    found = [_diagnostic(one, finding) for one in lints for finding in one.check(subject)
             if finding.span.path == file.path]
    found += [one for one in proved if one.span is not None and one.span.path == file.path]
    return in_order(_ignored(found, file, lints))


def _diagnostic(lint: Lint, finding: Finding) -> Diagnostic:
    notes = tuple(Note(message, span) for message, span in finding.notes)
    return Diagnostic(lint.name, lint.severity, finding.message, finding.span, finding.label, notes, finding.help)


def _ignored(found: Sequence[Diagnostic], file: ast.File, lints: Sequence[Lint]) -> Iterator[Diagnostic]:
    """Without what the file's comments keep back, and with what is wrong with those comments."""
    if not any(_IGNORE.match(comment.text) for comment in file.comments):
        yield from found
        return
    known = [*(one.name for one in LINTS), *PROVED]
    code = {line for node in walk(file.declarations) for line in (node.span.line, node.span.end_line)}
    commented = {comment.span.line for comment in file.comments}
    kept_back: set[Diagnostic] = set()
    for comment in file.comments:
        match = _IGNORE.match(comment.text)
        if match is None:
            continue
        line = _line_meant(comment, code, commented)
        for name in (word.strip() for word in match.group(1).split(",")):
            here = [one for one in found if one.name == name and one.span and one.span.line == line]
            kept_back.update(here)
            if name not in known:
                yield warning("unused-ignore", f"there is no lint `{name}`", comment.span,
                              help=did_you_mean(name, known))
            elif not here and any(one.name == name for one in lints):
                yield warning("unused-ignore", f"this keeps nothing back: `{name}` finds nothing here", comment.span,
                              help="delete it")
        if not match.group(2):
            yield warning("ignore-without-reason", "this does not say why the finding is right to ignore", comment.span,
                          help='write `reason="…"` after it')
    yield from (one for one in found if one not in kept_back)


def _line_meant(comment: ast.Comment, code: Collection[int], commented: Collection[int]) -> int:
    """The line of a comment that stands after code; of one alone, the first line below that is no comment."""
    line = comment.span.line
    while line in commented and line not in code:
        line += 1
    return line
