"""Pain in one picture: the origin's recipe and what is better, fitted and judged on the same pictures, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression

from npng_edge.policy.face.pspi import pspi
from training.judge import evaluate_rendered
from training.pain import baseline, graph
from training.pain.heads import Pictures, Reduction, Still, teach

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.pain.baseline import Baseline
    from training.pain.graph import Platt
    from training.pain.readings import Readings

    Floats: TypeAlias = npt.NDArray[np.float32]

STEPS = 400
"""Batches that each net is taught with."""
SPLITS = {"random pictures": baseline.by_picture, "people": baseline.by_person}


@dataclass(frozen=True, eq=False)
class Learnt:
    """The two that are exported, fitted to one split."""

    nets: list[Still]
    reduction: Reduction
    net_platt: Platt
    origin: Baseline
    origin_platt: Platt


def compare(
    readings: Readings, split: str, seed: int, tell: Callable[[int, float], None], steps: int = STEPS
) -> tuple[Learnt, list[dict[str, Any]]]:
    """Fit everything to one split, calibrate it on the part to choose by, and judge it on the rest.

    Args:
        readings: Of films; pictures in which neither pain nor none is clear are left out.
        split: Of `SPLITS`.
        seed: Of everything random.
        tell: Is told the nets' loss now and then.
        steps: Batches that each net is taught with.

    Returns:
        What to export, and a row of figures for each way.
    """
    parts = SPLITS[split](readings.rows(readings.clear), seed)
    fit, choose, test = parts["fit"], parts["choose"], parts["test"]
    origin, searched = baseline.learn(fit, choose, seed)
    plain = LogisticRegression(C=1.0, max_iter=1000, class_weight="balanced").fit(fit.units, fit.pain)
    reduction = Reduction.of(fit)
    nets = teach(Still, Pictures(fit, reduction), steps, seed, tell)
    ways: dict[str, Callable[[Readings], Floats]] = {
        "PSPI as read": lambda part: np.array([pspi(evaluate_rendered.units(row)) for row in part.units]),
        "PCA, linear SVM: settings of the origin": lambda part: origin.scores(part.features),
        "PCA, linear SVM: random search": lambda part: searched.scores(part.features),
        "logistic regression on the units": lambda part: plain.decision_function(part.units),
        "nets on features and units (shipped)": lambda part: logits(nets, reduction, part),
    }
    rows = []
    platts: list[Platt] = []
    for name, scores in ways.items():
        platt = baseline.calibrate(scores(choose), choose.pain)
        platts.append(platt)
        probability = 1.0 / (1.0 + np.exp(-(platt.slope * scores(test) + platt.offset)))
        rows.append({"way": name, "split": split, **baseline.figures(test.pain, probability)})
    rows[2]["chosen"] = searched.chosen
    return Learnt(nets, reduction, platts[4], origin, platts[1]), rows


def logits(nets: list[Still], reduction: Reduction, readings: Readings) -> Floats:
    """(n,) mean scores of the nets."""
    parts, units = (torch.from_numpy(part) for part in (reduction(readings.features), readings.units))
    with torch.no_grad():
        scores: Floats = np.mean([net(parts, units, torch.ones(len(readings), 1)).numpy() for net in nets], axis=0)
    return scores


def exported(learnt: Learnt) -> dict[str, bytes]:
    """Model files by their names in the manifest."""
    return {
        "pain": graph.still(learnt.nets, learnt.reduction, learnt.net_platt),
        "pain-baseline": graph.baseline(learnt.origin, learnt.origin_platt),
    }
