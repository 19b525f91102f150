"""What the cases of a policy reach, of all that it can say: verdicts of rules, and conditions that decide both ways.

In come the judgements of each case; what no case reached comes out. A condition counts only where it decided: in
`a and b`, a false `a` beside a false `b` shows both, a true `a` beside a false `b` shows `b` alone. So the layout of a
policy changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from policyengine.base.source import Span
from policyengine.core import ir, types
from policyengine.core.case import Case
from policyengine.core.evaluate import judge
from policyengine.core.verdict import Judgement, PartDecided, Setting
from policyengine.core.walk import nodes
from policyengine.workspace.library import Book


@dataclass(frozen=True, slots=True, order=True)
class Goal:
    """Something a case should show: a verdict of a rule, or a condition that decides one way.

    A condition has a span and no rule: one of a definition may be shown by any rule that uses it.
    """

    rule: str
    what: str
    span: Span | None = None


@dataclass
class Reach:
    """What the cases of one policy reached, of all that there is. Only rules that a case asserts count."""

    policy: ir.Policy
    goals: dict[Goal, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rule in self.policy.rules:
            for goal in _goals(rule):
                self.goals.setdefault(goal, False)

    @property
    def reached(self) -> int:
        """How many goals were reached."""
        return sum(self.goals.values())

    @property
    def percent(self) -> float:
        """Of all goals, 0 to 100; 100 where there are none."""
        return 100 * self.reached / len(self.goals) if self.goals else 100.0

    def missed(self) -> tuple[Goal, ...]:
        """What no case reached, in the order of the policy."""
        return tuple(goal for goal, reached in self.goals.items() if not reached)

    def note(self, book: Book, case: Case, setting: Setting, rules: Iterable[str],
             judgements: Mapping[str, Sequence[Judgement]]) -> None:
        """Take over what the judgements of some rules show.

        A judgement names the parts of `must` that decided it. For what `when` and `unless` said, which a judgement
        leaves out, rules are judged that demand just these.
        """
        if book.policy is not self.policy:
            return
        probes: dict[str, ir.Rule] = {}
        for name in rules:
            rule = self.policy.rule(name)
            assert rule is not None
            for judgement in judgements[name]:
                self._hit(Goal(name, judgement.verdict))
                if judgement.verdict == "exempt":
                    self._hit(Goal(name, "excused", rule.unless[judgement.exemption or 0].condition.span))
                else:
                    self._parts(judgement)
            probes.update(_probes(rule))
        if not probes:
            return
        asked = replace(self.policy, applies=None, rules=tuple(probes.values()))
        for judgement in judge(asked, case, setting, book.calendar):
            probe = probes[judgement.rule]
            clause = probe.must[0].condition
            alone = {leaf.span for leaf in _leaves(clause)} == {clause.span}  # then its part says the same, or `no …`
            if judgement.verdict in ("satisfied", "violated") and not alone:
                self._hit(Goal("", "true" if judgement.verdict == "satisfied" else "false", clause.span))
            elif judgement.verdict == "not_applicable" and clause.span == getattr(probe.trigger, "span", None):
                self._hit(Goal("", "false", clause.span))
            self._parts(judgement)

    def _parts(self, judgement: Judgement) -> None:
        for one in judgement.evidence:
            if isinstance(one, PartDecided) and one.value != "missing":
                self._hit(Goal("", one.value, one.span))

    def _hit(self, goal: Goal) -> None:
        if goal in self.goals:
            self.goals[goal] = True


def _goals(rule: ir.Rule) -> Iterator[Goal]:
    yield Goal(rule.name, "violated")
    if not any(must.never for must in rule.must):
        yield Goal(rule.name, "satisfied")
    if any(isinstance(one, ir.Occurs) and isinstance(one.range, ir.FUTURE) for must in rule.must
           for one in nodes(must.condition)):
        yield Goal(rule.name, "pending")
    for unless in rule.unless:
        yield Goal(rule.name, "excused", unless.condition.span)
    for when in rule.when:
        yield from _both(when.span)
        yield from _leaf_goals(when)
    if isinstance(rule.trigger, ir.OnEvent) and rule.trigger.where is not None and not rule.trigger.first:
        yield from _both(rule.trigger.span)
    for unless in rule.unless:
        yield from _leaf_goals(unless.condition)
    leaves = [leaf for must in rule.must for leaf in _leaves(must.condition)]
    if len(leaves) > 1:  # a single one decides as the rule does
        for leaf in leaves:
            yield from _both(leaf.span)


def _leaf_goals(condition: ir.Expr) -> Iterator[Goal]:
    for leaf in _leaves(condition):
        yield from _both(leaf.span)


def _both(span: Span) -> Iterator[Goal]:
    for value in ("true", "false"):
        yield Goal("", value, span)


def _leaves(condition: ir.Expr) -> Iterator[ir.Expr]:
    """The smallest conditions."""
    match condition:
        case ir.And() | ir.Or():
            for part in condition.parts:
                yield from _leaves(part)
        case ir.Not():
            yield from _leaves(condition.part)
        case ir.Quantified():
            if condition.where is not None:
                yield from _leaves(condition.where)
            yield from _leaves(condition.condition)
        case ir.Constant():
            return
        case _:
            yield condition


def _probes(rule: ir.Rule) -> dict[str, ir.Rule]:
    """Rules that demand one `when`, one `unless` or nothing but the trigger's `where`, by a name no rule can have."""
    plain = replace(rule, when=(), unless=(), must=())
    clauses: list[tuple[ir.Rule, ir.Expr]] = [(plain, when) for when in rule.when]
    clauses += [(replace(plain, when=rule.when), unless.condition) for unless in rule.unless]
    if isinstance(rule.trigger, ir.OnEvent) and rule.trigger.where is not None and not rule.trigger.first:
        clauses.append((plain, ir.Constant(True, types.Bool(), rule.trigger.span)))
    found = {}
    for number, (base, condition) in enumerate(clauses):
        name = f"{rule.name} {number}"
        found[name] = replace(base, name=name, must=(ir.Must(condition, False, condition.span),))
    return found
