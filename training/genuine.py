"""Genuine or feigned: a classifier of an episode's dynamics, for whoever has a labelled set. Never validated.

The measurement is `npng_edge.policy.happening.dynamics`, after Bartlett and others (Current Biology 24 (2014) 738),
who filmed healthy people. This project has no labelled set, no replication of that study is known, and no device uses
what comes out here: nobody's pain may be doubted on its account.

The labelled set is a file of JSON lines, one episode each: `subject` (pseudonym), `label` (`genuine` or `feigned`) and
`dynamics` (as in the episode record). Other fields are ignored. The classifier is a logistic regression with an L2
penalty on standardised figures, judged on subjects that it has not seen.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.policy.happening.dynamics import CHANNELS, HISTOGRAM_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    Floats: TypeAlias = npt.NDArray[np.float64]

GENUINE, FEIGNED = "genuine", "feigned"
MIN_SUBJECTS = 10
"""Fewer people say nothing about people."""
MIN_EPISODES = 10
"""Of each label."""
FOLDS = 5
PENALTY = 0.1
"""Weight of the squared norm; the features are scaled so that it means the same for any number of them."""
NEWTON_STEPS = 50
FIGURES = ("peak", "onset_speed", "offset_speed", "duration_s", "interval_cv", "duration_cv")
PAIRS = ("AU4 AU6/7", "AU4 AU9/10", "AU4 AU43", "AU6/7 AU9/10", "AU6/7 AU43", "AU9/10 AU43")
WARNING = "Never validated. For research only; not used by any device; no verdict on anybody's pain."


class LabelledSetError(ValueError):
    """The labelled set cannot be learnt from."""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Episodes with labels."""

    features: Floats
    """(episodes, `feature_names()`); NaN: not known."""
    feigned: npt.NDArray[np.bool_]
    """(episodes,)."""
    subjects: tuple[str, ...]
    """Per episode."""

    @classmethod
    def load(cls, path: Path) -> LabelledSet:
        """Read a file of JSON lines.

        Raises:
            LabelledSetError: A line is no labelled episode; the line is named.
            OSError: The file cannot be read.
        """
        rows, labels, subjects = [], [], []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            try:
                episode = json.loads(line)
                row, label, subject = features(episode["dynamics"]), episode["label"], str(episode["subject"])
            except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
                raise LabelledSetError(f"line {number}: not a labelled episode ({error!r})") from error
            if label not in (GENUINE, FEIGNED) or np.isinf(row).any():
                raise LabelledSetError(f"line {number}: label must be {GENUINE} or {FEIGNED}, figures finite")
            rows.append(row)
            labels.append(label == FEIGNED)
            subjects.append(subject)
        return cls(
            np.array(rows, float).reshape(len(rows), len(feature_names())), np.array(labels, bool), tuple(subjects)
        )


@dataclass(frozen=True, slots=True)
class Fold:
    """How well subjects were judged that the classifier had not seen."""

    subjects: tuple[str, ...]
    episodes: int
    auc: float | None
    """Area under the receiver operating characteristic; None when they all have one label."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """Feigned when `bias + weights @ (x - mean) / scale` is above 0; what is not known counts as the mean."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float

    @classmethod
    def fit(cls, x: Floats, feigned: npt.NDArray[np.bool_]) -> Classifier:
        """Fit by Newton's method, in the space that the episodes span."""
        known = ~np.isnan(x)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, x, 0.0).sum(axis=0) / count
        spread = np.sqrt((np.where(known, x - mean, 0.0) ** 2).sum(axis=0) / count)
        used = spread > 1e-9
        scale = np.where(used, spread, 1.0) * np.sqrt(max(used.sum(), 1))
        z = np.where(known, x - mean, 0.0) / scale * used
        squares, directions = np.linalg.eigh(z @ z.T)
        spanned = squares > 1e-9
        lengths, directions = np.sqrt(squares[spanned]), directions[:, spanned]
        design = np.hstack((directions * lengths, np.ones((len(z), 1))))
        penalty = np.append(np.full(len(lengths), PENALTY), 1e-6)
        w = np.zeros(design.shape[1])
        for _ in range(NEWTON_STEPS):
            p = 1.0 / (1.0 + np.exp(-design @ w))
            slope = design.T @ (p - feigned) + penalty * w
            curve = (design.T * (p * (1.0 - p))) @ design + np.diag(penalty)
            step = np.linalg.solve(curve, slope)
            w -= step
            if np.abs(step).max() < 1e-8:
                break
        return cls(mean, scale, z.T @ (directions @ (w[:-1] / lengths)), float(w[-1]))

    def scores(self, x: Floats) -> Floats:
        """(episodes,) log odds of `feigned`."""
        z = np.where(np.isnan(x), 0.0, x - self.mean) / self.scale
        return np.asarray(z @ self.weights + self.bias, float)


