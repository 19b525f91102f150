"""A report as JSON, for programs: report.schema.json says what stands where.

Additions keep the first number of `schema_version`; anything else raises it. Nothing here depends on the machine, the
folder or the time of the run: the order is that of reading, and the only times are those judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from policyengine import __version__
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.report.entries import fingerprints
from policyengine.report.indented import indented
from policyengine.report.model import SCHEMA_VERSION, Line, MomentLine, Place, Report, Result


def to_json(report: Report) -> str:
    """The report as indented JSON text, with a line end."""
    return indented(plain(report), len(report.findings) + len(report.others))


def plain(report: Report) -> dict[str, Any]:
    """The report as dicts, lists, texts, numbers and truth values."""
    results = (*report.findings, *report.others)
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "guiju", "version": __version__},
        "as_of": {"text": report.as_of.told(), "instant": report.as_of_instant},
        "judged": [{
            "regulation": one.regulation, "version": one.version, "title": {"en": one.title_en, "zh": one.title_zh},
            "status": one.status, "in_force": one.in_force.told(),
            "confidence": {"en": one.confidence_en, "zh": one.confidence_zh}, "rules": one.rules,
            "timezone": one.timezone, "sources": list(one.sources),
        } for one in report.judged],
        "due_within": None if report.until is None else {
            "period": report.until.period, "text": report.until.text.told(), "instant": report.until.instant,
            "later": sum(one.later for one in report.rules)},
        "services": list(report.services),
        "summary": _summary(report, results),
        "rules": [{
            "regulation": one.regulation, "version": one.version, "rule": one.rule, "articles": list(one.citations),
            "severity": one.severity, "worst": one.worst, "counts": _counts(one.counts),
        } for one in report.rules],
        "results": [plain_result(result, mark) for result, mark in zip(results, fingerprints(results), strict=True)],
        "notes": [one.told() for one in report.notes],
    }


def _summary(report: Report, results: Sequence[Result]) -> dict[str, Any]:
    return {
        "services": len(report.services),
        "events": report.events,
        "rules": len(report.rules),
        "rules_by_worst_verdict": _counts(report.counts),
        "rules_without_trigger": sum(1 for one in report.rules if one.worst is None),
        "results_by_verdict": {verdict: sum(one.counts.get(verdict, 0) for one in report.rules)
                               for verdict in VERDICTS},
        "results_listed": len(results),
    }


def _counts(counts: dict[Verdict, int]) -> dict[str, int]:
    return {verdict: counts.get(verdict, 0) for verdict in VERDICTS}


def plain_result(result: Result, fingerprint: str) -> dict[str, Any]:
    """One finding as JSON values, in the shape of `results`; any JSON library writes it."""
    return {
        "fingerprint": fingerprint,
        "regulation": result.regulation,
        "version": result.version,
        "rule": result.rule,
        "title": result.title,
        "title_zh": result.title_zh,
        "articles": list(result.citations),
        "family": result.family,
        "severity": result.severity,
        "verdict": result.verdict,
        "service": result.service,
        "place": _place(result.place),
        "moment": _moment(result.moment),
        "due": None if result.due is None else {
            "text": result.due.told(), "instant": result.due_instant, "provisional": result.provisional},
        "requirement": " and ".join(one.told() for one in result.requirements),
        "evidence": [_line(line) for line in result.evidence],
        "missing": [_line(line) for line in result.missing],
        "params": result.params,
        "exemption": None if result.exemption is None else result.exemption.told(),
        "fix": result.fix,
        "fix_zh": result.fix_zh,
        "tie": result.tie,
        "rule_place": _place(result.rule_place),
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else {"file": place.file, "line": place.line, "column": place.column,
                                       "row": place.row}


def _moment(moment: MomentLine | None) -> dict[str, Any] | None:
    return None if moment is None else {
        "time": moment.time, "instant": moment.instant, "keys": moment.keys, "event": moment.event or None,
        "place": _place(moment.place)}


def _line(line: Line) -> dict[str, Any]:
    return {"kind": line.kind, "name": line.name, "text": line.text, "place": _place(line.place)}
