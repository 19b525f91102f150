"""Random policies over events, and random traces to judge, for the laws of the language and for comparing engines.

Everything is small on purpose: two users, four event types, times that often tie, values that are often missing. The
policies use every question about the trace, every trigger and every kind of state, and are well typed by construction.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from policyengine.base.calendar import Calendar
from policyengine.core import ir, types
from policyengine.core.case import Case, Event, in_order
from policyengine.core.ir import CANDIDATE, TRIGGER

SECOND = 1_000_000
HOUR = 3600 * SECOND
START = 1_780_000_000 * SECOND
EVENTS = ("alert", "notice", "reply", "use")
USERS = ("u1", "u2")
CALENDAR = Calendar("Asia/Shanghai")

ELAPSED = ("1 second", "2 seconds", "5 seconds", "30 minutes")
LEGAL = ("1 day", "2 days", "1 month")
periods = st.sampled_from(ELAPSED + LEGAL).map(
    lambda text: ir.Constant(text, types.Period("elapsed" if "second" in text or "minute" in text else
                                                "month" if "month" in text else "day")))
elapsed = st.sampled_from(ELAPSED).map(lambda text: ir.Constant(text, types.Period("elapsed")))

FACT_FLAG = ir.Fact(("service", "flag"), types.Bool())
FACT_NUMBER = ir.Fact(("service", "number"), types.Number(integer=True))


def get(owner: str, name: str) -> ir.Get:
    """A field of an event: `flag` is a boolean, `number` an integer, `kind` a text."""
    kinds: dict[str, types.Type] = {"flag": types.Bool(), "number": types.Number(integer=True)}
    return ir.Get(owner, (name,), kinds.get(name, types.Text()))


def compare(left: ir.Expr, operator: str, right: ir.Expr) -> ir.Apply:
    """A comparison."""
    return ir.Apply(operator, (left, right), types.Bool())


small = st.integers(0, 2).map(lambda value: ir.Constant(value, types.Number(integer=True)))
orderings = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
kinds = st.sampled_from(["p", "q"])


@st.composite
def wheres(draw: st.DrawFn, owner: str = CANDIDATE, states: bool = True) -> ir.Expr:
    """A condition on a candidate, perhaps with the trigger's fields and a state read at the candidate."""
    choice = draw(st.integers(0, 6 if states else 4))
    if choice == 0:
        return get(owner, "flag")
    if choice == 1:
        return compare(get(owner, "number"), draw(orderings), draw(small))
    if choice == 2:
        return compare(get(owner, "kind"), "=", ir.Constant(draw(kinds), types.Text()))
    if choice == 3:
        return FACT_FLAG
    if choice == 4:
        return ir.Not(get(owner, "flag"))
    if choice == 5:
        return ir.And((get(owner, "flag"), compare(get(owner, "number"), "<=", draw(small))))
    return in_state(owner)


def in_state(at: str) -> ir.InState:
    """Whether `consent` holds for the user of the trigger or the candidate."""
    return ir.InState("consent", at, (("user", get_user(at)),))


def get_user(owner: str) -> ir.Get:
    """The key `user`."""
    return ir.Get(owner, ("user",), types.Text())


def patterns(*, event: str | None = None) -> st.SearchStrategy[ir.Pattern]:
    """Candidates of the trigger's user or of any."""
    names = st.just(event) if event else st.sampled_from(EVENTS)
    return st.builds(ir.Pattern, names, st.sampled_from([("user",), ("user",), ()]), st.none() | wheres())


past_ranges: st.SearchStrategy[ir.Range] = st.one_of(
    st.just(ir.Before()), st.builds(ir.WithinLast, periods), st.builds(ir.Since, patterns()),
    st.builds(ir.This, st.sampled_from(["day", "week", "month", "year"])), st.just(ir.During("session")))
