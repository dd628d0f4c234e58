"""What is learnt of a licensed set: for each unit a line behind the model, or new weights of its last layers.

Both are judged on people left out, and a unit keeps what the shipped model says unless one of them reads these people
better: with a smaller mean error, and an ICC(3,1) that is no smaller and at least `MIN_ICC`. The error alone would be
pleased by saying always the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LinearRegression

from npng_edge.infer.action_units import FEATURES
from npng_edge.units import ACTION_UNITS
from training.datasets import metrics, splits
from training.datasets.labelled import DataSetError
from training.units import learn
from training.units.features import directions
from training.units.heads import PENALTY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from training.datasets.faces import Faces
    from training.datasets.graph import Numbers
    from training.datasets.splits import Places
    from training.units.learn import Linear

    Figures: TypeAlias = Mapping[str, float | None]

Floats: TypeAlias = npt.NDArray[np.float32]
Kind: TypeAlias = Literal["none", "line", "head"]
KINDS: tuple[Kind, ...] = ("none", "line", "head")

MIN_SUBJECTS = 5
"""Fewer people say nothing about people."""
FOLDS = 5
"""At the most; of people, who are never on both sides."""
MIN_ICC = 0.2
"""With less than this, a unit is not read at all in people left out. Our own choice, as all numbers here."""
MOST = 5.0
COMPONENTS = 40
"""Main directions of the mesh in the set: what is added to its weights lies along these."""
ROUNDS = 4
"""Of the regression; beyond the scale's ends, what is right by being there is no error."""
FIGURES = ("mae", "icc", "pcc", "auc")
UNITS = len(ACTION_UNITS)


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one unit, and how people left out are read without it and with it."""

    unit: str
    kind: Kind
    """Which is kept."""
    slope: float
    """Of the line, learnt from everybody."""
    intercept: float
    shipped: Figures
    """By the shipped model."""
    figures: Mapping[Kind, Figures]
    """By each kind of change, people left out."""

    @property
    def better(self) -> bool:
        """Whether people left out are read better than by the shipped model."""
        return _better(self.figures[self.kind], self.shipped)


@dataclass(frozen=True, eq=False)
class Adapted:
    """What is learnt of a set."""

    changes: tuple[Change, ...]
    """One for each unit that the set codes with more than one intensity."""
    head: Linear
    """Added to the weights of the last layers, (d, units); columns of units that keep theirs are 0."""
    doubt: Mapping[str, Linear]
    """Per unit of the changes, from the net's numbers and all outputs to the expected error, (256 + 22, 1)."""

    def of(self, kind: Kind) -> list[Change]:
        """The changes of one kind."""
        return [change for change in self.changes if change.kind == kind]


def adapt(faces: Faces, shipped: Floats, numbers: Callable[[Places], Numbers]) -> Adapted:
    """Learn what can be learnt.

    Args:
        faces: Of the set.
        shipped: (n, 22) what the shipped model says.
        numbers: What the model makes of all faces, after its net was taught with some rows of them, if it is taught.

    Raises:
        DataSetError: If there are too few people, or nothing is coded that can be learnt.
    """
    coded, axes = np.flatnonzero(faces.coded).tolist(), directions(faces.landmarks, COMPONENTS)
    said: dict[Kind, Floats] = {kind: np.zeros_like(faces.truth) for kind in KINDS}
    seen = np.zeros((len(faces), FEATURES), np.float32)
    for fold in folds_of(faces):
        found = numbers(fold.train)
        read, weighed = found.read[:, :UNITS], _weighed(found, axes)
        head = fit_head(weighed[fold.train], found.line[fold.train], faces.truth[fold.train])
        said["none"][fold.test] = read[fold.test]
        said["head"][fold.test] = kneed(found.line[fold.test] + head(weighed[fold.test]))
        for column in coded:
            slope, intercept = fit_line(read[fold.train, column], faces.truth[fold.train, column])
            said["line"][fold.test, column] = np.clip(slope * read[fold.test, column] + intercept, 0.0, MOST)
        seen[fold.test] = found.parts[0][fold.test]
    whole = numbers(np.arange(len(faces)))
    changes = tuple(_change(column, faces, shipped, said, whole.read) for column in coded)
    heads = np.isin(ACTION_UNITS, [change.unit for change in changes if change.kind == "head"])
    outputs = np.concatenate([np.where(heads, said["head"], said["none"]), whole.read[:, UNITS:]], axis=1)
    seen = np.concatenate([seen, outputs], axis=1)
    head = fit_head(_weighed(whole, axes), whole.line, faces.truth)
    weights = np.concatenate([head.weights[: -axes.shape[1]], axes @ head.weights[-axes.shape[1] :]])
    doubt = {change.unit: _doubt(seen, faces, said[change.kind], change.unit) for change in changes}
    return Adapted(changes, learn.Linear(weights * heads, head.bias * heads), doubt)


