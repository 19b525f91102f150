"""Output and state in step: cut to what counts, whole after a crash at any point, nothing half-written."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from policyengine.base.diagnostic import Diagnostic
from policyengine.trace.stream.ledger import (
    FileSink,
    Mark,
    StateFile,
    StreamSink,
    commit,
    open_output,
    open_state,
    resume,
)


class Crash(Exception):
    """The process ends here."""


def sink_of(path: Path, mark: Mark | None = None, **more: Any) -> FileSink:
    sink = open_output(str(path), mark, **more)
    assert isinstance(sink, FileSink), sink
    return sink


def state_of(path: Path) -> StateFile:
    state = open_state(str(path))
    assert isinstance(state, StateFile), state
    return state


def refused(found: object) -> str:
    assert isinstance(found, Diagnostic), found
    return found.name


def test_lines_are_there_when_write_returns(tmp_path: Path) -> None:
    path = tmp_path / "out"
    sink = sink_of(path)
    sink.write([b"one", b"two"])
    sink.write([])
    assert path.read_bytes() == b"one\ntwo\n"
    sink.close()


def test_an_output_is_cut_to_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "out"
    sink = sink_of(path)
    sink.write([b"one"])
    mark = sink.secure()
    sink.write([b"two"])
    os.write(sink._handle, b"hal")
    sink.close()
    again = sink_of(path, mark)
    assert path.read_bytes() == b"one\n"
    again.write([b"three"])
    assert path.read_bytes() == b"one\nthree\n"
    again.close()


@pytest.mark.parametrize("text", [b"", b"on", b"eno\ntwo\n"])
def test_another_output_is_refused_and_left_alone(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "out"
    sink = sink_of(path)
    sink.write([b"one"])
    mark = sink.secure()
    sink.close()
    path.write_bytes(text)
    assert refused(open_output(str(path), mark)) == "output-changed"
    assert path.read_bytes() == text
    path.write_bytes(b"one\n")
    assert refused(open_output(str(tmp_path / "other"), mark)) == "output-changed"


def test_what_somebody_wrote_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"findings\n")
    assert refused(open_output(str(path), None)) == "output-exists"
    assert path.read_bytes() == b"findings\n"
    sink_of(path, fresh=True).close()
    assert path.read_bytes() == b""


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    sink, state = sink_of(tmp_path / "out"), state_of(tmp_path / "state")
    assert refused(open_output(str(tmp_path / "out"), None)) == "in-use"
    assert refused(open_state(str(tmp_path / "state"))) == "in-use"
    sink.close()
    state.close()
    sink_of(tmp_path / "out").close()
    state_of(tmp_path / "state").close()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert refused(open_output(str(tmp_path / "no" / "out"), None)) == "cannot-write"
    assert refused(open_state(str(tmp_path / "no" / "state"))) == "cannot-write"


def test_a_device_is_written_as_it_comes(tmp_path: Path) -> None:
    sink = open_output("/dev/null", None)
    assert isinstance(sink, StreamSink)
    sink.write([b"gone"])


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    sink = sink_of(path)
    sink.write([b"one"])
    real = os.write
    room = [6]

    def write(handle: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(handle, data[:room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left") as caught:
        sink.write([b"two", b"three"])
    assert caught.value.filename == str(path)
    monkeypatch.undo()
    assert path.read_bytes() == b"one\n"
    sink.write([b"four"])
    assert path.read_bytes() == b"one\nfour\n"
    sink.close()


def test_a_state_comes_back(tmp_path: Path) -> None:
    state = state_of(tmp_path / "state")
    assert state.read() is None and resume(state, None) is None
    body = {"number": 1, "text": "公司", "list": [1, None, True]}
    state.prepare(body)
    assert state.read() is None
    state.accept()
    assert state.read() == body
    assert oct((tmp_path / "state").stat().st_mode & 0o777) == "0o600"  # it holds what events said
    state.close()


@pytest.mark.parametrize("damage", [
    lambda data: data[:-5], lambda data: data[:20], lambda data: b"", lambda data: data.replace(b"one", b"two"),
    lambda data: b"{}\n" + data, lambda data: b"\xff" + data, lambda data: b"[1]\n",
])
def test_a_damaged_state_is_refused(tmp_path: Path, damage: Any) -> None:
    state = state_of(tmp_path / "state")
    state.prepare({"number": 1, "text": "one"})
    state.accept()
    path = tmp_path / "state"
    path.write_bytes(damage(path.read_bytes()))
    assert refused(state.read()) == "bad-state"
    state.close()


@pytest.mark.parametrize(("held", "taken"), [
    (b"", True), (b'{"guiju":"monitor state","v":99,', True), (b'{"type":"message"}\n', False), (b"{", False)])
def test_only_a_state_is_overwritten(tmp_path: Path, held: bytes, taken: bool) -> None:
    path = tmp_path / "state"
    path.write_bytes(held)
    found = open_state(str(path), fresh=True)
    assert isinstance(found, StateFile) == taken
    if isinstance(found, StateFile):
        found.close()
    else:
        assert isinstance(found, Diagnostic) and found.name == "bad-state"
    assert path.read_bytes() == held


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b'{"guiju":"monitor state","v":99,"sha256":"x"}\n{}\n')
    state = state_of(tmp_path / "state")
    found = state.read()
    assert isinstance(found, Diagnostic) and "version 99" in found.message
    state.close()


class Remote:
    """A sink that takes effect elsewhere, all at once, when a number is confirmed; it may crash before or after."""

    name = "remote"

    def __init__(self, crash: str = "") -> None:
        self.crash = crash
        self.begun: list[bytes] = []
        self.visible: list[bytes] = []
        self.number: int | None = None

    def write(self, lines: Sequence[bytes]) -> None:
        self.begun += lines

    def secure(self) -> Mark:
        return {"kind": "remote"}

    def confirm(self, number: int) -> None:
        if self.crash == "before":
            raise Crash
        self.visible += self.begun
        self.begun, self.number = [], number
        if self.crash == "after":
            raise Crash

    def confirmed(self) -> int | None:
        return self.number

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("crash", ["before", "after"])
def test_a_crash_between_state_and_output(tmp_path: Path, crash: str) -> None:
    """The lines of 0 to 9, two a commit; the run crashes in one commit and another goes on: each line stands once."""
    remote = Remote()

    def run(crash_at: int) -> None:
        state = state_of(tmp_path / "state")
        try:
            body = resume(state, remote.confirmed())
            assert not isinstance(body, Diagnostic)
            done, number = (body["done"], body["number"]) if body else (0, 0)
            remote.begun = []  # a transaction that was not confirmed is gone
            while done < 10:
                remote.write([b"%d" % done, b"%d" % (done + 1)])
                done, number = done + 2, number + 1
                remote.crash = crash if number == crash_at else ""
                commit(state, remote, {"number": number, "done": done})
        finally:
            state.close()

    with pytest.raises(Crash):
        run(3)
    run(0)
    assert remote.visible == [b"%d" % n for n in range(10)]


def test_the_state_is_not_kept_where_the_output_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink, state = sink_of(tmp_path / "out"), state_of(tmp_path / "state")
    sink.write([b"one"])
    commit(state, sink, {"number": 1})
    sink.write([b"two"])

    def fails(_handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output"):
        commit(state, sink, {"number": 2})
    monkeypatch.undo()
    found = state.read()
    assert isinstance(found, dict) and (found["number"], found["output"]["length"]) == (1, 4)
    state.close()
    sink.close()


def test_a_state_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_of(tmp_path / "state")
    state.prepare({"number": 1})
    state.accept()
    real = os.fsync

    def fails(handle: int) -> None:
        if os.fstat(handle).st_size > 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space") as caught:
        state.prepare({"number": 2})
    assert caught.value.filename == str(tmp_path / "state")
    assert state.read() == {"number": 1} and state.waiting() is None
    state.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_stream_that_is_full_is_named() -> None:
    with open("/dev/full", "wb", buffering=0) as stream, pytest.raises(OSError, match="No space") as caught:
        StreamSink(stream, "/dev/full").write([b"one"])
    assert caught.value.filename == "/dev/full"


def test_a_stream(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as stream:
        sink = StreamSink(stream)
        sink.write([b"one"])
        assert (tmp_path / "out").read_bytes() == b"one\n"
        assert sink.secure() == {"kind": "stream"} and sink.confirmed() is None
