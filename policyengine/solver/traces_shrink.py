"""A witness made as small and as round as it stays one.

In come a search and a pair of verdicts it found; out comes the witness: events, facts and fields that do not matter are
dropped, and times moved to noon, a full hour or a full minute where the verdicts stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from policyengine.base.instants import local_date
from policyengine.core.verdict import EventAbsent, EventSeen, FactRead, FieldRead, ParameterUsed
from policyengine.solver.events_draft import Draft, case_of, fits
from policyengine.solver.events_times import DAY, HOUR, MINUTE, noon
from policyengine.solver.model import Options, Witness
from policyengine.solver.traces_judged import Judged, Outcome, Pair, judge_both
from policyengine.solver.traces_search import Search


def shrunk(search: Search, pair: Pair, options: Options, *, thoroughly: bool = True) -> Witness:
    """The witness of a pair that was found: a case of the user's own, or one over the user's own facts, where either
    shows it. `thoroughly`: without anything that does not matter."""
    if pair in search.own:
        return _witness(pair, *search.own[pair])
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
    for own in (one.facts for one in options.cases):
        found = _still(search, draft, pair, judged.as_of, own)
        if found is not None:
            judged, outcome = found
            break
    return _witness(pair, judged, outcome)


def _witness(pair: Pair, judged: Judged, outcome: Outcome) -> Witness:
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
    several = _several(draft)
    free = [number for number in range(len(draft.rows) - 1, 0 if draft.trigger else -1, -1) if number not in several]
    if place >= len(free):
        return None
    gone = free[place]
    return replace(draft, rows=tuple(replace(row, like=row.like - (row.like > gone))
                                     for number, row in enumerate(draft.rows) if number != gone))


def _several(draft: Draft) -> set[int]:
    """The rows that are many of a kind: runs and counts are as long as they need to be."""
    return {place for number, row in enumerate(draft.rows) if row.like >= 0 for place in (number, row.like)}


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
    if (draft.trigger and place == 0) or row.time == draft.now or place in _several(draft):
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


def _still(search: Search, draft: Draft, pair: Pair, as_of: int, facts: Mapping[str, Any] | None = None,
           ) -> tuple[Judged, Outcome] | None:
    """The draft judged, over the given facts if there are any, where it shows the pair and fits the vocabularies."""
    case = case_of(draft, search.sides[1].vocabulary, search.ground.zone, facts or {})
    judged = judge_both(search.sides, case, as_of)
    shown = () if judged is None else judged.shows()
    found = next(((judged, outcome) for one, outcome in shown if judged is not None and one == pair), None)
    return found if found is not None and all(fits(case, side.vocabulary) for side in search.sides) else None


def _decides(outcome: Outcome) -> tuple[str, ...]:
    """The facts, fields, events and parameters that either version's answer names as its evidence."""
    found: dict[str, None] = {}
    for judgement in (outcome.old, outcome.new):
        for one in () if judgement is None else judgement.evidence:
            match one:
                case FactRead(path=path):
                    found[".".join(str(step) for step in path if isinstance(step, str))] = None
                case FieldRead(event=event, path=path):
                    found[".".join((event.type, *path))] = None
                case EventSeen(event=event):
                    found[event.type] = None
                case EventAbsent(event=name):
                    found[name] = None
                case ParameterUsed(name=name):
                    found[name] = None
    return tuple(found)
