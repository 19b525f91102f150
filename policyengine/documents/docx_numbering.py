"""Automatic numbering of a word processor's file: numbering.xml in, the number of each paragraph as printed out.

A `Numbering` counts as it is asked, paragraph after paragraph in the order written. It knows nothing of styles, tracked
changes or which paragraphs there are: whoever asks has settled that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from policyengine.documents.numerals import numeral

MAX_LEVEL = 8  # levels are 0 to 8


def local(element: Element) -> str:
    """The name of an element without its namespace: the two dialects of the format differ in nothing else here."""
    return element.tag.rpartition("}")[2]


def child(element: Element | None, *names: str) -> Element | None:
    """The first child of the first child … that is called so."""
    for name in names:
        element = next((one for one in element if local(one) == name), None) if element is not None else None
    return element


def attribute(element: Element | None, name: str) -> str | None:
    """The attribute of that name, whatever its namespace."""
    if element is None:
        return None
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def value_of(element: Element | None, *names: str) -> str | None:
    """The `val` of the child found by `names`."""
    return attribute(child(element, *names), "val")


def whole(text: str | None, default: int) -> int:
    """A whole number of a sane size, or the default."""
    return int(text) if text and re.fullmatch(r"-?\d{1,7}", text, re.ASCII) else default


@dataclass(frozen=True, slots=True)
class _Level:
    """How one level counts: `template` as `第%1条`; it begins anew after a level above `restart` (0: never)."""

    format: str
    template: str
    start: int
    suffix: str
    restart: int
    legal: bool
    style: str


@dataclass(slots=True)
class _List:
    """A list as it counts: one for all numbers that share an abstract definition."""

    levels: dict[int, _Level]
    counts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """The lists of one file, counting from the start of its text."""

    def __init__(self, root: Element | None) -> None:
        self.abstract: dict[str, _List] = {}
        self.numbers: dict[str, tuple[_List, dict[int, _Level], dict[int, int]]] = {}
        self.begun: set[tuple[str, int]] = set()
        self.by_style: dict[tuple[str, str], int] = {}
        if root is not None:
            self._read(root)

    def _read(self, root: Element) -> None:
        linked: dict[str, str] = {}  # a style of numbering -> the definition that carries its levels
        links: dict[str, str] = {}  # a definition that has none of its own -> the style of numbering
        for one in root:
            if local(one) == "abstractNum":
                name = attribute(one, "abstractNumId") or ""
                self.abstract[name] = _List(_levels(one))
                if style := value_of(one, "styleLink"):
                    linked[style] = name
                if style := value_of(one, "numStyleLink"):
                    links[name] = style
        for name, style in links.items():
            if style in linked:
                self.abstract[name] = self.abstract[linked[style]]
        for one in root:
            if local(one) == "num" and (shared := self.abstract.get(value_of(one, "abstractNumId") or "")):
                levels, starts = dict(shared.levels), {}
                for change in one:
                    if local(change) == "lvlOverride":
                        depth = whole(attribute(change, "ilvl"), 0)
                        levels |= _levels(change)
                        if start := value_of(change, "startOverride"):
                            starts[depth] = whole(start, 1)
                number = attribute(one, "numId") or ""
                self.numbers[number] = (shared, levels, starts)
                for depth, level in levels.items():
                    if level.style:
                        self.by_style.setdefault((number, level.style), depth)

    def next(self, number: str, depth: int | None, style: str = "") -> str:
        """The number of the next paragraph of the list `number` at that depth (0-based; None: the one that belongs to
        the paragraph's style, else the first), with what separates it from the text; empty where none is printed."""
        if number not in self.numbers:
            return ""  # numId 0 takes numbering away
        shared, levels, starts = self.numbers[number]
        if depth is None:
            depth = self.by_style.get((number, style), 0)
        depth = max(0, min(depth, MAX_LEVEL))
        level = levels.get(depth)
        if level is None:
            return ""
        counts = shared.counts
        if depth in starts and (number, depth) not in self.begun:
            counts[depth] = starts[depth]
        elif depth in counts:
            counts[depth] += 1
        else:
            counts[depth] = level.start
        self.begun.add((number, depth))
        for deeper in [one for one in counts if one > depth]:
            restart = levels[deeper].restart if deeper in levels else deeper
            if restart and depth < restart:
                del counts[deeper]
        if level.format in ("bullet", "none") and "%" not in level.template:
            return "" if level.format == "bullet" else _joined(level.template, level)

        def written(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            other = levels.get(at)
            if other is None or other.format in ("none", "bullet"):
                return ""
            form = "decimal" if level.legal else other.format
            return numeral(counts.get(at, other.start), form)

        return _joined(re.sub(r"%([1-9])", written, level.template), level)


def _joined(text: str, level: _Level) -> str:
    return text if level.suffix == "nothing" or not text else text + " "


def _levels(parent: Element) -> dict[int, _Level]:
    found = {}
    for one in parent:
        if local(one) == "lvl":
            depth = whole(attribute(one, "ilvl"), 0)
            legal = child(one, "isLgl")
            found[depth] = _Level(
                # Word writes formats of later versions as an alternative beside the older one
                format=value_of(one, "numFmt") or value_of(one, "AlternateContent", "Choice", "numFmt") or "decimal",
                template=value_of(one, "lvlText") or "", start=whole(value_of(one, "start"), 0),
                suffix=value_of(one, "suff") or "tab", restart=whole(value_of(one, "lvlRestart"), depth),
                legal=legal is not None and attribute(legal, "val") not in ("0", "false", "off"),
                style=value_of(one, "pStyle") or "")
    return found
