"""Conditions of which no evidence is asked: a monitor that only counts what is well counts what the evaluator says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policyengine.core import ir, types
from policyengine.core.case import Case, Event, in_order
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.verdict import Verdict
from policyengine.trace.monitor.monitor import Monitor
from tests.property.test_monitor import Draw, about, decided, monitor_of, reference
from tests.support.trace_strategies import (
    CALENDAR,
    EVENTS,
    FACT_FLAG,
    FACT_NUMBER,
    SECOND,
    START,
    compare,
    get,
    get_user,
    policy,
)

INTEGER, NUMBER, TEXT, BOOL = types.Number(integer=True), types.Number(), types.Text(), types.Bool()
ORDERINGS = ("=", "!=", "<", "<=", ">", ">=")
USER_AND_KIND = ("user", "kind")
INSTANTS = ("2026-08-01T12:00:00Z", "2026-08-01T20:00:00+08:00", "2026-08-01T19:00:00Z")


class Conditions(Draw):
    """Policies whose conditions are of many parts, of what can be written out and what only the evaluator knows."""

    def condition(self, owner: ir.Owner, depth: int) -> ir.Expr:
        kind = self.random.randrange(7 if depth else 4)
        if kind <= 3:
            return self.part(owner)
        if kind == 4:
            return ir.Not(self.condition(owner, depth - 1))
        some = tuple(self.condition(owner, depth - 1) for _ in range(self.one(2, 2, 3)))
        return ir.And(some) if kind == 5 else ir.Or(some)

    def part(self, owner: ir.Owner) -> ir.Expr:
        def field(name: str, type: types.Type, default: Any = None) -> ir.Get:
            return ir.Get(owner, tuple(name.split(".")), type, default)

        flag, number, amount = field("flag", BOOL), field("number", INTEGER), field("amount", NUMBER)
        city = field("place.city", TEXT)
        some: list[ir.Expr] = [
            flag, flag, field("flag", BOOL, self.one(True, False)), FACT_FLAG,
            self.either_way(number, ir.Constant(self.one(0, 1, 2), INTEGER)),
            self.either_way(field("number", INTEGER, self.one(0, 1, 2)), ir.Constant(1, INTEGER)),
            self.either_way(amount, ir.Constant(self.one(1, Decimal("1.5"), Decimal("0.1")), NUMBER)),
            self.either_way(field("amount", NUMBER, Decimal("0.1")), number), self.either_way(number, FACT_NUMBER),
            compare(city, self.one("=", "!="), ir.Constant("x", TEXT)),
            compare(field("day", types.Date()), self.one("<", "="), ir.Constant("2026-06-01", types.Date())),
            self.either_way(field("at", types.Instant()), field("until", types.Instant())),
            ir.Apply("in", (get(owner, "kind"), ir.Constant(
                self.one(["p"], ["p", "z"], []), types.ListOf(TEXT))), BOOL),
            ir.Apply("in", (amount, ir.Constant([1, Decimal("1.5")], types.ListOf(NUMBER))), BOOL),
            ir.Present(self.one(number, city, field("flag", BOOL, True)))]
        found: ir.Expr = self.one(*(self.asking() if owner == TRIGGER and self.one(True, False) else some))
        return found

    def either_way(self, left: ir.Expr, right: ir.Expr) -> ir.Expr:
        some = (left, right) if self.one(True, False) else (right, left)
        return compare(some[0], self.one(*ORDERINGS), some[1])

    def asking(self) -> list[ir.Expr]:
        user, kind = get_user(TRIGGER), get(TRIGGER, "kind")
        equal = compare(get(CANDIDATE, "kind"), "=", kind)
        where = self.one(None, None, get(CANDIDATE, "flag"), get(CANDIDATE, "flag"), equal, equal, compare(
            get(CANDIDATE, "number"), "<=", get(TRIGGER, "number")))
        pattern = ir.Pattern(self.one(*EVENTS), self.one(("user",), ("user",), ()), where)
        range = self.one(ir.Before(), ir.WithinLast(self.length()))
        return [ir.Occurs(pattern, range), ir.Occurs(pattern, range), ir.Occurs(pattern, range),
                ir.InState("consent", TRIGGER, (("user", user),)),
                ir.InState("pair", TRIGGER, (("user", user), ("kind", kind))),
                ir.InState("mode", TRIGGER, (("kind", kind),)), ir.InState("open", TRIGGER, ()),
                compare(ir.CountEvents(pattern, ir.WithinLast(self.length())), ">", ir.Constant(1, INTEGER))]

    def policy(self) -> ir.Policy:
        self.plain = True
        trigger = ir.OnEvent((self.one(*EVENTS),), self.random.random() < 0.2, self.one(
            None, None, None, self.condition(CANDIDATE, self.one(0, 1))))
        # Of what is not well the evaluator is asked: only under `not` and in `when` it matters what is false.
        when, must = (self.condition(TRIGGER, self.one(0, 0, 1, 2)) for _ in range(2))
        rule = ir.Rule("rule", "", (), "other", "error", ("user",), trigger, self.one((), (), (when,)),
                       (ir.Must(self.one(must, ir.Not(must)), False),), (), "")
        lasting = self.one(None, None, None, ir.Constant("2 seconds", types.Period("elapsed")))
        consent = ir.BooleanState("consent", ("user",), (
            ir.Pattern("reply", ("user",), self.one(None, get(CANDIDATE, "flag"))),),
            (ir.Pattern(self.one("alert", "reply"), self.one(("user",), ()), self.one(
                None, get(CANDIDATE, "flag"))),), lasting)
        pair = ir.BooleanState("pair", USER_AND_KIND, (ir.Pattern("notice", USER_AND_KIND, None),), (
            ir.Pattern("alert", self.one(USER_AND_KIND, ("user",), ("kind",), ()), None),), None)
        mode, open = (ir.BooleanState(name, keys, (ir.Pattern("notice", keys, None),), (ir.Pattern(
            "alert", self.one(keys, ()), None),), None) for name, keys in (("mode", ("kind",)), ("open", ())))
        return replace(policy(rule), states=(consent, pair, mode, open), forgets=())

    def case(self) -> Case:
        facts: dict[str, Any] = self.one({"flag": True, "number": 1}, {"flag": False, "number": 0}, {})
        names = self.one(EVENTS, EVENTS, ("use", "reply", "notice"), ("use", "notice"), ("reply", "alert"))
        full, users = self.one(1.0, 0.8), self.one(("u1",), ("u1", "u2"))
        rows, time = [], START
        for row in range(self.random.randint(8, 24)):
            time += self.one(0, 0, 1, 1, 2, 3) * SECOND + self.one(0, 0, 0, 1)
            kind = self.one(*names)
            fields = {name: self.one(*values) for name, values in VALUES.items() if self.random.random() < full}
            rows.append(Event(kind, time, {"user": self.one(*users), **fields}, None, None, "t", row + 1,
                              EVENTS.index(kind)))
        return Case({"service": facts}, in_order(rows))


VALUES: dict[str, tuple[Any, ...]] = {
    "flag": (True, True, False, None), "number": (0, 1, 2), "kind": ("p", "p", "q", None),
    "day": ("2026-05-31", "2026-06-01"), "at": INSTANTS, "until": INSTANTS,
    "amount": (0, 1, 2, Decimal("1.5"), Decimal("0.1"), Decimal("1.0")),
    "place": ({"city": "x"}, {"city": "y"}, {}, None)}


@given(st.integers(0, 2 ** 48))
@settings(max_examples=1500, deadline=None)
def test_conditions_of_many_parts(seed: int) -> None:
    counted(Conditions(seed))


def counted(draw: Conditions) -> None:
    judged, case, emitted = draw.policy(), draw.case(), draw.one(None, draw.sources())
    monitor = monitor_of(judged, case, emitted)
    told: tuple[Verdict, ...] = ("violated", "undecided", "exempt", *draw.one((), (), ("not_applicable",)))
    quiet = Monitor(judged, case.facts, {}, CALENDAR, sources=emitted, report=told)
    outcomes, few = [], []
    for one in case.events:
        outcomes += monitor.feed(one)
        few += quiet.feed(one)
        if draw.one(True, False):
            quiet.compact()
    outcomes += monitor.finish()
    few += quiet.finish()
    expected = reference(judged, case, emitted, case.events[-1].time)
    assert about(decided(outcomes)) == about(expected)
    assert about(decided(few)) == about(one for one in expected if one.verdict in told)
    assert quiet.counts == monitor.counts
