"""Eighty rules about events in one policy: the 48 of the final measures, and those of the draft under names of their
own.

In comes nothing but the library; out come a policy and the order in which its rules are taken, five, twenty or all.
"""

from __future__ import annotations

import re
from pathlib import Path

MEASURES = Path(__file__).resolve().parents[2] / "regulations" / "cn" / "human-like-ai"

# The first five are of five kinds: a period in working days, a consent, an answer in minutes, a sum, a session.
FIRST = (
    "delete_on_request", "training_needs_separate_consent", "assistance_in_danger", "spending_within_monthly_cap",
    "reminder_every_two_hours",
    "complaints_answered_in_time", "sharing_needs_consent", "contact_reached_in_danger", "spending_within_single_cap",
    "time_limit_in_minors_mode", "age_and_contact_known", "agreement_before_registration", "no_unlawful_content",
    "guardian_consent_for_companionship", "generated_media_are_labelled", "ai_notice_in_session",
    "stop_on_exit_request", "no_retention_after_exit_request", "assessment_on_demand", "elderly_risk_warning")


def policy(count: int = 80) -> tuple[str, tuple[str, ...]]:
    """The text of the policy, and its rules, those of FIRST in front."""
    final, draft = (_declarations((MEASURES / version / "rules.policy").read_text("utf-8"))
                    for version in ("2026-04-10-final", "2025-12-27-draft"))
    common = _declarations((MEASURES / "common.policy").read_text("utf-8"))
    text = ["policy xx/benchmark version 1\nuse vocabulary ai_service\n"]
    known: set[tuple[str, str]] = set()
    rules: list[str] = []
    for source, prefix in ((common, ""), (final, ""), (draft, "draft_")):
        for kind, name, body in source:
            if kind == "rule":
                if not re.search(r"^  on ", body, re.MULTILINE) or len(rules) == count:
                    continue
                rules.append(prefix + name)
                text.append(re.sub(rf"^rule {name}\b", f"rule {prefix}{name}", body))
            elif kind in ("param", "state", "define", "episode", "applies") and (kind, name) not in known:
                known.add((kind, name))
                text.append(body)
    assert len(rules) == count, f"the library has {len(rules)} rules about events, not {count}"
    return "\n".join(text), (*FIRST, *(name for name in rules if name not in FIRST))


def _declarations(text: str) -> list[tuple[str, str, str]]:
    """Kind, name and text of each declaration; a declaration begins in the first column. The scope has no name."""
    found = []
    for body in re.split(r"^(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]:
        kind, name = (re.findall(r"\w+", body) + [""])[:2]
        found.append((kind, "" if kind == "applies" else name, body))
    return found
