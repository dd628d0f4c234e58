from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from npng_edge.policy.vital.vital_signs import IDS, Signs, VitalState, current, stale_after, stale_evidence, take
from npng_edge.requests import Refusal, RefusalReason
from npng_edge.settings import Vitals as VitalsSettings
from npng_edge.units import Moment
from npng_edge.vitals import SIGNS, Consciousness, Vitals

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
SETTINGS = VitalsSettings(expected=True)


def moment(seconds: float, wall_clock_error: float = 0.0) -> Moment:
    """So many seconds after noon, 1000 s into the run."""
    return Moment(1000.0 + seconds, NOON.timestamp() + seconds + wall_clock_error, synchronised=True)


def vitals(seconds: float, id_: str | None = None, **values: Any) -> Vitals:
    return Vitals(id=id_ or f"v{seconds}", source="monitor", at=NOON + timedelta(seconds=seconds), **values)


def taken(state: VitalState, message: Vitals, now: Moment) -> VitalState:
    after = take(state, message, now, SETTINGS)
    assert isinstance(after, VitalState), after
    return after


def test_each_sign_keeps_its_newest_value_with_its_age() -> None:
    state = taken(VitalState(), vitals(0, heart_rate=80, systolic=120, diastolic=70, oxygen=False), moment(2))
    state = taken(state, vitals(30, heart_rate=90, consciousness="alert"), moment(30))
    signs = current(state, moment(40), SETTINGS)
    assert (signs.heart_rate, signs.systolic, signs.oxygen) == (90, 120, False)
    assert signs.consciousness is Consciousness.ALERT
    assert signs.spo2 is None
    assert signs.stale == ()
    assert signs.age_s == pytest.approx(
        {"heart_rate": 10, "systolic": 40, "diastolic": 40, "oxygen": 40, "consciousness": 10}
    )


@pytest.mark.parametrize(
    ("sign", "value", "limit"),
    [
        ("heart_rate", 80, 120),
        ("respiratory_rate", 0, 120),
        ("spo2", 97, 120),
        ("systolic", 120, 3600),
        ("diastolic", 70, 3600),
        ("temperature", 37.0, 14400),
        ("oxygen", False, 14400),
        ("consciousness", "alert", 14400),
        ("sedation", "2", 14400),
    ],
)
def test_a_sign_is_unknown_once_it_is_too_old(sign: str, value: Any, limit: float) -> None:
    state = taken(VitalState(), vitals(0, **{sign: value}), moment(0))
    fresh, old = current(state, moment(limit), SETTINGS), current(state, moment(limit + 0.1), SETTINGS)
    assert getattr(fresh, sign) == value
    assert fresh.stale == ()
    assert getattr(old, sign) is None
    assert old.stale == (sign,)
    assert old.age_s[sign] == pytest.approx(limit + 0.1)
    assert stale_after(sign, SETTINGS) == limit


def test_an_older_measurement_that_comes_later_replaces_nothing_newer() -> None:
    state = taken(VitalState(), vitals(50, heart_rate=110), moment(50))
    state = taken(state, vitals(20, heart_rate=70, spo2=95), moment(60))
    signs = current(state, moment(60), SETTINGS)
    assert signs.heart_rate == 110
    assert signs.spo2 == 95
    assert signs.age_s["spo2"] == pytest.approx(40)


def test_the_same_message_twice_is_one_message() -> None:
    once = taken(VitalState(), vitals(0, "a", heart_rate=80), moment(0))
    assert take(once, vitals(0, "a", heart_rate=80), moment(100), SETTINGS) is once
    assert take(once, vitals(90, "a", heart_rate=99), moment(100), SETTINGS) is once


def test_nothing_measured_changes_nothing() -> None:
    assert take(VitalState(), vitals(0), moment(0), SETTINGS) == VitalState()


def test_a_message_from_the_future_is_refused() -> None:
    assert isinstance(take(VitalState(), vitals(5, heart_rate=80), moment(0), SETTINGS), VitalState)
    refusal = take(VitalState(), vitals(6, heart_rate=80), moment(0), SETTINGS)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is RefusalReason.OUT_OF_TIME
    assert "6 s ahead" in refusal.detail


def test_a_message_is_refused_only_when_all_of_it_is_too_old() -> None:
    assert isinstance(take(VitalState(), vitals(0, heart_rate=80), moment(121), SETTINGS), Refusal)
    state = taken(VitalState(), vitals(0, heart_rate=80, systolic=120), moment(121))
    signs = current(state, moment(121), SETTINGS)
    assert (signs.heart_rate, signs.systolic) == (None, 120)
    assert signs.stale == ("heart_rate",)


def test_a_measurement_from_slightly_ahead_is_not_younger_than_now() -> None:
    state = taken(VitalState(), vitals(4, heart_rate=80), moment(0))
    assert current(state, moment(0), SETTINGS).age_s["heart_rate"] == 0
    assert current(state, moment(120.5), SETTINGS).heart_rate is None


