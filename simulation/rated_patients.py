"""Made-up patients who differ in how much they show, their pain over hours, and raters who err.

All of it is assumed; nothing is fitted to data of real patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from npng_edge.policy.rating import ratings as pairing
from npng_edge.policy.stays.profile import Rating
from npng_edge.requests import Rate, Refusal
from npng_edge.settings import Sensitivity
from npng_edge.units import Moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[np.float64]

Rater: TypeAlias = Literal["patient", "staff"]

KINDS = {"insensitive": (0.15, 0.6), "medium": (0.6, 1.3), "sensitive": (1.3, 2.2)}
"""PSPI per VAS step, evenly spread."""
RATE_HZ = 2
"""Scores a second."""
STAY_H = 72.0
"""Ratings are spread over so long before the watch begins."""
REST = 1.5, 0.7
"""VAS, mean and standard deviation of pain at rest."""
GRIMACE_S = 4.0
GRIMACING = 0.3, 0.8
"""Share of the time in which pain shows, in patients who grimace."""
BEGIN = datetime(2026, 1, 4, tzinfo=timezone.utc)
"""When the watch begins."""
RATER_NOISE: dict[Rater, float] = {"patient": 1.0, "staff": 2.0}
"""VAS, standard deviation from one rating to the next (nurses change)."""
RATER_BIAS: dict[Rater, float] = {"patient": 0.0, "staff": 0.8}
"""VAS, standard deviation from one patient to the next: how staff misread this one. The patient's own scale is VAS."""

_CLASSES = ", ".join(f"{kind} {low:g} to {high:g}" for kind, (low, high) in KINDS.items())
ASSUMPTIONS = (
    f"A third of the patients in each class, their slopes evenly spread: {_CLASSES} PSPI per VAS step. The slope "
    f"drifts by a tenth a day (standard deviation, SD) over the {STAY_H:g} hours of the ratings.",
    f"Pain at rest wanders around VAS {REST[0]:g} (SD {REST[1]:g}). Episodes: one in two hours, peak VAS 3 to 9 "
    "evenly, a minute at the peak on average. At a rating, pain is of rest in one half of the cases, VAS 3 to 9 in "
    "the other.",
    "Face: PSPI above baseline = error of the baseline (SD 0.2) + slope x pain x a factor that changes every 5 s "
    f"(SD 30 %) + error of the score (SD 0.4, slow, and 0.3, each score), {RATE_HZ} scores a second. Below VAS 3 pain "
    "shows less: pain x pain / 3. One half of the patients show pain all the time, the others in grimaces of "
    f"{GRIMACE_S:g} s on average, which take {GRIMACING[0]:.0%} to {GRIMACING[1]:.0%} of the time.",
    "Look-alikes that got past the veto: one an hour, PSPI 0.5 + 1.5 on average, 2 to 10 s, the same for all patients; "
    "and in three of ten ratings.",
    f"Ratings are whole numbers. Six of ten patients rate themselves (noise SD {RATER_NOISE['patient']:g}); staff rate "
    f"the others (noise SD {RATER_NOISE['staff']:g}, and a bias towards this patient, SD {RATER_BIAS['staff']:g}).",
)


@dataclass(frozen=True, slots=True)
class Patient:
    """One made-up patient, with all that nobody knows of a real one."""

    kind: str
    slope: float
    """PSPI per VAS step when the watch begins."""
    drift: float
    """Relative change of the slope per day before that."""
    showing: float
    """Share of the time in which pain shows."""
    offset: float
    """Error of the baseline, PSPI."""
    rater: Rater
    """Who rates."""
    bias: dict[Rater, float]
    """VAS."""


class Burst(NamedTuple):
    """Something that raises PSPI and is not pain."""

    begin: float
    """Seconds."""
    seconds: float
    height: float
    """PSPI."""


def patient(rng: np.random.Generator, kind: str) -> Patient:
    """A patient of one class."""
    return Patient(
        kind=kind,
        slope=rng.uniform(*KINDS[kind]),
        drift=rng.normal(0, 0.1),
        showing=1.0 if rng.random() < 0.5 else rng.uniform(*GRIMACING),
        offset=rng.normal(0, 0.2),
        rater="patient" if rng.random() < 0.6 else "staff",
        bias={rater: rng.normal(0, spread) for rater, spread in RATER_BIAS.items()},
    )


