"""Kafka as a monitor's input and output, by confluent-kafka; where each stands is kept in the monitor's state.

The feed reads every partition of a topic and hands their messages out merged by time, so that one partition being ahead
of another does not make events late. The sink writes in transactions where there is a state: a transaction carries the
number of the state that goes with it, so that after a crash both took effect or neither. What a message says is not
known here, but for the `time` of an event. OSError where a broker refuses, or cannot be reached in time.
"""

from __future__ import annotations

import errno
import hashlib
import heapq
import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from policyengine.base.diagnostic import Diagnostic, error, shorten, warning
from policyengine.base.record import record
from policyengine.trace.files.read import instants
from policyengine.trace.stream.feeds import NOTHING, Chunk, Position
from policyengine.trace.stream.ledger import Mark

SCHEME = "kafka://"
PATIENCE = 30.0  # seconds for a broker to answer what nothing can go on without
BATCH = 2_000  # messages asked for at once
FULL, LOW = 20_000, 5_000  # messages of one partition that wait for the others: when it pauses, when it goes on
REFRESH = 30.0  # seconds between two looks for new partitions
PROVEN = 1.0  # seconds for which a broker's word holds that it has no more
ANSWER = 2.0  # seconds for it to say so
_ADDRESS = re.compile(r"kafka://([^/\s]+)/([A-Za-z0-9._-]{1,249})")


@record
class Address:
    """`kafka://broker:9092,broker2:9092/topic`."""

    brokers: str
    topic: str


def parse_address(text: str) -> Address | Diagnostic:
    """The brokers and the topic of an address."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        return error("usage", f"`{shorten(text)}` is not an address such as `kafka://broker:9092/topic`")
    return Address(found[1], found[2])


def read_settings(path: str, text: str) -> dict[str, str] | Diagnostic:
    """librdkafka's settings, one NAME=VALUE a line as in a properties file; `#` begins a comment line."""
    settings = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if not equals:
                return error("usage", f"line {number} of `{shorten(path)}` is not NAME=VALUE",
                             help="write, for example, `security.protocol=SASL_SSL`")
            settings[name.strip()] = value.strip()
    return settings


# ---- reading ------------------------------------------------------------------------------------------------------

class _When(msgspec.Struct):
    time: str


class _Lane:
    """One partition: what was read of it and not handed out."""

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        self.partition = partition
        self.name = f"{topic}[{partition}]"
        self.next = offset  # of the first message that is not handed out
        self.read = offset  # of the first message that is not read
        self.waiting: deque[tuple[int, int, bytes]] = deque()  # time, offset, value
        self.latest = -(2 ** 63)
        self.at_end = False
        self.paused = False


