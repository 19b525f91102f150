"""A witness made as small and as round as it stays one.

In come a search and a pair of verdicts it found; out comes the witness: events, facts and fields that do not matter are
dropped, and times moved to noon, a full hour or a full minute where the verdicts stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from policyengine.core.verdict import FactRead, FieldRead, Judgement
from policyengine.solver.events_draft import Draft, case_of
from policyengine.solver.events_times import DAY, HOUR, MINUTE, noon
from policyengine.solver.model import Witness
from policyengine.base.instants import local_date
from policyengine.solver.traces_search import Judged, Outcome, Pair, Search, judge_both


def shrunk(search: Search, pair: Pair, *, thoroughly: bool = True) -> Witness:
    """The witness of a pair that was found. `thoroughly`: without anything that does not matter."""
    draft, judged, outcome = search.best[pair]
    if thoroughly:
        draft, judged, outcome = _without(search, draft, pair, judged, outcome)
    for place in range(len(draft.rows)):
        for time in _rounder(search, draft, place):
            moved = draft.at(place, time)
            found = _still(search, moved, pair, judged.as_of)
            if found is not None:
                draft, (judged, outcome) = moved, found
                break
    return Witness(pair[0], pair[1], judged.case.facts, judged.case.events, judged.as_of, outcome.time,
                   _decides(outcome))


def _without(search: Search, draft: Draft, pair: Pair, judged: Judged, outcome: Outcome,
             ) -> tuple[Draft, Judged, Outcome]:
    """One after the other is left out, and stays out where the pair does."""
    for drop in (_rows, _facts, _fields):
        place = 0
        while True:
            smaller = drop(draft, place)
            if smaller is None:
                break
            found = _still(search, smaller, pair, judged.as_of)
            if found is None:
                place += 1
            else:
                draft, (judged, outcome) = smaller, found
    return draft, judged, outcome


def _rows(draft: Draft, place: int) -> Draft | None:
    used = {row.like for row in draft.rows}
    free = [number for number in range(len(draft.rows) - 1, 0 if draft.trigger else -1, -1) if number not in used]
    if place >= len(free):
        return None
    gone = free[place]
    return replace(draft, rows=tuple(replace(row, like=row.like - (row.like > gone))
                                     for number, row in enumerate(draft.rows) if number != gone))


def _facts(draft: Draft, place: int) -> Draft | None:
    paths = list(draft.facts)
    if place >= len(paths):
        return None
    return replace(draft, facts={path: draft.facts[path] for path in paths if path != paths[place]})


def _fields(draft: Draft, place: int) -> Draft | None:
    held = [(number, name) for number, row in enumerate(draft.rows) for name in row.fields]
    if place >= len(held):
        return None
    number, gone = held[place]
    row = draft.rows[number]
    fields = {name: value for name, value in row.fields.items() if name != gone}
    return replace(draft, rows=(*draft.rows[:number], replace(row, fields=fields), *draft.rows[number + 1:]))


def _rounder(search: Search, draft: Draft, place: int) -> Iterator[int]:
    row = draft.rows[place]
    if (draft.trigger and place == 0) or row.time == draft.now:
        return
    calendar = search.sides[1].calendar
    midday = noon(local_date(row.time, calendar.zone), calendar)
    if abs(row.time - draft.now) > DAY:
        yield midday
    for unit in (HOUR, MINUTE):
        if row.time % unit:
            below = row.time - row.time % unit
            # Not onto the moment itself, nor to its other side.
            yield from (time for time in (below, below + unit) if (time - draft.now) * (row.time - draft.now) > 0)


def _still(search: Search, draft: Draft, pair: Pair, as_of: int) -> tuple[Judged, Outcome] | None:
    try:
        case = case_of(draft, search.sides[1].vocabulary, search.ground.zone)
    except (KeyError, IndexError):
        return None
    judged = judge_both(search.sides, case, as_of)
    if judged is None:
        return None
    return next(((judged, outcome) for shown, outcome in judged.shows() if shown == pair), None)


def _decides(outcome: Outcome) -> tuple[str, ...]:
    return ()
