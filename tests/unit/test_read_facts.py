"""What the facts reader refuses, each with its exact place, and which files the arguments of a command name."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from policyengine.base.diagnostic import Diagnostic
from policyengine.base.scalars import MAX_DEPTH
from policyengine.facts import read, yaml_profile
from policyengine.facts.read import positions, read_bytes, read_file, read_text
from policyengine.workspace.files import expand_inputs


def places(problems: tuple[Diagnostic, ...]) -> list[str]:
    """`name line:column-end` of each, and `<- line:column` for each note with a place."""
    shown = []
    for one in problems:
        span = one.span
        assert span is not None
        end = f"{span.end_column}" if span.end_line == span.line else f"{span.end_line}:{span.end_column}"
        notes = "".join(f" <- {note.span.line}:{note.span.column}" for note in one.notes if note.span)
        shown.append(f"{one.name} {span.line}:{span.column}-{end}{notes}")
    return shown


DEEP = MAX_DEPTH + 1
BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True))

REFUSED: list[tuple[str, str, list[str]]] = [
    # YAML: keys
    ("f.yaml", "a: 1\nb:\n  a: 2\n  c: 3\n  a: 4\n", ["duplicate-key 5:3-4 <- 3:3"]),
    ("f.yaml", "a: 1\n'a': 2\n", ["duplicate-key 2:1-4 <- 1:1"]),
    ("f.yaml", "12: x\n", ["key-not-text 1:1-3"]),
    ("f.yaml", "s:\n  true: x\n  ~: y\n", ["key-not-text 2:3-7", "key-not-text 3:3-4"]),
    ("f.yaml", "? [1]\n: 2\n", ["key-not-text 1:3-6"]),
    ("f.yaml", "a: &x {b: 1}\nc:\n  <<: *x\n", ["merge-key 3:3-5"]),
    ("f.yaml", "<<: {a: 1}\n", ["merge-key 1:1-3"]),
    # YAML: scalars
    ("f.yaml", "a: 012\n", ["leading-zero 1:4-7"]),
    ("f.yaml", "人: [😀, -007.5]\n", ["leading-zero 1:8-14"]),
    ("f.yaml", "a: .inf\nb: -.INF\nc: .nan\n", ["number-not-finite 1:4-8", "number-not-finite 2:4-9",
                                             "number-not-finite 3:4-8"]),
    ("f.yaml", "a: 1234567890123456789\nb: 1e18\nc: 0.1234567891\nd: 0xfffffffffffffff\n", [
        "number-too-long 1:4-23", "number-too-long 2:4-8", "number-too-long 3:4-16", "number-too-long 4:4-21"]),
    ("f.yaml", "a: 1e99999999999999999999\n", ["number-too-long 1:4-26"]),
    # YAML: aliases, tags, depth
    ("f.yaml", "a: *x\n", ["unknown-alias 1:4-6"]),
    ("f.yaml", "a: &x [1, *x]\n", ["alias-loop 1:11-13"]),
    ("f.yaml", BOMB, ["alias-expansion 5:29-31"]),
    ("f.yaml", "a: !!binary xx\nb: !Service {c: 1}\n", ["unknown-tag 1:4-12", "unknown-tag 2:4-12"]),
    ("f.yaml", 'a: !!int "x"\n', ["tag-mismatch 1:10-13"]),
    ("f.yaml", "a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, [f"too-deep 1:{MAX_DEPTH + 3}-{MAX_DEPTH + 4}"]),
    ("f.yaml", "a: &x " + "[" * 60 + "]" * 60 + "\nb: " + "[" * 60 + "*x" + "]" * 60, ["too-deep 2:64-66"]),
    # YAML: documents
    ("f.yaml", "", ["empty-document 1:1-1"]),
    ("f.yaml", "# nothing\n", ["empty-document 1:1-1"]),
    ("f.yaml", "---\n...\n", ["empty-document 2:1-1"]),
    ("f.yaml", "a: 1\n---\n", ["empty-document 3:1-1"]),
    ("f.yaml", "- a: 1\n- a: 2\n", ["not-a-mapping 1:1-7"]),
    ("f.yaml", "text\n", ["not-a-mapping 1:1-5"]),
    ("f.yaml", "null\n", ["not-a-mapping 1:1-5"]),
    ("f.yaml", "%YAML 1.1\n---\na: no\n", ["yaml-version 1:1-10"]),
    # YAML: characters and syntax
    ("f.yaml", "a: 1 # x\u2028b: 2\n", ["line-separator 1:9-10"]),
    ("f.yaml", "a: \x85\n", ["line-separator 1:4-5"]),
    ("f.yaml", "é: \x07\n", ["control-character 1:4-5"]),
    ("f.yaml", "a: b: c\n", ["yaml-syntax 1:5-6"]),
    ("f.yaml", "a: 1\n\tb: 2\n", ["yaml-syntax 2:1-2 <- 1:4"]),
    ("f.yaml", "a: @x\n", ["yaml-syntax 1:4-5"]),
    ("f.yaml", "a: [1,\n  2\n", ["yaml-syntax 3:1-1 <- 1:4"]),
    ("f.yaml", 'a: "x\n', ["yaml-syntax 2:1-1 <- 1:4"]),
    # JSON
    ("f.json", '{"a": 1,\n "a": 2}', ["duplicate-key 2:2-5 <- 1:2"]),
    ("f.json", '{"a": 012}', ["leading-zero 1:7-10"]),
    ("f.json", '{"a": [-01.5]}', ["leading-zero 1:8-13"]),
    ("f.json", '{"a": NaN, "b": -Infinity}', ["number-not-finite 1:7-10", "number-not-finite 1:17-26"]),
    ("f.json", '{"a": 1234567890123456789, "b": 1e18}', ["number-too-long 1:7-26", "number-too-long 1:33-37"]),
    ("f.json", '{"a": 1' + "0" * 5000 + "}", ["number-too-long 1:7-5008"]),
    ("f.json", '{"a": "\\ud800"}', ["lone-surrogate 1:7-15"]),
    ("f.json", '{"\\udc00": "\\ud83d\\ude00"}', ["lone-surrogate 1:2-10"]),
    ("f.json", '{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", [f"too-deep 1:{MAX_DEPTH + 6}-{MAX_DEPTH + 7}"]),
    ("f.json", "[" * 5000, [f"too-deep 1:{DEEP}-{DEEP + 1}"]),
    ("f.json", '{"a": 1,}', ["json-syntax 1:9-10"]),
    ("f.json", '{"a" 1}', ["json-syntax 1:6-7"]),
    ("f.json", '{"a": 1', ["json-syntax 1:8-8"]),
    ("f.json", '{"a": "x', ["json-syntax 1:7-8"]),
    ("f.json", '{"a": 1} {"b": 2}', ["json-syntax 1:10-11"]),
    ("f.json", "{'a': 1}", ["json-syntax 1:2-3"]),
    ("f.json", '{"a": tru}', ["json-syntax 1:7-8"]),
    ("f.json", ' [{"a": 1}]', ["not-a-mapping 1:2-12"]),
    ("f.json", "3", ["not-a-mapping 1:1-2"]),
    ("f.json", " \n", ["empty-document 1:1-1"]),
    # TOML
    ("f.toml", "a = 1\nb = 2\na = 3\n", ["duplicate-key 3:1-2 <- 1:1"]),
    ("f.toml", "[a]\nb = 1\n[c]\n[a]\n", ["duplicate-key 4:2-3 <- 1:2"]),
    ("f.toml", "a = 012\n", ["leading-zero 1:5-8"]),
    ("f.toml", "a = [1, inf]\nb.c = -nan\n", ["number-not-finite 1:9-12", "number-not-finite 2:7-11"]),
    ("f.toml", "a = 1_000_000_000_000_000_000\n[b]\nc = 1e18\n", ["number-too-long 1:5-30", "number-too-long 3:5-9"]),
    ("f.toml", "a = 1" + "0" * 5000, ["number-too-long 1:5-5006"]),
    ("f.toml", "a = " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, [f"too-deep 1:{MAX_DEPTH + 4}-{MAX_DEPTH + 6}"]),
    ("f.toml", "a = \n", ["toml-syntax 1:5-5"]),
    ("f.toml", "# nothing\n", ["empty-document 1:1-1"]),
    # any
    ("f.json", '{"a": "\0"}', ["nul-character 1:8-9"]),
    ("f.yaml", "a: \udc00", ["lone-surrogate 1:4-5"]),
    ("f.ini", "a = 1", ["unknown-format 1:1-1"]),
    ("f", "a = 1", ["unknown-format 1:1-1"]),
]


@pytest.mark.parametrize(("path", "text", "wanted"), REFUSED, ids=[f"{p}:{t[:25]!r}" for p, t, _ in REFUSED])
def test_refused(path: str, text: str, wanted: list[str]) -> None:
    documents, problems = read_text(path, text)
    assert places(problems) == wanted
    assert all(one.severity == "error" and one.span and one.span.path == path for one in problems)
    assert [document.value for document in documents] == ([{"a": 1}] if text == "a: 1\n---\n" else [])


@pytest.mark.parametrize(("data", "wanted"), [
    (b"a: caf\xe9\n", ["not-utf8 1:7-8"]),
    (b"\xef\xbb\xbfa: \xe4\xba\xba\nb: \xff\n", ["not-utf8 2:4-5"]),
    ("a: 1".encode("utf-16"), ["not-utf8 1:1-1"]),
    (b"a: \0\n", ["nul-character 1:4-5"]),
])
def test_encodings(data: bytes, wanted: list[str]) -> None:
    assert places(read_bytes("f.yaml", data)[1]) == wanted


def test_byte_order_mark_is_dropped_and_not_counted() -> None:
    (document,), problems = read_bytes("f.yaml", b"\xef\xbb\xbfa: 1\n")
    assert problems == ()
    assert str(positions(document).key(("a",))) == "f.yaml:1:1"


TAKEN: list[tuple[str, Any]] = [
    ("no", "no"), ("on", "on"), ("yes", "yes"), ("y", "y"), ("12:30:00", "12:30:00"), ("2026-04-10", "2026-04-10"),
    ("2026-04-10T10:00:00Z", "2026-04-10T10:00:00Z"), ("1_000", "1_000"), ("0b1", "0b1"), ("=", "="),
    ("0o14", 12), ("0x1F", 31), ("+12", 12), ("-0", 0), ("0", 0), ('"012"', "012"), ("'1'", "1"),
    ("0.1", Decimal("0.1")), ("1e3", Decimal(1000)), (".5", Decimal("0.5")), ("5.", Decimal(5)), ("-0.0", Decimal(0)),
    ("0.10000000000000000000", Decimal("0.1")), ("999999999999999999", 10**18 - 1), ("True", True), ("FALSE", False),
    ("Null", None), ("~", None), ("", None), ("tRue", "tRue"), ("!!str 12", "12"), ("! 12", "12"), ('!!int "12"', 12),
    ("!!float 1", Decimal(1)), ("&x 1", 1), ('"\\u2028"', "\u2028"), ("!!null ''", None), ("!!seq [1]", [1]),
]


@pytest.mark.parametrize(("text", "value"), TAKEN)
def test_yaml_scalars(text: str, value: Any) -> None:
    (document,), problems = read_text("f.yaml", f"k: {text}\n")
    assert problems == ()
    assert (type(document.value["k"]), document.value["k"]) == (type(value), value)


def test_every_document_of_a_stream_is_read_and_a_broken_one_is_left_out() -> None:
    documents, problems = read_text("f.yaml", "a: 1\n---\na: 012\na: 2\n---\na: 3\n")
    assert [(one.index, one.value) for one in documents] == [(0, {"a": 1}), (2, {"a": 3})]
    assert places(problems) == ["leading-zero 3:4-7", "duplicate-key 4:1-2 <- 3:1"]
    assert str(positions(documents[1]).value(("a",))) == "f.yaml:6:4"


def test_documents_before_a_syntax_error_are_read() -> None:
    documents, problems = read_text("f.yaml", "a: 1\n---\nb: [\n")
    assert [one.value for one in documents] == [{"a": 1}]
    assert [one.name for one in problems] == ["yaml-syntax"]


def test_aliases_are_whole_values_and_stand_where_they_are_written() -> None:
    (document,), problems = read_text("f.yaml", "a: &x\n  b: 1\nc: *x\nd: [*x, *x]\n")
    assert problems == ()
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}, {"b": 1}]}
    found = positions(document)
    assert str(found.value(("c",))) == "f.yaml:3:4"
    assert str(found.value(("d", 1, "b"))) == "f.yaml:2:6"


def test_the_nearest_place_of_an_absent_path() -> None:
    (document,), _ = read_text("f.yaml", "# service\nservice:\n  disclosure:\n    text: x\n  list: [a, {b: c}]\n")
    found = positions(document)
    assert str(found.nearest(("service", "disclosure", "ai_notice"))) == "f.yaml:3:3"
    assert str(found.nearest(("service", "list", 1, "x"))) == "f.yaml:5:13"
    assert str(found.nearest(("service", "list", 7))) == "f.yaml:5:3"
    nowhere = found.nearest(("other",))
    assert (nowhere.line, nowhere.column, nowhere.end_line, nowhere.end_column) == (2, 1, 2, 9)
    assert found.value(("other",)) is None and found.key(("service", "list", 0)) is None


def test_block_values_end_with_their_last_entry() -> None:
    (document,), _ = read_text("f.yaml", "a:\n  b: |\n    x\n    y\n\n\n  c: 1  # why\n\n\nd: 2\n")
    found = positions(document)
    whole, text = found.value(("a",)), found.value(("a", "b"))
    assert whole and (whole.line, whole.column, whole.end_line, whole.end_column) == (2, 3, 7, 7)
    assert text and (text.line, text.column, text.end_line, text.end_column) == (2, 6, 4, 6)


def test_toml_dates_are_text_and_tables_have_places() -> None:
    (document,), problems = read_text("f.toml", 'd = 2026-04-10\nt = 07:32:00\ni = 2026-04-10 07:32:00Z\n[[s]]\n'
                                                'a.b = [1, {c = """x"y"""}]\n[[s]]\n"q k" = 1\n[s.u]\nv = true\n')
    assert problems == ()
    assert document.value == {
        "d": "2026-04-10", "t": "07:32:00", "i": "2026-04-10T07:32:00+00:00",
        "s": [{"a": {"b": [1, {"c": 'x"y'}]}}, {"q k": 1, "u": {"v": True}}]}
    found = positions(document)
    paths: list[tuple[str | int, ...]] = [("i",), ("s", 0, "a", "b", 1, "c"), ("s", 1, "q k"), ("s", 1, "u", "v")]
    shown = [str(found.value(path)) for path in paths]
    assert shown == ["f.toml:3:5", "f.toml:5:16", "f.toml:7:9", "f.toml:9:5"]
    assert str(found.nearest(("s", 1, "u", "w"))) == "f.toml:8:4"


