"""What an event log turned out to hold -> the text of a vocabulary for it: a JSON Schema in YAML, to begin with.

The `Shape` comes from `files.xes` or, for rows of NDJSON and CSV, from `look`, after a whole log was read. The text is
one that `analysis.vocabulary` reads; what it cannot say of the log stands in it as a remark. Files are not known here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.base.instants import parse_instant
from policyengine.base.scalars import number
from policyengine.base.source import Span
from policyengine.trace.files.log_names import identifier
from policyengine.trace.files.read import Event
from policyengine.trace.files.xes import SAMPLES, Shape
from policyengine.trace.files.xes_values import Kind

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

_ROW = """\
      type: {type: string, description: "What happened; a name of $defs.events."}
      time: {type: string, format: date-time, description: "When."}
      id: {type: string, minLength: 1, description: "Rows with one id are one event."}
      sequence: {type: number, description: "It orders events of one instant."}
"""

_XES_ROW = """\
      type: {type: string, description: "The activity; a name of $defs.events."}
      time: {type: string, format: date-time, description: "`time:timestamp`."}
      sequence: {type: integer, minimum: 1, description: "The place in the case; it orders events of one instant."}
      case: {type: string, minLength: 1, description: "`concept:name` of the case."}
"""

_SCHEMAS: Mapping[Kind, str] = {"text": "type: string", "instant": "type: string, format: date-time",
                                "integer": "type: integer", "number": "type: number", "boolean": "type: boolean"}
_VALUES: Mapping[Kind, str] = {"instant": '"2026-01-01T00:00:00Z"', "integer": "1", "number": "1", "boolean": "true",
                               "list": "[]", "record": "{}"}


def vocabulary_text(shape: Shape, name: str, title: str, *, xes: bool = True) -> str:
    """The vocabulary of a log, with a line end; `name` is that of its file without an ending.

    In an `xes` log every event type has the field `case`. What a case has, and what events of all types have, is the
    envelope's; it is required where the log declares it and every event has it. A field whose values are of two kinds
    is left out, with a remark. Of two texts that become one name, each has the text as its `title`, by which the log
    is read.
    """
    everywhere = _shared(shape, xes)
    given = ["type", "time", *(["case"] if xes else [])]
    required = owed(shape, xes=xes)
    lines = [_HEAD.format(title=shorten(title), name=name, quoted=_quoted(title)), "\n$defs:\n  envelope:\n"
             "    type: object\n    description: What every event carries.\n"
             f"    required: [{', '.join([*given, *required])}]\n    properties:\n", _XES_ROW if xes else _ROW]
    nowhere = [one for one in shape.keys if one in shape.kinds and not any(one in own for own in shape.fields.values())]
    lines += [_field(one, shape, "      ") for one in (*everywhere, *nowhere) if "[]" not in one and "." not in one]
    lines.append("\n  events:\n")
    for kind, activity in shape.activities.items():
        if kind not in shape.events:
            continue  # none of its events could be read
        own = [one for one in shape.fields[kind] if one not in given and one not in everywhere]
        count = shape.events[kind]
        what = f"{shorten(activity)} ({count:,} event{'' if count == 1 else 's'})"
        lines.append(f"    {kind}:\n      type: object\n      description: {_quoted(what)}\n")
        if kind in shape.twin_types:
            lines.append(f"      title: {_whole(activity)}\n")
        lines.append("      properties:\n" if own else "      properties: {}\n")
        lines += [_field(one, shape, "        ") for one in own]
    return "".join(lines)


def owed(shape: Shape, *, xes: bool) -> list[str]:
    """The fields that the vocabulary asks of every event, without `type`, `time` and, in an `xes` log, `case`."""
    everywhere = _shared(shape, xes)
    return [one for one in always(shape) if one in everywhere and one in shape.declared
            and identifier(one) == one and _schema(one, shape) is not None]


def example(name: str, shape: Shape) -> str:
    """A value of a field as YAML has it."""
    (kind, *more) = sorted(shape.kinds[name])
    samples = shape.samples.get(name)
    return _quoted(samples[0] if samples else "x") if kind == "text" and not more else _VALUES[kind]


def always(shape: Shape) -> list[str]:
    """The fields that every event has, in the order in which the log has them."""
    whole = sum(shape.events.values())
    names = dict.fromkeys(name for fields in shape.fields.values() for name in fields)
    return [one for one in names if sum(fields.get(one, 0) for fields in shape.fields.values()) == whole]


def _shared(shape: Shape, xes: bool) -> list[str]:
    """The fields of the envelope: those of cases, and those that events of every type have."""
    of = list(shape.fields.values())
    return [one for one in dict.fromkeys(name for fields in of for name in fields)
            if not (xes and one == "case")
            and (shape.keys[one].startswith("case:") or all(one in fields for fields in of))]


# ---- rows ---------------------------------------------------------------------------------------------------------

_SERVICE = "service"
"""A row says with it whose event it is; no vocabulary needs it."""

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_POINT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")


def look(shape: Shape, row: Event) -> Diagnostic | None:
    """Note what a row of NDJSON or CSV holds; or say why its type is none that a policy can write.

    A field that a policy could not write is noted by its name as it is, and becomes a remark. What a text of CSV means
    is guessed by how it is written: a number, a time with its offset, true or false.
    """
    kind = row.type
    if kind not in shape.events and identifier(kind) != kind:
        near = identifier(kind)
        return error("event-name", f"no policy can write the event type `{shorten(kind)}`: it is not a word of `a` to "
                     "`z`, digits and `_`, or it is one of the language", Span(row.file, row.row, 1, row.row, 1),
                     help=f"call it `{shorten(near)}` in the log, or have the log written anew with such names: "
                     "`--case COLUMN --activity type --time time`" if near else "")
    shape.activities.setdefault(kind, kind)
    shape.events[kind] = shape.events.get(kind, 0) + 1
    counts = shape.fields.setdefault(kind, {})
    for name, value in row.fields.items():
        if name != _SERVICE and value is not None:
            counts[name] = counts.get(name, 0) + 1
            shape.keys.setdefault(name, name)
            shape.declared.add(name)
            _note(shape, name, value, row.text_fields or name in row.given)
    return None


def _note(shape: Shape, name: str, value: Any, written: bool) -> None:
    """The kind of a value, and of those inside it. `written`: it is a text of which nobody has said what it means."""
    kinds = shape.kinds.setdefault(name, set())
    match value:
        case bool():
            kinds.add("boolean")
        case int():
            kinds.add("integer")
        case Decimal():
            kinds.add("number")
        case str():
            if "text" not in kinds:  # one that is text alone makes all of them text
                kind = _meant(value) if written else "instant" if _is_instant(value) else "text"
                if kind == "text":
                    kinds.difference_update(("instant", "integer", "number", "boolean") if written else ("instant",))
                kinds.add(kind)
            samples = shape.samples.setdefault(name, [])
            if len(samples) < SAMPLES and len(value) <= 40 and value not in samples:
                samples.append(value)
        case list():
            kinds.add("list")
            for one in value:
                _note(shape, f"{name}[]", one, written)
        case Mapping():
            kinds.add("record")
            for key, one in value.items():
                if one is not None and identifier(key) == key:
                    shape.keys.setdefault(f"{name}.{key}", key)
                    _note(shape, f"{name}.{key}", one, written)
        case _:
            pass


def _meant(text: str) -> Kind:
    """What a text of CSV is, by how it is written. `007` is text: somebody's number, of which the zeros count."""
    if text in ("true", "false"):
        return "boolean"
    if _WHOLE.fullmatch(text) or _POINT.fullmatch(text):
        try:
            number(text)
        except ValueError:
            return "text"
        return "number" if "." in text else "integer"
    return "instant" if _is_instant(text) else "text"


