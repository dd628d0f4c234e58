"""The small vocabulary everybody shares: plain frozen data, no behaviour beyond its own meaning.

Two clocks appear here. `time` on a frame or reading is seconds on the *frame clock*: the monotonic clock for a live
camera, media time for a clip that is analysed. UTC is added only where something leaves the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    Image: TypeAlias = npt.NDArray[np.uint8]
    """(height, width, 3) uint8, BGR."""

ACTION_UNITS: tuple[str, ...] = (
    "AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU11", "AU12", "AU14", "AU15", "AU16", "AU17", "AU20",
    "AU23", "AU24", "AU25", "AU26", "AU27",
)  # fmt: skip
"""The action units the model scores, in the order of its outputs (FACS, Ekman, Friesen and Hager 2002).

AU26 counts a mouth stretched open (AU27) too. AU43 is not among them: it follows from the closure of both eyes.
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks: minutes are counted on the first, days on the second."""

    time: float
    """Seconds on the frame clock; never goes back within a run."""
    utc: float
    """Seconds since 1970, UTC, by the device's wall clock."""
    synchronised: bool | None
    """Whether the wall clock is set by a time server; None: not known."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture from the camera, already rotated, mirrored and masked."""

    sequence: int
    """Counts every frame the source delivered since the daemon started; a gap is a dropped frame."""
    time: float
    """Seconds on the frame clock at which the sensor or driver took the picture."""
    image: Image
    """(height, width, 3) uint8, BGR."""


class CameraFault(str, Enum):
    """Why no usable pictures come from the source."""

    MISSING = "missing"
    """The source could not be opened."""
    ENDED = "ended"
    """The source said that it has no more frames."""
    HUNG = "hung"
    """The source is open and delivers nothing."""
    LOST = "lost"
    """The source failed while it was read, for instance because it was unplugged."""
    BLACK = "black"
    """Only black frames: covered lens, no light at all, or a dead sensor."""
    FROZEN = "frozen"
    """The same frame again and again, bit by bit."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """What is known of the source, published at every change."""

    source: str
    """As configured, e.g. `v4l2:/dev/video0`; credentials in an address are removed."""
    fault: CameraFault | None
    """None while good frames arrive."""
    detail: str
    """One short sentence for a person: what happened and what to do; empty without a fault."""
    reopened: int
    """How often the source was opened again since the daemon started."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in image pixels; may reach outside the image."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Head pose in degrees, seen by the camera; 0, 0, 0 looks straight into the lens."""

    yaw: float
    """Positive when the face turns to the image's right."""
    pitch: float
    """Positive when the face looks up."""
    roll: float
    """-180..180, positive when the head is rotated clockwise in the image."""


@dataclass(frozen=True, slots=True)
class EyeClosure:
    """How far each eye is closed, 0 open to 1 closed; left and right are the person's own."""

    left: float
    """The person's own left eye."""
    right: float
    """The person's own right eye."""


@dataclass(frozen=True, slots=True)
class ActionUnits:
    """What the model read from one face."""

    intensity: Mapping[str, float]
    """Per unit of `ACTION_UNITS`: 0 absent, 1..5 = FACS A..E, continuous."""
    eyes_closed: EyeClosure
    deviation: Mapping[str, float] | None = None
    """Per unit of `ACTION_UNITS`, the error that the model itself expects of its intensity, 0..5; None: not given."""


class Reason(str, Enum):
    """Why a reading has no score, or a lower quality."""

    NO_FACE = "no-face"
    """Nobody is in the picture, or only people outside the bed region."""
    TOO_SMALL = "too-small"
    BLURRED = "blurred"
    DARK = "dark"
    OVEREXPOSED = "overexposed"
    TURNED_AWAY = "turned-away"
    """Yaw or pitch beyond what the action-unit model was trained for."""
    OCCLUDED = "occluded"
    """A hand, mask or blanket covers part of the face."""
    OUT_OF_FRAME = "out-of-frame"
    """Part of the face is cut off by the picture's edge."""
    MODEL_FAILED = "model-failed"
    """The model raised an error or returned a value that is not a number."""
    NO_PATIENT = "no-patient"
    """No patient is assigned to the device: it does not score."""
    WARMING_UP = "warming-up"
    """The patient was assigned, or the device started, only just now: it does not score yet."""


MOTION_REGIONS: tuple[str, ...] = ("head", "trunk", "left", "right", "around")
"""Where movement is measured, from the patient's face outwards: the face and its surroundings, the side of the chin,
the person's own left and right side, and the rest of the picture."""


@dataclass(frozen=True, slots=True)
class Face:
    """Where and how well the patient's face is seen."""

    box: Box
    pose: Pose
    quality: float
    """0..1, the worst of the single quality measures; scored only above the gate, where `reasons` is empty."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything inferred from one frame. What is unknown is None, and `reasons` says why."""

    sequence: int
    time: float
    """Of the frame, seconds on the frame clock."""
    people: int
    """Faces in view, the patient's included."""
    face: Face | None
    """None when the patient's face is not found."""
    action_units: ActionUnits | None
    """None unless the quality gate is passed."""
    reasons: tuple[Reason, ...] = ()
    in_bed: int = 0
    """Faces in the bed region, the patient's included."""
    pain_probability: float | None = None
    """0..1 by the learnt pain model, from this frame alone; None: not scored."""
    pain_temporal: float | None = None
    """0..1 by the learnt model of the last seconds; None: not scored, or for less than a second."""
    asymmetry: float | None = None
    """0..1 by the facial asymmetry model over the last seconds; None: not judged lately."""
    weaker: str | None = None
    """Where the face is weaker, on the person's own side, as in `right mouth and eye`; None with `asymmetry`."""
    motion: Mapping[str, float] | None = None
    """Per region of `MOTION_REGIONS`: mean speed of the picture's content, face widths per second; None: not known."""


