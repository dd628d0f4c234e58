"""From the score to what is said of it: evidence for the alarm, level, trend, confidence, time above the threshold.

Evidence uses the scores of single readings as they are: delays and hysteresis are the only filters of an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from npng_edge.units import PainLevel, Trend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npng_edge.policy.face.look_alike import Verdict
    from npng_edge.settings import Pain
    from npng_edge.units import Reading, Threshold

MAX_STEP_S = 2.0
"""A longer gap between two scores is time unseen: so much of it counts at the most."""
HOLD_S = 10.0
"""After so long without a score nothing is known of before."""
SMOOTH_S = 1.0
"""Time constant of the score behind the level: one blink or one odd reading does not change what is displayed."""
BIN_S = 5.0
BINS = 24
"""The trend rests on the means of the last 24 times 5 seconds."""
FEWEST_BINS = 12
"""A trend needs at least a minute of scores."""
TREND_PSPI = 1.0
"""A change by less over the window is steady."""
TREND_NOISE = 2.0
"""... and so is one of less than so many times the typical distance of the means from the line."""
MINUTES = 60
LEVELS = (PainLevel.NONE, PainLevel.RAISED, PainLevel.PAIN, PainLevel.SEVERE)


class Minutes(NamedTuple):
    """The last hour, a minute at a time. Bounded: 60 closed minutes at the most."""

    begun: float
    """When the current minute began."""
    above: float = 0.0
    """Seconds of the current minute above the threshold."""
    scored: float = 0.0
    """Seconds of the current minute with a score."""
    closed: tuple[tuple[float, float, float], ...] = ()
    """(begin, seconds above, seconds scored) of the minutes with a score, oldest first."""
    closed_above: float = 0.0
    closed_scored: float = 0.0
    """Sums over `closed`."""


class Course(NamedTuple):
    """The last two minutes, five seconds at a time. Bounded: 24 bins."""

    begun: float
    """When the current bin began."""
    total: float
    """Sum of the scores in it."""
    scores: int
    bins: tuple[tuple[float, float], ...] = ()
    """(time, mean score), oldest first."""
    trend: Trend | None = None
    """As of the last bin."""


@dataclass(frozen=True, slots=True)
class PainView:
    """What is said of the patient's pain after one reading."""

    level: PainLevel | None
    """Against this patient's thresholds, look-alikes set apart; None: not known."""
    trend: Trend | None
    """Over the last two minutes; None: not known."""
    confidence: float | None
    """0..1: how far the level can be relied on; None without a level. An order, not a probability."""
    since: float | None
    """Frame clock seconds since which the level is what it is; None without a level."""
    minutes_above: float
    """Minutes of the last hour above the threshold, look-alikes left out."""
    minutes_scored: float
    """Minutes of the last hour in which there was a score at all; the others are unknown, not calm."""


@dataclass(frozen=True, slots=True)
class PainState:
    """What is remembered between readings."""

    time: float | None = None
    """Of the last score; None: none, or too long ago."""
    score: float = 0.0
    """The smoothed score."""
    level: PainLevel = PainLevel.NONE
    since: float = 0.0
    minutes: Minutes | None = None
    """None before the first reading."""
    course: Course | None = None


def evidence(  # noqa: PLR0913 - all that may speak for or against
    score: float | None,
    threshold: float,
    verdict: Verdict,
    probability: float | None,
    temporal: float | None,
    settings: Pain,
) -> bool | None:
    """Whether one reading speaks for the alarm: True for it, False against it, None neither way.

    The score decides; a look-alike takes away what it explains; the learnt models can only withhold. They withhold when
    all that are installed hold pain for unlikely, at scores not far above the threshold: they can keep an alarm from
    being raised, never end one, and have no say on a high score.

    Args:
        score: PSPI, above baseline where there is one, 0..16; None: not scored.
        threshold: PSPI from which staff want to be called.
        verdict: What the face is put down to.
        probability: Of pain, 0..1, by the model of single pictures; None: not installed.
        temporal: The same by the model of the last seconds.
        settings: Hysteresis, and when the models may withhold.
    """
    if score is None:
        return None
    rest, low = score - verdict.explained, _low(threshold, settings)
    if score < low or (verdict.certain and rest < low):
        return False
    if rest < threshold:
        return None
    likely = max((p for p in (probability, temporal) if p is not None), default=1.0)
    unlikely = likely < settings.unlikely and rest < threshold + settings.unlikely_pspi
    return None if unlikely else True


