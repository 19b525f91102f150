"""The smallest change to a service after which a rule is satisfied: found by trying, said only when judged so.

In come a rule without a trigger, the facts of a service and its vocabulary; out come the changes in words. What is
tried are the facts the rule reads, with the values that its own conditions and the vocabulary name; first one change,
then two together. The reference evaluator judges each trial, so what is said holds; that nothing is said does not mean
that nothing helps.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Final

from policyengine.base.places import dotted
from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.case import Case
from policyengine.core.evaluate import judge
from policyengine.core.verdict import Setting
from policyengine.core.walk import nodes
from policyengine.solver.model import Side
from policyengine.solver.words import constant

TRIED: Final = 400
"""Changes tried together; a rule that reads very many facts is given up on."""


@record
class Change:
    """A value at a place of the facts, and how it reads."""

    path: tuple[str | int, ...]
    value: Any
    words: str


def nearest(side: Side, facts: Mapping[str, Any], as_of: int) -> tuple[str, ...]:
    """The changes to the facts, in words, after which the rule is satisfied as of an instant (UTC microseconds); empty
    when none was found."""
    setting = Setting(as_of, side.parameters)
    single = list(_changes(side, facts))
    tried = 0
    for size in (1, 2):
        for some in combinations(single, size):
            if size == 2 and some[0].path == some[1].path:
                continue
            tried += 1
            if tried > TRIED:
                return ()
            trial = copy.deepcopy(dict(facts))
            if not all(_put(trial, one.path, one.value) for one in some):
                continue
            verdicts = judge(side.policy, Case(trial), setting, side.calendar, rules=(side.rule.name,))
            if [one.verdict for one in verdicts] == ["satisfied"]:
                return tuple(one.words for one in some)
    return ()


def _changes(side: Side, facts: Mapping[str, Any]) -> Iterator[Change]:
    """Every single change worth a trial, each once."""
    seen: set[tuple[tuple[str | int, ...], str]] = set()
    conditions = (side.rule.must, side.rule.unless, side.rule.when)
    constants = [node for node in nodes(conditions) if isinstance(node, ir.Constant)]
    numbers = {node.value for node in constants if isinstance(node.type, types.Number)}
    numbers |= {side.parameter(node.name) for node in nodes(conditions)
                if isinstance(node, ir.Parameter) and isinstance(node.type, types.Number)}
    words = [node.value for node in constants if isinstance(node.value, str) and isinstance(node.type, types.Text)]
    for path, type, default in _read(conditions, facts):
        present, before = _at(facts, path)
        held = before if present else default
        for value, text in _values(type, held, numbers, words):
            shown = f"{dotted(path)}: {constant(before) if present else 'not stated'} -> {text}"
            if (path, text) not in seen and value != held:
                seen.add((path, text))
                yield Change(path, value, shown)


def _read(conditions: Any, facts: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], types.Type, Any]]:
    """The places of facts that conditions read, those inside the elements of a list too."""
    for node in nodes(conditions):
        match node:
            case ir.Fact():
                yield node.path, node.type, node.default
            case ir.Quantified(domain=ir.Fact() as domain) | ir.CountElements(domain=ir.Fact() as domain):
                _, items = _at(facts, domain.path)
                fields = [one for one in nodes(node) if isinstance(one, ir.Get) and one.owner == node.variable
                          and one.path]
                for place in range(len(items) if isinstance(items, list | tuple) else 0):
                    for one in fields:
                        yield (*domain.path, place, *one.path), one.type, one.default
            case _:
                continue


def _values(type: types.Type, held: Any, numbers: set[Any], words: list[str]) -> Iterator[tuple[Any, str]]:
    match type:
        case types.Bool():
            yield from ((value, constant(value)) for value in (True, False))
        case types.Text():
            yield from ((value, constant(value)) for value in (type.values or tuple(dict.fromkeys(words))))
        case types.Number():
            for number in sorted(numbers):
                yield from ((value, constant(value)) for value in (number, number + 1, number - 1) if value >= 0)
        case types.ListOf(item=types.Text() as item):
            has = list(held) if isinstance(held, list | tuple) else []
            known = [one for one in dict.fromkeys(words) if item.values is None or one in item.values]
            lacking = [one for one in known if one not in has]
            if lacking:
                yield [*has, *lacking], "with " + ", ".join(map(constant, lacking))
            for one in lacking:
                yield [*has, one], f"with {constant(one)}"
            extra = [one for one in has if one in known]
            if extra:
                yield [one for one in has if one not in extra], "without " + ", ".join(map(constant, extra))
        case _:
            return


def _at(facts: Any, path: tuple[str | int, ...]) -> tuple[bool, Any]:
    """Whether something stands there, and what."""
    here = facts
    for step in path:
        if isinstance(step, int) or (isinstance(here, Mapping) and step in here):
            here = here[step]
        else:
            return False, None
    return here is not None, here


def _put(facts: dict[str, Any], path: tuple[str | int, ...], value: Any) -> bool:
    """Set a place, made where its records are missing; False where something else stands in the way."""
    here: Any = facts
    for step in path[:-1]:
        if isinstance(step, str) and isinstance(here, dict) and here.get(step) is None:
            here[step] = {}
        here = here[step]
    if not isinstance(here, dict):
        return False
    here[path[-1]] = value
    return True
