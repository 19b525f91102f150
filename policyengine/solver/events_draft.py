"""A case in the making: which facts and events a search has decided on so far, and the whole case made of them.

A draft decides as little as it can. What it leaves open and the vocabulary requires is filled in at the end, so that
the case fits the vocabulary wherever what was decided does. Instants are UTC microseconds, values raw.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from policyengine.analysis.conform import problems, search
from policyengine.analysis.vocabulary import Vocabulary
from policyengine.base.instants import Period, iso_instant, local_date, period_text
from policyengine.core.case import Case, Event, in_order

Path = tuple[str | int, ...]


class _Absent:
    """A field or fact that is to stay away."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Row:
    """An event to be. `like` is the place of a row whose fields it has too (-1: none)."""

    type: str
    time: int
    fields: Mapping[str, Any]
    like: int = -1


@dataclass(frozen=True, slots=True)
class Draft:
    """What has been decided.

    `now` is the instant of the moment, `known` from when its responses count; `trigger` says that row 0 is the event
    behind it. `wants` are the conditions (by key and row) already settled on an answer, `values` the terms on a value.
    """

    now: int
    known: int
    rows: tuple[Row, ...] = ()
    trigger: bool = False
    keys: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[Path, Any] = field(default_factory=dict)
    wants: Mapping[Hashable, bool | None] = field(default_factory=dict)
    values: Mapping[Hashable, Any] = field(default_factory=dict)

    def _but(self, rows: tuple[Row, ...], facts: Mapping[Path, Any], wants: Mapping[Hashable, bool | None]) -> Draft:
        return Draft(self.now, self.known, rows, self.trigger, self.keys, facts, wants, self.values)

    def with_fact(self, path: Path, value: Any) -> Draft:
        return self._but(self.rows, {**self.facts, path: value}, self.wants)

    def with_field(self, row: int, name: str, value: Any) -> Draft:
        before = self.rows[row]
        changed = Row(before.type, before.time, {**before.fields, name: value}, before.like)
        return self._but((*self.rows[:row], changed, *self.rows[row + 1:]), self.facts, self.wants)

    def at(self, row: int, time: int) -> Draft:
        """The draft with a row moved to an instant."""
        before = self.rows[row]
        changed = Row(before.type, time, before.fields, before.like)
        return self._but((*self.rows[:row], changed, *self.rows[row + 1:]), self.facts, self.wants)

    def with_row(self, row: Row) -> Draft:
        return self._but((*self.rows, row), self.facts, self.wants)

    def wanting(self, key: Hashable, want: bool | None) -> Draft:
        return self._but(self.rows, self.facts, {**self.wants, key: want})

    def fingerprint(self) -> Hashable:
        """The same for two drafts that make one case."""
        return (self.now, tuple((row.type, row.time, row.like, tuple(sorted((name, repr(value)) for name, value in
                                                                           row.fields.items()))) for row in self.rows),
                tuple(sorted((repr(path), repr(value)) for path, value in self.facts.items())))


def raw(value: Any, zone: str) -> Any:
    """A typed value as a case has it; numbers finer than data may be lose their last digits."""
    match value:
        case bool() | int() | str():
            return value
        case Fraction():
            if value.denominator == 1:
                return int(value)
            return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal("1e-9")).normalize()
        case Period():
            return period_text(value)
        case tuple():
            return [raw(one, zone) for one in value]
        case _:
            return value.isoformat()