def feature_names() -> tuple[str, ...]:
    """Of the columns of `LabelledSet.features`."""
    per_unit = ("events", *FIGURES, *(f"area{k}" for k in range(HISTOGRAM_SIZE)))
    units = (f"{unit} {figure}" for unit in CHANNELS for figure in per_unit)
    return (*units, *(f"overlap {pair}" for pair in PAIRS), "eye_symmetry")


def features(dynamics: dict[str, Any]) -> list[float]:
    """One row: counts per minute as square roots (they are like Poisson counts), the rest as it is, NaN for null."""
    minutes = dynamics["seconds"] / 60.0
    units = {unit["unit"]: unit for unit in dynamics["units"]}
    row = []
    for name in CHANNELS:
        unit = units[name]
        if len(unit["histogram"]) != HISTOGRAM_SIZE:
            raise ValueError(f"{name} has {len(unit['histogram'])} bins, not {HISTOGRAM_SIZE}")
        row.append((unit["events"] / minutes) ** 0.5)
        row += [_number(unit[figure]) for figure in FIGURES]
        row += [(count / minutes) ** 0.5 for count in unit["histogram"]]
    shares = {f"{pair['one']} {pair['other']}": pair["share"] for pair in dynamics["overlaps"]}
    row += [_number(shares.get(pair)) for pair in PAIRS]
    return [*row, _number(dynamics["eye_symmetry"])]


def cross_validate(labelled: LabelledSet, seed: int = 0) -> tuple[Fold, ...]:
    """Judge each fifth of the subjects by a classifier that was fitted to the others.

    Raises:
        LabelledSetError: Too few subjects or episodes.
    """
    names = sorted(set(labelled.subjects))
    if len(names) < MIN_SUBJECTS:
        raise LabelledSetError(f"{len(names)} subjects; at least {MIN_SUBJECTS} are needed")
    least = min(labelled.feigned.sum(), (~labelled.feigned).sum())
    if least < MIN_EPISODES:
        raise LabelledSetError(f"{least} episodes of one label; at least {MIN_EPISODES} of each are needed")
    order = np.random.default_rng(seed).permutation(len(names))
    subjects = np.array(labelled.subjects)
    folds = []
    for part in np.array_split(order, FOLDS):
        held_out = tuple(names[k] for k in sorted(part))
        test = np.isin(subjects, held_out)
        fitted = Classifier.fit(labelled.features[~test], labelled.feigned[~test])
        scores = fitted.scores(labelled.features[test])
        folds.append(Fold(held_out, int(test.sum()), auc(scores, labelled.feigned[test])))
    return tuple(folds)


def auc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float | None:
    """Share of pairs in which the positive one scores higher, ties counting half; None without any pair."""
    high, low = scores[positive], scores[~positive]
    if not len(high) or not len(low):
        return None
    above = (high[:, None] > low[None, :]).mean() + 0.5 * (high[:, None] == low[None, :]).mean()
    return float(above)


def learn(path: Path, seed: int = 0) -> dict[str, Any]:
    """Learn from a labelled set, and say how well people are judged who were not in it.

    Returns:
        What goes into the model file.

    Raises:
        LabelledSetError: The set cannot be learnt from.
        OSError: The file cannot be read.
    """
    labelled = LabelledSet.load(path)
    folds = cross_validate(labelled, seed)
    found = [fold.auc for fold in folds if fold.auc is not None]
    classifier = Classifier.fit(labelled.features, labelled.feigned)
    return {
        "schema": "npng/genuine/1",
        "validated": False,
        "warning": WARNING,
        "labelled_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "subjects": len(set(labelled.subjects)),
        "episodes": len(labelled.subjects),
        "feigned": int(labelled.feigned.sum()),
        "folds": [asdict(fold) for fold in folds],
        "auc": float(np.mean(found)) if found else None,
        "features": feature_names(),
        "mean": classifier.mean.tolist(),
        "scale": classifier.scale.tolist(),
        "weights": classifier.weights.tolist(),
        "bias": classifier.bias,
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
