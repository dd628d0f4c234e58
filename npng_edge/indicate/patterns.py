"""What each signal sounds and looks like: data, and one function that reads it.

Taken over: the number of pulses (ten, three, one) and red, yellow, steady, as bedside monitors have them (the manual of
the Comen N10, chapter 7), and flash rates within those that IEC 60073 calls normal (1.4 to 2.8 Hz, here high) and slow
(0.4 to 0.8 Hz, here medium), as the draft of IEEE 1621 of 15 December 2002 quotes them. Lengths, pauses, intervals and
yellow for low are our own choice. The text of IEC 60601-1-8 was not at hand, and nothing here claims to conform to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

from npng_edge.policy.alarm.local import Signal


@dataclass(frozen=True, slots=True)
class Pattern:
    """On and off over time, from the moment the signal begins. After its steps it is off."""

    steps: tuple[tuple[bool, float], ...] = ()
    """On or off, and for how many seconds."""
    every_s: float | None = None
    """It begins again so many seconds after it began; None: it comes once."""

    @property
    def length_s(self) -> float:
        """Of the steps, seconds."""
        return sum(seconds for _, seconds in self.steps)

    def at(self, time: float) -> tuple[bool, float]:
        """Whether it is on, and for how many seconds it stays so.

        Args:
            time: Seconds since the signal began, 0 or more.
        """
        if self.every_s is not None:
            time %= self.every_s
        end = 0.0
        for on, seconds in self.steps:
            end += seconds
            if time < end:
                return on, end - time
        return False, math.inf if self.every_s is None else self.every_s - time


@dataclass(frozen=True, slots=True)
class Sign:
    """One signal on all outputs."""

    buzzer: Pattern = Pattern()
    red: Pattern = Pattern()
    yellow: Pattern = Pattern()

    @property
    def round_s(self) -> float:
        """A signal that has begun is given for so long at least, unless a more urgent one comes: a whole round."""
        return max(pattern.length_s for pattern in (self.buzzer, self.red, self.yellow))


def _pulses(count: int, on_s: float, off_s: float) -> tuple[tuple[bool, float], ...]:
    """So many pulses; the pauses stand between them."""
    return (((True, on_s), (False, off_s)) * count)[:-1]


_THREE_AND_TWO = (*_pulses(3, 0.15, 0.1), (False, 0.3), *_pulses(2, 0.15, 0.1))
_STEADY = Pattern(((True, 1.0),), every_s=1.0)

SIGNS = MappingProxyType(
    {
        Signal.NONE: Sign(),
        Signal.LOW: Sign(Pattern(_pulses(1, 0.2, 0.0), every_s=60.0), yellow=_STEADY),
        Signal.TEST: Sign(
            Pattern(_pulses(1, 0.2, 0.0)),
            red=Pattern(((True, 0.6),)),
            yellow=Pattern(((False, 0.6), (True, 0.6))),
        ),
        Signal.MEDIUM: Sign(
            Pattern(_pulses(3, 0.2, 0.2), every_s=10.0), yellow=Pattern(((True, 1.0), (False, 1.0)), every_s=2.0)
        ),
        Signal.HIGH: Sign(
            Pattern((*_THREE_AND_TWO, (False, 0.6), *_THREE_AND_TWO), every_s=7.5),
            red=Pattern(((True, 0.25), (False, 0.25)), every_s=0.5),
        ),
    }
)
