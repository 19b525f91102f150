"""The rows of a pattern, and what a moment takes from them: by a sweep, or in pairs where a comparison asks for both.

In come patterns and rows that ask; out come columns. Where a range begins and ends is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence

from policyengine.core import ir, types
from policyengine.core.candidates import link_of
from policyengine.core.walk import conjuncts
from policyengine.trace.columns import Unsupported
from policyengine.trace.plan.builder import Builder
from policyengine.trace.plan.expressions import reads_trigger
from policyengine.trace.plan.frames import (
    RARE,
    Bound,
    Candidates,
    Frame,
    Guard,
    Window,
    any_holds,
    bound_in_pairs,
    found_some,
    in_pairs,
    prefixed,
    prefixed_bound,
)
from policyengine.trace.plan.sweeps import least, sweep
from policyengine.trace.plan.terms import (
    Term,
    all_of,
    any_tie,
    compare,
    is_true,
    quoted,
    text,
)


def from_events(build: Builder, events: Sequence[str]) -> tuple[str, list[str]]:
    """The clauses that choose rows of these types, and the columns of them that the rule reads."""
    names = dict.fromkeys(name for event in events for name in build.needed.get(event, ()))
    said = [column.said_name for event in events for column in build.needed.get(event, {}).values() if column.said]
    places = ", ".join(str(build.known.places[event]) for event in events)
    service = of_service(build)
    chosen = f'"type" = {places}' if len(events) == 1 else f'"type" IN ({places})'
    where = " AND ".join(one for one in (chosen, service) if one)
    return f"FROM {table_of(build, events)} WHERE {where}", [*names, *dict.fromkeys(said)]


def table_of(build: Builder, events: Sequence[str]) -> str:
    """The table that has the rows of all these types. Of those that stand in none there are no rows, as the table of
    rare types can tell."""
    known = build.known.tables
    tables = {known.get(event, RARE if RARE in known.values() else "events") for event in events}
    return tables.pop() if len(tables) == 1 else "events"


def of_service(build: Builder) -> str:
    """Which rows are the service's own, as a condition; nothing where all are."""
    return "" if build.known.service is None else f'"service" = {text(build.known.service)}'


def candidates_of(build: Builder, pattern: ir.Pattern, others: Sequence[str] = ()) -> Candidates:
    """The rows of a pattern; `others` are further types of which the same is asked."""
    events = (pattern.event, *others)
    key = ("candidates", repr(pattern), *others)
    if key in build.made:
        found = build.made[key]
        assert isinstance(found, Candidates)
        return found
    source, names = from_events(build, events)
    columns = ["t", "pos", "instant", *names]
    name = build.step("rows", f"SELECT {', '.join(map(quoted, columns))} {source}", f"each {' or '.join(events)}")
    frame = Frame(name, columns, {ir.CANDIDATE: ""}, {ir.CANDIDATE: ('"t"', '"pos"', '"instant"')}, events, ties=False)
    parts = tuple(conjuncts(pattern.where))
    local = [part for part in parts if not reads_trigger(part)]
    compared = [part for part in parts if reads_trigger(part)]
    links = {id(part): link for part in compared if (link := link_of(part)) is not None}
    listed = len(compared) == 1 and any(link.listed and isinstance(link.asked, ir.Get) and isinstance(
        link.asked.type, types.Text) for link in links.values())
    equal = [(link.field, link.asked) for link in links.values() if listed or not link.listed]
    outer = [part for part in compared if id(part) not in links or (links[id(part)].listed and not listed)]
    sure, lacking = "TRUE", False
    if local:
        for part in local:
            build.narrow(frame, part)
        held = all_of([build.condition(frame, part) for part in local])
        held = build.kept(frame, held, "held")
        build.drop(frame, f"{held.sql} IS NOT FALSE", "without those that cannot match")
        sure = is_true(held) if held.nullable else "TRUE"
    pairs = []
    for get, other in equal:
        term = build.value(frame, get)
        lacking = lacking or term.nullable
        pairs.append((build.extend(frame, term.sql, "equal", "what must be equal").strip('"'), other))
    if sure != "TRUE":
        sure = build.extend(frame, sure, "sure", "whether it matches for certain")
    beyond = build.extend(frame, any_holds(frame.hard), "beyond", "what no column can say") if frame.hard else None
    found = Candidates(frame, pattern.keys, sure, tuple(pairs), tuple(outer), lacking, beyond, listed)
    build.made[key] = found
    return found


