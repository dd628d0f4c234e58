"""How long a call takes, and on which machine."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from npng_edge.infer.runtime import Array, Model

FREE = {"batch": 1, "height": 120, "width": 160}
"""Sizes given to the dimensions that a model leaves free."""


def median_us(call: Callable[[], object], calls: int = 1000) -> float:
    """Microseconds, the median of so many calls."""
    return medians_us({"call": call}, calls)["call"]


def medians_us(calls: Mapping[str, Callable[[], object]], rounds: int = 500) -> dict[str, float]:
    """Microseconds of each call, the median of so many rounds in which each has its turn.

    In turn, because a machine whose pace changes then changes it for all of them: what is compared stays comparable.
    """
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            took[name].append(time.perf_counter() - start)
    return {name: float(np.median(each) * 1e6) for name, each in took.items()}


def example(model: Model) -> tuple[Array, ...]:
    """Inputs of the right type and shape, between 0 and 1 (or 0 and 255)."""
    random = np.random.default_rng(7)
    shapes = [tuple(FREE.get(size, 1) if isinstance(size, str) else size for size in t.shape) for t in model.inputs]
    return tuple(
        (random.random(shape) * (255 if tensor.dtype == "uint8" else 1)).astype(tensor.dtype)
        for tensor, shape in zip(model.inputs, shapes, strict=True)
    )


def processor() -> str:
    """Model and number of cores; nothing that names the machine."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
