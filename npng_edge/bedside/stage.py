"""The thread that decides and tells: it alone owns the policy state, what is kept and what is published.

Everything reaches it as an event through one bounded inbox: readings, camera states, faults of other stages, what
happens on the connection to the broker. So no lock is needed, and the order of events is the order of decisions.
"""

from __future__ import annotations

import logging
import queue
import time
import uuid
from itertools import islice
from typing import TYPE_CHECKING

from pydantic import ValidationError

from npng_edge import host
from npng_edge.bedside.commands import Answer, Commands
from npng_edge.bedside.errands import fetch_episode, replay
from npng_edge.bedside.events import Event, ModelsOpened, PolicyChanged, ReadingMade
from npng_edge.bedside.health import HealthMeter
from npng_edge.bedside.keeping import Keeper, kept_since
from npng_edge.bedside.sealing import export_stay, import_stay, past_stays, rows_of
from npng_edge.bedside.self_test import checks
from npng_edge.bedside.telling import Teller
from npng_edge.capture.sources import redact
from npng_edge.policy import monitor
from npng_edge.policy.alarm.local import local_signal
from npng_edge.policy.decisions import Outcome
from npng_edge.policy.events import Arrived, Asked, Fault, Left, Measured, Seen, Tick
from npng_edge.policy.state import MOST_LEFT
from npng_edge.publish.client import Client
from npng_edge.publish.delivery import Delivery
from npng_edge.publish.events import Received
from npng_edge.publish.stamp import Stamp
from npng_edge.publish.topics import Topics
from npng_edge.receipt import Receipt
from npng_edge.record.history import Changes
from npng_edge.record.outbox import Outbox
from npng_edge.requests import Export, FetchEpisode, Import, Refusal, RefusalReason, Replay, SelfTest
from npng_edge.settings import Broker
from npng_edge.stage import Stage
from npng_edge.units import CameraStatus, Moment
from npng_edge.vitals import Vitals
from npng_edge.wire import mistakes

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.bedside.filming import Filming
    from npng_edge.indicate.player import Player
    from npng_edge.policy.decisions import Decisions
    from npng_edge.policy.events import Event as PolicyEvent
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.publish.messages import State
    from npng_edge.record.event_log import EventWriter
    from npng_edge.settings import Settings
    from npng_edge.units import Alarm

logger = logging.getLogger(__name__)

INBOX = 1000
"""Events that may wait. Only a thread that hangs lets so many gather, and the watchdog ends that."""
TICK_S = 0.25
PAIN_S = 1.0
LEVEL_S = 5.0  # The station's receipts for the level prove that somebody listens.
HEALTH_S = 10.0
RETENTION_S = 3600.0
EVENT_LOG, EVENT_LOG_BYTES = "events.jsonl", 256 * 2**20
"""Of one file, of which eight are kept: about two days at ten readings a second."""
FACTS_S = 1.0


