"""The assigned patient as the policy holds them: taken over, changed, and let go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from npng_edge.policy.analgesia import interlock
from npng_edge.policy.happening.happenings import HappeningState
from npng_edge.policy.rating import sensitivity, threshold
from npng_edge.policy.state import Patient
from npng_edge.policy.vital import news2, vital_signs

if TYPE_CHECKING:
    from npng_edge.policy.state import State
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.settings import Policy
    from npng_edge.units import Moment

ESTIMATE_S = 3600.0
"""Ratings count less as they age: so often the estimate is made anew, seconds."""


def take_over(state: State, profile: Profile, moment: Moment, settings: Policy) -> State:
    """Begin to watch a patient: assigned just now, kept from before a restart, or come from another bed."""
    run = state.alarms.run
    estimate = sensitivity.estimate(profile.ratings, settings.sensitivity, moment.utc)
    limits = threshold.effective(profile, estimate, settings, moment.utc)
    watched = HappeningState(run, state.episodes)
    patient = Patient(profile, moment.time, estimate, moment.utc, limits, interlock.State(run), watched)
    return replace(state, patient=look_at_vitals(patient, moment, settings))


def with_profile(patient: Patient, profile: Profile, moment: Moment, settings: Policy) -> Patient:
    """The patient after the profile changed, or time passed: estimate and threshold follow."""
    estimate, made = patient.estimate, patient.estimated_utc
    if profile.ratings is not patient.profile.ratings or abs(moment.utc - made) > ESTIMATE_S:
        estimate, made = sensitivity.estimate(profile.ratings, settings.sensitivity, moment.utc), moment.utc
    limits = threshold.effective(profile, estimate, settings, moment.utc)
    return replace(patient, profile=profile, estimate=estimate, estimated_utc=made, threshold=limits)


def look_at_vitals(patient: Patient, moment: Moment, settings: Policy) -> Patient:
    """The patient with the vital signs and NEWS2 as they are at this moment."""
    signs = vital_signs.current(patient.vitals, moment, settings.vitals)
    found = news2.score(signs, patient.profile.spo2_scale) if settings.vitals.news2 else None
    return replace(patient, signs=signs, news2=found)
