"""What a pattern asks of a candidate alone, and by which of its fields the candidates of a moment can be looked up.

In comes a pattern; out comes how its `where` may be answered sooner, with the same answer: what is asked of the
candidate alone is the same at every moment, and a field that must equal something of the moment, or a list that must
contain it, says at once of most candidates that they do not match. Nothing here judges.
"""

from __future__ import annotations

from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.walk import conjuncts, nodes, type_of

_OF_THE_MOMENT = (ir.Occurs, ir.CountEvents, ir.SumEvents, ir.Latest, ir.EpisodeDuration)
_COMPARED_AS_THEY_ARE = (types.Text, types.Number, types.Bool, types.Date)


@record
class Link:
    """A field of the candidate that must equal what is `asked` of the moment; a list that must contain it, `listed`."""

    field: ir.Get
    asked: ir.Expr
    listed: bool


@record
class Filter:
    """The pattern itself; of its conditions those about the candidate alone (None: there are none), whether these are
    all, and the links to the moment. `but_linked`: there is nothing else but one link."""

    pattern: ir.Pattern
    own: ir.Expr | None
    whole: bool
    links: tuple[Link, ...]
    but_linked: bool = False


MOST = 10_000
_made: dict[int, Filter] = {}


def filter_of(pattern: ir.Pattern) -> Filter:
    """How candidates are told apart; made once for a pattern, the latest MOST are remembered."""
    found = _made.get(id(pattern))
    if found is None:
        if len(_made) >= MOST:
            _made.clear()
        found = _made[id(pattern)] = _filter_of(pattern)  # which holds the pattern, so that no other has its id
    return found


def _filter_of(pattern: ir.Pattern) -> Filter:
    parts = tuple(conjuncts(pattern.where))
    own = tuple(one for one in parts if _of_candidate_alone(one))
    links = tuple(link for one in parts if one not in own and (link := link_of(one)) is not None and _looked_up(link))
    joined = None if not own else own[0] if len(own) == 1 else ir.And(own)
    return Filter(pattern, joined, len(own) == len(parts), links, len(links) == 1 and len(own) == len(parts) - 1)


def _of_candidate_alone(expr: ir.Expr) -> bool:
    return not any(isinstance(node, _OF_THE_MOMENT)
                   or (isinstance(node, ir.Get) and node.owner != ir.CANDIDATE)
                   or (isinstance(node, ir.InState | ir.StateValue) and node.at != ir.CANDIDATE)
                   for node in nodes(expr))


def _looked_up(link: Link) -> bool:
    """Whether candidates can be looked up by what is asked of the moment."""
    held = link.field.type.item if isinstance(link.field.type, types.ListOf) else link.field.type
    return isinstance(held, _COMPARED_AS_THEY_ARE) and isinstance(type_of(link.asked), _COMPARED_AS_THEY_ARE)


def link_of(expr: ir.Expr) -> Link | None:
    """The link that a condition is, if it is one; what is asked may also be a fact, or written."""
    match expr:
        case (ir.Apply(operator="=", arguments=(ir.Get(owner=ir.CANDIDATE) as field, asked))
              | ir.Apply(operator="contains", arguments=(ir.Get(owner=ir.CANDIDATE) as field, asked))) \
                if not reads_candidate(asked):
            return Link(field, asked, expr.operator == "contains")
        case (ir.Apply(operator="=", arguments=(asked, ir.Get(owner=ir.CANDIDATE) as field))
              | ir.Apply(operator="in", arguments=(asked, ir.Get(owner=ir.CANDIDATE) as field))) \
                if not reads_candidate(asked):
            return Link(field, asked, expr.operator == "in")
        case _:
            return None


def reads_candidate(expr: ir.Expr) -> bool:
    """Whether a candidate has a part in an expression; the clock and the date are the candidate's too."""
    return any((isinstance(node, ir.Get) and node.owner == ir.CANDIDATE)
               or (isinstance(node, ir.InState | ir.StateValue) and node.at == ir.CANDIDATE)
               or isinstance(node, ir.Today | ir.LocalTime | ir.CompletedYears) for node in nodes(expr))
