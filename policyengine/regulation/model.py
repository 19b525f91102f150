"""What `regulation.yaml` says: the instrument, where and by which clock it holds, and its versions.

In: the text of one `regulation.yaml`. Out: a `Regulation` of frozen values, and a diagnostic with line and column for
every mistake. It does not open the articles (`text.py`), decides nothing about which version holds (`versions.py`), and
knows neither policies nor cases. A `check` loads it, so it imports nothing heavier than PyYAML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import yaml

from policyengine.base.diagnostic import Diagnostic, Note, did_you_mean, error, has_errors, in_order, shorten
from policyengine.base.instants import parse_date, zone_info
from policyengine.base.record import record
from policyengine.base.source import Span

FILE: Final = "regulation.yaml"

Status = Literal["draft", "final"]
DayOff = Literal["stands", "moves"]


@record
class Title:
    """A text in English and Chinese; `zh` is empty where there is none."""

    en: str
    zh: str = ""


@record
class Issuer:
    """An authority that issued a version; `id` is its usual short name, such as CAC."""

    id: str
    en: str
    zh: str = ""


@record
class Version:
    """One text of a regulation. All dates are days in the regulation's time zone; `effective_to` is the last day in
    force. A draft has neither `effective_from` nor `effective_to`. `label` is also the name of the version's folder."""

    label: str
    status: Status
    title: Title
    issuers: tuple[Issuer, ...]
    published: date
    comments_until: date | None
    adopted: date | None
    effective_from: date | None
    effective_to: date | None
    order: str
    sources: tuple[str, ...]
    span: Span = field(compare=False)


@record
class Regulation:
    """One instrument and its versions, in the order published.

    `timezone` is an IANA name, `calendar` names the calendar of days off, `vocabulary` the facts and events its rules
    speak of. `period_end_on_day_off` says whether a legal period that ends on a day off `stands` or `moves` to the next
    working day. `confidence` is what every report must say about how sure the encoding is.
    """

    id: str
    title: Title
    jurisdiction: str
    timezone: str
    calendar: str
    period_end_on_day_off: DayOff
    vocabulary: str
    confidence: Title
    versions: tuple[Version, ...]
    span: Span = field(compare=False)


