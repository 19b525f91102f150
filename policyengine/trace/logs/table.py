"""A table of events as other tools write it to events: a case, an activity and a time in each row.

In come the path and what the caller knows of the columns; out come the events, named as those of an XES log are
(`log_names`), and what the log turned out to hold. Which column is which is found by the names that tools give them,
and the order of day and month by the column itself; where either is open, it is asked for, never guessed. How rows are
read is `logs.rows`'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, shorten, warning
from policyengine.base.instants import parse_instant
from policyengine.base.record import record
from policyengine.base.scalars import WHOLE_DIGITS
from policyengine.base.source import Span
from policyengine.trace.files.log_names import ENVELOPE, LONGEST, identifier
from policyengine.trace.files.read import ALIKE, Event, Problems, Take, no_events, suffix_of
from policyengine.trace.files.xes_values import VALUES
from policyengine.trace.logs.rows import LINES, rows

Order = Literal["day-first", "month-first"]
Role = Literal["case", "activity", "time", "clock"]

ROLES: dict[Role, tuple[str, ...]] = {
    "case": ("case_concept_name", "case_id", "case", "caseid", "case_number", "case_key", "trace_id", "trace",
             "process_instance", "process_instance_id", "process_instance_key", "id_case", "correlation_id",
             "conversation_id", "session_id", "thread_id",
             "案例编号", "案例ID", "案例", "流程实例编号", "流程实例ID", "流程编号", "工单编号",
             "工单号", "会话编号", "会话ID"),
    "activity": ("concept_name", "activity", "activity_name", "activity_en", "activity_id", "event_name", "event_type",
                 "event", "task", "task_name", "action", "operation", "step", "type",
                 "活动名称", "活动", "事件类型", "事件名称", "事件", "操作类型", "操作", "环节", "任务名称", "步骤"),
    "time": ("time_timestamp", "complete_timestamp", "completion_timestamp", "complete_time", "completion_time",
             "end_timestamp", "end_time", "end_date", "timestamp", "event_time", "event_timestamp", "datetime",
             "date_time", "time", "date", "start_timestamp", "start_time", "start_date", "time_unix_nano",
             "occurred_at", "created_at", "end_time_unix_nano", "start_time_unix_nano",
             "完成时间", "结束时间", "时间戳", "发生时间", "事件时间", "操作时间", "时间", "日期", "开始时间"),
}
"""What tools call the three columns, with or without `_` or a hump, the likeliest first. Of a start and an end, the end
is when the activity has happened."""

_LEAVE = "leave such rows out of the log, or say which column is meant: "
_WITHOUT: dict[Role, str] = {
    "case": "`--skip-without-case` leaves such rows out, `--case` says which column is meant",
    "activity": f"{_LEAVE}`--activity`", "time": f"{_LEAVE}`--time`", "clock": f"{_LEAVE}`--time`"}
_WHEN: tuple[Role, ...] = ("time", "clock")


@record
class Asked:
    """What the caller says of a table: the columns, by their own names, and which of two numbers is the day.

    `activity_name`: what happened in each row, where no column says it; `skip_without_case`: rows that are of no case
    are left out; `encoding`: that of a table of text, as Python calls it, where it is not UTF-8.
    """

    case: str | None = None
    activity: str | None = None
    time: str | None = None
    dates: Order | None = None
    activity_name: str | None = None
    skip_without_case: bool = False
    encoding: str | None = None

    def any(self) -> bool:
        return self != Asked()


@record
class Table:
    """What the columns of a table are. `names`: of all, as the table has them; `places`: of the three, and of the clock
    where `time` is the day alone; `fields`: where each other stands, and the field that it becomes; `order`: what comes
    first in a date, where the dates say so; the others as in `Asked`."""

    names: tuple[str, ...]
    places: dict[Role, int]
    fields: tuple[tuple[int, str], ...]
    order: Order | None
    activity_name: str | None = None
    skip_without_case: bool = False
    encoding: str | None = None

    def keys(self) -> dict[str, str]:
        """Field -> column, the case first."""
        return {"case": self.names[self.places["case"]], **{name: self.names[place] for place, name in self.fields}}


def table_of(path: str, asked: Asked) -> tuple[Table | None, tuple[Diagnostic, ...]]:
    """The columns of a table, by their names and its dates; None with what is not clear. OSError passes through."""
    problems = Problems(path, ALIKE)
    with rows(path, problems.add, encoding=asked.encoding) as (row, names, each):
        if not names:  # what is wrong with the first line is told by reading on
            any(True for _ in each)
            return None, problems.all() or (no_events(path),)
        places = _places(path, row, names, asked, problems)
        if places is None:
            return None, problems.all()
        order = asked.dates or _order(_time_text(values, places) for _, values in each)
    return Table(names, places, _fields(names, places), order, asked.activity_name, asked.skip_without_case,
                 asked.encoding), ()


def table_events(path: str, table: Table, zone: str | None, activities: dict[str, str],
                 take: Take) -> tuple[Diagnostic, ...]:
    """Hands the events of a table to `take`, in its order; gives back why rows are none, and a warning where times are
    cut to the microsecond. `zone` is the IANA name under which times without an offset are read; without it they are
    errors. `activities`: filled with event type -> activity. Rows without a case are errors, or left out and counted in
    a warning, as the table says. OSError passes through."""
    problems = Problems(path, ALIKE)
    names, places, text_fields = table.names, table.places, suffix_of(path) not in LINES
    types: dict[str, str] = {}
    finer: list[int] = []
    skipped: list[int] = []
    number = 0
    with rows(path, problems.add, table.names, table.encoding) as (_, _, each):
        for row, values in each:
            if not values:
                continue
            number += 1
            at = Span(path, row, 1, row, 1)
            given = {role: _text(values.get(place)) for role, place in places.items()}
            if table.skip_without_case and not given["case"] and isinstance(values.get(places["case"]), str | None):
                skipped.append(row)
                continue
            if table.activity_name is not None:
                given["activity"] = table.activity_name
            empty = next((role for role, text in given.items() if not text), None)
            if empty:
                problems.add(error("missing-column", f"the event has no {empty}", at,
                                   f"`{shorten(names[places[empty]])}` is empty", help=_WITHOUT[empty]))
                continue
            when = _time_text(values, places)
            try:
                time = instant(when, zone, table.order)
            except ValueError as problem:
                is_open = table.order is None and _SHORT.match(when) is not None
                problems.add(error("bad-time", str(problem), at, help="say which is the day: `--dates day-first` or "
                                   "`--dates month-first`" if is_open else next(
                                       (help for form, help in _OTHERWISE if form.fullmatch(when)), "")))
                continue
            if _FINER.search(when):
                finer.append(row)
            kind = types.get(given["activity"])
            if kind is None:
                kind = types[given["activity"]] = free(identifier(given["activity"]), activities)
                if kind:
                    activities[kind] = given["activity"]
            if kind:
                inside = {name: _value(values[place]) for place, name in table.fields if place in values}
                take(Event(kind, time, {"case": given["case"], **inside}, None, number, path, row, text_fields))
            else:
                problems.add(error("bad-event-type", f"the activity `{shorten(given['activity'])}` has no letter or "
                                   "digit", at))
    if skipped:
        many = "one row is" if len(skipped) == 1 else f"{len(skipped):,} rows are"
        problems.add(warning("rows-left-out", f"{many} of no case and left out, of {number:,}",
                             Span(path, skipped[0], 1, skipped[0], 1), "the first"))
    if finer:
        many = "one time is" if len(finer) == 1 else f"{len(finer):,} times are"
        problems.add(warning("time-cut", f"{many} finer than a microsecond and cut to it; between equal ones the order "
                             "of the rows decides", Span(path, finer[0], 1, finer[0], 1), "the first"))
    return problems.all()


def _time_text(values: Mapping[int, Any], places: Mapping[Role, int]) -> str:
    """The time of a row as one text, where day and clock stand apart too."""
    return " ".join(_text(values.get(places[role])) for role in _WHEN if role in places)


def _text(value: Any) -> str:
    """What a value says of the case, the activity or the time; empty where it says nothing."""
    match value:
        case str():
            return value.strip()
        case Decimal() if value.is_finite() and abs(value.adjusted()) <= WHOLE_DIGITS:
            return format(value, "f")
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case _:
            return ""


def _value(value: Any) -> Any:
    """A value as `files.read` has it. A whole number that is too long for one is somebody's name for something, and
    becomes text; decimals are those of XES; a time with its offset is written in the one way that it is known by."""
    match value:
        case str():
            return f"{value[:-2]}:{value[-2:]}" if _BARE_OFFSET.fullmatch(value) else value
        case dict():
            inside: dict[str, Any] = {}
            for key, one in value.items():
                inside[free(identifier(key), inside) or key] = _value(one)
            return inside
        case list():
            return [_value(one) for one in value]
        case Decimal():
            try:
                return VALUES["number"](str(value), None)
            except ValueError:
                return str(value)
        case int() if abs(value) >= 10 ** WHOLE_DIGITS:
            return str(value)
        case _:
            return value


# ---- columns ------------------------------------------------------------------------------------------------------

def _places(path: str, row: int, names: Sequence[str], asked: Asked, problems: Problems) -> dict[Role, int] | None:
    """Where the three columns are; None, told, where one is not found."""
    at = Span(path, row, 1, row, 1)
    if any(one.startswith("ocel:") for one in names) or {"objectTypes", "eventTypes"} <= set(names):
        problems.add(error("unknown-format", "this is an object-centric log (OCEL), whose events are of many objects "
                           "and of no one case", at, help="flatten it to one type of object, for example with pm4py"))
        return None
    known = [identifier(one).replace("_", "") for one in names]
    places: dict[Role, int] = {}
    said: dict[Role, str | None] = {"case": asked.case, "activity": asked.activity, "time": asked.time}
    if asked.activity_name is not None:
        del said["activity"]
    if asked.time and "+" in asked.time and asked.time not in names:
        said["time"], said["clock"] = (one.strip() for one in asked.time.split("+", 1))
    columns = ", ".join(f"`{shorten(one, 40)}`" for one in names[:12]) + (", …" if len(names) > 12 else "")
    unknown: list[Role] = []
    for role, wanted in said.items():
        likely = [identifier(one).replace("_", "") for one in ROLES.get(role, ())]
        if role == "activity" and "spanid" in known:
            likely.append("name")  # of a span what it did, of anything else somebody or something
        found = next((known.index(one) for one in likely if one in known), None) if wanted is None else \
            names.index(wanted) if wanted in names else None
        if found is not None:
            places[role] = found
        elif wanted:
            problems.add(error("missing-column", f"there is no column `{shorten(wanted)}`", at,
                               help=did_you_mean(wanted, names) or f"there are {columns}"))
        else:
            unknown.append(role)
    if unknown and len(names) == 1:
        problems.add(error("missing-column", f"no column is known to say the {' or the '.join(unknown)}", at,
                           f"one column, {columns}",
                           help="the first line names the columns, with `,`, `;`, tab or `|` between them"))
    elif unknown:
        problems.add(error("missing-column", f"no column is known to say the {' or the '.join(unknown)}", at,
                           help="say it with " + ", ".join(f"`--{role} COLUMN`" for role in unknown)
                           + (", or `--activity-name NAME` where each row is of one kind" if "activity" in unknown
                              else "") + f"; there are {columns}"))
    return places if len(places) == len(said) else None


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
    """The name, with a number behind it where another text has it, and cut where it is too long to be written."""
    name = name[:LONGEST].rstrip("_") if len(name) > LONGEST else name
    own, number = name, 1
    while name and own in taken:
        number += 1
        own = f"{name.removesuffix('_')}_{number}"
    return own


# ---- times --------------------------------------------------------------------------------------------------------

_CLOCK = (r"(?:[ T:,]+(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d+))?)?\s*([AaPp]\.?[Mm]\.?)?)?"
          r"\s*(Z|[+-]\d{2}(?::?\d{2})?)?")
_EPOCH = re.compile(r"([1-9]\d{9})(?:\.(\d+))?|([1-9]\d{12})(?:\.(\d{1,3}))?|([1-9]\d{15}|[1-9]\d{18})", re.ASCII)
_BARE_DAY = re.compile(r"^(\d{4})(\d\d)(\d\d)(?:[ T]+|(?=\d{4})|$)", re.ASCII)
_BARE_CLOCK = re.compile(r"(?<= )(\d\d)(\d\d)(\d\d)?(?=$|[.,Z+-])", re.ASCII)
_BARE_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d{4}", re.ASCII)
_FINER = re.compile(r"[.,]\d{6}\d*[1-9]|^\d{16}\d*[1-9]\d*$", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|"
          r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?")
_WEEKDAY = r"(?:(?:mon|tue(?:s)?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? +)?"
_WORDED = tuple(re.compile(_WEEKDAY + form, re.ASCII | re.IGNORECASE) for form in (
    rf"(?P<day>\d{{1,2}})[- /]{_MONTH}[- /](?P<year>\d{{4}}|\d\d)(?:[:, ]+(?P<rest>\d.*))?",
    rf"{_MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})(?:[, ]+(?P<rest>\d.*))?",
    rf"{_MONTH} +(?P<day>\d{{1,2}}) (?P<rest>\d\d:\S+(?: [-+]\d{{4}}| UTC| GMT)?) (?P<year>\d{{4}})"))
_WORD = re.compile("[A-Za-z]{3}")
_ZONE_NAME = re.compile(r"(Z|[+-]\d\d:?\d\d)\[[A-Za-z0-9_/+-]+\]$", re.ASCII)
_CHINESE_DAY = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})[日号]\s*", re.ASCII)
_CHINESE_CLOCK = re.compile(r"(\d{1,2})[时点](?:(\d{1,2})分)?(?:(\d{1,2})秒)?", re.ASCII)
_HALF = re.compile(r"(上午|下午)\s*([\d:.]+)", re.ASCII)
_HALVES = {"上午": "AM", "下午": "PM"}
_OTHERWISE = (
    (re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?", re.ASCII),
     "say in which columns day and clock stand: `--time DAY+CLOCK`"),
    (re.compile(r"[1-9]\d{4}(?:\.\d+)?", re.ASCII),
     "spreadsheets count days so: give the column a format of dates there, and export it again"))
_LONG = re.compile(rf"(\d{{4}})[-./](\d{{1,2}})[-./](\d{{1,2}}){_CLOCK}", re.ASCII)
_SHORT = re.compile(rf"(\d{{1,2}})([-./])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_CLOCK}", re.ASCII)


def instant(text: str, zone: str | None, order: Order | None) -> int:
    """A time as tools write it, in microseconds UTC: year first, or last with the day before or behind the month as
    `order` says, or with the month as an English word; `.` stands between day, month and year. A number of 10, 13, 16
    or 19 digits counts seconds or parts of them since 1970, in the years 2001 to 2286. What is finer than a microsecond
    is cut. ValueError for anything that is not exactly one instant."""
    if found := _EPOCH.fullmatch(text):
        return int("".join(one for one in found.groups() if one).ljust(16, "0")[:16])
    plain = _marked(text)
    if found := _LONG.fullmatch(plain):
        year, month, day, *clock = found.groups()
    elif found := _SHORT.fullmatch(plain):
        first, mark, second, year, *clock = found.groups()
        if mark != "." and order is None:
            raise ValueError(f"`{shorten(text)}` may be of two days" if max(int(first), int(second)) <= 12 else
                             f"`{shorten(text)}` does not say day and month in the order of others in its column")
        day, month = (second, first) if mark != "." and order == "month-first" else (first, second)
        year = _whole(year)
    else:
        raise ValueError(f"`{shorten(text)}` is not a time such as `2026-11-20 23:59:59`, `20.11.2026 23:59` or "
                         "`11/20/2026 11:59 PM`")
    hour, minute, second, fraction, half, offset = clock
    whole = int(hour or 0)
    if half:
        if not 1 <= whole <= 12:
            raise ValueError(f"`{shorten(text)}` names a time of day that does not exist")
        whole = whole % 12 + (12 if half[0] in "Pp" else 0)
    part = (fraction or "")[:6]
    shift = "" if offset is None else offset if offset == "Z" else f"{offset[:3]}:{offset[3:].lstrip(':') or '00'}"
    clock_text = f"{whole:02d}:{minute or '00'}:{second or '00'}{'.' if part else ''}{part}"
    whole_text = f"{year}-{month:0>2}-{day:0>2}T{clock_text}{shift}"
    try:
        return parse_instant(whole_text, zone)
    except ValueError as problem:
        raise ValueError(str(problem).replace(whole_text, shorten(text))) from None


def _whole(year: str) -> str:
    return year if len(year) == 4 else f"{'19' if int(year) >= 70 else '20'}{year}"


def _marked(text: str) -> str:
    """A time with marks between its numbers: `20260131T235959Z` is `2026-01-31 23:59:59Z`, and so are
    `31/Jan/2026:23:59:59 +0000` of web servers, `31-JAN-26 11.59.59 PM UTC` of Oracle, `Sat Jan 31 23:59:59 UTC 2026`,
    `Jan 31, 2026 11:59:59 PM GMT`, `2026年1月31日 下午11点59分59秒 +00:00`, and `2026-01-31T23:59:59Z[UTC]` of Java,
    where the offset has said it."""
    if not text.isascii():
        text = _HALF.sub(lambda found: f"{found[2]} {_HALVES[found[1]]}", _CHINESE_CLOCK.sub(
            lambda found: ":".join(f"{one or '':0>2}" for one in found.groups()), _CHINESE_DAY.sub(r"\1-\2-\3 ", text)))
    text = _ZONE_NAME.sub(r"\1", text)
    if _WORD.search(text):
        if found := next(filter(None, (one.fullmatch(text) for one in _WORDED)), None):
            month = _MONTHS.index(found["month"].lower()[:3]) + 1
            text = f"{_whole(found['year'])}-{month}-{found['day']} {found['rest'] or ''}".rstrip()
        text = re.sub(r"(?<=\d) ?(?:GMT|UTC)$|(?<=[APap][Mm]) (?:GMT|UTC)$", "Z", text)
    return _BARE_CLOCK.sub(lambda found: ":".join(one for one in found.groups() if one),
                           _BARE_DAY.sub(r"\1-\2-\3 ", text)).strip()


def _order(times: Iterable[str]) -> Order | None:
    """Which of the first two numbers is the day, where the times of the column say so with one voice."""
    found: set[Order] = set()
    for text in times:
        short = _SHORT.fullmatch(_marked(text))
        if short and short[2] != ".":
            if int(short[1]) > 12:
                found.add("day-first")
            elif int(short[3]) > 12:
                found.add("month-first")
    return found.pop() if len(found) == 1 else None
