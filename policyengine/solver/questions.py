"""One question for Z3: the verdicts of one or two rules over the same case, as conditions; and a bounded solver.

In come rules with what they are judged with; out come their verdicts as Z3 conditions over one space of facts, and a
solver that answers yes, no or unknown. How a case is made of an answer is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import z3

from policyengine.core import ir, types
from policyengine.core.verdict import Verdict
from policyengine.core.walk import grounds_of, nodes
from policyengine.solver.facts import FIRST_DAY, LAST_DAY, Field, Place, Space, fitting
from policyengine.solver.lists import finish
from policyengine.solver.model import NotAnalysable, Options, Side
from policyengine.solver.terms import Encoder, Standing, Temporal, nothing_temporal
from policyengine.solver.values import (
    MISSING,
    NO,
    YES,
    DateMode,
    Pair,
    Texts,
    Value,
    all_of,
    conj,
    disj,
    neg,
)
from policyengine.solver.values_patterns import classes_of

Answer = Literal["yes", "no", "unknown"]

PART = 10
"""There are many questions about facts, so each may take this part of the effort of one."""

WHOLE = 5
"""All questions of a comparison together may take so many times what one may."""

MOST_UNKNOWN = 3
"""After so many questions that were not answered in time, the others of the comparison are not asked."""

Verdicts = Mapping[Verdict, Any]
"""Where a rule comes out how; exactly one of them holds of any case. What is not in it never happens."""


# ---- what is asked ----------------------------------------------------------------------------------------------

def conditions_of(side: Side) -> tuple[ir.Expr, ...]:
    """All conditions that decide a rule's verdict, the scope first."""
    scope, rule = side.policy.scope_of(side.rule), side.rule
    return (*(() if scope is None else (scope,)), *rule.when, *(one.condition for one in rule.unless),
            *(one.condition for one in rule.must))


def nodes_of(side: Side) -> list[Any]:
    """Every node a side's verdict can depend on: its conditions, its trigger, and the states and episodes they name."""
    grounds = grounds_of(side.policy, side.rule)
    named = {*grounds.states, *grounds.episodes}
    declared = tuple(one for one in (*side.policy.states, *side.policy.episodes) if one.name in named)
    return list(nodes((conditions_of(side), side.rule.trigger, declared)))


@dataclass
class Question:
    """One case, as variables. `critical` are the raw constants at which an answer may turn, by kind of type (`Number`,
    `Date`, …); `today` and `clock` are there where they are asked for."""

    space: Space
    facts: Place
    here: Standing
    today: Field | None
    clock: Field | None
    critical: Mapping[str, tuple[Any, ...]]

    def axioms(self) -> list[Any]:
        """What holds of every case; to be asked for when all conditions have been encoded."""
        finish(self.facts)
        return self.facts.axioms


def question_for(sides: Iterable[Side]) -> Question:
    """The space that some rules share: the texts they name, how dates are numbered, the facts of a service."""
    sides = tuple(sides)
    asked = [node for side in sides for node in nodes_of(side)]
    found: list[tuple[Any, types.Type]] = []
    for side in sides:
        used = grounds_of(side.policy, side.rule).params
        found += [(side.parameter(param.name), param.type) for param in side.policy.params if param.name in used]
    for node in asked:
        if isinstance(node, ir.Constant):
            found.append((node.value, node.type))
        elif isinstance(node, ir.Fact | ir.Get | ir.StateSource | ir.SumEvents) and node.default is not None:
            found.append((node.default, getattr(node, "type", types.Unknown())))
        found += [(text, types.Text()) for text in _listed(getattr(node, "type", None))]
    critical: dict[str, dict[Any, None]] = {}
    for raw, type in found:
        for kind, value in _constants(raw, type):
            critical.setdefault(kind, {})[value] = None
    space = Space(Texts())
    for text in critical.get("Text", ()):
        space.texts.place(text)
    space.dates = date_mode(asked)
    schemas: list[Mapping[str, Any]] = []
    for side in sides:
        if side.vocabulary.schema not in schemas:
            schemas.append(side.vocabulary.schema)
    facts = Place(space, "", tuple(schemas))
    patterns = {**dict.fromkeys(_patterns(asked, sides)), **dict.fromkeys(
        pattern for node in asked if isinstance(node, ir.Fact) for schema in facts.schemas_at(node.path)
        for pattern in _fitting(schema))}
    if patterns:
        space.texts.patterns = tuple(patterns)
        space.texts.classes = classes_of(space.texts.patterns, space.texts.named())
    today = clock = None
    if any(isinstance(node, ir.Today | ir.CompletedYears) for node in asked):
        today = facts.single(("(today)",), types.Date(), YES)
        if today.parts:
            facts.axioms += [today.parts[0] >= FIRST_DAY.year, today.parts[0] <= LAST_DAY.year]
        else:
            facts.axioms += [today.term >= FIRST_DAY.toordinal(), today.term <= LAST_DAY.toordinal()]
    if any(isinstance(node, ir.LocalTime) for node in asked):
        clock = facts.single(("(clock)",), types.TimeOfDay(), YES)
    here = Standing(facts, {}, _there(today), _there(clock), facts)
    return Question(space, facts, here, today, clock, {kind: tuple(values) for kind, values in critical.items()})


