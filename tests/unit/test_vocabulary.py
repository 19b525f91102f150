"""Vocabularies: what JSON Schema becomes, and what is refused and where."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from policyengine.analysis.vocabulary import Vocabulary, load_vocabulary
from policyengine.base.diagnostic import concise
from policyengine.core.types import Bool, Date, Instant, ListOf, Number, Period, Record, Text

FILE = Path(__file__).parents[1] / "support" / "vocabulary.yaml"
SHIPPED = Path(__file__).parents[2] / "regulations" / "vocabulary"


def load(text: str) -> Vocabulary:
    vocabulary, found = load_vocabulary("some/folder/words.yaml", text)
    assert [concise(one) for one in found] == []
    assert vocabulary is not None
    return vocabulary


def faults(text: str) -> list[str]:
    vocabulary, found = load_vocabulary("v.yaml", text)
    assert vocabulary is None or not found
    return [concise(one) for one in found]


def field(record: object, *path: str) -> object:
    for name in path:
        assert isinstance(record, Record)
        one = record.field(name)
        assert one is not None, name
        record = one.type
    return record


def test_types_of_facts() -> None:
    facts = load(FILE.read_text("utf-8")).facts
    service = field(facts, "service")
    assert {name: field(service, name) for name in (
        "name", "kind", "modes", "labelled", "users", "share", "launched", "reviewed", "retention", "answer_time")} == {
        "name": Text(), "kind": Text(("companion", "assistant", "other")),
        "modes": ListOf(Text(("text", "image", "audio"))), "labelled": Bool(), "users": Number(integer=True),
        "share": Number(), "launched": Date(), "reviewed": Instant(), "retention": Period("month"),
        "answer_time": Period()}
    assert isinstance(service, Record) and service.closed
    channels = field(service, "channels")
    assert isinstance(channels, ListOf) and field(channels.item, "kind") == Text(("text", "image", "audio"))


def test_the_name_is_the_files() -> None:
    assert load("{type: object, properties: {}}").name == "words"


def test_events_have_the_envelopes_fields_and_keep_their_order() -> None:
    vocabulary = load(FILE.read_text("utf-8"))
    assert list(vocabulary.events)[:3] == ["registered", "age_verified", "consent_granted"]
    assert [one.place for one in vocabulary.events.values()] == list(range(len(vocabulary.events)))
    event = vocabulary.events["deletion_requested"]
    assert [one.name for one in event.record.fields] == [
        "time", "id", "sequence", "service", "user", "scope", "request", "deadline"]
    assert event.required == {"time", "user", "scope"}
    assert field(event.record, "time") == Instant()


def test_an_event_has_its_instant_even_without_an_envelope() -> None:
    vocabulary = load("type: object\nproperties: {}\n$defs:\n  events:\n    ping: {type: object, properties: {}}")
    assert field(vocabulary.events["ping"].record, "time") == Instant()


def test_the_schema_of_a_row_has_no_references() -> None:
    schema = load(FILE.read_text("utf-8")).events["registered"].schema
    assert schema["required"] == ["type", "time", "user"]
    assert schema["properties"]["user"] == {"type": "string", "minLength": 1, "description": "The user."}


def test_what_stands_beside_a_reference_goes_first() -> None:
    vocabulary = load("""
type: object
properties:
  a: {$ref: "#/$defs/kind", description: Mine., default: x}
$defs:
  kind: {type: string, enum: [x, y], description: Its.}
