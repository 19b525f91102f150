"""docs/lints.md is written from the lints themselves (`--update-golden` rewrites it)."""

from __future__ import annotations

from pathlib import Path

from policyengine.analysis.lint import LINTS
from tests.support.golden import check_golden

HEAD = """# Lints

What is allowed and still likely a mistake. `guiju lint` reports these besides errors; `guiju explain NAME` prints one.

To keep a finding back, say why, on its line or alone on the line above:

    param promptly = 10 minutes  # guiju: ignore[unused-definition] reason="the next draft uses it"

An ignore that keeps nothing back is reported as `unused-ignore`, one without a reason as `ignore-without-reason`.
"""


def test_the_page_is_that_of_the_lints() -> None:
    parts = [f"\n## {lint.name}\n\nSeverity: {lint.severity}.\n\n{lint.explanation.strip()}\n" for lint in LINTS]
    check_golden(HEAD + "".join(parts), Path(__file__).parents[2] / "docs" / "lints.md")
