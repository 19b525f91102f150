"""Sweeps: each row that asks takes what stands before it, or after it, of the rows with its keys.

In come a frame that asks, rows that may answer, and what is to be taken of them; out come columns of the frame. Which
question is answered so is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from policyengine.base.record import record
from policyengine.trace.plan.builder import Builder
from policyengine.trace.plan.frames import RARE, Bound, Frame, prefixed
from policyengine.trace.plan.terms import quoted

MANY = 8
"""Of a key with more rows than these, they are not held one by one against a row that asks."""

PAST_ALL = 2 ** 63 - 1
"""Past every place of the order, doubled or not."""

_TEXT = re.compile(r"'(?:[^']|'')*'")
"""A text that is the same for every row that asks."""

Pairs = Sequence[tuple[str, str]]
Measures = Sequence[tuple[str, str, str]]
"""A name, what is asked of a row that may answer, and how of several: the `last` known, the `max` or the `sum` of those
before the bound, or the last of what is `kept`, found once for all that ask; the `first` known of those at or after the
bound; the last known `upto` the instant of the bound, to its end, where other measures are the `first`."""


@record
class Sweep:
    """What is taken of which rows. `keys`: what must be equal, of the row that asks and of one that may answer;
    `order`, `row_order`: what the former and the latter are ordered by."""

    rows: str
    keys: Pairs
    order: tuple[str, ...]
    row_order: tuple[str, ...]
    measures: Measures

    @property
    def aliases(self) -> list[str]:
        """The names of the measures."""
        return [alias for alias, *_ in self.measures]

    @property
    def names(self) -> list[str]:
        """What the keys of rows that ask are called."""
        return [quoted(f"k{index}") for index in range(len(self.keys))]


def sweep(build: Builder, frame: Frame, rows: str, keys: Pairs, bound: Bound, measures: Measures,
          of: Sequence[str] = (), *, alike: bool = False) -> None:
    """Each asking row takes its measures, which become columns. `of` are the types that the rows are of, where these
    are known; `alike` says that many rows of one key have the same bound."""
    ways = {how for *_, how in measures}
    order, row_order = bound.key(), bound.row_key()
    if "upto" in ways:
        # Both take in the instant, whose rows all have one place.
        order, row_order = [str(bound.t)], ['"t"']
    elif bound.p is None and any(how not in ("max", "sum") and not sql.endswith(('"t"', '"t" END')) for _, sql, how in
                                 measures):
        # Of several at one instant the order decides, unless it is the instant that is asked for.
        order, row_order = [*order, "0"], [*row_order, '"pos"']
    fixed = [(sql, column) for sql, column in keys if _TEXT.fullmatch(sql)]
    if fixed:
        # What every row asks for alike is looked for once, and parts no rows.
        on = " AND ".join(f"{quoted(column)} = {sql}" for sql, column in fixed)
        rows = build.step("alike", f"SELECT * FROM {rows} WHERE {on}", "of the key that all ask for")
        keys = [one for one in keys if one not in fixed] or keys
    one_by_one = keys and (bound.t is None or bound.p is None) and "first" not in ways and (
        ways == {"kept"} or _few(build, frame, of))
    if keys and not one_by_one and _many(build, frame, of, summed="sum" in ways):
        on = " AND ".join(f"{prefixed(sql, 'm')} = r.{quoted(column)}" for sql, column in keys)
        rows = build.step("near", f"SELECT * FROM {rows} AS r WHERE EXISTS (SELECT 1 FROM {frame.name} AS m WHERE "
                          f"{on})", "of keys that are asked for")
    asked = Sweep(rows, keys, tuple(order), tuple(row_order), measures)
    if one_by_one:
        _by_spans(build, frame, asked)
    elif alike:
        _once_each(build, frame, asked)
    else:
        _in_one_order(build, frame, asked)


def least(build: Builder, frame: Frame, rows: str, keys: Pairs, measures: Measures) -> None:
    """Each asking row takes the least of each measure over all rows with its keys, wherever these stand: rows are put
    in no order for that. The measures become columns."""
    group = ", ".join(quoted(column) for _, column in keys)
    found = ", ".join(f"min({sql}) AS {quoted(alias)}" for alias, sql, _ in measures)
    summed = build.step("least", f"SELECT {f'{group}, ' if keys else ''}{found} FROM {rows}"
                        f"{f' GROUP BY {group}' if keys else ''}", "the first of each key")
    on = " AND ".join(f"{prefixed(sql, 'm')} = r.{quoted(column)}" for sql, column in keys) or "TRUE"
    columns = ", ".join(f"r.{quoted(alias)}" for alias, *_ in measures)
    frame.name = build.step("answered", f"SELECT m.*, {columns} FROM {frame.name} AS m LEFT JOIN {summed} AS r ON "
                            f"{on}", "rows that asked")
    frame.columns += [alias for alias, *_ in measures]


def _few(build: Builder, frame: Frame, events: Sequence[str]) -> bool:
    """Whether rows of these types are few beside those that ask."""
    tables = build.known.tables
    return bool(tables and events and frame.events) and all(tables.get(one, RARE) == RARE for one in events) and all(
        tables.get(one, RARE) != RARE for one in frame.events)


def _many(build: Builder, frame: Frame, events: Sequence[str], *, summed: bool) -> bool:
    """Whether rows of these types may be many beside those that ask: what is counted often is, rare or not."""
    tables = build.known.tables
    if frame.thinned and summed and tables:
        return True
    return any(tables.get(one, RARE) != RARE for one in events) and (
        frame.thinned or all(tables.get(one) == RARE for one in frame.events))


def _in_one_order(build: Builder, frame: Frame, asked: Sweep) -> None:
    """All rows are put in one order."""
    asking = [quoted(one) for one in frame.columns]
    os = [f'"o{index}"' for index in range(len(asked.order))]
    ms = [f'"m{index}"' for index in range(len(asked.measures))]
    ask = [*asking, *(f"{sql} AS {k}" for (sql, _), k in zip(asked.keys, asked.names, strict=True)),
           *(f"{sql} AS {o}" for sql, o in zip(asked.order, os, strict=True)), 'TRUE AS "asks"',
           *(f"NULL AS {m}" for m in ms)]
    give = [*("NULL" for _ in asking), *(quoted(column) for _, column in asked.keys), *asked.row_order, "FALSE",
            *(sql for _, sql, _ in asked.measures)]
    both = build.step("both", f"SELECT {', '.join(ask)} FROM {frame.name} UNION ALL SELECT {', '.join(give)} FROM "
                      f"{asked.rows}", "rows that ask, and rows that may answer")
    if not asked.keys:
        build.warnings.append("a pattern without keys puts all its rows in one order, on one processor")
    by = f"PARTITION BY {', '.join(asked.names)} " if asked.keys else ""
    over = f"{by}ORDER BY {', '.join(os)}"
    peers = any(how == "upto" for *_, how in asked.measures)
    seen = [f"{_taken(how, m, over, peers=peers)} AS {quoted(alias)}" for (alias, _, how), m in
            zip(asked.measures, ms, strict=True)]
    frame.name = build.step("answered", f'SELECT {", ".join([*asking, *seen])} FROM {both} QUALIFY "asks"',
                            "rows that asked, in one order with the others")
    frame.columns += asked.aliases


def _taken(how: str, measure: str, over: str, *, peers: bool = False) -> str:
    """What is taken of the rows up to one, or from it on."""
    unit = "RANGE" if peers else "ROWS"
    before = f"OVER ({over} {unit} BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    after = f"OVER ({over} {unit} BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"
    match how:
        case "first":
            return f"first_value({measure} IGNORE NULLS) {after}"
        case "last" | "kept" | "upto":
            return f"last_value({measure} IGNORE NULLS) {before}"
        case "max":
            return f"max({measure}) {before}"
        case _:
            return f"coalesce(sum({measure}) {before}, 0)"


def _joined(asked: Sweep) -> str:
    """The measures of a row `r` that was found, or not."""
    found = [f'coalesce(r."m{index}", 0)' if how == "sum" else f'r."m{index}"' for index, (_, _, how) in
             enumerate(asked.measures)]
    return ", ".join(f"{one} AS {quoted(alias)}" for one, alias in zip(found, asked.aliases, strict=True))


def _once_each(build: Builder, frame: Frame, asked: Sweep) -> None:
    """What many rows ask alike is asked once."""
    what = {**{f'"a{index}"': sql for index, (sql, _) in enumerate(asked.keys)}, '"at"': asked.order[0]}
    each = build.step("each", f"SELECT DISTINCT {', '.join(f'{sql} AS {name}' for name, sql in what.items())} FROM "
                      f"{frame.name}", "what is asked, once")
    one = Frame(each, [name.strip('"') for name in what], {}, {})
    keys = [(f'"a{index}"', column) for index, (_, column) in enumerate(asked.keys)]
    measures = [(f"m{index}", sql, how) for index, (_, sql, how) in enumerate(asked.measures)]
    _in_one_order(build, one, Sweep(asked.rows, keys, ('"at"', *asked.order[1:]), asked.row_order, measures))
    on = " AND ".join(f"{prefixed(sql, 'm')} = r.{name}" for name, sql in what.items())
    frame.name = build.step("answered", f"SELECT m.*, {_joined(asked)} FROM {frame.name} AS m LEFT JOIN {one.name} AS "
                            f"r ON {on}", "rows that asked")
    frame.columns += asked.aliases


def _by_spans(build: Builder, frame: Frame, asked: Sweep) -> None:
    """Rows that may answer are few: these alone are put in order, each with the span in which it is the latest, and a
    row that asks stands in one span at most. Where a key has many, all are put in one order after all."""
    own = [quoted(column) for _, column in asked.keys]
    by = f"PARTITION BY {', '.join(own)}"
    over = f"{by} ORDER BY {', '.join(asked.row_order)}"
    place = asked.row_order[0]
    taken = [f'{_taken(how, sql, over)} AS "m{index}"' for index, (_, sql, how) in enumerate(asked.measures)]
    named = [f"{column} AS {name}" for column, name in zip(own, asked.names, strict=True)]
    spans = build.step("spans", f'SELECT {", ".join(named)}, {place} AS "since", lead({place}, 1, {PAST_ALL}) OVER '
                       f'({over}) AS "until", count(*) OVER ({by}) AS "n", {", ".join(taken)} FROM {asked.rows}',
                       "rows that may answer, each up to the next")
    busy = build.step("busy", f'SELECT * FROM {spans} WHERE "n" > {MANY} AND "since" < "until"',
                      "those of keys with many")
    given = [prefixed(sql, "m") for sql, _ in asked.keys]
    on = " AND ".join(f"{one} = r.{name}" for one, name in zip(given, asked.names, strict=True))
    many = f"EXISTS (SELECT 1 FROM {busy} AS r WHERE {on})"
    columns = ", ".join(f"m.{quoted(one)}" for one in frame.columns)
    at = prefixed(asked.order[0], "m")
    few = build.step("few", f'SELECT {columns}, {_joined(asked)} FROM {frame.name} AS m LEFT JOIN (SELECT * FROM '
                     f'{spans} WHERE "n" <= {MANY}) AS r ON {on} AND {at} > r."since" AND {at} < r."until" WHERE NOT '
                     f"{many}", "rows that asked, but for those keys")
    rest = Frame(build.step("rest", f"SELECT {columns} FROM {frame.name} AS m WHERE {many}", "the others"),
                 list(frame.columns), {}, {})
    keys = [(sql, name.strip('"')) for (sql, _), name in zip(asked.keys, asked.names, strict=True)]
    measures = [(f"m{index}", f'"m{index}"', "kept") for index in range(len(asked.measures))]
    _in_one_order(build, rest, Sweep(busy, keys, asked.order[:1], ('"since"',), measures))
    columns = ", ".join(map(quoted, frame.columns))
    frame.name = build.step("answered", f"SELECT * FROM {few} UNION ALL SELECT {columns}, {_joined(asked)} FROM "
                            f"{rest.name} AS r", "rows that asked")
    frame.columns += asked.aliases
