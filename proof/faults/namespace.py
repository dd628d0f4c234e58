"""A network namespace with one cable to this machine, which can be pulled: link down, address gone, no way back."""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW_NETWORK = 0x40000000
"""CLONE_NEWNET, Linux sched.h."""
_NUMBERS = itertools.count(1)


class Namespace:
    """Root only. Who has entered it sees nothing of the network but this machine at the address `here`.

    Raises:
        OSError: It cannot be made here; with the reason.
    """

    def __init__(self) -> None:
        number = next(_NUMBERS)
        self.name = f"proof-{os.getpid()}-{number}"
        # The kernel wants at most 15 characters; 198.18.0.0/15 is for tests like this (RFC 2544).
        self._cable = f"pf{os.getpid() % 10**6}-{number}"
        net = f"198.18.{os.getpid() % 256}."
        self.here, self.there = f"{net}{4 * number + 1}", f"{net}{4 * number + 2}"
        _run("ip", "netns", "add", self.name)
        try:
            _run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
            _run("ip", "address", "add", f"{self.here}/30", "dev", self._cable)
            _run("ip", "link", "set", self._cable, "up")
            for command in (
                f"address add {self.there}/30 dev eth0",
                "link set eth0 up",
                "link set lo up",
            ):
                _run("ip", "-n", self.name, *command.split())
        except OSError:
            self.close()
            raise

    @contextmanager
    def link_down(self) -> Iterator[None]:
        """The cable is pulled out at the machine's side."""
        _run("ip", "link", "set", self._cable, "down")
        try:
            yield
        finally:
            _run("ip", "link", "set", self._cable, "up")

    @contextmanager
    def address_gone(self) -> Iterator[None]:
        """The process has lost its address, as when DHCP fails: nothing can be sent, and answers find nobody."""
        _run("ip", "-n", self.name, "address", "flush", "dev", "eth0")
        try:
            yield
        finally:
            _run("ip", "-n", self.name, "address", "add", f"{self.there}/30", "dev", "eth0")

    @contextmanager
    def black_hole(self) -> Iterator[None]:
        """What this machine sends to the process is thrown away; what the process sends arrives."""
        _run("ip", "route", "add", "blackhole", f"{self.there}/32")
        try:
            yield
        finally:
            _run("ip", "route", "del", "blackhole", f"{self.there}/32")

    def close(self) -> None:
        """Remove it, and the cable with it."""
        _run("ip", "netns", "del", self.name)


def enter(name: str) -> None:
    """Move this thread, and what it starts from now on, into a namespace; for `Life.setup`.

    Raises:
        OSError: It is not there, or this is not root.
    """
    namespace = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(namespace, NEW_NETWORK) != 0:
            raise OSError(ctypes.get_errno(), f"network namespace {name} cannot be entered")
    finally:
        os.close(namespace)


def why_not() -> str | None:
    """Why no namespace can be made here; None: it can."""
    if os.geteuid() != 0:
        return "a network namespace needs root"
    try:
        Namespace().close()
    except OSError as error:
        return str(error)
    return None


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise OSError(f"{command[0]} is not installed (apt install iproute2)") from None
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
