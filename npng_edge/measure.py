"""Rates and percentiles over the last seconds, for health messages: bounded, cheap, monotonic."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

WINDOW = 100
"""Samples kept: ten seconds at ten frames a second."""


class Percentiles(NamedTuple):
    """Of the samples in the window, in the samples' unit."""

    p50: float
    p95: float


class Durations:
    """The newest durations of one stage of work."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=WINDOW)

    def add(self, value: float) -> None:
        """Add one sample."""
        self._samples.append(value)

    def percentiles(self) -> Percentiles | None:
        """Median and 95th percentile by nearest rank; None before the first sample."""
        if not self._samples:
            return None
        ordered = sorted(self._samples)
        return Percentiles(ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))])


class Rate:
    """Events per second over the last ten seconds."""

    SPAN_S = 10.0

    def __init__(self, now: float) -> None:
        self._marks: deque[tuple[float, int]] = deque([(now, 0)], maxlen=64)
        self._count = 0

    def add(self, count: int = 1) -> None:
        """Count events."""
        self._count += count

    def per_second(self, now: float) -> float:
        """The rate since the oldest mark within the span; sets a new mark."""
        while len(self._marks) > 1 and now - self._marks[1][0] >= self.SPAN_S:
            self._marks.popleft()
        since, count = self._marks[0]
        self._marks.append((now, self._count))
        return (self._count - count) / (now - since) if now > since else 0.0
