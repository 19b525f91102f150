"""Judging in columns gives the verdicts of the evaluator: generated rules and traces, by DuckDB.

What a plan leaves to the evaluator must be named beforehand (`Unsupported`) or row by row (`hard`), and in a trace in
which nothing is missing there is no such row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from policyengine.base.calendar import Calendar, OutOfRange, start_of
from policyengine.base.instants import parse_instant
from policyengine.core import ir, types
from policyengine.core.case import Case, Event, Sources, in_order
from policyengine.core.evaluate import judge
from policyengine.core.moments import trigger_events, unknown_lengths
from policyengine.core.operators import Overflow
from policyengine.core.standing import World
from policyengine.core.verdict import VERDICTS, Judgement, Setting
from policyengine.trace.columns import Column, Unsupported, needs
from policyengine.trace.engines import engine
from policyengine.trace.engines.duckdb import DuckTables
from policyengine.trace.engines.engine import CALENDAR, Counted, Engine
from policyengine.trace.engines.explain import About, TooManyRows, explain
from policyengine.trace.monitor.monitor import Decided, Monitor, Refused
from policyengine.trace.plan import sweeps as plan_sweeps
from policyengine.trace.plan.calendars import Horizon, Lookup, calendar_rows
from policyengine.trace.plan.frames import RARE
from policyengine.trace.plan.plan import Known, Plan, plan
from policyengine.trace.plan.shared import shared
from tests.support import trace_strategies as narrow
from tests.support import wide_strategies as wide
from tests.support.tables import load

NOT_IN_COLUMNS = (
    "a number with more than 18 digits before the point",
    "a period ends outside the years 1 to 9999",
    "a product with more than 18 digits after the point",
    "a legal period that an event names",
    "a date moved by working days that an event names",
    "a number with more than 18 digits after the point",
    "so much asked of each element of a list",
    "an equality with what is no plain value",
)
"""Why a rule of these strategies may be refused, to be judged by the evaluator alone."""


@dataclass
class Bench:
    """A database for one calendar, which keeps what was looked up in it, for each day of its horizon; with `busy`, as
    in a run, what one plan asks, for the days around the events of its trace."""

    calendar: Calendar
    horizon: Horizon
    busy: bool = False
    con: duckdb.DuckDBPyConnection = field(default_factory=lambda: duckdb.connect(config={"threads": "1"}))
    prepared: set[Lookup] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.engine = Engine(DuckTables(self.con))
        self.engine.tables.give("calendar", CALENDAR, ())

    def known(self, policy: ir.Policy, trial: wide.Trial, places: Mapping[str, int],
              ) -> tuple[Known, Case, tuple[Event, ...]]:
        """What is known of a trace when it has been read, the case up to the instant of judgement, and all the events
        of the trace, which at times are also those of another service."""
        self.engine = Engine(self.engine.tables)  # one trace each
        events = tuple(event for event in trial.case.events if event.time <= trial.as_of)
        case, service = Case(trial.case.facts, events), None
        if len(events) % 4 == 0:
            service = "own"
            case = Case(trial.case.facts, tuple(_of_service(service, one) for one in events))
            events = in_order((*case.events, *(_of_service("other", one) for one in events[::2])))
        filled = {name: frozenset(one.name for one in columns if not any(
            _lacks(event, one.path) for event in events if event.type == name))
            for name, columns in needs(policy, policy.rules).items()}
        ties = any(n > 1 for n in Counter((event.time, event.sequence) for event in events).values())
        # Types of one kind or the other are said to be rare, or none are; those without events stand nowhere.
        there = {event.type for event in events}
        tables = {name: RARE if place % 2 == len(events) % 3 else "events_frequent" for name, place in places.items()
                  if name in there} if len(events) % 3 < 2 else {}
        return Known(policy, trial.case.facts, trial.parameters, self.calendar, trial.as_of, places, self.horizon,
                     trial.sources, ties=ties, filled=filled, start=trial.start, end=trial.end, tables=tables,
                     service=service), case, events

    def judged(self, made: Plan) -> tuple[Counter[Any], Counter[Any], Counted]:
        """Each moment of a rule by its plan: instant, places, verdict, due time, tie; the hard ones; and the counts."""
        if self.busy:
            self.engine.prepare(made.lookups, self.horizon, self.calendar)
        elif new := set(made.lookups) - self.prepared:
            self.prepared |= new
            rows, lost = calendar_rows(new, self.horizon, self.calendar, range(self.horizon.first, self.horizon.last))
            assert not lost
            self.con.execute("CREATE OR REPLACE TEMP TABLE earlier AS SELECT * FROM calendar")
            self.engine.tables.give("calendar", CALENDAR, rows)
            self.con.execute("INSERT INTO calendar SELECT * FROM earlier")
        counted = self.engine.run(made, VERDICTS)
        rows = Counter((one.t, one.known, one.pos, one.first, one.past, one.verdict, one.due, one.tie)
                       for one in self.engine.found(counted, hard=False))
        hard = Counter((one.t, one.known, one.pos, one.first, one.past)
                       for one in self.engine.found(counted, hard=True))
        return rows, hard, counted


def _of_service(name: str, event: Event) -> Event:
    return replace(event, fields={**event.fields, "service": name})


def _lacks(event: Event, path: tuple[str, ...]) -> bool:
    raw: Any = event.fields
    for name in path:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw is None


@pytest.fixture(scope="module", autouse=True)
def many() -> Iterator[None]:
    """Traces are short: a key with three rows has many, and so has a rule with three moments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_sweeps, "MANY", 2)
        patch.setattr(engine, "FEW", 2)
        yield


@pytest.fixture(scope="module")
def benches() -> dict[str, Bench]:
    """One database a calendar, for all examples."""
    found = {place.calendar.zone: Bench(place.calendar, Horizon.of(
        place.calendar, place.start, place.start + wide.OFFSETS[-1] + 41 * wide.DAY)) for place in wide.PLACES}
    found["narrow"] = Bench(narrow.CALENDAR, Horizon.of(narrow.CALENDAR, narrow.START,
                                                        narrow.TIMES[-1] + 41 * wide.DAY))
    return found


