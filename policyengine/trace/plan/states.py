"""States at a moment or a candidate: whether one holds, which value it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from policyengine.base.instants import Period
from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.walk import type_of
from policyengine.trace.columns import Column, Unsupported
from policyengine.trace.plan.builder import Builder
from policyengine.trace.plan.expressions import scale_of
from policyengine.trace.plan.frames import RARE, WHOLE, Bound, Frame
from policyengine.trace.plan.rows import candidates_of, tie_with
from policyengine.trace.plan.sweeps import sweep
from policyengine.trace.plan.terms import (
    Term,
    any_tie,
    missing,
    quoted,
)


def keys_of(build: Builder, frame: Frame, keys: tuple[tuple[str, ir.Expr], ...]) -> list[tuple[str, Term]]:
    """The values a state is asked with."""
    return [(name, build.kept(frame, _key(build, frame, expr), "key")) for name, expr in keys]


def _key(build: Builder, frame: Frame, expr: ir.Expr) -> Term:
    asked = build.value(frame, expr)
    if isinstance(type_of(expr), types.Date):  # rows have it under a key as it is written
        return replace(asked, sql=f"CAST({asked.sql} AS VARCHAR)")
    return asked


def stands_at(build: Builder, frame: Frame, at: ir.Owner) -> tuple[str, Bound]:
    """The instant and place a state is read at."""
    owner = at if at in frame.at else ir.TRIGGER if ir.TRIGGER in frame.at else ir.CANDIDATE
    t, pos, _ = frame.at[owner]
    return t, Bound(t) if pos is None else Bound(None, pos)


def in_state(build: Builder, frame: Frame, expr: ir.InState) -> Term:
    """Whether a boolean state holds just before the trigger, or the candidate."""
    state = build.states[expr.state]
    assert isinstance(state, ir.BooleanState)
    asked = keys_of(build, frame, expr.keys)
    now, bound = stands_at(build, frame, expr.at)
    lasting = None if state.lasting is None else build.static(state.lasting)
    lost = state.lasting is not None and lasting is None
    n = frame.number()
    groups: dict[tuple[str, ...], list[tuple[ir.Pattern, bool]]] = {}
    for patterns, going in ((state.starts, True), (state.ends, False)):
        for pattern in patterns:
            groups.setdefault(tuple(sorted(pattern.keys)), []).append((pattern, going))
    life = unsure_life = None
    given = dict(asked)
    found: dict[str, list[str]] = {"change": [], "changed": [], "started": [], "ended": []}
    for index, (keys, patterns_of) in enumerate(groups.items()):
        starting = any(going for _, going in patterns_of)
        rows, doubtful = changes_of(build, patterns_of, keys, lasting if starting else None)
        measures = {"change": 'CASE WHEN "sure" THEN "pos" * 2 + "start" END'}
        if build.known.sources is not None:
            measures["changed"] = 'CASE WHEN "sure" THEN "t" END'
        if doubtful:
            measures["ended"] = 'CASE WHEN NOT "sure" AND "start" = 0 THEN "pos" * 2 END'
        if doubtful and starting:
            measures["started"] = 'CASE WHEN NOT "sure" AND "start" = 1 THEN "pos" * 2 + 1 END'
        for name, ones in found.items():
            ones += [quoted(f"{name}.{n}.{index}")] if name in measures else []
        if starting and isinstance(lasting, Period):
            life = quoted(f"life.{n}.{index}")
            measures["life"] = 'CASE WHEN "sure" THEN "life" END'
            if doubtful:
                unsure_life = quoted(f"unsure_life.{n}.{index}")
                measures["unsure_life"] = 'CASE WHEN NOT "sure" THEN "life" END'
        # An event that ends and starts it comes twice, at one place: then the greatest of what rises is not the last.
        twice = len({pattern.event for pattern, _ in patterns_of}) < len(patterns_of)
        sweep(build, frame, rows, [(given[key].sql, key) for key in keys], bound,
                    [(f"{name}.{n}.{index}", sql, "max" if name == "change" and twice else "last") for name, sql in
                     measures.items()], [pattern.event for pattern, _ in patterns_of])
    last, since, started, perhaps_ended = (
        "" if not ones else ones[0] if len(ones) == 1 else
        build.extend(frame, f"greatest({', '.join(ones)})", name, "the latest change") for name, ones in found.items())
    holds = f"coalesce({last} % 2 = 1{f' AND {now} < {life}' if life else ''}, FALSE)"
    # Every change that may be one after the last that is adds a possibility: the state holds, or does not.
    standing = f" AND {now} < {unsure_life}" if unsure_life else ""
    may_hold = [holds, *([f"coalesce({started} > coalesce({last}, -1){standing}, FALSE)"] if started else [])]
    may_not = [f"NOT {holds}", *([f"coalesce({perhaps_ended} > coalesce({last}, -1), FALSE)"] if perhaps_ended else [])]
    value = holds
    if lost or started or perhaps_ended:
        true = "" if lost else f" WHEN NOT ({' OR '.join(may_not)}) THEN TRUE"
        value = f"CASE WHEN NOT ({' OR '.join(may_hold)}) THEN FALSE{true} END"
    if since:
        ended = build.gaps([one.event for one in state.ends], since)
        reach = since
        if isinstance(lasting, Period):
            reach = f"greatest({since}, {build.earliest(frame, now, lasting)})"
        begun = build.gaps([one.event for one in state.starts], reach)
        if ended != "FALSE" or begun != "FALSE":
            value = (f"CASE WHEN ({value}) THEN CASE WHEN NOT ({ended}) THEN TRUE END "
                     f"WHEN NOT ({value}) THEN CASE WHEN NOT ({begun}) THEN FALSE END END")
    nullable = value != holds
    unknown = [f"{one.sql} IS NULL" for _, one in asked if one.nullable]
    if unknown:
        value, nullable = f"CASE WHEN NOT ({' OR '.join(unknown)}) THEN {value} END", True
    tie = tie_with(build, frame, [*state.starts, *state.ends], asked, expr.at)
    return build.kept(frame, Term(value, nullable, None, asked_tie(build, asked, tie)), "state")


def narrow(build: Builder, frame: Frame, expr: ir.Expr) -> None:
    """Only rows with whose keys a state ever changes, or is told of, if it is a state that is asked for: for the others
    it does not hold, or has no value. What cannot be told so is left as it is."""
    if frame.hard:
        return
    match expr:
        case ir.InState(state=name, keys=keys):
            state = build.states[name]
            assert isinstance(state, ir.BooleanState)
            patterns = [*state.starts, *state.ends]
        case ir.Present(operand=ir.StateValue(state=name, keys=keys) as value):
            state = valued(build, value)
            patterns = [source.pattern for tier in state.tiers for source in tier]
        case _:
            return
    kinds = {tuple(sorted(pattern.keys)) for pattern in patterns}
    tables = build.known.tables
    if any(tables.get(pattern.event, RARE) != RARE for pattern in patterns):
        return  # so many rows leave out few others
    if len(kinds) > 1 or () in kinds or build.gaps([one.event for one in patterns], None) != "FALSE":
        return
    asked = {name: _key(build, frame, value) for name, value in keys}
    if any(one.nullable or not one.sql.startswith('"') for one in asked.values()):
        return
    if isinstance(state, ir.BooleanState):
        lasting = None if state.lasting is None else build.static(state.lasting)
        going = [*((pattern, True) for pattern in state.starts), *((pattern, False) for pattern in state.ends)]
        changes, _ = changes_of(build, going, kinds.pop(), lasting)
    else:
        every = [candidates_of(build, pattern) for pattern in patterns]
        if any(one.equal or one.outer for one in every):
            return
        names = ", ".join(map(quoted, asked))
        changes = build.step("told", " UNION ALL ".join(f"SELECT {names} FROM {one.frame.name}" for one in every),
                             f"what tells the {name}")
    on = " AND ".join(f"c.{quoted(name)} = m.{one.sql}" for name, one in asked.items())
    frame.name = build.step("near", f"SELECT * FROM {frame.name} AS m WHERE EXISTS (SELECT 1 FROM {changes} AS c WHERE "
                            f"{on})", f"with whose keys {state.name} ever changes")


def asked_tie(build: Builder, asked: Sequence[tuple[str, Term]], tie: str | None) -> str | None:
    """Whether a state rests on a tie; where a key is missing, whether that key does."""
    lost = [one for _, one in asked if one.nullable]
    lost_tie = any_tie(Term("", tie=f"({missing(one)} AND {one.tie})") for one in lost if one.tie is not None)
    if not lost or (tie is None and lost_tie is None):
        return tie
    return f"(CASE WHEN {' OR '.join(map(missing, lost))} THEN {lost_tie or 'FALSE'} ELSE {tie or 'FALSE'} END)"


def changes_of(build: Builder, patterns: Sequence[tuple[ir.Pattern, bool]], keys: Sequence[str], lasting: Any,
            ) -> tuple[str, bool]:
    """The events that start and end a state, as one table; whether any of them is uncertain."""
    made = ("changes", repr(patterns), tuple(keys), repr(lasting))
    if made in build.made:
        found: tuple[str, bool] = build.made[made]
        return found
    parts = []
    doubtful = False
    # Types of one table of which the same is asked are read at once.
    alike: dict[tuple[Any, ...], list[ir.Pattern]] = {}
    for pattern, going in patterns:
        table = build.known.tables.get(pattern.event)
        alike.setdefault((going, table, pattern.keys, repr(pattern.where)), []).append(pattern)
    for (going, *_), (pattern, *others) in alike.items():
        rows = candidates_of(build, pattern, [one.event for one in others])
        if rows.equal or rows.outer:
            raise Unsupported("a state whose events are compared with the trigger")
        doubtful = doubtful or rows.sure != "TRUE"
        life = "CAST(NULL AS BIGINT)"
        name = rows.frame.name
        if going and isinstance(lasting, Period):
            copy = Frame(name, list(rows.frame.columns), {}, {}, count=rows.frame.count)
            life = build.closes(copy, '"t"', lasting)
            name = copy.name
        names = ", ".join(f"0 AS {quoted(key)}" if key == WHOLE else quoted(key) for key in keys)
        parts.append(f'SELECT "t", "pos", {int(going)} AS "start", {rows.sure} AS "sure", {life} AS "life"'
                     f"{f', {names}' if names else ''} FROM {name}")
    result = build.step("changes", " UNION ALL ".join(parts), "starts and ends"), doubtful
    build.made[made] = result
    return result


@record
class Told:
    """What events of a table tell of a tier: `tells` says of each whether it certainly has a value (1), has none (0),
    or nobody knows (-1); `said` whether it says anything (None: each does)."""

    events: tuple[str, ...]
    rows: str
    tells: str
    value: str
    said: str | None


def told_of(build: Builder, state: ir.ValuedState, tier: Sequence[Any], keys: Sequence[str]) -> list[Told]:
    """The events that tell a tier of a state: of each of its sources, or all together where one event may be of
    several."""
    told = []
    for source in tier:
        rows = candidates_of(build, source.pattern)
        if rows.equal or rows.outer:
            raise Unsupported("a state whose events are compared with the trigger")
        raw = build.value(rows.frame, ir.Get(ir.CANDIDATE, source.path, state.type, source.default))
        said = None if source.default is not None else quoted(Column(source.path, state.type, True).said_name)
        unsure = f"WHEN NOT {rows.sure} THEN -1 " if rows.sure != "TRUE" else ""
        tells = f"CASE {unsure}WHEN {raw.sql} IS NULL THEN 0 ELSE 1 END"
        told.append(Told((source.pattern.event,), rows.frame.name, tells, raw.sql, said))
    events = tuple(dict.fromkeys(event for one in told for event in one.events))
    if len(events) == len(told):
        return told
    names = "".join(f", {quoted(key)}" for key in keys)
    parts = [f'SELECT "t", "pos", {rank} AS "rank", {one.tells} AS "tells", {one.value} AS "value"{names} FROM '
             f"{one.rows}{f' WHERE {one.said}' if one.said else ''}" for rank, one in enumerate(told)]
    every = build.step("told", " UNION ALL ".join(parts), f"what tells the {state.name}")
    first = f'row_number() OVER (PARTITION BY "pos"{names} ORDER BY "rank")'
    each = build.step("told", f'SELECT * FROM (SELECT *, {first} AS "n" FROM {every}) AS r WHERE "n" = 1',
                      "of one event, the source that is named first")
    return [Told(events, each, '"tells"', '"value"', None)]


def ahead(build: Builder, frame: Frame, expr: ir.Expr) -> None:
    """Asks for the values of all states that a condition names, of those with the same keys at once: to put the rows in
    order takes longer than what is asked of them then. What counts and measures is asked before, while rows are short.
    """
    groups: dict[str, dict[str, ir.StateValue]] = {}
    asked = [] if frame.inline else list(asked_alone(expr))
    for one in asked:
        if isinstance(one, ir.StateValue) and (id(frame), one.state, one.at, repr(one.keys)) not in build.told:
            groups.setdefault(repr((one.at, one.keys)), {})[one.state] = one
    groups = {keys: group for keys, group in groups.items() if len(group) > 1}
    for one in asked if groups else ():
        if not isinstance(one, ir.StateValue):
            build.value(frame, one)
    for group in groups.values():
        ask_values(build, frame, list(group.values()))


def asked_alone(expr: Any) -> Iterator[ir.Expr]:
    """The values of states that a condition asks for, those of the moment alone, and what it counts and measures."""
    match expr:
        case ir.StateValue() | ir.EpisodeDuration() | ir.CountEvents() | ir.SumEvents():
            yield expr
        case ir.Not():
            yield from asked_alone(expr.part)
        case ir.And() | ir.Or():
            for part in expr.parts:
                yield from asked_alone(part)
        case ir.Apply():
            for part in expr.arguments:
                yield from asked_alone(part)
        case ir.Present():
            yield from asked_alone(expr.operand)
        case ir.CompletedYears():
            yield from asked_alone(expr.birth)
        case _:
            return


def ask_values(build: Builder, frame: Frame, every: Sequence[ir.StateValue]) -> None:
    """What the latest events told of some states with the same keys, tier by tier: `build.told`, as columns."""
    first = every[0]
    given = dict(keys_of(build, frame, first.keys))
    keys = sorted(given)
    tiers = [(expr, tier) for expr in every for tier in valued(build, expr).tiers]
    events = [source.pattern.event for _, tier in tiers for source in tier]
    n = frame.number()
    parts: list[str] = []
    columns = []
    for place, (_, tier) in enumerate(tiers):
        since = build.gaps([one.pattern.event for one in tier], "NULL") not in ("FALSE", "TRUE")
        columns += [(f"{one}.{place}", one, place) for one in ("tells", "value", *(["t"] if since else []))]
    by_rows: dict[str, list[tuple[int, Told]]] = {}
    for place, (expr, tier) in enumerate(tiers):
        for one in told_of(build, valued(build, expr), tier, keys):
            by_rows.setdefault(one.rows, []).append((place, one))
        build.told.setdefault((id(frame), expr.state, expr.at, repr(expr.keys)), []).append(
            [f"{name}.{n}" for name, _, other in columns if other == place])
    for table, told in by_rows.items():
        # Each tier has columns of its own, which what tells nothing of it leaves empty.
        own = {f"{name}.{place}": sql if one.said is None or len(told) == 1 else f"CASE WHEN {one.said} THEN {sql} END"
               for place, one in told for name, sql in (("tells", one.tells), ("value", one.value), ("t", '"t"'))}
        taken = [*map(quoted, ("t", "pos", *keys)), *(f"{own.get(name, 'NULL')} AS {quoted(name)}" for name, *_ in
                                                      columns)]
        said = [one.said for _, one in told if one.said is not None]
        where = f" WHERE {' OR '.join(dict.fromkeys(said))}" if len(said) == len(told) else ""
        parts.append(f"SELECT {', '.join(taken)} FROM {table}{where}")
    rows = build.step("told", " UNION ALL ".join(parts), "what tells any of them")
    asked, bound = [(given[key].sql, key) for key in keys], stands_at(build, frame, first.at)[1]
    # What all of several tiers told up to each event is the same for every rule.
    how = "last" if len(tiers) == 1 else "kept"
    sweep(build, frame, rows, asked, bound, [(f"{name}.{n}", quoted(name), how) for name, *_ in columns],
          events if len(tiers) == 1 else ())


def valued(build: Builder, expr: ir.StateValue) -> ir.ValuedState:
    state = build.states[expr.state]
    assert isinstance(state, ir.ValuedState)
    return state


def state_value(build: Builder, frame: Frame, expr: ir.StateValue) -> Term:
    """The value of a valued state: the latest known of its first tier that has one."""
    state = valued(build, expr)
    asked = keys_of(build, frame, expr.keys)
    known = (id(frame), expr.state, expr.at, repr(expr.keys))
    if known not in build.told or any(one not in frame.columns for tier in build.told[known] for one in tier):
        build.told.pop(known, None)
        ask_values(build, frame, [expr])
    cases = []
    for tier, names in zip(state.tiers, build.told[known], strict=True):
        tells, value, since = map(quoted, (*names, "")[:3])
        if any(candidates_of(build, source.pattern).sure != "TRUE" for source in tier):
            cases.append(f"WHEN {tells} = -1 THEN NULL")
        gap = build.gaps([one.pattern.event for one in tier], since)
        if gap != "FALSE":
            cases.append(f"WHEN {gap} THEN NULL")
        cases.append(f"WHEN {tells} = 1 THEN {value}")
    value = f"CASE {' '.join(cases)} END"
    unknown = [f"{one.sql} IS NULL" for _, one in asked if one.nullable]
    if unknown:
        value = f"CASE WHEN NOT ({' OR '.join(unknown)}) THEN {value} END"
    sources = [source.pattern for tier in state.tiers for source in tier]
    tie = asked_tie(build, asked, tie_with(build, frame, sources, asked, expr.at))
    return build.kept(frame, Term(value, True, None, tie, scale=scale_of(expr.type)), "state")