def test_without_libyaml_the_values_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: [1, no, {b: &x 0o14}]\nc: *x\nd: |\n  人\n  e\n---\nf: ! 1\n"
    wanted = [one.value for one in yaml_profile.read("f.yaml", text)[0]]
    monkeypatch.setattr(yaml_profile, "_Parser", yaml.SafeLoader)
    documents, problems = read_text("f.yaml", text)
    assert problems == () and [one.value for one in documents] == wanted
    assert places(read_text("f.yaml", "a: 1\na: 2\n")[1]) == ["duplicate-key 2:1-2 <- 1:1"]
    assert [one.name for one in read_text("f.yaml", "a: [1\n")[1]] == ["yaml-syntax"]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert read_text("f.yaml", "'<<': 1\n")[0][0].value == {"<<": 1}


def test_ordinary_yaml_takes_the_fast_way() -> None:
    assert yaml_profile.load("a: [1, 'x', {b: 2.5}]\nc:\n  d: no\n") == [{"a": [1, "x", {"b": Decimal("2.5")}],
                                                                        "c": {"d": "no"}}]


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.name for one in read_file(tmp_path / "absent.yaml")[1]] == ["missing-file"]
    assert [one.name for one in read_file(tmp_path)[1]] == ["unreadable-file"]
    assert [one.name for one in read_file("a\0.yaml")[1]] == ["unreadable-file"]
    monkeypatch.setattr(read, "MAX_BYTES", 10)
    (tmp_path / "large.yaml").write_text("a: 12345678")
    assert places(read_file(tmp_path / "large.yaml")[1]) == ["file-too-large 1:1-1"]


