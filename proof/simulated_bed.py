"""A bed that nobody looks at: the product's own connection, outbox, delivery and messages, driven by a clock."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

from npng_edge import __version__
from npng_edge.bedside.stage import HEALTH_S, LEVEL_S, PAIN_S
from npng_edge.publish.client import Client
from npng_edge.publish.delivery import Delivery
from npng_edge.publish.events import Received
from npng_edge.publish.messages import CameraHealth, Health, OutboxHealth, Pain, Spread, State
from npng_edge.publish.stamp import PatientFacts, Stamp, stored
from npng_edge.publish.topics import Topics
from npng_edge.receipt import Receipt
from npng_edge.record.outbox import Outbox, Outgoing
from npng_edge.units import (
    Alarm,
    AlarmKind,
    Assessment,
    BaselineOrigin,
    Change,
    PainLevel,
    Phase,
    Presence,
    Priority,
    Reading,
    Threshold,
    Transition,
    Trend,
)
from proof.storm import PAIN, VIEW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from npng_edge.publish.events import Event
    from npng_edge.settings import Broker, Place

OUTBOX_BYTES = 64 * 2**20
PERIODS = {"pain": PAIN_S, "level": LEVEL_S, "health": HEALTH_S}
TICK_S = 1.0
"""A bed that says nothing looks at its timers so often. A bedside has its own processor, and ticks every 0.25 s."""
STEPS = ("detect", "align", "mesh", "quality", "action-units", "frame-to-message")
FACTS = PatientFacts("P-LOAD", None, None, None, "too-few-ratings")


class SimulatedBed:
    """One bed; used from one thread.

    Args:
        folder: Of its outbox.
        place: Where it stands.
        broker: The way in.
        emit: Takes what happens on the connection, from its thread.
        random: The only source of chance.
        alarm_s: Mean time between two alarm transitions, seconds.
        owed: Ids of alarms without a receipt; shared by all beds of the process, kept up by each.
    """

    def __init__(  # noqa: PLR0913 - all that makes up a bed
        self,
        folder: Path,
        place: Place,
        broker: Broker,
        emit: Callable[[Event], None],
        *,
        random: Random,
        alarm_s: float,
        owed: set[str],
    ) -> None:
        now, boot_id = time.monotonic(), uuid.uuid4().hex
        self._random = random
        self._alarm_s = alarm_s
        self._owed = owed
        self._turned = now
        self._alarm: Alarm | None = None
        self._score: dict[str, Any] | None = None
        self._lives = 0
        self._checks = 0
        self._due = {name: now + random.uniform(0, period) for name, period in PERIODS.items()}
        self._due["alarm"] = now + random.expovariate(1 / alarm_s)
        self._topics = Topics(place)
        self._stamp = Stamp(self._topics.place, boot_id, clock_synchronised=lambda: True)
        self._since = self._stamp.utc(now)
        self._outbox = Outbox(folder, boot_id=boot_id, max_bytes=OUTBOX_BYTES)
        self._client = Client(
            broker,
            client_id=f"npng-{self._topics.place.replace('/', '-')}",
            will=lambda: (self._topics.state, self._state("offline").payload()),
            subscriptions=(self._topics.requests, self._topics.vitals, self._topics.receipt, self._topics.state),
            emit=emit,
        )
        self._delivery = Delivery(
            self._outbox, self._client, self._topics, online=lambda: self._state("online"), now=now
        )
        self.told: Counter[str] = Counter()
        """Messages made, by the name of their topic."""
        self._tell_level()

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._client.connected

    @property
    def next_at(self) -> float:
        """When `turn` is due, monotonic seconds."""
        return min(*self._due.values(), self._turned + TICK_S)

    def start(self) -> None:
        """Begin to connect."""
        self._client.start()

    def busy(self, *, alarms: bool, rest: bool) -> None:
        """Say what goes on by itself: transitions of an alarm, and everything else."""
        now = time.monotonic()
        self._due["alarm"] = now + self._random.expovariate(1 / self._alarm_s) if alarms else float("inf")
        for name, period in PERIODS.items():
            self._due[name] = now + self._random.uniform(0, period) if rest else float("inf")

    def turn(self, now: float) -> None:
        """Do what is due."""
        self._turned = now
        due = {name for name, at in self._due.items() if at <= now}
        for name in due & PERIODS.keys():
            self._due[name] = max(self._due[name] + PERIODS[name], now)
        if "pain" in due:
            self._tell_score(now)
        if "alarm" in due:
            self._due["alarm"] = now + self._random.expovariate(1 / self._alarm_s)
            self.change(now)
        if "level" in due:
            self._checks += 1
            self._tell_level()
        if "health" in due:
            self._tell_health(now)
        self._delivery.step(now)

    def handle(self, event: Event) -> None:
        """Take what happened on the connection, as the bedside does; then `step`."""
        now = time.monotonic()
        if isinstance(event, Received) and event.topic == self._topics.receipt:
            receipt = Receipt.parse(event.payload)
            self._owed.difference_update(receipt.ids)
            self._delivery.receipt(receipt.ids, now)
        else:
            self._delivery.handle(event, now)

    def step(self) -> None:
        """Send what is due after the events at hand."""
        self._delivery.step(time.monotonic())

    def change(self, now: float) -> None:
        """Let an alarm begin or end: one transition."""
        if self._alarm is None:
            self._lives += 1
            name = f"{self._stamp.boot_id}-{self._lives}"
            cause = "PSPI 13.0 above baseline, alarm at 4.0."
            kind, priority = AlarmKind.PHYSIOLOGICAL, Priority.MEDIUM
            self._alarm = alarm = Alarm(name, "pain", kind, priority, Presence.ON, now, cause)
            made = Transition(Phase.START, Change.RAISED, alarm, now)
        else:
            began, self._alarm = self._alarm, None
            alarm = Alarm(
                began.id, began.condition, began.kind, began.priority, Presence.OFF, began.since, "PSPI 0.0 now."
            )
            made = Transition(Phase.END, Change.ENDED, alarm, now)
        self._score = None
        message = self._stamp.alarm(made)
        self._owed.add(message.id)
        self.told["alarm"] += 1
        row = Outgoing(message.id, "alarm", self._topics.alarm, message.payload())
        self._outbox.commit([row], stored(map(self._stamp.alarm_part, self._present)))
        self._tell_level()

    @property
    def _present(self) -> tuple[Alarm, ...]:
        return () if self._alarm is None else (self._alarm,)

    def _tell_score(self, now: float) -> None:
        # To make a score costs more than to send it, and a thousand beds have no thousand processors here: while it
        # stays the same, only what is new in each message is made.
        if self._score is None:
            self._score = self._scored(now).model_dump(mode="json", by_alias=True)
        new = self._stamp.envelope("pain")
        time_ = new["time"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = {**self._score, "id": new["id"], "sequence": new["sequence"], "time": time_}
        payload = json.dumps(message, separators=(",", ":")).encode()
        self.told["pain"] += 1
        if not self._delivery.send(self._topics.pain, payload):
            self._outbox.commit([Outgoing(new["id"], "score", self._topics.pain, payload)])

    def _scored(self, now: float) -> Pain:
        reading = Reading(self.told["pain"], now, 1, VIEW, PAIN, in_bed=1, pain_probability=0.9, asymmetry=0.1)
        assessment = Assessment(
            time=now,
            pspi=13.0,
            pspi_error=1.0,
            pspi_above_baseline=None,
            reasons=(),
            baseline=BaselineOrigin.NONE,
            look_alike=None,
            pain=self._alarm is not None,
            threshold=Threshold(4.0, 7.0, 4.0, "configured"),
            level=PainLevel.SEVERE,
            trend=Trend.STEADY,
            confidence=0.5,
            since=now,
            minutes_above=1.0,
            vas=None,
            asymmetry=0.1,
        )
        return self._stamp.pain(reading, assessment, FACTS)

    def _tell_level(self) -> None:
        message = self._stamp.alarms(self._present, {}, self._checks)
        self._delivery.level(message.id, message.payload())

    def _tell_health(self, now: float) -> None:
        # Not by the product's meter: what it asks of the host is asked once on a device, not once for each bed.
        status = self._delivery.status(now)
        waiting = status.outbox
        message = Health(
            **self._stamp.envelope("health"),
            capture_fps=15.0,
            inference_fps=10.0,
            dropped_frames=0,
            dropped_events=0,
            latency_ms={name: Spread(p50=5.0, p95=9.0) for name in STEPS},
            temperature_c=55.0,
            disk_free_mb=1000.0,
            memory_mb=190.0,
            outbox=OutboxHealth(
                depth=waiting.depth,
                oldest_s=waiting.oldest_s,
                bytes=waiting.bytes,
                thinned=waiting.thinned,
                alarms=waiting.alarms,
                alarms_lost=waiting.alarms_lost,
            ),
            camera=CameraHealth(source="v4l2:/dev/video0", fault=None, detail="", reopened=0),
            alarms_present=tuple(alarm.condition for alarm in self._present),
            self_check=self._stamp.self_check(self._checks),
            receipt_age_s=None if status.heard is None else now - status.heard,
            certificate_ends=None,
        )
        if self._delivery.send(self._topics.health, message.payload()):
            self.told["health"] += 1

    def _state(self, value: str) -> State:
        return State.model_validate(
            {
                **self._stamp.envelope("state"),
                "value": value,
                "since": self._since,
                "software": __version__,
                "models": {},
                "patient": "P-LOAD",
            }
        )
