"""Answers as SQL: values and conditions as text, and how they are put together.

In come terms, out come terms; which columns they read and where these come from is not known here. The SQL is DuckDB's;
`engines.spark` has it rewritten. A condition is three-valued, NULL for missing; beside it stand when it is settled and
whether it rests on a tie, as `core.truth` has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

from policyengine.base.instants import Period, period_text
from policyengine.base.record import record
from policyengine.core import types
from policyengine.core.intervals import Bounds
from policyengine.core.operators import LIMIT
from policyengine.trace.columns import Unsupported

SETTLED = "-9223372036854775807"
"""Earlier than every instant."""

DAY = 86_400_000_000  # microseconds


@record
class Term:
    """A value or condition in SQL.

    `nullable`: it may be missing. `settles`, `tie`: None where it is settled at once, rests on no order. `high`: the
    upper end of a number known between two ends only, of which `sql` is the lower (a NULL upper end is open). `den`:
    the divisor of a quotient, of which `sql` is the dividend. `items`: the values of a written list. `scale`: how many
    digits a number may have after the point, of a quotient the dividend and `den_scale` the divisor.
    """

    sql: str
    nullable: bool = True
    settles: str | None = None
    tie: str | None = None
    high: str | None = None
    den: str | None = None
    items: tuple[Term, ...] | None = None
    scale: int = 0
    den_scale: int = 0

    @property
    def texts(self) -> tuple[str, ...]:
        """All its SQL."""
        own = tuple(one for one in (self.sql, self.settles, self.tie, self.high, self.den) if one is not None)
        return (*own, *(one for item in self.items or () for one in item.texts))


TRUE = Term("TRUE", False)
FALSE = Term("FALSE", False)
MISSING = Term("NULL")


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text literal."""
    return "'" + value.replace("'", "''") + "'"


def literal(value: Any, type: types.Type) -> Term:
    """A computed value of the language as a literal; None is missing."""
    match value:
        case None:
            return MISSING
        case bool():
            return TRUE if value else FALSE
        case int():
            return Term(str(value), False)
        case Bounds(low, high):
            return replace(literal(low, type), high=literal(high, type).sql)
        case Fraction() if isinstance(type, types.Number) and type.quotient:
            return Term(str(value.numerator), False, den=str(value.denominator))
        case Fraction() | Decimal():
            return _decimal(Fraction(value))
        case str():
            return Term(text(value), False)
        case date():
            return Term(f"CAST('{value.isoformat()}' AS DATE)", False)
        case time():
            seconds = (value.hour * 60 + value.minute) * 60 + value.second
            return Term(str(seconds * 1_000_000 + value.microsecond), False)
        case Period():
            return Term(text(period_text(value)) if isinstance(type, types.Period) and type.unit is None
                        else str(value.count), False)
        case tuple():
            item = type.item if isinstance(type, types.ListOf) else types.Unknown()
            return listed([literal(one, item) for one in value])
        case _:
            raise Unsupported(f"a value such as {value!r}")


DIGITS = 18
"""How many digits after the point are kept; before it numbers have 18, which both fit a decimal of 38."""


def _decimal(value: Fraction) -> Term:
    scale = next((scale for scale in range(DIGITS + 1) if (value * 10 ** scale).denominator == 1), None)
    if scale is None:
        raise Unsupported(f"a number with more than {DIGITS} digits after the point")
    if scale == 0:
        return Term(str(value.numerator), False)
    sign, whole = ("-" if value < 0 else ""), abs((value * 10 ** scale).numerator)
    digits = f"{sign}{whole // 10 ** scale}.{whole % 10 ** scale:0{scale}d}"
    return Term(f"CAST('{digits}' AS DECIMAL({18 + scale},{scale}))", False, scale=scale)


def listed(items: Sequence[Term]) -> Term:
    """A written list, missing where one of its items is."""
    return Term("", any(one.nullable for one in items), None, any_tie(items), items=tuple(items))


def any_tie(parts: Iterable[Term]) -> str | None:
    """Whether any of the parts rests on a tie."""
    return _either(part.tie for part in parts if part.tie is not None)


def strict_tie(parts: Iterable[Term]) -> str | None:
    """The same of what is missing when a part is: then by those that are missing alone."""
    parts = [one for part in parts for one in (part.items if part.items is not None else (part,))]
    either, lost = any_tie(parts), [(missing(part), part) for part in parts if part.nullable]
    if either is None or not lost:
        return either
    lost_ties = _either(f"({gone} AND {part.tie})" for gone, part in lost if part.tie is not None) or "FALSE"
    return f"(CASE WHEN {' OR '.join(gone for gone, _ in lost)} THEN {lost_ties} ELSE {either} END)"


