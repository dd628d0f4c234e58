"""Which signal follows at the bed from the alarms that are present."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npng_edge.policy.alarm import alarms
from npng_edge.policy.alarm.alarm_state import AlarmState
from npng_edge.policy.alarm.alarms import Finding
from npng_edge.policy.alarm.conditions import CONDITIONS
from npng_edge.policy.alarm.local import UNHEARD, Signal, local_signal
from npng_edge.settings import Policy
from npng_edge.units import Activation, Alarm, Presence, Priority

SETTINGS = Policy()


def alarm(condition: str, **changes: object) -> Alarm:
    """As it starts, unless something is said otherwise."""
    row = CONDITIONS[condition]
    started = Alarm("run-1", condition, row.kind, row.priority, Presence.ON, 0.0, "seen")
    return replace(started, **changes)  # type: ignore[arg-type]


BROKER, DEAF = alarm("broker"), alarm("station-not-listening")
PAIN, SEVERE = alarm("pain"), alarm("pain-severe")

any_alarm = st.builds(
    alarm,
    st.sampled_from(sorted(CONDITIONS.keys() - UNHEARD)),
    priority=st.sampled_from(Priority),
    presence=st.sampled_from([Presence.ON, Presence.ACKNOWLEDGED, Presence.LATCHED]),
    activation=st.sampled_from(Activation),
)
unheard = st.sampled_from([BROKER, DEAF])


def test_what_makes_the_bed_unheard_stands_in_the_table() -> None:
    assert CONDITIONS.keys() >= UNHEARD


@given(st.lists(any_alarm))
def test_while_a_station_listens_the_bed_is_quiet(present: list[Alarm]) -> None:
    assert local_signal(present) is Signal.NONE


@pytest.mark.parametrize("lost", [BROKER, DEAF], ids=lambda one: one.condition)
def test_an_unheard_bed_says_so_quietly_and_alarms_by_their_priority(lost: Alarm) -> None:
    assert local_signal([lost]) is Signal.LOW
    assert local_signal([PAIN, lost]) is Signal.MEDIUM
    assert local_signal([lost, PAIN, SEVERE]) is Signal.HIGH
    assert local_signal([lost, alarm("camera")]) is Signal.MEDIUM
    assert local_signal([lost, alarm("no-face")]) is Signal.LOW


def test_what_somebody_knows_is_quiet_and_hides_nothing() -> None:
    known = replace(SEVERE, presence=Presence.ACKNOWLEDGED)
    paused = replace(SEVERE, activation=Activation.PAUSED)
    for quiet in (known, paused):
        assert local_signal([quiet, BROKER]) is Signal.LOW
        assert local_signal([quiet, BROKER, PAIN]) is Signal.MEDIUM
    known_deaf = replace(DEAF, presence=Presence.ACKNOWLEDGED)
    assert local_signal([known_deaf]) is Signal.NONE
    assert local_signal([known_deaf, PAIN]) is Signal.MEDIUM


def test_what_is_over_and_was_not_seen_is_quiet_but_not_silent() -> None:
    over = replace(SEVERE, presence=Presence.LATCHED)
    assert local_signal([over, replace(DEAF, presence=Presence.ACKNOWLEDGED)]) is Signal.LOW


@settings(max_examples=500)
@given(unheard, st.lists(any_alarm, max_size=6), any_alarm)
def test_no_alarm_hides_another(lost: Alarm, present: list[Alarm], new: Alarm) -> None:
    """One more alarm never makes the signal less urgent, and the signal is never less urgent than any alone."""
    together = local_signal([lost, *present, new])
    assert together >= local_signal([lost, *present])
    assert together >= local_signal([lost, new])


@settings(max_examples=500)
@given(unheard, st.lists(any_alarm, max_size=6))
def test_a_high_alarm_that_nobody_knows_is_high_at_the_bed(lost: Alarm, present: list[Alarm]) -> None:
    urgent = any(
        one.priority is Priority.HIGH and one.presence is Presence.ON and one.activation is Activation.ON
        for one in present
    )
    assert (local_signal([*present, lost]) is Signal.HIGH) is urgent


def test_the_order_of_the_alarms_says_nothing() -> None:
    assert local_signal([SEVERE, PAIN, BROKER]) is local_signal([BROKER, PAIN, SEVERE])


def test_an_outage_as_the_policy_sees_it() -> None:
    """Pain comes and goes while the broker is away; when it is back, the bed is quiet."""
    state, now, heard = AlarmState("run"), 0.0, []
    script = (
        (1, {"broker": True}),
        (3, {"broker": True, "pain": True, "pain-severe": True}),
        (4, {"broker": True, "pain": False, "pain-severe": False}),
        (4, {"broker": False}),
    )
    for seconds, evidence in script:
        for _ in range(seconds * 4):
            now += 0.25
            findings = [Finding(name, there, "seen") for name, there in evidence.items()]
            state, _ = alarms.judge(state, findings, now, SETTINGS)
            signal = local_signal(state.alarms.values())
            if not heard or heard[-1] is not signal:
                heard.append(signal)
    assert heard == [Signal.LOW, Signal.HIGH, Signal.LOW, Signal.NONE]
