"""From the shared vocabulary to messages: fills the envelope and turns frame-clock seconds into UTC."""

from __future__ import annotations

import itertools
import logging
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal, TypedDict

from pydantic import ValidationError

from npng_edge import __version__
from npng_edge.policy.alarm.conditions import CONDITIONS
from npng_edge.publish.messages import (
    Alarm,
    AlarmPart,
    Alarms,
    BaselinePart,
    Bolus,
    BoxPart,
    Episode,
    EstimatePart,
    EyesPart,
    Fusion,
    News2Part,
    Pain,
    PosePart,
    SelfCheck,
    State,
    SupportPart,
    VetoPart,
)
from npng_edge.units import Activation, Change, Phase, Presence
from npng_edge.units import Alarm as AlarmUnit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from npng_edge.policy.analgesia.interlock import BolusRequest
    from npng_edge.policy.analgesia.vetoes import Veto
    from npng_edge.policy.happening.episode import Episode as EpisodeUnit
    from npng_edge.policy.rating.sensitivity import Caveat
    from npng_edge.policy.stays.profile import Baseline
    from npng_edge.policy.vital.fusion import Fusion as FusionUnit
    from npng_edge.units import Assessment, Estimate, Reading, Transition

CLOCK_STEP_S = 0.25
"""The wall clock may wander by so much against the monotonic one before times are derived from it anew."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What a score says of the patient beside the score."""

    pseudonym: str | None
    baseline: Baseline | None
    baseline_quality: float | None
    """0..1; None without a baseline."""
    sensitivity: Literal["sensitive", "medium", "insensitive"] | None
    sensitivity_reason: Caveat | None
    """Why the sensitivity is not known, or the face cannot be relied on."""


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

    def wall(self) -> float:
        """Now, seconds since 1970 UTC."""
        return self._wall()

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

    def state(self, value: str, *, since: datetime, models: Mapping[str, str], patient: str | None) -> State:
        """Whether the device is there.

        Args:
            value: `online`, `stopped` or `offline`.
            since: When this run started.
            models: SHA-256 of each model in use, by name.
            patient: Pseudonym of the assigned one.
        """
        return State.model_validate(
            {
                **self.envelope("state"),
                "value": value,
                "since": since,
                "software": __version__,
                "models": dict(models),
                "patient": patient,
            }
        )

    def pain(self, reading: Reading, assessment: Assessment, patient: PatientFacts) -> Pain:
        """The score of one reading."""
        face, units, made, now = reading.face, reading.action_units, assessment, self._wall()
        baseline = patient.baseline
        scored = None if made.reasons else units
        return Pain(
            **self.envelope("pain"),
            patient=patient.pseudonym,
            pspi=_round(made.pspi),
            pspi_error=_round(made.pspi_error),
            pspi_above_baseline=_round(made.pspi_above_baseline),
            baseline=BaselinePart(
                origin=made.baseline,
                at=None if baseline is None else datetime.fromtimestamp(baseline.utc, timezone.utc),
                age_s=None if baseline is None else round(max(0.0, now - baseline.utc), 1),
                quality=_round(patient.baseline_quality),
            ),
            threshold=round(made.threshold.pain, 2),
            threshold_severe=round(made.threshold.severe, 2),
            threshold_vas=round(made.threshold.vas, 2),
            threshold_origin=made.threshold.origin,
            pain=made.pain,
            level=made.level,
            trend=made.trend,
            confidence=_round(made.confidence),
            level_since=None if made.since is None else self.utc(made.since),
            minutes_above=round(made.minutes_above, 2),
            action_units=scored and _rounded(scored.intensity),
            action_unit_errors=scored and scored.deviation and _rounded(scored.deviation),
            eyes_closed=scored
            and EyesPart(left=round(scored.eyes_closed.left, 2), right=round(scored.eyes_closed.right, 2)),
            pain_probability=_round(reading.pain_probability if scored else None),
            pain_temporal=_round(reading.pain_temporal if scored else None),
            vas_estimate=made.vas and estimate_part(made.vas),
            sensitivity=patient.sensitivity,
            sensitivity_reason=patient.sensitivity_reason,
            asymmetry=_round(made.asymmetry),
            look_alike=made.look_alike,
            quality=face and round(face.quality, 2),
            reasons=made.reasons,
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
        """One alarm as it is."""
        row = CONDITIONS[alarm.condition]
        return AlarmPart(
            alarm_id=alarm.id,
            condition=alarm.condition,
            kind=alarm.kind,
            priority=alarm.priority,
            presence=alarm.presence,
            since=self.utc(alarm.since),
            activation=alarm.activation,
            until=None if alarm.until is None else self.utc(alarm.until),
            by=alarm.by,
            reminders=alarm.reminders,
            cause=alarm.cause,
            action=row.action,
            action_ko=row.action_ko,
        )

    def alarm(self, transition: Transition) -> Alarm:
        """One change of one alarm."""
        return Alarm(
            **self.envelope("alarm"),
            phase=transition.phase,
            change=transition.change,
            at=self.utc(transition.time),
            alarm=self.alarm_part(transition.alarm),
        )

    def alarms(self, present: Iterable[AlarmUnit], paused: Mapping[str, float], checks: int) -> Alarms:
        """The level.

        Args:
            present: All alarms now present, the most urgent first.
            paused: Frame clock seconds until which conditions are paused.
            checks: Rounds of the alarm system since the start.
        """
        return Alarms(
            **self.envelope("alarms"),
            present=tuple(self.alarm_part(alarm) for alarm in present),
            paused={condition: self.utc(until) for condition, until in paused.items()},
            self_check=self.self_check(checks),
        )

    def fusion(self, fusion: FusionUnit, patient: str, vetoes: Iterable[Veto]) -> Fusion:
        """Everything known of the bed at one moment."""
        found, vas = fusion.news2, fusion.vas
        return Fusion(
            **self.envelope("fusion"),
            patient=patient,
            level=fusion.level,
            level_since=None if fusion.since is None else self.utc(fusion.since),
            pspi_above_baseline=_round(fusion.pspi_above_baseline),
            vas_estimate=vas and estimate_part(vas),
            minutes_above=_round(fusion.minutes_above),
            unseen=fusion.unseen,
            support=SupportPart(
                level=_round(fusion.support.level),
                changes={sign: round(change, 2) for sign, change in fusion.support.changes.items()},
                reason=fusion.support.reason,
            ),
            news2=found
            and News2Part(
                total=found.total,
                at_least=found.partial,
                red=found.red,
                parameters=dict(found.parameters),
                missing=found.missing,
            ),
            unattended_s=round(fusion.unattended_s, 1),
            priority=fusion.priority,
            points=dict(fusion.points),
            bolus_vetoes=tuple(VetoPart(reason=veto.reason.value, detail=veto.detail) for veto in vetoes),
        )

    def episode(self, episode: EpisodeUnit, patient: str, stay: str) -> Episode:
        """One revision of an episode's record."""
        if episode.peak_units is not None:
            # A read-only mapping is unknown to pydantic.
            episode = replace(episode, peak_units=dict(episode.peak_units))
        return Episode(**self.envelope("episode"), patient=patient, stay=stay, episode=episode)

    def bolus(self, request: BolusRequest, patient: str) -> Bolus:
        """A request to the pump's gateway."""
        return Bolus(
            **self.envelope("bolus"),
            patient=patient,
            bolus_id=request.id,
            drug=request.drug,
            dose_mg=request.mg,
            expires=datetime.fromtimestamp(request.expires_utc, timezone.utc),
            reason=request.reason,
        )

    def self_check(self, count: int) -> SelfCheck:
        """Proof of life of the alarm system, now."""
        return SelfCheck(count=count, time=datetime.fromtimestamp(self._wall(), timezone.utc))

    def left_by(self, stored: Mapping[str, bytes], *, same_patient: bool) -> tuple[list[Alarm], tuple[AlarmUnit, ...]]:
        """What becomes of the alarms that were present when an earlier run ended (`Outbox.present()` at the start).

        This run assesses every condition anew; one that persists starts as a new alarm. A latching one that nobody had
        acknowledged goes on, for it still waits to be seen.

        Args:
            stored: alarm_id -> body.
            same_patient: Whether the patient of that run is still here.

        Returns:
            The ends, to be sent, and the alarms that go on.
        """
        ends, going_on = [], []
        for body in stored.values():
            try:
                last = AlarmPart.model_validate_json(body)
            except ValidationError as error:
                logger.error("An alarm of the earlier run cannot be read and gets no end: %s", error)  # noqa: TRY400 - the text says it all
                continue
            unseen = last.presence in (Presence.ON, Presence.LATCHED) and last.activation is Activation.ON
            row = CONDITIONS.get(last.condition)
            if same_patient and unseen and row is not None and row.latching:
                since = last.since.timestamp() - self._offset
                going_on.append(
                    AlarmUnit(
                        last.alarm_id, last.condition, last.kind, last.priority, Presence.LATCHED, since, last.cause
                    )
                )
                continue
            envelope = self.envelope("alarm")
            cause = "The device was started again; the condition is assessed anew."
            ended = last.model_copy(
                update={"presence": Presence.OFF, "activation": Activation.ON, "until": None, "cause": cause}
            )
            ends.append(Alarm(**envelope, phase=Phase.END, change=Change.ENDED, at=envelope["time"], alarm=ended))
        return ends, tuple(going_on)


def stored(parts: Iterable[AlarmPart]) -> dict[str, bytes]:
    """The alarms present, as `Outbox.commit` keeps them: alarm_id -> body."""
    return {part.alarm_id: part.model_dump_json().encode() for part in parts}


def estimate_part(estimate: Estimate) -> EstimatePart:
    """An estimate of a rating, to the digits that it can mean."""
    return EstimatePart(value=round(estimate.value, 1), low=round(estimate.low, 1), high=round(estimate.high, 1))


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in figures.items()}
