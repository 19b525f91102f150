"""docs/draft-to-final.md says of every rule what the diff says, and leaves none out that changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from tests.workspace.shop import Ran

ROOT = Path(__file__).parents[2]
HEADINGS = {"Stricter": "stricter", "Looser": "looser", "Mixed": "mixed", "New": "new", "Gone": "dropped"}


def test_the_tables_are_what_the_command_says(guiju: Callable[..., Ran]) -> None:
    ran = guiju(["diff", "cn/human-like-ai@draft", "final", "--format", "json"], ROOT)
    assert ran.exit_code == 0, ran.told
    said: dict[str, dict[str, str]] = {word: {} for word in HEADINGS.values()}
    for rule in json.loads(ran.stdout)["rules"]:
        side = rule["new"] or rule["old"]
        direction = rule["in_common"] or rule["direction"]
        if direction != "equivalent":
            said[direction][side["name"]] = side["citations"][0]
        assert rule["proof"] == "exact", side["name"]
    page = (ROOT / "docs" / "draft-to-final.md").read_text("utf-8")
    written: dict[str, dict[str, str]] = {}
    for heading, word in HEADINGS.items():
        part = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        written[word] = dict(re.findall(r"^\| (\w+) \| (Art\. [\d()]+)", part, re.MULTILINE))
    for word in written:
        assert written[word] == said[word], word
