"""Delivery: from the outbox to the broker, at least once and in order, by one thread and with time passed in.

How the owner's thread uses it:

1. Every event of the client goes to `handle(event, now)`; one that is lost costs time, never a message. Requests
   (`Received` on `request/...`) are left to the owner.
2. After `Outbox.commit` call `level(...)` with the `alarms` message, then `step(now)`; call `level(...)` once at the
   start as well, and about every 10 s, so that a station that is not listening is noticed between alarms.
3. Call `step(now)` after the events at hand were handled and a few times a second: it has the timers.
4. Call `flush()` before the outbox is closed; without it, the last few messages are sent again after the restart.
5. What is only worth sending now (`pain`, `health`, responses) goes through `send(...)`; False means not connected.

On each connect: `state` online, then `alarms`, then the rows of the outbox, alarms before scores. One alarm per topic
is in flight at a time, because that alone keeps their order when one of several is refused; scores have a window. A
connection that ends, a refusal (0x80 and above), nobody subscribed (0x10) or no acknowledgement in time leaves the row
where it is; its topic is tried again with back-off, the other topics go on. The station may see a message twice, with
the same id, and never misses one that the broker kept.

In this first cut the broker's acknowledgement 0x00 counts as delivered, although a broker may lose what it has
acknowledged; the station's own receipts come later.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from npng_edge.publish.events import Disconnected, Event, Published, Received, Refused, Unreachable
from npng_edge.publish.messages import State
from npng_edge.publish.topics import SCORE_LATER, Manner

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.publish.events import Ticket
    from npng_edge.publish.topics import Topics
    from npng_edge.record.outbox import Outbox, OutboxStatus

WINDOW = 10
"""Scores in flight at a time; with the retained messages below the 20 that Mosquitto allows a client."""
ACK_TIMEOUT_S = 10.0
"""A message not acknowledged for so long is sent again."""
FLUSH_ROWS = 50
FLUSH_S = 0.2
"""Acknowledged rows are removed together, so many or after so long: each removal synchronises the disk."""
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
    since: float
    """When `connected` last changed, or the start; monotonic seconds, as passed in."""
    no_listener: bool | None
    """Nobody has subscribed to this bed's alarms, said the broker when it last took one; None: not known."""
    last_error: str | None
    """What went wrong last since the last connect, for people; None: nothing."""
    outbox: OutboxStatus


@dataclass(frozen=True, slots=True)
class _Flight:
    """A message that is not yet acknowledged."""

    topic: str
    row: str | None
    """Id in the outbox; None for a retained message."""
    payload: bytes
    sent_at: float


