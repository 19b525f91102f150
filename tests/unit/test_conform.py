"""Data against a vocabulary's schema: the words of each problem, and the three readings that must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policyengine.analysis.conform import checker_source, convert_text, digits_fit, load_checker, problems
from policyengine.base.instants import parse_date, parse_instant, parse_period

SERVICE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "pattern": "^[a-z]"},
        "users": {"type": "integer", "minimum": 0},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "open": {"type": "boolean"},
        "kind": {"$ref": "#/$defs/kind"},
        "since": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "term": {"type": "string", "format": "period"},
        "kept": {"type": "string", "format": "period", "x-unit": "day"},
        "limit": {"type": "string", "format": "period", "x-unit": "minute"},
        "regions": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 1},
        "channels": {"type": "array", "items": {
            "type": "object", "properties": {"id": {"type": "string"}, "kind": {"$ref": "#/$defs/kind"}},
            "required": ["id"], "additionalProperties": False}, "uniqueItems": True},
        "operator": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"],
                     "additionalProperties": False},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"kind": {"type": "string", "enum": ["text", "image", "video"]}},
}

# What is wrong in a service that is otherwise {"name": "svc"}, and what is said.
SAID = [
    ({"name": None}, "`name` is null, and it is required"),
    ({"users": "12"}, "expected an integer for `users`, found text `12`"),
    ({"users": True}, "expected an integer for `users`, found true"),
    ({"users": Decimal("1.5")}, "expected an integer for `users`, found the number 1.5"),
    ({"users": -1}, "expected at least 0 for `users`, found -1"),
    ({"users": 10**18}, "expected at most 18 digits before the point and 9 after it for `users`, "
                        "found the number 1000000000000000000"),
    ({"share": Decimal("1.1")}, "expected at most 1 for `share`, found 1.1"),
    ({"share": Decimal("0.0000000001")}, "expected at most 18 digits before the point and 9 after it for `share`, "
                                         "found the number 1E-10"),
    ({"share": Decimal("NaN")}, "expected at most 18 digits before the point and 9 after it for `share`, "
                                "found the number NaN"),
    ({"open": "yes"}, "expected true or false for `open`, found text `yes`"),
    ({"kind": "vidoe"}, "expected `text`, `image` or `video` for `kind`, found text `vidoe`"),
    ({"kind": ""}, "expected `text`, `image` or `video` for `kind`, found empty text"),
    ({"since": "15.7.2026"}, "expected a date written `YYYY-MM-DD` for `since`, found text `15.7.2026`"),
    ({"since": "2026-02-30"}, "expected a date written `YYYY-MM-DD` for `since`, but `2026-02-30` is not a day of the "
                              "calendar"),
    ({"term": "15 fortnights"},
     "expected a period such as `15 working days` for `term`, but `fortnights` is not a unit of time; a period counts "
     "microseconds, milliseconds, seconds, minutes, hours, days, weeks, months, years or working days"),
    ({"term": "soon"}, "expected a period such as `15 working days` for `term`, found text `soon`"),
    ({"kept": "6 months"}, "expected a period in days for `kept`, found `6 months`"),
    ({"kept": "5 working days"}, "expected a period in days for `kept`, found `5 working days`"),
    ({"kept": "48 hours"}, "expected a period in days for `kept`, found `48 hours`"),
    ({"kept": "soon"}, "expected a period such as `15 working days` for `kept`, found text `soon`"),
    ({"limit": "1 day"}, "expected a duration in hours or shorter for `limit`, found `1 day`"),
    ({"name": "x"}, "expected text of at least 2 characters for `name`, found text `x`"),
    ({"name": "XY"}, "expected text that matches `^[a-z]` for `name`, found text `XY`"),
    ({"regions": []}, "expected at least 1 item in `regions`, found 0"),
    ({"regions": ["CN", "EU", "CN"]}, "`regions[2]` repeats `regions[0]`"),
    ({"regions": ["CN", "CN"]}, "`regions[1]` repeats `regions[0]`"),
    ({"channels": [{"id": "a", "kind": "text"}] * 2 + [{"id": "a"}, {"id": "b"}]},
     "`channels[1]` repeats `channels[0]`"),
    ({"channels": [{"id": "a", "kind": None}, {"id": "a"}]}, "`channels[1]` repeats `channels[0]`"),
    ({"share": True}, "expected a number for `share`, found true"),
    ({"regions": ["CN", None]}, "expected text for `regions[1]`, found null"),
    ({"regions": "CN"}, "expected a list for `regions`, found text `CN`"),
    ({"channels": [{"id": "a"}, {"kind": "text"}]}, "`channels[1].id` is missing, and it is required"),
    ({"channels": [{"id": "a", "knid": "text"}]}, "`channels[0]` has no field `knid`"),
    ({"usres": 1}, "there is no field `usres`"),
    ({"operator": {}}, "`operator.name` is missing, and it is required"),
    ({"operator": ["a"]}, "expected a mapping for `operator`, found a list"),
]


@pytest.mark.parametrize(("change", "message"), SAID, ids=[message[:40] for _, message in SAID])
def test_words(change: dict[str, Any], message: str) -> None:
    found = problems(SERVICE, {"name": "svc", **change})
    assert [problem.message for problem in found] == [message]
    assert not load_checker(checker_source(SERVICE))({"name": "svc", **change})


@pytest.mark.parametrize("change", [
    {}, {"name": "ab"}, {"regions": ["CN"]}, {"users": 0}, {"users": None},
    {"users": Decimal("2.0")}, {"users": 10**18 - 1}, {"share": Decimal("0.100000000000")},
    {"channels": []}, {"channels": [{"id": "a", "kind": None}]}, {"since": "2024-02-29"}, {"term": "2 hours"},
    {"term": "6 months"}, {"kept": "6 weeks"}, {"limit": "2 hours"},
    {"at": "2026-07-15T08:00:00+08:00"}, {"operator": None}, {"share": 1},
])
def test_what_fits(change: dict[str, Any]) -> None:
    assert problems(SERVICE, {"name": "svc", **change}) == ()
    assert load_checker(checker_source(SERVICE))({"name": "svc", **change})


def test_an_item_cannot_be_missing_whatever_it_is() -> None:
    schema = {"type": "array", "items": {}}
    assert [problem.message for problem in problems(schema, [1, None])] == ["expected a value for `[1]`, found null"]
    assert not load_checker(checker_source(schema))([1, None])
    assert load_checker(checker_source(schema))([1, "a", {}])


def test_true_is_not_one() -> None:
    schema = {"type": "array", "items": {}, "uniqueItems": True}
    assert problems(schema, [1, True, Decimal("2.0"), "2"]) == ()
    assert load_checker(checker_source(schema))([1, True, Decimal("2.0"), "2"])
    assert [problem.path for problem in problems(schema, [1, 2, Decimal("2.0")])] == [(2,)]
    assert not load_checker(checker_source(schema))([1, 2, Decimal("2.0")])


def test_what_is_required_need_not_be_declared() -> None:
    schema = {"type": "object", "required": ["a"]}
    for value, fits in (({"a": 1}, True), ({"a": None}, False), ({}, False)):
        assert (problems(schema, value) == ()) is fits
        assert load_checker(checker_source(schema))(value) is fits


def test_all_problems_at_once_with_paths_and_near_names() -> None:
    found = problems(SERVICE, {"usres": 1, "kind": "vidoe", "channels": [{"id": 3}, 4], "operator": {"nam": "x"}})
    assert [(problem.path, problem.kind, problem.near) for problem in found] == [
        (("usres",), "unknown-key", "users"),
        (("kind",), "value", "video"),
        (("channels", 0, "id"), "type", None),
        (("channels", 1), "type", None),
        (("operator", "nam"), "unknown-key", "name"),
        (("operator", "name"), "required", None),
        (("name",), "required", None),
    ]


@pytest.mark.parametrize("value", [None, [], "text", 3, True])
def test_no_mapping_at_all(value: Any) -> None:
    assert [problem.kind for problem in problems(SERVICE, value)] == ["type"]
    assert problems(SERVICE, value)[0].message.startswith("expected a mapping, found ")


def test_a_schema_a_hundred_deep() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    value: Any = 1
    for _ in range(100):
        schema = {"type": "object", "properties": {"a": {"type": "array", "items": schema}}, "required": ["a"]}
        value = {"a": [value]}
    assert load_checker(checker_source(schema))(value)
    assert problems(schema, value) == ()


@pytest.mark.parametrize(("text", "value"), [
    ("12", 12), ("-3", -3), ("1.50", Decimal("1.50")), ("twelve", "twelve"), ("1_000", "1_000"), ("", None),
    (None, None), ("9" * 19, "9" * 19), (" 1", " 1"), ("nan", "nan"), ("１２", "１２"),
])
def test_the_text_of_a_number(text: str | None, value: Any) -> None:
    for name in ("users", "share"):
        got = convert_text(SERVICE, {name: text})[name]
        assert (got, type(got)) == (value, type(value))


def test_the_text_of_the_rest() -> None:
    fields = {"open": "true", "name": "12", "kind": "text", "since": "2026-07-15", "other": "1", "term": ""}
    assert convert_text(SERVICE, fields) == {**fields, "open": True, "term": None}
    assert convert_text(SERVICE, {"open": "TRUE"}) == {"open": "TRUE"}


# ---- three readings ---------------------------------------------------------------------------------------------

def _number(checker: Any, value: Any) -> bool:
    return (type(value) is int or isinstance(value, Decimal)) and digits_fit(value)


def _integer(checker: Any, value: Any) -> bool:
    return _number(checker, value) and value == int(value)


def _formats() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    parsers: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("date", parse_date), ("date-time", parse_instant), ("period", parse_period))
    for name, parse in parsers:
        checker.checks(name, raises=ValueError)(lambda value, parse=parse: not isinstance(value, str) or bool(
            str(parse(value))))
    return checker


def _in_unit(validator: Any, unit: str, value: Any, schema: dict[str, Any]) -> Iterator[jsonschema.ValidationError]:
    if schema.get("format") == "period" and isinstance(value, str):
        try:
            found = parse_period(value).unit
        except ValueError:
            return  # `format` says so
        if found != parse_period(f"1 {unit}").unit:
            yield jsonschema.ValidationError(f"{value} is not in {unit}s")


_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {"x-unit": _in_unit},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _integer, "number": _number}))


def _without_null(schema: dict[str, Any], value: Any) -> Any:
    """Null is missing; but a name that is unknown stays so."""
    if "$ref" in schema:
        schema = DEFINITIONS[schema["$ref"].rsplit("/", 1)[1]]
    match value:
        case dict():
            declared = schema.get("properties", {})
            closed = schema.get("additionalProperties") is False
            return {key: _without_null(declared.get(key, {}), item) for key, item in value.items()
                    if item is not None or (closed and key not in declared)}
        case list():
            return [_without_null(schema.get("items", {}), item) for item in value]
        case _:
            return value


def _accepts(schema: dict[str, Any], value: Any) -> bool:
    """jsonschema's verdict, with our numbers and with null as missing."""
    return _Validator(schema, format_checker=_formats()).is_valid(_without_null(schema, value))


