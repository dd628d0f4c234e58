from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from npng_edge.infer.mesh import MARGIN, OUTLINE, POINTS, SIDE, FaceMesh, Region, bounds
from npng_edge.infer.runtime import Tensor
from npng_edge.units import Box

if TYPE_CHECKING:
    import numpy.typing as npt

    from npng_edge.infer.runtime import Array


class Net:
    """Answers with a fixed mesh; keeps what it was given."""

    inputs = (Tensor("input_1", "float32", (1, SIDE, SIDE, 3)),)
    outputs = (Tensor("mesh", "float32", (1, 1, 1, 3 * POINTS)), Tensor("flag", "float32", (1, 1, 1, 1)))

    def __init__(self, mesh: npt.NDArray[np.float32], flag: float = 0.0) -> None:
        self.mesh, self.flag = mesh, flag
        self.given: Any = None

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        self.given = arrays[0].copy()
        return self.mesh.reshape(1, 1, 1, -1), np.full((1, 1, 1, 1), self.flag, np.float32)


def oval(x: float, y: float, width: float, height: float, roll: float) -> npt.NDArray[np.float32]:
    """A mesh whose outline is an ellipse; the other points lie inside."""
    mesh = np.zeros((POINTS, 3), np.float32)
    angles = np.linspace(0, 2 * math.pi, len(OUTLINE), endpoint=False)
    mesh[list(OUTLINE), 0], mesh[list(OUTLINE), 1] = np.sin(angles) * width / 2, -np.cos(angles) * height / 2
    mesh[33, 0], mesh[263, 0] = -width / 4, width / 4
    cos, sin = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    mesh[:, :2] = mesh[:, :2] @ np.array([[cos, sin], [-sin, cos]], np.float32) + (x, y)
    return mesh


@pytest.mark.parametrize("roll", [-170.0, -90.0, -20.0, 0.0, 45.0, 135.0])
def test_the_next_region_follows_the_head_at_any_roll(roll: float) -> None:
    region = Region.of(oval(320, 200, 90, 120, roll))

    assert (region.x, region.y) == pytest.approx((320, 200), abs=0.1)
    assert region.size == pytest.approx(MARGIN * 120, rel=0.01)
    assert region.roll == pytest.approx(roll, abs=0.1)


def test_a_region_around_a_box_keeps_its_middle() -> None:
    assert Region.around(Box(100, 50, 80, 100), 30.0) == Region(140, 100, 150, 30.0)


@pytest.mark.parametrize("roll", [0.0, 37.0, 90.0, -120.0])
def test_the_net_sees_the_region_upright_in_rgb(roll: float) -> None:
    """A picture whose left half, as the turned head sees it, is blue."""
    image = np.zeros((400, 500, 3), np.uint8)
    yy, xx = np.mgrid[0:400, 0:500]
    along = (xx - 250) * math.cos(math.radians(roll)) + (yy - 200) * math.sin(math.radians(roll))
    image[along < 0] = (255, 0, 0)
    net = Net(np.zeros((POINTS, 3), np.float32))

    fit = FaceMesh(net).fit(image, Region(250, 200, 150, roll))

    assert net.given.shape == (1, SIDE, SIDE, 3)
    assert net.given[0, :, :90] == pytest.approx(np.broadcast_to((0, 0, 1), (SIDE, 90, 3)), abs=0.01)
    assert net.given[0, :, 102:].max() == 0.0
    assert fit.drawn[96, 20].tolist() == [255, 0, 0]


def test_landmarks_come_back_in_image_pixels() -> None:
    mesh = np.zeros((POINTS, 3), np.float32)
    middle = (SIDE - 1) / 2
    mesh[:, :2] = middle
    mesh[0] = (middle + 96, middle, 48)
    fit = FaceMesh(Net(mesh)).fit(np.zeros((400, 500, 3), np.uint8), Region(250, 200, 384, 90))

    assert fit.landmarks[0] == pytest.approx((250, 200 + 192, 96), abs=0.01)
    assert fit.landmarks[1] == pytest.approx((250, 200, 0), abs=0.01)
    assert fit.in_drawn[0] == pytest.approx((middle + 96, middle, 48))


@pytest.mark.parametrize(("flag", "presence"), [(0.0, 0.5), (1e6, 1.0), (-1e6, 0.0)])
def test_presence_is_a_probability(flag: float, presence: float) -> None:
    net = Net(np.zeros((POINTS, 3), np.float32), flag)

    assert FaceMesh(net).fit(np.zeros((50, 50, 3), np.uint8), Region(25, 25, 40, 0)).presence == pytest.approx(presence)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_numbers_are_an_error(bad: float) -> None:
    mesh = np.zeros((POINTS, 3), np.float32)
    mesh[200, 1] = bad

    with pytest.raises(ValueError, match="not numbers"):
        FaceMesh(Net(mesh)).fit(np.zeros((50, 50, 3), np.uint8), Region(25, 25, 40, 0))


def test_a_region_outside_the_picture_is_drawn_from_its_edge() -> None:
    net = Net(np.zeros((POINTS, 3), np.float32))
    image = np.full((50, 50, 3), 51, np.uint8)

    FaceMesh(net).fit(image, Region(500, -300, 40, 20))

    assert net.given == pytest.approx(np.full((1, SIDE, SIDE, 3), 0.2), abs=1e-3)


def test_bounds_hold_the_outline() -> None:
    box = bounds(oval(320, 200, 90, 120, 0))

    assert (box.x, box.y, box.width, box.height) == pytest.approx((275, 140, 90, 120), abs=0.5)


def test_drawing_and_image_pixels_agree_at_the_centre() -> None:
    drawn_to_image = Region(100, 60, 96, 25).to_image(SIDE)

    assert drawn_to_image @ np.array([95.5, 95.5, 1.0]) == pytest.approx((100, 60))
    assert cv2.invertAffineTransform(drawn_to_image) @ np.array([100, 60, 1.0]) == pytest.approx((95.5, 95.5))
