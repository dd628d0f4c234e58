"""The synthetic patient's clips and the truth beside them."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from npng_edge.policy.happening.episode import FIRST_UNITS
from npng_edge.units import ACTION_UNITS

FOLDER = Path(__file__).parents[1] / "clips"
NAMES = ("patient", "rest", "pain", "smile-talk", "sleep", "turned-away", "hand", "second-person")


def truth(name: str) -> list[dict[str, float]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def column(name: str, key: str) -> list[float]:
    return [row[key] for row in truth(name)]


@pytest.mark.parametrize("name", NAMES)
def test_clip_plays_and_has_its_truth(name: str) -> None:
    rows = truth(name)
    # The clips were rendered when there were fourteen units; rendered again they have all.
    assert [name for name in ACTION_UNITS if name in rows[0]] in (list(FIRST_UNITS), list(ACTION_UNITS))
    others = ["frame", "time", "eye_closed_left", "eye_closed_right", "face_visible", "people", "pspi_true"]
    assert [name for name in rows[0] if name not in ACTION_UNITS] == others
    assert (FOLDER / f"{name}.mp4").stat().st_size < 400_000
    video = cv2.VideoCapture(str(FOLDER / f"{name}.mp4"))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(15)
    frames, before = 0, None
    while (read := video.read())[0]:
        assert read[1].shape == (360, 640, 3)
        # A camera's noise: the frozen-picture check must never fire on a clip.
        assert before is None or not np.array_equal(read[1], before)
        frames, before = frames + 1, read[1]
    assert frames == len(rows)
    assert rows[-1]["time"] == pytest.approx((frames - 1) / 15, abs=0.001)


@pytest.mark.parametrize("name", NAMES)
def test_pspi_is_that_of_the_units(name: str) -> None:
    for row in truth(name):
        units = row["AU4"] + max(row["AU6"], row["AU7"]) + max(row["AU9"], row["AU10"])
        assert row["pspi_true"] - units == pytest.approx(round(row["pspi_true"] - units), abs=0.005)
        assert -0.005 <= row["pspi_true"] - units <= 1.005


def test_each_clip_shows_what_its_name_says() -> None:
    assert max(column("rest", "pspi_true")) == 0
    pain = column("pain", "pspi_true")
    assert 8 <= max(pain) <= 11
    assert sum(value >= 7 for value in pain) >= 5 * 15
    assert max(pain[:80]) == max(pain[-100:]) == 0
    assert max(column("smile-talk", "AU12")) > 3
    assert max(column("smile-talk", "AU4")) == 0
    assert min(column("sleep", "eye_closed_left")[-100:]) > 0.95
    assert 0 in column("turned-away", "face_visible")
    assert 0 in column("hand", "face_visible")
    assert set(column("second-person", "people")) == {1, 2}
    tour = truth("patient")
    assert max(row["pspi_true"] for row in tour) >= 8
    assert max(row["AU12"] for row in tour) > 2
    assert tour[0]["pspi_true"] == tour[-1]["pspi_true"] == 0
    assert any(row["eye_closed_left"] > 0.8 for row in truth("rest"))  # blinks


def test_script_is_eased_between_its_keys() -> None:
    pytest.importorskip("scipy", reason="needs the extra `train`")
    pytest.importorskip("moderngl", reason="needs the extra `train`")
    from training.world import script, studio  # noqa: PLC0415 - only where the extra is installed

    clip = script.Clip((script.Key(0), script.Key(2, pain=1.0), script.Key(4, yaw=80.0)))
    assert script.state_at(clip, 0.0).pain == 0.0
    assert script.state_at(clip, 1.0).pain == pytest.approx(0.5)
    assert script.state_at(clip, 0.5).pain < 0.25
    assert script.state_at(clip, 4.0).yaw == script.state_at(clip, 9.0).yaw == 80.0
    assert tuple(script.CLIPS) == NAMES
    # Training draws its people from far smaller numbers.
    assert min(studio.PATIENT, studio.VISITOR) >= 1_000_000
