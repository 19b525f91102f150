"""One file or many of one shape as a SELECT of plain rows: what the table of events is made of.

In come the columns that files have, with the form of their values, and what the vocabulary says of each; out comes SQL
whose rows have a fixed set of columns and, in `odd`, whether Python has to look at them again. Where rows are kept, and
in which order events stand, is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from policyengine.base.record import record
from policyengine.core import types
from policyengine.trace.columns import Column, sql_type
from policyengine.trace.scan.forms import (
    FIRST,
    INTEGERS,
    JSON,
    LAST,
    STAMPS,
    TEXT,
    ZONED,
    Form,
    content,
    either,
    held_as,
    is_local,
    named,
    odd,
    quoted,
    struct_fields,
    text_of,
    value,
    written,
)
from policyengine.trace.scan.rows import ENVELOPE, Held, Schemas, own_fields

MAX_OBJECT = 4 * 1024 * 1024
ODD = "a row is odd"
"""What DuckDB says of the first row that Python must look at, where it is to stop there."""

Odd = Literal["said", "skipped", "stops", "trusted"]
"""What becomes of rows that are odd: the column `odd` says so, they are left out, they end the query, or nobody asks
which they are."""

SOME = 3
"""So few types are asked for one by one."""

NO_COLUMNS: Mapping[str, str] = {}

_ODD = {"skipped": "false", "stops": f"error({quoted(ODD)})"}

ROW = ("file", "row", "type", "t", "local", "seq", "id", "service", "content", "odd")
"""The columns before those that rules read: `type` is the place in the vocabulary; `t` microseconds, of a `local` time
as if the clock showed UTC; `content` what sorts rows alike, where neither id nor sequence does."""


@record
class Field:
    """What the vocabulary says of a field of that name: which event types have it with which schema, by their place,
    and which require it."""

    groups: tuple[tuple[Mapping[str, Any], frozenset[int]], ...]
    required: frozenset[int]

    @property
    def declared(self) -> frozenset[int]:
        """The event types that have the field."""
        return frozenset().union(*(places for _, places in self.groups))


@record
class Asked:
    """What is read and how it is held: the vocabulary field by field, and the columns of the table."""

    names: tuple[str, ...]
    fields: Mapping[str, Field]
    closed: frozenset[int]
    held: Held
    zone: str | None
    present: frozenset[int]

    def of(self, present: frozenset[int]) -> Asked:
        """What is asked of rows that have these types alone: fewer questions, sooner answered."""
        return Asked(self.names, self.fields, self.closed, self.held, self.zone, present)

    def among(self, places: frozenset[int]) -> str:
        """Whether the type of a row is one of these; SQL over the column `type` (no `IN`: see `scan.forms`)."""
        if not places & self.present:
            return "false"
        if places >= self.present:
            return "true"
        inside, others = places & self.present, self.present - places
        for some, sign, word in ((inside, "=", " OR "), (others, "<>", " AND ")):
            if len(some) <= SOME:
                return "(" + word.join(f'"type" {sign} {one}' for one in sorted(some)) + ")"
        flags = ", ".join("true" if one in places else "false" for one in range(len(self.names)))
        return f"([{flags}])[\"type\" + 1]"


def narrowed(source: Source, asked: Asked, places: frozenset[int]) -> Source:
    """The source without the columns of fields that no row of these types, if it is not odd, says anything in."""
    return with_fields(source, asked, places, frozenset()) if places <= asked.closed else source


def with_fields(source: Source, asked: Asked, places: frozenset[int], more: Container[str]) -> Source:
    """The source with the columns alone of fields that these types have, and `more`."""
    return replace(source, columns={
        name: one for name, one in source.columns.items()
        if name in ENVELOPE or name in more or (name in asked.fields and asked.fields[name].declared & places)})


def part(source: Source, asked: Asked, places: frozenset[int], also: str = "") -> str:
    """The rows of these types as the source has them, with the `place` of each one's type; `also` is SQL of others."""
    column = _columns(source)["type"]
    which = _among(column, places, asked) if places else "false"
    return (f"SELECT *, CAST({_place(column, asked.names)} AS SMALLINT) AS place FROM ({source.table}) WHERE {which}"
            + (f" OR ({also})" if also else ""))


