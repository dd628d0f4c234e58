"""What is entered in the ledger: doses that staff gave, and the answers of the pump's gateway."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from npng_edge.policy.analgesia import ledger
from npng_edge.policy.stays.profile import Dose
from npng_edge.requests import Refusal, RefusalReason

if TYPE_CHECKING:
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.requests import Analgesic, BolusAnswer
    from npng_edge.units import Moment

MINUTE_S = 60.0
"""Staff enter times in minutes: a dose may seem to lie so far ahead."""
OLDEST_S = 12 * 3600.0
"""A dose that was given longer ago is refused: no limit reaches so far back."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer of the gateway changed."""

    profile: Profile
    dose: Dose
    """The line of the ledger, as it is now."""
    excess_mg: float
    """Delivered beyond what the ledger had counted; 0 when all is well. Else somebody must look."""
    late: bool
    """Whether it came after the expiry, or after another answer: then it can only raise what counts."""


def given(clock: ledger.Clock | None, profile: Profile, request: Analgesic, moment: Moment) -> Profile | Refusal:
    """Enter a dose that staff gave.

    Its own time is kept for the record; for the limits it counts as given now, which is not too early whatever the
    clocks say.

    Args:
        clock: The ledger's, of this run.
        profile: Of the assigned patient.
        request: What was given.
        moment: Now.

    Returns:
        The profile, the same one when this request was entered before; or a refusal, `OUT_OF_TIME` for a dose in the
        future or of long ago.
    """
    age = moment.utc - request.at.timestamp()
    same = (request.id, request.at.timestamp(), request.drug, request.dose_mg)
    if any((dose.request_id, dose.utc, dose.drug, dose.mg) == same for dose in profile.ledger):
        return profile
    if moment.synchronised is not False and not -MINUTE_S <= age <= OLDEST_S:
        detail = "A dose must have been given by now, and at the most 12 hours ago."
        return Refusal(RefusalReason.OUT_OF_TIME, detail)
    if len(profile.ledger) >= ledger.MOST_DOSES:
        detail = f"{ledger.MOST_DOSES} doses are entered already: check what sends them."
        return Refusal(RefusalReason.NOT_ALLOWED, detail)
    elapsed = ledger.read(clock, profile, moment.time)
    dose = Dose(request.at.timestamp(), elapsed, request.drug, request.dose_mg, "given", request_id=request.id)
    return ledger.keep(profile, (*profile.ledger, dose), elapsed)


def answer(clock: ledger.Clock | None, profile: Profile, request: BolusAnswer, moment: Moment) -> Answered | Refusal:
    """Take the gateway's word on a bolus: its first answer, in time, is believed; any other can only raise what counts.

    Args:
        clock: The ledger's, of this run.
        profile: Of the assigned patient.
        request: The answer.
        moment: Now.

    Returns:
        The profile and what there is to be said; or a refusal with `UNKNOWN_ID`.
    """
    dose = next((dose for dose in profile.ledger if dose.bolus_id == request.bolus_id), None)
    if dose is None:
        detail = "No bolus of this id was requested for this patient: if it was given, enter it as an analgesic."
        return Refusal(RefusalReason.UNKNOWN_ID, detail)
    elapsed = ledger.read(clock, profile, moment.time)
    late = dose.state != "asked" or elapsed >= dose.elapsed
    delivered = request.outcome == "delivered" or request.delivered_mg > 0
    excess = max(0.0, request.delivered_mg - dose.mg)
    new = dose
    if not late:
        new = replace(dose, state="delivered" if delivered else "refused", mg=request.delivered_mg, elapsed=elapsed)
    elif delivered and (dose.state != "delivered" or excess):
        # The pump may have acted at any time until now.
        mg = max(dose.mg, request.delivered_mg)
        new = replace(dose, state="delivered", mg=mg, elapsed=max(dose.elapsed, elapsed))
    doses = tuple(new if one is dose else one for one in profile.ledger)
    return Answered(ledger.keep(profile, doses, elapsed), new, excess, late)
