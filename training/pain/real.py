"""What both heads say of real faces, through the device's own pipeline. Nothing was ever fitted to them."""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from npng_edge.capture.frames import frames, stills
from npng_edge.infer.pipeline import Pipeline
from npng_edge.policy.face.pspi import pspi
from npng_edge.settings import Camera, Seeing
from training.datasets.metrics import mean
from training.judge import evaluate_clip
from training.judge.faces import expression
from training.pain.judged import LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from npng_edge.units import Frame, Reading

RATES = (2.0, 5.0, 10.0, 15.0)
_SEEN = {name: (start, end) for name, start, end in evaluate_clip.PARTS}
PARTS: tuple[tuple[str, float, float, bool], ...] = (
    ("distress", *_SEEN["distress"], True),
    ("relief", *_SEEN["relief"], False),
    ("smile, laugh", *_SEEN["smile and laugh"], False),
)
"""What a person sees in the real clip: from, to, and whether it is pain or distress."""
IN_PAIN = 2.0
"""From this true PSPI on the synthetic patient is in pain, in a clip that shows pain."""
OF_PAIN = ("pain", "patient")
"""Clips of the synthetic patient with pain in them; he smiles and talks in the second one as well."""


def evaluate(data: Path, clips: Path, models: Path) -> dict[str, Any]:
    """All real material there is below a folder, and the synthetic patient; what is absent is left out.

    Args:
        data: A folder with `frl_london/`, `expressions/` and `distress_then_smile.mp4`.
        clips: Of the synthetic patient, each with its truth beside it.
        models: The folder with the manifest.
    """
    pipeline = Pipeline(Seeing(models=models))
    results: dict[str, Any] = {
        "stills": [row for name in ("frl_london", "expressions") for row in _stills(pipeline, data / name)],
        "clips": [_clip(pipeline, path) for path in sorted(clips.glob("*.mp4"))],
    }
    if (path := data / "distress_then_smile.mp4").is_file():
        shown = list(frames(Camera(), f"file:{path}"))
        results["real_clip"] = _real_clip(watched(pipeline, shown))
        results["real_clip"]["rates"] = [
            {"rate": rate, "parts": _parts(watched(pipeline, at_rate(shown, rate)))} for rate in RATES
        ]
    return results


def watched(pipeline: Pipeline, shown: Iterable[Frame]) -> list[Reading]:
    """What is read from the pictures of one camera, from the start."""
    pipeline.reset()
    return [pipeline.read(frame) for frame in shown]


def at_rate(shown: Sequence[Frame], rate: float) -> list[Frame]:
    """So many pictures a second of those that are there."""
    kept, due = [], shown[0].time
    for frame in shown:
        if frame.time >= due - 1e-6:
            kept.append(frame)
            due += 1.0 / rate
    return kept


def _stills(pipeline: Pipeline, folder: Path) -> list[dict[str, Any]]:
    """One row per expression."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for path, frame in stills(Camera(), folder) if folder.is_dir() else ():
        reading = pipeline.read_still(frame) if frame is not None else None
        if reading is not None and reading.pain_probability is not None:
            found[expression(path.stem)].append(reading.pain_probability)
    return [{"set": folder.name, "expression": name, **_figures(found[name])} for name in sorted(found)]


def _real_clip(readings: Sequence[Reading]) -> dict[str, Any]:
    last = int(readings[-1].time)
    seconds = [
        {"second": second, **_figures_of([one for one in readings if int(one.time) == second])}
        for second in range(last + 1)
    ]
    return {"parts": _parts(readings), "seconds": seconds}


def _parts(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    return [
        {"part": part, "start": start, "end": end, "wanted": wanted,
         **_figures_of([one for one in readings if start <= one.time < end])}
        for part, start, end, wanted in PARTS
    ]  # fmt: skip


def _clip(pipeline: Pipeline, path: Path) -> dict[str, Any]:
    """One clip of the synthetic patient: in pain, and otherwise."""
    rows = list(csv.DictReader(path.with_suffix(".csv").read_text(encoding="utf-8").splitlines()))
    readings = watched(pipeline, frames(Camera(), f"file:{path}"))
    laughs = [float(row["AU12"]) >= 1.0 for row in rows]
    pain = [
        path.stem in OF_PAIN and float(row["pspi_true"]) >= IN_PAIN and not laugh
        for row, laugh in zip(rows, laughs, strict=True)
    ]
    return {
        "clip": path.stem,
        "pain": _figures_of([one for one, hurt in zip(readings, pain, strict=False) if hurt]),
        "other": _figures_of([one for one, hurt in zip(readings, pain, strict=False) if not hurt]),
    }


def _figures_of(readings: Sequence[Reading]) -> dict[str, Any]:
    scored = [one.action_units for one in readings if one.action_units is not None]
    return {
        "pictures": len(readings),
        "scored": len(scored),
        "pspi": mean([pspi(units) for units in scored]),
        "AU4": mean([units.intensity["AU4"] for units in scored]),
        "AU12": mean([units.intensity["AU12"] for units in scored]),
        "still": _figures([one.pain_probability for one in readings if one.pain_probability is not None]),
        "temporal": _figures([one.pain_temporal for one in readings if one.pain_temporal is not None]),
    }


def _figures(values: Sequence[float]) -> dict[str, Any]:
    return {
        "count": len(values),
        "mean": mean(values),
        "median": float(np.median(values)) if values else None,
        "high": float(np.quantile(values, 0.9)) if values else None,
        "likely": float(np.mean(np.array(values) >= LIMIT)) if values else None,
    }
