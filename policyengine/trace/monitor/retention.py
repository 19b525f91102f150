"""What a rule makes an online monitor keep, found from the policy alone.

In come a policy and its rules; out come, for each rule, the questions it asks of the past as `Need`s, the patterns it
waits for, the runs it asks about, and messages for what would have to be kept for ever. How rows are kept and thrown
away is not known here.

A row need not be kept once another row makes it needless (the latest that certainly matches, for `before`, states and
`latest`) or once no moment can reach it (a length of time, a calendar unit, the latest match of `since`, the run of
`during`). A past without either is unbounded: a condition that compares with the trigger otherwise than by `=`, by
`contains` in a list of the row, or by how old the row has to be; or a number over all of the past. Such a rule is
refused, unless what it would keep goes by a key that the policy forgets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, assert_never

from policyengine.base.calendar import Calendar
from policyengine.base.diagnostic import Diagnostic, error
from policyengine.base.instants import Period, period_text
from policyengine.base.record import record
from policyengine.base.source import Span
from policyengine.core import ir, types
from policyengine.core.candidates import link_of
from policyengine.core.case import Case, Sources
from policyengine.core.conditions import value_of
from policyengine.core.operators import TOO_LARGE
from policyengine.core.standing import World, at_large
from policyengine.core.verdict import Setting
from policyengine.core.walk import conjuncts, nodes

Node = TypeVar("Node")

# ---- what is kept -----------------------------------------------------------------------------------------------

@record
class Length:
    """Rows no farther back than a period; None: a period whose length nobody knows, which nothing is within."""

    period: Period | None


@record
class Unit:
    """Rows of the calendar unit."""

    unit: Literal["day", "week", "month", "year"]


@record
class After:
    """Rows since the latest certain match of a pattern."""

    pattern: ir.Pattern


@record
class Inside:
    """Rows of the run that goes on."""

    episode: str


Reach = Length | Unit | After | Inside | None


@record
class Need:
    """Rows of a pattern, for each value of its keys and of what `apart` tells them by.

    `which`: the latest row that decides (and what is newer), the first one, or every row; `reach` is how far back
    (None: no limit). A row decides where its `where` is true, or, if `unsure`, where it is not false. `carries`: a
    row that does not carry this field decides nothing. Rows of the last `lag` microseconds are all kept, since a mark
    is found when it is past. `age`: the `where` asks that a row is at least so many microseconds older than the moment,
    and asks nothing else of the moment but by `=`; once it is, it stays so, and until then it is kept.
    """

    pattern: ir.Pattern
    which: Literal["latest", "first", "every"]
    reach: Reach
    lag: int
    unsure: bool = False
    carries: tuple[str, ...] | None = None
    age: int | None = None

    def how_much(self) -> str:
        """The retention class, in words."""
        match self.reach:
            case _ if self.which != "every":
                equal = apart(self.pattern)
                if self.age is not None:
                    return f"events in {period_text(Period(self.age, 'microsecond'))}, and the latest before"
                return f"values of {', '.join('.'.join(one.path) for one, _ in equal)}" if equal else "constant"
            case Length():
                if self.reach.period is None:
                    return "nothing"
                return f"events in {period_text(self.reach.period)}" if self.reach.period.count else \
                    "events of one instant"
            case Unit():
                return f"events of the {self.reach.unit}"
            case After():
                return f"events since the latest {self.reach.pattern.event}"
            case Inside():
                return f"events of the run of {self.reach.episode}"
            case None:
                return "all events"
            case _:
                assert_never(self.reach)


@record
class Kept:
    """What a rule makes the monitor keep: `what` in the policy's words, `for_each` the keys it is kept for, `how_much`
    (`constant`, `values of target`, `events in 30 days`, `events since the latest use`, `events of the run of …`,
    `all events`)."""

    rule: str
    what: str
    for_each: tuple[str, ...]
    how_much: str


@record
class RunsAsked:
    """Runs of an episode that a rule asks about: those that reach into `reach` (None: all)."""

    episode: str
    reach: Reach
    lag: int


@record
class Ranged:
    """A question about a past range whose rows, which `need` keeps, need not all be looked at: that a row matches for
    certain is the same whoever asks, but for what tells rows `apart`."""

    asked: ir.Occurs | ir.CountEvents | ir.SumEvents
    need: Need


State = ir.InState | ir.StateValue


@record
class Plan:
    """What one rule asks. `past`: rows for the keys of the moment; `whole`: of these, what a moment has to see all of;
    `ranged`: what it is told in short; `states`: read at the moment; `waits`: patterns of the future; `runs`: episodes
    asked about."""

    rule: ir.Rule
    lag: int
    past: tuple[Need, ...]
    whole: tuple[Need, ...]
    ranged: tuple[Ranged, ...]
    states: tuple[State, ...]
    waits: tuple[ir.Pattern, ...]
    runs: tuple[RunsAsked, ...]


def plans(policy: ir.Policy, rules: Sequence[ir.Rule], facts: Mapping[str, Any], parameters: Mapping[str, Any],
          calendar: Calendar, sources: Sources | None) -> tuple[tuple[Plan, ...], tuple[Diagnostic, ...]]:
    """The plans of these rules, which have triggers, and why some cannot be monitored."""
    world = World.of(policy, Case(facts), Setting(0, parameters), calendar, sources)
    planners = [_Planner(rule, world) for rule in rules]
    return tuple(one.plan() for one in planners), tuple(found for one in planners for found in one.found)


def kept(plan: Plan, policy: ir.Policy) -> tuple[Kept, ...]:
    """The retention of a rule, in words, each line once."""
    rule, trigger = plan.rule, plan.rule.trigger
    rows: list[Kept] = []
    if isinstance(trigger, ir.OnEvent):
        if trigger.first:
            rows.append(Kept(rule.name, f"first {', '.join(trigger.events)}", rule.keys, "constant"))
    elif trigger is not None:
        keys = next(one.keys for one in (*policy.episodes, *policy.states) if one.name == trigger.run)
        rows.append(Kept(rule.name, f"runs of {trigger.run}", keys, "constant"))
    rows += (Kept(rule.name, one.pattern.event, one.pattern.keys, one.how_much()) for one in plan.past)
    for state in plan.states:
        declared = next(one for one in policy.states if one.name == state.state)
        rows.append(Kept(rule.name, declared.name, declared.keys, "constant"))
    for asked in plan.runs:
        need = Need(ir.Pattern(asked.episode, (), None), "every", asked.reach, 0)
        keys = next(one.keys for one in policy.episodes if one.name == asked.episode)
        rows.append(Kept(rule.name, f"runs of {asked.episode}", keys, "constant" if isinstance(asked.reach, Inside) else
                         need.how_much().replace("events", "runs")))
    rows += (Kept(rule.name, f"open duties, until {one.event}", one.keys, "while open") for one in plan.waits)
    return once(rows)


# ---- taking conditions apart ------------------------------------------------------------------------------------

def once(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Each of them once, in order. Not all have a hash: a constant may hold a list."""
    kept: dict[str, Node] = {}
    for node in nodes:
        kept.setdefault(repr(node), node)
    return tuple(kept.values())