def missing(part: Term) -> str:
    """When a value is missing."""
    gone = f"{part.sql} IS NULL"
    return f"({gone})" if part.den is None else f"({gone} OR {part.den} IS NULL OR {part.den} = 0)"


def _either(texts: Iterable[str]) -> str | None:
    kept = list(dict.fromkeys(texts))
    return None if not kept else kept[0] if len(kept) == 1 else f"({' OR '.join(kept)})"


# ---- conditions -------------------------------------------------------------------------------------------------

def negation(part: Term) -> Term:
    """Swaps true and false and keeps the rest."""
    swapped = {"TRUE": "FALSE", "FALSE": "TRUE", "NULL": "NULL"}.get(part.sql, f"(NOT {part.sql})")
    return Term(swapped, part.nullable, part.settles, part.tie)


def all_of(parts: Sequence[Term]) -> Term:
    """`and`: settled as early as its first false part; a true or missing one, when all its parts are."""
    return _decided(parts, "FALSE", "TRUE", "AND")


def any_of(parts: Sequence[Term]) -> Term:
    """`or`: the mirror of `and`."""
    return _decided(parts, "TRUE", "FALSE", "OR")


def _decided(parts: Sequence[Term], by: str, other: str, word: str) -> Term:
    if any(part.sql == by and part.settles is None and part.tie is None for part in parts):
        return Term(by, False)
    parts = [part for part in parts if part.sql != other or part.settles is not None or part.tie is not None]
    if not parts:
        return Term(other, False)
    if len(parts) == 1:
        return parts[0]
    value = f"({f' {word} '.join(part.sql for part in parts)})"
    return Term(value, any(part.nullable for part in parts), _settles(parts, value, by), _ties(parts, value, by))


def _settles(parts: Sequence[Term], value: str, by: str) -> str | None:
    if all(part.settles is None for part in parts):
        return None
    last = _greatest(part.settles for part in parts)
    deciding = [f"CASE WHEN {part.sql} IS {by} THEN {part.settles or SETTLED} END" for part in parts]
    return f"CASE WHEN {value} IS {by} THEN least({', '.join(deciding)}) ELSE {last} END"


def _greatest(settles: Iterable[str | None]) -> str:
    kept = [one for one in settles if one is not None]
    return kept[0] if len(kept) == 1 else f"greatest({', '.join(kept)})"


def _ties(parts: Sequence[Term], value: str, by: str) -> str | None:
    if all(part.tie is None for part in parts):
        return None
    deciding = " AND ".join(f"({part.sql} IS NOT {by} OR {part.tie or 'FALSE'})" for part in parts)
    unknown = " OR ".join(f"({part.sql} IS NULL AND {part.tie})" for part in parts if part.tie is not None)
    return (f"CASE WHEN {value} IS {by} THEN {deciding} WHEN {value} IS NULL THEN {unknown} "
            f"ELSE {any_tie(parts)} END")


def is_true(part: Term) -> str:
    """Two-valued: whether it is true."""
    return f"({part.sql} IS TRUE)" if part.nullable else part.sql


def present(part: Term) -> Term:
    """Whether a value is known."""
    if part.den is not None:
        return Term(f"coalesce({part.sql} IS NOT NULL AND {part.den} <> 0, FALSE)", False, None, part.tie)
    return Term(f"({part.sql} IS NOT NULL)" if part.nullable else "TRUE", False, None, part.tie)


# ---- comparing and reckoning -------------------------------------------------------------------------------------

SYMBOLS = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MIRROR = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compare(operator: str, left: Term, right: Term) -> Term:
    """One of the six comparisons; of numbers between two ends, decided when both ends agree."""
    symbol = SYMBOLS[operator]
    nullable = left.nullable or right.nullable
    if left.den is not None or right.den is not None:
        return Term(_multiplied_out(symbol, left, right), True, None, any_tie((left, right)))
    if left.high is None and right.high is None:
        return Term(f"({left.sql} {symbol} {right.sql})", nullable, None, any_tie((left, right)))
    low, high = (left.sql, right.sql), (left.high or left.sql, right.high or right.sql)
    match operator:
        case "<":
            value = f"CASE WHEN {high[0]} < {low[1]} THEN TRUE WHEN {high[1]} <= {low[0]} THEN FALSE END"
        case "<=":
            value = f"CASE WHEN {high[0]} <= {low[1]} THEN TRUE WHEN {high[1]} < {low[0]} THEN FALSE END"
        case ">" | ">=":
            return compare("<" if operator == ">" else "<=", right, left)
        case _:
            same, apart = ("TRUE", "FALSE") if operator == "=" else ("FALSE", "TRUE")
            value = (f"CASE WHEN {high[0]} < {low[1]} OR {high[1]} < {low[0]} THEN {apart} WHEN {low[0]} = {high[0]} "
                     f"AND {low[1]} = {high[1]} AND {low[0]} = {low[1]} THEN {same} END")
    return Term(f"({value})", True, None, any_tie((left, right)))


