"""The thread that decides and tells: it alone owns the policy state, the outbox and what is published.

Everything reaches it as an event through one bounded inbox: readings, camera states, faults of other stages, what
happens on the connection to the broker. So no lock is needed, and the order of events is the order of decisions.
"""

from __future__ import annotations

import logging
import queue
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from npng_edge import __version__, host
from npng_edge.capture.sources import redact
from npng_edge.commands import Commands
from npng_edge.measure import Durations, Rate
from npng_edge.policy import monitor
from npng_edge.publish.client import Client
from npng_edge.publish.delivery import Delivery
from npng_edge.publish.events import Event as BrokerEvent
from npng_edge.publish.events import Received
from npng_edge.publish.messages import CameraHealth, Health, OutboxHealth, Spread, State
from npng_edge.publish.stamp import Stamp, stored
from npng_edge.publish.topics import Topics
from npng_edge.record.outbox import Outbox, Outgoing
from npng_edge.settings import Broker
from npng_edge.stage import Stage
from npng_edge.units import CameraStatus, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from npng_edge.commands import Answer
    from npng_edge.policy.monitor import Decisions
    from npng_edge.publish.messages import Alarm as AlarmMessage
    from npng_edge.settings import Policy, Settings
    from npng_edge.units import Reading

logger = logging.getLogger(__name__)

INBOX = 1000
"""Events that may wait. Only a thread that hangs lets so many gather, and the watchdog ends that."""
TICK_S = 0.25
PAIN_S = 1.0
HEALTH_S = 10.0
BROKER_LOST_S = 5.0
"""Without a connection for so long, `broker` is an alarm: for the log and for the station's later knowledge."""


@dataclass(frozen=True, slots=True)
class ReadingMade:
    """The inference stage read a frame."""

    reading: Reading
    timings: Mapping[str, float]
    """Seconds per step."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A stage reports on itself: a cause, or None when it works (again)."""

    condition: str
    cause: str | None


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    """The configuration was loaded anew."""

    policy: Policy


@dataclass(frozen=True, slots=True)
class ModelsOpened:
    """SHA-256 of each model in use, by name."""

    models: Mapping[str, str]


Event: TypeAlias = ReadingMade | CameraStatus | Fault | PolicyChanged | ModelsOpened | BrokerEvent


