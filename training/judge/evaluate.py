"""How well the shipped model does: rendered people held out, all real material that is there, and its speed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npng_edge.infer.action_units import ActionUnitModel, prepare
from npng_edge.infer.asymmetry import EVERY_S
from npng_edge.infer.pain import RATE_HZ
from npng_edge.infer.pipeline import ASYMMETRY, MESH, OCCLUSION, PAIN, PAIN_TEMPORAL, Pipeline
from npng_edge.settings import Seeing
from training.judge.evaluate_clip import evaluate_clip
from training.judge.evaluate_stills import evaluate_coded, evaluate_expressions, evaluate_frl, read
from training.judge.faces import SMALL, Finder, coded
from training.judge.fairness import evaluate_groups, tones
from training.judge.speed import example, medians_us, processor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.infer.runtime import Model
    from training.units.features import Examples

CODED = Path(__file__).with_name("real_units.csv")
"""Units that an AI assistant, no FACS coder, saw in the pictures of `expressions/`."""


def evaluate_real(data: Path, models: Path) -> dict[str, Any]:
    """All real material there is below a folder; what is absent is left out.

    Args:
        data: a folder with `frl_london/`, `expressions/` and `distress_then_smile.mp4`.
        models: the folder with the manifest.
    """
    pipeline = Pipeline(Seeing(models=models))
    results: dict[str, Any] = {}
    if (folder := data / "frl_london").is_dir():
        pictures = read(pipeline, folder)
        results["frl"] = evaluate_frl(pictures)
        results["frl_small"] = evaluate_frl(read(pipeline, folder, SMALL))
        results["groups"] = evaluate_groups(pictures, tones(Finder(models), folder, pictures))
    if (folder := data / "expressions").is_dir():
        units = coded(CODED)
        for name, width in (("", None), ("_small", SMALL)):
            pictures = read(pipeline, folder, width)
            results[f"expressions{name}"] = evaluate_expressions(pictures)
            results[f"coded{name}"] = evaluate_coded(pictures, units)
    if (clip := data / "distress_then_smile.mp4").is_file():
        pipeline.reset()
        results["clip"] = evaluate_clip(pipeline, clip)
    return results


def shares(pictures: float) -> dict[str, float]:
    """How often each model beside that of the action units is called per picture, at so many pictures a second."""
    return {
        MESH: 1.0,
        OCCLUSION: 1.0,
        PAIN: 1.0,
        PAIN_TEMPORAL: min(RATE_HZ / pictures, 1.0),
        ASYMMETRY: min(1.0 / (EVERY_S * pictures), 1.0),
    }


def measure(model: Model, examples: Examples, others: Mapping[str, Model]) -> dict[str, Any]:
    """Microseconds per face on one core of this machine, preparation and model apart.

    Args:
        model: the shipped one, opened with one thread.
        examples: anything; the first face is used.
        others: by name, those of `shares`.
    """
    crop, mesh = examples.crops[:1], examples.landmarks[:1]
    picture = np.ascontiguousarray(np.broadcast_to(crop[0, :, :, np.newaxis], (*crop.shape[1:], 3)))
    points = np.ascontiguousarray(mesh[0] * np.float32(50.0) + np.array([56.0, 34.0, 0.0], np.float32))
    took = medians_us(
        {
            "prepare": lambda: prepare(picture, points),
            "model": lambda: model(crop, mesh),
            "whole": lambda: ActionUnitModel(model).read(picture, points),
            **{name: partial(other, *example(other)) for name, other in others.items()},
        }
    )
    return {
        "processor": processor(),
        **{f"{name}_us": took.pop(name) for name in ("prepare", "model", "whole")},
        "others_us": took,
        "pictures": Seeing().max_fps,
        "shares": shares(Seeing().max_fps),
    }
