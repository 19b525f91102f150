"""The tables of events: rare types and frequent ones, each row once, in the order of the language.

In comes what was read; out come the view `events` and what there is in it, or why there is none. Which rules are asked,
and how files are read, is not known here.

The rows are copied into tables: thirty passes, as the rules of a regulation make, take 1 s over them and 5 s over the
Parquet file, whose columns would be unpacked each time; only with less than ten would a view of the file be faster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import duckdb

from policyengine.base.diagnostic import Diagnostic
from policyengine.base.record import record
from policyengine.trace.columns import Column, sql_type
from policyengine.trace.scan import order as scan_order
from policyengine.trace.scan.database import any_order, number_of, row_of
from policyengine.trace.scan.forms import named, quoted
from policyengine.trace.scan.halves import Apart, odd_apart, of_others, set_apart
from policyengine.trace.scan.reading import Reading
from policyengine.trace.scan.rows import MAX_ERRORS, id_twice
from policyengine.trace.scan.sources import ODD, Asked, Source, narrowed, select

TABLES = OF_RARE, OF_FREQUENT = "scan_rare", "scan_frequent"
"""Where events are kept: those of rare types, and the others."""

MADE = (scan_order.OF_FILES, "scan_doubles", "scan_dropped", "scan_keys", "scan_sorted", scan_order.SHARED, "scan_few",
        "scan_ties", "scan_said", "scan_placed", "scan_moved", *TABLES)
"""The tables made of the rows that were read."""

RARE = 8
"""Of so many events at most one is of a rare type."""

FEW = 4
"""Of so many rows at most one is of no use in a table that is kept as it is; else it is made without them."""

MOVED = 64
"""Where of so many rows at most one stands at another place than it was read at, these are moved afterwards."""


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


class Tables:
    """The tables of what was read of some types: `found` is what is wrong so far. Rows of the `few` types stand `apart`
    in some parts, and `others` are what is read of the others."""

    def __init__(self, reading: Reading, needs: Mapping[str, Sequence[Column]]) -> None:
        self.read, self.con, self.needs = reading, reading.con, needs
        self.needed = frozenset(reading.places[name] for name in needs if name in reading.places)
        self.found: list[Diagnostic] = []
        self.few: frozenset[int] = frozenset()
        self.apart: list[Apart | None] = []
        self.others: list[Source] = []

    @property
    def asked(self) -> Asked:
        """What is asked of rows of the types that occur."""
        return self.read.asked.of(self.read.present)

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
        con, read, asked = self.con, self.read, self.asked
        names, there = list(read.schemas), read.columns()
        for name in MADE:
            con.execute(f"DROP TABLE IF EXISTS {name}")
        starts = [(file, start) for file, start in enumerate(read.begins()) if read.lengths[file]]
        con.execute(f"CREATE TABLE {scan_order.OF_FILES} AS FROM (VALUES "
                    f"{', '.join(map(str, starts)) or '(0, 0)'}) AS files(file, start)")
        keys = [name for name in ("seq", "id") if name in there]
        early = "true" if as_of is None else f"t <= {as_of}"
        wanted = f"{asked.among(self.needed)} AND {early}"
        rare = self.rare()
        frequent = asked.present & self.needed - rare
        have = {OF_RARE: self.kept_of(rare, there), OF_FREQUENT: self.kept_of(frequent, there)}
        self.set_apart(rare, have[OF_RARE])
        # Rows with a sequence seldom move: then the table that puts them in order is that of frequent types as well.
        both = "seq" in keys and FEW * sum(read.many[kind] for kind in asked.present - frequent) <= read.many.total()
        if both:
            self.rare_table(have[OF_RARE])
        self.place(keys, have[OF_FREQUENT] if both else None)
        merged = self.merge(keys)
        counted = con.execute(f'SELECT "type", count(*) FILTER (WHERE {early}), min(t), max(t), count(*) FROM '
                              "scan_keys GROUP BY 1 ORDER BY 1").fetchall()
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
            self.rare_table(have[OF_RARE], merged > 0, instants, moved)
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
        return Scan(tuple(read.names), counts, total, sum(one[1] for one in counted if one[0] in self.needed),
                    sum(one[4] for one in counted) - total, min(one[2] for one in counted), last,
                    last if as_of is None else as_of, merged, repeats, ties,
                    {names[kind]: _view(OF_RARE if kind in rare else OF_FREQUENT)
                     for kind in rare | frequent if names[kind] in counts})

    def rare(self) -> frozenset[int]:
        """The types of which there are few events.

        Most types are rare, and have most of the columns: they stand by themselves, so that the rows of the others are
        narrow, and what is asked of rare types reads few rows.
        """
        rare, some, every = set(), 0, sum(self.read.many[kind] for kind in self.needed)
        for kind in sorted(self.asked.present & self.needed, key=lambda kind: (self.read.many[kind], kind)):
            some += self.read.many[kind]
            if some * RARE <= every:
                rare.add(kind)
        return frozenset(rare)

    # ---- rows and their order

    def place(self, keys: Sequence[str], columns: Sequence[str] | None) -> None:
        """The table `scan_keys`: where each row stands, by these columns too, and what it says in these columns of
        types that are not few; in the order of the files. Only then, not for None, is it asked whether rows of these
        types fit, and has it the columns of every table of events."""
        con, asked, parts = self.con, self.asked, self.read.parts
        place = ['"type"', "t", f"{self.read.starts()} AS pos"]
        chosen = ", ".join([*place, *keys] if columns is None else [*place, "file", '"row"', *keys, *columns])
        rows = [f"SELECT {chosen} FROM ({self.read.staged}) WHERE NOT odd"]
        if self.read.looked:
            every = [select(source, asked, odd="skipped") for source, _ in parts]
        elif columns is not None:
            every = [self.checked(number, asked.present - self.few) for number in range(len(parts))]
        else:
            none = asked.of(frozenset())
            every = [select(narrowed(source, asked, frozenset()), none, odd="stops") for source, _ in parts]
        rows += [f"SELECT {chosen} FROM ({one})" for one in every]
        con.execute(f"CREATE TABLE scan_keys AS {' UNION ALL '.join(rows)}")
        # Rows come as they stand in their files, most of the time; several files are read side by side.
        if number_of(con, "SELECT count(*) FROM (SELECT pos, lag(pos) OVER () AS before FROM scan_keys) "
                          "WHERE pos < before"):
            con.execute("CREATE TABLE scan_sorted AS SELECT * FROM scan_keys ORDER BY pos")
            con.execute("DROP TABLE scan_keys")
            con.execute("ALTER TABLE scan_sorted RENAME TO scan_keys")

    def merge(self, keys: Sequence[str]) -> int:
        """Leaves out of `scan_keys` the rows that repeat an event's id, which are in `scan_dropped` then; how many they
        are. They must say the same."""
        con, seq = self.con, "seq" if "seq" in keys else "NULL AS seq"
        if "id" not in keys or not number_of(con, "SELECT count(*) FROM (SELECT hash(id) AS h FROM scan_keys WHERE id "
                                                  "IS NOT NULL GROUP BY h HAVING count(*) > 1)"):
            return 0
        con.execute("CREATE TABLE scan_doubles AS " + scan_order.in_files(
            f"SELECT pos AS was, id, t, {seq} FROM scan_keys WHERE id IN (SELECT id FROM scan_keys WHERE id IS NOT "
            "NULL GROUP BY id HAVING count(*) > 1)"))
        con.execute("CREATE TABLE scan_dropped AS SELECT was FROM (SELECT was, row_number() OVER (PARTITION BY id "
                    "ORDER BY was) AS n FROM scan_doubles) WHERE n > 1")
        con.execute(scan_order.SAID)
        self.read.say("scan_doubles")
        wrong = con.execute(
            'SELECT file, "row", id, before, line FROM (SELECT file, "row", id, said, t, seq, first(said) OVER w '
            "AS s, first(t) OVER w AS u, first(seq) OVER w AS q, first(file) OVER w AS before, "
            'first("row") OVER w AS line FROM scan_doubles JOIN scan_said USING (file, "row") '
            'WINDOW w AS (PARTITION BY id ORDER BY file, "row" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) '
            'WHERE said <> s OR t <> u OR seq IS DISTINCT FROM q ORDER BY file, "row"').fetchmany(MAX_ERRORS)
        self.found += [id_twice(id, self.read.names[file], row, f"{self.read.names[before]}:{at}")
                       for file, row, id, before, at in wrong]
        con.execute("DROP TABLE scan_said")
        con.execute("DELETE FROM scan_keys USING scan_dropped AS d WHERE scan_keys.pos = d.was")
        return number_of(con, "SELECT count(*) FROM scan_dropped")

    def contents(self) -> None:
        """Adds to the table `scan_said` what each row in `scan_ties` says."""
        con = self.con
        kinds = frozenset(kind for kind, in con.execute("SELECT DISTINCT k FROM scan_ties").fetchall())
        few = [self.read.staged]
        for source, _ in self.read.parts:  # not all rows and columns are made only to leave most out
            source = narrowed(source, self.asked, kinds)
            source = replace(source, table=f"SELECT * FROM ({source.table}) SEMI JOIN scan_ties AS k "
                                           f'ON {source.file} = k.file AND {source.row} = k."row"')
            few.append(select(source, self.asked.of(kinds), odd="skipped" if self.read.looked else "trusted"))
        with any_order(con):
            for rows in few:
                con.execute(f'INSERT INTO scan_said SELECT file, "row", content FROM ({rows}) AS s SEMI JOIN scan_ties '
                            'AS k ON s.file = k.file AND s."row" = k."row" WHERE NOT odd')
        con.execute("DELETE FROM scan_said WHERE said IS NULL")  # asked above, it would be asked of every row
        con.execute('CREATE TABLE scan_left AS SELECT k.file, k."row" FROM scan_ties AS k ANTI JOIN scan_said AS s ON '
                    'k.file = s.file AND k."row" = s."row"')
        self.read.say("scan_left")
        con.execute("DROP TABLE scan_left")

    # ---- the tables

    def kept_of(self, kinds: frozenset[int], there: frozenset[str]) -> list[str]:
        """The columns that rules read of these types, as far as any row says something in them."""
        names = list(self.read.schemas)
        read = {one.name for kind in kinds for one in self.needs[names[kind]]}
        every = [f"{letter}{number}" for number, one in enumerate(self.read.held.columns) if one.name in read
                 for letter in ("c", *("s" if one.said else ""))]
        return [one for one in ("service", *every) if one in there]

    def set_apart(self, few: frozenset[int], held: Collection[str]) -> None:
        """Sets rows of these types apart in parts where that spares something, for a table of these columns."""
        self.few, self.apart, self.others = few, [], [source for source, _ in self.read.parts]
        for source, files in () if self.read.looked else self.read.parts:
            names = [self.read.names[file] for file in files]
            self.apart.append(set_apart(self.con, source, names, self.asked, few, held))

    def rare_table(self, columns: Sequence[str], merged: bool = False, instants: bool = False, moved: int = 0,
                   ) -> None:
        """The table of the rows of rare types, those after the instant of judgement too. Rows that were set apart are
        held against the vocabulary as they stand there, before any is left out, and tell what need not be read of
        others."""
        asked = self.asked
        raw = {name: type for apart in self.apart if apart for name, (type, _) in apart.raw.items()}
        # Which of them fit is asked of the table: of a source, whose rows come a few at a time, it is dearer.
        rows = [select(apart.source, asked.of(self.few), odd="trusted", also={
            name: apart.raw[name][1] if name in apart.raw else f"CAST(NULL AS {type})" for name, type in raw.items()})
            for apart in self.apart if apart]
        none = "".join(f", CAST(NULL AS {type}) AS {name}" for name, type in raw.items())
        rows += [f"SELECT *{none} FROM ({one})" for one in self.rows(self.few, True)]
        self.table(OF_RARE, rows, [*columns, *raw], False, instants, moved)
        for number, apart in enumerate(self.apart):
            if apart:
                source, files = self.read.parts[number]
                asked_for = ["count(*)", *(f"count({apart.fields[name][1]})" for name in apart.told)]
                _, *counts = row_of(
                    self.con, f"SELECT {', '.join(asked_for)} FROM {OF_RARE} WHERE file IN "
                    f"({', '.join(map(str, files))}) AND CASE WHEN {odd_apart(apart, asked)} THEN error({quoted(ODD)}) "
                    "ELSE true END")
                self.others[number] = of_others(source, asked, apart, dict(zip(apart.told, counts, strict=True)))
        for name in raw:
            self.con.execute(f"ALTER TABLE {OF_RARE} DROP COLUMN {name}")
        if merged:
            self.con.execute(f"DELETE FROM {OF_RARE} USING scan_dropped AS d WHERE {self.read.starts()} = d.was")

    def table(self, name: str, rows: Iterable[str], columns: Sequence[str], merged: bool = False,
              instants: bool = False, moved: int = 0) -> None:
        """A table of these rows with these columns, each at its place in the order; `moved` are not where they were."""
        starts = self.read.starts()
        place, joined = {"pos": starts, **({"instant": starts} if instants else {})}, ""
        few = moved * MOVED <= self.read.many.total()
        if moved and not few:
            place = {column: f"coalesce(m.{column}, {starts})" for column in place}
            joined = f" LEFT JOIN scan_moved AS m ON {starts} = m.was"
        if merged:
            joined += f" ANTI JOIN scan_dropped AS d ON {starts} = d.was"
        chosen = ", ".join(['"type"', "t", *(f"{x} AS {column}" for column, x in place.items()), "file", '"row"',
                            *columns])
        with any_order(self.con):
            self.con.execute(f"CREATE OR REPLACE TABLE {name} AS "
                             + " UNION ALL ".join(f"SELECT {chosen} FROM ({one}) AS r{joined}" for one in rows))
        if moved and few:
            self.con.execute(f"UPDATE {name} SET {', '.join(f'{column} = m.{column}' for column in place)} "
                             f"FROM scan_moved AS m WHERE {starts} = m.was")

    def rows(self, kinds: frozenset[int], rare: bool, early: str = "true") -> Iterator[str]:
        """The rows of these types, which are all `rare` or all not, but those that were set apart."""
        wanted = f"{early} AND {self.asked.among(kinds & self.needed)}"
        for number, (source, _) in enumerate(self.read.parts):
            if self.read.looked:
                yield select(narrowed(source, self.asked, kinds), self.asked.of(kinds), wanted, "skipped")
            elif not rare or not self.apart[number]:
                yield self.checked(number, self.few if rare else self.asked.present - self.few, wanted)
        yield f"SELECT * FROM ({self.read.staged}) WHERE {wanted} AND NOT odd"

    def checked(self, number: int, kinds: frozenset[int], wanted: str = "true") -> str:
        """The rows of a part, stopped by those of these types that do not fit."""
        return select(self.others[number], self.asked.of(kinds), wanted, "stops", self.asked.among(kinds))

    def views(self, have: Mapping[str, Sequence[str]], instant: str, wanted: Mapping[str, str]) -> None:
        """The view of each table, as far as its rows are wanted, with all columns; and `events`, of both."""
        columns = [("service", "service", "VARCHAR")]
        for number, one in enumerate(self.read.held.columns):
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


def _view(table: str) -> str:
    """The view of the rows of a table."""
    return f"events_{table.removeprefix('scan_')}"
