"""The small vocabulary everybody shares: plain frozen data, no behaviour beyond its own meaning.

Two clocks appear here. `time` on a frame or reading is seconds on the *frame clock*: the monotonic clock for a live
camera, media time for a clip that is analysed. UTC is added only where something leaves the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    Image: TypeAlias = npt.NDArray[np.uint8]
    """(height, width, 3) uint8, BGR."""

ACTION_UNITS: tuple[str, ...] = (
    "AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU15", "AU17", "AU20", "AU25", "AU26",
)  # fmt: skip
"""The action units the model scores, in the order of its outputs (FACS, Ekman, Friesen and Hager 2002)."""


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
    right: float


@dataclass(frozen=True, slots=True)
class ActionUnits:
    """What the model read from one face."""

    intensity: Mapping[str, float]
    """Per unit of `ACTION_UNITS`: 0 absent, 1..5 = FACS A..E, continuous."""
    eyes_closed: EyeClosure


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
    pain_probability: float | None = None
    """0..1 by the learnt pain model; None while no such model is installed."""
    asymmetry: float | None = None
    """0..1 by the facial asymmetry model; None while no such model is installed."""


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


@dataclass(frozen=True, slots=True)
class Alarm:
    """One life of an alarm condition, from its start to its end."""

    number: int
    """Counts up over the life of the policy state; the same for the whole life of one alarm."""
    condition: str
    """Name in the table of conditions, e.g. `pain`."""
    kind: AlarmKind
    priority: Priority
    presence: Presence
    since: float
    """Frame clock seconds at which the condition became present."""
    cause: str
    """One short sentence, made by the condition: what was seen, with figures."""


class Phase(str, Enum):
    """What a transition does to an alarm (IHE ACM event phases)."""

    START = "start"
    UPDATE = "update"
    END = "end"


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of one alarm: what goes to the station, once."""

    phase: Phase
    alarm: Alarm
    """As it is after the change."""
    time: float
    """Frame clock seconds of the change."""


class BaselineOrigin(str, Enum):
    """Where this patient's baseline comes from."""

    NONE = "none"
    LEARNT = "learnt"
    CAPTURED = "captured"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the policy makes of one reading."""

    time: float
    pspi: float | None
    """Prkachin-Solomon pain intensity of the face as seen, 0..16; None when the face was not scored."""
    pspi_above_baseline: float | None
    """The same after this patient's baseline is taken away; None without a score or without a baseline."""
    baseline: BaselineOrigin
    look_alike: str | None
    """`smile` when raised PSPI is put down to one; the raw scores stay as they are."""
    pain: bool
    """Whether the alarm condition `pain` is present."""
