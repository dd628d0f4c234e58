"""What most likely started an episode, from the seconds before its onset.

The rule is our own, as are its figures; no study of it exists. It looks at the ten seconds before the onset and, for
what is usual, at the minute before those:

* A region moved when its strongest second and a half was faster than `LEAST_SPEED` and than `TIMES_USUAL` times its
  usual speed. Its excess is the speed over the larger of the two; 1 and more is movement.
* A second face in view: `handling`, with confidence 0.5, and 0.25 more for a second face in the bed region, and 0.25
  more for movement of trunk, sides or surroundings.
* Else movement of head, trunk or a side: `movement` of the region with the largest excess x, confidence x / (1 + x).
* Else `rest`, with confidence 1 - x / 2 for the largest excess x, `around` included.

All confidences are multiplied by the share of the ten seconds in which movement was measured; when that is below a
half, `handling` counts half, and without a second face nothing is known.
"""

from __future__ import annotations

from statistics import fmean, median
from typing import TYPE_CHECKING

from npng_edge.policy.happening.episode import Missing, Trigger, TriggerKind
from npng_edge.policy.happening.ring import SAMPLE_S
from npng_edge.units import MOTION_REGIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from npng_edge.policy.happening.episode import Sample

CAUSE_S = 10.0
"""What happened so long before the onset may have been its cause."""
USUAL_S = 60.0
"""What is usual is taken from so long before that."""
LEAST_SPEED = 0.05
"""Face widths per second; slower is not movement. The bundled clips (tests/test_motion.py): at rest below 0.005,
talking below 0.02, a head that turns above 0.03 on average over two seconds, a visitor's side above 0.1."""
TIMES_USUAL = 3.0
"""Movement is so many times as fast as usual."""
STRONGEST = 3
"""Samples in a row whose mean is the strongest movement."""
LEAST_MEASURED = 0.5
"""Share of the ten seconds in which movement must have been measured."""
PATIENT = ("head", "trunk", "left", "right")
HANDLED = ("trunk", "left", "right", "around")


def trigger(samples: Sequence[Sample], onset: float) -> Trigger:
    """Judge what came before the onset.

    Args:
        samples: Of the ring, oldest first; at the best from `CAUSE_S + USUAL_S` before the onset on.
        onset: On the clock of the samples, seconds.
    """
    cause = [sample for sample in samples if onset - CAUSE_S <= sample.time < onset]
    usual = [sample for sample in samples if onset - CAUSE_S - USUAL_S <= sample.time < onset - CAUSE_S]
    if not cause:
        return Trigger(None, 0.0, missing=Missing.NOT_KEPT)
    measured = sum(sample.motion is not None for sample in cause) * SAMPLE_S / CAUSE_S
    excess = _excess(cause, usual) if measured >= LEAST_MEASURED else {}
    moved = {region: x for region, x in excess.items() if x >= 1.0}
    region = max((name for name in moved if name in PATIENT), key=moved.__getitem__, default=None)
    if any(sample.people > 1 for sample in cause):
        sure = 0.5 + 0.25 * any(sample.in_bed > 1 for sample in cause) + 0.25 * any(name in moved for name in HANDLED)
        return Trigger(TriggerKind.HANDLING, sure * min(measured, 1.0) if excess else 0.5 * sure, region)
    if not excess:
        seen = any(sample.people for sample in cause)
        return Trigger(None, 0.0, missing=Missing.NO_MOTION if seen else Missing.NOT_SEEN)
    if region is not None:
        return Trigger(TriggerKind.MOVEMENT, min(measured, 1.0) * moved[region] / (1.0 + moved[region]), region)
    return Trigger(TriggerKind.REST, min(measured, 1.0) * max(1.0 - max(excess.values()) / 2.0, 0.0))


def _excess(cause: Sequence[Sample], usual: Sequence[Sample]) -> Mapping[str, float]:
    """Per region: its strongest movement over what would still not be movement."""
    now = [sample.motion for sample in cause if sample.motion is not None]
    before = [sample.motion for sample in usual if sample.motion is not None]
    found = {}
    for k, region in enumerate(MOTION_REGIONS):
        strongest = max(
            fmean(motion[k] for motion in now[start : start + STRONGEST])
            for start in range(max(len(now) - STRONGEST + 1, 1))
        )
        level = median(motion[k] for motion in before) if before else 0.0
        found[region] = strongest / max(LEAST_SPEED, TIMES_USUAL * level)
    return found
