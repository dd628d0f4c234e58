"""How far heart rate, respiration and blood pressure have risen against this patient's own trend.

Pain raises them, and so do fever, fear, care and much else; drugs hide the rise. So a rise supports what the face
shows, by raising the bed's rank (see `fusion`), and its absence says nothing: support never makes pain, never takes
any away, and raises no alarm. That is our own choice, and so are all constants here.

The trend is the median of five-minute means over a day, with the median absolute deviation as its spread: an artefact,
or an hour of fever, moves neither much. Times of pain, and of a face that is not known, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING

from npng_edge.units import PainLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.policy.vital.vital_signs import Signs
    from npng_edge.units import Moment

FLOORS = MappingProxyType({"heart_rate": 3.0, "respiratory_rate": 1.5, "systolic": 6.0})
"""The signs, and the least standard deviation each is given: a very steady patient must not turn noise into support."""
BIN_S = 300.0
WINDOW_S = 86_400.0
MIN_BINS = 12
"""Means that a trend needs: an hour of a monitor, or twelve readings of a cuff."""
AFTER_PAIN_S = 600.0
"""After pain, signs need so long to settle before they are learnt again."""
FROM_SD, FULL_SD = 1.0, 3.0
"""A rise counts from so many of the patient's own standard deviations on, and in full at so many."""


@dataclass(frozen=True, slots=True)
class SignTrend:
    """What is usual of one sign. Bounded: `WINDOW_S / BIN_S` means."""

    means: tuple[tuple[float, float], ...] = ()
    """(frame clock seconds, mean) of the closed bins within the window, oldest first."""
    centre: float = 0.0
    """Median of the means."""
    sd: float = 0.0
    """Their spread as a standard deviation, by the median absolute deviation."""
    since: float = 0.0
    """Begin of the open bin."""
    total: float = 0.0
    count: int = 0
    last: float = float("-inf")
    """When the newest value that was learnt was measured: each counts once."""


@dataclass(frozen=True, slots=True)
class AutonomicState:
    """This patient's own trends."""

    trends: Mapping[str, SignTrend] = field(default_factory=dict)
    """Per sign of `FLOORS`, once something was learnt."""
    pain_at: float = float("-inf")
    """When there was pain last."""


@dataclass(frozen=True, slots=True)
class Autonomic:
    """Whether the signs of the autonomic nervous system are raised."""

    level: float | None
    """0 as usual .. 1 clearly raised; None: not known."""
    changes: Mapping[str, float] = field(default_factory=dict)
    """Per sign with a trend: how far it is above it, in this patient's own standard deviations; below is negative."""
    reason: str | None = None
    """Why the level is not known."""


def learn(state: AutonomicState, signs: Signs, moment: Moment, level: PainLevel | None) -> AutonomicState:
    """Learn what is usual: nothing while there is pain or the level is not known, nor what was measured soon after.

    Args:
        state: As it was.
        signs: As they are known now; what was learnt before is not learnt twice.
        moment: Now.
        level: Of pain; None: not known.
    """
    if level in (PainLevel.PAIN, PainLevel.SEVERE):
        return replace(state, pain_at=moment.time)
    if level is None:
        return state
    learnt = {}
    for sign in FLOORS:
        value = getattr(signs, sign)
        if value is None:
            continue
        measured = moment.time - signs.age_s[sign]
        trend = state.trends.get(sign) or SignTrend(since=measured)
        # The time of a measurement is found again from its age, which is exact to parts of a microsecond only.
        if measured > trend.last + 1e-3 and measured - state.pain_at >= AFTER_PAIN_S:
            learnt[sign] = _add(trend, value, measured)
    return replace(state, trends=MappingProxyType({**state.trends, **learnt})) if learnt else state


def _add(trend: SignTrend, value: float, measured: float) -> SignTrend:
    if trend.count and measured - trend.since >= BIN_S:
        trend = _close(trend, measured)
    return replace(trend, total=trend.total + value, count=trend.count + 1, last=measured)


def _close(trend: SignTrend, now: float) -> SignTrend:
    """Close the open bin: the only work that grows with the history, done once in five minutes."""
    mean = trend.total / trend.count
    means = (*(kept for kept in trend.means if now - kept[0] <= WINDOW_S), (trend.since, mean))
    values = [value for _, value in means]
    centre = median(values)
    # 1.4826: the median absolute deviation of a normal distribution, as its standard deviation.
    sd = 1.4826 * median(abs(value - centre) for value in values)
    return SignTrend(means, centre, sd, since=now, last=trend.last)


def support(state: AutonomicState, signs: Signs, moment: Moment) -> Autonomic:
    """Compare the signs as they are with this patient's own trend.

    The level is the mean of the two signs that rose most, each 0 up to `FROM_SD` and 1 from `FULL_SD` on: two that rise
    together say more than one alone, which reaches a half. What fell counts as not risen.
    """
    changes = {
        sign: (value - trend.centre) / max(trend.sd, floor)
        for sign, floor in FLOORS.items()
        if (value := getattr(signs, sign)) is not None
        and (trend := state.trends.get(sign)) is not None
        and len(trend.means) >= MIN_BINS
        and moment.time - trend.last <= WINDOW_S
    }
    if not changes:
        measured = any(getattr(signs, sign) is not None for sign in FLOORS)
        return Autonomic(None, reason="no-trend" if measured else "no-vitals")
    rises = sorted(min(1.0, max(0.0, (change - FROM_SD) / (FULL_SD - FROM_SD))) for change in changes.values())
    return Autonomic(sum(rises[-2:]) / 2, MappingProxyType(changes))
