"""Spark as an engine, on a cluster or in local mode: plans run over the view `events` of a session.

In come steps and queries of `plan`, in DuckDB's words; out come rows and views, or a folder of findings. No
Python runs but at the driver: all that is sent to the cluster is SQL. What they ask is not known here.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from tempfile import gettempdir
from types import FrameType
from typing import Any, Literal

from py4j.clientserver import FinalizerWorker  # type: ignore[import-untyped]
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession, functions
from pyspark.storagelevel import StorageLevel

from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.core import ir, types
from policyengine.core.verdict import VERDICTS, Judgement
from policyengine.trace.columns import NO_TYPES, Column, each_once, key_columns
from policyengine.trace.engines.engine import FOUND, NOWHERE, Counted, Engine, by_table
from policyengine.trace.engines.findings import COLUMNS, Heading, Row, cells, headings, row_of
from policyengine.trace.engines.spark_master import NoSpark, reach
from policyengine.trace.engines.spark_sql import name_of, spark_sql, spark_word, text_of
from policyengine.trace.plan.frames import needed, readers
from policyengine.trace.plan.plan import Step
from policyengine.trace.plan.terms import quoted

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
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # instants of UTC to whoever reads them
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
}
"""Settings of Spark that the meaning of a plan rests on."""

HERE = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.driver.memory": "2g",
    # What is tried on one machine is small: to compile a query costs more than to run it, and so does planning anew.
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Settings of Spark in local mode, each unless the user says otherwise."""

Form = Literal["parquet", "json"]
"""How findings are written; `json` is NDJSON."""

FAULTS = (PySparkException, Py4JError)
"""What calls of Spark raise."""

KEPT = StorageLevel.MEMORY_AND_DISK


@contextmanager
def open_session(master: str | None = None, settings: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """A session of its own with the settings that the meaning rests on; Spark is stopped if it was started here.

    `master` is what Spark calls so (`local[4]`, `yarn`, `spark://host:7077`). None: what `spark-submit` says, or all
    processors of this machine. `settings` are Spark's own, for a start. Raises `NoSpark`.
    """
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger", "py4j"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # it would write what is raised here all the same
    logging.getLogger().addFilter(_no_stack)
    running = SparkSession.getActiveSession()
    if running is None:
        reach(master or "")
    root = running or _started(master, dict(settings or {}))
    try:
        if running is None:
            root.sparkContext.setLogLevel("OFF" if _local(str(root.sparkContext.master)) else "ERROR")
        session = root.newSession()
        for name, value in MEANING.items():
            session.conf.set(name, value)
        yield session
    finally:
        if running is None:
            root.stop()
            if "PYSPARK_GATEWAY_PORT" not in os.environ:  # else Java is that of `spark-submit`
                _let_go()
            with suppress(OSError):
                os.rmdir(_warehouse())


def _let_go() -> None:
    """End the Java that was started, and the thread that tells it what is no longer used: where that is alive when
    Python ends, DuckDB's library tells the user of leaks."""
    gateway, SparkContext._gateway, SparkContext._jvm = SparkContext._gateway, None, None
    if gateway is not None:
        gateway.shutdown()
    for one in threading.enumerate():
        if isinstance(one, FinalizerWorker):
            one.join(_LAST_SLEEP)


_LAST_SLEEP = 2.0  # the thread looks up once a second


def _no_stack(one: logging.LogRecord) -> bool:
    """False for what py4j logs in nobody's name: the stack of a call that Ctrl-C broke off."""
    return one.module != "java_gateway"


def _started(master: str | None, settings: dict[str, str]) -> SparkSession:
    """Spark, started. Raises `NoSpark`.

    Ctrl-C and `kill` wait until it has, unless they come twice: where its start is broken off, the Java that it began
    runs on for ever. Spark's own way with Ctrl-C is undone.
    """
    came: list[tuple[int, FrameType | None]] = []

    def wait(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))
        if len(came) > 1:
            raise KeyboardInterrupt

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # none else hears of signals
        before = {one: signal.signal(one, wait) for one in (signal.SIGINT, signal.SIGTERM)
                  if callable(signal.getsignal(one))}
    root: SparkSession | None = None
    try:
        root = _builder(master, settings).getOrCreate()
        return root
    except (*FAULTS, RuntimeError, OSError) as problem:
        raise NoSpark(_reason(problem, master)) from problem
    finally:
        for one, heard in before.items():
            signal.signal(one, heard)
        if came and root is not None:
            root.stop()
        for number, frame in came:
            before[number](number, frame)


def _reason(problem: Exception, master: str | None) -> str:
    """Why Spark does not start, in a line. What Java said has gone to stderr."""
    if _no_java():
        return "Java 17 or newer is not installed"
    if "JAVA_GATEWAY_EXITED" in str(problem):
        return "Java ended as it says above; Spark needs Java 17 or newer"
    if isinstance(problem, Py4JError):  # its text is a Java stack
        said = f"the master `{master}`" if master else "the master of its settings"
        return f"{said} gives no session, as it says above"
    return str(problem).split("\n")[0]


