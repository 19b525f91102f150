"""Random rules over wide events, and random traces for them, to compare engines that judge traces.

Where `trace_strategies` has every question in its simplest form, here the fields have all types, patterns compare with
the trigger, states and episodes have several keys, expire and end by other events, zones change their clocks, and what
the sources show has gaps. A trace is drawn by its size and a seed: drawing each value by hypothesis would take most of
the time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from policyengine.base.calendar import Calendar, WorkingDays
from policyengine.base.instants import parse_instant
from policyengine.base.record import record
from policyengine.core import ir
from policyengine.core.case import Case, Event, Sources, in_order
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.types import (
    Bool,
    Date,
    Field,
    Instant,
    ListOf,
    Number,
    Period,
    Record,
    Text,
    TimeOfDay,
    Type,
)
from tests.support import core_strategies as core
from tests.support.core_strategies import DAYS, HOURS, INTEGER, MONTHS, NUMBER, Scope, expression

Draw = Callable[..., Any]

EVENTS = ("alert", "notice", "reply", "use")
BOOL = Bool()
USERS = ("u1", "u2", "u3")
PURPOSE = Text(("ads", "train"))
KIND = Text(("text", "image", "video"))
KEYS = (Field("user", Text(), required=True), Field("purpose", PURPOSE, required=True))
TIME = Field("time", Instant(), required=True)

EVENT = Record((
    *KEYS, TIME,
    Field("due", Date(), required=True),
    Field("flag", Bool()),
    Field("number", INTEGER),
    Field("amount", NUMBER),
    Field("level", INTEGER, default=1),
    Field("kind", KIND),
    Field("name", Text()),
    Field("on", Date()),
    Field("at", Instant()),
    Field("length", HOURS),
    Field("term", DAYS),
    Field("clock", TimeOfDay()),
    Field("tags", ListOf(Text())),
    Field("amounts", ListOf(NUMBER)),
    Field("days", ListOf(Date())),
    Field("data", Record((Field("level", INTEGER), Field("enabled", Bool()), Field("on", Date())))),
))
"""What every event of the four types may say."""

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


@record
class Place:
    """A calendar, and an instant around which something happens to its clocks or days."""

    calendar: Calendar
    start: int


def _days_off(*days: str, worked: tuple[str, ...] = ()) -> WorkingDays:
    from datetime import date
    off, on = (frozenset(map(date.fromisoformat, some)) for some in (days, worked))
    return WorkingDays("xx", off, on, frozenset({2026}))


PLACES = (
    Place(Calendar("Asia/Shanghai", _days_off("2026-05-29", "2026-06-01")), 1_780_000_000 * SECOND),
    Place(Calendar("Europe/Berlin", _days_off("2026-04-03", "2026-04-06"), moves_to_working_day=True),
          parse_instant("2026-03-28T22:59:58Z")),
    Place(Calendar("America/New_York", _days_off("2026-11-02")), parse_instant("2026-10-31T04:00:00Z")),
    # A day that begins at one, as its midnight is left out; and one that begins twice.
    Place(Calendar("Africa/Cairo", _days_off("2026-04-26", worked=("2026-04-25",))),
          parse_instant("2026-04-23T20:59:58Z")),
    Place(Calendar("America/Havana", _days_off("2026-11-02", worked=("2026-10-31",)), moves_to_working_day=True),
          parse_instant("2026-11-01T03:30:00Z")),
)
OFFSETS = (0, SECOND, 2 * SECOND, 2 * SECOND + 1, 3 * SECOND, 4 * SECOND, 7 * SECOND, HOUR // 2, HOUR // 2 + 1, HOUR,
           2 * HOUR, 2 * HOUR + 1, 25 * HOUR, 26 * HOUR, 49 * HOUR, 4 * DAY, 31 * DAY, 34 * DAY, 62 * DAY)

PARAMS = (
    ir.Param("most", 2, INTEGER, True, ()),
    ir.Param("soon", "1 day", DAYS, True, ()),
    ir.Param("pause", "2 seconds", HOURS, True, ()),
    ir.Param("allowed", ["text", "a"], ListOf(Text()), True, ()),
)
SET: Mapping[str, Any] = {"most": 1, "soon": "3 days", "pause": "30 minutes", "allowed": ["b"]}
"""What an operator may set them to."""
LENGTH = ir.Fact(("length",), HOURS)
TERM = ir.Fact(("term",), DAYS)


# ---- rules ------------------------------------------------------------------------------------------------------

def get(owner: str, *path: str) -> ir.Get:
    """A field of an event."""
    found: Type = EVENT
    default = None
    for name in path:
        assert isinstance(found, Record)
        one = found.field(name)
        assert one is not None
        found, default = one.type, one.default
    return ir.Get(owner, path, found, default)


def compare(left: ir.Expr, operator: str, right: ir.Expr) -> ir.Apply:
    """A comparison."""
    return ir.Apply(operator, (left, right), Bool())


def constant(value: Any, type: Type) -> ir.Constant:
    """A constant."""
    return ir.Constant(value, type)


ELAPSED = tuple(constant(text, HOURS) for text in ("1 second", "2 seconds", "5 seconds", "30 minutes", "2 hours"))
LEGAL = (constant("1 day", DAYS), constant("2 days", DAYS), constant("1 month", MONTHS),
         constant("2 working days", Period("working_day")))
orderings = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
elapsed: st.SearchStrategy[ir.Expr] = st.sampled_from([*ELAPSED, *ELAPSED, LENGTH, ir.Parameter("pause", HOURS)])
legal: st.SearchStrategy[ir.Expr] = st.sampled_from([*LEGAL, TERM, ir.Parameter("soon", DAYS)])
small: st.SearchStrategy[ir.Expr] = st.sampled_from(
    [*(constant(n, INTEGER) for n in (0, 1, 2, 3)), ir.Parameter("most", INTEGER), ir.Fact(("limit",), INTEGER, 3)])


@record
class Around:
    """What an expression may name: the keys of the rule, what the trigger says, the keys that runs can be asked by."""

    keys: tuple[str, ...]
    trigger: Record
    runs: tuple[str, ...]

    def scope(self, *, candidate: bool = False) -> Scope:
        """The same for the strategies of expressions."""
        params = tuple((one.name, one.type) for one in PARAMS)
        variables: tuple[tuple[str, Type], ...] = ((TRIGGER, self.trigger),) if self.trigger.fields else ()
        if candidate:
            variables = (*variables, *((CANDIDATE, EVENT),) * 3)  # mostly about the candidate
        return Scope(params=params, variables=variables)


NOTHING = Record(())


def plain(around: Around, type: Type = BOOL, candidate: bool = False, depth: int = 2) -> st.SearchStrategy[ir.Expr]:
    """An expression without a question about the trace."""
    return _plain(around, type, candidate, depth).filter(_whole_fields)


@st.composite
def _plain(draw: st.DrawFn, around: Around, type: Type, candidate: bool, depth: int) -> ir.Expr:
    return expression(draw, type, around.scope(candidate=candidate), depth)


def _whole_fields(expr: Any) -> bool:
    """Whether no record of an event is read as a whole."""
    return not any(isinstance(node, ir.Get) and isinstance(node.type, Record) and node.owner in (TRIGGER, CANDIDATE)
                   for node in nodes(expr))


def nodes(value: Any) -> list[Any]:
    """Every node of an expression or rule."""
    if isinstance(value, tuple):
        return [node for one in value for node in nodes(one)]
    if not hasattr(value, "__dataclass_fields__") or type(value).__module__ != ir.__name__:
        return []
    return [value, *(node for name in value.__dataclass_fields__ for node in nodes(getattr(value, name)))]


SAME = ("number", "kind", "name", "amount", "on", "flag", "level", "at", "length")


@st.composite
def wheres(draw: st.DrawFn, around: Around, *, states: bool = True) -> ir.Expr:
    """A condition on a candidate: of it alone, equal to something of the trigger, compared with it, or of a state."""
    choice = draw(st.integers(0, 9))
    names = [one.name for one in around.trigger.fields]
    if choice <= 3 and "number" in names:
        name = draw(st.sampled_from(SAME))
        sides = (get(CANDIDATE, name), get(TRIGGER, name))
        same = compare(*((sides[0], "=", sides[1]) if draw(st.booleans()) else (sides[1], "=", sides[0])))
        if choice == 0:
            return same
        other = draw(wheres(around, states=states)) if choice == 1 else draw(plain(around, candidate=True, depth=1))
        return ir.And((same, other))
    if choice == 4:
        name = draw(st.sampled_from(("number", "amount", "on", "at", "level")))
        right = get(TRIGGER, name) if name in names else draw(
            plain(around, get(CANDIDATE, name).type, candidate=True, depth=0))
        return compare(get(CANDIDATE, name), draw(orderings), right)
    if choice == 5 and states:
        return draw(in_state(around, CANDIDATE))
    if choice == 6 and states:
        return compare(draw(state_value(around, CANDIDATE)), draw(orderings), draw(small))
    if choice == 7:
        return get(CANDIDATE, "flag")
    match draw(st.integers(0, 11)):
        case 0 if states:
            return draw(of_state(around, CANDIDATE))
        case 1 if "kind" in names:
            return ir.Apply("contains", (get(CANDIDATE, "tags"), get(TRIGGER, "kind")), BOOL)
        case 2:
            return compare(ir.LocalTime(), draw(orderings), get(CANDIDATE, "clock"))
        case 3:
            return compare(get(CANDIDATE, "on"), draw(orderings), ir.Today())
    return draw(plain(around, candidate=True, depth=draw(st.integers(0, 2))))


@st.composite
def key_values(draw: st.DrawFn, keys: tuple[str, ...], around: Around, at: str) -> tuple[tuple[str, ir.Expr], ...]:
    """What a state is asked with: the moment's keys, or constants, or other fields."""
    names = [one.name for one in around.trigger.fields]
    found: list[tuple[str, ir.Expr]] = []
    for key in keys:
        values = {"user": USERS, "due": _DUE}.get(key, ("ads", "train"))
        choices: list[ir.Expr] = [constant(draw(st.sampled_from(values)), Date() if key == "due" else Text())]
        if at == CANDIDATE:
            choices += [get(CANDIDATE, key)] * 3
        if key in names:
            choices += [get(TRIGGER, key)] * 3
        other = "on" if key == "due" else "name"
        if at == CANDIDATE and draw(st.integers(0, 5)) == 0:
            choices = [get(CANDIDATE, other)]
        elif other in names and draw(st.integers(0, 5)) == 0:
            choices = [get(TRIGGER, other)]
        elif key == "due" and draw(st.integers(0, 5)) == 0:
            choices = [ir.Today()]
        found.append((key, draw(st.sampled_from(choices))))
    return tuple(found)


