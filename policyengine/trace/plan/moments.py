"""The moments of a rule as rows: events, marks, silences and the starts of runs, and whether their trigger held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from policyengine.base.instants import Period
from policyengine.core import ir
from policyengine.trace.columns import Unsupported
from policyengine.trace.plan.builder import Builder
from policyengine.trace.plan.calendars import FOREVER, longest
from policyengine.trace.plan.frames import LATEST, Bound, Frame, Total, any_holds
from policyengine.trace.plan.rows import candidates_of, from_events, of_service, spread_over, table_of
from policyengine.trace.plan.runs import asked_for, long_runs, members_of, runs_of, whole_runs
from policyengine.trace.plan.sweeps import sweep
from policyengine.trace.plan.terms import (
    FALSE,
    TRUE,
    Term,
    all_of,
    quoted,
)


def moments(build: Builder) -> tuple[Frame, Term, bool]:
    """The rows a rule is about, whether their trigger held, and whether rows of no concern may be left out."""
    trigger = build.rule.trigger
    match trigger:
        case ir.OnEvent():
            return event_moments(build, trigger)
        case ir.OnEvery():
            return every_marks(build, trigger)
        case ir.OnWithout():
            return silences(build, trigger)
        case ir.OnStart():
            return run_starts(build, trigger)
        case None:
            raise Unsupported("a rule without a trigger")
        case _:
            assert_never(trigger)


def event_moments(build: Builder, trigger: ir.OnEvent) -> tuple[Frame, Term, bool]:
    """Each event of the types, or the first match for its keys."""
    source, names = from_events(build, trigger.events)
    inside = [f'"t" >= {build.known.start}' if build.known.start is not None else "",
              f'"t" < {build.known.end}' if build.known.end is not None else ""]
    force = "".join(f" AND {one}" for one in inside if one and not trigger.first)
    columns = ["t", "pos", "instant", "type", *names]
    frame = event_frame(build, build.step("moments", f"SELECT {', '.join(map(quoted, columns))} {source}{force}",
                                          f"each {' or '.join(trigger.events)}"), columns, trigger.events)
    frame.fields[ir.CANDIDATE] = ""
    frame.at[ir.CANDIDATE] = frame.at[ir.TRIGGER]
    held = TRUE if trigger.where is None else build.kept(frame, build.condition(frame, trigger.where), "held")
    del frame.fields[ir.CANDIDATE], frame.at[ir.CANDIDATE]
    if not trigger.first:
        build.total = Total(f'SELECT "type", count(*) AS "n" FROM {table_of(build, trigger.events)} WHERE '
                            f"{' AND '.join(one for one in (of_service(build), *inside) if one) or 'TRUE'} GROUP BY "
                            '"type"', tuple(build.known.places[event] for event in trigger.events))
        if held.tie is None:
            build.drop(frame, f"{held.sql} IS NOT FALSE", "without those whose trigger does not hold")
        return frame, held, True
    build.drop(frame, f"{held.sql} IS NOT FALSE", "without those whose trigger does not hold")
    keys = [quoted(build.key(frame, key)) for key in build.rule.keys]
    by = f"PARTITION BY {', '.join(keys)} " if keys else ""
    if frame.hard:
        # Whether one is the first rests on those before it.
        hard = build.extend(frame, any_holds(frame.hard), "hard", "what no column can say")
        frame.name = build.step("murky", f'SELECT *, max(CASE WHEN {hard} THEN 1 ELSE 0 END) OVER ({by}ORDER BY '
                                         f'"pos" ROWS '
                                f'BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) = 1 AS "murky" FROM {frame.name}',
                                "whether that is so of one before")
        frame.columns.append("murky")
        frame.hard = ['"murky"']
    if not held.nullable and not frame.hard:
        only_first(build, frame, [key.strip('"') for key in keys])
        unsure = FALSE
    else:
        before = f'OVER ({by}ORDER BY "pos" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)'
        frame.name = build.step(
            "earlier", f'SELECT *, coalesce(max(CASE WHEN {held.sql} THEN 1 ELSE 0 END) {before}, 0) AS "met", '
            f'coalesce(max(CASE WHEN {held.sql} IS NULL THEN 1 ELSE 0 END) {before}, 0) AS "unsure", '
            f'coalesce(max(CASE WHEN {held.sql} IS NULL AND {held.tie or "FALSE"} THEN 1 ELSE 0 END) {before}, 0) = '
            f'1 AS '
            f'"unsure_tie" FROM {frame.name}', "whether an earlier one held, or may have")
        frame.columns += ["met", "unsure", "unsure_tie"]
        build.drop(frame, '"met" = 0', "the first of each key")
        unsure = Term('("unsure" = 1)', False)
    gap = any(build.gap(event, None) == "TRUE" for event in trigger.events)
    doubt = "TRUE" if gap else unsure.sql
    if doubt == "FALSE":
        return frame, held, False
    tie = '"unsure_tie"' if "unsure_tie" in frame.columns else None
    alone = Term(f"CASE WHEN NOT {doubt} THEN TRUE END", True, None, tie)
    return frame, build.kept(frame, all_of([build.kept(frame, alone, "alone"), held]), "held"), False


def only_first(build: Builder, frame: Frame, keys: Sequence[str]) -> None:
    """The first row of each key. Rows come in the order of their places, so the least of each column that follows
    the order is the first row's; what does not is looked up."""
    group = ", ".join(map(quoted, keys))
    rising = {"t", "pos", "instant", *keys}
    if set(frame.columns) - {"type"} <= rising and len(frame.events) == 1:
        least = [quoted(one) if one in keys else f"min({quoted(one)}) AS {quoted(one)}" for one in frame.columns
                 if one != "type"]
        frame.name = build.step("first", f"SELECT {', '.join(least)} FROM {frame.name}"
                                f"{f' GROUP BY {group}' if keys else ' HAVING count(*) > 0'}", "the first of each key")
        frame.columns = [one for one in frame.columns if one != "type"]
        return
    frame.name = build.step("first", f'SELECT * FROM {frame.name} WHERE "pos" IN (SELECT min("pos") FROM {frame.name}'
                            f"{f' GROUP BY {group}' if keys else ''})", "the first of each key")


