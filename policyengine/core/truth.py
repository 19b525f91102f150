"""A condition's answer: a value of three, and the instant from which it can no longer change.

`value` is the answer as if nothing more came (True, False, or None for missing); `settles` is when it is settled. It is
*pending* while `settles` lies after the as-of instant. Together they are the four values of the language: `and` is the
first of false, pending, missing, true among its parts, `or` the first of true, pending, missing, false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from policyengine.base.record import record
from policyengine.core.verdict import Evidence, Missing

Item = TypeVar("Item")

SETTLED = -(2 ** 63)
"""Earlier than every instant: settled whatever the as-of."""


@record
class Truth:
    """The answer, what decided it, what was missing, and whether it rests on the order of one instant's events."""

    value: bool | None
    settles: int = SETTLED
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()
    tie: bool = False


TRUE = Truth(True)
FALSE = Truth(False)


def negation(truth: Truth) -> Truth:
    """Swaps true and false and keeps the rest."""
    if truth.value is None:
        return truth
    return Truth(not truth.value, truth.settles, truth.evidence, truth.missing, truth.tie)


def all_of(parts: Sequence[Truth]) -> Truth:
    """`and`: settled as early as its first false part; a true or missing one, when all its parts are."""
    return _decided(parts, by=False)


def any_of(parts: Sequence[Truth]) -> Truth:
    """`or`: the mirror of `and`."""
    return _decided(parts, by=True)


def _decided(parts: Sequence[Truth], by: bool) -> Truth:
    if len(parts) == 1:
        return _alone(parts[0], parts[0].settles)
    values = [part.value for part in parts]
    if by in values:
        # Each of them alone decides, so the answer rests on a tie only where every one does.
        deciding = [part for part in parts if part.value is by]
        return _joined(deciding, by, min([part.settles for part in deciding]), all)
    settles = max([part.settles for part in parts], default=SETTLED)
    if None in values:
        return _joined([part for part in parts if part.value is None], None, settles, any)
    return _joined(parts, not by, settles, any)


def _alone(part: Truth, settles: int) -> Truth:
    evidence, missing = _once(part.evidence), _once(part.missing)
    if evidence is part.evidence and missing is part.missing and settles == part.settles:
        return part
    return Truth(part.value, settles, evidence, missing, part.tie)


def _joined(parts: Sequence[Truth], value: bool | None, settles: int, ties: Callable[[Iterable[bool]], bool]) -> Truth:
    if len(parts) == 1:
        return _alone(parts[0], settles)
    return Truth(value, settles, _once([one for part in parts for one in part.evidence]),
                 _once([one for part in parts for one in part.missing]), ties([part.tie for part in parts]))


def _once(items: Sequence[Item]) -> tuple[Item, ...]:
    """Each of them once, in order. A list or a record that was read has no hash and goes by its text."""
    if len(items) < 2 or (len(items) == 2 and items[0].__class__ is not items[1].__class__):
        return tuple(items)
    try:
        return tuple(dict.fromkeys(items))
    except TypeError:
        pass
    kept: dict[Any, Item] = {}
    for item in items:
        try:
            kept.setdefault(item, item)
        except TypeError:
            kept.setdefault(repr(item), item)
    return tuple(kept.values())