@dataclass(slots=True)
class _Lane:
    """The back-off of one topic."""

    failures: int = 0
    resume_at: float = 0.0


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
        self._since = now
        self._no_listener: bool | None = None
        self._last_error: str | None = None
        self._level: bytes | None = None
        self._wanted: dict[str, bytes] = {}  # retained topic -> newest payload, until it is acknowledged
        self._flights: dict[Ticket, _Flight] = {}
        self._lanes: dict[str, _Lane] = {}
        self._acknowledged: set[str] = set()  # rows to be removed, in one transaction
        self._flush_at = 0.0

    def level(self, payload: bytes) -> None:
        """Take the `alarms` message that is true from now on; the next `step` sends it."""
        self._level = payload
        if self._connection is not None:
            self._wanted[self._topics.alarms] = payload

    def announce(self) -> None:
        """Say `state` online again, because what it tells has changed; the next `step` sends it."""
        if self._connection is not None:
            self._want_online()

    def send(self, topic: str, payload: bytes, correlation: bytes | None = None) -> bool:
        """Send now and forget; False while there is no connection.

        Args:
            topic: One of this bed's.
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

    def step(self, now: float) -> None:
        """Remove what is delivered, time out what is not, and send what is due."""
        if len(self._acknowledged) >= FLUSH_ROWS or now >= self._flush_at:
            self.flush()
        if self._client.connection != self._connection:
            self._take_connection(self._client.connection, now)
        if self._connection is None:
            return
        for ticket, flight in list(self._flights.items()):
            if now - flight.sent_at > ACK_TIMEOUT_S:
                del self._flights[ticket]
                self._fail(flight.topic, f"no acknowledgement in {ACK_TIMEOUT_S:g} s", now)
        for topic, payload in self._wanted.items():
            if self._is_free(topic, now):
                self._fly(topic, payload, self._topics.manner(topic), None, now)
        self._send_rows(now)

    def flush(self) -> None:
        """Remove what is delivered from the outbox now."""
        self._outbox.done(self._acknowledged)
        self._acknowledged.clear()

    def status(self) -> DeliveryStatus:
        """How it goes."""
        return DeliveryStatus(
            connected=self._connection is not None,
            since=self._since,
            no_listener=self._no_listener,
            last_error=self._last_error,
            outbox=self._outbox.status(),
        )

    def _take_connection(self, connection: int | None, now: float) -> None:
        """Begin anew on another connection, or end. Asked of the client, so that no lost event can hide it."""
        if (connection is None) != (self._connection is None):
            self._since = now
        self._connection = connection
        self._flights.clear()
        self._lanes.clear()
        self._wanted.clear()
        if connection is not None:
            self._last_error = None
            self._want_online()
            if self._level is not None:
                self._wanted[self._topics.alarms] = self._level

    def _send_rows(self, now: float) -> None:
        flying = {flight.row for flight in self._flights.values()}
        held = {topic for topic, lane in self._lanes.items() if now < lane.resume_at}
        alarm_busy = {flight.topic for flight in self._flights.values() if flight.row is not None}
        scores = 0
        waiting = self._outbox.pending(2 * WINDOW + len(self._acknowledged), held)
        rows = [row for row in waiting if row.id not in self._acknowledged]
        alarms_wait = any(row.kind == "alarm" for row in rows)
        for row in rows:
            if row.id in flying:
                scores += row.kind == "score"
            elif row.kind == "score":
                if scores < WINDOW and not alarms_wait:
                    scores += self._fly(row.topic, row.payload, SCORE_LATER, row.id, now)
            elif row.topic not in alarm_busy:
                alarm_busy.add(row.topic)
                self._fly(row.topic, row.payload, Manner(qos=1, retain=False, expiry_s=None), row.id, now)

    def _is_free(self, topic: str, now: float) -> bool:
        lane = self._lanes.get(topic)
        return (lane is None or now >= lane.resume_at) and all(f.topic != topic for f in self._flights.values())

    def _fly(self, topic: str, payload: bytes, manner: Manner, row: str | None, now: float) -> bool:
        ticket = self._client.publish(topic, payload, manner)
        if ticket is None:
            return False
        self._flights[ticket] = _Flight(topic, row, payload, now)
        return True

    def _take_acknowledgement(self, event: Published, now: float) -> None:
        flight = self._flights.pop(event.ticket, None)
        if flight is None:
            return
        nobody = event.reason_code == NO_SUBSCRIBERS
        if event.reason_code >= FAILURE or (nobody and flight.row is not None):
            self._fail(flight.topic, event.reason, now)
        else:
            self._lanes.pop(flight.topic, None)
            if flight.row is not None:
                if not self._acknowledged:
                    self._flush_at = now + FLUSH_S
                self._acknowledged.add(flight.row)
            elif self._wanted.get(flight.topic) == flight.payload:
                del self._wanted[flight.topic]
        if event.reason_code < FAILURE and flight.topic in (self._topics.alarm, self._topics.alarms):
            if self._no_listener and not nobody:
                self._lanes.pop(self._topics.alarm, None)  # Somebody listens again: do not wait any longer.
            self._no_listener = nobody

    def _fail(self, topic: str, reason: str, now: float) -> None:
        lane = self._lanes.setdefault(topic, _Lane())
        lane.resume_at = now + min(RETRY_MIN_S * 2**lane.failures, RETRY_MAX_S)
        lane.failures += 1
        self._last_error = f"{topic}: {reason}"
        logger.warning("Not delivered, tried again later: %s: %s", topic, reason)

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
        self._wanted[self._topics.state] = state.payload()
