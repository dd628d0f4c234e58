"""The evaluation of the shipped model: what its figures mean, on made-up scores; and its tables."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import starmap
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra `train`")
pytest.importorskip("sklearn", reason="needs the extra `train`")
pytest.importorskip("torch", reason="needs the extra `train`")
pytest.importorskip("moderngl", reason="needs the extra `train`")

from npng_edge.infer.manifest import default_models_directory
from npng_edge.infer.pipeline import MESH, PAIN_TEMPORAL
from npng_edge.units import ACTION_UNITS, ActionUnits, EyeClosure
from training.judge import card, evaluate, faces, fairness, intervals, rest
from training.judge.evaluate_clip import PARTS, evaluate_clip
from training.judge.evaluate_rendered import evaluate_rendered
from training.judge.evaluate_stills import Still, evaluate_coded, evaluate_expressions, evaluate_frl
from training.judge.groups import named, stepped
from training.units.features import OUTPUTS, SIDES, Examples
from training.world import face_model, samples, traits

if TYPE_CHECKING:
    import numpy.typing as npt

CLIP = Path(__file__).parents[1] / "clips" / "patient.mp4"
REAL = face_model.DEFAULT_PATH.parent / "real"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer draws than the card's are enough here."""
    monkeypatch.setattr(intervals, "DRAWS", 30)
    monkeypatch.setattr(fairness, "SHUFFLES", 200)


def units(closed: float = 0.0, **intensity: float) -> ActionUnits:
    return ActionUnits({unit: intensity.get(unit, 0.0) for unit in ACTION_UNITS}, EyeClosure(closed, 1.0))


def still(name: str, expression: str, read: ActionUnits | None, **label: str) -> Still:
    return Still(name, {"file": name, "expression": expression, **label}, read)


def test_an_interval_is_over_people_not_over_faces() -> None:
    rng = np.random.default_rng(1)
    person = rng.normal(5.0, 1.0, 20)
    values = np.repeat(person, 50) + rng.normal(0.0, 0.01, 1000)

    def mean(rows: npt.NDArray[np.int64]) -> float:
        return float(values[rows].mean())

    of_people = intervals.estimate(mean, np.repeat(np.arange(20), 50))
    of_faces = intervals.estimate(mean, np.arange(1000))
    assert of_people["value"] == of_faces["value"] == pytest.approx(values.mean())
    wide, narrow = ((one["high"] or 0.0) - (one["low"] or 0.0) for one in (of_people, of_faces))
    assert wide == pytest.approx(4 * person.std() / math.sqrt(20), rel=0.3)
    assert narrow < wide / 4
    assert intervals.estimate(mean, np.repeat(np.arange(20), 50)) == of_people


def test_an_interval_says_when_it_cannot_be_said() -> None:
    unknown = {"value": None, "low": None, "high": None}
    assert intervals.estimate(lambda _: None, np.arange(5)) == unknown
    assert intervals.estimate(lambda _: 1.0, np.arange(0)) == unknown


def test_groups_by_a_measure_and_by_name() -> None:
    groups = stepped([-5.0, 0.0, 9.9, 10.0, None], ((0.0, "low"), (10.0, "high")))
    assert groups.of == ("low", "low", "low", "high", None)
    assert [(name, rows.tolist()) for name, rows in groups.members()] == [("low", [0, 1, 2]), ("high", [3])]
    assert [name for name, _ in groups.members(2)] == ["low"]
    assert named(["b", "a", "b"]) == (("a", "b"), ("b", "a", "b"))


def test_chance_is_told_from_a_difference() -> None:
    values = np.random.default_rng(2).normal(0.0, 1.0, 60)
    apart = [np.arange(30), np.arange(30, 60)]

    def p(shift: float) -> float:
        moved = values + shift * (np.arange(60) < 30)
        return fairness.chance(apart, lambda rows: float(moved[rows].mean()))

    assert p(3.0) == pytest.approx(1 / (1 + fairness.SHUFFLES))
    assert p(0.0) > 0.1