class Bedside(Stage):
    """From events to alarms, kept safe and published."""

    def __init__(
        self,
        settings: Settings,
        *,
        counts: Callable[[], tuple[int, int]],
        filming: Filming,
        local: Player,
        on_death: Callable[[str, BaseException], None],
    ) -> None:
        """Open the outbox and prepare the connection; nothing runs before `start`.

        Args:
            settings: Place, policy, broker and storage are used here.
            counts: Gives the good frames delivered and the frames dropped unread, since the start.
            filming: Keeps clips; stopped before this stage.
            local: Signals at the bed while no station can.
            on_death: Called when the stage dies of an unexpected error.
        """
        super().__init__("bedside", on_death)
        now = time.monotonic()
        self._policy = settings.policy
        self._storage = settings.storage
        self._filming = filming
        self._local = local
        self._inbox: queue.Queue[Event] = queue.Queue(INBOX)
        boot_id = uuid.uuid4().hex
        self._state = monitor.begin(boot_id)
        self._camera = CameraStatus(redact(settings.camera.source), None, "", 0)
        self._models: dict[str, str] = {}
        self._checks = 0
        self._synchronised = host.clock_synchronised()
        self._due = {"tick": now, "facts": now, "pain": now, "level": now, "health": now + PAIN_S, "retention": now}

        self._topics = Topics(settings.place)
        self._stamp = Stamp(self._topics.place, boot_id, clock_synchronised=lambda: self._synchronised)
        self._since = self._stamp.utc(now)
        self._began = self._moment(now)
        self._outbox = Outbox(
            settings.storage.directory, boot_id=boot_id, max_bytes=settings.storage.max_mb * 1024 * 1024
        )
        self._keeper = Keeper(self._outbox, self._topics, self._stamp)
        self._meter = HealthMeter(self._stamp, counts, settings.storage.directory, now, time.time())
        self._client = Client(
            settings.broker or Broker(),
            client_id=f"npng-{self._topics.place.replace('/', '-')}",
            will=lambda: (self._topics.state, self._message("offline").payload()),
            subscriptions=(self._topics.requests, self._topics.vitals, self._topics.receipt, self._topics.state),
            emit=self.tell,
        )
        self._delivery = Delivery(
            self._outbox, self._client, self._topics, online=lambda: self._message("online"), now=now
        )
        self._teller = Teller(self._stamp, self._topics, self._delivery, self._outbox)
        self._commands = Commands(self._stamp)
        self._log: EventWriter | None = None
        if settings.storage.record_events:
            from npng_edge.record.event_log import EventWriter  # noqa: PLC0415 - slow, and mostly switched off

            file = settings.storage.directory / EVENT_LOG
            self._log = EventWriter(file, run=boot_id, max_bytes=EVENT_LOG_BYTES)

    def tell(self, event: Event) -> None:
        """Hand over one event, from any thread. One that finds the inbox full is counted and lost."""
        try:
            self._inbox.put_nowait(event)
        except queue.Full:
            self._meter.lost_events += 1

    def start(self) -> None:
        """Say what ended with the run before, take its patient over, then begin and connect."""
        now, profile = time.monotonic(), self._keeper.restore()
        past = tuple(profile for profile, _ in islice(past_stays(self._outbox.history), MOST_LEFT))
        self._decide(Left(past), now)
        left = self._outbox.present()
        ends, latched = self._stamp.left_by(left, same_patient=profile is not None)
        self._keeper.ends(ends, {alarm.id: left[alarm.id] for alarm in latched})
        self._take_over(profile, now, latched)
        self._client.start()
        super().start()

    def stop(self, timeout: float = 1.0) -> bool:
        """End in good order: the state `stopped` is the last word."""
        ended = super().stop(timeout)
        final = self._topics.state, self._message("stopped").payload(), self._topics.manner(self._topics.state)
        self._client.stop(final)
        if ended:
            self._keeper.clips(self._filming.proofs(clock_right=False))
            self._delivery.flush()
            self._outbox.close()
            if self._log is not None:
                self._log.close()
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

    def _take_over(self, profile: Profile | None, now: float, latched: tuple[Alarm, ...] = ()) -> None:
        """Go on with the patient who was here when the run before ended."""
        if profile is not None:
            self._decide(Arrived(profile, latched), now)

    def _take(self, event: Event, now: float) -> None:
        if isinstance(event, ReadingMade):
            self._meter.add(event.timings, now - event.reading.time)
            decisions = self._decide(Seen(event.reading), now)
            if decisions.assessment is not None and (now >= self._due["pain"] or decisions.transitions):
                self._due["pain"] = now + PAIN_S
                self._teller.score(event.reading, decisions.assessment, self._state, self._policy)
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
        elif isinstance(event, Received) and event.topic in (self._topics.vitals, self._topics.receipt):
            self._take_data(event, now)
        else:
            self._delivery.handle(event, now)

    def _take_fault(self, condition: str, cause: str | None, now: float) -> None:
        if cause != self._state.faults.get(condition):
            (logger.warning if cause else logger.info)("%s: %s", condition, cause or "works again")
        self._decide(Fault(condition, cause), now)

    def _take_data(self, event: Received, now: float) -> None:
        """Take vital signs or a receipt."""
        name = "vitals" if event.topic == self._topics.vitals else "receipt"
        try:
            message = Vitals.parse(event.payload) if name == "vitals" else Receipt.parse(event.payload)
        except ValidationError as error:
            self._respond(self._commands.refuse(name, event, RefusalReason.MALFORMED, mistakes(error)))
            return
        if isinstance(message, Receipt):
            self._delivery.receipt(message.ids, now)
            return
        refused = self._decide(Measured(message), now).refused
        if refused is not None:
            self._respond(self._commands.refuse(name, event, refused.reason, refused.detail))

    def _take_request(self, event: Received, now: float) -> None:
        name = self._topics.request_name(event.topic) or ""
        read = self._commands.receive(name, event)
        if isinstance(read, Answer):
            self._respond(read)
        elif isinstance(read, Import):
            self._take_import(name, read, now)
        elif isinstance(read, Export):
            self._take_export(name, read, now)
        elif isinstance(read, FetchEpisode):
            self._answer(fetch_episode(self._outbox, self._stamp, self._topics, self._state.profile, name, read))
        elif isinstance(read, Replay):
            self._answer(replay(self._outbox, name, read))
        elif isinstance(read, SelfTest):
            self._take_self_test(name, read, now)
        elif read is not None:
            self._decide(Asked(name, read), now)

    def _take_import(self, name: str, request: Import, now: float) -> None:
        key = self._storage.transfer_key_file
        opened = import_stay(request.bundle, key, self._state.profile, self._moment(now))
        if isinstance(opened, Refusal):
            self._answer(Outcome(name, request, "refused", opened))
            return
        stay, profile = opened
        self._outbox.commit(changes=Changes(rows=rows_of(stay)))
        self._decide(Arrived(profile), now)
        self._answer(Outcome(name, request, "done", None, f"Stay {profile.stay} goes on here."))
        self._delivery.announce()

    def _take_export(self, name: str, request: Export, now: float) -> None:
        sealed = export_stay(
            self._outbox.history,
            self._state,
            request,
            self._moment(now),
            self._policy,
            key_file=self._storage.transfer_key_file,
            bed=self._topics.place,
        )
        if isinstance(sealed, Refusal):
            self._answer(Outcome(name, request, "refused", sealed))
        elif request.transfer and self._state.profile is not None and self._state.profile.patient == request.patient:
            self._decide(Asked(name, request), now, bundle=sealed)
        else:
            self._answer(Outcome(name, request, "done", None, "Sealed."), sealed)

    def _take_self_test(self, name: str, request: SelfTest, now: float) -> None:
        self._local.test()
        made = checks(
            faults=self._state.faults,
            camera=self._camera,
            models=self._models,
            reading_fps=self._meter.reading_fps,
            storage=self._outbox.check(),
            delivery=self._delivery.status(now),
            local=self._local.kind,
            now=now,
        )
        failed = [one.name for one in made if one.passed is False]
        detail = f"Failed: {', '.join(failed)}." if failed else "Nothing failed."
        self._respond(self._commands.answer(Outcome(name, request, "done", None, detail), checks=made))

    def _decide(self, event: PolicyEvent, now: float, bundle: str | None = None) -> Decisions:
        """Let the policy take one event; keep what it decides, then tell it."""
        before, moment = self._state, self._moment(now)
        if self._log is not None:
            self._log.write(moment, event)
        self._state, decisions = monitor.step(before, event, moment, self._policy)
        self._keeper.keep(before, self._state, decisions)
        self._filming.follow(before.patient, self._state.patient, moment)
        self._teller.decisions(decisions, self._state, self._checks)
        for outcome in decisions.outcomes:
            self._teller.answer(self._commands.answer(outcome, bundle))
        if (before.patient is None) is not (self._state.patient is None):
            self._delivery.announce()
        return decisions

    def _answer(self, outcome: Outcome, bundle: str | None = None) -> None:
        self._respond(self._commands.answer(outcome, bundle))

    def _respond(self, answer: Answer) -> None:
        """Keep a line of a request that the policy did not see, and answer it."""
        if answer.audit is not None:
            self._keeper.record([answer.audit], self._state)
        self._teller.answer(answer)

    def _tick(self, now: float) -> None:
        self._checks += 1
        if not self._client.thread_alive:
            raise RuntimeError("the MQTT thread has ended")
        self._outbox.tend()
        if now >= self._due["facts"]:
            self._due["facts"] = now + FACTS_S
            self._look_around(now)
        self._decide(Tick(), now)
        self._local.show(local_signal(self._state.alarms.alarms.values()))
        if now >= self._due["retention"]:
            self._due["retention"] = now + RETENTION_S
            self._forget_old(now)
        if now >= self._due["level"]:
            self._due["level"] = now + LEVEL_S
            self._teller.level(self._state, self._checks)
        if now >= self._due["health"]:
            self._due["health"] = now + HEALTH_S
            health = self._meter.message(
                self._delivery.status(now),
                self._camera,
                self._state.alarms.alarms,
                self._checks,
                now,
                certificate_ends=self._client.certificate_ends,
            )
            self._delivery.send(self._topics.health, health.payload())
        self._delivery.step(now)

    def _forget_old(self, now: float) -> None:
        """Delete what has been kept long enough; nothing while the wall clock is known to be wrong."""
        if not self._clock_right:
            return
        before = kept_since(self._moment(now), self._began, self._storage.retention_days)
        self._outbox.forget(before)
        self._filming.forget(self._keeper.forget_old(self._state, before))
        if self._log is not None:
            self._log.forget(before)

    def _look_around(self, now: float) -> None:
        """Judge what the device knows of itself."""
        self._synchronised = host.clock_synchronised()
        if self._log is not None:
            self._log.flush()
        storage = self._outbox.fault or self._outbox.vanished
        if storage is None and self._state.patient is None and "storage" in self._state.faults:
            # The disk is back, and perhaps with it a patient who could not be read at the start.
            self._take_over(self._keeper.restore(), now)
        status = self._delivery.status(now)
        watching = self._camera.fault is None and "model" not in self._state.faults
        faults = {
            "storage": storage,
            "recording": (None if self._log is None else self._log.fault) or self._filming.fault,
            "broker": status.lost,
            "station-not-listening": status.deaf,
            "local-alarm": self._local.fault,
            **self._meter.faults(self._policy.technical, now, time.time(), watching=watching),
        }
        for condition, cause in faults.items():
            # What persists is judged at every tick.
            if cause != self._state.faults.get(condition):
                self._take_fault(condition, cause, now)
        self._keeper.clips(self._filming.proofs(clock_right=self._clock_right))

    @property
    def _clock_right(self) -> bool:
        return self._synchronised is not False and "clock" not in self._state.faults

    def _moment(self, now: float) -> Moment:
        return Moment(now, self._stamp.wall(), self._synchronised)

    def _message(self, value: str) -> State:
        profile = self._state.profile
        patient = None if profile is None else profile.patient
        return self._stamp.state(value, since=self._since, models=self._models, patient=patient)
