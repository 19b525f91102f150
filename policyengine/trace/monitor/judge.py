"""The judge of an online monitor: instants that are over, one after the other -> the verdicts that became final.

In come all events of an instant at once, and how far time has passed in between. Rows are kept where a rule may look at
them, runs are followed, duties that were touched or are due are asked again, and new moments arise. When an instant is
over, and what is done with the outcomes, is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from policyengine.core import ir
from policyengine.core.case import Event, content
from policyengine.core.conditions import condition_of
from policyengine.core.moments import trigger_events, unknown_lengths
from policyengine.core.operators import TOO_LARGE
from policyengine.core.standing import Here, World, at_large
from policyengine.core.truth import SETTLED, TRUE, Truth, all_of
from policyengine.core.verdict import VERDICTS, Judgement, Missing, Moment, NotEmitted, Verdict
from policyengine.trace.monitor.duties import Duty, Wait
from policyengine.trace.monitor.keys import Key, named
from policyengine.trace.monitor.outcomes import Outcome, outcome_of, uncomputed, uncomputed_in
from policyengine.trace.monitor.retention import Plan
from policyengine.trace.monitor.rows import Shelf
from policyengine.trace.monitor.rules import Work, matcher
from policyengine.trace.monitor.runs import NEVER, Found, Look, Runs
from policyengine.trace.monitor.written import NOTHING, Act, Alone, Asked, Part, Take, Written, write

LEAST = 1024
"""So many rows come before it is looked again whether any can be thrown away, and so many are kept at least."""

Row = tuple[int, Event]


class Judge:
    """What is judged and what is kept for it. `whole`: every instant has to be taken as a whole, with `instant`."""

    def __init__(self, blank: World, plans: Sequence[Plan], force: tuple[int | None, int | None],
                 report: Collection[Verdict]) -> None:
        """`blank`: the world without events. The rest as in `Monitor`."""
        self.policy, self.blank, self.force, self.report = blank.policy, blank, force, frozenset(report)
        quiet = frozenset(VERDICTS) - self.report
        self.rules = [Work(place, plan, quiet) for place, plan in enumerate(plans)]
        self.counts: dict[str, dict[Verdict, int]] = {rule.name: dict.fromkeys(VERDICTS, 0) for rule in self.rules}
        self.unjudged = dict.fromkeys(self.counts, 0)
        self.opening = [one for rule in self.rules for one in self._begin(rule)]
        self.starts_at(0)
        self.number = 0  # of the next duty or look
        self.duties: dict[int, Duty] = {}
        self.watching: dict[int, Look] = {}
        self.times: list[tuple[int, int]] = []  # a heap: when to ask a duty, or look at a state, again, by number
        self.soonest = NEVER  # the first of them
        self.touched: dict[int, Duty] = {}
        self.news: list[Found | Look] = []
        self.held: dict[tuple[str, Any], int] = {}  # how many duties are open for a key that may be forgotten
        self.leaving: dict[tuple[str, Any], None] = {}
        self.kept = self.check = LEAST
        self._twins: tuple[list[Row], dict[int, int]] = [], {}
        self._told: tuple[list[Row], Counter[Any], dict[str, list[Row]]] = [], Counter(), {}
        self._set_up()

    def starts_at(self, place: int) -> None:
        """The next row has at least that place."""
        self.ticket = count(place).__next__

    def _begin(self, rule: Work) -> Iterable[Judgement]:
        """What is said of a rule whose moments cannot be known."""
        try:
            return [*self._unknown(rule)]
        except TOO_LARGE as problem:
            rule.active = False
            return [Judgement(rule.name, "undecided", None, missing=(uncomputed(problem),))]

    def _unknown(self, rule: Work) -> Iterator[Judgement]:
        trigger, blank = rule.trigger, self.blank
        silent = tuple(NotEmitted(event) for event in trigger_events(trigger, self.policy)
                       if blank.sources is not None and event not in blank.sources.complete)
        if silent:
            rule.active = isinstance(trigger, ir.OnEvent)  # else its runs are not those that were
            scope = self.policy.scope_of(rule.rule)
            if scope is not None:
                condition_of(scope, at_large(blank), blank)  # it may be past what can be held
            yield Judgement(rule.name, "undecided", None, missing=silent)
        unknown = unknown_lengths(trigger, blank) if rule.active else ()
        if unknown:
            rule.active = False
            yield Judgement(rule.name, "undecided", None, missing=unknown)

    def _set_up(self) -> None:
        """Who is told of which event type."""
        policy = self.policy
        active = [rule for rule in self.rules if rule.active]
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
        self.shelf = shelf = Shelf(self.blank, [rule.plan for rule in active], [one.where for one in patterns])
        self.match = matcher(patterns, shelf)
        for name, one in declared.items():
            shelf.runs[name] = Runs(one, self.blank, self.match, watched.get(name, {}),
                                    [run for run in asked if run.episode == name], shelf.latest, self.news)
        waits: dict[str, Wait] = {}
        for rule in active:
            for pattern in rule.plan.waits:
                key = repr(pattern)
                if key not in waits:
                    waits[key] = Wait(pattern, shelf, self.touched, self._answered)
                rule.waits.append(waits[key])
            rule.prepare(shelf)
        self._forgets: dict[str, list[tuple[str, ir.Pattern]]] = {}
        for forget in policy.forgets:
            for pattern in forget.at:
                self._forgets.setdefault(pattern.event, []).append((forget.key, pattern))
        self._forgotten = frozenset(forget.key for forget in policy.forgets)
        self.waits = tuple(waits.values())
        self.whole = bool(shelf.in_turn or self._forgets)
        self.triggered: dict[str, list[Asked]] = {}
        for rule in active:
            if isinstance(rule.trigger, ir.OnEvent):
                for type in rule.trigger.events:
                    self.triggered.setdefault(type, []).append(Asked(
                        rule, self.counts[rule.name], self.force, partial(self._trigger, rule),
                        partial(self._wait, rule)))
        self.named = {*shelf.plain, *shelf.asking, *self._forgets, *(one.pattern.event for one in self.waits),
                      *(type for runs in shelf.runs.values() for type in runs.types), *self.triggered}
        self.written: dict[Any, Written] = {}
        self.take: dict[Any, Take] = {}
        self.act: dict[Any, Act] = {}
        self.alone: dict[Any, Alone] = {}

    def write(self, event: Event) -> Written:
        """What is done with rows like this one."""
        type, line = event.type, event.__class__ is not Event
        rows: Any = event.__class__ if line else type
        found = self.written.get(rows)
        if found is None:
            kept, told = self._parts(type)
            # Where keeping rows asks states, all of an instant are kept before any is looked at.
            early, then = (kept, told) if self.shelf.in_turn else ([*kept, *told], [])
            found = self.written[rows] = NOTHING if type not in self.named else write(
                early, then, self.triggered.get(type, ()), rows, self.shelf, self, self._again_alone)
            if line:  # found by the class alone from now on
                self.take[rows], self.act[rows], self.alone[rows] = found.take, found.act, found.alone
        return found

    def by_itself(self, event: Event, out: list[Outcome]) -> None:
        """A row that is all of its instant, as `instant` would; not where the judge is `whole`, or something is due.
        """
        self.write(event).alone(event, out)

    def _again_alone(self, place: int, event: Event, out: list[Outcome]) -> None:
        self.ask_again(event.time, [(place, event)], out)

    def _parts(self, type: str) -> tuple[list[Part], list[Part]]:
        """Who keeps rows of a type, and who follows them."""
        told: list[Part] = [runs for runs in self.shelf.runs.values() if type in runs.types]
        told += (one for one in self.waits if one.pattern.event == type)
        return [*self.shelf.plain.get(type, ())], told

    # ---- instants -----------------------------------------------------------------------------------------------

    def begun(self, as_of: int, out: list[Outcome]) -> None:
        """What was clear before the first event, as of that instant: a scope may ask for the date."""
        world = replace(self.blank, as_of=as_of)
        for judgement in self.opening:
            scope = self.policy.scope_of(next(rule.rule for rule in self.rules if rule.name == judgement.rule))
            silent = all(isinstance(one, NotEmitted) for one in judgement.missing)
            try:
                if silent and scope is not None and condition_of(scope, at_large(world), world).value is False:
                    judgement = Judgement(judgement.rule, "not_applicable", None)
            except TOO_LARGE as problem:
                judgement = replace(judgement, missing=(uncomputed(problem),))
            self._decide(judgement, 0, out)
        self.opening = []

    def instant(self, time: int, events: list[Event], out: list[Outcome]) -> None:
        """All events of an instant: what is kept of them, the duties they answer, the moments they give."""
        rows: list[Row] = []
        take, act = self.take, self.act
        for event in events:
            try:
                taken = take[type(event)]
            except KeyError:
                taken = self.write(event).take
            taken(event, rows)
        if self.shelf.in_turn:
            self.shelf.settle(rows)
            for place, event in rows:
                self.write(event).then(place, event)
        if self.touched or self.news or self.soonest <= time:
            self.ask_again(time, rows, out)
        for place, event in rows:
            try:
                asked = act[type(event)]
            except KeyError:
                asked = self.write(event).act
            if asked is not NOTHING.act:
                asked(place, event, rows, out)
        if self._forgets:
            self._forget(rows)

    def fire(self, before: int, out: list[Outcome]) -> None:
        """Time passes, up to the instant before `before`, and nothing happens."""
        times, duties, watching = self.times, self.duties, self.watching
        while times:
            when, number = times[0]
            if number not in duties and number not in watching:
                heappop(times)  # what it waited for has come
            elif when < before:
                self.ask_again(when, [], out)
            else:
                break
        self.soonest = times[0][0] if times else NEVER
        if self._forgets:
            self._forget([])

    def ask_again(self, now: int, rows: list[Row], out: list[Outcome]) -> None:
        """The duties that were touched or are due, and the marks that were passed."""
        found = self._sorted_out()
        while self.soonest <= now:
            _, number = heappop(self.times)
            self.soonest = self.times[0][0] if self.times else NEVER
            duty, look = self.duties.get(number), self.watching.pop(number, None)
            if duty is not None and duty.due == now:
                self.touched[number] = duty
            if look is not None:
                self.shelf.runs[look.state].look(look)
                found += self._sorted_out()
        for number in sorted(self.touched):
            self._again(self.touched[number], now, out)
        self.touched.clear()
        if found:
            self._marks(found, now, rows, out)

    def _sorted_out(self) -> list[Found]:
        """Of what runs came up with, the moments; when to look at a state again is noted."""
        found: list[Found] = []
        for one in self.news:
            if isinstance(one, Found):
                found.append(one)
            else:
                self.watching[self.number] = one
                self._at(one.when, self.number)
                self.number += 1
        self.news.clear()
        return found

    def _at(self, when: int, number: int) -> None:
        heappush(self.times, (when, number))
        if when < self.soonest:
            self.soonest = when

    def tidy(self, now: int) -> None:
        """Look from time to time whether what is kept has doubled, and throw away what no moment from `now` on needs.
        """
        place = self.ticket()
        if place < self.check:
            return
        self.check = place + LEAST
        if len(self.times) > 2 * (len(self.duties) + len(self.watching)) + LEAST:
            self.times[:] = [(when, number) for when, number in self.times if number in self.watching or (
                number in self.duties and self.duties[number].due == when)]
            self._in_heap()
        if self._rows() > self.kept:
            self.compact(now)
            self.kept = max(LEAST, 2 * self._rows())

    # ---- moments ------------------------------------------------------------------------------------------------

    def _trigger(self, rule: Work, key: Key, place: int, event: Event, rows: list[Row],
                 out: list[Outcome]) -> None:
        """A trigger of whose verdict the evaluator has to be asked."""
        trigger = rule.trigger
        assert isinstance(trigger, ir.OnEvent)
        held = self._truth(rule, key, place, event)
        if trigger.first:
            if held.value is False:
                return
            # A later match is not the first; after an uncertain one, or in a history with a gap, nobody knows.
            before = rule.unsure.get(key) or _uncertain(
                tuple(one for name in trigger.events for one in self.blank.gap_in_history(name, None)))
            both = all_of((before, held))
            if held.value:
                rule.seen[key] = None
                rule.unsure.pop(key, None)
            else:
                rule.unsure[key] = both
            held = both
        if not self._in_force(event.time):
            return
        moment = Moment(event.time, event.time, tuple(named(key, rule.keys).items()), event)
        twin = self._twin(place, event, rows)
        if held.value is False:
            self._decide(Judgement(rule.name, "not_applicable", moment, tie=held.tie), twin, out)
        else:
            self._arise(rule, moment, None, place, held, twin, event.time, rows, out)

    def _truth(self, rule: Work, key: Key, place: int, event: Event) -> Truth:
        """How far the trigger's `where` holds, with its evidence."""
        trigger = rule.trigger
        assert isinstance(trigger, ir.OnEvent)
        if trigger.where is None:
            return TRUE
        here = Here(event.time, event.time, 0, named(key, rule.keys), event)
        return self.shelf.candidate(trigger.where, place, event, here)

    def _twin(self, place: int, event: Event, rows: list[Row]) -> int:
        """The how manieth of the rows of its instant it is that can only be told apart by what they say."""
        if len(rows) <= 1 or event.id is not None:
            return 0
        if event.sequence is not None and self._tell_apart(rows)[0][event.sequence] == 1:
            return 0
        if self._twins[0] is not rows:
            twins: dict[int, int] = {}
            alike: dict[Any, int] = {}
            for at, one in rows:
                said = repr((one.sequence, content(one)))
                twins[at] = alike[said] = alike.get(said, -1) + 1
            self._twins = rows, twins
        return self._twins[1][place]

    def _tell_apart(self, rows: list[Row]) -> tuple[Counter[Any], dict[str, list[Row]]]:
        """How many rows of an instant have each sequence, and those of each type."""
        if self._told[0] is not rows:
            types: dict[str, list[Row]] = {}
            for row in rows:
                types.setdefault(row[1].type, []).append(row)
            self._told = rows, Counter(one.sequence for _, one in rows), types
        return self._told[1:]

    def _wait(self, rule: Work, key: Key, place: int, event: Event, rows: list[Row],
              out: list[Outcome]) -> None:
        """A duty that one event in time settles, and nothing else does before it is due."""
        wait, number, time = rule.later, self.number, event.time
        assert wait is not None
        duty = Duty(rule.place, number, rule.keys, key, place, event,
                    self._twin(place, event, rows) if len(rows) > 1 else 0)
        self.number = number + 1
        due = rule.due(time, self.shelf) if rule.elapsed is None else time + rule.elapsed
        if due is None:
            self._trigger(rule, key, place, event, rows, out)
            return
        duty.due, duty.plain = due, True
        if rule.asks_past:
            duty.gather(rule.plan, self.shelf)
        else:
            duty.rows[place] = event
        self._open(rule, duty)
        self._at(duty.due, number)
        if len(rows) > 1:
            for at, one in self._tell_apart(rows)[1].get(wait.pattern.event, ()):
                if (one.type != event.type or at > place) and wait.offer(duty, at, one):
                    return

    def _answered(self, duty: Duty) -> None:
        """What a plain duty waited for has come."""
        rule = self.rules[duty.rule]
        self._close(rule, duty)
        self.counts[rule.name]["satisfied"] += 1

    def _marks(self, found: list[Found], as_of: int, rows: list[Row], out: list[Outcome]) -> None:
        alike: dict[Any, int] = {}
        for one in found:
            watcher, run, mark, passed, unknown = one.watcher, one.run, one.mark, one.passed, one.missing
            rule = self.rules[watcher]
            known = named(run.key, self.shelf.runs[rule.run].keys)
            keys = tuple((key, known[key]) for key in rule.keys)
            place, first = run.first
            if mark is None:
                moment = Moment(run.start, run.start, keys, first, first)
                doubts = run.doubts(place, run.start)
            else:
                moment = Moment(mark, mark if passed is None else passed[1].time, keys, None, first,
                                None if passed is None else passed[1])
                doubts = (*run.doubts(None if passed is None else passed[0], mark), *unknown)
            end = self.force[1]
            if self._in_force(moment.time) or (one.undated and (end is None or moment.time < end)):
                twin = alike[watcher, place, mark] = alike.get((watcher, place, mark), -1) + 1
                if mark is None:
                    self._arise(rule, moment, None, place, _uncertain(doubts), self._twin(place, first, rows), as_of,
                                rows, out)
                else:
                    self._arise(rule, moment, known, None, _uncertain(doubts), twin, as_of, rows, out)

    def _in_force(self, time: int) -> bool:
        start, end = self.force
        return (start is None or time >= start) and (end is None or time < end)

    def _arise(self, rule: Work, moment: Moment, keys: dict[str, Any] | None, place: int | None, triggered: Truth,
               twin: int, as_of: int, rows: list[Row], out: list[Outcome]) -> None:
        """A moment: judged at once, and again while it is pending."""
        duty = Duty(rule.place, self.number, (), (), place, None, twin)
        duty.moment, duty.keys, duty.triggered = moment, keys, triggered
        self.number += 1
        duty.gather(rule.plan, self.shelf)
        if rule.waits:
            here = duty.here()
            for wait in rule.waits:
                for at, event in self._tell_apart(rows)[1].get(wait.pattern.event, ()) if rows else ():
                    same = all(event.fields.get(key) == here.key(key) for key in wait.keys)
                    if same and not wait.excluded(at, event):
                        wait.show(duty, at, event)
        due = self._only_waits(rule, duty, as_of)
        if due is not None:
            duty.due, duty.plain = due, True
            self._open(rule, duty)
            self._at(duty.due, duty.number)
            return
        judgement = duty.judge(rule.plan, self.shelf, as_of)
        if judgement.verdict == "pending":
            self._open(rule, duty)
            self._pend(duty, judgement)
        else:
            self._decide(judgement, twin, out)

    def _only_waits(self, rule: Work, duty: Duty, as_of: int) -> int | None:
        """When a mark is due that is sure to be pending until one event in time settles it; None where it is not."""
        wait, time = rule.later, duty.about().time
        if (wait is None or isinstance(rule.trigger, ir.OnEvent) or not rule.only_waits() or duty.triggered is not TRUE
                or any(one.type == wait.pattern.event and one.time >= time for one in duty.rows.values())):
            return None
        due = rule.due(duty.about().known, self.shelf)
        return None if due is None or due <= as_of else due

    def _open(self, rule: Work, duty: Duty) -> None:
        self.duties[duty.number] = duty
        for wait in rule.waits:
            wait.add(duty)
        if self._forgotten:
            for key in self._held_keys(duty):
                self.held[key] = self.held.get(key, 0) + 1

    def _pend(self, duty: Duty, judgement: Judgement) -> None:
        assert judgement.due is not None
        if judgement.due != duty.due or duty.judgement is None:
            self._at(judgement.due, duty.number)
        duty.judgement, duty.due = judgement, judgement.due

    def _close(self, rule: Work, duty: Duty) -> None:
        del self.duties[duty.number]
        for wait in rule.waits:
            wait.remove(duty)
        if self._forgotten:
            for key in self._held_keys(duty):
                self.held[key] -= 1
                if not self.held[key]:
                    del self.held[key]

    def _judged(self, duty: Duty, as_of: int) -> Judgement:
        """The verdict on a duty by what it has seen."""
        rule = self.rules[duty.rule]
        if duty.plain and duty.event is not None and duty.place is not None:
            duty.triggered = self._truth(rule, duty.key, duty.place, duty.event)
        return duty.judge(rule.plan, self.shelf, as_of)

    def _again(self, duty: Duty, as_of: int, out: list[Outcome]) -> None:
        judgement = self._judged(duty, as_of)
        if judgement.verdict == "pending":
            self._pend(duty, judgement)
        else:
            self._close(self.rules[duty.rule], duty)
            self._decide(judgement, duty.twin, out)

    def _decide(self, judgement: Judgement, twin: int, out: list[Outcome]) -> None:
        if judgement.verdict == "undecided" and uncomputed_in(judgement.missing):
            self.unjudged[judgement.rule] += 1
            out.append(outcome_of(self.policy, judgement, twin))
            return
        self.counts[judgement.rule][judgement.verdict] += 1
        if judgement.verdict in self.report:
            out.append(outcome_of(self.policy, judgement, twin))

    # ---- forgetting ---------------------------------------------------------------------------------------------

    def _held_keys(self, duty: Duty) -> list[tuple[str, Any]]:
        keys = dict(duty.about().keys) if duty.keys is None else duty.keys
        return [(key, value) for key, value in keys.items() if key in self._forgotten]

    def _forget(self, rows: list[Row]) -> None:
        """Keys whose last event has been, once nothing of theirs is open."""
        for place, event in rows:
            for key, pattern in self._forgets.get(event.type, ()):
                if self.match(pattern, place, event).value:
                    self.leaving[key, event.fields.get(key)] = None
        for key, value in [one for one in self.leaving if one not in self.held]:
            del self.leaving[key, value]
            self.shelf.forget(key, value)
            for runs in self.shelf.runs.values():
                runs.forget(key, value)
            for rule in self.rules:
                rule.forget(key, value)

    def compact(self, now: int) -> None:
        """Throw away what no moment from `now` on can reach."""
        for runs in self.shelf.runs.values():
            runs.sweep(now)
        self.shelf.sweep(now)
        if self.shelf.supports:
            self.shelf.drop_supports([
                *(place for runs in self.shelf.runs.values() for place in runs.places()),
                *(place for duty in self.duties.values() for place in duty.rows)])

    def size(self) -> int:
        """How many things are kept: rows, runs, open duties, keys whose first match was seen."""
        return (self._rows() + len(self.duties) + len(self.watching)
                + sum(len(rule.seen) + len(rule.unsure) for rule in self.rules))

    def _rows(self) -> int:
        return self.shelf.rows() + sum(one.size() for one in self.shelf.runs.values())

    def pending(self, as_of: int) -> list[Judgement]:
        """The open duties, by due time."""
        duties = sorted(self.duties.values(), key=lambda one: (one.due, one.number))
        return [one.judgement or self._judged(one, as_of) for one in duties]

    def opened(self, duties: dict[int, Duty], watching: dict[int, Look]) -> None:
        """Take over duties and looks."""
        self.watching = watching
        for duty in duties.values():
            self._open(self.rules[duty.rule], duty)
        self.times = [(duty.due, number) for number, duty in duties.items()]
        self.times += ((look.when, number) for number, look in watching.items())
        self._in_heap()

    def _in_heap(self) -> None:
        heapify(self.times)
        self.soonest = self.times[0][0] if self.times else NEVER


def _uncertain(missing: tuple[Missing, ...]) -> Truth:
    return Truth(None, SETTLED, (), tuple(dict.fromkeys(missing))) if missing else TRUE
