"""Made-up events through the daemon's own reducer, and a nurse who answers what it raises."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from npng_edge.policy import monitor
from npng_edge.policy.events import Asked
from npng_edge.requests import Acknowledge
from npng_edge.units import AlarmKind, Phase
from simulation.stream import EXPIRES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from npng_edge.policy.decisions import Decisions
    from npng_edge.policy.events import Event
    from npng_edge.settings import Policy
    from npng_edge.units import Moment

RUN = "simulation"
"""Names the run: the same seed gives the same alarm ids."""


@dataclass(frozen=True)
class Step:
    """One event and what follows from it."""

    moment: Moment
    event: Event
    decisions: Decisions


def run(events: Iterable[tuple[Moment, Event]], settings: Policy, *, nurse_s: float | None = None) -> Iterator[Step]:
    """Take events in turn, as the daemon does.

    Args:
        events: In order of time.
        settings: Of the policy.
        nurse_s: A physiological alarm that is still there so many seconds after it was raised, or latched, is
            acknowledged; None: nobody comes.
    """
    state = monitor.begin(RUN)
    waiting: list[tuple[float, str]] = []
    for moment, event in events:
        state, decisions = monitor.step(state, event, moment, settings)
        yield Step(moment, event, decisions)
        for made in decisions.transitions:
            if nurse_s is not None and made.phase is Phase.START and made.alarm.kind is AlarmKind.PHYSIOLOGICAL:
                heapq.heappush(waiting, (moment.time + nurse_s, made.alarm.id))
        while waiting and waiting[0][0] <= moment.time:
            alarm = heapq.heappop(waiting)[1]
            if all(present.id != alarm for present in state.alarms.alarms.values()):
                continue
            answer = _acknowledge(alarm, moment)
            state, decisions = monitor.step(state, answer, moment, settings)
            yield Step(moment, answer, decisions)


def _acknowledge(alarm: str, moment: Moment) -> Asked:
    expires = datetime.fromtimestamp(moment.utc, timezone.utc) + EXPIRES
    return Asked("acknowledge", Acknowledge(id=f"a-{alarm}"[:64], who="nurse 1", expires=expires, alarm_id=alarm))
