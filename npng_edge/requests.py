"""What may be asked of a bed: one model per request, and how a request is answered.

The name of a request is the last level of its topic, `request/{name}`. What is not known in a request is refused, so
that a misspelt limit can never be taken for a missing one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from npng_edge.wire import Message, Pspi, Timestamp, Vas

PatientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{3,63}$")]
"""A pseudonym: nothing that names a person."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004 - pydantic makes a mistake of it
    return value


Spo2Scale = Annotated[Literal[1, 2], BeforeValidator(_no_truth)]
"""NEWS2 scale for SpO2. To Python, and so to pydantic, true is 1."""
Milligrams = Annotated[float, Field(gt=0, le=1000)]

LONGEST_ORDER = timedelta(days=7)
"""An order or an override that would last longer is refused: somebody must look again."""
LONGEST_REPLAY = 1000
"""Messages in one request."""


class Request(Message):
    """Base of all requests: who asks, why, and until when it is worth doing."""

    model_config = ConfigDict(extra="forbid")

    id: Identifier
    """Unique for ever; a second request with the same id is the same request and gets the same answer."""
    who: Name
    """The person who asks."""
    why: Text | None = None
    """The reason, for the record."""
    expires: Timestamp
    """After this the request is refused."""


class Assign(Request):
    """To `request/assign`: this patient lies here now. Refused while another is assigned."""

    schema_: Literal["npng/request-assign/1"] = Field(default="npng/request-assign/1", alias="schema")
    """Name and version of the message."""
    patient: PatientId
    """Pseudonym."""
    spo2_scale: Spo2Scale = 1
    """NEWS2 scale for SpO2; 2 for a target of 88-92 %."""
    clips: bool = False
    """Whether the patient, or who may speak for them, agreed to encrypted clips of episodes."""


class Discharge(Request):
    """To `request/discharge`: the stay ends, its record is closed and its retention begins."""

    schema_: Literal["npng/request-discharge/1"] = Field(default="npng/request-discharge/1", alias="schema")
    """Name and version of the message."""
    patient: PatientId
    """Must be the assigned one."""


class Export(Request):
    """To `request/export`: seal the patient's profile and history for another bed, or for a report."""

    schema_: Literal["npng/request-export/1"] = Field(default="npng/request-export/1", alias="schema")
    """Name and version of the message."""
    patient: PatientId
    """Must be the assigned one."""
    transfer: bool = False
    """Whether the patient leaves: the stay at this bed ends when the bundle is sealed."""


class Import(Request):
    """To `request/import`: the patient of this bundle lies here now. Refused while another is assigned."""

    schema_: Literal["npng/request-import/1"] = Field(default="npng/request-import/1", alias="schema")
    """Name and version of the message."""
    bundle: Annotated[str, StringConstraints(max_length=8_000_000)]
    """As sealed by another bed of this hospital, base64."""


class BaselineAction(str, Enum):
    """What to do about this patient's baseline."""

    CAPTURE = "capture"
    """Take the face as it is now as the neutral one."""
    FORGET = "forget"
    """Drop it, for instance after a wrong capture."""


class Baseline(Request):
    """To `request/baseline`: capture or forget this patient's neutral face."""

    schema_: Literal["npng/request-baseline/1"] = Field(default="npng/request-baseline/1", alias="schema")
    """Name and version of the message."""
    action: BaselineAction
    """What to do."""


class Rate(Request):
    """To `request/rate`: a rating of the pain by the patient, or by staff where the patient cannot."""

    schema_: Literal["npng/request-rate/1"] = Field(default="npng/request-rate/1", alias="schema")
    """Name and version of the message."""
    vas: Vas
    """0 none .. 10 the worst imaginable."""
    rater: Literal["patient", "staff"]
    """Whose rating it is."""
    at: Timestamp
    """When it was given; not in the future, and at the most half an hour ago."""


class Acknowledge(Request):
    """To `request/acknowledge`: somebody knows of this alarm and sees to it."""

    schema_: Literal["npng/request-acknowledge/1"] = Field(default="npng/request-acknowledge/1", alias="schema")
    """Name and version of the message."""
    alarm_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """Of the alarm."""


