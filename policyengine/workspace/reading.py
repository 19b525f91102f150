"""What a rule reads, what it rests on, and what two versions of it say otherwise. Nothing is judged here.

The rule as a sentence is in reading_sentence.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from policyengine.core import ir
from policyengine.core.walk import grounds_of, nodes
from policyengine.syntax import ast
from policyengine.syntax.format import format_declaration

# ---- what a rule reads ------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Reads:
    """What a rule reads: facts by dotted path, event types, params by name; each sorted."""

    facts: tuple[str, ...]
    events: tuple[str, ...]
    params: tuple[str, ...]

    @property
    def where(self) -> str:
        """`facts`, `trace` or `both`."""
        return "both" if self.facts and self.events else "trace" if self.events else "facts"


def reads(rule: ir.Rule, policy: ir.Policy) -> Reads:
    """What a rule reads, by itself and through the states and episodes it names; a policy's `applies when` is left out,
    a rule's own is not."""
    rests = grounds_of(policy, rule, scope=rule.applies is not None)
    return Reads(tuple(sorted(".".join(path) for path in rests.facts)), tuple(sorted(rests.events)),
                 tuple(sorted(rests.params)))


# ---- what it rests on -------------------------------------------------------------------------------------------

def rests_on(rule: ast.Rule, files: Iterable[ast.File]) -> tuple[ast.Declaration, ...]:
    """The definitions, states, episodes and params that a rule names, and those they name, in the order written."""
    known: dict[str, ast.Declaration] = {}
    order: list[str] = []
    for file in files:
        for one in file.declarations:
            if isinstance(one, ast.Define | ast.StateHolds | ast.StateValue | ast.Episode | ast.Param):
                known.setdefault(one.name.text, one)
                order.append(one.name.text)
    wanted: set[str] = set()
    waiting: list[Any] = [rule]
    while waiting:
        for name in _names(waiting.pop()):
            if name in known and name not in wanted:
                wanted.add(name)
                waiting.append(known[name])
    return tuple(known[name] for name in dict.fromkeys(order) if name in wanted)


def _names(node: Any) -> Iterator[str]:
    for one in nodes(node):
        match one:
            case ast.Path():
                yield one.head.text
            case ast.Call():
                yield one.name.text
            case ast.OnEvery() | ast.OnWithout() | ast.OnStart():
                yield one.run.text
            case ast.During() | ast.EpisodeDuration():
                yield one.episode.text


# ---- versions ---------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Change:
    """A clause, or a declaration the rule rests on, that is not the same in two versions; empty text: absent."""

    clause: str
    before: str
    after: str


def changes(before: ast.Rule, after: ast.Rule, rests_before: Iterable[ast.Declaration],
            rests_after: Iterable[ast.Declaration]) -> tuple[Change, ...]:
    """Clause by clause how a rule reads otherwise; title and fix are ours, not the law's, and left out."""
    first, second = _clauses(before), _clauses(after)
    found = [Change(name, first.get(name, ""), second.get(name, ""))
             for name in ("cites", "severity", "per", "on", "when", "must", "unless")
             if first.get(name, "") != second.get(name, "")]
    # What only one of them names shows in its clauses already.
    old = {_name(one): _flat(one) for one in rests_before}
    new = {_name(one): _flat(one) for one in rests_after}
    found += [Change(name, old[name], new[name]) for name in old if name in new and old[name] != new[name]]
    return tuple(found)


def _clauses(rule: ast.Rule) -> dict[str, str]:
    """Keyword -> the clauses of that kind, each on one line."""
    found: dict[str, str] = {}
    keyword = ""
    for line in format_declaration(replace(rule, title=None, title_zh=None)).splitlines()[1:]:
        word, _, rest = line.strip().partition(" ")
        if line[:2] == "  " and line[2:3] != " ":
            keyword = word
            found[keyword] = f"{found[keyword]}; {rest}" if keyword in found else rest
        else:
            found[keyword] += f" {line.strip()}"
    return {"severity": "error", **found}


def _name(one: ast.Declaration) -> str:
    assert isinstance(one, ast.Define | ast.StateHolds | ast.StateValue | ast.Episode | ast.Param)
    return one.name.text


def _flat(one: ast.Declaration) -> str:
    return " ".join(format_declaration(one).split())
