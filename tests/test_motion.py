from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from npng_edge.infer.motion import LONGEST_STEP_S, STEP_S, MotionMeter, face_width, region_labels
from npng_edge.infer.pipeline import Nets, Pipeline
from npng_edge.settings import Seeing
from npng_edge.units import MOTION_REGIONS, Box, Face, Frame, Pose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.units import Image, Reading

CLIPS = Path(__file__).parents[1] / "clips"
WIDTH, HEIGHT = 1280, 720
FACE = Face(Box(540.0, 200.0, 200.0, 232.0), Pose(0.0, 0.0, 0.0), 1.0)
"""In the middle of the picture, about 200 pixels wide."""


@pytest.fixture(scope="module")
def room() -> Image:
    """A picture full of soft texture, larger than the camera's."""
    noise = np.random.default_rng(1).normal(size=(HEIGHT + 200, WIDTH + 200))
    fine, coarse = (cv2.GaussianBlur(noise, (0, 0), pixels) * pixels for pixels in (12.0, 45.0))
    grey = 110.0 + 25.0 * (fine + coarse) / np.std(fine + coarse)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def view(room: Image, x: int = 0, y: int = 0) -> Image:
    return room[100 - y : 100 - y + HEIGHT, 100 - x : 100 - x + WIDTH]


def with_moved(picture: Image, source: Image, part: tuple[slice, slice]) -> Image:
    """The picture with a part taken from another."""
    made = picture.copy()
    made[part] = source[part]
    return made


def compare(one: Image, other: Image, seconds: float = 0.2, face: Face = FACE) -> dict[str, float]:
    meter = MotionMeter()
    assert meter.measure(Frame(0, 5.0, one), face) is None
    motion = meter.measure(Frame(1, 5.0 + seconds, other), face)
    assert motion is not None
    assert tuple(motion) == MOTION_REGIONS
    return dict(motion)


HEAD = (slice(80, 550), slice(440, 840))
"""All of the head region of `FACE`."""


@pytest.mark.parametrize(("pixels", "seconds"), [(20, 0.2), (40, 0.2), (60, 0.2), (40, 0.5)])
def test_a_head_that_moves_at_a_known_speed(room: Image, pixels: int, seconds: float) -> None:
    moved = with_moved(view(room), view(room, pixels), HEAD)

    motion = compare(view(room), moved, seconds)

    assert motion["head"] == pytest.approx(pixels / seconds / face_width(FACE.box), rel=0.2)
    assert max(motion["left"], motion["right"], motion["around"]) < 0.15 * motion["head"]


@pytest.mark.parametrize(
    ("region", "part"),
    [
        ("left", (slice(100, 720), slice(880, 1150))),
        ("right", (slice(100, 720), slice(130, 400))),
        ("trunk", (slice(540, 720), slice(400, 880))),
    ],
)
def test_movement_is_put_where_it_is(room: Image, region: str, part: tuple[slice, slice]) -> None:
    motion = compare(view(room), with_moved(view(room), view(room, 30), part))

    assert max(motion, key=motion.__getitem__) == region
    assert motion[region] > 0.3
    assert sorted(motion.values())[-2] < 0.2 * motion[region]


def test_the_regions_turn_with_the_head() -> None:
    """A head on its side, chin to the image's left: its own left is up in the image."""
    box, middle = Box(600.0, 320.0, 80.0, 80.0), (22, 40)

    upright = region_labels(box, 0.0, 1 / 16, (45, 80))
    turned = region_labels(box, 90.0, 1 / 16, (45, 80))

    names = np.array(MOTION_REGIONS)
    assert names[upright[middle]] == names[turned[middle]] == "head"
    assert (names[upright[34, 40]], names[upright[22, 50]], names[upright[22, 30]]) == ("trunk", "left", "right")
    assert (names[turned[22, 28]], names[turned[34, 40]], names[turned[10, 40]]) == ("trunk", "left", "right")
    assert names[upright[0, 0]] == names[turned[0, 0]] == "around"


@pytest.mark.parametrize("roll", [0.0, 30.0, 90.0, 180.0])
def test_a_face_is_as_wide_however_it_is_rolled(roll: float) -> None:
    turn = math.radians(roll)
    width, height = 100.0, 116.0
    # The box around an ellipse of that size.
    across = math.hypot(width * math.cos(turn), height * math.sin(turn))
    down = math.hypot(width * math.sin(turn), height * math.cos(turn))

    assert face_width(Box(0.0, 0.0, across, down)) == pytest.approx(width)


def test_a_shaken_camera_is_no_movement(room: Image) -> None:
    motion = compare(view(room), view(room, 25, -15))

    assert max(motion.values()) < 0.03


def test_movement_is_seen_while_the_camera_shakes(room: Image) -> None:
    motion = compare(view(room), with_moved(view(room, 25, -15), view(room, 65, -15), HEAD))

    assert motion["head"] == pytest.approx(40 / 0.2 / face_width(FACE.box), rel=0.2)
    assert max(motion["left"], motion["right"], motion["around"]) < 0.15 * motion["head"]


def test_a_switched_light_is_no_movement(room: Image) -> None:
    dark = (view(room) * 0.4).astype(np.uint8)
    meter = MotionMeter()

    assert meter.measure(Frame(0, 0.0, dark), FACE) is None
    assert meter.measure(Frame(1, 0.2, view(room)), FACE) is None, "while the light changes nothing is known"
    after = meter.measure(Frame(2, 0.4, view(room)), FACE)
    assert after is not None
    assert max(after.values()) == 0.0


