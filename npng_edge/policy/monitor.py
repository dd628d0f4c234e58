"""The reducer: (state, what happened, settings) -> (state, decisions). Nothing here knows a camera or a broker.

An alarm lives from the moment its condition has been present for the on-delay until it has been absent for the
off-delay. Unknown is neither: while the face cannot be seen, a present `pain` stays present and `no-face` joins it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from npng_edge.policy import baseline as baselines
from npng_edge.policy.baseline import BaselineState, CaptureResult
from npng_edge.policy.conditions import CONDITIONS
from npng_edge.policy.look_alike import is_certain, look_alike
from npng_edge.policy.pspi import pspi
from npng_edge.policy.sustained import Sustained, step
from npng_edge.units import Alarm, Assessment, BaselineOrigin, Phase, Presence, Reason, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from npng_edge.settings import Pain, Policy
    from npng_edge.units import Reading

JUDGED_BY_READING = ("pain", "no-face", "model")
"""Conditions that a reading ends; the others follow what their stage last said, whether or not readings come."""


@dataclass(frozen=True, slots=True)
class State:
    """All that the policy remembers."""

    baseline: BaselineState = field(default_factory=BaselineState)
    sustained: Mapping[str, Sustained] = field(default_factory=dict)
    """Per condition of the table, once there was evidence for or against it."""
    alarms: Mapping[str, Alarm] = field(default_factory=dict)
    """The present alarms, by condition."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Faults other stages reported and have not taken back: condition -> cause."""
    number: int = 0
    """Alarms raised so far."""
    last_reading: float | None = None
    """When the newest reading was made, or the camera began to deliver pictures."""


class Finding(NamedTuple):
    """What one event says about one condition."""

    condition: str
    evidence: bool | None
    cause: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """What follows from one event."""

    transitions: tuple[Transition, ...] = ()
    capture: CaptureResult | None = None


def on_reading(state: State, reading: Reading, settings: Policy) -> tuple[State, Assessment, Decisions]:
    """Score one reading against this patient's baseline and judge `pain`, `no-face` and `model`."""
    units, now = reading.action_units, reading.time
    learning, capture = baselines.on_units(state.baseline, units, now, settings.baseline)
    state = replace(state, baseline=learning, last_reading=now)
    raw = above = alike = None
    certain = False
    if units is not None:
        raw = pspi(units)
        rest = learning.baseline
        scored = units if rest is None else baselines.subtract(units, rest)
        above = None if rest is None else pspi(scored)
        alike, certain = look_alike(scored, settings.pain), is_certain(scored, settings.pain)
    score = raw if above is None else above

    failed = Reason.MODEL_FAILED in reading.reasons
    findings = (
        Finding(
            "pain", _pain(score, settings.pain, smile=None if alike is None else certain), _pain_cause(score, above)
        ),
        Finding("no-face", _unseen(reading), _unseen_cause(reading)),
        Finding("model", True, "The model failed on the picture.") if failed else _fault(state, "model"),
    )
    state, transitions = _judge_all(state, findings, now, settings)
    assessment = Assessment(
        time=now,
        pspi=raw,
        pspi_above_baseline=above,
        baseline=BaselineOrigin.NONE if learning.baseline is None else learning.baseline.origin,
        look_alike=alike,
        pain="pain" in state.alarms,
    )
    return state, assessment, Decisions(transitions, capture)


def on_fault(state: State, condition: str, cause: str | None, now: float, settings: Policy) -> tuple[State, Decisions]:
    """Take what another stage says of its own part: a cause, or None when it works (again)."""
    faults = {name: text for name, text in state.faults.items() if name != condition}
    if cause is not None:
        faults[condition] = cause
    state = replace(state, faults=MappingProxyType(faults))
    if condition == "camera" and cause is None:
        state = replace(state, last_reading=now)
    state, transitions = _judge(state, _fault(state, condition), now, settings)
    return state, Decisions(transitions)