def _there(made: Field | None) -> Value:
    return MISSING if made is None else Value(YES, made.term, day=made.parts or None)


def _listed(type: Any) -> tuple[str, ...]:
    match type:
        case types.Text(values) if values is not None:
            return values
        case types.ListOf(item):
            return _listed(item)
        case _:
            return ()


def _constants(raw: Any, type: types.Type) -> Iterator[tuple[str, Any]]:
    if isinstance(type, types.ListOf):
        for one in raw:
            yield from _constants(one, type.item)
    elif not isinstance(type, types.Record | types.Unknown):
        yield type.__class__.__name__, raw


def _patterns(asked: Iterable[Any], sides: Iterable[Side]) -> Iterator[str]:
    """The patterns that texts are matched with."""
    for node in asked:
        if isinstance(node, ir.Apply) and node.operator == "matches":
            match node.arguments[1]:
                case ir.Constant(value):
                    yield value
                case ir.Parameter(name):
                    yield from (side.parameter(name) for side in sides
                                if any(param.name == name for param in side.policy.params))


def _fitting(schema: Mapping[str, Any]) -> Iterator[str]:
    """The patterns a vocabulary asks of a value and of what is in it."""
    yield from fitting(schema)
    for inside in (*schema.get("properties", {}).values(), *((schema["items"],) if "items" in schema else ())):
        yield from _fitting(inside)


def date_mode(asked: Iterable[Any]) -> DateMode:
    """How dates are numbered: by days where days are counted, by yyyymmdd where years or months are."""
    days = years = False
    for node in asked:
        if isinstance(node, ir.CompletedYears):
            years = True
        if isinstance(node, ir.Apply) and node.operator in ("+", "-"):
            kinds = [getattr(one, "type", types.Date() if isinstance(one, ir.Today) else None)
                     for one in node.arguments]
            units = {kind.unit for kind in kinds if isinstance(kind, types.Period)}
            instant = any(isinstance(kind, types.Instant) for kind in kinds) and units != {"elapsed"}
            if instant or any(isinstance(kind, types.Date) for kind in kinds):
                years = years or "month" in units
                days = days or instant or "month" not in units
    return "both" if days and years else "civil" if years else "days"


# ---- verdicts ---------------------------------------------------------------------------------------------------

def verdicts(side: Side, question: Question, temporal: Temporal = nothing_temporal) -> Verdicts:
    """How a rule without a trigger comes out, as `core.evaluate.verdict_at` has it."""
    encoder = Encoder(side, question.space, temporal)
    return outcome(*parts(side, encoder, question.here))


def parts(side: Side, encoder: Encoder, at: Standing) -> tuple[Pair, tuple[Pair, ...], Pair]:
    """When a rule applies (its scope included, not its trigger), its exceptions, what must hold."""
    scope, rule = side.policy.scope_of(side.rule), side.rule
    applies = all_of([encoder.condition(one, at) for one in (*(() if scope is None else (scope,)), *rule.when)])
    unless = tuple(encoder.condition(one.condition, at) for one in rule.unless)
    return applies, unless, all_of([encoder.condition(one.condition, at) for one in rule.must])


