"""The rendered world: what is packed, what is labelled, and that a seed is a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from npng_edge.units import ACTION_UNITS

pytest.importorskip("scipy", reason="needs the extra `train`")
moderngl = pytest.importorskip("moderngl", reason="needs the extra `train`")

from npng_edge.units import Pose  # noqa: E402
from training import face_model, people, samples  # noqa: E402 - only where the extra is installed
from training.expressions import (  # noqa: E402
    PLANS,
    SHAPES,
    Expression,
    Moved,
    labels,
    lips_parted,
    move,
    random_expression,
)
from training.render import Renderer, rotation  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from training.face_model import FaceModel


@pytest.fixture(scope="module")
def model() -> FaceModel:
    if not face_model.DEFAULT_PATH.is_file():
        pytest.skip("the face model of ../shared/data is absent")
    return face_model.load()


@pytest.fixture(scope="module")
def pictures(model: FaceModel) -> list[samples.Sample]:
    try:
        Renderer(model, 8, 8)
    except Exception as error:  # noqa: BLE001 - moderngl raises a plain Exception without EGL
        pytest.skip(f"no OpenGL through EGL here: {error}")
    return list(samples.render(range(2_000_000, 2_000_010), size=96))


def obj(points: list[tuple[float, float, float]]) -> str:
    lines = [f"v {x} {y} {z}" for x, y, z in points]
    lines += ["vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1", "usemtl M_Face", "f 1/1 2/2 3/3 4/4"]
    lines += ["usemtl M_Teeth", "f 4/1 3/2 5/3", "usemtl M_EyeOcclusion", "f 1/1 2/2 6/3"]
    return "\n".join(lines)


SQUARE = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0), (0.5, 2.0, 0.0), (9.0, 9.0, 9.0)]


def upstream(folder: Path) -> Path:
    (folder / "generic_neutral_mesh.obj").write_text(obj(SQUARE))
    for number in range(2):
        (folder / f"identity{number:03d}.obj").write_text(obj([(x + number + 1, y, z) for x, y, z in SQUARE]))
    (folder / "browDown_L.obj").write_text(obj([(x, y - 0.5, z) for x, y, z in SQUARE]))
    return folder


def test_packs_the_upstream_files(tmp_path: Path) -> None:
    packed = tmp_path / "packed.npz"
    face_model.pack(upstream(tmp_path), packed)
    tiny = face_model.load(packed)
    assert tiny.names == ("browDown_L",)
    assert tiny.neutral.shape == (5, 3)  # what only the clear shell of the eye uses is left out
    assert tiny.kinds.tolist() == [0, 0, 0, 0, 3]
    assert tiny.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 4]]
    assert np.allclose(tiny.person(np.array([0.0, 1.0], np.float32)) - tiny.neutral, [2, 0, 0])
    assert np.allclose(tiny.offsets({"browDown_L": 2.0}), [0, -1, 0])
    with pytest.raises(KeyError):
        tiny.offsets({"browDown_X": 1.0})


def test_packing_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="FaceXModel"):
        face_model.pack(tmp_path, tmp_path / "packed.npz")
    (upstream(tmp_path) / "identity001.obj").write_text("v 0 0 0\n")
    with pytest.raises(ValueError, match=r"identity001.*1 vertices"):
        face_model.pack(tmp_path, tmp_path / "packed.npz")
    with pytest.raises(FileNotFoundError, match="pack"):
        face_model.load(tmp_path / "absent.npz")


def test_pose_signs_are_those_of_the_product() -> None:
    nose, crown = np.array([0, 0, 1.0]), np.array([0, 1.0, 0])
    assert (rotation(Pose(30, 0, 0)) @ nose)[0] > 0.4  # towards the image's right
    assert (rotation(Pose(0, 30, 0)) @ nose)[1] > 0.4  # up
    assert (rotation(Pose(0, 0, 30)) @ crown)[0] > 0.4  # clockwise


def test_expressions_are_in_range_and_varied() -> None:
    rng = np.random.default_rng(1)
    drawn = [random_expression(rng) for _ in range(600)]
    assert all(0.0 <= value <= 5.0 for one in drawn for value in one.units.values())
    assert all(0.0 <= one.closure <= 1.0 for one in drawn)
    shown = {unit for one in drawn for unit in one.units}
    assert shown >= set(ACTION_UNITS) - {"AU25"}
    laughs = [one.units for one in drawn if one.units.get("AU12", 0) > 2 and one.units.get("AU10", 0) > 1]
    assert sum("AU4" not in units for units in laughs) > len(laughs) / 2
    assert sum(not one.units for one in drawn) > 30
    assert set().union(*(plan.units for plan in PLANS.values())) <= set(SHAPES)


def test_lips_parted_grows_with_the_gap() -> None:
    intensities = [lips_parted(gap) for gap in (0.0, 0.1, 0.4, 1.0, 2.5)]
    assert intensities[0] == 0.0
    assert intensities == sorted(intensities)
    assert intensities[-1] == 5.0


@pytest.mark.shared
def test_labels_are_measured_on_the_moved_face(model: FaceModel) -> None:
    person = people.random_person(2_000_000)
    rest = model.person(person.shape)

    def done(expression: Expression) -> Moved:
        return move(model, rest, expression, person.strength, person.folding)

    def shown(expression: Expression) -> tuple[tuple[float, float], float]:
        moved = done(expression)
        return moved.closed, moved.lip_gap

    assert shown(Expression()) == ((0.0, 0.0), 0.0)
    assert shown(Expression(closure=1.0))[0] == pytest.approx((1.0, 1.0), abs=0.01)
    assert shown(Expression({"AU7": 4.0}, closure=0.8))[0] == pytest.approx((0.8, 0.8), abs=0.05)
    left, right = shown(Expression(closure=0.5, wink=0.4))[0]
    assert left == pytest.approx(0.9, abs=0.02)
    assert right == pytest.approx(0.1, abs=0.05)
    assert shown(Expression({"AU26": 3.0}))[1] > 1.0
    assert shown(Expression({"AU26": 2.0, "lips-together": 2.0}))[1] < 0.1
    asleep = Expression({"AU5": 3.0, "AU26": 3.0}, closure=1.0)
    seen = labels(asleep, done(asleep))
    assert seen["AU5"] == 0.0
    assert seen["AU26"] == 3.0
    assert seen["AU25"] > 2.0


@pytest.mark.shared
def test_a_seed_is_a_picture(pictures: list[samples.Sample]) -> None:
    again = next(samples.render([2_000_003], size=96))
    assert np.array_equal(again.image, pictures[3].image)
    assert again.intensity == pictures[3].intensity
    assert len({sample.image.tobytes() for sample in pictures}) == len(pictures)


@pytest.mark.shared
def test_samples_are_complete(pictures: list[samples.Sample]) -> None:
    assert [sample.neutral for sample in pictures] == [True] + 7 * [False] + [True, False]
    assert len({sample.identity_id for sample in pictures}) == 2
    for sample in pictures:
        assert sample.image.shape == (96, 96, 3)
        assert sample.image.std() > 5
        assert set(sample.intensity) == set(ACTION_UNITS)
        assert all(0.0 <= value <= 5.0 for value in sample.intensity.values())
        assert all(0.0 <= value <= 1.0 for value in sample.eyes_closed)
    assert max(pictures[0].intensity.values()) == 0.0


@pytest.mark.shared
def test_shards_hold_what_was_rendered(pictures: list[samples.Sample], tmp_path: Path) -> None:
    samples.write_shards(tmp_path, range(2_000_000, 2_000_004), per_shard=2, size=96)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2000000.npz", "2000002.npz"]
    with np.load(tmp_path / "2000002.npz") as shard:
        assert np.array_equal(shard["image"][1], pictures[3].image)
        assert shard["intensity"].shape == (2, len(ACTION_UNITS))
        assert shard["identity"].tolist() == [250_000, 250_000]