class AlarmKind(str, Enum):
    """Whose condition it is (IEEE 11073-10207)."""

    PHYSIOLOGICAL = "physiological"
    TECHNICAL = "technical"


class Priority(str, Enum):
    """How soon somebody must come (IEC 60601-1-8 words)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Presence(str, Enum):
    """Of an alarm condition's signal (IEEE 11073-10207 BICEPS)."""

    ON = "on"
    OFF = "off"
    LATCHED = "latched"
    ACKNOWLEDGED = "acknowledged"


class Activation(str, Enum):
    """Whether an alarm condition may signal (IEEE 11073-10207 BICEPS)."""

    ON = "on"
    PAUSED = "paused"
    """Not signalled until a stated time, though the condition may be present."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One life of an alarm condition, from its start to its end."""

    id: str
    """`{run}-{number}`: unique for ever, the same for the whole life of one alarm."""
    condition: str
    """Name in the table of conditions, e.g. `pain`."""
    kind: AlarmKind
    priority: Priority
    """As it is now; escalation raises it."""
    presence: Presence
    since: float
    """Frame clock seconds at which the condition became present."""
    cause: str
    """One short sentence, made by the condition: what was seen, with figures."""
    activation: Activation = Activation.ON
    until: float | None = None
    """Frame clock seconds at which the acknowledgement or the pause ends; None: neither."""
    by: str | None = None
    """Who acknowledged or paused it; None: nobody."""
    reminders: int = 0
    """How often it was signalled again because it persisted."""


class Phase(str, Enum):
    """What a transition does to an alarm (IHE ACM event phases)."""

    START = "start"
    UPDATE = "update"
    END = "end"


class Change(str, Enum):
    """What made the transition."""

    RAISED = "raised"
    ENDED = "ended"
    LATCHED = "latched"
    """The condition is gone and the signal stays until somebody acknowledges it."""
    CAUSE = "cause"
    """The condition persists for another cause, or with another priority of its own."""
    ESCALATED = "escalated"
    """Nobody acted in time: the priority was raised."""
    REMINDED = "reminded"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGEMENT_EXPIRED = "acknowledgement-expired"
    PAUSED = "paused"
    PAUSE_EXPIRED = "pause-expired"
    RESUMED = "resumed"
    """Somebody ended the pause before its time."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of one alarm: what goes to the station, once."""

    phase: Phase
    change: Change
    alarm: Alarm
    """As it is after the change."""
    time: float
    """Frame clock seconds of the change."""


class BaselineOrigin(str, Enum):
    """Where this patient's baseline comes from."""

    NONE = "none"
    LEARNT = "learnt"
    CAPTURED = "captured"


class PainLevel(str, Enum):
    """Of the score against this patient's own thresholds."""

    NONE = "none"
    RAISED = "raised"
    """Above half of the threshold."""
    PAIN = "pain"
    SEVERE = "severe"


class Trend(str, Enum):
    """Where the score goes."""

    RISING = "rising"
    STEADY = "steady"
    FALLING = "falling"


class LookAlike(str, Enum):
    """What raises PSPI and is not pain."""

    SMILE = "smile"
    TALK = "talk"
    YAWN = "yawn"
    SLEEP = "sleep"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the interval that holds it in 80 of 100 cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """At which PSPI (above baseline where there is one) this patient's pain alarms, now."""

    pain: float
    """PSPI, 0..16."""
    severe: float
    """PSPI, 0..16; not below `pain`."""
    vas: float
    """The rating, 0..10, that `pain` stands for."""
    origin: Literal["configured", "ordered", "override"]
    """The device's configuration, the staff's VAS for this patient, or a PSPI that staff set directly."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the policy makes of one reading."""

    time: float
    pspi: float | None
    """Prkachin-Solomon pain intensity of the face as seen, 0..16; None when the face was not scored."""
    pspi_error: float | None
    """The error that the model itself expects of `pspi`; None without a score, or where the model gives none."""
    pspi_above_baseline: float | None
    """The same after this patient's baseline is taken away; None without a score or without a baseline."""
    reasons: tuple[Reason, ...]
    """Why there is no score; empty with one."""
    baseline: BaselineOrigin
    look_alike: LookAlike | None
    """What raised PSPI is put down to; the raw scores stay as they are."""
    pain: bool
    """Whether the alarm condition `pain` is present."""
    threshold: Threshold
    level: PainLevel | None
    """None: not known."""
    trend: Trend | None
    """None: not known."""
    confidence: float | None
    """0..1, how far the level can be relied on; None without a level."""
    since: float | None
    """Frame clock seconds since which the level is what it is; None without a level."""
    minutes_above: float
    """Minutes of the last hour with the score at or above the threshold."""
    vas: Estimate | None
    """Estimate of the patient's own rating, 0..10; None without a score or without ratings. Never a self-report."""
    asymmetry: float | None
    """Facial asymmetry above this patient's own, 0..1; None: not known."""
