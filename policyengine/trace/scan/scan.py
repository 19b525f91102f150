"""Files of events of any size into one table of DuckDB, held against the vocabulary in bulk.

In come a connection, files, the vocabulary and the columns that rules read; out come the view `events`, in the order of
the language, and what was noticed, or every reason why there is none. DuckDB reads and checks columns; a row that it
cannot vouch for is read again by `scan.rows`, whose word holds. Which rules are asked is not known here.

The rows are copied into a table: thirty passes, as the rules of a regulation make, take 1 s over it and 5 s over the
Parquet file, whose columns would be unpacked each time; only with less than ten would a view of the file be faster.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any, TextIO

import duckdb

from policyengine.base.diagnostic import Diagnostic, has_errors
from policyengine.base.instants import offsets_between
from policyengine.base.record import record
from policyengine.base.scalars import start_of
from policyengine.core.case import Event
from policyengine.trace.columns import Column, each_once, sql_type
from policyengine.trace.files import read
from policyengine.trace.scan import order as scan_order
from policyengine.trace.scan import parquet as scan_parquet
from policyengine.trace.scan.database import fault, temp_folder
from policyengine.trace.scan.forms import Form, file_named, named, quoted
from policyengine.trace.scan.halves import Apart, odd_apart, of_others, set_apart
from policyengine.trace.scan.parquet import Columns
from policyengine.trace.scan.rising import Rising
from policyengine.trace.scan.rows import (
    MAX_ERRORS,
    Fitter,
    Held,
    Schemas,
    as_json,
    content_text,
    each_row,
    from_json,
    id_twice,
    path_fields,
    too_many,
)
from policyengine.trace.scan.sources import ODD, Source, asked, narrowed, placed, select
from policyengine.trace.scan.text import stage

TABLES = OF_RARE, OF_FREQUENT = "scan_rare", "scan_frequent"
"""Where events are kept: those of rare types, and the others."""

MADE = (scan_order.OF_FILES, "scan_doubles", "scan_dropped", "scan_keys", "scan_sorted", scan_order.SHARED, "scan_few",
        "scan_ties", "scan_said", "scan_placed", "scan_moved", *TABLES)
"""The tables made of the rows that were read."""

RARE = 8
"""Of so many events at most one is of a rare type."""

FEW = 4
"""Of so many rows at most one is of no use in a table that is kept as it is; else it is made without them."""


@record
class Scan:
    """What was read. Times are UTC microseconds.

    `files` are named as they were given; a row's `file` is the place in them. `counts` has every event type that
    occurred, also those not asked for, with its events up to `as_of`; `total` are these together, `rows` those in the
    table, `later` those after `as_of`, which are not read. `first` and `last` are the times of the first and the last
    of all events, the later ones too. `merged` rows repeated an event's id, `repeats` another event that has neither id
    nor sequence. `ties`: two events in the table have one time and one sequence, or none. `tables` are where the events
    of a type stand by themselves, with others like it: type -> a view with the columns of `events`.
    """

    files: tuple[str, ...]
    counts: Mapping[str, int]
    total: int
    rows: int
    later: int
    first: int
    last: int
    as_of: int
    merged: int
    repeats: int
    ties: bool
    tables: Mapping[str, str]


def scan(con: duckdb.DuckDBPyConnection, paths: Sequence[str | os.PathLike[str]], schemas: Schemas,
         needs: Mapping[str, Sequence[Column]], *, zone: str | None = None, as_of: int | None = None,
         ) -> tuple[Scan | None, tuple[Diagnostic, ...]]:
    """Makes the view `events`: `columns.ORDER_COLUMNS`, `service`, and the columns needed, null where a row has none.

    `schemas` are those of the event types, in the order that ties take; `needs` the types to keep, each with its
    columns. `zone` is that of times without an offset, which are errors without it. Events after `as_of` (UTC
    microseconds; without it, none) are left out. Defaults of the vocabulary are not applied.
    """
    if wrong := too_many(schemas):
        return None, wrong
    work = _Work(con, [os.fspath(path) for path in paths], schemas, needs, zone)
    try:
        return work.scan(as_of), tuple(work.found)
    except (duckdb.Error, OSError) as problem:
        return None, (*work.found, fault(problem) or work.unreadable(sorted(work.parquet), problem))


class _Work:
    """One scan: `found` is what is wrong so far; `parts` are Parquet files of the same columns; `looked` says whether
    Python has read those of their rows that DuckDB is not sure of, which are in the table of stage since; `staged` are
    its rows. Until then rows of the `few` types stand `apart` in some parts, and `others` are what is read of the
    others. `many` are the rows of each type, `lengths` the last row of each file."""

    def __init__(self, con: duckdb.DuckDBPyConnection, names: Sequence[str], schemas: Schemas,
                 needs: Mapping[str, Sequence[Column]], zone: str | None) -> None:
        self.con, self.names, self.schemas, self.zone = con, names, schemas, zone
        self.places = {name: place for place, name in enumerate(schemas)}
        self.needed = frozenset(self.places[name] for name in needs if name in self.places)
        self.many: Counter[int] = Counter()
        self.lengths = [0] * len(names)
        self.held = Held(each_once(needs.values()))
        self.asked = asked(schemas, self.held, zone)
        self.found: list[Diagnostic] = []
        self.needs = needs
        self.parts: list[tuple[Source, list[int]]] = []
        self.few: frozenset[int] = frozenset()
        self.apart: list[Apart | None] = []
        self.others: list[Source] = []
        self.looked = False
        self.staged = "SELECT * FROM scan_stage"
        self.parquet: dict[int, Columns] = {}
        self.given = [path_fields(name, schemas) for name in names]

    @property
    def present(self) -> frozenset[int]:
        """The types that occur."""
        return frozenset(self.many)

    def scan(self, as_of: int | None) -> Scan | None:
        for name in ("scan_stage", "scan_doubtful"):
            self.con.execute(f"DROP TABLE IF EXISTS {name}")
        self.con.execute(f"CREATE TABLE scan_stage ({self.declared()})")
        self.con.execute('CREATE TABLE scan_doubtful (file INTEGER, "row" BIGINT)')
        told: dict[int, list[Diagnostic]] = {file: [] for file in range(len(self.names))}
        self.read_parquet(told)
        self.read_text(told)
        found = None if has_errors(self.said(told)) else self.kept(as_of)
        if found is None:  # what is wrong with each row is said before what is wrong with several
            self.found.clear()
            self.look(told)
            found = None if has_errors(self.said(told)) else self.kept(as_of)
        self.found = [*self.said(told), *self.found]
        self.con.execute("DROP TABLE scan_stage")
        return found

    def said(self, told: Mapping[int, Sequence[Diagnostic]]) -> list[Diagnostic]:
        """What was noticed, file after file."""
        return read.others_hold([one for file in told for one in told[file]], len(self.names))

    def declared(self) -> str:
        """The columns of the table of stage."""
        own = ('file INTEGER, "row" BIGINT, "type" SMALLINT, t BIGINT, local BOOLEAN, seq DECIMAL(27,9), id VARCHAR, '
               "service VARCHAR, content VARCHAR, odd BOOLEAN")
        return ", ".join([own, *(f"c{number} {sql_type(one.type)}" for number, one in enumerate(self.held.columns)),
                          *(f"s{number} BOOLEAN" for number, one in enumerate(self.held.columns) if one.said)])

    # ---- reading in bulk

    def read_parquet(self, told: dict[int, list[Diagnostic]]) -> None:
        """The Parquet files of each set of columns; their rows are not looked at yet."""
        groups: dict[tuple[Columns, tuple[str, ...]], list[int]] = {}
        numbers = frozenset(name for name, field in self.asked.fields.items()
                            if any(schema["type"] in ("integer", "number") for schema, _ in field.groups))
        for file, name in enumerate(self.names):
            if read.suffix_of(name) != ".parquet":
                continue
            columns, wrong = scan_parquet.columns_of(self.con, name)
            wrong = wrong or scan_parquet.bad_columns(name, columns, self.given[file], numbers)
            self.parquet[file] = columns
            told[file] += wrong
            if not wrong:
                keys = tuple(sorted(self.given[file].keys() - dict(columns)))
                groups.setdefault((columns, keys), []).append(file)
        for (columns, keys), files in groups.items():
            try:
                self.parts.append((self.parquet_source(columns, keys, files, told), files))
            except (duckdb.Error, OSError) as problem:
                told[files[0]] += [self.unreadable(files, problem)]

    def parquet_source(self, columns: Columns, keys: Sequence[str], files: Sequence[int],
                       told: dict[int, list[Diagnostic]]) -> Source:
        names = [self.names[file] for file in files]
        raw = scan_parquet.table(names)
        for file in files:
            self.lengths[file] = self.one(f"SELECT count(*) FROM {scan_parquet.table([self.names[file]])}")
            if not self.lengths[file]:
                told[file].append(read.no_events(self.names[file]))
        forms = {name: (Form("native", type), f"r{number}") for number, (name, type) in enumerate(columns)}
        chosen = "".join(f", {named(name)} AS r{number}" for number, (name, _) in enumerate(columns))
        at = "[CAST(file_index AS BIGINT) + 1]"
        given = {key: f"([{', '.join(quoted(self.given[file][key]) for file in files)}]){at}" for key in keys}
        place = str(files[0]) if len(files) == 1 else f"([{', '.join(map(str, files))}]){at}"
        source = Source(f"SELECT file_index, file_row_number{chosen} FROM {raw}", forms, f"CAST({place} AS INTEGER)",
                        "file_row_number + 1", given)
        if "type" in forms:
            found = self.con.execute(f'SELECT CAST("type" AS VARCHAR), count(*) FROM {raw} GROUP BY 1').fetchall()
        else:
            found = [(self.given[file]["type"], self.lengths[file]) for file in files]
        for kind, count in found:
            if kind in self.places:
                self.many[self.places[kind]] += count
        ahead, unclear = self.clock(placed(source, self.asked.of(self.present)), "stamp")
        return replace(source, ahead=ahead, unclear=unclear)

    def unreadable(self, files: Sequence[int], problem: duckdb.Error | OSError) -> Diagnostic:
        """What is wrong with the first of several files that DuckDB cannot read."""
        for file in files:
            try:
                for column, _ in self.parquet[file]:
                    self.con.execute(f"SELECT count(hash({named(column)})) "
                                     f"FROM {scan_parquet.table([self.names[file]])}").fetchall()
            except (duckdb.Error, OSError) as reason:
                said = fault(reason, self.names[file])
                if said is not None:
                    return said
        raise problem

    def read_text(self, told: dict[int, list[Diagnostic]]) -> None:
        """The rows of all other files in the table of stage."""
        lines = [0] * len(self.names)
        whole = []
        for file, name in enumerate(self.names):
            if file in self.parquet:
                continue
            add = None
            if read.suffix_of(name) in read.READERS and os.path.isfile(name):
                add = stage(self.con, "scan_stage", name, file, self.asked, self.given[file])
            if add is None:
                whole.append(file)
            else:
                lines[file] = add
        line = f"coalesce(\"row\", rowid + ({lines})[file + 1])"
        self.staged = f'SELECT * REPLACE ({line} AS "row") FROM scan_stage'
        ahead, unclear = self.clock(self.staged, "t")  # what Python reads later has instants
        if ahead:
            odd = f", odd OR (local AND ({unclear})) AS odd" if unclear else ""
            time = f"CASE WHEN local THEN t - ({ahead}) ELSE t END AS t"
            self.staged = f"SELECT * REPLACE ({time}{odd}) FROM ({self.staged})"
        self.con.execute(f'INSERT INTO scan_doubtful SELECT file, "row" FROM ({self.staged}) WHERE odd')
        for file in whole:
            self.explain(file, None, told)
        self.explain_doubtful(told)
        for kind, count in self.con.execute(
                'SELECT "type", count(*) FROM scan_stage WHERE "type" IS NOT NULL GROUP BY 1').fetchall():
            self.many[kind] += count
        for file, last in self.con.execute(f'SELECT file, max("row") FROM ({self.staged}) GROUP BY 1').fetchall():
            self.lengths[file] = last

    def look(self, told: dict[int, list[Diagnostic]]) -> None:
        """Python reads the rows of Parquet that DuckDB is not sure of."""
        self.looked = True
        for source, files in self.parts:
            try:
                rows = select(source, self.asked.of(self.present))
                self.con.execute(f'INSERT INTO scan_doubtful SELECT file, "row" FROM ({rows}) WHERE odd')
            except (duckdb.Error, OSError) as problem:
                told[files[0]] += [self.unreadable(files, problem)]
        self.explain_doubtful(told)

    def clock(self, rows: str, at: str) -> tuple[str, str]:
        """How far ahead the project's zone was at a local time of these rows, and whether its clocks skipped that or
        showed it twice: SQL over the time `at`, empty where there is nothing to say."""
        if self.zone is None:
            return "", ""
        first, last = self.con.execute(f"SELECT min(t), max(t) FROM ({rows}) WHERE local").fetchall()[0]
        if first is None:
            return "", ""
        offsets, open = clocks(self.zone, first, last)
        behind = "CASE " + " ".join(f"WHEN {at} < {until} THEN {offset}" for until, offset in offsets[:-1])
        ahead = f"{behind} ELSE {offsets[-1][1]} END" if len(offsets) > 1 else str(offsets[0][1])
        return ahead, " OR ".join(f"({at} >= {start} AND {at} < {end})" for start, end in open)

    def one(self, sql: str) -> int:
        """The one number that a query gives."""
        return int(self.row(sql)[0] or 0)

    def row(self, sql: str) -> tuple[Any, ...]:
        """The one row that a query gives."""
        found = self.con.execute(sql).fetchone()
        assert found is not None
        return found

    # ---- reading row by row

    def explain_doubtful(self, told: dict[int, list[Diagnostic]]) -> None:
        """Python reads the rows that the bulk reading was not sure of."""
        for (file,) in self.con.execute("SELECT DISTINCT file FROM scan_doubtful ORDER BY file").fetchall():
            self.explain(file, f'SELECT "row" FROM scan_doubtful WHERE file = {file}', told)
        self.con.execute("DELETE FROM scan_doubtful")

    def explain(self, file: int, rows: str | None, told: dict[int, list[Diagnostic]]) -> None:
        """Python reads these rows of a file, or all; what fits goes to the table of stage."""
        path = os.path.join(temp_folder(self.con), f"rows-{file}.ndjson")
        with open(path, "w", encoding="utf-8") as out:
            def put(event: Event) -> None:
                out.write(as_json(event, file, self.held))

            count = self.each_event(file, rows, told, put)
        if count:
            self.con.execute(f"INSERT INTO scan_stage BY NAME {from_json(self.held, path)}")
        os.unlink(path)

    def each_event(self, file: int, rows: str | None, told: dict[int, list[Diagnostic]],
                   take: Callable[[Event], None]) -> int:
        """Hands the events of a file to `take`, or of those rows that the query gives; notes what is wrong with the
        others."""
        name = self.names[file]
        fitter = Fitter(self.schemas)
        asked = None if rows is None else Rising(self.con, rows)
        count = 0

        def fit(row: read.Event) -> None:
            nonlocal count
            event = fitter.event(row)
            if event is not None:
                count += 1
                if asked is not None:
                    asked.good += 1
                take(event)

        if file in self.parquet:
            assert rows is not None and asked is not None  # DuckDB reads all of a Parquet file, or none
            wrong = scan_parquet.each_row(self.con, name, self.parquet[file], fit, self.zone, self.given[file], rows,
                                          asked)
        else:
            wrong = each_row(name, fit, self.schemas, self.zone, asked)
        unread = 0 if asked is None else asked.left()
        told[file] += [*wrong, *fitter.problems(unread, start_of(name))]
        if rows is None and not count and not wrong and not fitter.wrong:
            told[file].append(read.no_events(name))
        return count

    # ---- rows that are one event

    def merge(self, keys: Sequence[str]) -> int:
        """Leaves out of `scan_keys` the rows that repeat an event's id, which are in `scan_dropped` then; how many they
        are. They must say the same."""
        con, seq = self.con, "seq" if "seq" in keys else "NULL AS seq"
        if "id" not in keys or not self.one("SELECT count(*) FROM (SELECT hash(id) AS h FROM scan_keys WHERE id IS NOT "
                                            "NULL GROUP BY h HAVING count(*) > 1)"):
            return 0
        con.execute("CREATE TABLE scan_doubles AS " + scan_order.in_files(
            f"SELECT pos AS was, id, t, {seq} FROM scan_keys WHERE id IN (SELECT id FROM scan_keys WHERE id IS NOT "
            "NULL GROUP BY id HAVING count(*) > 1)", "was"))
        con.execute('CREATE TABLE scan_dropped AS SELECT was, file, "row" FROM (SELECT was, file, "row", row_number() '
                    "OVER (PARTITION BY id ORDER BY was) AS n FROM scan_doubles) WHERE n > 1")
        path = os.path.join(temp_folder(con), "doubles.ndjson")
        told: dict[int, list[Diagnostic]] = {file: [] for file in range(len(self.names))}
        with open(path, "w", encoding="utf-8") as out:
            for (file,) in con.execute("SELECT DISTINCT file FROM scan_doubles ORDER BY file").fetchall():
                self.each_event(file, f'SELECT "row" FROM scan_doubles WHERE file = {file}', told,
                                lambda event, file=file: _write(out, file, event))  # type: ignore[misc]
        if os.path.getsize(path):
            wrong = con.execute(
                'SELECT file, "row", id, before, line FROM (SELECT file, "row", id, said, t, seq, first(said) OVER w '
                "AS s, first(t) OVER w AS u, first(seq) OVER w AS q, first(file) OVER w AS before, "
                f'first("row") OVER w AS line FROM scan_doubles JOIN ({_said(path)}) USING (file, "row") '
                'WINDOW w AS (PARTITION BY id ORDER BY file, "row" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) '
                'WHERE said <> s OR t <> u OR seq IS DISTINCT FROM q ORDER BY file, "row"').fetchmany(MAX_ERRORS)
            self.found += [id_twice(id, self.names[file], row, f"{self.names[before]}:{at}")
                           for file, row, id, before, at in wrong]
        os.unlink(path)
        con.execute("DELETE FROM scan_keys USING scan_dropped AS d WHERE scan_keys.pos = d.was")
        return self.one("SELECT count(*) FROM scan_dropped")

    # ---- the tables

    def kept(self, as_of: int | None) -> Scan | None:
        """Counts what there is, and makes the views; None where a row of Parquet is odd that Python has not looked at,
        or one repeats an event's id and says something else."""
        try:
            return self.counted(as_of)
        except duckdb.InvalidInputException as problem:
            if ODD not in str(problem):
                raise
            return None

    def counted(self, as_of: int | None) -> Scan | None:
        """As `kept`, as far as no row is odd."""
        con, names, there = self.con, list(self.schemas), self.columns()
        for name in MADE:
            con.execute(f"DROP TABLE IF EXISTS {name}")
        starts = [(file, start) for file, start in enumerate(self.begins()) if self.lengths[file]]
        con.execute(f"CREATE TABLE {scan_order.OF_FILES} AS FROM (VALUES "
                    f"{', '.join(map(str, starts)) or '(0, 0)'}) AS files(file, start)")
        keys = [name for name in ("seq", "id") if name in there]
        early = "true" if as_of is None else f"t <= {as_of}"
        wanted = f"{self.asked.of(self.present).among(self.needed)} AND {early}"
        rare = self.rare()
        frequent = self.present & self.needed - rare
        have = {OF_RARE: self.kept_of(rare, there), OF_FREQUENT: self.kept_of(frequent, there)}
        self.set_apart(rare, have[OF_RARE])
        # Rows with a sequence seldom move: then the table that puts them in order is that of frequent types as well.
        both = "seq" in keys and FEW * sum(self.many[kind] for kind in self.present - frequent) <= self.many.total()
        if both:
            self.rare_table(rare, have[OF_RARE])
        self.place(keys, have[OF_FREQUENT] if both else None)
        merged = self.merge(keys)
        counted = con.execute(f'SELECT "type", count(*) FILTER (WHERE {early}), min(t), max(t), count(*) FROM scan_keys '
                              "GROUP BY 1 ORDER BY 1").fetchall()
        if self.found or not counted:
            return None
        ties, moved, repeats = scan_order.order(con, keys, wanted, self.contents)
        instants = ties and "seq" in keys
        kept = both and not moved
        if kept:
            con.execute(f"ALTER TABLE scan_keys RENAME TO {OF_FREQUENT}")
            for name in keys:
                con.execute(f"ALTER TABLE {OF_FREQUENT} DROP COLUMN {name}")
        else:
            con.execute("DROP TABLE scan_keys")
        if not kept or merged:
            self.rare_table(rare, have[OF_RARE], merged > 0, instants, moved)
        if not kept:
            self.table(OF_FREQUENT, self.rows(frequent, False, early), have[OF_FREQUENT], merged > 0, instants, moved)
        con.execute("DROP TABLE IF EXISTS scan_moved")
        own = f'{early} AND "type" IN ({", ".join(map(str, sorted(frequent)))})' if kept else "true"
        # Without a sequence an instant is a time.
        instant = "instant" if instants else "t" if ties else "pos"
        self.views(have, instant, {OF_RARE: early, OF_FREQUENT: own})
        shared = f"SELECT t AS instant FROM {scan_order.SHARED}"
        if instants or not ties:
            con.execute(f"DROP TABLE IF EXISTS {scan_order.SHARED}")
            shared = "SELECT instant FROM events WHERE pos <> instant"
        con.execute(f"CREATE OR REPLACE VIEW events_shared AS {shared}")
        counts = {names[kind]: n for kind, n, *_ in counted if n}
        total, last = sum(counts.values()), max(one[3] for one in counted)
        return Scan(tuple(self.names), counts, total, sum(one[1] for one in counted if one[0] in self.needed),
                    sum(one[4] for one in counted) - total, min(one[2] for one in counted), last,
                    last if as_of is None else as_of, merged, repeats, ties,
                    {names[kind]: _view(OF_RARE if kind in rare else OF_FREQUENT)
                     for kind in rare | frequent if names[kind] in counts})

    def rare(self) -> frozenset[int]:
        """The types of which there are few events.

        Most types are rare, and have most of the columns: they stand by themselves, so that the rows of the others are
        narrow, and what is asked of rare types reads few rows.
        """
        rare, some, every = set(), 0, sum(self.many[kind] for kind in self.needed)
        for kind in sorted(self.present & self.needed, key=lambda kind: (self.many[kind], kind)):
            some += self.many[kind]
            if some * RARE <= every:
                rare.add(kind)
        return frozenset(rare)

    def set_apart(self, few: frozenset[int], held: Collection[str]) -> None:
        """Sets rows of these types apart in parts where that spares something, for a table of these columns."""
        self.few, self.apart, self.others = few, [], [source for source, _ in self.parts]
        for source, files in () if self.looked else self.parts:
            names = [self.names[file] for file in files]
            self.apart.append(set_apart(self.con, source, names, self.asked.of(self.present), few, held))

    def rare_table(self, kinds: frozenset[int], columns: Sequence[str], merged: bool = False, instants: bool = False,
                   moved: bool = False) -> None:
        """The table of the rows of rare types, those after the instant of judgement too. Rows that were set apart are
        held against the vocabulary as they stand there, and tell what need not be read of others."""
        asked = self.asked.of(self.present)
        raw = {name: type for apart in self.apart if apart for name, (type, _) in apart.raw.items()}
        # Which of them fit is asked of the table: of a source, whose rows come a few at a time, it is dearer.
        rows = [select(apart.source, asked.of(kinds), odd="trusted", also={
            name: apart.raw[name][1] if name in apart.raw else f"CAST(NULL AS {type})" for name, type in raw.items()})
            for apart in self.apart if apart]
        none = "".join(f", CAST(NULL AS {type}) AS {name}" for name, type in raw.items())
        rows += [f"SELECT *{none} FROM ({one})" for one in self.rows(kinds, True)]
        self.table(OF_RARE, rows, [*columns, *raw], merged, instants, moved)
        for number, apart in enumerate(self.apart):
            if apart:
                source, files = self.parts[number]
                asked_for = ["count(*)", *(f"count({apart.fields[name][1]})" for name in apart.told)]
                _, *counts = self.row(
                    f"SELECT {', '.join(asked_for)} FROM {OF_RARE} WHERE file IN ({', '.join(map(str, files))}) AND "
                    f"CASE WHEN {odd_apart(apart, asked)} THEN error({quoted(ODD)}) ELSE true END")
                self.others[number] = of_others(source, asked, apart, dict(zip(apart.told, counts, strict=True)))
        for name in raw:
            self.con.execute(f"ALTER TABLE {OF_RARE} DROP COLUMN {name}")

    def place(self, keys: Sequence[str], columns: Sequence[str] | None) -> None:
        """The table `scan_keys`: where each row stands, by these columns too, and what it says in these columns of
        types that are not few; in the order of the files. Only then, not for None, is it asked whether rows of these
        types fit, and has it the columns of every table of events."""
        con = self.con
        place = ['"type"', "t", f"{self.starts()} AS pos"]
        chosen = ", ".join([*place, *keys] if columns is None else [*place, "file", '"row"', *keys, *columns])
        rows = [f"SELECT {chosen} FROM ({self.staged}) WHERE NOT odd"]
        if self.looked:
            every = [select(source, self.asked.of(self.present), odd="skipped") for source, _ in self.parts]
        elif columns is not None:
            every = [self.checked(number, self.present - self.few) for number in range(len(self.parts))]
        else:
            every = [select(narrowed(source, self.asked, frozenset()), self.asked.of(frozenset()), odd="stops")
                     for source, _ in self.parts]
        rows += [f"SELECT {chosen} FROM ({one})" for one in every]
        con.execute(f"CREATE TABLE scan_keys AS {' UNION ALL '.join(rows)}")
        # Rows come as they stand in their files, most of the time; several files are read side by side.
        if self.one("SELECT count(*) FROM (SELECT pos, lag(pos) OVER () AS before FROM scan_keys) WHERE pos < before"):
            con.execute("CREATE TABLE scan_sorted AS SELECT * FROM scan_keys ORDER BY pos")
            con.execute("DROP TABLE scan_keys")
            con.execute("ALTER TABLE scan_sorted RENAME TO scan_keys")

    def columns(self) -> frozenset[str]:
        """The columns that any row says something in; for others nothing is kept."""
        names = {"seq": "sequence", "id": "id", "service": "service",
                 **{f"c{number}": one.path[0] for number, one in enumerate(self.held.columns)},
                 **{f"s{number}": one.path[0] for number, one in enumerate(self.held.columns) if one.said}}
        known = {column for columns in self.parquet.values() for column, _ in columns}
        known.update(*(self.given[file] for file in self.parquet))
        staged = self.row(f"SELECT {', '.join(f'count({one})' for one in names)} FROM scan_stage")
        return frozenset(one for (one, name), count in zip(names.items(), staged, strict=True)
                         if count or name in known)

    def starts(self) -> str:
        """SQL of a row's place in the order of reading: it rises with the file and the row."""
        starts = self.begins()
        return '"row"' if len(starts) == 1 else f'([{", ".join(map(str, starts))}])[file + 1] + "row"'

    def begins(self) -> list[int]:
        """How many rows are before each file."""
        return [0, *accumulate(self.lengths[:-1])]

    def contents(self) -> None:
        """The table `scan_said`: what each row in `scan_ties` says, as one text."""
        con = self.con
        con.execute('CREATE TABLE scan_said (file INTEGER, "row" BIGINT, said VARCHAR)')
        kinds = frozenset(kind for kind, in con.execute("SELECT DISTINCT k FROM scan_ties").fetchall())
        few = [self.staged]
        for source, _ in self.parts:  # not all rows and columns are made only to leave most out
            source = narrowed(source, self.asked, kinds)
            source = replace(source, table=f"SELECT * FROM ({source.table}) SEMI JOIN scan_ties AS k "
                                           f'ON {source.file} = k.file AND {source.row} = k."row"')
            few.append(select(source, self.asked.of(kinds), odd="skipped" if self.looked else "trusted"))
        for rows in few:
            con.execute(f'INSERT INTO scan_said SELECT file, "row", content FROM ({rows}) AS s SEMI JOIN scan_ties AS '
                        'k ON s.file = k.file AND s."row" = k."row" WHERE NOT odd')
        con.execute("DELETE FROM scan_said WHERE said IS NULL")  # asked above, it would be asked of every row
        path = os.path.join(temp_folder(con), "ties.ndjson")
        told: dict[int, list[Diagnostic]] = {file: [] for file in range(len(self.names))}
        left = 'SELECT k.file, k."row" FROM scan_ties AS k ANTI JOIN scan_said AS s ON k.file = s.file ' \
               'AND k."row" = s."row"'
        con.execute(f"CREATE TABLE scan_left AS {left}")
        with open(path, "w", encoding="utf-8") as out:
            for (file,) in con.execute("SELECT DISTINCT file FROM scan_left ORDER BY file").fetchall():
                self.each_event(file, f'SELECT "row" FROM scan_left WHERE file = {file}', told,
                                lambda event, file=file: _write(out, file, event))  # type: ignore[misc]
        con.execute("DROP TABLE scan_left")
        if os.path.getsize(path):
            con.execute(f"INSERT INTO scan_said {_said(path)}")
        os.unlink(path)

    def kept_of(self, kinds: frozenset[int], there: frozenset[str]) -> list[str]:
        """The columns that rules read of these types, as far as any row says something in them."""
        names = list(self.schemas)
        read = {one.name for kind in kinds for one in self.needs[names[kind]]}
        every = [f"{letter}{number}" for number, one in enumerate(self.held.columns) if one.name in read
                 for letter in ("c", *("s" if one.said else ""))]
        return [one for one in ("service", *every) if one in there]

    def table(self, name: str, rows: Iterable[str], columns: Sequence[str], merged: bool = False,
              instants: bool = False, moved: bool = False) -> None:
        """A table of these rows with these columns, each at its place in the order."""
        place = starts = self.starts()
        joined = ""
        if moved:
            place, joined = f"coalesce(m.pos, {starts})", f" LEFT JOIN scan_moved AS m ON {starts} = m.was"
        if merged:
            joined += ' ANTI JOIN scan_dropped AS d USING (file, "row")'
        instant = [f"coalesce(m.instant, {starts}) AS instant"] if instants else []
        chosen = ", ".join(['"type"', "t", f"{place} AS pos", *instant, "file", '"row"', *columns])
        self.con.execute(f"CREATE OR REPLACE TABLE {name} AS "
                         + " UNION ALL ".join(f"SELECT {chosen} FROM ({one}) AS r{joined}" for one in rows))

    def views(self, have: Mapping[str, Sequence[str]], instant: str, wanted: Mapping[str, str]) -> None:
        """The view of each table, as far as its rows are wanted, with all columns; and `events`, of both."""
        columns = [("service", "service", "VARCHAR")]
        for number, one in enumerate(self.held.columns):
            columns.append((f"c{number}", one.name, sql_type(one.type)))
            columns += [(f"s{number}", one.said_name, "BOOLEAN")] if one.said else []
        for table in TABLES:
            shown = ", ".join(f"{one if one in have[table] else f'CAST(NULL AS {type})'} AS {named(name)}"
                              for one, name, type in columns)
            self.con.execute(f'CREATE OR REPLACE VIEW {_view(table)} AS SELECT "type", t, pos, '
                             f'{instant} AS instant, file, "row", {shown} FROM {table} '
                             f"WHERE {wanted[table]}")
        self.con.execute("CREATE OR REPLACE VIEW events AS "
                         + " UNION ALL ".join(f"SELECT * FROM {_view(table)}" for table in TABLES))

    def rows(self, kinds: frozenset[int], rare: bool, early: str = "true") -> Iterator[str]:
        """The rows of these types, which are all `rare` or all not, but those that were set apart."""
        wanted = f"{early} AND {self.asked.of(self.present).among(kinds & self.needed)}"
        for number, (source, _) in enumerate(self.parts):
            if self.looked:
                yield select(narrowed(source, self.asked, kinds), self.asked.of(kinds), wanted, "skipped")
            elif not rare or not self.apart[number]:
                yield self.checked(number, self.few if rare else self.present - self.few, wanted)
        yield f"SELECT * FROM ({self.staged}) WHERE {wanted} AND NOT odd"

    def checked(self, number: int, kinds: frozenset[int], wanted: str = "true") -> str:
        """The rows of a part, stopped by those of these types that do not fit."""
        return select(self.others[number], self.asked.of(kinds), wanted, "stops", self.asked.of(self.present).among(kinds))


def _view(table: str) -> str:
    """The view of the rows of a table."""
    return f"events_{table.removeprefix('scan_')}"


def _said(path: str) -> str:
    return (f"SELECT * FROM read_json({file_named(path)}, format = 'newline_delimited', hive_partitioning = false, "
            "columns = {file: 'INTEGER', \"row\": 'BIGINT', said: 'VARCHAR'})")


def _write(out: TextIO, file: int, event: Event) -> None:
    said = f"{event.type}\0{content_text(event)}"
    out.write(json.dumps({"file": file, "row": event.row, "said": said}) + "\n")


def clocks(zone: str, first: int, last: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """How a zone's clocks stood between two local times (as if UTC): until when and how far ahead, the last without an
    end; and the stretches of local time that they skipped or showed twice. All in microseconds."""
    found = offsets_between(first - 2 * _DAY, last + 2 * _DAY, zone)
    changes = [(at + min(here, then), at + max(here, then), here) for (_, here), (at, then) in pairwise(found)]
    return [*((low, here) for low, _, here in changes), (0, found[-1][1])], [(low, high) for low, high, _ in changes]


_DAY = 86_400_000_000
