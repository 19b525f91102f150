"""Where a monitor's lines come from: a pipe, a file, a file that grows and is rotated.

Out come chunks of whole lines with the file and the row of each, and the position after them, from which a later run
goes on. What a line says is not known here, but that one without an end is half a line until it is JSON. A feed blocks
for no longer than it is told to, and raises OSError where the system does.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import stat
import time
from collections.abc import Iterable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from policyengine.base.diagnostic import Diagnostic, error, shorten, warning
from policyengine.base.record import record
from policyengine.trace.files.read import MAX_LINE_BYTES

CHUNK = 1 << 17  # bytes read at once; what is made of them should stay in the processor's own memory
POLL = 0.1  # seconds between two looks at a file that is followed
GRACE = 1.0  # seconds for which a rotated file is still read: its writer may not have opened the new one yet
HEAD = 1024  # bytes from the beginning of a file by which it is known again
BOM = b"\xef\xbb\xbf"

PACKED = (".gz", ".zst", ".xz", ".bz2")

Position = dict[str, Any]
"""Where a feed stands, as JSON: for a file its path, its beginning, and the bytes and rows handed out."""


@record
class Chunk:
    """Lines without their ends, and for each the file (as the user named it) and its 1-based row there. All may be gone
    through more than once."""

    lines: Sequence[bytes]
    files: Iterable[str]
    rows: Sequence[int]


NOTHING = Chunk((), (), ())


class Feed(Protocol):
    """A source of lines."""

    name: str
    resumes: bool
    """Whether a later run can go on from `position`."""
    live: bool
    """Whether more may come after what there is now."""

    def read(self, wait: float) -> Chunk | None:
        """The next lines; none (`NOTHING`) when none came within `wait` seconds; None after the last."""

    def position(self) -> Position:
        """Where the feed stands after all that `read` has given."""

    def notices(self) -> Sequence[Diagnostic]:
        """What happened to the source since last asked, such as a file that was cut short."""

    def close(self) -> None:
        """Let go of what is open."""


class _Cutter:
    """Bytes as they come -> whole lines. Of a line longer than MAX_LINE_BYTES only so much is kept."""

    def __init__(self) -> None:
        self.held = b""
        self.dropped = 0

    def cut(self, data: bytes) -> list[bytes]:
        """The lines that `data` ends."""
        lines = data.split(b"\n")
        if len(lines) == 1:
            self._hold(data)
            return []
        lines[0] = (self.held + lines[0])[:MAX_LINE_BYTES]
        self.held, self.dropped = b"", 0
        self._hold(lines.pop())
        return lines

    def _hold(self, data: bytes) -> None:
        room = MAX_LINE_BYTES - len(self.held)
        self.held += data[:room]
        self.dropped += max(0, len(data) - room)

    @property
    def open(self) -> int:
        """The bytes of a line that has begun and not ended."""
        return len(self.held) + self.dropped

    def half(self) -> bool:
        """Whether a line has begun that is not JSON yet."""
        if not self.held.strip():
            return False
        try:
            json.loads(self.held)
        except (ValueError, RecursionError):
            return True
        return False

    def rest(self) -> list[bytes]:
        """The line without an end, when there is one."""
        last, self.held, self.dropped = self.held, b"", 0
        return [last] if last else []


class _Rows:
    """Lines counted into chunks; the byte order mark before the first is dropped."""

    def __init__(self, name: str, row: int = 0) -> None:
        self.name = name
        self.row = row

    def chunk(self, lines: list[bytes]) -> Chunk:
        first = self.row + 1
        if first == 1:
            lines[0] = lines[0].removeprefix(BOM)
        self.row += len(lines)
        return Chunk(lines, repeat(self.name), range(first, self.row + 1))


class StreamFeed:
    """Standard input, or a pipe. What was read cannot be read again; `row` counts on from an earlier run."""

    resumes = False
    live = True

    def __init__(self, stream: BinaryIO, name: str, position: Position | None = None) -> None:
        self.name = name
        self._stream = stream
        self._rows = _Rows(name, position["row"] if position else 0)
        self._cutter = _Cutter()
        self._ended = False
        try:
            self._handle: int | None = stream.fileno()
        except (OSError, ValueError):
            self._handle = None  # bytes in memory, which never wait

    def read(self, wait: float) -> Chunk | None:
        until = time.monotonic() + wait
        while not self._ended:
            if self._handle is None:
                data = self._stream.read(CHUNK)
            elif self._comes(max(0.0, until - time.monotonic())):
                data = os.read(self._handle, CHUNK)
            else:
                return NOTHING
            self._ended = not data
            lines = self._cutter.cut(data) if data else self._cutter.rest()
            if lines:
                return self._rows.chunk(lines)
        return None

    def _comes(self, wait: float) -> bool:
        assert self._handle is not None
        if os.name == "nt":
            return True  # Windows cannot wait for a pipe: the read itself does
        return bool(select.select([self._handle], [], [], wait)[0])

    def position(self) -> Position:
        return {"kind": "stream", "row": self._rows.row}

    def notices(self) -> Sequence[Diagnostic]:
        return ()

    def close(self) -> None:
        """A stream is its owner's to close."""