def asked(schemas: Schemas, held: Held, zone: str | None) -> Asked:
    """The vocabulary turned around: fields first, event types second."""
    groups: dict[str, dict[str, tuple[Any, set[int]]]] = {}
    required: dict[str, set[int]] = {}
    closed = set()
    for place, schema in enumerate(schemas.values()):
        own = own_fields(schema)
        if own.get("additionalProperties") is False:
            closed.add(place)
        for name, one in own["properties"].items():
            key = json.dumps(_bare(one), sort_keys=True, default=str)
            groups.setdefault(name, {}).setdefault(key, (one, set()))[1].add(place)
        for name in own["required"]:
            required.setdefault(name, set()).add(place)
    fields = {name: Field(tuple((one, frozenset(places)) for one, places in groups.get(name, {}).values()),
                          frozenset(required.get(name, ()))) for name in dict.fromkeys((*groups, *required))}
    return Asked(tuple(schemas), fields, frozenset(closed), held, zone, frozenset(range(len(schemas))))


def _bare(schema: Any) -> Any:
    """A schema without its descriptions, which tell no two apart."""
    if isinstance(schema, Mapping):
        return {key: _bare(one) for key, one in schema.items()
                if key not in ("description", "title", "default", "examples") and not key.startswith("x-desc")}
    return [_bare(one) for one in schema] if isinstance(schema, list) else schema


@record
class Source:
    """Where rows come from: SQL of a table whose columns have these names and forms.

    `file` and `row` are SQL too, and `place`, that of a row's type in the vocabulary, where it is known without asking
    the type; `given` is SQL of what the path says of a row, by field; `keys`, where there is one,
    is the list of the names that a row of NDJSON has, nulls among them; `nulls`: without it, null and absent are not
    told apart, and there are nulls. `more` are further reasons to be odd. `ahead` and `unclear` are SQL over `stamp`, a
    local time in microseconds as if the clock showed UTC: how far the zone's clocks were ahead, and whether they
    skipped it or showed it twice.
    """

    table: str
    columns: Mapping[str, tuple[Form, str]]
    file: str
    row: str
    given: Mapping[str, str]
    keys: str = ""
    nulls: bool = False
    more: tuple[str, ...] = ()
    ahead: str = ""
    unclear: str = ""
    place: str = ""


def select(source: Source, asked: Asked, wanted: str = "true", odd: Odd = "said", checked: str = "true",
           also: Mapping[str, str] = NO_COLUMNS) -> str:
    """The rows of a source in the columns of the table, and in such that are SQL of a value as it is read (`also`), as
    far as they are wanted: SQL over `type` and `t`, as is which rows are `checked` for fields that do not fit."""
    columns = _columns(source)
    fields = fields_of(source)
    id, sequence = _id(columns.get("id"))[0], _sequence(columns.get("sequence"))[0]
    kind = (TEXT, source.place) if source.place else columns["type"]
    wrong = [*_misfits(fields, asked, kind), *_unsaid(fields, source, asked, id, sequence)]
    service = fields.get("service")
    held = [f"{_value(one, fields)} AS c{number}" for number, one in enumerate(asked.held.columns)]
    held += [f"{_said(one, fields, source)} AS s{number}" for number, one in enumerate(asked.held.columns) if one.said]
    held += [f"{x} AS {name}" for name, x in also.items()]
    more = [f"{'NULL' if service is None else text_of(*service)}::VARCHAR AS service",
            f"{_content(fields, source, asked, id, sequence)} AS content"]
    if wrong and checked != "true":
        wrong = [f"{checked} AND ({either(wrong)})"]
    return _rows(source, asked, more, wrong, held, wanted, odd)


def placed(source: Source, asked: Asked) -> str:
    """The rows of a source with what puts them in order alone, odd where that cannot be told."""
    return _rows(source, asked, [], [], [], "true", "said")


