"""The reducer: (state, what happened, when, settings) -> (state, decisions). Nothing here knows a camera or a broker.

The same list of events gives the same decisions, in the daemon, in an analysis and in a replay.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from npng_edge.policy import asked
from npng_edge.policy.alarm import alarms
from npng_edge.policy.alarm.alarms import Finding
from npng_edge.policy.alarm.conditions import PAINS
from npng_edge.policy.analgesia import interlock
from npng_edge.policy.analgesia.vetoes import Situation
from npng_edge.policy.decisions import Decisions, Outcome
from npng_edge.policy.events import Arrived, Asked, Event, Fault, Left, Measured, Seen
from npng_edge.policy.face import baseline, scoring, view
from npng_edge.policy.happening import happenings, ring
from npng_edge.policy.patient import look_at_vitals, take_over, with_profile
from npng_edge.policy.rating import ratings, sensitivity, threshold
from npng_edge.policy.state import MOST_LEFT, Face, State, begin
from npng_edge.policy.stays import life_cycle, summary
from npng_edge.policy.vital import autonomic, fusion, news2, vital_signs
from npng_edge.requests import Refusal
from npng_edge.units import Activation, Assessment, BaselineOrigin, Change, Presence, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from npng_edge.policy.alarm.alarm_state import AlarmState
    from npng_edge.policy.happening.episode import Episode, Sample
    from npng_edge.policy.state import Patient
    from npng_edge.requests import Request
    from npng_edge.settings import Policy
    from npng_edge.units import Alarm, Estimate, Moment, Reading, Transition

__all__ = ["State", "begin", "step"]

SLOW_S = 1.0
"""What changes slowly is looked at so often."""
KEPT_S = 300.0
"""The hour under way is kept so often: no more is lost with the power."""
ATTENDED_S = 60.0
"""Somebody who was in view so lately is with the patient. Our choice."""
FAULTS = (
    "camera",
    "slow",
    "clock",
    "storage",
    "broker",
    "station-not-listening",
    "recording",
    "local-alarm",
    "temperature",
)
"""Conditions that follow what their stage last said, readings or not. `model` is judged by readings too."""


def step(state: State, event: Event, moment: Moment, settings: Policy) -> tuple[State, Decisions]:
    """Take one event.

    Args:
        state: As it was; `begin` gives the first.
        event: What happened.
        moment: When; its frame clock must not go back.
        settings: Of the policy; may change between events.
    """
    if isinstance(event, Seen):
        return _seen(state, event.reading, moment, settings)
    if isinstance(event, Measured):
        return _measured(state, event, moment, settings)
    if isinstance(event, Asked):
        return _asked(state, event, moment, settings)
    if isinstance(event, Arrived | Left):
        return _before_this_run(state, event, moment, settings)
    if isinstance(event, Fault):
        return _fault(state, event, moment, settings)
    return _tick(state, moment, settings)


def _before_this_run(state: State, event: Arrived | Left, moment: Moment, settings: Policy) -> tuple[State, Decisions]:
    if isinstance(event, Left):
        return replace(state, left=(*reversed(event.profiles), *state.left)[-MOST_LEFT:]), Decisions()
    levels, transitions = alarms.restore(state.alarms, event.latched, moment.time)
    state = take_over(replace(state, alarms=levels), event.profile, moment, settings)
    return state, Decisions(transitions=transitions, keep=True)


def _seen(state: State, reading: Reading, moment: Moment, settings: Policy) -> tuple[State, Decisions]:
    now, patient = moment.time, state.patient
    failed = Reason.MODEL_FAILED in reading.reasons
    model = Finding("model", True, "The model failed on the picture.") if failed else _of_fault(state, "model")
    if patient is None:
        levels, transitions = alarms.judge(state.alarms, (model,), now, settings)
        made = _unassigned(reading, settings)
        return replace(state, alarms=levels, assessment=made, last_reading=now), Decisions(made, transitions)

    in_pain = any(alarm.presence is not Presence.LATCHED for alarm in _pains(state))
    scored = scoring.score(patient, reading, moment, settings, in_pain=in_pain)
    findings = (*scored.findings, *view.findings(reading, state.alarms.alarms), model)
    levels, transitions = alarms.judge(state.alarms, findings, now, settings)
    made = scored.assessment
    if made.pain is not ("pain" in levels.alarms):
        made = replace(made, pain="pain" in levels.alarms)
    signs = patient.signs
    sample = ring.sample(
        reading, made, heart_rate=signs.heart_rate, respiratory_rate=signs.respiratory_rate, spo2=signs.spo2
    )
    watched, episodes = _happen(levels, patient, sample, moment, settings)
    hours, hour = summary.step(patient.summary, made, moment)
    outcomes: tuple[Outcome, ...] = ()
    waiting = patient.capture
    if scored.capture is not None and waiting is not None:
        outcomes, waiting = (_captured(waiting, scored.capture),), None
    after = replace(
        patient,
        profile=scored.profile,
        face=scored.face,
        capture=waiting,
        happenings=watched,
        summary=_note_alarms(hours, transitions, moment),
        attended=now if reading.people > 1 else patient.attended,
    )
    state = replace(state, alarms=levels, patient=after, assessment=made, last_reading=now)
    keep = scored.profile is not patient.profile
    decisions = Decisions(made, transitions, outcomes, episodes, () if hour is None else (hour,), keep=keep)
    return _fuse(state, decisions, moment) if transitions else (state, decisions)


def _measured(state: State, event: Measured, moment: Moment, settings: Policy) -> tuple[State, Decisions]:
    patient = state.patient
    if patient is None:
        return state, Decisions(refused=life_cycle.no_patient())
    taken = vital_signs.take(patient.vitals, event.vitals, moment, settings.vitals)
    if isinstance(taken, Refusal):
        return state, Decisions(refused=taken)
    patient = look_at_vitals(replace(patient, vitals=taken), moment, settings)
    seen = state.assessment
    fresh = seen is not None and moment.time - seen.time <= fusion.FRESH_S
    level = seen.level if seen is not None and fresh else None
    learnt = autonomic.learn(patient.autonomic, patient.signs, moment, level)
    total = None if patient.news2 is None else patient.news2.total
    noted = patient.summary if total is None else summary.note(patient.summary, moment, news2=total)
    levels, transitions = alarms.judge(state.alarms, _of_vitals(patient, settings), moment.time, settings)
    state = replace(state, alarms=levels, patient=replace(patient, autonomic=learnt, summary=noted))
    return _fuse(state, Decisions(transitions=transitions), moment)


def _asked(state: State, event: Asked, moment: Moment, settings: Policy) -> tuple[State, Decisions]:
    done = asked.carry_out(state, event.request, moment, settings)
    if isinstance(done, Refusal):
        return state, Decisions(outcomes=(Outcome(event.name, event.request, "refused", done),))
    outcome = Outcome(event.name, event.request, done.outcome, None, done.detail)
    decisions = Decisions(
        transitions=done.transitions,
        outcomes=(*done.outcomes, outcome),
        episodes=done.episodes,
        hours=done.hours,
        keep=done.keep,
        ended=done.ended,
    )
    return _fuse(done.state, decisions, moment) if done.state.patient else (done.state, decisions)


def _fault(state: State, event: Fault, moment: Moment, settings: Policy) -> tuple[State, Decisions]:
    faults = {name: text for name, text in state.faults.items() if name != event.condition}
    if event.cause is not None:
        faults[event.condition] = event.cause
    elif event.condition == "camera":
        state = replace(state, last_reading=moment.time)
    state = replace(state, faults=MappingProxyType(faults))
    levels, transitions = alarms.judge(state.alarms, (_of_fault(state, event.condition),), moment.time, settings)
    return replace(state, alarms=levels), Decisions(transitions=transitions)


def _tick(state: State, moment: Moment, settings: Policy) -> tuple[State, Decisions]:
    """Faults that persist or are gone, readings that stopped, ends of what was timed."""
    now = moment.time
    if state.patient is not None and now >= state.slow_due:
        return _look_slowly(replace(state, slow_due=now + SLOW_S), state.patient, moment, settings)
    levels, transitions = alarms.judge(state.alarms, _of_device(state, now, settings), now, settings)
    return (state if levels is state.alarms else replace(state, alarms=levels)), Decisions(transitions=transitions)


def _look_slowly(state: State, patient: Patient, moment: Moment, settings: Policy) -> tuple[State, Decisions]:
    """What a patient needs about once a second, whether or not the face is seen."""
    face, profile, hours, waiting = patient.face, patient.profile, patient.summary, patient.capture
    outcomes: list[Outcome] = []
    learning, _, capture = baseline.on_units(
        face.baseline, profile.baseline, None, moment, settings.baseline, quiet=False, asymmetry=None
    )
    if capture is not None and waiting is not None:
        outcomes.append(_captured(waiting, capture))
        waiting = None
    window, paired = ratings.due(face.ratings, moment, settings.sensitivity)
    for one in paired:
        if isinstance(one.result, Refusal):
            outcomes.append(Outcome("rate", one.request, "refused", one.result))
            continue
        profile = sensitivity.remember(profile, one.result)
        hours = summary.note(hours, moment, rating=one.result)
        outcomes.append(Outcome("rate", one.request, "done", None, f"PSPI {one.result.pspi:.1f} goes with it."))
    patient = look_at_vitals(patient, moment, settings)
    levels, transitions = alarms.judge(
        state.alarms,
        (*_of_device(state, moment.time, settings), *_of_vitals(patient, settings)),
        moment.time,
        settings,
    )
    state = replace(state, alarms=levels)
    watched, episodes = _happen(levels, patient, None, moment, settings)
    clock, counted, bolus, vetoes = interlock.consider(
        patient.interlock, profile, _situation(state, patient, moment), moment, settings.interlock
    )
    for dose in counted.ledger if counted.ledger is not profile.ledger else ():
        if dose.state == "unanswered" and dose not in profile.ledger:
            hours = summary.note(hours, moment, dose=dose)
    hours, hour = summary.step(_note_alarms(hours, transitions, moment), None, moment)
    kept = patient.kept
    if hour is None and moment.time - kept >= KEPT_S:
        hour, kept = summary.snapshot(hours), moment.time
    due = state.fusion is None or moment.time - state.fusion.time >= settings.vitals.fusion_s
    vas = _estimated(window, patient, moment, settings) if due else patient.vas
    after = replace(
        with_profile(patient, counted, moment, settings),
        face=Face(learning, face.look_alike, face.pain, window),
        capture=waiting,
        happenings=watched,
        summary=hours,
        interlock=clock,
        vas=vas,
        vetoes=vetoes,
        kept=kept,
    )
    decisions = Decisions(
        transitions=transitions,
        outcomes=tuple(outcomes),
        episodes=episodes,
        hours=() if hour is None else (hour,),
        bolus=bolus,
        keep=counted is not patient.profile,
    )
    state = replace(state, patient=after)
    return _fuse(state, decisions, moment) if due or transitions or bolus else (state, decisions)


def _estimated(window: ratings.Ratings, patient: Patient, moment: Moment, settings: Policy) -> Estimate | None:
    """The rating that the face of the last minute stands for."""
    shown = ratings.shown(window, moment.time, settings.sensitivity) if patient.estimate.pairs else None
    return None if shown is None else sensitivity.vas(shown, patient.estimate)


def _of_device(state: State, now: float, settings: Policy) -> Iterable[Finding]:
    """What the device's own stages say, for the conditions that are or were present."""
    for name in FAULTS:
        if name in state.faults or name in state.alarms.sustained:
            yield _of_fault(state, name)
    stall = settings.technical.model_stall_s
    if "model" in state.faults:
        yield _of_fault(state, "model")
    elif "camera" not in state.faults and state.last_reading is not None and now - state.last_reading > stall:
        yield Finding("model", True, f"Pictures arrive and no reading has been made for {stall:.0f} s.")


