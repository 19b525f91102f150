"""Files as Spark reads them: rows with their place in their file, and what form their columns have.

In comes a path; out come tables of raw rows that `scan.sources` can ask about, and single rows of them as `files.read`
has them. What fits the vocabulary is not known here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession, functions
from pyspark.sql import types as spark_types

from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.base.instants import iso_instant
from policyengine.base.record import record
from policyengine.base.scalars import start_of
from policyengine.trace.engines.spark import local_table
from policyengine.trace.engines.spark_sql import name_of, text_of
from policyengine.trace.files import read
from policyengine.trace.scan import parquet as scan_parquet
from policyengine.trace.scan.forms import STAMPS, TEXT, ZONED, Form, named
from policyengine.trace.scan.rows import Schemas, path_fields
from policyengine.trace.scan.sources import Source

PLACE = ("scan_file", "scan_row")
"""The columns that say where a row stands: the number of its file, and its row or line, from 1."""


_PATH = "regexp_replace(_metadata.file_path, '^file:/+', 'file:/')"


@record
class Part:
    """Raw rows of files with the same columns, as the view `name`. `files` are their numbers and names; `header` is the
    first line of files of CSV; `text` whether rows have a `line`, as text files have."""

    name: str
    source: Source
    files: Mapping[int, str]
    text: bool
    header: str = ""


def parts(spark: SparkSession, path: str, first: int, schemas: Schemas, numbers: frozenset[str],
          ) -> tuple[list[Part], tuple[Diagnostic, ...]]:
    """The rows of a file, a folder or a pattern; `first` is the number of the first file. `numbers` are fields of the
    vocabulary that are numbers. By its suffix a path is NDJSON, CSV or, in any other case, Parquet."""
    if wrong := not_read([path]):
        return [], wrong
    suffix, reader = read.suffix_of(path), spark.read
    base = _base(path)
    if base:
        reader = reader.option("basePath", base)
    try:
        if suffix in (".ndjson", ".jsonl", ".csv"):
            lines = _Lines(spark, reader.option("lineSep", "\n").text(path), first, schemas)
            return lines.csv() if suffix == ".csv" else lines.ndjson(numbers)
        return _parquet(spark, path, reader.option("mergeSchema", "true").parquet(path), first, schemas, numbers)
    except AnalysisException as problem:
        return [], (_unreadable(path, problem),)


def not_read(paths: Iterable[str]) -> tuple[Diagnostic, ...]:
    """What Spark does not read, by its name: known before Spark is started."""
    return tuple(error("unknown-format", f"`{shorten(path)}` is XES, which Spark does not read",
                       help="judge it with `--engine duckdb`, or write it as Parquet")
                 for path in paths if read.suffix_of(path) == ".xes")


def _base(path: str) -> str:
    """The folder below which `key=value` folders say something of rows; "" where that is the path itself."""
    folders = path.split("/")
    for place, folder in enumerate(folders[:-1]):
        if set(folder) & set("=*?[{"):
            return "/".join(folders[:place]) or ("/" if path.startswith("/") else ".")
    return ""


def _unreadable(path: str, problem: AnalysisException) -> Diagnostic:
    match problem.getCondition():
        case "PATH_NOT_FOUND":
            return error("missing-file", f"`{shorten(path)}` does not exist")
        case "UNABLE_TO_INFER_SCHEMA":
            return read.no_events(path)
        case _:
            reason = str(problem).split("\n")[0]
            return error("unreadable-file", f"cannot read `{shorten(path)}`: {shorten(reason, 200)}", start_of(path))


def _named(table: DataFrame, first: int) -> tuple[dict[int, str], dict[str, int]]:
    """The files of a table by number, as people name them; their numbers, as `_metadata.file_path` names them."""
    found = sorted(re.sub("^file:/+", "file:/", one) for one in table.inputFiles())
    names = {first + place: unquote(one.removeprefix("file:")) if one.startswith("file:") else one
             for place, one in enumerate(found)}
    return names, {one: first + place for place, one in enumerate(found)}


def _folders(names: Mapping[int, str]) -> set[str]:
    """What folders such as `day=2026-08-01` name."""
    return {folder.partition("=")[0] for name in names.values() for folder in name.split("/")[:-1] if "=" in folder}


def _given(names: Mapping[int, str], schemas: Schemas) -> set[str]:
    return {field for name in names.values() for field in path_fields(name, schemas)}


# ---- Parquet ------------------------------------------------------------------------------------------------------

def _parquet(spark: SparkSession, path: str, table: DataFrame, first: int, schemas: Schemas, numbers: frozenset[str],
             ) -> tuple[list[Part], tuple[Diagnostic, ...]]:
    names, places = _named(table, first)
    folders, given = _folders(names), _given(names, schemas)
    fields = [one for one in table.schema.fields if one.name not in folders or one.name in given]
    forms = {one.name: TEXT if one.name in given else Form("native", _type(one.dataType)) for one in fields}
    wrong = scan_parquet.bad_columns(path, tuple((name, form.column) for name, form in forms.items()),
                                     dict.fromkeys(given, ""), numbers)
    if wrong:
        return [], wrong
    numbered = local_table(spark, {"scan_path": "STRING", "scan_file": "INT"}, places.items())
    rows = table.select(functions.expr(_PATH).alias("scan_path"),
                        (functions.col("_metadata.row_index") + 1).alias("scan_row"),
                        *(functions.col(name_of(one.name)).alias(f"r{place}") for place, one in enumerate(fields)))
    view = f"scan_part_{first}"
    rows.join(functions.broadcast(numbered), "scan_path").drop("scan_path").createOrReplaceTempView(view)
    columns = {name: (form, f"r{place}") for place, (name, form) in enumerate(forms.items())}
    return [Part(view, Source(f"SELECT * FROM {view}", columns, *PLACE, {}), names, False)], ()


_TYPES: dict[type, str] = {
    spark_types.StringType: "VARCHAR", spark_types.BooleanType: "BOOLEAN", spark_types.ByteType: "TINYINT",
    spark_types.ShortType: "SMALLINT", spark_types.IntegerType: "INTEGER", spark_types.LongType: "BIGINT",
    spark_types.FloatType: "FLOAT", spark_types.DoubleType: "DOUBLE", spark_types.DateType: "DATE",
    spark_types.TimestampType: "TIMESTAMP WITH TIME ZONE", spark_types.TimestampNTZType: "TIMESTAMP"}


def _type(type: spark_types.DataType) -> str:
    """A type of Spark in DuckDB's words."""
    match type:
        case spark_types.DecimalType():
            return f"DECIMAL({type.precision},{type.scale})"
        case spark_types.ArrayType():
            return f"{_type(type.elementType)}[]"
        case spark_types.StructType():
            return f"STRUCT({', '.join(f'{named(one.name)} {_type(one.dataType)}' for one in type.fields)})"
        case _:
            return next((name for kind, name in _TYPES.items() if isinstance(type, kind)), "BLOB")


