"""Everything that forbids a bolus request. Whatever is not known forbids.

The guards of the patient follow common advice for opioids: nothing more at a respiratory rate of 8 or less, or of 10
and falling, SpO2 below 92 %, POSS 3 or more, or a red item of NEWS2. The set, and its figures in the settings, are our
own choice; the clinic that switches the interlock on must agree to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from npng_edge.policy.analgesia import ledger
from npng_edge.policy.analgesia.wall_clock import STEP_S, WallClock, doubted_s
from npng_edge.vitals import Sedation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.policy.stays.profile import Prescription, Profile
    from npng_edge.policy.vital.news2 import News2
    from npng_edge.policy.vital.vital_signs import Signs
    from npng_edge.settings import Interlock
    from npng_edge.units import Moment

_OVERSEDATED = (Sedation.FREQUENTLY_DROWSY, Sedation.SOMNOLENT)
_ROUNDING_MG = 1e-9


class VetoReason(str, Enum):
    """Why no bolus is requested."""

    NO_ORDER = "no-order"
    ORDER_EXPIRED = "order-expired"
    LOCKOUT = "lockout"
    LIMIT_1H = "limit-1h"
    LIMIT_4H = "limit-4h"
    OTHER_DRUG = "other-drug"
    """Another drug was given; what it adds is not known here. A new order takes account of what staff gave before."""
    LEDGER_FULL = "ledger-full"
    ANSWER_PENDING = "answer-pending"
    """The gateway has not answered the request before, and still may."""
    RESPIRATORY_RATE_LOW = "respiratory-rate-low"
    RESPIRATORY_RATE_UNKNOWN = "respiratory-rate-unknown"
    SPO2_LOW = "spo2-low"
    SPO2_UNKNOWN = "spo2-unknown"
    SEDATED = "sedated"
    SEDATION_UNKNOWN = "sedation-unknown"
    VITALS_STALE = "vitals-stale"
    """Respiratory rate, SpO2 or sedation was measured, but too long ago."""
    NEWS2_RED = "news2-red"
    POOR_VIEW = "poor-view"
    CLOCK_UNSYNCHRONISED = "clock-unsynchronised"
    CLOCK_STEPPED = "clock-stepped"
    """The wall clock was set, or the software started, too short a time ago; or it stands before the order."""
    STORAGE = "storage"
    """The ledger cannot be kept safely."""
    ATTENDED = "attended"
    """Somebody acknowledged the pain or is with the patient: they decide."""


@dataclass(frozen=True, slots=True)
class Veto:
    """One reason why no bolus is requested now."""

    reason: VetoReason
    detail: str
    """One sentence for people."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known around the patient."""

    pain_since: float | None
    """Frame clock seconds since which pain is above this patient's threshold; None: it is not, or is not known."""
    attended: bool
    """Whether somebody acknowledged this pain, or is with the patient."""
    signs: Signs
    news2: News2
    view_good: bool
    """Whether the face is seen well enough to be scored, now."""
    storage_healthy: bool
    """Whether what is kept now will be there after a loss of power."""


def of_order(profile: Profile, moment: Moment, elapsed: float) -> Iterator[Veto]:
    """What the order and the ledger forbid.

    Args:
        profile: Of the assigned patient.
        moment: Now.
        elapsed: Now, by the ledger's clock, seconds.
    """
    order = profile.prescription
    if order is None:
        yield Veto(VetoReason.NO_ORDER, "There is no order for this patient.")
        return
    # The second clock ends an order also when the wall clock was set back.
    if moment.utc >= order.until_utc or elapsed - order.set_elapsed >= order.until_utc - order.set_utc:
        yield Veto(VetoReason.ORDER_EXPIRED, "The order has ended: somebody must look and order anew.")
    if moment.utc < order.set_utc - STEP_S:
        yield Veto(VetoReason.CLOCK_STEPPED, "The clock stands before the time of the order: see to the clock.")
    if any(dose.state == "asked" for dose in profile.ledger):
        yield Veto(VetoReason.ANSWER_PENDING, "The gateway has not yet answered the request before.")
    # Counted from the order too: what was given shortly before it may be missing from the ledger of a new stay.
    last = max((dose.elapsed for dose in profile.ledger), default=order.set_elapsed)
    wait = max(last, order.set_elapsed) + order.lockout_s - elapsed
    if wait > 0:
        yield Veto(VetoReason.LOCKOUT, f"The lockout ends in {wait / ledger.COUNTED / 60:.1f} min.")
    for reason, window, limit in (
        (VetoReason.LIMIT_1H, ledger.HOUR_S, order.limit_1h_mg),
        (VetoReason.LIMIT_4H, ledger.FOUR_HOURS_S, order.limit_4h_mg),
    ):
        spent = ledger.spent(profile, order.drug, elapsed, window)
        if spent + order.bolus_mg > limit + _ROUNDING_MG:
            hours = f"{window / 3600:.0f} h"
            yield Veto(reason, f"{spent:g} mg counted in {hours}; one more of {order.bolus_mg:g} is over {limit:g} mg.")
    if _other_drug(profile, order, elapsed):
        yield Veto(VetoReason.OTHER_DRUG, f"Another drug than {order.drug} was given: consider it and order anew.")
    if len(profile.ledger) >= ledger.MOST_DOSES:
        yield Veto(VetoReason.LEDGER_FULL, "The ledger holds too many doses: check what sends them.")