@st.composite
def in_state(draw: st.DrawFn, around: Around, at: str) -> ir.InState:
    """Whether a state holds."""
    state = draw(st.sampled_from([one for one in STATES if isinstance(one, ir.BooleanState)]))
    return ir.InState(state.name, at, draw(key_values(state.keys, around, at)))


@st.composite
def state_value(draw: st.DrawFn, around: Around, at: str) -> ir.StateValue:
    """A number that a state holds."""
    state = draw(st.sampled_from([one for one in STATES if isinstance(one, ir.ValuedState) and one.type == INTEGER]))
    return ir.StateValue(state.name, at, draw(key_values(state.keys, around, at)), state.type)


@st.composite
def of_state(draw: st.DrawFn, around: Around, at: str) -> ir.Expr:
    """A condition on what a state holds that is no integer."""
    state = draw(st.sampled_from([one for one in STATES if isinstance(one, ir.ValuedState) and one.type != INTEGER]))
    value = ir.StateValue(state.name, at, draw(key_values(state.keys, around, at)), state.type)
    if draw(st.integers(0, 4)) == 0:
        return ir.Present(value)
    match state.type:
        case Bool():
            return value
        case ListOf():
            return ir.Apply("contains", (value, constant("a", Text())), Bool())
        case Date() if draw(st.booleans()):
            return compare(ir.CompletedYears(value), draw(orderings), draw(small))
        case Text():
            return compare(value, "=", constant("text", KIND))
        case _:
            return compare(value, draw(orderings), draw(plain(around, state.type, candidate=at == CANDIDATE, depth=0)))