class KafkaFeed:
    """The messages of a topic, from where the position says. `row` is a message's offset, the file `topic[partition]`.

    Offsets are not committed to the group: they are kept in the state, in step with the output. With `wall`, `NOTHING`
    is read only where the brokers have just said that there is no more: a clock may go by that.
    """

    resumes = True

    def __init__(self, address: Address, settings: Mapping[str, str], zone: str | None, *, follow: bool,
                 wall: bool = False, position: Position | None = None) -> None:
        self.name = f"{SCHEME}{address.brokers}/{address.topic}"
        self.live = follow
        self._topic = address.topic
        self._notices: list[Diagnostic] = []
        self._silent = False
        self._ended = False
        self._proven = float("-inf")
        self._lanes: dict[int, _Lane] = {}
        self._instant = instants(zone)
        self._when = msgspec.json.Decoder(_When).decode
        self._looked = time.monotonic()
        self._offsets: dict[str, int] = position["offsets"] if position else {}
        common = {"group.id": "guiju-monitor", **settings, "bootstrap.servers": address.brokers,
                  "enable.auto.commit": False}
        self._consumer = _made(Consumer, {**common, "enable.partition.eof": True, "auto.offset.reset": "error",
                                          "error_cb": self._trouble}, self.name)
        # On the connection that waits for messages an answer would wait with them.
        self._asker = _made(Consumer, {**common, "error_cb": lambda _: None}, self.name) if wall else None
        try:
            partitions = _partitions(self._consumer, self._topic, PATIENCE, self.name)
            for one in self._offsets:
                if int(one) not in partitions:
                    raise self._lost(f"partition {one} is not there any more")
            self._assign(partitions)
        except BaseException:
            self.close()
            raise

    def _assign(self, partitions: Sequence[int]) -> None:
        fresh = [one for one in partitions if one not in self._lanes]
        for one in fresh:
            self._lanes[one] = _Lane(self._topic, one, self._offsets.get(str(one), OFFSET_BEGINNING))
        if fresh:
            self._consumer.incremental_assign([TopicPartition(self._topic, one, self._lanes[one].next)
                                               for one in fresh])

    def _lost(self, what: str) -> OSError:
        """Messages that come next are not there: going on without them would miss what they say."""
        return OSError(errno.ENODATA, f"{what}; messages were deleted before they were judged, or the topic was made "
                       "anew; begin anew with `--fresh`", self.name)

    def read(self, wait: float) -> Chunk | None:
        if self._ended:
            return None
        until = time.monotonic() + wait
        while True:
            self._look_for_partitions()
            for message in self._consume(max(0.0, until - time.monotonic())):
                self._put(message)
            chunk = self._merged()
            if chunk is not None:
                self._pace()
                return chunk
            if not self.live and all(lane.at_end and not lane.waiting for lane in self._lanes.values()):
                self._ended = True
                return None
            if time.monotonic() >= until:
                return NOTHING if self._asker is None or self._has_no_more(self._asker) else Chunk((), (), ())

    def _has_no_more(self, asker: Consumer) -> bool:
        """Whether all has been handed out that the brokers have; False also where one does not answer."""
        if any(lane.waiting or not lane.at_end for lane in self._lanes.values()):
            return False
        if time.monotonic() - self._proven < PROVEN:
            return True
        for lane in self._lanes.values():
            try:
                low, high = asker.get_watermark_offsets(TopicPartition(self._topic, lane.partition), ANSWER)
            except KafkaException:
                return False
            if low < high and lane.read < high:
                return False
        self._proven, self._silent = time.monotonic(), False
        return True

    def _consume(self, wait: float) -> list[Message]:
        try:
            messages: list[Message] = self._consumer.consume(BATCH, timeout=0)
            if not messages:  # `consume` waits until it has them all, `poll` for one
                one = self._consumer.poll(wait)
                messages = [] if one is None else [one, *self._consumer.consume(BATCH, timeout=0)]
            return messages
        except KafkaException as problem:
            raise _fault(problem.args[0], self.name) from None

    def _put(self, message: Message) -> None:
        partition, problem = message.partition(), message.error()
        lane = self._lanes.get(-1 if partition is None else partition)
        if problem is not None:
            if problem.code() == KafkaError._PARTITION_EOF and lane is not None:
                lane.at_end = True
                lane.read = max(lane.read, message.offset() or 0)  # past what marks the ends of transactions
                self._silent = False
            elif problem.code() == KafkaError._AUTO_OFFSET_RESET and lane is not None:
                raise self._lost(f"partition {partition} has no message at the offset {lane.read:,}, which comes next")
            elif not problem.retriable():
                raise _fault(problem, self.name)
            return
        offset, value = message.offset(), message.value()
        assert lane is not None and offset is not None
        line = value if isinstance(value, bytes) else b""  # a tombstone is a blank line
        if len(self._lanes) > 1:
            with suppress(msgspec.MsgspecError, ValueError):  # whatever it is, it is refused where it stands
                lane.latest = self._instant(self._when(line).time)
        lane.waiting.append((lane.latest, offset, line.removesuffix(b"\n").replace(b"\n", b" ")))
        lane.read, lane.at_end, self._silent = offset + 1, False, False

    def _merged(self) -> Chunk | None:
        """The messages that are next in time, as long as each partition shows what it has next, or has no more."""
        lanes = list(self._lanes.values())
        heads = [(lane.waiting[0][0], lane.partition) for lane in lanes if lane.waiting]
        if not heads or any(not lane.waiting and not self._has_ended(lane) for lane in lanes):
            return None
        heapq.heapify(heads)
        lines: list[bytes] = []
        files: list[str] = []
        rows: list[int] = []
        while heads:
            lane = self._lanes[heads[0][1]]
            _, offset, line = lane.waiting.popleft()
            lane.next = offset + 1
            lines.append(line)
            files.append(lane.name)
            rows.append(offset)
            if lane.waiting:
                heapq.heapreplace(heads, (lane.waiting[0][0], lane.partition))
            else:
                heapq.heappop(heads)
                if not self._has_ended(lane):
                    break
        return Chunk(lines, files, rows)

    def _has_ended(self, lane: _Lane) -> bool:
        """Whether the broker has no more of a partition, as far as it has said."""
        if not lane.at_end:
            known = self._consumer.get_watermark_offsets(TopicPartition(self._topic, lane.partition), cached=True)
            lane.at_end = known is not None and 0 <= known[1] <= lane.read
        return lane.at_end

    def _pace(self) -> None:
        """Have a partition that is far ahead of the others wait for them."""
        for lane in self._lanes.values():
            where = [TopicPartition(self._topic, lane.partition)]
            if not lane.paused and len(lane.waiting) > FULL:
                self._consumer.pause(where)
                lane.paused = True
            elif lane.paused and len(lane.waiting) < LOW:
                self._consumer.resume(where)
                lane.paused = False

    def _look_for_partitions(self) -> None:
        now = time.monotonic()
        if self.live and now - self._looked > REFRESH:
            self._looked = now
            with suppress(OSError):  # the broker does not answer just now; what is assigned goes on
                self._assign(_partitions(self._consumer, self._topic, 1.0, self.name))

    def _trouble(self, problem: KafkaError) -> None:
        """What librdkafka says of its own accord: once, until something is read again."""
        if not self._silent:
            self._silent = True
            self._notices.append(warning("kafka", f"`{shorten(self.name)}`: {problem.str().lower()}; the monitor goes "
                                         "on trying"))

    def position(self) -> Position:
        known = {str(one): lane.next for one, lane in self._lanes.items() if lane.next >= 0}
        return {"kind": "kafka", "topic": self._topic, "offsets": {**self._offsets, **known}}

    def notices(self) -> Sequence[Diagnostic]:
        told, self._notices = self._notices, []
        return told

    def close(self) -> None:
        self._consumer.close()
        if self._asker is not None:
            self._asker.close()


