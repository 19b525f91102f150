"""Feeds: whole lines with true rows, files that grow, are rotated or cut, and the position from which a run goes on."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from policyengine.base.diagnostic import Diagnostic
from policyengine.trace.stream import feeds
from policyengine.trace.stream.feeds import NOTHING, Feed, FileFeed, Position, StreamFeed, open_file

Row = tuple[str, int, str]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "POLL", 0.005)
    monkeypatch.setattr(feeds, "GRACE", 0.05)


def rows(feed: Feed, wait: float = 0.0) -> Iterator[Row]:
    """All that there is for now."""
    while True:
        chunk = feed.read(wait)
        if chunk is None or chunk is NOTHING:
            return
        yield from ((file, row, line.decode()) for line, file, row in
                    zip(chunk.lines, chunk.files, chunk.rows, strict=False))


def opened(path: Path, *, follow: bool = False, again: bool = False, position: Position | None = None) -> FileFeed:
    feed = open_file(str(path), follow=follow, again=again, position=position)
    assert isinstance(feed, FileFeed), feed
    return feed


def written(feed: Feed) -> Position:
    """The position as a state file gives it back."""
    position: Position = json.loads(json.dumps(feed.position()))
    return position


def texts(feed: Feed, wait: float = 0.0) -> list[str]:
    return [line for _, _, line in rows(feed, wait)]


def test_a_file_gives_its_lines_with_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson"
    path.write_bytes(b"\xef\xbb\xbfone\n\ntwo\r\nlast")
    feed = opened(path)
    assert list(rows(feed)) == [(str(path), 1, "one"), (str(path), 2, ""), (str(path), 3, "two\r"),
                                (str(path), 4, "last")]
    assert feed.read(0) is None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_do_not_depend_on_how_bytes_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(feeds, "CHUNK", size)
    lines = ["a" * n for n in (0, 1, 2, 3, 10, 0, 0, 5)]
    path = tmp_path / "e"
    path.write_text("\n".join(lines) + "\n")
    assert texts(opened(path)) == lines


@pytest.mark.parametrize("size", [3, 100])
@pytest.mark.parametrize("stop", range(6))
def test_a_later_run_goes_on_where_the_position_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int,
                                                     stop: int) -> None:
    monkeypatch.setattr(feeds, "CHUNK", size)
    path = tmp_path / "e"
    path.write_text("one\ntwo\n\nthree\nfour")
    first = opened(path)
    seen: list[Row] = []
    for _ in range(stop):
        chunk = first.read(0)
        if chunk is not None:
            seen += [(str(path), row, line.decode()) for line, row in zip(chunk.lines, chunk.rows, strict=True)]
    seen += rows(opened(path, position=written(first)))
    assert seen == [(str(path), n, text) for n, text in enumerate(["one", "two", "", "three", "four"], 1)]


def test_a_line_that_is_too_long_is_one_line_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MAX_LINE_BYTES", 10)
    monkeypatch.setattr(feeds, "CHUNK", 4)
    path = tmp_path / "e"
    path.write_text("a" * 35 + "\nshort\n" + "b" * 21)
    feed = opened(path)
    assert texts(feed) == ["a" * 10, "short", "b" * 10]
    assert feed.position()["offset"] == 35 + 1 + 6 + 21


def test_a_followed_file_waits_for_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_text("one\ntw")
    feed = opened(path, follow=True)
    assert texts(feed) == ["one"]
    assert feed.position()["offset"] == 4  # what has begun is read again by a later run
    with path.open("a") as file:
        file.write("o\nthr")
    assert list(rows(feed)) == [(str(path), 2, "two")]
    assert texts(opened(path, position=written(feed))) == ["thr"]


def test_a_line_that_comes_ends_the_wait(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.touch()
    feed = opened(path, follow=True)

    def later() -> None:
        time.sleep(0.05)
        with path.open("a") as file:
            file.write("here\n")

    thread = threading.Thread(target=later)
    thread.start()
    started = time.monotonic()
    chunk = feed.read(5.0)
    assert chunk is not None and list(chunk.lines) == [b"here"]
    assert time.monotonic() - started < 2
    thread.join()
    started = time.monotonic()
    assert feed.read(0.05) is NOTHING
    assert 0.04 < time.monotonic() - started < 2


def test_a_rotated_file_is_read_to_its_end_then_the_next(tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson"
    path.write_text("one\n")
    feed = opened(path, follow=True)
    assert texts(feed) == ["one"]
    old = path.rename(tmp_path / "e.ndjson.1")
    with old.open("a") as file:
        file.write("two\n")  # the writer has not noticed yet
    path.write_text("four\n")
    assert texts(feed) == ["two"]
    with old.open("a") as file:
        file.write("three")
    assert list(rows(feed, 0.5)) == [(str(path), 3, "three"), (str(path), 1, "four")]
    assert feed.notices() == ()  or list(feed.notices()) == []
    assert feed.position()["offset"] == 5


def test_a_file_rotated_away_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_text("one\n")
    feed = opened(path, follow=True)
    assert texts(feed) == ["one"]
    path.rename(tmp_path / "e.1")
    assert texts(feed, 0.1) == []
    path.write_text("two\n")
    assert texts(feed, 0.5) == ["two"]


@pytest.mark.parametrize("name", ["e.ndjson.1", "e.ndjson-20261122", "e-20261122.ndjson", "e.1.ndjson"])
@pytest.mark.parametrize("follow", [True, False])
def test_rotation_while_nobody_read(tmp_path: Path, name: str, follow: bool) -> None:
    path = tmp_path / "e.ndjson"
    path.write_text("one\ntwo\n")
    first = opened(path)
    position = written(first) | {"offset": 4, "row": 1, "head": 4}
    position["head_sha256"] = __import__("hashlib").sha256(b"one\n").hexdigest()
    path.rename(tmp_path / name)
    path.write_text("three\n")
    feed = opened(path, follow=follow, position=position)
    assert list(rows(feed, 0.5)) == [(str(path), 2, "two"), (str(path), 1, "three")]


def test_an_empty_file_is_filled_and_rotated_while_nobody_read(tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson"
    path.touch()
    position = written(opened(path, follow=True))
    path.write_text("one\n")
    path.rename(tmp_path / "e.ndjson.1")
    path.write_text("two\n")
    assert texts(opened(path, position=position)) == ["one", "two"]
    (tmp_path / "e.ndjson.1").unlink()
    assert texts(opened(path, position=position)) == ["two"]


def test_two_rotations_while_nobody_read(tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson"
    path.write_text("one\n")
    first = opened(path, follow=True)
    assert texts(first) == ["one"]
    path.rename(tmp_path / "e.ndjson.2")
    (tmp_path / "e.ndjson.1").write_text("two\n")
    os.utime(tmp_path / "e.ndjson.2", (1, 1))
    path.write_text("three\n")
    (tmp_path / "e.ndjson.state").write_text("no generation")
    (tmp_path / "e.ndjson.1.gz").write_text("none either")
    for feed in (opened(path, position=written(first)), opened(path, follow=True, position=written(first)), first):
        assert texts(feed, 0.5) == ["two", "three"]


def test_a_copied_file_is_known_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_text("one\ntwo\n")
    first = opened(path)
    assert first.read(0) is not None
    position = written(first)
    text = path.read_text() + "three\n"
    path.rename(tmp_path / "elsewhere")
    path.write_text(text)
    assert texts(opened(path, position=position)) == ["three"]


def test_of_two_files_that_begin_alike_its_own_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "e"
    (tmp_path / "e.1").write_text("one\nolder\n")
    path.write_text("one\n")
    first = opened(path)
    assert texts(first) == ["one"]
    with path.open("a") as file:
        file.write("newer\n")
    assert texts(opened(path, position=written(first))) == ["newer"]


def test_a_file_that_has_become_shorter_is_another(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_text("line\n" * 1000)
    first = opened(path)
    assert len(texts(first)) == 1000
    path.write_text("line\n" * 500)
    refused = open_file(str(path), follow=False, position=written(first))
    assert isinstance(refused, Diagnostic) and refused.name == "input-changed"


@pytest.mark.parametrize("text", ["", "one", "eno\ntwo\nthree\n"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "e"
    path.write_text("one\ntwo\n")
    first = opened(path)
    assert texts(first) == ["one", "two"]
    position = written(first)
    path.write_text(text)
    refused = open_file(str(path), follow=False, position=position)
    assert isinstance(refused, Diagnostic)
    assert refused.name == "input-changed" and "8 bytes" in refused.message


def test_a_file_cut_short_is_read_from_its_beginning_and_told(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_text("one\ntwo\nthr")
    feed = opened(path, follow=True)
    assert texts(feed) == ["one", "two"]
    path.write_text("four\n")
    assert list(rows(feed)) == [(str(path), 3, "thr"), (str(path), 1, "four")]
    assert [one.name for one in feed.notices()] == ["input-cut-short"]
    assert list(feed.notices()) == []


@pytest.mark.parametrize("long", [False, True])
def test_a_file_written_anew_in_its_place_is_read_from_its_beginning(tmp_path: Path, long: bool) -> None:
    """Also where it has grown past where it was read to before anybody looked (`copytruncate` on a busy day)."""
    path = tmp_path / "e"
    path.write_text("one\n" + long * ("1" * feeds.HEAD + "\n"))
    feed = opened(path, follow=True)
    texts(feed)
    path.write_text("four\nfive\nsix\n" + long * ("6" * feeds.HEAD + "\n"))
    assert list(rows(feed))[:3] == [(str(path), 1, "four"), (str(path), 2, "five"), (str(path), 3, "six")]
    assert [one.name for one in feed.notices()] == ["input-cut-short"]
    with path.open("a") as file:
        file.write("seven\n")
    assert texts(feed) == ["seven"]
    assert texts(opened(path, follow=True, position=written(feed))) == []


@pytest.mark.parametrize(("half", "other"), [('{"a":', "1}"), ('{"a":1', "}"), ('"', '"'), ("{" * 100_000, "}")])
def test_half_a_line_is_left_to_a_later_run(tmp_path: Path, half: str, other: str) -> None:
    path = tmp_path / "e"
    path.write_text("1\n" + half)
    assert texts(opened(path)) == ["1", half]
    feed = opened(path, again=True)
    assert texts(feed) == ["1"] and feed.read(0) is None
    assert [one.name for one in feed.notices()] == ["half-a-line"]
    with path.open("a") as file:
        file.write(other + "\n2")
    later = opened(path, again=True, position=written(feed))
    assert list(rows(later)) == [(str(path), 2, half + other), (str(path), 3, "2")]
    assert later.notices() == []


@pytest.mark.parametrize(("name", "said"), [
    ("gone.ndjson", "missing-file"), ("e.csv", "unknown-format"), ("e.ndjson.gz", "unknown-format"),
    ("e.parquet", "unknown-format"), ("e.xes", "unknown-format"), ("folder", "unreadable-file"),
])
def test_what_is_no_file_of_lines_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    refused = open_file(str(tmp_path / name), follow=False)
    assert isinstance(refused, Diagnostic) and refused.name == said


def test_a_pipe(tmp_path: Path) -> None:
    receive, send = os.pipe()
    with os.fdopen(receive, "rb") as stream:
        feed = StreamFeed(stream, "<stdin>", {"row": 10})
        assert feed.read(0.01) is NOTHING
        os.write(send, b"one\ntw")
        assert list(rows(feed)) == [("<stdin>", 11, "one")]
        os.write(send, b"o\n\nend")
        os.close(send)
        assert list(rows(feed)) == [("<stdin>", 12, "two"), ("<stdin>", 13, ""), ("<stdin>", 14, "end")]
        assert feed.read(0) is None and feed.position()["row"] == 14


def test_bytes_in_memory() -> None:
    assert texts(StreamFeed(io.BytesIO(b"\xef\xbb\xbfone\ntwo"), "-")) == ["one", "two"]


def test_a_named_pipe_is_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(target=lambda: path.write_text("one\n"))
    thread.start()
    feed = open_file(str(path), follow=False)
    assert isinstance(feed, StreamFeed)
    assert texts(feed, 1.0) == ["one"]
    thread.join()