@st.composite
def patterns(draw: st.DrawFn, around: Around) -> ir.Pattern:
    """Candidates with the rule's keys, or of any."""
    keys = around.keys if draw(st.integers(0, 3)) else ()
    where = draw(wheres(around)) if draw(st.integers(0, 3)) else None
    return ir.Pattern(draw(st.sampled_from(EVENTS)), keys, where)


@st.composite
def pasts(draw: st.DrawFn, around: Around) -> ir.Range:
    """A range of the past."""
    choice = draw(st.integers(0, 6))
    episodes = [one.name for one in EPISODES if set(one.keys) <= set(around.runs)]
    if choice == 0:
        return ir.Before()
    if choice == 1 and episodes:
        return ir.During(draw(st.sampled_from(episodes)))
    if choice == 2:
        return ir.Since(draw(patterns(around)))
    if choice == 3:
        return ir.This(draw(st.sampled_from(["day", "week", "month", "year"])))
    if choice == 4 and "length" in [one.name for one in around.trigger.fields]:
        return ir.WithinLast(get(TRIGGER, draw(st.sampled_from(["length", "term"]))))
    return ir.WithinLast(draw(st.one_of(elapsed, legal)))


@st.composite
def futures(draw: st.DrawFn, around: Around) -> ir.Range:
    """A range that reaches into the future."""
    choice = draw(st.integers(0, 6))
    names = [one.name for one in around.trigger.fields]
    period: ir.Expr = draw(st.one_of(elapsed, legal))
    if choice <= 1:
        return ir.Within(period)
    if choice == 2:
        return ir.NoLaterThan(period)
    if choice == 3 and "length" in names:
        length = get(TRIGGER, draw(st.sampled_from(["length", "term"])))
        return ir.Within(length) if draw(st.booleans()) else ir.NoLaterThan(length)
    if choice == 4 and "on" in names:
        deadline: ir.Expr = get(TRIGGER, "on")
        if draw(st.booleans()):
            lengths: list[ir.Expr] = [LEGAL[0], LEGAL[2], LEGAL[3], TERM, get(TRIGGER, "term")]
            deadline = ir.Apply(draw(st.sampled_from(["+", "-"])), (deadline, draw(st.sampled_from(lengths))), Date())
        return ir.By(deadline)
    if choice == 4:
        return ir.By(draw(st.sampled_from([ir.Fact(("until",), Date(), "2026-03-31"), ir.Fact(("at",), Instant())])))
    if choice == 5 and "at" in names and draw(st.booleans()):
        return ir.By(get(TRIGGER, "at"))
    if choice == 6:
        return ir.By(ir.Apply("+", (ir.Today(), draw(st.sampled_from(LEGAL[:3]))), Date()))
    if not around.trigger.fields:
        return ir.Within(period)
    return ir.By(ir.Apply("+", (get(TRIGGER, "time"), period), Instant()))