def _of_fault(state: State, condition: str) -> Finding:
    cause = state.faults.get(condition)
    return Finding(condition, cause is not None, cause or "")


def _unassigned(reading: Reading, settings: Policy) -> Assessment:
    return Assessment(
        time=reading.time,
        pspi=None,
        pspi_error=None,
        pspi_above_baseline=None,
        reasons=(Reason.NO_PATIENT,),
        baseline=BaselineOrigin.NONE,
        look_alike=None,
        pain=False,
        threshold=threshold.configured(settings),
        level=None,
        trend=None,
        confidence=None,
        since=None,
        minutes_above=0.0,
        vas=None,
        asymmetry=None,
    )


def _captured(request: Request, result: baseline.CaptureResult) -> Outcome:
    return Outcome("baseline", request, "refused" if result.refusal else "done", result.refusal)


def _happen(
    levels: AlarmState, patient: Patient, sample: Sample | None, moment: Moment, settings: Policy
) -> tuple[happenings.HappeningState, tuple[Episode, ...]]:
    alarm = levels.alarms.get("pain")
    since = None if alarm is None else alarm.since
    return happenings.step(patient.happenings, sample, moment, settings.episodes, pain_since=since)


def _note_alarms(hours: summary.HourState, transitions: Iterable[Transition], moment: Moment) -> summary.HourState:
    for made in transitions:
        if made.change is Change.RAISED:
            hours = summary.note(hours, moment, alarm=made.alarm.condition)
    return hours


