"""One patient's stay as it is kept and reported: the profile, what was seen, and what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npng_edge.policy.happening.episode import Episode
    from npng_edge.policy.stays.profile import Dose, Profile, Rating
    from npng_edge.policy.stays.summary import HourSummary


@dataclass(frozen=True, slots=True)
class Audit:
    """One request and what became of it, for the record."""

    utc: float
    """When it was answered, seconds since 1970."""
    name: str
    """As in `request/{name}`."""
    who: str | None
    """Who asked; None: it could not be read."""
    why: str | None
    outcome: str
    """`started`, `done` or `refused`."""
    reason: str | None
    """Of a refusal, a value of `RefusalReason`."""
    detail: str
    """One sentence for people; may be empty."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One patient's stay."""

    profile: Profile
    """As it is now, or was at the end."""
    ended_utc: float | None
    """Seconds since 1970; None: the patient is still here."""
    hours: tuple[HourSummary, ...]
    """Oldest first. Two of one clock hour are two parts of it, for instance before and after a restart."""
    episodes: tuple[Episode, ...]
    """Oldest first, the newest revision of each."""
    audit: tuple[Audit, ...]
    """Oldest first."""


def doses(stay: Stay) -> list[Dose]:
    """All doses known of, oldest first: the newest that was noted of each, and those that only the ledger has."""
    known = {_same(dose): dose for hour in stay.hours for dose in hour.doses}
    for dose in stay.profile.ledger:
        known.setdefault(_same(dose), dose)
    return sorted(known.values(), key=lambda dose: dose.utc)


def ratings(stay: Stay) -> list[Rating]:
    """All ratings known of, oldest first: those that are learnt from, and those noted in the hours."""
    every = {*stay.profile.ratings, *(rating for hour in stay.hours for rating in hour.ratings)}
    return sorted(every, key=lambda rating: (rating.utc, rating.vas))


def _same(dose: Dose) -> object:
    return dose.bolus_id or (dose.utc, dose.drug, dose.mg)
