"""Files of events in reach of DuckDB: Parquet as it stands, all else as rows of a table.

In come a connection, files and the vocabulary with the columns that rules read; out come sources and staged rows, and
every reason why a row is no event. DuckDB reads and checks columns; a row that it cannot vouch for is read again by
`scan.rows`, whose word holds. In which order events stand, and where they are kept, is not known here.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import duckdb

from policyengine.base.diagnostic import Diagnostic, has_errors
from policyengine.base.instants import offsets_between
from policyengine.base.scalars import start_of
from policyengine.core.case import Event
from policyengine.trace.columns import Column, each_once, sql_type
from policyengine.trace.files import read
from policyengine.trace.files.log_names import given_names
from policyengine.trace.scan import parquet as scan_parquet
from policyengine.trace.scan.database import fault, number_of, row_of, temp_folder
from policyengine.trace.scan.forms import Form, file_named, named, quoted
from policyengine.trace.scan.parquet import Columns
from policyengine.trace.scan.rising import Rising
from policyengine.trace.scan.rows import Fitter, Held, Schemas, as_json, content_text, each_row, from_json, path_fields
from policyengine.trace.scan.sources import Source, asked, placed, select
from policyengine.trace.scan.text import stage

Told = dict[int, list[Diagnostic]]
"""What was noticed of each file, by its place among them."""


class Reading:
    """Files of events of some types, each with the columns that are needed of it (`needs`).

    `parts` are sources of Parquet, with the files of each; `looked` says whether Python has read those of their rows
    that DuckDB is not sure of, which are in the table of stage since; `staged` are the rows of that. `many` are the
    rows of each type, `lengths` the last row of each file, `told` what was noticed.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, names: Sequence[str], schemas: Schemas,
                 needs: Mapping[str, Sequence[Column]], zone: str | None) -> None:
        self.con, self.names, self.schemas, self.zone = con, names, schemas, zone
        self.places = {name: place for place, name in enumerate(schemas)}
        self.held = Held(each_once(needs.values()))
        self.asked = asked(schemas, self.held, zone)
        self.given = [path_fields(name, schemas) for name in names]
        self.called = given_names(schemas)
        self.parts: list[tuple[Source, list[int]]] = []
        self.parquet: dict[int, Columns] = {}
        self.looked = False
        self.staged = "SELECT * FROM scan_stage"
        self.many: Counter[int] = Counter()
        self.lengths = [0] * len(names)
        self.told: Told = {file: [] for file in range(len(names))}

    @property
    def present(self) -> frozenset[int]:
        """The types that occur."""
        return frozenset(self.many)

    @property
    def found(self) -> list[Diagnostic]:
        """What was noticed, file after file."""
        return read.others_hold([one for file in self.told for one in self.told[file]], len(self.names))

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong so far."""
        return not has_errors(self.found)

    def take_in(self) -> None:
        """Reads all that is not Parquet, and what Parquet says of itself."""
        for name in ("scan_stage", "scan_doubtful"):
            self.con.execute(f"DROP TABLE IF EXISTS {name}")
        self.con.execute(f"CREATE TABLE scan_stage ({self.declared()})")
        self.con.execute('CREATE TABLE scan_doubtful (file INTEGER, "row" BIGINT)')
        self.read_parquet()
        self.read_text()

    def declared(self) -> str:
        """The columns of the table of stage."""
        own = ('file INTEGER, "row" BIGINT, "type" SMALLINT, t BIGINT, local BOOLEAN, seq DECIMAL(27,9), id VARCHAR, '
               "service VARCHAR, content VARCHAR, odd BOOLEAN")
        return ", ".join([own, *(f"c{number} {sql_type(one.type)}" for number, one in enumerate(self.held.columns)),
                          *(f"s{number} BOOLEAN" for number, one in enumerate(self.held.columns) if one.said)])

    # ---- reading in bulk

    def read_parquet(self) -> None:
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
            self.told[file] += wrong
            if not wrong:
                keys = tuple(sorted(self.given[file].keys() - dict(columns)))
                groups.setdefault((columns, keys), []).append(file)
        for (columns, keys), files in groups.items():
            try:
                self.parts.append((self.parquet_source(columns, keys, files), files))
            except (duckdb.Error, OSError) as problem:
                self.told[files[0]] += [self.unreadable(files, problem)]

    def parquet_source(self, columns: Columns, keys: Sequence[str], files: Sequence[int]) -> Source:
        names = [self.names[file] for file in files]
        raw = scan_parquet.table(names)
        for file in files:
            self.lengths[file] = number_of(self.con, f"SELECT count(*) FROM {scan_parquet.table([self.names[file]])}")
            if not self.lengths[file]:
                self.told[file].append(read.no_events(self.names[file]))
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

    def read_text(self) -> None:
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
            self.explain(file, None)
        self.explain_doubtful()
        for kind, count in self.con.execute(
                'SELECT "type", count(*) FROM scan_stage WHERE "type" IS NOT NULL GROUP BY 1').fetchall():
            self.many[kind] += count
        for file, last in self.con.execute(f'SELECT file, max("row") FROM ({self.staged}) GROUP BY 1').fetchall():
            self.lengths[file] = last

    def look(self) -> None:
        """Python reads the rows of Parquet that DuckDB is not sure of."""
        self.looked = True
        for source, files in self.parts:
            try:
                rows = select(source, self.asked.of(self.present))
                self.con.execute(f'INSERT INTO scan_doubtful SELECT file, "row" FROM ({rows}) WHERE odd')
            except (duckdb.Error, OSError) as problem:
                self.told[files[0]] += [self.unreadable(files, problem)]
        self.explain_doubtful()

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

    # ---- reading row by row

    def explain_doubtful(self) -> None:
        """Python reads the rows that the bulk reading was not sure of."""
        for (file,) in self.con.execute("SELECT DISTINCT file FROM scan_doubtful ORDER BY file").fetchall():
            self.explain(file, f'SELECT "row" FROM scan_doubtful WHERE file = {file}')
        self.con.execute("DELETE FROM scan_doubtful")

    def explain(self, file: int, rows: str | None) -> None:
        """Python reads these rows of a file, or all; what fits goes to the table of stage."""
        path = os.path.join(temp_folder(self.con), f"rows-{file}.ndjson")
        with open(path, "w", encoding="utf-8") as out:
            def put(event: Event) -> None:
                out.write(as_json(event, file, self.held))

            count = self.each_event(file, rows, put, self.told)
        if count:
            self.con.execute(f"INSERT INTO scan_stage BY NAME {from_json(self.held, path)}")
        os.unlink(path)

    def each_event(self, file: int, rows: str | None, take: Callable[[Event], None], told: Told) -> int:
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
            wrong = each_row(name, fit, self.schemas, self.zone, asked, self.called)
        unread = 0 if asked is None else asked.left()
        told[file] += [*wrong, *fitter.problems(unread, start_of(name))]
        if rows is None and not count and not wrong and not fitter.wrong:
            told[file].append(read.no_events(name))
        return count

    def say(self, rows: str) -> None:
        """Adds to the table `scan_said` what the rows that another table names (file, row) say, as Python reads them;
        what is wrong with any of them has been told."""
        path = os.path.join(temp_folder(self.con), "said.ndjson")
        nobody: Told = {file: [] for file in range(len(self.names))}
        with open(path, "w", encoding="utf-8") as out:
            for (file,) in self.con.execute(f"SELECT DISTINCT file FROM {rows} ORDER BY file").fetchall():
                def write(event: Event, file: int = file) -> None:
                    said = f"{event.type}\0{content_text(event)}"
                    out.write(json.dumps({"file": file, "row": event.row, "said": said}) + "\n")

                self.each_event(file, f'SELECT "row" FROM {rows} WHERE file = {file}', write, nobody)
        if os.path.getsize(path):
            self.con.execute(f"INSERT INTO scan_said SELECT * FROM read_json({file_named(path)}, format = "
                             "'newline_delimited', hive_partitioning = false, columns = {file: 'INTEGER', \"row\": "
                             "'BIGINT', said: 'VARCHAR'})")
        os.unlink(path)

    # ---- what was read

    def columns(self) -> frozenset[str]:
        """The columns that any row says something in; for others nothing is kept."""
        names = {"seq": "sequence", "id": "id", "service": "service",
                 **{f"c{number}": one.path[0] for number, one in enumerate(self.held.columns)},
                 **{f"s{number}": one.path[0] for number, one in enumerate(self.held.columns) if one.said}}
        known = {column for columns in self.parquet.values() for column, _ in columns}
        known.update(*(self.given[file] for file in self.parquet))
        staged = row_of(self.con, f"SELECT {', '.join(f'count({one})' for one in names)} FROM scan_stage")
        return frozenset(one for (one, name), count in zip(names.items(), staged, strict=True)
                         if count or name in known)

    def starts(self) -> str:
        """SQL of a row's place in the order of reading: it rises with the file and the row."""
        starts = self.begins()
        return '"row"' if len(starts) == 1 else f'([{", ".join(map(str, starts))}])[file + 1] + "row"'

    def begins(self) -> list[int]:
        """How many rows are before each file."""
        return [0, *accumulate(self.lengths[:-1])]


def clocks(zone: str, first: int, last: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """How a zone's clocks stood between two local times (as if UTC): until when and how far ahead, the last without an
    end; and the stretches of local time that they skipped or showed twice. All in microseconds."""
    found = offsets_between(first - 2 * _DAY, last + 2 * _DAY, zone)
    changes = [(at + min(here, then), at + max(here, then), here) for (_, here), (at, then) in pairwise(found)]
    return [*((low, here) for low, _, here in changes), (0, found[-1][1])], [(low, high) for low, high, _ in changes]


_DAY = 86_400_000_000
