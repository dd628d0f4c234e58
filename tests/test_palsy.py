"""Facial palsy: what a weak side loses, how people are split, the nets that are compared, the graph, the card."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")
pytest.importorskip("onnx", reason="needs the extra `train`")
pytest.importorskip("moderngl", reason="needs the extra `train`")

import torch
from typer.testing import CliRunner

from npng_edge.infer import align
from npng_edge.infer.asymmetry import SIDES, AsymmetryModel
from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from npng_edge.infer.pipeline import ASYMMETRY
from npng_edge.infer.runtime import Format, load
from training.palsy import compare, droop, evaluate, graph, head, skin
from training.palsy.__main__ import app
from training.palsy.data import SOUND, Faces, upright
from training.palsy.nets import BACKBONES, MODELS, SIDE
from training.palsy.pictures import ORDER
from training.palsy.real import chimera
from training.palsy.splits import SPLITS, folds, split
from training.palsy.tasks import TASKS, ask, habit, random_lean
from training.palsy.weakness import Weakness, drawn_aside, drooping, random_weakness, weakened
from training.world import face_model
from training.world.expressions import Expression

if TYPE_CHECKING:
    from pathlib import Path

    from training.palsy.data import Floats

PEOPLE = 24
COMPLETE = Weakness(1, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
CENTRAL = Weakness(0, (0.8, 0.15, 0.0), (0.5, 0.1, 0.0))


def sides(expression: Expression, unit: str) -> tuple[float, float]:
    value, lean = expression.units[unit], expression.tilt.get(unit, 0.0)
    return value * (1.0 + lean), value * (1.0 - lean)


def test_a_weak_side_does_not_follow_and_the_other_does_what_it_did() -> None:
    smile = Expression({"AU12": 4.0, "AU1": 2.0, "AU26": 1.0}, tilt={"AU12": 0.1})

    left = weakened(smile, COMPLETE)
    assert sides(left, "AU12") == pytest.approx((4.4, 0.0))
    assert sides(left, "AU26") == (1.0, 1.0), "the jaw belongs to another nerve"
    lower = weakened(smile, CENTRAL)
    assert sides(lower, "AU12") == pytest.approx((4.4 * 0.2, 3.6))
    assert sides(lower, "AU1") == pytest.approx((2.0, 2.0)), "the brow is spared"
    assert drawn_aside(left, COMPLETE)["mouthLeft"] > 0.0


def test_the_weak_eye_stays_open() -> None:
    shut = weakened(Expression(closure=1.0), COMPLETE)
    assert (shut.closure + shut.wink, shut.closure - shut.wink) == pytest.approx((1.0, 0.1))


def test_what_droops_is_on_the_weak_side() -> None:
    sagging = drooping(COMPLETE)
    assert {name[-2:] for name in sagging if not name.startswith("mouthLeft")} == {"_R"}
    assert drooping(CENTRAL)["browDown_L"] == 0.0


def test_weaknesses_and_tasks_keep_their_ranges_and_depend_on_the_seed_alone() -> None:
    for seed in range(60):
        weakness = random_weakness(np.random.default_rng(seed))
        assert weakness == random_weakness(np.random.default_rng(seed))
        assert all(0.0 <= lost <= 1.0 for lost in weakness.lost)
        rng = np.random.default_rng(seed)
        lean = random_lean(rng)
        assert max(map(abs, habit(rng).values())) < 0.6
        for task in (*TASKS, "one-sided"):
            asked = weakened(ask(task, rng, lean), weakness)
            assert all(0.0 <= value <= 5.0 for value in asked.units.values())
            assert all(-1.0 <= value <= 1.0 for value in asked.tilt.values())


def test_a_face_is_drawn_upright_by_its_points() -> None:
    picture = np.zeros((224, 224, 3), np.uint8)
    points = np.array([[90.0, 130.0], [90.0, 44.0], [134.0, 87.0], [184.0, 87.0]], np.float32)  # turned to a side
    for x, y in points.astype(int):
        picture[y - 3 : y + 4, x - 3 : x + 4] = 255
    drawn = upright(picture, points)
    for x, y in ((34, 34), (77, 34), (56, 56), (56, 81)):
        assert drawn[y - 3 : y + 4, x - 3 : x + 4].max() > 200


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Noise in the shape of faces, in which the points of a weak side hang."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(PEOPLE), len(ORDER))
    count = len(people)
    side = np.where(people % 2, people // 2 % 2, SOUND)
    half, away = rng.normal(0.0, 0.3, (234, 3)), np.array([0.5, 0.0, 0.0])
    mean = np.concatenate([half + away, half * head.MIRROR - away]).astype(np.float32)
    landmarks = mean + rng.normal(0.0, 0.005, (count, 468, 3)).astype(np.float32)
    crops = rng.integers(60, 200, (count, 112, 112)).astype(np.uint8)
    for row in range(count):
        if side[row] != SOUND:
            landmarks[row, side[row] * 234 : (side[row] + 1) * 234, 1] += 0.03
    return Faces(
        crops=crops, landmarks=landmarks, pose=rng.normal(0, 5, (count, 3)).astype(np.float32), aligned=crops,
        detected=np.ones(count, bool), people=people, tasks=np.tile(np.arange(len(ORDER)), PEOPLE), side=side,
        lost=(np.outer(side != SOUND, [0.8, 0.5, 0.4])).astype(np.float32),
    )  # fmt: skip


@pytest.fixture(scope="module")
def features(faces: Faces) -> Floats:
    return np.random.default_rng(1).random((len(faces), 2, 256)).astype(np.float32)


@pytest.mark.parametrize("how", SPLITS)
def test_splits_take_each_face_once_and_people_stay_together_where_they_shall(faces: Faces, how: str) -> None:
    parts = split(faces.people, how, seed=0)
    assert (np.sum(parts, axis=0) == 1).all()
    assert [part.mean() for part in parts] == pytest.approx([0.7, 0.2, 0.1], abs=0.06)
    if how == "by person":
        assert not set(faces.people[parts[0]]) & set(faces.people[parts[2]])
        assert all(faces.palsy[part].mean() == 0.5 for part in parts)


def test_folds_keep_people_together(faces: Faces) -> None:
    fold = folds(faces.people, 5, seed=0)
    assert set(fold) == set(range(5))
    assert all(len(set(fold[faces.people == person])) == 1 for person in range(PEOPLE))


def test_faces_are_read_as_they_were_saved(faces: Faces, tmp_path: Path) -> None:
    faces.save(tmp_path / "000000.npz")
    again = Faces.load(tmp_path / "000000.npz")
    for name, array in vars(faces).items():
        np.testing.assert_array_equal(getattr(again, name), array)


@pytest.mark.parametrize("name", MODELS)
def test_each_model_of_the_comparison_takes_a_picture_of_224_pixels(name: str) -> None:
    torch.manual_seed(0)
    kind, _ = MODELS[name]
    backbone = BACKBONES[kind]().eval()
    net = compare.assembled(name, backbone, seed=0).eval()
    with torch.no_grad():
        maps = backbone.trunk(torch.rand(2, 1, SIDE, SIDE))
        assert maps.shape[2:] == (14, 14)
        assert net(maps).shape == (2, 1)


def test_pictures_go_from_their_darkest_to_their_brightest_pixel(faces: Faces) -> None:
    x = compare.pictures(faces.crops[:3])
    assert x.shape == (3, 1, SIDE, SIDE)
    assert (x.amin((1, 2, 3)) == 0.0).all()
    assert (x.amax((1, 2, 3)) == 1.0).all()
    assert compare.pictures(np.full((1, 112, 112), 7, np.uint8)).abs().max() == 0.0


def test_learning_stops_early_keeps_the_best_and_repeats_itself(faces: Faces) -> None:
    seen = torch.randn(2, len(faces), 8, 7, 7, generator=torch.Generator().manual_seed(0)).half()
    seen += torch.from_numpy(faces.palsy.astype(np.float32)).half()[:, None, None, None]
    learn, stop, judge = split(faces.people, "by person", 0)

    def taught() -> compare.Judge:
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 1))
        return compare.fit(net, seen, faces.palsy, (learn, stop), seed=0)

    first, second = taught(), taught()
    assert 1 <= first.epochs <= compare.EPOCHS
    said = first(seen, judge)
    np.testing.assert_array_equal(said, second(seen, judge))
    assert said[faces.palsy[judge]].min() > said[~faces.palsy[judge]].max()


@pytest.fixture(scope="module")
def given(faces: Faces, features: Floats) -> head.Given:
    return head.Given(faces.landmarks.reshape(len(faces), -1), skin.read(faces.crops), features)


def test_the_gradients_of_a_mirror_image_are_the_crops_own_in_another_order(faces: Faces) -> None:
    turned = np.ascontiguousarray(faces.crops[:5, :, ::-1])
    # Sums in another order differ in their last bit, and the root of what is nearly 0 makes more of that.
    np.testing.assert_allclose(skin.read(turned), skin.read(faces.crops[:5])[:, skin.OPPOSITE], atol=1e-3)
    np.testing.assert_array_equal(skin.OPPOSITE[skin.OPPOSITE], np.arange(len(skin.COLUMNS)))


def test_what_is_odd_changes_its_sign_in_a_mirror_and_what_is_even_does_not(given: head.Given) -> None:
    opposite = head.pairs(given.meshes.reshape(len(given), -1, 3))
    turned = head.Given(
        (given.meshes.reshape(len(given), -1, 3)[:, opposite] * head.MIRROR).reshape(len(given), -1),
        given.gradients[:, skin.OPPOSITE],
        given.features[:, ::-1],
    )
    shape = head.shape_of(given)
    for parts in evaluate.ROWS.values():
        one, other = head.look(given, shape, parts), head.look(turned, shape, parts)
        np.testing.assert_allclose(other[:, ::-1], one, atol=1e-4)
    shipped = head.look(given, shape)
    np.testing.assert_allclose(shipped[:, 0], -shipped[:, 1])


def test_the_graph_says_what_the_nets_say_and_a_mirror_image_the_same_of_the_other_side(
    faces: Faces,
    given: head.Given,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(head, "EPOCHS", 15)
    monkeypatch.setattr(head, "BATCH", 32)
    shape = head.shape_of(given)
    opposite = head.pairs(faces.landmarks)
    np.testing.assert_array_equal(opposite[opposite], np.arange(468))
    seen = head.look(given, shape)
    nets = head.fit(seen, faces, seed=0)
    odds, lost = head.odds(nets, seen), head.lost(nets, seen)
    line = head.line(odds, faces.people, faces.palsy)
    assert 0.0 < line.slope <= 1.0
    scores = line.score(odds)
    content = graph.build(nets, shape, line)
    model = AsymmetryModel(load(content, Format.ONNX))

    looks = [model.score(crop, mesh) for crop, mesh in zip(faces.crops[:20], faces.landmarks[:20], strict=True)]
    np.testing.assert_allclose([look.score for look in looks], scores[:20], atol=1e-3)
    np.testing.assert_allclose([look.lost for look in looks], lost[:20], atol=1e-4)
    crop, mesh = np.ascontiguousarray(faces.crops[9][:, ::-1]), faces.landmarks[9][opposite] * head.MIRROR
    turned = model.score(crop, mesh)
    assert turned.score == pytest.approx(scores[9], abs=1e-2)
    np.testing.assert_allclose(turned.lost, lost[9][::-1], atol=1e-3)
    small = graph.quantise(content, faces.rows(np.arange(20)))
    assert len(small) < len(content)
    assert ((scores > 0.0) == faces.palsy).mean() > 0.8


def test_a_picture_is_bent_where_its_points_go_and_nowhere_else() -> None:
    # A flat face that fills the middle of a picture: the mean face's own points, spread where no others are known.
    rng = np.random.default_rng(0)
    mesh = np.zeros((468, 3))
    mesh[:, :2] = rng.uniform((-0.5, -0.2), (0.5, 0.8), (468, 2))
    mesh[list(align.RIGID)] = align._MEAN_FACE
    landmarks = (100.0 * mesh + [150.0, 120.0, 0.0]).astype(np.float32)
    picture = np.zeros((300, 300, 3), np.uint8)
    corner = droop.POINTS.index(291)
    x, y = (int(v) for v in landmarks[291, :2])
    picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    picture[-5:] = 90
    moved = np.zeros((68, 3), np.float32)
    np.testing.assert_array_equal(droop.bent(picture, landmarks, moved), picture)

    moved[corner, 1] = 0.08
    drawn = droop.bent(picture, landmarks, moved)

    rows, columns = np.nonzero(drawn[:290, :, 0] > 100)
    assert rows.mean() == pytest.approx(y + 8.0, abs=2.5)
    assert columns.mean() == pytest.approx(x, abs=2.5)
    np.testing.assert_array_equal(drawn[-5:], picture[-5:])


@pytest.mark.skipif(not face_model.DEFAULT_PATH.is_file(), reason="needs the packed face model")
def test_a_drawn_palsy_sags_on_its_side_by_millimetres_and_the_control_on_both() -> None:
    model = face_model.load(face_model.DEFAULT_PATH)
    right, left = (droop.POINTS.index(point) for point in (61, 291))

    weak, control = droop.both(model, droop.DEGREES["severe"], SIDES.index("left"))

    assert 0.05 < weak[left, 1] < 0.1, "5 to 9 mm of a face whose outer eye corners are 90 apart"
    assert abs(weak[right, 1]) < 0.02
    assert control[left, 1] == pytest.approx(control[right, 1], abs=0.005)
    assert control[left, 0] == pytest.approx(-control[right, 0], abs=0.005)


def test_a_chimera_takes_each_half_from_its_own_face() -> None:
    flat = np.zeros((468, 3), np.float32)
    mesh = flat.copy()
    mesh[:200, 0], mesh[200:400, 0] = -1.0, 1.0
    pairs = np.concatenate([np.arange(200, 400), np.arange(200), np.arange(400, 468)])
    dark, bright = (
        (np.zeros((112, 112), np.uint8), mesh),
        (np.full((112, 112), 200, np.uint8), mesh + np.array([0, 1, 0], np.float32)),
    )

    crop, points = chimera(dark, bright, pairs)

    assert crop[:, :50].max() < 5
    assert crop[:, 62:].min() > 195
    assert set(points[:200, 1]) == {0.0}
    assert set(points[200:400, 1]) == {1.0}
    assert set(points[400:, 1]) == {0.5}


def test_from_faces_to_the_card(faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "EPOCHS", 1)
    monkeypatch.setattr(head, "BATCH", 32)
    monkeypatch.setattr(head, "SKIN", 50)
    monkeypatch.setattr(evaluate, "FOLDS", 2)
    work, models = tmp_path / "work", tmp_path / "models"
    shutil.copytree(default_models_directory(), models)
    (work / "palsy").mkdir(parents=True)
    faces.save(work / "palsy" / "000000.npz")
    before = Manifest.load(models / FILE_NAME).entry(ASYMMETRY)
    for command in (
        ["train", "--work", str(work), "--models", str(models)],
        ["evaluate", "--work", str(work), "--models", str(models), "--real", str(tmp_path / "absent")],
        ["card", "--models", str(models)],
    ):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output

    entry = Manifest.load(models / FILE_NAME).entry(ASYMMETRY)
    assert entry.sha256 != before.sha256
    AsymmetryModel(open_model(Manifest.load(models / FILE_NAME), ASYMMETRY))
    found = json.loads((models / "asymmetry.json").read_text(encoding="utf-8"))["training"]
    assert found["people"] == PEOPLE
    assert {row["split"] for row in found["rows"]} == set(SPLITS)
    text = (models / "asymmetry.md").read_text(encoding="utf-8")
    assert entry.sha256 in text
    assert "{" not in text
    assert ".925" in text, "the origin's table stands beside ours"


def test_training_without_faces_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", "--work", str(tmp_path)])
    assert result.exit_code == 2
    assert "training.palsy render" in result.output
