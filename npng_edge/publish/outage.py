"""Whether the broker is gone: judged of connections that come and go, with time passed in."""

from __future__ import annotations

LOST_S = 5.0
"""Without a connection for so long, there is no broker, ..."""
BRIEF_S = 5.0
"""... and one that ends sooner counts as none: two devices with one certificate throw each other out without end."""


class Outage:
    """The connection's comings and goings.

    Args:
        now: The start; monotonic seconds, as all times here.
    """

    def __init__(self, now: float) -> None:
        self.lost: str | None = None
        """Why it must be taken that there is no broker, for people; None: there is one, or it is not gone for long."""
        self._connected = False
        self._changed_at = self._began_at = now

    def change(self, now: float, *, connected: bool) -> None:
        """A connection came or went, or another took its place."""
        if self._connected and now - self._changed_at > BRIEF_S:
            self._began_at = now
        self._connected, self._changed_at = connected, now

    def judge(self, reason: str | None, now: float) -> None:
        """Look at the time; several times a second.

        Args:
            reason: What went wrong last; None: nothing is known.
            now: Monotonic seconds.
        """
        if not self._connected and now - self._began_at > LOST_S:
            self.lost = reason or "not connected"
        elif self._connected and now - self._changed_at > BRIEF_S:
            self.lost = None
