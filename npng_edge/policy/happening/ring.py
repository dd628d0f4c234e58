"""The last minutes in numbers: means of half seconds, in bounded memory.

Old samples lie in full blocks that are never copied, so that a reading costs the same whatever the ring holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

from npng_edge.policy.happening.episode import Sample
from npng_edge.units import ACTION_UNITS, MOTION_REGIONS, EyeClosure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from npng_edge.units import Assessment, Reading

SAMPLE_S = 0.5
"""Seconds of one sample."""
BLOCK = 32
"""Samples in a full block; so many more than asked for may be kept."""
_UNITS_OF, _REGIONS_OF = itemgetter(*ACTION_UNITS), itemgetter(*MOTION_REGIONS)
MOST_PENDING = 30
"""Readings of one half second that are averaged; a camera of up to 60 frames a second."""


@dataclass(frozen=True, slots=True)
class Ring:
    """What is remembered, oldest first."""

    blocks: tuple[tuple[Sample, ...], ...] = ()
    """Full ones."""
    tail: tuple[Sample, ...] = ()
    """Up to `BLOCK` samples."""
    pending: tuple[Sample, ...] = ()
    """Readings of the half second that is not over, at the most `MOST_PENDING`."""
    slot: int = 0
    """Number of that half second since the frame clock's zero."""


def sample(
    reading: Reading,
    assessment: Assessment | None,
    *,
    heart_rate: float | None = None,
    respiratory_rate: float | None = None,
    spo2: float | None = None,
) -> Sample:
    """One reading as numbers.

    Args:
        reading: As inferred.
        assessment: What the policy made of it; None: nothing.
        heart_rate: Beats per minute; None when not measured or stale. So with the other signs.
        respiratory_rate: Breaths per minute.
        spo2: Per cent.
    """
    units, face = reading.action_units, reading.face
    return Sample(
        time=reading.time,
        pspi=None if assessment is None else assessment.pspi,
        above=None if assessment is None else assessment.pspi_above_baseline,
        intensity=None if units is None else _UNITS_OF(units.intensity),
        eyes=None if units is None else units.eyes_closed,
        pose=None if face is None else face.pose,
        motion=None if reading.motion is None else _REGIONS_OF(reading.motion),
        people=reading.people,
        in_bed=reading.in_bed,
        heart_rate=heart_rate,
        respiratory_rate=respiratory_rate,
        spo2=spo2,
        look_alike=None if assessment is None else assessment.look_alike,
        pspi_error=None if assessment is None else assessment.pspi_error,
    )


def add(ring: Ring, reading: Sample, keep_from: float) -> tuple[Ring, Sample | None]:
    """Take one reading in.

    Args:
        ring: As it was.
        reading: Not older than the last one.
        keep_from: Frame clock seconds; blocks that end before it are dropped.

    Returns:
        The ring, and the sample of the half second that is over now, if one is.
    """
    slot = int(reading.time // SAMPLE_S)
    if slot == ring.slot and ring.pending:
        if len(ring.pending) == MOST_PENDING:
            return ring, None
        return Ring(ring.blocks, ring.tail, (*ring.pending, reading), slot), None
    if not ring.pending:
        return Ring(ring.blocks, ring.tail, (reading,), slot), None
    done = _mean(ring.pending, (ring.slot + 0.5) * SAMPLE_S)
    blocks, tail = ring.blocks, (*ring.tail, done)
    if len(tail) == BLOCK:
        blocks, tail = (*(block for block in blocks if block[-1].time >= keep_from), tail), ()
    return Ring(blocks, tail, (reading,), slot), done


def between(ring: Ring, start: float, end: float) -> tuple[Sample, ...]:
    """The samples of `start <= time < end` that are remembered, the half second that is not over among them."""
    return tuple(sample for sample in _samples(ring) if start <= sample.time < end)


def _samples(ring: Ring) -> Iterator[Sample]:
    for block in ring.blocks:
        yield from block
    yield from ring.tail
    if ring.pending:
        yield _mean(ring.pending, (ring.slot + 0.5) * SAMPLE_S)


def _mean(readings: tuple[Sample, ...], time: float) -> Sample:
    """One sample of many: means of what was seen, most people, and the newest of what cannot be averaged."""
    last = readings[-1]
    if len(readings) == 1:  # At two readings a second or fewer.
        return replace(last, time=time)
    eyes = [(one.eyes.left, one.eyes.right) for one in readings if one.eyes is not None]
    closure = _mean_of_all(eyes)
    return Sample(
        time=time,
        pspi=_mean_of([one.pspi for one in readings if one.pspi is not None]),
        above=_mean_of([one.above for one in readings if one.above is not None]),
        intensity=_mean_of_all([one.intensity for one in readings if one.intensity is not None]),
        eyes=None if closure is None else EyeClosure(*closure),
        pose=next((one.pose for one in reversed(readings) if one.pose is not None), None),
        motion=_mean_of_all([one.motion for one in readings if one.motion is not None]),
        people=max([one.people for one in readings]),
        in_bed=max([one.in_bed for one in readings]),
        heart_rate=last.heart_rate,
        respiratory_rate=last.respiratory_rate,
        spo2=last.spo2,
        look_alike=last.look_alike,
        pspi_error=_mean_of([one.pspi_error for one in readings if one.pspi_error is not None]),
    )


def _mean_of(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _mean_of_all(rows: Sequence[tuple[float, ...]]) -> tuple[float, ...] | None:
    count = len(rows)
    return tuple([sum(column) / count for column in zip(*rows, strict=True)]) if rows else None
