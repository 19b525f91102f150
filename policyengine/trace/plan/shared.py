"""What several rules ask of the same rows, to be made once: steps that stand in more than one plan.

In come the plans of rules that are judged together; out come the same plans, in which steps that are worth keeping as
tables have one name everywhere. What a step is made of says whether it is another's: its SQL, with the steps it reads
in place of their names. Which engine keeps the tables, and until when, is not known here.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from policyengine.trace.plan.frames import STEP, Guard, Plan, Step

_WORK = re.compile(r" OVER \(| JOIN |\bEXISTS \(")
"""What takes longer than to read a table that was kept: to put rows in order, or to compare them with others."""


def shared(plans: Sequence[Plan]) -> list[Plan]:
    """The plans with `shared` filled: each step that several of them have, as far as others are not made of it alone,
    and how many have it."""
    named = [_by_content(plan) for plan in plans]
    having: Counter[str] = Counter()
    for names in named:
        having.update(set(names.values()))
    wanted: set[str] = set()
    for plan, names in zip(plans, named, strict=True):
        worth: dict[str, bool] = {}
        for step in plan.steps:
            own, read = names[step.name], {names[one] for one in STEP.findall(step.sql) if one in names}
            worth[own] = _WORK.search(step.sql) is not None or any(worth[one] for one in read)
            # What all that have it read in the same way is part of what they make of it.
            wanted |= {one for one in read if having[one] > max(1, having[own]) and worth[one]}
        last = names[plan.steps[-1].name]
        wanted |= {last} if having[last] > 1 and worth[last] else set()
    return [_renamed(plan, {name: one for name, one in names.items() if one in wanted}, having)
            for plan, names in zip(plans, named, strict=True)]


def _by_content(plan: Plan) -> dict[str, str]:
    """The steps of a plan -> names that say what they are made of."""
    names: dict[str, str] = {}
    for step in plan.steps:
        digest = hashlib.sha256(_with(names, step.sql).encode()).hexdigest()
        names[step.name] = f"shared_{int(digest[:16], 16)}"
    return names


def _renamed(plan: Plan, names: Mapping[str, str], having: Mapping[str, int]) -> Plan:
    """A plan in which some steps have other names; of those that now have the same, the first."""
    steps: list[Step] = []
    before = [0]  # how many of the new steps stand before each of the old
    done: set[str] = set()
    for step in plan.steps:
        name = names.get(step.name, step.name)
        if name not in done:
            steps.append(Step(name, _with(names, step.sql), step.note))
            done.add(name)
        before.append(len(steps))
    guards = tuple(Guard(guard.pattern, before[guard.steps], _with(names, guard.sql)) for guard in plan.guards)
    return replace(plan, steps=tuple(steps), guards=guards,
                   shared={name: having[name] for name in dict.fromkeys(names.values())})


def _with(names: Mapping[str, str], sql: str) -> str:
    return STEP.sub(lambda found: names.get(found[0], found[0]), sql)
