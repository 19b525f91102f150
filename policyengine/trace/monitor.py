"""The online monitor: a policy and the facts of one service, events one by one -> verdicts the moment they are final.

It gives what `core.evaluate.judge` gives at one microsecond before the watermark over the events not reported late,
each verdict once, when it is settled; settled stays settled is a law of the language. In come `core.case.Event`s that
have passed the vocabulary; out go plain values. Files, queues, clocks and what a verdict looks like are not known here.

The watermark is the greatest event time (or the clock handed to `advance`) less the lateness. The events of an instant
are judged together once the watermark is beyond it, in the order of the language. An event older than the watermark is
reported as `Late` and not judged. Rows with equal ids are one event: ids are remembered until the watermark has passed
the event's time by the lateness once more; a row that comes again after that is older than the watermark, so `Late`.

Rules without a trigger judge a service, not a moment; they are left to `check`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from hashlib import sha256
from heapq import heapify, heappop, heappush
from typing import Any

from policyengine.base.calendar import Calendar
from policyengine.base.diagnostic import Diagnostic, error
from policyengine.base.record import record
from policyengine.core import ir
from policyengine.core.case import Case, Event, Sources, content
from policyengine.core.conditions import condition_of
from policyengine.core.moments import trigger_events, unknown_lengths
from policyengine.core.standing import Here, World, at_large
from policyengine.core.truth import SETTLED, TRUE, Truth, all_of
from policyengine.core.verdict import VERDICTS, Judgement, Missing, Moment, NotEmitted, Setting, Verdict
from policyengine.trace.arrival import START, Arrival
from policyengine.trace.monitor_duties import Duty, Wait
from policyengine.trace.monitor_pack import Packer, Unpacker, made_of
from policyengine.trace.monitor_rows import Shelf
from policyengine.trace.monitor_rules import Work
from policyengine.trace.monitor_runs import Base, Found, Look, Run, Runs, Seen
from policyengine.trace.retention import Kept, kept, plans

SNAPSHOT = 1
"""The version of what `snapshot` writes."""

SHARED = (Duty, Run, Base, Seen)
"""What a snapshot holds once however often it is named."""

LEAST = 1024
"""So many rows and runs are kept before any is looked at to be thrown away."""


@record
class Decided:
    """A verdict that became final. `id`: 32 hexadecimal digits that are the same in every run over the same events,
    also after a restart; two rows alike in everything still have two. It covers the regulation, its version, the rule,
    the moment and the verdict."""

    id: str
    judgement: Judgement


@record
class Late:
    """An event that came when the watermark (UTC microseconds) had passed its time. It was not judged."""

    event: Event
    watermark: int


Outcome = Decided | Late


class Refused(ValueError):
    """The policy cannot be monitored, or a snapshot is of another monitor; `diagnostics` say why."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(one.message for one in diagnostics))
        self.diagnostics = diagnostics


Tell = Callable[[int, Event], None]
Act = Callable[[int, Event, "list[Row]", list[Outcome]], None]

Program = tuple[tuple[Tell, ...], tuple[Tell, ...], tuple[Act, ...]]
"""What is done with a row of a type: who is told of it at once, who when its instant is kept, what it triggers."""

Row = tuple[int, Event, Program]

ALONE: list[Row] = []
"""The rows of an instant that is one row, which is no answer to itself."""


