"""Whether figures sampled over a long time stay flat. A pure judgement, the same for the daemon and for a planted leak.

The first half of the samples is warm-up. A straight line through the second half (Theil and Sen: the median of the
slopes between all pairs, which a few outliers do not move) tells how much a figure rose; the same rise is allowed
whatever the time, so a longer soak is a stricter one.
"""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_POINTS = 400
"""More are thinned evenly: pairs grow with the square."""
FEWEST_POINTS = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """Figures at one time."""

    at_s: float
    """Seconds since the start."""
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is asked of one figure."""

    figure: str
    unit: str
    rise: float | None
    """It may rise by so much over the second half; None: as it likes."""
    most: float | None = None
    """It may never be higher, in either half; None: as high as it likes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one figure went."""

    rule: Rule
    first: float
    last: float
    highest: float
    rise: float
    """Over the second half, along the line."""
    per_hour: float
    """Slope of that line."""

    @property
    def flat(self) -> bool:
        """Whether the rule is kept."""
        risen = self.rule.rise is not None and self.rise > self.rule.rise
        return not risen and (self.rule.most is None or self.highest <= self.rule.most)


def judge(samples: Sequence[Sample], rules: Iterable[Rule]) -> list[Finding]:
    """Judge every figure by its rule.

    Args:
        samples: In order of time; each has every figure.
        rules: One for each figure.

    Raises:
        ValueError: There are too few samples to say anything.
    """
    half = [sample for sample in samples if sample.at_s >= (samples[0].at_s + samples[-1].at_s) / 2]
    if len(half) < FEWEST_POINTS:
        raise ValueError(f"{len(half)} samples in the second half: at least {FEWEST_POINTS} are needed")
    duration = half[-1].at_s - half[0].at_s
    findings = []
    for rule in rules:
        values = [sample.figures[rule.figure] for sample in samples]
        slope = robust_slope([(sample.at_s, sample.figures[rule.figure]) for sample in half])
        findings.append(Finding(rule, values[0], values[-1], max(values), slope * duration, slope * 3600))
    return findings


def robust_slope(points: Sequence[tuple[float, float]]) -> float:
    """The median slope between all pairs of points (x, y); every x is another."""
    thinned = points[:: -(-len(points) // MOST_POINTS)]
    return statistics.median((b - a) / (t - s) for (s, a), (t, b) in itertools.combinations(thinned, 2))
