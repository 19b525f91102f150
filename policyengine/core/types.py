"""The types of the language, as values. Comparing, adding and reading data are decided by these alone.

`Unknown` is the type of what could not be resolved; it agrees with everything, so that one mistake is one message.
"""

from __future__ import annotations

from typing import Any, Literal

from policyengine.base.record import record

PeriodClass = Literal["elapsed", "day", "month", "working_day"]

PERIOD_CLASSES: dict[str, PeriodClass] = {"microsecond": "elapsed", "day": "day", "month": "month",
                                          "working_day": "working_day"}
"""By what `base.instants` counts a period in."""


@record
class Bool:
    """true, false."""


@record
class Number:
    """A rational; `integer` when the vocabulary says so. `quotient`: it may only be compared."""

    integer: bool = False
    quotient: bool = False


@record
class Text:
    """Text; `values` when the vocabulary or a literal lists all it can be."""

    values: tuple[str, ...] | None = None


@record
class Date:
    """A local date. Raw: `YYYY-MM-DD` text."""


@record
class Instant:
    """A point in time, UTC microseconds. Raw: RFC 3339 text with an offset, or an int already."""


@record
class TimeOfDay:
    """A clock time in the regulation's zone."""


@record
class Period:
    """A duration or legal period; `unit` is None when only the data knows (then it may be a bound, not compared)."""

    unit: PeriodClass | None = None


@record
class ListOf:
    """A list whose items have one type."""

    item: Type


@record
class Field:
    """One property of a record. `default` is the raw value taken when absent; None where there is none."""

    name: str
    type: Type
    required: bool = False
    default: Any = None


@record
class Record:
    """Named fields; `closed` when no others may stand in the data."""

    fields: tuple[Field, ...]
    closed: bool = True

    def field(self, name: str) -> Field | None:
        """The field of that name."""
        for one in self.fields:
            if one.name == name:
                return one
        return None


@record
class Unknown:
    """What a name that failed to resolve has."""


Type = Bool | Number | Text | Date | Instant | TimeOfDay | Period | ListOf | Record | Unknown


def describe(type: Type) -> str:
    """The type in the words of the policy: `integer`, `list of text`."""
    match type:
        case Bool():
            return "true or false"
        case Number():
            return "integer" if type.integer else "number"
        case Text():
            return "text"
        case Date():
            return "date"
        case Instant():
            return "instant"
        case TimeOfDay():
            return "time of day"
        case Period():
            return {"elapsed": "duration", "day": "period in days", "month": "period in months",
                    "working_day": "period in working days", None: "period"}[type.unit]
        case ListOf():
            return "list of records" if isinstance(type.item, Record) else f"list of {describe(type.item)}"
        case Record():
            return "record"
        case Unknown():
            return "unknown"
