"""A title or a `fix` without Chinese, in a file where other rules have it.

Why: a report in Chinese falls back to the English there, so its reader meets two languages in one list.

Example: `rule ai_notice "Users know they are talking to an AI service"`, beside rules whose titles go on with `zh "…"`.

Instead: `rule ai_notice "Users know they are talking to an AI service" zh "用户知晓其正在与人工智能服务交互"`

Fine: while the translation is under way. A file without any Chinese is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyengine.analysis.lint.subject import Finding, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """English texts alone, where a rule of the file has two."""
    rules = tuple(subject.own_rules())
    if not any(rule.title_zh or rule.fix_zh for rule in rules):
        return
    for rule in rules:
        for what, english, chinese in (("title", rule.title, rule.title_zh), ("`fix`", rule.fix, rule.fix_zh)):
            if english is not None and chinese is None:
                yield Finding(f"the {what} of `{rule.name.text}` is not said in Chinese", english.span, "English alone",
                              help='write `zh "…"` after it')
