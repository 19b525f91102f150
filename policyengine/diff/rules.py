"""Two versions of a policy -> what became of each rule: the changed parts, the direction, the proof, the cases.

In come the policies with all they are judged with, and the text's diff where there is one; out come `RuleChange`s in
the order of the new version. Directions come from the solver, parts from `edits`, partners from `pairing`. How a report
says it is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final

from policyengine.analysis.vocabulary import Vocabulary
from policyengine.base.calendar import Calendar
from policyengine.base.instants import iso_instant
from policyengine.base.processes import shared
from policyengine.base.record import record
from policyengine.base.source import Source
from policyengine.core import ir
from policyengine.core.case import Case, Event
from policyengine.core.evaluate import judge
from policyengine.core.verdict import Setting
from policyengine.diff import model
from policyengine.diff.edits import NO_VERDICT, Edit, Written, edits_between, fingerprint, with_missing
from policyengine.diff.model import Direction, RuleChange, RuleEdit, RuleSide, TextDiff
from policyengine.diff.pairing import Pair, paired, places_of
from policyengine.solver.compare import compare
from policyengine.solver.model import Comparison, NotAnalysable, Options, Side, Witness
from policyengine.solver.prove import prove_rule

MANY: Final = 12
"""From so many rules on, they are shared among processes."""


@record
class Version:
    """A policy and all it is judged with; `sources` are the files its spans name. `parameters` are raw values by name,
    the policy's own where absent."""

    policy: ir.Policy
    sources: Mapping[str, Source]
    calendar: Calendar
    vocabulary: Vocabulary
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def side(self, rule: ir.Rule, policy: ir.Policy | None = None) -> Side:
        """A rule as the solver wants it."""
        return Side(policy or self.policy, rule, self.calendar, self.vocabulary, self.parameters)

    def written(self, rule: ir.Rule) -> Written:
        """A rule as `edits` wants it."""
        return Written(self.policy, rule, self.sources)


def diff_rules(old: Version, new: Version, text: TextDiff | None, options: Options | None = None, *,
               only: Sequence[str] = (), behaviour: bool = True, pins: Sequence[tuple[str, str]] = (),
               processes: int = 1) -> tuple[RuleChange, ...]:
    """Every rule of both versions and what became of it; `only` names rules of either side.

    Without `behaviour` the solver is not asked: directions are then `equivalent` where the core is the same and
    `not_analysable` with the note `not asked` elsewhere. Many rules are shared among `processes`.
    """
    wanted = set(only)
    pairs = tuple(pair for pair in paired(old.policy.rules, new.policy.rules, places_of(text), pins)
                  if not wanted or wanted & {one.name for one in (pair.old, pair.new) if one is not None})
    ask = Ask(old, new, options or Options(), behaviour, behaviour and _narrower(old, new))
    # The dearest stand anywhere, so each process takes the next that is left. Z3 takes its threads down before a fork.
    return tuple(shared(lambda place: _change(pairs[place], ask), len(pairs),
                        processes if behaviour and len(pairs) >= MANY else 1))


@record
class Ask:
    """What is the same for all pairs. `narrower`: the new version applies to nothing that the old one does not."""

    old: Version
    new: Version
    options: Options
    behaviour: bool
    narrower: bool


def _change(pair: Pair, ask: Ask) -> RuleChange:
    old, new, options, behaviour = ask.old, ask.new, ask.options, ask.behaviour
    before = None if pair.old is None else side_of(old, pair.old)
    after = None if pair.new is None else side_of(new, pair.new)
    if pair.old is None or pair.new is None:
        only = before or after
        assert only is not None
        word: Direction = "new" if before is None else "dropped"
        return RuleChange(before, after, "", word, "exact", "", (),
                          fingerprint=fingerprint(word, only.name, only.source))
    edits = edits_between(old.written(pair.old), new.written(pair.new))
    weighty = [one for one in edits if one.change.part not in NO_VERDICT]
    started = time.perf_counter()
    if behaviour:
        comparison = compare(old.side(pair.old), new.side(pair.new), options)
    elif weighty:
        comparison = Comparison("not_analysable", "not_analysable", "not asked")
    else:
        comparison = Comparison("equivalent", "exact")
    changes = [one.change for one in edits]
    in_common: Direction | None = None
    if behaviour and weighty:
        changes = [_attributed(one, weighty, comparison, old, pair.old, options, ask.narrower) for one in edits]
        in_common = _in_common(pair.old, pair.new, old, new, weighty, options)
    zone = new.calendar.zone
    prints = sorted(one.fingerprint for one in changes)
    return RuleChange(
        before, after, pair.by or "", comparison.direction, comparison.proof, comparison.note, tuple(changes),
        tuple(_witness(one, zone, (old, pair.old), (new, pair.new)) for one in comparison.witnesses),
        tuple(model.Cell(one.old, one.new, one.possible, one.witness) for one in comparison.cells),
        tuple(model.Region(one.conditions, one.old, one.new) for one in comparison.table),
        fingerprint(pair.old.name, *prints), in_common, time.perf_counter() - started)