def _multiplied_out(symbol: str, left: Term, right: Term) -> str:
    """A comparison with a quotient, without dividing; missing where a divisor is zero."""
    b, d = left.den or "1", right.den or "1"
    value = " ".join(
        f"WHEN {sign} THEN {_product(left, right, 'den')} {word} {_product(right, left, 'den')}"
        for sign, word in ((f"sign({b}) * sign({d}) > 0", symbol), (f"sign({b}) * sign({d}) < 0", _MIRROR[symbol])))
    unable = not_compared(left, right)
    return f"(CASE {f'WHEN {unable} THEN NULL ' if unable else ''}{value} END)"


def not_compared(left: Term, right: Term) -> str | None:
    """When a quotient cannot be compared here: it has too many digits, or stands beside a number between two ends."""
    if left.den is None and right.den is None:
        return None
    # Both products are compared with as many digits after the point as one of them has.
    scale = max(left.scale + right.den_scale, right.scale + left.den_scale)
    large = [f"(abs({_rough(a.sql)} * {_rough(b.den or '1')}) >= 1e{36 - scale})"
             for a, b in ((left, right), (right, left)) if scale]
    open_ended = _ends_differ(left, right)
    return _either([*large, *([open_ended] if open_ended else [])])


def _product(left: Term, right: Term, by: str = "") -> str:
    """The product of two numbers, or of a number and a divisor, with all its digits."""
    other, scale = (right.den or "1", right.den_scale) if by else (right.sql, right.scale)
    if left.scale + scale > DIGITS:
        raise Unsupported(f"a product with more than {DIGITS} digits after the point")
    return f"(CAST({left.sql} AS DECIMAL(38,{left.scale})) * CAST({other} AS DECIMAL(38,{scale})))"


def _rough(sql: str) -> str:
    return f"CAST({sql} AS DOUBLE)"


def member(item: Term, items: Term) -> Term:
    """`in` a written list or a list that was read."""
    if items.items is None:
        return Term(f"list_contains({items.sql}, {item.sql})", True, None, any_tie((item, items)))
    if not items.items:
        return Term(f"CASE WHEN {item.sql} IS NOT NULL THEN FALSE END" if item.nullable else "FALSE", item.nullable,
                    None, any_tie((item, items)))
    value = f"({item.sql} IN ({', '.join(one.sql for one in items.items)}))"
    lost = [f"{one.sql} IS NULL" for one in items.items if one.nullable]
    if lost:
        value = f"(CASE WHEN NOT ({' OR '.join(lost)}) THEN {value} END)"
    return Term(value, item.nullable or items.nullable, None, any_tie((item, items)))


def arithmetic(operator: str, left: Term, right: Term) -> tuple[Term, str | None]:
    """`+ - * /` on numbers, and when the result cannot be trusted here: too large, or of ends that differ."""
    tie, nullable = any_tie((left, right)), left.nullable or right.nullable
    if operator == "/":
        return Term(left.sql, True, None, tie, den=right.sql, scale=left.scale, den_scale=right.scale), _ends_differ(
            left, right)
    scale = max(left.scale, right.scale)
    if operator in "+-" and (left.high is not None or right.high is not None):
        high = (f"({left.high or left.sql} + {right.high or right.sql})" if operator == "+"
                else f"({left.high or left.sql} - {right.sql})")
        low = f"({left.sql} {operator} {(right.high or right.sql) if operator == '-' else right.sql})"
        # Where the second count is open, so is the lower end of the difference.
        open_low = f"({right.high} IS NULL)" if operator == "-" and right.high is not None else None
        large = _either(f"(abs({one}) >= {LIMIT})" for one in (low, high))
        return Term(low, nullable or open_low is not None, None, tie, high, scale=scale), _either(
            one for one in (open_low, large) if one)
    if operator == "*":
        value, scale, rough = _product(left, right), left.scale + right.scale, None
        if scale:
            rough = f"(abs({_rough(left.sql)} * {_rough(right.sql)}) >= {2 * LIMIT})"
            value = f"(CASE WHEN NOT {rough} THEN {value} END)"
        large = _either(one for one in (rough, f"(abs({value}) >= {LIMIT})", _ends_differ(left, right)) if one)
    else:
        value = f"({left.sql} {operator} {right.sql})"
        large = f"(abs({value}) >= {LIMIT})"
    width = f"DECIMAL({18 + scale},{scale})" if scale else "BIGINT"
    return Term(f"CAST(CASE WHEN abs({value}) < {LIMIT} THEN {value} END AS {width})", nullable, None, tie,
                scale=scale), large


def _ends_differ(*parts: Term) -> str | None:
    return _either(f"({one.high} IS DISTINCT FROM {one.sql})" for one in parts if one.high is not None)
