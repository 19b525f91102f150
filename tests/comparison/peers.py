"""Asks Declare4Py and pm4py about the constraints in the titles of the policies here, and prints peers.json.

They stand in an environment of their own, never in that of the project: Declare4Py brings `lark-parser`, whose files
overwrite those of `lark`, and pm4py is AGPL.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install Declare4Py==2.2.0 pm4py==2.7.23.11
    /tmp/peers/bin/python tests/comparison/peers.py FOLDER > tests/comparison/peers.json

FOLDER has the whole logs helpdesk.xes.gz and receipt.xes.gz. What is printed is counts alone: of the cases that break a
constraint, and (Declare4Py) of the activations that do.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CUT = "2011-06-01T00:00:00+00:00"  # the middle of the receipt log: what an unfinished case looks like
DEADLINE = "Response[Confirmation of receipt, T05 Print and send confirmation of receipt] | | |0,720,h"

# Declare4Py's template -> pm4py's. It has no others.
PM4PY = {
    "Existence1": "existence", "Absence1": "absence", "Exactly1": "exactly_one", "Init": "init",
    "Responded Existence": "responded_existence", "Response": "response", "Precedence": "precedence",
    "Succession": "succession", "Alternate Response": "altresponse", "Alternate Precedence": "altprecedence",
    "Alternate Succession": "altsuccession", "Chain Response": "chainresponse", "Chain Precedence": "chainprecedence",
    "Chain Succession": "chainsuccession", "Co-Existence": "coexistence", "Not Co-Existence": "noncoexistence",
    "Not Succession": "nonsuccession", "Not Chain Succession": "nonchainsuccession",
}


def constraints(policy: Path) -> list[str]:
    """`Template[A, B]` for each constraint that a title names, each once."""
    found = []
    title = re.compile(r'^rule \w+\s+"([^"\[\n]+)\[([^"\n]+)\]"$', re.MULTILINE)
    for names, activities in title.findall(policy.read_text("utf-8")):
        found += [f"{name}[{activities}]" for name in names.split(", ")]
    return list(dict.fromkeys(found))


def declare4py(log: Path, wanted: list[str]) -> dict[str, list[int | None]]:
    """Constraint -> cases that break it, activations that do (None where it counts none); of the templates that it
    has a checker for."""
    from Declare4Py.D4PyEventLog import D4PyEventLog
    from Declare4Py.ProcessMiningTasks.ConformanceChecking.MPDeclareAnalyzer import MPDeclareAnalyzer
    from Declare4Py.ProcessModels.DeclareModel import DeclareModel
    from Declare4Py.Utils.Declare.Checkers import TemplateConstraintChecker

    events = D4PyEventLog(case_name="case:concept:name")
    events.parse_xes_log(str(log))
    found: dict[str, list[int | None]] = {}
    for one in wanted:
        template, _, inside = one.partition("[")
        if not hasattr(TemplateConstraintChecker, f"mp{template.rstrip('0123456789').replace(' ', '')}"):
            continue
        activities = inside.partition("]")[0].split(", ")
        unary = len(activities) == 1
        text = one if "|" in one else one + (" | |" if unary else " | | |")
        model = DeclareModel().parse_from_string("\n".join([*(f"activity {name}" for name in activities), text]))
        results = MPDeclareAnalyzer(log=events, declare_model=model, consider_vacuity=True).run()
        flat = [trace[0] for trace in results.model_check_res]
        broken = sum(1 for one in flat if one.state.name == "VIOLATED")
        counts = [one.num_violations for one in flat]
        found[one] = [broken, None if None in counts else sum(counts)]
    return found


def pm4py_of(log: Path, wanted: list[str], *, shuffled: bool = False) -> dict[str, int]:
    """Constraint -> cases that break it, for the templates that pm4py has."""
    import pm4py

    frame: Any = pm4py.read_xes(str(log))
    if shuffled:
        frame = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    found = {}
    for one in wanted:
        name, _, inside = one.partition("[")
        if name not in PM4PY:
            continue
        activities = tuple(inside[:-1].split(", "))
        key = activities if len(activities) == 2 else activities[0]
        model = {PM4PY[name]: {key: {"support": 1, "confidence": 1}}}
        found[one] = sum(1 for trace in pm4py.conformance_declare(frame, model) if trace["no_dev_total"])
    return found


def cut(log: Path) -> Path:
    """The receipt log as it stood at CUT: the events up to then, of the cases that had begun."""
    import pm4py

    frame: Any = pm4py.read_xes(str(log))
    frame = frame[frame["time:timestamp"] <= datetime.fromisoformat(CUT)]
    path = Path(tempfile.mkdtemp()) / "cut.xes"
    pm4py.write_xes(frame, str(path))
    return path


def main(folder: Path) -> dict[str, Any]:
    """What peers.json holds."""
    found: dict[str, Any] = {}
    for name in ("helpdesk", "receipt"):
        wanted = constraints(HERE / f"{name}.policy")
        for label, log in ((name, folder / f"{name}.xes.gz"), (f"{name}-sample", HERE / f"{name}-sample.xes.gz")):
            found[label] = {"Declare4Py": declare4py(log, wanted), "pm4py": pm4py_of(log, wanted),
                            "pm4py, rows shuffled": pm4py_of(log, wanted, shuffled=True)}
    whole = cut(folder / "receipt.xes.gz"), cut(HERE / "receipt-sample.xes.gz")
    found["deadline"] = {label: next(iter(declare4py(log, [DEADLINE]).values()))
                         for label, log in zip(("receipt", "receipt-sample"), whole, strict=True)}
    return found


if __name__ == "__main__":
    chatter = io.StringIO()
    with contextlib.redirect_stdout(chatter):
        answer = main(Path(sys.argv[1]))
    text = json.dumps(answer, indent=1, sort_keys=True)
    print(re.sub(r"\[\s+([^][{}]*?)\s+\]", lambda counts: f"[{' '.join(counts[1].split())}]", text))
