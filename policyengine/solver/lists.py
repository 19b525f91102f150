"""Lists by counting: how many elements a list has of each kind that the conditions can tell apart, without unrolling.

In comes a list of a record and, one by one, the conditions asked of its elements, as pairs over the variables of one
model element. Each is answered with two numbers: of how many elements it is true and of how many it is missing. When
all have been asked, the elements fall into regions, one for each way the conditions can come out together; a list is
then a number of elements for each region, and the two numbers are sums of these. That is exact: the elements of a
region may all be alike. Where a condition compares an element with something outside it, the region has an element of
its own, a copy of the model, so that whether the region can be filled depends on what is outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import z3

from policyengine.core import types
from policyengine.solver.facts import Path, Place
from policyengine.solver.model import NotAnalysable
from policyengine.solver.values import NO, YES, Pair, conj, implies, neg

MOST_REGIONS = 64
MOST_VALUES = 24  # of a list whose items are each once, as many different ones are counted


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A condition asked of the elements: the pair over the model, and of how many it is true, false and missing."""

    pair: Pair
    true: Any
    false: Any
    missing: Any


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Elements for which the conditions come out alike. `answers` by condition (None: missing); `count` is their
    number; `copies` maps the model's variables to the region's own, empty where the model itself will do."""

    answers: tuple[bool | None, ...]
    count: Any
    copies: tuple[tuple[Any, Any], ...]

    def holds(self, conditions: list[Counted]) -> Any:
        """That the model's variables are of this region."""
        return conj(z3.And(neg(one.pair.true), neg(one.pair.false)) if answer is None
                    else one.pair.true if answer else one.pair.false
                    for one, answer in zip(conditions, self.answers, strict=True))


@dataclass
class Elements:
    """One list of a record. `model` is any of its elements; `unique`: no two are alike."""

    place: Place
    path: Path
    type: types.ListOf
    there: Any
    model: Place
    least: int
    unique: bool
    total: Any
    conditions: list[Counted] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    finished: bool = False

    def asked(self, pair: Pair) -> Counted:
        """Of how many elements a condition is true, false and missing."""
        ids = pair.true.get_id(), pair.false.get_id()
        for one in self.conditions:
            if (one.pair.true.get_id(), one.pair.false.get_id()) == ids:
                return one
        if self.finished:
            raise AssertionError("a list is asked about after its regions were made")
        name = f"{'.'.join(self.path)}|{len(self.conditions)}"
        made = Counted(pair, *(NUMBERLESS if test is NO else self.place.fresh(f"{name}{kind}", z3.IntSort())
                               for kind, test in (("+", pair.true), ("-", pair.false), ("?", pair.missing))))
        self.conditions.append(made)
        return made


NUMBERLESS = z3.IntVal(0)


def elements_of(place: Place, path: Path, type: types.ListOf) -> Elements:
    """The list at a path of a record."""
    found = place.lists.get(path)
    if isinstance(found, Elements):
        return found
    name = ".".join(path)
    schemas = place.schemas_at(path)
    items = tuple(schema["items"] for schema in schemas if "items" in schema)
    model = Place(place.space, f"{place.name}{name}[].", items, place)
    made = Elements(place, path, type, place.there(path), model,
                    max((schema.get("minItems", 0) for schema in schemas), default=0),
                    any(schema.get("uniqueItems", False) for schema in schemas),
                    place.fresh(f"{name}|all", z3.IntSort()))
    place.lists[path] = made
    return made


def finish(place: Place) -> None:
    """Makes the regions of every list of a record and of the lists inside its elements, once all has been asked."""
    for one in list(place.lists.values()):
        if not one.finished:
            _divide(one)