def _pains(state: State) -> list[Alarm]:
    return [state.alarms.alarms[name] for name in PAINS if name in state.alarms.alarms]


def _of_vitals(patient: Patient, settings: Policy) -> Iterable[Finding]:
    """What the vital signs say."""
    stale, why = vital_signs.stale_evidence(patient.signs, settings.vitals)
    yield Finding("vitals-stale", stale, why)
    if patient.news2 is not None:
        evidence, priority, cause = news2.evidence(patient.news2, settings.vitals)
        yield Finding("vitals", evidence, cause, priority)


def _situation(state: State, patient: Patient, moment: Moment) -> Situation:
    alarms_of_pain = _pains(state)
    # A latched one only waits to be seen: the pain is over.
    present = [alarm for alarm in alarms_of_pain if alarm.presence is not Presence.LATCHED]
    here = patient.attended is not None and moment.time - patient.attended < ATTENDED_S
    seen = state.assessment
    return Situation(
        pain_since=min((alarm.since for alarm in present), default=None),
        attended=here
        or any(
            alarm.presence is Presence.ACKNOWLEDGED or alarm.activation is Activation.PAUSED for alarm in alarms_of_pain
        ),
        signs=patient.signs,
        news2=news2.score(patient.signs, patient.profile.spo2_scale) if patient.news2 is None else patient.news2,
        view_good=seen is not None and seen.pspi is not None and moment.time - seen.time < fusion.FRESH_S,
        storage_healthy="storage" not in state.faults,
    )


def _fuse(state: State, decisions: Decisions, moment: Moment) -> tuple[State, Decisions]:
    patient = state.patient
    if patient is None:
        return state, decisions
    made = fusion.fuse(
        state.assessment,
        autonomic.support(patient.autonomic, patient.signs, moment),
        patient.news2,
        alarms=[alarm.priority for alarm in state.alarms.alarms.values()],
        unattended_s=state.alarms.waiting_s(moment.time),
        moment=moment,
    )
    return replace(state, fusion=made), replace(decisions, fusion=made)
