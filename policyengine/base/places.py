"""Where the values of one read document stand in its text.

A reader makes a tree of `Place`s beside the values; `Positions` answers with spans. Nothing here knows a file format.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from policyengine.base.record import record
from policyengine.base.source import Source, Span

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Place:
    """One value: code point offsets of its text, and of its key where it has one (-1 where not).

    `children` is shared by a YAML anchor and its aliases, so that an expanded alias costs nothing.
    """

    start: int
    end: int
    key_start: int = -1
    key_end: int = -1
    children: dict[str | int, Place] = field(default_factory=dict)

    def child(self, step: str | int) -> Place | None:
        """The value at a key or an index, if there is one. A reader may find it only now."""
        return self.children.get(step)


@record
class Positions:
    """The spans of one document by path: `("service", "channels", 0, "kind")`; `()` is the whole document."""

    source: Source
    root: Place

    def value(self, path: Path) -> Span | None:
        """The text of the value at a path; None where the document has none."""
        place, found = self._walk(path)
        return self.source.span(place.start, place.end) if found == len(path) else None

    def key(self, path: Path) -> Span | None:
        """The text of the key at a path; None for an item of a list, the document itself and an absent path."""
        place, found = self._walk(path)
        return self._key(place) if found == len(path) else None

    def nearest(self, path: Path) -> Span:
        """The value at a path; for an absent path the key of the nearest parent that is there, or the first line of
        that parent where it has no key."""
        place, found = self._walk(path)
        if found == len(path):
            return self.source.span(place.start, place.end)
        key = self._key(place)
        if key is not None:
            return key
        line_end = self.source.text.find("\n", place.start)
        end = place.end if line_end < 0 else min(place.end, line_end)
        return self.source.span(place.start, max(end, place.start))

    def _key(self, place: Place) -> Span | None:
        return self.source.span(place.key_start, place.key_end) if place.key_start >= 0 else None

    def _walk(self, path: Path) -> tuple[Place, int]:
        place = self.root
        for depth, step in enumerate(path):
            child = place.child(step)
            if child is None:
                return place, depth
            place = child
        return place, len(path)


def dotted(path: tuple[str | int, ...]) -> str:
    """`service.channels[0].kind`; list positions count from 0, as in the file formats."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