def step(  # noqa: PLR0913 - one reading and all that is known of it
    state: PainState,
    reading: Reading,
    score: float | None,
    threshold: Threshold,
    verdict: Verdict,
    baseline: float | None,
    settings: Pain,
) -> tuple[PainState, PainView]:
    """Take one reading.

    Args:
        state: As it was.
        reading: For its time, the quality of the view and the learnt models.
        score: PSPI, above baseline where there is one; None: not scored.
        threshold: This patient's, now.
        verdict: What the face is put down to; not used without a score.
        baseline: How far the baseline can be relied on, 0..1; None: there is none.
        settings: Hysteresis.
    """
    now = reading.time
    if score is None:
        minutes = _count(state.minutes, now, 0.0, above=False)
        if state.time is not None and now - state.time > HOLD_S:
            state = PainState()
        return replace(state, minutes=minutes), _view(minutes)

    rest = score - verdict.explained
    fresh = state.time is None or now - state.time > HOLD_S
    gap = 0.0 if state.time is None else min(now - state.time, MAX_STEP_S)
    # In doubt the truth lies between what is left and what is seen; as near as possible to what was before.
    value = rest if verdict.certain else min(max(state.score, rest), score)
    smooth = value if fresh else state.score + (value - state.score) * gap / (gap + SMOOTH_S)
    level = _level(smooth, None if fresh else state.level, threshold, settings)
    minutes = _count(state.minutes, now, gap, above=value >= threshold.pain)
    course = _chart(None if fresh else state.course, now, value)
    since = now if fresh or level is not state.level else state.since
    state = PainState(now, smooth, level, since, minutes, course)
    doubt = verdict.explained > 0 and not verdict.certain and _differ(rest, score, threshold, settings)
    pain = level in (PainLevel.PAIN, PainLevel.SEVERE)
    confidence = _confidence(reading, baseline, doubt=doubt, pain=pain)
    return state, _view(minutes, level, course.trend, confidence, since)


def _view(
    minutes: Minutes,
    level: PainLevel | None = None,
    trend: Trend | None = None,
    confidence: float | None = None,
    since: float | None = None,
) -> PainView:
    above, scored = minutes.above + minutes.closed_above, minutes.scored + minutes.closed_scored
    return PainView(level, trend, confidence, since, above / 60.0, scored / 60.0)


def _low(threshold: float, settings: Pain) -> float:
    """Below this a condition ends; a low threshold has a narrow band, or nothing would ever end."""
    return threshold - min(settings.hysteresis, threshold / 4.0)


def _level(score: float, before: PainLevel | None, threshold: Threshold, settings: Pain) -> PainLevel:
    """The highest level whose bound is reached, or was reached and is not left by the hysteresis."""
    level = PainLevel.NONE
    reached = 0 if before is None else LEVELS.index(before)
    bounds = (threshold.pain / 2.0, threshold.pain, threshold.severe)
    for number, bound in enumerate(bounds, 1):
        if score >= (_low(bound, settings) if reached >= number else bound):
            level = LEVELS[number]
    return level


def _differ(rest: float, score: float, threshold: Threshold, settings: Pain) -> bool:
    return _level(rest, None, threshold, settings) is not _level(score, None, threshold, settings)


def _confidence(reading: Reading, baseline: float | None, *, doubt: bool, pain: bool) -> float:
    """How far the level can be relied on, 0..1. The rule is our own.

    The product of: the quality of the view; a half without a baseline, up to 1 with a good one; a half while a
    look-alike may or may not explain the level; and 1 down to a half as the learnt models do not agree with it.
    """
    view = reading.face.quality if reading.face else 0.0
    known = [p for p in (reading.pain_probability, reading.pain_temporal) if p is not None]
    apart = abs(sum(known) / len(known) - pain) if known else 0.0
    return view * (0.5 + 0.5 * (baseline or 0.0)) * (0.5 if doubt else 1.0) * (1.0 - 0.5 * apart)


def _count(minutes: Minutes | None, now: float, seconds: float, *, above: bool) -> Minutes:
    """Add some seconds to the current minute; once a minute, close it and drop what is older than an hour."""
    if minutes is None:
        return Minutes(now)
    begun, up, scored = minutes.begun, minutes.above + (seconds if above else 0.0), minutes.scored + seconds
    if now - begun < 60.0:
        return Minutes(begun, up, scored, minutes.closed, minutes.closed_above, minutes.closed_scored)
    hour = (*minutes.closed, (begun, up, scored)) if scored else minutes.closed
    hour = tuple(one for one in hour if now - one[0] <= MINUTES * 60.0)[-MINUTES:]
    return Minutes(now, 0.0, 0.0, hour, sum(one[1] for one in hour), sum(one[2] for one in hour))


def _chart(course: Course | None, now: float, value: float) -> Course:
    """Add one score; at the end of each bin, look where the means go."""
    if course is None:
        return Course(now, value, 1)
    if now - course.begun < BIN_S:
        return Course(course.begun, course.total + value, course.scores + 1, course.bins, course.trend)
    bins = (*course.bins, (course.begun, course.total / course.scores))[-BINS:]
    return Course(now, value, 1, bins, _trend(bins))


def _trend(bins: Sequence[tuple[float, float]]) -> Trend | None:
    """The median of all slopes (Theil and Sen) against the spread around the line."""
    bins = [one for one in bins if bins[-1][0] - one[0] <= BINS * (BIN_S + MAX_STEP_S)]
    if len(bins) < FEWEST_BINS:
        return None
    slope = median((y - b) / (x - a) for i, (a, b) in enumerate(bins) for x, y in bins[i + 1 :])
    levels = [y - slope * x for x, y in bins]
    middle = median(levels)
    noise = median(abs(one - middle) for one in levels)
    change = slope * (bins[-1][0] - bins[0][0])
    if abs(change) < max(TREND_PSPI, TREND_NOISE * noise):
        return Trend.STEADY
    return Trend.RISING if change > 0 else Trend.FALLING
