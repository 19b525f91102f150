"""How far a run is: what those who work call, and what those who show it are called with."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Hears how far a run is: of what (`events`, `rules`), so many, of so many (0: not known)."""


def silent(what: str, done: int, of: int) -> None:
    """Nobody listens."""
