"""`guiju monitor`: the verdicts of `check`, one by one as they become known, whatever happens to the process."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from policyengine.report.lines_schema import lines_schema
from policyengine.workspace import watching
from tests.workspace.conftest import cache, guiju, shop  # noqa: F401  (fixtures)
from tests.workspace.shop import Project, Ran, event, service

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = "examples/companion"
Row = dict[str, Any]


def monitor(project: Project, *args: str, **more: Any) -> Ran:
    return project.run(["monitor", *args], project.folder, **more)


LINE = jsonschema.Draft202012Validator(lines_schema())


def lines(text: str) -> list[Row]:
    """The lines of an output, each as the schema says: of very many, some hundred of them."""
    found = [json.loads(line) for line in text.splitlines()]
    for row in found[::1 + len(found) // 200]:
        LINE.validate(row)
    return found


def stream(*rows: Mapping[str, Any] | str) -> bytes:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def bought(time: str, **more: Any) -> Row:
    return event("bought", time, gift=False, **more)


def brief(rows: Iterable[Row]) -> list[str]:
    """`verdict rule user time` of each, or `late type`."""
    return [f"{row['kind']} {row['event']['type']}" if row["kind"] == "late" else
            f"{row['verdict']} {row['rule']} {row['moment']['keys'].get('user', '')} {row['moment']['time'][5:16]}"
            for row in rows]


def said(row: Row) -> str:
    """All that both commands say of a result."""
    return json.dumps({name: value for name, value in row.items() if name not in ("v", "kind", "id")}, sort_keys=True)


def trace_of(users: int, *, seed: int = 1) -> list[Row]:
    """Purchases with and without agreement and bills, over some weeks, in order."""
    chance = random.Random(seed)
    rows: list[tuple[int, Row]] = []
    for number in range(users):
        user, minute = f"u{number}", chance.randrange(40_000)
        if chance.random() < 0.8:
            rows.append((minute, {"type": "agreed", "user": user}))
        for _ in range(chance.randrange(4)):
            minute += chance.randrange(600)
            rows.append((minute, {"type": "bought", "user": user, "gift": chance.choice([None, True, False, False])}))
            if chance.random() < 0.7:
                rows.append((minute + chance.randrange(100), {"type": "billed", "user": user}))
    rows.sort(key=lambda one: one[0])
    return [{**row, "id": f"e{place}", "time": written(minute)} for place, (minute, row) in enumerate(rows)]


def written(minute: int) -> str:
    """So many minutes from July on, in Shanghai."""
    day = minute // 1440
    return f"2026-{7 + day // 31:02d}-{day % 31 + 1:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}:00+08:00"


# ---- one meaning -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("args", [(), ("--version", "draft")])
def test_the_example_is_judged_as_check_judges_it(guiju: Callable[..., Ran], args: tuple[str, ...]) -> None:  # noqa: F811
    common = [f"{EXAMPLE}/service.yaml", "--events", f"{EXAMPLE}/events.ndjson", *args]
    checked = guiju(["check", *common, "--format", "json", "--engine", "evaluator"], ROOT)
    ran = guiju(["monitor", *common, "--pending"], ROOT)
    assert ran.exit_code == checked.exit_code == 1, ran.stderr
    left = set(re.findall(r"warning\[unbounded-retention\]: `(\w+)`", ran.stderr))
    wanted = [one for one in checked.json()["results"] if one["moment"] is not None and one["rule"] not in left]
    found = lines(ran.stdout)
    assert sorted(map(said, found)) == sorted(map(said, wanted))
    assert Counter(one["verdict"] for one in found).keys() >= {"violated", "undecided", "exempt", "pending"}
    assert len({one["id"] for one in found}) == len(found)
    assert [one["kind"] == "pending" for one in found] == sorted(one["kind"] == "pending" for one in found)
    pending = [one["due"]["instant"] for one in found if one["kind"] == "pending"]
    assert pending == sorted(pending)


def test_all_verdicts_are_written_when_asked_for(shop: Project) -> None:  # noqa: F811
    trace = shop.trace(*trace_of(60))
    checked = shop.check(shop.good, "--events", trace, "--format", "json", "--all", "--engine", "evaluator")
    found = lines(monitor(shop, shop.good, "--events", trace, "--all", "--pending").stdout)
    wanted = [one for one in checked.json()["results"] if one["moment"] is not None]
    assert sorted(map(said, found)) == sorted(map(said, wanted))
    assert {one["version"] for one in found} == {"2-old", "3-new"}
    assert {one["verdict"] for one in found} >= {"violated", "satisfied", "pending"}


def test_python_collects_garbage_again_afterwards(shop: Project) -> None:  # noqa: F811
    monitor(shop, shop.good, "--events", shop.trace(*trace_of(20)), "--snapshot-every", "0s")
    assert gc.isenabled() and gc.get_freeze_count() == 0


def test_a_verdict_is_written_the_moment_it_is_known(shop: Project) -> None:  # noqa: F811
    process = start(shop, "services/good.yaml", "--rule", "only_with_agreement", "--rule", "bill_sent")
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(stream(bought("07-20 10:00"), event("agreed", "07-20 10:01")))
    process.stdin.flush()
    assert brief([json.loads(process.stdout.readline())]) == ["violated only_with_agreement u 07-20 10:00"]
    process.stdin.write(stream(event("agreed", "07-20 11:01")))
    process.stdin.flush()
    assert brief([json.loads(process.stdout.readline())]) == ["violated bill_sent u 07-20 10:00"]
    process.stdin.close()
    assert process.wait(20) == 1


def test_the_line_has_the_shape_that_is_documented(shop: Project) -> None:  # noqa: F811
    rows = [bought("07-20 10:00", id="b1"), event("agreed", "07-20 12:00")]
    found = lines(monitor(shop, shop.good, "--rule", "bill_sent", stdin=stream(*rows)).stdout)
    assert len(found) == 1
    one = found[0]
    assert list(one)[:4] == ["v", "kind", "id", "fingerprint"]
    assert (one["v"], one["kind"], one["rule"], one["articles"], one["severity"]) == (
        1, "verdict", "bill_sent", ["Art. 2(2)"], "error")
    assert re.fullmatch(r"[0-9a-f]{32}", one["id"])
    assert one["moment"] == {"time": "2026-07-20 10:00:00 +08:00", "instant": "2026-07-20T02:00:00Z",
                             "keys": {"user": "u"}, "event": "bought",
                             "place": {"file": "<stdin>", "line": None, "column": None, "row": 1}}
    assert [line["kind"] for line in one["evidence"]] == ["no-event", "parameter"] or one["evidence"]
    page = (ROOT / "docs" / "monitor.md").read_text("utf-8")
    assert [name for name in one if f"`{name}`" not in page] == []


def test_several_services(shop: Project) -> None:  # noqa: F811
    shop.write("two/a.json", service("a"))
    shop.write("two/b.json", service("b"))
    trace = shop.trace(*({**row, "service": "ab"[place % 3 == 0]} for place, row in enumerate(trace_of(40))))
    checked = shop.check("two", "--events", trace, "--format", "json").json()["results"]
    ran = monitor(shop, "two", "--events", trace, "--pending")
    assert sorted(map(said, lines(ran.stdout))) == sorted(said(one) for one in checked if one["moment"] is not None)
    nowhere = (bought("07-20 10:00"), bought("07-20 10:00", service="c"))
    ran = monitor(shop, "two", stdin=stream(*nowhere))
    assert ran.exit_code == 2 and ran.stderr.count("error[unknown-service]") == 2


def test_a_quiet_service_hears_the_clock_of_the_others(shop: Project) -> None:  # noqa: F811
    shop.write("two/a.json", service("a"))
    shop.write("two/b.json", service("b"))
    rows = [bought("07-20 10:00", service="a"), event("agreed", "07-20 12:00", service="b"),
            event("billed", "07-20 12:01", service="a")]
    found = lines(monitor(shop, "two", "--rule", "bill_sent", stdin=stream(*rows)).stdout)
    assert brief(found) == ["violated bill_sent u 07-20 10:00"]


# ---- the schema of a line --------------------------------------------------------------------------------------------

def test_the_schema_of_lines_is_whole_and_can_say_no(shop: Project) -> None:  # noqa: F811
    schema = shop.run(["schema", "monitor"], shop.folder).json()
    assert schema == lines_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(re.findall(r"#/\$defs/(\w+)", json.dumps(schema))) == set(schema["$defs"]), "what is named, no more"
    told = monitor(shop, shop.good, "--rule", "only_with_agreement", "--rule", "bill_sent", "--pending",
                   stdin=stream(bought("07-20 10:05"), event("agreed", "07-20 10:00"))).stdout
    found = {row["kind"]: row for row in lines(told)}
    assert found.keys() == {"late", "verdict", "pending"}
    verdict, pending = found["verdict"], found["pending"]
    for one in found.values():
        for name in one:
            assert not LINE.is_valid({key: value for key, value in one.items() if key != name}), name
        assert not LINE.is_valid({**one, "more": 1}) and not LINE.is_valid({**one, "v": 2})
        assert not LINE.is_valid({**one, "id": "x"}) and not LINE.is_valid({**one, "kind": "unjudged"})
    assert not LINE.is_valid({**verdict, "verdict": "pending"})
    assert not LINE.is_valid({**pending, "verdict": "violated"})
    assert LINE.is_valid({**verdict, "kind": "unjudged", "verdict": "unjudged"})


# ---- late and out of order -------------------------------------------------------------------------------------------

def test_events_out_of_order_within_the_lateness(shop: Project) -> None:  # noqa: F811
    rows = [bought("07-20 10:05"), event("agreed", "07-20 10:00"), event("agreed", "07-20 12:00", user="v")]
    args = (shop.good, "--rule", "only_with_agreement")
    assert lines(monitor(shop, *args, "--lateness", "5m", stdin=stream(*rows)).stdout) == []
    ran = monitor(shop, *args, "--lateness", "4 minutes", stdin=stream(*rows))
    late, violated = lines(ran.stdout)
    assert brief([late, violated]) == ["late agreed", "violated only_with_agreement u 07-20 10:05"]
    assert (late["watermark"], late["behind"]) == ("2026-07-20T02:01:00Z", "1 minute")
    assert late["event"]["place"] == {"file": "<stdin>", "line": None, "column": None, "row": 2}
    assert ran.exit_code == 1 and " 1 late" in ran.stderr


def test_late_events_alone_give_exit_code_1(shop: Project) -> None:  # noqa: F811
    rows = [event("agreed", "07-20 10:05"), event("agreed", "07-20 10:00")]
    assert monitor(shop, shop.good, stdin=stream(*rows)).exit_code == 1
    assert monitor(shop, shop.good, "--exit-zero", stdin=stream(*rows)).exit_code == 0


def test_repeated_rows_count_once(shop: Project) -> None:  # noqa: F811
    row = bought("07-20 10:00", id="b1")
    ran = monitor(shop, shop.good, "--rule", "only_with_agreement", stdin=stream(row, row))
    assert len(lines(ran.stdout)) == 1 and " 1 repeated" in ran.stderr


# ---- bad input -------------------------------------------------------------------------------------------------------

BAD = [("{", "json-syntax"), ('{"type":"bought","time":"noon","user":"u"}', "bad-time"),
       ('{"type":"sold","time":"2026-07-20T10:00:00Z"}', "unknown-event"),
       ('{"type":"bought","time":"2026-07-20T10:00:00Z"}', "event-required"),
       ('{"type":"bought","time":"2026-07-20T10:00:00Z","user":"u","user":"v"}', "duplicate-key"),
       ('{"type":"bought","time":"2026-07-20T10:00:00","user":"u"}', "bad-time"),
       ('{"type":"bought","time":"9999-12-31T10:00:00Z","user":"u"}', "date-out-of-range")]


def test_bad_lines_are_told_and_the_others_judged(shop: Project) -> None:  # noqa: F811
    good = [bought("07-20 10:00"), event("agreed", "07-20 12:00")]
    ran = monitor(shop, shop.good, "--rule", "only_with_agreement",
                  stdin=stream(good[0], "", *(text for text, _ in BAD), good[1]))
    assert ran.exit_code == 2
    assert brief(lines(ran.stdout)) == ["violated only_with_agreement u 07-20 10:00"]
    told = re.findall(r"error\[([a-z-]+)\].*\n *--> <stdin>:(\d+)", ran.stderr)
    assert sorted(told) == sorted((name, str(row)) for row, (_, name) in enumerate(BAD, 3))
    assert f"{len(BAD)} refused" in ran.stderr


def test_strict_stops_at_the_first(shop: Project) -> None:  # noqa: F811
    ran = monitor(shop, shop.good, "--strict", stdin=stream("{", bought("07-20 10:00")))
    assert ran.exit_code == 2 and "stopped" in ran.stderr and "error[json-syntax]" in ran.stderr


def test_many_bad_lines_are_counted(shop: Project) -> None:  # noqa: F811
    ran = monitor(shop, shop.good, stdin=stream(*["{"] * 200))
    assert ran.stderr.count("error[json-syntax]") == 50
    assert re.findall(r"error\[more-errors\].*\n *--> (\S+)", ran.stderr) == ["<stdin>:51:2"]
    assert ran.stderr.rindex("error[json-syntax]") < ran.stderr.index("error[more-errors]")  # it stood before them all
    assert "200 refused" in ran.stderr


def test_an_event_far_ahead_of_the_clock(shop: Project) -> None:  # noqa: F811
    rows = [event("agreed", "2999-01-01T00:00:00Z"), bought("07-20 10:00")]
    ran = monitor(shop, shop.good, "--rule", "only_with_agreement", "--max-ahead", "1h", stdin=stream(*rows))
    assert ran.exit_code == 2 and "error[event-ahead]" in ran.stderr
    assert brief(lines(ran.stdout)) == ["violated only_with_agreement u 07-20 10:00"]


@pytest.mark.parametrize(("args", "name"), [
    (("--events", "gone.ndjson"), "missing-file"), (("--events", "services"), "unreadable-file"),
    (("--lateness", "1 day"), "usage"), (("--lateness", "soon"), "usage"), (("--rule", "none"), "unknown-rule"),
    (("--rule", "lit"), "nothing-judged"), (("--regulation", "none"), "unknown-regulation"),
    (("--output", "no/such/out"), "cannot-write"), (("--state", "no/such/state"), "cannot-write"),
    (("--param", "none=1"), "unknown-param"), (("--events", "kafka://nobody"), "usage"),
    (("--events", "a.ndjson", "--events", "b.ndjson"), "usage"), (("--kafka-settings", "guiju.toml"), "usage"),
])
def test_what_cannot_be_done_is_refused(shop: Project, args: tuple[str, ...], name: str) -> None:  # noqa: F811
    if "kafka:" in args[1]:
        pytest.importorskip("confluent_kafka", reason="pip install 'guiju[kafka]'")
    ran = monitor(shop, shop.good, *args)
    assert (ran.exit_code, ran.stdout) == (2, "") and f"error[{name}]" in ran.stderr, ran.stderr


@pytest.mark.parametrize(("package", "extra"), [("msgspec", "monitor"), ("confluent_kafka", "kafka")])
def test_a_package_that_is_not_installed(shop: Project, monkeypatch: pytest.MonkeyPatch,  # noqa: F811
                                         package: str, extra: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else real(name))
    ran = monitor(shop, shop.good, "--events", "kafka://a:1/t")
    assert ran.exit_code == 2 and "error[missing-package]" in ran.stderr and f"guiju[{extra}]" in ran.stderr


def test_a_rule_that_would_keep_everything(shop: Project) -> None:  # noqa: F811
    shop.house("rule cheaper\n  cites Art. 2(2)\n  on bought as one\n"
               "  must not bought where (user != one.user) before\n")
    trace = stream(event("agreed", "07-20 10:00"))
    ran = monitor(shop, shop.good, stdin=trace)
    assert ran.exit_code == 0 and ran.stderr.count("warning[unbounded-retention]") == 1
    assert "left to `guiju check`" in ran.stderr
    ran = monitor(shop, shop.good, "--rule", "cheaper", stdin=trace)
    assert ran.exit_code == 2 and "error[unbounded-retention]" in ran.stderr


# ---- what cannot be judged -------------------------------------------------------------------------------------------

SQUARE = """rule squared
  cites Art. 2(2)
  family bills
  per user
  on bought as sale
  must sale.amount * sale.amount <= 100
