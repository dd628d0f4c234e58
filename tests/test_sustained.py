from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.capture.frames import frames
from npng_edge.infer.pipeline import Pipeline
from npng_edge.policy import monitor
from npng_edge.policy.alarm.sustained import HOLD_S, Sustained, step
from npng_edge.policy.events import Arrived, Seen
from npng_edge.policy.stays.profile import Profile
from npng_edge.settings import Policy, Settings
from npng_edge.units import Change, Moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npng_edge.units import Reading

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "real" / "distress_then_smile.mp4"

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


@pytest.mark.parametrize("rate", [1.0, 2.0, 3.0, 4.8, 7.0, 10.0, 15.0])
@pytest.mark.parametrize("pattern", [(True,), (True, None), (True, True, None), (True, None, None)])
def test_the_delay_is_of_the_time_that_speaks_for_it_at_any_rate(rate: float, pattern: tuple[bool | None, ...]) -> None:
    state, number = Sustained(), 0
    while not state.on:
        evidence = pattern[number % len(pattern)]
        state = step(state, number / rate, evidence=evidence, on_delay=4.0, off_delay=3.0)
        number += 1
    share = sum(1 for one in pattern if one) / len(pattern)
    assert (number - 1) / rate == pytest.approx(4.0 / share, abs=len(pattern) / rate)
    assert state.onset == 0.0


def raised(readings: Sequence[Reading]) -> list[float]:
    """When `pain` is raised for a patient who lay there before the clip begins."""
    settings = Policy.model_validate({"pain": {"warm_up_s": 0.0}})
    state, _ = monitor.step(
        monitor.begin("clip"), Arrived(Profile("clip", "clip", 0.0)), Moment(0.0, 0.0, None), settings
    )
    times = []
    for reading in readings:
        state, decisions = monitor.step(state, Seen(reading), Moment(reading.time, reading.time, None), settings)
        times += [
            made.time
            for made in decisions.transitions
            if made.alarm.condition == "pain" and made.change is Change.RAISED
        ]
    return times


@pytest.mark.shared
def test_the_real_distress_is_alarmed_whichever_of_its_pictures_are_read() -> None:
    if not REAL.exists():
        pytest.skip(f"needs {REAL.name} of the shared material")
    pipeline = Pipeline(Settings().seeing)
    readings = [pipeline.read(frame) for frame in frames(Settings().camera, f"file:{REAL}")]
    thinned = {(every, first): raised(readings[first::every]) for every in range(1, 13) for first in range(every)}
    # 2.8 s of distress from 1.1 s on, with a hand before the face; the laugh begins at 9.5 s.
    assert all(len(times) <= 1 and all(time < 5.0 for time in times) for times in thinned.values())
    # 24 pictures a second: from 2.4 a second on, whichever they are; below, most times.
    assert all(times for (every, _), times in thinned.items() if every <= 10)
    assert sum(bool(times) for times in thinned.values()) >= 70