@st.composite
def numbers(draw: st.DrawFn, around: Around, depth: int = 1) -> ir.Expr:
    """A number that the trace decides, and what is reckoned from it."""
    choice = draw(st.integers(0, 7 if depth else 5))
    if choice <= 1:
        return ir.CountEvents(draw(patterns(around)), draw(pasts(around)))
    if choice == 2:
        path, default = draw(st.sampled_from([(("number",), None), (("amount",), None), (("level",), 1),
                                              (("data", "level"), None)]))
        return ir.SumEvents(draw(patterns(around)), path, draw(pasts(around)), get(CANDIDATE, *path).type, default)
    if choice == 3:
        path = draw(st.sampled_from([("number",), ("amount",), ("level",), ("data", "level")]))
        field = get(CANDIDATE, *path)
        return ir.Latest(draw(patterns(around)), path, field.type, field.default)
    if choice == 4:
        return draw(state_value(around, TRIGGER))
    if choice == 5:
        return draw(plain(around, draw(st.sampled_from([INTEGER, NUMBER])), depth=1))
    operator = draw(st.sampled_from(["+", "-", "*", "/"]))
    operands = draw(numbers(around, 0)), draw(st.one_of(numbers(around, 0), small))
    return ir.Apply(operator, operands if draw(st.booleans()) else operands[::-1], Number(quotient=operator == "/"))


