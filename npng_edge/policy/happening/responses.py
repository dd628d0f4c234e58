"""What the face showed after a dose: the score's median then, less its median before.

Kept are medians of whole minutes, for `KEPT_S`, because a dose may be entered hours late. The score is PSPI of the face
as seen: a baseline that is learnt anew between the dose and the effect must not look like an effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from npng_edge.policy.happening.episode import Effect, Missing, Response
from npng_edge.policy.happening.ring import SAMPLE_S

if TYPE_CHECKING:
    from npng_edge.policy.happening.episode import Sample

EFFECTS_MIN = (5, 15, 30, 60)
"""Minutes after a dose."""
FOLLOWED_S = 60.0 * EFFECTS_MIN[-1]
"""A dose is followed for so long."""
WINDOW_S = 180.0
"""A level is the median of the whole minutes in so long before its time, 2 or 3 of them."""
LEAST_SCORED_S = 15.0
"""Seconds of score that a minute needs to count."""
KEPT_S = 14 * 3600.0
"""Minutes and doses are kept so long: a dose may be entered 12 hours late, and is followed for an hour."""
MOST_DOSES = 200
"""Doses kept; a patient's own pump gives at the most about 140 in `KEPT_S`."""


@dataclass(frozen=True, slots=True)
class Given:
    """One dose, on the frame clock."""

    time: float
    utc: float
    drug: str
    mg: float


@dataclass(frozen=True, slots=True)
class Minutes:
    """The score minute by minute."""

    scores: tuple[float, ...] = ()
    """Of the minute that is not over, at the most 120."""
    minute: int = 0
    """Its number since the frame clock's zero."""
    medians: tuple[tuple[int, float], ...] = ()
    """Of whole minutes with enough score, oldest first, at the most `KEPT_S` / 60."""


def add(minutes: Minutes, sample: Sample) -> Minutes:
    """Take one half second in; samples must come in order."""
    minute = int(sample.time // 60.0)
    if minute != minutes.minute:
        oldest, medians = minute - int(KEPT_S // 60.0), minutes.medians
        if len(minutes.scores) * SAMPLE_S >= LEAST_SCORED_S:
            medians = (*medians, (minutes.minute, median(minutes.scores)))
        minutes = Minutes((), minute, tuple(one for one in medians if one[0] >= oldest))
    if sample.pspi is None:
        return minutes
    return Minutes((*minutes.scores, sample.pspi), minute, minutes.medians)


def level(minutes: Minutes, time: float) -> float | None:
    """Median PSPI of the whole minutes within `WINDOW_S` before a time; None: not seen, or not kept any more."""
    first, last = (time - WINDOW_S) / 60.0, time / 60.0 - 1.0
    found = [score for minute, score in minutes.medians if first <= minute <= last]
    return median(found) if found else None


def response(dose: Given, doses: tuple[Given, ...], minutes: Minutes, now: float, *, last: bool = False) -> Response:
    """What followed a dose, as far as it is known now.

    Args:
        dose: The one to judge.
        doses: All that are kept.
        minutes: The score minute by minute.
        now: Frame clock seconds.
        last: Whether nothing more will be seen, so that what is to come is never known.
    """
    before = level(minutes, dose.time)
    effects = []
    for after in EFFECTS_MIN:
        then = dose.time + 60.0 * after
        # The last minute is over only with the first sample of the next.
        if now < then + SAMPLE_S:
            effects.append(Effect(after, None, Missing.NOT_KEPT if last else Missing.NOT_YET))
            continue
        found = level(minutes, then)
        if before is None or found is None:
            effects.append(Effect(after, None, Missing.NOT_SEEN))
        else:
            effects.append(Effect(after, found - before))
    others = sum(one is not dose and dose.time <= one.time < dose.time + FOLLOWED_S for one in doses)
    return Response(dose.utc, dose.drug, dose.mg, before, tuple(effects), others)


def complete_at(dose: Given) -> float:
    """When the last effect of a dose can be told, frame clock seconds."""
    return dose.time + FOLLOWED_S + 60.0 + SAMPLE_S
