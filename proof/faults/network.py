"""`python -m proof faults network`: connections that are cut, stalled, slow, half-open, reset or refused.

Each bed reaches the broker through a proxy of its own, and where it can be had through a network namespace with a cable
that can be pulled. A fault hits a bed under a storm of alarms; the next one comes when the station has all that the bed
had decided until the repair. Some last long enough to measure how soon the bed says that nobody hears it. At the end
come faults between the station and the broker, which every bed must notice.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from proof.bed import Bed
from proof.faults.namespace import Namespace, enter
from proof.faults.namespace import why_not as why_no_namespace
from proof.faults.network_judged import Fault, defects, figures, silences
from proof.faults.network_kinds import KINDS, STATION_KINDS, Reach
from proof.faults.run import HEALTHY_S, Tally, finish, folder, look, options
from proof.plants import PLANTS
from proof.proxy import Proxy
from proof.report import Result, Spread, publish
from proof.station import StationProcess
from proof.trial import Trial

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from proof.faults.network_kinds import Kind
    from proof.report import Figure

RATE = "5"
"""Events a second of each storm, if nothing else is said: what waits after a fault must be gone before the next."""
BACK_S = 180.0
"""So long after a fault the station must have all that waited; keepalive and back-off have their say before."""
PAUSE_S = (0.5, 2.0)
"""From then to the next fault."""
STATION_SHARE = 10
"""One fault in so many is between station and broker."""
POLL_S = 0.2


def main(arguments: Sequence[str]) -> int:
    """Run the family; 1 when anything was lost or any other rule was broken."""
    asked = options("network", __doc__, ["--rate", RATE, *arguments], count=200)
    missing = why_no_namespace()
    kinds = [kind for kind in KINDS if missing is None or not kind.cable]
    if missing is not None:
        print(f"without network namespaces: {missing}", file=sys.stderr)
    tally = Tally()
    with folder(asked) as path, network(path / "trial", asked, cables=missing is None) as ward:
        ward.trial.begin()
        window = look(min(HEALTHY_S, 1.0 + asked.count / 10))
        at_station = asked.count // STATION_SHARE
        lanes = deal(kinds, asked.count - at_station, len(ward.trial.beds), Random(asked.seed))
        (station,) = deal(STATION_KINDS, at_station, 1, Random(asked.seed))
        faults = ward.spoil_beds(lanes) + ward.spoil_station(station)
        finish(ward.trial, tally, asked, window)
        noticed = silences(faults, ward.trial.station.heard())
        connected = {bed.place: bed.decided().connected for bed in ward.trial.beds}
    tally.faults = Counter(fault.kind.name for fault in faults)
    found = defects(faults, noticed)
    print("\n".join(found), file=sys.stderr)
    told = {"network namespaces": missing or "yes", **figures(faults, connected, noticed), "defects seen": len(found)}
    return publish(result(asked, tally, told, passed=tally.passed and not found), asked.results)


def result(asked: argparse.Namespace, tally: Tally, told: Mapping[str, Figure], *, passed: bool) -> Result:
    """Everything, in words."""
    (verdict,) = tally.verdicts
    latency = Spread.of(tally.healthy)
    shown: dict[str, Figure] = {
        "faults": tally.faults.total(),
        "alarms kept in an outbox": verdict.kept,
        "alarms at the station": verdict.heard,
        "lost": len(verdict.lost),
        "other rules broken": ", ".join(rule for rule in verdict.broken if rule != "lost") or "none",
        "out of order": len(verdict.late),
        "duplicates on the wire, removed by the station": verdict.duplicates,
        "beds that ended by themselves": len(tally.deaths),
        "condition to station, median / p99 / longest, healthy": None if latency is None else str(latency),
        **told,
        **{f"... {kind}": count for kind, count in sorted(tally.faults.items())},
    }
    command = f"python -m proof faults network --count {asked.count} --seed {asked.seed}"
    return Result(
        "faults-network", "cut, stalled, slow, half-open, reset and refused connections", command, passed, shown
    )


def deal(kinds: Sequence[Kind], count: int, lanes: int, chance: Random) -> list[list[Kind]]:
    """So many faults, each kind about equally often, in any order, for so many lanes."""
    dealt = [kinds[number % len(kinds)] for number in range(count)]
    chance.shuffle(dealt)
    return [dealt[number::lanes] for number in range(lanes)]


class Ward:
    """The trial, and the ways that can be spoilt.

    Args:
        trial: Its beds are the keys of `reaches`.
        reaches: The way of each bed.
        at_station: The way of the station.
        seed: Of all chance.
    """

    def __init__(self, trial: Trial, reaches: Mapping[Bed, Reach], at_station: Reach, seed: int) -> None:
        self.trial = trial
        self._reaches = reaches
        self._at_station = at_station
        self._seed = seed
        self._heard: dict[str, float] = {}  # id -> when the station stored it

    def spoil_beds(self, kinds: Sequence[Sequence[Kind]]) -> list[Fault]:
        """Spoil the ways of all beds at the same time.

        Args:
            kinds: For each bed.
        """
        lanes = zip(self._reaches.items(), kinds, strict=True)
        return self._together([partial(self._spoil_often, reach, (bed,), some) for (bed, reach), some in lanes])

    def spoil_station(self, kinds: Sequence[Kind]) -> list[Fault]:
        """Spoil the way of the station; it is every bed's matter."""
        return self._together([partial(self._spoil_often, self._at_station, tuple(self._reaches), kinds)])

    def _together(self, work: Sequence[partial[list[Fault]]]) -> list[Fault]:
        self._heard = {one.id: one.at for one in self.trial.station.heard()}
        with ThreadPoolExecutor(len(work)) as pool:
            ends = [pool.submit(one) for one in work]
            while not all(end.done() for end in ends):
                self._heard |= {one.id: one.at for one in self.trial.station.collect()}
                time.sleep(POLL_S)
            return [fault for end in ends for fault in end.result()]

    def _spoil_often(self, reach: Reach, beds: tuple[Bed, ...], kinds: Iterable[Kind]) -> list[Fault]:
        random = Random(f"{self._seed} {beds[-1].place}")
        faults = []
        for kind in kinds:
            begin = time.time()
            with kind.spoil(reach):
                time.sleep(random.uniform(*kind.lasts))
            end = time.time()
            faults.append(Fault(kind, tuple(bed.place for bed in beds), begin, end, self._arrived(beds, end)))
            time.sleep(random.uniform(*PAUSE_S))
        return faults

    def _arrived(self, beds: Iterable[Bed], end: float) -> dict[str, tuple[float, float]] | None:
        """Wait for what had waited for the repair; see `Fault.arrived`."""
        waiting = {
            bed.place: [one.id for one in bed.decided().alarms if one.id not in self._heard and one.at < end]
            for bed in beds
        }
        while any(id_ not in self._heard for ids in waiting.values() for id_ in ids):
            if time.time() > end + BACK_S:
                return None
            time.sleep(POLL_S)
        times = {bed: [self._heard[id_] for id_ in ids] for bed, ids in waiting.items() if ids}
        return {bed: (min(some), max(some)) for bed, some in times.items()}


