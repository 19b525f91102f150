"""Links between articles that a user has decided: a small YAML file, and what it says about two texts.

In: the text of the file, and both documents. Out: pins, and a diagnostic for each place that is not in its text. The
file is a list of `{old: Art. 18, new: [Art. 18, Art. 19]}`; an empty side says that an article is new or dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import yaml

from policyengine.base.diagnostic import Diagnostic, Note, did_you_mean, error, in_order, shorten
from policyengine.base.source import Span
from policyengine.documents.model import Document
from policyengine.documents.numbering import read_citation

Pin = tuple[tuple[str, ...], tuple[str, ...]]
"""Places of the old text, and the places of the new one that they became."""

_EXAMPLE: Final = (Note("a pin reads `- {old: Art. 18, new: [Art. 18, Art. 19]}`"),)


def pinned_links(pins: Sequence[Pin], old: Document, new: Document) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The pins as numbers of articles. A pin with a place that is not there, or that another has taken, is passed over.
    """
    olds, news = _numbers(old), _numbers(new)
    taken: set[tuple[bool, int]] = set()
    found: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for left, right in pins:
        before, after = [olds.get(_place(one)) for one in left], [news.get(_place(one)) for one in right]
        if None in before or None in after or (not before and not after):
            continue
        link = (tuple(sorted({n for n in before if n is not None})), tuple(sorted({n for n in after if n is not None})))
        named = {*((False, number) for number in link[0]), *((True, number) for number in link[1])}
        if taken.isdisjoint(named):
            taken |= named
            found.append(link)
    return found


def read_pins(path: str, text: str, old: Document, new: Document) -> tuple[tuple[Pin, ...], tuple[Diagnostic, ...]]:
    """The pins of a file; `path` is the name used in spans. What is wrong is left out and reported."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as wrong:
        mark = getattr(wrong, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = shorten(getattr(wrong, "problem", None) or "it is nested too deeply")
        return (), (error("bad-pins", f"the file is no YAML: {problem}", Span(path, line, column, line, column)),)
    if root is None:
        return (), ()
    if not isinstance(root, yaml.SequenceNode):
        return (), (error("bad-pins", "the file is no list of pins", _span(path, root), notes=_EXAMPLE),)
    pins: list[Pin] = []
    found: list[Diagnostic] = []
    taken: dict[tuple[str, str], Span] = {}
    for node in root.value:
        sides = _sides(path, node, found)
        if sides is None:
            continue
        good = True
        places: list[tuple[str, ...]] = []
        for name, document, values in (("old", old, sides[0]), ("new", new, sides[1])):
            known = {unit.place: unit for unit in document.articles()}
            named: list[str] = []
            for value in values:
                place, span = _place(value.value), _span(path, value)
                if place not in known:
                    found.append(error("unknown-article", f"the {name} text has no article `{shorten(value.value)}`",
                                       span, help=did_you_mean(place, known)))
                    good = False
                elif (name, place) in taken:
                    found.append(error("pinned-twice", f"`{place}` of the {name} text is pinned twice", span,
                                       notes=(Note("the first stands here", taken[name, place]),)))
                    good = False
                else:
                    taken[name, place] = span
                    named.append(place)
            places.append(tuple(named))
        if good:
            pins.append((places[0], places[1]))
    return tuple(pins), in_order(found)


def _sides(path: str, node: yaml.Node, found: list[Diagnostic]) \
        -> tuple[list[yaml.ScalarNode], list[yaml.ScalarNode]] | None:
    """The scalars under `old` and `new` of one pin."""
    span = _span(path, node)
    if not isinstance(node, yaml.MappingNode):
        found.append(error("bad-pins", "this is no pin", span, notes=_EXAMPLE))
        return None
    sides: dict[str, list[yaml.ScalarNode]] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        values = value.value if isinstance(value, yaml.SequenceNode) else \
            [] if isinstance(value, yaml.ScalarNode) and value.value in ("", "null", "~") else [value]
        if name not in ("old", "new") or name in sides:
            found.append(error("bad-pins", f"a pin has `old` and `new`, not `{shorten(str(name))}`", _span(path, key),
                               notes=_EXAMPLE, help=did_you_mean(str(name), ("old", "new"))))
            return None
        if not all(isinstance(one, yaml.ScalarNode) for one in values):
            found.append(error("bad-pins", f"`{name}` is no article or list of articles", _span(path, value),
                               notes=_EXAMPLE))
            return None
        sides[name] = values
    if not sides.get("old") and not sides.get("new"):
        found.append(error("bad-pins", "the pin names no article", span, notes=_EXAMPLE))
        return None
    return sides.get("old", []), sides.get("new", [])


def _span(path: str, node: yaml.Node) -> Span:
    start, end = node.start_mark, node.end_mark
    if end.line > start.line:  # the first line says enough
        return Span(path, start.line + 1, start.column + 1, start.line + 1, start.column + 2)
    return Span(path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _place(name: str) -> str:
    """The canonical spelling of an article's name in either language."""
    return read_citation(name) or " ".join(name.split())


def _numbers(document: Document) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, unit in enumerate(document.articles()):
        found.setdefault(unit.place, number)
    return found
