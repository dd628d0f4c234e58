"""`python -m proof faults outage`: 72 hours without a broker, then everything is drained, alarms first.

The outage passes in simulated time (`filling`): the product's policy decides, the product's outbox keeps and thins. The
draining is real: a Mosquitto, the reference station with its journal, and the bed in a process of its own, which goes
on deciding a few alarms meanwhile. A listener beside the station notes the order in which messages come.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from npng_edge.publish.client import Client
from npng_edge.publish.events import Connected, Received
from npng_edge.publish.topics import ROOT
from npng_edge.record.outbox import Outbox
from proof import ledger
from proof.bed import Bed
from proof.faults.run import folder
from proof.filling import Filled, fill
from proof.latency import healthy
from proof.ledger import Ledger
from proof.report import FOLDER, Figure, Result, Spread, publish
from proof.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from npng_edge.publish.events import Event
    from npng_edge.settings import Place
    from proof.checker import Verdict

HOURS = 72.0
SCENARIOS = ("300:64", "5000:512")
"""Alarms of the loose cable : `storage.max_mb`. With 64 MB, the default, most scores are thinned; with 512 none is."""
MOST_S = 600.0
"""Everything is to be drained in so long."""
GIVEN_UP_S = 1500.0
PATIENCE_S = 180.0
RATE = 1.0
"""Alarms a second, about, that the bed goes on deciding."""
QUICK = Path("/dev/shm")  # noqa: S108 - only a quicker place to fill
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Scenario:
    """What an outage is made of."""

    hours: float
    alarms: int
    """Of the loose cable; the patient brings more."""
    max_mb: int
    """`storage.max_mb`."""
    seed: int


class Came(NamedTuple):
    """A message of the outage, as the listener heard it first."""

    at: float
    """Monotonic seconds."""
    name: str
    """Of its topic: `alarm`, `pain`, `episode`."""
    sequence: int


@dataclass(frozen=True, slots=True)
class Drained:
    """How one outage ended."""

    scenario: Scenario
    filled: Filled
    verdict: Verdict
    connect_s: float
    """From the start of the bed, with its full outbox, to its connection."""
    came: tuple[Came, ...]
    """In the order in which they came."""
    connected_at: float
    """Monotonic seconds."""
    left: int
    """Messages of the outage that did not come."""
    fresh: tuple[float, ...]
    """Seconds from condition to station of what was decided while scores were drained."""
    deaths: tuple[str, ...]

    @property
    def broken(self) -> list[str]:
        """The rules that were broken, in words."""
        alarms = [number for number, one in enumerate(self.came) if one.name == "alarm"]
        scores = [number for number, one in enumerate(self.came) if one.name != "alarm"]
        return [
            *self.verdict.broken,
            *self.deaths,
            *(["not everything came"] if self.left else []),
            *(["a score came before the last alarm"] if alarms and scores and scores[0] < alarms[-1] else []),
            *(["out of order"] if self.out_of_order else []),
            *(["slower than 10 minutes"] if self.all_s > MOST_S else []),
        ]

    @property
    def out_of_order(self) -> int:
        """Messages that came after a younger one of their topic."""
        newest: dict[str, int] = {}
        count = 0
        for one in self.came:
            count += one.sequence < newest.get(one.name, 0)
            newest[one.name] = max(one.sequence, newest.get(one.name, 0))
        return count

    @property
    def alarms_s(self) -> float:
        """From the connection to the last alarm of the outage."""
        return max((one.at for one in self.came if one.name == "alarm"), default=self.connected_at) - self.connected_at

    @property
    def all_s(self) -> float:
        """From the connection to the last message of the outage."""
        return max((one.at for one in self.came), default=self.connected_at) - self.connected_at


def main(arguments: Sequence[str]) -> int:
    """Run the scenarios; 1 when anything was lost, came in the wrong order or too late."""
    parser = argparse.ArgumentParser(prog="python -m proof faults outage", description=__doc__)
    parser.add_argument("--hours", type=float, default=HOURS, help="of the outage (default: %(default)g)")
    parser.add_argument(
        "--scenario",
        action="append",
        metavar="ALARMS:MAX_MB",
        help=f"alarms of a loose cable, and storage.max_mb (default: {' and '.join(SCENARIOS)})",
    )
    parser.add_argument("--seed", type=int, default=1, help="of all chance (default: %(default)s)")
    parser.add_argument("--keep", type=Path, help="folder for all files of the run, kept; default: a temporary one")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the result (default: %(default)s)")
    asked = parser.parse_args(arguments)
    figures: dict[str, Figure] = {"simulated hours": asked.hours}
    passed = True
    with folder(asked) as path:
        for number, scenario in enumerate(asked.scenario or SCENARIOS, 1):
            alarms, max_mb = map(int, scenario.split(":"))
            drained = go_through(path / f"outage-{number}", Scenario(asked.hours, alarms, max_mb, asked.seed))
            figures |= {f"{number}. {name}": value for name, value in _figures(drained).items()}
            passed = passed and not drained.broken
    title = f"{asked.hours:g} hours without a broker, drained"
    command = f"python -m proof faults outage --seed {asked.seed}"
    return publish(Result("faults-outage", title, command, passed, figures), asked.results)


def go_through(path: Path, scenario: Scenario) -> Drained:
    """One outage and its end."""
    trial = Trial(path)
    bed = Bed(
        path / "bed-1",
        "bed-1",
        port=trial.broker.port,
        rate=RATE,
        seed=scenario.seed,
        settings={"storage": {"directory": path / "bed-1" / "state", "max_mb": scenario.max_mb}, "policy": {}},
    )
    trial.beds.append(bed)
    # In a process of its own: the ledger watches every outbox of a process.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        filled = pool.submit(fill_up, bed.folder, bed.settings.place, scenario).result()
    with trial.running():
        assert bed.settings.broker is not None
        listener = Listener(bed, filled.run)
        begun = time.time()
        bed.start()
        listener.wait_for(filled.status.depth)
        window = listener.scores_began or time.time(), time.time()
        verdict = trial.judge(PATIENCE_S)
        deaths = trial.end()
        listener.client.stop()
        connected = bed.decided().connected[0]
        return Drained(
            scenario=scenario,
            filled=filled,
            verdict=verdict,
            connect_s=connected - begun,
            came=tuple(listener.came),
            connected_at=connected - time.time() + time.monotonic(),
            left=filled.status.depth - len(listener.came),
            fresh=tuple(healthy(trial.station.heard(), *window)),
            deaths=tuple(deaths),
        )


def fill_up(path: Path, place: Place, scenario: Scenario) -> Filled:
    """Fill the outbox of a bed, and its ledger; in memory where that can be, and then on the disk."""
    ledger.watch_outbox(Ledger(path / "ledger.jsonl"))
    quick = Path(tempfile.mkdtemp(dir=QUICK if QUICK.is_dir() else path))

    def opened(run: str, monotonic: Callable[[], float], wall: Callable[[], float]) -> Outbox:
        return Outbox(quick, boot_id=run, max_bytes=scenario.max_mb * MIB, monotonic=monotonic, wall=wall)

    try:
        filled = fill(place, opened, hours=scenario.hours, alarms=scenario.alarms, seed=scenario.seed)
        shutil.copytree(quick, path / "state")
    finally:
        shutil.rmtree(quick)
    return filled


class Listener:
    """Hears every message of one bed, and notes those of one run, each once."""

    def __init__(self, bed: Bed, run: str) -> None:
        self.came: list[Came] = []
        """In the order in which they came."""
        self.scores_began: float | None = None
        """When the first score came, seconds since 1970."""
        self._run = run
        self._ids: set[str] = set()
        self._listens = threading.Event()
        self._prefix = f"{ROOT}/{bed.place}/"
        assert bed.settings.broker is not None
        self.client = Client(
            bed.settings.broker,
            client_id="npng-proof-listener",
            will=None,
            subscriptions=[self._prefix + name for name in ("alarm", "pain", "episode")],
            emit=self._take,
        )
        self.client.start()
        if not self._listens.wait(10.0):
            raise RuntimeError("the listener cannot reach the broker")

    def wait_for(self, count: int) -> None:
        """Wait until so many messages have come, or for far too long."""
        deadline = time.monotonic() + GIVEN_UP_S
        while len(self.came) < count and time.monotonic() < deadline:
            time.sleep(0.1)

    def _take(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._listens.set()
        if not isinstance(event, Received):
            return
        body = json.loads(event.payload)
        if body["boot_id"] != self._run or body["id"] in self._ids:
            return
        self._ids.add(body["id"])
        name = event.topic.removeprefix(self._prefix)
        if name != "alarm" and self.scores_began is None:
            self.scores_began = time.time()
        self.came.append(Came(time.monotonic(), name, body["sequence"]))


def _figures(drained: Drained) -> dict[str, Figure]:
    filled = drained.filled
    waiting = filled.status
    scores = waiting.depth - waiting.alarms
    fresh = Spread.of(drained.fresh)
    return {
        "storage.max_mb": drained.scenario.max_mb,
        "alarms decided in the outage": filled.alarms,
        "scores and episodes decided": filled.scores + filled.episodes,
        "scores and episodes thinned": waiting.thinned,
        "messages waiting at its end": waiting.depth,
        "MB waiting": round(waiting.bytes / MIB, 1),
        "bed with this outbox, start to connection, s": drained.connect_s,
        "connection to the first alarm, s": drained.came[0].at - drained.connected_at if drained.came else None,
        "connection to the last alarm, s": drained.alarms_s,
        "connection to the last score, s": drained.all_s,
        "alarms a second": waiting.alarms / drained.alarms_s if drained.alarms_s else None,
        "scores a second": scores / (drained.all_s - drained.alarms_s) if drained.all_s > drained.alarms_s else None,
        "messages that did not come": drained.left,
        "messages out of order": drained.out_of_order,
        "alarms kept, those of the bed after the outage included": drained.verdict.kept,
        "lost": len(drained.verdict.lost),
        "duplicates on the wire, removed by the station": drained.verdict.duplicates,
        "new alarms while scores are drained, condition to station": None if fresh is None else str(fresh),
        "rules broken": ", ".join(drained.broken) or "none",
    }
