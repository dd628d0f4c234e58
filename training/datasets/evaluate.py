"""From what was read to the figures: both splits, calibrated or not, and the false alarms."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LinearRegression

from training.datasets import metrics, splits
from training.datasets.labelled import DataSetError
from training.datasets.reading import read_sequence
from training.datasets.targets import Gathered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from npng_edge.analyze import Reader
    from training.datasets.labelled import DataSet, Labelled
    from training.datasets.splits import Fold
    from training.datasets.store import Readings
    from training.datasets.targets import LookAlikes, Target

Floats: TypeAlias = npt.NDArray[np.float64]
Calibration: TypeAlias = Literal["none", "linear"]
SEED = 0


class Shown(NamedTuple):
    """One sequence of a set."""

    frames: list[Labelled]
    """Those that are read."""
    painless: bool
    """Whether all of its frames, read or not, are without pain."""


def sequences(dataset: DataSet, root: Path, every: int) -> Iterator[Shown]:
    """The sequences of a set, each with one of so many frames, the last one always.

    Args:
        dataset: The set.
        root: Its folder.
        every: One frame in so many; 1 for all of them.

    Raises:
        DataSetError: If the folder is not laid out as published, or holds no frame.
    """
    empty = True
    for _, group in groupby(dataset.load(root), key=lambda one: (one.subject, one.sequence)):
        frames = list(group)
        empty = False
        yield Shown(frames[(len(frames) - 1) % every :: every], dataset.painless(frames))
    if empty:
        raise DataSetError(f"{root}: holds no frame of {dataset.title} in its published layout")


def gather(dataset: DataSet, found: Iterable[Shown], reader: Reader, kept: Readings) -> Gathered:
    """Read every sequence that was not read before.

    Args:
        dataset: The set.
        found: Its sequences.
        reader: The device's pipeline.
        kept: What was read before, and where it is kept.
    """
    gathered = Gathered(dataset)
    for frames, painless in found:
        subject, sequence = frames[0].subject, frames[0].sequence
        reading = kept.get(subject, sequence, len(frames))
        if reading is None:
            reading = read_sequence(frames, dataset.fps, reader)
            kept.add(subject, sequence, reading)
        gathered.add(frames, reading, painless=painless)
    return gathered


def evaluate(dataset: DataSet, gathered: Gathered, calibrate: Calibration, seed: int = SEED) -> dict[str, Any]:
    """All figures.

    Args:
        dataset: The set.
        gathered: What was read of it.
        calibrate: What is learnt on the training part of each split: nothing, or a line from score to truth.
        seed: Of the random split.

    Returns:
        What is printed, as JSON would have it.
    """
    judged = []
    for target in gathered.targets():
        fold = splits.by_item(len(target.scores), seed)
        judged.append(
            {
                "name": target.name,
                "items": target.items,
                "count": len(target.scores),
                "subjects": len(np.unique(target.subjects)),
                "random": judge(target, [fold] if fold else [], calibrate),
                "loso": judge(target, list(splits.by_subject(target.subjects)), calibrate),
            }
        )
    return {
        "schema": "npng/dataset-evaluation/1",
        "set": dataset.name,
        "title": dataset.title,
        "present": dataset.present,
        "calibrate": calibrate,
        "seed": seed,
        "subjects": len(gathered.subjects),
        "counts": dict(sorted(gathered.counts.items())),
        "targets": judged,
        "look_alikes": _look_alikes(dataset, gathered.look_alikes),
    }


def judge(target: Target, folds: Sequence[Fold], calibrate: Calibration) -> dict[str, Any] | None:
    """The figures over all folds together, each item judged once.

    Args:
        target: What is judged.
        folds: Of its items; each item is in the test part of one at the most.
        calibrate: What is learnt on each training part.

    Returns:
        As of `metrics.presence` and `metrics.strength`, with `count`, `auc` and, where there are levels, `levels`;
        None without a fold.
    """
    if not folds:
        return None
    places = np.concatenate([fold.test for fold in folds])
    judged = [_line(target, fold) if calibrate == "linear" else target.scores[fold.test] for fold in folds]
    scores = np.concatenate(judged)
    present, truth = target.present[places], target.truth[places]
    result: dict[str, Any] = {"count": len(places), "auc": metrics.auc(present, scores)}
    if not target.same_scale and calibrate == "none":
        # On two scales only the order can be compared.
        return result | metrics.balance(present) | {"pcc": metrics.strength(truth, scores)["pcc"]}
    result |= metrics.presence(present, scores >= target.cut)
    known = ~np.isnan(truth)
    if known.any():
        result |= metrics.strength(truth[known], scores[known])
    if target.levels:
        names, edges = zip(*target.levels, strict=True)
        rounded = np.floor(scores + 0.5)
        result["levels"] = metrics.classes(np.digitize(truth, edges) - 1, np.digitize(rounded, edges) - 1, names)
    return result


def _line(target: Target, fold: Fold) -> Floats:
    """Calibrated scores of the test part: a line that does not fall, learnt on the training part."""
    learnt = fold.train[~np.isnan(target.truth[fold.train])]
    if not len(learnt):
        return target.scores[fold.test]
    line = LinearRegression(positive=True).fit(target.scores[learnt, None], target.truth[learnt])
    predicted: Floats = line.predict(target.scores[fold.test, None])
    return np.clip(predicted, 0.0, target.most)


def _look_alikes(dataset: DataSet, calm: LookAlikes) -> dict[str, Any]:
    hours = calm.seconds / 3600.0
    return {
        "words": dataset.painless_words,
        **asdict(calm),
        "alarms_per_hour": calm.alarms / hours if hours else None,
        "share_above": calm.above / calm.scored if calm.scored else None,
    }
