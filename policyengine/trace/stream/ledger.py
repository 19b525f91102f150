"""What a monitor leaves on disk: the lines it wrote, and a state that says how far they stand.

The two are kept in step: the state is put in place only after the lines it speaks of are on disk, and a later run cuts
the lines to where the state says. So each line stands in the file once, whenever the run before was killed. What a line
or a state says is not known here. OSError, with the file's name, where the system refuses to write.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from policyengine.base.diagnostic import Diagnostic, error, shorten

try:
    import fcntl
except ImportError:  # Windows, where two monitors of one state are not noticed
    fcntl = None  # type: ignore[assignment]

STATE_VERSION = 1
TAIL = 1024  # bytes before the end of what is committed, by which an output is known again

Mark = dict[str, Any]
"""How far an output is committed, as JSON."""


class Sink(Protocol):
    """Where lines go."""

    name: str

    def write(self, lines: Sequence[bytes]) -> None:
        """Lines without their ends; a reader can see them when this returns."""

    def secure(self) -> Mark:
        """Make safe what was written, and say how far that is."""

    def confirm(self, number: int) -> None:
        """The state of that number is ready: what was written since the one before may take effect."""

    def confirmed(self) -> int | None:
        """The number of the last state that was confirmed, where the sink itself knows."""

    def close(self) -> None:
        """Let go of what is open."""


class StreamSink:
    """Standard output: what was written cannot be taken back."""

    def __init__(self, stream: BinaryIO, name: str = "<stdout>") -> None:
        self.name = name
        self._stream = stream

    def write(self, lines: Sequence[bytes]) -> None:
        if lines:
            data = memoryview(b"\n".join(lines) + b"\n")
            try:
                while data:  # without a buffer (PYTHONUNBUFFERED, a pipe) a signal may end a write half-way
                    data = data[self._stream.write(data) or 0:]
                self._stream.flush()
            except OSError as problem:
                raise OSError(problem.errno, problem.strerror, self.name) from None

    def secure(self) -> Mark:
        self._stream.flush()
        return {"kind": "stream"}

    def confirm(self, number: int) -> None:
        """A stream has no other shore to tell."""

    def confirmed(self) -> int | None:
        return None

    def close(self) -> None:
        """A stream is its owner's to close."""


class FileSink:
    """A file that only this monitor writes. A write that fails leaves no part of a line."""

    def __init__(self, name: str, handle: int, length: int) -> None:
        self.name = name
        self.length = length
        self._handle = handle

    def write(self, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        data = memoryview(b"\n".join(lines) + b"\n")
        whole = self.length + len(data)
        try:
            while data:
                data = data[os.write(self._handle, data):]
        except OSError as problem:
            self._take_back()
            raise OSError(problem.errno, problem.strerror, self.name) from None
        self.length = whole

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._handle, self.length)
            os.lseek(self._handle, self.length, os.SEEK_SET)
        except OSError:
            pass  # a later run with the state cuts the file

    def secure(self) -> Mark:
        try:
            os.fsync(self._handle)
        except OSError as problem:
            raise OSError(problem.errno, problem.strerror, self.name) from None
        return {"kind": "file", "path": str(Path(self.name).absolute()), "length": self.length,
                "tail_sha256": _tail(self._handle, self.length)}

    def confirm(self, number: int) -> None:
        """The state says how far the file counts."""

    def confirmed(self) -> int | None:
        return None

    def close(self) -> None:
        os.close(self._handle)


def open_output(name: str, mark: Mark | None, *, fresh: bool = False) -> FileSink | StreamSink | Diagnostic:
    """The output file, cut to what is committed; a new one where there is no mark. A pipe or device is written as it
    comes.

    What another run has written is never overwritten unless `fresh`.
    """
    path = Path(name)
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            return StreamSink(open(path, "wb", buffering=0), name)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as problem:
        return error("cannot-write", f"cannot write `{shorten(name)}`: {(problem.strerror or str(problem)).lower()}")
    size = os.fstat(handle).st_size
    wrong = None
    if not _locked(handle):
        wrong = error("in-use", f"another monitor writes `{shorten(name)}`")
    elif mark is None:
        if size and not fresh:
            wrong = error("output-exists", f"`{shorten(name)}` holds something already",
                          help="go on from an earlier run with its `--state`, or overwrite the file with `--fresh`")
        length = 0
    else:
        length = mark["length"]
        if mark["path"] != str(path.absolute()) or size < length or _tail(handle, length) != mark["tail_sha256"]:
            wrong = error("output-changed", f"`{shorten(name)}` is not the file whose first {length:,} bytes the state "
                          f"says were written (to `{shorten(mark['path'])}`)",
                          help="put that file back, or begin anew with `--fresh`")
    if wrong is not None:
        os.close(handle)
        return wrong
    os.ftruncate(handle, length)
    os.lseek(handle, length, os.SEEK_SET)
    os.fsync(handle)
    return FileSink(name, handle, length)


