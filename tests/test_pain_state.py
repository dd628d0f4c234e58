from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.policy.face import pain_state
from npng_edge.policy.face.look_alike import NOTHING, Verdict
from npng_edge.policy.face.pain_state import PainState, PainView, evidence
from npng_edge.settings import Pain
from npng_edge.units import Box, Face, LookAlike, PainLevel, Pose, Reading, Threshold, Trend

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = Pain()
LIMITS = Threshold(4.0, 7.0, 4.0, "configured")
LAUGH = Verdict(LookAlike.SMILE, certain=True, explained=6.0)
HALF_LAUGH = Verdict(LookAlike.SMILE, certain=False, explained=6.0)
SLEEP = Verdict(LookAlike.SLEEP, certain=True, explained=1.0)
TALK = Verdict(LookAlike.TALK, certain=False, explained=1.5)


@pytest.mark.parametrize(
    ("score", "verdict", "expected"),
    [
        (None, NOTHING, None),
        (4.0, NOTHING, True),
        (3.99, NOTHING, None),
        (3.0, NOTHING, None),
        (2.99, NOTHING, False),
        (6.0, LAUGH, False),
        (6.0, HALF_LAUGH, None),
        (2.9, HALF_LAUGH, False),
        (4.2, SLEEP, None),
        (3.9, SLEEP, False),
        (5.0, SLEEP, True),
        (5.0, TALK, None),
        (5.5, TALK, True),
    ],
)
def test_evidence(score: float | None, verdict: Verdict, expected: bool | None) -> None:  # noqa: FBT001
    assert evidence(score, LIMITS.pain, verdict, None, None, SETTINGS) is expected


def test_a_low_threshold_has_a_narrow_band() -> None:
    assert evidence(1.21, 1.6, NOTHING, None, None, SETTINGS) is None
    assert evidence(1.19, 1.6, NOTHING, None, None, SETTINGS) is False


@pytest.mark.parametrize(
    ("score", "probability", "temporal", "expected"),
    [
        (5.0, 0.1, None, None),
        (5.0, None, 0.1, None),
        (5.0, 0.1, 0.1, None),
        (5.0, 0.1, 0.9, True),
        (5.0, 0.2, 0.1, True),
        (5.99, 0.0, 0.0, None),
        (6.0, 0.0, 0.0, True),
        (2.0, 1.0, 1.0, False),
        (3.5, 0.0, 0.0, None),
    ],
)
def test_the_learnt_models_can_only_withhold_and_not_a_high_score(
    score: float,
    probability: float | None,
    temporal: float | None,
    expected: bool | None,  # noqa: FBT001
) -> None:
    assert evidence(score, LIMITS.pain, NOTHING, probability, temporal, SETTINGS) is expected


CHANCE = st.none() | st.floats(0.0, 1.0)


@given(st.floats(0.0, 16.0), st.floats(1.5, 12.0), CHANCE, CHANCE)
def test_no_learnt_model_speaks_for_or_against_an_alarm_by_itself(
    score: float, threshold: float, probability: float | None, temporal: float | None
) -> None:
    alone = evidence(score, threshold, NOTHING, None, None, SETTINGS)
    assert evidence(score, threshold, NOTHING, probability, temporal, SETTINGS) in (alone, None)
    if alone is False:
        assert evidence(score, threshold, NOTHING, probability, temporal, SETTINGS) is False
    if score >= threshold + SETTINGS.unlikely_pspi:
        assert evidence(score, threshold, NOTHING, probability, temporal, SETTINGS) is True


class Course:
    """Scores that come at a steady rate."""

    def __init__(self, rate: float = 2.0) -> None:
        self.rate = rate
        self.now = 0.0
        self.state = PainState()
        self.view: PainView | None = None

    def see(
        self,
        seconds: float,
        score: float | Callable[[float], float] | None,
        verdict: Verdict = NOTHING,
        *,
        probability: float | None = None,
        baseline: float | None = 1.0,
        quality: float = 1.0,
    ) -> PainView:
        for _ in range(round(seconds * self.rate)):
            self.now += 1.0 / self.rate
            value = score(self.now) if callable(score) else score
            face = None if value is None else Face(Box(0, 0, 1, 1), Pose(0, 0, 0), quality)
            reading = Reading(0, self.now, 1, face, None, pain_probability=probability)
            self.state, self.view = pain_state.step(self.state, reading, value, LIMITS, verdict, baseline, SETTINGS)
        assert self.view is not None
        return self.view


@pytest.mark.parametrize(
    ("score", "level"),
    [(0.5, PainLevel.NONE), (2.1, PainLevel.RAISED), (4.1, PainLevel.PAIN), (7.1, PainLevel.SEVERE)],
)
def test_levels_stand_against_this_patients_thresholds(score: float, level: PainLevel) -> None:
    view = Course().see(10, score)
    assert view.level is level
    assert view.since == 0.5


def test_a_level_is_left_by_the_hysteresis_only() -> None:
    course = Course()
    course.see(10, 4.5)
    assert course.see(20, 3.1).level is PainLevel.PAIN
    assert course.see(20, 2.8).level is PainLevel.RAISED
    assert course.see(20, 3.5).level is PainLevel.RAISED


