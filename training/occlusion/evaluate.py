"""How well the shipped model tells covered faces from free ones: held-out rendered people, and real ones.

The real ones go through the device's own pipeline at its default limit, so a mark is what the device would say.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from npng_edge.capture.frames import frames, stills
from npng_edge.infer.manifest import FILE_NAME, Manifest, open_model
from npng_edge.infer.occlusion import OcclusionModel
from npng_edge.infer.pipeline import OCCLUSION, Nets, Pipeline
from npng_edge.infer.runtime import Format, load
from npng_edge.settings import Camera, Quality, Seeing
from npng_edge.units import Reason
from training.datasets.metrics import mean
from training.judge.faces import expression
from training.judge.speed import median_us
from training.occlusion.data import KINDS, Samples, most_covered, quarter_weights
from training.occlusion.harmless import HARMLESS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from npng_edge.infer.runtime import Model
    from npng_edge.units import Reading
    from training.occlusion.scene import Bytes, Floats

LIMIT = Quality().max_occlusion
"""Above it the device marks a face as covered."""
HALF, FREE = 0.5, 0.05
"""Of the most covered quarter: from when on a mark is wanted, and up to when it is not."""
CLIP_PARTS: tuple[tuple[str, float, float, bool | None], ...] = (
    ("free: eyes down, distress", 0.0, 2.36, False),
    ("hand comes up before the chin", 2.36, 2.7, None),
    ("fist before chin and lower lip", 2.7, 3.75, None),
    ("fist before the mouth, moving up", 3.75, 3.96, None),
    ("hand before an eye, nose and mouth", 3.96, 5.85, True),
    ("fingers on a cheek and a corner of the mouth", 5.85, 9.45, None),
    ("hand leaves below the chin", 9.45, 9.75, None),
    ("free: smile and laugh", 9.75, 18.7, False),
    ("free: laughing, head turned down to a side", 18.7, 20.0, False),
)
"""What is to be seen in the clip, from second to second, by eye; and whether a mark is wanted, None for either."""

COVERED_BY_EYE = frozenset({
    "anger_073", "disgust_001", "disgust_013", "disgust_087", "neutral_000", "sadness_011", "sadness_026",
    "sadness_037", "sadness_040",
})  # fmt: skip
"""Pictures of `expressions/` that were marked and do show a ball, a cup, a cloth, a hand or an arm before the face."""


def numbers(content: bytes, held_out: Samples) -> dict[str, Any]:
    """Size, error and time of one version of the model.

    Args:
        content: of the ONNX file.
        held_out: people that it did not learn from.
    """
    model = load(content, Format.ONNX)
    found, true = scores(model, held_out.crops), truth(held_out)
    return {
        "bytes": len(content),
        "error": float(np.abs(found - true).mean()),
        "covered_marked": mean(found[true >= HALF] > LIMIT),
        "free_marked": mean(found[true <= FREE] > LIMIT),
        "median_us": median_us(partial(model, held_out.crops[:1])),
    }


def scores(model: Model, crops: Bytes) -> Floats:
    """What the model says of (n, 112, 112) crops, (n,)."""
    return np.concatenate([model(crops[at : at + 1])[0] for at in range(len(crops))])


def truth(samples: Samples) -> Floats:
    """Truly covered part of the most covered quarter of each sample's own face, (n,)."""
    whole = np.maximum(samples.face, 1e-6)
    parts = zip(samples.covered, whole, strict=True)
    return np.array([most_covered(cells[np.newaxis], quarter_weights(face))[0] for cells, face in parts], np.float32)


