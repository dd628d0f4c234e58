"""The patient as a whole: `fusion`, `episode`, and the request for a `bolus`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from npng_edge.policy.happening.episode import Episode as EpisodeRecord
from npng_edge.publish.messages.envelope import Envelope
from npng_edge.publish.messages.pain import EstimatePart
from npng_edge.record.codec import NAMES
from npng_edge.units import PainLevel
from npng_edge.wire import Fraction, Part, Pspi, Seconds, Timestamp


class SupportPart(Part):
    """Whether the autonomic nervous system goes along."""

    level: Fraction | None
    """0 no change against this patient's own trend .. 1 a strong one; null: not known."""
    changes: dict[str, float]
    """Per vital sign, in this patient's own standard deviations."""
    reason: str | None
    """Why the level is not known; null otherwise."""


class News2Part(Part):
    """National Early Warning Score 2."""

    total: Annotated[int, Field(ge=0, le=20)] | None
    """Null: signs are missing, see there."""
    at_least: Annotated[int, Field(ge=0, le=20)]
    """Sum of what is known."""
    red: bool
    """Whether a single sign scores 3."""
    parameters: dict[str, int]
    """Points per sign."""
    missing: tuple[str, ...]
    """Signs that are not known, or too old."""


class VetoPart(Part):
    """One reason why no bolus is requested."""

    reason: str
    """Machine-readable, e.g. `lockout`."""
    detail: str
    """One sentence for people."""


class Fusion(Envelope):
    """Pain with the vital signs, and how urgent this bed is. Retained, expiring."""

    schema_: Literal["npng/fusion/1"] = Field(default="npng/fusion/1", alias="schema")
    """Name and version of the message."""
    patient: str
    """Pseudonym."""
    level: PainLevel | None
    """Of pain; null: not known, see `unseen`."""
    level_since: Timestamp | None
    """Since when the level is what it is; null without a level."""
    pspi_above_baseline: Pspi | None
    """Null: no score or no baseline."""
    vas_estimate: EstimatePart | None
    """Estimate of the patient's own rating; null without ratings. Never a self-report."""
    minutes_above: Annotated[float, Field(ge=0, le=60)] | None
    """Minutes of the last hour with the score at or above the threshold; null: no score in the last seconds."""
    unseen: tuple[str, ...]
    """Why the level is not known; empty when it is."""
    support: SupportPart
    """Of heart rate, respiratory rate and blood pressure."""
    news2: News2Part | None
    """Null: not used on this device."""
    unattended_s: Seconds
    """For how long the oldest alarm that is signalled waits for somebody."""
    priority: Annotated[int, Field(ge=0, le=100)]
    """Rank of the bed in the ward: the higher, the sooner. An order, not a diagnosis."""
    points: dict[str, int]
    """What the priority is the sum of."""
    bolus_vetoes: tuple[VetoPart, ...]
    """Why no bolus is requested although one is due; empty: none is due, or nothing forbids it."""


class Episode(Envelope):
    """What happened before and during raised pain. A later revision of the same episode takes its place."""

    schema_: Literal["npng/episode/1"] = Field(default="npng/episode/1", alias="schema")
    """Name and version of the message."""
    patient: str
    """Pseudonym."""
    stay: str
    """Names the stay for ever."""
    episode: EpisodeRecord
    """The record. Times with `utc` are seconds since 1970; all others are seconds from the onset."""


class Bolus(Envelope):
    """A request to a pump's gateway. Not an order: the gateway decides, and answers on `request/bolus-answer`."""

    schema_: Literal["npng/bolus/1"] = Field(default="npng/bolus/1", alias="schema")
    """Name and version of the message."""
    patient: str
    """Pseudonym."""
    bolus_id: str
    """To be named in the answer; unique for ever."""
    drug: str
    """As ordered."""
    dose_mg: Annotated[float, Field(gt=0)]
    """Milligrams."""
    expires: Timestamp
    """Afterwards it must be refused."""
    reason: str
    """One sentence for people."""


Episode.model_rebuild(_types_namespace=dict(NAMES))
