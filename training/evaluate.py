"""How well the shipped model reads faces: held-out rendered people, and real ones through the device's own pipeline.

The expression labels of the real faces are not action units; they stand in for them where FACS knows a prototype
(happiness has AU12, anger AU4, ...), so these figures are lower bounds on noisy labels, not scores on coded faces.
"""

from __future__ import annotations

import csv
import os
import platform
import time
from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import scipy.stats

from npng_edge.capture.frames import frames, stills
from npng_edge.infer.action_units import ActionUnitModel, prepare
from npng_edge.infer.pipeline import Pipeline
from npng_edge.policy.face.pspi import pspi
from npng_edge.settings import Camera, Seeing
from npng_edge.units import ACTION_UNITS, ActionUnits, EyeClosure
from training import export
from training.features import OUTPUTS, Examples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from npng_edge.infer.runtime import Model
    from npng_edge.units import Image

Floats: TypeAlias = npt.NDArray[np.float32]
Flags: TypeAlias = npt.NDArray[np.bool_]

PRESENT = (1.0,) * len(ACTION_UNITS) + (0.5, 0.5)
"""From which true value on an output counts as present; absent is a fiftieth of the scale or less."""
LOW_PSPI = 2.0
SMALL = 48
"""Width in pixels that real faces are brought down to, as a camera across a room sees them."""
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
CLIP_PARTS: tuple[tuple[str, float, float], ...] = (
    ("eyes down", 0.0, 1.0), ("distress", 1.0, 5.5), ("relief", 6.0, 10.0), ("smile and laugh", 10.5, 19.5),
)  # fmt: skip
"""What is to be seen in the clip, from second to second."""


def auc(scores: npt.ArrayLike, present: npt.ArrayLike) -> float | None:
    """Chance that a face with the unit scores above one without it; ties count half.

    Args:
        scores: (n,)
        present: (n,) truth.

    Returns:
        None when one of the two is missing.
    """
    flags = np.asarray(present, dtype=np.bool_)
    with_unit, without = int(flags.sum()), int((~flags).sum())
    if not with_unit or not without:
        return None
    ranks = scipy.stats.rankdata(np.asarray(scores))
    return float((ranks[flags].sum() - with_unit * (with_unit + 1) / 2) / (with_unit * without))


def evaluate_rendered(model: Model, examples: Examples) -> dict[str, Any]:
    """Scores on rendered people that nothing was fitted to.

    Args:
        model: the shipped one, one face a call.
        examples: of these people.
    """
    read = export.outputs(model, examples)
    outputs = {}
    for column, name in enumerate(OUTPUTS):
        score, truth = read[:, column], examples.targets[:, column]
        absent = truth <= (0.02 if name.startswith("eye") else 0.1)
        clear = absent | (truth >= PRESENT[column])
        outputs[name] = {
            "pcc": float(np.corrcoef(score, truth)[0, 1]),
            "mae": float(np.abs(score - truth).mean()),
            "auc": auc(score[clear], ~absent[clear]),
        }
    neutral = [pspi(_units(row)) for row in read[examples.neutral]]
    return {
        "faces": len(examples),
        "people": len(np.unique(examples.people)),
        "outputs": outputs,
        "neutral": _low(neutral),
    }


def evaluate_stills(pipeline: Pipeline, folder: Path, width: float | None = None) -> list[tuple[str, ActionUnits]]:
    """Read every picture that `labels.csv` names; pictures without a score are left out.

    Args:
        pipeline: of the device.
        folder: with `labels.csv` (columns `file`, `expression`).
        width: pixels that each face is brought down to before it is read; None leaves it as it is.

    Returns:
        Expression and units per scored picture.
    """
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as lines:
        expressions = {row["file"]: row["expression"] for row in csv.DictReader(lines)}
    found = []
    for path, frame in stills(Camera(), folder):
        if frame is not None and path.name in expressions:
            reading = pipeline.read_still(frame)
            if width is not None and reading.face is not None:
                poor = enlarged(frame.image, width / reading.face.box.width)
                reading = pipeline.read_still(replace(frame, image=poor))
            if reading.action_units is not None:
                found.append((expressions[path.name], reading.action_units))
    return found


def enlarged(image: Image, scale: float) -> Image:
    """A picture brought down by `scale`, enlarged four times, with a border in which a face finder finds its way."""
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, None, fx=4.0, fy=4.0, interpolation=cv2.INTER_CUBIC)
    wide = max(large.shape) // 4
    return np.asarray(cv2.copyMakeBorder(large, wide, wide, wide, wide, cv2.BORDER_REPLICATE), dtype=np.uint8)


def evaluate_frl(read: Sequence[tuple[str, ActionUnits]]) -> dict[str, Any]:
    """Neutral against smiling faces of the same people."""
    smiling = [expression == "happiness" for expression, _ in read]
    scores = {unit: auc([units.intensity[unit] for _, units in read], smiling) for unit in ("AU6", "AU12")}
    return {"faces": len(read), "auc": scores, "neutral": _low([pspi(u) for e, u in read if e == "neutral"])}


