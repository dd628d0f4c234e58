"""What was seen in an hour, a day or a stay, in figures that can be added up.

Seconds per class of score are kept rather than scores: a day's median comes from its hours. What was not seen is
counted, by reason, and is in no average. `summary` makes the hours.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from npng_edge.policy.stays.profile import Dose, Rating

HOUR_S = 3600.0
PSPI_STEP = 0.25
"""Width of a class of PSPI above baseline. The class i stands for i * 0.25; 16 is the last."""
VAS_STEP = 0.5
"""Width of a class of the VAS estimate."""


class Minute(NamedTuple):
    """One minute with scores above baseline."""

    utc: float
    """Begin, a whole minute."""
    mean: float
    """PSPI above baseline."""
    scored_s: float
    """Seconds it rests on."""
    pain_s: float
    """Seconds of them at the level pain or severe."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was seen in one stretch of time."""

    begin_utc: float
    end_utc: float
    seconds: float = 0.0
    """For which the device watched, by the frame clock. What is neither scored nor in `unscored_s` had no reading."""
    scored_s: float = 0.0
    """With a score, above baseline or as seen."""
    unscored_s: Mapping[str, float] = field(default_factory=dict)
    """With a reading and no score, by the first value of `Reason`."""
    look_alike_s: Mapping[str, float] = field(default_factory=dict)
    """Of the scored seconds, those put down to something else, by the value of `LookAlike`."""
    pain_s: float = 0.0
    """Of the scored seconds, those at the level pain or severe: above the threshold then in force."""
    severe_s: float = 0.0
    histogram: tuple[float, ...] = ()
    """Seconds per class of PSPI above baseline, smiles, talk and yawns left out; no zeros at the end."""
    vas_histogram: tuple[float, ...] = ()
    """Seconds per class of the VAS estimate; no zeros at the end."""
    minutes: tuple[Minute, ...] = ()
    """Oldest first; minutes without a score above baseline are left out."""
    threshold: float | None = None
    """PSPI that alarmed last; None: nothing was read."""
    alarms: Mapping[str, int] = field(default_factory=dict)
    """Raised, by condition."""
    worst_news2: int | None = None
    """None: never complete."""
    ratings: tuple[Rating, ...] = ()
    """Oldest first."""
    doses: tuple[Dose, ...] = ()
    """Given, delivered or not answered for; oldest first."""

    @property
    def compared_s(self) -> float:
        """Seconds that the figures of PSPI rest on."""
        return sum(self.histogram)

    @property
    def unread_s(self) -> float:
        """Seconds in which the device watched and had no reading at all, for instance without a camera."""
        return max(0.0, self.seconds - self.scored_s - sum(self.unscored_s.values()))

    @property
    def mean_pspi(self) -> float | None:
        """Above baseline; None: not known."""
        total = self.compared_s
        return PSPI_STEP * sum(i * one for i, one in enumerate(self.histogram)) / total if total else None

    @property
    def median_pspi(self) -> float | None:
        """Above baseline; None: not known."""
        return quantile(self.histogram, 0.5, PSPI_STEP)

    @property
    def p95_pspi(self) -> float | None:
        """Above baseline, reached or exceeded in one twentieth of the time; None: not known."""
        return quantile(self.histogram, 0.95, PSPI_STEP)

    @property
    def median_vas(self) -> float | None:
        """Of the estimate of the patient's own rating; None: not known."""
        return quantile(self.vas_histogram, 0.5, VAS_STEP)

    @property
    def pain_minutes_per_hour(self) -> float | None:
        """Minutes above the threshold in an hour with scores; None: not known."""
        return 60.0 * self.pain_s / self.scored_s if self.scored_s else None

    @property
    def pain_alarms(self) -> int:
        """Times that pain was raised."""
        return self.alarms.get("pain", 0)


def merge(parts: Sequence[Summary]) -> Summary | None:
    """The figures of several stretches together; None of none."""
    if not parts:
        return None
    parts = sorted(parts, key=lambda part: part.begin_utc)
    return Summary(
        begin_utc=parts[0].begin_utc,
        end_utc=max(part.end_utc for part in parts),
        seconds=sum(part.seconds for part in parts),
        scored_s=sum(part.scored_s for part in parts),
        unscored_s=_sum(part.unscored_s for part in parts),
        look_alike_s=_sum(part.look_alike_s for part in parts),
        pain_s=sum(part.pain_s for part in parts),
        severe_s=sum(part.severe_s for part in parts),
        histogram=tuple(map(sum, zip_longest(*(part.histogram for part in parts), fillvalue=0.0))),
        vas_histogram=tuple(map(sum, zip_longest(*(part.vas_histogram for part in parts), fillvalue=0.0))),
        minutes=tuple(minute for part in parts for minute in part.minutes),
        threshold=next((part.threshold for part in reversed(parts) if part.threshold is not None), None),
        alarms=MappingProxyType(dict(sum((Counter(part.alarms) for part in parts), Counter()))),
        worst_news2=max((part.worst_news2 for part in parts if part.worst_news2 is not None), default=None),
        ratings=tuple(rating for part in parts for rating in part.ratings),
        doses=tuple(dose for part in parts for dose in part.doses),
    )


def by_hour(parts: Sequence[Summary]) -> list[Summary]:
    """One summary per clock hour in which the device watched, oldest first."""
    return by_span(parts, HOUR_S, 0.0)


def by_span(parts: Sequence[Summary], seconds: float, offset_s: float) -> list[Summary]:
    """One summary per span of the clock, oldest first.

    Args:
        parts: Of hours, in any order.
        seconds: Length of a span, e.g. 86400 for days.
        offset_s: Of the clock on the wall from UTC.
    """

    def span(part: Summary) -> float:
        return (part.begin_utc + offset_s) // seconds

    groups = groupby(sorted(parts, key=span), key=span)
    return [merged for _, group in groups if (merged := merge(list(group))) is not None]


def quantile(histogram: Sequence[float], share: float, width: float) -> float | None:
    """The class's value below or at which `share` of the time lies; None without any time."""
    left = share * sum(histogram)
    if left <= 0.0:
        return None
    for i, seconds in enumerate(histogram):
        left -= seconds
        # Sums of floating-point seconds fall short of the total by parts of a microsecond.
        if left <= 1e-6:
            return i * width
    return (len(histogram) - 1) * width


def share_from(histogram: Sequence[float], pspi: float) -> float | None:
    """Share of the time at or above a PSPI, to the width of a class; None without any time."""
    total = sum(histogram)
    return sum(histogram[round(pspi / PSPI_STEP) :]) / total if total else None


def _sum(parts: Iterable[Mapping[str, float]]) -> Mapping[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for key, seconds in part.items():
            total[key] = total.get(key, 0.0) + seconds
    return MappingProxyType(total)
