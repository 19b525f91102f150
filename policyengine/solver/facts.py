"""Records as variables: the facts of a service, an event, one element of a list; and what a vocabulary says of them.

In come paths and types as the core names them, with the vocabularies' schemas; out come values over variables, made on
first reading, and the axioms that keep every case within the vocabulary: required fields, bounds, enumerations, days
that exist. What is asked about the values is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import z3

from policyengine.analysis.conform import search
from policyengine.base.instants import parse_instant
from policyengine.core import ir, types
from policyengine.core.standing import typed
from policyengine.solver import values_patterns
from policyengine.solver.model import NotAnalysable, Side
from policyengine.solver.values import (
    FINEST,
    LIMIT,
    YES,
    DateMode,
    Pair,
    Texts,
    Value,
    constant,
    disj,
    either,
    is_day,
    number,
    number_of_day,
    parts_of,
    sort_of,
)

Path = tuple[str, ...]

FIRST_INSTANT, LAST_INSTANT = parse_instant("1900-01-01T00:00:00Z"), parse_instant("2999-12-31T00:00:00Z")
FIRST_DAY, LAST_DAY = date(1971, 1, 1), date(2199, 12, 31)  # of judgement
DAY = 86_400_000_000  # microseconds


@dataclass
class Field:
    """A single value that was read: where it is there, its variables, and the term they make.

    `parts` are a date's year, month and day where those are its variables. `allowed` are the numbers of the texts it
    can be, where these are listed. `defaults` are the typed values that stood in for it wherever it was read.
    """

    path: Path
    type: types.Type
    there: Any
    term: Any
    parts: tuple[Any, Any, Any] | tuple[()] = ()
    schemas: tuple[Mapping[str, Any], ...] = ()
    allowed: frozenset[int] | None = None
    defaults: set[Any] = field(default_factory=set)


@dataclass
class Space:
    """What all records of one question share: the table of texts, how dates are numbered, whose each variable is.

    `smallest` are the conditions about the service that are not made of others, with the side that asks.
    """

    texts: Texts
    dates: DateMode = "days"
    owners: dict[int, Place] = field(default_factory=dict)  # id of a variable -> the record it is of
    civil: dict[int, tuple[Any, Any, Any]] = field(default_factory=dict)  # id of a date's term -> year, month, day
    kept: list[Any] = field(default_factory=list)  # terms whose ids are keys above, so that Z3 does not reuse them
    decimals: list[Any] = field(default_factory=list)  # variables of numbers with a fraction
    notes: set[str] = field(default_factory=set)  # what bounds the proof: `calendar 2025-2027`
    smallest: list[tuple[ir.Expr, Side, Pair]] = field(default_factory=list)
    made: int = 0

    def constant(self, value: Any) -> Any:
        return constant(value, self.texts, self.dates)


@dataclass
class Place:
    """One record. `outer` is the record whose list it is an element of. `schemas` are of this record, one a vocabulary;
    a list of single values has elements whose only field has the empty path."""

    space: Space
    name: str
    schemas: tuple[Mapping[str, Any], ...]
    outer: Place | None = None
    variables: list[Any] = field(default_factory=list)
    axioms: list[Any] = field(default_factory=list)
    fields: dict[Path, Field] = field(default_factory=dict)
    presences: dict[Path, Any] = field(default_factory=dict)
    lists: dict[Path, Any] = field(default_factory=dict)  # path -> lists.ListOf, made there
    derived: list[tuple[tuple[Any, Any, Any], Any]] = field(default_factory=list)  # year, month, day of a date's term
    time: Any = None  # an event's instant, where it is one

    def fresh(self, name: str, sort: Any) -> Any:
        """A new variable of this record."""
        self.space.made += 1
        variable = z3.Const(f"{self.name}{name}#{self.space.made}", sort)
        self.space.owners[variable.get_id()] = self
        self.variables.append(variable)
        return variable

    def within(self, other: Place) -> bool:
        """Whether this is the other record or an element somewhere in it."""
        place: Place | None = self
        while place is not None:
            if place is other:
                return True
            place = place.outer
        return False

    # -- presence -------------------------------------------------------------------------------------------------

    def there(self, path: Path) -> Any:
        """Where the data has something at the path that is not null."""
        if not path:
            return YES
        if path not in self.presences:
            above = self.there(path[:-1])
            if any(path[-1] in schema.get("required", ()) for schema in self.schemas_at(path[:-1])):
                self.presences[path] = above
            else:
                variable = self.fresh(f"{'.'.join(path)}?", z3.BoolSort())
                self.presences[path] = variable
                if above is not YES:
                    self.axioms.append(z3.Implies(variable, above))
        return self.presences[path]

    def schemas_at(self, path: Path) -> tuple[Mapping[str, Any], ...]:
        """The schemas of what stands at the path, as far as the vocabularies declare it."""
        found = self.schemas
        for name in path:
            found = tuple(schema["properties"][name] for schema in found if name in schema.get("properties", {}))
        return found

    # -- single values --------------------------------------------------------------------------------------------

    def read(self, path: Path, type: types.Type, default: Any) -> Value:
        """A single value; `default` (raw) stands in where it is absent."""
        found = self.fields.get(path)
        if found is None:
            found = self.fields[path] = self.declare(path, type)
        elif _kind(found.type) != _kind(type):
            raise NotAnalysable(f"`{'.'.join(path)}` has another type in each version")
        parts = found.parts or None
        found.defaults.add(None if default is None else typed(default, type))
        if default is None:
            return Value(found.there, found.term, day=parts)
        value = typed(default, type)
        term = either(found.there, found.term, self.space.constant(value))
        if parts is not None:
            year, month, day = (either(found.there, part, usual)
                                for part, usual in zip(parts, parts_of(value), strict=True))
            parts = year, month, day
        return Value(YES, term, day=parts)

    def declare(self, path: Path, type: types.Type) -> Field:
        schemas = self.schemas_at(path)
        return self.single(path, type, self.there(path), schemas)

    def single(self, path: Path, type: types.Type, there: Any, schemas: tuple[Mapping[str, Any], ...] = ()) -> Field:
        """Variables for a single value, and what its type and schemas say of it."""
        name = ".".join(path)
        parts: tuple[Any, Any, Any] | tuple[()] = ()
        if isinstance(type, types.Date) and self.space.dates != "days":
            year, month, day = (self.fresh(f"{name}/{part}", z3.IntSort()) for part in ("year", "month", "day"))
            parts = year, month, day
            self.axioms.append(is_day(*parts))
            term = number_of_day(parts, self.space.dates)
        else:
            term = self.fresh(name, sort_of(type))
        self.axioms += self.bounds(term, type, schemas)
        return Field(path, type, there, term, parts, schemas, self.allowed(type, schemas))

    def bounds(self, term: Any, type: types.Type, schemas: tuple[Mapping[str, Any], ...]) -> Iterable[Any]:
        match type:
            case types.Number():
                yield term > -LIMIT
                yield term < LIMIT
                if not type.integer:
                    self.space.decimals.append(term)
                for schema in schemas:
                    yield from _number_bounds(term, schema)
            case types.Text():
                yield from self.text_bounds(term, type, schemas)
            case types.Date():
                if self.space.dates == "days":
                    yield term >= 1
                    yield term <= 3_652_059
            case types.Instant():
                yield term >= FIRST_INSTANT
                yield term <= LAST_INSTANT
            case types.TimeOfDay():
                yield term >= 0
                yield term < DAY
            case types.Period():
                yield term >= 0
                yield term <= _LONGEST.get(type.unit or "", LIMIT)
            case types.Bool():
                pass
            case _:
                raise NotAnalysable("a value of a kind that is not followed")

    def allowed(self, type: types.Type, schemas: tuple[Mapping[str, Any], ...]) -> frozenset[int] | None:
        """The numbers of the texts that a value can be, where they are listed."""
        if not isinstance(type, types.Text):
            return None
        enums = [frozenset(schema["enum"]) for schema in schemas if "enum" in schema]
        if type.values is not None:
            enums.append(frozenset(type.values))
        if not enums:
            return None
        return frozenset(self.space.texts.place(text) for text in sorted(frozenset.intersection(*enums)))

    def text_bounds(self, term: Any, type: types.Text, schemas: tuple[Mapping[str, Any], ...]) -> Iterable[Any]:
        allowed = self.allowed(type, schemas)
        if allowed is not None:
            yield disj([term == place for place in sorted(allowed)])
            return
        yield term < len(self.space.texts.places)
        if self.space.texts.classes:
            yield values_patterns.in_words(term, self.space.texts)
        for schema in schemas:
            for pattern in fitting(schema):
                yield z3.Or(term >= 0, values_patterns.holds(term, pattern, self.space.texts))
            for text, place in list(self.space.texts.places.items()):
                if not fits_text(schema, text):
                    yield term != place


_LONGEST = {"elapsed": 3_652_059 * DAY, "day": 3_652_059, "month": 9_999 * 12, "working_day": 3_652_059}


def _kind(type: types.Type) -> str:
    return type.__class__.__name__


def exact(value: Any) -> int | Fraction:
    return Fraction(value) if isinstance(value, Decimal) else int(value)


def _number_bounds(term: Any, schema: Mapping[str, Any]) -> Iterable[Any]:
    if "minimum" in schema:
        yield term >= number(exact(schema["minimum"]))
    if "maximum" in schema:
        yield term <= number(exact(schema["maximum"]))
    if "enum" in schema:
        yield disj([term == number(exact(one)) for one in schema["enum"]])
    if schema.get("type") == "integer" and term.sort() == z3.RealSort():
        yield z3.IsInt(term)


def fits_text(schema: Mapping[str, Any], text: str) -> bool:
    """Whether a text fits its schema's length and pattern."""
    return len(text) >= schema.get("minLength", 0) and ("pattern" not in schema or search(schema["pattern"], text))


def fitting(schema: Mapping[str, Any]) -> Iterable[str]:
    """The patterns, of the whole text, that a schema asks for where its texts are not listed."""
    if "pattern" in schema and "enum" not in schema:
        # A schema's pattern may match anywhere; what stands around it may be anything.
        pattern = str(schema["pattern"])
        first = pattern.startswith("^") and "|" not in pattern
        last = pattern.endswith("$") and not pattern.endswith("\\$") and "|" not in pattern
        inner = pattern[1 if first else 0: -1 if last else None]
        yield f"{'' if first else '(?s:.*)'}(?:{inner}){'' if last else '(?s:.*)'}"


def decimals_fit(space: Space) -> list[Any]:
    """That every number with a fraction has no more digits than data may have."""
    return [z3.IsInt(term * FINEST) for term in space.decimals]
