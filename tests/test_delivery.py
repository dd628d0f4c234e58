from __future__ import annotations

import queue
import signal
import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from broker import MosquittoBroker, Station

from npng_edge.publish.client import Client
from npng_edge.publish.delivery import (
    ACK_TIMEOUT_S,
    ALARM_WINDOW,
    FLUSH_ROWS,
    FLUSH_S,
    RECEIPT_WAIT_S,
    RESEND_MAX_S,
    RESEND_MIN_S,
    RETRY_MAX_S,
    RETRY_MIN_S,
    WINDOW,
    Delivery,
    DeliveryStatus,
)
from npng_edge.publish.events import Disconnected, Published, Received, Ticket
from npng_edge.publish.listening import AWAY_S, SILENT_S
from npng_edge.publish.messages import Alarms, State
from npng_edge.publish.outage import BRIEF_S, LOST_S
from npng_edge.publish.stamp import Stamp
from npng_edge.publish.topics import Topics
from npng_edge.receipt import Receipt
from npng_edge.record.outbox import Outbox, Outgoing
from npng_edge.settings import Broker, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from npng_edge.publish.events import Event
    from npng_edge.publish.topics import Manner

TOPICS = Topics(Place(facility="f", unit="u", bed="b"))
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def alarm(number: int, topic: str = TOPICS.alarm) -> Outgoing:
    return Outgoing(f"alarm-{number}", "alarm", topic, said(number))


def said(number: int) -> bytes:
    return b'{"id":"alarm-%d"}' % number


def score(number: int) -> Outgoing:
    return Outgoing(f"score-{number}", "score", TOPICS.pain, b"score %d" % number)


def make_state(stamp: Stamp, value: str) -> State:
    return State.model_validate(
        {**stamp.envelope("state"), "value": value, "since": START, "software": "0", "models": {}, "patient": None}
    )


def make_stamp(boot_id: str) -> Stamp:
    return Stamp(TOPICS.place, boot_id, clock_synchronised=lambda: True)