def event_frame(build: Builder, name: str, columns: Sequence[str], events: tuple[str, ...]) -> Frame:
    """A frame of events that trigger."""
    return Frame(name, list(columns), {ir.TRIGGER: ""}, {ir.TRIGGER: ('"t"', '"pos"', '"instant"')}, events)


def mark_frame(build: Builder, name: str, keys: Sequence[str]) -> Frame:
    """A frame of marks: instants of a run, which no event stands at."""
    columns = ["t", "known", "first", "past", "base", "doubt", *keys]
    return Frame(name, columns, {ir.TRIGGER: ""}, {ir.TRIGGER: ('"t"', None, None)})


def every_marks(build: Builder, trigger: ir.OnEvery) -> tuple[Frame, Term, bool]:
    """Each mark start + k * period that a run passes."""
    period = build.static_period(trigger.period)
    if trigger.run in build.states or not period.is_elapsed:
        return run_marks(build, trigger, period)
    keys = members_of(build, trigger.run)[0]
    names = ", ".join(map(quoted, keys))
    n = period.count
    rows = long_runs(build, trigger.run, n) or runs_of(build, trigger.run)[1]
    low = f'greatest(1, ("prev_t" - "run_t" + {n - 1}) // {n})'
    high = f'("t" - "run_t" - 1) // {n}' if not trigger.once else f'least(1, ("t" - "run_t" - 1) // {n})'
    passing = build.step("passing", f'SELECT "t", "pos", "run_t", "run_pos", "doubt_pos", {low} AS "low", {high} AS '
                         f'"high", {names} FROM {rows} WHERE "going" AND NOT "new" AND "t" > "run_t" AND {high} >= '
                         f"{low}", "events of a run that pass a mark")
    spread = build.step("spread", f'SELECT "t", "pos", "run_t", "run_pos", "doubt_pos", {names}, '
                        f'unnest(range("low", "high" + 1)) AS "k" FROM {passing}', "each mark they pass")
    name = build.step("marks", f'SELECT "run_t" + "k" * {n} AS "t", "t" AS "known", "run_pos" AS "first", "pos" AS '
                      f'"past", "run_pos" AS "base", coalesce("doubt_pos" >= "run_pos", FALSE) AS "doubt", {names} '
                      f"FROM {spread}", "the marks")
    return mark_frame(build, name, keys), doubted(build), False