""")
    one = vocabulary.facts.field("a")
    assert one is not None and one.default == "x" and one.type == Text(("x", "y"))
    assert vocabulary.descriptions["a"] == ("Mine.", "")


def test_descriptions_and_places_by_path() -> None:
    vocabulary = load(FILE.read_text("utf-8"))
    assert vocabulary.descriptions["service.name"] == ("The name users see.", "名称")
    assert vocabulary.descriptions["message.user"] == ("The user.", "")
    line = vocabulary.places["service.channels.kind"].line
    assert "enum: [text, image, audio]" in FILE.read_text("utf-8").splitlines()[line - 1]
    assert vocabulary.places["registered.time"] == vocabulary.places["message.time"]


def test_numbers_stay_exact() -> None:
    vocabulary = load("type: object\nproperties:\n  a: {type: number, default: 0.1, minimum: 0}")
    one = vocabulary.facts.field("a")
    assert one is not None and one.default == Decimal("0.1") and isinstance(one.default, Decimal)
    assert vocabulary.schema["properties"]["a"]["minimum"] == 0


def test_a_record_without_additional_properties_is_closed() -> None:
    text = "type: object\nproperties:\n  a: {type: object, properties: {}, additionalProperties: %s}"
    assert field(load(text % "false").facts, "a") == Record((), closed=True)
    assert field(load(text % "true").facts, "a") == Record((), closed=False)


@pytest.mark.parametrize(("text", "expected"), [
    ("- a", "v.yaml:1:1: error[bad-vocabulary] expected a JSON Schema, found no mapping"),
    ("type: 'a' b", "v.yaml:1:11: error[yaml-syntax] cannot read YAML"),
    ("type: object\ntype: object\nproperties: {}", "v.yaml:2:1: error[duplicate-key] `type` stands twice"),
    ("type: object\nanyOf: []", "v.yaml:2:1: error[unknown-keyword] a vocabulary has no keyword `anyOf`"),
    ("type: object\nproperties:\n  a: {type: string, minimum: 3}",
     "v.yaml:3:21: error[unknown-keyword] `minimum` says nothing about a value of type string"),
    ("type: object\nproperties:\n  a: {type: text}", "v.yaml:3:13: error[bad-vocabulary] there is no type `text`"),
    ("type: object\nproperties:\n  a: {type: [string, 'null']}",
     "v.yaml:3:13: error[bad-vocabulary] a value has one type"),
    ("type: object\nproperties:\n  a: {}", "v.yaml:3:6: error[bad-vocabulary] a schema has a `type` or a `$ref`"),
    ("type: object\nproperties:\n  a: {type: array}", "v.yaml:3:6: error[bad-vocabulary] a list says what its `items`"),
    ("type: object\nproperties:\n  a: {type: string, format: uri}",
     "v.yaml:3:29: error[bad-vocabulary] there is no format `uri`"),
    ("type: object\nproperties:\n  a: {type: string, format: period, x-unit: fortnight}",
     "v.yaml:3:45: error[bad-vocabulary] there is no unit `fortnight`"),
    ("type: object\nproperties:\n  a: {type: string, x-unit: day}",
     "v.yaml:3:29: error[bad-vocabulary] `x-unit` stands with `format: period`"),
    ("type: object\nproperties:\n  a: {type: string, pattern: '('}",
     "v.yaml:3:30: error[bad-pattern] RE2 refuses the pattern"),
    ("type: object\nproperties:\n  a: {type: string, enum: []}",
     "v.yaml:3:27: error[bad-vocabulary] `enum` must be a list of texts, or of numbers"),
    ("type: object\nproperties:\n  a: {type: string, enum: [x], default: y}",
     "v.yaml:3:41: error[unknown-value] the default `y` is not among the values"),
    ("type: object\nproperties:\n  a: {type: boolean, default: 'no'}",
     "v.yaml:3:31: error[bad-vocabulary] the default is not of the value's own type"),
    ("type: object\nproperties:\n  a: {$ref: '#/$defs/b'}",
     "v.yaml:3:13: error[unknown-name] `$ref` names `#/$defs/b`, which is not in `$defs`"),
    ("type: object\nproperties:\n  a: {$ref: '#/$defs/b'}\n$defs:\n  b: {type: array, items: {$ref: '#/$defs/b'}}",
     "v.yaml:5:34: error[recursion] `b` is defined by itself: b -> b"),
    ("type: object\nproperties:\n  A: {type: string}", "v.yaml:3:3: error[bad-name] `A` is not a name of lower-case"),
    ("type: object\nrequired: [aa]\nproperties:\n  ab: {type: string}",
     "v.yaml:2:12: error[unknown-field] `aa` is required but is no property"),
    ("type: object\nadditionalProperties: {type: string}",
     "v.yaml:2:23: error[bad-vocabulary] `additionalProperties` is true or false"),
    ("type: string", "v.yaml:1:1: error[bad-vocabulary] the root must have `type: object`"),
    ("type: object\nproperties: {a: {type: object}}\n$defs: {events: {a: {type: object}}}",
     "v.yaml:3:18: error[duplicate-name] `a` is a fact and an event type"),
    ("type: object\n$defs: {envelope: {type: object, properties: {id: {type: string}}},\n"
     " events: {e: {type: object, properties: {id: {type: string}}}}}",
     "v.yaml:3:42: error[duplicate-name] `id` is a field of every event already"),
    ("type: object\n$defs: {events: {e: {type: string}}}",
     "v.yaml:2:21: error[bad-vocabulary] `e` must have `type: object`"),
    ("type: object\n$defs: {envelope: {type: object, properties: {time: {type: string}}}, events: {}}",
     "v.yaml:2:47: error[bad-vocabulary] `time` of an event has `format: date-time`"),
    ("type: object\nproperties:\n  a: &a {type: array, items: *a}",
     "v.yaml:3:6: error[yaml-syntax] an alias stands inside what it repeats"),
])
def test_what_is_refused(text: str, expected: str) -> None:
    found = faults(text)
    assert len(found) == 1 and found[0].startswith(expected), found


def test_all_mistakes_are_told_in_one_go() -> None:
    found = faults("type: object\nproperties:\n  a: {type: text}\n  b: {type: string, oneOf: []}\n  c: {}")
    assert [line.split(":")[1] for line in found] == ["3", "4", "5"]


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.yaml")), ids=lambda file: file.stem)
def test_shipped_vocabularies_load_and_describe_everything(file: Path) -> None:
    vocabulary = load(file.read_text("utf-8"))
    assert len(vocabulary.events) > 10
    undescribed = [name for name in vocabulary.events if not all(vocabulary.descriptions.get(name, ("", "")))]
    assert undescribed == []


def test_the_validator_is_not_loaded() -> None:
    code = "import sys, policyengine.analysis.vocabulary; sys.exit('jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