def asks_trigger(expr: Any, keys: Sequence[str]) -> bool:
    """True when the answer depends on the moment that asks; not by `keys`, on which a candidate agrees with it."""
    for node in nodes(expr):
        match node:
            case ir.Get() if node.owner == ir.TRIGGER and not (len(node.path) == 1 and node.path[0] in keys):
                return True
            case (ir.InState() | ir.StateValue()) if node.at == ir.TRIGGER:
                return True
            case _:
                pass
    return False


_COMPARED_WHOLE = (types.Bool, types.Number, types.Text, types.Date, types.Instant, types.TimeOfDay)


def equalities(pattern: ir.Pattern) -> tuple[tuple[ir.Get, ir.Expr], ...]:
    """The conjuncts that say a candidate's field is `=` to a value of the moment: the field and the value."""
    return _links(pattern, listed=False)


def apart(pattern: ir.Pattern) -> tuple[tuple[ir.Get, ir.Expr], ...]:
    """What candidates are told apart by: the fields that are `=` to a value of the moment, and the lists that contain
    one."""
    return (*equalities(pattern), *_links(pattern, listed=True))


def _links(pattern: ir.Pattern, *, listed: bool) -> tuple[tuple[ir.Get, ir.Expr], ...]:
    found = []
    for link in map(link_of, conjuncts(pattern.where)):
        if link is not None and link.listed == listed:
            held = link.field.type.item if isinstance(link.field.type, types.ListOf) else link.field.type
            if (isinstance(held, _COMPARED_WHOLE) and listed == isinstance(link.field.type, types.ListOf)
                    and link.field.path != ("time",) and asks_trigger(link.asked, pattern.keys)):
                found.append((link.field, link.asked))
    return tuple(found)