def doubted(build: Builder) -> Term:
    """Whether a mark is one: missing where its run is not certain."""
    return Term('CASE WHEN NOT "doubt" THEN TRUE END')


def run_marks(build: Builder, trigger: ir.OnEvery, period: Period) -> tuple[Frame, Term, bool]:
    """The marks of a state, or at legal periods: from the runs as a whole."""
    keys, runs = whole_runs(build, trigger.run)
    names = ", ".join(quoted(key) for key in keys)
    state = trigger.run in build.states
    limit = f'least({build.known.as_of}, coalesce("ended", {build.known.as_of}))' if state else '"last_t"'
    if period.is_elapsed:
        high = f'({limit} - "run_t" - 1) // {period.count}'
        high = f"least(1, {high})" if trigger.once else high
        inner = build.step("spread", f'SELECT *, unnest(range(1, greatest({high}, 0) + 1)) AS "k" FROM {runs}',
                           "each mark they pass")
        marks = f'SELECT *, "run_t" + "k" * {period.count} AS "mark" FROM {inner}'
    else:
        carried = members_of(build, trigger.run)[3]
        carries = longest(carried) if isinstance(carried, Period) else FOREVER
        what = build.lookup("closes", period, carries=0 if trigger.once else carries)
        day = build.local_day('r."run_t"')
        marks = (f'SELECT r.*, c."instant" - 1 AS "mark" FROM {runs} AS r JOIN calendar AS c ON c."what" = {what} '
                 f'AND c."day" = {day} AND c."instant" - 1 < {limit}')
    spread = build.step("marked", marks, "each mark they pass")
    if state:
        name = build.step("marks", f'SELECT "mark" AS "t", "mark" AS "known", "run_pos" AS "first", CAST(NULL AS '
                          f'BIGINT) AS "past", "run_pos" AS "base", coalesce("doubt_t" <= "mark", FALSE) AS "doubt", '
                          f"{names} FROM {spread}", "the marks")
        return mark_frame(build, name, keys), doubted(build), False
    return marks_passed(build, spread, trigger.run, keys, '"run_pos"', "FALSE"), doubted(build), False


def marks_passed(build: Builder, marked: str, run: str, keys: Sequence[str], base: str, doubt: str) -> Frame:
    """Marks of an episode with the event that passes each; marks that none passes are left out."""
    _, rows, _ = runs_of(build, run)
    frame = Frame(marked, ["mark", "run_t", "run_pos", "doubt_t", "base", "doubted", *keys], {}, {})
    names = ", ".join(map(quoted, keys))
    frame.name = build.step("asking", f'SELECT "mark", "run_t", "run_pos", "doubt_t", {base} AS "base", {doubt} AS '
                            f'"doubted", {names} FROM {marked} WHERE "last_t" > "mark"', "marks that are passed")
    going = build.step("members", f'SELECT * FROM {rows} WHERE "going"', "events of the run")
    equal = [(quoted(key), key) for key in keys]
    sweep(build, frame, asked_for(build, frame, going, equal), equal, Bound('("mark" + 1)'),
                [("past_t", '"t"', "first"), ("past_pos", '"pos"', "first"), ("past_run", '"run_pos"', "first"),
                 ("past_doubt", 'coalesce("doubt_pos", -1)', "first")])
    name = build.step("marks", f'SELECT "mark" AS "t", "past_t" AS "known", "run_pos" AS "first", "past_pos" AS '
                      f'"past", "base", "doubted" OR coalesce("past_doubt" >= "run_pos", FALSE) AS "doubt", {names} '
                      f'FROM {frame.name} WHERE "past_run" = "run_pos"', "the marks that are passed")
    return mark_frame(build, name, keys)