class Device:
    """What the daemon does with these parts, without the rest of the daemon."""

    def __init__(self, folder: Path, broker: MosquittoBroker, boot_id: str = "boot") -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.stamp = make_stamp(boot_id)
        self.outbox = Outbox(folder, boot_id=boot_id, max_bytes=10**7)
        self.client = Client(
            Broker(host=broker.host, port=broker.port, keepalive_s=2, reconnect_min_s=0.05, reconnect_max_s=0.2),
            client_id="bed-f-u-b",
            will=lambda: (TOPICS.state, make_state(self.stamp, "offline").payload()),
            subscriptions=[TOPICS.requests, TOPICS.receipt, TOPICS.state],
            emit=self.events.put,
        )
        self.delivery = Delivery(
            self.outbox, self.client, TOPICS, online=lambda: make_state(self.stamp, "online"), now=time.monotonic()
        )
        self.tell_level(0)
        self.client.start()

    def tell_level(self, checks: int) -> None:
        message = self.stamp.alarms([], {}, checks)
        self.delivery.level(message.id, message.payload())

    def status(self) -> DeliveryStatus:
        return self.delivery.status(time.monotonic())

    def pump(self, until: Callable[[], bool], timeout: float = 15.0) -> None:
        """Run the owner's loop until something is so."""
        deadline = time.monotonic() + timeout
        while not until():
            assert time.monotonic() < deadline, self.status()
            with suppress(queue.Empty):
                self.take(self.events.get(timeout=0.02))
                while True:
                    self.take(self.events.get_nowait())
            self.delivery.step(time.monotonic())

    def take(self, event: Event) -> None:
        if isinstance(event, Received) and event.topic == TOPICS.receipt:
            self.delivery.receipt(Receipt.parse(event.payload).ids, time.monotonic())
        else:
            self.delivery.handle(event, time.monotonic())

    def pump_until_empty(self) -> None:
        self.pump(lambda: self.outbox.status().depth == 0)

    def die(self) -> None:
        """As the process would with kill -9: no last word, only what is on disk stays."""
        live = self.client._live
        assert live is not None
        live[1].socket().close()  # type: ignore[union-attr]
        self.client.stop()
        self.outbox.close()

    def close(self) -> None:
        self.client.stop((TOPICS.state, make_state(self.stamp, "stopped").payload(), TOPICS.manner(TOPICS.state)))
        self.delivery.flush()
        self.outbox.close()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Callable[..., Device]]:
    made: list[Device] = []

    def make(broker: MosquittoBroker, **arguments: Any) -> Device:
        made.append(Device(tmp_path / "state", broker, **arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def listen() -> Iterator[Callable[..., Station]]:
    made: list[Station] = []

    def make(*arguments: Any, **more: Any) -> Station:
        made.append(Station(*arguments, **more))
        return made[-1]

    yield make
    for station in made:
        station.close()


def payloads(station: Station, topic: str) -> list[bytes]:
    return [bytes(m.payload) for m in station.messages if m.topic == topic]


def first_seen(received: list[bytes]) -> list[bytes]:
    """What a station is left with after it dropped what came twice."""
    return list(dict.fromkeys(received))


def test_alarms_made_while_the_broker_is_away_arrive_in_order_when_it_comes(
    make_broker: Callable[..., MosquittoBroker], device: Callable[..., Device], listen: Callable[..., Station]
) -> None:
    broker = make_broker(persistent=True)
    broker.start()
    station = listen(broker, f"{TOPICS.bed}/#")
    broker.stop()
    bed = device(broker)
    bed.outbox.commit([score(1), *(alarm(n) for n in range(50)), score(2)])
    bed.delivery.step(time.monotonic())
    assert not bed.status().connected
    broker.start()
    station.wait_subscribed()
    bed.pump_until_empty()
    station.wait_for(lambda m: m.payload == b"score 2")
    assert [m.topic for m in station.messages[:2]] == [TOPICS.state, TOPICS.alarms]
    assert payloads(station, TOPICS.alarm) == [said(n) for n in range(50)]
    assert payloads(station, TOPICS.pain) == [b"score 1", b"score 2"]
    order = [m.topic for m in station.messages if m.topic in (TOPICS.alarm, TOPICS.pain)]
    assert order == sorted(order)  # Alarms before scores.


def test_nothing_is_lost_or_out_of_order_when_the_broker_is_killed_again_and_again(
    make_broker: Callable[..., MosquittoBroker], device: Callable[..., Device], listen: Callable[..., Station]
) -> None:
    """The station is told by the broker only; what a killed broker had acknowledged but not passed on may be gone.

    So the test waits for the station between kills; what is in flight at the kill is what counts here.
    """
    broker = make_broker(persistent=True)
    broker.start()
    station = listen(broker, f"{TOPICS.bed}/#")
    bed = device(broker)
    number = 0
    for _ in range(5):
        bed.pump(lambda: bed.status().connected)
        station.wait_subscribed()
        bed.outbox.commit([alarm(number + n) for n in range(20)])
        number += 20
        half = said(number - 10)
        bed.pump(lambda: bed.outbox.status().depth <= 9)
        station.wait_for(lambda m, half=half: m.payload == half)  # type: ignore[misc]
        bed.delivery.step(time.monotonic())  # The next one leaves, and its acknowledgement may never come.
        broker.kill()
        bed.outbox.commit([alarm(number)])
        number += 1
        bed.pump(lambda: not bed.status().connected)
        broker.start()
    station.wait_subscribed()
    bed.pump_until_empty()
    last = said(number - 1)
    station.wait_for(lambda m: m.payload == last)
    assert first_seen(payloads(station, TOPICS.alarm)) == [said(n) for n in range(number)]


def test_a_restart_of_the_device_delivers_what_was_pending(
    make_broker: Callable[..., MosquittoBroker], device: Callable[..., Device], listen: Callable[..., Station]
) -> None:
    broker = make_broker()
    first = device(broker)
    first.outbox.commit([alarm(1), alarm(2)], present={"boot-2": b"body"})
    first.client.stop()
    first.outbox.close()
    broker.start()
    station = listen(broker, f"{TOPICS.bed}/#")
    second = device(broker, boot_id="second")
    assert second.outbox.present() == {"boot-2": b"body"}
    second.outbox.commit([alarm(3)])
    second.pump_until_empty()
    station.wait_for(lambda m: m.payload == said(3))
    assert payloads(station, TOPICS.alarm) == [said(1), said(2), said(3)]


def test_a_device_that_dies_is_offline_and_comes_back_online(
    broker: MosquittoBroker, device: Callable[..., Device], listen: Callable[..., Station]
) -> None:
    station = listen(broker, TOPICS.state)
    first = device(broker)
    first.pump(lambda: first.status().connected)
    station.wait_for(lambda m: State.parse(m.payload).value == "online")
    first.die()
    will = State.parse(station.wait_for(lambda m: State.parse(m.payload).value == "offline").payload)
    assert will.boot_id == "boot"
    second = device(broker, boot_id="second")
    second.pump(lambda: second.status().connected)
    online = State.parse(station.wait_for(lambda m: State.parse(m.payload).value == "online").payload)
    assert online.boot_id == "second"
    second.close()
    station.wait_for(lambda m: State.parse(m.payload).value == "stopped")


def test_a_late_station_reads_state_and_alarms_from_the_retained_messages_alone(
    broker: MosquittoBroker, device: Callable[..., Device], listen: Callable[..., Station]
) -> None:
    bed = device(broker)
    bed.pump(lambda: bed.status().connected and not bed.delivery._wanted)
    bed.tell_level(41)
    bed.tell_level(42)
    bed.pump(lambda: not bed.delivery._wanted)
    station = listen(broker, f"{TOPICS.bed}/#")
    level = station.wait_for(lambda m: m.topic == TOPICS.alarms)
    assert level.retain
    assert Alarms.parse(level.payload).self_check.count == 42
    if TOPICS.state not in {m.topic for m in station.messages}:
        station.wait_for(lambda m: m.topic == TOPICS.state)


def test_an_alarm_that_nobody_listens_to_stays_and_goes_as_soon_as_somebody_does(
    broker: MosquittoBroker, device: Callable[..., Device], listen: Callable[..., Station]
) -> None:
    bed = device(broker)
    bed.outbox.commit([alarm(1), alarm(2)])
    bed.pump(lambda: bed.status().deaf is not None and bed.status().last_error is not None)
    status = bed.status()
    assert status.outbox.depth == 2
    assert status.last_error is not None
    assert "No matching subscribers" in status.last_error
    station = listen(broker, f"{TOPICS.bed}/#")
    bed.tell_level(1)
    bed.pump_until_empty()
    assert bed.status().deaf is None
    station.wait_for(lambda m: m.payload == said(2))
    assert payloads(station, TOPICS.alarm) == [said(1), said(2)]


def test_a_stale_offline_at_the_broker_is_replaced(
    broker: MosquittoBroker, device: Callable[..., Device], listen: Callable[..., Station]
) -> None:
    station = listen(broker, TOPICS.state)
    station.publish(TOPICS.state, b"left over by something else", retain=True)
    bed = device(broker)
    bed.pump(lambda: bed.status().connected and not bed.delivery._wanted)
    station.publish(TOPICS.state, make_state(make_stamp("boot"), "offline").payload(), retain=True)
    bed.pump(lambda: TOPICS.state in bed.delivery._wanted)
    bed.pump(lambda: not bed.delivery._wanted)
    station.publish("end", b"")
    late = listen(broker, TOPICS.state, name="late")
    assert State.parse(late.wait_for(lambda _: True).payload).value == "online"


def test_a_frozen_broker_is_noticed_and_nothing_is_lost(
    broker: MosquittoBroker, device: Callable[..., Device], listen: Callable[..., Station]
) -> None:
    station = listen(broker, f"{TOPICS.bed}/#")
    bed = device(broker)
    bed.pump(lambda: bed.status().connected)
    broker.send(signal.SIGSTOP)
    bed.outbox.commit([alarm(1), alarm(2)])
    bed.pump(lambda: not bed.status().connected)  # By the keepalive of 2 s.
    broker.send(signal.SIGCONT)
    bed.pump_until_empty()
    station.wait_for(lambda m: m.payload == said(2))
    assert first_seen(payloads(station, TOPICS.alarm)) == [said(1), said(2)]


def test_a_backlog_is_delivered_in_order(
    broker: MosquittoBroker, device: Callable[..., Device], listen: Callable[..., Station]
) -> None:
    station = listen(broker, f"{TOPICS.bed}/#")
    bed = device(broker)
    bed.outbox.commit([alarm(n) for n in range(100)] + [score(n) for n in range(500)])
    bed.pump_until_empty()
    station.wait_for(lambda m: m.payload == b"score 499")
    assert payloads(station, TOPICS.alarm) == [said(n) for n in range(100)]
    assert payloads(station, TOPICS.pain) == [b"score %d" % n for n in range(500)]


class Wire:
    """A connection of which the test decides every answer: the codes here cannot be had from Mosquitto on demand."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, Ticket]] = []
        self.connection: int | None = None

    def publish(self, topic: str, payload: bytes, manner: Manner, *, correlation: bytes | None = None) -> Ticket | None:
        del manner, correlation
        if self.connection is None:
            return None
        self.sent.append((topic, payload, Ticket(self.connection, len(self.sent))))
        return self.sent[-1][2]


class Bench:
    def __init__(self, folder: Path) -> None:
        self.wire = Wire()
        self.outbox = Outbox(folder, boot_id="b", max_bytes=10**7)
        self.count = 0
        self.delivery = Delivery(
            self.outbox, self.wire, TOPICS, online=lambda: make_state(make_stamp("b"), "online"), now=0
        )
        self.now = 100.0

    def connect(self, number: int = 1) -> None:
        self.wire.connection = number
        self.step()
        for topic, _, ticket in self.wire.sent:
            if topic == TOPICS.state:
                self.answer(ticket, 0)

    def status(self) -> DeliveryStatus:
        return self.delivery.status(self.now)

    def receipt(self, *ids: str) -> None:
        self.delivery.receipt(ids, self.now)

    def confirm(self, number: int) -> None:
        """The broker takes the last message, and the station confirms this alarm."""
        self.answer(self.last, 0)
        self.receipt(f"alarm-{number}")

    def answer(self, ticket: Ticket, code: int) -> None:
        self.delivery.handle(Published(ticket, code, f"code {code:#x}"), self.now)

    def step(self, seconds: float = 0.0) -> list[bytes]:
        """Let time pass and step; the rows sent."""
        self.now += seconds
        before = len(self.wire.sent)
        self.delivery.step(self.now)
        return [payload for topic, payload, _ in self.wire.sent[before:] if topic != TOPICS.state]

    @property
    def last(self) -> Ticket:
        return self.wire.sent[-1][2]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.outbox.close()


@pytest.mark.parametrize(
    ("code", "longest"), [(0x10, RETRY_MIN_S), *((code, RETRY_MAX_S) for code in (0x80, 0x87, 0x97))]
)
def test_a_row_stays_on_every_code_but_success_and_the_next_one_waits_for_it(
    bench: Bench, code: int, longest: float
) -> None:
    bench.outbox.commit([alarm(1), alarm(2)])
    bench.connect()
    assert [payload for _, payload, _ in bench.wire.sent[1:]] == [said(1)]
    waits = []
    for _ in range(7):
        bench.answer(bench.last, code)
        waited = 0.0
        while not bench.step(0.5):
            waited += 0.5
        waits.append(waited + 0.5)
        assert bench.wire.sent[-1][1] == said(1)
    assert waits[0] == RETRY_MIN_S
    assert waits == sorted(waits)
    assert waits[-1] == longest
    assert bench.outbox.status().depth == 2
    bench.confirm(1)
    assert bench.step() == [said(2)]
    bench.step(FLUSH_S)
    assert bench.outbox.status().depth == 1


def test_a_topic_that_is_refused_does_not_hold_up_the_others(bench: Bench) -> None:
    """A device that was moved to another bed may not be allowed to write under the old one any more."""
    bench.outbox.commit([alarm(n, topic="npng/v1/f/u/old/alarm") for n in range(3 * WINDOW)] + [alarm(100)])
    bench.connect()
    assert bench.wire.sent[-1][1] == said(100)
    bench.confirm(100)
    assert bench.step() == [said(n) for n in range(WINDOW)]
    bench.answer(bench.last, 0x87)
    assert bench.step() == []
    bench.outbox.commit([alarm(101)])
    assert bench.step() == [said(101)]


def test_no_answer_in_time_is_a_failure(bench: Bench) -> None:
    bench.outbox.commit([alarm(1)])
    bench.connect()
    late = bench.last
    assert bench.step(ACK_TIMEOUT_S) == []
    assert bench.step(0.1) == []
    assert "no acknowledgement" in str(bench.status().last_error)
    assert bench.step(RETRY_MIN_S) == [said(1)]
    bench.answer(late, 0)  # Too late to be told from a stranger; the row waits for the second one.
    bench.delivery.flush()
    assert bench.outbox.status().depth == 1


def test_an_answer_of_an_earlier_connection_is_not_taken_for_one_of_this(bench: Bench) -> None:
    bench.outbox.commit([alarm(1)])
    bench.connect()
    old = bench.last
    bench.connect(2)  # It was lost and made anew before anything was heard of it.
    assert bench.wire.sent[-1][1] == said(1)
    bench.delivery.handle(Disconnected(1, "lost"), bench.now)
    bench.answer(old, 0)
    bench.delivery.flush()
    assert bench.outbox.status().depth == 1


def test_scores_have_a_window(bench: Bench) -> None:
    bench.outbox.commit([score(n) for n in range(50)])
    bench.connect()
    assert len(bench.wire.sent) == 1 + WINDOW
    first = bench.wire.sent[1][2]
    assert bench.step() == []
    bench.answer(first, 0)
    assert bench.step() == [b"score %d" % WINDOW]


def test_delivered_rows_are_removed_together_and_never_sent_again(bench: Bench) -> None:
    total = 3 * FLUSH_ROWS
    bench.outbox.commit([alarm(n) for n in range(total)])
    bench.connect()
    depths = set()
    for number in range(total):
        bench.confirm(number)
        bench.step()
        depths.add(bench.outbox.status().depth)
    assert depths == {total, total - FLUSH_ROWS, total - 2 * FLUSH_ROWS, 0}
    assert [payload for _, payload, _ in bench.wire.sent[1:]] == [said(n) for n in range(total)]


def test_the_level_is_sent_again_until_it_is_taken_and_only_the_newest(bench: Bench) -> None:
    bench.delivery.level("level-1", b"level 1")
    bench.connect()
    sent = {topic: ticket for topic, _, ticket in bench.wire.sent}
    bench.delivery.level("level-2", b"level 2")
    assert bench.step() == []  # One at a time.
    bench.answer(sent[TOPICS.alarms], 0x80)
    assert bench.step(RETRY_MIN_S) == [b"level 2"]
    bench.answer(bench.last, 0x10)
    assert bench.status().deaf == "The broker has no subscriber for this bed's alarms."
    assert bench.step(60) == []


def test_nothing_is_sent_while_disconnected_and_send_says_so(bench: Bench) -> None:
    bench.outbox.commit([alarm(1)])
    assert bench.step() == []
    assert not bench.delivery.send(TOPICS.pain, b"")
    bench.connect()
    assert bench.delivery.send(TOPICS.pain, b"")


def test_our_own_online_is_no_reason_to_say_it_again(bench: Bench) -> None:
    bench.connect()
    own = bench.wire.sent[0][1]
    before = len(bench.wire.sent)
    for payload, repaired in ((own, 0), (b"rubbish", 1)):
        bench.delivery.handle(Received(TOPICS.state, payload, False, None, None), bench.now)
        bench.step()
        assert len(bench.wire.sent) == before + repaired


def test_the_brokers_word_is_no_delivery_an_alarm_goes_with_the_receipt(bench: Bench) -> None:
    total = ALARM_WINDOW + 2
    bench.outbox.commit([alarm(n) for n in range(total)])
    bench.connect()
    for number in range(1, ALARM_WINDOW):
        bench.answer(bench.last, 0)
        assert bench.step() == [said(number)]
    bench.answer(bench.last, 0)
    assert bench.step(RECEIPT_WAIT_S - 0.1) == []  # So many are without a receipt: the next one waits ..
    bench.step(FLUSH_S)
    assert bench.outbox.status().alarms == total
    assert bench.wire.sent[-1][1] == said(ALARM_WINDOW)  # .. but not for long.
    bench.receipt(*(f"alarm-{n}" for n in range(ALARM_WINDOW)), "never-heard-of")
    bench.step(FLUSH_S)
    assert bench.outbox.status().alarms == 2


def test_a_receipt_makes_room_for_the_next_alarm(bench: Bench) -> None:
    bench.outbox.commit([alarm(n) for n in range(ALARM_WINDOW + 1)])
    bench.connect()
    for _ in range(ALARM_WINDOW):
        bench.answer(bench.last, 0)
        bench.step()
    assert bench.wire.sent[-1][1] == said(ALARM_WINDOW - 1)
    bench.receipt("alarm-3")
    assert bench.step() == [said(ALARM_WINDOW)]


def test_what_has_no_receipt_is_sent_again_in_order_with_back_off(bench: Bench) -> None:
    bench.outbox.commit([alarm(n) for n in range(3)])
    bench.connect()
    for _ in range(3):
        bench.answer(bench.last, 0)
        bench.step()
    bench.step(RECEIPT_WAIT_S)
    waits = []
    for _ in range(6):
        waited = 0.0
        while not (first := bench.step(0.5)):
            waited += 0.5
        waits.append(waited + 0.5)
        told = [*first]
        while len(told) < 3:
            bench.answer(bench.last, 0)
            told += bench.step()
        bench.answer(bench.last, 0)
        assert told == [said(0), said(1), said(2)]
    assert waits[0] == RESEND_MIN_S
    assert waits == sorted(waits)
    assert waits[-1] == RESEND_MAX_S


def test_a_silent_station_is_noticed_and_gets_everything_when_it_is_back(bench: Bench) -> None:
    bench.delivery.level("level-1", b"level 1")
    bench.outbox.commit([alarm(1)])
    bench.connect()
    for _, _, ticket in bench.wire.sent[1:]:
        bench.answer(ticket, 0)
    bench.receipt("level-1")
    assert bench.status().heard == bench.now
    bench.step(SILENT_S)
    assert bench.status().deaf is None
    bench.answer(bench.last, 0)
    bench.step(0.1)
    assert bench.status().deaf == "No station has sent a receipt for 10 s."
    bench.receipt("level-of-long-ago")  # A receipt that lay at the broker proves nothing.
    assert bench.status().deaf is not None
    bench.receipt("level-1")
    assert bench.step() == [said(1)]
    assert bench.status().deaf == "A station listens, but an alarm is not confirmed since 10 s."
    bench.confirm(1)
    bench.step(FLUSH_S)
    assert bench.status().deaf is None


def test_a_station_that_was_away_for_a_level_is_told_everything_again_at_once(bench: Bench) -> None:
    bench.delivery.level("level-1", b"level 1")
    bench.outbox.commit([alarm(1), alarm(2)])
    bench.connect()
    bench.confirm(1)
    for _ in range(3):
        for _, _, ticket in bench.wire.sent:
            bench.answer(ticket, 0)
        bench.step()
    for silence, told in ((AWAY_S - 1.0, []), (AWAY_S + 0.1, [said(2)])):
        bench.receipt("level-1")
        bench.step(silence)  # The back-off ends in it, too.
        bench.answer(bench.last, 0)
        assert bench.step() == []
        bench.receipt("level-1")
        assert bench.step() == told


def test_a_station_that_confirms_levels_but_not_alarms_is_noticed(bench: Bench) -> None:
    bench.delivery.level("level-1", b"level 1")
    bench.outbox.commit([alarm(1)])
    bench.connect()
    reasons = set()
    for _ in range(40):
        for _, _, ticket in bench.wire.sent:
            bench.answer(ticket, 0)
        bench.receipt("level-1")
        bench.step(0.5)
        reasons.add(bench.status().deaf)
    assert reasons == {None, "A station listens, but an alarm is not confirmed since 10 s."}


def test_a_broker_that_refuses_alarms_but_not_levels_is_noticed(bench: Bench) -> None:
    bench.delivery.level("level-1", b"level 1")
    bench.outbox.commit([alarm(1)])
    bench.connect()
    reasons = set()
    for _ in range(40):
        for topic, _, ticket in bench.wire.sent:
            bench.answer(ticket, 0x87 if topic == TOPICS.alarm else 0)
        bench.receipt("level-1")
        bench.step(0.5)
        reasons.add(bench.status().deaf)
    assert reasons == {None, "A station listens, but an alarm is not confirmed since 10 s."}


def test_alarms_of_another_bed_that_the_device_was_are_done_with_the_brokers_word(bench: Bench) -> None:
    """The station confirms them under the old bed's name, where this device may not listen."""
    bench.outbox.commit([alarm(1, topic="npng/v1/f/u/old/alarm")])
    bench.connect()
    bench.answer(bench.last, 0)
    bench.step(FLUSH_S)
    assert bench.outbox.status().alarms == 0


def test_brief_connections_neither_end_an_outage_nor_hide_it(bench: Bench) -> None:
    bench.connect(1)
    bench.step(BRIEF_S + 1.0)
    bench.wire.connection = None
    bench.step()
    bench.step(LOST_S)
    assert bench.status().lost is None
    for number in range(2, 6):
        bench.connect(number)
        bench.step(BRIEF_S - 1.0)
        bench.wire.connection = None
        bench.step()
        assert bench.status().lost == "not connected"
    bench.connect(7)
    bench.step(BRIEF_S)
    assert bench.status().lost == "not connected"
    bench.step(0.1)
    assert bench.status().lost is None


def test_a_disk_that_fails_while_the_next_alarm_is_looked_for_brings_nothing_out_of_order(bench: Bench) -> None:
    bench.outbox.commit([alarm(n) for n in range(1, 4)])
    bench.connect()
    for number in range(1, 4):
        bench.confirm(number)
        bench.step(FLUSH_S)
    bench.outbox.commit([alarm(n) for n in range(4, 10)])
    assert bench.step() == [said(4)]
    bench.answer(bench.last, 0)
    failures = iter([1])
    bench.outbox._store._db.set_progress_handler(lambda: next(failures, 0), 1)
    assert bench.step() == [said(4)]  # All in memory now, where places are counted anew.
    assert bench.outbox.fault is not None
    bench.answer(bench.last, 0)
    assert bench.step() == [said(5)]


def test_delivered_alarms_come_again_when_they_are_asked_for(bench: Bench) -> None:
    bench.outbox.commit([alarm(n) for n in range(1, 5)])
    bench.connect()
    for number in range(1, 5):
        bench.confirm(number)
        bench.step(FLUSH_S)
    assert bench.outbox.status().depth == 0
    assert bench.outbox.again("b", lambda payload: payload in (said(2), said(3))) == 2
    assert bench.outbox.again("another run", lambda _: True) == 0
    assert bench.step() == [said(2)]
    bench.confirm(2)
    assert bench.step() == [said(3)]
    bench.confirm(3)
    bench.step(FLUSH_S)
    assert bench.outbox.status().depth == 0
    assert bench.outbox.again("b", lambda _: True) == 4
