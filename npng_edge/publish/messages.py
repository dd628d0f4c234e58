"""The contract: one frozen model per message. What is unknown is null, never 0.

`Envelope` is on every payload that leaves the device; `stamp.Stamp` fills it. `payload()` gives the JSON to publish,
`Model.parse(payload)` reads one and raises pydantic's ValidationError.
"""

from __future__ import annotations

from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from npng_edge.units import AlarmKind, BaselineOrigin, CameraFault, Phase, Presence, Priority, Reason

if TYPE_CHECKING:
    from typing_extensions import Self


def _iso(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[AwareDatetime, PlainSerializer(_iso, return_type=str, when_used="json")]
"""UTC, ISO 8601 with milliseconds and Z."""
Count = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]


class Part(BaseModel):
    """Base of everything inside a message: nothing unknown, nothing changed afterwards, no infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Message(Part):
    """Base of all messages."""

    def payload(self) -> bytes:
        """The message as JSON, UTF-8, on one line."""
        return self.model_dump_json(by_alias=True).encode()

    @classmethod
    def parse(cls, payload: bytes | bytearray) -> Self:
        """Read a payload.

        Raises:
            pydantic.ValidationError: It is no JSON, or not this message.
        """
        return cls.model_validate_json(payload)


class Envelope(Message):
    """What every payload from a device says about itself."""

    id: str
    """Unique for ever; a second message with the same id is the same message."""
    bed: str
    """facility/unit/bed."""
    time: Timestamp
    """When the message was made, by the device's clock."""
    clock_synchronised: bool | None
    """Whether that clock is set by a time server; null: not known."""
    boot_id: str
    """Identity of this run of the device's software; new at each start."""
    sequence: Annotated[int, Field(ge=1)]
    """Counts the messages made for this topic in this run, from 1. On `alarm` a gap is a message not yet arrived."""


class State(Envelope):
    """Whether the device is there. Retained; `offline` is the last will."""

    schema_: Literal["npng/state/1"] = Field(default="npng/state/1", alias="schema")
    """Name and version of the message."""
    value: Literal["online", "stopped", "offline"]
    """`stopped`: in good order. `offline`: the connection was lost; `time` is then when it was made, not lost."""
    since: Timestamp
    """When this run of the software started."""
    software: str
    """Version."""
    models: dict[str, str]
    """SHA-256 of each model in use, by name."""


class Spread(Part):
    """How a duration spreads over the last period, milliseconds."""

    p50: Annotated[float, Field(ge=0)]
    """Median."""
    p95: Annotated[float, Field(ge=0)]
    """95 of 100 are below."""


class OutboxHealth(Part):
    """What waits to be delivered."""

    depth: Count
    """Messages."""
    oldest_s: Seconds | None
    """Age of the oldest one, seconds; null: nothing waits."""
    bytes: Count
    """Size."""
    thinned: Count
    """Scores dropped for want of space since the start."""


class CameraHealth(Part):
    """State of the picture source."""

    source: str
    """As configured, without credentials."""
    fault: CameraFault | None
    """Null while good frames arrive."""
    detail: str
    """What happened and what to do; empty without a fault."""
    reopened: Count
    """How often it was opened again since the start."""


class SelfCheck(Part):
    """Proof that the alarm system goes round; a count that stands still is a dead device."""

    count: Count
    """Checks since the start."""
    time: Timestamp
    """Of the last one."""


class Health(Envelope):
    """How well the device works. Retained, expiring."""

    schema_: Literal["npng/health/1"] = Field(default="npng/health/1", alias="schema")
    """Name and version of the message."""
    capture_fps: Seconds | None
    """Frames per second from the source; null: not known."""
    inference_fps: Seconds | None
    """Frames per second read; null: not known."""
    dropped_frames: Count
    """Frames that came and were not read, since the start."""
    dropped_events: Count
    """Events inside the device that found a full inbox, since the start."""
    latency_ms: dict[str, Spread]
    """By stage, e.g. `detect`, `align`, and `frame-to-message`: age of the frame when its score is published."""
    temperature_c: float | None
    """Of the processor, degrees Celsius; null: no sensor."""
    disk_free_mb: Seconds | None
    """Free space where the outbox is, MB; null: not known."""
    memory_mb: Seconds | None
    """Resident memory of the process, MB; null: not known."""
    outbox: OutboxHealth
    """What waits to be delivered."""
    camera: CameraHealth
    """State of the picture source."""
    alarms_present: tuple[str, ...]
    """Names of the alarm conditions now present; to be compared with `alarms`."""
    self_check: SelfCheck
    """Proof of life of the alarm system."""


class BoxPart(Part):
    """A rectangle in pixels of the picture."""

    x: float
    """Left edge; may be negative."""
    y: float
    """Upper edge; may be negative."""
    width: Annotated[float, Field(ge=0)]
    """Pixels."""
    height: Annotated[float, Field(ge=0)]
    """Pixels."""


