"""One life of a bed, in a process of its own: the real product, watched by a ledger, until somebody ends it.

Imported by the fork server, so that a life begins at once: everything slow is imported here.
"""

from __future__ import annotations

import importlib
import os
import queue
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing import parent_process
from random import Random
from typing import TYPE_CHECKING, Literal, NoReturn

from npng_edge import journal
from npng_edge.bedside.filming import Filming
from npng_edge.bedside.stage import Bedside
from npng_edge.daemon import EXIT_STAGE_DIED, Daemon
from npng_edge.indicate.player import Player
from npng_edge.notify import Notifier
from npng_edge.publish.events import Connected
from npng_edge.publish.topics import Topics
from proof import ledger
from proof.ledger import Ledger
from proof.storm import Storm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from npng_edge.bedside.events import Event
    from npng_edge.settings import Settings

for _runtime in ("onnxruntime", "ai_edge_litert.interpreter"):
    importlib.import_module(_runtime)

CALM = "calm"
"""While a file of this name lies in the bed's folder, its storm rests."""
BEHIND_S = 1.0
"""A storm that falls behind its rate makes up for so much."""


@dataclass(frozen=True, slots=True)
class Life:
    """What a life is made of."""

    kind: Literal["storm", "whole"]
    """`storm`: policy, outbox, delivery and connection, fed with events. `whole`: the daemon with camera and models."""
    settings: Settings
    folder: Path
    """For the ledger and the log."""
    rate: float
    """Events a second of the storm."""
    seed: int
    setups: tuple[Callable[[], None], ...] = ()
    """Called before anything of the bed is made, e.g. to plant a defect; must be functions of a module."""


def live(life: Life) -> None:
    """Live until a signal ends it: SIGTERM in good order."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log = os.open(life.folder / "bed.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 2)
    place = life.settings.place
    journal.set_up(life.settings.log_level, place.bed)
    book = Ledger(life.folder / "ledger.jsonl")
    _watch_connections(book)
    for setup in life.setups:
        setup()
    if life.kind == "whole":
        ledger.watch_outbox(book)
        raise SystemExit(Daemon(life.settings, None, Notifier()).run())
    _storm(life, book)


def _storm(life: Life, book: Ledger) -> None:
    wishes: queue.SimpleQueue[int] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda number, _frame: wishes.put(number))
    calm = life.folder / CALM
    storm = Storm(lambda event: bedside.tell(event), Topics(life.settings.place), Random(life.seed))
    ledger.watch_outbox(book, storm.on_level)
    filming = Filming(life.settings.storage, on_death=_die)
    local = Player(life.settings.local_alarm, on_death=_die)
    bedside = Bedside(life.settings, counts=lambda: (0, 0), filming=filming, local=local, on_death=_die)
    bedside.start()
    storm.assign()
    due = time.monotonic()
    while True:
        due = max(due + 1 / life.rate, time.monotonic() - BEHIND_S)
        try:
            wishes.get(timeout=max(0.0, due - time.monotonic()))
        except queue.Empty:
            if not calm.exists():
                storm.next()
        else:
            break
    bedside.stop()


def _watch_connections(book: Ledger) -> None:
    tell = Bedside.tell

    def watched(self: Bedside, event: Event) -> None:
        if isinstance(event, Connected):
            book.connected()
        tell(self, event)

    Bedside.tell = watched  # type: ignore[method-assign]


def _end_with_parent() -> None:
    """No bed outlives the harness, however that ends."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _die(_name: str, _error: BaseException) -> NoReturn:
    os._exit(EXIT_STAGE_DIED)
