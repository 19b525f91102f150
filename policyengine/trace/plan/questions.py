"""Questions about events: whether one occurs, how many, their sum, the latest, and how long an episode lasted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policyengine.core import ir
from policyengine.core.operators import LIMIT
from policyengine.trace.plan.builder import Builder
from policyengine.trace.plan.expressions import scale_of
from policyengine.trace.plan.frames import EARLIEST, Bound, Candidates, Frame, Window, prefixed
from policyengine.trace.plan.ranges import up_to, window_of
from policyengine.trace.plan.rows import ask_rows, candidates_of, pair_rows, tie_with
from policyengine.trace.plan.runs import asked_for, asked_runs, lasting_runs, runs_of
from policyengine.trace.plan.sweeps import sweep
from policyengine.trace.plan.terms import (
    MISSING,
    SETTLED,
    Term,
    any_tie,
    quoted,
)


def beside(build: Builder, frame: Frame, parts: Sequence[ir.Expr]) -> None:
    """Of patterns that conditions ask for both before and after the moment, those nearest to it: to put the rows in
    order takes longer than to look both ways then."""
    ranges: dict[str, list[ir.Occurs]] = {}
    for part in () if frame.inline else parts:
        if isinstance(part, ir.Occurs) and isinstance(part.range, ir.WithinLast | ir.Within):
            ranges.setdefault(repr(part.pattern), []).append(part)
    for name, asked in ranges.items():
        pattern = asked[0].pattern
        if len({type(one.range) for one in asked}) < 2 or build.own(frame, pattern.event) != "FALSE" or (
                id(frame), name) in build.beside:
            continue
        rows = candidates_of(build, pattern)
        if not rows.outer:
            build.beside[id(frame), name] = ask_rows(build, frame, rows, Bound(frame.at[ir.TRIGGER][0]), [
                ("seen_t", '"t"', "upto"), ("next", '"t"', "first")])


def occurs(build: Builder, frame: Frame, expr: ir.Occurs) -> Term:
    """Whether some candidate stands in the range."""
    pattern, rows = expr.pattern, candidates_of(build, expr.pattern)
    window = window_of(build, frame, expr.range, pattern.event)
    if rows.outer:
        return occurs_joined(build, frame, expr, rows, window)
    near = build.beside.get((id(frame), repr(pattern)), [])
    answers: list[str] = []
    doubts: list[str] = []
    settles = None
    gap = build.gap(pattern.event, None if isinstance(expr.range, ir.NoLaterThan) else window.reach)
    whole: list[tuple[str, str | None]] = []  # the first of all, where that answers for a range into the future too
    if window.closes is None or isinstance(expr.range, ir.NoLaterThan):
        past = window if window.closes is None else Window(
            None, up_to(build, frame, pattern.event, ordered=True, counting=False), None)
        bounds = [*([past.low] if past.low else []), *past.surely]
        # Where any before the end will do, the first of all tells.
        ever = not bounds and len(rows.equal) < 2
        both = ever and window.closes is not None and build.own(frame, pattern.event) == "FALSE"
        ends = [past.high] if ever else bounds
        wanted = [(name, f'"{column}"', "first" if ever else "last") for name, column, needed in (
            ("seen", "pos", any(one.p is not None for one in ends)),
            ("seen_t", "t", both or not ends or any(one.t is not None for one in ends))) if needed]
        asked = near[:1] if isinstance(expr.range, ir.WithinLast) and near else ask_rows(
            build, frame, rows, None if ever else past.high, wanted)
        found = dict(zip((name for name, *_ in wanted), asked, strict=True))
        seen = [one for one, _ in found.values()]
        maybe = [one for _, one in found.values() if one is not None]
        whole = [found["seen_t"]] if both else []

        def inside(columns: Sequence[str], bounds: Iterable[Bound]) -> str:
            place = dict(zip(found, columns, strict=True))
            held = [one.follows(place.get("seen_t", "NULL"), place.get("seen", "NULL")) for one in bounds]
            held = [f"NOT {one}" for one in held] if ever else held
            return f"coalesce({' AND '.join(held)}, FALSE)" if held else f"({columns[0]} IS NOT NULL)"

        met = inside(seen, ends)
        answers.append(f"({met} AND NOT {past.unsure})" if past.unsure else met)
        low = ends if ever else [past.low] if past.low else []
        doubts += [inside(seen, low)] if past.unsure or past.surely else []
        doubts += [inside(maybe, low)] if maybe else []
    if window.closes is not None:
        assert window.low is not None
        (after, later), = whole or (near[1:] if isinstance(expr.range, ir.Within) else []) or ask_rows(
            build, frame, rows, window.low, [("next", '"t"', "first")])
        met = f"coalesce({after} < {window.high.t}, FALSE)"
        doubts += [f"coalesce({later} < {window.high.t}, FALSE)"] if later is not None else []
        t = frame.at[ir.TRIGGER][0]
        settles = f"CASE WHEN {met} AND {after} > {t} THEN {after} WHEN {met} THEN {SETTLED} ELSE {window.closes} END"
        if answers:
            settles = f"CASE WHEN {answers[0]} THEN {SETTLED} ELSE {settles} END"
        answers.append(met)
    return answer_occurs(build, frame, expr, rows, window, f"({' OR '.join(answers)})", doubts, gap, settles)


def answer_occurs(build: Builder, frame: Frame, expr: ir.Occurs, rows: Candidates, window: Window, met: str,
                  doubts: Sequence[str],
                  gap: str, settles: str | None) -> Term:
    """True, missing or false, by what was met, what may have matched, and where history has gaps."""
    unknown = [*doubts, *([gap] if gap != "FALSE" else [])]
    value = met if not unknown else f"CASE WHEN {met} THEN TRUE WHEN {' OR '.join(unknown)} THEN NULL ELSE FALSE END"
    if window.missing is not None:
        value = f"CASE WHEN {window.missing} THEN NULL ELSE {value} END"
        settles = f"CASE WHEN {window.missing} THEN {SETTLED} ELSE {settles} END" if settles else None
        if isinstance(expr.range, ir.NoLaterThan):
            frame.hard.append(window.missing)
    tie = tie_with(build, frame, [expr.pattern]) if window.ordered else None
    if isinstance(expr.range, ir.Since):
        more = tie_with(build, frame, [expr.range.pattern])
        tie = any_tie([Term("", tie=tie), Term("", tie=more)])
    return build.kept(frame, Term(value, bool(unknown) or window.missing is not None, settles, tie), "occurs")


def occurs_joined(build: Builder, frame: Frame, expr: ir.Occurs, rows: Candidates, window: Window) -> Term:
    """The same, where candidates must be compared with the moment one by one."""
    t = frame.at[ir.TRIGGER][0]
    low = window.low
    both = isinstance(expr.range, ir.NoLaterThan)
    n = pair_rows(build, frame, expr.pattern, rows, None if both else low, window.high, not_self=both, window=window)
    met = f"(coalesce({quoted(f'sure.{n}')}, 0) > 0)"
    doubts = [f"coalesce({quoted(f'maybe.{n}')}, 0) > 0"]
    gap = build.gap(expr.pattern.event, None if isinstance(expr.range, ir.NoLaterThan) else window.reach)
    settles = None
    if window.closes is not None:
        first = quoted(f"first.{n}")
        settles = f"CASE WHEN {met} AND {first} > {t} THEN {first} WHEN {met} THEN {SETTLED} ELSE {window.closes} END"
    return answer_occurs(build, frame, expr, rows, window, met, doubts, gap, settles)


def tally_of(build: Builder, frame: Frame, expr: ir.CountEvents | ir.SumEvents) -> tuple[str, str, str, str, Window]:
    """Of the candidates in a past range: how many match for certain, how many may, the sum of a field over those
    that match, how many say nothing about it or may not match."""
    rows = candidates_of(build, expr.pattern)
    window = window_of(build, frame, expr.range, expr.pattern.event, counting=True)
    value = None
    if isinstance(expr, ir.SumEvents):
        raw = build.value(rows.frame, ir.Get(ir.CANDIDATE, expr.path, expr.type, expr.default))
        wide = f"DECIMAL(38,{scale_of(expr.type)})"
        value = build.extend(rows.frame, f"CAST({raw.sql} AS {wide})", "value", "what is summed")
    if rows.outer:
        n = pair_rows(build, frame, expr.pattern, rows, window.low, window.high, window=window, value=value)
        sure, maybe, total, unknown = (f"coalesce({quoted(f'{one}.{n}')}, 0)" for one in
                                       ("sure", "maybe", "sum", "unknown"))
        return sure, maybe, total, unknown, window
    also = {} if value is None else {"sum": value, "unknown": f"CASE WHEN {value} IS NULL THEN 1 END"}

    def before(bound: Bound, *, alike: bool = False) -> tuple[str, str | None, list[str]]:
        """Those that match, those that may, and the sums, of all that stands before."""
        n = frame.number()
        (sure, maybe), = ask_rows(build, frame, rows, bound, [("n", "1", "sum")],
                                  [(f"{one}_of.{n}", sql, "sum") for one, sql in also.items()], alike=alike)
        return sure, maybe, [quoted(f"{one}_of.{n}") for one in also]

    whole, perhaps, sums = before(window.high)
    sure = whole
    if window.low is not None:
        sure_low, maybe_low, sums_low = before(window.low, alike=isinstance(expr.range, ir.This))
        sure, perhaps = f"({whole} - {sure_low})", perhaps and f"({perhaps} - {maybe_low})"
        sums = [f"({one} - {low})" for one, low in zip(sums, sums_low, strict=True)]
    if window.surely or window.unsure:
        inside = build.extend(frame, sure, "inside", "all in the range")
        kept = [inside, *(f"({whole} - {before(bound)[0]})" for bound in window.surely)]
        sure = kept[0] if len(kept) == 1 else f"least({', '.join(kept)})"
        sure = f"(CASE WHEN {window.unsure} THEN 0 ELSE {sure} END)" if window.unsure else sure
        sure = build.extend(frame, sure, "surely", "of those, certainly")
        perhaps = f"({inside} - {sure}{f' + {perhaps}' if perhaps else ''})"
    if window.empty is not None:
        sure, *sums = (f"(CASE WHEN {window.empty} THEN 0 ELSE {one} END)" for one in (sure, *sums))
        perhaps = perhaps and f"(CASE WHEN {window.empty} THEN 0 ELSE {perhaps} END)"
    total, unknown = sums or ("0", "0")
    return sure, perhaps or "0", total, f"({unknown} + {perhaps})" if perhaps else unknown, window


def count_events(build: Builder, frame: Frame, expr: ir.CountEvents) -> Term:
    """A number, or its ends where some are uncertain or history has a gap."""
    sure, maybe, _, _, window = tally_of(build, frame, expr)
    gap = build.gap(expr.pattern.event, window.reach)
    tie = tie_with(build, frame, [expr.pattern]) if window.ordered else None
    low = sure if window.missing is None else f"CASE WHEN NOT {window.missing} THEN {sure} END"
    high = None
    if maybe != "0" or gap != "FALSE":
        unknown = " OR ".join(one for one in (gap, window.missing) if one not in (None, "FALSE"))
        high = f"CASE WHEN NOT ({unknown}) THEN {sure} + {maybe} END" if unknown else f"({sure} + {maybe})"
    return build.kept(frame, Term(low, window.missing is not None, None, tie, high), "count")


def sum_events(build: Builder, frame: Frame, expr: ir.SumEvents) -> Term:
    """The sum, missing where a candidate is uncertain or says nothing about the field."""
    _, _, total, unknown, window = tally_of(build, frame, expr)
    gap = build.gap(expr.pattern.event, window.reach)
    tie = tie_with(build, frame, [expr.pattern]) if window.ordered else None
    lost = [f"{unknown} > 0", *([gap] if gap != "FALSE" else []),
            *([window.missing] if window.missing is not None else [])]
    scale = scale_of(expr.type)
    value = build.extend(frame, f"CASE WHEN NOT ({' OR '.join(lost)}) THEN {total} END", "sum", "the sum")
    frame.hard.append(f"(abs({value}) >= {LIMIT})")
    held = f"DECIMAL({18 + scale},{scale})" if scale else "BIGINT"
    small = f"CAST(CASE WHEN abs({value}) < {LIMIT} THEN {value} END AS {held})"
    return build.kept(frame, Term(small, True, None, tie, scale=scale), "sum")


def latest_of(build: Builder, frame: Frame, expr: ir.Latest) -> Term:
    """A field of the latest candidate before the moment."""
    rows = candidates_of(build, expr.pattern)
    raw = build.value(rows.frame, ir.Get(ir.CANDIDATE, expr.path, expr.type, expr.default))
    n = frame.number()
    latest_t, known, latest = (f"{one}.{n}" for one in ("latest_t", "known_pos", "latest"))
    if rows.outer:
        held = build.extend(rows.frame, raw.sql, "value", "what is asked")
        n = pair_rows(build, frame, expr.pattern, rows, None, build.standing(frame))
        last, maybe, latest_t = quoted(f"last.{n}"), quoted(f"last_maybe.{n}"), f"last_t.{n}"
        frame.name = build.step("answered", f"SELECT m.*, r.{held} AS {quoted(latest)} FROM {frame.name} AS m LEFT "
                                            f"JOIN "
                                f'{rows.frame.name} AS r ON r."pos" = m.{last}', "the field of the latest")
        frame.columns.append(latest)
        value = f"CASE WHEN {last} > coalesce({maybe}, -1) THEN {quoted(latest)} END"
    else:
        (last, perhaps), = ask_rows(build, frame, rows, build.standing(frame), [("latest_pos", '"pos"', "last")], [
            (latest_t, '"t"', "last"), (known, f'CASE WHEN {raw.sql} IS NOT NULL THEN "pos" END', "last"),
            (latest, raw.sql, "last")])
        last = last if perhaps is None else f"greatest({last}, {perhaps})"
        value = f"CASE WHEN {quoted(known)} = {last} THEN {quoted(latest)} END"
    gap = build.gap(expr.pattern.event, quoted(latest_t))
    if gap != "FALSE":
        value = f"CASE WHEN NOT {gap} THEN {value} END"
    tie = tie_with(build, frame, [expr.pattern])
    return build.kept(frame, Term(value, True, None, tie, scale=scale_of(expr.type)), "latest")


def episode_duration(build: Builder, frame: Frame, expr: ir.EpisodeDuration) -> Term:
    """Elapsed time of the runs inside a past range, up to the moment."""
    if build.static(build.episodes[expr.episode].gap) is None:
        return MISSING
    keys, rows, doubtful = runs_of(build, expr.episode)
    episode = build.episodes[expr.episode]
    window = window_of(build, frame, expr.range, "")
    # After the latest of none is from the beginning.
    back = window.reach if not isinstance(expr.range, ir.Since) else f"coalesce({window.reach}, {EARLIEST})"
    t, pos, _ = frame.at[ir.TRIGGER]
    known = '"known"' if "known" in frame.columns else t
    asked = asked_runs(build, frame, keys)
    lasting = lasting_runs(build, expr.episode)
    member = pos is not None and not set(frame.events).isdisjoint(one.event for one in episode.events)

    def until(instant: str, rows: str, *, alike: bool = False) -> str:
        """All there was up to an instant, the stretch that it cuts included as far as its end is known."""
        n = frame.number()
        taken = [(f"{one}.{n}", sql, "last") for one, sql in (("lasted", '"lasted"'), ("last_t", '"t"'),
                                                              ("next_t", '"next_t"'))]
        if instant == t and member:
            _by_member(build, frame, rows, asked, Bound(f"({t} + 1)"), taken)
        else:
            sweep(build, frame, asked_for(build, frame, rows, asked), asked, Bound(f"({instant} + 1)"), taken,
                  alike=alike)
        return (f"(coalesce({quoted(f'lasted.{n}')}, 0) + CASE WHEN {quoted(f'next_t.{n}')} <= {known} THEN {instant} "
                f"- {quoted(f'last_t.{n}')} ELSE 0 END)")

    total = build.extend(frame, until(t, lasting), "lasted", f"how long {expr.episode} lasted up to the moment")
    if back is not None:
        from_day = isinstance(expr.range, ir.This)
        if from_day and build.known.horizon.rising:
            day, other = build.local_day('"t"'), build.local_day('"next_t"')
            lasting = build.step("turning", f"SELECT * FROM {lasting} WHERE {day} <> {other}",
                                 "the last events of a run or a day")
        before = until(back, lasting, alike=from_day)
        total = build.extend(frame, f"({total} - {before})", "lasted", "of that, inside the range")
    uncertain = None
    if doubtful:
        n = frame.number()
        doubted = build.step("doubts", f'SELECT *, CASE WHEN "going" THEN "t" ELSE "prev_t" END AS "upto" FROM {rows} '
                                       f'WHERE '
                             '"doubt" OR ("going" AND "doubt_pos" >= "run_pos")', "what is uncertain of runs")
        sweep(build, frame, doubted, asked, Bound(f"({known} + 1)"), [(f"doubt.{n}", '"upto"', "last"),
                                                                     (f"doubt_run.{n}", '"run_t"', "last")])
        doubt, run = quoted(f"doubt.{n}"), quoted(f"doubt_run.{n}")
        # Of a run that begins after the moment nothing counts, and one before it may be uncertain too.
        frame.hard.append(f"({run} > {t})")
        uncertain = f"coalesce({doubt} >= {back or EARLIEST}, FALSE)"
    unsure = [f"({one.p} > {window.low.p})" for one in window.surely if one.p and window.low and window.low.p]
    unsure += [window.unsure] if window.unsure else []
    frame.hard += [window.gap] if window.gap != "FALSE" else []
    reach = None if back is None else f"({back} - {build.static_period(episode.gap).count})"
    gap = build.gaps([pattern.event for pattern in episode.events], reach)
    lost = [one for one in (gap, window.missing, uncertain, *unsure) if one not in (None, "FALSE")]
    value = total if not lost else f"CASE WHEN NOT ({' OR '.join(map(str, lost))}) THEN {total} END"
    return Term(value, bool(lost))


def _by_member(build: Builder, frame: Frame, rows: str, asked: Sequence[tuple[str, str]], bound: Bound,
               taken: Sequence[tuple[str, str, str]]) -> None:
    """How long an episode lasted, of moments most of which are events of it: these are looked up, and only the others
    put in one order with all its events."""
    _, pos, _ = frame.at[ir.TRIGGER]
    assert pos is not None
    own = quoted(f"own.{frame.number()}")
    columns = ", ".join(map(quoted, frame.columns))
    looked = build.step("own", f'SELECT m.*, r."lasted" AS {own} FROM {frame.name} AS m LEFT JOIN {rows} AS r ON '
                        f'r."pos" = {prefixed(pos, "m")}', "what is known of the event itself")
    rest = Frame(build.step("rest", f"SELECT {columns} FROM {looked} WHERE {own} IS NULL", "no event of the episode"),
                 list(frame.columns), {}, {})
    sweep(build, rest, asked_for(build, rest, rows, asked), asked, bound, taken)
    lasted, *others = (quoted(alias) for alias, *_ in taken)
    nothing = ", ".join(f"CAST(NULL AS BIGINT) AS {one}" for one in others)
    frame.name = build.step("answered", f"SELECT {columns}, {own} AS {lasted}, {nothing} FROM {looked} WHERE {own} IS "
                            f"NOT NULL UNION ALL SELECT {columns}, {lasted}, {', '.join(others)} FROM {rest.name}",
                            "rows that asked")
    frame.columns += [alias for alias, *_ in taken]