def test_a_wall_clock_that_is_set_makes_nothing_younger_or_older() -> None:
    state = taken(VitalState(), vitals(0, heart_rate=80), moment(10))
    for error in (-86_400.0, 0.0, 86_400.0):
        signs = current(state, moment(60, error), SETTINGS)
        assert signs.age_s["heart_rate"] == pytest.approx(60)


def test_a_wrong_wall_clock_makes_values_unknown_and_never_fresh() -> None:
    behind, ahead = moment(0, -600), moment(0, 600)
    assert isinstance(take(VitalState(), vitals(0, heart_rate=80), behind, SETTINGS), Refusal)
    assert isinstance(take(VitalState(), vitals(0, heart_rate=80), ahead, SETTINGS), Refusal)


def test_a_monitor_whose_clock_ran_ahead_is_heard_again_when_its_last_value_is_old() -> None:
    state = taken(VitalState(), vitals(3600, heart_rate=80), moment(0, 3600))
    state = taken(state, vitals(10, heart_rate=70), moment(10))
    assert current(state, moment(10), SETTINGS).heart_rate == 80
    state = taken(state, vitals(121, heart_rate=71), moment(121))
    assert current(state, moment(121), SETTINGS).heart_rate == 71


def test_memory_is_bounded() -> None:
    state = VitalState()
    for n in range(3 * IDS):
        state = taken(state, vitals(n, heart_rate=60 + n % 40), moment(n))
    assert len(state.ids) == IDS
    assert len(state.newest) == 1


def test_what_a_monitor_sends_is_missed_when_it_stops() -> None:
    assert stale_evidence(Signs(), SETTINGS) == (True, "No vital signs have come from the monitor.")
    state = taken(VitalState(), vitals(0, heart_rate=80, spo2=97), moment(0))
    assert stale_evidence(current(state, moment(60), SETTINGS), SETTINGS) == (False, "")
    state = taken(state, vitals(100, heart_rate=80, temperature=37), moment(100))
    assert stale_evidence(current(state, moment(130), SETTINGS), SETTINGS) == (True, "No new value of: spo2.")
    assert stale_evidence(current(state, moment(130), SETTINGS), VitalsSettings(expected=False)) == (False, "")


def test_what_a_person_enters_is_not_missed_here() -> None:
    state = taken(VitalState(), vitals(0, temperature=37, consciousness="alert"), moment(0))
    state = taken(state, vitals(20_000, heart_rate=80), moment(20_000))
    signs = current(state, moment(20_000), SETTINGS)
    assert set(signs.stale) == {"temperature", "consciousness"}
    assert stale_evidence(signs, SETTINGS) == (False, "")


@pytest.mark.parametrize(
    ("sign", "good", "bad"),
    [
        ("heart_rate", (10, 350), (0, 9.9, 351, -1)),
        ("respiratory_rate", (0, 150), (-0.1, 151)),
        ("spo2", (1, 100), (0, 100.1, 300)),
        ("systolic", (20, 300), (19, 301)),
        ("diastolic", (10, 250), (9, 251)),
        ("temperature", (20, 45), (19, 45.1, 98.6)),
    ],
)
def test_values_outside_their_range_are_refused(sign: str, good: tuple[float, ...], bad: tuple[float, ...]) -> None:
    for value in good:
        assert getattr(vitals(0, **{sign: value}), sign) == value
    for value in (*bad, float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            vitals(0, **{sign: value})


def test_pressures_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="diastolic must be below systolic"):
        vitals(0, systolic=80, diastolic=80)


def test_the_states_of_signs_are_all_the_signs_of_the_message() -> None:
    assert set(SIGNS) == set(Signs.__dataclass_fields__) - {"stale", "age_s"}
    assert set(SIGNS) == set(Vitals.model_fields) - {"schema_", "id", "source", "at"}


def test_thresholds_out_of_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="medium_news2"):
        VitalsSettings(medium_news2=8, high_news2=7)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 130), st.integers(40, 180)), min_size=1, max_size=12))
def test_whatever_order_messages_come_in_the_newest_measurement_is_current(
    messages: list[tuple[int, int, int]],
) -> None:
    """(measured at, on its way for, value): delays up to 130 s, longer than a heart rate stays fresh."""
    state, arrived = VitalState(), []
    for number, (at, delay, value) in enumerate(sorted(messages, key=lambda m: m[0] + m[1])):
        now = at + delay
        after = take(state, vitals(at, str(number), heart_rate=value), moment(now), SETTINGS)
        assert isinstance(after, Refusal) == (delay > 120)
        if isinstance(after, VitalState):
            state = after
            arrived.append((at, value))
        signs = current(state, moment(now), SETTINGS)
        fresh = {value for at, value in arrived if at == max(a for a, _ in arrived) and now - at <= 120}
        assert signs.heart_rate in fresh if fresh else signs.heart_rate is None
