"""The cases that prove a diff, as case files that `guiju test` runs: one file a rule, for the old and the new version.

In comes a diff; out come `DIR/old/RULE.yaml` and `DIR/new/RULE.yaml`, with the same cases and what each version says of
them. A file goes into the `cases` folder beside the version's policy. Files that are there are replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.diff.model import Diff, RuleChange


class _Dumper(yaml.SafeDumper):
    """Exact decimals stay as they are written."""


_Dumper.add_representer(Decimal, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", str(value)))


def write_witnesses(diff: Diff, folder: Path) -> tuple[int, tuple[Diagnostic, ...]]:
    """How many files were written; a diagnostic where one cannot be."""
    files = dict(_files(diff))
    try:
        for name, content in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            spare = target.with_name(f".{target.name}.{os.getpid()}")
            spare.write_text(content, "utf-8")
            os.replace(spare, target)
    except OSError as problem:
        return 0, (error("cannot-write", f"cannot write `{shorten(str(problem.filename or folder))}`: "
                         f"{(problem.strerror or str(problem)).lower()}"),)
    return len(files), ()


def _files(diff: Diff) -> Iterator[tuple[str, str]]:
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
