"""What stands for the values of keys in a monitor's tables: the value itself where there is one key, else a tuple.

Most rules have one key. A table by the values themselves is read in half the time of one by tuples, of which each is
made to be looked up, and looked into to be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

Key = Any
"""The values of keys."""

Values = tuple[Any, ...]


def key_of(values: Sequence[Any]) -> Key:
    """What stands for these values."""
    return values[0] if len(values) == 1 else tuple(values)


def values_of(key: Key, keys: Sequence[str]) -> Values:
    """The values for which that stands, of these keys."""
    values: Values = (key,) if len(keys) == 1 else key
    return values


def named(key: Key, keys: Sequence[str]) -> dict[str, Any]:
    """The values by their keys."""
    return dict(zip(keys, values_of(key, keys), strict=True))


def reader(keys: Sequence[str]) -> Callable[[Mapping[str, Any]], Key]:
    """What reads the key of a row from its fields, None for each that is missing."""
    if len(keys) == 1:
        (only,) = keys
        return lambda fields: fields.get(only)
    return lambda fields: tuple(map(fields.get, keys))


def part_reader(keys: Sequence[str], wanted: Sequence[str]) -> Callable[[Key], Key]:
    """What takes from the key of `keys` that of some of them."""
    if tuple(keys) == tuple(wanted):
        return lambda key: key
    if not wanted:
        return lambda key: ()
    return itemgetter(*[keys.index(one) for one in wanted])
