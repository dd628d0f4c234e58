"""A ward full of simulated beds: its broker with TLS, its station, an auditor, and the beds in a few processes."""

from __future__ import annotations

import multiprocessing
import resource
import time
from contextlib import ExitStack, contextmanager
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from npng_edge.settings import Place
from proof import ledger
from proof.auditor import NAME, Auditor
from proof.crowd import LEDGER, Crowd, CrowdStatus, live
from proof.soak import Station
from proof.usage import Usage, usage
from proof.ward import STATION, Ward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from proof.crowd import Wish
    from proof.ledger import Decided

MOST_IN_PROCESS = 125
"""Each bed has five descriptors, and `select`, which paho uses, cannot have more than 1,024 in a process."""
FILES = 8192
"""As `deploy/mosquitto/mosquitto.service.conf` allows; 1,000 clients are more than a program may open by default."""
POLL_S = 0.1
_SPAWN = multiprocessing.get_context("spawn")


class LoadedWard:
    """The parts; `running` starts and ends them.

    Args:
        folder: For everything.
        beds: How many.
        alarm_s: Mean time between two alarm transitions of a bed, seconds.
    """

    def __init__(self, folder: Path, beds: int, alarm_s: float) -> None:
        self.beds = beds
        self._folder = folder
        self.broker = Ward(folder / "broker", NAME)
        access = self.broker.station(STATION).model_dump(mode="json")
        self.station = Station(folder / "station", self.broker.port, name=STATION, settings={"broker": access})
        places = [Place(facility="load", unit="ward", bed=f"bed-{number:04}") for number in range(beds)]
        entries = [(place, self.broker.bed(place)) for place in places]
        processes = -(-beds // MOST_IN_PROCESS)
        self._crowds = [
            Crowd(folder / f"crowd-{number}", tuple(entries[number::processes]), alarm_s, seed=number)
            for number in range(processes)
        ]
        self._pipes: list[Connection] = []
        self._pids: list[int] = []
        self.empty: dict[str, Usage] = {}
        """What `broker`, `station` and `beds` took before there was a bed."""

    @contextmanager
    def running(self) -> Iterator[Auditor]:
        """Start all but the beds, for the time of the body; gives the auditor, which listens.

        The first wish makes the beds.
        """
        _raise_limit()
        with ExitStack() as stack:
            stack.callback(self.broker.close)
            self.broker.start()
            stack.callback(self.station.close)
            self.station.start()
            auditor = Auditor(self.broker.station(NAME), self._folder)
            stack.callback(auditor.close)
            wait(lambda: auditor.count("sent") is not None, 30.0)
            for crowd in self._crowds:
                pipe, theirs = _SPAWN.Pipe()
                process = _SPAWN.Process(target=live, args=(crowd, theirs), daemon=True)
                process.start()
                theirs.close()
                stack.callback(process.join)
                self._pipes.append(pipe)
                self._pids.append(process.pid or 0)
            self._answer()
            stack.callback(self.ask, "stop")
            self.empty = self.usage()
            yield auditor

    def ask(self, wish: Wish) -> CrowdStatus:
        """Tell all processes of beds what is wished; how the beds are then."""
        for pipe in self._pipes:
            pipe.send(wish)
        return self._answer()

    def usage(self) -> dict[str, Usage]:
        """What `broker`, `station` and `beds`, all together, take now."""
        return {
            "broker": usage(self.broker.pid or 0),
            "station": usage(self.station.pid),
            "beds": reduce(add, map(usage, self._pids)),
        }

    def _answer(self) -> CrowdStatus:
        status: CrowdStatus = reduce(add, (pipe.recv() for pipe in self._pipes))
        return status

    def decided(self) -> list[Decided]:
        """Every alarm that the beds decided so far."""
        return [one for crowd in self._crowds for one in ledger.read(crowd.folder / LEDGER).alarms]


def wait(until: Callable[[], bool], timeout: float) -> float | None:
    """Ask a few times a second until it is so; seconds that took, None when it was not so in time."""
    begun = time.monotonic()
    while not until():
        if time.monotonic() - begun > timeout:
            return None
        time.sleep(POLL_S)
    return time.monotonic() - begun


def _raise_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
