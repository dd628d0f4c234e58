"""A bed on a disk of its own that can be made to fail, and what the station says of it meanwhile."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Literal

from npng_edge.record.store import FILE_NAME
from proof.bed import Bed
from proof.faults.mounts import SmallDisk
from proof.faults.vfs import Words, install
from proof.plants import PLANTS
from proof.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proof.checker import Heard
    from proof.trial import Trial

SAID_S = 60.0
"""A bed that has not said so long after its disk failed that it did does not say it."""
WELL_S = 120.0
"""A bed tries its disk again after half a minute."""
BACKLOG_S = (0.5, 3.0)
MORE_S = (0.0, 3.0)
"""A fault lasts so much longer than it takes the bed to say it, seconds."""
POLL_S = 0.05


class Ears:
    """What the station has heard: filled by one thread, read by many."""

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}
        """id -> when the station stored it."""
        self.storage: dict[str, list[tuple[str, float]]] = {}
        """bed -> changes of its alarm `storage`, `raised` or `ended`, and when the station stored them."""

    def take(self, one: Heard) -> None:
        """Take note of a row of the station's journal."""
        self.heard[one.id] = one.at
        body = json.loads(one.payload)
        if body["alarm"]["condition"] == "storage":
            self.storage.setdefault(one.bed, []).append((body["change"], one.at))


@dataclass(frozen=True, slots=True)
class Found:
    """What was seen of one fault; times in seconds since 1970."""

    name: str
    bed: str
    begin: float
    said: float | None = None
    """When the station had the alarm `storage`."""
    repaired: float | None = None
    well: float | None = None
    """When the station heard that it is over."""
    must_say: bool = False
    """Whether the alarm must be raised."""
    must_end: bool = False
    """Whether it must be over after the repair."""
    at_stake: frozenset[str] = frozenset()
    """Alarms that were nowhere but on a disk of which the fault destroyed something."""
    destroys: bool = False
    set_aside: bool = False
    """Whether a damaged file was set aside."""


class Lane:
    """One bed, its disk and its way to the broker.

    Args:
        trial: To which the bed is added.
        ears: Of the trial's station.
        kind: Of the disk.
        number: Of the bed.
        seed: Of all chance.
        rate: Events a second of the storm.
        plant: Name of a planted defect.
        retry_s: How soon a bed tries its disk again; None: as the product does.
    """

    def __init__(  # noqa: PLR0913 - each named at the call
        self,
        trial: Trial,
        ears: Ears,
        *,
        kind: Literal["tmpfs", "ext4"],
        number: int,
        seed: int,
        rate: float,
        plant: str | None,
        retry_s: float | None,
    ) -> None:
        folder = trial.folder / f"storm-{number}"
        folder.mkdir(parents=True)
        self.random = Random(f"{seed} disk {number}")
        self._ears = ears
        self.disk = SmallDisk(folder, kind)
        self.proxy = Proxy(trial.broker.port)
        self.words = Words(folder / "words")
        self.undo = folder / "undo"
        self.undo.touch()
        self.state = self.disk.folder / "state"
        self.database = self.state / FILE_NAME
        self.bed = Bed(
            folder,
            f"storm-{number}",
            port=self.proxy.port,
            rate=rate,
            seed=seed * 100 + number,
            settings={"storage": {"directory": self.state}},
            # SQLite follows links before it opens.
            setup=partial(
                _set_up, self.disk.folder.resolve() / "state" / FILE_NAME, folder / "words", self.undo, plant, retry_s
            ),
        )
        trial.beds.append(self.bed)

    def trouble(
        self, name: str, spoil: Callable[[], object], repair: Callable[[], object], *, ends: bool = True
    ) -> Found:
        """Let the disk fail until a while after the bed has said so, repair it, and wait until all is well again.

        Args:
            name: Of the fault.
            spoil: Begins it.
            repair: Ends it.
            ends: Whether the bed must say that it is over.
        """
        begin = time.time()
        spoil()
        said = self._wait("raised", begin, SAID_S)
        self.pause(MORE_S)
        repair()
        repaired = time.time()
        well = self._wait("ended", said, WELL_S) if said is not None and ends else None
        return Found(name, self.bed.place, begin, said, repaired, well, must_say=True, must_end=ends)

    def death(self, name: str, spoil: Callable[[], object], *, destroys: bool = False, backlog: bool = False) -> Found:
        """End the bed with kill -9, do something to its disk, and start it again.

        Args:
            name: Of the fault.
            spoil: Called when the bed is dead.
            destroys: Whether what only the disk knows may be gone afterwards.
            backlog: Cut the bed off before, so that there is something that only the disk knows.
        """
        begin = time.time()
        if backlog:
            self.proxy.refuse()
            self.proxy.cut()
            self.pause(BACKLOG_S)
        self.bed.kill()
        spoil()
        before = self._damaged()
        at_stake = self.only_on_disk() if destroys else frozenset()
        self.bed.start()
        self.proxy.heal()
        self.wait_heard()
        return Found(
            name,
            self.bed.place,
            begin,
            at_stake=at_stake,
            destroys=destroys,
            set_aside=bool(self._damaged() - before),
        )

    def only_on_disk(self) -> frozenset[str]:
        """Alarms that the bed's outbox has, and the station has not."""
        return frozenset(one.id for one in self.bed.decided().alarms if one.kept and one.id not in self._ears.heard)

    def wait_heard(self) -> None:
        """Wait until the station hears something that is decided from now on; as long as the bed may be away."""
        begin, deadline = time.time(), time.monotonic() + WELL_S
        while time.monotonic() < deadline:
            new = [one.id for one in self.bed.decided().alarms if one.at > begin]
            if any(id_ in self._ears.heard for id_ in new):
                return
            time.sleep(10 * POLL_S)

    def pause(self, between: tuple[float, float]) -> None:
        """Wait for any time between two, seconds."""
        time.sleep(self.random.uniform(*between))

    def files(self) -> list[Path]:
        """The database and its log, as far as they are there."""
        return sorted(self.state.glob(f"{FILE_NAME}*"))

    def close(self) -> None:
        """End the bed and take the disk away."""
        self.bed.close()
        self.proxy.close()
        self.disk.close()

    def _damaged(self) -> set[Path]:
        return set(self.state.glob(f"{FILE_NAME}.damaged-*"))

    def _wait(self, change: str, since: float, timeout: float) -> float | None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for what, at in self._ears.storage.get(self.bed.place, ()):
                if what == change and at > since:
                    return at
            time.sleep(POLL_S)
        return None


def _set_up(database: Path, words: Path, undo: Path, plant: str | None, retry_s: float | None) -> None:
    """In the bed's own process, before anything else."""
    install(database, words, undo)
    if retry_s is not None:
        from npng_edge.record import store  # noqa: PLC0415 - only for a short run

        store.RETRY_S = retry_s
    if plant is not None and plant in PLANTS:
        PLANTS[plant]()