def fields_of(source: Source) -> dict[str, tuple[Form, str]]:
    """What the rows of a source say beside the columns that every row has."""
    return {name: one for name, one in _columns(source).items() if name not in ENVELOPE}


def value_of(column: Column, source: Source) -> str:
    """SQL of what a column of the table has of a row as it is read."""
    return _value(column, fields_of(source))


def misfits(fields: Mapping[str, tuple[Form, str]], asked: Asked) -> str:
    """Which rows may not fit the vocabulary; SQL over `type` and these columns."""
    return either(_misfits(fields, asked, (TEXT, '"type"')))


def _columns(source: Source) -> dict[str, tuple[Form, str]]:
    """What files and their paths say, by field."""
    columns = dict(source.columns)
    for name, x in source.given.items():
        if name not in columns:
            columns[name] = (TEXT, x)
        elif columns[name][0].kind == "json":
            own = columns[name][1]
            silent = f"NOT list_contains({source.keys}, {quoted(name)})" if source.keys else f"{own} IS NULL"
            columns[name] = (JSON, f"CASE WHEN {silent} THEN CAST(to_json({x}) AS VARCHAR) ELSE {own} END")
    return columns


def _rows(source: Source, asked: Asked, more: Sequence[str], misfits: Sequence[str], held: Sequence[str], wanted: str,
          odd: Odd) -> str:
    """The rows of a source: where each stands, `more`, whether it is odd, what is `held`."""
    columns = _columns(source)
    kind = source.place or _place(columns["type"], asked.names)
    form, x = columns["time"]
    # A time never has an escape; that of one which has is no time in the plain writing.
    text = f"substring({x}, 2, length({x}) - 2)" if form.kind == "json" else x
    stamp, local, bad_time = _time(form, x, asked.zone)
    unclear = [f"local AND ({source.unclear})"] if source.unclear else []
    if source.nulls:  # a null of the row's own is not what the path says
        unclear += [f"{source.columns[name][1]} IS NULL" for name in source.given if name in source.columns]
    id, bad_id = _id(columns.get("id"))
    sequence, bad_sequence = _sequence(columns.get("sequence"))
    wrong = either([part for part in ('"type" IS NULL', bad_time, *unclear, bad_id, bad_sequence, *source.more,
                                      *misfits) if part])
    t = f"CASE WHEN local THEN stamp - ({source.ahead}) ELSE stamp END" if source.ahead else "stamp"
    inner = f'SELECT *, CAST({kind} AS SMALLINT) AS "type", {text} AS time_text FROM ({source.table})'
    inner = f"SELECT *, {stamp} AS stamp, {local} AS local FROM ({inner})"
    inner = f"SELECT *, {t} AS t FROM ({inner})"
    chosen = [f"{source.file} AS file", f'{source.row} AS "row"', '"type"', "t", "local", f"{sequence} AS seq",
              f"{id} AS id", *more, f"{wrong if odd == 'said' else 'false'} AS odd", *held]
    # In a condition most rows are asked little of `wrong`; as a column all of it would be worked out for each row.
    which = f"CASE WHEN {wrong} THEN {_ODD[odd]} ELSE {wanted} END" if odd in _ODD else wanted
    return f"SELECT {', '.join(chosen)} FROM ({inner}) WHERE {which}"


def _place(column: tuple[Form, str], names: Sequence[str]) -> str:
    """The place of a row's type in the vocabulary; null for a type that is not in it."""
    form, x = column
    known = [quoted(f'"{name}"' if form.kind == "json" else name) for name in names]
    return f"list_position([{', '.join(known)}], CAST({x} AS VARCHAR)) - 1"


