"""A policy to plain JSON values and back, so that a compiled policy can be cached as text.

In comes a core policy, out go dicts, lists, text and numbers that any JSON library writes and reads unchanged, and the
other way round; spans and types come back equal. It does not know where the text is kept, nor whether it is still of
the same policy: the cache that keeps it does.

A node is `[class, field, …]`, the class being a place in the table of class names that the data carries; where the last
field is a span it is written as five numbers, its file as a place in the table of paths. A type, of which a policy
repeats few, is written once in a table of its own. What JSON has no form for opens with a negative number.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from policyengine.base.source import Span
from policyengine.core import ir, types

TUPLE, DECIMAL, TYPE, LIST, DICT = -1, -2, -3, -4, -5

CLASSES: dict[str, Any] = {
    name: value for module in (types, ir) for name, value in vars(module).items()
    if dataclasses.is_dataclass(value) and value.__module__ == module.__name__
}
_FIELDS = {value: tuple(one.name for one in dataclasses.fields(value)) for value in CLASSES.values()}


def encode(policy: ir.Policy) -> Any:
    """The policy as JSON values. TypeError for a value in it that no policy can hold, a float for one."""
    classes: dict[str, int] = {}
    paths: dict[str, int] = {}
    kinds: dict[str, int] = {}  # a type by its encoded text: two equal Python values, `1` and `True`, are two defaults
    kind_rows: list[Any] = []

    def fields(node: Any) -> list[Any]:
        cls = type(node)
        if cls not in _FIELDS:
            raise TypeError(f"a policy cannot hold {node!r}")
        row: list[Any] = [classes.setdefault(cls.__name__, len(classes))]
        for name in _FIELDS[cls]:
            value = getattr(node, name)
            if isinstance(value, Span):
                row += (paths.setdefault(value.path, len(paths)), value.line, value.column, value.end_line,
                        value.end_column)
            else:
                row.append(write(value))
        return row

    def write(value: Any) -> Any:
        if value is None or isinstance(value, str | int):
            return value
        if isinstance(value, tuple):
            return [TUPLE, *map(write, value)]
        if isinstance(value, Decimal):
            return [DECIMAL, str(value)]
        if isinstance(value, list):
            return [LIST, *map(write, value)]
        if isinstance(value, dict):
            return [DICT, *(write(item) for pair in value.items() for item in pair)]
        row = fields(value)
        if not isinstance(value, types.Type):
            return row
        text = json.dumps(row)
        if text not in kinds:
            kinds[text] = len(kind_rows)
            kind_rows.append(row)
        return [TYPE, kinds[text]]

    root = fields(policy)
    return {"classes": list(classes), "paths": list(paths), "types": kind_rows, "policy": root}


def decode(data: Any) -> ir.Policy:
    """The policy that `encode` wrote. ValueError for anything else: a cut file, or one of another version of guiju."""
    try:
        policy = _reader(data)(data["policy"])
    except (AttributeError, IndexError, KeyError, TypeError, ArithmeticError) as reason:
        raise ValueError("not an encoded policy") from reason
    if not isinstance(policy, ir.Policy):
        raise ValueError("not an encoded policy")
    return policy


def _reader(data: Any) -> Callable[[Any], Any]:
    paths: list[str] = data["paths"]
    # Of each class: what makes it, how many entries a row of it has, and where its span starts, if it ends with one.
    rows = [_row(CLASSES[name]) for name in data["classes"]]
    kinds: list[Any] = []

    def read(value: Any) -> Any:
        if type(value) is not list:
            return value
        code = value[0]
        if code >= 0:
            make, length, end = rows[code]
            if len(value) != length:
                raise ValueError("not an encoded policy")
            if end is None:
                return make(*[read(item) if type(item) is list else item for item in value[1:]])
            path, line, column, end_line, end_column = value[end:]
            return make(*[read(item) if type(item) is list else item for item in value[1:end]],
                        Span(paths[path], line, column, end_line, end_column))
        if code == TYPE:
            return kinds[value[1]]
        if code == TUPLE:
            return tuple([read(item) if type(item) is list else item for item in value[1:]])
        if code == DECIMAL:
            return Decimal(value[1])
        if code == LIST:
            return [read(item) for item in value[1:]]
        if code == DICT:
            return {read(key): read(item) for key, item in zip(value[1::2], value[2::2], strict=True)}
        raise ValueError("not an encoded policy")

    for row in data["types"]:  # a type stands after those it is made of
        kinds.append(read(row))
    return read


def _row(cls: Any) -> tuple[Any, int, int | None]:
    names = _FIELDS[cls]
    if names and names[-1] == "span":
        return cls, len(names) + 5, len(names)
    return cls, len(names) + 1, None
