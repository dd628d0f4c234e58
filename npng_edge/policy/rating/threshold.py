"""From the rating at which staff want to be called to the PSPI at which this patient alarms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from npng_edge.policy.rating.sensitivity import FEWEST_PAIRS, pspi_at, vas_at
from npng_edge.policy.rating.sensitivity import estimate as estimate_from
from npng_edge.policy.stays import profile as profiles
from npng_edge.requests import LONGEST_ORDER, Refusal, RefusalReason
from npng_edge.units import Threshold

if TYPE_CHECKING:
    from npng_edge.policy.rating.sensitivity import SensitivityEstimate
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.requests import Override, SetThreshold
    from npng_edge.settings import Policy
    from npng_edge.units import Moment

LOWEST = 1.5
"""PSPI. Closed eyes alone make 1, and scores of a face at rest flicker: below this, rest would alarm (our choice)."""
HIGHEST = 12.0
"""PSPI. Above this hardly any face alarms, so no rating and no override may ask for it (our choice)."""


def effective(profile: Profile | None, estimate: SensitivityEstimate, settings: Policy, utc: float) -> Threshold:
    """The threshold in force.

    Without ratings it is `prior_slope * vas`, and with fewer than `FEWEST_PAIRS` not above that. A limit (`LOWEST`,
    `HIGHEST`) that takes effect shows in `vas`: it then is the rating at which this patient really alarms, not the one
    that was ordered.

    Args:
        profile: Orders and overrides; None without a patient: as configured.
        estimate: Of this patient, or of nobody.
        settings: The configured ratings.
        utc: Now, seconds since 1970. An override past its end is as if it were not there.
    """
    severe = _bounded(_shown(settings.pain.severe_vas, estimate, settings))
    override = None if profile is None else profile.override
    if override is not None and _in_force(override, utc):
        pain = override.pspi
        return Threshold(pain, max(pain, severe), vas_at(pain, estimate), "override")
    ordered = None if profile is None else profile.threshold_vas
    vas = settings.pain.threshold_vas if ordered is None else ordered
    wanted = _shown(vas, estimate, settings)
    pain = _bounded(wanted)
    vas = vas if pain == wanted else vas_at(pain, estimate)
    return Threshold(pain, max(pain, severe), vas, "configured" if ordered is None else "ordered")


def configured(settings: Policy) -> Threshold:
    """The threshold for somebody of whom nothing is known."""
    return effective(None, estimate_from((), settings.sensitivity, 0.0), settings, 0.0)


def set_vas(profile: Profile, request: SetThreshold) -> Profile:
    """Take the rating from which staff want to be called for this patient, or go back to the configured one."""
    return replace(profile, threshold_vas=request.vas)


def override(profile: Profile, request: Override, moment: Moment) -> Profile | Refusal:
    """Set a PSPI for a while, or end that.

    A reason is required: it puts aside what the ratings say, and the next shift must understand it.

    Returns:
        The profile, or why not: `out-of-time` (ends in the past), `too-long`, `not-allowed` (no reason, or outside
        `LOWEST`..`HIGHEST`).
    """
    if request.pspi is None or request.until is None:
        return replace(profile, override=None)
    until = request.until.timestamp()
    if until <= moment.utc:
        return Refusal(RefusalReason.OUT_OF_TIME, "the override would end in the past; give a later time")
    if until - moment.utc > LONGEST_ORDER.total_seconds():
        return Refusal(RefusalReason.TOO_LONG, f"an override lasts {LONGEST_ORDER.days} days at the most")
    if request.why is None:
        return Refusal(RefusalReason.NOT_ALLOWED, "an override needs a reason: say why")
    if not LOWEST <= request.pspi <= HIGHEST:
        return Refusal(RefusalReason.NOT_ALLOWED, f"an override must lie between PSPI {LOWEST:g} and {HIGHEST:g}")
    return replace(
        profile,
        override=profiles.Override(
            pspi=request.pspi, until_utc=until, who=request.who, why=request.why, set_utc=moment.utc
        ),
    )


def _in_force(override: profiles.Override, utc: float) -> bool:
    """Not past its end. A clock that was set back by days does not prolong it."""
    return 0 < override.until_utc - utc <= LONGEST_ORDER.total_seconds()


def _shown(vas: float, estimate: SensitivityEstimate, settings: Policy) -> float:
    """PSPI that this patient shows at a rating. Before `FEWEST_PAIRS` ratings can only make the device more attentive.

    One wrong entry must not quieten it.
    """
    shown = pspi_at(vas, estimate)
    return shown if estimate.pairs >= FEWEST_PAIRS else min(shown, settings.sensitivity.prior_slope * vas)


def _bounded(pspi: float) -> float:
    return min(HIGHEST, max(LOWEST, pspi))
