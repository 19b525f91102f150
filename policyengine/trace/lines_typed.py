"""The schemas of events as types that msgspec decodes lines into, so that most of the check is done on the way.

In come the schemas of event types without their envelope; out come a decoder of lines and, for each type, how the
fields of a decoded line become a dict. What is decoded fits the schema but for what `Shape.rest` says; a line that does
not fit may fail for a reason that is none (a key that no schema names, a whole number written `2.0`), so whoever asks
reads it again another way. A key that stands twice is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from policyengine.analysis.conform import KEYWORDS
from policyengine.base.record import record
from policyengine.base.scalars import WHOLE_DIGITS, number

_LIMIT = 10 ** WHOLE_DIGITS

_SIMPLE: Mapping[str, Any] = {"string": str, "boolean": bool, "integer": Annotated[int, Meta(gt=-_LIMIT, lt=_LIMIT)]}

_OF_ROWS = frozenset({"type", "properties", "required", "additionalProperties"})
"""What the decoder knows to check of a whole row; that other fields are refused is stricter than most schemas are."""


@record
class Shape:
    """A type of events. `fields`: of a decoded line, a dict of those it has. `rest`: whether the check has more to ask
    of them than their types."""

    name: str
    fields: Callable[[Any], dict[str, Any]]
    rest: bool


def line_types(schemas: Mapping[str, Mapping[str, Any]]) -> tuple[Callable[[bytes], Any], Mapping[type, Shape]]:
    """A decoder of lines, and by the class of what it gives its shape.

    What it gives has the attributes `time` (as written), `id` and `sequence` (as decoded; None where there is none).
    msgspec.MsgspecError where a line does not fit, RecursionError where it is nested without end.
    """
    shapes: dict[type, Shape] = {}
    for name, schema in schemas.items():
        required = schema.get("required", ())
        types = {field: _type(schema, one) for field, one in schema["properties"].items()}
        # The attributes are numbered, since a field may be called what no attribute can be.
        numbered = {f"f{at}": field for at, field in enumerate(types)}
        owed: list[tuple[str, Any]] = [("time", str)]
        may_be: list[tuple[str, Any, Any]] = [("id", str | int | None, None), ("sequence", Any, None)]
        for at, field in numbered.items():
            taken: Any = Any if types[field] is None else types[field]
            if field in required:
                owed.append((at, taken))
            else:
                may_be.append((at, taken | None | UnsetType, UNSET))
        line = msgspec.defstruct("Line", [*owed, *may_be], tag_field="type", tag=name, rename=numbered,
                                 forbid_unknown_fields=True, gc=False)
        shapes[line] = Shape(name, _fields(numbered, required),
                             None in types.values() or bool(schema.keys() & KEYWORDS - _OF_ROWS))
    return msgspec.json.Decoder(reduce(or_, shapes), float_hook=number).decode, shapes


def _fields(numbered: Mapping[str, str], required: Collection[str]) -> Callable[[Any], dict[str, Any]]:
    """`Shape.fields`, written out: a loop over names takes three times as long."""
    owed = ", ".join(f"{field!r}: line.{at}" for at, field in numbered.items() if field in required)
    source = [f"def fields(line):\n    found = {{{owed}}}\n"]
    source += [f"    if line.{at} is not UNSET:\n        found[{field!r}] = line.{at}\n"
               for at, field in numbered.items() if field not in required]
    names: dict[str, Any] = {"UNSET": UNSET}
    exec(compile("".join([*source, "    return found\n"]), "<vocabulary>", "exec"), names)
    fields: Callable[[Any], dict[str, Any]] = names["fields"]
    return fields


def _type(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """What a value of a schema decodes into; None where more than its type has to be looked at."""
    while schema.keys() & KEYWORDS == {"$ref"}:
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    asked, kind = schema.keys() & KEYWORDS, schema.get("type")
    if asked == {"type"}:
        return _SIMPLE.get(str(kind))
    if asked == {"type", "enum"} and kind == "string":
        words = tuple(one for one in schema["enum"] if isinstance(one, str))
        return Literal[words] if words else None
    return None