def _weighed(numbers: Numbers, axes: Floats) -> Floats:
    """(n, d) what the new weights weigh."""
    look, skin, shape = numbers.parts
    return np.concatenate([look, skin, shape @ axes], axis=1)


def folds_of(faces: Faces) -> list[splits.Fold]:
    """People to learn from and people to judge by.

    Raises:
        DataSetError: If there are too few people, or nothing is coded that can be learnt.
    """
    people = len(np.unique(faces.subjects))
    if people < MIN_SUBJECTS:
        raise DataSetError(f"{people} people; at least {MIN_SUBJECTS} are needed to adapt a model")
    if not faces.coded.any():
        raise DataSetError("no unit that the model reads is coded here with more than one intensity")
    return list(splits.by_people(faces.subjects, FOLDS))


def fit_head(numbers: Floats, line: Floats, truth: Floats) -> Linear:
    """What to add to the last layers' weights, so that the straight line before knee and limits tells the truth.

    A line below 0 is right where a unit is absent, and one above 5 where it is strongest; where nothing is coded the
    model keeps what it says. Each round of least squares starts from what the one before has reached.

    Args:
        numbers: (n, d) what is weighed.
        line: (n, units) what the model says.
        truth: (n, units) 0..5; NaN: not known.
    """
    added = np.zeros_like(line)
    for _ in range(ROUNDS):
        now = line + added
        wanted = np.where(np.isnan(truth), now, truth)
        wanted = np.where((wanted <= 0.0) & (now < 0.0) | (wanted >= MOST) & (now > MOST), now, wanted)
        found = learn.ridge(numbers, wanted - line, PENALTY)
        added = found(numbers)
    return found


def kneed(line: Floats) -> Floats:
    """Intensities of a straight line: the model's own soft knee, at most 5."""
    sharpness = np.float32(learn.KNEE / MOST)
    return np.minimum(np.logaddexp(0.0, line * sharpness) / sharpness, MOST).astype(np.float32)


def fit_line(read: Floats, truth: Floats) -> tuple[float, float]:
    """Slope, at least 0, and intercept from what is read to the truth, of one unit."""
    known = ~np.isnan(truth)
    if not known.any():
        return 1.0, 0.0
    line = LinearRegression(positive=True).fit(read[known, None], truth[known])
    return float(line.coef_[0]), float(line.intercept_)


def _doubt(seen: Floats, faces: Faces, said: Floats, unit: str) -> Linear:
    column = ACTION_UNITS.index(unit)
    errors = np.abs(said[:, column] - faces.truth[:, column])
    known = ~np.isnan(errors)
    return learn.ridge(seen[known], errors[known, None], PENALTY)


def _change(column: int, faces: Faces, shipped: Floats, said: Mapping[Kind, Floats], read: Floats) -> Change:
    truth, present = faces.truth[:, column], faces.present[:, column]
    before = _figures(truth, present, shipped[:, column])
    figures = {kind: _figures(truth, present, scores[:, column]) for kind, scores in said.items()}
    better = [kind for kind, one in figures.items() if _better(one, before)]
    kind: Kind = min(better, key=lambda one: _of(figures[one], "mae"), default="none")
    return Change(ACTION_UNITS[column], kind, *fit_line(read[:, column], truth), before, figures)


def _better(one: Figures, before: Figures) -> bool:
    return _of(one, "mae") < _of(before, "mae") and _of(one, "icc") >= max(MIN_ICC, _of(before, "icc"))


def _of(figures: Figures, name: str) -> float:
    return figures[name] or 0.0


def _figures(truth: Floats, present: npt.NDArray[np.bool_], scores: Floats) -> Figures:
    known = ~np.isnan(truth)
    found = metrics.strength(truth[known].astype(np.float64), scores[known].astype(np.float64))
    return {name: found[name] for name in FIGURES[:-1]} | {"auc": metrics.auc(present, scores.astype(np.float64))}