@st.composite
def conditions(draw: st.DrawFn, around: Around, *, future: bool, depth: int = 1) -> ir.Expr:
    """A condition at a moment."""
    choice = draw(st.integers(0, 14 if depth else 10))
    if choice <= 2:
        return ir.Occurs(draw(patterns(around)), draw(futures(around) if future else pasts(around)))
    if choice == 3:
        return ir.Occurs(draw(patterns(around)), draw(pasts(around)))
    if choice <= 5:
        other = draw(numbers(around)) if draw(st.integers(0, 4)) == 0 else draw(small)
        return compare(draw(numbers(around)), draw(orderings), other)
    if choice == 6:
        return draw(of_state(around, TRIGGER) if draw(st.integers(0, 3)) == 0 else in_state(around, TRIGGER))
    if choice == 7:
        path = draw(st.sampled_from([("kind",), ("name",), ("on",), ("at",), ("flag",), ("tags",), ("length",)]))
        field = get(CANDIDATE, *path)
        latest = ir.Latest(draw(patterns(around)), path, field.type, field.default)
        if draw(st.booleans()):
            return ir.Present(latest)
        if isinstance(field.type, ListOf):
            return ir.Apply("contains", (latest, constant("a", Text())), Bool())
        return compare(latest, "=", draw(plain(around, field.type, depth=0)))
    if choice == 8:
        episodes = [one.name for one in EPISODES if set(one.keys) <= set(around.runs)]
        if episodes:
            duration = ir.EpisodeDuration(draw(st.sampled_from(episodes)), draw(pasts(around)))
            return compare(duration, draw(orderings), draw(elapsed))
        return draw(of_state(around, TRIGGER))
    if choice == 9:
        return draw(plain(around, depth=2))
    if choice == 10:
        return ir.Present(draw(st.one_of(numbers(around), plain(around, Text(), depth=0), in_state(around, TRIGGER))))
    if choice == 11:
        return ir.Not(draw(conditions(around, future=future, depth=depth - 1)))
    if choice == 12:
        asked_of = compare(ir.Get("x", (), NUMBER), draw(orderings), draw(plain(around, NUMBER, depth=0)))
        return ir.Quantified(draw(st.sampled_from(["every", "some", "no"])), "x", ir.Fact(("amounts",), ListOf(NUMBER)),
                             None, ir.Or((draw(in_state(around, TRIGGER)), asked_of)))
    parts = tuple(draw(conditions(around, future=future, depth=depth - 1)) for _ in range(2))
    return ir.And(parts) if choice == 13 else ir.Or(parts)


