"""`any EVENT` whose `where` does not tie the event to the trigger.

Why: any event of the type, of anybody, then answers for everybody: one user's notice would serve all users. And what
looks through the whole trace cannot be split by key, so it is slow on large ones and refused online.

Example: `per user`, `on deletion_requested`, `must any history_deleted within 15 days`.

Instead: an equality with the trigger, `must any history_deleted where (request = x.request) within 15 days`.

Fine: where one event is for all, such as `any policy_published before`; suppress it with that reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyengine.analysis.lint.subject import Finding, Subject, conditions, walk
from policyengine.core import ir


def check(subject: Subject) -> Iterator[Finding]:
    """Patterns without keys, in rules that have some."""
    if subject.policy is None:
        return
    for rule in subject.policy.rules:
        if not rule.keys:
            continue
        for node in walk(tuple(conditions(rule))):
            if isinstance(node, ir.Pattern) and not node.keys and not _tied(node.where):
                yield Finding(f"any `{node.event}`, whosever it is, answers for every {' and '.join(rule.keys)}",
                              node.span, "not tied to the trigger",
                              help=f"say which: `any {node.event} where (… = x.…)`")


def _tied(where: ir.Expr | None) -> bool:
    parts = where.parts if isinstance(where, ir.And) else (where,)
    return any(isinstance(part, ir.Apply) and part.operator == "=" and _owners(part) == {ir.TRIGGER, ir.CANDIDATE}
               for part in parts)


def _owners(part: ir.Apply) -> set[str]:
    return {one.owner for one in part.arguments if isinstance(one, ir.Get)}
