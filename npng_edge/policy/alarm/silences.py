"""What staff may ask of the alarms: acknowledge, pause, resume. Nothing is silenced without an end."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from npng_edge.policy.alarm.alarm_state import AlarmState, Silence, drop, put, without
from npng_edge.policy.alarm.alarms import tick, unanswered, unpause
from npng_edge.policy.alarm.conditions import CONDITIONS, PAINS, UNATTENDED
from npng_edge.requests import Refusal, RefusalReason
from npng_edge.units import Change, Presence, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from npng_edge import requests
    from npng_edge.settings import Policy


def acknowledge(
    state: AlarmState, request: requests.Acknowledge, now: float, settings: Policy
) -> tuple[AlarmState, tuple[Transition, ...]] | Refusal:
    """Somebody knows of this alarm: it is not signalled for a while; a latched one has served its purpose and ends.

    What the condition covers is acknowledged with it. `pain-unattended` itself is never acknowledged but ends, when no
    pain is left that nobody has acknowledged.

    Args:
        state: As it was.
        request: Which, and who.
        now: Seconds on the frame clock.
        settings: How long it holds.

    Returns:
        The new state and its transitions; refused: no such alarm (`unknown-alarm`), or it cannot be acknowledged
        (`not-allowed`).
    """
    alarm = next((alarm for alarm in state.alarms.values() if alarm.id == request.alarm_id), None)
    if alarm is None:
        return Refusal(RefusalReason.UNKNOWN_ALARM, f"There is no alarm {request.alarm_id} now; it may have ended.")
    name = alarm.condition
    if not CONDITIONS[name].acknowledgeable:
        return Refusal(RefusalReason.NOT_ALLOWED, f"{name} cannot be acknowledged: {CONDITIONS[name].action}")
    transitions = []
    covered = [milder for milder in CONDITIONS[name].covers if milder in unanswered(state)]
    for each in covered if name == UNATTENDED else (name, *covered):
        state, transition = _acknowledge(state, each, request.who, now, settings)
        transitions.append(transition)
    if name in (UNATTENDED, *PAINS) and not unanswered(state):
        state = replace(state, sustained=without(state.sustained, (UNATTENDED,)))
        if UNATTENDED in state.alarms:
            answered = replace(state.alarms[UNATTENDED], by=request.who)
            state, transition = drop(state, answered, Change.ACKNOWLEDGED, now)
            transitions.append(transition)
    state, more = tick(state, now, settings)
    return state, (*transitions, *more)


def pause(
    state: AlarmState, request: requests.Pause, now: float, settings: Policy
) -> tuple[AlarmState, tuple[Transition, ...]] | Refusal:
    """Do not signal these conditions for a while, present or not. Another pause takes the place of an earlier one.

    Args:
        state: As it was.
        request: Which, how long, and who.
        now: Seconds on the frame clock.
        settings: The longest pause.

    Returns:
        The new state and its transitions; refused as a whole: a condition that is not in the table
        (`unknown-condition`), one that may not be paused (`not-allowed`), or longer than allowed (`too-long`).
    """
    refusal = _unknown(request.conditions)
    if refusal is not None:
        return refusal
    for name in request.conditions:
        if not CONDITIONS[name].pausable:
            return Refusal(RefusalReason.NOT_ALLOWED, f"{name} may not be paused; acknowledge it when it comes.")
    longest = settings.alarms.max_pause_s
    if request.seconds > longest:
        return Refusal(
            RefusalReason.TOO_LONG, f"{request.seconds:.0f} s is too long: pause for {longest:.0f} s at the most."
        )
    transitions = []
    for name in dict.fromkeys(request.conditions):
        before = state.pauses.get(name)
        since = now if before is None or before.until <= now else before.since
        silence = Silence(since, now + request.seconds, request.who)
        state = replace(state, pauses=MappingProxyType({**state.pauses, name: silence}))
        if name in state.alarms:
            state, transition = put(state, state.alarms[name], state.watches[name], Change.PAUSED, now)
            transitions.append(transition)
    state, more = tick(state, now, settings)
    return state, (*transitions, *more)


def resume(
    state: AlarmState, request: requests.Resume, now: float, settings: Policy
) -> tuple[AlarmState, tuple[Transition, ...]] | Refusal:
    """End pauses before their time; what is not paused stays as it is.

    Returns:
        The new state and its transitions; refused: a condition that is not in the table (`unknown-condition`).
    """
    refusal = _unknown(request.conditions)
    if refusal is not None:
        return refusal
    state, resumed = unpause(state, dict.fromkeys(request.conditions), Change.RESUMED, now)
    state, more = tick(state, now, settings)
    return state, (*resumed, *more)


def _acknowledge(state: AlarmState, name: str, who: str, now: float, settings: Policy) -> tuple[AlarmState, Transition]:
    alarm, watch = state.alarms[name], state.watches[name]
    if alarm.presence is Presence.LATCHED:
        return drop(state, replace(alarm, by=who), Change.ACKNOWLEDGED, now)
    silence = Silence(now, now + CONDITIONS[name].acknowledged_s(settings), who)
    watch = replace(watch, acknowledged=silence, known=alarm.priority)
    return put(state, replace(alarm, presence=Presence.ACKNOWLEDGED), watch, Change.ACKNOWLEDGED, now)


def _unknown(conditions: Iterable[str]) -> Refusal | None:
    for name in conditions:
        if name not in CONDITIONS:
            return Refusal(RefusalReason.UNKNOWN_CONDITION, f"There is no condition {name}.")
    return None
