"""What an online monitor does with a row, as Python written for its class.

In come those that want rows of a type (stores, runs, waits, the rules it triggers); out come `tell`, which shows a row
to those that keep or follow it, `act`, which has the rules judge it, and both in one. Written out is what most rows do:
the latest of a key is kept, a run goes on, nobody waits, the first of a key has been, all is well and is only counted.
For all else the parts are called, whose meaning this is; property tests hold it to that of the evaluator, and rows that
were read from lines to those that were not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, assert_never

from policyengine.base.record import record
from policyengine.core import ir
from policyengine.core.case import Event
from policyengine.core.verdict import Verdict
from policyengine.trace.monitor.duties import Wait
from policyengine.trace.monitor.quick import written
from policyengine.trace.monitor.rows import Shelf, Store
from policyengine.trace.monitor.rules import Work
from policyengine.trace.monitor.runs import Run, Runs
from policyengine.trace.monitor.source import Source
from policyengine.trace.monitor.totals import DECIDES
from policyengine.trace.stream.lines_typed import Line

Take = Callable[[Event, Any], None]
"""A row, and where rows of its instant are put, with their places."""

Tell = Callable[[int, Event], None]
"""The place of a row and the row."""

Act = Callable[[int, Event, Any, Any], None]
"""The place of a row, the row, all rows of its instant, where outcomes are put."""

Alone = Callable[[Event, Any], None]
"""A row that is all of its instant, where outcomes are put."""


@record
class Written:
    """What is done with rows of a class. Of an instant, each is given a place and shown to those that keep it (`take`)
    or follow it (`then`, once all are kept), and when all have been the rules judge each (`act`). `alone` is all of it,
    for a row that is all of its instant."""

    take: Take
    then: Tell
    act: Act
    alone: Alone


@record
class Asked:
    """A rule that rows trigger. `counts`: its verdicts by kind; `force`: as in `Monitor`. `ask` judges a moment of
    which this is not sure, `wait` opens a duty that rests with `Work.later` alone; both take the key of the rule,
    and then what `Act` takes."""

    rule: Work
    counts: dict[Verdict, int]
    force: tuple[int | None, int | None]
    ask: Callable[..., None]
    wait: Callable[..., None]


Part = Store | Runs | Wait
"""Who keeps or follows rows."""


def write(early: Sequence[Part], then: Sequence[Part], rules: Sequence[Asked], rows: type[Line] | str, shelf: Shelf,
          judge: Any, again: Callable[[int, Event, Any], None]) -> Written:
    """What is done with rows of a class, or for `Event`s of the type of that name, which `early` are shown at once and
    `then` when all are kept. `judge` gives places, and says when to ask duties `again`."""
    take, later, act, alone = (Source(rows) for _ in range(4))
    take.add(f"place = {take.name(judge.ticket)}()", "rows.append((place, event))")
    _tell(take, early, shelf)
    _tell(later, then, shelf)
    _act(act, rules)
    alone.add(f"place = {alone.name(judge.ticket)}()")
    _tell(alone, (*early, *then), shelf)
    told = [alone.name(judge.news)] if any(isinstance(part, Runs) for part in (*early, *then)) else []
    told += [alone.name(judge.touched)] if any(isinstance(part, Wait) for part in (*early, *then)) else []
    if told:
        alone.add(f"if {' or '.join(told)}:", f"    {alone.name(again)}(place, event, out)")
    _act(alone, rules, alone.name([]))  # no other row of the instant answers it
    return Written(take.function("event, rows"), later.function("place, event"),
                   act.function("place, event, rows, out") if rules else _nothing, alone.function("event, out"))


def _nothing(*_: Any) -> None:
    """Nobody asks."""


NOTHING = Written(_nothing, _nothing, _nothing, _nothing)


# ---- who keeps and follows rows ---------------------------------------------------------------------------------

def _tell(source: Source, parts: Sequence[Part], shelf: Shelf) -> None:
    for part in parts:
        match part:
            case Store() if part.plain():
                _keep(source, part)
            case Store():
                source.add(f"{source.name(shelf.putter(part))}(place, event)")
            case Runs() if part.follows(source.type):
                _follow(source, part)
            case Runs():
                source.add(f"{source.name(part.step)}(place, event)")
            case Wait() if not part.equal:
                source.add(f"group = {source.name(part.duties)}.get({source.key(part.keys)})",
                           "if group is not None:",
                           f"    {source.name(part.answer)}(group, place, event)")
            case Wait():
                source.add(f"{source.name(part.reached)}(place, event)")
            case _:
                assert_never(part)


def _keep(source: Source, store: Store) -> None:
    """`Store.put` of a row that decides, where the latest alone is kept: it, and all of its instant, and the latest
    before."""
    some, buckets, key = source.name(store), source.name(store.buckets), source.key(store.keys)
    source.add(f"bucket = {buckets}.get({key})",
               "if bucket is None:",
               f"    {buckets}[{key}] = [(place, event, {DECIDES})]",
               f"    {some}.rows += 1",
               "elif bucket[-1][1].time < event.time:",
               f"    {some}.rows += 2 - len(bucket)",
               f"    bucket[:] = (bucket[-1], (place, event, {DECIDES}))",
               "else:",
               f"    bucket.append((place, event, {DECIDES}))",
               f"    {some}.rows += 1")


def _follow(source: Source, runs: Runs) -> None:
    """`Runs.step` of a row that begins a run of an episode or continues it."""
    key, current = source.key(runs.keys), source.name(runs.current)
    begins = (f"{current}[{key}] = {source.name(Run)}({key}, (place, event), time, time + {runs.first}, "
              f"{source.name(runs.unpassed)})" if runs.simple() else f"{source.name(runs.begun)}({key}, place, event)")
    source.add("time = event.time",
               f"run = {current}.get({key})",
               f"if run is not None and time - run.last <= {runs.gap}:",
               "    run.last = time",
               *(["    run.recent[0] = (place, event)"] if runs.asked else []),
               "    if time > run.next:",
               f"        {source.name(runs.passed)}(run, place, event)",
               "else:",
               f"    {begins}")


# ---- rules ------------------------------------------------------------------------------------------------------

def _act(source: Source, rules: Sequence[Asked], others: str = "rows") -> None:
    for one in rules:
        _judge(source, one, f"place, event, {others}, out")


def _judge(source: Source, one: Asked, more: str) -> None:
    """A rule at its trigger: the verdict where it can be had without evidence and is only counted, else `ask`."""
    rule = one.rule
    key = source.key(rule.keys)
    ask = f"{source.name(one.ask)}({key}, {more})"
    where, when, now = (written(part, source) for part in (rule.where, rule.when, rule.now))
    first, under = isinstance(rule.trigger, ir.OnEvent) and rule.trigger.first, 0
    if first:
        source.add(f"if {key} not in {source.name(rule.seen)}:")
        under = 1
    if where == "None" or "satisfied" not in rule.quiet:
        source.add(ask, under=under)
        return
    if where != "True":
        source.add(f"held = {where}", *(["if held is not False:"] if first else []), under=under)
        under += first
    held = when if where == "True" else "held" if when == "True" else f"held and {when}"
    source.add(f"good = {held}", under=under)
    if first:
        source.add(f"if {key} in {source.name(rule.unsure)}: good = None", under=under)
    source.add(f"if good and {now}:" if now != "True" else "if good:", under=under)
    source.add(*_settled(source, one, key, None if rule.later is not None else "satisfied", more), under=under + 1)
    if "not_applicable" in rule.quiet:
        source.add("elif good is False:", under=under)
        source.add(*_settled(source, one, key, "not_applicable", more), under=under + 1)
    source.add("else:", f"    {ask}", under=under)


def _settled(source: Source, one: Asked, key: str, verdict: Verdict | None, more: str) -> list[str]:
    """The verdict of a moment, which is the first of its key; None: it waits."""
    start, end = one.force
    done = (f"{source.name(one.wait)}({key}, {more})" if verdict is None else
            f"{source.name(one.counts)}[{verdict!r}] += 1")
    bounds = [f"event.time {compared} {bound}" for compared, bound in ((">=", start), ("<", end)) if bound is not None]
    lines = [f"if {' and '.join(bounds)}:", f"    {done}"] if bounds else [done]
    first = isinstance(one.rule.trigger, ir.OnEvent) and one.rule.trigger.first
    return [*([f"{source.name(one.rule.seen)}[{key}] = None"] if first else []), *lines]