def test_one_odd_reading_changes_no_level() -> None:
    course = Course(10.0)
    course.see(10, 1.0)
    course.see(0.1, 9.0)
    view = course.see(1, 1.0)
    assert view.level is PainLevel.NONE
    assert view.since == 0.1


def test_a_laugh_is_no_level_and_a_doubtful_one_keeps_the_level_with_less_confidence() -> None:
    course = Course()
    course.see(10, 0.5)
    assert course.see(10, 6.0, LAUGH).level is PainLevel.NONE
    doubtful = course.see(10, 6.0, HALF_LAUGH)
    assert doubtful.level is PainLevel.NONE
    assert doubtful.confidence == pytest.approx(0.5)
    course.see(10, 6.0)
    assert course.see(10, 6.0, HALF_LAUGH).level is PainLevel.PAIN


def test_talk_does_not_hold_a_level_that_the_score_has_left() -> None:
    course = Course()
    course.see(10, 6.0)
    assert course.see(10, 1.0, TALK).level is PainLevel.NONE


def test_what_is_not_seen_has_no_level_and_a_short_gap_does_not_restart_it() -> None:
    course = Course()
    course.see(20, 5.0)
    gap = course.see(5, None)
    assert (gap.level, gap.trend, gap.confidence, gap.since) == (None, None, None, None)
    assert course.see(1, 5.0).since == 0.5
    course.see(11, None)
    assert course.see(1, 5.0).since == pytest.approx(37.5)


def noisy(slope_per_minute: float, seed: int) -> Callable[[float], float]:
    chance = np.random.default_rng(seed)
    return lambda now: max(0.0, 3.0 + slope_per_minute * now / 60.0 + chance.normal(0.0, 0.4))


def test_the_trend_stands_out_of_the_noise() -> None:
    assert Course().see(50, 3.0).trend is None
    rising = sum(Course().see(125, noisy(1.0, seed)).trend is Trend.RISING for seed in range(20))
    falling = sum(Course().see(125, noisy(-1.0, seed)).trend is Trend.FALLING for seed in range(20))
    steady = sum(Course().see(125, noisy(0.0, seed)).trend is Trend.STEADY for seed in range(20))
    assert (rising, falling, steady) == (20, 20, 20)


def test_one_wince_is_no_trend() -> None:
    course = Course()
    course.see(60, 1.0)
    course.see(4, 8.0)
    assert course.see(56, 1.0).trend is Trend.STEADY


def test_minutes_above_count_seen_time_of_one_hour_only() -> None:
    course = Course()
    course.see(600, 5.0)
    course.see(600, 1.0)
    view = course.see(600, None)
    assert view.minutes_above == pytest.approx(10.0, abs=0.05)
    assert view.minutes_scored == pytest.approx(20.0, abs=0.05)
    view = course.see(1800 + 240, 1.0)
    assert view.minutes_above == pytest.approx(6.0, abs=1.1)
    assert course.see(3700, None).minutes_above == 0.0
    assert course.state.minutes is not None
    assert course.state.minutes.closed == ()


def test_a_laugh_counts_as_no_minute_above() -> None:
    assert Course().see(300, 6.0, LAUGH).minutes_above == 0.0


def test_memory_is_bounded() -> None:
    course = Course(1.0)
    course.see(3 * 3600, 5.0)
    assert course.state.minutes is not None
    assert course.state.course is not None
    assert len(course.state.minutes.closed) <= 60
    assert len(course.state.course.bins) <= 24
    assert course.view is not None
    assert 59.0 <= course.view.minutes_above <= 61.0


def test_confidence_says_how_good_view_baseline_and_agreement_are() -> None:
    assert Course().see(5, 1.0).confidence == pytest.approx(1.0)
    assert Course().see(5, 1.0, quality=0.6).confidence == pytest.approx(0.6)
    assert Course().see(5, 1.0, baseline=None).confidence == pytest.approx(0.5)
    assert Course().see(5, 1.0, probability=1.0).confidence == pytest.approx(0.5)
    assert Course().see(5, 6.0, probability=1.0).confidence == pytest.approx(1.0)


SCORES = st.lists(st.tuples(st.floats(0.01, 100.0), st.none() | st.floats(0.0, 16.0)), max_size=80)


@given(SCORES)
def test_invariants_on_any_course(samples: list[tuple[float, float | None]]) -> None:
    state, now, scored = PainState(), 0.0, 0
    for gap, score in samples:
        now += gap
        scored += score is not None
        reading = Reading(0, now, 1, Face(Box(0, 0, 1, 1), Pose(0, 0, 0), 0.7), None)
        state, view = pain_state.step(state, reading, score, LIMITS, NOTHING, 0.5, SETTINGS)
        assert (view.level is None) == (score is None)
        assert (view.confidence is None) == (score is None)
        assert 0.0 <= view.minutes_above <= view.minutes_scored + 1e-9
        assert view.minutes_scored <= min(61.0, 2.0 * scored / 60.0 + 1e-9)
        assert view.since is None or view.since <= now
