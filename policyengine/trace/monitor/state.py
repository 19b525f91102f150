"""The state of an online monitor as JSON values, and what it was made of as hashes.

In come a judge and what has arrived; out goes all a new one needs to go on, and the other way round. Indexes are not
written: they are built again. Whether a state is of the same monitor is for whoever compares the hashes.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import chain
from typing import Any

from policyengine.base.calendar import Calendar
from policyengine.base.instants import zone_info
from policyengine.core import ir
from policyengine.core.case import Sources
from policyengine.core.codec import encode
from policyengine.trace.monitor.arrival import Arrival
from policyengine.trace.monitor.duties import Duty
from policyengine.trace.monitor.judge import Judge
from policyengine.trace.monitor.keys import Key
from policyengine.trace.monitor.pack import SCALARS, Packer, Unpacker
from policyengine.trace.monitor.runs import Base, Look, Run, Seen

SNAPSHOT = 6
"""The version of what is written."""

SHARED = (Duty, Run, Base, Seen, Look)
"""What is written once however often it is named."""

WEEKS = 6_783
"""From 1970 to 2099: a zone is known by its clocks on each of them."""


def packed(judge: Judge, arrival: Arrival) -> dict[str, Any]:
    """The state. What there is much of (rows, keys seen) is written plainly, `Line`s as they are: msgspec makes JSON of
    them."""
    packer, shelf = Packer(SHARED), judge.shelf
    state = packer.pack({
        "place": judge.ticket(), "number": judge.number, "kept": judge.kept, "check": judge.check,
        "counts": judge.counts, "unjudged": judge.unjudged, "exact": shelf.exact,
        "opening": judge.opening, "leaving": judge.leaving, "duties": judge.duties, "watching": judge.watching,
        "unsure": [rule.unsure for rule in judge.rules], "supports": shelf.supports,
        "runs": {name: (runs.past, runs.ended) for name, runs in shelf.runs.items()},
        "watermark": arrival.watermark, "late": arrival.late, "repeats": arrival.repeats})
    stores = [list(chain.from_iterable(store.entries())) for store in shelf.stores.values()]  # place, row, weight
    running, others = [], []  # most runs have nothing but where they began, and when they were last heard of
    for runs in shelf.runs.values():
        fresh = [run for run in runs.current.values() if runs.fresh(run) and not packer.holds(run)]
        apart = set(map(id, fresh))
        others.append(packer.pack([run for run in runs.current.values() if id(run) not in apart]))
        running.append([part for run in fresh for part in (*run.first, packer.pack(run.key), run.last, run.next)])
    several = [(stores, 3), (running, 5)]
    often = Counter(chain.from_iterable(map(id, flat[1::step]) for some, step in several for flat in some))
    shared = {one for one, times in often.items() if times > 1} | (often.keys() & packer.held())
    for some, step in several:
        for flat in some:
            flat[1::step] = packer.rows(flat[1::step], shared)
    waiting = packer.rows(arrival.waiting(), frozenset())  # nobody has looked at them
    arrival.forget()
    seen = [_keys(rule.seen, packer) for rule in judge.rules]
    return {"events": packer.events, "objects": packer.objects, "places": dict(sorted(packer.places.items())),
            "stores": stores, "running": running, "others": others, "seen": seen, "waiting": waiting,
            "ids": arrival.ids, "state": state}


def unpack(snapshot: Mapping[str, Any], judge: Judge, arrival: Arrival) -> None:
    """Put a state in a new judge, and what was waiting in a new arrival."""
    reader, shelf = Unpacker(snapshot["events"], snapshot["objects"], snapshot["places"], SHARED), judge.shelf
    state: dict[str, Any] = reader.unpack(snapshot["state"])
    for store, flat in zip(shelf.stores.values(), snapshot["stores"], strict=True):
        store.restore(zip(flat[::3], map(reader.row, flat[1::3]), flat[2::3], strict=True))
    for rule, seen, unsure in zip(judge.rules, snapshot["seen"], state["unsure"], strict=True):
        rule.seen.update(dict.fromkeys(map(reader.unpack, seen)))
        rule.unsure.update(unsure)
    for runs, flat, others in zip(shelf.runs.values(), snapshot["running"], snapshot["others"], strict=True):
        past, ended = state["runs"][runs.declared.name]
        fresh = map(runs.again, flat[::5], map(reader.row, flat[1::5]), map(reader.unpack, flat[2::5]), flat[3::5],
                    flat[4::5])
        runs.restore([*fresh, *reader.unpack(others)], past, ended)
    shelf.supports, shelf.exact = state["supports"], state["exact"]
    judge.unjudged.update(state["unjudged"])
    for name, counts in state["counts"].items():
        judge.counts[name].update(counts)
    judge.starts_at(state["place"])
    judge.number, judge.kept, judge.check = state["number"], state["kept"], state["check"]
    judge.opening, judge.leaving = state["opening"], state["leaving"]
    judge.opened(state["duties"], state["watching"])
    arrival.late, arrival.repeats = state["late"], state["repeats"]
    arrival.restore(state["watermark"], list(map(reader.row, snapshot["waiting"])), dict(snapshot["ids"]))


def _keys(seen: Collection[Key], packer: Packer) -> list[Any]:
    return list(seen) if SCALARS.issuperset(map(type, seen)) else [packer.pack(one) for one in seen]


# ---- what it was made of ----------------------------------------------------------------------------------------

def made_of(policy: ir.Policy, facts: Mapping[str, Any], parameters: Mapping[str, Any], calendar: Calendar,
            sources: Sources | None, rules: Sequence[str], force: tuple[int | None, int | None]) -> dict[str, str]:
    """Hashes of all that a verdict rests on besides the events, by what a reader calls it."""
    return {name: sha256(text.encode()).hexdigest()[:32] for name, text in (
        ("policy", json.dumps(encode(_without_words(policy)))), ("service", _text(facts)),
        ("set of parameters", _text(parameters)), ("calendar", _text(calendar)),
        ("time zone database", _clocks(calendar.zone)),
        ("statement of sources", _text(None if sources is None else sources.complete)),
        ("choice of rules", _text((list(rules), force))))}


def _without_words(policy: ir.Policy) -> ir.Policy:
    """The policy without its titles and advice, on which no verdict rests and of which a state holds nothing."""
    return dataclasses.replace(policy, rules=tuple(
        dataclasses.replace(rule, title="", fix="", title_zh="", fix_zh="") for rule in policy.rules))


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