def spread_over(build: Builder, rows: Candidates, keys: Sequence[str], runs: str) -> str:
    """The rows of a pattern under all the keys of runs: those that do not carry a key stand under each value."""
    if rows.equal or rows.outer:
        raise Unsupported("a pattern of a run that reads the trigger")
    columns = f'"t", "pos", {rows.sure} AS "sure"'
    if set(rows.keys) == set(keys):
        return build.step("heard", f"SELECT {columns}, {', '.join(map(quoted, keys))} FROM {rows.frame.name}",
                          "events that count")
    names = ", ".join(map(quoted, keys))
    on = " AND ".join(f"c.{quoted(key)} = v.{quoted(key)}" for key in rows.keys) or "TRUE"
    return build.step("heard", f'SELECT c."t", c."pos", {prefixed(rows.sure, "c")} AS "sure", '
                      f"{', '.join(f'v.{quoted(key)}' for key in keys)} FROM {rows.frame.name} AS c JOIN (SELECT "
                      f"DISTINCT {names} FROM {runs}) AS v ON {on}", "events that count, under every key")


def keyed_rows(build: Builder, frame: Frame, rows: Candidates) -> list[tuple[str, str]]:
    """The keys that must be equal for a row to be a candidate; what is beyond columns makes all of a key hard."""
    keys = [(quoted(build.key(frame, key)), key) for key in rows.keys]
    if rows.beyond is not None:
        names = ", ".join(quoted(key) for key in rows.keys)
        some = build.step("beyond", f'SELECT {f"{names}, " if names else ""}count(*) AS "n" FROM {rows.frame.name} '
                                    f'WHERE '
                          f"{rows.beyond}{f' GROUP BY {names}' if names else ''}", "keys of such rows")
        column = f"beyond.{frame.number()}"
        on = " AND ".join(f"m.{sql} = b.{quoted(key)}" for sql, key in keys) or "TRUE"
        frame.name = build.step("answered", f'SELECT m.*, coalesce(b."n" > 0, FALSE) AS {quoted(column)} FROM '
                                f"{frame.name} AS m LEFT JOIN {some} AS b ON {on}", "whether the evaluator must judge")
        frame.columns.append(column)
        frame.hard.append(quoted(column))
    return keys