def _time(form: Form, x: str, zone: str | None) -> tuple[str, str, str]:
    """The instant (of `time_text`), whether it is one of the zone's clock, and when the `stamp` cannot be told."""
    if form.column in ZONED or form.column in STAMPS:
        local = "false" if form.column in ZONED else "true"
        unknown = "" if form.column in ZONED or zone is not None else "true OR "
        finer = f"epoch_ns({x}) % 1000 <> 0 OR " if "_NS" in form.column else ""
        return f"epoch_us({x})", local, (f"{unknown}{x} IS NULL OR NOT isfinite({x}) OR {finer}"
                                         f"stamp NOT BETWEEN {FIRST} AND {LAST}")
    if form.kind == "native" and held_as(form) != "string":
        return "CAST(NULL AS BIGINT)", "false", "true"
    not_text = f"NOT starts_with({x}, '\"') OR " if form.kind == "json" else ""
    return (written("time_text", zone is not None), is_local("time_text") if zone is not None else "false",
            f"{not_text}coalesce(stamp NOT BETWEEN {FIRST} AND {LAST}, true)")


def _id(column: tuple[Form, str] | None) -> tuple[str, str]:
    if column is None:
        return "CAST(NULL AS VARCHAR)", ""
    form, x = column
    match form.kind:
        case "json":
            return (f"CASE WHEN starts_with({x}, '\"') THEN {text_of(form, x)} ELSE {x} END",
                    f"{x} IS NOT NULL AND NOT starts_with({x}, '\"') AND "
                    f"NOT regexp_full_match({x}, '0|-?[1-9][0-9]{{0,17}}')")
        case _:
            plain = form.kind == "text" or held_as(form) in ("string", "integer")
            return f"CAST({x} AS VARCHAR)", "" if plain else f"{x} IS NOT NULL"


def _sequence(column: tuple[Form, str] | None) -> tuple[str, str]:
    if column is None:
        return "CAST(NULL AS BIGINT)", ""
    form, x = column
    if form.kind != "native":
        return f"TRY_CAST({x} AS BIGINT)", f"{x} IS NOT NULL AND ({odd({'type': 'integer'}, form, x)})"
    if form.column in INTEGERS or form.column.startswith("DECIMAL"):
        wrong = odd({"type": "number"}, form, x)
        return x, f"{x} IS NOT NULL AND coalesce({wrong}, true)" if wrong else ""
    return "CAST(NULL AS BIGINT)", f"{x} IS NOT NULL"


def _misfits(fields: Mapping[str, tuple[Form, str]], asked: Asked, kind: tuple[Form, str]) -> list[str]:
    """When a row may not fit the vocabulary, field by field. Most fields of a row are null: `AND` asks no more then."""
    lacking = _lacking(fields, asked)
    found = [_of(kind, lacking, asked)] if lacking & asked.present else []
    for name, (form, x) in fields.items():
        field = asked.fields.get(name, Field((), frozenset()))
        strangers = asked.closed - field.declared
        parts = [_of(kind, strangers, asked)] if strangers & asked.present else []
        for schema, places in field.groups:
            wrong = odd(schema, form, x)
            # What a type of its own has not declared is odd already, so that one schema for all needs no question.
            own = "true" if len(field.groups) == 1 and places | strangers >= asked.present else _of(kind, places, asked)
            if wrong and places & asked.present:
                parts.append(f"coalesce({wrong}, true)" + ("" if own == "true" else f" AND {own}"))
        free = asked.present - asked.closed - field.declared
        if free and form.kind == "json":  # where a type may have any field, JSON has still to be JSON
            parts.append(f"NOT (starts_with({x}, '\"') OR {x} IN ('true', 'false') OR "
                         f"coalesce(NOT ({odd({'type': 'integer'}, form, x)}), false)) AND {_of(kind, free, asked)}")
        if parts:
            found.append(f"{x} IS NOT NULL AND ({either(parts)})")
        if field.required & asked.present:
            found.append(f"{x} IS NULL AND {_of(kind, field.required, asked)}")
    return found


def _of(kind: tuple[Form, str], places: frozenset[int], asked: Asked) -> str:
    """As `among`, over the text of the type (`kind`) where DuckDB asks once for each text that a file has: in whole
    columns of Parquet."""
    if kind[0].kind != "native":
        return asked.among(places)
    inside, others = places & asked.present, asked.present - places
    if not inside or not others:
        return "true" if inside else "false"
    return _among(kind, inside, asked) if len(inside) <= len(others) else f"(NOT {_among(kind, others, asked)})"


