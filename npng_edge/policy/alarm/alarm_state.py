"""What the alarms remember, and the one way to write it: an alarm, its clocks and the pauses always agree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from npng_edge.policy.alarm.condition import URGENCY
from npng_edge.policy.alarm.conditions import RANK
from npng_edge.units import Activation, Alarm, Change, Phase, Presence, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from npng_edge.policy.alarm.sustained import Sustained
    from npng_edge.units import Priority

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Silence:
    """Somebody's word that a condition need not be signalled for a while. Times on the frame clock."""

    since: float
    """Of a pause: kept when the pause is replaced before its end, so that a chain of pauses is seen as one."""
    until: float
    by: str


@dataclass(frozen=True, slots=True)
class Watch:
    """The clocks of one alarm, all on the frame clock."""

    waiting: float
    """Since when it waits for somebody: its start, or when the last acknowledgement or pause ended."""
    signalled: float
    """When it was signalled last."""
    told: float
    """When its cause or priority changed last."""
    floor: Priority | None = None
    """Escalation by time raised it to this; its evidence cannot lower it further."""
    acknowledged: Silence | None = None
    known: Priority | None = None
    """The priority that was acknowledged; above it the acknowledgement does not hold."""


@dataclass(frozen=True, slots=True)
class AlarmState:
    """All that the alarms remember; each mapping has at the most one entry per condition of the table."""

    run: str
    """Names this run of the software for ever; part of each alarm's id."""
    sustained: Mapping[str, Sustained] = field(default_factory=dict)
    """Once there was evidence for or against a condition."""
    alarms: Mapping[str, Alarm] = field(default_factory=dict)
    """The level: the alarms that are present or latched, by condition."""
    watches: Mapping[str, Watch] = field(default_factory=dict)
    """For each of `alarms`."""
    pauses: Mapping[str, Silence] = field(default_factory=dict)
    """By condition, present or not."""
    number: int = 0
    """Alarms raised so far in this run."""

    def waiting_s(self, now: float) -> float:
        """For how long the oldest alarm that is signalled has waited for somebody, seconds; 0 without one."""
        return max(
            (now - self.watches[name].waiting for name, alarm in self.alarms.items() if alarm.presence is Presence.ON),
            default=0.0,
        )


def ranked(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """The alarms as they are to be shown: the most urgent first, then in the order of the table."""
    return tuple(sorted(alarms, key=lambda alarm: (-URGENCY[alarm.priority], RANK[alarm.condition])))


def put(state: AlarmState, alarm: Alarm, watch: Watch, change: Change, now: float) -> tuple[AlarmState, Transition]:
    """Write an alarm and its clocks; whether, until when and by whom it is silenced follows from them and its pause."""
    pause = state.pauses.get(alarm.condition)
    silences = [silence for silence in (watch.acknowledged, pause) if silence is not None]
    last = max(silences, key=lambda silence: silence.until, default=None)
    alarm = replace(
        alarm,
        activation=Activation.ON if pause is None else Activation.PAUSED,
        until=None if last is None else last.until,
        by=None if last is None else last.by,
    )
    phase = Phase.UPDATE if alarm.condition in state.alarms else Phase.START
    state = replace(
        state,
        alarms=MappingProxyType({**state.alarms, alarm.condition: alarm}),
        watches=MappingProxyType({**state.watches, alarm.condition: watch}),
    )
    return state, Transition(phase, change, alarm, now)


def drop(state: AlarmState, alarm: Alarm, change: Change, now: float) -> tuple[AlarmState, Transition]:
    """End an alarm; the transition shows it as given, but off."""
    ended = replace(alarm, presence=Presence.OFF, activation=Activation.ON, until=None)
    state = replace(
        state,
        alarms=without(state.alarms, (alarm.condition,)),
        watches=without(state.watches, (alarm.condition,)),
    )
    return state, Transition(Phase.END, change, ended, now)


def without(entries: Mapping[str, T], names: Iterable[str]) -> Mapping[str, T]:
    """The entries but those."""
    gone = set(names)
    return MappingProxyType({name: entry for name, entry in entries.items() if name not in gone})
