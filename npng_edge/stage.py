"""A thread with a heartbeat. One that dies ends the process: half a device is worse than a restarted one."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class Stage:
    """Calls `turn` again and again in a thread of its own until it is stopped."""

    def __init__(self, name: str, on_death: Callable[[str, BaseException], None]) -> None:
        self.name = name
        self.beat = time.monotonic()
        """When the stage last finished a turn, monotonic seconds; the watchdog is fed only while it advances."""
        self._on_death = on_death
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> bool:
        """Ask the stage to end; True when it did so within `timeout` seconds."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def turn(self) -> None:
        """One round of work, a second long at the most, so that the heart beats and `stop` is heard."""
        raise NotImplementedError

    def close(self) -> None:
        """Release what the turns hold; called in the stage's own thread when it ends, however it ends."""

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.turn()
                self.beat = time.monotonic()
        except BaseException as error:
            logger.exception("stage %s died", self.name)
            self._on_death(self.name, error)
        finally:
            self.close()
