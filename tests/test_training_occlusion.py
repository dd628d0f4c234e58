"""The occlusion net's whole way on a few faces: painting, training, export, evaluation, card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")
pytest.importorskip("onnx", reason="needs the extra `train`")

import torch
from typer.testing import CliRunner

from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from npng_edge.infer.mesh import FaceMesh, Region
from npng_edge.infer.occlusion import OcclusionModel
from npng_edge.infer.pipeline import MESH, OCCLUSION
from npng_edge.infer.runtime import Format, load
from training.occlusion import graph, net
from training.occlusion.__main__ import app
from training.occlusion.covers import COVERS, cover
from training.occlusion.data import CELLS, Samples, most_covered, paint, quarter_weights
from training.occlusion.harmless import HARMLESS, leave_bare, photographed
from training.occlusion.scene import Scene

CLIP = Path(__file__).parents[1] / "clips" / "patient.mp4"
FACES, REPEATS = 16, 3


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh(open_model(Manifest.load(default_models_directory() / FILE_NAME), MESH))


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic patient's face, every second picture, as if two pictures each were one person's."""
    video = cv2.VideoCapture(str(CLIP))
    faces: list[Any] = []
    while len(faces) < 2 * FACES:
        faces.append(cv2.resize(video.read()[1][58:258, 248:448], (224, 224)))
    path = tmp_path_factory.mktemp("work") / "shards" / "000000.npz"
    path.parent.mkdir()
    np.savez(path, image=np.stack(faces[::2]), identity=np.arange(FACES) // 2, seed=np.arange(FACES))
    return path


@pytest.fixture(scope="module")
def scene(shard: Path, mesh: FaceMesh) -> Scene:
    image = np.load(shard)["image"][0]
    fit = mesh.fit(image, Region.of(mesh.fit(image, Region(111.5, 111.5, 224.0, 0.0)).landmarks))
    assert fit.presence > 0.5
    return Scene.of(image, fit.landmarks)


@pytest.fixture(scope="module")
def samples(shard: Path, mesh: FaceMesh) -> Samples:
    return paint(shard, mesh, REPEATS, seed=0)


@pytest.mark.parametrize("kind", COVERS)
def test_a_cover_changes_the_face_where_it_says_so_and_hardly_elsewhere(scene: Scene, kind: str) -> None:
    parts = []
    for seed in range(12):
        painted, mask = cover(np.random.default_rng(seed), scene, kind)
        changed = np.abs(painted.picture - scene.picture).mean(axis=2)
        inside, outside = cv2.erode(mask, np.ones((5, 5))) > 0, cv2.dilate(mask, np.ones((17, 17))) == 0
        parts.append(mask.mean())
        assert set(np.unique(mask)) <= {0, 1}
        assert np.isfinite(painted.picture).all()
        if inside.any():
            assert np.median(changed[inside]) > 3.0
        # Beyond its edge only its shadow lies, which darkens.
        assert (painted.picture[outside] <= scene.picture[outside] + 0.1).all()
    assert 0.02 < np.mean(parts) < 0.6


@pytest.mark.parametrize("kind", HARMLESS)
def test_harmless_things_change_the_picture_and_leave_its_range(scene: Scene, kind: str) -> None:
    painted = leave_bare(np.random.default_rng(1), scene, kind).picture
    assert np.abs(painted - scene.picture).max() > 5.0
    assert painted.min() >= 0.0
    assert painted.max() <= 255.0


def test_a_photograph_is_a_picture_of_the_same_size(scene: Scene) -> None:
    for seed in range(10):
        image = photographed(np.random.default_rng(seed), scene)
        assert image.dtype == np.uint8
        assert image.shape == scene.picture.shape


def test_the_most_covered_quarter_counts() -> None:
    weights = quarter_weights(np.ones((CELLS, CELLS), np.float32))
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-6)
    cells = np.zeros((2, CELLS, CELLS), np.float32)
    cells[0, 3:, :4] = 1.0
    cells[1, 6, 6] = 1.0
    np.testing.assert_allclose(most_covered(cells, weights), [1.0, 1.0 / 16.0], rtol=1e-6)


def test_the_same_seed_paints_the_same(shard: Path, mesh: FaceMesh, samples: Samples) -> None:
    again = paint(shard, mesh, REPEATS, seed=0)
    np.testing.assert_array_equal(again.crops, samples.crops)
    np.testing.assert_array_equal(again.covered, samples.covered)
    free = samples.kinds == 0
    assert 0 < free.sum() < len(samples)
    assert samples.covered[free].max() == 0.0
    assert samples.covered[~free].max() > 0.9


def test_the_net_learns_and_the_graph_says_the_same(samples: Samples) -> None:
    losses: list[float] = []
    fitted = net.fit(samples, 12, 0, losses.append)
    assert losses[-1] < 0.8 * losses[0]

    face = net.usual_face(samples)
    content = graph.build(fitted, face).SerializeToString()
    model = load(content, Format.ONNX)
    with torch.no_grad():
        cells = torch.sigmoid(fitted(torch.from_numpy(net.halved(samples.crops))[:, None])).numpy()
    expected = most_covered(cells, quarter_weights(face))
    read = [OcclusionModel(model).covered(crop) for crop in samples.crops]
    np.testing.assert_allclose(read, expected, atol=1e-4)

    small = graph.quantise(content, samples.crops)
    rounded = [OcclusionModel(load(small, Format.ONNX)).covered(crop) for crop in samples.crops]
    assert len(small) < 0.6 * len(content)
    assert np.abs(np.array(rounded) - expected).mean() < 0.03


def test_all_steps_from_pictures_to_the_card(shard: Path, tmp_path: Path) -> None:
    work, models = shard.parents[1], tmp_path / "models"
    shutil.copytree(default_models_directory(), models)
    before = Manifest.load(models / FILE_NAME).entry(OCCLUSION)
    for command in (
        ["paint", "--count", "500", "--repeats", "2", "--work", str(work)],
        ["train", "--epochs", "1", "--work", str(work), "--models", str(models)],
        ["evaluate", "--work", str(work), "--models", str(models), "--real", str(tmp_path / "absent")],
        ["card", "--models", str(models)],
    ):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output

    entry = Manifest.load(models / FILE_NAME).entry(OCCLUSION)
    assert entry.sha256 != before.sha256
    OcclusionModel(open_model(Manifest.load(models / FILE_NAME), OCCLUSION))
    results = json.loads((models / "occlusion.json").read_text(encoding="utf-8"))
    assert results["rendered"]["people"] == 1
    text = (models / "occlusion.md").read_text(encoding="utf-8")
    assert entry.sha256 in text
    assert "{" not in text


def test_training_without_painted_faces_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", "--work", str(tmp_path)])
    assert result.exit_code == 2
    assert "training.occlusion paint" in result.output
