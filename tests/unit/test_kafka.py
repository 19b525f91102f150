"""Kafka against the broker that librdkafka has built in for tests: order, positions, transactions, a full round."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("confluent_kafka", reason="needs `pip install 'guiju[kafka]'`")

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from policyengine.base.diagnostic import Diagnostic
from policyengine.trace.stream.feeds import NOTHING
from policyengine.trace.stream.kafka import Address, KafkaFeed, KafkaSink, parse_address, read_settings
from policyengine.trace.stream.ledger import StateFile, commit, open_state, resume
from tests.cli.test_monitor import environment, trace_of
from tests.workspace.conftest import cache, guiju, shop  # noqa: F401  (fixtures)
from tests.workspace.shop import Project, Ran

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Broker:
    """A broker in this process, with four partitions a topic."""

    producer: Producer
    address: str

    def send(self, topic: str, rows: list[Any], partition: Callable[[int], int] = lambda place: place % 4) -> None:
        for place, row in enumerate(rows):
            value = row if isinstance(row, bytes) or row is None else json.dumps(row).encode()
            self.producer.produce(topic, value, partition=partition(place))
        assert self.producer.flush(20) == 0


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "replaced:1", "log_level": 0})
    one = next(iter(producer.list_topics(timeout=20).brokers.values()))
    yield Broker(producer, f"{one.host}:{one.port}")


@pytest.fixture
def topic() -> str:
    return f"events-{uuid.uuid4().hex[:8]}"


def feed_of(broker: Broker, topic: str, *, follow: bool = False, position: Any = None) -> KafkaFeed:
    return KafkaFeed(Address(broker.address, topic), {}, None, follow=follow, position=position)


def all_of(feed: KafkaFeed) -> list[tuple[str, int, bytes]]:
    found = []
    while (chunk := feed.read(5.0)) is not None:
        found += list(zip(chunk.files, chunk.rows, chunk.lines, strict=True))
    feed.close()
    return found


def rows_at(*minutes: int) -> list[dict[str, str]]:
    return [{"type": "x", "time": f"2026-08-01T{minute // 60:02d}:{minute % 60:02d}:00Z"} for minute in minutes]


def test_partitions_are_merged_by_time(broker: Broker, topic: str) -> None:
    """Also when one partition lies wholly after another, and one is empty."""
    rows = rows_at(*range(1200))
    broker.send(topic, rows, lambda place: 0 if place < 400 else place % 2 + 1)
    found = all_of(feed_of(broker, topic))
    assert [json.loads(line) for _, _, line in found] == rows
    assert {name for name, _, _ in found} == {f"{topic}[{n}]" for n in range(3)}
    offsets = [row for name, row, _ in found if name == f"{topic}[0]"]
    assert offsets == list(range(400))


def test_messages_that_are_no_events_keep_their_place(broker: Broker, topic: str) -> None:
    first, last = rows_at(1, 2)
    broker.send(topic, [first, b"{", None, b'{"time": 3}', last], lambda _: 0)
    assert [line for _, _, line in all_of(feed_of(broker, topic))] == [
        json.dumps(first).encode(), b"{", b"", b'{"time": 3}', json.dumps(last).encode()]


def test_a_position_counts_what_was_handed_out_alone(broker: Broker, topic: str) -> None:
    rows = rows_at(*range(300))
    broker.send(topic, rows[:200])
    first = feed_of(broker, topic, follow=True)
    seen: list[bytes] = []
    while len(seen) < 200:
        chunk = first.read(5.0)
        assert chunk is not None
        seen += chunk.lines
    position = json.loads(json.dumps(first.position()))
    assert first.read(0.05) is NOTHING
    first.close()
    broker.send(topic, rows[200:])
    seen += [line for _, _, line in all_of(feed_of(broker, topic, position=position))]
    assert [json.loads(line) for line in seen] == rows


def test_a_position_between_messages_that_wait(broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a partition that is ahead much is read and not handed out."""
    monkeypatch.setattr("policyengine.trace.stream.kafka.BATCH", 7)
    rows = rows_at(*range(300))
    broker.send(topic, rows, lambda place: place % 4 if place < 200 else 1)
    seen: list[bytes] = []
    position = None
    while len(seen) < 300:
        feed = feed_of(broker, topic, position=position)
        for _ in range(2):
            if len(seen) == 300:
                break  # a busy broker may have handed out all of them at once
            chunk = next(filter(None, (feed.read(5.0) for _ in range(6))), None)
            assert chunk is not None, f"{len(seen)} of 300 came"
            seen += chunk.lines
        position = json.loads(json.dumps(feed.position()))
        feed.close()
    assert [json.loads(line) for line in seen] == rows