def tree(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a: 1\n")


def names_of(arguments: list[str], **options: Any) -> list[str]:
    paths, problems = expand_inputs(arguments, **options)
    assert problems == ()
    return [path.as_posix() for path in paths]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_directories_are_searched_in_order(here: Path) -> None:
    tree(here, "s/b.yaml", "s/a.json", "s/sub/c.toml", "s/sub/d.YML", "s/e.txt", "s/.hidden.yaml", "s/.git/f.yaml",
         "s/guiju.toml", "s/pyproject.toml")
    assert names_of(["s"]) == ["s/a.json", "s/b.yaml", "s/sub/c.toml", "s/sub/d.YML"]


def test_a_named_file_is_always_taken_and_only_once(here: Path) -> None:
    tree(here, "s/a.yaml", "s/.hidden.yaml", "s/notes.txt")
    (here / "s/.gitignore").write_text("*.yaml\n")
    os.symlink("a.yaml", here / "s/link.yaml")
    assert names_of(["s/a.yaml", "s/.hidden.yaml", "s/notes.txt", "./s/a.yaml", "s/link.yaml", "-"]) == [
        "s/a.yaml", "s/.hidden.yaml", "s/notes.txt", "-"]


def test_ignore_files_hold_in_directories(here: Path) -> None:
    tree(here, "s/a.yaml", "s/build/b.yaml", "s/keep/c.yaml", "s/keep/d.yaml", "s/keep/build/e.yaml")
    (here / ".git").mkdir()
    (here / ".gitignore").write_text("build/\nd.yaml\n")
    (here / "s/keep/.gitignore").write_text("!d.yaml\n")
    assert names_of(["s"]) == ["s/a.yaml", "s/keep/c.yaml", "s/keep/d.yaml"]


def test_ignore_files_above_hold_only_in_a_repository(here: Path) -> None:
    tree(here, "s/a.yaml")
    (here / ".gitignore").write_text("*.yaml\n")
    assert names_of(["s"]) == ["s/a.yaml"]


def test_include_and_exclude(here: Path) -> None:
    tree(here, "s/a.yaml", "s/b.yaml", "s/old/c.yaml", "s/d.json")
    assert names_of(["s"], exclude=["old/", "b.yaml"]) == ["s/a.yaml", "s/d.json"]
    assert names_of(["s"], include=["s/**/*.yaml"], exclude=["/s/a.yaml"]) == ["s/b.yaml", "s/old/c.yaml"]
    assert names_of(["s/b.yaml"], exclude=["b.yaml"]) == ["s/b.yaml"]


def test_globs_that_the_shell_left(here: Path) -> None:
    tree(here, "s/b.yaml", "s/a.yaml", "s/sub/c.yaml", "s/[x].yaml")
    assert names_of(["s/?.yaml"]) == ["s/a.yaml", "s/b.yaml"]
    assert names_of(["s/**/c.yaml"]) == ["s/sub/c.yaml"]
    assert names_of(["s/[x].yaml"]) == ["s/[x].yaml"]


def test_nothing_to_read_is_an_error(here: Path) -> None:
    tree(here, "s/notes.txt", "t/a.yaml")
    os.symlink("nowhere", here / "dangling.yaml")
    paths, problems = expand_inputs(["absent.yaml", "*.json", "s", "t", "dangling.yaml"], exclude=["a.yaml"])
    assert paths == ()
    assert [one.name for one in problems] == ["missing-file", "empty-glob", "no-input-files", "no-input-files",
                                              "missing-file"]
    assert problems[3].help == "left out: 1 excluded; a file that is named itself is always read"
