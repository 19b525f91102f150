"""The fast reading of lines takes exactly what `check` takes, and gives the same events."""

from __future__ import annotations

from dataclasses import fields as fields_of
from decimal import Decimal
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyengine.analysis.vocabulary import load_vocabulary
from policyengine.base.instants import parse_instant
from policyengine.core.case import Event
from policyengine.trace.files.read import MAX_LINE_BYTES, instants, read_events
from policyengine.trace.stream import lines as module
from policyengine.trace.stream.feeds import Chunk
from policyengine.trace.stream.lines import event_reader
from policyengine.trace.stream.lines_typed import Line
from policyengine.workspace.inputs import fit_events

FILE = Path(__file__).parents[1] / "support" / "vocabulary.yaml"
VOCABULARY = load_vocabulary("vocabulary.yaml", FILE.read_text("utf-8"))[0]
assert VOCABULARY is not None
SCHEMAS = {name: one.schema for name, one in VOCABULARY.events.items()}
TIME = '"time":"2026-08-01T12:00:00Z"'
OK = '{"type":"message",' + TIME + ',"user":"u"}'


def fast(lines: list[bytes], zone: str | None = None) -> tuple[dict[int, Event], list[int]]:
    """The events taken, and the rows refused."""
    refused: list[int] = []
    read = event_reader(SCHEMAS, zone, lambda _line, _file, row: refused.append(row))
    events = read(Chunk(lines, repeat("e"), range(1, len(lines) + 1)))
    return {event.row: event for event in events}, refused


def slow(folder: Path, lines: list[bytes], zone: str | None = None) -> dict[int, Event]:
    """The events that `check` would judge."""
    found = {}
    for row, line in enumerate(lines, 1):
        path = folder / "e.ndjson"
        path.write_bytes(b"\n" * (row - 1) + line + b"\n")
        rows, _ = read_events(path, zone=zone)
        found.update({one.row: one for one in fit_events(rows, SCHEMAS)[0]})
    return found


def plain(event: Event) -> dict[str, Any]:
    found = {one.name: getattr(event, one.name) for one in fields_of(Event) if one.name != "file"}
    return {**found, "fields": dict(event.fields)}


def same(folder: Path, lines: list[bytes], zone: str | None = None) -> None:
    taken, refused = fast(lines, zone)
    wanted = slow(folder, lines, zone)
    assert {row: plain(one) for row, one in taken.items()} == {row: plain(one) for row, one in wanted.items()}
    assert {row: {name: type(value) for name, value in one.fields.items()} for row, one in taken.items()} == {
        row: {name: type(value) for name, value in one.fields.items()} for row, one in wanted.items()}
    blank = {row for row, line in enumerate(lines, 1) if not line.strip(b" \t\r\n")}
    assert set(refused) == set(range(1, len(lines) + 1)) - set(wanted) - blank


WHOLE = [
    OK, OK + "\r", "  " + OK + " ", "", "  ", "[]", "1", "null", '"x"', "{}", "{", OK + "x", OK + OK,
    OK.replace("u\"}", 'u","user":"v"}'), OK.replace('"user"', '"user" '), OK.replace(',"user', ' , "user'),
    OK.replace("message", "none"), OK.replace("message", ""), OK.replace('"message"', "1"),
    OK.replace('"message"', "[]"),
    OK.replace("u\"}", 'a, b"}'), OK.replace("u\"}", 'a\\", \\"user\\":\\"b"}'), OK.replace("u\"}", '\\ud800"}'),
    OK.replace("u\"}", '\\ud83d\\ude00"}'), OK.replace("u\"}", '\\u0000"}'), OK.replace("u\"}", '\x01"}'),
    OK.replace("u\"}", '\x00"}'), OK.replace("u\"}", '\\x"}'), OK.replace('"u"', "null"), OK.replace('"u"', "NaN"),
    OK.replace('"u"', '"null"'), "/*c*/" + OK, OK[:-1] + ",}", OK[:-1], OK.replace("Z", ""), OK.replace("Z", "+08:00"),
    OK.replace("Z", ".123456Z"), OK.replace("Z", ".1234567Z"), OK.replace("12:00:00Z", "24:00:00Z"),
    OK.replace("2026", "0001").replace("-08-", "-01-"), OK.replace("2026-08-01", "9999-12-31"),
    OK.replace(TIME, '"time":12'), OK.replace(TIME, '"time":null'), OK.replace(TIME + ",", ""),
    "{" + '"user":"u",' * 2 + OK[1:], OK.replace('"user":"u"', '"user":"u","tags":["a","b"]'),
    OK.replace('"user":"u"', '"user":"u","tags":[null]'), OK.replace('"user":"u"', '"user":"u","tags":' + "[" * 100
                                                                    + "]" * 100),
    OK.replace('"user":"u"', '"user":"' + "[" * 210 + '"'), OK.replace('"user":"u"', '"user":"u","deep":{"a":{"a":1}}'),
    OK.replace('"user":"u"', '"user":"u","deep":{"a":1,"a":1}'),
    *(OK.replace('"user":"u"', '"user":"u","deep":' + "[" * deep + "]" * deep) for deep in (99, 100, 101, 2000)),
]