@st.composite
def triggers(draw: st.DrawFn) -> tuple[ir.Trigger, Around]:
    """Any trigger, and what can be said at its moments."""
    choice = draw(st.integers(0, 7))
    keys: tuple[str, ...] = draw(st.sampled_from([("user",), ("user",), ("user", "purpose"), ()]))
    every = ("user", "purpose")
    if choice <= 4:
        names = tuple(draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2, unique=True)))
        around = Around(keys, EVENT, every)
        where: ir.Expr | None = None
        match draw(st.integers(0, 9)):
            case 0:
                where = get(TRIGGER, "flag")
            case 1:
                where = draw(in_state(around, TRIGGER))
            case 2 | 3:
                where = draw(plain(around))
        return ir.OnEvent(names, draw(st.integers(0, 3)) == 0, where), around
    declared: Any = draw(st.sampled_from([*EPISODES, *(one for one in STATES if isinstance(one, ir.BooleanState))]))
    kept = tuple(key for key in keys if key in declared.keys)
    marks = Record((*(one for one in KEYS if one.name in declared.keys), TIME))
    around = Around(kept, marks, declared.keys)
    if choice == 7:
        return ir.OnStart(declared.name), around
    # A state may hold for months: a mark every second of it would be millions.
    often = elapsed if isinstance(declared, ir.Episode) else st.sampled_from((ELAPSED[4], constant("100 hours", HOURS)))
    period: ir.Expr = draw(st.one_of(often, legal))
    if choice == 5:
        return ir.OnEvery(period, declared.name, draw(st.booleans())), around
    heard = ir.Pattern(draw(st.sampled_from(EVENTS)), kept if draw(st.integers(0, 3)) else (), draw(
        st.none() | wheres(Around(kept, NOTHING, ()))))
    return ir.OnWithout(period, declared.name, heard), around


def _local(event: str, keys: tuple[str, ...], where: ir.Expr | None = None) -> ir.Pattern:
    return ir.Pattern(event, keys, where)


_USER = ("user",)
_BOTH = ("user", "purpose")
_FLAG = get(CANDIDATE, "flag")
STATES: tuple[ir.BooleanState | ir.ValuedState, ...] = (
    ir.BooleanState("consent", _USER, (_local("reply", _USER),), (_local("alert", _USER, _FLAG),), None),
    ir.BooleanState("opted", _BOTH,
                    (_local("reply", _BOTH, compare(get(CANDIDATE, "number"), ">", constant(0, INTEGER))),
                     _local("notice", _BOTH)),
                    (_local("alert", _USER), _local("use", _BOTH, _FLAG)), None),
    ir.BooleanState("brief", _USER, (_local("notice", _USER), _local("reply", _USER, _FLAG)), (_local("alert", _USER),),
                    constant("2 hours", HOURS)),
    ir.BooleanState("lawful", _BOTH, (_local("notice", _BOTH),), (_local("alert", _USER, _FLAG),),
                    constant("1 day", DAYS)),
    ir.BooleanState("granted", _USER, (_local("reply", _USER),), (), LENGTH),
    ir.BooleanState("open", (), (_local("reply", (), _FLAG),), (_local("alert", ()),), None),
    ir.BooleanState("nested", _USER, (_local("use", _USER, ir.InState("consent", CANDIDATE, (
        ("user", get(CANDIDATE, "user")),))),), (_local("use", _USER, _FLAG),), ir.Parameter("soon", DAYS)),
    ir.ValuedState("level", _USER, ((ir.StateSource(_local("notice", _USER), ("number",)),),
                                    (ir.StateSource(_local("use", _USER), ("number",)),)), INTEGER),
    ir.ValuedState("rank", _BOTH, ((ir.StateSource(_local("notice", _BOTH, _FLAG), ("data", "level")),
                                    ir.StateSource(_local("reply", _BOTH), ("number",)),
                                    ir.StateSource(_local("notice", _BOTH), ("number",))),
                                   (ir.StateSource(_local("use", _BOTH), ("level",), 1),)), INTEGER),
    ir.ValuedState("plan", _BOTH, ((ir.StateSource(_local("reply", _BOTH), ("kind",)),),), KIND),
    ir.BooleanState("filed", ("due",), (_local("notice", ("due",)),), (_local("alert", ("due",), _FLAG),), None),
    *(ir.ValuedState(f"last_{name}", _USER, ((ir.StateSource(_local("notice", _USER), (name,)),),
                                             (ir.StateSource(_local("use", _USER, _FLAG), (name,)),)),
                     get(CANDIDATE, name).type)
      for name in ("on", "flag", "amount", "tags", "at", "length", "clock")),
)
EPISODES = (
    ir.Episode("session", _USER, (_local("use", _USER), _local("reply", _USER)), constant("2 seconds", HOURS),
               (_local("alert", _USER),)),
    ir.Episode("burst", _BOTH, (_local("use", _BOTH, compare(get(CANDIDATE, "number"), ">=", constant(1, INTEGER))),
                                _local("notice", _BOTH)), constant("2 hours", HOURS), (_local("alert", _USER, _FLAG),)),
    ir.Episode("all", (), (_local("use", ()), _local("reply", (), _FLAG)), LENGTH, ()),
)


