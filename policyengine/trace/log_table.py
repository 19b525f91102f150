"""A table of events as other tools write it (CSV, TSV, Parquet) to events: a case, an activity and a time in each row.

In come the path and what the caller knows of the columns; out come the events, named as those of an XES log are
(`log_names`), and what the log turned out to hold. Which column is which is found by the names that tools give them,
and the order of day and month by the column itself; where either is open, it is asked for, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import BufferedReader, RawIOBase
from itertools import islice
from typing import Any, BinaryIO, Literal

from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, shorten
from policyengine.base.instants import parse_instant
from policyengine.base.record import record
from policyengine.base.source import Span
from policyengine.trace.log_names import ENVELOPE, identifier
from policyengine.trace.read import Context, Event, Problem, Problems, Records, Take, lines, opened, suffix_of

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")

HEAD_BYTES = 1 << 16  # so many say how the lines of a table end

Order = Literal["day-first", "month-first"]
Role = Literal["case", "activity", "time"]

ROLES: dict[Role, tuple[str, ...]] = {
    "case": ("case_concept_name", "case_id", "case", "caseid", "case_number", "case_key", "trace_id", "trace",
             "process_instance", "process_instance_id", "id_case"),
    "activity": ("concept_name", "activity", "activity_name", "activity_id", "event_name", "event_type", "event",
                 "task", "task_name", "action", "operation", "step", "type"),
    "time": ("time_timestamp", "complete_timestamp", "completion_timestamp", "complete_time", "completion_time",
             "end_timestamp", "end_time", "end_date", "timestamp", "event_time", "event_timestamp", "datetime",
             "date_time", "time", "date", "start_timestamp", "start_time", "start_date"),
}
"""What tools call the three columns, as `identifier` writes it, the likeliest first. Of a start and an end, the end is
when the activity has happened."""


@record
class Asked:
    """What the caller says of a table: the columns, by their own names, and which of two numbers is the day."""

    case: str | None = None
    activity: str | None = None
    time: str | None = None
    dates: Order | None = None

    def any(self) -> bool:
        return self != Asked()


@record
class Table:
    """What the columns of a table are. `names`: of all, as the table has them; `places`: of the three; `fields`: where
    each other stands, and the field that it becomes; `order`: what comes first in a date, where the dates say so."""

    names: tuple[str, ...]
    places: dict[Role, int]
    fields: tuple[tuple[int, str], ...]
    order: Order | None

    def keys(self) -> dict[str, str]:
        """Field -> column, the case first."""
        return {"case": self.names[self.places["case"]], **{name: self.names[place] for place, name in self.fields}}


def is_table(path: str) -> bool:
    """Whether a file is a table that no events can be read from as they are: CSV without `type` and `time`, or another
    kind of table. OSError passes through."""
    if suffix_of(path) != ".csv":
        return suffix_of(path) in SUFFIXES
    with _rows(path, lambda _: None) as rows:
        _, header = next(rows, (0, []))
        return bool(header) and not {"type", "time"} <= set(header)


def table_of(path: str, asked: Asked) -> tuple[Table | None, tuple[Diagnostic, ...]]:
    """The columns of a table, by its header and its dates; None with what is not clear. OSError passes through."""
    problems = Problems(path)
    with _rows(path, problems.add) as rows:
        row, header = next(rows, (1, []))
        names = tuple(one.strip() for one in header)
        places = _places(path, row, names, asked, problems)
        if places is None:
            return None, problems.all()
        when = places["time"]
        order = asked.dates or _order(values[when].strip() for _, values in rows if len(values) == len(names))
    return Table(names, places, _fields(names, places), order), ()


def table_events(path: str, table: Table, zone: str | None, activities: dict[str, str],
                 take: Take) -> tuple[Diagnostic, ...]:
    """Hands the events of a table to `take`, in its order; gives back why rows are none. `zone` is the IANA name under
    which times without an offset are read; without it they are errors. `activities`: filled with event type ->
    activity. OSError passes through."""
    problems = Problems(path)
    names, places = table.names, table.places
    types: dict[str, str] = {}
    number = 0
    with _rows(path, problems.add) as rows:
        for row, values in islice(rows, 1, None):
            if not any(values):
                continue
            number += 1
            at = Span(path, row, 1, row, 1)
            if len(values) != len(names):
                problems.add(error("uneven-row", f"the row has {len(values)} fields, the header has {len(names)}", at))
                continue
            given = {role: values[place].strip() for role, place in places.items()}
            empty = next((role for role, text in given.items() if not text), None)
            if empty:
                problems.add(error("missing-column", f"the event has no {empty}", at,
                                   f"`{shorten(names[places[empty]])}` is empty"))
                continue
            try:
                time = instant(given["time"], zone, table.order)
            except ValueError as problem:
                is_open = table.order is None and _SHORT.match(given["time"]) is not None
                problems.add(error("bad-time", str(problem), at, help="say which is the day: `--dates day-first` or "
                                   "`--dates month-first`" if is_open else ""))
                continue
            kind = types.get(given["activity"])
            if kind is None:
                kind = types[given["activity"]] = free(identifier(given["activity"]), activities)
                if kind:
                    activities[kind] = given["activity"]
            if kind:
                inside = {name: values[place] for place, name in table.fields if values[place].strip()}
                take(Event(kind, time, {"case": given["case"], **inside}, None, number, path, row, True))
            else:
                problems.add(error("bad-event-type", f"the activity `{shorten(given['activity'])}` has no letter or "
                                   "digit", at))
    return problems.all()


# ---- columns ------------------------------------------------------------------------------------------------------

def _places(path: str, row: int, names: Sequence[str], asked: Asked, problems: Problems) -> dict[Role, int] | None:
    """Where the three columns are; None, told, where one is not found."""
    at = Span(path, row, 1, row, 1)
    if any(one.startswith("ocel:") for one in names):
        problems.add(error("unknown-format", "this is an object-centric log (OCEL), whose events are of many objects "
                           "and of no one case", at, help="flatten it to one type of object, for example with pm4py"))
        return None
    known = [identifier(one).removesuffix("_") for one in names]
    places: dict[Role, int] = {}
    for role, likely in ROLES.items():
        wanted: str | None = getattr(asked, role)
        found = next((known.index(one) for one in likely if one in known), None) if wanted is None else \
            names.index(wanted) if wanted in names else None
        if found is not None:
            places[role] = found
            continue
        columns = ", ".join(f"`{shorten(one, 40)}`" for one in names[:12]) + (", …" if len(names) > 12 else "")
        what = f"there is no column `{shorten(wanted)}`" if wanted else f"no column is known to say the {role}"
        problems.add(error("missing-column", what, at, help=(wanted and did_you_mean(wanted, names)) or
                           f"name it with `--{role} COLUMN`; there are {columns}"))
    return places if len(places) == len(ROLES) else None


def _fields(names: Sequence[str], places: dict[Role, int]) -> tuple[tuple[int, str], ...]:
    """Where each other column stands, and the field that it becomes."""
    fields: list[tuple[int, str]] = []
    taken: dict[str, str] = {}
    for place, text in enumerate(names):
        if place in places.values():
            continue
        own = identifier(text) or f"column_{place + 1}"
        if own.removesuffix("_") in ENVELOPE:
            own = f"event_{own.removesuffix('_')}"
        own = free(own, taken)
        taken[own] = text
        fields.append((place, own))
    return tuple(fields)


def free(name: str, taken: dict[str, str]) -> str:
    """The name, with a number behind it where another text has it."""
    own, number = name, 1
    while name and own in taken:
        number += 1
        own = f"{name.removesuffix('_')}_{number}"
    return own


# ---- times --------------------------------------------------------------------------------------------------------

_CLOCK = (r"(?:[ T:,]+(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d+))?)?\s*([AaPp]\.?[Mm]\.?)?)?"
          r"\s*(Z|[+-]\d{2}(?::?\d{2})?)?")
_LONG = re.compile(rf"(\d{{4}})[-./](\d{{1,2}})[-./](\d{{1,2}}){_CLOCK}", re.ASCII)
_SHORT = re.compile(rf"(\d{{1,2}})([-./])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_CLOCK}", re.ASCII)


def instant(text: str, zone: str | None, order: Order | None) -> int:
    """A time as tools write it, in microseconds UTC: year first, or last with the day before or behind the month as
    `order` says; `.` stands between day, month and year. ValueError for anything that is not exactly one instant."""
    if found := _LONG.fullmatch(text):
        year, month, day, *clock = found.groups()
    elif found := _SHORT.fullmatch(text):
        first, mark, second, year, *clock = found.groups()
        if mark != "." and order is None:
            raise ValueError(f"`{shorten(text)}` may be of two days")
        day, month = (second, first) if mark != "." and order == "month-first" else (first, second)
        if len(year) == 2:
            year = f"{'19' if int(year) >= 70 else '20'}{year}"
    else:
        raise ValueError(f"`{shorten(text)}` is not a time such as `2026-11-20 23:59:59`, `20.11.2026 23:59` or "
                         "`11/20/2026 11:59 PM`")
    hour, minute, second, fraction, half, offset = clock
    whole = int(hour or 0)
    if half:
        if not 1 <= whole <= 12:
            raise ValueError(f"`{shorten(text)}` names a time of day that does not exist")
        whole = whole % 12 + (12 if half[0] in "Pp" else 0)
    part = (fraction or "").rstrip("0")
    shift = "" if offset is None else offset if offset == "Z" else f"{offset[:3]}:{offset[3:].lstrip(':') or '00'}"
    clock_text = f"{whole:02d}:{minute or '00'}:{second or '00'}{'.' if part else ''}{part}"
    plain = f"{year}-{month:0>2}-{day:0>2}T{clock_text}{shift}"
    try:
        return parse_instant(plain, zone)
    except ValueError as problem:
        raise ValueError(str(problem).replace(plain, shorten(text))) from None


def _order(times: Iterable[str]) -> Order | None:
    """Which of the first two numbers is the day, where the times of the column say so with one voice."""
    found: set[Order] = set()
    for text in times:
        short = _SHORT.fullmatch(text)
        if short and short[2] != ".":
            if int(short[1]) > 12:
                found.add("day-first")
            elif int(short[3]) > 12:
                found.add("month-first")
    return found.pop() if len(found) == 1 else None


# ---- rows ---------------------------------------------------------------------------------------------------------

@contextmanager
def _rows(path: str, add: Problem) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """The rows of a table as texts, the header first, each with the line on which it begins."""
    if suffix_of(path) == ".parquet":
        yield _parquet(path)
        return
    with open(path, "rb") as file:
        context = Context(path, None, add)
        data = opened(file, path)
        head = data.read(HEAD_BYTES)
        whole = _Joined(head, data)
        old = b"\r" in head and b"\n" not in head  # as spreadsheets on the older Macs wrote lines
        text = _split(whole) if old else lines(BufferedReader(whole, HEAD_BYTES), context)
        first = next(text, b"")
        records = Records(_again(first, text), context, _delimiter(first.decode(errors="replace")))
        yield ((records.row, values) for values in records.read())


class _Joined(RawIOBase):
    """The first bytes of a file and the rest, once more from the beginning."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self.head, self.rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        part = self.head[:len(into)] or self.rest.read(len(into))
        self.head = self.head[len(part):]
        into[:len(part)] = part
        return len(part)


def _split(file: RawIOBase) -> Iterator[bytes]:
    """The lines of a file that ends them with a carriage return alone."""
    left = b""
    for chunk in iter(partial(file.read, HEAD_BYTES), b""):
        *whole, left = (left + (chunk or b"")).split(b"\r")
        yield from (one + b"\n" for one in whole)
    if left:
        yield left


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _delimiter(header: str) -> str:
    """What stands between the names of the header most often, outside quotes."""
    plain = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=plain.count)


def _parquet(path: str) -> Iterator[tuple[int, list[str]]]:
    import duckdb  # only where it is asked for

    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        try:
            found = con.execute("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM read_parquet(?)", [path])
        except duckdb.Error as problem:
            raise OSError(str(problem).splitlines()[0]) from problem
        yield 1, [one[0] for one in found.description or ()]
        row = 0
        for values in iter(partial(found.fetchmany, 10_000), []):
            for one in values:
                row += 1
                yield row, ["" if value is None or value == "nan" else value for value in one]