@record
class _Generation:
    """A file that is, or was before rotation, the one followed."""

    path: Path
    inode: tuple[int, int]
    size: int


class FileFeed:
    """A file, from a position on; with `follow` also what is added to it, and the files that take its place. `again`:
    a later run will go on from where this one ends, and read the other half of a line of which there is half."""

    resumes = True

    def __init__(self, path: Path, name: str, handle: int, follow: bool, again: bool, offset: int = 0,
                 row: int = 0) -> None:
        self.name = name
        self.live = follow
        self._again = again
        self._path = path
        self._handle = handle
        self._offset = offset
        self._rows = _Rows(name, row)
        self._cutter = _Cutter()
        self._ended = False
        self._waits = False
        self._overtaken: float | None = None  # since when a file that takes this one's place has been seen
        self._notices: list[Diagnostic] = []
        os.lseek(handle, offset, os.SEEK_SET)
        self._head = _head(handle, min(offset, HEAD))  # of what was read, by which the file is known

    def read(self, wait: float) -> Chunk | None:
        until = time.monotonic() + wait
        while not self._ended:
            if self.live and _head(self._handle, len(self._head)) != self._head:  # it may also be longer by now
                chunk = self._begin_again()
                if chunk is not None:
                    return chunk
            data = os.read(self._handle, CHUNK)
            self._offset += len(data)
            if len(self._head) < HEAD:
                self._head += data[:HEAD - len(self._head)]
            chunk = self._cut(self._cutter.cut(data)) if data else self._at_end()
            if data and self._overtaken is not None:
                self._overtaken = time.monotonic()
            if chunk is not None:
                return chunk
            left = until - time.monotonic()
            if not data and not self._ended and self._waits:
                if left <= 0:
                    return NOTHING
                time.sleep(min(left, POLL))
        return None

    def _cut(self, lines: list[bytes]) -> Chunk | None:
        return self._rows.chunk(lines) if lines else None

    def _at_end(self) -> Chunk | None:
        """The file has no more for now: its last line where it never will, then the file that took its place."""
        self._waits = False
        if os.fstat(self._handle).st_size < self._offset:
            return self._begin_again()  # cut to where it still begins alike
        following = self._next()
        if self.live:
            now = time.monotonic()
            if following is not None and self._overtaken is None:
                self._overtaken = now
            self._waits = following is None or now < (self._overtaken or now) + GRACE
            if self._waits:
                return None
        if self._again and following is None and self._cutter.half():
            self._notices.append(warning("half-a-line", f"the last line of `{shorten(self.name)}` has no end yet; the "
                                         "next run begins with it"))
            self._ended = True
            return None
        rest = self._cut(self._cutter.rest())
        if rest is None and following is not None:
            self._go_on(following)
        elif rest is None:
            self._ended = True
        return rest

    def _begin_again(self) -> Chunk | None:
        self._notices.append(error(
            "input-cut-short", f"`{shorten(self.name)}` was cut short while it was read; it is read again from its "
            "beginning, and what was written and cut between two looks at it is lost",
            help="rotate it by renaming (`create` in logrotate), not by `copytruncate`"))
        rest = self._cut(self._cutter.rest())
        os.lseek(self._handle, 0, os.SEEK_SET)
        self._offset, self._rows, self._head = 0, _Rows(self.name), b""
        return rest

    def _next(self) -> Path | None:
        """The file that came after the one read, when it has been replaced."""
        mine = _inode(os.fstat(self._handle))
        try:
            if _inode(os.stat(self._path)) == mine:
                return None
            there = [self._path]
        except FileNotFoundError:
            there = []
        generations = _generations(self._path)
        places = [place for place, one in enumerate(generations) if one.inode == mine]
        after = [one.path for one in generations[places[0] + 1:]] if places else there
        return after[0] if after else None

    def _go_on(self, path: Path) -> None:
        handle = os.open(path, os.O_RDONLY)
        os.close(self._handle)
        self._handle, self._offset, self._rows, self._overtaken = handle, 0, _Rows(self.name), None
        self._head = b""

    def position(self) -> Position:
        offset = self._offset - self._cutter.open
        head = self._head[:offset]
        return {"kind": "file", "path": str(self._path), "offset": offset, "row": self._rows.row,
                "inode": list(_inode(os.fstat(self._handle))), "head": len(head), "head_sha256": _digest(head)}

    def notices(self) -> Sequence[Diagnostic]:
        told, self._notices = self._notices, []
        return told

    def close(self) -> None:
        os.close(self._handle)


