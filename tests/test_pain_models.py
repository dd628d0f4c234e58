"""Both pain models on the device: what they refuse, how the last seconds are gathered, what the shipped ones say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.infer.action_units import FEATURES, Expression
from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from npng_edge.infer.pain import FEWEST, HOLD_S, NUMBERS, RATE_HZ, STEPS, PainCourse, PainModel, TemporalPainModel
from npng_edge.infer.pipeline import OCCLUSION, PAIN, PAIN_TEMPORAL, Nets, Pipeline
from npng_edge.infer.runtime import Model, ModelError, Tensor
from npng_edge.settings import Seeing
from npng_edge.units import ACTION_UNITS, ActionUnits, EyeClosure, Frame

if TYPE_CHECKING:
    from npng_edge.infer.runtime import Array
    from npng_edge.units import Reading

CLIPS = Path(__file__).parents[1] / "clips"
SECONDS = STEPS / RATE_HZ


class _Still:
    """Has the shape of a model of one picture and says always the same."""

    inputs: tuple[Tensor, ...] = (
        Tensor("features", "float32", (1, FEATURES)),
        Tensor("units", "float32", (1, NUMBERS)),
    )
    outputs = (Tensor("probability", "float32", (1, 1)),)

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, *_: Array) -> tuple[Array, ...]:
        return (np.full((1, 1), self.value, np.float32),)


class _Seconds(_Still):
    """The same for some seconds; keeps what it was given."""

    inputs = (
        Tensor("features", "float32", (1, STEPS, FEATURES)),
        Tensor("units", "float32", (1, STEPS, NUMBERS)),
        Tensor("seen", "float32", (1, STEPS, 1)),
    )

    def __init__(self, value: float = 0.25) -> None:
        super().__init__(value)
        self.asked: list[tuple[Array, ...]] = []

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        self.asked.append(tuple(array[0].copy() for array in arrays))
        return super().__call__(*arrays)


def shipped(name: str) -> Model:
    return open_model(Manifest.load(default_models_directory() / FILE_NAME), name)


def face(au4: float = 0.0) -> Expression:
    units = ActionUnits(dict.fromkeys(ACTION_UNITS, 0.0) | {"AU4": au4}, EyeClosure(0.1, 0.2))
    return Expression(units, np.zeros((2, len(ACTION_UNITS)), np.float32), np.full(FEATURES, au4, np.float32))


def course() -> tuple[PainCourse, _Seconds]:
    model = _Seconds()
    return PainCourse(TemporalPainModel(model)), model


@pytest.mark.parametrize("kind", [PainModel, TemporalPainModel])
def test_refuses_a_model_of_another_kind(kind: type[PainModel | TemporalPainModel]) -> None:
    with pytest.raises(ModelError, match="this is no"):
        kind(shipped(OCCLUSION))


def test_what_is_not_a_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a number"):
        PainModel(_Still(float("nan"))).probability(face())


@pytest.mark.parametrize(("raw", "told"), [(-0.5, 0.0), (0.25, 0.25), (1.5, 1.0)])
def test_says_a_probability(raw: float, told: float) -> None:
    assert PainModel(_Still(raw)).probability(face()) == told


@pytest.mark.parametrize("rate", [2.0, 5.0, 7.0, 10.0, 15.0, 24.0])
def test_sees_the_same_seconds_at_any_rate(rate: float) -> None:
    """AU4 says how late it is: each step must hold what was newest then, at a rate of its own."""
    following, model = course()

    for k in range(int(8 * rate) + 1):
        following.see(100.0 + k / rate, face(k / rate / 2.0))

    _, units, seen = model.asked[-1]
    late = units[:, ACTION_UNITS.index("AU4")] * 2.0
    assert seen.all()
    assert np.allclose(late, np.arange(STEPS) / RATE_HZ + 8.0 - (STEPS - 1) / RATE_HZ, atol=max(1 / rate, 1 / RATE_HZ))
    assert len(model.asked) <= 8 * RATE_HZ + 1, "judged five times a second at the most"


def test_says_nothing_of_the_first_second_nor_without_a_face() -> None:
    following, _ = course()

    said = [following.see(k / RATE_HZ, face()) for k in range(FEWEST + 2)]

    assert said == [None] * (FEWEST - 1) + [0.25] * 3
    assert following.see((FEWEST + 2) / RATE_HZ, None) is None


def test_a_face_that_is_lost_for_a_moment_leaves_a_gap() -> None:
    following, model = course()

    for k in range(2 * STEPS):
        following.see(k / RATE_HZ, None if 25 <= k < 33 else face(1.0))

    features, units, seen = model.asked[-1]
    held = int(HOLD_S * RATE_HZ)
    assert seen[:, 0].tolist() == [1.0] * (5 + held) + [0.0] * (8 - held) + [1.0] * 7
    assert not features[seen[:, 0] == 0.0].any()
    assert not units[seen[:, 0] == 0.0].any()


@pytest.mark.parametrize("later", [SECONDS + 1.0, -5.0])
def test_begins_anew_after_a_long_absence_and_when_time_goes_back(later: float) -> None:
    following, model = course()
    for k in range(2 * STEPS):
        following.see(k / RATE_HZ, face(1.0))
    at = 2 * STEPS / RATE_HZ + later

    said = [following.see(at + k / RATE_HZ, face(2.0)) for k in range(FEWEST)]

    assert said[:-1] == [None] * (FEWEST - 1)
    assert model.asked[-1][2].sum() == FEWEST
    assert model.asked[-1][1].max() == 2.0


@given(st.lists(st.tuples(st.floats(0.0, 1.5), st.booleans()), max_size=60))
def test_whatever_comes_the_steps_stay_in_order(pictures: list[tuple[float, bool]]) -> None:
    following, model = course()
    now = 0.0

    for gap, there in pictures:
        now += gap
        said = following.see(now, face(min(now / 20.0, 5.0)) if there else None)
        assert said is None or there

    for _, units, seen in model.asked:
        steps = units[seen[:, 0] == 1.0, ACTION_UNITS.index("AU4")]
        assert (np.diff(steps) >= 0.0).all()
        assert len(steps) >= FEWEST


def test_the_origin_model_runs_on_the_device_as_well() -> None:
    assert 0.0 <= PainModel(shipped("pain-baseline")).probability(face()) <= 1.0


@pytest.fixture(scope="module")
def nets() -> Nets:
    return Nets.open(Seeing())


def watch(pipeline: Pipeline, clip: str, begin: float, end: float, every: int = 3) -> list[Reading]:
    """Some seconds of a clip at five pictures a second."""
    video, readings, number = cv2.VideoCapture(str(CLIPS / f"{clip}.mp4")), [], 0
    while (picture := video.read())[0] and number < end * 15.0:
        if number >= begin * 15.0 and number % every == 0:
            image = np.asarray(picture[1], np.uint8)
            readings.append(pipeline.read(Frame(number, number / 15.0, image)))
        number += 1
    return readings


def test_both_numbers_are_told_and_follow_the_synthetic_patient(nets: Nets) -> None:
    pipeline = Pipeline(Seeing(), nets)

    rest = watch(pipeline, "pain", 1.0, 5.0)
    pain = watch(pipeline, "pain", 8.5, 13.5)

    assert {PAIN, PAIN_TEMPORAL} <= set(pipeline.models)
    assert "pain-baseline" not in pipeline.models
    assert "pain" in pipeline.timings
    for name in ("pain_probability", "pain_temporal"):
        before, now = ([getattr(one, name) for one in part[FEWEST:]] for part in (rest, pain))
        assert max(before) < 0.5 < np.median(now)


def test_a_still_has_no_last_seconds(nets: Nets) -> None:
    _, image = cv2.VideoCapture(str(CLIPS / "rest.mp4")).read()

    reading = Pipeline(Seeing(), nets).read_still(Frame(0, 0.0, np.asarray(image, np.uint8)))

    assert reading.pain_probability is not None
    assert reading.pain_temporal is None


def test_a_score_is_not_lost_for_want_of_a_probability(nets: Nets, caplog: pytest.LogCaptureFixture) -> None:
    broken = Pipeline(Seeing(), replace(nets, pain=PainModel(_Still(float("nan")))))

    readings = watch(broken, "rest", 0.0, 2.0)

    assert all(one.action_units is not None and one.pain_probability is None for one in readings)
    assert len(caplog.records) == 1


def test_forgets_the_last_seconds_when_reset(nets: Nets) -> None:
    pipeline = Pipeline(Seeing(), nets)
    assert watch(pipeline, "rest", 0.0, 3.0)[-1].pain_temporal is not None

    pipeline.reset()

    assert watch(pipeline, "rest", 3.0, 3.5)[-1].pain_temporal is None
