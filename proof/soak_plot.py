"""The plot of a soak: memory, descriptors and threads, files, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from proof.flat import Sample

PANELS = {
    "memory, MB": ("bed_memory_mb", "station_memory_mb", "broker_memory_mb"),
    "count": ("bed_descriptors", "bed_threads", "station_descriptors", "broker_descriptors", "outbox_depth"),
    "files, MB": ("database_mb", "wal_mb", "journal_mb"),
    "frames per second": ("frames_per_s",),
}


def draw(path: Path, samples: Sequence[Sample]) -> None:
    """Draw all samples; what lies before the line is warm-up and not judged."""
    minutes = [sample.at_s / 60 for sample in samples]
    figure, axes = plt.subplots(len(PANELS), figsize=(7, 8), sharex=True, layout="constrained")
    for axis, (label, names) in zip(axes, PANELS.items(), strict=True):
        for name in names:
            axis.plot(minutes, [sample.figures[name] for sample in samples], label=name, linewidth=1)
        axis.axvline(minutes[-1] / 2, color="k", linestyle=":", linewidth=0.8)
        axis.set(ylabel=label, ylim=(0, None))
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=7, loc="center right")
    axes[-1].set(xlabel="minutes")
    figure.savefig(path, dpi=110)
    plt.close(figure)