def ask_rows(build: Builder, frame: Frame, rows: Candidates, bound: Bound | None,
             measures: Sequence[tuple[str, str, str]],
             also: Sequence[tuple[str, str, str]] = (), *, alike: bool = False) -> list[tuple[str, str | None]]:
    """A sweep over candidates: of each measure over those that match for certain, and over those that may (None
    where there are none). Of `also`, the former alone, by the names that are given. Without a bound the `first` of all,
    wherever they stand. `alike`: many rows of one key have the same bound."""
    keys = keyed_rows(build, frame, rows)
    equal = [(column, build.kept(frame, build.value(frame, other), "equal")) for column, other in rows.equal]
    if any(asked.high is not None or asked.den is not None or asked.items is not None for _, asked in equal):
        raise Unsupported("an equality with what is no plain value")
    n, sure, source = frame.number(), rows.sure, rows.frame.name
    unknown = " OR ".join(f"{asked.sql} IS NULL" for _, asked in equal if asked.nullable)
    gone = " OR ".join(f"{quoted(column)} IS NULL" for column, _ in equal)
    if rows.lacking:
        source = build.step("saying", f"SELECT * FROM {source} WHERE NOT ({gone})", "candidates that lack no field")

    linked = [column for column, _ in equal]
    if rows.listed:
        # A list that must contain something: one row for each of what it contains.
        linked = ["item"]
        source = build.step("listed", f'SELECT *, unnest(list_distinct({quoted(equal[0][0])})) AS "item" FROM {source}',
                            "candidates, once for each item")

    def of(which: str, sql: str) -> str:
        return sql if which == "TRUE" else f"CASE WHEN {which} THEN {sql} END"

    def take(source: str, keys: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str, str]]) -> None:
        if bound is None:
            least(build, frame, source, keys, wanted)
        else:
            sweep(build, frame, source, keys, bound, wanted, rows.frame.events, alike=alike)

    def named(kind: str, name: str) -> str:
        return f"{name}_{kind}.{n}"

    wanted = [(named("sure", name), of(sure, sql), how) for name, sql, how in measures]
    if sure != "TRUE":
        wanted += [(named("unsure", name), of(f"NOT {sure}", sql), how) for name, sql, how in measures]
    wanted += [(name, of(sure, sql), how) for name, sql, how in also]
    take(source, [*keys, *((asked.sql, column) for column, (_, asked) in zip(linked, equal, strict=True))], wanted)
    certain = [quoted(named("sure", name)) for name, *_ in measures]
    perhaps = [[quoted(named("unsure", name))] if sure != "TRUE" else [] for name, *_ in measures]
    if len(equal) > 1 and (rows.lacking or unknown):
        # Which of several comparisons fails is not looked into: where one side is missing, the evaluator judges.
        if rows.lacking:
            take(build.step("lacking", f"SELECT * FROM {rows.frame.name} WHERE {gone}", "candidates that lack a field"),
                 keys, [(named("lacking", name), sql, how) for name, sql, how in measures])
            frame.hard += [f"({found_some(quoted(named('lacking', name)), how)})" for name, _, how in measures]
        frame.hard += [f"({unknown})"] if unknown else []
    elif rows.lacking or unknown:
        wide = [(named("lacking", name), of(gone, sql), how) for name, sql, how in measures] if rows.lacking else []
        wide += [(named("any", name), sql, how) for name, sql, how in measures] if unknown else []
        take(rows.frame.name, keys, wide)
        perhaps = [[*one, *([quoted(named("lacking", name))] if rows.lacking else [])]
                   for one, (name, *_) in zip(perhaps, measures, strict=True)]
    found: list[tuple[str, str | None]] = []
    for one, may, (name, _, how) in zip(certain, perhaps, measures, strict=True):
        joined = {"last": "greatest({})", "upto": "greatest({})", "first": "least({})", "sum": "({})"}[how]
        maybe = (None if not may else may[0] if len(may) == 1 else
                 joined.format((" + " if how == "sum" else ", ").join(may)))
        if unknown and len(equal) == 1:
            nothing = "0" if how == "sum" else "NULL"
            whole = quoted(named("any", name))
            maybe = f"CASE WHEN {unknown} THEN {whole} ELSE {maybe or nothing} END"
        found.append((one, None if maybe is None else build.extend(frame, maybe, "maybe", "of those that may match")))
    return found


