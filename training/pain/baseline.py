"""The origin document's recipe, step by step: MobileNetV2 features, PCA, a linear SVM by SGD, a random search.

Hinge loss, L2, alpha 0.01, 1,000 iterations; 64 parts of 100 to fit, 16 to choose by, 20 to judge. The origin split by
random picture, so that a person's pictures lie on both sides; beside it stands the split by person.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import ParameterSampler

from training.datasets.metrics import auc, presence
from training.pain.graph import Platt
from training.pain.readings import PARTS

if TYPE_CHECKING:
    from training.pain.readings import Readings

    Floats: TypeAlias = npt.NDArray[np.float32]
    Flags: TypeAlias = npt.NDArray[np.bool_]

ORIGIN: dict[str, Any] = {"loss": "hinge", "penalty": "l2", "alpha": 0.01, "max_iter": 1000, "learning_rate": "optimal"}
"""As the origin document gives it."""
SEARCH: dict[str, list[Any]] = {
    "loss": ["hinge", "squared_hinge", "modified_huber", "log_loss"],
    "penalty": ["l2", "l1", "elasticnet"],
    "max_iter": [500, 1000, 2000],
    "learning_rate": ["optimal", "constant", "invscaling", "adaptive"],
    "eta0": [0.0001, 0.001, 0.01],
}
"""What the random search draws from; alpha stays."""
TRIES = 12
KEPT = 0.95
"""Share of the features' variance that the components hold."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """Components and a plane."""

    mean: Floats
    """(256,)"""
    spread: Floats
    """(256,)"""
    components: Floats
    """(k, 256)"""
    weights: Floats
    """(k,)"""
    bias: float
    chosen: dict[str, Any]
    """Of `SEARCH`, or `ORIGIN`."""

    def scores(self, features: Floats) -> Floats:
        """(n, 256) to (n,) distances from the plane; above 0 lies pain."""
        normal = (features - self.mean) / self.spread
        scores: Floats = normal @ self.components.T @ self.weights + np.float32(self.bias)
        return scores


def learn(fit: Readings, choose: Readings, seed: int) -> tuple[Baseline, Baseline]:
    """Fit the recipe as given, and with what a random search prefers.

    Args:
        fit: Pictures to fit to.
        choose: Pictures to choose by.
        seed: Of everything random.
    """
    mean, spread = fit.features.mean(axis=0), fit.features.std(axis=0) + np.float32(1e-3)
    components = PCA(KEPT, svd_solver="full").fit((fit.features - mean) / spread).components_.astype(np.float32)
    inside, judged = (((part.features - mean) / spread) @ components.T for part in (fit, choose))

    def fitted(settings: dict[str, Any]) -> tuple[float, Baseline]:
        with warnings.catch_warnings():
            # The recipe says how many iterations there are; that fewer than needed are drawn is part of the search.
            warnings.simplefilter("ignore", ConvergenceWarning)
            plane = SGDClassifier(alpha=0.01, random_state=seed, **{k: v for k, v in settings.items() if k != "alpha"})
            plane.fit(inside, fit.pain)
        weights, bias = plane.coef_[0].astype(np.float32), float(plane.intercept_[0])
        found = Baseline(mean, spread, components, weights, bias, settings)
        return auc(choose.pain, judged @ weights + bias) or 0.0, found

    searched = [fitted(settings) for settings in ParameterSampler(SEARCH, TRIES, random_state=seed)]
    return fitted(ORIGIN)[1], max(searched, key=lambda pair: pair[0])[1]


def calibrate(scores: Floats, pain: Flags) -> Platt:
    """Platt's probability, on pictures that nothing was fitted to."""
    fitted = LogisticRegression(C=1e4).fit(scores[:, None], pain)
    return Platt(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))


def by_picture(readings: Readings, seed: int) -> dict[str, Readings]:
    """The origin's split: 64, 16 and 20 of 100 pictures at random, whoever they show."""
    order = np.random.default_rng([43, seed]).permutation(len(readings))
    first, second = int(0.64 * len(order)), int(0.8 * len(order))
    parts = {"fit": order[:first], "choose": order[first:second], "test": order[second:]}
    return {name: readings.rows(np.sort(rows)) for name, rows in parts.items()}


def by_person(readings: Readings, _: int) -> dict[str, Readings]:
    """The same shares of people."""
    return {name: readings.part(name) for name in PARTS}


def figures(pain: Flags, probability: Floats) -> dict[str, Any]:
    """What papers print, at a limit of one half."""
    return presence(pain, probability >= 0.5) | {"auc": auc(pain, probability.astype(np.float64))}
