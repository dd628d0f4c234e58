"""Delay on, delay off: evidence over time becomes a state that does not flicker."""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX_STEP_S = 1.0
"""A longer gap between two samples counts as this much evidence at the most: nobody looked in between."""
HOLD_S = 10.0
"""Evidence gathered towards a change is forgotten when nothing was added to it for so long."""


@dataclass(frozen=True, slots=True)
class Sustained:
    """A yes/no state with an on-delay and an off-delay, fed by samples of evidence."""

    on: bool = False
    onset: float | None = None
    """While evidence towards `on` gathers and while on: when the first of it was seen."""
    gathered: float = 0.0
    """Seconds of evidence gathered towards the opposite state."""
    last: float | None = None
    """Time of the previous sample, if that was evidence towards the opposite state."""
    touched: float | None = None
    """Time of the newest evidence towards the opposite state."""


def step(state: Sustained, now: float, *, evidence: bool | None, on_delay: float, off_delay: float) -> Sustained:
    """Take one sample.

    Args:
        state: As it was.
        now: Seconds; must not go back.
        evidence: True for present, False for absent, None for unknown or between the two thresholds: it neither counts
            nor resets, so that a hand passing the face does not restart the delay, nor end an alarm.
        on_delay: Seconds of evidence needed to switch on.
        off_delay: Seconds of evidence needed to switch off.
    """
    if evidence is None:
        if not state.on and state.touched is not None and now - state.touched > HOLD_S:
            return Sustained()
        return replace(state, last=None)
    if evidence is state.on:
        return Sustained(on=state.on, onset=state.onset if state.on else None)
    gathered = state.gathered
    if state.last is not None:
        gathered += min(now - state.last, MAX_STEP_S)
    onset = now if state.onset is None else state.onset
    # Sums of floating-point steps fall short of the delay by parts of a microsecond.
    if gathered + 1e-6 >= (off_delay if state.on else on_delay):
        return Sustained(on=evidence, onset=onset if evidence else None)
    return replace(state, onset=onset, gathered=gathered, last=now, touched=now)