def pair_rows(build: Builder, frame: Frame, pattern: ir.Pattern, rows: Candidates, low: Bound | None, high: Bound,
              *, not_self: bool = False, window: Window | None = None, value: str | None = None) -> int:
    """Every moment with every candidate of its keys in the range, counted: the number by which the columns
    sure.N, maybe.N, first.N, last.N, last_t.N, last_maybe.N and, of a value, sum.N and unknown.N are named."""
    keyed_rows(build, frame, rows)
    n = frame.number()
    identity = identity_of(build, frame)
    mine = [f"m.{quoted(one)} AS {quoted(f'm:{one}')}" for one in frame.columns]
    theirs = [f"c.{quoted(one)} AS {quoted(f'c:{one}')}" for one in rows.frame.columns]
    on = [f"m.{quoted(build.key(frame, key))} = c.{quoted(key)}" for key in rows.keys]
    keyed = " AND ".join(on) or "TRUE"
    if low is not None:
        on.append(prefixed_bound(low, "m").follows('c."t"', 'c."pos"'))
    on.append("NOT " + prefixed_bound(high, "m").follows('c."t"', 'c."pos"'))
    own = build.own(frame, pattern.event)
    if not_self and own != "FALSE":
        on.append('c."pos" <> m."pos"')
    by = ", ".join(f"c.{quoted(key)}" for key in rows.keys)
    left = ", ".join(quoted(build.key(frame, key)) for key in rows.keys)
    if rows.keys:
        sql = (f"SELECT coalesce(sum(CAST(m.n AS DECIMAL(38,0)) * c.n), 0) FROM (SELECT {left}, count(*) AS n FROM "
               f"{frame.name} GROUP BY {left}) AS m JOIN (SELECT {by.replace('c.', '')}, count(*) AS n FROM "
               f"{rows.frame.name} GROUP BY {by.replace('c.', '')}) AS c ON {keyed}")
    else:
        sql = (f"SELECT (SELECT CAST(count(*) AS DECIMAL(38,0)) FROM {frame.name}) * (SELECT count(*) FROM "
               f"{rows.frame.name})")
    build.guards.append(Guard(pattern, len(build.steps), sql))
    pairs = build.step("pairs", f"SELECT {', '.join([*mine, *theirs])} FROM {frame.name} AS m JOIN "
                       f"{rows.frame.name} AS c ON {' AND '.join(on)}", f"each moment with each {pattern.event}")
    at = frame.at[ir.TRIGGER]
    both = Frame(pairs, [*(f"m:{one}" for one in frame.columns), *(f"c:{one}" for one in rows.frame.columns)],
                 {ir.TRIGGER: "m:", ir.CANDIDATE: "c:"},
                 {ir.TRIGGER: (in_pairs(at[0], "m"), at[1] and in_pairs(at[1], "m"), at[2] and in_pairs(at[2], "m")),
                  ir.CANDIDATE: ('"c:t"', '"c:pos"', '"c:instant"')}, frame.events, dict(frame.variables), ties=False)
    asked = [build.condition(both, part) for part in rows.outer]
    for column, other in rows.equal:
        asked.append(compare("=", Term(quoted(f"c:{column}")), build.value(both, other)))
    if rows.sure != "TRUE":
        asked.append(Term(f"CASE WHEN {in_pairs(rows.sure, 'c')} THEN TRUE END"))
    if window is not None:
        asked += [Term(f"CASE WHEN {bound_in_pairs(one, 'm').follows(quoted('c:t'), quoted('c:pos'))} THEN TRUE END")
                  for one in window.surely]
        asked += [Term(f"CASE WHEN NOT {in_pairs(window.unsure, 'm')} THEN TRUE END")] if window.unsure else []
    held = build.kept(both, all_of(asked), "held")
    build.drop(both, f"{held.sql} IS NOT FALSE", "pairs that may match")
    group = [quoted(f"m:{one}") for one in identity]
    sums = [f"count(*) FILTER (WHERE {held.sql} IS TRUE) AS {quoted(f'sure.{n}')}",
            f"count(*) FILTER (WHERE {held.sql} IS NULL) AS {quoted(f'maybe.{n}')}",
            f"min({quoted('c:t')}) FILTER (WHERE {held.sql} IS TRUE) AS {quoted(f'first.{n}')}",
            f"max({quoted('c:pos')}) FILTER (WHERE {held.sql} IS TRUE) AS {quoted(f'last.{n}')}",
            f"max({quoted('c:t')}) FILTER (WHERE {held.sql} IS TRUE) AS {quoted(f'last_t.{n}')}",
            f"max({quoted('c:pos')}) FILTER (WHERE {held.sql} IS NULL) AS {quoted(f'last_maybe.{n}')}"]
    if value is not None:
        moved = in_pairs(value, "c")
        sums += [f"sum(CASE WHEN {held.sql} THEN {moved} END) AS {quoted(f'sum.{n}')}",
                 f"count(*) FILTER (WHERE {held.sql} IS NULL OR {moved} IS NULL) AS {quoted(f'unknown.{n}')}"]
    if both.hard:
        sums.append(f"bool_or({any_holds(both.hard)}) AS {quoted(f'hard.{n}')}")
    summed = build.step("summed", f"SELECT {', '.join(group)}, {', '.join(sums)} FROM {both.name} GROUP BY "
                        f"{', '.join(group)}", "what each moment met")
    aliases = [*(f"{one}.{n}" for one in ("sure", "maybe", "first", "last", "last_t", "last_maybe")),
               *([f"sum.{n}", f"unknown.{n}"] if value else []),
               *([f"hard.{n}"] if both.hard else [])]
    back = " AND ".join(f"m.{quoted(one)} = s.{quoted(f'm:{one}')}" for one in identity)
    frame.name = build.step("answered", f"SELECT m.*, {', '.join(f's.{quoted(one)}' for one in aliases)} FROM "
                            f"{frame.name} AS m LEFT JOIN {summed} AS s ON {back}", "moments with what they met")
    frame.columns += aliases
    if both.hard:
        frame.hard.append(quoted(f"hard.{n}"))
    return n


