"""The schemas of events as types that msgspec decodes lines into, so that most of the check is done on the way.

In come the schemas of event types without their envelope; out come a decoder of lines and the classes of what it gives.
What is decoded fits the schema but for what `Line.rest` says; a line that does not fit may fail for a reason that is
none (a whole number written `2.0`), so whoever asks reads it again another way. A key that stands twice, one that no
schema names, and one of the names that are ours, is not seen: `Count` says how many keys there should be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from functools import reduce
from itertools import repeat
from operator import length_hint, or_
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from policyengine.analysis.conform import KEYWORDS
from policyengine.base.scalars import WHOLE_DIGITS, number

_LIMIT = 10 ** WHOLE_DIGITS
_WHOLE = Annotated[int, Meta(gt=-_LIMIT, lt=_LIMIT)]

_SIMPLE: Mapping[str, Any] = {"string": str, "boolean": bool, "integer": _WHOLE}

_OF_ROWS = frozenset({"type", "properties", "required", "additionalProperties"})
"""What the decoder knows to check of a whole row; that other fields are refused is stricter than most schemas are."""

_ORDINARY = frozenset({"type", "properties", "required"})
"""What says nothing of fields that are not named."""

_NEVER = 1 << 60

FILE, ROW = "\x7ffile", "\x7frow"
OURS = (FILE, ROW, "\x7fknown", "\x7fextra")
"""What a line calls our attributes when it is written. No field of a vocabulary can be called so."""


class Line(msgspec.Struct, eq=False, gc=False, kw_only=True):
    """A line as it was decoded, one class for each type of event. It is a `core.case.Event` in all but its class: once
    `time` (as written) is an instant, `id` a text, and `file` and `row` are set.

    `attributes`: of each field of the type, the attribute that has it, which is `UNSET` where the line has no such
    field. `rest`: whether the check has more to ask of the fields than their types; `closed`: whether it asks anything
    of fields that no schema names; `plain`: whether all are texts, whole numbers, true or false. The fields as a dict
    are made when they are asked for, by `made`; `extra` are those that no schema names. `names`: of its fields and of
    what all events have; `keys`: how many of these a line has, but for an `id` or `sequence` that is null.
    """

    type: ClassVar[str]
    place: ClassVar[int]
    attributes: ClassVar[Mapping[str, str]]
    required: ClassVar[Collection[str]]
    rest: ClassVar[bool]
    closed: ClassVar[bool]
    made: ClassVar[Callable[[Any], dict[str, Any]]]
    keys: ClassVar[Callable[[Any], int]]
    names: ClassVar[Collection[str]]
    plain: ClassVar[bool]

    time: Any
    id: Any = None
    sequence: int | Decimal | None = None
    file: str = ""
    row: int = 0
    known: Any = UNSET
    extra: Any = UNSET

    @property
    def fields(self) -> Mapping[str, Any]:
        """As in `Event`."""
        if self.known is UNSET:
            self.known = self.__class__.made(self)
            if self.extra is not UNSET:
                self.known.update(self.extra)
        known: Mapping[str, Any] = self.known
        return known


class Count:
    """How many keys the lines had that were decoded so far: each class counts its lines, each default how often it was
    asked for, at no cost where the key is there. `rest`: whether some class has `Line.rest`."""

    def __init__(self) -> None:
        self.rest = False
        self._fields, self._ids, self._sequences = (repeat(one, _NEVER) for one in (UNSET, None, None))
        self._lines: list[tuple[repeat[UnsetType], int]] = []  # of each class, with its `keys`

    def field(self) -> Any:
        """The default of a field."""
        return msgspec.field(default_factory=self._fields.__next__)

    def id(self) -> Any:
        """The default of `id`."""
        return msgspec.field(default_factory=self._ids.__next__)

    def sequence(self) -> Any:
        """The default of `sequence`."""
        return msgspec.field(default_factory=self._sequences.__next__)

    def known(self, keys: int) -> Any:
        """The default of `known`, for a class of lines with so many keys."""
        lines = repeat(UNSET, _NEVER)
        self._lines.append((lines, keys))
        return msgspec.field(default_factory=lines.__next__)

    def keys(self) -> int:
        """All keys."""
        missing = sum(map(_asked, (self._fields, self._ids, self._sequences)))
        return sum(_asked(lines) * keys for lines, keys in self._lines) - missing

    def ids(self) -> int:
        """The ids."""
        return sum(_asked(lines) for lines, _ in self._lines) - _asked(self._ids)


def _asked(values: repeat[Any]) -> int:
    return _NEVER - length_hint(values)


def line_types(schemas: Mapping[str, Mapping[str, Any]]) -> tuple[Callable[[bytes], Line], Count]:
    """A decoder of lines, and a count of the keys that they had not.

    msgspec.MsgspecError where a line does not fit, RecursionError where it is nested without end.
    """
    count = Count()
    classes = [_class(name, place, schema, count) for place, (name, schema) in enumerate(schemas.items())]
    return msgspec.json.Decoder(reduce(or_, classes), float_hook=number).decode, count


def _class(name: str, place: int, schema: Mapping[str, Any], count: Count) -> type[Line]:
    required = schema.get("required", ())
    types = {field: _type(schema, one) for field, one in schema["properties"].items()}
    # The attributes are numbered, since a field may be called what no attribute can be.
    attributes = {field: f"f{at}" for at, field in enumerate(types)}
    owed: list[tuple[str, Any]] = [("time", str)]
    may_be: list[tuple[str, Any, Any]] = [("id", str | _WHOLE | None, count.id()),
                                          ("sequence", _WHOLE | None, count.sequence())]
    for field, at in attributes.items():
        taken: Any = Any if types[field] is None else types[field]
        if field in required:
            owed.append((at, taken))
        else:
            may_be.append((at, taken | None | UnsetType, count.field()))
    plain = None not in types.values()
    rest = not plain or bool(schema.keys() & KEYWORDS - _OF_ROWS)
    count.rest = count.rest or rest
    keys = 4 + len(types)  # with `type`, `time`, `id` and `sequence`
    # Ours have names too, as all fields of a Struct; a line that has one of them has more keys than were counted.
    ours = dict(zip(("file", "row", "known", "extra"), OURS, strict=True))
    made: Any = msgspec.defstruct(
        "Line", [*owed, *may_be, ("file", str, ""), ("row", int, 0), ("known", Any, count.known(keys)),
                  ("extra", Any, UNSET)], bases=(Line,),
        namespace={"type": name, "place": place, "attributes": attributes, "required": frozenset(required),
                   "rest": rest, "plain": plain,
                   "closed": bool(schema.keys() & KEYWORDS - _ORDINARY),
                   "made": staticmethod(_made(attributes, required)), "keys": staticmethod(_keys(attributes)),
                   "names": frozenset({"type", "time", "id", "sequence", *attributes})},
        tag_field="type", tag=name, rename={**ours, **{at: field for field, at in attributes.items()}},
        gc=False, eq=False, kw_only=True)
    line: type[Line] = made
    return line


def _made(attributes: Mapping[str, str], required: Collection[str]) -> Callable[[Any], dict[str, Any]]:
    """`Line.made`, written out: a loop over names takes three times as long."""
    owed = ", ".join(f"{field!r}: line.{at}" for field, at in attributes.items() if field in required)
    source = [f"def made(line):\n    found = {{{owed}}}\n"]
    source += [f"    if line.{at} is not UNSET:\n        found[{field!r}] = line.{at}\n"
               for field, at in attributes.items() if field not in required]
    names: dict[str, Any] = {"UNSET": UNSET}
    exec(compile("".join([*source, "    return found\n"]), "<vocabulary>", "exec"), names)
    made: Callable[[Any], dict[str, Any]] = names["made"]
    return made


def _keys(attributes: Mapping[str, str]) -> Callable[[Any], int]:
    """`Line.keys`, written out."""
    parts = ["2", "(line.id is not None)", "(line.sequence is not None)",
             *(f"(line.{at} is not UNSET)" for at in attributes.values())]
    names: dict[str, Any] = {"UNSET": UNSET}
    exec(compile(f"def keys(line):\n    return {' + '.join(parts)}\n", "<vocabulary>", "exec"), names)
    keys: Callable[[Any], int] = names["keys"]
    return keys


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
