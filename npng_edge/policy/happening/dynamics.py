"""How the face moved in an episode: a measurement for research, never validated, and no verdict on anybody.

After Bartlett, Littlewort, Frank and Lee (Current Biology 24 (2014) 738): genuine and feigned pain use the same muscles
and differ in their dynamics; feigned pain opens and closes the mouth at too regular intervals. Their "bag of temporal
features" filters each unit in time at several scales, takes the signed areas between zero crossings, and counts them in
6 logarithmic bins for each sign. What differs here: they filmed healthy people at video rate, this has two samples a
second, so nothing quicker than about a second is seen; bands are differences of moving means; thresholds and bins are
our own. No replication is known, and nobody has shown that any of it tells genuine from feigned pain in patients.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.policy.happening.episode import Dynamics, Overlap, UnitDynamics
from npng_edge.policy.happening.ring import SAMPLE_S
from npng_edge.units import ACTION_UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from npng_edge.policy.happening.episode import Sample

    Floats: TypeAlias = npt.NDArray[np.float64]

CHANNELS = (*ACTION_UNITS, "AU43", "mouth")
"""What is measured, in this order."""
LEAST_SCORED_S = 5.0
"""Fewer seconds of score give no dynamics."""
REST_QUANTILE = 0.2
"""A unit's own rest is this quantile of its intensities."""
RISEN = 0.5
"""Intensity above rest, 0..5, from which a unit is in an event."""
RISEN_EYES = 0.3
"""The same for the closure of the eyes, 0..1."""
APEX = 0.9
"""An event is at its apex from the first to the last sample with this share of its peak."""
LEAST_EVENTS = 4
"""Regularity needs so many events: three intervals."""
WIDTHS = (1, 4, 16, 64)
"""Samples of the moving means; the difference of each to the next is a band."""
AREA_BINS = tuple(10.0 ** (k / 2) for k in range(-3, 4))
"""Edges, intensity times seconds: from 0.03 to 32 by half decades; smaller areas are noise, larger count as largest."""
HISTOGRAM_SIZE = (len(WIDTHS) - 1) * 2 * (len(AREA_BINS) - 1)
"""Counts per unit."""


@dataclass(frozen=True, slots=True)
class _Event:
    """One rise of one unit; positions are sample numbers, `end` is the first sample after it."""

    begin: int
    first: int
    """First and `last` at the apex."""
    last: int
    end: int
    whole: bool
    """Whether begin and end were seen, rather than cut off by a gap or the record's end."""


def dynamics(samples: Sequence[Sample]) -> Dynamics | None:
    """Measure how the face moved.

    Args:
        samples: Two a second, oldest first, at the best from some seconds before the onset to the end.

    Returns:
        None when the face was scored for less than `LEAST_SCORED_S`.
    """
    if sum(sample.intensity is not None for sample in samples) * SAMPLE_S < LEAST_SCORED_S:
        return None
    rows = _on_grid(samples)
    seen = ~np.isnan(rows[:, 0])
    above = rows - np.nanquantile(rows, REST_QUANTILE, axis=0)
    risen = [RISEN_EYES if name == "AU43" else RISEN for name in CHANNELS]
    active = {name: above[:, k] > risen[k] for k, name in enumerate(CHANNELS)}
    units = tuple(_unit(name, above[:, k], active[name]) for k, name in enumerate(CHANNELS))
    return Dynamics(
        seconds=len(rows) * SAMPLE_S,
        seen=float(seen.mean()),
        units=units,
        overlaps=_overlaps(active),
        eye_symmetry=_eye_symmetry(samples),
    )


def _on_grid(samples: Sequence[Sample]) -> Floats:
    """(n, channels) intensities at every half second between the first sample and the last."""
    first = samples[0].time
    count = round((samples[-1].time - first) / SAMPLE_S) + 1
    rows = np.full((count, len(CHANNELS)), np.nan)
    names = {name: k for k, name in enumerate(ACTION_UNITS)}
    for sample in samples:
        if sample.intensity is None or sample.eyes is None:
            continue
        au = sample.intensity
        closed = min(sample.eyes.left, sample.eyes.right)
        rows[round((sample.time - first) / SAMPLE_S)] = (*au, closed, max(au[names["AU25"]], au[names["AU26"]]))
    return rows