def stands(judgement: Judgement, places: Mapping[int, int]) -> tuple[Any, ...]:
    """A moment as rows have it: instants, and the places of its events."""
    moment = judgement.moment
    assert moment is not None
    return moment.time, moment.known, *(None if event is None else places[id(event)]
                                        for event in (moment.event, moment.run_first, moment.run_past))


def plans_of(rules: Iterable[ir.Rule], known: Known) -> dict[str, Plan]:
    """The plans of those rules that columns can answer, made together."""
    made = []
    for rule in rules:
        try:
            made.append(plan(rule, known))
        except Unsupported as reason:
            assert str(reason) in NOT_IN_COLUMNS
    return {one.rule: one for one in shared(made)}


def planned(bench: Bench, policy: ir.Policy, trial: wide.Trial, places: Mapping[str, int],
            ) -> tuple[Case, tuple[Event, ...], list[tuple[ir.Rule, Plan]]]:
    """The case and the events of a trial, which stand in the database, and the rules that columns can answer with their
    plans."""
    known, case, events = bench.known(policy, trial, places)
    load(bench.con, known, events)
    if known.ties:
        there = {one.name for columns in needs(policy, policy.rules).values() for one in columns}
        keys = [Column((key,), types.Text()) for key in ("user", "purpose") if key in there]
        known = replace(known, tied=bench.engine.tied(keys, places)) if keys else known
    world = World.of(policy, case, Setting(trial.as_of, trial.parameters), bench.calendar, trial.sources)
    asked = []
    for rule in policy.rules:
        assert rule.trigger is not None
        if unknown_lengths(rule.trigger, world) or (not isinstance(rule.trigger, ir.OnEvent) and trial.sources and any(
                name not in trial.sources.complete for name in trigger_events(rule.trigger, policy))):
            continue  # nobody knows its moments, and no plan is asked for
        asked.append(rule)
    plans = plans_of(asked, known)
    return case, events, [(rule, plans[rule.name]) for rule in asked if rule.name in plans]


def differences(bench: Bench, policy: ir.Policy, trial: wide.Trial, places: Mapping[str, int]) -> Iterator[Any]:
    """For each rule that can be judged in columns: what the evaluator finds and columns lack, and the other way; by how
    much they count too many moments not applicable, and too many ties; how many moments they leave to the evaluator."""
    case, events, plans = planned(bench, policy, trial, places)
    place = {id(event): number for number, event in enumerate(events)}
    for rule, made in plans:
        rows, hard, counted = bench.judged(made)
        try:
            expected = judge(policy, case, Setting(trial.as_of, trial.parameters), bench.calendar,
                             sources=trial.sources, rules=[rule.name], start=trial.start, end=trial.end)
        except (Overflow, OutOfRange):
            continue  # an error of the case, which columns may come upon or not
        wanted = Counter((*stands(one, place), one.verdict, one.due, one.tie) for one in expected if one.moment)
        for row in list(wanted):
            spared = min(wanted[row], hard[row[:5]])
            hard[row[:5]] -= spared
            wanted[row] -= spared
        ties = counted.ties - sum(n for row, n in wanted.items() if row[-1])
        missing, extra = wanted - rows, rows - wanted
        # Those that are not applicable need not be kept, but they are counted.
        left_out = sum(n for row, n in missing.items() if row[5] == "not_applicable")
        kept = sum(n for row, n in rows.items() if row[5] == "not_applicable")
        missing = Counter({row: n for row, n in missing.items() if row[5] != "not_applicable"})
        yield rule, missing, extra, (counted.counts["not_applicable"] - left_out - kept, ties), counted.hard


def agree(bench: Bench, policy: ir.Policy, trial: wide.Trial, places: Mapping[str, int]) -> None:
    for rule, missing, extra, miscounted, _ in differences(bench, policy, trial, places):
        assert (missing, extra, miscounted) == (Counter(), Counter(), (0, 0)), rule


PLACES = {name: place for place, name in enumerate(narrow.EVENTS)}
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # a shorter example would take minutes to find


@given(st.lists(narrow.rules(), min_size=5, max_size=5),
       st.builds(Case, narrow.facts, narrow.full_traces()), narrow.instants | st.just(narrow.OVER),
       st.sampled_from([(None, None), (None, None), (None, None), (3, None), (None, 7), (1, 11)]))
@settings(max_examples=20, deadline=None, suppress_health_check=QUIET, phases=PHASES)
def test_columns_agree_with_the_evaluator(benches: dict[str, Bench], rules: list[ir.Rule], case: Case,
                                          as_of: int, force: tuple[int | None, int | None]) -> None:
    """The same moments, verdicts, due times and ties; what is hard is left to the evaluator. At times the rules come
    into force, or cease to be in force, at the instant of a moment."""
    named = narrow.policy(*(narrow.renamed(rule, f"rule_{number}") for number, rule in enumerate(rules)))
    moments = [one.moment.time for one in judge(named, case, Setting(as_of, {}), narrow.CALENDAR) if one.moment]
    start, end = (None if number is None or not moments else moments[number % len(moments)] for number in force)
    trial = wide.Trial(case, wide.Place(narrow.CALENDAR, narrow.START), as_of, None, start, end)
    agree(benches["narrow"], named, trial, PLACES)


@given(st.lists(wide.rules(), min_size=5, max_size=5), wide.trials(least=10, most=50))
@settings(max_examples=35, deadline=None, suppress_health_check=QUIET, phases=PHASES)
def test_columns_agree_on_wide_rules(benches: dict[str, Bench], rules: list[ir.Rule], trial: wide.Trial) -> None:
    """The same with fields of all types, joins, states of several keys, gaps in what is seen, clocks that change."""
    agree(benches[trial.place.calendar.zone], wide.policy(*rules), trial, PLACES)


@given(st.lists(wide.rules(), min_size=5, max_size=5), wide.trials(least=20, most=50, whole=True, extreme=False))
@settings(max_examples=15, deadline=None, suppress_health_check=QUIET, phases=PHASES)
def test_nothing_is_left_to_the_evaluator_where_nothing_is_missing(benches: dict[str, Bench], rules: list[ir.Rule],
                                                                   trial: wide.Trial) -> None:
    """But for dates that are moved by working days years before the trace, which its calendar does not reach, and
    quotients: of numbers with many digits, and of counts, which a state without a value leaves between two ends; and
    products of more than 18 digits."""
    bench = benches[trial.place.calendar.zone]
    for rule, _, _, _, hard in differences(bench, wide.policy(*rules), trial, PLACES):
        assert hard == 0 or _long(rule), rule


