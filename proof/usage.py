"""What a process takes: memory, descriptors, threads, processor time."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process, or the sum of several."""

    memory_mb: float
    """Resident, MiB."""
    descriptors: int
    threads: int
    processor_s: float
    """User and system time since its start, seconds."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.memory_mb + other.memory_mb,
            self.descriptors + other.descriptors,
            self.threads + other.threads,
            self.processor_s + other.processor_s,
        )


def usage(pid: int) -> Usage:
    """What a process takes now.

    Raises:
        psutil.NoSuchProcess: It is gone.
    """
    process = psutil.Process(pid)
    with process.oneshot():
        times = process.cpu_times()
        return Usage(
            memory_mb=process.memory_info().rss / MIB,
            descriptors=process.num_fds(),
            threads=process.num_threads(),
            processor_s=times.user + times.system,
        )
