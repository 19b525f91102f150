"""What an event log turned out to hold -> the text of a vocabulary for it: a JSON Schema in YAML, to begin with.

The `Shape` comes from `trace.xes`, after a whole log was read. The text is one that `analysis.vocabulary` reads; what
it cannot say of the log stands in it as a remark. Files are not known here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from policyengine.base.diagnostic import shorten
from policyengine.trace.xes import Kind, Shape

_HEAD = """\
# The events of {title}, written from the log itself: a beginning, to be read and tightened.
# Under `$defs.events` stand the activities, in the order in which the log first has them; each description says what
# the log calls them. Close what you know: an `enum` for a field with few values lets a misspelt one be found.
$schema: https://json-schema.org/draft/2020-12/schema
$id: urn:guiju:vocabulary:{name}
title: {quoted}
description: The log that is judged, and the types of events in it.
type: object
required: [service]
additionalProperties: false
properties:
  service:
    type: object
    description: The process or service whose log it is.
    required: [id]
    additionalProperties: false
    properties:
      id: {{type: string, minLength: 1, description: "A short name of it."}}
      name: {{type: string, minLength: 1, description: "The name people know it by."}}
"""

_ENVELOPE = """\
      type: {type: string, description: "The activity; a name of $defs.events."}
      time: {type: string, format: date-time, description: "`time:timestamp`."}
      sequence: {type: integer, minimum: 1, description: "The place in the case; it orders events of one instant."}
      case: {type: string, minLength: 1, description: "`concept:name` of the case."}
"""

_SCHEMAS: Mapping[Kind, str] = {"text": "type: string", "instant": "type: string, format: date-time",
                                "integer": "type: integer", "number": "type: number", "boolean": "type: boolean"}


def vocabulary_text(shape: Shape, name: str, title: str) -> str:
    """The vocabulary of a log, with a line end; `name` is that of its file without an ending.

    Every event type has the field `case`. What a case has, and what events of all types have, is the envelope's; it is
    required where the log declares it and every event has it. A field whose values are of two kinds is left out, with a
    remark.
    """
    everywhere = _shared(shape)
    whole = sum(shape.events.values())
    required = [one for one in everywhere if one in shape.declared
                and sum(fields.get(one, 0) for fields in shape.fields.values()) == whole]
    lines = [_HEAD.format(title=shorten(title), name=name, quoted=_quoted(title)), "\n$defs:\n  envelope:\n"
             "    type: object\n    description: What every event carries.\n"
             f"    required: [{', '.join(['type', 'time', 'case', *required])}]\n    properties:\n", _ENVELOPE]
    lines += [_field(one, shape, "      ") for one in everywhere]
    lines.append("\n  events:\n")
    for kind, activity in shape.activities.items():
        if kind not in shape.events:
            continue  # none of its events could be read
        own = [one for one in shape.fields[kind] if one != "case" and one not in everywhere]
        count = shape.events[kind]
        what = f"{shorten(activity)} ({count:,} event{'' if count == 1 else 's'})"
        lines.append(f"    {kind}:\n      type: object\n      description: {_quoted(what)}\n")
        lines.append("      properties:\n" if own else "      properties: {}\n")
        lines += [_field(one, shape, "        ") for one in own]
    return "".join(lines)


def _shared(shape: Shape) -> list[str]:
    """The fields of the envelope: those of cases, and those that events of every type have."""
    of = list(shape.fields.values())
    return [one for one in dict.fromkeys(name for fields in of for name in fields)
            if one != "case" and (shape.keys[one].startswith("case:") or all(one in fields for fields in of))]


def _field(name: str, shape: Shape, indent: str) -> str:
    """The line of a field, or the remark that takes its place."""
    schema = _schema(name, shape)
    if schema is None:
        kinds = sorted(shape.kinds[name] | shape.kinds.get(f"{name}[]", set()))
        return f"{indent}# {name}: left out, since its values are of no one kind ({', '.join(kinds)})\n"
    called = _quoted(f"`{shorten(shape.keys[name])}`")
    return f"{indent}{name}: {{{schema}, description: {called}{_examples(name, shape)}}}\n"


def _schema(name: str, shape: Shape) -> str | None:
    """The keywords of a value's type; None when the values are of several, or nothing is known of them."""
    match sorted(shape.kinds.get(name, ())):
        case ["list"]:
            items = _schema(f"{name}[]", shape)
            return items and f"type: array, items: {{{items}}}"
        case ["record"]:
            inside = {one: _schema(one, shape) for one in shape.kinds
                      if one.startswith(f"{name}.") and "[]" not in one[len(name):] and not one.endswith("[]")}
            own = ", ".join(f"{one[len(name) + 1:]}: {{{schema}}}" for one, schema in inside.items() if schema)
            return f"type: object, properties: {{{own}}}"
        case ["integer", "number"]:
            return _SCHEMAS["number"]
        case [kind]:
            return _SCHEMAS[kind]
        case _:
            return None


def _examples(name: str, shape: Shape) -> str:
    samples = shape.samples.get(name, ()) if shape.kinds.get(name) == {"text"} else ()
    return f", examples: [{', '.join(map(_quoted, samples))}]" if samples else ""


def _quoted(text: str) -> str:
    """A YAML scalar in double quotes, on one line."""
    return json.dumps(shorten(text, 120), ensure_ascii=False)