def identity_of(build: Builder, frame: Frame) -> list[str]:
    """The columns by which a row is known."""
    return ["pos"] if "pos" in frame.columns else ["first", "t", "base"]


def may_tie(build: Builder, frame: Frame, pattern: ir.Pattern, pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether a candidate may share the instant of an event that asks, by what is known of those with one key."""
    return not any(sql == quoted(key) and key in build.known.tied and not any(
        (event, pattern.event) in build.known.tied[key] for event in frame.events) for sql, key in pairs)


def tie_with(build: Builder, frame: Frame, patterns: Sequence[ir.Pattern], keys: Sequence[tuple[str, Term]] = (),
             owner: ir.Owner = ir.TRIGGER) -> str | None:
    """Whether a candidate shares the instant and sequence of the event that asks."""
    _, pos, instant = frame.at[owner] if owner in frame.at else frame.at[ir.TRIGGER]
    if not build.known.ties or not frame.ties or pos is None or instant is None:
        return None
    given = dict(keys)
    found = []
    for pattern in patterns:
        pairs = [(given[key].sql if key in given else quoted(build.key(frame, key)), key) for key in pattern.keys]
        if not may_tie(build, frame, pattern, pairs):
            continue
        rows = candidates_of(build, pattern)
        n = frame.number()
        names = [quoted(key) for key in pattern.keys]
        group = ", ".join(['"instant"', *names])
        on = " AND ".join([f'm.{instant} = r."instant"', *(f"{prefixed(sql, 'm')} = r.{quoted(key)}"
                                                           for sql, key in pairs)])
        summed = build.step("ties", f'SELECT {group}, count(*) AS "n", min("pos") AS "p" FROM {rows.frame.name} '
                            f"GROUP BY {group}", f"each {pattern.event} by its instant")
        column = f"tie.{n}"
        frame.name = build.step("answered", f'SELECT m.*, coalesce(r."n" > 1 OR r."p" <> m.{pos}, FALSE) AS '
                                f"{quoted(column)} FROM {frame.name} AS m LEFT JOIN {summed} AS r ON {on}",
                                "whether another shares the instant")
        frame.columns.append(column)
        if rows.outer or rows.equal:
            frame.hard.append(quoted(column))
        else:
            found.append(Term("", tie=quoted(column)))
    return any_tie(found)
