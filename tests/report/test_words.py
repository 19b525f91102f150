"""All that a report says is there in both languages, with the same values, and nothing that is never said."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

import policyengine
from policyengine.base.calendar import Calendar
from policyengine.base.diagnostic import Severity
from policyengine.base.source import Source, Span
from policyengine.core.case import Event
from policyengine.core.verdict import (
    VERDICTS,
    DividedByZero,
    EventAbsent,
    EventSeen,
    Evidence,
    FactRead,
    FieldRead,
    Incomplete,
    Missing,
    MissingFact,
    MissingField,
    MissingState,
    MoreSeen,
    NotEmitted,
    ParameterUsed,
    PartDecided,
    Uncomputed,
    Value3,
    ValueComputed,
)
from policyengine.report.evidence import Context, evidence_line, missing_line
from policyengine.report.words import BETWEEN, LANGUAGES, WORDS, Said, as_is, citation, counted, either, joined

ROLES = ("match", "state start", "state end", "state value", "latest", "counted")


def places(template: str) -> list[str]:
    """What stands in a template, by number."""
    found = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    return sorted(name or str(place) for place, name in enumerate(found))


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_tell_the_same_values(key: str) -> None:
    english, chinese = WORDS[key]
    assert places(english) == places(chinese)


@pytest.mark.parametrize("key", WORDS)
def test_chinese_is_chinese(key: str) -> None:
    """But for options and what stands in the policy."""
    chinese = re.sub(r"`[^`]*`|--[a-z-]+", "", WORDS[key][1])
    assert not re.search("[A-Za-z]", chinese)
    assert not re.search(r"[,;:!?]", re.sub(r"\{[^}]*\}", "", chinese))


def test_all_of_it_is_said_somewhere() -> None:
    root = Path(policyengine.__file__).parent
    said = {node.value for file in (*root.glob("report/*.py"), *root.glob("workspace/*.py"), *root.glob("cli/*.py"))
            if file.name != "words.py" for node in ast.walk(ast.parse(file.read_text("utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    said |= {f"{word} many" for word in said if f"{word} many" in WORDS}
    said |= {f"part {value}" for value in get_args(Value3)} | {*get_args(Severity), *VERDICTS}
    said |= {*ROLES, *(f"more {role}" for role in ROLES), "article", "paragraph", "item"}
    assert [key for key in (*WORDS, *BETWEEN) if key not in said] == []


DAY = 86_400_000_000
CONTEXT = Context(Calendar("Asia/Shanghai"), None, {"rules.policy": Source("rules.policy", "age < 18")})
EVENT = Event("session_started", 0, {}, file="log.ndjson", row=3)
SPAN = Span("rules.policy", 1, 1, 1, 9)
BEGAN, CLOCK = "1970-01-01 08:00:00 +08:00", 57_600_000_000  # a local day begins sixteen hours later

EVIDENCE: list[tuple[Evidence | Missing, str, str]] = [
    (FactRead(("service", "x"), True), "service.x is true", "service.x 为 true"),
    (FactRead(("service", "x"), None), "service.x is not stated", "service.x 未填写"),
    (FactRead(("service", "x"), {}), "service.x is a record", "service.x 为 一条记录"),
    (FieldRead(EVENT, ("age",), 17), f"session_started.age is 17 at {BEGAN}", f"session_started.age 为 17（{BEGAN}）"),
    (FieldRead(EVENT, ("age",), None), f"session_started.age is not stated at {BEGAN}",
     f"session_started.age 未填写（{BEGAN}）"),
    (EventSeen(EVENT, "match"), f"session_started at {BEGAN}", f"{BEGAN} session_started"),
    (EventSeen(EVENT, "state value"), f"session_started at {BEGAN}", f"{BEGAN} session_started"),
    (EventSeen(EVENT, "state start"), f"began session_started at {BEGAN}", f"始于 {BEGAN} 的 session_started"),
    (EventSeen(EVENT, "state end"), f"ended session_started at {BEGAN}", f"止于 {BEGAN} 的 session_started"),
    (EventSeen(EVENT, "latest"), f"latest session_started at {BEGAN}", f"最近一次为 {BEGAN} 的 session_started"),
    (EventSeen(EVENT, "counted"), f"counted session_started at {BEGAN}", f"计入 {BEGAN} 的 session_started"),
    *((MoreSeen("use", 4_000, role), f"{word}4,000 earlier use", chinese) for role, word, chinese in (
        ("match", "", "此前另有 4,000 个 use"), ("state value", "", "此前另有 4,000 个 use"),
        ("state start", "began ", "此前另有 4,000 个起始 use"), ("state end", "ended ", "此前另有 4,000 个终止 use"),
        ("latest", "latest ", "此前另有 4,000 个 use"), ("counted", "counted ", "此前另计入 4,000 个 use"))),
    (EventAbsent("use", None, None), "no use before", "此前无 use"),
    (EventAbsent("use", 0, None), f"no use since {BEGAN}", f"自 {BEGAN} 起无 use"),
    (EventAbsent("use", None, 1), f"no use before {BEGAN}", f"{BEGAN} 前无 use"),
    (EventAbsent("use", None, CLOCK), "no use before the end of 1970-01-01", "1970-01-01 日终 前无 use"),
    (EventAbsent("use", 0, 1), f"no use at {BEGAN}", f"{BEGAN} 无 use"),
    (EventAbsent("use", 0, CLOCK), f"no use from {BEGAN} to the end of 1970-01-01",
     f"{BEGAN} 至 1970-01-01 日终 无 use"),
    (EventAbsent("use", CLOCK, CLOCK - DAY), "no use by the end of 1969-12-31, a deadline that had passed already at "
     "1970-01-02 00:00:00 +08:00", "1969-12-31 日终 前无 use，而该期限在 1970-01-02 00:00:00 +08:00 时已过"),
    (ValueComputed(SPAN, 7), "age < 18 is 7", "age < 18 为 7"),
    (ValueComputed(SPAN, None), "age < 18 is unknown", "age < 18 为 未知"),
    (ValueComputed(SPAN, (3, None)), "age < 18 is at least 3", "age < 18 为 至少 3"),
    (ValueComputed(SPAN, (3, 5)), "age < 18 is between 3 and 5", "age < 18 为 3 至 5 之间"),
    (ParameterUsed("promptly", "10 minutes"), "promptly = 10 minutes", "promptly = 10 minutes"),
    (PartDecided(SPAN, "true"), "`age < 18` is true", "`age < 18` 成立"),
    (PartDecided(SPAN, "false"), "`age < 18` is false", "`age < 18` 不成立"),
    (PartDecided(SPAN, "missing"), "`age < 18` is missing", "`age < 18` 无法确定"),
    (MissingFact(("service", "x")), "`service.x` is missing", "缺少 `service.x`"),
    (MissingField(EVENT, ("age",)), "`session_started.age` is missing", "缺少 `session_started.age`"),
    (MissingState("age", (), ("a.x", "b.y")), "age unknown: no a.x or b.y before the moment",
     "age 未知：该时刻之前无 a.x 或 b.y"),
    (NotEmitted("use"), "no source emits `use`", "没有来源记录 `use`"),
    (Incomplete("use", 0), f"`use` is complete only since {BEGAN}", f"`use` 的记录自 {BEGAN} 起才完整"),
    (DividedByZero(SPAN), "`age < 18` divides by zero", "`age < 18` 以零为除数"),
    (Uncomputed("number-too-large", "a number"), "a number", "a number"),
]


@pytest.mark.parametrize(("seen", "english", "chinese"), EVIDENCE)
def test_evidence_and_what_was_missing(seen: Evidence | Missing, english: str, chinese: str) -> None:
    line = missing_line(seen, CONTEXT) if isinstance(seen, Missing) else evidence_line(seen, CONTEXT)
    assert (line.text, line.said.told("zh")) == (english, chinese)


def test_every_kind_of_evidence_is_in_the_table() -> None:
    assert {type(seen) for seen, _, _ in EVIDENCE} == {*get_args(Evidence), *get_args(Missing)}


@pytest.mark.parametrize(("text", "chinese"), [
    ("Art. 18", "第18条"), ("Art. 8(1)", "第8条第1款"), ("Art. 8(1)(2)", "第8条第1款第2项"),
    ("Pipl Art. 13", "Pipl Art. 13"), ("§ 22602(c)", "§ 22602(c)"), ("", ""),
])
def test_citations(text: str, chinese: str) -> None:
    assert (citation(text).told(), citation(text).told("zh")) == (text, chinese)


def test_what_is_put_together() -> None:
    """However many they are, and with braces in them."""
    many = joined("and", map(str, range(5_000)))
    assert many.told() == ", ".join(map(str, range(5_000)))
    assert many.told("zh").count("、") == 4_999
    inner = Said("is", ("{x}", Said("at least", ("{}",))))
    assert (inner.told(), inner.told("zh")) == ("{x} is at least {}", "{x} 为 至少 {}")
    assert [as_is("a {b}").told(lang) for lang in LANGUAGES] == ["a {b}"] * 2
    assert [counted("event", number).told() for number in (0, 1, 1_000)] == ["0 events", "1 event", "1,000 events"]
    assert [either("a", chinese, lang) for chinese in ("", "甲") for lang in LANGUAGES] == ["a", "a", "a", "甲"]
