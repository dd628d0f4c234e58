"""From one patient to the next: who lies here, and what a request may change about that.

Pure rules. What they decide is kept, sealed or deleted elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from npng_edge.policy.stays.profile import Profile
from npng_edge.requests import Refusal, RefusalReason

if TYPE_CHECKING:
    from npng_edge.requests import Assign, Discharge, Export, Order, StopOrder, Update
    from npng_edge.units import Moment

OLDEST_BUNDLE_S = 12 * 3600.0
"""A bundle that was sealed longer ago is refused: doses and baseline have gone on without it."""
CLOCK_SLACK_S = 300.0
"""So far may the clocks of two beds be apart."""


def assign(profile: Profile | None, request: Assign, moment: Moment, stay_id: str) -> Profile | Refusal:
    """Begin a stay of a patient in a free bed; `stay_id` must never have been used before."""
    if profile is not None:
        return _occupied(profile)
    return Profile(
        patient=request.patient,
        stay=stay_id,
        since_utc=moment.utc,
        spo2_scale=request.spo2_scale,
        clips=request.clips,
    )


def accept(profile: Profile | None, imported: Profile, sealed_utc: float, moment: Moment) -> Profile | Refusal:
    """Continue the stay of a patient who comes from another bed.

    Args:
        profile: Of the patient who lies here; None: the bed is free.
        imported: From a bundle that was proved authentic.
        sealed_utc: When the bundle was sealed, by the other bed's clock.
        moment: Now.
    """
    if profile is not None:
        return _occupied(profile)
    age = moment.utc - sealed_utc
    if not -CLOCK_SLACK_S <= age <= OLDEST_BUNDLE_S:
        return Refusal(
            RefusalReason.OUT_OF_TIME,
            f"The bundle was sealed {abs(age) / 3600:.1f} h {'ago' if age > 0 else 'in the future'}, at the most "
            f"{OLDEST_BUNDLE_S / 3600:.0f} h ago is allowed: check the clocks, export it again at the other bed, or "
            "assign the patient anew.",
        )
    return imported


def update(profile: Profile | None, request: Update) -> Profile | Refusal:
    """Change what was said at the assignment; null in the request leaves a thing as it is."""
    refusal = named(profile, request)
    if refusal is not None or profile is None:
        return refusal or no_patient()
    return replace(
        profile,
        spo2_scale=profile.spo2_scale if request.spo2_scale is None else request.spo2_scale,
        clips=profile.clips if request.clips is None else request.clips,
    )


def named(profile: Profile | None, request: Discharge | Export | Order | StopOrder | Update) -> Refusal | None:
    """Whether the request names the patient who lies here; None: it does."""
    if profile is None:
        return no_patient()
    if request.patient == profile.patient:
        return None
    return Refusal(
        RefusalReason.WRONG_PATIENT,
        f"The request names {request.patient}, but {profile.patient} is assigned to this bed: check bed and patient.",
    )


def no_patient() -> Refusal:
    """What every request gets that needs a patient, where there is none."""
    return Refusal(RefusalReason.NO_PATIENT, "No patient is assigned to this bed: assign one first.")


def _occupied(profile: Profile) -> Refusal:
    return Refusal(
        RefusalReason.OCCUPIED,
        f"{profile.patient} is assigned to this bed: discharge or transfer that patient first.",
    )
