"""The plots of the look-alike study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

from simulation.look_alikes import HOUR, ON_DELAYS, PAINS, SOON_S, THRESHOLDS

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from npng_edge.settings import Pain
    from simulation.look_alikes import Trial

RED, DARK, GREEN = "#c1121f", "#264653", "#8ab17d"
LEAST = 0.03
"""Left edge of the plot, for what never happened."""
STRIPS = ("sleep", "down", "chew", "talk", "smile", "laugh", "yawn", "squint", "away")
BIN_S = 60.0


def trade_off(
    unwanted: Mapping[tuple[float, float], float],
    overlooked: Sequence[Mapping[tuple[float, float], float]],
    settings: Pain,
    path: Path,
) -> None:
    """Draw missed pains over false alarms: a line per threshold along the on-delay, the default marked."""
    figure, axes = plt.subplots(1, len(PAINS), figsize=(10, 4.2), sharey=True, constrained_layout=True)
    colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.92, len(THRESHOLDS)))
    for axis, shares, (strength, length) in zip(axes, overlooked, PAINS, strict=True):
        for threshold, colour in zip(THRESHOLDS, colours, strict=True):
            x = [max(unwanted[threshold, on_delay], LEAST) for on_delay in ON_DELAYS]
            y = [100.0 * shares[threshold, on_delay] for on_delay in ON_DELAYS]
            axis.plot(x, y, "o-", color=colour, ms=3.5, lw=1.2, label=f"PSPI {threshold:g}")
        here = (settings.threshold_vas, settings.on_delay_s)
        at = (max(unwanted[here], LEAST), 100.0 * shares[here])
        axis.plot(*at, "s", ms=11, mfc="none", mec=RED, mew=2)
        told = f"default: {unwanted[here]:.2f} false,\n{shares[here]:.1%} missed"
        axis.annotate(told, at, xytext=(-30, 26), textcoords="offset points", color=RED, fontsize=9)
        axis.set(xscale="log", xlabel=f"false pain alarms per 24 bed-hours ({LEAST:g}: that or fewer)")
        axis.axvline(1.0, color="0.6", lw=0.8, ls="--")
        axis.set_title(f"pain of PSPI {strength:g} above baseline for {length:g} s", fontsize=10)
        axis.grid(alpha=0.25)
    axes[0].set_ylabel(f"not alarmed within {SOON_S:g} s, % of pains")
    title = f"threshold; along each line\non-delay {ON_DELAYS[0]:g} s (right) to {ON_DELAYS[-1]:g} s (left)"
    axes[0].legend(title=title, fontsize=8, title_fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def day(trial: Trial, settings: Pain, path: Path) -> None:
    """Draw one person's day without pain: the highest score of each minute, what is left of it, and what happened."""
    edges = np.arange(0.0, trial.judged.times[-1] + BIN_S, BIN_S)
    score, rest = np.full(len(edges), np.nan), np.full(len(edges), np.nan)
    minutes = (trial.judged.times // BIN_S).astype(int)
    np.fmax.at(score, minutes, trial.judged.scores)
    np.fmax.at(rest, minutes, trial.judged.scores - trial.judged.explained)
    hours = edges / HOUR
    figure, (top, strips) = plt.subplots(
        2, 1, figsize=(10, 4.6), sharex=True, height_ratios=(3, 1.6), constrained_layout=True
    )
    top.fill_between(hours, rest, score, step="post", color=GREEN, lw=0, label="put down to a look-alike")
    top.step(hours, rest, where="post", color=DARK, lw=0.7, label="what counts")
    top.axhline(settings.threshold_vas, color=RED, lw=1, ls="--", label="threshold")
    for number, at in enumerate(trial.raised):
        top.axvline(at / HOUR, color=RED, lw=1.5, label="false alarm" if number == 0 else None)
    top.set(ylabel="PSPI above baseline,\nhighest of each minute", ylim=(0, 11))
    top.set_title(
        f"a day without pain, of all simulated ones that with most false alarms: {len(trial.raised)}", fontsize=10
    )
    top.legend(fontsize=8, ncol=4, loc="upper left")
    top.grid(alpha=0.25)
    for row, kind in enumerate(STRIPS):
        spans = [(act.start / HOUR, max(act.seconds / HOUR, 0.02)) for act in trial.acts if act.kind == kind]
        strips.broken_barh(spans, (row + 0.15, 0.7), color=DARK)
    strips.set(yticks=np.arange(len(STRIPS)) + 0.5, xlabel="hour of the day", xlim=(0, 24))
    strips.set_yticklabels(STRIPS, fontsize=7)
    strips.invert_yaxis()
    figure.savefig(path, dpi=110)
    plt.close(figure)
