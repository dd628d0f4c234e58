"""Requests for a bolus of an analgesic. Off by default; nothing here drives a pump.

When pain goes on and nobody has come, the pump's gateway is asked for one bolus, within an order that a person made for
this patient. A request counts as given in full from the moment it is made; only the gateway's answer, in time, can make
it less. `vetoes` says what forbids a request; `ledger` says why a limit holds through restarts and set clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from npng_edge.policy.analgesia import doses, ledger, vetoes, wall_clock
from npng_edge.policy.stays.life_cycle import named
from npng_edge.policy.stays.profile import Dose, Prescription
from npng_edge.requests import LONGEST_ORDER, Refusal, RefusalReason

if TYPE_CHECKING:
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.requests import Analgesic, BolusAnswer, Order, StopOrder
    from npng_edge.settings import Interlock
    from npng_edge.units import Moment


@dataclass(frozen=True, slots=True)
class BolusRequest:
    """What the pump's gateway is asked for, once the profile that counts it is kept."""

    id: str
    """Unique for ever."""
    drug: str
    mg: float
    asked_utc: float
    expires_utc: float
    """A gateway must refuse it afterwards."""
    reason: str
    """One sentence for people."""


@dataclass(frozen=True, slots=True)
class State:
    """What the interlock remembers of this run. Begin with a new one whenever a patient is assigned or imported."""

    run: str
    """Names this run of the software, unique for ever."""
    clock: ledger.Clock | None = None
    wall: wall_clock.WallClock = field(default_factory=wall_clock.WallClock)


def prescribe(state: State, profile: Profile, request: Order, moment: Moment, settings: Interlock) -> Profile | Refusal:
    """Take an order, in place of the one before; what was given before counts against its limits too."""
    if not settings.enabled:
        return Refusal(RefusalReason.DISABLED, "Bolus requests are switched off in the configuration of this device.")
    if refusal := named(profile, request):
        return refusal
    if moment.synchronised is not True:
        detail = "The device's clock is not synchronised, so the end of an order cannot be kept: see to the clock."
        return Refusal(RefusalReason.NOT_ALLOWED, detail)
    ahead = request.until.timestamp() - moment.utc
    if not 0 < ahead <= LONGEST_ORDER.total_seconds():
        detail = f"An order must end in the future, and at the most {LONGEST_ORDER.days} days ahead."
        return Refusal(RefusalReason.OUT_OF_TIME, detail)
    elapsed = ledger.read(state.clock, profile, moment.time)
    order = Prescription(
        drug=request.drug,
        bolus_mg=request.bolus_mg,
        lockout_s=request.lockout_s,
        limit_1h_mg=request.limit_1h_mg,
        limit_4h_mg=request.limit_4h_mg,
        until_utc=request.until.timestamp(),
        who=request.who,
        why=request.why,
        set_utc=moment.utc,
        set_elapsed=elapsed,
    )
    return ledger.keep(replace(profile, prescription=order), profile.ledger, elapsed)


def stop(profile: Profile, request: StopOrder) -> Profile | Refusal:
    """End the order; the ledger stays. Done also when there is no order."""
    return named(profile, request) or replace(profile, prescription=None)


def moved(profile: Profile) -> Profile:
    """An imported profile as it may go on here: without the order.

    A bundle may be an old copy, or be opened at two beds, and then lacks what was given since: a person orders anew.
    """
    return replace(profile, prescription=None)


def given(state: State, profile: Profile, request: Analgesic, moment: Moment) -> Profile | Refusal:
    """Enter a dose that staff gave, whether or not bolus requests are enabled; see `doses.given`."""
    return doses.given(state.clock, profile, request, moment)


def answer(state: State, profile: Profile, request: BolusAnswer, moment: Moment) -> doses.Answered | Refusal:
    """Take the gateway's word on a bolus; see `doses.answer`."""
    return doses.answer(state.clock, profile, request, moment)


def consider(
    state: State, profile: Profile, situation: vetoes.Situation, moment: Moment, settings: Interlock
) -> tuple[State, Profile, BolusRequest | None, tuple[vetoes.Veto, ...]]:
    """Take one look: let the ledger's clock run on, and request a bolus if one is due and nothing forbids it.

    Call it at every tick while a patient is assigned, also while requests are not enabled.

    Returns:
        The new state and profile; a request, to be published only after this profile is kept; and, when pain has gone
        on for so long that a request is due, everything that forbids it.
    """
    clock, profile = ledger.follow(state.clock, profile, moment.time)
    wall = wall_clock.watch(state.wall, moment)
    if clock is not state.clock or wall is not state.wall:
        state = State(state.run, clock, wall)
    since = situation.pain_since
    if not settings.enabled or since is None or moment.time - since < settings.sustained_s:
        return state, profile, None, ()
    elapsed = ledger.read(clock, profile, moment.time)
    found = (
        *vetoes.of_order(profile, moment, elapsed),
        *vetoes.of_patient(situation, settings),
        *vetoes.of_device(wall, situation, moment),
    )
    order = profile.prescription
    if order is None or found:
        return state, profile, None, found
    minutes = (moment.time - since) / 60
    request = BolusRequest(
        id=f"{state.run}-b{round(moment.time * 1000)}",
        drug=order.drug,
        mg=order.bolus_mg,
        asked_utc=moment.utc,
        expires_utc=min(moment.utc + settings.answer_s, order.until_utc),
        reason=f"Pain above this patient's threshold for {minutes:.0f} min, and nobody has come.",
    )
    dose = Dose(
        utc=moment.utc,
        elapsed=elapsed + settings.answer_s,
        drug=request.drug,
        mg=request.mg,
        state="asked",
        bolus_id=request.id,
    )
    profile = ledger.keep(profile, (*profile.ledger, dose), elapsed)
    return State(state.run, ledger.Clock(moment.time, elapsed), wall), profile, request, ()
