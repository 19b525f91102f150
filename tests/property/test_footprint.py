"""The evaluator judges a moment by its footprint as by the whole trace, and by whatever lies between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import date
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policyengine.base.calendar import Calendar, OutOfRange
from policyengine.core import ir, types
from policyengine.core.case import Case, Event, Sources, in_order
from policyengine.core.evaluate import judge, judge_in, judge_moments
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.operators import Overflow
from policyengine.core.standing import Reach
from policyengine.core.verdict import VERDICTS, Judgement, Moment, Setting
from policyengine.trace.engines.footprint import footprint, merge, select
from tests.support import trace_strategies as drawn
from tests.support import wide_strategies as wide
from tests.support.trace_strategies import CALENDAR, EVENTS, STATES, TIMES, USERS, compare, get, in_state

RULES = 400
MOMENTS = 6
FETCHES = 7
NUMBER = types.Number(integer=True)
NOTHING_SET: Mapping[str, Any] = {}


def elapsed(text: str) -> ir.Constant:
    return ir.Constant(text, types.Period("elapsed"))


# Beside the states of the support: one that expires, one whose start reads another state, one whose value comes only
# while another holds; an episode of events in such a state, as an hour of minors' mode is, and a long one.
POLICY = replace(
    drawn.policy(),
    states=(*STATES,
            ir.BooleanState("lasting", ("user",), (ir.Pattern("notice", ("user",), None),),
                            (ir.Pattern("use", (), get(CANDIDATE, "flag")),), elapsed("5 seconds")),
            ir.BooleanState("guarded", ("user",), (ir.Pattern("use", ("user",), in_state(CANDIDATE)),),
                            (ir.Pattern("notice", ("user",), get(CANDIDATE, "flag")),), None),
            ir.ValuedState("guarded_level", ("user",), (
                (ir.StateSource(ir.Pattern("use", ("user",), in_state(CANDIDATE)), ("number",)),),
                (ir.StateSource(ir.Pattern("alert", ("user",), None), ("number",)),)), NUMBER)),
    episodes=(drawn.EPISODE,
              ir.Episode("guarded_use", ("user",), (ir.Pattern("use", ("user",), in_state(CANDIDATE)),),
                         elapsed("30 minutes"), (ir.Pattern("alert", (), get(CANDIDATE, "flag")),)),
              ir.Episode("long", ("user",), tuple(ir.Pattern(name, ("user",), None) for name in ("alert", "notice")),
                         elapsed("1 second"), (ir.Pattern("use", ("user",), get(CANDIDATE, "flag")),))))


def state_of(name: str, at: str, key: str = "user") -> ir.Expr:
    """A state read at the trigger or candidate, of the user that one of its fields names."""
    keys = (("user", ir.Get(at, (key,), types.Text())),)
    if "level" in name:
        return compare(ir.StateValue(name, at, keys, NUMBER), ">=", ir.Constant(1, NUMBER))
    return ir.InState(name, at, keys)


candidate_states = st.builds(state_of, st.sampled_from(["consent", "level", "lasting", "guarded", "guarded_level"]),
                             st.just(CANDIDATE), st.sampled_from(["user", "peer"]))
reads_trigger = st.sampled_from(["kind", "number", "peer"]).map(
    lambda name: compare(get(CANDIDATE, name), "=", get(TRIGGER, name)))
wheres = st.one_of(st.none(), drawn.wheres(), candidate_states, reads_trigger,
                   st.builds(lambda *parts: ir.And(parts), reads_trigger, candidate_states),
                   st.builds(lambda *parts: ir.Or(parts), candidate_states, candidate_states))
patterns = st.builds(ir.Pattern, st.sampled_from(EVENTS), st.sampled_from([("user",), ("user", "kind"), ()]), wheres)
keyed_patterns = st.builds(ir.Pattern, st.sampled_from(EVENTS), st.just(("user",)), st.none() | drawn.wheres())
episodes = st.sampled_from(["session", "guarded_use", "long"])
past_ranges: st.SearchStrategy[ir.Range] = st.one_of(
    st.just(ir.Before()), st.builds(ir.WithinLast, drawn.periods), st.builds(ir.Since, patterns),
    st.builds(ir.This, st.sampled_from(["day", "week", "month", "year"])), st.builds(ir.During, episodes))
future_ranges: st.SearchStrategy[ir.Range] = st.one_of(
    st.builds(ir.Within, drawn.periods), st.builds(ir.NoLaterThan, drawn.periods),
    st.just(ir.By(ir.Get(TRIGGER, ("due",), types.Date()))),
    st.builds(lambda period: ir.By(ir.Apply("+", (ir.Get(TRIGGER, ("time",), types.Instant()), period),
                                            types.Instant())), drawn.periods))
trigger_states = st.builds(state_of, st.sampled_from(["lasting", "guarded", "guarded_level"]), st.just(TRIGGER),
                           st.sampled_from(["user", "peer"]))


@st.composite
def questions(draw: st.DrawFn, *, future: bool) -> ir.Expr:
    """A condition whose candidates read the trigger and states of users they name."""
    asked = draw(patterns)
    match draw(st.integers(0, 5)):
        case 0 | 1:
            return ir.Occurs(asked, draw(future_ranges if future else past_ranges))
        case 2:
            return compare(ir.CountEvents(asked, draw(past_ranges)), draw(drawn.orderings), draw(drawn.small))
        case 3:
            latest = ir.Latest(asked, ("number",), NUMBER)
            return compare(latest, draw(drawn.orderings), draw(drawn.small))
        case 4:
            return draw(trigger_states)
        case _:
            return compare(ir.EpisodeDuration(draw(episodes), draw(past_ranges)), ">", elapsed("2 seconds"))


@st.composite
def conditions(draw: st.DrawFn, *, future: bool) -> ir.Expr:
    """One of the support's conditions, one of ours, or both."""
    parts = (draw(drawn.conditions(future=future, depth=1)), draw(questions(future=future)))
    return draw(st.sampled_from([*parts, parts[1], ir.And(parts), ir.Or(parts), ir.Not(parts[1])]))