@pytest.mark.parametrize("step", [0.04, 0.12])
def test_light_that_the_camera_follows_is_no_movement(room: Image, step: float) -> None:
    """Exposure that settles over a second, brighter on one side than on the other, with a camera's noise."""
    random = np.random.default_rng(3)
    ramp = np.linspace(0.6, 1.4, WIDTH, dtype=np.float32)[None, :, None]
    meter, found = MotionMeter(), []
    for k in range(10):
        lit = view(room) * (1.0 + step * k * ramp) * 0.6 + random.normal(0.0, 3.0, (HEIGHT, WIDTH, 1))
        found.append(meter.measure(Frame(k, 0.2 * k, np.clip(lit, 0, 255).astype(np.uint8)), FACE))

    assert all(motion is not None and max(motion.values()) < 0.03 for motion in found[1:])


def test_a_picture_without_texture_shows_no_movement() -> None:
    random = np.random.default_rng(4)
    walls = [np.clip(random.normal(90.0, 5.0, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8) for _ in range(2)]

    assert max(compare(*walls).values()) < 0.03


def test_unknown_is_none(room: Image) -> None:
    meter, picture = MotionMeter(), view(room)
    assert meter.measure(Frame(0, 0.0, picture), None) is None, "no face was ever found"
    assert meter.measure(Frame(1, 0.2, picture), FACE) is None, "the first picture with one"
    assert meter.measure(Frame(2, 0.4, picture), None) is not None, "the last face places the regions"
    assert meter.measure(Frame(3, 0.4 + LONGEST_STEP_S + 0.1, picture), FACE) is None, "a gap"
    assert meter.measure(Frame(4, 1.8, np.ascontiguousarray(picture[:400])), FACE) is None, "another size"
    assert meter.measure(Frame(5, 0.0, picture), FACE) is None, "the clock went back"
    assert meter.measure(Frame(6, 0.2, np.ascontiguousarray(picture[:2, :2])), FACE) is None, "hardly a picture"
    assert meter.measure(Frame(7, 0.4, np.ascontiguousarray(picture[:17])), FACE) is None, "a strip is another size"


def test_pictures_in_quick_succession_get_the_last_figures_again(room: Image) -> None:
    meter = MotionMeter()
    meter.measure(Frame(0, 0.0, view(room)), FACE)
    first = meter.measure(Frame(1, 0.2, view(room, 30)), FACE)

    assert meter.measure(Frame(2, 0.2 + STEP_S / 2, view(room, 60)), FACE) is first


@pytest.fixture(scope="module")
def nets() -> Nets:
    return Nets.open(Seeing())


def read(nets: Nets, name: str) -> list[Reading]:
    clip, pipeline, readings = cv2.VideoCapture(str(CLIPS / name)), Pipeline(Seeing(), nets), []
    while True:
        good, image = clip.read()
        if not good:
            return readings
        readings.append(pipeline.read(Frame(len(readings), len(readings) / 15.0, np.asarray(image, np.uint8))))


def mean(readings: list[Reading], start: float, end: float) -> Mapping[str, float]:
    seen = [r.motion for r in readings if start <= r.time < end and r.motion is not None]
    assert len(seen) > 10
    return {region: float(np.mean([motion[region] for motion in seen])) for region in MOTION_REGIONS}


def test_the_synthetic_patient_at_rest_and_talking_does_not_move(nets: Nets) -> None:
    """Face widths per second, of the clips that play when there is no camera."""
    rest, talk = mean(read(nets, "rest.mp4"), 0.5, 15.0), mean(read(nets, "smile-talk.mp4"), 7.0, 13.0)

    assert max(rest.values()) < 0.005
    assert talk["head"] > rest["head"]
    assert max(talk.values()) < 0.02


def test_a_visitor_moves_on_the_side_where_they_come(nets: Nets) -> None:
    """Somebody comes to the patient's right between the 3rd and the 6th second, and is counted in the bed region."""
    readings = read(nets, "second-person.mp4")
    before, coming = mean(readings, 0.5, 3.0), mean(readings, 3.5, 6.0)

    assert coming["right"] > 0.1 > 20 * before["right"]
    assert coming["right"] > 3 * coming["left"]
    assert coming["right"] > 3 * coming["head"]
    assert {r.people for r in readings} == {1, 2}
    assert all(1 <= r.in_bed <= r.people for r in readings)


def test_a_head_that_turns_moves(nets: Nets) -> None:
    readings = read(nets, "turned-away.mp4")
    before, turning = mean(readings, 0.5, 3.5), mean(readings, 4.0, 6.0)

    assert turning["head"] > 0.03 > 10 * before["head"]
    assert turning["head"] > turning["left"] + turning["right"]


def test_a_score_is_not_lost_for_want_of_motion(
    nets: Nets, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise cv2.error("no flow")

    monkeypatch.setattr(MotionMeter, "measure", fail)
    with caplog.at_level(logging.ERROR):
        readings = read(nets, "rest.mp4")[:5]

    assert all(r.action_units is not None and r.motion is None and r.in_bed == 1 for r in readings)
    assert sum("no flow" in record.getMessage() for record in caplog.records) == 1
