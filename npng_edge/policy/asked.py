"""What staff and gateways may ask, and what each request does. A request that is refused changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from npng_edge import requests as asks
from npng_edge.policy.alarm import silences
from npng_edge.policy.alarm.alarms import end
from npng_edge.policy.alarm.conditions import OF_PATIENT
from npng_edge.policy.analgesia import interlock
from npng_edge.policy.decisions import Ended, Outcome
from npng_edge.policy.face import baseline as baselines
from npng_edge.policy.happening import happenings
from npng_edge.policy.patient import take_over, with_profile
from npng_edge.policy.rating import ratings, threshold
from npng_edge.policy.state import MOST_LEFT
from npng_edge.policy.stays import life_cycle, summary
from npng_edge.requests import Refusal, RefusalReason

if TYPE_CHECKING:
    from npng_edge.policy.alarm.alarm_state import AlarmState
    from npng_edge.policy.happening.episode import Episode
    from npng_edge.policy.state import Patient, State
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.policy.stays.summary import HourSummary
    from npng_edge.requests import Request
    from npng_edge.settings import Policy
    from npng_edge.units import Moment, Transition


@dataclass(frozen=True, slots=True)
class Done:
    """What a request did."""

    state: State
    outcome: Literal["started", "done"] = "done"
    detail: str = ""
    """One sentence for people; may be empty."""
    keep: bool = False
    """Whether the profile changed."""
    transitions: tuple[Transition, ...] = ()
    episodes: tuple[Episode, ...] = ()
    hours: tuple[HourSummary, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    """Of requests that were under way and cannot end any more."""
    ended: Ended | None = None


def carry_out(state: State, request: Request, moment: Moment, settings: Policy) -> Done | Refusal:  # noqa: C901, PLR0911, PLR0912 - one line per request
    """Do what is asked, or say why not.

    `Export` that is no transfer, `Import` and `FetchEpisode` need what is kept on the device, and are not for here.
    """
    match request:
        case asks.Assign():
            return _assign(state, request, moment, settings)
        case asks.Acknowledge():
            return _silenced(state, silences.acknowledge(state.alarms, request, moment.time, settings))
        case asks.Pause():
            return _silenced(state, silences.pause(state.alarms, request, moment.time, settings))
        case asks.Resume():
            return _silenced(state, silences.resume(state.alarms, request, moment.time, settings))
        case asks.Discharge() | asks.Export():
            return life_cycle.named(state.profile, request) or leave(state, moment, settings)
    if state.patient is None:
        return life_cycle.no_patient()
    patient = state.patient
    profile = patient.profile
    match request:
        case asks.Baseline():
            return _baseline(state, patient, request, moment)
        case asks.Rate():
            return _rate(state, patient, request, moment, settings)
        case asks.Analgesic():
            return _given(state, patient, request, moment, settings)
        case asks.BolusAnswer():
            return _answered(state, patient, request, moment, settings)
        case asks.Update():
            return _changed(state, life_cycle.update(profile, request), moment, settings)
        case asks.SetThreshold():
            return _changed(state, threshold.set_vas(profile, request), moment, settings)
        case asks.Override():
            return _changed(state, threshold.override(profile, request, moment), moment, settings)
        case asks.Order():
            new = interlock.prescribe(patient.interlock, profile, request, moment, settings.interlock)
            return _changed(state, new, moment, settings)
        case asks.StopOrder():
            return _changed(state, interlock.stop(profile, request), moment, settings)
    return Refusal(RefusalReason.UNKNOWN_REQUEST, "This device does not do that.")


def leave(state: State, moment: Moment, settings: Policy) -> Done:
    """The patient goes: alarms about them end, what is open is closed, and nothing is scored any more."""
    patient = state.patient
    if patient is None:
        return Done(state)
    alarms, transitions = end(state.alarms, OF_PATIENT, moment.time, "The patient is not assigned any more.")
    watched, episodes = happenings.forget(patient.happenings, moment, settings.episodes)
    hour = summary.snapshot(patient.summary)
    waiting = [one.request for one in patient.face.ratings.pending]
    outcomes = [Outcome("rate", request, "refused", life_cycle.no_patient()) for request in waiting]
    if patient.capture is not None:
        outcomes.append(Outcome("baseline", patient.capture, "refused", life_cycle.no_patient()))
    return Done(
        replace(
            state,
            alarms=alarms,
            patient=None,
            episodes=watched.number,
            left=(*state.left, patient.profile)[-MOST_LEFT:],
        ),
        detail="The stay is closed.",
        keep=True,
        transitions=transitions,
        episodes=episodes,
        hours=() if hour is None else (hour,),
        outcomes=tuple(outcomes),
        ended=Ended(patient.profile.stay, moment.utc),
    )


def _assign(state: State, request: asks.Assign, moment: Moment, settings: Policy) -> Done | Refusal:
    stay = f"{state.alarms.run}-s{state.stays + 1}"
    profile = life_cycle.assign(state.profile, request, moment, stay)
    if isinstance(profile, Refusal):
        return profile
    before = next((left for left in reversed(state.left) if left.patient == profile.patient), None)
    if before is not None:
        # The same person again: what was given counts on.
        profile = replace(profile, ledger=before.ledger, ledger_elapsed=before.ledger_elapsed)
    state = take_over(replace(state, stays=state.stays + 1), profile, moment, settings)
    return Done(state, detail=f"Stay {stay} begins.", keep=True)


def _changed(state: State, profile: Profile | Refusal, moment: Moment, settings: Policy) -> Done | Refusal:
    if isinstance(profile, Refusal) or state.patient is None:
        return profile if isinstance(profile, Refusal) else life_cycle.no_patient()
    return Done(replace(state, patient=with_profile(state.patient, profile, moment, settings)), keep=True)


def _silenced(state: State, made: tuple[AlarmState, tuple[Transition, ...]] | Refusal) -> Done | Refusal:
    if isinstance(made, Refusal):
        return made
    alarms, transitions = made
    return Done(replace(state, alarms=alarms), transitions=transitions)


def _baseline(state: State, patient: Patient, request: asks.Baseline, moment: Moment) -> Done | Refusal:
    if request.action is asks.BaselineAction.FORGET:
        outcomes: tuple[Outcome, ...] = ()
        if patient.capture is not None:
            refusal = Refusal(RefusalReason.NOT_ALLOWED, "The baseline was to be forgotten meanwhile.")
            outcomes = (Outcome("baseline", patient.capture, "refused", refusal),)
        profile = replace(patient.profile, baseline=None)
        patient = replace(
            patient, profile=profile, face=replace(patient.face, baseline=baselines.BaselineState()), capture=None
        )
        return Done(replace(state, patient=patient), keep=True, outcomes=outcomes)
    if patient.capture is not None:
        return Refusal(RefusalReason.BUSY, "A capture is under way: wait for it to end.")
    learning = baselines.begin_capture(patient.face.baseline, moment.time)
    patient = replace(patient, face=replace(patient.face, baseline=learning), capture=request)
    return Done(replace(state, patient=patient), "started", "Keep the face at rest and in view.")


def _rate(state: State, patient: Patient, request: asks.Rate, moment: Moment, settings: Policy) -> Done | Refusal:
    made = ratings.rate(patient.face.ratings, request, moment, settings.sensitivity)
    if isinstance(made, Refusal):
        return made
    waiting = f"The face is watched for {settings.sensitivity.window_s:.0f} s around the rating."
    patient = replace(patient, face=replace(patient.face, ratings=made[0]))
    return Done(replace(state, patient=patient), "started", waiting)


def _given(state: State, patient: Patient, request: asks.Analgesic, moment: Moment, settings: Policy) -> Done | Refusal:
    profile = _stored(state) or interlock.given(patient.interlock, patient.profile, request, moment)
    if isinstance(profile, Refusal):
        return profile
    if profile is patient.profile:
        return Done(state, detail="It was entered before.")
    at = request.at.timestamp()
    watched = happenings.dose(patient.happenings, moment, at, request.drug, request.dose_mg)
    patient = with_profile(replace(patient, happenings=watched), profile, moment, settings)
    dose = next(one for one in reversed(profile.ledger) if one.state == "given" and one.utc == at)
    return Done(
        replace(state, patient=replace(patient, summary=summary.note(patient.summary, moment, dose=dose))), keep=True
    )


def _answered(
    state: State, patient: Patient, request: asks.BolusAnswer, moment: Moment, settings: Policy
) -> Done | Refusal:
    made = _stored(state) or interlock.answer(patient.interlock, patient.profile, request, moment)
    if isinstance(made, Refusal):
        return made
    patient = with_profile(patient, made.profile, moment, settings)
    if made.dose.state == "delivered":
        watched = happenings.dose(patient.happenings, moment, moment.utc, made.dose.drug, request.delivered_mg)
        noted = summary.note(patient.summary, moment, dose=made.dose)
        patient = replace(patient, happenings=watched, summary=noted)
    detail = ""
    if made.excess_mg > 0:
        detail = f"{made.excess_mg:g} mg more than counted were delivered: somebody must look at the pump."
    elif made.late:
        detail = "The answer came late, and can only raise what counts."
    return Done(replace(state, patient=patient), detail=detail, keep=True)


def _stored(state: State) -> Refusal | None:
    """A dose must be on the disk before it is said to be entered."""
    if "storage" not in state.faults:
        return None
    return Refusal(RefusalReason.STORAGE, "It cannot be stored safely now: see to the disk, then enter it again.")
