"""The monitor where one key has all the events: processor seconds for each kind of question, and how they grow.

    python benchmarks/monitor/hot.py [--events 2000,4000,8000] [--only WORD]

Every event is of one user, within a month. Each question is the one rule of a policy of its own. The monitor is fed in
a process of its own, so that starting is not measured; verdicts are made as `guiju monitor` writes them. `doubled` is
what doubling the events multiplies the seconds by: 2 is linear, 4 a square. What is known to take the square (`SQUARE`)
gets a quarter of the events, in a table of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from project import make  # noqa: E402

from policyengine.workspace.embedded import open_monitor  # noqa: E402

Row = dict[str, Any]

VOCABULARY = """\
$schema: https://json-schema.org/draft/2020-12/schema
type: object
description: One user.
properties:
  service:
    type: object
    required: [id]
    properties:
      id: {type: string}
$defs:
  envelope:
    type: object
    required: [type, time, user]
    properties:
      type: {type: string}
      time: {type: string, format: date-time}
      user: {type: string}
      sequence: {type: integer}
  events:
    cap_set: {type: object, properties: {cap: {type: number}}}
    login: {type: object, properties: {sure: {type: boolean}}}
    payment:
      type: object
      properties:
        amount: {type: number}
        kind: {type: string}
        target: {type: integer}
    answer: {type: object, properties: {target: {type: integer}}}
    logout: {type: object, properties: {}}
"""

DECLARED = """\
policy xx/benchmark version 1
use vocabulary hot

state cap per user is cap_set.cap
state inside per user from login until logout
episode session per user of payment gap 2 hours ends at logout

