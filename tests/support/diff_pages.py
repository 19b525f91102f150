"""Markdown pages on diffs that are tests: two policies and what a report says of their rules.

A page is documentation: sentences, and fenced blocks that are read in order.

- `old`, `new`: a policy's declarations in either version; `policy` and `use vocabulary` are added before them. The
  vocabulary is tests/support/vocabulary.yaml, the clock Asia/Shanghai, working days are those of `cn`.
- `both`: declarations that stand before those of either version, for the blocks that follow.
- `rules`: what a report says of the rules, every case with it. `pytest --update-golden` rewrites it.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from policyengine.analysis.compile import compile_policy
from policyengine.analysis.vocabulary import Vocabulary, load_vocabulary
from policyengine.base.calendar import Calendar, WorkingDaysText
from policyengine.base.diagnostic import concise, has_errors
from policyengine.base.source import Source
from policyengine.diff.model import Diff, RuleChange, Side
from policyengine.diff.rules import Version, diff_rules
from policyengine.report.diff_to_text import to_text
from policyengine.syntax.parser import parse
from tests.support import golden

SUPPORT = Path(__file__).parent
HEADER = "policy test/page version {}\nuse vocabulary vocabulary\n"

_FENCE = re.compile(r"^```(old|new|both|rules)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def vocabulary() -> Vocabulary:
    """The small vocabulary of all pages."""
    loaded, _ = load_vocabulary("vocabulary.yaml", (SUPPORT / "vocabulary.yaml").read_text("utf-8"))
    assert loaded is not None
    return loaded


@cache
def calendar() -> Calendar:
    """The clock and the working days of the shipped calendar."""
    days = SUPPORT.parents[1] / "regulations" / "calendars" / "cn.yaml"
    return Calendar("Asia/Shanghai", WorkingDaysText("cn", days.read_text("utf-8")), True)


def version(text: str, label: str) -> Version:
    """A policy of one version; its declarations are sound."""
    name = f"{label}.policy"
    whole = HEADER.format(label) + text
    file, found = parse(name, whole)
    policy, problems = compile_policy(file, vocabulary(), has_calendar=True)
    assert policy is not None and not has_errors(found), [concise(one) for one in (*found, *problems)]
    return Version(policy, {name: Source(name, whole)}, calendar(), vocabulary())


def changes(old: str, new: str) -> tuple[RuleChange, ...]:
    """What became of the rules of one text in another."""
    return diff_rules(version(old, "old"), version(new, "new"), None)


def told(old: str, new: str) -> str:
    """What a report in text says of the rules."""
    diff = Diff(Side("old", "old", ""), Side("new", "new", ""), None, changes(old, new))
    lines = to_text(diff, everything=True).splitlines()
    start = lines.index("Rules") + 1
    return "\n".join(line.removeprefix("  ") for line in lines[start:-2]).strip("\n") + "\n"


def check_page(path: Path) -> None:
    """Fail with the difference unless each `rules` block is what is said of the policies before it."""
    text = path.read_text("utf-8")
    blocks = {"old": "", "new": "", "both": ""}
    pieces: list[str] = []
    last = 0
    for fence in _FENCE.finditer(text):
        if fence[1] != "rules":
            blocks[fence[1]] = fence[2]
            continue
        shown = told(blocks["both"] + blocks["old"], blocks["both"] + blocks["new"])
        pieces += [text[last:fence.start(2)], shown]
        last = fence.end(2)
    golden.check_golden("".join((*pieces, text[last:])), path)


def pairs(path: Path) -> list[tuple[str, str]]:
    """The old and new policies of a page, in order."""
    blocks = {"old": "", "new": "", "both": ""}
    found = []
    for fence in _FENCE.finditer(path.read_text("utf-8")):
        if fence[1] != "rules":
            blocks[fence[1]] = fence[2]
        else:
            found.append((blocks["both"] + blocks["old"], blocks["both"] + blocks["new"]))
    return found