def of_patient(situation: Situation, settings: Interlock) -> Iterator[Veto]:
    """What the patient's vital signs forbid."""
    signs = situation.signs
    for sign, name, limit, unknown in (
        ("respiratory_rate", "respiratory rate", settings.vitals_s, VetoReason.RESPIRATORY_RATE_UNKNOWN),
        ("spo2", "SpO2", settings.vitals_s, VetoReason.SPO2_UNKNOWN),
        ("sedation", "sedation score", settings.sedation_s, VetoReason.SEDATION_UNKNOWN),
    ):
        age = signs.age_s.get(sign)
        if age is None:
            yield Veto(unknown, f"No {name} is known.")
        elif age > limit or getattr(signs, sign) is None:
            yield Veto(VetoReason.VITALS_STALE, f"The last {name} is {age / 60:.0f} min old.")
    # A value that is too old still forbids.
    if signs.respiratory_rate is not None and signs.respiratory_rate < settings.min_respiratory_rate:
        yield Veto(VetoReason.RESPIRATORY_RATE_LOW, f"Respiratory rate {signs.respiratory_rate:g} /min.")
    if signs.spo2 is not None and signs.spo2 < settings.min_spo2:
        yield Veto(VetoReason.SPO2_LOW, f"SpO2 {signs.spo2:g} %.")
    if signs.sedation in _OVERSEDATED:
        yield Veto(VetoReason.SEDATED, f"Sedation POSS {signs.sedation.value}.")
    if situation.news2.red:
        red = ", ".join(name for name, points in situation.news2.parameters.items() if points == 3)
        yield Veto(VetoReason.NEWS2_RED, f"NEWS2 has 3 points for {red.replace('_', ' ')}.")


def of_device(wall: WallClock, situation: Situation, moment: Moment) -> Iterator[Veto]:
    """What staff's presence and the device's own state forbid."""
    if situation.attended:
        yield Veto(VetoReason.ATTENDED, "Somebody is with the patient or sees to the pain.")
    if not situation.view_good:
        yield Veto(VetoReason.POOR_VIEW, "The face is not seen well enough.")
    if not situation.storage_healthy:
        yield Veto(VetoReason.STORAGE, "What is given cannot be kept safely on this device.")
    doubted = doubted_s(wall, moment)
    if doubted is None:
        yield Veto(VetoReason.CLOCK_UNSYNCHRONISED, "The device's clock is not synchronised.")
    elif doubted > 0:
        detail = f"The clock was set, or the device started, a short time ago: {doubted / 60:.1f} min to wait."
        yield Veto(VetoReason.CLOCK_STEPPED, detail)


def _other_drug(profile: Profile, order: Prescription, elapsed: float) -> bool:
    """Whether a drug of another name may add to this one.

    What staff gave before the order was known to whoever ordered. What was requested under another name always counts:
    a change of the name must not open the limits anew.
    """
    return any(
        not ledger.same_drug(dose.drug, order.drug)
        and elapsed - dose.elapsed < ledger.FOUR_HOURS_S
        and (dose.bolus_id is not None or dose.elapsed >= order.set_elapsed)
        for dose in profile.ledger
    )
