"""Telling systemd how the daemon is (sd_notify(3)): ready, stopping, reloading, alive.

The protocol is one datagram of `KEY=value` lines to the socket that systemd names; it is documented as stable and meant
to be spoken without a library. Outside systemd there is no such socket, and every call does nothing.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notifier:
    """The line to systemd."""

    address: str | None = None
    """Socket path; a leading @ marks Linux's abstract name space. None: nobody listens."""
    watchdog_s: float | None = None
    """systemd kills the process when `watchdog` is not called for so long; None: not watched. Call at half of it."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Notifier:
        """Read `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` (sd_watchdog_enabled(3)).

        Raises:
            ValueError: `WATCHDOG_USEC` or `WATCHDOG_PID` is not a positive number. To go on unwatched would be to
                fail silently.
        """
        microseconds = environ.get("WATCHDOG_USEC")
        process = environ.get("WATCHDOG_PID")
        ours = process is None or _positive("WATCHDOG_PID", process) == os.getpid()
        return cls(
            address=environ.get("NOTIFY_SOCKET"),
            watchdog_s=_positive("WATCHDOG_USEC", microseconds) / 1e6 if microseconds is not None and ours else None,
        )

    def ready(self, status: str) -> None:
        """Start or reload is done; `status` is the one line that `systemctl status` shows."""
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}\nSTATUS=Reloading the configuration.")

    def stopping(self) -> None:
        """The daemon ends on purpose."""
        self._send("STOPPING=1\nSTATUS=Stopping.")

    def watchdog(self) -> None:
        """Every stage has advanced since the last call."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Change the one line that `systemctl status` shows."""
        self._send(f"STATUS={_one_line(text)}")

    def _send(self, message: str) -> None:
        """Send; a failure is logged only, because systemd's own watchdog acts when it hears nothing."""
        if self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.setblocking(False)  # a service manager that does not read must not stop the watching
                line.connect(address)
                line.send(message.encode())
        except OSError as error:
            logger.warning("systemd cannot be told how the daemon is, through %s: %s", self.address, error)


def _one_line(text: str) -> str:
    """A line break in a status would begin a field of its own."""
    return " ".join(text.split())


def _positive(name: str, text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number == 0:
        raise ValueError(f"{name}={text}: systemd gives a positive whole number here")
    return number