def _long(rule: ir.Rule) -> bool:
    return any(isinstance(node, ir.Apply) and node.operator in "*/" for node in wide.nodes(rule))


YEAR = 365 * wide.DAY


@given(st.lists(wide.rules(), min_size=3, max_size=3), wide.trials(least=10, most=30),
       st.sampled_from((-1_000, -60, 60, 900)), st.integers(0, 29), st.integers(0, 400))
@settings(max_examples=20, deadline=None, suppress_health_check=QUIET, phases=PHASES)
def test_columns_agree_where_a_clock_is_far_off(rules: list[ir.Rule], trial: wide.Trial, years: int, which: int,
                                                days: int) -> None:
    """One event lies years from the others, and no calendar has all days between. Marks that would follow each other
    for as long are left out here."""
    endless = {one.name for one in wide.STATES if isinstance(one, ir.BooleanState) and one.lasting is None}
    rules = [one for one in rules if not (isinstance(one.trigger, ir.OnEvery) and one.trigger.run in endless
                                          and not one.trigger.once)]
    far_off(wide.policy(*rules), trial, which, years * YEAR + days * wide.DAY)


@pytest.mark.parametrize("years", [-70, 70])
@pytest.mark.parametrize("place", wide.PLACES[:2])
def test_marks_far_from_every_event(years: int, place: wide.Place) -> None:
    """Those on days that the calendar leaves out are the evaluator's, and none is lost."""
    notice = ir.Pattern("notice", ("user",), None)
    future = [ir.Within(wide.constant("3 days", wide.DAYS)), ir.WithinLast(wide.constant("2 working days", types.Period(
        "working_day"))), ir.This("week")]
    rules = [ir.Rule(f"rule_{n}", "", (), "other", "error", ("user",), ir.OnEvery(period, "consent", False), (),
                     (ir.Must(narrow.compare(ir.CountEvents(notice, range), "=", wide.constant(0, wide.INTEGER)) if n
                              else ir.Occurs(notice, range), False),), (), "")
             for n, range in enumerate(future) for period in (wide.constant("5 months", wide.MONTHS),)]
    events = tuple(Event(kind, place.start + n * wide.DAY, {"user": "u1", "purpose": "ads"}, row=n + 1,
                         place=PLACES[kind]) for n, kind in enumerate(("reply", "notice", "notice", "reply")))
    trial = wide.Trial(Case({}, events), place, events[-1].time + 40 * wide.DAY, None)
    which = 0 if years < 0 else 3
    assert all(hard > 100 for hard in far_off(wide.policy(*rules), trial, which, years * YEAR))


def test_a_date_moved_out_of_the_calendar() -> None:
    """Behind the last day of the calendar clocks change too: a date there was taken for the day before."""
    place, on = wide.PLACES[2], "2027-11-15"
    period = wide.constant("100 working days", types.Period("working_day"))
    moved = ir.Apply("+", (wide.get(ir.TRIGGER, "on"), period), types.Date())
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (ir.Must(
        narrow.compare(moved, "=", wide.get(ir.TRIGGER, "due")), False),), (), "")
    event = Event("use", place.start, {"user": "u1", "on": on, "due": "2028-04-03"}, row=1, place=PLACES["use"])
    trial = wide.Trial(Case({}, (event,)), place, place.start, None)
    [one] = judge(wide.policy(rule), trial.case, Setting(trial.as_of, {}), place.calendar)
    assert one.verdict == "satisfied"
    assert far_off(wide.policy(rule), trial, 0, 0) == [0]


def test_marks_of_a_run_that_events_carry_on() -> None:
    """Each carries it for two hours, and together for days, over more days than one event could."""
    place = wide.PLACES[0]
    every = ir.OnEvery(wide.constant("1 day", wide.DAYS), "brief", False)
    seen = ir.Occurs(ir.Pattern("notice", ("user",), None), ir.WithinLast(wide.constant("1 hours", wide.HOURS)))
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), every, (), (ir.Must(seen, False),), (), "")
    events = tuple(Event("notice", place.start + n * 90 * 60 * wide.SECOND, {"user": "u1", "purpose": "ads"}, row=n + 1,
                         place=PLACES["notice"]) for n in range(16 * 9 + 1))
    trial = wide.Trial(Case({}, events), place, events[-1].time + 40 * wide.DAY, None)
    policy = wide.policy(rule)
    assert len(judge(policy, trial.case, Setting(trial.as_of, {}), place.calendar)) == 8
    assert far_off(policy, trial, 0, -70 * YEAR) == [0]


def far_off(policy: ir.Policy, trial: wide.Trial, which: int, by: int) -> list[int]:
    """Columns agree with the evaluator although the clock of one event is off; how many moments are hard, by rule."""
    events = list(trial.case.events)
    events[which % len(events)] = odd = replace(events[which % len(events)], time=events[0].time + by)
    as_of = max(trial.as_of, odd.time)
    trial = replace(trial, case=Case(trial.case.facts, in_order(events)), as_of=as_of)
    calendar = trial.place.calendar
    bench = Bench(calendar, Horizon.of(calendar, min(one.time for one in events), as_of), busy=True)
    hard = []
    for rule, missing, extra, miscounted, left in differences(bench, policy, trial, PLACES):
        assert (missing, extra, miscounted) == (Counter(), Counter(), (0, 0)), rule
        hard.append(left)
    return hard


SAME_KIND = ir.Pattern("reply", ("user",), narrow.compare(narrow.get(ir.CANDIDATE, "kind"), "=",
                                                          narrow.get(ir.TRIGGER, "kind")))


ONE = ir.Constant(1, types.Number(integer=True))
NUMBERED = ir.Pattern("notice", ("user",), narrow.compare(narrow.get(ir.CANDIDATE, "number"), "=", ONE))
ALL = replace(NUMBERED, where=None)