NUMBERS = ["1", "-0", "0", "1.0", "1.5", "1e3", "1e400", "01", "-", "1.", ".5", "+1", "1" * 18, "1" * 19, "9" * 30,
           "0.1234567891", "0.123456789000", "1" * 18 + ".5", "true", '"1"', "null", "Infinity", "1E-3",
           "18446744073709551616"]


def test_whole_lines(tmp_path: Path) -> None:
    lines = [text.encode("utf-8", "surrogatepass") for text in WHOLE if "9999" not in text and "0001" not in text]
    same(tmp_path, [*lines, b"\xff\xfe{\x00", OK.encode()[:-2] + b"\xff\"}"])
    taken, refused = fast(lines)
    assert len(taken) > 12 and len(refused) > 25


def test_lines_that_come_alone(tmp_path: Path) -> None:
    """Where every line of a chunk fits its type, all are read by their types; one that does not would hide the rest."""
    for text in WHOLE:
        if "9999" not in text and "0001" not in text and len(text) < 1000:
            same(tmp_path, [text.encode("utf-8", "surrogatepass")])
            same(tmp_path, [text.encode("utf-8", "surrogatepass"), OK.encode()])


@pytest.mark.parametrize("name", ["id", "sequence", "length", "undeclared", "tags"])
def test_numbers_that_come_alone(tmp_path: Path, name: str) -> None:
    for number in NUMBERS:
        same(tmp_path, [OK.replace('"user"', f'"{name}":{number},"user"').encode()])
        same(tmp_path, [OK.replace('"user"', f'"{name}":[{number}],"user"').encode()])


def read_at_once(lines: list[bytes]) -> list[bool]:
    """Of each event, whether it was taken as its type's `Line` says."""
    read = event_reader(SCHEMAS, None, lambda _line, _file, row: None)
    return [isinstance(one, Line) for one in read(Chunk(lines, repeat("e"), range(1, len(lines) + 1)))]


def test_one_line_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """A bad line, a key twice, a name of ours: each is read again alone. A comma in a text is not."""
    ok = OK.encode()
    assert read_at_once([ok, b"{", ok]) == [True, True]
    assert read_at_once([ok, OK.replace('"u"', '"a, b"').encode(), b"", ok]) == [True, True, True]
    for again in ('"user":"v","user"', '"id":"1","id":"2","user"', '"\x7frow":7,"user"', '"\x7fknown":{},"user"'):
        line = OK.replace('"user"', again).encode()
        assert read_at_once([ok, line, ok, b"{"]) in ([True, True], [True, False, True])
        same(tmp_path, [ok, line, ok, b"{"])
        same(tmp_path, [line])


def test_the_types_are_tried_again() -> None:
    """After chunks of which most lines do not fit, and less often the more there are."""
    read = event_reader(SCHEMAS, None, lambda _line, _file, row: None)
    tried = [isinstance(read(Chunk([OK.encode(), b"{", b"{"], repeat("e"), range(1, 4)))[0], Line)
             for _ in range(12)]
    assert [at for at, one in enumerate(tried) if one] == [0, 1, 3, 7]


