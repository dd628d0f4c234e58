from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.policy import monitor
from npng_edge.policy.look_alike import look_alike
from npng_edge.policy.monitor import Decisions, State
from npng_edge.policy.pspi import pspi
from npng_edge.policy.sustained import HOLD_S, Sustained, step
from npng_edge.settings import Baseline, Pain, Policy
from npng_edge.units import (
    ACTION_UNITS,
    ActionUnits,
    Assessment,
    BaselineOrigin,
    Box,
    EyeClosure,
    Face,
    Pose,
    Presence,
    Reading,
    Reason,
    Transition,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

FACE = Face(Box(10, 10, 100, 100), Pose(0, 0, 0), 0.9)
PAIN = {"AU4": 3.0, "AU6": 2.0, "AU7": 2.5, "AU9": 1.0, "AU10": 1.5}
LAUGH = {"AU6": 3.5, "AU7": 2.0, "AU9": 1.0, "AU10": 3.0, "AU12": 4.0, "AU25": 3.0}


def units(values: dict[str, float] | None = None, closed: float = 0.0) -> ActionUnits:
    intensity = dict.fromkeys(ACTION_UNITS, 0.0) | (values or {})
    return ActionUnits(MappingProxyType(intensity), EyeClosure(closed, closed))


def reading(time: float, face: ActionUnits | None, *reasons: Reason) -> Reading:
    seen = None if Reason.NO_FACE in reasons else FACE
    return Reading(int(time * 10), time, 1, seen, face, reasons)


class Bed:
    """Runs the policy over a made-up stay, at ten readings a second."""

    def __init__(self, settings: Policy | None = None) -> None:
        self.settings = settings or Policy()
        self.state = State()
        self.now = 0.0
        self.transitions: list[Transition] = []
        self.assessment: Assessment | None = None
        self.decisions: list[Decisions] = []

    def see(self, seconds: float, face: ActionUnits | None, *reasons: Reason) -> Bed:
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            at = reading(self.now, face, *reasons)
            self.state, self.assessment, decisions = monitor.on_reading(self.state, at, self.settings)
            self.take(decisions)
        return self

    def fault(self, condition: str, cause: str | None) -> Bed:
        self.state, decisions = monitor.on_fault(self.state, condition, cause, self.now, self.settings)
        return self.take(decisions)

    def wait(self, seconds: float) -> Bed:
        for _ in range(round(seconds)):
            self.now += 1.0
            self.state, decisions = monitor.on_tick(self.state, self.now, self.settings)
            self.take(decisions)
        return self

    def take(self, decisions: Decisions) -> Bed:
        self.transitions += decisions.transitions
        self.decisions.append(decisions)
        return self

    @property
    def story(self) -> list[str]:
        return [f"{made.alarm.condition} {made.phase.value}" for made in self.transitions]


def test_pspi_is_the_published_formula() -> None:
    assert pspi(units(PAIN)) == 3.0 + 2.5 + 1.5
    assert pspi(units(PAIN, closed=0.9)) == 3.0 + 2.5 + 1.5 + 1.0
    assert pspi(units()) == 0.0
    assert pspi(units(dict.fromkeys(ACTION_UNITS, 5.0), closed=1.0)) == 16.0


def test_one_closed_eye_is_not_au43() -> None:
    wink = ActionUnits(units().intensity, EyeClosure(1.0, 0.1))
    assert pspi(wink) == 0.0


def test_pain_is_raised_after_the_on_delay_and_ended_after_the_off_delay() -> None:
    bed = Bed().see(5, units()).see(1.2, units(PAIN))
    assert bed.story == []
    bed.see(2, units(PAIN))
    assert bed.story == ["pain start"]
    start = bed.transitions[0]
    assert start.alarm.presence is Presence.ON
    assert start.alarm.since == pytest.approx(5.1)
    assert start.time == pytest.approx(6.6)
    bed.see(1.5, units())
    assert bed.story == ["pain start"]
    bed.see(1, units())
    assert bed.story == ["pain start", "pain end"]
    assert bed.transitions[1].alarm.number == start.alarm.number
    assert bed.transitions[1].alarm.presence is Presence.OFF


def test_a_short_wince_is_no_alarm() -> None:
    assert Bed().see(5, units()).see(1.2, units(PAIN)).see(10, units()).story == []


def test_scores_between_the_thresholds_neither_raise_nor_end() -> None:
    between = units({"AU4": 3.5})
    assert Bed().see(60, between).story == []
    assert Bed().see(3, units(PAIN)).see(60, between).story == ["pain start"]


def test_a_laugh_keeps_its_raw_pspi_and_raises_nothing() -> None:
    bed = Bed().see(30, units(LAUGH))
    assert bed.story == []
    assert bed.assessment is not None
    assert bed.assessment.pspi == pytest.approx(6.5)
    assert bed.assessment.look_alike == "smile"


def test_a_lowered_brow_is_never_put_down_to_a_smile() -> None:
    assert look_alike(units(LAUGH | {"AU4": 1.0}), Pain()) is None
    assert Bed().see(3, units(LAUGH | {"AU4": 2.0})).story == ["pain start"]


def test_a_face_between_smile_and_pain_speaks_neither_way() -> None:
    between = units(LAUGH | {"AU4": 0.4})
    assert Bed().see(30, between).story == []
    assert Bed().see(1.2, units(PAIN)).see(1, between).see(0.8, units(PAIN)).story == ["pain start"]
    assert Bed().see(1.2, units(PAIN)).see(1, units(LAUGH)).see(0.8, units(PAIN)).story == []


def test_a_covered_face_neither_ends_pain_nor_counts_as_none() -> None:
    bed = Bed().see(3, units(PAIN)).see(12, None, Reason.OCCLUDED)
    assert bed.story == ["pain start", "no-face start"]
    assert "occluded" in bed.transitions[1].alarm.cause
    assert bed.assessment is not None
    assert bed.assessment.pspi is None
    assert bed.assessment.pspi_above_baseline is None
    assert bed.assessment.pain
    bed.see(8, units())
    assert bed.story[:2] == ["pain start", "no-face start"]
    assert sorted(bed.story[2:]) == ["no-face end", "pain end"]


def test_a_hand_passing_does_not_restart_the_on_delay() -> None:
    bed = Bed().see(1.2, units(PAIN)).see(1, None, Reason.OCCLUDED).see(0.8, units(PAIN))
    assert bed.story == ["pain start"]


def test_nobody_in_view_is_a_technical_alarm_and_never_a_score() -> None:
    bed = Bed().see(9, None, Reason.NO_FACE)
    assert bed.story == []
    bed.see(2, None, Reason.NO_FACE)
    assert bed.story == ["no-face start"]
    assert bed.transitions[0].alarm.cause == "No face is found."


def test_a_failing_model_is_its_own_condition() -> None:
    bed = Bed().see(0.1, None, Reason.MODEL_FAILED)
    assert bed.story == ["model start"]
    bed.see(20, None, Reason.MODEL_FAILED)
    assert bed.story == ["model start"]
    assert bed.see(3, units()).story == ["model start", "model end"]


def test_readings_that_stop_while_pictures_arrive_are_a_model_alarm() -> None:
    bed = Bed().fault("camera", None).see(1, units()).wait(5)
    assert bed.story == []
    assert bed.wait(2).story == ["model start"]
    assert bed.see(3, units()).story == ["model start", "model end"]


def test_a_camera_fault_is_raised_at_once_updated_and_cleared_after_its_delay() -> None:
    bed = Bed().see(1, units()).fault("camera", "black").wait(30).fault("camera", "hung")
    assert bed.story == ["camera start", "camera update"]
    assert bed.transitions[1].alarm.cause == "hung"
    bed.fault("camera", None).wait(1)
    assert bed.story[2:] == []
    assert bed.wait(3).story == ["camera start", "camera update", "camera end"]
    assert "model start" not in bed.story


def test_a_camera_fault_that_comes_back_at_once_is_the_same_alarm() -> None:
    bed = Bed().fault("camera", "black").wait(3).fault("camera", None).wait(1).fault("camera", "black").wait(30)
    assert bed.story == ["camera start"]


QUICK = Policy(baseline=Baseline(learn_s=5.0, capture_s=2.0))
FROWNER = {"AU4": 2.0, "AU7": 0.5}


def test_the_baseline_is_learnt_from_quiet_seconds_and_taken_away() -> None:
    bed = Bed(QUICK).see(4, units(FROWNER))
    assert bed.assessment is not None
    assert bed.assessment.baseline is BaselineOrigin.NONE
    assert bed.assessment.pspi_above_baseline is None
    bed.see(3, units(FROWNER))
    assert bed.assessment.baseline is BaselineOrigin.LEARNT
    assert bed.assessment.pspi == pytest.approx(2.5)
    assert bed.assessment.pspi_above_baseline == pytest.approx(0.0)


def test_a_passing_smile_does_not_keep_the_baseline_from_being_learnt() -> None:
    bed = Bed(QUICK).see(3, units(FROWNER)).see(1, units({"AU12": 2.5, "AU6": 1.5})).see(3, units(FROWNER))
    rest = bed.state.baseline.baseline
    assert rest is not None
    assert rest.offsets["AU12"] == 0.0
    assert rest.offsets["AU4"] == 2.0


def test_pain_sleep_and_movement_do_not_become_the_baseline() -> None:
    assert Bed(QUICK).see(60, units(PAIN)).state.baseline.baseline is None
    assert Bed(QUICK).see(60, units(closed=1.0)).state.baseline.baseline is None
    talk = Bed(QUICK)
    for _ in range(30):
        talk.see(0.5, units({"AU25": 3.0})).see(0.5, units())
    assert talk.state.baseline.baseline is None


def captures(decisions: Iterable[Decisions]) -> list[tuple[str | None, str]]:
    return [(made.capture.refusal, made.capture.detail) for made in decisions if made.capture]


def test_a_deliberate_capture_replaces_the_baseline() -> None:
    bed = Bed(QUICK).see(8, units())
    bed.state = monitor.begin_capture(bed.state, bed.now)
    bed.see(4, units(FROWNER))
    assert captures(bed.decisions) == [(None, "")]
    assert bed.assessment is not None
    assert bed.assessment.baseline is BaselineOrigin.CAPTURED
    assert bed.assessment.pspi_above_baseline == pytest.approx(0.0)
    bed.state = monitor.forget_baseline(bed.state)
    assert bed.state.baseline.baseline is None


def test_a_capture_is_refused_with_a_reason_and_keeps_the_old_baseline() -> None:
    bed = Bed(QUICK).see(8, units())
    old = bed.state.baseline.baseline
    bed.state = monitor.begin_capture(bed.state, bed.now)
    for _ in range(4):
        bed.see(0.5, units({"AU12": 3.0})).see(0.5, units())
    bed.state = monitor.begin_capture(bed.state, bed.now)
    bed.see(10, None, Reason.NO_FACE)
    moved, unseen = captures(bed.decisions)
    assert moved[0] == "not-quiet"
    assert "AU12" in moved[1]
    assert unseen[0] == "no-face"
    assert "0.0 of 2.0 s" in unseen[1]
    assert bed.state.baseline.baseline is old


SAMPLES = st.lists(st.tuples(st.sampled_from([True, False, None]), st.floats(0.01, 3.0)), max_size=200)


@given(SAMPLES)
def test_sustained_never_switches_without_its_delay_of_evidence(samples: list[tuple[bool | None, float]]) -> None:
    state, now, run = Sustained(), 0.0, {True: 0.0, False: 0.0}
    for evidence, gap in samples:
        now += gap
        for side in (True, False):
            run[side] = 0.0 if evidence is (not side) else run[side] + (gap if evidence is side else 0.0)
        after = step(state, now, evidence=evidence, on_delay=2.0, off_delay=3.0)
        if after.on != state.on:
            assert evidence is after.on
            assert run[after.on] >= (2.0 if after.on else 3.0)
        if after.on:
            assert after.onset is not None
            assert after.onset <= now
        state = after


def test_old_evidence_is_forgotten() -> None:
    state = step(Sustained(), 0.0, evidence=True, on_delay=2.0, off_delay=3.0)
    state = step(state, 1.0, evidence=True, on_delay=2.0, off_delay=3.0)
    state = step(state, 2.0 + HOLD_S, evidence=None, on_delay=2.0, off_delay=3.0)
    assert state == Sustained()
