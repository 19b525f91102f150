"""Rules judged over a trace that an engine holds: counts for all moments, judgements for those to be reported.

In come a policy, a service's facts and a store of events; out come counts and judgements by rule. Which engine holds
the events (DuckDB, Spark) is the store's own; how results are worded is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, groupby
from typing import Any

from policyengine.base.ahead import ahead
from policyengine.base.calendar import Calendar
from policyengine.base.progress import Progress, silent
from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.case import Case, Sources
from policyengine.core.evaluate import judge, judge_in
from policyengine.core.standing import Reach
from policyengine.core.verdict import VERDICTS, Judgement, Setting, Verdict
from policyengine.core.walk import nodes
from policyengine.trace.columns import Column, Unsupported, key_columns, needs
from policyengine.trace.engines.engine import Engine, Rows
from policyengine.trace.engines.explain import TOGETHER, About, Found, TooManyRows, explain
from policyengine.trace.engines.footprint import footprint
from policyengine.trace.plan.calendars import Horizon
from policyengine.trace.plan.plan import Guard, Known, Plan, TooManyPairs, plan
from policyengine.trace.plan.shared import shared
from policyengine.workspace.extent import WHOLE, Extent

MEANWHILE = 60
"""While the engine runs the next rules, moments are explained as soon as there are so many for each of these rules:
fewer would not be worth what it takes to fetch their rows, but the last are all that is left to do in the end."""

MOST_ROWS = 200_000
"""More rows than these are not read to explain one finding, nor to judge a rule that no column can answer."""


@dataclass
class Store:
    """A trace that an engine holds. `first` and `last` are instants of its events (UTC microseconds), `ties` whether
    any two share time and sequence, `filled` the columns that no row of a type lacks, `tables` where the events of a
    type stand (by default in `events`, with all)."""

    engine: Engine
    needs: Mapping[str, Sequence[Column]]
    places: Mapping[str, int]
    key_types: Mapping[str, types.Type]
    files: Sequence[str]
    first: int
    last: int
    ties: bool
    filled: Mapping[str, frozenset[str]]
    tables: Mapping[str, str] = field(default_factory=dict)
    horizons: dict[str, Horizon] = field(default_factory=dict)
    tied: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict)

    def horizon(self, calendar: Calendar, as_of: int) -> Horizon:
        """The days that rules may ask about."""
        key = calendar.zone
        if key not in self.horizons:
            self.horizons[key] = Horizon.of(calendar, min(self.first, as_of), as_of)
        return self.horizons[key]

    def tied_by(self, policy: ir.Policy) -> Mapping[str, frozenset[tuple[str, str]]]:
        """Of the keys of a policy's patterns, the types of events that share an instant; see `Engine.tied`."""
        have = {column.name for columns in self.needs.values() for column in columns}
        names = {key for node in nodes((policy.rules, policy.states, policy.episodes)) if isinstance(node, ir.Pattern)
                 for key in node.keys}
        keys = [key for key in key_columns(sorted(names - self.tied.keys()), self.key_types) if key.name in have]
        if self.ties and keys:
            self.tied.update(self.engine.tied(keys, self.places))
        return self.tied


@record
class Judged:
    """What came out of one rule: counts of all its moments, how many verdicts rest on a tie, judgements of those that
    are reported; `gap` says why no column could answer, `refused` why nothing was judged."""

    rule: ir.Rule
    counts: Mapping[Verdict, int]
    ties: int = 0
    judgements: tuple[Judgement, ...] = ()
    gap: str = ""
    refused: Guard | None = None
    size: int = 0


@record
class Question:
    """What is asked of a store: a policy about one service. `force`: moments from its start up to, not including, its
    end. `wanted` verdicts are reported, of each the earliest, to the extent of `told` (by default all)."""

    policy: ir.Policy
    facts: Mapping[str, Any]
    service: str | None
    setting: Setting
    calendar: Calendar
    sources: Sources | None
    force: tuple[int | None, int | None]
    wanted: tuple[Verdict, ...]
    told: Mapping[Verdict, Extent] = field(default_factory=dict)

    def most(self, verdict: Verdict, number: int) -> int:
        """How many of so many moments of a rule are told."""
        extent = self.told.get(verdict, WHOLE)
        return number if number <= extent.most else extent.of_more


