"""What a command found: printed as a table, and written as one JSON file from which docs/proof.md is made."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table

from proof.mosquitto import program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path("docs") / "proof"
FAULTS, KEPT, LOST = "faults", "alarms kept in an outbox", "lost"
HEALTHY = "condition to station, median / p99 / longest, healthy"
"""Names of the figures that the page puts side by side."""
Figure: TypeAlias = str | int | float | bool | None
"""None: not measured."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of durations, in seconds."""

    median: float
    p99: float
    longest: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread | None:
        """None without any."""
        if not seconds:
            return None
        median, p99 = np.percentile(seconds, (50, 99))
        return cls(float(median), float(p99), max(seconds), len(seconds))

    def __str__(self) -> str:
        return f"{self.median:.3f} / {self.p99:.3f} / {self.longest:.3f} s"


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one command."""

    name: str
    """Of the file, e.g. `faults-daemon`."""
    title: str
    """For people, e.g. `kill -9 the bed at random moments`."""
    command: str
    """That gives these figures again."""
    passed: bool
    figures: Mapping[str, Figure]
    """In the order in which they are shown."""
    date: str = field(default_factory=lambda: datetime.now(timezone.utc).strftime("%Y-%m-%d"))
    machine: str = field(default_factory=lambda: machine())
    versions: Mapping[str, str] = field(default_factory=lambda: versions())


def publish(result: Result, folder: Path | None) -> int:
    """Print it, and write it to `{folder}/{name}.json`; without a folder only print it.

    Returns:
        The exit status of the command: 1 when it did not pass.
    """
    table = Table("figure", "value", title=result.title)
    for name, value in result.figures.items():
        table.add_row(name, text(value))
    table.add_row("passed", text(result.passed))
    console = Console(width=120, highlight=False)
    console.print(table)
    console.print(f"machine: {result.machine}; " + ", ".join(f"{name} {one}" for name, one in result.versions.items()))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(asdict(result), indent=2, ensure_ascii=False)
        (folder / f"{result.name}.json").write_text(content + "\n", encoding="utf-8")
    return 0 if result.passed else 1


def text(value: Figure) -> str:
    """A figure as it is shown."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not measured"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}" if isinstance(value, float) else value


def machine() -> str:
    """Processor, cores and memory, as the kernel names them."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB"


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    said = subprocess.run([program("mosquitto"), "-h"], capture_output=True, text=True, check=False).stdout
    return {
        "npng-edge": version("npng-edge"),
        "Python": platform.python_version(),
        "Mosquitto": said.split()[2] if said else "unknown",
        "SQLite": sqlite3.sqlite_version,
        "paho-mqtt": version("paho-mqtt"),
        "Linux": platform.release().split("-")[0],
    }
