"""What a wrong wall clock may do to decisions: nothing to alarms. In simulated time, by the product's own policy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from npng_edge import host
from npng_edge.bedside.health import HealthMeter
from npng_edge.policy import monitor
from npng_edge.policy.events import Asked, Fault, Seen, Tick
from npng_edge.publish.stamp import Stamp
from npng_edge.settings import Policy
from npng_edge.units import Moment
from simulation.patient import Act, person, see
from simulation.run import run
from simulation.stream import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from npng_edge.policy.events import Event
    from npng_edge.units import Transition

RATE = 2.0
PAIN_S, PSPI = 45.0, 9.0
NURSE_S = 20.0
"""An alarm is acknowledged so long after it was raised."""
PATIENCE_S = 900.0
"""A `clock` alarm that has not been raised so long after the fault is not raised."""
UTC = 1_800_000_000.0


def differing(minutes: int, offset_s: float) -> tuple[int, int]:
    """Let a patient with many pains be judged twice, by a right clock and by one that is set in the middle.

    Ratings and vital signs are left out: they carry times of others, and are refused when these do not fit.

    Args:
        minutes: How long; a pain every two.
        offset_s: By so much the clock is set.

    Returns:
        Alarm transitions by the right clock, and how many of them differ: lost, early, late, another.
    """
    right = _transitions(minutes, lambda _: 0.0)
    wrong = _transitions(minutes, lambda time: offset_s if time > minutes * 30.0 else 0.0)
    different = abs(len(right) - len(wrong)) + sum(one != other for one, other in zip(right, wrong, strict=False))
    return len(right), different


def _transitions(minutes: int, offset: Callable[[float], float]) -> list[Transition]:
    rng = np.random.default_rng(1)
    who = person(rng, "sim-clock")
    acts = tuple(Act("pain", at, PAIN_S, PSPI) for at in np.arange(90.0, minutes * 60.0, 120.0))

    def events() -> Iterator[tuple[Moment, Event]]:
        for moment, event in stream(who, acts, see(who, acts, minutes * 60.0, RATE, rng), rng):
            if isinstance(event, Seen | Tick) or (isinstance(event, Asked) and event.name == "assign"):
                yield replace(moment, utc=moment.utc + offset(moment.time)), event

    return [made for step in run(events(), Policy(), nurse_s=NURSE_S) for made in step.decisions.transitions]


def clock_alarm_after(
    folder: Path, offset_s: float, *, synchronised: bool | None, begun_s: float = 0.0
) -> float | None:
    """Seconds from a fault of the clock until the alarm `clock` is raised; None: it never is.

    Asks once a second, as the bedside does.

    Args:
        folder: Any; where the disk's space is measured.
        offset_s: By so much the clock is set.
        synchronised: Whether a time server is said to set it from then on.
        begun_s: By so much it was wrong from the start.
    """
    settings = Policy()
    stamp = Stamp("a/b/c", "run", clock_synchronised=lambda: synchronised)
    meter = HealthMeter(stamp, lambda: (0, 0), folder, 0.0, UTC + begun_s)
    state = monitor.begin("run")
    before, host.clock_synchronised = host.clock_synchronised, lambda: synchronised
    try:
        for second in range(1, int(PATIENCE_S)):
            now, utc = float(second), UTC + begun_s + second + offset_s
            cause = meter.faults(settings.technical, now, utc, watching=False)["clock"]
            for event in (Fault("clock", cause), Tick()):
                state, decisions = monitor.step(state, event, Moment(now, utc, synchronised), settings)
                if any(made.alarm.condition == "clock" for made in decisions.transitions):
                    return now - 1.0
    finally:
        host.clock_synchronised = before
    return None