@pytest.mark.parametrize("name", ["id", "sequence", "length", "undeclared"])
def test_numbers(tmp_path: Path, name: str) -> None:
    same(tmp_path, [OK.replace('"user"', f'"{name}":{number},"user"').encode() for number in NUMBERS])


def test_times_with_a_zone(tmp_path: Path) -> None:
    times = ["2026-08-01T12:00:00", "2026-08-01T12:00:00Z", "2026-03-08T02:30:00", "2026-11-01T01:30:00",
             "2026-08-01T12:00:00.5+08:00", "2026-08-01T12:00:00.25+08:00", "2026-08-01T12:00:60Z",
             "2026-08-01T24:00:00Z", "2026-08-01T12:00:00.5-00:30", "2026-08-01 12:00:00z", "2026-08-01T12:00Z"]
    for some in (times, times[::-1], times * 2):
        same(tmp_path, [OK.replace("2026-08-01T12:00:00Z", time).encode() for time in some], "America/New_York")


@settings(max_examples=200)
@given(st.lists(st.lists(st.builds(
    "{}T{:02}:{}:{}{}{}".format, st.sampled_from(["2026-08-01", "2026-11-01", "2026-02-30"]), st.integers(0, 2),
    st.sampled_from(["00", "59", "60"]), st.sampled_from(["00", "07", "59", "60"]),
    st.sampled_from(["", ".1", ".12", ".123", ".124", ".12345", ".123456", ".1234567", ".12Z", ",12"]),
    st.sampled_from(["", "Z", "Z", "z", " Z", "+08:00", "-08:30", "-00:30", "+24:00", "+0800", "-08"])),
    min_size=1, max_size=6), min_size=1, max_size=4), st.sampled_from([None, "America/New_York"]))
def test_times_whatever_came_before(chunks: list[list[str]], zone: str | None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEW", 3)
        times_are_read(chunks, zone)


def times_are_read(chunks: list[list[str]], zone: str | None) -> None:
    read = event_reader(SCHEMAS, zone, lambda _line, _file, _row: None)
    for times in chunks:
        lines = [OK.replace("2026-08-01T12:00:00Z", time).encode() for time in times]
        found = {event.row: event.time for event in read(Chunk(lines, repeat("e"), range(len(lines))))}
        for row, time in enumerate(times):
            try:
                assert found.get(row) == parse_instant(time, zone)
            except ValueError:
                assert row not in found


@pytest.mark.parametrize("offset", ["Z", "+08:00"])
def test_fractions_are_put_together_from_small_tables(monkeypatch: pytest.MonkeyPatch, offset: str) -> None:
    asked: list[str] = []
    instant = instants(None)

    def asking(text: str) -> int:
        asked.append(text)
        return instant(text)

    monkeypatch.setattr(module, "instants", lambda zone: asking)
    monkeypatch.setattr(module, "_FEW", 100)
    read = event_reader(SCHEMAS, None, lambda _line, _file, _row: None)
    heads = [f"{at % 60:02}.{at % 100:02}" for at in range(300)]
    tails = [f"{at * 37 % 10_000:04}{offset}" for at in range(300)]
    for behind, wanted in ((tails, True), (tails[1:] + tails[:1], True), (tails[::-1], False)):
        asked.clear()
        times = [f"2026-08-01T12:00:{head}{tail}" for head, tail in zip(heads, behind, strict=True)]
        lines = [OK.replace("2026-08-01T12:00:00Z", time).encode() for time in times]
        events = read(Chunk(lines, repeat("e"), range(len(lines))))
        assert bool(asked) == wanted
        assert [one.time for one in events] == [parse_instant(time, None) for time in times]


def test_the_ends_of_time_are_handed_on() -> None:
    """Where a day after the event may not exist; the slow reading decides."""
    lines = [text.encode() for text in WHOLE if "9999" in text or "0001" in text]
    assert fast(lines) == ({}, [1, 2])


def test_a_mark_of_byte_order_is_handed_on(tmp_path: Path) -> None:
    """It stands inside where files were put one behind another, and the slow reading drops it."""
    line = b"\xef\xbb\xbf" + OK.encode()
    assert fast([line, line]) == ({}, [1, 2])
    assert len(slow(tmp_path, [line, line])) == 2


def test_a_line_too_long_is_handed_on() -> None:
    long = OK.replace('"u"', '"' + "u" * MAX_LINE_BYTES + '"').encode()
    assert fast([long[:MAX_LINE_BYTES - 2] + b'"}']) == ({}, [1])


def test_an_event_that_the_slow_reading_gives_is_taken() -> None:
    event = Event("message", 1, {})
    read = event_reader(SCHEMAS, None, lambda line, file, row: event if row == 2 else None)
    assert [one.row for one in read(Chunk([b"x", b"y", OK.encode()], repeat("e"), range(1, 4)))] == [0, 3]


def test_no_slow_reading_for_ordinary_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.json_text, "scan", lambda _: pytest.fail("read twice"))
    taken, refused = fast([OK.encode(), OK.replace('"user"', '"id":"e1","length":3,"user"').encode()])
    assert not refused and taken[2].id == "e1" and taken[2].fields == {"length": 3, "user": "u"}


