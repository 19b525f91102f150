"""DuckDB for one run: its memory, its threads and its temporary files, and its faults as diagnostics.

In come the limits the user gave and the files to be read, for their size; out comes a connection that leaves nothing
behind, whatever ends the run. What files say and what is asked of them is not known here.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from weakref import WeakSet

import duckdb

from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.base.interrupt import heard
from policyengine.base.scalars import start_of
from policyengine.trace.files.read import PACKED, suffix_of
from policyengine.trace.scan.forms import file_named, named, quoted

_PREFIX = "guiju-trace-"

HELD = 130
"""So many bytes of memory an event takes at most times, in tables and in what is made of them meanwhile."""

LINE, PACKED_LINE = 60, 6
"""Of a line of text, so many bytes at least."""


@contextmanager
def open_database(memory: str | None = None, threads: int | None = None, *, folder: str | None = None,
                  files: Sequence[str] = ()) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that holds at most `memory` (such as `500MB`) and has the rest in a folder of its own below `folder`
    (by default the system's for temporary files); without `memory`, all is held that finds room in the machine's.
    `files` are those that will be read, where they are known.

    The folder goes with the connection, also after an interrupt or an error; that of a run that was killed goes when
    the next one starts. `temp_folder` says where it is. ValueError for an amount of memory that is none.
    """
    base = folder or tempfile.gettempdir()
    _sweep(base)
    own = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base)
    con = None
    try:
        con = duckdb.connect(config={"temp_directory": own})
        if memory is not None:
            none = ValueError(f"`{shorten(memory)}` is not an amount of memory")
            if memory.lstrip().startswith("-"):  # which DuckDB takes for no limit at all
                raise none
            try:
                con.execute(f"SET memory_limit = {quoted(memory)}")
            except duckdb.Error as problem:
                raise none from problem
        if threads is not None:
            con.execute(f"SET threads = {threads:d}")
        con.execute("SET preserve_insertion_order = true")  # the place of a row in its file is part of the evidence
        con.execute("SET enable_progress_bar = false")
        # No checkpoint: it would write again what stands, the rows too that came in small parts and are read but once.
        con.execute("SET checkpoint_threshold = '1TB'")
        if memory is None or _find_room(con, files):
            con.execute("ATTACH ':memory:' AS trace")
        else:
            # Under a limit the rows stand in a file, compressed, and leave memory without being written. Of a table in
            # memory DuckDB 2.0 keeps what it packed into small pieces, 250 MB of 100 million events. A file takes half
            # as long again where there is room.
            con.execute(f"ATTACH {quoted(os.path.join(own, 'trace.db'))} AS trace (RECOVERY_MODE no_wal_writes)")
        con.execute("USE trace")
        # Else a thread of DuckDB's ends its part of a query first, which may take minutes.
        with heard(partial(_interrupt, con)):
            yield con
    finally:
        if con is not None:
            with suppress(duckdb.Error):
                con.close()
        shutil.rmtree(own, ignore_errors=True)


def _find_room(con: duckdb.DuckDBPyConnection, files: Sequence[str]) -> bool:
    """Whether all events of these files find room within the limit of a connection, as far as can be told; not where
    none is named."""
    number, unit = row_of(con, "SELECT current_setting('memory_limit')")[0].split()
    room: float = float(number) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB").index(unit)
    rows = 0
    for name in files:
        try:
            if suffix_of(name) == ".parquet":
                told = con.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({file_named(name)})").fetchone()
                rows += int(told[0] or 0) if told else 0
            else:
                rows += os.path.getsize(name) // (PACKED_LINE if name.lower().endswith(PACKED) else LINE)
        except (duckdb.Error, OSError):
            return False  # what is wrong is told when it is read
    return 0 < rows * HELD <= room


def another(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A second connection to the same tables, to be closed, for a query whose rows are fetched between others."""
    cursor = con.cursor()
    cursor.execute(f"USE {named(row_of(con, 'SELECT current_database()')[0])}")
    _others.add(cursor)
    return cursor


_others: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()


def _interrupt(con: duckdb.DuckDBPyConnection) -> None:
    """Break off what a connection is at, and what any other is: each hears for itself alone."""
    for one in (con, *_others):
        with suppress(duckdb.Error):  # it is closed
            one.interrupt()


def row_of(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The one row that a query gives."""
    found = con.execute(sql).fetchone()
    assert found is not None
    return found


@contextmanager
def any_order(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Rows of tables that are made meanwhile stand in any order, which spares much where several threads write."""
    [before] = row_of(con, "SELECT current_setting('preserve_insertion_order')")
    con.execute("SET preserve_insertion_order = false")
    try:
        yield
    finally:
        con.execute(f"SET preserve_insertion_order = {str(before).lower()}")


def number_of(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The one number that a query gives, 0 for null."""
    return int(row_of(con, sql)[0] or 0)


def temp_folder(con: duckdb.DuckDBPyConnection) -> str:
    """The folder of a connection's temporary files; it exists."""
    folder = str(row_of(con, "SELECT current_setting('temp_directory')")[0])
    os.makedirs(folder, exist_ok=True)
    return folder


def _sweep(base: str) -> None:
    """Remove what killed runs left: folders whose process is no more."""
    with suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            found = re.match(rf"{_PREFIX}([0-9]+)-", entry.name)
            if found and entry.is_dir(follow_symlinks=False) and not _runs(int(found.group(1))):
                shutil.rmtree(entry.path, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return True


# ---- faults -------------------------------------------------------------------------------------------------------

_FULL = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
"""What the system says of a disk that takes no more of this user or this process."""


def fault(problem: duckdb.Error | OSError, name: str = "") -> Diagnostic | None:
    """What a failure of DuckDB means to a user; None when it is our own mistake. `name` is the file that was read."""
    said = str(problem).split("\n\n")[0].replace("\n", " ")
    place = start_of(name) if name else None
    no_memory = isinstance(problem, duckdb.OutOfMemoryException)
    no_room = no_memory and "temp" in said.lower() and ("disk" in said.lower() or "max_temp_directory_size" in said)
    if no_room or any(reason in said for reason in _FULL) or getattr(problem, "errno", None) in (errno.ENOSPC,
                                                                                                 errno.EDQUOT):
        return error("disk-full", "the disk for temporary files is full",
                     help="set the environment variable TMPDIR to a folder on a larger disk")
    if no_memory:
        return error("out-of-memory", "the run needs more memory than it may take",
                     help="allow more with `--memory`, or ask fewer rules at once")
    if isinstance(problem, OSError):
        reason = (problem.strerror or str(problem)).lower()
        return error("unreadable-file", f"cannot read `{shorten(name)}`: {shorten(reason)}", place)
    if not name:
        return None
    if "No magic bytes" in said or "too small to be a Parquet file" in said or "Invalid footer" in said:
        return error("cut-off", f"`{shorten(name)}` is cut off, or is no Parquet", place,
                     help="a Parquet file is whole when its last four bytes are `PAR1`")
    # Of a damaged file DuckDB's readers raise the mother of its exceptions too.
    if type(problem) is duckdb.Error or isinstance(problem, duckdb.IOException | duckdb.InvalidInputException
                                                   | duckdb.SerializationException | duckdb.InternalException):
        reason = re.sub(r"^[A-Za-z ]*Error: ", "", said)
        reason = shorten(reason[:1].lower() + reason[1:], 100)
        return error("unreadable-file", f"cannot read `{shorten(name)}`: {reason}", place)
    return None
