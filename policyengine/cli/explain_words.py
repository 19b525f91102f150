"""What `guiju explain` says around a rule, in English and Chinese. What a policy and its cases say stays as written."""

from __future__ import annotations

from collections.abc import Mapping

from policyengine.workspace.config import Lang

# The parts of an explanation: (English, Chinese).
HEADINGS: Mapping[str, tuple[str, str]] = {
    "text": ("What the text says", "条文"),
    "reading": ("What the rule asks", "规则要求"),
    "rule": ("The rule", "规则原文"),
    "rests": ("What it rests on", "所依据的定义"),
    "params": ("Parameters", "参数"),
    "examples": ("Examples", "示例"),
    "fix": ("What to do", "整改"),
    "versions": ("Other versions", "其他版本"),
}

# What is said in them; `{}` are names, values and places.
SAID: Mapping[str, tuple[str, str]] = {
    "about": ("{}; {}", "{}；{}"),
    "comma": (", ", "、"),
    "cites nothing": ("cites nothing", "无条文依据"),
    "no family": ("no family", "无类别"),
    "tunable": ("tunable", "可调整"),
    "fixed": ("fixed", "固定"),
    "by": ("{} by {}", "{}，依据：{}"),
    "set": ("{}; from {}, the policy says {}", "{}；由 {} 设定，规则文件中为 {}"),
    "param": ("{} = {}  ({})", "{} = {}（{}）"),
    "param item": ("`{}` = {} ({})", "`{}` = {}（{}）"),
    "example": ("{}: {}", "{}：{}"),
    "several": ("{} {}", "{} 个{}"),
    "not stated": ("{}: not stated", "{}：未填写"),
    "more": ("and {} more events", "另有 {} 个事件"),
    "judged": ("judged at {}  ({})", "判断时刻 {}（{}）"),
    "absent": ("{}: no rule of this name", "{}：没有同名规则"),
    "same": ("{}: the same", "{}：相同"),
    "earlier": ("{}, which is earlier, says otherwise:", "{}（较早的版本）规定不同："),
    "later": ("{}, which is later, says otherwise:", "{}（较晚的版本）规定不同："),
    "change": ("{}: there {}; here {}", "{}：该版本{}；本版本{}"),
    "clause": ("`{}`", "为 `{}`"),
    "no clause": ("nothing", "无此项"),
}

# A clause of a rule -> the part of it that a diff names so.
PARTS = {"cites": "citations", "severity": "severity", "per": "keys", "on": "trigger", "when": "when", "must": "must",
         "unless": "unless"}


def heading(part: str, lang: Lang) -> str:
    return HEADINGS[part][lang == "zh"]


def say(key: str, lang: Lang, *values: object) -> str:
    """A row of SAID with its values."""
    return SAID[key][lang == "zh"].format(*values)
