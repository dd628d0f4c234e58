"""A bed under test: lives of the real product in processes of their own, started in milliseconds, ended as you like."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import threading
import time
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from npng_edge.ask import ask, make_request
from npng_edge.settings import Settings
from proof import ledger
from proof.life import CALM, Life, live
from proof.storm import AT_ONCE, PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.context import ForkServerProcess

    from proof.ledger import Decisions

CLIP = Path(__file__).parent.parent / "clips" / "pain.mp4"
UNIT = {"facility": "proof", "unit": "ward"}
END_S = 10.0
HUNG = -1
"""Noted as the exit status of a life that did not end when it was told to."""
_FORKS = multiprocessing.get_context("forkserver")
_LOCK = threading.Lock()
"""Starting a process asks after all others too, and only one thread may read how a process ended."""
_FORKS.set_forkserver_preload(["proof.life"])


class Bed:
    """One bed, over all its lives; storage, ledger and log stay.

    Args:
        folder: Of this bed alone.
        name: The bed's topic level.
        port: Of the broker, or of a proxy before it.
        kind: See `life.Life`.
        rate: Events a second of the storm.
        seed: Of the storm; each life has another.
        settings: Sections that replace those of the harness.
        setup: See `life.Life`; for each life.
    """

    def __init__(  # noqa: PLR0913 - what a bed may be, each named at the call
        self,
        folder: Path,
        name: str,
        *,
        port: int,
        kind: Literal["storm", "whole"] = "storm",
        rate: float = 30.0,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        setup: Callable[[], None] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.kind = kind
        self.settings = Settings.model_validate(
            {
                "place": {**UNIT, "bed": name},
                "broker": {"port": port, "reconnect_min_s": 0.1, "reconnect_max_s": 1.0},
                "camera": {"source": f"file:{CLIP}", "loop": True},
                "policy": AT_ONCE,
                "storage": {"directory": folder / "state"},
                "log_level": "error",
                **(settings or {}),
            }
        )
        self.lives = 0
        self.deaths: list[int] = []
        """Exit statuses of lives that ended by themselves: each is a defect."""
        self._calm = folder / CALM
        self._rate = rate
        self._seed = seed
        self._setup = setup
        self._process: ForkServerProcess | None = None

    @property
    def place(self) -> str:
        """facility/unit/bed, as in every payload."""
        place = self.settings.place
        return f"{place.facility}/{place.unit}/{place.bed}"

    def start(self, death: Callable[[], None] | None = None) -> None:
        """Begin a life; one of a bed that was calmed is without storm, camera and models.

        Args:
            death: A setup for this life alone, see `proof.death`.
        """
        self.lives += 1
        kind = "storm" if self._calm.exists() else self.kind
        seed = self._seed * 1_000_003 + self.lives
        setups = tuple(setup for setup in (self._setup, death) if setup is not None)
        life = Life(kind, self.settings, self.folder, self._rate, seed, setups)
        with _LOCK:
            self._process = _FORKS.Process(target=live, args=(life,), daemon=True)
            self._process.start()

    @property
    def pid(self) -> int | None:
        """Of the process of this life; None between two lives."""
        return None if self._process is None else self._process.pid

    def ended(self, timeout: float) -> bool:
        """Wait, seconds at the most, for the life to end; whether it has."""
        assert self._process is not None
        wait([self._process.sentinel], timeout)
        with _LOCK:
            return self._process.exitcode is not None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def calm(self) -> None:
        """Let nothing more happen around the bed: it only delivers what it has decided."""
        self._calm.touch()
        if self.kind == "whole" and self._process is not None:
            self.kill()
            self.start()

    def kill(self) -> None:
        """End the life with kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the life in good order; one that has just begun is let come so far that it can."""
        deadline = time.monotonic() + END_S
        while not self.ended(0.0) and not self._listens() and time.monotonic() < deadline:
            time.sleep(0.01)
        self._end(signal.SIGTERM)

    def decided(self) -> Decisions:
        """What the ledger says so far."""
        return ledger.read(self.folder / "ledger.jsonl")

    def assign(self) -> None:
        """Ask over the broker that a patient lies here, as a nurse station would; waits until it is done."""
        broker, place = self.settings.broker, self.settings.place
        assert broker is not None
        request = make_request("assign", [f"patient={PATIENT}"], who="proof", why=None, patience_s=30.0)
        for answer in ask(broker, place, "assign", request):
            if answer.outcome == "refused":
                raise RuntimeError(json.dumps(answer.model_dump(mode="json")))

    def close(self) -> None:
        """Make sure that nothing is left."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self.ended(END_S)
            self._process = None

    def _listens(self) -> bool:
        """Whether SIGTERM is caught by now (SigCgt of proc(5))."""
        with suppress(FileNotFoundError):
            caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
            return caught is not None and bool(int(caught[1], 16) & 1 << signal.SIGTERM - 1)
        return False

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to a life that may end by itself at this very moment; its exit code tells how it ended."""
        with suppress(ProcessLookupError):
            if not self.ended(0.0):
                self.send(number)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._signal(number)
        expected = -signal.SIGKILL if number is signal.SIGKILL else 0
        if not self.ended(END_S):
            self.deaths.append(HUNG)
        elif self._process.exitcode != expected:
            self.deaths.append(self._process.exitcode or 0)
        self.close()