def default_of(schema: Mapping[str, Any], name: str, now: int, zone: str) -> Any:
    """Some value that fits the schema of a field: the first of an enumeration, `user-1` for a text named user."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "boolean":
            return False
        case "integer" | "number":
            return min(max(1, schema.get("minimum", 1)), schema.get("maximum", 10 ** 9))
        case "array":
            return [default_of(schema.get("items", {}), f"{name}-{place + 1}", now, zone)
                    for place in range(schema.get("minItems", 0))]
        case "object":
            return filled(schema, {}, now, zone)
        case "string":
            return _text(schema, name, now, zone)
        case _:
            return f"{name}-1"


_PERIODS = {"microsecond": "1 hour", "minute": "1 hour", "hour": "1 hour", "second": "1 hour", "day": "10 days",
            "week": "10 days", "month": "1 month", "year": "1 year", "working day": "10 working days"}


def _text(schema: Mapping[str, Any], name: str, now: int, zone: str) -> str:
    match schema.get("format"):
        case "date":
            return local_date(now, zone).isoformat()
        case "date-time":
            return iso_instant(now, zone)
        case "period":
            return _PERIODS.get(schema.get("x-unit", "hour"), "1 hour")
    choices = [f"{name}-1", "CN", "a", "A", "1", "aa", "AA", "11", "aaa", "111"]
    choices = [one.ljust(schema.get("minLength", 0), "x") for one in choices]
    return next((one for one in choices if "pattern" not in schema or search(schema["pattern"], one)), choices[0])


def filled(schema: Mapping[str, Any], value: Any, now: int, zone: str) -> Any:
    """The value with what its schema requires and it lacks."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        whole = {name: filled(properties.get(name, {}), one, now, zone) for name, one in value.items()}
        for name in schema.get("required", ()):
            if name not in whole and name in properties:
                whole[name] = default_of(properties[name], name, now, zone)
        return whole
    if isinstance(value, list):
        return [filled(schema.get("items", {}), one, now, zone) for one in value]
    return value


def _put(root: Any, path: Path, value: Any) -> None:
    """Set a value deep in mappings and lists, making what is not there yet."""
    for step, following in pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            while len(root) <= step:
                root.append({} if not isinstance(following, int) else [])
            root = root[step]
        else:
            if not isinstance(root.get(step), dict | list):
                root[step] = empty
            root = root[step]
    last = path[-1]
    if isinstance(last, int):
        while len(root) <= last:
            root.append(None)
    root[last] = value


def facts_of(draft: Draft, vocabulary: Vocabulary, zone: str, base: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a draft, whole: laid over others, if there are any."""
    facts: dict[str, Any] = deepcopy(dict(base))
    for path in sorted(draft.facts, key=lambda one: (len(one), repr(one))):
        if draft.facts[path] is not ABSENT:
            _put(facts, path, draft.facts[path])
    whole: dict[str, Any] = filled(vocabulary.schema, facts, draft.now, zone)
    return whole


def case_of(draft: Draft, vocabulary: Vocabulary, zone: str, base: Mapping[str, Any] = MappingProxyType({})) -> Case:
    """The case of a draft. KeyError for an event type that the vocabulary does not have."""
    events = []
    for number, row in enumerate(draft.rows):
        chosen = {**(draft.rows[row.like].fields if row.like >= 0 else {}), **row.fields}
        fields: dict[str, Any] = {}
        for name, value in chosen.items():
            if value is not ABSENT:
                _put(fields, tuple(name.split(".")), value)
        declared = vocabulary.events[row.type]
        properties = declared.schema.get("properties", {})
        for name in declared.schema.get("required", ()):
            if name not in ("type", "time") and name not in fields:
                fields[name] = default_of(properties.get(name, {}), name, row.time, zone)
        events.append(Event(row.type, row.time, fields, None, None, "", number + 1, declared.place))
    return Case(facts_of(draft, vocabulary, zone, base), in_order(events))


def fits(case: Case, vocabulary: Vocabulary) -> bool:
    """Whether the case conforms to a vocabulary."""
    if problems(vocabulary.schema, dict(case.facts)):
        return False
    for event in case.events:
        declared = vocabulary.events.get(event.type)
        if declared is None:
            return False
        row = {**event.fields, "type": event.type, "time": iso_instant(event.time, "UTC")}
        if problems(declared.schema, row):
            return False
    return True
