"""The JSON Schema of the lines that `guiju monitor` writes, made of that of the report of `check`.

In comes nothing but the schema file; out comes a schema of one line: the fields of a result and those of the stream, or
an event that came late. What is written in a line is not decided here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

REPORT = Path(__file__).with_name("report.schema.json")

KINDS: dict[str, tuple[list[str], str]] = {
    "verdict": (["violated", "undecided", "exempt", "satisfied", "not_applicable"],
                "A verdict, the moment it is known; the last two with `--all`."),
    "pending": (["pending"], "An open duty at the end of the input, with `--pending`."),
    "unjudged": (["unjudged"], "A moment that rests on a number or date past what can be held; `missing` says which."),
}
"""The lines that have the fields of a result: which verdicts, and what such a line is."""

NAMES = {"v": {"const": 1, "description": "New fields keep it; a reader should pass over those it does not know."},
         "id": {"type": "string", "pattern": "^[0-9a-f]{32}$",
                "description": "The same for the same thing in every run: what comes twice has the same."}}


def lines_schema() -> dict[str, Any]:
    """The schema of one line. Raises OSError where the report's is not there."""
    report = json.loads(REPORT.read_text("utf-8"))
    result, parts = report["$defs"]["result"], report["$defs"]
    parts["line"]["properties"]["kind"]["enum"].append("uncomputed")
    row = parts["place"]["properties"]["row"]
    row |= {"minimum": 0, "description": f"{row['description']} Of Kafka the offset, from 0."}
    used = {name: parts[name] for name in ("severity", "articles", "instant", "place", "line", "moment", "due")}
    told = [_line(kind, about, result["required"], result["properties"] | {"verdict": {"enum": verdicts}})
            for kind, (verdicts, about) in KINDS.items()]
    return {"$schema": report["$schema"], "$id": "urn:guiju:monitor:1", "title": "A line of `guiju monitor`",
            "anyOf": [*told, _late()], "$defs": used}


def _late() -> dict[str, Any]:
    place, instant = {"$ref": "#/$defs/place"}, {"$ref": "#/$defs/instant"}
    event = {"type": {"type": "string"}, "id": {"type": ["string", "null"]},
             "time": {"type": "string", "description": "Local time with offset."}, "instant": instant, "place": place}
    return _line("late", "An event that came after its time was settled, and was not judged.",
                 ["service", "event", "watermark", "behind"], {
                     "service": {"type": "string"},
                     "event": {"type": "object", "required": [*event], "properties": event,
                               "additionalProperties": False},
                     "watermark": {**instant, "description": "What lies before it is settled."},
                     "behind": {"type": "string", "description": "How far behind, as a policy writes a period."}})


def _line(kind: str, about: str, required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": about, "required": ["v", "kind", "id", *required],
            "properties": {**NAMES, "kind": {"const": kind}, **properties}, "additionalProperties": False}
