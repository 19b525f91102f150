"""A variable, argument or `as` name that is also the name of something else.

Why: the nearer one is meant, and a reader who knows the other reads another rule.

Example: `some age in service.ages satisfies (age < 18)` in a policy with a state `age`.

Instead: another word, such as `one` or `entry`.

Fine: hardly ever; suppress it where both have the same sense and the law uses one word for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policyengine.analysis.lint.subject import Finding, Subject
from policyengine.analysis.names import BUILTIN_VALUES
from policyengine.base.source import Span
from policyengine.syntax import ast


def check(subject: Subject) -> Iterator[Finding]:
    """Local names, each against all that can be named where it stands."""
    known: dict[str, tuple[str, Span | None]] = {name: ("a word of the language", None) for name in BUILTIN_VALUES}
    for one in subject.vocabulary.facts.fields:
        known[one.name] = ("a fact", subject.vocabulary.places.get(one.name))
    for declared in subject.declared:
        match declared:
            case ast.Param():
                known[declared.name.text] = ("a param", declared.name.span)
            case ast.Define():
                known[declared.name.text] = ("a definition", declared.name.span)
            case ast.StateHolds() | ast.StateValue():
                known[declared.name.text] = ("a state", declared.name.span)
            case ast.Episode():
                known[declared.name.text] = ("an episode", declared.name.span)
            case _:
                pass
    for own in subject.own:
        match own:
            case ast.Define():
                yield from (found for name in own.parameters for found in _compare("argument", name, known))
                inside = known | {name.text: ("an argument", name.span) for name in own.parameters}
                yield from _variables(own.value, inside, subject)
            case ast.Rule():
                inside = dict(known)
                alias = own.trigger.alias if own.trigger else None
                if alias is not None:
                    yield from _compare("`as` name", alias, known)
                    inside[alias.text] = ("the name of the trigger", alias.span)
                for part in (own.trigger, own.when, own.must, own.unless):
                    yield from _variables(part, inside, subject)
            case _:
                yield from _variables(own, known, subject)


def _variables(node: Any, known: Mapping[str, tuple[str, Span | None]], subject: Subject) -> Iterator[Finding]:
    """Quantifier variables below a node; inside `where` the fields of the candidate are known too."""
    if isinstance(node, tuple):
        for item in node:
            yield from _variables(item, known, subject)
        return
    if not hasattr(node, "__dataclass_fields__"):
        return
    if isinstance(node, ast.Quantified | ast.CountElements):
        yield from _compare("variable", node.variable, known)
        yield from _variables(node.domain, known, subject)
        inside = {**known, node.variable.text: ("a variable", node.variable.span)}
        yield from _variables(node.where, inside, subject)
        if isinstance(node, ast.Quantified):
            yield from _variables(node.condition, inside, subject)
        return
    if isinstance(node, ast.Pattern | ast.EventField) and node.event.text in subject.vocabulary.events:
        event = node.event.text
        fields = {one.name: (f"a field of `{event}`", subject.vocabulary.places.get(f"{event}.{one.name}"))
                  for one in subject.vocabulary.events[event].record.fields}
        yield from _variables(node.where, {**known, **fields}, subject)
        return
    for name in node.__dataclass_fields__:
        if name != "span":
            yield from _variables(getattr(node, name), known, subject)


def _compare(what: str, name: ast.Name, known: Mapping[str, tuple[str, Span | None]]) -> Iterator[Finding]:
    if name.text in known:
        other, span = known[name.text]
        yield Finding(f"the {what} `{name.text}` has the name of {other}", name.span, "shadows it",
                      ((f"{other.removeprefix('a ').removeprefix('an ')} is declared here", span),) if span else (),
                      "choose another word")