# ---- lines --------------------------------------------------------------------------------------------------------

_QUOTES = "length(value) - length(replace(value, '\"', ''))"
_PLAIN_CSV = r'^(?:"(?:[^"]++|"")*+"|[^",]*+)(?:,(?:"(?:[^"]++|"")*+"|[^",]*+))*+$'


class _Lines:
    """The lines of text files with their numbers: Spark reads a file in pieces, and knows where each begins."""

    def __init__(self, spark: SparkSession, table: DataFrame, first: int, schemas: Schemas) -> None:
        self.spark, self.first = spark, first
        self.names, self.places = _named(table, first)
        self.given = {name: (TEXT, name_of(f"g:{name}").replace("`", '"')) for name in _given(self.names, schemas)}
        lines = table.select(
            functions.expr(_PATH).alias("scan_path"),
            functions.col("_metadata.file_block_start").alias("scan_start"),
            functions.monotonically_increasing_id().alias("scan_id"), "value",
            *(functions.col(name_of(name)).alias(f"g:{name}") for name in self.given))
        self.pieces = lines.groupBy("scan_path", "scan_start").agg(
            functions.min("scan_id").alias("low"), functions.count("*").alias("lines"),
            functions.sum(functions.expr(f"({_QUOTES}) % 2")).alias("open"),
            functions.expr("collect_set(json_object_keys(value))").alias("keys")).collect()
        begins: list[tuple[str, int, int, int]] = []
        before: dict[str, int] = {}
        for piece in sorted(self.pieces, key=lambda one: (one.scan_path, one.scan_start)):
            done = before.get(piece.scan_path, 0)
            begins.append((piece.scan_path, piece.scan_start, self.places[piece.scan_path], done - piece.low + 1))
            before[piece.scan_path] = done + piece.lines
        shape = {"scan_path": "STRING", "scan_start": "BIGINT", "scan_file": "INT", "shift": "BIGINT"}
        self.table = lines.join(functions.broadcast(local_table(spark, shape, begins)), ["scan_path", "scan_start"]
                                ).selectExpr("scan_file", "scan_id + shift AS scan_row", r"rtrim('\r', value) AS value",
                                             *(f"`g:{name}`" for name in self.given)
                                             ).where(r"trim(BOTH ' \t\r' FROM value) <> ''")
        self.empty = tuple(read.no_events(name) for number, name in self.names.items()
                           if number not in {one[2] for one in begins})

    def ndjson(self, numbers: frozenset[str]) -> tuple[list[Part], tuple[Diagnostic, ...]]:
        """Each field as its JSON text; `numbers` are those of the vocabulary."""
        keys = sorted({key for piece in self.pieces for some in piece.keys for key in some} - {""})
        keys = [key for key in keys if '"' not in key and "\\" not in key]
        values = [f"{_written(key, key in numbers)} AS r{place}" for place, key in enumerate(keys)]
        known = f"array({', '.join(map(text_of, keys))})" if keys else "cast(array() AS array<string>)"
        view = f"scan_part_{self.first}"
        parsed = self.table.selectExpr("*", "try_parse_json(value) AS v", "json_object_keys(value) AS scan_keys")
        bad = f"v IS NULL OR size(array_except(scan_keys, {known})) > 0 AS scan_bad"
        parsed.selectExpr(*PLACE, "value AS line", "scan_keys", bad, *values,
                          *(f"`g:{name}`" for name in self.given)).createOrReplaceTempView(view)
        form = Form("json", "line")
        nothing = (form, "CAST(NULL AS VARCHAR)")
        columns = {"type": nothing, "time": nothing, **self.given,
                   **{key: (form, f"r{place}") for place, key in enumerate(keys)}}
        source = Source(f"SELECT * FROM {view}", columns, *PLACE, {}, "scan_keys",
                        more=("coalesce(scan_bad, true)",))
        return [Part(view, source, self.names, True)], self.empty

    def csv(self) -> tuple[list[Part], tuple[Diagnostic, ...]]:
        """Each field as text."""
        spread = {self.places[piece.scan_path] for piece in self.pieces if piece.open}
        wrong = [error("unreadable-file", f"`{shorten(self.names[file])}` has a quoted field with a line end, which "
                       "Spark cannot read in pieces", help="convert it to Parquet") for file in sorted(spread)]
        headers: dict[str, list[int]] = {}
        for file, line in self.table.where("scan_row = 1").select("scan_file", "value").collect():
            headers.setdefault(line, []).append(file)
        found = []
        for header, files in headers.items():
            names = next(csv.reader([header]))
            missing = [name for name in ("type", "time") if name not in names and name not in self.given]
            if missing or len(set(names)) < len(names) or "" in names:
                wrong += _explained(header, 1, self.names[files[0]], "", None, {}, lambda event: None)
                continue
            view = f"scan_part_{self.first}_{files[0]}"
            shape = ", ".join([*(f"r{place} STRING" for place in range(len(names))), "bad STRING"])
            options = "map('mode', 'PERMISSIVE', 'columnNameOfCorruptRecord', 'bad', 'quote', '\"', 'escape', '\"')"
            bad = f"v.bad IS NOT NULL OR (contains(value, '\"') AND NOT value RLIKE {text_of(_PLAIN_CSV)})"
            rows = self.table.where(functions.col("scan_file").isin(files) & (functions.col("scan_row") > 1))
            rows.selectExpr("*", f"from_csv(value, {text_of(shape)}, {options}) AS v").selectExpr(
                *PLACE, "value AS line", f"{bad} AS scan_bad", *(f"nullif(v.r{place}, '') AS r{place}"
                                                                 for place in range(len(names))),
                *(f"`g:{name}`" for name in self.given)).createOrReplaceTempView(view)
            columns = {**self.given, **{name: (TEXT, f"r{place}") for place, name in enumerate(names)}}
            source = Source(f"SELECT * FROM {view}", columns, *PLACE, {}, more=("coalesce(scan_bad, true)",))
            found.append(Part(view, source, {file: self.names[file] for file in files}, True, header))
        return found, (*self.empty, *wrong)


