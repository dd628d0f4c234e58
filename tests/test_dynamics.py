from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_samples import REST, series, units

from npng_edge.policy.happening.dynamics import CHANNELS, HISTOGRAM_SIZE, dynamics
from npng_edge.units import ACTION_UNITS, EyeClosure

if TYPE_CHECKING:
    from npng_edge.policy.happening.episode import Dynamics, Sample, UnitDynamics


def measured(samples: list[Sample]) -> Dynamics:
    found = dynamics(samples)
    assert found is not None
    assert tuple(unit.unit for unit in found.units) == CHANNELS
    return found


def of(found: Dynamics, name: str) -> UnitDynamics:
    return found.units[CHANNELS.index(name)]


def ramp(time: float) -> float:
    """Up from the 10th second with 2 per second to 4, held to the 16th, down with 1 per second to the 20th."""
    return max(0.0, min(2.0 * (time - 10.0), 4.0, 20.0 - time))


def test_speeds_duration_and_peak_of_one_event() -> None:
    found = measured(series(0.0, 40.0, lambda t: {"intensity": units(AU4=1.0 + ramp(t))}))
    brow = of(found, "AU4")

    assert (brow.events, brow.peak) == (1, pytest.approx(4.0))
    assert brow.onset_speed == pytest.approx(2.0, rel=0.2), "the half second before the rise counts with it"
    assert brow.offset_speed == pytest.approx(1.0)
    assert brow.duration_s == pytest.approx(9.5, abs=0.5), "above 0.5: from 10.25 to 19.5"
    assert brow.interval_cv is None, "one event has no regularity"
    assert found.seconds == 40.0
    assert found.seen == 1.0
    assert all(of(found, name).events == 0 and of(found, name).peak == 0.0 for name in ("AU12", "AU43", "mouth"))


def mouth(opens: list[float], lasts: float) -> list[Sample]:
    def intensity(time: float) -> dict[str, object]:
        return {"intensity": units(AU25=3.0 if any(t <= time < t + lasts for t in opens) else 0.0)}

    return series(0.0, 60.0, intensity)


def test_a_clock_and_a_living_mouth() -> None:
    rng = random.Random(2)  # noqa: S311 - a made-up mouth
    clock = of(measured(mouth([5.0 + 5.0 * k for k in range(10)], 1.5)), "mouth")
    living = of(measured(mouth([5.0 + 5.0 * k + rng.uniform(-1.5, 1.5) for k in range(10)], 1.5)), "mouth")

    assert clock.events == living.events == 10
    assert clock.interval_cv == clock.duration_cv == 0.0
    assert living.interval_cv is not None
    assert living.interval_cv > 0.15


def test_what_is_cut_off_has_no_speed() -> None:
    """Unseen from the 12th to the 15th second: the event's end was not seen, and where it goes on its begin."""
    hidden = [
        replace(s, pspi=None, above=None, intensity=None, eyes=None) if 12.0 <= s.time < 15.0 else s
        for s in series(0.0, 40.0, lambda t: {"intensity": units(AU4=ramp(t))})
    ]
    brow = of(measured(hidden), "AU4")

    assert brow.events == 2
    assert (brow.onset_speed, brow.offset_speed, brow.duration_s) == (None, None, None)
    assert measured(hidden).seen == pytest.approx(74 / 80)


def test_event_areas_go_to_their_bins() -> None:
    """A square of 3 for 2 s every 8 s: in the middle band (2 s less 8 s) the positive areas are all alike."""
    found = of(measured(mouth([4.0 + 8.0 * k for k in range(7)], 2.0)), "AU25")

    assert len(found.histogram) == HISTOGRAM_SIZE == 36
    positive, negative = found.histogram[12:18], found.histogram[18:24]
    assert sum(positive) == pytest.approx(7, abs=1)
    assert sum(positive) - max(positive) <= 1
    assert abs(sum(positive) - sum(negative)) <= 1
    assert sum(of(measured(series(0.0, 60.0)), "AU25").histogram) == 0, "nothing moves, nothing is counted"


def test_coincidence_and_symmetry() -> None:
    def together(time: float) -> dict[str, object]:
        pain, late = 10.0 <= time < 20.0, 15.0 <= time < 25.0
        closed = EyeClosure(0.9, 0.7) if late else EyeClosure(0.0, 0.1)
        return {"intensity": units(AU4=2.0 * pain, AU7=2.0 * pain, AU10=2.0 * late), "eyes": closed}

    found = measured(series(0.0, 60.0, together))
    shares = {(pair.one, pair.other): pair.share for pair in found.overlaps}

    assert shares[("AU4", "AU6/7")] == 1.0
    assert shares[("AU4", "AU9/10")] == pytest.approx(1 / 3, abs=0.01)
    assert shares[("AU9/10", "AU43")] == 1.0
    assert found.eye_symmetry == pytest.approx(0.8)
    assert measured(series(0.0, 20.0)).overlaps == ()
    assert measured(series(0.0, 20.0)).eye_symmetry is None


def test_too_little_is_not_measured() -> None:
    assert dynamics([]) is None
    assert dynamics(series(0.0, 4.5)) is None
    assert dynamics([replace(s, intensity=None, eyes=None, pspi=None) for s in series(0.0, 60.0)]) is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.none() | st.tuples(*[st.floats(0.0, 5.0)] * 2, st.floats(0.0, 1.0)), min_size=10, max_size=80),
    st.integers(1, 4),
)
def test_any_face_is_measured(faces: list[tuple[float, float, float] | None], stride: int) -> None:
    samples = [
        replace(
            REST,
            time=0.5 * stride * k,
            intensity=None if face is None else tuple([face[0], face[1]] * (len(ACTION_UNITS) // 2)),
            eyes=None if face is None else EyeClosure(face[2], face[2]),
        )
        for k, face in enumerate(faces)
    ]

    found = dynamics(samples)

    if found is None:
        assert sum(face is not None for face in faces) < 10
        return
    assert 0.0 < found.seen <= 1.0
    for unit in found.units:
        figures = (unit.peak, unit.onset_speed, unit.offset_speed, unit.duration_s, unit.interval_cv, unit.duration_cv)
        assert all(figure is None or (math.isfinite(figure) and figure >= 0.0) for figure in figures)
        assert min(unit.histogram) >= 0
    assert all(0.0 <= pair.share <= 1.0 for pair in found.overlaps)