def evaluate_expressions(read: Sequence[tuple[str, ActionUnits]]) -> dict[str, Any]:
    """Units against the expressions they belong to."""
    rows = []
    for unit, shown, others in PROTOTYPES:
        chosen = [(e == shown, u.intensity[unit]) for e, u in read if e == shown or e in others]
        rows.append(
            {"unit": unit, "expression": shown, "against": list(others),
             "auc": auc([score for _, score in chosen], [present for present, _ in chosen])}
        )  # fmt: skip
    return {"faces": len(read), "prototypes": rows}


def evaluate_clip(pipeline: Pipeline, path: Path) -> dict[str, Any]:
    """Mean scores in the parts of the clip, without a baseline.

    Args:
        pipeline: of the device, which must not have seen another clip since its last reset.
        path: of the clip.
    """
    parts: defaultdict[str, list[ActionUnits | None]] = defaultdict(list)
    for frame in frames(Camera(), f"file:{path}"):
        units = pipeline.read(frame).action_units
        for name, start, end in CLIP_PARTS:
            if start <= frame.time < end:
                parts[name].append(units)
    rows = []
    for name, start, end in CLIP_PARTS:
        scored = [units for units in parts[name] if units is not None]
        rows.append(
            {
                "part": name, "start": start, "end": end, "frames": len(parts[name]), "scored": len(scored),
                "pspi": _mean([pspi(units) for units in scored]),
                "units": {unit: _mean([units.intensity[unit] for units in scored]) for unit in ACTION_UNITS},
                "eyes_closed": _mean([min(units.eyes_closed.left, units.eyes_closed.right) for units in scored]),
            }
        )  # fmt: skip
    return {"parts": rows}


def evaluate_real(data: Path, models: Path) -> dict[str, Any]:
    """All real material there is below a folder; what is absent is left out.

    Args:
        data: a folder with `frl_london/`, `expressions/` and `distress_then_smile.mp4`.
        models: the folder with the manifest.
    """
    pipeline = Pipeline(Seeing(models=models))
    results: dict[str, Any] = {}
    for name, folder, judge in (
        ("frl", data / "frl_london", evaluate_frl), ("expressions", data / "expressions", evaluate_expressions),
    ):  # fmt: skip
        if folder.is_dir():
            results[name] = judge(evaluate_stills(pipeline, folder))
            results[f"{name}_small"] = judge(evaluate_stills(pipeline, folder, SMALL))
    if (data / "distress_then_smile.mp4").is_file():
        pipeline.reset()
        results["clip"] = evaluate_clip(pipeline, data / "distress_then_smile.mp4")
    return results


def measure(model: Model, examples: Examples, others: Mapping[str, Model], calls: int = 500) -> dict[str, Any]:
    """Microseconds per face on one core of this machine, preparation and model apart.

    Args:
        model: the shipped one, opened with one thread.
        examples: anything; the first face is used.
        others: by name, what else looks at every frame; the face mesh must be one.
        calls: to take the median of.
    """
    crop, mesh = examples.crops[:1], examples.landmarks[:1]
    picture = np.ascontiguousarray(np.broadcast_to(crop[0, :, :, np.newaxis], (*crop.shape[1:], 3)))
    points = np.ascontiguousarray(mesh[0] * np.float32(50.0) + np.array([56.0, 34.0, 0.0], np.float32))
    return {
        "processor": _processor(),
        "prepare_us": _median_us(lambda: prepare(picture, points), calls),
        "model_us": _median_us(lambda: model(crop, mesh), calls),
        "whole_us": _median_us(lambda: ActionUnitModel(model).read(picture, points), calls),
        "others_us": {name: _median_us(partial(other, *_anything(other)), calls) for name, other in others.items()},
    }


def _anything(model: Model) -> list[npt.NDArray[Any]]:
    """Inputs that a model takes."""
    rng = np.random.default_rng(1)
    sizes = [tuple(size if isinstance(size, int) else 1 for size in tensor.shape) for tensor in model.inputs]
    return [rng.random(size).astype(tensor.dtype) for size, tensor in zip(sizes, model.inputs, strict=True)]


def _median_us(call: Callable[[], object], calls: int) -> float:
    took = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return float(np.median(took) * 1e6)


def _processor() -> str:
    """Model and number of cores; nothing that names the machine."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def _units(row: Floats) -> ActionUnits:
    values = [float(value) for value in row]
    left, right = values[len(ACTION_UNITS) :]
    return ActionUnits(dict(zip(ACTION_UNITS, values, strict=False)), EyeClosure(left, right))


def _low(scores: Sequence[float]) -> dict[str, Any]:
    """How far neutral faces stay from pain."""
    return {
        "faces": len(scores),
        "share_below_2": _mean([float(score < LOW_PSPI) for score in scores]),
        "median": float(np.median(scores)) if scores else None,
        "p90": float(np.quantile(scores, 0.9)) if scores else None,
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