def _divide(elements: Elements) -> None:
    elements.finished = True
    model, place = elements.model, elements.place
    finish(model)
    outside = {id for pair in elements.conditions for test in (pair.pair.true, pair.pair.false)
               for id in variables_of(test)}
    outside |= {id for axiom in model.axioms for id in variables_of(axiom)}
    owners = [place.space.owners[id] for id in outside]
    if any(not model.within(owner) for owner in owners):
        raise NotAnalysable(f"the elements of `{shown(elements)}` are compared with elements of another list")
    mixed = any(owner is not model for owner in owners)
    place.axioms.append(elements.total >= elements.least)
    sums: list[tuple[list[Any], list[Any], list[Any]]] = [([], [], []) for _ in elements.conditions]
    for number, answers in enumerate(sorted(_answers(elements), key=_order)):
        count = place.fresh(f"{'.'.join(elements.path)}|region{number}", z3.IntSort())
        copies: list[tuple[Any, Any]] = []
        if mixed:
            copies = [(one, place.fresh(f"{'.'.join(elements.path)}|region{number}/{one.decl().name()}", one.sort()))
                      for one in model.variables]
        region = Region(answers, count, tuple(copies))
        elements.regions.append(region)
        place.axioms.append(count >= 0)
        if elements.unique and not mixed:
            most = _different(elements, region)
            if most is not None:
                place.axioms.append(count <= most)
        if mixed:
            holds = conj((*model.axioms, region.holds(elements.conditions)))
            place.axioms.append(implies(count > 0, z3.substitute(holds, *copies) if holds is not YES else YES))
            _copied(elements, region)
        for (true, false, missing), answer in zip(sums, answers, strict=True):
            (missing if answer is None else true if answer else false).append(count)
    place.axioms.append(elements.total == z3.Sum([region.count for region in elements.regions] or [NUMBERLESS]))
    for one, parts in zip(elements.conditions, sums, strict=True):
        for variable, counts in zip((one.true, one.false, one.missing), parts, strict=True):
            if variable is not NUMBERLESS:
                place.axioms.append(variable == z3.Sum(counts or [NUMBERLESS]))


def _copied(elements: Elements, region: Region) -> None:
    """What is known of the model's numbers with a fraction is known of the copy's."""
    space = elements.place.space
    by_id = {one.get_id(): copy for one, copy in region.copies}
    space.decimals += [by_id[one.get_id()] for one in list(space.decimals) if one.get_id() in by_id]


def _order(answers: tuple[bool | None, ...]) -> tuple[int, ...]:
    return tuple(0 if one else 1 if one is False else 2 for one in answers)


def _answers(elements: Elements) -> Iterator[tuple[bool | None, ...]]:
    """Every way the conditions can come out together for one element."""
    if not elements.conditions:
        yield ()
        return
    solver = z3.Solver()
    solver.add(*elements.model.axioms)
    for count in range(MOST_REGIONS + 1):
        if count == MOST_REGIONS:
            raise NotAnalysable(f"more is asked about the elements of `{shown(elements)}` at once than can be followed")
        found = solver.check()
        if found == z3.unsat:
            return
        if found != z3.sat:
            raise NotAnalysable(f"what is asked about the elements of `{shown(elements)}` is too hard")
        model = solver.model()
        answers = tuple(True if _true(model, one.pair.true) else False if _true(model, one.pair.false) else None
                        for one in elements.conditions)
        yield answers
        solver.add(neg(Region(answers, None, ()).holds(elements.conditions)))


def _true(model: z3.ModelRef, test: Any) -> bool:
    return test is YES or (test is not NO and z3.is_true(model.eval(test, model_completion=True)))


def _different(elements: Elements, region: Region) -> int | None:
    """How many different single values a region has; None when there are many, or the elements are records."""
    single = elements.model.fields.get(())
    if isinstance(elements.type.item, types.Record):
        return None
    if single is None:
        return None
    solver = z3.Solver()
    solver.add(*elements.model.axioms, region.holds(elements.conditions))
    for count in range(MOST_VALUES):
        if solver.check() != z3.sat:
            return count
        solver.add(single.term != solver.model().eval(single.term, model_completion=True))
    return None


def variables_of(term: Any) -> set[int]:
    """The ids of the variables in a term."""
    found: set[int] = set()
    seen: set[int] = set()
    stack = [term]
    while stack:
        one = stack.pop()
        id = one.get_id()
        if id in seen:
            continue
        seen.add(id)
        children = one.children()
        if children:
            stack += children
        elif z3.is_const(one) and one.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found.add(id)
    return found


def shown(elements: Elements) -> str:
    """The list as a reader names it."""
    return f"{elements.place.name}{'.'.join(elements.path)}"
