"""Whether the wall clock may be believed: it is synchronised, and was not set for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npng_edge.units import Moment

STEP_S = 2.0
"""When wall and frame clock drift apart by more, the wall clock was set; a leap second is 1."""
STEADY_S = 300.0
"""Synchronised and not set for so long: believed. Our own choice."""


@dataclass(frozen=True, slots=True)
class WallClock:
    """How the wall clock stands to the frame clock; a slow correction by the time service moves both alike."""

    offset: float | None = None
    """Wall clock minus frame clock, seconds, when it was last found synchronised or set; None: not synchronised."""
    since: float = 0.0
    """Frame clock seconds since which that holds."""


def watch(state: WallClock, moment: Moment) -> WallClock:
    """Take one look; call it at least every few seconds."""
    if moment.synchronised is not True:
        return state if state.offset is None else WallClock()
    offset = moment.utc - moment.time
    if state.offset is not None and abs(offset - state.offset) <= STEP_S:
        return state
    return WallClock(offset, moment.time)


def doubted_s(state: WallClock, moment: Moment) -> float | None:
    """Seconds until the wall clock is believed; 0: it is; None: it is not synchronised."""
    state = watch(state, moment)
    return None if state.offset is None else max(0.0, state.since + STEADY_S - moment.time)
