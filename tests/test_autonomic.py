from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.policy.vital.autonomic import (
    AFTER_PAIN_S,
    BIN_S,
    FLOORS,
    MIN_BINS,
    WINDOW_S,
    AutonomicState,
    SignTrend,
    learn,
    support,
)
from npng_edge.policy.vital.vital_signs import Signs
from npng_edge.units import Moment, PainLevel

HOUR = 3600.0
NONE, PAIN = PainLevel.NONE, PainLevel.PAIN


def moment(seconds: float) -> Moment:
    return Moment(seconds, 1e9 + seconds, synchronised=True)


def signs(age: float = 0.0, **values: float) -> Signs:
    return Signs(**values, age_s=dict.fromkeys(values, age))  # type: ignore[arg-type]


class Stay:
    """A patient whose signs are measured every 20 seconds, the cuff every 15 minutes."""

    def __init__(self) -> None:
        self.state = AutonomicState()
        self.random = random.Random(1)  # noqa: S311
        self.now = 0.0
        self.cuff = 120.0

    def live(self, hours: float, heart_rate: float = 75.0, level: PainLevel | None = NONE) -> Stay:
        for _ in range(round(hours * 180)):
            if self.now % 900 == 0:
                self.cuff = self.random.gauss(120, 8)
            known = Signs(
                heart_rate=self.random.gauss(heart_rate, 4),
                respiratory_rate=self.random.gauss(16, 1),
                systolic=self.cuff,
                age_s={"heart_rate": 0.0, "respiratory_rate": 0.0, "systolic": self.now % 900},
            )
            self.state = learn(self.state, known, moment(self.now), level)
            self.now += 20
        return self

    def level(self, **values: float) -> float | None:
        return support(self.state, signs(**values), moment(self.now)).level


def test_two_signs_that_rise_against_this_patients_own_trend_support_pain() -> None:
    stay = Stay().live(6)
    assert stay.level(heart_rate=75, respiratory_rate=16, systolic=120) == 0
    assert stay.level(heart_rate=95, respiratory_rate=16, systolic=120) == 0.5
    assert stay.level(heart_rate=95, respiratory_rate=23, systolic=120) == 1
    assert stay.level(heart_rate=95, respiratory_rate=23, systolic=160) == 1
    found = support(stay.state, signs(heart_rate=81.0, respiratory_rate=13.0), moment(stay.now))
    assert found.reason is None
    assert found.changes == pytest.approx({"heart_rate": 2.0, "respiratory_rate": -2.0}, abs=0.15)
    assert found.level == pytest.approx(0.25, abs=0.03)


def test_without_signs_or_without_a_trend_the_level_is_not_known() -> None:
    new = support(AutonomicState(), signs(heart_rate=120.0), moment(0))
    assert (new.level, new.reason) == (None, "no-trend")
    away = support(Stay().live(6).state, Signs(), moment(6 * HOUR))
    assert (away.level, away.reason, away.changes) == (None, "no-vitals", {})


def test_the_trend_is_known_after_an_hour() -> None:
    stay = Stay().live(MIN_BINS * BIN_S / HOUR)
    assert stay.level(heart_rate=75.0) is None
    assert stay.live(0.01).level(heart_rate=75.0) == 0


def test_pain_and_the_time_after_it_are_not_learnt() -> None:
    stay = Stay().live(3)
    before = stay.state.trends
    stay.live(2, heart_rate=110, level=PAIN)
    stay.live(AFTER_PAIN_S / HOUR - 0.01, heart_rate=100)
    assert stay.state.trends == before
    stay.live(1)
    assert stay.state.trends["heart_rate"].centre == pytest.approx(75, abs=1)


def test_a_face_that_is_not_known_is_not_learnt() -> None:
    assert Stay().live(3, level=None).state.trends == {}


def test_an_hour_of_fever_among_six_and_an_artefact_hardly_move_the_trend() -> None:
    stay = Stay().live(5).live(1, heart_rate=110)
    artefact = signs(heart_rate=300.0)
    stay.state = learn(stay.state, artefact, moment(stay.now), NONE)
    trend = stay.live(0.2).state.trends["heart_rate"]
    assert trend.centre == pytest.approx(75, abs=1)
    assert trend.sd < 3


def test_a_value_of_the_cuff_is_learnt_once_however_often_it_is_looked_at() -> None:
    state = AutonomicState()
    for second in range(0, 3000, 10):
        state = learn(state, signs(age=second % 900, systolic=120.0 + second // 900), moment(second), NONE)
    trend = state.trends["systolic"]
    assert [mean for _, mean in trend.means] == [120, 121, 122]
    assert (trend.count, trend.total) == (1, 123)


def test_memory_is_bounded_and_the_past_is_forgotten() -> None:
    stay = Stay().live(30).live(24, heart_rate=60)
    trend = stay.state.trends["heart_rate"]
    assert len(trend.means) <= WINDOW_S / BIN_S + 1
    assert trend.centre == pytest.approx(60, abs=1)


def test_a_trend_that_is_a_day_old_is_none() -> None:
    stay = Stay().live(3).live(24.1, heart_rate=110, level=PAIN)
    assert support(stay.state, signs(heart_rate=110.0), moment(stay.now)).reason == "no-trend"


TREND = SignTrend(means=((0.0, 0.0),) * MIN_BINS, last=0.0)
CHANGES = st.dictionaries(st.sampled_from(sorted(FLOORS)), st.floats(-10, 10), min_size=1)


@given(CHANGES, st.data())
def test_a_higher_sign_never_lowers_the_level(changes: dict[str, float], data: st.DataObject) -> None:
    """Trends with centre 0 and the least spread, so that a value is its change in floors."""
    state = AutonomicState(dict.fromkeys(FLOORS, TREND))
    raised = data.draw(st.sampled_from(sorted(changes)))
    higher = changes | {raised: changes[raised] + data.draw(st.floats(0, 5))}
    lower_level, higher_level = (support(state, signs(**values), moment(1)).level for values in (changes, higher))
    assert lower_level is not None
    assert higher_level is not None
    assert 0 <= lower_level <= higher_level <= 1