@pytest.mark.parametrize("rows, when, must, sources", [
    ("reply -1, alert 0, use 0", narrow.in_state(ir.TRIGGER), narrow.FACT_FLAG, None),
    ("reply 0, alert 0", ir.Occurs(SAME_KIND, ir.Before()), narrow.FACT_FLAG, None),
    ("use 0", narrow.FACT_FLAG, ir.Occurs(replace(SAME_KIND, where=None), ir.Within(ir.Constant(
        "1 second", types.Period("elapsed")))), Sources({"use": None, "reply": narrow.START})),
    ("notice -1, use 0", narrow.FACT_FLAG, ir.Occurs(ALL, ir.Since(replace(SAME_KIND, where=None))), Sources(
        {"use": None, "notice": None, "reply": narrow.START})),
    ("use 0, use 0", ir.Occurs(replace(ALL, event="use"), ir.Before()), narrow.FACT_FLAG, None),
    ("notice -1, notice 0, use 1", narrow.FACT_FLAG, narrow.compare(ir.Latest(
        NUMBERED, ("number",), types.Number(integer=True)), "=", ONE), None),
    ("notice -1, notice 0, use 1", narrow.FACT_FLAG, ir.Occurs(ALL, ir.Since(NUMBERED)), None),
    ("notice -1, use 0", narrow.FACT_FLAG, ir.Occurs(ALL, ir.NoLaterThan(ir.Fact(
        ("service", "length"), types.Period("elapsed")))), None),
], ids=["a state that a tie ended", "what would match but for a tie", "history complete from the moment on",
        "what begins a range seen from the moment on",
        "the first of two that tie", "the latest may be none", "what may itself begin the range",
        "before the moment, and nobody knows how long after"])
def test_what_is_seldom_drawn(benches: dict[str, Bench], rows: str, when: ir.Expr, must: ir.Expr,
                              sources: Sources | None) -> None:
    """At the last of these rows, each an event and when it comes: an alert ends the consent, and only what comes before
    the start has a number."""
    written = [row.split() for row in rows.split(", ")]
    events = [Event(kind, narrow.START + int(at) * narrow.SECOND, {"user": "u1", "flag": True, "kind": "p", "number": (
        1 if int(at) < 0 else None)}, None, None, "t", row, PLACES[kind]) for row, (kind, at) in enumerate(written, 1)]
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent((written[-1][0],), False, None), (when,),
                   (ir.Must(must, False),), (), "")
    trial = wide.Trial(Case({"service": {"flag": True}}, in_order(events)), wide.Place(narrow.CALENDAR, narrow.START),
                       narrow.OVER, sources)
    agree(benches["narrow"], narrow.policy(rule), trial, PLACES)


FLAGGED, USE = replace(ALL, where=narrow.get(ir.CANDIDATE, "flag")), replace(ALL, event="use")


def elapsed(text: str) -> ir.Constant:
    return ir.Constant(text, types.Period("elapsed"))


def asked_at(asked: Iterable[tuple[ir.Trigger, ir.Expr]]) -> ir.Policy:
    return narrow.policy(*(ir.Rule(f"rule_{n}", "", (), "other", "error", ("user",), trigger, (), (
        ir.Must(must, False),), (), "") for n, (trigger, must) in enumerate(asked)))


@pytest.mark.parametrize("later", [0, 1])
def test_bounds_that_differ_by_a_microsecond(benches: dict[str, Bench], later: int) -> None:
    """A history that is complete from the earliest instant on that matters to a run, its range or its length, or from a
    microsecond later on; a moment at the last instant of a run's gap; what may have been heard at the last instant of a
    silence, or have ended a state at a mark, or a microsecond later; at last, where what begins a run ends the one
    before, and a state has just expired."""
    rows = (("use", 2), ("notice", 4), ("notice", 8), ("use", 20), ("notice", 22), ("use", 22), ("use", 23))
    moved = {("notice", 4): later, ("notice", 22): later}
    events = [Event(one[0], narrow.START + one[1] * narrow.SECOND + moved.get(one, 0), {
        "user": "u1", "flag": None if one == ("notice", 22) else True}, None, None, "t", row, PLACES[one[0]])
        for row, one in enumerate(rows, 1)]
    noticed, two = ir.OnEvent(("notice",), False, None), elapsed("2 seconds")
    inside = narrow.compare(ir.CountEvents(ALL, ir.During("session")), "=", replace(ONE, value=0))
    lasted = narrow.compare(ir.EpisodeDuration("session", ir.WithinLast(elapsed("1 second"))), "<", elapsed("1 second"))
    whole = asked_at([(ir.OnStart("session"), ir.Occurs(ALL, ir.Before())), (noticed, inside), (noticed, lasted),
                      *((ir.OnWithout(two, run, heard), inside) for run, heard in (
                          ("session", FLAGGED), ("consent", FLAGGED), *((run, replace(ALL, event="reply")) for run in (
                              "session", "consent")))),
                      (ir.OnEvery(two, "consent", False), inside), (noticed, narrow.in_state(ir.TRIGGER))])
    for second, ends in ((0, ()), (5, ()), (6, ()), (19, ()), (None, ()), (None, (USE,))):
        held = replace(whole.states[0], starts=(USE,), ends=(FLAGGED,), lasting=two if ends else None)
        session = replace(narrow.EPISODE, events=(USE,), gap=two, ends=ends)
        whole = replace(whole, episodes=(session,), states=(held,))
        since = None if second is None else narrow.START + second * narrow.SECOND + later
        trial = wide.Trial(Case({"service": {}}, in_order(events)), wide.Place(narrow.CALENDAR, narrow.START),
                           events[-1].time + 9 * narrow.SECOND,
                           Sources({name: since if name == "use" else None for name in narrow.EVENTS}))
        agree(benches["narrow"], whole, trial, PLACES)