class PosePart(Part):
    """Head pose in degrees, seen by the camera."""

    yaw: float
    """Positive: turned to the image's right."""
    pitch: float
    """Positive: looks up."""
    roll: float
    """Positive: rotated clockwise in the image."""


class EyesPart(Part):
    """How far each eye is closed, 0 open to 1 closed; left and right are the person's own."""

    left: Fraction
    """Left eye."""
    right: Fraction
    """Right eye."""


class Pain(Envelope):
    """The newest score. Retained, expiring; one that waited while the broker was away comes later, not retained."""

    schema_: Literal["npng/pain/1"] = Field(default="npng/pain/1", alias="schema")
    """Name and version of the message."""
    pspi: Annotated[float, Field(ge=0, le=16)] | None
    """Prkachin-Solomon pain intensity of the face as seen, 0..16; null: not scored, see `reasons`."""
    pspi_above_baseline: Annotated[float, Field(ge=0, le=16)] | None
    """The same above this patient's baseline; null: no score or no baseline."""
    baseline: BaselineOrigin
    """Where the baseline comes from."""
    threshold: Annotated[float, Field(ge=0, le=16)]
    """PSPI (above baseline where there is one) at which the alarm condition `pain` starts."""
    pain: bool
    """Whether the alarm condition `pain` is present."""
    action_units: dict[str, Annotated[float, Field(ge=0, le=5)]] | None
    """Intensity by name, 0 absent, 1..5 = FACS A..E; null: not scored."""
    eyes_closed: EyesPart | None
    """Closure of each eye; null: not scored."""
    pain_probability: Fraction | None
    """By the learnt model; null: not scored or no such model."""
    vas_estimate: Annotated[float, Field(ge=0, le=100)] | None = None
    """Estimate of the patient's own rating, 0..100 mm; null until ratings were entered. Never a self-report."""
    asymmetry: Fraction | None
    """By the facial asymmetry model; null: not scored or no such model."""
    look_alike: str | None
    """What raised PSPI is put down to instead of pain, e.g. `smile`; null: nothing."""
    quality: Fraction | None
    """Of the view of the face; null: no face."""
    reasons: tuple[Reason, ...]
    """Why there is no score; empty with one."""
    people: Count
    """Faces in view, the patient's included."""
    pose: PosePart | None
    """Null: no face."""
    box: BoxPart | None
    """Where the face is; null: no face."""


class AlarmPart(Part):
    """One alarm, as it is now."""

    alarm_id: str
    """The same for the whole life of this alarm; unique for ever."""
    condition: str
    """Name of the condition, e.g. `pain`, `camera`, `no-face`, `model`."""
    kind: AlarmKind
    """Whose condition it is."""
    priority: Priority
    """How soon somebody must come."""
    presence: Presence
    """Of the signal."""
    since: Timestamp
    """When the condition became present."""
    cause: str
    """One short sentence: what was seen, with figures."""
    action: str
    """One sentence for the person who comes: what to do."""


class Alarm(Envelope):
    """One change of one alarm; never expires, at least once, in order."""

    schema_: Literal["npng/alarm/1"] = Field(default="npng/alarm/1", alias="schema")
    """Name and version of the message."""
    phase: Phase
    """What the change does."""
    at: Timestamp
    """When the change happened; `time` is when the message was made."""
    alarm: AlarmPart
    """The alarm after the change."""


class Alarms(Envelope):
    """All alarms now present: the truth after any loss. Retained."""

    schema_: Literal["npng/alarms/1"] = Field(default="npng/alarms/1", alias="schema")
    """Name and version of the message."""
    present: tuple[AlarmPart, ...]
    """Empty: none."""
    self_check: SelfCheck
    """Proof of life of the alarm system."""


class BaselineAction(str, Enum):
    """What to do about this patient's baseline."""

    CAPTURE = "capture"
    """Take the face as it is now as the neutral one."""
    FORGET = "forget"
    """Drop it, for instance because another patient lies in the bed."""


class BaselineRequest(Message):
    """To `request/baseline`: capture or forget this patient's neutral face. What is not known in it is refused."""

    model_config = ConfigDict(extra="forbid")

    schema_: Literal["npng/request-baseline/1"] = Field(alias="schema")
    """Name and version of the message."""
    id: Annotated[str, Field(min_length=1, max_length=64)]
    """Unique for ever; a second request with the same id is the same request."""
    who: Annotated[str, Field(min_length=1, max_length=120)]
    """The person who asks."""
    action: BaselineAction
    """What to do."""
    expires: Timestamp
    """After this the request is refused."""


class BaselineResponse(Envelope):
    """What became of a baseline request. `started` is followed by `captured` or `refused`."""

    schema_: Literal["npng/response-baseline/1"] = Field(default="npng/response-baseline/1", alias="schema")
    """Name and version of the message."""
    request_id: str | None
    """Of the request; null: the request could not be read."""
    outcome: Literal["started", "captured", "forgotten", "refused"]
    """What became of it."""
    reason: Literal["malformed", "expired", "busy", "no-face", "not-quiet"] | None
    """Why it was refused; null otherwise."""
    detail: str
    """One sentence for people; may be empty."""
