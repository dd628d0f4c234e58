"""What the bare model calls cost: each model of the manifest in its runtime.

Run `python -m bench.models`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from training.judge.speed import example

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one model's call, in seconds of processor time."""

    name: str
    median: float
    p95: float


def cost(name: str, call: Callable[[], object], repeats: int = 200) -> Cost:
    """Time a call in this thread; what other programs do meanwhile does not count."""
    for _ in range(WARM_UP):
        call()
    laps = []
    for _ in range(repeats):
        start = time.thread_time()
        call()
        laps.append(time.thread_time() - start)
    median, p95 = np.percentile(laps, (50, 95)).tolist()
    return Cost(name, median, p95)


def bare_calls(manifest: Manifest, repeats: int = 200) -> list[Cost]:
    """Every model of the manifest, one thread each, in its order."""
    costs = []
    for entry in manifest.models:
        model = open_model(manifest, entry.name)
        arrays = example(model)
        costs.append(cost(entry.name, partial(model, *arrays), repeats))
    return costs


if __name__ == "__main__":
    for found in bare_calls(Manifest.load(default_models_directory() / FILE_NAME)):
        print(f"{found.name:16} median {found.median * 1000:7.3f} ms   p95 {found.p95 * 1000:7.3f} ms")
