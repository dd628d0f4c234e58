"""Telling covered faces from free ones, by the shipped model."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from npng_edge.infer.occlusion import OcclusionModel
from npng_edge.infer.pipeline import MESH, OCCLUSION, Pipeline
from npng_edge.infer.runtime import Model, ModelError, Tensor
from npng_edge.settings import Quality, Seeing
from npng_edge.units import Frame, Reason

if TYPE_CHECKING:
    from npng_edge.infer.runtime import Array
    from npng_edge.units import Reading

CLIPS = Path(__file__).parents[1] / "clips"
LIMIT = Quality().max_occlusion


class _Broken:
    """Has the shape of an occlusion model, and says what is not a number."""

    inputs = (Tensor("crop", "uint8", (1, 112, 112)),)
    outputs = (Tensor("covered", "float32", (1,)),)

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        return (np.full(len(arrays[0]), np.nan, np.float32),)


def shipped(name: str) -> Model:
    return open_model(Manifest.load(default_models_directory() / FILE_NAME), name)


def read(clip: str) -> tuple[list[Reading], list[dict[str, str]]]:
    """Every frame's reading and truth."""
    video, pipeline = cv2.VideoCapture(str(CLIPS / f"{clip}.mp4")), Pipeline(Seeing())
    readings: list[Reading] = []
    while (picture := video.read())[0]:
        image = np.asarray(picture[1], np.uint8)
        readings.append(pipeline.read(Frame(len(readings), len(readings) / 15.0, image)))
    rows = list(csv.DictReader((CLIPS / f"{clip}.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == len(readings)
    return readings, rows


def test_refuses_a_model_of_another_kind() -> None:
    with pytest.raises(ModelError, match="no occlusion model"):
        OcclusionModel(shipped(MESH))


def test_what_is_not_a_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a number"):
        OcclusionModel(_Broken()).covered(np.zeros((112, 112), np.uint8))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_gives_a_part_of_one_for_a_crop_without_contrast(level: int) -> None:
    assert 0.0 <= OcclusionModel(shipped(OCCLUSION)).covered(np.full((112, 112), level, np.uint8)) <= 1.0


def test_marks_the_hand_before_the_synthetic_patients_face_and_nothing_else() -> None:
    readings, rows = read("hand")

    covered = [r for r, row in zip(readings, rows, strict=True) if row["face_visible"] == "0"]
    # Where the hand comes and goes, it only touches the chin.
    free = [r for r in readings if r.time < 4.0 or r.time > 12.2]

    assert len(covered) > 80
    marked = [r for r in covered if Reason.OCCLUDED in r.reasons or r.reasons == (Reason.NO_FACE,)]
    assert len(marked) >= 0.97 * len(covered)
    assert [(r.time, r.reasons) for r in free if r.reasons] == []


@pytest.mark.parametrize("clip", ["pain", "smile-talk", "sleep"])
def test_does_not_mark_what_a_free_face_does(clip: str) -> None:
    readings, _ = read(clip)

    assert [r.time for r in readings if Reason.OCCLUDED in r.reasons] == []
