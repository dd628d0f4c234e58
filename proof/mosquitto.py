"""A Mosquitto process on a free loopback port: started, killed, stopped, paused, its database deleted."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HOST = "127.0.0.1"
READY_S = 10.0
DATABASE = "mosquitto.db"
AT_EVERY_CHANGE = "autosave_on_changes true\nautosave_interval 1"
"""With persistence: the whole database is written at every change, which few messages a second bear."""
EVERY_MINUTE = "autosave_interval 60"
"""As in deploy/mosquitto/ward.conf."""


def program(name: str) -> str:
    """Where a program of Mosquitto's is.

    Raises:
        RuntimeError: It is not installed.
    """
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    if found is None:
        raise RuntimeError(f"{name} is needed: apt install mosquitto")
    return found


def free_port() -> int:
    """A TCP port of the loopback address that nobody has now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class MosquittoBroker:
    """Starts, kills, stops, pauses and restarts one broker; always the same port.

    Args:
        folder: For its configuration, log and, with `persistent`, its database.
        users: name -> password; with any, nobody is let in without.
        acl: Lines of an ACL file.
        persistent: Keep sessions and retained messages over a restart.
        saving: With `persistent`, when they are written.
        extra: More lines of configuration for each listener, e.g. those of TLS.
        websockets: Open a second listener for pages, with the same `extra`, on `websockets_port`.
        port: To listen on; None: a free one.
    """

    def __init__(  # noqa: PLR0913 - what a broker may be, each named at the call
        self,
        folder: Path,
        *,
        users: Mapping[str, str] | None = None,
        acl: str | None = None,
        persistent: bool = False,
        saving: str = AT_EVERY_CHANGE,
        extra: str = "",
        websockets: bool = False,
        port: int | None = None,
    ) -> None:
        self.host = HOST
        self.port = free_port() if port is None else port
        self.websockets_port = free_port() if websockets else None
        self.log = folder / "mosquitto.log"
        self._folder = folder
        self._config = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            "user root",
            f"persistence {str(persistent).lower()}",
            f"persistence_location {folder}/",
            saving,
            "set_tcp_nodelay true",
            "max_queued_messages 0",
            "set_tcp_nodelay true",
            f"listener {self.port} {self.host}",
            f"allow_anonymous {str(not users).lower()}",
            extra,
        ]
        if self.websockets_port is not None:
            lines += [f"listener {self.websockets_port} {self.host}", "protocol websockets", extra]
        if users:
            passwords = folder / "passwords"
            passwords.touch(mode=0o600)
            for name, password in users.items():
                subprocess.run([program("mosquitto_passwd"), "-b", str(passwords), name, password], check=True)
            lines.append(f"password_file {passwords}")
        if acl is not None:
            (folder / "acl").write_text(acl)
            (folder / "acl").chmod(0o600)
            lines.append(f"acl_file {folder}/acl")
        self._config.write_text("\n".join(lines) + "\n")

    @property
    def pid(self) -> int | None:
        """Of the process; None while it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            RuntimeError: It does not; with its log.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program("mosquitto"), "-c", str(self._config)], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + READY_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto does not start: {self.log.read_text()}")
            time.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, e.g. SIGHUP."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it with kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """End it in good order and start it again."""
        self.stop()
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Freeze it (SIGSTOP) for the time of the body: connections stay open and nothing is answered."""
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)

    def delete_database(self) -> None:
        """Forget all sessions and retained messages; only while it does not run."""
        assert self._process is None
        for file in self._folder.glob(f"{DATABASE}*"):
            file.unlink()

    def close(self) -> None:
        """Make sure that nothing is left, whatever the state."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(READY_S)
            self._process = None
