"""A monitor inside a service: dicts in, dicts out, the same verdicts as the command's."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from policyengine.workspace.embedded import Refused, ServiceMonitor, open_monitor
from tests.cli.test_monitor import bought, brief, trace_of
from tests.workspace.shop import Project, Ran, event

SERVICE = {"service": {"id": "one", "prices": "shown", "seats": 4, "lit": True}}
Open = Callable[..., ServiceMonitor]


@pytest.fixture
def opened(shop: Project, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Open:
    monkeypatch.setenv("GUIJU_CACHE_DIR", str(cache))

    def open_it(service: Any = SERVICE, **more: Any) -> ServiceMonitor:
        return open_monitor(service, folder=shop.folder, **more)
    return open_it


def test_the_verdicts_are_those_of_the_command(opened: Open, shop: Project) -> None:
    rows = trace_of(40)
    shop.write("one.json", json.dumps(SERVICE))
    ran: Ran = shop.run(["monitor", "one.json", "--events", shop.trace(*rows), "--pending"], shop.folder)
    monitor = opened()
    found = [line for row in rows for line in monitor.feed(row)]
    found += [*monitor.finish(), *monitor.pending()]
    text = json.dumps(found).replace('"<event>"', '"events.ndjson"').replace("<service>", "one.json")
    assert comparable(json.loads(text)) == comparable(map(json.loads, ran.stdout.splitlines()))
    assert {one["verdict"] for one in found} >= {"violated", "pending"}


def comparable(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """All but what is made from the service's name, which is another here."""
    return [{**line, "fingerprint": "", "id": line["kind"] == "pending" or line["id"]} for line in lines]


def test_a_deadline_passes_by_the_clock(opened: Open) -> None:
    monitor = opened(rules=["bill_sent"], parameters={"bill_time": "10 minutes"})
    assert monitor.feed(bought("07-20 10:00")) == []
    assert monitor.advance(datetime(2026, 7, 20, 2, 9, tzinfo=UTC)) == []
    assert [one["rule"] for one in monitor.pending()] == ["bill_sent"]
    assert brief(monitor.advance(datetime(2026, 7, 20, 2, 11, tzinfo=UTC))) == ["violated bill_sent u 07-20 10:00"]
    assert monitor.pending() == [] and monitor.advance() == []
    late, = monitor.feed(event("billed", "07-20 10:01"))
    assert late["kind"] == "late"
    with pytest.raises(ValueError, match="aware"):
        monitor.advance(datetime(2026, 7, 20))


SPENDING = """rule spending
  cites Art. 2(2)
  family bills
  per user
  on bought as sale
  must sum of bought.amount within the last 30 days * 1000 <= 1000000

rule billed_at_once
  cites Art. 2(2)
  family bills
  per user
  on bought as sale
  must billed within 2 minutes
"""


def test_a_number_too_large_is_told_where_it_matters(opened: Open, shop: Project) -> None:
    """The rule that meets it says so at each moment that rests on it; other rules, other users and later months are
    judged as if it had never been. It used to end the monitor."""
    shop.house(SPENDING)
    rows = [bought(f"07-20 10:{minute:02}", amount=minute, user="uv"[minute % 2]) for minute in range(10)]
    rows[6]["amount"] = 10 ** 18 - 1
    rows += [bought("08-25 10:00", amount=2000), bought("08-25 10:05", amount=1, user="v")]

    def monitor(**more: Any) -> ServiceMonitor:
        return opened(rules=["spending", "billed_at_once"], **more)

    one = monitor()
    told = [line for row in rows[:7] for line in one.feed(row)]
    assert not [line for line in told if line["kind"] == "unjudged"], "an instant is judged when it is over"
    told += one.feed(rows[7])
    lost, = [line for line in told if line["kind"] == "unjudged"]
    assert (lost["verdict"], lost["rule"], lost["moment"]["keys"]) == ("unjudged", "spending", {"user": "u"})
    assert lost["place"] == lost["moment"]["place"] == {"file": "<event>", "line": None, "column": None, "row": 7}
    assert lost["missing"] == [{"kind": "uncomputed", "name": "number-too-large", "place": None,
                                "text": "a number has more than 18 digits before the point"}]
    assert lost["evidence"] == [] and lost["due"] is None and lost["rule_place"]["file"].endswith("house.policy")
    again = monitor(state=json.loads(json.dumps(one.snapshot())))
    rest = [line for row in rows[8:] for line in again.feed(row)] + again.finish()
    assert rest == [line for row in rows[8:] for line in one.feed(row)] + one.finish()
    told += rest
    assert brief(line for line in told if line["rule"] == "spending") == [
        "unjudged spending u 07-20 10:06", "unjudged spending u 07-20 10:08", "violated spending u 08-25 10:00"]
    assert len({line["id"] for line in told}) == len(told)
    never = monitor()
    rows[6]["amount"] = 0
    wanted = [line for row in rows for line in never.feed(row)] + never.finish()
    assert sorted(brief(line for line in told if line["kind"] == "verdict")) == sorted(brief(wanted))
    assert [duty["id"] for duty in one.pending()] == [duty["id"] for duty in never.pending()]


def test_a_duty_past_the_last_year_has_no_due_time(opened: Open, shop: Project) -> None:
    """Its due time can be judged by and not be written: asking what is open was an internal error."""
    shop.house("""rule billed_some_day
  cites Art. 2(2)
  family bills
  per user
  on bought as sale
  must billed within 200000 hours
""")
    one = opened(rules=["billed_some_day"])
    assert one.feed(bought("9990-01-01T00:00:00Z")) == one.finish() == []
    duty, = one.pending()
    assert (duty["verdict"], duty["due"], duty["rule"]) == ("pending", None, "billed_some_day")
    assert one.feed(event("billed", "9999-12-01T00:00:00Z")) == one.finish() == one.pending() == []