def on_tick(state: State, now: float, settings: Policy) -> tuple[State, Decisions]:
    """Let time pass where no event comes: faults that persist or are gone, readings that stopped."""
    learning, capture = baselines.on_units(state.baseline, None, now, settings.baseline)
    state = replace(state, baseline=learning)
    findings = [
        _fault(state, name) for name in state.sustained if name in state.faults or name not in JUDGED_BY_READING
    ]
    stall = settings.technical.model_stall_s
    stalled = state.last_reading is not None and now - state.last_reading > stall
    if stalled and not {"camera", "model"} & state.faults.keys():
        findings.append(Finding("model", True, f"Pictures arrive and no reading has been made for {stall:.0f} s."))
    state, transitions = _judge_all(state, findings, now, settings)
    return state, Decisions(transitions, capture)


def begin_capture(state: State, now: float) -> State:
    """Start a deliberate capture of the baseline; its result comes with a later reading."""
    return replace(state, baseline=baselines.begin_capture(state.baseline, now))


def forget_baseline(state: State) -> State:
    """Forget the baseline: another patient, or a wrong capture."""
    return replace(state, baseline=baselines.forget(state.baseline))


def _judge_all(
    state: State, findings: Iterable[Finding], now: float, settings: Policy
) -> tuple[State, tuple[Transition, ...]]:
    transitions: list[Transition] = []
    for finding in findings:
        state, made = _judge(state, finding, now, settings)
        transitions += made
    return state, tuple(transitions)


def _judge(state: State, finding: Finding, now: float, settings: Policy) -> tuple[State, tuple[Transition, ...]]:
    """Step one condition and make the transition that follows, if any."""
    name, evidence, cause = finding
    on_delay, off_delay = _delays(name, settings)
    before = state.sustained.get(name, Sustained())
    after = step(before, now, evidence=evidence, on_delay=on_delay, off_delay=off_delay)
    state = replace(state, sustained=MappingProxyType({**state.sustained, name: after}))
    alarm = state.alarms.get(name)
    if after.on and alarm is None:
        row = CONDITIONS[name]
        since = now if after.onset is None else after.onset
        alarm = Alarm(state.number + 1, name, row.kind, row.priority, Presence.ON, since, cause)
        state = replace(state, alarms=MappingProxyType({**state.alarms, name: alarm}), number=alarm.number)
        return state, (Transition(Phase.START, alarm, now),)
    if alarm is not None and not after.on:
        rest = {key: value for key, value in state.alarms.items() if key != name}
        state = replace(state, alarms=MappingProxyType(rest))
        return state, (Transition(Phase.END, replace(alarm, presence=Presence.OFF), now),)
    if alarm is not None and name in state.faults and cause != alarm.cause:
        alarm = replace(alarm, cause=cause)
        state = replace(state, alarms=MappingProxyType({**state.alarms, name: alarm}))
        return state, (Transition(Phase.UPDATE, alarm, now),)
    return state, ()


def _fault(state: State, condition: str) -> Finding:
    cause = state.faults.get(condition)
    return Finding(condition, cause is not None, cause or "")


def _delays(name: str, settings: Policy) -> tuple[float, float]:
    if name == "pain":
        return settings.pain.on_delay_s, settings.pain.off_delay_s
    return (settings.technical.no_face_s if name == "no-face" else 0.0), settings.technical.clear_s


def _pain(score: float | None, settings: Pain, *, smile: bool | None) -> bool | None:
    """Evidence for `pain` from the raw score: None when unknown, between the two thresholds, or maybe a smile.

    Args:
        score: PSPI, above baseline where there is one.
        settings: Thresholds.
        smile: None when the face is no look-alike; else whether it surely is one.
    """
    if score is None:
        return None
    if score < settings.threshold - settings.hysteresis or smile:
        return False
    return True if score >= settings.threshold and smile is None else None


def _pain_cause(score: float | None, above: float | None) -> str:
    if score is None:
        return ""
    return f"PSPI {score:.1f} {'above baseline' if above is not None else '(no baseline yet)'}."


def _unseen(reading: Reading) -> bool | None:
    if Reason.MODEL_FAILED in reading.reasons:
        return None
    return reading.action_units is None


def _unseen_cause(reading: Reading) -> str:
    if reading.face is None:
        return "No face is found."
    return f"The face cannot be read: {', '.join(reason.value for reason in reading.reasons)}."
