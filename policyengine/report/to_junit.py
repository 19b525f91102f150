"""A report as JUnit XML: a suite each version that judged, a test case each rule.

Violated is a failure and undecided an error, since either makes the run fail; a rule with only open duties, only
exemptions, or nothing it applied to is skipped, with the reason. XML 1.0 cannot hold control characters; they are
shown.
"""

from __future__ import annotations

from xml.etree import ElementTree

from policyengine.core.verdict import FINDINGS, VERDICTS, Verdict
from policyengine.report.entries import clean, headline
from policyengine.report.model import Judged, Report, Result, RuleCount, Until

MAX_LINES = 100  # results told of one rule

ELEMENTS: dict[Verdict, str] = {"violated": "failure", "undecided": "error", "pending": "skipped", "exempt": "skipped",
                                "not_applicable": "skipped"}


def to_junit(report: Report) -> str:
    """The XML text, with a line end."""
    root = ElementTree.Element("testsuites", name="guiju")
    by_rule: dict[tuple[str, str, str], list[Result]] = {}
    for result in report.findings:
        by_rule.setdefault((result.regulation, result.version, result.rule), []).append(result)
    for judged in report.judged:
        _suite(root, judged, report, by_rule)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n"))


def _suite(root: ElementTree.Element, judged: Judged, report: Report,
           by_rule: dict[tuple[str, str, str], list[Result]]) -> None:
    counts = [count for count in report.rules
              if (count.regulation, count.version) == (judged.regulation, judged.version)]
    suite = ElementTree.SubElement(root, "testsuite", name=f"{judged.regulation} {judged.version}",
                                   tests=str(len(counts)))
    tags = {"failure": 0, "error": 0, "skipped": 0}
    for count in counts:
        case = ElementTree.SubElement(suite, "testcase", classname=f"{judged.regulation}.{judged.version}",
                                      name=clean(count.rule))
        tag = "skipped" if count.worst is None else ELEMENTS.get(count.worst)
        if tag is not None:
            tags[tag] += 1
            _outcome(case, tag, count, by_rule.get((count.regulation, count.version, count.rule), []), report.until)
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(tags[tag]))


def _outcome(case: ElementTree.Element, tag: str, count: RuleCount, results: list[Result],
             until: Until | None) -> None:
    if count.worst is None:
        ElementTree.SubElement(case, tag, message="saw no trigger")
        return
    later = f" ({count.later:,} due after {until.text.told()})" if count.later and until is not None else ""
    told = [f"{number:,} {verdict.replace('_', ' ')}{later if verdict == 'pending' else ''}" for verdict in VERDICTS
            if (number := count.counts.get(verdict))]
    message = f"{', '.join(map(clean, count.citations))}: {', '.join(told)}"
    outcome = ElementTree.SubElement(case, tag, message=message)
    if tag != "skipped":
        outcome.set("type", count.worst)
    lines = [clean(f"{result.place or result.service}: {headline(result)}") for result in results[:MAX_LINES]]
    found = sum(number for verdict, number in count.counts.items() if verdict in FINDINGS)
    if lines and (left := found - count.later - len(lines)) > 0:
        lines.append(f"and {left:,} more")
    if lines:
        outcome.text = "\n".join(lines)