future_ranges: st.SearchStrategy[ir.Range] = st.one_of(
    st.builds(ir.Within, periods), st.builds(ir.NoLaterThan, periods),
    st.builds(lambda period: ir.By(ir.Apply("+", (ir.Get(TRIGGER, ("time",), types.Instant()), period),
                                            types.Instant())), periods))


@st.composite
def conditions(draw: st.DrawFn, *, future: bool, depth: int = 2) -> ir.Expr:
    """A condition at a moment, with questions about the past and, if allowed, the future."""
    choice = draw(st.integers(0, 12 if depth else 8))
    if choice <= 1:
        ranges = future_ranges if future else past_ranges
        return ir.Occurs(draw(patterns()), draw(ranges))
    if choice == 2:
        return ir.Occurs(draw(patterns()), draw(past_ranges))
    if choice == 3:
        return compare(ir.CountEvents(draw(patterns()), draw(past_ranges)), draw(orderings), draw(small))
    if choice == 4:
        total = ir.SumEvents(draw(patterns()), ("number",), draw(past_ranges), types.Number(integer=True))
        return compare(total, draw(orderings), draw(small))
    if choice == 5:
        simple: list[ir.Expr] = [FACT_FLAG, in_state(TRIGGER), ir.Present(get(TRIGGER, "number"))]
        return draw(st.sampled_from(simple))
    if choice == 6:
        level = ir.StateValue("level", TRIGGER, (("user", get_user(TRIGGER)),), types.Number(integer=True))
        return compare(level, draw(orderings), draw(small))
    if choice == 7:
        latest = ir.Latest(draw(patterns()), ("number",), types.Number(integer=True))
        return compare(latest, draw(orderings), FACT_NUMBER)
    if choice == 8:
        return compare(ir.EpisodeDuration("session", ir.This("day")), ">",
                       ir.Constant("2 seconds", types.Period("elapsed")))
    if choice == 9:
        return ir.Not(draw(conditions(future=future, depth=depth - 1)))
    parts = (draw(conditions(future=future, depth=depth - 1)), draw(conditions(future=future, depth=depth - 1)))
    return ir.And(parts) if choice <= 10 else ir.Or(parts)


@st.composite
def triggers(draw: st.DrawFn, *, marks: bool = True) -> ir.Trigger:
    """Any trigger; without `marks`, an event."""
    choice = draw(st.integers(0, 6 if marks else 2))
    if choice <= 2:
        names = tuple(draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2, unique=True)))
        return ir.OnEvent(names, draw(st.booleans()), draw(st.none() | wheres(states=False)))
    run = draw(st.sampled_from(["session", "consent"]))
    # A state may hold for months: a mark every second of it would be millions.
    period = draw(elapsed if run == "session" else periods.filter(lambda one: "second" not in str(one.value)))
    if choice == 3:
        return ir.OnEvery(period, run)
    if choice == 4:
        return ir.OnWithout(period, run, draw(patterns().filter(lambda pattern: pattern.keys == ("user",))))
    return ir.OnStart(run)


STATES: tuple[ir.BooleanState | ir.ValuedState, ...] = (
    ir.BooleanState("consent", ("user",), (ir.Pattern("reply", ("user",), None),),
                    (ir.Pattern("alert", ("user",), ir.Get(CANDIDATE, ("flag",), types.Bool())),), None),
    ir.ValuedState("level", ("user",), (
        (ir.StateSource(ir.Pattern("notice", ("user",), None), ("number",)),),
        (ir.StateSource(ir.Pattern("use", ("user",), None), ("number",)),)), types.Number(integer=True)),
)
EPISODE = ir.Episode("session", ("user",), (ir.Pattern("use", ("user",), None), ir.Pattern("reply", ("user",), None)),
                     ir.Constant("2 seconds", types.Period("elapsed")), (ir.Pattern("alert", ("user",), None),))


