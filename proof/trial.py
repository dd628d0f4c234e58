"""One run of a family of faults: broker, station and beds; then calm, everything delivered, and the verdict."""

from __future__ import annotations

import math
import queue
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from npng_edge.publish.client import Client
from npng_edge.publish.events import Received
from npng_edge.publish.topics import ROOT
from proof.checker import Verdict, check
from proof.mosquitto import EVERY_MINUTE, MosquittoBroker
from proof.station import StationProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from npng_edge.publish.events import Event
    from npng_edge.settings import Broker
    from proof.bed import Bed
    from proof.ledger import Decisions

BEGUN_S = 60.0
LEVELS_S = 10.0
AGAIN_S = 1.0
NEWS_S = 10.0
"""Also a calm bed decides something now and then, a reminder for instance: what is younger than this is not yet due."""


class Trial:
    """The parts of one run. Add beds, then `running`, `begin`, the faults, and `judge`.

    Args:
        folder: For everything; must not be there.
        persistent: Whether the broker keeps its database.
    """

    def __init__(self, folder: Path, *, persistent: bool = True) -> None:
        (folder / "broker").mkdir(parents=True)
        self.folder = folder
        self.broker = MosquittoBroker(folder / "broker", persistent=persistent, saving=EVERY_MINUTE)
        self.station = StationProcess(folder / "station", self.broker.port)
        self.beds: list[Bed] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Broker and station, for the time of the body; after it nothing is left, the beds included."""
        with ExitStack() as stack:
            stack.callback(self.broker.close)
            self.broker.start()
            stack.callback(self.station.close)
            self.station.start()
            for bed in self.beds:
                stack.callback(bed.close)
            yield

    def begin(self) -> None:
        """Start every bed, with a patient, and wait until the station has stored an alarm of each.

        Raises:
            RuntimeError: That takes too long.
        """
        for bed in self.beds:
            bed.start()
        for bed in self.beds:
            if bed.kind == "whole":
                bed.assign()
        silent = {bed.place for bed in self.beds}
        deadline = time.monotonic() + BEGUN_S
        while silent:
            silent -= {one.bed for one in self.station.collect()}
            if time.monotonic() > deadline:
                raise RuntimeError(f"the station has heard no alarm of {sorted(silent)}")
            time.sleep(0.1)

    def decisions(self) -> list[Decisions]:
        """What each bed decided so far."""
        return [bed.decided() for bed in self.beds]

    def judge(self, patience_s: float) -> Verdict:
        """Calm the beds, let them deliver what they have, compare; the faults must be over.

        Args:
            patience_s: What has not arrived after so long is lost, seconds; a bed sends again after a minute at the
                latest.
        """
        for bed in self.beds:
            bed.calm()
        calmed, deadline = time.time(), time.monotonic() + patience_s
        self.station.wait_for({one.id for bed in self.decisions() for one in bed.alarms if one.kept}, patience_s)
        while True:
            levels = retained_levels(self.beds[0].settings.broker, [bed.place for bed in self.beds])
            # In this order: what is decided meanwhile is known before it is heard.
            heard = self.station.heard()
            decided = [one for bed in self.decisions() for one in bed.alarms]
            over = time.monotonic() > deadline
            verdict = check(decided, heard, levels, due=max(calmed, time.time() - NEWS_S) if over else math.inf)
            if over or not (verdict.lost or verdict.disagreeing):
                return verdict
            time.sleep(AGAIN_S)

    def end(self) -> list[str]:
        """End the beds in good order; returns those that ended by themselves at any time, with their exit statuses."""
        for bed in self.beds:
            bed.stop()
        return [f"{bed.place}: {bed.deaths}" for bed in self.beds if bed.deaths]


def retained_levels(broker: Broker | None, beds: Sequence[str]) -> dict[str, bytes | None]:
    """What the broker holds on `alarms`: bed -> message; None: nothing.

    Args:
        broker: The way in.
        beds: Each facility/unit/bed.
    """
    assert broker is not None
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    topics = {f"{ROOT}/{bed}/alarms": bed for bed in beds}
    client = Client(broker, client_id="npng-proof-levels", will=None, subscriptions=tuple(topics), emit=events.put)
    client.start()
    found: dict[str, bytes | None] = dict.fromkeys(beds)
    deadline = time.monotonic() + LEVELS_S
    try:
        while None in found.values():
            event = events.get(timeout=max(0.0, deadline - time.monotonic()))
            if isinstance(event, Received):
                found[topics[event.topic]] = event.payload
    except queue.Empty:
        pass
    finally:
        client.stop()
    return found
