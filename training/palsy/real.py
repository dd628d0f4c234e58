"""What the shipped model says of real faces. None of them has a palsy: what can be had is how often it is wrong.

And one thing more: half a smile. Where the same person is there neutral and smiling, one half of the aligned face is
taken from each picture. That is what a complete palsy makes of a smile, but also what sound people do on purpose.
Nothing was fitted to these either. For a palsy that is drawn in see `droop`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from npng_edge.capture.frames import frames, stills
from npng_edge.infer.asymmetry import AsymmetryModel
from npng_edge.infer.manifest import FILE_NAME, Manifest, open_model
from npng_edge.infer.pipeline import ASYMMETRY, Pipeline
from npng_edge.settings import Camera, Policy, Seeing
from training.datasets.metrics import auc, mean
from training.judge.faces import Finder, expression
from training.palsy import droop
from training.palsy.measures import HALF
from training.world import face_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from training.palsy.data import Bytes, Floats, Rows

LIMIT = Policy().alarms.asymmetry
"""Above the patient's own by so much, the face is newly asymmetrical."""
SEAM = 4.0
"""Pixels over which one half of a face passes into the other."""


def real(data: Path, models: Path, face: Path, pairs: Rows, palsy: Floats) -> dict[str, Any]:
    """All real material there is below a folder; what is absent is left out.

    Args:
        data: a folder with `frl_london/`, `expressions/` and `distress_then_smile.mp4`.
        models: the folder with the manifest.
        face: the packed face model.
        pairs: of `head.pairs`.
        palsy: (n,) scores of rendered pictures of a palsy, by learners that did not know the person.
    """
    pipeline, finder = Pipeline(Seeing(models=models)), Finder(models)
    results: dict[str, Any] = {"limit": LIMIT, "stills": [], "rendered": [], "droop": []}
    for name in ("frl_london", "expressions"):
        if (folder := data / name).is_dir():
            said = _stills(pipeline, folder)
            results["stills"] += _by_expression(name, said)
            results["rendered"].append({"set": name, **_against_rendered(said, palsy)})
            results["droop"] += droop.judged(folder, pipeline, finder, face_model.load(face), LIMIT)
            if name == "frl_london":
                results["own"] = _above_own(said)
                results["half_smiles"] = half_smiles(folder, models, finder, pairs)
    if (clip := data / "distress_then_smile.mp4").is_file():
        pipeline.reset()
        seconds: defaultdict[int, list[float]] = defaultdict(list)
        for frame in frames(Camera(), f"file:{clip}"):
            seconds[int(frame.time)] += _known(pipeline.read(frame).asymmetry)
        results["clip"] = [{"second": k, "mean": mean(seen)} for k, seen in seconds.items()]
    return results


def _stills(pipeline: Pipeline, folder: Path) -> dict[str, float | None]:
    """By file stem, what the device says of a picture by itself; None where it does not judge it."""
    return {
        path.stem: pipeline.read_still(frame).asymmetry for path, frame in stills(Camera(), folder) if frame is not None
    }


def _by_expression(name: str, said: Mapping[str, float | None]) -> list[dict[str, Any]]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    pictures: defaultdict[str, int] = defaultdict(int)
    for stem, value in said.items():
        for key in (expression(stem), "all"):
            found[key] += _known(value)
            pictures[key] += 1
    return [
        {"set": name, "expression": key, "pictures": pictures[key], "judged": len(found[key]),
         "below_half": mean([value < HALF for value in found[key]]),
         "median": float(np.median(found[key])) if found[key] else None}
        for key in sorted(pictures, key=lambda key: (key == "all", key))
    ]  # fmt: skip


def _against_rendered(said: Mapping[str, float | None], palsy: Floats) -> dict[str, Any]:
    """How well a rendered palsy is told from a sound real face."""
    sound = np.array([value for value in said.values() if value is not None])
    present = np.repeat([False, True], [len(sound), len(palsy)])
    # In numbers of 64 bits, in which a sure belief is not yet 1.
    belief = expit(palsy.astype(float))
    return {"sound": len(sound), "palsy": len(palsy), "auc": auc(present, np.concatenate([sound, belief]))}


def _above_own(said: Mapping[str, float | None]) -> dict[str, Any]:
    """As the alarm judges: a smile against the same person's neutral face, and the other way round."""
    rises = [
        (neutral, smiling)
        for stem, neutral in said.items()
        if stem.endswith("_neutral")
        and neutral is not None
        and (smiling := said.get(stem.replace("_neutral", "_happiness"))) is not None
    ]
    return {
        "people": len(rises),
        "smile_above": mean([smiling - neutral >= LIMIT for neutral, smiling in rises]),
        "neutral_above": mean([neutral - smiling >= LIMIT for neutral, smiling in rises]),
    }


def half_smiles(folder: Path, models: Path, finder: Finder, pairs: Rows) -> dict[str, Any]:
    """Faces that smile with one half, told from the same people's whole pictures.

    Args:
        folder: with `NNN_neutral.jpg` and `NNN_happiness.jpg`.
        models: the folder with the manifest.
        finder: of the faces.
        pairs: of `head.pairs`.
    """
    model = AsymmetryModel(open_model(Manifest.load(models / FILE_NAME), ASYMMETRY))
    paths = sorted(folder.glob("*.jpg"))
    read = finder.read(paths)
    prepared = {paths[place].stem: (read.crops[k], read.landmarks[k]) for k, place in enumerate(read.places.tolist())}

    def score(crop: Bytes, mesh: Floats) -> float:
        return model.score(crop, mesh).score

    whole, half = [], []
    for stem, neutral in prepared.items():
        smiling = prepared.get(stem.replace("_neutral", "_happiness"))
        if stem.endswith("_neutral") and smiling is not None:
            whole += [score(*neutral), score(*smiling)]
            half += [score(*chimera(neutral, smiling, pairs)), score(*chimera(smiling, neutral, pairs))]
    present = np.repeat([False, True], len(whole))
    return {
        "faces": len(whole),
        "auc": auc(present, np.array(whole + half)),
        "found": mean([value >= 0.0 for value in half]),
        "whole_below_half": mean([value < 0.0 for value in whole]),
    }


def chimera(first: tuple[Bytes, Floats], second: tuple[Bytes, Floats], pairs: Rows) -> tuple[Bytes, Floats]:
    """A face whose half on the picture's left is the first one's and whose other half is the second one's.

    Args:
        first: aligned crop, (112, 112), and normalised mesh, (468, 3).
        second: likewise.
        pairs: of `head.pairs`: which points lie on the middle.
    """
    middle = first[0].shape[1] / 2.0
    across = 1.0 / (1.0 + np.exp(-(np.arange(first[0].shape[1]) - middle) / (SEAM / 4.0)))
    crop = first[0] * (1.0 - across) + second[0] * across
    # Points of the middle lie half-way; of any other pair the one with the smaller x is on the picture's left.
    mean_x = (first[1][:, 0] + second[1][:, 0]) / 2.0
    share = np.where(pairs == np.arange(len(pairs)), 0.5, (mean_x > mean_x[pairs]).astype(float))[:, np.newaxis]
    mesh = first[1] * (1.0 - share) + second[1] * share
    return np.asarray(np.round(crop), np.uint8), np.asarray(mesh, np.float32)


def _known(value: float | None) -> list[float]:
    return [] if value is None else [value]
