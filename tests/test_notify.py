"""What systemd hears, on a real datagram socket."""

from __future__ import annotations

import os
import socket
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from npng_edge.notify import Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket such as systemd listens on, and how `NOTIFY_SOCKET` names it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@npng-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1))
        listening.settimeout(5)
        yield listening, name


def test_the_life_of_a_daemon(systemd: tuple[socket.socket, str]) -> None:
    listening, name = systemd
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": name})

    before = time.monotonic_ns() // 1000
    notifier.ready("bed-01: watching")
    notifier.watchdog()
    notifier.status("bed-01: two\nlines")
    notifier.reloading()
    notifier.stopping()
    after = time.monotonic_ns() // 1000

    assert listening.recv(4096) == b"READY=1\nSTATUS=bed-01: watching"
    assert listening.recv(4096) == b"WATCHDOG=1"
    assert listening.recv(4096) == b"STATUS=bed-01: two lines"
    reloading = dict(line.split("=", 1) for line in listening.recv(4096).decode().splitlines())
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= after
    assert listening.recv(4096).startswith(b"STOPPING=1\n")


def test_outside_systemd_nothing_happens() -> None:
    notifier = Notifier.from_environment({})
    assert notifier == Notifier(address=None, watchdog_s=None)
    notifier.ready("bed-01")
    notifier.watchdog()


def test_a_lost_systemd_is_logged_and_does_not_end_the_daemon(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier(address=str(tmp_path / "nobody")).watchdog()
    assert "nobody" in caplog.text


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
    ],
)
def test_the_watchdog_is_for_the_process_it_names(environ: dict[str, str], seconds: float | None) -> None:
    assert Notifier.from_environment(environ).watchdog_s == seconds


@pytest.mark.parametrize("value", ["0", "-1", "ten", "", "1e6", "²"])
def test_a_watchdog_that_cannot_be_read_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="WATCHDOG_USEC"):
        Notifier.from_environment({"WATCHDOG_USEC": value})
