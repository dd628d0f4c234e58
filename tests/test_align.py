"""The aligned crop must not depend on where, how large and how rolled the face is in the picture."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from npng_edge.infer import align as aligning
from npng_edge.infer.align import CENTRE_IN_CROP, CROP, PIXELS_PER_UNIT, RIGID, align, normalise_landmarks, place

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


def face(size: float = 90.0, at: tuple[float, float] = (200.0, 160.0)) -> tuple[Bytes, Floats]:
    """A smooth picture with a mesh on it: random points, but the rigid ones as on the mean face, turned a little."""
    rng = np.random.default_rng(3)
    coarse = rng.uniform(20, 235, (24, 24, 3)).astype(np.float32)
    picture = np.clip(cv2.resize(coarse, (400, 320), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
    points = rng.uniform(-0.8, 0.8, (468, 3))
    points[list(RIGID)] = aligning._MEAN_FACE
    yaw = math.radians(12)
    turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    return picture, (points @ turn.T * size + [*at, 0.0]).astype(np.float32)


def moved(picture: Bytes, mesh: Floats, angle: float, scale: float, shift: tuple[float, float]) -> tuple[Bytes, Floats]:
    matrix = cv2.getRotationMatrix2D((200.0, 160.0), -angle, scale)
    matrix[:, 2] += np.array([300.0, 340.0]) + shift
    picture = np.asarray(cv2.warpAffine(picture, matrix, (1000, 1000), flags=cv2.INTER_CUBIC), np.uint8)
    xy = mesh[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return picture, np.column_stack([xy, mesh[:, 2] * scale]).astype(np.float32)


@pytest.mark.parametrize(
    ("angle", "scale", "shift"), [(0, 1, (50, -30)), (35, 1, (0, 0)), (180, 0.8, (5, 9)), (-90, 2.2, (0, 0))]
)
def test_crop_and_mesh_are_the_same_wherever_the_face_is(
    angle: float, scale: float, shift: tuple[float, float]
) -> None:
    picture, mesh = face()
    other_picture, other_mesh = moved(picture, mesh, angle, scale, shift)
    crop, other = align(picture, mesh), align(other_picture, other_mesh)
    assert crop.shape == other.shape == (CROP, CROP)
    assert crop.dtype == other.dtype == np.uint8
    assert np.abs(crop.astype(int) - other).mean() < 3.0
    assert crop.std() > 20.0
    np.testing.assert_allclose(normalise_landmarks(mesh), normalise_landmarks(other_mesh), atol=2e-4)


def test_eyes_come_to_lie_where_promised_and_one_unit_is_sixty_pixels() -> None:
    _, mesh = face(size=61.0, at=(150.0, 120.0))
    picture = np.zeros((300, 300), np.uint8)
    middle = (mesh[33] + mesh[263]) / 2
    cv2.circle(picture, (round(float(middle[0])), round(float(middle[1]))), 4, 255, -1)
    ys, xs = np.nonzero(align(picture, mesh) > 128)
    assert (xs.mean(), ys.mean()) == pytest.approx(CENTRE_IN_CROP, abs=1.0)
    assert place(mesh).size == pytest.approx(61.0, rel=1e-3)
    assert PIXELS_PER_UNIT * np.linalg.norm(
        normalise_landmarks(mesh)[263] - normalise_landmarks(mesh)[33]
    ) == pytest.approx(60.0)


def test_roll_is_clockwise_in_the_image_and_rotation_is_a_rotation() -> None:
    picture, mesh = face()
    _, rolled = moved(picture, mesh, 30.0, 1.0, (0.0, 0.0))
    assert math.degrees(place(rolled).roll - place(mesh).roll) == pytest.approx(30.0, abs=0.1)
    rotation = place(rolled).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_grey_and_colour_give_the_same_crop_and_the_picture_stays_as_it_was() -> None:
    picture, mesh = face()
    before = picture.copy()
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    np.testing.assert_array_equal(align(picture, mesh), align(grey, mesh))
    np.testing.assert_array_equal(picture, before)


def test_a_face_beyond_the_edge_is_drawn_as_far_as_it_is_seen() -> None:
    picture, mesh = face()
    assert align(picture, mesh + np.array([-200, 0, 0], np.float32)).std() > 0
    assert not align(picture, mesh + np.array([-5000, 0, 0], np.float32)).any()


@pytest.mark.parametrize("wrong", [np.nan, 0.0])
def test_points_that_are_no_face_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="no face can be placed"):
        place(np.full((468, 3), wrong, np.float32))
