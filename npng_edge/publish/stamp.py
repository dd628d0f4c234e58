"""From the shared vocabulary to messages: fills the envelope and turns frame-clock seconds into UTC."""

from __future__ import annotations

import itertools
import logging
import time
import uuid
from collections import defaultdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypedDict

from pydantic import ValidationError

from npng_edge.policy.conditions import CONDITIONS
from npng_edge.publish.messages import Alarm, AlarmPart, Alarms, BoxPart, EyesPart, Pain, PosePart, SelfCheck
from npng_edge.units import Phase, Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from npng_edge.units import Alarm as AlarmUnit
    from npng_edge.units import Assessment, Reading, Transition

CLOCK_STEP_S = 0.25
"""The wall clock may wander by so much against the monotonic one before times are derived from it anew."""

logger = logging.getLogger(__name__)


class EnvelopeFields(TypedDict):
    """The fields of `messages.Envelope`, to be unpacked into a message."""

    id: str
    bed: str
    time: datetime
    clock_synchronised: bool | None
    boot_id: str
    sequence: int


class Stamp:
    """Fills the envelope of every message of one run. May be used from several threads.

    Args:
        bed: facility/unit/bed.
        boot_id: Identity of this run, e.g. `uuid.uuid4().hex`.
        clock_synchronised: Asked at each message; gives None when it is not known.
        monotonic: The frame clock of a live camera, seconds.
        wall: Seconds since 1970 UTC.
    """

    def __init__(
        self,
        bed: str,
        boot_id: str,
        *,
        clock_synchronised: Callable[[], bool | None],
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.bed = bed
        self.boot_id = boot_id
        self._clock_synchronised = clock_synchronised
        self._monotonic = monotonic
        self._wall = wall
        self._offset = wall() - monotonic()
        self._counters: defaultdict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))

    def envelope(self, topic: str) -> EnvelopeFields:
        """A new id, the time and the next sequence number of a topic (its name under the bed, e.g. `pain`)."""
        return {
            "id": str(uuid.uuid4()),
            "bed": self.bed,
            "time": datetime.fromtimestamp(self._wall(), timezone.utc),
            "clock_synchronised": self._clock_synchronised(),
            "boot_id": self.boot_id,
            "sequence": next(self._counters[topic]),
        }

    def utc(self, moment: float) -> datetime:
        """UTC of a moment on the monotonic clock; the same moment gives the same time until the wall clock is set."""
        offset = self._wall() - self._monotonic()
        if abs(offset - self._offset) > CLOCK_STEP_S:
            self._offset = offset
        return datetime.fromtimestamp(self._offset + moment, timezone.utc)

    def pain(self, reading: Reading, assessment: Assessment, threshold: float) -> Pain:
        """The score of one reading."""
        face, units = reading.face, reading.action_units
        return Pain(
            **self.envelope("pain"),
            pspi=_round(assessment.pspi),
            pspi_above_baseline=_round(assessment.pspi_above_baseline),
            baseline=assessment.baseline,
            threshold=threshold,
            pain=assessment.pain,
            action_units=units and {name: round(value, 2) for name, value in units.intensity.items()},
            eyes_closed=units
            and EyesPart(left=round(units.eyes_closed.left, 2), right=round(units.eyes_closed.right, 2)),
            pain_probability=_round(reading.pain_probability),
            asymmetry=_round(reading.asymmetry),
            look_alike=assessment.look_alike,
            quality=face and round(face.quality, 2),
            reasons=reading.reasons,
            people=reading.people,
            pose=face
            and PosePart(yaw=round(face.pose.yaw, 1), pitch=round(face.pose.pitch, 1), roll=round(face.pose.roll, 1)),
            box=face
            and BoxPart(
                x=round(face.box.x, 1),
                y=round(face.box.y, 1),
                width=round(face.box.width, 1),
                height=round(face.box.height, 1),
            ),
        )

    def alarm_part(self, alarm: AlarmUnit) -> AlarmPart:
        """One alarm, its id made unique for ever by the run's identity."""
        return AlarmPart(
            alarm_id=f"{self.boot_id}-{alarm.number}",
            condition=alarm.condition,
            kind=alarm.kind,
            priority=alarm.priority,
            presence=alarm.presence,
            since=self.utc(alarm.since),
            cause=alarm.cause,
            action=CONDITIONS[alarm.condition].action,
        )

    def alarm(self, transition: Transition) -> Alarm:
        """One change of one alarm."""
        return Alarm(
            **self.envelope("alarm"),
            phase=transition.phase,
            at=self.utc(transition.time),
            alarm=self.alarm_part(transition.alarm),
        )

    def alarms(self, present: Iterable[AlarmUnit], checks: int) -> Alarms:
        """All alarms now present; `checks` counts the rounds of the alarm system since the start."""
        return Alarms(
            **self.envelope("alarms"),
            present=tuple(self.alarm_part(alarm) for alarm in present),
            self_check=self.self_check(checks),
        )

    def self_check(self, count: int) -> SelfCheck:
        """Proof of life of the alarm system, now."""
        return SelfCheck(count=count, time=datetime.fromtimestamp(self._wall(), timezone.utc))

    def ended_by_restart(self, stored: Mapping[str, bytes]) -> list[Alarm]:
        """The ends of the alarms that were present when an earlier run ended (`Outbox.present()` at the start).

        This run assesses every condition anew; one that persists starts as a new alarm.
        """
        ends = []
        for body in stored.values():
            try:
                last = AlarmPart.model_validate_json(body)
            except ValidationError as error:
                logger.error("An alarm of the earlier run cannot be read and gets no end: %s", error)  # noqa: TRY400 - the text says it all
                continue
            envelope = self.envelope("alarm")
            cause = "The device was started again; the condition is assessed anew."
            ended = last.model_copy(update={"presence": Presence.OFF, "cause": cause})
            ends.append(Alarm(**envelope, phase=Phase.END, at=envelope["time"], alarm=ended))
        return ends


def stored(parts: Iterable[AlarmPart]) -> dict[str, bytes]:
    """The alarms present, as `Outbox.commit` keeps them: alarm_id -> body."""
    return {part.alarm_id: part.model_dump_json().encode() for part in parts}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
