"""The demonstration with a real broker; the daemon is the real one, or a few lines that misbehave as it must not."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from rich.console import Console

from npng_edge import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import sys
from pathlib import Path
from rich.console import Console
from npng_edge import demo
path, seconds, *daemon = sys.argv[1:]
try:
    demo.run(Path(path) if path else None, float(seconds), Console(), daemon or demo.DAEMON)
except demo.DemoError as error:
    sys.exit(f"npng-edge: {error}")
"""
UNTIL_SIGTERM = "import signal, sys; print('config', sys.argv[1], flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()"
)
BROKEN = "import sys; print('line one\\nno such model: x.onnx'); sys.exit(3)"

ROOT = Path(__file__).parents[1]


@contextmanager
def demonstration(folder: Path, daemon: str, seconds: float = 60) -> Iterator[subprocess.Popen[str]]:
    """The demonstration as a process of its own, in a folder of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "", str(seconds), sys.executable, "-c", daemon],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()  # not killed: it has children to end
        process.communicate(timeout=10)


def wait_for(file: Path, text: str) -> None:
    """Until a log says so."""
    deadline = time.monotonic() + 30
    while not (file.exists() and text in file.read_text()):
        assert time.monotonic() < deadline, f"{text!r} never came in {file}"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with demonstration(tmp_path, UNTIL_SIGTERM) as process:
        wait_for(tmp_path / "state" / "demo.log", "config")
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 2

        asked = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=10)

        assert time.monotonic() - asked < 10
        assert (process.returncode, err) == (0, "")
        assert not any(child.is_running() for child in children)
        assert "Broker: " in out
        assert "state/demo.log" in out


def test_the_real_daemon_is_seen_on_the_board(tmp_path: Path) -> None:
    clip = ROOT / "clips" / "patient.mp4"
    (tmp_path / "npng-edge.yaml").write_text(f"camera:\n  source: file:{clip}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "npng_edge", "demo", "--seconds", "60"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        scored = rf"bed-01 PSPI \d.*; patient {demo.DEMO_PATIENT};"
        seen = next((line for line in process.stdout if re.search(scored, line)), None)
        assert seen is not None, (tmp_path / "state" / "demo.log").read_text()
        children = psutil.Process(process.pid).children(recursive=True)
        asked = time.monotonic()
        process.terminate()
        rest, _ = process.communicate(timeout=10)
        assert time.monotonic() - asked < 3
        assert process.returncode == 0, rest
        assert not any(child.is_running() for child in children)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_a_daemon_that_does_not_stop_is_killed_in_time(tmp_path: Path) -> None:
    with demonstration(tmp_path, STUBBORN) as process:
        wait_for(tmp_path / "state" / "demo.log", "up")
        children = psutil.Process(process.pid).children(recursive=True)
        asked = time.monotonic()
        process.terminate()
        process.communicate(timeout=10)
        assert time.monotonic() - asked < 5
        assert not any(child.is_running() for child in children)


def test_a_daemon_that_dies_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with demonstration(tmp_path, BROKEN) as process:
        _, err = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "the daemon ended by itself with status 3" in err
        assert "state/demo.log" in err
        assert "no such model: x.onnx" in err
        assert "Traceback" not in err


def test_a_broker_that_dies_is_reported(tmp_path: Path) -> None:
    with demonstration(tmp_path, UNTIL_SIGTERM) as process:
        wait_for(tmp_path / "state" / "demo.log", "config")
        (broker,) = [c for c in psutil.Process(process.pid).children() if "mosquitto" in c.name()]
        broker.kill()
        _, err = process.communicate(timeout=10)
        assert process.returncode == 1
        assert "the broker ended by itself with status -9" in err


def test_the_broker_takes_a_free_port_on_loopback_only(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 1883))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which serves as well
        with demonstration(tmp_path, UNTIL_SIGTERM) as process:
            wait_for(tmp_path / "state" / "demo.log", "config")
            (broker,) = [c for c in psutil.Process(process.pid).children() if "mosquitto" in c.name()]
            listening = [c.laddr for c in broker.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
            assert [address.ip for address in listening] == ["127.0.0.1"]
            assert listening[0].port != 1883
            assert f"port: {listening[0].port}" in (tmp_path / "state" / "demo.yaml").read_text()


def test_a_patient_who_cannot_be_assigned_is_told_when_the_board_is_closed(tmp_path: Path) -> None:
    (tmp_path / "npng-edge.yaml").write_text("broker:\n  host: 127.0.0.1\n  port: 1\n")
    with demonstration(tmp_path, UNTIL_SIGTERM, seconds=2) as process:
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert "No patient was assigned: the broker cannot be used" in out


def test_a_configured_broker_is_used_until_the_time_is_over(tmp_path: Path) -> None:
    (tmp_path / "npng-edge.yaml").write_text("broker:\n  host: 127.0.0.1\n  port: 1\n")
    with demonstration(tmp_path, UNTIL_SIGTERM, seconds=0.5) as process:
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "Broker: " not in out
        assert not (tmp_path / "state" / "demo-broker.log").exists()


def test_without_mosquitto_and_without_apt_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(demo.DemoError, match="sudo apt install mosquitto"):
        demo.find_mosquitto(Console(), path=str(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may install without asking")
def test_a_missing_mosquitto_is_installed_with_a_message(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@"\n[ "$1" = update ] || install -m 755 /bin/true {tmp_path}/mosquitto\n')
    apt.chmod(0o755)
    found = demo.find_mosquitto(Console(), path=str(tmp_path))
    assert found == tmp_path / "mosquitto"
    assert "installing Debian's package mosquitto" in capfd.readouterr().out