"""


def policy(must: str, on: str = "payment as p", *more: str) -> str:
    lines = ["rule asked", "  cites Art. 1", "  family other", "  per user", f"  on {on}", *more, f"  must {must}"]
    return DECLARED + "".join(f"{line}\n" for line in lines)


START = datetime(2026, 7, 31, 16, tzinfo=UTC)  # a month begins in Shanghai


def at(second: float) -> str:
    return (START + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def payments(events: int, step: float = 300, **fields: Any) -> Iterator[Row]:
    """One each five minutes, to the hundredth, of growing targets."""
    chance = random.Random(1)
    for number in range(events):
        row = {"type": "payment", "time": at(number * step), "user": "u1", "amount": chance.randrange(10_000) / 100,
               "kind": chance.choice(("gift", "fee")), "target": number, **fields}
        yield {name: value for name, value in row.items() if value is not None}


def capped(events: int) -> Iterator[Row]:
    yield {"type": "cap_set", "time": at(0), "user": "u1", "cap": events * 40}
    yield from payments(events - 1)


def with_one_unknown(events: int) -> Iterator[Row]:
    yield {"type": "payment", "time": at(0), "user": "u1", "kind": "gift"}
    yield from payments(events - 1)


def logins(events: int, every: int) -> Iterator[Row]:
    for number, row in enumerate(payments(events)):
        yield {"type": "login", "time": row["time"], "user": "u1", "sure": True} if number % every == 0 else row


def alternating(events: int) -> Iterator[Row]:
    for number, row in enumerate(payments(events)):
        yield row if number % 3 == 0 else {"type": ("login", "logout")[number % 3 - 1], "time": row["time"],
                                           "user": "u1"}


def answered_at_last(events: int) -> Iterator[Row]:
    """All are answered when half have been, one by one."""
    half = list(payments(events // 2))
    yield from half
    for number, row in enumerate(half):
        yield {"type": "answer", "time": at(events * 300 + number), "user": "u1", "target": row["target"]}


def answered_all_at_once(events: int) -> Iterator[Row]:
    yield from payments(events - 1)
    yield {"type": "answer", "time": at(events * 300), "user": "u1", "target": 0}


def late(events: int) -> Iterator[Row]:
    rows = list(payments(events))
    random.Random(2).shuffle(rows)
    yield from rows


def one_instant(events: int) -> Iterator[Row]:
    yield from payments(events, step=0)


def numbered(events: int) -> Iterator[Row]:
    """All of one instant, told apart by `sequence`."""
    yield from ({**row, "sequence": number} for number, row in enumerate(payments(events, step=0)))


def half_answers(events: int) -> Iterator[Row]:
    """Half of them payments, and an answer of no one's after each."""
    for number, row in enumerate(payments(events // 2)):
        yield row
        yield {"type": "answer", "time": at(number * 300 + 1), "user": "u1", "target": 0}


def short_sessions(events: int) -> Iterator[Row]:
    for number, row in enumerate(payments(events)):
        yield row if number % 3 else {"type": "logout", "time": row["time"], "user": "u1"}


def unsure_logins(events: int) -> Iterator[Row]:
    for number, row in enumerate(payments(events)):
        yield row if number % 2 else {"type": "login", "time": row["time"], "user": "u1"}


QUESTIONS: dict[str, tuple[str, Callable[[int], Iterator[Row]]]] = {
    "sum this month, under a cap": (policy("sum of payment.amount this month <= cap"), capped),
    "the same, all events late in any order": (policy("sum of payment.amount this month <= 1000000"), late),
    "the same, one amount unknown": (policy("sum of payment.amount this month <= 1000000"), with_one_unknown),
    "the same, all amounts unknown": (policy("sum of payment.amount this month <= 1000000"),
                                      lambda events: payments(events, amount=None)),
    "the same, all of one instant": (policy("sum of payment.amount this month <= 1000000"), one_instant),
    "sum of a kind this month": (policy('sum of payment.amount where (kind = "gift") this month <= 1000000'), payments),
    "sum of the trigger's kind this month": (
        policy("sum of payment.amount where (kind = p.kind) this month <= 1000000"), payments),
    "sum of no greater amounts": (policy("sum of payment.amount where (amount <= p.amount) this month <= 1000000"),
                                  payments),
    "count within 20 days": (policy("count of payment within the last 480 hours <= 10000"), payments),
    "count within 80 hours": (policy("count of payment within the last 80 hours <= 10000"), payments),
    "count since the last login": (policy("count of payment since login <= 10000"),
                                   lambda events: logins(events, events)),
    "count during one of many sessions": (policy("count of payment during session <= 10000"), short_sessions),
    "count inside a state": (policy("count of payment where (inside) this month <= 10000"), alternating),
    "count during a session": (policy("count of payment during session <= 10000"), payments),
    "sum this month, and an answer in 30 days": (policy(
        "sum of payment.amount this month <= 1000000 and answer within 720 hours"), answered_all_at_once),
    "happened during a session": (policy('payment where (kind = "fee") during session'), payments),
    "happened since a sure login": (policy('payment where (kind = "fee") since login where (sure)'),
                                    lambda events: logins(events, events)),
    "happened this month to a smaller amount": (policy("payment where (amount < p.amount) this month"), payments),
    "happened at least 10 days before": (policy("payment where (p.time - time >= 240 hours) before"), payments),
    "happened before, which may be": (policy("login where (sure) before"), unsure_logins),
    "happened before to the same target": (policy("payment where (target = p.target) before"), payments),
    "value of a state": (policy("cap <= 100", "payment as p", "  when cap is present"), capped),
    "a state that changes": (policy("inside"), alternating),
    "the latest amount": (policy("latest payment.amount <= 50"), payments),
    "the first": (policy("login before", "first payment as p"), payments),
    "duration of sessions this month": (policy("duration of session this month <= 300 hours"), payments),
    "duration of many sessions this month": (policy("duration of session this month <= 300 hours"), alternating),
    "every 10 minutes of a session": (policy("answer within 10 minutes", "every 10 minutes of session"), payments),
    "10 minutes of a session without an answer": (
        policy("answer within 10 minutes", "10 minutes of session without answer"), payments),
    "every 10 minutes of a session, with a sum": (
        policy("sum of payment.amount this month <= 100000", "every 10 minutes of session"), payments),
    "an answer within 60 days, which never comes": (policy("answer within 1440 hours"), payments),
    "the same, one answers all": (policy("answer within 1440 hours"), answered_all_at_once),
    "the same, and a login": (policy("answer within 1440 hours and login within 1440 hours"), half_answers),
    "the same, of one instant and numbered": (policy("answer within 1440 hours"), numbered),
    "the same, each is answered": (policy("answer where (target = p.target) within 1440 hours"), answered_at_last),
    "the same, answers that may be theirs": (policy("answer where (target >= p.target) within 1440 hours"),
                                             answered_at_last),
    "an answer within 60 days, or a payment before": (
        policy("answer within 1440 hours or payment where (target = 7) before"), answered_at_last),
}

SQUARE = frozenset({
    "the same, all amounts unknown", "sum of no greater amounts", "happened this month to a smaller amount",
    "happened before, which may be", "duration of many sessions this month", "the same, answers that may be theirs"})


def spent(folder: Path, rows: list[Row], lateness: str) -> tuple[float, float, Counter[str]]:
    """Processor seconds, the most MB held by then, and the verdicts."""
    monitor = open_monitor({"service": {"id": "s"}}, folder=folder, lateness=lateness, everything=False)
    if monitor.warnings:
        sys.exit("\n".join(one.message for one in monitor.warnings))
    started, found = process_time(), Counter[str]()
    for row in rows:
        found.update(one.get("verdict", one["kind"]) for one in monitor.feed(row))
    found.update(one.get("verdict", one["kind"]) for one in monitor.finish())
    found["pending"] = sum(1 for _ in monitor.pending())
    return process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, +found


def alone(question: str, events: int) -> tuple[float, float, str]:
    """In a process of its own, so that memory is its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text, rows = QUESTIONS[question]
        (folder / "hot.yaml").write_text(VOCABULARY, "utf-8")
        make(folder, text, folder / "hot.yaml")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            found = spent(folder, list(rows(events)), "1440 hours" if rows is late else "0 seconds")
            with os.fdopen(writing, "w") as out:
                json.dump(found, out)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as given:
            text = given.read()
        if os.waitpid(child, 0)[1] or not text:
            sys.exit(f"{question}: failed")
        seconds, held, verdicts = json.loads(text)
        return seconds, held, ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", default="2000,4000,8000")
    parser.add_argument("--only", default="")
    a = parser.parse_args()
    sizes = [int(one) for one in a.events.split(",")]
    asked = [question for question in QUESTIONS if a.only in question]
    table([one for one in asked if one not in SQUARE], sizes)
    table([one for one in asked if one in SQUARE], [size // 4 for size in sizes])
    return 0


def table(questions: list[str], sizes: list[int]) -> None:
    if not questions:
        return
    print(f"| one user, processor seconds | {' | '.join(f'{size:,}' for size in sizes)} | doubled | MB | |\n"
          f"|---|{'---|' * len(sizes)}---|---|---|")
    for question in questions:
        runs = [alone(question, size) for size in sizes]
        grown = f"{runs[-1][0] / runs[-2][0]:.1f}" if len(runs) > 1 else ""
        print(f"| {question} | {' | '.join(f'{one[0]:.2f}' for one in runs)} | {grown} | {runs[-1][1]:.0f} | "
              f"{runs[-1][2]} |", flush=True)
    print()


if __name__ == "__main__":
    sys.exit(main())
