"""Which signal the device itself gives at the bedside.

None while a nurse station listens, for that is the one to sound. When it cannot be reached, whoever is near the bed
must hear of what is present. Nobody can acknowledge at the bed, so what needs no quick answer is kept quiet enough to
be borne through a long outage.
"""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from npng_edge.units import Activation, Presence, Priority

if TYPE_CHECKING:
    from collections.abc import Iterable

    from npng_edge.units import Alarm

UNHEARD = frozenset({"broker", "station-not-listening"})
"""While one of these conditions is present, nobody can rely on a nurse station to sound."""


class Signal(IntEnum):
    """What is sounded and shown at the bed, in order of urgency; of several, the most urgent counts."""

    NONE = 0
    LOW = 1
    TEST = 2
    """A short beep and flash of the self-test: below an alarm that somebody must come for, so that it hides none."""
    MEDIUM = 3
    HIGH = 4


OF_PRIORITY = MappingProxyType({Priority.LOW: Signal.LOW, Priority.MEDIUM: Signal.MEDIUM, Priority.HIGH: Signal.HIGH})


def local_signal(alarms: Iterable[Alarm]) -> Signal:
    """The signal that follows from the alarms that are present.

    None while a station listens. Else the most urgent of what the alarms ask for. So one that is acknowledged or
    paused is quiet, and never hides another.

    Args:
        alarms: All that are present or latched, in any order.
    """
    present = tuple(alarms)
    if not any(alarm.condition in UNHEARD for alarm in present):
        return Signal.NONE
    return max(map(_asked_by, present))


def _asked_by(alarm: Alarm) -> Signal:
    """What one alarm asks for while no station listens."""
    if alarm.activation is Activation.PAUSED or alarm.presence in (Presence.ACKNOWLEDGED, Presence.OFF):
        return Signal.NONE
    if alarm.condition in UNHEARD or alarm.presence is Presence.LATCHED:
        # That nobody hears is no danger by itself, and what is latched is over: somebody should look in.
        return Signal.LOW
    return OF_PRIORITY[alarm.priority]
