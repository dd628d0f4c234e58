"""Twenty-four hours of one made-up patient through the daemon's own policy, kept as an event log to replay.

The patient sleeps, eats, reads, talks, laughs and is handled by staff, and is in pain at times. A nurse acknowledges
each physiological alarm after a minute and a half, asks for ratings and gives an analgesic after the worst pain.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.record.event_log import EventWriter
from npng_edge.settings import Policy
from npng_edge.units import Phase
from simulation import schedule
from simulation.patient import person, see
from simulation.run import RUN, run
from simulation.stream import stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from npng_edge.policy.events import Event
    from npng_edge.units import Moment
    from simulation.patient import Act

NURSE_S = 90.0
MOST_BYTES = 2**31
HOUR = 3600.0


def events(
    seed: int, hours: float, rate: float, begin: float = 0.0
) -> tuple[tuple[Act, ...], Iterator[tuple[Moment, Event]]]:
    """A day with pains: what truly happens, and the events that come of it.

    Args:
        seed: The only source of chance.
        hours: How long.
        rate: Readings a second.
        begin: Hour of the day at the start, for the habits; the clock starts at midnight all the same.
    """
    rng = np.random.default_rng((seed, 3))
    who = person(rng, f"sim-{seed:04d}")
    happens = (*schedule.look_alikes(rng, hours, begin), *schedule.pains(rng, hours, begin))
    acts = tuple(sorted(happens, key=lambda act: act.start))
    return acts, stream(who, acts, see(who, acts, hours * HOUR, rate, rng), rng)


def main(argv: Sequence[str]) -> None:
    """Simulate, write the log, and print what the policy made of it."""
    parser = argparse.ArgumentParser(prog="python -m simulation day", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--rate", type=float, default=2.0, help="readings a second")
    parser.add_argument("--output", type=Path, help="event log, JSON lines")
    asked = parser.parse_args(argv)
    began = time.perf_counter()
    acts, happening = events(asked.seed, asked.hours, asked.rate)
    writer = EventWriter(asked.output, run=RUN, max_bytes=MOST_BYTES) if asked.output else None
    raised: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    counted = 0
    for step in run(happening, Policy(), nurse_s=NURSE_S):
        counted += 1
        if writer:
            writer.write(step.moment, step.event)
        raised.update(made.alarm.condition for made in step.decisions.transitions if made.phase is Phase.START)
        refused.update(one.name for one in step.decisions.outcomes if one.refusal)
    if writer:
        writer.close()
    took = time.perf_counter() - began
    pains = [act for act in acts if act.kind == "pain"]
    print(
        f"{asked.hours:g} h, {counted} events in {took:.1f} s; {len(pains)} pains, strongest PSPI "
        f"{max((act.strength for act in pains), default=0.0):.1f} above the neutral face"
    )
    print(f"alarms: {dict(raised.most_common())}; refused requests: {dict(refused)}")
