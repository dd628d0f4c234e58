"""The two plots of `simulation.fusion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

from simulation.fusion import MINUTES, RESPONSES, Sample, pain_first

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = {"pain": "#d6604d", "look-alike": "#4393c3"}


def draw_order(path: Path, pooled: dict[float, list[Sample]]) -> None:
    """How often pain ranks above a look-alike, by minutes since the onset."""
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    axes.plot(MINUTES, [pain_first(pooled[1.0], minute, "face") for minute in MINUTES], "k--", label="face alone")
    for response, colour in zip(RESPONSES, ("#aaaaaa", "#74add1", "#2166ac"), strict=True):
        for severe, style, name in ((False, "o-", "both faces show pain"), (None, "o:", "any two faces")):
            found = [pain_first(pooled[response], minute, "fused", severe=severe) for minute in MINUTES]
            label = f"with vital signs, response x {response:g}, {name}"
            axes.plot(MINUTES, found, style, color=colour, markersize=3, label=label)
    axes.set(xlabel="minutes since onset", ylabel="pain ranks above look-alike, %", ylim=(45, 100))
    axes.grid(alpha=0.3)
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=2)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_bed(path: Path, beds: list[list[Sample]]) -> None:
    """Four hours of the first bed with both kinds of episodes and without deterioration."""
    bed = next(
        bed
        for bed in beds
        if {"pain", "look-alike"} <= {s.kind for s in bed if s.at < 4 * 3600} and not any(s.worse for s in bed)
    )
    bed = [sample for sample in bed if sample.at < 5.5 * 3600]
    hours = [sample.at / 3600 for sample in bed]
    figure, (face, heart, rank) = plt.subplots(3, 1, figsize=(7, 5.2), sharex=True, layout="constrained")
    face.plot(hours, [sample.pspi for sample in bed], "k.", markersize=2)
    face.set_ylabel("PSPI above baseline")
    heart.plot(hours, [sample.heart_rate for sample in bed], "k.", markersize=2)
    heart.set_ylabel("heart rate")
    rank.plot(
        hours, [sample.face for sample in bed], ".", color="#999999", markersize=3, label="priority by the face alone"
    )
    rank.plot(hours, [sample.fused for sample in bed], "k.", markersize=2, label="... with vital signs")
    rank.set(xlabel="hours", ylabel="priority of the bed")
    for axes in (face, heart, rank):
        for kind, colour in COLOURS.items():
            axes.fill_between(
                hours,
                0,
                1,
                where=[sample.kind == kind for sample in bed],
                color=colour,
                alpha=0.25,
                linewidth=0,
                transform=axes.get_xaxis_transform(),
                label=kind if axes is face else None,
            )
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=4, markerscale=3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
