"""The online monitor against the reference: events one by one give what the whole trace gives, up to the watermark."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import repeat
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from policyengine.base.calendar import OutOfRange
from policyengine.base.instants import iso_instant, local_date, start_of_day
from policyengine.core import ir, types
from policyengine.core.case import Case, Event, Sources, in_order
from policyengine.core.evaluate import judge
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.operators import Overflow
from policyengine.core.verdict import VERDICTS, Judgement, Setting
from policyengine.trace.monitor.monitor import Decided, Late, Monitor, Outcome, Refused, Unjudged
from policyengine.trace.monitor.pack import Packer
from policyengine.trace.stream.feeds import Chunk
from policyengine.trace.stream.lines import event_reader
from policyengine.trace.stream.lines_typed import Line
from tests.support import wide_strategies as wide
from tests.support.trace_strategies import (
    CALENDAR,
    EPISODE,
    EVENTS,
    HOUR,
    SECOND,
    START,
    STATES,
    TIMES,
    USERS,
    compare,
    conditions,
    future_ranges,
    get,
    get_user,
    past_ranges,
    patterns,
    policy,
    rules,
    wheres,
)

NEVER = ir.Constant(False, types.Bool())
FORGET = ir.Forget("user", (ir.Pattern("alert", (), NEVER),))
"""Nothing is ever forgotten, but the policy says it could be, so nothing is refused that goes by user."""

optional = st.none() | wheres(states=False)
asking = st.none() | wheres()


@st.composite
def policies(draw: st.DrawFn) -> ir.Policy:
    """A policy of one or two rules, with other states and episodes of the same names at times."""
    rule = draw(rules())
    some = [rule, draw(rules("other"))] if draw(st.booleans()) else [rule]
    some = [_compared(_eager(one, draw), draw) for one in some]
    made = replace(policy(*some), forgets=(FORGET,))
    if draw(st.booleans()):
        return made
    keys = st.sampled_from([("user",), ()])
    lasting = draw(st.sampled_from([None, ("2 seconds", "elapsed"), ("1 day", "day")]))
    consent = ir.BooleanState(
        "consent", ("user",),
        tuple(ir.Pattern(name, ("user",), draw(optional)) for name in draw(st.sampled_from([["reply"], ["reply", "use"],
                                                                                           ["alert"]]))),
        tuple(ir.Pattern(name, draw(keys), draw(optional)) for name in draw(st.sampled_from([["alert"], [], ["use"]]))),
        None if lasting is None else ir.Constant(lasting[0], types.Period(lasting[1])))  # type: ignore[arg-type]
    session = replace(EPISODE, ends=(ir.Pattern("alert", draw(keys), draw(asking)),),
                      events=(ir.Pattern("use", ("user",), draw(asking)), EPISODE.events[1]))
    assert isinstance(STATES[1], ir.ValuedState)
    level = replace(STATES[1], tiers=((ir.StateSource(ir.Pattern("notice", ("user",), draw(asking)), ("number",)),),
                                      (ir.StateSource(ir.Pattern("use", ("user",), None), ("number",), draw(
                                          st.sampled_from([None, 1]))),)))
    return replace(made, states=(consent, level), episodes=(session,))


def _eager(rule: ir.Rule, draw: st.DrawFn) -> ir.Rule:
    """The rule, or one that more often applies and asks one thing, of the future or of the past."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return rule
    plain = isinstance(rule.trigger, ir.OnEvent)
    asked: ir.Expr
    if kind <= 2:
        asked = ir.Occurs(draw(patterns()), draw(future_ranges))
    else:
        asked = draw(st.one_of(
            st.builds(ir.Occurs, patterns(), near_ranges), st.builds(ir.Occurs, patterns(), near_ranges),
            st.builds(lambda pattern, range: compare(ir.CountEvents(pattern, range), ">", one), patterns(),
                      near_ranges),
            st.builds(lambda pattern: compare(ir.Latest(pattern, ("number",), types.Number(integer=True)), "=", one),
                      patterns()),
            st.just(ir.InState("consent", TRIGGER, (("user", get_user(TRIGGER)),))),
            st.just(compare(ir.StateValue("level", TRIGGER, (("user", get_user(TRIGGER)),), types.Number(integer=True)),
                            "=", one)),
            st.builds(lambda range: compare(ir.EpisodeDuration("session", range), ">=", ir.Constant(
                "2 seconds", types.Period("elapsed"))), near_ranges)))
    must: ir.Expr = draw(conditions(future=True, depth=1)) if plain else rule.must[0].condition
    joined = draw(st.sampled_from([asked, asked, ir.Not(asked), ir.And((asked, must)), ir.Or((asked, must))]))
    trigger = rule.trigger
    if isinstance(trigger, ir.OnEvent) and draw(st.booleans()):
        trigger = replace(trigger, where=None)
    return replace(rule, trigger=trigger, when=(), unless=rule.unless if draw(st.booleans()) else (),
                   must=(ir.Must(joined, False),))


