"""What could have followed at a place -> a message that says so in the words of the policy, with an example.

Which mistakes people make is not known here, only what the grammar allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policyengine.base.diagnostic import Diagnostic, nearest, shorten
from policyengine.syntax.grammar import CLAUSES, RESERVED
from policyengine.syntax.syntax_place import Place


@dataclass(frozen=True, slots=True)
class Want:
    """A kind of thing that may follow when all of `terminals` may."""

    terminals: frozenset[str]
    said: str
    example: str


OPERATORS = frozenset({"_AND", "_OR", "COMPARISON", "CONTAINS", "MATCHES", "SIGN", "FACTOR"})
RANGES = frozenset({"_WITHIN", "_BEFORE", "_SINCE", "_THIS", "_DURING", "NO"})
CLAUSE_STARTS = frozenset({"_WHEN", "_MUST", "_UNLESS"})

# The first row whose terminals may all follow says what was expected.
WANTS: tuple[Want, ...] = (
    Want(frozenset({"NAME", "NUMBER", "_NOT"}), "a condition", "such as `age < 18` or `consent_given before`"),
    Want(frozenset({"NAME", "NUMBER"}), "a value", 'such as `18`, `"text"` or `service.users`'),
    Want(frozenset({"NAME", "DURATION", "EVERY"}), "a trigger",
          "such as `on session_started`, `on every 2 hours of use` or `on start of use`"),
    Want(frozenset({"NAME", "DURATION"}), "a duration", "write how long, such as `72 hours` or `15 working days`"),
    Want(frozenset({"NAME", "LSQB"}), "a list", 'such as `service.channels` or `["text", "voice"]`'),
    Want(frozenset({"NUMBER"}), "a number", "such as `5`"),
    Want(frozenset({"PLACE"}), "a citation", "such as `Art. 18(2)`, `§ 22602(c)`, `Clause 5.4` or `Annex E`"),
    Want(frozenset({"CALENDAR_UNIT"}), "`day`, `week`, `month` or `year`", "such as `this day`"),
    Want(RANGES, "a range",
          "say when: `before`, `within 3 days`, `within the last 30 days`, `since other_event` or `this day`"),
    Want(frozenset({"_PRESENT", "_MISSING"}), "`present` or `missing`", "such as `x is present`"),
    Want(frozenset({"TEXT", "_VOCABULARY"}), "`vocabulary` or a file", "such as `use vocabulary ai_service`"),
)

# What a lone name is, by the word before it.
NAMES: Mapping[str, tuple[str, str]] = {
    "rule": ("the name of the rule", "such as `rule delete_on_request`"),
    "param": ("the name of the parameter", "such as `param answer_time = 5 days`"),
    "define": ("the name of the definition", "such as `define minor = age < 18`"),
    "state": ("the name of the state", "such as `state age per user is registered.age`"),
    "episode": ("the name of the episode", "such as `episode use per user of message gap 10 minutes`"),
    "per": ("a key", "such as `per user`"),
    "forget": ("a key", "such as `forget user at account_closed`"),
    "as": ("a name for the event", "such as `as request`"),
    "family": ("a family", "such as `family disclosure`"),
    "severity": ("`error`, `warning` or `info`", ""),
    "during": ("an episode", "such as `during continuous_use`"),
    "every": ("a name for the element", "such as `every channel in service.channels satisfies (…)`"),
    "some": ("a name for the element", "such as `some channel in service.channels satisfies (…)`"),
    "(": ("a name", ""),
}
EVENT = ("an event", "a type of the vocabulary, such as `session_started`")

SIGNS: Mapping[str, str] = {
    "COMMA": "`,`", "LPAR": "`(`", "RPAR": "`)`", "LSQB": "`[`", "RSQB": "`]`", "EQUAL": "`=`", "COLON": "`:`",
    "TEXT": "a text in quotes", "NAME": "a name", "NUMBER": "a number", "DURATION": "a duration", "PLACE": "a citation",
    "ID": "a name", "LABEL": "a version", "FIELD": "`.` and a field", "CALENDAR_UNIT": "a calendar unit",
    "_MUST_NOT": "`must not`", "BOOLEAN": "`true`", "DATE": "a date", "TIME": "a time", "_DURATION_OF": "`duration of`",
    "COMPARISON": "a comparison", "SIGN": "`+`", "FACTOR": "`*`",
}

EXAMPLES: Mapping[str, str] = {
    "_GAP": "an episode says which silence ends it, such as `gap 10 minutes`",
    "_BECAUSE": 'such as `unchecked Art. 3 because "a principle; no duty of the provider"`',
    "_VERSION": "such as `policy cn/human-like-ai version 2026-04-10-final`",
    "EQUAL": "such as `param answer_time = 5 days`",
    "_SATISFIES": 'such as `every channel in service.channels satisfies (channel.kind = "text")`',
    "FIELD": "such as `age_verified.age`: an event and one of its fields",
    "_WITHOUT": "such as `on 3 hours of streaming without notice_shown`",
    "_AT": "such as `forget user at account_closed`",
    "_LATER": "such as `no later than 3 days`",
    "_THAN": "such as `no later than 3 days`",
    "_LAST": "such as `within the last 30 days`",
    "LABEL": "such as `version 2026-04-10-final`",
    "ID": "such as `cn/human-like-ai` or `ai_service`",
    "_FROM": "such as `state subscribed per user from subscribed until cancelled`, or `is registered.age`",
}

EXAMPLES_AFTER: Mapping[tuple[str, str], str] = {
    ("ends", "_AT"): "such as `ends at logged_out`",
    ("fix", "TEXT"): 'such as `fix "Show a standing notice."`',
    ("zh", "TEXT"): 'such as `zh "用户知晓其正在与人工智能服务交互"`',
    ("because", "TEXT"): 'such as `because "a principle; no duty of the provider"`',
    ("applies", "_WHEN"): 'such as `applies when service.offered_in contains "CN"`',
}


def expected_at(place: Place) -> Diagnostic:
    """What was expected after the word before the place."""
    said, example = _wanted(place)
    behind = f" after `{shorten(place.previous, 40)}`" if place.before else ""
    if place.found and place.word.isidentifier() and (near := near_keyword(place)):
        return place.say(f"expected {said}{behind}, found `{shorten(place.word)}`", "not a word of the language",
                         f"did you mean `{near}`?")
    if place.found is None or place.word in RESERVED or place.word in (")", "]", ","):
        label = f"{without_article(said)} missing" if " or " not in said else "something is missing here"
    else:
        label = f"not {said}" if said.startswith(("a ", "an ")) and " or " not in said else "cannot stand here"
    return place.say(f"expected {said}{behind}, found {place.found_said}", label, example)


def _wanted(place: Place) -> tuple[str, str]:
    expected = place.expected
    for want in WANTS:
        if want.terminals <= expected and not expected & (OPERATORS - {"SIGN"}):
            if want is WANTS[0] and place.previous in ("=", ":", ",", "["):
                return WANTS[1].said, WANTS[1].example
            return want.said, want.example
    if expected - {"ANY", "_FIRST"} == {"NAME"}:
        return NAMES.get(place.previous, EVENT) if place.previous != "," else ("a name", "")
    ends = f" or {place.end}" if "$END" in expected else ""
    if expected & OPERATORS:
        closing = next((f" or `{s}`" for t, s in (("RPAR", ")"), ("RSQB", "]")) if t in expected), ends)
        return f"an operator{closing}", "join two conditions by `and` or `or`" if _begins_a_value(place.word) else ""
    if expected >= CLAUSE_STARTS:
        return "a clause", f"a rule has the clauses {', '.join(CLAUSES)}"
    words = [_said(t) for t in sorted(expected - {"$END"}) if t not in ("INSTRUMENT", "COMMA")]
    examples = (EXAMPLES_AFTER.get((place.previous, t)) or EXAMPLES.get(t) for t in sorted(expected))
    example = next((e for e in examples if e), "")
    if "$END" in expected:
        words.append(place.end)
    return _one_of(words or ["`,`"]), example


def _begins_a_value(word: str) -> bool:
    return word.startswith('"') or word[:1].isalnum() or word in ("(", "[")


def _said(terminal: str) -> str:
    return SIGNS.get(terminal) or f"`{terminal.strip('_').lower()}`"


def _one_of(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def without_article(said: str) -> str:
    """`condition` for `a condition`."""
    return re.sub(r"^(an?|the) ", "", said)


def near_keyword(place: Place) -> str | None:
    """The keyword that may stand here and was probably meant; not where a name could stand, which may be any word."""
    if "NAME" in place.expected or len(place.word) < 3:
        return None
    words = {t.strip("_").lower() for t in place.expected if t.strip("_").isalpha() and t not in SIGNS}
    return nearest(place.word.lower(), sorted(words - {"sign", "factor"}))
