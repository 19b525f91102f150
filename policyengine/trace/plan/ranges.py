"""Ranges of the trace as places in the order: where the candidates of a question stand."""

from __future__ import annotations

from typing import assert_never

from policyengine.core import ir, types
from policyengine.core.walk import type_of
from policyengine.trace.plan.builder import Builder
from policyengine.trace.plan.frames import EARLIEST, Bound, Frame, Window
from policyengine.trace.plan.rows import ask_rows, candidates_of, pair_rows
from policyengine.trace.plan.runs import run_of
from policyengine.trace.plan.terms import (
    quoted,
)


def up_to(build: Builder, frame: Frame, event: str, *, ordered: bool, counting: bool) -> Bound:
    """The end of a range of the past: the moment's place, or the end of its instant; a count takes in the trigger,
    anything else leaves out the trigger itself and what of its own type comes after."""
    t, pos, _ = frame.at[ir.TRIGGER]
    own = build.own(frame, event)
    mine = Bound(None, f"({pos} + 1)" if counting else pos)
    others = build.standing(frame) if ordered else Bound(f"({t} + 1)")
    if own == "FALSE":
        return others
    if own == "TRUE":
        return mine
    if others.t is None:
        return Bound(None, f"(CASE WHEN {own} THEN {mine.p} ELSE {others.p} END)")
    return Bound(f"(CASE WHEN {own} THEN {t} ELSE {others.t} END)", f"(CASE WHEN {own} THEN {mine.p} ELSE -1 END)")


def window_of(build: Builder, frame: Frame, range: ir.Range, event: str, *, counting: bool = False) -> Window:
    """Where the candidates of a range stand."""
    t = frame.at[ir.TRIGGER][0]
    match range:
        case ir.Within() | ir.NoLaterThan():
            known = '"known"' if "known" in frame.columns else t
            ends = build.edge_of(frame, known, range.period)
            end = build.extend(frame, ends.sql, "closes", "the first instant too late")
            lost = f"({end} IS NULL)" if ends.nullable else None
            return Window(from_moment(build, frame, event), Bound(end), t, lost, closes=end)
        case ir.By():
            due = build.kept(frame, build.value(frame, range.deadline), "deadline")
            deadline = type_of(range.deadline)
            late = f"{due.sql} + 1"
            if isinstance(deadline, types.Date):
                day = build.extend(frame, f"({build.days(due.sql)} + 1)", "day", "the day after the deadline")
                found = build.look_up(frame, "due", None, day)
                late = f"CASE WHEN {day} < {build.known.horizon.first} THEN {EARLIEST} ELSE {found} END"
                frame.hard.append(f"({day} >= {build.known.horizon.first} AND {found} IS NULL)")
            end = build.extend(frame, f"greatest({late}, {t})", "closes", "the first instant too late")
            until = build.extend(frame, late, "until", "the end of the range")
            return Window(from_moment(build, frame, event), Bound(until), t,
                          f"({due.sql} IS NULL)" if due.nullable else None, closes=end)
        case ir.Before():
            return Window(None, up_to(build, frame, event, ordered=True, counting=counting), None, ordered=True)
        case ir.WithinLast():
            low = build.edge_of(frame, t, range.period, back=True)
            start = build.extend(frame, low.sql, "since", "how far the range reaches back")
            return Window(Bound(start), up_to(build, frame, event, ordered=False, counting=counting), start,
                          f"({start} IS NULL)" if low.nullable else None)
        case ir.This():
            start = build.extend(frame, build.look_up(frame, range.unit, None, build.local_day(t)), "since",
                                 f"the start of the {range.unit}")
            return Window(Bound(start), up_to(build, frame, event, ordered=False, counting=counting), start)
        case ir.Since():
            return since_latest(build, frame, range, event, counting)
        case ir.During():
            if build.static(build.episodes[range.episode].gap) is None:
                return Window(Bound(t), Bound(t), t, missing="TRUE")
            start, doubt = run_of(build, frame, range.episode)
            gap = build.gaps([one.event for one in build.episodes[range.episode].events],
                             f"({t} - {build.static_period(build.episodes[range.episode].gap).count})")
            lost = f"({start} IS NULL AND {gap})" if gap != "FALSE" else None
            # Without a run the range is empty: it begins after all it could hold.
            begin = build.extend(frame, f"coalesce({start}, {t} + 2)", "since", "the start of the run")
            return Window(Bound(begin), up_to(build, frame, event, ordered=False, counting=counting),
                          f"coalesce({start}, {t})", lost, unsure=doubt, empty=f"({start} IS NULL)")
        case _:
            assert_never(range)


def from_moment(build: Builder, frame: Frame, event: str) -> Bound:
    """The start of a range into the future: the moment's instant; of the trigger's own type, what follows it."""
    t, pos, _ = frame.at[ir.TRIGGER]
    own = build.own(frame, event)
    if own == "FALSE":
        return Bound(t)
    if own == "TRUE":
        return Bound(None, f"({pos} + 1)")
    return Bound(t, f"(CASE WHEN {own} THEN {pos} + 1 ELSE -1 END)")


def since_latest(build: Builder, frame: Frame, range: ir.Since, event: str, counting: bool) -> Window:
    """After the latest match of another pattern; what may have been a later match leaves doubt."""
    rows = candidates_of(build, range.pattern)
    if rows.outer:
        n = pair_rows(build, frame, range.pattern, rows, None, build.standing(frame))
        last, reach = quoted(f"last.{n}"), quoted(f"last_t.{n}")
        maybe: str | None = quoted(f"last_maybe.{n}")
    else:
        since = f"since_t.{frame.number()}"
        (last, maybe), = ask_rows(build, frame, rows, build.standing(frame), [("since", '"pos"', "last")],
                                  [(since, '"t"', "last")])
        reach = quoted(since)
    low = build.extend(frame, f"coalesce({last} + 1, 0)", "from", "the place after it")
    surely = [] if maybe is None else [Bound(None, f"greatest({low}, coalesce({maybe} + 1, 0))")]
    gap = build.gap(range.pattern.event, reach)
    t, pos, _ = frame.at[ir.TRIGGER]
    if gap == "TRUE":
        surely.append(build.standing(frame))
    elif gap != "FALSE":
        # One that is not seen may stand anywhere up to where the history is complete.
        assert build.known.sources is not None
        since_t = build.known.sources.complete[range.pattern.event]
        surely.append(Bound(f"CASE WHEN {gap} AND {t} >= {since_t} THEN {since_t} ELSE {EARLIEST} END"))
        surely.append(Bound(f"CASE WHEN {gap} AND {t} < {since_t} THEN {t} ELSE {EARLIEST} END") if pos is None else
                      Bound(None, f"CASE WHEN {gap} AND {t} < {since_t} THEN {pos} ELSE 0 END"))
    surely = [Bound(one.t and build.extend(frame, one.t, "surely", "from when on it is certain"),
                    one.p and build.extend(frame, one.p, "surely", "from where on it is certain")) for one in surely]
    return Window(Bound(None, low), up_to(build, frame, event, ordered=True, counting=counting), reach, ordered=True,
                  surely=tuple(surely), gap=gap)
