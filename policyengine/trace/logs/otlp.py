"""Lines as the file exporters of OpenTelemetry write them (OTLP in JSON): spans and log records, each an object.

In comes the object of a line, out come those that it holds, with the resource and the scope that they are of, and with
attributes as a mapping, which OTLP writes as a list of keys and typed values. Any other object comes out as it is, but
for such a list. What is of another shape than OTLP has it is left as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_HOLD: Mapping[str, tuple[str, str]] = {"resourceSpans": ("scopeSpans", "spans"),
                                        "resourceLogs": ("scopeLogs", "logRecords")}
_SIMPLE = frozenset({"stringValue", "boolValue", "doubleValue", "bytesValue"})


def each(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans or log records of a line, or the line itself where it holds none."""
    held = next((one for one in _HOLD if isinstance(value.get(one), list)), None)
    if held is None:
        yield _plain(value)
        return
    scopes, items = _HOLD[held]
    for resource in _objects(value[held]):
        for scope in _objects(resource.get(scopes)):
            of = {name: _plain(one) for name, one in (("resource", resource.get("resource")), ("scope", scope.get(
                "scope"))) if isinstance(one, dict)}
            for one in _objects(scope.get(items)):
                yield {**_plain(one), **of}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (one for one in (value if isinstance(value, list) else ()) if isinstance(one, dict))


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """An object with its attributes as a mapping, and so those of the objects in it."""
    plain = {}
    for key, one in value.items():
        if key == "attributes" and isinstance(one, list) and _is_pairs(one):
            one = _mapping(one)
        elif key == "body" and isinstance(one, dict):
            one = _any(one)
        elif isinstance(one, list) and one and isinstance(one[0], dict):
            one = [_plain(item) if isinstance(item, dict) else item for item in one]
        elif isinstance(one, dict):
            one = _plain(one)
        plain[key] = one
    return plain


def _is_pairs(value: list[Any]) -> bool:
    return all(isinstance(one, dict) and isinstance(one.get("key"), str) and one.keys() <= {"key", "value"}
               for one in value)


def _mapping(pairs: list[Any]) -> dict[str, Any]:
    return {one["key"]: _any(one.get("value")) for one in pairs}


def _any(value: Any) -> Any:
    """A typed value, `{"intValue": "52"}`, as 52; anything else as it is."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    (kind, inside), = value.items()
    if kind in _SIMPLE:
        return inside
    if kind == "intValue" and isinstance(inside, int | str):
        try:
            return int(inside)
        except ValueError:
            return inside
    values = inside.get("values", []) if isinstance(inside, dict) else None
    if isinstance(values, list):
        if kind == "arrayValue":
            return [_any(one) for one in values]
        if kind == "kvlistValue" and _is_pairs(values):
            return _mapping(values)
    return value
