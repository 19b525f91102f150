"""The formats of a report by name. Each is imported when it is asked for, since a run seldom wants more than one."""

from __future__ import annotations

from importlib import import_module

from policyengine.report.model import Report

# name -> (module, function)
FORMATS: dict[str, tuple[str, str]] = {
    "text": ("policyengine.report.to_text", "to_text"),
    "concise": ("policyengine.report.to_concise", "to_concise"),
    "json": ("policyengine.report.to_json", "to_json"),
    "sarif": ("policyengine.report.to_sarif", "to_sarif"),
    "junit": ("policyengine.report.to_junit", "to_junit"),
    "github": ("policyengine.report.to_github", "to_github"),
    "gitlab": ("policyengine.report.to_gitlab", "to_gitlab"),
    "html": ("policyengine.report.to_html", "to_html"),
}
TAKES = {"text": frozenset({"paint", "width", "lang", "max_findings", "pending"}), "html": frozenset({"lang"})}
"""What of the layout a format takes; the others look one way."""


def render(format: str, report: Report, **layout: object) -> str:
    """The report in a format. `layout` (see `to_text`) is how it looks, of which a format takes what TAKES says."""
    module, function = FORMATS[format]
    written: str = getattr(import_module(module), function)(
        report, **{name: value for name, value in layout.items() if name in TAKES.get(format, ())})
    return written
