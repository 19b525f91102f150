"""A condition that stands twice in one `and`, `or` or rule, or a rule that stands twice.

Why: the second was meant to be another. A `must` that repeats a `when` is never violated; a rule that repeats another
reports every finding twice.

Example: `must service.a and service.b and service.a`.

Instead: delete the second, or write what was meant.

Fine: never; two articles with one content are cited by one rule, `cites Art. 10, Art. 12`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policyengine.analysis.lint.subject import Finding, Subject, conditions, walk
from policyengine.core import ir


def check(subject: Subject) -> Iterator[Finding]:
    """Equal conditions, spans aside."""
    if subject.policy is None:
        return
    seen: dict[object, ir.Rule] = {}
    for rule in subject.policy.rules:
        body = (rule.keys, rule.trigger, rule.when, rule.must, rule.unless)
        first = next((other for key, other in seen.items() if key == body), None)
        if first is not None:
            yield Finding(f"the rule `{rule.name}` says the same as `{first.name}`", rule.span, "says it again",
                          (("the first is here", first.span),), "keep one, and cite both places in it")
        seen[body] = rule
        for node in walk(tuple(conditions(rule))):
            if isinstance(node, ir.And | ir.Or):
                word = "and" if isinstance(node, ir.And) else "or"
                yield from _repeated(node.parts, f"this condition stands twice in one `{word}`")
        yield from _repeated(rule.when, "this `when` stands twice")
        yield from _repeated([must.condition for must in rule.must if not must.never], "this `must` stands twice")
        yield from _repeated([unless.condition for unless in rule.unless], "this `unless` stands twice")
        for must in rule.must:
            if must.condition in rule.when:
                first_when = rule.when[rule.when.index(must.condition)]
                yield Finding(f"the `must` of `{rule.name}` repeats its `when`, and is never violated",
                              must.condition.span, "holds already", (("the `when` is here", first_when.span),))


def _repeated(parts: Sequence[ir.Expr], message: str) -> Iterator[Finding]:
    for place, part in enumerate(parts):
        first = parts.index(part)
        if first < place:
            yield Finding(message, part.span, "again", (("the first is here", parts[first].span),),
                          "delete it, or write what was meant")
