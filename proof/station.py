"""The reference nurse station as a process (`npng-edge watch --journal`), and what its journal says."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import yaml

from proof.bed import UNIT
from proof.checker import Heard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

READY_S = 30.0
POLL_S = 0.05


class StationProcess:
    """Starts, kills, pauses and stops one station; its journal stays.

    Args:
        folder: For its configuration, journal and log.
        port: Of the broker, or of a proxy before it.
        name: In its receipts.
        settings: Sections of the configuration that replace those of the harness.
    """

    def __init__(
        self, folder: Path, port: int, *, name: str = "station-1", settings: Mapping[str, Any] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.journal = folder / "journal.sqlite3"
        self.log = folder / "station.log"
        self._name = name
        self._config = folder / "config.yaml"
        self._config.write_text(
            yaml.safe_dump(
                {
                    "place": {**UNIT, "bed": "any"},
                    "broker": {"port": port, "reconnect_min_s": 0.1, "reconnect_max_s": 1.0},
                    **(settings or {}),
                }
            )
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._rows: dict[int, Heard] = {}

    def start(self) -> None:
        """Start it and wait until it has its journal.

        Raises:
            RuntimeError: It does not start; with its log.
        """
        command = [sys.executable, "-m", "npng_edge", "watch", "-c", str(self._config)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--journal", str(self.journal), "--as", self._name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + READY_S
        while not self._has_journal():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the station does not start: {self.log.read_text()[-2000:]}")
            time.sleep(POLL_S)

    def kill(self) -> None:
        """End it with kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Freeze it (SIGSTOP) for the time of the body."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def heard(self) -> list[Heard]:
        """All alarms that ever were in the journal, in order of first arrival; may be asked while the station runs."""
        self._rows |= {one.place: one for one in self._read(0)}
        return list(self._rows.values())

    def collect(self) -> list[Heard]:
        """What is new in the journal. It keeps only the newest, so call this before 100,000 more have come."""
        new = self._read(max(self._rows, default=0))
        self._rows |= {one.place: one for one in new}
        return new

    def wait_for(self, ids: Collection[str], timeout: float) -> set[str]:
        """Wait until all of these have arrived; returns those that have not in the given time, seconds."""
        missing = set(ids) - {one.id for one in self._rows.values()}
        deadline = time.monotonic() + timeout
        while missing and time.monotonic() < deadline:
            missing -= {one.id for one in self.collect()}
            time.sleep(POLL_S)
        return missing

    def close(self) -> None:
        """Make sure that nothing is left, whatever the state."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()

    def _read(self, after: int) -> list[Heard]:
        query = (
            "SELECT place, id, bed, boot_id, sequence, heard_utc, times, payload FROM heard WHERE place > ? "
            "ORDER BY place"
        )
        with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=READY_S)) as db:
            return [Heard(*row) for row in db.execute(query, (after,))]

    def _has_journal(self) -> bool:
        try:
            self._read(0)
        except sqlite3.OperationalError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(READY_S)
            self._process = None
