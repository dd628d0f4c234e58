"""Readings to hours: what was seen is added up, a minute at a time, on the frame clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from npng_edge.policy.stays.figures import HOUR_S, PSPI_STEP, VAS_STEP, Minute, Summary
from npng_edge.units import LookAlike, PainLevel

if TYPE_CHECKING:
    from npng_edge.policy.stays.profile import Dose, Rating
    from npng_edge.units import Assessment, Moment

MINUTE_S = 60.0
MAX_STEP_S = 2.0
"""From one reading to the next so much time counts at the most; nobody looked in the rest of a longer gap."""
MOST_OPEN = 2000
"""Readings of the open minute, should the clock on the wall stand still."""
MOST_NOTES = 120
"""Ratings, and doses, that one summary of an hour keeps; of more the oldest go."""
NOT_NEUTRAL = frozenset({LookAlike.SMILE, LookAlike.TALK, LookAlike.YAWN})
"""Scores put down to these are in no average. Sleep stays in: PSPI counts closed eyes as 1."""
_PAIN = (PainLevel.PAIN, PainLevel.SEVERE)


HourSummary: TypeAlias = Summary
"""A summary of what was seen within one clock hour, UTC."""


@dataclass(frozen=True, slots=True)
class HourState:
    """The hour that is under way. Bounded: one summary, and the readings of the open minute."""

    hour: Summary | None = None
    """Up to the open minute; None before the first event."""
    folded: float = 0.0
    """Frame clock up to which `hour` has counted."""
    time: float = 0.0
    """Frame clock of the last event."""
    utc: float = 0.0
    """Of the last event."""
    read: float | None = None
    """Frame clock of the last reading."""
    open: tuple[tuple[float, Assessment], ...] = ()
    """Of the open minute: seconds that a reading stands for, and the reading."""


def step(state: HourState, assessment: Assessment | None, moment: Moment) -> tuple[HourState, HourSummary | None]:
    """Take one reading, or let time pass.

    Args:
        state: As it was.
        assessment: Of the reading; None where only time passes, which is enough a few times a second.
        moment: Now.

    Returns:
        The state, and the hour that is over (else None).
    """
    now, utc = moment.time, moment.utc
    done = None
    if state.hour is None:
        state = HourState(Summary(utc, utc), now, now, utc)
    elif utc // MINUTE_S != state.utc // MINUTE_S or len(state.open) >= MOST_OPEN:
        hour = _fold(state)
        if utc // HOUR_S != state.utc // HOUR_S:
            done = _rounded(hour)
            hour = Summary(utc, utc, threshold=hour.threshold)
        state = HourState(hour, state.time, state.time, state.utc, state.read)
    if assessment is None:
        return HourState(state.hour, state.folded, now, utc, state.read, state.open), done
    gap = 0.0 if state.read is None else min(now - state.read, MAX_STEP_S)
    return HourState(state.hour, state.folded, now, utc, now, (*state.open, (gap, assessment))), done


def _fold(state: HourState) -> Summary:
    """The hour with its open minute."""
    hour = state.hour or Summary(state.utc, state.utc)
    pspi, vas = [*hour.histogram], [*hour.vas_histogram]
    unscored, alike = dict(hour.unscored_s), dict(hour.look_alike_s)
    scored = pain = severe = compared = weighted = compared_pain = 0.0
    threshold = hour.threshold
    for gap, one in state.open:
        if one.pspi is None:
            reason = one.reasons[0].value if one.reasons else "unknown"
            unscored[reason] = unscored.get(reason, 0.0) + gap
            continue
        scored += gap
        threshold = one.threshold.pain
        hurts = gap if one.level in _PAIN else 0.0
        pain += hurts
        severe += gap if one.level is PainLevel.SEVERE else 0.0
        if one.look_alike is not None:
            alike[one.look_alike.value] = alike.get(one.look_alike.value, 0.0) + gap
        if one.vas is not None:
            _count(vas, one.vas.value / VAS_STEP, gap)
        if one.pspi_above_baseline is not None and one.look_alike not in NOT_NEUTRAL:
            _count(pspi, one.pspi_above_baseline / PSPI_STEP, gap)
            compared += gap
            weighted += gap * one.pspi_above_baseline
            compared_pain += hurts
    minutes = hour.minutes
    if compared > 0.0:
        begin = state.utc // MINUTE_S * MINUTE_S
        minute = Minute(begin, round(weighted / compared, 2), round(compared, 1), round(compared_pain, 1))
        minutes = (*minutes, minute)
    return replace(
        hour,
        end_utc=state.utc,
        seconds=hour.seconds + state.time - state.folded,
        scored_s=hour.scored_s + scored,
        unscored_s=MappingProxyType(unscored),
        look_alike_s=MappingProxyType(alike),
        pain_s=hour.pain_s + pain,
        severe_s=hour.severe_s + severe,
        histogram=tuple(pspi),
        vas_histogram=tuple(vas),
        minutes=minutes,
        threshold=threshold,
    )


def _count(histogram: list[float], at: float, gap: float) -> None:
    """Add time to the class nearest to a figure."""
    index = round(at)
    if index >= len(histogram):
        histogram.extend([0.0] * (index + 1 - len(histogram)))
    histogram[index] += gap


def note(  # noqa: PLR0913 - what may be noted, each on its own
    state: HourState,
    moment: Moment,
    *,
    alarm: str | None = None,
    news2: int | None = None,
    rating: Rating | None = None,
    dose: Dose | None = None,
) -> HourState:
    """Note what happened in this hour: an alarm raised, a complete NEWS2, a rating, a dose whose fate is known."""
    hour = state.hour or Summary(moment.utc, moment.utc)
    if alarm is not None:
        hour = replace(hour, alarms=MappingProxyType({**hour.alarms, alarm: hour.alarms.get(alarm, 0) + 1}))
    if news2 is not None:
        hour = replace(hour, worst_news2=max(news2, hour.worst_news2 or 0))
    if rating is not None:
        hour = replace(hour, ratings=(*hour.ratings, rating)[-MOST_NOTES:])
    if dose is not None:
        hour = replace(hour, doses=(*hour.doses, dose)[-MOST_NOTES:])
    return replace(state, hour=hour)


def snapshot(state: HourState) -> HourSummary | None:
    """The hour so far, as it is kept: when the stay ends, and now and then in case the power fails."""
    return None if state.hour is None else _rounded(_fold(state))


def _rounded(hour: Summary) -> Summary:
    """Tenths of a second are enough to keep, and a tenth of the space."""
    return replace(
        hour,
        seconds=round(hour.seconds, 1),
        scored_s=round(hour.scored_s, 1),
        unscored_s=MappingProxyType({key: round(value, 1) for key, value in hour.unscored_s.items()}),
        look_alike_s=MappingProxyType({key: round(value, 1) for key, value in hour.look_alike_s.items()}),
        pain_s=round(hour.pain_s, 1),
        severe_s=round(hour.severe_s, 1),
        histogram=tuple(round(value, 1) for value in hour.histogram),
        vas_histogram=tuple(round(value, 1) for value in hour.vas_histogram),
    )
