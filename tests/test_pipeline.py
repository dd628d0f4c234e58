from __future__ import annotations

import csv
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from npng_edge.infer.mesh import FaceMesh
from npng_edge.infer.pipeline import Nets, Pipeline
from npng_edge.infer.runtime import Tensor
from npng_edge.settings import Quality, Seeing
from npng_edge.units import Frame, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.infer.detection import Detection
    from npng_edge.infer.runtime import Array
    from npng_edge.units import Image

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "real"
STEPS = {"detect", "mesh", "pose", "quality", "action_units", "pain", "asymmetry", "motion", "total"}


@pytest.fixture(scope="module")
def nets() -> Nets:
    return Nets.open(Seeing())


@pytest.fixture(scope="module")
def patient() -> list[Image]:
    """The synthetic patient at rest, 15 frames a second."""
    return [image for image, _ in zip(pictures(ROOT / "clips" / "patient.mp4"), range(30), strict=False)]


def pictures(path: Path) -> Iterator[Image]:
    clip = cv2.VideoCapture(str(path))
    assert clip.isOpened(), path
    while True:
        good, image = clip.read()
        if not good:
            return
        yield np.asarray(image, np.uint8)


def frames(images: list[Image], fps: float, start: float = 0.0) -> Iterator[Frame]:
    for k, image in enumerate(images):
        yield Frame(k, start + k / fps, image)


def real_clip(every: int) -> list[Image]:
    path = SHARED / "distress_then_smile.mp4"
    if not path.exists():
        pytest.skip(f"needs {path}")
    return list(pictures(path))[::every]


