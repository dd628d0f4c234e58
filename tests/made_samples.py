"""Samples of a made-up patient, two a second, for the tests of what is made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from npng_edge.policy.happening.episode import Sample
from npng_edge.policy.happening.ring import SAMPLE_S
from npng_edge.units import ACTION_UNITS, MOTION_REGIONS, EyeClosure, Pose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OPEN = EyeClosure(0.0, 0.0)
STILL = (0.002,) * len(MOTION_REGIONS)


def units(**intensities: float) -> tuple[float, ...]:
    return tuple(intensities.get(name, 0.0) for name in ACTION_UNITS)


def motion(**speeds: float) -> tuple[float, ...]:
    return tuple(speeds.get(region, 0.002) for region in MOTION_REGIONS)


REST = Sample(
    0.0, 0.0, 0.0, units(), OPEN, Pose(0.0, 0.0, 0.0), STILL, 1, 1, heart_rate=70.0, respiratory_rate=14.0, spo2=98.0
)


def series(start: float, end: float, change: Callable[[float], Mapping[str, object]] = lambda _: {}) -> list[Sample]:
    """From `start` on, up to but without `end`; `change` says what differs from rest at a time."""
    count = round((end - start) / SAMPLE_S)
    times = [start + (k + 0.5) * SAMPLE_S for k in range(count)]
    return [replace(REST, time=time, **change(time)) for time in times]  # type: ignore[arg-type]