def _written(key: str, number: bool) -> str:
    """SQL of the JSON text of a field. Spark writes 12.0 as 12 and 2.50 as 2.5: a number with a point is taken from its
    line, where that is sure to be the one, and else looks like none that stands there."""
    name = f'"{key}"'
    value = f"variant_get(v, {text_of(f'$[{name}]')}, 'variant')"
    said = f"to_json({value})"
    if not number:
        return f"nullif({said}, 'null')"
    pattern = rf"{re.escape(name)}[ \t]*:[ \t]*(-?[0-9]+\.[0-9]+)[ \t]*[,}}]"
    stands = f"regexp_extract(value, {text_of(pattern)}, 1)"
    once = f"length(value) - length(replace(value, {text_of(name)}, '')) = {len(name)}"
    same = f"try_cast({stands} AS DECIMAL(38,18)) = try_cast({said} AS DECIMAL(38,18))"
    return (f"CASE WHEN {once} AND {same} THEN {stands} WHEN schema_of_variant({value}) LIKE 'DECIMAL(%,0)' "
            f"THEN concat({said}, '.0') ELSE nullif({said}, 'null') END")


# ---- rows one by one ----------------------------------------------------------------------------------------------

def each_row(spark: SparkSession, part: Part, places: DataFrame, schemas: Schemas, zone: str | None,
             take: read.Take) -> tuple[Diagnostic, ...]:
    """Hands rows of a part, those of `places` (file, row), to `take` in order; gives back what is wrong with them."""
    table = spark.table(part.name).join(functions.broadcast(places), list(PLACE)).orderBy(*PLACE)
    wrong: list[Diagnostic] = []
    if part.text:
        for file, row, line in table.select(*PLACE, "line").collect():
            name = part.files[file]
            wrong += _explained(line, row, name, part.header, zone, path_fields(name, schemas), take)
        return tuple(wrong)
    shown = [_shown(form, x) for form, x in part.source.columns.values()]
    for file, row, *values in table.selectExpr(*PLACE, *shown).collect():
        fields = {column: _raw(value, form.column) for (column, (form, _)), value
                  in zip(part.source.columns.items(), values, strict=True) if value is not None}
        scan_parquet.take_row(fields, part.files[file], row, zone, take, wrong)
    return tuple(wrong)


