"""A day of one face, and what the baseline makes of it: what is followed, and what cannot drift it.

Each case is 24 hours of readings, once a second, through the device's own baseline. The faces are made up.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from npng_edge.policy.face.baseline import UNREST, BaselineState, begin_capture, on_units
from npng_edge.policy.face.pspi import pspi
from npng_edge.settings import Policy
from npng_edge.units import ACTION_UNITS, ActionUnits, EyeClosure, Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from npng_edge.policy.stays.profile import Baseline

HOUR = 3600.0
REST = {"AU4": 0.6, "AU7": 0.4, "AU10": 0.3}
NOISE = 0.15
"""Standard deviation of each unit from reading to reading."""


class Look(NamedTuple):
    """One moment of a made-up face."""

    units: dict[str, float]
    closed: float = 0.0
    known: bool = False
    """Whether the device knows that this is no rest: pain, talk, a smile, a yawn."""


def _swelling(hour: float) -> Look:
    """The lids swell by half a level in 16 hours; the patient talks ten minutes an hour and sleeps at night."""
    rest = REST | {"AU7": 0.4 + 0.5 * min(1.0, hour / 16)}
    asleep = 14 <= hour < 21
    return Look(rest, closed=float(asleep), known=hour % 1 > 5 / 6)


def _tube(hour: float) -> Look:
    """A tube lifts the lip by 0.8 from the fourth hour on."""
    return Look(REST | ({"AU10": 1.1} if hour >= 4 else {}))


def _known_pain(hour: float) -> Look:
    """Eight hours of pain that is alarmed."""
    return Look(REST | ({"AU4": 3.0, "AU7": 2.0, "AU10": 1.5} if 4 <= hour < 12 else {}), known=4 <= hour < 12)


def _hidden_pain(hour: float) -> Look:
    """Eight hours of mild pain below every threshold, 0.9 PSPI above rest, that nobody knows of."""
    return Look(REST | ({"AU4": 1.0, "AU7": 0.7, "AU10": 0.5} if 4 <= hour < 12 else {}))


def _stronger_pain(hour: float) -> Look:
    """Eight hours of pain of 2 PSPI above rest that no threshold reports."""
    return Look(REST | ({"AU4": 1.6, "AU7": 1.0, "AU10": 0.7} if 4 <= hour < 12 else {}))


CASES: dict[str, Callable[[float], Look]] = {
    "swelling, talk, sleep": _swelling,
    "a new tube": _tube,
    "8 h of pain, alarmed": _known_pain,
    "8 h at 0.9 PSPI, unnoticed": _hidden_pain,
    "8 h at 2 PSPI, unnoticed": _stronger_pain,
}


def day(look: Callable[[float], Look], rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """PSPI of the face as it is and of the baseline, every ten minutes of a day."""
    settings = Policy().baseline
    state, baseline = begin_capture(BaselineState(), 0.0), None
    face, kept = [], []
    noise = rng.normal(0.0, NOISE, (86_400, len(UNREST)))
    for second in range(86_400):
        seen = look(second / HOUR)
        values = dict.fromkeys(ACTION_UNITS, 0.0) | {
            name: float(min(5.0, max(0.0, seen.units.get(name, 0.0) + wobble)))
            for name, wobble in zip(UNREST, noise[second].tolist(), strict=True)
        }
        units = ActionUnits(MappingProxyType(values), EyeClosure(seen.closed, seen.closed))
        moment = Moment(float(second), float(second), synchronised=True)
        state, new, _ = on_units(state, baseline, units, moment, settings, quiet=not seen.known, asymmetry=None)
        baseline = new or baseline
        if second % 600 == 599:
            face.append(_rest_pspi(seen.units))
            kept.append(float("nan") if baseline is None else _baseline_pspi(baseline))
    return face, kept


def main(argv: Sequence[str]) -> None:
    """Print how far each case moved the baseline, and draw it where a folder is given."""
    parser = argparse.ArgumentParser(prog="python -m simulation baseline", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plots", type=Path, help="folder for baseline-day.png")
    arguments = parser.parse_args(argv)
    rng = np.random.default_rng(arguments.seed)
    days = {name: day(look, rng) for name, look in CASES.items()}
    print("| case | PSPI of the face, most | baseline at first | at 12 h | at 24 h |\n|---|---|---|---|---|")
    for name, (face, kept) in days.items():
        print(f"| {name} | {max(face):.2f} | {kept[0]:.2f} | {kept[71]:.2f} | {kept[-1]:.2f} |")
    if arguments.plots:
        _draw(days, arguments.plots / "baseline-day.png")


def _draw(days: dict[str, tuple[list[float], list[float]]], file: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - the extra `simulate`

    figure = Figure(figsize=(10, 2.5), layout="constrained")
    axes = figure.subplots(1, len(days), sharey=True)
    hours = np.arange(1, 145) / 6
    for axis, (name, (face, kept)) in zip(axes, days.items(), strict=True):
        axis.plot(hours, face, color="#d55e00", linewidth=1, label="face, without noise")
        axis.plot(hours, kept, color="#0060a8", linewidth=2, label="baseline")
        axis.set_title(name, fontsize=9)
        axis.set_xticks((0, 8, 16, 24))
        axis.set_xlabel("hours")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("PSPI, eyes open")
    axes[0].set_ylim(0.0, 7.0)
    axes[0].legend(fontsize=8, loc="upper left")
    figure.savefig(file, dpi=110)


def _rest_pspi(units: dict[str, float]) -> float:
    return pspi(ActionUnits(dict.fromkeys(ACTION_UNITS, 0.0) | units, EyeClosure(0.0, 0.0)))


def _baseline_pspi(baseline: Baseline) -> float:
    return _rest_pspi(dict(baseline.offsets))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