@st.composite
def triggers(draw: st.DrawFn) -> ir.Trigger:
    choice = draw(st.integers(0, 5))
    run = draw(st.sampled_from(["lasting", "guarded", "guarded_use", "long"]))
    # Marks are to be few: a state may hold for a month.
    lengths = {"lasting": elapsed("3 seconds"), "long": elapsed("1 second"), "guarded_use": elapsed("30 minutes")}
    period = lengths.get(run, ir.Constant("2 days", types.Period("day")))
    match choice:
        case 0:
            return ir.OnEvery(period, run, draw(st.booleans()))
        case 1:
            return ir.OnWithout(period, run, draw(keyed_patterns))
        case 2:
            return ir.OnStart(run)
        case 3:
            names = tuple(draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2, unique=True)))
            return ir.OnEvent(names, draw(st.booleans()), draw(candidate_states))
        case _:
            return draw(drawn.triggers())


@st.composite
def rules(draw: st.DrawFn) -> ir.Rule:
    """A rule with any trigger or none, whose conditions use what the trigger has."""
    trigger = draw(triggers()) if draw(st.integers(0, 9)) else None
    plain = isinstance(trigger, ir.OnEvent)

    def asked(future: bool) -> ir.Expr:
        return draw(conditions(future=future).filter(lambda one: plain or not reads_of_trigger(one)))

    # Where another condition settles a verdict, it says nothing of the rest.
    when, unless = [[asked(False)] if draw(st.integers(0, 3)) == 3 else [] for _ in range(2)]
    must = asked(True)
    if trigger is None:
        when, unless, must = [], [], drawn.FACT_FLAG
    keys = draw(st.sampled_from([("user",), ()]) if trigger else st.just(()))
    scope = draw(st.sampled_from([None, None, None, drawn.FACT_FLAG]))
    return ir.Rule("rule", "", (), "other", "error", keys if plain else ("user",), trigger, tuple(when),
                   (ir.Must(must, False),), tuple(ir.Unless(one, ()) for one in unless), "", scope)


def parts_of(node: Any) -> Iterator[Any]:
    """A node of the core and all that stands in it."""
    yield node
    inner = node if isinstance(node, tuple) else (
        [getattr(node, one.name) for one in fields(node)] if is_dataclass(node) else [])
    for one in inner:
        yield from parts_of(one)


def reads_of_trigger(expr: ir.Expr) -> bool:
    """Whether it reads what a mark has not got."""
    return any((isinstance(one, ir.Get) and one.owner == TRIGGER and one.path not in (("user",), ("time",)))
               or (isinstance(one, ir.Pattern) and "kind" in one.keys) for one in parts_of(expr))


