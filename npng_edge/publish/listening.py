"""Whether anybody listens: judged from the stations' receipts; a broker's acknowledgement says nothing of it."""

from __future__ import annotations

SILENT_S = 10.0
"""Without any receipt for so long, nobody is listening. The level, which is told every five seconds, asks for them."""
AWAY_S = 7.0
"""A station that sends receipts again after so long was away, and may have lost what it had not stored."""


class Listening:
    """What one connection knows of its listeners.

    Args:
        now: When the connection began, monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._since = now
        self._owed: tuple[str, float] | None = None  # the oldest alarm without a receipt, and since when
        self.heard: float | None = None
        """When the last receipt came, monotonic seconds; None: none on this connection."""
        self.nobody: bool | None = None
        """Nobody has subscribed to this bed's alarms, said the broker when it last took one; None: not known."""

    def was_away(self, now: float) -> bool:
        """Whether a receipt that comes now is the first for a while: one for a level was missed."""
        return self._silence(now) > AWAY_S

    def deaf(self, oldest: str | None, now: float) -> str | None:
        """Why it must be taken that nobody listens, for people; None: somebody does, or it is not known yet.

        Args:
            oldest: Id of the oldest alarm that has no receipt, told or refused by the broker; None: there is none.
            now: Monotonic seconds.
        """
        if self.nobody:
            return "The broker has no subscriber for this bed's alarms."
        if self._silence(now) > SILENT_S:
            return f"No station has sent a receipt for {SILENT_S:.0f} s."
        if oldest is None:
            self._owed = None
        elif self._owed is None or self._owed[0] != oldest:
            self._owed = oldest, now
        elif now - self._owed[1] > SILENT_S:
            return f"A station listens, but an alarm is not confirmed since {SILENT_S:.0f} s."
        return None

    def _silence(self, now: float) -> float:
        return now - (self._since if self.heard is None else self.heard)