_NAMES = st.sampled_from(("a", "b", "kind", "users"))
_TEXTS = st.sampled_from(("", "a", "ab", "text", "image", "2026-07-15", "2026-02-30", "2026-07-15T00:00:00Z", "2 hours",
                          "15 working days", "6 months", "2 weeks", "名字", "a\nb"))
_NUMBERS = st.sampled_from((0, 1, 2, -1, 10**18, 10**18 - 1, Decimal("1.0"), Decimal("0.5"), Decimal("1E+18"),
                            Decimal("0.1234567891"), Decimal("2.000")))
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=6)


@st.composite
def schemas(draw: Callable[..., Any], depth: int = 2) -> dict[str, Any]:
    kinds = ["string", "integer", "number", "boolean", "$ref"] + (["object", "array"] * 3 if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "$ref":
        return {"$ref": draw(st.sampled_from(("#/$defs/kind", "#/$defs/part")))}
    schema: dict[str, Any] = {"type": kind}

    def maybe(name: str, value: st.SearchStrategy[Any]) -> None:
        if draw(st.integers(0, 2)) == 0:
            schema[name] = draw(value)

    match kind:
        case "string":
            maybe("enum", st.lists(_TEXTS, min_size=1, max_size=3))
            maybe("format", st.sampled_from(("date", "date-time", "period", "period")))
            if schema.get("format") == "period":
                maybe("x-unit", st.sampled_from(("day", "week", "month", "hour", "working day")))
            maybe("minLength", st.integers(0, 3))
            maybe("pattern", st.sampled_from(("a", "^a", "[0-9]+", "^.{2,4}$")))
        case "integer" | "number":
            maybe("enum", st.lists(_NUMBERS, min_size=1, max_size=3))
            maybe("minimum", st.sampled_from((0, 1, Decimal("0.5"))))
            maybe("maximum", st.sampled_from((0, 1, Decimal("1.5"))))
        case "array":
            schema["items"] = draw(schemas(depth - 1))
            maybe("minItems", st.integers(0, 2))
            maybe("uniqueItems", st.booleans())
        case "object":
            schema["properties"] = draw(st.dictionaries(_NAMES, schemas(depth - 1), max_size=3))
            maybe("required", st.lists(_NAMES, max_size=2, unique=True))
            maybe("additionalProperties", st.just(False))
    return schema


DEFINITIONS = {"kind": {"type": "string", "enum": ["text", "image"]},
               "part": {"type": "object", "properties": {"kind": {"$ref": "#/$defs/kind"}, "a": {"type": "integer"}},
                        "required": ["kind"], "additionalProperties": False}}


@st.composite
def fitting(draw: Callable[..., Any], schema: dict[str, Any]) -> Any:
    """A value that mostly fits."""
    if "$ref" in schema:
        return draw(fitting(DEFINITIONS[schema["$ref"].rsplit("/", 1)[1]]))
    if draw(st.integers(0, 15)) == 0:
        return draw(_VALUES)
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    match schema["type"]:
        case "string":
            return draw(_TEXTS)
        case "integer" | "number":
            return draw(_NUMBERS)
        case "boolean":
            return draw(st.booleans())
        case "array":
            return draw(st.lists(fitting(schema["items"]), max_size=3))
        case _:
            names = [name for name in {**schema["properties"], **dict.fromkeys(schema.get("required", ()))}
                     if draw(st.integers(0, 4))]
            return {name: draw(fitting(schema["properties"].get(name, {"type": "boolean"}))) for name in names}


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_three_readings(data: st.DataObject) -> None:
    schema = {**data.draw(schemas(3)), "$defs": DEFINITIONS}
    ok = load_checker(checker_source(schema))
    for value in [data.draw(fitting(schema)) for _ in range(3)] + [data.draw(_VALUES)]:
        accepted = _accepts(schema, value)
        assert (problems(schema, value) == ()) == accepted, value
        assert ok(value) == accepted, (value, checker_source(schema))
