"""Figures as words in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.judge.intervals import Estimate


def figure(value: float | None, digits: int = 2) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share per cent, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}%}"


def estimated(found: Estimate, digits: int = 2) -> str:
    """A figure and its 95 % interval."""
    value, low, high = (figure(found[name], digits) for name in ("value", "low", "high"))  # type: ignore[literal-required]
    return value if found["low"] is None else f"{value} ({low}-{high})"


def share(found: Estimate) -> str:
    """A share and its 95 % interval, per cent."""
    if found["value"] is None or found["low"] is None or found["high"] is None:
        return "-"
    return f"{found['value']:.0%} ({found['low']:.0%}-{found['high']:.0%})"