@st.composite
def rules(draw: st.DrawFn, name: str = "rule") -> ir.Rule:
    """A rule with a trigger; at a mark the trigger has no fields but `user` and `time`."""
    trigger = draw(triggers())
    plain = isinstance(trigger, ir.OnEvent)

    def safe(expr: ir.Expr) -> bool:
        return plain or not _reads_trigger_fields(expr)

    must = draw(conditions(future=True).filter(safe))
    when = draw(st.lists(conditions(future=False, depth=1).filter(safe), max_size=1))
    unless = draw(st.lists(conditions(future=False, depth=1).filter(safe), max_size=1))
    return ir.Rule(name, "", (), "other", "error", ("user",), trigger, tuple(when), (ir.Must(must, False),),
                   tuple(ir.Unless(one, ()) for one in unless), "")


def _reads_trigger_fields(expr: Any) -> bool:
    if isinstance(expr, ir.Get) and expr.owner == TRIGGER and expr.path not in (("user",), ("time",)):
        return True
    if isinstance(expr, tuple):
        return any(_reads_trigger_fields(one) for one in expr)
    if hasattr(expr, "__dataclass_fields__"):
        return any(_reads_trigger_fields(getattr(expr, name)) for name in expr.__dataclass_fields__)
    return False


def renamed(rule: ir.Rule, name: str) -> ir.Rule:
    """The same rule under another name."""
    return replace(rule, name=name)


def policy(*policy_rules: ir.Rule) -> ir.Policy:
    """A policy of these rules with the states and the episode they may name."""
    return ir.Policy("test/laws", "1", "test", None, None, (), STATES, (EPISODE,), policy_rules, (), ())


TIMES = tuple(START + offset for offset in (
    0, SECOND, 2 * SECOND, 2 * SECOND + 1, 3 * SECOND, 4 * SECOND, 7 * SECOND, HOUR // 2, HOUR // 2 + 1, 24 * HOUR,
    25 * HOUR, 49 * HOUR, 31 * 24 * HOUR))


@st.composite
def events(draw: st.DrawFn, max_size: int = 9) -> tuple[Event, ...]:
    """A trace in order, with ties, missing fields and explicit nulls."""
    rows = []
    for row in range(draw(st.integers(0, max_size))):
        kind = draw(st.sampled_from(EVENTS))
        fields: dict[str, Any] = {"user": draw(st.sampled_from(USERS))}
        for name, values in (("flag", st.booleans()), ("number", st.integers(0, 2)), ("kind", kinds)):
            value = draw(st.none() | values)
            if value is not None or draw(st.booleans()):
                fields[name] = value
        rows.append(Event(kind, draw(st.sampled_from(TIMES)), fields, None, None, "t", row + 1, EVENTS.index(kind)))
    return in_order(rows)


def full_traces(least: int = 12, most: int = 28) -> st.SearchStrategy[tuple[Event, ...]]:
    """The same from a seed: most that are drawn are short, and give hardly a moment and never a tie."""
    return st.builds(_full_trace, st.integers(0, 2 ** 32), st.integers(least, most))


def _full_trace(seed: int, size: int) -> tuple[Event, ...]:
    chance = Random(seed)
    near = TIMES if chance.random() < 0.5 else TIMES[:chance.randrange(3, len(TIMES))]
    rows = []
    for row in range(size):
        kind = chance.choice(EVENTS)
        fields: dict[str, Any] = {"user": chance.choice(USERS)}
        for name, values in (("flag", (True, False)), ("number", (0, 1, 2)), ("kind", ("p", "q"))):
            if chance.random() < 0.8:
                fields[name] = chance.choice((*values, None))
        sequence = chance.choice((None, None, None, 0, 1))
        rows.append(Event(kind, chance.choice(near), fields, None, sequence, "t", row + 1, EVENTS.index(kind)))
    return in_order(rows)


facts = st.fixed_dictionaries({"service": st.fixed_dictionaries({}, optional={
    "flag": st.booleans(), "number": st.integers(0, 2)})})
cases = st.builds(Case, facts, events())
OVER = TIMES[-1] + 40 * 24 * HOUR
instants = st.sampled_from(TIMES + tuple(time + 5 * SECOND for time in TIMES) + (OVER,))
