"""Delay on, delay off: evidence over time becomes a state that does not flicker.

Each sample stands for the time since the one before it, whatever that said. So what is gathered is the share of time
that speaks for a change, and comes out the same at two readings a second as at ten; the first sample of it stands for
no time.
"""

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
    """While evidence gathers: time of the previous sample, known or unknown."""
    touched: float | None = None
    """Time of the newest evidence towards the opposite state; None: nothing is gathered."""


RESTING = Sustained()
"""Off, with nothing gathered."""


def step(  # noqa: PLR0913 - the delays, each named at the call
    state: Sustained,
    now: float,
    *,
    evidence: bool | None,
    on_delay: float,
    off_delay: float,
    hold: float = HOLD_S,
) -> Sustained:
    """Take one sample. Returns `state` itself where nothing changes.

    Args:
        state: As it was.
        now: Seconds; must not go back.
        evidence: True for present, False for absent, None for unknown or between the two thresholds: it neither counts
            nor resets, so that a hand passing the face does not restart the delay, nor end an alarm.
        on_delay: Seconds of evidence needed to switch on.
        off_delay: Seconds of evidence needed to switch off.
        hold: Evidence gathered towards a change is forgotten when nothing was added to it for so long, seconds.
    """
    if evidence is None:
        if state.touched is None:
            return state
        return _settled(state) if now - state.touched > hold else replace(state, last=now)
    if evidence is state.on:
        return state if state.touched is None else _settled(state)
    gathered = state.gathered
    if state.last is not None:
        gathered += min(now - state.last, MAX_STEP_S)
    onset = now if state.onset is None else state.onset
    # Sums of floating-point steps fall short of the delay by parts of a microsecond.
    if gathered + 1e-6 >= (off_delay if state.on else on_delay):
        return Sustained(on=True, onset=onset) if evidence else RESTING
    return Sustained(state.on, onset, gathered, now, now)


def _settled(state: Sustained) -> Sustained:
    """The same state with nothing gathered towards the other."""
    return Sustained(on=True, onset=state.onset) if state.on else RESTING
