"""Whatever the input: one value in every format, the two YAML readings agree, places point at their text, and bytes
that nobody meant as input give diagnostics and never an exception."""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policyengine.base.source import Source, Span
from policyengine.facts import yaml_profile
from policyengine.facts.read import SUFFIXES, Document, positions, read_bytes, read_text
from policyengine.trace.files.read import READERS, read_events

# What each of the three formats can write: TOML and JSON escape control characters, YAML needs them escaped too.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from([
    "no", "on", "012", "1e3", "0o7", "0x1F", "12:30:00", "2026-04-10", "~", "null", "<<", "", ".inf", "- a", "a: b",
    "#", "&a", "*a", "!x", "é",
    "人工智能", "😀", "a\nb", "a\n\n b ", "\u2028", "\x85", "\t", "'", '"', "\\", "true", "---"])
WHOLE = st.integers(-10**18 + 1, 10**18 - 1)
PART = st.decimals(-10**8, 10**8, places=4, allow_nan=False, allow_infinity=False).map(lambda one: one + 0)
SCALAR = TEXT | WHOLE | PART | st.booleans()
KEYS = TEXT.filter(lambda key: len(key) < 100)


def nested(scalar: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    inner = st.recursive(scalar, lambda one: st.lists(one, max_size=4) | st.dictionaries(KEYS, one, max_size=4),
                         max_leaves=12)
    return st.dictionaries(KEYS, inner, min_size=1, max_size=5)


class Dumper(yaml.SafeDumper):
    """PyYAML's dumper with the scalars of YAML 1.2, so that it quotes `1e3` and need not quote `no`."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML copies it before it adds


Dumper.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|$"), None)
Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), None)
Dumper.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$|0o[0-7]+$|0x[0-9a-fA-F]+$"), None)
Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"), None)
Dumper.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile("<<$"), None)
Dumper.add_representer(Decimal, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", f"{value:f}"))


def to_yaml(value: Any, *, flow: bool, quote: str | None, unicode: bool) -> str:
    class Styled(Dumper):
        def represent_str(self, data: str) -> yaml.ScalarNode:
            return self.represent_scalar("tag:yaml.org,2002:str", data, style=quote)

    Styled.add_representer(str, Styled.represent_str)
    return str(yaml.dump(value, Dumper=Styled, default_flow_style=flow, allow_unicode=unicode, sort_keys=False))


def to_json(value: Any, *, ascii: bool = False) -> str:
    match value:
        case dict():
            entries = (f"{to_json(key, ascii=ascii)}: {to_json(item, ascii=ascii)}" for key, item in value.items())
            return "{" + ", ".join(entries) + "}"
        case list():
            return "[\n" + ",\n".join(to_json(one, ascii=ascii) for one in value) + "]"
        case Decimal():
            return f"{value:f}"
    return json.dumps(value, ensure_ascii=ascii)


def toml_text(value: str) -> str:
    return '"' + "".join(f"\\U{ord(c):08x}" if c in '"\\' or ord(c) < 32 or ord(c) == 127 else c for c in value) + '"'


def toml_value(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{toml_text(k)} = {toml_value(v)}" for k, v in value.items()) + "}"
        case list():
            return "[\n" + ",\n".join(toml_value(one) for one in value) + "]"
        case bool():
            return "true" if value else "false"
        case str():
            return toml_text(value)
        case Decimal():
            return f"{value:f}"
    return str(value)


def to_toml(value: dict[str, Any], prefix: str = "") -> str:
    """Scalars and lists first, then each mapping as a table with its header."""
    lines = [f"{toml_text(k)} = {toml_value(v)}\n" for k, v in value.items() if not isinstance(v, dict)]
    for key, item in value.items():
        if isinstance(item, dict):
            lines.append(f"[{prefix}{toml_text(key)}]  # table\n{to_toml(item, f'{prefix}{toml_text(key)}.')}")
    return "".join(lines)


def typed(value: Any) -> Any:
    """Equality that tells True from 1 and 1 from Decimal(1)."""
    match value:
        case dict():
            return {key: typed(item) for key, item in value.items()}
        case list():
            return [typed(item) for item in value]
    return type(value).__name__, value


def one_document(path: str, text: str) -> Document:
    documents, problems = read_text(path, text)
    assert problems == (), (text, problems)
    (document,) = documents
    return document


STYLES = st.fixed_dictionaries({
    "flow": st.booleans(), "quote": st.sampled_from([None, '"', "'"]), "unicode": st.booleans()})


def has_break(text: str) -> bool:
    return any(char in text for char in "\x85\u2028\u2029")


@given(nested(SCALAR | st.none()), STYLES, st.booleans())
def test_yaml_and_json_agree(value: dict[str, Any], style: dict[str, Any], ascii: bool) -> None:
    read = one_document("a.json", to_json(value, ascii=ascii))
    assert typed(read.value) == typed(value)
    text = to_yaml(value, **style)
    if not has_break(text):
        assert typed(one_document("a.yaml", text).value) == typed(value)


@given(nested(SCALAR))
def test_toml_agrees(value: dict[str, Any]) -> None:
    assert typed(one_document("a.toml", to_toml(value)).value) == typed(value)


def slice_of(document: Document, span: Span) -> str:
    source = Source(document.path, document.text)
    return document.text[source.offset(span.line, span.column):source.offset(span.end_line, span.end_column)]


def each(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in items:
        yield from each(item, (*path, step))


REREAD = {
    "yaml": lambda text: one_document("a.yaml", f"k: {text}").value["k"],
    "json": lambda text: one_document("a.json", f'{{"k": {text}}}').value["k"],
    "toml": lambda text: one_document("a.toml", f"k = {text}").value["k"],
}


def check_places(document: Document) -> None:
    places = positions(document)
    for path, value in each(document.value):
        span = places.value(path)
        assert span is not None
        text = slice_of(document, span)
        if not isinstance(value, dict | list):
            assert typed(REREAD[document.format](text)) == typed(value)
        if path and isinstance(path[-1], str):
            key = places.key(path)
            assert key is not None
            shown = slice_of(document, key)
            if document.format == "toml":
                assert one_document("a.toml", f"{shown} = 1").value == {path[-1]: 1}
            else:
                assert REREAD[document.format](shown) == path[-1]
        elif path:
            assert places.key(path) is None
        assert places.nearest((*path, "absent", 0)).path == document.path
        assert places.value((*path, "no such key")) is None


@given(nested(SCALAR | st.none()), STYLES, st.booleans())
def test_places_point_at_their_text(value: dict[str, Any], style: dict[str, Any], ascii: bool) -> None:
    check_places(one_document("a.json", to_json(value, ascii=ascii)))
    text = to_yaml(value, **style)
    if not has_break(text) and "*id" not in text:
        check_places(one_document("a.yaml", text))


@given(nested(SCALAR))
def test_places_of_toml(value: dict[str, Any]) -> None:
    check_places(one_document("a.toml", to_toml(value)))


YAMLISH = st.lists(st.sampled_from([
    "a", "b", "012", "1", "1.5", "~", "no", "<<", ": ", ":", "- ", "? ", "\n", "\n  ", "\n    ", "[", "]", "{", "}",
    ", ", "&x ", "*x", "!!str ", "!!int ", "!t ", "! ", "|\n", '"', "'", "#", " ", "---\n", "...\n", "%YAML 1.1\n",
    ".inf", "\x85", "\ufeff", "\t", "\r\n", "人"]), max_size=25).map("".join)


@settings(max_examples=400)
@given(YAMLISH)
@example("a: &x [1]\nb: *x\n")
@example("! a: ! 1\n")
def test_the_two_yaml_readings_agree(text: str) -> None:
    found, problems = yaml_profile.read("a.yaml", text)
    try:
        values = yaml_profile.load(text)
    except (yaml_profile.Unusual, yaml.YAMLError):
        for one in found:
            assert one.diagnostics or isinstance(one.value, dict)
    else:
        assert problems == () and all(one.diagnostics == () for one in found)
        assert typed(values) == typed([one.value for one in found])
    documents, said = read_text("a.yaml", text)
    assert documents or said
    assert all(one.span is not None for one in said)


def damaged() -> st.SearchStrategy[bytes]:
    whole = st.sampled_from([
        b'{"a": [1, 2.5, "\\u4f60"], "b": {"c": null}}', b"a: [1, {b: c}]\nd: |\n  e\nf: &g {h: 1}\ni: *g\n",
        b'a = 1\n[b]\nc = "d"\n[[e]]\nf = [1, {g = 2}]\n', "a: 人\n".encode(), b"type,time\nx,2026-01-01T00:00:00Z\n",
        b'{"type": "x", "time": "2026-01-01T00:00:00Z", "id": "1"}\n' * 2])

    def damage(data: bytes, at: int, cut: int, put: bytes) -> bytes:
        at %= len(data)
        return data[:at] + put + data[at + cut:]

    return st.builds(damage, whole, st.integers(0, 200), st.integers(0, 5), st.binary(max_size=4))


@settings(max_examples=300)
@given(st.binary(max_size=60) | damaged())
@example(b"\xff\xfea\0")
@example(b"[" * 3000)
@example(b"a: " + b"[" * 3000)
@example(b"a = " + b"[" * 3000)
@example(b"a = 0x" + b"1" * 6000)
@example(b"a = 1e99999999999999999999")
@example(b'{"a": 1e99999999999999999999}')
def test_no_bytes_raise(data: bytes) -> None:
    for suffix in SUFFIXES:
        documents, problems = read_bytes(f"a{suffix}", data)
        assert documents or problems
        for document in documents:
            positions(document).nearest(("x",))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | damaged(), st.booleans())
@example(b'type,time\n"a', False)
@example(b"\x1f\x8b\x08\x00", True)
@example(b"[" * 3000, False)
@example(b"type,time\n\xff,\0\n", False)
def test_no_bytes_raise_as_events(data: bytes, pack: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for suffix in READERS:
            for name, content in ((f"a{suffix}", data), (f"a{suffix}.gz", gzip.compress(data) if pack else data)):
                path = Path(folder, name)
                path.write_bytes(content)
                events, problems = read_events(path)
                assert events or problems
