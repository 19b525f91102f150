"""Lists by counting: how many elements a list has of each kind that the conditions can tell apart, without unrolling.

In comes a list of a record and, one by one, the conditions asked of its elements, as pairs over the variables of one
model element. Each is answered with whether it is true, false and missing of some element, or of how many. When
all have been asked, the elements fall into regions, one for each way the conditions can come out together; a list is
then a number of elements for each region, and the two numbers are sums of these. That is exact: the elements of a
region may all be alike. Where a condition compares an element with something outside it, the region has an element of
its own, a copy of the model, so that whether the region can be filled depends on what is outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import z3

from policyengine.core import types
from policyengine.solver.facts import Path, Place
from policyengine.solver.model import NotAnalysable
from policyengine.solver.values import NO, YES, Pair, conj, disj, implies, neg

MOST_REGIONS = 64
MOST_ITEMS = 10_000  # in a list; a case with a longer one is left out
EFFORT = 200_000  # of one question about an element, in Z3's unit of work
MOST_VALUES = 24  # of a list whose items are each once, as many different ones are counted


@dataclass(eq=False)
class Asked:
    """A condition asked of the elements: the pair over the model, and whether it is true, false and missing of some.

    `text` is the number of the text it asks for, where it asks for nothing else. `counts` are of how many it is true
    and missing, where that was asked.
    """

    pair: Pair
    true: Any
    false: Any
    missing: Any
    text: int | None = None
    counts: tuple[Any, Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Elements for which the conditions come out alike. `answers` by condition (None: missing). `some`: there is one;
    `count` is their number, None where nobody counts. `copies` maps the model's variables to the region's own, empty
    where the model itself will do; `text` is the number of the one text that is in it."""

    answers: tuple[bool | None, ...]
    some: Any
    count: Any = None
    copies: tuple[tuple[Any, Any], ...] = ()
    text: int | None = None

    def holds(self, conditions: list[Asked]) -> Any:
        """That the model's variables are of this region."""
        return conj(z3.And(neg(one.pair.true), neg(one.pair.false)) if answer is None
                    else one.pair.true if answer else one.pair.false
                    for one, answer in zip(conditions, self.answers, strict=True))


@dataclass
class Elements:
    """One list of a record. `model` is any of its elements; `unique`: no two are alike; `by_text`: each region is of
    one text, but for the last, which may be of all others. `size` is how many elements there are, where that was asked.
    """

    place: Place
    path: Path
    type: types.ListOf
    there: Any
    model: Place
    least: int
    unique: bool
    size: Any = None
    conditions: list[Asked] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    finished: bool = False
    by_text: bool = False

    @property
    def counting(self) -> bool:
        """Whether it matters how many elements there are, not only whether there are any of a kind."""
        return self.size is not None or self.least > 1 or any(one.counts is not None for one in self.conditions)

    def asked(self, pair: Pair, text: int | None = None) -> Asked:
        """Whether a condition is true, false and missing of some element. `text` is the number of the text it asks for,
        where that is all it asks."""
        ids = pair.true.get_id(), pair.false.get_id()
        for one in self.conditions:
            if (one.pair.true.get_id(), one.pair.false.get_id()) == ids:
                return one
        if self.finished:
            raise AssertionError("a list is asked about after its regions were made")
        name = f"{'.'.join(self.path)}|{len(self.conditions)}"
        true, false, missing = (
            NO if test is NO else self.place.fresh(f"{name}{kind}", z3.BoolSort())
            for kind, test in (("+", pair.true), ("-", pair.false), ("?", pair.missing)))
        made = Asked(pair, true, false, missing, text)
        self.conditions.append(made)
        return made

    def counted(self, pair: Pair) -> tuple[Any, Any]:
        """Of how many elements a condition is true, and of how many it is missing."""
        one = self.asked(pair)
        if one.counts is None:
            true, missing = (NUMBERLESS if some is NO else self.place.fresh(f"{some.decl().name()}n", z3.IntSort())
                             for some in (one.true, one.missing))
            one.counts = true, missing
        return one.counts

    def total(self) -> Any:
        """How many elements there are."""
        if self.size is None:
            self.size = self.place.fresh(f"{'.'.join(self.path)}|all", z3.IntSort())
        return self.size

    def region(self, answers: tuple[bool | None, ...], text: int | None = None, *, copied: bool = False) -> Region:
        """One more region, with variables of its own."""
        name = f"{'.'.join(self.path)}|region{len(self.regions)}"
        count = self.place.fresh(name, z3.IntSort()) if self.counting else None
        some = self.place.fresh(name, z3.BoolSort()) if count is None else count > 0
        if count is not None:
            self.place.axioms.append(count >= 0)
        copies = [(one, self.place.fresh(f"{name}/{one.decl().name()}", one.sort()))
                  for one in self.model.variables] if copied else []
        made = Region(answers, some, count, tuple(copies), text)
        self.regions.append(made)
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
                    any(schema.get("uniqueItems", False) for schema in schemas))
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
    if elements.conditions and all(one.text is not None for one in elements.conditions):
        _by_text(elements)
    else:
        _by_answers(elements)
    for number, one in enumerate(elements.conditions):
        for variable, wanted in ((one.true, True), (one.false, False), (one.missing, None)):
            if variable is not NO:
                place.axioms.append(variable == disj(
                    region.some for region in elements.regions if region.answers[number] is wanted))
        for variable, wanted in zip(one.counts or (), (True, None), strict=False):
            if variable is not NUMBERLESS:
                place.axioms.append(variable == _sum(
                    region.count for region in elements.regions if region.answers[number] is wanted))
    if elements.counting:
        size = _sum(region.count for region in elements.regions)
        place.axioms += [size >= elements.least, size <= MOST_ITEMS]
        if elements.size is not None:
            place.axioms.append(elements.size == size)
    elif elements.least:
        place.axioms.append(disj(region.some for region in elements.regions))