def judge_stored(store: Store, asked: Question, once: Sequence[ir.Rule], moments: Sequence[ir.Rule],
                 progress: Progress = silent) -> Generator[Judged, None, None]:
    """Rules without a trigger (`once`) and rules about moments, one after the other; `progress` hears of the latter.

    Raises `operators.Overflow` and `calendar.OutOfRange` as the evaluator does.
    """
    rows = store.engine.rows(store.needs, store.places, store.files, store.key_types, asked.service, MOST_ROWS,
                             store.tables)
    for rule in once:
        yield _judge_once(rule, asked, rows)
    as_of = asked.setting.as_of
    known = Known(asked.policy, asked.facts, asked.setting.parameters, asked.calendar, as_of, store.places,
                  store.horizon(asked.calendar, as_of), asked.sources, asked.service, store.ties, store.filled,
                  *asked.force, store.key_types, store.tables, store.tied_by(asked.policy))
    plans: list[_Planned] = []
    for rule in moments:
        # What is said of the rule as a whole, where nobody emits its trigger, needs no trace.
        whole = [*judge(asked.policy, Case(asked.facts), asked.setting, asked.calendar, sources=asked.sources,
                        rules=[rule.name])]
        if whole and not isinstance(rule.trigger, ir.OnEvent):
            yield _tallied(rule, whole, asked)
            continue
        try:
            plans.append((rule, plan(rule, known), whole))
        except Unsupported as gap:
            plans.append((rule, str(gap), whole))
    together = iter(shared([made for _, made, _ in plans if isinstance(made, Plan)]))
    plans = [(rule, next(together) if isinstance(made, Plan) else made, whole) for rule, made, whole in plans]
    store.engine.prepare([lookup for _, made, _ in plans if isinstance(made, Plan) for lookup in made.lookups],
                         known.horizon, asked.calendar)
    progress("rules", 0, len(plans))
    done = count(1)

    def judged(engine: Engine, of: _Planned) -> _Run:
        found = _run(engine, *of, asked)
        progress("rules", next(done), len(plans))
        return found

    meanwhile = TOGETHER
    runs: Generator[_Run, None, None] = (judged(store.engine, of) for of in plans)
    if store.engine.aside is not None:
        runs = ahead(plans, [partial(judged, one) for one in store.engine.each()], lambda run: run.whys, TOGETHER)
        meanwhile = MEANWHILE
    waiting: list[_Run] = []
    with closing(runs):
        for left, run in zip(reversed(range(len(plans))), runs, strict=True):
            waiting.append(run)
            # Rows are fetched for several rules at once; the last rule leaves none to be waited for.
            if sum(run.whys for run in waiting) >= min(TOGETHER, meanwhile * left):
                yield from _explained(waiting, asked, rows, store)
                waiting = []


_Planned = tuple[ir.Rule, Plan | str, Sequence[Judgement]]
"""A rule, its plan or why there is none, and what was judged without a trace."""


@record
class _Run:
    """What columns say of a rule: `judged` is all but the moments that are still to be explained; with a `gap`, nothing
    yet."""

    judged: Judged
    found: tuple[Found, ...] = ()

    @property
    def whys(self) -> int:
        """How many are to be explained."""
        return sum(one.why for one in self.found)


def _run(engine: Engine, rule: ir.Rule, made: Plan | str, whole: Sequence[Judgement], asked: Question) -> _Run:
    if isinstance(made, str):
        return _Run(Judged(rule, {}, gap=made))
    try:
        counted = engine.run(made, asked.wanted)
    except TooManyPairs as refused:
        return _Run(Judged(rule, {}, refused=refused.guard, size=refused.pairs))
    except Unsupported as gap:  # not of columns as such, but of this engine
        return _Run(Judged(rule, {}, gap=str(gap)))
    counts = {verdict: n + sum(one.verdict == verdict for one in whole) for verdict, n in counted.counts.items()}
    hard = engine.found(counted, hard=True) if counted.hard else []
    most = {verdict: asked.most(verdict, number) for verdict, number in counted.counts.items()}
    told = engine.found(counted, hard=False, most=most) if any(
        counted.counts[verdict] for verdict in asked.wanted) else []
    engine.tell(asked.policy, counted)
    engine.done(counted)
    listed = tuple(one for one in whole if one.verdict in asked.wanted)
    return _Run(Judged(rule, counts, counted.ties, listed), (*hard, *_asked_why(told, counted.counts, asked)))


