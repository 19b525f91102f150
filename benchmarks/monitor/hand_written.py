"""The seven rules of `traces/seven.policy` by hand, as a state machine in Python over NDJSON: how fast Python can be.

Every event in order, what each rule needs to know of each key, deadlines in queues. No late events, no evidence, no
state on disk. `--parse`: only read the lines. Prints the violated moments by rule as JSON.

    python benchmarks/monitor/hand_written.py TRACE.ndjson [--parse]
"""

from __future__ import annotations

import json
import sys
from collections import deque
from typing import Any

import msgspec

SECOND = 1_000_000
WITHIN = {"deleted_on_request": 360 * 3600 * SECOND, "reminded_every_two_hours": 300 * SECOND,
          "images_labelled": 10 * SECOND, "human_takes_over": 600 * SECOND}
GAP = 600 * SECOND
TWO_HOURS = 7200 * SECOND


class Event(msgspec.Struct):
    """A line of the trace."""

    type: str
    time: str
    user: int
    session: int = 0
    target: int = 0
    actor: str = ""
    minor: bool = False


def judge(path: str) -> dict[str, int]:
    """Violated moments by rule."""
    from datetime import datetime

    violated = dict.fromkeys((*WITHIN, "no_training_without_consent", "minors_share_with_guardians_consent",
                              "notice_before_the_first_message"), 0)
    # A duty is [due, key, open]; those of a rule fall due in the order in which they arise.
    duties: dict[str, deque[list[Any]]] = {rule: deque() for rule in WITHIN}
    open_for: dict[str, dict[int, list[list[Any]]]] = {rule: {} for rule in WITHIN}
    agreed: set[int] = set()
    allowed: set[tuple[int, int]] = set()
    noticed: set[int] = set()
    seen: set[int] = set()
    last: dict[int, int] = {}
    began: dict[int, int] = {}
    reminded: dict[int, int] = {}
    decode = msgspec.json.Decoder(Event).decode
    from_iso = datetime.fromisoformat

    def due(rule: str, key: int, t: int) -> None:
        duty = [t + WITHIN[rule], key, True]
        duties[rule].append(duty)
        open_for[rule].setdefault(key, []).append(duty)

    def answered(rule: str, key: int, t: int) -> None:
        for duty in open_for[rule].pop(key, ()):
            if t <= duty[0]:
                duty[2] = False

    with open(path, "rb") as lines:
        for line in lines:
            event = decode(line)
            t = int(from_iso(event.time).timestamp() * SECOND)
            for rule, queue in duties.items():
                while queue and queue[0][0] < t:
                    duty = queue.popleft()
                    if duty[2]:
                        violated[rule] += 1
                        some = open_for[rule].get(duty[1])
                        if some and some[0] is duty:
                            del some[0]
            kind, user = event.type, event.user
            if kind == "message":
                session = event.session
                if session not in seen:
                    seen.add(session)
                    violated["notice_before_the_first_message"] += session not in noticed
                before = last.get(user)
                if before is None or t - before > GAP:
                    began[user] = t
                else:
                    start = began[user]
                    if t - start > TWO_HOURS and (before - start - 1) // TWO_HOURS < (t - start - 1) // TWO_HOURS:
                        mark = start + (t - start - 1) // TWO_HOURS * TWO_HOURS
                        if reminded.get(user, -1) < mark:
                            due("reminded_every_two_hours", user, t)
                last[user] = t
            elif kind == "ai_notice":
                noticed.add(event.session)
            elif kind == "reminder":
                reminded[user] = t
                answered("reminded_every_two_hours", user, t)
            elif kind == "image_generated":
                due("images_labelled", event.target, t)
            elif kind == "image_label":
                answered("images_labelled", event.target, t)
            elif kind == "self_harm_signal":
                due("human_takes_over", event.session, t)
            elif kind == "human_takeover":
                answered("human_takes_over", event.session, t)
            elif kind == "deletion_request":
                if event.actor in ("user", "guardian"):
                    due("deleted_on_request", user, t)
            elif kind == "history_deleted":
                answered("deleted_on_request", user, t)
            elif kind == "consent_granted":
                agreed.add(user)
            elif kind == "consent_withdrawn":
                agreed.discard(user)
            elif kind == "training_use":
                violated["no_training_without_consent"] += user not in agreed
            elif kind == "guardian_consent":
                allowed.add((user, event.target))
            elif kind == "share":
                violated["minors_share_with_guardians_consent"] += event.minor and (user, event.target) not in allowed
    return violated


def parse(path: str) -> dict[str, int]:
    """Nothing but the lines."""
    decode = msgspec.json.Decoder(Event).decode
    with open(path, "rb") as lines:
        for line in lines:
            decode(line)
    return {}


if __name__ == "__main__":
    print(json.dumps((parse if "--parse" in sys.argv else judge)(sys.argv[1])))
