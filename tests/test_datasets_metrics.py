"""The figures against published and hand-made ones, and that nothing learnt sees what it is judged on."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from training.datasets import metrics, splits
from training.datasets.evaluate import judge
from training.datasets.targets import LEVELS, Target


def target(truth: list[float], scores: list[float], subjects: list[str], *, same_scale: bool = True) -> Target:
    strength = np.array(truth)
    present = np.isnan(strength) | (strength >= 1.0)
    return Target(
        "PSPI", "frames", np.array(subjects), strength, present, np.array(scores), 16.0, 0.5, same_scale, LEVELS
    )


def test_icc_is_that_of_the_published_example() -> None:
    """Table 2 of Shrout and Fleiss (1979): six targets, four judges; their table 4 gives ICC(3,1) = .71."""
    ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    icc = metrics.icc_3_1(ratings)
    assert icc is not None
    assert round(icc, 2) == 0.71
    assert metrics.icc_3_1(ratings + np.array([0.0, 3.0, -2.0, 7.0])) == pytest.approx(icc)


def test_icc_of_what_does_not_vary_is_not_known() -> None:
    assert metrics.icc_3_1(np.ones((5, 2))) is None
    assert metrics.icc_3_1(np.array([[1.0, 2.0]])) is None


def test_presence_by_hand() -> None:
    present, said = np.array([1, 1, 0, 0, 0], bool), np.array([1, 0, 1, 0, 0], bool)
    assert metrics.presence(present, said) == {
        "balance": 0.4,
        "majority": 0.6,
        "accuracy": 0.6,
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "confusion": [[2, 1], [1, 1]],
    }
    assert metrics.auc(present, np.array([0.9, 0.3, 0.5, 0.3, 0.1])) == pytest.approx(4.5 / 6)


def test_what_cannot_be_said_is_none_and_no_warning() -> None:
    nobody = np.zeros(3, bool)
    assert metrics.presence(nobody, nobody) | {"confusion": None} == {
        "balance": 0.0, "majority": 1.0, "accuracy": 1.0, "precision": None, "recall": None, "f1": None,
        "confusion": None,
    }  # fmt: skip
    assert metrics.auc(nobody, np.ones(3)) is None
    constant = metrics.strength(np.zeros(3), np.array([1.0, 2.0, 0.0]))
    assert constant == {"mae": 1.0, "mae_constant": 0.0, "pcc": None, "icc": None}


def test_strength_by_hand() -> None:
    found = metrics.strength(np.array([0.0, 0.0, 2.0, 4.0]), np.array([1.0, 0.0, 2.0, 5.0]))
    assert found["mae"] == 0.5
    assert found["mae_constant"] == 1.5
    assert found["pcc"] == pytest.approx(np.corrcoef([0, 0, 2, 4], [1, 0, 2, 5])[0, 1])


def test_levels_are_those_of_hammal_and_cohn_and_scores_are_rounded() -> None:
    truth, scores = [0.0, 0.0, 1.0, 2.0, 3.0, 16.0], [0.49, 0.5, 1.4, 2.5, 2.5, 0.0]
    found = judge(target(truth, scores, ["a", "b"] * 3), list(splits.by_subject(np.array(["a", "b"] * 3))), "none")
    assert found is not None
    assert found["levels"]["names"] == ["none", "trace", "weak", "strong"]
    assert found["levels"]["confusion"] == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 1]]
    assert found["levels"]["majority"] == pytest.approx(1 / 3)


def test_the_random_split_is_that_of_the_origin_and_always_the_same() -> None:
    fold = splits.by_item(1000, 0)
    assert fold is not None
    assert (len(fold.train), len(fold.test)) == (640, 200)
    assert not set(fold.train) & set(fold.test)
    again = splits.by_item(1000, 0)
    assert again is not None
    assert (again.test == fold.test).all()
    assert splits.by_item(4, 0) is None


def test_nobody_is_judged_by_what_was_learnt_of_them() -> None:
    subjects = np.array(["a", "b", "b", "c"])
    folds = list(splits.by_subject(subjects))
    assert sorted(np.concatenate([fold.test for fold in folds])) == [0, 1, 2, 3]
    for fold in folds:
        assert not set(subjects[fold.train]) & set(subjects[fold.test])
    assert list(splits.by_subject(np.array(["a", "a"]))) == []


def test_without_calibration_the_splits_differ_in_what_is_judged_alone() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.0, 16.0, 100)
    made = target(truth.tolist(), (truth + rng.normal(0.0, 1.0, 100)).tolist(), ["a", "b"] * 50)
    everybody = judge(made, list(splits.by_subject(made.subjects)), "none")
    assert everybody is not None
    assert everybody["count"] == 100
    assert everybody["mae"] == pytest.approx(np.abs(made.scores - truth).mean())


def test_a_line_is_learnt_from_the_others_alone() -> None:
    """One person's truth is twice the score, the other's the score itself: each is judged by the other's line."""
    made = target([2.0, 4.0, 6.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0] * 2, ["a"] * 3 + ["b"] * 3)
    found = judge(made, list(splits.by_subject(made.subjects)), "linear")
    assert found is not None
    assert found["mae"] == pytest.approx(np.mean([1.0, 2.0, 3.0] * 2))


def test_a_line_never_falls_and_stays_on_the_scale() -> None:
    made = target([4.0, 2.0, 0.0, 16.0, 16.0, 0.0], [0.0, 1.0, 2.0, 2.0, 8.0, 0.0], ["a"] * 3 + ["b"] * 3)
    found = judge(made, list(splits.by_subject(made.subjects)), "linear")
    assert found is not None
    # b gets a's constant 2; a gets b's line, which is 32/3 + ... at 0 and the end of the scale at the most.
    constant = np.abs(np.array([16.0, 16.0, 0.0]) - 2.0)
    others = np.polyfit([2.0, 8.0, 0.0], [16.0, 16.0, 0.0], 1)
    line = np.abs(np.clip(np.polyval(others, [0.0, 1.0, 2.0]), 0.0, 16.0) - [4.0, 2.0, 0.0])
    assert found["mae"] == pytest.approx(np.concatenate([line, constant]).mean())


def test_other_scales_are_compared_by_their_order_until_they_are_calibrated() -> None:
    made = target([0.0, 4.0, 8.0, 0.0], [0.0, 1.0, 3.0, 1.0], ["a", "a", "b", "b"], same_scale=False)
    folds = list(splits.by_subject(made.subjects))
    raw, lined = judge(made, folds, "none"), judge(made, folds, "linear")
    assert raw is not None
    assert lined is not None
    assert set(raw) == {"count", "auc", "balance", "majority", "pcc"}
    assert {"accuracy", "mae", "icc"} < set(lined)


def test_a_unit_of_unknown_strength_counts_as_present_and_not_as_a_strength() -> None:
    made = target([np.nan, 2.0, 0.0, 0.0], [1.0, 1.5, 0.5, 0.0], ["a", "b", "a", "b"])
    plain = Target(
        made.name, made.items, made.subjects, made.truth, made.present, made.scores, 5.0, 0.75, same_scale=True
    )
    found = judge(plain, list(splits.by_subject(plain.subjects)), "none")
    assert found is not None
    assert found["balance"] == 0.5
    assert found["accuracy"] == 1.0
    assert found["mae"] == pytest.approx((0.5 + 0.5 + 0.0) / 3)


def test_the_mean_of_nothing_is_not_known() -> None:
    assert (metrics.mean([1.0, 2.0]), metrics.mean(np.array([True, False])), metrics.mean([])) == (1.5, 0.5, None)