def test_what_does_not_fit_is_refused_and_changes_nothing(opened: Open) -> None:
    monitor = opened(rules=["only_with_agreement"])
    for number in range(60):
        with pytest.raises(Refused) as caught:
            monitor.feed({"type": "sold", "time": "2026-07-20T10:00:00Z", "n": number})
        assert [one.name for one in caught.value.diagnostics] == ["unknown-event"]
    with pytest.raises(Refused, match="no offset"):
        monitor.feed({**bought("07-20 10:00"), "time": "2026-07-20T10:00:00"})
    with pytest.raises(Refused, match="too-long"):
        monitor.feed({**bought("07-20 10:00"), "amount": 10 ** 20})
    instant = datetime(2026, 7, 20, 2, tzinfo=UTC)
    assert monitor.feed({**bought("07-20 10:00"), "time": instant, "amount": Decimal(3)}) == []
    assert brief(monitor.finish()) == ["violated only_with_agreement u 07-20 10:00"]


@pytest.mark.parametrize(("value", "raised", "said"), [
    (float("nan"), Refused, "number-not-finite"), (float("-inf"), Refused, "number-not-finite"),
    (Decimal("NaN"), Refused, "number-not-finite"), ("\ud800", Refused, "lone-surrogate"),
    (b"1", TypeError, "decode"), ([b"1"], TypeError, "decode"), ({"of": float("nan")}, Refused, "number-not-finite"),
    (object(), TypeError, "object"),
])
def test_what_json_cannot_say_is_not_written_as_something_else(opened: Open, value: Any, raised: type[Exception],
                                                               said: str) -> None:
    monitor = opened(rules=["only_with_agreement"])
    with pytest.raises(raised, match=said):
        monitor.feed({**bought("07-20 10:00"), "amount": value})
    assert monitor.finish() == [] and monitor.size() == 0


def test_threads_share_a_monitor(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a web service does that hands each request to a thread: calls wait for one another."""
    rows = trace_of(40)
    whole = opened(everything=True)
    wanted = [line["id"] for row in rows for line in whole.feed(row)] + [line["id"] for line in whole.finish()]
    monitor = opened(everything=True, lateness="1000 hours")
    inside = 0
    take = monitor._watch.take

    def slow(chunk: Any) -> Any:
        nonlocal inside
        inside += 1
        time.sleep(0.001)
        assert inside == 1
        lines = take(chunk)
        inside -= 1
        return lines

    monkeypatch.setattr(monitor._watch, "take", slow)

    async def served() -> list[list[dict[str, Any]]]:
        return await asyncio.gather(*(asyncio.to_thread(monitor.feed, row) for row in rows))

    told = [*(line for some in asyncio.run(served()) for line in some), *monitor.finish()]
    assert sorted(line["id"] for line in told) == sorted(wanted)


@pytest.mark.parametrize(("service", "more", "name"), [
    ({"service": {"id": "one", "pricse": 1}}, {}, "facts-unknown-key"),
    (SERVICE, {"regulation": "none"}, "unknown-regulation"),
    (SERVICE, {"rules": ["none"]}, "unknown-rule"), (SERVICE, {"rules": ["lit"]}, "nothing-judged"),
    (SERVICE, {"lateness": "1 day"}, "usage"), (SERVICE, {"lateness": "soon"}, "usage"),
    (SERVICE, {"state": {}}, "bad-state"), (SERVICE, {"state": {"monitors": [{}]}}, "bad-state"),
    (SERVICE, {"parameters": {"none": "1"}}, "unknown-param"),
])
def test_what_cannot_be_monitored_is_refused(opened: Open, service: Any, more: Any, name: str) -> None:
    with pytest.raises(Refused) as caught:
        opened(service, **more)
    assert name in {one.name for one in caught.value.diagnostics}


def test_a_state_goes_on(opened: Open) -> None:
    rows = trace_of(40)
    whole, first = opened(everything=True), opened(everything=True)
    wanted = [line for row in rows for line in whole.feed(row)]
    found = [line for row in rows[:60] for line in first.feed(row)]
    state = json.loads(json.dumps(first.snapshot()))
    second = opened(everything=True, state=state)
    assert second.size() == first.size() > 0
    found += [line for row in rows[60:] for line in second.feed(row)]
    assert found == wanted
    with pytest.raises(Refused) as caught:
        opened(rules=["bill_sent"], state=state)
    assert {one.name for one in caught.value.diagnostics} == {"other-snapshot"}


def test_a_rule_alone_may_be_named_alone(opened: Open) -> None:
    assert {kept.rule for _, kept in opened(rules="bill_sent").retention()} == {"bill_sent"}


@pytest.mark.parametrize("ask", [pickle.dumps, copy.deepcopy], ids=["pickled", "copied"])
def test_a_monitor_is_kept_by_its_snapshot(opened: Open, ask: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="snapshot"):
        ask(opened())


def test_an_instant_is_no_text(opened: Open) -> None:
    with pytest.raises(TypeError, match="an aware datetime, not str"):
        opened().advance("2026-08-01T10:00:00Z")  # type: ignore[arg-type]


def test_the_example_of_the_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The Python of docs/monitor.md, run as it stands there."""
    root = Path(__file__).resolve().parents[2]
    monkeypatch.chdir(root)
    page = (root / "docs" / "monitor.md").read_text("utf-8")
    _, _, rest = page.partition("```python\n")
    exec(compile(rest.partition("```")[0], "docs/monitor.md", "exec"), {})
    assert capsys.readouterr().out == rest.partition("```text\n")[2].partition("```")[0]
