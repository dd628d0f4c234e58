"""What follows from one event: everything that leaves the policy, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from npng_edge.policy.stays.stay import Audit

if TYPE_CHECKING:
    from npng_edge.policy.analgesia.interlock import BolusRequest
    from npng_edge.policy.happening.episode import Episode
    from npng_edge.policy.stays.summary import HourSummary
    from npng_edge.policy.vital.fusion import Fusion
    from npng_edge.requests import Refusal, Request
    from npng_edge.units import Assessment, Transition


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request."""

    name: str
    """As in `request/{name}`."""
    request: Request
    outcome: Literal["started", "done", "refused"]
    """`started` is followed by one of the others."""
    refusal: Refusal | None = None
    detail: str = ""
    """One sentence for people about what was done; may be empty."""


def audit(outcome: Outcome, utc: float) -> Audit:
    """The line for the record of the stay."""
    request, refusal = outcome.request, outcome.refusal
    return Audit(
        utc=utc,
        name=outcome.name,
        who=request.who,
        why=request.why,
        outcome=outcome.outcome,
        reason=refusal.reason.value if refusal else None,
        detail=refusal.detail if refusal else outcome.detail,
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """A stay ended here."""

    stay: str
    utc: float


@dataclass(frozen=True, slots=True)
class Decisions:
    """Everything that follows from one event."""

    assessment: Assessment | None = None
    """Of a reading."""
    transitions: tuple[Transition, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    episodes: tuple[Episode, ...] = ()
    hours: tuple[HourSummary, ...] = ()
    fusion: Fusion | None = None
    bolus: BolusRequest | None = None
    """To be published only after the profile is kept: the ledger in it already counts this bolus."""
    keep: bool = False
    """Whether the profile changed and must be kept."""
    ended: Ended | None = None
    refused: Refusal | None = None
    """Why a message that nobody waits for an answer to was not taken."""