def _shown(form: Form, x: str) -> str:
    if form.column in ZONED:
        return f"unix_micros({x})"
    return f"CAST({x} AS STRING)" if form.column in STAMPS or form.column == "DATE" else x


def _raw(value: Any, type: str) -> Any:
    """A value of Parquet as files of text would have it."""
    match value:
        case int() if type in ZONED:
            return iso_instant(value, "UTC")
        case str() if type in STAMPS:
            return value.replace(" ", "T")
        case date():
            return value.isoformat()
        case spark_types.Row():
            return {name: _raw(one, "") for name, one in value.asDict().items() if one is not None}
        case list():
            return [_raw(one, "") for one in value]
        case _:
            return value


def _explained(line: str, row: int, name: str, header: str, zone: str | None, given: Mapping[str, str],
               take: read.Take) -> list[Diagnostic]:
    """One line of a file, read as if there were no other."""
    wrong: list[Diagnostic] = []
    kind = ".csv" if header or (row == 1 and read.suffix_of(name) == ".csv") else ".ndjson"
    shift = row - 2 if header else row - 1
    context = read.Context(name, zone, wrong.append, None, given)
    text = f"{header}\n{line}\n" if header else f"{line}\n"
    read.READERS[kind](BytesIO(text.encode()), context, lambda event: take(replace(event, row=event.row + shift)))
    return [_moved(one, shift) for one in wrong]


def _moved(problem: Diagnostic, shift: int) -> Diagnostic:
    if problem.span is None:
        return problem
    span = problem.span
    return replace(problem, span=replace(span, line=span.line + shift, end_line=span.end_line + shift))


def numbered(every: Iterable[Part]) -> Sequence[str]:
    """The files of all parts, in the order of their numbers."""
    names: dict[int, str] = {}
    for part in every:
        names.update(part.files)
    return [names[number] for number in sorted(names)]
