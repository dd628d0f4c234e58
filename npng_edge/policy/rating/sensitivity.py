"""How much this patient shows: PSPI per VAS step, learnt from ratings, and the rating that a score stands for.

The line `PSPI = intercept + slope * VAS` is fitted robustly to the pairs, with a prior that holds while they are few.
PSPI is above baseline, so that no pain is near 0. An error of the ratings makes the slope a little too small, and with
it the threshold: the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import erf, sqrt
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from npng_edge.units import Estimate

if TYPE_CHECKING:
    import numpy.typing as npt

    from npng_edge.policy.stays.profile import Profile, Rating
    from npng_edge.settings import Sensitivity as SensitivitySettings

    Array: TypeAlias = npt.NDArray[np.floating]

Sensitivity: TypeAlias = Literal["sensitive", "medium", "insensitive"]
Caveat: TypeAlias = Literal["too-few-ratings", "uncertain", "not-expressive"]

MOST_RATINGS = 200
"""Ratings that a profile keeps: weeks of them; older ones weigh nothing."""
FEWEST_PAIRS = 3
"""Pairs below which no class is given (our choice; few clinical series have more to begin with)."""
CERTAIN = 0.8
"""Share of cases in which a class that is given must hold, as for the intervals (our choice)."""
SHOWN_VAS = 3.0
"""Below this, faces and ratings were found unrelated (Hayashi 2018, 12 people, 108 samples)."""
LOW_WEIGHT = 0.25
"""Of a rating below `SHOWN_VAS`: it says where the line starts, little of how steep it is (our choice)."""
STAFF_WEIGHT = 0.4
"""Of a rating by staff, against 1 for the patient's own. Observers are off by 1.76 on average (`OBSERVER_SD`); we take
1 for the patient's own repeat and 1.2 PSPI for the face: (1.2^2 + 1^2) / (1.2^2 + 2.2^2) = 0.4 at a slope of 1."""
OBSERVER_SD = 2.2
"""VAS. Trained observers of shoulder pain reached a mean error of 1.76 (Xu, Huang and de Sa 2020); 2.2 is the standard
deviation of a normal distribution with it. No interval of ours is narrower."""
OWN_SD = 1.0
"""VAS by which a patient's own rating differs when repeated (our choice)."""
PAIN_MEAN = 4.0
"""VAS at which ratings are given, on average, before any are seen, with the weight of `PAIN_PAIRS` (our choice)."""
PAIN_SD = 2.5
PAIN_PAIRS = 2.0
Z80 = 1.2816
"""Standard deviations that hold 80 of 100 cases of a normal distribution, to either side."""
INTERCEPT_SD = 0.5
"""PSPI that a face at VAS 0 may differ from its baseline (our choice)."""
NOISE = 1.5
"""PSPI by which a pair lies beside the line, before any are seen, with the weight of `NOISE_PAIRS` (our choice)."""
NOISE_PAIRS = 4.0
STEADINESS = 0.1
"""Share of the slope that no number of ratings settles: faces change over days, and staff may misread one patient
again and again (our choice)."""
TAIL = 4.0
"""Degrees of freedom of Student's t: a pair far off the line hardly counts."""
ROUNDS = 20
"""Reweighting has settled long before."""
LEAST_SLOPE = 0.05
"""PSPI per VAS step: more pain never shows as less, and a line must not be flat to be read backwards."""
DRIFT_SD = 0.2
"""Change of the slope a day that is no surprise (our choice)."""
DRIFT_PAIRS = 6
"""Pairs, and days between the first and last of them, below which drift is not told from chance (our choice)."""
DRIFT_DAYS = 1.0
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class SensitivityEstimate:
    """What the ratings say of this patient's face."""

    slope: float
    """PSPI per VAS step."""
    low: float
    """Of the interval that holds the slope in 80 of 100 cases."""
    high: float
    intercept: float
    """PSPI above baseline at VAS 0."""
    noise: float
    """PSPI by which pairs lie beside the line."""
    pairs: int
    """Ratings of `SHOWN_VAS` or more; 0: slope and intercept are the population's."""
    effective_pairs: float
    """The same, less what age and rater take from their weight."""
    sensitivity: Sensitivity | None
    """None: not known, and `reason` says why."""
    reason: Caveat | None
    """`not-expressive` comes with the class `insensitive`: the camera's pain alarm is unreliable for this patient."""
    drift: Estimate | None
    """Change of the slope per day; None while ratings are too few or too close."""
    expressive: bool
    """False when even the upper end of the interval is below the setting `unexpressive`."""
    covariance: tuple[float, float, float]
    """Variance of the intercept, covariance with the slope, variance of the slope."""


