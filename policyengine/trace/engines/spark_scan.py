"""Files that Spark can read into the view `events`, held against the vocabulary in bulk.

In come paths (files, folders, patterns, also on hdfs or s3), the vocabulary and the columns that rules read; out come
the view, in the order of the language, and what was noticed, or every reason why there is none. What `scan.sources`
asks of a row in DuckDB's words is asked of Spark, and as there a row that cannot be vouched for is read again by
`scan.rows`, at the driver. Which rules are asked is not known here.

Places in the order are distinct and rise with it, but do not count the rows: for that they would all have to pass
through one machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession, Window, functions
from sqlglot import exp

from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.trace.columns import Column, Unsupported, each_once
from policyengine.trace.engines.spark import FAULTS, KEPT, fault, local_table
from policyengine.trace.engines.spark_read import PLACE, Part, each_row, numbered, parts
from policyengine.trace.engines.spark_sql import name_of, spark_sql, spark_type
from policyengine.trace.files import read
from policyengine.trace.scan.reading import clocks
from policyengine.trace.scan.rising import UNREAD
from policyengine.trace.scan.rows import MAX_ERRORS, Fitter, Held, Schemas, as_json, id_twice, too_many
from policyengine.trace.scan.sources import asked, select
from policyengine.trace.scan.tables import Scan


def scan(spark: SparkSession, paths: Sequence[str | os.PathLike[str]], schemas: Schemas,
         needs: Mapping[str, Sequence[Column]], *, zone: str | None = None, as_of: int | None = None,
         ) -> tuple[Scan | None, tuple[Diagnostic, ...]]:
    """Makes the view `events`; see `trace.scan.scan`. Here `repeats` counts the rows in the table alone."""
    if wrong := too_many(schemas):
        return None, wrong
    work = _Work(spark, schemas, needs, zone)
    try:
        return work.scan([os.fspath(path) for path in paths], as_of), tuple(work.found)
    except Unsupported as gap:
        return None, (*work.found, error("unsupported-by-spark", f"Spark cannot check {gap}",
                                         help="leave `--engine` out, or say it in another way"))
    except FAULTS as problem:
        said = _fault(problem)
        if said is None:
            raise
        return None, (*work.found, said)


class _Work:
    """One scan: `found` is what is wrong so far."""

    def __init__(self, spark: SparkSession, schemas: Schemas, needs: Mapping[str, Sequence[Column]],
                 zone: str | None) -> None:
        self.spark, self.schemas, self.zone = spark, schemas, zone
        self.held = Held(each_once(needs.values()))
        self.asked = asked(schemas, self.held, zone)
        self.names = list(schemas)
        self.needed = [place for place, name in enumerate(schemas) if name in needs]
        self.found: list[Diagnostic] = []
        self.parts: list[Part] = []

    def scan(self, paths: Sequence[str], as_of: int | None) -> Scan | None:
        numbers = frozenset(name for name, field in self.asked.fields.items()
                            if any(schema["type"] in ("integer", "number") for schema, _ in field.groups))
        for path in paths:
            first = sum(len(part.files) for part in self.parts)
            made, wrong = parts(self.spark, path, first, self.schemas, numbers)
            self.parts += made
            self.found += wrong
        if self.found:
            return None
        # Looked through several times, and each time it would be read and checked anew.
        tables = [self.plain(part).persist(KEPT) for part in self.parts]
        try:
            return self.whole(tables, as_of)
        finally:
            for table in tables:
                table.unpersist()

    def whole(self, tables: Sequence[DataFrame], as_of: int | None) -> Scan | None:
        """The view of all parts together."""
        rows = reduce(DataFrame.unionByName, tables)
        counted = self.counted(rows, as_of)
        if not counted:
            self.found += map(read.no_events, numbered(self.parts)[:MAX_ERRORS])
            return None
        if any(one.odd for one in counted):
            rows = reduce(DataFrame.unionByName, map(self.vouched, self.parts, tables))
            if self.found:
                return None
            counted = self.counted(rows, as_of)
        merged = 0
        if any(one.ids for one in counted):
            rows, merged = self.merged(rows)
            if self.found:
                return None
            counted = self.counted(rows, as_of) if merged else counted
        return self.kept(rows.drop("odd"), as_of, counted, merged)

    def counted(self, rows: DataFrame, as_of: int | None) -> list[Any]:
        """What there is of each type."""
        return rows.groupBy("type").agg(
            functions.count("*").alias("all"), functions.min("t").alias("first"), functions.max("t").alias("last"),
            functions.expr(f"count_if(t <= {2 ** 62 if as_of is None else as_of})").alias("now"),
            functions.expr("count_if(odd)").alias("odd"), functions.count("id").alias("ids")).collect()

    # ---- reading in bulk

    def vouched(self, part: Part, rows: DataFrame) -> DataFrame:
        """The rows of a part, those that Python had to read among them."""
        doubtful = rows.where("odd").select(functions.col("file").alias(PLACE[0]), functions.col("row").alias(PLACE[1]))
        places = [tuple(one) for one in doubtful.limit(UNREAD + 1).collect()]
        if not places:
            return rows
        fitter = Fitter(self.schemas)
        lines: list[tuple[str]] = []
        numbers = {name: number for number, name in part.files.items()}

        def fit(row: read.Event) -> None:
            event = fitter.event(row)
            if event is not None:
                lines.append((as_json(event, numbers[event.file], self.held),))

        asked_for = local_table(self.spark, {"scan_file": "INT", "scan_row": "BIGINT"}, places[:UNREAD])
        wrong = each_row(self.spark, part, asked_for, self.schemas, self.zone, fit)
        unread = doubtful.count() - UNREAD if len(places) > UNREAD else 0
        self.found += [*wrong[:MAX_ERRORS], *fitter.problems(len(wrong[MAX_ERRORS:]) + unread)]
        good = rows.where("NOT odd")
        return good if not lines else good.unionByName(self.from_lines(lines))

    def plain(self, part: Part) -> DataFrame:
        """The rows of a part as `scan.sources` has them, times of the zone's clock made instants."""
        rows = self.spark.sql(spark_sql(select(part.source, self.asked), _whole_content)).withColumns({
            "seq": functions.expr("CAST(seq AS DECIMAL(27,9))"), "odd": functions.expr("coalesce(odd, TRUE)")})
        if self.zone is None:
            return rows.drop("local")
        first, last = rows.where("local").selectExpr("min(t)", "max(t)").collect()[0]
        if first is None:
            return rows.drop("local")
        offsets, open = clocks(self.zone, first, last)
        behind = " ".join(f"WHEN t < {until} THEN {offset}" for until, offset in offsets[:-1])
        shift = f"CASE {behind} ELSE {offsets[-1][1]} END" if behind else str(offsets[-1][1])
        unclear = " OR ".join(f"(t >= {start} AND t < {end})" for start, end in open) or "FALSE"
        return rows.withColumn("odd", functions.expr(f"odd OR (local AND ({unclear}))")).withColumn(
            "t", functions.expr(f"CASE WHEN local THEN t - {shift} ELSE t END")).drop("local")

    def from_lines(self, lines: Sequence[tuple[str]]) -> DataFrame:
        """Rows that Python has read, as `scan.rows.as_json` writes them."""
        columns = {"file": "INT", "row": "BIGINT", "type": "SMALLINT", "t": "BIGINT", "seq": "STRING", "id": "STRING",
                   "service": "STRING", "content": "STRING"}
        chosen = ["v.file", "v.row", "v.type", "v.t", "CAST(v.seq AS DECIMAL(27,9)) AS seq", "v.id", "v.service",
                  "v.content", "FALSE AS odd"]
        for number, column in enumerate(self.held.columns):
            into = spark_type(column.type)
            columns[f"c{number}"] = "STRING" if into.startswith(("DATE", "DECIMAL")) else into
            chosen.append(f"CAST(v.c{number} AS {into}) AS c{number}")
            if column.said:
                columns[f"s{number}"] = "BOOLEAN"
                chosen.append(f"v.s{number}")
        shape = ", ".join(f"{name} {type}" for name, type in columns.items())
        made = local_table(self.spark, {"line": "STRING"}, lines)
        return made.selectExpr(f"from_json(line, '{shape}') AS v").selectExpr(*chosen)

    # ---- rows that are one event

    def merged(self, rows: DataFrame) -> tuple[DataFrame, int]:
        """The rows without those that repeat an event's id, and how many these are; notes those that say otherwise."""
        named = rows.where("id IS NOT NULL")
        doubles = named.groupBy("id").count().where("count > 1")
        extra = doubles.selectExpr("sum(count - 1)").collect()[0][0]
        if not extra:
            return rows, 0
        window = Window.partitionBy("id").orderBy("file", "row")
        said = functions.struct("t", "seq", "type", "content")
        every = named.join(doubles.select("id"), "id", "left_semi").select(
            "id", "file", "row", functions.first("file").over(window).alias("before"),
            functions.first("row").over(window).alias("line"), functions.row_number().over(window).alias("n"),
            (~said.eqNullSafe(functions.first(said).over(window))).alias("otherwise"))
        files = numbered(self.parts)
        for one in every.where("otherwise").orderBy("file", "row").limit(MAX_ERRORS).collect():
            self.found.append(id_twice(one.id, files[one.file], one.row, f"{files[one.before]}:{one.line}"))
        dropped = every.where("n > 1").select("file", "row")
        return rows.join(dropped, ["file", "row"], "left_anti"), int(extra)

    # ---- the table

    def kept(self, rows: DataFrame, as_of: int | None, counted: Sequence[Any], merged: int) -> Scan:
        """Makes the view."""
        first, last = min(one.first for one in counted), max(one.last for one in counted)
        until = last if as_of is None else as_of
        counts = {self.names[one.type]: one.now for one in sorted(counted, key=lambda one: int(one.type)) if one.now}
        total, everything = sum(counts.values()), sum(one.all for one in counted)
        wanted = rows.where(functions.col("type").isin(self.needed) & (functions.col("t") <= until))
        table = _in_order(wanted.withColumn("content", functions.lit(None).cast("string")))
        size, ties, alike = table.selectExpr("count(*)", "count_if(tied)", "count_if(alike)").collect()[0]
        repeats = 0
        if alike:
            # Only rows that nothing else puts in order are put in order by what they say.
            places = table.where("alike OR followed").select("file", "row")
            said = wanted.select("file", "row", "content").join(
                functions.broadcast(places), ["file", "row"], "left_semi")
            own = ("content", "pos", "instant", "tied", "alike", "followed", "again")
            fuller = table.drop(*own).join(said, ["file", "row"], "left")
            before, table = table, _in_order(fuller)
            repeats = table.where("again").count()
            before.unpersist()
        self.view(table)
        return Scan(tuple(numbered(self.parts)), counts, total, size, everything - total, first, last, until, merged,
                    repeats, ties > 0, {})

    def view(self, table: DataFrame) -> None:
        """`events`, and `events_shared`."""
        columns = [f"c{number} AS {name_of(one.name)}" for number, one in enumerate(self.held.columns)]
        columns += [f"s{number} AS {name_of(one.said_name)}" for number, one in enumerate(self.held.columns)
                    if one.said]
        table.selectExpr("type", "t", "pos", "instant", "file", "row", "service", *columns
                         ).createOrReplaceTempView("events")
        table.where("pos <> instant").select("instant").createOrReplaceTempView("events_shared")