SECOND, HOUR = drawn.SECOND, drawn.HOUR
STEPS = (0, 0, 0, 0, 0, 1, 1, SECOND, SECOND, SECOND, SECOND - 1, SECOND + 1, 2 * SECOND, 2 * SECOND + 1, 3 * SECOND,
         5 * SECOND, 5 * SECOND + 1, HOUR // 2, HOUR // 2 + 1, HOUR // 4, 24 * HOUR, 26 * HOUR)
OFTEN = ("use", "use", "use", "reply", "reply", "reply", "notice", "notice", "alert")


@st.composite
def traces(draw: st.DrawFn) -> tuple[Event, ...]:
    """A trace in order, close enough together for runs, with ties, missing fields, and steps as long as the periods.

    Rows come from a seed and not one by one, which makes many of them cheap; with fewer rows the first stay the same.
    """
    random = Random(draw(st.integers(0, 2 ** 32)))
    values: dict[str, tuple[Any, ...]] = {
        "flag": (True, False), "number": (0, 1, 2), "kind": ("p", "q"), "peer": USERS,
        "due": tuple(date(2026, 5, 28 + days).isoformat() for days in range(4))}
    now, rows = drawn.START, []
    for row in range(draw(st.sampled_from([24, 16, 20, 30, 12, 8, 4, 2]))):
        now += random.choice(STEPS)
        fields: dict[str, Any] = {"user": USERS[random.random() < 0.25]}
        for name, some in values.items():
            if random.random() < 0.85:
                fields[name] = random.choice((*some, *some, *some, None))
        kind = random.choice(OFTEN)
        rows.append(Event(kind, now, fields, None, None, "t", row + 1, EVENTS.index(kind)))
    return in_order(rows)


since = st.none() | st.sampled_from(TIMES)
some_sources = st.one_of(st.none(), st.none(), st.fixed_dictionaries({name: since for name in EVENTS}).map(Sources),
                         st.dictionaries(st.sampled_from(EVENTS), since, min_size=2).map(Sources))
as_ofs = st.sampled_from([TIMES[-1], *(drawn.START + seconds * drawn.SECOND for seconds in range(5, 40, 5)),
                          *(drawn.START + hours * drawn.HOUR for hours in range(1, 130, 10))])


def by_moment(judgements: Sequence[Judgement]) -> dict[Moment | None, list[Judgement]]:
    found: dict[Moment | None, list[Judgement]] = {}
    for one in judgements:
        found.setdefault(one.moment, []).append(one)
    return found


def held_to_the_whole(rule: ir.Rule, case: Case, as_of: int, emitted: Sources | None, seed: int,
                      policy: ir.Policy = POLICY, parameters: Mapping[str, Any] = NOTHING_SET,
                      calendar: Calendar = CALENDAR) -> int:
    """Judge moments of a rule by their footprints, alone and with other rows; how many were judged."""
    policy, setting, random = replace(policy, rules=(rule,)), Setting(as_of, parameters), Random(seed)
    whole = by_moment(judge(policy, case, setting, calendar, sources=emitted))

    def check(moments: Sequence[Moment | None]) -> None:
        fetches = []

        def fetch(asked: tuple[Reach, ...]) -> tuple[Event, ...]:
            fetches.append(asked)
            return select(asked, case.events)

        found = footprint(policy, rule, moments, case.facts, setting, calendar, fetch, sources=emitted)
        rows, wanted = found.rows, set(moments).__contains__
        assert len(fetches) <= FETCHES
        kept = set(rows)
        assert len(kept) == len(rows)
        share = random.random()
        more = tuple(one for one in case.events if one in kept or random.random() < share)
        by_answers = list(judge_in(rule, found.world, wanted, found.answers))
        by_rows = [judge_moments(policy, rule, Case(case.facts, events), setting, calendar, wanted, sources=emitted)
                   for events in (tuple(rows), more)]
        for judged in (by_answers, *by_rows):
            assert by_moment(judged) == {moment: whole[moment] for moment in moments}

    chosen = random.sample(list(whole), min(MOMENTS, len(whole)))
    for moment in chosen:
        check((moment,))
    check(chosen)
    return len(chosen)


@given(rules(), drawn.facts, traces(), as_ofs, some_sources, st.integers(0, 2 ** 32))
@settings(max_examples=RULES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_footprint_is_enough(rule: ir.Rule, facts: dict[str, Any], events: tuple[Event, ...], as_of: int,
                             emitted: Sources | None, seed: int) -> None:
    held_to_the_whole(rule, Case(facts, events), as_of, emitted, seed)


@given(st.one_of(wide.rules(), wide.rules(), wide.rules_at_large()), wide.trials(), st.integers(0, 2 ** 32))
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_footprint_of_wide_rules(rule: ir.Rule, trial: wide.Trial, seed: int) -> None:
    """Fields of all types, several keys, states of all kinds of values, clocks that change; and no trigger at all."""
    with suppress(Overflow, OutOfRange):  # an error of the case, which the whole trace may come upon and a part not
        held_to_the_whole(rule, trial.case, trial.as_of, trial.sources, seed, wide.policy(rule), trial.parameters,
                          trial.place.calendar)


def test_strategies_reach_everything() -> None:
    """The rules drawn above meet every verdict, so that agreement is not the agreement of empty answers."""
    found: set[str] = set()

    @given(rules(), drawn.facts, traces(), as_ofs)
    @settings(max_examples=RULES, database=None, derandomize=True,
              suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
    def meet(rule: ir.Rule, facts: dict[str, Any], events: tuple[Event, ...], as_of: int) -> None:
        if found == set(VERDICTS):
            return
        policy = replace(POLICY, rules=(rule,))
        found.update(one.verdict for one in judge(policy, Case(facts, events), Setting(as_of, {}), CALENDAR))

    meet()
    assert found == set(VERDICTS)


@given(rules(), drawn.facts, traces(), as_ofs)
@settings(max_examples=RULES // 2, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_footprint_is_small(rule: ir.Rule, facts: dict[str, Any], events: tuple[Event, ...], as_of: int) -> None:
    """No type that the rule does not name, and nobody else's rows where all of its patterns go by the user."""
    policy, setting = replace(POLICY, rules=(rule,)), Setting(as_of, {})
    named = list(named_by(rule))
    types_named = {one.event for one in named if isinstance(one, ir.Pattern)}
    if isinstance(rule.trigger, ir.OnEvent):
        types_named.update(rule.trigger.events)
    of_one_user = rule.keys == ("user",) and all(
        "user" in one.keys if isinstance(one, ir.Pattern) else not isinstance(one, ir.Get) or one.path != ("peer",)
        for one in named)
    for moment in list(by_moment(judge(policy, Case(facts, events), setting, CALENDAR)))[:MOMENTS]:
        rows = footprint(policy, rule, (moment,), facts, setting, CALENDAR, lambda asked: select(asked, events)).rows
        assert {one.type for one in rows} <= types_named
        if of_one_user and moment is not None:
            assert {one.fields["user"] for one in rows} <= {dict(moment.keys)["user"]}


def named_by(rule: ir.Rule) -> Iterator[Any]:
    """All nodes of a rule and of the states and episodes that it names, and that those name."""
    declared = {one.name: one for one in (*POLICY.states, *POLICY.episodes)}
    waiting: list[Any] = [rule]
    while waiting:
        for node in parts_of(waiting.pop()):
            yield node
            for name in ("state", "episode", "run"):
                if getattr(node, name, None) in declared:
                    waiting.append(declared.pop(getattr(node, name)))


spans = st.none() | st.integers(-3, 12)
reaches_drawn = st.lists(st.builds(
    lambda event, keys, first, last: Reach(event, tuple(sorted(keys.items())), first, last),
    st.sampled_from(["a", "b"]), st.dictionaries(st.sampled_from(["k", "l"]), st.none() | st.integers(0, 1)),
    spans, spans), max_size=8)


@given(reaches_drawn)
@settings(max_examples=RULES // 2)
def test_merged_reaches_select_the_same(asked: list[Reach]) -> None:
    """What `select` takes is what lies in one of them, before and after `merge`, which leaves none within another."""
    rows = [Event(kind, time, {name: value for name, value in (("k", k), ("l", other)) if value is not None})
            for kind in "abc" for time in range(-4, 14) for k in (None, 0, 1) for other in (None, 0, 1)]
    within = tuple(row for row in rows if any(lies_in(row, one) for one in asked))
    merged = merge(asked)
    assert select(asked, rows) == within
    assert select(merged, rows) == within
    assert merge(merged) == merged
    for one in merged:
        assert not any(other is not one and other.event == one.event and set(other.keys) <= set(one.keys)
                       and (other.first is None or (one.first is not None and other.first <= one.first))
                       and (other.last is None or (one.last is not None and other.last >= one.last))
                       for other in merged)


def lies_in(row: Event, reach: Reach) -> bool:
    return (row.type == reach.event and all(row.fields.get(name) == value for name, value in reach.keys)
            and (reach.first is None or reach.first <= row.time) and (reach.last is None or row.time <= reach.last))
