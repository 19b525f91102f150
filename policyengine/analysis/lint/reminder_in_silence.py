"""A reminder that may fall due while nobody is there: the gap of the episode is longer than the time to respond.

Why: an episode goes on through a silence as long as its gap. A mark can lie in that silence; the service learns of it
only when the user comes back, and a response sooner than that was not possible.

Example: `episode use per user of user_message gap 30 minutes` with
`on every 2 hours of use` and `must duration_reminder within 10 minutes`.

Instead: a gap no longer than the time to respond, or a longer time.

Fine: where the service can reach the user in the silence, by a notice on the device.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyengine.analysis.lint.subject import Finding, Subject, walk
from policyengine.base.instants import Period, parse_period
from policyengine.core import ir


def check(subject: Subject) -> Iterator[Finding]:
    """Rules at the marks of an episode, by the periods the policy writes."""
    policy = subject.policy
    if policy is None:
        return
    episodes = {episode.name: episode for episode in policy.episodes}
    for rule in policy.rules:
        if not isinstance(rule.trigger, ir.OnEvery | ir.OnWithout) or rule.trigger.run not in episodes:
            continue
        episode = episodes[rule.trigger.run]
        gap = length(episode.gap, policy)
        for node in walk(tuple(must.condition for must in rule.must)):
            if not (isinstance(node, ir.Occurs) and isinstance(node.range, ir.Within | ir.NoLaterThan)):
                continue
            bound = length(node.range.period, policy)
            if gap and bound and gap.unit == bound.unit and gap.count > bound.count:
                yield Finding(f"the mark of `{rule.name}` can lie in a silence of `{episode.name}` longer than the "
                              "time to respond", node.span, "due while nobody may be there",
                              ((f"the gap of `{episode.name}` is set here", episode.gap.span),),
                              "shorten the gap, or allow more time")


def length(expr: ir.Expr, policy: ir.Policy) -> Period | None:
    """A period that is written out, or given as a param."""
    match expr:
        case ir.Constant() if isinstance(expr.value, str):
            return parse_period(expr.value)
        case ir.Parameter():
            value = next((param.value for param in policy.params if param.name == expr.name), None)
            return parse_period(value) if isinstance(value, str) else None
        case _:
            return None
