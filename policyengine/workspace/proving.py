"""What can be proved of a policy's rules, in words: for `guiju lint --prove` and `guiju prove`.

In come compiled policies with their calendars; out come diagnostics at the rules' names, or an `Answer`. A rule that
the solver cannot be asked about is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from policyengine.analysis.vocabulary import Vocabulary
from policyengine.base.calendar import Calendar
from policyengine.base.diagnostic import Diagnostic, Note, warning
from policyengine.core import ir
from policyengine.solver.model import NotAnalysable, Side
from policyengine.solver.prove import Contradiction, Finding, contradictions, prove_rule
from policyengine.workspace.library import Book, Library, vocabulary_of


def side_of(library: Library, book: Book, name: str) -> Side:
    """A rule of a book as the solver wants it. The book has the rule."""
    rule = book.policy.rule(name)
    assert rule is not None
    return Side(book.policy, rule, book.calendar, vocabulary_of(library, book.regulation))


def findings(policy: ir.Policy, calendar: Calendar, vocabulary: Vocabulary,
             base: ir.Policy | None = None) -> Iterator[Diagnostic]:
    """What was proved of each rule alone, and of each two, those of `base` (which a house policy extends) included."""
    own = [Side(policy, rule, calendar, vocabulary) for rule in policy.rules]
    for side in own:
        try:
            for one in prove_rule(side):
                yield _finding(one, side.rule)
        except NotAnalysable as reason:
            yield Diagnostic("not-proved", "info", f"nothing can be proved of `{side.rule.name}`: {reason}",
                             side.rule.span)
    others = [] if base is None else [Side(base, rule, calendar, vocabulary) for rule in base.rules]
    rules = {side.rule.name: side.rule for side in (*others, *own)}
    names = {rule.name for rule in policy.rules}
    for both in contradictions((*others, *own)):
        if both.second in names:
            yield _contradiction(both, rules[both.first], rules[both.second])


def _finding(one: Finding, rule: ir.Rule) -> Diagnostic:
    notes = (Note(f"proved within {one.note}"),) if one.note else ()
    match one.kind:
        case "never-applies":
            return warning("never-applies", f"`{rule.name}` can never apply", rule.span, notes=notes,
                           help="its conditions exclude each other")
        case "never-violated":
            return warning("never-violated", f"`{rule.name}` can never be violated", rule.span, notes=notes,
                           help="what it asks always holds where it applies")
        case "always-violated":
            return warning("always-violated", f"`{rule.name}` is violated wherever it applies", rule.span, notes=notes,
                           help="what it asks can never hold there")
    assert_never(one.kind)


def _contradiction(one: Contradiction, first: ir.Rule, second: ir.Rule) -> Diagnostic:
    facts = ", ".join(f"{path} = {value}" for path, value in _flat(one.case.facts))
    return warning("contradictory-rules", f"`{one.first}` and `{one.second}` can apply together and never both hold",
                   second.span, notes=(Note(f"`{one.first}` stands here", first.span),
                                       Note(f"both apply where {facts}")),
                   help="give one an exception, or a narrower `when`")


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    else:
        yield path, str(value).lower() if isinstance(value, bool) else str(value)
