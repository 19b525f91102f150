"""How a value of the vocabulary is checked and held, as SQL, for each form in which files hold values.

In come a JSON schema or a type of the language and the SQL of a raw value; out comes SQL of DuckDB. A check says `odd`
of all that it cannot vouch for, right or wrong: `scan.rows` reads those rows again and decides. Which files there are
and what is done with the answers is not known here.

The forms: `json`, the JSON text of a value as DuckDB writes it again; `text`, a field of CSV; and columns of Parquet,
by their type (`native`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from glob import escape
from typing import Any, Literal, assert_never

from policyengine.base.instants import UNITS
from policyengine.base.record import record
from policyengine.core import types
from policyengine.trace.columns import sql_type

Kind = Literal["json", "text", "native"]


@record
class Form:
    """A form; `column` is a Parquet column's type in DuckDB's words, or SQL of a line of NDJSON where that is known."""

    kind: Kind
    column: str = ""


JSON = Form("json")
TEXT = Form("text")

INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
                      "HUGEINT", "UHUGEINT"})
BINARY = frozenset({"FLOAT", "DOUBLE"})
STAMPS = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
ZONED = frozenset({"TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS WITH TIME ZONE", "TIMESTAMPTZ", "TIMESTAMPTZ_NS"})

FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, in microseconds UTC."""

_STAMP = (r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
          r"(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)")
_INTEGER = "-?(0|[1-9][0-9]{0,17})"
_NUMBER = r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?"
_ITEM = r'[^"\\,\[\]{}\x27\x00-\x1f\x7f-\x{10ffff}]*'  # an item whose text is the same in every writing