"""
LARGE = 10 ** 12
"""Its square has more than 18 digits."""


def test_what_a_number_too_large_leaves_unjudged(shop: Project) -> None:  # noqa: F811
    """One rule at one event; `check`, which has the whole case at hand, judges nothing."""
    shop.house(SQUARE)
    rows = [bought("07-20 10:00", amount=LARGE), bought("07-20 10:01", amount=11), bought("07-20 10:02", user="v"),
            event("agreed", "07-20 12:00")]
    args = (shop.good, "--rule", "squared", "--rule", "only_with_agreement")
    ran = monitor(shop, *args, stdin=stream(*rows))
    assert ran.exit_code == 2
    assert sorted(brief(lines(ran.stdout))) == [
        "undecided squared v 07-20 10:02", "unjudged squared u 07-20 10:00",
        "violated only_with_agreement u 07-20 10:00", "violated only_with_agreement u 07-20 10:01",
        "violated only_with_agreement v 07-20 10:02", "violated squared u 07-20 10:01"]
    assert "error[number-too-large]: `squared` cannot be judged for `services/good.yaml` here" in ran.stderr
    assert "--> <stdin>:1:1" in ran.stderr and " 1 unjudged, " in ran.stderr and "; exit 2" in ran.stderr
    assert monitor(shop, *args, "--exit-zero", stdin=stream(*rows)).exit_code == 2
    assert "error[number-too-large]" in shop.refused(shop.good, "--events", shop.trace(*rows), "--version", "final")
    lost, = [row for row in lines(ran.stdout) if row["kind"] == "unjudged"]
    page = (ROOT / "docs" / "monitor.md").read_text("utf-8")
    assert [name for name in (*lost, "unjudged", "uncomputed") if f"`{name}`" not in page] == []


def test_a_day_that_no_calendar_has_leaves_a_moment_unjudged(shop: Project) -> None:  # noqa: F811
    rows = [bought("07-20 10:00"), bought("9999-12-20T00:00:00Z"), event("agreed", "9999-12-21T00:00:00Z")]
    ran = monitor(shop, shop.good, "--rule", "bill_sent", "--rule", "notified", "--version", "final",
                  stdin=stream(*rows, bought("9999-12-22T00:00:00Z", user="v")))
    assert [one for one in brief(lines(ran.stdout)) if "notified" in one] == [
        "violated notified u 07-20 10:00", "unjudged notified v 12-22 08:00"]
    assert ran.exit_code == 2 and "error[date-out-of-range]" in ran.stderr


def test_strict_stops_at_what_cannot_be_judged(shop: Project) -> None:  # noqa: F811
    shop.house(SQUARE)
    rows = [bought("07-20 10:00", amount=LARGE), bought("07-20 10:01", amount=11)]
    for more in ([], [bought("07-20 10:02")]):  # at the end, and before
        ran = monitor(shop, shop.good, "--rule", "squared", "--strict", stdin=stream(*rows[:1], *more))
        assert ran.exit_code == 2 and "stopped" in ran.stderr and "error[number-too-large]" in ran.stderr


def test_much_that_cannot_be_judged_is_written_and_not_all_told(shop: Project) -> None:  # noqa: F811
    shop.house(SQUARE)
    rows = [bought(f"07-20 {minute // 60 + 10}:{minute % 60:02}", amount=LARGE) for minute in range(200)]
    ran = monitor(shop, shop.good, "--rule", "squared", stdin=stream(*rows))
    assert ran.stderr.count("error[number-too-large]") == 50 and ran.stderr.count("error[more-errors]") == 1
    assert ran.stderr.rindex("error[number-too-large]") < ran.stderr.index("error[more-errors]")
    assert len(lines(ran.stdout)) == 200 and "200 unjudged" in ran.stderr


def test_a_later_run_still_says_what_was_not_judged(shop: Project) -> None:  # noqa: F811
    """By its exit code: nothing new has come, or much that is well."""
    shop.house(SQUARE)
    rows = [bought("07-20 10:00", amount=LARGE), bought("07-20 10:01", amount=1)]
    args = (shop.good, "--rule", "squared", "--events", shop.events_file, *KEPT)
    for number in (2, 2, 3):
        shop.trace(*rows, *[bought("07-20 10:02", amount=1)][:number - 2])
        ran = monitor(shop, *args)
        assert ran.exit_code == 2 and " 1 unjudged" in ran.stderr
        assert brief(lines((shop.folder / "out.ndjson").read_text())) == ["unjudged squared u 07-20 10:00"]


# ---- state and output ------------------------------------------------------------------------------------------------

KEPT = ("--state", "monitor.state", "--output", "out.ndjson", "--pending")


def test_a_later_run_goes_on(shop: Project) -> None:  # noqa: F811
    rows = trace_of(80)
    shop.trace(*rows)
    monitor(shop, shop.good, "--events", shop.events_file, "--output", "whole.ndjson", "--pending")
    codes = []
    for end in (10, 11, 60, len(rows)):
        shop.trace(*rows[:end])
        codes.append(monitor(shop, shop.good, "--events", shop.events_file, *KEPT))
    assert "going on from 60 events; the next is row 61 of" in codes[-1].stderr
    assert (shop.folder / "out.ndjson").read_bytes() == (shop.folder / "whole.ndjson").read_bytes()
    assert f"{len(rows):,} events" in codes[-1].stderr and codes[-1].exit_code == 1
    before = (shop.folder / "out.ndjson").read_bytes()
    monitor(shop, shop.good, "--events", shop.events_file, *KEPT)
    assert (shop.folder / "out.ndjson").read_bytes() == before


def test_the_output_of_somebody_else_is_not_touched(shop: Project) -> None:  # noqa: F811
    shop.write("out.ndjson", "mine\n")
    trace = shop.trace(*trace_of(5))
    ran = monitor(shop, shop.good, "--events", trace, *KEPT)
    assert ran.exit_code == 2 and "error[output-exists]" in ran.stderr
    assert (shop.folder / "out.ndjson").read_text() == "mine\n"
    assert monitor(shop, shop.good, "--events", trace, *KEPT, "--fresh").exit_code == 1
    assert "mine" not in (shop.folder / "out.ndjson").read_text()
    (shop.folder / "out.ndjson").write_text("x")
    ran = monitor(shop, shop.good, "--events", trace, *KEPT)
    assert ran.exit_code == 2 and "error[output-changed]" in ran.stderr


@pytest.mark.parametrize("args", [
    ("--output", "events.ndjson"), ("--state", "events.ndjson"), ("--state", "out.ndjson", "--output", "./out.ndjson")])
@pytest.mark.parametrize("fresh", [(), ("--fresh",)])
def test_no_file_is_read_and_written_or_written_twice(shop: Project, args: tuple[str, ...],  # noqa: F811
                                                      fresh: tuple[str, ...]) -> None:
    trace = shop.trace(*trace_of(5))
    assert trace == "events.ndjson"
    before = (shop.folder / trace).read_bytes()
    ran = monitor(shop, shop.good, "--events", trace, *args, *fresh)
    assert ran.exit_code == 2 and "error[usage]" in ran.stderr and "the same file" in ran.stderr
    assert (shop.folder / trace).read_bytes() == before and not (shop.folder / "out.ndjson").exists()


def test_half_a_line_is_read_by_the_next_run(shop: Project) -> None:  # noqa: F811
    """A run now and then over a file that is being written to."""
    data = stream(*trace_of(40))
    shop.trace(*trace_of(40))
    monitor(shop, shop.good, "--events", shop.events_file, "--output", "whole.ndjson", "--pending")
    half = data.index(b"\n", len(data) // 2) + 30
    (shop.folder / shop.events_file).write_bytes(data[:half])
    ran = monitor(shop, shop.good, "--events", shop.events_file, *KEPT)
    assert ran.exit_code == 1 and "warning[half-a-line]" in ran.stderr
    (shop.folder / shop.events_file).write_bytes(data)
    ran = monitor(shop, shop.good, "--events", shop.events_file, *KEPT)
    assert ran.exit_code == 1 and "half-a-line" not in ran.stderr
    assert (shop.folder / "out.ndjson").read_bytes() == (shop.folder / "whole.ndjson").read_bytes()


@pytest.mark.parametrize(("closed", "name"), [("<&-", "standard input"), (">&-", "standard output")])
def test_a_closed_stream(shop: Project, closed: str, name: str) -> None:  # noqa: F811
    """As a service is started by some."""
    events = [] if "<" in closed else ["--events", shop.trace(*trace_of(5))]
    ran = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-m", "policyengine", "monitor",
                          shop.good, *events], cwd=shop.folder, env=environment(shop), capture_output=True,
                         text=True, check=False)
    assert ran.returncode == 2 and f"error[input-output]: {name} is closed" in ran.stderr, ran.stderr


@pytest.mark.parametrize("change", ["policy", "param", "facts", "rules", "services", "input", "damage"])
def test_a_state_of_something_else_is_refused(shop: Project, change: str) -> None:  # noqa: F811
    trace = shop.trace(*trace_of(20))
    assert monitor(shop, shop.good, "--events", trace, *KEPT).exit_code == 1
    args, name, stdin = [shop.good, "--events", trace, *KEPT], "other-snapshot", b""
    match change:
        case "policy":
            file = shop.folder / "regulations/xx/shop/3-new/rules.policy"
            file.write_text(file.read_text().replace("bill_time = 1 hour", "bill_time = 2 hours"))
        case "param":
            args += ["--param", "bill_time=3 hours"]
        case "facts":
            shop.write("services/good.yaml", "service: {id: good, prices: hidden, seats: 4, lit: true}\n")
        case "rules":
            args += ["--rule", "bill_sent"]
        case "services":
            args[0] = shop.write("services/other.yaml", service())
        case "input":
            args[2], name, stdin = "-", "input-changed", stream(*trace_of(20))
        case "damage":
            state = shop.folder / "monitor.state"
            state.write_bytes(state.read_bytes()[:-9])
            name = "bad-state"
    out = (shop.folder / "out.ndjson").read_bytes()
    ran = monitor(shop, *args, stdin=stdin)
    assert ran.exit_code == 2 and f"error[{name}]" in ran.stderr and "internal error" not in ran.stderr, ran.stderr
    assert "anew with `--fresh`" in ran.stderr
    # what the refused run may cut is only what it would write again
    assert out.startswith((shop.folder / "out.ndjson").read_bytes())
    assert monitor(shop, *args, "--fresh", stdin=stdin).exit_code == 1


def test_a_stream_goes_on_where_its_sender_does(shop: Project) -> None:  # noqa: F811
    rows = trace_of(60)
    monitor(shop, shop.good, "--output", "whole.ndjson", "--pending", stdin=stream(*rows))
    monitor(shop, shop.good, *KEPT, stdin=stream(*rows[:30]))
    ran = monitor(shop, shop.good, *KEPT, stdin=stream(*rows[30:]))
    assert "the next is row 31 of `<stdin>`" in ran.stderr
    assert (shop.folder / "out.ndjson").read_bytes() == (shop.folder / "whole.ndjson").read_bytes()


def test_a_full_disk(shop: Project) -> None:  # noqa: F811
    trace = shop.trace(*trace_of(50))
    ran = monitor(shop, shop.good, "--events", trace, "--output", "/dev/full", "--state", "monitor.state")
    assert ran.exit_code == 2 and "no space left on device" in ran.stderr and "internal error" not in ran.stderr
    state = json.loads((shop.folder / "monitor.state").read_bytes().splitlines()[1])
    assert state["watch"]["events"] == 0  # that of the beginning: what was not written does not count


def test_a_reader_that_leaves(shop: Project) -> None:  # noqa: F811
    shop.trace(*trace_of(400))
    process = start(shop, shop.good, "--events", shop.events_file, "--follow", "--all", "--state", "monitor.state")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    with (shop.folder / shop.events_file).open("ab") as file:
        for number in range(2000):
            file.write(stream(bought(f"09-{number // 100 + 1:02d} 10:00", user=f"x{number}")))
    assert process.wait(20) == 2
    assert b"error[output-closed]" in process.stderr.read()


# ---- a process that is stopped, killed, or left alone ----------------------------------------------------------------

def environment(project: Project) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GUIJU_")}
    return {**kept, "GUIJU_CACHE_DIR": str(project.folder / ".cache"), "PYTHONPATH": str(ROOT)}


def start(project: Project, *args: str, **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "policyengine", "monitor", *args], cwd=project.folder,
                            env={**environment(project), **env}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def until(process: subprocess.Popen[bytes], what: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for something that a process does; fail when it ends without."""
    end = time.monotonic() + seconds
    while not what():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            pytest.fail(f"it did not happen: {process.communicate()[1].decode()}")
        time.sleep(0.01)


def changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def grown(folder: Path, rows: list[Row], *, rotate: Iterable[int] = (), pause: float = 0.02) -> Iterator[int]:
    """Write the rows to events.ndjson bit by bit, also in parts of lines, renaming the file before some rows."""
    path = folder / "events.ndjson"
    file = path.open("ab", buffering=0)
    for place, row in enumerate(rows):
        if place in rotate:
            file.close()
            path.rename(folder / f"events.ndjson.{place:05d}")
            file = path.open("ab", buffering=0)
        data = stream(row)
        file.write(data[:7])
        file.write(data[7:])
        if place % 10 == 0:
            time.sleep(pause)
        yield place
    file.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(shop: Project, seed: int) -> None:  # noqa: F811
    """Lines are written while monitors are killed at random and started again; in the end each verdict stands once."""
    rows = trace_of(1200, seed=seed)
    shop.trace(*rows)
    monitor(shop, shop.good, "--events", shop.events_file, "--output", "whole.ndjson", "--pending", "--lateness", "10m")
    (shop.folder / shop.events_file).write_bytes(b"")
    chance = random.Random(seed)
    writer = grown(shop.folder, rows, rotate={len(rows) // 3, len(rows) // 2})
    done = threading.Event()

    def write() -> None:
        for _ in writer:
            pass
        done.set()

    thread = threading.Thread(target=write)
    args = (shop.good, "--events", shop.events_file, *KEPT, "--lateness", "10m", "--snapshot-every", "20ms")
    kills = 0
    while not done.is_set():
        before = changed(shop.folder / "monitor.state")
        process = start(shop, *args, "--follow")
        until(process, lambda: changed(shop.folder / "monitor.state") != before)  # noqa: B023
        if not kills:
            thread.start()  # what a file held before it was first followed and rotated, nobody looks for
        time.sleep(chance.random() * 0.6)
        process.kill()
        process.communicate()
        kills += 1
    thread.join()
    ran = monitor(shop, *args)
    assert kills > 3
    assert ran.exit_code == 1 and "going on from" in ran.stderr, ran.stderr
    assert f"{len(rows):,} events" in ran.stderr and not re.search(r"\blate\b", ran.stderr), ran.stderr
    place = re.compile(rb'"file":"events.ndjson","line":null,"column":null,"row":\d+')  # rows begin anew in each file
    found, wanted = ((shop.folder / name).read_bytes() for name in ("out.ndjson", "whole.ndjson"))
    assert place.sub(b"", found) == place.sub(b"", wanted)


@pytest.mark.parametrize(("large", "code"), [(False, 1), (True, 2)])
def test_killed_in_the_middle_of_a_file(shop: Project, large: bool, code: int) -> None:  # noqa: F811
    """Byte for byte the output of a run that nobody killed; also where there is in it what cannot be judged."""
    rows = trace_of(3000)
    if large:
        shop.house(SQUARE)
        rows = [row if row["type"] != "bought" else {**row, "amount": LARGE if place % 50 == 0 else place % 12}
                for place, row in enumerate(rows[:-200])] + rows[-200:]
    shop.trace(*rows)
    monitor(shop, shop.good, "--events", shop.events_file, "--output", "whole.ndjson", "--pending")
    whole = (shop.folder / "whole.ndjson").read_bytes()
    for part in (0.05, 0.4, 0.8):
        process = start(shop, shop.good, "--events", shop.events_file, *KEPT, "--snapshot-every", "1ms")
        until(process, lambda: size(shop.folder / "out.ndjson") > part * len(whole))  # noqa: B023
        process.kill()
        process.communicate()
        assert whole.startswith(cut := (shop.folder / "out.ndjson").read_bytes()) and (part > 0.5 or cut != whole)
    assert monitor(shop, shop.good, "--events", shop.events_file, *KEPT).exit_code == code
    assert (shop.folder / "out.ndjson").read_bytes() == whole
    assert (b'"kind":"unjudged"' in whole) == large


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_while_it_follows(shop: Project, number: int, code: int) -> None:  # noqa: F811
    rows = trace_of(30)
    shop.trace(*rows[:20])
    process = start(shop, shop.good, "--events", shop.events_file, "--follow", *KEPT)
    until(process, lambda: (shop.folder / "out.ndjson").exists() and (shop.folder / "out.ndjson").read_bytes())
    process.send_signal(number)
    _, told = process.communicate(timeout=20)
    assert process.returncode == code and re.search(rf"^20 events, .*; exit {code}$", told.decode(), re.MULTILINE), told
    shop.trace(*rows)
    monitor(shop, shop.good, "--events", shop.events_file, "--output", "whole.ndjson", "--pending")
    monitor(shop, shop.good, "--events", shop.events_file, *KEPT)
    assert (shop.folder / "out.ndjson").read_bytes() == (shop.folder / "whole.ndjson").read_bytes()


def test_two_monitors_of_one_state(shop: Project) -> None:  # noqa: F811
    shop.trace(*trace_of(5))
    process = start(shop, shop.good, "--events", shop.events_file, "--follow", "--state", "monitor.state",
                    "--snapshot-every", "1ms")
    until(process, (shop.folder / "monitor.state").exists)
    ran = monitor(shop, shop.good, "--events", shop.events_file, "--state", "monitor.state")
    process.kill()
    process.communicate()
    assert ran.exit_code == 2 and "error[in-use]" in ran.stderr


def test_the_wall_clock_lets_a_deadline_pass(shop: Project) -> None:  # noqa: F811
    """Nothing comes after the purchase; a second later the bill is missing."""
    shop.trace()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    args = (shop.good, "--rule", "bill_sent", "--param", "bill_time=1 second", "--follow", "--clock", "wall")
    assert "warning[no-lateness]" in monitor(shop, *args, "--no-follow", stdin=b"").stderr
    process = start(shop, *args, "--events", shop.events_file)
    with (shop.folder / shop.events_file).open("ab") as file:
        file.write(stream({"type": "bought", "user": "u", "gift": False, "time": now}))
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["verdict"] == "violated"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_a_backlog_is_not_late_by_the_wall_clock(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(watching, "WAIT", 0.0)
    ran = monitor(shop, shop.good, "--clock", "wall", stdin=stream(*trace_of(100)))
    assert not re.search(r"[0-9] (late|refused)\b", ran.stderr)


# ---- what is kept ----------------------------------------------------------------------------------------------------

def test_retention_is_printed(shop: Project) -> None:  # noqa: F811
    ran = monitor(shop, shop.good, "--retention")
    assert ran.exit_code == 0
    assert re.search(r"^xx/shop@3-new\n  RULE +KEEPS +FOR EACH +HOW MUCH\n", ran.stdout, re.MULTILINE)
    assert re.search(r"^  only_with_agreement +.* user +constant$", ran.stdout, re.MULTILINE), ran.stdout