def _asked_why(told: Sequence[Found], counts: Mapping[Verdict, int], asked: Question) -> list[Found]:
    """The moments found, with which of them are explained."""
    result: list[Found] = []
    for verdict, group in groupby(told, lambda one: one.verdict):
        ones = list(group)
        assert verdict is not None
        all_told = verdict == "undecided" and counts[verdict] == len(ones)
        whys = len(ones) if all_told else asked.told.get(verdict, WHOLE).whys
        result += [*ones[:whys], *(replace(one, why=False) for one in ones[whys:])]
    return result


def _explained(waiting: Sequence[_Run], asked: Question, rows: Rows, store: Store) -> Iterator[Judged]:
    """The rules with the judgements of their moments; what columns could not judge is judged and counted now. Where
    such a moment rests on more rows than can be read, its rule is not judged."""
    about = About(asked.policy, asked.facts, asked.setting, asked.calendar, asked.sources)
    told: dict[str, list[Judgement]] = {run.judged.rule.name: list(run.judged.judgements) for run in waiting}
    added: Counter[tuple[str, Verdict]] = Counter()
    ties: Counter[str] = Counter()
    try:
        explained = [*explain(about, [(run.judged.rule, one) for run in waiting for one in run.found], rows)]
    except TooManyRows:
        if len(waiting) == 1:
            yield Judged(waiting[0].judged.rule, {}, gap="what no column can say of some moment", size=MOST_ROWS)
        else:
            for run in waiting:
                yield from _explained([run], asked, rows, store)
        return
    places = {id(one): place for run in waiting for place, one in enumerate(run.found)}
    for found, judgement in sorted(explained, key=lambda one: places[id(one[0])]):
        if found.verdict is None:
            added[judgement.rule, judgement.verdict] += 1
            ties[judgement.rule] += judgement.tie
        if judgement.verdict in asked.wanted:
            told[judgement.rule].append(judgement)
    store.engine.tell_judged(asked.policy, [one for found, one in explained
                                            if found.verdict is None and one.verdict in asked.wanted])
    for run in waiting:
        one, name = run.judged, run.judged.rule.name
        if one.gap:
            yield _judge_rows(store, one.rule, one.gap, asked, rows)
            continue
        counts = {verdict: n + added[name, verdict] for verdict, n in one.counts.items()}
        yield replace(one, counts=counts, ties=one.ties + ties[name], judgements=_earliest(told[name], counts, asked))


def _judge_once(rule: ir.Rule, asked: Question, rows: Rows) -> Judged:
    """A rule about the service as a whole, which may ask about its past events."""
    try:
        have = footprint(asked.policy, rule, [None], asked.facts, asked.setting, asked.calendar, rows.fetch,
                         sources=asked.sources)
    except TooManyRows:
        return Judged(rule, {}, gap="the past of the whole service", size=MOST_ROWS)
    return _tallied(rule, [*judge_in(rule, have.world, lambda moment: moment is None, have.answers)], asked)


def _judge_rows(store: Store, rule: ir.Rule, gap: str, asked: Question, rows: Rows) -> Judged:
    """A rule that no column can answer, by the evaluator on all rows of the types it names."""
    every = [Reach(event, (), None, None) for event in needs(asked.policy, [rule], store.key_types)]
    try:
        have = rows.fetch(every)
    except TooManyRows:
        return Judged(rule, {}, gap=gap, size=MOST_ROWS)
    start, end = asked.force
    found = judge(asked.policy, Case(asked.facts, tuple(have)), asked.setting, asked.calendar, sources=asked.sources,
                  rules=[rule.name], start=start, end=end)
    store.engine.tell_judged(asked.policy, [one for one in found
                                            if one.moment is not None and one.verdict in asked.wanted])
    told = _tallied(rule, found, asked)
    return Judged(rule, told.counts, told.ties, told.judgements, gap)


def _tallied(rule: ir.Rule, found: Sequence[Judgement], asked: Question) -> Judged:
    counts: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
    for judgement in found:
        counts[judgement.verdict] += 1
    return Judged(rule, counts, sum(one.tie for one in found),
                  _earliest([one for one in found if one.verdict in asked.wanted], counts, asked))


def _earliest(found: Sequence[Judgement], counts: Mapping[Verdict, int], asked: Question) -> tuple[Judgement, ...]:
    """Those that are told of each verdict."""
    kept: Counter[Verdict] = Counter()
    result = []
    for one in sorted(found, key=lambda one: one.due or (one.moment.time if one.moment else 0)):
        kept[one.verdict] += 1
        if kept[one.verdict] <= asked.most(one.verdict, counts[one.verdict]):
            result.append(one)
    return tuple(result)