@pytest.mark.parametrize(("offsets", "said"), [
    ({"0": 999}, "partition 0 has no message at the offset 999, which comes next; messages were deleted"),
    ({"0": 0, "9": 3}, "partition 9 is not there any more; messages were deleted")])
def test_messages_that_are_gone_are_told(broker: Broker, topic: str, offsets: dict[str, int], said: str) -> None:
    """Going on with others would leave them out in silence."""
    broker.send(topic, rows_at(1, 2, 3), lambda _: 0)
    with pytest.raises(OSError, match=said):
        all_of(feed_of(broker, topic, position={"kind": "kafka", "topic": topic, "offsets": offsets}))


def test_a_followed_topic_gives_what_comes(broker: Broker, topic: str) -> None:
    broker.send(topic, rows_at(1))
    feed = feed_of(broker, topic, follow=True)
    seen = 0
    for minute in (2, 3, 4):
        chunk = feed.read(5.0)
        assert chunk is not None
        seen += len(chunk.lines)
        broker.send(topic, rows_at(minute), lambda _, minute=minute: minute % 4)  # type: ignore[misc]
    while seen < 4:
        chunk = feed.read(5.0)
        assert chunk is not None and chunk is not NOTHING
        seen += len(chunk.lines)
    feed.close()


class Unreachable:
    """A consumer whose broker answers while `there` is true."""

    def __init__(self, real: Any) -> None:
        self.real, self.there = real, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def get_watermark_offsets(self, *args: Any, **more: Any) -> Any:
        if not self.there:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return self.real.get_watermark_offsets(*args, **more)