def outcome(applies: Pair, unless: tuple[Pair, ...], must: Pair) -> Verdicts:
    """The order of the verdicts, where nothing can be pending."""
    excused = disj(one.true for one in unless)
    asked = conj((applies.true, neg(excused)))
    found: dict[Verdict, Any] = {
        "violated": conj((asked, must.false, *(one.false for one in unless))),
        "exempt": conj((neg(applies.false), excused)),
        "satisfied": conj((asked, must.true)),
        "not_applicable": applies.false,
    }
    found["undecided"] = neg(disj(found.values()))
    return {verdict: test for verdict, test in found.items() if test is not NO}


# ---- a bounded solver -------------------------------------------------------------------------------------------

class Asker:
    """Z3 with a limit on each question, so that an answer comes and is the same on every machine.

    What is chosen is assumed in each question rather than added to Z3, which begins anew after each addition: most
    questions take less than telling it something does.
    """

    def __init__(self, axioms: Iterable[Any], options: Options) -> None:
        self.solver = z3.SimpleSolver()
        self._context = z3.main_ctx().ref()
        effort = max(1, options.effort // PART)
        self.solver.set("rlimit", effort)
        self.solver.set("phase_selection", 0)  # a case with little in it is what is wanted
        self.cut_off = 0  # how many questions were not answered
        self.fixed = False  # choose nothing but what the case last found has
        self._asked = 0
        self._budget = self._spent() + WHOLE * effort
        self._assumed: list[Any] = []
        self._levels: list[int] = []
        self._model: z3.ModelRef | None = None
        self.add(*axioms)

    def push(self) -> None:
        self.solver.push()
        self._levels.append(len(self._assumed))

    def pop(self) -> None:
        self.solver.pop()
        del self._assumed[self._levels.pop():]
        self._model = None

    def add(self, *facts: Any) -> None:
        """What holds from here on, up to the `pop` of what was pushed."""
        self._model = None
        for one in facts:
            # Z3's own Python looks at the sort of everything first, which takes longer than most questions do.
            if one is not YES:
                z3.Z3_solver_assert(self._context, self.solver.solver, one.as_ast())

    def choose(self, test: Any) -> bool:
        """Whether a condition can hold besides all that was added; it then does from here on."""
        if test is YES or test is NO:
            return test is YES
        if self.fixed:
            return self.holds(test)
        answer = self.ask(test)
        if answer == "unknown":
            raise NotAnalysable("no case was found in time")
        if answer == "yes":
            self._assumed.append(test)
        return answer == "yes"

    def ask(self, *assumed: Any) -> Answer:
        """Whether all that was added and what is assumed here can hold together."""
        self._model = None
        tests = [one.as_ast() for one in (*self._assumed, *assumed) if one is not YES]
        if any(one is NO for one in (*self._assumed, *assumed)):
            return "no"
        self._asked += 1
        if self.cut_off >= MOST_UNKNOWN or (self._asked % 8 == 0 and self._spent() > self._budget):
            self.cut_off = MOST_UNKNOWN
            return "unknown"
        found = z3.Z3_solver_check_assumptions(self._context, self.solver.solver, len(tests),
                                               (z3.Ast * len(tests))(*tests))
        if found == z3.Z3_L_UNDEF:
            self.cut_off += 1
            return "unknown"
        return "yes" if found == z3.Z3_L_TRUE else "no"

    def _spent(self) -> int:
        """Z3's count of its work so far, over all questions of the process."""
        statistics = self.solver.statistics()
        counted = "rlimit count"
        known = statistics.keys()
        return int(statistics.get_key_value(counted)) if counted in known else 0

    def look(self) -> bool:
        """Finds a case for all that was added, to be asked about with `holds` and `value`."""
        if self._model is None and self.ask() == "yes":
            self._model = self.solver.model()
        return self._model is not None

    def holds(self, term: Any) -> bool:
        """Whether a condition holds in the case last found."""
        return True if term is YES else False if term is NO else bool(z3.is_true(self.value(term)))

    def value(self, term: Any) -> Any:
        """A term's value in the case last found."""
        assert self._model is not None
        return self._model.eval(term, model_completion=True)
