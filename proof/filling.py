"""What one bed decides in days without a broker, put into its outbox in simulated time.

The patient is made up (`simulation`); policy, keeper, teller and outbox are the product's, with clocks of their own. As
in a real outage nothing comes in: nobody acknowledges, and no vital signs arrive. The patient is assigned at the
start, and a camera with a loose cable brings as many alarms as are wanted.
"""

from __future__ import annotations

import heapq
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.bedside.keeping import Keeper
from npng_edge.bedside.telling import Teller
from npng_edge.policy import monitor
from npng_edge.policy.events import Asked, Fault, Seen, Tick
from npng_edge.publish.delivery import Delivery
from npng_edge.publish.stamp import Stamp
from npng_edge.publish.topics import Topics
from npng_edge.settings import Policy
from npng_edge.units import Moment
from simulation import schedule
from simulation.patient import person, see
from simulation.stream import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from npng_edge.policy.events import Event
    from npng_edge.publish.messages import State
    from npng_edge.record.outbox import Outbox, OutboxStatus
    from npng_edge.settings import Place

HOUR_S = 3600.0
RATE = 2.0
"""Readings a second."""
SCORE_S = 1.0
"""As `npng_edge.bedside.stage.PAIN_S`."""
DARK_S = 3.0
"""So long the camera is gone each time."""
AWAY_S = 5.0
"""The broker is noticed to be away after so long."""


class _Nobody:
    """A client that is never connected."""

    connection = None

    def publish(self, *_: object, **__: object) -> None:
        """Say that nothing was sent."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What was decided."""

    run: str
    """`boot_id` of the messages."""
    alarms: int
    """Alarm transitions."""
    scores: int
    """`pain` messages."""
    episodes: int
    """`episode` messages."""
    status: OutboxStatus
    """Of the outbox at the end."""


class _Clock:
    """Simulated time."""

    def __init__(self, start: float) -> None:
        self.time, self.utc = 0.0, start


def fill(  # noqa: PLR0913 - what a scenario is made of
    place: Place,
    opened: Callable[[str, Callable[[], float], Callable[[], float]], Outbox],
    *,
    hours: float,
    alarms: int,
    seed: int = 0,
    now: datetime | None = None,
) -> Filled:
    """Let a bed decide for hours without a broker, and close its outbox.

    Args:
        place: Of the bed.
        opened: Makes the outbox: run, monotonic clock, wall clock.
        hours: How long.
        alarms: The loose cable makes about so many alarm transitions; the patient makes more.
        seed: The only source of chance.
        now: The end of the outage; None: the present.
    """
    start = (now or datetime.now(timezone.utc)) - timedelta(hours=hours)
    clock, settings, run = _Clock(start.timestamp()), Policy(), uuid.uuid4().hex
    topics = Topics(place)
    stamp = Stamp(
        topics.place, run, clock_synchronised=lambda: None, monotonic=lambda: clock.time, wall=lambda: clock.utc
    )
    outbox = opened(run, lambda: clock.time, lambda: clock.utc)
    keeper = Keeper(outbox, topics, stamp)
    teller = Teller(stamp, topics, Delivery(outbox, _Nobody(), topics, online=_never, now=0.0), outbox)
    state, due = monitor.begin(run), 0.0
    transitions = scores = episodes = 0
    for moment, event in _events(hours, alarms, seed, start):
        clock.time, clock.utc = moment.time, moment.utc
        before = state
        state, decisions = monitor.step(before, event, moment, settings)
        keeper.keep(before, state, decisions)
        transitions += len(decisions.transitions)
        episodes += len(decisions.episodes)
        scored = decisions.assessment
        if isinstance(event, Seen) and scored is not None and (moment.time >= due or decisions.transitions):
            due = moment.time + SCORE_S
            teller.score(event.reading, scored, state, settings)
            scores += 1
    status = outbox.status()
    outbox.close()
    return Filled(run, transitions, scores, episodes, status)


def _never() -> State:
    raise AssertionError("nobody connects")


def _events(hours: float, alarms: int, seed: int, start: datetime) -> Iterator[tuple[Moment, Event]]:
    """What happens, in order of time: the patient's face, time, and the faults."""
    seconds = hours * HOUR_S
    rng = np.random.default_rng((seed, 3))
    who = person(rng, f"sim-{seed:04d}")
    happens = (*schedule.look_alikes(rng, hours), *schedule.pains(rng, hours))
    acts = tuple(sorted(happens, key=lambda act: act.start))
    every = 2 * seconds / alarms if alarms else seconds
    faults: list[tuple[float, Event]] = [(AWAY_S, Fault("broker", "not connected"))]
    for number in range(alarms // 2):
        gone = (number + 0.5) * every
        faults += [(gone, Fault("camera", "The camera is lost.")), (gone + DARK_S, Fault("camera", None))]
    utc = start.timestamp()
    timed = [(Moment(at, utc + at, synchronised=None), event) for at, event in faults]
    face = stream(who, acts, see(who, acts, seconds, RATE, rng), rng, start)
    dark = False
    for moment, event in heapq.merge(timed, face, key=lambda one: one[0].time):
        if isinstance(event, Fault) and event.condition == "camera":
            dark = event.cause is not None
        assigned = isinstance(event, Asked) and event.name == "assign"
        if isinstance(event, Tick | Fault) or assigned or (isinstance(event, Seen) and not dark):
            yield moment, event
