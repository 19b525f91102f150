"""A report as SARIF 2.1.0: one run, each rule once, each result with a place.

A violated result is `fail` with the level of its rule's severity. An undecided one is `open`, the standard's word for
"not enough information": it carries no level, which the standard reads as `none` and GitHub as that of the rule, so
that there it is shown like a violation and not lost. A pending one is `informational` with level `none`. Exempt results
are no findings here. GitHub takes at most 25,000 results of a run, and refuses a file with a result that has no place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from policyengine import __version__
from policyengine.report.entries import clean, fingerprints, headline, line_of, place_of
from policyengine.report.indented import indented
from policyengine.report.model import Judged, Line, Place, Report, Result, RuleCount

MAX_RESULTS = 25_000
MAX_RELATED = 20
LEVELS = {"error": "error", "warning": "warning", "info": "note"}
KINDS = {"violated": "fail", "undecided": "open", "pending": "informational"}
ROOT = "PROJECT"


def to_sarif(report: Report) -> str:
    """The log as JSON text, with a line end."""
    return indented(log(report), len(report.findings))


def log(report: Report) -> dict[str, Any]:
    """The log as plain data."""
    marks = dict(zip(map(id, report.findings), fingerprints(report.findings), strict=True))
    told = [result for result in report.findings if result.verdict in KINDS]
    texts = {(result.regulation, result.rule): result for result in reversed((*report.findings, *report.others))}
    judged = {one.regulation: one for one in reversed(report.judged)}
    counts = {(count.regulation, count.rule): count for count in reversed(report.rules)}
    order = sorted(counts)
    places = {key: number for number, key in enumerate(order)}
    run: dict[str, Any] = {
        "tool": {"driver": {
            "name": "guiju", "version": __version__,
            "rules": [_rule(counts[key], texts.get(key), judged.get(key[0])) for key in order],
        }},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder in which guiju was run."}}},
        "results": [_result(result, places, marks[id(result)]) for result in told[:MAX_RESULTS]],
        "properties": {
            "asOf": report.as_of_instant,
            "judged": [f"{one.regulation} {one.version}" for one in report.judged],
            "notes": [one.told() for one in report.notes],
        },
    }
    if report.until is not None:
        run["properties"]["dueWithin"] = {"period": report.until.period, "instant": report.until.instant,
                                          "later": sum(count.later for count in report.rules)}
    if len(told) > MAX_RESULTS:
        run["properties"]["resultsLeftOut"] = len(told) - MAX_RESULTS
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def rule_id(regulation: str, rule: str) -> str:
    """The same for every version, so that alerts outlive an amendment."""
    return f"{regulation}/{rule}"


def _rule(count: RuleCount, result: Result | None, judged: Judged | None) -> dict[str, Any]:
    cited = ", ".join(count.citations)
    title = clean(result.title).rstrip(".") if result and result.title else count.rule.replace("_", " ")
    rule: dict[str, Any] = {
        "id": rule_id(count.regulation, count.rule),
        "name": "".join(word[:1].upper() + word[1:] for word in count.rule.split("_")),
        "shortDescription": {"text": f"{title}."},
        "fullDescription": {"text": f"{title} ({count.regulation}{f', {cited}' if cited else ''})."},
        "help": _help(count, result, judged, title),
        "defaultConfiguration": {"level": LEVELS[count.severity]},
        "properties": {"tags": [one for one in ("compliance", result.family if result else "") if one],
                       "articles": list(count.citations)},
    }
    if judged is not None and judged.sources:
        rule["helpUri"] = judged.sources[0]
    return rule


def _help(count: RuleCount, result: Result | None, judged: Judged | None, title: str) -> dict[str, str]:
    law = f"{judged.title_en} ({count.regulation} {count.version})" if judged else count.regulation
    parts = [f"{title}.", f"Law: {law}, {', '.join(count.citations)}."]
    marked = [f"**{title}.**", f"Law: {law}, {', '.join(count.citations)}."]
    if result is not None and result.fix:
        parts.append(f"Fix: {clean(result.fix)}")
        marked.append(f"**Fix:** {clean(result.fix)}")
    if judged is not None and judged.confidence_en:
        parts.append(clean(judged.confidence_en))
        marked.append(f"_{clean(judged.confidence_en)}_")
    return {"text": "\n".join(parts), "markdown": "\n\n".join(marked)}


def _result(result: Result, rules: dict[tuple[str, str], int], fingerprint: str) -> dict[str, Any]:
    written: dict[str, Any] = {
        "ruleId": rule_id(result.regulation, result.rule),
        "ruleIndex": rules[result.regulation, result.rule],
        "kind": KINDS[result.verdict],
    }
    if result.verdict == "violated":
        written["level"] = LEVELS[result.severity]
    elif result.verdict == "pending":
        written["level"] = "none"
    written["message"] = {"text": headline(result)}
    written["locations"] = [_location(place_of(result))]
    related = _related(result)
    if related:
        written["relatedLocations"] = related
    written["partialFingerprints"] = {"guiju/v1": fingerprint}
    properties: dict[str, Any] = {"verdict": result.verdict, "version": result.version, "service": result.service,
                                  "articles": list(result.citations)}
    if result.moment is not None:
        properties["moment"] = {"instant": result.moment.instant, "keys": result.moment.keys}
    if result.due_instant is not None:
        properties["due"] = result.due_instant
    if result.params:
        properties["params"] = result.params
    written["properties"] = properties
    return written


def _related(result: Result) -> list[dict[str, Any]]:
    """Where the evidence stands, and the rule."""
    lines: Sequence[Line] = [line for line in (*result.evidence, *result.missing) if line.kind != "part"]
    seen = {place_of(result)}
    found: list[dict[str, Any]] = []
    for line in lines:
        if line.place is not None and line.place not in seen and len(found) < MAX_RELATED:
            seen.add(line.place)
            found.append(_location(line.place) | {"id": len(found) + 1, "message": {"text": clean(line.text)}})
    found.append(_location(result.rule_place) | {"id": len(found) + 1, "message": {"text": "the rule"}})
    return found


def _location(place: Place) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": line_of(place)}
    if place.column is not None:
        region["startColumn"] = place.column
    return {"physicalLocation": {"artifactLocation": _artifact(place.file), "region": region}}


def _artifact(file: str) -> dict[str, str]:
    name = file.replace("\\", "/")
    if name.startswith("/"):
        return {"uri": "file://" + quote(name, errors="backslashreplace")}
    # a colon in the first part would read as a scheme
    return {"uri": quote(name, safe="/", errors="backslashreplace"), "uriBaseId": ROOT}