def course(rng: np.random.Generator, hours: float) -> Array:
    """Pain, VAS 0..10, at rest and in episodes; `RATE_HZ` values a second."""
    seconds = np.arange(int(hours * 3600 * RATE_HZ)) / RATE_HZ
    pain = _wander(rng, seconds, 1200, *REST)
    for _ in range(rng.poisson(hours / 2)):
        parts = 0, rng.uniform(5, 30), rng.exponential(60), rng.uniform(30, 120)
        corners = rng.uniform(0, hours * 3600) + np.cumsum(parts)
        peak = rng.uniform(3, 9)
        pain = np.maximum(pain, np.interp(seconds, corners, [0, peak, peak, 0]))
    return np.clip(pain, 0, 10)


def look_alikes(rng: np.random.Generator, hours: float) -> list[Burst]:
    """What got past the veto."""
    return [
        Burst(rng.uniform(0, hours * 3600), rng.uniform(2, 10), 0.5 + rng.exponential(1.5))
        for _ in range(rng.poisson(hours))
    ]


def face(rng: np.random.Generator, who: Patient, slope: float, pain: Array, bursts: Iterable[Burst]) -> Array:
    """PSPI above baseline, 0..16, for a course of pain."""
    seconds = np.arange(len(pain)) / RATE_HZ
    shown = np.where(pain < 3, pain**2 / 3, pain) * _showing(rng, seconds, who.showing)
    vivid = np.maximum(0, _wander(rng, seconds, 5, mean=1, spread=0.3))
    error = _wander(rng, seconds, 10, spread=0.4) + rng.normal(0, 0.3, len(pain))
    score = who.offset + slope * shown * vivid + error
    for burst in bursts:
        score[int(burst.begin * RATE_HZ) : int((burst.begin + burst.seconds) * RATE_HZ)] += burst.height
    return np.clip(score, 0, 16)


def rating(rng: np.random.Generator, who: Patient, rater: Rater) -> Rating | None:
    """One rating at some time of the stay, through the device's own pairing; None where that refuses."""
    settings = Sensitivity()
    window, hours = settings.window_s, rng.uniform(0, STAY_H)
    pain = float(np.clip(rng.normal(*REST), 0, 10) if rng.random() < 0.5 else rng.uniform(3, 9))
    slope = who.slope * max(0.2, 1 - who.drift * hours / 24)
    bursts = [Burst(rng.uniform(0, 2 * window), rng.uniform(5, 15), 0.5 + rng.exponential(1.5))]
    seen = np.full(int(2 * window * RATE_HZ) + 1, pain)
    scores = face(rng, who, slope, seen, bursts if rng.random() < 0.3 else [])
    said = float(np.clip(np.rint(pain + who.bias[rater] + rng.normal(0, RATER_NOISE[rater])), 0, 10))

    at = BEGIN - timedelta(hours=hours)
    request = Rate(id="1", who=rater, expires=at, vas=said, rater=rater, at=at)
    state = pairing.Ratings()
    for index, score in enumerate(scores.tolist()):
        now = index / RATE_HZ
        state = pairing.add(state, now, score, settings)
        if now == window:
            accepted = pairing.rate(state, request, Moment(now, at.timestamp(), synchronised=True), settings)
            if isinstance(accepted, Refusal):
                return None
            state, _ = accepted
    state, outcomes = pairing.due(state, Moment(now, at.timestamp() + window, synchronised=True), settings)
    return next((outcome.result for outcome in outcomes if isinstance(outcome.result, Rating)), None)


def _wander(rng: np.random.Generator, seconds: Array, every: float, mean: float = 0, spread: float = 1) -> Array:
    """Straight lines between random values, one `every` so many seconds."""
    knots = np.arange(0, seconds[-1] + 2 * every, every)
    return np.interp(seconds, knots, rng.normal(mean, spread, len(knots)))


def _showing(rng: np.random.Generator, seconds: Array, share: float) -> Array:
    """1 in grimaces, 0 between them."""
    if share == 1:
        return np.ones_like(seconds)
    lengths = GRIMACE_S, GRIMACE_S / share - GRIMACE_S
    count = int(seconds[-1] / GRIMACE_S) + 50
    edges = np.cumsum(rng.exponential(lengths, (count, 2))) - rng.uniform(0, 10 * GRIMACE_S)
    shows: Array = np.where(np.searchsorted(edges, seconds) % 2 == 0, 1.0, 0.0)
    return shows
