from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from capture_material import black, picture

from npng_edge.capture.liveness import Liveness, is_black, is_same
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from npng_edge.units import Image

LIMITS = {"stall_s": 3.0, "still_s": 4.0}


def test_moving_pictures_are_no_fault() -> None:
    state = Liveness(0.0, 0.0)
    for number in range(100):
        state = state.seen(picture(number), number * 0.1)
        assert state.sign is None
        assert state.fault(number * 0.1, **LIMITS) is None


def test_no_picture_for_long_is_a_hang() -> None:
    state = Liveness(0.0, 0.0).seen(picture(0), 10.0)
    assert state.fault(12.9, **LIMITS) is None
    assert state.fault(13.0, **LIMITS) is CameraFault.HUNG


@pytest.mark.parametrize(("still", "fault"), [(picture(0), CameraFault.FROZEN), (black(), CameraFault.BLACK)])
def test_a_still_picture_is_marked_at_once_and_a_fault_when_it_lasts(still: Image, fault: CameraFault) -> None:
    state = Liveness(0.0, 0.0).seen(picture(0), 1.0)
    for tenth in range(11, 50):
        state = state.seen(still.copy(), tenth / 10)
        assert state.sign is fault
        assert state.fault(tenth / 10, **LIMITS) is None
    assert state.seen(still, 5.0).fault(5.0, **LIMITS) is fault
    assert state.seen(picture(1), 5.0).fault(5.0, **LIMITS) is None


def test_black_and_frozen_in_turn_count_together() -> None:
    state = Liveness(0.0, 0.0).seen(picture(0), 0.0).seen(picture(0), 2.0).seen(black(), 3.0)
    assert state.seen(black(), 4.0).fault(4.0, **LIMITS) is CameraFault.BLACK


def test_a_black_source_that_then_hangs_is_noticed_in_time() -> None:
    state = Liveness(0.0, 0.0).seen(black(), 2.9)
    assert state.fault(4.0, **LIMITS) is CameraFault.BLACK


def test_a_still_image_may_repeat_where_that_is_legitimate() -> None:
    state = Liveness(0.0, 0.0)
    for second in range(10):
        state = state.seen(picture(0), float(second), may_repeat=True)
        assert state.sign is None


def test_the_last_picture_of_the_opening_before_is_no_sign_of_life() -> None:
    assert Liveness(0.0, 0.0, image=picture(5)).seen(picture(5), 1.0).sign is CameraFault.FROZEN


def test_one_changed_pixel_between_the_sampled_ones_is_life() -> None:
    changed = picture(0)
    changed[3, 5] += 1
    assert not is_same(picture(0), changed)
    assert is_same(picture(0), picture(0))


@pytest.mark.parametrize(
    ("level", "noise", "expected"),
    [(0, 0, True), (3, 2, True), (16, 2, False), (3, 12, False), (40, 0, False)],
)
def test_black_means_no_light_and_no_texture(level: int, noise: int, *, expected: bool) -> None:
    grain = np.random.default_rng(0).normal(level, noise, (240, 320, 3))
    assert is_black(np.clip(grain, 0, 255).astype(np.uint8)) is expected


def test_a_small_light_in_the_dark_is_not_black() -> None:
    night = black()
    night[40:60, 40:60] = 120
    assert not is_black(night)
