"""A report as workflow commands, which GitHub shows as annotations beside the lines.

GitHub shows the first ten errors and ten warnings of a step, so there is one command an entry, not one a moment;
pending and exempt results are only counted. What users wrote is escaped: no value can end a command or begin another.
"""

from __future__ import annotations

from policyengine.core.verdict import VERDICTS
from policyengine.report.entries import Entry, by_version, clean, entries, headline, line_of, place_of
from policyengine.report.model import Report

COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def to_github(report: Report) -> str:
    """A command a line, then the counts as plain text."""
    found = [entry for results in by_version(report) for entry in entries(report, results)
             if entry.verdict in ("violated", "undecided")]
    counts = ", ".join(f"{report.counts[verdict]:,} {verdict.replace('_', ' ')}" for verdict in VERDICTS
                       if report.counts.get(verdict))
    commands = "".join(f"{_command(report, entry)}\n" for entry in found)
    return commands + f"{len(report.rules):,} rules: {counts or 'nothing to report'}\n"


def _command(report: Report, entry: Entry) -> str:
    first = entry.first
    place = place_of(first)
    properties = {"file": clean(place.file), "line": str(line_of(place))}
    if place.column is not None:
        properties["col"] = str(place.column)
    if entry.missing is not None:
        properties["title"] = f"{len(entry.rules):,} rules undecided"
        message = f"{clean(entry.missing.text)} ({', '.join(map(clean, entry.rules))})"
    else:
        properties["title"] = f"{clean(first.rule)} {first.verdict}"
        more = f" (and {entry.number - 1:,} more)" if entry.number > 1 else ""
        fix = f" Fix: {clean(first.fix)}" if first.fix and first.verdict == "violated" else ""
        message = f"{headline(first)}{more}.{fix}"
    written = ",".join(f"{name}={escape_property(value)}" for name, value in properties.items())
    return f"::{COMMANDS[first.severity]} {written}::{escape(message)}"


def escape(text: str) -> str:
    """Text that stays inside a command's message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Text that stays inside one property of a command."""
    return escape(text).replace(":", "%3A").replace(",", "%2C")
