"""What every output of the local alarm can do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from npng_edge.policy.alarm.local import Signal


class OutputError(Exception):
    """The output cannot be used; the text is one sentence for people: what is wrong, and what to do."""


class Output(Protocol):
    """Buzzer, lamps or loudspeaker. Everything is called by one thread; an error is any exception."""

    def open(self) -> None:
        """Take the hardware, with everything off. Called again, after `close`, when anything went wrong."""

    def give(self, signal: Signal, time: float) -> float:
        """Do what a signal asks for at this time.

        Args:
            signal: The signal.
            time: Seconds since it began.

        Returns:
            Seconds until there is something to do again; it may be called sooner.
        """

    def close(self) -> None:
        """Everything off; let the hardware go. Also called when it could not be opened."""


class Simulated:
    """Does nothing: what it would do stands in the journal."""

    def open(self) -> None:
        """Nothing to take."""

    def give(self, signal: Signal, time: float) -> float:  # noqa: ARG002 - of every output
        """Nothing to do."""
        return math.inf

    def close(self) -> None:
        """Nothing to let go."""
