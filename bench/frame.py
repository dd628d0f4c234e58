"""What one frame costs: each step, the whole against its bare model calls, and memory over many frames."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np
import psutil

from npng_edge.capture.frames import frames
from npng_edge.infer.manifest import open_model
from npng_edge.infer.pipeline import Nets, Pipeline
from npng_edge.settings import Camera, Seeing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from npng_edge.infer.manifest import Manifest
    from npng_edge.infer.runtime import Array, Model, Tensor
    from npng_edge.units import Frame

WARM_UP = 50


@dataclass
class Timed:
    """A model that adds up the time spent in its bare calls."""

    model: Model
    seconds: float = 0.0

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Of the model."""
        return self.model.inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Of the model."""
        return self.model.outputs

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Call the model and add the time it took."""
        begun = time.perf_counter()
        results = self.model(*arrays)
        self.seconds += time.perf_counter() - begun
        return results


@dataclass
class Cost:
    """What the frames of one run took."""

    steps: dict[str, list[float]] = field(default_factory=dict)
    """Seconds per frame, by step; `total` is the whole frame."""
    bare: list[float] = field(default_factory=list)
    """Seconds per frame inside model calls alone."""
    scored: int = 0

    @property
    def frames(self) -> int:
        """Frames measured."""
        return len(self.bare)

    def per_second(self) -> float:
        """Frames per second."""
        return self.frames / sum(self.steps["total"])

    def overhead(self) -> float:
        """The whole of all frames over their bare model calls."""
        return sum(self.steps["total"]) / sum(self.bare)

    def median_overhead(self) -> float:
        """The same of the middle frame: one in which nobody was searched for or counted."""
        return float(np.median(np.divide(self.steps["total"], self.bare)))


def load(clip: Path) -> list[Frame]:
    """All frames of a clip, decoded, so that the decoder is not measured."""
    return list(frames(Camera(), str(clip)))


def endless(clip: list[Frame]) -> Iterator[Frame]:
    """The clip again and again, with time going on as if it were one film."""
    span = clip[-1].time + (clip[-1].time - clip[0].time) / max(1, len(clip) - 1)
    for number, frame in enumerate(cycle(clip)):
        yield replace(frame, sequence=number, time=frame.time + span * (number // len(clip)))


def measure(clip: list[Frame], count: int, seeing: Seeing | None = None) -> Cost:
    """Run the pipeline over `count` frames of a clip played in a loop."""
    seeing = seeing or Seeing()
    models: list[Timed] = []

    def timed(manifest: Manifest, name: str, threads: int) -> Timed:
        models.append(Timed(open_model(manifest, name, threads)))
        return models[-1]

    pipeline = Pipeline(seeing, Nets.open(seeing, timed))
    cost = Cost()
    for number, frame in enumerate(islice(endless(clip), count + WARM_UP)):
        before = sum(model.seconds for model in models)
        reading = pipeline.read(frame)
        if number < WARM_UP:
            continue
        timings = pipeline.timings
        for step, seconds in timings.items():
            cost.steps.setdefault(step, []).append(seconds)
        cost.bare.append(sum(model.seconds for model in models) - before)
        cost.scored += reading.action_units is not None
    return cost


def memory_growth(clip: list[Frame], count: int) -> tuple[float, float]:
    """Resident memory after warm-up and after `count` frames, MiB."""
    process = psutil.Process()
    pipeline = Pipeline(Seeing())
    marks = []
    for number, frame in enumerate(islice(endless(clip), count + 1)):
        pipeline.read(frame)
        if number in (min(2000, count // 2), count):
            marks.append(process.memory_info().rss / 2**20)
    return marks[0], marks[1]


def percentile(seconds: list[float], share: float) -> float:
    """In milliseconds."""
    return float(np.percentile(seconds, share) * 1000)
