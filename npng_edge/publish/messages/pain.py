"""The score of one moment: `pain`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from npng_edge.publish.messages.envelope import Envelope
from npng_edge.units import BaselineOrigin, LookAlike, PainLevel, Reason, Trend
from npng_edge.wire import Count, Fraction, Part, Pspi, Seconds, Timestamp, Vas


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


class BaselinePart(Part):
    """What is known of this patient's neutral face."""

    origin: BaselineOrigin
    """Where it comes from."""
    at: Timestamp | None
    """When it was captured or last confirmed; null: none."""
    age_s: Seconds | None
    """The same as an age; null: none."""
    quality: Fraction | None
    """How far it can be relied on; null: none."""


class EstimatePart(Part):
    """A figure with the interval that holds it in 80 of 100 cases."""

    value: Vas
    """The estimate."""
    low: Vas
    """Lower end."""
    high: Vas
    """Upper end."""


class Pain(Envelope):
    """The newest score. Retained, expiring; one that waited while the broker was away comes later, not retained."""

    schema_: Literal["npng/pain/1"] = Field(default="npng/pain/1", alias="schema")
    """Name and version of the message."""
    patient: str | None
    """Pseudonym; null: no patient is assigned, and nothing is scored."""
    pspi: Pspi | None
    """Prkachin-Solomon pain intensity of the face as seen, 0..16; null: not scored, see `reasons`."""
    pspi_error: Pspi | None = None
    """The error that the model itself expects of `pspi`; null: not scored, or the model gives none."""
    pspi_above_baseline: Pspi | None
    """The same above this patient's baseline; null: no score or no baseline."""
    baseline: BaselinePart
    """What is known of this patient's neutral face."""
    threshold: Pspi
    """PSPI (above baseline where there is one) at which the alarm condition `pain` starts."""
    threshold_severe: Pspi
    """The same for `pain-severe`."""
    threshold_vas: Vas
    """The rating that `threshold` stands for."""
    threshold_origin: Literal["configured", "ordered", "override"]
    """By the device's configuration, by staff's order for this patient, or a PSPI that staff set directly."""
    pain: bool
    """Whether the alarm condition `pain` is present."""
    level: PainLevel | None
    """Against this patient's thresholds; null: not known, which is never `none`."""
    trend: Trend | None
    """Over the last minutes; null: not known."""
    confidence: Fraction | None
    """How far the level can be relied on; null without a level."""
    level_since: Timestamp | None
    """Since when the level is what it is; null without a level."""
    minutes_above: Annotated[float, Field(ge=0, le=60)]
    """Minutes of the last hour with the score at or above the threshold."""
    action_units: dict[str, Annotated[float, Field(ge=0, le=5)]] | None
    """Intensity by name, 0 absent, 1..5 = FACS A..E; null: not scored."""
    action_unit_errors: dict[str, Annotated[float, Field(ge=0, le=5)]] | None = None
    """The error that the model itself expects of each; null: not scored, or the model gives none."""
    eyes_closed: EyesPart | None
    """Closure of each eye; null: not scored."""
    pain_probability: Fraction | None
    """By the learnt model; null: not scored."""
    pain_temporal: Fraction | None
    """By the learnt model of the last seconds; null: not scored, or for less than a second."""
    vas_estimate: EstimatePart | None
    """Estimate of the patient's own rating, 0..10; null without ratings. Never a self-report."""
    sensitivity: Literal["sensitive", "medium", "insensitive"] | None
    """How much this patient shows; null: not known, see `sensitivity_reason`."""
    sensitivity_reason: Literal["too-few-ratings", "uncertain", "not-expressive"] | None
    """Why it is not known. `not-expressive`: the camera's pain alarm is unreliable for this patient."""
    asymmetry: Fraction | None
    """Facial asymmetry above this patient's own; null: not scored, turned too far, or the own one not known."""
    look_alike: LookAlike | None
    """What raised PSPI is put down to instead of pain; null: nothing."""
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
