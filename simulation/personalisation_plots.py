"""The plots of `simulation.personalisation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

from npng_edge.policy.rating.sensitivity import estimate
from simulation.personalisation import ALL, COUNTS, KNOWN, ONE, SETTINGS, UTC
from simulation.rated_patients import KINDS

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from simulation.personalisation import Case, Row

COLOURS = dict(zip((*KINDS, ALL), ("#2166ac", "#4d9221", "#d6604d", "black"), strict=True))


def draw(
    folder: Path, cases: Sequence[Case], rows: Mapping[tuple[str, int], Row], lines: Mapping[str, Sequence[Row]]
) -> None:
    """Write the three plots."""
    _ratings(folder / "sensitivity-ratings.png", rows)
    _trade_off(folder / "sensitivity-trade-off.png", lines)
    _slopes(folder / "sensitivity-slopes.png", cases)


def _ratings(path: Path, rows: Mapping[tuple[str, int], Row]) -> None:
    """What changes with the number of ratings."""
    figure, panels = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
    places = range(len(COUNTS))
    for kind, colour in COLOURS.items():
        mine = [rows[kind, number] for number in COUNTS]
        style = {"color": colour, "marker": "o", "markersize": 3, "linewidth": 2 if kind == ALL else 1.2}
        panels[0].plot(places, [100 * row.missed_share() for row in mine], label=kind, **style)
        panels[1].plot(places, [row.false_rate() for row in mine], **style)
        panels[2].plot(places, [row.error / row.given for row in mine], **style)
    for axes, title in zip(
        panels, ("episodes missed, %", "false alarms per bed-hour", "error of the VAS estimate"), strict=True
    ):
        axes.set(title=title, xlabel="ratings (0: one for all)", ylim=(0, None))
        axes.title.set_size(10)
        axes.set_xticks(places, COUNTS)
        axes.grid(alpha=0.3)
    panels[0].legend(frameon=False, fontsize=8)
    _save(figure, path)


def _trade_off(path: Path, lines: Mapping[str, Sequence[Row]]) -> None:
    """Missed against false, with all thresholds raised or lowered alike."""
    figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
    shades = iter(("#92c5de", "#4393c3", "#2166ac"))
    for name, line in lines.items():
        style = {ONE: ("black", "-"), KNOWN: ("#4d9221", "--")}.get(name) or (next(shades), "-")
        found = [(row.false_rate(), 100 * row.missed_share()) for row in line]
        axes.plot(*zip(*found, strict=True), color=style[0], linestyle=style[1], marker="o", markersize=3, label=name)
    axes.set(xlabel="false alarms per bed-hour", ylabel="episodes missed, %", xlim=(0, 1.5), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    _save(figure, path)


def _slopes(path: Path, cases: Sequence[Case]) -> None:
    """Estimated against true slopes of some patients, with their intervals."""
    figure, panels = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True, layout="constrained")
    for axes, number in zip(panels, (3, 8, 20), strict=True):
        for case in cases[:90]:
            found = estimate(case.learnt[:number], SETTINGS.sensitivity, UTC)
            axes.plot(2 * [case.patient.slope], [found.low, found.high], color=COLOURS[case.patient.kind], alpha=0.3)
            axes.plot(case.patient.slope, found.slope, ".", color=COLOURS[case.patient.kind], markersize=5)
        axes.axline((0, 0), slope=1, color="grey", linewidth=0.8)
        for cut in (SETTINGS.sensitivity.insensitive, SETTINGS.sensitivity.sensitive):
            axes.axhline(cut, color="grey", linewidth=0.6, linestyle=":")
        axes.set(title=f"{number} ratings", xlabel="true slope, PSPI per VAS step", xlim=(0, 2.4), ylim=(0, 2.6))
        axes.title.set_size(10)
    panels[0].set_ylabel("estimate, 80 % interval")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110)
    plt.close(figure)