def test_of_an_event_the_source_that_is_named_first(benches: dict[str, Bench]) -> None:
    """Of notices that tell a state in two ways, for certain, perhaps, or in the second alone; the last says nothing."""
    number = types.Number(integer=True)
    sources = ir.StateSource(FLAGGED, ("number",)), ir.StateSource(ALL, ("other",))
    events = [Event(kind, narrow.START + second, {"user": f"u{flag}", "flag": flag, "number": 1, "other": other}, None,
                    None, "t", row, PLACES[kind]) for row, (flag, other, kind, second) in enumerate((
                        (flag, other, kind, second) for flag, other in ((True, 2), (None, 1), (False, 1))
                        for second, kind in enumerate(("notice", "use"))), 1)]
    events += [Event(kind, narrow.START + second, {"user": "u", "flag": False, "number": 1, **told}, None, None, "t",
                     10 + second, PLACES[kind]) for second, (kind, told) in enumerate((
                         ("notice", {"other": 2}), ("notice", {}), ("use", {})))]
    level = ir.StateValue("level", ir.TRIGGER, (("user", narrow.get_user(ir.TRIGGER)),), number)
    whole = asked_at([(ir.OnEvent(("use",), False, None), narrow.compare(level, "=", ONE))])
    less = (ir.StateSource(ALL, ("number",)),)
    whole = replace(whole, states=(ir.ValuedState("level", ("user",), (sources, less), number),))
    trial = wide.Trial(Case({}, in_order(events)), wide.Place(narrow.CALENDAR, narrow.START), narrow.OVER, None)
    found = judge(whole, trial.case, Setting(trial.as_of, {}), narrow.CALENDAR)
    assert Counter(one.verdict for one in found) == {"satisfied": 2, "undecided": 1, "violated": 1}
    agree(benches["narrow"], whole, trial, PLACES)


@given(st.integers(0, 2 ** 32))
@settings(max_examples=20, deadline=None, suppress_health_check=QUIET, phases=PHASES)
def test_states_that_one_event_tells(benches: dict[str, Bench], seed: int) -> None:
    """Of notices each of which says something of both states, of one or of none, if only that there is no value; asked
    of all uses, and of those for which there is one."""
    chance, number = Random(seed), types.Number(integer=True)
    rows = [Event(kind := chance.choice(("notice", "notice", "use")), narrow.TIMES[0] + chance.randrange(40),
                  {"user": chance.choice(("u1", "u2")), "flag": chance.choice((True, False, None)), **{
                      name: chance.choice((1, 2, None)) for name in ("number", "other") if chance.random() < 0.6}},
                  None, None, "t", row, PLACES[kind]) for row in range(1, 20)]
    tiers = [[ir.StateSource(pattern, (name,), chance.choice((None, None, 1))) for pattern in (FLAGGED, ALL)]
             for name in ("number", "other")]
    states = tuple(ir.ValuedState(name, ("user",), tuple((one,) for one in tier), number)
                   for name, tier in zip(("number_told", "other_told"), tiers, strict=True))
    values = [ir.StateValue(one.name, ir.TRIGGER, (("user", narrow.get_user(ir.TRIGGER)),), number) for one in states]
    told = tuple(narrow.compare(one, "=", ONE) for one in values)
    whole = asked_at([(ir.OnEvent(("use",), False, None), both(told)) for both in (ir.And, ir.Or)])
    asked = *whole.rules, *(replace(whole.rules[0], name=f"of_{one.state}", when=(ir.Present(one),)) for one in values)
    whole = replace(whole, rules=asked)
    trial = wide.Trial(Case({}, in_order(rows)), wide.Place(narrow.CALENDAR, narrow.START), narrow.OVER, None)
    agree(benches["narrow"], replace(whole, states=states), trial, PLACES)


@given(st.integers(0, 2 ** 32))
@settings(max_examples=40, deadline=None, suppress_health_check=QUIET, phases=PHASES)
def test_moments_at_the_bounds(benches: dict[str, Bench], seed: int) -> None:
    """Over a trace whose steps are as long as what is asked for, so that one thing often ends when another begins: by
    the second, or by thirds of days that begin at midnight or a microsecond before; judged when the last event has
    been, at a mark, when something is due, or a microsecond later; at times with a history that is complete from some
    event on, or with rules that come into force, or cease to be, at a moment. The monitor says the same."""
    chance, rows = Random(seed), []
    step, time, lengths = narrow.SECOND, narrow.START, [elapsed("1 second"), elapsed("2 seconds")]
    if chance.random() < 0.4:
        step, time = 8 * narrow.HOUR, start_of("day", narrow.START + wide.DAY, narrow.CALENDAR) - 1
        lengths = [elapsed("8 hours"), elapsed("16 hours"), *[wide.constant("1 day", wide.DAYS)] * 2]
    kinds = chance.choice((narrow.EVENTS, ("notice", "reply", "use"), ("notice", "use"), ("notice", "reply")))
    flags, numbers = chance.choice((True, False, None)), chance.choice((1, 2, None))
    for row in range(1, 25):
        time += step * chance.choice((0, 1, 1, 1, 1, 2, 2)) + chance.choice((0, 0, 0, 0, 0, 0, 1))
        kind = chance.choice(kinds)
        fields = {"user": chance.choice(("u1", "u1", "u1", "u1", "u2")), "flag": chance.choice((True, flags)),
                  **chance.choice(({"number": 1}, {"number": numbers}, {}))}
        rows.append(Event(kind, time, fields, None, None, "t", row, PLACES[kind]))
    case = Case({"service": {"flag": True, "number": 1}}, in_order(rows))
    whole = asked_at([(_at_the_bounds(chance, lengths), _near(chance, lengths)) for _ in range(3)])
    reply = ir.Pattern("reply", ("user",), chance.choice((None, FLAGGED.where)))
    # A use may end a session and begin the next.
    ends = [(), *((replace(FLAGGED, event=name),) for name in ("alert", "alert", "use"))]
    consent = replace(whole.states[0], starts=chance.choice(((reply,), (FLAGGED, reply), (USE, reply))),
                      ends=chance.choice(ends), lasting=chance.choice((None, None, *lengths[1:])))
    session = replace(narrow.EPISODE, events=(USE, reply), gap=lengths[1], ends=chance.choice(ends))
    whole = replace(whole, states=(consent, *whole.states[1:]), episodes=(session,))
    since = {name: chance.choice((None, rows[chance.randrange(9)].time + chance.choice((0, 0, 1))))
             for name in narrow.EVENTS}
    sources = Sources(since) if chance.random() < 0.4 else None
    now, later = (judge(whole, case, Setting(one, {}), narrow.CALENDAR, sources=sources) for one in (
        time, time + 9 * step))
    bounds = sorted([one.moment.time for one in later if one.moment] + [one.due for one in now if one.due])
    bound = chance.choice(bounds[-9:] or [time])
    as_of = chance.choice((time, bound, bound, bound + 1))
    start, end = (chance.choice((None, None, None, chance.choice(bounds or [time]))) for _ in range(2))
    trial = wide.Trial(case, wide.Place(narrow.CALENDAR, narrow.START), as_of, sources, start, end)
    agree(benches["narrow"], whole, trial, PLACES)
    # Nothing is ever forgotten, but it could be, so nothing is refused.
    never = replace(ALL, keys=(), where=ir.Not(narrow.FACT_FLAG))
    in_monitor(replace(whole, forgets=(ir.Forget("user", (never,)),)), trial)


