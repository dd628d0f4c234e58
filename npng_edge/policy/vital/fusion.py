"""Face and vital signs put together, and a priority by which a nurse station can order its beds.

The priority is a sum of five parts, 0..100, and every part can only grow with what it looks at: more pain, more
support, a higher NEWS2, a higher alarm, a longer wait never lower it. What is not known never has fewer points than
the same thing known to be good: a bed that cannot be seen stands above a calm one. The sum needs no cap, so that the
worst beds still differ. It orders beds and nothing else; alarms do not depend on it. The points are our own choice:

| part | points |
|---|---|
| pain | level none 0, not known 6, raised 8, pain 16, severe 24; and 0..4 for how much and how long |
| support | 0..8: at the most as much as one level of pain |
| NEWS2 | 1 per point up to 4, 20-21 for 5-6 or a single 3, 41-44 from 7 on; not complete: 2 at the least |
| alarms | the highest present, also when acknowledged: low 3, medium 6, high 10 |
| unattended | one per full minute, up to 10 |

So where alarms and waiting are the same, NEWS2 7 stands above the worst pain with NEWS2 4 (41 > 28 + 8 + 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from npng_edge.units import PainLevel, Priority

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from npng_edge.policy.vital.autonomic import Autonomic
    from npng_edge.policy.vital.news2 import News2
    from npng_edge.units import Assessment, Estimate, Moment

FRESH_S = 5.0
"""An assessment older than this says nothing about now."""

_LEVEL = MappingProxyType(
    {PainLevel.NONE: 0, None: 6, PainLevel.RAISED: 8, PainLevel.PAIN: 16, PainLevel.SEVERE: 24},
)
_WITHIN = 4
_SUPPORT = 8
_INCOMPLETE = 2
_ALARM = MappingProxyType({Priority.LOW: 3, Priority.MEDIUM: 6, Priority.HIGH: 10})
_WAIT = 10


@dataclass(frozen=True, slots=True)
class Fusion:
    """Everything known of one bed at one moment."""

    time: float
    """Frame clock seconds."""
    level: PainLevel | None
    """None: not known, and `unseen` says why."""
    pspi_above_baseline: float | None
    """0..16."""
    vas: Estimate | None
    """Estimate of the patient's own rating, 0..10. Never a self-report."""
    since: float | None
    """Frame clock seconds since which the level is what it is."""
    minutes_above: float | None
    """Minutes of the last hour at or above the pain threshold; None while nothing was ever read."""
    unseen: tuple[str, ...]
    """Why the level is not known: reasons of the reading, or `no-reading`; empty when it is."""
    support: Autonomic
    news2: News2 | None
    """None: the device does not use it."""
    unattended_s: float
    """For how long somebody has been needed and nobody has come, seconds."""
    priority: int
    """0..100, the rank of the bed: the higher, the sooner."""
    points: Mapping[str, int]
    """What the priority is the sum of: `pain`, `support`, `news2`, `alarms`, `unattended`."""


def fuse(  # noqa: PLR0913 - the parts of the sum, each named by its caller
    assessment: Assessment | None,
    support: Autonomic,
    news2: News2 | None,
    *,
    alarms: Collection[Priority],
    unattended_s: float,
    moment: Moment,
) -> Fusion:
    """Put together what is known of the bed.

    Args:
        assessment: The newest; None without any. One older than `FRESH_S` counts as none.
        support: Of the autonomic nervous system.
        news2: None where it is not used, for instance on a children's ward.
        alarms: Priorities of the alarms that are present, acknowledged or not.
        unattended_s: Since the oldest of the alarms that nobody acknowledged, or 0, seconds.
        moment: Now.
    """
    seen = None if assessment is None or moment.time - assessment.time > FRESH_S else assessment
    points = {
        "pain": _pain_points(seen, 0.0 if assessment is None else assessment.minutes_above),
        "support": round(_SUPPORT * (support.level or 0.0)),
        "news2": 0 if news2 is None else _news2_points(news2),
        "alarms": max((_ALARM[priority] for priority in alarms), default=0),
        "unattended": min(_WAIT, int(unattended_s // 60)),
    }
    return Fusion(
        time=moment.time,
        level=None if seen is None else seen.level,
        pspi_above_baseline=None if seen is None else seen.pspi_above_baseline,
        vas=None if seen is None else seen.vas,
        since=None if seen is None else seen.since,
        minutes_above=None if assessment is None else assessment.minutes_above,
        unseen=_unseen(seen),
        support=support,
        news2=news2,
        unattended_s=unattended_s,
        priority=sum(points.values()),
        points=MappingProxyType(points),
    )


def _pain_points(seen: Assessment | None, minutes_above: float) -> int:
    vas = 0.0 if seen is None or seen.vas is None else seen.vas.value / 10
    pspi = 0.0 if seen is None else (seen.pspi_above_baseline or 0.0) / 16
    level = None if seen is None else seen.level
    return _LEVEL[level] + round(_WITHIN * min(1.0, max(vas, pspi, minutes_above / 60)))


def _news2_points(news2: News2) -> int:
    known = news2.partial
    if known >= 7:
        points = 41 + min(3, known - 7)
    elif known >= 5 or news2.red:
        points = 15 + max(5, known)
    else:
        points = known
    return points if news2.total is not None else max(points, _INCOMPLETE)


def _unseen(seen: Assessment | None) -> tuple[str, ...]:
    if seen is None:
        return ("no-reading",)
    if seen.level is not None:
        return ()
    return tuple(reason.value for reason in seen.reasons) or ("not-judged",)