def test_a_clock_goes_on_only_where_a_broker_says_there_is_no_more(broker: Broker, topic: str,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a backlog that takes its time, or a broker that is away, would make events late."""
    monkeypatch.setattr("policyengine.trace.stream.kafka.PROVEN", 0.2)
    sink = KafkaSink(Address(broker.address, topic), {}, state=topic, every=60)
    sink.write([json.dumps(row).encode() for row in rows_at(1, 2, 3)])
    sink.secure()
    sink.confirm(1)
    sink.close()
    feed = KafkaFeed(Address(broker.address, topic), {}, None, follow=True, wall=True)
    seen = 0
    until = time.monotonic() + 30
    while (chunk := feed.read(0.0)) is not NOTHING:
        assert chunk is not None and time.monotonic() < until
        seen += len(chunk.lines)
    assert seen == 3
    feed._asker = away = Unreachable(feed._asker)
    time.sleep(0.3)
    assert feed.read(0.0) is not NOTHING
    away.there = True
    assert feed.read(0.0) is NOTHING
    feed.close()


def test_nobody_answers() -> None:
    feed = Address("127.0.0.1:1", "events")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("policyengine.trace.stream.kafka.PATIENCE", 0.3)
        with pytest.raises(OSError) as caught:
            KafkaFeed(feed, {}, None, follow=False)
        assert caught.value.filename == "kafka://127.0.0.1:1/events"
        with pytest.raises(OSError):
            KafkaFeed(feed, {"no.such.setting": "1"}, None, follow=False)


def test_trouble_is_told_once_until_messages_come_again(broker: Broker, topic: str) -> None:
    broker.send(topic, rows_at(1), lambda _: 0)
    feed = feed_of(broker, topic, follow=True)
    for _ in range(3):
        feed._trouble(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    assert [(one.name, one.severity) for one in feed.notices()] == [("kafka", "warning")]
    assert feed.read(5.0) is not NOTHING
    feed._trouble(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    assert len(feed.notices()) == 1 and not feed.notices()
    feed.close()


def visible(broker: Broker, topic: str) -> list[bytes]:
    return [line for _, _, line in all_of(feed_of(broker, topic))]


def test_lines_without_a_state_arrive(broker: Broker, topic: str) -> None:
    sink = KafkaSink(Address(broker.address, topic), {}, state=None, every=60)
    sink.write([b"one", b"two"])
    assert sink.secure() == {"kind": "kafka", "topic": topic} and sink.confirmed() is None
    sink.close()
    assert sorted(visible(broker, topic)) == [b"one", b"two"]


def test_lines_of_a_transaction_that_was_not_committed_do_not_count(broker: Broker, topic: str) -> None:
    sink = KafkaSink(Address(broker.address, topic), {}, state="s", every=60)
    sink.write([b"one"])
    sink.secure()
    sink.confirm(1)
    sink.write([b"never"])
    sink.close()
    again = KafkaSink(Address(broker.address, topic), {}, state="s", every=60)
    again.write([b"two"])
    again.secure()
    again.confirm(2)
    again.close()
    assert sorted(visible(broker, topic)) == [b"one", b"two"]


def test_the_number_of_a_transaction_says_which_state_holds(broker: Broker, topic: str, tmp_path: Path) -> None:
    """The broker for tests takes the number that a transaction carries and forgets it, so it is told again by hand."""
    state = open_state(str(tmp_path / "state"))
    assert isinstance(state, StateFile)
    sink = KafkaSink(Address(broker.address, topic), {}, state="s", every=60)
    sink.write([b"one"])
    commit(state, sink, {"number": 1})
    sink.write([b"two"])
    state.prepare({"number": 2})
    sink.confirm(2)  # and the process ends before the state is put in place
    assert resume(state, None) == {"number": 1, "output": {"kind": "kafka", "topic": topic}}
    keeper = Consumer({"bootstrap.servers": broker.address, "group.id": sink.group, "log_level": 0})
    keeper.commit(offsets=[TopicPartition(topic, 0, 2)], asynchronous=False)
    keeper.close()
    assert sink.confirmed() == 2
    assert resume(state, sink.confirmed()) == {"number": 2} == state.read()
    sink.close()
    state.close()


@pytest.mark.parametrize(("text", "wanted"), [
    ("kafka://a:1/t", Address("a:1", "t")), ("kafka://a:1,b:2/t.x-y_z", Address("a:1,b:2", "t.x-y_z")),
    ("kafka://a:1", None), ("kafka://a:1/", None), ("kafka:///t", None), ("kafka://a:1/t/u", None),
    ("kafka://a /t", None),
])
def test_addresses(text: str, wanted: Address | None) -> None:
    found = parse_address(text)
    assert found == wanted if wanted else isinstance(found, Diagnostic) and found.name == "usage"


def test_settings_are_read_from_a_file() -> None:
    assert read_settings("k", "# ours\n\nsasl.password = a=b \nx=1") == {"sasl.password": "a=b", "x": "1"}
    wrong = read_settings("k", "x=1\nhalf\n")
    assert isinstance(wrong, Diagnostic) and "line 2 of `k`" in wrong.message


def test_from_topic_to_topic(broker: Broker, topic: str, shop: Project) -> None:  # noqa: F811
    """`guiju monitor` reads a topic in two runs and writes another; together what one run writes from a file."""
    rows = trace_of(150)
    shop.trace(*rows)
    wanted = run(shop, "--events", shop.events_file)
    out = f"{topic}-out"
    args = ("--no-follow", "--events", f"kafka://{broker.address}/{topic}", "--output", f"kafka://{broker.address}/{out}",
            "--state", "monitor.state")
    for part in (rows[:200], rows[200:]):
        broker.send(topic, part)
        ran = run(shop, *args)
        assert ran.exit_code == 1, ran.stderr
    assert f"{len(rows):,} events" in ran.stderr and "going on from 200 events" in ran.stderr
    found = [json.loads(line) for line in visible(broker, out)]
    assert {one["id"] for one in found} == {json.loads(line)["id"] for line in wanted.stdout.splitlines()}
    assert found[0]["place"]["file"].startswith(f"{topic}[")


def run(project: Project, *args: str) -> Ran:
    done = subprocess.run([sys.executable, "-m", "policyengine", "monitor", project.good, *args], cwd=project.folder,
                          env={**environment(project), "PYTHONUNBUFFERED": "1"}, capture_output=True, text=True,
                          timeout=120, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_setting_that_librdkafka_does_not_know(broker: Broker, shop: Project) -> None:  # noqa: F811
    settings = shop.folder / "kafka.properties"
    settings.write_text("no.such.setting=1\n")
    ran = shop.run(["monitor", shop.good, "--events", f"kafka://{broker.address}/x", "--kafka-settings", str(settings)],
                   shop.folder)
    assert ran.exit_code == 2 and "no.such.setting" in ran.stderr and "internal error" not in ran.stderr, ran.stderr
