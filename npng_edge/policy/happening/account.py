"""The account of one episode: what is told of it, worked out from the ring's samples when it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean, median
from types import MappingProxyType
from typing import TYPE_CHECKING

from npng_edge.policy.happening.dynamics import dynamics
from npng_edge.policy.happening.episode import Closing, Episode, VitalChange
from npng_edge.policy.happening.ring import SAMPLE_S
from npng_edge.policy.happening.trigger import trigger
from npng_edge.units import ACTION_UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from npng_edge.policy.happening.episode import Sample
    from npng_edge.units import Moment

MOST_POINTS = 240
"""Samples of an episode's series."""
LEAD_S = 5.0
"""Dynamics begin so long before the onset, so that the first rise is whole."""
DIGITS = 3
"""Of the figures of a series: all that they can mean, in a third of the space."""
DYNAMICS_S = 600.0
"""Dynamics are of so much of an episode at the most, from its begin."""
VITAL_SIGNS = ("heart_rate", "respiratory_rate", "spo2")


@dataclass(frozen=True, slots=True)
class Running:
    """The episode that is under way."""

    id: str
    continues: str | None
    onset: float
    """Frame clock seconds."""
    raised: float
    """Frame clock seconds at which the condition was first seen to be present."""


def account(running: Running, samples: Sequence[Sample], end: Moment, closing: Closing) -> Episode:
    """All that is told of an episode, but for the responses to doses.

    Args:
        running: The episode.
        samples: From before the onset to the end, oldest first.
        end: When it ended.
        closing: Why.
    """
    onset = running.onset
    during = [sample for sample in samples if sample.time >= onset]
    scored = [sample for sample in during if sample.pspi is not None]
    above_baseline = bool(scored) and all(sample.above is not None for sample in scored)
    scores = [_score(sample, above=above_baseline) for sample in scored]
    peak = scored[scores.index(max(scores))] if scored else None
    moved = [sample for sample in samples if onset - LEAD_S <= sample.time < onset + DYNAMICS_S]
    to_utc = end.utc - end.time
    return Episode(
        id=running.id,
        revision=0,
        continues=running.continues,
        closing=closing,
        onset_utc=to_utc + onset,
        raised_utc=to_utc + running.raised,
        peak_utc=None if peak is None else to_utc + peak.time,
        end_utc=end.utc,
        duration_s=end.time - onset,
        before_s=max(onset - samples[0].time + SAMPLE_S / 2, 0.0) if samples else 0.0,
        seen_s=len(scored) * SAMPLE_S,
        above_baseline=above_baseline,
        peak_pspi=max(scores, default=None),
        mean_pspi=fmean(scores) if scores else None,
        peak_units=None if peak is None else _units(peak),
        trigger=trigger(samples, onset),
        most_people=max((sample.people for sample in during), default=0),
        attended_s=sum(sample.people > 1 for sample in during) * SAMPLE_S,
        vitals=tuple(_change(sign, samples, onset) for sign in VITAL_SIGNS),
        dynamics=dynamics(moved),
        series=tuple(_kept(sample, onset) for sample in _thinned(samples)),
        units=ACTION_UNITS,
    )


def _score(sample: Sample, *, above: bool) -> float:
    score = sample.above if above else sample.pspi
    assert score is not None
    return score


def _units(sample: Sample) -> Mapping[str, float] | None:
    if sample.intensity is None or sample.eyes is None:
        return None
    closed = min(sample.eyes.left, sample.eyes.right)
    return MappingProxyType({**dict(zip(ACTION_UNITS, sample.intensity, strict=True)), "AU43": closed})


def _change(sign: str, samples: Sequence[Sample], onset: float) -> VitalChange:
    before: list[float] = []
    during: list[float] = []
    for sample in samples:
        value = getattr(sample, sign)
        if value is not None:
            (before if sample.time < onset else during).append(value)
    usual = median(before) if before else None
    return VitalChange(
        sign,
        usual,
        median(during) if during else None,
        None if usual is None else max(during, key=lambda value: abs(value - usual), default=None),
    )


def _kept(sample: Sample, onset: float) -> Sample:
    """A sample of the series."""
    return replace(
        sample,
        time=round(sample.time - onset, DIGITS),
        pspi=_rounded(sample.pspi),
        above=_rounded(sample.above),
        pspi_error=_rounded(sample.pspi_error),
        intensity=sample.intensity and tuple(round(value, DIGITS) for value in sample.intensity),
        motion=sample.motion and tuple(round(value, DIGITS) for value in sample.motion),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _thinned(samples: Sequence[Sample]) -> Sequence[Sample]:
    if len(samples) <= MOST_POINTS:
        return samples
    step = (len(samples) - 1) / (MOST_POINTS - 1)
    return [samples[round(k * step)] for k in range(MOST_POINTS)]
