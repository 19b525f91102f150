"""Runs of episodes and states: where each begins, what continues and ends it, which one a moment belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from policyengine.base.instants import Period
from policyengine.core import ir
from policyengine.core.walk import nodes
from policyengine.trace.plan.builder import Builder
from policyengine.trace.plan.frames import LATEST, WHOLE, Bound, Frame
from policyengine.trace.plan.rows import candidates_of, from_events, spread_over
from policyengine.trace.plan.states import changes_of
from policyengine.trace.plan.sweeps import sweep
from policyengine.trace.plan.terms import (
    quoted,
)

SHIFT = 10 ** 17
"""Microseconds that make every instant positive, so that to divide is to round down."""


def members_of(build: Builder, name: str) -> tuple[tuple[str, ...], Sequence[ir.Pattern], Sequence[ir.Pattern], Any,
                                                   bool]:
    """Of an episode or state: its keys, the patterns that begin or continue it, those that end it, how long one of
    the former carries, and whether nobody knows how long."""
    if name in build.episodes:
        episode = build.episodes[name]
        return episode.keys or (WHOLE,), episode.events, episode.ends, build.static_period(episode.gap), False
    state = build.states[name]
    assert isinstance(state, ir.BooleanState)
    lasting = None if state.lasting is None else build.static(state.lasting)
    return state.keys or (WHOLE,), state.starts, state.ends, lasting, state.lasting is not None and lasting is None


def asked_runs(build: Builder, frame: Frame, keys: Sequence[str]) -> list[tuple[str, str]]:
    """What of the moment must be equal for a run to be its own."""
    return [("0" if key == WHOLE else quoted(build.key(frame, key)), key) for key in keys]


def asked_for(build: Builder, frame: Frame, rows: str, asked: Sequence[tuple[str, str]]) -> str:
    """Of the events of runs those with keys that rows ask for: to find them takes less than to put all in order."""
    if any(key == WHOLE for _, key in asked):
        return rows
    on = " AND ".join(f"m.{sql} = r.{quoted(key)}" for sql, key in asked)
    return build.step("near", f"SELECT * FROM {rows} AS r WHERE EXISTS (SELECT 1 FROM {frame.name} AS m WHERE {on})",
                      "of keys that are asked for")


def runs_of(build: Builder, name: str) -> tuple[tuple[str, ...], str, bool]:
    """The keys of an episode or state, and a row for each event that begins, continues or ends a run of it: `run_t`
    and `run_pos` are the start of its run, `prev_t` the event before it, `new` where it begins one, `closing`
    where it ends one, `doubt_pos` the latest event that left doubt; and whether any does."""
    made = ("runs", name)
    if made in build.made:
        found: tuple[tuple[str, ...], str, bool] = build.made[made]
        return found
    keys, starts, ends, lasting, lost = members_of(build, name)
    names = ", ".join(map(quoted, keys))
    begin, doubtful = changes_of(build, [(pattern, True) for pattern in starts], keys, lasting)
    if len({pattern.event for pattern in starts}) < len(starts):
        begin = build.step("changes", f'SELECT "t", "pos", 1 AS "start", bool_and("sure") AS "sure", max("life") AS '
                           f'"life", {names} FROM {begin} GROUP BY "t", "pos", {names}', "each event once")
    parts = [f'SELECT "t", "pos", "start", "sure", "life", {names} FROM {begin}']
    for pattern in ends:
        ended = candidates_of(build, pattern)
        doubtful = doubtful or ended.sure != "TRUE"
        heard = spread_over(build, ended, keys, begin)
        parts.append(f'SELECT "t", "pos", 0, "sure", CAST(NULL AS BIGINT), {names} FROM {heard}')
    changes = build.step("changes", " UNION ALL ".join(parts), f"events of {name}")
    alone = _alone(build, name)
    by = f"PARTITION BY {names} ORDER BY " + ('"pos"' if alone else '"pos" * 2 + "start"')
    if alone:
        looked = build.step("looked", f'SELECT *, lag("t") OVER ({by}) AS "prev_t" FROM {changes}',
                            "each with the one before")
        joined = build.step("joined", f'SELECT *, TRUE AS "going", NOT coalesce("t" - "prev_t" <= {lasting.count}, '
                            f'FALSE) AS "new", FALSE AS "closing" FROM {looked}', "where a run begins")
    else:
        joined = _joined(build, changes, by, ended=bool(ends))
    doubts = ['("going" AND NOT "sure")', '("closing" AND NOT "sure")'] if doubtful else []
    if lost:
        doubts.append('"going"')
    else:
        reach = '"t"'
        if name in build.episodes:
            reach = f'("t" - {lasting.count})'
        else:
            reach = '"end_t"'
            if isinstance(lasting, Period):
                copy = Frame(joined, [], {}, {})
                holds = build.earliest(copy, '"t"', lasting)
                joined = copy.name
                reach = f'greatest("end_t", {holds})'
        for patterns, back in ((starts, reach), (ends, '"t"')):
            gap = build.gaps([pattern.event for pattern in patterns], back)
            if gap != "FALSE":
                doubts.append(f'("new" AND {gap})')
    doubted = build.step("doubted", f'SELECT *, {" OR ".join(doubts) or "FALSE"} AS "doubt" FROM {joined}',
                         "where doubt arises")
    upto = f"OVER ({by} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    begun = [_last(f'CASE WHEN "new" THEN "{one}" END', upto, f"run_{one}") for one in ("t", "pos")]
    begun.append(_last('CASE WHEN "doubt" THEN "pos" END', upto, "doubt_pos") if doubts else
                 'CAST(NULL AS BIGINT) AS "doubt_pos"')
    begun += _lasting(by) if alone and _measured(build, name) else []
    rows = build.step("runs", f'SELECT "t", "pos", "sure", "life", "prev_t", "going", "new", "closing", "doubt", '
                      f'{names}, {", ".join(begun)} FROM {doubted}', "each with the start of its run")
    result = keys, rows, bool(doubts)
    build.made[made] = result
    return result


def _alone(build: Builder, name: str) -> bool:
    """Whether the event before alone tells if a run goes on: of an episode that nothing ends but a gap."""
    return name in build.episodes and not build.episodes[name].ends and build.static_period(
        build.episodes[name].gap).is_elapsed


def _joined(build: Builder, changes: str, by: str, *, ended: bool) -> str:
    """Where a run begins and where it may end, by the starts and ends before each event."""
    prior = f"OVER ({by} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    before = [(column, f"prev_{column}") for column in ("t", "pos", "life")]
    if ended:
        seen = [_last(f'CASE WHEN "start" = 1 THEN "{one}" END', prior, name) for one, name in before]
        seen += [_last(f'CASE WHEN "start" = 0 AND "sure" THEN "{one}" END', prior, f"end_{one}") for one in
                 ("t", "pos")]
    else:
        seen = [f'lag("{one}") OVER ({by}) AS "{name}"' for one, name in before]
        seen += [f'CAST(NULL AS BIGINT) AS "end_{one}"' for one in ("t", "pos")]
    looked = build.step("looked", f'SELECT *, {", ".join(seen)} FROM {changes}', "each with the one before")
    still = 'coalesce("t" < "prev_life", TRUE) AND coalesce("end_pos" <= "prev_pos", TRUE)'
    return build.step("joined", f'SELECT *, "start" = 1 AS "going", "start" = 1 AND NOT coalesce("prev_pos" IS NOT '
                      f'NULL AND {still}, FALSE) AS "new", "start" = 0 AND "prev_pos" IS NOT NULL AND {still} AS '
                      f'"closing" FROM {looked}', "where a run begins, and where it may end")


def _last(sql: str, over: str, name: str) -> str:
    """The last known: of what rises with the order the greatest, which takes engines longer to find."""
    return f'last_value({sql} IGNORE NULLS) {over} AS "{name}"'


def _measured(build: Builder, name: str) -> bool:
    """Whether any rule asks how long an episode lasts: what one of them asks, all have at hand."""
    return any(isinstance(one, ir.EpisodeDuration) and one.episode == name for one in nodes(build.known.policy.rules))


def _lasting(by: str) -> list[str]:
    """How long all runs lasted up to each event, and when its run goes on, as columns of events that are put in order
    so."""
    lasted = 'CASE WHEN "new" THEN 0 ELSE "t" - "prev_t" END'
    return [f'CAST(sum({lasted}) OVER ({by} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS "lasted"',
            f'coalesce(lead(CASE WHEN NOT "new" THEN "t" END) OVER ({by}), {LATEST}) AS "next_t"']


def lasting_runs(build: Builder, name: str) -> str:
    """The events of an episode with `lasted`, how long all its runs lasted up to each, and `next_t`, when its run goes
    on."""
    keys, rows, _ = runs_of(build, name)
    if _alone(build, name):
        return rows
    names = ", ".join(map(quoted, keys))
    lasting = ", ".join(_lasting(f'PARTITION BY {names} ORDER BY "pos"'))
    return build.step("lasting", f'SELECT "t", "pos", {names}, {lasting} FROM {rows} WHERE "going"',
                      "how long all runs lasted up to each event, and when the run goes on")


def long_runs(build: Builder, name: str, longer: int) -> str | None:
    """The rows of `runs`, of those runs alone that last longer than so many microseconds, which are few: runs are put
    together from stretches, and only events of long ones are put in order. None where the episode has ends, or members
    that are uncertain."""
    keys, starts, ends, gap, _ = members_of(build, name)
    events = [pattern.event for pattern in starts]
    if ends or name not in build.episodes or build.gaps(events, '"t"') != "FALSE" or not keys:
        return None
    rows, doubtful = changes_of(build, [(pattern, True) for pattern in starts], keys, None)
    if doubtful or len(set(events)) < len(events):
        return None
    names = ", ".join(map(quoted, keys))
    if all(pattern.where is None for pattern in starts) and WHOLE not in keys:
        rows = build.step("rows", f'SELECT "t", "pos", {names} {from_events(build, events)[0]}', "read at once")
    by = f"PARTITION BY {names}"
    stretch = f'("t" + {SHIFT}) // {gap.count}'
    stretches = build.step("stretches", f'SELECT {names}, {stretch} AS "stretch", min("t") AS "run_t", min("pos") AS '
                           f'"run_pos", max("t") AS "last_t" FROM {rows} GROUP BY {names}, {stretch}',
                           f"stretches of {name} no longer than its gap, of one run each")
    full = longer // (2 * gap.count)
    if full > 1:
        # A run that lasts longer has events in each of so many stretches that begin at a multiple of their number.
        busy = build.step("busy", f'SELECT {names} FROM {stretches} GROUP BY {names}, "stretch" // {full} HAVING '
                          f"count(*) = {full}", "who may have a run so long")
        on = " AND ".join(f"b.{quoted(key)} = r.{quoted(key)}" for key in keys)
        stretches = build.step("near", f"SELECT * FROM {stretches} AS r WHERE EXISTS (SELECT 1 FROM {busy} AS b WHERE "
                               f"{on})", "their stretches")
    followed = build.step("followed", f'SELECT *, lag("last_t") OVER ({by} ORDER BY "stretch") AS "prev_t", '
                          f'max("last_t") OVER ({by}) AS "end_t" FROM {stretches}',
                          "each with the end of the one before")
    begun = build.step("begun", f'SELECT {names}, "run_t", "run_pos", coalesce(lead("prev_t") OVER ({by} ORDER BY '
                       f'"stretch"), "end_t") AS "last_t" FROM {followed} WHERE "prev_t" IS NULL OR "run_t" - "prev_t" '
                       f"> {gap.count}", "runs, each with its last event")
    long = build.step("long", f'SELECT * FROM {begun} WHERE "last_t" - "run_t" > {longer}', "runs that pass a mark")
    on = " AND ".join(f"m.{quoted(key)} = r.{quoted(key)}" for key in keys)
    taken = ", ".join(f"m.{quoted(key)} AS {quoted(key)}" for key in keys)
    each = build.step("each", f'SELECT m."t" AS "t", m."pos" AS "pos", r."run_t" AS "run_t", r."run_pos" AS "run_pos", '
                      f'{taken} FROM {rows} AS m JOIN {long} AS r ON {on} AND m."t" >= r."run_t" AND m."t" <= '
                      'r."last_t"', "their events")
    return build.step("members", f'SELECT *, lag("t") OVER ({by} ORDER BY "pos") AS "prev_t", TRUE AS "going", FALSE '
                      f'AS "new", CAST(NULL AS BIGINT) AS "doubt_pos" FROM {each}', "each with the one before")


def whole_runs(build: Builder, name: str) -> tuple[tuple[str, ...], str]:
    """One row a run: its start, its last event, `ended` the first instant at which a mark is no longer passed, the
    first event that left doubt, and when the next run begins."""
    made = ("whole runs", name)
    if made in build.made:
        found: tuple[tuple[str, ...], str] = build.made[made]
        return found
    keys, rows, _ = runs_of(build, name)
    names = ", ".join(map(quoted, keys))
    summed = build.step(
        "whole", f'SELECT {names}, "run_t", "run_pos", max("t") FILTER (WHERE "going") AS "last_t", coalesce(min("t") '
        f'FILTER (WHERE "closing" AND "sure"), max("life") - 1) AS "ended", min("t") FILTER (WHERE "doubt") AS '
        f'"doubt_t" FROM {rows} WHERE "run_pos" IS NOT NULL GROUP BY {names}, "run_t", "run_pos"', "one row a run")
    result = keys, build.step(
        "whole", f'SELECT *, min("run_t") OVER (PARTITION BY {names} ORDER BY "run_t" RANGE BETWEEN 1 FOLLOWING AND '
        f'UNBOUNDED FOLLOWING) AS "next_t" FROM {summed}', "each with the start of the next")
    build.made[made] = result
    return result


def run_of(build: Builder, frame: Frame, name: str) -> tuple[str, str | None]:
    """The start of the run a moment belongs to, by the events up to its instant, NULL where it belongs to none; and
    whether it is uncertain, None where none is."""
    keys, rows, doubtful = runs_of(build, name)
    t, pos, _ = frame.at[ir.TRIGGER]
    asked = asked_runs(build, frame, keys)
    n = frame.number()
    going = build.step("members", f'SELECT * FROM {rows} WHERE "going"', "events of the run")
    sweep(build, frame, asked_for(build, frame, going, asked), asked,
                Bound(f"({t} + 1)"), [(f"run_t.{n}", '"run_t"', "last"), (f"run_pos.{n}", '"run_pos"', "last"),
                                      (f"last_t.{n}", '"t"', "last")])
    if doubtful:
        sweep(build, frame, build.step("doubts", f'SELECT * FROM {rows} WHERE "doubt"', "what left doubt"), asked,
                    Bound(f"({t} + 1)"), [(f"doubt.{n}", '"pos"', "last")])
    closed = "FALSE"
    if build.episodes[name].ends:
        ends = build.step("ends", f'SELECT * FROM {rows} WHERE "closing" AND "sure"', "ends of runs")
        sweep(build, frame, ends, asked,
                    Bound(t) if pos is None else Bound(None, pos), [(f"closed.{n}", '"pos"', "last")])
        closed = f"coalesce({quoted(f'closed.{n}')} > {quoted(f'run_pos.{n}')}, FALSE)"
    gap = build.static_period(build.episodes[name].gap).count
    inside = f"NOT {closed} AND {t} - {quoted(f'last_t.{n}')} <= {gap}"
    start = build.extend(frame, f"CASE WHEN {inside} THEN {quoted(f'run_t.{n}')} END", "run", f"the {name} it is in")
    if not doubtful:
        return start, None
    doubt = f"coalesce({start} IS NOT NULL AND {quoted(f'doubt.{n}')} >= {quoted(f'run_pos.{n}')}, FALSE)"
    if build.known.sources is not None:
        # Where a run may have begun unseen, it may hold what was before it.
        frame.hard.append(doubt)
    return start, build.extend(frame, doubt, "doubt", "whether the run is uncertain")
