from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_samples import series, units

from npng_edge.policy.happening.dynamics import dynamics
from training import genuine
from training.genuine import Classifier, LabelledSetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SUBJECTS, EPISODES = 20, 6


def episode(rng: np.random.Generator, *, feigned: bool) -> dict[str, Any]:
    """A minute of pain. The feigned one opens the mouth like a clock; strength, pace and brow differ by chance."""
    pace, lasts, strength, brow = rng.uniform(3.0, 6.0), rng.uniform(1.0, 2.0), *rng.uniform(1.5, 4.0, 2)
    jitter = 0.1 if feigned else 0.4
    begins = np.cumsum(pace * np.maximum(rng.normal(1.0, jitter, 30), 0.3))
    ends = begins + lasts * np.maximum(rng.normal(1.0, jitter, 30), 0.3)
    noise = iter(rng.normal(0.0, 0.1, (200, 2)))

    def face(time: float) -> dict[str, object]:
        opened = strength if ((begins <= time) & (time < ends)).any() else 0.0
        lowered = brow * min(1.0, time / 10.0)
        mouth, brows = np.clip(np.array((opened, lowered)) + next(noise), 0.0, 5.0).tolist()
        return {"intensity": units(AU25=mouth, AU26=mouth / 2, AU4=brows)}

    found = dynamics(series(0.0, 60.0, face))
    assert found is not None
    return asdict(found)


@pytest.fixture(scope="module")
def labelled() -> list[dict[str, Any]]:
    rng = np.random.default_rng(5)
    return [
        {"subject": f"s{s}", "label": label, "dynamics": episode(rng, feigned=label == "feigned")}
        for s in range(SUBJECTS)
        for k in range(EPISODES)
        for label in ("feigned" if k % 2 else "genuine",)
    ]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[list[dict[str, Any]]], Path]:
    def written(episodes: list[dict[str, Any]]) -> Path:
        path = tmp_path / "labelled.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in episodes) + "\n", encoding="utf-8")
        return path

    return written


def test_a_clockwork_mouth_is_learnt(
    labelled: list[dict[str, Any]], write: Callable[[list[dict[str, Any]]], Path]
) -> None:
    model = genuine.learn(write(labelled))

    assert model["auc"] > 0.85
    assert len(model["folds"]) == genuine.FOLDS
    assert all(fold["auc"] > 0.7 for fold in model["folds"])
    assert (model["subjects"], model["episodes"], model["feigned"]) == (20, 120, 60)
    assert model["validated"] is False
    assert "Never validated" in model["warning"]
    assert len(model["features"]) == len(model["weights"]) == len(model["mean"]) == len(model["scale"])
    weights = dict(zip(model["features"], model["weights"], strict=True))
    assert weights["mouth interval_cv"] < 0.0, "regular speaks for feigned"
    json.dumps(model, allow_nan=False)


def test_shuffled_labels_are_not_learnt(
    labelled: list[dict[str, Any]], write: Callable[[list[dict[str, Any]]], Path]
) -> None:
    """Over many shuffles the mean AUC on unseen subjects is that of chance."""
    found = []
    for seed in range(4):
        labels = np.random.default_rng(seed).permutation([one["label"] for one in labelled])
        shuffled = [{**one, "label": str(label)} for one, label in zip(labelled, labels, strict=True)]
        found.append(genuine.learn(write(shuffled))["auc"])

    assert np.mean(found) == pytest.approx(0.5, abs=0.07)
    assert max(found) < 0.75


def test_no_subject_is_judged_by_what_was_learnt_from_them(
    labelled: list[dict[str, Any]], write: Callable[[list[dict[str, Any]]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []
    fit = Classifier.fit

    def counted(x: genuine.Floats, feigned: Any) -> Classifier:
        fitted.append(len(x))
        return fit(x, feigned)

    monkeypatch.setattr(Classifier, "fit", counted)
    folds = genuine.cross_validate(genuine.LabelledSet.load(write(labelled)))

    assert sorted(name for fold in folds for name in fold.subjects) == sorted({one["subject"] for one in labelled})
    assert fitted == [len(labelled) - fold.episodes for fold in folds]


def test_the_same_file_gives_the_same_model(
    labelled: list[dict[str, Any]], write: Callable[[list[dict[str, Any]]], Path]
) -> None:
    assert genuine.learn(write(labelled)) == genuine.learn(write(labelled))


def test_what_is_not_known_is_the_mean(labelled: list[dict[str, Any]]) -> None:
    row = np.array([genuine.features(one["dynamics"]) for one in labelled])
    fitted = Classifier.fit(row, np.array([one["label"] == "feigned" for one in labelled]))

    assert fitted.scores(np.full((1, row.shape[1]), np.nan)) == pytest.approx([fitted.bias])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: [row for row in rows if row["subject"] in {f"s{k}" for k in range(9)}],
            r"9 subjects; at least 10",
        ),
        (lambda rows: [{**row, "label": "genuine"} for row in rows], r"0 episodes of one label; at least 10"),
        (lambda rows: [*rows, {**rows[0], "label": "unsure"}], r"line 121: label must be genuine or feigned"),
        (lambda rows: [{"subject": "s1", "label": "genuine", "dynamics": None}, *rows], r"line 1: not a labelled"),
        (lambda rows: [*rows[:3], {**rows[3], "dynamics": {}}], r"line 4: not a labelled episode \(KeyError"),
        (lambda _: [], r"0 subjects"),
    ],
)
def test_a_set_that_cannot_be_learnt_from_is_refused(
    labelled: list[dict[str, Any]],
    write: Callable[[list[dict[str, Any]]], Path],
    change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    message: str,
) -> None:
    with pytest.raises(LabelledSetError, match=message):
        genuine.learn(write(change(labelled)))


def test_auc_counts_ties_half() -> None:
    assert genuine.auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, False, True, True])) == pytest.approx(0.875)
    assert genuine.auc(np.array([1.0, 2.0]), np.array([True, True])) is None


def test_the_command_prints_each_fold_and_refuses_too_few(
    labelled: list[dict[str, Any]],
    write: Callable[[list[dict[str, Any]]], Path],
    tmp_path: Path,
) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    pytest.importorskip("moderngl", reason="needs the extra `train`")
    from typer.testing import CliRunner  # noqa: PLC0415 - after the skip

    from training.__main__ import app  # noqa: PLC0415 - needs the extra

    output = tmp_path / "model.json"
    done = CliRunner().invoke(app, ["genuine", "--labelled", str(write(labelled)), "--output", str(output)])
    assert done.exit_code == 0, done.output
    assert done.output.count("AUC") == genuine.FOLDS + 1
    assert "Never validated" in " ".join(done.output.split())
    assert json.loads(output.read_text(encoding="utf-8"))["schema"] == "npng/genuine/1"

    few = CliRunner().invoke(app, ["genuine", "--labelled", str(write(labelled[:12])), "--output", str(output)])
    assert few.exit_code == 2
    assert "2 subjects" in few.output