class Pause(Request):
    """To `request/pause`: do not signal these conditions for a while, for instance during care."""

    schema_: Literal["npng/request-pause/1"] = Field(default="npng/request-pause/1", alias="schema")
    """Name and version of the message."""
    conditions: Annotated[tuple[str, ...], Field(min_length=1, max_length=32)]
    """Names in the table of conditions."""
    seconds: Annotated[float, Field(gt=0)]
    """At the most as long as the device's configuration allows."""


class Resume(Request):
    """To `request/resume`: end a pause before its time."""

    schema_: Literal["npng/request-resume/1"] = Field(default="npng/request-resume/1", alias="schema")
    """Name and version of the message."""
    conditions: Annotated[tuple[str, ...], Field(min_length=1, max_length=32)]
    """Names in the table of conditions."""


class SetThreshold(Request):
    """To `request/threshold`: call us from this rating on."""

    schema_: Literal["npng/request-threshold/1"] = Field(default="npng/request-threshold/1", alias="schema")
    """Name and version of the message."""
    vas: Annotated[float, Field(gt=0, le=10)] | None
    """Null: as the device is configured."""


class Override(Request):
    """To `request/override`: alarm at this PSPI, whatever the ratings say, until a stated time."""

    schema_: Literal["npng/request-override/1"] = Field(default="npng/request-override/1", alias="schema")
    """Name and version of the message."""
    pspi: Annotated[Pspi, Field(gt=0)] | None
    """Above baseline where there is one; null ends the override."""
    until: Timestamp | None = None
    """Needed with `pspi`; at the most seven days ahead."""

    @model_validator(mode="after")
    def _complete(self) -> Override:
        if (self.pspi is None) != (self.until is None):
            raise ValueError("pspi and until go together: give both, or neither to end the override")
        return self


class Update(Request):
    """To `request/update`: change what was said at the assignment; null leaves a thing as it is."""

    schema_: Literal["npng/request-update/1"] = Field(default="npng/request-update/1", alias="schema")
    """Name and version of the message."""
    patient: PatientId
    """Must be the assigned one."""
    spo2_scale: Spo2Scale | None = None
    """NEWS2 scale for SpO2."""
    clips: bool | None = None
    """Consent to encrypted clips; false also deletes those there are."""


class Analgesic(Request):
    """To `request/analgesic`: a dose was given, by hand or by a pump that the device did not ask."""

    schema_: Literal["npng/request-analgesic/1"] = Field(default="npng/request-analgesic/1", alias="schema")
    """Name and version of the message."""
    drug: Name
    """As ordered, e.g. `morphine`."""
    dose_mg: Milligrams
    """Milligrams."""
    at: Timestamp
    """When; not in the future, and at the most 12 hours ago."""


class Order(Request):
    """To `request/order`: bolus requests are allowed for this patient within these limits."""

    schema_: Literal["npng/request-order/1"] = Field(default="npng/request-order/1", alias="schema")
    """Name and version of the message."""
    patient: PatientId
    """Must be the assigned one."""
    drug: Name
    """E.g. `morphine`."""
    bolus_mg: Milligrams
    """One bolus, milligrams."""
    lockout_s: Annotated[float, Field(ge=60, le=14_400)]
    """From one dose to the next, seconds."""
    limit_1h_mg: Milligrams
    """In any 60 minutes, all doses together, milligrams."""
    limit_4h_mg: Milligrams
    """In any 4 hours, all doses together, milligrams."""
    until: Timestamp
    """The order ends; at the most seven days ahead."""

    @model_validator(mode="after")
    def _possible(self) -> Order:
        if not self.bolus_mg <= self.limit_1h_mg <= self.limit_4h_mg:
            raise ValueError("it must be that bolus_mg <= limit_1h_mg <= limit_4h_mg")
        return self


class StopOrder(Request):
    """To `request/stop-order`: no bolus is requested any more."""

    schema_: Literal["npng/request-stop-order/1"] = Field(default="npng/request-stop-order/1", alias="schema")
    """Name and version of the message."""
    patient: PatientId
    """Must be the assigned one."""


