"""`python -m proof faults disk`: disks that are full, read-only, failing, gone or lying; databases damaged or deleted.

Each bed has a small real disk of its own, a tmpfs or an ext4 on a loop device, and under its SQLite a shim that fails,
tears and lies as it is told (see `vfs`). The bed must say `storage`, go on from memory, and lose nothing that it could
have kept. What it decided while the disk could not take it, and died with it, is counted apart; so is what was on a
file that a fault destroyed. Not to be had here: dm-flakey, a real flash card, power that is really cut.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from random import Random
from typing import TYPE_CHECKING

from proof.checker import check
from proof.faults.disk_judged import figures, judge, owed
from proof.faults.disk_kinds import KINDS
from proof.faults.disk_lane import Ears, Lane
from proof.faults.mounts import why_not
from proof.faults.run import HEALTHY_S, folder, look, options
from proof.latency import healthy
from proof.report import Result, Spread, publish
from proof.trial import Trial, retained_levels

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from proof.checker import Heard, Verdict
    from proof.faults.disk_judged import Judgement
    from proof.faults.disk_kinds import Kind
    from proof.faults.disk_lane import Found
    from proof.ledger import Decided
    from proof.report import Figure

RATE = "5"
"""Events a second of each storm, if nothing else is said."""
PAUSE_S = (0.5, 2.0)
ARRIVE_S = 180.0
AGREE_S = 30.0
POLL_S = 0.2


def main(arguments: Sequence[str]) -> int:
    """Run the family; 1 when anything was lost or any other rule was broken."""
    asked = options("disk", __doc__, ["--rate", RATE, *arguments], count=100)
    missing = why_not()
    if missing is not None:
        print(missing, file=sys.stderr)
        return 1
    with folder(asked) as path, disks(path / "trial", asked) as ward:
        ward.trial.begin()
        window = look(min(HEALTHY_S, 1.0 + asked.count / 10))
        found = ward.spoil(KINDS, asked.count)
        result = ward.judge(asked, found, window)
    return publish(result, asked.results)


class Ward:
    """The trial, and the disks that can be spoilt.

    Args:
        trial: Of these beds.
        lanes: The beds.
        ears: Of the trial's station.
        seed: Of all chance.
    """

    def __init__(self, trial: Trial, lanes: Sequence[Lane], ears: Ears, seed: int) -> None:
        self.trial = trial
        self.lanes = lanes
        self._ears = ears
        self._seed = seed

    def spoil(self, kinds: Iterable[Kind], count: int) -> list[Found]:
        """Spoil all disks at the same time, each in its own order; each kind about equally often.

        Raises:
            RuntimeError: Faults would have no effect.
        """
        if not all(lane.words["writes"] for lane in self.lanes):
            raise RuntimeError(
                "the shim sees nothing of what SQLite writes: is it another library than libsqlite3.so.0?"
            )
        dealt: dict[Lane, list[Kind]] = {lane: [] for lane in self.lanes}
        some = [kind for kind in kinds if any(kind.disk in (None, lane.disk.kind) for lane in self.lanes)]
        for number in range(count):
            kind = some[number % len(some)]
            fit = [lane for lane in self.lanes if kind.disk in (None, lane.disk.kind)]
            dealt[min(fit, key=lambda lane: len(dealt[lane]))].append(kind)
        for dealt_here in dealt.values():
            Random(self._seed).shuffle(dealt_here)
        for one in self.trial.station.heard():
            self._ears.take(one)
        with ThreadPoolExecutor(len(self.lanes)) as pool:
            ends = [pool.submit(_spoil_often, lane, dealt[lane]) for lane in self.lanes]
            while not all(end.done() for end in ends):
                for heard in self.trial.station.collect():
                    self._ears.take(heard)
                time.sleep(POLL_S)
            return [one for end in ends for one in end.result()]

    def judge(self, asked: argparse.Namespace, found: Sequence[Found], window: tuple[float, float]) -> Result:
        """Let everything arrive, end the beds, and judge.

        Args:
            asked: The command line.
            found: The faults.
            window: When nothing was broken yet.
        """
        for lane in self.lanes:
            lane.bed.calm()
        at_stake = {id_ for one in found for id_ in one.at_stake}
        wanted = {one.id for lane in self.lanes for one in owed(lane.bed.decided().alarms)} - at_stake
        self.trial.station.wait_for(wanted, ARRIVE_S)
        deadline = time.monotonic() + AGREE_S
        while True:
            verdict, judged, beds, heard = self._compare(found)
            if judged.passed or time.monotonic() > deadline:
                break
            time.sleep(1.0)
        deaths = self.trial.end()
        for line in (*judged.defects, *deaths, *(f"{rule}: {who[:5]}" for rule, who in judged.broken.items())):
            print(line, file=sys.stderr)
        print(*(f"lost: {id_}" for id_ in judged.lost[:5]), sep="\n", file=sys.stderr)
        latency = Spread.of(healthy(heard, *window))
        shown: dict[str, Figure] = {
            "faults": len(found),
            "alarms kept in an outbox": verdict.kept,
            "alarms at the station": verdict.heard,
            "lost": len(judged.lost),
            "beds that ended by themselves": len(deaths),
            "duplicates on the wire, removed by the station": verdict.duplicates,
            "condition to station, median / p99 / longest, healthy": None if latency is None else str(latency),
            **figures(found, judged, beds, heard),
            **{f"... {kind}": count for kind, count in sorted(Counter(one.name for one in found).items())},
        }
        command = f"python -m proof faults disk --count {asked.count} --seed {asked.seed}"
        title = "full, read-only, failing, torn and lying disks; damaged databases"
        return Result("faults-disk", title, command, judged.passed and not deaths, shown)

    def _compare(
        self, found: Sequence[Found]
    ) -> tuple[Verdict, Judgement, dict[str, tuple[Decided, ...]], list[Heard]]:
        levels = retained_levels(self.lanes[0].bed.settings.broker, [lane.bed.place for lane in self.lanes])
        heard = self.trial.station.heard()
        beds = {lane.bed.place: lane.bed.decided().alarms for lane in self.lanes}
        verdict = check([one for decided in beds.values() for one in decided], heard, levels)
        return verdict, judge(beds, heard, levels, verdict, found), beds, heard


def _spoil_often(lane: Lane, kinds: Iterable[Kind]) -> list[Found]:
    found = []
    for kind in kinds:
        lane.undo.write_bytes(b"")
        found.append(kind.play(lane, kind.name))
        lane.pause(PAUSE_S)
    return found


@contextmanager
def disks(path: Path, asked: argparse.Namespace, retry_s: float | None = None) -> Iterator[Ward]:
    """A running trial in which every second bed has a tmpfs, and every other one an ext4.

    Args:
        path: A new folder.
        asked: See `run.options`.
        retry_s: See `Lane`.
    """
    trial, ears = Trial(path), Ears()
    with ExitStack() as stack:
        lanes = []
        for number in range(1, asked.beds + 1):
            lane = Lane(
                trial,
                ears,
                kind="tmpfs" if number % 2 else "ext4",
                number=number,
                seed=asked.seed,
                rate=asked.rate,
                plant=asked.plant,
                retry_s=retry_s,
            )
            stack.callback(lane.close)
            lanes.append(lane)
        stack.enter_context(trial.running())
        yield Ward(trial, lanes, ears, asked.seed)