class Bedside(Stage):
    """From events to alarms, kept safe and published."""

    def __init__(
        self,
        settings: Settings,
        *,
        counts: Callable[[], tuple[int, int]],
        on_death: Callable[[str, BaseException], None],
    ) -> None:
        """Open the outbox and prepare the connection; nothing runs before `start`.

        Args:
            settings: Place, policy, broker and storage are used here.
            counts: Gives the good frames delivered and the frames dropped unread, since the start.
            on_death: Called when the stage dies of an unexpected error.
        """
        super().__init__("bedside", on_death)
        now = time.monotonic()
        self._policy = settings.policy
        self._counts = counts
        self._directory = settings.storage.directory
        self._inbox: queue.Queue[Event] = queue.Queue(INBOX)
        self._overflow = 0
        self._state = monitor.State()
        self._camera = CameraStatus(redact(settings.camera.source), None, "", 0)
        self._models: dict[str, str] = {}
        self._checks = 0
        self._due = {"tick": now, "pain": now, "health": now + PAIN_S}
        self._durations: defaultdict[str, Durations] = defaultdict(Durations)
        self._captured, self._read = Rate(now), Rate(now)
        self._frames = 0

        boot_id = uuid.uuid4().hex
        self._topics = Topics(settings.place)
        self._stamp = Stamp(self._topics.place, boot_id, clock_synchronised=host.clock_synchronised)
        self._since = self._stamp.utc(now)
        self._outbox = Outbox(
            settings.storage.directory, boot_id=boot_id, max_bytes=settings.storage.max_mb * 1024 * 1024
        )
        self._client = Client(
            settings.broker or Broker(),
            client_id=f"npng-{self._topics.place.replace('/', '-')}",
            will=lambda: (self._topics.state, self._message("offline").payload()),
            subscriptions=(self._topics.requests, self._topics.state),
            emit=self.tell,
        )
        self._delivery = Delivery(
            self._outbox, self._client, self._topics, online=lambda: self._message("online"), now=now
        )
        self._commands = Commands(self._stamp)

    def tell(self, event: Event) -> None:
        """Hand over one event, from any thread, without waiting. One that finds the inbox full is counted and lost."""
        try:
            self._inbox.put_nowait(event)
        except queue.Full:
            self._overflow += 1

    def start(self) -> None:
        """Say what ended with the run before, then begin and connect."""
        self._keep(self._stamp.ended_by_restart(self._outbox.present()))
        self._client.start()
        super().start()

    def stop(self, timeout: float = 1.0) -> bool:
        """End in good order: the state `stopped` is the last word."""
        ended = super().stop(timeout)
        final = self._topics.state, self._message("stopped").payload(), self._topics.manner(self._topics.state)
        self._client.stop(final)
        if ended:
            self._delivery.flush()
            self._outbox.close()
        return ended

    def turn(self) -> None:
        """Take what has come, or let time pass."""
        now = time.monotonic()
        if now >= self._due["tick"]:
            self._due["tick"] = now + TICK_S
            self._tick(now)
        try:
            event = self._inbox.get(timeout=max(0.0, self._due["tick"] - time.monotonic()))
        except queue.Empty:
            return
        self._take(event, time.monotonic())
        for _ in range(self._inbox.qsize()):
            self._take(self._inbox.get_nowait(), time.monotonic())
        self._delivery.step(time.monotonic())

    def _take(self, event: Event, now: float) -> None:
        if isinstance(event, ReadingMade):
            self._take_reading(event, now)
        elif isinstance(event, CameraStatus):
            self._camera = event
            cause = None if event.fault is None else f"{event.source}: {event.fault.value}: {event.detail}"
            self._take_fault("camera", cause, now)
        elif isinstance(event, Fault):
            self._take_fault(event.condition, event.cause, now)
        elif isinstance(event, PolicyChanged):
            self._policy = event.policy
        elif isinstance(event, ModelsOpened):
            self._models = dict(event.models)
            self._delivery.announce()
        elif isinstance(event, Received) and self._topics.request_name(event.topic) is not None:
            self._take_request(event, now)
        else:
            self._delivery.handle(event, now)

    def _take_reading(self, event: ReadingMade, now: float) -> None:
        reading = event.reading
        self._read.add()
        for step, seconds in event.timings.items():
            self._durations[step].add(seconds)
        self._durations["frame-to-message"].add(now - reading.time)
        self._state, assessment, decisions = monitor.on_reading(self._state, reading, self._policy)
        self._act(decisions)
        if now >= self._due["pain"] or decisions.transitions:
            self._due["pain"] = now + PAIN_S
            message = self._stamp.pain(reading, assessment, self._policy.pain.threshold)
            payload = message.payload()
            if not self._delivery.send(self._topics.pain, payload):
                self._outbox.commit([Outgoing(message.id, "score", self._topics.pain, payload)])

    def _take_fault(self, condition: str, cause: str | None, now: float) -> None:
        if cause != self._state.faults.get(condition):
            (logger.warning if cause else logger.info)("%s: %s", condition, cause or "works again")
        self._state, decisions = monitor.on_fault(self._state, condition, cause, now, self._policy)
        self._act(decisions)

    def _take_request(self, event: Received, now: float) -> None:
        name = self._topics.request_name(event.topic) or ""
        self._state, answer = self._commands.take(name, event, self._state, now)
        self._respond(answer)

    def _respond(self, answer: Answer | None) -> None:
        if answer is not None:
            topic = self._topics.response(answer.name, answer.asked_topic)
            self._delivery.send(topic, answer.response.payload(), answer.correlation)

    def _tick(self, now: float) -> None:
        self._checks += 1
        if not self._client.thread_alive:
            raise RuntimeError("the MQTT thread has ended")
        self._outbox.tend()
        self._take_fault("storage", self._outbox.fault, now)
        status = self._delivery.status()
        lost = not status.connected and now - status.since > BROKER_LOST_S
        self._take_fault("broker", (status.last_error or "not connected") if lost else None, now)
        self._state, decisions = monitor.on_tick(self._state, now, self._policy)
        self._act(decisions)
        if now >= self._due["health"]:
            self._due["health"] = now + HEALTH_S
            self._publish_level()
            self._delivery.send(self._topics.health, self._health(now).payload())
        self._delivery.step(now)

    def _act(self, decisions: Decisions) -> None:
        """Keep and publish what was decided: transition and level in one transaction, then the wire."""
        if decisions.capture is not None:
            self._respond(self._commands.finish(decisions.capture))
        if decisions.transitions:
            self._keep([self._stamp.alarm(made) for made in decisions.transitions])
            for made in decisions.transitions:
                level = logging.INFO if made.phase is Phase.END else logging.WARNING
                fields = {"NPNG_ALARM": made.alarm.condition, "NPNG_PHASE": made.phase.value}
                logger.log(level, "alarm %s %s: %s", *fields.values(), made.alarm.cause, extra=fields)

    def _keep(self, alarms: Sequence[AlarmMessage]) -> None:
        rows = [Outgoing(alarm.id, "alarm", self._topics.alarm, alarm.payload()) for alarm in alarms]
        present = stored(map(self._stamp.alarm_part, self._state.alarms.values()))
        self._outbox.commit(rows, present)
        self._publish_level()

    def _publish_level(self) -> None:
        self._delivery.level(self._stamp.alarms(self._state.alarms.values(), self._checks).payload())

    def _message(self, value: str) -> State:
        return State.model_validate(
            {
                **self._stamp.envelope("state"),
                "value": value,
                "since": self._since,
                "software": __version__,
                "models": self._models,
            }
        )

    def _health(self, now: float) -> Health:
        delivered, dropped = self._counts()
        self._captured.add(delivered - self._frames)
        self._frames = delivered
        outbox = self._outbox.status()
        spreads = {step: durations.percentiles() for step, durations in self._durations.items()}
        return Health(
            **self._stamp.envelope("health"),
            capture_fps=round(self._captured.per_second(now), 2),
            inference_fps=round(self._read.per_second(now), 2),
            dropped_frames=dropped,
            dropped_events=self._overflow,
            latency_ms={
                step: Spread(p50=round(spread.p50 * 1000, 2), p95=round(spread.p95 * 1000, 2))
                for step, spread in spreads.items()
                if spread is not None
            },
            temperature_c=host.temperature_c(),
            disk_free_mb=host.disk_free_mb(self._directory),
            memory_mb=host.memory_mb(),
            outbox=OutboxHealth(
                depth=outbox.depth, oldest_s=outbox.oldest_s, bytes=outbox.bytes, thinned=outbox.thinned
            ),
            camera=CameraHealth(
                source=self._camera.source,
                fault=self._camera.fault,
                detail=self._camera.detail,
                reopened=self._camera.reopened,
            ),
            alarms_present=tuple(self._state.alarms),
            self_check=self._stamp.self_check(self._checks),
        )
