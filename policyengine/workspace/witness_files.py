"""The cases that prove a diff, as case files that `guiju test` runs: one file a rule, for the old and the new version.

In comes a diff; out come the texts of `old/RULE.yaml` and `new/RULE.yaml`, with the same cases and what each version
says of them. A file goes into the `cases` folder beside the version's policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import yaml

from policyengine.diff.model import Diff, RuleChange


class _Dumper(yaml.SafeDumper):
    """Exact decimals stay as they are written."""


_Dumper.add_representer(Decimal, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", str(value)))


def witness_files(diff: Diff) -> Iterator[tuple[str, str]]:
    """The name of each file, below the folder asked for, and its text."""
    for change in diff.rules or ():
        if change.old is None or change.new is None or not change.witnesses:
            continue
        head = f"# {change.old.name} in {diff.old.name} and {change.new.name} in {diff.new.name}: {change.direction}.\n"
        for side, name in (("old", change.old.name), ("new", change.new.name)):
            cases = {"cases": [_case(change, number, name, side) for number in range(len(change.witnesses))]}
            yield f"{side}/{name}.yaml", head + yaml.dump(cases, Dumper=_Dumper, allow_unicode=True, sort_keys=False)


def _case(change: RuleChange, number: int, name: str, side: str) -> dict[str, Any]:
    witness = change.witnesses[number]
    verdicts = witness.every_old if side == "old" else witness.every_new
    made: dict[str, Any] = {
        "name": f"{number + 1}: {witness.old} before, {witness.new} after".replace("_", " "), "about": name,
        "facts": witness.facts, "as_of": witness.as_of}
    if witness.events:
        made["events"] = [{key: value for key, value in row.items() if value is not None} for row in witness.events]
    return {**made, "expect": {name: list(verdicts) if witness.moment else verdicts[0]}}
