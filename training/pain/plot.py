"""The real clip as a picture: PSPI and both probabilities over its seconds, with what a person sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from npng_edge.capture.frames import frames
from npng_edge.infer.pipeline import Pipeline
from npng_edge.policy.face.pspi import pspi
from npng_edge.settings import Camera, Seeing
from training.pain.judged import LIMIT
from training.pain.real import PARTS, watched

if TYPE_CHECKING:
    from pathlib import Path

RED, DARK, GREEN, BLUE = "#c1121f", "#264653", "#8ab17d", "#2a6f97"


def draw(clip: Path, models: Path, output: Path) -> None:
    """Read the clip as the device would and draw what it says.

    Args:
        clip: The video.
        models: Folder with the manifest.
        output: PNG to write.
    """
    import matplotlib as mpl  # noqa: PLC0415 - the extra `simulate`; nothing else of training needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    cv2.setNumThreads(1)
    readings = watched(Pipeline(Seeing(models=models)), frames(Camera(), f"file:{clip}"))
    times = [one.time for one in readings]

    def course(values: list[float | None]) -> list[float]:
        return [np.nan if value is None else value for value in values]

    figure, (upper, lower) = plt.subplots(2, 1, figsize=(10, 5), sharex=True, constrained_layout=True)
    upper.plot(
        times, course([pspi(one.action_units) if one.action_units else None for one in readings]), color=DARK, lw=1.2
    )
    upper.set(ylabel="PSPI", ylim=(0, None))
    lower.plot(times, course([one.pain_probability for one in readings]), color=BLUE, lw=1.0, label="one picture")
    lower.plot(times, course([one.pain_temporal for one in readings]), color=RED, lw=1.8, label="last seconds")
    lower.axhline(LIMIT, color="0.6", lw=0.8, ls="--")
    lower.set(ylabel="probability of pain", xlabel="seconds", ylim=(0, 1), xlim=(0, times[-1]))
    lower.legend(loc="upper right", fontsize=8)
    for part, start, end, wanted in PARTS:
        for axes in (upper, lower):
            axes.axvspan(start, end, color=RED if wanted else GREEN, alpha=0.15, lw=0)
        upper.text((start + end) / 2, upper.get_ylim()[1] * 0.93, part, ha="center", va="top", fontsize=9)
    figure.savefig(output, dpi=110, metadata={"Software": None})
    plt.close(figure)
