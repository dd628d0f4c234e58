"""How well the shipped model reads rendered people that nothing was fitted to, and whom and what it reads worse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.policy.face.pspi import PSPI_UNITS, pspi
from npng_edge.units import ACTION_UNITS, ActionUnits, EyeClosure
from training.datasets.metrics import auc, icc_3_1, mean
from training.judge.evaluate_stills import low
from training.judge.intervals import estimate
from training.judge.rest import ways
from training.units import export
from training.units.features import OUTPUTS, SIDES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.infer.runtime import Model
    from training.judge.groups import Groups
    from training.units.features import Examples

Floats: TypeAlias = npt.NDArray[np.float32]
Indices: TypeAlias = npt.NDArray[np.int64]

PRESENT = (1.0,) * len(ACTION_UNITS) + (0.5, 0.5)
"""From which true value on an output counts as present; absent is a fiftieth of the scale or less."""
PAIN = tuple(OUTPUTS.index(name) for name in PSPI_UNITS)
"""Columns that PSPI is made of, beside the eyes."""
FEWEST = 40
"""Faces; smaller groups are not shown."""


def evaluate_rendered(model: Model, examples: Examples, traits: Mapping[str, Groups]) -> dict[str, Any]:
    """Scores on these people.

    Args:
        model: the shipped one, one face a call.
        examples: of people held out.
        traits: per trait the group of each row, as of `traits.traits`.
    """
    intensity, closed, sides, deviation, _ = export.told(model, examples)
    read, truth, people = np.concatenate([intensity, closed], axis=1), examples.targets, examples.people
    leaning, true_leaning = _leaning(sides), _leaning(examples.hints[:, :SIDES].reshape(sides.shape))
    pain, true_pain = (np.array([pspi(units(row)) for row in rows]) for rows in (read, truth))
    outputs = {}
    for column, name in enumerate(OUTPUTS):
        score, true = read[:, column], truth[:, column]
        absent = true <= (0.02 if name.startswith("eye") else 0.1)
        clear = absent | (true >= PRESENT[column])
        outputs[name] = agreement(score, true, people) | {
            "auc": auc(~absent[clear], score[clear].astype(np.float64)),
            "doubt_pcc": correlation(deviation[:, column], np.abs(score - true)),
            "sides_pcc": correlation(leaning[:, column], true_leaning[:, column]) if name in ACTION_UNITS else None,
        }
    return {
        "faces": len(examples),
        "people": len(np.unique(people)),
        "outputs": outputs,
        "pspi": agreement(pain, true_pain, people),
        "neutral": low(pain[examples.neutral].tolist()),
        "groups": [
            {"trait": trait, "group": name} | _group(rows, read, truth, pain, true_pain)
            for trait, groups in traits.items()
            for name, rows in groups.members(FEWEST)
        ],
        "rest": _rest(read, examples, true_pain),
    }


def _rest(read: Floats, examples: Examples, true_pain: Floats) -> list[dict[str, Any]]:
    """What a neutral face of the same person brings."""
    rows, found = ways(read, examples)
    every = np.arange(len(rows))
    return [
        {"way": way, "people": len(np.unique(examples.people[rows]))}
        | _group(every, told, examples.targets[rows], np.array([pspi(units(row)) for row in told]), true_pain[rows])
        for way, told in found.items()
    ]


def agreement(score: Floats, truth: Floats, people: Indices) -> dict[str, Any]:
    """Correlation and mean absolute error with their intervals, and ICC(3,1)."""
    return {
        "pcc": estimate(lambda rows: correlation(score[rows], truth[rows]), people),
        "mae": estimate(lambda rows: float(np.abs(score[rows] - truth[rows]).mean()), people),
        "icc": icc_3_1(np.stack([truth, score], axis=1).astype(np.float64)),
    }


def _leaning(sides: Floats) -> Floats:
    """(n, units) how much stronger the person's left is than the right."""
    difference: Floats = sides[:, 0] - sides[:, 1]
    return difference


def correlation(score: Floats, truth: Floats) -> float | None:
    """Pearson's; None where one of the two does not vary."""
    return float(np.corrcoef(score, truth)[0, 1]) if np.ptp(score) > 0 and np.ptp(truth) > 0 else None


def _group(rows: Indices, read: Floats, truth: Floats, pain: Floats, true_pain: Floats) -> dict[str, Any]:
    """What PSPI is made of, in some of the faces."""
    of_units = [correlation(read[rows, column], truth[rows, column]) for column in PAIN]
    known = [value for value in of_units if value is not None]
    return {
        "faces": len(rows),
        "units_pcc": mean(known),
        "pspi_pcc": correlation(pain[rows], true_pain[rows]),
        "pspi_mae": float(np.abs(pain[rows] - true_pain[rows]).mean()),
    }


def units(row: Floats) -> ActionUnits:
    """One row of outputs as the product has it."""
    values = [float(value) for value in row]
    left, right = values[len(ACTION_UNITS) :]
    return ActionUnits(dict(zip(ACTION_UNITS, values, strict=False)), EyeClosure(left, right))
