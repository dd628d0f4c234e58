from __future__ import annotations

import cv2
import numpy as np
import pytest
from capture_material import picture

from npng_edge.capture.orient import Orientation
from npng_edge.settings import Camera

LEFT_TOP = ((0.0, 0.0), (0.3, 0.0), (0.3, 0.2), (0.0, 0.2))


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_masks_are_meant_in_the_upright_picture(rotation: int, *, mirror: bool) -> None:
    raw = picture(3)
    upright = np.rot90(raw, -rotation // 90)
    upright = np.ascontiguousarray(upright[:, ::-1] if mirror else upright)

    result = Orientation(Camera(rotation=rotation, mirror=mirror, masks=(LEFT_TOP,)))(raw)

    height, width = upright.shape[:2]
    assert result.shape == upright.shape
    inside = result[: int(0.2 * height), : int(0.3 * width)]
    assert not inside.any()
    margin = 2
    np.testing.assert_array_equal(result[int(0.2 * height) + margin :], upright[int(0.2 * height) + margin :])
    np.testing.assert_array_equal(result[:, int(0.3 * width) + margin :], upright[:, int(0.3 * width) + margin :])


def test_nothing_keeps_what_is_under_a_mask() -> None:
    """The very memory that the source delivered is blackened, so no unmasked copy can exist."""
    raw = picture(1)
    Orientation(Camera(rotation=90, mirror=True, masks=(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),)))(raw)
    assert not raw.any()


def test_overlapping_masks_cover_their_union() -> None:
    raw = picture(1)
    halves = (((0.0, 0.0), (0.7, 0.0), (0.7, 1.0), (0.0, 1.0)), ((0.3, 0.0), (1.0, 0.0), (1.0, 1.0), (0.3, 1.0)))
    assert not Orientation(Camera(masks=halves))(raw).any()


def test_masks_follow_a_change_of_size() -> None:
    orient = Orientation(Camera(masks=(LEFT_TOP,)))
    for scale in (1, 3, 2):
        image = cv2.resize(picture(1), None, fx=scale, fy=scale)
        result = orient(np.ascontiguousarray(image))
        assert not result[: 24 * scale, : 48 * scale].any()
        assert result[24 * scale + 2 :, 48 * scale + 2 :].all(axis=-1).any()


def test_an_upright_picture_is_not_copied() -> None:
    raw = picture(1)
    assert Orientation(Camera())(raw) is raw
