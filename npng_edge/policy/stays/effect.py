"""What the face showed before and after each dose of an analgesic. A sequence in time, not a proof of cause."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npng_edge.policy.stays.figures import Minute
    from npng_edge.policy.stays.profile import Dose

BEFORE_MIN = 60
AFTER_MIN = (5, 15, 30, 60)
"""Ends of the windows after a dose; each begins where the one before it ends."""
FEWEST_S = 60.0
"""A window with fewer seconds of scores says nothing."""


@dataclass(frozen=True, slots=True)
class Window:
    """Some minutes before or after a dose."""

    begin_min: int
    """From the dose, negative before it."""
    end_min: int
    scored_s: float
    """Seconds with a score above baseline."""
    mean_pspi: float | None
    """Above baseline; None: seen for less than `FEWEST_S`."""
    pain_min_per_h: float | None
    """Minutes above the threshold in an hour with scores; None: as above."""


@dataclass(frozen=True, slots=True)
class DoseEffect:
    """One dose."""

    dose: Dose
    before: Window
    after: tuple[Window, ...]
    other_doses: int
    """Within the hour before or after: they work too."""


def effects(minutes: Sequence[Minute], doses: Sequence[Dose]) -> list[DoseEffect]:
    """For each dose, oldest first.

    Args:
        minutes: Of the stay, oldest first.
        doses: Of the stay, in any order. One whose fate is not known counts like one that was given.
    """
    doses = sorted(doses, key=lambda dose: dose.utc)
    reach = BEFORE_MIN * 60.0
    return [
        DoseEffect(
            dose=dose,
            before=_window(minutes, dose.utc, -BEFORE_MIN, 0),
            after=tuple(
                _window(minutes, dose.utc, begin, end) for begin, end in zip((0, *AFTER_MIN), AFTER_MIN, strict=False)
            ),
            other_doses=sum(abs(other.utc - dose.utc) <= reach for other in doses) - 1,
        )
        for dose in doses
    ]


def _window(minutes: Sequence[Minute], utc: float, begin: int, end: int) -> Window:
    """The minutes whose middle lies in the window."""
    first = bisect_left(minutes, utc + begin * 60.0 - 30.0, key=_begin)
    last = bisect_left(minutes, utc + end * 60.0 - 30.0, key=_begin)
    seen = minutes[first:last]
    scored = sum(minute.scored_s for minute in seen)
    if scored < FEWEST_S:
        return Window(begin, end, scored, None, None)
    mean = sum(minute.mean * minute.scored_s for minute in seen) / scored
    return Window(begin, end, scored, mean, 60.0 * sum(minute.pain_s for minute in seen) / scored)


def _begin(minute: Minute) -> float:
    return minute.utc
