"""The twelve rules of bench.policy as an engineer would write them in Python: what the compiled rules are held against.

It has two answers, not three: what a rule needs and the configuration does not say counts as a finding.
"""

from __future__ import annotations

import re
from typing import Any

MEDIA = frozenset(("image", "video", "audio"))
CONTROLS = frozenset(("time_limit", "content_filter", "spending_limit", "usage_report"))
SECRET = re.compile(r"sk-[a-z0-9]{16,}|AKIA[0-9A-Z]{16}|-----BEGIN").search
NONE: dict[str, Any] = {}


def findings(config: dict[str, Any], today: str, retention_days: int = 180) -> list[str]:
    """The names of the rules that are not kept."""
    found = []
    if config.get("notice", NONE).get("prominent") is not True:
        found.append("notice")
    audience = config.get("audience", NONE)
    if "minors" in audience.get("groups", ()):
        if audience.get("guardian_consent", NONE).get("required") is not True:
            found.append("guardian_consent")
        if not CONTROLS.issubset(audience.get("guardian_controls", ())):
            found.append("guardian_controls")
    days = config.get("retention", NONE).get("chat_days")
    if days is None or days > retention_days:
        found.append("retention")
    explicit = implicit = True
    for channel in config.get("channels", ()):
        if channel["kind"] in MEDIA:
            label = channel.get("explicit_label", NONE)
            if label.get("enabled") is not True or not label.get("wording"):
                explicit = False
            mark = channel.get("implicit_label", NONE)
            if not (mark.get("mark") and mark.get("producer") and mark.get("content_id")):
                implicit = False
    if not explicit:
        found.append("explicit_labels")
    if not implicit:
        found.append("implicit_labels")
    for partner in config.get("partners", ()):
        if partner.get("consent") != "explicit":
            found.append("partners_have_consent")
            break
    training = config.get("training", NONE)
    if training.get("uses_chats") is True and training.get("opt_in") is not True:
        found.append("training_is_opt_in")
    minutes = config.get("reminder", NONE).get("minutes")
    if minutes is None or minutes > 120:
        found.append("reminder")
    service, filings = config.get("service", NONE), config.get("filings", NONE)
    large = service.get("registered_users", 0) >= 1_000_000 or service.get("monthly_users", 0) >= 100_000
    if large and filings.get("assessment") != "filed":
        found.append("large_services_are_assessed")
    for endpoint in config.get("endpoints", ()):
        if SECRET(endpoint["auth"]):
            found.append("no_secret_in_the_open")
            break
    algorithm = filings.get("algorithm", NONE)
    filed, expires = algorithm.get("filed_on"), algorithm.get("expires_on")
    launched = service.get("launched_on")
    if filed is None or expires is None or launched is None or filed > launched or expires < today:
        found.append("algorithm_is_filed")
    return found
