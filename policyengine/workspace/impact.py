"""The user's own cases under both versions: what newly fails, what no longer does, and which changes that is due to.

In come the two sides, the rules' changes and the files; out come `Impact`s. Both versions judge by the same way as
`guiju check`; a rule that only one version has counts as not there in the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from policyengine.base.diagnostic import Diagnostic, has_errors
from policyengine.base.instants import parse_instant
from policyengine.base.record import record
from policyengine.base.source import Source
from policyengine.core.verdict import Verdict
from policyengine.diff.edits import NO_VERDICT
from policyengine.diff.model import Direction, Impact, RuleChange
from policyengine.diff.nearest import nearest
from policyengine.diff.rules import Version
from policyengine.report.model import Report, Result
from policyengine.workspace.check import Request, check
from policyengine.workspace.config import Config
from policyengine.workspace.inputs import read_documents
from policyengine.workspace.sides import Side

FINE: frozenset[Verdict | None] = frozenset({"satisfied", "exempt", "not_applicable", "pending", None})

# which edits may be why
CAUSES: Mapping[str, frozenset[Direction]] = {
    "newly_failing": frozenset({"stricter", "mixed", "not_analysable"}),
    "no_longer_failing": frozenset({"looser", "mixed", "not_analysable"}),
    "newly_undecided": frozenset({"stricter", "looser", "mixed", "equivalent", "not_analysable"}),
    "other": frozenset({"stricter", "looser", "mixed", "equivalent", "not_analysable"}),
}


@record
class _About:
    """What a verdict is about: a service, or a moment of it."""

    service: str
    instant: str = ""
    event: str = ""
    keys: tuple[tuple[str, str], ...] = ()


def impact(request: Request, config: Config, old: Side, new: Side, versions: tuple[Version, Version],
           changes: Sequence[RuleChange]) -> tuple[tuple[Impact, ...] | None, tuple[Diagnostic, ...],
                                                   Mapping[str, Source]]:
    """Newly failing first; None with the reasons when a version could not judge."""
    reports: list[Report] = []
    for side, version in zip((old, new), versions, strict=True):
        assert side.regulation is not None and side.version is not None
        # A parameter that one version alone has is no mistake here.
        own = {param.name for param in version.policy.params if param.tunable}
        report, diagnostics, sources = check(
            replace(request, regulations=(side.regulation.id,), version=side.version.label, everything=True,
                    parameters=[text for text in request.parameters if text.partition("=")[0] in own]),
            replace(config, policies=()), replace(side.library, house=()))
        if report is None or has_errors(diagnostics):
            return None, diagnostics, sources
        reports.append(report)
    found = _impacts(changes, _verdicts(reports[0]), _verdicts(reports[1]))
    as_of = request.now if request.as_of is None else parse_instant(reports[1].as_of_instant, None)
    return tuple(_with_nearest(one, versions[1], as_of) for one in found), (), {}


def _verdicts(report: Report) -> dict[str, dict[_About, Result]]:
    """Rule -> what it is about -> what came out."""
    found: dict[str, dict[_About, Result]] = defaultdict(dict)
    for result in (*report.findings, *report.others):
        moment = result.moment
        about = _About(result.service) if moment is None else _About(
            result.service, moment.instant, moment.event, tuple(sorted(moment.keys.items())))
        found[result.rule][about] = result
    return found


def _impacts(changes: Sequence[RuleChange], old: Mapping[str, Mapping[_About, Result]],
             new: Mapping[str, Mapping[_About, Result]]) -> list[Impact]:
    """Each pair of verdicts of a rule about a service once, with how many moments came out so."""
    groups: dict[tuple[Any, ...], list[tuple[_About, Result]]] = defaultdict(list)
    for place, change in enumerate(changes):
        before = old.get(change.old.name, {}) if change.old else {}
        after = new.get(change.new.name, {}) if change.new else {}
        for about in dict.fromkeys((*before, *after)):
            first, second = before.get(about), after.get(about)
            verdicts = (first.verdict if first else None, second.verdict if second else None)
            kind = _kind(*verdicts)
            if kind:
                shown = second or first
                assert shown is not None
                groups[about.service, place, *verdicts, kind].append((about, shown))
    found = []
    for (service, place, was, becomes, kind), members in groups.items():
        change = changes[place]
        _, result = min(members, key=lambda one: (one[0].instant, one[0].keys))
        found.append(Impact(
            service, change.old.name if change.old else "", change.new.name if change.new else "", was, becomes, kind,
            len(members), result.moment.time if result.moment else "", str(result.place or ""),
            _because(change, kind)))
    order = tuple(CAUSES)
    return sorted(found, key=lambda one: (order.index(one.kind), one.service))


def _kind(old: Verdict | None, new: Verdict | None) -> str:
    """What a reader calls it; empty where nothing worth a word happened."""
    if new == "violated":
        return "" if old == "violated" else "newly_failing"
    if new == "undecided":
        return "newly_undecided" if old in FINE else "" if old == "undecided" else "other"
    if old == "violated":
        return "no_longer_failing"
    quiet = {"satisfied", "not_applicable", None}
    return "" if old == new or (old in quiet and new in quiet) else "other"


def _because(change: RuleChange, kind: str) -> tuple[str, ...]:
    if change.old is None or change.new is None:
        return (change.fingerprint,)
    weighty = [one for one in change.edits if one.part not in NO_VERDICT]
    likely = [one for one in weighty if one.direction in CAUSES[kind]]
    return tuple(one.fingerprint for one in likely or weighty)


def _with_nearest(one: Impact, version: Version, as_of: int) -> Impact:
    """With the smallest change to the service after which a failing rule about facts is satisfied as of an instant."""
    rule = version.policy.rule(one.new_rule)
    if one.kind not in ("newly_failing", "newly_undecided") or rule is None or rule.trigger is not None:
        return one
    name, _, number = one.service.partition("#")
    documents, problems = read_documents((Path(name),)) if name != "-" and Path(name).is_file() else ((), ())
    index = int(number) - 1 if number.isdigit() else 0
    document = next((each for each in documents if each.index == index), None)
    if problems or document is None or not isinstance(document.value, Mapping):
        return one
    return replace(one, nearest=nearest(version.side(rule), document.value, as_of))