class Monitor:
    """One version of a policy over one service, for ever. Not safe for use by several threads at once.

    `parameters`: the operator's values, raw, by name. `lateness` in microseconds. `rules`: names, None for all.
    `force`: moments from the first up to, not including, the second instant are judged. `report`: the verdicts that are
    handed out; the others are counted only, which is faster. Raises `Refused` when a rule would have to keep everything
    (see `retention`), `operators.Overflow` and `calendar.OutOfRange` from `feed` and `advance` as the evaluator does.
    """

    def __init__(self, policy: ir.Policy, facts: Mapping[str, Any], parameters: Mapping[str, Any],
                 calendar: Calendar, *, lateness: int = 0, sources: Sources | None = None,
                 rules: Iterable[str] | None = None, force: tuple[int | None, int | None] = (None, None),
                 report: Collection[Verdict] = VERDICTS) -> None:
        self.counts: dict[str, dict[Verdict, int]] = {}
        """How many final verdicts of each kind each rule has given, reported or not."""
        self.late = 0
        """How many events were reported late."""
        self.repeats = 0
        """How many rows were dropped because their id was known already."""
        named = None if rules is None else set(rules)
        judged = [rule for rule in policy.rules if rule.trigger is not None and (named is None or rule.name in named)]
        self._plans, refused = plans(policy, judged, facts, parameters, calendar, sources)
        if refused:
            raise Refused(refused)
        self._made_of = partial(made_of, policy, facts, parameters, calendar, sources, [one.name for one in judged],
                                force)
        self._policy, self._force, self._report = policy, force, frozenset(report)
        self._blank = World.of(policy, Case(facts), Setting(0, parameters), calendar, sources)
        self._arrival = Arrival(lateness)
        quiet = frozenset(VERDICTS) - frozenset(report)
        self._rules = [Work(place, plan, quiet) for place, plan in enumerate(self._plans)]
        self.counts = {rule.name: dict.fromkeys(VERDICTS, 0) for rule in judged}
        self._opening = [one for rule in self._rules for one in self._begin(rule)]
        self._place = 0  # of the next row
        self._number = 0  # of the next duty or look
        self._duties: dict[int, Duty] = {}
        self._watching: dict[int, Look] = {}
        self._times: list[tuple[int, int]] = []  # a heap: when to ask a duty, or look at a state, again, by number
        self._twins: tuple[list[Row], dict[int, int]] = [], {}
        self._touched: dict[int, Duty] = {}
        self._found: list[Found] = []
        self._looks: list[Look] = []
        self._held: dict[tuple[str, Any], int] = {}  # how many duties are open for a key that may be forgotten
        self._leaving: dict[tuple[str, Any], None] = {}
        self._kept = self._check = LEAST
        self._straight = lateness == 0
        self._set_up()

    def _begin(self, rule: Work) -> Iterable[Judgement]:
        """What is said of a rule whose moments cannot be known."""
        trigger, blank = rule.trigger, self._blank
        silent = tuple(NotEmitted(event) for event in trigger_events(trigger, self._policy)
                       if blank.sources is not None and event not in blank.sources.complete)
        if silent:
            rule.active = isinstance(trigger, ir.OnEvent)  # else its runs are not those that were
            scope = self._policy.scope_of(rule.rule)
            if scope is not None and condition_of(scope, at_large(blank), blank).value is False:
                yield Judgement(rule.name, "not_applicable", None)
            else:
                yield Judgement(rule.name, "undecided", None, missing=silent)
        unknown = unknown_lengths(trigger, blank) if rule.active else ()
        if unknown:
            rule.active = False
            yield Judgement(rule.name, "undecided", None, missing=unknown)

    def _set_up(self) -> None:
        """Who is told of which event type."""
        policy = self._policy
        active = [rule for rule in self._rules if rule.active]
        watched: dict[str, dict[int, Any]] = {}
        for rule in active:
            if not isinstance(rule.trigger, ir.OnEvent):
                watched.setdefault(rule.trigger.run, {})[rule.place] = rule.trigger
        asked = [one for rule in active for one in rule.plan.runs]
        declared = {one.name: one for one in (*policy.episodes, *policy.states)
                    if not isinstance(one, ir.ValuedState)
                    and (one.name in watched or any(run.episode == one.name for run in asked))}
        patterns = [pattern for one in declared.values()
                    for pattern in (*(one.events if isinstance(one, ir.Episode) else one.starts), *one.ends)]
        patterns += (one.pattern for some in watched.values() for one in some.values() if isinstance(one, ir.OnWithout))
        patterns += (pattern for one in policy.forgets for pattern in one.at)
        self._shelf = shelf = Shelf(self._blank, [rule.plan for rule in active], [one.where for one in patterns])
        for name, one in declared.items():
            shelf.runs[name] = Runs(one, self._blank, shelf.match, watched.get(name, {}),
                                    [run for run in asked if run.episode == name], shelf.latest, self._found,
                                    self._looks)
        waits: dict[str, Wait] = {}
        for rule in active:
            for pattern in rule.plan.waits:
                key = repr(pattern)
                if key not in waits:
                    waits[key] = Wait(pattern, shelf, self._touched, self._answered)
                rule.waits.append(waits[key])
            rule.prepare(shelf)
        self._forgets: dict[str, list[tuple[str, ir.Pattern]]] = {}
        for forget in policy.forgets:
            for pattern in forget.at:
                self._forgets.setdefault(pattern.event, []).append((forget.key, pattern))
        self._forgotten = frozenset(forget.key for forget in policy.forgets)
        named = {*shelf.plain, *shelf.asking, *self._forgets, *(one.pattern.event for one in waits.values()),
                 *(type for runs in shelf.runs.values() for type in runs.types),
                 *(type for rule in active if isinstance(rule.trigger, ir.OnEvent) for type in rule.trigger.events)}
        self._whole = bool(shelf.in_turn or self._forgets)
        self._programs: dict[str, Program] = {}
        for type in sorted(named):
            told = (*(runs.stepper(type) for runs in shelf.runs.values() if type in runs.types),
                    *(one.reached for one in waits.values() if one.pattern.event == type))
            kept = tuple(shelf.puts(type))
            # Where keeping rows asks states, all of an instant are kept before any is looked at.
            early, then = (kept, told) if shelf.in_turn else ((*kept, *told), ())
            self._programs[type] = early, then, tuple(
                self._acts(rule) for rule in active
                if isinstance(rule.trigger, ir.OnEvent) and type in rule.trigger.events)

    # ---- in and out ---------------------------------------------------------------------------------------------

    @property
    def watermark(self) -> int | None:
        """UTC microseconds; None before the first event."""
        return None if self._arrival.watermark == START else self._arrival.watermark

    def feed(self, event: Event) -> list[Outcome]:
        """Take one event; what became final through it, in a fixed order, or that it is late."""
        arrival = self._arrival
        time, now = event.time, arrival.watermark
        if time > now and self._straight:
            # What most events do: the instant that was is over, and nothing else waits.
            waiting = arrival.next(event)
            out: list[Outcome] = self._begun() if self._opening else []
            if len(waiting) == 1:
                self._alone(now, waiting[0], out)
            elif waiting:
                self._instant(now, waiting, out)
            if self._times and self._times[0][0] < time:
                self._fire(time, out)
            return out
        match arrival.put(event):
            case "late":
                self.late += 1
                return [Late(event, arrival.watermark)]
            case "repeat":
                self.repeats += 1
                return []
            case _:
                return self._release()

    def advance(self, instant: int) -> list[Outcome]:
        """The clock shows `instant` (UTC microseconds), so the watermark is at least that less the lateness: deadlines
        fire without an event. An instant before the greatest so far changes nothing."""
        self._arrival.clock(instant)
        return self._release()

    def finish(self, as_of: int | None = None) -> list[Outcome]:
        """Judge all events up to and including `as_of` (None: all that came), as the evaluator does at that instant.
        What is still open is then `pending`. Events may follow; those up to `as_of` are late."""
        last = self._arrival.last() if as_of is None else as_of
        if last is not None:
            self._arrival.settle(last)
        return self._release()

    def pending(self) -> list[Judgement]:
        """The open duties as of one microsecond before the watermark, by due time."""
        duties = sorted(self._duties.values(), key=lambda one: (one.due, one.number))
        return [one.judgement or self._judged(one, self._arrival.watermark - 1) for one in duties]

    def retention(self) -> tuple[Kept, ...]:
        """What is kept for each rule, in policy order."""
        return tuple(row for plan in self._plans for row in kept(plan, self._policy))

    def size(self) -> int:
        """How many things are kept now: events, runs, open duties, keys whose first match was seen."""
        return (self._rows() + len(self._duties) + len(self._watching)
                + sum(len(rule.seen) + len(rule.unsure) for rule in self._rules))

    def _rows(self) -> int:
        return self._shelf.rows() + sum(one.size() for one in self._shelf.runs.values())

    def compact(self) -> None:
        """Throw away what no moment to come can reach. Done by itself whenever what is kept has doubled."""
        now = self._arrival.watermark
        for runs in self._shelf.runs.values():
            runs.sweep(now)
        self._shelf.sweep(now)
        if self._shelf.supports:
            self._shelf.drop_supports([
                *(place for runs in self._shelf.runs.values() for place in runs.places()),
                *(place for duty in self._duties.values() for place in duty.rows)])

    # ---- instants -----------------------------------------------------------------------------------------------

    def _begun(self) -> list[Outcome]:
        """What was clear before the first event."""
        out: list[Outcome] = []
        for judgement in self._opening:
            self._decide(judgement, 0, out)
        self._opening = []
        return out

    def _release(self) -> list[Outcome]:
        out = self._begun()
        arrival = self._arrival
        while (over := arrival.over()) is not None:
            time, events = over
            if self._times and self._times[0][0] < time:
                self._fire(time, out)
            self._instant(time, events, out)
        if self._times and self._times[0][0] < arrival.watermark:
            self._fire(arrival.watermark, out)
        return out

    def _instant(self, time: int, events: list[Event], out: list[Outcome]) -> None:
        """All events of an instant: what is kept of them, the duties they answer, the moments they give."""
        programs, in_turn = self._programs, self._shelf.in_turn
        rows: list[Row] = []
        for event in events:
            program = programs.get(event.type)
            if program is not None:
                place = self._place
                self._place = place + 1
                rows.append((place, event, program))
                for tell in program[0]:
                    tell(place, event)
        if in_turn:
            self._shelf.settle(rows)
            for place, event, program in rows:
                for tell in program[1]:
                    tell(place, event)
        if self._touched or self._found or self._looks or (self._times and self._times[0][0] <= time):
            self._ask_again(time, rows, out)
        for place, event, program in rows:
            for act in program[2]:
                act(place, event, rows, out)
        if self._forgets:
            self._forget(rows)
        if self._place >= self._check:
            self._tidy()

    def _alone(self, time: int, event: Event, out: list[Outcome]) -> None:
        """As `_instant`, for the only event of an instant: no other row can matter to its moments."""
        program = self._programs.get(event.type)
        if program is None or self._whole:
            self._instant(time, [event], out)
            return
        place = self._place
        self._place = place + 1
        for tell in program[0]:
            tell(place, event)
        if self._touched or self._found or self._looks or (self._times and self._times[0][0] <= time):
            self._ask_again(time, [(place, event, program)], out)
        for act in program[2]:
            act(place, event, ALONE, out)
        if place >= self._check:
            self._tidy()

    def _fire(self, before: int, out: list[Outcome]) -> None:
        """Time passes, up to the instant before `before`, and nothing happens."""
        while self._times and self._times[0][0] < before:
            self._ask_again(self._times[0][0], [], out)
        if self._forgets:
            self._forget([])

    def _ask_again(self, now: int, rows: list[Row], out: list[Outcome]) -> None:
        """The duties that were touched or are due, and the marks that were passed."""
        self._look_again()
        while self._times and self._times[0][0] <= now:
            _, number = heappop(self._times)
            duty, look = self._duties.get(number), self._watching.pop(number, None)
            if duty is not None and duty.due == now:
                self._touched[number] = duty
            if look is not None:
                when, name, watcher, run, base = look
                self._shelf.runs[name].look(when, watcher, run, base)
                self._look_again()
        found, duties = self._found[:], sorted(self._touched)
        for number in duties:
            self._again(self._touched[number], now, out)
        self._touched.clear()
        self._found.clear()
        if found:
            self._marks(found, now, rows, out)

    def _look_again(self) -> None:
        for look in self._looks:
            self._watching[self._number] = look
            self._at(look[0], self._number)
            self._number += 1
        self._looks.clear()

    def _at(self, when: int, number: int) -> None:
        heappush(self._times, (when, number))

    def _tidy(self) -> None:
        """Look from time to time whether what is kept has doubled, and throw away what is not needed."""
        self._check = self._place + LEAST
        if len(self._times) > 2 * (len(self._duties) + len(self._watching)) + LEAST:
            self._times = [(when, number) for when, number in self._times if number in self._watching or (
                number in self._duties and self._duties[number].due == when)]
            heapify(self._times)
        if self._rows() > self._kept:
            self.compact()
            self._kept = max(LEAST, 2 * self._rows())

    # ---- moments ------------------------------------------------------------------------------------------------

    def _acts(self, rule: Work) -> Act:
        """What a rule does with its trigger."""
        trigger, keys, seen, unsure, quickly = rule.trigger, rule.keys, rule.seen, rule.unsure, rule.quickly
        counts, (start, end) = self.counts[rule.name], self._force
        assert isinstance(trigger, ir.OnEvent)
        first = trigger.first

        always, forced = rule.always(), start is not None or end is not None

        def acts(values: tuple[Any, ...], place: int, event: Event, rows: list[Row], out: list[Outcome]) -> None:
            verdict = always or quickly(place, event)
            if verdict is None or (first and values in unsure):
                self._trigger(rule, values, place, event, rows, out)
                return
            if first:
                if not rule.holds(place, event):
                    return
                seen[values] = None
            if forced and not self._in_force(event.time):
                return
            if verdict == "pending":
                self._wait(rule, values, place, event, rows)
            else:
                counts[verdict] += 1

        if len(keys) == 1:
            (key,) = keys

            def act(place: int, event: Event, rows: list[Row], out: list[Outcome]) -> None:
                values = (event.fields.get(key),)
                if values not in seen:
                    acts(values, place, event, rows, out)
            return act

        def act_on_many(place: int, event: Event, rows: list[Row], out: list[Outcome]) -> None:
            values = tuple(map(event.fields.get, keys))
            if values not in seen:
                acts(values, place, event, rows, out)
        return act_on_many

    def _trigger(self, rule: Work, values: tuple[Any, ...], place: int, event: Event, rows: list[Row],
                 out: list[Outcome]) -> None:
        """A trigger of whose verdict the evaluator has to be asked."""
        trigger = rule.trigger
        assert isinstance(trigger, ir.OnEvent)
        held = self._truth(rule, values, place, event)
        if trigger.first:
            if held.value is False:
                return
            # A later match is not the first; after an uncertain one, or in a history with a gap, nobody knows.
            before = rule.unsure.get(values) or _uncertain(
                tuple(one for name in trigger.events for one in self._blank.gap_in_history(name, None)))
            both = all_of((before, held))
            if held.value:
                rule.seen[values] = None
                rule.unsure.pop(values, None)
            else:
                rule.unsure[values] = both
            held = both
        if not self._in_force(event.time):
            return
        moment = Moment(event.time, event.time, tuple(zip(rule.keys, values, strict=True)), event)
        twin = self._twin(place, event, rows)
        if held.value is False:
            self._decide(Judgement(rule.name, "not_applicable", moment, tie=held.tie), twin, out)
        else:
            self._arise(rule, moment, None, place, held, twin, event.time, rows, out)

    def _truth(self, rule: Work, values: tuple[Any, ...], place: int, event: Event) -> Truth:
        """How far the trigger's `where` holds, with its evidence."""
        trigger = rule.trigger
        assert isinstance(trigger, ir.OnEvent)
        if trigger.where is None:
            return TRUE
        here = Here(event.time, event.time, 0, dict(zip(rule.keys, values, strict=True)), event)
        return self._shelf.candidate(trigger.where, place, event, here)

    def _twin(self, place: int, event: Event, rows: list[Row]) -> int:
        """The how manieth of the rows of its instant it is that can only be told apart by what they say."""
        if len(rows) <= 1 or event.sequence is not None or event.id is not None:
            return 0
        if self._twins[0] is not rows:
            twins: dict[int, int] = {}
            alike: dict[Any, int] = {}
            for at, one, _ in rows:
                said = repr(content(one))
                twins[at] = alike[said] = alike.get(said, -1) + 1
            self._twins = rows, twins
        return self._twins[1][place]

    def _wait(self, rule: Work, values: tuple[Any, ...], place: int, event: Event, rows: list[Row]) -> None:
        """A duty that one event in time settles, and nothing else does before it is due."""
        wait = rule.later
        assert wait is not None
        due = rule.due(event.time, self._shelf)
        duty = Duty(rule.place, self._number, rule.keys, values, place, event, self._twin(place, event, rows))
        self._number += 1
        duty.due, duty.plain = due, True
        if rule.asks_past:
            duty.gather(rule.plan, self._shelf)
        else:
            duty.rows[place] = event
        self._open(rule, duty)
        self._at(due, duty.number)
        if len(rows) > 1:
            for at, one, _ in rows:
                after = one.type != event.type or at > place
                if one.type == wait.pattern.event and after and wait.offer(duty, at, one):
                    return

    def _answered(self, duty: Duty, place: int, event: Event) -> None:
        """What a plain duty waited for has come."""
        rule = self._rules[duty.rule]
        self._close(rule, duty)
        self.counts[rule.name]["satisfied"] += 1

    def _marks(self, found: list[Found], as_of: int, rows: list[Row], out: list[Outcome]) -> None:
        alike: dict[Any, int] = {}
        for watcher, run, mark, passed, unknown in found:
            rule = self._rules[watcher]
            known = dict(zip(self._shelf.runs[rule.run].keys, run.values, strict=True))
            keys = tuple((key, known[key]) for key in rule.keys)
            place, first = run.first
            if mark is None:
                moment = Moment(run.start, run.start, keys, first, first)
                doubts = run.doubts(place, run.start)
            else:
                moment = Moment(mark, mark if passed is None else passed[1].time, keys, None, first,
                                None if passed is None else passed[1])
                doubts = (*run.doubts(None if passed is None else passed[0], mark), *unknown)
            if self._in_force(moment.time):
                twin = alike[watcher, place, mark] = alike.get((watcher, place, mark), -1) + 1
                if mark is None:
                    self._arise(rule, moment, None, place, _uncertain(doubts), self._twin(place, first, rows), as_of,
                                rows, out)
                else:
                    self._arise(rule, moment, known, None, _uncertain(doubts), twin, as_of, rows, out)

    def _in_force(self, time: int) -> bool:
        start, end = self._force
        return (start is None or time >= start) and (end is None or time < end)

    def _arise(self, rule: Work, moment: Moment, keys: dict[str, Any] | None, place: int | None, triggered: Truth,
               twin: int, as_of: int, rows: list[Row], out: list[Outcome]) -> None:
        """A moment: judged at once, and again while it is pending."""
        duty = Duty(rule.place, self._number, (), (), place, None, twin)
        duty.moment, duty.keys, duty.triggered = moment, keys, triggered
        self._number += 1
        duty.gather(rule.plan, self._shelf)
        if rule.waits:
            here = duty.here()
            for wait in rule.waits:
                for at, event, _ in rows:
                    if event.type == wait.pattern.event and all(event.fields.get(key) == here.key(key)
                                                                for key in wait.keys) and not wait.excluded(at, event):
                        wait.show(duty, at, event)
        judgement = duty.judge(rule.rule, self._shelf, as_of)
        if judgement.verdict == "pending":
            self._open(rule, duty)
            self._pend(duty, judgement)
        else:
            self._decide(judgement, twin, out)

    def _open(self, rule: Work, duty: Duty) -> None:
        self._duties[duty.number] = duty
        for wait in rule.waits:
            wait.add(duty)
        if self._forgotten:
            for key in self._held_keys(duty):
                self._held[key] = self._held.get(key, 0) + 1

    def _pend(self, duty: Duty, judgement: Judgement) -> None:
        assert judgement.due is not None
        if judgement.due != duty.due or duty.judgement is None:
            self._at(judgement.due, duty.number)
        duty.judgement, duty.due = judgement, judgement.due

    def _close(self, rule: Work, duty: Duty) -> None:
        del self._duties[duty.number]
        for wait in rule.waits:
            wait.remove(duty)
        if self._forgotten:
            for key in self._held_keys(duty):
                self._held[key] -= 1
                if not self._held[key]:
                    del self._held[key]

    def _judged(self, duty: Duty, as_of: int) -> Judgement:
        """The verdict on a duty by what it has seen."""
        rule = self._rules[duty.rule]
        if duty.plain and duty.event is not None and duty.place is not None:
            duty.triggered = self._truth(rule, duty.values, duty.place, duty.event)
        return duty.judge(rule.rule, self._shelf, as_of)

    def _again(self, duty: Duty, as_of: int, out: list[Outcome]) -> None:
        judgement = self._judged(duty, as_of)
        if judgement.verdict == "pending":
            self._pend(duty, judgement)
        else:
            self._close(self._rules[duty.rule], duty)
            self._decide(judgement, duty.twin, out)

    def _decide(self, judgement: Judgement, twin: int, out: list[Outcome]) -> None:
        self.counts[judgement.rule][judgement.verdict] += 1
        if judgement.verdict in self._report:
            out.append(Decided(_name(self._policy, judgement, twin), judgement))

    # ---- forgetting ---------------------------------------------------------------------------------------------

    def _held_keys(self, duty: Duty) -> list[tuple[str, Any]]:
        keys = dict(duty.about().keys) if duty.keys is None else duty.keys
        return [(key, value) for key, value in keys.items() if key in self._forgotten]

    def _forget(self, rows: list[Row]) -> None:
        """Keys whose last event has been, once nothing of theirs is open."""
        for place, event, _ in rows:
            for key, pattern in self._forgets.get(event.type, ()):
                if self._shelf.match(pattern, place, event).value:
                    self._leaving[key, event.fields.get(key)] = None
        for key, value in [one for one in self._leaving if one not in self._held]:
            del self._leaving[key, value]
            self._shelf.forget(key, value)
            for runs in self._shelf.runs.values():
                runs.forget(key, value)
            for rule in self._rules:
                rule.forget(key, value)

    # ---- snapshots ----------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """All of it as JSON values (any JSON library), for `restore`. Holds what the monitor was made of as hashes."""
        packer, arrival = Packer(SHARED), self._arrival
        state = packer.pack({
            "place": self._place, "number": self._number, "late": self.late, "repeats": self.repeats,
            "counts": self.counts, "opening": self._opening, "leaving": self._leaving, "kept": self._kept,
            "watermark": arrival.watermark, "events": arrival.events, "memory": arrival.memory,
            "check": self._check, "duties": self._duties, "watching": self._watching,
            "rules": [(rule.seen, rule.unsure) for rule in self._rules],
            "supports": self._shelf.supports, "stores": [store.entries() for store in self._shelf.stores.values()],
            "runs": {name: (list(runs.current.values()), runs.past, runs.ended)
                     for name, runs in self._shelf.runs.items()},
        })
        return {"version": SNAPSHOT, "made_of": self._made_of(), "events": packer.events, "objects": packer.objects,
                "state": state}

    @staticmethod
    def restore(snapshot: Mapping[str, Any], policy: ir.Policy, facts: Mapping[str, Any], parameters: Mapping[str, Any],
                calendar: Calendar, *, lateness: int = 0, sources: Sources | None = None,
                rules: Iterable[str] | None = None, force: tuple[int | None, int | None] = (None, None),
                report: Collection[Verdict] = VERDICTS) -> Monitor:
        """The monitor that wrote the snapshot, to go on with the next event; the other arguments as it was made with.
        Raises `Refused` (`other-snapshot`) when policy, facts, parameters, calendar, time zone data, sources or rules
        are not those of the snapshot. `lateness` and `report` may differ."""
        monitor = Monitor(policy, facts, parameters, calendar, lateness=lateness, sources=sources, rules=rules,
                          force=force, report=report)
        if snapshot.get("version") != SNAPSHOT:
            raise Refused((error("other-snapshot", "the state was written by another version of guiju",
                                 help="start anew, from the events"),))
        was = snapshot["made_of"]
        other = [name for name, value in monitor._made_of().items() if was.get(name) != value]
        if other:
            raise Refused((error("other-snapshot", f"the state was written with another {' and another '.join(other)}",
                                 help="start anew, from the events"),))
        monitor._restore(snapshot)
        return monitor

    def _restore(self, snapshot: Mapping[str, Any]) -> None:
        reader = Unpacker(snapshot["events"], snapshot["objects"], SHARED)
        state = reader.unpack(snapshot["state"])
        self._place, self._number, self._kept = state["place"], state["number"], state["kept"]
        self.late, self.repeats = state["late"], state["repeats"]
        for name, counts in state["counts"].items():
            self.counts[name].update(counts)
        self._opening, self._leaving = state["opening"], state["leaving"]
        self._arrival.restore(state["watermark"], state["events"], state["memory"])
        for rule, (seen, unsure) in zip(self._rules, state["rules"], strict=True):
            rule.seen.update(seen)
            rule.unsure.update(unsure)
        for store, entries in zip(self._shelf.stores.values(), state["stores"], strict=True):
            store.restore(entries)
        self._shelf.supports = state["supports"]
        for name, (current, past, ended) in state["runs"].items():
            self._shelf.runs[name].restore(current, past, ended)
        self._check, self._duties, self._watching = state["check"], state["duties"], state["watching"]
        self._times = [(duty.due, number) for number, duty in self._duties.items()]
        self._times += ((look[0], number) for number, look in self._watching.items())
        heapify(self._times)
        for duty in self._duties.values():
            for wait in self._rules[duty.rule].waits:
                wait.add(duty)
            for key in self._held_keys(duty):
                self._held[key] = self._held.get(key, 0) + 1


def _uncertain(missing: tuple[Missing, ...]) -> Truth:
    return Truth(None, SETTLED, (), tuple(dict.fromkeys(missing))) if missing else TRUE


def _name(policy: ir.Policy, judgement: Judgement, twin: int) -> str:
    """The id of a verdict."""
    moment = judgement.moment
    what: tuple[Any, ...] = (policy.regulation, policy.version, judgement.rule, judgement.verdict, twin)
    if moment is not None:
        what = (*what, moment.time, moment.known, moment.keys, _event(moment.event), _event(moment.run_first))
    return sha256(repr(what).encode()).hexdigest()[:32]


def _event(event: Event | None) -> Any:
    """What an event is known by: its id, else all it says."""
    return event and (event.id or (event.time, event.sequence, content(event)))