def in_monitor(policy: ir.Policy, trial: wide.Trial) -> None:
    """Event by event, with all thrown away that can be, the same verdicts are given."""
    calendar, force = trial.place.calendar, (trial.start, trial.end)
    try:
        monitor = Monitor(policy, trial.case.facts, trial.parameters, calendar, sources=trial.sources, force=force)
    except Refused:
        return
    given: list[Any] = []
    for event in trial.case.events:
        if event.time <= trial.as_of:
            given += monitor.feed(event)
            monitor.compact()
    given += monitor.finish(trial.as_of)
    found = [one.judgement for one in given if isinstance(one, Decided)] + monitor.pending()
    expected = judge(policy, trial.case, Setting(trial.as_of, trial.parameters), calendar, sources=trial.sources,
                     start=trial.start, end=trial.end)
    assert Counter((one.rule, one.moment, one.verdict, one.due) for one in found) == Counter(
        (one.rule, one.moment, one.verdict, one.due) for one in expected)


def _at_the_bounds(chance: Random, lengths: list[ir.Constant]) -> ir.Trigger:
    run, length = chance.choice(("session", "consent")), chance.choice(lengths)
    silence = ir.OnWithout(length, run, chance.choice((FLAGGED, FLAGGED, USE)))
    first = ir.OnEvent(("notice", "use"), True, chance.choice((None, FLAGGED.where)))
    found: ir.Trigger = chance.choice((first, replace(first, first=False), ir.OnStart(run), ir.OnEvery(
        length, run, chance.random() < 0.3), ir.OnEvery(length, run, False), silence, silence, silence))
    return found


def _near(chance: Random, lengths: list[ir.Constant]) -> ir.Expr:
    """Something asked of what is as far from the moment as a length, or as a run reaches."""
    number, length = types.Number(integer=True), chance.choice(lengths)
    pattern = chance.choice((FLAGGED, USE, ALL, replace(ALL, event="reply")))
    if chance.random() < 0.4:
        known = ir.Get(ir.TRIGGER, ("time",), types.Instant())
        until = ir.By(ir.Apply(chance.choice("+-"), (known, lengths[0]), types.Instant()))
        return ir.Occurs(pattern, chance.choice((ir.Within(length), ir.Within(length), ir.NoLaterThan(length), until)))
    past: ir.Range = chance.choice((ir.WithinLast(length), ir.Since(FLAGGED), ir.Since(USE), ir.During("session"),
                                    ir.This("day"), ir.Before()))
    level = ir.StateValue("level", ir.TRIGGER, (("user", narrow.get_user(ir.TRIGGER)),), number)
    found: ir.Expr = chance.choice((
        ir.Occurs(pattern, past), narrow.compare(ir.CountEvents(pattern, past), "=", ONE), narrow.compare(
            ir.SumEvents(pattern, ("number",), past, number), "=", ONE), narrow.in_state(ir.TRIGGER),
        narrow.compare(level, "=", ONE), narrow.compare(ir.EpisodeDuration("session", past), ">=", lengths[0])))
    return found


@given(st.lists(wide.rules(), min_size=4, max_size=4), wide.trials(least=10, most=40), st.sampled_from([4, 10 ** 6]))
@settings(max_examples=10, deadline=None, suppress_health_check=QUIET, phases=PHASES)
def test_moments_are_explained(benches: dict[str, Bench], rules: list[ir.Rule], trial: wide.Trial, limit: int) -> None:
    """Moments found in columns, those of all rules together, with what the evaluator says of them on all rows. Where
    few rows may be read they come without evidence, and those that are hard are refused, not left without a verdict.
    """
    bench, policy = benches[trial.place.calendar.zone], wide.policy(*rules)
    setting = Setting(trial.as_of, trial.parameters)
    case, events, plans = planned(bench, policy, trial, PLACES)
    service = "own" if len(case.events) < len(events) else None
    counted = [(rule, bench.judged(made)[2]) for rule, made in plans]
    hard, found = ([(rule, one) for rule, came in counted for one in bench.engine.found(came, hard=hard)] for hard in (
        True, False))
    found = [*hard, *found] if limit > 4 else found[::9]
    rows = bench.engine.rows(needs(policy, policy.rules), PLACES, ["t"], {}, service, limit)
    about = About(policy, trial.case.facts, setting, bench.calendar, trial.sources)
    try:
        explained = Counter(said(one, limit > 4) for _, one in explain(about, found, rows))
        wanted = Counter(said(one, limit > 4) for one in judge(
            policy, case, setting, bench.calendar, sources=trial.sources, rules=[rule.name for rule, _ in plans],
            start=trial.start, end=trial.end) if one.moment)
    except (Overflow, OutOfRange):
        return
    assert (explained - wanted, explained.total()) == (Counter(), len(found))
    for one in hard[:2]:
        with suppress(TooManyRows):
            assert all(judgement.verdict in VERDICTS for _, judgement in explain(about, [one], rows))


def said(judgement: Judgement, whole: bool) -> tuple[Any, ...]:
    """A judgement, with its evidence if `whole`, whatever objects its events are."""
    moment = judgement.moment
    assert moment is not None

    def row(one: Any) -> Any:
        return one.row if isinstance(one, Event) else None

    parts = [(type(one).__name__, row(getattr(one, "event", None)) or repr(one))
             for one in (*judgement.evidence, *judgement.missing)] if whole else []
    return (judgement.rule, judgement.verdict, judgement.due, judgement.tie, moment.time, moment.known, moment.keys,
            row(moment.event), row(moment.run_first), row(moment.run_past), *parts)


