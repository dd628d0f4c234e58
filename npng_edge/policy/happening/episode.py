"""What is kept of one episode of pain: before, during and after. Data only.

Times with `utc` are seconds since 1970; all others are seconds from the onset, negative before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.units import EyeClosure, LookAlike, Pose

FIRST_UNITS: tuple[str, ...] = (
    "AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU15", "AU17", "AU20", "AU25", "AU26",
)  # fmt: skip
"""What the first versions read, in their order."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Numbers of half a second: means of what was read in it. What was not seen is None."""

    time: float
    """Middle of the half second; frame clock seconds in the ring, seconds from the onset in an episode."""
    pspi: float | None = None
    """PSPI of the face as seen, 0..16."""
    above: float | None = None
    """PSPI above baseline, 0..16; None without a baseline too."""
    intensity: tuple[float, ...] | None = None
    """As seen, 0..5, in the order of the episode's `units`; in the ring, of `ACTION_UNITS`."""
    eyes: EyeClosure | None = None
    """Closure of each eye."""
    pose: Pose | None = None
    """Of the head, degrees."""
    motion: tuple[float, ...] | None = None
    """Face widths per second, in the order of `MOTION_REGIONS`."""
    people: int = 0
    """Most faces in view, the patient's included."""
    in_bed: int = 0
    """Most faces in the bed region, the patient's included."""
    heart_rate: float | None = None
    """Beats per minute; None when it was not measured or is stale."""
    respiratory_rate: float | None = None
    """Breaths per minute."""
    spo2: float | None = None
    """Per cent."""
    look_alike: LookAlike | None = None
    """As the last reading of the half second had it."""
    pspi_error: float | None = None
    """The error that the model itself expects of `pspi`; None: not scored, or the model gave none."""


class TriggerKind(str, Enum):
    """What most likely started an episode."""

    MOVEMENT = "movement"
    """The patient moved, or was moved by hands whose owner's face was not in the picture."""
    HANDLING = "handling"
    """A second person was with the patient."""
    REST = "rest"
    """The patient did not move and nobody was there."""


class Missing(str, Enum):
    """Why a part of an episode is not known."""

    NOT_SEEN = "not-seen"
    """The face was not seen, or too little of the time."""
    NOT_YET = "not-yet"
    """The time has not come; a later revision of the episode has it."""
    NOT_KEPT = "not-kept"
    """It lies outside what the device still remembers."""
    NO_MOTION = "no-motion"
    """Movement could not be measured in the seconds around the onset."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What most likely started an episode by a rule of our own."""

    kind: TriggerKind | None
    """None: not known, `missing` says why."""
    confidence: float
    """0..1 by a rule of our own, not a probability; 0 when not known."""
    region: str | None = None
    """Of `MOTION_REGIONS`, the one that moved most above its own level; None when nothing did."""
    missing: Missing | None = None
    """Why the kind is not known; None when it is."""


@dataclass(frozen=True, slots=True)
class VitalChange:
    """One vital sign before the onset and during the episode."""

    sign: str
    """Field of `Sample`: `heart_rate`, `respiratory_rate` or `spo2`."""
    before: float | None
    """Median before the onset; None: not known."""
    during: float | None
    """Median from the onset to the end; None: not known."""
    extreme: float | None
    """The value of the episode that is farthest from `before`; None: not known."""


@dataclass(frozen=True, slots=True)
class Effect:
    """How the score changed in a stated time after a dose."""

    minutes: int
    """After the dose."""
    change: float | None
    """PSPI then less PSPI before the dose; negative is less pain. None: not known, `missing` says why."""
    missing: Missing | None = None
    """Why the change is not known; None when it is."""


@dataclass(frozen=True, slots=True)
class Response:
    """What the face showed after an analgesic dose. A sequence in time, not a proof of cause."""

    utc: float
    """When the dose was given."""
    drug: str
    """As it was entered."""
    mg: float
    """Milligrams."""
    before: float | None
    """Median PSPI of the three minutes before the dose, of the face as seen; None: not seen."""
    effects: tuple[Effect, ...]
    """After 5, 15, 30 and 60 minutes."""
    other_doses: int
    """Doses given in the hour after this one: they work too."""


