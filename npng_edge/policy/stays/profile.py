"""Everything that belongs to the patient, goes with them to another bed, and outlives a loss of power. Data only.

Times are seconds since 1970, UTC: a profile outlives every run of the software.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.units import BaselineOrigin


@dataclass(frozen=True, slots=True)
class Baseline:
    """This patient's own neutral face."""

    offsets: Mapping[str, float]
    """To be taken away, per action unit, 0..5."""
    origin: BaselineOrigin
    utc: float
    """When it was captured, or last confirmed by a quiet period."""
    samples: int
    """Readings at rest that it rests on."""
    spread: float
    """Range of the middle half of the unit that moved most, 0..5: small is good."""
    asymmetry: float | None = None
    """Facial asymmetry at rest, 0..1; None: not known."""


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating, with what the face showed around it."""

    utc: float
    vas: float
    """0..10."""
    rater: Literal["patient", "staff"]
    who: str
    pspi: float
    """Upper quartile of the window, above baseline, 0..16: pain shows in grimaces with rest between."""
    spread: float
    """Range of the middle half of the window."""
    samples: int
    """Scores in the window."""


@dataclass(frozen=True, slots=True)
class Override:
    """A PSPI threshold that staff set directly, for a while."""

    pspi: float
    """Above baseline where there is one, 0..16."""
    until_utc: float
    who: str
    why: str | None
    set_utc: float


@dataclass(frozen=True, slots=True)
class Prescription:
    """Within which limits bolus requests are allowed."""

    drug: str
    bolus_mg: float
    lockout_s: float
    limit_1h_mg: float
    limit_4h_mg: float
    until_utc: float
    who: str
    why: str | None
    set_utc: float
    set_elapsed: float
    """On the ledger's own clock, seconds."""


@dataclass(frozen=True, slots=True)
class Dose:
    """One line of the ledger: what was given, or may have been given."""

    utc: float
    """By the wall clock, when it was asked for or given."""
    elapsed: float
    """The latest time at which it may have been given, on the ledger's own clock (see `ledger`), seconds; when it was
    entered, for a dose that staff gave."""
    drug: str
    mg: float
    """What counts against the limits: the full bolus until the pump's gateway has said in time what was given."""
    state: Literal["asked", "delivered", "refused", "unanswered", "given"]
    """`asked`: requested, no answer yet. `delivered` or `refused` by the pump. `unanswered`: counts in full, for ever.
    `given`: entered by staff."""
    bolus_id: str | None = None
    """Of the request to the pump; None for a dose that staff entered."""
    request_id: str | None = None
    """Of the request with which staff entered it, so that one that comes twice is entered once."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One patient's stay at this device, as it must survive."""

    patient: str
    """Pseudonym."""
    stay: str
    """Names this stay for ever; kept when the patient is transferred to another bed of the hospital."""
    since_utc: float
    """Begin of the stay."""
    spo2_scale: Literal[1, 2] = 1
    """Of NEWS2."""
    clips: bool = False
    """Consent to encrypted clips of episodes."""
    baseline: Baseline | None = None
    ratings: tuple[Rating, ...] = ()
    """Oldest first, at the most `sensitivity.MOST_RATINGS`."""
    threshold_vas: float | None = None
    """Rating from which staff want to be called for this patient; None: as configured."""
    override: Override | None = None
    prescription: Prescription | None = None
    ledger: tuple[Dose, ...] = ()
    """By `elapsed`, lowest first; at least all that count against a limit."""
    ledger_elapsed: float = 0.0
    """What the ledger's own clock showed when it was last kept, seconds; it never goes back (see `ledger`)."""
