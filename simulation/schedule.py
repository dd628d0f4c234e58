"""What a made-up patient does in a day. How often, and for how long, is assumed: nobody has counted it for us."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulation.patient import Act

if TYPE_CHECKING:
    import numpy as np

HOUR = 3600.0
AWAKE = (7.0, 22.0)
"""Hours of the day."""


class Habit(NamedTuple):
    """How often somebody does something while awake, and for how long."""

    per_hour: float
    least_s: float
    mean_s: float
    """Beyond the least, exponentially distributed."""
    most_s: float


HABITS = {
    "talk": Habit(4.0, 5.0, 60.0, 600.0),
    "smile": Habit(4.0, 1.5, 2.5, 15.0),
    "laugh": Habit(1.0, 1.5, 3.0, 15.0),
    "yawn": Habit(1.0, 3.5, 1.5, 7.5),
    "squint": Habit(1.0, 1.5, 6.0, 60.0),
    "down": Habit(2.0, 20.0, 240.0, 1200.0),
}
"""What looks like pain, or closes the eyes, and is neither pain nor sleep."""
UNSEEN = {
    "away": Habit(4.0, 3.0, 60.0, 600.0),
    "hand": Habit(6.0, 1.0, 2.0, 10.0),
}
"""The face cannot be scored."""
MEALS = (8.0, 12.5, 18.0)
MEAL_S = 1200.0
CARE = (7.25, 10.0, 13.5, 17.0, 20.5)
"""Somebody washes, turns or mobilises the patient."""


def look_alikes(rng: np.random.Generator, hours: float, begin: float = 0.0, *, unseen: bool = True) -> tuple[Act, ...]:
    """Acts without any pain.

    Args:
        rng: The only source of chance.
        hours: How long.
        begin: Hour of the day at the start, 0..24.
        unseen: Whether the face is turned away or covered at times, as faces are.
    """
    acts = []
    for kind, habit in (HABITS | UNSEEN if unseen else HABITS).items():
        for start in rng.uniform(0.0, hours, rng.poisson(habit.per_hour * hours)):
            if _awake(begin + start):
                seconds = min(habit.least_s + rng.exponential(habit.mean_s), habit.most_s)
                strength = rng.uniform(0.4, 1.0)
                acts.append(Act(kind, start * HOUR, seconds, strength))
    acts += [Act("chew", at * HOUR, MEAL_S) for at in _times(MEALS, begin, hours)]
    # Hours of sleep, with short times awake between them; a nap after lunch.
    at = 0.0
    while at < hours:
        length = rng.uniform(0.5, 2.0)
        if not _awake(begin + at) or (abs((begin + at) % 24.0 - 14.0) < 1.0 and rng.random() < 0.5):
            acts.append(Act("sleep", at * HOUR, length * HOUR * 0.95))
            if unseen:
                acts.append(Act("away", (at + length * rng.uniform(0.2, 0.6)) * HOUR, length * HOUR * 0.3))
        at += length
    asleep = [act for act in acts if act.kind == "sleep"]
    reading = [act for act in acts if act.kind == "down"]
    acts = [
        act
        for act in acts
        if act.kind in ("sleep", "away", "hand")
        or not (_during(act, asleep) or (act.kind == "squint" and _during(act, reading)))
    ]
    return tuple(sorted(acts, key=lambda act: act.start))


def pains(rng: np.random.Generator, hours: float, begin: float = 0.0) -> tuple[Act, ...]:
    """Pain in a bad day: most of it when somebody handles the patient, some at rest; care is among the acts."""
    acts = []
    for at in _times(CARE, begin, hours):
        length = rng.uniform(300.0, 900.0)
        acts.append(Act("care", at * HOUR, length))
        for _ in range(rng.poisson(1.5)):
            start = at * HOUR + rng.uniform(20.0, length - 20.0)
            acts.append(Act("pain", start, rng.uniform(8.0, 60.0), rng.uniform(4.0, 10.0)))
    acts += [
        Act("pain", start * HOUR, rng.uniform(20.0, 600.0), rng.uniform(3.0, 8.0))
        for start in rng.uniform(0.0, hours, rng.poisson(hours / 5.0))
    ]
    return tuple(sorted(acts, key=lambda act: act.start))


def _during(act: Act, others: list[Act]) -> bool:
    return any(other.start < act.end and act.start < other.end for other in others)


def _awake(hour: float) -> bool:
    return AWAKE[0] <= hour % 24.0 < AWAKE[1]


def _times(daily: tuple[float, ...], begin: float, hours: float) -> list[float]:
    """Hours from the start at which these hours of the day come."""
    every = [hour + 24.0 * day - begin for day in range(int(hours // 24) + 2) for hour in daily]
    return [at for at in every if 0.0 <= at < hours]
