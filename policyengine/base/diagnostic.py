"""Errors, warnings and notes as values: passes return them, one place renders them.

The same value becomes terminal text, one concise line, JSON and SARIF. How a message reads is docs/messages.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal

from policyengine.base.columns import columns
from policyengine.base.record import record
from policyengine.base.source import Source, Span

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@record
class Note:
    """Another place that matters, or an example; `label` says what the span is."""

    message: str
    span: Span | None = None
    label: str = ""


@record
class Diagnostic:
    """One thing wrong. `name` is stable words (`unknown-field`); the rest follows docs/messages.md."""

    name: str
    severity: Severity
    message: str
    span: Span | None = None
    label: str = ""
    notes: tuple[Note, ...] = ()
    help: str = ""
    basis: str = ""


def error(name: str, message: str, span: Span | None = None, label: str = "", *, notes: tuple[Note, ...] = (),
          help: str = "", basis: str = "") -> Diagnostic:
    """A diagnostic of severity error."""
    return Diagnostic(name, "error", message, span, label, notes, help, basis)


def warning(name: str, message: str, span: Span | None = None, label: str = "", *, notes: tuple[Note, ...] = (),
            help: str = "", basis: str = "") -> Diagnostic:
    """A diagnostic of severity warning."""
    return Diagnostic(name, "warning", message, span, label, notes, help, basis)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True when at least one is of severity error."""
    return any(d.severity == "error" for d in diagnostics)


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """By file, line, column, name; each once. Those without a place come first."""
    return tuple(sorted(set(diagnostics), key=lambda d: (
        (d.span.path, d.span.line, d.span.column) if d.span else ("", 0, 0), d.name, d.message)))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, when it is like enough to be what was meant."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The help line for a misspelt name, or nothing."""
    near = nearest(name, known)
    return f"did you mean `{near}`?" if near else ""


def shorten(text: str, limit: int = 60) -> str:
    """A value as it may stand in a message: one line, long ones cut in the middle, control characters shown."""
    clean = text if text.isprintable() else "".join(
        c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text)
    return clean if len(clean) <= limit else clean[: limit // 2 - 1] + "…" + clean[-(limit // 2):]


def concise(diagnostic: Diagnostic) -> str:
    """`path:line:column: error[name] message`, one line."""
    place = f"{_place(diagnostic.span)}: " if diagnostic.span else ""
    return f"{place}{diagnostic.severity}[{diagnostic.name}] {diagnostic.message}"


def render(diagnostic: Diagnostic, sources: Mapping[str, Source]) -> str:
    """The full form with the excerpt of every span whose source is known; no colour, no final line end."""
    lines = [f"{diagnostic.severity}[{diagnostic.name}]: {diagnostic.message}"]
    if diagnostic.span:
        lines += _excerpt(diagnostic.span, diagnostic.label, "^", sources)
    for note in diagnostic.notes:
        lines.append(f"note: {note.message}")
        if note.span:
            lines += _excerpt(note.span, note.label, "-", sources)
    if diagnostic.help:
        lines.append(f"help: {diagnostic.help}")
    if diagnostic.basis:
        lines.append(f"basis: {diagnostic.basis}")
    return "\n".join(lines)


def _place(span: Span) -> str:
    """Where, in one line whatever the file is called."""
    text = str(span)
    return text if text.isprintable() else shorten(text, len(text) * 6)


def _excerpt(span: Span, label: str, mark: str, sources: Mapping[str, Source]) -> list[str]:
    source = sources.get(span.path)
    if source is None:
        return [f" --> {_place(span)}"]
    text = source.line(span.line)
    gutter = " " * len(str(span.line))
    end = span.end_column if span.end_line == span.line else len(text) + 1
    first, last = _clip(text, span.column, end)
    shown = "".join(c if c.isprintable() or c == "\t" else "�" for c in text[first:last])
    shown = ("…" if first else "") + shown + ("…" if last < len(text) else "")
    before = (" " if first else "") + "".join(
        "\t" if c == "\t" else " " * columns(c) for c in text[first: span.column - 1])
    marked = mark * max(1, columns(text[span.column - 1: min(end - 1, last)]))
    return [f"{gutter}--> {_place(span)}", f"{gutter} |", f"{span.line} | {shown}",
            f"{gutter} | {before}{marked} {label}".rstrip()]


LONGEST = 140
"""Characters of a source line that an excerpt shows; of a longer line, those around the span."""


def _clip(text: str, column: int, end: int) -> tuple[int, int]:
    if len(text) <= LONGEST:
        return 0, len(text)
    room = max(10, (LONGEST - (end - column)) // 2)
    first = max(0, min(column - 1 - room, len(text) - LONGEST))
    return first, min(len(text), first + LONGEST)
