"""A rule that does not say what to do when it is violated.

Why: who reads the report has not read the law. One sentence of advice saves them the way through it.

Example: `rule ai_notice "Users know they are talking to an AI service"` without `fix`.

Instead: `fix "Show a standing notice, or one at the start of each session."`

Fine: where the sentence of the rule is itself the advice.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyengine.analysis.lint.subject import Finding, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Rules without `fix`."""
    for rule in subject.own_rules():
        if rule.fix is None:
            yield Finding(f"the rule `{rule.name.text}` does not say how to put it right", rule.name.span,
                          help='write `fix "…"` as its last line')
