"""Where an expression stands: what its names mean, what it may ask, where its mistakes go; and the words they use.

`lower` reads expressions in a `Scope`, `declare` makes one for each clause. Nothing is lowered here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from policyengine.analysis.names import Names
from policyengine.base.diagnostic import Diagnostic, Note, error, shorten
from policyengine.base.source import Span
from policyengine.core import ir
from policyengine.core.types import Record, Type, Unknown, describe
from policyengine.syntax import ast

Typed = tuple[ir.Expr, Type]

NOTHING: Typed = (ir.Constant(None, Unknown()), Unknown())
"""What stands for an expression that has been reported."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The moment or candidate whose fields can be read. `events` is empty for a mark; `words` names it in messages."""

    owner: ir.Owner
    record: Record
    events: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression stands: what its names mean and what it may ask.

    `future`, `questions`, `states` are None where questions about the future, about the trace at all, or states may
    stand, else why not. `fields` are those bare names mean; `at` is whose moment a state is read at.
    """

    names: Names
    params: Mapping[str, Typed]
    has_calendar: bool
    found: list[Diagnostic]
    place: str
    future: str | None = None
    future_help: str = "or move the question to `must`"
    questions: str | None = None
    questions_help: str = ""
    states: str | None = None
    keys: tuple[str, ...] = ()
    key_types: Mapping[str, Type] = field(default_factory=dict)
    trigger: Fields | None = None
    alias: str | None = None
    fields: Fields | None = None
    at: Fields | None = None
    variables: Mapping[str, Typed] = field(default_factory=dict)
    owners: frozenset[str] = frozenset()
    inlined: tuple[str, ...] = ()
    loose: bool = False
    """A definition read on its own: there is no moment yet, so what depends on one is not asked about."""

    def fault(self, name: str, message: str, span: Span | None, label: str = "", *, notes: tuple[Note, ...] = (),
              help: str = "") -> Typed:
        """Record an error; what it stands for is unknown."""
        self.found.append(error(name, message, span, label, notes=notes, help=help))
        return NOTHING


# ---- words of messages --------------------------------------------------------------------------------------------

def written(expr: ast.Expr) -> str | None:
    """How a short expression was written, or None for a long one."""
    match expr:
        case ast.Path():
            return ".".join((expr.head.text, *(one.text for one in expr.fields)))
        case ast.Text():
            return json.dumps(shorten(expr.value, 30), ensure_ascii=False)
        case ast.Number():
            return expr.written
        case ast.Boolean():
            return "true" if expr.value else "false"
        case ast.DateLiteral() | ast.TimeLiteral():
            return expr.value
        case ast.Duration():
            return period_text(expr)
        case ast.Call():
            return f"{expr.name.text}(…)"
        case ast.CountEvents():
            return f"count of {expr.pattern.event.text} …"
        case ast.SumEvents():
            return ".".join((f"sum of {expr.pattern.event.text}", *(one.text for one in expr.field))) + " …"
        case ast.EpisodeDuration():
            return f"duration of {expr.episode.text} …"
        case ast.Latest():
            return ".".join((f"latest {expr.pattern.event.text}", *(one.text for one in expr.field)))
        case _:
            return None


def period_text(expr: ast.Duration) -> str:
    return f"{expr.count} {expr.unit}" + ("" if expr.count == 1 else "s")


def is_a(expr: ast.Expr, type: Type, otherwise: str) -> str:
    text = written(expr)
    words = describe(type)
    return f"{f'`{text}`' if text else otherwise} is {an(words) if ' ' in words else words}"


def an(words: str) -> str:
    """With its article: `an integer`, `text`."""
    if words in ("text", "unknown", "true or false"):
        return words
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def declared_at(lowered: ir.Expr, scope: Scope) -> tuple[Note, ...]:
    """Where the vocabulary or the policy declares what is read."""
    place: Span | None = None
    name = ""
    match lowered:
        case ir.Fact() if lowered.path:
            name, place = lowered.path[-1], scope.names.vocabulary.places.get(".".join(lowered.path))
        case ir.Get() if lowered.path:
            one = scope.trigger if lowered.owner == ir.TRIGGER else scope.fields
            if lowered.owner in (ir.TRIGGER, ir.CANDIDATE) and one is not None and one.events:
                name = lowered.path[-1]
                place = scope.names.vocabulary.places.get(".".join((one.events[0], *lowered.path)))
        case ir.Parameter() | ir.StateValue():
            name = lowered.name if isinstance(lowered, ir.Parameter) else lowered.state
            place = scope.names.place(name)
        case _:
            pass
    return (Note(f"`{name}` is declared here", place),) if place else ()
