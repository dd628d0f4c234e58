"""Pain in the last seconds: the recurrent head, fitted to films and calibrated on what the device's class says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from npng_edge.infer.pain import TemporalPainModel
from npng_edge.infer.runtime import Format, load
from training.pain import baseline, graph
from training.pain.graph import Platt
from training.pain.heads import Course, Films, Reduction, teach
from training.pain.judged import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.pain.readings import Readings

STEPS = 1200
"""Batches that each head is taught with."""
SURE = 1e-6


def learn(readings: Readings, seed: int, tell: Callable[[int, float], None], steps: int = STEPS) -> bytes:
    """Teach the heads with the films of people to fit to, calibrate them on those to choose by, and export them.

    Args:
        readings: Of films.
        seed: Of everything random.
        tell: Is told the loss now and then.
        steps: Batches.
    """
    fit, choose = readings.part("fit"), readings.part("choose")
    reduction = Reduction.of(fit)
    nets = teach(Course, Films(fit, reduction), steps, seed, tell)
    raw = TemporalPainModel(load(graph.course(nets, reduction, Platt(1.0, 0.0)), Format.ONNX))
    judged = judge(choose.each(), raw)
    chosen = (judged.pain | judged.calm) & judged.known
    said = np.clip(judged.said[chosen].astype(np.float64), SURE, 1.0 - SURE)
    platt = baseline.calibrate(np.log(said / (1.0 - said)), judged.pain[chosen])
    return graph.course(nets, reduction, platt)