@pytest.mark.parametrize(("lightness", "yellow", "angle"), [(70.0, 20.0, 45.0), (50.0, 20.0, 0.0), (30.0, 20.0, -45.0)])
def test_the_typology_angle_is_that_of_the_definition(lightness: float, yellow: float, angle: float) -> None:
    lab = np.full((200, 200, 3), (lightness, 8.0, yellow), np.float32)
    image = (np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2BGR)) * 255.0).round().astype(np.uint8)
    landmarks = np.full((468, 3), 100.0, np.float32)
    landmarks[list(fairness.CHEEKS), :2] = [(60.0, 100.0), (140.0, 100.0)]
    image[:, 90:110] = 0  # the nose is no cheek
    assert fairness.typology_angle(image, landmarks) == pytest.approx(angle, abs=1.5)


def frl(worse: str = "") -> list[Still]:
    """Forty people; smiles of one sex are read worse when it is named."""
    rng, pictures = np.random.default_rng(3), []
    for number in range(40):
        sex = ("female", "male")[number % 2]
        who = {"subject": str(number), "age": "NA" if number == 0 else f"{20 + number % 30}", "gender": sex}
        who["ethnicity"] = "white" if number % 3 else "east_asian"
        smile = 0.2 if sex == worse else 3.0
        for expression, strength in (("neutral", 0.2), ("happiness", smile)):
            read = units(AU12=float(strength + rng.uniform(0, 0.5)), AU4=float(rng.uniform(0, 1)))
            pictures.append(still(f"{number}_{expression}", expression, read, **who))
    return pictures


def test_smiles_and_neutral_faces_are_judged() -> None:
    missed = still("41_neutral", "neutral", None, subject="41", age="30", gender="male", ethnicity="white")
    found = evaluate_frl([*frl(), missed])
    assert (found["pictures"], found["faces"]) == (81, 80)
    assert found["auc"]["AU12"]["value"] == 1.0
    assert found["auc"]["AU6"]["value"] == 0.5
    assert found["own"]["people"] == 40
    assert [found["own"]["higher"][unit]["value"] for unit in ("AU12", "AU6")] == [1.0, 0.0]
    assert found["neutral"]["faces"] == 40
    assert found["neutral"]["shares"]["1.5"]["value"] == 1.0
    assert found["neutral"]["p90"] < 1.0
    assert evaluate_frl([missed])["neutral"]["median"] is None


def test_a_group_that_is_read_worse_is_found() -> None:
    angles = {str(number): 50.0 if number % 4 else 10.0 for number in range(40)}
    same, worse = (fairness.evaluate_groups(frl(sex), angles) for sex in ("", "female"))
    assert same["people"] == 40
    p = {(row["trait"], row["what"]): row["p"] for row in worse["tests"]}
    assert p["sex", "AU12 AUC"] < 0.01 < p["sex", "neutral PSPI"]
    assert all(row["p"] > 0.01 for row in same["tests"])
    rows = {(row["trait"], row["group"]): row for row in worse["groups"]}
    assert rows["sex", "female"]["auc"] < 0.7 < rows["sex", "male"]["auc"]
    assert rows["skin, typology angle", "light (41 on)"]["people"] == 30
    assert sum(row["people"] for row in worse["groups"] if row["trait"] == "age") == 39  # one age is not known


def test_units_are_judged_where_somebody_looked(tmp_path: Path) -> None:
    table = tmp_path / "units.csv"
    table.write_text("file,AU4,AU43\na.jpg,1,1\nb.jpg,0,\nc.jpg,,0\nd.jpg,1,0\n", encoding="utf-8")
    coded = faces.coded(table)
    assert coded == {
        "AU4": {"a.jpg": True, "b.jpg": False, "d.jpg": True},
        "AU43": {"a.jpg": True, "c.jpg": False, "d.jpg": False},
    }
    read = {"a.jpg": units(0.9, AU4=2.0), "b.jpg": units(), "c.jpg": units(0.3), "d.jpg": None}
    rows = evaluate_coded([still(name, "anger", one) for name, one in read.items()], coded)
    assert [(row["unit"], row["present"], row["absent"], row["missing"]) for row in rows] == [
        ("AU4", 1, 1, 1),
        ("AU43", 1, 1, 1),
    ]
    assert [row["auc"]["value"] for row in rows] == [1.0, 1.0]