def _unit(name: str, above: Floats, active: npt.NDArray[np.bool_]) -> UnitDynamics:
    events = _events(above, active)
    whole = [event for event in events if event.whole]
    rises = [_speed(above, event.begin - 1, event.first) for event in whole]
    falls = [-_speed(above, event.last, event.end) for event in whole]
    durations = [(event.end - event.begin) * SAMPLE_S for event in whole]
    intervals = [(after.begin - event.begin) * SAMPLE_S for event, after in itertools.pairwise(events)]
    enough = len(events) >= LEAST_EVENTS and all(event.whole for event in events)
    return UnitDynamics(
        unit=name,
        events=len(events),
        peak=float(np.nanmax(above)),
        onset_speed=_median(rises),
        offset_speed=_median(falls),
        duration_s=_median(durations),
        interval_cv=_variation(intervals) if enough else None,
        duration_cv=_variation(durations) if enough else None,
        histogram=_histogram(above),
    )


def _events(above: Floats, active: npt.NDArray[np.bool_]) -> list[_Event]:
    """Runs of samples above the threshold; unseen samples are below it and leave the event next to them cut off."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], active, [False])).astype(np.int8)))
    events = []
    for begin, end in edges.reshape(-1, 2).tolist():
        apex = begin + np.flatnonzero(above[begin:end] >= APEX * above[begin:end].max())
        whole = begin > 0 and end < len(above) and not np.isnan(above[begin - 1]) and not np.isnan(above[end])
        events.append(_Event(begin, int(apex[0]), int(apex[-1]), end, whole))
    return events


def _speed(above: Floats, start: int, end: int) -> float:
    return float(above[end] - above[start]) / ((end - start) * SAMPLE_S)


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _variation(values: list[float]) -> float:
    """Coefficient of variation: standard deviation over mean."""
    return float(np.std(values, ddof=1) / np.mean(values))


def _histogram(above: Floats) -> tuple[int, ...]:
    """Signed areas between zero crossings of three bands, counted; what was not seen is drawn as a straight line."""
    known = np.flatnonzero(~np.isnan(above))
    values = np.interp(np.arange(len(above)), known, above[known])
    counts: list[int] = []
    for quick, slow in itertools.pairwise(_moving_mean(values, width) for width in WIDTHS):
        band = quick - slow
        starts = np.flatnonzero(np.diff(np.signbit(band), prepend=not np.signbit(band[0])))
        areas = np.add.reduceat(band, starts) * SAMPLE_S
        for signed in (areas[areas > 0.0], -areas[areas < 0.0]):
            bins = np.searchsorted(AREA_BINS[:-1], signed, side="right")
            counts += np.bincount(bins, minlength=len(AREA_BINS))[1:].tolist()
    return tuple(counts)


def _moving_mean(values: Floats, count: int) -> Floats:
    """Mean of `count` samples around each; the ends are held."""
    before, after = count // 2, count - 1 - count // 2
    held = np.concatenate((np.full(before, values[0]), values, np.full(after, values[-1])))
    sums = np.concatenate(([0.0], np.cumsum(held)))
    return (sums[count:] - sums[:-count]) / count


def _overlaps(active: Mapping[str, npt.NDArray[np.bool_]]) -> tuple[Overlap, ...]:
    """Of each two parts of PSPI that were both active at some time, how far they were so together."""
    parts = {
        "AU4": active["AU4"],
        "AU6/7": active["AU6"] | active["AU7"],
        "AU9/10": active["AU9"] | active["AU10"],
        "AU43": active["AU43"],
    }
    return tuple(
        Overlap(one, other, float((parts[one] & parts[other]).sum() / (parts[one] | parts[other]).sum()))
        for one, other in itertools.combinations(parts, 2)
        if parts[one].any() and parts[other].any()
    )


def _eye_symmetry(samples: Sequence[Sample]) -> float | None:
    eyes = [sample.eyes for sample in samples if sample.eyes is not None]
    apart = [abs(eye.left - eye.right) for eye in eyes if max(eye.left, eye.right) >= RISEN_EYES]
    return 1.0 - float(np.mean(apart)) if apart else None