# ---- writing ------------------------------------------------------------------------------------------------------

class KafkaSink:
    """A topic that verdicts are written to: in transactions, each with the number of its state, where there is a state;
    else each at least once."""

    def __init__(self, address: Address, settings: Mapping[str, str], *, state: str | None, every: float) -> None:
        self.name = f"{SCHEME}{address.brokers}/{address.topic}"
        self._topic = address.topic
        self._failed: KafkaError | None = None
        self._open = False
        self._keeper: Consumer | None = None
        self.group = ""
        """Under which the numbers of states are kept."""
        common = {**settings, "bootstrap.servers": address.brokers}
        producing: dict[str, Any] = {**common, "enable.idempotence": True, "linger.ms": 5, "error_cb": lambda _: None}
        if state is not None:
            # One writer at a time for each state and topic: a later one fences the earlier off.
            name = "guiju-monitor-" + hashlib.sha256(f"{state}\0{address.topic}".encode()).hexdigest()[:16]
            longest = min(900.0, 60.0 + 2 * every)  # a broker allows a quarter of an hour unless told otherwise
            self.group = name
            producing |= {"transactional.id": name, "transaction.timeout.ms": int(longest * 1000)}
            self._keeper = _made(Consumer, {**common, "group.id": name, "enable.auto.commit": False,
                                            "error_cb": lambda _: None}, self.name)
        self._producer = _made(Producer, producing, self.name)
        try:
            _partitions(self._producer, address.topic, PATIENCE, self.name)  # which makes it, where the broker may
            if self._keeper is not None:
                self._try(lambda: self._producer.init_transactions(PATIENCE))
        except BaseException:
            self.close()
            raise

    def write(self, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        self._begin()
        for line in lines:
            while True:
                try:
                    self._producer.produce(self._topic, value=line, on_delivery=self._delivered)
                    break
                except BufferError:
                    self._producer.poll(0.1)
                except KafkaException as problem:
                    raise _fault(problem.args[0], self.name) from None
        self._producer.poll(0)
        self._check()

    def _begin(self) -> None:
        if self._keeper is not None and not self._open:
            self._try(self._producer.begin_transaction)
            self._open = True

    def _delivered(self, problem: KafkaError | None, _: Message) -> None:
        self._failed = self._failed or problem

    def _check(self) -> None:
        if self._failed is not None:
            raise _fault(self._failed, self.name)

    def secure(self) -> Mark:
        left = self._producer.flush(PATIENCE)
        self._check()
        if left:
            raise OSError(errno.ETIMEDOUT, f"{left:,} lines were not taken within {PATIENCE:.0f} s", self.name)
        return {"kind": "kafka", "topic": self._topic}

    def confirm(self, number: int) -> None:
        if self._keeper is None:
            return
        self._begin()
        mark = [TopicPartition(self._topic, 0, number)]
        group = self._keeper.consumer_group_metadata()
        self._try(lambda: self._producer.send_offsets_to_transaction(mark, group, PATIENCE))
        self._try(lambda: self._producer.commit_transaction(PATIENCE))
        self._open = False

    def confirmed(self) -> int | None:
        if self._keeper is None:
            return None
        try:
            found = self._keeper.committed([TopicPartition(self._topic, 0)], timeout=PATIENCE)
        except KafkaException as problem:
            raise _fault(problem.args[0], self.name) from None
        return found[0].offset if found and found[0].offset >= 0 else None

    def _try(self, step: Any) -> None:
        """A step of a transaction, again while the broker says that it may work later."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                step()
                return
            except KafkaException as problem:
                reason = problem.args[0]
                if not reason.retriable() or time.monotonic() > until:
                    raise _fault(reason, self.name) from None
                time.sleep(0.1)

    def close(self) -> None:
        if self._open:
            with suppress(KafkaException):  # else the broker aborts it in time
                self._producer.abort_transaction(5.0)
        if self._keeper is not None:
            self._keeper.close()


def _partitions(client: Any, wanted: str, patience: float, name: str) -> list[int]:
    """The partitions of a topic, by a client of its broker."""
    try:
        topic = client.list_topics(wanted, timeout=patience).topics[wanted]
    except KafkaException as problem:
        raise _fault(problem.args[0], name) from None
    if topic.error is not None:
        raise _fault(topic.error, name)
    return sorted(topic.partitions)


def _made(kind: Any, settings: Mapping[str, Any], name: str) -> Any:
    """A client; a setting that librdkafka does not take is an OSError like all that it refuses."""
    try:
        return kind({"log_level": 0, **settings})  # what matters comes by `error_cb` or as an exception
    except KafkaException as problem:
        raise _fault(problem.args[0], name) from None


def _fault(problem: KafkaError, name: str) -> OSError:
    said = problem.str()
    return OSError(errno.EIO, said[:1].lower() + said[1:], name)