def _whole_content(tree: exp.Expr) -> None:
    """Rows with an id or a sequence have their content too: here it says whether rows of one id are alike."""
    assert isinstance(tree, exp.Select)
    for one in tree.selects:
        if one.alias == "content" and isinstance(one.this, exp.Case):
            one.this.replace(one.this.args["ifs"][0].args["true"].copy())


def _in_order(rows: DataFrame) -> DataFrame:
    """The rows with their places, kept: `pos` and `instant` as in `columns.ORDER_COLUMNS`; `tied` where a row has the
    time and sequence of the one before it, `alike` where also its type and id, `again` where it says the same,
    `followed` where the next row is alike.

    All rows of an instant are in one part of the table, so what stands beside a row is known without another sort.
    """
    place = functions.monotonically_increasing_id()
    ordered = rows.repartitionByRange("t", "seq").sortWithinPartitions(
        "t", "seq", "type", functions.expr("coalesce(id, '')"), "content", "file", "row").withColumn("pos", place)
    instant = Window.partitionBy("t", "seq").orderBy("pos")
    kind, id = functions.col("type"), functions.expr("coalesce(id, '')")

    def like(other: Callable[[Any], Any]) -> Any:
        return functions.coalesce((other(kind) == kind) & (other(id) == id), functions.lit(False))

    alike = like(lambda one: functions.lag(one).over(instant))
    return ordered.withColumns({
        "instant": functions.min("pos").over(Window.partitionBy("t", "seq")),
        "tied": functions.lag("pos").over(instant).isNotNull(), "alike": alike,
        "followed": like(lambda one: functions.lead(one).over(instant)),
        "again": alike & functions.expr("id IS NULL AND seq IS NULL") & functions.coalesce(
            functions.lag("content").over(instant) == functions.col("content"), functions.lit(False)),
    }).persist(KEPT)


def _fault(problem: Exception) -> Diagnostic | None:
    """What a failure of Spark means to a user; None when it is our own mistake."""
    said = " ".join(str(problem).split())
    for word in ("FAILED_READ_FILE", "CANNOT_READ_FILE_FOOTER", "CANNOT_READ_FOOTER", "is not a Parquet file",
                 "Expected magic number", "Unexpected end of input stream", "incorrect header check"):
        if word in said:
            at = said.index(word)
            return error("unreadable-file", f"Spark cannot read a file: {shorten(said[at:], 200)}",
                         help="a Parquet file is whole when its last four bytes are `PAR1`")
    return fault(problem)
