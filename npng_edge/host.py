"""Facts about the machine the daemon runs on; each is None where the machine does not tell."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_THERMAL = Path("/sys/class/thermal")
_TIMESYNCD = Path("/run/systemd/timesync")
_MIB = 1024 * 1024


def temperature_c() -> float | None:
    """The hottest thermal zone, degrees Celsius."""
    zones = (_zone_c(zone) for zone in _THERMAL.glob("thermal_zone*/temp"))
    return max((value for value in zones if value is not None), default=None)


def disk_free_mb(folder: Path) -> float | None:
    """Space left where the outbox lies, MiB."""
    try:
        return shutil.disk_usage(folder).free / _MIB
    except OSError:
        return None


def memory_mb() -> float | None:
    """Resident memory of this process, MiB."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


def clock_synchronised() -> bool | None:
    """Whether systemd-timesyncd has set the clock; None where another service keeps it.

    The kernel's own flag (adjtimex) is closed to a service with ProtectClock=yes, so the file is asked.
    """
    if not _TIMESYNCD.is_dir():
        return None
    return (_TIMESYNCD / "synchronized").exists()


def _zone_c(file: Path) -> float | None:
    try:
        return int(file.read_text()) / 1000
    except (OSError, ValueError):
        return None
