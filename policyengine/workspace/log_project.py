"""An event log -> the files of a project that judges it: a vocabulary, a policy to begin with, a service, settings.

In comes a file in XES, NDJSON, CSV or Parquet, plain or compressed; out come names and texts, and what is wrong with
the log. A log of another tool becomes a file of the project with the columns that are read here: NDJSON where it is
that, else CSV. Nothing is written, and what the rules should say is not known: the one that runs asks with what a case
begins.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, BinaryIO

import msgspec

from policyengine.base.diagnostic import Diagnostic, error, has_errors, shorten, warning
from policyengine.base.instants import iso_instant, local_date
from policyengine.base.record import record
from policyengine.base.source import Span
from policyengine.syntax.format import format_file
from policyengine.syntax.parser import parse
from policyengine.trace.files.log_names import identifier
from policyengine.trace.files.read import ALIKE, PACKED, Context, Event, Take, each_event, no_events, opened, suffix_of
from policyengine.trace.files.xes import Shape, read_xes
from policyengine.trace.logs.rows import HEAD_BYTES, LINES, SUFFIXES, TEXTS, is_table
from policyengine.trace.logs.table import Asked, Table, table_events, table_of
from policyengine.trace.logs.vocabulary import always, example, look, owed, vocabulary_text
from policyengine.workspace.files import no_file, once_only
from policyengine.workspace.inputs import one_clock

FORMATS = (".xes", ".ndjson", ".jsonl", ".csv", ".tsv", ".txt", ".parquet")

OWNERS = ("case", "case_id", "user", "user_id", "customer", "customer_id", "account", "account_id", "order", "order_id",
          "session", "session_id")
"""What most logs call that whose history is judged, the likeliest first."""

CASES = 100_000
"""Of so many cases it is looked with what they begin."""

SHORT = 60
"""The name of a service may be longer than that of a file can be."""

MANY = 1_000
"""More activities than this are seldom what happened, but what it happened to."""

OTHERS = 12
"""So many types stand in the first rule, or all that cases begin with; a log may have hundreds."""


@record
class Log:
    """What a log holds. `begins`: the types with which its cases, or the log itself, begin, the usual first; `key`:
    the field whose values tell cases apart, if there is one; `services`: those that its events name; `day`: that of
    its first event in the zone of the regulation; `table`: the columns of a table of another tool, and its events
    anew."""

    shape: Shape
    xes: bool
    begins: tuple[str, ...]
    key: str | None
    services: tuple[str, ...]
    day: date
    table: tuple[Table, str] | None = None


def read_log(path: str, zone: str | None, asked: Asked | None = None) -> tuple[Log | None, tuple[Diagnostic, ...]]:
    """What a log holds, or None with every reason why nothing can be made of it. `zone` is the IANA name under which
    times without an offset are read; without it they are errors. `asked` is what is known of a table's columns."""
    suffix = suffix_of(path)
    if os.path.isdir(path):
        return None, (error("unreadable-file", f"`{shorten(path)}` is a directory, not a file"),)
    if once_only(path):
        return None, (no_file(path),)
    if suffix not in FORMATS:
        return None, (error("unknown-format", f"`{shorten(path)}` is no event log of a kind that a project can be made "
                            "from", help=_CONVERT.get(suffix) or (_of_json(path) if suffix == ".json" else "") or
                            f"a name that ends in {', '.join(FORMATS)}, also with {' or '.join(PACKED)}"),)
    asked = asked or Asked()
    if (name := asked.activity_name) is not None:
        if asked.activity is not None:
            return None, (error("usage", "`--activity` and `--activity-name` both say what happened",
                                help="name the column, or what happened in every row"),)
        if not identifier(name):
            return None, (error("usage", f"`--activity-name`: `{shorten(name)}` has no letter or digit",
                                help="say in a word what each row is, such as `payment`"),)
    if asked.encoding is not None and not (suffix in TEXTS and _is_encoding(asked.encoding)):
        return None, (error("usage", f"`--encoding`: there is no encoding `{shorten(asked.encoding)}`",
                            help="write, for example, `gb18030`, `windows-1252` or `utf-16`") if suffix in TEXTS else
                      error("usage", "`--encoding` is of tables of text; other logs say theirs, or are UTF-8"),)
    if suffix in SUFFIXES and (asked.any() or _foreign(path)):
        try:
            return _of_a_table(path, zone, asked)
        except OSError as problem:
            return None, (_unreadable(path, problem),)
    if asked.any():
        return None, (error("usage", "an XES log has no columns to be named; its events say what happened, and of "
                            "which case they are"),)
    shape = Shape()
    seen = _Seen(shape, xes=suffix == ".xes")
    wrong = each_event(path, seen.take, zone=zone, read=partial(_xes, shape) if seen.xes else None, alike=ALIKE)
    return seen.log(path, wrong, zone)