@dataclass(frozen=True, slots=True)
class UnitDynamics:
    """How one action unit moved. A figure that its events cannot give is None."""

    unit: str
    """Of `ACTION_UNITS`; `AU43`: closure of the eyes; `mouth`: the stronger of AU25 and AU26."""
    events: int
    """Times that it rose above its own rest and came back, or was cut off by the record's end."""
    peak: float | None
    """Highest intensity above its own rest, 0..5 (`AU43`: 0..1)."""
    onset_speed: float | None
    """Median over whole events, intensity per second, from the last sample before an event to its apex."""
    offset_speed: float | None
    """Median over whole events, intensity per second, from the apex to the first sample after the event."""
    duration_s: float | None
    """Median over whole events, seconds."""
    interval_cv: float | None
    """Coefficient of variation of the times from one event's begin to the next's: 0 is a clock."""
    duration_cv: float | None
    """Coefficient of variation of the durations: 0 means all alike."""
    histogram: tuple[int, ...]
    """Signed areas of its changes (Bartlett 2014): per time scale 6 bins of positive and 6 of negative areas."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """How far two parts of the pain face come together."""

    one: str
    """Part of PSPI, e.g. `AU4`."""
    other: str
    """The other part."""
    share: float
    """Time both were active / time either was, 0..1."""


@dataclass(frozen=True, slots=True)
class Dynamics:
    """How the face moved in an episode: a measurement for research, never validated, and no verdict."""

    seconds: float
    """From the first to the last sample used."""
    seen: float
    """Share of that with a scored face, 0..1."""
    units: tuple[UnitDynamics, ...]
    """`ACTION_UNITS` in order, then `AU43` and `mouth`."""
    overlaps: tuple[Overlap, ...]
    """Pairs of PSPI's four parts that were both active at some time."""
    eye_symmetry: float | None
    """1 less the mean difference between the eyes' closures while any was closing, 0..1; None: none did. Other units
    are not known per side."""


class Closing(str, Enum):
    """Why the record of an episode ended."""

    OVER = "over"
    """The pain was over."""
    TOO_LONG = "too-long"
    """It goes on in the next episode, whose `continues` names this one."""
    PATIENT_LEFT = "patient-left"
    """Discharge or transfer."""


@dataclass(frozen=True, slots=True)
class Episode:
    """From before the onset of raised pain to its end, and the responses to doses afterwards."""

    id: str
    """`{run}-e{number}`: unique for ever."""
    revision: int
    """0 when the pain ends; one more each time that the responses to a dose are complete."""
    continues: str | None
    """The episode that this one goes on from; None: it is a new one."""
    closing: Closing
    """Why the record ended."""
    onset_utc: float
    """When the first evidence was seen."""
    raised_utc: float
    """When the condition `pain` became present; the onset again for one that continues."""
    peak_utc: float | None
    """None when the face was never scored."""
    end_utc: float
    """When the pain was over, or the record was closed."""
    duration_s: float
    """From onset to end."""
    before_s: float
    """Seconds of record before the onset."""
    seen_s: float
    """Seconds between onset and end with a scored face."""
    above_baseline: bool
    """Whether the figures of PSPI are above baseline; if not they are of the face as seen."""
    peak_pspi: float | None
    """Highest mean of half a second, 0..16; None when the face was never scored."""
    mean_pspi: float | None
    """0..16, over the time it was seen."""
    peak_units: Mapping[str, float] | None
    """Intensities at the peak as seen, 0..5, and `AU43` as the closure of the eyes, 0..1."""
    trigger: Trigger
    """What most likely started it."""
    most_people: int
    """Most faces in view between onset and end, the patient's included."""
    attended_s: float
    """Seconds between onset and end with somebody else in view."""
    vitals: tuple[VitalChange, ...]
    """Heart rate, respiratory rate and SpO2, before and during."""
    dynamics: Dynamics | None
    """None when the face was scored for too short a time."""
    series: tuple[Sample, ...]
    """At the most 240 samples, evenly thinned, time from the onset."""
    responses: tuple[Response, ...] = ()
    """To the first 12 doses from the onset to an hour after the end, oldest first."""
    units: tuple[str, ...] = FIRST_UNITS
    """The action units of `series`, in the order of each sample's `intensity`. A record that does not say so is of the
    fourteen units of the first versions."""