def _attributed(edit: Edit, weighty: Sequence[Edit], comparison: Comparison, old: Version, rule: ir.Rule,
                options: Options, narrower: bool) -> RuleEdit:
    """The edit with what it does alone."""
    if edit.change.part in NO_VERDICT or (comparison.direction == "equivalent" and len(weighty) > 1):
        return edit.change  # of edits that come to nothing together, what each would do is no help
    if len(weighty) == 1:
        return replace(edit.change, direction=comparison.direction)
    if edit.change.part == "scope" and narrower and rule.applies is None and _frees(edit, comparison, old):
        return replace(edit.change, direction="looser")
    alone = compare(old.side(rule), old.side(edit.rule, edit.policy), options.direction_alone())
    return replace(edit.change, direction=alone.direction)


def _narrower(old: Version, new: Version) -> bool:
    """Whether the new version applies to nothing that the old one does not. Then its scope alone makes no rule
    stricter, and a case that it frees shows that it makes one looser."""
    before, after = old.policy.applies, new.policy.applies
    if before is None or after is None or before == after or not old.policy.rules:
        return False
    rule = replace(old.policy.rules[0], trigger=None, keys=(), when=(), must=(ir.Must(before, False),), unless=(),
                   applies=after)
    try:
        found = prove_rule(old.side(rule, with_missing(old.policy, new.policy)))
    except NotAnalysable:
        return False
    return any(one.kind == "never-violated" for one in found)


def _frees(edit: Edit, comparison: Comparison, old: Version) -> bool:
    """Whether one of the cases that violate the old rule does not with this edit alone."""
    policy = replace(edit.policy, rules=(edit.rule,))
    for one in comparison.witnesses:
        if one.old == "violated":
            found = judge(policy, Case(one.facts, one.events), Setting(one.as_of, old.parameters), old.calendar)
            if found and all(judgement.verdict != "violated" for judgement in found):
                return True
    return False


def _in_common(old_rule: ir.Rule, new_rule: ir.Rule, old: Version, new: Version, weighty: Sequence[Edit],
               options: Options) -> Direction | None:
    """The direction among the cases that both versions apply to, where their scopes differ."""
    scopes = old.policy.scope_of(old_rule), new.policy.scope_of(new_rule)
    if scopes[0] == scopes[1]:
        return None
    if all(one.change.part == "scope" for one in weighty):
        return "equivalent"
    both = tuple(one for one in scopes if one is not None)
    common = both[0] if len(both) == 1 else ir.And(both)
    # Each side keeps its own declarations, so a scope may only name what both have; facts always are.
    return compare(old.side(replace(old_rule, applies=common), with_missing(old.policy, new.policy)),
                   new.side(replace(new_rule, applies=common), with_missing(new.policy, old.policy)),
                   options.direction_alone()).direction


def side_of(version: Version, rule: ir.Rule) -> RuleSide:
    """A rule as it is written."""
    return RuleSide(rule.name, rule.title, tuple(str(one) for one in rule.citations), rule.severity, rule.family,
                    rule.span.path, rule.span.line, _whole(version.sources.get(rule.span.path), rule.span.line),
                    rule.title_zh)


def _whole(source: Source | None, line: int) -> str:
    """A rule's text from the line of its name: that line and the indented ones behind it."""
    if source is None:
        return ""
    lines = [source.line(line)]
    for number in range(line + 1, len(source.starts) + 1):
        text = source.line(number)
        if text.strip() and not text[0].isspace():
            break
        lines.append(text.rstrip())
    return "\n".join(lines).rstrip()


def _witness(one: Witness, zone: str, *sides: tuple[Version, ir.Rule]) -> model.Witness:
    old, new = (tuple(judgement.verdict for judgement in judge(
        version.policy, Case(one.facts, one.events), Setting(one.as_of, version.parameters), version.calendar,
        rules=(rule.name,))) for version, rule in sides)
    return replace(shown(one, zone), every_old=old, every_new=new)


def shown(one: Witness, zone: str) -> model.Witness:
    """A case of the solver's as reports show it, without the verdicts of its other moments."""
    return model.Witness(one.old, one.new, dict(one.facts), tuple(row(event, zone) for event in one.events),
                         iso_instant(one.as_of, zone), "" if one.moment is None else iso_instant(one.moment, zone),
                         one.decides)


def row(event: Event, zone: str) -> dict[str, Any]:
    """An event as a row of NDJSON."""
    made: dict[str, Any] = {"type": event.type, "time": iso_instant(event.time, zone)}
    if event.id is not None:
        made["id"] = event.id
    if event.sequence is not None:
        made["sequence"] = event.sequence
    return {**made, **event.fields}
