"""From the clocks of sensors and drivers to the monotonic clock."""

from __future__ import annotations

import time

OLDEST_S = 2.0
"""A stamp older than this, or from the future, is not on the clock it is taken for."""


def monotonic_of(stamp: float, *clocks: int) -> float:
    """When a picture was taken, in seconds of `time.monotonic()`.

    Args:
        stamp: The source's stamp of the picture, seconds; anything, 0 included, when the source has none.
        clocks: The clocks it may be on, likeliest first, as in `time.CLOCK_MONOTONIC`.

    Returns:
        The moment by the first clock that makes it a picture taken just now; the present moment when none does.
    """
    for clock in clocks:
        age = time.clock_gettime(clock) - stamp
        if 0.0 <= age <= OLDEST_S:
            return time.monotonic() - age
    return time.monotonic()