def _is_instant(text: str) -> bool:
    if text[4:5] != "-":  # as most are not
        return False
    try:
        parse_instant(text, None)
    except ValueError:
        return False
    return True


# ---- fields -------------------------------------------------------------------------------------------------------

def _field(name: str, shape: Shape, indent: str) -> str:
    """The line of a field, or the remark that takes its place."""
    schema = _schema(name, shape)
    if identifier(name) != name:
        return f"{indent}# {_quoted(name)}: left out, since no policy can write its name\n"
    if schema is None:
        kinds = sorted(shape.kinds[name] | shape.kinds.get(f"{name}[]", set()))
        return f"{indent}# {name}: left out, since its values are of no one kind ({', '.join(kinds)})\n"
    called = _quoted(f"`{shorten(shape.keys[name])}`")
    title = f", title: {_whole(shape.keys[name])}" if name in shape.twins else ""
    return f"{indent}{name}: {{{schema}, description: {called}{title}{_examples(name, shape)}}}\n"


def _schema(name: str, shape: Shape) -> str | None:
    """The keywords of a value's type; None when the values are of several, or nothing is known of them."""
    match sorted(shape.kinds.get(name, ())):
        case ["list"]:
            items = _schema(f"{name}[]", shape)
            return items and f"type: array, items: {{{items}}}"
        case ["record"]:
            inside = {one: _schema(one, shape) for one in shape.kinds
                      if one.startswith(f"{name}.") and not {"[", "."} & set(one[len(name) + 1:])}
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
    return _whole(shorten(text, 120))


def _whole(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
