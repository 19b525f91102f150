"""A place that is said to be beyond any check, and is cited by a rule.

Why: one of the two is out of date, and the coverage table would count the place twice.

Example: `unchecked Art. 3 because "…"` and `rule principles cites Art. 3(1)`.

Instead: delete the `unchecked`, or narrow it to the paragraph no rule checks, `unchecked Art. 3(2)`.

Fine: never. What introduces a list of points may be unchecked while its points are cited; that is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyengine.analysis.lint.subject import Finding, Subject
from policyengine.syntax import ast


def check(subject: Subject) -> Iterator[Finding]:
    """Places that are cited and unchecked, and articles unchecked as a whole of which a part is cited."""
    cited = [(citation, rule.name) for rule in subject.declared if isinstance(rule, ast.Rule)
             for citation in rule.citations]
    for one in subject.own:
        if not isinstance(one, ast.Unchecked):
            continue
        for place in one.citations:
            for citation, rule in cited:
                if _inside(citation, place):
                    yield Finding(f"`{place}` is declared unchecked, and `{rule.text}` checks `{citation}`", place.span,
                                  "not unchecked", (("the rule cites it here", citation.span),),
                                  "name the paragraph that no rule checks, or delete this")
                    break


def _inside(citation: ast.Citation, place: ast.Citation) -> bool:
    whole_article = "(" not in place.place
    return citation.instrument == place.instrument and (
        citation.place == place.place or (whole_article and citation.place.startswith(f"{place.place}(")))
