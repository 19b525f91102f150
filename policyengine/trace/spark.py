"""A plan run by Spark, on a cluster or in local mode: verdict counts, and the moments to be reported.

In come a session whose view `events` holds the trace (`trace.spark_scan`) and plans; out come counts and rows, as from
`trace.duckdb`, or a folder of findings. No Python runs but at the driver: all that is sent to the cluster is SQL. Which
rules are asked, and how a moment is explained, is not known here.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession, functions
from pyspark.storagelevel import StorageLevel

from policyengine.base.calendar import Calendar
from policyengine.core import types
from policyengine.core.case import Event
from policyengine.core.standing import Reach
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.trace.calendars import Horizon, Lookup, rows
from policyengine.trace.columns import Column
from policyengine.trace.duckdb import PAIRS, Counted, raw
from policyengine.trace.explain import Found, TooManyRows
from policyengine.trace.plan import Plan, Step, TooManyPairs
from policyengine.trace.spark_sql import name_of, spark_sql, spark_type, text_of

INSTALL = 'apt-get install openjdk-17-jre-headless; pip install "guiju[spark]"'
"""What a machine needs that is to start Spark."""

MEANING = {
    "spark.sql.ansi.enabled": "true",  # what is too large is an error, never another number
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.variable.substitute": "false",  # `${x}` in a text of the policy is that text
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.legacy.sizeOfNull": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",  # `day=007` is text
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
}
"""Settings of Spark that the meaning of a plan rests on."""

Form = Literal["parquet", "json"]
"""How findings are written; `json` is NDJSON."""

_FOUND = "found_"

KEPT = StorageLevel.MEMORY_AND_DISK


class NoSpark(Exception):
    """Spark cannot be started here; the text says why, `INSTALL` what to do."""


@contextmanager
def open_session(master: str | None = None, settings: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """A session of its own with the settings that the meaning rests on; Spark is stopped if it was started here.

    `master` is what Spark calls so (`local[4]`, `yarn`, `spark://host:7077`). None: what `spark-submit` says, or all
    processors of this machine. `settings` are Spark's own, for a start. Raises `NoSpark`.
    """
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # it would write what is raised here all the same
    running = SparkSession.getActiveSession()
    try:
        root = running or _builder(master, dict(settings or {})).getOrCreate()
    except (PySparkException, RuntimeError, OSError) as problem:
        reason = "Java 17 or newer is not installed" if _no_java() else str(problem).split("\n")[0]
        raise NoSpark(reason) from problem
    if running is None:
        root.sparkContext.setLogLevel("OFF" if _local(str(root.sparkContext.master)) else "ERROR")
    session = root.newSession()
    try:
        for name, value in MEANING.items():
            session.conf.set(name, value)
        yield session
    finally:
        if running is None:
            root.stop()


def _builder(master: str | None, settings: dict[str, str]) -> Any:
    builder = SparkSession.builder.appName("guiju")
    given = {"spark.ui.showConsoleProgress": "false", **settings}
    if master is not None:
        builder = builder.master(master)
        if _local(master):
            given = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
                     "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "8", **given}
    for name, value in given.items():
        builder = builder.config(name, value)
    return builder


def _local(master: str) -> bool:
    return master.startswith("local")


def _no_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return not os.access(os.path.join(home, "bin", "java"), os.X_OK) if home else shutil.which("java") is None


def local_table(spark: SparkSession, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> DataFrame:
    """A table of rows that the driver has; `columns` are their names and types in Spark's words.

    They go as one text of JSON: what Spark makes of a list of Python would start Python on the cluster.
    """
    told = [{f"c{place}": value for place, value in enumerate(row)} for row in rows]
    shape = ", ".join(f"c{place}: {type}" for place, type in enumerate(columns.values()))
    chosen = ", ".join(f"v.c{place} AS {name_of(name)}" for place, name in enumerate(columns))
    text = json.dumps(told, default=str, ensure_ascii=False)
    return spark.sql(f"SELECT {chosen} FROM (SELECT explode(from_json({text_of(text)}, 'array<struct<{shape}>>')) "
                     "AS v)")


# ---- judging ------------------------------------------------------------------------------------------------------

def prepare(spark: SparkSession, lookups: Iterable[Lookup], horizon: Horizon, calendar: Calendar) -> None:
    """The calendar as a view. Raises `calendar.OutOfRange`."""
    found = list(rows(dict.fromkeys(lookups), horizon, calendar))
    shape = {"what": "STRING", "k": "INT", "day": "BIGINT", "instant": "BIGINT"}
    table = local_table(spark, shape, found).persist(KEPT)
    table.count()  # once it is there Spark knows that it is small
    _named(spark, "calendar", table)


def table_of(spark: SparkSession, steps: Sequence[Step], last: str) -> DataFrame:
    """What a last query over the steps of a plan says, not yet run.

    Each step is a view of its own: as one query Spark would look through all of it again for every step.
    """
    try:
        for step in steps:
            spark.sql(spark_sql(step.sql)).createOrReplaceTempView(step.name)
        return spark.sql(spark_sql(last))
    finally:
        for step in steps:
            spark.catalog.dropTempView(step.name)


def run(spark: SparkSession, plan: Plan, wanted: Sequence[Verdict], *, pairs: int = PAIRS) -> Counted:
    """Judge every moment of a rule. Moments with a verdict of `wanted` are kept in a view, until `release`.

    Raises `TooManyPairs`, and `columns.Unsupported` for what Spark would answer in another way.
    """
    for guard in plan.guards:
        size = _one(table_of(spark, plan.steps[:guard.steps], guard.sql))
        if size > pairs:
            raise TooManyPairs(guard, size)
    name = f"{_FOUND}{plan.rule}"
    result = table_of(spark, plan.steps, _kept(plan, wanted)).persist(KEPT)
    counts: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
    ties = hard = 0
    for code, tie, is_hard, n in result.groupBy("verdict", "tie", "hard").sum("n").collect():
        if is_hard:
            hard += int(n)
        else:
            counts[VERDICTS[code]] += int(n)
            ties += int(n) if tie else 0
    if plan.total is not None:
        counts["not_applicable"] += _one(table_of(spark, (), plan.total)) - sum(counts.values()) - hard
    _named(spark, name, result)
    return Counted(counts, ties, hard, name)


def _kept(plan: Plan, wanted: Sequence[Verdict]) -> str:
    """The last query of a plan, in DuckDB's words: moments that are wanted or hard in full, the others by their
    verdict alone, and how many there are alike (`n`)."""
    codes = ", ".join(str(VERDICTS.index(verdict)) for verdict in wanted) or "-1"
    columns = ", ".join(f'CASE WHEN "keep" THEN "{name}" END AS "{name}"'
                        for name in ("t", "known", "pos", "first", "past", "due"))
    return (f'SELECT "verdict", "tie", "hard", {columns}, count(*) AS "n" FROM (SELECT *, "hard" OR "verdict" IN '
            f'({codes}) AS "keep" FROM {plan.steps[-1].name}) AS v GROUP BY ALL')


def found(spark: SparkSession, counted: Counted, *, hard: bool, limit: int | None = None) -> list[Found]:
    """Moments found: those that the evaluator must judge, or the others, the earliest of each verdict, at most `limit`
    of one."""
    order = "t, pos NULLS LAST, first NULLS LAST, past NULLS LAST, known NULLS LAST"
    cut = "" if limit is None else f" QUALIFY row_number() OVER (PARTITION BY verdict ORDER BY {order}) <= {limit}"
    result = []
    for t, known, pos, first, past, code, due, tie, n in spark.sql(
            f"SELECT t, known, pos, first, past, verdict, due, tie, n FROM {name_of(counted.table)} WHERE t IS NOT "
            f"NULL AND hard = {hard}{cut} ORDER BY verdict, {order}").collect():
        verdict = None if hard else VERDICTS[code]
        result += [Found(t, known, pos, first, past, verdict, due if verdict == "pending" else None, bool(tie))] * n
    return result


def write(spark: SparkSession, counted: Counted, files: Sequence[str], path: str, form: Form) -> None:
    """The moments found of one rule, but those that are hard, added to the findings in a folder.

    A row a finding: rule, verdict, time (UTC), due, tie, and of the event that it stands at, else of the first of its
    run, the service, the file and the row.
    """
    names = f"ARRAY({', '.join(map(text_of, files))})"
    verdicts = f"ARRAY({', '.join(map(text_of, VERDICTS))})"
    table = spark.sql(
        f"SELECT {text_of(counted.table.removeprefix(_FOUND))} AS rule, {verdicts}[f.verdict] AS verdict, "
        "timestamp_micros(f.t) AS time, "
        f"timestamp_micros(CASE WHEN f.verdict = {VERDICTS.index('pending')} THEN f.due END) AS due, f.tie, e.service, "
        f"{names}[e.file] AS file, e.row FROM {name_of(counted.table)} AS f LEFT JOIN events AS e "
        f"ON e.pos = coalesce(f.pos, f.first) WHERE f.t IS NOT NULL AND NOT f.hard")
    table.write.mode("append").option("timestampFormat", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX").format(form).save(path)


def exists(spark: SparkSession, path: str) -> bool:
    """Whether there is a file or folder, wherever Spark keeps it."""
    java: Any = spark._jvm
    there = java.org.apache.hadoop.fs.Path(path)
    return bool(there.getFileSystem(spark._jsc.hadoopConfiguration()).exists(there))


def release(spark: SparkSession, counted: Counted) -> None:
    """Forget the moments found."""
    _forget(spark, counted.table)


def _one(table: DataFrame) -> int:
    row = table.first()
    assert row is not None
    return int(row[0] or 0)


def _named(spark: SparkSession, name: str, table: DataFrame) -> None:
    """A view of a table that is kept; one of that name before is let go."""
    _forget(spark, name)
    table.createOrReplaceTempView(name_of(name))


def _forget(spark: SparkSession, name: str) -> None:
    if spark.catalog.tableExists(name_of(name)):
        spark.table(name_of(name)).unpersist()
        spark.sql(f"DROP VIEW {name_of(name)}")


# ---- events one by one ----------------------------------------------------------------------------------------------

class Rows:
    """The events of the view `events` as the evaluator knows them, each made once; see `trace.duckdb.Rows`."""

    def __init__(self, spark: SparkSession, needs: Mapping[str, Sequence[Column]], places: Mapping[str, int],
                 files: Sequence[str], key_types: Mapping[str, types.Type], service: str | None, limit: int) -> None:
        self.spark, self.needs, self.places, self.files = spark, needs, places, files
        self.key_types, self.service, self.limit = key_types, service, limit
        self.names = {place: name for name, place in places.items()}
        self.seen: dict[int, Event] = {}
        self.fetched: dict[Reach, list[int]] = {}

    def at(self, positions: Sequence[int]) -> Mapping[int, Event]:
        """The events at these places of the order."""
        missing = [(place,) for place in dict.fromkeys(positions) if place not in self.seen]
        if missing:
            asked = functions.broadcast(local_table(self.spark, {"pos": "BIGINT"}, missing))
            self._take(self.spark.table("events").join(asked, on="pos", how="left_semi"))
        return {place: self.seen[place] for place in positions}

    def fetch(self, reaches: Sequence[Reach]) -> Sequence[Event]:
        """The events of these parts of the trace, in order. Raises `TooManyRows`."""
        groups: dict[tuple[str, tuple[str, ...]], list[Reach]] = {}
        for reach in reaches:
            if reach not in self.fetched:
                groups.setdefault((reach.event, tuple(name for name, _ in reach.keys)), []).append(reach)
        for (event, names), asked in groups.items():
            for reach, positions in zip(asked, self._reach(event, names, asked), strict=True):
                self.fetched[reach] = positions
        places = {place for reach in reaches for place in self.fetched[reach]}
        if len(places) > self.limit:
            raise TooManyRows
        return [self.seen[place] for place in sorted(places)]

    def _reach(self, event: str, names: Sequence[str], asked: Sequence[Reach]) -> list[list[int]]:
        result: list[list[int]] = [[] for _ in asked]
        if event not in self.needs:
            return result
        held = [Column((name,), self.key_types.get(name, types.Text())) for name in names]
        declared = {"a0": "INT", "a1": "BIGINT", "a2": "BIGINT",
                    **{f"a{index + 3}": spark_type(one.type) for index, one in enumerate(held)}}
        given = [(index, -2 ** 62 if one.first is None else one.first, 2 ** 62 if one.last is None else one.last,
                  *(dict(one.keys)[name] for name in names)) for index, one in enumerate(asked)]
        local_table(self.spark, declared, given).createOrReplaceTempView("reaches")
        on = [f"e.type = {self.places[event]}", "e.t BETWEEN r.a1 AND r.a2",
              *(f"e.{name_of(one.name)} <=> r.a{index + 3}" for index, one in enumerate(held))]
        if self.service is not None:
            on.append(f"e.service = {text_of(self.service)}")
        pairs = self.spark.sql(f"SELECT /*+ BROADCAST(r) */ r.a0, e.* FROM events AS e JOIN reaches AS r ON "
                               f"{' AND '.join(on)} LIMIT {self.limit + 1}")
        for index, place in self._take(pairs):
            result[index].append(place)
            if sum(map(len, result)) > self.limit:
                raise TooManyRows
        return result

    def _take(self, table: DataFrame) -> list[tuple[int, int]]:
        """Makes the events of some rows; which of `a0` (-1 where there is none) came with which place."""
        result = []
        for row in table.collect():
            one = row.asDict()
            pos = one["pos"]
            result.append((one.get("a0", -1), pos))
            if pos not in self.seen:
                self.seen[pos] = self._event(one)
        return result

    def _event(self, row: Mapping[str, Any]) -> Event:
        event = self.names[row["type"]]
        fields: dict[str, Any] = {} if row["service"] is None else {"service": row["service"]}
        for column in self.needs[event]:
            value = row[column.name]
            if row[column.said_name] if column.said else value is not None:
                owner = fields
                for name in column.path[:-1]:
                    owner = owner.setdefault(name, {})
                owner[column.path[-1]] = raw(value, column.type)
        # The place among ties is the event's sequence: equal exactly where time and sequence are.
        return Event(event, row["t"], fields, None, row["instant"], self.files[row["file"]], row["row"], row["type"])


class Cluster:
    """Spark as an engine: the view `events` of a session, judged by plans.

    All moments found, not only those that are told, go to the folder `output`, if one is given; `files` are those of
    the view.
    """

    def __init__(self, spark: SparkSession, files: Sequence[str] = (), output: str | None = None,
                 form: Form = "parquet") -> None:
        self.spark, self.files, self.output, self.form = spark, files, output, form

    def prepare(self, lookups: Iterable[Lookup], horizon: Horizon, calendar: Calendar) -> None:
        """See `prepare`."""
        prepare(self.spark, lookups, horizon, calendar)

    def run(self, plan: Plan, wanted: Sequence[Verdict]) -> Counted:
        """See `run`."""
        return run(self.spark, plan, wanted)

    def found(self, counted: Counted, *, hard: bool, limit: int | None) -> list[Found]:
        """See `found`."""
        return found(self.spark, counted, hard=hard, limit=limit)

    def done(self, counted: Counted) -> None:
        """The moments found are written if they are to be, and no longer wanted."""
        if self.output is not None:
            write(self.spark, counted, self.files, self.output, self.form)
        release(self.spark, counted)

    def rows(self, needs: Mapping[str, Sequence[Column]], places: Mapping[str, int], files: Sequence[str],
             key_types: Mapping[str, types.Type], service: str | None, limit: int) -> Rows:
        """See `Rows`."""
        return Rows(self.spark, needs, places, files, key_types, service, limit)

    def filled(self, needs: Mapping[str, Sequence[Column]], places: Mapping[str, int]) -> dict[str, frozenset[str]]:
        """Event type -> columns that no row of it lacks."""
        names = list(dict.fromkeys(one.name for columns in needs.values() for one in columns))
        if not names:
            return {}
        counts = ", ".join(f"count({name_of(name)}) = count(*)" for name in names)
        by_place = {place: name for name, place in places.items()}
        return {by_place[kind]: frozenset(name for name, full in zip(names, flags, strict=True) if full)
                for kind, *flags in self.spark.sql(f"SELECT type, {counts} FROM events GROUP BY type").collect()}

    def outside(self, ranges: Sequence[tuple[int | None, int | None]]) -> int:
        """How many events lie in none of these ranges of time (from, up to but not including; None: open)."""
        inside = [f"(t >= {-2 ** 62 if start is None else start} AND t < {2 ** 62 if end is None else end})"
                  for start, end in ranges]
        return _one(self.spark.sql(f"SELECT count(*) FROM events WHERE NOT ({' OR '.join(inside) or 'FALSE'})"))

    def services(self) -> list[tuple[str | None, int]]:
        """The services that events name, each with the place of an event that does."""
        return [(name, int(pos)) for name, pos in self.spark.sql(
            "SELECT service, min(pos) FROM events GROUP BY service").collect()]