def quoted(text: str) -> str:
    """A text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def file_named(path: str) -> str:
    """The literal for a file, whatever its name holds: DuckDB would take `[1]` for a pattern."""
    return quoted(escape(path))


def named(name: str) -> str:
    """A name of a column or table."""
    return '"' + name.replace('"', '""') + '"'


def either(parts: Sequence[str]) -> str:
    """True where any of the parts is."""
    return " OR ".join(f"({part})" for part in parts) if parts else "false"


def cases(branches: Sequence[tuple[str, str]], other: str) -> str:
    """The value of the first branch whose condition is true."""
    if not branches:
        return other
    return "CASE " + " ".join(f"WHEN {when} THEN {value}" for when, value in branches) + f" ELSE {other} END"


# ---- raw values ---------------------------------------------------------------------------------------------------

def text_of(form: Form, x: str) -> str:
    """The text of a raw value that is text."""
    match form.kind:
        case "json":
            return (f"CASE WHEN contains({x}, '\\') THEN CAST({x} AS JSON) ->> '$' "
                    f"ELSE substring({x}, 2, length({x}) - 2) END")
        case "text":
            return x
        case "native":
            return f"CAST({x} AS VARCHAR)"
        case _:
            assert_never(form.kind)


def held_as(form: Form) -> str:
    """What the schema calls the values of a column of Parquet; "" for none it knows."""
    column = form.column
    if column in INTEGERS:
        return "integer"
    if column.startswith("DECIMAL"):
        return "number"
    if column == "BOOLEAN":
        return "boolean"
    if column == "DATE" or column in STAMPS or column in ZONED:
        return "stamp"
    if column == "VARCHAR" or column.startswith("ENUM"):
        return "string"
    if column.endswith("[]"):
        return "array"
    return "object" if column.startswith("STRUCT") else ""


# ---- checks -------------------------------------------------------------------------------------------------------

def odd(schema: Mapping[str, Any], form: Form, x: str) -> str:
    """True, for a value that is not null, where it may not fit the schema or be told apart; "" for never."""
    wanted = schema["type"]
    if form.kind == "native":
        return _odd_native(schema, wanted, form, x)
    match wanted:
        case "string":
            wrong = f"NOT starts_with({x}, '\"')" if form.kind == "json" else ""
            if "enum" in schema:
                known = [f'"{one}"' if form.kind == "json" else one for one in schema["enum"]]
                return _none_of(x, known)
            more = _odd_text(schema, text_of(form, x))
            return either([one for one in (wrong, more) if one]) if wrong or more else ""
        case "boolean":
            return f"{x} NOT IN ('true', 'false')"
        case "integer":
            value = f"TRY_CAST({x} AS BIGINT)"
            # DuckDB writes the numbers of JSON in one way, so that a cast tells what is one; but 1e-7 it casts to 0.
            plain = [f"{value} IS NULL", f"contains({x}, '.')", f"contains({x}, 'e')", f"strlen({x}) > 18"]
            if form.kind != "json":
                plain = [f"NOT regexp_full_match({x}, {quoted(_INTEGER)})", f"{x} = '-0'"]
            return either([*plain, *_limits(schema, value)])
        case "number":
            parts = [f"NOT regexp_full_match({x}, {quoted(_NUMBER)})", f"starts_with(ltrim({x}, '-'), '0.000000')",
                     f"starts_with({x}, '-0') AND TRY_CAST({x} AS DECIMAL(27,9)) = 0"]
            if form.kind == "json":
                parts.append(f"contains({x}, '.') AND NOT {_stands(form.column, x)}")
            return either([*parts, *_limits(schema, f"TRY_CAST({x} AS DECIMAL(27,9))")])
        case "array" if form.kind == "json" and schema["items"].get("type") == "string":
            return _odd_list(schema, x)
        case _:
            return "true"


def _none_of(x: str, known: Sequence[str]) -> str:
    """`NOT IN`, which DuckDB, as it does `list_contains`, makes a join that forgets the order of the rows."""
    return f"list_position([{', '.join(map(quoted, known))}], {x}) IS NULL"


def _stands(line: str, x: str) -> str:
    """Whether a number with a fraction stands in its line as DuckDB, which keeps it in binary, writes it again."""
    ways = [f"contains({line}, concat('{before}', {x}, '{after}'))" for before in (":", ": ") for after in (",", "}")]
    return f"({' OR '.join(ways)})" if line else "false"


def _limits(schema: Mapping[str, Any], value: str) -> list[str]:
    found = [f"{value} < {schema['minimum']}"] if "minimum" in schema else []
    if "maximum" in schema:
        found.append(f"{value} > {schema['maximum']}")
    if "enum" in schema:
        found.append(f"list_position([{', '.join(map(str, schema['enum']))}], {value}) IS NULL")
    return found


def _odd_text(schema: Mapping[str, Any], text: str) -> str:
    parts = []
    match schema.get("format"):
        case "date":
            parts += [f"NOT regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')",
                      f"TRY_CAST({text} AS DATE) IS NULL", f"{text} < '0001'"]
        case "date-time":
            parts.append(f"NOT coalesce({written(text)} BETWEEN {FIRST} AND {LAST}, false)")
        case "period":
            parts.append(f"{period(text, schema.get('x-unit'))} IS NULL")
        case _:
            pass
    if schema.get("minLength"):
        parts.append(f"{text} = ''" if schema["minLength"] == 1 else f"length({text}) < {schema['minLength']}")
    if "pattern" in schema:
        parts.append(f"NOT regexp_matches({text}, {quoted(schema['pattern'])})")
    return either(parts) if parts else ""


def _odd_list(schema: Mapping[str, Any], x: str) -> str:
    items = schema["items"]
    if items.keys() & {"format", "minLength", "pattern"}:
        return "true"
    plain = [one for one in items.get("enum", ()) if re.fullmatch("[A-Za-z0-9_. -]*", one)]
    item = "(" + "|".join(re.escape(one) for one in plain) + ")" if "enum" in items else _ITEM
    shape = rf'\[("{item}"(,"{item}")*)?\]'
    parts = [f"NOT regexp_full_match({x}, {quoted(shape)})"]
    held = f"from_json(CAST({x} AS JSON), '[\"VARCHAR\"]')"
    return either(parts + _odd_items(schema, held))


def _odd_items(schema: Mapping[str, Any], held: str) -> list[str]:
    parts = [f"len({held}) < {schema['minItems']}"] if schema.get("minItems") else []
    if schema.get("uniqueItems"):
        parts.append(f"list_unique({held}) <> len({held})")
    return parts


def _odd_native(schema: Mapping[str, Any], wanted: str, form: Form, x: str) -> str:
    have = held_as(form)
    match wanted, have:
        case "string", "string":
            if "enum" in schema:
                return _none_of(x if form.column == "VARCHAR" else text_of(form, x), schema["enum"])
            return _odd_text(schema, text_of(form, x))
        case "string", "stamp":
            fits = "date" if form.column == "DATE" else "date-time"
            if schema.get("format") != fits or schema.keys() & {"enum", "pattern", "minLength"}:
                return "true"
            if form.column == "DATE":
                return f"{x} NOT BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'"
            return _odd_stamp(form, x) if form.column in ZONED else "true"
        case "boolean", "boolean":
            return ""
        case ("integer" | "number"), ("integer" | "number"):
            parts = [f"{x} NOT BETWEEN -{10 ** 18 - 1} AND {10 ** 18 - 1}"] if form.column not in (
                "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER") else []
            if have == "number" and wanted == "integer":
                parts.append(f"{x} <> trunc({x})")
            elif have == "number" and int(form.column[:-1].split(",")[1]) > 9:
                parts.append(f"{x} <> CAST({x} AS DECIMAL(27,9))")
            parts += _limits(schema, x)
            return either(parts) if parts else ""
        case "array", "array":
            inner = Form("native", form.column[:-2])
            if held_as(inner) in ("array", "object", ""):
                return "true"
            wrong = odd(schema["items"], inner, "e")
            parts = [f"len(list_filter({x}, lambda e: e IS NULL{f' OR {wrong}' if wrong else ''})) > 0"]
            return either([*parts, *_odd_items(schema, x)])
        case "object", "object":
            return _odd_struct(schema, form, x)
        case _:
            return "true"


def _odd_struct(schema: Mapping[str, Any], form: Form, x: str) -> str:
    declared, required = schema.get("properties", {}), schema.get("required", ())
    inner = struct_fields(form.column)
    parts = ["true"] if any(name not in inner for name in required) else []
    for name, column in inner.items():
        one = f"{x}.{named(name)}"
        if name not in declared:
            if schema.get("additionalProperties") is False:
                parts.append(f"{one} IS NOT NULL")
            continue
        if name in required:
            parts.append(f"{one} IS NULL")
        wrong = odd(declared[name], Form("native", column), one)
        if wrong:
            parts.append(f"{one} IS NOT NULL AND ({wrong})")
    return either(parts) if parts else ""


def struct_fields(column: str) -> dict[str, str]:
    """The fields of a `STRUCT(a BIGINT, "b c" VARCHAR[])` and their types."""
    found, rest = {}, column.removeprefix("STRUCT(").removesuffix(")")
    while rest:
        name = re.match(r'"((?:[^"]|"")*)"|([^ ]+)', rest)
        assert name is not None
        at = start = name.end() + 1
        depth = 0
        while at < len(rest) and (depth or rest[at] != ","):
            depth += {"(": 1, ")": -1}.get(rest[at], 0)
            at += 1
        found[(name.group(1) or name.group(2)).replace('""', '"')] = rest[start:at]
        rest = rest[at + 1:].lstrip()
    return found


def _odd_stamp(form: Form, x: str) -> str:
    finer = f"epoch_ns({x}) % 1000 <> 0 OR " if "_NS" in form.column else ""
    return f"NOT isfinite({x}) OR {finer}epoch_us({x}) NOT BETWEEN {FIRST} AND {LAST}"


# ---- times --------------------------------------------------------------------------------------------------------

def written(text: str, zone: bool = False) -> str:
    """The instant a text writes, in microseconds; null for a text that is none in the plain writing.

    Without an offset it is null, or with `zone` what the clock shows, as if that were UTC.
    """
    # LIKE takes a third of the time of a regular expression. That the signs are digits is left to the cast.
    seconds, hour = "____-__-__T__:__:__", f"substring({text}, 12, 2) < '24'"
    shape = (f"CASE strlen({text}) WHEN 20 THEN {text} LIKE '{seconds}Z' AND {hour} "
             f"WHEN 24 THEN {text} LIKE '{seconds}.___Z' AND {hour} "
             f"WHEN 27 THEN {text} LIKE '{seconds}.______Z' AND {hour} "
             f"ELSE regexp_full_match({text}, {quoted(_STAMP)}) END")
    plain = f"{shape} AND {text} >= '0001' THEN epoch_us(TRY_CAST({text} AS TIMESTAMPTZ))"
    if not zone:
        return f"CASE WHEN {plain} END"
    local = quoted(_STAMP[:_STAMP.index("(Z|")])
    return (f"CASE WHEN {is_local(text)} THEN CASE WHEN regexp_full_match({text}, {local}) AND {text} >= '0001' "
            f"THEN epoch_us(TRY_CAST({text} AS TIMESTAMP)) END WHEN {plain} END")


def is_local(text: str) -> str:
    """True for a time without an offset, of those that `written` takes."""
    signs = " AND ".join(f"substring({text}, length({text}) - {back}, 1) NOT IN ('+', '-')" for back in (5, 4, 2))
    return f"NOT ends_with({text}, 'Z') AND {signs}"


def period(text: str, unit: str | None) -> str:
    """The count of a plainly written period in the class of `unit`, any where that is None; null for others."""
    sought = None if unit is None else UNITS[unit][1]
    word = f"{text}[instr({text}, ' ') + 1:]"
    count = f"CAST(split_part({text}, ' ', 1) AS BIGINT)"
    branches = [f"WHEN {quoted(name)} THEN {size} WHEN {quoted(name + 's')} THEN {size}"
                for name, (size, of) in UNITS.items() if sought in (None, of)]
    return (f"CASE WHEN regexp_full_match({text}, '[0-9]{{1,4}} [a-z]+( [a-z]+)?') "
            f"THEN {count} * CASE {word} {' '.join(branches)} END END")


# ---- values -------------------------------------------------------------------------------------------------------

def value(type: types.Type, form: Form, x: str) -> str:
    """A raw value that is not odd as `sql_type` holds it; null where it is of another type."""
    into = sql_type(type)
    nothing = f"CAST(NULL AS {into})"
    if form.kind == "native":
        return _native_value(type, form, x, into)
    match type:
        case types.Bool():
            return f"CASE {x} WHEN 'true' THEN true WHEN 'false' THEN false END"
        case types.Number():
            return f"TRY_CAST({x} AS {into})"
        case types.Text():
            return text_of(form, x)
        case types.ListOf(types.Text()) if form.kind == "json":
            return f"CASE WHEN starts_with({x}, '[') THEN from_json(CAST({x} AS JSON), '[\"VARCHAR\"]') END"
        case types.ListOf() | types.Record() | types.Unknown() | types.TimeOfDay():
            return nothing
        case _:
            return _from_text(type, text_of(form, x), into)


def _from_text(type: types.Type, text: str, into: str) -> str:
    match type:
        case types.Date():
            return f"TRY_CAST({text} AS DATE)"
        case types.Instant():
            return written(text)
        case types.Period():
            words: dict[str | None, str] = {"elapsed": "second", "day": "day", "month": "month",
                                            "working_day": "working day"}
            return period(text, words[type.unit]) if type.unit else text
        case _:
            return f"CAST(NULL AS {into})"


def _native_value(type: types.Type, form: Form, x: str, into: str) -> str:
    have = held_as(form)
    match type:
        case types.Text() if have == "string":
            return x if form.column == "VARCHAR" else text_of(form, x)
        case types.Bool() if have == "boolean":
            return x
        case types.Number() if have in ("integer", "number"):
            return x if form.column == into else f"TRY_CAST({x} AS {into})"
        case types.Date() if form.column == "DATE":
            return x
        case types.Instant() if form.column in ZONED:
            return f"epoch_us({x})"
        case types.ListOf() if have == "array":
            inner = Form("native", form.column[:-2])
            held = _native_value(type.item, inner, "e", into[:-2])
            return x if held == "e" else f"list_transform({x}, lambda e: {held})"
        case types.Date() | types.Instant() | types.Period() if have == "string":
            return _from_text(type, text_of(form, x), into)
        case _:
            return f"CAST(NULL AS {into})"


# ---- content ------------------------------------------------------------------------------------------------------

def content(form: Form, x: str, wanted: str) -> str:
    """What `core.case.content` says of a value that is not null, its type's name and its text, with NUL between."""
    if form.kind == "native":
        match held_as(form):
            case "integer":
                return f"concat('int', chr(0), {x})"
            case "number":
                return f"concat('Decimal', chr(0), {x})"
            case "boolean":
                return f"CASE WHEN {x} THEN concat('bool', chr(0), 'True') ELSE concat('bool', chr(0), 'False') END"
            case "array":
                items = f"list_transform({x}, lambda e: concat('''', CAST(e AS VARCHAR), ''''))"
                return f"concat('list', chr(0), '[', array_to_string({items}, ', '), ']')"
            case "object":
                return f"concat('dict', chr(0), CAST({x} AS VARCHAR))"
            case "stamp" if form.column in ZONED:
                return f"concat('str', chr(0), CAST(make_timestamp(epoch_us({x})) AS VARCHAR))"
            case _:
                return f"concat('str', chr(0), CAST({x} AS VARCHAR))"
    number = f"concat(CASE WHEN contains({x}, '.') THEN 'Decimal' ELSE 'int' END, chr(0), {x})"
    truth = f"concat('bool', chr(0), CASE {x} WHEN 'true' THEN 'True' ELSE 'False' END)"
    text = f"concat('str', chr(0), {text_of(form, x)})"
    if form.kind == "json":
        listed = f"concat('list', chr(0), replace(replace({x}, '\"', ''''), ',', ', '))"
        return cases([(f"starts_with({x}, '\"')", text), (f"{x} IN ('true', 'false')", truth),
                      (f"starts_with({x}, '[')", listed)], number)
    return {"boolean": truth, "integer": number, "number": number}.get(wanted, text)