def own_conditions(pattern: ir.Pattern) -> tuple[ir.Expr, ...]:
    """The conjuncts that a candidate answers whoever asks."""
    return tuple(one for one in conjuncts(pattern.where) if not asks_trigger(one, pattern.keys))


def mixed(pattern: ir.Pattern) -> bool:
    """True when candidates are compared with the moment otherwise than by `=`."""
    return len(own_conditions(pattern)) + len(equalities(pattern)) < sum(1 for _ in conjuncts(pattern.where))


def endless(pattern: ir.Pattern) -> bool:
    """True when candidates are compared with the moment by more than what tells them `apart`."""
    return len(own_conditions(pattern)) + len(apart(pattern)) < sum(1 for _ in conjuncts(pattern.where))


def states_in(where: ir.Expr | None) -> tuple[State, ...]:
    """All states that a condition reads, once each."""
    return once(one for one in nodes(where) if isinstance(one, State))


def states_read(where: ir.Expr | None) -> tuple[State, ...]:
    """The states that a condition on a candidate reads at the candidate."""
    return tuple(one for one in states_in(where) if one.at == ir.CANDIDATE)


def state_needs(state: ir.BooleanState | ir.ValuedState, lag: int) -> tuple[Need, ...]:
    """What a state is read from."""
    if isinstance(state, ir.BooleanState):
        return tuple(Need(one, "latest", None, lag) for one in (*state.starts, *state.ends))
    return tuple(Need(one.pattern, "latest", None, lag, True, None if one.default is not None else one.path)
                 for tier in state.tiers for one in tier)


# ---- one rule ---------------------------------------------------------------------------------------------------

