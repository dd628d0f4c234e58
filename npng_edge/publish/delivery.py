"""Delivery: from the outbox to the station, at least once and in order, by one thread and with time passed in.

How the owner's thread uses it:

1. Every event of the client goes to `handle(event, now)`; one that is lost costs time, never a message. `Received` on
   `request/...`, `vitals` and `receipt` is left to the owner, who passes the ids of a receipt to `receipt(ids, now)`.
2. After `Outbox.commit` call `level(...)` with the `alarms` message, then `step(now)`; call `level(...)` at the start
   as well, and every few seconds: the station's receipts for it prove that somebody listens.
3. Call `step(now)` after the events at hand were handled and a few times a second: it has the timers.
4. Call `flush()` before the outbox is closed; without it, the last few messages are sent again after the restart.
5. What is only worth sending now (`pain`, `health`, responses) goes through `send(...)`.

A broker's acknowledgement is no delivery: Mosquitto acknowledges from memory, and may lose what it acknowledged. So an
alarm leaves the outbox only when a station says that it has stored it. Alarms go oldest first, the next one when the
broker has taken the one before. A few may be without a receipt, then the next one waits, but not for long: a station
that is slow or away must not keep back the newest. What has no receipt is sent again, all of it in order, with
back-off; at once on a new connection, and when receipts come again. The station may hear a message twice, with the same
id, and never misses one.

A score is done when the broker acknowledges it (0x00). A refusal (0x80 and above), nobody subscribed (0x10) or no
acknowledgement in time leaves a row where it is; its topic is tried again with back-off, the other topics go on.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from npng_edge.publish.events import Disconnected, Event, Published, Received, Refused, Unreachable
from npng_edge.publish.listening import Listening
from npng_edge.publish.messages import State
from npng_edge.publish.outage import Outage
from npng_edge.publish.topics import LATER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from npng_edge.publish.events import Ticket
    from npng_edge.publish.topics import Manner, Topics
    from npng_edge.record.outbox import Outbox, OutboxStatus

WINDOW = 10
"""Scores in flight at a time; with an alarm and the retained messages below the 20 that Mosquitto allows a client."""
ACK_TIMEOUT_S = 10.0
"""A message not acknowledged for so long is sent again."""
ALARM_WINDOW = 20
"""Alarms that the broker has and no station has confirmed; the next one waits, ..."""
RECEIPT_WAIT_S = 2.0
"""... but only so long for the receipt of the oldest."""
RESEND_MIN_S = 5.0
RESEND_MAX_S = 60.0
"""Alarms without a receipt are sent again after so long."""
FLUSH_ROWS = 50
FLUSH_S = 0.2
"""Rows that are done are removed together, so many or after so long: each removal synchronises the disk."""
RETRY_MIN_S = 1.0
RETRY_MAX_S = 15.0
NO_SUBSCRIBERS = 0x10
FAILURE = 0x80

logger = logging.getLogger(__name__)


class Sender(Protocol):
    """The part of `client.Client` that is used here."""

    @property
    def connection(self) -> int | None:
        """Number of the connection that now stands."""

    def publish(self, topic: str, payload: bytes, manner: Manner, *, correlation: bytes | None = None) -> Ticket | None:
        """Send now, or return None."""


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """How it goes; the owner makes technical alarms of it."""

    connected: bool
    lost: str | None
    """Why it must be taken that there is no broker, for people; None: there is one, or it is not gone for long."""
    heard: float | None
    """When the last receipt came, monotonic seconds; None: none on this connection."""
    deaf: str | None
    """Why it must be taken that nobody listens, for people; None: somebody does, or it is not known."""
    last_error: str | None
    """What went wrong last since the last connect, for people; None: nothing."""
    outbox: OutboxStatus


@dataclass(frozen=True, slots=True)
class _Message:
    """What is told once more until it is acknowledged: the newest of a retained topic."""

    id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class _Flight:
    """A message that is not yet acknowledged by the broker."""

    topic: str
    id: str
    payload: bytes
    sent_at: float
    place: int | None = None
    """Of an alarm in the outbox."""
    other: bool = False
    """Whether it is in the outbox, and the broker's acknowledgement is enough."""


@dataclass(slots=True)
class _Lane:
    """The back-off of one topic."""

    failures: int = 0
    resume_at: float = 0.0


@dataclass(slots=True)
class _Round:
    """One passage through the alarms that have no receipt, oldest first."""

    place: int = 0
    """Of the last alarm that the broker took."""
    awaited: dict[str, float] = field(default_factory=dict)
    """Alarms that the broker took: id -> until when the next ones wait for the receipt, oldest first."""
    again_at: float | None = None
    """When to begin anew; None: nothing is without a receipt, as far as this round knows."""


