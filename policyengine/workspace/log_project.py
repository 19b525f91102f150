"""An event log -> the files of a project that judges it: a vocabulary, a policy to begin with, a service, settings.

In comes a file in XES, NDJSON or CSV, plain or compressed; out come names and texts, and what is wrong with the log.
Nothing is written here, and what the rules should say is not known: the one that runs asks with what a case begins.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from datetime import date
from functools import partial
from typing import Any, BinaryIO

from policyengine.base.diagnostic import Diagnostic, error, has_errors, shorten
from policyengine.base.instants import local_date
from policyengine.base.record import record
from policyengine.trace.log_vocabulary import always, look, vocabulary_text
from policyengine.trace.read import PACKED, Context, Event, Take, each_event, no_events, suffix_of
from policyengine.trace.xes import Shape, identifier, read_xes

FORMATS = (".xes", ".ndjson", ".jsonl", ".csv")

OWNERS = ("case", "case_id", "user", "user_id", "customer", "customer_id", "account", "account_id", "order", "order_id",
          "session", "session_id")
"""What most logs call that whose history is judged, the likeliest first."""

CASES = 100_000
"""Of so many cases it is looked with what they begin."""

OTHERS = 12
"""So many types stand in the first rule; a log may have hundreds."""


@record
class Log:
    """What a log holds. `begins`: the type with which its cases, or the log itself, mostly begin; `key`: the field
    whose values tell cases apart, if there is one; `services`: those that its events name; `day`: that of its first
    event in the zone of the regulation."""

    shape: Shape
    xes: bool
    begins: str
    key: str | None
    services: tuple[str, ...]
    day: date


def read_log(path: str, zone: str | None) -> tuple[Log | None, tuple[Diagnostic, ...]]:
    """What a log holds, or None with every reason why nothing can be made of it. `zone` is the IANA name under which
    times without an offset are read; without it they are errors."""
    suffix = suffix_of(path)
    if suffix not in FORMATS:
        return None, (error("unknown-format", f"`{shorten(path)}` is no event log of a kind that a project can be made "
                            "from", help=f"a name that ends in {', '.join(FORMATS)}, also with {' or '.join(PACKED)}"),)
    shape, found = Shape(), list[Diagnostic]()
    services: dict[str, None] = {}
    firsts: dict[tuple[str, Any], tuple[int, str]] = {}  # by a field and its value; by none, that of all

    def take(event: Event) -> None:
        if suffix != ".xes":
            problem = look(shape, event)
            if problem is not None and event.type not in bad:
                bad.add(event.type)
                found.append(problem)
        owner = next((one for one in OWNERS if isinstance(event.fields.get(one), str | int)), "")
        for mark in (("", None), (owner, event.fields.get(owner))):
            now = event.time, event.type
            if mark in firsts or len(firsts) < CASES:
                firsts[mark] = min(firsts.get(mark, now), now)
        if isinstance(service := event.fields.get("service"), str):
            services[service] = None

    bad: set[str] = set()
    wrong = each_event(path, take, zone=zone, read=partial(_xes, shape) if suffix == ".xes" else None)
    found = [*wrong, *found]
    if not firsts and not found:
        found.append(no_events(path))
    if has_errors(found):
        return None, tuple(found)
    everywhere, xes = always(shape), suffix == ".xes"
    key = "case" if xes else next((one for one in OWNERS if one in everywhere
                                   and shape.kinds[one] in ({"text"}, {"integer"})), None)
    begins = Counter(kind for (owner, _), (_, kind) in firsts.items() if owner == (key or ""))
    return Log(shape, xes, begins.most_common(1)[0][0], key, tuple(services),
               local_date(firsts["", None][0], zone or "UTC")), tuple(found)


def _xes(shape: Shape, file: BinaryIO, context: Context, take: Take) -> None:
    for event in read_xes(iter(partial(file.read, 1 << 16), b""), context.path, context.zone, context.add, shape):
        take(event)


# ---- files --------------------------------------------------------------------------------------------------------

def project_files(log: Log, path: str, folder: str, zone: str | None) -> dict[str, str]:
    """Name -> text of every file of a project in `folder` for the log of that path."""
    stem = re.sub(rf"({'|'.join(map(re.escape, FORMATS))})?({'|'.join(map(re.escape, PACKED))})?$", "",
                  os.path.basename(path), flags=re.IGNORECASE)
    name = identifier(stem) or "log"
    regulation = f"house/{name.strip('_').replace('_', '-')}"
    services = log.services or (name,)
    files = {f"services/{identifier(one) or 'service'}{f'-{at}' if at else ''}.yaml":
             f"# Who the log is of; an event that names a `service` names this `id`.\nservice:\n  id: {_quoted(one)}\n"
             for at, one in enumerate(services)}
    return dict(sorted({
        **files,
        "guiju.toml": _settings(regulation, sorted(files), os.path.relpath(path, folder), log, zone),
        f"policies/{regulation}/regulation.yaml": _regulation(regulation, name, stem, log, zone),
        f"policies/{regulation}/1/rules.policy": _policy(regulation, name, stem, log),
        f"policies/vocabulary/{name}.yaml": vocabulary_text(log.shape, name, stem, xes=log.xes),
        "policies/calendars/weekdays.yaml": _CALENDAR,
    }.items()))


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
    first = log.begins
    others = [one for one in types if one != first] or [first]
    then = others[0]
    per = f"  per {log.key}\n" if log.key else ""
    whose = f"Every {log.key.replace('_', ' ')}" if log.key else "The log"
    rule = f"on first {', '.join(others[:OTHERS])}\n  must {first} before" if len(types) > 1 else \
        f"on {first}\n  must no {first} within the last 1 second"
    title = f"{whose} begins with {first}" if len(types) > 1 else f"{first} is not written twice"
    commented = "".join(f"# {line}".rstrip() + "\n" for line in f"""\
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
""".splitlines())
    return f"""\
# What is asked of the events of {shorten(stem)}, to begin with: one rule that runs, and two to be had for a `#`.
# The words stand in policies/vocabulary/{name}.yaml. `guiju explain RULE` says what a rule asks, `guiju lint` finds
# mistakes, `guiju fmt` lays the file out.

policy {regulation} version 1
use vocabulary {name}

rule the_beginning "{title}"
  cites Art. 1
  family order
{per}  {rule}
  fix "Find what is missing, or say here what else may come first."

# A deadline, and something that happens once:
#
{commented}"""


def _quoted(text: str) -> str:
    """A text as YAML and TOML both have it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
