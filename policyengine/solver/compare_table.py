"""A row of the difference table: from one case in which two versions disagree to all cases like it.

In comes a case the solver holds, with the pair of verdicts it shows; out come the few conditions on facts that already
bring these verdicts, each as wide as it can be: `user.age from 14 to 17`, `service.datasets missing`. A row is proven:
no case within it comes out otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import z3

from policyengine.core import ir, types
from policyengine.core.walk import nodes
from policyengine.solver.facts import Field, exact
from policyengine.solver.model import Side
from policyengine.solver.questions import Asker, Question
from policyengine.solver.values import FINEST, NO, YES, Pair, conj, disj, earlier, neg, number, parts_of
from policyengine.solver.witness import raw_value
from policyengine.solver.words import constant, said


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """One thing that holds of a case: the test, and the words. `values` are those a text or a bound may take instead:
    each gives a wider literal."""

    test: Any
    words: str
    wider: Callable[[Asker, list[Any]], Literal] | None = None


def row(asker: Asker, literals: list[Literal], cell: Any) -> tuple[tuple[str, ...], Any] | None:
    """The words of a row around a case of which the literals hold, and the condition that is the row; None where they
    do not decide. Nothing but the axioms must have been added to the solver."""
    kept = _needed(asker, literals, neg(cell))
    if kept is None:
        return None
    for place, one in enumerate(kept):
        if one.wider is not None:
            others = [other.test for other in (*kept[:place], *kept[place + 1:])]
            kept[place] = one.wider(asker, [*others, neg(cell)])
    return tuple(one.words for one in kept), conj(one.test for one in kept)


def _needed(asker: Asker, literals: list[Literal], fails: Any) -> list[Literal] | None:
    """As few of the literals as decide, the last ones left out first."""
    if fails is NO or asker.ask(*(one.test for one in literals), fails) != "no":
        return None
    core = {one.get_id() for one in asker.solver.unsat_core()}
    kept = [one for one in literals if one.test is not YES and one.test.get_id() in core]
    for one in reversed(list(kept)):
        rest = [other for other in kept if other is not one]
        if asker.ask(*(other.test for other in rest), fails) == "no":
            kept = rest
    return kept


# ---- what holds of a case ---------------------------------------------------------------------------------------

def literals_of(question: Question, asker: Asker) -> Iterator[Literal]:
    """What holds of the case last found, the facts first, then what is asked of several facts or of lists."""
    found: list[Literal] = []
    absent: set[tuple[str, ...]] = set()
    for path, there in sorted(question.facts.presences.items()):
        if there is not YES and not asker.holds(there):
            absent.add(path)
            if usual_of(question, path) is not None:
                continue
            # Of a record that is missing nothing more needs to be said of what is in it.
            if path[:-1] not in absent or path in question.facts.fields or path in question.facts.lists:
                found.append(Literal(neg(there), f"{'.'.join(path)} missing"))
    for path, one in sorted(question.facts.fields.items()):
        usual = usual_of(question, path)
        if usual is not None and isinstance(one.type, types.Bool):
            found.append(_with_default(asker, one, usual))
        elif path not in absent:
            found += _of_field(question, asker, one)
    seen: set[tuple[int, int]] = set()
    shapes: list[Literal] = []
    for expr, side, pair in question.space.smallest:
        key = pair.true.get_id(), pair.false.get_id()
        if key not in seen and _is_joint(expr):
            seen.add(key)
            shapes.append(_of_condition(asker, expr, side, pair))
    yield from found
    yield from shapes


def usual_of(question: Question, path: tuple[str, ...]) -> bool | None:
    """What stands in for a fact of true or false wherever it is read; None where it can be missing."""
    one = question.facts.fields.get(path)
    if one is None or not isinstance(one.type, types.Bool) or len(one.defaults) != 1:
        return None
    (usual,) = one.defaults
    return None if usual is None else bool(usual)


def _with_default(asker: Asker, one: Field, usual: bool) -> Literal:
    """A fact of true or false that is never missing, since its default stands in."""
    holds = asker.holds(one.term) if asker.holds(one.there) else usual
    test = conj((one.there, one.term if holds else neg(one.term)))
    name = ".".join(one.path)
    return Literal(disj((neg(one.there), test)) if holds == usual else test, f"{name} {constant(holds)}")


def _is_joint(expr: ir.Expr) -> bool:
    """Whether a condition is about a list, the day of judgement or more than one fact."""
    facts = {node.path for node in nodes(expr) if isinstance(node, ir.Fact)}
    return len(facts) > 1 or any(isinstance(node, ir.Today | ir.LocalTime | ir.CompletedYears | ir.Quantified
                                            | ir.CountElements) or (
        isinstance(node, ir.Fact) and isinstance(node.type, types.ListOf)) for node in nodes(expr))


def _of_condition(asker: Asker, expr: ir.Expr, side: Side, pair: Pair) -> Literal:
    words = said(expr, side.parameter)
    if asker.holds(pair.true):
        return Literal(pair.true, words)
    if asker.holds(pair.false):
        return Literal(pair.false, f"not ({words})")
    return Literal(pair.missing, f"unknown whether {words}")


def _of_field(question: Question, asker: Asker, one: Field) -> Iterator[Literal]:
    name = ".".join(one.path)
    match one.type:
        case types.Bool():
            holds = asker.holds(one.term)
            yield Literal(conj((one.there, one.term if holds else neg(one.term))), f"{name} {constant(holds)}")
        case types.Text():
            yield _of_text(question, asker, one, name)
        case types.Number() | types.Date() | types.Period() | types.Instant() | types.TimeOfDay():
            yield _Bounds(question, one, name).around(asker)
        case _:
            if one.there is not YES:
                yield Literal(one.there, f"{name} present")


def _of_text(question: Question, asker: Asker, one: Field, name: str) -> Literal:
    texts = question.space.texts
    value = asker.value(one.term).as_long()
    if value < 0:
        others = conj((one.there, one.term < 0))
        return Literal(others, f"{name} any other text")
    choices = sorted(one.allowed) if one.allowed is not None else list(texts.places.values())

    def literal(places: tuple[int, ...]) -> Literal:
        shown = [constant(texts.named()[place]) for place in places]
        words = f"{name} = {shown[0]}" if len(shown) == 1 else f"{name} in [{', '.join(shown)}]"
        if one.allowed is not None and len(places) == len(one.allowed):
            words = f"{name} present"
        return Literal(conj((one.there, disj(one.term == place for place in places))), words)

    def wider(asker: Asker, others: list[Any]) -> Literal:
        kept = [value]
        for place in choices:
            if place != value and asker.ask(*others, one.there, one.term == place) == "no":
                kept.append(place)
        return literal(tuple(place for place in choices if place in kept))

    return replace(literal((value,)), wider=wider)


@dataclass(frozen=True, slots=True, eq=False)
class _Bounds:
    """A value with an order: first exactly as it is, then from and to what the policies name."""

    question: Question
    one: Field
    name: str

    def around(self, asker: Asker) -> Literal:
        value = self.value(asker)
        return Literal(self.test(value, value), f"{self.name} {self.shown(value)}", self.wider(value))

    def value(self, asker: Asker) -> Any:
        if self.one.parts:
            year, month, day = (asker.value(part).as_long() for part in self.one.parts)
            return date(year, month, day)
        found = asker.value(self.one.term)
        if z3.is_int_value(found):
            return date.fromordinal(found.as_long()) if isinstance(self.one.type, types.Date) else found.as_long()
        return Fraction(found.as_fraction())

    def test(self, low: Any, high: Any) -> Any:
        """From `low` to `high`, both included; None is open."""
        bounds = [self.one.there]
        if low is not None:
            bounds.append(self.at_least(low))
        if high is not None:
            bounds.append(self.at_most(high))
        return conj(bounds)

    def at_least(self, value: Any) -> Any:
        if self.one.parts:
            return earlier(parts_of(value), self.one.parts, strictly=False)
        return self.one.term >= self.number(value)

    def at_most(self, value: Any) -> Any:
        if self.one.parts:
            return earlier(self.one.parts, parts_of(value), strictly=False)
        return self.one.term <= self.number(value)

    def number(self, value: Any) -> Any:
        return z3.IntVal(value.toordinal()) if isinstance(value, date) else number(value)

    def critical(self) -> list[Any]:
        """What a bound may be: the values that are named, and those just beside them."""
        kind = self.one.type.__class__.__name__
        found: set[Any] = set()
        for raw in self.question.critical.get(kind, ()):
            if kind == "Date":
                day = date.fromisoformat(raw) if isinstance(raw, str) else raw
                found |= {day + timedelta(days=days) for days in (-1, 0, 1) if date.min < day < date.max}
            elif kind == "Number":
                value = exact(raw)
                step = self.stepped or 1
                found |= {value - step, value, value + step}
        return sorted(found)

    def wider(self, value: Any) -> Callable[[Asker, list[Any]], Literal]:
        def widened(asker: Asker, others: list[Any]) -> Literal:
            low = next((bound for bound in (None, *self.critical()) if (bound is None or bound <= value) and asker.ask(
                *others, self.test(bound, value)) == "no"), value)
            high = next((bound for bound in (None, *reversed(self.critical()))
                         if (bound is None or bound >= value) and asker.ask(
                             *others, self.test(low, bound)) == "no"), value)
            return Literal(self.test(low, high), self.said(low, high))

        return widened

    def said(self, low: Any, high: Any) -> str:
        if low is None and high is None:
            return f"{self.name} present"
        if low is not None and low == high:
            return f"{self.name} {self.shown(low)}"
        if self.stepped is None:
            if low is None or high is None:
                return f"{self.name} at most {self.shown(high)}" if low is None else (
                    f"{self.name} at least {self.shown(low)}")
            return f"{self.name} from {self.shown(low)} to {self.shown(high)}"
        # Just beside a number that is named: above it, or below it.
        parts = []
        named = {exact(raw) for raw in self.question.critical.get("Number", ())}
        if low is not None:
            above = low - self.stepped in named
            parts.append(f"above {self.shown(low - self.stepped)}" if above else f"at least {self.shown(low)}")
        if high is not None:
            below = high + self.stepped in named
            parts.append(f"below {self.shown(high + self.stepped)}" if below else f"at most {self.shown(high)}")
        return f"{self.name} {' and '.join(parts)}"

    @property
    def stepped(self) -> Fraction | None:
        """The step between numbers with a fraction."""
        real = isinstance(self.one.type, types.Number) and self.one.term.sort() == z3.RealSort()
        return Fraction(1, FINEST) if real else None

    def shown(self, value: Any) -> str:
        return constant(raw_value(self.one.type, value))
