"""The rendered world: what is packed, what is labelled, and that a seed is a picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from npng_edge.units import ACTION_UNITS

pytest.importorskip("scipy", reason="needs the extra `train`")
moderngl = pytest.importorskip("moderngl", reason="needs the extra `train`")

from npng_edge.units import Pose  # noqa: E402
from training.world import (  # noqa: E402 - only where the extra is installed
    face_model,
    people,
    samples,
    shade,
    views,
    worn,
)
from training.world.expressions import (  # noqa: E402
    INNER_LIPS,
    SHAPES,
    WIDEST_LIDS_CM,
    Expression,
    Moved,
    at_rest,
    labels,
    lips_parted,
    move,
    side_labels,
)
from training.world.paint import Canvas, blank  # noqa: E402
from training.world.plans import PLANS, random_expression  # noqa: E402
from training.world.render import Renderer, rotation  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from training.world.face_model import FaceModel


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


def test_renderers_that_take_turns_do_not_draw_into_each_other(pictures: list[samples.Sample]) -> None:
    list(samples.render([2_000_009], size=64))  # another person
    (again,) = samples.render([2_000_001], size=96)
    np.testing.assert_array_equal(again.image, pictures[1].image)


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
    pains = [one.units for one in drawn if one.units.get("AU4", 0) > 2 and one.units.get("AU7", 0) > 2]
    assert len(pains) > 20
    assert sum(len(one.units) == 1 for one in drawn) > 40  # units of their own
    assert any(abs(one.tilt.get("AU14", 0.0)) > 0.7 for one in drawn)  # contempt is one-sided
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
        return move(model, rest, expression, person)

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
    seen = labels(done(asleep))
    assert seen["AU5"] == 0.0
    assert seen["AU26"] == 3.0
    assert seen["AU25"] > 2.0


@pytest.mark.shared
def test_wide_eyes_are_wide(model: FaceModel) -> None:
    person = people.random_person(2_000_000)
    rest = model.person(person.shape)
    still, wide, squint = (move(model, rest, Expression(one), person) for one in ({}, {"AU5": 4.0}, {"AU7": 4.0}))
    assert min(wide.lid_gaps) > min(still.lid_gaps) + 0.1
    assert max(wide.lid_gaps) <= WIDEST_LIDS_CM
    assert wide.closed == (0.0, 0.0)
    assert max(squint.lid_gaps) < min(still.lid_gaps)


@pytest.mark.shared
def test_lips_meet_at_rest(model: FaceModel) -> None:
    upper, lower = (model.landmarks[list(row)] for row in INNER_LIPS)
    for seed in range(2_000_000, 2_000_008):
        rest = at_rest(model, people.random_person(seed))
        assert np.mean(rest[upper, 1] - rest[lower, 1]) < 0.15


@pytest.mark.shared
def test_sides_and_coefficients_tell_what_is_shown(model: FaceModel) -> None:
    healthy = people.random_person(2_000_000)
    rest = model.person(healthy.shape)
    contempt = Expression({"AU14": 3.0, "AU27": 2.0}, tilt={"AU14": 1.0})
    left, right = side_labels(move(model, rest, contempt, healthy))
    assert (left["AU14"], right["AU14"]) == (5.0, 0.0)
    assert left["AU26"] == left["AU27"] == 2.0
    weak = dataclasses.replace(healthy, weakness=(0.0, 1.0))
    moved = move(model, rest, Expression({"AU12": 4.0}, closure=1.0), weak)
    assert [side["AU12"] for side in side_labels(moved)] == [4.0, 0.0]
    assert labels(moved)["AU12"] == 2.0
    assert moved.closed[0] > 0.9 > moved.closed[1]
    shown = dict(zip(model.names, moved.coefficients.tolist(), strict=True))
    assert shown["mouthSmile_L"] > 0.4
    assert shown["mouthSmile_R"] == 0.0
    offsets = model.offsets(shown)
    assert np.allclose(rest + offsets, moved.vertices, atol=1e-3)


@pytest.mark.shared
def test_some_people_have_a_weak_side() -> None:
    everyone = [people.random_person(seed) for seed in range(40)]
    weak = [max(person.weakness) for person in everyone]
    assert 0 < sum(value > 0 for value in weak) < 10
    assert all(min(person.weakness) == 0.0 for person in everyone)
    assert all(abs(value) < 2.0 for person in everyone for value in person.resting.values())


def test_hollows_and_shadows_lie_where_light_does_not_reach() -> None:
    across, down = np.meshgrid(np.linspace(-4, 4, 80), np.linspace(-4, 4, 80))
    covered = np.ones((80, 80), np.float32)
    socket = -np.exp(-(across**2 + down**2)).astype(np.float32)
    deep = shade.hollows(socket, covered, 0.1)
    assert deep[40, 40] > 0.2
    assert deep[40, 70] < 0.02
    nose = (np.abs(across) < 0.5).astype(np.float32) * np.float32(1.5)
    from_left = np.array([-0.8, 0.0, 0.6], np.float32)
    dark = shade.shadow(nose, covered, 0.1, from_left)
    assert dark[40, 48] > 0.8  # on the far side of the nose
    assert dark[40, 30] < 0.1
    assert dark[40, 40] < 0.1


def test_what_hides_a_face_hides_only_a_part() -> None:
    rng = np.random.default_rng(3)
    for thing in (worn._oxygen_mask, worn._taped_tube):
        face = np.repeat((blank() + np.float32(0.4))[..., None], 3, axis=2)
        thing(Canvas(rng), face)
        touched = np.mean(np.abs(face - 0.4).max(axis=2) > 0.02)
        assert 0.01 < touched < 0.5
        assert 0.0 <= face.min() <= face.max() <= 1.0
    pictures = [np.full((64, 64, 3), 10, np.uint8) for _ in range(200)]
    for picture in pictures:
        views.hand(picture, np.array([0.8, 0.6, 0.5]), rng)
    assert 0 < sum(bool((picture > 10).any()) for picture in pictures) < 30


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
        assert all(0.0 <= value <= WIDEST_LIDS_CM for value in sample.lid_gaps)
        assert 0.0 <= sample.sides.min() <= sample.sides.max() <= 5.0
        assert np.allclose(sample.sides.mean(axis=0), [*sample.intensity.values()], atol=1e-5)
    assert max(pictures[0].intensity.values()) == 0.0


@pytest.mark.shared
def test_shards_hold_what_was_rendered(pictures: list[samples.Sample], tmp_path: Path) -> None:
    samples.write_shards(tmp_path, range(2_000_000, 2_000_004), per_shard=2, size=96)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2000000.npz", "2000002.npz"]
    with np.load(tmp_path / "2000002.npz") as shard:
        assert np.array_equal(shard["image"][1], pictures[3].image)
        assert shard["intensity"].shape == (2, len(ACTION_UNITS))
        assert shard["identity"].tolist() == [250_000, 250_000]
        assert shard["sides"].shape == (2, 2, len(ACTION_UNITS))
        assert shard["lip_gap"].shape == (2,)
        assert shard["lid_gaps"].shape == (2, 2)
        assert shard["coefficients"].shape == (2, 57)
        assert np.allclose(shard["coefficients"][1], pictures[3].coefficients)