@st.composite
def rules(draw: st.DrawFn, name: str = "rule") -> ir.Rule:
    """A rule with a trigger."""
    trigger, around = draw(triggers())
    when = draw(st.lists(conditions(around, future=False), max_size=1)) if draw(st.integers(0, 2)) == 0 else []
    unless = draw(st.lists(conditions(around, future=False), max_size=2)) if draw(st.integers(0, 2)) == 0 else []
    applies = draw(plain(Around((), NOTHING, ()), depth=1)) if draw(st.integers(0, 7)) == 0 else None
    must = draw(st.lists(conditions(around, future=True), min_size=1, max_size=2))
    return ir.Rule(name, "", (), "other", "error", around.keys, trigger, tuple(when),
                   tuple(ir.Must(one, False) for one in must), tuple(ir.Unless(one, ()) for one in unless), "", applies)


@st.composite
def rules_at_large(draw: st.DrawFn) -> ir.Rule:
    """A rule without a trigger, about what has been."""
    nowhere = Around((), NOTHING, ())
    must, *when = draw(st.lists(conditions(nowhere, future=False), min_size=1, max_size=2))
    return ir.Rule("rule", "", (), "other", "error", (), None, tuple(when), (ir.Must(must, False),), (), "")


def policy(*policy_rules: ir.Rule) -> ir.Policy:
    """A policy of these rules with the states and episodes they may name."""
    named = tuple(replace(rule, name=f"rule_{n}") for n, rule in enumerate(policy_rules))
    return ir.Policy("test/wide", "1", "test", None, None, PARAMS, STATES, EPISODES, named, (), ())


# ---- traces -----------------------------------------------------------------------------------------------------

_LONG_AGO = "2024-02-29"
_VALUES: Mapping[str, tuple[Any, ...]] = {
    "flag": (True, False), "number": (0, 1, 2, 3), "amount": (Decimal("0.5"), Decimal("1.25"), 2, Decimal("-0.1")),
    "level": (0, 1, 2), "kind": ("text", "image", "video"), "name": ("u1", "u2", "ads", "a"),
    "on": ("2026-03-28", "2026-03-29", "2026-04-30", "2026-05-29", "2026-05-31", "2026-11-01", _LONG_AGO),
    "length": ("1 second", "2 seconds", "30 minutes"), "term": ("1 day", "3 days"),
    "clock": ("00:00", "08:00", "23:30"),
    "tags": ([], ["a"], ["a", "b"], ["text", "a"]), "amounts": ([], [1], [Decimal("0.5"), 2]),
    "days": ([], ["2026-05-29"], ["2026-04-30", "2026-11-01"]),
}
_DUE = ("2026-05-29", "2026-11-01")
_EXTREME: Mapping[str, tuple[Any, ...]] = {
    "number": (10**18 - 1, -(10**18) + 1, 10**17), "amount": (Decimal("999999999999999999.999999999"), 10**17),
    "on": ("0001-01-01", "9999-12-31"), "name": ("名字", "it's \"so\"\n", "", "\\"),
}


