"""How long a call takes, and on which machine."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from npng_edge.infer.runtime import Model


def median_us(call: Callable[[], object], calls: int = 1000) -> float:
    """Microseconds, the median of so many calls."""
    took = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return float(np.median(took) * 1e6)


def anything(model: Model) -> list[npt.NDArray[Any]]:
    """Inputs that a model takes."""
    rng = np.random.default_rng(1)
    sizes = [tuple(size if isinstance(size, int) else 1 for size in tensor.shape) for tensor in model.inputs]
    return [rng.random(size).astype(tensor.dtype) for size, tensor in zip(sizes, model.inputs, strict=True)]


def processor() -> str:
    """Model and number of cores; nothing that names the machine."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
