"""Plain values, events, runs and evidence to JSON values and back, shared objects once.

In come the values of which a monitor's state is made; out come lists, text, numbers, true, false and null that any JSON
library writes and reads unchanged. Events compare by identity, so one that stands in several places comes back as one.
Rows of which there are many stand as they are, a `Line` as msgspec writes it. What the values mean is not known here.

A scalar is itself, a list is `[kind, …]`: what it holds, or the place of a shared object in a table of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Set
from decimal import Decimal
from fractions import Fraction
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from policyengine.base import instants, source
from policyengine.core import intervals, tally, truth, verdict
from policyengine.core.case import Event
from policyengine.trace.stream.lines_typed import FILE, ROW, Line

TUPLE, LIST, DICT, DECIMAL, FRACTION, EVENT, RECORD, SHARED = range(8)

SCALARS = frozenset({type(None), bool, int, str})
"""What is written as it is."""

_RECORDS: dict[str, Any] = {
    name: value for module in (verdict, truth, intervals, tally, source, instants)
    for name, value in vars(module).items() if dataclasses.is_dataclass(value) and value.__module__ == module.__name__}
_FIELDS = {value: tuple(one.name for one in dataclasses.fields(value)) for value in _RECORDS.values()}


class Packer:
    """Writes values. `shared`: classes with slots whose objects are written once."""

    def __init__(self, shared: tuple[Any, ...] = ()) -> None:
        self.shared = {one: (place, attrgetter(*one.__slots__)) for place, one in enumerate(shared)}
        self.events: list[Any] = []
        self.objects: list[Any] = []
        self.places: dict[str, int] = {}
        """Of the types of `rows`, their places in the vocabulary."""
        self._events: dict[int, int] = {}
        self._objects: dict[int, int] = {}

    def pack(self, value: Any) -> Any:
        """One value."""
        kind = value.__class__
        if kind in SCALARS:
            return value
        if kind is tuple:
            return [TUPLE, *self._each(value)]
        if kind in self.shared:
            return [SHARED, self._object(value)]
        if kind is dict:
            return [DICT, *self._each(one for pair in value.items() for one in pair)] if value else [DICT]
        match value:
            case list():
                return [LIST, *self._each(value)]
            case Event() | Line():
                return [EVENT, self.event(value)]
            case Decimal():
                return [DECIMAL, str(value)]
            case Fraction():
                return [FRACTION, str(value)]
            case Mapping():
                return self.pack(dict(value))
            case _:
                return [RECORD, kind.__name__, *self._each(getattr(value, name) for name in _FIELDS[kind])]

    def _each(self, values: Iterable[Any]) -> list[Any]:
        return [one if one.__class__ in SCALARS else self.pack(one) for one in values]

    def event(self, event: Event | Line) -> int:
        """The place of an event in the table."""
        place = self._events.get(id(event))
        if place is None:
            place = self._events[id(event)] = len(self.events)
            self.events.append(self._row(event))
        return place

    def _row(self, event: Event | Line) -> list[Any]:
        fields: Any
        sequence: Any = event.sequence
        if isinstance(event, Line):
            fields, plain = dict(event.fields), event.plain and event.extra is UNSET
        else:
            fields, plain = dict(event.fields), False
            sequence = self.pack(sequence)
        if not plain and not SCALARS.issuperset(map(type, fields.values())):
            fields = self.pack(fields)
        return [event.type, event.time, fields, event.id, sequence, event.file, event.row, event.place]

    def holds(self, value: Any) -> bool:
        """Whether one of the `shared` has been written."""
        return id(value) in self._objects

    def rows(self, rows: list[Any], shared: Set[int]) -> list[Any]:
        """Many events: those that stand nowhere else as they are, the `shared`, by their identity, as their place in
        the table."""
        kinds: set[Any] = set(map(type, rows))
        if (all(issubclass(one, Line) and one.plain for one in kinds) and shared.isdisjoint(map(id, rows))
                and all([one.extra is UNSET for one in rows])):
            self.places.update((one.type, one.place) for one in kinds)
            for one in rows:
                if one.known is not UNSET:
                    one.known = UNSET  # else it is written too
            return rows
        return [self.event(one) if id(one) in shared else self._alone(one) for one in rows]

    def held(self) -> Set[int]:
        """The identities of the events in the table."""
        return self._events.keys()

    def _alone(self, event: Event | Line) -> Any:
        """An event that stands nowhere else, as a `Line` is written."""
        if not SCALARS.issuperset(map(type, (event.sequence, *event.fields.values()))):
            return self.event(event)
        self.places[event.type] = event.place
        if isinstance(event, Line) and event.extra is UNSET:
            event.known = UNSET
            return event
        return {"type": event.type, "time": event.time, "id": event.id, "sequence": event.sequence,
                FILE: event.file, ROW: event.row, **event.fields}

    def _object(self, value: Any) -> int:
        place = self._objects.get(id(value))
        if place is None:
            place = self._objects[id(value)] = len(self.objects)
            self.objects.append(None)  # its place is taken before what it holds, which may hold it
            kind, values = self.shared[value.__class__]
            self.objects[place] = [kind, *self._each(values(value))]
        return place


class Unpacker:
    """Reads what a `Packer` wrote: its `events`, `objects` and `places`, and then its values and rows."""

    def __init__(self, events: list[Any], objects: list[Any], places: Mapping[str, int],
                 shared: tuple[type, ...] = ()) -> None:
        self.places = places
        self.events: list[Event] = []
        self.objects: list[Any] = [object.__new__(shared[row[0]]) for row in objects]
        self.events = [
            Event(type, time, fields if isinstance(fields, dict) else self.unpack(fields), id, self.unpack(sequence),
                  file, row, place)
            for type, time, fields, id, sequence, file, row, place in events]
        for one, row in zip(self.objects, objects, strict=True):
            for name, value in zip(one.__class__.__slots__, row[1:], strict=True):
                setattr(one, name, self.unpack(value))

    def row(self, row: Any) -> Any:
        """One of `Packer.rows`."""
        if row.__class__ is int:
            return self.events[row]
        if row.__class__ is not dict:
            return row
        fields = dict(row)
        type, time, id, sequence, file, line = map(fields.pop, ("type", "time", "id", "sequence", FILE, ROW))
        return Event(type, time, fields, id, sequence, file, line, self.places[type])

    def unpack(self, value: Any) -> Any:
        """One value."""
        if value.__class__ is not list:
            return value
        kind = value[0]
        if kind == TUPLE:
            return tuple([self.unpack(one) for one in value[1:]])
        if kind == LIST:
            return [self.unpack(one) for one in value[1:]]
        if kind == DICT:
            return {self.unpack(key): self.unpack(one) for key, one in zip(value[1::2], value[2::2], strict=True)}
        if kind == EVENT:
            return self.events[value[1]]
        if kind == DECIMAL:
            return Decimal(value[1])
        if kind == FRACTION:
            return Fraction(value[1])
        if kind == SHARED:
            return self.objects[value[1]]
        return _RECORDS[value[1]](*[self.unpack(one) for one in value[2:]])
