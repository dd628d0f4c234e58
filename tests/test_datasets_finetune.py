"""Recalibrating the shipped model: what is learnt, what is kept, and that nothing shipped changes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("sklearn")

from npng_edge.infer.action_units import ActionUnitModel
from npng_edge.infer.manifest import FILE_NAME, Manifest, State, default_models_directory, open_model, verify
from npng_edge.infer.runtime import Format, load
from npng_edge.units import ACTION_UNITS
from training.datasets import finetune
from training.datasets.finetune import Line
from training.datasets.labelled import DataSetError, Labelled
from training.datasets.reading import Score, SequenceReading
from training.datasets.sets import SETS
from training.datasets.targets import Gathered

if TYPE_CHECKING:
    from pathlib import Path

MODELS = default_models_directory()
FIGURES = dict.fromkeys(finetune.FIGURES, 0.5)


def gathered(people: int) -> Gathered:
    """AU12 is read at half its strength, AU4 is noise; AU1 is never there."""
    rng = np.random.default_rng(0)
    found = Gathered(SETS["disfa"])
    for person in range(people):
        labelled, scores = [], []
        for number, smile in enumerate(rng.integers(0, 6, 40)):
            frown = float(rng.integers(0, 2))
            units: dict[str, float | None] = {"AU1": 0.0, "AU4": frown, "AU12": float(smile)}
            labelled.append(Labelled(f"SN{person:03d}", "film", number, MODELS, units=units))
            read = {"AU1": 0.1, "AU4": float(rng.uniform(0.0, 1.0)), "AU12": smile / 2 + float(rng.normal(0.0, 0.1))}
            scores.append(Score(1.0, read))
        found.add(labelled, SequenceReading(tuple(scores), 2.0, 0, 0), painless=True)
    return found


def test_a_line_is_kept_only_where_people_left_out_are_read_better() -> None:
    lines = {line.unit: line for line in finetune.learn(gathered(6))}
    smile, frown = lines["AU12"], lines["AU4"]
    assert smile.kept
    assert smile.slope == pytest.approx(2.0, abs=0.1)
    assert smile.intercept == pytest.approx(0.0, abs=0.15)
    assert smile.after["mae"] is not None
    assert smile.before["mae"] is not None
    assert smile.after["mae"] < 0.3
    assert smile.before["mae"] > 1.0
    assert not frown.kept
    assert "AU1" not in lines


def test_too_few_people_are_a_mistake() -> None:
    with pytest.raises(DataSetError, match=r"4 people; at least 5 are needed"):
        finetune.learn(gathered(4))


def test_the_candidate_says_what_the_shipped_model_says_through_its_lines() -> None:
    entry = Manifest.load(MODELS / FILE_NAME).entry(finetune.NAME)
    shipped = (MODELS / entry.file).read_bytes()
    lines = [Line("AU12", 2.0, -0.5, kept=True, before=FIGURES, after=FIGURES)]
    lines += [Line("AU4", 9.0, 9.0, kept=False, before=FIGURES, after=FIGURES)]
    rng = np.random.default_rng(1)
    faces = rng.integers(0, 256, (5, 1, 112, 112), dtype=np.uint8)
    meshes = rng.normal(0.0, 1.0, (5, 1, 468, 3)).astype(np.float32)
    before, after = load(shipped, Format.ONNX), load(finetune.recalibrated(shipped, lines), Format.ONNX)
    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    smile = ACTION_UNITS.index("AU12")
    for face, mesh in zip(faces, meshes, strict=True):
        expected, eyes, *_ = before(face, mesh)
        said, eyes_said, *_ = after(face, mesh)
        expected[0, smile] = np.clip(expected[0, smile] * 2.0 - 0.5, 0.0, 5.0)
        np.testing.assert_allclose(said, np.clip(expected, 0.0, 5.0), atol=1e-5)
        np.testing.assert_array_equal(eyes_said, eyes)


def test_a_candidate_is_a_folder_that_a_device_can_open_and_nothing_shipped_changes(tmp_path: Path) -> None:
    def hashes() -> dict[str, str]:
        return {str(one): hashlib.sha256(one.read_bytes()).hexdigest() for one in MODELS.rglob("*") if one.is_file()}

    shipped, learnt = hashes(), gathered(6)
    folder = finetune.write(MODELS, tmp_path, SETS["disfa"], learnt, finetune.learn(learnt))
    assert hashes() == shipped
    manifest = Manifest.load(folder / FILE_NAME)
    assert {check.state for check in verify(manifest)} == {State.OK}
    entry = manifest.entry(finetune.NAME)
    assert entry.sha256 != Manifest.load(MODELS / FILE_NAME).entry(finetune.NAME).sha256
    assert entry.origin.trained is not None
    assert entry.origin.trained.by == "python -m training.datasets finetune disfa"
    ActionUnitModel(open_model(manifest, finetune.NAME))
    card = (folder / entry.origin.trained.card).read_text(encoding="utf-8")
    assert entry.sha256 in card
    assert "nobody has released it" in card
    assert "| AU12 | yes |" in card
    assert "| AU4 | no |" in card
    with pytest.raises(DataSetError, match=r"is there already"):
        finetune.write(MODELS, tmp_path, SETS["disfa"], learnt, finetune.learn(learnt))


def test_without_a_line_that_helps_there_is_no_candidate(tmp_path: Path) -> None:
    lines = [Line("AU4", 9.0, 9.0, kept=False, before=FIGURES, after=FIGURES)]
    with pytest.raises(DataSetError, match=r"nothing to write"):
        finetune.write(MODELS, tmp_path, SETS["disfa"], gathered(6), lines)
    assert not (tmp_path / "candidate").exists()
