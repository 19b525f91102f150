"""Configurations of made-up services, the same for the same number: about a third break one to three of the rules."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

SEED = 20_260_715
MEDIA = ("image", "video", "audio")
CONTROLS = ["time_limit", "content_filter", "spending_limit", "usage_report"]

Config = dict[str, Any]


def configurations(count: int) -> list[Config]:
    """`count` of them, as a JSON reader would give them."""
    dice = random.Random(SEED)
    return [_one(dice, number) for number in range(count)]


def _one(dice: random.Random, number: int) -> Config:
    config = _sound(dice, number)
    if dice.random() < 0.35:
        for break_rule in dice.sample(BREAKS, dice.randint(1, 3)):
            break_rule(dice, config)
    return config


def _sound(dice: random.Random, number: int) -> Config:
    """A configuration that keeps every rule."""
    minors, large, trains = dice.random() < 0.4, dice.random() < 0.3, dice.random() < 0.5
    audience: Config = {"groups": ["adults", "minors"] if minors else ["adults"]}
    if minors:
        audience["guardian_consent"] = {"required": True, "method": "id_card"}
        audience["guardian_controls"] = [*CONTROLS, "sleep_mode"][: dice.randint(4, 5)]
    return {
        "service": {"name": f"service-{number}", "operator": f"Company {dice.randint(1, 300)}",
                    "launched_on": _date(dice, 2024, 2025), "monthly_users": dice.randint(10, 99_999),
                    "registered_users": dice.randint(1_000_000, 9_000_000) if large else dice.randint(10, 999_999)},
        "notice": {"prominent": True, "wording": "您正在与人工智能交互", "place": dice.choice(["banner", "modal"])},
        "audience": audience,
        "retention": {"chat_days": dice.randint(1, 180), "backup_days": dice.randint(1, 30)},
        "channels": [_channel(dice, n) for n in range(dice.randint(3, 10))],
        "partners": [{"id": f"partner-{n}", "name": f"Partner {dice.randint(1, 60)}", "consent": "explicit",
                      "purpose": dice.choice(["analytics", "safety", "billing"]),
                      "data": dice.sample(["chats", "device", "location", "voice"], dice.randint(1, 3))}
                     for n in range(dice.randint(0, 5))],
        "training": {"uses_chats": trains, "opt_in": trains or dice.random() < 0.5},
        "reminder": {"minutes": dice.choice([30, 60, 90, 120]), "exit_button": True},
        "filings": {"assessment": "filed" if large else dice.choice(["filed", "none"]),
                    "algorithm": {"number": f"F-{dice.randrange(10**9):09d}", "filed_on": _date(dice, 2022, 2023),
                                  "expires_on": _date(dice, 2027, 2029)}},
        "endpoints": [{"id": f"endpoint-{n}", "url": f"https://api-{n}.example.com/v1/chat",
                       "auth": f"${{VAULT:secret/service/{dice.randint(1, 999)}}}",
                       "timeout": dice.choice([500, 1000, 3000])} for n in range(dice.randint(2, 10))],
    }


def _channel(dice: random.Random, number: int) -> Config:
    kind = dice.choice(["text", "text", "code", *MEDIA])
    channel: Config = {"id": f"channel-{number}", "kind": kind, "model": f"model-{dice.randint(1, 9)}",
                       "locale": dice.choice(["zh-CN", "en-US", "ja-JP"])}
    if kind in MEDIA:
        channel["explicit_label"] = {"enabled": True, "wording": "AI生成内容",
                                     "position": dice.choice(["start", "end"])}
        channel["implicit_label"] = {"mark": "AIGC", "producer": f"producer-{dice.randint(1, 99)}",
                                     "content_id": f"{dice.getrandbits(128):032x}"}
    return channel


def _date(dice: random.Random, first: int, last: int) -> str:
    return f"{dice.randint(first, last)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}"


# ---- how a rule is broken: a wrong value, or none ---------------------------------------------------------------

def _set(value: Any, *path: str) -> Callable[[random.Random, Config], None]:
    """Sets the value at a path, or as often takes it away."""
    def change(dice: random.Random, config: Config) -> None:
        inside = config
        for name in path[:-1]:
            inside = inside.setdefault(name, {})
        if dice.random() < 0.5:
            inside.pop(path[-1], None)
        else:
            inside[path[-1]] = value
    return change


def _minors(value: Any, name: str) -> Callable[[random.Random, Config], None]:
    def change(dice: random.Random, config: Config) -> None:
        config["audience"]["groups"] = ["adults", "minors"]
        _set(value, "audience", name)(dice, config)
    return change


def _label(name: str, part: str, value: Any) -> Callable[[random.Random, Config], None]:
    def change(dice: random.Random, config: Config) -> None:
        for channel in config["channels"]:
            if channel["kind"] in MEDIA and dice.random() < 0.5:
                _set(value, name, part)(dice, channel)
    return change


def _partner(dice: random.Random, config: Config) -> None:
    for partner in config["partners"][:1]:
        _set("implied", "consent")(dice, partner)


def _training(dice: random.Random, config: Config) -> None:
    config["training"]["uses_chats"] = True
    _set(False, "training", "opt_in")(dice, config)


def _large(dice: random.Random, config: Config) -> None:
    config["service"]["monthly_users"] = 500_000
    _set("draft", "filings", "assessment")(dice, config)


def _secret(dice: random.Random, config: Config) -> None:
    dice.choice(config["endpoints"])["auth"] = f"Bearer sk-{dice.getrandbits(96):024x}"


BREAKS: list[Callable[[random.Random, Config], None]] = [
    _set(False, "notice", "prominent"),
    _minors({"required": False}, "guardian_consent"),
    _set(400, "retention", "chat_days"),
    _label("explicit_label", "enabled", False),
    _label("implicit_label", "content_id", ""),
    _partner,
    _training,
    _set(240, "reminder", "minutes"),
    _minors(CONTROLS[:3], "guardian_controls"),
    _large,
    _secret,
    _set("2026-07-14", "filings", "algorithm", "expires_on"),
]