def _builder(master: str | None, settings: dict[str, str]) -> Any:
    builder = SparkSession.builder.appName("guiju")
    given = {"spark.ui.showConsoleProgress": "false", **settings}
    if master is not None:
        builder = builder.master(master)
        if _local(master):
            # Spark makes a folder for tables of its own, of which there are none, where the user stands.
            given = {**HERE, "spark.sql.warehouse.dir": _warehouse(), **given}
    for name, value in given.items():
        builder = builder.config(name, value)
    return builder


def _warehouse() -> str:
    return f"{gettempdir()}/guiju-spark-warehouse-{os.getpid()}"


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

def table_of(spark: SparkSession, steps: Sequence[Step], last: str) -> DataFrame:
    """What a last query over the steps of a plan says.

    Each step is a view of its own: as one query Spark would look through all of it again for every step. A step that
    several read is run, once, and what is known of how it came to be ends there: Spark would put it into each that
    reads it, and a plan of a hundred steps grow to millions.
    """
    steps = needed(steps, last)
    read = readers(steps, last)
    try:
        for step in steps:
            table = spark.sql(spark_sql(step.sql))
            table = table.localCheckpoint(eager=False) if read[step.name] > 1 else table
            table.createOrReplaceTempView(step.name)
        return spark.sql(spark_sql(last))
    finally:
        for step in steps:
            spark.catalog.dropTempView(step.name)