def _of_a_table(path: str, zone: str | None, asked: Asked) -> tuple[Log | None, tuple[Diagnostic, ...]]:
    table, wrong = table_of(path, asked)
    if table is None:
        return None, wrong
    shape = Shape(keys=table.keys())
    seen, text, in_json = _Seen(shape, xes=False), io.StringIO(), suffix_of(path) in LINES
    encode = msgspec.json.Encoder(decimal_format="number").encode
    writer = csv.DictWriter(text, ["type", "time", "sequence", *shape.keys], restval="", lineterminator="\n")
    if not in_json:
        writer.writeheader()

    def take(event: Event) -> None:
        seen.take(event)
        row = {"type": event.type, "time": iso_instant(event.time, zone or "UTC"), "sequence": event.sequence,
               **event.fields}
        if in_json:
            text.write(encode(row).decode() + "\n")
        else:
            writer.writerow(row)

    wrong = table_events(path, table, zone, shape.activities, take)
    return seen.log(path, wrong, zone, (table, text.getvalue()))


class _Seen:
    """What the events of a log have in common, event by event."""

    def __init__(self, shape: Shape, *, xes: bool) -> None:
        self.shape, self.xes = shape, xes
        self.found: list[Diagnostic] = []
        self.bad: set[str] = set()
        self.services: dict[str, None] = {}
        self.homeless: list[Span] = []  # the first event outside every case
        self.others = 0  # how many more there are
        # The first event by a field and its value; by none, that of all.
        self.firsts: dict[tuple[str, Any], tuple[int, int | Decimal, int, str]] = {}
        self.places: dict[str, int] = {}  # how many types the log had before; it decides between equal times

    def take(self, event: Event) -> None:
        if not self.xes:
            problem = look(self.shape, event)
            if problem is not None and event.type not in self.bad:
                self.bad.add(event.type)
                self.found.append(problem)
        elif "case" not in event.fields:
            self.others += bool(self.homeless)
            self.homeless = self.homeless or [Span(event.file, event.row, 1, event.row, 1)]
            return
        owner = next((one for one in OWNERS if isinstance(event.fields.get(one), str | int)), "")
        now = event.time, event.sequence or 0, self.places.setdefault(event.type, len(self.places)), event.type
        for mark in (("", None), (owner, event.fields.get(owner))):
            if mark in self.firsts or len(self.firsts) < CASES:
                self.firsts[mark] = min(self.firsts.get(mark, now), now)
        service = event.fields.get("service")
        if isinstance(service, str) and service:
            self.services[service] = None
        elif service is not None and "service" not in self.bad:
            self.bad.add("service")
            self.found.append(error("event-type", "the `service` of an event is text, and names whose event it is",
                                    Span(event.file, event.row, 1, event.row, 1),
                                    help="write it as text that is not empty, or leave it out"))

    def log(self, path: str, wrong: Iterable[Diagnostic], zone: str | None,
            table: tuple[Table, str] | None = None) -> tuple[Log | None, tuple[Diagnostic, ...]]:
        """What it comes to, or None with all that is wrong."""
        found = [*wrong, *self.found]
        for first in self.homeless:
            more = f", as {'does' if self.others == 1 else 'do'} {self.others:,} more" if self.others else ""
            found.append(error("missing-column", f"the event stands in no `<trace>`, and so in no case{more}", first,
                               help="put it into the `<trace>` of its case, or leave it out"))
        if not self.firsts and not has_errors(found):
            found.append(no_events(path))
        if has_errors(found):
            return None, _of_a_log(found)
        if len(self.shape.events) > MANY:
            found.append(warning("many-types", f"the log has {len(self.shape.events):,} activities in "
                                 f"{sum(self.shape.events.values()):,} events", help="where they say more than what "
                                 "happened, such as to whom, another column says it shorter: `--activity`"))
        everywhere, shape = always(self.shape), self.shape
        key = "case" if self.xes or table else next((one for one in OWNERS if one in everywhere
                                                     and shape.kinds[one] in ({"text"}, {"integer"})), None)
        begins = Counter(first[-1] for (owner, _), first in self.firsts.items() if owner == (key or ""))
        return Log(shape, self.xes, tuple(one for one, _ in begins.most_common()), key, tuple(self.services),
                   local_date(self.firsts["", None][0], zone or "UTC"), table), tuple(found)


_FLATTEN = ("an object-centric log (OCEL) has no cases; flatten it to one type of object, as pm4py's "
            "`ocel_flattening` does, and write it as XES or CSV")
_SAVE = "save it as XES or CSV, for example with ProM, pm4py or a spreadsheet"
_CONVERT = {".jsonocel": _FLATTEN, ".xmlocel": _FLATTEN, ".sqlite": _FLATTEN, ".mxml": _SAVE, ".xlsx": _SAVE,
            ".xls": _SAVE}