def turned(image: Image, degrees: float, scale: float = 1.0) -> Image:
    """The picture turned clockwise about its middle on a canvas that holds all of it."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, scale)
    side = int(np.hypot(width, height) * scale)
    turn[:, 2] += side / 2 - width / 2, side / 2 - height / 2
    return np.asarray(cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_AREA), np.uint8)


def test_follows_and_scores_the_synthetic_patient(nets: Nets, patient: list[Image]) -> None:
    pipeline = Pipeline(Seeing(), nets)

    readings = [pipeline.read(frame) for frame in frames(patient, 15.0)]

    assert [reading.sequence for reading in readings] == list(range(len(patient)))
    for reading in readings:
        assert reading.reasons == ()
        assert reading.people == 1
        assert reading.face is not None
        assert reading.action_units is not None
        assert reading.face.quality >= 0.5
        assert abs(reading.face.pose.roll) < 15
    assert set(pipeline.timings) == STEPS - {"detect"}, "the detector does not run while the mesh is followed"
    assert pipeline.timings["total"] >= sum(v for k, v in pipeline.timings.items() if k != "total")
    assert set(pipeline.models) >= {"blazeface-short", "face-landmark", "action-units"}


@pytest.mark.parametrize("degrees", [0, 60, 90, 150, 180, 270])
def test_finds_a_rolled_face(nets: Nets, patient: list[Image], degrees: int) -> None:
    image = turned(patient[0], degrees)

    reading = Pipeline(Seeing(), nets).read_still(Frame(0, 0.0, image))

    assert reading.face is not None
    assert (reading.face.pose.roll - degrees + 180) % 360 - 180 == pytest.approx(0, abs=8)
    assert reading.action_units is not None


def test_says_no_face_and_searches_now_and_then(nets: Nets) -> None:
    pipeline, empty = Pipeline(Seeing(search_s=0.5), nets), np.full((360, 640, 3), 90, np.uint8)
    searched = []

    for frame in frames([empty] * 20, 10.0):
        reading = pipeline.read(frame)
        assert (reading.face, reading.action_units, reading.people) == (None, None, 0)
        assert reading.reasons == (Reason.NO_FACE,)
        searched.append("detect" in pipeline.timings)

    assert sum(searched) == 4, "two seconds, a search every half of one"


def test_loses_the_face_and_finds_it_again(nets: Nets, patient: list[Image]) -> None:
    pipeline, empty = Pipeline(Seeing(search_s=0.1), nets), np.full_like(patient[0], 90)
    shown = [*patient[:3], *[empty] * 3, *patient[3:9]]

    found = [pipeline.read(frame).face is not None for frame in frames(shown, 10.0)]

    assert found == [True] * 3 + [False] * 3 + [True] * 6


class _Compass:
    """Finds no face; notes which edge of each square is the brightest."""

    side, parts, second_look, rolls = 64, (1.0,), True, (0.0, 90.0, 270.0, 180.0)

    def __init__(self) -> None:
        self.bright: list[int] = []

    def find(self, square: Image) -> list[Detection]:
        edges = square[8], square[:, -8], square[-8], square[:, 8]
        self.bright.append(int(np.argmax([edge.mean() for edge in edges])))
        return []


def test_each_search_tries_one_roll_angle_the_next_search_the_next(nets: Nets) -> None:
    detector = _Compass()
    pipeline = Pipeline(Seeing(search_s=0.1), replace(nets, detector=detector))
    bright_above = np.zeros((200, 200, 3), np.uint8)
    bright_above[:60] = 255

    for frame in frames([bright_above] * 8, 5.0):
        pipeline.read(frame)

    top, right, bottom, left = range(4)
    assert detector.bright == [top, left, right, bottom] * 2


def test_a_face_outside_the_bed_region_is_counted_not_scored(nets: Nets, patient: list[Image]) -> None:
    pipeline = Pipeline(Seeing(bed_region=(0.0, 0.5, 0.2, 0.5)), nets)

    reading = pipeline.read(Frame(0, 0.0, patient[0]))

    assert (reading.people, reading.face, reading.reasons) == (1, None, (Reason.NO_FACE,))


def test_a_visitor_is_counted_and_the_patient_stays_the_patient(nets: Nets, patient: list[Image]) -> None:
    """The same face again, smaller, on the right: comes after two seconds, stays when the patient is hidden."""
    pipeline = Pipeline(Seeing(people_s=0.5, search_s=0.1), nets)
    height, width = patient[0].shape[:2]
    small = cv2.resize(patient[0], (width * 2 // 3, height * 2 // 3), interpolation=cv2.INTER_AREA)
    alone = np.full((height, width * 2, 3), 60, np.uint8)
    alone[:, :width] = patient[0]
    both = alone.copy()
    both[: small.shape[0], width : width + small.shape[1]] = small
    visitor = both.copy()
    visitor[:, :width] = 60

    readings = [pipeline.read(frame) for frame in frames([alone] * 20 + [both] * 10 + [visitor] * 5, 10.0)]

    assert {reading.people for reading in readings[:20]} == {1}
    assert {reading.people for reading in readings[26:30]} == {2}
    for reading in readings[:30]:
        assert reading.face is not None
        assert reading.face.box.x < width / 2
    assert [reading.face for reading in readings[31:]] == [None] * 4
    assert readings[-1].people == 1


def test_a_dark_and_a_blurred_face_are_marked_not_scored(nets: Nets, patient: list[Image]) -> None:
    dark = (patient[0] * 0.2).astype(np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(patient[0], (0, 0), 6), np.uint8)
    pipeline = Pipeline(Seeing(quality=Quality(min_sharpness=0.25)), nets)
    # The face is acquired in a good picture: what is tested is the gate, not the detector.
    first = pipeline.read(Frame(0, 0.0, patient[0]))
    assert first.action_units is not None

    for image, reason in ((dark, Reason.DARK), (blurred, Reason.BLURRED)):
        reading = pipeline.read(Frame(1, 0.1, image))
        assert reading.face is not None
        assert reason in reading.reasons
        assert reading.action_units is None
        assert reading.face.quality < 0.5


def test_a_still_depends_on_no_other(nets: Nets, patient: list[Image]) -> None:
    pipeline, empty = Pipeline(Seeing(), nets), np.zeros_like(patient[0])

    first, nothing, again = (
        pipeline.read_still(Frame(k, 0.0, i)) for k, i in enumerate((patient[0], empty, patient[0]))
    )

    assert nothing.reasons == (Reason.NO_FACE,)
    assert (first.face, first.action_units) == (again.face, again.action_units)


class _Failing:
    """A mesh net that fails as a broken runtime would."""

    inputs = (Tensor("input_1", "float32", (1, 192, 192, 3)),)
    outputs = (Tensor("mesh", "float32", (1, 1, 1, 1404)), Tensor("flag", "float32", (1, 1, 1, 1)))

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        raise RuntimeError(f"cannot run on {arrays[0].shape}")


def test_a_failing_model_is_told_in_the_reading_and_logged_once(
    nets: Nets, patient: list[Image], caplog: pytest.LogCaptureFixture
) -> None:
    broken = Pipeline(Seeing(search_s=0.01), replace(nets, mesh=FaceMesh(_Failing())))

    with caplog.at_level(logging.ERROR):
        readings = [broken.read(frame) for frame in frames(patient[:5], 10.0)]

    assert [reading.reasons for reading in readings] == [(Reason.MODEL_FAILED,)] * 5
    assert all(reading.face is None and reading.action_units is None for reading in readings)
    assert sum("cannot run on" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize("shape", [(1, 1, 3), (37, 53, 3), (400, 3, 3)])
def test_any_picture_can_be_read(nets: Nets, shape: tuple[int, int, int]) -> None:
    assert Pipeline(Seeing(), nets).read_still(Frame(0, 0.0, np.zeros(shape, np.uint8))).reasons == (Reason.NO_FACE,)


def test_reset_forgets_the_patient(nets: Nets, patient: list[Image]) -> None:
    pipeline = Pipeline(Seeing(), nets)
    pipeline.read(Frame(0, 100.0, patient[0]))

    pipeline.reset()
    reading = pipeline.read(Frame(0, 0.0, patient[0]))

    assert reading.face is not None
    assert "detect" in pipeline.timings


@pytest.mark.shared
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_finds_the_small_rolled_face_of_a_real_person(nets: Nets, degrees: int) -> None:
    """The real clip shrunk to a face of about 50 pixels, as a camera at the foot of the bed sees it."""
    pipeline = Pipeline(Seeing(), nets)

    readings = [pipeline.read_still(Frame(k, 0.0, turned(i, degrees, 0.25))) for k, i in enumerate(real_clip(24))]

    found = [reading.face for reading in readings if reading.face is not None]
    assert len(found) >= 0.9 * len(readings)
    right = [abs((face.pose.roll - degrees + 180) % 360 - 180) < 45 for face in found]
    assert sum(right) >= 0.95 * len(found)


@pytest.mark.shared
def test_marks_the_hand_before_a_real_face_and_scores_the_distress(nets: Nets) -> None:
    """By eye, nothing covers the face up to 2.4 s and from 9.7 s on; from 4.0 to 5.7 s the hand does."""
    images = real_clip(2)
    pipeline = Pipeline(Seeing(), nets)

    readings = [pipeline.read(frame) for frame in frames(images, 11.99)]

    assert all(reading.face is not None for reading in readings)
    free = [r for r in readings if r.time < 2.4 or 9.8 < r.time < 18.7]
    assert [r.time for r in free if r.reasons] == []
    covered = [Reason.OCCLUDED in r.reasons for r in readings if 4.0 <= r.time <= 5.7]
    assert sum(covered) >= 0.5 * len(covered)


def test_the_synthetic_patients_people_are_counted_as_they_are(nets: Nets) -> None:
    """Wherever the truth beside the clip says that the face is visible, it is found; who is in view is counted."""
    clip = ROOT / "clips" / "patient.mp4"
    truth = list(csv.DictReader(clip.with_suffix(".csv").read_text(encoding="utf-8").splitlines()))
    pipeline = Pipeline(Seeing(), nets)

    readings = [pipeline.read(frame) for frame in frames(list(pictures(clip)), 15.0)]

    visible = [r for r, t in zip(readings, truth, strict=True) if t["face_visible"] == "1"]
    assert sum(r.face is not None for r in visible) >= 0.97 * len(visible)
    right = [r.people == int(t["people"]) for r, t in zip(readings, truth, strict=True)]
    assert sum(right) >= 0.9 * len(right)