@record
class Trial:
    """A case in order, and how it is judged."""

    case: Case
    place: Place
    as_of: int
    sources: Sources | None
    start: int | None = None
    end: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def trace(seed: int, size: int, start: int, *, gaps: float, extreme: bool, ties: bool,
          far: bool) -> tuple[Event, ...]:
    """Events in order; `gaps` is the share of fields that are absent or null, `far`: a date may be years away."""
    chance = random.Random(seed)
    choices = {name: tuple(one for one in values if far or one != _LONG_AGO) for name, values in _VALUES.items()}
    rows = []
    near = OFFSETS if chance.random() < 0.6 else OFFSETS[:chance.randrange(3, len(OFFSETS))]
    for row in range(size):
        kind = chance.choice(EVENTS)
        time = start + chance.choice(near) + (0 if chance.random() < 0.5 else chance.choice((1, SECOND, 3 * SECOND)))
        fields: dict[str, Any] = {"user": chance.choice(USERS), "purpose": chance.choice(PURPOSE.values or ()),
                                  "due": chance.choice(_DUE)}
        for name, values in choices.items():
            _put(fields, name, chance.choice(_EXTREME[name] if extreme and name in _EXTREME and chance.random() < 0.2
                                             else values), gaps, chance)
        _put(fields, "at", start + chance.choice(OFFSETS), gaps, chance)
        data: dict[str, Any] = {}
        for name, values in (("level", (0, 1, 2)), ("enabled", (True, False)), ("on", choices["on"])):
            _put(data, name, chance.choice(values), gaps, chance)
        _put(fields, "data", data, gaps / 2, chance)
        sequence = chance.choice((None, 0, 1)) if ties else row
        rows.append(Event(kind, time, fields, None, sequence, "t", row + 1, EVENTS.index(kind)))
    return in_order(rows)


def _put(fields: dict[str, Any], name: str, value: Any, gaps: float, chance: random.Random) -> None:
    if chance.random() >= gaps:
        fields[name] = value
    elif chance.random() < 0.5:
        fields[name] = None


@st.composite
def trials(draw: st.DrawFn, *, least: int = 0, most: int = 24, whole: bool = False,
           extreme: bool | None = None) -> Trial:
    """A trace and the facts beside it; `whole`: nothing is missing that a length rests on, all history is seen, no two
    events tie, and no date is years away from the trace."""
    place = draw(st.sampled_from(PLACES))
    facts = draw(core.fact_cases())
    if whole or draw(st.integers(0, 3)):
        facts["length"] = draw(st.sampled_from(("2 seconds", "30 minutes")))
    if whole or draw(st.integers(0, 3)):
        facts["term"] = draw(st.sampled_from(("1 day", "2 days")))
    events = trace(draw(st.integers(0, 2**32)), draw(st.integers(least, most)), place.start,
                   gaps=0 if whole else draw(st.sampled_from((0, 0.1, 0.35))),
                   extreme=draw(st.integers(0, 3)) == 0 if extreme is None else extreme,
                   ties=not whole and draw(st.booleans()), far=not whole)
    as_of = place.start + (draw(st.sampled_from(OFFSETS)) if draw(st.integers(0, 3)) == 0 else OFFSETS[-1] + 40 * DAY)
    sources = None
    if not whole and draw(st.integers(0, 2)) == 0:
        since = draw(st.dictionaries(st.sampled_from(EVENTS), st.none() | st.sampled_from(
            [place.start + one for one in OFFSETS]), min_size=3))
        sources = Sources(since)
    force: list[int | None] = [None, None]
    if draw(st.integers(0, 4)) == 0:
        force = [draw(st.none() | st.sampled_from([place.start + one for one in OFFSETS])) for _ in range(2)]
    parameters = draw(st.sampled_from([{}, {}, {}, SET]))
    return Trial(Case(facts, events), place, as_of, sources, force[0], force[1], parameters)
