"""Two rules about a trace -> in which direction they differ, as far as that is proven, with traces that show it.

In come two sides with a trigger or a question about events; out comes a comparison. A bounded search finds small traces
that the versions judge differently; a proof over an abstraction of the trace shut directions out. What neither settles
is `bounded`. Every witness was judged by the reference evaluator under both versions, and fits both vocabularies.
"""

from __future__ import annotations

from time import perf_counter

from policyengine.core import ir
from policyengine.core.verdict import VERDICTS
from policyengine.core.walk import nodes
from policyengine.solver.events_draft import fits
from policyengine.solver.events_times import order_of
from policyengine.solver.model import (
    FINE,
    OPEN,
    Cell,
    Comparison,
    Direction,
    Options,
    Possible,
    Side,
    Witness,
)
from policyengine.solver.traces_ground import Ground, ground_of
from policyengine.solver.traces_proof import Shut, shut_out
from policyengine.solver.traces_search import Pair, Search
from policyengine.solver.traces_shrink import shrunk
from policyengine.solver.traces_ways import Ways

STRICTER: tuple[Pair, ...] = (("satisfied", "violated"), ("not_applicable", "violated"), ("exempt", "violated"))
LOOSER: tuple[Pair, ...] = tuple((new, old) for old, new in STRICTER)

MOST = 60
"""How many cases are judged for one pair of verdicts that decides the direction."""
FEW = 8
"""How many for any other pair."""


def about_traces(side: Side) -> bool:
    """Whether a rule has a trigger or asks about events, so that it is compared here."""
    rule = side.rule
    asked = (rule.when, rule.must, rule.unless, side.policy.scope_of(rule))
    return rule.trigger is not None or any(isinstance(node, _ASKS) for part in asked for node in nodes(part))


_ASKS = (ir.Occurs, ir.CountEvents, ir.SumEvents, ir.EpisodeDuration, ir.Latest, ir.InState, ir.StateValue)


def compare_traces(old: Side, new: Side, options: Options | None = None) -> Comparison:
    """What became of the behaviour of two rules of which at least one is about a trace.

    Never raises for what cannot be followed: that is searched, and the answer is `bounded`.
    """
    options = Options() if options is None else options
    began = perf_counter()
    ground = ground_of(old, new, options)
    if ground.keys[0].rule() == ground.keys[1].rule():
        return Comparison("equivalent", "exact", seconds=perf_counter() - began)
    shut = shut_out(ground, options)
    search = Search(ground, Ways(ground), (old, new))
    for case in options.cases:
        search.offer(case, options.as_of)
    for pair in (*STRICTER, *LOOSER):
        if pair not in shut.pairs:
            search.look_for(pair, MOST)
    if options.matrix:
        for old_verdict in VERDICTS:
            for new_verdict in VERDICTS:
                pair = (old_verdict, new_verdict)
                if pair not in shut.pairs and pair not in search.best and pair not in STRICTER + LOOSER:
                    search.look_for(pair, FEW, steps=300)
    return _answer(ground, search, shut, options, began)


def _answer(ground: Ground, search: Search, shut: Shut, options: Options, began: float) -> Comparison:
    search.best = {pair: found for pair, found in search.best.items()
                   if all(fits(found[1].case, side.vocabulary) for side in search.sides)}
    ways: list[list[Pair]] = [[pair for pair in pairs if pair in search.best] for pairs in (STRICTER, LOOSER)]
    shut_both = [all(pair in shut.pairs for pair in pairs) for pairs in (STRICTER, LOOSER)]
    notes: list[str] = []
    if not any(ways):
        opened = [[pair for pair in search.best if pair[1 - place] in OPEN and pair[place] == "violated"]
                  for place in (1, 0)]
        if any(opened):
            ways = opened
            notes.append("only among cases that are undecided or pending in one version")
    direction: Direction = ("mixed" if all(ways) else "stricter" if ways[0] else "looser" if ways[1] else "equivalent")
    proven = direction == "mixed" or all(shut or bool(found) for shut, found in zip(shut_both, ways, strict=True))
    if notes and not all(shut_both):
        proven = False
    if not proven:
        notes.append(f"traces of up to {search.longest} events searched")
    elif shut.note and direction != "mixed":
        notes.append(shut.note)
    if direction == "mixed" and _by_the_calendar(ground):
        notes.append("depends on the calendar")
    first = [found[0] for found in ways if found]
    order = [*first, *(pair for pair in sorted(search.best, key=_place) if pair not in first and pair[0] != pair[1])]
    if not options.matrix:
        order = first
    witnesses = tuple(shrunk(search, pair, thoroughly=pair in first) for pair in order)
    return Comparison(direction, "exact" if proven else "bounded", "; ".join(notes), witnesses,
                      _cells(search, shut, order) if options.matrix else (), (), perf_counter() - began)


def _place(pair: Pair) -> tuple[int, int]:
    return VERDICTS.index(pair[0]), VERDICTS.index(pair[1])


def _cells(search: Search, shut: Shut, order: list[Pair]) -> tuple[Cell, ...]:
    places = {pair: place for place, pair in enumerate(order)}
    cells = []
    for old in VERDICTS:
        for new in VERDICTS:
            pair = (old, new)
            possible: Possible = "yes" if pair in search.best else "no" if pair in shut.pairs else "unknown"
            cells.append(Cell(old, new, possible, places.get(pair)))
    return tuple(cells)


def _by_the_calendar(ground: Ground) -> bool:
    """Whether the two name periods of different kinds, of which now the one and now the other ends first."""
    return any(not left.is_elapsed and not right.is_elapsed and left.unit != right.unit
               and order_of(left, right, ground.sides[1].calendar).always is None
               for left in ground.periods for right in ground.periods)