def open_file(name: str, *, follow: bool, again: bool = False,
              position: Position | None = None) -> FileFeed | StreamFeed | Diagnostic:
    """The feed of the file that a user named, from the beginning or from where an earlier run stood; `again` as in
    `FileFeed`.

    The earlier file is found again by its inode and its beginning, also under the name that rotation gave it. OSError
    where it cannot be opened.
    """
    path = Path(name).absolute()
    wrong = _unreadable(name, path)
    if wrong is not None:
        return wrong
    if not stat.S_ISREG(os.stat(path).st_mode):
        return StreamFeed(open(path, "rb", buffering=0), name, position)
    if position is None:
        return FileFeed(path, name, os.open(path, os.O_RDONLY), follow, again)
    generations = _generations(path)
    generations.sort(key=lambda one: list(one.inode) != position["inode"])  # its own inode first, then look-alikes
    if not position["offset"]:  # nothing was read by which another file could be known
        generations = [one for one in generations if list(one.inode) == position["inode"] or one.path == path]
    for one in generations:
        handle = os.open(one.path, os.O_RDONLY)
        if one.size >= position["offset"] and _digest(_head(handle, position["head"])) == position[
                "head_sha256"]:
            return FileFeed(path, name, handle, follow, again, position["offset"], position["row"])
        os.close(handle)
    return error("input-changed", f"`{shorten(name)}` is not the file of which {position['offset']:,} bytes were read, "
                 "and no file that rotation has put aside is",
                 help="put the earlier file back (unpacked, under a name such as "
                 f"`{shorten(path.name)}.1`), or begin anew with `--fresh`")


def _unreadable(name: str, path: Path) -> Diagnostic | None:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".parquet", ".xes", *PACKED):
        how = f"`gunzip -c {shorten(name)}`" if suffix == ".gz" else "another program"
        return error("unknown-format", f"`{shorten(name)}` ends in `{suffix}`; a monitor reads lines of JSON",
                     help=f"turn it into NDJSON and pipe it in: {how} before `| guiju monitor … --events -`")
    if not path.exists():
        return error("missing-file", f"`{shorten(name)}` does not exist")
    if path.is_dir():
        return error("unreadable-file", f"`{shorten(name)}` is a directory, not a file")
    return None


def _generations(path: Path) -> list[_Generation]:
    """The files that rotation made of this one (`events.ndjson.1`, `events-20261122.ndjson`), oldest first, and the
    file itself last."""
    stem, suffix = re.escape(path.stem), re.escape(path.suffix)
    rotated = re.compile(rf"(?:{stem}{suffix}[.-]\d[\dTtZz_.:-]*|{stem}[.-]\d[\dTtZz_.:-]*{suffix})")
    found = []
    for one in path.parent.iterdir():
        if one.name != path.name and rotated.fullmatch(one.name):
            status = one.stat()
            found.append((status.st_mtime_ns, _generation(one, status)))
    found.sort(key=lambda one: (one[0], one[1].path.name))
    files = [one for _, one in found]
    if path.exists():
        files.append(_generation(path, path.stat()))
    return files


def _generation(path: Path, status: os.stat_result) -> _Generation:
    return _Generation(path, _inode(status), status.st_size)


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _head(handle: int, length: int) -> bytes:
    """The first bytes of a file."""
    here = os.lseek(handle, 0, os.SEEK_CUR)
    os.lseek(handle, 0, os.SEEK_SET)
    head = os.read(handle, length)
    os.lseek(handle, here, os.SEEK_SET)
    return head


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