def test_units_are_judged_by_the_expressions_they_belong_to() -> None:
    happy = [still(f"h{k}", "happiness", units(AU12=2.0 + k)) for k in range(5)]
    calm = [still(f"n{k}", "neutral", units(AU12=0.1 * k)) for k in range(5)]
    found = evaluate_expressions([*happy, *calm, still("x", "anger", None)])
    assert (found["pictures"], found["faces"]) == (11, 10)
    rows = {(row["unit"], row["expression"]): row["auc"]["value"] for row in found["prototypes"]}
    assert rows["AU12", "happiness"] == 1.0
    assert rows["AU4", "anger"] is None


class Perfect:
    """Stands in for the model: what is true of a face lies in its mesh."""

    inputs = (SimpleNamespace(shape=(1, 112, 112), dtype="uint8"), SimpleNamespace(shape=(1, 468, 3), dtype="float32"))

    def __call__(self, crop: npt.NDArray[Any], mesh: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
        del crop
        values, count = mesh.reshape(1, -1), len(ACTION_UNITS)
        rest = (
            values[:, count + 2 : 3 * count + 2].reshape(1, 2, count),
            np.zeros((1, count + 2), np.float32),
            np.zeros((1, 256), np.float32),
        )
        return values[:, :count], values[:, count : count + 2], *rest


def examples(count: int = 160) -> Examples:
    rng = np.random.default_rng(4)
    targets = np.concatenate([rng.uniform(0, 5, (count, len(ACTION_UNITS))), rng.uniform(0, 1, (count, 2))], axis=1)
    neutral = np.arange(count) % 8 == 0
    targets[neutral] = 0.0
    flat = np.zeros((count, 468 * 3), np.float32)
    flat[:, : targets.shape[1]] = targets
    seeds = np.arange(count)
    sides = rng.uniform(0, 5, (count, SIDES)).astype(np.float32)
    flat[:, targets.shape[1] : targets.shape[1] + SIDES] = sides
    crops = np.zeros((count, 112, 112), np.uint8)
    meshes = flat.reshape(count, 468, 3)
    return Examples(crops, meshes, targets.astype(np.float32), seeds // 8, seeds, neutral, sides)


def test_rendered_people_are_judged_and_the_card_says_so() -> None:
    people = examples()
    light = {"light": named(["day"] * 100 + ["infra-red"] * 50 + ["dusk"] * 10)}
    found = evaluate_rendered(Perfect(), people, light)  # type: ignore[arg-type]
    assert set(found["outputs"]) == set(OUTPUTS)
    assert all(
        row["pcc"]["value"] == pytest.approx(1.0) and row["mae"]["value"] == 0.0 for row in found["outputs"].values()
    )
    assert (found["pspi"]["icc"], found["pspi"]["mae"]["value"]) == (pytest.approx(1.0), 0.0)
    assert [(row["group"], row["faces"]) for row in found["groups"]] == [("day", 100), ("infra-red", 50)]
    speed = {
        "processor": "a machine", "prepare_us": 1.0, "model_us": 1.0, "whole_us": 2.0,
        "others_us": {MESH: 2.0, PAIN_TEMPORAL: 1.0}, "pictures": 10.0, "shares": evaluate.shares(10.0),
    }  # fmt: skip
    results: dict[str, Any] = {"rendered": found, "quantisation": dict.fromkeys(OUTPUTS, 0.0123), "speed": speed}
    text = card.tables(json.loads(json.dumps(results)))
    assert "| AU12 | 1.00 (1.00-1.00) | 0.00 (0.00-0.00) | 1.00 | 1.00 | 1.00 | - | 0.012 |" in text
    assert "| light | infra-red | 50 | 1.00 | 1.00 | 0.00 |" in text
    assert "pain-temporal 1 for one in 2.\nThe sum of the models, per picture, is 1.75 times the face mesh" in text
    assert "| all models, per picture, over the face mesh alone | at most 1.60 | 1.75 | **no** |" in text
    assert "Real people" not in text
    smiles = evaluate_frl(frl())
    results |= {"frl": smiles, "frl_small": smiles, "groups": fairness.evaluate_groups(frl(), {})}
    text = card.tables(json.loads(json.dumps(results)))
    assert "| as they are | 80 of 80 | 0.500" in text
    assert "| sex | female | 20 |" in text
    shares = dict.fromkeys(OUTPUTS, (0.5, 0.25, 0.25)) | {"AU4": (0.5, 0.4, 0.1)}
    counts = {"faces": 1000, "people": 70, "held_out": 160, "steps": 12_000, "batch": 64, "seed": 0, "shares": shares}
    entry = SimpleNamespace(file="made_up.onnx", size=1_000, sha256="0" * 64)
    page = card.page(json.loads(json.dumps(results | {"training": counts})), entry)  # type: ignore[arg-type]
    assert "these shares of the score: 50, 25, 25 per cent; AU4: 50, 40, 10; where" in page
    assert "in 12,000 steps of 64 faces" in page


def test_the_clip_is_told_by_parts_and_by_seconds() -> None:
    read = units(AU4=2.0)

    def sees(frame: Any) -> Any:
        return SimpleNamespace(action_units=read if frame.time < 1.5 else None)

    found = evaluate_clip(SimpleNamespace(read=sees), CLIP)  # type: ignore[arg-type]
    assert [row["part"] for row in found["parts"]] == [name for name, _, _ in PARTS]
    first, second, third = found["seconds"][:3]
    assert (first["frames"], first["scored"], first["pspi"]) == (first["frames"], first["frames"], 2.0)
    assert 0 < second["scored"] < second["frames"]
    assert (third["scored"], third["pspi"], third["units"]["AU4"]) == (0, None, None)


def test_faces_far_away_are_small_and_have_a_border() -> None:
    poor = faces.enlarged(np.zeros((100, 80, 3), np.uint8), 0.5)
    assert poor.shape == (200 + 100, 160 + 100, 3)


def test_what_is_absent_is_left_out(tmp_path: Path) -> None:
    assert evaluate.evaluate_real(tmp_path, default_models_directory()) == {}


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/real")
def test_faces_are_found_as_they_are_and_small() -> None:
    paths = [REAL / "frl_london" / f"{number:03d}_neutral.jpg" for number in (1, 2)]
    finder = faces.Finder(default_models_directory())
    for found in starmap(finder.read, [(paths,), (paths, faces.SMALL)]):
        assert found.places.tolist() == [0, 1]
        assert (found.crops.shape, found.landmarks.shape) == ((2, 112, 112), (2, 468, 3))
    people = [still(path.name, "neutral", None, subject=path.name) for path in paths]
    assert all(-60.0 < angle < 90.0 for angle in fairness.tones(finder, REAL / "frl_london", people).values())


@pytest.mark.shared
@pytest.mark.skipif(not face_model.DEFAULT_PATH.is_file(), reason="needs the packed face model")
def test_a_seed_tells_again_what_its_picture_shows() -> None:
    seeds = np.array([2_000_003, 2_000_003, 2_000_009])
    told = traits.traits(seeds, face_model.load(face_model.DEFAULT_PATH))
    for sample, row in zip(samples.render([2_000_003, 2_000_009], size=64), (0, 2), strict=True):
        sharp = stepped([abs(sample.pose.yaw)], traits.YAWS)
        assert told["yaw"].of[row] == sharp.of[0]
    assert all(groups.of[0] == groups.of[1] and len(groups.of) == 3 for groups in told.values())


def test_a_neutral_face_is_used_in_every_way_and_judged_on_others() -> None:
    rng = np.random.default_rng(8)
    people = np.repeat(np.arange(40), 8)
    neutral = np.arange(320) % 8 == 0
    truth = np.where(neutral[:, None], 0.0, rng.uniform(0.0, 2.0, (320, len(OUTPUTS)))).astype(np.float32)
    truth[:, -2:] = np.minimum(truth[:, -2:], 1.0)
    own = rng.uniform(0.2, 1.5, (40, len(OUTPUTS))).astype(np.float32)[people]
    own[:, -2:] = 0.0
    crops, meshes = np.zeros((320, 112, 112), np.uint8), np.zeros((320, 468, 3), np.float32)
    faces = Examples(crops, meshes, truth, people, np.arange(320), neutral, np.zeros((320, 1), np.float32))
    rows, found = rest.ways(truth + own, faces)
    assert len(rows) == 20 * 7
    assert not neutral[rows].any()
    errors = {way: float(np.abs(told - truth[rows]).mean()) for way, told in found.items()}
    as_read, taken_away, alone, both = errors.values()
    assert taken_away < 1e-5
    assert both < alone < as_read
    nobody, nothing = rest.ways(truth, replace(faces, neutral=np.zeros(320, np.bool_)))
    assert (len(nobody), nothing) == (0, {})
