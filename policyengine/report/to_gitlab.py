"""A report as GitLab's code quality JSON: violated and undecided results, each with a place and a fingerprint."""

from __future__ import annotations

from policyengine.report.entries import clean, fingerprints, headline, line_of, place_of
from policyengine.report.indented import indented
from policyengine.report.model import Report

# An undecided result weighs one step less than a violation of the same rule.
SEVERITIES = {("violated", "error"): "critical", ("violated", "warning"): "major", ("violated", "info"): "minor",
              ("undecided", "error"): "major", ("undecided", "warning"): "minor", ("undecided", "info"): "info"}


def to_gitlab(report: Report) -> str:
    """A JSON list, empty when there are no findings."""
    marks = fingerprints(report.findings)
    found = [{
        "description": headline(result),
        "check_name": f"{result.regulation}/{result.rule}",
        "fingerprint": mark,
        "severity": SEVERITIES[result.verdict, result.severity],
        "location": {"path": clean(place_of(result).file), "lines": {"begin": line_of(place_of(result))}},
    } for result, mark in zip(report.findings, marks, strict=True) if result.verdict in ("violated", "undecided")]
    return indented(found, len(found))
