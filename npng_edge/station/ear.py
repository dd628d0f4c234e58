"""The ear of a station: one connection, one thread; hands over what is heard and sends what is owed."""

from __future__ import annotations

import queue
import re
import threading
import time
import uuid
from typing import TYPE_CHECKING

from npng_edge.publish.client import Client
from npng_edge.publish.events import Connected, Disconnected, Published, Received, Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from npng_edge.publish.events import Event
    from npng_edge.settings import Broker
    from npng_edge.station.receiver import Receiver

TURN_S = 0.25
BATCH_S = 0.1
"""What comes in so long is taken together: its alarms are stored in one transaction."""
INBOX = 100_000
"""Messages that may wait; more are lost, and counted: the beds send alarms again."""
FAILURE = 0x80


class Ear:
    """Listens, and with a receiver answers.

    Args:
        broker: Where to listen.
        topics: Topic filters.
        take: Takes every message, in this object's thread: topic, payload, monotonic seconds.
        say: Takes every change of the connection in words: `connected`, or what is wrong.
        receiver: Stores alarms and sends receipts; the broker keeps what comes while it is away. None: only listens.
    """

    def __init__(
        self,
        broker: Broker,
        topics: Sequence[str],
        *,
        take: Callable[[str, bytes, float], None],
        say: Callable[[str], None],
        receiver: Receiver | None,
    ) -> None:
        self._take = take
        self._say = say
        self._receiver = receiver
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        own = re.sub(r"[^A-Za-z0-9_-]", "-", receiver.name) if receiver else uuid.uuid4().hex[:12]
        self._client = Client(
            broker,
            client_id=f"npng-{'station' if receiver else 'watch'}-{own}",
            will=None,
            subscriptions=topics,
            emit=self._put,
            keeps_session=receiver is not None,
        )
        self.lost = 0
        """Messages that found the inbox full."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ear", daemon=True)

    def start(self) -> None:
        """Begin to listen; returns at once, whether the broker is there or not."""
        self._client.start()
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; what was stored and has no receipt yet comes again."""
        self._stopping.set()
        self._thread.join()
        self._client.stop()

    def _put(self, event: Event) -> None:
        if self._events.qsize() < INBOX:
            self._events.put(event)
        else:
            self.lost += 1

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                event = self._events.get(timeout=TURN_S)
            except queue.Empty:
                pass
            else:
                self._handle(event)
                until = time.monotonic() + BATCH_S
                while not self._events.empty() and time.monotonic() < until:
                    self._handle(self._events.get_nowait())
            self._answer(time.monotonic())

    def _handle(self, event: Event) -> None:
        if isinstance(event, Received):
            now = time.monotonic()
            self._take(event.topic, event.payload, now)
            if self._receiver is not None:
                self._receiver.take(event.topic, event.payload, now)
        elif isinstance(event, Published):
            if event.reason_code >= FAILURE:
                self._say(f"connected, but what it asks is refused: {event.reason}")
        elif isinstance(event, Connected):
            self._say("connected")
        elif isinstance(event, Disconnected):
            self._say(f"lost: {event.reason}; trying again")
        elif isinstance(event, Refused):
            self._say(f"refused: {event.reason}; trying again")
        elif isinstance(event, Unreachable):
            self._say(f"not reached: {event.reason}; trying again")

    def _answer(self, now: float) -> None:
        if self._receiver is None:
            return
        before = self._receiver.fault
        owed = self._receiver.due(now)
        if self._receiver.fault != before:
            self._say("connected" if self._receiver.fault is None else f"no receipts are sent: {self._receiver.fault}")
        for one in owed:
            self._client.publish(one.topic, one.payload, one.manner)