def _of_json(path: str) -> str:
    """What to do with a file of JSON that is one value, by its beginning."""
    try:
        with open(path, "rb") as file:
            head = opened(file, path).read(HEAD_BYTES)
    except (OSError, EOFError):
        return ""
    if any(word in head for word in (b'"ocel:', b'"objectTypes"', b'"eventTypes"')):
        return _FLATTEN
    inside = re.match(rb'\s*{\s*"([A-Za-z_]+)"\s*:\s*\[', head)
    return (f"write one event a line, as `jq -c '.{inside[1].decode() if inside else ''}[]'` does, and call it "
            "`….ndjson`")


def _foreign(path: str) -> bool:
    try:
        return is_table(path)
    except (OSError, EOFError):
        return False  # who reads it says why it cannot be read


def _is_encoding(name: str) -> bool:
    try:
        "".encode(name)  # not every codec of Python's is of texts
    except LookupError:
        return False
    return True


def _unreadable(path: str, problem: OSError) -> Diagnostic:
    if isinstance(problem, FileNotFoundError):
        return error("missing-file", f"`{shorten(path)}` does not exist")
    reason = (problem.strerror or str(problem)).lower()
    return error("unreadable-file", f"cannot read `{shorten(path)}`: {shorten(reason)}")


def _of_a_log(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """What is wrong with a log, where there is no project file yet."""
    kept = one_clock(found, "say where the clock stood that wrote it: `--timezone Europe/Amsterdam`; where nobody "
                     "knows, `--timezone UTC`")
    return tuple(replace(one, help="`--timezone UTC` takes all times as they stand")
                 if one.name == "bad-time" and " by the clocks of " in one.message else
                 replace(one, help=_ENCODED) if one.name == "not-utf8" else one for one in kept)


_ENCODED = "save it as UTF-8, or, of a table of text, say what it is: `--encoding gb18030`, `--encoding windows-1252`"


def _xes(shape: Shape, file: BinaryIO, context: Context, take: Take) -> None:
    for event in read_xes(iter(partial(file.read, 1 << 16), b""), context.path, context.zone, context.add, shape):
        take(event)


# ---- files --------------------------------------------------------------------------------------------------------

def project_files(log: Log, path: str, folder: str, zone: str | None) -> dict[str, str]:
    """Name -> text of every file of a project in `folder` for the log of that path."""
    stem = re.sub(rf"({'|'.join(map(re.escape, FORMATS))})?({'|'.join(map(re.escape, PACKED))})?$", "",
                  os.path.basename(path), flags=re.IGNORECASE)
    name = _name(stem)
    form = "ndjson" if suffix_of(path) in LINES else "csv"
    events = os.path.relpath(path, folder) if log.table is None else f"events/{name}.{form}"
    regulation = f"house/{name.strip('_').replace('_', '-')}"
    services = log.services or (name,)
    files = {f"services/{identifier(one)[:SHORT] or 'service'}{f'-{at}' if at else ''}.yaml":
             f"# Who the log is of; an event that names a `service` names this `id`.\nservice:\n  id: {_quoted(one)}\n"
             for at, one in enumerate(services)}
    if log.table is not None:
        files = {**files, events: log.table[1]}
    return dict(sorted({
        **files,
        "guiju.toml": _settings(regulation, sorted(one for one in files if one != events), events, log, zone),
        f"policies/{regulation}/regulation.yaml": _regulation(regulation, name, stem, log, zone),
        f"policies/{regulation}/1/rules.policy": _policy(regulation, name, stem, log),
        f"policies/{regulation}/1/cases/beginning.yaml": _cases(min(one for one in files if one != events), log),
        f"policies/vocabulary/{name}.yaml": vocabulary_text(log.shape, name, stem, xes=log.xes),
        "policies/calendars/weekdays.yaml": _CALENDAR,
    }.items()))


def _name(stem: str) -> str:
    """What a project is called after its log, without letters that a name has as numbers alone: `订单 2026` is
    `log_2026`."""
    plain = "".join(one for one in stem if one.isascii() or identifier(one) != f"u{ord(one):04x}")
    return identifier(plain if any(map(str.isalpha, plain)) else f"log {plain}")


_CALENDAR = """\
# Monday to Friday. Where rules count working days, say under `years` which are off.
name: weekdays
title: {en: Weekdays, zh: 工作日}
years: {}
"""


def _settings(regulation: str, services: list[str], path: str, log: Log, zone: str | None) -> str:
    types = list(log.shape.events)[:3]
    return f"""\
# Settings of guiju. `guiju config` shows what holds here and where it comes from.

policies = ["policies"]
regulations = [{_quoted(regulation)}]
services = [{", ".join(map(_quoted, services))}]
events = [{_quoted(path.replace(os.sep, "/"))}]
{f'timezone = {_quoted(zone)}' if zone else '# timezone = "Europe/Amsterdam"    # of times without an offset'}

# What your sources of events can show. Without a word about them, history is assumed complete; with it, a rule that
# rests on an event nobody emits is undecided, and never green.
#
# [[sources]]
# name = "log"
# emits = [{", ".join(map(_quoted, types))}]
# complete = "2026-01-01"
"""


def _regulation(regulation: str, name: str, stem: str, log: Log, zone: str | None) -> str:
    return f"""\
# What the rules rest on: whose they are, since when they hold, and by which clock and calendar periods run.
id: {regulation}
title: {{en: {_quoted(f"Rules for {stem}")}, zh: {_quoted(f"{stem} 规则")}}}
jurisdiction: XX
timezone: {zone or "UTC"}
calendar: weekdays
period_end_on_day_off: stands
vocabulary: {name}
confidence: {{en: Written from a log; nobody has reviewed it., zh: 由日志生成，未经审阅。}}
versions:
  - label: "1"
    status: final
    issuers: [{{id: HOUSE, en: The house}}]
    published: {log.day.isoformat()}
    effective_from: {log.day.isoformat()}
    sources: [https://example.org/]
"""


def _policy(regulation: str, name: str, stem: str, log: Log) -> str:
    types = list(log.shape.events)
    first, others = log.begins[0], _others(log)
    then = others[0] if others else first
    per = f"  per {log.key}\n" if log.key else ""
    whose = f"Every {log.key.replace('_', ' ')}" if log.key else "The log"
    rule = f"on first {', '.join(others)}\n  must {first} before" if len(types) > 1 else \
        f"on {first}\n  must no {first} within the last 1 second"
    some = "" if len(types) <= len(others) + 1 else (
        f"# Of {len(types):,} types {len(others) + 1:,} are named, among them all with which cases of the log begin; a "
        "case that begins\n# with another is not found.\n")
    title = f"{whose} begins with {first}" if len(types) > 1 else f"{first} is not written twice"
    text = f"""\
# What is asked of the events of {shorten(stem)}, to begin with: one rule that runs, and two to be had for a `#`.
# The words stand in policies/vocabulary/{name}.yaml. `guiju explain RULE` says what a rule asks, `guiju lint` finds
# mistakes, `guiju fmt` lays the file out.

policy {regulation} version 1
use vocabulary {name}

{some}rule the_beginning "{title}"
  cites Art. 1
  family order
{per}  {rule}
  fix "Find what is missing, or say here what else may come first."

rule {then}_in_time "{then} follows in time"
  cites Art. 2
  family times
{per}  on {first}
  must {then} within 2 days
  fix "Say here what to do about it."

rule {then}_once "There is one {then}"
  cites Art. 3
  family order
{per}  on {then}
  must no {then} before
"""
    laid = format_file(text, parse("rules.policy", text)[0])
    head, mark, commented = laid.partition(f"rule {then}_in_time")
    return f"{head}# A deadline, and something that happens once:\n#\n" + "".join(
        f"# {line}".rstrip() + "\n" for line in (mark + commented).splitlines())


def _others(log: Log) -> list[str]:
    """The types but the usual first that the first rule names, in the order of the log."""
    places = {one: place for place, one in enumerate(log.shape.events)}
    named = dict.fromkeys((*log.begins[1:], *(one for one in places if one != log.begins[0])))
    return sorted([*named][:max(OTHERS, len(log.begins) - 1)], key=places.__getitem__)


def _cases(service: str, log: Log) -> str:
    first = log.begins[0]
    then = next(iter(_others(log)), None)
    values = {one: example(one, log.shape) for one in owed(log.shape, xes=log.xes)}
    if log.xes:
        values["case"] = '"one"'
    each = f"each_event: {{{', '.join(f'{name}: {value}' for name, value in values.items())}}}\n" if values else ""
    cases = [(f"a beginning with {first}", [first, *([then] if then else [])], "satisfied")]
    cases += [(f"{then} without {first} before it", [then], "violated")] if then else [
        (f"{first} written twice", [first, first], "[satisfied, violated]")]
    return f"""\
# What the rules must say of a few events. `guiju test` judges them.

base: ../../../../../{service}
start: {log.day.isoformat()} 12:00
as_of: +1d
{each}
cases:
""" + "\n".join(
        f"  - name: {_quoted(name)}\n    about: the_beginning\n    events:\n"
        + "".join(f"      - +{at if then else 0}m {one}\n" for at, one in enumerate(events))
        + f"    expect: {{the_beginning: {verdict}}}\n" for name, events, verdict in cases)


def _quoted(text: str) -> str:
    """A text as YAML and TOML both have it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
