"""The staff of a soaked bed: vital signs each minute, and one request after another, as a busy day brings them."""

from __future__ import annotations

import itertools
import json
import logging
import threading
from collections import Counter
from datetime import datetime, timezone
from random import Random
from typing import TYPE_CHECKING

from npng_edge.ask import AskError, ask, make_request
from npng_edge.publish.client import Client
from npng_edge.publish.events import Received
from npng_edge.publish.topics import Manner, Topics
from npng_edge.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.publish.events import Event
    from npng_edge.settings import Broker, Place

PATIENT = "P-SOAK"
MINUTE_S = 60.0
_PATIENCE_S = 50.0
_VITALS = Manner(qos=1, retain=False, expiry_s=60)

logger = logging.getLogger(__name__)


class Ear:
    """Hears one bed: the newest message of each of its topics.

    Args:
        broker: The way in, with a name of its own.
        place: The bed.
    """

    def __init__(self, broker: Broker, place: Place) -> None:
        self._topics = Topics(place)
        self._newest: dict[str, bytes] = {}
        self._online = threading.Event()
        self.client = Client(
            broker, client_id="npng-ear", will=None, subscriptions=(f"{self._topics.bed}/#",), emit=self._take
        )
        self.client.start()

    def newest(self, name: str) -> dict[str, object] | None:
        """The newest message of a topic, e.g. `health`; None: there was none."""
        payload = self._newest.get(f"{self._topics.bed}/{name}")
        return None if payload is None else json.loads(payload)

    def wait_online(self, timeout: float) -> bool:
        """Wait until the bed says that it is online, seconds at the most; whether it does."""
        return self._online.wait(timeout)

    def _take(self, event: Event) -> None:
        if isinstance(event, Received):
            self._newest[event.topic] = event.payload
            if event.topic == self._topics.state and b'"online"' in event.payload:
                self._online.set()


class Desk(threading.Thread):
    """Assigns a patient, then asks for one thing each minute until it is told to stop.

    Args:
        broker: The way in, with a name of its own.
        ear: What is known of the bed; vital signs go out on its connection.
        place: The bed.
        minute_s: How long a minute is, for a short soak.
    """

    def __init__(self, broker: Broker, ear: Ear, place: Place, minute_s: float = MINUTE_S) -> None:
        super().__init__(name="desk", daemon=True)
        self._broker = broker
        self._ear = ear
        self._place = place
        self._minute_s = minute_s
        self._random = Random(5)
        self._stopping = threading.Event()
        self.answers: Counter[str] = Counter()
        """`name: outcome` or `name: reason`, and how often."""

    def stop(self) -> None:
        """End after the request that is under way."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        """One round a minute."""
        self._ask("assign", f"patient={PATIENT}")
        for name, *fields in self._day():
            self._send_vitals()
            self._ask(name, *fields)
            if self._stopping.wait(self._minute_s):
                return

    def _day(self) -> Iterator[tuple[str, ...]]:
        for number in itertools.count():
            yield ("pause", "conditions=[pain]", "seconds=30")
            yield ("resume", "conditions=[pain]")
            yield ("threshold", f"vas={4 + number % 2}")
            yield ("self-test",)
            yield ("acknowledge", f"alarm_id={self._present() or 'none'}")
            yield ("rate", f"vas={self._random.randint(0, 8)}", "rater=staff")
            yield ("baseline", "action=capture")

    def _present(self) -> str | None:
        level = self._ear.newest("alarms")
        present = level and level["present"]
        return str(present[0]["alarm_id"]) if isinstance(present, list) and present else None

    def _ask(self, name: str, *fields: str) -> None:
        request = make_request(name, fields, who="soak", why=None, patience_s=_PATIENCE_S)
        try:
            for answer in ask(self._broker, self._place, name, request, _PATIENCE_S):
                said = answer.outcome if answer.reason is None else answer.reason.value
                self.answers[f"{name}: {said}"] += 1
        except AskError as error:
            logger.warning("%s", error)
            self.answers[f"{name}: no answer"] += 1

    def _send_vitals(self) -> None:
        vitals = Vitals(
            id=f"soak-{self.answers.total()}",
            source="soak",
            at=datetime.now(timezone.utc),
            heart_rate=self._random.uniform(60, 110),
            respiratory_rate=self._random.uniform(10, 24),
            spo2=self._random.uniform(94, 100),
            oxygen=False,
            systolic=self._random.uniform(100, 150),
            temperature=36.9,
            consciousness="alert",
        )
        self._ear.client.publish(Topics(self._place).vitals, vitals.payload(), _VITALS)
