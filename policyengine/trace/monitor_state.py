"""The state of an online monitor as JSON values, and what it was made of as hashes.

In come a judge and what has arrived; out goes all a new one needs to go on, and the other way round. Indexes are not
written: they are built again. Whether a state is of the same monitor is for whoever compares the hashes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any

from policyengine.base.calendar import Calendar
from policyengine.base.instants import zone_info
from policyengine.core import ir
from policyengine.core.case import Sources
from policyengine.core.codec import encode
from policyengine.trace.arrival import Arrival
from policyengine.trace.monitor_duties import Duty
from policyengine.trace.monitor_judge import Judge
from policyengine.trace.monitor_keys import Key
from policyengine.trace.monitor_pack import SCALARS, Packer, Unpacker
from policyengine.trace.monitor_rows import Entry
from policyengine.trace.monitor_runs import Base, Look, Run, Seen

SNAPSHOT = 3
"""The version of what is written."""

SHARED = (Duty, Run, Base, Seen, Look)
"""What is written once however often it is named."""

WEEKS = 6_783
"""From 1970 to 2099: a zone is known by its clocks on each of them."""


def packed(judge: Judge, arrival: Arrival, counts: Mapping[str, int]) -> dict[str, Any]:
    """The state, and some counts beside it. What there is much of (rows, keys seen) is written plainly."""
    packer, shelf = Packer(SHARED), judge.shelf
    stores = [_written(store.entries(), packer) for store in shelf.stores.values()]
    seen = [_keys(rule.seen, packer) for rule in judge.rules]
    state = packer.pack({
        "place": judge.ticket(), "number": judge.number, "kept": judge.kept, "check": judge.check, "counts": judge.counts,
        "opening": judge.opening, "leaving": judge.leaving, "duties": judge.duties, "watching": judge.watching,
        "unsure": [rule.unsure for rule in judge.rules], "supports": shelf.supports,
        "runs": {name: (list(runs.current.values()), runs.past, runs.ended) for name, runs in shelf.runs.items()},
        "watermark": arrival.watermark, "waiting": arrival.events, "memory": arrival.memory, **counts})
    return {"events": packer.events, "objects": packer.objects, "stores": stores, "seen": seen, "state": state}


def unpack(snapshot: Mapping[str, Any], judge: Judge, arrival: Arrival) -> dict[str, Any]:
    """Put a state in a new judge; the counts that were beside it are among what is returned."""
    reader, shelf = Unpacker(snapshot["events"], snapshot["objects"], SHARED), judge.shelf
    state: dict[str, Any] = reader.unpack(snapshot["state"])
    for store, flat in zip(shelf.stores.values(), snapshot["stores"], strict=True):
        store.restore(_read(flat, reader))
    for rule, seen, unsure in zip(judge.rules, snapshot["seen"], state["unsure"], strict=True):
        rule.seen.update(dict.fromkeys(map(reader.unpack, seen)))
        rule.unsure.update(unsure)
    for name, (current, past, ended) in state["runs"].items():
        shelf.runs[name].restore(current, past, ended)
    shelf.supports = state["supports"]
    for name, counts in state["counts"].items():
        judge.counts[name].update(counts)
    judge.starts_at(state["place"])
    judge.number, judge.kept, judge.check = state["number"], state["kept"], state["check"]
    judge.opening, judge.leaving = state["opening"], state["leaving"]
    judge.opened(state["duties"], state["watching"])
    arrival.restore(state["watermark"], state["waiting"], state["memory"])
    return state


def _written(entries: Iterable[Entry], packer: Packer) -> list[int]:
    """Rows as place, event and weight, one after the other."""
    event_of = packer.event
    return [one for place, event, weight in entries for one in (place, event_of(event), weight)]


def _read(flat: Sequence[int], reader: Unpacker) -> Iterable[Entry]:
    return ((place, reader.events[event], weight)
            for place, event, weight in zip(flat[::3], flat[1::3], flat[2::3], strict=True))


def _keys(seen: Iterable[Key], packer: Packer) -> list[Any]:
    return [one if one.__class__ in SCALARS else packer.pack(one) for one in seen]


# ---- what it was made of ----------------------------------------------------------------------------------------

def made_of(policy: ir.Policy, facts: Mapping[str, Any], parameters: Mapping[str, Any], calendar: Calendar,
            sources: Sources | None, rules: Sequence[str], force: tuple[int | None, int | None]) -> dict[str, str]:
    """Hashes of all that a verdict rests on besides the events, by what a reader calls it."""
    return {name: sha256(text.encode()).hexdigest()[:32] for name, text in (
        ("policy", json.dumps(encode(policy))), ("service", _text(facts)),
        ("set of parameters", _text(parameters)), ("calendar", _text(calendar)),
        ("time zone database", _clocks(calendar.zone)),
        ("statement of sources", _text(None if sources is None else sources.complete)),
        ("choice of rules", _text((list(rules), force))))}


@cache
def _clocks(zone: str) -> str:
    clocks = zone_info(zone)
    return repr([datetime.fromtimestamp(week * 604_800, clocks).utcoffset() for week in range(WEEKS)])


def _text(value: Any) -> str:
    """The same for equal values, in whatever order they came."""
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{key!r}:{_text(one)}" for key, one in value.items())) + "}"
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(map(_text, value))) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if dataclasses.is_dataclass(value):
        return value.__class__.__name__ + _text([getattr(value, one.name) for one in dataclasses.fields(value)])
    return repr(value)