class SparkTables:
    """The views of a session; see `engine.Tables`."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark

    def ask(self, sql: str, steps: Sequence[Step] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query over the steps of a plan."""
        return [tuple(row) for row in table_of(self.spark, steps, sql).collect()]

    def keep(self, name: str, sql: str, steps: Sequence[Step]) -> None:
        """The rows of a query as a view, which stay in memory and on the executors' disks."""
        self._named(name, table_of(self.spark, steps, sql).persist(KEPT))

    def give(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """A small table of columns and rows, which every executor gets whole."""
        table = local_table(self.spark, {column: spark_word(type) for column, type in columns.items()}, rows)
        self._named(name, functions.broadcast(table.persist(KEPT)))

    def drop(self, name: str) -> None:
        """A view is no longer wanted."""
        if self.spark.catalog.tableExists(name_of(name)):
            self.spark.table(name_of(name)).unpersist()
            self.spark.sql(f"DROP VIEW {name_of(name)}")

    def _named(self, name: str, table: DataFrame) -> None:
        self.drop(name)
        table.createOrReplaceTempView(name_of(name))


class Cluster(Engine):
    """Spark as an engine: the view `events` of a session, judged by plans.

    All moments found, not only those that are told, go to the folder `output`, if one is given; `files` are those of
    the view, `key_types` the types of keys that are not text.
    """

    def __init__(self, spark: SparkSession, files: Sequence[str] = (), output: str | None = None,
                 form: Form = "parquet", key_types: Mapping[str, types.Type] = NO_TYPES) -> None:
        super().__init__(SparkTables(spark))
        self.spark, self.files, self.output, self.form, self.key_types = spark, files, output, form, key_types

    def filled(self, needs: Mapping[str, Sequence[Column]], places: Mapping[str, int],
               stand: Mapping[str, str] = NOWHERE) -> dict[str, frozenset[str]]:
        """The same, in one look at all rows: each column asked for by itself would be a stage of its own."""
        by_place = {place: name for name, place in places.items()}
        found = {}
        for table, columns in by_table(needs, stand).items():
            names = [one.name for one in each_once(columns.values())]
            counts = "".join(f", count({quoted(name)}) = count(*)" for name in names)
            for kind, *flags in self.tables.ask(f'SELECT "type"{counts} FROM {table} GROUP BY "type"'):
                found[by_place[kind]] = frozenset(name for name, full in zip(names, flags, strict=True) if full)
        return found

    def tell(self, policy: ir.Policy, counted: Counted) -> None:
        """The moments found of a rule, but those that are hard, are written if they are to be."""
        if self.output is not None:
            of = headings(policy)[counted.table.removeprefix(FOUND)]
            write(found_by(self.spark, of, counted, self.files, self.key_types), self.output, self.form)

    def tell_judged(self, policy: ir.Policy, judged: Sequence[Judgement]) -> None:
        """The same of moments that the evaluator judged."""
        if self.output is not None and judged:
            of = headings(policy)
            write(found_here(self.spark, [row_of(of[one.rule], one) for one in judged]), self.output, self.form)


def write(found: DataFrame, path: str, form: Form) -> None:
    """Add some findings to a folder of them."""
    writer = found.select(list(COLUMNS)).write.mode("append").format(form)
    writer.option("timestampFormat", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX").option(_MARKS, "false").save(path)


_MARKS = "mapreduce.fileoutputcommitter.marksuccessfuljobs"
_WHOLE = "_SUCCESS"


@contextmanager
def whole(spark: SparkSession, path: str) -> Iterator[None]:
    """For as long as the folder is written to: it is there with all its findings and the file `_SUCCESS`, as Spark
    marks what is whole, or not at all. After a run that was killed it lacks the mark."""
    folder, files = _at(spark, path)
    files.cancelDeleteOnExit(folder)
    try:
        yield
    except BaseException:
        with suppress(*FAULTS):
            files.deleteOnExit(folder)  # what still is at work may write a last time
            spark.sparkContext.cancelAllJobs()
            files.delete(folder, True)
        raise
    if files.exists(folder):
        files.create(_at(spark, f"{path.rstrip('/')}/{_WHOLE}")[0]).close()


def found_here(spark: SparkSession, rows: Sequence[Row]) -> DataFrame:
    """Moments that the evaluator judged, as findings."""
    table = local_table(spark, {name: "bigint" if type == "TIMESTAMP" else spark_word(type)
                                for name, type in COLUMNS.items()}, map(cells, rows))
    return table.selectExpr(*(f"timestamp_micros({name}) AS {name}" if type == "TIMESTAMP" else name_of(name)
                              for name, type in COLUMNS.items()))


def found_by(spark: SparkSession, of: Heading, counted: Counted, files: Sequence[str],
             key_types: Mapping[str, types.Type]) -> DataFrame:
    """The moments found of one rule, but those that are hard, as findings."""
    names, verdicts = _array(files), _array(VERDICTS)
    keys = ", ".join(f"{text_of(key)}, {_key_text(column)}"
                     for key, column in zip(of.keys, key_columns(of.keys, key_types), strict=True))
    values = {
        "regulation": text_of(of.regulation), "version": text_of(of.version), "rule": text_of(of.rule),
        "articles": _array(of.articles) if of.articles else "CAST(NULL AS ARRAY<STRING>)",
        "verdict": f"{verdicts}[f.verdict]", "time": "timestamp_micros(f.t)",
        "due": f"timestamp_micros(CASE WHEN f.verdict = {VERDICTS.index('pending')} THEN f.due - 1 END)",
        "tie": "f.tie", "keys": f"map({keys})" if keys else "CAST(NULL AS MAP<STRING, STRING>)",
        "service": "e.service", "file": f"{names}[e.file]", "row": "e.row"}
    chosen = ", ".join(f"{values[name]} AS {name_of(name)}" for name in COLUMNS)
    return spark.sql(f"SELECT {chosen} FROM {name_of(counted.table)} AS f LEFT JOIN events AS e ON "
                     "e.pos = coalesce(f.pos, f.first) WHERE f.t IS NOT NULL AND NOT f.hard")


def _array(texts: Sequence[str]) -> str:
    return f"array({', '.join(map(text_of, texts))})"


def _key_text(column: Column) -> str:
    """`verdict.key_text` in SQL."""
    said = f"CAST(e.{name_of(column.name)} AS STRING)"
    whole = not isinstance(column.type, types.Number) or column.type.integer
    return said if whole else f"rtrim('.', rtrim('0', {said}))"


_FULL = error("disk-full", "a disk of Spark's is full",
              help="give it more room in `spark.local.dir`, or where findings are written")
_NO_MEMORY = error("out-of-memory", "Spark needs more memory than it may take",
                   help="allow more with `spark.executor.memory` and `spark.driver.memory`")
_BARRED = error("input-output", "Spark cannot read or write")
_ENDED = error("spark-ended", "Spark gave up", help="run it again; docs/cluster.md says what executors keep")

_GIVES_UP = {
    "No space left on device": _FULL, "OutOfMemoryError": _NO_MEMORY,
    **dict.fromkeys(("Permission denied", "AccessControlException", "Mkdirs failed",
                     "Unable to clear output directory", "No FileSystem for scheme", "UnknownHostException",
                     "UnsupportedFileSystemException", "ConnectException", "AccessDenied"), _BARRED),
    **dict.fromkeys(("ExecutorLostFailure", "MetadataFetchFailedException", "Checkpoint block", "was shut down",
                     "stopped SparkContext", "Answer from Java side is empty", "Error while sending or receiving"),
                    _ENDED),
}
"""What of Spark's failures is no mistake of ours: words -> what it says."""


def fault(problem: Exception) -> Diagnostic | None:
    """What a failure of Spark means to a user; None when it is our own mistake."""
    for line in str(problem).splitlines():  # those of a Java stack
        for words, told in _GIVES_UP.items():
            if words in line:
                return replace(told, message=f"{told.message}: {shorten(line.strip(': '), 150)}")
    return None


def exists(spark: SparkSession, path: str) -> bool:
    """Whether there is a file or folder, wherever Spark keeps it."""
    there, files = _at(spark, path)
    return bool(files.exists(there))


def _at(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """A path and the file system it is of, as Java knows them."""
    java: Any = spark._jvm
    there = java.org.apache.hadoop.fs.Path(path)
    return there, there.getFileSystem(spark._jsc.hadoopConfiguration())
