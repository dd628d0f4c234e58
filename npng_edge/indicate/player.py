"""The thread that gives the local alarm: it holds the output, keeps the rhythm, and tries again when the output fails.

It may hang with a bad driver: that is reported, and the watchdog does not look at it, for a buzzer must not cost the
alarms of the station.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from npng_edge.indicate.gpio import Gpio
from npng_edge.indicate.output import OutputError, Simulated
from npng_edge.indicate.patterns import SIGNS
from npng_edge.indicate.sound import Aplay
from npng_edge.policy.alarm.local import Signal
from npng_edge.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.indicate.output import Output
    from npng_edge.settings import LocalAlarm

logger = logging.getLogger(__name__)

TURN_S = 0.5
RETRY_S = 5.0
"""An output that failed is tried again after so long: while it fails, an alarm may be present that it should give."""
HUNG_S = 5.0
"""A turn that lasts longer is a fault."""


class Player(Stage):
    """Gives the newest signal it was told, at the bed.

    `show`, `test` and `fault` are for any thread and never wait.
    """

    def __init__(self, settings: LocalAlarm, *, on_death: Callable[[str, BaseException], None]) -> None:
        """Set up; no hardware is touched before `start`.

        Args:
            settings: What there is at this bed.
            on_death: Called when the stage dies of an unexpected error; an output that fails is a fault, not a death.
        """
        super().__init__("local-alarm", on_death)
        self.kind = settings.kind
        self._output = _output(settings)
        self._opened = False
        self._wake = threading.Event()
        self._told = Signal.NONE
        self._to_test = False
        self._given = Signal.NONE
        self._since = 0.0
        self._retry_at = -math.inf
        self._fault: str | None = None

    @property
    def fault(self) -> str | None:
        """What is wrong, for people; None while all is well, or while nothing is set up."""
        if self._thread.is_alive() and time.monotonic() - self.beat > HUNG_S:
            return f"Local alarm: {self.kind} has not answered for {HUNG_S:.0f} s."
        return None if self._fault is None else f"Local alarm: {self._fault}"

    def show(self, signal: Signal) -> None:
        """Give this signal from now on. Call it whenever the alarms change; the same one again changes nothing."""
        if signal is not self._told:
            self._told = signal
            self._wake.set()

    def test(self) -> None:
        """Beep and flash once. Left out while an alarm sounds that somebody must come for: that is test enough."""
        self._to_test = True
        self._wake.set()

    def stop(self, timeout: float = 1.0) -> bool:
        """Everything off; True when the stage ended within `timeout` seconds."""
        self._stopping.set()
        self._wake.set()
        return super().stop(timeout)

    def turn(self) -> None:
        """Give what is due, then sleep until something else is."""
        self._wake.wait(min(TURN_S, self.step(time.monotonic())))
        self._wake.clear()

    def step(self, now: float) -> float:
        """Give what is due at this time.

        Args:
            now: Monotonic seconds.

        Returns:
            Seconds until something else is due, if nothing new is told meanwhile.
        """
        if self._output is None or now < self._retry_at:
            return TURN_S
        try:
            if not self._opened:
                self._output.open()
                self._opened, self._fault, self._since = True, None, now
            self._choose(now)
            return self._output.give(self._given, now - self._since)
        except OutputError as error:
            self._fail(str(error), now)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the bed goes on without its buzzer
            logger.debug("local alarm", exc_info=True)
            self._fail(f"{self.kind}: {type(error).__name__}: {error}", now)
        return TURN_S

    def close(self) -> None:
        """Everything off."""
        if self._output is not None:
            # There is nobody left to tell.
            with suppress(Exception):
                self._output.close()

    def _choose(self, now: float) -> None:
        """Go on with the signal that is given, or begin another. A less urgent one waits for the end of the round."""
        to_test, self._to_test = self._to_test, False
        wanted = max(self._told, Signal.TEST) if to_test else self._told
        if wanted is self._given or (wanted < self._given and now - self._since < SIGNS[self._given].round_s):
            return
        level = logging.WARNING if wanted > Signal.TEST else logging.INFO
        logger.log(level, "local alarm (%s): %s", self.kind, wanted.name.lower())
        self._given, self._since = wanted, now

    def _fail(self, reason: str, now: float) -> None:
        self._fault, self._retry_at, self._opened, self._to_test = reason, now + RETRY_S, False, False
        self.close()


def _output(settings: LocalAlarm) -> Output | None:
    if settings.kind == "gpio":
        return Gpio(settings.gpio)
    if settings.kind == "sound":
        return Aplay(settings.sound)
    return Simulated() if settings.kind == "simulated" else None
