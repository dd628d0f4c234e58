"""The tables of `simulation.personalisation`, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from simulation.personalisation import Row

EQUAL = (0.1, 0.2, 0.4, 0.6)
"""False alarms per bed-hour at which missed episodes are compared."""


def write(rows: Mapping[tuple[str, int], Row], lines: Mapping[str, Sequence[Row]]) -> str:
    """The results as Markdown."""
    alarmed = _table(
        ("class", "ratings", "missed %", "false alarms per bed-hour", "VAS error, mean", "no VAS estimate %"),
        (
            (
                kind,
                number,
                f"{100 * row.missed_share():.1f}",
                f"{row.false_rate():.2f}",
                f"{row.error / row.given:.2f}",
                f"{100 * (1 - row.given / row.asked):.0f}",
            )
            for (kind, number), row in rows.items()
        ),
    )
    equal = _table(
        ("threshold", *(f"{rate:g} false per bed-hour" for rate in EQUAL)),
        ((name, *(f"{100 * missed_at(line, rate):.1f}" for rate in EQUAL)) for name, line in lines.items()),
    )
    learnt = _table(
        (
            "class",
            "ratings",
            "slope, mean error",
            "width of its interval",
            "it holds the slope %",
            "VAS interval holds the rating %",
            "class given %",
            "... and right %",
            "not expressive %",
        ),
        (
            (
                kind,
                number,
                f"{row.slope / row.patients:+.2f}",
                f"{row.width / row.patients:.2f}",
                f"{100 * row.slope_held / row.patients:.0f}",
                f"{100 * row.held / row.given:.0f}" if number else "-",
                f"{100 * row.classified / row.patients:.0f}",
                f"{100 * row.right / row.classified:.0f}" if row.classified else "-",
                f"{100 * row.unexpressive / row.patients:.0f}",
            )
            for (kind, number), row in rows.items()
        ),
    )
    return f"""\
### Alarms and VAS estimate, at the defaults

{alarmed}

### Episodes missed, %, at equal false alarms: all thresholds raised or lowered alike

{equal}

### The estimate itself

{learnt}"""


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows))


def missed_at(line: Sequence[Row], false_rate: float) -> float:
    """Share of episodes missed where a line has so many false alarms per bed-hour."""
    pairs = sorted((row.false_rate(), row.missed_share()) for row in line)
    rates, shares = zip(*pairs, strict=True)
    return float(np.interp(false_rate, rates, shares))