def remember(profile: Profile, rating: Rating) -> Profile:
    """Keep a rating, unless it is kept already; the oldest goes when there are `MOST_RATINGS`."""
    if any((each.utc, each.vas, each.who) == (rating.utc, rating.vas, rating.who) for each in profile.ratings):
        return profile
    ratings = sorted((*profile.ratings, rating), key=lambda each: each.utc)
    return replace(profile, ratings=tuple(ratings[-MOST_RATINGS:]))


def estimate(ratings: tuple[Rating, ...], settings: SensitivitySettings, utc: float) -> SensitivityEstimate:
    """Fit the line to all ratings. A few milliseconds; needed when ratings change, and about every hour as they age.

    Args:
        ratings: In any order; none gives the population's line.
        settings: Prior, cut-points and half-life.
        utc: Now, seconds since 1970.
    """
    vas = np.array([rating.vas for rating in ratings])
    pspi = np.array([rating.pspi for rating in ratings])
    ages = np.array([max(0.0, utc - rating.utc) for rating in ratings]) / DAY_S
    trust = np.array([1.0 if rating.rater == "patient" else STAFF_WEIGHT for rating in ratings])
    shown = vas >= SHOWN_VAS
    vas = _believed(vas, trust, np.where(trust == 1, OWN_SD, OBSERVER_SD))
    trust = np.where(shown, trust, trust * LOW_WEIGHT)
    weights = trust * 0.5 ** (ages * 24 / settings.half_life_h)

    line = np.column_stack([np.ones_like(vas), vas])
    fit = _fit(line, pspi, weights, (0.0, settings.prior_slope), (INTERCEPT_SD, settings.prior_sd))
    fit.covariance[1, 1] += (STEADINESS * fit.mean[1]) ** 2 if len(ratings) else 0.0
    slope = _interval(fit, 1)
    slope = Estimate(*(max(LEAST_SLOPE, bound) for bound in (slope.value, slope.low, slope.high)))
    pairs = int(shown.sum())
    expressive = pairs < FEWEST_PAIRS or slope.high >= settings.unexpressive
    sensitivity, reason = _class(slope.value, sqrt(fit.covariance[1, 1]), pairs, settings)

    drift = None
    if pairs >= DRIFT_PAIRS and np.ptp(ages[shown]) >= DRIFT_DAYS:
        moving = np.column_stack([line, -ages * vas])
        prior = (0.0, settings.prior_slope, 0.0), (INTERCEPT_SD, settings.prior_sd, DRIFT_SD)
        drift = _interval(_fit(moving, pspi, trust, *prior), 2)
    return SensitivityEstimate(
        slope=slope.value,
        low=slope.low,
        high=slope.high,
        intercept=float(fit.mean[0]),
        noise=fit.noise,
        pairs=pairs,
        effective_pairs=float(weights[shown].sum()),
        sensitivity=sensitivity,
        reason=reason if expressive else "not-expressive",
        drift=drift,
        expressive=expressive,
        covariance=(float(fit.covariance[0, 0]), float(fit.covariance[0, 1]), float(fit.covariance[1, 1])),
    )