class _Planner:
    """The questions of one rule, in the order in which they are met."""

    def __init__(self, rule: ir.Rule, world: World) -> None:
        self.rule, self.world = rule, world
        self.lag = self._lag()
        self.past: list[Need] = []
        self.whole: list[Need] = []
        self.ranged: list[Ranged] = []
        self.states: list[State] = []
        self.waits: list[ir.Pattern] = []
        self.runs: list[RunsAsked] = []
        self.found: list[Diagnostic] = []
        scope = world.policy.scope_of(rule)
        parts = (scope, rule.when, tuple(one.condition for one in rule.unless),
                 tuple(one.condition for one in rule.must))
        for node in nodes(parts):
            self._node(node)
        if isinstance(rule.trigger, ir.OnEvent):
            self.states += states_in(rule.trigger.where)

    def plan(self) -> Plan:
        return Plan(self.rule, self.lag, once(self.past), once(self.whole), tuple(self.ranged), once(self.states),
                    once(self.waits), once(self.runs))

    def _lag(self) -> int:
        """How long after its instant a moment of the rule may be found."""
        trigger = self.rule.trigger
        if not isinstance(trigger, ir.OnEvery | ir.OnWithout):
            return 0
        if trigger.run not in self.world.episodes:
            return 1
        gap = self._length(self.world.episodes[trigger.run].gap)
        return 0 if gap is None else gap.count

    def _length(self, expr: ir.Expr) -> Period | None:
        try:
            value = value_of(expr, at_large(self.world), self.world).value
        except TOO_LARGE:
            return None  # nothing is within it: who asks gets no answer
        return value if isinstance(value, Period) else None

    def _node(self, node: Any) -> None:
        match node:
            case ir.InState() | ir.StateValue() if node.at == ir.TRIGGER:
                self.states.append(node)
            case ir.Occurs():
                self._occurs(node)
            case ir.CountEvents() | ir.SumEvents():
                self._reached(node, "every")
            case ir.Latest():
                self._need(Need(node.pattern, "latest", None, self.lag, True), node.span)
            case ir.EpisodeDuration():
                reach = self._reach(node.range, node.span)
                if reach is None and not self._forgotten(self.world.episodes[node.episode].keys):
                    self._refuse(f"adds up all earlier runs of `{node.episode}`", node.span)
                keys = self.world.episodes[node.episode].keys
                if isinstance(reach, After) and not self._seen(reach.pattern.event):
                    # The evaluator leaves it open where anything at all happened before the source was complete.
                    self._refuse(f"adds up runs of `{node.episode}` since a `{reach.pattern.event}`, of which not all "
                                 "are seen", node.span)
                if isinstance(reach, After) and not set(reach.pattern.keys) <= set(keys):
                    self._refuse(f"adds up runs of `{node.episode}` since a `{reach.pattern.event}` of another key",
                                 node.span)
                self.runs.append(RunsAsked(node.episode, reach, self.lag))
            case _:
                pass

    def _occurs(self, node: ir.Occurs) -> None:
        match node.range:
            case ir.Within() | ir.By():
                self._wait(node.pattern)
            case ir.NoLaterThan():
                self._wait(node.pattern)
                # Of what was before or is in time the first answers; where the period is missing, the latest before.
                self._need(Need(node.pattern, "first", None, self.lag), node.span)
                self._need(Need(node.pattern, "latest", None, self.lag), node.span)
            case ir.Before():
                self._need(Need(node.pattern, "latest", None, self.lag, age=self._age(node.pattern)), node.span)
            case ir.WithinLast() | ir.This():
                self._reached(node, "latest")
            case ir.Since() if node.range.pattern.where is None and self._seen(node.range.pattern.event):
                # Where the start of the range is certain, only the latest match can be after it.
                self._reached(node, "latest")
            case ir.Since() | ir.During():
                self._reached(node, "every")
            case _:
                assert_never(node.range)

    def _age(self, pattern: ir.Pattern) -> int | None:
        """How old a match has to be, where that is all it is asked of the moment but by `=`."""
        equal = [value for _, value in apart(pattern)]
        ages = []
        for one in conjuncts(pattern.where):
            match one:
                case _ if not asks_trigger(one, pattern.keys):
                    pass
                case ir.Apply("=" | "contains" | "in", arguments) if any(value in equal for value in arguments):
                    pass
                case ir.Apply(">=" | ">", (ir.Apply("instant -", (ir.Get(ir.TRIGGER, ("time",)),
                                                                  ir.Get(ir.CANDIDATE, ("time",)))), least)) if (
                        not any(isinstance(node, ir.Get | ir.Today | State) for node in nodes(least))):
                    length = self._length(least)
                    if length is None or not length.is_elapsed:
                        return None
                    ages.append(length.count)
                case _:
                    return None
        return max(ages, default=None)

    def _wait(self, pattern: ir.Pattern) -> None:
        self.waits.append(pattern)
        if self.lag:
            self._keep(Need(pattern, "every", Length(Period(0, "microsecond")), self.lag))

    def _reached(self, asked: ir.Occurs | ir.CountEvents | ir.SumEvents, which: Literal["latest", "every"]) -> None:
        pattern, range, span = asked.pattern, asked.range, asked.span
        reach = self._reach(range, span)
        if which == "latest" and endless(pattern):
            which = "every"
        if isinstance(range, ir.Before | ir.NoLaterThan) and not self._forgotten(pattern.keys):
            self._refuse(f"counts all earlier `{pattern.event}`", span)
        if isinstance(reach, After) and not set(reach.pattern.keys) <= set(pattern.keys):
            self._refuse(f"asks about every `{pattern.event}` since a `{reach.pattern.event}` of one "
                         f"`{reach.pattern.keys[0]}`", span)
        need = Need(pattern, which, reach, self.lag)
        short = which == "every" and not endless(pattern) and all(
            get.owner in (ir.TRIGGER, ir.CANDIDATE) for get in nodes(asked) if isinstance(get, ir.Get))
        self._need(need, span, whole=not short)
        if short:
            self.ranged.append(Ranged(asked, need))

    def _reach(self, range: ir.Range, span: Span) -> Reach:
        match range:
            case ir.WithinLast():
                if asks_trigger(range.period, ()) or any(isinstance(one, ir.Today | State)
                                                         for one in nodes(range.period)):
                    self._refuse("looks back for a time that each moment gives anew", span)
                    return None
                return Length(self._length(range.period))
            case ir.This():
                return Unit(range.unit)
            case ir.Since():
                if asks_trigger(range.pattern.where, range.pattern.keys):
                    self._refuse("compares the event after `since` with the moment", span)
                if not self._emitted(range.pattern.event):
                    self._refuse(f"looks back to the latest `{range.pattern.event}`, which no source emits", span)
                self._keep(Need(range.pattern, "latest", None, self.lag))
                return After(range.pattern)
            case ir.During():
                episode = self.world.episodes[range.episode]
                unseen = [one.event for one in (*episode.events, *episode.ends) if not self._emitted(one.event)]
                if unseen:
                    self._refuse(f"asks about runs of `{range.episode}`, and no source emits `{unseen[0]}`", span)
                self.runs.append(RunsAsked(range.episode, Inside(range.episode), self.lag))
                return Inside(range.episode)
            case ir.Before() | ir.NoLaterThan() | ir.Within() | ir.By():
                return None
            case _:
                assert_never(range)

    def _keep(self, need: Need, *, whole: bool = True) -> None:
        self.past.append(need)
        if whole:
            self.whole.append(need)

    def _need(self, need: Need, span: Span, *, whole: bool = True) -> None:
        self._keep(need, whole=whole)
        pattern = need.pattern
        if need.which != "every" and endless(pattern) and need.age is None and not self._forgotten(pattern.keys):
            self._refuse(f"compares every earlier `{pattern.event}` with the moment otherwise than by `=` or "
                         "`contains`", span)
        if any(asks_trigger(tuple(value for _, value in state.keys), pattern.keys)
               for state in states_read(pattern.where)):
            self._refuse(f"reads a state of the moment's key at every earlier `{pattern.event}`", span)

    def _emitted(self, event: str) -> bool:
        return self.world.sources is None or event in self.world.sources.complete

    def _seen(self, event: str) -> bool:
        return not self.world.gap_in_history(event, None)

    def _forgotten(self, keys: Sequence[str]) -> bool:
        return any(one.key in keys for one in self.world.policy.forgets)

    def _refuse(self, why: str, span: Span) -> None:
        self.found.append(error(
            "unbounded-retention", f"`{self.rule.name}` {why}, which a monitor would have to keep for ever", span,
            "has no limit", help="say how far back with `within the last …` or `this month`, or `forget` a key"))
