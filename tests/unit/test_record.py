"""A record is a frozen dataclass with slots in all that the project uses of one."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest

from policyengine.base.record import entity, record


@record
class Point:
    """A point."""

    x: int
    y: int = 2
    note: str = field(default="", compare=False, repr=False)
    seen: list[int] = field(default_factory=list, hash=False)


@dataclass(frozen=True, slots=True)
class Plain:
    x: int
    y: int = 2
    note: str = field(default="", compare=False, repr=False)
    seen: list[int] = field(default_factory=list, hash=False)


@record
class Empty:
    """Nothing in it."""


@record
class Single:
    """One field."""

    value: Any


@entity
class Row:
    """A row, which may say what another says."""

    number: int
    said: list[int] = field(default_factory=list)


@pytest.mark.parametrize("arguments", [(1,), (1, 3), (1, 3, "n"), (1, 3, "n", [4])])
def test_made_compared_and_shown_like_a_dataclass(arguments: tuple[Any, ...]) -> None:
    one, plain = Point(*arguments), Plain(*arguments)
    assert [getattr(one, each.name) for each in fields(one)] == [getattr(plain, each.name) for each in fields(plain)]
    assert repr(one) == repr(plain).replace("Plain", "Point")
    assert hash(one) == hash(plain)
    assert one == Point(*arguments) and one != Point(99)
    assert one != plain and (one == 1) is False


def test_what_is_left_out_of_comparison_makes_no_difference() -> None:
    assert Point(1, note="a") == Point(1, note="b")
    assert Point(1, seen=[1]) != Point(1, seen=[2])
    assert len({Empty(), Empty()}) == 1 and Single(1) == Single(1) != Single(2)


def test_an_entity_is_itself_alone() -> None:
    one, alike = Row(1), Row(1)
    assert one == one and one != alike and len({one, alike}) == 2 and replace(one) != one
    assert repr(one) == repr(alike) == "Row(number=1, said=[])" and pickle.loads(pickle.dumps(one)).number == 1
    with pytest.raises(FrozenInstanceError):
        one.number = 2  # type: ignore[misc]


def test_each_has_its_own_list() -> None:
    first, second = Point(1), Point(1)
    first.seen.append(1)
    assert second.seen == []


def test_it_cannot_be_changed_and_takes_no_other_field() -> None:
    point = Point(1)
    with pytest.raises(FrozenInstanceError):
        point.x = 3  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del point.x
    with pytest.raises((FrozenInstanceError, AttributeError)):
        point.other = 3  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Point(1, z=2)  # type: ignore[call-arg]


def test_replace_match_and_pickle_work() -> None:
    point = replace(Point(1), y=5)
    match point:
        case Point(1, y):
            assert y == 5
        case _:
            raise AssertionError
    assert is_dataclass(Point)
    for one in (point, Empty(), Single((1, 2)), Single(None)):
        assert pickle.loads(pickle.dumps(one)) == one
