"""A diff as JSON: what the schema says, no more and no less, and nothing a reader of JSON cannot have."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from policyengine.diff.model import Diff, Witness
from policyengine.report.diff_to_json import to_json
from tests.support import diffs

SCHEMA = Path(__file__).parents[2] / "policyengine" / "report" / "diff.schema.json"


def closed(schema: Any) -> Any:
    """The schema with nothing allowed that it does not name; readers may allow more."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    return {**made, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else made


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(closed(json.loads(SCHEMA.read_text("utf-8"))))


@pytest.mark.parametrize("diff", [diffs.FULL, diffs.TEXT_ONLY, diffs.EMPTY, diffs.hostile("\x00</script>\u202e")],
                         ids=["full", "text", "empty", "hostile"])
def test_the_schema_says_what_is_printed(diff: Diff, validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(json.loads(to_json(diff)))


def test_a_chain_has_steps_and_a_whole(validator: jsonschema.Draft202012Validator) -> None:
    made = json.loads(to_json(diffs.FULL, (diffs.FULL, diffs.EMPTY)))
    validator.validate(made)
    assert len(made["steps"]) == 2


def test_what_the_schema_does_not_know_is_refused(validator: jsonschema.Draft202012Validator) -> None:
    made = json.loads(to_json(diffs.FULL))
    more = copy.deepcopy(made)
    more["rules"][0]["surprise"] = 1
    del made["rules"][0]["direction"]
    for wrong in (more, made):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(wrong)


def test_numbers_stay_numbers() -> None:
    assert diffs.FULL.rules
    witness = Witness("satisfied", "violated", {"share": Decimal("0.25"), "users": Decimal(3)})
    rule = replace(diffs.FULL.rules[0], witnesses=(witness,))
    made = json.loads(to_json(replace(diffs.FULL, rules=(rule,))))
    assert made["rules"][0]["witnesses"][0]["facts"] == {"share": 0.25, "users": 3}
