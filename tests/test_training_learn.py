"""Learning, export and scoring on made-up faces: small enough to check against numpy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from training.units.backbone import Net

pytest.importorskip("scipy", reason="needs the extra `train`")
pytest.importorskip("onnx", reason="needs the extra `train`")
pytest.importorskip("torch", reason="needs the extra `train`")

import torch

from npng_edge.capture.frames import frames
from npng_edge.infer.action_units import ActionUnitModel
from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from npng_edge.infer.mesh import FaceMesh
from npng_edge.infer.pipeline import MESH, Pipeline
from npng_edge.infer.runtime import Format, load
from npng_edge.settings import Camera, Seeing
from training.units import augment, export, features, fit, heads, learn
from training.units.backbone import WIDTH
from training.units.features import MOST, OUTPUTS, SIDES, Examples
from training.units.gradients import DIRECTIONS

FACES = 160
HINTS = SIDES + 7
CLIP = Path(__file__).parents[1] / "clips" / "patient.mp4"


@pytest.fixture(scope="module")
def examples() -> Examples:
    """Faces whose mesh alone tells the truth: each output is a mesh coordinate."""
    rng = np.random.default_rng(1)
    landmarks = rng.normal(0, 0.2, (FACES, 468, 3)).astype(np.float32)
    targets = np.clip(landmarks.reshape(FACES, -1)[:, : len(OUTPUTS)] * 5.0, 0.0, 1.0) * MOST
    people = np.arange(FACES) // 2
    neutral = np.arange(FACES) % 2 == 0
    targets[neutral] = 0.0
    landmarks[neutral, :6] = -0.2
    hints = rng.normal(1.0, 2.0, (FACES, HINTS)).astype(np.float32)
    crops = rng.integers(0, 255, (FACES, 112, 112), dtype=np.uint8)
    return Examples(crops, landmarks, targets.astype(np.float32), people, np.arange(FACES), neutral, hints)


@pytest.fixture(scope="module")
def net(examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> Net:
    return fit.fit(examples, 3, 0, tmp_path_factory.mktemp("net") / "net.pt", lambda *_: None)


Whole: TypeAlias = tuple[learn.Learnt, learn.Calibration, heads.Heads]


@pytest.fixture(scope="module")
def learnt(examples: Examples, net: Net) -> Whole:
    found = export.features(examples)
    blend = learn.blend(net, found, examples.targets, (export.face_columns(), export.mesh_columns()))
    scores = blend(examples.crops, found)
    calibration = learn.calibrate(scores, examples.targets, examples.neutral, MOST)
    return blend, calibration, heads.fit_heads(net, examples, examples, calibration(scores))


def test_ridge_is_least_squares_when_nothing_holds_it_down() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(3.0, 2.0, (500, 4)).astype(np.float32)
    truth = np.array([[1.0], [-2.0], [0.5], [0.0]], np.float32)
    linear = learn.ridge(features, features @ truth + 7.0, 1e-9)
    np.testing.assert_allclose(linear.weights, truth, atol=1e-4)
    np.testing.assert_allclose(linear.bias, [7.0], atol=1e-3)
    held_down = learn.ridge(features, features @ truth + 7.0, 1.0)
    np.testing.assert_allclose(held_down.weights, truth / 2, atol=0.1)


def test_calibration_puts_neutral_faces_near_zero_and_keeps_the_order() -> None:
    scores = np.linspace(-1.0, 2.0, 301, dtype=np.float32)[:, np.newaxis]
    neutral = scores[:, 0] < 0.5
    targets = np.maximum(scores - 0.5, 0.0) * np.float32(2.0)
    calibration = learn.calibrate(scores, targets, neutral, np.array([5.0], np.float32))
    read = calibration(scores)[:, 0]
    assert read[neutral].mean() < 0.1
    assert calibration.slope[0] == pytest.approx(2.0, abs=0.2)
    assert (np.diff(read) > 0).all()
    assert calibration(np.array([[100.0]], np.float32)).item() == 5.0


def test_the_exported_graph_computes_what_numpy_computes(examples: Examples, learnt: Whole) -> None:
    scores, calibration, others = learnt
    model = load(export.build(*learnt).SerializeToString(), Format.ONNX)
    ActionUnitModel(model)  # refuses a graph of another shape
    expected = calibration(scores(examples.crops, export.features(examples)))
    np.testing.assert_allclose(export.outputs(model, examples), expected, atol=2e-3)
    assert np.corrcoef(expected[:, 8], examples.targets[:, 8])[0, 1] > 0.5
    one = examples.rows(np.arange(1))
    numbers = fit.seen(scores.net, one.crops)
    _, _, sides, deviation, seen = model(one.crops, one.landmarks)
    np.testing.assert_allclose(seen, numbers, atol=2e-3)
    np.testing.assert_allclose(sides.reshape(1, SIDES), others.knee(others.sides(numbers)), atol=2e-3)
    doubt = others.doubt(np.concatenate([numbers, expected[:1]], axis=1))
    np.testing.assert_allclose(deviation, np.maximum(doubt, heads.LEAST * MOST), atol=2e-3)


def test_the_net_is_taught_everything_that_is_known_and_pain_twice(examples: Examples) -> None:
    taught = fit.lesson(examples)
    columns = len(OUTPUTS) + HINTS + fit.COMPONENTS
    assert taught.wanted.shape == (FACES, columns)
    assert taught.weights.sum() == pytest.approx(1.0, abs=1e-5)
    counted = len(OUTPUTS) + len(fit.PAIN)
    assert taught.weights[0] == pytest.approx(taught.weights[len(OUTPUTS)] * 2 * HINTS / counted)
    assert taught.weights[OUTPUTS.index("AU4")] == pytest.approx(2 * taught.weights[0])
    np.testing.assert_allclose(taught.wanted.mean(axis=0), 0.0, atol=0.1)
    np.testing.assert_allclose(taught.wanted.std(axis=0), 1.0, atol=0.1)
    mean, spread = fit.scale(examples.targets)
    told = taught.wanted[:, : len(OUTPUTS)] * spread + mean
    uncut = np.abs(taught.wanted[:, : len(OUTPUTS)]) < fit.FURTHEST
    np.testing.assert_allclose(told[uncut], examples.targets[uncut], atol=1e-4)


def test_teaching_that_was_stopped_goes_on_as_if_it_had_not_been(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "KEEP_EVERY", 1)
    whole = fit.fit(examples, 3, 5, tmp_path / "whole.pt", lambda *_: None)

    def stop(done: int, _: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit.fit(examples, 3, 5, tmp_path / "stopped.pt", stop)
    steps = []
    resumed = fit.fit(examples, 3, 5, tmp_path / "stopped.pt", lambda done, _: steps.append(done))
    assert steps == [3]
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, resumed.state_dict()[name]), name
    fit.fit(examples, 1, 6, tmp_path / "stopped.pt", lambda done, _: steps.append(done))
    assert steps == [3, 1], "another seed starts anew"


def test_pictures_are_changed_at_random_but_the_same_dice_give_the_same(examples: Examples) -> None:
    crops = torch.from_numpy(examples.crops[:8]).float()
    first, again, other = (augment.augmented(crops, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == crops.shape
    assert bool(first.isfinite().all())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_mirror_image_swaps_the_sides() -> None:
    shapes = ["browDown_L", "browDown_R", "jawLeft", "jawOpen", "jawRight", "mouthLowerDown_L", "mouthLowerDown_R"]
    order = features.mirrored(shapes)
    assert sorted(order) == list(range(len(order)))
    np.testing.assert_array_equal(order[order], np.arange(len(order)))
    first = len(order) - len(shapes)
    assert [shapes[number - first] for number in order[first:]] == [
        "browDown_R", "browDown_L", "jawRight", "jawOpen", "jawLeft", "mouthLowerDown_R", "mouthLowerDown_L",
    ]  # fmt: skip
    left = np.arange(SIDES // 2)
    np.testing.assert_array_equal(order[left], left + SIDES // 2)


def test_a_shard_is_read_as_the_device_would_and_mirrored_with_its_sides(tmp_path: Path) -> None:
    frame = next(iter(frames(Camera(), f"file:{CLIP}")))
    face = Pipeline(Seeing()).read_still(frame).face
    assert face is not None
    x, y, side = int(face.box.x - 10), int(face.box.y - 10), int(face.box.width + 20)
    image = cv2.resize(frame.image[y : y + side, x : x + side], (224, 224))
    shapes = ["browDown_L", "browDown_R", "jawOpen"]
    units = SIDES // 2
    sides = np.zeros((1, 2, units), np.float32)
    sides[0, 0, 2] = 4.0
    np.savez(
        tmp_path / "shard.npz", image=image[np.newaxis], intensity=np.ones((1, units)),
        eyes_closed=np.array([[0.9, 0.1]]), identity=np.array([3]), neutral=np.array([False]), seed=np.array([24]),
        sides=sides, lip_gap=np.array([0.5]), lid_gaps=np.array([[0.1, 0.8]]), coefficients=np.array([[0.7, 0.0, 0.2]]),
    )  # fmt: skip
    mesh = FaceMesh(open_model(Manifest.load(default_models_directory() / FILE_NAME), MESH))
    found = features.gather(tmp_path / "shard.npz", mesh, shapes)
    assert len(found) == 2, "the picture and its mirror image"
    assert found.targets[:, -2:].tolist() == [
        [pytest.approx(0.9), pytest.approx(0.1)],
        [pytest.approx(0.1), pytest.approx(0.9)],
    ]
    first, second = found.hints
    np.testing.assert_allclose(first[-6:], [0.5, 0.1, 0.8, 0.7, 0.0, 0.2], atol=1e-6)
    np.testing.assert_allclose(second[-6:], [0.5, 0.8, 0.1, 0.0, 0.7, 0.2], atol=1e-6)
    assert first[2] == second[units + 2] == 4.0
    assert found.seeds.tolist() == [24, 24]
    alike = np.corrcoef(found.crops[0][:, ::-1].ravel(), found.crops[1].ravel())[0, 1]
    assert alike > 0.8


def test_gradient_features_are_those_of_the_definition(examples: Examples) -> None:
    ramp = np.broadcast_to(np.arange(112, dtype=np.uint8) * 2, (1, 112, 112)).copy()
    one = replace(examples.rows(np.arange(1)), crops=ramp)
    by_direction = export.features(one)[0, : export.SKIN_WIDTH].reshape(DIRECTIONS, -1)
    # A slope of 2 of 255 per pixel towards +x: the strength in direction k is its cosine, where that is positive.
    strength = np.maximum(np.cos(np.arange(8) * np.pi / 4), 0.0) * 2.0 / 255.0
    np.testing.assert_allclose(
        by_direction, np.sqrt(strength / (strength.mean() + 0.002))[:, np.newaxis] + 0 * by_direction, atol=2e-3
    )
    assert set(export.face_columns()) < set(range(export.SKIN_WIDTH))


def test_eight_bits_cost_little_and_the_same_input_gives_the_same_file(
    examples: Examples, net: Net, learnt: Whole
) -> None:
    rng = np.random.default_rng(4)
    width, outputs = export.SKIN_WIDTH + export.MESH, len(MOST)
    layers = [
        learn.Linear(rng.normal(0, 0.05, (rows, columns)).astype(np.float32), np.zeros(columns, np.float32))
        for rows, columns in ((WIDTH, outputs), (width, 32), (32, outputs), (width, outputs))
    ]
    blend = learn.Learnt(net, *layers)
    ones = np.ones_like(MOST)
    large = export.build(blend, learn.Calibration(-2 * ones, ones, 100 * ones), learnt[2]).SerializeToString()
    small, again = (export.quantise(large, examples.rows(np.arange(32))) for _ in range(2))
    assert small == again
    assert len(small) < len(large)
    before, after = (export.outputs(load(model, Format.ONNX), examples) for model in (large, small))
    assert np.abs(before - after).mean() < 0.03 * before.std()


def test_examples_survive_a_file_and_split_by_person(examples: Examples, tmp_path: Path) -> None:
    examples.save(tmp_path / "a.npz")
    joined = Examples.join([Examples.load(tmp_path / "a.npz"), examples])
    assert len(joined) == 2 * FACES
    np.testing.assert_array_equal(joined.crops[:FACES], examples.crops)
    fitted, held_out = joined.split()
    assert len(fitted) + len(held_out) == 2 * FACES
    assert not set(fitted.people) & set(held_out.people)