def load_regulation(folder: str | Path) -> tuple[Regulation | None, tuple[Diagnostic, ...]]:
    """Read `regulation.yaml` in `folder`. None when it is absent or says something that cannot be used.

    Raises OSError when the file is there and cannot be read.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return None, (error("no-regulation", f"`{shorten(str(folder))}` has no `{FILE}`"),)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None, (error("not-utf8", f"`{shorten(str(path))}` is not UTF-8"),)
    return read_regulation(str(path), text)


def read_regulation(path: str, text: str) -> tuple[Regulation | None, tuple[Diagnostic, ...]]:
    """The regulation that `text` describes; `path` is only the name used in spans. None when there is any error."""
    root, found = _compose(path, text)
    if root is None:
        return None, found
    reader = _Reader(path)
    values = reader.mapping(root, "a regulation", _REGULATION)
    found = (*found, *reader.found)
    if values is None or has_errors(found):
        return None, in_order(found)
    versions: tuple[Version, ...] = tuple(
        Version(**{**version, "title": version["title"] or values["title"]}) for version in values.pop("versions"))
    found = _check_versions(versions)
    if has_errors(found):
        return None, in_order(found)
    by_date = tuple(sorted(versions, key=lambda v: (v.published, v.label)))
    return Regulation(**values, versions=by_date), ()


def _compose(path: str, text: str) -> tuple[yaml.Node | None, tuple[Diagnostic, ...]]:
    # Nodes and not values: every place is kept, and `2026-04-10` stays text until a field says that it is a date.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    whole = Span(path, 1, 1, 1, 1)
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        place = Span(path, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2) if mark else whole
        said = ", ".join(part for part in (problem.context, problem.problem) if part)
        return None, (error("syntax", f"cannot read this YAML: {said}", place),)
    except (yaml.YAMLError, RecursionError) as problem:
        return None, (error("syntax", f"cannot read this YAML: {shorten(str(problem).splitlines()[0], 120)}", whole),)
    if root is None:
        return None, (error("missing-key", "a regulation needs `id`; the file is empty", whole),)
    return root, ()


Read = Callable[["_Reader", yaml.Node, str], Any]


class _Field(NamedTuple):
    read: Read
    required: bool = True
    absent: object = None


class _Reader:
    """Turns nodes into values and collects what was wrong; a value that was wrong is None."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.found: list[Diagnostic] = []

    def span(self, node: yaml.Node) -> Span:
        start, end = node.start_mark, node.end_mark
        return Span(self.path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def wrong(self, name: str, message: str, node: yaml.Node, label: str = "", *, help: str = "") -> None:
        span = self.span(node)
        if not isinstance(node, yaml.ScalarNode):  # a whole mapping is no smallest place; its first line is
            span = Span(self.path, span.line, span.column, span.line, span.column + 1)
        self.found.append(error(name, message, span, label, help=help))

    def mapping(self, node: yaml.Node, what: str, fields: Mapping[str, _Field]) -> dict[str, Any] | None:
        """The values of the known keys, and `span`. None only when `node` is no mapping."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong("wrong-type", f"expected {what} with keys, found {_kind(node)}", node)
            return None
        given: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in fields:
                self.wrong("unknown-key", f"{what} has no key `{shorten(name)}`", key, "unknown key",
                           help=did_you_mean(name, fields))
            elif name in given:
                first = Note(f"`{name}` stands here first", self.span(given[name][0]))
                self.found.append(error("duplicate-key", f"`{name}` is given twice", self.span(key), notes=(first,)))
            else:
                given[name] = (key, value)
        values: dict[str, Any] = {}
        for name, wanted in fields.items():
            pair = given.get(name)
            if pair is not None and not _is_null(pair[1]):
                values[name] = wanted.read(self, pair[1], name)
                continue
            values[name] = wanted.absent
            if wanted.required:
                self.wrong("missing-key", f"{what} needs `{name}`", pair[0] if pair else node)
        start = node.value[0][0] if node.value else node
        return {**values, "span": self.span(start)}

    def sequence(self, node: yaml.Node, name: str, read: Read) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode):
            self.wrong("wrong-type", f"`{name}` is a list, found {_kind(node)}", node)
            return ()
        if not node.value:
            self.wrong("missing-key", f"`{name}` has no entry", node)
        return tuple(read(self, item, name) for item in node.value)


def _kind(node: yaml.Node) -> str:
    match node:
        case yaml.MappingNode():
            return "keys and values"
        case yaml.SequenceNode():
            return "a list"
        case _:
            return f"`{shorten(str(node.value))}`" if node.value else "nothing"


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _text(reader: _Reader, node: yaml.Node, name: str) -> str | None:
    if isinstance(node, yaml.ScalarNode) and node.value.strip():
        return str(node.value)
    reader.wrong("wrong-type", f"`{name}` is a text, found {_kind(node)}", node)
    return None


def _texts(reader: _Reader, node: yaml.Node, name: str) -> tuple[Any, ...]:
    return reader.sequence(node, name, _text)


def _date(reader: _Reader, node: yaml.Node, name: str) -> date | None:
    if not isinstance(node, yaml.ScalarNode):
        reader.wrong("bad-date", f"`{name}` is a date such as `2026-04-10`, found {_kind(node)}", node)
        return None
    try:
        return parse_date(node.value)
    except ValueError as problem:
        reader.wrong("bad-date", str(problem), node, f"`{name}`")
        return None


def _one_of(*allowed: str) -> Read:
    def read(reader: _Reader, node: yaml.Node, name: str) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.value in allowed:
            return str(node.value)
        known = " or ".join(f"`{word}`" for word in allowed)
        reader.wrong("unknown-value", f"`{name}` is {known}, found {_kind(node)}", node,
                     help=did_you_mean(str(node.value), allowed) if isinstance(node, yaml.ScalarNode) else "")
        return None
    return read


def _zone(reader: _Reader, node: yaml.Node, name: str) -> str | None:
    text = _text(reader, node, name)
    if text is None:
        return None
    try:
        return zone_info(text).key
    except ValueError as problem:
        reader.wrong("unknown-value", str(problem), node)
        return None


def _title(reader: _Reader, node: yaml.Node, name: str) -> Title | None:
    values = reader.mapping(node, f"`{name}`", _TITLE)
    return Title(values["en"], values["zh"]) if values else None


def _issuers(reader: _Reader, node: yaml.Node, name: str) -> tuple[Any, ...]:
    def read(reader: _Reader, item: yaml.Node, _: str) -> Issuer | None:
        values = reader.mapping(item, "an issuer", _ISSUER)
        return Issuer(values["id"], values["en"], values["zh"]) if values else None
    return reader.sequence(node, name, read)


def _versions(reader: _Reader, node: yaml.Node, name: str) -> tuple[Any, ...]:
    return reader.sequence(node, name, lambda r, item, _: r.mapping(item, "a version", _VERSION))


_OPTIONAL_TEXT: Final = _Field(_text, False, "")
_TITLE: Final = {"en": _Field(_text), "zh": _OPTIONAL_TEXT}
_ISSUER: Final = {"id": _Field(_text), **_TITLE}
_VERSION: Final = {
    "label": _Field(_text),
    "status": _Field(_one_of("draft", "final")),
    "title": _Field(_title, False),
    "issuers": _Field(_issuers),
    "order": _OPTIONAL_TEXT,
    "adopted": _Field(_date, False),
    "published": _Field(_date),
    "comments_until": _Field(_date, False),
    "effective_from": _Field(_date, False),
    "effective_to": _Field(_date, False),
    "sources": _Field(_texts),
}
_REGULATION: Final = {
    "id": _Field(_text),
    "title": _Field(_title),
    "jurisdiction": _Field(_text),
    "timezone": _Field(_zone),
    "calendar": _Field(_text),
    "period_end_on_day_off": _Field(_one_of("stands", "moves")),
    "vocabulary": _Field(_text),
    "confidence": _Field(_title),
    "versions": _Field(_versions),
}


def _check_versions(versions: tuple[Version, ...]) -> tuple[Diagnostic, ...]:
    """What each version, and the versions together, must not say."""
    found: list[Diagnostic] = []
    labels: dict[str, Version] = {}
    for version in versions:
        if (reserved := _reserved(version.label)) is not None:
            found.append(error("reserved-label", f"a version cannot be called `{shorten(version.label)}`, {reserved}",
                               version.span))
        if (first := labels.setdefault(version.label, version)) is not version:
            found.append(error("duplicate-version", f"two versions are called `{shorten(version.label)}`", version.span,
                               notes=(Note("the first stands here", first.span),)))
        found += [error("version-dates", f"version `{shorten(version.label)}` {wrong}", version.span)
                  for wrong in _wrong_dates(version)]
    final = [v for v in versions if v.status == "final" and v.effective_from]
    for one, other in combinations(sorted(final, key=lambda v: (v.effective_from or date.max, v.label)), 2):
        if one.effective_to is None or (other.effective_from or date.max) <= one.effective_to:
            found.append(error(
                "overlapping-versions", f"versions `{one.label}` and `{other.label}` are in force on the same days",
                other.span, notes=(Note("the earlier one stands here", one.span),),
                help=f"give `{one.label}` an `effective_to`, the last day it is in force"))
    return tuple(found)


def _reserved(label: str) -> str | None:
    # `--version` takes a status, a date or a label; a label must not be able to mean one of the others
    if label in ("draft", "final"):
        return "which names the latest version of that status"
    if label in (".", "..") or "/" in label or "\\" in label:
        return "it is also the name of a folder"
    try:
        parse_date(label)
    except ValueError:
        return None
    return "which is a date"


def _wrong_dates(version: Version) -> list[str]:
    wrong = []
    if version.status == "draft" and (version.effective_from or version.effective_to):
        wrong.append("is a draft and cannot be in force")
    if version.effective_to and not version.effective_from:
        wrong.append("has an `effective_to` and no `effective_from`")
    if version.effective_from and version.effective_to and version.effective_to < version.effective_from:
        wrong.append("ends before it starts")
    if version.comments_until and version.comments_until < version.published:
        wrong.append("closes for comments before it is published")
    if version.adopted and version.adopted > version.published:
        wrong.append("is published before it is adopted")
    return wrong