def silences(build: Builder, trigger: ir.OnWithout) -> tuple[Frame, Term, bool]:
    """Wherever a run has lasted a period since its start, or since the last match, without another."""
    period = build.static_period(trigger.period)
    keys, runs = whole_runs(build, trigger.run)
    names = ", ".join(map(quoted, keys))
    heard = spread_over(build, candidates_of(build, trigger.pattern), keys, runs)
    equal = [(quoted(key), key) for key in keys]
    frame = Frame(heard, ["t", "pos", "sure", *keys], {}, {})
    sweep(build, frame, build.step("begun", f'SELECT *, "run_t" AS "t", "run_pos" AS "pos" FROM {runs}', "runs"),
                equal, Bound(None, '"pos"'), [(one, f"coalesce({quoted(one)}, {LATEST})", "last") for one in
                                              ("run_t", "run_pos", "next_t", "ended", "last_t", "doubt_t")])
    bases = build.step(
        "bases", f'SELECT "run_t" AS "base_t", "run_pos" AS "base", TRUE AS "sure", "run_t", "run_pos", "ended", '
        f'"last_t", "doubt_t", {names} FROM {runs} UNION ALL SELECT "t", "pos", "sure", "run_t", "run_pos", '
        f'"ended", "last_t", "doubt_t", {names} FROM {frame.name} WHERE "run_pos" IS NOT NULL AND ("next_t" IS NULL '
        f'OR "t" < "next_t")', "from where silence is counted")
    frame = Frame(bases, ["base_t", "base", "sure", "run_t", "run_pos", "ended", "last_t", "doubt_t", *keys], {}, {})
    closes = build.closes(frame, '"base_t"', period)
    mark = build.extend(frame, f"{closes} - 1", "mark", "when silence has lasted")
    sweep(build, frame, heard, equal, Bound(None, '("base" + 1)'),
                [("next_sure", 'CASE WHEN "sure" THEN "t" END', "first"),
                 ("next_unsure", 'CASE WHEN NOT "sure" THEN "t" END', "first")])
    gap = build.gap(trigger.pattern.event, '"base_t"')
    unknown = f'(NOT "sure" OR coalesce("next_unsure" <= {mark}, FALSE) OR {gap})'
    silent = build.step("silent", f'SELECT *, {mark} AS "mark", {unknown} AS "unknown" FROM {frame.name} WHERE '
                        f'"next_sure" IS NULL OR "next_sure" > {mark}', "where nothing was heard in time")
    if trigger.run in build.states:
        limit = f'least({build.known.as_of}, coalesce("ended", {build.known.as_of}))'
        name = build.step("marks", f'SELECT "mark" AS "t", "mark" AS "known", "run_pos" AS "first", CAST(NULL AS '
                          f'BIGINT) AS "past", "base", "unknown" OR coalesce("doubt_t" <= "mark", FALSE) AS "doubt", '
                          f'{names} FROM {silent} WHERE "mark" < {limit}', "the marks that are passed")
        return mark_frame(build, name, keys), doubted(build), False
    return marks_passed(build, silent, trigger.run, keys, '"base"', '"unknown"'), doubted(build), False


def run_starts(build: Builder, trigger: ir.OnStart) -> tuple[Frame, Term, bool]:
    """The first event of each run."""
    _, rows, _ = runs_of(build, trigger.run)
    declared = build.episodes.get(trigger.run) or build.states[trigger.run]
    members = declared.events if isinstance(declared, ir.Episode) else (
        declared.starts if isinstance(declared, ir.BooleanState) else ())
    events = tuple(dict.fromkeys(pattern.event for pattern in members))
    source, names = from_events(build, events)
    columns = ["t", "pos", "instant", "type", *names]
    chosen = ", ".join(f"e.{quoted(one)}" for one in columns)
    inner = build.step("members", f"SELECT {', '.join(map(quoted, columns))} {source}", "events that may begin one")
    name = build.step("moments", f'SELECT {chosen}, r."pos" AS "first", r."doubt" FROM {inner} AS e JOIN {rows} AS r '
                      'ON r."pos" = e."pos" WHERE r."new"', "the start of each run")
    frame = event_frame(build, name, [*columns, "first", "doubt"], events)
    return frame, doubted(build), False
