"""The pain models' whole way on a few films: acts, rendering, both heads, the origin's recipe, export, figures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")
pytest.importorskip("onnx", reason="needs the extra `train`")
pytest.importorskip("moderngl", reason="needs the extra `train`")

import torch

from npng_edge.infer.action_units import FEATURES
from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from npng_edge.infer.mesh import FaceMesh
from npng_edge.infer.pain import NUMBERS, STEPS, PainModel, TemporalPainModel
from npng_edge.infer.pipeline import ACTION_UNITS as READER
from npng_edge.infer.pipeline import MESH
from npng_edge.infer.runtime import Format, load
from npng_edge.units import ACTION_UNITS
from training.pain import baseline, course, evaluation, graph, heads, judged, stills
from training.pain.acts import KINDS, PAIN_NUMBERS, PAINS, SLOTS, act, programme
from training.pain.film import Film, kind_of, person_of, shoot, wander
from training.pain.readings import Readings, read
from training.pain.store import Films, make
from training.world import face_model

if TYPE_CHECKING:
    from pathlib import Path

    from npng_edge.infer.runtime import Model

HOME = default_models_directory()
PEOPLE, PICTURES = 50, 30
BROW, SMILE = ACTION_UNITS.index("AU4"), ACTION_UNITS.index("AU12")


def silent(step: int, loss: float) -> None:
    """For whoever wants to tell how far it is."""


def made_up(seed: int = 0) -> Readings:
    """One film per person: half of them hurt from the second second on and lower their brows, the others smile."""
    rng = np.random.default_rng(seed)
    hurt = np.repeat(np.arange(PEOPLE) // 25 == np.arange(PEOPLE) % 2, PICTURES)
    now = np.tile(np.arange(PICTURES) >= 10, PEOPLE)
    units = np.abs(rng.normal(0.0, 0.3, (PEOPLE * PICTURES, NUMBERS))).astype(np.float32)
    units[:, BROW] += 3.0 * (hurt & now)
    units[:, SMILE] += 3.0 * (~hurt & now)
    features = np.abs(rng.normal(1.0, 0.3, (len(units), FEATURES))).astype(np.float32)
    features[:, :8] += 1.0 * (hurt & now)[:, None]
    kinds = np.where(hurt, list(KINDS).index("grimace"), list(KINDS).index("smile"))
    return Readings(
        features=features,
        units=units,
        times=np.tile(np.arange(PICTURES) / 5.0, PEOPLE),
        seen=np.ones(len(units), np.bool_),
        shown=np.where(now, kinds, -1),
        pspi=np.where(hurt & now, 6.0, 0.0).astype(np.float32),
        films=np.repeat(np.arange(PEOPLE), PICTURES),
        people=np.repeat(np.arange(PEOPLE), PICTURES),
        kinds=kinds,
    )


@pytest.fixture(scope="module")
def readings() -> Readings:
    return made_up()


@pytest.fixture(scope="module")
def learnt(readings: Readings) -> tuple[stills.Learnt, list[dict[str, object]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baseline, "TRIES", 2)
        return stills.compare(readings, "people", 0, silent, steps=150)


@pytest.mark.parametrize("name", KINDS)
def test_every_act_comes_and_goes(name: str) -> None:
    rng = np.random.default_rng(3)
    times = np.arange(-3.0, 40.0, 0.05)

    for _ in range(5):
        done = act(name, 1.0, rng)
        amount = done.amount(times)
        assert amount.min() >= 0.0
        assert amount.max() == pytest.approx(1.0, abs=0.05)
        assert amount[times > done.end].max() == 0.0
        assert all(done.intensity(unit, times).max() <= 5.0 for unit in done.units)


def test_what_is_filmed_is_what_the_table_says() -> None:
    assert {len(slots) for slots in SLOTS} == {35}
    for begin, slots in zip((0, 350, 910), SLOTS, strict=True):
        assert sorted(kind_of(seed) for seed in range(begin, begin + 35)) == sorted(slots)
    assert person_of(0) == person_of(2) != person_of(3)
    assert set(PAINS) == {list(KINDS)[number] for number in PAIN_NUMBERS}
    assert "crying" not in PAINS


@pytest.mark.parametrize("name", PAINS)
def test_nothing_else_in_a_film_of_pain_is_pain(name: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        acts = programme(name, 9.0, rng)
        assert [one.kind for one in acts if KINDS[one.kind].pain] == [name]


def test_a_course_does_not_depend_on_the_rate() -> None:
    slow, fast = (wander(np.arange(0.0, 8.0, step), 1.0, np.random.default_rng(1)) for step in (0.2, 0.1))

    assert np.allclose(slow, fast[::2])


def test_nobody_is_on_both_sides_of_the_split_by_people(readings: Readings) -> None:
    parts = [set(part.people.tolist()) for part in baseline.by_person(readings, 0).values()]
    pictures = [len(part) for part in baseline.by_picture(readings, 0).values()]

    assert [len(part) / PEOPLE for part in parts] == [0.64, 0.16, 0.2]
    assert not parts[0] & parts[1]
    assert not (parts[0] | parts[1]) & parts[2]
    assert np.allclose(np.array(pictures) / len(readings), [0.64, 0.16, 0.2], atol=0.01)


def test_every_way_is_compared_and_better_than_chance(learnt: tuple[stills.Learnt, list[dict[str, float]]]) -> None:
    _, rows = learnt

    assert len({row["way"] for row in rows}) == len(rows) == 5
    assert all(row["auc"] > 0.9 for row in rows)
    assert all(0.5 <= row["majority"] < 1.0 for row in rows)


def test_the_exported_models_say_what_was_learnt(
    learnt: tuple[stills.Learnt, list[dict[str, object]]], readings: Readings
) -> None:
    fitted, _ = learnt
    rows = readings.rows(np.arange(0, len(readings), 97))
    scores = {
        "pain": (stills.logits(fitted.nets, fitted.reduction, rows), fitted.net_platt),
        "pain-baseline": (fitted.origin.scores(rows.features), fitted.origin_platt),
    }

    for name, content in stills.exported(fitted).items():
        model = load(content, Format.ONNX)
        said = [model(one[None], two[None])[0].item() for one, two in zip(rows.features, rows.units, strict=True)]
        score, platt = scores[name]
        assert np.allclose(said, 1.0 / (1.0 + np.exp(-(platt.slope * score + platt.offset))), atol=1e-4)
        PainModel(model)


def test_the_exported_course_is_the_mean_of_the_nets(readings: Readings) -> None:
    torch.manual_seed(1)
    nets, reduction = [heads.Course().eval() for _ in range(2)], heads.Reduction.of(readings)
    model = TemporalPainModel(load(graph.course(nets, reduction, graph.Platt(2.0, -0.5)), Format.ONNX))
    film = readings.each()[0]
    seen = np.ones((STEPS, 1), np.float32)
    seen[3:6] = 0.0

    said = model.probability(film.features[:STEPS], film.units[:STEPS], seen)

    with torch.no_grad():
        parts = torch.from_numpy(reduction(film.features[None, :STEPS]))
        units = torch.from_numpy(film.units[None, :STEPS])
        logit = np.mean([net(parts, units, torch.from_numpy(seen[None]))[0, -1].item() for net in nets])
    assert said == pytest.approx(1.0 / (1.0 + np.exp(-(2.0 * logit - 0.5))), abs=1e-4)


def test_the_same_seed_learns_the_same(readings: Readings) -> None:
    first, again = (course.learn(readings, 0, silent, steps=5) for _ in range(2))

    assert first == again


def test_the_last_seconds_are_learnt(readings: Readings) -> None:
    model = TemporalPainModel(load(course.learn(readings, 0, silent, steps=80), Format.ONNX))

    found = judged.summary(judged.judge(readings.part("test").each(), model))

    assert found["auc"] > 0.9
    assert found["delay"]["noticed"] == found["delay"]["pains"] > 0
    assert {row["kind"] for row in found["look_alikes"] if row["pictures"]} == {"smile"}


def test_disturbed_readings_stay_on_their_scales() -> None:
    dice = torch.Generator().manual_seed(0)
    parts, units = heads.disturb(torch.zeros(64, STEPS, heads.COMPONENTS), torch.full((64, STEPS, NUMBERS), 0.5), dice)

    assert units.min() >= 0.0
    assert units[..., :-2].max() <= 5.0
    assert units[..., -2:].max() <= 1.0
    assert parts.abs().max() <= heads.FURTHEST
    silent_share = (parts == 0.0).all(dim=-1).all(dim=-1).float().mean().item()
    assert silent_share == pytest.approx(heads.DROPPED, abs=0.2)


def test_pieces_of_films_begin_before_and_lose_the_face(readings: Readings) -> None:
    found = heads.Films(readings, heads.Reduction.of(readings)).windows(256, np.random.default_rng(0))

    assert found.parts.shape == (256, STEPS, heads.COMPONENTS)
    assert not found.counts[found.seen[..., 0] == 0.0].any()
    assert 0.5 < found.seen.mean() < 1.0
    assert 0.2 < found.pain[found.counts == 1.0].mean() < 0.8


def test_alarms_are_episodes_not_pictures(readings: Readings) -> None:
    calm = [film for film in readings.each() if film.kinds[0] not in PAIN_NUMBERS][:1]
    said = np.zeros(PICTURES, np.float32)
    said[[2, 3, 8, 29]] = 0.9
    told = replace(judged.judge(calm, TemporalPainModel(_never())), said=said)

    found = judged.alarms(told)

    assert found["count"] == 2, "the second is too soon after the first"
    assert found["seconds"] == pytest.approx(5.8)
    assert found["per_hour"] == pytest.approx(3600 * 2 / 5.8)


def test_what_there_was_to_learn_from_is_counted(readings: Readings) -> None:
    found = evaluation.counts(readings)

    assert found["films"] == found["people"] == PEOPLE
    assert found["kinds"]["grimace"] + found["kinds"]["smile"] == PEOPLE
    assert sum(part["people"] for part in found["parts"].values()) == PEOPLE


def _never() -> Model:
    reduction = heads.Reduction(np.zeros(FEATURES, np.float32), np.zeros((FEATURES, heads.COMPONENTS), np.float32))
    return load(graph.course([heads.Course().eval()], reduction, graph.Platt(0.0, -9.0)), Format.ONNX)


# What renders comes last: torch's compiler, which an optimiser loads, cannot be loaded into a process that has rendered
# in software already; the other way round is no trouble.


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One film, a picture a second."""
    if not face_model.DEFAULT_PATH.exists():
        pytest.skip(f"needs {face_model.DEFAULT_PATH}")
    folder = tmp_path_factory.mktemp("films")
    make(range(3, 4), folder, HOME, face_model.DEFAULT_PATH, 1.0)
    return folder / "000003.npz"


def test_a_film_is_rendered_and_read(films: Path) -> None:
    found = Films.load(films)

    assert found.seen.mean() > 0.8
    assert found.crops[found.seen].std() > 10.0
    assert list(KINDS)[found.kinds[0]] == kind_of(3)
    assert found.pspi.max() > 1.0
    told = read(found, open_model(Manifest.load(HOME / FILE_NAME), READER))
    assert told.features.shape == (len(found), FEATURES)
    assert told.units.shape == (len(found), NUMBERS)
    assert np.isfinite(told.features).all()


def test_the_same_seed_is_the_same_film_and_what_is_there_is_kept(films: Path) -> None:
    mesh = FaceMesh(open_model(Manifest.load(HOME / FILE_NAME), MESH))
    again: Film = shoot(3, mesh, face_model.DEFAULT_PATH, 1.0)
    before = films.stat().st_mtime_ns

    make(range(3, 4), films.parent, HOME, face_model.DEFAULT_PATH, 1.0)

    assert films.stat().st_mtime_ns == before
    assert np.array_equal(again.crops, Films.load(films).crops)
    assert np.array_equal(again.landmarks, Films.load(films).landmarks)