def pspi_at(vas: float, estimate: SensitivityEstimate) -> float:
    """PSPI above baseline that this patient shows at a rating; not bounded."""
    return estimate.intercept + estimate.slope * vas


def vas_at(pspi: float, estimate: SensitivityEstimate) -> float:
    """Rating, 0..10, at which this patient shows a PSPI above baseline."""
    return min(10.0, max(0.0, (pspi - estimate.intercept) / estimate.slope))


def vas(score: float, estimate: SensitivityEstimate) -> Estimate | None:
    """What this patient would say, 0..10, with the interval that holds it in 80 of 100 cases.

    The interval holds the error of the line, how far pairs lie beside it, and is never narrower than trained observers
    justify.

    Args:
        score: PSPI above baseline, as `ratings.shown` makes it: of a minute, not of one frame.
        estimate: Of this patient.

    Returns:
        None without ratings, and for a patient whose face tells nothing.
    """
    if estimate.pairs == 0 or not estimate.expressive:
        return None
    value = vas_at(score, estimate)
    start, both, slope = estimate.covariance
    off_line = sqrt(estimate.noise**2 + start + 2 * value * both + value**2 * slope) / estimate.slope
    reach = Z80 * max(OBSERVER_SD, off_line)
    return Estimate(value, max(0.0, value - reach), min(10.0, value + reach))


def _believed(vas: Array, trust: Array, error: Array) -> Array:
    """The most likely pain behind each rating: extreme ratings of an unreliable rater are in part chance.

    Without this, rater error flattens the line (regression dilution).
    """
    mean = (PAIN_PAIRS * PAIN_MEAN + trust @ vas) / (PAIN_PAIRS + trust.sum())
    return np.asarray(mean + (vas - mean) * PAIN_SD**2 / (PAIN_SD**2 + error**2))


class _Fit(NamedTuple):
    mean: Array
    covariance: Array
    noise: float


def _fit(columns: Array, values: Array, weights: Array, means: tuple[float, ...], sds: tuple[float, ...]) -> _Fit:
    """Most likely coefficients under Student's t and a normal prior, by iterated reweighting; (n, k), (n,), (n,)."""
    prior = np.diag(1 / np.square(sds))
    mean, variance = np.array(means), NOISE**2
    for _ in range(ROUNDS):
        rest = values - columns @ mean
        robust = weights * (TAIL + 1) / (TAIL + rest**2 / variance)
        variance = (NOISE_PAIRS * NOISE**2 + float(robust @ rest**2)) / (NOISE_PAIRS + float(weights.sum()))
        information = (columns.T * robust) @ columns / variance + prior
        mean = np.linalg.solve(information, columns.T @ (robust * values) / variance + prior @ means)
    # What a pair tells on average under Student's t; the reweighted sum above would promise too much.
    told = (columns.T * weights) @ columns * (TAIL + 1) / (TAIL + 3) / variance
    return _Fit(mean, np.linalg.inv(told + prior), sqrt(variance))


def _interval(fit: _Fit, index: int) -> Estimate:
    value, reach = float(fit.mean[index]), Z80 * sqrt(fit.covariance[index, index])
    return Estimate(value, value - reach, value + reach)


def _class(
    slope: float, deviation: float, pairs: int, settings: SensitivitySettings
) -> tuple[Sensitivity | None, Caveat | None]:
    """The class that holds in `CERTAIN` of all cases."""
    if pairs < FEWEST_PAIRS:
        return None, "too-few-ratings"
    insensitive, up_to_medium = (
        0.5 * (1 + erf((cut - slope) / (deviation * sqrt(2)))) for cut in (settings.insensitive, settings.sensitive)
    )
    shares: dict[Sensitivity, float] = {
        "insensitive": insensitive,
        "medium": up_to_medium - insensitive,
        "sensitive": 1 - up_to_medium,
    }
    likeliest = max(shares, key=shares.__getitem__)
    return (likeliest, None) if shares[likeliest] >= CERTAIN else (None, "uncertain")
