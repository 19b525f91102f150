"""What a lint looks at, and how it walks through it. No lint is known here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from policyengine.analysis.vocabulary import Vocabulary
from policyengine.base.source import Span
from policyengine.core import ir
from policyengine.syntax import ast


@dataclass(frozen=True)
class Finding:
    """What a lint says; its name and severity are in the table of lints."""

    message: str
    span: Span
    label: str = ""
    notes: tuple[tuple[str, Span], ...] = ()
    help: str = ""


@dataclass(frozen=True)
class Subject:
    """A policy in both forms. `declared` are the declarations of the file and of those it uses; `own` those of the
    file itself; `policy` has the sound rules, all of them where nothing is wrong."""

    policy: ir.Policy | None
    own: Sequence[ast.Declaration]
    declared: Sequence[ast.Declaration]
    vocabulary: Vocabulary

    @property
    def extends(self) -> bool:
        """Whether it is a house policy."""
        return any(isinstance(one, ast.Extend) for one in self.own)

    def own_rules(self) -> Iterator[ast.Rule]:
        """The rules of the file itself, as written."""
        return (one for one in self.own if isinstance(one, ast.Rule))


def walk(node: Any) -> Iterator[Any]:
    """A node of either language and all below it, in source order."""
    if isinstance(node, tuple):
        for item in node:
            yield from walk(item)
    elif hasattr(node, "__dataclass_fields__") and not isinstance(node, Span):
        yield node
        for name in node.__dataclass_fields__:
            if name not in ("span", "type"):
                yield from walk(getattr(node, name))


def conditions(rule: ir.Rule) -> Iterator[ir.Expr]:
    """The conditions of a rule, and those of its trigger; not the constant of `must not happen`."""
    if isinstance(rule.trigger, ir.OnEvent) and rule.trigger.where is not None:
        yield rule.trigger.where
    if isinstance(rule.trigger, ir.OnWithout) and rule.trigger.pattern.where is not None:
        yield rule.trigger.pattern.where
    yield from rule.when
    yield from (must.condition for must in rule.must if not must.never)
    yield from (unless.condition for unless in rule.unless)
