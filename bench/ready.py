"""How long the daemon takes from exec to READY=1, measured as systemd would see it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def start_to_ready(config: Path, cpu: int | None, limit_s: float = 30.0) -> float:
    """Start the daemon with a notify socket, wait for READY=1, end it.

    Args:
        config: Its configuration.
        cpu: Core to pin it to; None: all.
        limit_s: Longest wait.

    Returns:
        Seconds from exec to READY=1.

    Raises:
        TimeoutError: READY did not come in time.
    """
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        path = str(Path(folder) / "notify")
        line.bind(path)
        line.settimeout(limit_s)
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "npng_edge", "run", "-c", str(config)],
            env={**os.environ, "NOTIFY_SOCKET": path},
            stderr=subprocess.DEVNULL,
        )
        if cpu is not None:
            os.sched_setaffinity(process.pid, {cpu})
        try:
            while b"READY=1" not in line.recv(4096):
                pass
            return time.monotonic() - begun
        finally:
            process.terminate()
            process.wait(10)
