"""Comparing the sides of a face on the device: what the model refuses, how looks are taken together, what is said."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.infer.align import CROP
from npng_edge.infer.asymmetry import (
    EVERY_S,
    KEPT_S,
    MAX_YAW_DEG,
    OVER_S,
    REGIONS,
    Asymmetry,
    AsymmetryModel,
    AsymmetryWatch,
    Sides,
)
from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from npng_edge.infer.pipeline import ASYMMETRY, OCCLUSION, Nets, Pipeline
from npng_edge.infer.runtime import Model, ModelError, Tensor
from npng_edge.policy.face import scoring
from npng_edge.settings import Policy, Seeing
from npng_edge.units import Frame, Pose, Reading

if TYPE_CHECKING:
    from npng_edge.infer.runtime import Array

CLIPS = Path(__file__).parents[1] / "clips"


class _Said:
    """Has the shape of an asymmetry model and says what it is told to."""

    inputs = (
        Tensor("crop", "uint8", (1, CROP, CROP)),
        Tensor("landmarks", "float32", (1, 468, 3)),
    )
    outputs = (Tensor("score", "float32", (1,)), Tensor("lost", "float32", (1, 2, 3)))

    def __init__(self, *values: float) -> None:
        self.values = list(values)
        self.asked = 0

    def __call__(self, *_: Array) -> tuple[Array, ...]:
        value = self.values[min(self.asked, len(self.values) - 1)]
        self.asked += 1
        return np.full(1, value, np.float32), np.full((1, 2, 3), value, np.float32)


def shipped(name: str) -> Model:
    return open_model(Manifest.load(default_models_directory() / FILE_NAME), name)


def face(yaw: float = 0.0, pitch: float = 0.0) -> Sides:
    crop = np.random.default_rng(1).integers(0, 255, (112, 112)).astype(np.uint8)
    return Sides(np.zeros((468, 3), np.float32), crop, Pose(yaw, pitch, 0.0))


def watch(model: _Said) -> AsymmetryWatch:
    return AsymmetryWatch(AsymmetryModel(model))


def probability(found: Asymmetry | None) -> float:
    assert found is not None
    return found.probability


def test_refuses_a_model_of_another_kind() -> None:
    with pytest.raises(ModelError, match="no asymmetry model"):
        AsymmetryModel(shipped(OCCLUSION))


def test_what_is_not_a_number_is_an_error() -> None:
    one = face()
    with pytest.raises(ValueError, match="not a number"):
        AsymmetryModel(_Said(float("nan"))).score(one.crop, one.mesh)


def test_looks_once_a_second_whatever_the_rate() -> None:
    model = _Said(0.0)
    one = watch(model)

    found = {one.see(k / 10.0, face()) for k in range(35)}

    assert model.asked == 4
    assert {probability(asymmetry) for asymmetry in found} == {0.5}


def test_takes_the_looks_of_ten_seconds_together() -> None:
    one = watch(_Said(10.0, 0.0))

    said = [probability(one.see(float(second), face())) for second in range(14)]

    assert said[:10] == pytest.approx([1.0 / (1.0 + math.exp(-10.0 / (k + 1))) for k in range(10)])
    assert said[10:] == [0.5] * 4
    assert OVER_S == 10.0


def test_a_turned_head_is_not_judged_and_the_last_looks_stand_for_a_moment() -> None:
    model = _Said(0.0)
    one = watch(model)
    one.see(0.0, face())

    assert probability(one.see(EVERY_S, face(yaw=MAX_YAW_DEG + 1.0))) == 0.5
    assert one.see(EVERY_S, None) is None, "a face that is not scored has no asymmetry"
    assert one.see(KEPT_S + 0.1, face(pitch=-30.0)) is None
    assert model.asked == 1


def test_another_face_starts_anew_and_so_does_a_clock_that_went_back() -> None:
    one = watch(_Said(100.0, 0.0, -100.0))
    one.see(100.0, face())
    one.reset()

    assert probability(one.see(100.1, face())) == 0.5
    assert probability(one.see(3.0, face())) == pytest.approx(0.0)


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=2, max_size=2))
def test_names_the_weaker_side_and_at_least_one_region(lost: list[list[float]]) -> None:
    side, _, regions = Asymmetry(0.9, tuple(map(tuple, lost))).weaker.partition(" ")

    assert side == ("left" if sum(lost[0]) >= sum(lost[1]) else "right")
    assert any(region in regions for region in REGIONS)


def test_names_the_regions_that_have_lost_much() -> None:
    assert Asymmetry(0.9, ((0.1, 0.2, 0.0), (0.8, 0.35, 0.1))).weaker == "right mouth and eye"
    assert Asymmetry(0.9, ((0.2, 0.1, 0.1), (0.0, 0.0, 0.0))).weaker == "left mouth"
    assert Asymmetry(0.9, ((0.9, 0.9, 0.9), (0.0, 0.0, 0.0))).weaker == "left mouth, eye and brow"


def test_the_shipped_model_does_not_prefer_a_side() -> None:
    """What it says of a face it says of the mirror image with the sides changed."""
    model = AsymmetryModel(shipped(ASYMMETRY))
    rng = np.random.default_rng(3)
    flat = np.zeros((468, 3), np.float32)
    crop = cv2.GaussianBlur(rng.integers(0, 255, (CROP, CROP)).astype(np.uint8), None, 2.0)
    turned = np.ascontiguousarray(crop[:, ::-1])
    even = np.concatenate([crop[:, : CROP // 2], turned[:, CROP // 2 :]], axis=1)

    one, other, same = (model.score(seen, flat) for seen in (crop, turned, even))

    assert one.score == pytest.approx(other.score, abs=1e-3)
    np.testing.assert_allclose(one.lost, other.lost[::-1], atol=1e-3)
    assert one.score != pytest.approx(same.score, abs=0.1), "the crop is looked at"
    np.testing.assert_allclose(*same.lost, atol=1e-3, err_msg="a face that is its own mirror image has no weaker side")


def test_the_synthetic_patient_is_read_once_a_second_and_no_failure_costs_the_score() -> None:
    nets = Nets.open(Seeing())
    pipeline, broken = Pipeline(Seeing(), nets), Pipeline(Seeing(), nets)
    broken._watch = watch(_Said(float("nan")))
    video = cv2.VideoCapture(str(CLIPS / "patient.mp4"))
    images = [np.asarray(video.read()[1], np.uint8) for _ in range(20)]

    readings = [pipeline.read(Frame(k, k / 15.0, image)) for k, image in enumerate(images)]

    said = [reading.asymmetry for reading in readings]
    assert None not in said
    assert len(set(said)) == 2, "two looks in one and a third seconds"
    assert all(0.0 <= one <= 1.0 for one in said if one is not None)
    failed = broken.read(Frame(0, 0.0, images[0]))
    assert failed.action_units is not None
    assert failed.asymmetry is None


@pytest.mark.parametrize(("above", "weaker", "cause"), [
    (0.4, "right mouth and eye", "by 0.40; weaker: right mouth and eye."),
    (0.4, None, "by 0.40."),
    (0.1, "left mouth", ""),
])  # fmt: skip
def test_the_alarm_says_where_the_face_is_weaker(above: float, weaker: str | None, cause: str) -> None:
    reading = Reading(1, 0.0, 1, None, None, asymmetry=above, weaker=weaker)

    found = scoring._asymmetric(SimpleNamespace(asymmetry=above), reading, Policy())  # type: ignore[arg-type]

    assert found.condition == "facial-asymmetry"
    assert found.evidence is (above >= Policy().alarms.asymmetry)
    assert found.cause.endswith(cause)
    assert bool(found.cause) is bool(cause)
