"""How well the shipped model reads real pictures, through the device's own pipeline.

Labels are of three kinds: smiling or neutral (certain), the name of an emotion (noisy; it stands for the units that
FACS knows as its prototype), and units that an uncertified annotator saw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from npng_edge.capture.frames import stills
from npng_edge.policy.face.pspi import pspi
from npng_edge.settings import Camera
from training.datasets.metrics import auc
from training.datasets.reading import by_name
from training.judge.faces import enlarged, labelled
from training.judge.intervals import estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from npng_edge.infer.pipeline import Pipeline
    from npng_edge.units import ActionUnits
    from training.judge.intervals import Estimate

SMILES = ("AU6", "AU12")
PROTOTYPES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("AU12", "happiness", ("neutral", "anger", "sadness", "surprise", "disgust", "fear", "contempt")),
    ("AU6", "happiness", ("neutral", "anger", "surprise")),
    ("AU4", "anger", ("neutral", "surprise")),
    ("AU9", "disgust", ("neutral",)),
    ("AU10", "disgust", ("neutral",)),
    ("AU1", "surprise", ("neutral",)),
    ("AU2", "surprise", ("neutral",)),
    ("AU5", "surprise", ("neutral",)),
    ("AU25", "surprise", ("neutral",)),
    ("AU26", "surprise", ("neutral",)),
    ("AU1", "sadness", ("neutral",)),
    ("AU4", "sadness", ("neutral",)),
    ("AU15", "sadness", ("neutral",)),
)
"""Unit, expression it belongs to, expressions it does not (FACS prototypes: Ekman, Friesen and Hager, 2002)."""
LOW_PSPI = (1.5, 2.0)
"""Neutral faces shall stay below."""


@dataclass(frozen=True, slots=True)
class Still:
    """One picture."""

    name: str
    label: Mapping[str, str]
    """Its row of `labels.csv`."""
    units: ActionUnits | None
    """None where the device gave no score."""

    def score(self, unit: str) -> float:
        """Of a unit, or of AU43, see `by_name`; only where there is a score."""
        assert self.units is not None
        return by_name(self.units)[unit]


def read(pipeline: Pipeline, folder: Path, width: float | None = None) -> list[Still]:
    """Every picture that `labels.csv` names.

    Args:
        pipeline: of the device.
        folder: with `labels.csv` (columns `file`, `expression`).
        width: pixels that each face is brought down to before it is read; None leaves it as it is.
    """
    labels, found = labelled(folder), []
    for path, frame in stills(Camera(), folder):
        if frame is not None and path.name in labels:
            reading = pipeline.read_still(frame)
            if width is not None and reading.face is not None:
                poor = enlarged(frame.image, width / reading.face.box.width)
                reading = pipeline.read_still(replace(frame, image=poor))
            found.append(Still(path.name, labels[path.name], reading.action_units))
    return found


def evaluate_frl(pictures: Sequence[Still]) -> dict[str, Any]:
    """Neutral against smiling faces of the same people."""
    scored = [one for one in pictures if one.units]
    neutral = [pspi(one.units) for one in scored if one.units and one.label["expression"] == "neutral"]
    smiling = [one.label["expression"] == "happiness" for one in scored]
    who = [one.label["subject"] for one in scored]
    return {
        "pictures": len(pictures),
        "faces": len(scored),
        "auc": {unit: told(scored, unit, smiling, who) for unit in SMILES},
        "own": above_own(scored),
        "neutral": low(neutral),
    }


def above_own(scored: Sequence[Still]) -> dict[str, Any]:
    """How many people's smiles read higher than their own neutral face, as a device compares them."""
    neutral, smiling = (
        {one.label["subject"]: one for one in scored if one.label["expression"] == shown}
        for shown in ("neutral", "happiness")
    )
    people = sorted(neutral.keys() & smiling.keys())

    def share(unit: str) -> Estimate:
        higher = np.array([smiling[who].score(unit) > neutral[who].score(unit) for who in people])
        return estimate(lambda rows: float(higher[rows].mean()), np.array(people))

    return {"people": len(people), "higher": {unit: share(unit) for unit in SMILES}}


def evaluate_expressions(pictures: Sequence[Still]) -> dict[str, Any]:
    """Units against the expressions they belong to."""
    scored = [one for one in pictures if one.units]
    rows = []
    for unit, shown, others in PROTOTYPES:
        chosen = [one for one in scored if one.label["expression"] in (shown, *others)]
        found = told(chosen, unit, [one.label["expression"] == shown for one in chosen])
        rows.append({"unit": unit, "expression": shown, "against": list(others), "auc": found})
    return {"pictures": len(pictures), "faces": len(scored), "prototypes": rows}


def evaluate_coded(pictures: Sequence[Still], coded: Mapping[str, Mapping[str, bool]]) -> list[dict[str, Any]]:
    """Units against what an annotator saw.

    Args:
        pictures: as `read` gives them.
        coded: per unit, picture to presence.
    """
    rows = []
    for unit, shown in coded.items():
        asked = [one for one in pictures if one.name in shown]
        scored = [one for one in asked if one.units]
        present = [shown[one.name] for one in scored]
        found = told(scored, unit, present)
        rows.append(
            {"unit": unit, "present": sum(present), "absent": len(present) - sum(present),
             "missing": len(asked) - len(scored), "auc": found}
        )  # fmt: skip
    return rows


def told(scored: Sequence[Still], unit: str, present: Sequence[bool], people: Sequence[str] | None = None) -> Estimate:
    """AUC of a unit with its interval; every picture shows somebody else where nothing is known of the people."""
    scores, flags = np.array([one.score(unit) for one in scored]), np.array(present, np.bool_)
    return estimate(lambda rows: auc(flags[rows], scores[rows]), np.array(people or [one.name for one in scored]))


def low(scores: Sequence[float]) -> dict[str, Any]:
    """How far neutral faces of so many people stay from pain."""
    values = np.array(scores)

    def share(most: float) -> Estimate:
        return estimate(lambda rows: float((values[rows] < most).mean()), np.arange(len(values)))

    return {
        "faces": len(values),
        "shares": {f"{most:g}": share(most) for most in LOW_PSPI},
        "median": float(np.median(values)) if scores else None,
        "p90": float(np.quantile(values, 0.9)) if scores else None,
    }
