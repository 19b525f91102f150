"""Values as Z3 terms: what a condition or a value of the core becomes, and constants and texts as numbers.

A condition is a pair: where it is true and where it is false; it is missing where it is neither. A value is a term with
where it is there. Numbers are integers or rationals, dates day numbers or yyyymmdd (`Dates`), instants and clock times
microseconds, periods their count, texts places in a table (`Texts`). What the terms are about is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from fractions import Fraction
from typing import Any, Literal

import z3

from policyengine.base.instants import Period
from policyengine.core import types
from policyengine.solver.model import NotAnalysable

_CONTEXT = z3.main_ctx()

YES = z3.BoolVal(True)
NO = z3.BoolVal(False)

LIMIT = 10 ** 18
FINEST = 10 ** 9  # numbers in data have at most 9 digits after the point


class _Unknown:
    """A value that is not a constant."""


UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A condition: where it is true and where it is false; never both."""

    true: Any
    false: Any

    @property
    def missing(self) -> Any:
        return conj((neg(self.true), neg(self.false)))


ALWAYS = Pair(YES, NO)
NEVER = Pair(NO, YES)


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """A quotient of two terms; `below` is None for one."""

    above: Any
    below: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A value: where it is there, and its term.

    `known` is the typed Python value of a constant (None: certainly missing). A number of which only the ends may be
    known has `term` as its lower and `high` as its upper end. A quotient has neither; `lows` and `highs` are the terms
    its ends are the least and the greatest of. `day` are a date's year, month and day, where they are known; comparing
    these is far easier for Z3 than comparing what they add up to.
    """

    there: Any
    term: Any
    known: Any = UNKNOWN
    high: Any = None
    lows: tuple[Ratio, ...] = ()
    highs: tuple[Ratio, ...] = ()
    day: tuple[Any, Any, Any] | None = None

    @property
    def constant(self) -> bool:
        return self.known is not UNKNOWN

    @property
    def uncertain(self) -> bool:
        """Whether only its ends may be known."""
        return self.high is not None or bool(self.lows)

    def least(self) -> tuple[Ratio, ...]:
        return self.lows or (Ratio(self.term),)

    def greatest(self) -> tuple[Ratio, ...]:
        return self.highs or (Ratio(self.term if self.high is None else self.high),)


MISSING = Value(NO, z3.IntVal(0), None)


# ---- and, or, not -----------------------------------------------------------------------------------------------

def conj(parts: Iterable[Any]) -> Any:
    kept = []
    for part in parts:
        if part is NO:
            return NO
        if part is not YES:
            kept.append(part)
    return YES if not kept else kept[0] if len(kept) == 1 else _joined(z3.Z3_mk_and, kept)


def disj(parts: Iterable[Any]) -> Any:
    kept = []
    for part in parts:
        if part is YES:
            return YES
        if part is not NO:
            kept.append(part)
    return NO if not kept else kept[0] if len(kept) == 1 else _joined(z3.Z3_mk_or, kept)


def _joined(make: Callable[..., Any], parts: list[Any]) -> Any:
    """`z3.And` or `z3.Or` of conditions; those look at each for its sort, which takes five times as long."""
    array = (z3.Ast * len(parts))()
    for place, part in enumerate(parts):
        array[place] = part.as_ast()
    return z3.BoolRef(make(_CONTEXT.ref(), len(parts), array), _CONTEXT)


def neg(part: Any) -> Any:
    return NO if part is YES else YES if part is NO else z3.BoolRef(
        z3.Z3_mk_not(_CONTEXT.ref(), part.as_ast()), _CONTEXT)


def implies(left: Any, right: Any) -> Any:
    return disj((neg(left), right))


def either(test: Any, left: Any, right: Any) -> Any:
    """`left` where the test holds, else `right`; conditions or terms."""
    if test is YES or left is right:
        return left
    if test is NO:
        return right
    return z3.If(test, left, right)


def all_of(pairs: Sequence[Pair]) -> Pair:
    return Pair(conj(one.true for one in pairs), disj(one.false for one in pairs))


def any_of(pairs: Sequence[Pair]) -> Pair:
    return Pair(disj(one.true for one in pairs), conj(one.false for one in pairs))


def negation(pair: Pair) -> Pair:
    return Pair(pair.false, pair.true)


def where(test: Any, holds: Any) -> Pair:
    """A condition that is missing unless `test`, and there true where `holds`."""
    return Pair(conj((test, holds)), conj((test, neg(holds))))


def chosen(test: Any, left: Pair, right: Pair) -> Pair:
    if test is YES:
        return left
    if test is NO:
        return right
    return Pair(disj((conj((test, left.true)), conj((neg(test), right.true)))),
                disj((conj((test, left.false)), conj((neg(test), right.false)))))


# ---- constants --------------------------------------------------------------------------------------------------

def number(value: int | Fraction) -> Any:
    """The term of an exact number: an integer where it is one and was typed so."""
    return z3.IntVal(value) if isinstance(value, int) else z3.RealVal(f"{value.numerator}/{value.denominator}")


def microseconds(clock: time) -> int:
    """A time of day as microseconds since midnight."""
    return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 1_000_000 + clock.microsecond


def clock_of(count: int) -> time:
    """The time of day of so many microseconds since midnight."""
    seconds, micro = divmod(count, 1_000_000)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, micro)


# ---- texts ------------------------------------------------------------------------------------------------------

@dataclass
class Texts:
    """Texts as integers: those that are named from 0 up, all others below 0, as many as are wanted.

    With patterns, the texts that are not named fall into classes, one for each way of matching them; class k of n has
    the numbers -1 - k - n * i, and `classes[k]` says which patterns match and finds the i-th text of it.
    """

    places: dict[str, int] = field(default_factory=dict)
    classes: tuple[Any, ...] = ()
    patterns: tuple[str, ...] = ()

    def place(self, text: str) -> int:
        """The number of a named text. A new name is taken in only while no classes are made."""
        if text not in self.places:
            if self.classes:
                raise NotAnalysable("texts and patterns meet in a way that is not followed")
            self.places[text] = len(self.places)
        return self.places[text]

    def named(self) -> list[str]:
        return list(self.places)

    def other(self, place: int, schemas: tuple[Any, ...] = ()) -> str:
        """The text that is not named and has that place, from 0 up, among those that are not."""
        if self.classes:
            words: tuple[str, ...] = self.classes[place % len(self.classes)].words
            return words[place // len(self.classes)]
        least = max((schema.get("minLength", 0) for schema in schemas), default=0)
        word = "other" + "r" * max(0, least - 5)
        found = 0
        for count in range(place + len(self.places) + 1):
            text = word if count == 0 else f"{word} {count + 1}"
            if text not in self.places:
                if found == place:
                    return text
                found += 1
        raise AssertionError("no other text")


# ---- dates ------------------------------------------------------------------------------------------------------

DateMode = Literal["days", "civil", "both"]
"""What dates are numbered by: days since the year 1 (`days`, and `both` where years are counted too), or yyyymmdd."""


def civil(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def date_number(day: date, mode: DateMode) -> int:
    return civil(day) if mode == "civil" else day.toordinal()


def date_of(number: int, mode: DateMode) -> date:
    """The date of a number. ValueError when it is none."""
    if mode == "civil":
        return date(number // 10_000, number // 100 % 100, number % 100)
    return date.fromordinal(number)


def parts_of(day: date) -> tuple[Any, Any, Any]:
    return z3.IntVal(day.year), z3.IntVal(day.month), z3.IntVal(day.day)


def same_day(left: tuple[Any, Any, Any], right: tuple[Any, Any, Any]) -> Any:
    return conj(a == b for a, b in zip(left, right, strict=True))


def earlier(left: Sequence[Any], right: Sequence[Any], *, strictly: bool) -> Any:
    """That one date, as year, month and day (or month and day), is before another, or not after it."""
    a, b = left[0], right[0]
    if len(left) == 1:
        return a < b if strictly else a <= b
    return disj((a < b, conj((a == b, earlier(left[1:], right[1:], strictly=strictly)))))


def leap(year: Any) -> Any:
    return z3.And(year % 4 == 0, z3.Or(year % 100 != 0, year % 400 == 0))


def days_in_month(year: Any, month: Any) -> Any:
    return z3.If(z3.Or(month == 4, month == 6, month == 9, month == 11), 30,
                 z3.If(month == 2, z3.If(leap(year), 29, 28), 31))


def is_day(year: Any, month: Any, day: Any) -> Any:
    """Year, month and day as terms make a date."""
    return z3.And(year >= 1, year <= 9999, month >= 1, month <= 12, day >= 1, z3.Or(
        day <= 28, z3.And(day <= 30, month != 2),
        z3.And(day == 31, z3.Or(*(month == one for one in (1, 3, 5, 7, 8, 10, 12)))),
        z3.And(day == 29, month == 2, leap(year))))


def ordinal(year: Any, month: Any, day: Any) -> Any:
    """The day number of a date, as `date.toordinal` has it."""
    before = year - 1
    months = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
    passed: Any = z3.IntVal(months[11])
    for place in range(10, -1, -1):
        passed = z3.If(month == place + 1, months[place], passed)
    return (365 * before + before / 4 - before / 100 + before / 400 + passed
            + z3.If(z3.And(month > 2, leap(year)), 1, 0) + day)


def number_of_day(parts: tuple[Any, Any, Any], mode: DateMode) -> Any:
    """The term of a date by its year, month and day."""
    return parts[0] * 10_000 + parts[1] * 100 + parts[2] if mode == "civil" else ordinal(*parts)


def sort_of(type: types.Type) -> Any:
    """The Z3 sort of a single value of a type."""
    match type:
        case types.Bool():
            return z3.BoolSort()
        case types.Number(integer=integer):
            return z3.IntSort() if integer else z3.RealSort()
        case _:
            return z3.IntSort()


def constant(value: Any, texts: Texts, mode: DateMode) -> Any:
    """The term of a typed Python value that is no list."""
    match value:
        case bool():
            return YES if value else NO
        case int() | Fraction():
            return number(value)
        case str():
            return z3.IntVal(texts.place(value))
        case date():
            return z3.IntVal(date_number(value, mode))
        case time():
            return z3.IntVal(microseconds(value))
        case Period():
            return z3.IntVal(value.count)
        case _:
            raise TypeError(f"no term for {value!r}")
