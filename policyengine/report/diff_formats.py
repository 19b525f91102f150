"""The formats of a diff by name. Each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from policyengine.diff.model import Diff

# name -> (module, function, which of the layout's settings it takes)
FORMATS: dict[str, tuple[str, str, frozenset[str]]] = {
    "text": ("policyengine.report.diff_to_text", "to_text", frozenset({"lang", "everything", "paint", "width"})),
    "json": ("policyengine.report.diff_to_json", "to_json", frozenset({"steps"})),
    "markdown": ("policyengine.report.diff_to_markdown", "to_markdown", frozenset({"lang"})),
    "html": ("policyengine.report.diff_to_html", "to_html", frozenset({"lang"})),
    "docx": ("policyengine.report.diff_to_docx", "to_docx", frozenset({"lang"})),
}
BINARY = frozenset({"docx"})


def render(format: str, diff: Diff, steps: Sequence[Diff] = (), **layout: object) -> bytes:
    """The diff in a format, as it is written to a file; `steps` are those of a chain whose whole `diff` is.

    The formats for people write a chain as its steps and then the whole, one after another, where they can: text and
    Markdown. A page and a Word file show the whole alone.
    """
    module, function, takes = FORMATS[format]
    write = getattr(import_module(module), function)
    given = {name: value for name, value in {**layout, "steps": steps}.items() if name in takes}
    if format in ("text", "markdown") and steps:
        return "\n".join(write(one, **given) for one in (*steps, diff)).encode("utf-8", "backslashreplace")
    written = write(diff, **given)
    return written if isinstance(written, bytes) else str(written).encode("utf-8", "backslashreplace")
