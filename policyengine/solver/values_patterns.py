"""Patterns: which texts match which."""

from __future__ import annotations

from typing import Any

from policyengine.solver.model import NotAnalysable
from policyengine.solver.values import Texts


def holds(term: Any, pattern: str, texts: Texts) -> Any:
    raise NotAnalysable("a pattern")
