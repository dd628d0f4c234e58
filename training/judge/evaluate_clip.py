"""What the device makes of the real clip, part by part and second by second; nothing in it is labelled."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from npng_edge.capture.frames import frames
from npng_edge.policy.face.pspi import pspi
from npng_edge.settings import Camera
from npng_edge.units import ACTION_UNITS
from training.datasets.metrics import mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from npng_edge.infer.pipeline import Pipeline
    from npng_edge.units import ActionUnits

PARTS: tuple[tuple[str, float, float], ...] = (
    ("eyes down", 0.0, 1.0), ("distress", 1.0, 5.5), ("relief", 6.0, 10.0), ("smile and laugh", 10.5, 19.5),
)  # fmt: skip
"""What is to be seen, from second to second."""


def evaluate_clip(pipeline: Pipeline, path: Path) -> dict[str, Any]:
    """Mean scores, without a baseline.

    Args:
        pipeline: of the device, which must not have seen another clip since its last reset.
        path: of the clip.
    """
    parts: defaultdict[str, list[ActionUnits | None]] = defaultdict(list)
    seconds: defaultdict[int, list[ActionUnits | None]] = defaultdict(list)
    for frame in frames(Camera(), f"file:{path}"):
        units = pipeline.read(frame).action_units
        seconds[int(frame.time)].append(units)
        for name, start, end in PARTS:
            if start <= frame.time < end:
                parts[name].append(units)
    return {
        "parts": [{"part": name, "start": start, "end": end} | _means(parts[name]) for name, start, end in PARTS],
        "seconds": [{"second": second} | _means(seconds[second]) for second in sorted(seconds)],
    }


def _means(units: Sequence[ActionUnits | None]) -> dict[str, Any]:
    scored = [one for one in units if one is not None]
    return {
        "frames": len(units),
        "scored": len(scored),
        "pspi": mean([pspi(one) for one in scored]),
        "units": {unit: mean([one.intensity[unit] for one in scored]) for unit in ACTION_UNITS},
        "eyes_closed": mean([min(one.eyes_closed.left, one.eyes_closed.right) for one in scored]),
    }
