from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import pytest

from npng_edge.infer.acquire import acquire, look
from npng_edge.infer.detection import QUARTER_TURNS, Detection, Keypoints, Point, overlap
from npng_edge.infer.detector import DETECTORS, make_detector
from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory
from npng_edge.settings import Seeing
from npng_edge.units import Box

if TYPE_CHECKING:
    from npng_edge.infer.detection import Detector
    from npng_edge.units import Image

REPOSITORY = Path(__file__).resolve().parent.parent
REAL = REPOSITORY.parent / "shared" / "data" / "real"
FACE = Keypoints(Point(-20, -15), Point(20, -15), Point(0, 0), Point(0, 20))
"""Upright, around its middle."""
COLOURS = ((0, 0, 255), (255, 0, 0), (0, 255, 0))
"""Of the right eye, the left eye and the mouth that are painted and found below."""


class DotDetector:
    """Finds three painted dots that stand nearly upright: a detector whose right answer is known exactly."""

    side = 160
    parts = (1.0,)
    second_look = True
    rolls = (0.0, 90.0, 270.0, 180.0, 45.0, 315.0, 135.0, 225.0)

    def __init__(self) -> None:
        self.looks = 0

    def find(self, square: Image) -> list[Detection]:
        assert square.shape == (self.side, self.side, 3)
        self.looks += 1
        dots = [np.argwhere(np.abs(square.astype(int) - colour).sum(axis=2) < 250) for colour in COLOURS]
        if any(len(dot) < 4 for dot in dots):
            return []
        right, left, mouth = (Point(*dot.mean(axis=0)[::-1].tolist()) for dot in dots)
        keypoints = Keypoints(right, left, right, mouth)
        if abs(keypoints.roll) > 25:
            return []
        eyes = math.dist(left, right)
        box = Box((right.x + left.x) / 2 - eyes, (right.y + left.y) / 2 - eyes / 2, 2 * eyes, 2 * eyes)
        return [Detection(box, 0.9, keypoints, keypoints.roll)]


@pytest.fixture(scope="module")
def models() -> Manifest:
    return Manifest.load(default_models_directory() / FILE_NAME)


@pytest.fixture(scope="module", params=sorted(DETECTORS))
def detector(request: pytest.FixtureRequest, models: Manifest) -> Detector:
    return make_detector(request.param, models)


@pytest.fixture(scope="module", params=["blazeface-short", "blazeface-full"])
def lying_detector(request: pytest.FixtureRequest, models: Manifest) -> Detector:
    """Those that tell a lying face from an upright one; MTCNN often does not (docs/detectors.md)."""
    return make_detector(request.param, models)


@pytest.fixture(scope="module")
def patient() -> Image:
    """One frame of the synthetic patient."""
    clip = cv2.VideoCapture(str(REPOSITORY / "clips" / "patient.mp4"))
    good, image = clip.read()
    clip.release()
    assert good
    return cast("Image", image)


def turned(points: Keypoints, roll: float, x: float, y: float) -> Keypoints:
    cos, sin = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    return Keypoints(*(Point(cos * p.x - sin * p.y + x, sin * p.x + cos * p.y + y) for p in points if p))


def difference(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)


def rotated(image: Image, roll: float) -> Image:
    """The picture on a larger ground, turned clockwise by degrees around its middle."""
    height, width = image.shape[:2]
    size = math.ceil(math.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -roll, 1.0)
    matrix[:, 2] += [(size - width) / 2, (size - height) / 2]
    return cast("Image", cv2.warpAffine(image, matrix, (size, size)))


@pytest.mark.parametrize("roll", range(-170, 181, 25))
def test_roll_is_read_from_eyes_and_mouth(roll: int) -> None:
    assert difference(turned(FACE, roll, 300, 200).roll, roll) < 1e-6


def test_turned_head_keeps_its_roll() -> None:
    narrow = Keypoints(Point(-3, -15), Point(3, -15), Point(2, 0), Point(1, 20))
    assert abs(narrow.roll) < 5


def test_overlap() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [2, 2, 4, 4], [20, 20, 30, 30]], np.float32)
    assert overlap(boxes, boxes[0]).tolist() == pytest.approx([1, 1 / 3, 0.04, 0])
    assert overlap(boxes, boxes[0], over_smaller=True).tolist() == pytest.approx([1, 0.5, 1, 0])


@pytest.mark.parametrize("roll", range(0, 360, 30))
@pytest.mark.parametrize("shape", [(720, 1280), (1280, 720), (200, 200)], ids=str)
def test_finds_are_mapped_back_to_the_picture(roll: int, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 128, np.uint8)
    truth = turned(FACE, roll, shape[1] * 0.45, shape[0] * 0.55)
    for point, colour in zip((truth.right_eye, truth.left_eye, truth.mouth), COLOURS, strict=True):
        cv2.circle(image, (round(point.x), round(point.y)), 7, colour, -1)
    (face,) = acquire(DotDetector(), image)
    assert math.dist(face.keypoints.right_eye, truth.right_eye) < 1.5
    assert math.dist(face.keypoints.left_eye, truth.left_eye) < 1.5
    assert math.dist(face.keypoints.mouth, truth.mouth) < 1.5
    assert difference(face.roll_degrees, roll) < 3
    assert face.box.width == pytest.approx(80, rel=0.05)
    assert face.box.height == pytest.approx(80, rel=0.05)