def _among(kind: tuple[Form, str], places: frozenset[int], asked: Asked) -> str:
    names = ", ".join(quoted(asked.names[place]) for place in sorted(places))
    return f"(list_position([{names}], CAST({kind[1]} AS VARCHAR)) IS NOT NULL)"


def _lacking(fields: Mapping[str, Any], asked: Asked) -> frozenset[int]:
    """The event types that require a field which no row of the source has."""
    return frozenset().union(*(field.required for name, field in asked.fields.items() if name not in fields))


def _unsaid(fields: Mapping[str, tuple[Form, str]], source: Source, asked: Asked, id: str, sequence: str,
            ) -> list[str]:
    """When it matters that null and absent are not told apart: in columns that must be said, and in the content that
    sorts rows without id and sequence."""
    if not source.nulls:
        return []
    found = [f"{id} IS NULL AND {sequence} IS NULL"]
    for one in asked.held.said:
        column, field = fields.get(one.path[0]), asked.fields.get(one.path[0])
        if column is not None and field is not None and field.declared & asked.present:
            found.append(f"{column[1]} IS NULL AND {asked.among(field.declared)}")
    return found


def _at(column: Column, fields: Mapping[str, tuple[Form, str]]) -> tuple[Form, str] | None:
    """The raw value of a column, inside records too."""
    found = fields.get(column.path[0])
    for name in column.path[1:]:
        if found is None or not found[0].column.startswith("STRUCT"):
            return None
        inner = struct_fields(found[0].column).get(name)
        if inner is None:
            return None
        found = Form("native", inner), f"{found[1]}.{named(name)}"
    return found


def _value(column: Column, fields: Mapping[str, tuple[Form, str]]) -> str:
    found = _at(column, fields)
    if found is None:
        return f"CAST(NULL AS {sql_type(column.type)})"
    form, x = found
    if isinstance(column.type, types.Text) and form.kind == "json":
        return f"CASE WHEN starts_with({x}, '\"') THEN {text_of(form, x)} END"
    return value(column.type, form, x)


def _said(column: Column, fields: Mapping[str, tuple[Form, str]], source: Source) -> str:
    found = _at(column, fields)
    if found is None:
        return "false"
    if source.keys and len(column.path) == 1:
        if column.path[0] in source.given:  # by the path, if not by the row
            return "true"
        return f"list_contains({source.keys}, {quoted(column.path[0])})"
    return f"{found[1]} IS NOT NULL"


def _content(fields: Mapping[str, tuple[Form, str]], source: Source, asked: Asked, id: str, sequence: str) -> str:
    parts = []
    for name, (form, x) in sorted(fields.items()):
        field = asked.fields.get(name)
        said = content(form, x, "string")
        if form.kind == "text" and field is not None:
            branches = [(asked.among(places), content(form, x, schema["type"]))
                        for schema, places in field.groups if schema["type"] in ("boolean", "integer", "number")]
            if branches:
                said = "CASE " + " ".join(f"WHEN {when} THEN {then}" for when, then in branches) + f" ELSE {said} END"
        null = "''"
        if source.keys and field is not None:
            own = asked.among(field.declared)
            null = (f"CASE WHEN list_contains({source.keys}, {quoted(name)}) AND {own} "
                    f"THEN {_null(name)} ELSE '' END")
        parts.append(f"CASE WHEN {x} IS NULL THEN {null} ELSE concat({quoted(name)}, chr(0), {said}, chr(0)) END")
    whole = f"concat({', '.join(parts)})" if parts else "''"
    return f"CASE WHEN {id} IS NULL AND {sequence} IS NULL THEN {whole} END"


def _null(name: str) -> str:
    return f"concat({quoted(name)}, chr(0), 'NoneType', chr(0), 'None', chr(0))"