class Delivery:
    """Sends what waits, and remembers what is in flight.

    Args:
        outbox: Where the rows are.
        client: The connection.
        topics: Of this bed.
        online: Makes the message `state` online; asked at each connect, and when it must be said again.
        now: Monotonic seconds.
    """

    def __init__(
        self, outbox: Outbox, client: Sender, topics: Topics, *, online: Callable[[], State], now: float
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._topics = topics
        self._online = online
        self._boot_id: str | None = None  # as in our `online`
        self._connection: int | None = None
        self._outage = Outage(now)
        self._last_error: str | None = None
        self._level: _Message | None = None
        self._wanted: dict[str, _Message] = {}  # retained topic -> newest message, until it is acknowledged
        self._flights: dict[Ticket, _Flight] = {}
        self._lanes: dict[str, _Lane] = {}
        self._done: set[str] = set()  # rows to be removed, in one transaction
        self._flush_at = 0.0
        self._round = _Round()
        self._rounds = 0  # since an alarm had a receipt
        self._patient = True  # whether the next alarm waits for a receipt
        self._era = outbox.era
        self._levels: deque[str] = deque(maxlen=8)  # told lately
        self._listening = Listening(now)

    def level(self, id_: str, payload: bytes) -> None:
        """Take the `alarms` message that is true from now on; the next `step` sends it."""
        self._level = _Message(id_, payload)
        if self._connection is not None:
            self._wanted[self._topics.alarms] = self._level

    def announce(self) -> None:
        """Say `state` online again, because what it tells has changed; the next `step` sends it."""
        if self._connection is not None:
            self._want_online()

    def send(self, topic: str, payload: bytes, correlation: bytes | None = None) -> bool:
        """Send on one of this bed's topics now and forget; False while there is no connection.

        Args:
            topic: The topic.
            payload: The message.
            correlation: Of the request, for a response.
        """
        return self._client.publish(topic, payload, self._topics.manner(topic), correlation=correlation) is not None

    def handle(self, event: Event, now: float) -> None:
        """Take note of what happened on the connection; the next `step` acts on it."""
        if isinstance(event, Published):
            self._take_acknowledgement(event, now)
        elif isinstance(event, Received):
            if event.topic == self._topics.state:
                self._check_state(event.payload)
        elif isinstance(event, Disconnected | Refused | Unreachable):
            self._last_error = event.reason

    def receipt(self, ids: Collection[str], now: float) -> None:
        """Take a station's receipt.

        Args:
            ids: Of messages; those that are not known are passed over.
            now: Monotonic seconds.
        """
        levels = {*self._levels}
        if not {*levels, *self._round.awaited}.isdisjoint(ids):
            if self._listening.was_away(now):
                self._begin_round()
            self._listening.heard = now
            self._patient = True
        for id_ in ids:
            self._round.awaited.pop(id_, None)
        alarms = set(ids) - levels
        if alarms:
            self._rounds = 0
            self._finish(alarms, now)

    def step(self, now: float) -> None:
        """Remove what is delivered, time out what is not, and send what is due."""
        if len(self._done) >= FLUSH_ROWS or now >= self._flush_at:
            self.flush()
        if self._client.connection != self._connection:
            self._take_connection(self._client.connection, now)
        self._outage.judge(self._last_error, now)
        if self._connection is None:
            return
        for ticket, flight in list(self._flights.items()):
            if now - flight.sent_at > ACK_TIMEOUT_S:
                del self._flights[ticket]
                self._fail(flight.topic, f"no acknowledgement in {ACK_TIMEOUT_S:g} s", now)
        for topic, message in self._wanted.items():
            flight = _Flight(topic, message.id, message.payload, now)
            told = self._is_free(topic, now) and self._fly(flight, self._topics.manner(topic))
            if told and topic == self._topics.alarms:
                self._levels.append(message.id)
        if not self._send_alarm(now):
            self._send_others(now)

    def flush(self) -> None:
        """Remove what is delivered from the outbox now."""
        self._outbox.done(self._done)
        self._done.clear()

    def status(self, now: float) -> DeliveryStatus:
        """How it goes; ask about once a second."""
        oldest = self._outbox.next_alarm(self._topics.alarm)
        return DeliveryStatus(
            connected=self._connection is not None,
            lost=self._outage.lost,
            heard=self._listening.heard,
            deaf=None if self._connection is None else self._listening.deaf(oldest and oldest[1].id, now),
            last_error=self._last_error,
            outbox=self._outbox.status(),
        )

    def _take_connection(self, connection: int | None, now: float) -> None:
        """Begin anew on another connection, or end. Asked of the client, so that no lost event can hide it."""
        self._connection = connection
        self._outage.change(now, connected=connection is not None)
        self._flights.clear()
        self._lanes.clear()
        self._wanted.clear()
        self._levels.clear()
        self._listening = Listening(now)
        self._rounds, self._patient = 0, True
        self._begin_round()
        if connection is not None:
            self._last_error = None
            self._want_online()
            if self._level is not None:
                self._wanted[self._topics.alarms] = self._level

    def _begin_round(self) -> None:
        """Send every alarm that has no receipt, again if need be."""
        self.flush()
        self._round = _Round()
        self._lanes.pop(self._topics.alarm, None)

    def _send_alarm(self, now: float) -> bool:
        """Send the next alarm if it is its turn; whether one is under way or due, so that scores wait."""
        if any(flight.place is not None for flight in self._flights.values()):
            return True
        current = self._round
        if self._outbox.era != self._era or (current.again_at is not None and now >= current.again_at):
            self._rounds += current.again_at is not None
            self._era = self._outbox.era
            self._begin_round()
            current = self._round
        if current.awaited and now >= min(current.awaited.values()):
            current.awaited.clear()
            self._patient = False
            current.again_at = current.again_at or now + self._resend_s()
        if len(current.awaited) >= ALARM_WINDOW:
            return True
        if not self._is_free(self._topics.alarm, now):
            return False
        found = self._outbox.next_alarm(self._topics.alarm, current.place)
        while found is not None and found[1].id in self._done:
            found = self._outbox.next_alarm(self._topics.alarm, found[0])
        if self._outbox.era != self._era:  # The disk failed at this very look, and places are counted anew.
            return self._send_alarm(now)
        if found is None:
            return False
        place, row = found
        return self._fly(_Flight(row.topic, row.id, row.payload, now, place), LATER)

    def _send_others(self, now: float) -> None:
        """Send scores, and what is left of another bed that this device was: nobody can send it receipts for that."""
        flying = {flight.id for flight in self._flights.values() if flight.other}
        room = WINDOW - len(flying)
        if room <= 0:
            return
        held = {topic for topic, lane in self._lanes.items() if now < lane.resume_at}
        for row in self._outbox.others(self._topics.alarm, WINDOW + len(self._done), held):
            if room > 0 and row.id not in flying and row.id not in self._done:
                room -= self._fly(_Flight(row.topic, row.id, row.payload, now, other=True), LATER)

    def _is_free(self, topic: str, now: float) -> bool:
        lane = self._lanes.get(topic)
        return (lane is None or now >= lane.resume_at) and all(f.topic != topic for f in self._flights.values())

    def _fly(self, flight: _Flight, manner: Manner) -> bool:
        ticket = self._client.publish(flight.topic, flight.payload, manner)
        if ticket is None:
            return False
        self._flights[ticket] = flight
        return True

    def _take_acknowledgement(self, event: Published, now: float) -> None:
        flight = self._flights.pop(event.ticket, None)
        if flight is None:
            return
        nobody = event.reason_code == NO_SUBSCRIBERS
        row = flight.place is not None or flight.other
        if event.reason_code >= FAILURE:
            self._fail(flight.topic, event.reason, now)
        elif nobody and row:
            self._fail(flight.topic, event.reason, now, backs_off=False)  # A station that comes shall not have to wait.
        else:
            self._lanes.pop(flight.topic, None)
            if flight.other:
                self._finish({flight.id}, now)
            elif flight.place is not None:
                self._await_receipt(flight.id, flight.place, now)
            elif self._wanted.get(flight.topic) == _Message(flight.id, flight.payload):
                del self._wanted[flight.topic]
        if event.reason_code < FAILURE and flight.topic in (self._topics.alarm, self._topics.alarms):
            if self._listening.nobody and not nobody:
                self._lanes.pop(self._topics.alarm, None)  # Somebody listens again: do not wait any longer.
            self._listening.nobody = nobody

    def _await_receipt(self, id_: str, place: int, now: float) -> None:
        """The broker has taken an alarm; the next one does not wait where no receipts come."""
        current = self._round
        current.place = place
        if self._patient:
            current.awaited[id_] = now + RECEIPT_WAIT_S
        else:
            current.again_at = current.again_at or now + self._resend_s()

    def _resend_s(self) -> float:
        return min(RESEND_MIN_S * 2.0 ** min(self._rounds, 10), RESEND_MAX_S)

    def _finish(self, ids: Collection[str], now: float) -> None:
        """These rows are done; they are removed soon."""
        if not self._done:
            self._flush_at = now + FLUSH_S
        self._done.update(ids)

    def _fail(self, topic: str, reason: str, now: float, *, backs_off: bool = True) -> None:
        lane = self._lanes.setdefault(topic, _Lane())
        lane.resume_at = now + (min(RETRY_MIN_S * 2**lane.failures, RETRY_MAX_S) if backs_off else RETRY_MIN_S)
        lane.failures += 1
        error = f"{topic}: {reason}"
        if error != self._last_error:
            logger.warning("Not delivered, tried again until it is: %s", error)
        self._last_error = error

    def _check_state(self, payload: bytes) -> None:
        """Say `online` again when the broker holds something else, for instance the will of a connection long gone."""
        if self._topics.state in self._wanted:  # Our own is still on its way and will replace it.
            return
        try:
            state = State.parse(payload)
        except ValidationError:
            state = None
        if state is None or state.value != "online" or state.boot_id != self._boot_id:
            logger.warning("The broker holds a stale state of this bed: repaired")
            self._want_online()

    def _want_online(self) -> None:
        state = self._online()
        self._boot_id = state.boot_id
        self._wanted[self._topics.state] = _Message(state.id, state.payload())
