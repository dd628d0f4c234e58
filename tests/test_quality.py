from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from npng_edge.infer.quality import FACE_IN_CROP, GATE, Measures, assess, outside, sharpness_and_exposure
from npng_edge.settings import Quality
from npng_edge.units import Pose, Reason

GOOD = {"width": 120.0, "sharpness": 0.5, "exposure": 0.5, "outside": 0.0, "occlusion": 0.0}
STRAIGHT = Pose(0.0, 0.0, 0.0)


def textured(seed: int = 1) -> npt.NDArray[np.uint8]:
    """A crop with detail of all sizes, like skin and features."""
    rng = np.random.default_rng(seed)
    scales = ((4, 40), (16, 18), (64, 18))
    layers = [cv2.resize(rng.normal(0, s, (n, n)), (112, 112), interpolation=cv2.INTER_CUBIC) for n, s in scales]
    return np.asarray(np.clip(128 + np.sum(layers, axis=0), 0, 255), np.uint8)


def test_a_good_face_passes_with_high_quality() -> None:
    quality, reasons = assess(Measures(**GOOD), STRAIGHT, Quality())

    assert reasons == ()
    assert quality == 1.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"width": 39.0}, Reason.TOO_SMALL),
        ({"sharpness": 0.14}, Reason.BLURRED),
        ({"exposure": 0.11}, Reason.DARK),
        ({"exposure": 0.93}, Reason.OVEREXPOSED),
        ({"outside": 0.2}, Reason.OUT_OF_FRAME),
        ({"occlusion": 0.41}, Reason.OCCLUDED),
    ],
)
def test_each_measure_beyond_its_limit_gives_its_reason(change: dict[str, float], reason: Reason) -> None:
    quality, reasons = assess(Measures(**(GOOD | change)), STRAIGHT, Quality())

    assert reasons == (reason,)
    assert quality < GATE


@pytest.mark.parametrize("pose", [Pose(46, 0, 0), Pose(-46, 0, 0), Pose(0, 36, 0), Pose(0, -36, 0)])
def test_a_face_turned_beyond_the_limit_is_turned_away(pose: Pose) -> None:
    assert assess(Measures(**GOOD), pose, Quality())[1] == (Reason.TURNED_AWAY,)


def test_roll_alone_never_fails() -> None:
    assert assess(Measures(**GOOD), Pose(0, 0, 180), Quality()) == (1.0, ())


def test_the_worst_reason_comes_first_and_sets_the_quality() -> None:
    seen = Measures(**(GOOD | {"width": 38.0, "exposure": 0.01}))

    quality, reasons = assess(seen, STRAIGHT, Quality())

    assert reasons == (Reason.DARK, Reason.TOO_SMALL)
    assert quality == pytest.approx(0.5 * 0.01 / 0.12)


def test_a_limit_of_zero_switches_a_lower_gate_off() -> None:
    assert assess(Measures(**(GOOD | {"sharpness": 0.0})), STRAIGHT, Quality(min_sharpness=0.0))[1] == ()


def test_blur_lowers_sharpness_and_brightness_does_not() -> None:
    crisp = textured()
    darker = (crisp * 0.6).astype(np.uint8)
    blurred = [np.asarray(cv2.GaussianBlur(crisp, (0, 0), sigma), np.uint8) for sigma in (0.5, 2.0, 4.0, 7.0)]
    values = [sharpness_and_exposure(drawn)[0] for drawn in blurred]

    assert values == sorted(values, reverse=True)
    assert values[-1] < Quality().min_sharpness < values[0]
    assert sharpness_and_exposure(darker)[0] == pytest.approx(sharpness_and_exposure(crisp)[0], rel=0.1)


def test_exposure_is_the_mean_luminance_of_the_face_only() -> None:
    crop = np.full((112, 112), 255, np.uint8)
    crop[FACE_IN_CROP] = 51

    assert sharpness_and_exposure(crop)[1] == pytest.approx(0.2, abs=0.005)


def test_a_flat_face_has_no_sharpness_and_no_error() -> None:
    assert sharpness_and_exposure(np.full((112, 112), 80, np.uint8))[0] == 0.0


def test_outside_is_the_part_of_the_mesh_beyond_the_edge() -> None:
    mesh = np.zeros((468, 3), np.float32)
    mesh[:, 0], mesh[:, 1] = np.linspace(-50, 49, 468), 20

    assert outside(mesh, (100, 100)) == pytest.approx(0.5, abs=0.01)
    assert outside(np.abs(mesh), (100, 100)) == 0.0