SET_BACK = wide.Place(Calendar("America/St_Johns", None), parse_instant("2010-11-07T01:31:00Z"))
"""Where clocks are set back from one minute past midnight into the day before, of which an hour comes again."""


@given(st.integers(0, 2 ** 32))
@settings(max_examples=30, deadline=None, suppress_health_check=QUIET, phases=PHASES)
def test_how_long_an_episode_lasted(seed: int) -> None:
    """Up to moments that are events of it and others, at marks, from where a day or week begins, whose clocks change
    around it; of an episode that is over when nothing has been for so long, and one that something ends."""
    chance = Random(seed)
    place = chance.choice((*wide.PLACES, SET_BACK))
    horizon = Horizon.of(place.calendar, place.start, place.start + 40 * wide.DAY)
    gap, hour = wide.constant("40 minutes", wide.HOURS), wide.constant("1 hours", wide.HOURS)
    ends = (FLAGGED,) if chance.random() < 0.3 else ()
    where = None if chance.random() < 0.7 else FLAGGED.where
    session = replace(narrow.EPISODE, gap=gap, ends=ends, events=(USE, ir.Pattern("reply", ("user",), where)))
    triggers = (ir.OnEvent(("use", "notice"), False, None), ir.OnEvent(("reply",), False, None),
                ir.OnEvery(hour, "session"))
    ranges = ir.This("day"), ir.This("week"), ir.This("day"), ir.Before(), ir.WithinLast(hour)
    rules = []
    for number in range(8):
        lasted = ir.EpisodeDuration("session", chance.choice(ranges))
        length = wide.constant(f"{chance.randrange(1, 400)} minutes", wide.HOURS)
        rules.append(ir.Rule(f"rule_{number}", "", (), "other", "error", ("user",), chance.choice(triggers), (),
                             (ir.Must(narrow.compare(lasted, ">=", length), False),), (), ""))
    time, rows = place.start - 2 * wide.HOUR, []
    for row in range(1, 40):
        time += chance.choice((0, 10, 20, 30, 30, 40, 40, 41, 90)) * 60 * wide.SECOND + chance.choice((0, 0, 0, 1))
        rows.append(Event(kind := chance.choice(("use", "use", "reply", "reply", "notice", "alert")), time,
                          {"user": chance.choice(("u1", "u1", "u2")), "flag": chance.choice((True, True, False, None))},
                          None, None, "t", row, PLACES[kind]))
    trial = wide.Trial(Case({}, in_order(rows)), place, time + chance.choice((0, wide.DAY)), None)
    bench = Bench(place.calendar, horizon, busy=True)
    agree(bench, replace(narrow.policy(*rules), episodes=(session,)), trial, PLACES)


def test_how_long_an_episode_lasted_on_a_day_that_begins_twice() -> None:
    """Between two events the day has begun, and an hour of the day before has come again."""
    rules = [ir.Rule(f"rule_{minutes}", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (
        ir.Must(narrow.compare(ir.EpisodeDuration("session", ir.This("day")), ">=", wide.constant(
            f"{minutes} minutes", wide.HOURS)), False),), (), "") for minutes in range(5, 100, 5)]
    events = tuple(Event("use", SET_BACK.start + minutes * 60 * narrow.SECOND, {"user": "u1"}, None, None, "t", row,
                         PLACES["use"]) for row, minutes in enumerate((49, 74, 104, 129), 1))
    trial = wide.Trial(Case({}, events), SET_BACK, events[-1].time, None)
    session = replace(narrow.EPISODE, gap=wide.constant("40 minutes", wide.HOURS))
    bench = Bench(SET_BACK.calendar, Horizon.of(SET_BACK.calendar, SET_BACK.start, events[-1].time), busy=True)
    assert not bench.horizon.rising
    agree(bench, replace(narrow.policy(*rules), episodes=(session,)), trial, PLACES)


@given(st.lists(narrow.patterns(), min_size=4, max_size=4), st.lists(narrow.periods, min_size=8, max_size=8),
       st.builds(Case, narrow.facts, narrow.full_traces()), narrow.instants | st.just(narrow.OVER))
@settings(max_examples=20, deadline=None, suppress_health_check=QUIET, phases=PHASES)
def test_both_sides_of_a_moment(benches: dict[str, Bench], patterns: list[ir.Pattern], periods: list[ir.Expr],
                                case: Case, as_of: int) -> None:
    """Drawn rules seldom ask for the same before and after the moment, which is then looked for at once."""
    rules = []
    for number, pattern in enumerate(patterns):
        ranges = ir.WithinLast(periods[number]), ir.Within(periods[-number - 1])
        must = ir.Must((ir.And, ir.Or)[number % 2](tuple(ir.Occurs(pattern, one) for one in ranges)), False)
        rules.append(ir.Rule(f"rule_{number}", "", (), "other", "error", ("user",),
                             ir.OnEvent(("use", "alert"), False, None), (), (must,), (), ""))
    trial = wide.Trial(case, wide.Place(narrow.CALENDAR, narrow.START), as_of, None)
    agree(benches["narrow"], narrow.policy(*rules), trial, PLACES)


@given(wide.trials(least=10, most=50), st.sampled_from(["tags", "kind"]), st.sampled_from([(), ("user",)]),
       wide.elapsed)
@settings(max_examples=20, deadline=None, suppress_health_check=QUIET, phases=PHASES)
def test_a_list_that_contains_what_the_moment_names(benches: dict[str, Bench], trial: wide.Trial, field: str,
                                                    keys: tuple[str, ...], period: ir.Expr) -> None:
    """In every range, of lists that name a thing twice, name none or are missing; beside it a field that equals it."""
    named = wide.get(ir.TRIGGER, "kind")
    link = ir.Apply("contains", (wide.get(ir.CANDIDATE, "tags"), named), types.Bool()) if field == "tags" else (
        narrow.compare(wide.get(ir.CANDIDATE, "kind"), "=", named))
    pattern = ir.Pattern("notice", keys, link)
    one = ir.Constant(1, types.Number(integer=True))
    ranges = ir.Before(), ir.WithinLast(period), ir.Within(period), ir.NoLaterThan(period), ir.Since(pattern)
    asked: list[ir.Expr] = [ir.Occurs(pattern, range) for range in ranges]
    asked += [narrow.compare(ir.CountEvents(pattern, range), "=", one) for range in (
        ir.Before(), ir.This("day"), ir.WithinLast(period))]
    twice = [replace(event, fields={**event.fields, "tags": event.fields["tags"] * 2} if event.fields.get("tags") else
                     event.fields) for event in trial.case.events]
    rules = [ir.Rule(f"rule_{number}", "", (), "other", "error", keys, ir.OnEvent(("use", "notice"), False, None), (),
                     (ir.Must(must, False),), (), "") for number, must in enumerate(asked)]
    agree(benches[trial.place.calendar.zone], wide.policy(*rules),
          replace(trial, case=Case(trial.case.facts, tuple(twice))), PLACES)


