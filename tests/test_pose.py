from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from npng_edge.infer.align import _MEAN_FACE, RIGID, place
from npng_edge.infer.pose import head_pose

Floats = npt.NDArray[np.float32]


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Floats:
    """A mesh of the mean face, turned by rotating its points: x right, y down, z away from the camera."""
    y, p, r = np.radians([-yaw, -pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    mesh = np.zeros((468, 3), np.float32)
    mesh[list(RIGID)] = _MEAN_FACE @ (about_z @ about_y @ about_x).T * 80 + (300, 200, 0)
    return mesh


@pytest.mark.parametrize("roll", [-179.0, -90.0, -30.0, 0.0, 45.0, 90.0, 179.0])
@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (30, 0), (-45, 10), (10, -35), (-20, 25)])
def test_reads_back_the_angles_a_face_was_turned_by(yaw: float, pitch: float, roll: float) -> None:
    pose = head_pose(place(turned(yaw, pitch, roll)))

    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=0.01)


def test_yaw_to_the_image_right_moves_the_nose_right_and_pitch_up_moves_it_up() -> None:
    nose, between_eyes = 195, [33, 263]
    right, up = turned(yaw=30), turned(pitch=20)

    assert right[nose, 0] > right[between_eyes, 0].mean() + 5
    assert up[nose, 1] < turned()[nose, 1] - 5


def test_roll_is_clockwise_in_the_image() -> None:
    face = turned(roll=30)

    assert face[263, 1] > face[33, 1], "the person's left eye, on the image's right, sinks"
    assert head_pose(place(face)).roll == pytest.approx(30, abs=0.01)


def test_adds_what_the_picture_was_turned_back_by_and_stays_in_range() -> None:
    assert head_pose(place(turned(roll=-20)), turned=190.0).roll == pytest.approx(170, abs=0.01)
    assert head_pose(place(turned(roll=20)), turned=170.0).roll == pytest.approx(-170, abs=0.01)
