"""Whether data fits a schema: the subset of JSON Schema 2020-12 that a vocabulary may use, in two readings.

In come a schema (plain dicts) and raw data; out come `problems`, all of them, worded for people, or the source of a
fast predicate for the many files that have none. A property test holds both to each other and to jsonschema. Where in a
file the data stands is for the caller to find, by the path of each problem.

null means missing: it is allowed where a property is not required. An item of a list cannot be missing. Numbers are int
or Decimal of at most 18 digits before the point and 9 after; true and false are no numbers; 2.0 is an integer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from types import CodeType
from typing import Any, Literal

from policyengine.base.diagnostic import nearest, shorten
from policyengine.base.instants import UNITS, Unit, parse_date, parse_instant, parse_period
from policyengine.base.record import record
from policyengine.base.scalars import PART_DIGITS, WHOLE_DIGITS, number

Path = tuple[str | int, ...]
Kind = Literal["required", "unknown-key", "type", "value", "format", "digits", "minimum", "maximum", "min-length",
               "min-items", "repeated", "pattern"]


@record
class Problem:
    """One thing that does not fit.

    `path` is the value's (of a missing one, where it should stand; of an unknown key, the key's). `message` can stand
    alone and ends without a stop; `expected` is what would fit, in a few words; `near` is the known key or value that
    was perhaps meant, for a help line.
    """

    path: Path
    kind: Kind
    message: str
    expected: str = ""
    near: str | None = None


KEYWORDS = frozenset({"type", "properties", "required", "additionalProperties", "items", "enum", "format", "minimum",
                      "maximum", "minLength", "minItems", "uniqueItems", "pattern", "$ref", "x-unit"})
"""The keywords that are checked; all others are annotations here, and the vocabulary refuses those that are not."""

FORMATS: dict[str, tuple[str, Callable[[str], object]]] = {
    "date": ("a date written `YYYY-MM-DD`", parse_date),
    "date-time": ("a time with its offset, such as `2026-11-20T23:59:59+08:00`", parse_instant),
    "period": ("a period such as `15 working days`", parse_period),
}

PERIODS: dict[Unit, str] = {
    "microsecond": "a duration in hours or shorter",
    "day": "a period in days",
    "month": "a period in months",
    "working_day": "a period in working days",
}
"""What `x-unit` beside `format: period` asks for. A unit stands for its class: weeks are days, years are months, and
no number of days is a month."""


# ---- all problems -----------------------------------------------------------------------------------------------

def problems(schema: Mapping[str, Any], value: Any) -> tuple[Problem, ...]:
    """Everything in the data that does not fit the schema, in the order of the data; then what it lacks."""
    return tuple(_Check(schema).value(schema, value, ()))


@record
class _Check:
    root: Mapping[str, Any]

    def value(self, schema: Mapping[str, Any], value: Any, path: Path) -> Iterator[Problem]:
        if "$ref" in schema:
            yield from self.value(_referred(self.root, schema["$ref"]), value, path)
            if _only_refers(schema):
                return
        wanted = schema.get("type")
        if wanted is not None and not _is(wanted, value):
            expected = _EXPECTED[wanted]
            yield Problem(path, "type", f"expected {expected}{_for(path)}, found {_found(value)}", expected)
            return
        if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
            expected = _one_of(schema["enum"])
            near = nearest(value, [one for one in schema["enum"] if isinstance(one, str)]) if isinstance(
                value, str) else None
            yield Problem(path, "value", f"expected {expected}{_for(path)}, found {_found(value)}", expected, near)
            return
        match value:
            case str():
                yield from _text(schema, value, path)
            case int() | Decimal() if not isinstance(value, bool):
                yield from _number(schema, value, path)
            case dict():
                yield from self.record(schema, value, path)
            case list():
                yield from self.items(schema, value, path)

    def record(self, schema: Mapping[str, Any], value: Mapping[str, Any], path: Path) -> Iterator[Problem]:
        declared = schema.get("properties", {})
        required = schema.get("required", ())
        closed = schema.get("additionalProperties") is False
        for key, item in value.items():
            if key not in declared:
                if closed:
                    shown = shorten(str(key))
                    message = f"`{_dotted(path)}` has no field" if path else "there is no field"
                    yield Problem((*path, key), "unknown-key", f"{message} `{shown}`", "", nearest(str(key), declared))
            elif item is not None:
                yield from self.value(declared[key], item, (*path, key))
        for key in required:
            if value.get(key) is None:
                said = "is null" if key in value else "is missing"
                yield Problem((*path, key), "required", f"`{_dotted((*path, key))}` {said}, and it is required",
                              self.expected(declared.get(key, {})))

    def items(self, schema: Mapping[str, Any], value: list[Any], path: Path) -> Iterator[Problem]:
        one = schema.get("items", {})
        for index, item in enumerate(value if "items" in schema else ()):
            if item is None:
                expected = self.expected(one)
                where = (*path, index)
                yield Problem(where, "type", f"expected {expected}{_for(where)}, found null", expected)
            else:
                yield from self.value(one, item, (*path, index))
        least = schema.get("minItems", 0)
        if len(value) < least:
            expected = f"at least {_counted(least, 'item')}"
            yield Problem(path, "min-items", f"expected {expected}{_in(path)}, found {len(value)}", expected)
        if schema.get("uniqueItems"):
            first: dict[Any, int] = {}
            for index, item in enumerate(value):
                before = first.setdefault(_key(item), index)
                if before != index:
                    message = f"`{_dotted((*path, index))}` repeats `{_dotted((*path, before))}`"
                    yield Problem((*path, index), "repeated", message, "each item once")

    def expected(self, schema: Mapping[str, Any]) -> str:
        """What a value of a schema is, in a few words."""
        while "$ref" in schema:
            schema = _referred(self.root, schema["$ref"])
        if "enum" in schema:
            return _one_of(schema["enum"])
        if "format" in schema:
            unit = _unit(schema)
            return FORMATS[schema["format"]][0] if unit is None else PERIODS[unit]
        return _EXPECTED.get(schema.get("type", ""), "a value")


def _text(schema: Mapping[str, Any], value: str, path: Path) -> Iterator[Problem]:
    if "format" in schema:
        expected, parse = FORMATS[schema["format"]]
        unit = _unit(schema)
        try:
            parse(value)
        except ValueError as reason:
            yield Problem(path, "format", f"expected {expected}{_for(path)}, {_reason(reason, value)}", expected)
        else:
            if unit is not None and not in_unit(unit, value):
                expected = PERIODS[unit]
                yield Problem(path, "format", f"expected {expected}{_for(path)}, found `{shorten(value)}`", expected)
    least = schema.get("minLength", 0)
    if len(value) < least:
        expected = f"text of at least {_counted(least, 'character')}"
        yield Problem(path, "min-length", f"expected {expected}{_for(path)}, found {_found(value)}", expected)
    if "pattern" in schema and not search(schema["pattern"], value):
        expected = f"text that matches `{shorten(schema['pattern'])}`"
        yield Problem(path, "pattern", f"expected {expected}{_for(path)}, found {_found(value)}", expected)


def _reason(reason: ValueError, value: str) -> str:
    said = str(reason)
    # The parsers say what they expect when the text has not even the form; that has been said already.
    return f"found {_found(value)}" if " is not a " in said and " such as " in said else f"but {said}"


def _number(schema: Mapping[str, Any], value: int | Decimal, path: Path) -> Iterator[Problem]:
    if not digits_fit(value):
        expected = f"at most {WHOLE_DIGITS} digits before the point and {PART_DIGITS} after it"
        yield Problem(path, "digits", f"expected {expected}{_for(path)}, found {_found(value)}", expected)
        return
    if "minimum" in schema and value < schema["minimum"]:
        expected = f"at least {schema['minimum']}"
        yield Problem(path, "minimum", f"expected {expected}{_for(path)}, found {value}", expected)
    if "maximum" in schema and value > schema["maximum"]:
        expected = f"at most {schema['maximum']}"
        yield Problem(path, "maximum", f"expected {expected}{_for(path)}, found {value}", expected)


# ---- words ------------------------------------------------------------------------------------------------------

_EXPECTED = {"object": "a mapping", "array": "a list", "string": "text", "integer": "an integer", "number": "a number",
             "boolean": "true or false"}
_SHOWN = 6  # how many values of an enumeration a message lists


def _for(path: Path) -> str:
    return f" for `{_dotted(path)}`" if path else ""


def _in(path: Path) -> str:
    return f" in `{_dotted(path)}`" if path else ""


def _dotted(path: Path) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return shorten(text.removeprefix("."), 120)


def _found(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return f"the number {shorten(str(value))}"
        case str():
            return f"text `{shorten(value)}`" if value else "empty text"
        case Mapping():
            return "a mapping"
        case list():
            return "a list"
        case None:
            return "null"
        case _:
            return f"`{shorten(str(value))}`"


def _one_of(values: list[Any]) -> str:
    shown = [f"`{shorten(str(value))}`" for value in values[:_SHOWN]]
    if len(values) > _SHOWN:
        return f"one of {', '.join(shown)} and {len(values) - _SHOWN} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# ---- what both readings ask -------------------------------------------------------------------------------------

def _is(type: str, value: Any) -> bool:
    match type:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int | Decimal) and not isinstance(value, bool)
        case "integer":
            return (isinstance(value, int) and not isinstance(value, bool)) or (
                isinstance(value, Decimal) and whole(value))
        case _:
            raise ValueError(f"a vocabulary has no type `{type}`")


def whole(value: Decimal) -> bool:
    """True for a decimal without a fraction, such as 2.0."""
    return value.is_finite() and value == value.to_integral_value()


_LIMIT = 10 ** WHOLE_DIGITS
_FINEST = Decimal(1).scaleb(-PART_DIGITS)


def digits_fit(value: int | Decimal) -> bool:
    """True when a number has at most 18 digits before the point and 9 after; zeros at its end do not count."""
    if isinstance(value, int):
        return bool(-_LIMIT < value < _LIMIT)
    return bool(value.is_finite() and -_LIMIT < value < _LIMIT and value == value.quantize(_FINEST))


_SHORT = 200  # characters of a text whose answers are kept: the same few stand in many services


def fits_format(format: str, text: str) -> bool:
    """True when the text has the format: `date`, `date-time` or `period`."""
    return _fits_format(format, text) if len(text) <= _SHORT else _fits_format.__wrapped__(format, text)


@lru_cache(maxsize=4096)
def _fits_format(format: str, text: str) -> bool:
    try:
        FORMATS[format][1](text)
    except ValueError:
        return False
    return True


def in_unit(unit: Unit, text: str) -> bool:
    """True when the text is a period counted in units of that class."""
    return _in_unit(unit, text) if len(text) <= _SHORT else _in_unit.__wrapped__(unit, text)


@lru_cache(maxsize=4096)
def _in_unit(unit: Unit, text: str) -> bool:
    try:
        return parse_period(text).unit == unit
    except ValueError:
        return False


def _unit(schema: Mapping[str, Any]) -> Unit | None:
    """The class of units a period must be in, where the schema says so."""
    return UNITS[schema["x-unit"]][1] if schema.get("format") == "period" and "x-unit" in schema else None


def search(pattern: str, text: str) -> bool:
    """True when the pattern (RE2) matches somewhere in the text, as JSON Schema has it."""
    return _search(pattern, text) if len(text) <= _SHORT else _search.__wrapped__(pattern, text)


@lru_cache(maxsize=4096)
def _search(pattern: str, text: str) -> bool:
    from policyengine.core.patterns import compiled  # RE2 is loaded for vocabularies with a pattern only

    return compiled(pattern).search(text) is not None


def distinct(items: list[Any]) -> bool:
    """True when no item repeats another; `1` and `true` are different, 2 and 2.0 are not."""
    return len({_key(item) for item in items}) == len(items)


def _key(value: Any) -> Any:
    """A value in a form that has a hash and equals that of an equal value."""
    match value:
        case bool():
            return ("bool", value)
        case list():
            return ("list", tuple(_key(item) for item in value))
        case Mapping():
            return ("mapping", frozenset((key, _key(item)) for key, item in value.items() if item is not None))
        case _:
            return value


def _same(value: Any, other: Any) -> bool:
    return bool(_key(value) == _key(other))


def _only_refers(schema: Mapping[str, Any]) -> bool:
    return schema.keys() & KEYWORDS == {"$ref"}


def _referred(root: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    """The schema that `#/$defs/…` names. LookupError for any other reference, which the vocabulary refuses."""
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    assert isinstance(found, Mapping)
    return found


# ---- the fast predicate -----------------------------------------------------------------------------------------

def checker_source(schema: Mapping[str, Any]) -> str:
    """Python source of `ok(value) -> bool`, true exactly where there are no `problems`; `load_checker` makes it so.

    Every record and list has a function of its own, so that no schema is too deep for Python.
    """
    writer = _Writer(schema)
    condition = writer.condition(schema, "v")
    return "\n".join([*writer.functions, "def ok(v):", f"    return {condition or 'True'}", ""])


def load_checker(python: str | CodeType) -> Callable[[Any], bool]:
    """The predicate of a source that `checker_source` wrote, compiled or not."""
    names: dict[str, Any] = {"Decimal": Decimal, "digits_fit": digits_fit, "distinct": distinct,
                             "fits_format": fits_format, "in_unit": in_unit, "search": search, "whole": whole}
    exec(compile(python, "<vocabulary>", "exec") if isinstance(python, str) else python, names)
    ok: Callable[[Any], bool] = names["ok"]
    return ok


@dataclass(slots=True)
class _Writer:
    root: Mapping[str, Any]
    functions: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)  # by `$ref`
    count: int = 0

    def condition(self, schema: Mapping[str, Any], v: str) -> str:
        """A Python expression over the variable `v`, which is not None; "" when everything fits."""
        parts = []
        if "$ref" in schema:
            parts.append(f"{self.referred(schema['$ref'])}({v})")
            if _only_refers(schema):
                return parts[0]
        wanted = schema.get("type")
        if "enum" in schema and not wanted:
            parts.append(f"any(not distinct([{v}, one]) for one in {schema['enum']!r})")
        for type in ((wanted,) if wanted else ("string", "number", "object", "array")):
            test = _TESTS[type].format(v=v)
            more = self.more(type, schema, v)
            if wanted:
                parts.append(f"{test} and {more}" if more else test)
            elif more:
                parts.append(f"(not ({test}) or {more})")
        return " and ".join(parts)

    def more(self, type: str, schema: Mapping[str, Any], v: str) -> str:
        """What else a value of the type must be."""
        parts = []
        if "enum" in schema and "type" in schema:
            fitting = [one for one in schema["enum"] if _is(type, one)]
            simple = fitting and type not in ("object", "array")
            parts.append(f"{v} in {{{', '.join(map(repr, fitting))}}}" if simple
                         else f"any(not distinct([{v}, one]) for one in {fitting!r})")
        match type:
            case "string":
                if (unit := _unit(schema)) is not None:
                    parts.append(f"in_unit({unit!r}, {v})")
                elif "format" in schema:
                    parts.append(f"fits_format({schema['format']!r}, {v})")
                if schema.get("minLength"):
                    parts.append(f"len({v}) >= {schema['minLength']}")
                if "pattern" in schema:
                    parts.append(f"search({schema['pattern']!r}, {v})")
            case "integer" | "number":
                if type == "number":
                    parts.append(f"digits_fit({v})")
                else:
                    parts.append(f"-{_LIMIT} < {v} < {_LIMIT}")
                parts += [f"{v} {sign} {schema[name]!r}" for name, sign in (("minimum", ">="), ("maximum", "<="))
                          if name in schema]
            case "object":
                if schema.keys() & {"properties", "required", "additionalProperties"}:
                    parts.append(f"{self.record(schema)}({v})")
            case "array":
                if schema.keys() & {"items", "minItems", "uniqueItems"}:
                    parts.append(f"{self.items(schema)}({v})")
            case "boolean":
                pass
        return " and ".join(parts)

    def referred(self, reference: str) -> str:
        if reference not in self.names:
            name = self.names[reference] = self.fresh()  # before its body is written, which may name it
            condition = self.condition(_referred(self.root, reference), "v")
            self.functions += [f"def {name}(v):", f"    return {condition or 'True'}"]
        return self.names[reference]

    def record(self, schema: Mapping[str, Any]) -> str:
        declared, required = schema.get("properties", {}), schema.get("required", ())
        lines = []
        if schema.get("additionalProperties") is False:
            known = f"{{{', '.join(map(repr, declared))}}}" if declared else "frozenset()"
            lines.append(f"    if not v.keys() <= {known}: return False")
        lines.append("    get = v.get")
        for key in dict.fromkeys((*declared, *required)):
            condition = self.condition(declared.get(key, {}), "x")
            if key in required:
                lines.append(f"    x = get({key!r})")
                lines.append(f"    if x is None or not ({condition}): return False" if condition
                             else "    if x is None: return False")
            elif condition:
                lines.append(f"    x = get({key!r})")
                lines.append(f"    if x is not None and not ({condition}): return False")
        return self.function(lines)

    def items(self, schema: Mapping[str, Any]) -> str:
        items = schema.get("items")
        lines = []
        if schema.get("minItems"):
            lines.append(f"    if len(v) < {schema['minItems']}: return False")
        if items is not None:
            condition = self.condition(items, "x")
            there = "" if "type" in items else "x is None or "  # no type is that of None
            lines += ["    for x in v:", f"        if {there}not ({condition or 'True'}): return False"]
        if schema.get("uniqueItems"):
            lines.append("    if len(v) > 1 and not distinct(v): return False")
        return self.function(lines)

    def function(self, lines: list[str]) -> str:
        name = self.fresh()
        self.functions += [f"def {name}(v):", *lines, "    return True"]
        return name

    def fresh(self) -> str:
        self.count += 1
        return f"ok{self.count}"


_TESTS = {
    "object": "isinstance({v}, dict)",
    "array": "isinstance({v}, list)",
    "string": "isinstance({v}, str)",
    "boolean": "({v} is True or {v} is False)",
    "number": "(type({v}) is int or isinstance({v}, Decimal))",
    "integer": "(type({v}) is int or (isinstance({v}, Decimal) and whole({v})))",
}


# ---- text to values ---------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def convert_text(schema: Mapping[str, Any], fields: Mapping[str, str | None]) -> dict[str, Any]:
    """The fields of a CSV row as the schema's types: empty text is missing, and the text of an integer, a number,
    `true` or `false` becomes one where the schema says so. Text that is none stays text, for `problems` to report."""
    declared = schema.get("properties", {})
    return {name: _converted(schema, declared.get(name, {}), text) for name, text in fields.items()}


def _converted(root: Mapping[str, Any], schema: Mapping[str, Any], text: str | None) -> Any:
    while "$ref" in schema and "type" not in schema:
        schema = _referred(root, schema["$ref"])
    if text is None or text == "":
        return None
    match schema.get("type"):
        case "integer" | "number" if _NUMBER.fullmatch(text):
            try:
                return number(text)
            except ValueError:  # more digits than a number has here; as text it is reported as the file shows it
                return text
        case "boolean":
            return {"true": True, "false": False}.get(text, text)
        case _:
            return text