def test_since_begins_after_the_event_it_names(benches: dict[str, Bench]) -> None:
    """Drawn rules seldom count the very events since which they count."""
    use = ir.Pattern("use", ("user",), None)
    count = ir.CountEvents(use, ir.Since(use))
    must = ir.Must(narrow.compare(count, "=", ir.Constant(1, types.Number(integer=True))), False)
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (must,), (), "")
    events = tuple(Event("use", narrow.TIMES[n], {"user": "u1"}, row=n + 1, place=PLACES["use"]) for n in range(3))
    trial = wide.Trial(Case({}, events), wide.Place(narrow.CALENDAR, narrow.START), narrow.TIMES[-1], None)
    agree(benches["narrow"], narrow.policy(rule), trial, PLACES)


def test_a_quotient_beside_a_count_between_two_ends(benches: dict[str, Bench]) -> None:
    """One notice halved, and one or two replies: nobody knows whether the former is the number of the latter."""
    def count(event: str, where: ir.Expr | None) -> ir.CountEvents:
        return ir.CountEvents(ir.Pattern(event, ("user",), where), ir.Before())

    integer = types.Number(integer=True)
    half = ir.Apply("/", (count("notice", None), ir.Constant(2, integer)), types.Number(quotient=True))
    must = ir.Must(narrow.compare(half, "=", count("reply", wide.get(ir.CANDIDATE, "flag"))), False)
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (must,), (), "")
    rows: list[tuple[str, dict[str, Any]]] = [("notice", {}), ("notice", {}), ("reply", {"flag": True}),
                                              ("reply", {}), ("use", {})]
    events = tuple(Event(kind, narrow.TIMES[n], {"user": "u1", **fields}, row=n + 1, place=PLACES[kind])
                   for n, (kind, fields) in enumerate(rows))
    trial = wide.Trial(Case({}, events), wide.Place(narrow.CALENDAR, narrow.START), narrow.TIMES[-1], None)
    [one] = judge(wide.policy(rule), trial.case, Setting(trial.as_of, trial.parameters), narrow.CALENDAR)
    assert one.verdict == "undecided"
    agree(benches["narrow"], wide.policy(rule), trial, PLACES)


def test_a_quotient_beside_a_number_with_many_digits(benches: dict[str, Bench]) -> None:
    """Multiplied out it has 36 digits, and the amount it is compared with has nine after the point."""
    many = wide.constant(10 ** 18 - 1, wide.INTEGER)
    share = ir.Apply("/", (wide.get(ir.TRIGGER, "amount"), many), types.Number(quotient=True))
    rule = ir.Rule("rule", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (),
                   (ir.Must(narrow.compare(share, "!=", many), False),), (), "")
    event = Event("use", narrow.TIMES[0], {"user": "u1", "amount": Decimal("0.5")}, row=1, place=PLACES["use"])
    trial = wide.Trial(Case({}, (event,)), wide.Place(narrow.CALENDAR, narrow.START), narrow.TIMES[0], None)
    agree(benches["narrow"], wide.policy(rule), trial, PLACES)


def test_a_state_of_a_date(benches: dict[str, Bench]) -> None:
    """A date stands under a key as it is written, whether the moment has it or it is computed."""
    integer = types.Number(integer=True)
    size = ir.ValuedState("size", ("due",), ((ir.StateSource(ir.Pattern("notice", ("due",), None), ("number",)),),),
                          integer)
    filed = ir.BooleanState("filed", ("due",), (ir.Pattern("notice", ("due",), None),), (), None)
    rules: list[ir.Rule] = []
    for asked in (wide.get(ir.TRIGGER, "due"), wide.get(ir.TRIGGER, "on"), ir.Today()):
        keys = (("due", asked),)
        held = ir.InState("filed", ir.TRIGGER, keys)
        told = narrow.compare(ir.StateValue("size", ir.TRIGGER, keys, integer), "=", wide.constant(1, integer))
        both: tuple[ir.Expr, ...] = held, told
        rules += [ir.Rule(f"rule_{len(rules) + n}", "", (), "other", "error", (), ir.OnEvent(("use",), False, None), (),
                          (ir.Must(one, False),), (), "") for n, one in enumerate(both)]
    place = wide.PLACES[0]
    rows: list[tuple[str, dict[str, Any]]] = [("notice", {"due": "2026-05-29", "number": 1}),
                                              ("use", {"due": "2026-05-29", "on": "2026-05-28"})]
    events = tuple(Event(kind, place.start + n, fields, row=n + 1, place=PLACES[kind])
                   for n, (kind, fields) in enumerate(rows))
    trial = wide.Trial(Case({}, events), place, events[-1].time, None)
    policy = replace(wide.policy(*rules), states=(filed, size))
    found = judge(policy, trial.case, Setting(trial.as_of, {}), place.calendar)
    assert [one.verdict for one in found] == ["satisfied", "satisfied", "violated", "undecided", "satisfied",
                                              "satisfied"]
    agree(benches[place.calendar.zone], policy, trial, PLACES)
    monitor = Monitor(replace(policy, forgets=(ir.Forget("due", (ir.Pattern("alert", (), None),)),)), {}, {},
                      place.calendar)
    outcomes = [one for event in events for one in monitor.feed(event)] + monitor.finish()
    assert [one.judgement.verdict for one in outcomes if isinstance(one, Decided)] == [one.verdict for one in found]
