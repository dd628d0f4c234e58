"""Many simulated beds in one process, each with its own connection, certificate, outbox and thread of the connection.

One thread owns all beds of the process and steps each as the bedside's own thread does.
"""

from __future__ import annotations

import heapq
import logging
import os
import queue
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Literal, TypeAlias

from npng_edge.publish.events import Connected, Disconnected, Refused, Unreachable
from proof import ledger
from proof.ledger import Ledger
from proof.simulated_bed import SimulatedBed

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from npng_edge.publish.events import Event
    from npng_edge.settings import Broker, Place

Wish: TypeAlias = Literal["busy", "calm", "quiet", "alarm", "status", "stop"]
"""What the beds are asked for.

`busy`: everything, with alarms at random. `calm`: no alarms. `quiet`: nothing. `alarm`: one transition each, now.
`stop`: the process ends as it is, which outboxes and a broker must bear.
"""
LEDGER = "ledger.jsonl"
NICE = 15
"""Real beds have processors of their own: these must not take it from the broker and the station."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """What one process is made of."""

    folder: Path
    beds: tuple[tuple[Place, Broker], ...]
    alarm_s: float
    """Mean time between two alarm transitions of a bed, seconds."""
    seed: int


@dataclass(frozen=True, slots=True)
class CrowdStatus:
    """How the beds of one process, or of several, are."""

    connected: int = 0
    """Beds with a connection."""
    owed: int = 0
    """Alarms without a receipt."""
    told: Counter[str] = field(default_factory=Counter)
    """Messages made so far, by the name of their topic."""
    connects: Counter[str] = field(default_factory=Counter)
    """Connections and attempts so far, by what became of them."""

    def __add__(self, other: CrowdStatus) -> CrowdStatus:
        return CrowdStatus(
            self.connected + other.connected,
            self.owed + other.owed,
            self.told + other.told,
            self.connects + other.connects,
        )


def live(crowd: Crowd, pipe: Connection) -> None:
    """Make the beds at the first wish, and let them live until the last, or until nobody is there to wish.

    Args:
        crowd: The beds.
        pipe: Where wishes come from; each is answered with the `CrowdStatus` after it, and so is the process's start.
    """
    logging.getLogger("npng_edge").setLevel(logging.ERROR)
    os.nice(NICE)
    crowd.folder.mkdir(parents=True, exist_ok=True)
    ledger.watch_outbox(Ledger(crowd.folder / LEDGER))
    pipe.send(CrowdStatus())
    with suppress(EOFError):
        wish: Wish = pipe.recv()
        owner = _Owner(crowd)
        pipe.send(owner.fulfil(wish))
        while wish != "stop":
            owner.turn()
            if pipe.poll():
                wish = pipe.recv()
                pipe.send(owner.fulfil(wish))


class _Owner:
    """All beds of one process, and what happens on their connections."""

    def __init__(self, crowd: Crowd) -> None:
        random = Random(crowd.seed)
        self._events: queue.SimpleQueue[tuple[int, Event]] = queue.SimpleQueue()
        self._owed: set[str] = set()
        self._connects: Counter[str] = Counter()
        self._beds = [
            SimulatedBed(
                crowd.folder / place.bed,
                place,
                broker,
                partial(self._put, number),
                random=random,
                alarm_s=crowd.alarm_s,
                owed=self._owed,
            )
            for number, (place, broker) in enumerate(crowd.beds)
        ]
        self._schedule()
        for bed in self._beds:
            bed.start()

    def turn(self) -> None:
        """Do what is due, then take what has come, or wait for it until something is due."""
        now = time.monotonic()
        while self._due[0][0] <= now:
            number = self._due[0][1]
            self._beds[number].turn(now)
            heapq.heapreplace(self._due, (self._beds[number].next_at, number))
        touched = set()
        try:
            number, event = self._events.get(timeout=max(0.0, self._due[0][0] - time.monotonic()))
            for _ in range(self._events.qsize() + 1):
                self._count(event)
                self._beds[number].handle(event)
                touched.add(number)
                number, event = self._events.get_nowait()
        except queue.Empty:
            pass
        for number in touched:
            self._beds[number].step()

    def fulfil(self, wish: Wish) -> CrowdStatus:
        """Do what is wished; the state after it."""
        for bed in self._beds:
            if wish in ("busy", "calm", "quiet"):
                bed.busy(alarms=wish == "busy", rest=wish != "quiet")
            elif wish == "alarm":
                bed.change(time.monotonic())
        self._schedule()
        return CrowdStatus(
            connected=sum(bed.connected for bed in self._beds),
            owed=len(self._owed),
            told=sum((bed.told for bed in self._beds), Counter()),
            connects=self._connects.copy(),
        )

    def _schedule(self) -> None:
        self._due = [(bed.next_at, number) for number, bed in enumerate(self._beds)]
        heapq.heapify(self._due)

    def _put(self, number: int, event: Event) -> None:
        self._events.put((number, event))

    def _count(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._connects["connected"] += 1
        elif isinstance(event, Disconnected | Refused | Unreachable):
            self._connects[event.reason.partition(": ")[2]] += 1