def rendered(model: Model, held_out: Samples) -> dict[str, Any]:
    """Marks on rendered people that nothing was fitted to, by what is before the face.

    Args:
        model: the shipped one.
        held_out: these people.
    """
    found, true = scores(model, held_out.crops), truth(held_out)
    covers = []
    for number, kind in enumerate(KINDS):
        shown = held_out.kinds == number
        half = shown & (true >= HALF)
        covers.append(
            {"kind": kind, "faces": int(shown.sum()), "error": mean(np.abs(found - true)[shown]),
             "half_covered": int(half.sum()), "half_covered_marked": mean(found[half] > LIMIT)}
        )  # fmt: skip
    bare = held_out.kinds == 0
    harmless = []
    for column, kind in enumerate(HARMLESS):
        shown = bare & held_out.harmless[:, column]
        harmless.append({"kind": kind, "faces": int(shown.sum()), "marked": mean(found[shown] > LIMIT)})
    return {
        "faces": len(held_out),
        "people": len(set(held_out.people.tolist())),
        "correlation": float(np.corrcoef(found, true)[0, 1]),
        "covers": covers,
        "harmless": harmless,
    }


class Listening(OcclusionModel):
    """The device's model, which remembers what it said last."""

    last: float | None = None

    def covered(self, crop: npt.NDArray[np.uint8]) -> float:
        """As `OcclusionModel.covered`."""
        self.last = super().covered(crop)
        return self.last


def real(data: Path, models: Path) -> dict[str, Any]:
    """All real material there is below a folder; what is absent is left out.

    Args:
        data: a folder with `frl_london/`, `expressions/` and `distress_then_smile.mp4`.
        models: the folder with the manifest.
    """
    seeing = Seeing(models=models)
    nets = Nets.open(seeing)
    listening = Listening(open_model(Manifest.load(models / FILE_NAME), OCCLUSION))
    pipeline = Pipeline(seeing, dataclasses.replace(nets, occlusion=listening))
    folders = [folder for name in ("frl_london", "expressions") if (folder := data / name).is_dir()]
    results: dict[str, Any] = {"stills": [row for folder in folders for row in _stills(pipeline, listening, folder)]}
    if (data / "distress_then_smile.mp4").is_file():
        pipeline.reset()
        results["clip"] = _clip(pipeline, listening, data / "distress_then_smile.mp4")
    return results


def _stills(pipeline: Pipeline, listening: Listening, folder: Path) -> list[dict[str, Any]]:
    """One row per expression."""
    found: defaultdict[str, list[tuple[Reading, float | None]]] = defaultdict(list)
    right: defaultdict[str, int] = defaultdict(int)
    for path, frame in stills(Camera(), folder):
        if frame is not None:
            reading = pipeline.read_still(frame)
            name = expression(path.stem)
            found[name].append((reading, listening.last))
            right[name] += Reason.OCCLUDED in reading.reasons and path.stem in COVERED_BY_EYE
    return [
        {"set": folder.name, "expression": name, **_summary(rows), "covered_by_eye": right[name]}
        for name, rows in sorted(found.items())
    ]


def _clip(pipeline: Pipeline, listening: Listening, path: Path) -> dict[str, Any]:
    read = []
    for frame in frames(Camera(), f"file:{path}"):
        reading = pipeline.read(frame)
        read.append((reading, listening.last))
    seconds = [
        {"second": second, **_summary([row for row in read if int(row[0].time) == second])}
        for second in range(int(read[-1][0].time) + 1)
    ]
    parts = [
        {"part": part, "start": start, "end": end, "wanted": wanted,
         **_summary([row for row in read if start <= row[0].time < end])}
        for part, start, end, wanted in CLIP_PARTS
    ]  # fmt: skip
    return {"parts": parts, "seconds": seconds}


def _summary(rows: Sequence[tuple[Reading, float | None]]) -> dict[str, Any]:
    """Counts over readings, and the middle of what the model said where there was a face."""
    said = [value for reading, value in rows if reading.face is not None and value is not None]
    return {
        "pictures": len(rows),
        "faces": len(said),
        "marked": sum(Reason.OCCLUDED in reading.reasons for reading, _ in rows),
        "marked_alone": sum(reading.reasons == (Reason.OCCLUDED,) for reading, _ in rows),
        "scored": sum(reading.action_units is not None for reading, _ in rows),
        "median": float(np.median(said)) if said else None,
        "highest": max(said) if said else None,
    }