def _sum(counts: Iterable[Any]) -> Any:
    parts = list(counts)
    return NUMBERLESS if not parts else parts[0] if len(parts) == 1 else z3.Sum(parts)


def _by_text(elements: Elements) -> None:
    """Regions of a list of texts of which only single ones are looked for: one a text, and one for all the others."""
    elements.by_text = True
    allowed = elements.model.fields[()].allowed
    wanted = [one.text for one in elements.conditions]
    named = [text for text in dict.fromkeys(wanted) if allowed is None or text in allowed]
    others = None if allowed is None else len(allowed) - len(named)
    for text in (*named, None) if others != 0 else named:
        region = elements.region(tuple(one == text for one in wanted), text)
        most = 1 if text is not None else others
        if elements.unique and most is not None and region.count is not None:
            elements.place.axioms.append(region.count <= most)


def _by_answers(elements: Elements) -> None:
    """Regions by every way in which the conditions can come out together."""
    model, place = elements.model, elements.place
    if elements.unique and not isinstance(elements.type.item, types.Record):
        model.read((), elements.type.item, None)
    outside = {id for pair in elements.conditions for test in (pair.pair.true, pair.pair.false)
               for id in variables_of(test)}
    outside |= {id for axiom in model.axioms for id in variables_of(axiom)}
    owners = [place.space.owners[id] for id in outside]
    if any(not model.within(owner) for owner in owners):
        raise NotAnalysable(f"the elements of `{shown(elements)}` are compared with elements of another list")
    mixed = any(owner is not model for owner in owners)
    for answers in sorted(_answers(elements), key=_order):
        region = elements.region(answers, copied=mixed)
        if mixed:
            holds = conj((*model.axioms, region.holds(elements.conditions)))
            place.axioms.append(implies(region.some, z3.substitute(holds, *region.copies)))
            _copied(elements, region)
        elif elements.unique and region.count is not None:
            most = _different(elements, region)
            if most is not None:
                place.axioms.append(region.count <= most)


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
    solver = _solver(*elements.model.axioms)
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
        solver.add(neg(Region(answers, NO).holds(elements.conditions)))


def _true(model: z3.ModelRef, test: Any) -> bool:
    return test is YES or (test is not NO and z3.is_true(model.eval(test, model_completion=True)))


def _solver(*facts: Any) -> Any:
    solver = z3.SimpleSolver()
    solver.set("rlimit", EFFORT)
    solver.add(*facts)
    return solver


def _different(elements: Elements, region: Region) -> int | None:
    """How many different single values a region has; None when there are many, or the elements are records."""
    single = elements.model.fields.get(())
    if isinstance(elements.type.item, types.Record):
        return None
    if single is None:
        return None
    solver = _solver(*elements.model.axioms, region.holds(elements.conditions))
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
