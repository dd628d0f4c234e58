"""This stay against an earlier one of the same patient, with one and the same yardstick.

Both are read as PSPI above the baseline of their own time, and both on one line from PSPI to VAS: that of this patient,
from the ratings of both stays. Minutes above the threshold are counted anew for both at one threshold, whatever was in
force then. So what differs is the face, not who was on duty or what was ordered.

The intervals come from how the hours of a stay differ: hours are taken for independent, which neighbours are not quite,
so the truth is somewhat wider. With few or poorly seen hours they are wide, as they should be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot, sqrt
from typing import TYPE_CHECKING, Literal

from npng_edge.policy.rating import threshold
from npng_edge.policy.rating.sensitivity import estimate, vas_at
from npng_edge.policy.stays.figures import HOUR_S, PSPI_STEP, by_hour, merge, quantile, share_from
from npng_edge.requests import Refusal, RefusalReason
from npng_edge.units import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npng_edge.policy.rating.sensitivity import SensitivityEstimate
    from npng_edge.policy.stays.figures import Summary
    from npng_edge.policy.stays.stay import Stay
    from npng_edge.settings import Policy

FEWEST_HOURS = 6
"""Hours with scores that a stay needs; fewer say nothing about how hours differ (our choice)."""
LEAST_SCORED_S = 300.0
"""An hour with fewer seconds above baseline counts as not seen."""
Z80 = 1.2816
"""Standard deviations that hold 80 of 100 cases of a normal distribution, to either side."""

Name = Literal["median-pspi", "p95-pspi", "mean-pspi", "median-vas", "p95-vas", "pain-minutes", "episodes"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of both stays."""

    name: Name
    """`pain-minutes`: minutes per scored hour at or above the common threshold. `episodes`: pain alarms per 24 scored
    hours, at the thresholds in force then. The others: of PSPI above baseline, and the same on this patient's line."""
    here: Estimate
    earlier: Estimate
    difference: Estimate
    """Here less earlier."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """This stay against an earlier one."""

    patient: str
    earlier_stay: str
    earlier_since_utc: float
    hours_here: int
    """Hours with scores."""
    hours_earlier: int
    threshold: float
    """PSPI above baseline at which the minutes of both are counted."""
    line: SensitivityEstimate
    """This patient's, from the ratings of both stays."""
    measures: tuple[Measure, ...]


def compare(here: Stay, earlier: Stay, settings: Policy) -> Comparison | Refusal:
    """Compare two stays.

    Returns:
        The comparison, or why not: `wrong-patient` (two people), `not-allowed` (the same stay), `no-score` (one was
        seen too little).
    """
    one, other = here.profile, earlier.profile
    if one.patient != other.patient:
        return Refusal(
            RefusalReason.WRONG_PATIENT,
            f"{one.patient} and {other.patient} are two people, and faces of two people cannot be compared: choose an "
            "earlier stay of the same patient.",
        )
    if one.stay == other.stay:
        return Refusal(RefusalReason.NOT_ALLOWED, "Both are the same stay: choose an earlier one.")
    now, then = _seen(here), _seen(earlier)
    for stay, hours in ((here, now), (earlier, then)):
        if len(hours) < FEWEST_HOURS:
            return Refusal(
                RefusalReason.NO_SCORE,
                f"The stay {stay.profile.stay} has {len(hours)} hours with scores above baseline, and {FEWEST_HOURS} "
                "are needed.",
            )
    end, before = _end(here), _end(earlier)
    ratings = (*one.ratings, *(replace(rating, utc=rating.utc + end - before) for rating in other.ratings))
    line = estimate(ratings, settings.sensitivity, end)
    common = threshold.effective(replace(one, override=None), line, settings, end).pain
    return Comparison(
        patient=one.patient,
        earlier_stay=other.stay,
        earlier_since_utc=other.since_utc,
        hours_here=len(now),
        hours_earlier=len(then),
        threshold=common,
        line=line,
        measures=tuple(
            Measure(name, a, b, _difference(a, b))
            for (name, a), (_, b) in zip(_measures(now, common, line), _measures(then, common, line), strict=True)
        ),
    )


def _measures(hours: Sequence[Summary], common: float, line: SensitivityEstimate) -> list[tuple[Name, Estimate]]:
    compared = [hour.compared_s for hour in hours]
    median, p95 = _quantile(hours, 0.5), _quantile(hours, 0.95)
    mean = _ratio([(hour.mean_pspi or 0.0) * seconds for hour, seconds in zip(hours, compared, strict=True)], compared)
    above = [(share_from(hour.histogram, common) or 0.0) * hour.compared_s for hour in hours]
    raised = [float(hour.pain_alarms) for hour in hours]
    return [
        ("median-pspi", median),
        ("p95-pspi", p95),
        ("mean-pspi", mean),
        ("median-vas", _on_line(median, line)),
        ("p95-vas", _on_line(p95, line)),
        ("pain-minutes", _scaled(_ratio(above, compared), 60.0)),
        ("episodes", _scaled(_ratio(raised, [hour.scored_s for hour in hours]), 24.0 * HOUR_S)),
    ]


def _ratio(amounts: Sequence[float], seconds: Sequence[float]) -> Estimate:
    """Amount per second over all hours."""
    value, reach = _spread(amounts, seconds)
    return Estimate(value, max(0.0, value - reach), value + reach)


def _spread(amounts: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """Amount per second, and how far its interval reaches: the usual estimate for a ratio of two sums over hours."""
    total, n = sum(seconds), len(seconds)
    value = sum(amounts) / total
    rest = sum((amount - value * one) ** 2 for amount, one in zip(amounts, seconds, strict=True))
    return value, Z80 * sqrt(n / (n - 1) * rest) / total


def _quantile(hours: Sequence[Summary], share: float) -> Estimate:
    """A quantile over all hours. Its interval is that of the share of time beyond it, read off the same histogram."""
    whole = merge(hours)
    histogram = whole.histogram if whole else ()
    value = quantile(histogram, share, PSPI_STEP) or 0.0
    above = [(share_from(hour.histogram, value + PSPI_STEP) or 0.0) * hour.compared_s for hour in hours]
    _, reach = _spread(above, [hour.compared_s for hour in hours])
    low = quantile(histogram, max(0.0, share - reach), PSPI_STEP) or 0.0
    high = quantile(histogram, min(1.0, share + reach), PSPI_STEP) or 0.0
    return Estimate(value, min(value, low), max(value, high))


def _difference(here: Estimate, earlier: Estimate) -> Estimate:
    """Here less earlier, taking the two for independent."""
    value = here.value - earlier.value
    return Estimate(
        value,
        value - hypot(here.value - here.low, earlier.high - earlier.value),
        value + hypot(here.high - here.value, earlier.value - earlier.low),
    )


def _on_line(pspi: Estimate, line: SensitivityEstimate) -> Estimate:
    return Estimate(vas_at(pspi.value, line), vas_at(pspi.low, line), vas_at(pspi.high, line))


def _scaled(value: Estimate, factor: float) -> Estimate:
    return Estimate(value.value * factor, value.low * factor, value.high * factor)


def _seen(stay: Stay) -> list[Summary]:
    return [hour for hour in by_hour(stay.hours) if hour.compared_s >= LEAST_SCORED_S]


def _end(stay: Stay) -> float:
    """When the stay ended, or was last seen."""
    return max((hour.end_utc for hour in stay.hours), default=stay.profile.since_utc)