def test_no_slow_reading_for_commas_and_fields_of_no_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.json_text, "scan", lambda _: pytest.fail("read twice"))
    taken, refused = fast([OK.encode(), OK.replace('"u"', '"a, b"').encode(),
                           OK.replace('"user"', '"x":"c, d","y":null,"z":7,"user"').encode()])
    assert not refused and all(isinstance(one, Line) for one in taken.values())
    assert [dict(one.fields) for one in taken.values()] == [
        {"user": "u"}, {"user": "a, b"}, {"user": "u", "x": "c, d", "z": 7}]


def test_a_field_that_a_closed_type_does_not_name() -> None:
    refused: list[int] = []
    closed = {"message": {**SCHEMAS["message"], "additionalProperties": False}}
    read = event_reader(closed, None, lambda _line, _file, row: refused.append(row))
    lines = [OK.encode(), OK.replace('"user"', '"x":1,"user"').encode()]
    assert [one.row for one in read(Chunk(lines, repeat("e"), range(1, 3)))] == [1] and refused == [2]


values = st.one_of(
    st.sampled_from(['"u"', '"a,b"', '"a\\"b"', '"\\u00e9"', "null", "true", "[]", '["a","b"]', "{}", '{"a":1}',
                     '"2026-08-01"', '"2026-08-01T00:00:00Z"', '"training"', '"all"', '"message"', '"registered"']),
    st.sampled_from(NUMBERS), st.text(max_size=5).map(lambda text: f'"{text}"'))
keys = st.sampled_from(["type", "time", "id", "sequence", "service", "user", "age", "length", "tags", "labelled",
                        "purpose", "scope", "birth_date", "x", "\x7frow", "us\\u0065r"])
spaces = st.sampled_from(["", "", "", " ", "\t", "\r"])


@st.composite
def written(draw: st.DrawFn) -> bytes:
    parts = [draw(st.sampled_from(['"type":"message"', '"type":"registered"', '"type":"deletion_requested"'])), TIME,
             '"user":"u"']
    parts = [one for one in parts if draw(st.integers(0, 9))]
    parts += draw(st.lists(st.builds(lambda key, value, before, after: f'"{key}"{before}:{after}{value}', keys, values,
                                     spaces, spaces), max_size=3))
    comma = draw(st.sampled_from([",", ",", " ,", ", "]))
    return ("{" + comma.join(draw(st.permutations(parts))) + "}").encode("utf-8", "surrogatepass")


@settings(max_examples=300)
@given(st.lists(written(), min_size=1, max_size=8))
def test_any_line(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    same(tmp_path_factory.getbasetemp(), [line.replace(b"\n", b" ") for line in lines])


def test_exact_decimals() -> None:
    taken, _ = fast([OK.replace('"user"', '"sequence":1.50,"user"').encode()])
    assert taken[1].sequence == Decimal("1.50") and str(taken[1].sequence) == "1.50"
