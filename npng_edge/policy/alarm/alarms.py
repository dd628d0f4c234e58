"""From evidence to alarms: each condition's evidence is sustained, raised, followed, latched, escalated and ended.

An alarm lives from the moment its condition has been present for the on-delay until it has been absent for the
off-delay; a latching one that nobody has acknowledged lives on until somebody does. Unknown is neither: while the face
cannot be seen, a present `pain` stays present and `no-face` joins it. What staff ask for is in `silences`.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from npng_edge.policy.alarm.alarm_state import AlarmState, Watch, drop, put, without
from npng_edge.policy.alarm.condition import URGENCY
from npng_edge.policy.alarm.conditions import CONDITIONS, PAINS, UNATTENDED
from npng_edge.policy.alarm.sustained import RESTING, Sustained, step
from npng_edge.units import Activation, Alarm, Change, Phase, Presence, Priority, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from npng_edge.settings import Policy

NEWS_EVERY_S = 30.0
"""A new cause or a lower priority of the same alarm is told at the most so often; a higher one at once. Our choice."""
LATCHED_REMIND_S = 1800.0
"""What is over is signalled again less often than what goes on. Our choice."""


class Finding(NamedTuple):
    """What one event says about one condition."""

    condition: str
    """Name in the table of conditions; never `pain-unattended`, which is found here."""
    evidence: bool | None
    """Whether the condition is there now; None: not known, or between two thresholds."""
    cause: str
    """One short sentence; counts only with evidence True."""
    priority: Priority | None = None
    """Counts only with evidence True; None: as in the table."""


def judge(
    state: AlarmState, findings: Iterable[Finding], now: float, settings: Policy
) -> tuple[AlarmState, tuple[Transition, ...]]:
    """Take what one event says, and let time pass.

    Args:
        state: As it was.
        findings: About any of the conditions; what they do not mention stays as it is.
        now: Seconds on the frame clock; must not go back.
        settings: Delays.

    Returns:
        The new state, and each change of the level in order: replaying them gives `alarms` of the new state.
    """
    state, expired = _end_pauses(state, now)
    state, judged = _judge(state, findings, now, settings)
    state, timed = _run_clocks(state, now, settings)
    state, escalated = _judge(state, _unattended(state, now, settings), now, settings)
    return state, expired + judged + timed + escalated


def tick(state: AlarmState, now: float, settings: Policy) -> tuple[AlarmState, tuple[Transition, ...]]:
    """Let time pass: ends of acknowledgements and pauses, reminders, escalations. Call it at least once a second."""
    return judge(state, (), now, settings)


def restore(state: AlarmState, latched: Iterable[Alarm], now: float) -> tuple[AlarmState, tuple[Transition, ...]]:
    """Go on with alarms of an earlier run that nobody has seen; their conditions are assessed anew."""
    transitions = []
    for alarm in latched:
        watch = Watch(now, now, now)
        state, transition = put(state, replace(alarm, presence=Presence.LATCHED, by=None), watch, Change.LATCHED, now)
        transitions.append(replace(transition, phase=Phase.UPDATE))
    return state, tuple(transitions)


def end(
    state: AlarmState, conditions: Iterable[str], now: float, cause: str
) -> tuple[AlarmState, tuple[Transition, ...]]:
    """End these conditions at once and forget their evidence and pauses, for instance when the patient leaves.

    Args:
        state: As it was.
        conditions: Names; `pain-unattended` ends with the last pain.
        now: Seconds on the frame clock.
        cause: One short sentence for the last transition of each alarm.
    """
    ended = dict.fromkeys(conditions)
    if not ended.keys().isdisjoint(PAINS) and not any(name in state.alarms and name not in ended for name in PAINS):
        ended[UNATTENDED] = None
    transitions = []
    for name in ended:
        if name in state.alarms:
            state, transition = drop(state, replace(state.alarms[name], cause=cause), Change.ENDED, now)
            transitions.append(transition)
    state = replace(state, sustained=without(state.sustained, ended), pauses=without(state.pauses, ended))
    return state, tuple(transitions)


def _judge(
    state: AlarmState, findings: Iterable[Finding], now: float, settings: Policy
) -> tuple[AlarmState, tuple[Transition, ...]]:
    changed: dict[str, Sustained] = {}
    transitions: tuple[Transition, ...] = ()
    for finding in findings:
        name = finding.condition
        before = changed.get(name) or state.sustained.get(name, RESTING)
        if before is RESTING and not finding.evidence:
            continue
        row = CONDITIONS[name]
        after = step(
            before,
            now,
            evidence=finding.evidence,
            on_delay=row.on_delay(settings),
            off_delay=row.off_delay(settings),
            hold=row.hold_s,
        )
        if after is not before:
            changed[name] = after
        if after.on and finding.evidence:
            state, made = _present(state, finding, now if after.onset is None else after.onset, now)
            transitions += made
        elif before.on and not after.on:
            state, made = _gone(state, name, now)
            transitions += made
    if changed:
        state = replace(state, sustained=MappingProxyType({**state.sustained, **changed}))
    return state, transitions


def _present(
    state: AlarmState, finding: Finding, onset: float, now: float
) -> tuple[AlarmState, tuple[Transition, ...]]:
    """Raise the alarm, raise a latched one again, or follow what its evidence says now."""
    name = finding.condition
    row = CONDITIONS[name]
    own = finding.priority or row.priority
    alarm = state.alarms.get(name)
    if alarm is None:
        number = state.number + 1
        alarm = Alarm(f"{state.run}-{number}", name, row.kind, own, Presence.ON, onset, finding.cause)
        state, raised = put(replace(state, number=number), alarm, Watch(now, now, now), Change.RAISED, now)
        return state, (raised,)
    watch = state.watches[name]
    priority = own if watch.floor is None else max(own, watch.floor, key=URGENCY.__getitem__)
    if alarm.presence is Presence.LATCHED:
        alarm = replace(alarm, presence=Presence.ON, priority=priority, since=onset, cause=finding.cause)
        watch = replace(watch, waiting=now, signalled=now, told=now)
        state, raised = put(state, alarm, watch, Change.RAISED, now)
        return state, (raised,)
    changed = priority is not alarm.priority
    if not (changed or (row.telling and finding.cause != alarm.cause)):
        return state, ()
    worse = URGENCY[priority] > URGENCY[alarm.priority]
    if not worse and now - watch.told < NEWS_EVERY_S:
        return state, ()
    alarm = replace(alarm, priority=priority, cause=finding.cause)
    watch = replace(watch, told=now)
    if changed:
        watch = replace(watch, waiting=now)
    if worse:
        watch = replace(watch, signalled=now)
        if watch.known is not None and URGENCY[priority] > URGENCY[watch.known]:
            alarm, watch = replace(alarm, presence=Presence.ON), replace(watch, acknowledged=None, known=None)
    state, told = put(state, alarm, watch, Change.CAUSE, now)
    return state, (told,)


def _gone(state: AlarmState, name: str, now: float) -> tuple[AlarmState, tuple[Transition, ...]]:
    """End the alarm, or latch it: what was acknowledged, or paused by somebody for care, has been seen."""
    alarm = state.alarms[name]
    if CONDITIONS[name].latching and alarm.presence is Presence.ON and alarm.activation is Activation.ON:
        watch = replace(state.watches[name], signalled=now)
        state, latched = put(state, replace(alarm, presence=Presence.LATCHED), watch, Change.LATCHED, now)
        return state, (latched,)
    state, ended = drop(state, alarm, Change.ENDED, now)
    return state, (ended,)


def _end_pauses(state: AlarmState, now: float) -> tuple[AlarmState, tuple[Transition, ...]]:
    over = [name for name, pause in state.pauses.items() if pause.until <= now]
    return unpause(state, over, Change.PAUSE_EXPIRED, now) if over else (state, ())


def unpause(
    state: AlarmState, conditions: Iterable[str], change: Change, now: float
) -> tuple[AlarmState, tuple[Transition, ...]]:
    """End pauses: what is present is signalled from now on, and waits for somebody from now on."""
    transitions = []
    for name in conditions:
        if name not in state.pauses:
            continue
        state = replace(state, pauses=without(state.pauses, (name,)))
        if name in state.alarms:
            watch = replace(state.watches[name], waiting=now, signalled=now)
            state, transition = put(state, state.alarms[name], watch, change, now)
            transitions.append(transition)
    return state, tuple(transitions)


def _run_clocks(state: AlarmState, now: float, settings: Policy) -> tuple[AlarmState, tuple[Transition, ...]]:
    """Expiry of the acknowledgement, escalation, or reminder: at the most one of each alarm at a time."""
    transitions = []
    for name in state.alarms:
        alarm, watch = state.alarms[name], state.watches[name]
        if watch.acknowledged is not None:
            if now < watch.acknowledged.until:
                continue
            change = Change.ACKNOWLEDGEMENT_EXPIRED
            alarm = replace(alarm, presence=Presence.ON)
            watch = replace(watch, waiting=now, acknowledged=None, known=None)
        elif (floor := _escalation(state, name, now, settings)) is not None:
            change = Change.ESCALATED
            alarm, watch = replace(alarm, priority=floor), replace(watch, floor=floor)
            state = replace(state, pauses=without(state.pauses, (name,)))
        elif alarm.activation is Activation.ON and now - watch.signalled >= _interval(alarm):
            change = Change.REMINDED
            alarm = replace(alarm, reminders=alarm.reminders + 1)
        else:
            continue
        state, transition = put(state, alarm, replace(watch, signalled=now), change, now)
        transitions.append(transition)
    return state, tuple(transitions)


def _interval(alarm: Alarm) -> float:
    return LATCHED_REMIND_S if alarm.presence is Presence.LATCHED else CONDITIONS[alarm.condition].remind_s


def _escalation(state: AlarmState, name: str, now: float, settings: Policy) -> Priority | None:
    """The priority that the alarm escalates to now, if it does."""
    alarm, watch, rule = state.alarms[name], state.watches[name], CONDITIONS[name].escalation
    if rule is None or alarm.presence is not Presence.ON or URGENCY[rule.to] <= URGENCY[alarm.priority]:
        return None
    return rule.to if now - watch.waiting >= rule.after_s and not _excused(state, name, now, settings) else None


def _excused(state: AlarmState, name: str, now: float, settings: Policy) -> bool:
    """Whether a pause says that somebody is there; a chain of pauses says so for the longest pause at the most."""
    pause = state.pauses.get(name)
    return pause is not None and now - pause.since <= settings.alarms.max_pause_s


def unanswered(state: AlarmState) -> tuple[str, ...]:
    """The pains that are present and that nobody has acknowledged."""
    return tuple(name for name in PAINS if name in state.alarms and state.alarms[name].presence is Presence.ON)


def _unattended(state: AlarmState, now: float, settings: Policy) -> tuple[Finding, ...]:
    """Evidence for `pain-unattended`, from the alarms themselves; none while there is nothing to judge.

    Pain that a pause excuses is unknown. So is the time between two bouts until it is signalled: it neither counts nor
    resets. From then on it is evidence for the end.
    """
    held = state.sustained.get(UNATTENDED, RESTING)
    pains = unanswered(state)
    if not pains and held is RESTING:
        return ()
    evidence: bool | None = None
    if not pains:
        evidence = False if held.on else None
    elif not all(_excused(state, name, now, settings) for name in pains):
        evidence = True
    return (Finding(UNATTENDED, evidence, f"Pain for {settings.alarms.unattended_s:.0f} s in all, and nobody came."),)
