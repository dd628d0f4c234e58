"""Small SVG drawings for the report: curves over time, bands, thresholds, a strip of colours.

Everything is drawn on one time axis of `WIDTH` units, so that charts under each other line up. Colours come from the
page's style sheet through class names; nothing here knows light from dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 1000.0
LEFT = 44.0
"""Room for the scale at the left of every chart."""
RIGHT = 12.0
MAX_POINTS = 1200
"""A curve with more points than this keeps only the lowest and highest of each stretch, so that no peak is lost."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The common time axis, seconds."""

    start: float
    end: float
    width: float = WIDTH

    def x(self, time: float) -> float:
        """Where on the drawing a moment lies."""
        span = max(self.end - self.start, 1e-6)
        return LEFT + (time - self.start) / span * (self.width - LEFT - RIGHT)


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time that is shaded; `style` is a class name of the style sheet."""

    start: float
    end: float
    style: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve: value per moment, None where it is unknown."""

    times: Sequence[float]
    values: Sequence[float | None]
    style: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A numbered moment on a curve, or on a strip, where the value says nothing."""

    time: float
    value: float
    label: str


def thin(times: Sequence[float], values: Sequence[float | None]) -> list[tuple[float, float | None]]:
    """The points of a curve, at most about `MAX_POINTS`, with every peak, trough and gap kept."""
    points = list(zip(times, values, strict=True))
    if len(points) <= MAX_POINTS:
        return points
    step = -(-2 * len(points) // MAX_POINTS)
    kept: list[tuple[float, float | None]] = []
    for first in range(0, len(points), step):
        stretch = points[first : first + step]
        known = [(value, time) for time, value in stretch if value is not None]
        if known:
            lowest, highest = min(known), max(known)
            kept.extend(sorted({(lowest[1], lowest[0]), (highest[1], highest[0])}))
        if len(known) < len(stretch):
            kept.append((stretch[-1][0], None))
    return kept


def chart(  # noqa: PLR0913 - the parts of a drawing, all named at the call
    axis: Axis,
    curves: Iterable[Curve],
    *,
    height: float,
    top: float,
    title: str,
    bands: Iterable[Band] = (),
    threshold: float | None = None,
    marks: Iterable[Mark] = (),
    ticks: Sequence[float] = (),
    seconds: bool = False,
) -> str:
    """Draw curves over time.

    Args:
        axis: The time axis.
        curves: What is drawn, in this order.
        height: Of the drawing, in its own units.
        top: The value at the upper edge; the lower edge is 0.
        title: Said by screen readers.
        bands: Shaded behind the curves.
        threshold: A dashed line at this value.
        marks: Numbered moments.
        ticks: Values with a grid line and a figure.
        seconds: Whether the time scale is written under the chart.

    Returns:
        An `<svg>` element.
    """
    foot = 24.0 if seconds else 6.0
    low, high = height - foot, 18.0 if marks else 8.0

    def y(value: float) -> float:
        return low - min(max(value, 0.0), top) / top * (low - high)

    parts = [_band(axis, band, high, low) for band in bands]
    for tick in ticks:
        parts.append(f'<path class="grid" d="M{LEFT:.0f} {y(tick):.1f}H{axis.width - RIGHT:.0f}"/>')
        parts.append(f'<text class="scale" x="{LEFT - 8:.0f}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    if seconds:
        parts.extend(_seconds(axis, low, height))
    if threshold is not None:
        parts.append(f'<path class="threshold" d="M{LEFT:.0f} {y(threshold):.1f}H{axis.width - RIGHT:.0f}"/>')
    for curve in curves:
        pieces = groupby(thin(curve.times, curve.values), key=lambda point: point[1] is None)
        known = (list(piece) for gap, piece in pieces if not gap)
        path = "".join(_stretch([(axis.x(time), y(value or 0.0)) for time, value in piece]) for piece in known)
        parts.append(f'<path class="curve {curve.style}" d="{path}"/>')
    parts += [_mark(axis.x(mark.time), y(mark.value), mark.label) for mark in marks]
    parts.append(f'<path class="cross" d="M0 {high:.0f}V{low:.0f}" visibility="hidden"/>')
    return _svg(axis, height, title, parts)


def strip(axis: Axis, bands: Iterable[Band], *, title: str, marks: Iterable[Mark] = (), height: float = 26.0) -> str:
    """Draw a strip of coloured stretches, each with its label where there is room for it."""
    parts = [_band(axis, band, 2.0, height - 4.0) for band in bands]
    parts += [_mark(axis.x(mark.time), height / 2 - 1.0, mark.label) for mark in marks]
    parts.append(f'<path class="cross" d="M0 2V{height - 4:.0f}" visibility="hidden"/>')
    return _svg(axis, height, title, parts)


def _svg(axis: Axis, height: float, title: str, parts: list[str]) -> str:
    return (
        f'<svg class="time" viewBox="0 0 {axis.width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def _mark(x: float, y: float, label: str) -> str:
    return (
        f'<g class="mark"><circle cx="{x:.1f}" cy="{y:.1f}" r="9"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{escape(label)}</text></g>'
    )


def _stretch(points: list[tuple[float, float]]) -> str:
    first, *rest = points
    # A single point becomes a line of no length, which round caps turn into a dot.
    return f"M{first[0]:.1f} {first[1]:.1f}" + "".join(f"L{x:.1f} {y:.1f}" for x, y in rest or [first])


def _band(axis: Axis, band: Band, high: float, low: float) -> str:
    left, right = axis.x(band.start), axis.x(band.end)
    width = max(right - left, 1.0)
    rect = f'<rect class="{band.style}" x="{left:.1f}" y="{high:.0f}" width="{width:.1f}" height="{low - high:.0f}"/>'
    if not band.label or width < 7.5 * len(band.label):
        return f"<g><title>{escape(band.label)}</title>{rect}</g>" if band.label else rect
    middle = (left + right) / 2
    return (
        f'{rect}<text class="on {band.style}" x="{middle:.1f}" y="{(high + low) / 2 + 4:.1f}" '
        f'text-anchor="middle">{escape(band.label)}</text>'
    )


def _seconds(axis: Axis, low: float, height: float) -> list[str]:
    """The time scale: round moments, as many as their figures have room."""
    span = max(axis.end - axis.start, 1e-6)
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)
    step = next((size for size in steps if span / size <= axis.width / 70), steps[-1])
    parts = [f'<path class="axis" d="M{LEFT:.0f} {low:.1f}H{axis.width - RIGHT:.0f}"/>']
    moment = -(-axis.start // step) * step + 0.0  # never -0
    while moment <= axis.end + 1e-9:
        at = axis.x(moment)
        parts.append(f'<path class="axis" d="M{at:.1f} {low:.1f}v4"/>')
        parts.append(
            f'<text class="scale" x="{at:.1f}" y="{height - 6:.1f}" text-anchor="middle">{clock(moment)}</text>'
        )
        moment += step
    return parts


def clock(seconds: float) -> str:
    """A moment of a clip for people: `4.2 s`, `2:05`, `1:02:05`."""
    if seconds < 60:
        return f"{seconds:.10g} s" if round(seconds, 1) == round(seconds, 6) else f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
