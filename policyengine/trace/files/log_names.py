"""What a policy calls the activities and attributes of an event log: their texts in, names out.

A text becomes a name always in the same way (`identifier`), unless the vocabulary gives it one (`given_names`).
docs/process-mining.md has the table. How a log is written is not known here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policyengine.base.source import Span

ENVELOPE = frozenset({"type", "time", "id", "sequence", "case", "service"})
"""Fields that have a meaning of their own; an attribute of such a name becomes `event_…`."""

LONGEST = 200
"""A longer text becomes a name of so many characters where a vocabulary is written for it, which then says the text."""

RESERVED = frozenset({
    # the grammar's, which a test holds these to
    "and", "or", "not", "in", "is", "contains", "matches", "every", "some", "no", "any", "latest", "where", "satisfies",
    "within", "true", "false", "cites", "per", "on", "when", "must", "unless", "fix",
    # `on first`, what an expression may call, and the facts
    "first", "today", "local_time", "completed_years", "service",
})
"""Names that a policy would take for something else; an activity or attribute of such a name gets a `_` behind it."""


def identifier(text: str) -> str:
    """The name a policy writes for an activity or attribute; empty when the text has neither letter nor digit.

    `Take in charge ticket` is `take_in_charge_ticket`, `OfferID` `offer_id`, `org:resource` `org_resource`, `Prüfung`
    `prufung`, `Заявка` `zayavka`, `01_HOOFD_010` `x01_hoofd_010`, `fix` `fix_`, and `审` `u5ba1`: a letter of another
    script is written as its number. A text has one name, always; two texts may share theirs.
    """
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    plain = _HUMPS.sub(" ", plain).lower().translate(_LETTERS)
    if not plain.isascii():
        plain = "".join(one if one.isascii() else f" u{ord(one):04x} " if one.isalnum() else " " for one in plain)
    name = _BREAKS.sub("_", plain).strip("_")
    if name[:1].isdigit():
        name = f"x{name}"
    return f"{name}_" if name in RESERVED else name


_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BREAKS = re.compile(r"[^a-z0-9]+")
_LATIN = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i"}
_CYRILLIC = ("а:a б:b в:v г:g д:d е:e ж:zh з:z и:i к:k л:l м:m н:n о:o п:p р:r с:s т:t у:u ф:f х:kh ц:ts ч:ch ш:sh "
             "щ:shch ъ: ы:y ь: э:e ю:yu я:ya є:ye ґ:g ђ:dj ј:j љ:lj њ:nj ћ:c џ:dz")
_GREEK = ("α:a β:v γ:g δ:d ε:e ζ:z η:i θ:th ι:i κ:k λ:l μ:m ν:n ξ:x ο:o π:p ρ:r σ:s ς:s τ:t υ:y φ:f χ:ch ψ:ps ω:o")
_LETTERS = str.maketrans(_LATIN | dict(pair.split(":") for pair in f"{_CYRILLIC} {_GREEK}".split()))


@dataclass(frozen=True, slots=True)
class Given:
    """Names that a vocabulary has for what a log calls otherwise: an activity -> its event type, an attribute (with
    `case:` before it where it is one of a case) -> its field. `stands_for` has what each name stood for first in the
    logs that were read with these: under what, the text, and where."""

    activities: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    stands_for: dict[tuple[str, str], tuple[str, str, Span]] = field(default_factory=dict)


def given_names(schemas: Mapping[str, Mapping[str, Any]]) -> Given:
    """The names that the `title` of an event type or of a field gives; the schemas go by event type."""
    return Given({schema["title"]: name for name, schema in schemas.items() if "title" in schema},
                 {one["title"]: name for schema in schemas.values() for name, one in schema["properties"].items()
                  if "title" in one})


def said_of(above: str, key: str) -> str:
    """How an attribute is called where those of cases and of events meet."""
    return f"{above}{key}" if above or not key.startswith("case:") else f"event:{key}"