one = ir.Constant(1, types.Number(integer=True))
near_ranges = st.one_of(
    st.just(ir.Before()), st.sampled_from(("1 second", "2 seconds")).map(lambda text: ir.WithinLast(ir.Constant(
        text, types.Period("elapsed")))), st.builds(ir.Since, patterns()), past_ranges)


@st.composite
def traces(draw: st.DrawFn) -> Case:
    """A trace with more events than the smallest that come to mind, many of them close together."""
    random = Random(draw(st.integers(0, 2 ** 32)))
    times = random.choice((TIMES, TIMES[:7], tuple(START + half * SECOND // 2 for half in range(16)),
                           tuple(START + half * SECOND // 2 for half in range(30))))
    users = random.choice((USERS, USERS[:1]))
    types = random.choice((EVENTS, EVENTS, ("use", "reply", "notice"), ("use", "alert")))
    full = random.choice((1.0, 0.75))
    rows = []
    for row in range(draw(st.integers(3, 16))):
        kind = random.choice(types)
        fields: dict[str, Any] = {"user": random.choice(users)}
        for name, values in (("flag", (True, False)), ("number", (0, 1, 2)), ("kind", ("p", "q"))):
            if random.random() < full:
                fields[name] = random.choice(values)
            elif random.random() < 0.3:
                fields[name] = None
        rows.append(Event(kind, random.choice(times), fields, None, random.choice((None, None, 1, 2)), "t", row + 1,
                          EVENTS.index(kind)))
    return Case({"service": random.choice(({"flag": True, "number": 1}, {"flag": False}, {}))}, in_order(rows))


def _compared(rule: ir.Rule, draw: st.DrawFn) -> ir.Rule:
    """The rule, its first pattern perhaps comparing the candidate with the trigger."""
    if not isinstance(rule.trigger, ir.OnEvent) or not draw(st.booleans()):
        return rule
    equal = compare(get(CANDIDATE, "kind"), "=", get(TRIGGER, "kind"))
    if draw(st.integers(0, 4)) == 0:
        equal = compare(get(CANDIDATE, "number"), "<=", get(TRIGGER, "number"))
    done = False

    def changed(node: Any) -> Any:
        nonlocal done
        if isinstance(node, ir.Pattern) and not done:
            done = True
            return replace(node, where=equal if node.where is None else ir.And((node.where, equal)))
        if isinstance(node, tuple):
            return tuple(changed(one) for one in node)
        if hasattr(node, "__dataclass_fields__"):
            values = {name: changed(getattr(node, name)) for name in node.__dataclass_fields__ if name != "span"}
            return replace(node, **values)
        return node

    return replace(rule, must=changed(rule.must))


sources = st.none() | st.none() | st.dictionaries(st.sampled_from(EVENTS), st.sampled_from(
    [None, None, START, START + 3 * SECOND, START + 24 * HOUR]), min_size=2).map(Sources)


def monitor_of(judged: ir.Policy, case: Case, emitted: Sources | None, lateness: int = 0) -> Monitor:
    try:
        return Monitor(judged, case.facts, {}, CALENDAR, sources=emitted, lateness=lateness)
    except Refused:
        event("refused")
        assume(False)
        raise


def reference(judged: ir.Policy, case: Case, emitted: Sources | None, as_of: int,
              events: Iterable[Event] | None = None) -> list[Judgement]:
    case = case if events is None else Case(case.facts, tuple(one for one in case.events if one in set(events)))
    return list(judge(judged, case, Setting(as_of, {}), CALENDAR, sources=emitted))


def decided(outcomes: Iterable[Outcome]) -> list[Judgement]:
    return [one.judgement for one in outcomes if isinstance(one, Decided)]


def about(judgements: Iterable[Judgement]) -> Counter[Any]:
    return Counter((one.rule, one.moment, one.verdict) for one in judgements)


def names_trigger(judged: ir.Policy) -> bool:
    """Whether a candidate is compared with a field of the trigger: where that is missing, the monitor names as evidence
    only those of the candidates that it kept."""
    return any(text in repr(judged.rules) for text in ("owner='trigger', path=('kind',)",
                                                       "owner='trigger', path=('number',)"))


def bare(judgements: Iterable[Judgement], loose: bool) -> Counter[Any]:
    return Counter(replace(one, evidence=(), missing=()) if loose and one.verdict in ("undecided", "pending") else one
                   for one in judgements)


class Follower:
    """Feeds a monitor and compares it with the reference after every step."""

    def __init__(self, judged: ir.Policy, case: Case, emitted: Sources | None, monitor: Monitor,
                 whole: Callable[[int], list[Judgement]] | None = None) -> None:
        self.monitor = monitor
        self.whole = whole or partial(reference, judged, case, emitted)
        self.loose = names_trigger(judged)
        self.given: list[Judgement] = []
        self.ids: list[str] = []
        self.said: list[Decided] = []

    def took(self, outcomes: list[Outcome]) -> None:
        assert self.monitor.watermark is not None
        expected = self.whole(self.monitor.watermark - 1)
        final = [one for one in expected if one.verdict != "pending"]
        now = decided(outcomes)
        self.given += now
        self.ids += [one.id for one in outcomes if isinstance(one, Decided)]
        assert about(self.given) == about(final)
        assert bare(now, self.loose) <= bare(final, self.loose)
        assert bare(self.monitor.pending(), self.loose) == bare(
            (one for one in expected if one.verdict == "pending"), self.loose)
        assert len(set(self.ids)) == len(self.ids)


@given(policies(), traces(), sources, st.sampled_from([True, True, False]))
@settings(max_examples=150, deadline=None)
def test_one_by_one(judged: ir.Policy, case: Case, emitted: Sources | None, compacting: bool) -> None:
    """Fed in order, after each event it has given the verdicts that are final by then, with their evidence, and the
    rest is pending; throwing away at every step what is thrown away seldom changes nothing."""
    monitor = monitor_of(judged, case, emitted)
    follower = Follower(judged, case, emitted, monitor)
    for one in case.events:
        follower.took(monitor.feed(one))
        if compacting:
            monitor.compact()
    if case.events:
        follower.took(monitor.finish())
    follower.took(monitor.advance(START + 40 * 24 * HOUR))
    for name, counts in monitor.counts.items():
        assert {verdict: number for verdict, number in counts.items() if number} == Counter(
            one.verdict for one in follower.given if one.rule == name)


@given(policies(), traces(), sources, st.integers(0, 2 ** 32), st.sampled_from([0, SECOND, 3 * SECOND, HOUR]))
@settings(max_examples=150, deadline=None)
def test_any_order(judged: ir.Policy, case: Case, emitted: Sources | None, seed: int, lateness: int) -> None:
    """Shuffled rows: those older than the watermark are reported late, each once; the verdicts are those of the rows
    that were not late, and the same, under the same ids, as when these come in order."""
    # Rows alike in all but their line are interchangeable: here none are.
    case = Case(case.facts, in_order(replace(one, fields={**one.fields, "n": one.row}) for one in case.events))
    monitor = monitor_of(judged, case, emitted, lateness)
    shuffled = list(case.events)
    Random(seed).shuffle(shuffled)
    outcomes, late = [], []
    for one in shuffled:
        mark = monitor.watermark
        now = monitor.feed(one)
        if now and isinstance(now[0], Late):
            assert now == [Late(one, now[0].watermark)]
            assert mark is not None
            assert one.time < mark
            late.append(one)
        else:
            assert mark is None or one.time >= mark
            outcomes += now
    assert monitor.late == len(late)
    kept = Case(case.facts, tuple(one for one in case.events if one not in late))
    end = START + 31 * 24 * HOUR + HOUR
    outcomes += monitor.finish(end)
    expected = reference(judged, kept, emitted, end)
    assert about(decided(outcomes)) == about(one for one in expected if one.verdict != "pending")
    assert bare(monitor.pending(), names_trigger(judged)) == bare(
        (one for one in expected if one.verdict == "pending"), names_trigger(judged))
    in_turn = monitor_of(judged, case, emitted)
    again = [one for row in kept.events for one in in_turn.feed(row)] + in_turn.finish(end)
    assert Counter(again) == Counter(outcomes)


@given(policies(), traces(), sources, st.integers(0, 14), st.sampled_from([0, 3 * SECOND]))
@settings(max_examples=150, deadline=None)
def test_restart(judged: ir.Policy, case: Case, emitted: Sources | None, at: int, lateness: int) -> None:
    """Kept as JSON and restored at any point, it goes on as if nothing had been."""
    through = monitor_of(judged, case, emitted, lateness)
    whole = [shown(one) for row in case.events for one in through.feed(row)] + list(map(shown, through.finish()))
    monitor = monitor_of(judged, case, emitted, lateness)
    parts = [shown(one) for row in case.events[:at] for one in monitor.feed(row)]
    text = json.dumps(monitor.snapshot())
    monitor = Monitor.restore(json.loads(text), judged, case.facts, {}, CALENDAR, sources=emitted, lateness=lateness)
    assert json.dumps(monitor.snapshot()) == text
    parts += [shown(one) for row in case.events[at:] for one in monitor.feed(row)]
    parts += map(shown, monitor.finish())
    assert parts == whole
    assert list(map(repr, monitor.pending())) == list(map(repr, through.pending()))
    assert (monitor.counts, monitor.late, monitor.size()) == (through.counts, through.late, through.size())


def shown(outcome: Outcome) -> str:
    """All of it as text: events that were read from a snapshot are not the same objects."""
    return repr(outcome)


@given(wide.rules(), wide.trials(), st.booleans())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_wide_rules(rule: ir.Rule, trial: wide.Trial, compacting: bool) -> None:
    """As `test_one_by_one`, with fields of all types, several keys, states that hold values of all kinds, clocks that
    change, and versions that begin within a window."""
    judged = replace(wide.policy(rule), forgets=(FORGET,))
    force = trial.start, trial.end
    try:
        monitor = Monitor(judged, trial.case.facts, trial.parameters, trial.place.calendar, sources=trial.sources,
                          force=force)
    except Refused:
        return

    steps: list[int] = []

    def at(as_of: int) -> tuple[Judgement, ...]:
        return judge(judged, trial.case, Setting(as_of, trial.parameters), trial.place.calendar,
                     sources=trial.sources, start=trial.start, end=trial.end)

    def whole(as_of: int) -> list[Judgement]:
        """What is said of the rule as a whole is said once, as of the beginning: its scope may ask for the date."""
        steps.append(as_of)
        return [*(one for one in at(as_of) if one.moment), *(one for one in at(steps[0]) if not one.moment)]

    follower = Follower(judged, trial.case, trial.sources, monitor, whole)
    follower.loose = any(isinstance(node, ir.Get) and node.owner == TRIGGER for node in wide.nodes(rule))
    computed = True  # what the evaluator raises at, the monitor goes on after
    for one in (*trial.case.events, max(trial.as_of, trial.place.start + wide.OFFSETS[-1] + 41 * wide.DAY)):
        outcomes = monitor.advance(one) if isinstance(one, int) else monitor.feed(one)
        try:
            if computed:
                follower.took(outcomes)
        except (Overflow, OutOfRange):
            computed = False
        if compacting:
            monitor.compact()
        monitor.pending()
    event("settled" if any(one.verdict in ("satisfied", "violated") for one in follower.given) else "not settled")
    event("computed" if computed else f"{min(2, sum(monitor.unjudged.values()))} unjudged")


@pytest.mark.parametrize(("day", "verdict"), [("2026-02-28", "not_applicable"), ("2026-03-01", "undecided")])
def test_a_scope_that_asks_for_the_date_of_a_rule_whose_trigger_nobody_emits(day: str, verdict: str) -> None:
    """As of the beginning; once it was told by the date of 1970."""
    since = ir.Apply("<", (ir.Constant("2026-02-28", types.Date()), ir.Today()), types.Bool())
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (),
                   (ir.Must(ir.Constant(True, types.Bool()), False),), (), "", since)
    monitor = Monitor(wide.policy(rule), {}, {}, CALENDAR, sources=Sources({}))
    restored = Monitor.restore(json.loads(json.dumps(monitor.snapshot())), wide.policy(rule), {}, {}, CALENDAR,
                               sources=Sources({}))
    for one in (monitor, restored):
        [said] = one.advance(start_of_day(date.fromisoformat(day), CALENDAR.zone) + SECOND)
        assert isinstance(said, Decided) and (said.judgement.verdict, said.judgement.moment) == (verdict, None)


def test_a_scope_past_what_a_calendar_holds_of_a_rule_whose_trigger_nobody_emits() -> None:
    """Of the date of 1970 it was not, so that the monitor found it out when it began."""
    late = ir.Apply("+", (ir.Today(), ir.Constant("8000 years", types.Period("year"))), types.Date())
    since = ir.Apply("<", (ir.Constant("2026-02-28", types.Date()), late), types.Bool())
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (),
                   (ir.Must(ir.Constant(True, types.Bool()), False),), (), "", since)
    monitor = Monitor(wide.policy(rule), {}, {}, CALENDAR, sources=Sources({}))
    [said] = monitor.advance(START)
    assert isinstance(said, Unjudged) and (said.moment, said.reason.name) == (None, "date-out-of-range")


# ---- each question alone, by chance that costs little ---------------------------------------------------------------

ELAPSED = types.Period("elapsed")
MIDNIGHT = start_of_day(local_date(START + 24 * HOUR, CALENDAR.zone), CALENDAR.zone)


class Draw:
    """Small policies and dense traces from one seed: one rule, one question, most of one user."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def length(self) -> ir.Constant:
        return ir.Constant(self.one("1 second", "2 seconds", "3 seconds", "5 seconds"), ELAPSED)

    def where(self, depth: int = 1) -> ir.Expr | None:
        number = compare(get(CANDIDATE, "number"), self.one("=", "<", ">="), ir.Constant(
            self.one(0, 1, 2), types.Number(integer=True)))
        equal = compare(get(CANDIDATE, "kind"), "=", get(TRIGGER, "kind"))
        held: ir.Expr = ir.InState("consent", CANDIDATE, (("user", get_user(CANDIDATE)),))
        some: list[ir.Expr | None] = [
            None, get(CANDIDATE, "flag"), ir.Not(get(CANDIDATE, "flag")), number, held,
            ir.And((number, get(CANDIDATE, "flag")))]
        more = compare(get(CANDIDATE, "number"), "<=", get(TRIGGER, "number"))
        asking = (equal, ir.And((get(CANDIDATE, "flag"), equal)), more) if self.plain and depth else ()
        found: ir.Expr | None = self.one(*some, *asking)
        return found

    def pattern(self, depth: int = 1) -> ir.Pattern:
        return ir.Pattern(self.one(*EVENTS), self.one(("user",), ("user",), ()), self.where(depth))

    def past(self) -> ir.Range:
        since = ir.Since(ir.Pattern(self.one(*EVENTS), self.one(("user",), ()), self.one(None, get(CANDIDATE, "flag"))))
        found: ir.Range = self.one(ir.Before(), ir.WithinLast(self.length()), ir.This("day"), ir.During("session"),
                                   since)
        return found

    def question(self) -> ir.Expr:
        number = types.Number(integer=True)
        small = ir.Constant(self.one(0, 1, 2), number)
        kind = self.random.randrange(10)
        if kind <= 1:
            return ir.Occurs(self.pattern(), self.past())
        if kind <= 3:
            later: tuple[ir.Range, ...] = (ir.Within(self.length()), ir.NoLaterThan(self.length()), ir.By(ir.Apply(
                "+", (ir.Get(TRIGGER, ("time",), types.Instant()), self.length()), types.Instant())))
            return ir.Occurs(self.pattern(), self.one(*later))
        if kind == 4:
            return compare(ir.CountEvents(self.pattern(), self.past()), self.one("=", ">"), small)
        if kind == 5:
            return compare(ir.SumEvents(self.pattern(), ("number",), self.past(), number), ">", small)
        if kind == 6:
            return compare(ir.Latest(self.pattern(), ("number",), number), "=", small)
        if kind == 7:
            return ir.InState("consent", TRIGGER, (("user", get_user(TRIGGER)),))
        if kind == 8:
            return compare(ir.StateValue("level", TRIGGER, (("user", get_user(TRIGGER)),), number), "=", small)
        return compare(ir.EpisodeDuration("session", self.past()), ">=", self.length())

    def policy(self) -> ir.Policy:
        self.plain = self.random.random() < 0.6
        run = self.one("session", "session", "consent")
        trigger: ir.Trigger = ir.OnEvent((self.one(*EVENTS),), self.random.random() < 0.2, self.one(
            None, None, get(CANDIDATE, "flag"), compare(get(CANDIDATE, "kind"), "=", ir.Constant("p", types.Text()))))
        if not self.plain:
            trigger = self.one(ir.OnEvery(self.length(), run), ir.OnStart(run),
                               ir.OnWithout(self.length(), run, ir.Pattern(self.one(*EVENTS), ("user",), self.one(
                                   None, None, get(CANDIDATE, "flag")))))
            self.plain = False
        asked = self.question()
        must = self.one(asked, asked, ir.Not(asked), ir.And((asked, self.question())), ir.Or((asked, self.question())))
        rule = ir.Rule("rule", "", (), "other", "error", ("user",), trigger, (), (ir.Must(must, False),), (), "")
        self.plain = False
        consent = ir.BooleanState(
            "consent", ("user",), (ir.Pattern(self.one("reply", "notice"), ("user",), self.one(
                None, get(CANDIDATE, "flag"))),),
            (ir.Pattern("alert", self.one(("user",), ()), self.one(None, get(CANDIDATE, "flag"))),),
            self.one(None, None, ir.Constant("3 seconds", ELAPSED)))
        session = replace(EPISODE, ends=(ir.Pattern("alert", self.one(("user",), ()), self.where(0)),),
                          events=(ir.Pattern("use", ("user",), self.one(None, get(CANDIDATE, "flag"))),
                                  EPISODE.events[1]))
        return replace(policy(rule), forgets=self.one((FORGET,), (), ()), states=(consent, STATES[1]),
                       episodes=(session,))

    def case(self) -> Case:
        full = self.one(1.0, 0.7)
        names = self.one(EVENTS, EVENTS, ("use", "reply", "notice"), ("use", "notice"))
        step = self.one(SECOND, SECOND // 2)
        rows, time = [], self.one(START, START, MIDNIGHT - 3 * SECOND)
        for row in range(self.random.randint(6, 16)):
            time += step * self.one(0, 1, 1, 1, 2, 3) + self.one(0, 0, 0, 0, 1)  # windows close so
            kind = self.one(*names)
            fields: dict[str, Any] = {"user": self.one("u1", "u1", "u1", "u2")}
            for name, values in (("flag", (True, False)), ("number", (0, 1, 2)), ("kind", ("p", "q"))):
                if self.random.random() < full:
                    fields[name] = self.one(*values)
                elif self.random.random() < 0.2:
                    fields[name] = None
            rows.append(Event(kind, time, fields, None, None, "t", row + 1, EVENTS.index(kind)))
        return Case({"service": {"flag": True, "number": 1}}, in_order(rows))

    def sources(self) -> Sources | None:
        if self.random.random() < 0.6:
            return None
        since = self.one(None, START, START + 2 * SECOND)
        return Sources({name: self.one(None, since) for name in EVENTS if self.random.random() < 0.9})


# ---- rows as they are decoded ---------------------------------------------------------------------------------------

FIELDS = {"user": {"type": "string"}, "flag": {"type": "boolean"}, "number": {"type": "integer"},
          "kind": {"type": "string", "enum": ["p", "q"]}}


def read(events: Iterable[Event], owed: bool, strange: Random) -> list[Event]:
    """The events written as lines and read again. Some lines have a key that their type has not, whose null says
    nothing. Those with a list in one are no `Line`s."""
    schemas = {name: {"type": "object", "properties": FIELDS, "required": ["user"] if owed else []} for name in EVENTS}
    lines = []
    for one in events:
        more = {"beside": None} if strange.random() < 0.2 else {}
        ours = {name: value for name, value in (("id", one.id), ("sequence", one.sequence)) if value is not None}
        lines.append(json.dumps({"type": one.type, "time": iso_instant(one.time, "UTC"), **ours, **one.fields,
                                 **more}).encode())
    chunk = Chunk(lines, repeat("t"), [one.row for one in events])
    return event_reader(schemas, None, lambda line, _file, _row: pytest.fail(line.decode()))(chunk)


def alike(outcome: Outcome | Judgement) -> str:
    """All of it as text, whatever its rows are."""
    packer = Packer()
    said = packer.pack((outcome.id, outcome.judgement) if isinstance(outcome, Decided) else
                       outcome.event if isinstance(outcome, Late) else outcome)
    return json.dumps([said, packer.events])


def written(one: Monitor) -> str:
    """Its state as text."""
    return json.dumps(msgspec.to_builtins(one.snapshot()))


def waiting(one: Monitor) -> list[Any]:
    """What it has not judged yet."""
    state = json.loads(written(one))
    return [one.watermark, state["waiting"], state["ids"]]


@given(st.integers(0, 2 ** 48), st.booleans(), st.integers(1, 6), st.sampled_from([0, 0, SECOND, 3 * SECOND]),
       st.booleans())
@settings(max_examples=400, deadline=None)
def test_lines(seed: int, owed: bool, size: int, lateness: int, shuffled: bool) -> None:
    """Rows read from lines, many at once, give what events give one by one, whatever each of them is, in whatever order
    they come; also with a state between, which the one writes and the other reads, and in which as much waits as where
    rows come one by one."""
    draw = Draw(seed)
    judged, case, emitted = draw.policy(), draw.case(), draw.sources()
    report = draw.one(VERDICTS, ("violated", "undecided", "exempt"))
    if draw.random.random() < 0.4:
        case = replace(case, events=tuple(replace(one, id=draw.one(None, "1", "2", "3", "4")) for one in case.events))
    case = replace(case, events=tuple(
        replace(one, fields={**one.fields, **draw.one({}, {}, {}, {"more": "a, b"}, {"more": ["a"]})})
        for one in case.events))
    if shuffled:
        far = draw.one(SECOND, 5 * SECOND)
        case = replace(case, events=tuple(sorted(case.events, key=lambda one: one.time + far * draw.random.random())))
    rows = read(case.events, owed, draw.random)
    event(f"lines {sum(isinstance(one, Line) for one in rows) * 4 // len(rows)}")
    try:
        one_by_one, many, single = (Monitor(judged, case.facts, {}, CALENDAR, sources=emitted, lateness=lateness,
                                            report=report) for _ in range(3))
    except Refused:
        assume(False)
    expected = [alike(one) for row in case.events for one in one_by_one.feed(row)]
    found: list[str] = []
    for at in range(0, len(rows), size):
        found += map(alike, many.feed_all(rows[at:at + size]))
        for row in rows[at:at + size]:
            single.feed(row)
        text = written(many)
        assert (waiting(single), single.size()) == (waiting(many), many.size())
        restored = Monitor.restore(json.loads(text), judged, case.facts, {}, CALENDAR, sources=emitted,
                                   lateness=lateness, report=report)
        assert written(restored) == text
        if draw.random.random() < 0.3:
            many = restored
    expected += map(alike, one_by_one.finish())
    found += map(alike, many.finish())
    assert expected == found
    event(f"{many.late} late")
    assert (one_by_one.counts, one_by_one.repeats, one_by_one.late, one_by_one.size()) == (
        many.counts, many.repeats, many.late, many.size())
    assert list(map(alike, one_by_one.pending())) == list(map(alike, many.pending()))


@given(st.integers(0, 2 ** 48))
@settings(max_examples=400, deadline=None)
def test_each_question(seed: int) -> None:
    """As `test_one_by_one`, for rules of one or two questions; and with verdicts that are only counted."""
    draw = Draw(seed)
    followed(draw.policy(), draw)


@given(st.integers(0, 2 ** 48))
@settings(max_examples=300, deadline=None)
def test_marks_that_wait(seed: int) -> None:
    """The same for marks after which something has to come."""
    draw = Draw(seed)
    judged = draw.policy()
    draw.plain = False
    run = draw.one("session", "session", "consent")
    trigger = draw.one(ir.OnEvery(draw.length(), run), ir.OnEvery(draw.length(), run), ir.OnStart(run), ir.OnWithout(
        draw.length(), run, ir.Pattern(draw.one(*EVENTS), ("user",), None)))
    later = ir.Occurs(ir.Pattern(draw.one(*EVENTS), ("user",), draw.one(None, None, get(CANDIDATE, "flag"))),
                      ir.Within(draw.length()))
    held = ir.InState("consent", TRIGGER, (("user", get_user(TRIGGER)),))
    rule = replace(judged.rules[0], trigger=trigger, when=draw.one((), (), (held,)), must=(ir.Must(
        draw.one(later, later, later, ir.And((later, draw.question()))), False),))
    followed(replace(judged, rules=(rule,)), draw)


def followed(judged: ir.Policy, draw: Draw) -> None:
    """A monitor that gives all verdicts, and one that only counts those that are well, step by step."""
    case, emitted, compacting = draw.case(), draw.sources(), draw.random.random() < 0.7
    monitor = monitor_of(judged, case, emitted)
    quiet = Monitor(judged, case.facts, {}, CALENDAR, sources=emitted, report=("violated", "undecided", "exempt"))
    follower = Follower(judged, case, emitted, monitor)
    told: list[Outcome] = []
    for step in (*case.events, None, case.events[-1].time + 30 * SECOND):
        if isinstance(step, Event):
            outcomes, few = monitor.feed(step), quiet.feed(step)
        else:
            outcomes, few = ((monitor.finish(), quiet.finish()) if step is None else
                             (monitor.advance(step), quiet.advance(step)))
        follower.took(outcomes)
        told += [one for one in outcomes if isinstance(one, Decided) and one.judgement.verdict in (
            "violated", "undecided", "exempt")]
        assert bare(monitor.pending(), follower.loose) == bare(quiet.pending(), follower.loose)
        follower.said += [one for one in few if isinstance(one, Decided)]
        if compacting:
            monitor.compact()
            quiet._judge.check = quiet._judge.kept = 0  # it looks what to throw away after the next instant
    assert monitor.counts == quiet.counts
    assert Counter(told) == Counter(follower.said) or follower.loose
