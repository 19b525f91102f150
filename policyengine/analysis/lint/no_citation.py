"""A rule that cites no place of the regulation.

Why: a finding is worth what a lawyer can look up. Coverage counts articles by the rules that cite them.

Example: `rule ai_notice` without `cites`.

Instead: `cites Art. 18(1)`.

Fine: the rules of a house policy, one that extends a regulation, are the house's own and are not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyengine.analysis.lint.subject import Finding, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Rules without a citation."""
    if subject.extends:
        return
    for rule in subject.own_rules():
        if not rule.citations:
            yield Finding(f"the rule `{rule.name.text}` cites no place of the regulation", rule.name.span,
                          "rests on nothing", help="write `cites Art. …` below its name")