def test_last_roll_is_tried_first() -> None:
    image = np.full((200, 200, 3), 128, np.uint8)
    truth = turned(FACE, 135, 100, 100)
    for point, colour in zip((truth.right_eye, truth.left_eye, truth.mouth), COLOURS, strict=True):
        cv2.circle(image, (round(point.x), round(point.y)), 7, colour, -1)
    patiently, directly = DotDetector(), DotDetector()
    assert acquire(patiently, image)
    assert acquire(directly, image, last_roll=140.0)
    assert directly.looks < patiently.looks


def test_only_the_rolls_that_are_asked_for_are_tried() -> None:
    empty, detector = np.full((200, 200, 3), 128, np.uint8), DotDetector()
    assert acquire(detector, empty, rolls=(0.0, 90.0)) == []
    assert detector.looks == 2


def test_known_faces_are_left_out_and_others_found_beside_them(detector: Detector, patient: Image) -> None:
    both = np.hstack([patient, patient])
    one, other = look(detector, both)

    assert acquire(detector, patient, (0.0,), known=[look(detector, patient)[0].box]) == []
    (found,) = acquire(detector, both, (0.0,), known=[one.box])
    assert math.dist(found.keypoints.nose, other.keypoints.nose) < 0.2 * other.box.width


def test_while_a_face_is_known_no_small_ones_are_searched_for(models: Manifest, patient: Image) -> None:
    detector = make_detector("blazeface-short", models)
    far = np.full((720, 1280, 3), 90, np.uint8)
    far[300:480, 500:820] = cv2.resize(patient, (320, 180), interpolation=cv2.INTER_AREA)

    assert len(acquire(detector, far, (0.0,))) == 1
    assert acquire(detector, far, (0.0,), known=[Box(0, 0, 100, 100)]) == []


def test_every_detector_of_the_settings_exists() -> None:
    assert set(Seeing.model_json_schema()["properties"]["detector"]["enum"]) == set(DETECTORS)


@pytest.mark.parametrize("roll", [0, 40, 90, 180, 250])
def test_patient_is_found_at_any_roll(lying_detector: Detector, patient: Image, roll: int) -> None:
    upright = look(lying_detector, patient)[0]
    face = acquire(lying_detector, rotated(patient, roll))[0]
    assert difference(face.roll_degrees - upright.roll_degrees, roll) < 15
    assert math.dist(face.keypoints.right_eye, face.keypoints.left_eye) == pytest.approx(
        math.dist(upright.keypoints.right_eye, upright.keypoints.left_eye), rel=0.25
    )
    assert max(face.box.width, face.box.height) < 1.35 * max(upright.box.width, upright.box.height)


def test_right_and_left_are_the_persons_own(detector: Detector, patient: Image) -> None:
    points = look(detector, patient)[0].keypoints
    assert points.right_eye.x < points.nose.x < points.left_eye.x
    assert max(points.right_eye.y, points.left_eye.y) < points.nose.y < points.mouth.y


def test_two_people_are_two_faces(detector: Detector, patient: Image) -> None:
    faces = look(detector, np.hstack([patient, patient]))
    assert len(faces) == 2
    assert abs(faces[0].box.x - faces[1].box.x) == pytest.approx(patient.shape[1], rel=0.1)


@pytest.mark.parametrize("shape", [(720, 1280), (24, 16), (1, 1), (300, 40), (900, 3)], ids=str)
def test_nothing_is_found_where_nothing_is(detector: Detector, shape: tuple[int, int]) -> None:
    assert acquire(detector, np.full((*shape, 3), 90, np.uint8), QUARTER_TURNS[:2]) == []


def test_noise_is_no_face(detector: Detector) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (360, 640, 3), np.uint8)
    assert acquire(detector, noise, QUARTER_TURNS) == []


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real material of ../shared")
def test_real_faces_are_found_upright(detector: Detector) -> None:
    stills = sorted((REAL / "frl_london").glob("*_happiness.jpg"))[::20]
    for path in stills:
        (face,) = look(detector, cast("Image", cv2.imread(str(path))))
        assert abs(face.roll_degrees) < 15


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real material of ../shared")
def test_real_faces_are_found_lying_on_either_side(lying_detector: Detector) -> None:
    stills = sorted((REAL / "frl_london").glob("*_neutral.jpg"))[::20]
    for roll in (0, 90, 270):
        faces = [acquire(lying_detector, rotated(cast("Image", cv2.imread(str(path))), roll)) for path in stills]
        right = [bool(found) and difference(found[0].roll_degrees, roll) < 15 for found in faces]
        assert sum(right) >= len(right) - 1
