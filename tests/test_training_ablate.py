"""What each part of the rendered world brings: leaving one out changes that part, and the comparison is a fair one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra `train`")
pytest.importorskip("sklearn", reason="needs the extra `train`")
pytest.importorskip("torch", reason="needs the extra `train`")
pytest.importorskip("moderngl", reason="needs the extra `train`")

from training.datasets.reading import EYES
from training.judge import ablate
from training.judge.sights import Question, Sight
from training.units import export
from training.units.features import OUTPUTS, Examples
from training.world import face_model, samples, sheets
from training.world.ingredients import PARTS, WHOLE
from training.world.people import nature, random_person
from training.world.setting import setting

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

BEARDED_AT_NIGHT = 250_029
"""A person with glasses."""
SEED = BEARDED_AT_NIGHT * 8 + 1


def test_a_world_without_a_part_is_otherwise_the_same() -> None:
    assert all(getattr(WHOLE, part) for part in PARTS)
    for part in PARTS:
        left = WHOLE.without(part)
        assert [name for name in PARTS if not getattr(left, name)] == [part]


def test_people_differ_by_the_part_that_is_left_out() -> None:
    whole = random_person(BEARDED_AT_NIGHT, infrared=True)
    assert nature(BEARDED_AT_NIGHT).worn == ("glasses",)
    np.testing.assert_array_equal(nature(BEARDED_AT_NIGHT).shape, whole.shape)
    smooth = random_person(BEARDED_AT_NIGHT, infrared=True, world=WHOLE.without("wrinkles"))
    assert not smooth.folding.any()
    np.testing.assert_array_equal(smooth.look.paint, whole.look.paint)
    shaved, bare = (
        random_person(BEARDED_AT_NIGHT, infrared=True, world=WHOLE.without(part)) for part in ("beards", "worn")
    )
    beard, glasses = ((one.look.paint != whole.look.paint).any(axis=2) for one in (shaved, bare))
    # Row 0 is the lowest, 384 of them cover 20 cm from 8 cm below the middle of the face.
    assert beard[: 384 // 2].any()
    assert not beard[384 // 2 :].any()
    assert not glasses[: 384 // 4].any()
    assert glasses[384 // 2 :].any()
    np.testing.assert_array_equal(shaved.folding, whole.folding)
    tame = random_person(BEARDED_AT_NIGHT, infrared=True, world=WHOLE.without("strong_units").without("resting_faces"))
    assert tame.resting == {}
    assert tame.strength["AU4"] == pytest.approx(whole.strength["AU4"] / 1.9)
    assert tame.strength["AU12"] == whole.strength["AU12"]


def test_a_setting_differs_by_the_part_that_is_left_out() -> None:
    whole = setting(SEED, 64)
    assert whole.infrared
    assert not setting(SEED, 64, WHOLE.without("infrared")).infrared
    assert setting(SEED, 64, WHOLE.without("camera")).pixels == 64
    bright = setting(SEED, 64, WHOLE.without("shadows"))
    assert (bright.light.hollows, bright.light.shadow) == (0.0, 0.0)
    assert bright.field_of_view == whole.field_of_view
    mixed = [setting(seed, 64, WHOLE.without("combinations")).expression for seed in range(1, 8)]
    assert all(1 <= len(expression.units) <= 5 for expression in mixed)


@pytest.mark.shared
@pytest.mark.skipif(not face_model.DEFAULT_PATH.is_file(), reason="needs the packed face model")
def test_a_picture_differs_by_the_part_that_is_left_out() -> None:
    whole, shaved, dull = (
        next(samples.render([SEED], size=64, world=world))
        for world in (WHOLE, WHOLE.without("beards"), WHOLE.without("shadows"))
    )
    assert whole.intensity == shaved.intensity == dull.intensity
    assert (whole.image != shaved.image).any()
    assert (whole.image != dull.image).any()


@pytest.mark.shared
@pytest.mark.skipif(not face_model.DEFAULT_PATH.is_file(), reason="needs the packed face model")
def test_sheets_hold_a_face_in_every_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "SIZE", 48)
    monkeypatch.setattr(sheets, "COLUMNS", 2)
    monkeypatch.setattr(sheets, "LOOK_ALIKES", ("pain", "yawn"))
    drawn = sheets.look_alikes()
    assert drawn.shape == (96, 96, 3)
    assert (drawn[:48] != drawn[48:]).any()
    assert sheets.sheet([SEED, SEED + 1]).shape == (48, 96, 3)


def faces(count: int, noise: float, seed: int) -> Examples:
    """Faces whose mesh tells AU4, the better the less noise."""
    rng = np.random.default_rng([5, seed])
    targets = np.zeros((count, len(OUTPUTS)), np.float32)
    targets[:, OUTPUTS.index("AU4")] = 5.0 * (np.arange(count) % 2)
    meshes = np.zeros((count, 468, 3), np.float32)
    meshes[:, 0, 0] = targets.max(axis=1) + noise * rng.normal(0.0, 5.0, count)
    meshes[:, 1] = rng.normal(0.0, 1.0, (count, 3))
    crops = rng.integers(0, 255, (count, 112, 112), np.uint8)
    nothing = np.zeros((count, 0), np.float32)
    seeds = np.arange(count)
    return Examples(crops, meshes, targets, seeds // 8, seeds, seeds % 8 == 0, nothing)


def test_what_a_part_brings_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablate, "PARTS", ("beards", "wrinkles"))
    monkeypatch.setattr(ablate, "ARMS", (ablate.ALL, "beards", "wrinkles"))
    monkeypatch.setattr(ablate, "DRAWS", 12)
    monkeypatch.setattr(export, "face_columns", lambda: np.arange(3))
    mesh: npt.NDArray[np.int64] = np.arange(export.SKIN_WIDTH, export.SKIN_WIDTH + 6)
    monkeypatch.setattr(export, "mesh_columns", lambda: mesh)
    for arm, noise in ((ablate.ALL, 0.0), ("beards", 0.0), ("wrinkles", 100.0)):
        (tmp_path / arm).mkdir()
        faces(120, noise, 1).save(tmp_path / arm / "000000.npz")
    real = faces(60, 0.2, 2)
    rows = np.arange(60)
    questions = (
        Question("AU4", "coded", rows, rows % 2 == 1),
        Question(EYES, "coded", rows[:40], rows[:40] < 20),
    )
    told: list[str] = []
    sight = {"as they are": Sight(export.features(real), questions)}
    results = ablate.judge(tmp_path, 500, sight, told.append)
    assert told == list(ablate.ARMS)
    assert (results["pictures"], results["people"], results["draws"]) == (120, 15, 12)
    brow, eyes, mean = results["sizes"]["as they are"]
    assert (brow["unit"], brow["present"], brow["absent"], mean["unit"]) == ("AU4", 30, 30, "mean")
    assert brow["auc"] > 0.85
    assert brow["brings"]["beards"] == {"gain": 0.0, "low": 0.0, "high": 0.0}
    assert brow["brings"]["wrinkles"]["gain"] > 0.1
    assert brow["brings"]["wrinkles"]["low"] <= brow["brings"]["wrinkles"]["high"]
    assert mean["auc"] == pytest.approx((brow["auc"] + eyes["auc"]) / 2)
    page = ablate.page(json.loads(json.dumps(results)))
    assert "| AU4, coded | 30 / 30 |" in page
    assert "| +0 (+0 to +0) |" in page
    assert "120 pictures of 15 people" in page