class BolusAnswer(Request):
    """To `request/bolus-answer`: what a pump's gateway did with a bolus request."""

    schema_: Literal["npng/request-bolus-answer/1"] = Field(default="npng/request-bolus-answer/1", alias="schema")
    """Name and version of the message."""
    bolus_id: Identifier
    """Of the bolus request."""
    outcome: Literal["delivered", "refused"]
    """Whether the bolus was given."""
    delivered_mg: Annotated[float, Field(ge=0, le=1000)]
    """What was really given, milligrams; 0 when refused."""


class FetchEpisode(Request):
    """To `request/episode`: send a kept episode again."""

    schema_: Literal["npng/request-episode/1"] = Field(default="npng/request-episode/1", alias="schema")
    """Name and version of the message."""
    episode_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """Of the episode."""


class Replay(Request):
    """To `request/replay`: send these alarms again, because the sequence has a gap."""

    schema_: Literal["npng/request-replay/1"] = Field(default="npng/request-replay/1", alias="schema")
    """Name and version of the message."""
    run: Identifier
    """The `boot_id` of the missing messages."""
    first: Annotated[int, Field(ge=1)]
    """Lowest `sequence` that is missing."""
    last: Annotated[int, Field(ge=1)]
    """Highest one; at the most 1000 messages in one request."""

    @model_validator(mode="after")
    def _in_order(self) -> Replay:
        if not self.first <= self.last < self.first + LONGEST_REPLAY:
            raise ValueError(
                f"last must not be before first, and at the most {LONGEST_REPLAY} messages may be asked for"
            )
        return self


class SelfTest(Request):
    """To `request/self-test`: check everything that the alarms need, and sound the local signal for a moment."""

    schema_: Literal["npng/request-self-test/1"] = Field(default="npng/request-self-test/1", alias="schema")
    """Name and version of the message."""


REQUESTS: MappingProxyType[str, type[Request]] = MappingProxyType(
    {
        model.model_fields["schema_"].default.split("/")[1].removeprefix("request-"): model
        for model in (
            Assign,
            Discharge,
            Export,
            Import,
            Baseline,
            Rate,
            Acknowledge,
            Pause,
            Resume,
            SetThreshold,
            Override,
            Update,
            Analgesic,
            Order,
            StopOrder,
            BolusAnswer,
            FetchEpisode,
            Replay,
            SelfTest,
        )
    }
)
"""By name, as in `request/{name}`."""


class RefusalReason(str, Enum):
    """Why a request changed nothing."""

    MALFORMED = "malformed"
    """It cannot be read, or a value is outside its range."""
    UNKNOWN_REQUEST = "unknown-request"
    EXPIRED = "expired"
    BUSY = "busy"
    """Something of the kind is under way."""
    NO_PATIENT = "no-patient"
    """No patient is assigned."""
    WRONG_PATIENT = "wrong-patient"
    """Another patient is assigned."""
    OCCUPIED = "occupied"
    """A patient is assigned: discharge first."""
    NO_FACE = "no-face"
    NOT_QUIET = "not-quiet"
    """The face is not at rest."""
    NO_SCORE = "no-score"
    """There was no score at that time."""
    OUT_OF_TIME = "out-of-time"
    """A time lies in the future or too far back or ahead."""
    UNKNOWN_ALARM = "unknown-alarm"
    """No such alarm is present."""
    UNKNOWN_CONDITION = "unknown-condition"
    NOT_ALLOWED = "not-allowed"
    """The rules of the device forbid it; the detail says which."""
    TOO_LONG = "too-long"
    """Longer than the configuration allows."""
    DISABLED = "disabled"
    """The configuration has switched it off."""
    NO_KEY = "no-key"
    """No key file is configured."""
    NOT_AUTHENTIC = "not-authentic"
    """The bundle was not sealed with this hospital's key, or was changed."""
    UNKNOWN_ID = "unknown-id"
    """Nothing of that id is kept."""
    STORAGE = "storage"
    """It could not be stored safely."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request changed nothing."""

    reason: RefusalReason
    detail: str
    """One sentence for people: what is wrong and what to do."""