def _tail(handle: int, length: int) -> str:
    """The hash of the last bytes before `length`; the place in the file is moved to `length`."""
    start = max(0, length - TAIL)
    os.lseek(handle, start, os.SEEK_SET)
    return hashlib.sha256(os.read(handle, length - start)).hexdigest()


def _locked(handle: int) -> bool:
    """Whether this process now has the file to itself."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        # a file system that has no locks is no reason to refuse
        return problem.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


class StateFile:
    """The state of one monitor in a file that always is whole.

    A state is first made ready beside the file (`.next`), then put in its place; a sink that takes effect in between
    tells by its number which of the two holds.
    """

    def __init__(self, name: str, lock: int) -> None:
        self.name = name
        self._path = Path(name)
        self._next = self._path.with_name(self._path.name + ".next")
        self._lock = lock

    def read(self) -> dict[str, Any] | Diagnostic | None:
        """What the last run put in place; None where there was none."""
        return _read(self._path, self.name)

    def waiting(self) -> dict[str, Any] | None:
        """What the last run made ready and did not put in place, when that is whole."""
        found = _read(self._next, self.name)
        return found if isinstance(found, dict) else None

    def prepare(self, state: dict[str, Any]) -> None:
        """Make a state ready: on disk, not yet in place."""
        body = msgspec.json.encode(state)
        head = msgspec.json.encode({"guiju": "monitor state", "v": STATE_VERSION,
                                    "sha256": hashlib.sha256(body).hexdigest()})
        try:
            handle = os.open(self._next, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(head + b"\n" + body + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            self._next.unlink(missing_ok=True)
            raise OSError(problem.errno, problem.strerror, self.name) from None

    def accept(self) -> None:
        """Put in place what was made ready."""
        try:
            os.replace(self._next, self._path)
            _settle(self._path.parent)
        except OSError as problem:
            raise OSError(problem.errno, problem.strerror, self.name) from None

    def close(self) -> None:
        os.close(self._lock)


_BEGINS = b'{"guiju":"monitor state",'


def open_state(name: str, *, fresh: bool = False) -> StateFile | Diagnostic:
    """The state file of that name, for this process alone. With `fresh` it will be overwritten, so it has to be a
    state, however damaged, or empty."""
    path = Path(name)
    try:
        if fresh and path.exists():
            with path.open("rb") as file:
                if file.read(len(_BEGINS)) not in (b"", _BEGINS):
                    return error("bad-state", f"`{shorten(name)}` is not the state of a monitor",
                                 help="name another file")
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        return error("cannot-write", f"cannot write `{shorten(name)}`: {(problem.strerror or str(problem)).lower()}")
    if not _locked(lock):
        os.close(lock)
        return error("in-use", f"another monitor keeps its state in `{shorten(name)}`")
    return StateFile(name, lock)


def _read(path: Path, name: str) -> dict[str, Any] | Diagnostic | None:
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as problem:
        return error("bad-state", f"cannot read `{shorten(name)}`: {(problem.strerror or str(problem)).lower()}")
    body = body.removesuffix(b"\n")
    try:
        said = msgspec.json.decode(head)
        version, digest = said["v"], said["sha256"]
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, LookupError):
        return error("bad-state", f"`{shorten(name)}` is not the state of a monitor", help="name another file")
    if version != STATE_VERSION:
        return error("bad-state", f"`{shorten(name)}` is a state of version {version}, this guiju writes "
                     f"{STATE_VERSION}", help="begin anew with `--fresh`")
    if hashlib.sha256(body).hexdigest() != digest:
        return error("bad-state", f"`{shorten(name)}` is damaged: its hash is not that of what it holds",
                     help="restore it from a copy, or begin anew with `--fresh`")
    state = msgspec.json.decode(body)
    assert isinstance(state, dict)
    return state


def _settle(folder: Path) -> None:
    """Have the folder itself on disk, so that a rename outlives a power cut."""
    if os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def commit(state: StateFile | None, sink: Sink, body: dict[str, Any]) -> None:
    """Make what was written count, together with the state it was written from; `body["number"]` counts the commits."""
    mark = sink.secure()
    if state is None:
        sink.confirm(body["number"])
        return
    state.prepare({**body, "output": mark})
    sink.confirm(body["number"])
    state.accept()


def resume(state: StateFile, confirmed: int | None) -> dict[str, Any] | Diagnostic | None:
    """The state to go on from: the one in place, or the one made ready where the sink says that it took effect."""
    waiting = state.waiting()
    if waiting is not None and confirmed is not None and waiting["number"] == confirmed:
        state.accept()
        return waiting
    return state.read()
