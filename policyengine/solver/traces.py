"""Two rules about a trace -> in which direction they differ, as far as that is proven, with traces that show it.

In come two sides with a trigger or a question about events; out comes a comparison. A bounded search finds small traces
that the versions judge differently; a proof over an abstraction of the trace shuts directions out. What neither settles
is `bounded`. Every witness was judged by the reference evaluator under both versions, and fits both vocabularies.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import product
from time import perf_counter

from policyengine.core import ir
from policyengine.core.verdict import VERDICTS
from policyengine.core.walk import nodes
from policyengine.solver.events_times import order_of
from policyengine.solver.model import Cell, Comparison, Direction, Disagreement, Options, Possible, Side
from policyengine.solver.traces_ground import Ground, ground_of
from policyengine.solver.traces_judged import Pair
from policyengine.solver.traces_proof import Shut, shut_out
from policyengine.solver.traces_search import Search
from policyengine.solver.traces_shrink import shrunk
from policyengine.solver.traces_ways import Ways

STRICTER: tuple[Pair, ...] = (("satisfied", "violated"), ("not_applicable", "violated"), ("exempt", "violated"))
LOOSER: tuple[Pair, ...] = tuple((new, old) for old, new in STRICTER)
HALF_STRICTER: tuple[Pair, ...] = (("pending", "violated"), ("undecided", "violated"))
HALF_LOOSER: tuple[Pair, ...] = tuple((new, old) for old, new in HALF_STRICTER)

ONLY_OPEN = "only cases that are undecided or pending in one version tell them apart"
ELSEWHERE = "nothing becomes violated or stops being so, but other verdicts differ"

MOST = 60
"""How many cases are judged for one pair of verdicts that decides the direction."""
FEW = 5
"""How many for any other pair,"""
SOME = 200
"""and how many steps are taken for it."""


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
    sides = (_alone(old), _alone(new))
    shut = shut_out(ground, options)
    search = Search(ground, Ways(ground), sides)
    for case in options.cases:
        search.offer(case, options.as_of)
    for pair in (*STRICTER, *LOOSER):
        if pair not in shut.pairs:
            search.look_for(pair, MOST)
    if options.matrix:
        for pair in product(VERDICTS, VERDICTS):
            if pair not in shut.pairs and pair not in search.best and pair not in STRICTER + LOOSER:
                search.look_for(pair, FEW, steps=SOME)
    elif not any(pair in search.shown() for pair in STRICTER + LOOSER):
        for pair in (*HALF_STRICTER, *HALF_LOOSER):
            if pair not in shut.pairs:
                search.look_for(pair, FEW, steps=SOME)
    return replace(_answer(ground, search, shut, options), seconds=perf_counter() - began)


def _alone(side: Side) -> Side:
    """The side with no rule but its own, which need not be the policy's of that name."""
    return replace(side, policy=replace(side.policy, rules=(side.rule,)))


def _answer(ground: Ground, search: Search, shut: Shut, options: Options) -> Comparison:
    found = search.shown()
    if found & shut.pairs:
        raise Disagreement(f"{ground.sides[1].rule.name}: proven impossible and found: {sorted(found & shut.pairs)}")
    ways, note = [[pair for pair in pairs if pair in found] for pairs in (STRICTER, LOOSER)], ""
    shut_both = [all(pair in shut.pairs for pair in pairs) for pairs in (STRICTER, LOOSER)]
    if not any(ways) and all(shut_both):
        # Nothing goes between fine and violated, so that what is open in one version may count.
        halves = [[pair for pair in pairs if pair in found] for pairs in (HALF_STRICTER, HALF_LOOSER)]
        if any(halves):
            ways, note = halves, ONLY_OPEN
            shut_both = [all(pair in shut.pairs for pair in pairs) for pairs in (HALF_STRICTER, HALF_LOOSER)]
    direction: Direction = "mixed" if all(ways) else "stricter" if ways[0] else "looser" if ways[1] else "equivalent"
    if direction == "equivalent" and any(old != new for old, new in found):
        note = ELSEWHERE
    settled = all(is_shut or some for is_shut, some in zip(shut_both, ways, strict=True))
    notes = [note] if note else []
    if not settled:
        notes.append(f"traces of up to {search.longest} events searched")
        if shut.cut_off:
            notes.append("the proof was cut off")
    elif shut.note and direction != "mixed":
        notes.append(shut.note)
    if direction == "mixed" and _by_the_calendar(ground):
        notes.append("depends on the calendar")
    first = [pairs[0] for pairs in ways if pairs]
    order = [*first, *(pair for pair in sorted(found, key=_place) if pair not in first and pair[0] != pair[1])]
    if not options.matrix:
        order = first
    exact = direction == "mixed" or (settled and not shut.note)
    return Comparison(direction, "exact" if exact else "bounded", "; ".join(notes),
                      tuple(shrunk(search, pair, options, thoroughly=pair in first) for pair in order),
                      _cells(found, shut, order) if options.matrix else ())


def _place(pair: Pair) -> tuple[int, int]:
    return VERDICTS.index(pair[0]), VERDICTS.index(pair[1])


def _cells(found: Collection[Pair], shut: Shut, order: Sequence[Pair]) -> tuple[Cell, ...]:
    places = {pair: place for place, pair in enumerate(order)}
    cells = []
    for pair in product(VERDICTS, VERDICTS):
        possible: Possible = "yes" if pair in found else "no" if pair in shut.pairs else "unknown"
        cells.append(Cell(*pair, possible, places.get(pair)))
    return tuple(cells)


def _by_the_calendar(ground: Ground) -> bool:
    """Whether a period was replaced by one of another kind, of which now the one and now the other ends first."""
    return any(not left.is_elapsed and not right.is_elapsed
               and order_of(left, right, ground.sides[1].calendar).always is None for left, right in ground.replaced)
