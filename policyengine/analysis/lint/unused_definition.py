"""A param, definition, state, episode, argument, variable or `as` name that nothing uses.

Why: what is declared and not used is a sentence of the law that no rule checks, or a rule that reads another name than
its author meant. `some c in service.channels satisfies (service.disclosed)` asks nothing about any channel.

Example: `param promptly = 10 minutes`, and no rule says `promptly`.

Instead: use it, or delete it.

Fine: a name in a file that several policies share may be used by another of them; such files are not looked at. In a
policy that extends another a param may set the other's, and is not reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from policyengine.analysis.lint.subject import Finding, Subject, walk
from policyengine.base.source import Span
from policyengine.syntax import ast


def check(subject: Subject) -> Iterator[Finding]:
    """Names of the file that stand nowhere else."""
    used = Counter(name for one in subject.declared for name in names_used(one))
    for one in subject.own:
        for name, what in _declared(one):
            if used[name.text] == 0 and not (isinstance(one, ast.Param) and subject.extends):
                yield _unused(what, name.text, name.span)
        yield from _local(one)


def _declared(one: ast.Declaration) -> Iterator[tuple[ast.Name, str]]:
    match one:
        case ast.Param():
            yield one.name, "param"
        case ast.Define():
            yield one.name, "definition"
        case ast.StateHolds() | ast.StateValue():
            yield one.name, "state"
        case ast.Episode():
            yield one.name, "episode"
        case _:
            pass


def _local(one: ast.Declaration) -> Iterator[Finding]:
    """Arguments, quantifier variables and the trigger's `as` name."""
    if isinstance(one, ast.Define):
        inside = set(names_used(one.value))
        yield from (_unused("argument", name.text, name.span) for name in one.parameters if name.text not in inside)
    if isinstance(one, ast.Rule) and one.trigger is not None and one.trigger.alias is not None:
        alias = one.trigger.alias
        if alias.text not in set(names_used(one)):
            yield _unused("name", alias.text, alias.span)
    for node in walk(one):
        if isinstance(node, ast.Quantified) or (isinstance(node, ast.CountElements) and node.where is not None):
            inside = set(names_used(node.where)) | (
                set(names_used(node.condition)) if isinstance(node, ast.Quantified) else set())
            if node.variable.text not in inside:
                yield _unused("variable", node.variable.text, node.variable.span)


def _unused(what: str, name: str, span: Span) -> Finding:
    return Finding(f"nothing uses the {what} `{name}`", span, "not used", help="use it, or delete it")


def names_used(node: object) -> Iterator[str]:
    """The words below a node that refer to a declared name."""
    for one in walk(node):
        match one:
            case ast.Path():
                yield one.head.text
            case ast.Call():
                yield one.name.text
            case ast.During() | ast.EpisodeDuration():
                yield one.episode.text
            case ast.OnEvery() | ast.OnWithout() | ast.OnStart():
                yield one.run.text
            case _:
                pass