@contextmanager
def network(path: Path, asked: argparse.Namespace, *, cables: bool) -> Iterator[Ward]:
    """A running trial in which every bed and the station have a proxy before them.

    Args:
        path: A new folder.
        asked: See `run.options`.
        cables: Whether each bed has a network namespace as well.
    """
    trial = Trial(path)
    reaches: dict[Bed, Reach] = {}
    with ExitStack() as stack:
        for number in range(1, asked.beds + 1):
            name, seed = f"storm-{number}", asked.seed * 100 + number
            cable = Namespace() if cables else None
            if cable is not None:
                stack.callback(cable.close)
            proxy = Proxy(trial.broker.port, host=cable.here if cable else trial.broker.host, seed=seed)
            stack.callback(proxy.close)
            broker = {"host": proxy.host, "port": proxy.port, "reconnect_min_s": 0.1, "reconnect_max_s": 1.0}
            setup = partial(_set_up, None if cable is None else cable.name, asked.plant)
            bed = Bed(
                path / name,
                name,
                port=proxy.port,
                rate=asked.rate,
                seed=seed,
                settings={"broker": broker},
                setup=setup,
            )
            reaches[bed] = Reach(proxy, cable)
        trial.beds += reaches
        at_station = Proxy(trial.broker.port, seed=asked.seed)
        stack.callback(at_station.close)
        trial.station = StationProcess(path / "station", at_station.port)
        stack.enter_context(trial.running())
        yield Ward(trial, reaches, Reach(at_station), asked.seed)


def _set_up(namespace: str | None, plant: str | None) -> None:
    """In the bed's own process, before anything else."""
    if namespace is not None:
        enter(namespace)
    if plant is not None and plant in PLANTS:
        PLANTS[plant]()
